"""Convolution by matrix products of NumPy's BLAS.

Blocks that slide (``slide``), images that are shifted (``flat``), or one product a tap (``taps``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npconvt._arguments import work_dtype
from npconvt._axis import REPLICATE, ZEROS, Axis, padding_source
from npconvt._geometry import ConvGeometry
from npconvt._matrix import build
from npconvt._methods import taps
from npconvt._methods.bands import BAND_BYTES, MAX_BYTES, Arena, Array, arena, boxes
from npconvt._methods.cost import Task, together
from npconvt._methods.flat import COPIES, Flat, Shifted, Weighted, is_flat, natural_block, weighted_workspace, workspace
from npconvt._methods.pieces import Piece, cover, forward_pieces, transposed_pieces
from npconvt._methods.slide import MODES, Channels, Layout, Slide, layout, packed
from npconvt._methods.sums import shifts
from npconvt._methods.together import Together, with_images

CHECKED = 2**20  # elements looked at in one go
MIN_BLOCK = 32  # channels of a block of the result
KEPT = 4  # directions, each with a weight packed its own way: two batch sizes, there and back
EXACT_FLOAT = 2**53  # integers up to here, and sums of them, are exact in float64


@dataclass(frozen=True, slots=True)
class Plan:
    """How one direction is computed.

    ``taps``, ``scatter``, ``dense``, ``pointwise``, ``weighted``, ``flat`` with the number of axes that are summed,
    ``together`` with the number of blocks of channels too, or a mode of ``slide`` with its tile sizes.
    """

    way: str
    tiles: tuple[int, ...] = ()
    summed: int = 0
    blocks: int = 1
    why: str = field(default="", compare=False)

    def __str__(self) -> str:
        detail = f", tiles of {' x '.join(map(str, self.tiles))}" if prod(self.tiles) != 1 else ""
        if self.way in ("flat", "together"):
            detail = ", taps gathered" if not self.summed else f", taps of {self.summed} axes summed"
            detail = detail.replace("1 axes", "1 axis")
        return f"gemm ({self.way}{detail})" + (f": {self.why}" if self.why else "")


class Direction:
    """One direction of a geometry with a weight in one dtype, packed as its plan wants it."""

    def __init__(
        self, geometry: ConvGeometry, weight: Array, work: np.dtype[Any], transposed: bool, plan: Plan
    ) -> None:
        self.geometry = geometry
        self.axes = geometry.axes
        self.transposed = transposed
        self.plan = plan
        self.work = work
        self.given = grouped_weight(geometry, weight, transposed)
        self.zeros = self.axes if geometry.padding_mode == ZEROS else tuple(a._replace(mode=ZEROS) for a in self.axes)
        self.sizes = geometry.input_size if transposed else geometry.output_size
        self.source_sizes = geometry.output_size if transposed else geometry.input_size
        self.ways: list[Slide | Shifted | Together] = []
        self.covered = self.pads = False
        self.has_zeros = plan.way == "dense"
        if plan.way == "dense":
            entries = np.zeros(weight.size + 1, work)
            entries[1:] = weight.reshape(-1)
            self.dense = entries[entry_numbers(geometry)]
        elif plan.way in MODES and self.given.size:
            self._slide()
        elif plan.way in ("flat", "together", "weighted") and self.given.size:
            way = self._shifted()
            self.ways.append(way)
            self.covered, self.pads = way.covers, way.pads

    @cached_property
    def weight(self) -> Array:
        """The weight (G, C', C, *kernel) in the work dtype, for the ways that do not pack it."""
        return self.given.astype(self.work, copy=False)

    def _multiply(self, source: Array, result: Array, bias: Array | None) -> None:
        """Multiply by the whole kernel matrix."""
        matrix = self.dense if self.transposed else self.dense.T
        values = np.matmul(source.reshape(len(source), -1).astype(self.work, copy=False), matrix).reshape(result.shape)
        exact = result.dtype.kind in "iu"
        if bias is not None and not exact:
            values += bias.reshape(*bias.shape, *(1,) * len(self.axes))
        np.copyto(result, values, casting="unsafe")
        if bias is not None and exact:
            result += bias.reshape(*bias.shape, *(1,) * len(self.axes))

    def _as_it_lies(self, source: Array) -> bool:
        """Whether BLAS takes the source without a copy, which could be of any size."""
        return source.dtype == self.work and is_flat(source)

    def _pointwise(self, source: Array, result: Array, bias: Array | None) -> None:
        """Multiply all positions by the weight."""
        flat = result.reshape(*result.shape[:3], -1)
        np.matmul(self.weight.reshape(self.weight.shape[:3]), source.reshape(*source.shape[:3], -1), out=flat)
        if bias is not None:
            flat += bias[..., None]

    def _shifted(self) -> Shifted | Together:
        """Pack the weight for shifted images."""
        axes, plan = self.zeros if self.transposed else self.axes, self.plan
        if plan.way == "weighted":
            return Weighted(axes, self.transposed, self.given, self.work)
        if plan.way == "flat":
            return Flat(axes, self.transposed, plan.summed, self.given, self.work)
        return Together(axes, self.transposed, plan.summed, plan.blocks, self.given, self.work)

    def _slide(self) -> None:
        """Pack the weight for each piece of the plan."""
        groups, results, sources, *kernel = self.given.shape
        pieces = pieces_of(self.axes, self.transposed, self.plan.tiles)
        sides = source_axes(self.axes) if self.transposed else self.axes
        base = None
        for piece in pieces:
            channels = Channels(groups, results, sources)
            how = layout(piece, self.plan.way, channels, sides, self.sizes, self.work, self.transposed)
            if how.natural:
                block = natural_block(self.weight, self.transposed)
                block = block[None] if how.mode == "slabs" else block
            else:
                base = kernel_first(self.given, self.work, self.transposed) if base is None else base
                block = packed(base, how, tuple(kernel), self.transposed)
            self.ways.append(Slide(how, block))
            self.has_zeros |= how.has_zeros
            self.pads |= how.pads
        self.covered = cover(pieces, self.sizes)

    def apply(self, source: Array, result: Array, bias: Array | None, arena: Arena, *, finite: bool) -> None:
        """Write the contraction of the source (N, G, C, *) into the result (N, G, C', *), and add the bias (G, C')."""
        if not self.given.size or not source.size:
            fill(result, bias)
            return
        one_by_one = self.plan.way == "taps" or not finite
        if one_by_one or (self.plan.way == "pointwise" and not self._as_it_lies(source)):
            contract = taps.transpose if self.transposed else taps.forward
            contract(self.zeros if self.transposed else self.axes, self.weight, source, result, bias, arena)
        elif self.plan.way == "scatter":
            fill(result, bias)
            taps.scatter(self.zeros, self.weight, source, result, arena)
        elif self.plan.way == "dense":
            self._multiply(source, result, bias)
        elif self.plan.way == "pointwise":
            self._pointwise(source, result, bias)
        else:
            if not self.covered:
                fill(result, bias)
            for way in self.ways:
                way.apply(source, result, bias, arena)
        if self.transposed and self.axes and self.axes[0].mode != ZEROS:
            self._fold(source, result, arena)

    def _fold(self, source: Array, result: Array, arena: Arena) -> None:
        """Add what lands on the padding where the padding took its values from."""
        groups, rows, sources = self.given.shape[:3]
        size = groups * (3 * rows + sources) * self.work.itemsize
        segments = [[(0, a.n), (-max(a.lo, 0), 0), (a.n, a.n + max(a.hi, 0))] for a in self.axes]
        for outer in list(product(*segments))[1:]:
            sizes = tuple(end - begin for begin, end in outer)
            for (low, high), *box in boxes((len(source), *sizes), lambda part: size * prod(part)):
                bounds = [(begin + b, begin + e) for (begin, _), (b, e) in zip(outer, box, strict=True)]
                inside = tuple(a._replace(n=e - b, lo=a.lo + b) for a, (b, e) in zip(self.zeros, bounds, strict=True))
                strip = np.empty((high - low, groups, rows, *(a.n for a in inside)), self.work)
                taps.transpose(inside, self.weight, source[low:high], strip, None, arena)
                places = [
                    [p if 0 <= p < a.n else padding_source(a, p) for p in range(*bound)]
                    for a, bound in zip(self.axes, bounds, strict=True)
                ]
                target = result[low:high]
                where = np.ix_(*(range(n) for n in target.shape[:3]), *places)
                np.add.at(target, where, strip.astype(result.dtype, copy=False))


def pieces_of(axes: tuple[Axis, ...], transposed: bool, tiles: tuple[int, ...]) -> tuple[Piece, ...]:
    """The pieces of a plan's tiles."""
    return transposed_pieces(axes, tiles) if transposed else forward_pieces(axes, tiles)


def grouped_weight(geometry: ConvGeometry, weight: Array, transposed: bool) -> Array:
    """The weight as (groups, channels of the result, channels of the source, *kernel)."""
    g = geometry.groups
    shape = (g, geometry.out_channels // g, geometry.in_channels // g, *geometry.kernel_size)
    parted = weight.reshape(shape)
    return parted.swapaxes(1, 2) if transposed else parted


def kernel_first(weight: Array, dtype: np.dtype[Any], swapped: bool) -> Array:
    """The weight (G, C', C, *kernel) as (taps + 1, G, C', C), or channels swapped, with a block of zeros last."""
    if swapped:
        weight = weight.swapaxes(1, 2)
    flat = weight.reshape(*weight.shape[:3], -1)
    base = np.empty((flat.shape[3] + 1, *flat.shape[:3]), dtype)
    base[:-1] = flat.transpose(3, 0, 1, 2)
    base[-1] = 0
    return base


@lru_cache(maxsize=128)
def entry_numbers(geometry: ConvGeometry) -> Array:
    """Which weight, counted from 1, each entry of the kernel matrix is; 0 where there is none."""
    numbers = np.arange(1, prod(geometry.weight_shape) + 1).reshape(geometry.weight_shape)
    return build(geometry, numbers).toarray().astype(np.intp)


def fits_pointwise(geometry: ConvGeometry, dtype: np.dtype[Any]) -> bool:
    """Whether every output sees the input that stands in its place, and BLAS has the dtype."""
    return (
        work_dtype(dtype) == dtype
        and dtype.kind in "fc"
        and all(a.k == 1 and a.n == a.m and a.lo == 0 and (a.s == 1 or a.m == 1) for a in geometry.axes)
    )


def fits_flat(task: Task, summed: int) -> bool:
    """Whether the smallest band of a flat plan keeps to the bound on workspace."""
    plan = shifts(task.axes, task.transposed, summed)
    if not all(side.phases for side in plan.sides):
        return False
    return workspace(plan, (task.results, task.sources), max(COPIES), 1, 1, 1) * task.dtype.itemsize <= MAX_BYTES // 2


def together_blocks(task: Task, summed: int) -> int:
    """Into how many blocks of channels a flat plan with the images as an axis cuts its result; 0 if it cannot be."""
    most = max(1, task.results // MIN_BLOCK)
    blocks = 1
    while blocks < most and _band_bytes(together(task, blocks), summed) > BAND_BYTES:
        blocks *= 2
    return blocks if fits_flat(together(task, blocks), with_images(summed)) else 0


def _band_bytes(task: Task, summed: int) -> int:
    plan = shifts(task.axes, task.transposed, with_images(summed))
    count = task.axes[0].n
    copies = COPIES[task.axes[0].mode != ZEROS]
    return workspace(plan, (task.results, task.sources), copies, 1, 1, count) * task.dtype.itemsize


def fits_weighted(task: Task) -> bool:
    """Whether there is one channel to weight, in rows, and the smallest band keeps to the bound on workspace."""
    plan = shifts(task.axes, task.transposed, 1)
    if task.sources > 1 or len(task.axes) == 1 or not all(side.phases for side in plan.sides):
        return False
    return (
        weighted_workspace(plan, (task.results, task.sources), max(COPIES), 1, 1, 1) * task.dtype.itemsize
        <= MAX_BYTES // 2
    )


def fits(task: Task, way: str, pieces: tuple[Piece, ...]) -> bool:
    """Whether the smallest band of each piece, and the packed weight, keep to the bound on workspace."""
    channels = Channels(task.groups, task.results, task.sources)
    ones = (1,) * len(task.axes)
    for piece in pieces:
        tile = Layout(piece, way, channels, task.axes, ones, task.dtype, False, False, False)
        if tile.bytes(1, 1, *ones) > MAX_BYTES // 2:
            return False
    blocks = sum(prod(piece.tiles) * prod(piece.windows) for piece in pieces)
    weights = task.groups * task.results * task.sources * task.dtype.itemsize
    return blocks <= 2 * task.taps or blocks * weights <= MAX_BYTES // 4


@lru_cache(maxsize=256)
def source_axes(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Axes whose n is the size of the source of the transposed direction."""
    return tuple(a._replace(n=a.m, mode=ZEROS) for a in axes)


def folded(values: Array, axes: tuple[Axis, ...]) -> Array:
    """Add what stands on the padding of (N, C, *padded) to where the padding took it from; returns (N, C, *n)."""
    for number, axis in enumerate(axes, 2):
        before, after = max(axis.lo, 0), max(axis.hi, 0)
        lines = np.moveaxis(values, number, 0)
        for first, count in ((-before, before), (axis.n, after)):
            if count:
                strip = lines[before + first : before + first + count]
                # One input position for all, or as many side by side, in this order or in the other.
                begin, end = (before + padding_source(axis, p) for p in (first, first + count - 1))
                if axis.mode == REPLICATE:
                    lines[begin] += strip.sum(axis=0)
                elif begin <= end:
                    lines[begin : end + 1] += strip
                else:
                    lines[end : begin + 1] += strip[::-1]
        values = np.moveaxis(lines[before : before + axis.n], 0, number)
    return values


def fill(result: Array, bias: Array | None) -> None:
    """Set a result (N, G, C', *) to the bias, or to zero."""
    result[...] = 0 if bias is None else bias.reshape(*bias.shape, *(1,) * (result.ndim - 3))


def with_axis(geometry: ConvGeometry) -> ConvGeometry:
    """The geometry, with one axis of one position where it has none, and stride 1 where no step is taken."""
    if geometry.ndim:
        # The stride of a single window is free, so it may be longer than any array.
        stride = tuple(s if m > 1 else 1 for s, m in zip(geometry.stride, geometry.output_size, strict=True))
        return geometry if stride == geometry.stride else replace(geometry, stride=stride)
    return replace(
        geometry, input_size=(1,), output_size=(1,), kernel_size=(1,), stride=(1,), padding=((0, 0),), dilation=(1,)
    )


def by_taps(geometry: ConvGeometry, dtype: np.dtype[Any], batch: int, transposed: bool) -> Plan:
    """The plan that multiplies nothing by a zero that is not in the arrays."""
    return Plan("taps")


class GemmRoad:
    """A geometry and a weight, to be applied by matrix products. Safe to share between threads."""

    def __init__(
        self,
        geometry: ConvGeometry,
        weight: NDArray[Any],
        dtype: np.dtype[Any],
        plan: Callable[[ConvGeometry, np.dtype[Any], int, bool], Plan],
    ) -> None:
        self.geometry = with_axis(geometry)
        self.shapes = (geometry.output_size, geometry.input_size)
        self.weight = weight
        self.dtype = dtype
        self.plan = plan
        self.directions: dict[tuple[bool, np.dtype[Any], Plan], Direction] = {}

    def forward(self, x: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return A x for each image."""
        return self._apply(x, bias, False)

    def transpose(self, y: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the transpose of A times y for each image."""
        road = self.padded
        if road is None:
            return self._apply(y, bias, True)
        g = self.geometry
        result = np.empty((len(y), g.in_channels, *g.input_size), self.dtype)
        size = g.in_channels * prod(road.geometry.input_size) * road.dtype.itemsize
        step = max(1, MAX_BYTES // 4 // max(size, 1))
        for low in range(0, len(y), step):
            image = folded(road.transpose(y[low : low + step]), g.axes)
            if bias is not None:
                image += bias.reshape(-1, *(1,) * g.ndim)
            np.copyto(result[low : low + step], image, casting="unsafe")
        return result

    @cached_property
    def padded(self) -> GemmRoad | None:
        """The road over the padded input, whose transpose leaves what lands on the padding to be added to the input.

        None where there is no such padding, or where an image with its padding takes too much workspace.
        """
        g = self.geometry
        before, after = zip(*((max(lo, 0), max(hi, 0)) for lo, hi in g.padding), strict=True)
        if g.padding_mode == ZEROS or not (any(before) or any(after)):
            return None
        size = tuple(lo + n + hi for lo, n, hi in zip(before, g.input_size, after, strict=True))
        dtype = work_dtype(self.dtype)
        if g.in_channels * prod(size) * dtype.itemsize > MAX_BYTES // 2:
            return None
        crops = tuple((min(lo, 0), min(hi, 0)) for lo, hi in g.padding)
        geometry = replace(g, input_size=size, padding=crops, padding_mode=ZEROS)
        return GemmRoad(geometry, self.weight, dtype, self.plan)

    def _apply(self, source: Array, bias: Array | None, transposed: bool) -> Array:
        g = self.geometry
        channels = g.in_channels if transposed else g.out_channels
        sizes = g.input_size if transposed else g.output_size
        terms = prod(g.kernel_size) * (g.out_channels if transposed else g.in_channels) // g.groups
        direction = self._direction(transposed, summing_dtype(self.dtype, source, self.weight, terms), len(source))
        # What lands on the padding is added to the result, which must not be float16 then.
        folds = transposed and g.padding_mode != ZEROS and self.dtype == np.float16
        dtype = direction.work if folds else self.dtype
        result = np.empty((len(source), g.groups, channels // g.groups, *sizes), dtype)
        parted = source.reshape(len(source), g.groups, source.shape[1] // g.groups, *direction.source_sizes)
        grouped_bias = None if bias is None else bias.reshape(g.groups, -1)
        # Zeros of a block meet the source, zeros of the padding meet the weight.
        finite = (not direction.has_zeros or is_finite(source)) and (not direction.pads or self.finite_weight)
        with arena() as workspace:
            direction.apply(parted, result, grouped_bias, workspace, finite=finite)
        return result.reshape(len(source), channels, *self.shapes[transposed]).astype(self.dtype, copy=False)

    @cached_property
    def finite_weight(self) -> bool:
        """Whether no weight is NaN or infinite."""
        return is_finite(self.weight)

    def _direction(self, transposed: bool, work: np.dtype[Any], batch: int) -> Direction:
        plan = self.plan(self.geometry, self.dtype, batch, transposed)
        found = self.directions.get((transposed, work, plan))
        if found is None:
            found = Direction(self.geometry, self.weight, work, transposed, plan)
            self.directions[transposed, work, plan] = found
            for oldest in list(self.directions)[:-KEPT]:
                self.directions.pop(oldest, None)  # unless another thread has
        return found


def weight_gradient(geometry: ConvGeometry, x: NDArray[Any], y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the gradient of <y, A(w) x>, summed over the images, in w."""
    g = with_axis(geometry)
    work = summing_dtype(dtype, x, y, len(x) * prod(g.output_size))
    parted_x = x.reshape(len(x), g.groups, g.in_channels // g.groups, *g.input_size)
    parted_y = y.reshape(len(y), g.groups, g.out_channels // g.groups, *g.output_size)
    gradient = np.zeros((g.groups, parted_y.shape[2], parted_x.shape[2], *g.kernel_size), dtype)
    if gradient.size and x.size and y.size:
        with arena() as workspace:
            finite = is_finite(parted_y)
            taps.weight_gradient(g.axes, parted_x, parted_y, gradient, work, workspace, finite=finite)
    return gradient.reshape(g.out_channels, parted_x.shape[2], *geometry.kernel_size)


def summing_dtype(dtype: np.dtype[Any], a: Array, b: Array, terms: int) -> np.dtype[Any]:
    """The dtype to sum in: BLAS has floats only, which are exact for integers as long as no sum can reach 2**53."""
    work = work_dtype(dtype)
    if work.kind not in "iu" or not (a.size and b.size):
        return work
    return np.dtype(np.float64) if terms * _largest(a) * _largest(b) < EXACT_FLOAT else work


def _largest(values: Array) -> int:
    return max(int(values.max()), -int(values.min()))


def is_finite(values: Array) -> bool:
    """Whether no element is NaN or infinite."""
    if values.dtype.kind not in "fc":
        return True
    if values.flags.c_contiguous and values.dtype.char in "fdFD":
        flat = values.reshape(-1)
        if np.isfinite(flat.dot(flat)):  # the fast way; the sum may overflow where no element is infinite
            return True
    if values.size <= CHECKED or values.ndim == 0:
        return bool(np.isfinite(values).all())
    parts = values if len(values) <= CHECKED else np.array_split(values, -(-len(values) // CHECKED))
    return all(map(is_finite, parts))
