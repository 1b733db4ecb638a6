"""Facts about a layer that take more than a line: its singular values, its overlaps, the kernel that interpolates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npconvt import _arguments as arguments
from npconvt._geometry import ConvGeometry, conv_transpose_geometry, operator_geometry
from npconvt._matrix import build

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Padding


def singular_values(
    weight: ArrayLike,
    input_shape: Sequence[int],
    *,
    stride: IntOrInts = 1,
    dilation: IntOrInts = 1,
    groups: int = 1,
    channels: bool | None = None,
) -> NDArray[np.floating[Any]]:
    """Return all singular values of a convolution with circular padding, exactly, by FFT.

    They are those of `kernel_matrix(weight, input_shape, stride=stride, padding="same", padding_mode="circular", ...)`,
    and of its transpose; the first is the layer's spectral norm. How the circular padding is shared out between before
    and after does not matter to them.

    Parameters
    ----------
    weight : array_like, shape (C_out, C_in/groups, *k) or k
        The kernel, as `conv` takes it; or a plain kernel, with no channel axes.
    input_shape : sequence of int
        `(C_in, *sp)`, without the batch axis; `sp` alone for a plain kernel.
    stride, dilation : int or sequence of int
        As in `conv`. The stride divides the input's size.
    groups : int
        As in `conv`.
    channels : bool, optional
        False for a plain kernel, True for channel axes; as in `kernel_matrix`.

    Returns
    -------
    ndarray, shape (min(A.shape),)
        Largest first; zeros included. float32 for a float16, float32 or complex64 weight, else float64.

    Raises
    ------
    ValueError
        Where the stride does not divide the size: then the matrix is not block circulant. `scipy.sparse.linalg.svds`
        of a `ConvOperator` finds the largest ones for any geometry.
    TypeError
        Where an argument is of the wrong kind.

    See Also
    --------
    ConvOperator : the operator itself, for other paddings.

    Notes
    -----
    H. Sedghi, V. Gupta, P. M. Long, "The singular values of convolutional layers" (ICLR 2019): the Fourier transform
    makes the matrix block diagonal, one C_out x C_in block per frequency. With a stride s, the s**d frequencies that
    alias to one of the output's share a block, of their blocks side by side over sqrt(s**d).

    Examples
    --------
    The mean of two neighbours keeps a constant and extinguishes the fastest oscillation:

    >>> from npconvt import singular_values
    >>> singular_values([0.5, 0.5], (4,)).round(4)
    array([1.    , 0.7071, 0.7071, 0.    ])
    >>> singular_values([0.5, 0.5], (5,), stride=2)
    Traceback (most recent call last):
    ...
    ValueError: singular_values: stride must divide the input's size, but on spatial axis 0 it is 2 and the size 5. Use
    scipy.sparse.linalg.svds of a ConvOperator.
    """
    call = "singular_values"
    entries = arguments.kernel_entries(call, weight)
    geometry = operator_geometry(
        call,
        input_shape,
        entries.shape,
        stride=stride,
        padding="same",
        dilation=dilation,
        groups=groups,
        padding_mode="circular",
        transposed=False,
        output_padding=0,
        output_size=None,
        channels=channels,
    )
    arguments.check_stride_divides(call, geometry.input_size, geometry.stride)
    blocks = _frequency_blocks(geometry, entries)
    values = np.linalg.svd(blocks, compute_uv=False) if blocks.size else np.zeros(0, blocks.real.dtype)
    return np.sort(values, axis=None)[::-1]


def _frequency_blocks(geometry: ConvGeometry, weight: NDArray[Any]) -> NDArray[Any]:
    """Return the blocks of the circulant matrix in the Fourier basis, shape (..., C_out/g, C_in/g * prod(stride))."""
    ndim, groups, size, stride = geometry.ndim, geometry.groups, geometry.input_size, geometry.stride
    channels = (groups, geometry.out_channels // groups, geometry.in_channels // groups)
    taps = weight.reshape(*channels, *geometry.kernel_size)
    kernel = np.zeros((*channels, *size), np.result_type(weight, np.float32))
    for tap in product(*map(range, geometry.kernel_size)):
        place = (t * d % n for t, d, n in zip(tap, geometry.dilation, size, strict=True))
        to: tuple[Any, ...] = (..., *place)
        kernel[to] += taps[(slice(None),) * 3 + tap]
    spectrum = np.fft.fftn(kernel, axes=range(3, 3 + ndim))
    # Frequency q = j*n/s + f aliases to the output's frequency f.
    split = [part for n, s in zip(size, stride, strict=True) for part in (s, n // s)]
    spectrum = spectrum.reshape(*channels, *split)
    aliases, frequencies = range(3, 3 + 2 * ndim, 2), range(4, 4 + 2 * ndim, 2)
    spectrum = spectrum.transpose(*frequencies, 0, 1, 2, *aliases)
    blocks: NDArray[Any] = spectrum.reshape(prod(geometry.output_size), *channels[:2], channels[2] * prod(stride))
    blocks /= np.sqrt(blocks.real.dtype.type(prod(stride)))
    return blocks


def overlap_count(
    input_size: IntOrInts,
    kernel_size: IntOrInts,
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    output_padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    output_size: IntOrInts | None = None,
    padding_mode: str = "zeros",
) -> NDArray[np.int64]:
    """Return how many taps a transposed convolution lays on each output pixel.

    An uneven count shows as a checkerboard in what a network with this layer makes; inside, it is even where the stride
    divides the kernel size.

    Parameters
    ----------
    input_size : int or sequence of int
        Spatial size of the input of `conv_transpose`.
    kernel_size : int or sequence of int
        Taps per spatial axis; its length is the number of spatial axes, and an int means two.
    stride, padding, output_padding, dilation, output_size, padding_mode
        As in `conv_transpose`.

    Returns
    -------
    ndarray of int64, shape output size
        `conv_transpose` of ones by a kernel of ones.

    Raises
    ------
    ValueError
        Where sizes and numbers do not fit one another, with the numbers.
    TypeError
        Where an argument is of the wrong kind.

    See Also
    --------
    fold : `fold(unfold(ones))` is the same for the windows of a convolution.

    Notes
    -----
    A. Odena, V. Dumoulin, C. Olah, "Deconvolution and checkerboard artifacts", Distill (2016).

    Examples
    --------
    >>> from npconvt import overlap_count
    >>> overlap_count((5,), (3,), stride=2)
    array([1, 1, 2, 1, 2, 1, 2, 1, 2, 1, 1])
    >>> overlap_count((5,), (4,), stride=2)
    array([1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1])
    """
    call = "overlap_count"
    kernel = arguments.own_axes(call, "kernel_size", kernel_size)
    size = arguments.per_axis(call, "input_size", input_size, len(kernel), 1)
    geometry = conv_transpose_geometry(
        call, size, kernel, stride, padding, output_padding, 1, dilation, output_size, padding_mode, plain=True
    )
    counts = [_axis_count(geometry, axis) for axis in range(geometry.ndim)]
    return reduce(np.multiply.outer, counts)


def _axis_count(geometry: ConvGeometry, axis: int) -> NDArray[np.int64]:
    """Return the count along one axis; that of several is the product."""
    n, m, k, s, d, lo, hi, mode = geometry.axes[axis]
    line = ConvGeometry(1, 1, 1, (n,), (m,), (k,), (s,), ((lo, hi),), (d,), mode, plain=True)
    matrix = build(line, np.ones(line.weight_shape, np.int64), transposed=True)
    return np.asarray(matrix @ np.ones(matrix.shape[1], np.int64))


def bilinear_kernel(stride: IntOrInts, *, channels: int | None = None) -> NDArray[np.float64]:
    """Return the kernel with which a transposed convolution interpolates linearly by a factor: the FCN kernel.

    `conv_transpose2d(x, bilinear_kernel(s, channels=C), stride=s, padding="same", groups=C)` enlarges each channel by
    s. Inside it is linear interpolation between pixel centres; on the border it fades to zero, where x does.

    Parameters
    ----------
    stride : int or sequence of int
        The factor, one per spatial axis; an int means two axes.
    channels : int, optional
        Number of channels, each with this kernel, for `groups=channels`. By default the kernel has no channel axes.

    Returns
    -------
    ndarray of float64, shape k or (channels, 1, *k)
        `2*stride - stride % 2` taps on each axis, each phase of which sums to one.

    Raises
    ------
    ValueError, TypeError
        Where an argument is too small or of the wrong kind.

    Notes
    -----
    J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation" (CVPR 2015), where it
    starts the layers that enlarge.

    Examples
    --------
    >>> from npconvt import bilinear_kernel, conv_transpose1d
    >>> bilinear_kernel((2,))
    array([0.25, 0.75, 0.75, 0.25])
    >>> conv_transpose1d([[0, 4, 8, 4, 0]], bilinear_kernel((2,), channels=1), stride=2, padding="same")
    array([[0., 1., 3., 5., 7., 7., 5., 3., 1., 0.]])
    """
    call = "bilinear_kernel"
    factors = arguments.own_axes(call, "stride", stride)
    kernel: NDArray[np.float64] = reduce(np.multiply.outer, map(_triangle, factors))
    if channels is None:
        return kernel
    return np.tile(kernel, (arguments.positive_int(call, "channels", channels), 1, *(1,) * len(factors)))


def _triangle(s: int) -> NDArray[np.float64]:
    """Return the linear interpolation kernel of factor `s`, sampled at the centres of the output's pixels."""
    taps = 2 * s - s % 2
    kernel: NDArray[np.float64] = 1 - np.abs(np.arange(taps) - (taps - 1) / 2) / s
    return kernel
