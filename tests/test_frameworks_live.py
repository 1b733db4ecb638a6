"""The translations agree with JAX, ONNX Runtime and ONNX's evaluator, where these are installed.

``pip install -e '.[oracles]'`` brings them; NPCONVT_REQUIRE_ORACLES=jax,onnx,onnxruntime makes a missing one a failure.
"""

from __future__ import annotations

import functools
import importlib
import re
import runpy
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from oracles import framework

from npconvt import frameworks

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that imports a script of tests/recorded."""
    monkeypatch.syspath_prepend(RECORDED)
    return importlib.import_module


def outcome(function: Any, *refusals: type[Exception]) -> Any:
    """Return what a function returns, or the message of what it raises."""
    try:
        return function()
    except refusals as refusal:
        return str(refusal)


def compare(name: str, record: ModuleType, script: ModuleType, requests: list[Any]) -> None:
    """Ask the framework and the translation; answers must be equal, refusals be refused."""
    translated = getattr(frameworks, name)
    agreed = 0
    for request in requests:
        theirs = record.answer_or_refusal(script.answer, request)
        call = functools.partial(getattr(translated, request.call), *request.arrays, **request.params)
        ours = outcome(call, ValueError, TypeError)
        asked = f"{request.name} {request.params} on {[a.shape for a in request.arrays]}"
        if isinstance(theirs, str):
            assert isinstance(ours, str), f"{asked} is accepted, but {name} says {theirs}"
            assert re.fullmatch(rf"{name}\.{request.call}: .+, but .+\.", ours, re.DOTALL)
        else:
            np.testing.assert_array_equal(ours, theirs, strict=True, err_msg=asked)
            agreed += 1
    assert agreed > len(requests) // 2


def integers(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.integers(-9, 10, shape).astype(np.float32)


def drawn(generator: np.random.Generator, low: int, high: int, count: int) -> list[int]:
    return generator.integers(low, high + 1, count).tolist()


# JAX refuses a division by a stride of zero only after the fact, with a warning on the way.
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("kind", ["recorded", "conv_general_dilated", "conv_transpose"])
def test_jax(kind: str, recording: Any) -> None:
    framework("jax")
    record, cases, script = map(recording, ("_record", "_cases", "record_jax"))
    generator = np.random.default_rng(5)
    requests = cases.jax() if kind == "recorded" else []
    for number in range(0 if kind == "recorded" else 40):
        nd = int(generator.integers(1, 4))
        c, o, g = drawn(generator, 1, 2, 3)
        sizes, kernel = drawn(generator, 1, 7, nd), drawn(generator, 1, 4, nd)
        params: dict[str, Any] = {"rhs_dilation": drawn(generator, 1, 2, nd)}
        pads = generator.integers(-1, 4, (nd, 2)).tolist()
        params["padding"] = [pads, "SAME", "VALID"][int(generator.integers(3))]
        if kind == "conv_general_dilated":
            params |= {"window_strides": drawn(generator, 1, 3, nd), "feature_group_count": g}
            if not isinstance(params["padding"], str):
                params["lhs_dilation"] = drawn(generator, 1, 3, nd)
                # XLA's CPU kernel for depthwise calls gives wrong numbers where one pad is negative (jax 0.10.2).
                params["padding"] = pads if g == 1 else np.abs(pads).tolist()
            arrays = integers(generator, 2, c * g, *sizes), integers(generator, o * g, c, *kernel)
        else:
            params |= {"strides": drawn(generator, 1, 3, nd), "transpose_kernel": bool(generator.integers(2))}
            params["use_consistent_padding"] = bool(generator.integers(2))
            channels = (o, c) if params["transpose_kernel"] else (c, o)
            arrays = integers(generator, 2, *sizes, c), integers(generator, *kernel, *channels)
        requests.append(record.Request(f"{number}-{kind}", kind, arrays, params))
    compare("jax", record, script, requests)


@pytest.mark.parametrize("kind", ["recorded", "Conv", "ConvTranspose"])
def test_onnxruntime(kind: str, recording: Any) -> None:
    framework("onnx")
    framework("onnxruntime")
    record, cases, script = map(recording, ("_record", "_cases", "record_onnx"))
    generator = np.random.default_rng(6)
    requests = cases.onnx() if kind == "recorded" else []
    for number in range(0 if kind == "recorded" else 150):
        nd = int(generator.integers(1, 4))
        c, o, g = drawn(generator, 1, 2, 3)
        sizes, kernel = drawn(generator, 2, 7, nd), drawn(generator, 1, 4, nd)
        stride, dilation = drawn(generator, 1, 3, nd), drawn(generator, 1, 2, nd)
        params: dict[str, Any] = {"group": g, "strides": stride}
        word = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"][int(generator.integers(4))]
        params |= {"auto_pad": word} if word != "NOTSET" else {"pads": drawn(generator, 0, 1, 2 * nd)}
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        if kind == "Conv":
            # Two limits of ONNX Runtime that the specification has not.
            sizes = [max(n, k) for n, k in zip(sizes, reach, strict=True)]
            params["dilations"] = [1] * nd if word.startswith("SAME") else dilation
            arrays = [integers(generator, 2, c * g, *sizes), integers(generator, o * g, c, *kernel)]
        else:
            params["dilations"] = dilation
            params["output_padding"] = [int(generator.integers(s)) for s in stride]
            if generator.integers(2):
                full = [(n - 1) * s + k for n, s, k in zip(sizes, stride, reach, strict=True)]
                room = zip(sizes, full, stride, strict=True)
                params["output_shape"] = [int(generator.integers(n, f + s)) for n, f, s in room]
            arrays = [integers(generator, 2, c * g, *sizes), integers(generator, c * g, o, *kernel)]
        if generator.integers(2):
            arrays.append(integers(generator, o * g))
        requests.append(record.Request(f"{number}-{kind}", kind, tuple(arrays), params))
    # Nothing may be left by the pads: ONNX Runtime refuses an empty result, the specification does not.
    requests = [r for r in requests if kind != "ConvTranspose" or not_empty(r)]
    compare("onnx", record, script, requests)


def not_empty(request: Any) -> bool:
    return frameworks.onnx.ConvTranspose(*request.arrays, **request.params).size > 0


def network(onnx: ModuleType, nodes: list[Any], weights: dict[str, np.ndarray], x: np.ndarray, opset: int = 18) -> Any:
    """Return a model that takes X and gives Y."""
    helper = onnx.helper
    initializers = [onnx.numpy_helper.from_array(w, name) for name, w in weights.items()]
    element = helper.np_dtype_to_tensor_dtype(x.dtype)
    given = [helper.make_tensor_value_info("X", element, x.shape)]
    result = [helper.make_tensor_value_info("Y", element, [f"d{i}" for i in range(x.ndim)])]
    graph = helper.make_graph(nodes, "network", given, result, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def three_layers(onnx: ModuleType) -> tuple[Any, np.ndarray]:
    """A convolution, a grouped one, and a transposed one with groups and output_shape, with ReLU between."""
    generator = np.random.default_rng(0)
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["X", "W1", "B1"], ["h1"], strides=[2, 1], pads=[1, 0, 1, 2]),
        node("Relu", ["h1"], ["r1"]),
        node("Conv", ["r1", "W2"], ["h2"], group=2, auto_pad="SAME_LOWER"),
        node("Relu", ["h2"], ["r2"]),
        node("ConvTranspose", ["r2", "W3", "B3"], ["Y"], group=2, strides=[2, 3], output_shape=[11, 25]),
    ]
    shapes = {"W1": (4, 3, 3, 2), "B1": (4,), "W2": (6, 2, 2, 3), "W3": (6, 2, 3, 4), "B3": (4,)}
    weights = {name: generator.integers(-3, 4, shape).astype(np.float32) for name, shape in shapes.items()}
    x = generator.integers(-3, 4, (2, 3, 11, 8)).astype(np.float32)
    return network(onnx, nodes, weights, x), x


def test_a_model_gives_in_the_evaluator_with_our_operators_what_it_gives_in_onnxruntime() -> None:
    onnx, onnxruntime = framework("onnx"), framework("onnxruntime")
    reference = importlib.import_module("onnx.reference")
    model, x = three_layers(onnx)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"X": x})[0]
    ours = reference.ReferenceEvaluator(model, new_ops=frameworks.onnx.reference_ops()).run(None, {"X": x})[0]
    np.testing.assert_array_equal(ours, expected, strict=True)
    # The evaluator's own ConvTranspose is wrong here, or fails: else reference_ops would be about speed alone.
    own = outcome(lambda: reference.ReferenceEvaluator(model).run(None, {"X": x})[0], Exception)
    assert isinstance(own, str) or own.shape != expected.shape or (own != expected).any()


def test_our_operators_give_what_the_evaluators_own_give_where_those_are_right() -> None:
    onnx = framework("onnx")
    reference = importlib.import_module("onnx.reference")
    node = onnx.helper.make_node
    generator = np.random.default_rng(1)
    x = generator.integers(-9, 10, (2, 3, 5, 6)).astype(np.float64)
    kernel = generator.integers(-9, 10, (3, 2, 3, 2)).astype(np.float64)
    # One row longer than the image: a result of size 0, not an error.
    long = {"long": np.ones((2, 3, 6, 1))}
    models = [
        (x, node("Conv", ["X", "W"], ["Y"], dilations=[2, 1], strides=[1, 2]), {"W": kernel.swapaxes(0, 1).copy()}),
        (x, node("Conv", ["X", "W"], ["Y"], auto_pad="SAME_UPPER"), {"W": kernel.swapaxes(0, 1).copy()}),
        (x, node("Conv", ["X", "long"], ["Y"]), long),
        (x, node("ConvTranspose", ["X", "W"], ["Y"], strides=[2, 3], pads=[1, 0, 0, 1]), {"W": kernel}),
    ]
    for data, layer, weights in models:
        model = network(onnx, [layer], weights, data)
        own = reference.ReferenceEvaluator(model).run(None, {"X": data})[0]
        ours = reference.ReferenceEvaluator(model, new_ops=frameworks.onnx.reference_ops()).run(None, {"X": data})[0]
        np.testing.assert_array_equal(ours, own, strict=True)

    columns = generator.integers(-9, 10, (2, 12, 16)).astype(np.float64)
    sizes = {"image": np.array([5, 6]), "block": np.array([2, 3])}
    layer = node("Col2Im", ["X", "image", "block"], ["Z"], strides=[1, 2], pads=[0, 1, 0, 2])
    reshaped = node("Reshape", ["Z", "flat"], ["Y"])
    model = network(onnx, [layer, reshaped], sizes | {"flat": np.array([2, 2, 30])}, columns)
    own = reference.ReferenceEvaluator(model).run(None, {"X": columns})[0]
    ours = reference.ReferenceEvaluator(model, new_ops=frameworks.onnx.reference_ops()).run(None, {"X": columns})[0]
    np.testing.assert_array_equal(ours, own, strict=True)


def test_bfloat16_goes_through_the_evaluator_in_float32() -> None:
    onnx = framework("onnx")
    reference = importlib.import_module("onnx.reference")
    bfloat16 = importlib.import_module("ml_dtypes").bfloat16
    x, w = np.arange(6).reshape(1, 1, 6).astype(bfloat16), np.array([[[1, 10, 100]]]).astype(bfloat16)
    model = network(onnx, [onnx.helper.make_node("Conv", ["X", "W"], ["Y"])], {"W": w}, x, opset=22)
    result = reference.ReferenceEvaluator(model, new_ops=frameworks.onnx.reference_ops()).run(None, {"X": x})[0]
    assert result.dtype == bfloat16
    expected = np.array([[[210, 321, 432, 543]]]).astype(bfloat16)
    np.testing.assert_array_equal(result.astype(np.float32), expected.astype(np.float32))


def test_the_gallery_runs_the_decoder_in_the_evaluator_and_in_onnxruntime(capsys: pytest.CaptureFixture[str]) -> None:
    framework("onnx")
    framework("onnxruntime")
    runpy.run_path(str(Path(__file__).parents[1] / "docs" / "examples" / "plot_15_onnx_reference.py"))
    said = capsys.readouterr().out
    assert "ConvTranspose  (1, 3, 128, 128)" in said
    assert said.endswith("ONNX Runtime: the same numbers\n")
    assert "not installed" not in said
