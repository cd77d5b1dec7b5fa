"""What is named as text, module.name, and imported when it is used: so what checks a claim is what the claim needs."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from . import _budget


def load(name: str) -> Any:
    """What a text like "_tree.check_tree" names in this folder; the account of the check keeps the name."""
    _budget.account().loaded.add(name)
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules.get(f"{__package__}.{module}") or import_module(f".{module}", __package__), attribute)
