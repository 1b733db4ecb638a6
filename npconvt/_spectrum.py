"""Facts about a layer that take more than a line: its singular values, its overlaps, the kernel that interpolates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npconvt import _arguments as arguments
from npconvt._axis import CIRCULAR, Axis
from npconvt._geometry import ConvGeometry, conv_transpose_geometry, operator_geometry
from npconvt._memory import check_result
from npconvt._methods import prepare

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Padding

_BATCH = 2**21  # numbers in the blocks whose singular values are found in one go


def singular_values(
    weight: ArrayLike,
    input_shape: Sequence[int],
    *,
    stride: IntOrInts = 1,
    dilation: IntOrInts = 1,
    groups: int = 1,
    channels: bool | None = None,
) -> NDArray[np.floating[Any]]:
    """Return all singular values of a convolution with circular padding, exactly, by the Fourier transform.

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
        of a `ConvOperator` finds the largest ones for any geometry. And where the weight holds NaN or inf.
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
    arguments.check_finite(call, "weight", entries)
    single = entries.dtype in (np.float32, np.complex64)
    values = [np.zeros(0, np.float32 if single else np.float64)]
    if entries.size:
        for blocks, times in _frequency_blocks(geometry, entries, np.dtype(np.complex64 if single else np.complex128)):
            values.append(np.repeat(np.linalg.svd(blocks, compute_uv=False).ravel(), times))
    return np.sort(np.concatenate(values))[::-1]


def _frequency_blocks(
    geometry: ConvGeometry, weight: NDArray[Any], dtype: np.dtype[Any]
) -> Iterator[tuple[NDArray[Any], int]]:
    """Yield blocks of the circulant matrix in the Fourier basis, shape (..., C_out/g, C_in/g * prod(stride)).

    With each batch of them comes how many frequencies have these singular values: of a real weight, a frequency and its
    negative.
    """
    groups, axes = geometry.groups, geometry.axes or (Axis(1, 1, 1, 1, 1, 0, 0, CIRCULAR),)
    channels = (groups, geometry.out_channels // groups, geometry.in_channels // groups)
    partial = weight.reshape(*channels, *(axis.k for axis in axes)).astype(dtype)
    for number, axis in reversed(list(enumerate(axes[1:], 1))):
        partial = np.tensordot(partial, _phases(axis, np.arange(axis.m), dtype), ([3 + number], [2]))
    # Blocks of one frequency of the first axis at a time, or of a few: all together are as large as all weights would
    # be that have the picture's size.
    first, aliases = axes[0], prod(geometry.stride)
    step = max(1, _BATCH // (partial.size // first.k * first.s))
    paired = range(1, (first.m + 1) // 2) if weight.dtype.kind != "c" else range(0)
    alone = [f for f in range(first.m) if f not in paired and first.m - f not in paired]
    for frequencies, times in ((alone, 1), (list(paired), 2)):
        for start in range(0, len(frequencies), step):
            phases = _phases(first, np.array(frequencies[start : start + step]), dtype)
            spectrum = np.tensordot(partial, phases, ([3], [2]))
            places = range(3, spectrum.ndim)
            blocks = spectrum.transpose(*places[::2], 0, 1, 2, *places[1::2]) / dtype.type(aliases**0.5)
            yield blocks.reshape(-1, *channels[:2], channels[2] * aliases), times


def _phases(axis: Axis, frequencies: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return what a tap counts in each of the input's frequencies that alias to an output's: shape (len, s, k)."""
    aliases = frequencies[:, None] + axis.m * np.arange(axis.s)
    turns = aliases[:, :, None] * (axis.d * np.arange(axis.k) % axis.n) % axis.n
    phases: NDArray[Any] = np.exp(-2j * np.pi * turns / axis.n).astype(dtype)
    return phases


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
    divides the kernel size (at dilation 1).

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
    check_result(call, geometry.input_size, 8)
    counts = [laid_on(axis, np.ones(axis.m, np.int64)) for axis in geometry.axes]
    return reduce(np.multiply.outer, counts)


def laid_on(axis: Axis, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the transposed convolution of values by a kernel of ones along one axis."""
    n, m, k, s, d, lo, hi, mode = axis
    line = ConvGeometry(1, 1, 1, (n,), (m,), (k,), (s,), ((lo, hi),), (d,), mode)
    road = prepare(line, np.ones(line.weight_shape, np.int64), np.dtype(np.int64))
    return np.asarray(road.transpose(values[None, None])[0, 0])


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
