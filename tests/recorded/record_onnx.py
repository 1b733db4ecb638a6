"""Record what ONNX Runtime answers: the specification's operators in a one-node model."""

from __future__ import annotations

from typing import Any

import _cases
from _record import record

OPSET = 18


def model(call: str, arrays: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
    """A model of one node; the attributes that are None are left out."""
    from onnx import checker, helper

    names = [f"in{i}" for i in range(len(arrays))]
    given = {k: v for k, v in attributes.items() if v is not None}
    node = helper.make_node(call, names, ["out"], **given)
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in zip(names, arrays, strict=True)
    ]
    element = helper.np_dtype_to_tensor_dtype(arrays[0].dtype)
    rank = 2 + arrays[1].size if call == "Col2Im" else arrays[0].ndim
    out = helper.make_tensor_value_info("out", element, [f"d{i}" for i in range(rank)])
    graph = helper.make_graph([node], "one", inputs, [out])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    checker.check_model(made, full_check=True)
    return made


def answer(call: str, arrays: tuple[Any, ...], params: dict[str, Any]) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    text = model(call, arrays, params).SerializeToString()
    session = onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])
    return session.run(None, {f"in{i}": a for i, a in enumerate(arrays)})[0]


if __name__ == "__main__":
    record("onnx", ["onnx", "onnxruntime", "numpy"], _cases.onnx(), answer)
