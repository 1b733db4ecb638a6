"""Record what JAX answers."""

from __future__ import annotations

from typing import Any

import _cases
from _record import frozen, record


def answer(call: str, arrays: tuple[Any, ...], params: dict[str, Any]) -> Any:
    import jax

    # Cases are small integers: float32 is exact, and jax would narrow float64 anyway.
    return getattr(jax.lax, call)(*(jax.numpy.asarray(a) for a in arrays), **{k: frozen(v) for k, v in params.items()})


if __name__ == "__main__":
    record("jax", ["jax", "jaxlib", "numpy"], _cases.jax(), answer)
