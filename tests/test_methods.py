"""Every method gives what the kernel matrix gives: exactly on integers, within rounding on floats."""

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from npconvt import ConvGeometry, conv2d, conv_transpose2d
from npconvt._arguments import METHODS
from npconvt._methods import choose, gemm, matrix, prepare, weight_gradient
from npconvt._methods.gemm import GemmRoad, Plan
from npconvt._methods.together import Together

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
    "wide stride": TRANSPOSED((2, 4), (2, 2, 9), stride=5, padding=((2, 1),)),
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
    flat = [Plan("flat", summed=axes) for axes in range(geometry.ndim + 1)]
    flat += [Plan("together", summed=axes, blocks=1 + axes) for axes in range(geometry.ndim + 1)]
    pointwise = [Plan("pointwise")] * gemm.fits_pointwise(geometry, np.dtype(float))
    return [*slides, *flat, *pointwise, Plan("weighted"), Plan("taps"), *dense, *[Plan("scatter")] * transposed]


def planned(geometry, weight, dtype, plan):
    """The road of one plan in both directions."""
    return GemmRoad(geometry, weight, dtype, lambda *_: plan)


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
        road = prepare(geometry, weight, dtype, method=method)
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


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["auto", "gemm", "matrix"])
def test_the_gradient_leaves_the_padding_out_of_what_is_not_finite(method, value):
    """A tap whose window begins on the padding sees no product of 0 and inf: its sum has one term less."""
    geometry = GEOMETRIES["3x3"]
    _, x, y, _ = arrays(geometry, np.float64)
    x[x == 0] = 1
    y[1, 2, 0, 0] = value
    gradient = weight_gradient(geometry, x, y, np.dtype(float), method=method)
    expected = np.zeros(geometry.weight_shape)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    for o, c, r, s in np.ndindex(expected.shape):
        seen = padded[:, c, r : r + 7, s : s + 9]
        expected[o, c, r, s] = (y[:, o] * seen)[~np.isnan(seen)].sum()
    np.testing.assert_array_equal(gradient, expected)
    assert np.isfinite(gradient[2, :, 0]).all()
    assert not np.isfinite(gradient[2, :, 1:, 1:]).any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["auto", "gemm", "matrix"])
def test_the_gradient_is_finite_for_taps_that_see_nothing_else(method, value):
    """At stride 2 the second of two taps does not see the first pixel: it is not multiplied by it, not even by zero."""
    x, y = np.array([[[value, 1, 2, 3]]]), np.array([[[1.0, 10]]])
    gradient = weight_gradient(CONV((1, 4), (1, 1, 2), stride=2), x, y, np.dtype(float), method=method)
    np.testing.assert_array_equal(gradient, [[[value, 31]]])


ROUNDED = ["3x3", "one channel", "depthwise", "1-D", "3-D", "4x4 stride 2", "output padding", "reflect", "1x1 input"]


def floats(geometry, dtype):
    rng = np.random.default_rng(3)
    shapes = geometry.weight_shape, (2, *geometry.input_shape), (2, *geometry.output_shape)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_output_is_within_its_rounding_bound(name, dtype):
    """|y - truth| <= n u (|A| |x|), element by element, for every plan; the truth is summed with more bits."""
    geometry = GEOMETRIES[name]
    weight, x, y = floats(geometry, dtype)
    more = np.dtype(np.longdouble if dtype == np.float64 else np.float64)
    truth = matrix.MatrixRoad(geometry, weight.astype(more), more, "test")
    size = matrix.MatrixRoad(geometry, abs(weight).astype(more), more, "test")
    taps = int(np.prod(geometry.kernel_size))
    for transposed, source, channels in ((False, x, geometry.in_channels), (True, y, geometry.out_channels)):
        terms = taps * channels // geometry.groups + 3 ** (geometry.padding_mode != "zeros")
        exact, bound = (
            road.transpose(s) if transposed else road.forward(s)
            for road, s in ((truth, source.astype(more)), (size, abs(source).astype(more)))
        )
        for plan in plans(geometry, transposed):
            road = planned(geometry, weight, np.dtype(dtype), plan)
            result = road.transpose(source) if transposed else road.forward(source)
            assert (abs(result - exact) <= terms * np.finfo(dtype).eps / 2 * bound).all(), plan


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_fft_is_within_its_normwise_bound(name, dtype):
    """|y - truth| <= (9 log2 P + C/g) u sum_c |w_c| |x_c|, with the norms of a channel's weights and padded pixels."""
    geometry = GEOMETRIES[name]
    weight, x, y = floats(geometry, dtype)
    more = np.dtype(np.clongdouble if dtype == np.complex128 else np.longdouble)
    truth = matrix.MatrixRoad(geometry, weight.astype(more), more, "test")
    axes = gemm.with_axis(geometry).axes
    points = np.prod([a.n + max(a.lo, 0) + max(a.hi, 0) for a in axes], dtype=float)
    copies = 3 ** (geometry.ndim * (geometry.padding_mode != "zeros"))  # at most, of a pixel, in the padded image
    for transposed, source in ((False, x), (True, y)):
        road = prepare(geometry, weight, np.dtype(dtype), method="fft")
        result = road.transpose(source) if transposed else road.forward(source)
        exact = truth.transpose(source.astype(more)) if transposed else truth.forward(source.astype(more))
        w = gemm.grouped_weight(geometry, weight, transposed)
        kernels = np.linalg.norm(w.reshape(*w.shape[:3], -1), axis=3)
        images = np.linalg.norm(source.reshape(len(source), geometry.groups, w.shape[2], -1), axis=3)
        norms = copies * np.einsum("gij,ngj->ngi", kernels, images).reshape(*result.shape[:2], *(1,) * geometry.ndim)
        assert (abs(result - exact) <= (9 * np.log2(points) + w.shape[2]) * np.finfo(dtype).eps / 2 * norms).all()


LAYERS = {
    "3x3": ("conv2d", (16, 18, 20), (16, 16, 3, 3), {"padding": 1}),
    "stride 2": ("conv2d", (16, 19, 20), (24, 16, 3, 3), {"padding": 1, "stride": 2}),
    "depthwise": ("conv2d", (24, 20, 16), (24, 1, 5, 5), {"padding": 2, "groups": 24}),
    "few channels": ("conv2d", (3, 30, 28), (8, 3, 7, 7), {"padding": 3, "stride": 2}),
    "1-D": ("conv1d", (16, 200), (8, 16, 9), {"padding": 8, "dilation": 2}),
    "3-D": ("conv3d", (4, 6, 9, 8), (8, 4, 3, 3, 3), {"padding": 1}),
    "many channels": ("conv2d", (24, 20, 18), (8, 24, 3, 3), {"padding": 1}),
    "one channel, 13x13": ("conv2d", (1, 60, 50), (1, 1, 13, 13), {}),
    "transposed": ("conv_transpose2d", (32, 9, 10), (32, 3, 4, 4), {"padding": 1, "stride": 2}),
    "transposed, groups": ("conv_transpose2d", (16, 8, 9), (16, 4, 3, 3), {"stride": 2, "groups": 2}),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_error_is_no_worse_than_twice_that_of_torch(name, dtype, torch):
    """The root mean square of the error, for every way to compute it."""
    op, shape, weight_shape, params = LAYERS[name]
    transposed = "transpose" in op
    geometry = (TRANSPOSED if transposed else CONV)(shape, weight_shape, **params)
    rng = np.random.default_rng(4)
    x, w = (rng.standard_normal(s).astype(dtype) for s in ((4, *shape), weight_shape))
    wide = np.dtype(np.longdouble if dtype == np.float64 else np.float64)
    exact = GemmRoad(geometry, w.astype(wide), wide, gemm.by_taps)
    truth = exact.transpose(x.astype(wide)) if transposed else exact.forward(x.astype(wide))
    theirs = getattr(torch.nn.functional, op)(torch.from_numpy(x), torch.from_numpy(w), **params).numpy()
    allowed = 2 * np.sqrt(np.mean((theirs - truth) ** 2))
    same = np.dtype(dtype)
    roads = {method: prepare(geometry, w, same, method=method) for method in METHODS}
    roads |= {plan: planned(geometry, w, same, plan) for plan in plans(geometry, transposed) if plan.way != "dense"}
    for which, road in roads.items():
        result = road.transpose(x) if transposed else road.forward(x)
        assert np.sqrt(np.mean((result - truth) ** 2)) <= allowed, which


def test_threads_are_those_of_blas_alone():
    """A limit set by threadpoolctl is obeyed: no other thread of the process works meanwhile."""
    threads = Path("/proc/self/task")
    if not threads.exists():
        pytest.skip("the time of single threads is told by Linux only")

    def others():
        found = {}
        for thread in threads.iterdir():
            if int(thread.name) != threading.get_native_id():
                fields = (thread / "stat").read_text().rpartition(")")[2].split()
                found[thread.name] = int(fields[11]) + int(fields[12])
        return found

    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((8, 64, 56, 56)), rng.standard_normal((64, 64, 3, 3))
    depthwise = rng.standard_normal((64, 1, 3, 3))
    with threadpool_limits(limits=1, user_api="blas"):
        for method in METHODS:
            conv2d(x[:1, :, :16, :16], w, padding=1, method=method)
        before = others()
        for _ in range(5):
            conv2d(x, w, padding=1)
            conv_transpose2d(x, w, stride=2)
            conv2d(x, depthwise, padding=1, groups=64)
        conv2d(x, w, padding=1, method="fft")
        after = others()
    # In hundredths of a second: the products alone take more than a whole one.
    assert sum(after.values()) - sum(before.values()) <= 5
    assert set(after) <= set(before)


def test_images_in_other_numbers_share_products_too():
    """A road that has served one batch serves another: nothing but the number of images has changed."""
    geometry = GEOMETRIES["4x4 stride 2"]
    dtype = np.dtype(np.float64)
    for images in (3, 1, 5):
        weight, x, y, reference = arrays(geometry, dtype, batch=images)
        if images == 3:
            road = planned(geometry, weight, dtype, Plan("together", summed=2, blocks=2))
        np.testing.assert_array_equal(road.forward(x), reference.forward(x))
        np.testing.assert_array_equal(road.transpose(y), reference.transpose(y))


class Preempted(Together):
    """Whenever something of it is read, another thread then serves other images with it."""

    other = None

    def __getattribute__(self, name):
        found, other = super().__getattribute__(name), Preempted.other
        if other is not None and name != "apply":
            Preempted.other = None
            other()
            Preempted.other = other
        return found


def test_threads_share_products_of_images_in_other_numbers(monkeypatch):
    geometry = GEOMETRIES["4x4 stride 2"]
    dtype = np.dtype(np.float64)
    monkeypatch.setattr("npconvt._methods.gemm.Together", Preempted)
    weight, _, y, reference = arrays(geometry, dtype, batch=3)
    for mine, others in ((3, 3), (3, 1), (1, 3)):
        road = planned(geometry, weight, dtype, Plan("together", summed=2, blocks=2))
        road.transpose(y[:1])
        monkeypatch.setattr(Preempted, "other", lambda: road.transpose(y[:others]))  # noqa: B023
        result = road.transpose(y[:mine])
        monkeypatch.setattr(Preempted, "other", None)
        np.testing.assert_array_equal(result, reference.transpose(y[:mine]))


def test_an_operator_takes_the_road_of_the_batch():
    """What it did before decides nothing: for images of any number the plan is the one of a single call."""
    geometry = CONV((64, 7, 7), (64, 64, 3, 3), padding=1)
    dtype = np.dtype(np.float64)
    road = prepare(geometry, np.ones(geometry.weight_shape), dtype)
    for images in (1, 16, 1):
        road.forward(np.ones((images, 64, 7, 7)))
    taken = {plan for _, _, plan in road.directions}
    assert taken == {choose.plan(geometry, dtype, images, False) for images in (1, 16)}
    assert len(taken) == 2


def test_a_road_keeps_few_packed_weights():
    """Batches of many sizes have many plans: the oldest are given up, and made again where they are wanted."""
    geometry = CONV((512, 4, 4), (512, 512, 3, 3), padding=1)
    weight, dtype = np.ones(geometry.weight_shape, np.float32), np.dtype(np.float32)
    batches = (1, 4, 36, 50, 80, 1)
    assert (
        len({choose.plan(geometry, dtype, images, False) for images in batches}) > gemm.KEPT
    )  # or it would show nothing
    road = prepare(geometry, weight, dtype)
    for images in batches:
        result = road.forward(np.ones((images, *geometry.input_shape), np.float32))
        np.testing.assert_array_equal(result[:, :, 1, 1], np.full((images, 512), 9 * 512, np.float32))
        assert len(road.directions) <= gemm.KEPT


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_pointwise_products_of_any_layout_keep_to_the_bound(dtype):
    pixels = np.ones((1, 700, 900, 16), dtype)
    weight = np.ones((8, 16, 1, 1), dtype)
    tracemalloc.start()
    try:
        result = conv2d(pixels.transpose(0, 3, 1, 2), weight)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - result.nbytes <= 16 * 2**20
    np.testing.assert_array_equal(result, np.full((1, 8, 700, 900), 16, dtype))


@pytest.mark.parametrize(
    ("transposed", "geometry"),
    [
        (False, CONV((4, 600, 800), (8, 4, 3, 3), padding=1)),
        (False, CONV((1, 2000, 2000), (1, 1, 15, 15))),
        (False, CONV((64, 300, 300), (64, 1, 3, 3), groups=64)),
        (False, CONV((2, 500_000), (2, 2, 101), padding=50)),
        (False, CONV((2, 900, 900), (4, 2, 3, 3), padding=20, padding_mode="circular")),
        (True, TRANSPOSED((8, 500, 500), (8, 8, 3, 3), stride=2, padding=1)),
        (True, TRANSPOSED((4, 300, 300), (4, 2, 16, 16), stride=8, padding=4)),
        (True, CONV((2, 1200, 1200), (2, 2, 3, 3), padding=300, padding_mode="reflect")),
        # Many channels become few: what is copied is the source.
        (False, CONV((64, 500, 500), (2, 64, 3, 3), padding=1, padding_mode="reflect")),
        (True, TRANSPOSED((64, 600, 600), (64, 1, 3, 3), padding=1)),
        # Images that share products.
        (True, TRANSPOSED((512, 100), (512, 256, 16), stride=8, padding=4)),
        (False, CONV((512, 7, 7), (512, 512, 3, 3), padding=1)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_workspace_is_bounded(transposed, geometry, dtype):
    image = geometry.output_shape if transposed else geometry.input_shape
    shape = (1 if np.prod(image) > 2**17 else 64, *image)
    source, weight = np.ones(shape, dtype), np.ones(geometry.weight_shape, dtype)
    road = prepare(geometry, weight, np.dtype(dtype))
    tracemalloc.start()
    try:
        result = road.transpose(source) if transposed else road.forward(source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - result.nbytes <= 64 * 2**20
    assert result.nbytes + source.nbytes > 7 * 2**20  # or the bound would say little
    # Every value is 1, so a pixel far from the border counts the taps that reach it.
    pixel = tuple(n // 2 for n in result.shape[2:])
    channels = (geometry.out_channels if transposed else geometry.in_channels) // geometry.groups
    taps = 1
    for axis, p in zip(geometry.axes, pixel, strict=True):
        taps *= sum((p + axis.lo - t * axis.d) % axis.s == 0 for t in range(axis.k)) if transposed else axis.k
    assert result[(0, 0, *pixel)] == channels * taps


@pytest.mark.parametrize(
    ("geometry", "batch", "dtype"),
    [
        (CONV((2048, 1, 1), (2048, 2048, 1, 1)), 64, np.float32),  # the product of each image would be a gradient
        (CONV((1024, 4, 4), (1024, 1024, 3, 3), padding=1), 8, np.float32),
        (CONV((1024, 4, 4), (1024, 1024, 3, 3), padding=1), 2, np.float16),
        (CONV((32, 2000), (32, 1, 2001), groups=32, padding=1000), 2, np.int64),
    ],
)
def test_workspace_of_the_gradient_is_bounded(geometry, batch, dtype):
    x, y = np.ones((batch, *geometry.input_shape), dtype), np.ones((batch, *geometry.output_shape), dtype)
    tracemalloc.start()
    try:
        gradient = weight_gradient(geometry, x, y, np.dtype(dtype))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - gradient.nbytes <= 64 * 2**20
    # Every value is 1, so a tap counts the windows that put it on the image.
    counts = [1]
    for a in geometry.axes:
        met = [sum(0 <= i * a.s + t * a.d - a.lo < a.n for i in range(a.m)) for t in range(a.k)]
        counts = np.multiply.outer(counts, met)
    np.testing.assert_array_equal(gradient, np.broadcast_to(batch * counts[0], gradient.shape))


@pytest.mark.parametrize("plan", [Plan("flat", summed=2), Plan("together", summed=2, blocks=4)])
def test_a_weight_is_cast_and_packed_in_one_copy(plan):
    geometry = CONV((2048, 1, 1), (1024, 2048, 3, 3), padding=1)
    weight, x = np.ones(geometry.weight_shape, np.float16), np.ones((2, *geometry.input_shape), np.float16)
    tracemalloc.start()
    try:
        result = planned(geometry, weight, np.dtype(np.float16), plan).forward(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 4 * weight.size + 64 * 2**20 < 8 * weight.size
    np.testing.assert_array_equal(result, np.full((2, 1024, 1, 1), 2048, np.float16))


def test_threads_share_a_road_and_runs_repeat():
    geometry = GEOMETRIES["3x3"]
    weight, x, y, reference = arrays(geometry, np.float64, batch=3)
    road = prepare(geometry, weight, np.dtype(np.float64))
    with ThreadPoolExecutor(8) as pool:
        forward = [pool.submit(road.forward, factor * x) for factor in range(40)]
        transpose = [pool.submit(road.transpose, factor * y) for factor in range(40)]
    for factor, (there, back) in enumerate(zip(forward, transpose, strict=True)):
        np.testing.assert_array_equal(there.result(), factor * reference.forward(x))
        np.testing.assert_array_equal(back.result(), factor * reference.transpose(y))
    weight, x, _ = floats(CONV((16, 40, 40), (16, 16, 3, 3), padding=1), np.float32)
    np.testing.assert_array_equal(conv2d(x, weight, padding=1), conv2d(x, weight, padding=1))


def test_the_choice_depends_on_shapes_alone_and_says_why():
    geometry = CONV((64, 56, 56), (64, 64, 3, 3), padding=1)
    chosen = choose.plan(geometry, np.dtype(np.float32), 1, False)
    assert chosen == choose.plan(geometry, np.dtype(np.float32), 1, False)
    assert str(chosen).startswith("gemm (flat, taps of 1 axis summed): estimated ")
    assert choose.plan(CONV((4, 4), (3, 3)), np.dtype(float), 1, False).way == "dense"
