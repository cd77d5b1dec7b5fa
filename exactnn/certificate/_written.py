"""How long a certificate is that is no file."""

from __future__ import annotations

from typing import Any


def written(value: Any) -> int:
    """About as many bytes as JSON takes for a value."""
    if type(value) is dict:
        return 2 + sum(4 + len(key) + written(v) for key, v in value.items() if type(key) is str)
    if type(value) is list:
        if len(value) > 9 and set(map(type, value)) == {int}:  # each as long as the longest
            return 2 + len(value) * (1 + written(max(max(value), -min(value))))
        return 2 + len(value) + sum(map(written, value))
    if type(value) is int:
        return 1 + value.bit_length() * 3 // 10
    return 2 + len(value) if type(value) is str else 4
