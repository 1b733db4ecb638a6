"""Convolution as a product of spectra: for large kernels, by name only, because its error bound is of the norm.

An output is off by at most ``(9 log2 P + C/g) u`` times the sum over the channels of the norms of its weights and of
the padded image, P the points of the transform: a multiple of the largest inputs, not of the terms of its own sum.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npconvt._arguments import work_dtype
from npconvt._axis import ZEROS, Axis, effective_kernel, padding_source
from npconvt._geometry import ConvGeometry
from npconvt._methods.bands import Array, index
from npconvt._methods.gemm import grouped_weight, with_axis

# A direct sum of fewer terms is so exact that a transform must be made in the wider format to come near it.
FEW_TERMS = 160

Transform = Callable[[Array, tuple[int, ...], tuple[int, ...]], Any]


class Spectra:
    """The transforms of a geometry: arrays of (..., *size) to spectra over the padded input, and back."""

    def __init__(self, axes: tuple[Axis, ...], dtype: np.dtype[Any]) -> None:
        from scipy import fft  # loaded by those who ask for it

        self.axes = axes
        self.dtype = dtype
        self.real = dtype.kind == "f"
        self.padded = tuple(max(a.n + a.lo + a.hi, effective_kernel(a.k, a.d)) for a in axes)
        self.shape = tuple(fft.next_fast_len(n, real=self.real) for n in self.padded)
        self._forward: Transform = fft.rfftn if self.real else fft.fftn
        self._backward: Transform = fft.irfftn if self.real else fft.ifftn

    def of(self, values: Array, *, reverse: bool = False) -> Array:
        """The spectrum; reversed in space, it makes the product a correlation."""
        dims = tuple(range(-len(self.shape), 0))
        if reverse:
            reversed_: Array = np.conj(self._forward(np.conj(values), self.shape, dims))
            return reversed_
        spectrum: Array = self._forward(values, self.shape, dims)
        return spectrum

    def back(self, spectrum: Array) -> Array:
        """The array over the padded input."""
        dims = tuple(range(-len(self.shape), 0))
        values: Array = self._backward(spectrum, self.shape, dims)
        return values

    def pad(self, x: Array) -> Array:
        """The input with its padding, cropped where that is negative."""
        for number, axis in enumerate(self.axes, x.ndim - len(self.axes)):
            shown = [p if 0 <= p < axis.n else padding_source(axis, p) for p in range(-axis.lo, axis.n + axis.hi)]
            padded = x.take(shown, axis=number)
            if axis.mode == ZEROS:
                padded[index(*(slice(None),) * number, np.array(shown) < 0)] = 0
            x = padded
        return x

    def unpad(self, padded: Array) -> Array:
        """The transpose of `pad`."""
        for number, axis in enumerate(self.axes, padded.ndim - len(self.axes)):
            x = np.zeros((*padded.shape[:number], axis.n, *padded.shape[number + 1 :]), padded.dtype)
            before = (slice(None),) * number
            for position in range(-axis.lo, axis.n + axis.hi):
                source = position if 0 <= position < axis.n else padding_source(axis, position)
                if source >= 0:
                    x[index(*before, source)] += padded[index(*before, position + axis.lo)]
            padded = x
        return padded

    def spread(self, values: Array, steps: tuple[int, ...]) -> Array:
        """The values with zeros between them: a stride's outputs, or a dilation's taps."""
        sizes = values.shape[-len(steps) :]
        spread = np.zeros(
            (*values.shape[: -len(steps)], *((n - 1) * s + 1 for n, s in zip(sizes, steps, strict=True))), values.dtype
        )
        spread[index(..., *(slice(None, None, s) for s in steps))] = values
        return spread

    def every(self, values: Array, steps: tuple[int, ...], counts: tuple[int, ...]) -> Array:
        """The transpose of `spread`."""
        cut = (slice(0, (n - 1) * s + 1, s) for n, s in zip(counts, steps, strict=True))
        kept: Array = values[index(..., *cut)]
        return kept


class FftRoad:
    """Multiplies spectra, and keeps the weight's."""

    def __init__(self, geometry: ConvGeometry, weight: NDArray[Any], dtype: np.dtype[Any]) -> None:
        self.geometry = with_axis(geometry)
        self.sizes = (geometry.output_size, geometry.input_size)
        self.dtype = dtype
        self.work = work_dtype(dtype)
        self.weight = grouped_weight(self.geometry, weight, False)
        self.spectrum: dict[bool, Array] = {}

    @cached_property
    def spectra(self) -> dict[bool, Spectra]:
        """The transforms of either direction."""
        g = self.geometry
        taps = prod(g.kernel_size)
        terms = {False: taps * g.in_channels, True: taps * g.out_channels // prod(g.stride)}
        return {side: Spectra(g.axes, _format(self.work, n // g.groups)) for side, n in terms.items()}

    def forward(self, x: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return A x for each image."""
        return self._apply(x, bias, False)

    def transpose(self, y: NDArray[Any], bias: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the transpose of A times y for each image."""
        return self._apply(y, bias, True)

    def _apply(self, source: Array, bias: Array | None, transposed: bool) -> Array:
        g, spectra = self.geometry, self.spectra[transposed]
        channels = g.in_channels if transposed else g.out_channels
        result = np.zeros(
            (len(source), g.groups, channels // g.groups, *(g.input_size if transposed else g.output_size)), self.work
        )
        sizes = g.output_size if transposed else g.input_size
        images = source.reshape(len(source), g.groups, source.shape[1] // g.groups, *sizes)
        if result.size and source.size and self.weight.size:
            weight = self._weight(transposed)
            for image, out in zip(images, result, strict=True):
                image = image.astype(spectra.dtype, copy=False)
                if transposed:
                    full = spectra.back(_contract(weight, spectra.of(spectra.spread(image, g.stride))))
                    out[...] = spectra.unpad(full[index(..., *(slice(n) for n in spectra.padded))])
                else:
                    full = spectra.back(_contract(weight, spectra.of(spectra.pad(image))))
                    out[...] = spectra.every(full, g.stride, g.output_size)
        if bias is not None:
            result += bias.reshape(g.groups, -1, *(1,) * g.ndim)
        return result.reshape(len(source), channels, *self.sizes[transposed]).astype(self.dtype, copy=False)

    def _weight(self, transposed: bool) -> Array:
        """The spectrum of the weight, as (groups, channels of the result, channels of the source, *shape)."""
        if transposed not in self.spectrum:
            spectra = self.spectra[transposed]
            taps = spectra.spread(self.weight.astype(spectra.dtype, copy=False), self.geometry.dilation)
            weight = spectra.of(taps, reverse=not transposed)
            self.spectrum[transposed] = weight.swapaxes(1, 2) if transposed else weight
        return self.spectrum[transposed]


def weight_gradient(geometry: ConvGeometry, x: NDArray[Any], y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the gradient of <y, A(w) x>, summed over the images, in w."""
    g, work = with_axis(geometry), work_dtype(dtype)
    spectra = Spectra(g.axes, _format(work, len(x) * prod(g.output_size)))
    inputs = x.reshape(len(x), g.groups, g.in_channels // g.groups, *g.input_size)
    outputs = y.reshape(len(y), g.groups, g.out_channels // g.groups, *g.output_size)
    gradient = np.zeros((g.groups, outputs.shape[2], inputs.shape[2], *g.kernel_size), spectra.dtype)
    if gradient.size and inputs.size and outputs.size:
        for image, out in zip(inputs, outputs, strict=True):
            image, out = (array.astype(spectra.dtype, copy=False) for array in (image, out))
            seen = spectra.of(spectra.pad(image))[:, None]
            full = spectra.back(spectra.of(spectra.spread(out, g.stride), reverse=True)[:, :, None] * seen)
            gradient += spectra.every(full, g.dilation, g.kernel_size)
    shape = (g.out_channels, g.in_channels // g.groups, *geometry.kernel_size)
    return gradient.reshape(shape).astype(dtype, copy=False)


def _format(work: np.dtype[Any], terms: int) -> np.dtype[Any]:
    """What to transform in for sums of so many terms."""
    return work if terms >= FEW_TERMS else np.dtype({"f": "d", "d": "g", "F": "D", "D": "G"}.get(work.char, work.char))


def _contract(weight: Array, spectrum: Array) -> Array:
    """The sum over the channels of (G, C', C, *shape) times (G, C, *shape)."""
    shape = spectrum.shape[2:]
    columns = np.moveaxis(spectrum.reshape(*spectrum.shape[:2], prod(shape)), 2, 1)[..., None]
    blocks = np.moveaxis(weight.reshape(*weight.shape[:3], prod(shape)), 3, 1)
    one = columns.shape[2] == 1
    product = blocks[..., 0] * columns[..., 0] if one else np.matmul(blocks, columns)[..., 0]
    return np.moveaxis(product, 1, 2).reshape(weight.shape[0], weight.shape[1], *shape)
