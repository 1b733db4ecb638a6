"""What people type, turned into tuples of ints and NumPy arrays; the only home of argument errors.

Every check takes `call`, the name of the function that the user called, which starts the message. Everything below this
module sees normalised values only.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from npconvt._axis import CIRCULAR, PADDING_MODES, REFLECT, Axis, effective_kernel

LARGEST_INT = 2**63 - 1
PADDING_WORDS = ("valid", "same", "same_lower")
METHODS = ("auto", "matrix", "gemm", "fft")

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
IntOrInts = int | Sequence[int]
Padding = int | str | Sequence[int | Sequence[int]]


# --- arrays ----------------------------------------------------------------------------------------------------------


def array(call: str, name: str, value: ArrayLike) -> NDArray[Any]:
    """Return the value as a numeric array of native byte order."""
    if type(value) is not np.ndarray:
        value = _as_array(call, name, value)
    if value.dtype.kind not in "biufc":
        msg = f"{call}: {name} must hold numbers, but its dtype is {value.dtype}.{_remedy(name, value)}"
        raise TypeError(msg)
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def _as_array(call: str, name: str, value: ArrayLike) -> NDArray[Any]:
    if isinstance(value, np.ma.MaskedArray):
        msg = f"{call}: {name} must not be a masked array, whose mask would be lost. Pass {name}.filled(0), or .data."
        raise TypeError(msg)
    if hasattr(value, "tocsr"):
        msg = f"{call}: {name} must be a dense array, but is a {type(value).__name__}. Pass {name}.toarray()."
        raise TypeError(msg)
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().rstrip(".").splitlines() or [type(error).__name__])[0]
        remedy = _remedy(name, value)
        msg = f"{call}: {name} must be convertible by numpy.asarray, but that failed: {reason}.{remedy}"
        raise TypeError(msg) from error


def _remedy(name: str, value: object) -> str:
    if getattr(value, "requires_grad", False):
        return f" Pass {name}.detach()."
    dtype = str(getattr(value, "dtype", ""))
    if "bfloat16" in dtype:
        return f" Convert {name} to float32: NumPy has no bfloat16."
    if dtype == "|V2":
        return f" If {name} was bfloat16, convert it to float32 before it is saved."
    return ""


def number_dtype(call: str, value: DTypeLike) -> np.dtype[Any]:
    """Return a dtype of numbers or bools."""
    try:
        dtype = None if value is None else np.dtype(value)  # NumPy takes None for float64
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or dtype.kind not in "biufc":
        msg = f"{call}: dtype must be a type of numbers, but got {shown(value) if dtype is None else dtype}."
        raise TypeError(msg)
    return dtype.newbyteorder("=")


def result_dtype(*arrays: NDArray[Any] | None) -> np.dtype[Any]:
    """Return the common dtype; integers and bools become 64 bits wide, as in `numpy.sum`."""
    return widened(np.result_type(*(array.dtype for array in arrays if array is not None)))


def widened(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the 64-bit dtype of the same signedness for integers and bools, any other dtype as it is."""
    dtype = np.dtype(dtype)
    if dtype.kind == "u":
        return np.dtype(np.uint64)
    return np.dtype(np.int64) if dtype.kind in "bi" else dtype


def work_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the dtype in which results of `dtype` are summed: float32 for float16, 64 bits for integers."""
    dtype = widened(dtype)
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def kernel_entries(call: str, weight: ArrayLike) -> NDArray[Any]:
    """Return the weight in the dtype of matrix entries."""
    weight = array(call, "weight", weight)
    if weight.dtype.kind in "bi" or (weight.dtype.kind == "u" and weight.dtype.itemsize < 8):
        return weight.astype(np.int64)
    return weight.astype(np.float32) if weight.dtype == np.float16 else weight


def check_bias(call: str, bias: NDArray[Any], channels: int) -> None:
    """Refuse a bias that is not one number per output channel."""
    if bias.shape != (channels,):
        msg = f"{call}: bias must have shape ({channels},), one per output channel, but has shape {bias.shape}."
        raise ValueError(msg)


# --- ints, one per axis ----------------------------------------------------------------------------------------------


def per_axis(call: str, name: str, value: IntOrInts, ndim: int, minimum: int) -> Ints:
    """Return one int per spatial axis, each at least `minimum`."""
    if type(value) is int:
        values: Ints = (value,) * ndim
        if not minimum <= value <= LARGEST_INT:
            _refuse_range(call, name, value, value, minimum)
        return values
    items = _items(value)
    if items is None:
        values = (_int(call, name, value),) * ndim
        items = [value]
    else:
        if len(items) not in (1, ndim):
            msg = (
                f"{call}: {name} must be an int or one int per spatial axis, of which there are {ndim}, "
                f"but got {len(items)}: {shown(value)}."
            )
            raise ValueError(msg)
        values = tuple(_int(call, name, item) for item in items)
        values = values * ndim if len(items) == 1 else values
    if values and not (minimum <= min(values) and max(values) <= LARGEST_INT):
        _refuse_range(call, name, value, min(values), minimum)
    return values


def integer(call: str, name: str, value: int) -> int:
    """Return any int."""
    return _int(call, name, value)


def positive_int(call: str, name: str, value: int) -> int:
    """Return an int that is at least 1."""
    return _int_from(call, name, value, 1)


def natural(call: str, name: str, value: int) -> int:
    """Return an int that is at least 0."""
    return _int_from(call, name, value, 0)


def _int_from(call: str, name: str, value: int, minimum: int) -> int:
    number = _int(call, name, value)
    if not minimum <= number <= LARGEST_INT:
        _refuse_range(call, name, value, number, minimum)
    return number


def own_axes(call: str, name: str, value: IntOrInts) -> Ints:
    """Return ints from one up that say themselves how many spatial axes there are; an int means two."""
    items = _items(value)
    if items is None:
        return per_axis(call, name, value, 2, 1)
    if not items:
        msg = f"{call}: {name} must have one int per spatial axis, at least one, but got {shown(value)}."
        raise ValueError(msg)
    return per_axis(call, name, items, len(items), 1)


def boolean(call: str, name: str, value: bool | None) -> bool | None:
    """Return True, False or None."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return None if value is None else bool(value)
    msg = f"{call}: {name} must be True or False, but got {shown(value)}."
    raise TypeError(msg)


def integers(call: str, name: str, value: Iterable[int]) -> Ints:
    """Return any ints, given in a sequence."""
    items = _items(value)
    if items is None:
        msg = f"{call}: {name} must be a sequence of ints, but got {shown(value)}."
        raise TypeError(msg)
    return tuple(_int(call, name, item) for item in items)


def shape(call: str, name: str, value: Iterable[int]) -> Ints:
    """Return a shape: ints that are zero or more."""
    if type(value) is tuple and all(type(size) is int and size >= 0 for size in value):
        return value
    array_shape = getattr(value, "shape", ())
    if len(array_shape) > 1:
        msg = (
            f"{call}: {name} must be a sequence of ints, but got an array of shape {tuple(array_shape)}. "
            f"Pass its shape in place of the array."
        )
        raise TypeError(msg)
    sizes = integers(call, name, value)
    if sizes and min(sizes) < 0:
        _refuse_range(call, name, value, min(sizes), 0)
    return sizes


def _items(value: object) -> list[Any] | None:
    """Return the elements of a sequence or of a 1-D or 2-D array; None for anything else."""
    if isinstance(value, (str, bytes, dict, set, frozenset)):
        return None
    if isinstance(value, (tuple, list, Sequence)):
        return list(value)
    if getattr(value, "ndim", 0) and hasattr(value, "tolist"):
        return list(value.tolist())
    return None


def shown(value: object) -> str:
    """Return what a message quotes of a value: one line, and of a long one its beginning."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _int(call: str, name: str, value: object) -> int:
    if type(value) is int:
        return value
    if not isinstance(value, (bool, np.bool_)) and "bool" not in str(getattr(value, "dtype", "")):
        try:
            return operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    msg = f"{call}: {name} must be made of ints, but got {shown(value)} of type {type(value).__name__}."
    raise TypeError(msg)


def _refuse_range(call: str, name: str, value: object, smallest: int, minimum: int) -> NoReturn:
    """Refuse numbers of which the smallest is too small, or else the largest too large."""
    limit = f"at least {minimum}" if smallest < minimum else f"at most {LARGEST_INT}"
    msg = f"{call}: {name} must be {limit}, but got {shown(value)}."
    raise ValueError(msg)


# --- words -----------------------------------------------------------------------------------------------------------


def word(call: str, name: str, value: object, allowed: Iterable[str]) -> str:
    """Return one of the words allowed."""
    words = tuple(allowed)
    if isinstance(value, str) and value in words:
        return value
    msg = f"{call}: {name} must be {_either(words)}, but got {shown(value)}."
    raise ValueError(msg) if isinstance(value, str) else TypeError(msg)


def _either(words: Sequence[str]) -> str:
    """Return the words as a sentence offers them: "one of 'a', 'b' or 'c'"; fewer than three without "one of"."""
    *others, last = map(repr, words)
    return f"{'one of ' if len(words) > 2 else ''}{', '.join(others)}{' or ' if others else ''}{last}"


# --- padding ---------------------------------------------------------------------------------------------------------


def padding_pairs(call: str, value: Padding, ndim: int) -> str | Pairs:
    """Return one `(before, after)` pair per spatial axis, or the word "same" or "same_lower"."""
    if type(value) is int and -LARGEST_INT <= value <= LARGEST_INT:
        return ((value, value),) * ndim
    if isinstance(value, str):
        return ((0, 0),) * ndim if word(call, "padding as a word", value, PADDING_WORDS) == "valid" else value
    items = _items(value)
    if items is None:
        number = _amount(call, value)
        return ((number, number),) * ndim
    if len(items) not in (1, ndim):
        remedy = f" One pair (before, after) is written (({items[0]!r}, {items[1]!r}),)." if len(items) == 2 else ""
        msg = (
            f"{call}: padding must be an int, a word, or one int or (before, after) pair per spatial axis, "
            f"of which there are {ndim}, but got {len(items)}: {shown(value)}.{remedy}"
        )
        raise ValueError(msg)
    pairs = tuple(_pair(call, item) for item in items)
    return pairs * ndim if len(items) == 1 else pairs


def _pair(call: str, value: object) -> tuple[int, int]:
    items = _items(value)
    if items is None:
        number = _amount(call, value)
        return number, number
    if len(items) != 2:
        msg = f"{call}: padding of an axis must be an int or a (before, after) pair, but got {shown(value)}."
        raise ValueError(msg)
    return _amount(call, items[0]), _amount(call, items[1])


def _amount(call: str, value: object) -> int:
    number = _int(call, "padding", value)
    if abs(number) > LARGEST_INT:
        _refuse_range(call, "padding", value, number, -LARGEST_INT)
    return number


def padding_mode(call: str, value: str) -> str:
    """Return one of the padding modes."""
    return word(call, "padding_mode", value, PADDING_MODES)


def check_axis(call: str, axis: Axis, index: int) -> None:
    """Refuse an axis on which no window fits, or that its padding mode cannot pad."""
    n, m, k, _, d, lo, hi, mode = axis
    padded = n + lo + hi
    if m < 1:
        msg = (
            f"{call}: the kernel must not be longer than the padded input, but on spatial axis {index} it spans "
            f"{effective_kernel(k, d)} ({k} taps, dilation {d}) and the padded input {padded} ({n} + {lo} + {hi})."
        )
        raise ValueError(msg)
    cropped = n + min(lo, 0) + min(hi, 0)
    if cropped < 1:
        msg = (
            f"{call}: negative padding must leave at least one element, but on spatial axis {index} of size {n} "
            f"got ({lo}, {hi})."
        )
        raise ValueError(msg)
    limit = {REFLECT: cropped - 1, CIRCULAR: cropped}.get(mode)
    if limit is not None and max(lo, hi) > limit:
        msg = (
            f"{call}: padding with padding_mode={mode!r} must be at most {limit} on spatial axis {index} "
            f"of size {cropped}, but got ({lo}, {hi})."
        )
        raise ValueError(msg)


# --- shapes that belong together -------------------------------------------------------------------------------------


def check_ndim(call: str, name: str, array_shape: Ints, ndims: tuple[int, ...], layout: str) -> None:
    """Refuse an array whose number of axes is not among `ndims`."""
    if len(array_shape) not in ndims:
        wanted = " or ".join(map(str, ndims))
        msg = f"{call}: {name} must have {wanted} axes, {layout}, but has {len(array_shape)}: shape {array_shape}."
        raise ValueError(msg)


def check_weight_ndim(call: str, weight_shape: Ints) -> None:
    """Refuse a weight without channel axes."""
    if len(weight_shape) < 2:
        msg = (
            f"{call}: weight must have at least 2 axes, two channel axes before the kernel's, "
            f"but has {len(weight_shape)}: shape {weight_shape}."
        )
        raise ValueError(msg)


def check_sizes(call: str, name: str, array_shape: Ints, sizes: Ints) -> None:
    """Refuse spatial sizes of zero."""
    if sizes and min(sizes) < 1:
        msg = f"{call}: {name} must have at least one element on every spatial axis, but has shape {array_shape}."
        raise ValueError(msg)


def check_conv_channels(call: str, input_shape: Ints, channels: int, weight_shape: Ints, groups: int) -> None:
    """Refuse channels that do not fit, for weights `(C_out, C_in/groups, *k)`."""
    needed = weight_shape[1] * groups
    if channels != needed:
        msg = (
            f"{call}: weight of shape {weight_shape} with groups={groups} needs {needed} input channels "
            f"(weight.shape[1] * groups), but input of shape {input_shape} has {channels}."
        )
        raise ValueError(msg)
    _check_divisible(call, "output", weight_shape, groups)


def check_transposed_channels(call: str, input_shape: Ints, channels: int, weight_shape: Ints, groups: int) -> None:
    """Refuse channels that do not fit, for weights `(C_in, C_out/groups, *k)`."""
    if channels != weight_shape[0]:
        msg = (
            f"{call}: weight of shape {weight_shape} needs {weight_shape[0]} input channels (weight.shape[0]), "
            f"but input of shape {input_shape} has {channels}."
        )
        raise ValueError(msg)
    _check_divisible(call, "input", weight_shape, groups)


def _check_divisible(call: str, side: str, weight_shape: Ints, groups: int) -> None:
    if weight_shape[0] % groups:
        msg = (
            f"{call}: the number of {side} channels must be divisible by groups, but weight of shape {weight_shape} "
            f"has {weight_shape[0]} (weight.shape[0]) and groups={groups}."
        )
        raise ValueError(msg)


def is_plain(call: str, input_shape: Ints, weight_shape: Ints, channels: bool | None, *, batch: bool) -> bool:
    """Tell a plain kernel, which has no channel axes, from a weight that has them.

    `batch` says whether `input_shape` may have a batch axis.
    """
    same = len(input_shape) == len(weight_shape)
    if channels is None:
        if same and len(weight_shape) > 2 and not batch:
            msg = (
                f"{call}: input_shape {input_shape} and weight of shape {weight_shape} have {len(weight_shape)} axes "
                f"each, which can be read two ways. For a plain kernel without channel axes pass channels=False; "
                f"for an input with a batch axis pass input_shape={input_shape[1:]}."
            )
            raise ValueError(msg)
        return same and len(weight_shape) <= 2
    if not channels and not same:
        msg = (
            f"{call}: a plain kernel (channels=False) must have as many axes as the input, but weight has shape "
            f"{weight_shape} and input_shape is {input_shape}."
        )
        raise ValueError(msg)
    return not channels


def check_plain_groups(call: str, groups: int) -> None:
    """Refuse groups where there are no channels."""
    if groups != 1:
        msg = f"{call}: groups must be 1 for a plain kernel, which has no channels, but got {groups}."
        raise ValueError(msg)


# --- the fields of a geometry ----------------------------------------------------------------------------------------


def geometry_sizes(call: str, name: str, value: Ints, ndim: int) -> Ints:
    """Return one size per spatial axis, each at least 1."""
    sizes = shape(call, name, value)
    if len(sizes) != ndim:
        msg = f"{call}: {name} must have {ndim} entries as input_size, but is {shown(value)}."
        raise ValueError(msg)
    if sizes and min(sizes) < 1:
        _refuse_range(call, name, value, min(sizes), 1)
    return sizes


def geometry_channels(call: str, in_channels: int, out_channels: int, groups: int, *, plain: bool) -> Ints:
    """Return the two numbers of channels and that of groups."""
    inputs = _int_from(call, "in_channels", in_channels, 0)
    outputs = _int_from(call, "out_channels", out_channels, 0)
    blocks = positive_int(call, "groups", groups)
    if plain and (inputs, outputs, blocks) != (1, 1, 1):
        msg = (
            f"{call}: in_channels, out_channels and groups must be 1 where plain=True, but are {inputs}, {outputs} and "
            f"{blocks}."
        )
        raise ValueError(msg)
    if inputs % blocks or outputs % blocks:
        msg = f"{call}: groups must divide in_channels and out_channels, but got {blocks}, {inputs} and {outputs}."
        raise ValueError(msg)
    return inputs, outputs, blocks


def check_windows(call: str, axis: Axis, fitting: int, index: int) -> None:
    """Refuse more outputs than windows."""
    if axis.m > fitting:
        msg = f"{call}: output_size must be at most {fitting} on spatial axis {index}, but is {axis.m}."
        raise ValueError(msg)


# --- which size a transposed call returns ----------------------------------------------------------------------------


def check_size_choice(call: str, output_padding: Ints, output_size: object, *, word: bool) -> None:
    """Refuse two answers to the question which size to return."""
    if any(output_padding) and output_size is not None:
        msg = (
            f"{call}: output_padding and output_size must not both be given, "
            f"but got {output_padding} and {output_size!r}."
        )
        raise ValueError(msg)
    if any(output_padding) and word:
        msg = (
            f"{call}: output_padding must be 0 where padding is 'same' or 'same_lower', but got {output_padding}. "
            f"Choose the size by output_size."
        )
        raise ValueError(msg)


def check_output_padding(call: str, output_padding: Ints, stride: Ints, dilation: Ints) -> None:
    """Refuse an output padding that reaches another input size's output."""
    for index, (extra, s, d) in enumerate(zip(output_padding, stride, dilation, strict=True)):
        if extra >= max(s, d):
            msg = (
                f"{call}: output_padding must be smaller than stride or dilation, but on spatial axis {index} it is "
                f"{extra}, stride {s} and dilation {d}."
            )
            raise ValueError(msg)


def check_transposed_size(call: str, sizes: Ints) -> None:
    """Refuse transposed geometries that crop everything away."""
    if sizes and min(sizes) < 1:
        msg = f"{call}: the output must have at least one element on every spatial axis, but its size would be {sizes}."
        raise ValueError(msg)


def check_output_size(call: str, requested: Ints, smallest: Ints, largest: Ints) -> None:
    """Refuse an output size that the input does not come from."""
    for index, (size, low, high) in enumerate(zip(requested, smallest, largest, strict=True)):
        if not low <= size <= high:
            msg = (
                f"{call}: output_size must be from {low} to {high} on spatial axis {index}, but got {size} "
                f"(output_size={requested})."
            )
            raise ValueError(msg)


def check_forward_only(call: str, output_padding: IntOrInts, output_size: object) -> None:
    """Refuse the arguments of a transposed convolution in a forward one."""
    for name, value in (("output_padding", output_padding), ("output_size", output_size)):
        # A zero for each axis chooses nothing either; an array must not be asked for its truth.
        zeros = name == "output_padding" and all(
            type(item) is not bool and item == 0 for item in _items(value) or [value]
        )
        if value is not None and not zeros:
            msg = f"{call}: {name} must be left out unless transposed=True, but got {shown(value)}."
            raise ValueError(msg)


def spatial_size(call: str, value: IntOrInts, ndim: int) -> Ints:
    """Return `output_size`: one int per spatial axis, without batch or channels."""
    return per_axis(call, "output_size", value, ndim, 1)


def check_mapping(call: str, name: str, value: object) -> None:
    """Refuse what is not a mapping."""
    if not isinstance(value, Mapping):
        msg = f"{call}: {name} must be a mapping of names to values, but got a {type(value).__name__}."
        raise TypeError(msg)


def check_params(call: str, op: str, params: Iterable[object], names: Sequence[str]) -> None:
    """Refuse a parameter that the call does not have."""
    for name in params:
        if name not in names:
            msg = f"{call}: params of {op} must be among {', '.join(names)}, but it has {name!r}."
            raise ValueError(msg)


def check_method(call: str, method: str) -> None:
    """Refuse an unknown method."""
    word(call, "method", method, METHODS)


def check_padding_seen(call: str, method: str, padding: Pairs) -> NoReturn:
    """Refuse a method that lays out the padding where it is far wider than all windows together."""
    msg = (
        f"{call}: method must be 'auto' or 'matrix' where padding_mode='replicate' is wider than all windows together, "
        f"but got {method!r} with padding {shown(padding)}."
    )
    raise ValueError(msg)


def check_inexact(call: str, dtype: np.dtype[Any]) -> None:
    """Refuse the method that rounds where a result must be exact."""
    if dtype.kind not in "fc":
        msg = f"{call}: method 'fft' needs a floating or complex result, but got {dtype}. Use method='auto'."
        raise ValueError(msg)


# --- operands of an operator -----------------------------------------------------------------------------------------


def check_images(call: str, name: str, array_shape: Ints, image_shape: Ints) -> None:
    """Refuse an array that is not one image, or a batch of images, of an operator."""
    if array_shape[max(0, len(array_shape) - len(image_shape)) :] != image_shape:
        msg = f"{call}: {name} must have shape {image_shape}, or batch axes before these, but has shape {array_shape}."
        raise ValueError(msg)


def check_vector(call: str, name: str, array_shape: Ints, operator_shape: Ints, axis: int, image_shape: Ints) -> None:
    """Refuse an array that is not a vector, a column or a batch of vectors, as long as the operator is on `axis`."""
    length = operator_shape[axis]
    if array_shape != (length, 1) and array_shape[-1:] != (length,):
        _refuse_operand(call, name, array_shape, operator_shape, axis, image_shape, f"({length},) or ({length}, 1)")


def check_columns(
    call: str, name: str, array_shape: Ints, operator_shape: Ints, axis: int, image_shape: Ints, *, vector: bool = False
) -> None:
    """Refuse an array whose columns do not fit the operator's `axis`; `vector` says that a vector would have too."""
    length = operator_shape[axis]
    if len(array_shape) < 2 or array_shape[-2] != length:
        wanted = f"({length},) or ({length}, K)" if vector else f"({length}, K)"
        _refuse_operand(call, name, array_shape, operator_shape, axis, image_shape, wanted)


def check_rows(call: str, name: str, array_shape: Ints, operator_shape: Ints, image_shape: Ints) -> None:
    """Refuse an array that an operator cannot be multiplied with from the right."""
    rows = operator_shape[0]
    if array_shape[-1:] != (rows,):
        name, wanted = f"{name} in {name} @ operator", f"({rows},) or (K, {rows})"
        _refuse_operand(call, name, array_shape, operator_shape, 0, image_shape, wanted, "apply_transpose")


def _refuse_operand(
    call: str,
    name: str,
    array_shape: Ints,
    operator_shape: Ints,
    axis: int,
    image_shape: Ints,
    wanted: str,
    method: str = "",
) -> NoReturn:
    image = len(image_shape) > 1 and array_shape[len(array_shape) - len(image_shape) :] == image_shape
    method = method or ("apply" if axis else "H.apply")
    remedy = f" Use {method} for arrays of shape {image_shape} and batches of them." if image else ""
    msg = (
        f"{call}: {name} must have shape {wanted} for an operator of shape {operator_shape}, "
        f"but has shape {array_shape}.{remedy}"
    )
    raise ValueError(msg)


def check_grad_output(call: str, array_shape: Ints, wanted: Ints, input_shape: Ints, weight_shape: Ints) -> None:
    """Refuse a gradient that does not have the shape of the result."""
    if array_shape != wanted:
        msg = (
            f"{call}: grad_output must have shape {wanted}, that of the result for input of shape {input_shape} and "
            f"weight of shape {weight_shape}, but has shape {array_shape}."
        )
        raise ValueError(msg)


def check_fold_columns(call: str, array_shape: Ints, windows: int, kernel: Ints, size: Ints) -> None:
    """Refuse columns that `unfold` does not make."""
    taps = prod(kernel)
    if array_shape[-2] % taps:
        msg = (
            f"{call}: input must have a multiple of {taps} rows, one per channel and tap of kernel_size {kernel}, "
            f"but has shape {array_shape}."
        )
        raise ValueError(msg)
    if array_shape[-1] != windows:
        msg = (
            f"{call}: input must have {windows} columns, one per window of kernel_size {kernel} on output_size "
            f"{size}, but has shape {array_shape}."
        )
        raise ValueError(msg)


def check_stride_divides(call: str, sizes: Ints, stride: Ints) -> None:
    """Refuse a stride that leaves a rest."""
    for index, (n, s) in enumerate(zip(sizes, stride, strict=True)):
        if n % s:
            msg = (
                f"{call}: stride must divide the input's size, but on spatial axis {index} it is {s} and the size {n}. "
                f"Use scipy.sparse.linalg.svds of a ConvOperator."
            )
            raise ValueError(msg)


def check_finite(call: str, name: str, values: NDArray[Any]) -> None:
    """Refuse NaN and inf."""
    others = values.size - int(np.count_nonzero(np.isfinite(values)))
    if others:
        msg = f"{call}: {name} must be finite, but {others} of its {values.size} elements are NaN or inf."
        raise ValueError(msg)
