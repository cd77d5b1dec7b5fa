"""The rooms of the package and the directions between them, read off the import statements.

An import inside a function or under TYPE_CHECKING counts for the direction like any other: it is a dependency
of one room on another, whenever it is carried out.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

from exactnn import claims
from exactnn.certificate import _claim, _load

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "exactnn"

# What a room may import besides itself. "exactnn" is the public face, the names of exactnn/__init__.py.
GROUND = {"errors", "texts", "value", "verdict", "_version"}
BASE = GROUND | {"exact", "network"}
CELLS = BASE | {"claims", "cells"}
ENGINES = {"symmetry", "regions", "tropical", "rational", "cooling"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "_version": set(),
    "texts": set(),
    "value": {"texts"},
    "verdict": {"errors", "texts", "value"},
    "certificate": set(),
    "exact": {"errors", "texts", "value"},
    "network": GROUND | {"exact"},
    "pictures": GROUND | {"exact"},
    "floats": BASE,
    "claims": BASE | {"certificate"},
    "forms": BASE,
    "cells": BASE,
    "load": BASE | {"claims", "floats"},
    "symmetry": CELLS | {"forms"},
    "regions": CELLS | {"pictures"},
    "rational": GROUND | {"exact", "claims", "pictures"},
    "tropical": CELLS | {"regions", "floats", "pictures"},
    "difference": CELLS,
    "cooling": BASE | {"claims", "rational", "floats", "pictures"},
    "export": BASE | {"claims", "floats", "certificate"} | ENGINES,
    "nn": BASE | {"claims", "floats", "load", "export"} | ENGINES,
    "verify": CELLS | {"forms", "difference", "floats", "load", "export", "nn", "certificate"} | ENGINES,
}
# These speak to the package as a user does, and may reach into any room for its public names.
USERS: dict[str, set[str]] = {
    "exactnn": set(MAY_IMPORT),
    "testing": {"exactnn", *MAY_IMPORT},
    "cli": {"exactnn", *MAY_IMPORT},
    "__main__": {"cli"},
}
ROOMS = MAY_IMPORT | USERS
# What the checker's folder calls itself when it is run by its path, without the package around it.
COPIED = "exactnn_certificate"
# The two ways up: net.to_torch() is a method of the network, and its work is done in the room of floats; symmetry.relate is a question
# about symmetries, and asks verify_equal. Both are opened when they are first used.
DOORS = {("exactnn/network/graph.py", "floats"), ("exactnn/symmetry/__init__.py", "verify")}

# Networks need none of HEAVY: they cost up to seconds, and are imported where first needed. What they do need is LIGHT, and modules of our
# own, which together take at most so many times as long as LIGHT alone. `import exactnn` loads neither.
HEAVY = ("hypothesis", "matplotlib", "onnx", "onnxruntime", "scipy", "sklearn", "sympy", "torch", "z3")
LIGHT, TIMES = ("flint", "networkx", "numpy"), 4


class Import(NamedTuple):
    """One imported module: its full dotted name, the names fetched from it, and where the statement stands."""

    module: str
    names: tuple[str, ...]
    file: str
    line: int
    relative: bool
    typing_only: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def imports_in(source: str, file: str) -> list[Import]:
    """Every module that `source` imports, at any depth; `file` is its path from the root.

    `from exactnn import load` and `from .. import load` name the room exactnn.load, and any other name that
    they fetch from the package itself counts as exactnn, its public face. `import_module("...")` counts too.
    """
    path = Path(file)
    package = path.parent.parts

    def modules(node: ast.AST) -> Iterator[tuple[str, tuple[str, ...], bool]]:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield alias.name, (), False
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package[: len(package) - level + 1] if level else ()
                base = ".".join([*above, *([module] if module else [])])
                for alias in names:
                    to_room = base == "exactnn" and alias.name in ROOMS
                    yield (f"{base}.{alias.name}" if to_room else base), (() if to_room else (alias.name,)), level > 0
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(target)), *_],
            ):
                yield target, (), False

    def walk(node: ast.AST, typing_only: bool) -> Iterator[Import]:
        found: dict[tuple[str, bool], tuple[str, ...]] = {}
        for module, names, relative in modules(node):
            found[module, relative] = found.get((module, relative), ()) + names
        for (module, relative), names in found.items():
            yield Import(module, names, file, getattr(node, "lineno", 0), relative, typing_only)
        hints: list[ast.stmt] = []
        if isinstance(node, ast.If) and ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING":
            hints = node.body
        for child in ast.iter_child_nodes(node):
            yield from walk(child, typing_only or child in hints)

    return list(walk(ast.parse(source), False))


def room_of(file: str) -> str:
    """The room that a source file lies in: its first path component below the package."""
    first = Path(file).parts[1]
    return "exactnn" if first == "__init__.py" else first.removesuffix(".py")


def room_imported(module: str) -> str | None:
    """The room that a dotted name reaches into, or None for a module of somebody else."""
    first, *rest = module.split(".")
    return (rest[0] if rest else "exactnn") if first == "exactnn" else None


def direction_errors(imports: list[Import]) -> list[str]:
    """The imports that go against the table."""
    errors = []
    for item in imports:
        here, there = room_of(item.file), room_imported(item.module)
        if there is not None and there != here and there not in ROOMS[here] and (item.file, there) not in DOORS:
            errors.append(f"{item}: {here} may import {', '.join(sorted(ROOMS[here])) or 'no other room'}")
    return errors


def private_errors(imports: list[Import]) -> list[str]:
    """The imports of another room's private modules, and of private names of another room."""

    def private(item: Import) -> bool:
        parts = [*item.module.split(".")[2:], *item.names]
        return any(part.startswith("_") and not part.endswith("__") for part in parts)

    return [
        f"{item}, which is private there; what a neighbour needs has a public name"
        for item in imports
        if room_imported(item.module) not in (None, "exactnn", room_of(item.file)) and private(item)
    ]


def torch_errors(imports: list[Import]) -> list[str]:
    """The imports of torch outside exactnn/floats, exactnn/nn and the torch modules of exactnn/load and testing, type hints aside."""

    def allowed(file: str) -> bool:
        room, *inside = Path(file).parts[1:]
        return room in ("floats", "nn") or (room in ("load", "testing") and any("torch" in part for part in inside))

    return [str(item) for item in imports if item.module.split(".")[0] == "torch" and not item.typing_only and not allowed(item.file)]


def checker_errors(imports: list[Import], siblings: set[str]) -> list[str]:
    """What exactnn/certificate imports beyond the standard library and itself.

    It is to work wherever its folder is copied, so it names itself by relative imports or bare sibling names.
    """

    def itself(item: Import) -> bool:
        if item.relative:
            return room_imported(item.module) == "certificate"
        return item.module.split(".")[0] in siblings | {COPIED}

    return [
        str(item)
        for item in imports
        if room_of(item.file) == "certificate"
        and not itself(item)
        and (item.relative or item.module.split(".")[0] not in sys.stdlib_module_names)
    ]


@functools.cache
def package_imports() -> list[Import]:
    """Every import of every module of the package."""
    return [
        item
        for path in sorted(PACKAGE.rglob("*.py"))
        for item in imports_in(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    ]


def test_every_room_is_in_the_table() -> None:
    found = {room_of(path.relative_to(ROOT).as_posix()) for path in PACKAGE.rglob("*.py")}
    assert found, "the package has no module at all"
    assert found <= set(ROOMS), "a new room needs a line in MAY_IMPORT that says what it may import"


def test_the_table_has_no_cycle() -> None:
    left = dict(ROOMS)
    while left:
        lowest = [room for room, targets in left.items() if not targets & set(left)]
        assert lowest, f"these rooms may import each other in a circle: {sorted(left)}"
        for room in lowest:
            del left[room]


def test_imports_point_downwards() -> None:
    assert direction_errors(package_imports()) == []


def test_private_modules_stay_in_their_rooms() -> None:
    assert private_errors(package_imports()) == []


def test_torch_stays_in_its_rooms() -> None:
    assert torch_errors(package_imports()) == []


def test_what_is_imported_is_installed_with_the_package() -> None:
    """By a dependency, or by an extra that is there for users; those of `dev` are here, but not on another machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [row for name, rows in project["optional-dependencies"].items() if name != "dev" for row in rows]
    declared = {re.split(r"[^\w-]", row)[0] for row in (*project["dependencies"], *extras)}
    brings = packages_distributions() | {"google": ["onnx"]}  # protobuf, which onnx cannot be without
    missing = {
        f"{item}: {name} is no dependency"
        for item in package_imports()
        if (name := item.module.split(".")[0]) not in {"exactnn", COPIED, *sys.stdlib_module_names}
        and not declared & set(brings.get(name, [name]))
    }
    assert missing == set()


def test_the_checker_stands_alone() -> None:
    siblings = {path.stem for path in (PACKAGE / "certificate").glob("*.py")}
    assert checker_errors(package_imports(), siblings) == []


def test_import_is_light_and_quick() -> None:
    # Times of the importing thread, that of its own modules beside that of LIGHT: neither a busy nor a slow machine matters.
    clock = "import sys, time; clock = time.thread_time; start = clock(); "
    used = "import exactnn; exactnn.mlp, exactnn.Box"
    program = f"{clock}import {', '.join(LIGHT)}; middle = clock(); {used}; print(middle - start, clock() - start, *sys.modules)"
    search = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    ratios = []
    for _ in range(3):
        run = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": search},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        light, whole, *loaded = run.stdout.split()
        assert sorted(set(HEAVY) & set(loaded)) == []
        ratios.append(float(whole) / float(light))
    assert min(ratios) < TIMES


@pytest.mark.parametrize("words", [[], ["--version"], ["--help"], ["symmetry", "--help"]])
def test_what_needs_no_numbers_loads_no_library(words: list[str]) -> None:
    program = "import sys, exactnn; from exactnn.cli import main; words = sys.argv[1:]; code = main(words) if words else 0; "
    run = subprocess.run(
        [sys.executable, "-c", f"{program}print(*sys.modules, file=sys.stderr); sys.exit(code)", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert bool(run.stdout) == bool(words)
    assert sorted({*HEAVY, *LIGHT, "highspy", "tqdm"} & set(run.stderr.split())) == []


@pytest.mark.parametrize(
    ("file", "source", "reached"),
    [
        ("exactnn/exact/a.py", "import exactnn.network", "network"),
        ("exactnn/exact/a.py", "def f():\n    from ..network import graph", "network"),
        ("exactnn/exact/sub/a.py", "from ...network import graph", "network"),
        ("exactnn/exact/__init__.py", "from ..network import graph", "network"),
        ("exactnn/network/a.py", "from .. import load", "load"),
        ("exactnn/network/a.py", "from exactnn import errors, verify", "verify"),
        ("exactnn/network/a.py", "import exactnn as xn", "exactnn"),
        ("exactnn/network/a.py", "from exactnn import Box", "exactnn"),
        ("exactnn/network/a.py", "from importlib import import_module\nimport_module('exactnn.nn')", "nn"),
        ("exactnn/errors.py", "if TYPE_CHECKING:\n    from .exact import Matrix", "exact"),
        ("exactnn/verify/a.py", "from ..cli import main", "cli"),
        ("exactnn/certificate/core.py", "from ..errors import ExactnnError", "errors"),
    ],
)
def test_an_upward_import_is_found(file: str, source: str, reached: str) -> None:
    (error,) = direction_errors(imports_in(source, file))
    assert f"imports exactnn.{reached}" in error or (reached == "exactnn" and "imports exactnn:" in error)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("exactnn/exact/a.py", "from . import b\nfrom .b import c\nfrom ..errors import ExactnnError"),
        ("exactnn/verify/a.py", "from exactnn import errors, symmetry\nfrom ..nn import to_torch"),
        ("exactnn/__init__.py", "from .verify import verify_equal\nfrom . import symmetry"),
        ("exactnn/cli.py", "import exactnn as xn\nfrom . import errors\nimport numpy"),
    ],
)
def test_a_downward_import_is_fine(file: str, source: str) -> None:
    assert direction_errors(imports_in(source, file)) == []


@pytest.mark.parametrize(
    "source",
    [
        "from exactnn.cells._search import Search",
        "from exactnn.cells import _search",
        "from ..cells._search import Search",
        "def f():\n    import exactnn.cells._search",
        "from exactnn.load._onnx.values import OnnxValue",
        "from exactnn.exact.lp import _dot",
    ],
)
def test_an_import_of_a_private_module_is_found(source: str) -> None:
    (error,) = private_errors(imports_in(source, "exactnn/verify/a.py"))
    assert "private" in error


def test_public_names_and_own_private_modules_are_fine() -> None:
    source = "from exactnn.cells import Search\nfrom exactnn.verify import _search\nfrom exactnn._version import __version__\n"
    source += "from . import _search"
    assert private_errors(imports_in(source, "exactnn/verify/a.py")) == []


def test_a_stray_torch_is_found() -> None:
    inside = "def f():\n    import torch.nn"
    hint = "import typing\nif typing.TYPE_CHECKING:\n    import torch"
    assert torch_errors(imports_in(inside, "exactnn/network/a.py"))
    assert torch_errors(imports_in("from torch import nn", "exactnn/load/onnx.py"))
    assert not torch_errors(imports_in(hint, "exactnn/network/a.py"))
    assert not torch_errors(imports_in(inside, "exactnn/load/_torch.py"))
    assert not torch_errors(imports_in(inside, "exactnn/floats/a.py"))
    assert not torch_errors(imports_in(inside, "exactnn/nn/era.py"))


def test_a_leaning_checker_is_found() -> None:
    file = "exactnn/certificate/core.py"
    for leaning in (
        "import numpy",
        "def f():\n    import flint",
        "from ..exact import Matrix",
        "from .. import json",
        "from exactnn.certificate import core",
    ):
        assert checker_errors(imports_in(leaning, file), {"core"})
    for alone in (
        "import json\nfrom fractions import Fraction",
        "from . import core",
        "from core import check",
    ):
        assert not checker_errors(imports_in(alone, file), {"core"})


# --- docs/architecture.md ----------------------------------------------------------------------------------------------------

MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_map_shows_every_room_and_every_claim() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert {room for room in rooms if f"| `{room}/`" not in MAP and f"`{room}/`," not in MAP and f", `{room}/` |" not in MAP} == set()
    stated = [name for name in claims.__all__ if name.endswith("Claim") and name != "Claim"]
    assert [name for name in stated if f"`{name}`" not in MAP] == []


def test_the_map_names_every_question_and_method_of_the_checker() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in MAP.splitlines() if line.startswith("|")]
    table = [row for row in rows if len(row) == 5]
    questions = {word for row in table for word in row[0].split(", ")}
    assert questions == {*_claim.QUESTIONS, "question", "---", ""}
    methods = {word for row in table[2:] for word in row[3].split(", ")} - {"as for equal"}
    known = [table for name in _claim.QUESTIONS.values() for table in _load.load(name).methods.values()]
    assert methods == {name for table in known for name in table}


def test_the_map_names_files_that_are_there() -> None:
    named = re.findall(r"`((?:\w+/)*\w+\.py)`", MAP)
    inside = [path for path in named if "/" in path]
    assert len(inside) > 30
    assert [path for path in inside if not (PACKAGE / path).is_file() and not (ROOT / path).is_file()] == []


# --- certificates -------------------------------------------------------------------------------------------------------------


def test_every_class_with_a_certificate_is_re_checked(pytestconfig: pytest.Config) -> None:
    """conftest.py knows all of them, so that no test's answer goes unchecked."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                names = [getattr(item, "name", None) or ast.unparse(getattr(item, "target", item)) for item in node.body]
                found |= {node.name} if "certificate" in names else set()
    plugins = pytestconfig.pluginmanager.get_plugins()
    (known,) = (plugin.ANSWERS for plugin in plugins if hasattr(plugin, "ANSWERS"))
    assert found == {kind.__name__ for kind in known}
