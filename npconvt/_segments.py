"""Segments of lists of entries, and how they are written one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[Any]

try:
    # The loop of SciPy's `A[rows]`. It copies what is between any two row pointers, of columns and values at once, with
    # no Python in between. It is not public, so we can do without.
    from scipy.sparse._sparsetools import csr_row_index
except ImportError:  # pragma: no cover
    csr_row_index = None  # type: ignore[assignment]

# Entries that are written again and again while they stay in the cache nearest to the core.
_CHUNK = 4096


class Segments(NamedTuple):
    """Rows as segments of a list of entries: of each row as many as `counts` says, in arrays with one item each.

    A segment is `size` neighbours in the list from `start` on, whose columns are `move` further on.
    """

    counts: Integers
    start: Integers
    size: Integers
    move: Integers

    @property
    def single(self) -> bool:
        """Whether each row is one segment."""
        return len(self.counts) == len(self.start) and bool((self.counts == 1).all())

    def lengths(self) -> Integers:
        """Return the number of entries of each row."""
        return self.size if self.single else sums(self.size, self.counts)

    def of(self, rows: Integers) -> Segments:
        """Return some of the rows, in that order."""
        if self.single:
            return Segments(*(values.take(rows) for values in self))
        counts = self.counts.take(rows)
        index = progressions((self.counts.cumsum() - self.counts).take(rows), counts)
        return Segments(counts, *(values.take(index) for values in self[1:]))

    def moved(self, moves: Integers) -> Segments:
        """Return the rows, each moved further."""
        return self._replace(move=self.move + moves.repeat(self.counts))


def copied(
    columns: NDArray[Any], values: NDArray[Any], start: Integers, size: Integers
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return segments, one after the other."""
    total = int(size.sum())
    columns_there, values_there = np.empty(total, columns.dtype), np.empty(total, values.dtype)
    copy(columns, values, start, size, columns_there, values_there)
    return columns_there, values_there


def copy(
    columns: NDArray[Any],
    values: NDArray[Any],
    start: Integers,
    size: Integers,
    columns_there: NDArray[Any],
    values_there: NDArray[Any],
) -> None:
    """Copy segments of two lists, one after the other."""
    bounds = np.empty((len(start), 2), columns.dtype)
    bounds[:, 0] = start
    np.add(start, size, out=bounds[:, 1], casting="same_kind")
    copy_between(bounds, columns, values, columns_there, values_there)


def copy_between(
    bounds: NDArray[Any],
    columns: NDArray[Any],
    values: NDArray[Any],
    columns_there: NDArray[Any],
    values_there: NDArray[Any],
) -> None:
    """Copy what is between bounds, of shape (..., 2) and the columns' dtype, one after the other."""
    pointers = bounds.ravel()
    if csr_row_index is None:
        index = progressions(pointers[::2], pointers[1::2] - pointers[::2])
        columns_there[...], values_there[...] = columns.take(index), values.take(index)
        return
    rows = np.arange(0, len(pointers), 2, dtype=pointers.dtype)
    csr_row_index(len(rows), rows, pointers, columns, values, columns_there, values_there)


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


def sums(values: Integers, counts: Integers) -> Integers:
    """Return the sums of as many neighbours as the counts say; they may be none."""
    ends = np.zeros(len(values) + 1, np.int64)
    values.cumsum(out=ends[1:])
    stops = counts.cumsum()
    total: Integers = ends.take(stops) - ends.take(stops - counts)
    return total


def progressions(first: Integers, size: Integers) -> Integers:
    """Return `first`, `first + 1`, ..., `size` numbers of each, one after the other."""
    starts = size.cumsum() - size
    numbers: Integers = (first - starts).repeat(size)
    numbers += np.arange(len(numbers))
    return numbers
