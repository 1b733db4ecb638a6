"""npconvt.frameworks by itself: laziness, the conventions, and the modules whose oracle is SciPy or a formula."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.signal

import npconvt
from npconvt import frameworks
from npconvt.frameworks import flax, jax, keras, matlab, mlx, onnx, tensorflow
from npconvt.frameworks import scipy as translated

MODULES = ("flax", "jax", "keras", "matlab", "mlx", "onnx", "scipy", "tensorflow")


def integers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9, 10, shape)


def test_the_modules_load_on_first_use_and_import_no_framework() -> None:
    code = f"""
import sys, npconvt
assert not [m for m in sys.modules if m.startswith("npconvt.frameworks")]
from npconvt import frameworks
assert not [m for m in sys.modules if m in {[f"npconvt.frameworks.{m}" for m in MODULES]!r}]
for name in {MODULES!r}:
    assert name in dir(frameworks)
    module = getattr(frameworks, name)
    assert all(callable(getattr(module, call)) for call in module.__all__)
others = {{"jax", "flax", "keras", "tensorflow", "onnx", "onnxruntime", "mlx", "torch"}}
assert not others & set(sys.modules)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'theano'"):
        _ = frameworks.theano


@pytest.mark.parametrize("framework", dict.fromkeys(c.framework for c in frameworks.CONVENTIONS))
def test_every_rule_keeps_what_its_convention_says_of_sizes(framework: str) -> None:
    """Words that name a size give that size, at every n, k and s."""
    for convention in (c for c in frameworks.CONVENTIONS if c.framework == framework):
        for (word, rule), n, k, s in itertools.product(convention.rules.items(), (1, 4, 5), (1, 2, 3, 6), (1, 2, 3)):
            out = n * s if framework == "tensorflow" else None
            lo, hi = rule.amounts(frameworks.Axis(n, k, s, out=out))
            full = (n - 1) * s + k - lo - hi
            if not convention.transposed and word.upper() in ("SAME", "SAME_UPPER", "SAME_LOWER"):
                assert (n + lo + hi - k) // s + 1 == -(-n // s)
                assert abs(lo - hi) <= 1
            elif framework in ("scipy", "matlab"):
                sizes = {"full": n + k - 1, "same": n, "valid": n - k + 1}
                if s == 1 and k <= n:
                    assert full == sizes[word]
            elif convention.transposed and (word.upper() == "SAME" or word in ("SAME_UPPER", "SAME_LOWER")):
                # At a stride above k, ONNX Runtime stops where there is nothing more; JAX's SAME_LOWER is for stride 1.
                if (framework == "onnx" and k < s) or (word == "SAME_LOWER" and framework != "onnx" and s > 1):
                    continue
                assert full == n * s
                assert framework == "onnx" or abs(max(lo, 0) - max(hi, 0)) <= 1
        assert set(convention.data) == ({"*"} if framework in ("scipy", "matlab") else {"N", "C", "*"})


def test_the_table_has_a_row_for_each_call_and_a_rule_for_each_word() -> None:
    calls, words, sources = (part.splitlines() for part in frameworks.table("keras").split("\n\n"))
    assert sources == ["Sources: keras/src/backend/jax/nn.py; keras/src/backend/common/backend_utils.py."]
    assert len(calls) == 2 + 3
    assert calls[3].startswith("| `conv_transpose` | `N*C` | `*OI` | none | valid: F + output_padding")
    assert [line.split(" | ")[:2] for line in words[2:]] == [
        [f"| `{call}`", f"`{word}`"]
        for call in ("conv", "conv_transpose", "depthwise_conv, separable_conv")
        for word in ("valid", "same")
    ]
    with pytest.raises(ValueError, match=r"^table: framework must be one of 'jax', 'flax', .* but got 'theano'\.$"):
        frameworks.table("theano")


SAME_LAYER = np.array([10, 102, 20, 203, 30, 304, 40, 405, 50.0])


def test_the_same_layer_in_every_framework() -> None:
    """One odd kernel, stride 2, 5 samples to 9: each framework's way to say it."""
    x, w = np.arange(1.0, 6), np.array([1.0, 10, 100])
    last, first, kernel = x.reshape(1, 5, 1), x.reshape(1, 1, 5), w.reshape(3, 1, 1)
    results = {
        "npconvt": npconvt.conv_transpose1d(first, w.reshape(1, 1, 3), stride=2, padding=1),
        "jax": jax.conv_transpose(last, kernel, (2,), [(1, 1)], transpose_kernel=True, use_consistent_padding=True),
        "jax, turned": jax.conv_transpose(last, kernel[::-1], (2,), [(1, 1)]),
        "flax": flax.conv_transpose(last, kernel, strides=2, padding=1, transpose_kernel=True),
        "tensorflow": tensorflow.conv1d_transpose(last, kernel, (1, 9, 1), 2),
        "keras": keras.conv_transpose(last, kernel, 2, "same", output_padding=0),
        "onnx": onnx.ConvTranspose(first, w.reshape(1, 1, 3), strides=[2], pads=[1, 1]),
        "mlx": mlx.conv_transpose1d(last, w.reshape(1, 3, 1), 2, 1),
    }
    for name, result in results.items():
        np.testing.assert_array_equal(result.ravel(), SAME_LAYER, err_msg=name)


SHAPES_1D = [((7,), (3,)), ((7,), (4,)), ((3,), (7,)), ((4,), (6,)), ((5,), (1,)), ((1,), (1,))]
SHAPES_2D = [((5, 6), (3, 2)), ((4, 4), (4, 2)), ((2, 3), (4, 5)), ((3, 5), (2, 2))]
SHAPES_3D = [((3, 4, 5), (2, 3, 2)), ((2, 2, 2), (3, 2, 4))]
KINDS = ("int64", "int8", "uint8", "float64", "float32", "complex128")


@pytest.mark.parametrize(("shape", "kernel"), SHAPES_1D + SHAPES_2D + SHAPES_3D)
@pytest.mark.parametrize("call", ["convolve", "correlate"])
def test_scipys_convolutions(call: str, shape: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    for mode, kind in itertools.product(("full", "same", "valid"), KINDS):
        x, w = integers(shape).astype(kind), integers(kernel, 1).astype(kind)
        if kind.startswith("complex"):
            x, w = x + 1j * integers(shape, 2), w - 1j * integers(kernel, 3)
        expected = getattr(scipy.signal, call)(x, w, mode, "direct")
        np.testing.assert_array_equal(getattr(translated, call)(x, w, mode), expected, strict=True)


@pytest.mark.parametrize(("shape", "kernel"), SHAPES_2D)
@pytest.mark.parametrize("call", ["convolve2d", "correlate2d"])
def test_scipys_planar_convolutions(call: str, shape: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    around: list[tuple[str, Any]] = [("fill", 0), ("fill", 3), ("wrap", 0), ("symm", 0)]
    for mode, (boundary, value), kind in itertools.product(("full", "same", "valid"), around, ("int64", "complex128")):
        x, w = integers(shape).astype(kind), integers(kernel, 1).astype(kind)
        if kind.startswith("complex"):
            x, w = x + 1j * integers(shape, 2), w - 1j * integers(kernel, 3)
        expected = getattr(scipy.signal, call)(x, w, mode, boundary, value)
        result = getattr(translated, call)(x, w, mode, boundary, value)
        np.testing.assert_array_equal(result, expected, strict=True)


def test_what_scipy_refuses_is_refused() -> None:
    x = np.ones((3, 4))
    for call in ("convolve", "correlate", "convolve2d", "correlate2d"):
        ours, theirs = getattr(translated, call), getattr(scipy.signal, call)
        for arguments in ((x, np.ones(3)), (x, np.ones((4, 3)), "valid"), (x, x, "SAME")):
            with pytest.raises(ValueError):  # noqa: PT011
                theirs(*arguments)
            with pytest.raises(ValueError, match=rf"^scipy\.{call}: .+, but .+\.$"):
                ours(*arguments)
    with pytest.raises(ValueError, match="boundary must be one of 'fill', 'wrap' or 'symm', but got 'mirror'"):
        translated.convolve2d(x, x, boundary="mirror")
    with pytest.raises(ValueError, match="in1 and in2 must not be empty"):
        translated.convolve(np.ones(0), np.ones(3))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_the_convolution_matrix_is_scipys_in_1d_and_convolves_in_nd(mode: str) -> None:
    for n, m in itertools.product((1, 2, 4, 5), (1, 2, 3, 6)):
        kernel = integers((m,), m)
        ours = translated.convolution_matrix(kernel, n, mode)
        expected = scipy.linalg.convolution_matrix(kernel, n, mode)
        np.testing.assert_array_equal(ours.toarray(), expected)
        assert ours.format == "csr"
        assert translated.convolution_matrix(kernel, (n,), mode).shape == expected.shape
    # scipy.signal's own "same" has the first operand's size, so the matrix is compared where that is the larger.
    for shape, kernel_shape in (((4, 5), (3, 2)), ((3, 4, 5), (2, 2, 3)), ((3, 3, 3, 2), (2, 1, 3, 2))):
        x, kernel = integers(shape), integers(kernel_shape, 1)
        convolved = (translated.convolution_matrix(kernel, shape, mode) @ x.ravel()).ravel()
        np.testing.assert_array_equal(convolved, scipy.signal.convolve(x, kernel, mode, "direct").ravel())


def test_what_the_convolution_matrix_refuses() -> None:
    for kernel, shape, mode, text in (
        ([], 3, "full", "kernel must have an axis and not be empty"),
        ([1, 2], 0, "full", "input_shape must be at least 1, but it is 0"),
        ([[1, 2]], 3, "full", "input_shape must be a sequence"),
        ([[1, 2]], (3,), "full", "input_shape must have 2 integers"),
        ([1, 2], 3, "half", "mode must be one of 'full', 'valid' or 'same', but got 'half'"),
    ):
        with pytest.raises((ValueError, TypeError), match=text):
            translated.convolution_matrix(kernel, shape, mode)


# What GNU Octave 7.3 answers, whose conv2 is MATLAB's.
OCTAVE = [
    ([[1, 2, 3, 4]], [[1, 10]], [[12, 23, 34, 40]]),
    ([[1, 2, 3, 4]], [[1, 10, 100, 1000]], [[123, 1234, 2340, 3400]]),
    ([[1, 2], [3, 4], [5, 6]], [[1, 10], [100, 1000]], [[1234, 2040], [3456, 4060], [5600, 6000]]),
]


@pytest.mark.parametrize(("a", "b", "expected"), OCTAVE)
def test_matlabs_same_starts_where_octaves_does(a: Any, b: Any, expected: Any) -> None:
    np.testing.assert_array_equal(matlab.conv2(a, b, "same"), expected)


@pytest.mark.parametrize(("shape", "kernel"), SHAPES_2D)
def test_matlabs_matrix_convolves_in_column_major_order(shape: tuple[int, int], kernel: tuple[int, int]) -> None:
    x, h = integers(shape), integers(kernel, 1)
    full = scipy.signal.convolve2d(x, h)
    np.testing.assert_array_equal(matlab.conv2(x, h), full, strict=True)
    matrix = matlab.convmtx2(h, *shape)
    np.testing.assert_array_equal(matrix @ x.ravel(order="F"), full.ravel(order="F"))
    valid = matlab.conv2(x, h, "valid")
    assert valid.shape == tuple(max(n - m + 1, 0) for n, m in zip(shape, kernel, strict=True))
    np.testing.assert_array_equal(valid, full[kernel[0] - 1 : shape[0], kernel[1] - 1 : shape[1]])


def test_integers_wrap_in_the_frameworks_dtype_and_halves_stay_halves() -> None:
    x, w = np.full((1, 1, 3), 100, np.int8), np.full((1, 1, 3), 2, np.int8)
    assert jax.conv_general_dilated(x, w, (1,), "VALID").tolist() == [[[np.int64(600).astype(np.int8)]]]
    half = onnx.Conv(x.astype(np.float16), w.astype(np.float16))
    np.testing.assert_array_equal(half, np.array([[[600]]], np.float16), strict=True)


def test_keras_casts_the_input_of_conv_to_the_kernels_dtype() -> None:
    """As keras 3.15 on its JAX backend: halves are cut off before they are multiplied."""
    x, w = np.array([[[1.5], [2.5], [3.5]]], np.float32), np.array([[[1]], [[10]]], np.int32)
    np.testing.assert_array_equal(keras.conv(x, w), np.array([[[21], [32]]], np.int32), strict=True)
    np.testing.assert_array_equal(keras.conv(x + 1j, w), np.array([[[21], [32]]], np.int32), strict=True)
    with pytest.raises(TypeError, match=r"^keras\.conv_transpose: inputs and kernel must have one dtype, but"):
        keras.conv_transpose(x, w)


def test_arguments_of_the_wrong_kind_are_named() -> None:
    x, w = np.ones((1, 1, 5)), np.ones((1, 1, 3))
    for call, text in (
        (
            lambda: jax.conv_general_dilated(x, w, (1.5,), "SAME"),
            r"jax\.conv_general_dilated: window_strides\[0\] must",
        ),
        (lambda: jax.conv_general_dilated(x, w, (True,), "SAME"), "it is the bool True"),
        (lambda: jax.conv_general_dilated(x, w, 1, "SAME"), "window_strides must be a sequence"),
        (lambda: jax.conv_general_dilated([["a"]], w, (1,), "SAME"), "lhs must hold numbers, but its dtype is <U1"),
        (lambda: jax.conv_general_dilated(x, w.astype(np.float32), (1,), "SAME"), "must have one dtype"),
        (
            lambda: onnx.Conv(x, w, auto_pad=None),
            "auto_pad must be one of 'NOTSET', 'SAME_UPPER', 'SAME_LOWER' or 'VALID', but got None",
        ),
        (lambda: mlx.conv1d(x.astype(int), w), "input must be of dtype float16, float32, float64, but it is int64"),
    ):
        with pytest.raises(TypeError, match=text):
            call()


def test_one_number_in_an_array_is_a_number_and_a_set_is_no_sequence() -> None:
    x, w = np.arange(1.0, 7).reshape(1, 6, 1), np.array([1.0, 10, 100]).reshape(3, 1, 1)
    two = np.array(2)
    for call in (
        lambda s: keras.conv(x, w, s, "same"),
        lambda s: flax.conv(x, w, strides=s),
        lambda s: tensorflow.conv1d(x, w, s, "SAME"),
    ):
        np.testing.assert_array_equal(call(two), call(2), strict=True)
        for wrong in ({2}, {2: 2}, b"2", 2.0, "2"):
            with pytest.raises(TypeError, match=r"^\w+\.\w+: strides?(\[0\])? must be an integer, but"):
                call(wrong)
    with pytest.raises(TypeError, match=r"^jax\.conv_general_dilated: window_strides must be a sequence"):
        jax.conv_general_dilated(np.ones((1, 1, 5)), np.ones((1, 1, 3)), two, "SAME")
    with pytest.raises(ValueError, match=r"^keras\.conv: strides must be at most 9223372036854775807, but it is 1000"):
        keras.conv(x, w, 10**20)


def test_arrays_are_read_as_npconvts_own_calls_read_them() -> None:
    x, w = integers((1, 5, 2)).astype(">f4"), integers((3, 2, 4), 1).astype("<f4")
    result = keras.conv(x, w)
    np.testing.assert_array_equal(result, keras.conv(x.astype("=f4"), w), strict=True)
    assert keras.conv(x, w.astype(">f4")).dtype.isnative
    with pytest.raises(TypeError, match=r"^keras\.conv: inputs must not be a masked array, whose mask would be lost"):
        keras.conv(np.ma.masked_array(x, x > 0), w)


@pytest.mark.parametrize("value", ["False", None, 2, np.ones(2)])
def test_a_flag_is_true_or_false(value: object) -> None:
    x, w = np.ones((1, 5, 1)), np.ones((3, 1, 1))
    for call in (
        lambda: jax.conv_transpose(x, w, (1,), "SAME", transpose_kernel=value),
        lambda: jax.conv_transpose(x, w, (1,), "SAME", use_consistent_padding=value),
        lambda: flax.conv_transpose(x, w, transpose_kernel=value),
        lambda: mlx.conv_general(x, w.reshape(1, 3, 1), flip=value),
    ):
        with pytest.raises(TypeError, match=r"^(jax|flax|mlx)\.\w+: \w+ must be True or False, but it is "):
            call()
    assert (mlx.conv_general(x, np.arange(3.0).reshape(1, 3, 1), flip=np.True_) == 3).all()


def test_bools_are_correlated_as_bools() -> None:
    x, w = np.array([2**64 - 8, 1, 3], np.uint64), np.array([True, False])
    np.testing.assert_array_equal(translated.correlate(x, w), scipy.signal.correlate(x, w), strict=True)
    one = np.array(True)
    np.testing.assert_array_equal(translated.correlate(one, one), scipy.signal.correlate(one, one), strict=True)


@pytest.mark.parametrize("call", ["convolve2d", "correlate2d"])
def test_scipys_fillvalue_has_to_fit_and_counts_with_fill_only(call: str) -> None:
    x, w = np.ones((2, 3), np.int8), np.ones((2, 2), np.int8)
    ours, theirs = getattr(translated, call), getattr(scipy.signal, call)
    for value in (127.9, -128.9, [2], True):
        np.testing.assert_array_equal(ours(x, w, fillvalue=value), theirs(x, w, fillvalue=value), strict=True)
    for value in (300, np.nan, -np.inf, 2j, [1, 2]):
        with pytest.raises(ValueError, match=rf"^scipy\.{call}: fillvalue must be "):
            ours(x, w, fillvalue=value)
        same = ours(x, w, boundary="wrap", fillvalue=value)
        np.testing.assert_array_equal(same, theirs(x, w, boundary="wrap"), strict=True)


def test_dimension_numbers_may_be_an_object_with_specs() -> None:
    class Numbers:
        lhs_spec, rhs_spec, out_spec = (0, 2, 1), (2, 1, 0), (0, 2, 1)

    x, w = integers((1, 5, 2)), integers((3, 2, 4), 1)
    result = jax.conv_general_dilated(x, w, (1,), "SAME", dimension_numbers=Numbers())
    expected = jax.conv_general_dilated(x, w, (1,), "SAME", dimension_numbers=("NHC", "HIO", "NHC"))
    np.testing.assert_array_equal(result, expected, strict=True)
    assert result.shape == (1, 5, 4)
    Numbers.out_spec = (0, 1)
    with pytest.raises(ValueError, match=r"^jax\.conv_general_dilated: dimension_numbers must list each of the 3 axes"):
        jax.conv_general_dilated(x, w, (1,), "SAME", dimension_numbers=Numbers())


@pytest.mark.parametrize("framework", MODULES)
def test_the_page_of_each_framework_shows_its_table(framework: str) -> None:
    page = (Path(__file__).parents[1] / "docs" / "frameworks" / f"{framework}.md").read_text(encoding="utf-8")
    assert frameworks.table(framework) in page
