"""The definition: build the CSR kernel matrix, multiply by it or by its transpose."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npconvt._arguments import work_dtype
from npconvt._axis import ZEROS
from npconvt._geometry import ConvGeometry
from npconvt._matrix import build
from npconvt._methods import gemm


class MatrixRoad:
    """Multiplies by the kernel matrix, which it keeps."""

    def __init__(self, geometry: ConvGeometry, weight: NDArray[Any], dtype: np.dtype[Any], call: str) -> None:
        self.geometry = geometry
        self.weight = weight
        self.dtype = dtype
        self.work = work_dtype(dtype)
        self.matrix = build(geometry, weight.astype(self.work, copy=False), call=call)

    def forward(self, x: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return A x for each image."""
        shape = (self.geometry.out_channels, *self.geometry.output_size)
        return self._apply(self.matrix, x, shape, bias, transposed=False)

    def transpose(self, y: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the transpose of A times y for each image."""
        shape = (self.geometry.in_channels, *self.geometry.input_size)
        return self._apply(self.matrix.T, y, shape, bias, transposed=True)

    def _apply(
        self, matrix: Any, images: NDArray[Any], shape: tuple[int, ...], bias: NDArray[Any] | None, *, transposed: bool
    ) -> NDArray[Any]:
        rows = images.astype(self.work, copy=False).reshape(len(images), matrix.shape[1])
        result: NDArray[Any] = np.ascontiguousarray((matrix @ rows.T).T).reshape(len(images), *shape)
        if self.geometry.padding_mode != ZEROS and not gemm.is_finite(result):
            # An entry that sums two taps meets inf once; of the taps by themselves, one may be 0, and 0*inf is NaN.
            one_by_one = gemm.GemmRoad(self.geometry, self.weight, self.dtype, gemm.by_taps)
            return one_by_one.transpose(images, bias) if transposed else one_by_one.forward(images, bias)
        if bias is not None:
            result += bias.reshape(-1, *(1,) * (len(shape) - 1))
        return result.astype(self.dtype, copy=False)


def weight_gradient(geometry: ConvGeometry, x: NDArray[Any], y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the gradient in the weight: each tap's windows, gathered by the matrix of one-tap kernels, times y."""
    if not (gemm.is_finite(x) and gemm.is_finite(y)):
        # Which leaves out the padding, and the zeros around the tap of a kernel of one: 0*inf is NaN.
        return gemm.weight_gradient(geometry, x, y, dtype)
    work = work_dtype(dtype)
    groups, taps, pixels = geometry.groups, prod(geometry.kernel_size), prod(geometry.output_size)
    one_channel = replace(geometry, in_channels=1, out_channels=taps, groups=1, plain=False)
    one_tap = np.eye(taps, dtype=work).reshape(taps, 1, *geometry.kernel_size)
    images = x.astype(work, copy=False).reshape(len(x) * geometry.in_channels, prod(geometry.input_size))
    windows = build(one_channel, one_tap) @ images.T
    windows = windows.reshape(taps, pixels, len(x), groups, geometry.in_channels // groups)
    gradient: NDArray[Any] = np.einsum(
        "kpngc,ngop->gock",
        windows,
        y.astype(work, copy=False).reshape(len(y), groups, geometry.out_channels // groups, pixels),
        optimize=True,
    )
    shape = (geometry.out_channels, geometry.in_channels // groups, *geometry.kernel_size)
    return gradient.reshape(shape).astype(dtype, copy=False)
