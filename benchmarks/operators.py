"""Time of an operator's products: beside the bare call, beside one another, and beside PyLops' ConvolveND.

    python benchmarks/operators.py [--rounds N] [--small] [--method NAME]

`matvec/call` is the operator against `conv` or `conv_transpose` of the same method on the same array; `rmatvec/matvec`
the adjoint against the operator; `PyLops/matvec` and `PyLops/rmatvec` are ConvolveND (its default method) against ours
on the same problem, where it has one: a single channel without stride, dilation or padding modes, output as large as
the input. All ratios come from one run, in alternating blocks of calls; printed is the median over the rounds, and for
the first two the quartiles.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from npconvt import ConvOperator, conv, conv_transpose

# name, weight shape, input shape, keywords; the products take a millisecond or more.
CASES = [
    ("512x512, 3x3", (1, 1, 3, 3), (1, 512, 512), {"padding": 1}),
    ("512x512, 15x15", (1, 1, 15, 15), (1, 512, 512), {"padding": 7}),
    ("256x256, 31x31", (1, 1, 31, 31), (1, 256, 256), {"padding": 15}),
    ("1000000, 101 taps", (1, 1, 101), (1, 1_000_000), {"padding": 50}),
    ("64^3, 3x3x3", (1, 1, 3, 3, 3), (1, 64, 64, 64), {"padding": 1}),
    ("256x256, 9x9, reflect", (1, 1, 9, 9), (1, 256, 256), {"padding": 4, "padding_mode": "reflect"}),
    ("256x256, 9x9, circular", (1, 1, 9, 9), (1, 256, 256), {"padding": 4, "padding_mode": "circular"}),
    ("3 -> 32, 224x224, 7x7, stride 2", (32, 3, 7, 7), (3, 224, 224), {"padding": 3, "stride": 2}),
    ("64 -> 64, 56x56, 3x3", (64, 64, 3, 3), (64, 56, 56), {"padding": 1}),
    ("64 -> 128, 56x56, 4x4, stride 2", (128, 64, 4, 4), (64, 56, 56), {"padding": 1, "stride": 2}),
    ("depthwise 64, 112x112, 3x3", (64, 1, 3, 3), (64, 112, 112), {"padding": 1, "groups": 64}),
    (
        "transposed 128 -> 64, 28x28, 4x4, stride 2",
        (128, 64, 4, 4),
        (128, 28, 28),
        {"padding": 1, "stride": 2, "transposed": True},
    ),
]
SMALL = [("64x64, 9x9", (1, 1, 9, 9), (1, 64, 64), {"padding": 4})]


def block(function, least: float) -> float:
    """Return the median time of a call in a block of calls that lasts at least `least` seconds, after a pause."""
    time.sleep(0.02)  # other libraries' threads may still be spinning
    function()
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < least:
        before = time.perf_counter()
        function()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def peer(weight, input_shape, keywords):
    """PyLops' operator of the same map, checked; None where it has none."""
    if weight.shape[:2] != (1, 1) or set(keywords) != {"padding"}:
        return None
    import pylops

    kernel = np.flip(weight[0, 0])
    offset = tuple(k // 2 for k in kernel.shape)
    if kernel.ndim == 1:
        return pylops.signalprocessing.Convolve1D(input_shape[1:], kernel, offset=offset[0])
    return pylops.signalprocessing.ConvolveND(
        input_shape[1:], kernel, offset=offset, axes=tuple(range(-kernel.ndim, 0))
    )


def measure(weight_shape, input_shape, keywords, method, rounds, least):
    """Return times in seconds of each function, one list per round."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal(weight_shape)
    op = ConvOperator(weight, input_shape, method=method, **keywords)
    x, y = (rng.standard_normal(n) for n in op.shape[::-1])
    image = x.reshape(input_shape)
    options = {name: value for name, value in keywords.items() if name != "transposed"}
    call = conv_transpose if op.transposed else conv
    functions = {
        "call": lambda: call(image, weight, method=method, **options),
        "matvec": lambda: op.matvec(x),
        "rmatvec": lambda: op.rmatvec(y),
    }
    np.testing.assert_allclose(op.matvec(x).reshape(op.output_shape), functions["call"]())
    other = peer(weight, input_shape, keywords)
    if other is not None:
        np.testing.assert_allclose(other.matvec(x), op.matvec(x), atol=1e-9)
        np.testing.assert_allclose(other.rmatvec(y), op.rmatvec(y), atol=1e-9)
        functions |= {"pylops": lambda: other.matvec(x), "rpylops": lambda: other.rmatvec(y)}
    order = list(functions)
    times = {name: [] for name in functions}
    for number in range(rounds):
        for name in order if number % 2 else order[::-1]:
            times[name].append(block(functions[name], least))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--small", action="store_true", help="a second, to see that it runs")
    options = parser.parse_args()
    rounds, least = (2, 0.01) if options.small else (options.rounds, 0.05)
    print(f"{'case':44}{'matvec, ms':>11}  {'matvec/call':>18}  {'rmatvec/matvec':>18}  PyLops/matvec  PyLops/rmatvec")
    for name, weight_shape, input_shape, keywords in SMALL if options.small else CASES:
        times = measure(weight_shape, input_shape, keywords, options.method, rounds, least)

        def ratio(top, bottom, times=times):
            if top not in times:
                return None
            return statistics.quantiles((a / b for a, b in zip(times[top], times[bottom], strict=True)), n=4)

        columns = [
            f"{middle:.2f} ({low:.2f}..{high:.2f})"
            for low, middle, high in (ratio("matvec", "call"), ratio("rmatvec", "matvec"))
        ]
        peers = [ratio("pylops", "matvec"), ratio("rpylops", "rmatvec")]
        shown = ["-" if quartiles is None else f"{quartiles[1]:.1f}" for quartiles in peers]
        matvec = statistics.median(times["matvec"]) * 1e3
        print(
            f"{name:44}{matvec:11.2f}  {columns[0]:>18}  {columns[1]:>18}  {shown[0]:>13}  {shown[1]:>14}", flush=True
        )


if __name__ == "__main__":
    main()
