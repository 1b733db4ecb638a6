"""The pictures, by the properties of what is drawn; none is compared by its pixels."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import npconvt
from npconvt import ConvGeometry, plot
from npconvt.cli import main

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
Figure = pytest.importorskip("matplotlib.figure").Figure


@pytest.fixture(autouse=True)
def _close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def cells(ax, gid):
    """Return the corners (left, top) of the cells of one kind."""
    return [
        (round(x), round(y, 1))
        for collection in ax.collections
        if collection.get_gid() == gid
        for x, y in (path.vertices.min(axis=0) for path in collection.get_paths())
    ]


def written(ax):
    """Return the numbers in the cells, without the weights in their corners."""
    return [text.get_text() for text in ax.texts if text.get_text().lstrip("-").isdigit()]


WORKED = ConvGeometry.conv((4, 4), (3, 3))


# --- one step --------------------------------------------------------------------------------------------------------


def test_window_lies_on_the_taps_of_its_step():
    geometry = ConvGeometry.conv((7, 6), (2, 3), stride=(2, 1), dilation=(3, 1), padding=((1, 0), (0, 2)))
    ax = plot.arithmetic(geometry, geometry.output_size[1] + 2)  # output (1, 2)
    rows, columns = [2 * 1 + 3 * t for t in range(2)], [2 + t for t in range(3)]
    top = min(y for _, y in cells(ax, "source:padding"))
    assert cells(ax, "source:window") == [(c, r + top) for r in rows for c in columns]
    assert len(cells(ax, "source:input")) == 7 * 6
    assert len(cells(ax, "source:padding")) == 8 * 8 - 7 * 6
    assert len(cells(ax, "target:window")) == 1
    assert (
        ax.get_title() == f"conv, step {geometry.output_size[1] + 3} of {np.prod(geometry.output_size)}: output (1, 2)"
    )


def test_results_are_written_as_far_as_they_are_made():
    x, w = np.arange(16).reshape(4, 4), np.arange(9).reshape(3, 3)
    inputs = [str(value) for value in x.ravel()]
    assert written(plot.arithmetic(WORKED, 1, input=x, weight=w)) == [*inputs, "258", "294"]
    assert written(plot.arithmetic(WORKED, -1, input=x, weight=w)) == [*inputs, "258", "294", "402", "438"]


@pytest.mark.parametrize("view", ["gather", "scatter"])
@pytest.mark.parametrize(
    "keywords",
    [
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"stride": (3, 1), "dilation": (1, 2), "padding": ((0, 1), (2, -1))},
        {"stride": 2, "dilation": 3, "output_padding": 2},
        {"stride": 3, "padding": 4, "output_size": (3, 5)},
    ],
)
def test_both_views_of_the_transposed_call_end_with_its_result(view, keywords):
    x, w = np.arange(1, 13).reshape(3, 4), np.arange(1, 10).reshape(3, 3)
    geometry = ConvGeometry.conv_transpose((3, 4), (3, 3), **keywords)
    ax = plot.arithmetic(geometry, -1, transposed=True, view=view, input=x, weight=w)
    expected = npconvt.conv_transpose2d(x[None], w[None, None], **keywords)[0]
    assert written(ax)[-expected.size :] == [str(value) for value in expected.ravel()]


def test_gather_view_reads_what_the_output_is_made_of():
    """Every step's window, the weights in its corners and the numbers under it give the step's result."""
    x, w = np.arange(1, 7).reshape(2, 3), np.arange(1, 7).reshape(2, 3)
    keywords = {"stride": (2, 3), "padding": (0, 1), "dilation": (2, 1)}
    geometry = ConvGeometry.conv_transpose((2, 3), (2, 3), **keywords)
    expected = npconvt.conv_transpose2d(x[None], w[None, None], **keywords)[0].ravel()
    ax = Figure().subplots()
    for step, result in enumerate(expected):
        ax.clear()
        plot.arithmetic(geometry, step, transposed=True, input=x, weight=w, ax=ax)
        texts = [(tuple(np.floor(text.get_position()).astype(int)), text.get_text()) for text in ax.texts]
        notes = {cell: int(text[1:]) for cell, text in texts if text.startswith("×")}
        numbers = {cell: int(text) for cell, text in texts if text.isdigit()}
        assert len(notes) == 6
        assert sum(weight * numbers[cell] for cell, weight in notes.items()) == result


def test_output_padding_is_told_from_the_smallest_output():
    geometry = ConvGeometry.conv_transpose((3, 3), (3, 3), stride=2, padding=1, output_padding=1)
    ax = plot.arithmetic(geometry, 0, transposed=True)
    assert len(cells(ax, "target:output")) == 25
    assert len(cells(ax, "target:chosen")) == 36 - 25
    assert len(cells(ax, "source:zero")) == 25 - 9
    assert len(cells(ax, "source:padding")) == 8 * 8 - 25


def test_scattering_shows_what_is_written_and_what_is_cut():
    """Output 5 of 6 is there by output_padding; nothing is written beyond it, so nothing is cut off there."""
    geometry = ConvGeometry.conv_transpose((3,), (3,), stride=2, padding=1, output_padding=1)
    ax = plot.arithmetic(geometry, 2, transposed=True, view="scatter")
    assert len(cells(ax, "target:output")) == 5
    assert len(cells(ax, "target:chosen")) == 1
    assert len(cells(ax, "target:cut")) == 1
    assert legend(ax) == [
        "input", "output", "cut off by the padding", "chosen by output_padding", "taps of the window",
        "taps that add nothing", "input of this step",
    ]  # fmt: skip


def test_scattering_adds_one_input_a_step():
    geometry = ConvGeometry.conv_transpose((3,), (3,), stride=2)
    so_far = ["1 10 100 0 0 0 0", "1 10 102 20 200 0 0", "1 10 102 20 203 30 300"]
    for step, outputs in enumerate(so_far):
        ax = plot.arithmetic(geometry, step, transposed=True, view="scatter", input=[1, 2, 3], weight=[1, 10, 100])
        assert written(ax) == ["1", "2", "3", *outputs.split()]
        assert ("output so far" in [text.get_text() for text in ax.texts]) == (step < 2)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_taps_on_a_padding_that_repeats_the_input_count():
    geometry = ConvGeometry.conv((4,), (3,), padding=1, padding_mode="circular")
    for transposed, side, kind, words in (
        (False, "source", "copied", "padding, copied from the input"),
        (True, "target", "folded", "added to the output by the padding mode"),
    ):
        ax = plot.arithmetic(geometry, 0, transposed=transposed)
        assert len(cells(ax, f"{side}:{kind}")) == 2
        assert words in legend(ax)
        assert "taps that add nothing" not in legend(ax)
        (window,) = (c for c in ax.collections if c.get_gid() == f"{side}:window")
        assert len({tuple(colour) for colour in window.get_facecolor()}) == 1  # no tap is paler
    zeros = plot.arithmetic(ConvGeometry.conv((4,), (3,), padding=1), 0)
    (window,) = (c for c in zeros.collections if c.get_gid() == "source:window")
    shades = dict(zip(legend(zeros), zeros.get_legend().get_patches(), strict=True))
    named = [shades[words].get_facecolor() for words in ("taps that add nothing", "taps of the window")]
    np.testing.assert_array_equal(window.get_facecolor(), [named[0], named[1], named[1]])


def test_numbers_are_legible_on_dark_backgrounds():
    import matplotlib.pyplot as plt

    with plt.style.context("dark_background"):
        ax = plot.arithmetic(WORKED, 1, input=np.ones((4, 4)), weight=np.ones((3, 3)))
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    assert colours["1"] == colours["9"] == "#222222"  # in light cells
    assert colours["output"] == "white"  # beside them


def test_sheets_of_long_signals_keep_room_for_their_words():
    long = plot.steps(ConvGeometry.conv((60,), (3,)))
    assert long.get_figwidth() <= 18.1
    assert long.get_figheight() > 4  # four rows, each with a title and the grids' names
    texts = {text.get_text() for text in plot.steps(ConvGeometry.conv((3, 3), (3, 3))).legends[0].get_texts()}
    assert texts == {"input", "output", "taps of the window", "output of this step"}
    geometry = ConvGeometry.conv_transpose((2,), (3,), stride=2, padding=1, output_padding=1)
    narrow = plot.steps(geometry, transposed=True, which=[0])
    (words,) = narrow.legends
    assert len(words.get_texts()) == 8
    box = words.get_window_extent(narrow.canvas.get_renderer())
    assert narrow.bbox.x0 <= box.x0 < box.x1 <= narrow.bbox.x1


def test_padding_modes_show_what_the_padding_repeats():
    geometry = ConvGeometry.conv((4,), (3,), padding=2, padding_mode="reflect")
    ax = plot.arithmetic(geometry, 0, input=[10, 20, 30, 40], weight=[1, 1, 1])
    assert written(ax) == ["30", "20", "10", "20", "30", "40", "30", "20", "60"]
    with pytest.raises(ValueError, match=r"plot.arithmetic: view must be 'scatter'.*'gather' with 'reflect'"):
        plot.arithmetic(geometry, transposed=True, view="gather")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.arithmetic(WORKED, 4), r"step must be from 0 to 3, but got 4"),
        (lambda: plot.arithmetic(WORKED, view="scatter"), r"view must be left out unless transposed=True"),
        (lambda: plot.steps(WORKED, which=[]), r"which must name at least one step, but is \[\]"),
        (lambda: plot.steps(ConvGeometry.conv((70, 9), (3, 3), padding=1)), r"at most 64 cells a side, but one has 72"),
        (
            lambda: plot.steps(ConvGeometry.conv_transpose((9,), (3,), stride=8), transposed=True),
            r"at most 64 cells a side, but one has 69",
        ),
        (
            lambda: plot.kernel_matrix(np.ones((2, 0, 3)), (0, 6)),
            r"must have rows and columns, but its shape is \(8, 0",
        ),
        (lambda: plot.kernel_matrix(np.ones((2, 2)), (3, 3), row=-1), r"row must be at least 0"),
        (lambda: plot.cost([{"method": "a", "size": 0, "seconds": 1}]), r"positive size and seconds, but one is"),
        (lambda: plot.cost([{"method": "a", "size": 1}]), r"but one is \{'method': 'a', 'size': 1\}"),
        (lambda: plot.arithmetic(WORKED, view="sideways"), r"view must be .*, but got 'sideways'"),
        (lambda: plot.arithmetic(WORKED, input=[[1]]), r"input must have shape \(4, 4\).* has shape \(1, 1\)"),
        (lambda: plot.overlap(ConvGeometry.conv((1, 2, 2, 2), (1, 1, 1, 1, 1))), r"one or two spatial axes, but has 3"),
        (lambda: plot.receptive_field(WORKED, WORKED), r"layer 1 must have .*\(2, 2\), but has \(4, 4\)"),
        (lambda: plot.receptive_field(WORKED, position=(2, 0)), r"size \(2, 2\), but got \(2, 0\)"),
        (lambda: plot.receptive_field(), r"at least one layer"),
        (lambda: plot.kernel_matrix(np.ones((2, 2)), (3, 3), row=4), r"row must be from 0 to 3, but got 4"),
        (lambda: plot.kernel_matrix(np.ones((2, 2)), (3, 3), column=(0, 3)), r"column must be .*\(3, 3\), but got"),
        (lambda: plot.kernel_matrix(np.ones((2, 2)), (3, 3), row=0, column=0), r"must not both be given"),
    ],
)
def test_refusals_say_what_was_got(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.overlap((4, 4)), r"plot.overlap: geometry must be a ConvGeometry, but is a tuple"),
        (lambda: plot.arithmetic(WORKED, 1.5), r"plot.arithmetic: step must be made of ints, but got 1.5"),
        (lambda: plot.arithmetic(WORKED, input=[["a"] * 4] * 4), r"plot.arithmetic: input must hold numbers"),
        (lambda: plot.kernel_matrix(np.ones((2, 2)), (3, 3), row=1.5), r"row must be made of ints, but got 1.5"),
        (lambda: plot.kernel_matrix(np.ones((2, 2)), (3, 3), column="1"), r"column must be made of ints, but got '1'"),
        (lambda: plot.receptive_field(WORKED, position=(0.5, 0)), r"position must be made of ints, but got 0.5"),
        (lambda: plot.steps(WORKED, which=2), r"^plot\.steps: which must be a sequence of ints, but got 2\.$"),
        (lambda: plot.steps(WORKED, which=["2"]), r"plot.steps: which must be made of ints, but got '2' of type str"),
        (lambda: plot.report(None), r"^plot\.report: report must be a Report, .*, but is a NoneType\.$"),
        (lambda: plot.report(np.ones(3)), r"report must be a Report, .*, but is a ndarray"),
        (lambda: plot.cost(None), r"^plot\.cost: benchmark must be a sequence of records, .* but got None\.$"),
        (lambda: plot.cost([1]), r"benchmark must be a sequence of records, .* but got \[1\]"),
        (lambda: plot.arithmetic(WORKED, ax=3), r"^plot\.arithmetic: ax must be a matplotlib Axes, but got 3\.$"),
        (lambda: plot.overlap(WORKED, ax=Figure().subplots(1, 2)), r"^plot\.overlap: ax must be .*, but got array\("),
        (
            lambda: plot.receptive_field(WORKED, ax=Figure()),
            r"^plot\.receptive_field: ax must be .* but got <Figure size",
        ),
        (lambda: plot.cost([{"method": "a", "size": 1, "seconds": 1}], ax=3), r"^plot\.cost: ax must be .*, but got 3"),
        (lambda: plot.steps(WORKED, figure=3), r"^plot\.steps: figure must be a matplotlib Figure, but got 3\.$"),
        (
            lambda: plot.steps(WORKED, figure=Figure().subfigures()),
            r"^plot\.steps: figure must be .* but got <matplotlib",
        ),
        (
            lambda: plot.animation(WORKED, figure=3),
            r"^plot\.animation: figure must be a matplotlib Figure or SubFigure",
        ),
        (lambda: plot.kernel_matrix([1], (3,), figure="1"), r"^plot\.kernel_matrix: figure must be .*, but got '1'"),
        (lambda: plot.report(None, figure=3), r"^plot\.report: figure must be .*, but got 3"),
    ],
)
def test_wrong_kinds_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_part_of_a_figure_will_do_where_only_axes_are_added():
    part = Figure().subfigures(1, 2)[1]
    assert plot.kernel_matrix([1, 10], (3,), figure=part) is part


def test_colours_are_told_apart_in_grey_print():
    geometry = ConvGeometry.conv_transpose((3, 3), (3, 3), stride=2)
    ax = plot.arithmetic(geometry, 8, transposed=True)
    faces = {c.get_gid(): c.get_facecolor()[:, :3] @ [0.2126, 0.7152, 0.0722] for c in ax.collections}
    taps, output = faces["source:window"].min(), faces["target:window"].min()
    inputs, outputs = faces["source:input"].min(), faces["target:output"].min()
    grey = sorted([taps, output, inputs, outputs])
    assert grey == [output, taps, inputs, outputs]
    assert np.diff(grey).min() > 0.1  # of the way from black to white


# --- all steps -------------------------------------------------------------------------------------------------------


def test_sheet_and_film_have_every_step(tmp_path):
    image = pytest.importorskip("PIL.Image")
    assert [ax.get_title().split(":")[0] for ax in plot.steps(WORKED).axes] == [
        f"conv, step {i} of 4" for i in (1, 2, 3, 4)
    ]
    plot.animation(WORKED, interval=50).save(tmp_path / "steps.gif", writer="pillow", dpi=30)
    with image.open(tmp_path / "steps.gif") as film:
        assert film.n_frames == 4


def test_axes_and_figures_are_drawn_on_and_returned():
    figure = Figure()
    ax = figure.subplots()
    assert plot.arithmetic(WORKED, ax=ax) is ax
    assert plot.overlap(WORKED, ax=figure.subplots()).figure is figure
    for draw in (
        lambda: plot.steps(WORKED, figure=Figure()),
        lambda: plot.kernel_matrix(np.ones((3, 3)), (4, 4), figure=Figure()),
    ):
        assert isinstance(draw(), Figure)
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []  # nothing opened a figure of its own


# --- the matrix ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "input_shape", "keywords"),
    [
        ((3, 3), (4, 4), {}),
        ((4, 1, 3, 3), (2, 5, 4), {"groups": 2, "padding": 1, "stride": 2}),
        ((2, 3, 3), (2, 7), {"transposed": True, "stride": 2}),
        ((3,), (9,), {"padding": 1, "padding_mode": "circular"}),
    ],
)
def test_matrix_picture_shows_the_matrix_and_its_transpose(shape, input_shape, keywords):
    weight = np.arange(-3, np.prod(shape) - 3).reshape(shape)
    axes = {ax.get_label(): ax for ax in plot.kernel_matrix(weight, input_shape, **keywords).axes}
    A = npconvt.kernel_matrix(weight, input_shape, **keywords)
    pattern = npconvt.kernel_matrix(np.ones(shape), input_shape, **keywords).toarray() != 0
    for name, dense, stored in (("matrix", A.toarray(), pattern), ("transpose", A.T.toarray(), pattern.T)):
        shown = axes[name].images[0].get_array()
        np.testing.assert_array_equal(~np.ma.getmaskarray(shown), stored)
        np.testing.assert_array_equal(np.where(stored, shown.filled(0), 0), dense)
        limit = axes[name].images[0].norm
        assert limit.vmin == -limit.vmax  # zero is in the middle where there are negative weights


def test_complex_weights_are_drawn_by_the_absolute_values_of_the_matrix():
    """Of its entries: where two taps fall on one pixel, that of their sum."""
    figure = plot.kernel_matrix([1, 1j, -1], (2,), padding=1, padding_mode="circular")
    shown = next(ax for ax in figure.axes if ax.get_label() == "matrix").images[0].get_array()
    np.testing.assert_array_equal(shown, [[1, 0], [0, 1]])
    assert figure.axes[-1].get_ylabel() == "absolute value of the weight"


def test_marked_row_is_the_window_it_stands_for():
    weight = np.arange(1, 19).reshape(1, 2, 3, 3)
    figure = plot.kernel_matrix(weight, (2, 5, 5), row=(0, 1, 2))
    axes = {ax.get_label(): ax for ax in figure.axes}
    boxes = {name: next(p for p in axes[name].patches if p.get_gid() == "marked") for name in ("matrix", "transpose")}
    row = 1 * 3 + 2
    assert boxes["matrix"].get_bbox().bounds == (-0.5, row - 0.5, 50, 1)
    assert boxes["transpose"].get_bbox().bounds == (row - 0.5, -0.5, 1, 50)
    window = axes["window"].images[0].get_array()
    expected = np.full((5, 11), -1)
    expected[1:4, 2:5], expected[1:4, 8:11] = weight[0]
    np.testing.assert_array_equal(window.filled(-1), expected)
    assert axes["window"].get_title() == "row 5: the window of output 1,2"


def test_the_mark_of_a_thin_row_does_not_hide_it():
    (ax,) = (
        ax for ax in plot.kernel_matrix(np.ones((3, 3)), (64, 64), row=(20, 30)).axes if ax.get_label() == "matrix"
    )
    (box,) = (patch for patch in ax.patches if patch.get_gid() == "marked")
    assert not box.get_fill()
    assert box.get_y() + box.get_height() / 2 == 20 * 62 + 30
    pixels = box.get_height() * 300 / 3844  # in a picture 300 pixels high
    assert pixels > 3 * box.get_linewidth()


def luminance(colours):
    """Return the relative luminance of colours as WCAG 2 defines it."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def legible(ax, image):
    """Whether every number has at least the contrast of 3:1 that WCAG 2 asks of graphics."""
    contrasts = []
    for text in ax.texts:
        column, row = text.get_position()
        cell = luminance(np.array(image.to_rgba(image.get_array())[row, column, :3]))
        ink = luminance(np.array(matplotlib.colors.to_rgb(text.get_color())))
        contrasts.append((max(cell, ink) + 0.05) / (min(cell, ink) + 0.05))
    return min(contrasts) > 3


@pytest.mark.parametrize("weight", [np.arange(25), np.arange(25) - 12], ids=["positive", "signed"])
def test_weights_are_legible_on_their_colours(weight):
    ax = plot.kernel_matrix(weight.reshape(5, 5), (5, 5)).axes[0]
    assert len(ax.texts) == 25
    assert legible(ax, ax.images[0])


def test_channels_are_parted_and_positions_are_labelled():
    axes = plot.kernel_matrix(np.ones((2, 3, 2, 2)), (3, 3, 3)).axes
    lines = [line for line in axes[0].lines if line.get_gid() == "channel"]
    assert sorted(line.get_xdata()[0] for line in lines if line.get_xdata()[0]) == [8.5, 17.5]
    assert [line.get_ydata()[0] for line in lines if not line.get_xdata()[0]] == [3.5]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [
        "0:0,0", "0:0,1", "0:1,0", "0:1,1", "1:0,0", "1:0,1", "1:1,0", "1:1,1"
    ]  # fmt: skip


def test_matrix_of_a_large_picture_is_a_density_of_bounded_size():
    figure = plot.kernel_matrix(np.ones((3, 3)), (200, 150), padding=1)
    shown = figure.axes[0].images[0].get_array()
    assert max(shown.shape) <= 256
    entries = npconvt.ConvGeometry.conv((200, 150), (3, 3), padding=1).nnz
    edges = np.arange(257) * 30000 // 256
    areas = np.multiply.outer(np.diff(edges), np.diff(edges))
    assert round(float((shown * areas).sum())) == entries


def test_matrix_of_64_by_64_keeps_the_largest_weight_of_a_pixel():
    weight = np.arange(1, 10).reshape(3, 3)
    shown = plot.kernel_matrix(weight, (64, 64), padding=1).axes[0].images[0].get_array()
    pixel = 2080 * 400 // 4096
    assert shown.shape == (400, 400)
    assert shown[pixel, (2080 + 65) * 400 // 4096] == 9


# --- maps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keywords",
    [
        {"stride": 2},
        {"stride": 3, "padding": ((1, 0), (-1, 2)), "dilation": 2},
        {"padding": 1, "padding_mode": "circular"},
    ],
)
def test_overlap_is_the_transposed_convolution_of_ones(keywords):
    geometry = ConvGeometry.conv_transpose((5, 4), (3, 2), **keywords)
    shown = plot.overlap(geometry).images[0].get_array()
    ones = npconvt.conv_transpose2d(np.ones((1, 5, 4), int), np.ones((1, 1, 3, 2), int), **keywords)[0]
    np.testing.assert_array_equal(shown, ones)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_counts_are_legible_on_a_scale_from_zero(size):
    ax = plot.overlap(ConvGeometry.conv_transpose((6, 6), (size, size), stride=2))
    image = ax.images[0]
    assert image.get_clim() == (0, image.get_array().max())
    assert legible(ax, image)


def test_receptive_field_counts_paths_through_the_stack():
    first = ConvGeometry.conv((20, 20), (3, 3), stride=2, padding=1)
    second = ConvGeometry.conv((10, 10), (3, 3), dilation=2)
    ax = plot.receptive_field(first, second, position=(2, 3))
    ones = [np.ones((1, 1, 3, 3), int)] * 2
    one = np.zeros((1, 6, 6), int)
    one[0, 2, 3] = 1
    middle = npconvt.conv_transpose2d(one, ones[0], dilation=2)
    expected = npconvt.conv_transpose2d(middle, ones[1], stride=2, padding=1, output_size=(20, 20))[0]
    np.testing.assert_array_equal(ax.images[0].get_array(), expected)
    size = 1 + 2 + 4 * 2
    assert ax.get_title().endswith(f"{size} x {size} pixels")


def test_receptive_field_of_an_output_made_of_padding_is_empty():
    ax = plot.receptive_field(ConvGeometry.conv((3,), (1,), padding=2), position=(0,))
    assert ax.get_title() == "receptive field of output (0,): 0 pixels"


# --- reports ---------------------------------------------------------------------------------------------------------


def _report(expected, actual, ratio):
    return SimpleNamespace(op="conv2d", verdict="unexplained", expected=expected, actual=actual, bound_ratio=ratio)


def test_report_shows_the_plane_with_the_largest_ratio():
    expected = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    ratio = np.zeros(expected.shape)
    ratio[1, 2, 3, 0], ratio[0, 1, 0, 0] = np.inf, 0.5
    axes = {ax.get_label(): ax for ax in plot.report(_report(expected, expected + 1, ratio)).axes}
    np.testing.assert_array_equal(axes["expected"].images[0].get_array(), expected[1, 2])
    np.testing.assert_array_equal(axes["actual"].images[0].get_array(), expected[1, 2] + 1)
    assert axes["ratio"].get_title() == "error / bound: 1 of 20 beyond"
    norm = axes["ratio"].images[0].norm
    assert norm.vmin * norm.vmax == pytest.approx(1)  # a ratio of one is the middle of the scale
    for largest, end in ((5, 1e3), (1e5, 1e5), (1e9, 1e6)):
        ratio[1, 2, 3, 1] = largest
        axes = {ax.get_label(): ax for ax in plot.report(_report(expected, expected + 1, ratio)).axes}
        assert axes["ratio"].images[0].norm.vmax == end


def test_report_counts_what_has_no_colour_and_labels_whole_positions():
    actual = np.array([[1.0, np.nan], [np.inf, 2.0]])
    axes = {ax.get_label(): ax for ax in plot.report(_report(np.ones((2, 2)), actual, np.zeros((2, 2)))).axes}
    assert axes["actual"].get_title() == "actual (2, 2)\n2 of 4 NaN or inf"
    for name in ("expected", "actual", "ratio"):
        for axis in (axes[name].xaxis, axes[name].yaxis):
            assert all(place == round(place) for place in axis.get_majorticklocs())


@pytest.mark.parametrize("expected", [np.ones((2, 3)), None])
def test_report_of_another_shape_draws_both(expected):
    axes = {ax.get_label(): ax for ax in plot.report(_report(expected, np.ones(4, complex), None)).axes}
    assert axes["ratio"].get_title() == "the shapes differ"
    assert axes["actual"].images[0].get_array().shape == (1, 4)
    with pytest.raises(ValueError, match="must hold the arrays"):
        plot.report(_report(None, None, None))


def test_import_of_the_pictures_does_not_load_matplotlib():
    code = "import sys, npconvt.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- from the command line -------------------------------------------------------------------------------------------

SHAPES = "conv_transpose2d --input 1,1,3,3 --weight 1,1,3,3 --stride 2 --padding 1"


def run(line, folder):
    """Run a line in a folder; return exit code, stdout and stderr."""
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    words = [sys.executable, "-m", "npconvt", *line.split()]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_draw_writes_films_and_sheets_without_progress_in_a_pipe(tmp_path):
    image = pytest.importorskip("PIL.Image")
    assert run(f"draw {SHAPES} -o steps.gif", tmp_path) == (0, "wrote steps.gif: 25 steps\n", "")
    with image.open(tmp_path / "steps.gif") as film:
        assert film.n_frames == 25
    assert main(["draw", *SHAPES.split(), "-o", str(tmp_path / "steps.png")]) == 0
    with image.open(tmp_path / "steps.png") as sheet:
        assert sheet.format == "PNG"
    assert main(["draw", *SHAPES.split(), "--step", "4", "--view", "scatter", "-o", str(tmp_path / "a.svg")]) == 0
    assert "<svg" in (tmp_path / "a.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"draw {SHAPES} -o steps.doc", "must end in .gif, .png, .svg, .pdf, but is steps.doc"),
        (f"draw {SHAPES} --step 25 -o a.png", "step must be from 0 to 24, but got 25"),
        ("draw conv2d --input 1,1,64,64 --weight 1,1,3,3 -o a.gif", "at most 1000 steps, but has 3844"),
        ("draw conv2d --input 1,1,500,500 --weight 1,1,3,3 -o a.png", "at most 64 cells a side, but one has 500"),
    ],
)
def test_draw_refuses_in_one_sentence(tmp_path, line, message):
    code, out, err = run(line, tmp_path)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_matrix_is_drawn_beside_its_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    x, w = np.arange(32).reshape(1, 2, 4, 4), np.arange(36).reshape(2, 2, 3, 3)
    npconvt.Case("conv_transpose2d", x, w, params={"stride": 2}).save("case.npz")
    assert main(["matrix", "case.npz", "-o", "A.npz", "--plot", "A.png"]) == 0
    assert capsys.readouterr().out.endswith("wrote A.png\n")
    assert (tmp_path / "A.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("line", ["matrix case.npz -o A.npz --plot A.xyz", "check case.npz --plot A.xyz"])
def test_a_picture_of_no_known_format_is_refused_before_anything_is_written(tmp_path, monkeypatch, capsys, line):
    monkeypatch.chdir(tmp_path)
    npconvt.Case("conv1d", [[1, 2, 3]], [[[1, 10]]], output=[[21, 32]]).save("case.npz")
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"npconvt: {line.split()[0]}: the picture must end in .*\.png, .*, but is A\.xyz\.\n", err)
    assert [path.name for path in tmp_path.iterdir()] == ["case.npz"]


# --- cost ------------------------------------------------------------------------------------------------------------


def test_cost_has_a_line_for_each_method_with_its_exponent(tmp_path):
    records = [
        {"sweep": sweep, "method": method, "size": n, "seconds": 1e-6 * n**power}
        for sweep in ("pixels", "taps")
        for method, power in (("a", 1), ("b", 2))
        for n in (8, 2, 2**20)
    ]
    (tmp_path / "others.json").write_text('{"sweep": 1}', encoding="utf-8")
    with pytest.raises(TypeError, match=r"benchmark must be .*, but got a file with None\.$"):
        plot.cost(tmp_path / "others.json")
    flat = [{"method": "a", "size": n, "seconds": 1 - n * 1e-6} for n in (1, 10)]
    assert plot.cost(flat).get_legend_handles_labels()[1][0] == "a: size ** 0.00"
    (tmp_path / "sweeps.json").write_text(json.dumps({"sweeps": records}), encoding="utf-8")
    ax = plot.cost(tmp_path / "sweeps.json", sweep="taps")
    assert ax.get_legend_handles_labels()[1] == ["a: size ** 1.00", "b: size ** 2.00", "linear growth"]
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [2, 8, 2**20])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "8", "1048576"]
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel()) == ("log", "log", "taps")
    many = plot.cost([{"method": "a", "size": n, "seconds": n} for n in range(1, 31)])
    assert [label.get_text() for label in many.get_xticklabels()] == ["1", "5", "9", "13", "17", "21", "25", "29"]
    with pytest.raises(TypeError, match=r"^plot\.cost: sweep must be 'pixels' or 'taps', but got None\.$"):
        plot.cost(records)
    with pytest.raises(ValueError, match=r"^plot\.cost: benchmark must hold at least one record, but holds none\.$"):
        plot.cost([])
