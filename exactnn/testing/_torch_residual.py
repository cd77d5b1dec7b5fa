"""The module x + body(x), which the drawn residual modules have."""

from __future__ import annotations

import torch


class Residual(torch.nn.Module):
    """x + body(x)."""

    def __init__(self, body: torch.nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.body(x)
        return x + y
