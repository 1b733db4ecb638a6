"""Time of `import npconvt`, as a multiple of `import numpy, scipy.sparse`.

    python benchmarks/import_time.py [--rounds N]

Each round starts one interpreter for either import, in alternating order; the median of the rounds' ratios is printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

TIMED = "from time import perf_counter as t; a = t(); import {}; print(t() - a)"


def seconds(modules: str) -> float:
    command = [sys.executable, "-c", TIMED.format(modules)]
    # Installers compile a package's bytecode, so that of a checkout may be written and used as well.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    result = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(result.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31)
    ratios = []
    for turn in range(parser.parse_args().rounds):
        names = ["npconvt", "numpy, scipy.sparse"]
        times = {name: seconds(name) for name in (names if turn % 2 else names[::-1])}
        ratios.append(times[names[0]] / times[names[1]])
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"import npconvt / import numpy, scipy.sparse: {median:.3f} (quartiles {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
