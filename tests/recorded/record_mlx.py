"""Record what mlx.core answers (CPU build)."""

from __future__ import annotations

from typing import Any

import _cases
import numpy as np
from _record import frozen, record


def answer(call: str, arrays: tuple[Any, ...], params: dict[str, Any]) -> Any:
    import mlx.core

    return np.array(getattr(mlx.core, call)(*map(mlx.core.array, arrays), **{k: frozen(v) for k, v in params.items()}))


if __name__ == "__main__":
    record("mlx", ["mlx", "numpy"], _cases.mlx(), answer)
