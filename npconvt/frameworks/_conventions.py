"""What each framework means by the same words, held as data.

Every convolution here is a correlation of the padded input, and every transposed convolution is

    FULL[i*s + t] += x[i] * w[t],    of length (n - 1)*s + k,

cropped by ``lo`` at its start and ``hi`` at its end (negative: zeros are appended). In one-axis formulas n is the
input size, k the kernel size with its dilation (d*(taps - 1) + 1), s the stride, F the length of FULL. So a framework
is a data layout, a weight layout, whether the kernel is turned round, and for each of its words a pair (lo, hi).
That pair is the ``padding`` of npconvt's own call in either direction, because a transposed call there takes the
padding of the forward convolution whose transpose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from npconvt._arguments import word

__all__ = ["CONVENTIONS", "Axis", "Convention", "Rule", "table"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One spatial axis of a call: sizes, stride, and the numbers that the caller gave.

    Parameters
    ----------
    n, k, s : int
        Input size, dilated kernel size, stride.
    lo, hi : int
        Explicit padding, where the call has one.
    extra : int or None
        Output padding, where the call has one; None where it was not given.
    out : int or None
        The size asked for, where the call takes one.

    Examples
    --------
    >>> Axis(n=5, k=3, s=2).full
    11
    """

    n: int
    k: int
    s: int
    lo: int = 0
    hi: int = 0
    extra: int | None = None
    out: int | None = None

    @property
    def full(self) -> int:
        """Length of the transposed convolution before it is cropped."""
        return max(0, (self.n - 1) * self.s + 1) + self.k - 1


Amounts = Callable[[Axis], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What one word does on one axis: the formula as people read it, and as a function of an `Axis`.

    The amounts are the padding of a convolution, or the crop of FULL of a transposed one.

    Examples
    --------
    >>> rule = find("keras", "conv_transpose").rules["same"]
    >>> rule.amounts(Axis(n=5, k=3, s=2)), rule.amounts(Axis(n=5, k=3, s=2, extra=0))
    ((0, 1), (1, 1))
    """

    formula: str
    amounts: Amounts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Convention:
    """One call of one framework.

    Layouts are spelled with N (batch), C (channels), O and I (output and input channels of *this* call), M (outputs of
    each channel) and ``*`` (the spatial axes; alone, there are no others). ``flipped`` says whether the kernel is
    turned round in space before npconvt's canonical call sees it. ``rules`` maps each padding word, or "explicit", to
    its `Rule`.

    Examples
    --------
    >>> convention = find("jax", "conv_transpose")
    >>> convention.weight, convention.flipped, convention.rules["explicit"].formula
    ('*IO', True, '(k - 1 - lo, k - 1 - hi)')
    """

    framework: str
    call: str
    transposed: bool
    data: str
    weight: str
    flipped: bool
    rules: Mapping[str, Rule] = field(compare=False)
    default: str
    groups: str
    output_size: str
    source: str


def _same(axis: Axis) -> int:
    """Zeros that make a convolution return ceil(n/s)."""
    return max(0, (-(-axis.n // axis.s) - 1) * axis.s + axis.k - axis.n)


def _same_upper(axis: Axis) -> tuple[int, int]:
    total = _same(axis)
    return total // 2, total - total // 2


def _same_lower(axis: Axis) -> tuple[int, int]:
    total = _same(axis)
    return total - total // 2, total // 2


def _wrap(axis: Axis) -> tuple[int, int]:
    return (axis.k - 1) // 2, axis.k // 2


def _jax_transposed_same(axis: Axis) -> tuple[int, int]:
    lo = max(0, axis.k - axis.s) // 2
    return lo, axis.k - axis.s - lo


def _jax_transposed_same_lower(axis: Axis) -> tuple[int, int]:
    # Reached at stride 1 only: the word is then read by the convolution of the undilated input.
    total = axis.k - 1
    return axis.k - 1 - (total - total // 2), axis.k - 1 - total // 2


def _keras_same(axis: Axis) -> tuple[int, int]:
    k, s = axis.k, axis.s
    total = s + k - 2 if axis.extra is None else k + k % 2 - 2 + axis.extra
    left = min(-(-total // 2), k - 1)
    return k - 1 - left, k - 1 - (total - left)


def _keras_valid(axis: Axis) -> tuple[int, int]:
    return 0, -(max(axis.s - axis.k, 0) if axis.extra is None else axis.extra)


def _tensorflow_same(axis: Axis) -> tuple[int, int]:
    out = axis.out or 0
    lo = max(0, axis.full - out) // 2
    return lo, axis.full - out - lo


def _onnx_total(axis: Axis) -> tuple[int, int]:
    """Total crop, and the output size: asked for, or n*s where that is not more than there is."""
    extra = axis.extra or 0
    total = max(0, axis.full + extra - (axis.n * axis.s if axis.out is None else axis.out))
    return total, axis.full + extra - total if axis.out is None else axis.out


def _onnx_upper(axis: Axis) -> tuple[int, int]:
    total, out = _onnx_total(axis)
    return total // 2, axis.full - out - total // 2


def _onnx_lower(axis: Axis) -> tuple[int, int]:
    total, out = _onnx_total(axis)
    return total - total // 2, axis.full - out - (total - total // 2)


def _smaller(axis: Axis) -> tuple[int, int]:
    return min(axis.n, axis.k) - 1, min(axis.n, axis.k) - 1


def _smaller_half(axis: Axis) -> tuple[int, int]:
    total = min(axis.n, axis.k) - 1
    return total // 2, total - total // 2


VALID = Rule("(0, 0)", lambda axis: (0, 0))
EXPLICIT = Rule("(lo, hi)", lambda axis: (axis.lo, axis.hi))
SAME_UPPER = Rule("t = max(0, (ceil(n/s) - 1)*s + k - n): (t//2, t - t//2)", _same_upper)
SAME_LOWER = Rule("t = max(0, (ceil(n/s) - 1)*s + k - n): (t - t//2, t//2)", _same_lower)
CAUSAL = Rule("(k - 1, 0)", lambda axis: (axis.k - 1, 0))
WRAP = Rule("((k - 1)//2, k//2), filled by that boundary", _wrap)
OUTPUT_PADDING = Rule("(lo, hi - output_padding)", lambda axis: (axis.lo, axis.hi - (axis.extra or 0)))

JAX_SAME = Rule("lo = max(0, k - s)//2: (lo, k - s - lo)", _jax_transposed_same)
JAX_VALID = Rule("(0, -max(0, s - k))", lambda axis: (0, -max(0, axis.s - axis.k)))
JAX_SAME_LOWER = Rule("((k - 1)//2, k//2), at s = 1 only", _jax_transposed_same_lower)
JAX_EXPLICIT = Rule("(k - 1 - lo, k - 1 - hi)", lambda axis: (axis.k - 1 - axis.lo, axis.k - 1 - axis.hi))
FLAX_CIRCULAR = Rule("VALID, then wrapped to n*s; shift (k - 1)//2 or k//2, see the text", JAX_VALID.amounts)

TF_SAME = Rule("lo = max(0, F - out)//2: (lo, F - out - lo)", _tensorflow_same)
TF_VALID = Rule("(0, F - out)", lambda axis: (0, axis.full - (axis.out or 0)))
TF_EXPLICIT = Rule("(lo, F - out - lo)", lambda axis: (axis.lo, axis.full - (axis.out or 0) - axis.lo))

KERAS_SAME = Rule(
    "t = s + k - 2, or k + k%2 - 2 + output_padding; l = min(ceil(t/2), k - 1): (k - 1 - l, k - 1 - t + l)",
    _keras_same,
)
KERAS_VALID = Rule("(0, -output_padding), which is max(0, s - k) where not given", _keras_valid)

_ONNX_T = "t = max(0, F + output_padding - out)"
ONNX_UPPER = Rule(f"{_ONNX_T}, out = output_shape or n*s: lo = t//2", _onnx_upper)
ONNX_LOWER = Rule(f"{_ONNX_T}, out = output_shape or n*s: lo = t - t//2", _onnx_lower)

FULL = Rule("(0, 0)", lambda axis: (0, 0))
WITHIN = Rule("t = min(n, k) - 1: (t, t)", _smaller)
MIDDLE = Rule("((k - 1)//2, k//2)", lambda axis: ((axis.k - 1) // 2, axis.k // 2))
MIDDLE_LATE = Rule("(k//2, (k - 1)//2)", lambda axis: (axis.k // 2, (axis.k - 1) // 2))
MIDDLE_OF_LARGER = Rule("t = min(n, k) - 1: (t//2, t - t//2)", _smaller_half)
INSIDE = Rule("(k - 1, k - 1)", lambda axis: (axis.k - 1, axis.k - 1))

_XLA = {"VALID": VALID, "SAME": SAME_UPPER, "SAME_LOWER": SAME_LOWER}


def _rules(**rules: Rule) -> Mapping[str, Rule]:
    return MappingProxyType(rules)


_JAX = "jax/_src/lax/convolution.py"
_FLAX = "flax/linen/linear.py"
_TF = "tensorflow/core/framework/kernel_shape_util.cc, core/kernels/conv_grad_shape_utils.cc"
_KERAS = "keras/src/backend/jax/nn.py; keras/src/backend/common/backend_utils.py"
_ONNX = "the ONNX operator specification; onnxruntime/core/providers/cpu/nn/conv_transpose_attributes.h"
_MLX = "mlx/ops.cpp"
_TORCH = "aten/src/ATen/native/Convolution.cpp"
_SCIPY = "scipy/signal/_signaltools.py"
_MATLAB = "MATLAB's documentation; 'same' and 'valid' run in GNU Octave 7.3"
_PADDLE = "paddle/phi/kernels/cpu/conv_util.h, python/paddle/nn/functional/conv.py"

#: What each call of each framework means by its words: a `frameworks.Convention` each, with the source that says so.
#: `frameworks.table` prints them.
CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        framework="jax",
        call="conv_general_dilated",
        transposed=False,
        data="NC*",
        weight="OI*",
        flipped=False,
        rules=_rules(**_XLA, explicit=EXPLICIT),
        default="obligatory",
        groups="feature_group_count, group-major; batch_group_count",
        output_size="floor((n + lo + hi - k)/s) + 1, 0 where the kernel is longer; n dilated by lhs_dilation first",
        source=_JAX,
    ),
    Convention(
        framework="jax",
        call="conv_transpose",
        transposed=True,
        data="N*C",
        weight="*IO",
        flipped=True,
        rules=_rules(SAME=JAX_SAME, VALID=JAX_VALID, SAME_LOWER=JAX_SAME_LOWER, explicit=JAX_EXPLICIT),
        default="obligatory",
        groups="none",
        output_size="SAME: n*s; VALID: n*s + max(0, k - s); explicit: (n - 1)*s + 2 - k + lo + hi",
        source=_JAX,
    ),
    Convention(
        framework="jax",
        call="conv_transpose(transpose_kernel=True)",
        transposed=True,
        data="N*C",
        weight="*OI",
        flipped=False,
        rules=_rules(SAME=JAX_SAME, VALID=JAX_VALID, SAME_LOWER=JAX_SAME_LOWER, explicit=JAX_EXPLICIT),
        default="obligatory",
        groups="none",
        output_size="as without it",
        source=_JAX,
    ),
    Convention(
        framework="jax",
        call="conv_transpose(use_consistent_padding=True)",
        transposed=True,
        data="N*C",
        weight="*IO",
        flipped=True,
        rules=_rules(SAME=JAX_SAME, VALID=JAX_VALID, explicit=EXPLICIT),
        default="obligatory",
        groups="none",
        output_size="explicit: F - lo - hi",
        source=_JAX,
    ),
    Convention(
        framework="flax",
        call="conv",
        transposed=False,
        data="N*C",
        weight="*IO",
        flipped=False,
        rules=_rules(**_XLA, CIRCULAR=WRAP, REFLECT=WRAP, CAUSAL=CAUSAL, explicit=EXPLICIT),
        default="SAME",
        groups="feature_group_count, group-major",
        output_size="as jax",
        source=_FLAX,
    ),
    Convention(
        framework="flax",
        call="conv_transpose",
        transposed=True,
        data="N*C",
        weight="*IO",
        flipped=True,
        rules=_rules(
            SAME=JAX_SAME,
            VALID=JAX_VALID,
            SAME_LOWER=JAX_SAME_LOWER,
            CIRCULAR=FLAX_CIRCULAR,
            explicit=JAX_EXPLICIT,
        ),
        default="SAME",
        groups="none",
        output_size="as jax; CIRCULAR: n*s",
        source=_FLAX,
    ),
    Convention(
        framework="flax",
        call="conv_transpose(transpose_kernel=True)",
        transposed=True,
        data="N*C",
        weight="*OI",
        flipped=False,
        rules=_rules(
            SAME=JAX_SAME,
            VALID=JAX_VALID,
            SAME_LOWER=JAX_SAME_LOWER,
            CIRCULAR=FLAX_CIRCULAR,
            explicit=JAX_EXPLICIT,
        ),
        default="SAME",
        groups="none",
        output_size="as jax; CIRCULAR: n*s",
        source=_FLAX,
    ),
    Convention(
        framework="tensorflow",
        call="conv1d, conv2d, conv3d",
        transposed=False,
        data="N*C",
        weight="*IO",
        flipped=False,
        rules=_rules(VALID=VALID, SAME=SAME_UPPER, explicit=EXPLICIT),
        default="obligatory",
        groups="as many as C / filters.shape[-2], group-major",
        output_size="SAME: ceil(n/s); otherwise (n + lo + hi - k + s)/s rounded towards zero",
        source=_TF,
    ),
    Convention(
        framework="tensorflow",
        call="conv1d_transpose, conv2d_transpose, conv3d_transpose",
        transposed=True,
        data="N*C",
        weight="*OI",
        flipped=False,
        rules=_rules(SAME=TF_SAME, VALID=TF_VALID, explicit=TF_EXPLICIT),
        default="SAME",
        groups="as many as output_shape's channels / filters.shape[-2]",
        output_size="obligatory (output_shape): any size whose convolution has size n",
        source=_TF,
    ),
    Convention(
        framework="tensorflow",
        call="depthwise_conv2d",
        transposed=False,
        data="N*C",
        weight="*CM",
        flipped=False,
        rules=_rules(VALID=VALID, SAME=SAME_UPPER, explicit=EXPLICIT),
        default="obligatory",
        groups="one a channel; output channel c*M + m",
        output_size="as conv2d",
        source=_TF,
    ),
    Convention(
        framework="keras",
        call="conv",
        transposed=False,
        data="N*C",
        weight="*IO",
        flipped=False,
        rules=_rules(valid=VALID, same=SAME_UPPER),
        default="valid",
        groups="as many as C / kernel.shape[-2], group-major",
        output_size="as jax; an empty result is refused",
        source=_KERAS,
    ),
    Convention(
        framework="keras",
        call="conv_transpose",
        transposed=True,
        data="N*C",
        weight="*OI",
        flipped=False,
        rules=_rules(valid=KERAS_VALID, same=KERAS_SAME),
        default="valid",
        groups="none",
        output_size="valid: F + output_padding; same: n*s, or (n - 1)*s + k%2 + output_padding",
        source=_KERAS,
    ),
    Convention(
        framework="keras",
        call="depthwise_conv, separable_conv",
        transposed=False,
        data="N*C",
        weight="*CM",
        flipped=False,
        rules=_rules(valid=VALID, same=SAME_UPPER),
        default="valid",
        groups="one a channel; output channel c*M + m",
        output_size="as jax",
        source=_KERAS,
    ),
    Convention(
        framework="onnx",
        call="Conv",
        transposed=False,
        data="NC*",
        weight="OI*",
        flipped=False,
        rules=_rules(NOTSET=EXPLICIT, VALID=VALID, SAME_UPPER=SAME_UPPER, SAME_LOWER=SAME_LOWER),
        default="NOTSET, pads 0",
        groups="group, group-major",
        output_size="floor((n + begin + end - k)/s) + 1",
        source=_ONNX,
    ),
    Convention(
        framework="onnx",
        call="ConvTranspose",
        transposed=True,
        data="NC*",
        weight="IO*",
        flipped=False,
        rules=_rules(
            NOTSET=OUTPUT_PADDING,
            VALID=OUTPUT_PADDING,
            SAME_UPPER=ONNX_UPPER,
            SAME_LOWER=ONNX_LOWER,
            output_shape=ONNX_LOWER,
        ),
        default="NOTSET, pads 0",
        groups="group: weight (C_in, C_out/group, *)",
        output_size="F - begin - end + output_padding, or output_shape; SAME: n*s, or F + output_padding if less",
        source=_ONNX,
    ),
    Convention(
        framework="mlx",
        call="conv1d, conv2d, conv3d, conv_general",
        transposed=False,
        data="N*C",
        weight="O*I",
        flipped=False,
        rules=_rules(explicit=EXPLICIT),
        default="0",
        groups="groups, group-major; one or two spatial axes",
        output_size="floor((n + lo + hi - k)/s) + 1; a longer kernel is refused",
        source=_MLX,
    ),
    Convention(
        framework="mlx",
        call="conv_transpose1d, conv_transpose2d, conv_transpose3d",
        transposed=True,
        data="N*C",
        weight="O*I",
        flipped=False,
        rules=_rules(explicit=OUTPUT_PADDING),
        default="0",
        groups="groups: weight (C_out, *, C_in/groups); one or two spatial axes",
        output_size="F - 2*padding + output_padding",
        source=_MLX,
    ),
    Convention(
        framework="scipy",
        call="convolve, convolve2d",
        transposed=True,
        data="*",
        weight="*",
        flipped=False,
        rules=_rules(full=FULL, same=MIDDLE, valid=WITHIN),
        default="full",
        groups="no channels",
        output_size="full: n + k - 1; same: n; valid: abs(n - k) + 1",
        source=_SCIPY,
    ),
    Convention(
        framework="scipy",
        call="correlate",
        transposed=True,
        data="*",
        weight="*",
        flipped=True,
        rules=_rules(full=FULL, same=MIDDLE, valid=WITHIN),
        default="full",
        groups="no channels",
        output_size="full: n + k - 1; same: n; valid: abs(n - k) + 1",
        source=_SCIPY,
    ),
    Convention(
        framework="scipy",
        call="correlate2d",
        transposed=True,
        data="*",
        weight="*",
        flipped=True,
        rules=_rules(full=FULL, same=MIDDLE_LATE, valid=WITHIN),
        default="full",
        groups="no channels",
        output_size="full: n + k - 1; same: n; valid: abs(n - k) + 1",
        source=_SCIPY,
    ),
    Convention(
        framework="scipy",
        call="convolution_matrix",
        transposed=True,
        data="*",
        weight="*",
        flipped=False,
        rules=_rules(full=FULL, same=MIDDLE_OF_LARGER, valid=WITHIN),
        default="full",
        groups="no channels",
        output_size="full: n + k - 1; same: max(n, k); valid: abs(n - k) + 1",
        source="scipy/linalg/_special_matrices.py",
    ),
    Convention(
        framework="matlab",
        call="conv2",
        transposed=True,
        data="*",
        weight="*",
        flipped=False,
        rules=_rules(full=FULL, same=MIDDLE_LATE, valid=INSIDE),
        default="full",
        groups="no channels",
        output_size="full: n + k - 1; same: n; valid: max(n - k + 1, 0)",
        source=_MATLAB,
    ),
    Convention(
        framework="matlab",
        call="convmtx2",
        transposed=True,
        data="*",
        weight="*",
        flipped=False,
        rules=_rules(full=FULL),
        default="full",
        groups="no channels",
        output_size="n + k - 1, down the columns first",
        source=_MATLAB,
    ),
    Convention(
        framework="torch",
        call="conv1d, conv2d, conv3d",
        transposed=False,
        data="NC*",
        weight="OI*",
        flipped=False,
        rules=_rules(valid=VALID, same=SAME_UPPER, explicit=EXPLICIT),
        default="0",
        groups="groups, group-major",
        output_size="floor((n + 2*padding - k)/s) + 1; a longer kernel is refused",
        source=_TORCH,
    ),
    Convention(
        framework="torch",
        call="conv_transpose1d, conv_transpose2d, conv_transpose3d",
        transposed=True,
        data="NC*",
        weight="IO*",
        flipped=False,
        rules=_rules(explicit=OUTPUT_PADDING),
        default="0",
        groups="groups: weight (C_in, C_out/groups, *)",
        output_size="F - 2*padding + output_padding",
        source=_TORCH,
    ),
    Convention(
        framework="paddle",
        call="conv2d_transpose",
        transposed=True,
        data="NC*",
        weight="IO*",
        flipped=False,
        rules=_rules(explicit=OUTPUT_PADDING),
        default="0",
        groups="groups: weight (C_in, C_out/groups, *)",
        output_size="F - lo - hi + output_padding",
        source=_PADDLE,
    ),
)


def _lines(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def _calls(rows: list[Convention]) -> list[list[str]]:
    plain = [[text.replace("*", r"\*") for text in (row.groups, row.output_size, row.default)] for row in rows]
    kernels = [f"`{row.weight}`" + (", turned round" if row.flipped else "") for row in rows]
    return [
        [f"`{row.call}`", f"`{row.data}`", kernel, *texts]
        for row, kernel, texts in zip(rows, kernels, plain, strict=True)
    ]


def table(framework: str) -> str:
    """Return the conventions of one framework as two Markdown tables.

    Parameters
    ----------
    framework : str
        A name that `CONVENTIONS` knows, for example "jax".

    Returns
    -------
    str
        A table of the calls' layouts, groups and sizes, one of their padding words, and the sources. (lo, hi) are the
        zeros added by a convolution, or the samples of FULL cut by a transposed one.

    Raises
    ------
    ValueError, TypeError
        For a name that is not there, or is no text.

    Examples
    --------
    >>> for line in table("torch").splitlines()[-8:-2]:
    ...     print(line)
    | call | word | (lo, hi) |
    | --- | --- | --- |
    | `conv1d, conv2d, conv3d` | `valid` | `(0, 0)` |
    | `conv1d, conv2d, conv3d` | `same` | `t = max(0, (ceil(n/s) - 1)*s + k - n): (t//2, t - t//2)` |
    | `conv1d, conv2d, conv3d` | `explicit` | `(lo, hi)` |
    | `conv_transpose1d, conv_transpose2d, conv_transpose3d` | `explicit` | `(lo, hi - output_padding)` |
    """
    word("table", "framework", framework, dict.fromkeys(convention.framework for convention in CONVENTIONS))
    rows = [convention for convention in CONVENTIONS if convention.framework == framework]
    words = [[f"`{row.call}`", f"`{word}`", f"`{rule.formula}`"] for row in rows for word, rule in row.rules.items()]
    calls = _lines(["call", "data", "weight", "groups", "output size", "default padding"], _calls(rows))
    sources = f"Sources: {'; '.join(dict.fromkeys(row.source for row in rows))}."
    return "\n".join([*calls, "", *_lines(["call", "word", "(lo, hi)"], words), "", sources])


def find(framework: str, call: str) -> Convention:
    """Return the entry of `CONVENTIONS` for exactly this framework and call."""
    return next(row for row in CONVENTIONS if row.framework == framework and row.call == call)
