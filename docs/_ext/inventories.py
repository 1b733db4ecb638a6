"""Inventories of other projects, made of a list: one line an entry, `name role uri`, `$` in the uri for the name."""

from __future__ import annotations

import zlib
from pathlib import Path


def write(listing: Path) -> str:
    """Write the inventory of a listing, in the format that Sphinx reads, and return where."""
    lines = [line.split() for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    entries = "".join(f"{name} py:{role} 1 {uri.replace('$', name)} -\n" for name, role, uri in lines)
    header = f"# Sphinx inventory version 2\n# Project: {listing.stem}\n# Version: \n"
    header += "# The remainder of this file is compressed using zlib.\n"
    target = listing.parents[1] / "_build" / f"{listing.stem}.inv"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(header.encode() + zlib.compress(entries.encode()))
    return str(target)
