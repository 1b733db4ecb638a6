"""One hypothesis strategy of convolution calls, in both directions, in every form a user may type them."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import oracles
from hypothesis import strategies as st
from oracles import Axis

MODES = ("zeros", "reflect", "replicate", "circular")
DTYPES = ("int64", "float64", "float32", "float16", "int8", "uint8", "int32", "bool", "complex64", "complex128")


@dataclass(frozen=True)
class Call:
    """A call as a user types it, and beside it the axes of the forward convolution that it must mean."""

    transposed: bool
    axes: tuple[Axis, ...]
    groups: int
    input: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None
    params: dict[str, Any] = field(default_factory=dict)  # stride, padding ... as typed

    @property
    def op(self) -> str:
        return f"conv_transpose{len(self.axes)}d" if self.transposed else f"conv{len(self.axes)}d"

    @property
    def dtype(self) -> np.dtype:
        return oracles.result_dtype(self.input, self.weight, self.bias)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Without the batch axis."""
        return self.input.shape[self.input.ndim - len(self.axes) - 1 :]

    @property
    def matrix_params(self) -> dict[str, Any]:
        return self.params | {"transposed": self.transposed}

    def with_arrays(self, input, weight, bias=None) -> "Call":
        return replace(self, input=input, weight=weight, bias=bias)

    def expected(self) -> np.ndarray:
        function = oracles.conv_transpose if self.transposed else oracles.conv
        return function(self.input, self.weight, self.bias, self.axes, self.groups)

    def torch(self, torch) -> np.ndarray:
        function = oracles.torch_conv_transpose if self.transposed else oracles.torch_conv
        return function(torch, self.input, self.weight, self.bias, self.axes, self.groups)


def integers_as(dtype: str, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small integers, in any dtype: sums of their products are exact."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    values = rng.integers(0 if dtype.kind == "u" else -4, 5, shape)
    if dtype.kind == "c":
        values = values + 1j * rng.integers(-4, 5, shape)
    return np.asarray(values).astype(dtype)


def _smallest(axis: Axis) -> int:
    """The fewest inputs for which this axis's crops and mode are possible."""
    cropped = max(-axis.lo, 0) + max(-axis.hi, 0)
    most = max(axis.lo, axis.hi, 0)
    return cropped + max(1, {"reflect": most + 1, "circular": most}.get(axis.mode, 1))


@st.composite
def _axis(draw, mode: str, padding: str, transposed: bool, small: bool) -> tuple[Axis, int]:
    """One axis, and its output_padding in the transposed direction."""
    k, s, d = draw(st.integers(1, 2 if small else 4)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    lower = padding == "same_lower"
    if padding.startswith("same"):
        # a transposed call without output_size returns a multiple of s
        n = s * draw(st.integers(1, 3)) if transposed and draw(st.booleans()) else draw(st.integers(1, 6))
        lo, hi = oracles.same(n, k, s, d, lower=lower)
        axis = Axis(n, k, -(-n // s), s, d, lo, hi, mode)
        if axis.n < _smallest(axis):
            axis = replace(axis, k=1, lo=0, hi=0)
        return axis, 0
    lo, hi = (0, 0) if padding == "valid" else (draw(st.integers(-2, 3)), draw(st.integers(-2, 3)))
    if padding == "symmetric":
        lo = hi = abs(lo)
    axis = Axis(0, k, draw(st.integers(1, 2 if small else 4)), s, d, lo, hi, mode)
    surplus = draw(st.integers(0, (max(s, d) if transposed else s) - 1))
    while (n := (axis.m - 1) * s + axis.k_eff - lo - hi + surplus) < _smallest(axis):
        axis = replace(axis, m=axis.m + 1)
    return replace(axis, n=n), surplus


@st.composite
def _typed(draw, values: tuple[Any, ...], default: Any = None) -> Any:
    """Per-axis values in one of the forms that mean the same."""
    forms: list[Any] = [tuple(values), list(values)]
    if all(isinstance(v, int) for v in values):
        forms.append(tuple(np.int64(v) for v in values))
    if values and len(set(values)) == 1:
        forms += [(values[0],)]
        if isinstance(values[0], int):
            forms += [values[0], np.int32(values[0])]
    return draw(st.sampled_from(forms))


@st.composite
def _typed_padding(draw, axes: tuple[Axis, ...]) -> Any:
    pairs = tuple((a.lo, a.hi) if a.lo != a.hi or draw(st.booleans()) else a.lo for a in axes)
    return draw(_typed(pairs))


@st.composite
def calls(draw, *, transposed: bool | None = None, dtypes=("int64",), ndims=(1, 1, 2, 2, 2, 3, 0, 4)) -> Call:
    """A call that the contract accepts, with everything that can be drawn about it."""
    transposed = draw(st.booleans()) if transposed is None else transposed
    ndim = draw(st.sampled_from(ndims))
    mode = draw(st.sampled_from(MODES)) if ndim in (1, 2, 3) else "zeros"
    padding = draw(st.sampled_from(("pairs", "pairs", "symmetric", "valid", "same", "same_lower")))
    drawn = [draw(_axis(mode, padding, transposed, ndim > 2)) for _ in range(ndim)]
    axes, surplus = tuple(a for a, _ in drawn), tuple(r for _, r in drawn)

    groups = draw(st.sampled_from((1, 1, 2, 3)))
    wide = 1 if ndim > 2 else 2
    weight_shape = (groups * draw(st.integers(1, wide)), draw(st.integers(1, wide)), *(a.k for a in axes))
    sizes = tuple(a.m if transposed else a.n for a in axes)
    batch = draw(st.sampled_from(((), (1,), (2,), (0,))))
    channels = weight_shape[0] if transposed else weight_shape[1] * groups
    biased = weight_shape[1] * groups if transposed else weight_shape[0]

    params: dict[str, Any] = {
        "stride": draw(_typed(tuple(a.s for a in axes))),
        "dilation": draw(_typed(tuple(a.d for a in axes))),
        "groups": groups,
        "padding_mode": mode,
        "padding": padding if padding in ("same", "same_lower") else draw(_typed_padding(axes)),
    }
    if padding == "valid" and draw(st.booleans()):
        params["padding"] = "valid"
    if transposed:
        by_size = any(a.n != a.m * a.s for a in axes) if padding.startswith("same") else draw(st.booleans())
        if by_size:
            params["output_size"] = draw(_typed(tuple(a.n for a in axes)))
        elif not padding.startswith("same"):
            params["output_padding"] = draw(_typed(surplus))

    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = st.sampled_from(dtypes)
    return Call(
        transposed,
        axes,
        groups,
        integers_as(draw(dtype), rng, (*batch, channels, *sizes)),
        integers_as(draw(dtype), rng, weight_shape),
        integers_as(draw(dtype), rng, (biased,)) if draw(st.booleans()) else None,
        params,
    )
