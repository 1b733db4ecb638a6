"""Record what tf.nn answers."""

from __future__ import annotations

import os
from typing import Any

import _cases
from _record import record

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
# The oneDNN kernels end the process on some calls that the plain kernels refuse.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


def answer(call: str, arrays: tuple[Any, ...], params: dict[str, Any]) -> Any:
    import tensorflow

    tensors = [tensorflow.constant(a) for a in arrays]

    def called(*given: Any) -> Any:
        return getattr(tensorflow.nn, call)(*given, **params)

    try:
        return called(*tensors).numpy()
    except Exception as refusal:
        # A CPU kernel may lack what the operator has (dilation of a gradient, groups, NCHW): XLA lacks none of it.
        try:
            return tensorflow.function(called, jit_compile=True)(*tensors).numpy()
        except Exception:
            raise refusal from None


if __name__ == "__main__":
    record("tensorflow", ["tensorflow-cpu", "numpy"], _cases.tensorflow(), answer)
