"""Gradients of `conv` and `conv_transpose` in their input and in their weight, with the calls' own keywords.

For a loss that is a function of the call's result, `grad_output` is the gradient of the loss in that result; each
function returns the gradient of the loss in one of the call's arguments. The gradient in the bias is the sum of
`grad_output` over everything but the channels.

All four are contractions of one trilinear form, <y, A(w) x>, so each is computed by the same methods as the calls. With
complex arrays a gradient is the adjoint's: the array that stays is conjugated, as in torch's autograd.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from npconvt import _arguments as arguments
from npconvt._geometry import ConvGeometry, conv_geometry, conv_transpose_geometry
from npconvt._memory import check_result
from npconvt._methods import prepare, weight_gradient

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Ints, Padding

__all__ = ["conv_input", "conv_transpose_input", "conv_transpose_weight", "conv_weight"]


def conv_input(
    input_shape: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return the gradient of a loss in the input of `conv`.

    It is the transposed convolution of `grad_output` with the conjugate of the weight, of the input's size.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of the input: `(N, C_in, *sp)` or `(C_in, *sp)`.
    weight : array_like, shape (C_out, C_in/groups, *k)
        The kernels of the call.
    grad_output : array_like, shape (N, C_out, *sp_out) or (C_out, *sp_out)
        The gradient in the call's result.
    stride, padding, dilation, groups, padding_mode, method
        Those of the call; see `conv`.

    Returns
    -------
    ndarray, shape input_shape
        Of the dtype that `conv` of these two arrays has.

    Raises
    ------
    ValueError
        Where shapes and numbers do not fit one another, with the numbers.
    TypeError
        Where an argument is of the wrong kind.

    Examples
    --------
    The input's last element is under no window, so it has no gradient:

    >>> from npconvt import grad
    >>> grad.conv_input((1, 6), [[[1, 10, 100]]], [[1, 2]], stride=2)
    array([[  1,  10, 102,  20, 200,   0]])
    >>> grad.conv_input((1, 6), [[[1, 10, 100]]], [[1, 2, 3]], stride=2)
    Traceback (most recent call last):
    ...
    ValueError: grad.conv_input: grad_output must have shape (1, 2), that of the result for input of shape (1, 6) and
    weight of shape (1, 1, 3), but has shape (1, 3).
    """
    call = "grad.conv_input"
    shape = arguments.shape(call, "input_shape", input_shape)
    w = arguments.array(call, "weight", weight)
    geometry = _conv_geometry(call, shape, w.shape, stride, padding, dilation, groups, padding_mode)
    g = _grad_output(call, grad_output, shape, w.shape, geometry.output_shape)
    return _input(call, geometry, w, g, method, transposed=True)


def conv_weight(
    input: ArrayLike,
    weight_shape: Sequence[int],
    grad_output: ArrayLike,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return the gradient of a loss in the weight of `conv`, summed over the batch.

    Parameters
    ----------
    input : array_like, shape (N, C_in, *sp) or (C_in, *sp)
        The input of the call.
    weight_shape : sequence of int
        Shape of the weight: `(C_out, C_in/groups, *k)`.
    grad_output : array_like, shape (N, C_out, *sp_out) or (C_out, *sp_out)
        The gradient in the call's result.
    stride, padding, dilation, groups, padding_mode, method
        Those of the call; see `conv`.

    Returns
    -------
    ndarray, shape weight_shape
        Of the dtype that `conv` of these two arrays has.

    Raises
    ------
    ValueError
        Where shapes and numbers do not fit one another, with the numbers.
    TypeError
        Where an argument is of the wrong kind.

    Examples
    --------
    >>> from npconvt import grad
    >>> grad.conv_weight([[1, 2, 3, 4, 5]], (1, 1, 3), [[1, 0, 10]])
    array([[[31, 42, 53]]])
    """
    call = "grad.conv_weight"
    x = arguments.array(call, "input", input)
    shape = arguments.shape(call, "weight_shape", weight_shape)
    geometry = _conv_geometry(call, x.shape, shape, stride, padding, dilation, groups, padding_mode)
    g = _grad_output(call, grad_output, x.shape, shape, geometry.output_shape)
    return _weight(call, geometry, x.conj(), g, method)


def conv_transpose_input(
    input_shape: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    output_size: IntOrInts | None = None,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return the gradient of a loss in the input of `conv_transpose`.

    It is the convolution of `grad_output` with the conjugate of the weight.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of the input: `(N, C_in, *sp)` or `(C_in, *sp)`.
    weight : array_like, shape (C_in, C_out/groups, *k)
        The kernels of the call.
    grad_output : array_like, shape (N, C_out, *sp_out) or (C_out, *sp_out)
        The gradient in the call's result.
    stride, padding, output_padding, groups, dilation, output_size, padding_mode, method
        Those of the call; see `conv_transpose`.

    Returns
    -------
    ndarray, shape input_shape
        Of the dtype that `conv_transpose` of these two arrays has.

    Raises
    ------
    ValueError
        Where shapes and numbers do not fit one another, with the numbers.
    TypeError
        Where an argument is of the wrong kind.

    Examples
    --------
    >>> from npconvt import grad
    >>> grad.conv_transpose_input((1, 2), [[[1, 10, 100]]], [[1, 2, 3, 4, 5]], stride=2)
    array([[321, 543]])
    """
    call = "grad.conv_transpose_input"
    shape = arguments.shape(call, "input_shape", input_shape)
    w = arguments.array(call, "weight", weight)
    geometry = _conv_transpose_geometry(
        call, shape, w.shape, stride, padding, output_padding, groups, dilation, output_size, padding_mode
    )
    g = _grad_output(call, grad_output, shape, w.shape, geometry.input_shape)
    return _input(call, geometry, w, g, method, transposed=False)


def conv_transpose_weight(
    input: ArrayLike,
    weight_shape: Sequence[int],
    grad_output: ArrayLike,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
    output_size: IntOrInts | None = None,
    padding_mode: str = "zeros",
    method: str = "auto",
) -> NDArray[Any]:
    """Return the gradient of a loss in the weight of `conv_transpose`, summed over the batch.

    Parameters
    ----------
    input : array_like, shape (N, C_in, *sp) or (C_in, *sp)
        The input of the call.
    weight_shape : sequence of int
        Shape of the weight: `(C_in, C_out/groups, *k)`.
    grad_output : array_like, shape (N, C_out, *sp_out) or (C_out, *sp_out)
        The gradient in the call's result.
    stride, padding, output_padding, groups, dilation, output_size, padding_mode, method
        Those of the call; see `conv_transpose`.

    Returns
    -------
    ndarray, shape weight_shape
        Of the dtype that `conv_transpose` of these two arrays has.

    Raises
    ------
    ValueError
        Where shapes and numbers do not fit one another, with the numbers.
    TypeError
        Where an argument is of the wrong kind.

    Examples
    --------
    >>> from npconvt import grad
    >>> grad.conv_transpose_weight([[1, 10]], (1, 1, 3), [[1, 2, 3, 4, 5]], stride=2)
    array([[[31, 42, 53]]])
    """
    call = "grad.conv_transpose_weight"
    x = arguments.array(call, "input", input)
    shape = arguments.shape(call, "weight_shape", weight_shape)
    geometry = _conv_transpose_geometry(
        call, x.shape, shape, stride, padding, output_padding, groups, dilation, output_size, padding_mode
    )
    g = _grad_output(call, grad_output, x.shape, shape, geometry.input_shape)
    return _weight(call, geometry, g, x.conj(), method)


def _conv_geometry(
    call: str,
    input_shape: Ints,
    weight_shape: Ints,
    stride: IntOrInts,
    padding: Padding,
    dilation: IntOrInts,
    groups: int,
    padding_mode: str,
) -> ConvGeometry:
    _check_ndims(call, input_shape, weight_shape)
    return conv_geometry(call, input_shape, weight_shape, stride, padding, dilation, groups, padding_mode)


def _conv_transpose_geometry(
    call: str,
    input_shape: Ints,
    weight_shape: Ints,
    stride: IntOrInts,
    padding: Padding,
    output_padding: IntOrInts,
    groups: int,
    dilation: IntOrInts,
    output_size: IntOrInts | None,
    padding_mode: str,
) -> ConvGeometry:
    _check_ndims(call, input_shape, weight_shape)
    return conv_transpose_geometry(
        call, input_shape, weight_shape, stride, padding, output_padding, groups, dilation, output_size, padding_mode
    )


def _check_ndims(call: str, input_shape: Ints, weight_shape: Ints) -> None:
    arguments.check_weight_ndim(call, weight_shape)
    ndim = len(weight_shape)
    arguments.check_ndim(
        call, "input", input_shape, (ndim - 1, ndim), "(C_in, *spatial) or (N, C_in, *spatial) for this weight"
    )


def _grad_output(
    call: str, grad_output: ArrayLike, input_shape: Ints, weight_shape: Ints, image_shape: Ints
) -> NDArray[Any]:
    """Return the gradient in the result as an array, of the result's shape."""
    g = arguments.array(call, "grad_output", grad_output)
    batch = input_shape[: len(input_shape) - len(image_shape)]
    arguments.check_grad_output(call, g.shape, (*batch, *image_shape), input_shape, weight_shape)
    return g


def _input(
    call: str, geometry: ConvGeometry, w: NDArray[Any], g: NDArray[Any], method: str, *, transposed: bool
) -> NDArray[Any]:
    arguments.check_method(call, method)
    dtype = arguments.result_dtype(w, g)
    batched = g.ndim == w.ndim
    images = g if batched else g[None]
    shape = geometry.input_shape if transposed else geometry.output_shape
    check_result(call, (*images.shape[:1], *shape), dtype.itemsize)
    road = prepare(geometry, w.conj(), dtype, method=method, call=call)
    result = road.transpose(images) if transposed else road.forward(images)
    return result if batched else result[0]


def _weight(call: str, geometry: ConvGeometry, x: NDArray[Any], y: NDArray[Any], method: str) -> NDArray[Any]:
    """Return the gradient of <y, A(w) x> in w, for x and y of the forward convolution, with or without batch."""
    arguments.check_method(call, method)
    dtype = arguments.result_dtype(x, y)
    check_result(call, geometry.weight_shape, dtype.itemsize)
    if x.ndim == geometry.ndim + 1:
        x, y = x[None], y[None]
    return weight_gradient(geometry, x, y, dtype, method=method, call=call)
