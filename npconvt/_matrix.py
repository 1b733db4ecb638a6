"""The kernel matrix of a geometry as a CSR array.

The rows of each axis are segments of a short list of its entries (`_axis.py`). The matrix of several axes is their
product: row (q0, q1) holds, for every channel and every pair of entries of q0 and q1, one entry; so its rows are
segments of a list, too (`_patterns.py`), up to one constant added to the columns. Long rows are copied, segment by
segment. Of short ones, which repeat along an axis with a period, the first period is copied, and its repeats are filled
in.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import prod
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from npconvt import _arguments as arguments
from npconvt._axis import ZEROS, Axis, AxisRows, Runs, axis_entries, axis_rows, folds, tap_sums
from npconvt._geometry import ConvGeometry, operator_geometry
from npconvt._memory import check_fits
from npconvt._patterns import Patterns, write
from npconvt._segments import Segments, repeat

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Ints, Padding

# Entries that are listed at a time.
_LISTED = 1 << 19
# Entries that are copied in the time of a segment, to be added to those it has, and of a call.
_SEGMENT = 25
_CALL = 20_000
# Entries of a period that stays in the cache while its repeats are filled in.
_NEAR = 1 << 16
# Entries of segments so long that they are copied as fast as a period that does not stay there.
_LONG = 64
# A list that has as many times fewer entries than the matrix takes little of the time.
_FEW = 8
# Bytes of the plans that are kept, of which one has half at most, and how many they are.
_KEPT = 1 << 25
_PLANS = 256
# Windows of an axis that are counted without a thought about their number.
_COUNTED = 1 << 14

INT64_MAX = 2**63 - 1

# A geometry without spatial axes is that of one pixel.
_POINT = Axis(1, 1, 1, 1, 1, 0, 0, "zeros")


def kernel_matrix(
    weight: ArrayLike,
    input_shape: Sequence[int],
    *,
    stride: IntOrInts = 1,
    padding: Padding = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    transposed: bool = False,
    output_padding: IntOrInts = 0,
    output_size: IntOrInts | None = None,
    channels: bool | None = None,
) -> csr_array:
    """Return the matrix A of a convolution, `conv(x).ravel() == A @ x.ravel()`.

    Rows are output elements `(out_channel, *position)`, columns input elements `(in_channel, *position)`, both in C
    order. With `transposed=True` the arguments are those of `conv_transpose`, and the matrix is the transpose of the
    one of the convolution that has the same weight and arguments.

    Parameters
    ----------
    weight : array_like, shape (C_out, C_in/groups, *k) or k
        The kernel, as `conv` takes it; `(C_in, C_out/groups, *k)` with `transposed=True`. Or a plain kernel, with no
        channel axes, where the input has none.
    input_shape : sequence of int
        `(C_in, *sp)`, without the batch axis; `sp` alone for a plain kernel.
    stride, padding, dilation, groups, padding_mode
        As in `conv`.
    transposed : bool
        Whether to return the matrix of `conv_transpose`.
    output_padding, output_size
        As in `conv_transpose`; only with `transposed=True`.
    channels : bool, optional
        False for a plain kernel, True for channel axes. By default a kernel is plain where it has as many axes as
        `input_shape`, if these are one or two; from three up say which.

    Returns
    -------
    csr_array, shape (output elements, input elements)
        Sorted, without duplicates. The pattern depends on the geometry alone: a tap that is zero is a stored zero.
        Where a padding mode lays several taps of a window on one input element, the entry is their sum. Entries have
        the weight's dtype, but int64 for integers below uint64 and float32 for float16. Indices are int32 while they
        fit.

    Raises
    ------
    ValueError, TypeError
        Where arguments do not fit one another or are of the wrong kind.
    MemoryError
        Where the matrix would not fit into memory; before anything is allocated.

    See Also
    --------
    conv, conv_transpose : apply the matrix without building it.

    Notes
    -----
    The construction is that of Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016),
    section 4.1, for any number of axes, channels and strides.

    What the geometry alone decides is kept for its next matrix, which is then written about as fast as it can be
    copied if the input is several times the kernel. All that is kept is about 32 MiB at most; what has not been used
    for longest goes first.

    Examples
    --------
    A kernel of two taps on four elements:

    >>> import numpy as np
    >>> from npconvt import kernel_matrix
    >>> kernel_matrix([1, 10], (4,)).toarray()
    array([[ 1, 10,  0,  0],
           [ 0,  1, 10,  0],
           [ 0,  0,  1, 10]])

    Stride 2, and one zero on each side:

    >>> kernel_matrix([1, 10], (4,), stride=2, padding=1).toarray()
    array([[10,  0,  0,  0],
           [ 0,  1, 10,  0],
           [ 0,  0,  0,  1]])

    The matrix of the transposed convolution is the transpose:

    >>> kernel_matrix([1, 10], (3,), stride=2, padding=1, transposed=True).toarray()
    array([[10,  0,  0],
           [ 0,  1,  0],
           [ 0, 10,  0],
           [ 0,  0,  1]])

    On pictures it is a block matrix, its product a picture in C order:

    >>> A = kernel_matrix(np.arange(9).reshape(3, 3), (4, 4))
    >>> (A @ np.arange(16)).reshape(2, 2)
    array([[258, 294],
           [402, 438]])

    A three-axis input can be several things, and has to be told apart:

    >>> kernel_matrix(np.ones((2, 2, 2)), (3, 3, 3))
    Traceback (most recent call last):
    ...
    ValueError: kernel_matrix: input_shape (3, 3, 3) and weight of shape (2, 2, 2) have 3 axes each, which can be read
    two ways. For a plain kernel without channel axes pass channels=False; for an input with a batch axis pass
    input_shape=(3, 3).
    """
    call = "kernel_matrix"
    weight = arguments.kernel_entries(call, weight)
    transposed = arguments.boolean(call, "transposed", transposed) or False
    geometry = operator_geometry(
        call,
        input_shape,
        weight.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        padding_mode=padding_mode,
        transposed=transposed,
        output_padding=output_padding,
        output_size=output_size,
        channels=channels,
    )
    return build(geometry, weight, transposed=transposed, call=call)


def build(
    geometry: ConvGeometry, weight: NDArray[Any], *, transposed: bool = False, call: str = "kernel_matrix"
) -> csr_array:
    """Return the kernel matrix of the geometry, or its transpose, with entries of the weight's dtype."""
    check_memory(call, geometry, weight.dtype.itemsize, transposed=transposed)
    layout, parts, pointers, _ = _planned(geometry, transposed)
    indices = np.empty((layout.row_channels, layout.channel_entries), layout.dtype)
    data = np.empty(indices.shape, weight.dtype)
    written, start = [], 0
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, here as in any sum of the library
        values = _values_by_row_channel(geometry, weight, layout, transposed)
        for part in parts:
            stop = start + part.entries
            if stop > start and layout.row_channels:
                _write(part, values, indices[:, start:stop], data[:, start:stop])
            start = stop
            if pointers is None:
                written.append(part.first.counted)
    indices, data = indices.ravel(), data.ravel()
    indptr = _row_pointers(layout, written) if pointers is None else pointers.copy()
    matrix = csr_array((data, indices, indptr), shape=(layout.rows, layout.columns), copy=False)
    # True by construction; saying so spares SciPy the check.
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix


# What does not build the matrix: of a call, and of an operator.
_WITHOUT = (
    "Use conv or conv_transpose with another method than 'matrix', or ConvOperator, which do not build it.",
    "The products of the operator do without it.",
)


def check_memory(call: str, geometry: ConvGeometry, itemsize: int, *, transposed: bool = False) -> None:
    """Refuse a matrix larger than the memory of this machine, before anything is allocated."""
    rows, columns = geometry.matrix_shape
    if max(rows, columns) > INT64_MAX:
        msg = f"{call}: the kernel matrix must have at most {INT64_MAX} rows and columns, but has {rows} x {columns}."
        raise MemoryError(msg)
    # A padding mode has no fewer entries than zeros, whose count needs no look at each window on the padding.
    many = geometry.padding_mode != ZEROS and max(geometry.output_size, default=0) > _COUNTED
    zeros = ((replace(geometry, padding_mode=ZEROS), "at least "),) if many else ()
    for counted, least in (*zeros, (geometry, "")):
        check_fits(
            call,
            "the kernel matrix",
            f"its {least}{counted.nnz} entries take",
            counted.matrix_bytes(itemsize, transposed=transposed),
            _WITHOUT[call.startswith("ConvOperator.")],
        )


def check_dense_memory(call: str, shape: Ints, itemsize: int) -> None:
    """Refuse a dense matrix larger than the memory of this machine."""
    remedy = "Use tosparse, or the operator."
    check_fits(call, "the dense matrix", f"its shape {shape} takes", prod(shape) * itemsize, remedy)


class _Stage(NamedTuple):
    """Some entries of a row channel: segments that are copied, or repeats of what is there already."""

    start: int
    segments: Segments | None
    size: int  # of a period
    repeats: int
    step: int


@dataclass(frozen=True, eq=False)
class _Layout:
    """A geometry's matrix in one direction: row channels by column channels, and its axes."""

    axes: tuple[Axis, ...]
    inner: tuple[AxisRows, ...]  # all rows of all axes but the first
    row_sizes: Ints
    column_sizes: Ints
    row_channels: int
    column_channels: int  # of one group
    groups: int
    transposed: bool
    dtype: np.dtype[Any]  # of the columns

    @classmethod
    def of(cls, geometry: ConvGeometry, transposed: bool) -> _Layout:
        axes = geometry.axes or (_POINT,)
        outputs, inputs = tuple(axis.m for axis in axes), tuple(axis.n for axis in axes)
        row_sizes, column_sizes = (inputs, outputs) if transposed else (outputs, inputs)
        channels = (geometry.out_channels, geometry.in_channels)
        rows, columns = channels[::-1] if transposed else channels
        listed = {axis: next(axis_rows(axis, transposed)) for axis in axes[1:]}
        inner, per_group = tuple(listed[axis] for axis in axes[1:]), columns // geometry.groups
        return cls(
            axes,
            inner,
            row_sizes,
            column_sizes,
            rows,
            per_group,
            geometry.groups,
            transposed,
            np.dtype(f"int{geometry.index_bits}"),
        )

    def parts(self) -> Iterator[_Part]:
        """Yield some rows of the first axis at a time, with all rows of the others."""
        each = int(self.inner_patterns.lengths.sum()) if self.inner_patterns else 1
        most = max(_LISTED, self.channel_entries // _FEW) // max(1, each * self.column_channels)
        for axis, rows in zip(self.axes[1:], self.inner, strict=True):
            if axis == self.axes[0] and rows.lengths.sum() <= most:
                yield _Part(self, rows)
                return
        for first in axis_rows(self.axes[0], self.transposed, most):
            yield _Part(self, first)

    @cached_property
    def inner_patterns(self) -> Patterns | None:
        """The rows of all axes but the first, one for each of those that the axes have listed."""
        if not self.inner:
            return None
        *outer, last = self.inner
        patterns, values = Patterns.of(last), len(last.columns)
        for rows, stride in zip(outer[::-1], self.column_strides[-2:0:-1], strict=True):
            patterns = patterns.after(rows, stride, values, self.channel_entries // _FEW)
            values *= len(rows.columns)
        return patterns

    @property
    def rows(self) -> int:
        return self.row_channels * prod(self.row_sizes)

    @property
    def columns(self) -> int:
        return self.groups * self.column_channels * prod(self.column_sizes)

    @cached_property
    def channel_entries(self) -> int:
        """Entries of a row channel."""
        return self.column_channels * prod(map(axis_entries, self.axes))

    @cached_property
    def column_strides(self) -> Ints:
        """Columns from one position to the next, per axis."""
        return tuple(prod(self.column_sizes[axis + 1 :]) for axis in range(len(self.axes)))

    @cached_property
    def inner_entries(self) -> Ints:
        """Entries of all that is on an entry of an axis, per axis."""
        each = [axis_entries(axis) for axis in self.axes]
        return tuple(self.column_channels * prod(each[axis + 1 :]) for axis in range(len(each)))


@dataclass(frozen=True, eq=False)
class _Part:
    """Some rows of the first axis, and all rows of the others."""

    layout: _Layout
    first: AxisRows

    @property
    def axis_rows(self) -> tuple[AxisRows, ...]:
        return self.first, *self.layout.inner

    @cached_property
    def entries(self) -> int:
        """Entries of a row channel."""
        return int((self.first.run_entries * self.first.runs.repeats).sum()) * self.layout.inner_entries[0]

    @cached_property
    def patterns(self) -> Patterns:
        """The rows of a row channel, one for each of the rows that the axes have listed."""
        inner, patterns, values = self.layout.inner_patterns, Patterns.of(self.first), len(self.first.columns)
        if inner:
            below = prod(len(rows.columns) for rows in self.layout.inner)
            patterns = inner.after(self.first, self.layout.column_strides[0], below, self.entries // _FEW)
            values *= below
        channels = self.layout.column_channels
        if channels > 1:
            index, zero, one = np.arange(channels), np.zeros(1, np.int64), np.ones(1, np.int64)
            window = AxisRows(Runs(one, one, zero), Segments(one, zero, one * channels, zero), index, (index[None],))
            patterns = patterns.after(window, prod(self.layout.column_sizes), values, self.entries // _FEW)
        return patterns

    def some_rows(self, begin: int, end: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return all rows of some axes: which of those that are listed, and how far their columns are moved."""
        which, moves = np.zeros(1, np.int64), np.zeros(1, np.int64)
        for number in range(begin, end):
            rows, move = self.axis_rows[number].all
            which = np.add.outer(which * len(self.axis_rows[number].lengths), rows).ravel()
            moves = np.add.outer(moves, move * self.layout.column_strides[number]).ravel()
        return which, moves

    @cached_property
    def filled(self) -> tuple[NDArray[np.bool_], ...]:
        """Which runs of each axis are worth to be filled in, rather than copied row by row."""
        sizes, filled = self.layout.row_sizes, []
        for axis, rows in enumerate(self.axis_rows):
            most = _CALL // (_SEGMENT * prod(sizes[axis + 1 :]))  # repeats that are copied as fast
            if sizes[axis] <= most:
                filled.append(np.zeros(len(rows.runs.rows), bool))
                continue
            near = rows.run_entries * self.layout.inner_entries[axis] <= _NEAR
            filled.append((rows.runs.repeats > max(1, most)) & (near | (self.segment < _LONG)))
        return tuple(filled)

    @cached_property
    def segment(self) -> int:
        """Entries of a segment."""
        rows = self.patterns.rows
        return int(rows.size.sum()) // max(1, len(rows.size))

    @cached_property
    def line_axis(self) -> int:
        """The axis until which runs are filled in, in the least time."""
        if not any(filled.any() for filled in self.filled):
            return 0
        segments = len(self.patterns.rows.start) / max(1, len(self.patterns.rows.counts))
        times, written = [], 1
        for axis, (rows, filled) in enumerate(zip(self.axis_rows, self.filled, strict=True)):
            some = prod(self.layout.row_sizes[axis + 1 :])
            runs, repeats, _ = rows.runs
            period = int(runs[filled].sum() + (runs * repeats)[~filled].sum())
            calls = written * (2 * int(filled.sum()) + 1)
            written *= period
            times.append(calls * _CALL + written * some * segments * self.layout.row_channels * _SEGMENT)
        return times.index(min(times))

    @cached_property
    def stages(self) -> tuple[_Stage, ...]:
        """What is written of a row channel, in that order."""
        return tuple(self._stages(0, 0, 0, 0)) if self.entries else ()

    @cached_property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        segments = (self.patterns.rows, *(stage.segments for stage in self.stages if stage.segments))
        source = () if self.patterns.source is None else (self.patterns.source,)
        arrays = [self.patterns.columns, *source, *(array for some in segments for array in some), *self.first.arrays]
        return sum({id(array): array.nbytes for array in arrays}.values())

    def _stages(self, axis: int, pattern: int, move: int, start: int) -> Iterator[_Stage]:
        """Yield what is written of all rows of an axis, on one row of those before it."""
        rows, stride, last = self.axis_rows[axis], self.layout.column_strides[axis], len(self.axis_rows)
        inner, moves = self.some_rows(axis + 1, last if axis == self.line_axis else axis + 1)
        patterns = prod(len(after.lengths) for after in self.axis_rows[axis + 1 :])
        for period, moved, repeats, step in rows.periods(self.filled[axis]):
            first = start
            which = pattern * len(rows.lengths) + period
            if axis == self.line_axis:
                all_moves = np.add.outer(move + moved * stride, moves).ravel()
                segments = self.patterns.rows.of(np.add.outer(which * patterns, inner).ravel()).moved(all_moves)
                size = int(segments.size.sum())
                yield _Stage(start, segments, size, 1, 0)
                start += size
            else:
                for row, further in zip(which.tolist(), moved.tolist(), strict=True):
                    for stage in self._stages(axis + 1, row, move + further * stride, start):
                        yield stage
                        start = stage.start + stage.size * stage.repeats
            if repeats > 1 and start > first:
                yield _Stage(first, None, start - first, repeats, step * stride)
                start = first + repeats * (start - first)


class _Plan(NamedTuple):
    """All that a geometry's matrices have in common, if they are to be written."""

    layout: _Layout
    parts: Iterable[_Part]
    pointers: NDArray[Any] | None = None
    nbytes: int = 0


class _Plans:
    """The plans that are kept, those used last at the end."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew, with a lock that nobody holds."""
        self._kept: OrderedDict[tuple[ConvGeometry, bool], _Plan] = OrderedDict()
        self._nbytes = 0
        self._lock = Lock()

    def get(self, geometry: ConvGeometry, transposed: bool) -> _Plan | None:
        with self._lock:
            if (geometry, transposed) in self._kept:
                self._kept.move_to_end((geometry, transposed))
            return self._kept.get((geometry, transposed))

    def keep(self, geometry: ConvGeometry, transposed: bool, plan: _Plan) -> None:
        """Keep a plan, and no longer those used longest ago that are too much."""
        with self._lock:
            if (geometry, transposed) in self._kept:  # another thread was faster
                return
            self._kept[geometry, transposed] = plan
            self._nbytes += plan.nbytes
            while self._nbytes > _KEPT or len(self._kept) > _PLANS:
                self._nbytes -= self._kept.popitem(last=False)[1].nbytes


_plans = _Plans()
if hasattr(os, "register_at_fork"):
    # In a child, nobody is left to release a lock that another thread held.
    os.register_at_fork(after_in_child=_plans.forget)


def _planned(geometry: ConvGeometry, transposed: bool) -> _Plan:
    """Return the plan of a geometry, which is kept for its next matrix unless it is large."""
    plan = _plans.get(geometry, transposed)
    if plan:
        return plan
    layout = _Layout.of(geometry, transposed)
    size = layout.rows * layout.dtype.itemsize + sum(array.nbytes for rows in layout.inner for array in rows.arrays)
    parts, some = layout.parts(), []
    for part in parts:
        some.append(part)
        size += part.nbytes
        if size > _KEPT // 2:
            return _Plan(layout, chain(some, parts))
    plan = _Plan(layout, tuple(some), _row_pointers(layout, [part.first for part in some]), size)
    _plans.keep(geometry, transposed, plan)
    return plan


# --- row pointers ----------------------------------------------------------------------------------------------------


def _row_pointers(layout: _Layout, first: Sequence[AxisRows]) -> NDArray[Any]:
    """Return the row pointers from the rows of the first axis."""
    dtype = layout.dtype
    if not layout.row_channels * layout.channel_entries:
        return np.zeros(layout.rows + 1, dtype)
    pointers = np.array([0, layout.column_channels], dtype)
    every = [first, *([rows] for rows in layout.inner)]
    for rows, size in zip(every[::-1], layout.row_sizes[::-1], strict=True):
        axis = _axis_pointers(rows, size, dtype)
        pointers = _product_pointers(axis, pointers) if len(pointers) > 2 else axis * pointers[1]
    if layout.row_channels != 1:
        pointers = _product_pointers(np.arange(layout.row_channels + 1, dtype=dtype), pointers)
    return pointers


def _axis_pointers(parts: Sequence[AxisRows], size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the number of entries before each row of an axis, and after the last."""
    pointers = np.zeros(size + 1, dtype)
    ends, row, entries = pointers[1:], 0, 0
    for rows in parts:
        for period, _, repeats, _ in rows.periods(rows.runs.repeats >= _CALL // _SEGMENT):
            if len(period):
                counted = np.cumsum(rows.lengths.take(period))
                ends[row : row + len(period)] = counted + entries
                if repeats > 1:
                    repeat(ends, row, len(period), repeats, int(counted[-1]))
                row += repeats * len(period)
                entries += repeats * int(counted[-1])
    return pointers


def _product_pointers(outer: NDArray[Any], inner: NDArray[Any]) -> NDArray[Any]:
    """Return the pointers of rows (q0, q1), whose number of entries is the product of those of q0 and q1."""
    total, size = inner[-1], len(inner) - 1
    pointers = np.empty((len(outer) - 1) * size + 1, outer.dtype)
    grid = pointers[:-1].reshape(len(outer) - 1, size)
    np.multiply(np.diff(outer)[:, None], inner[:-1], out=grid)
    grid += (outer[:-1] * total)[:, None]
    pointers[-1] = outer[-1] * total
    return pointers


# --- columns and values ----------------------------------------------------------------------------------------------


def _write(part: _Part, values: NDArray[Any], indices: NDArray[Any], data: NDArray[Any]) -> None:
    """Write all entries of a part, into arrays of shape (row channels, entries)."""
    layout, patterns, stages = part.layout, part.patterns, part.stages
    values = _taken(values, part.first.taps, 2).reshape(len(values), -1)
    near = max((stage.size for stage in stages if stage.repeats > 1), default=1)
    some = max(1, min(_LISTED // len(patterns.columns), _NEAR // max(1, near)))
    columns = patterns.columns.astype(indices.dtype)
    for first in range(0, layout.row_channels, some):
        here = slice(first, first + some)
        listed = columns, values[here] if patterns.source is None else values[here].take(patterns.source, 1)
        for start, segments, size, repeats, step in stages:
            stop = start + size
            if segments:
                write(segments, listed, None if first else indices[0, start:stop], data[here, start:stop])
            else:
                repeat(data[here], start, size, repeats, 0)
                if not first:
                    repeat(indices[0], start, size, repeats, step)
    if layout.row_channels > 1:
        groups = np.arange(layout.groups, dtype=indices.dtype) * (layout.column_channels * prod(layout.column_sizes))
        shifts = groups.repeat(layout.row_channels // layout.groups)
        np.add(indices[0], shifts[1:, None], out=indices[1:])


def _values_by_row_channel(
    geometry: ConvGeometry, weight: NDArray[Any], layout: _Layout, transposed: bool
) -> NDArray[Any]:
    """Return the weights as (row channel, column channel of its group, taps, *entries that inner axes have listed)."""
    groups = geometry.groups
    kernel = geometry.kernel_size or (1,)
    values = weight.reshape(geometry.out_channels, geometry.in_channels // groups, *kernel)
    if transposed:
        shape = (groups, geometry.out_channels // groups, geometry.in_channels // groups, *kernel)
        values = (
            values.reshape(shape).swapaxes(1, 2).reshape(geometry.in_channels, geometry.out_channels // groups, *kernel)
        )
    for number, axis in enumerate(geometry.axes, 2):
        if folds(axis):
            values = _extended(values, axis, number)
    for number, rows in enumerate(layout.inner, 3):
        values = _taken(values, rows.taps, number)
    return values


def _taken(values: NDArray[Any], taps: tuple[NDArray[Any], ...], axis: int) -> NDArray[Any]:
    """Return the sums over terms, of `taps` of shapes (terms, entries), of the values along an axis."""
    entries = sum(terms.shape[1] for terms in taps)
    taken = np.empty((*values.shape[:axis], entries, *values.shape[axis + 1 :]), values.dtype)
    done = 0
    for terms in taps:
        here = taken[(slice(None),) * axis + (slice(done, done + terms.shape[1]),)]
        here[...] = values.take(terms[0], axis, mode="clip")
        for term in terms[1:]:
            here += values.take(term, axis, mode="clip")
        done += terms.shape[1]
    return taken


def _extended(values: NDArray[Any], axis: Axis, number: int) -> NDArray[Any]:
    """Return the values with those of no tap and of sums of taps at the end, along the array axis of that number."""
    k, (first, since) = axis.k, tap_sums(axis)
    parts = [values, np.zeros_like(values.take([0], number))]
    # Sums of the taps alone, not a product with a 0/1 matrix: 0*inf would put NaN where no tap is.
    for taps, kept in (
        (np.arange(first), np.arange(1, first)),
        (np.arange(k - 1, since - 1, -1), np.arange(k - 1 - since, 0, -1)),
    ):
        if kept.size:
            parts.append(np.cumsum(values.take(taps, number), number, values.dtype).take(kept, number))
    return np.concatenate(parts, number)
