"""Integer formulas of one axis: sizes, padding amounts and the rows of its kernel matrix.

Letters, in this module only: `n` input size, `m` output size, `k` taps, `s` stride, `d` dilation, `lo` and `hi` the
padding before and after (negative crops). Window `i` puts its tap `t` on input position `i*s + t*d - lo`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[Any]

ZEROS, REFLECT, REPLICATE, CIRCULAR = PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

# Rows whose entries are counted, and entries that are put in order, at a time.
_COUNTED = 1 << 13
_BATCH = 1 << 17
# Entries of an axis whose rows are kept for the next call.
_KEPT = 1 << 16


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


class AxisRows(NamedTuple):
    """Some rows of the kernel matrix of one axis, or of its transpose: the listed rows of its runs, one by one.

    Padding modes other than zeros can lay several taps of a window on one input position. So an entry is a sum over
    `taps`, an array of shape (terms, entries); `tap_sums` says what its numbers from k on stand for.
    """

    runs: tuple[Run, ...]
    lengths: Integers  # entries of each row
    columns: Integers
    taps: Integers

    @property
    def entries(self) -> int:
        """Entries of all rows, listed or not."""
        return sum(run.repeats * run.entries for run in self.runs)


def axis_rows(axis: Axis, transposed: bool, least: int = 0) -> Iterable[AxisRows]:
    """Return the rows of the axis's kernel matrix (outputs by inputs), or of its transpose, some at a time.

    Rows that repeat are listed one by one where they are fewer than `least`: one long run is written faster than many.
    """
    small = max(axis.n, axis.m) * axis.k <= _KEPT
    return _kept_rows(axis, transposed, least) if small else _parts(axis, transposed, least)


@lru_cache(maxsize=32)
def _kept_rows(axis: Axis, transposed: bool, least: int) -> tuple[AxisRows, ...]:
    return tuple(_parts(axis, transposed, least))


def _parts(axis: Axis, transposed: bool, least: int) -> Iterator[AxisRows]:
    units = tuple(_scatter_units(axis, least) if transposed else _gather_units(axis, least))
    listed = np.concatenate([unit.rows for unit in units])
    pieces = (_positions if transposed else _windows)(axis, listed)
    ends = np.concatenate([[0], np.cumsum(pieces.size.sum(1))])
    dtype = np.int32 if max(axis.n, axis.m) < 2**31 else np.int64
    edges = {edge for edge, _ in _doubled(axis)} if transposed and axis.mode == REPLICATE else ()
    begin = 0
    for runs in _batches(_runs(units), ends):
        end = begin + sum(rows for rows, _, _ in runs)
        lengths, columns, taps = _merged(pieces.some(begin, end), axis.k, dtype)
        for edge in edges:
            if listed[begin] <= edge <= listed[end - 1]:
                number = int(np.searchsorted(listed[begin:end], edge))
                lengths, columns, taps = _replaced(_Rows(lengths, columns, taps), number, _edge_row(axis, edge))
        bounds = np.cumsum([0, *(rows for rows, _, _ in runs)])
        sums = np.diff(np.concatenate([[0], np.cumsum(lengths)])[bounds]).tolist()
        counted = (Run(rows, entries, *rest) for (rows, *rest), entries in zip(runs, sums, strict=True))
        yield AxisRows(tuple(counted), lengths, columns, taps)
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
            yield joined + (index - done) * unit.size, 1, 1
            # The step of a single period is never taken, and a stride beyond the input may exceed the index dtype.
            yield unit.size, int(unit.repeats[index]), unit.step
            joined, done = 0, index + 1
        joined += (len(unit.repeats) - done) * unit.size
    yield joined, 1, 1


def _spans(edges: Integers, first: int, last: int, least: int) -> tuple[Integers, Integers]:
    """Return start and size of the intervals into which the edges cut `first..last-1`, those below `least` in ones."""
    inside = np.unique(edges[(edges > first) & (edges < last)]).astype(np.int64)
    cuts = np.concatenate([[first], inside, [last]])
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
        starts, repeats = _spans(np.concatenate([-((taps - lo) // s), -((taps - n - lo) // s)]), 0, m, least)
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
    starts, repeats = _spans(np.concatenate([taps, taps + m]), begin, end, -(-least // s))
    yield _Units((starts[:, None] * s + np.arange(-lo, s - lo)).ravel(), s, repeats, 1)
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
        return cls(first, count.astype(np.int64), tap, np.array([piece[3] for piece in pieces]), min(step, 2**61))

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


class _Rows(NamedTuple):
    lengths: Integers
    columns: Integers
    taps: Integers  # shape (terms, entries)


def _merged(pieces: _Pieces, k: int, dtype: type[np.signedinteger[Any]]) -> _Rows:
    """Return the entries of rows in ascending order of columns, which are of the dtype."""
    if _tangled(pieces):
        return _overlaid(pieces, k, dtype) if pieces.step == 1 else _sorted(pieces, k)
    columns, taps = _one_after_the_other(pieces, dtype)
    return _Rows(pieces.size.sum(1), columns, taps[None])


def _one_after_the_other(pieces: _Pieces, dtype: type[np.signedinteger[Any]] = np.int64) -> tuple[Integers, Integers]:
    """Return columns and taps in the order of the pieces."""
    size = pieces.size.ravel()
    tap, tap_step = (values.ravel() for values in np.broadcast_arrays(pieces.tap, pieces.tap_step))
    return _progressions(pieces.first.ravel(), size, pieces.step, dtype), _progressions(tap, size, tap_step)


def _progressions(
    first: Integers,
    size: Integers,
    step: int | Integers,
    dtype: type[np.signedinteger[Any]] = np.int64,
    out: Integers | None = None,
) -> Integers:
    """Return `size` terms of each arithmetic progression, one after the other."""
    ends = np.cumsum(size)
    # What does not fit into the dtype, as the first term of one that is empty or is moved, wraps around and back.
    terms: Integers = np.repeat((first - (ends - size) * step).astype(dtype), size)
    index = np.arange(ends[-1], dtype=dtype)
    if isinstance(step, np.ndarray):
        step = int(step[0]) if (step == step[0]).all() else np.repeat(step, size)
    if isinstance(step, np.ndarray) or abs(step) != 1:
        index *= np.asarray(step).astype(dtype)
    back = isinstance(step, int) and step == -1
    return np.asarray((np.subtract if back else np.add)(terms, index, out=terms if out is None else out))


def _overlaid(pieces: _Pieces, k: int, dtype: type[np.signedinteger[Any]]) -> _Rows:
    """Return the entries of rows whose pieces, without gaps, are cut where one starts or stops."""
    # The longest first: what lies over an interval are its terms, and first terms of one step are listed faster.
    order = np.argsort(-pieces.size.sum(0), kind="stable")
    first, size, first_tap = (values[:, order] for values in (pieces.first, pieces.size, pieces.tap))
    steps = pieces.tap_step[order]
    stop = first + size
    cuts = np.sort(np.concatenate([first, stop], axis=1), axis=1)
    start, counts = cuts[:, :-1], np.diff(cuts)
    inside = (first[:, None] <= start[..., None]) & (start[..., None] < stop[:, None])
    counts = np.where(inside.any(2), counts, 0)
    some = counts > 0
    inside, start, size = inside[some], start[some], counts[some]
    row = np.nonzero(some)[0]
    term = np.where(inside, np.cumsum(inside, axis=1), 0)
    taps = np.empty((int(term.max()), size.sum()), np.int64)
    taps[1:] = k
    for number, terms in enumerate(taps, 1):
        at, piece = np.nonzero(term == number)
        tap = first_tap[row[at], piece] + steps[piece] * (start[at] - first[row[at], piece])
        if len(at) == len(size):
            _progressions(tap, size, steps[piece], out=terms)
        else:
            terms[np.repeat((term == number).any(1), size)] = _progressions(tap, size[at], steps[piece])
    return _Rows(counts.sum(1), _progressions(start, size, 1, dtype), taps)


def _sorted(pieces: _Pieces, k: int) -> _Rows:
    """Return the entries of rows whose pieces mingle."""
    lengths = pieces.size.sum(1)
    columns, taps = _one_after_the_other(pieces)
    places = columns - columns.min()
    width = int(places.max()) + 1
    if width > 2**62 // len(lengths):
        places, width = np.unique(columns, return_inverse=True)[1], len(columns)
    keys = np.repeat(np.arange(len(lengths)) * width, lengths) + places
    # Pieces are sorted, so a stable sort, which merges what it finds sorted, has little to do.
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    again = keys[1:] == keys[:-1]
    entries = np.concatenate([[0], np.flatnonzero(~again) + 1])
    more = np.flatnonzero(again) + 1
    # Several taps of an entry are neighbours. The last of three is the second one that follows another.
    entry = more - np.arange(1, len(more) + 1)
    term = np.ones(len(more), np.int64)
    term[1:] += entry[1:] == entry[:-1]
    table = np.full((1 + int(term.max(initial=0)), len(entries)), k)
    table[0] = taps[order[entries]]
    table[term, entry] = taps[order[more]]
    lengths = lengths - np.bincount(keys[more] // width, minlength=len(lengths))
    return _Rows(lengths, columns[order[entries]], table)


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


def _edge_row(axis: Axis, position: int) -> _Rows:
    """Return the row of the transpose at an end of the input, which replicated padding shows too."""
    _, m, k, s, d, lo, _, _ = axis
    start, stop = _core(axis)
    begin = 0 if position == start else max(0, -(-(stop - effective_kernel(k, d) + lo) // s))
    end = m if position == stop - 1 else min(m, (start + lo) // s + 1)
    parts = [_edge_entries(axis, position, np.arange(low, min(low + _BATCH, end))) for low in range(begin, end, _BATCH)]
    columns, taps = (np.concatenate(arrays, -1) for arrays in zip(*parts, strict=True))
    return _Rows(np.array([len(columns)]), columns, taps)


def _edge_entries(axis: Axis, position: int, windows: Integers) -> tuple[Integers, Integers]:
    """Return which of the windows see the position, and by which taps."""
    first, size, tap, _, step = _windows(axis, windows)
    index, rest = np.divmod(position - first, step)
    seen = (rest == 0) & (index >= 0) & (index < size)
    some = seen.any(1)
    return windows[some], (tap + index)[seen][None]


def _replaced(rows: _Rows, number: int, row: _Rows) -> _Rows:
    """Return rows with another one in place of one of them."""
    begin = int(rows.lengths[:number].sum())
    end = begin + int(rows.lengths[number])
    lengths = rows.lengths.copy()
    lengths[number] = row.lengths[0]
    columns, taps = (
        np.concatenate([old[..., :begin], new, old[..., end:]], -1)
        for old, new in ((rows.columns, row.columns), (rows.taps, row.taps))
    )
    return _Rows(lengths, columns, taps)
