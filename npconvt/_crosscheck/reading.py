"""One reading of a call, and its value in whatever arithmetic its arrays have.

A hypothesis about what another framework did is a `Reading` that differs from the claimed one. Both directions, every
padding mode and every crop are one gather: along each axis a table says which input position each tap of each output
position reads. So a reading can be evaluated whole, or at a few output positions only, which is what makes a search
over hundreds of them cheap. It shares no code with the methods whose results are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from math import prod
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from npconvt import _arguments as arguments
from npconvt._case import Case, geometry_of

Array = NDArray[Any]
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
View = Callable[[Array], Array]

EXACT_FLOAT64 = 2**53


class Claim(Protocol):
    """What is needed of a `Case`: the call, without the promise that it can be made."""

    @property
    def op(self) -> str: ...
    @property
    def input(self) -> Array: ...
    @property
    def weight(self) -> Array: ...
    @property
    def bias(self) -> Array | None: ...
    @property
    def params(self) -> Mapping[str, Any]: ...


def claimed(call: str, case: Claim | Mapping[str, Any]) -> Claim:
    """The call that a case, a mapping with its fields or an object with them describes, be it possible or not."""
    if isinstance(case, Case):
        return case
    names = ("op", "input", "weight", "bias", "params", "output")
    fields = case if isinstance(case, Mapping) else {name: getattr(case, name) for name in names if hasattr(case, name)}
    if not isinstance(case, Mapping) and not fields:
        msg = f"{call}: case must be a Case, or a mapping with its fields, but got a {type(case).__name__}."
        raise TypeError(msg)
    if not {"op", "input", "weight"} <= set(fields) <= set(names):
        has = ", ".join(map(str, fields)) or "nothing"
        msg = f"{call}: case must have op, input and weight, and may have bias, params and output, but has {has}."
        raise ValueError(msg)
    params = {} if fields.get("params") is None else fields["params"]
    if not isinstance(params, Mapping):
        msg = f"{call}: params must be a mapping of names to values, but got a {type(params).__name__}."
        raise TypeError(msg)
    arrays = {
        name: None if name == "bias" and fields.get(name) is None else arguments.array(call, name, fields[name])
        for name in ("input", "weight", "bias")
    }
    claim = SimpleNamespace(op=fields["op"], params=params, output=fields.get("output"), **arrays)
    return cast("Claim", claim)


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """A call with every choice written out.

    Attributes
    ----------
    transposed : bool
        Direction.
    x : ndarray, shape (N, C, *sp)
        The input, with its batch axis.
    w : ndarray, shape (C_out, C/groups, *k), transposed (C, C_out/groups, *k)
        The weight in the layout of the call.
    bias : ndarray or None
        Broadcasts against `(N, C_out, *out)`.
    pads : tuple of pairs
        Zeros before and after; of a transposed call the crop of the full result. Negative amounts do the opposite.
    output_padding : tuple of int
        Rows a transposed call adds at the end: they lessen the crop there.
    same : str or None
        The word that `pads` came from, if one of "same", "same_lower".
    view : callable or None
        Moves elements of the result: applied to an array of their positions. Where `-1 - position` comes back, the
        element is blanked.
    filler : ndarray or None
        What blanked elements hold in place of zeros; broadcasts against `(N, C_out, *out)`.
    extent : tuple of int
        Extent of a window: `d*(k - 1) + 1` per axis.
    out_size : tuple of int
        Spatial size of the result, before `view`; not positive where no window fits.
    """

    transposed: bool
    x: Array
    w: Array
    bias: Array | None
    stride: Ints
    pads: Pairs
    dilation: Ints
    groups: int
    mode: str
    output_padding: Ints
    same: str | None = None
    view: View | None = None
    filler: Array | None = None
    # A search asks for these many times of each reading.
    extent: Ints = field(init=False)
    out_size: Ints = field(init=False)

    def __post_init__(self) -> None:
        extent = tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        object.__setattr__(self, "extent", extent)
        object.__setattr__(self, "out_size", self._out_size())

    def _out_size(self) -> Ints:
        if self.transposed:
            return tuple(f - lo - hi for f, (lo, hi) in zip(self.full, self.crop, strict=True))
        return tuple(
            (n + lo + hi - e) // s + 1
            for n, (lo, hi), e, s in zip(self.size, self.pads, self.extent, self.stride, strict=True)
        )

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return self.x.ndim - 2

    @property
    def size(self) -> Ints:
        """Spatial size of the input."""
        return self.x.shape[2:]

    @property
    def kernel(self) -> Ints:
        """Spatial size of the kernel."""
        return self.w.shape[2:]

    @property
    def full(self) -> Ints:
        """Size of the transposed result before any crop: `(n - 1)*s + extent`."""
        return tuple((n - 1) * s + e for n, s, e in zip(self.size, self.stride, self.extent, strict=True))

    @property
    def crop(self) -> Pairs:
        """`pads` less the output padding, which is the crop a transposed call makes."""
        return tuple((lo, hi - op) for (lo, hi), op in zip(self.pads, self.output_padding, strict=True))

    @property
    def out_channels(self) -> int:
        """Channels of the result."""
        return int(self.w.shape[1] * self.groups if self.transposed else self.w.shape[0])

    @property
    def raw_shape(self) -> Ints:
        """Shape of the result before `view`."""
        return (self.x.shape[0], self.out_channels, *self.out_size)

    def possible(self) -> bool:
        """Whether the reading is a call at all: channels fit, sizes are positive, the padding mode can be applied."""
        if 0 in self.w.shape or min((*self.stride, *self.dilation), default=1) < 1 or not self.channels_fit():
            return False
        return min(self.out_size, default=1) >= 1 and self._pads_possible() and self._bias_possible()

    def channels_fit(self) -> bool:
        """Whether the weight has the input's channels, in whole groups."""
        channels = self.x.shape[1]
        needed = self.w.shape[0] if self.transposed else self.w.shape[1] * self.groups
        return self.groups >= 1 and needed == channels and self.w.shape[0] % self.groups == 0

    def _bias_possible(self) -> bool:
        shape = self.raw_shape
        return self.bias is None or all(b in (1, n) for b, n in zip(self.bias.shape[::-1], shape[::-1], strict=False))

    def _pads_possible(self) -> bool:
        if self.mode == "zeros":
            return True
        size = self.out_size if self.transposed else self.size
        most = {"reflect": -1, "symmetric": 0, "circular": 0}
        return all(
            n + min(lo, 0) + min(hi, 0) >= 1
            and (self.mode not in most or max(lo, hi) <= n + min(lo, 0) + min(hi, 0) + most[self.mode])
            for n, (lo, hi) in zip(size, self.pads, strict=True)
        )

    def axes(self) -> list[tuple[Any, ...]]:
        """What fixes the table of each axis: n, m, k, s, d, lo, hi and the padding mode."""
        # Of a transposed call too these are the pads, not the crop: output padding makes the image longer that a mode
        # pads, it takes nothing from it.
        return [
            (n, m, k, s, d, lo, hi, self.mode)
            for n, m, k, s, d, (lo, hi) in zip(
                self.size, self.out_size, self.kernel, self.stride, self.dilation, self.pads, strict=True
            )
        ]

    def gather_weight(self) -> Array:
        """The weight as `(C_out, C/groups, *k)`, whichever the direction."""
        if not self.transposed:
            return self.w
        blocks = self.w.reshape(self.groups, self.w.shape[0] // self.groups, *self.w.shape[1:])
        return blocks.swapaxes(1, 2).reshape(self.out_channels, self.w.shape[0] // self.groups, *self.kernel)

    def with_view(self, view: View) -> Reading:
        """This reading with `view` applied last."""
        first = self.view
        return replace(self, view=view if first is None else lambda a: view(first(a)))

    def astype(self, dtype: np.dtype[Any]) -> Reading:
        """This reading in the arithmetic of `dtype`."""
        bias = None if self.bias is None else self.bias.astype(dtype)
        filler = None if self.filler is None else self.filler.astype(dtype)
        return replace(self, x=self.x.astype(dtype), w=self.w.astype(dtype), bias=bias, filler=filler)

    def shape(self) -> Ints:
        """Shape of the result."""
        if self.view is None:
            return self.raw_shape
        return self.view(np.broadcast_to(np.int8(0), self.raw_shape)).shape


def _source(position: Array, start: int, stop: int, mode: str) -> Array:
    """The input position that each position of the padded axis shows; `start` to `stop` is what is not cropped."""
    n, p = stop - start, position - start
    if mode == "reflect":
        p = np.where(p < 0, -p, np.where(p >= n, 2 * (n - 1) - p, p))
    elif mode == "symmetric":
        p = np.where(p < 0, -1 - p, np.where(p >= n, 2 * n - 1 - p, p))
    elif mode == "replicate":
        p = np.clip(p, 0, n - 1)
    elif mode == "circular":
        p = p % max(n, 1)
    return np.where((p >= 0) & (p < n), p + start, -1)


def _sources(transposed: bool, axis: tuple[Any, ...], rows: Array) -> tuple[Array, Array]:
    """The source of each tap of some output positions of an axis (-1: none), and the kernel index of each tap."""
    n, _, k, s, d, lo, *_ = axis
    if not transposed:
        return _windows(axis, rows[:, None] * s + np.arange(k) * d - lo), np.arange(k)
    starts, places = _shown(axis)
    counts = np.diff(starts)[rows]
    turns = np.arange(max(1, counts.max(initial=0)))
    shown = places[np.minimum(starts[rows][:, None] + turns, places.size - 1)]
    table = _inputs(n, s, shown[:, :, None] - np.arange(k) * d)
    table[turns >= counts[:, None]] = -1
    return table.reshape(rows.size, -1), np.tile(np.arange(k), turns.size)


def _windows(axis: tuple[Any, ...], position: Array) -> Array:
    n, _, _, _, _, lo, hi, mode = axis
    return _source(position, max(0, -lo), n - max(0, -hi), mode)


def _inputs(n: int, s: int, start: Array) -> Array:
    """The inputs that are scattered from these positions of the full result; -1 where there is none."""
    return np.where((start % s == 0) & (start >= 0) & (start < n * s), start // s, -1)


@lru_cache(maxsize=64)
def _shown(axis: tuple[Any, ...]) -> tuple[Array, Array]:
    """The positions of the full result that show each output position: where those of each start, and the positions."""
    n, m, k, s, d, lo, hi, mode = axis
    if mode == "zeros":
        return np.arange(m + 1), np.arange(m) + lo
    padded = np.arange((n - 1) * s + d * (k - 1) + 1)
    source = _source(padded - lo, max(0, -lo), m - max(0, -hi), mode)
    order = np.argsort(source, kind="stable")
    return np.searchsorted(source[order], np.arange(m + 1)), padded[order]


def call_of(r: Reading) -> Hashable:
    """What makes two readings of one claim the same call; a view of the result is compared by identity."""
    arrays = [None if a is None else (a.shape, (a + 0).tobytes()) for a in (r.x, r.w, r.bias)]  # + 0: no negative zero
    starts = tuple(lo for lo, _ in r.pads)
    return (r.transposed, *arrays, r.stride, starts, r.out_size, r.dilation, r.groups, r.mode, r.view)


def read(claim: Claim) -> Reading:
    """The reading that is npconvt's own; raises what the call would raise."""
    g = geometry_of(claim.op, claim.input.shape, claim.weight.shape, claim.params)
    transposed = claim.op.startswith("conv_transpose")
    batchless = claim.input.ndim == g.ndim + 1
    x = claim.input[None] if batchless else claim.input
    b = claim.bias
    if b is not None:
        arguments.check_bias(claim.op, b, g.in_channels if transposed else g.out_channels)
    padding = claim.params.get("padding", 0)
    reading = Reading(
        transposed=transposed,
        x=x,
        w=claim.weight,
        bias=None if b is None else b.reshape(-1, *(1,) * g.ndim),
        stride=g.stride,
        pads=g.padding,
        dilation=g.dilation,
        groups=g.groups,
        mode=g.padding_mode,
        output_padding=(0,) * g.ndim,
        same=padding if padding in ("same", "same_lower") else None,
        view=(lambda a: a[0]) if batchless else None,
    )
    if transposed:
        # What the size asked for adds to the smallest one, whichever way it was asked for.
        added = tuple(m - q for m, q in zip(g.input_size, reading.out_size, strict=True))
        reading = replace(reading, output_padding=added)
    return _in_exact_arithmetic(reading)


def _in_exact_arithmetic(reading: Reading) -> Reading:
    """Arrays in float64 or complex128; in 64-bit integers where float64 could not hold every partial sum."""
    arrays = [a for a in (reading.x, reading.w, reading.bias) if a is not None]
    if any(a.dtype.kind == "c" for a in arrays):
        wide = any(a.dtype.itemsize > 16 for a in arrays)
        return reading.astype(np.dtype(np.clongdouble if wide else np.complex128))
    if any(a.dtype.kind not in "biu" for a in arrays):
        wide = any(a.dtype.kind == "f" and a.dtype.itemsize > 8 for a in arrays)
        return reading.astype(np.dtype(np.longdouble if wide else np.float64))
    largest = [max((abs(int(v)) for v in (a.min(), a.max())), default=0) if a.size else 0 for a in arrays]
    terms = reading.x.shape[1] * prod(reading.kernel) * 3**reading.ndim  # a padding mode can repeat a tap
    # Twice over: a hypothesis may double the bias, or shift a window onto more terms than the claim has.
    sums = 2 * (terms * largest[0] * largest[1] + (largest[2] if len(arrays) > 2 else 0))
    return reading.astype(np.dtype(np.float64 if sums < EXACT_FLOAT64 else np.int64))


def _dots(weight: Array, x: Array) -> Array:
    """`weight (G, O, I)` applied to `x (N, G, I, P)`."""
    if weight.shape[2] == 1:  # BLAS has nothing to gain here, and a broadcast costs less
        product_: Array = weight[None] * x
        return product_
    result: Array = weight @ x
    return result


class Taps(NamedTuple):
    """One tap of one axis: the output positions it adds to, the input positions it reads, its place in the kernel."""

    rows: slice | Array
    source: slice | Array
    kernel: int


@lru_cache(maxsize=256)
def _taps(transposed: bool, axis: tuple[Any, ...]) -> tuple[Taps, ...]:
    n, m, k, s, d, lo, *_ = axis
    if not transposed:
        start = np.arange(m) * s - lo
        columns = ((np.arange(m), _windows(axis, start + t * d), t) for t in range(k))
    else:
        starts, places = _shown(axis)
        counts = np.diff(starts)
        # Most positions are shown once: a second one of those a mode fills goes into further taps of its own.
        turns = ((j, np.flatnonzero(counts > j)) for j in range(counts.max(initial=0)))
        columns = ((rows, _inputs(n, s, places[starts[rows] + j] - t * d), t) for j, rows in turns for t in range(k))
    taps = []
    for rows, source, t in columns:
        there = source >= 0
        if there.any():
            taps.append(Taps(_run(rows[there]), _run(source[there]), t))
    return tuple(taps)


def contract(reading: Reading, x: Array, w: Array) -> Array:
    """The linear part of a reading for the given input and gather weight: one product per tap, over all channels."""
    g = reading.groups
    out = np.zeros((x.shape[0], g, w.shape[0] // g, *reading.out_size), np.result_type(x, w))
    blocks = w.reshape(g, w.shape[0] // g, *w.shape[1:])
    every = (slice(None),)
    for tap in product(*(_taps(reading.transposed, axis) for axis in reading.axes())):
        taken = x
        for axis, one in enumerate(tap):
            taken = taken[every * (axis + 2) + (one.source,)]
        sizes = taken.shape[2:]
        taken = taken.reshape(x.shape[0], g, x.shape[1] // g, prod(sizes))
        dots = _dots(blocks[every * 3 + tuple(one.kernel for one in tap)], taken)
        out[every * 3 + _grid(tap)] += dots.reshape(*out.shape[:3], *sizes)
    return out.reshape(x.shape[0], w.shape[0], *reading.out_size)


def _run(index: Array) -> slice | Array:
    """The index as a slice where it is evenly spaced: no copy then."""
    step = int(index[1] - index[0]) if index.size > 1 else 1
    if step > 0 and int(index[-1] - index[0]) == step * (index.size - 1) and (np.diff(index) == step).all():
        return slice(int(index[0]), int(index[-1]) + 1, step)
    return index


def _grid(tap: tuple[Taps, ...]) -> tuple[Any, ...]:
    runs = [one.rows for one in tap]
    if all(isinstance(run, slice) for run in runs):
        return tuple(runs)
    return np.ix_(*(np.arange(r.start, r.stop, r.step) if isinstance(r, slice) else r for r in runs))


class Value(NamedTuple):
    """A reading's value with what its rounding bound needs.

    `magnitude` is `|w| * |x| + |bias|`; of a complex reading a pair on a new last axis, for the real and the imaginary
    part. `terms` counts the products of each element.
    """

    value: Array
    magnitude: Array
    terms: Array


def evaluate(reading: Reading) -> Value:
    """Evaluate a reading at every output position."""
    w = reading.gather_weight()
    with np.errstate(all="ignore"):
        value = contract(reading, reading.x, w)
        magnitude = _magnitude(reading, w)
        if reading.bias is not None:
            value = value + reading.bias
            magnitude = magnitude + _parts_abs(reading.bias)
    terms = np.broadcast_to(count_terms(reading), reading.raw_shape)
    filler = None if reading.filler is None else _parts_abs(reading.filler)
    return Value(viewed(reading, value, reading.filler), viewed(reading, magnitude, filler), viewed(reading, terms))


def values(reading: Reading) -> Array:
    """The value of a reading alone."""
    with np.errstate(all="ignore"):
        value = contract(reading, reading.x, reading.gather_weight())
        return viewed(reading, value if reading.bias is None else value + reading.bias, reading.filler)


def _magnitude(reading: Reading, w: Array) -> Array:
    x = reading.x
    if np.iscomplexobj(x):
        xr, xi, wr, wi = abs(x.real), abs(x.imag), abs(w.real), abs(w.imag)
        real = contract(reading, xr, wr) + contract(reading, xi, wi)
        return np.stack([real, contract(reading, xi, wr) + contract(reading, xr, wi)], axis=-1)
    # Float64 is enough for a bound, and much faster than what the value may be computed in.
    return contract(reading, abs(x.astype(np.float64)), abs(w.astype(np.float64)))


def _parts_abs(array: Array) -> Array:
    if np.iscomplexobj(array):
        return np.stack([abs(array.real), abs(array.imag)], axis=-1)
    return abs(array.astype(np.float64))


def count_terms(reading: Reading) -> Array:
    """Number of products in each output position, `(1, 1, *out)`."""
    counts: Array = np.array(reading.x.shape[1] // reading.groups)
    for m, axis in zip(reading.out_size, reading.axes(), strict=True):
        along = np.zeros(m, int)
        for tap in _taps(reading.transposed, axis):
            along[tap.rows] += 1
        counts = counts[..., None] * along
    return counts[None, None]


def viewed(reading: Reading, array: Array, filler: Array | None = None) -> Array:
    """An array of the shape before `view` (or with further axes) as `view` shows it, blanks filled by `filler`."""
    if reading.view is None:
        return array
    index = view_index(reading)
    flat = array.reshape(index_size(reading), *array.shape[2 + reading.ndim :])
    taken = flat[index]
    blank = index < 0
    taken[blank] = 0 if filler is None else np.broadcast_to(filler, array.shape).reshape(flat.shape)[-1 - index[blank]]
    return taken


def index_size(reading: Reading) -> int:
    """Elements of the result before `view`."""
    return prod(reading.raw_shape)


def view_index(reading: Reading) -> Array:
    """For each element of the result, its place in the ravelled result before `view`; -1 less that for a blank."""
    index = np.arange(index_size(reading)).reshape(reading.raw_shape)
    return index if reading.view is None else reading.view(index)


def evaluate_at(reading: Reading, where: Array) -> Value:
    """Evaluate a reading at some positions of its ravelled result (after `view`)."""
    raw = where if reading.view is None else view_index(reading).ravel()[where]
    there = (*np.unravel_index(np.where(raw < 0, -1 - raw, raw), reading.raw_shape),)
    n, o, *place = there
    w = reading.gather_weight()
    index: Array = np.zeros((raw.size, 1), int)
    valid: Array = (raw >= 0)[:, None]
    for axis, p, size in zip(reading.axes(), place, reading.size, strict=True):
        table, taps = _sources(reading.transposed, axis, p)
        rows = table[:, None, :]
        index = (index[:, :, None] * size + rows).reshape(raw.size, -1)
        valid = (valid[:, :, None] & (rows >= 0)).reshape(raw.size, -1)
        if len(taps) != w.shape[-reading.ndim]:
            w = w.take(taps, axis=-reading.ndim)
        w = np.moveaxis(w, -reading.ndim, -1)
    per_group = reading.x.shape[1] // reading.groups
    channel = (o // (reading.out_channels // reading.groups))[:, None] * per_group + np.arange(per_group)
    flat = reading.x.reshape(*reading.x.shape[:2], prod(reading.size))
    x = flat[n[:, None, None], channel[:, :, None], np.where(valid, index, 0)[:, None, :]]
    kernels = w.reshape(*w.shape[:2], -1)[o]
    with np.errstate(all="ignore"):
        x = np.where(valid[:, None, :], x, 0)
        # A tap that reads nothing adds no term, not even the NaN of 0 times infinity.
        kernels = np.where(valid[:, None, :], kernels, 0)
        value = (x * kernels).sum((1, 2))
        magnitude = _magnitude_at(x, kernels)
        for added, here in ((reading.bias, raw >= 0), (reading.filler, raw < 0)):
            if added is not None:
                term = np.where(here, np.broadcast_to(added, reading.raw_shape)[there], 0)
                value, magnitude = value + term, magnitude + _parts_abs(term)
    return Value(value, magnitude, valid.sum(1) * per_group)


def _magnitude_at(x: Array, w: Array) -> Array:
    if np.iscomplexobj(x):
        xr, xi, wr, wi = abs(x.real), abs(x.imag), abs(w.real), abs(w.imag)
        return np.stack([(xr * wr + xi * wi).sum((1, 2)), (xr * wi + xi * wr).sum((1, 2))], axis=-1)
    magnitude: Array = (abs(x.astype(np.float64)) * abs(w.astype(np.float64))).sum((1, 2))
    return magnitude
