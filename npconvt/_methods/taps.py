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
from npconvt._methods.bands import BAND_BYTES, Arena, Array, around, boxes, index, moved, shown
from npconvt._methods.slide import merged

Taps = tuple[int, ...]
FOLD = 256  # positions
LONG = 2**16  # positions that are worth the beginning of a copy


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
    axes: tuple[Axis, ...], x: Array, y: Array, gradient: Array, work: np.dtype[Any], arena: Arena, *, finite: bool
) -> None:
    """Write the sum over images and outputs of y times what each tap sees of x into the gradient (G, C', C, *k).

    Where y is finite, taps share a product, in which those that meet the padding see zeros.
    """
    every = list(product(*map(range, gradient.shape[3:])))
    by_tap = gradient.reshape(*gradient.shape[:3], len(every))  # a view: it is contiguous
    for box in boxes(by_tap.shape, lambda part: prod(part) * work.itemsize):
        groups, rows, sources, taps = (slice(*bounds) for bounds in box)
        sums = _gradient(axes, x[:, groups, sources], y[:, groups, rows], every[taps], work, arena, finite=finite)
        np.copyto(by_tap[groups, rows, sources, taps], sums, casting="unsafe")


def _gradient(
    axes: tuple[Axis, ...], x: Array, y: Array, taps: list[Taps], work: np.dtype[Any], arena: Arena, *, finite: bool
) -> Array:
    """The gradient of some taps, (G, C', C, taps)."""
    groups, rows, sources = x.shape[1], y.shape[2], x.shape[2]
    total = np.zeros((groups, rows, sources, len(taps)), work)
    long = groups * sources * min(LONG, prod(a.m for a in axes)) * work.itemsize
    together = max(1, min(len(taps), BAND_BYTES // max(1, long))) if finite else 1
    size = groups * (rows + sources * together) * work.itemsize
    for (low, high), *box in boxes((len(x), *(a.m for a in axes)), lambda part: size * prod(part)):
        outputs, lines, used = [range(*bounds) for bounds in box], None, 0
        for begin in range(0, len(taps), together):
            some = taps[begin : begin + together]
            if not finite:
                outputs = [_meets(a, t, *bounds) for a, t, bounds in zip(axes, some[0], box, strict=True)]
                if not all(outputs):
                    continue
            if lines is None or not finite:
                arena.reset()
                part = y[index(slice(low, high), ..., *(slice(o.start, o.stop) for o in outputs))]
                lines, used = _lines(part, work, arena), arena.used
            arena.used = used
            seen = arena.empty((groups, sources, len(some), high - low, *map(len, outputs)), work)
            for number, tap in enumerate(some):
                _look(moved(seen[:, :, number], 2, 0), x[low:high], axes, tap, outputs)
            columns = seen.reshape(groups, sources * len(some), -1).swapaxes(1, 2)
            terms = np.matmul(lines, columns)
            total[..., begin : begin + together] += terms.reshape(groups, rows, sources, len(some))
    return total


def _lines(images: Array, work: np.dtype[Any], arena: Arena) -> Array:
    """The images (N, G, C, *positions) as (G, C, N and positions): a sum over all of them is one product."""
    lines = moved(images, 0, 2)
    found = merged(lines, 2) if lines.dtype == work else None
    return arena.copied(lines, work).reshape(*lines.shape[:2], -1) if found is None else found


def _look(target: Array, images: Array, axes: tuple[Axis, ...], taps: Taps, outputs: list[range]) -> None:
    """Write what a tap sees from the outputs, and zeros where it is beside the images."""
    meets = [_meets(a, t, o.start, o.stop) for a, t, o in zip(axes, taps, outputs, strict=True)]
    if not all(meets):
        target[...] = 0
        return
    place = tuple((met.start - o.start, met.stop - o.start) for met, o in zip(meets, outputs, strict=True))
    for border in around(place, target.shape[-len(axes) :]):
        target[border] = 0
    np.copyto(
        target[index(..., *(slice(*cut) for cut in place))], _seen(images, axes, taps, meets), casting="same_kind"
    )


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
