"""The translations agree with what the real frameworks answered: see tests/recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import npconvt
from npconvt import frameworks

RECORDED = Path(__file__).parent / "recorded"
FRAMEWORKS = ("flax", "jax", "keras", "mlx", "onnx", "tensorflow", "torch")


def load(framework: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the versions that answered, and the cases with their arrays."""
    with np.load(RECORDED / f"{framework}.npz", allow_pickle=False) as file:
        cases = json.loads(str(file["cases"]))
        for case in cases:
            case["arrays"] = [file[f"{case['name']}/{i}"] for i in range(case["inputs"])]
            case["params"] = dict(case["params"])
            if "refusal" not in case:
                case["output"] = file[f"{case['name']}/output"]
        return json.loads(str(file["versions"])), cases


def torch_module(call: str, arrays: list[np.ndarray], params: dict[str, Any]) -> np.ndarray:
    """torch.nn's modules are npconvt's own calls."""
    function = npconvt.conv_transpose if call.startswith("ConvTranspose") else npconvt.conv
    return function(*arrays, **params)


def called(framework: str, case: dict[str, Any]) -> np.ndarray:
    if framework == "torch":
        return torch_module(case["call"], case["arrays"], case["params"])
    return getattr(getattr(frameworks, framework), case["call"])(*case["arrays"], **case["params"])


CASES = [(framework, case) for framework in FRAMEWORKS for case in load(framework)[1]]


@pytest.mark.parametrize(("framework", "case"), CASES, ids=lambda v: v if isinstance(v, str) else v["name"])
def test_a_translation_gives_what_its_framework_gave(framework: str, case: dict[str, Any]) -> None:
    before = [array.copy() for array in case["arrays"]]
    if "refusal" in case:
        with pytest.raises((ValueError, TypeError), match=r"^[\w.]+: .+, but .+\.$") as raised:
            called(framework, case)
        # The message begins with the name of the call that refused.
        names = ("conv", "conv_transpose") if framework == "torch" else (f"{framework}.{case['call']}",)
        assert str(raised.value).split(":")[0] in names
    else:
        result = called(framework, case)
        np.testing.assert_array_equal(result, case["output"], strict=True)
        assert not any(np.shares_memory(result, array) for array in case["arrays"])
    for array, copy in zip(case["arrays"], before, strict=True):
        np.testing.assert_array_equal(array, copy, strict=True)


def test_the_recorded_cases_cover_what_they_claim() -> None:
    counts = {framework: len(load(framework)[1]) for framework in FRAMEWORKS}
    assert min(counts.values()) >= 30
    assert sum(counts.values()) >= 400
    for framework in FRAMEWORKS:
        versions, cases = load(framework)
        assert {"python", "numpy"} < set(versions)
        assert any("refusal" in case for case in cases)
        assert {case["call"] for case in cases if "refusal" not in case} == {case["call"] for case in cases}
    empty = {framework for framework, case in CASES if "output" in case and case["output"].size == 0}
    assert {"jax", "flax", "tensorflow"} <= empty
