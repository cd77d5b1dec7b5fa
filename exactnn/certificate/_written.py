"""A certificate that is no file, and how long it is."""

from __future__ import annotations

import os
from typing import Any

from . import _budget


def certificate(document: Any) -> tuple[Any, None, str]:
    """The document, no texts, and where paths in it start; what its models say is counted when they are read."""
    account = _budget.account()
    account.own = written({key: value for key, value in document.items() if key != "models"} if type(document) is dict else {})
    _budget.allow(account.own)
    return document, None, os.curdir


def written(value: Any) -> int:
    """About as many bytes as JSON takes for a value."""
    kind = type(value)
    if kind is int:
        return 1 + int(value).bit_length() * 3 // 10
    if kind is list:
        if len(value) > 9 and set(map(type, value)) == {int}:  # each as long as the longest
            return 2 + len(value) * (1 + written(max(max(value), -min(value))))
        return 2 + len(value) + sum(map(written, value))
    if kind is dict:
        return 2 + 4 * len(value) + sum(map(len, map(str, value))) + sum(map(written, value.values()))
    return 2 + len(str(value)) if kind is str else 4
