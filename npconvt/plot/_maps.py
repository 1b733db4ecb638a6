"""Maps over the picture: how often outputs are written, and what an output sees."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npconvt import _arguments as arguments
from npconvt._geometry import ConvGeometry
from npconvt._spectrum import laid_on
from npconvt.plot._base import INK, SEQUENTIAL, VERMILLION, as_image, check_axes, check_flat, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_WRITTEN = 24


def overlap(geometry: ConvGeometry, *, ax: Axes | None = None) -> Axes:
    """Draw how many taps of a transposed convolution write to each output pixel.

    Where the numbers differ from pixel to pixel the result has the pattern of a checkerboard, whatever the input. They
    are even, away from the border, where the stride divides the kernel size (at dilation 1).

    Parameters
    ----------
    geometry : ConvGeometry
        With one or two spatial axes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Its first image holds the counts, `conv_transpose` of ones by ones for one pair of channels.

    Raises
    ------
    ValueError
        Where the geometry has another number of spatial axes.
    TypeError
        Where an argument is of the wrong kind.

    Notes
    -----
    Odena, Dumoulin and Olah, "Deconvolution and checkerboard artifacts" (Distill, 2016).

    Examples
    --------
    >>> from npconvt import ConvGeometry, plot
    >>> ax = plot.overlap(ConvGeometry.conv_transpose((3,), (3,), stride=2))
    >>> ax.images[0].get_array().astype(int)
    masked_array(data=[[1, 1, 2, 1, 2, 1, 1]],
                 mask=False,
           fill_value=999999)
    """
    check_axes("plot.overlap", ax)
    check_flat("plot.overlap", geometry)
    counts = _paths((geometry,))
    image = as_image(reduce(np.multiply.outer, counts))
    if ax is None:
        ax = new_axes(*_size(image))
    _show(ax, image, "taps that write here")
    ax.set_title(f"overlap of conv_transpose, {geometry.output_size} to {geometry.input_size}", fontsize=10)
    return ax


def receptive_field(*geometries: ConvGeometry, position: tuple[int, ...] | None = None, ax: Axes | None = None) -> Axes:
    """Draw what one output of a stack of convolutions sees of the input.

    Pixels are coloured by the number of paths from them to the output, which is how much each would count if all
    weights were equal. The frame is the field's extent, without what lies in the padding:
    `1 + sum((receptive_field - 1) * product of the strides before)` pixels an axis.

    Parameters
    ----------
    *geometries : ConvGeometry
        The layers, first to last, each with the spatial sizes that the one before returns.
    position : tuple of int, optional
        Which output of the last layer; by default the middle one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Its first image holds the numbers of paths.

    Raises
    ------
    ValueError
        Where there is no layer, one does not fit the next, or the position does not exist.
    TypeError
        Where an argument is of the wrong kind.

    Examples
    --------
    Two 3x3 layers see 5x5 pixels:

    >>> from npconvt import ConvGeometry, plot
    >>> first, second = ConvGeometry.conv((9, 9), (3, 3)), ConvGeometry.conv((7, 7), (3, 3))
    >>> plot.receptive_field(first, second).get_title()
    'receptive field of output (2, 2): 5 x 5 pixels'
    """
    call = "plot.receptive_field"
    check_axes(call, ax)
    _check_stack(call, geometries)
    size = geometries[-1].output_size
    position = tuple(n // 2 for n in size) if position is None else arguments.shape(call, "position", position)
    if len(position) != len(size) or not all(0 <= p < n for p, n in zip(position, size, strict=True)):
        msg = f"{call}: position must lie in the last layer's output of size {size}, but got {position}."
        raise ValueError(msg)
    counts = _paths(geometries, position)
    image = as_image(reduce(np.multiply.outer, counts))
    if ax is None:
        ax = new_axes(*_size(image))
    _show(ax, image, "paths to the output")
    spans = [_span(seen) for seen in counts]
    _frame(ax, spans if len(spans) == 2 else [(0, 1), *spans])
    extent = " x ".join(str(stop - start) for start, stop in spans)
    ax.set_title(f"receptive field of output {position}: {extent} pixels", fontsize=10)
    return ax


def _span(seen: NDArray[Any]) -> tuple[int, int]:
    """Return the first element that is seen, and the one after the last; of an output made of padding there is none."""
    found = np.flatnonzero(seen)
    return (int(found[0]), int(found[-1]) + 1) if found.size else (0, 0)


def _check_stack(call: str, geometries: tuple[ConvGeometry, ...]) -> None:
    if not geometries:
        msg = f"{call}: geometries must hold at least one layer, but there is none."
        raise ValueError(msg)
    for geometry in geometries:
        check_flat(call, geometry)
    for index, (before, after) in enumerate(pairwise(geometries), 1):
        if before.output_size != after.input_size:
            msg = (
                f"{call}: layer {index} must have the input size that layer {index - 1} returns, {before.output_size}, "
                f"but has {after.input_size}."
            )
            raise ValueError(msg)


def _paths(geometries: tuple[ConvGeometry, ...], position: tuple[int, ...] | None = None) -> list[NDArray[Any]]:
    """Return, for each spatial axis, the number of paths from each input element to the position, or to any."""
    counts = []
    for number in range(geometries[0].ndim):
        axes = [geometry.axes[number] for geometry in geometries]
        reached = np.ones(axes[-1].m, np.int64)
        if position is not None:
            reached[:] = np.arange(axes[-1].m) == position[number]
        for axis in reversed(axes):
            reached = laid_on(axis, reached)
        counts.append(reached)
    return counts


def _size(image: NDArray[Any]) -> tuple[float, float]:
    rows, columns = image.shape
    scale = min(0.45, 6 / max(rows, columns))
    return max(4.0, columns * scale + 1.6), max(1.6, rows * scale + 0.8)


def _show(ax: Axes, image: NDArray[Any], label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    picture = ax.imshow(image, cmap=SEQUENTIAL, vmin=0, interpolation="nearest")
    ax.tick_params(labelsize=7)
    if image.shape[0] == 1:
        ax.set_yticks([])
    middle = image.max() / 2
    if max(image.shape) <= _MAX_WRITTEN:
        for (row, column), count in np.ndenumerate(image):
            colour = "white" if count < middle else INK
            ax.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)
    ax.figure.colorbar(picture, ax=ax, label=label, shrink=0.8).locator = MaxNLocator(integer=True)


def _frame(ax: Axes, spans: list[tuple[int, int]]) -> None:
    from matplotlib.patches import Rectangle

    (top, bottom), (left, right) = spans
    box = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=VERMILLION, linewidth=2)
    box.set_gid("field")
    ax.add_patch(box)
