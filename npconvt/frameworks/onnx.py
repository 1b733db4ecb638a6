"""The operators Conv, ConvTranspose and Col2Im of ONNX, in NumPy, and as a fast reference for its evaluator.

Where ONNX's specification leaves a choice, this is what ONNX Runtime does, but for its refusals of what the
specification allows: an empty result, "SAME" with dilation, ``output_padding`` between stride and dilation. Element
types are those of the specification: float16, float32, float64 (any number for Col2Im).

onnx is imported by `reference_ops` only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npconvt._fold import fold
from npconvt.frameworks import _translate as tr
from npconvt.frameworks._conventions import find

__all__ = ["Col2Im", "Conv", "ConvTranspose", "reference_ops"]

_CONV = find("onnx", "Conv")
_TRANSPOSE = find("onnx", "ConvTranspose")
_WORDS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
_FLOATS = ("float16", "float32", "float64")
_Ints = Sequence[int]


def _operands(
    function: str, X: npt.ArrayLike, W: npt.ArrayLike, B: npt.ArrayLike | None, kernel_shape: _Ints | None
) -> tuple[tr.Array, tr.Array, tr.Array | None]:
    x, w = tr.array(function, "X", X), tr.array(function, "W", W)
    tr.one_dtype(function, X=x, W=w)
    tr.dtype_among(function, "X", x, _FLOATS)
    if x.ndim < 3:
        message = f"{function}: X must have at least 3 axes (N, C, D1, ...), but its shape is {x.shape}."
        raise ValueError(message)
    tr.rank(function, "W", w, "channels, channels, kernel", x.ndim)
    tr.kernel_sizes(function, w)
    if kernel_shape is not None and tr.integers(function, "kernel_shape", kernel_shape, x.ndim - 2) != w.shape[2:]:
        message = f"{function}: kernel_shape must be that of W, {w.shape[2:]}, but it is {tuple(kernel_shape)}."
        raise ValueError(message)
    if B is None:
        return x, w, None
    b = tr.array(function, "B", B)
    tr.one_dtype(function, X=x, B=b)
    return x, w, b


def _bias(function: str, b: tr.Array | None, channels: int) -> None:
    if b is not None and b.shape != (channels,):
        message = f"{function}: B must have one value per output channel, ({channels},), but its shape is {b.shape}."
        raise ValueError(message)


def _per_axis(function: str, name: str, value: _Ints | None, nd: int) -> tr.Ints:
    return (1,) * nd if value is None else tr.integers(function, name, value, nd, 1)


def _pads(function: str, pads: _Ints | None, auto_pad: str, nd: int) -> tr.Pairs:
    """Return (begin, end) per axis from ONNX's all begins, then all ends."""
    if pads is None:
        return ((0, 0),) * nd
    if auto_pad != "NOTSET":
        message = f"{function}: pads must not be given with auto_pad, but they are {list(pads)} and {auto_pad!r}."
        raise ValueError(message)
    flat = tr.sequence(function, "pads", pads, 2 * nd, "integers, the begins and then the ends")
    given = [tr.integer(function, f"pads[{i}]", p, 0) for i, p in enumerate(flat)]
    return tuple(zip(given[:nd], given[nd:], strict=True))


def _not_negative(function: str, sizes: list[int]) -> None:
    if min(sizes) < 0:
        message = (
            f"{function}: the result must not have a negative size, but its spatial shape would be {tuple(sizes)}."
        )
        raise ValueError(message)


def Conv(  # noqa: N802
    X: npt.ArrayLike,
    W: npt.ArrayLike,
    B: npt.ArrayLike | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: _Ints | None = None,
    group: int = 1,
    kernel_shape: _Ints | None = None,
    pads: _Ints | None = None,
    strides: _Ints | None = None,
) -> tr.Array:
    """Return ONNX's Conv.

    Parameters
    ----------
    X : array_like, shape (N, C, *sp)
        Of dtype float16, float32 or float64.
    W : array_like, shape (M, C / group, *k)
        Of the dtype of X.
    B : array_like, shape (M,), optional
        Of the dtype of X.
    auto_pad : "NOTSET", "SAME_UPPER", "SAME_LOWER" or "VALID", optional
        "SAME" is ``ceil(n/stride)``, the odd zero at the end (upper) or at the start (lower).
    dilations, strides : sequence of int, optional
        One per spatial axis; 1 where not given.
    group : int, optional
        Groups of channels.
    kernel_shape : sequence of int, optional
        Must be that of W.
    pads : sequence of int, optional
        All begins, then all ends; not negative, and not with auto_pad.

    Returns
    -------
    ndarray, shape (N, M, *out)
        ``out = floor((n + begin + end - k)/stride) + 1``, k with its dilation. 0 is allowed.

    Raises
    ------
    ValueError, TypeError
        For what the specification refuses.

    References
    ----------
    The operator Conv, version 22, in the ONNX specification.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.array([[[1.0, 2, 3, 4, 5, 6]]]), np.array([[[1.0, 10, 100]]])
    >>> Conv(x, w, auto_pad="SAME_UPPER", strides=[2])
    array([[[321., 543.,  65.]]])
    >>> Conv(x, w, auto_pad="SAME_LOWER", strides=[2])
    array([[[210., 432., 654.]]])
    """
    function = "onnx.Conv"
    x, w, b = _operands(function, X, W, B, kernel_shape)
    nd = x.ndim - 2
    stride = _per_axis(function, "strides", strides, nd)
    dilation = _per_axis(function, "dilations", dilations, nd)
    groups = tr.integer(function, "group", group, 1)
    tr.group_channels(function, x, w, groups, f"X {x.shape}, W {w.shape}")
    _bias(function, b, w.shape[0])
    word = tr.word(function, "auto_pad", auto_pad, _WORDS)
    explicit = _pads(function, pads, word, nd)
    axes = [tr.Axis(a.n, a.k, a.s, *p) for a, p in zip(tr.axes_of(x, w, stride, dilation), explicit, strict=True)]
    padding = tr.amounts(_CONV, word, axes)
    _not_negative(function, [tr.correlated(a, *p) for a, p in zip(axes, padding, strict=True)])
    return tr.correlate(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _output_sizes(function: str, output_shape: _Ints | None, axes: list[tr.Axis], nd: int) -> tuple[int | None, ...]:
    """Return the sizes asked for; one that needs more than a stride of zeros beyond the result is refused."""
    if output_shape is None:
        return (None,) * nd
    sizes = tr.integers(function, "output_shape", output_shape, nd, 0)
    for i, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        if size - axis.full >= axis.s and size > axis.full + (axis.extra or 0):
            message = (
                f"{function}: output_shape must be less than (n - 1)*stride + k + stride on each axis, "
                f"but on spatial axis {i} it is {size} with n = {axis.n}, k = {axis.k}, stride {axis.s}."
            )
            raise ValueError(message)
    return sizes


def ConvTranspose(  # noqa: N802
    X: npt.ArrayLike,
    W: npt.ArrayLike,
    B: npt.ArrayLike | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: _Ints | None = None,
    group: int = 1,
    kernel_shape: _Ints | None = None,
    output_padding: _Ints | None = None,
    output_shape: _Ints | None = None,
    pads: _Ints | None = None,
    strides: _Ints | None = None,
) -> tr.Array:
    """Return ONNX's ConvTranspose.

    With ``F = (n - 1)*stride + k``, k with its dilation, the result has ``F + output_padding - begin - end`` samples,
    or ``output_shape``; then, and with a "SAME" word (``out = n*stride``), the pads are
    ``t = max(0, F + output_padding - out)``, of which ``t//2`` at the start for "SAME_UPPER" and ``t - t//2``
    otherwise, without any word too.

    Parameters
    ----------
    X : array_like, shape (N, C, *sp)
        Of dtype float16, float32 or float64.
    W : array_like, shape (C, M / group, *k)
        Of the dtype of X: that of the forward convolution, unchanged.
    B : array_like, shape (M,), optional
        Of the dtype of X.
    auto_pad : "NOTSET", "SAME_UPPER", "SAME_LOWER" or "VALID", optional
        Where "SAME" would need zeros (k < stride) the result is shorter than ``n*stride``, as in ONNX Runtime.
    dilations, strides : sequence of int, optional
        One per spatial axis; 1 where not given.
    group : int, optional
        Groups of channels.
    kernel_shape : sequence of int, optional
        Must be that of W.
    output_padding : sequence of int, optional
        Less than stride or dilation.
    output_shape : sequence of int, optional
        Spatial sizes; pads are then ignored.
    pads : sequence of int, optional
        All begins, then all ends; not negative, and not with auto_pad.

    Returns
    -------
    ndarray, shape (N, M, *out)
        In the dtype of X.

    Raises
    ------
    ValueError, TypeError
        For what the specification refuses.

    References
    ----------
    The operator ConvTranspose, version 22, in the ONNX specification.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.array([[[1.0, 2, 3, 4, 5]]]), np.array([[[1.0, 10, 100]]])
    >>> ConvTranspose(x, w, strides=[2], auto_pad="SAME_UPPER").ravel()
    array([  1.,  10., 102.,  20., 203.,  30., 304.,  40., 405.,  50.])
    >>> ConvTranspose(x, w, strides=[2], output_shape=[10]).ravel()
    array([ 10., 102.,  20., 203.,  30., 304.,  40., 405.,  50., 500.])
    """
    function = "onnx.ConvTranspose"
    x, w, b = _operands(function, X, W, B, kernel_shape)
    nd = x.ndim - 2
    stride = _per_axis(function, "strides", strides, nd)
    dilation = _per_axis(function, "dilations", dilations, nd)
    groups = tr.integer(function, "group", group, 1)
    if x.shape[1] != w.shape[0] or w.shape[0] % groups:
        message = (
            f"{function}: W must have as many rows as X has channels, a multiple of group={groups}, "
            f"but X is {x.shape} and W is {w.shape}."
        )
        raise ValueError(message)
    if 0 in x.shape[2:]:
        message = f"{function}: X must have at least one sample per spatial axis, but its shape is {x.shape}."
        raise ValueError(message)
    _bias(function, b, w.shape[1] * groups)
    word = tr.word(function, "auto_pad", auto_pad, _WORDS)
    explicit = _pads(function, pads, word, nd)
    extra = (0,) * nd if output_padding is None else tr.integers(function, "output_padding", output_padding, nd, 0)
    for i, (e, s, d) in enumerate(zip(extra, stride, dilation, strict=True)):
        if e >= max(s, d):
            message = (
                f"{function}: output_padding must be less than stride or dilation, "
                f"but on spatial axis {i} it is {e} with stride {s} and dilation {d}."
            )
            raise ValueError(message)
    axes = [
        tr.Axis(a.n, a.k, a.s, *p, extra=e)
        for a, p, e in zip(tr.axes_of(x, w, stride, dilation), explicit, extra, strict=True)
    ]
    outs = _output_sizes(function, output_shape, axes, nd)
    axes = [tr.Axis(a.n, a.k, a.s, a.lo, a.hi, a.extra, out) for a, out in zip(axes, outs, strict=True)]
    rule = word if output_shape is None or word == "SAME_UPPER" else "output_shape"
    crop = tr.amounts(_TRANSPOSE, rule, axes)
    _not_negative(function, [tr.scattered(a, *p) for a, p in zip(axes, crop, strict=True)])
    return tr.scatter(x, w, b, stride=stride, crop=crop, dilation=dilation, groups=groups)


def Col2Im(  # noqa: N802
    input: npt.ArrayLike,
    image_shape: npt.ArrayLike,
    block_shape: npt.ArrayLike,
    *,
    dilations: _Ints | None = None,
    pads: _Ints | None = None,
    strides: _Ints | None = None,
) -> tr.Array:
    """Return ONNX's Col2Im: the sum of blocks at their places in an image, the transpose of taking them out.

    Parameters
    ----------
    input : array_like, shape (N, C * prod(block_shape), L)
        Any numeric dtype. L is the number of blocks that fit the padded image.
    image_shape, block_shape : array_like of int
        Spatial sizes of the image and of a block.
    dilations, strides : sequence of int, optional
        One per spatial axis; 1 where not given.
    pads : sequence of int, optional
        All begins, then all ends; not negative.

    Returns
    -------
    ndarray, shape (N, C, *image_shape)
        In the dtype of the input.

    Raises
    ------
    ValueError, TypeError
        For what the specification refuses.

    References
    ----------
    The operator Col2Im, version 18, in the ONNX specification.

    Examples
    --------
    >>> import numpy as np
    >>> Col2Im(np.arange(8.0).reshape(1, 4, 2), [2, 3], [2, 2])
    array([[[[ 0.,  3.,  3.],
             [ 4., 11.,  7.]]]])
    """
    function = "onnx.Col2Im"
    x = tr.array(function, "input", input)
    tr.rank(function, "input", x, "N, C*block, L", 3)
    image_sizes = tr.array(function, "image_shape", image_shape)
    block = tr.array(function, "block_shape", block_shape)
    sizes = tr.integers(function, "image_shape", image_sizes.ravel().tolist(), block.size, 1)
    blocks = tr.integers(function, "block_shape", block.ravel().tolist(), block.size, 1)
    nd = len(sizes)
    if nd == 0:
        message = f"{function}: image_shape must have at least one axis, but it is empty."
        raise ValueError(message)
    stride = _per_axis(function, "strides", strides, nd)
    dilation = _per_axis(function, "dilations", dilations, nd)
    padding = _pads(function, pads, "NOTSET", nd)
    taps = math.prod(blocks)
    if x.shape[1] % taps:
        message = f"{function}: input.shape[1] must be a multiple of the block's {taps}, but it is {x.shape[1]}."
        raise ValueError(message)
    axes = [tr.Axis(n, tr.dilated(k, d), s) for n, k, d, s in zip(sizes, blocks, dilation, stride, strict=True)]
    counts = [tr.correlated(axis, *pair) for axis, pair in zip(axes, padding, strict=True)]
    if min(counts) < 1 or math.prod(counts) != x.shape[2]:
        message = (
            f"{function}: input.shape[2] must be the number of blocks that fit the padded image, "
            f"{' * '.join(map(str, counts))}, but it is {x.shape[2]}."
        )
        raise ValueError(message)
    # Blocks are added up on the padded image, whose border is then cut off: pads may differ at the two ends.
    padded = tuple(n + lo + hi for n, (lo, hi) in zip(sizes, padding, strict=True))
    image = fold(x, padded, blocks, dilation=dilation, stride=stride)
    inner = tuple(slice(lo, lo + n) for n, (lo, _) in zip(sizes, padding, strict=True))
    return np.ascontiguousarray(image[(slice(None), slice(None), *inner)], x.dtype)


def _operator(base: Any, name: str, inputs: int) -> Any:
    """Return an operator class of ONNX's evaluator that makes this module's call of that name."""
    call = globals()[name]

    def run(self: Any, *arrays: Any, **attributes: Any) -> tuple[Any, ...]:
        # The evaluator passes every attribute that it knows, None for one that is not set.
        given = {key: value for key, value in attributes.items() if value is not None}
        kind = arrays[0].dtype
        if kind.kind != "V":
            return (call(*arrays[:inputs], **given),)
        # bfloat16 is no dtype of NumPy's: its sums are made in float32.
        wide = [a if a is None or a.dtype != kind else a.astype(np.float32) for a in arrays[:inputs]]
        return (call(*wide, **given).astype(kind),)

    return type(name, (base,), {"op_domain": "", "_run": run, "__doc__": f"{name}, computed by npconvt."})


def reference_ops() -> list[Any]:
    """Return operator classes for ``onnx.reference.ReferenceEvaluator(model, new_ops=reference_ops())``.

    Conv, ConvTranspose and Col2Im: the evaluator's own are slow, and its ConvTranspose is wrong or fails with groups
    and with output_shape.

    Returns
    -------
    list of type
        Subclasses of ``onnx.reference.op_run.OpRun``. A new list of new classes each time.

    Raises
    ------
    ModuleNotFoundError
        Where onnx is not installed.

    Notes
    -----
    Results are those of this module's functions, and bfloat16 is summed in float32. Only the default domain's operators
    are replaced; nothing of onnx is changed.

    Examples
    --------
    With onnx installed, and a model:

    >>> from onnx.reference import ReferenceEvaluator  # doctest: +SKIP
    >>> ReferenceEvaluator(model, new_ops=reference_ops()).run(None, {"X": x})  # doctest: +SKIP
    """
    from onnx.reference.op_run import OpRun

    return [_operator(OpRun, name, inputs) for name, inputs in (("Conv", 3), ("ConvTranspose", 3), ("Col2Im", 3))]
