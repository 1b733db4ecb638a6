"""Cross-checking: every planted mistake is named, no right result is accused, every claim has its proof."""

import json
import re
import tracemalloc
import warnings
from fractions import Fraction
from itertools import permutations
from types import ModuleType, SimpleNamespace

import crosscheck_planting as planting
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import npconvt
from npconvt import Case, crosscheck, error_bound, probe

TRANSPOSED_ONLY = {
    "padding_of_dilated_input",
    "padding_of_input",
    "output_padding_dropped",
    "output_padding_zero_filled",
    "output_padding_scaled",
    "zeros_misplaced",
    "crop_before_dilation",
    "groups_dilation_exchanged",
    "upsample_then_conv",
}
CONV_ONLY = {"stride_phase"}
SEVERAL_AXES = {"output_axes_swapped", "dilation_axes_mixed", "axes_reversed"}


def plantings() -> list[tuple[str, int, bool]]:
    return [
        (name, ndim, transposed)
        for name in planting.names()
        for ndim in (1, 2, 3)
        for transposed in (False, True)
        if not (ndim == 1 and SEVERAL_AXES & set(name.split("+")))
        and not (transposed and CONV_ONLY & set(name.split("+")))
        and not (not transposed and TRANSPOSED_ONLY & set(name.split("+")))
    ]


@pytest.mark.parametrize(("name", "ndim", "transposed"), plantings())
def test_a_planted_mistake_is_named(name: str, ndim: int, transposed: bool) -> None:
    rng = np.random.default_rng([ndim, transposed, *name.encode()])
    case, wrong, parameters = planting.planted(rng, name, ndim=ndim, transposed=transposed)
    report = crosscheck(case, wrong)
    assert not report.ok
    named = {cause.name: cause for cause in report.causes}
    assert name.strip() in named, f"{case!r}\n{report}"
    first = next(cause.name for cause in report.causes)
    general = named[name.strip()].general
    assert first == name.strip() or name.strip() in report.indistinguishable or general
    if wrong.shape != case.expected().shape:
        assert report.verdict == "wrong shape"
    else:
        arithmetic = name.startswith(("reduced", "integer")) and "+" not in name
        assert report.verdict == ("reduced precision" if arithmetic else "different convention")
    found = named[name.strip()].parameters
    variants = [found, *found.get("or", [])]
    assert any(all(_says(v.get(key), value) for key, value in parameters.items()) for v in variants), found


def _says(found: object, wanted: object) -> bool:
    if isinstance(found, str) and isinstance(wanted, str):
        return wanted in found.split(" or ")
    return found == wanted


def test_every_name_of_the_table_is_planted() -> None:
    from npconvt._crosscheck.causes import KINDS

    assert {name.strip() for name in planting.names() if "+" not in name} == {kind.name for kind in KINDS}


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "complex64", "complex128", "int8", "uint8", "int64"]
)
@pytest.mark.parametrize("transposed", [False, True])
def test_a_right_result_is_never_accused(dtype: str, transposed: bool, torch: ModuleType) -> None:
    from crosscheck_fuzz import random_like

    rng = np.random.default_rng(8)
    for ndim in (1, 2, 3):
        x = random_like(rng, np.empty((2, 4, *(6, 7, 5)[:ndim])), dtype)
        w = random_like(rng, np.empty((4, 2, *(3, 2, 3)[:ndim])), dtype)
        b = random_like(rng, np.empty(4), dtype)
        op = f"conv{'_transpose' * transposed}{ndim}d"
        case = Case(
            op, x, w, b, {"stride": 2, "padding": 1, "groups": 2, **({"output_padding": 1} if transposed else {})}
        )
        results = [case.expected(method=method) for method in ("auto", "matrix")]
        if np.dtype(dtype).kind in "fc" or (dtype == "int64" and not transposed):
            call = getattr(torch.nn.functional, op)
            results.append(call(*map(torch.from_numpy, (x, w, b)), **case.params).numpy())
        for result in results:
            report = crosscheck(case, result)
            assert report.ok, report
            assert report.max_bound_ratio <= 1


# conventions.md's running example: five samples, taps 1, 10, 100, stride 2.
FULL = [1, 10, 102, 20, 203, 30, 304, 40, 405, 50, 500]
X, W = [[[1, 2, 3, 4, 5]]], [[[1, 10, 100]]]


ADDED = {"stride": 2, "padding": 1, "output_padding": 1}
UNFLIPPED = [100, 10, 201, 20, 302, 30, 403, 40, 504, 50]


@pytest.mark.parametrize(
    ("op", "params", "other", "cause"),
    [
        ("conv_transpose1d", {"stride": 2, "padding": ((0, 1),)}, FULL[1:], "crop_shifted"),
        ("conv_transpose1d", {"stride": 2, "padding": "same"}, UNFLIPPED, "kernel_flipped"),
        ("conv_transpose1d", {"stride": 2}, UNFLIPPED[2:-1], "kernel_flipped+padding_of_dilated_input"),
        ("conv_transpose1d", ADDED, FULL[1:-1], "output_padding_dropped"),
        ("conv_transpose1d", ADDED, [*FULL[1:-1], 0], "output_padding_zero_filled"),
        ("conv_transpose1d", {"stride": 2, "padding": 1}, [0, 0, *FULL, 0, 0], "padding_of_input"),
        ("conv_transpose1d", {"stride": 2, "dilation": 2, "padding": 2}, FULL[2:-2], "dilation_ignored"),
        ("conv1d", {"padding": 1}, [12, 123, 234, 345, 450], "kernel_flipped"),
        ("conv1d", {"padding": 1}, [215, 321, 432, 543, 154], "padding_mode"),
    ],
)
def test_the_worked_numbers_of_the_conventions(op: str, params: dict, other: list[int], cause: str) -> None:
    report = crosscheck(Case(op, X, W, params=params), [[other]])
    assert cause in [c.name for c in report.causes], report


def test_two_mistakes_give_one_cause_with_the_numbers_of_both() -> None:
    # JAX's default: padding of the zero-stuffed input, and a kernel that is not flipped.
    case = probe("conv_transpose2d", (1, 2, 4, 5), (2, 3, 3, 4), stride=2)
    full = npconvt.conv_transpose2d(case.input, case.weight[..., ::-1, ::-1], stride=2)
    report = crosscheck(case, full[..., 2:-2, 3:-3])
    special, general = report.causes
    assert special.name == "kernel_flipped+padding_of_dilated_input"
    assert general.name == "kernel_flipped+crop_shifted"
    assert general.parameters["crop"] == ((2, 2), (3, 3))
    assert general.parameters["axes"] == (0, 1)


def test_a_bug_nobody_has_named_comes_out_as_its_crop() -> None:
    case = probe("conv_transpose2d", (1, 2, 6, 7), (2, 3, 4, 3), stride=(3, 2), padding=1)
    full = npconvt.conv_transpose2d(case.input, case.weight, stride=(3, 2))
    report = crosscheck(case, full[..., 4:-1, :-3])
    assert [c.name for c in report.causes] == ["crop_shifted"]
    assert report.causes[0].parameters["crop"] == ((4, 1), (0, 3))
    assert report.verdict == "wrong shape"


def test_a_result_that_ends_too_early_has_its_crop_and_no_shift() -> None:
    case = probe("conv_transpose2d", (1, 2, 5, 6), (2, 3, 3, 4), stride=2, padding=1)
    (cause,) = crosscheck(case, case.expected()[..., :-1]).causes
    assert cause.name == "crop_shifted"
    assert cause.parameters == {"crop": ((1, 1), (1, 2)), "claimed": ((1, 1), (1, 1))}


def test_the_special_cause_stands_before_the_general_one() -> None:
    case = probe("conv_transpose1d", (1, 1, 7), (1, 2, 2), stride=4, padding="same")
    report = crosscheck(case, npconvt.conv_transpose1d(case.input, case.weight, stride=4, padding=((-2, 0),)))
    names = [cause.name for cause in report.causes]
    assert names[-1] == "crop_shifted"
    assert "zeros_misplaced" in names[:-1]
    assert [cause.general for cause in report.causes] == [False] * (len(names) - 1) + [True]


def test_noise_is_not_explained() -> None:
    rng = np.random.default_rng(0)
    case = probe("conv_transpose2d", (1, 2, 6, 7), (2, 3, 3, 2), stride=2, bias=True)
    for noise in (rng.standard_normal, lambda shape: rng.integers(-9, 10, shape)):
        wrong = case.expected() + noise(case.expected().shape)
        report = crosscheck(case, wrong.astype(np.float32))
        assert (report.verdict, report.causes) == ("unexplained", ())


def test_one_wrong_element_is_found_and_placed() -> None:
    case = probe("conv_transpose2d", (1, 2, 6, 7), (2, 3, 3, 2), stride=2)
    wrong = case.expected()
    wrong[0, 2, 5, 7] += 1
    report = crosscheck(case, wrong)
    assert (report.verdict, report.max_error) == ("unexplained", 1.0)
    assert report.where["elements"] == (1, wrong.size)
    assert (report.where["interior"][0], report.where["border"][0]) == (1, 0)
    assert (report.where["channels"], report.where["phases"]) == ((2,), ((1, 1),))


# --- precision -------------------------------------------------------------------------------------------------------


def _deep_case() -> Case:
    """A layer of 2304 terms: TF32 inputs stay inside float32's bound there."""
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((1, 256, 10, 10)), rng.standard_normal((8, 256, 3, 3))
    return Case("conv2d", x.astype(np.float32), w.astype(np.float32))


def test_precision_is_proved_inside_the_bound() -> None:
    case = _deep_case()
    assert crosscheck(case, case.expected()).verdict == "within rounding"
    tf32 = npconvt.conv2d(planting.to_tf32(case.input), planting.to_tf32(case.weight))
    report = crosscheck(case, tf32)
    assert report.max_bound_ratio < 1
    assert (report.ok, report.verdict) == (False, "reduced precision")
    assert report.causes[0].parameters["format"] == "TF32 or float16"
    assert "nearest-even" in report.causes[0].parameters["rounding"]


def test_the_range_of_exponents_tells_tf32_from_float16() -> None:
    case = probe("conv2d", (1, 4, 9, 9), (5, 4, 3, 3), kind="precision")
    for name, to in (("TF32", planting.to_tf32), ("float16", planting.ROUNDINGS["float16"])):
        report = crosscheck(case, npconvt.conv2d(to(case.input), to(case.weight)))
        assert report.causes[0].parameters["format"] == name


def test_precision_is_seen_though_half_of_the_result_is_empty() -> None:
    # One tap at stride 2 leaves every second row without terms: a regular sample would see nothing else.
    case = probe("conv_transpose1d", (2, 3, 6), (3, 3, 1), kind="precision", stride=2, padding=((1, 2),))
    to = planting.to_bfloat16
    report = crosscheck(case, npconvt.conv_transpose1d(to(case.input), to(case.weight), **case.params))
    assert report.causes[0].parameters["format"] == "bfloat16"


def test_truncation_is_told_from_rounding() -> None:
    case = probe("conv2d", (1, 4, 9, 9), (5, 4, 3, 3), kind="precision")
    to = planting.truncated_bfloat16
    report = crosscheck(case, npconvt.conv2d(to(case.input), to(case.weight)))
    found = report.causes[0].parameters
    assert (found["format"], found["rounding"], found["rounded"]) == ("bfloat16", "truncation", "both")


def test_sums_in_float16_are_seen_in_a_float32_result() -> None:
    rng = np.random.default_rng(1)
    case = Case("conv1d", rng.standard_normal((1, 4, 40)).astype("f4"), rng.standard_normal((3, 4, 5)).astype("f4"))
    rounded_once = case.expected().astype(np.float16).astype(np.float32)
    summed = np.zeros((1, 3, 36), np.float16)
    for c in range(4):
        for t in range(5):
            summed += case.input[:, c, t : t + 36].astype(np.float16) * case.weight[:, c, t, None].astype(np.float16)
    for result, where in ((rounded_once, "result"), (summed.astype(np.float32), "sums")):
        found = crosscheck(case, result).causes[0]
        assert (found.name, found.parameters) == ("reduced_precision", {"format": "float16", "rounded": where})


def test_a_few_elements_prove_no_precision() -> None:
    # Errors within a wide bound, of no format's making: one of the many that are tried comes near one by accident.
    rng = np.random.default_rng(24)
    for _ in range(30):
        x, w = (rng.standard_normal((1, 1, 4000)).astype("f4") for _ in range(2))
        case = Case("conv1d", x, w)
        result = case.expected() + rng.uniform(-0.1, 0.1, (1, 1, 1)) * error_bound(case, "float32")
        assert crosscheck(case, result.astype("f4")).verdict == "within rounding"


def test_a_wide_bound_does_not_hide_a_flipped_kernel() -> None:
    # 576 terms in float16: half of |w|*|x| is within the worst case of rounding, so the bound sees nothing.
    rng = np.random.default_rng(4)
    x, w = (rng.standard_normal(s).astype(np.float16) for s in ((1, 64, 8, 9), (4, 64, 3, 3)))
    case = Case("conv2d", x, w)
    assert crosscheck(case, case.expected()).ok
    report = crosscheck(case, npconvt.conv2d(x, w[..., ::-1, ::-1]))
    assert report.max_bound_ratio < 1
    assert [cause.name for cause in report.causes] == ["kernel_flipped"]


def test_precision_is_seen_though_few_elements_show_it() -> None:
    # One pixel of 1600 has digits that bfloat16 does not hold: 9 of 1444 elements differ, and none of the first few.
    rng = np.random.default_rng(25)
    x, w = rng.integers(-9, 10, (1, 1, 40, 40)).astype("f4"), rng.integers(-9, 10, (1, 1, 3, 3)).astype("f4")
    x[0, 0, 20, 20] = 1.7
    report = crosscheck(Case("conv2d", x, w), npconvt.conv2d(planting.to_bfloat16(x), w))
    assert report.where["elements"] == (9, 1444)
    assert (report.verdict, report.causes[0].parameters["format"]) == ("reduced precision", "bfloat16")


def test_a_wide_bound_vouches_for_no_result_that_is_unlike_the_right_one() -> None:
    rng = np.random.default_rng(20)
    x, w = rng.standard_normal((1, 64, 8, 9)), rng.standard_normal((4, 64, 3, 3))
    for dtype in ("float16", "float32"):
        case = Case("conv2d", x.astype(dtype), w.astype(dtype))
        right = case.expected()
        for wrong in (np.zeros_like(right), np.ones_like(right), np.roll(right, 1, 1).astype(np.float16).astype(dtype)):
            report = crosscheck(case, wrong)
            assert (report.ok, report.verdict) == (False, "unexplained")
            assert ("within its bound" in report.notes[-1]) == (dtype == "float16")
    whole = Case("conv2d", np.rint(9 * x).astype(int), np.rint(9 * w).astype(int))
    assert crosscheck(whole, np.zeros_like(whole.expected())).verdict == "unexplained"


def test_sums_that_stagnate_or_cancel_are_right() -> None:
    # In float16 2048 + 1 is 2048; and where all products cancel, only their rounding is left.
    ones = np.ones((1, 50, 79), np.float16)
    case = Case("conv1d", ones, ones, None, {"padding": 60})
    stagnant = np.minimum(case.expected(), 2048)
    assert stagnant.min() < 2048 < case.expected().max()
    assert crosscheck(case, stagnant).verdict == "within rounding"
    rng = np.random.default_rng(21)
    w = rng.standard_normal((4, 1, 600)).astype(np.float16)
    w[..., 300:] = -w[..., :300]
    case = Case("conv1d", np.full((1, 1, 700), 1.1, np.float16), w)
    total = np.zeros((1, 4, 101), np.float16)
    for t in rng.permutation(600):
        total += case.input[:, :, t : t + 101] * w[:, 0, t, None]
    assert total.any()
    assert crosscheck(case, total).verdict == "within rounding"


@pytest.mark.parametrize(("channels", "name"), [(3, "reduced_precision+scaled"), (300, "scaled")])
def test_a_scaled_result_in_a_narrow_format_is_scaled(channels: int, name: str) -> None:
    # From some hundred terms on float32's bound has room for the rounding to float16.
    rng = np.random.default_rng(22)
    x, w = (rng.standard_normal((n, channels, *size)).astype("f4") for n, size in ((1, (8, 9)), (4, (3, 3))))
    case = Case("conv2d", x, w)
    half = (case.expected() / 2).astype(np.float16).astype(np.float32)
    report = crosscheck(case, half)
    assert [cause.name for cause in report.causes] == [name]
    assert report.causes[0].parameters["factor"] == 0.5


@pytest.mark.parametrize(("dtype", "name"), [("int8", "int8"), ("int16", "int16"), ("int32", "int32")])
def test_wrapped_integers_are_named_with_their_type(dtype: str, name: str) -> None:
    case = probe("conv2d", (1, 2, 6, 7), (3, 2, 3, 2), kind="overflow")
    report = crosscheck(case, case.expected().astype(dtype))
    assert report.verdict == "reduced precision"
    assert [(c.name, c.parameters["type"]) for c in report.causes] == [("integer_wrapped", name)]


@pytest.mark.parametrize("numbers", [1, 2, 3])
def test_fewer_than_three_numbers_are_a_multiple_of_any_others(numbers: int) -> None:
    case = Case("conv1d", [[2, 4, 7][:numbers] + [0] * 5], [[[1]]])
    report = crosscheck(case, 3 * case.expected())
    assert [cause.name for cause in report.causes] == ["scaled"][: numbers == 3]


def test_a_long_signal_takes_memory_in_proportion() -> None:
    # Of the modes that are tried, replicate shows one position of the result fifty times over.
    rng = np.random.default_rng(23)
    x, w = rng.standard_normal((1, 1, 2000)), rng.standard_normal((1, 1, 101))
    case = Case("conv_transpose1d", x, w, None, {"stride": 4, "padding": 50, "padding_mode": "circular"})
    noise = rng.standard_normal(case.expected().shape)
    tracemalloc.start()
    report = crosscheck(case, noise)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (report.verdict, peak < 50e6) == ("unexplained", True), peak


def test_the_error_of_integers_may_exceed_64_bits() -> None:
    case = Case("conv1d", [[2**62, 1, 3, 2**61]], [[[1]]])
    report = crosscheck(case, [[-(2**63), 1, 3, 2**61]])
    assert (report.verdict, report.max_error) == ("unexplained", 2.0**63 + 2.0**62)


# --- what may be handed over -----------------------------------------------------------------------------------------


def test_layout_dtype_and_kind_of_container_do_not_matter(torch: ModuleType) -> None:
    case = probe("conv2d", (2, 3, 6, 7), (4, 3, 3, 2))
    right = case.expected()
    strange = [
        np.asfortranarray(right),
        right[::-1, :, ::-1][::-1, :, ::-1],
        right.astype(">f4"),
        right.astype(np.float64),
        right.astype(np.float16),
        right.astype(np.int64),
        right.tolist(),
        torch.from_numpy(right),
        lambda x: npconvt.conv2d(x, case.weight),
    ]
    for actual in strange:
        assert crosscheck(case, actual).verdict == "exact"
    recorded = Case(case.op, case.input, case.weight, output=right)
    assert crosscheck(recorded).verdict == "exact"


@pytest.mark.parametrize("shape", [(), (0,), (0, 3, 4, 6), (2, 3), (2, 4, 4), (1, 2, 4, 4, 6, 1), (2, 4, 4, 5)])
def test_any_wrong_shape_gets_a_verdict(shape: tuple[int, ...]) -> None:
    case = probe("conv2d", (2, 3, 6, 7), (4, 3, 3, 2))
    report = crosscheck(case, np.ones(shape))
    assert (report.ok, report.verdict, report.expected_shape) == (False, "wrong shape", (2, 4, 4, 6))
    assert str(shape) in str(report)


def test_values_that_are_no_numbers_get_a_verdict() -> None:
    case = probe("conv2d", (1, 2, 6, 7), (3, 2, 3, 2))
    right = case.expected()
    for value in (np.nan, np.inf, -np.inf):
        wrong = right.copy()
        wrong[0, 1, 2, 3] = value
        report = crosscheck(case, wrong)
        assert (report.verdict, report.max_error) == ("unexplained", np.inf)
        assert any("1 element is not finite" in note for note in report.notes)
        assert not crosscheck(case, np.full_like(right, value)).ok
    report = crosscheck(case, np.zeros_like(right))
    assert report.verdict == "unexplained"
    assert any("Every element is zero" in note for note in report.notes)


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "uint64", "bool"])
def test_whatever_the_result_there_is_a_verdict(dtype: str) -> None:
    rng = np.random.default_rng([12, *dtype.encode()])
    for ndim in (1, 2):
        call = planting.draw(rng, "convention", "float32", "", ndim=ndim)
        x, w = (planting_like(rng, a, dtype) for a in (call.x, call.w))
        case = Case(call.op(), x[0], w, None, call.params())
        right = case.expected()
        assert crosscheck(case, right).ok
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's own, for the casts that these junk results are made by
            kinds = ("float16", "int8", "complex64", "bool", "uint8", "float64", "longdouble")
            junk = [right.astype(kind) for kind in kinds]
        junk += [right[..., :-1], right.reshape(-1), np.roll(right, 1, -1), right.T, right[None], np.zeros((0, 3))]
        junk += [rng.integers(0, 100, right.shape), np.full(right.shape, np.nan), right.astype(complex) + 1j]
        for result in junk:
            report = crosscheck(case, result)
            assert report.verdict in str(report)
            json.loads(report.to_json())


def planting_like(rng: np.random.Generator, a: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "bool":
        return rng.random(a.shape) < 0.5
    if dtype == "uint64":  # the sums wrap, in the library as here
        return rng.integers(0, 2**63, a.shape, dtype=np.uint64)
    return (10 * rng.standard_normal(a.shape)).astype(dtype)


def test_nan_and_overflow_in_the_right_places_are_right() -> None:
    x = np.ones((1, 1, 8), np.float32)
    x[0, 0, 3] = np.nan
    case = Case("conv1d", x, np.ones((1, 1, 3), np.float32), params={"padding": 1})
    assert crosscheck(case, case.expected()).ok
    assert not crosscheck(case, np.roll(case.expected(), 1)).ok
    big = Case("conv1d", np.full((1, 1, 8), 300, np.float16), np.full((1, 1, 3), 300, np.float16))
    assert crosscheck(big, np.full((1, 1, 6), np.inf, np.float16)).ok
    small = Case("conv1d", np.full((1, 1, 8), 3, np.float16), np.full((1, 1, 3), 3, np.float16))
    assert not crosscheck(small, np.full((1, 1, 6), np.inf, np.float16)).ok


def test_empty_results_agree() -> None:
    case = Case("conv2d", np.zeros((0, 2, 5, 5)), np.zeros((3, 2, 3, 3)))
    assert crosscheck(case, np.zeros((0, 3, 3, 3))).verdict == "exact"


@pytest.mark.parametrize(
    ("actual", "error", "match"),
    [
        (None, ValueError, "actual must be given where the case holds no output"),
        ("text", TypeError, "actual must hold numbers, but its dtype is <U4"),
        (np.array([{}]), TypeError, "actual must hold numbers, but its dtype is object"),
        ([[1], [1, 2]], TypeError, "actual must be convertible by numpy.asarray"),
    ],
)
def test_what_is_no_result_is_a_clear_error(actual: object, error: type[Exception], match: str) -> None:
    case = probe("conv1d", (2, 6), (3, 2, 3))
    with pytest.raises(error, match=f"^crosscheck: {match}"):
        crosscheck(case, actual)


@pytest.mark.parametrize(
    ("op", "input_shape", "weight_shape", "params"),
    [
        ("conv", (2, 3), (4, 3), {}),  # no spatial axes
        ("conv_transpose", (2, 3), (3, 4), {}),
        ("conv", (1, 2, 3, 4, 3, 4), (2, 2, 2, 1, 2, 2), {"padding": 1}),  # four
        ("conv_transpose", (1, 2, 3, 3, 2, 3), (2, 2, 2, 1, 2, 2), {"stride": 2, "output_padding": 1}),
        ("conv1d", (0, 2, 5), (3, 2, 2), {}),  # empty batch, and no channels
        ("conv1d", (1, 0, 5), (3, 0, 2), {"padding": "same"}),
        ("conv2d", (1, 2, 5, 4), (0, 1, 2, 2), {"groups": 2}),
        ("conv_transpose1d", (1, 2, 5), (2, 0, 2), {"groups": 2}),
        ("conv", (1, 4, 6), (4, 2, 1), {"groups": 2}),
    ],
)
def test_every_shape_of_call_gets_a_verdict(op: str, input_shape: tuple, weight_shape: tuple, params: dict) -> None:
    rng = np.random.default_rng(15)
    for dtype in ("float32", "complex64", "float16", "int16"):
        x, w = (rng.integers(-9, 10, shape).astype(dtype) for shape in (input_shape, weight_shape))
        if x.size and dtype != "int16":
            x.flat[0] = np.inf
        case = Case(op, x, w, None, params)
        right = case.expected()
        for normwise in (False, True):
            assert crosscheck(case, right, normwise=normwise).ok
        shapes = (right.shape, (1, 1, 3), (1, 2, 3, 4, 5, 6), (3,), ())
        for wrong in (right[..., None], np.zeros_like(right), *(rng.standard_normal(shape) for shape in shapes)):
            report = crosscheck(case, wrong)
            assert report.ok == (wrong.shape == right.shape and bool((wrong == right).all()))
            assert report.verdict in str(report)
            json.loads(report.to_json())


def test_an_error_where_no_input_reaches_is_explained() -> None:
    # One tap and padding 1: of the border the sums are empty, and all else agrees but for rounding.
    rng = np.random.default_rng(16)
    x, w = rng.standard_normal((1, 3, 6, 7)).astype("f4"), rng.standard_normal((4, 3, 1, 1)).astype("f4")
    case = Case("conv2d", x, w, None, {"padding": 1})
    report = crosscheck(case, npconvt.conv2d(x, w, padding=1, padding_mode="replicate"))
    assert [cause.name for cause in report.causes] == ["padding_mode"]
    assert report.effective_bits < 2


def test_how_much_agrees_is_not_said_of_finite_elements_alone() -> None:
    case = probe("conv2d", (1, 2, 6, 7), (3, 2, 3, 2))
    right = case.expected()
    assert crosscheck(case, np.full_like(right, np.nan)).effective_bits == 0
    opposite = crosscheck(case, -2 * right)  # an error larger than what is summed
    assert opposite.effective_bits == 0
    assert re.search(r"^agreeing bits  none: ", str(opposite), re.MULTILINE)
    assert crosscheck(case, right + 1j).effective_bits < 1  # only the real half is right
    x = np.array(case.input)
    x[0, 0, 3, 3] = np.nan
    report = crosscheck(Case("conv2d", x, case.weight), right)
    assert report.max_error == np.inf
    assert report.notes == ("18 elements are finite where the right result is not.", "No known cause gives these data.")
    case = Case("conv2d", x, case.weight)
    notes = crosscheck(case, np.where(np.isnan(case.expected()), np.inf, right)).notes
    assert notes == (
        "18 elements are not finite where the right result is another.",
        "No known cause gives these data.",
    )


def test_a_number_that_is_not_finite_widens_no_bound_of_norms() -> None:
    rng = np.random.default_rng(26)
    x, w = rng.standard_normal((1, 2, 6, 7)).astype("f4"), rng.standard_normal((3, 2, 3, 2)).astype("f4")
    x[0, 0, 0, 0] = np.inf
    case = Case("conv2d", x, w)
    wrong = np.array(case.expected())
    assert crosscheck(case, wrong, normwise=True).ok
    wrong[..., -1, -1] += 1
    assert crosscheck(case, wrong, normwise=True).where["elements"][0] == 3


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_output_padding_beside_a_padding_mode_is_right(mode: str) -> None:
    rng = np.random.default_rng(17)
    x, w = rng.integers(-9, 10, (2, 4, 4)), rng.integers(-9, 10, (4, 1, 3))
    params = {"stride": 3, "padding": ((1, 0),), "padding_mode": mode, "output_padding": 1, "groups": 2}
    case = Case("conv_transpose1d", x, w, params=params)
    assert crosscheck(case, case.expected()).verdict == "exact"
    dropped = npconvt.conv_transpose1d(x, w, **{**params, "output_padding": 0})
    assert "output_padding_dropped" in [cause.name for cause in crosscheck(case, dropped).causes]


@pytest.mark.parametrize(
    ("how", "change"),
    [("all axes reversed", np.transpose), ("flattened", np.ravel), ("axes of length one dropped", np.squeeze)],
)
def test_an_array_of_other_axes_is_told_from_other_data(how: str, change: object) -> None:
    case = probe("conv2d", (1, 2, 6, 7), (1, 2, 3, 2))
    cause = crosscheck(case, change(case.expected())).causes[0]
    assert (cause.name, cause.parameters["how"]) == ("data_layout", how)


def test_an_impossible_claim_is_a_report() -> None:
    claim = {"op": "conv1d", "input": np.ones((1, 1, 3)), "weight": np.ones((1, 1, 5))}
    for case in (claim, SimpleNamespace(bias=None, params={}, output=None, **claim)):
        report = crosscheck(case, np.ones((1, 1, 1)))
        assert (report.ok, report.verdict, report.expected_shape) == (False, "wrong shape", None)
        assert "impossible" in str(report)
        assert "kernel" in report.notes[0]
    report = crosscheck({**claim, "weight": np.ones((1, 1, 2)), "bias": np.ones(3)}, np.ones((1, 1, 2)))
    assert "bias must have shape (1,)" in report.notes[0]
    for call in (lambda case: crosscheck(case, np.ones(3)), lambda case: error_bound(case, "float32")):
        with pytest.raises(ValueError, match=r"^\w+: case must have op, input and weight"):
            call({"op": "conv1d"})
        with pytest.raises(TypeError, match=r"^\w+: case must be a Case, or a mapping with its fields, but got a list"):
            call([1, 2])
        with pytest.raises(TypeError, match=r"^\w+: params must be a mapping of names to values, but got a int"):
            call({**claim, "params": 5})


def test_a_report_is_short_and_goes_through_json() -> None:
    case = probe("conv_transpose2d", (1, 2, 6, 7), (2, 3, 3, 2), stride=2, bias=True)
    wrong = npconvt.conv_transpose2d(case.input, case.weight[..., ::-1, :], case.bias, stride=2)
    report = crosscheck(case, wrong)
    text = str(report)
    assert len(text.splitlines()) <= 15
    assert "kernel_flipped" in text
    assert "axes = (0,)" in text
    data = json.loads(report.to_json())
    assert (data["verdict"], data["causes"][0]["parameters"]) == ("different convention", {"axes": [0]})
    assert "expected" not in data
    assert_array_equal(report.expected, case.expected())
    assert report.bound_ratio.shape == wrong.shape
    exact = json.loads(crosscheck(case, case.expected()).to_json())
    assert (exact["ok"], exact["effective_bits"]) == (True, None)


# --- the bound -------------------------------------------------------------------------------------------------------


def test_the_bound_is_the_number_of_terms_times_the_roundoff() -> None:
    case = Case("conv1d", [[1.0, -2.0, 3.0]], [[[4.0, 5.0]]], [6.0], {"padding": 1})
    magnitude = np.array([[5 + 6, 4 + 10 + 6, 8 + 15 + 6, 12 + 6]])
    terms = np.array([[1, 2, 2, 1]]) + 1  # and the bias
    u, tiny = 2.0**-24, np.finfo(np.float32).tiny
    assert_array_equal(error_bound(case, np.float32), (terms + 1) * u * magnitude + terms * tiny)
    assert_array_equal(error_bound(case, np.int32), np.zeros((1, 4)))
    with pytest.raises(TypeError, match=r"^error_bound: dtype must be a type of numbers, but got object"):
        error_bound(case, object)


def test_no_order_of_summation_leaves_the_bound() -> None:
    rng = np.random.default_rng(5)
    x, w = (rng.standard_normal((1, 1, 6)).astype(np.float16) for _ in range(2))
    case = Case("conv1d", x, w)
    limit = error_bound(case, np.float16)[0, 0, 0]
    products = x.ravel() * w.ravel()
    exact = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x.ravel(), w.ravel(), strict=True))
    worst = 0.0
    for order in permutations(products):
        total = np.float16(0)
        for product in order:
            total += product
        worst = max(worst, abs(float(Fraction(float(total)) - exact)))
    assert 0 < worst <= limit


def test_the_worst_order_comes_near_the_bound() -> None:
    # One, then many numbers of half a unit each: every addition is rounded down.
    n = 400
    x = np.full((1, 1, n), 2.0**-11, np.float16)
    x[0, 0, 0] = 1
    case = Case("conv1d", x, np.ones((1, 1, n), np.float16))
    total = np.float16(0)
    for value in x.ravel():
        total += value
    error = abs(float(total) - (1 + (n - 1) * 2.0**-11))
    limit = error_bound(case, np.float16)[0, 0, 0]
    assert 0.8 * limit < error <= limit


def test_three_real_products_have_their_own_bound() -> None:
    from npconvt._crosscheck.bound import three_product_factor

    for n in (1, 10, 10**6):
        for digits in (11, 24, 53):
            u = Fraction(1, 2**digits)
            e = (1 + u) ** 2 * (1 + n * u) - 1
            exact = ((1 + u) ** 2 * (e + n * u) + u * (1 + u) + u) / u
            assert abs(Fraction(float(three_product_factor(np.array(n), float(u)))) / exact - 1) < Fraction(1, 2**45)
    # A small imaginary part is where three products lose what four keep.
    rng = np.random.default_rng(6)
    x = (rng.standard_normal((1, 4, 30)) + 1e-6j * rng.standard_normal((1, 4, 30))).astype(np.complex64)
    w = (rng.standard_normal((3, 4, 5)) + 1e-6j * rng.standard_normal((3, 4, 5))).astype(np.complex64)
    case = Case("conv1d", x, w)
    parts = [npconvt.conv1d(a, b) for a, b in ((x.real, w.real), (x.imag, w.imag), (x.real + x.imag, w.real + w.imag))]
    gauss = parts[0] - parts[1] + 1j * (parts[2] - parts[0] - parts[1])
    report = crosscheck(case, gauss.astype(np.complex64))
    assert (report.verdict, report.bound) == ("within rounding", "three products")
    assert crosscheck(case, case.expected()).bound == "componentwise"


def test_fft_is_judged_by_the_normwise_bound() -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal((1, 1, 400)).astype(np.float32)
    x[..., 200:] *= 1e-6
    w = rng.standard_normal((1, 1, 9)).astype(np.float32)
    spectrum = np.fft.rfft(x, 512).astype(np.complex64) * np.fft.rfft(w[..., ::-1], 512).astype(np.complex64)
    y = np.fft.irfft(spectrum, 512)[..., 8:400].astype(np.float32)
    case = Case("conv1d", x, w)
    assert crosscheck(case, y).verdict == "unexplained"
    report = crosscheck(case, y, normwise=True)
    assert (report.verdict, report.bound) == ("within rounding", "normwise")
    assert not crosscheck(case, y + 1e-3, normwise=True).ok


# --- the arithmetic below --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("op", ["conv2d", "conv_transpose2d"])
def test_readings_agree_with_the_library(op: str, mode: str) -> None:
    from npconvt._crosscheck.reading import evaluate, evaluate_at, read

    rng = np.random.default_rng(9)
    tried = 0
    while tried < 40:
        g = int(rng.integers(1, 3))
        shape = (g * 2, 3, *rng.integers(1, 4, 2)) if op == "conv2d" else (g * 3, 2, *rng.integers(1, 4, 2))
        params = {
            "stride": tuple(rng.integers(1, 4, 2)),
            "padding": tuple((a, b) for a, b in rng.integers(-1, 3, (2, 2))),
            "dilation": tuple(rng.integers(1, 3, 2)),
            "groups": g,
            "padding_mode": mode,
        }
        if op == "conv_transpose2d":
            params["output_padding"] = tuple(rng.integers(0, 2, 2))
        x = rng.integers(-9, 10, (2, g * 3, *rng.integers(3, 7, 2)))
        try:
            case = Case(op, x, rng.integers(-9, 10, shape), rng.integers(-9, 10, g * 2), params)
        except ValueError:
            continue
        tried += 1
        reading = read(case)
        assert reading.possible()
        value = evaluate(reading)
        assert_array_equal(value.value, case.expected())
        assert_array_equal(value.magnitude, Case(op, abs(x), abs(case.weight), abs(case.bias), params).expected())
        where = np.arange(value.value.size)
        for whole, single in zip(value, evaluate_at(reading, where), strict=True):
            assert_array_equal(whole.ravel(), single)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("op", ["conv2d", "conv_transpose2d"])
def test_the_truth_for_float64_is_right_to_its_last_bit(op: str, dtype: str) -> None:
    from npconvt._crosscheck import bound
    from npconvt._crosscheck.reading import read

    from crosscheck_fuzz import random_like  # isort: skip

    rng = np.random.default_rng(10)
    x, w = (random_like(rng, np.empty(s), dtype) for s in ((1, 4, 5, 6), (4, 2, 3, 2)))
    case = Case(op, x, w, random_like(rng, np.empty(4), dtype), {"stride": 2, "groups": 2})
    reading = read(case)
    pairs = bound._double_double(reading)
    # The sum itself, in rational numbers, of the element in the middle.
    truth = bound.truth(reading, bound.precision(dtype)).value
    limit = 2.0**-52 * abs(pairs).max()
    assert abs(pairs - truth).max() <= limit
    exact = _rational(case)
    assert abs(complex(pairs[0, 1, 1, 1]) - exact) <= 2.0**-52 * abs(exact)


def _rational(case: Case) -> complex:
    """Element (0, 1, 1, 1) of a case of two groups, stride 2, without rounding."""
    from npconvt._crosscheck.reading import read

    reading = read(case)
    impulses = {}
    for index in np.ndindex(*case.input.shape):
        x = np.zeros(case.input.shape)
        x[index] = 1
        places = Case(
            case.op, x, np.arange(1.0, case.weight.size + 1).reshape(case.weight.shape), None, dict(case.params)
        )
        number = int(places.expected()[0, 1, 1, 1])
        if number:
            impulses[index] = number - 1
    assert reading.x.shape == case.input.shape
    real = imag = Fraction(0)
    for index, place in impulses.items():
        a, b = complex(case.input[index]), complex(case.weight.ravel()[place])
        ar, ai, br, bi = map(Fraction, (a.real, a.imag, b.real, b.imag))
        real, imag = real + ar * br - ai * bi, imag + ar * bi + ai * br
    bias = complex(case.bias[1])
    return complex(float(real + Fraction(bias.real)), float(imag + Fraction(bias.imag)))
