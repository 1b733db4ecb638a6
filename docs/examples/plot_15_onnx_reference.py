"""
A fast reference for ONNX models
================================

ONNX's reference evaluator runs a model in NumPy, node by node, and its ConvTranspose loop by loop. ``reference_ops``
gives it operators that make npconvt's calls. Here is a small decoder, with a convolution, a grouped convolution and
two transposed ones, run both ways and in ONNX Runtime.

This page needs ``onnx``; where it or ``onnxruntime`` is not installed, it says so and shows the rest.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

from npconvt.frameworks import onnx as translated

try:
    import onnx
    from onnx.reference import ReferenceEvaluator
except ImportError:
    onnx = None
try:
    import onnxruntime
except ImportError:
    onnxruntime = None

# %%
# The layers, with small integer weights so that all sums are exact. The last layer asks for an output shape.
LAYERS = [
    ("Conv", {"pads": [1, 1, 1, 1]}, (8, 3, 3, 3)),
    ("Conv", {"group": 4, "auto_pad": "SAME_UPPER"}, (8, 2, 4, 4)),
    ("ConvTranspose", {"strides": [2, 2], "pads": [1, 1, 1, 1]}, (8, 8, 4, 4)),
    ("ConvTranspose", {"strides": [2, 2], "output_shape": [128, 128]}, (8, 3, 5, 5)),
]
rng = np.random.default_rng(0)
weights = [rng.integers(-2, 3, shape).astype(np.float32) for _, _, shape in LAYERS]
image = rng.integers(0, 4, (1, 3, 32, 32)).astype(np.float32)

# %%
# The module's own functions run it without onnx at all:
y = image
for (call, attributes, _), w in zip(LAYERS, weights, strict=True):
    y = getattr(translated, call)(y, w, **attributes)
    print(f"{call:14} {y.shape}")


# %%
# The same as an ONNX model:
def model(layers, weights, shape):
    """Return a model that passes X through the layers to Y."""
    names = ["X", *(f"h{i}" for i in range(1, len(layers))), "Y"]
    nodes = [
        onnx.helper.make_node(call, [names[i], f"W{i}"], [names[i + 1]], **attributes)
        for i, (call, attributes, _) in enumerate(layers)
    ]
    kind = onnx.TensorProto.FLOAT
    given = [onnx.helper.make_tensor_value_info("X", kind, shape)]
    result = [onnx.helper.make_tensor_value_info("Y", kind, ["N", "C", "H", "W"])]
    stored = [onnx.numpy_helper.from_array(w, f"W{i}") for i, w in enumerate(weights)]
    graph = onnx.helper.make_graph(nodes, "decoder", given, result, stored)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(made, full_check=True)
    return made


def seconds(function, repeat):
    """Return the best of a few runs."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


if onnx is None:
    print("onnx is not installed here")
else:
    decoder = model(LAYERS, weights, image.shape)
    fast = ReferenceEvaluator(decoder, new_ops=translated.reference_ops())
    result = fast.run(None, {"X": image})[0]
    assert (result == y).all()
    print(f"with npconvt's operators: {result.shape}, {1e3 * seconds(lambda: fast.run(None, {'X': image}), 5):.1f} ms")

# %%
# The evaluator's own operators. Its ConvTranspose does not take the output shape of the last layer, so that is left
# out, and the three layers before it are compared.
if onnx is not None:
    try:
        ReferenceEvaluator(decoder).run(None, {"X": image})
    except Exception as error:
        print(f"the evaluator's own operators: {type(error).__name__}")
    shorter = model(LAYERS[:3], weights[:3], image.shape)
    slow, fast = ReferenceEvaluator(shorter), ReferenceEvaluator(shorter, new_ops=translated.reference_ops())
    own = slow.run(None, {"X": image})[0]
    assert (own == fast.run(None, {"X": image})[0]).all()
    times = {
        "the evaluator's own operators": seconds(lambda: slow.run(None, {"X": image}), 1),
        "npconvt's operators": seconds(lambda: fast.run(None, {"X": image}), 5),
    }
    first, second = times.values()
    print(f"three layers, own operators against npconvt's: {first / second:.0f} times slower")

    figure, axis = plt.subplots(figsize=(7, 2), layout="constrained")
    bars = axis.barh(list(times), [1e3 * value for value in times.values()], color="#0072b2")
    axis.bar_label(bars, fmt="%.3g", padding=3)
    axis.set(xlabel="milliseconds for three layers, where this page was built")
    axis.margins(x=0.12)
    plt.show()

# %%
# ONNX Runtime agrees to the last bit, as all are sums of small integers.
if onnx is None or onnxruntime is None:
    print("onnxruntime is not installed here")
else:
    session = onnxruntime.InferenceSession(decoder.SerializeToString(), providers=["CPUExecutionProvider"])
    assert (session.run(None, {"X": image})[0] == y).all()
    print("ONNX Runtime: the same numbers")
