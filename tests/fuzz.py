"""Random calls against PyTorch: value, shape, and whether an error is raised.

    python tests/fuzz.py --examples 100000 --seed 1
    python tests/fuzz.py --seed 1 --only 4711        one example again, in full

An example is drawn from (seed, number), so each can be had again alone. Three kinds are drawn: calls as torch takes
them, calls that only npconvt takes (held against the same map made of torch's pieces), and calls with something wrong.
Every difference must be one of `DIFFERENCES`, each of which docs/differences-from-torch.md explains; any other is
printed, and the exit status is 1.
"""

import argparse
import collections
import contextlib
import itertools
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import oracles
from oracles import Axis

import npconvt
from npconvt import _arguments as arguments

FLOATS = ("float32", "float64", "complex64", "complex128")
INTEGERS = ("int8", "uint8", "int16", "int32", "int64")
DTYPES = (*FLOATS, *FLOATS, "float16", *INTEGERS, "bool", "uint16", "uint64")
MODES = ("zeros", "reflect", "replicate", "circular")
METHODS = tuple(name for name in arguments.METHODS if name != "fft")  # fft rounds
TENSORS = ("input", "weight", "bias")


@dataclass(frozen=True)
class Example:
    """A call as typed. `axes` is what it means, where the kind says so; None there means that it must be refused."""

    kind: str  # "torch", "beyond", "bad"
    op: str
    args: dict[str, Any]
    axes: tuple[Axis, ...] | None = None
    layouts: tuple[str, ...] = ("plain",) * 3
    positional: int = 2  # how many arguments stand without their name
    method: str = "auto"
    features: frozenset[str] = field(default_factory=frozenset)

    @property
    def transposed(self) -> bool:
        return "transpose" in self.op

    @property
    def arrays(self) -> list[Any]:
        return [self.args[name] for name in TENSORS if name in self.args]


@dataclass(frozen=True)
class Outcome:
    """A value, or an error."""

    value: np.ndarray | None
    error: Exception | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{type(self.error).__name__}: {str(self.error).splitlines()[0] if str(self.error) else ''}"
        return f"{self.value.dtype} {self.value.shape} {self.value.ravel()[:24].tolist()}"


# ---- drawing


class Draw:
    """Short names for what is drawn all the time."""

    def __init__(self, seed: int, number: int) -> None:
        self.rng = np.random.default_rng((seed, number))

    def int(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def of(self, options: Any) -> Any:
        return options[self.int(0, len(options) - 1)]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def numbers(self, shape: tuple[int, ...], dtype: str, non_finite: bool = False) -> np.ndarray:
        kind = np.dtype(dtype).kind
        values = self.rng.integers(0 if kind in "bu" else -3, 2 if kind == "b" else 4, shape)
        if kind == "c":
            values = values + 1j * self.rng.integers(-3, 4, shape)
        array = np.array(values, dtype)
        if non_finite and kind == "f":
            spoiled = self.rng.random(shape) < 0.1
            array = np.where(spoiled, self.rng.choice([np.nan, np.inf, -np.inf], shape).astype(dtype), array)
        return array

    def spelled(self, values: tuple[Any, ...]) -> Any:
        """One of the ways to write one value per axis that torch has too."""
        forms = [tuple(values), list(values)]
        if values and len(set(values)) == 1:
            forms += [(values[0],), values[0], values[0]]
        return self.of(forms)


def draw_example(seed: int, number: int) -> Example:
    draw = Draw(seed, number)
    kind = draw.of(("torch",) * 12 + ("beyond",) * 5 + ("bad",) * 4)
    example = draw_beyond(draw) if kind == "beyond" else draw_torch(draw)
    if kind == "bad":
        example = spoil(draw, example)
    has_bias = "bias" in example.args
    return replace(
        example,
        layouts=tuple(draw.of(tuple(LAYOUTS)) if draw.chance(0.5) else "plain" for _ in TENSORS),
        positional=draw.int(2, len(example.args)) if has_bias and example.kind != "beyond" else 2,
        method=draw.of(METHODS),
    )


def draw_arrays(draw: Draw, transposed: bool, sizes: tuple[int, ...], kernel: tuple[int, ...], dtypes: list[str]):
    groups = draw.of((1, 1, 1, 2, 3))
    channels_zero = draw.chance(0.02)
    first = 0 if channels_zero and draw.chance(0.5) else groups * draw.int(1, 3)
    second = 0 if channels_zero else draw.int(1, 3)
    lead = draw.of(((), (1,), (2,), (2,), (0,)))
    non_finite = draw.chance(0.05)
    args = {
        "input": draw.numbers((*lead, first if transposed else second * groups, *sizes), dtypes[0], non_finite),
        "weight": draw.numbers((first, second, *kernel), dtypes[1], non_finite),
        "bias": None,
    }
    if draw.chance(0.4):
        args["bias"] = draw.numbers((second * groups if transposed else first,), dtypes[2])
    return args, groups


def draw_torch(draw: Draw) -> Example:
    """Arguments in torch's forms; where they do not fit one another, both must refuse."""
    transposed, ndim = draw.chance(0.5), draw.of((1, 1, 2, 2, 2, 3))
    small = ndim == 3
    sizes = tuple(draw.int(1, 4 if small else 7) for _ in range(ndim))
    if draw.chance(0.01):
        sizes = (0, *sizes[1:])
    kernel = tuple(draw.int(1, 3 if small else 4) for _ in range(ndim))
    dtype = draw.of(DTYPES)
    args, groups = draw_arrays(draw, transposed, sizes, kernel, [dtype] * 3)
    args["stride"] = draw.spelled(tuple(draw.int(1, 3) for _ in range(ndim)))
    args["padding"] = draw.spelled(tuple(draw.int(0, 2) for _ in range(ndim)))
    if not transposed and draw.chance(0.15):
        args["padding"] = draw.of(("same", "valid"))
    dilation = draw.spelled(tuple(draw.of((1, 1, 2, 3)) for _ in range(ndim)))
    if transposed:
        args["output_padding"] = draw.spelled(tuple(draw.of((0, 0, 1, 2)) for _ in range(ndim)))
        args |= {"groups": groups, "dilation": dilation}
    else:
        args |= {"dilation": dilation, "groups": groups}
    return Example("torch", f"conv_transpose{ndim}d" if transposed else f"conv{ndim}d", args)


def draw_axis(draw: Draw, transposed: bool, mode: str, padding: str, small: bool) -> tuple[Axis, int]:
    k, s, d = draw.int(1, 2 if small else 4), draw.int(1, 4), draw.int(1, 3)
    if padding.startswith("same"):
        n = draw.int(1, 7)
        n = -(-n // s) * s if transposed and draw.chance(0.5) else n
        lo, hi = oracles.same(n, k, s, d, lower=padding == "same_lower")
        return Axis(n, k, -(-n // s), s, d, lo, hi, mode), 0
    lo, hi = draw.int(-2, 3), draw.int(-2, 3)
    if not transposed:
        axis = Axis(draw.int(1, 8), k, None, s, d, lo, hi, mode)
        return replace(axis, m=(axis.n + lo + hi - axis.k_eff) // s + 1), 0
    extra = draw.int(0, max(s, d))
    axis = Axis(0, k, draw.int(1, 2 if small else 5), s, d, lo, hi, mode)
    return replace(axis, n=(axis.m - 1) * s + axis.k_eff - lo - hi + extra), extra


def is_possible(axis: Axis, extra: int) -> bool:
    """The contract's limits on one axis."""
    cropped = axis.n + min(axis.lo, 0) + min(axis.hi, 0)
    most = max(axis.lo, axis.hi, 0)
    limit = {"reflect": cropped - 1, "circular": cropped}.get(axis.mode, most)
    return (
        axis.n >= 1 and cropped >= 1 and axis.m >= 1 and most <= limit and (extra == 0 or extra < max(axis.s, axis.d))
    )


def draw_beyond(draw: Draw) -> Example:
    """What torch's functions do not take: pairs, negative amounts, words, modes, output_size, dtypes, axes."""
    transposed, ndim = draw.chance(0.5), draw.of((1, 1, 2, 2, 2, 3, 0, 4))
    mode = draw.of(MODES) if 1 <= ndim <= 3 else "zeros"
    padding = draw.of(("pairs", "pairs", "pairs", "same", "same_lower"))
    drawn = [draw_axis(draw, transposed, mode, padding, ndim > 2) for _ in range(ndim)]
    axes, extra = tuple(a for a, _ in drawn), tuple(e for _, e in drawn)
    possible = all(itertools.starmap(is_possible, drawn))
    sizes = tuple(max(a.m if transposed else a.n, 1) for a in axes)
    dtypes = [draw.of((*DTYPES, "longdouble")) for _ in TENSORS] if draw.chance(0.5) else [draw.of(DTYPES)] * 3
    args, groups = draw_arrays(draw, transposed, sizes, tuple(a.k for a in axes), dtypes)
    args["stride"] = draw.spelled(tuple(a.s for a in axes))
    args["padding"] = draw.spelled(tuple((a.lo, a.hi) for a in axes)) if padding == "pairs" else padding
    if isinstance(args["padding"], tuple) and args["padding"] and isinstance(args["padding"][0], int):
        args["padding"] = (args["padding"],)  # a bare pair would be one int per axis
    if transposed:
        if padding.startswith("same"):
            if any(a.n != a.m * a.s for a in axes) or draw.chance(0.3):
                args["output_size"] = draw.spelled(tuple(a.n for a in axes))
        elif draw.chance(0.5):
            args["output_size"] = draw.spelled(tuple(a.n for a in axes))
        else:
            args["output_padding"] = draw.spelled(extra)
    args |= {"dilation": draw.spelled(tuple(a.d for a in axes)), "groups": groups, "padding_mode": mode}
    name = "conv_transpose" if transposed else "conv"
    named = f"{name}{ndim}d" if 1 <= ndim <= 3 and draw.chance(0.7) else name
    return Example("beyond", named, args, axes if possible else None)


def spoil(draw: Draw, example: Example) -> Example:
    """One thing wrong, or at least odd, with a call in torch's form."""
    args = dict(example.args)
    ndim = int(example.op[-2])
    ints = [name for name in ("stride", "padding", "dilation", "output_padding") if name in args]
    odd_ints = (
        0, -1, -2, 9, True, False, 1.0, 1.5, None, "1", "same", "valid", "SAME", "full", (), [], (1,) * (ndim + 1),
        (1,) * 5, (0,) * ndim, (-1,) * ndim, (1.0,) * ndim, (None,) * ndim, ("1",) * ndim, (True,) * ndim, ((1,),),
        np.int64(1), np.float64(1), np.array(1), np.array([1]), np.array([1] * ndim), {1}, {1: 1}, 1j, 2**40, 2**70,
        b"1", [[1, 1]] * ndim,
    )  # fmt: skip
    what = draw.of(
        ("ints",) * 4
        + ("groups", "groups", "rank", "rank", "channels", "channels", "bias", "dtype", "kind", "size", "extra")
    )
    if what == "ints":
        args[draw.of(ints)] = draw.of(odd_ints)
    elif what == "groups":
        args["groups"] = draw.of((0, -1, 2, 3, 4, 5, 1.0, None, "1", True, (1,), [2], np.int64(1), 2**40))
    elif what == "rank":
        name = draw.of(("input", "weight"))
        array = args[name]
        args[name] = draw.of(
            (
                array[None],
                array[..., None],
                array.reshape(-1),
                np.array(1.0, array.dtype),
                array.sum(axis=-1, dtype=array.dtype),
            )
        )
    elif what == "channels":
        name, axis = draw.of((("input", -ndim - 1), ("weight", 0), ("weight", 1)))
        extra = list(args[name].shape)
        extra[axis] = max(0, extra[axis] + draw.of((-1, 1, 2)))
        args[name] = draw.numbers(tuple(extra), str(args[name].dtype))
    elif what == "bias":
        n = args["weight"].shape[0]
        dtype = str(args["weight"].dtype)
        shape = draw.of(((n + 1,), (1,), (0,), (), (n, 1), (1, n), (1, n, 1), (max(n - 1, 0),)))
        args["bias"] = draw.numbers(shape, dtype)
    elif what == "dtype":
        name = draw.of(("input", "weight"))
        args[name] = draw.numbers(args[name].shape, draw.of(DTYPES))
        if args["bias"] is not None and draw.chance(0.5):
            args["bias"] = draw.numbers(args["bias"].shape, draw.of(DTYPES))
    elif what == "kind":
        name = draw.of(TENSORS)
        args[name] = draw.of(
            (
                None,
                "x",
                1.5,
                {},
                object(),
                [[["a"]]],
                [[[1.0]]],
                [[1], [1, 2]],
                np.array([[["a"]]]),
                np.array([[[None]]]),
                np.zeros((1, 1, 3), "M8[s]"),
                True,
            )
        )
    elif what == "size":
        name = draw.of(("input", "weight"))
        shape = list(args[name].shape)
        shape[draw.int(0, len(shape) - 1)] = 0
        args[name] = draw.numbers(tuple(shape), str(args[name].dtype))
    else:
        args[draw.of(("strides", "foo", "output_padding", "out"))] = 0
    return replace(example, kind="bad", args=args, features=frozenset({what}))


# ---- running

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "plain": lambda a: a,
    "fortran": np.asfortranarray,
    "negative": lambda a: np.flip(np.ascontiguousarray(np.flip(a))),
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) if a.ndim > 2 else a,
    "every other": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
    "unaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), a.dtype, a.size, 1).reshape(a.shape),
    "zero strided": lambda a: np.broadcast_to(a[:1, ..., :1], a.shape) if a.ndim > 2 and a.size else a,
}


def laid_out(example: Example) -> Example:
    """The same call with its arrays in other places of memory, all of them read-only; `zero strided` changes values."""
    args = dict(example.args)
    for name, layout in zip(TENSORS, example.layouts, strict=True):
        if isinstance(args.get(name), np.ndarray) and args[name].dtype.kind in "biufc":
            args[name] = LAYOUTS[layout](args[name])
            args[name].flags.writeable = False
    return replace(example, args=args)


def attempt(function: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(function())
    except Exception as error:
        return Outcome(None, error)


def ours(example: Example) -> Outcome:
    names = list(example.args)[: example.positional]
    rest = {name: value for name, value in example.args.items() if name not in names}
    return attempt(
        lambda: getattr(npconvt, example.op)(*(example.args[n] for n in names), **rest, method=example.method)
    )


def torchs(torch: Any, example: Example) -> Outcome:
    """What torch makes of the very same call, its arrays as tensors."""

    def call() -> np.ndarray:
        args = {n: _tensor(torch, v) if n in TENSORS else v for n, v in example.args.items()}
        names = list(args)[: example.positional]
        rest = {n: v for n, v in args.items() if n not in names}
        result = getattr(torch.nn.functional, example.op)(*(args[n] for n in names), **rest)
        return result.resolve_conj().numpy()

    return attempt(call)


def _tensor(torch: Any, value: Any) -> Any:
    return torch.from_numpy(np.array(value, value.dtype.newbyteorder("="))) if isinstance(value, np.ndarray) else value


def meant(torch: Any, example: Example) -> Outcome:
    """What a call that only npconvt takes must give: torch's pieces where they can, the loops where not."""
    if example.axes is None:
        return Outcome(None, ValueError("this geometry is impossible"))
    arrays = [example.args[name] for name in TENSORS]
    dtype = oracles.result_dtype(*arrays)
    present = [a for a in arrays if a is not None]
    exact = {a.dtype.str[1:] for a in present} <= {"f4", "f8", "c8", "c16", "i1", "i2", "i4", "u1"}
    finite = all(np.isfinite(a).all() for a in present)
    groups = example.args["groups"]
    if 1 <= len(example.axes) <= 3 and exact and finite and all(a.size for a in present):
        function = oracles.torch_conv_transpose if example.transposed else oracles.torch_conv
        return attempt(lambda: function(torch, *arrays, example.axes, groups).astype(dtype))
    return Outcome(by_loops(example, example.axes))


def by_loops(example: Example, axes: tuple[Axis, ...]) -> np.ndarray:
    function = oracles.conv_transpose if example.transposed else oracles.conv
    return function(*(example.args[name] for name in TENSORS), axes, example.args["groups"])


def axes_of(example: Example) -> tuple[Axis, ...]:
    """The axes of a call that is not "beyond", read from its arguments."""
    ndim = int(example.op[-2])

    def each(name: str) -> list[Any]:
        value = example.args.get(name, 0 if "padding" in name else 1)
        values = np.array(value).tolist()
        values = values if isinstance(values, list) else [values]
        return values * ndim if len(values) == 1 else values

    word = example.args["padding"] if isinstance(example.args["padding"], str) else None
    padding = [(p if isinstance(p, list) else [p, p]) for p in ([0] * ndim if word else each("padding"))]
    sizes, kernel = np.shape(example.args["input"])[-ndim:], np.shape(example.args["weight"])[2:]
    axes = []
    for i, (size, k, s, d) in enumerate(zip(sizes, kernel, each("stride"), each("dilation"), strict=True)):
        lo, hi = padding[i]
        n, m = size, None
        if example.transposed:
            m = size
            n = (m - 1) * s + d * (k - 1) + 1 - lo - hi + each("output_padding")[i]
            n = m * s if word == "same" else n
        if word == "same":
            lo, hi = oracles.same(n, k, s, d)
        axes.append(Axis(n, k, m, s, d, lo, hi))
    return tuple(axes)


def equal(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal, NaN to NaN. Which parts of a complex infinity are NaN is not defined: there, both are not finite."""
    if a.shape != b.shape:
        return False
    if a.dtype.kind == "c":
        return bool(((a == b) | ~(np.isfinite(a) | np.isfinite(b))).all())
    return bool(((a == b) | (np.isnan(a) & np.isnan(b))).all())


# ---- the deliberate differences


def is_defining_sum(example: Example, mine: Outcome) -> bool:
    """Whether npconvt's value is the defining sum; a call that torch refuses is not taken on trust."""
    args = {n: np.asarray(v) if n in TENSORS and v is not None else v for n, v in example.args.items()}
    example = replace(example, args=args)
    expected = by_loops(example, axes_of(example))
    return mine.value is not None and mine.value.dtype == expected.dtype and equal(mine.value, expected)


def paddings(example: Example) -> list[Any]:
    value = example.args.get("padding", 0)
    return [] if isinstance(value, str) else np.array(value).tolist() if np.ndim(value) else [value]


def dtypes_of(example: Example) -> set[str]:
    return {a.dtype.name for a in example.arrays if isinstance(a, np.ndarray)}


def shapes_of(example: Example) -> list[tuple[int, ...]]:
    return [a.shape for a in example.arrays if isinstance(a, np.ndarray)]


def strides_above_one(example: Example) -> bool:
    return bool(np.any(np.array(example.args.get("stride", 1)) > 1))


def ints_of(example: Example) -> list[Any]:
    return [n for name in ("stride", "padding", "dilation") for n in np.ravel(example.args.get(name, 0)).tolist()]


# What torch refuses and npconvt takes: name -> whether a call asks for it. The value must be the defining sum.
EXTENSIONS: dict[str, Callable[[Example], bool]] = {
    "any-number-of-axes": lambda e: e.op in ("conv", "conv_transpose"),
    "padding-pairs": lambda e: any(isinstance(p, list | tuple) for p in paddings(e)),
    "negative-padding": lambda e: bool(np.any(np.array(paddings(e)) < 0)),
    "same-everywhere": lambda e: isinstance(e.args["padding"], str) and (e.transposed or strides_above_one(e)),
    "padding-modes": lambda e: e.args.get("padding_mode", "zeros") != "zeros",
    "output-size": lambda e: "output_size" in e.args,
    "every-dtype": lambda e: bool(dtypes_of(e) - {"float32", "float64", "complex64", "complex128"}),
    "mixed-dtypes": lambda e: len(dtypes_of(e)) > 1,
    "64-bit-numbers": lambda e: any(isinstance(n, int) and abs(n) >= 2**31 for n in ints_of(e)),
    "zero-channels": lambda e: any(0 in shape[:2] for shape in shapes_of(e)),
    "array-likes": lambda e: any(a is not None and not isinstance(a, np.ndarray) for a in e.arrays),
    "integer-likes": lambda e: any(isinstance(v, np.ndarray) for n, v in e.args.items() if n not in TENSORS),
}


def integers_do_not_wrap(example: Example, mine: Outcome, theirs: Outcome) -> bool:
    if mine.value is None or theirs.value is None or theirs.value.dtype.kind not in "iub":
        return False
    return equal(mine.value.astype(theirs.value.dtype), theirs.value) and is_defining_sum(example, mine)


def padding_adds_no_term(example: Example, mine: Outcome, theirs: Outcome) -> bool:
    if mine.value is None or theirs.value is None or np.isfinite(example.args["weight"]).all():
        return False
    return mine.value.shape == theirs.value.shape and is_defining_sum(example, mine)


def mixed_dtypes(example: Example, mine: Outcome, theirs: Outcome) -> bool:
    """torch looks at the input's dtype alone where there is nothing to compute."""
    both = mine.value is not None and theirs.value is not None
    return both and len(dtypes_of(example)) > 1 and is_defining_sum(example, mine)


def zero_channels(example: Example, mine: Outcome, theirs: Outcome) -> bool:
    """torch returns no output channels where there are no input channels, and no bias."""
    both = mine.value is not None and theirs.value is not None
    return both and EXTENSIONS["zero-channels"](example) and is_defining_sum(example, mine)


def sizes_are_64_bit(example: Example, mine: Outcome, theirs: Outcome) -> bool:
    """torch keeps the low 32 bits of some numbers, and computes another convolution without a word."""
    asked = EXTENSIONS["64-bit-numbers"](example)
    return (
        asked and theirs.value is not None and (isinstance(mine.error, MemoryError) or is_defining_sum(example, mine))
    )


def empty_results_are_checked(example: Example, mine: Outcome, theirs: Outcome) -> bool:
    refused = isinstance(mine.error, ValueError | MemoryError)
    return refused and theirs.value is not None and theirs.value.size == 0


# What both take, or torch alone: name -> whether it explains the two outcomes.
CHANGES: dict[str, Callable[[Example, Outcome, Outcome], bool]] = {
    "integers-do-not-wrap": integers_do_not_wrap,
    "mixed-dtypes": mixed_dtypes,
    "zero-channels": zero_channels,
    "padding-adds-no-term": padding_adds_no_term,
    "64-bit-numbers": sizes_are_64_bit,
    "empty-results-are-checked": empty_results_are_checked,
}
DIFFERENCES = tuple(dict.fromkeys((*EXTENSIONS, *CHANGES)))
DOCUMENT = Path(__file__).parent.parent / "docs" / "differences-from-torch.md"


def judge(example: Example, mine: Outcome, theirs: Outcome) -> str:
    """Return what agrees, the name of the deliberate difference, or a text that starts with "!"."""
    if mine.error is not None:
        if not isinstance(mine.error, ValueError | TypeError | MemoryError):
            return "! neither ValueError nor TypeError nor MemoryError"
        if not re.match(rf"{example.op}(: |\(\) (got|takes|missing))", str(mine.error)):
            return "! the message does not start with the name of the call"
        if theirs.error is not None:
            return "errors agree"
    elif theirs.error is None and mine.value.dtype == theirs.value.dtype and equal(mine.value, theirs.value):
        return "values agree"
    if example.kind == "beyond":
        return "! npconvt is wrong where torch's functions cannot follow"
    for name, explains in CHANGES.items():
        if explains(example, mine, theirs):
            return name
    if mine.value is not None and theirs.error is not None:
        asked = [name for name, asks in EXTENSIONS.items() if asks(example)]
        if asked and is_defining_sum(example, mine):
            return asked[0]
    return "! no deliberate difference explains this"


def describe(seed: int, number: int, example: Example, mine: Outcome, theirs: Outcome, verdict: str) -> str:
    shown = {
        name: f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        for name, value in example.args.items()
    }
    call = ", ".join(f"{name}={value}" for name, value in shown.items())
    return (
        f"{verdict}\n  --seed {seed} --only {number}  ({example.kind}{''.join(sorted(example.features))}, "
        f"{example.method}, {example.layouts})\n  {example.op}({call})\n  npconvt: {mine}\n  torch:   {theirs}"
    )


def run_one(torch: Any, seed: int, number: int) -> tuple[str, str]:
    example = laid_out(draw_example(seed, number))
    mine = ours(example)
    theirs = meant(torch, example) if example.kind == "beyond" else torchs(torch, example)
    try:
        verdict = judge(example, mine, theirs)
    except Exception as error:
        verdict = f"! not to be judged: {error!r}"
    if verdict in ("values agree", "errors agree"):
        verdict = f"{verdict} ({example.kind})"
    return verdict, describe(seed, number, example, mine, theirs, verdict)


@contextlib.contextmanager
def quiet(torch: Any) -> Iterator[None]:
    """Without torch's warnings, and without oneDNN, whose float16 convolution of some small images ends the process."""
    enabled = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", UserWarning)  # on even kernels with "same"
            yield
    finally:
        torch.backends.mkldnn.enabled = enabled


def run(torch: Any, examples: int, seed: int) -> tuple[collections.Counter[str], list[str]]:
    """Return how often each verdict was given, and the descriptions of what nothing explains."""
    counts: collections.Counter[str] = collections.Counter()
    unexplained = []
    with quiet(torch):
        for number in range(examples):
            verdict, description = run_one(torch, seed, number)
            counts[verdict] += 1
            if verdict.startswith("!"):
                unexplained.append(description)
    return counts, unexplained


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="run this one example and print it")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    document = DOCUMENT.read_text(encoding="utf-8")
    missing = [name for name in DIFFERENCES if f"`{name}`" not in document]
    if missing:
        print(f"not in {DOCUMENT.name}: {', '.join(missing)}")
        return 1
    if options.only is not None:
        with quiet(torch):
            print(run_one(torch, options.seed, options.only)[1])
        return 0
    start = time.perf_counter()
    counts, unexplained = run(torch, options.examples, options.seed)
    for description in unexplained[:40]:
        print(description, end="\n\n")
    for verdict, count in counts.most_common():
        print(f"{count:8d}  {verdict}")
    print(
        f"{options.examples} examples, seed {options.seed}, {len(unexplained)} unexplained differences, "
        f"{time.perf_counter() - start:.0f} s"
    )
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
