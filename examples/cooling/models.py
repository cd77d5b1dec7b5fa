"""The networks, of a few thousand parameters each. All but the ResNet are chains of layers with ReLU between them."""

from __future__ import annotations

import torch
from torch import nn

#: The networks, and the tasks that they can learn.
NETWORKS = {"mlp": ("digits", "mnist"), "cnn": ("digits", "mnist"), "resnet": ("digits", "mnist"), "segmenter": ("shapes",)}
CHAINS = ("mlp", "cnn", "segmenter")


class Block(nn.Module):
    """relu(short(x) + body(x)): two convolutions with batch norm, the first with stride 2; both branches are scaled together by Cooling."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride=2, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x has shape (n, before, side, side), the result (n, after, side/2, side/2)."""
        return torch.relu(self.short(x) + self.body(x))


class LogitNorm(nn.Module):
    """z/(T |z|), |z| over the classes (Wei et al., Mitigating neural network overconfidence with logit normalization, ICML 2022)."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes, ...)."""
        return nn.functional.normalize(z, dim=1) / self.temperature

    def extra_repr(self) -> str:
        """T."""
        return f"temperature={self.temperature:g}"


def build(network: str, side: int, classes: int, width: int, dropout: float, seed: int) -> nn.Sequential:
    """The untrained network, its weights by the seed; its output are logits, without softmax."""
    torch.manual_seed(seed)
    if network == "mlp":
        layers: list[nn.Module] = [nn.Flatten(), nn.Linear(side**2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(width, classes))
    if network == "cnn":
        layers = [nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(32 * width, classes))
    if network == "resnet":
        layers = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [Block(width, 2 * width), Block(2 * width, 4 * width), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)]
        return nn.Sequential(*layers, nn.Linear(4 * width, classes))
    layers = [nn.Conv2d(1, width, 5, padding=2), nn.ReLU(), nn.Conv2d(width, width, 5, padding=2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, classes, 1))
