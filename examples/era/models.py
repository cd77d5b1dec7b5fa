"""The networks, of a few thousand parameters each, with a normalisation and an activation that can be chosen."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from era.design import Run
from era.tasks import Data
from torch import nn

from exactnn.nn import ERA, SafePade, normalised

#: A normalisation and an activation for so many features.
Maker = Callable[[int], nn.Module]


def build(run: Run, data: Data) -> nn.Module:
    """The untrained network. Its linear maps depend on the seed alone, whatever the activation and the normalisation are."""
    torch.manual_seed(run.seed)
    act, outputs = _maker(run), data.classes or 1
    if run.architecture == "mlp":
        return mlp(data.x.shape[1], run.width, outputs, act)
    if run.architecture == "cnn":
        return cnn(data.side, run.width, outputs, act)
    return TokenNetwork(run.architecture, data.side, data.patch, run.width, outputs, act)


def activation(name: str, seed: int) -> nn.Module:
    """The activation of this name; the seed is for random coefficients."""
    plain: dict[str, Callable[[], nn.Module]] = {
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
        "silu": nn.SiLU,
        "gelu": nn.GELU,
        "prelu": nn.PReLU,
        "safepade": SafePade,
    }
    if name in plain:
        return plain[name]()
    kind, init = name.split("-", 1)
    return ERA(int(kind.removeprefix("era")), init, seed=seed)


def _maker(run: Run) -> Maker:
    made = 0

    def act(features: int) -> nn.Module:
        nonlocal made
        made += 1
        # a generator of its own for random coefficients: the weights drawn afterwards are those of any other activation
        plain = activation(run.activation, 1000 * run.seed + made)
        if run.normalisation == "none":
            return plain
        if run.normalisation == "batch":
            return nn.Sequential(nn.BatchNorm2d(features) if run.architecture == "cnn" else nn.BatchNorm1d(features), plain)
        return normalised(plain, features, kind=run.normalisation)

    return act


def mlp(inputs: int, width: int, outputs: int, act: Maker) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(inputs, width), act(width), nn.Linear(width, width), act(width), nn.Linear(width, outputs))


def cnn(side: int, width: int, outputs: int, act: Maker) -> nn.Sequential:
    """Two convolutions, the second with stride 2."""
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, width, 3, padding=1),
        act(width),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
        act(2 * width),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(32 * width, outputs),
    )


class TokenNetwork(nn.Module):
    """Patches of an image as tokens, two blocks of a Mixer or a Transformer, and a linear map of the mean token."""

    def __init__(self, kind: str, side: int, patch: int, width: int, outputs: int, act: Maker) -> None:
        super().__init__()
        self.rows, self.patch = side // patch, patch
        tokens = self.rows**2
        self.embed = nn.Linear(patch**2, width)
        self.position = nn.Parameter(0.1 * torch.randn(tokens, width))
        self.blocks = nn.Sequential()
        for _ in range(2):
            mixing = Across(perceptron(tokens, tokens, act)) if kind == "mixer" else Attention(width)
            self.blocks.extend([Residual(width, mixing), Residual(width, perceptron(width, 2 * width, act))])
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, p = self.rows, self.patch
        tokens = x.reshape(-1, n, p, n, p).transpose(2, 3).reshape(-1, n * n, p * p)
        hidden = self.blocks(self.embed(tokens) + self.position)
        result: torch.Tensor = self.head[1](self.head[0](hidden).mean(dim=1))
        return result


def perceptron(width: int, hidden: int, act: Maker) -> nn.Sequential:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(width, hidden), act(hidden), nn.Linear(hidden, width))


class Residual(nn.Module):
    """x + inner(layer norm of x)."""

    def __init__(self, width: int, inner: nn.Module) -> None:
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(width), inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = x + self.inner(self.norm(x))
        return result


class Across(nn.Module):
    """A map of tokens, the same for each feature: what a Mixer has in place of attention."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.inner(x.transpose(1, 2)).transpose(1, 2)
        return result


class Attention(nn.Module):
    """Self-attention with two heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, tokens, width = x.shape
        query, key, value = self.inward(x).reshape(n, tokens, 3, 2, width // 2).permute(2, 0, 3, 1, 4)
        result: torch.Tensor = self.outward(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(n, tokens, width))
        return result
