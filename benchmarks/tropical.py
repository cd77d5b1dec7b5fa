"""TropEx at data points: all tables of a 784-200-80-10 float32 network, exact and in float64, beside torch's batched Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

import exactnn as xn
from benchmarks.measure import Row, best, peak, timed


def classifier(sizes: tuple[int, ...]) -> tuple[xn.Network, torch.nn.Module]:
    """A random network in float32, and the same as a torch module in float64."""
    rng = np.random.default_rng(0)
    layers = [
        ((rng.standard_normal((m, n)) * np.sqrt(2 / n)).astype(np.float32), (rng.standard_normal(m) / 10).astype(np.float32))
        for n, m in pairwise(sizes)
    ]
    module = torch.nn.Sequential()
    for weight, bias in layers:
        linear = torch.nn.Linear(*weight.shape[::-1], dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.from_numpy(weight).double(), torch.from_numpy(bias).double()
        module += torch.nn.Sequential(linear, torch.nn.ReLU())
    return xn.mlp(layers), module[:-1]


def jacobians(module: torch.nn.Module, x: torch.Tensor, block: int) -> None:
    """All derivatives at all points, block by block, none of them kept."""
    every = torch.func.vmap(torch.func.jacrev(module))
    for part in torch.split(x, block):
        every(part)


def all_tables(net: xn.Network, points: Any, arithmetic: str, table: Callable[[Any], Any]) -> xn.tropical.PointwiseMap:
    """The map at these points, each table made once and let go."""
    found = xn.tropical.extract_at(net, points, arithmetic=arithmetic)
    for polynomial in (*found.numerators, found.denominators[0]):
        for block in polynomial.terms.blocks:
            table(block)
    return found


def at_points(*, quick: bool) -> tuple[list[str], list[Row]]:
    sizes = (784, 20, 10) if quick else (784, 200, 80, 10)
    few, many = (50, 200) if quick else (1_000, 10_000)
    net, module = classifier(sizes)
    pixels = (np.random.default_rng(1).integers(0, 256, (many, sizes[0])) / 255).astype(np.float32)
    x = torch.from_numpy(pixels).double()
    jacobians(module, x[:few], few)  # the first run compiles
    _, fast = best(lambda: jacobians(module, x[:few], few), 5)
    _, slow = best(lambda: jacobians(module, x, 1_000))
    floats, seconds = best(lambda: all_tables(net, pixels, "float64", lambda b: b.floats()))
    memory = peak()
    exact, long = timed(lambda: all_tables(net, pixels[:few], "exact", lambda b: b.table()))
    name = "-".join(map(str, sizes))
    _, opening = best(lambda: xn.tropical.extract_at(net, pixels[:few]))
    rows = [
        Row(f"{name}, exact, {few:,} points: the map", opening, "torch, vmap(jacrev), float64", fast),
        Row(f"{name}, exact, {few:,} points: and all its tables", long, "torch, vmap(jacrev), float64", fast),
        Row(f"{name}, float64, {many:,} points: and all its tables", seconds, "torch, vmap(jacrev), float64", slow),
    ]
    bits = exact.denominators[0].terms.blocks[0].table().denominator
    share = exact.cross_terms(pixels[few : 2 * few]).share
    gap = np.abs(floats.evaluate(pixels[:few]) - module(x[:few]).detach().numpy()).max()
    notes = [
        f"The exact map keeps patterns; its {len(exact.numerators) + 1} tables are of {few:,} x {sizes[0] + 1} rationals with "
        f"denominators of up to {bits.bit_length() - 1} bits, each made as Python's integers when it is asked for.",
        f"float64: off by {gap:.1e} at data points; peak memory {memory:.0f} MB, torch's Jacobians included.",
        f"The map of {few:,} at as many new points: at {float(share):.0%} of (point, output) its two terms are of different data points.",
    ]
    return notes, rows


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    notes, rows = at_points(quick=quick)
    return "Tropical forms", notes, rows
