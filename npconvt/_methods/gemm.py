"""Convolution by matrix products of NumPy's BLAS: blocks that slide (``slide``), or one product a tap (``taps``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npconvt._arguments import work_dtype
from npconvt._axis import ZEROS, Axis, padding_source
from npconvt._geometry import ConvGeometry
from npconvt._methods import taps
from npconvt._methods.bands import Array, boxes
from npconvt._methods.pieces import Piece, cover, forward_pieces, transposed_pieces
from npconvt._methods.slide import Slide

EXACT_FLOAT = 2**53  # integers up to here, and sums of them, are exact in float64


@dataclass(frozen=True, slots=True)
class Plan:
    """How one direction is computed: ``taps``, ``scatter``, or a mode of ``slide`` with its tile sizes."""

    way: str
    tiles: tuple[int, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        tiles = f", tiles of {' x '.join(map(str, self.tiles))}" if prod(self.tiles) != 1 else ""
        return f"gemm ({self.way}{tiles})" + (f": {self.why}" if self.why else "")


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
        self.weight = grouped_weight(geometry, weight, transposed).astype(work, copy=False)
        zeros = tuple(a._replace(mode=ZEROS) for a in self.axes)
        self.sizes = geometry.input_size if transposed else geometry.output_size
        self.source_sizes = geometry.output_size if transposed else geometry.input_size
        self.slides: list[Slide] = []
        self.covered = False
        if plan.way not in ("taps", "scatter") and self.weight.size:
            pieces = pieces_of(self.axes, transposed, plan.tiles)
            source = zeros if transposed else self.axes
            self.slides = [Slide(piece, self.weight, source, plan.way) for piece in pieces]
            self.covered = cover(pieces, self.sizes)
        self.zeros = zeros

    def apply(self, source: Array, result: Array, bias: Array | None, *, finite: bool) -> None:
        """Write the contraction of the source (N, G, C, *) into the result (N, G, C', *), and add the bias (G, C')."""
        if not self.weight.size or not source.size:
            fill(result, bias)
            return
        if self.plan.way == "taps" or not finite:
            contract = taps.transpose if self.transposed else taps.forward
            contract(self.zeros if self.transposed else self.axes, self.weight, source, result, bias)
        elif self.plan.way == "scatter":
            fill(result, bias)
            taps.scatter(self.zeros, self.weight, source, result)
        else:
            if not self.covered:
                fill(result, bias)
            for slide in self.slides:
                slide.apply(source, result, bias)
        if self.transposed and self.axes and self.axes[0].mode != ZEROS:
            self._fold(source, result)

    def _fold(self, source: Array, result: Array) -> None:
        """Add what lands on the padding where the padding took its values from."""
        groups, rows, sources = self.weight.shape[:3]
        size = groups * (3 * rows + sources) * self.work.itemsize
        segments = [[(0, a.n), (-max(a.lo, 0), 0), (a.n, a.n + max(a.hi, 0))] for a in self.axes]
        for outer in list(product(*segments))[1:]:
            sizes = tuple(end - begin for begin, end in outer)
            for (low, high), *box in boxes((len(source), *sizes), lambda part: size * prod(part)):
                bounds = [(begin + b, begin + e) for (begin, _), (b, e) in zip(outer, box, strict=True)]
                inside = tuple(a._replace(n=e - b, lo=a.lo + b) for a, (b, e) in zip(self.zeros, bounds, strict=True))
                strip = np.empty((high - low, groups, rows, *(a.n for a in inside)), self.work)
                taps.transpose(inside, self.weight, source[low:high], strip, None)
                places = [
                    [p if 0 <= p < a.n else padding_source(a, p) for p in range(*bound)]
                    for a, bound in zip(self.axes, bounds, strict=True)
                ]
                target = result[low:high]
                where = np.ix_(*(range(n) for n in target.shape[:3]), *places)
                np.add.at(target, where, strip.astype(result.dtype, copy=False))


def pieces_of(axes: tuple[Axis, ...], transposed: bool, tiles: tuple[int, ...]) -> list[Piece]:
    """The pieces of a plan's tiles."""
    return transposed_pieces(axes, tiles) if transposed else forward_pieces(axes, tiles[0])


def grouped_weight(geometry: ConvGeometry, weight: Array, transposed: bool) -> Array:
    """The weight as (groups, channels of the result, channels of the source, *kernel)."""
    g = geometry.groups
    shape = (g, geometry.out_channels // g, geometry.in_channels // g, *geometry.kernel_size)
    parted = weight.reshape(shape)
    return parted.swapaxes(1, 2) if transposed else parted


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


class GemmRoad:
    """A geometry and a weight, to be applied by matrix products. Safe to share between threads."""

    def __init__(
        self, geometry: ConvGeometry, weight: NDArray[Any], dtype: np.dtype[Any], plans: tuple[Plan, Plan]
    ) -> None:
        self.geometry = with_axis(geometry)
        self.shapes = (geometry.output_size, geometry.input_size)
        self.weight = weight
        self.dtype = dtype
        self.plans = plans
        self.finite_weight = is_finite(weight)
        self.directions: dict[tuple[bool, np.dtype[Any]], Direction] = {}

    def forward(self, x: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return A x for each image."""
        return self._apply(x, bias, False)

    def transpose(self, y: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the transpose of A times y for each image."""
        return self._apply(y, bias, True)

    def _apply(self, source: Array, bias: Array | None, transposed: bool) -> Array:
        g = self.geometry
        channels = g.in_channels if transposed else g.out_channels
        sizes = g.input_size if transposed else g.output_size
        terms = prod(g.kernel_size) * (g.out_channels if transposed else g.in_channels) // g.groups
        direction = self._direction(transposed, summing_dtype(self.dtype, source, self.weight, terms))
        # What lands on the padding is added to the result, which must not be float16 then.
        folds = transposed and g.padding_mode != ZEROS and self.dtype == np.float16
        dtype = direction.work if folds else self.dtype
        result = np.empty((len(source), g.groups, channels // g.groups, *sizes), dtype)
        parted = source.reshape(len(source), g.groups, source.shape[1] // g.groups, *direction.source_sizes)
        grouped_bias = None if bias is None else bias.reshape(g.groups, -1)
        finite = self.finite_weight and is_finite(source)
        direction.apply(parted, result, grouped_bias, finite=finite)
        return result.reshape(len(source), channels, *self.shapes[transposed]).astype(self.dtype, copy=False)

    def _direction(self, transposed: bool, work: np.dtype[Any]) -> Direction:
        key = (transposed, work)
        found = self.directions.get(key)
        if found is None:
            found = Direction(self.geometry, self.weight, work, transposed, self.plans[transposed])
            self.directions[key] = found
        return found


def weight_gradient(geometry: ConvGeometry, x: NDArray[Any], y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the gradient of <y, A(w) x>, summed over the images, in w."""
    g = with_axis(geometry)
    work = summing_dtype(dtype, x, y, len(x) * prod(g.output_size))
    parted_x = x.reshape(len(x), g.groups, g.in_channels // g.groups, *g.input_size)
    parted_y = y.reshape(len(y), g.groups, g.out_channels // g.groups, *g.output_size)
    gradient = taps.weight_gradient(g.axes, parted_x, parted_y, g.kernel_size, work)
    shape = (g.out_channels, g.in_channels // g.groups, *geometry.kernel_size)
    return gradient.reshape(shape).astype(dtype, copy=False)


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
    return all(bool(np.isfinite(part).all()) for part in values) if values.ndim else bool(np.isfinite(values))
