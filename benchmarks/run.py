"""Remake the tables and the picture of docs/performance.md: npconvt by method beside other libraries.

    python benchmarks/run.py --out docs [--small] [--rounds N] [--note TEXT]

Every figure is a ratio of one run: peers are timed in alternating blocks of calls with a pause between, never call by
call (the thread pools of two libraries spin against one another), and a row is the median of the blocks' ratios with
their quartiles. `--small` times tiny layers, to keep the program alive in continuous integration.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
from cases import LAYERS, SMALL_LAYERS, SWEEPS, Layer
from peers import PEERS, versions

import npconvt

Call = Callable[[], Any]

CAP = 4.0  # no ratio counts for more in the mean, so that a few very slow peers do not carry it
CALLS = 5  # in a block, after two that are not counted
PAUSE = 0.12  # seconds; the threads of OpenBLAS and OpenMP spin for a while after the last call
SLOW = 0.3  # seconds: such calls are one a block
DTYPES = ("float64", "float32")


def arrays(layer: Layer, batch: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = (batch, *layer.input_shape), layer.weight_shape
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def block(call: Call, calls: int) -> float:
    """The median time of some calls in a row, after two that are not counted."""
    times = []
    for _ in range(calls + 2):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
        if times[-1] > SLOW:
            break
    sleep(PAUSE)
    return statistics.median(times[2:] or times)


def rounds(calls: dict[str, Call], number: int, per_block: int = CALLS) -> dict[str, list[float]]:
    """Times of every call by name, one a round, the calls in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()  # compilers compile, allocators grow
    for _ in range(number):
        for name, call in calls.items():
            times[name].append(block(call, per_block))
    return times


def ratio(times: list[float], reference: list[float]) -> tuple[float, float, float]:
    """Median of the rounds' ratios, and their quartiles."""
    ratios = [a / b for a, b in zip(times, reference, strict=True)]
    if len(ratios) < 2:
        return ratios[0], ratios[0], ratios[0]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return middle, low, high


def against_torch(layers: tuple[Layer, ...], number: int) -> Iterator[dict[str, Any]]:
    for layer in layers:
        for batch in layer.batches:
            for dtype in DTYPES:
                x, w = arrays(layer, batch, dtype)
                ours = partial(getattr(npconvt, layer.op), x, w, **layer.params)
                theirs = PEERS["torch"](layer, x, w)
                if theirs is None:
                    return
                times = rounds({"npconvt": ours, "torch": theirs}, number)
                median, low, high = ratio(times["torch"], times["npconvt"])
                row = {"layer": layer, "batch": batch, "dtype": dtype, "ms": 1e3 * statistics.median(times["npconvt"])}
                yield row | {"ratio": median, "low": low, "high": high}
                print(f"{layer.title:48} x{batch} {dtype}  {median:7.2f}", flush=True)


def by_peer(layers: tuple[Layer, ...], number: int) -> Iterator[dict[str, Any]]:
    """Time of every peer as a multiple of `method="auto"`, one image in float32."""
    for layer in layers:
        x, w = arrays(layer, 1, "float32")
        calls = {"auto": partial(getattr(npconvt, layer.op), x, w, **layer.params)}
        for name, peer in PEERS.items():
            call = peer(layer, x, w)
            if call is not None:
                calls[name] = call
        times = rounds(calls, number)
        shown = {name: ratio(times[name], times["auto"])[0] for name in calls if name != "auto"}
        print(f"{layer.title:48} {shown}", flush=True)
        yield {"layer": layer, "ms": 1e3 * statistics.median(times["auto"]), "peers": shown}


def sweep(small: bool, number: int) -> list[dict[str, Any]]:
    """Seconds against size, for `npconvt.plot.cost`."""
    records = []
    for name, (layers, peers) in SWEEPS.items():
        for size, layer in layers[: 2 if small else None]:
            x, w = arrays(layer, 1, "float32")
            calls = {"npconvt": partial(getattr(npconvt, layer.op), x, w, **layer.params)}
            calls |= {peer: call for peer in peers if (call := PEERS[peer](layer, x, w)) is not None}
            for peer, times in rounds(calls, number).items():
                records.append({"sweep": name, "size": size, "method": peer, "seconds": statistics.median(times)})
    return records


def mean(ratios: list[float], cap: float = float("inf")) -> float:
    return statistics.geometric_mean([min(r, cap) for r in ratios])


def torch_table(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "| layer | batch | dtype | ms | torch's time / ours | quartiles |"
    yield "|---|---:|---|---:|---:|---:|"
    for row in rows:
        spread = f"{row['low']:.2f}–{row['high']:.2f}"
        title = row["layer"].title
        yield f"| {title} | {row['batch']} | {row['dtype']} | {row['ms']:.2f} | {row['ratio']:.2f} | {spread} |"
    yield ""
    yield "| dtype | geometric mean, ratios above 4 counted as 4 | plain geometric mean | least |"
    yield "|---|---:|---:|---:|"
    for dtype in DTYPES:
        ratios = [row["ratio"] for row in rows if row["dtype"] == dtype]
        yield f"| {dtype} | {mean(ratios, CAP):.2f} | {mean(ratios):.2f} | {min(ratios):.2f} |"


def peer_table(rows: list[dict[str, Any]]) -> Iterator[str]:
    names = [name for name in PEERS if any(name in row["peers"] for row in rows)]
    yield f"| layer | auto, ms | {' | '.join(names)} |"
    yield f"|---|---:|{'---:|' * len(names)}"
    for row in rows:
        cells = [f"{row['peers'][name]:.2f}" if name in row["peers"] else "" for name in names]
        yield f"| {row['layer'].title} | {row['ms']:.2f} | {' | '.join(cells)} |"


def machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    listed = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"{model}, {cores} cores and as many threads for every library, Python {platform.python_version()}, {listed}"


def page(compared: list[dict[str, Any]], peers: list[dict[str, Any]], note: str) -> str:
    command = "python benchmarks/run.py --out docs"
    lines = [
        "# Performance",
        "",
        f"Made by `{command}`; do not edit. {machine()}. {note}".rstrip(),
        "",
        "Figures are ratios of one run, medians of alternating blocks of calls. Above 1, npconvt is faster. What the",
        "functions take is timed, packing of the weights included; a `ConvOperator` packs once.",
        "",
        "## Beside PyTorch",
        "",
        *torch_table(compared),
        "",
        "## Methods and other libraries",
        "",
        'Their time as a multiple of `method="auto"`: one image, float32. Empty where a library has no such call',
        "(scipy.signal and scipy.ndimage: one channel, stride 1) or the kernel matrix would be larger than 1 GiB.",
        "",
        *peer_table(peers),
        "",
        "## Growth",
        "",
        "Time against size on logarithmic axes, one image in float32. A straight line is a power of the size,",
        "its exponent in the legend.",
        "",
        "![Time against pixels, taps and channels](_static/performance.png)",
        "",
    ]
    return "\n".join(lines)


def draw(records: list[dict[str, Any]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from npconvt import plot

    figure, axes = plt.subplots(1, len(SWEEPS), figsize=(5 * len(SWEEPS), 4), layout="constrained")
    for name, ax in zip(SWEEPS, axes, strict=True):
        plot.cost(records, sweep=name, ax=ax)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder of performance.md and _static; nothing is written without")
    parser.add_argument("--small", action="store_true", help="tiny layers, one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--note", default="", help="a sentence on how it was measured, for the page")
    parser.add_argument("--only", default="", help="only layers whose name has this in it")
    options = parser.parse_args()
    number = 1 if options.small else options.rounds
    layers = SMALL_LAYERS if options.small else LAYERS
    layers = tuple(layer for layer in layers if options.only in layer.title)
    compared = list(against_torch(layers, number))
    peers = list(by_peer(layers, max(1, number // 2)))
    records = sweep(options.small, number)
    text = page(compared, peers, options.note) if compared else ""
    if options.out is None:
        print(text)
        return
    (options.out / "_static").mkdir(exist_ok=True)
    (options.out / "performance.md").write_text(text, encoding="utf-8")
    (options.out / "_static" / "performance.json").write_text(json.dumps({"sweeps": records}, indent=1) + "\n")
    draw(records, options.out / "_static" / "performance.png")


if __name__ == "__main__":
    main()
