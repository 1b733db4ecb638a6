"""What a plan would take, by a model of copies, products and sums whose constants were measured.

The constants are nanoseconds on one machine; only their ratios matter for a choice, and they change little elsewhere.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from npconvt._axis import ZEROS, Axis
from npconvt._methods import taps
from npconvt._methods.bands import BAND_BYTES, WIDE
from npconvt._methods.flat import WEIGHTED_BYTES, is_natural, limit, weighted_workspace, workspace
from npconvt._methods.pieces import AxisPiece, Piece
from npconvt._methods.slide import FOLD
from npconvt._methods.sums import shifts
from npconvt._methods.together import batched, with_images

# Nanoseconds for each four bytes, or for each event.
COPY = 0.3  # along contiguous runs
COPY_ABREAST = 0.45  # a few elements at a time, side by side
COPY_STRIDED = 0.8  # one element at a time, as a stride wants it
RUN = 6.0  # to begin a run
COPY_FLAT = 0.3  # along whole images
SUM = 0.35
SUM_FLAT = 0.3
SUM_STRIDED = 1.2
PACK = 2.5  # of a weight, by numbers of taps
PACK_FLAT = 0.6  # in one copy
STEP = 25_000.0  # what Python takes for a band
CALL = 45_000.0
FLAT = 1.08  # on the whole of a flat plan: its rows begin anywhere
WEIGHT = 0.11  # of a term that is weighted and added
COPY_WEIGHTED = 0.2
BAND = 28_000.0  # what Python takes for a band of them
TAP = 6_000.0  # what Python takes for a shifted tap
PLACE = 4_000.0  # and for each place in a tile that is sorted into the result


class Product(NamedTuple):
    """Cost of a matrix product: of its beginning, of a float32 operation, and what short sides add to that."""

    begin: float
    flop: float
    rows: float
    columns: float
    inner: float


# OpenBLAS runs products of up to 10**6 terms on one core, without packing; larger ones on all (here two).
SMALL_TERMS = 10**6
SMALL = Product(60.0, 0.0058, 4.5, 2, 8)
LARGE = Product(12000.0, 0.0036, 24, 50, 18)


class Task(NamedTuple):
    """One direction of a geometry: the axes, channels of a group, and what is multiplied."""

    axes: tuple[Axis, ...]
    transposed: bool
    groups: int
    results: int
    sources: int
    batch: int
    dtype: np.dtype[np.generic]

    @property
    def words(self) -> float:
        """Size of an element in units of four bytes."""
        return self.dtype.itemsize / 4

    @property
    def taps(self) -> int:
        """Taps of the kernel."""
        return prod(a.k for a in self.axes)


def gemm_time(task: Task, stack: float, rows: float, inner: float, columns: float) -> float:
    """A stack of products of (rows, inner) and (inner, columns)."""
    if not rows * inner * columns:
        return 0.0
    kind = SMALL if rows * inner * columns <= SMALL_TERMS else LARGE
    complexity = 4 if task.dtype.kind == "c" else 1
    precision = task.words / (2 if complexity > 1 else 1) * complexity
    waste = (1 + kind.rows / rows) * (1 + kind.columns / columns) * (1 + kind.inner / inner)
    return stack * (kind.begin + 2.0 * rows * inner * columns * kind.flop * precision * waste)


def slide_time(task: Task, way: str, pieces: tuple[Piece, ...]) -> float:
    """A way of `slide` over the pieces."""
    packing = 0.0
    total = CALL
    for piece in pieces:
        block = task.results * task.sources * prod(piece.tiles) * prod(piece.windows) * task.groups
        natural = way == "columns" and prod(piece.tiles) == 1 if not task.transposed else prod(piece.windows) == 1
        packing += 0.0 if natural else PACK * task.words * block
        total += STEP + _piece_time(task, way, piece)
    return total + packing


def _piece_time(task: Task, way: str, piece: Piece) -> float:
    n, groups, words = task.batch, task.groups, task.words
    rows, positions = task.results * prod(piece.tiles), prod(piece.counts)
    inner = task.sources * prod(piece.windows)
    first, *others = piece.axes
    across = prod(piece.counts[1:])
    reach = (first.count - 1) * first.step + (first.window - 1) * first.dilation + 1
    sizes = [a.m if task.transposed else a.n for a in task.axes]
    direct = _is_direct(task, way, piece, others)
    padded = any(a.leaves(size) for a, size in zip(piece.axes, sizes, strict=True))
    total = n * groups * task.sources * prod(sizes) * COPY * words if padded else 0.0
    if way == "columns" and positions == 1:
        natural = task.results == 1 or (task.transposed and prod(piece.windows) == 1)
        total += 0.0 if natural else PLACE * prod(piece.tiles)
        return total + gemm_time(task, groups, n, inner, rows) + n * groups * (inner + rows) * COPY_STRIDED * words
    if way == "columns":
        copied = inner * positions
        folded = n > 1 and positions < FOLD and not direct
        total += gemm_time(task, groups if folded else n * groups, rows, inner, positions * (n if folded else 1))
        dense = prod(piece.windows) == 1 and all(a.step == 1 for a in piece.axes)
    else:
        copied = inner // first.window * reach * across
        dense = way == "slabs" and prod(piece.windows[1:]) == 1 and all(a.step == 1 for a in piece.axes)
        if way == "slabs":
            total += gemm_time(task, n * groups * first.window, rows, inner // first.window, positions)
            total += n * groups * (first.window - 1) * rows * positions * SUM * words
            copied *= 1 if first.step == 1 else 2  # sorted by phase
        else:
            total += gemm_time(task, n * groups * first.count, rows, inner, across)
    if not dense:
        total += n * groups * _copy_time(copied, task.sources * prod(sizes), piece.axes[-1], words)
    if not direct:
        total += PLACE * prod(piece.tiles)
        last = piece.axes[-1]
        copy = COPY if last.hop == 1 else COPY_ABREAST if last.tile == last.hop and last.hop >= WIDE else COPY_STRIDED
        total += n * groups * rows * positions * copy * words
    return total


def _is_direct(task: Task, way: str, piece: Piece, others: list[AxisPiece]) -> bool:
    first = piece.axes[0]
    if prod(piece.tiles[1:]) > 1 or any(a.hop > 1 for a in others):
        return False
    if way == "rows":
        return first.tile == 1 or task.results == 1
    return first.tile == 1 and first.hop == 1


def _copy_time(elements: int, once: int, last: AxisPiece, words: float) -> float:
    if last.step == 1:
        return elements * (COPY * words + RUN / last.count)
    if last.window < 3:
        return elements * COPY_STRIDED * words
    return once * COPY_STRIDED * words + elements * (
        COPY * words + RUN / last.count
    )  # sorted by phase once, then copied


def flat_time(task: Task, summed: int, *, as_they_lie: bool = True) -> float:
    """Shifted images, of which the taps of some axes are summed; BLAS may take the arrays as they lie, or may not."""
    plan = shifts(task.axes, task.transposed, summed)
    first, last = plan.sides[0], plan.sides[-1]
    n, words = task.batch * task.groups, task.words
    row = prod(side.pitch for side in plan.sides[1:])
    count = -(-first.result // first.hop)
    low, high = first.reach
    channels, item = (task.results, task.sources), task.dtype.itemsize
    sorted_first = any(s.step > 1 for s in plan.sides) or any(s.pitch > s.source for s in plan.sides[1:])
    copies = int(sorted_first or not is_zero_padded(task) or not as_they_lie)
    elements = workspace(plan, channels, copies, task.batch, task.groups, count)
    bands = max(1.0, elements * item / limit(plan, channels, item))
    cuts = max(1.0, bands / n)  # of an image
    tall = min(count + cuts * (high - low), cuts * -(-first.source // first.step)) if summed else count
    total = CALL + STEP * bands
    if copies:
        copy = COPY_STRIDED if sorted_first and last.step > 1 else COPY
        total += n * task.sources * len(plan.origins) * tall * row * copy * words
    for _, parts in plan.parts:
        for part in parts:
            rows, terms = part.rows * task.results, part.terms * task.sources
            total += gemm_time(task, n * cuts, rows, terms, tall * row / cuts)
            if part.terms > 1:
                total += n * terms * tall * row * COPY_FLAT * words
            total += bands * TAP * (sum(map(len, part.summed)) + part.terms)
            if part.rows > 1:
                total += n * task.results * count * row * part.rows * SUM_FLAT * words
    if not as_they_lie or any(s.hop > 1 for s in plan.sides) or any(s.pitch > s.result for s in plan.sides[1:]):
        copy = COPY_ABREAST if plan.abreast > 1 else COPY_STRIDED if last.hop > 1 else COPY
        total += n * task.results * prod(s.result for s in plan.sides) * copy * words
    weights = task.groups * task.results * task.sources * task.taps
    natural = is_natural(task.transposed, summed, len(task.axes))
    return FLAT * (total + (0.0 if natural else PACK_FLAT * words * weights))


def together_time(task: Task, summed: int, blocks: int) -> float:
    """A flat plan with the images as an axis, for blocks of the result one after the other."""
    return CALL + blocks * (flat_time(together(task, blocks), with_images(summed), as_they_lie=False) - CALL)


def together(task: Task, blocks: int) -> Task:
    """The task of a block of the result, with the images as an axis."""
    return task._replace(axes=batched(task.axes, task.batch), batch=1, results=-(-task.results // blocks))


def weighted_time(task: Task) -> float:
    """Shifted images that are weighted and added without a product."""
    plan = shifts(task.axes, task.transposed, 1)
    channels, item = (task.results, task.sources), task.dtype.itemsize
    n, words = task.batch * task.groups, task.words
    first, *others = plan.sides
    row = prod(side.pitch for side in others)
    count, height = -(-first.result // first.hop), -(-first.source // first.step)
    bytes_ = weighted_workspace(plan, channels, 1, task.batch, task.groups, count) * item
    total = CALL + BAND * max(1.0, bytes_ / WEIGHTED_BYTES)
    if any(s.step > 1 for s in plan.sides) or any(s.pitch > s.source for s in others):
        total += n * task.sources * len(plan.origins) * height * row * COPY_STRIDED * words
    for _, parts in plan.parts:
        for part in parts:
            total += n * task.sources * part.terms * height * row * COPY_WEIGHTED * words
            total += n * task.results * task.sources * part.terms * part.rows * count * row * WEIGHT * words
            total += TAP * (part.terms + part.rows)
    if any(s.hop > 1 for s in plan.sides) or any(s.pitch > s.result for s in others):
        stored = n * task.results * prod(s.result for s in plan.sides)
        total += stored * (COPY_STRIDED if plan.sides[-1].hop > 1 else COPY) * words
    return total


def scatter_time(task: Task) -> float:
    """One product for all taps, then a strided sum for each."""
    positions, rows = prod(a.m for a in task.axes), task.results * task.taps
    images = (
        1 if positions >= taps.FOLD else max(1, min(task.batch, BAND_BYTES // (rows * positions * task.dtype.itemsize)))
    )
    total = CALL + gemm_time(task, task.batch / images * task.groups, rows, task.sources, positions * images)
    total += task.batch * task.groups * rows * positions * (SUM_STRIDED * task.words + RUN / task.axes[-1].m)
    total += task.batch * task.groups * task.results * prod(a.n for a in task.axes) * COPY * task.words
    return total + task.taps * STEP / 3


def taps_time(task: Task) -> float:
    """One product and one sum for each tap."""
    positions = prod(a.m for a in task.axes)
    total = CALL + task.taps * gemm_time(task, task.batch * task.groups, task.results, task.sources, positions)
    moved = task.batch * task.groups * task.taps * positions * task.words
    total += moved * (task.sources * COPY_STRIDED + task.results * SUM_STRIDED)
    return total + task.taps * STEP


def is_zero_padded(task: Task) -> bool:
    """Whether padding adds nothing."""
    return all(a.mode == ZEROS for a in task.axes)
