"""Slides the block of a piece over the source: one BLAS product a band, in bounded memory.

The windows of the source are laid out as the columns of a matrix in one of three ways; what is contiguous already is
not copied.

``columns``
    All taps of all channels over the positions of the band: one product.
``slabs``
    The taps of the first axis are left out: for each of them the columns are the same buffer, some rows further on, so
    there is one product for each and a sum, and the first axis's overlap is not copied.
``rows``
    Row by row, taps and channels inside a row: the columns of a row of tiles are consecutive rows of the buffer, so a
    stack of small products needs neither the copy nor the sum.

The products are `numpy.matmul` only: one BLAS library, with one pool of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npconvt._axis import ZEROS, Axis
from npconvt._methods import bands
from npconvt._methods.bands import MAX_BYTES, WIDE, Arena, Array, Box, around, boxes, index, moved, shown
from npconvt._methods.pieces import AxisPiece, Piece, crop

MODES = ("columns", "slabs", "rows")
FOLD = 100  # images with fewer positions share a product


class Channels(NamedTuple):
    """Groups, channels of the result and of the source in a group."""

    groups: int
    results: int
    sources: int


class Span(NamedTuple):
    """The windows along an axis: tap l of window q is at ``q*step + l*dilation``."""

    window: int
    dilation: int
    step: int
    windows: int


class Place(NamedTuple):
    """A place in the tile, or along the last axis some that lie side by side: what is inside, and where it goes."""

    tile: tuple[int | slice, ...]
    tiles: tuple[slice, ...]
    target: tuple[slice, ...]
    width: int  # places along the last axis


class Padded(NamedTuple):
    """A part of the source with its zero padding."""

    shape: tuple[int, ...]
    borders: tuple[Any, ...]  # what is zero
    place: Any  # what is not
    seen: Any  # and where in the source it is


class Band(NamedTuple):
    """Some images, some groups, and a box of the tiles of a piece."""

    images: slice
    groups: slice
    box: Box
    counts: tuple[int, ...]
    bounds: Box  # of the source, which may leave it
    padded: Padded | None  # how, if they do
    whole: bool  # whether all of the result is made
    region: tuple[slice, ...] | None  # of the result, where the tiles are written as they are
    places: tuple[Place, ...]  # or are sorted into it


@dataclass(frozen=True)
class Layout:
    """How a piece is computed: all that does not depend on the arrays. Made by `layout`, which remembers it."""

    piece: Piece
    mode: str
    channels: Channels
    axes: tuple[Axis, ...]  # of the source
    sizes: tuple[int, ...]  # of the result
    dtype: np.dtype[Any]
    natural: bool  # channels before taps, as in the weight
    has_zeros: bool  # in the block
    pads: bool
    _bands: dict[int, tuple[Band, ...]] = field(default_factory=dict, compare=False)

    @property
    def rows(self) -> int:
        """Results in a tile."""
        return self.channels.results * prod(self.piece.tiles)

    @property
    def inner(self) -> int:
        """Terms of a product: the whole window, or the window without the first axis."""
        windows = self.piece.windows[1:] if self.mode == "slabs" else self.piece.windows
        return self.channels.sources * prod(windows)

    def bytes(self, images: int, groups: int, *counts: int) -> int:
        """Workspace for a box of tiles, the padded source included."""
        axes = self.piece.axes
        extents = [(c - 1) * a.step + (a.window - 1) * a.dilation + 1 for a, c in zip(axes, counts, strict=True)]
        if self.mode == "columns":
            columns = prod(self.piece.windows) * prod(counts)
        else:
            columns = extents[0] * prod(self.piece.windows[1:]) * prod(counts[1:])
        elements = self.channels.sources * (prod(extents) + columns) + 2 * self.rows * prod(counts)
        return int(images * groups * elements * self.dtype.itemsize)

    def limit(self) -> int:
        """The size of a band: larger where tall windows would overlap, smaller where tiles are sorted into place."""
        first, *others = self.piece.axes
        row = self.channels.sources * prod(a.window * a.count for a in others) * self.dtype.itemsize
        overlap = 0 if self.mode == "columns" else (first.window - 1) * first.dilation * row
        usual = bands.BAND_BYTES // 2 if prod(self.piece.tiles[1:]) > 1 else bands.BAND_BYTES
        return max(usual, min(5 * overlap, MAX_BYTES // 2))

    def bands(self, images: int) -> tuple[Band, ...]:
        """The bands of a batch."""
        found = self._bands.get(images)
        if found is None:
            sizes = (images, self.channels.groups, *self.piece.counts)
            cut = boxes(sizes, lambda part: self.bytes(*part), self.limit())
            found = tuple(self._band(slice(*some), slice(*groups), tuple(box)) for some, groups, *box in cut)
            if len(self._bands) < 16 and len(found) <= 64:
                self._bands[images] = found
        return found

    def _band(self, images: slice, groups: slice, box: Box) -> Band:
        axes = self.piece.axes
        bounds = tuple(
            (a.start + begin * a.step, a.start + (end - 1) * a.step + (a.window - 1) * a.dilation + 1)
            for a, (begin, end) in zip(axes, box, strict=True)
        )
        leaves = any(low < 0 or high > a.n for (low, high), a in zip(bounds, self.axes, strict=True))
        region = tuple(
            slice(a.first + begin * a.hop, a.first + (end - 1) * a.hop + a.tile, a.hop if a.tile == 1 else 1)
            for a, (begin, end) in zip(axes, box, strict=True)
        )
        whole = all(s.start >= 0 and s.stop <= n for s, n in zip(region, self.sizes, strict=True))
        last = _side_by_side(axes[-1], *box[-1], self.sizes[-1])
        places = []
        for place in product(*map(range, self.piece.tiles[:-1])):
            crops = [crop(a, j, *ends, n) for a, j, ends, n in zip(axes, place, box, self.sizes, strict=False)]
            cuts = [cut for cut, _ in crops]
            target = [slice(found.start, found.stop, found.step) for _, found in crops]
            places += [Place((*place, j), (*cuts, cut), (*target, where), width) for j, cut, where, width in last]
        counts = tuple(end - begin for begin, end in box)
        direct = whole and all(a.tile in (1, a.hop) or a.count == 1 for a in axes)
        return Band(
            *(images, groups, box, counts, bounds),
            padded=_padded(bounds, [a.n for a in self.axes]) if leaves else None,
            whole=direct and all(s == slice(0, n, 1) for s, n in zip(region, self.sizes, strict=True)),
            region=region if direct else None,
            places=tuple(places),
        )


def _side_by_side(axis: AxisPiece, begin: int, end: int, size: int) -> list[tuple[slice, slice, slice, int]]:
    """Places in the tiles begin:end, together where that pays: which, in which tiles, where, and how many."""
    crops = [crop(axis, j, begin, end, size) for j in range(axis.tile)]
    if axis.tile < WIDE or axis.tile != axis.hop:
        return [(slice(j, j + 1), cut, slice(to.start, to.stop, to.step), 1) for j, (cut, to) in enumerate(crops)]
    low, high = max(cut.start for cut, _ in crops), min(cut.stop for cut, _ in crops)
    runs = [(q, q + 1) for q in range(end - begin) if not low <= q < high]  # tiles that are cut at their ends
    runs += [(low, high)] if low < high else []
    found = []
    for first, stop in runs:
        inside = [j for j, (cut, _) in enumerate(crops) if cut.start <= first < cut.stop]
        if inside:
            start, width = axis.first + (begin + first) * axis.hop + inside[0], len(inside)
            where = slice(start, start + (stop - first) * width)
            found.append((slice(inside[0], inside[-1] + 1), slice(first, stop), where, width))
    return found


def _padded(bounds: Box, sizes: list[int]) -> Padded:
    """How a source of these sizes lies between the bounds, which may leave it."""
    shape = tuple(high - low for low, high in bounds)
    firsts = [min(max(-low, 0), size) for (low, _), size in zip(bounds, shape, strict=True)]
    lasts = [max(min(n, high) - low, first) for (low, high), n, first in zip(bounds, sizes, firsts, strict=True)]
    place = tuple(zip(firsts, lasts, strict=True))
    seen = (slice(low + first, low + last) for (low, _), (first, last) in zip(bounds, place, strict=True))
    return Padded(shape, tuple(around(place, shape)), (..., *(slice(*cut) for cut in place)), (..., *seen))


@lru_cache(maxsize=512)
def layout(
    piece: Piece,
    mode: str,
    channels: Channels,
    axes: tuple[Axis, ...],
    sizes: tuple[int, ...],
    dtype: np.dtype[Any],
    swapped: bool,
) -> Layout:
    """The layout of a piece; ``swapped`` says that the weight's first channels are the source's."""
    if mode == "rows" and not piece.has_rows:
        mode = "columns"
    if swapped:
        natural = all(
            tuple(t for (t,) in a.table) == tuple(range(s.k)) if a.window == 1 else False
            for a, s in zip(piece.axes, axes, strict=True)
        )
    else:
        natural = mode == "columns" and all(
            a.table == (tuple(range(s.k)),) for a, s in zip(piece.axes, axes, strict=True)
        )
    has_zeros = any(a.has_zeros for a in piece.axes)
    pads = any(a.leaves(source.n) for a, source in zip(piece.axes, axes, strict=True))
    return Layout(piece, mode, channels, axes, sizes, dtype, natural, has_zeros, pads)


class Slide:
    """A piece with its block. Arrays have a group axis: source (N, G, C, *size), result (N, G, C', *size)."""

    def __init__(self, plan: Layout, block: Array) -> None:
        self.layout = plan
        self.block = block

    def apply(self, source: Array, result: Array, bias: Array | None, arena: Arena) -> None:
        """Write the tiles of the piece into the result, and add the bias, of shape (G, C')."""
        way = {"columns": self._columns, "slabs": self._slabs, "rows": self._rows}[self.layout.mode]
        for band in self.layout.bands(len(source)):
            arena.reset()
            part = result[band.images, band.groups]
            spread = None if bias is None else bias[index(band.groups, slice(None), *(None,) * len(band.counts))]
            padded = self._fetch(source[band.images, band.groups], band, arena)
            out = self._direct(part, band)
            values = way(padded, self._block(band), band, out, arena)
            if out is None:
                _scatter(values, part, band, spread)
            elif spread is not None and band.region is not None:
                region = part[index(..., *band.region)]
                region += spread

    def _block(self, band: Band) -> Array:
        return self.block[:, band.groups] if self.layout.mode == "slabs" else self.block[band.groups]

    def _fetch(self, images: Array, band: Band, arena: Arena) -> Array:
        """The part of the padded source that the band's windows see; a view where there is no padding in it."""
        if band.padded is None:
            part: Array = images[index(..., *(slice(*bound) for bound in band.bounds))]
            return part
        if self.layout.axes[0].mode != ZEROS:
            return shown(images, self.layout.axes, [range(*bound) for bound in band.bounds])
        padded = arena.empty((*images.shape[:3], *band.padded.shape), self.layout.dtype)
        for border in band.padded.borders:
            padded[border] = 0
        padded[band.padded.place] = images[band.padded.seen]
        return padded

    # --- result ------------------------------------------------------------------------------------------------------

    def _direct(self, images: Array, band: Band) -> Array | None:
        """The band's part of the result as the matrices that BLAS can write, or None."""
        plan = self.layout
        if band.region is None or images.dtype != plan.dtype:
            return None
        tiles = plan.piece.tiles
        part = images[index(..., *band.region)]
        if self._lines(band):
            return _lines_of(part, plan.natural, tiles)
        if band.whole and prod(tiles) == 1 and images.flags.c_contiguous:  # seen without a look at the strides
            if plan.mode != "rows":
                return images.reshape(*images.shape[:3], -1)
            if len(tiles) == 2:
                return images.swapaxes(2, 3)
        if prod(tiles[1:]) > 1 or (tiles[0] > 1 and (plan.mode != "rows" or plan.channels.results > 1)):
            return None
        if plan.mode != "rows":
            return merged(part, 3)
        if tiles[0] > 1:
            shape = (*part.shape[:2], band.counts[0], tiles[0], *part.shape[4:])
            steps = (*part.strides[:2], part.strides[3] * tiles[0], part.strides[3], *part.strides[4:])
            return merged(as_strided(part, shape, steps), 4)
        return merged(part.swapaxes(2, 3), 4)

    def _tiles(self, values: Array, counts: tuple[int, ...]) -> Array:
        """The rows of a product (N, G, rows, positions) as (N, G, C', *tiles, *counts)."""
        tiles, results = self.layout.piece.tiles, self.layout.channels.results
        if self.layout.natural:
            return values.reshape(*values.shape[:2], results, *tiles, *counts)
        return moved(values.reshape(*values.shape[:2], *tiles, results, *counts), 2 + len(tiles), 2)

    # --- the three ways ----------------------------------------------------------------------------------------------

    def _lines(self, band: Band) -> bool:
        """Whether there is one tile an image: images are then the rows of the product."""
        return self.layout.mode == "columns" and prod(band.counts) == 1

    def _columns(self, padded: Array, block: Array, band: Band, out: Array | None, arena: Arena) -> Array:
        plan = self.layout
        ndim = len(band.counts)
        along = spans(plan.piece, band.counts)
        order = range(3, 3 + 2 * ndim)
        natural = (0, 1, 2, *order) if plan.natural else (0, 1, *order[:ndim], 2, *order[ndim:])
        images, groups = padded.shape[:2]
        if self._lines(band):
            view = windows(padded, along).transpose(natural)
            lines = np.ascontiguousarray(view, plan.dtype).reshape(images, groups, plan.inner).swapaxes(0, 1)
            products = np.matmul(lines, block.swapaxes(1, 2), out=out)
            return products if out is not None else self._tiles(products.swapaxes(0, 1)[..., None], band.counts)
        if images > 1 and out is None and prod(band.counts) < FOLD:
            view = moved(windows(padded, along).transpose(natural), 0, 2 + ndim)
            columns = arena.copied(view, plan.dtype).reshape(groups, plan.inner, -1)
            values = np.matmul(block, columns, out=arena.empty((groups, plan.rows, columns.shape[2]), plan.dtype))
            values = moved(values.reshape(groups, plan.rows, images, -1), 2, 0)
            return self._tiles(values, band.counts)
        whole = None
        if plan.piece.windows[-1] == 1 or band.counts[-1] == 1:  # otherwise windows overlap, or begin apart
            whole = merged(windows(padded, along).transpose(natural), 3 + ndim, 2)
        if whole is None or whole.dtype != plan.dtype:
            whole = laid_out(padded, along, natural, False, plan.dtype, arena).reshape(images, groups, plan.inner, -1)
        if out is not None:
            return np.matmul(block, whole, out=out)
        values = arena.empty((images, groups, plan.rows, whole.shape[3]), plan.dtype)
        return self._tiles(np.matmul(block, whole, out=values), band.counts)

    def _slabs(self, padded: Array, block: Array, band: Band, out: Array | None, arena: Arena) -> Array:
        plan = self.layout
        first = plan.piece.axes[0]
        count, *others = band.counts
        size = prod(others)
        phases = sorted({position * first.dilation % first.step for position in range(first.window)})
        height = count + (first.window - 1) * first.dilation // first.step
        buffer = self._slab_buffer(padded, band.counts, phases, height, arena)
        shape = (*buffer.shape[:2], plan.rows, count * size)
        values = arena.empty(shape, plan.dtype) if out is None else out
        term = arena.empty(shape, plan.dtype) if first.window > 1 else values
        for position in range(first.window):
            row, phase = divmod(position * first.dilation, first.step)
            begin = (phases.index(phase) * height + row) * size
            slab = buffer[..., begin : begin + count * size]
            if position:
                np.add(values, np.matmul(block[position], slab, out=term), out=values)
            else:
                np.matmul(block[0], slab, out=values)
        return values if out is not None else self._tiles(values, band.counts)

    def _slab_buffer(
        self, padded: Array, counts: tuple[int, ...], phases: list[int], height: int, arena: Arena
    ) -> Array:
        """Rows of the source, sorted by phase of the stride: (N, G, terms, phases * height * positions in a row)."""
        plan = self.layout
        ndim, step = len(counts), plan.piece.axes[0].step
        along = spans(plan.piece, counts)
        order = (0, 1, *range(3, 2 + ndim), 2, *range(2 + ndim, 2 + 2 * ndim))
        view = windows(padded, along, True).transpose(order)  # (N, G, *windows[1:], C, rows, *counts[1:])
        if step == 1:
            buffer = merged(view, 2 + ndim, 2)
            if buffer is not None and buffer.dtype == plan.dtype:
                return buffer
            buffer = laid_out(padded, along, order, True, plan.dtype, arena)
            return buffer.reshape(*view.shape[:2], plan.inner, -1)
        buffer = arena.empty((*view.shape[: 2 + ndim], len(phases), height, *counts[1:]), plan.dtype)
        before = (slice(None),) * (2 + ndim)
        for number, phase in enumerate(phases):
            part = padded[:, :, :, phase : phase + height * step : step]
            sorted_by_phase = laid_out(part, along, order, True, plan.dtype, arena)
            buffer[index(*before, number, slice(part.shape[3]))] = sorted_by_phase
        return buffer.reshape(*view.shape[:2], plan.inner, -1)

    def _rows(self, padded: Array, block: Array, band: Band, out: Array | None, arena: Arena) -> Array:
        plan = self.layout
        first = plan.piece.axes[0]
        ndim = len(band.counts)
        count, *others = band.counts
        order = (0, 1, 2 + ndim, *range(3, 2 + ndim), 2, *range(3 + ndim, 2 + 2 * ndim))
        buffer = laid_out(padded, spans(plan.piece, band.counts), order, True, plan.dtype, arena)
        size, item = prod(others), buffer.itemsize
        shape = (*buffer.shape[:2], count, plan.inner, size)  # of (N, G, rows, *windows[1:], C, *counts[1:])
        rows = strided(buffer, shape, (*buffer.strides[:2], first.step * buffer.strides[2], size * item, item))
        if out is not None:
            return np.matmul(block[:, None], rows, out=out)
        values = arena.empty((*shape[:3], plan.rows, size), plan.dtype)
        return self._tiles(np.matmul(block[:, None], rows, out=values).swapaxes(2, 3), band.counts)


def _scatter(values: Array, result: Array, band: Band, bias: Array | None) -> None:
    """Copy tiles (N, G, C', *tiles, *counts) to their places, cropping what lies outside."""
    exact = result.dtype.kind in "iu"
    if bias is not None and not exact:
        values += bias[index(..., *(None,) * len(band.counts))]
    last = 2 + len(band.counts)
    order = (0, 1, 2, *range(4, last + 2), 3)
    for tile, tiles, target, width in band.places:
        part = result[index(..., *target)]
        part = part.reshape(*part.shape[:-1], part.shape[-1] // width, width)  # a view: the last axis is split
        np.copyto(part, values[index(*(slice(None),) * 3, *tile, *tiles)].transpose(order), casting="unsafe")
        if bias is not None and exact:
            part += bias[..., None]


def packed(base: Array, plan: Layout, kernel: tuple[int, ...], swapped: bool) -> Array:
    """The block of a layout as (G, rows, terms), or (windows[0], G, rows, terms) for slabs.

    ``base`` is the weight as (taps + 1, G, C', C), a block of zeros last, or with the channels swapped.
    """
    ndim = len(kernel)
    dense = base[_tap_numbers(plan.piece, kernel)]  # (tile, window) of each axis, then G and the channels
    tiles, spans = [2 * a for a in range(ndim)], [2 * a + 1 for a in range(ndim)]
    leading = [spans.pop(0)] if plan.mode == "slabs" else []
    group, one, two = 2 * ndim, 2 * ndim + 1, 2 * ndim + 2
    first, second = (spans, tiles) if swapped else (tiles, spans)
    dense = dense.transpose(*leading, group, *first, one, *second, two)
    shape = (plan.inner, plan.rows) if swapped else (plan.rows, plan.inner)
    dense = dense.reshape(*dense.shape[: len(leading) + 1], *shape)
    return dense.swapaxes(-1, -2) if swapped else dense


@lru_cache(maxsize=256)
def _tap_numbers(piece: Piece, kernel: tuple[int, ...]) -> Array:
    """For each place in the tile and the window, the number of the tap, or of the zero behind the last tap."""
    total = np.zeros((1,) * 2 * len(kernel), np.intp)
    absent = np.zeros((1,) * 2 * len(kernel), bool)
    for a, axis in enumerate(piece.axes):
        shape = [1] * 2 * len(kernel)
        shape[2 * a : 2 * a + 2] = axis.tile, axis.window
        table = np.array(axis.table).reshape(shape)
        total = total * kernel[a] + table
        absent = absent | (table < 0)
    return np.where(absent, prod(kernel), total)


def spans(piece: Piece, counts: tuple[int, ...]) -> list[Span]:
    """How the windows of a band lie in its padded source."""
    return [Span(a.window, a.dilation, a.step, count) for a, count in zip(piece.axes, counts, strict=True)]


def windows(padded: Array, along: Sequence[Span], keep_first: bool = False, offset: int = 0) -> Array:
    """View (N, G, C, *windows, *counts) of a padded source, or (N, G, C, *windows[1:], rows, *counts[1:])."""
    rows = padded.shape[3:4] if keep_first else ()
    axes = along[1:] if keep_first else along
    strides = padded.strides[3 + len(rows) :]
    shape = (*padded.shape[:3], *(a.window for a in axes), *rows, *(a.windows for a in axes))
    steps = (
        *padded.strides[:3],
        *(a.dilation * step for a, step in zip(axes, strides, strict=True)),
        *(padded.strides[3:4] if keep_first else ()),
        *(a.step * step for a, step in zip(axes, strides, strict=True)),
    )
    return strided(padded, shape, steps, offset)


def strided(array: Array, shape: tuple[int, ...], steps: tuple[int, ...], offset: int = 0) -> Array:
    """A view of an array from an offset in bytes on, made the quick way where the array is contiguous."""
    if array.flags.c_contiguous:
        return np.ndarray(shape, array.dtype, array.data, offset, steps)
    return as_strided(array, shape, steps)


def laid_out(
    padded: Array, along: Sequence[Span], order: tuple[int, ...], keep_first: bool, dtype: np.dtype[Any], arena: Arena
) -> Array:
    """A contiguous copy of the windows, their axes in the given order.

    With a stride on the last axis every copy would be one of single elements, so its phases are sorted first, once.
    """
    last = along[-1]
    if last.step == 1 or last.window < 3 or (keep_first and len(along) == 1):
        return arena.copied(windows(padded, along, keep_first).transpose(order), dtype)
    size = -(-padded.shape[-1] // last.step)
    phases = arena.empty((last.step, *padded.shape[:-1], size), dtype)
    for phase in range(min(last.step, padded.shape[-1])):
        part = padded[..., phase :: last.step]
        np.copyto(phases[phase, ..., : part.shape[-1]], part, casting="same_kind")
    at = 3 + len(along) - 1 - keep_first  # the axis of the last window
    buffer: Array | None = None
    for position in range(last.window):
        offset, phase = divmod(position * last.dilation, last.step)
        taps = [*along[:-1], Span(1, 1, 1, last.windows)]
        view = windows(phases[phase], taps, keep_first, offset * phases.itemsize).transpose(order)
        if buffer is None:
            shape = tuple(last.window if axis == at else n for axis, n in zip(order, view.shape, strict=True))
            buffer = arena.empty(shape, dtype)
        cut = (slice(None),) * order.index(at)
        buffer[index(*cut, slice(position, position + 1))] = view
    assert buffer is not None
    return buffer


def _lines_of(part: Array, natural: bool, tiles: tuple[int, ...]) -> Array | None:
    """The result (N, G, C', *tiles) as lines (G, N, rows), or None where the rows are in another order or have gaps."""
    if not natural and prod(tiles) > 1 and part.shape[2] > 1:
        return None
    lines = merged(part[:, :, None], 3, 2)
    return None if lines is None else lines[:, :, 0].swapaxes(0, 1)


def merged(view: Array, split: int, lead: int | None = None) -> Array | None:
    """The view as a stack of matrices that BLAS takes without a copy, or None.

    Axes before ``lead`` stay, those up to ``split`` become the rows, the others the columns. By default
    the rows are one axis.
    """
    lead = split - 1 if lead is None else lead
    rows = _merged_axis(view.shape[lead:split], view.strides[lead:split])
    columns = _merged_axis(view.shape[split:], view.strides[split:])
    if rows is None or columns is None:
        return None
    (m, row), (n, column), item = rows, columns, view.itemsize
    if m == 1:  # the stride of an axis of one is free
        row = n * item if column == item or n == 1 else item
    if n == 1:
        column = item
    if (row, column) != (item, max(column, m * item)) and (row, column) != (max(row, n * item), item):
        return None
    return as_strided(view, (*view.shape[:lead], m, n), (*view.strides[:lead], row, column))


def _merged_axis(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int] | None:
    """Length and stride of the one axis that the given ones make, if they do."""
    length, stride = 1, None
    for n, step in zip(reversed(shape), reversed(strides), strict=True):
        if n == 1:
            continue
        if stride is None:
            stride = step
        elif step != stride * length:
            return None
        length *= n
    return length, 0 if stride is None else stride
