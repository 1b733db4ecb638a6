"""The case: one call with its arrays, held in memory or in an ``.npz`` file that another machine can read.

This module stands above `functional`, because a case knows the answer it should get.
"""

from __future__ import annotations

import errno
import inspect
import io
import json
import operator
import os
import secrets
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npconvt import _arguments as arguments
from npconvt import functional
from npconvt._geometry import ConvGeometry, conv_geometry, conv_transpose_geometry

Array = NDArray[Any]
StrPath = str | os.PathLike[str]
Contents = TypeVar("Contents")

FORMAT = 1
OPS = tuple(f"{name}{axes}" for name in ("conv", "conv_transpose") for axes in ("1d", "2d", "3d", ""))
_ARRAYS = ("input", "weight", "bias")
_KEYS = ("op", *_ARRAYS, "params", "output", "format")
# What numpy.load raises on a file that is cut short or altered: it has no exception of its own for it.
_DAMAGED = (ValueError, KeyError, EOFError, RuntimeError, OSError, zipfile.BadZipFile, zlib.error)


@dataclass(init=False, frozen=True, slots=True, eq=False, repr=False)
class Case:
    """One convolution call with everything it was given, and the output somebody got for it.

    Parameters
    ----------
    op : str
        ``"conv1d"``, ``"conv2d"``, ``"conv3d"``, ``"conv"`` or the same with ``conv_transpose``.
    input : array_like, shape (N, C_in, *sp) or (C_in, *sp)
        What the call is applied to.
    weight : array_like
        Shape ``(C_out, C_in / groups, *k)``; of a transposed call ``(C_in, C_out / groups, *k)``.
    bias : array_like, shape (C_out,), optional
        Added to every output position.
    params : mapping, optional
        The other arguments of the call by name: ``{"stride": 2, "padding": (1, 0)}``.
    output : array_like, optional
        The result that is to be explained. Its shape is not checked: a wrong shape is one of the things
        that can be wrong with it.

    Raises
    ------
    TypeError, ValueError
        Where the call itself would raise. The geometry is built once here, so a case that exists can be run.

    Notes
    -----
    Arrays are copied and read-only, lists in `params` become tuples. Two cases are equal where every field is,
    dtypes included, and NaN equals NaN.

    Examples
    --------
    >>> import numpy as np
    >>> case = Case("conv_transpose1d", [[1, 2, 3]], [[[1, 10]]], params={"stride": 2})
    >>> print(case)
    op      conv_transpose1d
    input   (1, 3)     int64
    weight  (1, 1, 2)  int64
    bias    none
    stride  2
    output  not recorded
    >>> case.expected()
    array([[ 1, 10,  2, 20,  3, 30]])

    A key the call does not have is refused:

    >>> Case("conv1d", [[1, 2, 3]], [[[1, 10]]], params={"strides": 2})
    Traceback (most recent call last):
        ...
    ValueError: Case: params of conv1d must be among stride, padding, dilation, groups, padding_mode, method,
    but it has 'strides'.
    """

    op: str
    input: Array
    weight: Array
    bias: Array | None
    params: Mapping[str, Any]
    output: Array | None

    def __init__(
        self,
        op: str,
        input: ArrayLike,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        params: Mapping[str, Any] = MappingProxyType({}),
        output: ArrayLike | None = None,
    ) -> None:
        arguments.word("Case", "op", op, OPS)
        fields = {
            "op": op,
            "input": _frozen("input", input),
            "weight": _frozen("weight", weight),
            "bias": None if bias is None else _frozen("bias", bias),
            "params": _frozen_params(params),
            "output": None if output is None else _frozen("output", output),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        geometry = self.geometry
        if self.bias is not None:
            channels = geometry.in_channels if self.transposed else geometry.out_channels
            arguments.check_bias(op, self.bias, channels)

    @property
    def geometry(self) -> ConvGeometry:
        """The geometry of the forward convolution, of which a transposed call is the transpose."""
        return geometry_of(self.op, self.input.shape, self.weight.shape, self.params)

    @property
    def transposed(self) -> bool:
        """Whether the call is a transposed convolution."""
        return self.op.startswith("conv_transpose")

    def expected(self, *, method: str | None = None) -> Array:
        """Compute what the call returns, with `npconvt.functional`.

        Parameters
        ----------
        method : str, optional
            How to compute it, in place of the ``method`` in `params`.

        Returns
        -------
        ndarray
            A new array.

        Examples
        --------
        >>> Case("conv1d", [[1, 2, 3, 4]], [[[1, 10]]]).expected()
        array([[21, 32, 43]])
        """
        call: Callable[..., Array] = getattr(functional, self.op)
        params = dict(self.params) if method is None else {**self.params, "method": method}
        return call(self.input, self.weight, self.bias, **params)

    def save(self, path: StrPath) -> None:
        """Write the case to an ``.npz`` file, whole or not at all.

        Parameters
        ----------
        path : str or path
            The file to write, by exactly this name. What it held before is replaced.
        """
        arrays: dict[str, Any] = {"op": np.array(self.op), "input": self.input, "weight": self.weight}
        arrays["params"] = np.array(json.dumps(dict(self.params)))
        arrays["format"] = np.array(FORMAT)
        arrays |= {name: a for name, a in (("bias", self.bias), ("output", self.output)) if a is not None}
        write_whole(path, lambda file: np.savez(file, **arrays))

    @classmethod
    def load(cls, path: StrPath) -> Case:
        """Read a case file. Pickled objects in it are refused, never run.

        Parameters
        ----------
        path : str or path
            An ``.npz`` file with ``op``, ``input``, ``weight``, optionally ``bias``, ``params`` (JSON text),
            ``output`` and ``format`` (1).

        Raises
        ------
        OSError
            The file cannot be opened.
        ValueError, TypeError
            It is not a case file, or holds a call that cannot be made.
        """
        arrays = _read_npz(path)
        if not {"op", "input", "weight"} <= arrays.keys() <= set(_KEYS):
            msg = (
                f"Case.load: {os.fspath(path)} must hold op, input and weight, and may hold bias, params, output and "
                f"format, but it holds {', '.join(arrays) or 'nothing'}."
            )
            raise ValueError(msg)
        _check_format(path, arrays.get("format"))
        op = _text(path, "op", arrays["op"])
        params = _json_object(path, _text(path, "params", arrays["params"])) if "params" in arrays else {}
        return cls(op, arrays["input"], arrays["weight"], arrays.get("bias"), params, arrays.get("output"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Case):
            return NotImplemented
        arrays = ("input", "weight", "bias", "output")
        return (self.op, dict(self.params)) == (other.op, dict(other.params)) and all(
            _same(getattr(self, name), getattr(other, name)) for name in arrays
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[Case], tuple[Any, ...]]:
        # A mapping proxy cannot be pickled; building the copy anew also freezes its arrays again.
        return Case, (self.op, self.input, self.weight, self.bias, dict(self.params), self.output)

    def __repr__(self) -> str:
        arrays = [f"{name}={_kind(getattr(self, name))}" for name in ("input", "weight", "bias", "output")]
        return f"<Case {self.op}: {', '.join(arrays)}, params={dict(self.params)}>"

    def __str__(self) -> str:
        arrays = {name: getattr(self, name) for name in (*_ARRAYS, "output")}
        absent = {"bias": "none", "output": "not recorded"}
        wide = max(len(str(a.shape)) for a in arrays.values() if a is not None)
        cells = {n: absent[n] if a is None else f"{a.shape!s:{wide}}  {a.dtype}" for n, a in arrays.items()}
        output = cells.pop("output")
        return table({"op": self.op, **cells, **{k: str(v) for k, v in self.params.items()}, "output": output})


def geometry_of(
    op: str, input_shape: Sequence[int], weight_shape: Sequence[int], params: Mapping[str, Any], *, caller: str = "Case"
) -> ConvGeometry:
    """Build the forward geometry of a call from shapes alone, with its errors; those of no call are the `caller`'s."""
    arguments.word(caller, "op", op, OPS)
    signature = inspect.signature(getattr(functional, op)).parameters.values()
    values = {parameter.name: parameter.default for parameter in signature if parameter.name not in _ARRAYS}
    arguments.check_params(caller, op, params, tuple(values))
    values |= params
    arguments.check_method(op, values.pop("method"))
    inputs, weights = arguments.shape(op, "input", input_shape), arguments.shape(op, "weight", weight_shape)
    arguments.check_weight_ndim(op, weights)
    ndim = int(op[-2]) if op.endswith("d") else len(weights) - 2
    arguments.check_ndim(op, "weight", weights, (ndim + 2,), "two channel axes before the kernel's")
    arguments.check_ndim(op, "input", inputs, (ndim + 1, ndim + 2), "(C_in, *spatial) or (N, C_in, *spatial)")
    build = conv_transpose_geometry if op.startswith("conv_transpose") else conv_geometry
    return build(op, inputs, weights, **values)


def result_shape(op: str, input_shape: Sequence[int], geometry: ConvGeometry) -> tuple[int, ...]:
    """Shape of what the call returns: with a batch axis where its input has one."""
    batch = tuple(input_shape)[: len(input_shape) - geometry.ndim - 1]
    return (*batch, *(geometry.input_shape if op.startswith("conv_transpose") else geometry.output_shape))


def _frozen(name: str, value: ArrayLike) -> Array:
    copy = np.array(arguments.array("Case", name, value))
    copy.setflags(write=False)
    return copy


def _frozen_params(params: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments.check_mapping("Case", "params", params)
    return MappingProxyType({name: _plain(value) for name, value in params.items()})


def _plain(value: Any) -> Any:
    """The value with NumPy ints as ints and every sequence as a tuple, which is what JSON can give back."""
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return tuple(map(_plain, value))
    return value if isinstance(value, bool) or not hasattr(value, "__index__") else operator.index(value)


def _same(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def _kind(array: Array | None) -> str:
    return "None" if array is None else f"{array.shape} {array.dtype}"


# --- files -----------------------------------------------------------------------------------------------------------


def read_array(path: StrPath) -> Array:
    """Read the one array of a ``.npy`` file; a pickled one is refused, never run."""

    def read(file: IO[bytes]) -> Array:
        return np.asarray(np.load(file, allow_pickle=False))

    return arguments.array("read_array", os.fspath(path), _read("read_array", path, ".npy", b"\x93NUMPY", read))


def _read_npz(path: StrPath) -> dict[str, Array]:
    """Read all arrays of an ``.npz`` file; pickled ones are refused, never run."""

    def read(file: IO[bytes]) -> dict[str, Array]:
        with np.load(file, allow_pickle=False) as archive:
            return {name: np.asarray(archive[name]) for name in archive.files}

    return _read("Case.load", path, ".npz", b"PK\x03\x04", read)


def _read(call: str, path: StrPath, suffix: str, magic: bytes, read: Callable[[IO[bytes]], Contents]) -> Contents:
    """Read a file that must start with `magic`; what NumPy and zipfile raise on damage becomes one ValueError."""
    with open(path, "rb") as file:
        # numpy.load takes what it does not know for a pickle, and says so: misleading for a text file.
        start = file.read(len(magic))
        if start != magic:
            found = "starts like another kind of file" if start else "is empty"
            msg = f"{call}: {os.fspath(path)} must be an {suffix} file, but {found}."
            raise ValueError(msg)
        try:
            if file.seekable():
                file.seek(0)
                return read(file)
            return read(io.BytesIO(start + file.read()))  # a pipe, as the shell's <(...)
        except MemoryError as error:
            msg = f"{call}: {os.fspath(path)} must fit into memory, but reading it failed: {error}."
            raise MemoryError(msg) from None
        except _DAMAGED as error:
            raise _unreadable(call, path, error) from None


def _unreadable(call: str, path: StrPath, error: Exception) -> ValueError:
    """The one sentence for a file that numpy.load gives up on."""
    # NumPy tells a pickle from damage only in its text, which names the argument that refuses it.
    if "allow_pickle" in str(error):
        return ValueError(f"{call}: {os.fspath(path)} must hold plain numbers and text, but holds a pickled object.")
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return ValueError(f"{call}: {os.fspath(path)} must be a whole file, but is truncated or damaged: {reason}.")


def _check_format(path: StrPath, value: Array | None) -> None:
    if value is not None and (value.shape != () or value.dtype.kind not in "iu" or value != FORMAT):
        found = repr(value.tolist()) if value.size == 1 else f"an array of shape {value.shape}"
        msg = f"Case.load: format of {os.fspath(path)} must be {FORMAT}, but it is {found}. Update npconvt to read it."
        raise ValueError(msg)


def _text(path: StrPath, key: str, value: Array) -> str:
    if value.shape != () or value.dtype.kind != "U":
        msg = f"Case.load: {key} of {os.fspath(path)} must be one text, but is {_kind(value)}."
        raise TypeError(msg)
    return str(value)


def _json_object(path: StrPath, text: str) -> dict[str, Any]:
    try:
        params = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"Case.load: params of {os.fspath(path)} must be JSON text, but reading it failed: {error}."
        raise ValueError(msg) from None
    if not isinstance(params, dict):
        msg = f"Case.load: params of {os.fspath(path)} must be a JSON object, but is {text[:60]}."
        raise TypeError(msg)
    return params


def write_whole(path: StrPath, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file beside `path`, then put it in the place of `path` in one step.

    Whatever goes wrong on the way, `path` holds what it held before. A device or a pipe cannot be replaced: there the
    bytes are made first and sent when all are there.
    """
    if not os.fspath(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "")
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if os.path.exists(path) and not os.path.isfile(path):
        buffer = io.BytesIO()
        write(buffer)
        try:
            Path(path).write_bytes(buffer.getvalue())
        except OSError as error:
            error.filename = os.fspath(path)  # a write that fails does not know it
            raise
        return
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".npconvt-{secrets.token_hex(8)}.tmp")
    try:
        with open(draft, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = os.fspath(path)  # the name the user knows; the draft's is gone
        raise


def table(rows: Mapping[str, str]) -> str:
    """Two aligned columns, one row a line."""
    wide = max(map(len, rows))
    return "\n".join(f"{name:{wide}}  {value}" for name, value in rows.items())
