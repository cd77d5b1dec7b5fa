"""How much of this folder an answer rests on: the modules that are loaded for it, and their lines. Nothing of this decides anything."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Mapping
from functools import cache

FOLDER = os.path.dirname(os.path.abspath(__file__))


def trusted(uses: Iterable[str], formats: Iterable[str]) -> str:
    """In one line: how many lines in how many modules, which readers of model files, and whether anything was searched for again."""
    found = modules(name.rpartition(".")[0] for name in uses)
    extra = [name for name in found if name.startswith("extra.") and not name.endswith("__init__")]
    read = ", ".join(sorted({*formats})) if {*formats} - {"json"} else "exact JSON"
    searched = f"; searched for again: {', '.join(extra)}" if extra else ""
    return f"trusted: {sum(found.values())} lines of the checker, in {len(found)} modules; models in {read}{searched}"


def modules(names: Iterable[str]) -> Mapping[str, int]:
    """The modules with these names and the core, all that they import when they are loaded, and the lines of each."""
    waiting, found = ["__init__", "_check", *names], dict[str, int]()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name], more = _read(name)
            waiting += more
    return dict(sorted(found.items()))


@cache
def _read(name: str) -> tuple[int, list[str]]:
    """The lines of a module, and the modules of this folder that it imports."""
    with open(os.path.join(FOLDER, *name.split(".")) + ".py", encoding="utf-8") as file:
        source = file.read()
    tree, inside = ast.parse(source), name.rpartition(".")[0]
    found = [f"{inside}.__init__"] if inside else []
    for item in tree.body:
        if isinstance(item, ast.ImportFrom) and item.level:
            room = [inside] if inside and item.level == 1 else []
            found += [".".join([*room, part]) for part in ([item.module] if item.module else [alias.name for alias in item.names])]
    return lines(source, tree), found


def lines(source: str, tree: ast.Module) -> int:
    """Those that are not blank and no comments or docstrings."""
    documented: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            documented.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    code = (text.strip() for number, text in enumerate(source.splitlines(), 1) if number not in documented)
    return sum(1 for text in code if text and not text.startswith("#"))
