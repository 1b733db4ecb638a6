"""Workspace of calls with a large result: peak resident memory beyond the input, the weight and the result.

    python benchmarks/memory.py [--small]

Each call runs in a process of its own, after a small one of its kind. It fails where more than 64 MiB are taken.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

BOUND = 64 * 2**20

# name, operation, input shape, weight shape, dtype, keywords; results of 2 GiB, those for --small of 1/16 of it.
REFLECT = {"padding": 1, "padding_mode": "reflect"}
TWICE = {"stride": 2, "padding": 1, "output_padding": 1}
CALLS = [
    ("conv, 8 -> 32, 3x3", "conv2d", (1, 8, 4096, 4096), (32, 8, 3, 3), "float32", {"padding": 1}),
    ("conv, one channel, 15x15", "conv2d", (1, 1, 16384, 16384), (1, 1, 15, 15), "float64", {"padding": 7}),
    ("conv, half precision", "conv2d", (4, 4, 4096, 4096), (16, 4, 3, 3), "float16", {"padding": 1}),
    ("conv, integers", "conv2d", (1, 4, 4096, 4096), (16, 4, 1, 1), "int64", {}),
    ("conv, long signals", "conv1d", (8, 16, 1 << 20), (64, 16, 9), "float32", {"padding": 4}),
    ("transposed, 4x4, stride 4", "conv_transpose2d", (1, 4, 1024, 2048), (4, 16, 4, 4), "float32", {"stride": 4}),
    ("transposed, 3x3, stride 2", "conv_transpose2d", (1, 8, 2048, 2048), (8, 32, 3, 3), "float32", TWICE),
    ("transposed, reflect", "conv_transpose2d", (1, 4, 4096, 4096), (4, 32, 3, 3), "float32", REFLECT),
]

CHILD = """
import resource, sys
import numpy as np, npconvt
op, shape, weight_shape, dtype, params = eval(sys.argv[1])
call = getattr(npconvt, op)
rng = np.random.default_rng(0)
w = rng.integers(-4, 5, weight_shape).astype(dtype)
x = np.ones(shape, dtype)
call(np.ones((1, shape[1], *(min(n, 64) for n in shape[2:])), dtype), w, **params)
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
before = resident()
y = call(x, w, **params)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(peak - before - y.nbytes, y.nbytes)
"""


def workspace(call: tuple[object, ...]) -> tuple[int, int]:
    """Bytes taken beyond the arrays, and bytes of the result."""
    done = subprocess.run([sys.executable, "-c", CHILD, repr(call)], capture_output=True, text=True, check=True)
    extra, size = map(int, done.stdout.split())
    return extra, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="results of 128 MiB")
    small = parser.parse_args().small
    worst = 0
    for name, op, shape, weight_shape, dtype, params in CALLS:
        smaller = (*shape[:2], *(n // (4 if len(shape) == 4 else 16) for n in shape[2:])) if small else shape
        extra, size = workspace((op, smaller, weight_shape, dtype, params))
        worst = max(worst, extra)
        print(f"{name:32} result {size / 2**20:7.0f} MiB, workspace {extra / 2**20:6.1f} MiB", flush=True)
    if worst > BOUND:
        sys.exit(f"more than {BOUND // 2**20} MiB")


if __name__ == "__main__":
    main()
