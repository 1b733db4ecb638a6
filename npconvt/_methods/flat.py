"""Slides whole images over one another, flattened: a tap costs one long copy or sum, not one for each row.

``gathered`` taps are shifted copies of the source that lie side by side, as terms of one product. ``summed`` taps are
rows of the product, which are shifted and added afterwards. The first axes are summed, as many as the plan says, the
others gathered. Summing copies nothing, and makes tall products where the result has few channels; gathering makes
products with long sums. How taps become shifts is said in ``sums``.

With one channel in a group, as in depthwise layers, there is nothing for BLAS to multiply: the taps of the first axis
are shifted views of the gathered ones then, and all are weighted and added in one go (`Weighted`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from functools import partial
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from npconvt._axis import ZEROS, Axis
from npconvt._methods import bands
from npconvt._methods.bands import MAX_BYTES, Arena, Array, around, boxes, index, moved, shown
from npconvt._methods.sums import (
    Links,
    Part,
    Shifts,
    Stack,
    add_up,
    carried,
    clear,
    guarded,
    positions,
    reach,
    shifts,
    stacks,
)

WEIGHTED_BYTES = 2**20  # of a band that is weighted: what fits into the cache of a core
COPIES = (1, 3)  # of a source that is not taken as it lies: of zeros, or of a padding mode, one axis after the other

Phases = tuple[int, ...]  # one for each axis
Sources = dict[Phases, Array]  # what a band sees, flat (N, G, C, positions), for each phase of the source


class Band(NamedTuple):
    """Some images, some groups, and positions ``begin:end`` of the first axis of every phase of the result."""

    images: slice
    groups: slice
    begin: int
    end: int
    first: int  # the rows of a phase of the source that they see
    last: int
    seen: slice  # the same in flat positions
    places: slice  # of the result, in flat positions
    offset: int  # flat positions that are seen before the band begins
    length: int  # flat positions of the result
    size: tuple[int, ...]  # what bands that are computed alike have in common, in the same workspace


class Job(NamedTuple):
    """A band with its arrays."""

    band: Band
    sources: Sources
    result: Array  # (N, G, C', *size), all rows of it
    out: Array | None  # the band's part of it, flat (N, G, C', positions), where sums can be written to it
    bias: Array | None  # (G, C')


Totals = Callable[[Job, Arena], Iterator[tuple[Phases, Array]]]


class Copy(NamedTuple):
    """How a gathered tap gets its values."""

    target: Array  # the positions that see the source
    origin: Phases
    seen: slice  # of that phase of the source
    zeros: list[Array]  # what is carried over from one end of an axis to the other


class Shifted(ABC):
    """A direction of a geometry as shifts, applied band by band; how a band is computed is said by subclasses."""

    def __init__(
        self, axes: tuple[Axis, ...], transposed: bool, summed: int, weight: Array, dtype: np.dtype[Any]
    ) -> None:
        self.axes = axes
        self.transposed = transposed
        self.shifts = shifts(axes, transposed, summed)
        self.channels: tuple[int, int] = weight.shape[1:3]
        self.dtype = dtype
        self.mode = ZEROS if transposed else axes[0].mode

    @property
    def covers(self) -> bool:
        """Whether every position of the result has a tap."""
        return self.shifts.covers

    @property
    def pads(self) -> bool:
        """Whether zeros of the padding are multiplied."""
        return self.shifts.pads

    @abstractmethod
    def _ready(self, band: Band, arena: Arena) -> Totals:
        """What computes the bands of this size: the sums (N, G, C', positions) of each phase of the result."""

    @abstractmethod
    def _bytes(self, copies: int, images: int, groups: int, rows: int) -> int:
        """The workspace of a band."""

    @abstractmethod
    def _limit(self) -> int:
        """The most that bands are to take."""

    def apply(self, source: Array, result: Array, bias: Array | None, arena: Arena) -> None:
        """Write every position of the result that has a tap, and add the bias, of shape (G, C')."""
        sides = self.shifts.sides
        if not all(side.phases for side in sides):  # no tap meets the result
            return
        whole, flat = self._whole(source), self._direct(result)
        size, used = None, 0
        for band in self._bands(source.shape, 0 if whole is not None else COPIES[self.mode != ZEROS]):
            part = result[band.images, band.groups]
            added = None if bias is None else bias[band.groups]
            if band.first >= band.last:  # it sees nothing
                hop = sides[0].hop
                part[:, :, :, band.begin * hop : band.end * hop] = 0 if added is None else _spread(added, len(sides))
                continue
            if size != band.size:
                arena.reset()
                size, totals, used = band.size, self._ready(band, arena), arena.used
            arena.used = used
            out = None if flat is None else flat[band.images, band.groups, :, band.places]
            job = Job(band, self._sources(source, whole, band, arena), part, out, added)
            for phases, total in totals(job, arena):
                self._store(total, phases, job)

    # --- bands -------------------------------------------------------------------------------------------------------

    def _bands(self, shape: tuple[int, ...], copies: int) -> list[Band]:
        most = self._limit()
        key = (type(self), shape[:2], self.channels, self.dtype.itemsize, copies, most)
        found = self.shifts.bands.get(key)
        if found is None:
            found = self._cut(shape, copies, most)
            if len(self.shifts.bands) < 16 and len(found) <= 64:
                self.shifts.bands[key] = found
        return found

    def _cut(self, shape: tuple[int, ...], copies: int, most: int) -> list[Band]:
        first = self.shifts.sides[0]
        low, high = first.reach
        row = self.shifts.steps[0]
        rows, count = -(-first.source // first.step), -(-first.result // first.hop)
        found = []
        for images, groups, (begin, end) in boxes((*shape[:2], count), lambda part: self._bytes(copies, *part), most):
            top, bottom = max(0, begin + low), min(rows, end + high)
            found.append(
                Band(
                    *(slice(*images), slice(*groups), begin, end, top, bottom),
                    seen=slice(top * row, bottom * row),
                    places=slice(begin * row, end * row),
                    offset=(begin - top) * row,
                    length=(end - begin) * row,
                    size=(images[1] - images[0], groups[1] - groups[0], begin, end, top, bottom),
                )
            )
        return found

    # --- source ------------------------------------------------------------------------------------------------------

    def _whole(self, source: Array) -> Array | None:
        """The source flat (N, G, C, positions), where it needs no copy for that."""
        sides = self.shifts.sides
        if self.mode != ZEROS or any(s.step > 1 for s in sides) or any(s.pitch > s.source for s in sides[1:]):
            return None
        if source.dtype != self.dtype or not is_flat(source):
            return None
        return source.reshape(*source.shape[:3], prod(source.shape[3:]))

    def _sources(self, source: Array, whole: Array | None, band: Band, arena: Arena) -> Sources:
        """The rows that the band sees, without gaps."""
        if whole is not None:
            return {self.shifts.origins[0]: whole[band.images, band.groups, :, band.seen]}
        first, *others = self.shifts.sides
        images = source[band.images, band.groups]
        rows = range(band.first * first.step, min(band.last * first.step, first.source))
        if self.mode == ZEROS:
            images = images[:, :, :, rows.start : rows.stop]
        else:
            wanted = (rows, *(range(side.source) for side in others))
            padded = [range(r.start - a.lo, r.stop - a.lo) for r, a in zip(wanted, self.axes, strict=True)]
            images = shown(images, self.axes, padded)
        shape = (band.last - band.first, *(side.pitch for side in others))
        return self._by_phase(images, shape, arena)

    def _by_phase(self, images: Array, shape: tuple[int, ...], arena: Arena) -> Sources:
        """Copies of the images (N, G, C, *size), phases in that shape, with zeros behind their last positions."""
        lead, sides, found = images.shape[:3], self.shifts.sides, {}
        for origin in self.shifts.origins:
            part = images[index(..., *(slice(o, None, side.step) for o, side in zip(origin, sides, strict=True)))]
            taken = arena.empty((*lead, *shape), self.dtype)
            for border in around(tuple((0, n) for n in part.shape[3:]), shape):
                taken[border] = 0
            np.copyto(taken[index(..., *map(slice, part.shape[3:]))], part, casting="same_kind")
            found[origin] = taken.reshape(*lead, prod(shape))
        return found

    # --- taps --------------------------------------------------------------------------------------------------------

    def _gathered(self, part: Part, band: Band) -> list[tuple[int, Phases, Links]]:
        """How many positions further on each gathered tap reads in the rows seen, and in which phase of the source."""
        steps = self.shifts.steps[self.shifts.summed :]
        offset = 0 if part.summed else band.offset  # what is summed is cut to the band when it is added up
        found = []
        for links in product(*part.gathered):
            shift = offset + sum(link.shift * step for link, step in zip(links, steps, strict=True))
            found.append((shift, part.origin + tuple(link.origin for link in links), links))
        return found

    def _copies(self, part: Part, band: Band, size: int, target: Array) -> Iterator[Copy]:
        """How gathered taps (N, G, C, taps, positions) get what they see of sources of that size; zero the others."""
        length = target.shape[-1]
        for number, (shift, origin, links) in enumerate(self._gathered(part, band)):
            tap = target[:, :, :, number]
            low = min(max(0, -shift), length)
            high = max(low, min(length, size - shift))
            if low:
                tap[..., :low] = 0
            if high < length:
                tap[..., high:] = 0
            zeros = []
            for axis, link in enumerate(links, self.shifts.summed):
                # Over the ends of the first axis nothing is carried: the source ends there.
                ends = carried(tap, self.shifts, axis, link, summed=False) if axis else None
                if ends is not None:
                    zeros.append(ends)
            yield Copy(tap[..., low:high], origin, slice(low + shift, high + shift), zeros)

    def _guard(self, part: Part, band: Band, length: int) -> int:
        """How far summed taps run over the ends of a row of that length."""
        low = high = band.offset
        for links, step in zip(part.summed, self.shifts.steps, strict=False):
            least, most = reach(links)
            low, high = low + least * step, high + most * step
        return max(0, -low, high + band.length - length)

    # --- result ------------------------------------------------------------------------------------------------------

    def _direct(self, result: Array) -> Array | None:
        """The result flat (N, G, C', positions), where the sums can be written to their places; it has no gaps."""
        sides = self.shifts.sides
        if result.dtype != self.dtype or any(s.hop > 1 for s in sides) or any(s.pitch > s.result for s in sides[1:]):
            return None
        if not is_flat(result):
            return None
        return result.reshape(*result.shape[:3], prod(result.shape[3:]))

    def _store(self, total: Array, phases: Phases, job: Job) -> None:
        """Write the sums (N, G, C', positions) of a phase to their places."""
        band, bias = job.band, job.bias
        exact = job.result.dtype.kind in "iu"
        if bias is not None and not exact:
            total += bias[index(..., *(None,) * (total.ndim - 3))]
        if job.out is not None:
            if total is not job.out:
                job.out[...] = total
            return
        sides = self.shifts.sides
        bounds = [(band.begin, band.end), *((0, side.pitch) for side in sides[1:])]
        values = total.reshape(*total.shape[:-1], *(end - begin for begin, end in bounds))
        places, inside = [], []
        for side, phase, (begin, end) in zip(sides, phases, bounds, strict=True):
            count = max(0, min(end, positions(side.result, side.hop, phase)) - begin)
            start = phase + side.hop * begin
            places.append(slice(start, start + side.hop * count, side.hop))
            inside.append(slice(count))
        if total.ndim == 4:
            parts = [(job.result[index(..., *places)], values[index(..., *inside)])]
        else:
            parts = self._side_by_side(values, places[:-1], inside[:-1], job)
        for target, part in parts:
            np.copyto(target, part, casting="unsafe")
        if bias is not None and exact:
            for target, part in parts:
                target += bias[index(..., *(None,) * (part.ndim - 3))]

    def _side_by_side(
        self, values: Array, places: list[slice], inside: list[slice], job: Job
    ) -> list[tuple[Array, Array]]:
        """Where all phases of the last axis (N, G, C', phases, *positions) go: whole strides, and the rest."""
        last, band = self.shifts.sides[-1], job.band
        values = moved(values, 3, values.ndim - 1)
        begin, end = (band.begin, band.end) if len(self.shifts.sides) == 1 else (0, last.pitch)
        whole = min(end, last.result // last.hop)
        lines = job.result[index(..., *places, slice(begin * last.hop, whole * last.hop))]
        lines = lines.reshape(*lines.shape[:-1], whole - begin, last.hop)  # a view: the last axis is split
        parts = [(lines, values[index(..., *inside, slice(whole - begin), slice(None))])]
        rest = last.result - whole * last.hop
        if whole < end and rest:
            parts.append(
                (
                    job.result[index(..., *places, slice(whole * last.hop, None))],
                    values[index(..., *inside, whole - begin, slice(rest))],
                )
            )
        return parts


class Flat(Shifted):
    """A direction whose taps are rows and terms of products, with its weight (G, C', C, *kernel) packed."""

    def __init__(
        self, axes: tuple[Axis, ...], transposed: bool, summed: int, weight: Array, dtype: np.dtype[Any]
    ) -> None:
        super().__init__(axes, transposed, summed, weight, dtype)
        self.natural = is_natural(transposed, summed, len(axes))
        if self.natural:
            self.blocks = [[natural_block(weight.astype(dtype, copy=False), transposed)]]
        else:
            self.blocks = [[_packed(weight, part, dtype) for part in parts] for _, parts in self.shifts.parts]

    def resized(self, axes: tuple[Axis, ...]) -> Flat:
        """The same for axes of other sizes."""
        other = copy(self)
        other.axes = axes
        other.shifts = shifts(axes, self.transposed, self.shifts.summed)
        return other

    def _bytes(self, copies: int, images: int, groups: int, rows: int) -> int:
        return workspace(self.shifts, self.channels, copies, images, groups, rows) * self.dtype.itemsize

    def _limit(self) -> int:
        return limit(self.shifts, self.channels, self.dtype.itemsize)

    def _ready(self, band: Band, arena: Arena) -> Totals:
        return self._totals

    def _totals(self, job: Job, arena: Arena) -> Iterator[tuple[Phases, Array]]:
        used = arena.used
        for blocks, (phases, parts) in zip(self.blocks, self.shifts.parts, strict=True):
            arena.used = used
            sums: dict[Phases, list[Stack]] = {}
            for block, part in zip(blocks, parts, strict=True):
                for leading, stack in self._multiply(block[job.band.groups], part, job, arena).items():
                    sums.setdefault(leading, []).append(stack)
            taken = arena.used
            for leading, terms in sums.items():
                arena.used = taken
                if self.shifts.abreast == 1:
                    yield (*leading, *phases), add_up(terms, job.out, arena, keep=job.bias is not None)
                elif leading[-1] == 0:
                    row = [sums[(*leading[:-1], phase)] for phase in range(self.shifts.abreast)]
                    yield leading, self._row(row, job, arena)

    def _row(self, row: list[list[Stack]], job: Job, arena: Arena) -> Array:
        """The sums (N, G, C', phases, positions) of all phases of the last axis."""
        totals: Array = arena.empty((*job.result.shape[:3], len(row), job.band.length), self.dtype)
        used = arena.used
        for phase, terms in enumerate(row):
            arena.used = used
            out = totals[:, :, :, phase]
            total = add_up(terms, out, arena, keep=False)
            if total is not out:
                out[...] = total
        return totals

    def _multiply(self, block: Array, part: Part, job: Job, arena: Arena) -> dict[Phases, Stack]:
        """Multiply by the block of a part: the terms (N, G, C', *taps, positions) of each phase of the result."""
        columns = self._columns(part, job, arena)
        images, *_, length = columns.shape
        shape = (images, *block.shape[:2], length)
        if not part.summed:
            out = arena.empty(shape, self.dtype) if job.out is None else job.out
            return {(): Stack(np.matmul(block, columns, out=out), 0)}
        rows = guarded(shape, self._guard(part, job.band, length), self.dtype, arena)
        by_tap = self._by_tap(np.matmul(block, columns, out=rows.values), part)
        for axis, links in enumerate(part.summed[1:], 1):
            for number, link in enumerate(links):
                clear(by_tap[index(*(slice(None),) * (3 + axis), number)], self.shifts, axis, link, summed=True)
        steps = self.shifts.steps[: self.shifts.summed]
        return stacks(by_tap, rows, part.summed, steps, job.band.offset, job.band.length)

    def _by_tap(self, rows: Array, part: Part) -> Array:
        """The rows of a product (N, G, rows, positions) as (N, G, C', *taps, positions)."""
        images, groups, _, length = rows.shape
        taps = tuple(map(len, part.summed))
        if self.natural:
            return rows.reshape(images, groups, self.channels[0], *taps, length)
        return moved(rows.reshape(images, groups, *taps, self.channels[0], length), 2 + len(taps), 2)

    def _columns(self, part: Part, job: Job, arena: Arena) -> Array:
        """The gathered taps (N, G, terms, positions)."""
        images, groups, channels, size = next(iter(job.sources.values())).shape
        length = size if part.summed else job.band.length
        if part.terms == 1:
            ((shift, origin, links),) = self._gathered(part, job.band)
            inside = shift >= 0 and shift + length <= size
            if inside and not any(link.shift for link in links[0 if part.summed else 1 :]):
                return job.sources[origin][..., shift : shift + length]
        natural = self.natural and not part.summed
        terms = (channels, part.terms) if natural else (part.terms, channels)
        buffer = arena.empty((images, groups, *terms, length), self.dtype)
        _copy(job.sources, self._copies(part, job.band, size, buffer if natural else buffer.swapaxes(2, 3)))
        return buffer.reshape(images, groups, prod(terms), length)


class Program(NamedTuple):
    """What is done for every band of one size, in the same workspace."""

    copies: list[Copy]
    sums: dict[Phases, list[tuple[Array, Array]]]  # for each phase of the result, terms and weights


class Weighted(Shifted):
    """A direction whose taps are weighted and added without a product, for few channels in a group."""

    def __init__(self, axes: tuple[Axis, ...], transposed: bool, weight: Array, dtype: np.dtype[Any]) -> None:
        super().__init__(axes, transposed, 1, weight, dtype)
        weight = weight.astype(dtype, copy=False)  # of one channel in a group: small
        self.blocks = [[_weights(weight, part) for part in parts] for _, parts in self.shifts.parts]

    @property
    def pads(self) -> bool:
        """Whether zeros of the padding are multiplied: by any tap here, also by those of the first axis."""
        return shifts(self.axes, self.transposed, 0).pads

    def _bytes(self, copies: int, images: int, groups: int, rows: int) -> int:
        return weighted_workspace(self.shifts, self.channels, copies, images, groups, rows) * self.dtype.itemsize

    def _limit(self) -> int:
        return WEIGHTED_BYTES

    def _ready(self, band: Band, arena: Arena) -> Totals:
        return partial(self._totals, self._program(band, arena))

    def _totals(self, program: Program, job: Job, arena: Arena) -> Iterator[tuple[Phases, Array]]:
        _copy(job.sources, program.copies)
        shape = (*job.result.shape[:3], job.band.length)
        used = arena.used
        for phases, terms in program.sums.items():
            arena.used = used
            total = arena.empty(shape, self.dtype) if job.out is None else job.out
            for number, (values, weights) in enumerate(terms):
                term = arena.empty(shape, self.dtype) if number else total
                np.einsum("ngcktl,grckt->ngrl", values, weights[job.band.groups], out=term)
                if number:
                    total += term
            yield phases, total

    def _program(self, band: Band, arena: Arena) -> Program:
        """The gathered taps of a part, and views of them for each tap of the first axis and phase of the result."""
        program = Program([], {})
        images, groups, *_ = band.size
        length = band.seen.stop - band.seen.start
        for blocks, (phases, parts) in zip(self.blocks, self.shifts.parts, strict=True):
            for block, part in zip(blocks, parts, strict=True):
                shape = (images, groups, self.channels[1], part.terms, length)
                rows = guarded(shape, self._guard(part, band, length), self.dtype, arena)
                program.copies.extend(self._copies(part, band, length, rows.values))
                (first,) = part.summed
                # One row for all taps of the first axis, which read it further on.
                sizes, steps = (*shape[:4], len(first), length), (*rows.values.strides[:4], 0, self.dtype.itemsize)
                start = rows.start * self.dtype.itemsize
                every: Array = np.ndarray(sizes, self.dtype, rows.memory.data, start, steps)
                views = stacks(every, rows, part.summed, self.shifts.steps[:1], band.offset, band.length)
                for leading, stack in views.items():
                    numbers = [number for number, link in enumerate(first) if (link.phase,) == leading]
                    program.sums.setdefault((*leading, *phases), []).append((stack.values, block[..., numbers]))
        return program


def workspace(plan: Shifts, channels: tuple[int, int], copies: int, images: int, groups: int, rows: int) -> int:
    """Elements of workspace for a band of so many rows whose source is copied so many times."""
    results, sources = channels
    low, high = plan.sides[0].reach
    tall = rows + high - low
    most = 0
    for _, parts in plan.parts:
        gathered = max(part.terms for part in parts)
        terms = gathered * sources * (tall if plan.summed else rows) if gathered > 1 else 0
        # The zeros between the rows of a product are as long as its shifts reach.
        products = sum(part.rows for part in parts) * (tall + high - low + 1)
        most = max(most, terms + results * (products + (plan.abreast + 1) * rows))
    row = prod(side.pitch for side in plan.sides[1:])
    return images * groups * row * (copies * len(plan.origins) * sources * tall + most)


def weighted_workspace(
    plan: Shifts, channels: tuple[int, int], copies: int, images: int, groups: int, rows: int
) -> int:
    """Elements of workspace for a band of so many rows that is weighted, and whose source is copied so many times."""
    results, sources = channels
    low, high = plan.sides[0].reach
    terms = max(sum(part.terms for part in parts) for _, parts in plan.parts)
    row = prod(side.pitch for side in plan.sides[1:])
    copied = copies * len(plan.origins) * sources * (rows + high - low)
    return images * groups * row * (copied + sources * terms * (rows + 2 * (high - low)) + results * rows)


def limit(plan: Shifts, channels: tuple[int, int], itemsize: int) -> int:
    """The bytes of a band: more where the rows that bands have in common would be most of what is computed."""
    low, high = plan.sides[0].reach
    apart = workspace(plan, channels, 0, 1, 1, 4 * (high - low)) * itemsize if plan.summed else 0
    return max(bands.BAND_BYTES, min(apart, MAX_BYTES // 2))


def _spread(bias: Array, ndim: int) -> Array:
    """The bias (G, C') as it is added to (N, G, C', *size) of so many axes."""
    spread: Array = bias[index(..., *(None,) * ndim)]
    return spread


def _copy(sources: Sources, copies: Iterable[Copy]) -> None:
    for target, origin, seen, zeros in copies:
        target[...] = sources[origin][..., seen]
        for ends in zeros:
            ends[...] = 0


def _packed(weight: Array, part: Part, dtype: np.dtype[Any]) -> Array:
    """The block of a part (G, rows, terms): summed taps and results, times gathered taps and sources."""
    taps = _taps(weight, part)
    over = 3 + len(part.summed)
    # Cast and sorted by one copy: weights can be larger than all other workspace.
    block = np.ascontiguousarray(taps.transpose(0, *range(3, over), 1, *range(over, taps.ndim), 2), dtype)
    return block.reshape(len(weight), part.rows * weight.shape[1], part.terms * weight.shape[2])


def _weights(weight: Array, part: Part) -> Array:
    """The weights of a part (G, C', C, gathered taps, taps of the first axis)."""
    taps = _taps(weight, part)
    return taps.transpose(0, 1, 2, *range(4, taps.ndim), 3).reshape(*weight.shape[:3], part.terms, part.rows)


def _taps(weight: Array, part: Part) -> Array:
    """The weight (G, C', C, *taps) of the taps of a part, which are equally far apart on every axis."""
    taps = ([link.tap for link in links] for links in (*part.summed, *part.gathered))
    taken: Array = weight[index(..., *(slice(t[0], t[-1] + 1, t[-1] - t[-2] if len(t) > 1 else 1) for t in taps))]
    return taken


def is_natural(transposed: bool, summed: int, ndim: int) -> bool:
    """Whether the weight is the block as it is."""
    return summed == (ndim if transposed else 0)


def natural_block(weight: Array, swapped: bool) -> Array:
    """The weight (G, C', C, *kernel) as it is: a matrix whose rows, or if swapped columns, go through the taps too."""
    groups, results, sources = weight.shape[:3]
    if swapped:
        return weight.swapaxes(1, 2).reshape(groups, sources, -1).swapaxes(1, 2)
    return weight.reshape(groups, results, -1)


def is_flat(images: Array) -> bool:
    """Whether the positions of each channel of (N, G, C, *size) lie one after the other."""
    step = images.itemsize
    for n, stride in zip(reversed(images.shape[3:]), reversed(images.strides[3:]), strict=True):
        if n != 1 and stride != step:
            return False
        step *= n
    return True
