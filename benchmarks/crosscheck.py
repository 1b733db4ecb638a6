"""Time of a cross-check, in seconds, for results that are right, explained and inexplicable.

    python benchmarks/crosscheck.py [--rounds N] [--small]

The median of the rounds. A report on a layer of 64 channels and 56x56 pixels is to take less than 2 s, one on a probe
less than 0.2 s.
"""

from __future__ import annotations

import argparse
import statistics
from time import perf_counter

import numpy as np

import npconvt
from npconvt import Case, crosscheck, probe
from npconvt._crosscheck.arithmetic import TF32, rounded


def layer(op: str, dtype: str = "float32", **params: object) -> Case:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 64, 56, 56)), rng.standard_normal((64, 64, 3, 3))
    return Case(op, x.astype(dtype), w.astype(dtype), params=params)


def results(case: Case) -> dict[str, np.ndarray]:
    """Results to judge: the right one, and wrong ones."""
    right = case.expected()
    flipped = Case(case.op, case.input, case.weight[..., ::-1, ::-1], case.bias, case.params).expected()
    found = {"right": right, "flipped": flipped, "noise": right + np.random.default_rng(1).standard_normal(right.shape)}
    if case.input.dtype == np.float32:
        x, w = (rounded(a, TF32).astype(np.float32) for a in (case.input, case.weight))
        found["TF32"] = Case(case.op, x, w, case.bias, case.params).expected()
        found["flipped, TF32"] = Case(case.op, x, w[..., ::-1, ::-1], case.bias, case.params).expected()
    shifted = {**case.params, "padding": tuple((lo + 1, hi - 1) for lo, hi in case.geometry.padding)}
    found["shifted"] = getattr(npconvt, case.op)(case.input, case.weight, case.bias, **shifted)
    return {name: y.astype(right.dtype) for name, y in found.items()}


CASES = {
    "probe, conv": (0.2, lambda: probe("conv2d", (1, 2, 8, 9), (3, 2, 3, 4), stride=2, padding=1, bias=True)),
    "probe, transposed": (0.2, lambda: probe("conv_transpose2d", (1, 2, 5, 6), (2, 3, 3, 4), stride=2, padding=1)),
    "probe, 3-D transposed": (
        0.2,
        lambda: probe("conv_transpose3d", (1, 2, 4, 5, 6), (2, 3, 3, 4, 2), stride=2, padding=1, groups=2),
    ),
    "64 channels, 56x56, conv": (2.0, lambda: layer("conv2d", padding=1)),
    "64 channels, 56x56, float64": (2.0, lambda: layer("conv2d", "float64", padding=1)),
    "64 channels, 56x56, transposed": (2.0, lambda: layer("conv_transpose2d", stride=2, padding=1, output_padding=1)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="the probes only")
    options = parser.parse_args()
    print(f"{'case':32}{'result':16}{'seconds':>8}{'limit':>7}  verdict")
    for name, (limit, make) in CASES.items():
        if options.small and not name.startswith("probe"):
            continue
        case = make()
        for kind, result in results(case).items():
            times = []
            for _ in range(options.rounds):
                start = perf_counter()
                report = crosscheck(case, result)
                times.append(perf_counter() - start)
            causes = ", ".join(cause.name for cause in report.causes)
            print(f"{name:32}{kind:16}{statistics.median(times):8.3f}{limit:7.1f}  {report.verdict} {causes}")


if __name__ == "__main__":
    main()
