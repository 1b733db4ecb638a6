"""The assertions offered to other test suites."""

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import npconvt
from npconvt import probe
from npconvt.testing import assert_adjoint, assert_matches

pytest_plugins = ["pytester"]


def test_a_right_result_passes_and_a_wrong_one_fails_with_the_report() -> None:
    case = probe("conv2d", (1, 2, 6, 7), (3, 2, 3, 2))
    assert_matches(case, case.expected())
    assert_matches(case, lambda x: npconvt.conv2d(x, case.weight))
    with pytest.raises(AssertionError, match="kernel_flipped") as caught:
        assert_matches(case, npconvt.conv2d(case.input, case.weight[..., ::-1]))
    assert "axes = (1,)" in str(caught.value)


def test_its_own_frames_are_hidden(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from npconvt import probe
        from npconvt.testing import assert_matches

        def test_layer():
            case = probe("conv1d", (1, 2, 9), (3, 2, 3))
            assert_matches(case, -case.expected())
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "scaled" in text
    assert "raise AssertionError" not in text


def test_an_adjoint_is_told_from_a_transpose() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(-5, 6, (4, 6)) + 1j * rng.integers(-5, 6, (4, 6))
    assert_adjoint(aslinearoperator(a))
    assert_adjoint(aslinearoperator(a.real.astype(np.float32)))
    transpose = LinearOperator(a.shape, matvec=lambda x: a @ x, rmatvec=lambda y: a.T @ y, dtype=complex)
    with pytest.raises(AssertionError, match="rmatvec is not the adjoint of matvec"):
        assert_adjoint(transpose)
    for wrong in (None, np.eye(3), "text"):
        with pytest.raises(
            TypeError, match=r"^assert_adjoint: operator must have two sizes, matvec and rmatvec, but got"
        ):
            assert_adjoint(wrong)


def test_the_example_of_the_page_runs(pytester: pytest.Pytester, torch: ModuleType) -> None:
    page = (Path(__file__).parents[1] / "docs" / "crosscheck.md").read_text(encoding="utf-8")
    (block,) = (b for b in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def test_torch_layer" in b)
    pytester.makepyfile(block)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider").parseoutcomes()
    assert result.get("passed", 0) >= 1
    assert result["passed"] + result.get("skipped", 0) == 3


def test_the_page_has_every_cause() -> None:
    from npconvt._crosscheck.causes import KINDS

    page = (Path(__file__).parents[1] / "docs" / "crosscheck.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == {kind.name for kind in KINDS}
