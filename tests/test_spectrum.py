"""Singular values by FFT, overlap counts and the bilinear kernel, each against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import svds
from strategies import calls

from npconvt import (
    ConvOperator,
    bilinear_kernel,
    conv_transpose,
    conv_transpose2d,
    kernel_matrix,
    overlap_count,
    singular_values,
)

LAYERS = {
    "1-D": ((3, 2, 3), (2, 8), {}),
    "stride": ((3, 2, 3), (2, 8), {"stride": 2}),
    "few outputs": ((2, 4, 3, 3), (4, 6, 4), {"stride": (3, 2)}),
    "many outputs": ((9, 2, 2, 3), (2, 4, 6), {"stride": (2, 1)}),
    "groups": ((4, 3, 3, 3), (6, 4, 5), {"groups": 2}),
    "dilation that wraps": ((2, 2, 3, 2), (2, 4, 5), {"dilation": (2, 3)}),
    "even kernel": ((2, 2, 4, 4), (2, 4, 6), {"stride": 2}),
    "stride beyond the kernel": ((3, 1, 2), (1, 9), {"stride": 3}),
    "3-D": ((2, 1, 2, 2, 2), (1, 2, 4, 3), {"stride": (1, 2, 1)}),
    "plain": ((3, 3), (4, 5), {}),
    "no channels": ((0, 2, 3), (2, 8), {}),
}


@pytest.mark.parametrize("dtype", ["float64", "complex128", "int64"])
@pytest.mark.parametrize("name", LAYERS)
def test_singular_values_are_those_of_the_circular_matrix(name, dtype):
    shape, input_shape, params = LAYERS[name]
    rng = np.random.default_rng(0)
    weight = 10 * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    weight = (weight if dtype == "complex128" else weight.real).astype(dtype)
    A = kernel_matrix(weight, input_shape, padding="same", padding_mode="circular", **params).toarray()
    values = singular_values(weight, input_shape, **params)
    assert values.shape == (min(A.shape),)
    assert values.dtype == np.float64
    expected = np.linalg.svd(A, compute_uv=False) if A.size else np.zeros(0)
    assert_allclose(values, expected, rtol=0, atol=1e-12 * expected.max(initial=1))


def test_singular_values_are_those_of_the_fft_of_the_kernels():
    """The transform as Sedghi, Gupta and Long take it: of all kernels, at the picture's size."""
    weight = np.random.default_rng(4).standard_normal((8, 6, 3, 3))
    transforms = np.moveaxis(np.fft.fft2(weight, (16, 12)), (0, 1), (-2, -1))
    expected = np.sort(np.linalg.svd(transforms, compute_uv=False), axis=None)[::-1]
    assert_allclose(singular_values(weight, (6, 16, 12)), expected, rtol=1e-12)


def test_the_spectral_norm_of_a_layer_by_svds():
    weight = np.random.default_rng(1).standard_normal((8, 6, 3, 3))
    op = ConvOperator(weight, (6, 16, 12), stride=2, padding="same", padding_mode="circular")
    largest = svds(op, k=1, return_singular_vectors=False)
    assert_allclose(largest, singular_values(weight, (6, 16, 12), stride=2)[:1], rtol=1e-10)
    # where before or after the padding stands does not matter
    other = ConvOperator(weight, (6, 16, 12), stride=2, padding="same_lower", padding_mode="circular")
    assert_allclose(svds(other, k=1, return_singular_vectors=False), largest, rtol=1e-10)


@pytest.mark.parametrize("name", ["stride", "groups", "3-D", "plain", "even kernel"])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_singular_values_of_few_frequencies_at_a_time(monkeypatch, name, dtype):
    shape, input_shape, params = LAYERS[name]
    weight = np.random.default_rng(3).standard_normal(shape).astype(dtype)
    whole = singular_values(weight, input_shape, **params)
    monkeypatch.setattr("npconvt._spectrum._BATCH", 1)
    assert_allclose(singular_values(weight, input_shape, **params), whole, rtol=0, atol=1e-12)


def test_singular_values_of_more_than_double_precision_are_doubles():
    for dtype in ("longdouble", "clongdouble"):
        values = singular_values(np.array([0.5, 0.5], dtype), (4,))
        assert values.dtype == np.float64
        assert_allclose(values, [1, 0.5**0.5, 0.5**0.5, 0], atol=1e-15)


def test_single_precision_stays_single():
    assert singular_values(np.ones(2, np.float32), (4,)).dtype == np.float32
    assert singular_values(np.ones(2, np.float16), (4,)).dtype == np.float32
    assert singular_values(np.ones(2, np.complex64), (4,)).dtype == np.float32


@settings(max_examples=60)
@given(call=calls(transposed=True, ndims=(1, 2, 3)))
def test_the_overlap_count_is_the_transposed_convolution_of_ones(call):
    params = {name: value for name, value in call.params.items() if name != "groups"}
    size, kernel = tuple(a.m or len(a.windows()) for a in call.axes), tuple(a.k for a in call.axes)
    expected = conv_transpose(np.ones((1, *size), int), np.ones((1, 1, *kernel), int), **params)[0]
    assert_array_equal(overlap_count(size, kernel, **params), expected, strict=True)


def test_long_signals_are_counted_without_a_matrix():
    count = overlap_count((3 * 10**6,), (9,), stride=3, padding=4, padding_mode="circular")
    assert (count.shape, count.min(), count.max()) == ((8999998,), 3, 4)
    with pytest.raises(MemoryError, match=r"^overlap_count: the result must fit into memory, but its shape \(10{17}2,"):
        overlap_count((10**18,), (3,))


def test_the_overlap_is_even_where_the_stride_divides_the_kernel():
    for k in range(1, 10):
        for s in range(1, 6):
            inside = overlap_count((12, 11), k, stride=s)[k - 1 : 1 - k or None, k - 1 : 1 - k or None]
            assert (np.ptp(inside) == 0) == (k % s == 0)
    assert_array_equal(overlap_count(2, 2), [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, (2, 3)])
def test_the_bilinear_kernel_interpolates_as_torch_does(torch, factor):
    """Inside; with one replicated pixel around the image, everywhere."""
    x = np.random.default_rng(2).integers(0, 100, (2, 3, 5, 6)).astype(float)
    strides = (factor, factor) if isinstance(factor, int) else factor
    expected = torch.nn.functional.interpolate(
        torch.tensor(x), scale_factor=tuple(map(float, strides)), mode="bilinear", align_corners=False
    ).numpy()
    kernel = bilinear_kernel(factor, channels=3)
    assert kernel.shape == (3, 1, *(2 * s - s % 2 for s in strides))
    y = conv_transpose2d(x, kernel, stride=factor, padding="same", groups=3)
    inner = (..., *(slice(s, -s) for s in strides))
    assert y.shape == expected.shape
    assert_allclose(y[inner], expected[inner], rtol=1e-13)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    whole = conv_transpose2d(padded, kernel, stride=factor, padding="same", groups=3)
    assert_allclose(whole[inner], expected, rtol=1e-13)


def test_the_bilinear_kernel_of_the_paper():
    """The construction of the FCN code: centre at factor - 1 for odd sizes, factor - 0.5 for even ones."""
    for s in range(1, 8):
        size, centre = 2 * s - s % 2, s - 1 if s % 2 else s - 0.5
        line = 1 - abs(np.arange(size) - centre) / s
        assert_array_equal(bilinear_kernel(s), np.outer(line, line))
        assert_array_equal(bilinear_kernel((s,)), line)
    with pytest.raises(ValueError, match=r"^bilinear_kernel: stride must be at least 1, but got 0\.$"):
        bilinear_kernel(0)
    with pytest.raises(ValueError, match=r"^bilinear_kernel: channels must be at least 1, but got 0\.$"):
        bilinear_kernel(2, channels=0)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"^overlap_count: output_padding must be smaller than stride or dilation"):
        overlap_count(4, 3, output_padding=1)
    with pytest.raises(ValueError, match=r"^overlap_count: input_size must be an int or one int per spatial axis"):
        overlap_count((4, 4, 4), (3, 3))
    with pytest.raises(ValueError, match=r"^singular_values: weight of shape \(2, 3, 3\) with groups=1 needs 3 input"):
        singular_values(np.ones((2, 3, 3)), (2, 8))
