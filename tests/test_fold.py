"""unfold and fold: torch's calls on any number of axes, exact transposes of one another."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from strategies import DTYPES, integers_as

from npconvt import ConvOperator, conv, fold, grad, kernel_matrix, unfold

TORCH_CASES = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": 2},
    {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 2), "dilation": (2, 1)},
    {"kernel_size": [1, 4], "stride": 3, "padding": 3, "dilation": 2},
    {"kernel_size": (5, 6)},
]


@pytest.mark.parametrize("batch", [(), (1,), (2,), (0,)])
@pytest.mark.parametrize("parameters", TORCH_CASES)
def test_torch_says_the_same(torch, parameters, batch):
    x = integers_as("float32", np.random.default_rng(0), (*batch, 3, 5, 6))
    columns = unfold(x, **parameters)
    expected = torch.nn.functional.unfold(torch.tensor(x), **parameters).numpy()
    assert_array_equal(columns, expected, strict=True)
    columns += integers_as("float32", np.random.default_rng(1), columns.shape)
    assert_array_equal(
        fold(columns, (5, 6), **parameters),
        torch.nn.functional.fold(torch.tensor(columns), (5, 6), **parameters).numpy(),
        strict=True,
    )


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("unfold", ((2, 5, 6), (6, 2))),
        ("unfold", ((2, 5, 6), (2, 2), 1, -1)),
        ("unfold", ((2, 5, 6), (2, 2), 0)),
        ("unfold", ((2, 5, 6), (2, 2), 1, 0, 0)),
        ("unfold", ((2, 5, 6), (0, 2))),
        ("unfold", ((5, 6), (2, 2))),
        ("unfold", ((1, 2, 2, 5, 6), (2, 2))),
        ("unfold", ((2, 0, 6), (1, 1))),
        ("unfold", ((2, 5, 6), (2, 2), (1, 1, 1))),
        ("fold", ((7, 20), (5, 6), (2, 2))),
        ("fold", ((8, 21), (5, 6), (2, 2))),
        ("fold", ((8, 20), (5, 6), (2, 2), 1, -1)),
        ("fold", ((8, 20), (5, 0), (2, 2))),
        ("fold", ((8,), (5, 6), (2, 2))),
        ("fold", ((1, 1, 8, 20), (5, 6), (2, 2))),
        ("fold", ((8, 20), (5, 6, 7), (2, 2))),
        ("fold", ((8, 1), (1, 1), (2, 2))),
    ],
)
def test_torchs_refusals_are_ours(torch, call, arguments):
    shape, *rest = arguments
    ours = {"fold": fold, "unfold": unfold}[call]
    with pytest.raises(ValueError, match=rf"^{call}: .*\.$"):
        ours(np.ones(shape), *rest)
    with pytest.raises((RuntimeError, IndexError)):
        getattr(torch.nn.functional, call)(torch.ones(shape), *rest)


@st.composite
def windows(draw):
    """Spatial size, kernel size and keywords on one to four axes; kernels that fit."""
    ndim = draw(st.integers(1, 4))
    axes = [
        (draw(st.integers(1, 5)), k, draw(st.integers(1, 3)), draw(st.integers(0, 2)), draw(st.integers(1, 3)))
        for k in draw(st.lists(st.integers(1, 3), min_size=ndim, max_size=ndim))
    ]
    axes = [(max(n, d * (k - 1) + 1 - 2 * p), k, d, p, s) for n, k, d, p, s in axes]
    size, kernel, dilation, padding, stride = zip(*axes, strict=True)
    return size, kernel, {"dilation": dilation, "padding": padding, "stride": stride}


@settings(max_examples=60)
@given(case=windows(), batch=st.sampled_from(((), (2,), (0,))), dtype=st.sampled_from(DTYPES))
def test_windows_are_rows_of_the_kernel_matrices_of_single_taps(case, batch, dtype):
    """Both directions against the matrix that moves one tap; unfold keeps the dtype, fold sums as numpy does."""
    size, kernel, keywords = case
    rng = np.random.default_rng(0)
    x = integers_as(dtype, rng, (*batch, 2, *size))
    columns = unfold(x, kernel, **keywords)
    taps = np.eye(np.prod(kernel), dtype=np.int64).reshape(-1, 1, *kernel)
    A = kernel_matrix(taps, (1, *size), **keywords).toarray()
    pixels = len(A) // len(taps)
    assert columns.dtype == dtype
    assert columns.shape == (*batch, 2 * len(taps), pixels)
    flat = x.astype(np.complex128).reshape(*batch, 2, A.shape[1])
    assert_array_equal(columns, (flat @ A.T).reshape(columns.shape))

    y = integers_as(dtype, rng, columns.shape)
    folded = fold(y, size, kernel, **keywords)
    assert folded.dtype == (y[:1].sum().dtype if y.dtype.kind in "biu" else y.dtype)
    assert folded.shape == x.shape
    assert_array_equal(folded, (y.astype(np.complex128).reshape(*batch, 2, len(A)) @ A).reshape(x.shape))


@settings(max_examples=30)
@given(case=windows())
def test_the_uses_people_know(case):
    """The convolution is a product with the columns; fold(unfold(ones)) counts the windows over a pixel."""
    size, kernel, keywords = case
    rng = np.random.default_rng(0)
    x, weight = integers_as("int64", rng, (2, 3, *size)), integers_as("int64", rng, (4, 3, *kernel))
    result = conv(x, weight, **keywords)
    product_ = weight.reshape(4, -1) @ unfold(x, kernel, **keywords)
    assert_array_equal(product_.reshape(result.shape), result)

    counts = np.zeros(size, np.int64)
    strides, dilations, paddings = (keywords[name] for name in ("stride", "dilation", "padding"))
    for output in np.ndindex(result.shape[2:]):
        for tap in product(*map(range, kernel)):
            place = [o * s + t * d - p for o, s, t, d, p in zip(output, strides, tap, dilations, paddings, strict=True)]
            if all(0 <= i < n for i, n in zip(place, size, strict=True)):
                counts[tuple(place)] += 1
    ones = np.ones((1, *size), bool)
    assert_array_equal(fold(unfold(ones, kernel, **keywords), size, kernel, **keywords)[0], counts, strict=True)


def test_results_are_new_arrays_and_nothing_wraps():
    x = np.arange(4).reshape(1, 2, 2)
    for result in (unfold(x, 1), fold(x.reshape(1, 4), 2, 1)):
        assert result.flags.writeable
        assert not np.shares_memory(result, x)
    assert_array_equal(fold(np.full((2, 1), 200, np.uint8), (1,), (1,)).ravel(), [200, 200])
    assert fold(np.full((1, 3), 100, np.int8), (3,), (1,)).dtype == np.int64
    assert_array_equal(fold(np.full((2, 2), 127, np.int8), (3,), (2,)), [[127, 254, 127]])
    # summed in float16, each 1 would be lost beside 2048
    halves = fold(np.array([[1, 1, 2048], [1, 1, 1], [1, 1, 1]], np.float16), (5,), (3,))
    assert_array_equal(halves, np.array([[1, 2, 2050, 2, 1]], np.float16), strict=True)


def test_results_that_no_memory_holds_are_refused_by_name():
    for call, name in (
        (lambda: unfold(np.ones((1, 4, 4)), 1, padding=10**9), "unfold"),
        (lambda: fold(np.ones((1, 1)), 10**9, 1, stride=10**9), "fold"),
        (lambda: ConvOperator([[1.0]], (10**9, 10**9), stride=10**9).rmatvec([1.0]), "ConvOperator"),
        (lambda: grad.conv_input((1, 10**9, 10**9), [[[[1.0]]]], [[[1.0]]], stride=10**9), r"grad\.conv_input"),
    ):
        with pytest.raises(MemoryError, match=rf"^{name}: the result must fit into memory, but its shape"):
            call()
