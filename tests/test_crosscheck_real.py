"""What real frameworks returned when torch's arguments were passed to them as they are, explained.

The answers are recorded: `tests/recorded/record_naive.py` made them.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from npconvt import Case, crosscheck

RECORDED = Path(__file__).parent / "recorded"

# For each answer a cause that must be named, and what its parameters must say.
CAUSES: dict[str, dict[str, tuple[str, dict]]] = {
    "jax": {
        "conv_transpose, padding 1": ("kernel_flipped+padding_of_dilated_input", {"crop": ((1, 1), (2, 2))}),
        "conv_transpose, padding 1, transpose_kernel": ("padding_of_dilated_input", {"crop": ((1, 1), (2, 2))}),
        "conv_transpose, SAME": ("kernel_flipped+crop_shifted", {"crop": ((0, 1), (0, 1)), "axes": (0, 1)}),
        "conv, SAME": ("size_formula", {"formula": "same", "pads": ((0, 1), (0, 1))}),
        "conv, padding as one flat list": ("crop_shifted", {"padding": ((1, 1), (0, 0))}),
        "scipy.signal.convolve2d": ("kernel_flipped", {"axes": (0, 1)}),
        "bfloat16 inputs": ("reduced_precision", {"format": "bfloat16", "rounded": "both"}),
        "int8": ("integer_wrapped", {"type": "int8"}),
        "dilation as lhs_dilation left out": ("dilation_ignored", {"dilation": (1, 1)}),
    },
    "flax": {
        "Conv, default padding": ("size_formula", {"formula": "same"}),
        "ConvTranspose, padding 1": ("kernel_flipped+padding_of_dilated_input", {"crop": ((1, 1), (2, 2))}),
        "Conv, CIRCULAR": ("pads_misread", {"pads": ((1, 2), (1, 1))}),
    },
    "equinox": {"ConvTranspose2d with torch's weight": ("channels_swapped+kernel_flipped", {"axes": (0, 1)})},
    "keras": {
        "Conv2DTranspose, same": ("crop_shifted", {"crop": ((0, 1), (0, 1)), "claimed": ((1, 0), (1, 0))}),
        "Conv2DTranspose, same, output_padding 1": ("crop_shifted", {"shift": (-1, -1)}),
        "Conv2D, same": ("size_formula", {"formula": "same"}),
    },
    "tensorflow": {
        "conv2d, SAME": ("size_formula", {"formula": "same"}),
        "conv2d, weight reshaped to HWIO": ("weight_layout", {"read_as": "HWIO", "how": "memory"}),
        "conv2d, image reshaped to NHWC": ("data_layout", {"array": "input", "laid_out": "NHWC", "how": "memory"}),
        "conv2d, result left in NHWC": ("data_layout", {"array": "output", "laid_out": "NHWC", "how": "transposed"}),
        "conv2d_transpose, SAME": ("crop_shifted", {"crop": ((0, 1), (0, 1))}),
        "conv2d_transpose, VALID, larger": ("size_formula", {"pads": ((0, -1), (0, 0))}),
    },
    "onnxruntime": {
        "Conv, pads per axis": ("pads_misread", {"pads": ((1, 0), (2, 3))}),
        "ConvTranspose, output_shape": ("size_formula", {"formula": "same_lower"}),
        "ConvTranspose, SAME_UPPER": ("crop_shifted", {"crop": ((0, 1), (0, 1))}),
        "ConvTranspose, kernel shorter than stride": ("zeros_misplaced", {"zeros": "none"}),
        "ConvTranspose, group left out": ("groups_ignored", {"groups": 1}),
        "ConvTranspose, output_padding left out": ("output_padding_dropped", {"output_padding": (1, 1)}),
    },
}


def recorded(framework: str) -> Iterator[tuple[str, Case]]:
    with np.load(RECORDED / f"naive_{framework}.npz", allow_pickle=False) as file:
        for i, entry in enumerate(json.loads(str(file["cases"]))):
            arrays = (file[f"{i}/{name}"] for name in ("input", "weight", "output"))
            x, w, y = arrays
            yield entry["name"], Case(entry["op"], x, w, None, entry["params"], y)


@pytest.mark.parametrize("framework", CAUSES)
def test_what_a_framework_returned_is_explained(framework: str) -> None:
    answers = dict(recorded(framework))
    assert answers.keys() == CAUSES[framework].keys()
    for name, case in answers.items():
        report = crosscheck(case)
        cause, parameters = CAUSES[framework][name]
        found = {c.name: c.parameters for c in report.causes}
        assert not report.ok, name
        assert cause in found, f"{name}\n{report}"
        assert {key: found[cause][key] for key in parameters} == parameters, f"{name}\n{report}"
