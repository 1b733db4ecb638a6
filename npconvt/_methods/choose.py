"""Which way a call takes: decided by geometry, batch and dtype alone, so the same call always takes the same road."""

from __future__ import annotations

from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from npconvt._geometry import ConvGeometry
from npconvt._methods import gemm, matrix
from npconvt._methods.gemm import Plan

METHODS = ("auto", "matrix", "gemm")


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
    if method == "matrix":
        return matrix.MatrixRoad(geometry, weight, dtype, call)
    unit = gemm.with_axis(geometry)
    return gemm.GemmRoad(geometry, weight, dtype, (forward_plan(unit), transposed_plan(unit, dtype)))


def forward_plan(geometry: ConvGeometry) -> Plan:
    """The plan of the convolution."""
    ones = (1,) * geometry.ndim
    if geometry.out_channels == geometry.groups and geometry.dilation[0] == 1:
        return Plan("rows", (4, *ones[1:]), "one channel a group")
    if geometry.kernel_size[0] == 1 or prod(geometry.output_size) < 512:
        return Plan("columns", ones, "few positions, or one tap on the first axis")
    return Plan("slabs", ones, "several taps on the first axis")


def transposed_plan(geometry: ConvGeometry, dtype: np.dtype[Any]) -> Plan:
    """The plan of the transposed convolution."""
    if geometry.stride == (1,) * geometry.ndim:
        return Plan("slabs", geometry.stride, "stride 1: a convolution with the flipped kernel")
    if all(k == s for k, s in zip(geometry.kernel_size, geometry.stride, strict=True)) or dtype == np.float16:
        return Plan("columns", geometry.stride, "no overlap")
    return Plan("scatter", (), "overlaps are added up")


def weight_gradient(
    geometry: ConvGeometry, x: NDArray[Any], y: NDArray[Any], dtype: np.dtype[Any], *, method: str = "auto"
) -> NDArray[Any]:
    """Return the gradient of <y, A(w) x>, summed over the images, in w: shape (C_out, C_in/groups, *k)."""
    if method == "matrix":
        return matrix.weight_gradient(geometry, x, y, dtype)
    return gemm.weight_gradient(geometry, x, y, dtype)
