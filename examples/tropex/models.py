"""The networks: fully connected and convolutional ones with equal numbers of neurons in each layer."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from exactnn.exact.array import RationalArray, concatenate
from exactnn.network import Affine, Network
from exactnn.network.edit import Draft

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


def stacked(net: Network, factor: int) -> Network:
    """(f, c f), exactly:  Lo' = c Lo, Hi' = c Hi at every unit, so Q' = c Q and P'_j = P_j + (c - 1) Q for the outputs of f.  c >= 1.

    Each shift is a bound over all outputs and linear in the bounds behind it. (Where bounds are summed over the outputs, as in the
    paper's code, Q' is 1 + c times as large.)
    """
    (output,) = net.outputs
    rows = RationalArray.eye(net.output_dim)
    draft = Draft(net)
    draft.outputs = (draft.add("stacked", Affine(concatenate([rows, rows * factor]), RationalArray.zeros((2 * net.output_dim,))), output),)
    return draft.network()
