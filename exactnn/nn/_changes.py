"""What a factor in front of a layer and one behind it do to its parameters."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from exactnn.errors import ArgumentError
from exactnn.nn._homogeneous import NORMS
from exactnn.nn._scales import Layer
from exactnn.nn.era import ERA


class Change(NamedTuple):
    """A parameter, its new value, and d new/d old, by which gradients are divided."""

    parameter: nn.Parameter
    value: torch.Tensor
    slope: torch.Tensor | float


def changes(layer: Layer, before: float, after: float) -> list[Change]:
    """What makes of x -> layer(x) the function  x -> after layer(x / before)."""
    module = layer.module
    if isinstance(module, ERA):
        return _era_changes(layer.name, module, before)
    factors = {"weight": after if isinstance(module, NORMS) else after / before, "bias": after}
    found = []
    for part, factor in factors.items():
        parameter = getattr(module, part, None)
        if parameter is not None and factor != 1.0:
            found.append(Change(parameter, parameter.detach() * factor, factor))
    return found


def _era_changes(name: str, module: ERA, beta: float) -> list[Change]:
    """beta sigma(x/beta) has the coefficients a, beta b, beta^2 c, beta^3 d, beta e and beta^2 (f^2 + epsilon) (E5)."""
    if beta == 1.0:
        return []
    powers = {"b": 1, "c": 2, "d": 3, "e": 1}
    found = [Change(p, p.detach() * beta**n, beta**n) for part, n in powers.items() for p in [getattr(module, part)]]
    f = module.f.detach().double()
    square = beta**2 * (f**2 + module.epsilon) - module.epsilon
    if not bool((square > 0).all()):
        raise ArgumentError(
            f"{name}: f is too near 0 for a factor of {beta:.3g}, since epsilon = {module.epsilon:g} would have to shrink with it; "
            'use a smaller epsilon, or redistribute="last"'
        )
    value = torch.sqrt(square) * torch.where(f < 0, -1.0, 1.0)
    found.append(Change(module.f, value.to(module.f.dtype), (beta**2 * f / value).to(module.f.dtype)))
    return found
