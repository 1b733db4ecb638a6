"""Cutting work into bands that fit into the cache, and far below the bound on workspace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npconvt._axis import Axis, padding_source

Array = NDArray[Any]
Box = tuple[tuple[int, int], ...]

BAND_BYTES = 12 * 2**20  # what measured best; larger bands make larger products, and longer rows
ALIGNMENT = 64
WIDE = 4  # from so many on, what lies side by side in the result is written together
MAX_BYTES = 64 * 2**20  # no call takes more workspace than this


def boxes(sizes: tuple[int, ...], cost: Callable[[tuple[int, ...]], int], limit: int | None = None) -> Iterator[Box]:
    """Yield boxes that fill an array, the first axes cut first, within the limit as far as they can be cut."""
    if not prod(sizes):
        return
    limit = BAND_BYTES if limit is None else limit
    part = list(sizes)
    axis = 0
    while axis < len(part) and cost(tuple(part)) > limit:
        if part[axis] == 1:
            axis += 1
        else:
            part[axis] = -(-part[axis] // 2)
    yield from product(
        *([(begin, min(begin + size, n)) for begin in range(0, n, size)] for n, size in zip(sizes, part, strict=True))
    )


def shown(images: Array, axes: tuple[Axis, ...], positions: Sequence[range]) -> Array:
    """What the padded images (..., *size) show at these positions of each axis; for padding modes other than zeros."""
    for index, (axis, wanted) in enumerate(zip(axes, positions, strict=True), images.ndim - len(axes)):
        if wanted and (wanted[0] < 0 or wanted[-1] >= axis.n):
            images = images.take([padding_source(axis, position) for position in wanted], axis=index)
        else:
            cut = (slice(None),) * index + (slice(wanted.start, wanted.stop, wanted.step),)
            images = images[cut]
    return images


def index(*parts: Any) -> Any:
    """An index of parts of several kinds."""
    return parts


def around(box: Box, sizes: Sequence[int]) -> list[Any]:
    """Indexes that reach each position of arrays (..., *sizes) outside of a box once."""
    found: list[Any] = []
    inside: list[slice] = []
    for (first, last), n in zip(box, sizes, strict=True):
        after = (slice(None),) * (len(sizes) - len(inside) - 1)
        found += [index(..., *inside, slice(*cut), *after) for cut in ((0, first), (last, n)) if cut[0] < cut[1]]
        inside.append(slice(first, last))
    return found


def moved(array: Array, source: int, target: int) -> Array:
    """The array with one axis moved: `numpy.moveaxis` takes longer than a small band."""
    axes = list(range(array.ndim))
    axes.insert(target, axes.pop(source))
    return array.transpose(axes)


class Arena:
    """Workspace for the arrays of a band, taken one after the other from one buffer."""

    __slots__ = ("buffer", "start", "used")

    def __init__(self, size: int) -> None:
        self.buffer = np.empty(size + ALIGNMENT, np.uint8)
        self.start = -self.buffer.__array_interface__["data"][0] % ALIGNMENT
        self.used = self.start

    def reset(self) -> None:
        """Forget what has been taken."""
        self.used = self.start

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """An array of undefined content, from elsewhere where the buffer is full."""
        begin, end = self.used, self.used + prod(shape) * dtype.itemsize
        if end > len(self.buffer):
            return np.empty(shape, dtype)
        self.used = end + -(end - self.start) % ALIGNMENT
        return np.ndarray(shape, dtype, self.buffer.data, begin)

    def copied(self, view: Array, dtype: np.dtype[Any]) -> Array:
        """A contiguous copy in the dtype."""
        copy = self.empty(view.shape, dtype)
        np.copyto(copy, view, casting="same_kind")
        return copy


_kept = threading.local()


@contextmanager
def arena() -> Iterator[Arena]:
    """Lend the thread's workspace. Fresh memory at each call would cost more than the copies made in it.

    It is taken away while it is lent, so that a call from within a call, as in a signal handler, gets its own.
    """
    lent: Arena | None = getattr(_kept, "arena", None)
    _kept.arena = None
    lent = Arena(BAND_BYTES) if lent is None else lent
    try:
        yield lent
    finally:
        _kept.arena = lent
