"""One step of a convolution as a picture: the cells a window covers, and the cell it makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npconvt import _arguments as arguments
from npconvt._axis import ZEROS, Axis, effective_kernel, padding_source, scatter_size
from npconvt._geometry import ConvGeometry
from npconvt._matrix import build
from npconvt.plot._base import (
    BLUE,
    GREY,
    INK,
    LIGHT_SKY,
    ORANGE,
    PALE,
    VERMILLION,
    as_image,
    check_axes,
    check_figure,
    check_flat,
    new_axes,
    number,
)

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What a cell is: (face colour, edge colour, hatch, words in the legend).
_KINDS = {
    "input": (LIGHT_SKY, INK, "", "input"),
    "output": ("#ffffff", INK, "", "output"),
    "padding": ("#ffffff", GREY, "", "padding"),
    "copied": ("#ffffff", GREY, "", "padding, copied from the input"),
    "cut": ("#ffffff", GREY, "", "cut off by the padding"),
    "folded": ("#ffffff", GREY, "", "added to the output by the padding mode"),
    "zero": (PALE, GREY, "", "zero between inputs (stride)"),
    "cropped": ("#ffffff", GREY, "xxx", "cropped"),
    "chosen": ("#ffffff", GREY, "..", "chosen by output_padding"),
}
_PALER = {ORANGE: "#f8dfa8", VERMILLION: "#f0c3a0"}
_COUNTED = ("input", "output", "chosen", "copied", "folded")  # what is written elsewhere is marked in a paler shade
_GAP = 2.5  # cells between the two grids
_MAX_PANELS = 16
_MAX_SIDE = 64  # cells of a grid that can still be told apart


class _Line(NamedTuple):
    """One axis of a grid: its positions, and what each of them is."""

    positions: range
    kinds: tuple[str, ...]


class _Grid(NamedTuple):
    """One of the two grids of a picture; cells are counted from its upper left corner."""

    title: str
    kinds: NDArray[Any]
    values: NDArray[Any] | None
    marked: list[tuple[int, int]]  # cells the step reads or writes
    notes: list[str]  # the weight on each marked cell


class _Picture(NamedTuple):
    """One step: the window is on the source, or on the target where inputs are scattered."""

    title: str
    source: _Grid
    target: _Grid
    scatter: bool = False


def arithmetic(
    geometry: ConvGeometry,
    step: int = 0,
    *,
    transposed: bool = False,
    view: str | None = None,
    input: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one step of a convolution: the window on the padded input, and the output it makes.

    A transposed convolution has two pictures. `view="gather"` makes one output a step: zeros are put between the
    inputs (the "fractional stride"), and the window moves by one. `view="scatter"` takes one input a step and adds its
    multiple of the kernel to the outputs: the picture of the convolution, read backwards. Both give the same numbers.

    Channels are not drawn; every pair of them does the same.

    Parameters
    ----------
    geometry : ConvGeometry
        With one or two spatial axes.
    step : int
        Which step, in C order of the outputs (of the inputs, in the scatter view); negative ones count from the end.
    transposed : bool
        Whether to draw the transposed convolution.
    view : str, optional
        "gather" or "scatter", for a transposed convolution. By default "gather" where the padding mode is zeros, the
        only one that it can show.
    input, weight : array_like, optional
        Numbers to write into the cells, both without channel axes: of the shape of the drawn call's input and of the
        kernel. Results are written as far as they have been made.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        Where the geometry cannot be drawn (a side has more than 64 cells, say), the step does not exist, or arrays do
        not fit it.
    TypeError
        Where an argument is of the wrong kind.

    See Also
    --------
    steps : several steps on one sheet.
    animation : all of them as a film.

    Notes
    -----
    After Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).

    Examples
    --------
    >>> from npconvt import ConvGeometry, plot
    >>> geometry = ConvGeometry.conv_transpose((3, 3), (3, 3), stride=2, padding=1, output_padding=1)
    >>> ax = plot.arithmetic(geometry, 7, transposed=True)
    >>> ax.get_title()
    'conv_transpose, step 8 of 36: output (1, 1)'
    """
    call = "plot.arithmetic"
    check_axes(call, ax)
    scene = _Scene.of(call, geometry, transposed, view, input, weight)
    picture = scene.picture(call, step)
    if ax is None:
        ax = new_axes(*_size(picture))
    _draw(ax, picture)
    return ax


def steps(
    geometry: ConvGeometry,
    *,
    transposed: bool = False,
    view: str | None = None,
    input: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    which: Sequence[int] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw several steps of a convolution on one sheet.

    Parameters
    ----------
    geometry, transposed, view, input, weight
        As in `arithmetic`.
    which : sequence of int, optional
        The steps to draw; by default all, or sixteen evenly spaced ones where there are more.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, TypeError
        As `arithmetic`.

    Examples
    --------
    >>> from npconvt import ConvGeometry, plot
    >>> figure = plot.steps(ConvGeometry.conv((4, 4), (3, 3)))
    >>> len(figure.axes)
    4
    """
    call = "plot.steps"
    check_figure(call, figure, whole=True)
    scene = _Scene.of(call, geometry, transposed, view, input, weight)
    if which is None:
        panels = min(scene.total, _MAX_PANELS)
        which = [round(i) for i in np.linspace(0, scene.total - 1, panels)]
    pictures = [scene.picture(call, step) for step in arguments.integers(call, "which", which)]
    if not pictures:
        msg = f"{call}: which must name at least one step, but is {which!r}."
        raise ValueError(msg)
    columns = min(len(pictures), 2 if len(pictures) <= 4 else 4)
    rows = -(-len(pictures) // columns)
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=_sheet_size(pictures[0], rows, columns))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, picture in zip(axes, pictures, strict=False):
        _draw(ax, picture, legend=False)
    for ax in axes[len(pictures) :]:
        ax.remove()
    handles = _legend_handles(pictures[0])
    across = min(len(handles), max(1, int(figure.get_figwidth() / 2.5)))
    figure.legend(handles=handles, loc="lower center", ncols=across, frameon=False)
    legend_height = 0.2 + 0.22 * -(-len(handles) // across)
    figure.tight_layout(rect=(0, legend_height / figure.get_figheight(), 1, 1))
    return figure


def animation(
    geometry: ConvGeometry,
    *,
    transposed: bool = False,
    view: str | None = None,
    input: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    interval: float = 500,
    figure: Figure | None = None,
) -> FuncAnimation:
    """Return all steps of a convolution as a film.

    Parameters
    ----------
    geometry, transposed, view, input, weight
        As in `arithmetic`.
    interval : float
        Milliseconds between two steps.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new one.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        `.save("steps.gif", writer="pillow")` writes it to a file.

    Raises
    ------
    ValueError, TypeError
        As `arithmetic`.

    Examples
    --------
    >>> from npconvt import ConvGeometry, plot
    >>> film = plot.animation(ConvGeometry.conv((4, 4), (3, 3)))
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     film.save(Path(folder, "steps.gif"), writer="pillow", dpi=20)
    """
    from matplotlib.animation import FuncAnimation

    call = "plot.animation"
    check_figure(call, figure)
    scene = _Scene.of(call, geometry, transposed, view, input, weight)
    first = scene.picture(call, 0)
    ax = new_axes(*_size(first)) if figure is None else figure.subplots()

    def frame(step: int) -> list[Any]:
        ax.clear()
        _draw(ax, scene.picture(call, step))
        return []

    drawn: Any = ax.figure if figure is None else figure
    return FuncAnimation(drawn, frame, frames=scene.total, init_func=list, interval=interval)


def number_of_steps(call: str, geometry: ConvGeometry, *, transposed: bool, view: str | None) -> int:
    """Return how many steps a film has."""
    return _Scene.of(call, geometry, transposed, view, None, None).total


# --- what is to be drawn ---------------------------------------------------------------------------------------------


class _Scene(NamedTuple):
    """All steps of a geometry in one direction and view."""

    geometry: ConvGeometry
    transposed: bool
    scatter: bool
    input: NDArray[Any] | None
    weight: NDArray[Any] | None

    @classmethod
    def of(
        cls,
        call: str,
        geometry: ConvGeometry,
        transposed: bool,
        view: str | None,
        input: ArrayLike | None,
        weight: ArrayLike | None,
    ) -> _Scene:
        check_flat(call, geometry)
        if view is not None:
            arguments.word(call, "view", view, ("gather", "scatter"))
        if view is not None and not transposed:
            msg = f"{call}: view must be left out unless transposed=True, but got {view!r}."
            raise ValueError(msg)
        folds = geometry.padding_mode != ZEROS
        if transposed and view == "gather" and folds:
            msg = (
                f"{call}: view must be 'scatter' unless the padding mode is zeros, "
                f"but got {view!r} with {geometry.padding_mode!r}."
            )
            raise ValueError(msg)
        scatter = transposed and (view == "scatter" or (view is None and folds))
        _check_legible(call, geometry.axes, gathers=transposed and not scatter)
        size = geometry.output_size if transposed else geometry.input_size
        return cls(
            geometry,
            transposed,
            scatter,
            _fitting(call, "input", input, size),
            _fitting(call, "weight", weight, geometry.kernel_size),
        )

    @property
    def moving(self) -> tuple[int, ...]:
        """Sizes of the array whose elements are taken one a step."""
        return self.geometry.input_size if self.transposed and not self.scatter else self.geometry.output_size

    @property
    def total(self) -> int:
        return prod(self.moving)

    def picture(self, call: str, step: int) -> _Picture:
        step = arguments.integer(call, "step", step)
        if not -self.total <= step < self.total:
            msg = f"{call}: step must be from 0 to {self.total - 1}, but got {step}."
            raise ValueError(msg)
        step %= self.total
        position = tuple(int(p) for p in np.unravel_index(step, self.moving))
        name = "conv_transpose" if self.transposed else "conv"
        what = "input" if self.scatter else "output"
        where = str(position) if len(position) > 1 else str(position[0])
        title = f"{name}, step {step + 1} of {self.total}: {what} {where}"
        if self.transposed and not self.scatter:
            return self._gather(title, position, step)
        return self._windows(title, position, step)

    def _windows(self, title: str, position: tuple[int, ...], step: int) -> _Picture:
        """Windows on the padded input of the forward convolution, which the scatter view reads backwards."""
        axes = self.geometry.axes
        lines = [_padded_line(axis, "output" if self.scatter else "input") for axis in axes]
        taps = [
            [i * axis.s + t * axis.d - axis.lo - line.positions.start for t in range(axis.k)]
            for i, axis, line in zip(position, axes, lines, strict=True)
        ]
        small = _plain_lines(self.geometry.output_size, "input" if self.scatter else "output")
        result = self._result(step)
        if self.scatter:
            source = _grid("input", small, self.input, [[p] for p in position], [])
            shown = None if result is None else _shown(result, axes, lines, outside=np.nan)
            title_of_sums = "output so far" if shown is not None and step + 1 < self.total else "output"
            target = _grid(title_of_sums, lines, shown, taps, self._notes(flipped=False))
            return _Picture(title, source, target, scatter=True)
        shown = None if self.input is None else _shown(self.input, axes, lines, outside=0)
        source = _grid("padded input" if _is_padded(lines) else "input", lines, shown, taps, self._notes(flipped=False))
        return _Picture(title, source, _grid("output", small, result, [[p] for p in position], []))

    def _gather(self, title: str, position: tuple[int, ...], step: int) -> _Picture:
        """Windows that move by one over the inputs with zeros between them."""
        axes = self.geometry.axes
        lines = [_stuffed_line(axis) for axis in axes]
        taps = [
            [p + axis.lo - t * axis.d - line.positions.start for t in reversed(range(axis.k))]
            for p, axis, line in zip(position, axes, lines, strict=True)
        ]
        shown = None if self.input is None else _stuffed(self.input, axes, lines)
        source = _grid("input with zeros", lines, shown, taps, self._notes(flipped=True))
        outputs = [_chosen_line(axis) for axis in axes]
        return _Picture(title, source, _grid("output", outputs, self._result(step), [[p] for p in position], []))

    def _notes(self, *, flipped: bool) -> list[str]:
        if self.weight is None:
            return []
        weight = np.flip(self.weight) if flipped else self.weight
        return [number(value) for value in weight.ravel()]

    def _result(self, step: int) -> NDArray[Any] | None:
        """Return the output as far as it has been made: NaN where nothing has been written yet."""
        if self.input is None or self.weight is None:
            return None
        plain = _without_channels(self.geometry)
        matrix = build(plain, _inexact(self.weight), transposed=self.transposed)
        values = _inexact(self.input).ravel()
        if self.scatter:
            values = np.where(np.arange(values.size) <= step, values, 0)
        result = matrix @ values
        if not self.scatter:
            result[step + 1 :] = np.nan
        return np.asarray(result).reshape(plain.input_size if self.transposed else plain.output_size)


def _without_channels(geometry: ConvGeometry) -> ConvGeometry:
    return replace(geometry, in_channels=1, out_channels=1, groups=1, plain=True)


def _fitting(call: str, name: str, value: ArrayLike | None, size: tuple[int, ...]) -> NDArray[Any] | None:
    if value is None:
        return None
    values = arguments.array(call, name, value)
    if values.shape != size:
        msg = f"{call}: {name} must have shape {size}, without channel axes, but has shape {values.shape}."
        raise ValueError(msg)
    return values


def _inexact(values: NDArray[Any]) -> NDArray[Any]:
    """Return the values in a dtype that has NaN."""
    return values.astype(np.result_type(values, np.float64))


def _check_legible(call: str, axes: tuple[Axis, ...], *, gathers: bool) -> None:
    """Refuse grids whose cells nobody could tell apart, and which would take minutes to draw."""
    source = _stuffed_positions if gathers else _padded_positions
    side = max(len(positions) for axis in axes for positions in (source(axis), range(axis.n), range(axis.m)))
    if side > _MAX_SIDE:
        msg = f"{call}: grids must have at most {_MAX_SIDE} cells a side, but one has {side}. Draw a smaller input."
        raise ValueError(msg)


def _padded_positions(axis: Axis) -> range:
    return range(-max(axis.lo, 0), axis.n + max(axis.hi, 0))


def _padded_line(axis: Axis, inside: str) -> _Line:
    """Input with its padding, or output with what a transposed convolution writes beside it."""
    positions = _padded_positions(axis)
    folds = axis.mode != ZEROS
    smallest = axis.n
    if inside == "output":
        smallest = scatter_size(axis.m, axis.k, axis.s, axis.d, axis.lo, axis.hi)
        if not folds:
            written = (axis.m - 1) * axis.s + effective_kernel(axis.k, axis.d) - axis.lo
            positions = range(positions.start, max(axis.n, min(positions.stop, written)))
    start, stop = max(0, -axis.lo), axis.n - max(0, -axis.hi)
    outside = {"input": ("padding", "copied"), "output": ("cut", "folded")}[inside][folds]

    def kind(p: int) -> str:
        if not 0 <= p < axis.n:
            return outside
        if not start <= p < stop:
            return "cropped"
        return "chosen" if p >= smallest else inside

    return _Line(positions, tuple(map(kind, positions)))


def _stuffed_positions(axis: Axis) -> range:
    """Inputs `stride` apart, and the padding that the windows of all outputs reach."""
    first, last = _reach(axis)
    return range(min(first, 0), max(last, (axis.m - 1) * axis.s) + 1)


def _reach(axis: Axis) -> tuple[int, int]:
    """Return the first and the last position under the windows of all outputs, where the first input is at 0."""
    return axis.lo - effective_kernel(axis.k, axis.d) + 1, axis.n - 1 + axis.lo


def _stuffed_line(axis: Axis) -> _Line:
    first, last = _reach(axis)
    positions = _stuffed_positions(axis)

    def kind(p: int) -> str:
        if not 0 <= p <= (axis.m - 1) * axis.s:
            return "padding"
        if not first <= p <= last:
            return "cropped"
        return "zero" if p % axis.s else "input"

    return _Line(positions, tuple(map(kind, positions)))


def _stuffed(values: NDArray[Any], axes: tuple[Axis, ...], lines: list[_Line]) -> NDArray[Any]:
    """Return the values of a grid of inputs with zeros between and around them."""
    shown = np.zeros([len(line.positions) for line in lines], values.dtype)
    index = (
        slice(-line.positions.start, axis.s * axis.m - line.positions.start, axis.s)
        for axis, line in zip(axes, lines, strict=True)
    )
    shown[tuple(index)] = values
    return shown


def _chosen_line(axis: Axis) -> _Line:
    """Outputs; those beyond the smallest size are there because output_padding or output_size asks for them."""
    smallest = scatter_size(axis.m, axis.k, axis.s, axis.d, axis.lo, axis.hi)
    return _Line(range(axis.n), tuple("output" if p < smallest else "chosen" for p in range(axis.n)))


def _plain_lines(size: tuple[int, ...], kind: str) -> list[_Line]:
    return [_Line(range(n), (kind,) * n) for n in size]


def _is_padded(lines: list[_Line]) -> bool:
    return any({"padding", "copied"} & set(line.kinds) for line in lines)


def _shown(values: NDArray[Any], axes: tuple[Axis, ...], lines: list[_Line], *, outside: float) -> NDArray[Any]:
    """Return the values of all cells of a padded grid; `outside` where a cell shows no element."""
    shown = _inexact(values)
    for number_of_axis, (axis, line) in enumerate(zip(axes, lines, strict=True)):
        fills = np.isnan(outside)
        index = [p if 0 <= p < axis.n else -1 if fills else padding_source(axis, p) for p in line.positions]
        taken = shown.take(index, number_of_axis)
        hidden = [slice(None)] * taken.ndim
        hidden[number_of_axis] = np.array(index) < 0  # type: ignore[call-overload]
        taken[tuple(hidden)] = outside
        shown = taken
    return shown


# Which kind wins where the two axes differ.
_RANK = ("cropped", "cut", "padding", "copied", "folded", "zero", "chosen", "input", "output")


def _grid(
    title: str, lines: list[_Line], values: NDArray[Any] | None, taps: list[list[int]], notes: list[str]
) -> _Grid:
    if len(lines) == 1:
        kinds, taps = np.array([lines[0].kinds]), [[0], *taps]
    else:
        rows, columns = (line.kinds for line in lines)
        kinds = np.array([[min(row, column, key=_RANK.index) for column in columns] for row in rows])
    marked = [(row, column) for row in taps[0] for column in taps[1]]
    return _Grid(title, kinds, None if values is None else as_image(values), marked, notes)


# --- drawing ---------------------------------------------------------------------------------------------------------


_TEXT_HEIGHT = 1.1  # of a title, and of the words over the grids or of a legend, in inches


def _size(picture: _Picture) -> tuple[float, float]:
    """Return the figure's size in inches."""
    width, height = _grid_size(picture)
    return width, height + _TEXT_HEIGHT


def _sheet_size(picture: _Picture, rows: int, columns: int) -> tuple[float, float]:
    """Return the size of a sheet in inches: where it would be too wide its grids shrink, but not its words."""
    width, height = _grid_size(picture)
    scale = min(1.0, 18 / (width * columns))
    return max(6.0, width * columns * scale), rows * (height * scale + _TEXT_HEIGHT) + 0.4


def _grid_size(picture: _Picture) -> tuple[float, float]:
    (rows, columns), (target_rows, target_columns) = picture.source.kinds.shape, picture.target.kinds.shape
    width, height = columns + _GAP + target_columns, max(rows, target_rows) + 1
    cell = min(0.55, 12 / width)
    return max(4.5, width * cell + 0.4), height * cell


def _legend_handles(picture: _Picture) -> list[Any]:
    from matplotlib.patches import Patch

    kinds = {str(kind) for grid in (picture.source, picture.target) for kind in grid.kinds.ravel()}
    handles = [
        Patch(facecolor=face, edgecolor=edge, hatch=hatch, linestyle=_dash(kind), label=label)
        for kind, (face, edge, hatch, label) in _KINDS.items()
        if kind in kinds
    ]
    marks = {ORANGE: "taps of the window"}
    window = picture.target if picture.scatter else picture.source
    if not set(window.kinds.ravel()) <= set(_COUNTED):
        marks[_PALER[ORANGE]] = "taps that add nothing"
    marks[VERMILLION] = "input of this step" if picture.scatter else "output of this step"
    return handles + [Patch(facecolor=face, edgecolor=INK, label=label) for face, label in marks.items()]


def _dash(kind: str) -> Literal["-", "--"]:
    return "--" if kind in ("padding", "copied", "cut", "folded", "cropped") else "-"


def _draw(ax: Axes, picture: _Picture, *, legend: bool = True) -> None:
    height = max(picture.source.kinds.shape[0], picture.target.kinds.shape[0])
    right = picture.source.kinds.shape[1] + _GAP
    corners = []
    for grid, left, gid in ((picture.source, 0.0, "source"), (picture.target, right, "target")):
        top = (height - grid.kinds.shape[0]) / 2
        marks = ORANGE if (gid == "target") == picture.scatter else VERMILLION
        corners.append(_draw_grid(ax, grid, left, top, gid, marks))
    (_, x0, y0, y1), (x1, _, z0, z1) = corners
    for start, stop in ((y0, z0), (y1, z1)):
        ax.plot([x0, x1], [start, stop], color=GREY, linewidth=0.8, linestyle=":", gid="link", zorder=0)
    ax.set(xlim=(-0.3, right + picture.target.kinds.shape[1] + 0.3), ylim=(height + 0.3, -0.9), aspect="equal")
    ax.set_title(picture.title, fontsize=10, pad=12)  # above the words over the grids, however small these are
    ax.set_axis_off()
    if legend:
        ax.legend(
            handles=_legend_handles(picture), loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, frameon=False,
            fontsize=8,
        )  # fmt: skip


def _draw_grid(ax: Axes, grid: _Grid, left: float, top: float, gid: str, marks: str) -> tuple[float, ...]:
    """Draw a grid, and return left, right, top and bottom of what the step marks on it."""
    for kind, cells in _cells_by_kind(grid.kinds):
        face, edge, hatch, _ = _KINDS[kind]
        _add_cells(
            ax, cells, left, top, f"{gid}:{kind}", facecolor=face, edgecolor=edge, hatch=hatch, linestyle=_dash(kind)
        )
    faces = [marks if grid.kinds[cell] in _COUNTED else _PALER[marks] for cell in grid.marked]
    _add_cells(ax, grid.marked, left, top, f"{gid}:window", facecolor=faces, edgecolor=INK)
    for cell in grid.marked:
        hatch = _KINDS[grid.kinds[cell]][2]
        if hatch:  # so that a marked cell still shows what it is
            _add_cells(ax, [cell], left, top, f"{gid}:hatched", facecolor="none", edgecolor=GREY, hatch=hatch)
    _write(ax, grid, left, top)
    rows, columns = [r for r, _ in grid.marked], [c for _, c in grid.marked]
    box = (left + min(columns), left + max(columns) + 1, top + min(rows), top + max(rows) + 1)
    from matplotlib.patches import Rectangle

    frame = Rectangle((box[0], box[2]), box[1] - box[0], box[3] - box[2], fill=False, edgecolor=BLUE, linewidth=2.2)
    frame.set_gid(f"{gid}:frame")
    ax.add_patch(frame)
    ax.text(left + grid.kinds.shape[1] / 2, top - 0.2, grid.title, ha="center", va="bottom", fontsize=8)
    return box


def _cells_by_kind(kinds: NDArray[Any]) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    for kind in _KINDS:
        cells = [(int(row), int(column)) for row, column in np.argwhere(kinds == kind)]
        if cells:
            yield kind, cells


def _add_cells(ax: Axes, cells: list[tuple[int, int]], left: float, top: float, gid: str, **style: Any) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    patches = [Rectangle((left + column, top + row), 1, 1) for row, column in cells]
    collection = PatchCollection(patches, linewidth=0.8, **style)
    collection.set_gid(gid)
    ax.add_collection(collection)


def _write(ax: Axes, grid: _Grid, left: float, top: float) -> None:
    """Write the values into the cells, and the weights small into the corners of the window's."""
    if grid.values is not None:
        for (row, column), value in np.ndenumerate(grid.values):
            if not np.isnan(value):
                place = (left + column + 0.5, top + row + 0.5)
                ax.text(*place, number(value), ha="center", va="center", fontsize=8, color=INK)
    for (row, column), note in zip(grid.marked, grid.notes, strict=False):
        ax.text(left + column + 0.95, top + row + 0.95, f"×{note}", ha="right", va="bottom", fontsize=5.5, color=INK)
