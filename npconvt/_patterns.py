"""Rows of the kernel matrix of several axes as segments of a list of entries, and how segments are written.

A row of several axes is one of a few patterns, moved by some columns: a pattern for each of the rows that the axes have
listed. What has the same columns but for a constant, and the same values, is listed once, and copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from npconvt._axis import AxisRows
from npconvt._segments import Segments, copied, copy_between, progressions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[Any]

# Entries that are written at a time, which stay in the next cache.
_BATCH = 1 << 16
# Entries of segments so long that nothing is gained if two are one.
_LONG = 32


@dataclass(frozen=True, eq=False)
class Patterns:
    """Rows of some axes as segments of listed entries."""

    rows: Segments
    columns: Integers  # of the listed entries
    source: Integers | None  # which of the kernel's values each is; None if just these

    @classmethod
    def of(cls, rows: AxisRows) -> Patterns:
        """Return the listed rows of one axis, whose columns are neighbours."""
        return cls(rows.rows, rows.columns, None)

    @cached_property
    def _columns(self) -> Integers:
        return self.columns.astype(np.int64, copy=False)

    @cached_property
    def lengths(self) -> Integers:
        """Entries of each pattern."""
        return self.rows.lengths()

    @property
    def _sources(self) -> Integers:
        return np.arange(len(self.columns)) if self.source is None else self.source

    def after(self, outer: AxisRows, stride: int, values: int, most: int) -> Patterns:
        """Return the patterns of one more axis before these, (row of it, row of these) in C order.

        Its columns are `stride` apart; of these axes, the kernel has as many values as said. Segments that are long
        enough are not joined if for that more entries than `most` would have to be listed.
        """
        size, listed = self.rows.size, int(self.rows.size.sum())
        if listed >= _LONG * len(size) and listed * len(outer.columns) > most:
            return self._after_entries(outer, stride, values)
        patterns = self._joined() if (self.rows.counts > 1).any() else self
        return patterns._after_segments(outer, stride, values)

    def _joined(self) -> Patterns:
        """Return the patterns as one segment each."""
        counts, start, size, move = self.rows
        columns, source = copied(self._columns, self._sources, start, size)
        columns += move.repeat(size)
        lengths = self.lengths
        rows = Segments(np.ones_like(counts), np.cumsum(lengths) - lengths, lengths, np.zeros_like(counts))
        return Patterns(rows, columns, source)

    def _after_segments(self, outer: AxisRows, stride: int, values: int) -> Patterns:
        """Return the patterns if these are one segment each.

        For each of these, all entries of the other axis are listed: then neighbours there are a segment here.
        """
        lengths, entries = self.lengths, len(outer.columns)
        patterns = len(lengths)
        _, start, _, move = self.rows
        if len(start) < patterns:  # there are rows without entries
            there = self.rows.counts > 0
            start, move = (np.zeros(patterns, np.int64) for _ in range(2))
            start[there], move[there] = self.rows.start, self.rows.move
        sizes = lengths.repeat(entries)
        columns, source = copied(self._columns, self._sources, start.repeat(entries), sizes)
        columns += np.add.outer(move, outer.columns.astype(np.int64) * stride).ravel().repeat(sizes)
        source += np.tile(np.arange(entries) * values, patterns).repeat(sizes)
        base = entries * (np.cumsum(lengths) - lengths)
        pairs = outer.rows.of(np.arange(len(outer.lengths)).repeat(patterns))
        each = np.tile(np.arange(patterns), len(outer.lengths)).repeat(pairs.counts)
        size = lengths.take(each)
        rows = Segments(pairs.counts, base.take(each) + pairs.start * size, pairs.size * size, pairs.move * stride)
        return Patterns(rows, columns, source)

    def _after_entries(self, outer: AxisRows, stride: int, values: int) -> Patterns:
        """Return the patterns as the segments of these, once for each entry of the other axis."""
        entries, patterns = len(outer.columns), len(self.lengths)
        columns = np.add.outer(outer.columns.astype(np.int64) * stride, self.columns).ravel()
        source = None if self.source is None else np.add.outer(np.arange(entries) * values, self.source).ravel()
        pairs = outer.rows.of(np.arange(len(outer.lengths)).repeat(patterns))
        entry = progressions(pairs.start, pairs.size)
        pair = np.arange(len(pairs.counts)).repeat(pairs.counts).repeat(pairs.size)
        move = (pairs.move * stride).repeat(pairs.size)
        inner = self.rows.of(pair % patterns)
        rows = Segments(
            np.bincount(pair, inner.counts, len(pairs.counts)).astype(np.int64),
            inner.start + (entry * len(self.columns)).repeat(inner.counts),
            inner.size,
            inner.move + move.repeat(inner.counts),
        )
        return Patterns(rows, columns, source)


def write(
    rows: Segments,
    listed: tuple[NDArray[Any], NDArray[Any]],
    columns: NDArray[Any] | None,
    values: NDArray[Any],
) -> None:
    """Write segments of lists: the columns once, moved, and the values of all row channels.

    The list of columns has shape (entries,), that of values (row channels, entries); so have the targets.
    """
    _, start, size, move = rows
    list_columns, list_values = listed
    dtype = list_columns.dtype
    channels, total = values.shape
    bounds, move = np.stack([start, start + size], 1).astype(dtype), move.astype(dtype)
    together = min(channels, _BATCH // max(1, total))
    if together > 1:
        unmoved = np.empty((together, total), dtype)
        list_columns = np.tile(list_columns, together)
        bounds = np.add.outer(np.arange(together, dtype=dtype) * list_values.shape[1], bounds)
        for channel in range(0, channels, together):
            target = values[channel : channel + together]
            some = list_values[channel : channel + together].ravel()
            there = target if target.flags.c_contiguous else np.empty(target.shape, target.dtype)
            copy_between(
                bounds[: len(target)], list_columns, some, unmoved[: len(target)].reshape(-1), there.reshape(-1)
            )
            if there is not target:
                target[...] = there
        if columns is not None:
            np.add(unmoved[0], move.repeat(size), out=columns)
        return
    ends = np.concatenate([[0], np.cumsum(size)])
    cuts = np.searchsorted(ends[1:], np.arange(_BATCH, total, _BATCH))
    cuts = np.unique(np.concatenate([[0], cuts, [len(size)]]))
    unmoved = np.empty(np.diff(ends[cuts]).max(initial=0), dtype)
    for (begin, end), (first, last) in zip(pairwise(cuts.tolist()), pairwise(ends[cuts].tolist()), strict=True):
        for channel in range(channels):
            there = unmoved[: last - first] if columns is None or channel else columns[first:last]
            copy_between(bounds[begin:end], list_columns, list_values[channel], there, values[channel, first:last])
        if columns is not None:
            columns[first:last] += move[begin:end].repeat(size[begin:end])
