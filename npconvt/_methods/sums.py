"""Taps as shifts between flattened images, and the sum of rows of a product that are shifted so.

With the positions of an image one after the other, row by row, a tap reads so many positions further on, the same for
the whole image. A stride is taken apart into phases, of the source of a convolution or of the result of its transpose,
between which taps are shifts again. What a shift carries over from one end of a line to the other is zeroed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from npconvt._axis import ZEROS, Axis
from npconvt._methods.bands import ALIGNMENT, WIDE, Arena, Array, index


class Link(NamedTuple):
    """A tap of an axis: position u of a phase of the result takes ``u + shift`` of a phase of the source."""

    tap: int
    origin: int
    phase: int
    shift: int


Links = tuple[Link, ...]


class Side(NamedTuple):
    """One axis: phase p of the source holds its positions ``p + step*q``, phase r of the result ``r + hop*u``."""

    links: Links  # in the order of the taps, so that those of one phase are as far apart as the next ones
    source: int  # size of the source, padding included unless it is zeros
    result: int
    step: int
    hop: int

    @property
    def pitch(self) -> int:
        """Positions that every phase is given."""
        return max(-(-self.source // self.step), -(-self.result // self.hop))

    @property
    def reach(self) -> tuple[int, int]:
        """The least and the largest shift."""
        return reach(self.links)

    @property
    def origins(self) -> list[int]:
        """The phases of the source that are read."""
        return sorted({link.origin for link in self.links})

    @property
    def phases(self) -> list[int]:
        """The phases of the result that have a tap and a position."""
        return sorted({link.phase for link in self.links if link.phase < self.result})


class Part(NamedTuple):
    """One product: the phases of the source along the summed axes, and the taps of each axis of either kind."""

    origin: tuple[int, ...]
    summed: tuple[Links, ...]
    gathered: tuple[Links, ...]

    @property
    def rows(self) -> int:
        """Number of summed taps."""
        return prod(map(len, self.summed))

    @property
    def terms(self) -> int:
        """Number of gathered taps."""
        return prod(map(len, self.gathered))


@dataclass(frozen=True)
class Shifts:
    """The taps of some axes as shifts. Made by `shifts`, which remembers it."""

    sides: tuple[Side, ...]
    steps: tuple[int, ...]  # how many flat positions a step along each axis is
    summed: int  # the number of axes whose taps are summed
    parts: tuple[tuple[tuple[int, ...], tuple[Part, ...]], ...]  # for each phase of the result along the gathered axes
    origins: tuple[tuple[int, ...], ...]
    bands: dict[tuple[Any, ...], list[Any]] = field(default_factory=dict, compare=False)  # remembered

    @cached_property
    def covers(self) -> bool:
        """Whether every position of the result has a tap."""
        return all(len(side.phases) == min(side.hop, side.result) for side in self.sides)

    @cached_property
    def abreast(self) -> int:
        """How many phases of the result along the last axis are written together: those of a wide stride, or one."""
        last = self.sides[-1]
        every = self.summed == len(self.sides) and len({link.phase for link in last.links}) == last.hop
        return last.hop if every and last.hop >= WIDE else 1

    @cached_property
    def pads(self) -> bool:
        """Whether zeros of the padding are multiplied."""
        return any(side.pitch * side.step > side.source for side in self.sides) or any(
            link.shift < 0 or link.shift + positions(side.result, side.hop, link.phase) > side.source // side.step
            for side in self.sides[self.summed :]
            for link in side.links
        )


def positions(n: int, step: int, phase: int) -> int:
    """How many of n positions a phase has."""
    return max(0, -(-(n - phase) // step))


def reach(links: Links) -> tuple[int, int]:
    """The least and the largest shift."""
    found = [link.shift for link in links]
    return min(found), max(found)


def _side(axis: Axis, transposed: bool) -> Side:
    n, m, k, s, d, lo, _, mode = axis
    if transposed:
        found = ((t, (t * d - lo) % s) for t in range(k))
        return Side(tuple(Link(t, 0, r, (r + lo - t * d) // s) for t, r in found), m, n, 1, s)
    lo = lo if mode == ZEROS else 0
    links = tuple(Link(t, (t * d - lo) % s, 0, (t * d - lo) // s) for t in range(k))
    return Side(links, n if mode == ZEROS else (m - 1) * s + (k - 1) * d + 1, m, s, 1)


@lru_cache(maxsize=512)
def shifts(axes: tuple[Axis, ...], transposed: bool, summed: int) -> Shifts:
    """The shifts of a direction whose first `summed` axes are summed."""
    sides = tuple(_side(axis, transposed) for axis in axes)
    over, along = sides[:summed], sides[summed:]
    parts = []
    for phases in product(*(side.phases for side in along)):
        gathered = tuple(_having(side.links, phase=r) for side, r in zip(along, phases, strict=True))
        origins = product(*(side.origins for side in over))
        parts.append(
            (
                phases,
                tuple(
                    Part(origin, tuple(_having(s.links, origin=o) for s, o in zip(over, origin, strict=True)), gathered)
                    for origin in origins
                ),
            )
        )
    steps = tuple(prod(side.pitch for side in sides[axis + 1 :]) for axis in range(len(sides)))
    return Shifts(sides, steps, summed, tuple(parts), tuple(product(*(side.origins for side in sides))))


def _having(links: Links, origin: int | None = None, phase: int | None = None) -> Links:
    return tuple(link for link in links if link.origin == origin or link.phase == phase)


def carried(flat: Array, plan: Shifts, axis: int, link: Link, *, summed: bool) -> Array | None:
    """What the tap would carry over from one end of the axis to the other, in flat positions (..., positions)."""
    side, shift, inner = plan.sides[axis], link.shift, plan.steps[axis]
    if shift == 0 or (shift > 0 and positions(side.result, side.hop, link.phase) <= side.pitch - shift):
        return None  # what is carried over meets nothing, or positions behind the result's last
    lines = flat.reshape(*flat.shape[:-1], flat.shape[-1] // (side.pitch * inner), side.pitch, inner)
    # A summed tap is cleared where it is read from, a gathered one where it is written to.
    if (shift < 0) == summed:
        return lines[..., max(0, side.pitch - abs(shift)) :, :]
    return lines[..., : abs(shift), :]


def clear(flat: Array, plan: Shifts, axis: int, link: Link, *, summed: bool) -> None:
    """Zero what the tap would carry over."""
    found = carried(flat, plan, axis, link, summed=summed)
    if found is not None:
        found[...] = 0


class Rows(NamedTuple):
    """Rows for a product, with as many zeros before and behind each as a shift may run over its ends."""

    values: Array  # (..., positions)
    memory: Array  # one axis: zeros, and then all rows
    start: int  # of the first row in the memory


class Stack(NamedTuple):
    """Terms of a sum (*lead, *taps, positions): to be added up over the axes of taps."""

    values: Array
    taps: int


def guarded(shape: tuple[int, ...], guard: int, dtype: np.dtype[np.generic], arena: Arena) -> Rows:
    """Rows (..., positions) of undefined content, with `guard` zeros around each."""
    *lead, length = shape
    unit = max(1, ALIGNMENT // dtype.itemsize)
    guard += -guard % unit
    pitch = length + guard + -length % unit
    memory: Array = arena.empty((guard + prod(lead) * pitch,), dtype)
    memory[:guard] = 0
    rows = memory[guard:].reshape(*lead, pitch)
    rows[..., length:] = 0
    return Rows(rows[..., :length], memory, guard)


def stacks(
    by_tap: Array, rows: Rows, summed: Sequence[Links], steps: Sequence[int], offset: int, wanted: int
) -> dict[tuple[int, ...], Stack]:
    """Views of a product's rows for each phase of the result, every tap shifted to where the result begins.

    ``by_tap`` (*lead, *taps, positions) are the rows, into whose zeros shifts may run; `steps` are flat positions for
    each axis, `offset` is added to all shifts, and `wanted` is the length of the result.
    """
    item, lead = by_tap.itemsize, by_tap.ndim - len(summed) - 1
    found = {}
    for phases in product(*(sorted({link.phase for link in links}) for links in summed)):
        shape, strides, start = list(by_tap.shape[:lead]), list(by_tap.strides[:lead]), (rows.start + offset) * item
        for links, phase, step, stride in zip(summed, phases, steps, by_tap.strides[lead:-1], strict=True):
            numbers = [number for number, link in enumerate(links) if link.phase == phase]
            first, second = numbers[0], numbers[min(1, len(numbers) - 1)]
            start += first * stride + links[first].shift * step * item
            shape.append(len(numbers))
            strides.append((second - first) * stride + (links[second].shift - links[first].shift) * step * item)
        values = np.ndarray((*shape, wanted), by_tap.dtype, rows.memory.data, start, (*strides, item))
        found[phases] = Stack(values, len(summed))
    return found


def add_up(terms: list[Stack], out: Array | None, arena: Arena, *, keep: bool) -> Array:
    """The sum of all taps of the stacks (*lead, positions), in `out` if it is given.

    A single term is returned as it is, unless it is to be kept from being written to: rows share their zeros.
    """
    terms = sorted(terms, key=lambda stack: -_count(stack))
    first = terms[0]
    if len(terms) == 1 and _count(first) == 1:
        only = _single(first)
        return arena.copied(only, only.dtype) if keep and first.taps else only
    lead = first.values.ndim - first.taps - 1
    shape = (*first.values.shape[:lead], first.values.shape[-1])
    total: Array = arena.empty(shape, first.values.dtype) if out is None else out
    if _count(first) > 1:
        _reduce(first, total)
        rest = terms[1:]
    else:
        np.add(_single(first), _single(terms[1]), out=total)
        rest = terms[2:]
    for stack in rest:
        if _count(stack) > 1:
            total += _reduce(stack, arena.empty(shape, total.dtype))
        else:
            total += _single(stack)
    return total


def _count(stack: Stack) -> int:
    return prod(stack.values.shape[-1 - stack.taps : -1])


def _single(stack: Stack) -> Array:
    values: Array = stack.values[index(..., *(0,) * stack.taps, slice(None))]
    return values


def _reduce(stack: Stack, out: Array) -> Array:
    # einsum adds row by row while a row is in the cache, which a sum of whole arrays does not.
    axes = list(range(stack.values.ndim))
    summed: Array = np.einsum(stack.values, axes, axes[: -1 - stack.taps] + axes[-1:], out=out)
    return summed
