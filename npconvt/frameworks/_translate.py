"""What the translations share: reading arguments in the frameworks' words, layouts, and the two canonical calls."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from npconvt import functional
from npconvt._arguments import LARGEST_INT
from npconvt._arguments import array as array
from npconvt._arguments import word as word
from npconvt.frameworks._conventions import Axis as Axis
from npconvt.frameworks._conventions import Convention

Array: TypeAlias = npt.NDArray[Any]
Ints: TypeAlias = tuple[int, ...]
Pairs: TypeAlias = tuple[tuple[int, int], ...]


def one_dtype(function: str, **arrays: Array) -> np.dtype[Any]:
    """Return the common dtype, and refuse arrays of several."""
    dtypes = {name: a.dtype for name, a in arrays.items()}
    if len(set(dtypes.values())) > 1:
        given = ", ".join(f"{name} is {dtype}" for name, dtype in dtypes.items())
        message = f"{function}: {' and '.join(dtypes)} must have one dtype, but {given}. Cast one with astype."
        raise TypeError(message)
    return next(iter(dtypes.values()))


def dtype_among(function: str, name: str, value: Array, allowed: Sequence[str]) -> None:
    """Refuse a dtype that the framework's operator does not list."""
    if value.dtype.name not in allowed:
        message = f"{function}: {name} must be of dtype {', '.join(allowed)}, but it is {value.dtype}. Use astype."
        raise TypeError(message)


def rank(function: str, name: str, value: Array, axes: str, ndim: int) -> None:
    """Refuse an array whose number of axes is not the one the call needs."""
    if value.ndim != ndim:
        message = f"{function}: {name} must have {ndim} axes ({axes}), but its shape is {value.shape}."
        raise ValueError(message)


def integer(function: str, name: str, value: Any, least: int | None = None) -> int:
    """Return one integer, at least ``least``."""
    if isinstance(value, bool | np.bool_):
        message = f"{function}: {name} must be an integer, but it is the bool {value}."
        raise TypeError(message)
    try:
        result = operator.index(value)
    except TypeError:
        message = f"{function}: {name} must be an integer, but it is {value!r}."
        raise TypeError(message) from None
    if least is not None and result < least:
        message = f"{function}: {name} must be at least {least}, but it is {result}."
        raise ValueError(message)
    if abs(result) > LARGEST_INT:
        message = f"{function}: {name} must be at most {LARGEST_INT}, but it is {result}."
        raise ValueError(message)
    return result


def flag(function: str, name: str, value: Any) -> bool:
    """Return a truth value, given as a bool or as 0 or 1."""
    if isinstance(value, bool | np.bool_ | int | np.integer) and value in (0, 1):
        return bool(value)
    message = f"{function}: {name} must be True or False, but it is {value!r}."
    raise TypeError(message)


def is_sequence(value: Any) -> bool:
    """Return whether an argument holds values in an order: neither text nor one number in an array does."""
    unordered = isinstance(value, str | bytes | Mapping | Set)
    return isinstance(value, Iterable) and not unordered and getattr(value, "ndim", 1) > 0


def sequence(function: str, name: str, value: Any, count: int | None, of: str) -> list[Any]:
    """Return a sequence as a list, of ``count`` items if that is given."""
    if not is_sequence(value):
        message = f"{function}: {name} must be a sequence of {of}, but it is {value!r}."
        raise TypeError(message)
    items = list(value)
    if count is not None and len(items) != count:
        message = f"{function}: {name} must have {count} {of}, but it has {len(items)}: {items}."
        raise ValueError(message)
    return items


def integers(function: str, name: str, value: Any, count: int, least: int | None = None) -> Ints:
    """Return one integer per axis from exactly so many."""
    items = sequence(function, name, value, count, "integers, one per spatial axis")
    return tuple(integer(function, f"{name}[{i}]", item, least) for i, item in enumerate(items))


def per_axis(function: str, name: str, value: Any, count: int, least: int | None = None) -> Ints:
    """Return one integer per axis from one for all, or from exactly so many."""
    if is_sequence(value):
        return integers(function, name, value, count, least)
    return (integer(function, name, value, least),) * count


def pairs(function: str, name: str, value: Any, count: int) -> Pairs:
    """Return one (lo, hi) per axis from exactly so many."""
    items = sequence(function, name, value, count, "(lo, hi) pairs, one per spatial axis")
    return tuple(pair(function, f"{name}[{i}]", item) for i, item in enumerate(items))


def pair(function: str, name: str, value: Any) -> tuple[int, int]:
    """Return one (lo, hi)."""
    lo, hi = sequence(function, name, value, 2, "integers (lo, hi)")
    return integer(function, name, lo), integer(function, name, hi)


def group_channels(function: str, x: Array, w: Array, groups: int, given: str) -> None:
    """Refuse channel counts that do not fit; x is (N, C, *sp), w is (C_out, C/groups, *k)."""
    if x.shape[1] != w.shape[1] * groups:
        message = (
            f"{function}: the kernel's input channels times the groups must be the input's channels, "
            f"but {w.shape[1]} * {groups} is not {x.shape[1]} ({given})."
        )
        raise ValueError(message)
    if w.shape[0] % groups:
        message = (
            f"{function}: the output channels must be a multiple of the groups, "
            f"but {w.shape[0]} is not a multiple of {groups} ({given})."
        )
        raise ValueError(message)


def kernel_sizes(function: str, w: Array) -> None:
    """Refuse a kernel with no taps along some axis; w is canonical."""
    if 0 in w.shape[2:]:
        message = f"{function}: the kernel must have at least one tap per axis, but its spatial shape is {w.shape[2:]}."
        raise ValueError(message)


def _letters(layout: str, ndim: int) -> list[str]:
    return [c for part in layout for c in (map(str, range(ndim - len(layout) + 1)) if part == "*" else part)]


def relaid(value: Array, layout: str, target: str) -> Array:
    """Return a view with the axes of ``layout`` in the order of ``target``; ``*`` stands for the spatial axes.

    >>> relaid(np.zeros((2, 5, 6, 3)), "N*C", "NC*").shape
    (2, 3, 5, 6)
    """
    letters = _letters(layout, value.ndim)
    return value.transpose([letters.index(c) for c in _letters(target, value.ndim)])


def turned(w: Array) -> Array:
    """Return a view of a canonical kernel with its spatial axes reversed."""
    return w[(slice(None), slice(None), *(slice(None, None, -1),) * (w.ndim - 2))]


def swapped(w: Array, groups: int) -> Array:
    """Return a grouped kernel with input and output channels exchanged within each group: (O, I/g) to (I, O/g)."""
    blocks = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    return blocks.swapaxes(1, 2).reshape(groups * w.shape[1], w.shape[0] // groups, *w.shape[2:])


def dilated(taps: int, dilation: int) -> int:
    """Return the size of a dilated kernel along one axis."""
    return dilation * (taps - 1) + 1


def axes_of(x: Array, w: Array, stride: Ints, dilation: Ints) -> list[Axis]:
    """Return one `Axis` per spatial axis of canonical x and w."""
    sizes = zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)
    return [Axis(n, dilated(taps, d), s) for n, taps, s, d in sizes]


def amounts(convention: Convention, rule: str, axes: Iterable[Axis]) -> Pairs:
    """Return the (lo, hi) that a word of a framework stands for, per axis."""
    return tuple(convention.rules[rule].amounts(axis) for axis in axes)


def correlated(axis: Axis, lo: int, hi: int) -> int:
    """Return the size of a convolution's result, which is not positive where the kernel is too long."""
    return (axis.n + lo + hi - axis.k) // axis.s + 1


def scattered(axis: Axis, lo: int, hi: int) -> int:
    """Return the size of a transposed convolution's result, which is not positive where all is cropped."""
    return axis.full - lo - hi


def _contract(
    call: Callable[..., Array], x: Array, w: Array, bias: Array | None, shape: Ints, seen: bool, **keywords: Any
) -> Array:
    """Make a canonical call; where no tap meets a sample the result is empty, or zeros and the bias."""
    if seen and x.size and w.size and all(shape):
        return call(x, w, bias, **keywords)
    result = np.zeros(shape, np.result_type(x, w) if bias is None else np.result_type(x, w, bias))
    if bias is not None:
        result += bias.reshape(-1, *(1,) * (len(shape) - 2))
    return result


def correlate(
    x: Array, w: Array, bias: Array | None, *, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Array:
    """Return the convolution of canonical arrays; a kernel longer than the padded input gives an empty result."""
    axes = axes_of(x, w, stride, dilation)
    sizes = tuple(max(0, correlated(axis, *pair)) for axis, pair in zip(axes, padding, strict=True))
    # A crop that leaves nothing of the input: later zeros may still make a result, of zeros.
    seen = all(axis.n + min(lo, hi, lo + hi) > 0 for axis, (lo, hi) in zip(axes, padding, strict=True))
    keywords = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _contract(functional.conv, x, w, bias, (x.shape[0], w.shape[0], *sizes), seen, **keywords)


def scatter(x: Array, w: Array, bias: Array | None, *, stride: Ints, crop: Pairs, dilation: Ints, groups: int) -> Array:
    """Return the transposed convolution of canonical arrays, cropped; all cropped gives an empty result."""
    axes = axes_of(x, w, stride, dilation)
    sizes = tuple(max(0, scattered(axis, *pair)) for axis, pair in zip(axes, crop, strict=True))
    seen = all(axis.full > max(lo, hi) for axis, (lo, hi) in zip(axes, crop, strict=True))
    keywords = {"stride": stride, "padding": crop, "dilation": dilation, "groups": groups}
    return _contract(functional.conv_transpose, x, w, bias, (x.shape[0], w.shape[1] * groups, *sizes), seen, **keywords)
