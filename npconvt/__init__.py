"""Convolution and transposed convolution as one sparse matrix and its transpose, in NumPy and SciPy alone."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from npconvt._fold import fold, unfold
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

if TYPE_CHECKING:
    from npconvt import frameworks, grad, plot, testing
    from npconvt._case import Case
    from npconvt._crosscheck.bound import error_bound
    from npconvt._crosscheck.check import crosscheck
    from npconvt._crosscheck.probe import probe
    from npconvt._crosscheck.recover import recover_matrix
    from npconvt._crosscheck.report import Report
    from npconvt._spectrum import bilinear_kernel, overlap_count, singular_values
    from npconvt.linop import ConvOperator

__version__ = "0.1.0"

# What needs more of SciPy than `scipy.sparse`, or is seldom wanted, is loaded when it is first used. A name is listed
# here, and above for type checkers; a submodule by its own name.
_LAZY: dict[str, str] = {
    "Case": "npconvt._case",
    "ConvOperator": "npconvt.linop",
    "Report": "npconvt._crosscheck.report",
    "bilinear_kernel": "npconvt._spectrum",
    "crosscheck": "npconvt._crosscheck.check",
    "error_bound": "npconvt._crosscheck.bound",
    "frameworks": "npconvt.frameworks",
    "grad": "npconvt.grad",
    "overlap_count": "npconvt._spectrum",
    "plot": "npconvt.plot",
    "probe": "npconvt._crosscheck.probe",
    "recover_matrix": "npconvt._crosscheck.recover",
    "singular_values": "npconvt._spectrum",
    "testing": "npconvt.testing",
}

__all__ = [
    "Case",
    "ConvGeometry",
    "ConvOperator",
    "Report",
    "bilinear_kernel",
    "conv",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "crosscheck",
    "error_bound",
    "fold",
    "frameworks",
    "grad",
    "kernel_matrix",
    "overlap_count",
    "plot",
    "probe",
    "recover_matrix",
    "singular_values",
    "testing",
    "unfold",
]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        msg = f"module 'npconvt' has no attribute {name!r}"
        raise AttributeError(msg)
    module = _import_module(_LAZY[name])
    value = module if _LAZY[name] == f"npconvt.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
