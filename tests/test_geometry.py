"""ConvGeometry: integers only, frozen, the same for both directions, and every number it states is counted."""

import dataclasses
import pickle
from itertools import product

import numpy as np
import oracles
import pytest
from hypothesis import given
from strategies import calls

from npconvt import ConvGeometry, kernel_matrix
from npconvt._axis import PADDING_MODES, Axis, axis_entries, axis_rows, window_count


def geometry_of(call, **more) -> ConvGeometry:
    build = ConvGeometry.conv_transpose if call.transposed else ConvGeometry.conv
    return build(call.input_shape, call.weight.shape, **call.params | {"channels": True} | more)


@given(call=calls())
def test_fields_are_those_of_the_forward_convolution(call):
    geometry = geometry_of(call)
    c_out, c_in = call.weight.shape[0], call.weight.shape[1] * call.groups
    axes = call.axes
    assert dataclasses.asdict(geometry) == {
        "in_channels": c_in,
        "out_channels": c_out,
        "groups": call.groups,
        "input_size": tuple(a.n for a in axes),
        "output_size": tuple(a.m for a in axes),
        "kernel_size": tuple(a.k for a in axes),
        "stride": tuple(a.s for a in axes),
        "padding": tuple((a.lo, a.hi) for a in axes),
        "dilation": tuple(a.d for a in axes),
        "padding_mode": call.params["padding_mode"],
        "plain": False,
    }
    assert geometry.ndim == len(axes)
    assert geometry.input_shape == (c_in, *(a.n for a in axes))
    assert geometry.output_shape == (c_out, *(a.m for a in axes))
    assert geometry.weight_shape == call.weight.shape
    numbers = [geometry.nnz, geometry.flops, *geometry.matrix_shape, geometry.groups]
    numbers += [v for name in ("input_size", "output_size", "kernel_size", "stride") for v in getattr(geometry, name)]
    numbers += [v for pair in geometry.padding for v in pair]
    assert {type(v) for v in numbers} == {int}


@given(call=calls())
def test_every_count_is_a_count(call):
    geometry = geometry_of(call)
    dense, pattern = oracles.matrix(call.weight, call.axes, call.groups)
    assert geometry.matrix_shape == dense.shape
    assert geometry.nnz == pattern.sum()
    assert geometry.flops == 2 * geometry.nnz
    assert geometry.receptive_field == tuple(a.k_eff for a in call.axes)
    A = kernel_matrix(call.weight, call.input_shape, **call.matrix_params, channels=True)
    stored = A.data.nbytes + A.indices.nbytes + A.indptr.nbytes
    assert geometry.matrix_bytes(A.dtype.itemsize, transposed=call.transposed) == stored


@given(call=calls())
def test_the_same_numbers_are_the_same_geometry(call):
    """However they are written, in either direction, with or without a batch axis."""
    geometry = geometry_of(call)
    spelled = {name: list(getattr(geometry, name)) for name in ("stride", "dilation", "padding")}
    rest = {"groups": call.groups, "padding_mode": call.params["padding_mode"], "channels": True}
    again = ConvGeometry.conv_transpose(
        (9, *geometry.output_shape), geometry.weight_shape, output_size=geometry.input_size, **spelled, **rest
    )
    assert again == geometry
    assert hash(again) == hash(geometry)
    assert pickle.loads(pickle.dumps(geometry)) == geometry
    forward = ConvGeometry.conv((3, *geometry.input_shape), call.weight.shape, **spelled, **rest)
    assert all(fitting >= kept for fitting, kept in zip(forward.output_size, geometry.output_size, strict=True))
    assert dataclasses.replace(forward, output_size=geometry.output_size) == geometry


def test_it_is_frozen_and_different_numbers_are_different():
    geometry = ConvGeometry.conv((1, 4, 4), (1, 1, 3, 3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        geometry.groups = 2
    with pytest.raises((AttributeError, TypeError)):
        geometry.extra = 2
    others = [
        ConvGeometry.conv((1, 4, 5), (1, 1, 3, 3)),
        ConvGeometry.conv((1, 4, 4), (2, 1, 3, 3)),
        ConvGeometry.conv((1, 4, 4), (1, 1, 3, 3), stride=2),
        ConvGeometry.conv((1, 4, 4), (1, 1, 3, 3), padding=1, padding_mode="reflect"),
        ConvGeometry.conv((1, 4, 4), (1, 1, 3, 3), padding=1),
        ConvGeometry.conv((4, 4), (3, 3)),
        ConvGeometry.conv_transpose((1, 2, 2), (1, 1, 3, 3), stride=2, output_padding=1),
        ConvGeometry.conv_transpose((1, 2, 2), (1, 1, 3, 3), stride=2),
    ]
    assert len({geometry, *others}) == 1 + len(others)


@pytest.mark.parametrize("written", [2, (2,), [2], (2, 2), [2, 2], np.int8(2), np.array([2, 2]), (np.int64(2), 2)])
def test_the_ways_to_write_one_int_per_axis(written):
    expected = ConvGeometry.conv((1, 9, 9), (1, 1, 2, 2), stride=(2, 2), dilation=(2, 2), padding=((2, 2), (2, 2)))
    assert ConvGeometry.conv((1, 9, 9), (1, 1, 2, 2), stride=written, dilation=written, padding=written) == expected


@pytest.mark.parametrize(
    ("written", "pairs"),
    [
        (((1, 2),), ((1, 2), (1, 2))),
        ([(1, 2), 3], ((1, 2), (3, 3))),
        ((3, [0, -1]), ((3, 3), (0, -1))),
        (np.array([[1, 2], [3, 4]]), ((1, 2), (3, 4))),
        ((1, 2), ((1, 1), (2, 2))),
        ("valid", ((0, 0), (0, 0))),
        ("same", ((0, 1), (1, 1))),
        ("same_lower", ((1, 0), (1, 1))),
        (-1, ((-1, -1), (-1, -1))),
    ],
)
def test_the_ways_to_write_padding(written, pairs):
    assert ConvGeometry.conv((1, 9, 9), (1, 1, 2, 3), padding=written).padding == pairs


def test_fields_given_by_hand_are_the_same_fields():
    geometry = ConvGeometry.conv((2, 5, 6), (4, 1, 3, 2), stride=2, padding=1, groups=2)
    written = {
        "in_channels": np.int64(2),
        "input_size": [5, 6],
        "kernel_size": np.array([3, 2]),
        "stride": 2,
        "padding": [1, (1, np.int8(1))],
        "plain": np.False_,
    }
    again = dataclasses.replace(geometry, **written)
    assert again == geometry
    assert hash(again) == hash(geometry)
    assert repr(again) == repr(geometry)


def test_no_spatial_axes_and_many():
    none = ConvGeometry.conv((5, 3), (4, 3), channels=True)  # a batch of five
    assert (none.ndim, none.matrix_shape, none.nnz, none.receptive_field) == (0, (4, 3), 12, ())
    assert none == ConvGeometry.conv_transpose((4,), (4, 3))
    assert ConvGeometry.conv((5, 3), (4, 3), padding_mode="zeros").plain
    five = ConvGeometry.conv((1, 2, 3, 4, 5, 6), (1, 1, 1, 2, 3, 4, 5), stride=(1, 1, 1, 1, 2))
    assert five.output_size == (2, 2, 2, 2, 1)


def test_a_weight_of_three_axes_has_channels_unless_told_otherwise():
    """The shapes of a geometry may have a batch axis, so that three and three axes are a batch of signals."""
    signals = ConvGeometry.conv((8, 3, 7), (4, 3, 2))
    assert (signals.plain, signals.input_shape, signals.output_shape) == (False, (3, 7), (4, 6))
    assert ConvGeometry.conv_transpose((8, 4, 6), (4, 3, 2)) == signals
    assert ConvGeometry.conv((8, 3, 7), (4, 3, 2), channels=False).output_shape == (5, 1, 6)


def test_huge_sizes_are_only_numbers():
    geometry = ConvGeometry.conv((1, 10**9 + 999), (1, 1, 1000))
    assert geometry.nnz == 10**12
    assert geometry.matrix_shape == (10**9, 10**9 + 999)
    modes = [
        ConvGeometry.conv((10**9,), (100,), padding=((50, 49),), padding_mode=mode).nnz
        for mode in ("circular", "zeros", "replicate", "reflect")
    ]
    # zeros lose the taps outside; replicate lays them on the border; reflect lays them inside the window, but for the
    # farthest of the first window, and circular at the far end
    outside = sum(range(1, 51)) + sum(range(1, 50))
    assert modes == [10**11, 10**11 - outside, 10**11 - outside, 10**11 - outside + 1]


def test_it_prints_as_a_table():
    text = str(ConvGeometry.conv_transpose((2, 5, 7), (2, 3, 4, 3), stride=(2, 1), padding=((1, 0), 2)))
    rows = {line.split()[0]: line for line in text.splitlines()}
    for name, content in {
        "input": "(3, 11, 5)",
        "output": "(2, 5, 7)",
        "weight": "(2, 3, 4, 3)",
        "matrix": "70 x 165",
        "stride": "2, 1",
        "padding": "1:0, 2:2",
        "groups": "1",
    }.items():
        assert content in rows[name]
    assert len({line.index("(") for line in text.splitlines()[1:4]}) == 1  # the columns are aligned


@pytest.mark.parametrize("mode", PADDING_MODES)
def test_entries_are_counted_as_the_rows_have_them(mode):
    """Small axes of every kind; the rows themselves are compared with the defining sum elsewhere."""
    counted = 0
    for n, k, s, d, lo, hi in product(range(1, 6), (1, 2, 3, 5), (1, 2, 3), (1, 2, 3), range(-2, 6), range(-2, 6)):
        m, cropped = window_count(n, k, s, d, lo, hi), n + min(lo, 0) + min(hi, 0)
        if m >= 1 and cropped >= 1 and max(lo, hi) <= {"reflect": cropped - 1, "circular": cropped}.get(mode, 5):
            axis = Axis(n, m, k, s, d, lo, hi, mode)
            (rows,) = axis_rows(axis, False)
            assert axis_entries(axis) == rows.lengths[rows.all[0]].sum(), axis
            counted += 1
    assert counted > 2000


def test_entries_of_long_kernels_are_counted_window_by_window():
    """Not tap by tap: 10**4 windows on the padding, of 10**4 + 1 taps each."""
    assert ConvGeometry.conv((10**5,), (10**4 + 1,), padding=5000, padding_mode="circular").nnz == 10**5 * (10**4 + 1)
