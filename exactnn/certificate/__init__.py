"""The independent checker of certificates: Python's standard library, nothing of exactnn, nothing taken on trust.

``check`` re-derives a claim from the certificate and the model files alone, or raises ``Rejected`` naming the step that
fails, or ``BudgetExceeded`` where a limit ended its work. The format is written in docs/certificate-format.md. Run alone:
``python -I -S path/to/this/folder FILE``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._check import Accepted, check, examine
from ._models import read_models
from ._network import read_network
from ._numbers import BudgetExceeded, Rejected, Unreadable

if TYPE_CHECKING:
    from ._transform import matched, transformed

__all__ = [
    "Accepted",
    "BudgetExceeded",
    "Rejected",
    "Unreadable",
    "check",
    "examine",
    "matched",
    "read_models",
    "read_network",
    "transformed",
]


def __getattr__(name: str) -> Any:
    if name in ("matched", "transformed"):  # no claim but one about a transformation needs these
        from . import _transform

        return getattr(_transform, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
