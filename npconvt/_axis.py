"""Integer formulas of one axis: sizes, padding amounts and the rows of its kernel matrix.

Letters, in this module only: `n` input size, `m` output size, `k` taps, `s` stride, `d` dilation, `lo` and `hi` the
padding before and after (negative crops). Window `i` puts its tap `t` on input position `i*s + t*d - lo`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ZEROS, REFLECT, REPLICATE, CIRCULAR = PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

# Taps of padded windows that are sorted at a time.
_BATCH = 1 << 18


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
    if mode != ZEROS:
        first, last = _whole_windows(axis)
        return k * (last - first) + sum(_row_entries(axis, i) for i in (*range(first), *range(last, m)))
    # Tap t lies inside the input from output ceil((lo - t*d)/s) until output ceil((n + lo - t*d)/s).
    return _clipped_sum(m, k, s, d, n + lo) - _clipped_sum(m, k, s, d, lo)


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


class Run(NamedTuple):
    """Consecutive rows whose entries repeat with a period.

    The period starting at row `start` has the columns `columns[r]` and the taps `taps[r]` in its row `r`. Each of the
    `repeats - 1` periods that follow has the same taps, and columns that are `step` further on.
    """

    start: int
    repeats: int
    step: int
    columns: tuple[Sequence[int] | NDArray[Any], ...]
    taps: tuple[Sequence[int] | NDArray[Any], ...]

    @property
    def period(self) -> int:
        """Rows in a period."""
        return len(self.columns)

    @property
    def period_entries(self) -> int:
        """Entries in a period."""
        return sum(map(len, self.columns))


class AxisRows(NamedTuple):
    """The kernel matrix of one axis, or its transpose, as runs of rows in order, every row in exactly one run.

    Padding modes other than zeros can lay several taps of a window on one input position. A tap numbered `k + j` stands
    for the sum of the j-th set of `folded`.
    """

    runs: tuple[Run, ...]
    folded: Folded | None
    entries: int


class Folded(NamedTuple):
    """Sets of taps, one after the other in `taps`, each from its element of `starts` on."""

    taps: NDArray[Any]
    starts: NDArray[Any]


def axis_rows(axis: Axis, transposed: bool) -> AxisRows:
    """Return the rows of the axis's kernel matrix (outputs by inputs), or of its transpose."""
    if axis.mode == ZEROS:
        return _zeros_rows(axis, transposed)
    folder = _Folder(axis.k)
    return _counted(_folded_scatter_runs(axis, folder) if transposed else _folded_gather_runs(axis, folder), folder)


# Runs of a zero-padded axis are a few ranges; those of a folded one hold every entry of its borders, and are not kept.
@lru_cache(maxsize=1024)
def _zeros_rows(axis: Axis, transposed: bool) -> AxisRows:
    runs = _scatter_runs(axis, 0, axis.n) if transposed else _gather_runs(axis, 0, axis.m)
    return _counted(runs, _Folder(axis.k))


def _counted(runs: Iterable[Run], folder: _Folder) -> AxisRows:
    all_runs = tuple(runs)
    return AxisRows(all_runs, folder.folded(), sum(run.repeats * run.period_entries for run in all_runs))


def _gather_runs(axis: Axis, first: int, last: int) -> Iterator[Run]:
    """Yield the outputs `first..last-1` of a zero-padded axis: runs of outputs that have the same taps inside."""
    n, _, k, s, d, lo, _, _ = axis
    # Tap t enters the input at output ceil((lo - t*d)/s) and leaves it at ceil((n + lo - t*d)/s).
    edges = {-((t * d - lo - end) // s) for t in range(k) for end in (0, n)}
    for start, stop in _spans(edges, first, last):
        begin = start * s - lo
        taps = range(max(0, -(begin // d)), max(0, min(k, (n - 1 - begin) // d + 1)))
        columns = range(begin + taps.start * d, begin + taps.start * d + len(taps) * d, d)
        yield Run(start, stop - start, s, (columns,), (taps,))


def _scatter_runs(axis: Axis, first: int, last: int) -> Iterator[Run]:
    """Yield the inputs `first..last-1` of a zero-padded axis, as the outputs whose windows reach them.

    Position `p = J*s + r - lo` is reached by tap `t` from output `J - t*d//s` where `t*d % s == r`: from one `J` to the
    next only the output changes, so the rows repeat with the period `s`.
    """
    if first >= last:
        return
    _, m, k, s, d, lo, _, _ = axis
    edges = {t * d // s + end for t in range(k) for end in (0, m)}
    period, phase = divmod(first + lo, s)
    if phase:  # the rest of a period that starts before `first`
        stop = min(s, last + lo - period * s)
        yield _scatter_run(axis, period, 1, range(phase, stop))
        period += 1
    end, rest = divmod(last + lo, s)
    for start, stop in _spans(edges, period, end):
        yield _scatter_run(axis, start, stop - start, range(s))
    if rest and end >= period:
        yield _scatter_run(axis, end, 1, range(rest))


def _scatter_run(axis: Axis, period: int, repeats: int, phases: range) -> Run:
    _, m, k, s, d, lo, _, _ = axis
    common = gcd(s, d)
    tap_step, column_step = s // common, d // common
    inverse = pow(column_step, -1, tap_step)
    columns, taps = [], []
    for phase in phases:
        if phase % common:
            columns.append(range(0))
            taps.append(range(0))
            continue
        # The taps with t*d % s == phase are tap + j*tap_step; tap number j reaches here from
        # output newest - j*column_step.
        tap = phase // common * inverse % tap_step
        newest = period - tap * d // s
        count = max(0, -((tap - k) // tap_step))
        low = max(0, -((m - 1 - newest) // column_step))
        high = min(count - 1, newest // column_step)
        size = max(0, high - low + 1)
        column, top = newest - high * column_step, tap + high * tap_step
        columns.append(range(column, column + size * column_step, column_step))
        taps.append(range(top, top - size * tap_step, -tap_step))
    return Run(period * s + phases.start - lo, repeats, 1, tuple(columns), tuple(taps))


def _spans(edges: set[int], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the intervals into which the edges cut `first..last-1`."""
    if first >= last:
        return
    cuts = [first, *sorted(edge for edge in edges if first < edge < last), last]
    yield from pairwise(cuts)


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


def _whole_windows(axis: Axis) -> tuple[int, int]:
    """Return the outputs `first..last-1` whose windows touch no padding."""
    n, m, k, s, d, lo, hi, _ = axis
    first = min(m, -(-max(lo, 0) // s))
    last = (n - max(0, -hi) - effective_kernel(k, d) + lo) // s + 1
    return first, max(first, min(m, last))


def _row_entries(axis: Axis, i: int) -> int:
    """Return how many input positions window `i` shows; no padding mode but zeros, and no loop over taps.

    The taps before the input, in it and after it each show positions that are `d` apart, or one position.
    """
    start, stop = max(0, -axis.lo), axis.n - max(0, -axis.hi)
    k, d, begin = axis.k, axis.d, i * axis.s - axis.lo
    enter, leave = (max(0, min(k, -((begin - edge) // d))) for edge in (start, stop))
    pieces: list[tuple[int, int, int]] = []
    for first, last in ((0, enter - 1), (enter, leave - 1), (leave, k - 1)):
        if first <= last:
            low, high = sorted(padding_source(axis, begin + t * d) for t in (first, last))
            pieces.append((low % d, low, high))
    entries, shown = 0, (-1, 0)
    for phase, low, high in sorted(pieces):
        # Of the same phase, positions up to shown[1] are counted already.
        done = shown[1] if shown[0] == phase else low - d
        entries += max(0, (high - max(low, done + d)) // d + 1)
        shown = phase, max(high, done)
    return entries


def padding_sources(axis: Axis, positions: NDArray[Any]) -> NDArray[Any]:
    """Return `padding_source` of each position."""
    start, stop = max(0, -axis.lo), axis.n - max(0, -axis.hi)
    if axis.mode == REPLICATE:
        return np.where(positions < start, start, np.where(positions < stop, positions, stop - 1))
    if axis.mode == CIRCULAR:
        return np.asarray((positions - start) % (stop - start) + start)
    before, after = (2 * start - positions, 2 * (stop - 1) - positions) if axis.mode == REFLECT else (-1, -1)
    return np.where(positions < start, before, np.where(positions < stop, positions, after))


class _Folder:
    """Sorts (row, column, tap) into rows, and numbers the sets of taps that meet in one entry."""

    def __init__(self, k: int) -> None:
        self.sets = k  # the number of the next set
        self.taps: list[NDArray[Any]] = []
        self.sizes: list[NDArray[Any]] = []

    def rows(
        self, rows: NDArray[Any], columns: NDArray[Any], taps: NDArray[Any]
    ) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
        """Yield each row with its columns and their taps."""
        order = np.lexsort((taps, columns, rows))
        rows, columns, taps = rows[order], columns[order], taps[order]
        entries = _starts((np.diff(rows) != 0) | (np.diff(columns) != 0))
        sizes = np.diff(entries, append=len(rows))
        rows, columns, entry_taps = rows[entries], columns[entries], taps[entries]
        several = sizes > 1
        entry_taps[several] = self.sets + np.arange(np.count_nonzero(several))
        self.sets += int(np.count_nonzero(several))
        self.taps.append(taps[np.repeat(several, sizes)])
        self.sizes.append(sizes[several])
        edges = [*_starts(np.diff(rows) != 0).tolist(), len(rows)]
        for start, stop in pairwise(edges):
            yield int(rows[start]), columns[start:stop], entry_taps[start:stop]

    def folded(self) -> Folded | None:
        """Return the sets met so far."""
        sizes = np.concatenate([*self.sizes, np.empty(0, np.intp)])
        if not sizes.size:
            return None
        return Folded(np.concatenate(self.taps), np.cumsum(sizes) - sizes)


def _starts(changes: NDArray[Any]) -> NDArray[Any]:
    """Return where runs of equal elements start, from the flags between neighbours."""
    return np.concatenate([[0], np.flatnonzero(changes) + 1])


def _padded_windows(axis: Axis) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Yield window, tap and position of every tap of the windows that touch the padding, some windows at a time."""
    first, last = _whole_windows(axis)
    # Python's ints where 64 bits do not hold the positions.
    extent = axis.n + abs(axis.lo) + abs(axis.hi) + axis.s + axis.k * axis.d
    dtype: type = np.int64 if extent < 2**62 else object
    some = max(1, _BATCH // axis.k)
    for begin, end in ((0, first), (last, axis.m)):
        for low in range(begin, end, some):
            windows = np.arange(low, min(low + some, end))
            windows, taps = (grid.ravel() for grid in np.meshgrid(windows, np.arange(axis.k), indexing="ij"))
            yield windows, taps, windows.astype(dtype) * axis.s + taps.astype(dtype) * axis.d - axis.lo


def _folded_gather_runs(axis: Axis, folder: _Folder) -> Iterator[Run]:
    first, last = _whole_windows(axis)
    inner = _gather_runs(axis, first, last)
    for windows, taps, positions in _padded_windows(axis):
        if windows[0] >= last:
            yield from inner
        sources = padding_sources(axis, positions).astype(np.int64)
        for row, columns, row_taps in folder.rows(windows, sources, taps):
            yield Run(row, 1, axis.s, (columns,), (row_taps,))
    yield from inner


def _folded_scatter_runs(axis: Axis, folder: _Folder) -> Iterator[Run]:
    start, stop = max(0, -axis.lo), axis.n - max(0, -axis.hi)
    # Rows of input positions that the padding shows once more, from the windows that touch it; all others are as in
    # a zero-padded axis.
    parts = []
    for windows, taps, positions in _padded_windows(axis):
        outside = (positions < start) | (positions >= stop)
        shown = padding_sources(axis, positions[outside]).astype(np.int64)
        parts.append((shown, windows[outside], taps[outside]))
    twice = np.unique(np.concatenate([rows for rows, _, _ in parts])) if parts else np.empty(0, np.int64)
    parts += [_direct(axis, int(p)) for p in twice]
    done = 0
    if twice.size:
        for row, columns, taps in folder.rows(*(np.concatenate(part) for part in zip(*parts, strict=True))):
            yield from _scatter_runs(axis, done, row)
            yield Run(row, 1, 1, (columns,), (taps,))
            done = row + 1
    yield from _scatter_runs(axis, done, axis.n)


def _direct(axis: Axis, p: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return row, column and tap of the windows that reach position `p` inside the input."""
    [run] = _scatter_runs(axis, p, p + 1)
    columns, taps = (np.array(values, np.int64) for values in (run.columns[0], run.taps[0]))
    return np.full(len(columns), p), columns, taps
