"""Smooth activations: how they are read."""

from __future__ import annotations

from ._numbers import need, show, text
from ._operations import Fields, Shape

SMOOTH = ("tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus")


def read_smooth(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """Which function."""
    name = text(raw["function"], f"{step}: function")
    need(name in SMOOTH, step, f"unknown function {show(name)}")
    return {"function": name}, operands[0]
