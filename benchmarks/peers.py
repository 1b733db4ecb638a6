"""The same call in other libraries: a peer takes a layer and its arrays, and gives a call, or None for none."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from cases import Layer

import npconvt
from npconvt import ConvGeometry

Call = Callable[[], Any]
MATRIX_BYTES = 2**30


def geometry(layer: Layer, x: np.ndarray, w: np.ndarray) -> ConvGeometry:
    make = ConvGeometry.conv_transpose if layer.transposed else ConvGeometry.conv
    return make(x.shape, w.shape, **layer.params)


def matrix(layer: Layer, x: np.ndarray, w: np.ndarray) -> Call | None:
    """The kernel matrix, built and multiplied."""
    if geometry(layer, x, w).matrix_bytes(x.itemsize) > MATRIX_BYTES:
        return None
    return partial(getattr(npconvt, layer.op), x, w, method="matrix", **layer.params)


def fft(layer: Layer, x: np.ndarray, w: np.ndarray) -> Call:
    return partial(getattr(npconvt, layer.op), x, w, method="fft", **layer.params)


def torch(layer: Layer, x: np.ndarray, w: np.ndarray) -> Call | None:
    try:
        import torch
    except ImportError:
        return None
    tensors = torch.from_numpy(x), torch.from_numpy(w)
    function = getattr(torch.nn.functional, layer.op)

    def call() -> Any:
        with torch.no_grad():
            return function(*tensors, **layer.params)

    return call


def scipy_signal(layer: Layer, x: np.ndarray, w: np.ndarray) -> Call | None:
    if not layer.is_filter:
        return None
    from scipy import signal

    correlate = signal.convolve if layer.transposed else signal.correlate
    return partial(correlate, x[0, 0], w[0, 0], mode="full" if layer.transposed else "valid")


def scipy_ndimage(layer: Layer, x: np.ndarray, w: np.ndarray) -> Call | None:
    """`correlate` with zeros around: the size of the input, a little more than the valid part."""
    if not layer.is_filter or layer.transposed:
        return None
    from scipy import ndimage

    return partial(ndimage.correlate, x[0, 0], w[0, 0], mode="constant")


def onnx_reference(layer: Layer, x: np.ndarray, w: np.ndarray) -> Call | None:
    """ONNX's reference evaluator; it refuses ConvTranspose with groups."""
    try:
        from onnx import TensorProto, helper
        from onnx.reference import ReferenceEvaluator
    except ImportError:
        return None
    params, ndim = layer.params, w.ndim - 2
    if layer.transposed and params.get("groups", 1) > 1:
        return None
    per_axis = {"strides": "stride", "dilations": "dilation"}
    attributes: dict[str, Any] = {ours: [params.get(name, 1)] * ndim for ours, name in per_axis.items()}
    attributes |= {"pads": [params.get("padding", 0)] * 2 * ndim, "group": params.get("groups", 1)}
    if "output_padding" in params:
        attributes["output_padding"] = [params["output_padding"]] * ndim
    node = helper.make_node("ConvTranspose" if layer.transposed else "Conv", ["x", "w"], ["y"], **attributes)
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, a.shape) for n, a in (("x", x), ("w", w))]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    model = helper.make_model(helper.make_graph([node], "g", inputs, outputs))
    return partial(ReferenceEvaluator(model).run, None, {"x": x, "w": w})


def jax(layer: Layer, x: np.ndarray, w: np.ndarray) -> Call | None:
    """`conv_general_dilated`, compiled; the transposed call as a convolution of the input with zeros between."""
    try:
        from jax import jit, lax
        from jax import numpy as jnp
    except ImportError:
        return None
    params, ndim, groups = layer.params, w.ndim - 2, layer.params.get("groups", 1)
    stride, pad, dilation = params.get("stride", 1), params.get("padding", 0), params.get("dilation", 1)
    if layer.transposed:
        parts = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
        w = np.flip(parts.reshape(-1, *parts.shape[2:]), tuple(range(2, w.ndim)))
        before = [dilation * (k - 1) - pad for k in w.shape[2:]]
        pads = [(b, b + params.get("output_padding", 0)) for b in before]
        strides = {"window_strides": (1,) * ndim, "lhs_dilation": (stride,) * ndim}
    else:
        pads = [(pad, pad)] * ndim
        strides = {"window_strides": (stride,) * ndim}
    function = jit(
        partial(
            lax.conv_general_dilated,
            padding=pads,
            rhs_dilation=(dilation,) * ndim,
            feature_group_count=groups,
            **strides,
        )
    )
    image, kernel = jnp.asarray(x), jnp.asarray(np.ascontiguousarray(w))
    return lambda: function(image, kernel).block_until_ready()


PEERS: dict[str, Callable[[Layer, np.ndarray, np.ndarray], Call | None]] = {
    "matrix": matrix,
    "fft": fft,
    "torch": torch,
    "scipy.signal": scipy_signal,
    "scipy.ndimage": scipy_ndimage,
    "onnx reference": onnx_reference,
    "jax": jax,
}


def versions() -> dict[str, str]:
    """Installed versions of what is timed."""
    found = {}
    for name in ("numpy", "scipy", "torch", "onnx", "jax"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
