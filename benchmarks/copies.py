"""Networks, copies of them, and what is done without proofs: one float pass of both, or many sampled points."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

import exactnn as xn

Layers = list[tuple[Any, Any]]
#: how many points are sampled
POINTS = 100_000


def dense(sizes: Sequence[int], seed: int = 0) -> nn.Sequential:
    """torch's default initialisation."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def rounded(model: nn.Sequential) -> nn.Sequential:
    """Every weight as float16."""
    found = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.copy_(parameter.half().float())
    return found


def float16(layers: Layers) -> Layers:
    """Every weight as float16, again as float32."""
    return [(weight.astype(np.float16).astype(np.float32), bias.astype(np.float16).astype(np.float32)) for weight, bias in layers]


def layers_of(model: nn.Sequential) -> Layers:
    """Its matrices and biases."""
    return [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in model if isinstance(layer, nn.Linear)]


def layers_in(net: xn.Network) -> Layers:
    """The matrices and biases of a network of affine maps and ReLUs, in float64."""
    found: Layers = []
    ends = True
    for name in net.order:
        operation = net.operation(name)
        if isinstance(operation, xn.network.PiecewiseLinear):
            ends = True
        elif isinstance(operation, xn.network.Affine):
            if ends:
                found.append((operation.weight, operation.bias))
            else:
                weight, bias = found[-1]
                found[-1] = operation.weight @ weight, (operation.weight @ bias.reshape(-1, 1)).reshape(-1) + operation.bias
            ends = False
    return [(weight.to_float(), bias.to_float()) for weight, bias in found]


def as_module(layers: Layers) -> nn.Sequential:
    """Matrices and biases as a torch module in float64."""
    found: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.tensor(weight).double(), torch.tensor(bias).double()
        found += [linear, nn.ReLU()]
    return nn.Sequential(*found[:-1])


def samples(box: xn.Box, count: int = POINTS, seed: int = 0) -> torch.Tensor:
    """Points of a bounded box (count, d) in float64; every other one has about half of its coordinates at an end of the box."""
    low, high = (torch.tensor(side.to_float()) for side in box.bounds)
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(count, len(low), generator=generator, dtype=torch.float64)
    ends = torch.randint(0, 4, unit.shape, generator=generator)
    ends[::2] = 2
    unit[ends == 0], unit[ends == 1] = 0, 1
    return low + (high - low) * unit


def once(models: Sequence[nn.Module], shape: tuple[int, ...]) -> list[torch.Tensor]:
    """One float pass of each at 0."""
    with torch.no_grad():
        return [model(torch.zeros(1, *shape, dtype=next(model.parameters()).dtype)) for model in models]


def sampled(f: nn.Module, g: nn.Module, box: xn.Box, count: int = POINTS) -> float:
    """The largest |f_j - g_j| that is seen at random points: a lower bound of the maximum, without a proof of more."""
    x = samples(box, count)
    with torch.no_grad():
        return float((f(x) - g(x)).abs().max())


def leaves(certificate: Any) -> int:
    """Of the tree of boxes or cells in a certificate; 0 if it has none."""
    tree = certificate.document["evidence"].get("tree", [])
    return sum(node[0] != "split" for node in tree)


def warm_up() -> None:
    """A small question, so that the first that is measured does not import and compile."""
    f = dense((2, 3, 1))
    g = rounded(f)
    nets = [xn.mlp(layers_of(model)) for model in (f, g)]
    assert xn.verify_equal(*nets, domain=xn.Box(-1, 1), tolerance=1).proved
    assert xn.max_deviation(*nets, domain=xn.Box([-1, -1], [1, 1])).is_exact
