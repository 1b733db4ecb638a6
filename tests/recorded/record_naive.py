"""Record what frameworks return when torch's arguments are passed to them as they are: `naive_<framework>.npz`.

    python tests/recorded/record_naive.py jax flax equinox keras tensorflow onnxruntime

in an environment that has the frameworks named. The cases are probes: npconvt makes them, the framework answers them.
What the cross-check has to find in each answer stands in tests/test_crosscheck_real.py, under the same name.
"""

import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from npconvt import Case, probe

HERE = Path(__file__).parent
Answer = tuple[str, Case, Any]


def strided(**params: Any) -> Case:
    """A transposed call on unequal sizes, with an odd and an even kernel length."""
    return probe("conv_transpose2d", (1, 2, 5, 6), (2, 3, 3, 4), stride=2, **params)


def odd(**params: Any) -> Case:
    return probe("conv_transpose2d", (1, 2, 5, 6), (2, 3, 3, 3), stride=2, **params)


def forward(size: tuple[int, int] = (8, 10), **params: Any) -> Case:
    return probe("conv2d", (1, 2, *size), (3, 2, 3, 3), **params)


def last(a: np.ndarray) -> np.ndarray:
    return np.moveaxis(a, 1, -1)


def first(a: Any) -> np.ndarray:
    return np.moveaxis(np.asarray(a), -1, 1)


def jax() -> Iterator[Answer]:
    import jax.numpy as jnp
    import jax.scipy.signal
    from jax import lax

    one = ((1, 1), (1, 1))
    case = strided(padding=1)
    numbers = ("NCHW", "IOHW", "NCHW")
    yield "conv_transpose, padding 1", case, lax.conv_transpose(case.input, case.weight, (2, 2), one, None, numbers)
    swapped = ("NCHW", "OIHW", "NCHW")
    flipped = lax.conv_transpose(case.input, case.weight, (2, 2), one, None, swapped, transpose_kernel=True)
    yield "conv_transpose, padding 1, transpose_kernel", case, flipped
    case = odd(padding=1, output_padding=1)
    yield "conv_transpose, SAME", case, lax.conv_transpose(case.input, case.weight, (2, 2), "SAME", None, numbers)
    case = forward(stride=2, padding=1)
    yield "conv, SAME", case, lax.conv(case.input, case.weight, (2, 2), "SAME")
    case = forward(padding=1)
    yield "conv, padding as one flat list", case, lax.conv(case.input, case.weight, (1, 1), ((1, 1), (0, 0)))
    case = probe("conv2d", (1, 1, 8, 10), (1, 1, 3, 3), padding="same")
    same = jax.scipy.signal.convolve2d(case.input[0, 0], case.weight[0, 0], mode="same")
    yield "scipy.signal.convolve2d", case, same[None, None]
    case = probe("conv2d", (1, 4, 9, 9), (5, 4, 3, 3), kind="precision")
    narrow = (jnp.asarray(a, jnp.bfloat16) for a in (case.input, case.weight))
    yield (
        "bfloat16 inputs",
        case,
        lax.conv_general_dilated(*narrow, (1, 1), "VALID", preferred_element_type=jnp.float32),
    )
    case = probe("conv2d", (1, 2, 6, 7), (3, 2, 3, 3), kind="overflow", dtype="int8")
    yield "int8", case, lax.conv(case.input, case.weight, (1, 1), "VALID")
    case = forward(padding=1, dilation=2)
    yield "dilation as lhs_dilation left out", case, lax.conv(case.input, case.weight, (1, 1), one)


def flax() -> Iterator[Answer]:
    import flax.linen as nn

    def apply(layer: Any, case: Case, kernel: np.ndarray) -> np.ndarray:
        return first(layer.apply({"params": {"kernel": kernel}}, last(case.input)))

    case = forward()
    yield (
        "Conv, default padding",
        case,
        apply(nn.Conv(3, (3, 3), use_bias=False), case, case.weight.transpose(2, 3, 1, 0)),
    )
    case = strided(padding=1)
    layer = nn.ConvTranspose(3, (3, 4), (2, 2), padding=1, use_bias=False)
    yield "ConvTranspose, padding 1", case, apply(layer, case, case.weight.transpose(2, 3, 0, 1))
    case = probe("conv2d", (1, 2, 8, 9), (3, 2, 4, 3), stride=2, padding=((2, 1), (1, 1)), padding_mode="circular")
    layer = nn.Conv(3, (4, 3), (2, 2), padding="CIRCULAR", use_bias=False)
    yield "Conv, CIRCULAR", case, apply(layer, case, case.weight.transpose(2, 3, 1, 0))


def equinox() -> Iterator[Answer]:
    import equinox as eqx
    import jax

    case = probe("conv_transpose2d", (1, 3, 5, 6), (3, 3, 3, 4), stride=2, padding=1)
    layer = eqx.nn.ConvTranspose2d(3, 3, (3, 4), 2, padding=1, use_bias=False, key=jax.random.key(0))
    layer = eqx.tree_at(lambda m: m.weight, layer, jax.numpy.asarray(case.weight))
    yield "ConvTranspose2d with torch's weight", case, np.asarray(layer(case.input[0]))[None]


def keras() -> Iterator[Answer]:
    import keras

    def apply(layer: Any, case: Case, axes: tuple[int, ...]) -> np.ndarray:
        layer.build(last(case.input).shape)
        layer.set_weights([case.weight.transpose(axes)])
        return first(layer(last(case.input)))

    case = odd(padding=1, output_padding=1)
    layer = keras.layers.Conv2DTranspose(3, 3, 2, "same", use_bias=False)
    yield "Conv2DTranspose, same", case, apply(layer, case, (2, 3, 1, 0))
    case = odd(padding=1, output_padding=1)
    layer = keras.layers.Conv2DTranspose(3, 3, 2, "same", output_padding=1, use_bias=False)
    yield "Conv2DTranspose, same, output_padding 1", case, apply(layer, case, (2, 3, 1, 0))
    case = forward(stride=2, padding=1)
    layer = keras.layers.Conv2D(3, 3, 2, "same", use_bias=False)
    yield "Conv2D, same", case, apply(layer, case, (2, 3, 1, 0))


def tensorflow() -> Iterator[Answer]:
    import tensorflow as tf

    case = forward(stride=2, padding=1)
    hwio = case.weight.transpose(2, 3, 1, 0)
    yield "conv2d, SAME", case, first(tf.nn.conv2d(last(case.input), hwio, 2, "SAME"))
    case = forward()
    reshaped = case.weight.reshape(3, 3, 2, 3)
    yield "conv2d, weight reshaped to HWIO", case, first(tf.nn.conv2d(last(case.input), reshaped, 1, "VALID"))
    image = case.input.reshape(1, 8, 10, 2)
    hwio = case.weight.transpose(2, 3, 1, 0)
    yield "conv2d, image reshaped to NHWC", case, first(tf.nn.conv2d(image, hwio, 1, "VALID"))
    yield "conv2d, result left in NHWC", case, np.asarray(tf.nn.conv2d(last(case.input), hwio, 1, "VALID"))
    case = odd(padding=1, output_padding=1)
    shape = (1, 10, 12, 3)
    hwoi = case.weight.transpose(2, 3, 1, 0)
    yield "conv2d_transpose, SAME", case, first(tf.nn.conv2d_transpose(last(case.input), hwoi, shape, 2, "SAME"))
    case = probe("conv_transpose2d", (1, 2, 5, 6), (2, 3, 2, 3), stride=3)
    shape, hwoi = (1, 15, 18, 3), case.weight.transpose(2, 3, 1, 0)
    yield (
        "conv2d_transpose, VALID, larger",
        case,
        first(tf.nn.conv2d_transpose(last(case.input), hwoi, shape, 3, "VALID")),
    )


def onnxruntime() -> Iterator[Answer]:
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper

    def run(op: str, case: Case, **attributes: Any) -> np.ndarray:
        shapes = {"x": case.input.shape, "w": case.weight.shape, "y": [None] * case.input.ndim}
        values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in shapes.items()]
        node = helper.make_node(op, ["x", "w"], ["y"], **attributes)
        graph = helper.make_graph([node], "one", values[:2], values[2:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {"x": case.input, "w": case.weight})[0]

    case = forward(padding=((1, 2), (0, 3)))
    yield "Conv, pads per axis", case, run("Conv", case, pads=[1, 2, 0, 3])
    case = odd(padding="same")
    yield "ConvTranspose, output_shape", case, run("ConvTranspose", case, strides=[2, 2], output_shape=[10, 12])
    case = odd(padding=1, output_padding=1)
    yield "ConvTranspose, SAME_UPPER", case, run("ConvTranspose", case, strides=[2, 2], auto_pad="SAME_UPPER")
    case = probe("conv_transpose2d", (1, 2, 5, 6), (2, 3, 2, 2), stride=4, padding="same")
    yield (
        "ConvTranspose, kernel shorter than stride",
        case,
        run("ConvTranspose", case, strides=[4, 4], auto_pad="SAME_UPPER"),
    )
    case = probe("conv_transpose2d", (1, 4, 5, 6), (4, 3, 3, 3), groups=2)
    yield "ConvTranspose, group left out", case, run("ConvTranspose", case)
    case = odd(padding=1, output_padding=1)
    yield "ConvTranspose, output_padding left out", case, run("ConvTranspose", case, strides=[2, 2], pads=[1] * 4)


RECORDERS: dict[str, Callable[[], Iterator[Answer]]] = {
    f.__name__: f for f in (jax, flax, equinox, keras, tensorflow, onnxruntime)
}


def record(framework: str) -> None:
    arrays: dict[str, Any] = {}
    cases = []
    for i, (name, case, output) in enumerate(RECORDERS[framework]()):
        cases.append({"name": name, "op": case.op, "params": dict(case.params)})
        arrays |= {f"{i}/input": case.input, f"{i}/weight": case.weight, f"{i}/output": np.asarray(output)}
    package = {"tensorflow": "tensorflow-cpu"}.get(framework, framework)
    versions = {package: importlib.metadata.version(package)}
    text = {"versions": np.array(json.dumps(versions)), "cases": np.array(json.dumps(cases))}
    np.savez_compressed(HERE / f"naive_{framework}.npz", **text, **arrays)
    print(f"naive_{framework}.npz: {len(cases)} answers of {versions}")


if __name__ == "__main__":
    for chosen in sys.argv[1:]:
        record(chosen)
