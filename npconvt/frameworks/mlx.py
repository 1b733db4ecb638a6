"""The convolutions of `mlx.core`, in NumPy.

Channels come last, and the kernel is ``(C_out, *k, C_in / groups)`` for both directions: a transposed call does not
exchange its channel axes. Floating point only, as in MLX. ``stream`` is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from npconvt.frameworks import _translate as tr
from npconvt.frameworks import jax

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_general",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

_FLOATS = ("float16", "float32", "float64")


def _operands(
    function: str, input: npt.ArrayLike, weight: npt.ArrayLike, groups: Any, nd: int | None
) -> tuple[tr.Array, tr.Array, int]:
    """Return x as (N, C, *sp), w as (O, I/g, *k), and the groups."""
    x, w = tr.array(function, "input", input), tr.array(function, "weight", weight)
    tr.dtype_among(function, "input", x, _FLOATS)
    tr.dtype_among(function, "weight", w, _FLOATS)
    if nd is None and not 3 <= x.ndim <= 5:
        message = f"{function}: input must have 1 to 3 spatial axes (N, *sp, C), but its shape is {x.shape}."
        raise ValueError(message)
    nd = x.ndim - 2 if nd is None else nd
    tr.rank(function, "input", x, "N, *sp, C", nd + 2)
    tr.rank(function, "weight", w, "C_out, *k, C_in / groups", nd + 2)
    count = tr.integer(function, "groups", groups, 1)
    if count > 1 and nd > 2:
        message = f"{function}: groups must be 1 with {nd} spatial axes, but it is {count}."
        raise ValueError(message)
    canonical, kernel = tr.relaid(x, "N*C", "NC*"), tr.relaid(w, "O*I", "OI*")
    tr.group_channels(function, canonical, kernel, count, f"input {x.shape}, weight {w.shape}")
    tr.kernel_sizes(function, kernel)
    return canonical, kernel, count


def _fit(function: str, axes: list[tr.Axis], pads: tr.Pairs) -> None:
    for axis, (lo, hi) in zip(axes, pads, strict=True):
        if axis.n + lo + hi < axis.k:
            message = (
                f"{function}: weight must be no longer than the padded input, "
                f"but its dilated size is {axis.k} and the padded input has {axis.n + lo + hi}."
            )
            raise ValueError(message)


def _cropped(x: tr.Array, pads: tr.Pairs) -> tuple[tr.Array, tr.Pairs]:
    """Return x without the samples that negative padding takes, and the rest of the padding.

    MLX crops before it dilates the input: a crop of one takes a whole sample and the zeros behind it.
    """
    keep = [slice(max(0, -lo), max(0, n + min(0, hi))) for n, (lo, hi) in zip(x.shape[2:], pads, strict=True)]
    return x[(slice(None), slice(None), *keep)], tuple((max(0, lo), max(0, hi)) for lo, hi in pads)


def _correlate(
    function: str,
    x: tr.Array,
    w: tr.Array,
    stride: tr.Ints,
    pads: tr.Pairs,
    dilation: tr.Ints,
    stuffing: tr.Ints,
    groups: int,
) -> tr.Array:
    x, pads = _cropped(x, pads)
    # MLX counts p*(n - 1) + 1 dilated samples of none as well: 1 - p.
    pads = tuple((lo, hi if n else hi + 1 - p) for n, p, (lo, hi) in zip(x.shape[2:], stuffing, pads, strict=True))
    sizes = zip(x.shape[2:], stuffing, w.shape[2:], dilation, stride, strict=True)
    _fit(function, [tr.Axis(max(0, tr.dilated(n, p)), tr.dilated(k, d), s) for n, p, k, d, s in sizes], pads)
    y = jax.convolved(x, w, stride=stride, padding=pads, stuffing=stuffing, dilation=dilation, groups=groups)
    return tr.relaid(y, "NC*", "N*C")


def _conv(
    nd: int, input: npt.ArrayLike, weight: npt.ArrayLike, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tr.Array:
    function = f"mlx.conv{nd}d"
    x, w, count = _operands(function, input, weight, groups, nd)
    steps = tr.per_axis(function, "stride", stride, nd, 1)
    pads = tuple((p, p) for p in tr.per_axis(function, "padding", padding, nd))
    spread = tr.per_axis(function, "dilation", dilation, nd, 1)
    return _correlate(function, x, w, steps, pads, spread, (1,) * nd, count)


def conv1d(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    /,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    *,
    stream: Any = None,
) -> tr.Array:
    """Return `mlx.core.conv1d`.

    Parameters
    ----------
    input : array_like, shape (N, L, C)
        Floating point.
    weight : array_like, shape (O, k, C / groups)
        Floating point.
    stride, padding, dilation, groups : int, optional
        As in torch; a negative padding crops.
    stream : optional
        Ignored.

    Returns
    -------
    ndarray, shape (N, out, O)
        ``out = floor((L + 2*padding - k)/stride) + 1``, k with its dilation.

    Raises
    ------
    ValueError, TypeError
        For what MLX refuses.

    References
    ----------
    mlx/ops.cpp in the MLX repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1.0, 6).reshape(1, 5, 1), np.array([1.0, 10, 100]).reshape(1, 3, 1)
    >>> conv1d(x, w, padding=1).ravel()
    array([210., 321., 432., 543.,  54.])
    """
    return _conv(1, input, weight, stride, padding, dilation, groups)


def conv2d(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    /,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    *,
    stream: Any = None,
) -> tr.Array:
    """Return `mlx.core.conv2d`.

    Parameters
    ----------
    input : array_like, shape (N, H, W, C)
        Floating point.
    weight : array_like, shape (O, k_h, k_w, C / groups)
        Floating point.
    stride, padding, dilation : int or two int, optional
        As in torch; a negative padding crops.
    groups : int, optional
        Groups of channels.
    stream : optional
        Ignored.

    Returns
    -------
    ndarray, shape (N, out_h, out_w, O)
        Sizes as in `conv1d`.

    Raises
    ------
    ValueError, TypeError
        For what MLX refuses.

    References
    ----------
    mlx/ops.cpp in the MLX repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(16.0).reshape(1, 4, 4, 1), np.arange(9.0).reshape(1, 3, 3, 1)
    >>> conv2d(x, w)[0, :, :, 0]
    array([[258., 294.],
           [402., 438.]])
    """
    return _conv(2, input, weight, stride, padding, dilation, groups)


def conv3d(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    /,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    *,
    stream: Any = None,
) -> tr.Array:
    """Return `mlx.core.conv3d`.

    Parameters
    ----------
    input : array_like, shape (N, D, H, W, C)
        Floating point.
    weight : array_like, shape (O, k_d, k_h, k_w, C)
        Floating point.
    stride, padding, dilation : int or three int, optional
        As in torch; a negative padding crops.
    groups : int, optional
        MLX has 1 only.
    stream : optional
        Ignored.

    Returns
    -------
    ndarray, shape (N, *out, O)
        Sizes as in `conv1d`.

    Raises
    ------
    ValueError, TypeError
        For what MLX refuses.

    References
    ----------
    mlx/ops.cpp in the MLX repository.

    Examples
    --------
    >>> import numpy as np
    >>> conv3d(np.arange(8.0).reshape(1, 2, 2, 2, 1), np.ones((1, 2, 2, 2, 1))).ravel()
    array([28.])
    """
    return _conv(3, input, weight, stride, padding, dilation, groups)


def _conv_transpose(
    nd: int,
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    stride: Any,
    padding: Any,
    dilation: Any,
    output_padding: Any,
    groups: Any,
) -> tr.Array:
    function = f"mlx.conv_transpose{nd}d"
    x, w, count = _operands(function, input, weight, groups, nd)
    steps = tr.per_axis(function, "stride", stride, nd, 1)
    pads = tr.per_axis(function, "padding", padding, nd)
    spread = tr.per_axis(function, "dilation", dilation, nd, 1)
    extra = tr.per_axis(function, "output_padding", output_padding, nd)
    sizes = [tr.dilated(k, d) for k, d in zip(w.shape[2:], spread, strict=True)]
    dilated = tuple((k - 1 - p, k - 1 - p + e) for k, p, e in zip(sizes, pads, extra, strict=True))
    # MLX's transposed convolution is a convolution of the dilated input with the kernel turned round.
    return _correlate(function, x, tr.turned(w), (1,) * nd, dilated, spread, steps, count)


def conv_transpose1d(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    /,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    output_padding: int = 0,
    groups: int = 1,
    *,
    stream: Any = None,
) -> tr.Array:
    """Return `mlx.core.conv_transpose1d`.

    Parameters
    ----------
    input : array_like, shape (N, L, C_in)
        Floating point.
    weight : array_like, shape (C_out, k, C_in / groups)
        Floating point. torch's, of shape ``(C_in, C_out / groups, k)``, needs its channel axes exchanged.
    stride, padding, dilation, output_padding, groups : int, optional
        As in torch, but in another order, and MLX does not limit ``output_padding``.
    stream : optional
        Ignored.

    Returns
    -------
    ndarray, shape (N, out, C_out)
        ``out = (L - 1)*stride + k - 2*padding + output_padding``, k with its dilation.

    Raises
    ------
    ValueError, TypeError
        For what MLX refuses.

    References
    ----------
    mlx/ops.cpp in the MLX repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1.0, 6).reshape(1, 5, 1), np.array([1.0, 10, 100]).reshape(1, 3, 1)
    >>> conv_transpose1d(x, w, stride=2, padding=1, output_padding=1).ravel()
    array([ 10., 102.,  20., 203.,  30., 304.,  40., 405.,  50., 500.])
    """
    return _conv_transpose(1, input, weight, stride, padding, dilation, output_padding, groups)


def conv_transpose2d(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    /,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    *,
    stream: Any = None,
) -> tr.Array:
    """Return `mlx.core.conv_transpose2d`.

    Parameters
    ----------
    input : array_like, shape (N, H, W, C_in)
        Floating point.
    weight : array_like, shape (C_out, k_h, k_w, C_in / groups)
        Floating point.
    stride, padding, dilation, output_padding : int or two int, optional
        As in `conv_transpose1d`.
    groups : int, optional
        Groups of channels.
    stream : optional
        Ignored.

    Returns
    -------
    ndarray, shape (N, out_h, out_w, C_out)
        Sizes as in `conv_transpose1d`.

    Raises
    ------
    ValueError, TypeError
        For what MLX refuses.

    References
    ----------
    mlx/ops.cpp in the MLX repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.ones((1, 2, 2, 1)), np.arange(1.0, 5).reshape(1, 2, 2, 1)
    >>> conv_transpose2d(x, w)[0, :, :, 0]
    array([[ 1.,  3.,  2.],
           [ 4., 10.,  6.],
           [ 3.,  7.,  4.]])
    """
    return _conv_transpose(2, input, weight, stride, padding, dilation, output_padding, groups)


def conv_transpose3d(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    /,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    *,
    stream: Any = None,
) -> tr.Array:
    """Return `mlx.core.conv_transpose3d`.

    Parameters
    ----------
    input : array_like, shape (N, D, H, W, C_in)
        Floating point.
    weight : array_like, shape (C_out, k_d, k_h, k_w, C_in)
        Floating point.
    stride, padding, dilation, output_padding : int or three int, optional
        As in `conv_transpose1d`.
    groups : int, optional
        MLX has 1 only.
    stream : optional
        Ignored.

    Returns
    -------
    ndarray, shape (N, *out, C_out)
        Sizes as in `conv_transpose1d`.

    Raises
    ------
    ValueError, TypeError
        For what MLX refuses.

    References
    ----------
    mlx/ops.cpp in the MLX repository.

    Examples
    --------
    >>> import numpy as np
    >>> conv_transpose3d(np.full((1, 1, 1, 1, 1), 5.0), np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel()
    array([ 0.,  5., 10., 15., 20., 25., 30., 35.])
    """
    return _conv_transpose(3, input, weight, stride, padding, dilation, output_padding, groups)


def _steps(function: str, name: str, value: Any, nd: int, least: int | None = None) -> tr.Ints:
    """Return one integer per axis; here a sequence of one stands for all axes."""
    if isinstance(value, Sequence) and len(value) == 1:
        value = value[0]
    return tr.per_axis(function, name, value, nd, least)


def _pads(function: str, padding: Any, nd: int) -> tr.Pairs:
    """Return (lo, hi) per axis from an int, one int per axis, or a pair of lists (all lo, all hi)."""
    if isinstance(padding, Sequence) and len(padding) == 2 and all(isinstance(p, Sequence) for p in padding):
        lows, highs = (_steps(function, f"padding[{i}]", p, nd) for i, p in enumerate(padding))
        return tuple(zip(lows, highs, strict=True))
    return tuple((p, p) for p in _steps(function, "padding", padding, nd))


def conv_general(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    /,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | tuple[Sequence[int], Sequence[int]] = 0,
    kernel_dilation: int | Sequence[int] = 1,
    input_dilation: int | Sequence[int] = 1,
    groups: int = 1,
    flip: bool = False,
    *,
    stream: Any = None,
) -> tr.Array:
    """Return `mlx.core.conv_general`.

    Parameters
    ----------
    input : array_like, shape (N, *sp, C)
        Floating point, one to three spatial axes.
    weight : array_like, shape (O, *k, C / groups)
        Floating point.
    stride, kernel_dilation, input_dilation : int or sequence of int, optional
        One for all axes, or one each. The input is dilated before it is padded.
    padding : int, sequence of int, or (lo, hi) of sequences, optional
        Negative amounts crop.
    groups : int, optional
        Groups of channels.
    flip : bool, optional
        Turn the kernel round: a true convolution.
    stream : optional
        Ignored.

    Returns
    -------
    ndarray, shape (N, *out, O)
        ``out = floor((input_dilation*(n - 1) + 1 + lo + hi - k)/stride) + 1``, k with its dilation.

    Raises
    ------
    ValueError, TypeError
        For what MLX refuses.

    References
    ----------
    mlx/ops.cpp in the MLX repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1.0, 6).reshape(1, 5, 1), np.array([1.0, 10, 100]).reshape(1, 3, 1)
    >>> conv_general(x, w, padding=([-1], [2])).ravel()
    array([432., 543.,  54.,   5.])
    >>> conv_general(x, w, padding=2, input_dilation=2, flip=True).ravel()
    array([  1.,  10., 102.,  20., 203.,  30., 304.,  40., 405.,  50., 500.])
    """
    function = "mlx.conv_general"
    x, w, count = _operands(function, input, weight, groups, None)
    nd = x.ndim - 2
    steps = _steps(function, "stride", stride, nd, 1)
    pads = _pads(function, padding, nd)
    spread = _steps(function, "kernel_dilation", kernel_dilation, nd, 1)
    stuffing = _steps(function, "input_dilation", input_dilation, nd, 1)
    w = tr.turned(w) if tr.flag(function, "flip", flip) else w
    return _correlate(function, x, w, steps, pads, spread, stuffing, count)
