"""The convolutions of `jax.lax`, in NumPy.

JAX's words are XLA's: a convolution never turns the kernel, and `conv_transpose` is a convolution of the dilated
input, so without ``transpose_kernel`` it uses the kernel turned round against every other framework's.

Results have the dtype of the operands, and integers wrap in it, as in JAX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npconvt.frameworks import _translate as tr
from npconvt.frameworks._conventions import find

__all__ = ["conv_general_dilated", "conv_transpose"]

_WORDS = ("SAME", "SAME_LOWER", "VALID")
_CONV = find("jax", "conv_general_dilated")
_TRANSPOSE = find("jax", "conv_transpose")
_CONSISTENT = find("jax", "conv_transpose(use_consistent_padding=True)")

# The positions of (batch, channels, *spatial), or (output channels, input channels, *spatial), in an array.
_Spec = tuple[int, ...]
Specs = tuple[_Spec, _Spec, _Spec]


def _spec(function: str, name: str, text: Any, first: str, second: str, ndim: int, order: str | None) -> _Spec:
    if not isinstance(text, str):
        message = f"{function}: {name} must be a string, but it is {text!r}."
        raise TypeError(message)
    if len(text) != ndim:
        message = f"{function}: {name} must have one character per axis, {ndim}, but it is {text!r}."
        raise ValueError(message)
    if text.count(first) != 1 or text.count(second) != 1 or len(set(text)) != len(text):
        message = f"{function}: {name} must hold {first} and {second} once and no character twice, but it is {text!r}."
        raise ValueError(message)
    spatial = [c for c in (order or text) if c not in first + second]
    if order is not None and set(spatial) - set(text):
        message = f"{function}: {name} must name the spatial axes of {order!r}, but it is {text!r}."
        raise ValueError(message)
    return (text.index(first), text.index(second), *map(text.index, spatial))


def _specs(function: str, numbers: Any, ndim: int) -> Specs:
    """Return where each operand's axes are, from three strings, an object with three specs, or None."""
    if numbers is None:
        straight = tuple(range(ndim))
        return straight, straight, straight
    if hasattr(numbers, "lhs_spec"):
        specs = tuple(numbers.lhs_spec), tuple(numbers.rhs_spec), tuple(numbers.out_spec)
        if any(sorted(spec) != list(range(ndim)) for spec in specs):
            message = f"{function}: dimension_numbers must list each of the {ndim} axes once, but they are {specs}."
            raise ValueError(message)
        return specs
    lhs, rhs, out = tr.sequence(function, "dimension_numbers", numbers, 3, "strings")
    kernel = _spec(function, "dimension_numbers[1]", rhs, "O", "I", ndim, None)
    # The kernel's letters, without its own O and I, set the order of the spatial axes.
    order = "".join(rhs[i] for i in kernel[2:])
    return (
        _spec(function, "dimension_numbers[0]", lhs, "N", "C", ndim, order),
        kernel,
        _spec(function, "dimension_numbers[2]", out, "N", "C", ndim, order),
    )


def _operands(function: str, x: tr.Array, w: tr.Array, numbers: Any) -> tuple[tr.Array, tr.Array, _Spec, np.dtype[Any]]:
    """Return x as (N, C, *sp), w as (O, I, *k), where the result's axes go, and the dtype."""
    if x.ndim != w.ndim or x.ndim < 2:
        message = (
            f"{function}: input and kernel must have the same number of axes, two or more, "
            f"but their shapes are {x.shape} and {w.shape}."
        )
        raise ValueError(message)
    dtype = tr.one_dtype(function, input=x, kernel=w)
    first, second, out = _specs(function, numbers, x.ndim)
    x, w = x.transpose(first), w.transpose(second)
    return x, w, tuple(int(i) for i in np.argsort(out)), dtype


def _padding(function: str, padding: Any, axes: list[tr.Axis], undilated: bool) -> tr.Pairs:
    """Return XLA's padding of the (dilated) input."""
    if not isinstance(padding, str):
        return tr.pairs(function, "padding", padding, len(axes))
    name = tr.word(function, "padding (upper case)", padding.upper(), _WORDS)
    if not undilated:
        message = (
            f"{function}: padding must be (lo, hi) pairs where the input is dilated, but it is {padding!r}. "
            "Give pairs, or call conv_transpose."
        )
        raise ValueError(message)
    return tr.amounts(_CONV, name, axes)


def _not_negative(function: str, axes: list[tr.Axis], padding: tr.Pairs) -> None:
    for axis, (lo, hi) in zip(axes, padding, strict=True):
        if axis.n + lo + hi < 0:
            message = (
                f"{function}: padding must not crop more than there is, "
                f"but ({lo}, {hi}) leaves {axis.n + lo + hi} of a dilated size of {axis.n}."
            )
            raise ValueError(message)


def _flat_last(x: tr.Array, w: tr.Array) -> tuple[tr.Array, tr.Array]:
    """Give arrays without spatial axes one of length 1."""
    return (x, w) if x.ndim > 2 else (x[..., None], w[..., None])


def convolved(
    x: tr.Array, w: tr.Array, *, stride: tr.Ints, padding: tr.Pairs, stuffing: tr.Ints, dilation: tr.Ints, groups: int
) -> tr.Array:
    """Return XLA's convolution of canonical arrays: input dilated by ``stuffing``, then padded."""
    if all(d == 1 for d in stuffing):
        return tr.correlate(x, w, None, stride=stride, padding=padding, dilation=dilation, groups=groups)
    # A convolution of a dilated input is a transposed convolution with the kernel turned round; the window stride
    # then keeps every s-th sample.
    sizes = [tr.dilated(k, d) for k, d in zip(w.shape[2:], dilation, strict=True)]
    crop = tuple((k - 1 - lo, k - 1 - hi) for k, (lo, hi) in zip(sizes, padding, strict=True))
    kernel = tr.swapped(tr.turned(w), groups)
    y = tr.scatter(x, kernel, None, stride=stuffing, crop=crop, dilation=dilation, groups=groups)
    return y[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]


def _batch_grouped(function: str, x: tr.Array, w: tr.Array, groups: int, count: int) -> tuple[tr.Array, int]:
    """Return x with its batch groups moved into the channels, and the feature groups that then stand for them."""
    if count == 1:
        return x, groups
    if groups > 1:
        message = (
            f"{function}: at most one of feature_group_count and batch_group_count may be more than 1, "
            f"but they are {groups} and {count}."
        )
        raise ValueError(message)
    if x.shape[0] % count or w.shape[0] % count:
        message = (
            f"{function}: batch_group_count must divide the batch and the output channels, "
            f"but {count} does not divide {x.shape[0]} and {w.shape[0]}."
        )
        raise ValueError(message)
    blocks = x.reshape(count, x.shape[0] // count, *x.shape[1:]).swapaxes(0, 1)
    return blocks.reshape(x.shape[0] // count, count * x.shape[1], *x.shape[2:]), count


def general(
    function: str,
    lhs: tr.Array,
    rhs: tr.Array,
    window_strides: Any,
    padding: Any,
    lhs_dilation: Any,
    rhs_dilation: Any,
    numbers: Any,
    feature_group_count: Any,
    batch_group_count: Any = 1,
) -> tr.Array:
    """Do the work of `conv_general_dilated`; ``function`` is the name that errors begin with."""
    x, w, order, dtype = _operands(function, lhs, rhs, numbers)
    nd = x.ndim - 2
    stride = tr.integers(function, "window_strides", window_strides, nd, 1)
    stuffing = (1,) * nd if lhs_dilation is None else tr.integers(function, "lhs_dilation", lhs_dilation, nd, 1)
    dilation = (1,) * nd if rhs_dilation is None else tr.integers(function, "rhs_dilation", rhs_dilation, nd, 1)
    groups = tr.integer(function, "feature_group_count", feature_group_count, 1)
    count = tr.integer(function, "batch_group_count", batch_group_count, 1)
    tr.group_channels(function, x, w, groups, f"input {lhs.shape}, kernel {rhs.shape}")
    tr.kernel_sizes(function, w)
    axes = [
        tr.Axis(max(0, tr.dilated(n, p)), tr.dilated(k, d), s)
        for n, p, k, d, s in zip(x.shape[2:], stuffing, w.shape[2:], dilation, stride, strict=True)
    ]
    pads = _padding(function, padding, axes, all(p == 1 for p in stuffing))
    _not_negative(function, axes, pads)
    x, groups = _batch_grouped(function, x, w, groups, count)
    if nd == 0:
        stride, pads, stuffing, dilation = (1,), ((0, 0),), (1,), (1,)
    y = convolved(*_flat_last(x, w), stride=stride, padding=pads, stuffing=stuffing, dilation=dilation, groups=groups)
    return (y if nd else y[..., 0]).astype(dtype, copy=False).transpose(order)


def conv_general_dilated(
    lhs: npt.ArrayLike,
    rhs: npt.ArrayLike,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
) -> tr.Array:
    """Return `jax.lax.conv_general_dilated`: a correlation of the dilated, then padded input.

    With the input dilated by p, the kernel by d and stride s, along each axis

        y[i] = sum_t w[t] * padded[i*s + t*d],  of size floor((p*(n - 1) + 1 + lo + hi - d*(k - 1) - 1)/s) + 1,

    or 0 where that is less.

    Parameters
    ----------
    lhs : array_like, shape (N, C, *sp)
        Input, in the order of ``dimension_numbers[0]``.
    rhs : array_like, shape (O, C / feature_group_count, *k)
        Kernel, in the order of ``dimension_numbers[1]``, of the input's dtype.
    window_strides : sequence of int
        One stride per spatial axis.
    padding : "SAME", "SAME_LOWER", "VALID" or sequence of (lo, hi)
        Words in any case. Negative numbers crop, after the input is dilated.
    lhs_dilation, rhs_dilation : sequence of int, optional
        Dilation of the input (only with explicit padding) and of the kernel.
    dimension_numbers : three str, or an object with lhs_spec, rhs_spec and out_spec, optional
        Layouts of lhs, rhs and result, by default ("NCHW", "OIHW", "NCHW").
    feature_group_count, batch_group_count : int, optional
        Groups of the channels, or of the batch; at most one of them above 1.

    Returns
    -------
    ndarray, shape (N / batch_group_count, O, *out)
        In the order of ``dimension_numbers[2]``, of the input's dtype.

    Raises
    ------
    ValueError, TypeError
        For what JAX refuses.

    References
    ----------
    jax/_src/lax/convolution.py in the JAX repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.array([[[1, 2, 3, 4, 5]]]), np.array([[[1, 10, 100]]])
    >>> conv_general_dilated(x, w, (2,), "SAME")
    array([[[210, 432,  54]]])
    >>> conv_general_dilated(x, w, (1,), [(-1, 0)], lhs_dilation=(2,))
    array([[[ 20, 302,  30, 403,  40, 504]]])
    """
    function = "jax.conv_general_dilated"
    return general(
        function,
        tr.array(function, "lhs", lhs),
        tr.array(function, "rhs", rhs),
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        dimension_numbers,
        feature_group_count,
        batch_group_count,
    )


_DEFAULTS = {
    2: ("NC", "IO", "NC"),
    3: ("NHC", "HIO", "NHC"),
    4: ("NHWC", "HWIO", "NHWC"),
    5: ("NHWDC", "HWDIO", "NHWDC"),
}


def _transposed_crop(function: str, padding: Any, axes: list[tr.Axis], consistent: bool) -> tr.Pairs:
    """Return what `conv_transpose` crops from FULL."""
    if isinstance(padding, str) and padding in ("SAME", "VALID"):
        return tr.amounts(_TRANSPOSE, padding, axes)
    if isinstance(padding, str):
        name = tr.word(function, "padding", padding.upper(), _WORDS)
        if axes and (consistent or any(axis.s > 1 for axis in axes)):
            message = (
                f"{function}: padding must be 'SAME', 'VALID' or (lo, hi) pairs where a stride is above 1 "
                f"or use_consistent_padding is set, but it is {padding!r}."
            )
            raise ValueError(message)
        # At stride 1 any other spelling reaches the plain convolution, which pads its input by that word.
        given = tr.amounts(_CONV, name, axes)
    else:
        given = tr.pairs(function, "padding", padding, len(axes))
    convention = _CONSISTENT if consistent else _TRANSPOSE
    explicit = [tr.Axis(a.n, a.k, a.s, lo, hi) for a, (lo, hi) in zip(axes, given, strict=True)]
    return tr.amounts(convention, "explicit", explicit)


def transposed(
    function: str,
    lhs: tr.Array,
    rhs: tr.Array,
    strides: Any,
    padding: Any,
    rhs_dilation: Any,
    numbers: Any,
    transpose_kernel: bool,
    consistent: bool = False,
) -> tr.Array:
    """Do the work of `conv_transpose`; ``function`` is the name that errors begin with."""
    if numbers is None:
        ndim = lhs.ndim
        if ndim not in _DEFAULTS:
            message = f"{function}: the input must have 2 to 5 axes without dimension_numbers, but it has {ndim}."
            raise ValueError(message)
        numbers = _DEFAULTS[ndim] if rhs.ndim == ndim else None
    x, w, order, dtype = _operands(function, lhs, rhs, numbers)
    nd = x.ndim - 2
    stride = tr.integers(function, "strides", strides, nd, 1)
    dilation = (1,) * nd if rhs_dilation is None else tr.integers(function, "rhs_dilation", rhs_dilation, nd, 1)
    consistent = tr.flag(function, "use_consistent_padding", consistent)
    # The canonical transposed kernel is (C_in, C_out, *k): what transpose_kernel=True is given already.
    w = w if tr.flag(function, "transpose_kernel", transpose_kernel) else tr.turned(w).swapaxes(0, 1)
    tr.group_channels(function, x, w.swapaxes(0, 1), 1, f"input {lhs.shape}, kernel {rhs.shape}")
    tr.kernel_sizes(function, w)
    axes = tr.axes_of(x, w, stride, dilation)
    crop = _transposed_crop(function, padding, axes, consistent)
    _not_negative(
        function,
        [tr.Axis(max(0, tr.dilated(axis.n, axis.s)), axis.k, 1) for axis in axes],
        tuple((axis.k - 1 - lo, axis.k - 1 - hi) for axis, (lo, hi) in zip(axes, crop, strict=True)),
    )
    if nd == 0:
        stride, crop, dilation = (1,), ((0, 0),), (1,)
    y = tr.scatter(*_flat_last(x, w), None, stride=stride, crop=crop, dilation=dilation, groups=1)
    return (y if nd else y[..., 0]).astype(dtype, copy=False).transpose(order)


def conv_transpose(
    lhs: npt.ArrayLike,
    rhs: npt.ArrayLike,
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    transpose_kernel: bool = False,
    use_consistent_padding: bool = False,
) -> tr.Array:
    """Return `jax.lax.conv_transpose`: a correlation of the input with zeros put between its samples.

    By default that is the transposed convolution of every other framework with the kernel turned round; with
    ``transpose_kernel`` it is theirs. The table in the documentation gives the crop of each padding word.

    Parameters
    ----------
    lhs : array_like, shape (N, *sp, C_in)
        Input.
    rhs : array_like, shape (*k, C_in, C_out), or (*k, C_out, C_in) with ``transpose_kernel``
        Kernel, of the input's dtype.
    strides : sequence of int
        One stride per spatial axis: the input is dilated by it.
    padding : "SAME", "VALID" or sequence of (lo, hi)
        Words in upper case; any other spelling, and "SAME_LOWER", is read only at stride 1, where it means the padding
        of the input of a plain convolution. Pairs pad the dilated input, or with ``use_consistent_padding`` that of
        the forward convolution.
    rhs_dilation : sequence of int, optional
        Dilation of the kernel.
    dimension_numbers : three str, or an object with lhs_spec, rhs_spec and out_spec, optional
        Layouts, by default ("NHWC", "HWIO", "NHWC"), for up to three spatial axes.
    transpose_kernel : bool, optional
        Turn the kernel round and exchange its channel axes.
    use_consistent_padding : bool, optional
        Read pairs as the padding of the forward convolution.

    Returns
    -------
    ndarray, shape (N, *out, C_out)
        "SAME": ``n*s``; "VALID": ``n*s + max(0, k - s)``; pairs: ``(n - 1)*s + 2 - k + lo + hi``, or with
        ``use_consistent_padding`` ``(n - 1)*s + k - lo - hi``; k includes the dilation.

    Raises
    ------
    ValueError, TypeError
        For what JAX refuses.

    References
    ----------
    jax/_src/lax/convolution.py in the JAX repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1, 6).reshape(1, 5, 1), np.array([1, 10, 100]).reshape(3, 1, 1)
    >>> conv_transpose(x, w, (2,), "SAME").ravel()
    array([100,  10, 201,  20, 302,  30, 403,  40, 504,  50])
    >>> conv_transpose(x, w, (2,), "SAME", transpose_kernel=True).ravel()
    array([  1,  10, 102,  20, 203,  30, 304,  40, 405,  50])
    """
    function = "jax.conv_transpose"
    return transposed(
        function,
        tr.array(function, "lhs", lhs),
        tr.array(function, "rhs", rhs),
        strides,
        padding,
        rhs_dilation,
        dimension_numbers,
        transpose_kernel,
        use_consistent_padding,
    )
