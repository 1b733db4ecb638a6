"""Probes are exact where they say so, and know what they cannot tell."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import npconvt
from npconvt import Case, crosscheck, probe
from npconvt._crosscheck.probe import separation

RICH = {"stride": (2, 3), "padding": ((1, 0), (2, 1)), "dilation": (2, 1), "groups": 2, "bias": True}


def test_a_convention_probe_is_exact_in_narrow_formats() -> None:
    case = probe("conv_transpose2d", (2, 4, 5, 6), (4, 3, 3, 4), output_padding=1, **RICH)
    arrays = (case.input, case.weight, case.bias)
    for array in arrays:
        assert array.dtype == np.float32
        assert (array != 0).all()
        assert abs(array).max() <= 256
    exact = Case(case.op, *(a.astype(np.int64) for a in arrays), case.params).expected()
    assert_array_equal(case.expected(), exact)
    half = Case(case.op, *(a.astype(np.float16) for a in arrays), case.params)
    assert_array_equal(half.expected(), exact)
    assert abs(exact).max() <= 2048


@pytest.mark.parametrize(
    ("op", "weight", "extra"), [("conv2d", (4, 2, 3, 4), {}), ("conv_transpose2d", (4, 3, 3, 4), {"output_padding": 1})]
)
def test_a_rich_probe_tells_all_causes_apart(op: str, weight: tuple[int, ...], extra: dict) -> None:
    case = probe(op, (2, 4, 9, 14), weight, **RICH, **extra)
    told = separation(case)
    assert told.ok, told
    # With dilation (2, 1), 1 everywhere is no dilation.
    assert ("dilation_ignored", "dilation_axes_mixed") in told.one_call
    assert "kernel_flipped" in told.applying
    assert len(told.applying) >= 20


def test_what_a_probe_cannot_tell_is_said_with_a_shape_that_can() -> None:
    # Three taps and padding 1 hide whose padding it is; four taps show it.
    told = separation(probe("conv_transpose2d", (1, 2, 5, 6), (2, 3, 3, 3), stride=2, padding=1))
    assert not told.ok
    assert "padding_of_dilated_input" in told.hidden
    assert "use weight_shape=(2, 3, 4, 4)." in told.advice["padding_of_dilated_input"]
    better = separation(probe("conv_transpose2d", (1, 2, 5, 6), (2, 3, 4, 4), stride=2, padding=1))
    assert "padding_of_dilated_input" not in better.hidden
    # A square image hides nothing of data, but a kernel of one tap hides a transposed result's size.
    assert "padding_of_dilated_input" in str(told)


def test_two_causes_with_the_same_data_are_told_apart_by_another_shape() -> None:
    # One output column: the kernel's rows reversed, or the result's axes exchanged, need more to differ.
    case = probe("conv_transpose1d", (1, 1, 3), (1, 1, 1), stride=2, output_padding=1)
    told = separation(case)
    assert told.together or told.hidden
    for names, advice in told.advice.items():
        assert advice.startswith(("use ", "no")), names


def test_a_precision_probe_tells_the_formats() -> None:
    told = separation(probe("conv2d", (1, 4, 9, 9), (5, 4, 3, 3), kind="precision"))
    assert told.ok, told
    assert told.applying == ("TF32", "float16", "bfloat16")


def test_an_overflow_probe_shows_wrapping_and_floats() -> None:
    case = probe("conv2d", (1, 4, 5, 6), (3, 4, 3, 2), kind="overflow", bias=True)
    assert abs(case.expected()).max() > 2**53
    told = separation(case, advise=False)
    assert {"integer_wrapped", "integer_in_float"} <= set(told.applying)
    assert not {"integer_wrapped", "integer_in_float"} & set(told.hidden)


def test_a_conjugate_probe_shows_the_conjugate() -> None:
    case = probe("conv1d", (1, 2, 9), (3, 2, 4), kind="conjugate")
    assert case.input.dtype == np.complex64
    assert "conjugate_missing" not in separation(case).hidden
    report = crosscheck(case, npconvt.conv1d(case.input, case.weight.conj()))
    assert [cause.name for cause in report.causes] == ["conjugate_missing"]


def test_probes_repeat_and_differ_by_seed() -> None:
    make = [probe("conv1d", (2, 9), (3, 2, 4), seed=seed) for seed in (1, 1, 2)]
    assert make[0] == make[1]
    assert make[0] != make[2]


@pytest.mark.parametrize(
    ("keywords", "error", "match"),
    [
        (
            {"kind": "other"},
            ValueError,
            "kind must be one of 'convention', .*, but got 'other'",
        ),
        ({"kind": "precision", "dtype": "int8"}, TypeError, "dtype must suit kind 'precision', but got int8"),
        ({"dtype": "int8"}, ValueError, "weight_shape must leave whole numbers exact, but there are 90 terms"),
    ],
)
def test_what_cannot_be_probed_is_a_clear_error(keywords: dict, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=f"^probe: {match}"):
        probe("conv2d", (1, 10, 9, 9), (2, 10, 3, 3), **keywords)
