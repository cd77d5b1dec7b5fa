"""exactnn answers questions about neural networks exactly, with certificates that anyone can re-check.

A `Network` comes from `mlp`, `load` or `from_torch`; `verify_equal`, `verify_zero` and `verify_symmetry` ask about the function it
computes and return a verdict; `check` re-checks the verdict's certificate.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

from exactnn import errors
from exactnn._version import __version__
from exactnn.verdict import Verdict

if TYPE_CHECKING:
    from exactnn import cooling, rational, regions, symmetry, tropical
    from exactnn.difference import execution_error
    from exactnn.exact.polyhedron import Box, Polyhedron
    from exactnn.export import save
    from exactnn.load import from_torch, load
    from exactnn.network import Network, mlp
    from exactnn.verify import (
        certified_orbits,
        certified_region_count,
        check,
        max_deviation,
        verify_equal,
        verify_equal_at,
        verify_pole_free,
        verify_same_decision,
        verify_single_orbit,
        verify_symmetry,
        verify_zero,
    )

#: Names that are imported when first used, so that `import exactnn` and `exactnn --help` load nothing but the standard library.
_LAZY = {
    "Box": "exactnn.exact.polyhedron",
    "Network": "exactnn.network",
    "Polyhedron": "exactnn.exact.polyhedron",
    "certified_orbits": "exactnn.verify",
    "certified_region_count": "exactnn.verify",
    "check": "exactnn.verify",
    "execution_error": "exactnn.difference",
    "from_torch": "exactnn.load",
    "max_deviation": "exactnn.verify",
    "mlp": "exactnn.network",
    "save": "exactnn.export",
    "verify_equal": "exactnn.verify",
    "verify_equal_at": "exactnn.verify",
    "verify_pole_free": "exactnn.verify",
    "verify_same_decision": "exactnn.verify",
    "verify_single_orbit": "exactnn.verify",
    "verify_symmetry": "exactnn.verify",
    "verify_zero": "exactnn.verify",
}
_ROOMS = ("certificate", "cooling", "exact", "export", "network", "nn", "rational", "regions", "symmetry", "testing", "tropical", "verify")

__all__ = [
    "Box",
    "Network",
    "Polyhedron",
    "Verdict",
    "__version__",
    "certified_orbits",
    "certified_region_count",
    "check",
    "cooling",
    "errors",
    "execution_error",
    "from_torch",
    "load",
    "max_deviation",
    "mlp",
    "rational",
    "regions",
    "save",
    "symmetry",
    "tropical",
    "verify_equal",
    "verify_equal_at",
    "verify_pole_free",
    "verify_same_decision",
    "verify_single_orbit",
    "verify_symmetry",
    "verify_zero",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"exactnn.{name}")
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'exactnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})


class _Package(types.ModuleType):
    """The package with `load` as the function: importing the room of the same name would put that in its place."""

    @property
    def load(self) -> Any:
        if "load" not in self.__dict__:
            self.__dict__["load"] = importlib.import_module("exactnn.load").load
        return self.__dict__["load"]

    @load.setter
    def load(self, value: Any) -> None:
        if not isinstance(value, types.ModuleType):
            self.__dict__["load"] = value


sys.modules[__name__].__class__ = _Package
