"""What is named as text, module.name, and imported when it is used: so what checks a claim is what the claim needs."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from . import _budget


def load(name: str) -> Any:
    """What a text like "_tree.check_tree" names in this folder; the account of the check keeps the name."""
    _budget.account().loaded.add(name)
    return _named(*name.rsplit(".", 1))


_named = cache(lambda module, attribute: getattr(import_module(f".{module}", __package__), attribute))
