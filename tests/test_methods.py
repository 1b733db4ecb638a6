"""Every method gives what the kernel matrix gives: exactly on integers, within rounding on floats."""

from itertools import product

import numpy as np
import pytest

from npconvt import ConvGeometry, conv2d, conv_transpose2d
from npconvt._methods import METHODS, gemm, matrix, prepare, weight_gradient
from npconvt._methods.gemm import GemmRoad, Plan

CONV = ConvGeometry.conv
TRANSPOSED = ConvGeometry.conv_transpose
PAIRS = ((1, 2), (0, 3))

GEOMETRIES = {
    "3x3": CONV((3, 7, 9), (4, 3, 3, 3), padding=1),
    "stride and dilation": CONV((2, 11, 13), (3, 2, 3, 2), stride=(2, 3), dilation=(3, 2), padding=PAIRS),
    "common divisor": CONV((2, 14, 12), (2, 2, 3, 3), stride=(4, 2), dilation=(2, 4), padding=2),
    "negative padding": CONV((1, 9, 8), (2, 1, 2, 3), padding=((-1, 2), (2, -2))),
    "depthwise": CONV((4, 10, 6), (4, 1, 3, 3), padding=1, groups=4),
    "depthwise, two outputs": CONV((3, 9, 6), (6, 1, 3, 2), stride=2, groups=3),
    "groups": CONV((4, 6, 5), (6, 2, 2, 3), groups=2, padding=1),
    "one channel": CONV((1, 23, 17), (1, 1, 5, 4), stride=(2, 1), padding=2),
    "pointwise": CONV((5, 4, 6), (3, 5, 1, 1)),
    "pointwise, stride": CONV((2, 5, 7), (3, 2, 1, 1), stride=2),
    "wide kernel": CONV((1, 6, 6), (2, 1, 6, 6)),
    "1-D": CONV((3, 20), (2, 3, 4), padding=((2, 1),)),
    "3-D": CONV((2, 4, 5, 6), (3, 2, 2, 3, 2), padding=1, stride=(1, 2, 1)),
    "4-D": CONV((1, 3, 3, 4, 3), (2, 1, 2, 2, 2, 2)),
    "no axis": CONV((4,), (3, 4)),
    "plain": CONV((6, 5), (2, 3)),
    "reflect": CONV((2, 6, 7), (3, 2, 3, 4), padding=((2, 3), (3, 1)), padding_mode="reflect"),
    "replicate": CONV((2, 5, 4), (2, 1, 3, 3), padding=((4, 2), (0, 6)), stride=2, groups=2, padding_mode="replicate"),
    "circular": CONV((1, 6, 5), (1, 1, 3, 3), padding=((3, -1), (2, 4)), dilation=2, padding_mode="circular"),
    "cropped reflection": TRANSPOSED((1, 3, 1), (1, 1, 1, 1), padding=((0, 1), (-1, 0)), padding_mode="reflect"),
    "output padding": TRANSPOSED((3, 4, 5), (3, 2, 3, 3), stride=2, padding=1, output_padding=1),
    "output padding beyond stride": TRANSPOSED((2, 3, 4), (2, 2, 2, 3), stride=2, dilation=4, output_padding=3),
    "kernel shorter than stride": TRANSPOSED((2, 4, 3), (2, 3, 2, 1), stride=(3, 4), padding=-1),
    "phases without taps": TRANSPOSED((2, 4, 3), (2, 1, 3, 3), stride=4, dilation=2),
    "2x2 stride 2": TRANSPOSED((4, 5, 6), (4, 3, 2, 2), stride=2),
    "1x1 input": TRANSPOSED((5, 1, 1), (5, 3, 4, 4)),
    "4x4 stride 2": TRANSPOSED((4, 5, 4), (4, 2, 4, 4), stride=2, padding=1, groups=2),
    "no channels": CONV((0, 5, 5), (2, 0, 3, 3)),
    "no outputs": CONV((2, 5, 5), (0, 2, 3, 3)),
}


def plans(geometry, transposed):
    """Every kind of plan that a geometry with axes can have."""
    ones, stride, phases = (1,) * geometry.ndim, geometry.stride, (0,) * geometry.ndim
    if transposed:
        tiles = {stride, phases, (3 * stride[0], *stride[1:]), (stride[0], *phases[1:]), tuple(2 * s for s in stride)}
        tiles.add(tuple(-(-n // s) * s for n, s in zip(geometry.input_size, stride, strict=True)))
    else:
        tiles = {(t, *ones[1:]) for t in (1, 2, 5)} | {geometry.output_size, (2,) * geometry.ndim}
    slides = [Plan(way, t) for way, t in product(("columns", "slabs", "rows"), sorted(tiles))]
    dense = [Plan("dense")] * (geometry.padding_mode == "zeros")
    return [*slides, Plan("taps"), *dense, *[Plan("scatter")] * transposed]


def planned(geometry, weight, dtype, plan):
    """The road of one plan in both directions."""
    return GemmRoad(geometry, weight, dtype, 1, lambda *_: plan)


def integers(rng, shape, dtype):
    return rng.integers(-4, 5, shape).astype(dtype)


def arrays(geometry, dtype, batch=2):
    """Weight, input and output of small integers, and the road of the definition."""
    rng = np.random.default_rng(7)
    weight = integers(rng, geometry.weight_shape, dtype)
    x = integers(rng, (batch, geometry.in_channels, *geometry.input_size), dtype)
    y = integers(rng, (batch, geometry.out_channels, *geometry.output_size), dtype)
    return weight, x, y, matrix.MatrixRoad(geometry, weight, np.dtype(dtype), "test")


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("dtype", [np.float64, np.complex64, np.float16, np.int64])
def test_every_plan_is_the_matrix(name, dtype):
    geometry = GEOMETRIES[name]
    weight, x, y, reference = arrays(geometry, dtype)
    for transposed, source in ((False, x), (True, y)):
        bias = np.arange(geometry.in_channels if transposed else geometry.out_channels).astype(dtype)
        expected = reference.transpose(source, bias) if transposed else reference.forward(source, bias)
        for plan in plans(gemm.with_axis(geometry), transposed):
            if plan.way == "scatter" and dtype == np.float16:
                continue  # adds in the dtype of the result: never chosen where that is coarser
            road = planned(geometry, weight, np.dtype(dtype), plan)
            apply = road.transpose if transposed else road.forward
            for layout in (source, np.asfortranarray(source), source[::-1].copy()[::-1]):
                result = apply(layout, bias)
                assert result.dtype == dtype
                np.testing.assert_array_equal(result, expected, err_msg=str(plan))
            assert apply(source[:0], bias).shape == (0, *expected.shape[1:])


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("method", [m for m in METHODS if m != "matrix"])
def test_every_method_is_the_matrix(name, method):
    geometry = GEOMETRIES[name]
    dtype = np.dtype(np.float64)
    weight, x, y, reference = arrays(geometry, dtype)
    for transposed, source in ((False, x), (True, y)):
        road = prepare(geometry, weight, dtype, method=method, batch=2, transposed=transposed)
        result = road.transpose(source) if transposed else road.forward(source)
        expected = reference.transpose(source) if transposed else reference.forward(source)
        np.testing.assert_array_equal(np.round(result, 9), expected)
    gradient = weight_gradient(geometry, x, y, dtype, method=method)
    np.testing.assert_array_equal(np.round(gradient, 9), matrix.weight_gradient(geometry, x, y, dtype))


@pytest.mark.parametrize(
    "name", ["stride and dilation", "one channel", "4x4 stride 2", "reflect", "output padding", "3-D"]
)
def test_bands_of_any_size_give_the_same(name, monkeypatch):
    geometry = GEOMETRIES[name]
    dtype = np.dtype(np.float64)
    weight, x, y, reference = arrays(geometry, dtype)
    expected = reference.forward(x), reference.transpose(y), matrix.weight_gradient(geometry, x, y, dtype)
    for limit in (0, 700, 3000):
        monkeypatch.setattr("npconvt._methods.bands.BAND_BYTES", limit)
        for plan in plans(geometry, False):
            forward = planned(geometry, weight, dtype, plan).forward(x)
            np.testing.assert_array_equal(forward, expected[0], err_msg=str(plan))
        for plan in plans(geometry, True):
            transpose = planned(geometry, weight, dtype, plan).transpose(y)
            np.testing.assert_array_equal(transpose, expected[1], err_msg=str(plan))
        np.testing.assert_array_equal(weight_gradient(geometry, x, y, dtype), expected[2])


def test_large_integers_do_not_pass_through_floats():
    weight = np.array([[[[2**40 + 1, -1], [3, 2**41 - 1]]]])
    image = np.arange(1, 26).reshape(1, 5, 5) * (2**16 + 1)
    pairs = [(int(weight[0, 0, i, j]), int(image[0, i, j])) for i in (0, 1) for j in (0, 1)]
    assert conv2d(image, weight)[0, 0, 0] == sum(w * x for w, x in pairs)
    scattered = conv_transpose2d(image, weight)
    assert scattered[0, 0, 0] == int(image[0, 0, 0]) * (2**40 + 1)
    assert scattered[0, -1, -1] == int(image[0, -1, -1]) * (2**41 - 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["image", "weight"])
@pytest.mark.parametrize("name", ["3x3", "depthwise", "circular", "output padding", "4x4 stride 2", "common divisor"])
def test_not_finite_values_land_where_the_matrix_puts_them(name, where, value):
    geometry = GEOMETRIES[name]
    for dtype in map(np.dtype, (np.float32, np.float64)):
        weight, x, y, _ = arrays(geometry, dtype)
        for array in (weight,) if where == "weight" else (x, y):
            array[array == 0] = 1
            array.flat[[1, array.size // 2]] = value
        with np.errstate(invalid="ignore"):
            reference = matrix.MatrixRoad(geometry, weight, dtype, "test")
            for method in ("auto", "gemm"):
                road = prepare(geometry, weight, dtype, method=method)
                np.testing.assert_array_equal(road.forward(x), reference.forward(x))
                np.testing.assert_array_equal(road.transpose(y), reference.transpose(y))
