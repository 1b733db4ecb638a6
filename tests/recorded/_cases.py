"""The calls that are recorded, framework by framework.

Small integers in float32, so that every framework's sums are exact. Kernels are not symmetric, channels differ,
images are not square; odd and even kernels, strides 1 to 3 and above the kernel, dilations, every padding word, and
calls that the framework refuses, or answers with an empty array.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from _record import Request


class _Book:
    """Collects requests, numbers them, and makes their arrays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def add(self, call: str, *shapes: tuple[int, ...], dtypes: tuple[str, ...] = (), **params: Any) -> None:
        number = len(self.requests)
        generator = np.random.default_rng(number)
        kinds = itertools.chain(dtypes, itertools.repeat("float32"))
        arrays = tuple(
            generator.integers(-9, 10, shape).astype(kind) for shape, kind in zip(shapes, kinds, strict=False)
        )
        self.requests.append(Request(f"{number:03}-{call}", call, arrays, params))

    def col2im(self, shape: tuple[int, ...], image: list[int], block: list[int], **params: Any) -> None:
        """Col2Im takes two sizes as arrays, which are not to be drawn."""
        self.add("Col2Im", shape, **params)
        last = self.requests.pop()
        sizes = np.array(image, np.int64), np.array(block, np.int64)
        self.requests.append(Request(last.name, last.call, (*last.arrays, *sizes), params))


def _kernels_and_strides() -> Iterator[tuple[int, int, int]]:
    """Taps, stride and dilation on one axis: odd, even, one tap, stride above the kernel."""
    yield from [(3, 1, 1), (4, 1, 1), (3, 2, 1), (4, 2, 1), (2, 3, 1), (1, 2, 1), (5, 3, 1), (3, 2, 2), (2, 3, 2)]


def jax() -> list[Request]:
    book = _Book()
    conv, transpose = "conv_general_dilated", "conv_transpose"
    for word in ("SAME", "SAME_LOWER", "VALID", "same"):
        for k, s, d in [(3, 2, 1), (4, 2, 1), (2, 3, 1), (4, 1, 2)]:
            book.add(conv, (2, 2, 7), (3, 2, k), window_strides=[s], padding=word, rhs_dilation=[d])
    book.add(conv, (1, 4, 5, 6), (6, 2, 3, 2), window_strides=[2, 1], padding=[[1, 2], [0, 3]], feature_group_count=2)
    book.add(conv, (4, 2, 5), (6, 2, 3), window_strides=[1], padding="SAME", batch_group_count=2)
    book.add(conv, (1, 2, 3), (3, 2, 2), window_strides=[1], padding=[[-1, 0]], lhs_dilation=[2])
    book.add(conv, (1, 2, 4), (3, 2, 3), window_strides=[2], padding=[[2, 1]], lhs_dilation=[3], rhs_dilation=[2])
    book.add(conv, (1, 4, 4), (6, 2, 3), window_strides=[1], padding=[[2, 2]], lhs_dilation=[2], feature_group_count=2)
    book.add(conv, (1, 2, 3), (2, 2, 5), window_strides=[1], padding="VALID")
    book.add(conv, (0, 2, 5), (3, 2, 3), window_strides=[1], padding="VALID")
    book.add(conv, (2, 3), (4, 3), window_strides=[], padding="VALID")
    book.add(conv, (1, 2, 3, 2, 3, 2), (1, 2, 2, 1, 2, 2), window_strides=[1, 1, 1, 1], padding="SAME")
    layouts = ["NHWC", "HWIO", "NHWC"], ["CWNH", "WOIH", "HNCW"]
    book.add(conv, (1, 4, 5, 2), (3, 2, 2, 3), window_strides=[2, 1], padding="SAME", dimension_numbers=layouts[0])
    book.add(conv, (2, 5, 1, 4), (3, 3, 2, 2), window_strides=[2, 1], padding="SAME", dimension_numbers=layouts[1])
    book.add(conv, (1, 2, 5), (3, 2, 3), dtypes=("int32", "int32"), window_strides=[1], padding="SAME")
    book.add(conv, (1, 1, 5), (1, 1, 3), dtypes=("int8", "int8"), window_strides=[1], padding=[[2, 2]])
    for word in ("SAME", "VALID"):
        for (k, s, d), turned in itertools.product(_kernels_and_strides(), (False, True)):
            shape = (k, 3, 2) if turned else (k, 2, 3)
            params = {"transpose_kernel": True} if turned else {}
            book.add(transpose, (1, 5, 2), shape, strides=[s], padding=word, rhs_dilation=[d], **params)
    for pads in ([[0, 0]], [[1, 2]], [[-1, 1]]):
        for consistent in (False, True):
            given = {"strides": [2], "padding": pads, "use_consistent_padding": consistent}
            book.add(transpose, (1, 5, 2), (3, 2, 3), **given)
    for word in ("same", "valid", "SAME_LOWER"):
        book.add(transpose, (1, 5, 2), (4, 2, 3), strides=[1], padding=word)
        book.add(transpose, (1, 5, 2), (4, 2, 3), strides=[2], padding=word)
    book.add(transpose, (1, 3, 4, 2), (3, 2, 2, 3), strides=[2, 3], padding="SAME")
    book.add(transpose, (1, 2, 3, 4), (3, 2, 2, 2), strides=[1, 2], padding="VALID", dimension_numbers=layouts[0])
    book.add(transpose, (1, 2, 3, 2, 2), (2, 3, 1, 2, 3), strides=[2, 1, 2], padding="SAME")
    refused = [
        {"padding": "CAUSAL"},
        {"padding": "SAME", "lhs_dilation": [2]},
        {"padding": [[0, 0], [0, 0]]},
        {"padding": [[-4, -4]]},
        {"padding": "SAME", "window_strides": [0]},
        {"padding": "SAME", "window_strides": [1, 1]},
        {"padding": "SAME", "rhs_dilation": [0]},
        {"padding": "SAME", "feature_group_count": 3},
        {"padding": "SAME", "batch_group_count": 2},
        {"padding": "SAME", "dimension_numbers": ["NCH", "OIH"]},
        {"padding": "SAME", "dimension_numbers": ["NCH", "OIW", "NCH"]},
        {"padding": "SAME", "dimension_numbers": ["NCC", "OIH", "NCH"]},
    ]
    for params in refused:
        book.add(conv, (1, 4, 5), (3, 4, 3), **({"window_strides": [1]} | params))
    book.add(conv, (1, 4, 5), (3, 2, 3), window_strides=[1], padding="SAME")
    book.add(conv, (4, 5), (3, 4, 3), window_strides=[1], padding="SAME")
    book.add(conv, (1, 4, 5), (3, 4, 3), dtypes=("float32", "int32"), window_strides=[1], padding="SAME")
    book.add(transpose, (1, 5, 2), (3, 3, 3), strides=[2], padding="SAME")
    book.add(transpose, (1, 2, 2, 2, 2, 2), (1, 1, 1, 1, 2, 2), strides=[1, 1, 1, 1], padding="SAME")
    return book.requests


def flax() -> list[Request]:
    book = _Book()
    words = ("SAME", "VALID", "SAME_LOWER", "CIRCULAR", "REFLECT", "CAUSAL", 1)
    for word in words:
        for k, s, d in [(3, 2, 1), (4, 1, 1), (2, 3, 2)]:
            book.add("conv", (2, 6, 2), (k, 2, 3), (3,), strides=s, padding=word, kernel_dilation=d)
    for word in ("SAME", "VALID", "CIRCULAR", 1, [[2, 1]]):
        for (k, s, d), turned in itertools.product([(3, 2, 1), (4, 2, 1), (2, 3, 1), (3, 1, 2)], (False, True)):
            shape = (k, 3, 2) if turned else (k, 2, 3)
            params: dict[str, Any] = {"strides": s, "padding": word, "kernel_dilation": d}
            book.add("conv_transpose", (1, 5, 2), shape, (3,), transpose_kernel=turned, **params)
    book.add("conv", (6, 2), (3, 2, 3))
    book.add("conv", (2, 1, 5, 4, 2), (3, 2, 2, 3), (3,), strides=[2, 1])
    book.add("conv", (1, 5, 4, 4), (3, 2, 2, 6), feature_group_count=2, padding=[[1, 2], 0])
    book.add("conv", (1, 4, 2), (3, 2, 3), input_dilation=2, padding=[[2, 1]])
    book.add("conv", (1, 3, 4, 5, 2), (2, 3, 2, 2, 1), strides=[1, 2, 1])
    book.add("conv", (1, 3, 2), (5, 2, 1), padding="VALID")
    book.add("conv", (1, 2, 2), (5, 2, 1), padding="CIRCULAR")
    book.add("conv_transpose", (5, 2), (3, 2, 1), strides=2)
    book.add("conv_transpose", (1, 3, 4, 2), (3, 2, 2, 3), strides=[2, 3], padding="CIRCULAR")
    book.add("conv_transpose", (1, 2, 1), (7, 1, 1), strides=1, padding="CIRCULAR")
    for params in (
        {"padding": "VALID", "input_dilation": 2},
        {"padding": "CIRCULAR", "input_dilation": 2},
        {"padding": "BOGUS"},
        {"padding": [1, 1]},
        {"feature_group_count": 3},
        {"strides": [1, 1]},
        {"strides": 0},
    ):
        book.add("conv", (1, 5, 4), (3, 4, 3), **params)
    book.add("conv", (1, 5, 5, 4), (3, 3, 4, 3), padding="CAUSAL")
    book.add("conv", (1, 5, 4), (3, 4, 3), (2,))
    for word in ("CAUSAL", "REFLECT", "BOGUS"):
        book.add("conv_transpose", (1, 5, 4), (3, 4, 3), padding=word)
    book.add("conv_transpose", (1, 5, 4), (3, 4, 3), padding="same", strides=2)
    book.add("conv_transpose", (1, 5, 4), (3, 3, 4))
    return book.requests


def keras() -> list[Request]:
    book = _Book()
    for word in ("valid", "same", "SAME"):
        for k, s, d in [(3, 2, 1), (4, 2, 1), (2, 3, 1), (3, 1, 2), (3, 2, 2)]:
            book.add("conv", (2, 7, 2), (k, 2, 3), strides=s, padding=word, dilation_rate=d)
    for word, extra in itertools.product(("valid", "same"), (None, 0, 1, 2)):
        for k, s, d in [(3, 2, 1), (4, 2, 1), (5, 3, 1), (2, 3, 1), (3, 2, 2)]:
            book.add(
                "conv_transpose", (1, 5, 2), (k, 3, 2), strides=s, padding=word, output_padding=extra, dilation_rate=d
            )
    first = {"data_format": "channels_first"}
    book.add("conv", (1, 4, 5, 6), (3, 2, 2, 6), strides=[2, 1], padding="same", **first)
    book.add("conv", (1, 3, 4, 5, 2), (2, 3, 2, 2, 1), strides=[1, 2, 1])
    book.add("conv_transpose", (1, 2, 3, 4), (3, 2, 3, 2), strides=[2, 3], padding="same", **first)
    book.add("conv_transpose", (1, 2, 3, 2, 2), (2, 3, 1, 3, 2), strides=[2, 1, 2], output_padding=[1, 0, 1])
    book.add("depthwise_conv", (1, 5, 6, 3), (3, 2, 3, 2), strides=2, padding="same")
    book.add("depthwise_conv", (1, 3, 5, 6), (3, 2, 3, 2), padding="valid", dilation_rate=[1, 2], **first)
    book.add("depthwise_conv", (1, 2, 3), (4, 3, 1))
    book.add("separable_conv", (1, 5, 6, 3), (3, 2, 3, 2), (1, 1, 6, 4), strides=2, padding="same")
    book.add("separable_conv", (1, 3, 7), (3, 3, 1), (1, 3, 4), **first)
    for params in (
        {"padding": "causal"},
        {"padding": 1},
        {"strides": [1, 1]},
        {"strides": 0},
        {"dilation_rate": 0},
        {"data_format": "NHWC"},
    ):
        book.add("conv", (1, 5, 4), (3, 4, 3), **params)
    book.add("conv", (1, 3, 2), (5, 2, 3))
    book.add("conv", (1, 5, 4), (3, 3, 3))
    book.add("conv", (1, 5, 4), (3, 2, 3))
    book.add("conv_transpose", (1, 5, 4), (3, 4, 3))
    book.add("conv_transpose", (1, 5, 4), (3, 3, 4), padding="causal")
    book.add("depthwise_conv", (1, 5, 4), (3, 2, 1))
    book.add("separable_conv", (1, 5, 4), (3, 4, 1), (1, 3, 2))
    return book.requests


def tensorflow() -> list[Request]:
    book = _Book()
    for word in ("SAME", "VALID"):
        for k, s, d in [(3, 2, 1), (4, 2, 1), (2, 3, 1), (3, 1, 2), (3, 2, 2)]:
            book.add("conv1d", (2, 7, 2), (k, 2, 3), stride=s, padding=word, dilations=d)
    for k, s in [(3, 2), (4, 2), (5, 3), (2, 3), (3, 1)]:
        n = 5
        for out in sorted({(n - 1) * s + 1, n * s}):
            book.add("conv1d_transpose", (1, n, 2), (k, 3, 2), output_shape=[1, out, 3], strides=s)
        for out in sorted({(n - 1) * s + k, n * s + k - 1}):
            params: dict[str, Any] = {"output_shape": [1, out, 3], "strides": s, "padding": "VALID"}
            book.add("conv1d_transpose", (1, n, 2), (k, 3, 2), **params)
    book.add("conv1d", (2, 1, 5, 2), (3, 2, 3), stride=1, padding="SAME")
    book.add("conv1d", (1, 3, 2), (4, 2, 3), stride=1, padding="VALID")
    book.add("conv1d", (1, 3, 2), (5, 2, 3), stride=2, padding="VALID")
    book.add("conv1d", (1, 1, 2), (5, 2, 3), stride=3, padding="VALID")
    book.add("conv2d", (1, 5, 6, 4), (3, 2, 2, 6), strides=[1, 2, 1, 1], padding="SAME")
    book.add("conv2d", (1, 5, 6, 2), (3, 2, 2, 3), strides=[2, 1], padding=[[0, 0], [1, 0], [2, 1], [0, 0]])
    book.add("conv2d", (1, 5, 6, 2), (3, 2, 2, 3), strides=2, padding="VALID", dilations=[1, 2, 3, 1])
    book.add("conv2d", (1, 2, 5, 6), (3, 2, 2, 3), strides=[1, 1, 2, 1], padding="SAME", data_format="NCHW")
    book.add("conv2d", (1, 5, 5, 2), (3, 3, 2, 1), dtypes=("int32", "int32"), strides=1, padding="SAME")
    book.add("conv3d", (1, 3, 4, 5, 2), (2, 3, 2, 2, 3), strides=[1, 1, 2, 1, 1], padding="SAME")
    for out in ([1, 5, 8, 3], [1, 6, 7, 3]):
        book.add("conv2d_transpose", (1, 3, 4, 2), (3, 2, 3, 2), output_shape=out, strides=2)
    pads = [[0, 0], [1, 0], [0, 1], [0, 0]]
    book.add("conv2d_transpose", (1, 3, 4, 2), (3, 2, 3, 2), output_shape=[1, 6, 7, 3], strides=2, padding=pads)
    book.add("conv2d_transpose", (1, 3, 4, 4), (3, 2, 3, 4), output_shape=[1, 5, 7, 6], strides=2)
    book.add(
        "conv2d_transpose",
        (1, 3, 4, 2),
        (3, 2, 3, 2),
        output_shape=[1, 3, 5, 3],
        strides=1,
        dilations=[1, 2],
        padding=[[0, 0], [1, 1], [1, 0], [0, 0]],
    )
    book.add("conv2d_transpose", (1, 3, 4, 2), (3, 2, 3, 2), output_shape=[5, 8], strides=2)
    book.add("conv3d_transpose", (1, 2, 3, 2, 2), (2, 3, 1, 3, 2), output_shape=[1, 4, 3, 3, 3], strides=[2, 1, 2])
    one = [1, 1, 1, 1]
    book.add("depthwise_conv2d", (1, 5, 6, 3), (3, 2, 3, 2), strides=[1, 2, 2, 1], padding="SAME")
    book.add("depthwise_conv2d", (1, 5, 6, 3), (3, 2, 3, 2), strides=one, padding="VALID", dilations=[1, 2])
    book.add("depthwise_conv2d", (1, 5, 6, 2), (3, 2, 2, 1), strides=one, padding=[[0, 0], [1, 0], [2, 1], [0, 0]])
    for out in ([1, 8, 3], [1, 11, 3], [2, 9, 3], [1, 9, 4], [9, 3], [9]):
        book.add("conv1d_transpose", (1, 5, 2), (3, 3, 2), output_shape=out, strides=2)
    book.add("conv1d_transpose", (1, 5, 2), (3, 3, 2), output_shape=[1, 12, 3], strides=2, padding="VALID")
    book.add("conv1d_transpose", (1, 5, 2), (3, 2, 3), output_shape=[1, 9, 3], strides=2)
    for params in (
        {"strides": 1, "padding": "same"},
        {"strides": 1, "padding": "SAME_LOWER"},
        {"strides": 1, "padding": "EXPLICIT"},
        {"strides": 1, "padding": [[0, 0], [1, 1]]},
        {"strides": 1, "padding": [[1, 1], [0, 0], [0, 0], [0, 0]]},
        {"strides": 1, "padding": [[0, 0], [-1, 0], [0, 0], [0, 0]]},
        {"strides": 0, "padding": "SAME"},
        {"strides": [2, 1, 1, 1], "padding": "SAME"},
        {"strides": [1, 1, 1], "padding": "SAME"},
        {"strides": 1, "padding": "SAME", "dilations": 0},
        {"strides": 1, "padding": "SAME", "data_format": "NWC"},
    ):
        book.add("conv2d", (1, 5, 6, 4), (3, 2, 4, 3), **params)
    book.add("conv2d", (1, 2, 6, 4), (9, 2, 4, 3), strides=1, padding="VALID")
    book.add("conv2d", (1, 5, 6, 4), (3, 2, 3, 3), strides=1, padding="SAME")
    book.add("conv2d", (1, 5, 6, 4), (3, 2, 2, 3), strides=1, padding="SAME")
    book.add("conv2d", (5, 6, 4), (3, 2, 4, 3), strides=1, padding="SAME")
    book.add("conv2d", (1, 5, 6, 4), (3, 2, 4, 3), dtypes=("float32", "float64"), strides=1, padding="SAME")
    book.add("conv3d", (1, 3, 4, 5, 2), (2, 3, 2, 2, 3), strides=1, padding="SAME")
    book.add("depthwise_conv2d", (1, 5, 6, 3), (3, 2, 3, 2), strides=1, padding="SAME")
    book.add("depthwise_conv2d", (1, 5, 6, 3), (3, 2, 2, 2), strides=one, padding="SAME")
    return book.requests


def mlx() -> list[Request]:
    book = _Book()
    for k, s, d in _kernels_and_strides():
        book.add("conv1d", (2, 7, 2), (3, k, 2), stride=s, padding=1, dilation=d)
        book.add("conv_transpose1d", (1, 5, 2), (3, k, 2), stride=s, dilation=d)
    for p, extra in [(0, 1), (1, 0), (1, 1), (2, 1), (1, 5), (3, 0), (1, -1)]:
        book.add("conv_transpose1d", (1, 5, 2), (3, 3, 2), stride=2, padding=p, output_padding=extra)
    book.add("conv1d", (1, 7, 4), (6, 3, 2), groups=2)
    book.add("conv2d", (1, 5, 6, 4), (6, 3, 2, 2), stride=[2, 1], padding=[0, 1], groups=2)
    book.add("conv3d", (1, 3, 4, 5, 2), (3, 2, 3, 2, 2), stride=[1, 2, 1])
    book.add("conv_transpose1d", (1, 3, 4), (6, 3, 2), stride=2, groups=2)
    book.add(
        "conv_transpose2d", (1, 3, 4, 4), (6, 3, 2, 2), stride=[2, 3], padding=[1, 0], output_padding=[1, 2], groups=2
    )
    book.add("conv_transpose3d", (1, 2, 3, 2, 2), (3, 2, 1, 2, 2), stride=[2, 1, 2])
    for params in (
        {"flip": True, "padding": 1},
        {"padding": [[-1], [2]]},
        {"padding": [[0], [3]], "stride": 2},
        {"input_dilation": 2, "padding": [[2], [1]]},
        {"input_dilation": 3, "kernel_dilation": 2, "stride": 2, "padding": 3},
        {"input_dilation": 2, "padding": [[-1], [1]]},
    ):
        book.add("conv_general", (1, 5, 2), (3, 3, 2), **params)
    book.add("conv_general", (1, 4, 5, 2), (3, 3, 2, 2), stride=[2], padding=[1, 0])
    for params in ({"stride": 0}, {"dilation": 0}, {"groups": 3}, {"stride": [1, 1]}):
        book.add("conv1d", (1, 5, 2), (3, 3, 2), **params)
    book.add("conv1d", (1, 3, 2), (3, 5, 2))
    book.add("conv1d", (5, 2), (3, 3, 2))
    book.add("conv1d", (1, 5, 2), (3, 3, 1))
    book.add("conv1d", (1, 5, 2), (3, 3, 2), dtypes=("int32", "int32"))
    book.add("conv2d", (1, 5, 5, 2), (3, 3, 3, 2), stride=[1])
    book.add("conv3d", (1, 3, 3, 3, 2), (2, 2, 2, 2, 1), groups=2)
    book.add("conv_transpose1d", (1, 1, 2), (3, 2, 2), padding=1)
    book.add("conv_transpose1d", (1, 5, 2), (2, 3, 3))
    book.add("conv_general", (1, 2, 2, 2, 2, 1), (1, 1, 1, 1, 1, 1))
    book.add("conv_general", (1, 5, 2), (3, 3, 2), input_dilation=0)
    book.add("conv_general", (1, 5, 2), (3, 3, 2), padding=[1, 2])
    return book.requests


def onnx() -> list[Request]:
    book = _Book()
    for word in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"):
        for k, s in [(3, 2), (4, 2), (2, 3), (4, 1)]:
            book.add("Conv", (2, 2, 7), (3, 2, k), (3,), strides=[s], auto_pad=word)
    for word in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"):
        for k, s, d in _kernels_and_strides():
            book.add("ConvTranspose", (1, 2, 5), (2, 3, k), (3,), strides=[s], dilations=[d], auto_pad=word)
    for word in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"):
        given: dict[str, Any] = {} if word == "NOTSET" else {"auto_pad": word}
        for k, s, out in [(3, 2, 10), (3, 2, 12), (4, 3, 13), (2, 3, 15), (5, 1, 6)]:
            book.add("ConvTranspose", (1, 2, 5), (2, 3, k), strides=[s], output_shape=[out], **given)
        given["output_padding"] = [1]
        book.add("ConvTranspose", (1, 2, 5), (2, 3, 3), strides=[2], **given)
        book.add("ConvTranspose", (1, 2, 5), (2, 3, 3), strides=[2], output_shape=[9], **given)
    pads = {"pads": [1, 0, 2, 1]}
    book.add("Conv", (1, 4, 5, 6), (6, 2, 3, 2), (6,), strides=[2, 1], dilations=[1, 2], group=2, **pads)
    book.add("Conv", (1, 2, 3, 4, 5), (3, 2, 2, 3, 2), kernel_shape=[2, 3, 2])
    book.add("Conv", (0, 2, 5), (3, 2, 3))
    book.add("ConvTranspose", (1, 4, 5, 6), (4, 3, 3, 2), (6,), strides=[2, 3], group=2, **pads)
    book.add("ConvTranspose", (1, 4, 3, 4), (4, 2, 3, 2), (4,), strides=[2, 3], group=2, output_shape=[6, 11])
    book.add("ConvTranspose", (2, 2, 2, 3, 2), (2, 3, 2, 1, 3), strides=[2, 1, 2])
    book.add("ConvTranspose", (1, 2, 5), (2, 3, 3), strides=[2], output_shape=[10], pads=[0, 0])
    book.col2im((2, 12, 6), [3, 4], [2, 2])
    book.col2im((1, 12, 12), [5, 6], [3, 2], strides=[2, 1], pads=[1, 0, 0, 1], dilations=[1, 3])
    book.col2im((1, 6, 3), [5], [3])
    book.col2im((1, 8, 8), [3, 3, 3], [2, 2, 2])
    book.col2im((1, 12, 5), [3, 4], [2, 2])
    book.col2im((1, 7, 6), [3, 4], [2, 2])
    both = {"auto_pad": "SAME_UPPER", "pads": [1, 1]}
    for call, weight in (("Conv", (3, 2, 3)), ("ConvTranspose", (2, 3, 3))):
        for params in (
            both,
            {"auto_pad": "VALID", "pads": [0, 0]},
            {"auto_pad": "same_upper"},
            {"pads": [-1, 0]},
            {"pads": [1]},
            {"strides": [0]},
            {"strides": [1, 1]},
            {"dilations": [0]},
            {"group": 3},
            {"group": 0},
            {"kernel_shape": [2]},
        ):
            book.add(call, (1, 2, 5), weight, **params)
        book.add(call, (1, 2, 5), weight, (2,))
        book.add(call, (1, 2, 5), weight, dtypes=("float32", "float64"))
        book.add(call, (1, 2, 5), weight, dtypes=("int64", "int64"))
        book.add(call, (2, 5), weight)
        book.add(call, (1, 3, 5), weight)
    for params in (
        {"output_padding": [2]},
        {"output_padding": [-1]},
        {"output_shape": [13]},
        {"output_shape": [1, 10]},
    ):
        book.add("ConvTranspose", (1, 2, 5), (2, 3, 3), strides=[2], **params)
    return book.requests


def torch() -> list[Request]:
    book = _Book()
    for mode in ("zeros", "reflect", "replicate", "circular"):
        book.add("Conv1d", (2, 4, 7), (6, 2, 3), (6,), stride=2, padding=2, groups=2, padding_mode=mode)
        book.add("Conv2d", (1, 2, 5, 6), (3, 2, 3, 2), (3,), padding=[2, 1], dilation=[1, 2], padding_mode=mode)
        book.add("Conv2d", (1, 2, 5, 6), (3, 2, 4, 2), padding="same", padding_mode=mode)
    book.add("Conv3d", (1, 2, 3, 4, 5), (3, 2, 2, 3, 2), (3,), padding="valid")
    for k, s, d in _kernels_and_strides():
        book.add("ConvTranspose1d", (1, 2, 5), (2, 3, k), (3,), stride=s, dilation=d)
    for out in ([9], [10]):
        book.add("ConvTranspose1d", (1, 2, 5), (2, 3, 3), stride=2, padding=1, output_size=out)
    book.add("ConvTranspose2d", (1, 4, 3, 4), (4, 3, 3, 2), (6,), stride=[2, 3], output_padding=[1, 2], groups=2)
    book.add("ConvTranspose2d", (4, 3, 4), (4, 3, 3, 2), stride=2, groups=2, output_size=[8, 9])
    book.add("ConvTranspose3d", (1, 2, 2, 3, 2), (2, 3, 2, 1, 3), stride=[2, 1, 2])
    for params in (
        {"stride": 2, "output_size": [8]},
        {"stride": 2, "output_padding": 2},
        {"padding": 4},
        {"stride": 0},
    ):
        book.add("ConvTranspose1d", (1, 2, 5), (2, 3, 3), **params)
    book.add("Conv1d", (1, 2, 3), (3, 2, 5))
    book.add("Conv1d", (1, 3, 5), (3, 2, 3))
    book.add("Conv1d", (1, 2, 5), (3, 2, 3), padding=5, padding_mode="reflect")
    return book.requests
