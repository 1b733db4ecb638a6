"""The convolutions of `tf.nn`, in NumPy.

Filters are ``(*k, C_in, C_out)``; a transposed call takes the very filter of the convolution whose gradient it is,
``(*k, C_out, C_in)``, and obliges the caller to say the size of its result. ``name`` is ignored. Results have the
dtype of the operands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npconvt.frameworks import _translate as tr
from npconvt.frameworks._conventions import Convention, find

__all__ = [
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "depthwise_conv2d",
]

_CONV = find("tensorflow", "conv1d, conv2d, conv3d")
_TRANSPOSE = find("tensorflow", "conv1d_transpose, conv2d_transpose, conv3d_transpose")
_FLOATS = ("float16", "float32", "float64")
# The element types that the operators are registered for, as far as NumPy has them.
_DTYPES = {1: (*_FLOATS, "int32"), 2: (*_FLOATS, "int32"), 3: _FLOATS}
_FORMATS: dict[int, dict[str | None, str]] = {
    1: {"NWC": "N*C", "NCW": "NC*", None: "N*C"},
    2: {"NHWC": "N*C", "NCHW": "NC*", None: "N*C"},
    3: {"NDHWC": "N*C", "NCDHW": "NC*", None: "N*C"},
}


def _layout(function: str, data_format: Any, formats: dict[str | None, str]) -> str:
    if data_format is None:
        return formats[None]
    return formats[tr.word(function, "data_format", data_format, [name for name in formats if name is not None])]


def _steps(function: str, name: str, value: Any, nd: int, layout: str) -> tr.Ints:
    """Return one integer per spatial axis from an int, one, one each, or one for every axis of the input."""
    if value is None:
        return (1,) * nd
    items = list(value) if tr.is_sequence(value) else [value]
    if len(items) not in (1, nd, nd + 2):
        message = f"{function}: {name} must have 1, {nd} or {nd + 2} integers, but it has {len(items)}: {items}."
        raise ValueError(message)
    steps = tr.integers(function, name, items, len(items), 1)
    if len(steps) == nd + 2:
        return _inner(function, name, steps, layout)
    return steps * nd if len(steps) == 1 else steps


def _inner(function: str, name: str, steps: tr.Ints, layout: str) -> tr.Ints:
    """Return the spatial ones of one integer per axis of the input; the others must be 1."""
    spatial = steps[1:-1] if layout == "N*C" else steps[2:]
    if sum(steps) - sum(spatial) != 2:
        message = f"{function}: {name} must be 1 on the batch and channel axes, but it is {steps}."
        raise ValueError(message)
    return spatial


def _every_axis(function: str, name: str, value: Any, nd: int, layout: str) -> tr.Ints:
    """Return one integer per spatial axis from exactly one for every axis of the input."""
    return _inner(function, name, tr.integers(function, name, value, nd + 2, 1), layout)


def _padding(function: str, padding: Any, nd: int, layout: str) -> str | tr.Pairs:
    """Return a word, or with two spatial axes the (lo, hi) pairs of the spatial axes."""
    if isinstance(padding, str) or nd != 2:
        return tr.word(function, "padding", padding, ("SAME", "VALID"))
    given = tr.pairs(function, "padding", padding, nd + 2)
    spatial = given[1:-1] if layout == "N*C" else given[2:]
    if min(min(pair) for pair in given) < 0 or sum(map(sum, given)) != sum(map(sum, spatial)):
        message = (
            f"{function}: padding must not be negative, and (0, 0) on the batch and channel axes, but it is {given}."
        )
        raise ValueError(message)
    return spatial


def _size(axis: tr.Axis, lo: int, hi: int) -> int:
    """Return the size of a convolution's result, rounded towards zero as integer division in C is."""
    return int((axis.n + lo + hi - axis.k + axis.s) / axis.s)


def _with_pads(axes: list[tr.Axis], padding: str | tr.Pairs, outs: Iterable[int | None] | None = None) -> list[tr.Axis]:
    given = ((0, 0),) * len(axes) if isinstance(padding, str) else padding
    sizes = (None,) * len(axes) if outs is None else outs
    return [tr.Axis(a.n, a.k, a.s, *p, out=o) for a, p, o in zip(axes, given, sizes, strict=True)]


def _amounts(convention: Convention, padding: str | tr.Pairs, axes: list[tr.Axis]) -> tr.Pairs:
    return tr.amounts(convention, padding if isinstance(padding, str) else "explicit", axes)


def _correlate(
    function: str, x: tr.Array, w: tr.Array, stride: tr.Ints, padding: str | tr.Pairs, dilation: tr.Ints, groups: int
) -> tr.Array:
    """Return the convolution of canonical arrays, or the refusal of a kernel that is too long."""
    tr.kernel_sizes(function, w)
    axes = tr.axes_of(x, w, stride, dilation)
    pads = _amounts(_CONV, padding, _with_pads(axes, padding))
    for axis, (lo, hi) in zip(axes, pads, strict=True):
        if _size(axis, lo, hi) < 0:
            message = (
                f"{function}: filter must fit the padded input, "
                f"but its dilated size is {axis.k} where the padded input has {axis.n + lo + hi} (stride {axis.s})."
            )
            raise ValueError(message)
    return tr.correlate(x, w, None, stride=stride, padding=pads, dilation=dilation, groups=groups)


def _conv(
    nd: int, input: npt.ArrayLike, filters: npt.ArrayLike, stride: Any, padding: Any, data_format: Any, dilations: Any
) -> tr.Array:
    function = f"tensorflow.conv{nd}d"
    formats = _FORMATS[nd] | ({"NHWC": "N*C", "NCHW": "NC*"} if nd == 1 else {})
    layout = _layout(function, data_format, formats)
    x, w = tr.array(function, "input", input), tr.array(function, "filters", filters)
    dtype = tr.one_dtype(function, input=x, filters=w)
    tr.dtype_among(function, "input", x, _DTYPES[nd])
    tr.rank(function, "filters", w, "spatial, C_in, C_out", nd + 2)
    if x.ndim < nd + 2:
        message = f"{function}: input must have at least {nd + 2} axes, but its shape is {x.shape}."
        raise ValueError(message)
    read = _every_axis if nd == 3 else _steps
    # One more parameter than the others: here None is not allowed.
    name = "stride" if nd == 1 else "strides"
    steps = read(function, name, stride, nd, layout)
    dilation = (1,) * nd if dilations is None else read(function, "dilations", dilations, nd, layout)
    pads = _padding(function, padding, nd, layout)
    lead = x.shape[: x.ndim - nd - 1]
    canonical = tr.relaid(x.reshape(int(np.prod(lead)), *x.shape[-nd - 1 :]), layout, "NC*")
    kernel = tr.relaid(w, "*IO", "OI*")
    if not w.shape[-2] or canonical.shape[1] % w.shape[-2]:
        message = (
            f"{function}: filters' input channels must divide the input's, "
            f"but {w.shape[-2]} does not divide {canonical.shape[1]} (input {x.shape}, filters {w.shape})."
        )
        raise ValueError(message)
    groups = canonical.shape[1] // w.shape[-2]
    if not groups or w.shape[-1] % groups:
        message = (
            f"{function}: filters' output channels must be a multiple of the {groups} groups "
            f"that {canonical.shape[1]} channels make, but there are {w.shape[-1]}."
        )
        raise ValueError(message)
    y = _correlate(function, canonical, kernel, steps, pads, dilation, groups)
    y = tr.relaid(y.astype(dtype, copy=False), "NC*", layout)
    return y.reshape(*lead, *y.shape[1:])


def conv1d(
    input: npt.ArrayLike,
    filters: npt.ArrayLike,
    stride: int | Sequence[int],
    padding: str,
    data_format: str | None = "NWC",
    dilations: int | Sequence[int] | None = None,
    name: str | None = None,
) -> tr.Array:
    """Return `tf.nn.conv1d`.

    Parameters
    ----------
    input : array_like, shape (*batch, W, C), or (*batch, C, W) with data_format "NCW"
        Of dtype float16, float32, float64 or int32.
    filters : array_like, shape (k, C / groups, O)
        Of the input's dtype. The number of groups follows from the channels.
    stride, dilations : int or sequence of 1 or 3 int
        The step of the window and the distance of its taps.
    padding : "SAME" or "VALID"
        "SAME" is ``ceil(n/stride)``, the odd zero at the end.
    data_format : "NWC" or "NCW", optional
        Layout of input and result.
    name : str, optional
        Ignored.

    Returns
    -------
    ndarray, shape (*batch, out, O), or (*batch, O, out)
        "VALID": ``(n - k + stride)/stride`` rounded towards zero, k with its dilation: empty for a filter that is a
        little longer than the input; refused where it is less than 0.

    Raises
    ------
    ValueError, TypeError
        For what TensorFlow refuses.

    References
    ----------
    tensorflow/core/framework/kernel_shape_util.cc in the TensorFlow repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1.0, 7).reshape(1, 6, 1), np.array([1.0, 10, 100]).reshape(3, 1, 1)
    >>> conv1d(x, w, 2, "SAME").ravel()
    array([321., 543.,  65.])
    """
    return _conv(1, input, filters, stride, padding, data_format, dilations)


def conv2d(
    input: npt.ArrayLike,
    filters: npt.ArrayLike,
    strides: int | Sequence[int],
    padding: str | Sequence[Sequence[int]],
    data_format: str | None = "NHWC",
    dilations: int | Sequence[int] | None = None,
    name: str | None = None,
) -> tr.Array:
    """Return `tf.nn.conv2d`.

    Parameters
    ----------
    input : array_like, shape (*batch, H, W, C), or (*batch, C, H, W) with data_format "NCHW"
        Of dtype float16, float32, float64 or int32.
    filters : array_like, shape (k_h, k_w, C / groups, O)
        Of the input's dtype. The number of groups follows from the channels.
    strides, dilations : int or sequence of 1, 2 or 4 int
        Four: one per axis of the input, 1 on batch and channels.
    padding : "SAME", "VALID" or four pairs
        Pairs in the order of the input's axes, for example ``[[0, 0], [top, bottom], [left, right], [0, 0]]``.
    data_format : "NHWC" or "NCHW", optional
        Layout of input and result.
    name : str, optional
        Ignored.

    Returns
    -------
    ndarray, shape (*batch, out_h, out_w, O), or (*batch, O, out_h, out_w)
        Sizes as in `conv1d`.

    Raises
    ------
    ValueError, TypeError
        For what TensorFlow refuses.

    References
    ----------
    tensorflow/core/framework/kernel_shape_util.cc in the TensorFlow repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(16.0).reshape(1, 4, 4, 1), np.arange(9.0).reshape(3, 3, 1, 1)
    >>> conv2d(x, w, 1, "VALID")[0, :, :, 0]
    array([[258., 294.],
           [402., 438.]])
    """
    return _conv(2, input, filters, strides, padding, data_format, dilations)


def conv3d(
    input: npt.ArrayLike,
    filters: npt.ArrayLike,
    strides: Sequence[int],
    padding: str,
    data_format: str | None = "NDHWC",
    dilations: Sequence[int] | None = None,
    name: str | None = None,
) -> tr.Array:
    """Return `tf.nn.conv3d`.

    Parameters
    ----------
    input : array_like, shape (*batch, D, H, W, C), or (*batch, C, D, H, W) with data_format "NCDHW"
        Of dtype float16, float32 or float64.
    filters : array_like, shape (k_d, k_h, k_w, C / groups, O)
        Of the input's dtype. The number of groups follows from the channels.
    strides, dilations : sequence of 5 int
        One per axis of the input, 1 on batch and channels.
    padding : "SAME" or "VALID"
        As in `conv1d`.
    data_format : "NDHWC" or "NCDHW", optional
        Layout of input and result.
    name : str, optional
        Ignored.

    Returns
    -------
    ndarray, shape (*batch, *out, O), or (*batch, O, *out)
        Sizes as in `conv1d`.

    Raises
    ------
    ValueError, TypeError
        For what TensorFlow refuses.

    References
    ----------
    tensorflow/core/framework/kernel_shape_util.cc in the TensorFlow repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(8.0).reshape(1, 2, 2, 2, 1), np.ones((2, 2, 2, 1, 1))
    >>> conv3d(x, w, [1, 1, 1, 1, 1], "VALID").ravel()
    array([28.])
    """
    return _conv(3, input, filters, strides, padding, data_format, dilations)


def _sizes_asked(
    function: str, output_shape: Any, x: tr.Array, layout: str, nd: int, per_group: int
) -> tuple[tr.Ints, int]:
    """Return the spatial sizes and the channels that the caller asks for; x is canonical."""
    asked = tr.sequence(function, "output_shape", output_shape, None, "integers")
    sizes = tr.integers(function, "output_shape", asked, len(asked), 0)
    if len(sizes) == nd and nd > 1:
        return sizes, per_group
    if len(sizes) != nd + 2:
        message = f"{function}: output_shape must have {nd + 2} integers, but it has {len(sizes)}: {sizes}."
        raise ValueError(message)
    batch, channels = sizes[0], sizes[-1] if layout == "N*C" else sizes[1]
    if batch != x.shape[0]:
        message = f"{function}: output_shape[0] must be the batch of the input, {x.shape[0]}, but it is {batch}."
        raise ValueError(message)
    return sizes[1:-1] if layout == "N*C" else sizes[2:], channels


def _fits(function: str, axes: list[tr.Axis], outs: tr.Ints, padding: str | tr.Pairs) -> None:
    """Refuse sizes whose convolution would not have the size of the input."""
    forward = [tr.Axis(out, a.k, a.s) for a, out in zip(axes, outs, strict=True)]
    pads = _amounts(_CONV, padding, _with_pads(forward, padding))
    for i, (axis, pair, back) in enumerate(zip(forward, pads, axes, strict=True)):
        size = -(-axis.n // axis.s) if padding == "SAME" else _size(axis, *pair)
        if size != back.n:
            message = (
                f"{function}: output_shape must be a size whose convolution has the size of the input, "
                f"but on spatial axis {i} a size of {axis.n} makes {size} and the input has {back.n}."
            )
            raise ValueError(message)


def _conv_transpose(
    nd: int,
    input: npt.ArrayLike,
    filters: npt.ArrayLike,
    output_shape: Any,
    strides: Any,
    padding: Any,
    data_format: Any,
    dilations: Any,
) -> tr.Array:
    function = f"tensorflow.conv{nd}d_transpose"
    layout = _layout(function, data_format, _FORMATS[nd])
    x, w = tr.array(function, "input", input), tr.array(function, "filters", filters)
    dtype = tr.one_dtype(function, input=x, filters=w)
    tr.dtype_among(function, "input", x, _DTYPES[nd])
    tr.rank(function, "input", x, "batch, channels, spatial", nd + 2)
    tr.rank(function, "filters", w, "spatial, C_out, C_in", nd + 2)
    steps = _steps(function, "strides", strides, nd, layout)
    dilation = _steps(function, "dilations", dilations, nd, layout)
    pads = _padding(function, padding, nd, layout)
    canonical, kernel = tr.relaid(x, layout, "NC*"), tr.relaid(w, "*OI", "IO*")
    tr.kernel_sizes(function, kernel)
    outs, channels = _sizes_asked(function, output_shape, canonical, layout, nd, w.shape[-2])
    if not w.shape[-2] or not channels or channels % w.shape[-2]:
        message = (
            f"{function}: output_shape's channels must be a multiple, at least 1, of filters.shape[-2], "
            f"but they are {channels} and {w.shape[-2]}."
        )
        raise ValueError(message)
    groups = channels // w.shape[-2]
    if canonical.shape[1] != w.shape[-1] or canonical.shape[1] % groups:
        message = (
            f"{function}: filters.shape[-1] must be the input's channels, a multiple of the {groups} groups, "
            f"but it is {w.shape[-1]} and they are {canonical.shape[1]} (input {x.shape}, filters {w.shape})."
        )
        raise ValueError(message)
    axes = tr.axes_of(canonical, kernel, steps, dilation)
    _fits(function, axes, outs, pads)
    crop = _amounts(_TRANSPOSE, pads, _with_pads(axes, pads, outs))
    y = tr.scatter(canonical, kernel, None, stride=steps, crop=crop, dilation=dilation, groups=groups)
    return tr.relaid(y.astype(dtype, copy=False), "NC*", layout)


def conv1d_transpose(
    input: npt.ArrayLike,
    filters: npt.ArrayLike,
    output_shape: Sequence[int],
    strides: int | Sequence[int],
    padding: str = "SAME",
    data_format: str | None = "NWC",
    dilations: int | Sequence[int] | None = None,
    name: str | None = None,
) -> tr.Array:
    """Return `tf.nn.conv1d_transpose`: the gradient of `conv1d` in its input.

    ``output_shape`` may be any whose convolution has the input's size. "SAME" crops ``t = max(0, (n - 1)*s + k - out)``
    samples, ``t//2`` of them at the start: so where the result starts depends on the size asked for. "VALID" appends
    zeros.

    Parameters
    ----------
    input : array_like, shape (N, W, C_in), or (N, C_in, W) with data_format "NCW"
        Of dtype float16, float32, float64 or int32.
    filters : array_like, shape (k, C_out / groups, C_in)
        Of the input's dtype: the filter of the forward convolution, unchanged.
    output_shape : sequence of 3 int
        Shape of the result, in the layout of the input.
    strides, dilations : int or sequence of 1 or 3 int
        Of the forward convolution.
    padding : "SAME" or "VALID", optional
        Of the forward convolution.
    data_format : "NWC" or "NCW", optional
        Layout of input and result.
    name : str, optional
        Ignored.

    Returns
    -------
    ndarray, shape output_shape
        In the dtype of the input.

    Raises
    ------
    ValueError, TypeError
        For what TensorFlow refuses.

    References
    ----------
    tensorflow/core/kernels/conv_grad_shape_utils.cc in the TensorFlow repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1.0, 6).reshape(1, 5, 1), np.array([1.0, 10, 100]).reshape(3, 1, 1)
    >>> conv1d_transpose(x, w, (1, 10, 1), 2).ravel()
    array([  1.,  10., 102.,  20., 203.,  30., 304.,  40., 405.,  50.])
    >>> conv1d_transpose(x, w, (1, 9, 1), 2).ravel()
    array([ 10., 102.,  20., 203.,  30., 304.,  40., 405.,  50.])
    >>> conv1d_transpose(x, w, (1, 8, 1), 2)
    Traceback (most recent call last):
    ValueError: tensorflow.conv1d_transpose: output_shape must be a size whose convolution has the size of the input,
    but on spatial axis 0 a size of 8 makes 4 and the input has 5.
    """
    return _conv_transpose(1, input, filters, output_shape, strides, padding, data_format, dilations)


def conv2d_transpose(
    input: npt.ArrayLike,
    filters: npt.ArrayLike,
    output_shape: Sequence[int],
    strides: int | Sequence[int],
    padding: str | Sequence[Sequence[int]] = "SAME",
    data_format: str | None = "NHWC",
    dilations: int | Sequence[int] | None = None,
    name: str | None = None,
) -> tr.Array:
    """Return `tf.nn.conv2d_transpose`: the gradient of `conv2d` in its input.

    Parameters
    ----------
    input : array_like, shape (N, H, W, C_in), or (N, C_in, H, W) with data_format "NCHW"
        Of dtype float16, float32, float64 or int32.
    filters : array_like, shape (k_h, k_w, C_out / groups, C_in)
        Of the input's dtype: the filter of the forward convolution, unchanged.
    output_shape : sequence of 4 or 2 int
        Shape of the result in the layout of the input, or its height and width.
    strides, dilations : int or sequence of 1, 2 or 4 int
        Of the forward convolution.
    padding : "SAME", "VALID" or four pairs, optional
        Of the forward convolution; see `conv1d_transpose`.
    data_format : "NHWC" or "NCHW", optional
        Layout of input and result.
    name : str, optional
        Ignored.

    Returns
    -------
    ndarray, shape output_shape
        In the dtype of the input.

    Raises
    ------
    ValueError, TypeError
        For what TensorFlow refuses.

    References
    ----------
    tensorflow/core/kernels/conv_grad_shape_utils.cc in the TensorFlow repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.ones((1, 2, 2, 1)), np.arange(1.0, 5).reshape(2, 2, 1, 1)
    >>> conv2d_transpose(x, w, (1, 3, 3, 1), 1, "VALID")[0, :, :, 0]
    array([[ 1.,  3.,  2.],
           [ 4., 10.,  6.],
           [ 3.,  7.,  4.]])
    """
    return _conv_transpose(2, input, filters, output_shape, strides, padding, data_format, dilations)


def conv3d_transpose(
    input: npt.ArrayLike,
    filters: npt.ArrayLike,
    output_shape: Sequence[int],
    strides: int | Sequence[int],
    padding: str = "SAME",
    data_format: str | None = "NDHWC",
    dilations: int | Sequence[int] | None = None,
    name: str | None = None,
) -> tr.Array:
    """Return `tf.nn.conv3d_transpose`: the gradient of `conv3d` in its input.

    Parameters
    ----------
    input : array_like, shape (N, D, H, W, C_in), or (N, C_in, D, H, W) with data_format "NCDHW"
        Of dtype float16, float32 or float64.
    filters : array_like, shape (k_d, k_h, k_w, C_out / groups, C_in)
        Of the input's dtype: the filter of the forward convolution, unchanged.
    output_shape : sequence of 5 int
        Shape of the result, in the layout of the input.
    strides, dilations : int or sequence of 1, 3 or 5 int
        Of the forward convolution.
    padding : "SAME" or "VALID", optional
        Of the forward convolution; see `conv1d_transpose`.
    data_format : "NDHWC" or "NCDHW", optional
        Layout of input and result.
    name : str, optional
        Ignored.

    Returns
    -------
    ndarray, shape output_shape
        In the dtype of the input.

    Raises
    ------
    ValueError, TypeError
        For what TensorFlow refuses.

    References
    ----------
    tensorflow/core/kernels/conv_grad_shape_utils.cc in the TensorFlow repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.full((1, 1, 1, 1, 1), 5.0), np.arange(8.0).reshape(2, 2, 2, 1, 1)
    >>> conv3d_transpose(x, w, (1, 2, 2, 2, 1), 2).ravel()
    array([ 0.,  5., 10., 15., 20., 25., 30., 35.])
    """
    return _conv_transpose(3, input, filters, output_shape, strides, padding, data_format, dilations)


def depthwise_conv2d(
    input: npt.ArrayLike,
    filter: npt.ArrayLike,
    strides: Sequence[int],
    padding: str | Sequence[Sequence[int]],
    data_format: str | None = None,
    dilations: Sequence[int] | None = None,
    name: str | None = None,
) -> tr.Array:
    """Return `tf.nn.depthwise_conv2d`: every channel with its own filters.

    Parameters
    ----------
    input : array_like, shape (N, H, W, C), or (N, C, H, W) with data_format "NCHW"
        Of dtype float16, float32 or float64.
    filter : array_like, shape (k_h, k_w, C, M)
        Of the input's dtype: M filters a channel.
    strides : sequence of 4 int
        One per axis of the input, 1 on batch and channels.
    padding : "SAME", "VALID" or four pairs
        As in `conv2d`.
    data_format : "NHWC" or "NCHW", optional
        Layout of input and result; the first where None.
    dilations : sequence of 2 int, optional
        Where one is above 1, all strides must be 1: TensorFlow documents that, and warns.
    name : str, optional
        Ignored.

    Returns
    -------
    ndarray, shape (N, out_h, out_w, C*M), or (N, C*M, out_h, out_w)
        Channel ``c*M + m`` is channel c with its filter m.

    Raises
    ------
    ValueError, TypeError
        For what TensorFlow refuses.

    References
    ----------
    tensorflow/python/ops/nn_impl.py in the TensorFlow repository.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 10, 2, 20]).reshape(1, 1, 2, 2)
    >>> depthwise_conv2d(x, np.array([1.0, 2, 3, 4]).reshape(1, 1, 2, 2), [1, 1, 1, 1], "VALID")
    array([[[[ 1.,  2., 30., 40.],
             [ 2.,  4., 60., 80.]]]])
    """
    function = "tensorflow.depthwise_conv2d"
    layout = _layout(function, data_format, _FORMATS[2])
    x, w = tr.array(function, "input", input), tr.array(function, "filter", filter)
    dtype = tr.one_dtype(function, input=x, filter=w)
    tr.dtype_among(function, "input", x, _FLOATS)
    tr.rank(function, "input", x, "batch, channels, spatial", 4)
    tr.rank(function, "filter", w, "spatial, C, M", 4)
    steps = _every_axis(function, "strides", strides, 2, layout)
    dilation = (1, 1) if dilations is None else tr.integers(function, "dilations", dilations, 2, 1)
    if max(dilation) > 1 and max(steps) > 1:
        message = f"{function}: strides must be 1 where a dilation is above 1, but they are {steps} and {dilation}."
        raise ValueError(message)
    pads = _padding(function, padding, 2, layout)
    canonical = tr.relaid(x, layout, "NC*")
    channels = canonical.shape[1]
    if channels != w.shape[2] or not w.size:
        message = (
            f"{function}: filter must have no empty axis and as many channels (its third axis) as the input, "
            f"but the input has {channels} (input {x.shape}, filter {w.shape})."
        )
        raise ValueError(message)
    # Output channel c*M + m belongs to input channel c.
    kernel = np.moveaxis(w.reshape(*w.shape[:2], 1, channels * w.shape[3]), (-1, -2), (0, 1))
    y = _correlate(function, canonical, kernel, steps, pads, dilation, channels)
    return tr.relaid(y.astype(dtype, copy=False), "NC*", layout)
