"""The command line: what it prints, what it writes, and one sentence with exit 2 for whatever cannot be used."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import npconvt
from npconvt import Case, ConvGeometry, _demo, conv_transpose2d, kernel_matrix
from npconvt.cli import main

X = np.arange(24).reshape(1, 2, 3, 4)
W = np.arange(12).reshape(2, 1, 2, 3)
PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current directory, with arrays and a case in it."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("w.npy", W)
    np.save("b.npy", [7, -7])
    a_case().save("case.npz")
    return tmp_path


def a_case():
    params = {"stride": (2, 1), "padding": ((0, 1), (-1, 2)), "groups": 2}
    return Case("conv_transpose2d", X, W, [7, -7], params)


def command(line):
    """Run a line as a shell would split it; return the exit code."""
    return main(shlex.split(line))


def refusal(capsys, line):
    """Run a line that must be refused: exit 2, nothing on stdout, one sentence on stderr, which is returned."""
    assert command(line) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"npconvt[^\n]*\.\n", err), err
    return err


# --- what the page says ----------------------------------------------------------------------------------------------


def test_every_block_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(python|console)\n(.*?)```\n", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 6
    for kind, text in blocks:
        if kind == "python":
            exec(text, {})
            continue
        got = []
        for line in text.splitlines():
            if line.startswith("$ npconvt "):
                assert command(line.removeprefix("$ npconvt ")) == 0
                got += [line, *capsys.readouterr().out.splitlines()]
        assert got == text.splitlines()


# --- the commands ----------------------------------------------------------------------------------------------------


def test_version_and_module(tmp_path):
    line = [sys.executable, "-m", "npconvt", "--version"]
    environment = {**os.environ, "PYTHONPATH": str(PAGE.parents[1])}
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"npconvt {npconvt.__version__}\n", "")


def test_info_of_a_matrix_that_nobody_can_build(capsys):
    assert command("info conv3d --input 2,64,500,500,500 --weight 64,64,5,5,5 --padding same") == 0
    out = capsys.readouterr().out
    geometry = ConvGeometry.conv((64, 500, 500, 500), (64, 64, 5, 5, 5), padding="same")
    assert geometry.nnz > 10**12
    assert str(geometry) in out
    assert re.search(r"^result +\(2, 64, 500, 500, 500\)$", out, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            "conv_transpose2d --input 5,2,3,4 --weight 2,1,2,3 --groups 2 --stride 3,2 --output-padding 1,0",
            (5, 2, 9, 9),
        ),
        ("conv_transpose2d --input 2,3,4 --weight 2,1,2,3 --stride 2 --output-size 7,9", (1, 7, 9)),
        ("conv2d --input 1,2,3,4 --weight 1,2,2,3 --padding 1:0,2 --dilation 1,2", (1, 1, 3, 4)),
        ("conv2d --input 1,2,3,4 --weight 1,2,2,3 --padding=-1,0:3 --padding-mode circular", ()),
        ("conv1d --input 2,9 --weight 1,2,3 --padding=-1:-2", (1, 4)),
        ("conv --input 1,2,9 --weight 1,2,3 --padding same_lower --stride 2", (1, 1, 5)),
        ("conv --input 2 --weight 1,2", (1,)),
    ],
)
def test_info_takes_what_the_calls_take(capsys, options, expected):
    if not expected:
        assert "spatial axis 0" in refusal(capsys, f"info {options}")
        return
    assert command(f"info {options}") == 0
    out = capsys.readouterr().out
    assert re.search(rf"^result +{re.escape(str(expected))}$", out, flags=re.MULTILINE), out


def test_case_run_and_matrix(folder, capsys):
    options = "--stride 2,1 --padding 0:1,-1:2 --groups 2"
    assert command(f"case conv_transpose2d --input x.npy --weight w.npy --bias b.npy {options} -o own.npz") == 0
    assert "wrote own.npz" in capsys.readouterr().out
    assert Case.load("own.npz") == a_case()

    want = conv_transpose2d(X, W, [7, -7], (2, 1), ((0, 1), (-1, 2)), 0, 2)
    for method in ("", "--method matrix"):
        assert command(f"run own.npz -o y.npy {method}") == 0
        assert capsys.readouterr().out == f"wrote y.npy: {want.shape} int64\n"
        np.testing.assert_array_equal(np.load("y.npy"), want, strict=True)

    assert command("matrix own.npz -o A.npz") == 0
    assert capsys.readouterr().out.endswith("entries; the bias is not part of it\n")
    A = scipy.sparse.load_npz("A.npz")
    B = kernel_matrix(W, (2, 3, 4), stride=(2, 1), padding=((0, 1), (-1, 2)), groups=2, transposed=True)
    np.testing.assert_array_equal(A.indices, B.indices, strict=True)
    np.testing.assert_array_equal(A.indptr, B.indptr, strict=True)
    np.testing.assert_array_equal(A.data, B.data, strict=True)
    bias = np.repeat([7, -7], A.shape[0] // 2)
    np.testing.assert_array_equal(A @ X.ravel() + bias, want.ravel())
    assert sorted(os.listdir()) == ["A.npz", "b.npy", "case.npz", "own.npz", "w.npy", "x.npy", "y.npy"]


def test_case_keeps_the_output(folder):
    assert command("case conv2d --input x.npy --weight w.npy --groups 2 --output x.npy -o own.npz") == 0
    np.testing.assert_array_equal(Case.load("own.npz").output, X, strict=True)


# --- what cannot be used ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "arguments are required: command"),
        ("guess", "invalid choice: 'guess'"),
        ("info", "arguments are required: op, --input, --weight"),
        ("info conv9d --input 1,8 --weight 1,1,3", "npconvt: info: op must be one of 'conv1d', .* got 'conv9d'"),
        ("info conv1d --input 1x8 --weight 1,1,3", "argument --input: must be ints with commas .* but is '1x8'"),
        ("info conv1d --input 1,8 --weight 1,1,9", r"conv1d: the kernel must not be longer .* \(8 \+ 0 \+ 0\)"),
        ("info conv1d --input 1,8 --weight 1,1,3 --stride 2.5", "argument --stride: must be ints .* but is '2.5'"),
        ("info conv1d --input 1,8 --weight 1,1,3 --stride 1,2", "conv1d: stride must be an int or one .* got 2: "),
        ("info conv1d --input 1,8 --weight 1,1,3 --padding 1:2:3", "argument --padding: must be .* but is '1:2:3'"),
        ("info conv2d --input 1,8,8 --weight 1,1,3,3 --padding -1,0", "starts with a minus sign .* --padding=-1,0"),
        (
            "info conv1d --input 1,8 --weight 1,1,3 --padding full",
            "padding as a word must be one of 'valid', 'same' .* got 'full'",
        ),
        ("info conv1d --input 1,8 --weight 1,1,3 --output-padding 1", "params of conv1d .* it has 'output_padding'"),
        ("info conv1d --input 1,8 --weight 1,1,3 --groups two", "argument --groups: invalid int value: 'two'"),
        ("run case.npz", "arguments are required: -o"),
        ("run absent.npz -o y.npy", "absent.npz: No such file or directory"),
        ("run . -o y.npy", r"\.: Is a directory"),
        ("run x.npy -o y.npy", "x.npy must be an .npz file, but starts like another kind of file"),
        ("run empty -o y.npy", "empty must be an .npz file, but is empty"),
        ("run cut.npz -o y.npy", "cut.npz must be a whole file, but is truncated or damaged"),
        ("run pickled.npz -o y.npy", "pickled.npz must hold plain numbers and text, but holds a pickled object"),
        ("run keys.npz -o y.npy", "keys.npz must hold op, input and weight, .* but it holds op, input"),
        ("run types.npz -o y.npy", "conv1d: stride must be made of ints, but got 2.5"),
        ("run case.npz --method guess -o y.npy", "conv_transpose2d: method must be one of 'auto', .* got 'guess'"),
        ("run case.npz -o absent/y.npy", "absent/.*: No such file or directory"),
        ("matrix huge.npz -o A.npz", f"kernel_matrix: .* its {(2002 * 1999) ** 2} entries"),
        ("case conv2d --input case.npz --weight w.npy -o own.npz", "case.npz must be an .npy file, but starts like"),
        ("case conv2d --input x.npy --weight w.npy -o own.npz", "groups=1 needs 1 input channels"),
    ],
)
def test_refused_in_one_sentence(folder, capsys, line, message):
    Path("empty").write_bytes(b"")
    Path("cut.npz").write_bytes(Path("case.npz").read_bytes()[:900])
    np.savez("pickled.npz", op="conv1d", input=np.array([None]), weight=[[[1]]])
    np.savez("keys.npz", op="conv1d", input=[[1, 2]])
    np.savez("types.npz", op="conv1d", input=[[1, 2]], weight=[[[1]]], params='{"stride": 2.5}')
    if "huge" in line:
        x, w = np.ones((1, 4000, 4000), bool), np.ones((1, 1, 1999, 1999), bool)
        np.savez("huge.npz", op="conv2d", input=x, weight=w)
    before = sorted(os.listdir())
    assert re.search(message, refusal(capsys, line))
    assert sorted(os.listdir()) == before


def test_failed_write_keeps_the_old_result(folder, capsys, monkeypatch):
    Path("y.npy").write_bytes(b"old")

    def full_disk(file, *arguments):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full_disk)
    assert "No space left on device" in refusal(capsys, "run case.npz -o y.npy")
    assert Path("y.npy").read_bytes() == b"old"


def test_reader_that_leaves_early(folder):
    line = f"{shlex.quote(sys.executable)} -m npconvt info conv1d --input 1,8 --weight 1,1,3 | true"
    environment = {**os.environ, "PYTHONPATH": str(PAGE.parents[1])}
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# --- what is loaded --------------------------------------------------------------------------------------------------


def test_matplotlib_only_for_the_picture(folder):
    program = (
        "import sys; from npconvt.cli import main; "
        "assert main(['run', 'case.npz', '-o', 'y.npy']) == 0; "
        "print(sorted(name for name in sys.modules if name in ('matplotlib', 'PIL', 'torch')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PAGE.parents[1])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "[]"


# --- the demo --------------------------------------------------------------------------------------------------------


def test_demo_prints_the_worked_example():
    text = _demo.worked_example()
    rows = [
        "  0 1 2 . 3 4 5 . 6 7 8 . . . . .",
        "  . 0 1 2 . 3 4 5 . 6 7 8 . . . .",
        "  . . . . 0 1 2 . 3 4 5 . 6 7 8 .",
        "  . . . . . 0 1 2 . 3 4 5 . 6 7 8",
    ]
    assert "\n".join(rows) in text
    for row in ("258 294", "402 438", "0  258  810  588", "774 2316 3708 2346", "2754 6492 7884 4542"):
        assert row in text
    assert text.endswith("2412 5442 6282 3504")
    assert text.isascii()  # whatever the encoding of the terminal


def test_demo_writes_its_picture(folder, capsys):
    from matplotlib.image import imread

    assert command("demo") == 0
    out = capsys.readouterr().out
    assert "wrote npconvt-demo.png" in out
    products = re.findall(r"^ +[a-z 0-9]+?  ([\d,]+) = ([\d,]+)$", out, flags=re.MULTILINE)
    assert len(products) == 2
    assert all(a == b for a, b in products)
    picture = imread("npconvt-demo.png")
    assert picture.shape[0] > 900
    assert picture.std() > 0.2


def test_demo_is_exact():
    photo = np.arange(3 * 150 * 140).reshape(3, 150, 140) % 251
    journey = _demo.travel(photo)
    assert [image.shape[1:] for image in (journey.blurred, journey.back)] == [(136, 126), (150, 140)]
    assert journey.even.shape == journey.uneven.shape == (3, 96, 96)
    # Both sides of the identity, each from its own two pictures.
    assert journey.inner_products["blur"] == ((journey.blurred**2).sum(), (journey.back * photo).sum())
    assert journey.inner_products["stride 2"][1] == (journey.even * photo[:, :96, :96]).sum()
    # The tent weighs every pixel alike: away from the border, an enlarged constant is constant; ones leave a grid.
    flat = _demo.travel(np.full((3, 150, 140), 5))
    assert np.unique(flat.even[:, 2:-2, 2:-2]).tolist() == [5 * 16]
    assert np.unique(flat.uneven[:, 2:-2, 2:-2]).tolist() == [5, 10, 20]


def test_demo_without_matplotlib(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.cbook", None)
    assert command("demo") == 2
    out, err = capsys.readouterr()
    assert "2412 5442 6282 3504" in out
    assert "pip install 'npconvt[plot]'" in err
    assert not Path("npconvt-demo.png").exists()


# --- where the output goes -------------------------------------------------------------------------------------------


def test_a_closed_stdout(monkeypatch):
    """As in `npconvt info ... >&-`, where Python has no sys.stdout."""
    monkeypatch.setattr(sys, "stdout", None)
    assert command("info conv1d --input 1,9 --weight 1,1,3") == 0


@pytest.mark.parametrize("line", ["--help", "--version", "info conv1d --input 1,9 --weight 1,1,3"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_stdout_without_room(line, unbuffered):
    """Whether Python finds out while it writes or not before its end."""
    if not Path("/dev/full").exists():  # a device of Linux
        return
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "npconvt", *line.split()], stdout=full, stderr=-1, check=False, env=environment
        )
    assert (done.returncode, done.stderr) == (2, b"npconvt: input or output: No space left on device.\n")


def test_a_file_without_a_name_and_a_full_device(folder, capsys):
    assert refusal(capsys, "run case.npz -o ''") == "npconvt: '': No such file or directory.\n"
    assert (
        refusal(capsys, "case conv1d --input '' --weight w.npy -o c.npz") == "npconvt: '': No such file or directory.\n"
    )
    if Path("/dev/full").exists():
        assert refusal(capsys, "run case.npz -o /dev/full") == "npconvt: /dev/full: No space left on device.\n"


def test_the_demo_writes_the_format_that_its_suffix_names(folder, capsys):
    assert command("demo -o demo.pdf") == 0
    assert Path("demo.pdf").read_bytes().startswith(b"%PDF")
