"""How much memory a result may take; the only home of the errors that say so."""

from __future__ import annotations

import os
from functools import cache
from math import prod
from pathlib import Path

LARGEST = 2**63 - 1

# Version 2 and version 1 of Linux control groups; "max" or a huge number where there is no limit.
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@cache
def available_bytes() -> int | None:
    """Return the smaller of the physical memory and the control group's limit; None where neither can be read."""
    limits = [int(text) for text in map(_read, _CGROUP_LIMITS) if text.isdigit()]
    if hasattr(os, "sysconf") and {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(os.sysconf_names):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(limits, default=None)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def check_result(call: str, shape: tuple[int, ...], itemsize: int) -> None:
    """Refuse a result larger than the memory of this machine, or than any array can be."""
    # NumPy limits the product of the sizes without the empty axes too.
    check_fits(call, "the result", f"its shape {shape} takes", prod(max(1, size) for size in shape) * itemsize)


def check_fits(call: str, name: str, counted: str, needed: int, remedy: str = "") -> None:
    """Refuse what takes more bytes than this machine has, or than any array can have: the home of all such messages."""
    available = available_bytes()
    if needed > (LARGEST if available is None else min(available, LARGEST)):
        limit = "" if available is None else f" and {format_bytes(available)} are available"
        msg = f"{call}: {name} must fit into memory, but {counted} {needed} bytes ({format_bytes(needed)}){limit}."
        raise MemoryError(f"{msg} {remedy}" if remedy else msg)


def format_bytes(count: int) -> str:
    """Return a number of bytes in the largest unit that leaves at least one."""
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
