"""Cutting work into bands that fit into the cache, and far below the bound on workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npconvt._axis import Axis, padding_source

Array = NDArray[Any]
Box = tuple[tuple[int, int], ...]

BAND_BYTES = 4 * 2**20  # what measured best: a few times the second-level cache
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


def copied(view: Array, dtype: np.dtype[Any]) -> Array:
    """A contiguous copy in the dtype."""
    buffer = np.empty(view.shape, dtype)
    np.copyto(buffer, view, casting="same_kind")
    return buffer
