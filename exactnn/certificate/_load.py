"""What is named as text, module.name, and imported when it is used: so what checks a claim is what the claim needs."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from . import _budget


def load(name: str) -> Any:
    """What a text like "_tree.check_tree" names in this folder; the account of the check keeps the name."""
    _budget.account().loaded.add(name)
    return getattr(*_place(*name.rsplit(".", 1)))


_place = cache(lambda module, attribute: (import_module(f".{module}", __package__), attribute))
