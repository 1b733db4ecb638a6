"""Re-record every framework that is installed here: ``python tests/recorded/record.py [name ...]``.

With names, those, and one that is missing is an error. Each runs in its own process: the frameworks do not all
bear each other. Install them side by side in as many environments as they need, and run this in each.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys

from _record import HERE

FRAMEWORKS = {
    "flax": ("flax", "jax"),
    "jax": ("jax",),
    "keras": ("keras", "jax"),
    "mlx": ("mlx",),
    "onnx": ("onnx", "onnxruntime"),
    "tensorflow": ("tensorflow",),
    "torch": ("torch",),
}


def main(names: list[str]) -> None:
    for name in names or FRAMEWORKS:
        missing = [package for package in FRAMEWORKS[name] if importlib.util.find_spec(package) is None]
        if missing and not names:
            print(f"{name}: skipped, {', '.join(missing)} not installed")
            continue
        subprocess.run([sys.executable, str(HERE / f"record_{name}.py")], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
