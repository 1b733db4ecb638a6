"""Integer formulas of one axis: sizes, padding amounts and the rows of its kernel matrix.

Letters, in this module only: `n` input size, `m` output size, `k` taps, `s` stride, `d` dilation, `lo` and `hi` the
padding before and after (negative crops). Window `i` puts its tap `t` on input position `i*s + t*d - lo`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconvt._segments import Segments, copy, sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[Any]

ZEROS, REFLECT, REPLICATE, CIRCULAR = PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

# Rows whose entries are counted at a time.
_COUNTED = 1 << 13
# Windows that are looked at at a time; rows that are listed together at most, and long ones at least.
_BATCH = 1 << 17
_FULL = 1 << 15
_ROWS = 4


class Axis(NamedTuple):
    """One spatial axis of a geometry."""

    n: int
    m: int
    k: int
    s: int
    d: int
    lo: int
    hi: int
    mode: str


def effective_kernel(k: int, d: int) -> int:
    """Return the extent of `k` taps that are `d` apart."""
    return d * (k - 1) + 1


def window_count(n: int, k: int, s: int, d: int, lo: int, hi: int) -> int:
    """Return how many windows fit into the padded axis; zero or less where none does."""
    return (n + lo + hi - effective_kernel(k, d)) // s + 1


def scatter_size(m: int, k: int, s: int, d: int, lo: int, hi: int) -> int:
    """Return the smallest input size whose padded axis holds `m` windows: the size of a transposed convolution."""
    return (m - 1) * s + effective_kernel(k, d) - lo - hi


def same_padding(n: int, k: int, s: int, d: int, *, lower: bool) -> tuple[int, int]:
    """Return the `(lo, hi)` that makes `ceil(n / s)` windows; the odd one goes to `hi`, or to `lo` if `lower`."""
    windows = -(-n // s)
    total = max(0, (windows - 1) * s + effective_kernel(k, d) - n)
    lo = (total + 1) // 2 if lower else total // 2
    return lo, total - lo


@lru_cache(maxsize=1024)
def axis_entries(axis: Axis) -> int:
    """Return the number of entries of the axis's kernel matrix, without building its rows."""
    n, m, k, s, d, lo, _, mode = axis
    if mode == ZEROS:
        # Tap t lies inside the input from output ceil((lo - t*d)/s) until output ceil((n + lo - t*d)/s).
        return _clipped_sum(m, k, s, d, n + lo) - _clipped_sum(m, k, s, d, lo)
    entries = 0
    for begin, end, step in _stretches(axis):
        if step is not None:
            entries += (end - begin) * int(_distinct(_windows(axis, np.array([begin])))[0])
        else:
            some = (np.arange(low, min(low + _COUNTED, end)) for low in range(begin, end, _COUNTED))
            entries += sum(int(_distinct(_windows(axis, windows)).sum()) for windows in some)
    return entries


def _clipped_sum(m: int, k: int, s: int, d: int, offset: int) -> int:
    """Return the sum over t < k of ceil((offset - t*d)/s), each term clipped to 0..m."""
    full = max(0, min(k, -(((m - 1) * s - offset) // d)))  # terms that are m or more
    positive = max(full, min(k, -(-offset // d)))
    last = offset - (positive - 1) * d
    return full * m + _floor_sum(positive - full, s, d, last + s - 1)


def _floor_sum(count: int, modulus: int, slope: int, start: int) -> int:
    """Return the sum over i < count of (start + i*slope)//modulus, in as many steps as Euclid's algorithm."""
    total = 0
    while True:
        total += slope // modulus * (count * (count - 1) // 2) + start // modulus * count
        slope, start = slope % modulus, start % modulus
        # The lattice points that are left under the line, counted by columns of the other axis.
        top = slope * count + start
        if top < modulus:
            return total
        count, start = divmod(top, modulus)
        modulus, slope = slope, modulus


def padding_source(axis: Axis, position: int) -> int:
    """Return the input position that a padded position (0 where the input starts) shows; -1 for a zero."""
    start, stop = max(0, -axis.lo), axis.n - max(0, -axis.hi)
    if start <= position < stop:
        return position
    if axis.mode == REFLECT:
        return 2 * start - position if position < start else 2 * (stop - 1) - position
    if axis.mode == REPLICATE:
        return start if position < start else stop - 1
    if axis.mode == CIRCULAR:
        return start + (position - start) % (stop - start)
    return -1


class Strips(NamedTuple):
    """Entries of rows in arithmetic progressions; every array has one item per progression, in the order of the rows.

    Entry j of a strip is in column `column + j*step`, where all strips have the same step. Its value is the sum of
    terms: of each, the weight at tap `tap + j*tap_step`. Entries of some neighbours of one size, as many as `turns`
    says, take turns; where that is 1, the entries of a strip are neighbours.
    """

    row: Integers
    turns: Integers
    size: Integers
    column: Integers
    tap: Integers  # shape (terms, strips); k, with step 0, for no term
    tap_step: Integers


class Runs(NamedTuple):
    """Rows that repeat with a period, in arrays with one item per run.

    The rows of the first period are listed. Each of the `repeats - 1` periods that follow has the same taps, and
    columns that are `step` further on.
    """

    rows: Integers  # in a period
    repeats: Integers
    step: Integers


@dataclass(frozen=True, eq=False)
class AxisRows:
    """The kernel matrix of one axis, or its transpose.

    Padding modes other than zeros can lay several taps of a window on one input position, so an entry is a sum of
    terms. `tap_sums` says what numbers of taps from k on stand for.
    """

    runs: Runs
    rows: Segments  # the listed rows of the runs, one by one
    columns: Integers  # of the listed entries
    taps: tuple[Integers, ...]  # shapes (terms, entries), one after the other; k for no term

    @cached_property
    def lengths(self) -> Integers:
        """Entries of each listed row."""
        return self.rows.lengths()

    @cached_property
    def run_entries(self) -> Integers:
        """Entries of a period of each run."""
        return sums(self.lengths, self.runs.rows)

    @cached_property
    def counted(self) -> AxisRows:
        """The rows without their entries, but still counted."""
        return replace(self, columns=self.columns[:0].copy(), taps=())

    @property
    def arrays(self) -> tuple[Integers, ...]:
        """All that is stored."""
        return *self.runs, *self.rows, self.columns, *self.taps

    @cached_property
    def all(self) -> tuple[Integers, Integers]:
        """Which of the listed rows each row is, and how much further on its columns are."""
        return self._some(0, len(self.runs.rows))

    def periods(self, filled: NDArray[np.bool_]) -> Iterator[tuple[Integers, Integers, int, int]]:
        """Yield all rows as the rows of a period, how far they are moved, its repeats and their step.

        Runs that are not to be filled in are taken together, without repeats.
        """
        done, ends = 0, self.runs.rows.cumsum()
        for run in np.flatnonzero(filled).tolist():
            if done < run:
                yield *self._some(done, run), 1, 0
            rows, repeats, step = (int(values[run]) for values in self.runs)
            end = int(ends[run])
            yield np.arange(end - rows, end), np.zeros(rows, np.int64), repeats, step
            done = run + 1
        if done < len(ends):
            yield *self._some(done, len(ends)), 1, 0

    def _some(self, begin: int, end: int) -> tuple[Integers, Integers]:
        rows, repeats, step = (values[begin:end] for values in self.runs)
        first = int(self.runs.rows[:begin].sum())
        if (rows == 1).all():
            return np.arange(first, first + len(rows)).repeat(repeats), _ramps(repeats) * step.repeat(repeats)
        total = rows * repeats
        period, row = np.divmod(_ramps(total), rows.repeat(total))
        return (first + np.cumsum(rows) - rows).repeat(total) + row, period * step.repeat(total)


def axis_rows(axis: Axis, transposed: bool, most: int | None = None) -> Iterator[AxisRows]:
    """Yield the rows of the axis's kernel matrix (outputs by inputs), or of its transpose.

    They are yielded at once, or some at a time that have about `most` entries, but at least some rows and one period.
    """
    units = tuple(_scatter_units(axis) if transposed else _gather_units(axis))
    listed = np.concatenate([unit.rows for unit in units])
    count = [len(unit.repeats) for unit in units]
    repeats = np.concatenate([unit.repeats for unit in units])
    step = np.array([unit.step for unit in units]).repeat(count)
    # The step of a single period is never taken, and a stride beyond the input may exceed the index dtype.
    step = np.where(repeats > 1, step, 0).astype(np.int64)
    runs = Runs(np.array([unit.size for unit in units]).repeat(count), repeats, step)
    edges = sorted({edge for edge, _ in _doubled(axis)}) if transposed and axis.mode == REPLICATE else ()
    pieces = (_positions if transposed else _windows)(axis, listed)
    work = pieces.size.sum(1)
    if not work.all():
        runs, some = _empty_joined(runs, (work == 0) & ~np.isin(listed, edges))
        listed, work, pieces = listed[some], work[some], pieces.some(some)
    ends = runs.rows.cumsum()
    # Most taps that a part lists are those of any of its rows, so there are some rows for them.
    full = len(listed) if most is None else max(most, _ROWS * int(work.max()))
    work = np.ones_like(work).cumsum() if most is None else np.maximum(work, full // _FULL).cumsum()
    begin = row = 0
    while begin < len(ends):
        last = int(np.searchsorted(work, (work[row - 1] if row else 0) + full, "right"))
        end = max(begin + 1, int(np.searchsorted(ends, last, "right")))
        stop = int(ends[end - 1])
        some = listed[row:stop]
        strips = _merged(pieces.some(slice(row, stop)), axis.k)
        for edge in edges:
            if some[0] <= edge <= some[-1]:
                strips = _with_edge(axis, strips, int(np.searchsorted(some, edge)), edge, pieces.step)
        rows = _listed(strips, len(some), pieces.step, axis.k)
        yield AxisRows(Runs(*(values[begin:end] for values in runs)), *rows)
        begin, row = end, stop


def _empty_joined(runs: Runs, empty: NDArray[np.bool_]) -> tuple[Runs, NDArray[np.bool_]]:
    """Return runs of which neighbours of one row without entries are one, and which of the listed rows stay."""
    row = runs.rows.cumsum() - 1
    alone = empty[row] & (runs.rows == 1)
    stays = np.ones(len(alone), bool)
    stays[1:] = ~(alone[1:] & alone[:-1])
    rows = np.ones(len(empty), bool)
    rows[row] = stays
    repeats = np.add.reduceat(runs.repeats, np.flatnonzero(stays))
    return Runs(runs.rows[stays], repeats, runs.step[stays]), rows


def _listed(strips: Strips, rows: int, step: int, k: int) -> tuple[Segments, Integers, tuple[Integers, ...]]:
    """Return rows as segments of a list, and the columns and taps of its entries.

    The list begins with taps in an order in which those of a strip are neighbours. Entries that are sums, or take
    turns, are listed after them.
    """
    row, turns, size, column, tap, tap_step = strips
    # A tap again and again is no tap again and again, and that added.
    same = ((tap_step == 0) & (size > 1)) | (tap == k)
    more = np.where(same, tap - k, 0)
    place, orders = _ordered(tap, tap_step, size, ~same)
    count = len(orders)
    place[same] = count
    terms = (tap != k).sum(0)
    kept = (turns == 1) & (terms == 1) & ~same[0]
    none = np.full(size[same.any(0)].max(initial=0), k)
    narrow = (count + len(none)) * step + int(column.max(initial=0)) < 2**31
    dtype = np.int32 if narrow else np.int64
    table = np.concatenate([orders, none]).astype(dtype)
    columns = (np.arange(len(table)) * step).astype(dtype)
    move = column - place[0] * step
    start, size_there, move_there = place[0].copy(), size.copy(), move.copy()
    listed_columns, listed_taps = [columns[:count]], [table[None, :count]]
    for number in np.unique(turns[~kept]).tolist():
        groups = np.flatnonzero((turns == number) & ~kept).reshape(-1, number)
        most = terms[groups].max(1)
        for several in np.unique(most).tolist():
            some = groups[most == several]
            first, cells = some[:, 0], size[some[:, 0]]
            new_columns, new_taps = _in_turn(
                (columns, table), place[:several, some], more[:several, some], move[some], cells
            )
            start[first] = count + number * (np.cumsum(cells) - cells)
            size_there[first], move_there[first], kept[first] = cells * number, 0, True
            listed_columns.append(new_columns)
            listed_taps.append(new_taps)
            count += len(new_columns)
    segments = Segments(np.bincount(row[kept], minlength=rows), start[kept], size_there[kept], move_there[kept])
    return segments, np.concatenate(listed_columns), tuple(listed_taps)


def _in_turn(
    lists: tuple[Integers, Integers], place: Integers, more: Integers, move: Integers, cells: Integers
) -> tuple[Integers, Integers]:
    """Return the columns and taps of strips that take turns, in groups of as many cells each.

    Of a strip, each term is in the lists from a place on, with more added to the taps, and the columns moved; these
    have shape (terms, groups, turns), but moves (groups, turns).
    """
    terms, _, turns = place.shape
    total, dtype = int(cells.sum()), lists[0].dtype
    columns, taps = np.empty((total, turns), dtype), np.empty((terms, total, turns), dtype)
    for turn in range(turns):
        for term in range(terms)[::-1]:
            there = columns[:, turn], taps[term, :, turn]
            # Neighbours are written where they belong, others in turn.
            into = there if turns == 1 else (np.empty(total, dtype), np.empty(total, dtype))
            copy(*lists, place[term, :, turn], cells, *into)
            added = more[term, :, turn]
            if added.any():
                np.add(into[1], added.astype(dtype).repeat(cells), out=into[1])
            if turns > 1:
                there[1][...] = into[1]
        np.add(into[0], move[:, turn].astype(dtype).repeat(cells), out=there[0])
    return columns.ravel(), taps.reshape(terms, -1)


def _ordered(tap: Integers, tap_step: Integers, size: Integers, some: Integers) -> tuple[Integers, Integers]:
    """Return where some strips' taps are in a list, and the list: for each step, the taps that strips of it have."""
    place = np.zeros_like(tap)
    alone, last = some & (size == 1), tap + (size - 1) * tap_step
    orders = [np.unique(tap[alone])]
    place[alone] = np.searchsorted(orders[0], tap[alone])
    count = len(orders[0])
    some = some & ~alone
    for step in np.unique(tap_step[some]).tolist():
        used = some & (tap_step == step)
        ends = np.concatenate([tap[used], last[used]])
        low = int(ends.min())
        order, places = _by_remainder(int(ends.max()) - low + 1, step)
        place[used] = count + places.take(tap[used] - low)
        orders.append(order + low)
        count += len(order)
    return place, np.concatenate(orders)


def _by_remainder(count: int, step: int) -> tuple[Integers, Integers]:
    """Return the numbers below `count` in an order that has those `step` apart as neighbours, and their places."""
    apart = min(abs(step), count)
    order = np.arange(-(-count // apart) * apart).reshape(-1, apart).T.ravel()
    order = order[order < count][:: 1 if step > 0 else -1]
    places = np.empty_like(order)
    places[order] = np.arange(count)
    return order, places


class _Units(NamedTuple):
    """Neighbouring units of `size` rows each. From one of a unit's repeats to the next, columns grow by `step`."""

    rows: Integers
    size: int
    repeats: Integers
    step: int


def _one_by_one(first: int, last: int) -> _Units:
    return _Units(np.arange(first, last), 1, np.ones(last - first, np.int64), 1)


def _spans(edges: Integers, stop: int) -> tuple[Integers, Integers]:
    """Return start and size of the intervals into which the edges cut `0..stop-1`."""
    inside = np.unique(edges[(edges > 0) & (edges < stop)]).astype(np.int64)
    cuts = np.concatenate([[0], inside, [stop]])
    return cuts[:-1], np.diff(cuts)


def _ramps(sizes: Integers) -> Integers:
    """Return 0, 1, 2 ... for each of the sizes."""
    ends = sizes.cumsum()
    ramps: Integers = np.arange(ends[-1]) - (ends - sizes).repeat(sizes)
    return ramps


def _core(axis: Axis) -> tuple[int, int]:
    """Return where the input that windows see starts and stops; negative padding crops it."""
    return (0, axis.n) if axis.mode == ZEROS else (max(0, -axis.lo), axis.n - max(0, -axis.hi))


def _integers(axis: Axis) -> type:
    """Return Python's ints where 64 bits do not hold all positions."""
    extent = axis.n + abs(axis.lo) + abs(axis.hi) + (axis.k + 1) * axis.d + axis.s**2
    return np.int64 if extent < 2**61 else object


# --- rows ------------------------------------------------------------------------------------------------------------


def _gather_units(axis: Axis) -> Iterator[_Units]:
    """Yield all windows."""
    n, m, k, s, d, lo, _, mode = axis
    if mode == ZEROS:
        # Tap t enters the input at output ceil((lo - t*d)/s) and leaves it at ceil((n + lo - t*d)/s).
        taps: Integers = np.arange(k).astype(_integers(axis)) * d
        starts, repeats = _spans(np.concatenate([-((taps - lo) // s), -((taps - n - lo) // s)]), m)
        yield _Units(starts, 1, repeats, s)
        return
    for first, last, step in _stretches(axis):
        if step is None:
            yield _one_by_one(first, last)
        else:
            yield _Units(np.array([first]), 1, np.array([last - first]), step)


def _stretches(axis: Axis) -> Iterator[tuple[int, int, int | None]]:
    """Yield ranges of windows with the step of their columns; None where they are not alike, as on the padding."""
    _, m, k, s, d, lo, _, mode = axis
    start, stop = _core(axis)
    first = min(m, -(-(start + lo) // s))
    last = max(first, min(m, (stop - effective_kernel(k, d) + lo) // s + 1))
    far, beyond = 0, m
    if mode == REPLICATE:  # windows that see nothing but one border
        far = max(0, min(first, -(-(start - effective_kernel(k, d) + 1 + lo) // s)))
        beyond = max(last, min(m, -(-(stop + lo) // s)))
    for begin, end, step in ((0, far, 0), (far, first, None), (first, last, s), (last, beyond, None), (beyond, m, 0)):
        if begin < end:
            yield begin, end, step


def _scatter_units(axis: Axis) -> Iterator[_Units]:
    """Yield all input positions."""
    done = 0
    for first, last in _doubled(axis):
        yield from _periods(axis, done, first)
        yield _one_by_one(first, last)
        done = last
    yield from _periods(axis, done, axis.n)


def _periods(axis: Axis, first: int, last: int) -> Iterator[_Units]:
    """Yield the inputs `first..last-1`, none of which the padding shows.

    Position `p = J*s + r - lo` is reached by tap `t` from output `J - t*d//s` where `t*d % s == r`: from one `J` to the
    next only the output changes, so the rows repeat with the period `s`.
    """
    _, m, k, s, d, lo, _, _ = axis
    begin, end = -(-(first + lo) // s), (last + lo) // s
    if end <= begin:
        yield _one_by_one(first, last)
        return
    yield _one_by_one(first, begin * s - lo)
    taps: Integers = np.arange(k).astype(_integers(axis)) * d // s
    starts, repeats = _spans(np.concatenate([taps, taps + m]) - begin, end - begin)
    yield _Units((starts[:, None] * s + np.arange(begin * s - lo, (begin + 1) * s - lo)).ravel(), s, repeats, 1)
    yield _one_by_one(end * s - lo, last)


@lru_cache(maxsize=1024)
def folds(axis: Axis) -> bool:
    """Return whether the padding shows any input."""
    return bool(_doubled(axis))


def _doubled(axis: Axis) -> list[tuple[int, int]]:
    """Return the ranges of input positions that the padding shows once more."""
    _, m, k, s, d, lo, _, mode = axis
    if mode == ZEROS:
        return []
    start, stop = _core(axis)
    end = (m - 1) * s + (k - 1) * d + 1 - lo  # of the last window
    before, after = (-lo, min(start, end)), (max(stop, -lo), end)
    ranges: list[tuple[int, int]] = []
    for first, last in sorted(_shown(axis, *reach) for reach in (before, after) if reach[0] < reach[1]):
        if ranges and first < ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((first, last))
    return ranges


def _shown(axis: Axis, first: int, last: int) -> tuple[int, int]:
    """Return the range of input positions that one side's padding `first..last-1` shows."""
    ends = sorted((padding_source(axis, first), padding_source(axis, last - 1)))
    return ends[0], ends[1] + 1


class TapSums(NamedTuple):
    """What the numbers of taps from k on stand for.

    k is no tap. From k + 1 on come the sums of the first 2, 3, ... `first` taps, and then those of the taps since
    `since`, `since + 1` ... k - 2.
    """

    first: int
    since: int


@lru_cache(maxsize=1024)
def tap_sums(axis: Axis) -> TapSums:
    """Return the sums of taps that a window can see at an end of the input."""
    if axis.mode != REPLICATE:
        return TapSums(1, axis.k - 1)
    enter, leave = _enter_leave(axis, np.array([0, axis.m - 1]))
    return TapSums(max(1, int(enter[0])), min(int(leave[1]), axis.k - 1))


def _enter_leave(axis: Axis, windows: Integers) -> tuple[Integers, Integers]:
    """Return the first tap of each window that is in the input, and the first that is after it.

    Replicated padding shows the input's first and last element, so there these count as padding.
    """
    start, stop = _core(axis)
    begin: Integers = windows.astype(_integers(axis)) * axis.s - axis.lo
    if axis.mode == REPLICATE:
        single = stop - start == 1  # the last is the first: all taps come before what is beyond the last window
        start, stop = (begin[-1] + axis.k * axis.d,) * 2 if single else (start + 1, stop - 1)
    enter, leave = (np.minimum(np.maximum(-((begin - edge) // axis.d), 0), axis.k) for edge in (start, stop))
    return enter, leave


class _Pieces(NamedTuple):
    """Rows as arithmetic progressions, in arrays of shape (rows, pieces).

    Entry j < `size` of a piece is in column `first + j*step`, and its tap is `tap + j*tap_step`.
    """

    first: Integers
    size: Integers
    tap: Integers
    tap_step: Integers  # of each piece
    step: int

    @classmethod
    def of(cls, step: int, *pieces: tuple[Any, Any, Any, int]) -> _Pieces:
        shape = len(pieces[0][1]), len(pieces)
        first, count, tap = np.empty((3, *shape), np.int64)
        for number, piece in enumerate(pieces):
            count[:, number] = piece[1]
            # Where nothing is, Python's ints need not fit into 64 bits.
            there = count[:, number] > 0
            first[:, number], tap[:, number] = np.where(there, piece[0], 0), np.where(there, piece[2], 0)
        # Nor need a step that no entry takes.
        tap_step = np.array([max(-(2**61), min(piece[3], 2**61)) for piece in pieces])
        return cls(first, count, tap, tap_step, min(step, 2**61))

    def some(self, rows: slice | NDArray[np.bool_]) -> _Pieces:
        """Return some of the rows."""
        return self._replace(first=self.first[rows], size=self.size[rows], tap=self.tap[rows])


def _windows(axis: Axis, windows: Integers) -> _Pieces:
    """Return rows of the kernel matrix: what a window sees before, in and after the input."""
    k, d, mode = axis.k, axis.d, axis.mode
    start, stop = _core(axis)
    begin: Integers = windows.astype(_integers(axis)) * axis.s - axis.lo
    enter, leave = _enter_leave(axis, windows)
    inside = (begin + enter * d, leave - enter, enter, 1)
    if mode == REFLECT:
        return _Pieces.of(
            d,
            (2 * start - begin - (enter - 1) * d, enter, enter - 1, -1),
            inside,
            (2 * (stop - 1) - begin - (k - 1) * d, k - leave, k - 1, -1),
        )
    if mode == CIRCULAR:
        after = (begin + leave * d - (stop - start), k - leave, leave, 1)
        return _Pieces.of(d, after, inside, (begin + (stop - start), enter, 0, 1))
    if mode == REPLICATE:
        # Of a single tap it is the tap itself, of several the number of their sum.
        firsts, since = tap_sums(axis)
        return _Pieces.of(
            d,
            (start, np.minimum(enter, 1), np.where(enter > 1, k - 1 + enter, 0), 1),
            inside,
            (stop - 1, np.minimum(k - leave, 1), np.where(leave < k - 1, k + firsts + leave - since, k - 1), 1),
        )
    return _Pieces.of(d, inside)


def _positions(axis: Axis, positions: Integers) -> _Pieces:
    """Return rows of the transpose: the windows that see an input position, itself and in the padding."""
    _, m, k, s, d, lo, hi, mode = axis
    start, stop = _core(axis)
    place: Integers = positions.astype(_integers(axis))
    before, after = {
        REFLECT: (2 * start - place, 2 * (stop - 1) - place),
        CIRCULAR: (place - (stop - start), place + (stop - start)),
    }.get(mode, (None, None))
    shown = [(place, np.ones(len(place), bool))]
    if before is not None and after is not None:
        shown = [(before, (-lo <= before) & (before < start)), *shown, (after, (stop <= after) & (after < axis.n + hi))]
    common = gcd(s, d)
    tap_step, column_step = s // common, d // common
    inverse = pow(column_step, -1, tap_step)
    pieces = []
    for place, there in shown:
        # The taps with t*d % s == phase are tap + j*tap_step; number j gets here from output newest - j*column_step.
        phase = (place + lo) % s
        tap = phase // common * inverse % tap_step
        newest = (place + lo - tap * d) // s
        low = np.maximum(0, -((m - 1 - newest) // column_step))
        high = np.minimum(-((tap - k) // tap_step) - 1, newest // column_step)
        count = np.where(there & (phase % common == 0), np.maximum(0, high - low + 1), 0)
        pieces.append((newest - high * column_step, count, tap + high * tap_step, -tap_step))
    return _Pieces.of(column_step, *pieces)


def _merged(pieces: _Pieces, k: int) -> Strips:
    """Return rows with their entries in ascending order of columns."""
    if pieces.size.shape[1] > 1 and _tangled(pieces):
        return _nested(pieces, k) or _overlaid(pieces, k)
    row, piece = np.nonzero(pieces.size)
    tap, tap_step = pieces.tap[row, piece], pieces.tap_step[piece]
    columns = pieces.first[row, piece]
    return Strips(row, np.ones_like(row), pieces.size[row, piece], columns, tap[None], tap_step[None])


def _nested(pieces: _Pieces, k: int) -> Strips | None:
    """Return rows without gaps, if in each one piece holds all columns and at most one other piece lies in it."""
    if pieces.step > 1 or ((pieces.size > 0).sum(1) > 2).any():
        return None
    rows, others = np.arange(len(pieces.size)), pieces.size.copy()
    outer = np.argmax(others, 1)
    others[rows, outer] = 0
    inner = np.argmax(others, 1)
    start, size, tap = (values[rows, outer] for values in (pieces.first, pieces.size, pieces.tap))
    held = others[rows, inner]
    before = np.where(held > 0, pieces.first[rows, inner] - start, 0)
    if (before < 0).any() or (before + held > size).any():
        return None
    # What is before the inner piece, in it and after it.
    offsets = np.stack([np.zeros_like(before), before, before + held], 1)
    parts = np.stack([before, held, size - before - held], 1)
    row, part = np.nonzero(parts)
    within, moved = part == 1, offsets[row, part]
    inner_step, outer_step = pieces.tap_step[inner[row]], pieces.tap_step[outer[row]]
    return Strips(
        row,
        np.ones_like(row),
        parts[row, part],
        start[row] + moved,
        np.stack([tap[row] + moved * outer_step, np.where(within, pieces.tap[row, inner[row]], k)]),
        np.stack([outer_step, np.where(within, inner_step, 0)]),
    )


def _overlaid(pieces: _Pieces, k: int) -> Strips:
    """Return rows whose pieces lie on or between one another.

    Column `phase + step*cell` is in a cell, of which a piece takes some neighbours, at its phase. Pieces of one phase
    lie on one another, and those of others between them. The cells are cut where a piece starts or stops: in an
    interval of cells, the phases that are there take turns.
    """
    step = pieces.step
    order = np.argsort(pieces.size == 0, axis=1, kind="stable")[:, : int((pieces.size > 0).sum(1).max())]
    first, size, first_tap = (
        np.take_along_axis(values, order, 1).T for values in (pieces.first, pieces.size, pieces.tap)
    )
    tap_step = pieces.tap_step[order].T
    cell, phase = np.divmod(first, step)
    cuts = np.sort(np.concatenate([cell, cell + size]), axis=0)
    low, count = cuts[:-1], np.diff(cuts, axis=0)
    # Of each piece, interval and row: whether there are entries, which term of theirs, and its turn among the phases.
    there = (cell[:, None] <= low) & (low < (cell + size)[:, None]) & (count > 0)
    term, turn = np.zeros(there.shape, np.int8), np.zeros(there.shape, np.int8)
    for piece in range(1, len(there)):
        below = there[:piece] & (phase[:piece] == phase[piece])[:, None]
        term[piece] = below.sum(0, dtype=np.int8)
    firsts = there & (term == 0)
    for piece in range(len(there) if step > 1 else 0):
        turn[piece] = (firsts & (phase < phase[piece])[:, None]).sum(0, dtype=np.int8)
    turns = firsts.sum(0, dtype=np.int64)
    terms = 1 + int((term * there).max())
    which = np.full((terms, *there.shape[::-1]), -1, np.int8)  # the piece of each term, row, interval and turn
    for piece, here in enumerate(there):
        interval, row = np.nonzero(here)
        which[term[piece, interval, row], row, interval, turn[piece, interval, row]] = piece
    row, interval, place = np.nonzero(which[0] >= 0)
    which = which[:, row, interval, place]
    begin = low[interval, row]
    steps = tap_step[which, row]
    taps = first_tap[which, row] + steps * (begin - cell[which, row])
    return Strips(
        row,
        turns[interval, row],
        count[interval, row],
        phase[which[0], row] + step * begin,
        np.where(which >= 0, taps, k),
        np.where(which >= 0, steps, 0),
    )


def _tangled(pieces: _Pieces) -> bool:
    """Return whether in any row a piece starts before another one's end."""
    first, count, _, _, step = pieces
    reach = np.full(len(first), -1)
    for piece in range(first.shape[1]):
        there = count[:, piece] > 0
        if (there & (first[:, piece] <= reach)).any():
            return True
        reach = np.where(there, first[:, piece] + (count[:, piece] - 1) * step, reach)
    return False


def _distinct(pieces: _Pieces) -> Integers:
    """Return the number of columns of each row."""
    step = pieces.step
    phase = np.where(pieces.size > 0, pieces.first % step, -1)
    order = np.lexsort((pieces.first, phase), axis=1)
    phase, low, count = (np.take_along_axis(values, order, 1).T for values in (phase, pieces.first, pieces.size))
    entries = np.zeros(len(order), np.int64)
    before, shown = np.full_like(entries, -1), entries
    for piece, start, size in zip(phase, low, count, strict=True):
        # Of the same phase, columns up to `shown` are counted already.
        done = np.maximum(start - step, np.where(piece == before, shown, start - step))
        stop = start + (size - 1) * step
        entries = entries + np.where(size > 0, np.maximum(0, (stop - done) // step), 0)
        before, shown = piece, np.maximum(stop, done)
    return entries


def _with_edge(axis: Axis, strips: Strips, row: int, position: int, step: int) -> Strips:
    """Return rows of the transpose, and as one of them that of an end of the input, which replicated padding shows."""
    _, m, k, s, d, lo, _, _ = axis
    start, stop = _core(axis)
    begin = 0 if position == start else max(0, -(-(stop - effective_kernel(k, d) + lo) // s))
    end = m if position == stop - 1 else min(m, (start + lo) // s + 1)
    parts = [_edge_entries(axis, position, np.arange(low, min(low + _BATCH, end))) for low in range(begin, end, _BATCH)]
    columns, taps = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    edge = _as_strips(row, columns, taps, step)
    before, after = np.searchsorted(strips.row, (row, row + 1))
    fields = zip(strips, edge, strict=True)
    parted = ([rows[..., :before], new, rows[..., after:]] for rows, new in fields)
    return Strips(*(np.concatenate(arrays, -1) for arrays in parted))


def _edge_entries(axis: Axis, position: int, windows: Integers) -> tuple[Integers, Integers]:
    """Return which of the windows see the position, and by which taps."""
    first, size, tap, _, step = _windows(axis, windows)
    index, rest = np.divmod(position - first, step)
    seen = (rest == 0) & (index >= 0) & (index < size)
    some = seen.any(1)
    return windows[some], (tap + index)[seen]


def _as_strips(row: int, columns: Integers, taps: Integers, step: int) -> Strips:
    """Return the entries of a row as strips, one where columns are `step` apart and taps equally far.

    Windows that lie on padding alone see its end by all their taps, whose sum is one number. Where these neighbours are
    nearer than `step`, as many strips take turns, but for the last few.
    """
    parts, rest = [], np.ones(len(columns), bool)
    if step > 1:
        begin = np.concatenate([[0], np.flatnonzero((np.diff(columns) != 1) | (np.diff(taps) != 0)) + 1])
        size = np.diff(begin, append=len(columns))
        many = size > 2 * step
        for first, entries in zip(begin[many].tolist(), size[many].tolist(), strict=True):
            at, cells = np.arange(first, first + step), entries // step
            parts.append((at, np.full(step, step), np.full(step, cells), np.zeros_like(at)))
            rest[first : first + step * cells] = False
    if rest.any():
        left = np.flatnonzero(rest)
        tap_steps = np.diff(taps[left])
        alike = np.ones(len(tap_steps), bool)
        alike[1:] = tap_steps[1:] == tap_steps[:-1]
        alike &= (np.diff(columns[left]) == step) & (np.diff(left) == 1)
        starts = np.concatenate([[0], np.flatnonzero(~alike) + 1])
        size = np.diff(starts, append=len(left))
        steps = np.where(size > 1, np.append(tap_steps, 1)[starts], 1)
        parts.append((left[starts], np.ones_like(starts), size, steps))
    at, turns, size, tap_step = (np.concatenate(values) for values in zip(*parts, strict=True))
    order = np.argsort(at)
    at = at[order]
    return Strips(np.full_like(at, row), turns[order], size[order], columns[at], taps[None, at], tap_step[None, order])
