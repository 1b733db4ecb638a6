"""Causes that lie in the arithmetic: narrower formats, integers that wrapped or went through a float.

The element-wise bound cannot see them all: from about a thousand terms on, inputs rounded to TF32 stay inside what
float32 sums may do in the worst case. So they are proved by the residual: where the value computed from rounded inputs
is many times nearer to the result, on enough elements that this is no accident, those were the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from npconvt._crosscheck.bound import Precision, bound, parts, precision, ratio, truth_roundoff
from npconvt._crosscheck.reading import Array, Reading, Value, evaluate, evaluate_at, values

# A residual this many times smaller is a proof on many elements; on few, more is asked (see `_proved`).
SMALLER = 4.0
# Chance of an accident that is let pass, for all formats together: one in ten million.
ACCIDENT = 1e7
# Cosine of the angle between a result and the truth up to which they have little to do with each other: 60 degrees.
ASTRAY = 0.5
# Products looked at when a format is tried.
WORK = 150_000


@dataclass(frozen=True, slots=True)
class Format:
    """A binary format: significant digits, and the exponent of its smallest number.

    Attributes
    ----------
    name : str
        As in the report.
    digits : int
        Of the significand, the hidden one included.
    smallest : int
        The smallest positive number is 2 to this power.
    largest : float
        Largest finite number.
    """

    name: str
    digits: int
    smallest: int
    largest: float

    @property
    def u(self) -> float:
        """Unit roundoff."""
        return 2.0**-self.digits


TF32 = Format("TF32", 11, -136, 3.4e38)
BFLOAT16 = Format("bfloat16", 8, -133, 3.39e38)
FLOAT16 = Format("float16", 11, -24, 65504.0)
FLOAT32 = Format("float32", 24, -149, 3.4028234663852886e38)
FORMATS = (TF32, FLOAT16, BFLOAT16, FLOAT32)
ROUNDINGS = ("nearest-even", "nearest-away", "truncation")


def rounded(array: Array, form: Format, how: str = "nearest-even") -> Array:
    """The array's numbers (of a complex one both parts), rounded to a format.

    Examples
    --------
    >>> import numpy as np
    >>> rounded(np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8]), BFLOAT16)
    array([1.      , 1.015625])
    >>> rounded(np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8]), BFLOAT16, "truncation")
    array([1.       , 1.0078125])
    """
    if np.iscomplexobj(array):
        pair: Array = np.empty(array.shape, np.complex128)
        pair.real, pair.imag = rounded(array.real, form, how), rounded(array.imag, form, how)
        return pair
    v = array.astype(np.float64)
    with np.errstate(all="ignore"):
        unit = np.ldexp(1.0, np.maximum(np.frexp(v)[1] - form.digits, form.smallest))
        q = v / unit
        if how == "nearest-even":
            q = np.rint(q)
        elif how == "nearest-away":
            q = np.copysign(np.floor(abs(q) + 0.5), q)
        else:
            q = np.trunc(q)
        result = q * unit
        beyond = abs(result) > form.largest
        top = form.largest if how == "truncation" else np.inf
        finished: Array = np.where(np.isfinite(v), np.where(beyond, np.copysign(top, v), result), v)
    return finished


# A residual, the format, its rounding and the operands rounded, and the reading that has them rounded.
Tried = tuple[float, str, str, str, Reading]


class Found(NamedTuple):
    """A cause that fits: its name, what was found, and the reading that gives the data."""

    name: str
    parameters: dict[str, Any]
    reading: Reading
    general: bool = False


def relative_rms(error: Array, magnitude: Array) -> float:
    """Root mean square of error over magnitude, where both are numbers; an error on an empty sum counts as one."""
    with np.errstate(all="ignore"):
        scaled = np.asarray(parts(error), np.float64) / magnitude
    scaled = np.where(np.isinf(scaled) & (magnitude == 0), 1.0, scaled)
    scaled = scaled[np.isfinite(scaled)]
    return float(np.sqrt(np.mean(scaled**2))) if scaled.size else 0.0


def elsewhere(actual: Array, value: Array, magnitude: Array, u: float) -> bool:
    """Whether a result as a whole has little to do with the truth, though bounds may allow it.

    From about 1/u terms on the bound lets anything pass, zeros too. Sums of this roundoff that follow the truth so
    little are those that cancel, and their error is less than 2u of what was added up.
    """
    with np.errstate(all="ignore"):
        finite = np.isfinite(actual) & np.isfinite(value)
        a, v = (
            np.where(finite, array, 0).ravel().astype(np.result_type(array, np.float64)) for array in (actual, value)
        )
        unlike = np.vdot(v, a).real <= ASTRAY * np.linalg.norm(a) * np.linalg.norm(v)
        return bool(unlike) and relative_rms(actual - value, magnitude) > 2 * u


def _proved(before: float, after: float, count: int) -> bool:
    """Whether a residual fell by more than chance allows on so many elements."""
    return count > 0 and before > 0 and before >= after * max(SMALLER, ACCIDENT ** (1 / count))


def sample(size: int, reading: Reading, most: int = 4096) -> Array:
    """Positions of the ravelled result, as many as a fixed amount of work allows."""
    products = max(1, reading.x.shape[1] // reading.groups * int(np.prod(reading.kernel)))
    count = min(size, most, max(24, WORK // products))
    # At random: evenly spaced ones would all fall into one phase of a stride.
    return np.sort(np.random.default_rng(2).permutation(size)[:count])


def reduced_precision(reading: Reading, actual: Array, target: Precision | None) -> list[Found]:
    """The narrower formats that explain `actual`, a result of `reading`; the shapes agree."""
    if target is None or actual.size == 0 or reading.x.dtype.kind not in "fc":
        return []
    found = _narrow_results(reading, actual, target)
    return found or _narrow_inputs(reading, actual, target)


def _formats(target: Precision) -> list[Format]:
    return [form for form in FORMATS if form.u > target.u]


# --- inputs ----------------------------------------------------------------------------------------------------------


def _narrow_inputs(reading: Reading, actual: Array, target: Precision) -> list[Found]:
    spread = sample(actual.size, reading)
    # A few elements first: most formats are then out of the question, and often all.
    few = np.random.default_rng(0).permutation(spread)[:24]
    first = evaluate_at(reading, few)
    most = relative_rms(actual.ravel()[few] - first.value, first.magnitude)
    likely = [
        entry
        for entry in _rounded_readings(reading, target)
        if most == 0 or relative_rms(actual.ravel()[few] - evaluate_at(entry[-1], few).value, first.magnitude) < most
    ]
    if not likely:
        return []
    base, seen = evaluate_at(reading, spread), actual.ravel()[spread]
    before = relative_rms(seen - base.value, base.magnitude)
    tried: list[Tried] = []
    for form, how, operands, candidate in likely:
        value = evaluate_at(candidate, spread)
        after = relative_rms(seen - value.value, base.magnitude)
        if _proved(before, after, int((value.value != base.value).sum())):
            tried.append((after, form.name, how, operands, candidate))
    if not tried:
        return []
    best = min(after for after, *_ in tried)
    kept = [entry for entry in tried if entry[0] <= 2 * best]
    kept = _fitting_whole(kept, actual, target)
    if not kept:
        return []
    parameters = {
        "format": " or ".join(dict.fromkeys(entry[1] for entry in kept)),
        "rounding": " or ".join(dict.fromkeys(entry[2] for entry in kept)),
        "rounded": " or ".join(dict.fromkeys(entry[3] for entry in kept)),
        "residual": f"{before / best:.3g} times smaller" if best else "zero",
    }
    return [Found("reduced_precision", parameters, kept[0][-1])]


def _rounded_readings(reading: Reading, target: Precision) -> Iterator[tuple[Format, str, str, Reading]]:
    """The reading with its input, its weight or both rounded, in every format and way."""
    for form, how in product(_formats(target), ROUNDINGS):
        x, w = rounded(reading.x, form, how), rounded(reading.w, form, how)
        changed = bool((x != reading.x).any()), bool((w != reading.w).any())
        if any(changed):
            yield form, how, "both", replace(reading, x=x, w=w)
        if all(changed):
            yield form, how, "input", replace(reading, x=x)
            yield form, how, "weight", replace(reading, w=w)


def _fitting_whole(tried: list[Tried], actual: Array, target: Precision) -> list[Tried]:
    """Those whose value is within rounding of every element; the bound of one will do for all."""
    reading = tried[0][-1]
    value = evaluate(reading)
    limits = bound(reading, value, target, "three products", truth_u=truth_roundoff(None))
    given = [value.value, *(values(other) for *_, other in tried[1:])]
    return [
        entry
        for entry, result in zip(tried, given, strict=True)
        if (ratio(actual, result, limits, target, value.magnitude) <= 1).all()
    ]


# --- results and sums ------------------------------------------------------------------------------------------------


def _narrow_results(reading: Reading, actual: Array, target: Precision) -> list[Found]:
    """Results that hold only numbers of a narrower format, though the truth holds others."""
    finite = np.isfinite(actual)
    if not finite.any():
        return []
    value: Value | None = None
    for form in (FLOAT16, BFLOAT16, FLOAT32):
        if form.u <= target.u or not _on_grid(actual[finite], form):
            continue
        value = evaluate(reading) if value is None else value
        target_values = _to_target(value.value, target)[finite]
        off = np.asarray(parts(rounded(target_values, form) != target_values))
        if off.sum() < 3:  # the truth itself has no more digits: nothing is shown
            continue
        narrow = precision(form.name)
        limits = bound(reading, value, narrow, "three products", truth_u=truth_roundoff(None))
        within = bool((ratio(actual, value.value, limits, narrow, value.magnitude) <= 1).all())
        if within and not elsewhere(actual, value.value, value.magnitude, form.u):
            once = bool((rounded(value.value, form)[finite] == actual[finite]).all())
            return [Found("reduced_precision", {"format": form.name, "rounded": "result" if once else "sums"}, reading)]
    return []


def _to_target(array: Array, target: Precision) -> Array:
    if target.u <= 2.0**-53:
        return array
    digits = -int(np.log2(target.u))
    return rounded(array, Format(target.name, digits, -1074 if digits > 24 else -149, np.inf))


def _on_grid(array: Array, form: Format) -> bool:
    return bool((rounded(array, form) == array).all())


# --- integers --------------------------------------------------------------------------------------------------------

_NARROW = ("int8", "uint8", "int16", "uint16", "int32", "uint32")


def integer_causes(reading: Reading, actual: Array, value: Value) -> list[Found]:
    """Why an integer result differs: it wrapped, or went through a float. `value` is exact; the shapes agree."""
    return [*_wrapped(reading, actual, value.value), *_in_float(reading, actual, value)]


def _wrapped(reading: Reading, actual: Array, value: Array) -> list[Found]:
    whole = value.astype(np.int64)
    types = []
    with np.errstate(all="ignore"):
        for name in _NARROW:
            wrapped = whole.astype(name)
            if (wrapped != whole).any() and (wrapped == actual).all():
                types.append(name)
    return [Found("integer_wrapped", {"type": " or ".join(types)}, reading)] if types else []


def _in_float(reading: Reading, actual: Array, value: Value) -> list[Found]:
    types = []
    for name in ("float16", "bfloat16", "float32", "float64"):
        form = precision(name)
        limits = bound(reading, value, form)
        within = bool((ratio(actual, value.value, limits, form, value.magnitude) <= 1).all())
        u = 0.0 if form is None else form.u
        if within and _is_of(actual, name) and not elsewhere(actual, value.value, value.magnitude, u):
            types.append(name)
    # Of those that fit, the narrowest that holds all these numbers says most.
    return [Found("integer_in_float", {"type": types[0]}, reading)] if types else []


def _is_of(actual: Array, name: str) -> bool:
    """Whether every number is one of this float type."""
    if actual.dtype.kind in "iub" and name in ("float32", "float64"):
        with np.errstate(all="ignore"):
            through = actual.astype(name)
            return bool((through == actual).all()) and bool((through.astype(np.longdouble) == actual).all())
    form = {"float16": FLOAT16, "bfloat16": BFLOAT16, "float32": FLOAT32}.get(name)
    return form is None or _on_grid(actual, form)
