"""Convolution and transposed convolution as one sparse matrix and its transpose, in NumPy and SciPy alone."""

from npconvt._geometry import ConvGeometry
from npconvt._matrix import kernel_matrix
from npconvt.functional import (
    conv,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)

__version__ = "0.1.0"

__all__ = [
    "ConvGeometry",
    "conv",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "kernel_matrix",
]
