"""Record what torch.nn's modules answer, given their weight and bias."""

from __future__ import annotations

from typing import Any

import _cases
from _record import frozen, record


def answer(call: str, arrays: tuple[Any, ...], params: dict[str, Any]) -> Any:
    import torch

    x, weight, *bias = (torch.from_numpy(a) for a in arrays)
    params = {k: frozen(v) for k, v in params.items()}
    called = {"output_size": list(params.pop("output_size"))} if "output_size" in params else {}
    groups = params.get("groups", 1)
    first, second = weight.shape[0], weight.shape[1] * groups
    channels = (first, second) if "Transpose" in call else (second, first)
    layer = getattr(torch.nn, call)(*channels, tuple(weight.shape[2:]), bias=bool(bias), **params)
    layer.load_state_dict({"weight": weight} | ({"bias": bias[0]} if bias else {}))
    with torch.no_grad():
        return layer(x, **called).numpy()


if __name__ == "__main__":
    record("torch", ["torch", "numpy"], _cases.torch(), answer)
