"""The search: which readings of the call give the result that somebody got.

A reading is first compared at a few positions, and evaluated whole only where these agree. Crops are not tried one by
one: one plane of the full result is searched for the place that the result was cut from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np

from npconvt._crosscheck import causes
from npconvt._crosscheck.arithmetic import Found, reduced_precision, relative_rms
from npconvt._crosscheck.bound import Precision, bound, is_narrowed, ratio, truth_roundoff
from npconvt._crosscheck.causes import KINDS, Generator, Variants
from npconvt._crosscheck.reading import Array, Ints, Pairs, Reading, Value, View, evaluate, evaluate_at, values

# Products looked at when a reading is first compared.
WORK = 20_000
FEW = 5
# Products evaluated at a time.
CHUNK = 2**21
# Relative change that rounding both operands to bfloat16 by truncation can make, the coarsest format known here.
COARSEST = 2.0**-6
# A multiple may leave this share of the result: some times what that format changes. The bound decides afterwards.
LEFT_OVER = 0.05

CROPS: tuple[Generator, ...] = tuple(
    kind.variants
    for kind in KINDS
    if kind.variants is not None
    and kind.name
    in (
        "output_padding_dropped",
        "output_padding_zero_filled",
        "output_padding_scaled",
        "zeros_misplaced",
        "padding_of_dilated_input",
        "padding_of_input",
        "padding_symmetrised",
        "pads_misread",
        "crop_before_dilation",
        "stride_phase",
        "size_formula",
    )
)
# Crops that are no shift of the whole: rows are blank, or samples are missing inside.
NO_SHIFT = ("output_padding_zero_filled", "crop_before_dilation")
LAYOUTS = ("channels_swapped", "data_layout", "weight_layout")


@dataclass(frozen=True, eq=False, slots=True)
class Target:
    """The result to explain, and how far rounding may take it.

    Attributes
    ----------
    actual : ndarray
        The result.
    precision : Precision or None
        Of its dtype; None where it must be exact.
    residual : float
        Relative root-mean-square error against the claim; infinite where the shapes differ.
    narrowed : bool
        Whether the claim's arrays have more digits than the precision.
    where : ndarray of int
        Positions of the ravelled result that are compared first.
    near : dict
        Filled by `tries`: readings that a narrower format might turn into the result.
    """

    actual: Array
    precision: Precision | None
    residual: float
    narrowed: bool
    where: Array
    near: dict[str, Found] = field(default_factory=dict)

    @classmethod
    def of(cls, reading: Reading, actual: Array, precision: Precision | None, residual: float) -> Target:
        """The target of a search that starts from a reading."""
        return cls(actual, precision, residual, is_narrowed(reading, precision), _positions(reading, actual))

    def limits(self, reading: Reading, value: Value) -> Array:
        """The bound of each element under a reading."""
        unit = truth_roundoff(None)
        return bound(reading, value, self.precision, "three products", truth_u=unit, narrowed=self.narrowed)

    def agrees(self, actual: Array, reading: Reading, value: Value, loose: float = 0.0) -> bool:
        """Whether these elements equal their values within rounding."""
        return bool(self.agree(actual, reading, value, loose).all())

    def agree(self, actual: Array, reading: Reading, value: Value, loose: float = 0.0) -> Array:
        """Which of these elements equal their values within rounding."""
        limits = self.limits(reading, value) + loose * value.magnitude
        fine: Array = ratio(actual, value.value, limits, self.precision, value.magnitude) <= 1
        return fine

    def at(self, reading: Reading, loose: float = 0.0) -> bool:
        """Whether a reading is possible, has the shape of the result, and its elements at some positions."""
        if not reading.possible() or reading.shape() != self.actual.shape:
            return False
        # A few positions rule most readings out.
        return all(
            self.agrees(self.actual.ravel()[where], reading, evaluate_at(reading, where), loose)
            for where in (self.where[:: max(1, len(self.where) // FEW)], self.where)
        )

    def tries(self, name: str, parameters: dict[str, Any], reading: Reading) -> bool:
        """As `fits`; a reading that would fit but for a narrower format is remembered."""
        if self.fits(reading):
            return True
        if self.precision is not None and self.at(reading, COARSEST):
            other = self.near.get(name)
            if other is None or self.distance(reading) < self.distance(other.reading):
                self.near[name] = Found(name, parameters, reading)
        return False

    def distance(self, reading: Reading) -> float:
        """How far a reading is from the result at some positions, as a relative root mean square."""
        value = evaluate_at(reading, self.where)
        return relative_rms(self.actual.ravel()[self.where] - value.value, value.magnitude)

    def fits(self, reading: Reading) -> bool:
        """Whether a reading gives the result, within rounding, and nearer than the claim does."""
        if not self.at(reading):
            return False
        value = evaluate(reading)
        return self.agrees(self.actual, reading, value) and self.nearer(value)

    def nearer(self, value: Value) -> bool:
        """Whether a value is nearer by far: where the bound is wide (float16, many terms) much lies within it."""
        return relative_rms(self.actual - value.value, value.magnitude) <= self.residual / 2


def _positions(reading: Reading, actual: Array) -> Array:
    """Positions of the ravelled result to compare first: its ends, its largest, and some at random."""
    size = actual.size
    products = max(1, reading.x.shape[1] // reading.groups * int(np.prod(reading.kernel)))
    count = min(size, max(8, min(32, WORK // products)))
    chosen = np.random.default_rng(0).integers(0, size, count)
    return np.unique(np.concatenate([chosen, [0, size - 1, int(np.argmax(_size(actual)))]]))


def singles(reading: Reading, target: Target) -> list[Found]:
    """All causes of convention that explain the result alone, specific ones first, with crop and scale last."""
    found = []
    for kind in KINDS:
        if kind.variants is not None:
            fitting = first_fitting(kind.name, kind.variants, reading, target)
            if fitting is not None:
                found.append(fitting)
    found += [f for f in (crop_shifted(reading, target), scaled(reading, target)) if f is not None]
    return found


def first_fitting(name: str, variants: Generator, reading: Reading, target: Target) -> Found | None:
    """The first variant of a cause that fits, with up to three others that fit as well."""
    return _first(name, ((found, v) for found, v in variants(reading) if target.tries(name, found, v)))


def _first(name: str, variants: Variants) -> Found | None:
    fitting = list(variants)
    if not fitting:
        return None
    parameters, variant = fitting[0]
    others = [other for other, _ in fitting[1:4] if other != parameters]
    return Found(name, {**parameters, **({"or": others} if others else {})}, variant)


def flips(reading: Reading, target: Target, single: Sequence[str]) -> list[Found]:
    """A reversed kernel with a crop, where neither of them is among the causes that fit alone."""
    if "kernel_flipped" in single:
        return []
    found: dict[str, Found] = {}
    for parameters, variant in variants_of("kernel_flipped", reading):
        for kind in KINDS:
            if kind.variants is not None and kind.variants in CROPS and kind.name not in single:
                _join(found, "kernel_flipped", parameters, first_fitting(kind.name, kind.variants, variant, target))
        if "crop_shifted" not in single:
            _join(found, "kernel_flipped", parameters, crop_shifted(variant, target))
    return list(found.values())


def layouts(reading: Reading, target: Target) -> list[Found]:
    """Another layout with a reversed kernel or with a crop."""
    found: dict[str, Found] = {}
    for name in LAYOUTS:
        for parameters, variant in variants_of(name, reading):
            for turned, other in variants_of("kernel_flipped", variant):
                if target.fits(other):
                    _join(found, name, parameters, Found("kernel_flipped", turned, other))
            restore = _restoring(reading, parameters) if variant.view is not reading.view else None
            if variant.view is reading.view or restore is not None:
                for crop in _crops(variant, target, restore):
                    _join(found, name, parameters, crop)
    return list(found.values())


def _crops(variant: Reading, target: Target, restore: Callable[[Array], Array] | None) -> Iterator[Found | None]:
    """What fits of the crops, made before the variant's view of the result."""
    shifted = crop_shifted(variant, target, restore)
    plain = replace(variant, view=None)
    for kind in KINDS:
        # Any other crop is a shifted one, too, and is not tried without that.
        if kind.variants in CROPS and (shifted is not None or kind.name in NO_SHIFT):
            readings = _then_viewed(kind.variants, variant.view, plain)
            yield _first(kind.name, ((found, cropped) for found, cropped in readings if target.fits(cropped)))
    yield shifted


def _then_viewed(generator: Generator, view: View | None, plain: Reading) -> Variants:
    for parameters, reading in generator(plain):
        yield parameters, reading if view is None else reading.with_view(view)


def variants_of(name: str, reading: Reading) -> Variants:
    """The readings that a cause stands for."""
    variants = causes.BY_NAME[name].variants
    if variants is not None:
        yield from variants(reading)


def _join(found: dict[str, Found], first: str, parameters: dict[str, Any], second: Found | None) -> None:
    """Add two causes as one, unless they are there already with other parameters."""
    if second is not None:
        name = f"{first}+{second.name}"
        found.setdefault(name, Found(name, {**parameters, **second.parameters}, second.reading, second.general))


def _restoring(reading: Reading, parameters: dict[str, Any]) -> Callable[[Array], Array] | None:
    """How to undo a layout of the result, on a result of any size; None where that is not known."""
    channel = -reading.ndim - 1

    def back(a: Array) -> Array:
        return np.moveaxis(a, -1, channel)

    def back_memory(a: Array) -> Array:
        axis = a.ndim + channel
        shape = (*a.shape[:axis], *a.shape[axis + 1 :], a.shape[axis])
        return np.moveaxis(a.reshape(shape), -1, axis)

    return {"transposed": back, "memory": back_memory}.get(parameters["how"])


def with_precision(reading: Reading, target: Target, near: list[Found]) -> list[Found]:
    """A narrower format and one other cause, one of those that came `near`."""
    if target.precision is None:
        return []
    loose = {found.name: found for found in near}
    shifted = crop_shifted(reading, target, loose=COARSEST)
    if shifted is not None:
        loose["crop_shifted"] = shifted
    found = []
    for first in loose.values():
        for proof in reduced_precision(first.reading, target.actual, target.precision):
            if not target.nearer(evaluate(proof.reading)):
                continue
            name = f"reduced_precision+{first.name}"
            found.append(Found(name, {**proof.parameters, **first.parameters}, proof.reading, first.general))
    return found or _scaled_with_precision(reading, target)


# --- scale -----------------------------------------------------------------------------------------------------------


def scaled(reading: Reading, target: Target) -> Found | None:
    """A multiple of the right result, or of all of it but the bias."""
    for near in (COARSEST, 1e-6):  # a simple factor if the data allow it
        for parameters, factor, inner, _ in _multiples(reading, target, near):
            scale = inner.bias is not None
            bias = reading.bias if reading.bias is None or not scale else reading.bias * factor
            candidate = replace(reading, w=np.multiply(reading.w, factor), bias=bias)
            if target.fits(candidate):
                return Found("scaled", parameters, candidate)
    return None


def _scaled_with_precision(reading: Reading, target: Target) -> list[Found]:
    """A multiple of a result that was computed in a narrower format."""
    for parameters, factor, inner, unscaled in _multiples(reading, target, COARSEST):
        if target.precision is not None and not np.iscomplexobj(factor):
            result = (unscaled / factor).astype(target.actual.dtype)
            for proof in reduced_precision(inner, result, target.precision):
                return [Found("reduced_precision+scaled", {**proof.parameters, **parameters}, proof.reading)]
    return []


def _multiples(reading: Reading, target: Target, near: float) -> Iterator[tuple[dict[str, Any], Any, Reading, Array]]:
    """Factors that may have scaled the result, or all of it but the bias: with what was scaled, as reading and data."""
    if not reading.possible() or reading.shape() != target.actual.shape or target.actual.size < 3:
        return
    for what in ("result", "result without bias")[: 1 + (reading.bias is not None)]:
        inner = reading if what == "result" else replace(reading, bias=None)
        if not _may_be_multiple(reading, inner, target):
            continue
        rest = values(replace(reading, x=np.zeros_like(reading.x))) if what != "result" else 0
        scaled_part = target.actual - rest
        factor = _factor(values(inner).ravel(), scaled_part.ravel(), near)
        if factor is not None:
            shown = complex(factor) if np.iscomplexobj(factor) else float(factor)
            yield {"factor": shown, "of": what}, factor, inner, scaled_part


def _may_be_multiple(reading: Reading, inner: Reading, target: Target) -> bool:
    """Whether a few elements leave it possible."""
    value, whole = (evaluate_at(r, target.where).value for r in (inner, reading))
    enough = np.count_nonzero(np.isfinite(value) & (value != 0)) >= 3
    part = target.actual.ravel()[target.where] - (whole - value)
    return not enough or _factor(value, part, COARSEST) is not None


def _factor(value: Array, actual: Array, near: float) -> Any:
    """The factor of at least three elements; None where no multiple comes near.

    Rounding hides a simple factor: the simplest fraction is taken that is as near as this.
    """
    usable = np.isfinite(value) & np.isfinite(actual) & (value != 0)
    if usable.sum() < 3:
        return None
    v, a = value[usable], actual[usable]
    with np.errstate(all="ignore"):
        factor = np.vdot(v, a) / np.vdot(v, v)
        if not np.isfinite(factor) or factor == 0 or np.linalg.norm(a - factor * v) > LEFT_OVER * np.linalg.norm(a):
            return None
    denominators = np.arange(1, 5041)
    fractions = np.rint(factor * denominators) / denominators
    simple = fractions[abs(fractions - factor) <= near * abs(factor)]
    return simple[0] if simple.size else factor


# --- crops -----------------------------------------------------------------------------------------------------------


def crop_shifted(
    reading: Reading, target: Target, restore: Callable[[Array], Array] | None = None, *, loose: float = 0.0
) -> Found | None:
    """The place in the full result (of a convolution: the padding) that the result was cut from, if there is one.

    `restore` undoes the reading's view of the result; without it the view may only have dropped the batch axis.
    """
    actual = _with_batch(reading, target.actual, restore)
    if actual is None or reading.ndim == 0 or not reading.channels_fit():
        return None
    if reading.transposed and reading.mode != "zeros":
        return None
    if reading.bias is not None and reading.bias.shape != (reading.out_channels, *(1,) * reading.ndim):
        return None
    size = actual.shape[2:]
    claimed = reading.crop if reading.transposed else reading.pads
    places = [pads for pads in _places(reading, actual, size, target, loose) if pads != claimed]
    candidates = (replace(reading, pads=pads, output_padding=(0,) * reading.ndim, same=None) for pads in places)
    if loose:  # several may pass: the nearest to the result is meant
        found = min((c for c in candidates if target.at(c, loose)), key=target.distance, default=None)
    else:
        found = next(filter(target.fits, candidates), None)
    if found is None:
        return None
    shift = tuple(b[0] - a[0] for a, b in zip(claimed, found.pads, strict=True))
    word = "crop" if reading.transposed else "padding"
    moved = {"shift": shift} if any(shift) else {}  # the end alone may be elsewhere
    return Found("crop_shifted", {word: found.pads, "claimed": claimed, **moved}, found, general=True)


def _with_batch(reading: Reading, actual: Array, restore: Callable[[Array], Array] | None) -> Array | None:
    """The result as (N, C_out, *out), or None where batch and channels are not the reading's."""
    batchless = actual.ndim == reading.ndim + 1 and reading.view is not None
    if actual.ndim != reading.ndim + 2 - batchless:
        return None
    whole = actual if restore is None else restore(actual)
    whole = whole[None] if batchless else whole
    return whole if whole.shape[:2] == (reading.x.shape[0], reading.out_channels) else None


def _places(reading: Reading, actual: Array, size: Ints, target: Target, loose: float) -> list[Pairs]:
    """Crops (pads) at which one plane of the full result shows what the result holds, nearest to the claim first."""
    n, o = np.unravel_index(int(np.argmax(_size(actual).sum(tuple(range(2, actual.ndim))))), actual.shape[:2])
    reach = _reach(reading, size)
    if any(not len(r) for r in reach):
        return []
    plane, origin = _uncropped(_plane(reading, int(n), int(o)), reach, size)
    if not plane.possible():
        return []
    lows = np.stack([g.ravel() for g in np.meshgrid(*map(np.asarray, reach), indexing="ij")], axis=1)
    step, sign = (reading.stride, -1) if not reading.transposed else ((1,) * reading.ndim, 1)
    whole = evaluate(plane) if prod(plane.out_size) <= len(lows) else None
    for place, seen in _looked_at(actual[n, o]):
        index = sign * lows + np.asarray(origin) + np.asarray(place) * np.asarray(step)
        lows = lows[_may_hold(plane, whole, index, seen, target, loose)]
        if not len(lows):
            return []
    return _nearest(reading, lows, size, 200 if loose else 6)


def _size(array: Array) -> Array:
    """Absolute values in float64, zero for what is not finite."""
    with np.errstate(all="ignore"):
        size: Array = abs(np.where(np.isfinite(array), array, 0)).astype(np.float64)
    return size


def _nearest(reading: Reading, lows: Array, size: Ints, most: int) -> list[Pairs]:
    claimed = np.array([lo for lo, _ in (reading.crop if reading.transposed else reading.pads)])
    order = np.argsort(abs(lows - claimed).sum(1), kind="stable")[:most]
    return [_pads_for(reading, tuple(int(v) for v in lows[i]), size) for i in order]


def _pads_for(reading: Reading, lows: Ints, size: Ints) -> Pairs:
    """The pads or crop that start at `lows` and give this size; the end is the nearest to the claimed one."""
    pairs_ = []
    for a, lo in enumerate(lows):
        if reading.transposed:
            pairs_.append((lo, reading.full[a] - lo - size[a]))
        else:
            least = (size[a] - 1) * reading.stride[a] + reading.extent[a] - reading.size[a] - lo
            hi = min(max(reading.pads[a][1], least), least + reading.stride[a] - 1)
            pairs_.append((lo, hi))
    return tuple(pairs_)


def _uncropped(plane: Reading, reach: list[range], size: Ints) -> tuple[Reading, Ints]:
    """The plane's full result, of a convolution at every shift within reach, and where in it a crop of 0 begins."""
    zero = (0,) * plane.ndim
    if plane.transposed:
        return replace(plane, pads=((0, 0),) * plane.ndim, output_padding=zero), zero
    pads = []
    for r, m, s, e, n in zip(reach, size, plane.stride, plane.extent, plane.size, strict=True):
        pads.append((max(r[-1], 0), max((m - 1) * s + e - r[0] - n, 0)))
    wide = replace(plane, stride=(1,) * plane.ndim, pads=tuple(pads), same=None)
    return wide, tuple(lo for lo, _ in pads)


def _may_hold(plane: Reading, whole: Value | None, index: Array, seen: Any, target: Target, loose: float) -> Array:
    """Which of these positions of a plane hold the number seen, or something not finite, which shows nothing.

    `whole` is the plane's value, where that is less work than its value at some positions.
    """
    inside = ((index >= 0) & (index < plane.out_size)).all(1)
    empty = 0 if plane.bias is None else plane.bias.ravel()[0]
    ok: Array = np.full(len(index), bool(abs(seen - empty) <= abs(empty) * COARSEST) or not np.isfinite(seen))
    where = np.ravel_multi_index(tuple(index[inside].T), plane.out_size)
    step = max(1, CHUNK // plane.w.size)
    found = []
    for part in (where[i : i + step] for i in range(0, where.size, step)):
        value = evaluate_at(plane, part) if whole is None else _taken(whole, part)
        given = np.full(part.size, seen)
        found.append(target.agree(given, plane, value, loose) | ~np.isfinite(value.value))
    ok[inside] |= np.concatenate([*found, np.zeros(0, bool)])
    return ok


def _taken(whole: Value, where: Array) -> Value:
    """A value at some positions of its ravelled elements."""
    return Value(*(part.reshape(whole.value.size, *part.shape[whole.value.ndim :])[where] for part in whole))


def _plane(reading: Reading, n: int, o: int) -> Reading:
    """The part of a reading that makes one channel of one image."""
    g = reading.groups
    group, inside = divmod(o, reading.out_channels // g)
    per = reading.x.shape[1] // g
    channels = slice(group * per, (group + 1) * per)
    w = reading.w[channels, inside : inside + 1] if reading.transposed else reading.w[o : o + 1]
    bias = None if reading.bias is None else reading.bias[o : o + 1]
    return replace(reading, x=reading.x[n : n + 1, channels], w=w, bias=bias, groups=1, view=None)


def _reach(reading: Reading, size: Ints) -> list[range]:
    """The starts to look at on each axis: some way around every reading of the padding that is known."""
    ranges = []
    for a in range(reading.ndim):
        e, s, m, n = reading.extent[a], reading.stride[a], size[a], reading.size[a]
        lo = reading.pads[a][0]
        known = [lo, e - 1 - lo, -lo * s, 0]
        first, last = min(known) - e - s - 1, max(known) + e + s + 1
        if reading.transposed:  # at least one element of the result lies in the full one
            first, last = max(first, 1 - m), min(last, reading.full[a] - 1)
        else:
            first, last = max(first, 1 - n), min(last, (m - 1) * s + e - 1)
            if reading.mode != "zeros":
                last = min(last, n - (reading.mode == "reflect"))
        ranges.append(range(first, last + 1))
    return ranges


def _looked_at(plane: Array) -> Iterator[tuple[Ints, Any]]:
    """Places of a plane with what they hold: the largest first, then the corners and some more."""
    flat = plane.ravel()
    largest = np.argsort(-_size(flat), kind="stable")[:12]
    corners = [int(np.ravel_multi_index(c, plane.shape)) for c in product(*((0, m - 1) for m in plane.shape))]
    some = np.random.default_rng(1).integers(0, flat.size, 24)
    for i in dict.fromkeys([*map(int, largest), *corners, *map(int, some)]):
        yield tuple(int(v) for v in np.unravel_index(i, plane.shape)), flat[i]
