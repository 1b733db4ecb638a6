"""The rules of the house: who imports whom, what an import costs, what is public, and how it is documented."""

import ast
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import npconvt

PACKAGE = Path(npconvt.__file__).parent

# From the roof to the cellar; a module imports only what stands on a lower floor. A case runs the functions, so it
# stands above them.
FLOORS = (
    {"__init__", "cli", "__main__", "_demo", "_draw"},
    {"plot", "testing"},
    {"_crosscheck"},
    {"frameworks", "_case"},
    {"functional", "grad", "linop", "_fold", "_spectrum"},
    {"_methods"},
    {"_matrix"},
    {"_geometry", "_patterns"},
    {"_arguments"},
    {"_axis", "_memory"},
    {"_segments"},
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def run_python(code: str) -> str:
    """Run code in an interpreter that has imported nothing of ours."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported(tree: ast.AST, package: str) -> set[str]:
    """The modules of npconvt that a file imports anywhere, by their first name under npconvt."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            # `from npconvt import x` imports the module x, or a name that __init__ has
            names |= {f"{module}.{alias.name}" for alias in node.names} if module == "npconvt" else {module}
    inside = {name.split(".")[1:2] and name.split(".")[1] for name in names if name.split(".")[0] == "npconvt"}
    return {name if name in FLOOR else "__init__" for name in inside}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_downward(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    assert parts[0] in FLOOR, f"{parts[0]} has no floor: give it one in FLOORS"
    package = ".".join(["npconvt", *parts[:-1]])
    others = imported(ast.parse(path.read_text(encoding="utf-8")), package) - {parts[0]}
    upward = {name for name in others if FLOOR[name] <= FLOOR[parts[0]]}
    if parts[0] in FLOORS[0]:
        upward = set()  # the door may import everything, and each part of it the others
    assert not upward, f"{'.'.join(parts)} imports {sorted(upward)}, which stand no lower"


def test_an_import_loads_nothing_that_is_not_needed():
    """No extras, no other framework, and none of scipy's packages that only some calls need."""
    listing = "print('\\n'.join(sys.modules))"
    before = set(run_python(f"import sys, numpy, scipy.sparse; {listing}").split())
    loaded = set(run_python(f"import sys, npconvt; {listing}").split()) - before
    unwanted = ("torch", "matplotlib", "PIL", "onnx", "jax", "tensorflow", "keras", "pytest", "hypothesis")
    heavy = ("scipy.sparse.linalg", "scipy.fft", "scipy.linalg", "scipy.signal", "scipy.ndimage", "scipy.special")
    assert not [name for name in loaded if name.startswith((*unwanted, *heavy))]
    elsewhere = {name.split(".")[0] for name in loaded} - {"npconvt", "numpy", "scipy"}
    assert not elsewhere - set(sys.stdlib_module_names)


def test_what_loads_on_first_use_is_listed_and_is_there():
    assert sorted(npconvt.__all__) == sorted(set(npconvt.__all__))
    assert set(npconvt.__all__) <= set(dir(npconvt))
    for name in npconvt.__all__:
        assert getattr(npconvt, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        npconvt.no_such_name  # noqa: B018


def test_nothing_public_is_left_out_of_all():
    """A public function or class that a user finds as `npconvt.x` is in `__all__`."""
    found = {
        name
        for name, value in vars(npconvt).items()
        if not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value))
    }
    assert found <= set(npconvt.__all__)


def public_callables():
    for name in sorted(npconvt.__all__):
        value = getattr(npconvt, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            yield pytest.param(value, id=name)
        if inspect.ismodule(value):
            for inner in sorted(getattr(value, "__all__", ())):
                member = getattr(value, inner)
                if inspect.isfunction(member) or inspect.isclass(member):
                    yield pytest.param(member, id=f"{name}.{inner}")


@pytest.mark.parametrize("value", list(public_callables()))
def test_public_names_have_a_docstring_with_an_example(value):
    doc = inspect.getdoc(value)
    assert doc
    assert len(doc.splitlines()[0]) <= 120
    assert doc.splitlines()[0].endswith(".")
    assert doctest.DocTestParser().get_examples(doc), "no example"
    if inspect.isfunction(value):
        undocumented = [p for p in inspect.signature(value).parameters if not re.search(rf"\b{p}\b", doc)]
        assert not undocumented


TORCH_NAMES = [f"conv{direction}{n}d" for direction in ("", "_transpose") for n in (1, 2, 3)]


def parameters(function) -> list[tuple[str, object]]:
    """Positional parameters and defaults."""
    return [
        (p.name, p.default) for p in inspect.signature(function).parameters.values() if p.kind is not p.KEYWORD_ONLY
    ]


@pytest.mark.parametrize("name", TORCH_NAMES)
def test_signatures_are_torchs(torch, name):
    """torch's are builtins, whose signature stands in the first line of their docstring."""
    line = getattr(torch.nn.functional, name).__doc__.strip().splitlines()[0]
    function = ast.parse(f"def {line.replace(' -> Tensor', '')}: ...").body[0]
    names = [a.arg for a in function.args.args]
    defaults = [ast.literal_eval(d) for d in function.args.defaults]
    expected = [*((n, inspect.Parameter.empty) for n in names[: len(names) - len(defaults)])]
    expected += zip(names[len(names) - len(defaults) :], defaults, strict=True)
    assert parameters(getattr(npconvt, name)) == expected


def test_signatures_of_fold_and_unfold_are_torchs(torch):
    for name in {"unfold", "fold"} & set(npconvt.__all__):
        assert parameters(getattr(npconvt, name)) == parameters(getattr(torch.nn.functional, name))


def test_the_door_and_its_keywords():
    """What torch does not have is keyword-only, and the same in every call of a direction."""
    for n in ("1d", "2d", "3d", ""):
        conv, transposed = getattr(npconvt, f"conv{n}"), getattr(npconvt, f"conv_transpose{n}")
        assert parameters(conv) == parameters(npconvt.conv2d)
        assert parameters(transposed) == parameters(npconvt.conv_transpose2d)
        only = [
            {p.name: p.default for p in inspect.signature(f).parameters.values() if p.kind is p.KEYWORD_ONLY}
            for f in (conv, transposed)
        ]
        assert only[0] == {"padding_mode": "zeros", "method": "auto"}
        assert only[1] == {"output_size": None, "padding_mode": "zeros", "method": "auto"}
    signature = inspect.signature(npconvt.kernel_matrix)
    assert list(signature.parameters)[:2] == ["weight", "input_shape"]
    rest = {p.name: p.default for p in list(signature.parameters.values())[2:] if p.kind is p.KEYWORD_ONLY}
    assert rest == {
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "padding_mode": "zeros",
        "transposed": False,
        "output_padding": 0,
        "output_size": None,
        "channels": None,
    }


SOURCES = [*PACKAGE.rglob("*.py"), *Path(__file__).parent.glob("*.py")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_no_comparison_returns_a_bool_that_nobody_checks(path):
    """numpy.allclose and its like, in whatever form they are called."""
    banned = {"allclose", "isclose", "array_equal"}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {a.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names}
    assert not used & banned


def test_everything_is_typed():
    assert (PACKAGE / "py.typed").exists()
    for name in npconvt.__all__:
        value = getattr(npconvt, name)
        if inspect.isfunction(value):
            assert set(value.__annotations__) == {*inspect.signature(value).parameters, "return"}
