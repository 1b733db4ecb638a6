"""Which way a call takes."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from npconvt._geometry import ConvGeometry
from npconvt._methods import matrix

METHODS = ("auto", "matrix")


class Road(Protocol):
    """A geometry and a weight, prepared to be applied by one method, again and again."""

    def forward(self, x: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return A x for each image: shape (N, C_in, *sp) to (N, C_out, *sp)."""
        ...

    def transpose(self, y: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the transpose of A times y for each image: shape (N, C_out, *sp) to (N, C_in, *sp)."""
        ...


def prepare(
    geometry: ConvGeometry,
    weight: NDArray[Any],
    dtype: np.dtype[Any],
    *,
    method: str = "auto",
    batch: int = 1,
    transposed: bool = False,
    call: str = "prepare",
) -> Road:
    """Return the road of a call whose result has the dtype; `call` starts error messages."""
    return matrix.MatrixRoad(geometry, weight, dtype, call)


def weight_gradient(
    geometry: ConvGeometry, x: NDArray[Any], y: NDArray[Any], dtype: np.dtype[Any], *, method: str = "auto"
) -> NDArray[Any]:
    """Return the gradient of <y, A(w) x>, summed over the images, in w: shape (C_out, C_in/groups, *k)."""
    return matrix.weight_gradient(geometry, x, y, dtype)
