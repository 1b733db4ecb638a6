"""Other frameworks' convolutions, in NumPy, without importing them.

One module a framework, each with the framework's own call names and arguments::

    from npconvt.frameworks import jax
    jax.conv_transpose(x, w, (2, 2), "SAME")

What their words mean is data: `CONVENTIONS`, printed by `table`. The modules are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType
from typing import TYPE_CHECKING

from npconvt.frameworks._conventions import CONVENTIONS, Axis, Convention, Rule, table

if TYPE_CHECKING:
    from npconvt.frameworks import flax, jax, keras, matlab, mlx, onnx, scipy, tensorflow

_MODULES = ("flax", "jax", "keras", "matlab", "mlx", "onnx", "scipy", "tensorflow")

__all__ = [
    "CONVENTIONS",
    "Axis",
    "Convention",
    "Rule",
    "flax",
    "jax",
    "keras",
    "matlab",
    "mlx",
    "onnx",
    "scipy",
    "table",
    "tensorflow",
]


def __getattr__(name: str) -> _ModuleType:
    if name in _MODULES:
        return _import_module(f"npconvt.frameworks.{name}")
    message = f"module 'npconvt.frameworks' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
