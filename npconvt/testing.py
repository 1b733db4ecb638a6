"""Assertions for the test suites of others: a result against a case, an operator against its adjoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from npconvt._crosscheck.check import crosscheck

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from npconvt._crosscheck.reading import Claim

__all__ = ["assert_adjoint", "assert_matches"]


def assert_matches(
    case: Claim | Mapping[str, Any],
    actual: ArrayLike | Callable[[NDArray[Any]], ArrayLike],
    *,
    normwise: bool = False,
) -> None:
    """Fail, with the report of `crosscheck`, where a result is not that of a case within rounding.

    Parameters
    ----------
    case : Case
        The call.
    actual : array_like or function
        The result, or a function of the input array that returns it.
    normwise : bool
        Allow what sums by FFT or Winograd's transforms can make.

    Raises
    ------
    AssertionError
        Where they differ; its text is the report.

    Examples
    --------
    >>> from npconvt import Case
    >>> case = Case("conv1d", [[1, 2, 3]], [[[1, 10]]])
    >>> assert_matches(case, [[21, 32]])
    >>> assert_matches(case, [[12, 23]])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    AssertionError: verdict        different convention  (differs)
    ...
    """
    __tracebackhide__ = True
    report = crosscheck(case, actual, normwise=normwise)
    if not report.ok:
        raise AssertionError(str(report))


class _Operator(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...
    def matvec(self, x: Any) -> Any: ...
    def rmatvec(self, x: Any) -> Any: ...


def assert_adjoint(operator: _Operator, *, seed: int = 0) -> None:
    """Fail where `rmatvec` is not the adjoint of `matvec`: `<A x, y> == <x, A^H y>` for random x and y.

    Parameters
    ----------
    operator : LinearOperator
        Anything with `shape`, `matvec` and `rmatvec`; with a complex `dtype`, x and y are complex.
    seed : int
        Of the random whole numbers.

    Raises
    ------
    AssertionError
        With both numbers, where they differ by more than rounding in the results' precision allows.
    TypeError
        Where it is no operator.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse.linalg import aslinearoperator
    >>> assert_adjoint(aslinearoperator(np.arange(6.0).reshape(2, 3)))
    """
    __tracebackhide__ = True
    if not all(hasattr(operator, name) for name in ("shape", "matvec", "rmatvec")) or len(operator.shape) != 2:
        msg = f"assert_adjoint: operator must have two sizes, matvec and rmatvec, but got a {type(operator).__name__}."
        raise TypeError(msg)
    rng = np.random.default_rng(seed)
    rows, columns = operator.shape
    is_complex = np.dtype(getattr(operator, "dtype", None) or float).kind == "c"
    x, y = (_whole(rng, n, is_complex=is_complex) for n in (columns, rows))
    forward, backward = (np.asarray(v).ravel() for v in (operator.matvec(x), operator.rmatvec(y)))
    left, right = np.vdot(y, forward), np.vdot(backward, x)
    inexact = [v.dtype for v in (forward, backward) if v.dtype.kind in "fc"]
    u = max((float(np.finfo(d).eps) for d in inexact), default=0.0)
    # Each result may be off by its number of terms times u; that number is at most the other side's length.
    size = float(np.vdot(abs(y), abs(forward)).real + np.vdot(abs(backward), abs(x)).real)
    allowed = u * (rows + columns) * size
    if not abs(left - right) <= allowed:
        msg = f"rmatvec is not the adjoint of matvec: <A x, y> = {left}, but <x, A^H y> = {right} (seed {seed})."
        raise AssertionError(msg)


def _whole(rng: np.random.Generator, n: int, *, is_complex: bool) -> NDArray[Any]:
    real: NDArray[Any] = rng.integers(-9, 10, n).astype(float)
    return real + 1j * rng.integers(-9, 10, n) if is_complex else real
