"""Time of building a kernel matrix, as a multiple of the time of copying it.

    python benchmarks/build.py [--rounds N] [--small] [--random N [--seed S]]

Both are timed in alternating blocks of one run, and the median of the blocks' ratios is printed with its quartiles.
What a geometry alone decides is kept for its next matrix; `first/copy` is the time where nothing is kept. Of random
geometries, what is printed is how many are built in no more than 1.5 times the copy, and the slowest.
"""

from __future__ import annotations

import argparse
import random
import statistics
from time import perf_counter

import numpy as np

from npconvt import ConvGeometry, _matrix, kernel_matrix

# name, weight shape, input shape, keywords. From about a million entries up, inputs several times the kernel.
CASES = [
    ("1-D, 3 taps", (3,), (700_000,), {}),
    ("1-D, 3 taps, padded", (3,), (700_000,), {"padding": 1}),
    ("1-D, 3 taps, stride 2", (3,), (1_400_000,), {"stride": 2, "padding": 1}),
    ("1-D, 5 taps, dilation 4, same", (5,), (500_000,), {"dilation": 4, "padding": "same"}),
    ("1-D, 101 taps, circular", (101,), (30_000,), {"padding": 50, "padding_mode": "circular"}),
    *(
        (
            f"1-D{' transposed' * transposed}, 301 taps on {size}, {mode}",
            (301,),
            (size,),
            {"padding": 150, "padding_mode": mode, "transposed": transposed},
        )
        for size in (6_000, 60_000)
        for transposed in (False, True)
        for mode in ("zeros", "reflect", "replicate", "circular")
    ),
    ("1-D, 31 taps, wide replicate", (31,), (60_000,), {"padding": 10_000, "padding_mode": "replicate"}),
    (
        "1-D, 101 taps, stride 3, dilation 2, reflect",
        (101,),
        (40_000,),
        {"stride": 3, "dilation": 2, "padding": 100, "padding_mode": "reflect"},
    ),
    ("1-D, 64 -> 64, 5 taps", (64, 64, 5), (64, 200), {"padding": 2}),
    ("2-D, 3x3", (3, 3), (512, 512), {}),
    ("2-D, 3x3, padded", (3, 3), (512, 512), {"padding": 1}),
    ("2-D, 5x5, stride 2, dilation 2", (5, 5), (512, 512), {"stride": 2, "dilation": 2, "padding": 4}),
    *(
        (
            f"2-D{' transposed' * transposed}, 101x3 on 500x20, {mode}",
            (101, 3),
            (500, 20),
            {"padding": (50, 1), "padding_mode": mode, "transposed": transposed},
        )
        for transposed in (False, True)
        for mode in ("zeros", "reflect", "replicate", "circular")
    ),
    *(
        (f"1-D, 1001 taps on 4000, {mode}", (1001,), (4_000,), {"padding": 500, "padding_mode": mode})
        for mode in ("zeros", "reflect")
    ),
    *(
        (
            f"1-D, 301 taps on 6000, dilation 3, {mode}",
            (301,),
            (6_000,),
            {"dilation": 3, "padding": 450, "padding_mode": mode},
        )
        for mode in ("zeros", "reflect", "replicate", "circular")
    ),
    *(
        (f"1-D, 4 -> 4, 101 taps on 1000, {mode}", (4, 4, 101), (4, 1000), {"padding": 50, "padding_mode": mode})
        for mode in ("zeros", "reflect")
    ),
    ("2-D, 41x15 on 100x40", (41, 15), (100, 40), {"padding": (20, 7)}),
    ("2-D, 41x15 on 200x80", (41, 15), (200, 80), {"padding": (20, 7)}),
    ("2-D, 101x3 on 600x20, dilation 2x1", (101, 3), (600, 20), {"dilation": (2, 1), "padding": (100, 1)}),
    *(
        (
            f"2-D, 2 -> 2, 61x3 on 250x12, {mode}",
            (2, 2, 61, 3),
            (2, 250, 12),
            {"padding": (30, 1), "padding_mode": mode},
        )
        for mode in ("zeros", "reflect")
    ),
    *(
        (f"2-D, 2 -> 2, 15x15 on 64x64, {mode}", (2, 2, 15, 15), (2, 64, 64), {"padding": 7, "padding_mode": mode})
        for mode in ("zeros", "reflect")
    ),
    *(
        (
            f"3-D, 31x3x3 on {size}x12x12, {mode}",
            (31, 3, 3),
            (size, 12, 12),
            {"padding": (15, 1, 1), "channels": False, "padding_mode": mode},
        )
        for size in (100, 150)
        for mode in ("zeros", "reflect")
    ),
    ("2-D, 15x15, reflect", (15, 15), (128, 128), {"padding": 7, "padding_mode": "reflect"}),
    ("2-D, 3x3, dilation 16, reflect", (3, 3), (512, 512), {"dilation": 16, "padding": 16, "padding_mode": "reflect"}),
    ("2-D, 3 -> 16, 7x7, stride 2", (16, 3, 7, 7), (3, 64, 64), {"stride": 2, "padding": 3}),
    ("2-D, 32 -> 32, 3x3", (32, 32, 3, 3), (32, 28, 28), {"padding": 1}),
    ("2-D, depthwise 64, 3x3", (64, 1, 3, 3), (64, 56, 56), {"padding": 1, "groups": 64}),
    ("2-D, 64 -> 32, 1x1", (32, 64, 1, 1), (64, 40, 40), {}),
    ("3-D, 3x3x3", (3, 3, 3), (48, 48, 48), {"padding": 1, "channels": False}),
    ("3-D, 4 -> 8, 3x3x3, stride 2", (8, 4, 3, 3, 3), (4, 32, 32, 32), {"stride": 2, "padding": 1}),
    ("1-D transposed, 4 taps, stride 2", (4,), (600_000,), {"stride": 2, "padding": 1, "transposed": True}),
    ("1-D transposed, 3 taps, stride 3", (3,), (700_000,), {"stride": 3, "transposed": True}),
    ("2-D transposed, 3x3", (3, 3), (512, 512), {"padding": 1, "transposed": True}),
    ("2-D transposed, 4x4, stride 2", (4, 4), (256, 256), {"stride": 2, "padding": 1, "transposed": True}),
    (
        "2-D transposed, 32 -> 16, 4x4, stride 2",
        (32, 16, 4, 4),
        (32, 14, 14),
        {"stride": 2, "padding": 1, "transposed": True},
    ),
    ("2-D transposed, 16x16, stride 8", (16, 16), (64, 64), {"stride": 8, "padding": 4, "transposed": True}),
    ("3-D transposed, 8 -> 4, 2x2x2, stride 2", (8, 4, 2, 2, 2), (8, 16, 24, 24), {"stride": 2, "transposed": True}),
]
SMALL = [
    ("16x16, 3x3", (3, 3), (16, 16), {}),
    *(
        (f"16x16, 3x3, {mode}{', transposed' * transposed}", (3, 3), (16, 16), keywords)
        for mode in ("zeros", "reflect", "replicate", "circular")
        for transposed in (False, True)
        for keywords in [{"padding": 1, "padding_mode": mode, "transposed": transposed}]
    ),
]


def block(function, least: float = 0.05, prepare=lambda: None) -> float:
    """Return the median time of a call in a block of calls that lasts at least `least` seconds."""
    times, start = [], perf_counter()
    while not times or perf_counter() - start < least:
        prepare()
        before = perf_counter()
        function()
        times.append(perf_counter() - before)
    return statistics.median(times)


def ratios(weight, input_shape, keywords, rounds: int) -> tuple[list[float], list[float], float, int]:
    """Return build/copy and first/copy of each round, the seconds of a copy, and the entries."""
    matrix = kernel_matrix(weight, input_shape, **keywords)

    def build():
        kernel_matrix(weight, input_shape, **keywords)

    blocks = [(block(build), block(build, prepare=_matrix._plans.forget), block(matrix.copy)) for _ in range(rounds)]
    copy = statistics.median(copy for *_, copy in blocks)
    return [kept / copy for kept, _, copy in blocks], [first / copy for _, first, copy in blocks], copy, matrix.nnz


def random_case(rng: random.Random):
    """Return weight shape, input shape and keywords: of each axis, the input is at least four times the kernel."""
    axes = rng.choice([1, 1, 2, 2, 3])
    tap_limit, input_limit = {1: (1000, 2000), 2: (60, 60), 3: (20, 20)}[axes]
    taps = [round(tap_limit ** rng.uniform(0.1 if axes == 1 else 0, 1)) for _ in range(axes)]
    dilation = [rng.choice([1, 1, 1, 2, 3, rng.randint(2, 8)]) for _ in taps]
    stride = [rng.choice([1, 1, 1, 2, 3, rng.randint(2, 6)]) for _ in taps]
    extents = [d * (k - 1) + 1 for k, d in zip(taps, dilation, strict=True)]
    sizes = [int(extent * 4 * (input_limit / 4) ** rng.random()) for extent in extents]
    padding = [rng.choice([0, extent // 2, extent // 2, extent - 1]) for extent in extents]
    columns, rows = rng.choice([(1, 1), (1, 1), (1, 1), (2, 2), (4, 4), (3, 16), (8, 8)])
    groups = columns if columns == rows and rng.random() < 0.3 else 1
    mode = rng.choice(["zeros", "zeros", "reflect", "replicate", "circular"])
    keywords = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "padding_mode": mode}
    return (rows, columns // groups, *taps), (columns, *sizes), keywords


def several(count: int, seed: int) -> None:
    """Time random geometries of one to five million entries."""
    rng, found = random.Random(seed), []
    while len(found) < count:
        weight_shape, input_shape, keywords = random_case(rng)
        if 10**6 <= ConvGeometry.conv(input_shape, weight_shape, **keywords, channels=True).nnz <= 5 * 10**6:
            weight = np.random.default_rng(0).standard_normal(weight_shape)
            kept, first, _, _ = ratios(weight, input_shape, keywords | {"channels": True}, 3)
            found.append((statistics.median(kept), statistics.median(first), weight_shape, input_shape, keywords))
    found.sort(key=lambda case: -case[0])
    for name, times in (("build", [case[0] for case in found]), ("first", sorted(case[1] for case in found))):
        over = sum(time > 1.5 for time in times)
        print(
            f"{name}/copy: median {statistics.median(times):.2f}, largest {max(times):.2f}; over 1.5: {over} of {count}"
        )
    for kept, first, *case in found[:10]:
        print(f"{kept:.2f}, first {first:.2f}:", *case)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--random", type=int, metavar="N", help="N random geometries instead")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.random:
        several(options.random, options.seed)
        return
    print(f"{'case':46}{'entries':>12}{'copy, ms':>10}{'build/copy':>12}  {'quartiles':14}{'first/copy':>12}")
    for name, weight_shape, input_shape, keywords in CASES[:: 8 if options.small else 1]:
        weight = np.random.default_rng(0).standard_normal(weight_shape)
        kept, first, copy, entries = ratios(weight, input_shape, keywords, 3 if options.small else options.rounds)
        low, median, high = statistics.quantiles(kept, n=4)
        quartiles = f"{low:.2f} to {high:.2f}"
        once = statistics.median(first)
        print(f"{name:46}{entries:12}{copy * 1e3:10.2f}{median:12.2f}  {quartiles:14}{once:12.2f}")
    for name, weight_shape, input_shape, keywords in SMALL:
        weight = np.ones(weight_shape)
        times = [
            statistics.median(
                block(lambda: kernel_matrix(weight, input_shape, **keywords), prepare=prepare) * 1e3  # noqa: B023
                for _ in range(5)
            )
            for prepare in (lambda: None, _matrix._plans.forget)
        ]
        print(f"{name:46}{times[0]:.3f} ms, first {times[1]:.3f} ms")


if __name__ == "__main__":
    main()
