"""Every Python block of the README and of the site is run: those of a page in order, in one namespace.

A block with prompts is a doctest, whose output is compared; any other must run without an error.
"""

import doctest
import re
from pathlib import Path

import pytest
from oracles import framework

ROOT = Path(__file__).parents[1]
# Its blocks stand between commands that make their files: tests/test_cli.py runs both.
ELSEWHERE = {"docs/command-line.md"}
MADE = {"_build", "api", "auto_examples"}
FRAMEWORKS = (
    r"^\s*(?:>>> |\.\.\. )?(?:import|from) (torch|jax|flax|keras|tensorflow|onnx|onnxruntime|mlx|equinox|pylops)\b"
)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def pages():
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    names = (path.relative_to(ROOT) for path in found)
    return sorted(name.as_posix() for name in names if not MADE & set(name.parts) and name.as_posix() not in ELSEWHERE)


def blocks(text):
    """Yield the Python blocks of a page, with the number of their first line."""
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, match.start()) + 2, match[1]


def run(block, namespace, name, line):
    if ">>> " not in block:
        # The empty lines put errors on the page's own lines.
        exec(compile("\n" * (line - 1) + block, name, "exec"), namespace)
        return
    test = doctest.DocTestParser().get_doctest(block, namespace, name, name, line - 1)
    said = []
    outcome = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append, clear_globs=False)
    assert not outcome.failed, "".join(said)
    namespace.update(test.globs)


@pytest.mark.parametrize("name", pages())
def test_blocks_of_a_page(name, tmp_path, monkeypatch):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "\t" not in text
    found = list(blocks(text))
    for _, block in found:
        for needed in re.findall(FRAMEWORKS, block, re.MULTILINE):
            framework(needed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    namespace = {"__name__": "__main__"}
    for line, block in found:
        run(block, namespace, name, line)


def test_pages_with_blocks_are_found():
    assert {"README.md", "docs/tutorial.md"} <= set(pages())
    assert list(blocks("a\n```python\n1\n```\n```sh\nls\n```\n")) == [(3, "1\n")]


def test_measured_numbers_of_the_readme_are_those_of_the_performance_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\|.*\|$", readme.partition("<!-- benchmarks: begin")[2].partition("<!-- benchmarks: end")[0], re.M
    )
    page = ROOT / "docs" / "performance.md"
    measured = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    assert [row for row in rows if row not in measured] == []


@pytest.mark.parametrize("block", [">>> 1 + 1\n3\n", ">>> undefined\n", "raise ValueError\n", "undefined\n"])
def test_wrong_blocks_fail(block):
    with pytest.raises((AssertionError, ValueError, NameError)):
        run(block, {}, "page", 1)
