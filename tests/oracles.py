"""What the library is held against: the defining sum written as loops, and the same map made of torch's pieces.

Nothing here imports npconvt. Every window is a loop over its taps, and an array of *indices* padded by `numpy.pad` says
what a padding mode shows it. Slow, and short enough to be believed.
"""

import importlib
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

NUMPY_MODE = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def framework(name: str) -> ModuleType:
    """Import another framework, or skip the test; fail where `NPCONVT_REQUIRE_ORACLES` lists the name."""
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        if name in os.environ.get("NPCONVT_REQUIRE_ORACLES", "").split(","):
            pytest.fail(f"the oracle {name} is required here (NPCONVT_REQUIRE_ORACLES), but: {missing}")
        pytest.skip(f"{name} is not installed")


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a forward convolution: n inputs, m outputs, k taps, stride s, dilation d, padding lo, hi."""

    n: int
    k: int
    m: int | None = None  # outputs kept; None is all that fit
    s: int = 1
    d: int = 1
    lo: int = 0
    hi: int = 0
    mode: str = "zeros"

    @property
    def k_eff(self) -> int:
        return self.d * (self.k - 1) + 1

    def reader(self) -> Callable[[int], int | None]:
        """The input position read at a padded position; None where a zero stands."""
        if self.mode == "zeros":
            return lambda position: position - self.lo if 0 <= position - self.lo < self.n else None
        kept = np.arange(self.n)[max(-self.lo, 0) : self.n - max(-self.hi, 0)]
        return np.pad(kept, (max(self.lo, 0), max(self.hi, 0)), mode=NUMPY_MODE[self.mode]).tolist().__getitem__

    def windows(self) -> list[list[tuple[int, int]]]:
        """For every output position, the pairs (tap, input position) that meet there."""
        read = self.reader()
        fitting = (self.n + self.lo + self.hi - self.k_eff) // self.s + 1
        starts = [i * self.s for i in range(fitting if self.m is None else min(self.m, fitting))]
        windows = [[(t, read(i + t * self.d)) for t in range(self.k)] for i in starts]
        return [[(t, j) for t, j in window if j is not None] for window in windows]


def same(n: int, k: int, s: int, d: int, *, lower: bool = False) -> tuple[int, int]:
    """Padding under which n inputs make ceil(n / s) outputs."""
    total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
    small, large = total // 2, total - total // 2
    return (large, small) if lower else (small, large)


def contributions(axes: Sequence[Axis]):
    """Yield (output position, tap, input position), each a tuple of ints, once per product of the defining sum."""
    windows = [axis.windows() for axis in axes]
    for position in itertools.product(*(range(len(w)) for w in windows)):
        for meeting in itertools.product(*(w[i] for w, i in zip(windows, position, strict=True))):
            yield position, tuple(t for t, _ in meeting), tuple(j for _, j in meeting)


def result_dtype(*arrays: np.ndarray | None) -> np.dtype:
    """What numpy promotes to; integers and bools become 64-bit of their signedness, as in `numpy.sum`."""
    dtype = np.result_type(*(a.dtype for a in arrays if a is not None)).newbyteorder("=")
    return {"b": np.dtype("int64"), "i": np.dtype("int64"), "u": np.dtype("uint64")}.get(dtype.kind, dtype)


def _wide(dtype: np.dtype) -> np.dtype:
    return np.dtype({"f": "float64", "c": "complex128"}.get(dtype.kind, dtype))


def conv(x, weight, bias, axes: Sequence[Axis], groups: int = 1) -> np.ndarray:
    """The sum of x at the input position times weight at the tap; x is (N, C_in, *n) or (C_in, *n)."""
    batched = x.ndim == len(axes) + 2
    dtype = result_dtype(x, weight, bias)
    x, w = (x if batched else x[None]).astype(_wide(dtype)), weight.astype(_wide(dtype))
    x = x.reshape(x.shape[0], groups, 1, weight.shape[1], *x.shape[2:])
    w = w.reshape(groups, weight.shape[0] // groups, *w.shape[1:])
    y = np.zeros((x.shape[0], *w.shape[:2], *(len(a.windows()) for a in axes)), w.dtype)
    with np.errstate(all="ignore"):
        for position, tap, source in contributions(axes):
            y[:, :, :, *position] += (x[:, :, :, :, *source] * w[:, :, :, *tap]).sum(axis=-1)
        return _finish(y, bias, dtype, batched)


def conv_transpose(y, weight, bias, axes: Sequence[Axis], groups: int = 1) -> np.ndarray:
    """The same products, added up at the input position instead; y is (N, C_out, *m) or (C_out, *m)."""
    batched = y.ndim == len(axes) + 2
    dtype = result_dtype(y, weight, bias)
    y, w = (y if batched else y[None]).astype(_wide(dtype)), weight.astype(_wide(dtype))
    y = y.reshape(y.shape[0], groups, weight.shape[0] // groups, 1, *y.shape[2:])
    w = w.reshape(groups, weight.shape[0] // groups, *w.shape[1:])
    x = np.zeros((y.shape[0], groups, w.shape[2], *(a.n for a in axes)), w.dtype)
    with np.errstate(all="ignore"):
        for position, tap, source in contributions(axes):
            x[:, :, :, *source] += (y[:, :, :, :, *position] * w[:, :, :, *tap]).sum(axis=2)
        return _finish(x, bias, dtype, batched)


def _finish(result, bias, dtype, batched):
    result = result.reshape(result.shape[0], result.shape[1] * result.shape[2], *result.shape[3:])
    if bias is not None:
        result = result + bias.astype(result.dtype).reshape(-1, *[1] * (result.ndim - 2))
    return (result if batched else result[0]).astype(dtype)


def matrix(weight, axes: Sequence[Axis], groups: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The dense kernel matrix, and where it has an entry at all (whatever the weights are)."""
    c_out, c_in = weight.shape[0], weight.shape[1] * groups
    rows, columns = (c_out, *(len(a.windows()) for a in axes)), (c_in, *(a.n for a in axes))
    dense = np.zeros((*rows, *columns), weight.dtype)
    pattern = np.zeros(dense.shape, bool)
    for o, c in itertools.product(range(c_out), range(weight.shape[1])):
        column = o // (c_out // groups) * weight.shape[1] + c
        for position, tap, source in contributions(axes):
            dense[(o, *position, column, *source)] += weight[(o, c, *tap)]
            pattern[(o, *position, column, *source)] = True
    shape = (int(np.prod(rows)), int(np.prod(columns)))
    return dense.reshape(shape), pattern.reshape(shape)


def inner(a: np.ndarray, b: np.ndarray) -> Any:
    """<a, b> without a conjugate."""
    assert a.shape == b.shape
    return (a * b).sum()


def torch_conv(torch: ModuleType, x, weight, bias, axes: Sequence[Axis], groups: int = 1) -> np.ndarray:
    """Crop, `torch.nn.functional.pad`, `convNd`, in double precision; one to three spatial axes."""
    x, w, b = (None if a is None else torch.as_tensor(_doubled(a)) for a in (x, weight, bias))
    return _torch_forward(torch, x, w, b, axes, groups).numpy()


def torch_conv_transpose(torch: ModuleType, y, weight, bias, axes: Sequence[Axis], groups: int = 1) -> np.ndarray:
    """The transpose of `torch_conv` as torch's autograd takes it (it conjugates: undone here)."""
    y, w, b = (None if a is None else torch.as_tensor(_doubled(a)) for a in (y, weight, bias))
    lead = y.shape[: y.ndim - len(axes) - 1]
    x = torch.zeros((*lead, w.shape[1] * groups, *(a.n for a in axes)), dtype=torch.result_type(y, w))
    x.requires_grad_()
    forward = _torch_forward(torch, x, w, None, axes, groups)
    (result,) = torch.autograd.grad(forward, x, y.to(forward.dtype).conj())
    result = result.conj().resolve_conj()
    return (result if b is None else result + b.reshape(-1, *[1] * len(axes))).numpy()


def _doubled(a: np.ndarray) -> np.ndarray:
    return np.array(a, np.complex128 if a.dtype.kind == "c" else np.float64)


def _torch_forward(torch, x, w, b, axes, groups):
    dtype = torch.promote_types(x.dtype, w.dtype) if b is None else torch.promote_types(x.dtype, b.dtype)
    dtype = torch.promote_types(dtype, w.dtype)
    x, w, b = x.to(dtype), w.to(dtype), None if b is None else b.to(dtype)
    batched = x.ndim == len(axes) + 2
    x = x if batched else x[None]
    crop, pad = [], []
    for axis in reversed(axes):  # torch names the last axis first
        crop += [min(axis.lo, 0), min(axis.hi, 0)]
        pad += [max(axis.lo, 0), max(axis.hi, 0)]
    x = torch.nn.functional.pad(x, crop)
    mode = axes[0].mode
    x = torch.nn.functional.pad(x, pad, mode="constant" if mode == "zeros" else mode)
    function = getattr(torch.nn.functional, f"conv{len(axes)}d")
    y = function(x, w, b, tuple(a.s for a in axes), 0, tuple(a.d for a in axes), groups)
    y = y[(..., *(slice(a.m) for a in axes))]
    return y if batched else y[0]
