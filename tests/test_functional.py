"""conv* and conv_transpose*: the defining sum, torch and the adjoint identity say the same, exactly."""

import itertools
import re
from dataclasses import replace

import fuzz
import numpy as np
import oracles
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from strategies import Call, calls, integers_as

import npconvt
from npconvt import _arguments as arguments

METHODS = tuple(name for name in arguments.METHODS if name != "fft")  # fft rounds


def run(call: Call, **more) -> np.ndarray:
    """The call as its user types it, by the name with the number of axes where there is one."""
    name = call.op if 1 <= len(call.axes) <= 3 else ("conv_transpose" if call.transposed else "conv")
    return getattr(npconvt, name)(call.input, call.weight, call.bias, **call.params, **more)


def assert_same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert type(actual) is np.ndarray
    assert actual.dtype == expected.dtype
    assert actual.dtype.isnative
    assert_array_equal(actual, expected, strict=True)


# ---- the oracles


@given(call=calls(), method=st.sampled_from(METHODS))
def test_the_defining_sum(call, method):
    assert_same(run(call, method=method), call.expected())


@given(call=calls(dtypes=strategies.DTYPES), method=st.sampled_from(METHODS))
def test_the_defining_sum_in_every_mixture_of_dtypes(call, method):
    assert_same(run(call, method=method), call.expected())


@given(call=calls(dtypes=("int64", "float64", "complex128"), ndims=(1, 2, 2, 3)))
def test_torch_says_the_same(torch, call):
    assert_array_equal(run(call), call.torch(torch))


@given(call=calls(dtypes=("int64", "complex128")), data=st.integers(0, 999))
def test_the_transposed_call_is_the_adjoint(call, data):
    """<y, conv(x)> == <conv_transpose(y), x>, with the sizes alone telling the two calls of each other."""
    call = replace(call, bias=None)
    result = run(call)
    other = integers_as("int64", np.random.default_rng(data), result.shape)
    params = {k: v for k, v in call.params.items() if k not in ("output_padding", "output_size")}
    padding = [(a.lo, a.hi) for a in call.axes]
    if call.transposed:
        back = npconvt.conv(other, call.weight, **params | {"padding": padding})
        # where output_padding >= stride the forward call finds more windows than the transposed one had inputs
        back = back[(..., *(slice(a.m) for a in call.axes))]
    else:
        sizes = {"output_size": [a.n for a in call.axes]}
        back = npconvt.conv_transpose(other, call.weight, **params | {"padding": padding} | sizes)
    assert oracles.inner(other, result) == oracles.inner(back, call.input)


# ---- the properties of a convolution


@given(call=calls(transposed=False))
def test_stride_is_stride_one_then_every_sth(call):
    params = call.params | {"padding": [(a.lo, a.hi) for a in call.axes]}
    every = npconvt.conv(call.input, call.weight, call.bias, **params | {"stride": 1})
    assert_array_equal(run(call), every[(..., *(slice(None, None, a.s) for a in call.axes))])


@given(call=calls(transposed=True))
def test_a_stride_of_the_transposed_call_is_zeros_between_its_inputs(call):
    params = {k: v for k, v in call.params.items() if k != "output_padding"} | {
        "padding": [(a.lo, a.hi) for a in call.axes],
        "stride": 1,
    }
    axes = tuple(replace(a, s=1, m=None) for a in call.axes)
    sizes = [len(a.windows()) for a in axes]
    spread = np.zeros((*call.input.shape[: call.input.ndim - len(axes)], *sizes), call.input.dtype)
    spread[(..., *(slice(0, (a.m - 1) * a.s + 1, a.s) for a in call.axes))] = call.input
    params["output_size"] = [a.n for a in axes]
    assert_array_equal(run(call), npconvt.conv_transpose(spread, call.weight, call.bias, **params))


@given(call=calls())
def test_dilation_is_a_kernel_with_zeros_between_its_taps(call):
    stuffed = np.zeros((*call.weight.shape[:2], *(a.k_eff for a in call.axes)), call.weight.dtype)
    stuffed[(..., *(slice(None, None, a.d) for a in call.axes))] = call.weight
    params = {k: v for k, v in call.params.items() if k != "output_padding"} | {"dilation": 1}
    if call.transposed:
        params["padding"] = [(a.lo, a.hi) for a in call.axes]
        # with no dilation a smaller output_padding is allowed: crop what is beyond
        sizes = [
            (a.m - 1) * a.s + a.k_eff - a.lo - a.hi + min(a.n - (a.m - 1) * a.s - a.k_eff + a.lo + a.hi, a.s - 1)
            for a in call.axes
        ]
        if sizes != [a.n for a in call.axes]:
            return
        params["output_size"] = sizes
    other = Call(call.transposed, call.axes, call.groups, call.input, stuffed, call.bias, params)
    assert_array_equal(run(other), run(call))


@given(call=calls())
def test_groups_are_separate_calls_side_by_side(call):
    channel = call.input.ndim - len(call.axes) - 1
    inputs = np.split(call.input, call.groups, axis=channel)
    weights = np.split(call.weight, call.groups)
    biases = np.split(call.bias, call.groups) if call.bias is not None else [None] * call.groups
    params = call.params | {"groups": 1}
    parts = [
        run(Call(call.transposed, call.axes, 1, x, w, b, params))
        for x, w, b in zip(inputs, weights, biases, strict=True)
    ]
    assert_array_equal(run(call), np.concatenate(parts, axis=channel))


def test_a_shift_of_the_input_is_a_shift_of_the_result():
    rng = np.random.default_rng(0)
    x, w = integers_as("int64", rng, (1, 2, 9, 8)), integers_as("int64", rng, (3, 2, 3, 2))
    wide = np.pad(x, ((0, 0), (0, 0), (2, 0), (3, 0)))
    assert_array_equal(npconvt.conv2d(wide, w)[:, :, 2:, 3:], npconvt.conv2d(x, w))
    whole = npconvt.conv2d(x, w, padding_mode="circular", padding="same")
    rolled = npconvt.conv2d(np.roll(x, (2, 3), (2, 3)), w, padding_mode="circular", padding="same")
    assert_array_equal(rolled, np.roll(whole, (2, 3), (2, 3)))
    tall = npconvt.conv_transpose2d(wide, w.transpose(1, 0, 2, 3), stride=(2, 3))
    assert_array_equal(tall[:, :, 4:, 9:], npconvt.conv_transpose2d(x, w.transpose(1, 0, 2, 3), stride=(2, 3)))


def test_a_kernel_of_one_tap_is_a_matrix_product_over_channels():
    rng = np.random.default_rng(1)
    x, w = integers_as("int64", rng, (2, 3, 4, 5)), integers_as("int64", rng, (6, 3, 1, 1))
    expected = np.einsum("oc,nchw->nohw", w[:, :, 0, 0], x)
    assert_array_equal(npconvt.conv2d(x, w), expected)
    assert_array_equal(npconvt.conv_transpose2d(x, w.transpose(1, 0, 2, 3)), expected)


@pytest.mark.parametrize(("k", "s", "d", "p"), [*itertools.product((1, 2, 3), (1, 2, 3), (1, 2), (0, 1))])
def test_conv_undoes_the_shape_for_every_output_padding_below_the_stride(k, s, d, p):
    y, w = np.ones((1, 1, 4), int), np.ones((1, 1, k), int)
    for output_padding in range(s):
        x = npconvt.conv_transpose1d(y, w, None, s, p, output_padding, 1, d)
        assert x.shape == (1, 1, 3 * s - 2 * p + d * (k - 1) + 1 + output_padding)
        assert npconvt.conv1d(x, w, None, s, p, d).shape == y.shape


# ---- sizes of the transposed call


X5, W3 = np.array([[[1, 2, 3, 4, 5]]]), np.array([[[1, 10, 100]]])
FULL = [1, 10, 102, 20, 203, 30, 304, 40, 405, 50, 500]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, FULL),
        ({"padding": 1}, FULL[1:-1]),
        ({"padding": 1, "output_padding": 1}, FULL[1:]),
        ({"padding": (0,), "output_padding": (1,)}, [*FULL, 0]),
        ({"padding": ((0, 1),)}, FULL[:-1]),
        ({"padding": ((1, 0),), "output_size": 10}, FULL[1:]),
        ({"padding": -1}, [0, *FULL, 0]),
        ({"padding": ((-2, 3),)}, [0, 0, *FULL[:-3]]),
        ({"padding": "same"}, FULL[:-1]),
        ({"padding": "same_lower"}, FULL[1:]),
        ({"padding": "same", "output_size": 10}, FULL[:-1]),
        ({"padding": "same", "output_size": [9]}, FULL[1:-1]),
        ({"padding": "same_lower", "output_size": (9,)}, FULL[1:-1]),
        ({"padding": "valid"}, FULL),
        ({"padding": "valid", "output_size": (12,)}, [*FULL, 0]),
    ],
)
def test_where_a_strided_transposed_call_is_cropped(params, expected):
    assert_array_equal(npconvt.conv_transpose1d(X5, W3, None, 2, **params), [[expected]])


@pytest.mark.parametrize("padding", ["same", "same_lower"])
def test_same_with_a_kernel_shorter_than_the_stride_puts_the_zeros_at_the_end(padding):
    result = npconvt.conv_transpose1d([[[1, 2, 3]]], [[[1, 10]]], stride=4, padding=padding)
    assert_array_equal(result, [[[1, 10, 0, 0, 2, 20, 0, 0, 3, 30, 0, 0]]])


def test_output_padding_not_below_the_stride_keeps_the_first_windows():
    """Five inputs, dilation 3, stride 1: two more outputs than inputs would give back, which no input reaches."""
    result = npconvt.conv_transpose1d([[[1, 2]]], [[[1, 10]]], dilation=3, output_padding=2)
    assert_array_equal(result, [[[1, 2, 0, 10, 20, 0, 0]]])
    cropped = npconvt.conv_transpose1d([[[1, 2]]], [[[1, 10]]], dilation=3, padding=((0, 2),), output_padding=2)
    assert_array_equal(cropped, [[[1, 2, 0, 10, 20]]])


@pytest.mark.parametrize(
    ("padding", "n", "expected"),
    [
        ("same", 6, [321, 543, 65]),
        ("same_lower", 6, [210, 432, 654]),
        ("same", 5, [210, 432, 54]),
        (1, 6, [210, 432, 654]),
        (((0, 1),), 6, [321, 543, 65]),
        (-1, 6, [432]),
        ("valid", 6, [321, 543]),
    ],
)
def test_where_the_zeros_of_a_strided_convolution_go(padding, n, expected):
    x = np.arange(1, n + 1).reshape(1, 1, n)
    assert_array_equal(npconvt.conv1d(x, W3, stride=2, padding=padding), [[expected]])


@pytest.mark.parametrize(
    ("mode", "padding", "expected"),
    [
        ("zeros", ((2, 1),), [0, 0, 1, 2, 3, 4, 0]),
        ("reflect", ((2, 1),), [3, 2, 1, 2, 3, 4, 3]),
        ("replicate", ((2, 1),), [1, 1, 1, 2, 3, 4, 4]),
        ("circular", ((2, 1),), [3, 4, 1, 2, 3, 4, 1]),
        ("circular", ((4, 0),), [1, 2, 3, 4, 1, 2, 3, 4]),
        ("reflect", ((-1, 2),), [2, 3, 4, 3, 2]),
        ("replicate", ((1, -2),), [1, 1, 2]),
        ("circular", ((3, -1),), [1, 2, 3, 1, 2, 3]),
    ],
)
def test_what_each_padding_mode_reads_beyond_the_border(mode, padding, expected):
    """A kernel of one tap shows the padded signal; negative amounts crop first."""
    one = np.ones((1, 1, 1), int)
    padded = npconvt.conv1d([[[1, 2, 3, 4]]], one, padding=padding, padding_mode=mode)
    assert_array_equal(padded, [[expected]])
    y = 10 ** np.arange(len(expected))
    adjoint = npconvt.conv_transpose1d(y[None, None], one, padding=padding, padding_mode=mode)
    assert_array_equal(adjoint, [[[y[np.array(expected) == value].sum() for value in (1, 2, 3, 4)]]])


# ---- dtypes and values


@pytest.mark.parametrize("function", [npconvt.conv1d, npconvt.conv_transpose1d])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("dtypes", "result"),
    [
        (("int8", "int8"), "int64"),
        (("uint8", "uint8"), "uint64"),
        (("uint8", "int8"), "int64"),
        (("bool", "bool"), "int64"),
        (("uint64", "uint64"), "uint64"),
        (("int64", "uint64"), "float64"),
        (("float16", "float16"), "float16"),
        (("float16", "int8"), "float16"),
        (("float32", "int8"), "float32"),
        (("float32", "int32"), "float64"),
        (("float32", "float64"), "float64"),
        (("complex64", "float32"), "complex64"),
        (("complex64", "float64"), "complex128"),
        (("float32", "float32", "float64"), "float64"),
        (("int8", "int8", "float32"), "float32"),
        (("int8", "int8", "complex64"), "complex64"),
    ],
)
def test_the_result_dtype_is_numpys_with_sums_of_integers_in_64_bits(function, method, dtypes, result):
    x, w, *bias = (np.ones(shape, t) for t, shape in zip(dtypes, ((1, 1, 3), (1, 1, 2), (1,)), strict=False))
    actual = function(x, w, *bias, method=method)
    assert actual.dtype == result
    overlaps = [2, 2] if function is npconvt.conv1d else [1, 2, 2, 1]
    assert_array_equal(actual, [[[v + len(bias) for v in overlaps]]])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("dtype", "big"), [("int8", 127), ("uint8", 255), ("int32", 2**31 - 1), ("uint16", 65535)])
def test_integers_do_not_wrap(method, dtype, big):
    x, w = np.full((1, 1, 4), big, dtype), np.full((1, 1, 2), big, dtype)
    assert npconvt.conv1d(x, w, method=method).tolist() == [[[2 * big * big] * 3]]
    ends, middle = big * big, 2 * big * big
    assert npconvt.conv_transpose1d(x, w, method=method).tolist() == [[[ends, middle, middle, middle, ends]]]


@pytest.mark.parametrize("method", METHODS)
def test_large_integers_are_not_summed_as_floats(method):
    odd = 2**53 + 1
    assert npconvt.conv1d([[[odd, 2]]], [[[1, 1]]], method=method).tolist() == [[[odd + 2]]]
    assert npconvt.conv_transpose1d([[[odd]]], [[[1, 3]]], method=method).tolist() == [[[odd, 3 * odd]]]


@pytest.mark.parametrize("method", METHODS)
def test_float16_is_summed_in_float32(method):
    """4096 ones in float16 stop at 2048; 70000 overflows halfway though the sum fits."""
    ones = np.ones((1, 4096, 1), np.float16)
    assert npconvt.conv1d(ones, np.ones((1, 4096, 1), np.float16), method=method).item() == 4096
    assert npconvt.conv_transpose1d(ones, np.ones((4096, 1, 1), np.float16), method=method).item() == 4096
    x = np.array([[[60000, 60000, -60000]]], np.float16)
    w = np.ones((1, 1, 3), np.float16)
    assert npconvt.conv1d(x, w, method=method).item() == np.float16(60000)
    assert npconvt.conv1d(x, w, np.array([3], np.float16), method=method).dtype == np.float16


def test_the_transposed_call_does_not_conjugate():
    y, w = np.array([[[1 + 2j, 3j]]]), np.array([[[1j, 2 - 1j]]])
    assert_array_equal(npconvt.conv_transpose1d(y, w), [[[-2 + 1j, 4 + 3j - 3, 3 + 6j]]])
    assert_array_equal(npconvt.conv1d(y, w), [[[(1 + 2j) * 1j + 3j * (2 - 1j)]]])


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_non_finite_values_travel_as_through_the_defining_sum(method, dtype):
    """inf * 0 is NaN where a zero weight or input is met, and nothing at all where only padding is."""
    w = np.array([[[INF, 0, 1]]], dtype)
    x = np.array([[[1, 0, 2, INF]]], dtype)
    assert_array_equal(npconvt.conv1d(x, w, padding=1, method=method), np.array([[[0, INF, NAN, NAN]]], dtype))
    y = np.array([[[1, 0]]], dtype)
    assert_array_equal(
        npconvt.conv_transpose1d(y, w, stride=2, padding=1, method=method), np.array([[[0, NAN, 0]]], dtype)
    )
    assert_array_equal(
        npconvt.conv_transpose1d(y, w, stride=4, method=method),
        np.array([[[INF, 0, 1, 0, NAN, 0, 0]]], dtype),
    )


@pytest.mark.parametrize("method", METHODS)
def test_taps_that_share_an_input_meet_it_one_by_one(method):
    """0*inf - 2*inf is NaN, though the entry of the kernel matrix is 0 - 2."""
    one = {"padding": ((0, 1),), "padding_mode": "replicate", "method": method}
    w = np.array([[[0.0, -2.0]]])
    assert_array_equal(npconvt.conv1d([[[INF]]], w, **one), [[[NAN]]])
    assert_array_equal(npconvt.conv1d([[[5.0, INF, 3.0]]], w, **one), [[[-INF, NAN, -6]]])
    assert_array_equal(npconvt.conv_transpose1d([[[INF]]], w, **one), [[[NAN]]])
    assert_array_equal(npconvt.conv_transpose1d([[[1.0, INF]]], w, [1.0], **one), [[[1, NAN]]])


@pytest.mark.parametrize("method", METHODS)
def test_results_that_overflow_say_so_without_a_warning(method):
    x, w = np.array([[[60000, 60000]]], np.float16), np.ones((1, 1, 2), np.float16)
    assert_array_equal(npconvt.conv1d(x, w, method=method), np.array([[[INF]]], np.float16))
    huge = np.full((1, 1, 2), 3e38, np.float32)
    assert_array_equal(npconvt.conv1d(huge, w, method=method), np.array([[[INF]]], np.float32))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["replicate", "zeros"])
def test_float16_is_summed_in_float32_on_the_padding_too(method, mode):
    """5001 windows of one tap lie on one input; in float16 their sum would end at 2048."""
    y = np.ones((1, 1, 5001), np.float16)
    params = {"padding": ((5000, 0),), "padding_mode": mode, "method": method}
    x = npconvt.conv_transpose1d(y, np.ones((1, 1, 1), np.float16), **params)
    assert_array_equal(x, np.array([[[5000 if mode == "replicate" else 1]]], np.float16))
    x = npconvt.conv_transpose1d(np.ones((1, 3000, 4), np.float16), np.ones((3000, 1, 2), np.float16), method=method)
    assert_array_equal(x, np.array([[[3000, 6000, 6000, 6000, 3000]]], np.float16))


@given(call=calls(dtypes=("float32", "float64"), ndims=(1, 2, 2, 3)), method=st.sampled_from(METHODS), data=st.data())
def test_non_finite_values_travel_alike_everywhere(call, method, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))

    def spoil(a):
        values = rng.choice([NAN, INF, -INF, 0.0], a.shape).astype(a.dtype)
        return np.where(rng.random(a.shape) < 0.15, values, a)

    call = call.with_arrays(spoil(call.input), spoil(call.weight), call.bias)
    assert_same(run(call, method=method), call.expected())


# ---- arrays in, arrays out

LAYOUTS = {
    "fortran": np.asfortranarray,
    "negative strides": lambda a: np.ascontiguousarray(a[(slice(None, None, -1),) * a.ndim])[
        (slice(None, None, -1),) * a.ndim
    ],
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "every other": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
    "unaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), a.dtype, a.size, 1).reshape(a.shape),
    "channels last": lambda a: np.ascontiguousarray(np.moveaxis(a, 0, -1)).transpose(a.ndim - 1, *range(a.ndim - 1)),
}


@given(
    call=calls(dtypes=("int16", "float32", "complex128")),
    layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 3),
    method=st.sampled_from(METHODS),
)
def test_memory_layout_is_of_no_consequence(call, layouts, method):
    expected = call.expected()
    arrays = [
        None if a is None else LAYOUTS[layout](a)
        for a, layout in zip((call.input, call.weight, call.bias), layouts, strict=True)
    ]
    for array in arrays:
        if array is not None:
            array.flags.writeable = False
    assert_same(run(call.with_arrays(*arrays), method=method), expected)


def test_zero_strided_inputs_are_read_as_they_stand():
    x = np.broadcast_to(np.array([1, 2, 3, 4]), (2, 3, 5, 4))
    w = np.broadcast_to(np.int64(1), (2, 3, 2, 2))
    assert_array_equal(npconvt.conv2d(x, w), np.broadcast_to([18, 30, 42], (2, 2, 4, 3)))


@given(call=calls(dtypes=("float64", "int64")), method=st.sampled_from(METHODS))
def test_nothing_is_modified_and_the_result_is_new(call, method):
    arrays = [a for a in (call.input, call.weight, call.bias) if a is not None]
    before = [a.copy() for a in arrays]
    result = run(call, method=method)
    assert result.flags.writeable
    assert not any(np.shares_memory(result, a) for a in arrays)
    result[...] = 77
    for array, copy in zip(arrays, before, strict=True):
        assert_array_equal(array, copy)
    assert_array_equal(run(call, method=method), call.expected())


@pytest.mark.parametrize("method", METHODS)
def test_an_identity_is_a_copy(method):
    x = np.arange(6.0).reshape(1, 1, 2, 3)
    for function in (npconvt.conv2d, npconvt.conv_transpose2d):
        y = function(x, np.ones((1, 1, 1, 1)), method=method)
        assert not np.shares_memory(x, y)
        assert_array_equal(y, x)


class Labelled(np.ndarray):
    pass


def test_lists_and_subclasses_are_taken():
    assert_array_equal(npconvt.conv1d([[1, 2, 3]], [[[1, 1]]], [1]), [[4, 6]])
    plain = npconvt.conv1d(np.array([[1, 2, 3]]).view(Labelled), [[[1, 1]]])
    assert type(plain) is np.ndarray
    assert_array_equal(plain, [[3, 5]])
    assert_array_equal(npconvt.conv([7], [[3]]), [21])  # no spatial axes, no batch
    assert_array_equal(npconvt.conv_transpose([[7, 1]], [[3], [2]], [1]), [[24]])


def test_tensors_are_taken(torch):
    x, w = torch.arange(6.0).reshape(1, 1, 2, 3), torch.ones(1, 1, 1, 2)
    assert_array_equal(npconvt.conv2d(x, w), [[[[1, 3], [7, 9]]]])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("x", "w", "groups", "forward", "transposed"),
    [
        ((0, 2, 4), (2, 2, 3), 1, (0, 2, 2), (0, 2, 6)),  # no images
        ((1, 0, 4), (0, 0, 3), 1, (1, 0, 2), (1, 0, 6)),  # no channels at all
        ((0, 4), (0, 0, 3), 1, (0, 2), (0, 6)),
    ],
)
def test_empty_inputs_give_empty_results(method, x, w, groups, forward, transposed):
    assert npconvt.conv1d(np.ones(x), np.ones(w), groups=groups, method=method).shape == forward
    assert npconvt.conv_transpose1d(np.ones(x), np.ones(w), groups=groups, method=method).shape == transposed


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", strategies.MODES)
def test_no_channels_in_every_padding_mode(method, mode):
    params = {"padding": 1, "padding_mode": mode, "method": method}
    assert npconvt.conv1d(np.ones((1, 0, 4)), np.ones((0, 0, 3)), **params).shape == (1, 0, 4)
    assert npconvt.conv_transpose1d(np.ones((1, 0, 4)), np.ones((0, 0, 3)), **params).shape == (1, 0, 4)
    assert_array_equal(npconvt.conv_transpose1d(np.ones((1, 0, 4)), np.ones((0, 1, 3)), [5], **params), [[[5] * 4]])


@pytest.mark.parametrize("method", METHODS)
def test_a_stride_far_beyond_the_input_is_taken_where_one_window_fits(method):
    for stride in (2**31, 2**40, 2**62):
        x, w = np.arange(12).reshape(1, 1, 3, 4), np.ones((1, 1, 2, 3), int)
        assert_array_equal(npconvt.conv2d(x, w, stride=stride, method=method), [[[[18]]]])
        assert_array_equal(npconvt.conv_transpose2d([[[[7]]]], w, stride=stride, method=method), [[[[7] * 3] * 2]])


@pytest.mark.parametrize("method", METHODS)
def test_a_sum_over_no_channels_is_zero_and_takes_its_bias(method):
    x = np.empty((2, 0, 4))
    assert_array_equal(npconvt.conv1d(x, np.empty((3, 0, 2)), [1.0, 2.0, 3.0], method=method)[1, :, 0], [1, 2, 3])
    assert_array_equal(npconvt.conv_transpose1d(x, np.empty((0, 3, 2)), method=method), np.zeros((2, 3, 5)))


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_positional_arguments_stand_in_torchs_order(torch, name):
    """conv2d has dilation before groups, conv_transpose2d output_padding, groups, and dilation last."""
    rng = np.random.default_rng(3)
    x, w, b = integers_as("float64", rng, (2, 4, 5, 6)), integers_as("float64", rng, (4, 2, 3, 2)), np.ones(4)
    rest = (2, 1, (2, 1), 2) if name == "conv2d" else ((2, 3), 1, (1, 0), 2, (2, 1))
    reference = getattr(torch.nn.functional, name)(*map(torch.as_tensor, (x, w, b)), *rest)
    assert_array_equal(getattr(npconvt, name)(x, w, b, *rest), reference.numpy())


def test_a_short_run_of_the_fuzz_program(torch):
    """The long one is a command of its own; see there."""
    counts, unexplained = fuzz.run(torch, examples=600, seed=20)
    assert unexplained == []
    assert counts["values agree (torch)"] > 20
    assert counts["values agree (beyond)"] > 15
    assert min(counts["errors agree (bad)"], counts["errors agree (beyond)"]) > 5


def test_every_deliberate_difference_from_torch_is_documented():
    document = fuzz.DOCUMENT.read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([a-z0-9-]+)` \|", document, re.MULTILINE))
    assert named == set(fuzz.DIFFERENCES)
