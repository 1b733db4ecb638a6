"""Integer formulas of one axis: sizes, padding amounts and the rows of its kernel matrix.

Letters, in this module only: `n` input size, `m` output size, `k` taps, `s` stride, `d` dilation, `lo` and `hi` the
padding before and after (negative crops). Window `i` puts its tap `t` on input position `i*s + t*d - lo`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[Any]

ZEROS, REFLECT, REPLICATE, CIRCULAR = PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

# Rows whose entries are counted at a time.
_COUNTED = 1 << 13
# Entries that are listed at a time. A long row that is copied strip by strip counts at most this many, and a row of a
# padding mode, which may have to be taken apart, at least that many.
_BATCH = 1 << 17
_COPIED = 1 << 7
_APART = 1 << 4
# Entries of an axis whose rows are kept for the next call.
_KEPT = 1 << 17


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


class Run(NamedTuple):
    """Consecutive rows that repeat with a period.

    The rows of the first period are listed. Each of the `repeats - 1` periods that follow has the same taps, and
    columns that are `step` further on.
    """

    rows: int  # in a period
    entries: int  # in a period
    repeats: int
    step: int


class Strips(NamedTuple):
    """Entries of rows in arithmetic progressions; every array has one item per progression.

    Entry j of a strip is entry `at + j*every` of its row; its column is `column + j*step`, where all strips have the
    same step, and its tap is `tap + j*tap_step`. No entry is in two of these strips.
    """

    row: Integers  # ascending, and in a row `at`
    at: Integers
    every: Integers
    size: Integers
    column: Integers
    tap: Integers
    tap_step: Integers


class _Listed(NamedTuple):
    columns: Integers
    taps: Integers  # shape (terms, entries)


@dataclass(frozen=True, eq=False)
class AxisRows:
    """Some rows of the kernel matrix of one axis, or of its transpose: the listed rows of its runs, one by one.

    Padding modes other than zeros can lay several taps of a window on one input position. So an entry is a sum of
    `terms`: the strips of the first hold every entry once, those of the next some of them once more. `tap_sums` says
    what numbers of taps from k on stand for.
    """

    runs: tuple[Run, ...]
    lengths: Integers  # entries of each row
    terms: tuple[Strips, ...]
    step: int  # of the columns of strips
    k: int

    @property
    def entries(self) -> int:
        """Entries of all rows, listed or not."""
        return sum(run.repeats * run.entries for run in self.runs)

    @property
    def columns(self) -> Integers:
        """Columns of the listed entries, one by one."""
        return self._listed.columns

    @property
    def taps(self) -> Integers:
        """Taps of the listed entries, of shape (terms, entries); k where an entry has no more terms."""
        return self._listed.taps

    @cached_property
    def _listed(self) -> _Listed:
        first = self.terms[0]
        columns = progressions(first.column, first.size, self.step)
        taps = progressions(first.tap, first.size, first.tap_step)
        if len(self.terms) == 1 and (first.every == 1).all():
            return _Listed(columns, taps[None])
        starts = np.cumsum(self.lengths) - self.lengths
        listed = _Listed(np.empty_like(columns), np.full((len(self.terms), len(columns)), self.k))
        for number, strips in enumerate(self.terms):
            places = progressions(starts[strips.row] + strips.at, strips.size, strips.every)
            if number:
                taps = progressions(strips.tap, strips.size, strips.tap_step)
            else:
                listed.columns[places] = columns
            listed.taps[number, places] = taps
        return listed


def axis_rows(axis: Axis, transposed: bool, least: int = 0, *, copied: bool = False) -> Iterable[AxisRows]:
    """Return the rows of the axis's kernel matrix (outputs by inputs), or of its transpose, some at a time.

    Rows that repeat are listed one by one where they are fewer than `least`: one long run is written faster than many.
    With `copied` nobody asks for the entries of rows whose strips are long, so there may be more of them at a time; of
    short strips no row has many.
    """
    small = max(axis.n, axis.m) * axis.k <= _KEPT
    return (_kept_rows if small else _parts)(axis, transposed, least, copied)


@lru_cache(maxsize=16)
def _kept_rows(axis: Axis, transposed: bool, least: int, copied: bool) -> tuple[AxisRows, ...]:
    return tuple(_parts(axis, transposed, least, copied))


def _parts(axis: Axis, transposed: bool, least: int, copied: bool) -> Iterator[AxisRows]:
    units = tuple(_scatter_units(axis, least) if transposed else _gather_units(axis, least))
    listed = np.concatenate([unit.rows for unit in units])
    pieces = (_positions if transposed else _windows)(axis, listed)
    work = np.maximum(pieces.size.sum(1), 1 if axis.mode == ZEROS else _APART)
    if copied:
        work = np.minimum(work, _COPIED)
    ends = np.concatenate([[0], np.cumsum(work)])
    edges = {edge for edge, _ in _doubled(axis)} if transposed and axis.mode == REPLICATE else ()
    begin = 0
    for runs in _batches(_runs(units), ends):
        end = begin + sum(rows for rows, _, _ in runs)
        lengths, terms = _merged(pieces.some(begin, end))
        for edge in edges:
            if listed[begin] <= edge <= listed[end - 1]:
                row = int(np.searchsorted(listed[begin:end], edge))
                lengths, terms = _with_edge(axis, lengths, terms, row, edge, pieces.step)
        bounds = np.cumsum([0, *(rows for rows, _, _ in runs)])
        sums = np.diff(np.concatenate([[0], np.cumsum(lengths)])[bounds]).tolist()
        counted = tuple(Run(rows, entries, *rest) for (rows, *rest), entries in zip(runs, sums, strict=True))
        yield AxisRows(counted, lengths, terms, pieces.step, axis.k)
        begin = end


def _batches(runs: Iterable[tuple[int, int, int]], ends: Integers) -> Iterator[list[tuple[int, int, int]]]:
    """Yield the runs some at a time, whose entries stay in the cache; runs that do not repeat may be cut."""
    batch: list[tuple[int, int, int]] = []
    first = row = 0
    for rows, repeats, step in runs:
        stop = row + rows
        while row < stop:
            full = int(np.searchsorted(ends, ends[row] + _BATCH, "right")) - 1
            end = stop if repeats > 1 else max(row + 1, min(stop, full))
            if batch and ends[end] - ends[first] > _BATCH:
                yield batch
                batch, first = [], row
            batch.append((end - row, repeats, step))
            row = end
    yield batch


class _Units(NamedTuple):
    """Neighbouring units of `size` rows each. From one of a unit's repeats to the next, columns grow by `step`."""

    rows: Integers
    size: int
    repeats: Integers
    step: int


def _one_by_one(first: int, last: int) -> _Units:
    return _Units(np.arange(first, last), 1, np.ones(last - first, np.int64), 1)


def _runs(units: Iterable[_Units]) -> Iterator[tuple[int, int, int]]:
    """Yield rows, repeats and step of the runs of all units; those that do not repeat are joined."""
    joined = 0
    for unit in units:
        done = 0
        for index in np.flatnonzero(unit.repeats > 1).tolist():
            # The step of a single period is never taken, and a stride beyond the input may exceed the index dtype.
            yield joined + (index - done) * unit.size, 1, 1
            yield unit.size, int(unit.repeats[index]), unit.step
            joined, done = 0, index + 1
        joined += (len(unit.repeats) - done) * unit.size
    yield joined, 1, 1


def _spans(edges: Integers, stop: int, least: int) -> tuple[Integers, Integers]:
    """Return start and size of the intervals into which the edges cut `0..stop-1`, those below `least` in ones."""
    inside = np.unique(edges[(edges > 0) & (edges < stop)]).astype(np.int64)
    cuts = np.concatenate([[0], inside, [stop]])
    starts, sizes = cuts[:-1], np.diff(cuts)
    parts = np.where(sizes < least, sizes, 1)
    return np.repeat(starts, parts) + _ramps(parts), np.repeat(np.where(sizes < least, 1, sizes), parts)


def _ramps(sizes: Integers) -> Integers:
    """Return 0, 1, 2 ... for each of the sizes."""
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(ends[-1]) - np.repeat(ends - sizes, sizes))


def _core(axis: Axis) -> tuple[int, int]:
    """Return where the input that windows see starts and stops; negative padding crops it."""
    return (0, axis.n) if axis.mode == ZEROS else (max(0, -axis.lo), axis.n - max(0, -axis.hi))


def _integers(axis: Axis) -> type:
    """Return Python's ints where 64 bits do not hold all positions."""
    extent = axis.n + abs(axis.lo) + abs(axis.hi) + (axis.k + 1) * axis.d + axis.s**2
    return np.int64 if extent < 2**61 else object


# --- rows ------------------------------------------------------------------------------------------------------------


def _gather_units(axis: Axis, least: int) -> Iterator[_Units]:
    """Yield all windows."""
    n, m, k, s, d, lo, _, mode = axis
    if mode == ZEROS:
        # Tap t enters the input at output ceil((lo - t*d)/s) and leaves it at ceil((n + lo - t*d)/s).
        taps: Integers = np.arange(k).astype(_integers(axis)) * d
        starts, repeats = _spans(np.concatenate([-((taps - lo) // s), -((taps - n - lo) // s)]), m, least)
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


def _scatter_units(axis: Axis, least: int) -> Iterator[_Units]:
    """Yield all input positions."""
    done = 0
    for first, last in _doubled(axis):
        yield from _periods(axis, done, first, least)
        yield _one_by_one(first, last)
        done = last
    yield from _periods(axis, done, axis.n, least)


def _periods(axis: Axis, first: int, last: int, least: int) -> Iterator[_Units]:
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
    starts, repeats = _spans(np.concatenate([taps, taps + m]) - begin, end - begin, -(-least // s))
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
        first, count, tap = (
            np.stack(np.broadcast_arrays(*(piece[field] for piece in pieces)), 1) for field in range(3)
        )
        # Where nothing is, Python's ints need not fit into 64 bits.
        first, tap = (np.where(count > 0, values, 0).astype(np.int64) for values in (first, tap))
        # Nor need a step that no entry takes.
        tap_step = np.array([max(-(2**61), min(piece[3], 2**61)) for piece in pieces])
        return cls(first, count.astype(np.int64), tap, tap_step, min(step, 2**61))

    def some(self, begin: int, end: int) -> _Pieces:
        """Return some of the rows."""
        return self._replace(first=self.first[begin:end], size=self.size[begin:end], tap=self.tap[begin:end])


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


def _merged(pieces: _Pieces) -> tuple[Integers, tuple[Strips, ...]]:
    """Return the lengths of rows, and their entries in ascending order of columns."""
    if _tangled(pieces):
        return _nested(pieces) or _overlaid(pieces)
    ends = np.cumsum(pieces.size, axis=1)
    row, piece = np.nonzero(pieces.size)
    size = pieces.size[row, piece]
    strips = Strips(
        row,
        ends[row, piece] - size,
        np.ones_like(row),
        size,
        pieces.first[row, piece],
        pieces.tap[row, piece],
        pieces.tap_step[piece],
    )
    return ends[:, -1], (strips,)


def _nested(pieces: _Pieces) -> tuple[Integers, tuple[Strips, ...]] | None:
    """Return rows without gaps, if in each one piece holds all columns and at most one other piece lies in it."""
    if pieces.step > 1:
        return None
    sizes, tap_step = pieces.size, pieces.tap_step
    outer = int(np.argmax(sizes.sum(0)))
    start, size = pieces.first[:, outer], sizes[:, outer]
    row, piece = np.nonzero((sizes > 0) & (np.arange(sizes.shape[1]) != outer))
    first, inner = pieces.first[row, piece], sizes[row, piece]
    alone = bool((row[1:] > row[:-1]).all())
    if not alone or (first < start[row]).any() or (first + inner > (start + size)[row]).any():
        return None
    some, ones = np.flatnonzero(size), np.ones_like(size)
    whole = Strips(
        some,
        np.zeros_like(some),
        ones[some],
        size[some],
        start[some],
        pieces.tap[some, outer],
        np.full_like(some, tap_step[outer]),
    )
    within = Strips(row, first - start[row], ones[row], inner, first, pieces.tap[row, piece], tap_step[piece])
    return size, (whole, within)


def _overlaid(pieces: _Pieces) -> tuple[Integers, tuple[Strips, ...]]:
    """Return rows whose pieces lie on or between one another.

    Column `phase + step*cell` is in a cell, of which a piece takes some neighbours, at its phase. Pieces of one phase
    lie on one another, and those of others between them. The cells are cut where a piece starts or stops: in an
    interval of cells, the phases that are there take turns.
    """
    # The longest first, of which there are the fewest strips: those of what lies on it are added.
    order = np.argsort(-pieces.size.sum(0), kind="stable")
    first, size, first_tap = (values.T[order] for values in (pieces.first, pieces.size, pieces.tap))
    tap_step, step = pieces.tap_step[order], pieces.step
    cell, phase = np.divmod(first, step)
    stop = cell + size
    cuts = np.sort(np.concatenate([cell, stop]), axis=0)
    low, count = cuts[:-1], np.diff(cuts, axis=0)
    # Of each piece, interval and row: whether there are entries, which term of theirs, and its turn among the phases.
    there = (cell[:, None] <= low) & (low < stop[:, None]) & (count > 0)
    term, turn = there.astype(np.int8), np.zeros(there.shape, np.int8)
    for piece in range(1, len(order)):
        below = there[:piece] & (phase[:piece] == phase[piece])[:, None]
        term[piece] += there[piece] * below.sum(0, dtype=np.int8)
    firsts = term == 1
    for piece in range(len(order) if step > 1 else 0):
        turn[piece] = (firsts & (phase < phase[piece])[:, None]).sum(0, dtype=np.int8)
    every = firsts.sum(0, dtype=np.int8)
    ends = np.cumsum(every * count, axis=0)
    starts = ends - every * count
    terms = []
    for number in range(1, int(term.max()) + 1):
        row, which, interval = np.nonzero((term == number).transpose(2, 0, 1))
        begin = low[interval, row]
        strips = Strips(
            row,
            starts[interval, row] + turn[which, interval, row],
            every[interval, row].astype(np.int64),
            count[interval, row],
            phase[which, row] + step * begin,
            first_tap[which, row] + tap_step[which] * (begin - cell[which, row]),
            tap_step[which],
        )
        strips = _joined(strips, which, step)
        in_order = np.argsort(strips.row * int(ends[-1].max()) + strips.at)
        terms.append(Strips(*(values[in_order] for values in strips)))
    return ends[-1], tuple(terms)


def _joined(strips: Strips, piece: Integers, step: int) -> Strips:
    """Return strips of which those that go on with the one before, of the same piece, are joined to it."""
    row, at, every, size, column, _, _ = strips
    goes_on = (
        (row[1:] == row[:-1])
        & (piece[1:] == piece[:-1])
        & (every[1:] == every[:-1])
        & (at[1:] == (at + every * size)[:-1])
        & (column[1:] == (column + step * size)[:-1])
    )
    if not goes_on.any():
        return strips
    starts = np.concatenate([[0], np.flatnonzero(~goes_on) + 1])
    joined = Strips(*(values[starts] for values in strips))
    return joined._replace(size=np.add.reduceat(size, starts))


def progressions(first: Integers, size: Integers, step: int | Integers) -> Integers:
    """Return `size` terms of each arithmetic progression, one after the other."""
    starts = np.cumsum(size) - size
    terms: Integers = np.repeat(first - starts * step, size)  # what does not fit into 64 bits wraps around and back
    index = np.arange(len(terms))
    if isinstance(step, np.ndarray):
        index *= np.repeat(step, size)
    elif step != 1:
        index *= step
    terms += index
    return terms


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


def _with_edge(
    axis: Axis, lengths: Integers, terms: tuple[Strips, ...], row: int, position: int, step: int
) -> tuple[Integers, tuple[Strips, ...]]:
    """Return rows of the transpose, and as one of them that of an end of the input, which replicated padding shows."""
    _, m, k, s, d, lo, _, _ = axis
    start, stop = _core(axis)
    begin = 0 if position == start else max(0, -(-(stop - effective_kernel(k, d) + lo) // s))
    end = m if position == stop - 1 else min(m, (start + lo) // s + 1)
    parts = [_edge_entries(axis, position, np.arange(low, min(low + _BATCH, end))) for low in range(begin, end, _BATCH)]
    columns, taps = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    edge = _as_strips(row, columns, taps, step)
    lengths = lengths.copy()
    lengths[row] = len(columns)
    (strips,) = terms  # the other rows are what windows see of the input itself
    before, after = np.searchsorted(strips.row, (row, row + 1))
    fields = zip(strips, edge, strict=True)
    return lengths, (Strips(*(np.concatenate([rows[:before], new, rows[after:]]) for rows, new in fields)),)


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
    nearer than `step`, they are a strip for each remainder.
    """
    parts, rest = [], np.arange(len(columns))
    if step > 1:
        begin = np.concatenate([[0], np.flatnonzero((np.diff(columns) != 1) | (np.diff(taps) != 0)) + 1])
        size = np.diff(begin, append=len(columns))
        many = size > 2 * step
        for first, entries in zip(begin[many].tolist(), size[many].tolist(), strict=True):
            at = np.arange(first, first + step)
            parts.append((at, np.full(step, step), (first + entries - 1 - at) // step + 1, np.zeros_like(at)))
        rest = rest[np.repeat(~many, size)]
    if rest.size:
        tap_steps = np.diff(taps[rest])
        alike = np.ones(len(tap_steps), bool)
        alike[1:] = tap_steps[1:] == tap_steps[:-1]
        alike &= (np.diff(columns[rest]) == step) & (np.diff(rest) == 1)
        starts = np.concatenate([[0], np.flatnonzero(~alike) + 1])
        size = np.diff(starts, append=len(rest))
        steps = np.where(size > 1, np.append(tap_steps, 1)[starts], 1)
        parts.append((rest[starts], np.ones_like(starts), size, steps))
    at, every, size, tap_step = (np.concatenate(values) for values in zip(*parts, strict=True))
    order = np.argsort(at)
    at = at[order]
    return Strips(np.full_like(at, row), at, every[order], size[order], columns[at], taps[at], tap_step[order])
