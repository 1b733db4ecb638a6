"""One product for each tap, over the positions where it meets the array: nothing is padded or multiplied by a zero.

That makes these the roads of NaN and inf, of the gradient in the weight, and of anything too large for a block. The
transposed direction also has the shorter way round: one product for all taps, then a sum for each (``scatter``).
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from npconvt._axis import ZEROS, Axis
from npconvt._methods.bands import Arena, Array, boxes, index, moved, shown

Taps = tuple[int, ...]
FOLD = 256  # positions


def _meets(axis: Axis, t: int, begin: int, end: int) -> range:
    """Outputs begin:end whose window puts tap t inside the input."""
    if axis.mode != ZEROS:
        return range(begin, end)
    first = max(begin, -((t * axis.d - axis.lo) // axis.s))
    return range(first, max(first, min(end, -((t * axis.d - axis.lo - axis.n) // axis.s))))


def _seen(images: Array, axes: tuple[Axis, ...], taps: Taps, outputs: list[range]) -> Array:
    """The input positions (..., *outputs) that the taps see from the outputs."""
    positions = [
        range(o.start * a.s + t * a.d - a.lo, (o.stop - 1) * a.s + t * a.d - a.lo + 1, a.s)
        for a, t, o in zip(axes, taps, outputs, strict=True)
    ]
    if axes[0].mode != ZEROS:
        return shown(images, axes, positions)
    seen: Array = images[index(..., *(slice(p.start, p.stop, p.step) for p in positions))]
    return seen


def forward(axes: tuple[Axis, ...], weight: Array, x: Array, result: Array, bias: Array | None, arena: Arena) -> None:
    """Write the convolution of x (N, G, C, *n) with weight (G, C', C, *k) into the result (N, G, C', *m)."""
    groups, rows, sources, *kernel = weight.shape
    size = groups * (2 * rows + sources) * weight.itemsize
    sizes = tuple(a.m for a in axes)
    for (low, high), *box in boxes((len(x), *sizes), lambda part: size * prod(part)):
        arena.reset()
        total = arena.empty((high - low, groups, rows, *(end - begin for begin, end in box)), weight.dtype)
        total[...] = 0
        taken = arena.used
        for taps in product(*map(range, kernel)):
            outputs = [_meets(a, t, *bounds) for a, t, bounds in zip(axes, taps, box, strict=True)]
            if all(outputs):
                arena.used = taken
                seen = arena.copied(_seen(x[low:high], axes, taps, outputs), weight.dtype)
                term = _product(weight[index(..., *taps)], seen, arena)
                place = [slice(o.start - b, o.stop - b) for o, (b, _) in zip(outputs, box, strict=True)]
                total[index(..., *place)] += term
        _store(total, result[index(slice(low, high), ..., *(slice(*bounds) for bounds in box))], bias)


def transpose(axes: tuple[Axis, ...], weight: Array, y: Array, result: Array, bias: Array | None, arena: Arena) -> None:
    """Write the transposed convolution of y (N, G, C, *m) with weight (G, C', C, *k) into the result (N, G, C', *n)."""
    groups, rows, sources, *kernel = weight.shape
    size = groups * (2 * rows + sources) * weight.itemsize
    for (low, high), *box in boxes((len(y), *(a.n for a in axes)), lambda part: size * prod(part)):
        arena.reset()
        total = arena.empty((high - low, groups, rows, *(end - begin for begin, end in box)), weight.dtype)
        total[...] = 0
        taken = arena.used
        inside = tuple(a._replace(n=e - b, lo=a.lo + b, mode=ZEROS) for a, (b, e) in zip(axes, box, strict=True))
        for taps in product(*map(range, kernel)):
            outputs = [_meets(a, t, 0, a.m) for a, t in zip(inside, taps, strict=True)]
            if all(outputs):
                arena.used = taken
                part = arena.copied(
                    y[index(slice(low, high), ..., *(slice(o.start, o.stop) for o in outputs))], weight.dtype
                )
                term = _product(weight[index(..., *taps)], part, arena)
                _seen(total, inside, taps, outputs)[...] += term
        _store(total, result[index(slice(low, high), ..., *(slice(*bounds) for bounds in box))], bias)


def scatter(axes: tuple[Axis, ...], weight: Array, y: Array, result: Array, arena: Arena) -> None:
    """Add the transposed convolution of y (N, G, C, *m) with weight (G, C', C, *k) to the result (N, G, C', *n)."""
    groups, rows, sources, *kernel = weight.shape
    columns = weight.swapaxes(1, 2).reshape(groups, sources, -1).swapaxes(1, 2)
    size = groups * (columns.shape[1] + sources) * weight.itemsize
    for (low, high), *box in boxes((len(y), *(a.m for a in axes)), lambda part: size * prod(part)):
        part = y[index(slice(low, high), ..., *(slice(*bounds) for bounds in box))]
        arena.reset()
        if len(part) > 1 and prod(part.shape[3:]) < FOLD:  # small images share a product
            part = moved(part, 0, 2)[None]
            terms = moved(_product(columns, part, arena)[0], 2, 0)
        else:
            terms = _product(columns, part, arena)
        terms = terms.reshape(*terms.shape[:2], rows, *kernel, *terms.shape[3:])
        for taps in product(*map(range, kernel)):
            outputs = [_meets(a, t, *bounds) for a, t, bounds in zip(axes, taps, box, strict=True)]
            if all(outputs):
                place = [slice(o.start - b, o.stop - b) for o, (b, _) in zip(outputs, box, strict=True)]
                target = _seen(result[low:high], axes, taps, outputs)
                np.add(target, terms[index(*(slice(None),) * 3, *taps, *place)], out=target, casting="unsafe")


def weight_gradient(
    axes: tuple[Axis, ...], x: Array, y: Array, kernel: Taps, work: np.dtype[Any], arena: Arena
) -> Array:
    """The sum over images and outputs of y times what each tap sees of x: (G, C', C, *k)."""
    groups, rows, sources = x.shape[1], y.shape[2], x.shape[2]
    gradient = np.zeros((groups, rows, sources, *kernel), work)
    if not gradient.size:
        return gradient
    size = groups * (rows + sources) * work.itemsize
    for (low, high), *box in boxes((len(x), *(a.m for a in axes)), lambda part: size * prod(part)):
        for taps in product(*map(range, kernel)):
            outputs = [_meets(a, t, *bounds) for a, t, bounds in zip(axes, taps, box, strict=True)]
            if all(outputs):
                part = y[index(slice(low, high), ..., *(slice(o.start, o.stop) for o in outputs))].astype(
                    work, copy=False
                )
                arena.reset()
                seen = arena.copied(_seen(x[low:high], axes, taps, outputs), work)
                terms = np.matmul(part.reshape(*part.shape[:3], -1), seen.reshape(*seen.shape[:3], -1).swapaxes(2, 3))
                gradient[index(..., *taps)] += terms.sum(axis=0)
    return gradient


def _product(matrix: Array, part: Array, arena: Arena) -> Array:
    """The matrix (G, rows, C) times the part (N, G, C, *positions): (N, G, rows, *positions)."""
    flat = part.astype(matrix.dtype, copy=False).reshape(*part.shape[:3], -1)
    out = arena.empty((*part.shape[:2], matrix.shape[1], flat.shape[3]), matrix.dtype)
    return np.matmul(matrix, flat, out=out).reshape(*out.shape[:3], *part.shape[3:])


def _store(total: Array, result: Array, bias: Array | None) -> None:
    """Cast a band into its place, and add the bias: before the cast of floats, after that of integers."""
    exact = result.dtype.kind in "iu"
    spread = None if bias is None else bias.reshape(*bias.shape, *(1,) * (total.ndim - 3))
    if spread is not None and not exact:
        total += spread
    np.copyto(result, total, casting="unsafe")
    if spread is not None and exact:
        result += spread
