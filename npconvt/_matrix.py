"""The kernel matrix of a geometry as a CSR array.

The rows of each axis come as runs that repeat with a period (`_axis.py`). The matrix of several axes is their product:
row (q0, q1) holds, for every channel and every pair of entries of q0 and q1, one entry. So for fixed rows of all axes
but the last, the entries of a whole line along the last axis are one contiguous *segment*, and lines whose outer rows
belong to the same runs have the same segment, up to one constant added to the columns. The segment is written once and
broadcast over all those lines and over the row channels. The outer rows at the two ends of an axis that have as many
entries are written together, too.

Many long outer rows that do not repeat, as on the padding of a long kernel, would be a segment each. Such a stretch of
rows, with all lines on them, is one segment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from npconvt import _arguments as arguments
from npconvt._axis import ZEROS, Axis, AxisRows, Run, axis_entries, axis_rows, folds, tap_sums
from npconvt._geometry import ConvGeometry, operator_geometry
from npconvt._lines import Inner, Line, Stretch, StretchLine, take, trimmed, write_run
from npconvt._memory import check_fits

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Ints, Padding

# Entries of the lines that are written together, which stay in the next cache.
_BATCH = 1 << 15
# Rows of the last axis that are listed one by one although they repeat.
_FEW = 64
# Entries of a row of an outer axis that is long, the least number of them that make a stretch, the most entries of the
# listed rows after each, and the entries of a stretch that are listed at once.
_LONG = 16
_SOME = 8
_WIDE = 1 << 10
_LISTED = 1 << 17
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
    indices = np.empty(layout.entries, dtype)
    data = np.empty(layout.entries, weight.dtype)
    blocks = tuple(layout.blocks()) if layout.entries else ()
    counted, offset = [], 0
    alone = len(layout.axes) == layout.row_channels == layout.column_channels == 1
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, here as in any sum of the library
        values = _values_by_row_channel(geometry, weight, layout, transposed)
        for block in blocks:
            if block.stretch:
                stretch = StretchLine(block.stretch, layout.column_strides[len(block.lines)], block.head, dtype)
                _write_columns(layout, block, stretch, indices)
                _write_values(layout, block, stretch, values, data)
        blocks = tuple(block for block in blocks if not block.stretch)
        for rows in axis_rows(layout.axes[-1], transposed, _FEW, copied=alone):
            line = Line(rows, offset, dtype, alone=alone)
            for block in blocks if line.entries else ():
                _write_columns(layout, block, line, indices)
                _write_values(layout, block, line, values, data)
            counted.append((rows.runs, rows.lengths))
            offset += line.entries
    indptr = _row_pointers(layout, counted, dtype)
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


class _Lines(NamedTuple):
    """Rows of one outer axis that have as many entries each, and their repeats."""

    repeats: int
    step: int
    columns: NDArray[Any]  # shape (rows, entries)
    taps: NDArray[Any]  # shape (terms, rows, entries)
    offset: int  # entries of the axis before the first of these rows
    period_entries: int  # entries of the axis from one repeat to the next
    row_entries: int  # and from one row to the next


class _Block(NamedTuple):
    """The lines that are written together: a grid, two axes per outer axis, its repeats and its rows.

    With a stretch, `lines` are those of the axes before it, and each of the grid's is all lines of the stretch.
    """

    lines: tuple[_Lines, ...]
    stretch: Stretch | None
    offset: int  # entries of a row channel before the first of these lines
    shape: Ints
    strides: Ints  # entries from one line to the next
    head: int  # entries per entry of what a line runs along: column channels times outer entries


@dataclass(frozen=True, eq=False)
class _Layout:
    """A geometry's matrix in one direction: row channels by column channels, and its axes."""

    axes: tuple[Axis, ...]
    outer: tuple[tuple[AxisRows, ...], ...]  # the rows of all axes but the last
    row_sizes: Ints
    column_sizes: Ints
    row_channels: int
    column_channels: int  # of one group
    groups: int
    transposed: bool

    @classmethod
    def of(cls, geometry: ConvGeometry, transposed: bool) -> _Layout:
        axes = geometry.axes or (_POINT,)
        outputs, inputs = tuple(axis.m for axis in axes), tuple(axis.n for axis in axes)
        row_sizes, column_sizes = (inputs, outputs) if transposed else (outputs, inputs)
        channels = (geometry.out_channels, geometry.in_channels)
        rows, columns = channels[::-1] if transposed else channels
        outer = tuple(_outer_rows(axis, transposed) for axis in axes[:-1])
        return cls(axes, outer, row_sizes, column_sizes, rows, columns // geometry.groups, geometry.groups, transposed)

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
    def entries(self) -> int:
        return self.row_channels * self.channel_entries

    @cached_property
    def column_strides(self) -> Ints:
        """Columns from one position to the next, per axis."""
        return tuple(prod(self.column_sizes[axis + 1 :]) for axis in range(len(self.axes)))

    def blocks(self) -> Iterator[_Block]:
        """Yield the blocks of lines that are written together, leaving out empty ones."""
        inner = [prod(map(axis_entries, self.axes[a:])) * self.column_channels for a in range(1, len(self.axes))]
        outer = []
        for number, (rows, entries) in enumerate(zip(self.outer, inner, strict=True)):
            stretched = self._inner(number + 1) if any(_is_stretch(run) for part in rows for run in part.runs) else None
            outer.append(_paired(_lines(rows, entries, stretched), _BATCH // max(1, entries)))
        for lines, stretch in _products(outer):
            offset, shape, strides, head = 0, [], [], 1
            for line, entries in zip(lines, inner, strict=False):
                rows, length = line.columns.shape
                offset += head * line.offset * entries
                shape += [line.repeats, rows]
                strides += [head * line.period_entries * entries, head * line.row_entries * entries]
                head *= length
            yield _Block(lines, stretch, offset, tuple(shape), tuple(strides), head * self.column_channels)

    def _inner(self, first: int) -> Inner | None:
        """Return all rows of the axes from `first` on, unless many of them need be listed."""
        rows, listed = [], 0
        for part in axis_rows(self.axes[first], self.transposed):
            listed += len(part.lengths)
            if listed > _FEW:
                return None
            rows.append(part)
        own = Inner.of(rows, self.column_strides[first])
        if first + 1 == len(self.axes):
            return own
        inner = self._inner(first + 1)
        both = own.times(inner) if inner else None
        return both if both and len(both.listed) <= _FEW and both.sizes.sum() <= _WIDE else None


def _outer_rows(axis: Axis, transposed: bool) -> tuple[AxisRows, ...]:
    # A dilation makes rows come in twos or threes that repeat; those of a long kernel are a stretch all the same.
    return tuple(axis_rows(axis, transposed, _SOME if axis.k >= _LONG else 0))


def _products(
    outer: Sequence[tuple[_Lines | Stretch, ...]], lines: tuple[_Lines, ...] = ()
) -> Iterator[tuple[tuple[_Lines, ...], Stretch | None]]:
    """Yield the products of the axes' lines; a stretch ends its product."""
    if len(lines) == len(outer):
        yield lines, None
        return
    for part in outer[len(lines)]:
        if isinstance(part, Stretch):
            yield lines, part
        else:
            yield from _products(outer, (*lines, part))


def _lines(parts: Iterable[AxisRows], inner: int, stretched: Inner | None) -> Iterator[_Lines | Stretch]:
    """Yield the rows of an outer axis, those that are written together as one.

    For one entry of the axis the matrix has `inner` entries; what these are on a stretch, if it may have any, is given.
    """
    offset = 0
    for part in parts:
        row = listed = 0
        for run in part.runs:
            lengths = part.lengths[row : row + run.rows]
            ends = np.cumsum([0, *lengths])
            here = stretched if _is_stretch(run) else None
            cuts = _stretch_cuts(run, inner, here) if here else _cuts(lengths, inner)
            for first, last in pairwise(cuts):
                begin, end = int(ends[first]), int(ends[last])
                if end == begin:
                    continue
                columns = part.columns[listed + begin : listed + end]
                taps = trimmed(part.taps[:, listed + begin : listed + end], part.k)
                if here:
                    yield Stretch(lengths[first:last], columns, taps, offset + begin, here)
                else:
                    shape = (last - first, -1)
                    taps = taps.reshape(len(taps), *shape)
                    columns = columns.reshape(shape)
                    yield _Lines(run.repeats, run.step, columns, taps, offset + begin, run.entries, columns.shape[1])
            row += run.rows
            listed += run.entries
            offset += run.repeats * run.entries


def _paired(lines: Iterable[_Lines | Stretch], most: int) -> tuple[_Lines | Stretch, ...]:
    """Return the lines, but rows with as many entries that stand alone, as do those at the two ends, two by two.

    Rows of more entries than `most` are so much work that nothing is gained.
    """
    alone: dict[tuple[int, ...], _Lines] = {}
    paired: list[_Lines | Stretch] = []
    for line in lines:
        key = line.taps.shape
        if isinstance(line, Stretch) or line.repeats > 1 or len(line.columns) > 1 or line.columns.size > most:
            paired.append(line)
        elif key not in alone:
            alone[key] = line
        else:
            first = alone.pop(key)
            columns = np.concatenate([first.columns, line.columns])
            taps = np.concatenate([first.taps, line.taps], 1)
            paired.append(first._replace(columns=columns, taps=taps, row_entries=line.offset - first.offset))
    return (*paired, *alone.values())


def _is_stretch(run: Run) -> bool:
    return run.repeats == 1 and run.rows >= _SOME and run.entries >= _LONG * run.rows


def _stretch_cuts(run: Run, inner: int, stretched: Inner) -> list[int]:
    """Return where a stretch is cut into some of about `_LISTED` listed entries."""
    channels = inner // max(1, stretched.entries)
    stretches = -(-run.entries * int(stretched.sizes.sum()) * channels // _LISTED)
    return [*range(0, run.rows, -(-run.rows // max(1, stretches))), run.rows]


def _cuts(lengths: NDArray[Any], inner: int) -> list[int]:
    """Return where rows are cut into some that have as many entries each, and at most `_BATCH` of the matrix."""
    if len(lengths) == 1:
        return [0, 1]
    alike = [0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(lengths)]
    cuts: list[int] = []
    for begin, end in pairwise(alike):
        cuts += range(begin, end, max(1, _BATCH // max(1, int(lengths[begin]) * inner)))
    return [*cuts, len(lengths)]


# --- row pointers ----------------------------------------------------------------------------------------------------


def _row_pointers(
    layout: _Layout, last: Sequence[tuple[tuple[Run, ...], NDArray[Any]]], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return the row pointers from the runs and row lengths of the last axis."""
    pointers = _axis_pointers(last, layout.row_sizes[-1], dtype)
    if layout.column_channels != 1:
        pointers *= layout.column_channels
    for parts, size in zip(layout.outer[::-1], layout.row_sizes[-2::-1], strict=True):
        outer = _axis_pointers([(part.runs, part.lengths) for part in parts], size, dtype)
        pointers = _product_pointers(outer, pointers)
    if layout.row_channels != 1:
        pointers = _product_pointers(np.arange(layout.row_channels + 1, dtype=dtype), pointers)
    return pointers


def _axis_pointers(
    parts: Sequence[tuple[tuple[Run, ...], NDArray[Any]]], rows: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return the number of entries before each row of an axis, and after the last."""
    pointers = np.zeros(rows + 1, dtype)
    ends, row, entries = pointers[1:], 0, 0
    for runs, lengths in parts:
        listed = 0
        for run in runs:
            period = (np.cumsum(lengths[listed : listed + run.rows]) + entries).astype(dtype)
            row = write_run(ends, row, period, run.repeats, run.entries)
            listed += run.rows
            entries += run.repeats * run.entries
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


def _grid(target: NDArray[Any], layout: _Layout, block: _Block, line: Line | StretchLine) -> NDArray[Any]:
    """Return a view of a block: row channels, the block's lines, entries of a line."""
    return np.ndarray(
        (layout.row_channels, *block.shape, block.head * line.entries),
        target.dtype,
        buffer=target.data,
        offset=(block.offset + block.head * line.offset) * target.itemsize,
        strides=tuple(step * target.itemsize for step in (layout.channel_entries, *block.strides, 1)),
    )


def _once(grid: NDArray[Any]) -> NDArray[Any]:
    """Return a block without the axes of its repeats."""
    return grid[(slice(None), *(0, slice(None)) * (grid.ndim // 2 - 1))]


def _for_repeats(lines: NDArray[Any]) -> NDArray[Any]:
    """Return lines with axes for their repeats."""
    return lines[(slice(None), *(None, slice(None)) * (lines.ndim - 2))]


def _write_columns(layout: _Layout, block: _Block, line: Line | StretchLine, indices: NDArray[Any]) -> None:
    dtype = indices.dtype
    channel = prod(layout.column_sizes)
    scaled = list(zip(block.lines, map(dtype.type, layout.column_strides), strict=False))
    parts = [np.arange(layout.column_channels, dtype=dtype) * dtype.type(channel)]
    parts += [lines.columns.astype(dtype) * stride for lines, stride in scaled]
    heads = _lines_first(reduce(np.add.outer, parts)[None], len(block.lines))
    # What is the same for all of a line: the columns of its group, and of its repeat.
    groups = np.arange(layout.groups, dtype=dtype) * dtype.type(layout.column_channels * channel)
    constants = np.repeat(groups, layout.row_channels // layout.groups)
    for lines, stride in scaled:
        repeats = np.arange(lines.repeats, dtype=dtype) * (dtype.type(lines.step) * stride)
        constants = np.add.outer(constants, repeats)[..., None]
    grid = _grid(indices, layout, block, line)
    segments = _once(grid) if constants.size == 1 else np.empty((1, *block.shape[1::2], grid.shape[-1]), dtype)
    line.write_columns(heads, segments)
    if constants.size > 1:
        np.add(constants[..., None], _for_repeats(segments), out=grid)


def _write_values(
    layout: _Layout, block: _Block, line: Line | StretchLine, values: NDArray[Any], data: NDArray[Any]
) -> None:
    for axis, lines in enumerate(block.lines):
        values = take(values, lines.taps, 2 + 2 * axis)
    values = _lines_first(values, len(block.lines))
    grid = _grid(data, layout, block, line)
    repeated = prod(block.shape[::2]) > 1
    # What is listed, or made once for all repeats, stays in the cache.
    if isinstance(line, StretchLine) and not repeated:
        most, size = _LISTED, line.listed_entries
    else:
        most, size = _BATCH, grid.shape[-1]
    some = max(1, most // (size * prod(block.shape[1::2])))
    for first in range(0, layout.row_channels, some):
        target = grid[first : first + some]
        segments = (
            np.empty((len(target), *block.shape[1::2], grid.shape[-1]), data.dtype) if repeated else _once(target)
        )
        line.write_values(values[first : first + some], segments)
        if repeated:
            target[...] = _for_repeats(segments)


def _lines_first(values: NDArray[Any], axes: int) -> NDArray[Any]:
    """Return (row channel, column channel, row, entry, row, entry ..., *taps) as (row channel, *rows, head, *taps)."""
    stop = 2 + 2 * axes
    rows, heads, taps = range(2, stop, 2), range(1, stop, 2), range(stop, values.ndim)
    shape = [values.shape[axis] for axis in (0, *rows)]
    return values.transpose(0, *rows, *heads, *taps).reshape(*shape, -1, *values.shape[stop:])


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
    for number, axis in enumerate(geometry.axes, 2):
        if folds(axis):
            values = _extended(values, axis, number)
    return values


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
