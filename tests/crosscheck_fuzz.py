"""Random right results that must not be accused, and random planted mistakes that must be named.

    python tests/crosscheck_fuzz.py --examples 2000 --seed 0

prints both figures, and every miss with the seed that draws it again.
"""

import argparse
import contextlib
import sys
from collections import Counter

import crosscheck_planting as planting
import numpy as np

from npconvt import crosscheck

DTYPES = ("float16", "float32", "float64", "complex64", "complex128", "int8", "int32", "int64", "uint8")


def right(rng: np.random.Generator) -> tuple[object, str]:
    """A report on a right result: of a random call, by one of our roads."""
    dtype = str(rng.choice(DTYPES))
    while True:
        try:
            call = planting.draw(rng, "convention", "float32", "")
            break
        except ValueError:
            continue
    x, w, b = (None if a is None else random_like(rng, a, dtype) for a in (call.x, call.w, call.b))
    params = call.params()
    if rng.random() < 0.3:
        params["padding_mode"] = str(rng.choice(["reflect", "replicate", "circular"]))
    try:
        case = planting.Case(call.op(), x, w, b, params)
    except ValueError:
        return right(rng)
    road = str(rng.choice(["auto", "matrix", "gemm", "torch"]))
    result = by_torch(case, call) if road == "torch" else case.expected(method=road)
    return crosscheck(case, case.expected() if result is None else result), f"{dtype} {road} {case!r}"


def by_torch(case: planting.Case, call: planting.Call) -> np.ndarray | None:
    """What torch gives, where it takes such a call."""
    torch = sys.modules.get("torch")
    symmetric = all(lo == hi for lo, hi in call.padding)
    kind = case.input.dtype.kind
    if torch is None or not symmetric or "padding_mode" in case.params or kind in "iu":
        return None
    function = getattr(torch.nn.functional, case.op)
    arrays = (None if a is None else torch.from_numpy(np.array(a)) for a in (case.input, case.weight, case.bias))
    params = {**case.params, "padding": tuple(lo for lo, _ in call.padding)}
    return function(*arrays, **params).numpy()


def random_like(rng: np.random.Generator, a: np.ndarray, dtype: str) -> np.ndarray:
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        most = min(info.max, 2**20)
        return rng.integers(max(info.min, -most), most + 1, a.shape).astype(dtype)
    values = rng.standard_normal(a.shape) * 2.0 ** rng.integers(-3, 4)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.standard_normal(a.shape)
    return values.astype(dtype)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one cause")
    options = parser.parse_args(argv)
    with contextlib.suppress(ImportError):
        import torch  # noqa: F401
    accused = 0
    for i in range(options.examples if options.only is None else 0):
        report, text = right(np.random.default_rng([options.seed, i]))
        if not report.ok:
            accused += 1
            print(f"accused: seed {options.seed} example {i}: {text}\n{report}\n")
    print(f"{options.examples} right results: {accused} accused")
    names = list(planting.names()) if options.only is None else [options.only]
    missed: Counter[str] = Counter()
    for i in range(options.examples):
        name = names[i % len(names)]
        case, wrong, _ = planting.planted(np.random.default_rng([options.seed, i]), name)
        report = crosscheck(case, wrong)
        if name.strip() not in [cause.name for cause in report.causes]:
            missed[name] += 1
            found = [cause.name for cause in report.causes]
            print(f"missed {name}: seed {options.seed} example {i}: {report.verdict}, {found}, {case!r}")
    print(f"{options.examples} planted mistakes: {sum(missed.values())} not named {dict(missed)}")
    return int(bool(accused or missed))


if __name__ == "__main__":
    sys.exit(main())
