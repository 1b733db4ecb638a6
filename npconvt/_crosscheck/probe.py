"""Cases made to tell causes apart, and the check that they do."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from npconvt import _arguments as arguments
from npconvt._case import Case, geometry_of
from npconvt._crosscheck.arithmetic import BFLOAT16, FLOAT16, TF32, Format, integer_causes, reduced_precision, rounded
from npconvt._crosscheck.bound import precision
from npconvt._crosscheck.causes import KINDS, Kind
from npconvt._crosscheck.reading import Array, Ints, Reading, call_of, evaluate, read, values

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

PROBES = ("convention", "precision", "overflow", "conjugate")
_DEFAULT_DTYPE = {"convention": "float32", "precision": "float32", "overflow": "int64", "conjugate": "complex64"}
_DTYPE_KINDS = {"convention": "iufc", "precision": "f", "overflow": "iu", "conjugate": "c"}

# Integers up to 256 have at most the eight digits of bfloat16; float32 adds them exactly up to 2**24, float16 to 2**11.
LARGEST = 256
FLOAT32_EXACT = 2**24
FLOAT16_EXACT = 2**11


def probe(
    op: str,
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    *,
    kind: str = "convention",
    bias: bool = False,
    seed: int = 0,
    dtype: DTypeLike | None = None,
    **params: Any,
) -> Case:
    """Return a case whose result tells the causes of a difference apart. Run it elsewhere, then `crosscheck` it.

    Parameters
    ----------
    op : str
        "conv1d" and so on, as in `Case`.
    input_shape, weight_shape : sequence of int
        As the call takes them.
    kind : str
        "convention": small whole numbers, exact in every format down to bfloat16 inputs with float32 sums (float16
        sums too where the number of terms allows), so that any difference is one of convention. "precision": numbers
        with all their digits, some of them too small for float16. "overflow": whole numbers whose sums exceed narrower
        types. "conjugate": small complex whole numbers.
    bias : bool
        Whether to add a bias, another for each channel.
    seed : int
        Of the random numbers.
    dtype : dtype, optional
        Of the arrays: float32, for "overflow" int64, for "conjugate" complex64 by default.
    **params
        The other arguments of the call.

    Returns
    -------
    Case
        Without output. `separation` says what it cannot tell apart.

    Raises
    ------
    ValueError, TypeError
        Where the call would raise; where `kind` is none of the four, `dtype` does not suit it, `seed` is no natural
        number, or whole numbers cannot be exact because there are too many terms.

    Examples
    --------
    >>> from npconvt import crosscheck, probe
    >>> case = probe("conv2d", (1, 2, 5, 6), (3, 2, 2, 3), padding=((0, 1), (1, 0)))
    >>> import npconvt
    >>> wrong = npconvt.conv2d(case.input, case.weight[..., ::-1, :], **case.params)
    >>> [cause.name for cause in crosscheck(case, wrong).causes]
    ['kernel_flipped']
    """
    arguments.word("probe", "kind", kind, PROBES)
    chosen = arguments.number_dtype("probe", _DEFAULT_DTYPE[kind] if dtype is None else dtype)
    with_bias, seed = arguments.boolean("probe", "bias", bias), arguments.natural("probe", "seed", seed)
    if chosen.kind not in _DTYPE_KINDS[kind]:
        msg = f"probe: dtype must suit kind {kind!r}, but got {chosen}."
        raise TypeError(msg)
    inputs, weights = (
        arguments.shape("probe", "input_shape", input_shape),
        arguments.shape("probe", "weight_shape", weight_shape),
    )
    geometry = geometry_of(op, inputs, weights, params, caller="probe")
    transposed = op.startswith("conv_transpose")
    channels = geometry.in_channels if transposed else geometry.out_channels
    seen = geometry.out_channels if transposed else geometry.in_channels
    terms = seen // geometry.groups * prod(geometry.kernel_size)
    rng = np.random.default_rng(seed)
    make = {"precision": _digits, "overflow": _large}.get(kind, _small)
    x, w, b = make(rng, inputs, weights, channels, terms, chosen)
    return Case(op, x, w, b if with_bias else None, params)


def _whole(rng: np.random.Generator, shape: Ints, largest: int, dtype: np.dtype[Any]) -> Array:
    """Random whole numbers other than zero, negative ones too where the dtype has them."""
    magnitude = rng.integers(1, largest + 1, shape)
    sign = 1 if dtype.kind == "u" else rng.choice([-1, 1], shape)
    if dtype.kind == "c":
        other = rng.integers(1, largest + 1, shape) * rng.choice([-1, 1], shape)
        return np.asarray((magnitude * sign + 1j * other).astype(dtype))
    return np.asarray((magnitude * sign).astype(dtype))


def _small(
    rng: np.random.Generator, inputs: Ints, weights: Ints, channels: int, terms: int, dtype: np.dtype[Any]
) -> tuple[Array, Array, Array]:
    products = terms * (4 if dtype.kind == "c" else 1) + 1
    budget = next((b for b in (FLOAT16_EXACT, FLOAT32_EXACT) if b // products >= 24), None)
    if dtype.kind in "iu":
        budget = min(budget or 0, int(np.iinfo(dtype).max)) or None
    # Signs and a few magnitudes are what is needed; 3 by 8 is where a small kernel is still full of different numbers.
    most = 0 if budget is None else budget // products
    if most < 2:
        msg = f"probe: weight_shape must leave whole numbers exact, but there are {terms} terms in a sum."
        raise ValueError(msg)
    # Of two random factors the longer array gets the larger: it has more elements to keep apart.
    side = min(int(most**0.5), LARGEST)
    b = (rng.permutation(max(channels, min(side * side, LARGEST)))[:channels] % LARGEST + 1) * (
        1 if dtype.kind == "u" else rng.choice([-1, 1], channels)
    )
    if dtype.kind == "c":
        b = b + 1j * rng.permutation(b)
    if dtype.kind in "iu":
        b = np.clip(b, -(budget or 1) // 4, (budget or 1) // 4)
    return _whole(rng, inputs, side, dtype), _whole(rng, weights, side, dtype), np.asarray(b.astype(dtype))


def _large(
    rng: np.random.Generator, inputs: Ints, weights: Ints, channels: int, terms: int, dtype: np.dtype[Any]
) -> tuple[Array, Array, Array]:
    """Whole numbers as large as the dtype holds, or as 64-bit sums of their products allow."""
    most = int(min(np.iinfo(dtype).max, (2**62 // (terms + 1)) ** 0.5))
    return _whole(rng, inputs, most, dtype), _whole(rng, weights, most, dtype), _whole(rng, (channels,), most, dtype)


def _digits(
    rng: np.random.Generator, inputs: Ints, weights: Ints, channels: int, terms: int, dtype: np.dtype[Any]
) -> tuple[Array, Array, Array]:
    """Numbers with all their digits. Half of the image is so dim that float16 has few digits left for it, TF32 all."""
    x = rng.uniform(1, 2, inputs) * rng.choice([-1, 1], inputs)
    if dtype != np.float16:
        x[..., inputs[-1] // 2 :] *= 2.0**-18
    w = rng.uniform(0.5, 1, weights) * rng.choice([-1, 1], weights)
    # The bias is small: it would drown the dim half.
    b = rng.uniform(1, 2, channels) * 2.0**-9
    return x.astype(dtype), w.astype(dtype), b.astype(dtype)


# --- what a case can tell apart --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Separation:
    """What a case tells apart.

    Attributes
    ----------
    ok : bool
        Whether every cause that applies changes the result, each in its own way.
    applying : tuple of str
        The causes that apply to the call.
    hidden : tuple of str
        Those that leave its result as it is.
    together : tuple of pairs of str
        Those that give the same result by different calls.
    one_call : tuple of pairs of str
        Those that can mean one and the same call: two names for it, which no data tell apart.
    advice : dict
        For each name or pair "a, b" above: which shape tells it, as found by trying.
    """

    ok: bool
    applying: tuple[str, ...]
    hidden: tuple[str, ...]
    together: tuple[tuple[str, str], ...]
    one_call: tuple[tuple[str, str], ...]
    advice: dict[str, str]

    def __str__(self) -> str:
        told = "all give different results" if self.ok else "not all are told apart"
        lines = [f"{len(self.applying)} causes apply; {told}."]
        lines += [f"{name} leaves the result as it is: {self.advice[name]}" for name in self.hidden]
        lines += [f"{a} and {b} give the same result: {self.advice[f'{a}, {b}']}" for a, b in self.together]
        lines += [f"{a} and {b} can be two names for one call." for a, b in self.one_call]
        return "\n".join(lines)


def separation(case: Case, *, advise: bool = True) -> Separation:
    """Say which causes a case can tell apart, by computing what each of them would give.

    Parameters
    ----------
    case : Case
        Usually one that `probe` made.
    advise : bool
        Whether to look for shapes that tell more.

    Returns
    -------
    Separation

    Examples
    --------
    With three taps and padding 1, padding of the result is padding of the zero-stuffed input:

    >>> from npconvt import probe
    >>> separation(probe("conv_transpose1d", (1, 2, 7), (2, 3, 3), stride=2, padding=1)).hidden
    ('padding_of_dilated_input',)
    """
    reading = read(case)
    if case.input.dtype.kind == "f" and not _is_whole(case):
        return _formats_told(reading, case)
    results = {kind.name: _results(kind, reading) for kind in KINDS if kind.variants is not None}
    right = _key(values(reading))
    applying = tuple(name for name, found in results.items() if found)
    hidden = tuple(name for name in applying if set(results[name]) == {right})
    visible = [name for name in applying if name not in hidden]
    meetings = {pair: _meeting(results[pair[0]], results[pair[1]], right) for pair in combinations(visible, 2)}
    together = tuple(pair for pair, meeting in meetings.items() if meeting == "data")
    one_call = tuple(pair for pair, meeting in meetings.items() if meeting == "call")
    if case.input.dtype.kind in "iu":
        told = _integers_told(reading)
        applying, hidden = applying + tuple(told), hidden + tuple(name for name, seen in told.items() if not seen)
    advice = {}
    for names in [*((name,) for name in hidden), *together]:
        advice[", ".join(names)] = _advice(case, names) if advise else ""
    return Separation(not hidden and not together, applying, hidden, together, one_call, advice)


def _is_whole(case: Case) -> bool:
    return all(a is None or bool((a == np.floor(a)).all()) for a in (case.input, case.weight, case.bias))


Key = tuple[Ints, bytes]
# The data that a cause can give, each with the calls that give it (None: a call and a rearrangement of its result).
Results = dict[Key, set[Hashable]]


def _key(array: Array) -> Key:
    return array.shape, (array + 0).tobytes()  # + 0: a negative zero is zero


def _results(kind: Kind, reading: Reading) -> Results:
    results: Results = {}
    for _, variant in kind.variants(reading) if kind.variants is not None else ():
        if variant.possible():
            call = call_of(variant) if variant.view is reading.view else None
            results.setdefault(_key(values(variant)), set()).add(call)
    return results


def _meeting(a: Results, b: Results, right: Key) -> str:
    """Whether two causes can give the same data by different calls ("data"), by one call only ("call"), or not ("")."""
    common = (set(a) & set(b)) - {right}
    if not common:
        return ""
    return "call" if all((a[key] & b[key]) - {None} for key in common) else "data"


def _advice(case: Case, names: tuple[str, ...]) -> str:
    """Which change of the shapes lets these causes be seen, or be told apart."""
    kinds = [kind for kind in KINDS if kind.name in names]
    if any(kind.variants is None for kind in kinds):
        return "use kind='overflow' and a wider dtype."
    for text, other in _alternatives(case):
        reading = read(other)
        right = _key(values(reading))
        results = [_results(kind, reading) for kind in kinds]
        seen = all(set(found) - {right} for found in results)
        if seen and (len(results) == 1 or _meeting(results[0], results[1], right) != "data"):
            return text
    return "none of the other shapes tried tells them apart." if len(names) > 1 else "no other shape tried shows it."


def _alternatives(case: Case) -> Iterator[tuple[str, Case]]:
    """Cases of the same op with other shapes, small changes first."""
    ndim = case.geometry.ndim
    lead, size = case.input.shape[:-ndim], case.input.shape[-ndim:]
    channels, kernel = case.weight.shape[:2], case.weight.shape[2:]
    sizes = [tuple(n + j * (a + 1) for a, n in enumerate(size)) for j in (1, 2, 3)]
    kernels = [
        tuple(k + 1 for k in kernel),
        tuple(k + a + 1 for a, k in enumerate(kernel)),
        tuple(k + 2 for k in kernel),
    ]
    changes = [(new, kernel, channels) for new in sizes]
    changes += [(size, new, channels) for new in kernels]
    free = 0 if not case.transposed else 1  # the channel axis of the weight that the input does not fix
    more = tuple(c + case.geometry.groups if i == free else c for i, c in enumerate(channels))
    changes += [(size, kernel, more)] + [(s, k, more) for s in sizes for k in kernels]
    for s, k, c in changes:
        params = {name: value for name, value in case.params.items() if name != "output_size"}
        new_input, new_weight = (*lead, *s), (*c, *k)
        try:
            other = probe(case.op, new_input, new_weight, bias=case.bias is not None, dtype=case.input.dtype, **params)
        except ValueError:
            continue
        shapes = {"input_shape": (new_input, case.input.shape), "weight_shape": (new_weight, case.weight.shape)}
        yield f"use {', '.join(f'{name}={new}' for name, (new, old) in shapes.items() if new != old)}.", other


def _formats_told(reading: Reading, case: Case) -> Separation:
    """For numbers with all their digits: which formats of the inputs the result shows."""
    target = precision(case.input.dtype)
    digits = 0 if target is None else -int(np.log2(target.u))
    formats = {form.name: form for form in (TF32, FLOAT16, BFLOAT16) if form.digits < digits}
    found = {name: _format_found(reading, form, case.input.dtype) for name, form in formats.items()}
    hidden = tuple(name for name, names in found.items() if name not in names)
    together = tuple(
        (a, b) for a, b in combinations([n for n in formats if n not in hidden], 2) if b in found[a] or a in found[b]
    )
    advice = dict.fromkeys(
        [*hidden, *(", ".join(pair) for pair in together)], "use kind='precision' and more elements."
    )
    return Separation(not hidden and not together, tuple(formats), hidden, together, (), advice)


def _format_found(reading: Reading, form: Format, dtype: np.dtype[Any]) -> list[str]:
    planted = replace(reading, x=rounded(reading.x, form), w=rounded(reading.w, form))
    found = reduced_precision(reading, values(planted).astype(dtype), precision(dtype))
    return found[0].parameters["format"].split(" or ") if found else []


def _integers_told(reading: Reading) -> dict[str, bool]:
    """Whether wrapping to 32 bits or less, and sums in float32, would be seen."""
    value = evaluate(reading)
    whole = value.value.astype(np.int64)
    told = {}
    for name, plant in (("integer_wrapped", "int32"), ("integer_in_float", "float32")):
        with np.errstate(all="ignore"):
            planted = whole.astype(plant)
        told[name] = any(f.name == name for f in integer_causes(reading, planted, value)) and bool(
            (planted.astype(np.float64) != whole).any()
        )
    return told
