"""Slides whole images over one another, flattened: a tap costs one long copy or sum, not one for each row.

``gathered`` taps are shifted copies of the source that lie side by side, as terms of one product. ``summed`` taps are
rows of the product, which are shifted and added afterwards. The first axes are summed, as many as the plan says, the
others gathered. Summing copies nothing, and makes tall products where the result has few channels; gathering makes
products with long sums. How taps become shifts is said in ``sums``.

With one channel in a group, as in depthwise layers, there is nothing for BLAS to multiply: the taps of the first axis
are shifted views of the gathered ones then, and all are weighted and added in one go (`Weighted`).
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from npconvt._axis import ZEROS, Axis
from npconvt._methods import bands
from npconvt._methods.bands import MAX_BYTES, Arena, Array, boxes, index, shown
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
FOLD = 100  # images with fewer positions share a product


class Band(NamedTuple):
    """Some images, some groups, and positions ``begin:end`` of the first axis of every phase of the result."""

    images: slice
    groups: slice
    begin: int
    end: int
    first: int  # the rows of a phase of the source that they see
    last: int


class Flat:
    """A direction of a geometry as shifts, with its weight (G, C', C, *kernel) packed."""

    def __init__(self, axes: tuple[Axis, ...], transposed: bool, summed: int, weight: Array) -> None:
        self._prepare(axes, transposed, summed, weight)
        self.natural = is_natural(transposed, summed, len(axes))
        if self.natural:
            self.blocks = [[natural_block(weight, transposed)]]
        else:
            self.blocks = [[_packed(weight, part) for part in parts] for _, parts in self.shifts.parts]

    def _prepare(self, axes: tuple[Axis, ...], transposed: bool, summed: int, weight: Array) -> None:
        self.axes = axes
        self.shifts = shifts(axes, transposed, summed)
        self.channels: tuple[int, int] = weight.shape[1:3]
        self.dtype = weight.dtype
        self.mode = ZEROS if transposed else axes[0].mode
        self.row = prod(side.pitch for side in self.shifts.sides[1:])

    def apply(self, source: Array, result: Array, bias: Array | None, arena: Arena) -> None:
        """Write every position of the result that has a tap, and add the bias, of shape (G, C')."""
        sides = self.shifts.sides
        if not all(side.phases for side in sides):  # no tap meets the result
            return
        whole, flat = self._whole(source), self._direct(result)
        for band in self._bands(source.shape, 0 if whole is not None else COPIES[self.mode != ZEROS]):
            part = result[band.images, band.groups]
            if band.first >= band.last:
                hop = sides[0].hop
                part[:, :, :, band.begin * hop : band.end * hop] = _spread(
                    None if bias is None else bias[band.groups], len(sides)
                )
                continue
            arena.reset()
            sources = self._seen(source, whole, band, arena)
            places = slice(band.begin * self.row, band.end * self.row)
            out = None if flat is None else flat[band.images, band.groups, :, places]
            added = None if bias is None else bias[band.groups][..., None]
            used = arena.used
            for blocks, (phases, parts) in zip(self.blocks, self.shifts.parts, strict=True):
                arena.used = used
                sums: dict[tuple[int, ...], list[Stack]] = {}
                for block, each in zip(blocks, parts, strict=True):
                    for leading, stack in self._multiply(block[band.groups], each, sources, band, out, arena).items():
                        sums.setdefault(leading, []).append(stack)
                taken = arena.used
                for leading, terms in sums.items():
                    arena.used = taken
                    self._store(
                        add_up(terms, out, arena, keep=bias is not None), part, out, (*leading, *phases), band, added
                    )

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
        rows, count = -(-first.source // first.step), -(-first.result // first.hop)
        found = []
        for images, groups, (begin, end) in boxes((*shape[:2], count), lambda part: self._bytes(copies, *part), most):
            top, bottom = max(0, begin + low), min(rows, end + high)
            found.append(Band(slice(*images), slice(*groups), begin, end, top, bottom))
        return found

    def _bytes(self, copies: int, images: int, groups: int, rows: int) -> int:
        return workspace(self.shifts, self.channels, copies, images, groups, rows) * self.dtype.itemsize

    def _limit(self) -> int:
        return limit(self.shifts, self.channels, self.dtype.itemsize)

    def _sources(self, images: Array, band: Band, arena: Arena) -> dict[tuple[int, ...], Array]:
        """A copy of the rows that the band sees."""
        sides = self.shifts.sides
        rows = range(band.first * sides[0].step, min(band.last * sides[0].step, sides[0].source))
        if self.mode == ZEROS:
            images = images[:, :, :, rows.start : rows.stop]
        else:
            seen = (rows, *(range(side.source) for side in sides[1:]))
            images = shown(
                images, self.axes, [range(r.start - a.lo, r.stop - a.lo) for r, a in zip(seen, self.axes, strict=True)]
            )
        return by_phase(images, (band.last - band.first, *(s.pitch for s in sides[1:])), self.shifts, self.dtype, arena)

    def _multiply(
        self,
        block: Array,
        part: Part,
        sources: dict[tuple[int, ...], Array],
        band: Band,
        out: Array | None,
        arena: Arena,
    ) -> dict[tuple[int, ...], Stack]:
        """Multiply by the block of a part: the terms (N, G, C', *taps, positions) of each phase of the result."""
        columns, folded = self._columns(part, sources, band, arena)
        *_, length = columns.shape
        groups, rows, terms = block.shape
        images = columns.shape[2] if folded else len(columns)
        if folded:
            values = arena.empty((groups, rows, images * length), self.dtype)
            np.matmul(block, columns.reshape(groups, terms, images * length), out=values)
            values = np.moveaxis(values.reshape(groups, rows, images, length), 2, 0)
        if not part.summed:
            if not folded:
                shape = (images, groups, rows, length)
                values = np.matmul(block, columns, out=arena.empty(shape, self.dtype) if out is None else out)
            return {(): Stack(values, 0)}
        steps = self.shifts.steps[: len(part.summed)]
        offset, wanted, guard = self._reach(part, band, length)
        found = guarded((images, groups, rows, length), guard, self.dtype, arena)
        if folded:
            found.values[...] = values
        else:
            np.matmul(block, columns, out=found.values)
        by_tap = self._by_tap(found.values, part)
        for axis, links in enumerate(part.summed[1:], 1):
            for number, link in enumerate(links):
                clear(by_tap[index(*(slice(None),) * (3 + axis), number)], self.shifts, axis, link, summed=True)
        return stacks(by_tap, found, part.summed, steps, offset, wanted)

    def _reach(self, part: Part, band: Band, length: int) -> tuple[int, int, int]:
        """Where summed taps begin to read, how much, and how far they run over the ends of a row of that length."""
        steps = self.shifts.steps
        offset, wanted = (band.begin - band.first) * self.row, (band.end - band.begin) * self.row
        ends = [[shift * step for shift in reach(links)] for links, step in zip(part.summed, steps, strict=False)]
        low, high = (offset + sum(end) for end in zip(*ends, strict=True))
        return offset, wanted, max(0, -low, high + wanted - length)

    def _by_tap(self, rows: Array, part: Part) -> Array:
        """The rows of a product (N, G, rows, positions) as (N, G, C', *taps, positions)."""
        images, groups, _, length = rows.shape
        taps = tuple(map(len, part.summed))
        if self.natural:
            return rows.reshape(images, groups, self.channels[0], *taps, length)
        return np.moveaxis(rows.reshape(images, groups, *taps, self.channels[0], length), -2, 2)

    def _columns(
        self, part: Part, sources: dict[tuple[int, ...], Array], band: Band, arena: Arena
    ) -> tuple[Array, bool]:
        """The gathered taps (N, G, terms, positions), or where the images share a product (G, terms, N, positions)."""
        summed = len(part.summed)
        images, groups, channels, size = next(iter(sources.values())).shape
        length = size if summed else (band.end - band.begin) * self.row
        folded = images > 1 and length < FOLD
        taps = self._gathered(part, band)
        if len(taps) == 1 and not folded:
            (shift, origin, links), *_ = taps
            inside = shift >= 0 and shift + length <= size
            if inside and not any(link.shift for link in links[0 if summed else 1 :]):
                return sources[origin][..., shift : shift + length], False
        natural = self.natural and not summed
        terms = (channels, len(taps)) if natural else (len(taps), channels)
        shape = (groups, *terms, images, length) if folded else (images, groups, *terms, length)
        buffer = arena.empty(shape, self.dtype)
        view = np.moveaxis(buffer, 3, 0) if folded else buffer
        view = view if natural else view.swapaxes(2, 3)  # (N, G, C, taps, positions)
        for number, (shift, origin, links) in enumerate(taps):
            self._gather(sources[origin], shift, links, view[:, :, :, number])
        shape = (groups, prod(terms), images, length) if folded else (images, groups, prod(terms), length)
        return buffer.reshape(shape), folded

    def _gathered(self, part: Part, band: Band) -> list[tuple[int, tuple[int, ...], Links]]:
        """How far each gathered tap is shifted, and in which phase of the source."""
        return [
            (self._shift(links, band), part.origin + tuple(link.origin for link in links), links)
            for links in product(*part.gathered)
        ]

    def _gather(self, source: Array, shift: int, links: Links, target: Array) -> None:
        """Copy a shifted source (..., positions), with zeros where it ends and where a shift leaves a line."""
        low, high = seen(shift, target.shape[-1], source.shape[-1])
        target[..., :low] = 0
        target[..., high:] = 0
        target[..., low:high] = source[..., low + shift : high + shift]
        for axis, link in enumerate(links, len(self.shifts.sides) - len(links)):
            if axis:
                clear(target, self.shifts, axis, link, summed=False)

    def _shift(self, links: Links, band: Band) -> int:
        """How many flat positions further on in the rows that the band sees gathered taps read."""
        sides = self.shifts.sides
        steps = self.shifts.steps[len(sides) - len(links) :]
        offset = (band.begin - band.first) * self.row if len(links) == len(sides) else 0
        return offset + sum(link.shift * step for link, step in zip(links, steps, strict=True))

    def _direct(self, result: Array) -> Array | None:
        """The result flat (N, G, C', positions), where the sums can be written to their places; it has no gaps."""
        sides = self.shifts.sides
        if result.dtype != self.dtype or any(s.hop > 1 for s in sides) or any(s.pitch > s.result for s in sides[1:]):
            return None
        return result.reshape(*result.shape[:3], prod(result.shape[3:]))

    def _whole(self, source: Array) -> Array | None:
        """The source flat (N, G, C, positions), where it needs no copy for that."""
        sides = self.shifts.sides
        if self.mode != ZEROS or any(s.step > 1 for s in sides) or any(s.pitch > s.source for s in sides[1:]):
            return None
        if source.dtype != self.dtype or not is_flat(source):
            return None
        return source.reshape(*source.shape[:3], prod(source.shape[3:]))

    def _seen(self, source: Array, whole: Array | None, band: Band, arena: Arena) -> dict[tuple[int, ...], Array]:
        """The rows that the band sees, flat and without gaps (N, G, C, positions), for each phase of the source."""
        if whole is None:
            return self._sources(source[band.images, band.groups], band, arena)
        places = slice(band.first * self.row, band.last * self.row)
        return {self.shifts.origins[0]: whole[band.images, band.groups, :, places]}

    def _store(
        self,
        total: Array,
        result: Array,
        out: Array | None,
        phases: tuple[int, ...],
        band: Band,
        bias: Array | None,
    ) -> None:
        """Write the results (N, G, C', positions) of a phase to their places."""
        exact = result.dtype.kind in "iu"
        if bias is not None and not exact:
            total += bias
        if out is not None:
            if total is not out:
                out[...] = total
            return
        first, *others = self.shifts.sides
        values = total.reshape(*total.shape[:3], band.end - band.begin, *(side.pitch for side in others))
        end = min(band.end, positions(first.result, first.hop, phases[0]))
        counts = [max(0, end - band.begin)]
        counts += [positions(s.result, s.hop, r) for s, r in zip(others, phases[1:], strict=True)]
        starts = (phases[0] + first.hop * band.begin, *phases[1:])
        target = result[index(..., *places(starts, counts, [side.hop for side in self.shifts.sides]))]
        np.copyto(target, values[index(..., *map(slice, counts))], casting="unsafe")
        if bias is not None and exact:
            target += bias[index(..., *(None,) * len(others))]


class Program(NamedTuple):
    """What is done for every band of one size, in the same workspace."""

    copies: list[tuple[Array, tuple[int, ...], slice]]  # target, phase of the source, and what of it
    zeros: list[Array]  # what the copies must not carry over
    sums: dict[tuple[int, ...], list[tuple[Array, Array]]]  # for each phase of the result, terms and weights
    used: int  # of the workspace


class Weighted(Flat):
    """A direction whose taps are weighted and added without a product, for few channels in a group."""

    def __init__(self, axes: tuple[Axis, ...], transposed: bool, weight: Array) -> None:
        self._prepare(axes, transposed, 1, weight)
        self.blocks = [[_weights(weight, part) for part in parts] for _, parts in self.shifts.parts]

    def apply(self, source: Array, result: Array, bias: Array | None, arena: Arena) -> None:
        """Write every position of the result that has a tap, and add the bias, of shape (G, C')."""
        if not all(side.phases for side in self.shifts.sides):  # no tap meets the result
            return
        size, program = None, None
        whole, flat = self._whole(source), self._direct(result)
        for band in self._bands(source.shape, 0 if whole is not None else COPIES[self.mode != ZEROS]):
            part = result[band.images, band.groups]
            added = None if bias is None else bias[band.groups]
            if band.first >= band.last:
                hop = self.shifts.sides[0].hop
                part[:, :, :, band.begin * hop : band.end * hop] = _spread(added, len(self.axes))
                continue
            if program is None or size != (*part.shape[:2], *band[2:]):
                size = (*part.shape[:2], *band[2:])
                arena.reset()
                program = self._program(size[0], size[1], band, arena)
            arena.used = program.used
            sources = self._seen(source, whole, band, arena)
            for target, origin, where in program.copies:
                target[...] = sources[origin][..., where]
            for zeros in program.zeros:
                zeros[...] = 0
            places = slice(band.begin * self.row, band.end * self.row)
            out = None if flat is None else flat[band.images, band.groups, :, places]
            for phases, terms in program.sums.items():
                shape = (*part.shape[:3], (band.end - band.begin) * self.row)
                total = arena.empty(shape, self.dtype) if out is None else out
                for number, (values, weights) in enumerate(terms):
                    term = arena.empty(shape, self.dtype) if number else total
                    np.einsum("ngcktl,grckt->ngrl", values, weights[band.groups], out=term)
                    if number:
                        total += term
                self._store(total, part, out, phases, band, None if added is None else added[..., None])

    def _program(self, images: int, groups: int, band: Band, arena: Arena) -> Program:
        program = Program([], [], {}, 0)
        length = (band.last - band.first) * self.row
        for blocks, (phases, parts) in zip(self.blocks, self.shifts.parts, strict=True):
            for block, part in zip(blocks, parts, strict=True):
                offset, wanted, guard = self._reach(part, band, length)
                rows = guarded((images, groups, self.channels[1], part.terms, length), guard, self.dtype, arena)
                for number, (shift, origin, links) in enumerate(self._gathered(part, band)):
                    target = rows.values[:, :, :, number]
                    low, high = seen(shift, length, length)
                    target[..., :low] = 0
                    target[..., high:] = 0
                    program.copies.append((target[..., low:high], origin, slice(low + shift, high + shift)))
                    for axis, link in enumerate(links, 1):
                        zeros = carried(target, self.shifts, axis, link, summed=False)
                        if zeros is not None:
                            program.zeros.append(zeros)
                (first,) = part.summed
                every = np.broadcast_to(rows.values[..., None, :], (*rows.values.shape[:4], len(first), length))
                for leading, stack in stacks(every, rows, part.summed, (self.row,), offset, wanted).items():
                    numbers = [number for number, link in enumerate(first) if (link.phase,) == leading]
                    terms = program.sums.setdefault((*leading, *phases), [])
                    terms.append((stack.values, block[..., numbers]))
        return program._replace(used=arena.used)

    def _bytes(self, copies: int, images: int, groups: int, rows: int) -> int:
        return weighted_workspace(self.shifts, self.channels, copies, images, groups, rows) * self.dtype.itemsize

    def _limit(self) -> int:
        return WEIGHTED_BYTES


def seen(shift: int, length: int, size: int) -> tuple[int, int]:
    """The positions of a row of that length that see a source of that size when they are shifted."""
    low = min(max(0, -shift), length)
    return low, max(low, min(length, size - shift))


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
        most = max(most, terms + results * (rows + sum(part.rows for part in parts) * (tall + high - low + 1)))
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


def by_phase(
    images: Array, shape: tuple[int, ...], plan: Shifts, dtype: np.dtype[np.generic], arena: Arena
) -> dict[tuple[int, ...], Array]:
    """Copies of the images (N, G, C, *size), flat (N, G, C, positions), for each phase of the source.

    Phases get the given shape, with zeros behind their last positions.
    """
    lead = images.shape[:3]
    found = {}
    for origin in plan.origins:
        part = images[index(..., *(slice(o, None, side.step) for o, side in zip(origin, plan.sides, strict=True)))]
        copy = arena.empty((*lead, *shape), dtype)
        inside = tuple(slice(n) for n in part.shape[3:])
        for axis, n in enumerate(part.shape[3:]):
            copy[index(slice(None), slice(None), slice(None), *inside[:axis], slice(n, None))] = 0
        np.copyto(copy[index(..., *inside)], part, casting="same_kind")
        found[origin] = copy.reshape(*lead, prod(shape))
    return found


def places(starts: tuple[int, ...], counts: list[int], hops: list[int]) -> list[slice]:
    """The positions of a phase in the result."""
    return [slice(start, start + count * hop, hop) for start, count, hop in zip(starts, counts, hops, strict=True)]


def _spread(bias: Array | None, ndim: int) -> Array | int:
    """The bias (G, C') as it is added to images, or zero."""
    return 0 if bias is None else bias[index(..., *(None,) * ndim)]


def _packed(weight: Array, part: Part) -> Array:
    """The block of a part (G, rows, terms): summed taps and results, times gathered taps and sources."""
    groups, results, sources = weight.shape[:3]
    block = np.empty((groups, part.rows, results, part.terms, sources), weight.dtype)
    for row, over in enumerate(product(*part.summed)):
        for column, along in enumerate(product(*part.gathered)):
            block[:, row, :, column] = weight[index(..., *(link.tap for link in over + along))]
    return block.reshape(groups, part.rows * results, part.terms * sources)


def _weights(weight: Array, part: Part) -> Array:
    """The weights of a part (G, C', C, gathered taps, taps of the first axis)."""
    block = np.empty((*weight.shape[:3], part.terms, len(part.summed[0])), weight.dtype)
    for column, along in enumerate(product(*part.gathered)):
        for row, first in enumerate(part.summed[0]):
            block[..., column, row] = weight[index(..., *(link.tap for link in (first, *along)))]
    return block


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
