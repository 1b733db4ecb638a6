"""Flat plans for batches of small images, which share their products.

A small image makes a narrow product, for which BLAS reads and packs the whole weight. Here the images are one more
axis, before the others and with a single tap, so that a product has the positions of many. To hold many images in a
band, the channels of the result are cut into blocks instead.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from npconvt._axis import Axis
from npconvt._methods.bands import Arena, Array, moved
from npconvt._methods.flat import Flat


class Together:
    """A direction of a geometry with its weight (G, C', C, *kernel) in blocks of C'."""

    def __init__(
        self,
        axes: tuple[Axis, ...],
        transposed: bool,
        summed: int,
        blocks: int,
        weight: Array,
        dtype: np.dtype[Any],
    ) -> None:
        self.axes = axes
        results = weight.shape[1]
        cuts = [results * block // blocks for block in range(blocks + 1)]
        self.results = [slice(*cut) for cut in pairwise(cuts) if cut[0] < cut[1]]
        first = batched(axes, 1)
        parts = [weight[:, part, :, None] for part in self.results]
        flats = [Flat(first, transposed, with_images(summed), part, dtype) for part in parts]
        self.sized = 1, flats  # one attribute, so that a thread never sees the number of another's images

    @property
    def covers(self) -> bool:
        """Whether every position of the result has a tap."""
        return self.sized[1][0].covers

    @property
    def pads(self) -> bool:
        """Whether zeros of the padding are multiplied."""
        return self.sized[1][0].pads

    def apply(self, source: Array, result: Array, bias: Array | None, arena: Arena) -> None:
        """Write every position of the result (N, G, C', *) that has a tap, and add the bias, of shape (G, C')."""
        images, flats = self.sized
        if images != len(source):
            images = len(source)
            flats = [flat.resized(batched(self.axes, images)) for flat in flats]
            self.sized = images, flats
        source, result = (moved(array, 0, 2)[None] for array in (source, result))
        for part, flat in zip(self.results, flats, strict=True):
            flat.apply(source, result[:, :, part], None if bias is None else bias[:, part], arena)


def batched(axes: tuple[Axis, ...], images: int) -> tuple[Axis, ...]:
    """The axes, after one of images."""
    return (Axis(images, images, 1, 1, 1, 0, 0, axes[0].mode), *axes)


def with_images(summed: int) -> int:
    """How many axes are summed with that of the images; none stays none."""
    return summed + 1 if summed else 0
