"""Normalisation directly before an activation, so that a rational one works where its fit is good."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from exactnn.errors import ArgumentError


class Normalised(nn.Module):
    """activation(gamma (x - mean) / sqrt(variance + epsilon) + beta), made by `normalised`; gamma and beta are `weight` and `bias`."""

    def __init__(self, activation: nn.Module, features: int, kind: str, epsilon: float) -> None:
        super().__init__()
        self.features, self.kind, self.epsilon = features, kind, epsilon
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind == "layer":
            x = F.layer_norm(x, (self.features,), self.weight, self.bias, self.epsilon)
        else:
            x = F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.epsilon)
        result: torch.Tensor = self.activation(x)
        return result

    def extra_repr(self) -> str:
        return f"features={self.features}, kind={self.kind!r}, epsilon={self.epsilon:g}"


def normalised(activation: nn.Module, features: int, *, kind: str = "layer", epsilon: float = 1e-5) -> Normalised:
    """x -> activation(gamma (x - mean(x)) / sqrt(variance(x) + epsilon) + beta).

    Parameters
    ----------
    activation : a module, such as `ERA()`
    features : how many features or channels there are, and so entries of gamma and beta (1 and 0 at first)
    kind : "layer", mean and variance over the last axis, whose size is `features`, for dense layers; "instance", over all axes behind
        the channels, (batch, features, ...), for convolutions
    epsilon : > 0, so that constant features give beta

    Returns
    -------
    Normalised
        Such a network has no exact graph: `from_torch` refuses the division by a statistic of the activations.

    Raises
    ------
    ArgumentError
        For an unknown kind, features < 1 or epsilon <= 0.

    Examples
    --------
    >>> from exactnn.nn import ERA
    >>> y = normalised(ERA(), 8)(100 * torch.randn(2, 8))
    >>> bool(y.abs().max() < 4)
    True
    """
    if not isinstance(activation, nn.Module):
        raise ArgumentError(f"activation: a torch.nn.Module is needed, got {type(activation).__name__}")
    if kind not in ("layer", "instance"):
        raise ArgumentError(f"kind: 'layer' or 'instance' is needed, got {kind!r}")
    if isinstance(features, bool) or not isinstance(features, int) or features < 1:
        raise ArgumentError(f"features: a whole number >= 1 is needed, got {features!r}")
    if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not 0 < epsilon < float("inf"):
        raise ArgumentError(f"epsilon: a finite number > 0 is needed, got {epsilon!r}; with 0 a constant feature would be 0/0")
    return Normalised(activation, features, kind, float(epsilon))
