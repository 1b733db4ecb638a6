"""kernel_matrix: the explicit matrix is the definition, so its entries, pattern and layout are checked one by one."""

import os
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import oracles
import pytest
import scipy.sparse
import strategies
from hypothesis import given
from numpy.testing import assert_array_equal
from oracles import Axis
from strategies import calls, integers_as

import npconvt._matrix
from npconvt import ConvGeometry, conv, conv1d, conv_transpose, kernel_matrix


def assert_canonical(A: scipy.sparse.csr_array) -> None:
    """Sorted, no duplicates, sound: judged anew, not by the flags that the matrix carries."""
    assert type(A) is scipy.sparse.csr_array
    A.check_format(full_check=True)
    again = scipy.sparse.csr_array((A.data, A.indices, A.indptr), shape=A.shape)
    assert again.has_canonical_format
    assert A.has_canonical_format
    assert A.indices.dtype == A.indptr.dtype == np.int32


def assert_identical(A, B) -> None:
    assert A.shape == B.shape
    for name in ("indptr", "indices", "data"):
        assert_array_equal(getattr(A, name), getattr(B, name), strict=True)


def geometry_of(call) -> ConvGeometry:
    build = ConvGeometry.conv_transpose if call.transposed else ConvGeometry.conv
    return build(call.input_shape, call.weight.shape, **call.params, channels=True)


@given(call=calls())
def test_every_entry_and_nothing_but_the_entries(call):
    A = kernel_matrix(call.weight, call.input_shape, **call.matrix_params, channels=True)
    dense, pattern = oracles.matrix(call.weight, call.axes, call.groups)
    if call.transposed:
        dense, pattern = dense.T, pattern.T
    assert_canonical(A)
    assert_array_equal(A.toarray(), dense, strict=True)
    stored = scipy.sparse.csr_array((np.ones(A.nnz, bool), A.indices, A.indptr), shape=A.shape)
    assert_array_equal(stored.toarray(), pattern)
    assert A.nnz == pattern.sum() == geometry_of(call).nnz


@given(call=calls())
def test_the_pattern_does_not_depend_on_the_weights(call):
    params = call.matrix_params | {"channels": True}
    A = kernel_matrix(call.weight, call.input_shape, **params)
    Z = kernel_matrix(np.zeros_like(call.weight), call.input_shape, **params)
    assert_array_equal(A.indices, Z.indices)
    assert_array_equal(A.indptr, Z.indptr)
    assert not Z.data.any()


@given(call=calls(transposed=False))
def test_transposed_is_the_transpose_to_the_last_array(call):
    forward = call.params | {"padding": [(a.lo, a.hi) for a in call.axes], "channels": True}
    A = kernel_matrix(call.weight, call.input_shape, **forward)
    rows = (call.weight.shape[0], *(a.m for a in call.axes))
    sizes = [a.n for a in call.axes]
    T = kernel_matrix(call.weight, rows, **forward, transposed=True, output_size=sizes)
    assert_canonical(T)
    assert_identical(T, A.T.tocsr())


@given(call=calls(dtypes=("int64", "complex128", "float32")))
def test_the_matrix_is_the_convolution(call):
    A = kernel_matrix(call.weight, call.input_shape, **call.matrix_params, channels=True)
    function = conv_transpose if call.transposed else conv
    y = function(call.input, call.weight, None, **call.params)
    images = call.input.reshape(-1, A.shape[1])
    assert_array_equal((A @ images.T).T, y.reshape(len(images), A.shape[0]))


@given(call=calls(dtypes=("int64",), ndims=(1, 2, 3, 4)))
def test_plain_kernels_are_one_channel_without_its_axes(call):
    kernel = call.weight[0, 0]
    params = call.matrix_params | {"groups": 1}
    plain = kernel_matrix(kernel, call.input_shape[1:], **params, channels=False)
    assert_identical(plain, kernel_matrix(kernel[None, None], (1, *call.input_shape[1:]), **params, channels=True))
    if kernel.ndim <= 2:
        assert_identical(plain, kernel_matrix(kernel, call.input_shape[1:], **params))


def test_a_plain_kernel_of_three_axes_must_be_told_from_a_forgotten_batch_axis():
    ones = np.ones((2, 2, 2), int)
    with pytest.raises(ValueError, match=r"\(3, 4, 5\).*\(2, 2, 2\).*channels=False.*input_shape=\(4, 5\)"):
        kernel_matrix(ones, (3, 4, 5))
    assert kernel_matrix(ones, (3, 4, 5), channels=False).shape == (2 * 3 * 4, 60)
    assert kernel_matrix(ones, (2, 5)).shape == (2 * 4, 10)  # (C_out, C_in, k) on (C_in, n)
    assert kernel_matrix(ones[0], (2,)).shape == (2, 2)  # no spatial axes: (C_out, C_in) on (C_in,)
    assert kernel_matrix(ones[0], (2, 5)).shape == (1 * 4, 10)  # plain, two axes
    with pytest.raises(ValueError, match=r"2 input channels.*has 3|must have 2 axes.*\(3, 4, 5\)"):
        kernel_matrix(ones, (3, 4, 5), channels=True)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_taps_that_a_padding_mode_lays_on_one_input_are_one_entry(mode):
    kernel, axis = np.array([1, 10, 100, 1000]), Axis(3, 4, lo=2, hi=2, mode=mode)
    A = kernel_matrix(kernel, (3,), padding=2, padding_mode=mode)
    expected = {
        "reflect": [[100, 1010, 1], [10, 101, 1000], [1, 1010, 100], [1000, 101, 10]],
        "replicate": [[111, 1000, 0], [11, 100, 1000], [1, 10, 1100], [0, 1, 1110]],
        "circular": [[100, 1001, 10], [10, 100, 1001], [1001, 10, 100], [100, 1001, 10]],
    }[mode]
    assert_array_equal(oracles.matrix(kernel[None, None], [axis])[0], expected)
    assert_array_equal(A.toarray(), expected)
    assert_canonical(A)


@pytest.mark.parametrize(
    ("weight", "entries"),
    [
        ("bool", "int64"),
        ("int8", "int64"),
        ("uint32", "int64"),
        ("uint64", "uint64"),
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("complex64", "complex64"),
    ],
)
def test_the_dtype_of_the_entries(weight, entries):
    for mode, transposed in (("zeros", False), ("reflect", True)):
        A = kernel_matrix(np.ones(2, weight), (3,), padding=1, padding_mode=mode, transposed=transposed)
        assert A.dtype == entries


def test_folded_taps_do_not_wrap():
    A = kernel_matrix(np.full(3, 200, np.uint8), (1,), padding=1, padding_mode="replicate")
    assert A.toarray().tolist() == [[600]]


@given(call=calls(dtypes=strategies.DTYPES, ndims=(1, 2)))
def test_the_weight_stays_as_it_was_and_the_matrix_is_new(call):
    before = call.weight.copy()
    A = kernel_matrix(call.weight, call.input_shape, **call.matrix_params, channels=True)
    pattern = A.indices.copy()
    assert not np.shares_memory(A.data, call.weight)
    A.data[...] = 0
    A.indices[...] = 0  # nor may it be a view of something that is kept for the next call
    assert_array_equal(call.weight, before)
    again = kernel_matrix(call.weight, call.input_shape, **call.matrix_params, channels=True)
    assert_array_equal(again.indices, pattern)


def test_a_matrix_of_no_entries():
    A = kernel_matrix(np.ones((0, 2, 3)), (2, 5))
    assert (A.shape, A.nnz) == ((0, 10), 0)
    A = kernel_matrix(np.ones((3, 0, 3)), (0, 5))
    assert (A.shape, A.nnz) == ((9, 0), 0)
    assert_canonical(A)


def test_indices_are_64_bit_where_a_column_needs_it():
    last = 2**31 + 4
    A = kernel_matrix(np.array([7]), (last + 1,), stride=last)
    assert A.shape == (2, last + 1)
    assert A.indices.dtype == A.indptr.dtype == np.int64
    assert (A.indices.tolist(), A.data.tolist()) == ([0, last], [7, 7])
    small = kernel_matrix(np.array([7]), (2**31 - 1,), stride=2**31 - 2)
    assert small.indices.dtype == np.int32
    assert small.indices.tolist() == [0, 2**31 - 2]


# Each asks for 10**12 entries, or for as many row pointers.
TOO_LARGE = {
    "1-D": lambda: kernel_matrix(np.ones(1000), (10**9 + 999,)),
    "transposed": lambda: kernel_matrix(np.ones(1000), (10**9,), transposed=True),
    "2-D": lambda: kernel_matrix(np.ones((10, 10)), (10**5 + 9, 10**5 + 9)),
    "circular": lambda: kernel_matrix(np.ones(100), (10**10,), padding=((50, 49),), padding_mode="circular"),
    "wide": lambda: kernel_matrix(np.ones(1000), (10**9 - 10**8,), padding=10**8, padding_mode="reflect"),
    "channels": lambda: kernel_matrix(np.ones((100, 100, 1)), (100, 10**8)),
    "padding": lambda: kernel_matrix(np.ones(1), (1,), padding=10**12),
    "conv1d": lambda: conv1d(np.broadcast_to(1.0, (1, 1, 10**9 + 999)), np.ones((1, 1, 1000)), method="matrix"),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_matrix_too_large_is_refused_before_anything_is_allocated(name):
    tracemalloc.start()
    try:
        with pytest.raises(MemoryError) as refusal:
            TOO_LARGE[name]()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
    # the modes are refused by the count for zeros, before their folded entries are counted one by one
    entries = {"padding": 1, "circular": 10**12 - 2500, "wide": 9 * 10**11}.get(name, 10**12)
    assert str(entries) in re.sub(r"(?<=\d)[,_](?=\d)", "", str(refusal.value))
    assert "bytes" in str(refusal.value) or re.search(r"\d [KMGTPE]i?B", str(refusal.value))


def test_nonsquare_images_keep_their_axes_apart():
    """Row order is (channel, row, column): a 2x4 image and a 1x3 kernel."""
    A = kernel_matrix(np.array([[1, 2, 3]]), (2, 4)).toarray()
    assert_array_equal(
        A,
        [
            [1, 2, 3, 0, 0, 0, 0, 0],
            [0, 1, 2, 3, 0, 0, 0, 0],
            [0, 0, 0, 0, 1, 2, 3, 0],
            [0, 0, 0, 0, 0, 1, 2, 3],
        ],
    )


def test_groups_are_a_block_diagonal():
    rng = np.random.default_rng(5)
    w = integers_as("int64", rng, (4, 3, 2, 2))
    A = kernel_matrix(w, (6, 3, 4), groups=2, stride=(2, 1))
    blocks = [kernel_matrix(part, (3, 3, 4), stride=(2, 1)) for part in np.split(w, 2)]
    assert_array_equal(A.toarray(), scipy.sparse.block_diag(blocks).toarray())


@pytest.mark.parametrize("dtype", ["float64", "int16", "complex64", "uint64"])
def test_a_weight_of_the_other_byte_order_makes_a_native_matrix(dtype):
    weight = np.array([1, 10, 100], np.dtype(dtype).newbyteorder())
    A = kernel_matrix(weight, (4,), padding=1, padding_mode="reflect")
    assert A.dtype.isnative
    assert_array_equal(A.toarray(), [[10, 101, 0, 0], [1, 10, 100, 0], [0, 1, 10, 100], [0, 0, 101, 10]])


def test_padding_that_no_window_looks_at_is_not_laid_out():
    x, w = np.arange(30).reshape(1, 1, 5, 6), np.arange(9).reshape(1, 1, 3, 3)
    far = {"stride": 10**18, "padding": 10**18, "padding_mode": "replicate"}
    result = conv(x, w, **far)
    assert result.shape == (1, 1, 3, 3)
    assert result[0, 0, 0, 0] == 0
    assert result[0, 0, 2, 0] == w.sum() * x[0, 0, 4, 0]
    assert result[0, 0, 0, 2] == w.sum() * x[0, 0, 0, 5]
    wide = {"dilation": 10**4, "padding": 10**4, "padding_mode": "replicate"}
    y = np.arange(30)[::-1].reshape(1, 1, 5, 6)
    assert (conv(x, w, **wide) * y).sum() == (conv_transpose(y, w, **wide) * x).sum()


@pytest.mark.parametrize("mode", strategies.MODES)
def test_long_rows_on_the_padding(mode):
    """Taps on the padding lie beside the others, on them and, with a dilation, between them."""
    rng = np.random.default_rng(7)
    for n, k, s, d, lo, hi in (
        (500, 401, 1, 1, 200, 230),
        (700, 301, 1, 2, 300, 299),
        (90, 401, 3, 1, 89, 89),
        (1_000, 501, 2, 1, 250, 250),
        (1_600, 801, 3, 2, 800, 790),
        (1_700, 501, 1, 3, 700, 749),
    ):
        if n + lo + hi < d * (k - 1) + 1:
            k = 201
        kernel, m = rng.integers(-9, 10, k), (n + lo + hi - d * (k - 1) - 1) // s + 1
        source = np.arange(-lo, n + hi)
        if mode == "zeros":
            source[(source < 0) | (source >= n)] = -1
        else:
            source = np.pad(np.arange(n), (lo, hi), mode=oracles.NUMPY_MODE[mode])
        expected, windows = np.zeros((m, n), int), np.arange(m)
        for t, value in enumerate(kernel):
            shown = source[windows * s + t * d]
            expected[windows[shown >= 0], shown[shown >= 0]] += value
        keywords = {"stride": s, "dilation": d, "padding": ((lo, hi),), "padding_mode": mode}
        A = kernel_matrix(kernel, (n,), **keywords)
        assert_canonical(A)
        assert_array_equal(A.toarray(), expected)
        assert A.nnz == ConvGeometry.conv((n,), (k,), **keywords).nnz
        assert_identical(kernel_matrix(kernel, (m,), **keywords, transposed=True, output_size=n), A.T.tocsr())


# Each border row of the long axis has another number of taps, or all have as many; of the other axes some rows
# repeat. Group sizes are those of the weight, (C_out, C_in/groups).
LONG = {
    "plain": ((1, 1), 1, ((40, 35, 1, 1, 21, 19), (11, 3, 1, 1, 2, 3))),
    "stride on the lines": ((1, 1), 1, ((40, 35, 1, 1, 21, 19), (11, 3, 3, 2, 2, 3))),
    "stride on the long axis": ((1, 1), 1, ((40, 35, 2, 1, 21, 19), (11, 3, 3, 1, 2, 3))),
    "dilation": ((1, 1), 1, ((70, 33, 1, 2, 31, 33), (9, 4, 2, 1, 2, 3))),
    "channels": ((3, 2), 1, ((36, 31, 1, 1, 16, 15), (6, 3, 1, 1, 1, 1))),
    "groups": ((4, 2), 2, ((36, 31, 1, 1, 15, 15), (5, 2, 1, 1, 1, 0))),
    "two axes after it": ((2, 1), 1, ((34, 31, 1, 1, 15, 15), (5, 3, 1, 1, 1, 1), (4, 2, 1, 1, 0, 1))),
    "three axes after it": (
        (1, 1),
        1,
        ((34, 31, 1, 1, 15, 15), (3, 2, 1, 1, 0, 0), (3, 2, 1, 1, 0, 1), (4, 2, 1, 1, 1, 0)),
    ),
    "an axis of one before two": (
        (1, 1),
        1,
        ((34, 31, 1, 1, 15, 15), (1, 1, 1, 1, 0, 0), (3, 2, 1, 1, 1, 1), (3, 2, 1, 1, 0, 0)),
    ),
    "between two axes": ((1, 2), 1, ((5, 3, 1, 1, 1, 1), (34, 31, 1, 1, 15, 15), (4, 2, 2, 1, 0, 1))),
    "the last axis": ((2, 1), 1, ((4, 2, 1, 1, 0, 1), (34, 31, 1, 1, 15, 15))),
}


@pytest.mark.parametrize("mode", strategies.MODES)
@pytest.mark.parametrize("name", LONG)
def test_border_rows_of_a_long_kernel(name, mode):
    channels, groups, sizes = LONG[name]
    axes = [Axis(n, k, s=s, d=d, lo=lo, hi=hi, mode=mode) for n, k, s, d, lo, hi in sizes]
    weight = np.random.default_rng(3).integers(-9, 10, (*channels, *(a.k for a in axes)))
    keywords = {
        "stride": [a.s for a in axes],
        "dilation": [a.d for a in axes],
        "padding": [(a.lo, a.hi) for a in axes],
        "padding_mode": mode,
        "groups": groups,
        "channels": True,
    }
    inputs = [a.n for a in axes]
    A = kernel_matrix(weight, (groups * channels[1], *inputs), **keywords)
    dense, pattern = oracles.matrix(weight, axes, groups)
    assert_canonical(A)
    assert_array_equal(A.toarray(), dense, strict=True)
    assert A.nnz == pattern.sum()
    outputs = (channels[0], *(len(a.windows()) for a in axes))
    T = kernel_matrix(weight, outputs, **keywords, transposed=True, output_size=inputs)
    assert_identical(T, A.T.tocsr())


def test_rows_without_entries_among_those_of_a_long_kernel():
    """So many channels that the four rows at either end, which see only padding, are a part by themselves."""
    weight = np.random.default_rng(5).integers(-9, 10, (1, 80, 101, 3))
    A = kernel_matrix(weight, (80, 300, 4), padding=(104, 1))
    assert_canonical(A)
    x = np.random.default_rng(6).integers(-9, 10, (80, 300, 4))
    assert_array_equal((A @ x.ravel()).reshape(1, 408, 4), conv(x, weight, padding=(104, 1), method="gemm"))
    assert_array_equal(
        np.diff(A.indptr).reshape(408, 4)[[0, 3, 4, -5, -4, -1]],
        80 * np.array([[0] * 4] * 2 + [[2, 3, 3, 2]] * 2 + [[0] * 4] * 2),
    )


def test_long_rows_of_several_channels_need_little_memory_besides_the_matrix():
    weight = np.ones((1, 2, 1_000), np.float32)
    tracemalloc.start()
    A = kernel_matrix(weight, (2, 2_000), padding=500, padding_mode="circular")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = A.data.nbytes + A.indices.nbytes + A.indptr.nbytes
    assert A.nnz == 2 * 2_001 * 1_000
    assert peak < 1.6 * size  # 1.3 by parts, 3.1 with the columns and taps of all border rows in one list


@pytest.mark.parametrize("mode", strategies.MODES)
def test_no_spatial_axes(mode):
    A = kernel_matrix([[1, 10], [100, 1000]], (2,), padding_mode=mode, channels=True)
    assert_array_equal(A.toarray(), [[1, 10], [100, 1000]])


def test_dilations_near_64_bits_have_their_transpose():
    for n, keywords in (
        (3, {"dilation": 2**63 - 1, "padding": "same"}),
        (46, {"dilation": 2**62, "padding": ((2**63 - 8, 0),), "padding_mode": "replicate"}),
        (46, {"dilation": 2**62, "padding": ((2**63 - 8, 0),)}),
    ):
        A = kernel_matrix([1, 10, 100], (n,), **keywords)
        assert A.nnz
        T = kernel_matrix([1, 10, 100], A.shape[:1], **keywords, transposed=True, output_size=n)
        assert_identical(T, A.T.tocsr())


def test_folded_taps_may_overflow():
    A = kernel_matrix(np.full(3, 3e38, np.float32), (4,), padding=1, padding_mode="reflect")
    assert_array_equal(A.toarray()[0], np.array([3e38, np.inf, 0, 0], np.float32))


def test_padding_of_a_million_pixels_is_one_row_repeated():
    A = kernel_matrix(np.array([1, 10, 100]), (3,), padding=10**6, padding_mode="replicate")
    assert A.shape == (2 * 10**6 + 1, 3)
    assert A.nnz == 2 * (10**6 - 1) + 2 + 3 + 2
    assert_array_equal(A[[0, 10**6 - 2]].toarray(), [[111, 0, 0]] * 2)
    assert_array_equal(A[10**6 - 1 : 10**6 + 2].toarray(), [[11, 100, 0], [1, 10, 100], [0, 1, 110]])
    assert_array_equal(A[[10**6 + 2, -1]].toarray(), [[0, 0, 111]] * 2)
    assert_identical(
        kernel_matrix([1, 10, 100], A.shape[:1], padding=10**6, padding_mode="replicate", transposed=True),
        A.T.tocsr(),
    )


@pytest.mark.parametrize(("stride", "dilation"), [(1, 2), (2, 3), (3, 3), (5, 2)])
def test_wide_padding_that_windows_see_at_a_dilation(stride, dilation):
    keywords = {"stride": stride, "dilation": dilation, "padding": ((70, 95),), "padding_mode": "replicate"}
    A = kernel_matrix([1, 10, 100, 1000], (7,), **keywords)
    dense, pattern = oracles.matrix(
        np.array([[[1, 10, 100, 1000]]]), [Axis(7, 4, s=stride, d=dilation, lo=70, hi=95, mode="replicate")], 1
    )
    assert_array_equal(A.toarray(), dense)
    assert A.nnz == pattern.sum()
    T = kernel_matrix([1, 10, 100, 1000], A.shape[:1], **keywords, transposed=True, output_size=7)
    assert_identical(T, A.T.tocsr())


# So small that every list is cut, every run is filled in or none, and no plan is kept.
CUT = {
    "_matrix._KEPT": 0,
    "_matrix._LISTED": 1,
    "_patterns._BATCH": 1,
    "_segments._CHUNK": 1,
    "_axis._BATCH": 1,
    "_axis._ROWS": 1,
}
FILLED = {"_matrix._CALL": 1, "_matrix._NEAR": 1 << 16, "_patterns._LONG": 1, "_matrix._SEGMENT": 100}
COPIED = {"_matrix._NEAR": 0, "_matrix._LONG": 0, "_patterns._LONG": 1 << 16, "_patterns._BATCH": 50}


@pytest.mark.parametrize("limits", [CUT, CUT | FILLED, CUT | COPIED, FILLED, {"_segments.csr_row_index": None}])
def test_limits_change_the_time_alone(limits):
    """Small matrices are written as large ones are; and without the loop of SciPy's that is not public."""

    @given(call=calls())
    def check(call):
        A = kernel_matrix(call.weight, call.input_shape, **call.matrix_params, channels=True)
        dense, pattern = oracles.matrix(call.weight, call.axes, call.groups)
        assert_canonical(A)
        assert_array_equal(A.toarray(), dense.T if call.transposed else dense, strict=True)
        assert A.nnz == pattern.sum()

    npconvt._matrix._plans.forget()
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(f"npconvt.{name}", limit)
        check()
    npconvt._matrix._plans.forget()


@given(call=calls())
def test_a_matrix_may_be_written_on(call):
    """What is kept for the next matrix of the same geometry is not in this one."""
    params = call.matrix_params | {"channels": True}
    A = kernel_matrix(call.weight, call.input_shape, **params)
    B = kernel_matrix(call.weight, call.input_shape, **params)
    kept = B.copy()
    for array in (B.data, B.indices, B.indptr):
        array[...] = -1
    assert_identical(kernel_matrix(call.weight, call.input_shape, **params), A)
    assert_identical(kept, A)


def test_windows_that_see_nothing_may_be_far_apart():
    """Rows without entries repeat with a step that is no column."""
    A = kernel_matrix([3, 5], (10,), stride=2**30, padding=2**42)
    assert A.shape == (8193, 10)
    assert_array_equal(A.tocoo().coords, [[4096, 4096], [0, 1]])
    assert_array_equal(A.data, [3, 5])


def test_several_channels_without_scipys_loop(monkeypatch):
    """Channels are written some at a time, the last of them fewer."""
    rng = np.random.default_rng(0)
    params = {"padding": ((0, 0), (104, 104)), "dilation": (1, 6), "padding_mode": "circular", "channels": True}
    weight = integers_as("int64", rng, (23, 1, 3, 30))
    A = kernel_matrix(weight, (1, 4, 104), **params)
    monkeypatch.setattr("npconvt._segments.csr_row_index", None)
    assert_identical(kernel_matrix(weight, (1, 4, 104), **params), A)


def test_a_matrix_without_rows_counts_no_positions():
    tracemalloc.start()
    A = kernel_matrix(np.ones((0, 2, 3, 3)), (2, 3000, 3000), channels=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert A.shape == (0, 2 * 3000**2)
    assert peak < 10**6


def test_a_kernel_longer_than_its_input_is_listed_where_it_is_seen():
    """Of each of the windows on one pixel another tap sees it; all of them for all windows would be 10**10."""
    taps = np.arange(1, 100_001)
    A = kernel_matrix(taps, (1,), padding=99_999)
    assert_array_equal(A.data, taps[::-1])
    assert_array_equal(A.indptr, np.arange(100_001))


def test_few_plans_are_kept(monkeypatch):
    monkeypatch.setattr("npconvt._matrix._PLANS", 2)
    npconvt._matrix._plans.forget()
    for size in range(5, 10):
        kernel_matrix(np.ones(3), (size,))
    kept = npconvt._matrix._plans._kept
    assert [geometry.input_size for geometry, _ in kept] == [(8,), (9,)]
    kernel_matrix(np.ones(3), (8,))
    assert [geometry.input_size for geometry, _ in kept] == [(9,), (8,)]
    monkeypatch.setattr("npconvt._matrix._KEPT", 0)
    kernel_matrix(np.ones(3), (7,))
    assert len(kept) == 2
    npconvt._matrix._plans.forget()
    assert npconvt._matrix._plans._nbytes == 0


FORK = """
import os, signal
import numpy as np
from npconvt import _matrix, kernel_matrix
with _matrix._plans._lock:
    child = os.fork()
    if not child:
        signal.alarm(10)  # ends a child that waits
        kernel_matrix(np.ones(3), (9,))
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_does_not_wait_for_a_lock_of_its_parent():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
