"""The independent checker of certificates: Python's standard library, nothing of exactnn, nothing taken on trust.

``check`` re-derives a claim from the certificate and the model files alone, or raises ``Rejected`` naming the step that
fails, or ``BudgetExceeded`` where a limit ended its work. The format is written in docs/certificate-format.md. Run alone:
``python -I -S path/to/this/folder FILE``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ._check import Accepted, check, examine
from ._load import load
from ._models import read_models
from ._network import Network, read_network
from ._numbers import BudgetExceeded, Rejected, Unreadable

__all__ = ["Accepted", "BudgetExceeded", "Rejected", "Unreadable", "check", "examine"]
__all__ += ["matched", "read_models", "read_network", "transformed"]  # what engines ask for


def transformed(network: Network, steps: Sequence[Any]) -> Network:
    """The network after all steps of a transformation, first to last."""
    return cast(Network, load("_transform.transformed")(network, steps))


def matched(network: Network, steps: Sequence[Any]) -> Network:
    """The network after steps that keep the function of every network."""
    return cast(Network, load("_transform.matched")(network, steps))
