"""How a recorded file is written: one .npz per framework, read with allow_pickle=False.

``versions`` and ``cases`` are JSON text: the packages and the Python that answered; and per case its name, call,
parameters (as pairs), number of input arrays and, where the framework refused, the class and first line of what it
raised. The arrays are ``<name>/<position>`` for the inputs and ``<name>/output``.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Request:
    """A call to make: its arrays in order, and its other arguments by name (anything that JSON can hold)."""

    name: str
    call: str
    arrays: tuple[np.ndarray, ...]
    params: dict[str, Any]


def frozen(value: Any) -> Any:
    """Lists as tuples, all the way down: what JSON cannot tell apart and some frameworks do."""
    return tuple(frozen(v) for v in value) if isinstance(value, list | tuple) else value


def plain(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def answer_or_refusal(answer: Callable[..., Any], request: Request) -> np.ndarray | str:
    """What the framework returns, as a NumPy array, or the first line of what it raises."""
    try:
        return np.asarray(answer(request.call, request.arrays, dict(request.params)))
    except Exception as error:
        # Which class a framework raises is its own affair (AssertionError, RuntimeError, XlaRuntimeError, ...).
        first = next((line for line in str(error).strip().splitlines() if line.strip()), "")
        return f"{type(error).__name__}: {first[:200]}"


def versions(packages: Iterable[str]) -> str:
    """The versions that answered, as JSON text."""
    found = {package: importlib.metadata.version(package) for package in packages}
    return json.dumps({**found, "python": platform.python_version()})


def record(framework: str, packages: Iterable[str], requests: Iterable[Request], answer: Callable[..., Any]) -> None:
    """Ask, and write ``<framework>.npz`` beside this file."""
    arrays: dict[str, np.ndarray] = {}
    cases: list[dict[str, Any]] = []
    for request in requests:
        params = plain(list(request.params.items()))
        case = {"name": request.name, "call": request.call, "params": params, "inputs": len(request.arrays)}
        arrays |= {f"{request.name}/{i}": array for i, array in enumerate(request.arrays)}
        result = answer_or_refusal(answer, request)
        if isinstance(result, str):
            case["refusal"] = result
        else:
            arrays[f"{request.name}/output"] = result
        cases.append(case)
    if len({case["name"] for case in cases}) != len(cases):
        message = "two cases have one name"
        raise ValueError(message)
    texts = {"versions": np.array(versions(packages)), "cases": np.array(json.dumps(cases))}
    np.savez_compressed(HERE / f"{framework}.npz", allow_pickle=False, **texts, **arrays)
    print(f"{framework}: {len(cases)} cases, {sum('refusal' in case for case in cases)} of them refused")
