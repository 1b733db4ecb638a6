"""What the rows of the kernel matrix run along, written for any number of entries before each of its entries.

A `Line` is the last axis, or some rows of it. A `StretchLine` is a stretch of rows of an earlier axis with everything
after it. Either lists each row of a run's period once, and fills in its repeats. The entries of a list are gathered one
by one; but a line that is by itself and has long strips is copied strip by strip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconvt._axis import AxisRows, Run, Strips, progressions

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Entries that are written again and again while they stay in the cache nearest to the core.
_CHUNK = 4096
# Entries that are gathered one by one in the time of a copy of a strip.
_STRIP = 100
# Entries of a row so short that a loop along it costs more than they do.
_SHORT = 4


class Line:
    """Rows of the last axis."""

    def __init__(self, rows: AxisRows, offset: int, dtype: np.dtype[Any], *, alone: bool) -> None:
        self.rows = rows
        self.offset = offset  # entries of the axis before these
        self.entries = rows.entries
        self.dtype = dtype
        self._orders: dict[int, NDArray[np.intp]] = {}
        self._taps: dict[tuple[int, int], NDArray[np.intp]] = {}
        # A strip of one tap again and again is in no order of the taps.
        strips = sum(len(term.row) for term in rows.terms)
        self._is_copied = (
            alone and rows.lengths.sum() >= _STRIP * strips and all((term.tap_step != 0).all() for term in rows.terms)
        )

    def write_columns(self, heads: NDArray[Any], segments: NDArray[Any]) -> None:
        """Write the columns of the rows, for heads of shape (..., head)."""
        if self._is_copied:
            columns, places = _columns(self.rows)
            columns = heads.ravel() + columns.astype(self.dtype)
            self._write_strips(columns, self.rows.terms[:1], [places], segments, grow=True)
            return
        *lines, head = heads.shape
        listed = (heads[..., None] + self._listed_columns).reshape(*lines, -1)
        self._write(listed.take(self._order(head), -1) if head > 1 else listed, head, segments, grow=True)

    def write_values(self, values: NDArray[Any], segments: NDArray[Any]) -> None:
        """Write the values of the rows, from values of shape (..., head, taps)."""
        *lines, head, taps = values.shape
        if self._is_copied:
            order, places = _tap_order(self.rows.terms, taps)
            self._write_strips(values.ravel().take(order), self.rows.terms, places, segments, grow=False)
            return
        listed = take(values.reshape(*lines, -1), self._listed_taps(head, taps), -1)
        self._write(listed, head, segments, grow=False)

    @cached_property
    def _listed_columns(self) -> NDArray[Any]:
        return self.rows.columns.astype(self.dtype)

    def _listed_taps(self, head: int, taps: int) -> NDArray[np.intp]:
        """Return where in (head, tap) the terms of the listed entries are, in the order of the matrix."""
        if head == 1:
            return self.rows.taps
        if (head, taps) not in self._taps:
            listed = np.arange(head)[:, None] * taps + self.rows.taps[:, None]
            self._taps[head, taps] = listed.reshape(len(listed), -1).take(self._order(head), -1)
        return self._taps[head, taps]

    def _order(self, head: int) -> NDArray[np.intp]:
        if head not in self._orders:
            self._orders[head] = _order(self.rows.lengths, head)
        return self._orders[head]

    def _write(self, listed: NDArray[Any], head: int, segments: NDArray[Any], *, grow: bool) -> None:
        """Write all rows, the listed entries in the order of the matrix and their repeats."""
        done = start = 0
        for run in self.rows.runs:
            period = listed[..., done : done + head * run.entries]
            start = write_run(segments, start, period, run.repeats, run.step if grow else 0)
            done += head * run.entries

    def _write_strips(
        self,
        source: NDArray[Any],
        terms: tuple[Strips, ...],
        places: list[NDArray[Any]],
        segments: NDArray[Any],
        *,
        grow: bool,
    ) -> None:
        """Write all rows into the one segment there is: the strips of the terms, and the repeats."""
        segment = segments.reshape(-1)
        _copy_strips(source, terms, places, segment, self._starts)
        start = 0
        for run in self.rows.runs:
            if run.repeats > 1 and run.entries:
                repeat(segment, start, run.entries, run.repeats, run.step if grow else 0)
            start += run.repeats * run.entries

    @cached_property
    def _starts(self) -> NDArray[Any]:
        """Return the number of entries before each listed row."""
        lengths, runs = self.rows.lengths, self.rows.runs
        repeats = np.array([0, *((run.repeats - 1) * run.entries for run in runs[:-1])])
        return np.asarray(np.cumsum(lengths) - lengths + np.repeat(np.cumsum(repeats), [run.rows for run in runs]))


def _copy_strips(
    source: NDArray[Any],
    terms: tuple[Strips, ...],
    places: list[NDArray[Any]],
    segment: NDArray[Any],
    starts: NDArray[Any],
) -> None:
    """Copy strips, each from a place in the source, into the rows that start there; those of later terms are added."""
    target, origin = segment.view(np.uint8).data, source.view(np.uint8).data
    item = segment.itemsize
    for number, (strips, place) in enumerate(zip(terms, places, strict=True)):
        start, apart, size = starts[strips.row] + strips.at, strips.every, strips.size
        single = size == 1
        if number:
            segment[start[single]] += source[place[single]]
        else:
            segment[start[single]] = source[place[single]]
        # Python copies bytes in half of the time that NumPy takes to think about a short slice.
        plain = ~single & (apart == 1) & (number == 0)
        whole = (start, start + size, place, place + size)
        for first, last, begin, end in zip(*((bound[plain] * item).tolist() for bound in whole), strict=True):
            target[first:last] = origin[begin:end]
        other = ~single & ~plain
        parts = (start, start + apart * size, apart, place, place + size)
        for first, last, every, begin, end in zip(*(bound[other].tolist() for bound in parts), strict=True):
            here = segment[first:last:every]
            if number:
                here += source[begin:end]
            else:
                here[...] = source[begin:end]


def _columns(rows: AxisRows) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return columns of which each strip is some neighbours, and where it starts."""
    strips, step = rows.terms[0], rows.step
    begin, end = strips.column.min(), (strips.column + (strips.size - 1) * step).max() + 1
    if end - begin > strips.size.sum():
        return progressions(strips.column, strips.size, step), np.cumsum(strips.size) - strips.size
    order, places = _by_remainder(int(end - begin), step)
    return begin + order, places[strips.column - begin]


def _tap_order(terms: tuple[Strips, ...], taps: int) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Return an order of taps in which each strip is some neighbours, and where the strips of each term start."""
    steps = np.unique(np.concatenate([term.tap_step for term in terms]))
    orders, places = zip(*(_by_remainder(taps, step) for step in steps.tolist()), strict=True)
    table = np.array(places) + np.arange(len(steps))[:, None] * taps
    return np.concatenate(orders), [table[np.searchsorted(steps, term.tap_step), term.tap] for term in terms]


def _by_remainder(count: int, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the numbers below `count` in an order that has those `step` apart as neighbours, and their places."""
    apart = min(abs(step), count)
    order = np.arange(-(-count // apart) * apart).reshape(-1, apart).T.ravel()
    order = order[order < count][:: 1 if step > 0 else -1]
    places = np.empty_like(order)
    places[order] = np.arange(count)
    return order, places


class Row(NamedTuple):
    """A row of the axes after a stretch, and its repeats right after it, as rows of the last axis have them."""

    columns: NDArray[Any]
    taps: tuple[NDArray[Any], ...]  # of each axis, shape (terms, entries)
    repeats: int = 1
    step: int = 0  # columns from one repeat to the next


class Inner(NamedTuple):
    """All rows of the axes after a stretch: the listed rows of their runs."""

    runs: tuple[Run, ...]  # in whose rows, a listed row with its repeats is one
    listed: tuple[Row, ...]

    @classmethod
    def of(cls, parts: Iterable[AxisRows], stride: int) -> Inner:
        """Return all rows of an axis with that many columns from one position to the next."""
        runs, listed = [], []
        for part in parts:
            cuts = np.cumsum(part.lengths)[:-1]
            columns, taps = np.split(part.columns * stride, cuts), np.split(part.taps, cuts, 1)
            listed += [Row(row, (trimmed(terms, part.k),)) for row, terms in zip(columns, taps, strict=True)]
            runs += [run._replace(step=run.step * stride) for run in part.runs]
        return cls(tuple(runs), tuple(listed))

    @property
    def sizes(self) -> NDArray[Any]:
        """Entries of each listed row, those that repeat right after one another by themselves."""
        return np.repeat([len(row.columns) for row in self.listed], [row.repeats for row in self.listed])

    @property
    def entries(self) -> int:
        """Entries of all rows, listed or not."""
        return sum(run.repeats * run.entries for run in self.runs)

    def times(self, inner: Inner) -> Inner:
        """Return all rows of these axes and others after them."""
        rows = tuple(inner._rows())
        size = sum(row.repeats * len(row.columns) for row in rows)
        return Inner(
            tuple(Run(run.rows * len(rows), run.entries * size, run.repeats, run.step) for run in self.runs),
            tuple(
                Row(np.add.outer(outer.columns, row.columns).ravel(), outer.taps + row.taps, row.repeats, row.step)
                for outer in self.listed
                for row in rows
            ),
        )

    def _rows(self) -> Iterator[Row]:
        """Yield all rows, also those that are repeats."""
        begin = 0
        for run in self.runs:
            period = self.listed[begin : begin + run.rows]
            begin += len(period)
            if run.rows == 1 and period[0].repeats == 1:  # else the repeats are not right after one row
                yield period[0]._replace(repeats=run.repeats, step=run.step)
                continue
            for repeat in range(run.repeats):
                yield from (row._replace(columns=row.columns + repeat * run.step) for row in period)


class Stretch(NamedTuple):
    """Neighbouring rows of an axis that do not repeat, and what the axes after it are on each of them."""

    lengths: NDArray[Any]  # entries of each row
    columns: NDArray[Any]
    taps: NDArray[Any]  # shape (terms, entries)
    offset: int  # entries of the axis before the first of these rows
    inner: Inner


class StretchLine:
    """A stretch of rows and all lines on them, as one line, with `head` entries before each of the rows' entries.

    What is listed is each listed row of the inner axes on all rows of the stretch. In the matrix the parts of them all
    that are on one row of the stretch come before those on the next.
    """

    def __init__(self, stretch: Stretch, stride: int, head: int, dtype: np.dtype[Any]) -> None:
        self.inner = stretch.inner
        self.taps = stretch.taps
        self.columns = stretch.columns.astype(dtype) * dtype.type(stride)
        self.offset = stretch.offset * self.inner.entries
        self.entries = len(stretch.columns) * self.inner.entries
        sizes = self.inner.sizes
        self.listed_entries = head * len(stretch.columns) * int(sizes.sum())
        self.order = _order(stretch.lengths, head) if head > 1 else None
        lengths = stretch.lengths * head
        # Rows of as many entries each are an axis of the arrays, others one row after the other.
        self.alike = len(lengths) if (lengths == lengths[0]).all() else 1
        self.lengths = lengths[:: self.alike].tolist()
        self.places = _interleaved(lengths, sizes) if self.alike == 1 else None

    def write_columns(self, heads: NDArray[Any], segments: NDArray[Any]) -> None:
        """Write the columns of the rows, for heads of shape (..., head)."""
        outer = self._by_rows(heads[..., None] + self.columns, heads.ndim)
        listed, rows = self._listed(outer.shape, outer.dtype)
        for row, (columns, _, repeats, step) in zip(rows, self.inner.listed, strict=True):
            if len(columns) <= _SHORT:
                grown = np.add.outer(columns, np.arange(repeats) * step).astype(outer.dtype)
                for number, column in enumerate(grown):
                    np.add(outer[..., None, :], column[:, None], out=row[..., number])
            else:
                grown = np.add.outer(np.arange(repeats) * step, columns).astype(outer.dtype)
                np.add(outer[..., None, :, None], grown[:, None], out=row)
        self._write(listed, segments, grow=True)

    def write_values(self, values: NDArray[Any], segments: NDArray[Any]) -> None:
        """Write the values of the rows, from values of shape (..., head, taps, taps of the first inner axis, ...)."""
        axis = values.ndim - len(self.inner.listed[0][1])
        outer = self._by_rows(take(values, self.taps, axis - 1), axis - 1)
        listed, rows = self._listed(outer.shape[:axis], outer.dtype)
        before: tuple[int, ...] = ()
        taken = outer
        for row, (_, taps, _, _) in zip(rows, self.inner.listed, strict=True):
            if before != (before := tuple(map(id, taps[:-1]))):  # neighbours differ on the last axis alone
                taken = outer
                for number, terms in enumerate(taps[:-1], axis):
                    taken = take(taken, terms, number)
            first = row[..., 0, :, :].reshape(*taken.shape[:-1], taps[-1].shape[1])
            take(taken, taps[-1], taken.ndim - 1, first)
            row[..., 1:, :, :] = row[..., :1, :, :]
        self._write(listed, segments, grow=False)

    def _by_rows(self, outer: NDArray[Any], axis: int) -> NDArray[Any]:
        """Return what is along the axes (head, entry) in the order (row, head, entry of the row), alike rows apart."""
        outer = outer.reshape(*outer.shape[: axis - 1], -1, *outer.shape[axis + 1 :])
        if self.order is not None:
            outer = outer.take(self.order, axis - 1)
        return outer.reshape(*outer.shape[: axis - 1], self.alike, -1, *outer.shape[axis:])

    def _listed(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[NDArray[Any], list[NDArray[Any]]]:
        """Return memory for all listed rows of the inner axes on outer entries of this shape.

        Also return that of each row, of shape (..., repeat, outer entry, entry of the row).
        """
        rows = [(row.repeats, shape[-1], len(row.columns)) for row in self.inner.listed]
        ends = np.cumsum([0, *map(prod, rows)]).tolist()
        listed = np.empty((*shape[:-1], ends[-1]), dtype)
        parts = (listed[..., begin:end] for begin, end in pairwise(ends))
        return listed, [part.reshape(*shape[:-1], *row) for part, row in zip(parts, rows, strict=True)]

    def _write(self, listed: NDArray[Any], segments: NDArray[Any], *, grow: bool) -> None:
        """Write all rows, those that are listed and their repeats."""
        if self.places is not None:
            listed = listed.take(self.places, -1)
        shape = [size for size in (*segments.shape[:-1], self.alike) if size > 1]
        segments, listed = segments.reshape(*shape, -1), listed.reshape(*shape, -1)
        runs = [(run.entries, run.repeats - 1, _growth(run, listed.dtype) if grow else None) for run in self.inner.runs]
        # What is listed up to `begin` is written up to `start`, and a period ends at `end` and `stop`.
        begin = start = end = stop = 0
        for length in self.lengths:
            for entries, more, growth in runs:
                size = length * entries
                end += size
                stop += size
                if more and size:
                    segments[..., start:stop] = listed[..., begin:end]
                    begin, start = end, stop + more * size
                    period = listed[..., None, end - size : end]
                    repeats = segments[..., stop:start].reshape(*shape, more, size)
                    if growth is None:
                        repeats[...] = period
                    else:
                        np.add(period, growth, out=repeats)
                    stop = start
        segments[..., start:] = listed[..., begin:]


def _growth(run: Run, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return how far the columns of each repeat are moved."""
    return np.asarray(np.arange(1, run.repeats, dtype=dtype)[:, None] * dtype.type(run.step))


def _interleaved(lengths: NDArray[Any], sizes: NDArray[Any]) -> NDArray[np.intp]:
    """Return where pieces of `length * size` entries in the order (size, length) stand, in the order (length, size)."""
    pieces = np.multiply.outer(lengths, sizes)
    moves = np.cumsum(pieces.T).reshape(pieces.T.shape).T - np.cumsum(pieces).reshape(pieces.shape)
    places: NDArray[np.intp] = np.repeat(moves.ravel(), pieces.ravel())
    places += np.arange(len(places))
    return places


def _order(lengths: NDArray[Any], head: int) -> NDArray[np.intp]:
    """Return where in (head, entry) the entries of rows stand, in the order (row, head, entry of the row)."""
    starts = np.cumsum(lengths) - lengths
    return progressions(np.add.outer(starts, np.arange(head) * lengths.sum()).ravel(), np.repeat(lengths, head), 1)


def write_run(segments: NDArray[Any], start: int, period: NDArray[Any], repeats: int, step: int) -> int:
    """Write a run's entries along the last axis of `segments` from `start` on, and return where they end."""
    size = period.shape[-1]
    segments[..., start : start + size] = period
    if repeats > 1 and size:
        repeat(segments, start, size, repeats, step)
    stop: int = start + repeats * size
    return stop


def repeat(segments: NDArray[Any], start: int, size: int, repeats: int, step: int) -> None:
    """Fill in the repeats of the first period, of that size, which is in the segments from `start` on.

    From a period to the next the entries grow by `step`. The first periods are doubled until they fill a chunk of the
    cache; then the chunk is broadcast: few and long writes, whatever the length of the period.
    """
    target = segments[..., start : start + repeats * size]
    done = 1
    while done < repeats and done * size < _CHUNK:
        more = min(done, repeats - done)
        _add(target[..., : more * size], done * step, target[..., done * size : (done + more) * size])
        done += more
    chunks, rest = divmod(repeats, done)
    if chunks > 1:
        chunk = done * size
        whole = target[..., : chunks * chunk].reshape(*target.shape[:-1], chunks, chunk)
        first, others = whole[..., :1, :], whole[..., 1:, :]
        if target.shape[-1] != target.size:
            first = first.copy()  # lest NumPy, which takes parts of several segments to overlap, copies the others
        if step:
            growth = np.arange(1, chunks, dtype=target.dtype) * target.dtype.type(done * step)
            np.add(first, growth[:, None], out=others)
        else:
            others[...] = first
    if rest:
        _add(target[..., : rest * size], chunks * done * step, target[..., chunks * done * size :])


def _add(source: NDArray[Any], number: int, target: NDArray[Any]) -> None:
    if number:
        np.add(source, source.dtype.type(number), out=target)
    else:
        target[...] = source


def trimmed(taps: NDArray[Any], k: int) -> NDArray[Any]:
    """Return taps of shape (terms, entries) without last terms that are no tap, k, of any entry."""
    terms = len(taps)
    while terms > 1 and (taps[terms - 1] == k).all():
        terms -= 1
    return taps[:terms]


def take(values: NDArray[Any], taps: NDArray[Any], axis: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the sums over `taps`, of shape (terms, ...), of the values along an axis."""
    total: NDArray[Any] = values.take(
        taps[0], axis, out, "raise" if out is None else "clip"
    )  # "raise" would copy `out`
    for term in taps[1:]:
        total += values.take(term, axis)
    return total
