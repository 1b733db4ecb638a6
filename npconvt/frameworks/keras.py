"""The convolutions of `keras.ops`, in NumPy.

Where Keras's backends differ, this is what its JAX backend does. Layouts are ``channels_last`` unless said, kernels
``(*k, C_in, C_out)``, transposed ones ``(*k, C_out, C_in)``. Results have the kernel's dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npconvt.frameworks import _translate as tr
from npconvt.frameworks._conventions import find

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]

_CONV = find("keras", "conv")
_TRANSPOSE = find("keras", "conv_transpose")
_LAYOUTS = {"channels_last": "N*C", "channels_first": "NC*"}


def _layout(function: str, data_format: str | None) -> str:
    if data_format is None:
        return "N*C"
    given = data_format.lower() if isinstance(data_format, str) else data_format
    return _LAYOUTS[tr.word(function, "data_format", given, _LAYOUTS)]


def _padding(function: str, padding: str) -> str:
    given = padding.lower() if isinstance(padding, str) else padding
    return tr.word(function, "padding (in any case)", given, ("valid", "same"))


def _operands(function: str, inputs: npt.ArrayLike, kernel: npt.ArrayLike, name: str) -> tuple[tr.Array, tr.Array]:
    x, w = tr.array(function, "inputs", inputs), tr.array(function, name, kernel)
    if x.ndim < 3:
        message = f"{function}: inputs must have a batch, a channel and spatial axes, but its shape is {x.shape}."
        raise ValueError(message)
    tr.rank(function, name, w, "spatial, channels, channels", x.ndim)
    return x, w


def _correlate(
    function: str, x: tr.Array, w: tr.Array, strides: Any, padding: str, layout: str, dilation_rate: Any, groups: int
) -> tr.Array:
    """Return the convolution of x in its layout with w as (O, I/g, *k), in the same layout."""
    nd = x.ndim - 2
    stride = tr.per_axis(function, "strides", strides, nd, 1)
    dilation = tr.per_axis(function, "dilation_rate", dilation_rate, nd, 1)
    canonical = tr.relaid(x, layout, "NC*")
    tr.kernel_sizes(function, w)
    pads = tr.amounts(_CONV, _padding(function, padding), tr.axes_of(canonical, w, stride, dilation))
    y = tr.correlate(canonical, w, None, stride=stride, padding=pads, dilation=dilation, groups=groups)
    return tr.relaid(y.astype(w.dtype, copy=False), "NC*", layout)


def _refuse_empty(function: str, x: tr.Array, y: tr.Array) -> tr.Array:
    if x.size and not y.size:
        message = (
            f"{function}: kernel must be no longer than the padded input, "
            f"but the result for inputs of shape {x.shape} would have shape {y.shape}."
        )
        raise ValueError(message)
    return y


def _conv(
    function: str,
    inputs: npt.ArrayLike,
    kernel: npt.ArrayLike,
    name: str,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
) -> tr.Array:
    """Do the work of `conv`; errors begin with the function's name, and call the kernel by its own."""
    x, w = _operands(function, inputs, kernel, name)
    layout = _layout(function, data_format)
    channels, per_group = tr.relaid(x, layout, "NC*").shape[1], w.shape[-2]
    if per_group == 0 or channels % per_group:
        message = (
            f"{function}: {name}'s input channels must divide the input's, "
            f"but {per_group} does not divide {channels} (inputs {x.shape}, kernel {w.shape})."
        )
        raise ValueError(message)
    groups = channels // per_group
    if groups == 0 or w.shape[-1] % groups:
        message = (
            f"{function}: {name}'s output channels must be a multiple of the {groups} groups "
            f"that {channels} channels make, but there are {w.shape[-1]} (inputs {x.shape}, kernel {w.shape})."
        )
        raise ValueError(message)
    if np.iscomplexobj(x) and not np.iscomplexobj(w):
        x = x.real  # as JAX casts
    x = x.astype(w.dtype, copy=False)
    canonical = tr.relaid(w, "*IO", "OI*")
    return _refuse_empty(
        function, x, _correlate(function, x, canonical, strides, padding, layout, dilation_rate, groups)
    )


def conv(
    inputs: npt.ArrayLike,
    kernel: npt.ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> tr.Array:
    """Return `keras.ops.conv`.

    Parameters
    ----------
    inputs : array_like, shape (N, *sp, C), or (N, C, *sp) with data_format "channels_first"
        Cast to the kernel's dtype, as Keras does.
    kernel : array_like, shape (*k, C / groups, O)
        The number of groups follows from the channels.
    strides, dilation_rate : int or sequence of int, optional
        One for all axes, or one each.
    padding : "valid" or "same", optional
        In any case. "same" is ``ceil(n/stride)``, the odd zero at the end.
    data_format : "channels_last" or "channels_first", optional
        The first where None.

    Returns
    -------
    ndarray, shape (N, *out, O), or (N, O, *out)
        In the kernel's dtype.

    Raises
    ------
    ValueError, TypeError
        For what Keras refuses, an empty result too.

    References
    ----------
    keras/src/backend/jax/nn.py in the Keras repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1, 7).reshape(1, 6, 1), np.array([1, 10, 100]).reshape(3, 1, 1)
    >>> conv(x, w, strides=2, padding="same").ravel()
    array([321, 543,  65])
    """
    return _conv("keras.conv", inputs, kernel, "kernel", strides, padding, data_format, dilation_rate)


def _depthwise(
    function: str, x: tr.Array, w: tr.Array, strides: Any, padding: str, layout: str, dilation_rate: Any
) -> tr.Array:
    """Return a convolution of each channel by itself with w of shape (*k, C, multiplier)."""
    channels = tr.relaid(x, layout, "NC*").shape[1]
    if channels != w.shape[-2] or channels == 0:
        message = (
            f"{function}: kernel.shape[-2] must be the input's channels, at least 1, "
            f"but it is {w.shape[-2]} and they are {channels} (inputs {x.shape}, kernel {w.shape})."
        )
        raise ValueError(message)
    # Output channel c*multiplier + m belongs to input channel c.
    canonical = np.moveaxis(w.reshape(*w.shape[:-2], 1, channels * w.shape[-1]), (-1, -2), (0, 1))
    return _correlate(function, x, canonical, strides, padding, layout, dilation_rate, channels)


def depthwise_conv(
    inputs: npt.ArrayLike,
    kernel: npt.ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> tr.Array:
    """Return `keras.ops.depthwise_conv`: every channel with its own kernels.

    Parameters
    ----------
    inputs : array_like, shape (N, *sp, C), or (N, C, *sp) with data_format "channels_first"
        Of the kernel's dtype.
    kernel : array_like, shape (*k, C, M)
        M kernels a channel.
    strides, padding, data_format, dilation_rate
        As in `conv`.

    Returns
    -------
    ndarray, shape (N, *out, C*M), or (N, C*M, *out)
        Channel ``c*M + m`` is channel c with its kernel m.

    Raises
    ------
    ValueError, TypeError
        For what Keras refuses.

    References
    ----------
    keras/src/backend/jax/nn.py in the Keras repository.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1, 10], [2, 20], [3, 30]]])
    >>> depthwise_conv(x, np.array([[[1, 2], [3, 4]]]))
    array([[[  1,   2,  30,  40],
            [  2,   4,  60,  80],
            [  3,   6,  90, 120]]])
    """
    function = "keras.depthwise_conv"
    x, w = _operands(function, inputs, kernel, "kernel")
    tr.one_dtype(function, inputs=x, kernel=w)
    return _depthwise(function, x, w, strides, padding, _layout(function, data_format), dilation_rate)


def separable_conv(
    inputs: npt.ArrayLike,
    depthwise_kernel: npt.ArrayLike,
    pointwise_kernel: npt.ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> tr.Array:
    """Return `keras.ops.separable_conv`: `depthwise_conv`, then `conv` with a kernel of one tap.

    Parameters
    ----------
    inputs : array_like, shape (N, *sp, C), or (N, C, *sp) with data_format "channels_first"
        Of the depthwise kernel's dtype.
    depthwise_kernel : array_like, shape (*k, C, M)
        As in `depthwise_conv`.
    pointwise_kernel : array_like, shape (1, ..., 1, C*M, O)
        As in `conv`.
    strides, padding, data_format, dilation_rate
        Of the depthwise step.

    Returns
    -------
    ndarray, shape (N, *out, O), or (N, O, *out)
        In the pointwise kernel's dtype.

    Raises
    ------
    ValueError, TypeError
        For what Keras refuses.

    References
    ----------
    keras/src/backend/jax/nn.py in the Keras repository.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1, 10], [2, 20], [3, 30]]])
    >>> separable_conv(x, np.array([[[1], [2]]]), np.array([[[1], [1]]])).ravel()
    array([21, 42, 63])
    """
    function = "keras.separable_conv"
    x, w = _operands(function, inputs, depthwise_kernel, "depthwise_kernel")
    tr.one_dtype(function, inputs=x, depthwise_kernel=w)
    y = _depthwise(function, x, w, strides, padding, _layout(function, data_format), dilation_rate)
    return _conv(function, y, pointwise_kernel, "pointwise_kernel", 1, "valid", data_format, dilation_rate)


def conv_transpose(
    inputs: npt.ArrayLike,
    kernel: npt.ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> tr.Array:
    """Return `keras.ops.conv_transpose`.

    With k the dilated kernel size, "valid" returns ``(n - 1)*s + k + output_padding``, by default
    ``n*s + max(0, k - s)``; "same" returns ``n*s``, or ``(n - 1)*s + k%2 + output_padding`` where that is given. The
    documentation's table has the crops: with an odd k and s = 2, "same" drops the last sample where torch's
    ``padding=1, output_padding=1`` drops the first.

    Parameters
    ----------
    inputs : array_like, shape (N, *sp, C_in), or (N, C_in, *sp) with data_format "channels_first"
        Of the kernel's dtype.
    kernel : array_like, shape (*k, C_out, C_in)
        As the forward convolution has it.
    strides, dilation_rate : int or sequence of int, optional
        One for all axes, or one each.
    padding : "valid" or "same", optional
        In any case.
    output_padding : int or sequence of int, optional
        None is not 0: see above.
    data_format : "channels_last" or "channels_first", optional
        The first where None.

    Returns
    -------
    ndarray, shape (N, *out, C_out), or (N, C_out, *out)
        In the input's dtype.

    Raises
    ------
    ValueError, TypeError
        For what Keras refuses.

    References
    ----------
    keras/src/backend/common/backend_utils.py in the Keras repository.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.arange(1, 6).reshape(1, 5, 1), np.array([1, 10, 100]).reshape(3, 1, 1)
    >>> conv_transpose(x, w, strides=2, padding="same").ravel()
    array([  1,  10, 102,  20, 203,  30, 304,  40, 405,  50])
    >>> conv_transpose(x, w, strides=2, padding="same", output_padding=0).ravel()
    array([ 10, 102,  20, 203,  30, 304,  40, 405,  50])
    """
    function = "keras.conv_transpose"
    x, w = _operands(function, inputs, kernel, "kernel")
    dtype = tr.one_dtype(function, inputs=x, kernel=w)
    layout, nd = _layout(function, data_format), x.ndim - 2
    canonical, kernel_ = tr.relaid(x, layout, "NC*"), tr.relaid(w, "*OI", "IO*")
    stride = tr.per_axis(function, "strides", strides, nd, 1)
    dilation = tr.per_axis(function, "dilation_rate", dilation_rate, nd, 1)
    extra = (None,) * nd if output_padding is None else tr.per_axis(function, "output_padding", output_padding, nd)
    if canonical.shape[1] != w.shape[-1]:
        message = (
            f"{function}: kernel.shape[-1] must be the input's channels, "
            f"but it is {w.shape[-1]} and they are {canonical.shape[1]} (inputs {x.shape}, kernel {w.shape})."
        )
        raise ValueError(message)
    tr.kernel_sizes(function, kernel_)
    axes = tr.axes_of(canonical, kernel_, stride, dilation)
    axes = [tr.Axis(a.n, a.k, a.s, extra=e) for a, e in zip(axes, extra, strict=True)]
    crop = tr.amounts(_TRANSPOSE, _padding(function, padding), axes)
    y = tr.scatter(canonical, kernel_, None, stride=stride, crop=crop, dilation=dilation, groups=1)
    return tr.relaid(y.astype(dtype, copy=False), "NC*", layout)
