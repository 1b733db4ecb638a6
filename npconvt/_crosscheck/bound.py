"""How far rounding alone can take a result from the truth, and the truth to measure it from.

For an inner product of n terms summed in any order, Jeannerod and Rump (2013) show `|error| <= n u (|w|*|x|)` without a
condition on n, u being the unit roundoff. docs/crosscheck.md derives what is added here for the bias, for the last
rounding, for underflow and for complex numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np

from npconvt import _arguments as arguments
from npconvt._crosscheck.reading import Array, Reading, Value, claimed, contract, evaluate, read, values, viewed

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from npconvt._crosscheck.reading import Claim

Kind = Literal["componentwise", "three products", "normwise"]

# ml_dtypes registers bfloat16 with NumPy under this name; it has no finfo there.
_BFLOAT16 = "bfloat16"


@dataclass(frozen=True, slots=True)
class Precision:
    """What a floating-point format can hold.

    Attributes
    ----------
    name : str
        Name of the (real) format.
    u : float
        Unit roundoff: the largest relative error of one rounding to nearest.
    underflow : float
        Largest error of one product that underflows. Formats of 32 bits and more are often run with subnormal numbers
        flushed to zero, float16 is not.
    largest : float
        Largest finite number.
    """

    name: str
    u: float
    underflow: float
    largest: float


def precision(dtype: DTypeLike | str) -> Precision | None:
    """The format that a dtype computes in; None for integers and bools, which are exact."""
    if str(dtype) == _BFLOAT16:
        return Precision(_BFLOAT16, 2.0**-8, 2.0**-126, 2.0**127 * (2 - 2.0**-7))
    dtype = arguments.number_dtype("error_bound", dtype)
    if dtype.kind in "biu":
        return None
    info = np.finfo(dtype)
    name = np.dtype(info.dtype).name
    underflow = info.smallest_subnormal if name == "float16" else info.tiny
    # What float64 cannot hold is clipped: long double's range would only make the bound zero and its top infinite.
    tiny, top = np.finfo(np.float64).tiny, np.finfo(np.float64).max
    return Precision(name, float(info.eps) / 2, max(float(underflow), float(tiny)), float(min(info.max, top)))


def three_product_factor(terms: Array, u: float) -> Array:
    """K of `K u ((|Re w| + |Im w|) * (|Re x| + |Im x|))`, for complex products made of three real ones.

    With `e = (1 + u)^2 (1 + n u) - 1` for the product of rounded sums and `n u` for each of the others, two
    subtractions follow: `K u = (1 + u)^2 (e + n u) + u (1 + u) + u`, which is `(2 n + 4) u` to first order.
    """
    n = np.asarray(terms, np.float64)
    # (1 + u)^2 - 1, without the cancellation that a float64 would suffer for small u.
    square = u * (2 + u)
    e = square + (1 + square) * n * u
    factor: Array = ((1 + square) * (e + n * u) + u * (2 + u)) / u
    return factor


def bound(
    reading: Reading,
    value: Value,
    target: Precision | None,
    kind: Kind = "componentwise",
    *,
    truth_u: float = 0.0,
    narrowed: bool | None = None,
) -> Array:
    """The bound for each element, of `value.magnitude`'s shape.

    `truth_u` is the roundoff of the value itself; `narrowed` what `is_narrowed` says of the reading, if that is known.
    """
    if target is None:
        return np.zeros(value.magnitude.shape)
    is_complex = value.magnitude.ndim > value.terms.ndim
    terms = value.terms.astype(np.float64)
    n = 2 * terms if is_complex else terms
    n = n[..., None] if is_complex else n
    bias = 0 if reading.bias is None else 1
    magnitude = value.magnitude
    with np.errstate(all="ignore"):
        if kind == "three products" and is_complex:
            magnitude = magnitude.sum(-1, keepdims=True) + np.zeros_like(magnitude)
            factor = three_product_factor(terms + bias, target.u)[..., None]
        else:
            factor = n + bias
        # One more for the last rounding, where the sum was made in a wider format; two for a wider input's rounding.
        twice = 2 * (is_narrowed(reading, target) if narrowed is None else narrowed)
        relative = (factor + 1 + twice) * target.u + (n + bias + 2) * truth_u
        # Nothing is added up where no term is: such an element is a zero, or the bias itself.
        total: Array = np.where(n + bias > 0, relative * magnitude + (n + bias) * target.underflow, 0.0)
        if kind == "normwise":
            total = total + _normwise(reading, target.u, total.shape)
    return total


def is_narrowed(reading: Reading, target: Precision | None) -> bool:
    """Whether the arrays hold numbers that the target format has to round first."""
    if target is None:
        return False
    digits = -int(np.log2(target.u))
    return not all(_fits(a, digits) for a in (reading.x, reading.w) if a.size)


def _fits(array: Array, digits: int) -> bool:
    if digits >= 53:
        return True
    parts = (array.real, array.imag) if np.iscomplexobj(array) else (array.astype(np.float64),)
    for part in parts:
        with np.errstate(all="ignore"):
            mantissa = np.frexp(part.astype(np.float64))[0] * 2.0**digits
            if not ((mantissa == np.floor(mantissa)) | ~np.isfinite(mantissa)).all():
                return False
    return True


def _norms(array: Array) -> Array:
    """Euclidean norm of each channel's numbers; what is not finite spreads by itself and needs no bound."""
    size = np.where(np.isfinite(array), abs(array), 0)
    norms: Array = np.sqrt((size**2).sum(tuple(range(2, array.ndim))))
    return norms


def _normwise(reading: Reading, u: float, shape: tuple[int, ...]) -> Array:
    """`c u sum_c ||w_oc|| ||x_c||` for peers that sum by FFT or by Winograd's transforms."""
    points = float(np.prod([n + k for n, k in zip(reading.size, reading.kernel, strict=True)]))
    w = reading.gather_weight()
    o, g = w.shape[0], reading.groups
    batch, per_group = reading.x.shape[0], w.shape[1]
    norm_w = _norms(w).reshape(1, g, o // g, per_group)
    norm_x = _norms(reading.x).reshape(batch, g, 1, per_group)
    norms = (norm_w * norm_x).sum(-1).astype(np.float64)
    # Three transforms, each of error about 3 u log2(points) in norm, and the sum over channels.
    factor = 9 * np.log2(points) + per_group
    plain = (factor * u * norms).reshape(batch, o, *(1,) * reading.ndim)
    plain = viewed(reading, np.broadcast_to(plain, reading.raw_shape))
    return np.broadcast_to(plain.reshape(plain.shape + (1,) * (len(shape) - plain.ndim)), shape)


# --- the truth -------------------------------------------------------------------------------------------------------

_WIDE = np.finfo(np.longdouble).nmant >= 63


def truth_roundoff(target: Precision | None) -> float:
    """Unit roundoff of the arithmetic in which `truth` evaluates for this target."""
    if target is None or target.u > 2.0**-52:
        return 2.0**-53
    return 2.0**-64 if _WIDE else 2.0**-100


def truth(reading: Reading, target: Precision | None) -> Value:
    """The value of a reading, computed well above the precision of what it is compared with.

    Float64 is that for float32 and below. For float64 itself the value is summed in extended precision where the
    machine has it, else as unevaluated sums of two float64.
    """
    value = evaluate(reading)
    if target is None or target.u > 2.0**-52 or reading.x.dtype.kind not in "fc":
        return value
    if _WIDE:
        wide = np.clongdouble if np.iscomplexobj(reading.x) else np.longdouble
        extended = reading.astype(np.dtype(wide))
        return Value(values(extended), value.magnitude, value.terms)
    return Value(_double_double(reading), value.magnitude, value.terms)


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_product(a: Array, b: Array) -> tuple[Array, Array]:
    def split(v: Array) -> tuple[Array, Array]:
        big = v * 134217729.0  # 2**27 + 1 (Dekker)
        high = big - (big - v)
        return high, v - high

    total = a * b
    (ah, al), (bh, bl) = split(a), split(b)
    return total, ((ah * bh - total) + ah * bl + al * bh) + al * bl


def _double_double(reading: Reading) -> Array:
    """The value as a float64 that is right but for its last rounding: products without error, sums in two parts."""
    if np.iscomplexobj(reading.x):
        return _complex_double_double(reading)
    w = reading.gather_weight()
    bias = np.zeros((1, 1, *(1,) * reading.ndim)) if reading.bias is None else reading.bias
    high = np.array(np.broadcast_to(bias, reading.raw_shape), np.float64)
    low = np.zeros_like(high)
    per_group = w.shape[1]
    channel = np.arange(reading.out_channels) // (reading.out_channels // reading.groups) * per_group
    for c, tap in product(range(per_group), np.ndindex(*reading.kernel)):
        one = np.zeros(reading.kernel)
        one[tap] = 1
        # What this tap sees of this channel, by the same tables: a kernel of one tap, alone.
        seen = contract(
            _single(reading), reading.x[:, c::per_group], np.broadcast_to(one, (reading.groups, 1, *one.shape))
        )
        taken = seen[:, channel // per_group]
        factor = w[(slice(None), c, *tap)].reshape(-1, *(1,) * reading.ndim)
        p, error = _two_product(taken, np.broadcast_to(factor, taken.shape))
        high, rest = _two_sum(high, p)
        low += rest + error
    return viewed(reading, high + low)


def _single(reading: Reading) -> Reading:
    """The reading with one channel per group, for looking at the input through one tap."""
    g = reading.groups
    shape = (g, 1, *reading.kernel)
    return replace(reading, x=reading.x[:, :g], w=np.zeros(shape), bias=None, view=None)


def _complex_double_double(reading: Reading) -> Array:
    def part(x: Array, w: Array, bias: Array | None) -> Array:
        return _double_double(replace(reading, x=x, w=w, bias=bias))

    x, w, b = reading.x, reading.w, reading.bias
    # The real part as one real sum over twice the channels, so that nothing cancels after rounding.
    stacked = _interleave(reading, x.real, x.imag)
    real = part(stacked, _stack_weight(reading, w.real, -w.imag), None if b is None else b.real)
    imag = part(stacked, _stack_weight(reading, w.imag, w.real), None if b is None else b.imag)
    return real + 1j * imag


def _interleave(reading: Reading, first: Array, second: Array) -> Array:
    g = reading.groups
    blocks = [a.reshape(a.shape[0], g, -1, *a.shape[2:]) for a in (first, second)]
    both = np.concatenate(blocks, axis=2)
    return both.reshape(both.shape[0], -1, *both.shape[3:])


def _stack_weight(reading: Reading, first: Array, second: Array) -> Array:
    if not reading.transposed:
        return np.concatenate([first, second], axis=1)
    g = reading.groups
    blocks = [a.reshape(g, -1, *a.shape[1:]) for a in (first, second)]
    both = np.concatenate(blocks, axis=1)
    return both.reshape(-1, *both.shape[2:])


def error_bound(case: Claim, dtype: DTypeLike, *, normwise: bool = False, three_products: bool = False) -> Array:
    """Return, per element, the largest error that rounding can make in a result of this dtype.

    For an element that is a sum of n products, `(n + 1) u (|w| * |x|) + n v`, and with a bias
    `(n + 2) u (|w| * |x| + |bias|) + (n + 1) v`: u is the unit roundoff of `dtype`, v the largest error of a product
    that underflows. It holds for every order of summation in that precision, or above it with one rounding at the end.

    Parameters
    ----------
    case : Case
        The call.
    dtype : dtype or str
        Of the result to judge; "bfloat16" is understood.
    normwise : bool
        Add what a sum by FFT or by Winograd's transforms can make: `(9 log2 P + C/groups) u sum_c ||w_c|| ||x_c||`, P
        the points of the padded image. This is a bound in norm: it is wide where the image is dim.
    three_products : bool
        For complex dtypes, allow complex products made of three real ones.

    Returns
    -------
    ndarray of float64, of the output's shape
        Zero for integer dtypes. For a complex dtype complex128: the real part bounds the error of the real part, the
        imaginary part that of the imaginary part.

    Raises
    ------
    TypeError
        Where `dtype` is no type of numbers.

    References
    ----------
    C.-P. Jeannerod and S. M. Rump, "Improved error bounds for inner products in floating-point arithmetic", SIAM J.
    Matrix Anal. Appl. 34 (2013). N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import Case, error_bound
    >>> case = Case("conv1d", np.ones((1, 4)), np.ones((1, 1, 3)))
    >>> error_bound(case, np.float16) * 2**11
    array([[12.0003..., 12.0003...]])
    """
    reading, target = read(claimed("error_bound", case)), precision(dtype)
    kind: Kind = "normwise" if normwise else "three products" if three_products else "componentwise"
    limits = bound(reading, evaluate(reading), target, kind)
    if limits.ndim > len(reading.shape()):
        pair: Array = limits[..., 0] + 1j * limits[..., 1]
        return pair
    return limits


def parts(array: Array) -> Array:
    """Real and imaginary part on a new last axis; a real array as it is."""
    return np.stack([array.real, array.imag], axis=-1) if np.iscomplexobj(array) else array


def ratio(actual: Array, value: Array, limits: Array, target: Precision | None, magnitude: Array) -> Array:
    """Error over bound, per element of `value`; of complex ones that of the worse part.

    Infinite where no rounding can make the difference.

    A result that is not finite agrees where the truth is the same, or where partial sums can overflow.
    """
    if not np.iscomplexobj(value) and np.iscomplexobj(actual):
        value = value + 0j
        limits = limits[..., None] + np.zeros(2)
        magnitude = magnitude[..., None] + np.zeros(2)
    elif np.iscomplexobj(value) and not np.iscomplexobj(actual):
        actual = actual + 0j
    a, v = parts(actual), parts(value)
    with np.errstate(all="ignore"):
        error = abs((a - v).astype(np.float64)) if a.dtype.kind != "b" else abs(a.astype(float) - v)
        quotient = np.where(error == 0, 0.0, error / limits)
        finite = np.isfinite(a) & np.isfinite(v)
        same = (a == v) | (np.isnan(a) & np.isnan(v))
        if np.iscomplexobj(value):
            # Which part of a complex product is NaN depends on how the product is written.
            same |= ~np.isfinite(a) & ~np.isfinite(v).all(-1, keepdims=True)
        if target is not None:
            # Twice: a product of three real ones forms sums of this size on its way.
            same |= ~np.isfinite(a) & (2 * magnitude * (1 + target.u) + limits >= target.largest)
        quotient = np.where(finite, quotient, np.where(same, 0.0, np.inf))
        quotient = np.where(np.isnan(quotient), np.inf, quotient)
    largest: Array = quotient.max(-1) if quotient.ndim > value.ndim else quotient
    return largest
