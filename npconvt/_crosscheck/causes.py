"""The known ways in which two results differ, as data: what each means, how to mend it, and the readings it stands for.

Every generator takes the claimed `Reading` and yields `(parameters, reading)`: what another framework would have
computed. None of them looks at the result that is to be explained. Sources and examples: docs/crosscheck.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations, permutations
from typing import Any

import numpy as np

from npconvt._crosscheck.reading import Array, Ints, Pairs, Reading

Parameters = dict[str, Any]
Variants = Iterator[tuple[Parameters, Reading]]
Generator = Callable[[Reading], Variants]


@dataclass(frozen=True, slots=True)
class Kind:
    """A cause by name.

    Attributes
    ----------
    name, explanation, fix : str
        What the report prints.
    variants : callable, optional
        The readings it stands for; None where `arithmetic` or `search` proves the cause in its own way.
    """

    name: str
    explanation: str
    fix: str
    variants: Generator | None = None


def _zip3(a: Iterable[Any], b: Iterable[Any], c: Iterable[Any]) -> Iterator[tuple[Any, Any, Any]]:
    return zip(a, b, c, strict=True)


def _cropped(r: Reading, pads: Pairs) -> Reading:
    """The reading with these pads or this crop, and nothing added at the end."""
    return replace(r, pads=pads, output_padding=(0,) * r.ndim, same=None)


def _subsets(axes: Iterable[int]) -> Iterator[Ints]:
    """All axes first: the commonest."""
    listed = list(axes)
    yield from chain.from_iterable(combinations(listed, n) for n in range(len(listed), 0, -1))


def same_pads(r: Reading, *, lower: bool) -> Pairs:
    """The pads that "same" or "same_lower" stands for with this reading's numbers."""
    pairs = []
    for n, e, s in _zip3(r.size, r.extent, r.stride):
        total = e - s if r.transposed else max((-(-n // s) - 1) * s + e - n, 0)
        small, large = total // 2, total - total // 2
        pairs.append((0, total) if total < 0 else (large, small) if lower else (small, large))
    return tuple(pairs)


def _refit(r: Reading) -> Iterator[Reading]:
    """The reading as it is, and where its pads come from a word, with that word applied anew."""
    yield r
    if r.same is not None:
        yield replace(r, pads=same_pads(r, lower=r.same == "same_lower"))


# --- the weight ------------------------------------------------------------------------------------------------------


def flipped(r: Reading, axes: Ints) -> Reading:
    """The reading with its kernel reversed along these spatial axes."""
    return replace(r, w=np.flip(r.w, tuple(a + 2 for a in axes)))


def _kernel_flipped(r: Reading) -> Variants:
    for axes in _subsets(a for a in range(r.ndim) if r.kernel[a] > 1):
        yield {"axes": axes}, flipped(r, axes)


def _channels_swapped(r: Reading) -> Variants:
    if r.w.shape[0] == r.w.shape[1] * r.groups and r.w.shape[1] > 1:
        first = r.w.reshape(r.groups, -1, *r.w.shape[1:])
        yield {"groups": r.groups}, replace(r, w=first.swapaxes(1, 2).reshape(r.w.shape))
    if r.groups == 1:
        swapped = r.w.swapaxes(0, 1)
        if swapped.shape != r.w.shape:
            yield {"weight_shape": swapped.shape}, replace(r, w=swapped)


def _spatial_letters(ndim: int) -> str:
    """D, H and W; beyond three axes, which have no common letters, digits."""
    return "DHW"[3 - ndim :] if ndim <= 3 else "".join(map(str, range(ndim)))


def _layout_name(order: Ints, transposed: bool) -> str:
    letters = ("IO" if transposed else "OI") + _spatial_letters(len(order) - 2)
    return "".join(letters[i] for i in order)


def _weight_orders(r: Reading) -> Iterator[Ints]:
    """Orders of the weight's axes: both channel axes anywhere, the spatial ones in order or reversed."""
    ndim = r.w.ndim
    spatial = tuple(range(2, ndim))
    identity = tuple(range(ndim))
    seen = {identity}
    for places in permutations(range(ndim), 2):
        for order in (spatial, spatial[::-1]):
            rest = iter(order)
            full = tuple(places.index(p) if p in places else next(rest) for p in range(ndim))
            if full not in seen:
                seen.add(full)
                yield full


def _weight_layout(r: Reading) -> Variants:
    for order in _weight_orders(r):
        name = _layout_name(order, r.transposed)
        # The memory, read as if it held axes in this order.
        shape = tuple(r.w.shape[i] for i in order)
        inverse = tuple(np.argsort(order))
        yield {"read_as": name, "how": "memory"}, replace(r, w=r.w.reshape(shape).transpose(inverse))
        if order != (1, 0, *range(2, r.w.ndim)):  # that one is channels_swapped
            yield {"read_as": name, "how": "transposed"}, replace(r, w=r.w.transpose(order))


# --- the data --------------------------------------------------------------------------------------------------------


def _channels_last_memory(a: Array) -> Array:
    """The array's memory read as if its channels came last."""
    return np.moveaxis(a.reshape(a.shape[0], *a.shape[2:], a.shape[1]), -1, 1)


def _channels_first_memory(a: Array) -> Array:
    """Memory written with channels last, read as if they came first."""
    return np.moveaxis(a, 1, -1).reshape(a.shape)


def _is_view(r: Reading) -> bool:
    """Whether the result has its batch axis, so that its axes are (N, C, *out)."""
    return r.view is None


def _data_layout(r: Reading) -> Variants:
    channels = r.x.shape[1]
    batch_kept = _is_view(r)
    last = "N" + _spatial_letters(r.ndim) + "C"

    def out(a: Array) -> Array:
        return np.moveaxis(a, a.ndim - r.ndim - 1, -1)

    def out_memory(a: Array) -> Array:
        return out(a).reshape(a.shape)

    yield {"array": "output", "laid_out": last, "how": "transposed"}, r.with_view(out)
    yield {"array": "output", "laid_out": last, "how": "memory"}, r.with_view(out_memory)
    memory = replace(r, x=_channels_last_memory(r.x))
    yield {"array": "input", "laid_out": last, "how": "memory"}, memory
    yield {"array": "both", "laid_out": last, "how": "memory"}, memory.with_view(out_memory)
    yield {"array": "both", "laid_out": last, "how": "output transposed, input memory"}, memory.with_view(out)
    written = replace(r, x=_channels_first_memory(r.x))
    yield {"array": "input", "laid_out": last, "how": "written channels last"}, written
    moved = np.moveaxis(r.x, -1, 1)
    if moved.shape[1] == channels:
        read_last = replace(r, x=moved)
        yield {"array": "input", "laid_out": last, "how": "transposed"}, read_last
        yield {"array": "both", "laid_out": last, "how": "transposed"}, read_last.with_view(out)
    if r.x.shape[0] == channels and r.x.shape[0] > 1 and batch_kept:
        yield {"array": "input", "laid_out": "CN", "how": "batch and channels"}, replace(r, x=r.x.swapaxes(0, 1))
    for order in permutations(range(2, r.x.ndim)):
        if order != tuple(range(2, r.x.ndim)):
            turned = replace(r, x=r.x.transpose(0, 1, *order))
            yield {"array": "input", "axes": order, "how": "spatial axes transposed"}, turned
            shape = tuple(r.x.shape[i] for i in order)
            inverse = (0, 1, *(int(i) + 2 for i in np.argsort([i - 2 for i in order])))
            read = r.x.reshape(*r.x.shape[:2], *shape).transpose(inverse)
            yield {"array": "input", "axes": order, "how": "spatial axes, memory"}, replace(r, x=read)
    if batch_kept and r.x.shape[0] == 1:
        yield {"array": "output", "how": "no batch axis"}, r.with_view(lambda a: a[0])
    if not batch_kept:
        yield {"array": "output", "how": "a batch axis"}, r.with_view(lambda a: a[None])
    yield {"array": "output", "how": "all axes reversed"}, r.with_view(np.transpose)
    yield {"array": "output", "how": "flattened"}, r.with_view(np.ravel)
    yield {"array": "output", "how": "axes of length one dropped"}, r.with_view(np.squeeze)


def _output_axes_swapped(r: Reading) -> Variants:
    identity = tuple(range(r.ndim))
    for order in permutations(identity):
        if order != identity:

            def turned(a: Array, order: Ints = order) -> Array:
                lead = a.ndim - r.ndim
                return a.transpose(*range(lead), *(lead + i for i in order))

            def read(a: Array, order: Ints = order) -> Array:
                lead = a.ndim - r.ndim
                return a.transpose(*range(lead), *(lead + i for i in order)).reshape(a.shape)

            yield {"axes": order}, r.with_view(turned)
            yield {"axes": order, "how": "memory"}, r.with_view(read)


# --- crops and pads --------------------------------------------------------------------------------------------------


def _padding_of_dilated_input(r: Reading) -> Variants:
    if r.transposed:
        for name, pads in (("without output_padding", r.pads), ("with output_padding", None)):
            added = r.output_padding if pads is None else (0,) * r.ndim
            if pads is None and not any(added):
                continue
            crop = tuple((e - 1 - lo, e - 1 - hi - op) for e, (lo, hi), op in _zip3(r.extent, r.pads, added))
            yield {"crop": crop, **({"reading": name} if any(r.output_padding) else {})}, _cropped(r, crop)


def _padding_of_input(r: Reading) -> Variants:
    if r.transposed and r.pads != ((0, 0),) * r.ndim:
        for added in dict.fromkeys(((0,) * r.ndim, r.output_padding)):
            crop = tuple((-lo * s, -hi * s - op) for (lo, hi), s, op in _zip3(r.pads, r.stride, added))
            yield {"crop": crop}, _cropped(r, crop)


def _output_padding_dropped(r: Reading) -> Variants:
    if any(r.output_padding):
        yield {"output_padding": r.output_padding}, replace(r, output_padding=(0,) * r.ndim)


def _output_padding_zero_filled(r: Reading) -> Variants:
    if any(r.output_padding):

        def blank(a: Array) -> Array:
            a = np.array(a)
            for axis, op in enumerate(r.output_padding):
                if op:
                    rows = np.moveaxis(a, axis - r.ndim, 0)[-op:]
                    rows[...] = np.minimum(rows, -1 - rows)
            return a

        # A bias is added to the zeros too, or it is not: both exist.
        blanked = r.with_view(blank)
        yield {"output_padding": r.output_padding}, blanked
        if r.bias is not None:
            yield {"output_padding": r.output_padding, "bias": "added there too"}, replace(blanked, filler=r.bias)


def _output_padding_scaled(r: Reading) -> Variants:
    if any(op * (s - 1) for op, s in zip(r.output_padding, r.stride, strict=True)):
        scaled = tuple(op * s for op, s in zip(r.output_padding, r.stride, strict=True))
        yield {"output_padding": scaled}, replace(r, output_padding=scaled)


def _zeros_misplaced(r: Reading) -> Variants:
    if not r.transposed or not any(lo + hi < 0 for lo, hi in r.crop):
        return
    rules: tuple[tuple[str, Callable[[int], tuple[int, int]]], ...] = (
        ("at the start", lambda t: (t, 0)),
        ("at the end", lambda t: (0, t)),
        ("at both ends, more at the start", lambda t: (t // 2, t - t // 2)),
        ("at both ends, more at the end", lambda t: (t - t // 2, t // 2)),
        ("none", lambda t: (0, 0)),
    )
    for where, rule in rules:
        crop = tuple(rule(lo + hi) if lo + hi < 0 else (lo, hi) for lo, hi in r.crop)
        if crop != r.crop:
            yield {"zeros": where, "crop": crop}, _cropped(r, crop)


def _pads_misread(r: Reading) -> Variants:
    flat = tuple(v for pair in r.pads for v in pair)
    begins, ends = flat[::2], flat[1::2]
    joined = (*begins, *ends)
    half = len(joined) // 2
    readings = {
        "begins and ends exchanged": tuple((hi, lo) for lo, hi in r.pads),
        "begins-then-ends read as interleaved": tuple(zip(joined[::2], joined[1::2], strict=True)),
        "interleaved read as begins-then-ends": tuple(zip(flat[:half], flat[half:], strict=True)),
        "last axis first": r.pads[::-1],
    }
    for name, pads in readings.items():
        if pads != r.pads:
            yield {"reading": name, "pads": pads}, replace(r, pads=pads, same=None)


def _padding_symmetrised(r: Reading) -> Variants:
    equal: tuple[tuple[str, Callable[[int, int], tuple[int, int]]], ...] = (
        ("the first of both", lambda lo, hi: (lo, lo)),
        ("the second of both", lambda lo, hi: (hi, hi)),
        ("half the sum, rounded down", lambda lo, hi: ((lo + hi) // 2,) * 2),
        ("half the sum, rounded up", lambda lo, hi: (-(-(lo + hi) // 2),) * 2),
    )
    shared: tuple[tuple[str, Callable[[int, int], tuple[int, int]]], ...] = (
        ("half the sum, the odd one at the end", lambda lo, hi: ((lo + hi) // 2, -(-(lo + hi) // 2))),
        ("half the sum, the odd one at the start", lambda lo, hi: (-(-(lo + hi) // 2), (lo + hi) // 2)),
    )
    unequal = any(lo != hi for lo, hi in r.pads)
    pairs = r.pads if unequal else r.crop
    if all(lo == hi for lo, hi in pairs):
        return
    for name, rule in equal + shared if unequal else equal:
        pads = tuple(rule(lo, hi) for lo, hi in pairs)
        if pads != pairs:
            yield {"pads": pads, "rule": name}, _cropped(r, pads)


def _size_formula(r: Reading) -> Variants:
    """Other formulas for the output size, with the pads or crops that go with them."""
    for lower, name in ((False, "same"), (True, "same_lower")):
        pads = same_pads(r, lower=lower)
        if pads != (r.crop if r.transposed else r.pads):
            yield {"formula": name, "pads": pads}, _cropped(r, pads)
    if r.pads != ((0, 0),) * r.ndim or any(r.output_padding):
        yield {"formula": "valid"}, _cropped(r, ((0, 0),) * r.ndim)
    if r.transposed:
        longer = tuple((0, -max(0, s - e)) for s, e in zip(r.stride, r.extent, strict=True))
        if any(hi for _, hi in longer):
            yield {"formula": "valid, at least n*stride"}, _cropped(r, longer)
        return
    full = tuple((e - 1, e - 1) for e in r.extent)
    yield {"formula": "full", "pads": full}, _cropped(r, full)
    rest = tuple(
        (n + lo + hi - e) % s for (n, e), (lo, hi), s in _zip3(zip(r.size, r.extent, strict=True), r.pads, r.stride)
    )
    if any(rest):
        pads = tuple((lo, hi + (s - q if q else 0)) for (lo, hi), s, q in _zip3(r.pads, r.stride, rest))
        yield {"formula": "ceil for floor", "pads": pads}, _cropped(r, pads)


def _crop_before_dilation(r: Reading) -> Variants:
    if not r.transposed:
        return
    beyond = tuple((max(lo - e + 1, 0), max(hi - e + 1, 0)) for (lo, hi), e in zip(r.crop, r.extent, strict=True))
    positive = tuple((max(lo, 0), max(hi, 0)) for lo, hi in r.pads)
    for name, cut in (("what exceeds the kernel", beyond), ("all of it", positive)):
        if not any(chain.from_iterable(cut)):
            continue
        if any(n <= lo + hi for n, (lo, hi) in zip(r.size, cut, strict=True)):
            continue
        inner = (slice(None),) * 2 + tuple(slice(lo, n - hi) for n, (lo, hi) in zip(r.size, cut, strict=True))
        rest = tuple((lo - c, hi - d) for (lo, hi), (c, d) in zip(r.crop, cut, strict=True))
        yield {"removed_from_input": cut, "reading": name}, _cropped(replace(r, x=r.x[inner]), rest)


def _stride_phase(r: Reading) -> Variants:
    if r.transposed:  # a result that begins at another row has another crop, and is explained by that
        return
    most = max(r.stride, default=1)
    for phase in range(1, most):
        for axes in _subsets(a for a in range(r.ndim) if r.stride[a] > phase):
            shift = tuple(phase if a in axes else 0 for a in range(r.ndim))
            kept = tuple((lo - q, hi + q) for (lo, hi), q in zip(r.pads, shift, strict=True))
            yield {"phase": shift}, _cropped(r, kept)
            # Rows [q::s] of what stride 1 gives may be one fewer.
            cut = tuple((lo - q, hi) for (lo, hi), q in zip(r.pads, shift, strict=True))
            yield {"phase": shift}, _cropped(r, cut)


def _padding_mode(r: Reading) -> Variants:
    if r.pads == ((0, 0),) * r.ndim:
        return
    for mode in ("zeros", "reflect", "replicate", "circular", "symmetric"):
        if mode != r.mode:
            yield {"padding_mode": mode}, replace(r, mode=mode)
    if not r.transposed:
        half = tuple(((lo + 1) // 2, hi // 2) for lo, hi in r.pads)
        yield {"padding_mode": "circular", "pads": half}, replace(r, mode="circular", pads=half, same=None)


# --- stride, dilation, groups ----------------------------------------------------------------------------------------


def _dilated(r: Reading, dilation: Ints) -> Variants:
    if dilation != r.dilation and min(dilation) >= 1:
        for fitted in _refit(replace(r, dilation=dilation)):
            yield {"dilation": dilation}, fitted


def _dilation_ignored(r: Reading) -> Variants:
    yield from _dilated(r, (1,) * r.ndim)


def _dilation_zero_based(r: Reading) -> Variants:
    yield from _dilated(r, tuple(d + 1 for d in r.dilation))
    yield from _dilated(r, tuple(d - 1 for d in r.dilation))


def _dilation_axes_mixed(r: Reading) -> Variants:
    mixed = [(d,) * r.ndim for d in r.dilation] + list(permutations(r.dilation))
    for dilation in dict.fromkeys(mixed):
        yield from _dilated(r, dilation)


def _stride_ignored(r: Reading) -> Variants:
    if any(s > 1 for s in r.stride):
        for fitted in _refit(replace(r, stride=(1,) * r.ndim)):
            yield {"stride": (1,) * r.ndim}, fitted


def _axes_reversed(r: Reading) -> Variants:
    fields: dict[str, Any] = {
        "stride": r.stride,
        "padding": r.pads,
        "dilation": r.dilation,
        "output_padding": r.output_padding,
    }
    turned = {name: value[::-1] for name, value in fields.items() if value != value[::-1]}
    names = {"padding": "pads"}
    for chosen in _subsets(range(len(turned))):
        some = {name: turned[name] for i, name in enumerate(turned) if i in chosen}
        for fitted in _refit(replace(r, **{names.get(name, name): value for name, value in some.items()})):
            yield {"reversed": some}, fitted


def _groups_ignored(r: Reading) -> Variants:
    if r.groups == 1:
        return
    one = replace(r, groups=1)
    g, per = r.groups, r.w.shape[1]
    if r.transposed:
        bias = None if r.bias is None else r.bias[: r.w.shape[1]]
        yield {"groups": 1}, replace(one, bias=bias)
        tiled = np.concatenate([r.w] * g, axis=1)
        yield {"groups": 1, "weight": "repeated for every group"}, replace(one, w=tiled)
        return
    yield {"groups": 1, "weight": "repeated for every group"}, replace(one, w=np.concatenate([r.w] * g, axis=1))
    yield {"groups": 1, "input": "first channels only"}, replace(one, x=r.x[:, :per])


def _interleaved(a: Array, groups: int, axis: int) -> Array:
    """Channel `g*n + j` in the place of `j*groups + g`; undone by another call, with n groups."""
    shape = a.shape
    split = a.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])
    return split.swapaxes(axis, axis + 1).reshape(shape)


def _groups_interleaved(r: Reading) -> Variants:
    g = r.groups
    if g == 1:
        return
    per_in, per_out = r.x.shape[1] // g, r.out_channels // g

    def out(a: Array) -> Array:
        return _interleaved(a, g, a.ndim - r.ndim - 1)

    def out_inverse(a: Array) -> Array:
        return _interleaved(a, per_out, a.ndim - r.ndim - 1)

    def swapped(a: Array) -> Array:
        axis = a.ndim - r.ndim - 1
        split = a.reshape(*a.shape[:axis], g, per_out, *a.shape[axis + 1 :])
        return np.flip(split, axis).reshape(a.shape)

    mixed = replace(r, x=_interleaved(r.x, per_in, 1)) if per_in > 1 else None
    mixed_inverse = replace(r, x=_interleaved(r.x, g, 1)) if per_in > 1 else None
    if mixed is not None and mixed_inverse is not None:
        yield {"interleaved": "input"}, mixed
        yield {"interleaved": "input, the other way"}, mixed_inverse
        if per_out > 1:
            yield {"interleaved": "input and output"}, mixed.with_view(out)
            yield {"interleaved": "input and output, the other way"}, mixed_inverse.with_view(out_inverse)
    if per_out > 1:
        yield {"interleaved": "output"}, r.with_view(out)
        yield {"interleaved": "output, the other way"}, r.with_view(out_inverse)
    yield {"order": "groups of the output reversed"}, r.with_view(swapped)
    backwards = np.flip(r.x.reshape(r.x.shape[0], g, per_in, *r.size), 1).reshape(r.x.shape)
    yield {"order": "groups of the input reversed"}, replace(r, x=backwards)


def _groups_dilation_exchanged(r: Reading) -> Variants:
    if len(set(r.dilation)) == 1 and r.dilation[0] != r.groups:
        d = r.dilation[0]
        bias = r.bias
        if r.transposed and bias is not None and bias.shape[0] != r.w.shape[1] * d:
            bias = None
        exchanged = replace(r, groups=d, dilation=(r.groups,) * r.ndim, bias=bias)
        for fitted in _refit(exchanged):
            yield {"groups": d, "dilation": r.groups}, fitted


# --- bias, conjugate, other operations -------------------------------------------------------------------------------


def _bias_missing(r: Reading) -> Variants:
    if r.bias is not None:
        yield {}, replace(r, bias=None)


def _bias_misplaced(r: Reading) -> Variants:
    if r.bias is None:
        return
    flat, o, g = r.bias.ravel(), r.out_channels, r.groups
    column = (-1, *(1,) * r.ndim)
    yield {"bias": "added twice"}, replace(r, bias=2 * r.bias)
    yield {"bias": "subtracted"}, replace(r, bias=-r.bias)
    if g > 1:
        yield {"bias": "of the first group in every group"}, replace(r, bias=np.tile(flat[: o // g], g).reshape(column))
        if o != g:
            per_group = np.repeat(flat[:g], o // g)
            yield {"bias": "one per group"}, replace(r, bias=per_group.reshape(column))
            yield {"bias": "interleaved"}, replace(r, bias=_interleaved(flat, g, 0).reshape(column))
            yield {"bias": "interleaved, the other way"}, replace(r, bias=_interleaved(flat, o // g, 0).reshape(column))
    yield {"bias": "first value for every channel"}, replace(r, bias=np.full_like(r.bias, flat[0]))
    yield {"bias": "channels reversed"}, replace(r, bias=r.bias[::-1])
    for axis in range(r.ndim):
        if r.out_size[axis] == o and o > 1:
            shape = (1, *(-1 if a == axis else 1 for a in range(r.ndim)))
            yield {"bias": f"along spatial axis {axis}"}, replace(r, bias=flat.reshape(shape))
    if r.x.shape[1] == o:
        yield {"bias": "added to the input"}, replace(r, x=r.x + r.bias, bias=None)
    if r.transposed and any(lo < 0 or hi < 0 for lo, hi in r.crop):
        # Added before zeros were appended: they have none.
        inside: Array = np.ones((), bool)
        for m, f, (lo, _) in _zip3(r.out_size, r.full, r.crop):
            place = np.arange(m) + lo
            inside = inside[..., None] & ((place >= 0) & (place < f))
        yield {"bias": "not where zeros are appended"}, replace(r, bias=r.bias * inside)


def _conjugate_missing(r: Reading) -> Variants:
    if np.iscomplexobj(r.w):
        yield {"conjugated": "weight"}, replace(r, w=r.w.conj())
        yield {"conjugated": "input"}, replace(r, x=r.x.conj())


def _transposed_exchanged(r: Reading) -> Variants:
    if r.mode not in ("zeros", "reflect", "replicate", "circular"):
        return
    bias_fits = r.bias is None
    other = replace(r, transposed=not r.transposed, output_padding=(0,) * r.ndim)
    for how, w in (("weight as it is", r.w), ("channels exchanged", r.w.swapaxes(0, 1))):
        for g in dict.fromkeys((r.groups, 1)):
            candidate = replace(other, w=w, groups=g)
            keeps = bias_fits or (r.bias is not None and candidate.out_channels == r.bias.shape[0])
            for fitted in _refit(candidate if keeps else replace(candidate, bias=None)):
                yield {"called": "conv" if r.transposed else "conv_transpose", "how": how, "groups": g}, fitted


def _upsample_then_conv(r: Reading) -> Variants:
    if not r.transposed or all(s == 1 for s in r.stride):
        return
    x = r.x
    for axis, s in enumerate(r.stride):
        x = np.repeat(x, s, axis=axis + 2)
    one = (1,) * r.ndim
    base = replace(r, transposed=False, x=x, w=r.gather_weight(), stride=one, output_padding=(0,) * r.ndim, same=None)
    half = tuple(((e - 1) // 2, e - 1 - (e - 1) // 2) for e in r.extent)
    pads = {
        "same": half,
        "same_lower": tuple((hi, lo) for lo, hi in half),
        "padding": r.pads,
        "full, less padding": tuple((e - 1 - lo, e - 1 - hi) for e, (lo, hi) in zip(r.extent, r.crop, strict=True)),
        "none": ((0, 0),) * r.ndim,
    }
    for axes in ((), tuple(range(r.ndim))):
        for name, pairs in pads.items():
            yield {"pads": name, "kernel_flipped": bool(axes)}, replace(flipped(base, axes), pads=pairs)


# --- the table -------------------------------------------------------------------------------------------------------

KINDS: tuple[Kind, ...] = (
    Kind(
        "bias_missing",
        "The bias was not added.",
        "Pass the bias, or add it to the result.",
        _bias_missing,
    ),
    Kind(
        "bias_misplaced",
        "The bias was added to other elements, or another number of times.",
        "Give one value per output channel, and add it once.",
        _bias_misplaced,
    ),
    Kind(
        "conjugate_missing",
        "One operand was conjugated: the adjoint against the transpose.",
        "conj() the weight on one side; NumPy's and SciPy's correlate conjugate their second argument.",
        _conjugate_missing,
    ),
    Kind(
        "kernel_flipped",
        "The kernel was reversed: convolution against correlation, or JAX's conv_transpose without transpose_kernel.",
        "Flip the weight along these spatial axes before one of the calls.",
        _kernel_flipped,
    ),
    Kind(
        "channels_swapped",
        "Input and output channels of the weight were exchanged.",
        "weight.swapaxes(0, 1) (per group) before one of the calls.",
        _channels_swapped,
    ),
    Kind(
        "output_axes_swapped",
        "The spatial axes of the result were transposed.",
        "Transpose the result back; check the order of height and width.",
        _output_axes_swapped,
    ),
    Kind(
        "groups_ignored",
        "All channels were seen by all outputs, as with groups=1.",
        "Pass groups.",
        _groups_ignored,
    ),
    Kind(
        "groups_interleaved",
        "Channels were dealt to the groups, or out of them, in another order.",
        "Order channels group by group: channel = group * size + index.",
        _groups_interleaved,
    ),
    Kind(
        "groups_dilation_exchanged",
        "groups and dilation changed places.",
        "Pass both by name: their order differs between conv and conv_transpose.",
        _groups_dilation_exchanged,
    ),
    Kind(
        "stride_ignored",
        "Stride 1 was used.",
        "Pass the stride.",
        _stride_ignored,
    ),
    Kind(
        "dilation_ignored",
        "Dilation 1 was used.",
        "Pass the dilation.",
        _dilation_ignored,
    ),
    Kind(
        "dilation_zero_based",
        "Dilation was counted from another origin: d zeros between taps, against d - 1.",
        "Subtract or add one: oneDNN calls a dense kernel dilation 0.",
        _dilation_zero_based,
    ),
    Kind(
        "dilation_axes_mixed",
        "The dilation of one axis was used on another.",
        "Give one dilation per axis, in the order of the array's axes.",
        _dilation_axes_mixed,
    ),
    Kind(
        "axes_reversed",
        "Per-axis arguments were read in reverse order: width first.",
        "Reverse these arguments in one of the calls.",
        _axes_reversed,
    ),
    Kind(
        "pads_misread",
        "A list of pads was read in another order.",
        "Check the order: [begins, ends] in ONNX, (begin, end) per axis in JAX, last axis first in torch's F.pad.",
        _pads_misread,
    ),
    Kind(
        "output_padding_dropped",
        "output_padding was left out.",
        "Pass it, or ask for the output size.",
        _output_padding_dropped,
    ),
    Kind(
        "output_padding_zero_filled",
        "The rows that output_padding adds are zeros where they should be computed.",
        "Crop less of the full result instead of appending zeros.",
        _output_padding_zero_filled,
    ),
    Kind(
        "output_padding_scaled",
        "output_padding was multiplied by the stride.",
        "output_padding counts output pixels.",
        _output_padding_scaled,
    ),
    Kind(
        "zeros_misplaced",
        "The kernel is shorter than the stride, or the result longer than the full one, and the zeros went elsewhere.",
        "Crop or pad one of the results; the places are in the parameters.",
        _zeros_misplaced,
    ),
    Kind(
        "padding_of_dilated_input",
        "padding was taken as padding of the zero-stuffed input: crop extent - 1 - padding.",
        "Pass extent - 1 - padding (JAX: or use_consistent_padding=True).",
        _padding_of_dilated_input,
    ),
    Kind(
        "padding_of_input",
        "padding was added to the input instead of cropped from the result.",
        "Crop the full result by padding.",
        _padding_of_input,
    ),
    Kind(
        "size_formula",
        "Another formula for the output size was used.",
        "Pass the padding as numbers.",
        _size_formula,
    ),
    Kind(
        "padding_symmetrised",
        "Unequal padding was made equal at both ends, or shared out anew.",
        "Pad explicitly before the call, or crop after it.",
        _padding_symmetrised,
    ),
    Kind(
        "crop_before_dilation",
        "A crop was applied to the input before its zeros were put in.",
        "Crop the full result, not the input.",
        _crop_before_dilation,
    ),
    Kind(
        "stride_phase",
        "Every s-th row was taken from another first row.",
        "Start at row 0: result[0::stride].",
        _stride_phase,
    ),
    Kind(
        "padding_mode",
        "The border was filled in another way.",
        "Pass padding_mode, or pad before the call.",
        _padding_mode,
    ),
    Kind(
        "data_layout",
        "Channels and positions of an array were taken in another order.",
        "Transpose the array (not reshape) to the layout the call reads.",
        _data_layout,
    ),
    Kind(
        "weight_layout",
        "The weight's axes were taken in another order.",
        "Transpose the weight (not reshape) to the layout the call reads.",
        _weight_layout,
    ),
    Kind(
        "transposed_exchanged",
        "A convolution was called for a transposed one, or the other way round.",
        "Call the other one.",
        _transposed_exchanged,
    ),
    Kind(
        "upsample_then_conv",
        "The input was enlarged by repetition and convolved, which is no transposed convolution.",
        "Call a transposed convolution, or enlarge with zeros and flip the kernel.",
        _upsample_then_conv,
    ),
    Kind(
        "integer_wrapped",
        "Sums were kept in a narrower integer type and wrapped around.",
        "Widen the arrays before the call.",
    ),
    Kind(
        "integer_in_float",
        "Integers were summed in floating point and rounded.",
        "Use an integer method, or a wider float.",
    ),
    Kind(
        "reduced_precision",
        "Numbers were rounded to a narrower format.",
        "Ask the framework for full precision (torch: allow_tf32 = False; JAX: precision='highest').",
    ),
    Kind(
        "crop_shifted",
        "The result was cut from the full one (or its windows start) at other places.",
        "Crop or pad by the amounts found, where the call claims others.",
    ),
    Kind(
        "scaled",
        "The result is a multiple of the right one.",
        "Divide by the factor.",
    ),
)

BY_NAME = {kind.name: kind for kind in KINDS}
