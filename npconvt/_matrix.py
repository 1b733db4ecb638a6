"""The kernel matrix of a geometry as a CSR array.

The rows of each axis come as runs that repeat with a period (`_axis.py`). The matrix of several axes is their product:
row (q0, q1) holds, for every channel and every pair of entries of q0 and q1, one entry. So for fixed rows of all axes
but the last, the entries of a whole line along the last axis are one contiguous *segment*, and lines whose outer rows
belong to the same runs have the same segment, up to one constant added to the columns. The segment is written once and
broadcast over all those lines and over the row channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from itertools import accumulate, groupby, product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from npconvt import _arguments as arguments
from npconvt._axis import ZEROS, Axis, AxisRows, Run, axis_rows
from npconvt._geometry import ConvGeometry, operator_geometry
from npconvt._memory import available_bytes, format_bytes

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Ints, Padding

# Entries that are written again and again while they stay in the cache nearest to the core.
_CHUNK = 4096
# Entries of the segments of one batch of row channels, which stay in the next cache.
_BATCH = 1 << 15

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
    layout = _Layout.of(geometry, transposed)
    dtype = np.dtype(np.int32 if geometry.index_bits == 32 else np.int64)
    indptr = _row_pointers(layout, dtype)
    indices = np.empty(layout.entries, dtype)
    data = np.empty(layout.entries, weight.dtype)
    if layout.entries:
        values = _values_by_row_channel(geometry, weight, layout, transposed)
        periods = [_period_rows(run, dtype) for run in layout.axes[-1].runs]
        columns = _Columns(layout, periods, indices)
        for block in layout.blocks():
            columns.write(block)
            _write_values(layout, block, periods, values, data)
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
    zeros = () if geometry.padding_mode == ZEROS else ((replace(geometry, padding_mode=ZEROS), "at least "),)
    for counted, least in (*zeros, (geometry, "")):
        needed, available = counted.matrix_bytes(itemsize, transposed=transposed), available_bytes()
        if available is not None and needed > available:
            msg = (
                f"{call}: the kernel matrix must fit into memory, but its {least}{counted.nnz} entries take {needed} "
                f"bytes ({format_bytes(needed)}) and {format_bytes(available)} are available. "
                f"{_WITHOUT[call.startswith('ConvOperator.')]}"
            )
            raise MemoryError(msg)


def check_dense_memory(call: str, shape: Ints, itemsize: int) -> None:
    """Refuse a dense matrix larger than the memory of this machine."""
    needed, available = prod(shape) * itemsize, available_bytes()
    if available is not None and needed > available:
        msg = (
            f"{call}: the dense matrix must fit into memory, but its shape {shape} takes {needed} bytes "
            f"({format_bytes(needed)}) and {format_bytes(available)} are available. Use tosparse, or the operator."
        )
        raise MemoryError(msg)


class _Lines(NamedTuple):
    """Rows of one outer axis, `period` apart, that have the same taps and, up to a constant, the same columns."""

    repeats: int
    step: int
    columns: Sequence[int] | NDArray[Any]
    taps: Sequence[int] | NDArray[Any]
    offset: int  # entries of the axis before the first of these rows
    period_entries: int  # entries of the axis from one of these rows to the next


class _Block(NamedTuple):
    """The lines that share a segment: a grid, one axis per outer axis."""

    lines: tuple[_Lines, ...]
    offset: int  # entries of a row channel before the first of these lines
    strides: Ints  # entries from one line to the next, per outer axis
    head: int  # entries per entry of the last axis: column channels times outer entries


class _Layout(NamedTuple):
    """A geometry's matrix in one direction: row channels by column channels, and the rows of each axis."""

    axes: tuple[AxisRows, ...]
    row_sizes: Ints
    column_sizes: Ints
    row_channels: int
    column_channels: int  # of one group
    groups: int

    @classmethod
    def of(cls, geometry: ConvGeometry, transposed: bool) -> _Layout:
        axes = geometry.axes or (_POINT,)
        outputs, inputs = tuple(axis.m for axis in axes), tuple(axis.n for axis in axes)
        row_sizes, column_sizes = (inputs, outputs) if transposed else (outputs, inputs)
        channels = (geometry.out_channels, geometry.in_channels)
        rows, columns = channels[::-1] if transposed else channels
        tables = tuple(axis_rows(axis, transposed) for axis in axes)
        return cls(tables, row_sizes, column_sizes, rows, columns // geometry.groups, geometry.groups)

    @property
    def rows(self) -> int:
        return self.row_channels * prod(self.row_sizes)

    @property
    def columns(self) -> int:
        return self.groups * self.column_channels * prod(self.column_sizes)

    @property
    def channel_entries(self) -> int:
        """Entries of a row channel."""
        return self.column_channels * prod(axis.entries for axis in self.axes)

    @property
    def entries(self) -> int:
        return self.row_channels * self.channel_entries

    @property
    def column_strides(self) -> Ints:
        """Columns from one position to the next, per axis."""
        return tuple(prod(self.column_sizes[axis + 1 :]) for axis in range(len(self.axes)))

    def blocks(self) -> Iterator[_Block]:
        """Yield the blocks of lines that share a segment, leaving out empty ones."""
        outer = self.axes[:-1]
        inner = [prod(axis.entries for axis in self.axes[a + 1 :]) * self.column_channels for a in range(len(outer))]
        for lines in product(*(tuple(_lines(axis.runs)) for axis in outer)):
            offset, strides, head = 0, [], 1
            for line, entries in zip(lines, inner, strict=True):
                offset += head * line.offset * entries
                strides.append(head * line.period_entries * entries)
                head *= len(line.columns)
            if head:
                yield _Block(lines, offset, tuple(strides), head * self.column_channels)


def _lines(runs: Iterable[Run]) -> Iterator[_Lines]:
    offset = 0
    for run in runs:
        entries = run.period_entries
        before = offset
        for columns, taps in zip(run.columns, run.taps, strict=True):
            if len(columns):
                # The step of a single period is never taken, and a stride beyond the input may exceed the index dtype.
                step = run.step if run.repeats > 1 else 1
                yield _Lines(run.repeats, step, columns, taps, before, entries)
            before += len(columns)
        offset += run.repeats * entries


def _as_array(values: Sequence[int] | NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return ints as an array; a range without visiting its elements."""
    if isinstance(values, range):
        return np.arange(values.start, values.stop, values.step, dtype=dtype.type)
    return np.asarray(values, dtype)


# --- row pointers ----------------------------------------------------------------------------------------------------


def _row_pointers(layout: _Layout, dtype: np.dtype[Any]) -> NDArray[Any]:
    pointers = _axis_pointers(layout.axes[-1], layout.row_sizes[-1], dtype)
    if layout.column_channels != 1:
        pointers *= layout.column_channels
    for axis, size in zip(layout.axes[-2::-1], layout.row_sizes[-2::-1], strict=True):
        outer = _axis_pointers(axis, size, dtype)
        pointers = _product_pointers(outer, pointers)
    if layout.row_channels != 1:
        pointers = _product_pointers(np.arange(layout.row_channels + 1, dtype=dtype), pointers)
    return pointers


def _axis_pointers(axis: AxisRows, rows: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the number of entries before each row of an axis, and after the last."""
    pointers = np.zeros(rows + 1, dtype)
    ends, row, entries = pointers[None, 1:], 0, 0
    for run in axis.runs:
        period = np.array([[*accumulate(map(len, run.columns))]], dtype) + dtype.type(entries)
        row = _write_run(ends, row, period, run.repeats, run.period_entries)
        entries += run.repeats * run.period_entries
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


def _grid(target: NDArray[Any], layout: _Layout, block: _Block) -> NDArray[Any]:
    """Return a view of the block's segments: row channels, one axis per outer axis, entries of a segment."""
    length = block.head * layout.axes[-1].entries
    shape = (layout.row_channels, *(line.repeats for line in block.lines), length)
    steps = (layout.channel_entries, *block.strides, 1)
    return np.ndarray(
        shape,
        target.dtype,
        buffer=target.data,
        offset=block.offset * target.itemsize,
        strides=tuple(step * target.itemsize for step in steps),
    )


class _Columns:
    """Writes the columns of blocks; blocks of the same shape, as the phases of a stride are, share their segment."""

    def __init__(self, layout: _Layout, periods: list[list[_Rows]], indices: NDArray[Any]) -> None:
        self.layout = layout
        self.periods = periods
        self.indices = indices
        self.strides = [indices.dtype.type(stride) for stride in layout.column_strides[:-1]]
        self.shape: list[NDArray[Any]] = []
        self.segment = np.empty((1, 0), indices.dtype)
        channel = prod(layout.column_sizes)
        self.channels = np.arange(layout.column_channels, dtype=indices.dtype) * indices.dtype.type(channel)
        groups = np.arange(layout.groups, dtype=indices.dtype) * indices.dtype.type(layout.column_channels * channel)
        self.groups = np.repeat(groups, layout.row_channels // layout.groups)

    def write(self, block: _Block) -> None:
        """Write the columns of all lines of a block."""
        dtype = self.indices.dtype
        grid = _grid(self.indices, self.layout, block)
        columns = [_as_array(line.columns, dtype) for line in block.lines]
        if grid.size == grid.shape[-1] and not block.lines:
            self._write_segment(columns, grid.reshape(1, -1))
            return
        shape = [entries - entries[0] for entries in columns]
        if grid.shape[-1] != self.segment.size or any(map(_differ, shape, self.shape)):
            self.shape, self.segment = shape, np.empty((1, grid.shape[-1]), dtype)
            self._write_segment(shape, self.segment)
        # What each line adds to the segment: the columns of its group, and of its positions on the outer axes.
        constants = [self.groups]
        for line, stride in zip(block.lines, self.strides, strict=True):
            first, step = line.columns[0], line.step
            constants.append(np.arange(first, first + step * line.repeats, step, dtype=dtype.type) * stride)
        np.add(reduce(np.add.outer, constants)[..., None], self.segment[0], out=grid)

    def _write_segment(self, outer: list[NDArray[Any]], segment: NDArray[Any]) -> None:
        scaled = [entries * stride for entries, stride in zip(outer, self.strides, strict=True)]
        head = reduce(np.add.outer, [self.channels, *scaled]).reshape(1, -1, 1)
        start = 0
        for run, rows in zip(self.layout.axes[-1].runs, self.periods, strict=True):
            period = _joined([(head + part.columns[:, None]).reshape(1, -1) for part in rows])
            start = _write_run(segment, start, period, run.repeats, run.step)


def _differ(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return left.shape != right.shape or bool((left != right).any())


def _write_values(
    layout: _Layout, block: _Block, periods: list[list[_Rows]], values: NDArray[Any], data: NDArray[Any]
) -> None:
    grid = _grid(data, layout, block)
    length = grid.shape[-1]
    alone = grid[0, ..., 0].size == 1
    for axis, line in enumerate(block.lines, 2):
        values = _take(values, line.taps, axis)
    values = values.reshape(layout.row_channels, -1, values.shape[-1])
    channels_at_once = max(1, _BATCH // length)
    for first in range(0, layout.row_channels, channels_at_once):
        channels = values[first : first + channels_at_once]
        target = grid[first : first + channels_at_once]
        segments = target.reshape(len(channels), length) if alone else np.empty((len(channels), length), data.dtype)
        start = 0
        for run, rows in zip(layout.axes[-1].runs, periods, strict=True):
            parts = [channels.take(part.taps, -1).swapaxes(1, 2).reshape(len(channels), -1) for part in rows]
            start = _write_run(segments, start, _joined(parts), run.repeats, 0)
        if not alone:
            target[...] = segments.reshape(len(channels), *(1,) * len(block.lines), length)


class _Rows(NamedTuple):
    """Neighbouring rows of a period that have as many entries each."""

    columns: NDArray[Any]  # shape (rows, entries of a row)
    taps: NDArray[Any]


def _period_rows(run: Run, dtype: np.dtype[Any]) -> list[_Rows]:
    """Return the rows of a run's first period, cut where their number of entries changes."""
    tap_dtype = np.dtype(np.intp)
    if run.period == 1:
        return [_Rows(_as_array(run.columns[0], dtype)[None], _as_array(run.taps[0], tap_dtype)[None])]
    return [
        _Rows(
            np.stack([_as_array(columns, dtype) for columns, _ in rows]),
            np.stack([_as_array(taps, tap_dtype) for _, taps in rows]),
        )
        for _, group in groupby(zip(run.columns, run.taps, strict=True), key=lambda row: len(row[0]))
        for rows in [list(group)]
    ]


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _take(values: NDArray[Any], taps: Sequence[int] | NDArray[Any], axis: int) -> NDArray[Any]:
    """Return some taps of the values along an axis; a view where they are evenly spaced."""
    if not isinstance(taps, range):
        return values.take(_as_array(taps, np.dtype(np.intp)), axis)
    if not taps:
        taps = range(0)
    # A descending range that ends at tap 0 has the stop -1, which as a slice would mean the last element.
    stop = None if taps.step < 0 and taps.stop < 0 else taps.stop
    index: list[slice] = [slice(None)] * values.ndim
    index[axis] = slice(taps.start, stop, taps.step)
    return values[tuple(index)]


def _write_run(segments: NDArray[Any], start: int, period: NDArray[Any], repeats: int, step: int) -> int:
    """Write a run's entries into each row of `segments` from `start` on, and return where they end.

    From a period to the next the entries grow by `step`. The first periods are doubled until they fill a chunk of the
    cache; then the chunk is broadcast: few and long writes, whatever the length of the period.
    """
    size = period.shape[1]
    stop: int = start + repeats * size
    if not size:
        return start
    target = segments[:, start:stop]
    target[:, :size] = period
    if repeats == 1:
        return stop
    done = 1
    while done < repeats and done * size < _CHUNK:
        more = min(done, repeats - done)
        _add(target[:, : more * size], done * step, target[:, done * size : (done + more) * size])
        done += more
    chunks, rest = divmod(repeats, done)
    if chunks > 1:
        chunk = done * size
        whole = target[:, : chunks * chunk].reshape(len(target), chunks, chunk)
        if step:
            growth = np.arange(1, chunks, dtype=target.dtype) * target.dtype.type(done * step)
            np.add(whole[:, :1], growth[:, None], out=whole[:, 1:])
        else:
            whole[:, 1:] = whole[:, :1]
    if rest:
        _add(target[:, : rest * size], chunks * done * step, target[:, chunks * done * size :])
    return stop


def _add(source: NDArray[Any], number: int, target: NDArray[Any]) -> None:
    if number:
        np.add(source, source.dtype.type(number), out=target)
    else:
        target[...] = source


def _values_by_row_channel(
    geometry: ConvGeometry, weight: NDArray[Any], layout: _Layout, transposed: bool
) -> NDArray[Any]:
    """Return the weights as (row channel, column channel of its group, *taps), followed by the folded taps."""
    groups = geometry.groups
    kernel = geometry.kernel_size or (1,)
    values = weight.reshape(geometry.out_channels, geometry.in_channels // groups, *kernel)
    if transposed:
        shape = (groups, geometry.out_channels // groups, geometry.in_channels // groups, *kernel)
        values = (
            values.reshape(shape).swapaxes(1, 2).reshape(geometry.in_channels, geometry.out_channels // groups, *kernel)
        )
    for axis, table in enumerate(layout.axes, 2):
        if table.folded is None:
            continue
        # Sums of the taps alone, not a product with a 0/1 matrix: 0*inf would put NaN where no tap is.
        with np.errstate(invalid="ignore"):  # inf - inf is NaN, here as in any sum of the library
            sums = np.add.reduceat(values.take(table.folded.taps, axis), table.folded.starts, axis)
        values = np.concatenate([values, sums], axis)
    return values
