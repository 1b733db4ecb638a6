"""The kernel matrix as a picture, beside its transpose, with one row or column and the window it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from npconvt import _arguments as arguments
from npconvt._geometry import ConvGeometry, operator_geometry
from npconvt._matrix import build
from npconvt.plot._base import (
    GREEN,
    GREY,
    INK,
    PALE,
    SEQUENTIAL,
    VERMILLION,
    check_figure,
    new_figure,
    normalise,
    number,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from npconvt._arguments import IntOrInts, Padding

_MAX_COLOURED = 4096  # rows or columns; a larger matrix is drawn as a density
_MAX_PIXELS = 400  # of a coloured picture, so that each is seen on a screen
_DENSITY_PIXELS = 256
_MAX_WRITTEN = 32  # rows or columns, up to which positions and weights are written out
_MAX_LINES = 20
_MAX_WHOLE = 40  # pixels of a picture; of a larger one only the surroundings of the window are drawn
_MAX_TILES = 8


class _Side(NamedTuple):
    """The elements along one side of the matrix: channels by positions."""

    name: str
    shape: tuple[int, ...]  # (channels, *sp), or sp for a plain kernel
    plain: bool

    @property
    def channels(self) -> int:
        return 1 if self.plain else self.shape[0]

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def spatial(self) -> tuple[int, ...]:
        return self.shape if self.plain else self.shape[1:]

    def position(self, element: int) -> str:
        """Return the position of an element as text."""
        indices = [int(i) for i in np.unravel_index(element, self.shape)]
        if self.plain or self.channels == 1:
            spatial = indices if self.plain else indices[1:]
            return ",".join(map(str, spatial)) or "0"
        return f"{indices[0]}:" + ",".join(map(str, indices[1:]))


def kernel_matrix(
    weight: ArrayLike,
    input_shape: Sequence[int],
    *,
    row: int | Sequence[int] | None = None,
    column: int | Sequence[int] | None = None,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    transposed: bool = False,
    output_padding: IntOrInts = 0,
    output_size: IntOrInts | None = None,
    channels: bool | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a kernel matrix beside its transpose, and one of its rows or columns as the window it stands for.

    Weights are drawn by colour, complex ones by their absolute value, and no entry in grey. Lines part the blocks of a
    pair of channels, and thinner ones the lines of the picture. Up to 4096 rows and columns (a 64x64 picture) every
    entry is drawn, larger ones sharing a pixel where they must, the largest in front; beyond, the picture shows how
    densely the matrix is filled.

    Parameters
    ----------
    weight, input_shape, stride, padding, dilation, groups, padding_mode
        As in `npconvt.kernel_matrix`.
    transposed, output_padding, output_size, channels
        As in `npconvt.kernel_matrix`.
    row, column : int or sequence of int, optional
        Which one to mark: its number, or the position it belongs to, with its channel if there are channels. By
        default the middle row. In a large matrix it is in the middle between the two lines that mark it.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new one.

    Returns
    -------
    matplotlib.figure.Figure
        With axes labelled "matrix", "transpose" and "window".

    Raises
    ------
    ValueError, TypeError
        As `npconvt.kernel_matrix`, and where both a row and a column are given, or one that does not exist.
    MemoryError
        Where the matrix does not fit into memory.

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import plot
    >>> figure = plot.kernel_matrix(np.arange(9).reshape(3, 3), (4, 4), row=(0, 1))
    >>> [ax.get_title() for ax in figure.axes[:3]]
    ['kernel matrix, 4 x 16', 'its transpose, 16 x 4', 'row 1: the window of output 0,1']
    """
    call = "plot.kernel_matrix"
    check_figure(call, figure)
    entries = arguments.kernel_entries(call, weight)
    geometry = operator_geometry(
        call,
        input_shape,
        entries.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        padding_mode=padding_mode,
        transposed=transposed,
        output_padding=output_padding,
        output_size=output_size,
        channels=channels,
    )
    rows, columns = _sides(geometry, transposed)
    if not (rows.size and columns.size):
        msg = f"{call}: the matrix must have rows and columns, but its shape is {(rows.size, columns.size)}."
        raise ValueError(msg)
    matrix = build(geometry, entries, transposed=transposed, call=call)
    across, element = _marked(call, rows, columns, row, column)
    return _figure(matrix, rows, columns, across, element, figure)


def _sides(geometry: ConvGeometry, transposed: bool) -> tuple[_Side, _Side]:
    small = _Side("input" if transposed else "output", geometry.output_shape, geometry.plain)
    large = _Side("output" if transposed else "input", geometry.input_shape, geometry.plain)
    return (large, small) if transposed else (small, large)


def _marked(
    call: str, rows: _Side, columns: _Side, row: int | Sequence[int] | None, column: int | Sequence[int] | None
) -> tuple[bool, int]:
    """Return whether it is a row, and its number."""
    if row is not None and column is not None:
        msg = f"{call}: row and column must not both be given, but got {row} and {column}."
        raise ValueError(msg)
    if column is not None:
        return False, _element(call, "column", column, columns)
    middle = [n // 2 for n in rows.spatial]
    return True, _element(call, "row", (middle if rows.plain else [0, *middle]) if row is None else row, rows)


def _element(call: str, name: str, value: int | Sequence[int], side: _Side) -> int:
    one = not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, str)
    place = arguments.shape(call, name, (value,) if one else value)  # type: ignore[arg-type]
    if one and place[0] >= side.size:
        msg = f"{call}: {name} must be from 0 to {side.size - 1}, but got {place[0]}."
        raise ValueError(msg)
    if one:
        return place[0]
    if len(place) != len(side.shape) or not all(i < n for i, n in zip(place, side.shape, strict=True)):
        msg = f"{call}: {name} must be a position in shape {side.shape}, but got {place}."
        raise ValueError(msg)
    return int(np.ravel_multi_index(place, side.shape))


def _figure(
    matrix: csr_array, rows: _Side, columns: _Side, across: bool, element: int, figure: Figure | None
) -> Figure:
    mosaic, size = _mosaic(rows.size, columns.size)
    if figure is None:
        figure = new_figure(*size)
    axes = figure.subplot_mosaic(mosaic, width_ratios=_ratios(mosaic, rows.size, columns.size))
    for name, ax in axes.items():
        ax.set_label(name)
    weight = "weight"
    if np.iscomplexobj(matrix.data):
        matrix, weight = abs(matrix), "absolute value of the weight"
    cmap, low, high = normalise(matrix.data)
    coloured = max(matrix.shape) <= _MAX_COLOURED
    image, extent = _coloured(matrix) if coloured else _density(matrix)
    if not coloured:
        cmap, low, high = SEQUENTIAL, 0.0, float(image.max())
    picture = None
    for name, pixels, first, second in (("matrix", image, rows, columns), ("transpose", image.T, columns, rows)):
        ax, shape = axes[name], (first.size, second.size)
        frame = extent if name == "matrix" else (extent[3], extent[2], extent[1], extent[0])
        box = (frame[0], frame[1], frame[2], frame[3])
        picture = ax.imshow(
            np.ma.masked_invalid(pixels),
            cmap=_with_grey(cmap),
            vmin=low,
            vmax=high,
            interpolation="nearest",
            extent=box,
        )
        title = "kernel matrix" if name == "matrix" else "its transpose"
        ax.set_title(f"{title}, {shape[0]} x {shape[1]}", fontsize=10)
        _label(ax, first, second)
        _separate(ax, first, second)
        _mark(ax, across == (name == "matrix"), element, shape, GREEN if low < 0 else VERMILLION)
    if coloured and max(matrix.shape) <= _MAX_WRITTEN:
        _write(axes["matrix"], matrix, low, high)
        _write(axes["transpose"], csr_array(matrix.T), low, high)
    _window(axes["window"], matrix, rows, columns, across, element)
    assert picture is not None
    figure.colorbar(
        picture, ax=list(axes.values()), label=weight if coloured else "share of entries", shrink=0.6, pad=0.02
    )
    return figure


def _mosaic(rows: int, columns: int) -> tuple[list[Any], tuple[float, float]]:
    """Return the arrangement of the three axes, and the figure's size in inches."""
    if columns >= 2 * rows:
        return [["matrix", "transpose"], ["window", "transpose"]], (11.0, 7.0)
    if rows >= 2 * columns:
        return [["matrix", "transpose"], ["matrix", "window"]], (11.0, 7.0)
    return [["matrix", "transpose", "window"]], (15.0, 5.0)


def _ratios(mosaic: list[Any], rows: int, columns: int) -> list[float]:
    if len(mosaic) == 1:
        return [1.0, 1.0, 0.7]
    share = min(4.0, max(0.25, columns / rows))
    return [share, 1.0] if share > 1 else [1.0, 1 / share]


def _with_grey(name: str) -> Any:
    """Return a colour map that shows what is masked in pale grey."""
    import matplotlib

    return matplotlib.colormaps[name].with_extremes(bad=PALE)


def _coloured(matrix: csr_array) -> tuple[NDArray[Any], tuple[float, float, float, float]]:
    """Return the weights as pixels, NaN where there is no entry, and the extent (left, right, bottom, top)."""
    shape = [min(n, _MAX_PIXELS) for n in matrix.shape]
    image = np.full(shape, np.nan)
    entries = matrix.tocoo()
    order = np.argsort(np.abs(entries.data), kind="stable")
    pixel = [
        coordinates[order].astype(np.int64) * pixels // n
        for coordinates, pixels, n in zip(entries.coords, shape, matrix.shape, strict=True)
    ]
    image[pixel[0], pixel[1]] = entries.data[order]
    return image, _extent(matrix)


def _density(matrix: csr_array) -> tuple[NDArray[Any], tuple[float, float, float, float]]:
    """Return the share of entries in each pixel, counted a band of rows at a time, and the extent."""
    rows, columns = matrix.shape
    height, width = (min(n, _DENSITY_PIXELS) for n in (rows, columns))
    counts = np.empty((height, width))
    row_edges = np.arange(height + 1, dtype=np.int64) * rows // height
    column_edges = np.arange(width + 1, dtype=np.int64) * columns // width
    for band, (first, last) in enumerate(pairwise(row_edges)):
        taken = matrix.indices[matrix.indptr[first] : matrix.indptr[last]]
        pixels = np.searchsorted(column_edges, taken, side="right") - 1
        counts[band] = np.bincount(pixels, minlength=width) / ((last - first) * np.diff(column_edges))
    return counts, _extent(matrix)


def _extent(matrix: csr_array) -> tuple[float, float, float, float]:
    rows, columns = matrix.shape
    return -0.5, columns - 0.5, rows - 0.5, -0.5


def _ticks(side: _Side) -> tuple[list[int], list[str]]:
    """Return which elements to label, and their positions: all, or the first of each channel, or a few."""
    if side.size <= _MAX_WRITTEN:
        ticks = list(range(side.size))
    elif 4 <= side.channels <= 16:
        ticks = list(range(0, side.size, side.size // side.channels))
    else:
        ticks = [round(i) for i in np.linspace(0, side.size - 1, 6)]
    return ticks, [side.position(tick) for tick in ticks]


def _label(ax: Axes, rows: _Side, columns: _Side) -> None:
    ticks, labels = _ticks(rows)
    ax.set_yticks(ticks, labels, fontsize=7)
    ticks, labels = _ticks(columns)
    ax.set_xticks(ticks, labels, fontsize=7, rotation=90)
    for side, put in ((rows, ax.set_ylabel), (columns, ax.set_xlabel)):
        many = side.channels > 1
        put(f"{side.name} {'channel:position' if many else 'position'}", fontsize=8)


def _separate(ax: Axes, rows: _Side, columns: _Side) -> None:
    """Draw lines between channels, and thinner ones between the lines of the picture where there are few."""
    for side, line in ((rows, ax.axhline), (columns, ax.axvline)):
        last = side.spatial[-1] if side.spatial else 1
        for step, width, gid in ((last, 0.4, "line"), (side.size // side.channels, 1.6, "channel")):
            count = side.size // step
            if 1 < count <= _MAX_LINES and step > 1:
                for edge in range(step, side.size, step):
                    line(edge - 0.5, color=INK if gid == "channel" else GREY, linewidth=width, gid=gid)


def _mark(ax: Axes, across: bool, element: int, shape: tuple[int, int], colour: str) -> None:
    from matplotlib.patches import Rectangle

    # The box of a row that is thinner than the box's lines would hide what it marks.
    count = shape[0 if across else 1]
    width = max(1.0, count / 40)
    start = element - width / 2
    left, top, across_by, down_by = (-0.5, start, shape[1], width) if across else (start, -0.5, width, shape[0])
    box = Rectangle((left, top), across_by, down_by, fill=False, edgecolor=colour, linewidth=2 if count <= 40 else 1)
    box.set_gid("marked")
    ax.add_patch(box)


def _write(ax: Axes, matrix: csr_array, low: float, high: float) -> None:
    """Write the weights into their entries."""
    entries = matrix.tocoo()
    for row, column, value in zip(*entries.coords, entries.data, strict=True):
        ax.text(column, row, number(value), ha="center", va="center", fontsize=7, color=_contrast(value, low, high))


def _contrast(value: float, low: float, high: float) -> str:
    """Return a colour to write with: both ends of the diverging map are dark, of the sequential one the lower."""
    if low < 0:
        return "white" if abs(value) > 0.6 * high else INK
    return "white" if value < low + 0.55 * (high - low) else INK


def _window(ax: Axes, matrix: csr_array, rows: _Side, columns: _Side, across: bool, element: int) -> None:
    """Draw the marked row or column as a picture: the channels of what it reads, or reaches, side by side."""
    side, other = (columns, rows) if across else (rows, columns)
    line = matrix[[element]] if across else matrix[:, [element]]
    entries = line.tocoo()
    values = np.full(side.size, np.nan)
    values[entries.coords[1 if across else 0]] = entries.data
    tiles = values.reshape(-1, *((1,) * (2 - len(side.spatial))), *side.spatial)
    tiles, (top, left) = _surroundings(tiles.reshape(-1, *tiles.shape[-2:]))
    used = [tile for tile in tiles if not np.isnan(tile).all()] or list(tiles[:1])
    gap = np.full((tiles.shape[1], 1), np.nan)
    shown = np.hstack([part for tile in used[:_MAX_TILES] for part in (gap, tile)][1:])
    cmap, low, high = normalise(matrix.data)
    ax.imshow(np.ma.masked_invalid(shown), cmap=_with_grey(cmap), vmin=low, vmax=high, interpolation="nearest")
    width = tiles.shape[2] + 1
    for i in range(min(len(used), _MAX_TILES)):
        _frame(ax, i * width, tiles.shape[1], tiles.shape[2])
    if max(shown.shape) <= _MAX_WRITTEN:
        for (row, column), value in np.ndenumerate(shown):
            if not np.isnan(value):
                colour = _contrast(value, low, high)
                ax.text(column, row, number(value), ha="center", va="center", fontsize=7, color=colour)
    more = f" ({len(used) - _MAX_TILES} more channels)" if len(used) > _MAX_TILES else ""
    what = "row {}: the window of {} {}" if across else "column {}: what {} {} reaches"
    ax.set_title(what.format(element, other.name, other.position(element)) + more, fontsize=10)
    ax.set_xticks(*_window_ticks(left, tiles.shape[2]), fontsize=7)
    ax.set_yticks(*_window_ticks(top, tiles.shape[1]), fontsize=7)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _surroundings(tiles: NDArray[Any]) -> tuple[NDArray[Any], tuple[int, int]]:
    """Return the tiles, cut to the surroundings of the entries where they are large, and the corner of the cut."""
    cuts = []
    for axis, size in ((1, tiles.shape[1]), (2, tiles.shape[2])):
        found = np.flatnonzero((~np.isnan(tiles)).any(axis=(0, 3 - axis)))
        if size <= _MAX_WHOLE or not found.size:
            cuts.append((0, size))
        else:
            cuts.append((max(0, int(found[0]) - 4), min(size, int(found[-1]) + 5)))
    (top, bottom), (left, right) = cuts
    return tiles[:, top:bottom, left:right], (top, left)


def _window_ticks(first: int, size: int) -> tuple[list[int], list[str]]:
    ticks = sorted({0, size - 1})
    return ticks, [str(first + tick) for tick in ticks]


def _frame(ax: Axes, left: float, height: int, width: int) -> None:
    from matplotlib.patches import Rectangle

    box = Rectangle((left - 0.5, -0.5), width, height, fill=False, edgecolor=GREY, linewidth=1)
    box.set_gid("tile")
    ax.add_patch(box)
    if max(height, width) <= _MAX_WRITTEN:
        for i in range(1, height):
            ax.plot([left - 0.5, left + width - 0.5], [i - 0.5] * 2, color="white", linewidth=0.6, zorder=1)
        for i in range(1, width):
            ax.plot([left + i - 0.5] * 2, [-0.5, height - 0.5], color="white", linewidth=0.6, zorder=1)
