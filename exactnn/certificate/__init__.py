"""The independent checker of certificates: Python's standard library, nothing of exactnn, nothing taken on trust.

``check`` re-derives a claim from the certificate and the model files alone, or raises ``Rejected`` naming the step that
fails, or ``BudgetExceeded`` where a limit ended its work. The format is written in docs/certificate-format.md. Run alone:
``python -I -S path/to/this/folder FILE``.
"""

from ._check import Accepted, check, examine
from ._numbers import BudgetExceeded, Rejected, Unreadable

__all__ = ["Accepted", "BudgetExceeded", "Rejected", "Unreadable", "check", "examine"]


def __dir__() -> list[str]:
    return sorted(__all__)
