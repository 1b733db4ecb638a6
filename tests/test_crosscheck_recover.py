"""The matrix of a function that can only be called: right, and in few calls."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import npconvt
from npconvt import kernel_matrix, recover_matrix

RNG = np.random.default_rng(11)
K33 = RNG.integers(1, 9, (3, 3)).astype(float)


class Counted:
    def __init__(self, function: Callable[[np.ndarray], np.ndarray]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.calls += 1
        return self.function(x)


def _plain(call: Callable[..., np.ndarray], **keywords: object) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: call(x[None], K33[None, None], **keywords)[0]


@pytest.mark.parametrize(
    ("function", "keywords"),
    [
        (_plain(npconvt.conv2d), {}),
        (_plain(npconvt.conv2d, padding=1, padding_mode="circular"), {"padding": 1, "padding_mode": "circular"}),
        (_plain(npconvt.conv2d, stride=2, padding=1), {"stride": 2, "padding": 1}),
        (_plain(npconvt.conv2d, stride=3), {"stride": 3}),
        (_plain(npconvt.conv2d, stride=5, padding=1), {"stride": 5, "padding": 1}),
        (_plain(npconvt.conv_transpose2d, stride=2), {"stride": 2, "transposed": True}),
    ],
    ids=["plain", "circular", "strided", "stride of the kernel", "stride beyond it", "transposed"],
)
def test_a_3x3_kernel_on_24x24_takes_at_most_40_calls(function: Callable, keywords: dict) -> None:
    counted = Counted(function)
    matrix, offset = recover_matrix(counted, (24, 24))
    assert_array_equal(matrix.toarray(), kernel_matrix(K33, (24, 24), **keywords).toarray())
    assert not offset.any()
    assert counted.calls <= 40


@pytest.mark.parametrize("batched", [False, True])
def test_channels_bias_and_float32_are_recovered(batched: bool) -> None:
    w = RNG.integers(1, 9, (3, 2, 3, 2)).astype(np.float32)
    bias = np.array([1, -2, 3], np.float32)
    counted = Counted(lambda x: npconvt.conv2d(x.astype(np.float32), w, bias, stride=(1, 2), dilation=2))
    matrix, offset = recover_matrix(counted, (2, 9, 8), batched=batched)
    assert_array_equal(matrix.toarray(), kernel_matrix(w, (2, 9, 8), stride=(1, 2), dilation=2).toarray())
    assert_array_equal(offset, np.broadcast_to(bias[:, None, None], (3, 5, 3)))
    assert counted.calls <= (10 if batched else 2 * 9 * 8)


def test_a_function_without_locality_gets_a_call_per_impulse() -> None:
    dense = RNG.integers(-5, 6, (7, 12)).astype(float)
    matrix, _ = recover_matrix(lambda x: dense @ x.ravel(), (3, 4))
    assert_array_equal(matrix.toarray(), dense)


def test_reach_that_grows_away_from_the_middle_is_caught() -> None:
    # Local where the first impulses are sent, but the last input reaches everything.
    def function(x: np.ndarray) -> np.ndarray:
        return x + x[-1]

    matrix, _ = recover_matrix(function, (40,))
    expected = np.eye(40)
    expected[:, -1] += 1
    assert_array_equal(matrix.toarray(), expected)


NOT_LINEAR = {
    "abs": np.abs,
    "square": lambda x: x * x,
    "relu": lambda x: np.maximum(x, 0),
    "product": lambda x: x + x[0] * x[1],
    "sine": np.sin,
    "sign": lambda x: np.sign(x) + x,
}


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_a_function_that_is_not_linear_is_refused(name: str) -> None:
    function = NOT_LINEAR[name]
    match = r"^recover_matrix: function must be linear \(or affine\), but it is not linear"
    counted = Counted(function)
    with pytest.raises(ValueError, match=match):
        recover_matrix(counted, (8, 3))
    assert counted.calls == 4  # told from the random arrays, before any impulse is sent
    with pytest.raises(ValueError, match=match):
        recover_matrix(lambda stack: np.stack([function(x) for x in stack]), (8, 3), batched=True)


def test_what_no_impulse_at_the_first_place_tells_is_found_elsewhere() -> None:
    # One tap at stride 5: one input in 25 is answered. Nothing at all is answered by a function that is constant.
    counted = Counted(lambda x: x[::5, ::5])
    matrix, _ = recover_matrix(counted, (24, 24))
    assert (matrix.nnz, counted.calls <= 40) == (25, True)
    counted = Counted(lambda x: np.ones(3))
    assert (recover_matrix(counted, (24, 24))[0].nnz, counted.calls) == (0, 4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_function_that_goes_through_an_fft_is_linear(dtype: str) -> None:
    # Past the end of the full result there is nothing but the rounding of the transform.
    kernel = np.fft.rfft([1.0, 10, 100], 64)
    matrix, _ = recover_matrix(lambda x: np.fft.irfft(np.fft.rfft(x, 64) * kernel).astype(dtype), (30,))
    expected = npconvt.kernel_matrix([1, 10, 100], (30,), transposed=True).toarray()
    assert_array_equal(matrix.toarray().round(3), np.pad(expected, ((0, 32), (0, 0))))


def test_float16_results_give_a_matrix_that_scipy_holds() -> None:
    matrix, offset = recover_matrix(lambda x: (2 * x + 1).astype(np.float16), (30,))
    assert (matrix.dtype, offset.dtype) == (np.float32, np.float32)
    assert_array_equal(matrix.toarray(), 2 * np.eye(30))


def test_what_is_no_function_of_finite_numbers_is_a_clear_error() -> None:
    with pytest.raises(TypeError, match=r"^recover_matrix: function must be callable, but got a ndarray"):
        recover_matrix(np.eye(3), (3,))
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"^recover_matrix: function must return finite numbers, but 3 of 3 are"):
            recover_matrix(lambda x, value=value: x + value, (3,))
    with pytest.raises(TypeError, match=r"^recover_matrix: the function's result must hold numbers"):
        recover_matrix(lambda x: None, (3,))


def test_constants_empty_results_and_complex_matrices() -> None:
    matrix, offset = recover_matrix(lambda x: np.full((2, 2), 7.0), (5,))
    assert (matrix.nnz, offset.tolist()) == (0, [[7, 7], [7, 7]])
    matrix, _ = recover_matrix(lambda x: x[:0], (5,))
    assert matrix.shape == (0, 5)
    matrix, _ = recover_matrix(lambda x: (1 + 2j) * x, (30,))
    assert_array_equal(matrix.toarray(), (1 + 2j) * np.eye(30))


def test_results_of_changing_shape_are_a_clear_error() -> None:
    with pytest.raises(ValueError, match=r"^recover_matrix: function must return shape \(1,\) for every input"):
        recover_matrix(lambda x: x[: 1 + int(abs(x).sum() > 0)], (4,))
    for function in (lambda x: x[0], lambda x: np.zeros((2, 3))):
        with pytest.raises(ValueError, match=r"^recover_matrix: function must return as many results as inputs \(1\)"):
            recover_matrix(function, (4,), batched=True)
