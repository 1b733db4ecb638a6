"""Record what flax.linen's Conv and ConvTranspose answer, given their kernel and bias."""

from __future__ import annotations

from typing import Any

import _cases
from _record import frozen, record


def answer(call: str, arrays: tuple[Any, ...], params: dict[str, Any]) -> Any:
    import flax.linen

    x, kernel, *bias = arrays
    params = {k: frozen(v) for k, v in params.items()}
    layer = {"conv": flax.linen.Conv, "conv_transpose": flax.linen.ConvTranspose}[call]
    out = -2 if call == "conv_transpose" and params.get("transpose_kernel") else -1
    module = layer(features=kernel.shape[out], kernel_size=kernel.shape[:-2], use_bias=bool(bias), **params)
    return module.apply({"params": {"kernel": kernel} | ({"bias": bias[0]} if bias else {})}, x)


if __name__ == "__main__":
    record("flax", ["flax", "jax", "jaxlib", "numpy"], _cases.flax(), answer)
