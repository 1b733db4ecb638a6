"""The convolutions of `scipy.signal` by npconvt's roads, and the sparse N-d matrix that SciPy does not have.

SciPy's "convolution" turns the kernel round and its "correlation" conjugates it; neither has strides, dilation or
channels. Integers wrap in the result's dtype, as in SciPy, but are summed exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from npconvt._matrix import kernel_matrix
from npconvt.frameworks import _translate as tr
from npconvt.frameworks._conventions import Convention, find

__all__ = ["convolution_matrix", "convolve", "convolve2d", "correlate", "correlate2d"]

_CONVOLVE = find("scipy", "convolve, convolve2d")
_CORRELATE = find("scipy", "correlate")
_CORRELATE_2D = find("scipy", "correlate2d")
_MATRIX = find("scipy", "convolution_matrix")
_MODES = ("full", "valid", "same")
_BOUNDARIES = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def _operands(function: str, in1: npt.ArrayLike, in2: npt.ArrayLike) -> tuple[tr.Array, tr.Array]:
    x, w = tr.array(function, "in1", in1), tr.array(function, "in2", in2)
    if x.ndim != w.ndim:
        message = (
            f"{function}: in1 and in2 must have the same number of axes, but their shapes are {x.shape} and {w.shape}."
        )
        raise ValueError(message)
    if not x.size or not w.size:
        message = f"{function}: in1 and in2 must not be empty, but their shapes are {x.shape} and {w.shape}."
        raise ValueError(message)
    return x, w


def _swapped(function: str, mode: str, x: tr.Array, w: tr.Array) -> bool:
    """Return whether "valid" exchanges its operands: it slides the smaller one along the larger."""
    if mode != "valid" or all(n >= m for n, m in zip(x.shape, w.shape, strict=True)):
        return False
    if all(m >= n for n, m in zip(x.shape, w.shape, strict=True)):
        return True
    message = (
        f"{function}: with mode 'valid' in1 or in2 must be at least as large as the other on every axis, "
        f"but their shapes are {x.shape} and {w.shape}."
    )
    raise ValueError(message)


def convolved(x: tr.Array, w: tr.Array, crop: tr.Pairs) -> tr.Array:
    """Return the true convolution of plain arrays, cropped: a transposed convolution of stride 1."""
    ones = (1,) * x.ndim
    if w.size > x.size:
        x, w = w, x
    y: tr.Array = tr.scatter(x[None, None], w[None, None], None, stride=ones, crop=crop, dilation=ones, groups=1)[0, 0]
    return y


def cropped(convention: Convention, mode: str, shape: tr.Ints, kernel: tr.Ints) -> tr.Pairs:
    """Return what a mode drops from the full convolution of n + k - 1 samples."""
    return tr.amounts(convention, mode, [tr.Axis(n, k, 1) for n, k in zip(shape, kernel, strict=True)])


def _conjugate(w: tr.Array) -> tr.Array:
    # numpy.conj makes integers of bools.
    return w.conj() if np.iscomplexobj(w) else w


def _reversed(w: tr.Array) -> tr.Array:
    return _conjugate(w)[(slice(None, None, -1),) * w.ndim]


def convolve(in1: npt.ArrayLike, in2: npt.ArrayLike, mode: str = "full", method: str = "auto") -> tr.Array:
    """Return `scipy.signal.convolve`: ``y[i] = sum_t in1[i - t] * in2[t]``.

    Parameters
    ----------
    in1, in2 : array_like
        Of the same number of axes.
    mode : "full", "same" or "valid", optional
        ``n + m - 1`` samples; the middle n of them, from ``(m - 1)//2``; or those where the smaller lies within the
        larger.
    method : "auto", "direct" or "fft", optional
        All give the direct result.

    Returns
    -------
    ndarray
        In the dtype of ``in1 * in2``.

    Raises
    ------
    ValueError, TypeError
        For what SciPy refuses.

    References
    ----------
    scipy/signal/_signaltools.py in the SciPy repository.

    Examples
    --------
    >>> convolve([1, 2, 3, 4, 5], [1, 10, 100])
    array([  1,  12, 123, 234, 345, 450, 500])
    >>> convolve([1, 2, 3, 4, 5], [1, 10, 100], mode="same")
    array([ 12, 123, 234, 345, 450])
    """
    function = "scipy.convolve"
    x, w = _operands(function, in1, in2)
    tr.word(function, "mode", mode, _MODES)
    tr.word(function, "method", method, ("auto", "direct", "fft"))
    dtype = np.result_type(x, w)
    if x.ndim == 0:
        return np.asarray(x * w)
    _swapped(function, mode, x, w)
    return convolved(x, w, cropped(_CONVOLVE, mode, x.shape, w.shape)).astype(dtype, copy=False)


def correlate(in1: npt.ArrayLike, in2: npt.ArrayLike, mode: str = "full", method: str = "auto") -> tr.Array:
    """Return `scipy.signal.correlate`: ``y[i] = sum_t in1[i + t] * conj(in2[t])``, from ``i = -(m - 1)``.

    Parameters
    ----------
    in1, in2 : array_like
        Of the same number of axes.
    mode : "full", "same" or "valid", optional
        As in `convolve`. For an even kernel "same" starts one sample before `correlate2d`.
    method : "auto", "direct" or "fft", optional
        All give the direct result.

    Returns
    -------
    ndarray
        In the dtype of ``in1 * in2``.

    Raises
    ------
    ValueError, TypeError
        For what SciPy refuses.

    References
    ----------
    scipy/signal/_signaltools.py in the SciPy repository.

    Examples
    --------
    >>> correlate([1, 2, 3, 4, 5], [1, 10, 100], mode="valid")
    array([321, 432, 543])
    >>> correlate([1, 2, 3, 4], [1, 10], mode="same")
    array([10, 21, 32, 43])
    >>> correlate2d([[1, 2, 3, 4]], [[1, 10]], mode="same")
    array([[21, 32, 43,  4]])
    """
    function = "scipy.correlate"
    x, w = _operands(function, in1, in2)
    tr.word(function, "mode", mode, _MODES)
    tr.word(function, "method", method, ("auto", "direct", "fft"))
    dtype = np.result_type(x, w)
    if x.ndim == 0:
        return np.asarray(x * _conjugate(w))
    _swapped(function, mode, x, w)
    return convolved(x, _reversed(w), cropped(_CORRELATE, mode, x.shape, w.shape)).astype(dtype, copy=False)


def _filling(function: str, fillvalue: Any, dtype: np.dtype[Any]) -> Any:
    """Return the number around an image: for integers without its fraction, and refused if none of them is it."""
    value = tr.array(function, "fillvalue", fillvalue)
    if value.size != 1:
        message = f"{function}: fillvalue must be one number, but its shape is {value.shape}."
        raise ValueError(message)
    number = value.item()
    if isinstance(number, complex) and dtype.kind != "c":
        message = f"{function}: fillvalue must be real where in1 and in2 are, but it is {number}."
        raise ValueError(message)
    if dtype.kind not in "iu":
        return number
    limits = np.iinfo(dtype)
    if not np.isfinite(number) or not limits.min <= int(number) <= limits.max:
        message = f"{function}: fillvalue must be a number that {dtype} can hold, but it is {number}."
        raise ValueError(message)
    return int(number)


def _planar(
    function: str, in1: npt.ArrayLike, in2: npt.ArrayLike, mode: str, boundary: str, fillvalue: Any, correlating: bool
) -> tr.Array:
    x, w = _operands(function, in1, in2)
    tr.rank(function, "in1", x, "rows, columns", 2)
    tr.word(function, "mode", mode, _MODES)
    tr.word(function, "boundary", boundary, _BOUNDARIES)
    dtype = np.result_type(x, w)
    value = _filling(function, fillvalue, dtype) if boundary == "fill" else 0
    swap = _swapped(function, mode, x, w)
    if swap and correlating:
        # SciPy conjugates the second operand after the exchange: here that is in1.
        x, w = _conjugate(x), _conjugate(w)
    kernel = _reversed(w) if correlating else w
    crop = cropped(_CORRELATE_2D if correlating else _CONVOLVE, mode, x.shape, w.shape)
    if swap or (boundary == "fill" and not value):
        return convolved(x, kernel, crop).astype(dtype, copy=False)
    pads = [(m - 1, m - 1) for m in w.shape]
    more: dict[str, Any] = {"constant_values": value} if boundary == "fill" else {}
    wide = np.pad(x.astype(dtype), pads, _BOUNDARIES[boundary], **more)  # type: ignore[call-overload]
    outer = tuple((lo + m - 1, hi + m - 1) for (lo, hi), m in zip(crop, w.shape, strict=True))
    return convolved(wide, kernel, outer).astype(dtype, copy=False)


def convolve2d(
    in1: npt.ArrayLike, in2: npt.ArrayLike, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> tr.Array:
    """Return `scipy.signal.convolve2d`.

    Parameters
    ----------
    in1, in2 : array_like, two axes
        Image and kernel.
    mode : "full", "same" or "valid", optional
        As in `convolve`.
    boundary : "fill", "wrap" or "symm", optional
        What is around in1: ``fillvalue``, its repetition, or its mirror image with the edge repeated.
    fillvalue : number, optional
        For "fill".

    Returns
    -------
    ndarray, two axes
        In the dtype of ``in1 * in2``.

    Raises
    ------
    ValueError, TypeError
        For what SciPy refuses.

    References
    ----------
    scipy/signal/_signaltools.py in the SciPy repository.

    Examples
    --------
    >>> convolve2d([[1, 2, 3]], [[1, 10]], boundary="wrap")
    array([[31, 12, 23, 31]])
    """
    return _planar("scipy.convolve2d", in1, in2, mode, boundary, fillvalue, correlating=False)


def correlate2d(
    in1: npt.ArrayLike, in2: npt.ArrayLike, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> tr.Array:
    """Return `scipy.signal.correlate2d`.

    Parameters
    ----------
    in1, in2 : array_like, two axes
        Image and kernel; the kernel is conjugated.
    mode, boundary, fillvalue
        As in `convolve2d`. With an even kernel "same" pads ``(m - 1)//2`` at the start, where `correlate` pads
        ``m//2``.

    Returns
    -------
    ndarray, two axes
        In the dtype of ``in1 * in2``.

    Raises
    ------
    ValueError, TypeError
        For what SciPy refuses.

    References
    ----------
    scipy/signal/_signaltools.py in the SciPy repository.

    Examples
    --------
    >>> correlate2d([[1, 2, 3]], [[1, 10]], mode="same", boundary="symm")
    array([[21, 32, 33]])
    """
    return _planar("scipy.correlate2d", in1, in2, mode, boundary, fillvalue, correlating=True)


def convolution_matrix(kernel: npt.ArrayLike, input_shape: int | tuple[int, ...], mode: str = "full") -> csr_array:
    """Return the sparse matrix of an N-d convolution; in 1-D it equals `scipy.linalg.convolution_matrix`.

    ``convolution_matrix(k, x.shape) @ x.ravel()`` is ``convolve(x, k).ravel()``. With n the input's size and m the
    kernel's on an axis, the rows are the ``n + m - 1`` full ones; for "same" the middle ``max(n, m)`` of them, from
    ``(min(n, m) - 1)//2``; for "valid" the middle ``abs(n - m) + 1``.

    Parameters
    ----------
    kernel : array_like
        One axis or more. Its zeros are stored.
    input_shape : int or tuple of int
        As many sizes as the kernel has axes.
    mode : "full", "same" or "valid", optional
        Which rows. "same" gives as many as the *larger*, as SciPy's does: not those of `convolve` where the kernel is
        longer than the input.

    Returns
    -------
    scipy.sparse.csr_array, shape (prod(out), prod(input_shape))
        Rows and columns in C order.

    Raises
    ------
    ValueError, TypeError
        For an empty kernel, sizes below 1, another number of axes, or an unknown mode.

    See Also
    --------
    npconvt.kernel_matrix : with strides, dilation, channels and other boundaries.

    Examples
    --------
    >>> convolution_matrix([1, 10, 100], 4, mode="same").toarray()
    array([[ 10,   1,   0,   0],
           [100,  10,   1,   0],
           [  0, 100,  10,   1],
           [  0,   0, 100,  10]])
    >>> convolution_matrix([[1, 2], [3, 4]], (2, 2)).shape
    (9, 4)
    """
    function = "scipy.convolution_matrix"
    w = tr.array(function, "kernel", kernel)
    if w.ndim == 0 or not w.size:
        message = f"{function}: kernel must have an axis and not be empty, but its shape is {w.shape}."
        raise ValueError(message)
    shape = tr.per_axis(function, "input_shape", input_shape, w.ndim, 1) if w.ndim == 1 else ()
    shape = shape or tr.integers(function, "input_shape", input_shape, w.ndim, 1)
    tr.word(function, "mode", mode, _MODES)
    crop = cropped(_MATRIX, mode, shape, w.shape)
    return kernel_matrix(w, shape, padding=crop, transposed=True, channels=False)
