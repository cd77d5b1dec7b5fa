"""How long a certificate is that is no file."""

from __future__ import annotations

from typing import Any


def beside_models(certificate: Any) -> int:
    """What its models say is counted when they are read."""
    return written({key: value for key, value in certificate.items() if key != "models"} if type(certificate) is dict else {})


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
