"""The networks: fully connected and convolutional ones with equal numbers of neurons in each layer."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

KINDS = ("dense", "conv")
CHANGES = ("plain", "norm", "dropout", "leaky")
#: "dense" is fully connected with ReLU, "dense-norm" has batch norm before each ReLU, and so on.
NETWORKS = tuple(kind if change == "plain" else f"{kind}-{change}" for kind in KINDS for change in CHANGES)
DROPOUT = 0.2
LEAK = 0.125

#: side of the images: (channels, kernel, stride) of the two convolutions
CONVOLUTIONS = {8: ((4, 3, 2), (8, 3, 2)), 28: ((4, 5, 4), (5, 3, 2))}


def widths(side: int) -> list[int]:
    """The numbers of neurons of the two hidden layers: 64, 32 for 8 x 8 pixels, 196, 80 for 28 x 28."""
    found = []
    for channels, _, stride in CONVOLUTIONS[side]:
        side = -(-side // stride)
        found.append(channels * side**2)
    return found


def build(network: str, side: int, classes: int, seed: int) -> nn.Sequential:
    """The untrained network, its weights by the seed; images are (1, side, side), the outputs are logits."""
    torch.manual_seed(seed)
    kind, _, change = network.partition("-")
    layers: list[nn.Module] = []
    if kind == "dense":
        layers.append(nn.Flatten())
        for before, after in pairwise([side**2, *widths(side)]):
            layers += [nn.Linear(before, after), *_between(change, nn.BatchNorm1d(after))]
    else:
        before = 1
        for channels, kernel, stride in CONVOLUTIONS[side]:
            layers += [nn.Conv2d(before, channels, kernel, stride, kernel // 2), *_between(change, nn.BatchNorm2d(channels))]
            before = channels
        layers.append(nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(widths(side)[-1], classes))


def _between(change: str, norm: nn.Module) -> list[nn.Module]:
    """What follows on an affine layer."""
    unit = nn.LeakyReLU(LEAK) if change == "leaky" else nn.ReLU()
    return [*[norm] * (change == "norm"), unit, *[nn.Dropout(DROPOUT)] * (change == "dropout")]


def stacked(model: nn.Sequential, factor: int) -> nn.Sequential:
    """The network with its outputs and, behind them, their multiples: all bounds of terms, so all shifts K, become as many times as large.

    But for rounding to float32, which a power of two does not need.
    """
    last = model[-1]
    assert isinstance(last, nn.Linear)
    twice = nn.Linear(last.in_features, 2 * last.out_features)
    with torch.no_grad():
        twice.weight.copy_(torch.cat([last.weight, factor * last.weight]))
        twice.bias.copy_(torch.cat([last.bias, factor * last.bias]))
    return nn.Sequential(*model[:-1], twice).eval()
