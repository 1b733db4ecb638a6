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

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npconvt._axis import ZEROS, Axis
from npconvt._methods.bands import Array, Box, boxes, copied, index, shown
from npconvt._methods.pieces import Piece, block, crop

MODES = ("columns", "slabs", "rows")


class Band(NamedTuple):
    """Some images, and a box of the tiles of a piece."""

    images: slice
    box: Box

    @property
    def counts(self) -> tuple[int, ...]:
        """Tiles along each axis."""
        return tuple(end - begin for begin, end in self.box)


class Slide:
    """A piece and its packed block. Arrays have a group axis: source (N, G, C, *size), result (N, G, C', *size)."""

    def __init__(self, piece: Piece, weight: Array, axes: tuple[Axis, ...], mode: str) -> None:
        self.piece = piece
        self.axes = axes  # of the source, for what its padding shows
        first = piece.axes[0]
        if mode == "rows" and first.dilation > 1 and first.window > 1:
            mode = "columns"  # the rows of a window are not consecutive
        self.mode = mode
        dense = block(piece, weight)
        ndim = len(piece.axes)
        groups, results = dense.shape[:2]
        self.sources = dense.shape[2 + ndim]
        self.rows = results * prod(piece.tiles)
        dense = dense.reshape(groups, self.rows, self.sources, *piece.windows)
        if mode == "slabs":
            dense = np.moveaxis(dense, 3, 0).reshape(piece.windows[0], groups, self.rows, -1)
        elif mode == "rows":
            dense = np.moveaxis(dense, 3, 2).reshape(groups, 1, self.rows, -1)
        else:
            dense = dense.reshape(groups, self.rows, -1)
        self.block = dense
        self.results = results
        self.groups = groups
        self.work = dense.dtype

    def apply(self, source: Array, result: Array, bias: Array | None) -> None:
        """Write the tiles of the piece into the result, and add the bias, of shape (G, C')."""
        for band in self._bands(len(source)):
            padded = self._fetch(source, band)
            out = self._direct(result, band)
            values = getattr(self, "_" + self.mode)(padded, band, out)
            if out is None:
                self._scatter(values, result, band, bias)
            elif bias is not None:
                region = result[index(band.images, ..., *self._region(band))]
                region += bias.reshape(*bias.shape, *(1,) * len(self.axes))

    # --- bands -------------------------------------------------------------------------------------------------------

    def band_bytes(self, images: int, counts: tuple[int, ...]) -> int:
        """Bytes of workspace for a band, the padded source included."""
        axes = self.piece.axes
        extents = [(c - 1) * a.step + (a.window - 1) * a.dilation + 1 for a, c in zip(axes, counts, strict=True)]
        if self.mode == "columns":
            columns = prod(self.piece.windows) * prod(counts)
        else:
            columns = extents[0] * prod(self.piece.windows[1:]) * prod(counts[1:])
        elements = self.sources * (prod(extents) + columns) + 2 * self.rows * prod(counts)
        return int(images * self.groups * elements * self.work.itemsize)

    def _bands(self, images: int) -> Iterator[Band]:
        sizes = (images, *self.piece.counts)
        for (begin, end), *box in boxes(sizes, lambda part: self.band_bytes(part[0], part[1:])):
            yield Band(slice(begin, end), tuple(box))

    # --- source ------------------------------------------------------------------------------------------------------

    def _fetch(self, source: Array, band: Band) -> Array:
        """The part of the padded source that the band's windows see; a view where there is no padding in it."""
        sizes = source.shape[3:]
        bounds = [
            (a.start + begin * a.step, a.start + (end - 1) * a.step + (a.window - 1) * a.dilation + 1)
            for a, (begin, end) in zip(self.piece.axes, band.box, strict=True)
        ]
        if all(low >= 0 and high <= n for (low, high), n in zip(bounds, sizes, strict=True)):
            part: Array = source[index(band.images, ..., *(slice(*bound) for bound in bounds))]
            return part
        images = source[band.images]
        if self.axes[0].mode != ZEROS:
            return shown(images, self.axes, [range(*bound) for bound in bounds])
        inner = [(max(low, 0), max(min(high, n), max(low, 0))) for (low, high), n in zip(bounds, sizes, strict=True)]
        padded = np.zeros((*images.shape[:3], *(high - low for low, high in bounds)), self.work)
        place = [slice(i - low, j - low) for (i, j), (low, _) in zip(inner, bounds, strict=True)]
        padded[index(..., *place)] = images[index(..., *(slice(*bound) for bound in inner))]
        return padded

    # --- result ------------------------------------------------------------------------------------------------------

    def _region(self, band: Band) -> tuple[slice, ...]:
        """Where the band's tiles lie in the result, where tiles of more than one position leave no gaps."""
        region = []
        for axis, (begin, end) in zip(self.piece.axes, band.box, strict=True):
            step = axis.hop if axis.tile == 1 else 1
            region.append(slice(axis.first + begin * axis.hop, axis.first + (end - 1) * axis.hop + axis.tile, step))
        return tuple(region)

    def _direct(self, result: Array, band: Band) -> Array | None:
        """The band's part of the result as the matrices that BLAS can write, or None."""
        if result.dtype != self.work:
            return None
        first, *others = self.piece.axes
        if any(axis.tile > 1 for axis in others) or (first.tile > 1 and (self.mode != "rows" or self.results > 1)):
            return None
        if any(s.start < 0 or s.stop > n for s, n in zip(self._region(band), result.shape[3:], strict=True)):
            return None
        part = result[index(band.images, ..., *self._region(band))]
        if self.mode != "rows":
            return merged(part, 3)
        if first.tile > 1:
            if first.tile != first.hop:
                return None
            tiles = as_strided(
                part,
                (*part.shape[:2], band.counts[0], first.tile, *part.shape[4:]),
                (*part.strides[:2], part.strides[3] * first.tile, part.strides[3], *part.strides[4:]),
            )
            return merged(tiles, 4)
        return merged(np.moveaxis(part, 2, 3), 4)

    def _scatter(self, values: Array, result: Array, band: Band, bias: Array | None) -> None:
        """Copy tiles (N, G, C', *tiles, *counts) to their places, cropping what lies outside."""
        exact = result.dtype.kind in "iu"
        if bias is not None and not exact:
            values += bias.reshape(*bias.shape, *(1,) * 2 * len(self.axes))
        images = result[band.images]
        for place in product(*(range(tile) for tile in self.piece.tiles)):
            cut, target = [], []
            for axis, j, (begin, end), n in zip(self.piece.axes, place, band.box, result.shape[3:], strict=True):
                taken, positions = crop(axis, j, begin, end, n)
                cut.append(taken)
                target.append(slice(positions.start, positions.stop, positions.step))
            part = images[index(..., *target)]
            np.copyto(part, values[index(*(slice(None),) * 3, *place, *cut)], casting="unsafe")
            if bias is not None and exact:
                part += bias.reshape(*bias.shape, *(1,) * len(self.axes))

    def _tiles(self, values: Array, band: Band) -> Array:
        return values.reshape(*values.shape[:2], self.results, *self.piece.tiles, *band.counts)

    # --- the three ways ----------------------------------------------------------------------------------------------

    def _columns(self, padded: Array, band: Band, out: Array | None) -> Array:
        ndim = len(self.piece.axes)
        view = windows(padded, self.piece, band.counts)
        columns = merged(view, 3 + ndim, 2)
        if columns is None or columns.dtype != self.work:
            columns = copied(view, self.work).reshape(*view.shape[:2], self.block.shape[-1], -1)
        if out is None:
            return self._tiles(np.matmul(self.block, columns), band)
        return np.matmul(self.block, columns, out=out)

    def _slabs(self, padded: Array, band: Band, out: Array | None) -> Array:
        first = self.piece.axes[0]
        ndim = len(self.piece.axes)
        count, *others = band.counts
        phases = sorted({position * first.dilation % first.step for position in range(first.window)})
        height = count + (first.window - 1) * first.dilation // first.step
        view = windows(padded, self.piece, band.counts, keep_first=True)  # (N, G, C, *windows[1:], height, *counts[1:])
        if len(phases) == 1 and first.step == 1:
            buffer = merged(view, 2 + ndim, 2)
            if buffer is None or buffer.dtype != self.work:
                buffer = copied(view, self.work)
        else:
            buffer = np.empty((*view.shape[: 2 + ndim], len(phases), height, *others), self.work)
            cut = (slice(None),) * (2 + ndim)
            for number, phase in enumerate(phases):
                part = view[index(*cut, slice(phase, None, first.step))]
                rows = min(height, part.shape[2 + ndim])
                np.copyto(buffer[index(*cut, number, slice(rows))], part[index(*cut, slice(rows))], casting="same_kind")
        size = prod(others)
        buffer = buffer.reshape(*view.shape[:2], self.block.shape[-1], -1) if buffer.ndim != 4 else buffer
        values = np.empty((*view.shape[:2], self.rows, count * size), self.work) if out is None else out
        term = np.empty(values.shape, self.work) if first.window > 1 else values
        for position in range(first.window):
            row, phase = divmod(position * first.dilation, first.step)
            begin = (phases.index(phase) * height + row) * size
            slab = buffer[..., begin : begin + count * size]
            if position:
                np.add(values, np.matmul(self.block[position], slab, out=term), out=values)
            else:
                np.matmul(self.block[0], slab, out=values)
        return self._tiles(values, band) if out is None else values

    def _rows(self, padded: Array, band: Band, out: Array | None) -> Array:
        first = self.piece.axes[0]
        ndim = len(self.piece.axes)
        count, *others = band.counts
        view = np.moveaxis(windows(padded, self.piece, band.counts, keep_first=True), 2 + ndim, 2)
        buffer = copied(view, self.work)  # (N, G, height, C, *windows[1:], *counts[1:])
        row, size = self.sources * prod(self.piece.windows[1:]), prod(others)
        item = buffer.itemsize
        rows = as_strided(
            buffer,
            (*view.shape[:2], count, first.window * row, size),
            (*buffer.strides[:2], first.step * buffer.strides[2], size * item, item),
        )
        if out is not None:
            return np.matmul(self.block, rows, out=out)
        values = np.matmul(self.block, rows).reshape(*view.shape[:2], count, self.results, *self.piece.tiles, *others)
        return np.moveaxis(values, 2, 3 + ndim)


def windows(padded: Array, piece: Piece, counts: tuple[int, ...], keep_first: bool = False) -> Array:
    """View (N, G, C, *windows, *counts) of a padded source, or (N, G, C, *windows[1:], rows, *counts[1:])."""
    axes = piece.axes[1:] if keep_first else piece.axes
    sizes = counts[1:] if keep_first else counts
    strides = padded.strides[3 + len(piece.axes) - len(axes) :]
    shape = (*padded.shape[:3], *(a.window for a in axes), *(padded.shape[3:4] if keep_first else ()), *sizes)
    steps = (
        *padded.strides[:3],
        *(a.dilation * step for a, step in zip(axes, strides, strict=True)),
        *(padded.strides[3:4] if keep_first else ()),
        *(a.step * step for a, step in zip(axes, strides, strict=True)),
    )
    return as_strided(padded, shape, steps, writeable=False)


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
