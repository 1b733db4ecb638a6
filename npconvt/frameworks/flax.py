"""The layers `flax.linen.Conv` and `flax.linen.ConvTranspose`, given their kernel and bias, in NumPy.

Channels come last, kernels are ``(*k, C_in, C_out)``, any number of leading axes is a batch (none too), and the
default padding is "SAME". The result has the dtype that the operands promote to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npconvt.frameworks import _translate as tr
from npconvt.frameworks import jax
from npconvt.frameworks._conventions import find

__all__ = ["conv", "conv_transpose"]

_CONV = find("flax", "conv")
_BOUNDARIES = {"CIRCULAR": "wrap", "REFLECT": "reflect"}


def _layouts(nd: int) -> tuple[str, str, str]:
    spatial = "HWDEFGJKL"[:nd]
    return f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"


def _arrays(
    function: str, inputs: npt.ArrayLike, kernel: npt.ArrayLike, bias: npt.ArrayLike | None, out: int
) -> tuple[tr.Array, tr.Array, tr.Array | None, tr.Ints]:
    """Return x with one batch axis, the kernel, the bias, all of one dtype, and the leading axes of the input."""
    x, w = tr.array(function, "inputs", inputs), tr.array(function, "kernel", kernel)
    if w.ndim < 3 or x.ndim < w.ndim - 1:
        message = (
            f"{function}: inputs must be (*batch, *sp, C) and kernel (*k, C_in, C_out), "
            f"but their shapes are {x.shape} and {w.shape}."
        )
        raise ValueError(message)
    lead = x.shape[: x.ndim - w.ndim + 1]
    dtype = np.result_type(x, w)
    b = None
    if bias is not None:
        b = tr.array(function, "bias", bias)
        if b.shape != (w.shape[out],):
            message = f"{function}: bias must be of shape ({w.shape[out]},), but its shape is {b.shape}."
            raise ValueError(message)
        dtype = np.result_type(dtype, b)
        b = b.astype(dtype, copy=False)
    flat = x.reshape(int(np.prod(lead)), *x.shape[len(lead) :])
    return flat.astype(dtype, copy=False), w.astype(dtype, copy=False), b, lead


def _per_axis(function: str, name: str, value: int | Sequence[int] | None, nd: int) -> tr.Ints:
    return (1,) * nd if value is None else tr.per_axis(function, name, value, nd, 1)


def _padding(function: str, padding: Any, nd: int) -> str | tr.Pairs:
    """Return a word, or (lo, hi) pairs from an int, or from ints and pairs, one per axis."""
    if isinstance(padding, str):
        return padding
    if not isinstance(padding, Sequence):
        amount = tr.integer(function, "padding", padding)
        return ((amount, amount),) * nd
    items = tr.sequence(function, "padding", padding, nd, "integers or (lo, hi) pairs, one per spatial axis")
    return tuple(
        tr.pair(function, f"padding[{i}]", item if isinstance(item, Sequence) else (item, item))
        for i, item in enumerate(items)
    )


def _prepadded(function: str, x: tr.Array, padding: str, axes: list[tr.Axis]) -> tr.Array:
    """Return the input, padded as CIRCULAR, REFLECT and CAUSAL say, before anything else happens to it."""
    if padding == "CAUSAL" and len(axes) != 1:
        message = f"{function}: padding 'CAUSAL' must have one spatial axis, but there are {len(axes)}."
        raise ValueError(message)
    pads = ((0, 0), *tr.amounts(_CONV, padding, axes), (0, 0))
    mode: Any = _BOUNDARIES.get(padding, "constant")
    if mode != "constant" and 0 in x.shape[1:-1]:
        message = f"{function}: padding {padding!r} must have samples to repeat, but inputs is of shape {x.shape}."
        raise ValueError(message)
    return np.pad(x, pads, mode=mode)


def conv(
    inputs: npt.ArrayLike,
    kernel: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    strides: int | Sequence[int] | None = 1,
    padding: str | int | Sequence[int | tuple[int, int]] = "SAME",
    input_dilation: int | Sequence[int] | None = 1,
    kernel_dilation: int | Sequence[int] | None = 1,
    feature_group_count: int = 1,
) -> tr.Array:
    """Return what `flax.linen.Conv` computes with this kernel and bias.

    Parameters
    ----------
    inputs : array_like, shape (*batch, *sp, C)
        Any number of batch axes, none too.
    kernel : array_like, shape (*k, C / feature_group_count, O)
        Its number of axes gives the number of spatial ones.
    bias : array_like, shape (O,), optional
        Added to the result.
    strides, input_dilation, kernel_dilation : int or sequence of int, optional
        One for all axes, or one each.
    padding : str, int or sequence, optional
        "SAME", "SAME_LOWER", "VALID"; "CIRCULAR" and "REFLECT", which pad ``((k - 1)//2, k//2)`` whatever the stride
        (k with its dilation); "CAUSAL" on one axis, ``(k - 1, 0)``; an int; or one int or (lo, hi) per axis.
    feature_group_count : int, optional
        Groups of channels.

    Returns
    -------
    ndarray, shape (*batch, *out, O)
        Sizes as in `npconvt.frameworks.jax.conv_general_dilated`.

    Raises
    ------
    ValueError, TypeError
        For what Flax refuses.

    References
    ----------
    flax/linen/linear.py in the Flax repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1, 7).reshape(6, 1), np.array([1, 10, 100]).reshape(3, 1, 1)
    >>> conv(x, w, strides=2).ravel()
    array([321, 543,  65])
    >>> conv(x, w, strides=2, padding="CIRCULAR").ravel()
    array([216, 432, 654])
    >>> conv(x, w, padding="CAUSAL").ravel()
    array([100, 210, 321, 432, 543, 654])
    """
    function = "flax.conv"
    x, w, b, lead = _arrays(function, inputs, kernel, bias, -1)
    nd = w.ndim - 2
    stride = _per_axis(function, "strides", strides, nd)
    stuffing = _per_axis(function, "input_dilation", input_dilation, nd)
    dilation = _per_axis(function, "kernel_dilation", kernel_dilation, nd)
    groups = tr.integer(function, "feature_group_count", feature_group_count, 1)
    pads = _padding(function, padding, nd)
    canonical, ordered = tr.relaid(x, "N*C", "NC*"), tr.relaid(w, "*IO", "OI*")
    tr.group_channels(function, canonical, ordered, groups, f"inputs {np.shape(inputs)}, kernel {w.shape}")
    tr.kernel_sizes(function, ordered)
    if isinstance(pads, str) and pads.upper() not in ("SAME", "SAME_LOWER", "VALID"):
        word = tr.word(function, "padding", pads, _CONV.rules)
        x = _prepadded(function, x, word, tr.axes_of(canonical, ordered, stride, dilation))
        pads = "VALID" if all(p == 1 for p in stuffing) else ((0, 0),) * nd
        if any(p > 1 for p in stuffing):
            message = (
                f"{function}: padding must be given in numbers where input_dilation is above 1, but it is {padding!r}."
            )
            raise ValueError(message)
    y = jax.general(function, x, w, stride, pads, stuffing, dilation, _layouts(nd), groups)
    if b is not None:
        y = y + b
    return y.reshape(*lead, *y.shape[1:])


def _wrapped(y: tr.Array, axis: int, period: int, late: bool) -> tr.Array:
    """Return y summed over whole periods along one axis, its middle kept in place, the odd sample by ``late``."""
    missing = -(y.shape[axis] - period) % (2 * period)
    before = missing // 2 if late else -(-missing // 2)
    pads = [(0, 0)] * y.ndim
    pads[axis] = (before, missing - before)
    blocks = np.pad(y, pads)
    shape = (*y.shape[:axis], blocks.shape[axis] // period, period, *y.shape[axis + 1 :])
    summed: tr.Array = blocks.reshape(shape).sum(axis, dtype=y.dtype)
    return summed


def conv_transpose(
    inputs: npt.ArrayLike,
    kernel: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    strides: int | Sequence[int] | None = 1,
    padding: str | int | Sequence[int | tuple[int, int]] = "SAME",
    kernel_dilation: int | Sequence[int] | None = 1,
    transpose_kernel: bool = False,
) -> tr.Array:
    """Return what `flax.linen.ConvTranspose` computes with this kernel and bias.

    The kernel is turned round against other frameworks' unless ``transpose_kernel``, as in
    `npconvt.frameworks.jax.conv_transpose`, which does the work.

    Parameters
    ----------
    inputs : array_like, shape (*batch, *sp, C_in)
        Any number of batch axes, none too.
    kernel : array_like, shape (*k, C_in, C_out), or (*k, C_out, C_in) with ``transpose_kernel``
        Its number of axes gives the number of spatial ones.
    bias : array_like, shape (C_out,), optional
        Added to the result.
    strides, kernel_dilation : int or sequence of int, optional
        One for all axes, or one each.
    padding : str, int or sequence, optional
        "SAME", "VALID", "CIRCULAR" (the "VALID" result wrapped to ``n*stride``), an int or one int or (lo, hi) per
        axis. Numbers pad the dilated input: a 0 crops ``k - 1`` at both ends.
    transpose_kernel : bool, optional
        Turn the kernel round and exchange its channel axes.

    Returns
    -------
    ndarray, shape (*batch, *out, C_out)
        Sizes as in `npconvt.frameworks.jax.conv_transpose`; "CIRCULAR": ``n*stride``.

    Raises
    ------
    ValueError, TypeError
        For what Flax refuses.

    References
    ----------
    flax/linen/linear.py in the Flax repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1, 6).reshape(5, 1), np.array([1, 10, 100]).reshape(3, 1, 1)
    >>> conv_transpose(x, w, strides=2).ravel()
    array([100,  10, 201,  20, 302,  30, 403,  40, 504,  50])
    >>> conv_transpose(x, w, strides=2, padding="CIRCULAR").ravel()
    array([105,  10, 201,  20, 302,  30, 403,  40, 504,  50])
    """
    function = "flax.conv_transpose"
    transpose_kernel = tr.flag(function, "transpose_kernel", transpose_kernel)
    x, w, b, lead = _arrays(function, inputs, kernel, bias, -2 if transpose_kernel else -1)
    nd = w.ndim - 2
    stride = _per_axis(function, "strides", strides, nd)
    dilation = _per_axis(function, "kernel_dilation", kernel_dilation, nd)
    pads = _padding(function, padding, nd)
    circular = pads == "CIRCULAR"
    if isinstance(pads, str):
        pads = "VALID" if circular else pads
        if pads.upper() not in ("SAME", "SAME_LOWER", "VALID"):
            tr.word(function, "padding", pads, ("SAME", "VALID", "CIRCULAR"))
    if circular and 0 in x.shape[1:-1]:
        message = f"{function}: padding 'CIRCULAR' must have samples to wrap, but inputs is of shape {x.shape}."
        raise ValueError(message)
    y = jax.transposed(function, x, w, stride, pads, dilation, _layouts(nd), transpose_kernel)
    if circular:
        for axis in range(1, nd + 1):
            y = _wrapped(y, axis, x.shape[axis] * stride[axis - 1], transpose_kernel)
    if b is not None:
        y = y + b
    return y.reshape(*lead, *y.shape[1:])
