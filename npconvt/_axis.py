"""Integer formulas of one axis: sizes, padding amounts and the rows of its kernel matrix.

Letters, in this module only: `n` input size, `m` output size, `k` taps, `s` stride, `d` dilation, `lo` and `hi` the
padding before and after (negative crops). Window `i` puts its tap `t` on input position `i*s + t*d - lo`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import gcd
from typing import NamedTuple

ZEROS, REFLECT, REPLICATE, CIRCULAR = PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


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
    columns: tuple[Sequence[int], ...]
    taps: tuple[Sequence[int], ...]

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

    A tap numbered `k + j` stands for the sum of the taps `folded[j]`: padding modes other than zeros can lay several
    taps of a window on one input position.
    """

    runs: tuple[Run, ...]
    folded: tuple[tuple[int, ...], ...]
    entries: int


@lru_cache(maxsize=1024)
def axis_rows(axis: Axis, transposed: bool) -> AxisRows:
    """Return the rows of the axis's kernel matrix (outputs by inputs), or of its transpose."""
    builder = _Folder(axis.k)
    if axis.mode == ZEROS:
        plain = _scatter_runs(axis, 0, axis.n) if transposed else _gather_runs(axis, 0, axis.m)
        runs = tuple(plain)
    else:
        runs = tuple(_folded_scatter_runs(axis, builder) if transposed else _folded_gather_runs(axis, builder))
    return AxisRows(runs, tuple(builder.folded), sum(run.repeats * run.period_entries for run in runs))


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


class _Folder:
    """Numbers the sets of taps that meet on one input position."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.folded: dict[tuple[int, ...], int] = {}

    def row(self, entries: dict[int, list[int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return columns and taps of a row from its taps by column."""
        columns = tuple(sorted(entries))
        return columns, tuple(self._tap(tuple(entries[column])) for column in columns)

    def _tap(self, taps: tuple[int, ...]) -> int:
        if len(taps) == 1:
            return taps[0]
        return self.folded.setdefault(taps, self.k + len(self.folded))


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


def _folded_gather_runs(axis: Axis, folder: _Folder) -> Iterator[Run]:
    first, last = _whole_windows(axis)
    yield from (_folded_gather_row(axis, i, folder) for i in range(first))
    yield from _gather_runs(axis, first, last)
    yield from (_folded_gather_row(axis, i, folder) for i in range(last, axis.m))


def _folded_gather_row(axis: Axis, i: int, folder: _Folder) -> Run:
    entries: dict[int, list[int]] = {}
    for t in range(axis.k):
        entries.setdefault(padding_source(axis, i * axis.s + t * axis.d - axis.lo), []).append(t)
    columns, taps = folder.row(entries)
    return Run(i, 1, axis.s, (columns,), (taps,))


def _folded_scatter_runs(axis: Axis, folder: _Folder) -> Iterator[Run]:
    first, last = _whole_windows(axis)
    start, stop = max(0, -axis.lo), axis.n - max(0, -axis.hi)
    # Rows of input positions that the padding shows once more, from the windows that touch it; all others are as in
    # a zero-padded axis.
    rows: dict[int, dict[int, list[int]]] = {}
    for i in (*range(first), *range(last, axis.m)):
        for t in range(axis.k):
            position = i * axis.s + t * axis.d - axis.lo
            if not start <= position < stop:
                rows.setdefault(padding_source(axis, position), {}).setdefault(i, []).append(t)
    done = 0
    for p in sorted(rows):
        yield from _scatter_runs(axis, done, p)
        for direct in _scatter_runs(axis, p, p + 1):
            for i, t in zip(direct.columns[0], direct.taps[0], strict=True):
                rows[p].setdefault(i, []).append(t)
        for taps in rows[p].values():
            taps.sort()
        columns, taps_of_columns = folder.row(rows[p])
        yield Run(p, 1, 1, (columns,), (taps_of_columns,))
        done = p + 1
    yield from _scatter_runs(axis, done, axis.n)
