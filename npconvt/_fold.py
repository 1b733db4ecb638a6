"""Windows as columns and back: `unfold` and `fold`, with the names, order and defaults of `torch.nn.functional`."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from npconvt import _arguments as arguments
from npconvt._geometry import ConvGeometry, conv_geometry
from npconvt._memory import check_result

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Ints


def unfold(
    input: ArrayLike,
    kernel_size: IntOrInts,
    dilation: IntOrInts = 1,
    padding: IntOrInts = 0,
    stride: IntOrInts = 1,
) -> NDArray[Any]:
    """Return the windows of a convolution as columns (im2col).

    With xpad the zero-padded input, on one axis,

        columns[c*k + t, i] = xpad[c, i*stride + t*dilation]

    so that `weight.reshape(C_out, -1) @ unfold(input, k)` is the convolution, its spatial axes in one.

    Parameters
    ----------
    input : array_like, shape (N, C, *sp) or (C, *sp)
        Images, or one image without the batch axis.
    kernel_size : int or sequence of int
        Taps per spatial axis; its length is the number of spatial axes, and an int means two.
    dilation, padding, stride : int or sequence of int
        Distance of the taps, zeros added at either end, and step of the window, in pixels; one for all spatial axes or
        one each.

    Returns
    -------
    ndarray, shape (N, C*prod(k), L) or (C*prod(k), L)
        Rows `(channel, *tap)`, columns `(*position)`, both in C order, with L the product of
        `floor((n + 2*padding - dilation*(k - 1) - 1)/stride) + 1` over the axes. Of the input's dtype.

    Raises
    ------
    ValueError
        Where shapes and numbers do not fit one another, with the numbers.
    TypeError
        Where an argument is of the wrong kind.

    See Also
    --------
    fold : its transpose.

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import unfold
    >>> unfold(np.arange(9).reshape(1, 3, 3), 2)
    array([[0, 1, 3, 4],
           [1, 2, 4, 5],
           [3, 4, 6, 7],
           [4, 5, 7, 8]])

    One axis, by a kernel size of length one:

    >>> unfold([[1, 2, 3, 4, 5]], (3,), stride=2, padding=1)
    array([[0, 2, 4],
           [1, 3, 5],
           [2, 4, 0]])
    """
    x = arguments.array("unfold", "input", input)
    kernel = arguments.own_axes("unfold", "kernel_size", kernel_size)
    arguments.check_ndim(
        "unfold",
        "input",
        x.shape,
        (len(kernel) + 1, len(kernel) + 2),
        f"(C, *spatial) or (N, C, *spatial) for kernel_size {kernel}",
    )
    geometry = _geometry("unfold", x.shape[x.ndim - len(kernel) :], kernel, dilation, padding, stride)
    outer = x.shape[: x.ndim - len(kernel)]
    shape = (*outer[:-1], outer[-1] * prod(kernel), prod(geometry.output_size))
    check_result("unfold", shape, x.dtype.itemsize)
    axes = range(len(outer), x.ndim)
    padded = x
    if any(map(any, geometry.padding)):
        padded = np.pad(x, (*((0, 0) for _ in outer), *geometry.padding))
    windows = sliding_window_view(padded, geometry.receptive_field, axis=tuple(axes))
    steps = tuple(slice(None, None, s) for s in geometry.stride)
    taps = tuple(slice(None, None, d) for d in geometry.dilation)
    windows = windows[(*(slice(None),) * len(outer), *steps, *taps)]
    tap_axes = range(x.ndim, windows.ndim)
    columns = windows.transpose(*range(len(outer)), *tap_axes, *axes)
    # A copy even where a reshape could do without one: the result is new, and writable.
    result = np.empty(columns.shape, x.dtype)
    result[...] = columns
    return result.reshape(shape)


def fold(
    input: ArrayLike,
    output_size: IntOrInts,
    kernel_size: IntOrInts,
    dilation: IntOrInts = 1,
    padding: IntOrInts = 0,
    stride: IntOrInts = 1,
) -> NDArray[Any]:
    """Return the images in which each column is added where `unfold` took it from (col2im): its exact transpose.

    Parameters
    ----------
    input : array_like, shape (N, C*prod(k), L) or (C*prod(k), L)
        Columns, as `unfold` makes them.
    output_size : int or sequence of int
        Spatial size of the images.
    kernel_size, dilation, padding, stride : int or sequence of int
        As in `unfold`; the length of `kernel_size` is the number of spatial axes, and an int means two.

    Returns
    -------
    ndarray, shape (N, C, *output_size) or (C, *output_size)
        Overlapping windows are summed, so it is no inverse: `fold(unfold(ones))` counts the windows over each pixel.
        The dtype is the input's, but 64-bit for integers and bools, which do not wrap; float16 is summed in float32.

    Raises
    ------
    ValueError
        Where shapes and numbers do not fit one another, with the numbers.
    TypeError
        Where an argument is of the wrong kind.

    See Also
    --------
    unfold : what it is the transpose of.

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import fold, unfold
    >>> fold([[1, 2, 3], [10, 20, 30]], (4,), (2,))
    array([[ 1, 12, 23, 30]])
    >>> fold(unfold(np.ones((1, 4, 4), int), 3), 4, 3)
    array([[[1, 2, 2, 1],
            [2, 4, 4, 2],
            [2, 4, 4, 2],
            [1, 2, 2, 1]]])
    >>> fold(np.ones((4, 5)), (3, 3), 2)
    Traceback (most recent call last):
    ...
    ValueError: fold: input must have 4 columns, one per window of kernel_size (2, 2) on output_size (3, 3), but has
    shape (4, 5).
    """
    columns = arguments.array("fold", "input", input)
    kernel = arguments.own_axes("fold", "kernel_size", kernel_size)
    arguments.check_ndim("fold", "input", columns.shape, (2, 3), "(C*prod(k), L) or (N, C*prod(k), L)")
    size = arguments.spatial_size("fold", output_size, len(kernel))
    geometry = _geometry("fold", size, kernel, dilation, padding, stride)
    arguments.check_fold_columns("fold", columns.shape, prod(geometry.output_size), kernel, size)
    dtype = arguments.widened(columns.dtype)
    outer = (*columns.shape[:-2], columns.shape[-2] // prod(kernel))
    check_result("fold", (*outer, *size), arguments.work_dtype(dtype).itemsize)
    windows = columns.reshape(*outer, *kernel, *geometry.output_size)
    padded = tuple(n + lo + hi for n, (lo, hi) in zip(size, geometry.padding, strict=True))
    every: tuple[Any, ...] = (slice(None),) * len(outer)
    images = np.zeros((*outer, *padded), arguments.work_dtype(dtype))
    for tap in product(*map(range, kernel)):
        reach = (*every, *map(_reach, tap, geometry.output_size, geometry.stride, geometry.dilation))
        images[reach] += windows[(*every, *tap)]
    inner = tuple(slice(lo, lo + n) for n, (lo, _) in zip(size, geometry.padding, strict=True))
    return np.ascontiguousarray(images[(*every, *inner)], dtype)


def _reach(t: int, m: int, s: int, d: int) -> slice:
    """Return the padded positions under tap `t` of the `m` windows."""
    return slice(t * d, t * d + (m - 1) * s + 1, s)


def _geometry(
    call: str, size: Ints, kernel: Ints, dilation: IntOrInts, padding: IntOrInts, stride: IntOrInts
) -> ConvGeometry:
    """Return the geometry of a plain kernel on the spatial size; as in torch, padding does not crop."""
    zeros = arguments.per_axis(call, "padding", padding, len(kernel), 0)
    return conv_geometry(call, size, kernel, stride, zeros, dilation, 1, "zeros", plain=True)
