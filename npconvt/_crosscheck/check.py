"""`crosscheck`: does a result agree with a call, and if not, why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from npconvt import _arguments as arguments
from npconvt._crosscheck import search
from npconvt._crosscheck.arithmetic import (
    BFLOAT16,
    Found,
    elsewhere,
    integer_causes,
    reduced_precision,
    relative_rms,
    rounded,
)
from npconvt._crosscheck.bound import Kind, Precision, bound, parts, precision, ratio, truth, truth_roundoff
from npconvt._crosscheck.causes import BY_NAME
from npconvt._crosscheck.reading import Array, Claim, Reading, Value, call_of, claimed, read
from npconvt._crosscheck.report import Cause, Report, Verdict

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# A result this far from the truth is looked into though the bound allows it: bounds are wide for narrow formats.
SUSPICIOUS = 0.05
UNEXPLAINED = "No known cause gives these data."
UNLIKE = (
    "Every element is within its bound, but for so many terms that is too wide to vouch for a result that, taken as a "
    "whole, is so unlike the right one."
)


def crosscheck(
    case: Claim | Mapping[str, Any],
    actual: ArrayLike | Callable[[Array], ArrayLike] | None = None,
    *,
    normwise: bool = False,
) -> Report:
    """Say whether a result agrees with a call within rounding, and if not, why.

    Parameters
    ----------
    case : Case, or a mapping with its fields
        The call. A mapping may describe a call that cannot be made: the report says so.
    actual : array_like or function, optional
        The result; or a function of the input array that returns it. By default `case.output`.
    normwise : bool
        Allow what sums by FFT or Winograd's transforms can make, as in `error_bound`.

    Returns
    -------
    Report
        Its `causes` are those whose data, computed anew, equal `actual` within rounding. No other is named.

    Raises
    ------
    TypeError
        Where `actual` holds no numbers.
    ValueError
        Where neither `actual` nor `case.output` is given.

    Examples
    --------
    Five samples, three taps, stride 2: another framework cut one pixel elsewhere.

    >>> from npconvt import Case, crosscheck
    >>> case = Case("conv_transpose1d", [[1, 2, 3, 4, 5]], [[[1, 10, 100]]], params={"stride": 2, "padding": ((0, 1),)})
    >>> print(crosscheck(case, [[10, 102, 20, 203, 30, 304, 40, 405, 50, 500]]))  # doctest: +ELLIPSIS
    verdict        different convention  (differs)
    call           conv_transpose1d -> (1, 10) int64
    max error      450, where no rounding is possible
    ...
    cause          pads_misread
    ...
    found          reading = begins and ends exchanged
    found          pads = ((1, 0),)
    ...
    """
    claim = claimed("crosscheck", case)
    result, target = _result(claim, actual)
    name = _name(result, target)
    # Results may hold anything, infinities among it; a warning about the arithmetic of this search helps nobody.
    with np.errstate(all="ignore"):
        try:
            reading, result = _alike(claim, read(claim), result)
        except ValueError as error:
            return _impossible(claim, result, name, error)
        if reading.shape() != result.shape:
            return _wrong_shape(claim, reading, result, target, name)
        return _same_shape(claim, reading, result, target, name, "normwise" if normwise else "componentwise")


# --- what was given --------------------------------------------------------------------------------------------------


def _result(claim: Claim, actual: Any) -> tuple[Array, Precision | None]:
    """The result as an array NumPy computes with, and the precision it was computed in."""
    if actual is None:
        actual = getattr(claim, "output", None)
        if actual is None:
            msg = "crosscheck: actual must be given where the case holds no output, but it is None."
            raise ValueError(msg)
    if callable(actual) and not hasattr(actual, "__array__"):
        actual = actual(np.array(claim.input))
    if getattr(getattr(actual, "dtype", None), "name", "") == "bfloat16":
        return np.asarray(actual).astype(np.float32), precision("bfloat16")
    array = arguments.array("crosscheck", "actual", actual)
    if array.dtype.kind not in "biufc":
        msg = f"crosscheck: actual must hold numbers, but its dtype is {array.dtype}."
        raise TypeError(msg)
    return array, precision(array.dtype)


def _alike(claim: Claim, reading: Reading, actual: Array) -> tuple[Reading, Array]:
    """Both real or both complex; unsigned sums that wrapped as the signed ones that have the same bits."""
    if np.iscomplexobj(actual) and not np.iscomplexobj(reading.x):
        return reading.astype(np.dtype(np.complex128)), actual
    if np.iscomplexobj(reading.x) and not np.iscomplexobj(actual):
        return reading, actual.astype(np.result_type(actual.dtype, np.complex64))
    if actual.dtype == np.uint64 and reading.x.dtype == np.int64 and _dtype(claim) == "uint64":
        return reading, actual.astype(np.int64)
    return reading, actual


def _dtype(claim: Claim) -> str:
    return arguments.widened(arguments.result_dtype(claim.input, claim.weight, claim.bias)).name


def _notes(claim: Claim, actual: Array, target: Precision | None, name: str) -> list[str]:
    notes = []
    expected = _dtype(claim)
    if expected != name:
        notes.append(f"The result is {name}; the call's own result is {expected}.")
    if target is None and np.dtype(expected).kind in "fc":
        notes.append("An integer result of floating-point arrays has to be exact here.")
    if actual.size and not actual.any():
        notes.append("Every element is zero: nothing can be read from such a result.")
    return notes


def _name(actual: Array, target: Precision | None) -> str:
    return "bfloat16" if target is not None and target.name == "bfloat16" else actual.dtype.name


# --- verdicts --------------------------------------------------------------------------------------------------------


def _impossible(claim: Claim, actual: Array, name: str, error: ValueError) -> Report:
    return Report(
        ok=False,
        verdict="wrong shape",
        causes=(),
        indistinguishable=(),
        max_error=float("nan"),
        max_bound_ratio=float("nan"),
        effective_bits=float("nan"),
        where={},
        bound="componentwise",
        op=claim.op,
        expected_shape=None,
        actual_shape=actual.shape,
        expected_dtype=_dtype(claim),
        actual_dtype=name,
        notes=(f"The claimed call is impossible, so no result can agree with it: {error}",),
        actual=actual,
    )


def _wrong_shape(claim: Claim, reading: Reading, actual: Array, target: Precision | None, name: str) -> Report:
    notes = _notes(claim, actual, target, name)
    causes = _search(reading, actual, target, float("inf"))
    if not causes:
        notes += _shape_notes(reading, actual)
    notes += _ambiguity(causes)
    return Report(
        ok=False,
        verdict="wrong shape",
        causes=_causes(causes),
        indistinguishable=_indistinguishable(causes),
        max_error=float("nan"),
        max_bound_ratio=float("nan"),
        effective_bits=float("nan"),
        where={},
        bound="componentwise",
        op=claim.op,
        expected_shape=reading.shape(),
        actual_shape=actual.shape,
        expected_dtype=_dtype(claim),
        actual_dtype=name,
        notes=tuple(notes),
        expected=truth(reading, target).value,
        actual=actual,
    )


def _shape_notes(reading: Reading, actual: Array) -> list[str]:
    """Which causes would give this shape, though their data are others."""
    if not _explicable(reading, actual):
        return ["An array is empty: there are no data to go by."]
    names = [
        kind.name
        for kind in BY_NAME.values()
        if kind.variants is not None
        and any(v.possible() and v.shape() == actual.shape for _, v in kind.variants(reading))
    ]
    if names:
        return [f"This shape is that of {', '.join(names)}, but the data are others: no known cause gives them."]
    return ["No known cause gives this shape."]


def _same_shape(
    claim: Claim, reading: Reading, actual: Array, target: Precision | None, name: str, kind: Kind
) -> Report:
    value = truth(reading, target)
    kind, quotient = _quotient(reading, actual, target, value, kind)
    error = _error(actual, value.value)
    residual = relative_rms(error, value.magnitude)
    verdict, causes = _judge(
        reading,
        actual,
        target,
        value,
        quotient,
        residual,
        integers=np.dtype(_dtype(claim)).kind in "iu" and not np.iscomplexobj(actual),
    )
    beyond = quotient > 1
    unlike = _unlike(actual, value.value, beyond)
    notes = _notes(claim, actual, target, name) + _ambiguity(causes) + unlike
    if verdict == "unexplained":
        notes += [UNEXPLAINED] if beyond.any() else [UNEXPLAINED, UNLIKE]
    return Report(
        ok=verdict in ("exact", "within rounding"),
        verdict=verdict,
        causes=_causes(causes),
        indistinguishable=_indistinguishable(causes),
        max_error=float("inf") if unlike else float(abs(error).max(initial=0.0, where=np.isfinite(error))),
        max_bound_ratio=float(quotient.max(initial=0.0)),
        effective_bits=_effective_bits(error, value.magnitude, beyond),
        where=_where(reading, beyond),
        bound=kind,
        op=claim.op,
        expected_shape=reading.shape(),
        actual_shape=actual.shape,
        expected_dtype=_dtype(claim),
        actual_dtype=name,
        notes=tuple(notes),
        expected=value.value,
        actual=actual,
        bound_ratio=quotient,
    )


def _quotient(
    reading: Reading, actual: Array, target: Precision | None, value: Value, kind: Kind
) -> tuple[Kind, Array]:
    """Error over bound of each element, and the bound: that of three real products where complex ones need it."""

    def against(which: Kind) -> Array:
        limits = bound(reading, value, target, which, truth_u=truth_roundoff(target))
        return ratio(actual, value.value, limits, target, value.magnitude)

    quotient = against(kind)
    if kind == "componentwise" and np.iscomplexobj(value.value) and (quotient > 1).any():
        wider = against("three products")
        if (wider <= 1).all():
            return "three products", wider
    return kind, quotient


def _error(actual: Array, value: Array) -> Array:
    """The difference in float64; that of two integers may exceed their 64 bits."""
    if actual.dtype.kind in "iu" and value.dtype.kind in "iu":
        actual, value = actual.astype(np.longdouble), value.astype(np.longdouble)
    return np.asarray(parts(actual - value), np.float64)


def _unlike(actual: Array, value: Array, beyond: Array) -> list[str]:
    """How many elements are not finite where they should be another number, and the other way round."""
    notes = []
    wrong = beyond & ~np.isfinite(actual)
    missing = beyond & np.isfinite(actual) & ~np.isfinite(value)
    for where, text in (
        (wrong, "not finite where the right result is another"),
        (missing, "finite where the right result is not"),
    ):
        count = int(where.sum())
        if count:
            notes.append(f"{count} element{'s are' if count > 1 else ' is'} {text}.")
    return notes


def _effective_bits(error: Array, magnitude: Array, beyond: Array) -> float:
    """Significant bits that agree, at least 0; an element that differs by no finite number counts as one with none."""
    lost = ~np.isfinite(error) & beyond.reshape(beyond.shape + (1,) * (error.ndim - beyond.ndim))
    relative = relative_rms(np.where(lost, 1.0, error), np.where(lost, 1.0, magnitude))
    return max(0.0, -float(np.log2(relative))) if relative > 0 else float("inf")


def _judge(
    reading: Reading,
    actual: Array,
    target: Precision | None,
    value: Value,
    quotient: Array,
    residual: float,
    *,
    integers: bool,
) -> tuple[Verdict, list[Found]]:
    if _exact(actual, value.value, target):
        return "exact", []
    inside = bool((quotient <= 1).all())
    suspicious = _suspicious(actual, value.value)
    if integers:
        causes = integer_causes(reading, actual, value)
        if causes:
            return "reduced precision", causes
    narrow = reduced_precision(reading, actual, target) if _explicable(reading, actual) else []
    if narrow and not suspicious:
        return "reduced precision", narrow
    if inside and not suspicious:
        return "within rounding", []
    causes = _search(reading, actual, target, residual)
    if causes:
        return "different convention", causes
    if narrow:
        return "reduced precision", narrow
    u = 0.0 if target is None else target.u
    return (
        "within rounding" if inside and not elsewhere(actual, value.value, value.magnitude, u) else "unexplained"
    ), []


def _suspicious(actual: Array, value: Array) -> bool:
    with np.errstate(all="ignore"):
        error, size = (np.linalg.norm(np.nan_to_num(a).ravel()) for a in (actual - value, value))
    return bool(error > SUSPICIOUS * size)


def _exact(actual: Array, value: Array, target: Precision | None) -> bool:
    """Whether every element is the truth, rounded once to the result's dtype."""
    with np.errstate(all="ignore"):
        if target is not None and target.name == "bfloat16":
            nearest = rounded(value, BFLOAT16)
        elif target is None:
            nearest = value
        else:
            wants = np.result_type(actual.dtype, np.complex64) if np.iscomplexobj(value) else actual.dtype
            nearest = value.astype(wants if wants.itemsize <= value.dtype.itemsize else value.dtype)
        same = (actual == nearest) | (np.isnan(actual) & np.isnan(nearest))
    return bool(same.all())


def _search(reading: Reading, actual: Array, target: Precision | None, residual: float) -> list[Found]:
    if not actual.any() or not _explicable(reading, actual):
        return []
    sought = search.Target.of(reading, actual, target, residual)
    found = search.singles(reading, sought)
    near = list(sought.near.values())
    found += search.flips(reading, sought, [entry.name for entry in found])
    return found or search.layouts(reading, sought) or search.with_precision(reading, sought, near)


def _explicable(reading: Reading, actual: Array) -> bool:
    """Whether there are numbers to explain, and some that they could come from."""
    return bool(actual.size and reading.x.size and reading.w.size)


def _causes(found: list[Found]) -> tuple[Cause, ...]:
    causes = []
    for entry in sorted(found, key=lambda f: f.general):
        kinds = [BY_NAME[name] for name in entry.name.split("+")]
        causes.append(
            Cause(
                entry.name,
                " ".join(kind.explanation for kind in kinds),
                " ".join(kind.fix for kind in kinds),
                entry.parameters,
                entry.general,
            )
        )
    return tuple(causes)


def _indistinguishable(found: list[Found]) -> tuple[str, ...]:
    special = [entry.name for entry in found if not entry.general]
    return tuple(special) if len(special) > 1 else ()


def _ambiguity(found: list[Found]) -> list[str]:
    """Whether causes that fit alike are one call under several names, or coincide on these data only."""
    names = ", ".join(_indistinguishable(found))
    if not names:
        return []
    if len({call_of(entry.reading) for entry in found if not entry.general}) == 1:
        return [f"{names} are names for one and the same call here: no data tell them apart."]
    return [f"These data cannot tell apart {names}: npconvt.probe makes data for other shapes that may."]


# --- where -----------------------------------------------------------------------------------------------------------


def _where(reading: Reading, beyond: Array) -> dict[str, Any]:
    """Which elements are beyond their bounds."""
    if beyond.ndim == reading.ndim + 1:
        beyond = beyond[None]
    border = np.broadcast_to(_border(reading), beyond.shape)
    counts = {"elements": np.ones_like(border), "border": border, "interior": ~border}
    where: dict[str, Any] = {name: (int((beyond & part).sum()), int(part.sum())) for name, part in counts.items()}
    if beyond.any():
        where["channels"] = tuple(int(c) for c in np.flatnonzero(beyond.any((0, *range(2, beyond.ndim)))))
        if reading.transposed and any(s > 1 for s in reading.stride):
            where["phases"] = _phases(reading, beyond)
    return where


def _border(reading: Reading) -> Array:
    """Positions whose windows reach beyond the input (of a transposed call: into which fewer inputs reach)."""
    border: Array = np.zeros((), bool)
    for m, f, n, e, s, (lo, _) in zip(
        reading.out_size,
        reading.full,
        reading.size,
        reading.extent,
        reading.stride,
        reading.crop if reading.transposed else reading.pads,
        strict=True,
    ):
        if reading.transposed:
            place = np.arange(m) + lo
            outside = (place < e - 1) | (place > f - e)
        else:
            start = np.arange(m) * s - lo
            outside = (start < 0) | (start + e > n)
        border = border[..., None] | outside
    return border[None, None]


def _phases(reading: Reading, beyond: Array) -> tuple[Any, ...]:
    """Places within a stride, counted from the full result's first element."""
    where = np.nonzero(beyond.any((0, 1)))
    phases = [(i + lo) % s for i, (lo, _), s in zip(where, reading.crop, reading.stride, strict=True)]
    return tuple(sorted({tuple(int(v) for v in phase) for phase in zip(*phases, strict=True)}))
