"""What calls cost, against their size."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from npconvt import _arguments as arguments
from npconvt.plot._base import BLUE, GREEN, GREY, ORANGE, SKY, VERMILLION, check_axes, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Cycles of different lengths, so that many methods differ in one of them.
_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, SKY)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINES = ("-", "--", "-.", ":")


def cost(
    benchmark: str | os.PathLike[str] | Sequence[Mapping[str, Any]],
    *,
    sweep: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw time against size from a benchmark, on logarithmic axes, one line a method.

    A straight line is a power of the size; its exponent, fitted, is in the legend. A dotted line shows what linear
    growth would be.

    Parameters
    ----------
    benchmark : path or sequence of mappings
        Records with "size" (a positive number), "seconds" and "method"; or a JSON file that is a list of them, or has
        one under "sweeps". Records may also have a "sweep": the name of what the size counts.
    sweep : str, optional
        Which of the sweeps to draw; by default the only one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        Where there are no records, or none of the sweep.
    TypeError
        Where there are several sweeps and none is chosen, the benchmark is no sequence of records, or `ax` no axes.

    Examples
    --------
    >>> from npconvt import plot
    >>> records = [{"method": "linear", "size": n, "seconds": 1e-6 * n} for n in (10, 100, 1000)]
    >>> ax = plot.cost(records)
    >>> ax.get_legend_handles_labels()[1]
    ['linear: size ** 1.00', 'linear growth']
    """
    check_axes("plot.cost", ax)
    records = _records(benchmark)
    sweeps = sorted({str(record.get("sweep", "size")) for record in records})
    if not sweeps:
        msg = "plot.cost: benchmark must hold at least one record, but holds none."
        raise ValueError(msg)
    sweep = arguments.word("plot.cost", "sweep", sweeps[0] if sweep is None and len(sweeps) == 1 else sweep, sweeps)
    chosen = [record for record in records if str(record.get("sweep", "size")) == sweep]
    _check_records(chosen)
    if ax is None:
        ax = new_axes(6.5, 4.5)
    methods = list(dict.fromkeys(record["method"] for record in chosen))
    for number, method in enumerate(methods):
        _line(ax, method, [record for record in chosen if record["method"] == method], number)
    _linear(ax, chosen)
    ax.set(xscale="log", yscale="log", xlabel=sweep, ylabel="seconds")
    sizes = sorted({record["size"] for record in chosen})
    ticks = sizes[:: -(-len(sizes) // 8)]
    ax.set_xticks(ticks, [f"{size:.15g}" for size in ticks], fontsize=8)
    ax.minorticks_off()
    ax.grid(True, which="major", color=GREY, alpha=0.3)
    ax.legend(fontsize=8)
    return ax


def _records(benchmark: str | os.PathLike[str] | Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    records: Any = benchmark
    if isinstance(benchmark, (str, os.PathLike)):
        with open(benchmark, encoding="utf-8") as file:
            records = json.load(file)
        records = records.get("sweeps") if isinstance(records, dict) else records
    if not isinstance(records, Sequence) or not all(isinstance(record, Mapping) for record in records):
        msg = (
            "plot.cost: benchmark must be a sequence of records, or a file that holds one, but "
            f"got {'' if records is benchmark else 'a file with '}{arguments.shown(records)}."
        )
        raise TypeError(msg)
    return list(records)


def _check_records(records: list[Mapping[str, Any]]) -> None:
    """Refuse what logarithmic axes cannot show."""
    for record in records:
        if "method" not in record or not all(record.get(name, 0) > 0 for name in ("size", "seconds")):
            msg = f"plot.cost: records must have a method and positive size and seconds, but one is {dict(record)}."
            raise ValueError(msg)


def _line(ax: Axes, method: str, records: list[Mapping[str, Any]], number: int) -> None:
    sizes, seconds = np.array(sorted((record["size"], record["seconds"]) for record in records), float).T
    label = method
    if len(set(sizes)) > 1:
        slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
        label = f"{method}: size ** {round(slope, 2) + 0.0:.2f}"  # no negative zero
    colour, marker, line = (styles[number % len(styles)] for styles in (_COLOURS, _MARKERS, _LINES))
    ax.plot(sizes, seconds, color=colour, marker=marker, linestyle=line, markersize=5, label=label)


def _linear(ax: Axes, records: list[Mapping[str, Any]]) -> None:
    """Draw linear growth, through the cheapest record of the smallest size."""
    sizes = [record["size"] for record in records]
    ends = np.array([min(sizes), max(sizes)], float)
    start = min(record["seconds"] for record in records if record["size"] == ends[0])
    ax.plot(ends, start * ends / ends[0], color=GREY, linestyle=(0, (1, 3)), linewidth=1, label="linear growth")
