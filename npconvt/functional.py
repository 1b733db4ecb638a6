"""Convolution and transposed convolution with the names, order and defaults of `torch.nn.functional`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npconvt import _arguments as arguments
from npconvt._geometry import ConvGeometry, conv_geometry, conv_transpose_geometry
from npconvt._memory import check_result

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Padding


def conv(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return the convolution (cross-correlation: the kernel is not flipped) over any number of spatial axes.

    On one axis, with xpad the padded input,

        y[o, i] = bias[o] + sum over c, t of weight[o, c, t] * xpad[c, i*stride + t*dilation]

    which is the kernel matrix times the input: see `kernel_matrix`.

    Parameters
    ----------
    input : array_like, shape (N, C_in, *sp) or (C_in, *sp)
        Images, or one image without the batch axis.
    weight : array_like, shape (C_out, C_in/groups, *k)
        The kernels. The number of spatial axes is `weight.ndim - 2`.
    bias : array_like, shape (C_out,), optional
        Added to each output channel.
    stride, dilation : int or sequence of int
        Step of the window, and distance of its taps, in pixels; one for all spatial axes or one each.
    padding : int, str or sequence
        Pixels added around the input: an int; one int or `(before, after)` pair per spatial axis, where negative ones
        crop; "valid" (none); "same" (as many as make `ceil(n/stride)` outputs, the odd one after) or "same_lower" (the
        odd one before).
    groups : int
        Blocks of channels that do not see one another; divides C_in and C_out.
    padding_mode : str
        What the padding shows: "zeros", "reflect", "replicate" or "circular".
    method : str
        Way to compute it; "auto" chooses from shapes and dtypes. "matrix" builds the kernel matrix and multiplies;
        "gemm" multiplies windows of the input; "fft" multiplies spectra, for large kernels and inexact dtypes: its
        errors are small against the largest result, not against each.

    Returns
    -------
    ndarray, shape (N, C_out, *sp) or (C_out, *sp)
        `floor((n + before + after - dilation*(k - 1) - 1)/stride) + 1` on each axis. The dtype is
        `numpy.result_type(input, weight, bias)`, but 64-bit for integers and bools, which do not wrap; float16 is
        summed in float32.

    Raises
    ------
    ValueError
        Where shapes and numbers do not fit one another, with the numbers.
    TypeError
        Where an argument is of the wrong kind.
    MemoryError
        Where `method="matrix"` would need more memory than there is.

    See Also
    --------
    conv1d, conv2d, conv3d : the same, with the number of axes checked.
    conv_transpose : its transpose.

    Notes
    -----
    Names, order, defaults and results are those of `torch.nn.functional.conv1d` to `conv3d`. Beyond these, it takes any
    number of axes, mixed dtypes, padding modes, asymmetric and negative padding, and "same" with a stride.

    Examples
    --------
    >>> from npconvt import conv
    >>> conv([[1, 2, 3, 4, 5]], [[[1, 10, 100]]])
    array([[321, 432, 543]])
    >>> conv([[1, 2, 3, 4, 5]], [[[1, 10, 100]]], padding="same")
    array([[210, 321, 432, 543,  54]])
    >>> conv([[1, 2, 3, 4, 5]], [[[1, 10, 100]]], stride=2, padding=((0, 2),), padding_mode="circular")
    array([[321, 543, 215]])
    >>> conv([[1, 2, 3]], [[[1, 1], [1, 1]]])
    Traceback (most recent call last):
    ...
    ValueError: conv: weight of shape (1, 2, 2) with groups=1 needs 2 input channels (weight.shape[1] * groups), but
    input of shape (1, 3) has 1.
    """
    return _conv("conv", None, input, weight, bias, stride, padding, dilation, groups, padding_mode, method)


def conv1d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return `conv` over one spatial axis, as `torch.nn.functional.conv1d`.

    Parameters
    ----------
    input : array_like, shape (N, C_in, L) or (C_in, L)
        Signals, or one signal without the batch axis.
    weight : array_like, shape (C_out, C_in/groups, k)
        The kernels.
    bias, stride, padding, dilation, groups, padding_mode, method
        See `conv`.

    Returns
    -------
    ndarray, shape (N, C_out, L_out) or (C_out, L_out)
        See `conv`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        See `conv`.

    Examples
    --------
    >>> from npconvt import conv1d
    >>> conv1d([[1, 2, 3, 4, 5]], [[[1, 10, 100]]], stride=2, padding=1)
    array([[210, 432,  54]])
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups, padding_mode, method)


def conv2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return `conv` over two spatial axes, as `torch.nn.functional.conv2d`.

    Parameters
    ----------
    input : array_like, shape (N, C_in, H, W) or (C_in, H, W)
        Images, or one image without the batch axis.
    weight : array_like, shape (C_out, C_in/groups, k_h, k_w)
        The kernels.
    bias, stride, padding, dilation, groups, padding_mode, method
        See `conv`.

    Returns
    -------
    ndarray, shape (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        See `conv`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        See `conv`.

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import conv2d
    >>> conv2d(np.arange(16).reshape(1, 4, 4), np.arange(9).reshape(1, 1, 3, 3))
    array([[[258, 294],
            [402, 438]]])
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups, padding_mode, method)


def conv3d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return `conv` over three spatial axes, as `torch.nn.functional.conv3d`.

    Parameters
    ----------
    input : array_like, shape (N, C_in, D, H, W) or (C_in, D, H, W)
        Volumes, or one volume without the batch axis.
    weight : array_like, shape (C_out, C_in/groups, k_d, k_h, k_w)
        The kernels.
    bias, stride, padding, dilation, groups, padding_mode, method
        See `conv`.

    Returns
    -------
    ndarray, shape (N, C_out, D_out, H_out, W_out) or (C_out, D_out, H_out, W_out)
        See `conv`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        See `conv`.

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import conv3d
    >>> conv3d(np.arange(8).reshape(1, 2, 2, 2), np.ones((1, 1, 2, 2, 2), int))
    array([[[[28]]]])
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups, padding_mode, method)


def conv_transpose(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    *,
    output_size: IntOrInts | None = None,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return the transposed convolution over any number of spatial axes: the transpose of `conv`, not its inverse.

    Each input element lays the kernel, scaled by its value, on the output; overlaps add up. On one axis,

        z[c, i*stride + t*dilation - before] += weight[o, c, t] * x[o, i]

    which is the transpose of the kernel matrix of the convolution with the same weight and arguments. Complex weights
    are not conjugated.

    Parameters
    ----------
    input : array_like, shape (N, C_in, *sp) or (C_in, *sp)
        Images, or one image without the batch axis.
    weight : array_like, shape (C_in, C_out/groups, *k)
        The kernels, as the convolution takes them whose transpose this is. Spatial axes: `weight.ndim - 2`.
    bias : array_like, shape (C_out,), optional
        Added to each output channel.
    stride, dilation : int or sequence of int
        Distance of the kernels laid for two neighbours, and of the taps in a kernel, in pixels of the output.
    padding : int, str or sequence
        That of the convolution whose transpose this is: pixels taken *off* the output at either end. Forms as in
        `conv`; negative ones append zeros. "same" and "same_lower" make `n*stride` outputs.
    output_padding : int or sequence of int
        Pixels added to the end of the smallest output. A stride maps several sizes to one; this chooses among them.
        Less than the larger of stride and dilation.
    groups : int
        Blocks of channels that do not see one another; divides C_in and C_out.
    output_size : int or sequence of int, optional
        The spatial size to return, in place of `output_padding`.
    padding_mode : str
        That of the convolution whose transpose this is: what would land on the padding is added where the padding took
        its values from. "zeros", "reflect", "replicate" or "circular".
    method : str
        Way to compute it; "auto" chooses from shapes and dtypes. "matrix" builds the kernel matrix and multiplies;
        "gemm" multiplies windows of the input; "fft" multiplies spectra, for large kernels and inexact dtypes: its
        errors are small against the largest result, not against each.

    Returns
    -------
    ndarray, shape (N, C_out, *sp) or (C_out, *sp)
        `(n - 1)*stride + dilation*(k - 1) + 1 - before - after + output_padding` on each axis. Dtype as in `conv`.

    Raises
    ------
    ValueError
        Where shapes and numbers do not fit one another, with the numbers.
    TypeError
        Where an argument is of the wrong kind.
    MemoryError
        Where `method="matrix"` would need more memory than there is.

    See Also
    --------
    conv_transpose1d, conv_transpose2d, conv_transpose3d : the same, with the number of axes checked.
    conv : what it is the transpose of.

    Notes
    -----
    Names, order (`groups` before `dilation`), defaults and results are those of
    `torch.nn.functional.conv_transpose1d` to `conv_transpose3d`.

    Examples
    --------
    >>> from npconvt import conv_transpose
    >>> conv_transpose([[1, 2, 3, 4, 5]], [[[1, 10, 100]]], stride=2)
    array([[  1,  10, 102,  20, 203,  30, 304,  40, 405,  50, 500]])

    Padding crops; the output padding says how much of the end comes back:

    >>> conv_transpose([[1, 2, 3, 4, 5]], [[[1, 10, 100]]], stride=2, padding=1)
    array([[ 10, 102,  20, 203,  30, 304,  40, 405,  50]])
    >>> conv_transpose([[1, 2, 3, 4, 5]], [[[1, 10, 100]]], stride=2, padding=1, output_padding=1)
    array([[ 10, 102,  20, 203,  30, 304,  40, 405,  50, 500]])
    >>> conv_transpose([[1, 2, 3, 4, 5]], [[[1, 10, 100]]], stride=2, padding="same")
    array([[  1,  10, 102,  20, 203,  30, 304,  40, 405,  50]])
    >>> conv_transpose([[1, 2, 3, 4, 5]], [[[1, 10, 100]]], stride=2, output_padding=2)
    Traceback (most recent call last):
    ...
    ValueError: conv_transpose: output_padding must be smaller than stride or dilation, but on spatial axis 0 it is 2,
    stride 2 and dilation 1.
    """
    return _conv_transpose(
        "conv_transpose",
        None,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
        output_size,
        padding_mode,
        method,
    )


def conv_transpose1d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    *,
    output_size: IntOrInts | None = None,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return `conv_transpose` over one spatial axis, as `torch.nn.functional.conv_transpose1d`.

    Parameters
    ----------
    input : array_like, shape (N, C_in, L) or (C_in, L)
        Signals, or one signal without the batch axis.
    weight : array_like, shape (C_in, C_out/groups, k)
        The kernels.
    bias, stride, padding, output_padding, groups, dilation, output_size, padding_mode, method
        See `conv_transpose`.

    Returns
    -------
    ndarray, shape (N, C_out, L_out) or (C_out, L_out)
        See `conv_transpose`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        See `conv_transpose`.

    Examples
    --------
    >>> from npconvt import conv_transpose1d
    >>> conv_transpose1d([[1, 2, 3]], [[[1, 10]]], stride=3, output_size=9)
    array([[ 1, 10,  0,  2, 20,  0,  3, 30,  0]])
    """
    return _conv_transpose(
        "conv_transpose1d",
        1,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
        output_size,
        padding_mode,
        method,
    )


def conv_transpose2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    *,
    output_size: IntOrInts | None = None,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return `conv_transpose` over two spatial axes, as `torch.nn.functional.conv_transpose2d`.

    Parameters
    ----------
    input : array_like, shape (N, C_in, H, W) or (C_in, H, W)
        Images, or one image without the batch axis.
    weight : array_like, shape (C_in, C_out/groups, k_h, k_w)
        The kernels.
    bias, stride, padding, output_padding, groups, dilation, output_size, padding_mode, method
        See `conv_transpose`.

    Returns
    -------
    ndarray, shape (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        See `conv_transpose`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        See `conv_transpose`.

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import conv_transpose2d
    >>> conv_transpose2d(np.array([[[258, 294], [402, 438]]]), np.arange(9).reshape(1, 1, 3, 3))
    array([[[   0,  258,  810,  588],
            [ 774, 2316, 3708, 2346],
            [2754, 6492, 7884, 4542],
            [2412, 5442, 6282, 3504]]])
    """
    return _conv_transpose(
        "conv_transpose2d",
        2,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
        output_size,
        padding_mode,
        method,
    )


def conv_transpose3d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    *,
    output_size: IntOrInts | None = None,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return `conv_transpose` over three spatial axes, as `torch.nn.functional.conv_transpose3d`.

    Parameters
    ----------
    input : array_like, shape (N, C_in, D, H, W) or (C_in, D, H, W)
        Volumes, or one volume without the batch axis.
    weight : array_like, shape (C_in, C_out/groups, k_d, k_h, k_w)
        The kernels.
    bias, stride, padding, output_padding, groups, dilation, output_size, padding_mode, method
        See `conv_transpose`.

    Returns
    -------
    ndarray, shape (N, C_out, D_out, H_out, W_out) or (C_out, D_out, H_out, W_out)
        See `conv_transpose`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        See `conv_transpose`.

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import conv_transpose3d
    >>> conv_transpose3d(np.array([[[[5]]]]), np.arange(8).reshape(1, 1, 2, 2, 2))
    array([[[[ 0,  5],
             [10, 15]],
            [[20, 25],
             [30, 35]]]])
    """
    return _conv_transpose(
        "conv_transpose3d",
        3,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
        output_size,
        padding_mode,
        method,
    )


def _conv(
    call: str,
    ndim: int | None,
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: IntOrInts,
    padding: Padding,
    dilation: IntOrInts,
    groups: int,
    padding_mode: str,
    method: str,
) -> NDArray[Any]:
    x, w = _arrays(call, ndim, input, weight, "(C_out, C_in/groups, *kernel)")
    geometry = conv_geometry(call, x.shape, w.shape, stride, padding, dilation, groups, padding_mode)
    return _contract(call, geometry, x, w, bias, method, transposed=False)


def _conv_transpose(
    call: str,
    ndim: int | None,
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: IntOrInts,
    padding: Padding,
    output_padding: IntOrInts,
    groups: int,
    dilation: IntOrInts,
    output_size: IntOrInts | None,
    padding_mode: str,
    method: str,
) -> NDArray[Any]:
    x, w = _arrays(call, ndim, input, weight, "(C_in, C_out/groups, *kernel)")
    geometry = conv_transpose_geometry(
        call, x.shape, w.shape, stride, padding, output_padding, groups, dilation, output_size, padding_mode
    )
    return _contract(call, geometry, x, w, bias, method, transposed=True)


def _arrays(
    call: str, ndim: int | None, input: ArrayLike, weight: ArrayLike, layout: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return input and weight as arrays whose numbers of axes belong together."""
    x = arguments.array(call, "input", input)
    w = arguments.array(call, "weight", weight)
    if ndim is None:
        arguments.check_weight_ndim(call, w.shape)
        ndim = w.ndim - 2
    elif w.ndim != ndim + 2:
        arguments.check_ndim(call, "weight", w.shape, (ndim + 2,), layout)
    if x.ndim - ndim not in (1, 2):
        arguments.check_ndim(call, "input", x.shape, (ndim + 1, ndim + 2), "(C_in, *spatial) or (N, C_in, *spatial)")
    return x, w


def _contract(
    call: str,
    geometry: ConvGeometry,
    x: NDArray[Any],
    w: NDArray[Any],
    bias: ArrayLike | None,
    method: str,
    *,
    transposed: bool,
) -> NDArray[Any]:
    # Loaded by the first call, so that an import is quick: the methods are most of the library's code.
    from npconvt._methods import prepare

    arguments.check_method(call, method)
    b = None if bias is None else arguments.array(call, "bias", bias)
    if b is not None:
        arguments.check_bias(call, b, geometry.in_channels if transposed else geometry.out_channels)
    dtype = arguments.result_dtype(x, w, b)
    batched = x.ndim == w.ndim
    images = x if batched else x[None]
    channels, sizes = (
        (geometry.in_channels, geometry.input_size) if transposed else (geometry.out_channels, geometry.output_size)
    )
    check_result(call, (len(images), channels, *sizes), dtype.itemsize)
    # Where inputs are not finite, or a sum overflows, the result says so, as in every method; none warns.
    with np.errstate(invalid="ignore", over="ignore"):
        road = prepare(geometry, w, dtype, method=method, call=call)
        result = road.transpose(images, b) if transposed else road.forward(images, b)
    return result if batched else result[0]
