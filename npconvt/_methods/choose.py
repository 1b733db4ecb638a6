"""Which way a call takes: decided by geometry, batch and dtype alone, so the same call always takes the same road."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from npconvt._arguments import check_inexact, check_padding_seen, work_dtype
from npconvt._axis import REPLICATE
from npconvt._geometry import ConvGeometry
from npconvt._methods import cost, fft, gemm, matrix
from npconvt._methods.cost import Task
from npconvt._methods.gemm import Plan, pieces_of
from npconvt._methods.slide import MODES

_SEEN = 64  # as much padding costs nothing worth a thought
DENSE_ENTRIES = 4096  # up to here, the whole kernel matrix is the quickest block


class Road(Protocol):
    """A geometry and a weight, prepared to be applied by one method, again and again."""

    def forward(self, x: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return A x for each image: shape (N, C_in, *sp) to (N, C_out, *sp)."""
        ...

    def transpose(self, y: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the transpose of A times y for each image: shape (N, C_out, *sp) to (N, C_in, *sp)."""
        ...


def prepare(
    geometry: ConvGeometry,
    weight: NDArray[Any],
    dtype: np.dtype[Any],
    *,
    method: str = "auto",
    call: str = "prepare",
) -> Road:
    """Return the road of a call whose result has the dtype; `call` starts error messages."""
    method = _admitted(call, geometry, method)
    if method == "matrix":
        return matrix.MatrixRoad(geometry, weight, dtype, call)
    if method == "fft":
        check_inexact(call, dtype)
        return fft.FftRoad(geometry, weight, dtype)
    return gemm.GemmRoad(geometry, weight, dtype, plan)


def describe(
    geometry: ConvGeometry, dtype: np.dtype[Any], *, method: str = "auto", batch: int = 1, transposed: bool = False
) -> str:
    """Return which road a call takes whose result has the dtype, and why; nothing is allocated."""
    admitted = _admitted("describe", geometry, method)
    if admitted != method:
        return f"{admitted}: the padding is wider than all windows together"
    if method in ("matrix", "fft"):
        return f"{method}: asked for by name"
    return str(plan(gemm.with_axis(geometry), dtype, batch, transposed))


def _admitted(call: str, geometry: ConvGeometry, method: str) -> str:
    """Return the method, but the matrix for "auto" where the others would lay out padding that no window looks at."""
    if method == "matrix" or geometry.padding_mode != REPLICATE:
        return method
    # The other padding modes have no more padding than input.
    unseen = any(max(a.lo, a.hi) > _SEEN + a.n + 4 * a.m * a.k for a in geometry.axes)
    if unseen and method != "auto":
        check_padding_seen(call, method, geometry.padding)
    return "matrix" if unseen else method


@lru_cache(maxsize=1024)
def plan(geometry: ConvGeometry, dtype: np.dtype[Any], batch: int, transposed: bool) -> Plan:
    """The plan with the least cost; `geometry` has at least one axis."""
    work = work_dtype(dtype)
    g = geometry
    channels = (g.out_channels // g.groups, g.in_channels // g.groups)
    results, sources = channels[::-1] if transposed else channels
    task = Task(g.axes, transposed, g.groups, results, sources, max(batch, 1), work)
    if not (results and sources):
        return Plan("taps", why="nothing to multiply")
    if gemm.fits_pointwise(g, dtype):
        return Plan("pointwise", why="a kernel of one tap")
    if cost.is_zero_padded(task) and prod(g.matrix_shape) <= DENSE_ENTRIES:
        return Plan("dense", why=f"a kernel matrix of {prod(g.matrix_shape)} entries")
    costs = [(cost.taps_time(task), Plan("taps"))]
    if transposed and dtype != np.float16:
        costs.append((cost.scatter_time(task), Plan("scatter")))
    for way, tiles in product(MODES, _tile_sizes(task)):
        pieces = pieces_of(g.axes, transposed, tiles)
        if gemm.fits(task, way, pieces) and (way != "rows" or all(piece.has_rows for piece in pieces)):
            costs.append((cost.slide_time(task, way, pieces), Plan(way, tiles)))
    sums = (summed for summed in range(g.ndim + 1) if gemm.fits_flat(task, summed))
    costs += [(cost.flat_time(task, summed), Plan("flat", summed=summed)) for summed in sums]
    if task.batch > 1:
        for summed in range(g.ndim + 1):
            blocks = gemm.together_blocks(task, summed)
            if blocks:
                costs.append((cost.together_time(task, summed, blocks), Plan("together", summed=summed, blocks=blocks)))
    if gemm.fits_weighted(task):
        costs.append((cost.weighted_time(task), Plan("weighted")))
    best, chosen = min(costs, key=lambda pair: pair[0])
    others = sorted((time, other.way) for time, other in costs if other.way != chosen.way)
    why = f"estimated {best / 1e6:.3g} ms" + (f", {others[0][1]} {others[0][0] / 1e6:.3g} ms" if others else "")
    return replace(chosen, why=why)


def _tile_sizes(task: Task) -> list[tuple[int, ...]]:
    """The tile sizes worth a thought."""
    axes = task.axes
    ones = (1,) * len(axes)
    base = tuple(a.s for a in axes) if task.transposed else ones
    sizes = [a.n for a in axes] if task.transposed else [a.m for a in axes]
    tiles = [base]
    if task.transposed and base != ones:
        tiles += [tuple(0 for _ in axes), (base[0], *(0 for _ in axes[1:])), (0, *base[1:])]
    if 4 < task.results <= 32:
        tiles += [(base[0] * t, *base[1:]) for t in (2, 4) if base[0] * t <= sizes[0]]
    if task.results <= 4:
        tiles += [(base[0] * t, *base[1:]) for t in (2, 4, 8, 16, 32) if base[0] * t <= sizes[0]]
    if prod(sizes) * task.results <= 2**14:
        tiles.append(tuple(-(-n // step) * step for n, step in zip(sizes, base, strict=True)))
    return tiles


def weight_gradient(
    geometry: ConvGeometry,
    x: NDArray[Any],
    y: NDArray[Any],
    dtype: np.dtype[Any],
    *,
    method: str = "auto",
    call: str = "weight_gradient",
) -> NDArray[Any]:
    """Return the gradient of <y, A(w) x>, summed over the images, in w: shape (C_out, C_in/groups, *k)."""
    method = _admitted(call, geometry, method)
    if method == "matrix":
        return matrix.weight_gradient(geometry, x, y, dtype)
    if method == "fft":
        check_inexact(call, dtype)
        return fft.weight_gradient(geometry, x, y, dtype)
    return gemm.weight_gradient(geometry, x, y, dtype)
