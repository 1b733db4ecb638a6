"""Record what keras.ops answers on its JAX backend, which needs no GPU and knows every argument."""

from __future__ import annotations

import os
from typing import Any

import _cases
from _record import frozen, record

os.environ.setdefault("KERAS_BACKEND", "jax")


def answer(call: str, arrays: tuple[Any, ...], params: dict[str, Any]) -> Any:
    import keras

    tensors = [keras.ops.convert_to_tensor(a) for a in arrays]
    return keras.ops.convert_to_numpy(getattr(keras.ops, call)(*tensors, **{k: frozen(v) for k, v in params.items()}))


if __name__ == "__main__":
    record("keras", ["keras", "jax", "jaxlib", "numpy"], _cases.keras(), answer)
