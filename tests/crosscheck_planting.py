"""Mistakes to plant: each function computes what a framework that makes one mistake would return.

They know nothing of `npconvt._crosscheck`: each is written with the library's own calls, NumPy, and nothing else.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npconvt
from npconvt import Case, probe

Array = NDArray[Any]


@dataclass(frozen=True)
class Call:
    """A call with a batch axis, every argument written out, and the arrays it is made with."""

    transposed: bool
    x: Array
    w: Array
    b: Array | None
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1
    output_padding: tuple[int, ...] = ()
    padding_mode: str = "zeros"

    @property
    def ndim(self) -> int:
        return self.x.ndim - 2

    @property
    def extent(self) -> tuple[int, ...]:
        return tuple(d * (k - 1) + 1 for k, d in zip(self.w.shape[2:], self.dilation, strict=True))

    @property
    def out_channels(self) -> int:
        return self.w.shape[1] * self.groups if self.transposed else self.w.shape[0]

    def params(self) -> dict[str, Any]:
        params = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}
        if self.padding_mode != "zeros":
            params["padding_mode"] = self.padding_mode
        return params | ({"output_padding": self.output_padding} if self.transposed else {})

    def op(self) -> str:
        return f"conv{'_transpose' * self.transposed}{self.ndim}d"

    def run(self, **changes: Any) -> Array:
        call = replace(self, **changes)
        return getattr(npconvt, call.op())(call.x, call.w, call.b, **call.params())

    def full(self) -> Array:
        """The transposed result without crop and bias."""
        zero = (0,) * self.ndim
        return self.run(padding=((0, 0),) * self.ndim, output_padding=zero, b=None)

    def cut(self, full: Array, crop: tuple[tuple[int, int], ...]) -> Array:
        """A full result cropped (negative amounts append zeros), with the bias added."""
        for axis, (lo, hi) in enumerate(crop, start=2):
            full = np.pad(full, [(max(-lo, 0), max(-hi, 0)) if a == axis else (0, 0) for a in range(full.ndim)])
            full = full.take(range(max(lo, 0), full.shape[axis] - max(hi, 0)), axis=axis)
        return full if self.b is None else full + self.column()

    def column(self) -> Array:
        return self.b.reshape(-1, *(1,) * self.ndim)

    def crop(self) -> tuple[tuple[int, int], ...]:
        return tuple((lo, hi - op) for (lo, hi), op in zip(self.padding, self.output_padding, strict=True))


class UnsuitedError(Exception):
    """The call drawn has no room for this mistake."""


def need(condition: object) -> None:
    if not condition:
        raise UnsuitedError


Plant = Callable[[Call, np.random.Generator], tuple[Array, dict[str, Any]]]
PLANTS: dict[str, Plant] = {}


def plant(function: Plant) -> Plant:
    """Register a planting function, which returns the wrong result and parameters that the report must give."""
    PLANTS[function.__name__] = function
    return function


def some_axes(call: Call, rng: np.random.Generator, usable: list[int]) -> tuple[int, ...]:
    need(usable)
    count = int(rng.integers(1, len(usable) + 1))
    return tuple(sorted(int(a) for a in rng.choice(usable, count, replace=False)))


@plant
def kernel_flipped(call: Call, rng: np.random.Generator):
    axes = some_axes(call, rng, [a for a in range(call.ndim) if call.w.shape[a + 2] > 1])
    return call.run(w=np.flip(call.w, tuple(a + 2 for a in axes))), {"axes": axes}


@plant
def channels_swapped(call: Call, rng: np.random.Generator):
    g, (a, b) = call.groups, call.w.shape[:2]
    need(a // g == b > 1)
    blocks = [call.w[i * b : (i + 1) * b].swapaxes(0, 1) for i in range(g)]
    return call.run(w=np.concatenate(blocks)), {}


@plant
def weight_layout(call: Call, rng: np.random.Generator):
    order = [(2, 1, 0), (2, 0, 1), (0, 2, 1)] if call.ndim == 1 else None
    if order is None:
        sp = tuple(range(2, call.w.ndim))
        order = [(*sp, 1, 0), (*sp, 0, 1), (0, *sp, 1), (1, *sp, 0)]
    chosen = order[int(rng.integers(len(order)))]
    if rng.random() < 0.5:  # a layer that takes HWIO, fed with the bytes of OIHW
        read = call.w.ravel().reshape([call.w.shape[i] for i in chosen])
        return call.run(w=read.transpose(np.argsort(chosen))), {"how": "memory"}
    moved = call.w.transpose(chosen)
    need(moved.shape == call.w.shape)
    return call.run(w=moved), {}


@plant
def data_layout(call: Call, rng: np.random.Generator):
    if rng.random() < 0.5:
        return np.moveaxis(call.run(), 1, -1), {"array": "output"}
    x = call.x.ravel().reshape(call.x.shape[0], *call.x.shape[2:], call.x.shape[1])
    return call.run(x=np.moveaxis(x, -1, 1)), {"array": "input"}


@plant
def crop_shifted(call: Call, rng: np.random.Generator):
    shift = tuple(int(v) for v in rng.integers(-2, 3, call.ndim))
    need(any(shift))
    if call.transposed:
        crop = tuple((lo + q, hi - q) for (lo, hi), q in zip(call.crop(), shift, strict=True))
        return call.cut(call.full(), crop), {"crop": crop}
    pads = tuple((lo + q, hi - q) for (lo, hi), q in zip(call.padding, shift, strict=True))
    return call.run(padding=pads), {"shift": shift}


@plant
def padding_of_dilated_input(call: Call, rng: np.random.Generator):
    need(call.transposed)
    crop = tuple((e - 1 - lo, e - 1 - hi) for e, (lo, hi) in zip(call.extent, call.padding, strict=True))
    return call.cut(call.full(), crop), {"crop": crop}


@plant
def padding_of_input(call: Call, rng: np.random.Generator):
    need(call.transposed and any(map(any, call.padding)))
    padded = np.pad(call.x, [(0, 0), (0, 0), *call.padding])
    zero = (0,) * call.ndim
    return call.run(x=padded, padding=((0, 0),) * call.ndim, output_padding=zero), {}


@plant
def output_padding_dropped(call: Call, rng: np.random.Generator):
    need(any(call.output_padding))
    return call.run(output_padding=(0,) * call.ndim), {"output_padding": call.output_padding}


@plant
def output_padding_zero_filled(call: Call, rng: np.random.Generator):
    # Rows beyond the full result are zeros anyway.
    need(any(op and hi > 0 for op, (_, hi) in zip(call.output_padding, call.padding, strict=True)))
    inner = call.run(output_padding=(0,) * call.ndim, b=None)
    grown = np.pad(inner, [(0, 0), (0, 0), *((0, op) for op in call.output_padding)])
    if call.b is not None and rng.random() < 0.5:
        return grown + call.column(), {}
    smaller = call.run(output_padding=(0,) * call.ndim)
    return np.pad(smaller, [(0, 0), (0, 0), *((0, op) for op in call.output_padding)]), {}


@plant
def output_padding_scaled(call: Call, rng: np.random.Generator):
    need(any(op * (s - 1) for op, s in zip(call.output_padding, call.stride, strict=True)))
    scaled = tuple(op * s for op, s in zip(call.output_padding, call.stride, strict=True))
    crop = tuple((lo, hi - op) for (lo, hi), op in zip(call.padding, scaled, strict=True))
    return call.cut(call.full(), crop), {"output_padding": scaled}


@plant
def zeros_misplaced(call: Call, rng: np.random.Generator):
    need(call.transposed and any(sum(pair) < 0 for pair in call.crop()))
    start = tuple((lo + hi, 0) if lo + hi < 0 else (lo, hi) for lo, hi in call.crop())
    return call.cut(call.full(), start), {"crop": start}


@plant
def dilation_ignored(call: Call, rng: np.random.Generator):
    need(max(call.dilation) > 1)
    return call.run(dilation=(1,) * call.ndim, output_padding=within(call, dilation=(1,) * call.ndim)), {}


def within(call: Call, **changes: Any) -> tuple[int, ...]:
    """The output padding, if the call allows it with these changes."""
    other = replace(call, **changes)
    limits = [max(s, d) for s, d in zip(other.stride, other.dilation, strict=True)]
    need(not call.transposed or all(op < most for op, most in zip(call.output_padding, limits, strict=True)))
    return call.output_padding


@plant
def dilation_zero_based(call: Call, rng: np.random.Generator):
    dilation = tuple(d + 1 for d in call.dilation)
    if min(call.dilation) > 1 and rng.random() < 0.5:
        dilation = tuple(d - 1 for d in call.dilation)
    return call.run(dilation=dilation, output_padding=within(call, dilation=dilation)), {"dilation": dilation}


@plant
def dilation_axes_mixed(call: Call, rng: np.random.Generator):
    need(len(set(call.dilation)) > 1)
    used = (int(rng.choice(call.dilation)),) * call.ndim
    return call.run(dilation=used, output_padding=within(call, dilation=used)), {"dilation": used}


@plant
def stride_ignored(call: Call, rng: np.random.Generator):
    need(max(call.stride) > 1)
    one = (1,) * call.ndim
    return call.run(stride=one, output_padding=within(call, stride=one)), {"stride": one}


@plant
def crop_before_dilation(call: Call, rng: np.random.Generator):
    need(call.transposed and any(max(lo, hi) > 0 for lo, hi in call.padding))
    cut = tuple((max(lo, 0), max(hi, 0)) for lo, hi in call.padding)
    inner = tuple(slice(lo, n - hi) for n, (lo, hi) in zip(call.x.shape[2:], cut, strict=True))
    x = call.x[(slice(None), slice(None), *inner)]
    need(min(x.shape) > 0)
    rest = tuple((min(lo, 0), min(hi, 0)) for lo, hi in call.padding)
    return call.run(x=x, padding=rest), {}


@plant
def axes_reversed(call: Call, rng: np.random.Generator):
    changes = {n: getattr(call, n)[::-1] for n in ("stride", "padding", "dilation", "output_padding")}
    names = [n for n, v in changes.items() if v != getattr(call, n)]
    need(names)
    if rng.random() < 0.5:
        names = [names[int(rng.integers(len(names)))]]
    chosen = {n: changes[n] for n in names}
    within(call, **chosen)
    return call.run(**chosen), {}


@plant
def pads_misread(call: Call, rng: np.random.Generator):
    begins, ends = zip(*call.padding, strict=True)
    flat = (*begins, *ends)  # as ONNX lists them
    pads = tuple(zip(flat[::2], flat[1::2], strict=True)) if call.ndim > 1 else tuple(zip(ends, begins, strict=True))
    need(pads != call.padding)
    return call.run(padding=pads), {"pads": pads}


@plant
def padding_symmetrised(call: Call, rng: np.random.Generator):
    need(not any(call.output_padding) and any(lo != hi for lo, hi in call.padding))
    rules = ((0, 0), (1, 1))
    rule = rules[int(rng.integers(2))]
    pads = tuple((pair[rule[0]], pair[rule[1]]) for pair in call.padding)
    return call.run(padding=pads), {"pads": pads}


@plant
def groups_ignored(call: Call, rng: np.random.Generator):
    need(call.groups > 1)
    if call.transposed:
        bias = None if call.b is None else call.b[: call.w.shape[1]]
        return call.run(groups=1, b=bias), {"groups": 1}
    return call.run(groups=1, x=call.x[:, : call.w.shape[1]]), {"groups": 1}


@plant
def groups_interleaved(call: Call, rng: np.random.Generator):
    g = call.groups
    per_in, per_out = call.x.shape[1] // g, call.out_channels // g
    need(g > 1)
    if per_in > 1 and rng.random() < 0.5:  # channel c belongs to group c % g
        order = [c for j in range(g) for c in range(call.x.shape[1]) if c % g == j]
        return call.run(x=call.x[:, order]), {}
    need(per_out > 1)
    result = call.run()
    order = [j * per_out + i for i in range(per_out) for j in range(g)]
    return result[:, order], {}


@plant
def groups_dilation_exchanged(call: Call, rng: np.random.Generator):
    d, g = call.dilation[0], call.groups
    need(call.transposed and len(set(call.dilation)) == 1 and d != g and call.x.shape[1] % d == 0)
    need(call.b is None)
    dilation = (g,) * call.ndim
    return call.run(groups=d, dilation=dilation, output_padding=within(call, dilation=dilation)), {
        "groups": d,
        "dilation": g,
    }


@plant
def bias_missing(call: Call, rng: np.random.Generator):
    need(call.b is not None)
    return call.run(b=None), {}


@plant
def bias_misplaced(call: Call, rng: np.random.Generator):
    need(call.b is not None)
    if rng.random() < 0.4:
        return call.run(b=2 * call.b), {"bias": "added twice"}
    g = call.groups
    if g > 1:
        return call.run(b=np.tile(call.b[: call.out_channels // g], g)), {}
    need(call.out_channels > 1)
    y = call.run(b=None)
    if y.shape[-1] == call.out_channels:
        return y + call.b, {"bias": f"along spatial axis {call.ndim - 1}"}
    return call.run(b=call.b[::-1]), {}


@plant
def padding_mode(call: Call, rng: np.random.Generator):
    need(any(max(pair) > 0 for pair in call.padding))
    modes = [m for m in ("zeros", "reflect", "replicate", "circular") if m != call.padding_mode]
    mode = modes[int(rng.integers(len(modes)))]
    return call.run(padding_mode=mode), {"padding_mode": mode}


@plant
def conjugate_missing(call: Call, rng: np.random.Generator):
    need(np.iscomplexobj(call.w))
    return call.run(w=call.w.conj()), {"conjugated": "weight"}


@plant
def size_formula(call: Call, rng: np.random.Generator):
    if not call.transposed:
        rest = [
            (n + lo + hi - e) % s
            for n, (lo, hi), e, s in zip(call.x.shape[2:], call.padding, call.extent, call.stride, strict=True)
        ]
        if any(rest) and rng.random() < 0.5:
            more = [s - r if r else 0 for s, r in zip(call.stride, rest, strict=True)]
            pads = tuple((lo, hi + m) for (lo, hi), m in zip(call.padding, more, strict=True))
            return call.run(padding=pads), {}
    need(any(map(any, call.padding)))
    zero = ((0, 0),) * call.ndim
    return call.run(padding=zero, output_padding=(0,) * (call.ndim if call.transposed else 0)), {"formula": "valid"}


@plant
def stride_phase(call: Call, rng: np.random.Generator):
    need(min(call.stride) > 1 and not call.transposed)
    dense = call.run(stride=(1,) * call.ndim)
    return dense[(..., *(slice(1, None, s) for s in call.stride))], {"phase": (1,) * call.ndim}


@plant
def transposed_exchanged(call: Call, rng: np.random.Generator):
    need(call.groups == 1 and call.b is None)
    w = call.w if call.w.shape[0 if not call.transposed else 1] == call.x.shape[1] else call.w.swapaxes(0, 1)
    zero = () if call.transposed else (0,) * call.ndim
    return call.run(transposed=not call.transposed, w=w, output_padding=zero), {}


@plant
def upsample_then_conv(call: Call, rng: np.random.Generator):
    need(call.transposed and max(call.stride) > 1 and call.groups == 1)
    x = call.x
    for axis, s in enumerate(call.stride, start=2):
        x = x.repeat(s, axis=axis)
    pads = tuple(((e - 1) // 2, e - 1 - (e - 1) // 2) for e in call.extent)
    one = (1,) * call.ndim
    w = call.w.swapaxes(0, 1)
    return call.run(transposed=False, x=x, w=w, stride=one, padding=pads, output_padding=()), {}


@plant
def output_axes_swapped(call: Call, rng: np.random.Generator):
    orders = list(permutations(range(call.ndim)))[1:]
    need(orders)
    order = orders[int(rng.integers(len(orders)))]
    return call.run().transpose(0, 1, *(a + 2 for a in order)), {"axes": order}


@plant
def scaled(call: Call, rng: np.random.Generator):
    factor = float(rng.choice([0.5, 2, -1, 3, 1 / np.prod(call.w.shape[2:])]))
    need(factor != 1)
    return (factor * call.run()).astype(call.x.dtype), {}


# --- arithmetic ------------------------------------------------------------------------------------------------------


def to_tf32(a: Array) -> Array:
    """float32 with 10 digits after the point, nearest-even, on the bits."""
    bits = a.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = bits + 0xFFF + ((bits >> 13) & 1)
    return (bits >> 13 << 13).astype(np.uint32).view(np.float32)


def to_bfloat16(a: Array) -> Array:
    bits = a.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = bits + 0x7FFF + ((bits >> 16) & 1)
    return (bits >> 16 << 16).astype(np.uint32).view(np.float32)


def truncated_bfloat16(a: Array) -> Array:
    return (a.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


ROUNDINGS = {
    "TF32": to_tf32,
    "bfloat16": to_bfloat16,
    "float16": lambda a: a.astype(np.float16).astype(np.float32),
    "truncated bfloat16": truncated_bfloat16,
}


def reduced_precision(call: Call, rng: np.random.Generator):
    name = list(ROUNDINGS)[int(rng.integers(len(ROUNDINGS)))]
    to = ROUNDINGS[name]
    return call.run(x=to(call.x), w=to(call.w)), {"format": name.removeprefix("truncated ")}


def float32_as_float64(call: Call, rng: np.random.Generator):
    b = None if call.b is None else call.b.astype(np.float32)
    single = call.run(x=call.x.astype(np.float32), w=call.w.astype(np.float32), b=b)
    return single.astype(np.float64), {"format": "float32"}


def integer_wrapped(call: Call, rng: np.random.Generator):
    name = str(rng.choice(["int8", "int16", "int32"]))
    return call.run().astype(name).astype(str(rng.choice([name, "int64"]))), {"type": name}


def integer_in_float(call: Call, rng: np.random.Generator):
    name = str(rng.choice(["float32", "float64"]))
    b = None if call.b is None else call.b.astype(name)
    result = call.run(x=call.x.astype(name), w=call.w.astype(name), b=b)
    return result.astype(str(rng.choice([name, "int64"]))), {"type": name}


ARITHMETIC: dict[str, tuple[str, str, Plant]] = {
    "reduced_precision": ("precision", "float32", reduced_precision),
    "reduced_precision ": ("precision", "float64", float32_as_float64),
    "integer_wrapped": ("overflow", "int64", integer_wrapped),
    "integer_in_float": ("overflow", "int64", integer_in_float),
}


def two(first: str, second: str) -> Plant:
    """A mistake in the weight or the data, and another of crop or precision."""

    def both(call: Call, rng: np.random.Generator):
        if first == "reduced_precision":
            to = ROUNDINGS[str(rng.choice(["TF32", "bfloat16"]))]
            wrong, _ = changed(call, replace(call, x=to(call.x), w=to(call.w)), PLANTS[second], rng)
            return wrong.astype(np.float32), {}
        w, x = call.w, call.x
        if first == "kernel_flipped":
            need(max(w.shape[2:]) > 1)
            w = np.flip(w, tuple(range(2, w.ndim)))
        elif first == "weight_layout":
            order = (*range(2, w.ndim), 1, 0)
            w = w.ravel().reshape([w.shape[i] for i in order]).transpose(np.argsort(order))
        elif first == "data_layout":
            x = np.moveaxis(x.ravel().reshape(x.shape[0], *x.shape[2:], x.shape[1]), -1, 1)
        alone = replace(call, w=w, x=x)
        need((alone.run() != call.run()).any())
        return changed(call, alone, PLANTS[second], rng)

    return both


def changed(right: Call, mistaken: Call, function: Plant, rng: np.random.Generator) -> tuple[Array, dict[str, Any]]:
    """The second mistake made in a mistaken call; each of both has to show, with the other and without."""
    seed = int(rng.integers(2**31))
    second, _ = function(right, np.random.default_rng(seed))
    both, parameters = function(mistaken, np.random.default_rng(seed))
    for one, other in ((second, right.run()), (both, mistaken.run()), (both, second)):
        need(one.shape != other.shape or (one != other).any())
    return both, parameters


PAIRS = {
    f"{a}+{b}": two(a, b)
    for a, b in (
        ("kernel_flipped", "crop_shifted"),
        ("kernel_flipped", "padding_of_dilated_input"),
        ("weight_layout", "kernel_flipped"),
        ("data_layout", "kernel_flipped"),
        ("weight_layout", "crop_shifted"),
        ("data_layout", "crop_shifted"),
        ("data_layout", "padding_of_dilated_input"),
        ("weight_layout", "stride_phase"),
        ("weight_layout", "output_padding_zero_filled"),
        ("data_layout", "crop_before_dilation"),
    )
}
PRECISE_PAIRS = {
    f"reduced_precision+{name}": two("reduced_precision", name)
    for name in (
        "kernel_flipped",
        "crop_shifted",
        "bias_missing",
        "dilation_ignored",
        "output_axes_swapped",
        "output_padding_zero_filled",
        "scaled",
    )
}


# --- drawing ---------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator, kind: str, dtype: str, name: str, *, ndim: int | None = None) -> Call:
    """A random call made of the arrays of a probe, with room for the mistake named (for the second of two)."""
    name = name.split("+")[-1]
    ndim = int(rng.choice([1, 2, 2, 3])) if ndim is None else ndim
    transposed = bool(rng.random() < 0.6)
    groups = int(rng.choice([1, 2, 3])) if rng.random() < 0.5 or name.startswith("groups_i") else 1
    per_in, per_out = (int(v) for v in rng.integers(1, 4, 2))
    if name == "channels_swapped":
        per_out = per_in
    if name == "groups_dilation_exchanged":
        per_in = int(rng.choice([2, 4, 6]))
    kernel = tuple(int(v) for v in rng.integers(1, 5 if ndim < 3 else 4, ndim))
    stride = tuple(int(v) for v in rng.integers(1, 4 if name != "zeros_misplaced" else 6, ndim))
    dilation = tuple(int(v) for v in rng.integers(1, 4, ndim)) if rng.random() < 0.5 else (1,) * ndim
    if name in ("dilation_ignored", "groups_dilation_exchanged") and rng.random() < 0.7:
        dilation = (int(rng.integers(2, 4)),) * ndim
    padding = tuple((int(lo), int(hi)) for lo, hi in rng.integers(0, 3, (ndim, 2)))
    if rng.random() < 0.3:
        padding = tuple((lo, lo) for lo, _ in padding)
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(int(rng.integers(3, 7)) if transposed else e + int(rng.integers(2, 8)) for e in extent)
    added = tuple(int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True))
    output_padding = added if transposed and (name.startswith("output_") or name == "zeros_misplaced") else (0,) * ndim
    channels, free = per_in * groups, per_out * groups
    weight_shape = (channels, per_out, *kernel) if transposed else (free, per_in, *kernel)
    params: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        params["output_padding"] = output_padding
    bias = bool(rng.random() < 0.4) or name.startswith("bias")
    case = probe(
        f"conv{'_transpose' * transposed}{ndim}d",
        (int(rng.integers(1, 3)), channels, *size),
        weight_shape,
        kind=kind,
        dtype=dtype,
        bias=bias,
        seed=int(rng.integers(2**31)),
        **params,
    )
    return Call(
        transposed,
        np.array(case.input),
        np.array(case.weight),
        None if case.bias is None else np.array(case.bias),
        stride,
        padding,
        dilation,
        groups,
        output_padding if transposed else (),
    )


def planted(
    rng: np.random.Generator, name: str, *, ndim: int | None = None, transposed: bool | None = None
) -> tuple[Case, Array, dict[str, Any]]:
    """A case, what somebody who makes the named mistake gets for it, and parameters that the report must give."""
    if name in ARITHMETIC:
        kind, dtype, function = ARITHMETIC[name]
    elif name in PRECISE_PAIRS:
        kind, dtype, function = "precision", "float32", PRECISE_PAIRS[name]
    else:
        function = {**PLANTS, **PAIRS}[name]
        kind, dtype = ("conjugate", "complex64") if name == "conjugate_missing" else ("convention", "float32")
    for _ in range(5000):
        try:
            call = draw(rng, kind, dtype, name, ndim=ndim)
            need(transposed is None or call.transposed == transposed)
            right = call.run()
            wrong, parameters = function(call, rng)
        except (UnsuitedError, ValueError):
            continue
        # A mistake that changes nothing, or leaves next to nothing to look at, is none.
        if wrong.shape == right.shape and (wrong == right).all():
            continue
        if np.count_nonzero(wrong) < 12 or right.size < 12:
            continue
        case = Case(call.op(), call.x, call.w, call.b, call.params())
        return case, wrong, parameters
    raise UnsuitedError(name)


def names() -> Iterator[str]:
    yield from (*PLANTS, *ARITHMETIC, *PAIRS, *PRECISE_PAIRS)
