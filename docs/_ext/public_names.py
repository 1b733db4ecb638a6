"""The reference pages, made from `__all__` of every public module, and the role that links to them.

A single pair of backticks in a docstring is code; where it is a public name, or a parameterless call of one, it is a
link as well.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import npconvt


@cache
def modules() -> list[ModuleType]:
    """Return the public modules, those below the package in the order of their names."""
    found = [npconvt]
    for info in pkgutil.walk_packages(npconvt.__path__, "npconvt."):
        parts = info.name.split(".")[1:]
        if not any(part.startswith("_") for part in parts) and parts != ["cli"]:
            found.append(importlib.import_module(info.name))
    return [module for module in found if hasattr(module, "__all__")]


@cache
def names() -> dict[str, list[str]]:
    """Return the public names of each module, a name that two modules share under the first."""
    listed: dict[int, str] = {}
    result = {}
    for module in modules():
        own = []
        for name in module.__all__:
            value: Any = getattr(module, name)
            if not inspect.ismodule(value) and listed.setdefault(id(value), module.__name__) == module.__name__:
                own.append(name)
        result[module.__name__] = own
    return result


def write_pages(folder: Path) -> None:
    """Write the page that lists all public names; autosummary makes a page of each."""
    folder.mkdir(exist_ok=True)
    parts = ["Public names\n============\n\nAll sizes are in pixels, all arrays in C order.\n"]
    for module in modules():
        if not names()[module.__name__]:
            continue
        title = f"``{module.__name__}``"
        summary = (inspect.getdoc(module) or "").split("\n\n")[0]
        parts.append(f"\n{title}\n{'-' * len(title)}\n\n{summary}\n\n.. autosummary::\n   :toctree: generated")
        parts.append("   :nosignatures:\n")
        parts += [f"   {module.__name__}.{name}" for name in names()[module.__name__]]
    page = folder / "index.rst"
    text = "\n".join(parts) + "\n"
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


@cache
def _targets() -> dict[str, str]:
    """Return the full name for each way to write a public name."""
    targets: dict[str, str] = {}
    for module, own in names().items():
        for name in own:
            full = f"{module}.{name}"
            short = full.removeprefix("npconvt.")
            for way in (full, short):
                targets.setdefault(way, full)
    return targets


def _role(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = ()
) -> tuple[list[nodes.Node], list[Any]]:
    target = _targets().get(text.removesuffix("()"))
    literal = nodes.literal(rawtext, text)
    if target is None:
        return [literal], []
    reference = addnodes.pending_xref(
        rawtext, literal, refdomain="py", reftype="obj", reftarget=target, refexplicit=True, refwarn=True
    )
    return [reference], []


_STARRED = re.compile(r"(?<=[(\s,])\*(?=\w+[),])")


def _escape_stars(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep the star of a shape as `(N, C_in, *sp)` from starting emphasis, outside of code."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = line.split("`")
            parts[::2] = [_STARRED.sub(r"\\*", part) for part in parts[::2]]
            lines[number] = "`".join(parts)


def _comment_of_data(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Take what is said of a constant from the comment before it, for its docstring is that of its type."""
    if what != "data":
        return
    module, _, own = name.rpartition(".")
    private = (info.name for info in pkgutil.iter_modules(importlib.import_module(module).__path__))
    for place in (f"{module}.{name}" for name in private):
        comment = ModuleAnalyzer.for_module(place).find_attr_docs().get(("", own))
        if comment:
            lines[:] = comment


def _signature_of_init(
    app: Sphinx, what: str, name: str, obj: Any, options: object, signature: str | None, returns: str | None
) -> tuple[str, None] | None:
    """Show what a class takes, where it inherits a `__new__` that takes anything."""
    if what != "class" or signature is None or not signature.startswith("(*args"):
        return None
    parameters = list(inspect.signature(obj.__init__).parameters.values())[1:]
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare)), None


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("name", _role)
    app.connect("autodoc-process-signature", _signature_of_init)
    app.connect("autodoc-process-docstring", _comment_of_data)
    app.connect("autodoc-process-docstring", _escape_stars, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
