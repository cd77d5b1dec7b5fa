"""Tropical forms: full extraction beside the count of regions, layer-by-layer pruning and naive expansion; TropEx at data points beside
torch's batched Jacobian.
"""

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


def default_initialised(*sizes: int) -> tuple[xn.Network, list[tuple[Any, Any]]]:
    """A ReLU network of torch's default initialisation, seed 0, and its layers."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(n, m) for n, m in pairwise(sizes)]
    numbers = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers]
    return xn.mlp(numbers), numbers


def layer_by_layer(layers: list[tuple[Any, Any]]) -> xn.tropical.TropicalRationalMap:
    """The form composed layer by layer, pruned after each by linear programs that HiGHS solves and integers check."""
    F = xn.tropical.TropicalRationalMap.identity(layers[0][0].shape[1])
    for number, (W, b) in enumerate(layers):
        F = (F.relu() if number else F).affine_image(W, b, shared=True, prune=True).reduced()
    return F


def naive(layers: list[tuple[Any, Any]]) -> int:
    """The number of terms, none of them taken away, of sympy's Max(..., evaluate=False) expanded layer by layer."""
    import sympy

    x = sympy.symbols(f"x0:{layers[0][0].shape[1]}")
    top = [[v] for v in x]
    bottom = [[sympy.Integer(0)] for _ in x]
    for number, (W, b) in enumerate(layers):
        if number:
            top = [p + q for p, q in zip(top, bottom, strict=True)]
        pairs = []
        for row, bias in zip(W, b, strict=True):
            sides = [[sympy.Rational(*float(bias).as_integer_ratio())], [sympy.Integer(0)]]
            for w, p, q in zip(row, top, bottom, strict=True):
                factor = sympy.Rational(*abs(float(w)).as_integer_ratio())
                for side, terms in enumerate((p, q) if w > 0 else (q, p)):
                    sides[side] = list({sympy.expand(a + factor * t) for a in sides[side] for t in terms})
            pairs.append(sides)
        top, bottom = [p for p, _ in pairs], [q for _, q in pairs]
    return sum(len(p) for p in top) + sum(len(q) for q in bottom)


def full(*, quick: bool) -> tuple[list[str], list[Row]]:
    rows, notes = [], []
    for sizes in ((2, 4, 4, 1),) if quick else ((3, 16, 16, 1), (4, 10, 10, 10, 10)):
        net, _ = default_initialised(*sizes)
        count, base = best(lambda net=net: xn.regions.count(net), 3)  # type: ignore[misc]
        F, seconds = best(lambda net=net: xn.tropical.extract(net), 3)  # type: ignore[misc]
        name = "-".join(map(str, sizes))
        rows.append(Row(f"{name}, in full: {count:,} regions", seconds, "exactnn.regions.count", base))
        notes.append(f"{name}: {len(F.numerators[0]):,} terms in the first numerator, {len(F.denominators[0]):,} in the denominator.")
    for sizes in ((2, 3, 3, 1),) if quick else ((2, 4, 4, 1), (3, 5, 5, 1)):
        net, layers = default_initialised(*sizes)
        F, seconds = best(lambda net=net: xn.tropical.extract(net), 3)  # type: ignore[misc]
        other, long = timed(lambda layers=layers: layer_by_layer(layers))  # type: ignore[misc]
        name = "-".join(map(str, sizes))
        rows.append(Row(f"{name}, in full: {len(F.regions):,} regions", seconds, "layer by layer, pruned by HiGHS and integers", long))
        notes.append(
            f"{name}: {len(F.numerators[0])} and {len(F.denominators[0])} terms from the regions, "
            f"{len(other.numerators[0])} and {len(other.denominators[0])} layer by layer."
        )
    sizes = (2, 2, 2, 1) if quick else (2, 3, 2, 1)
    net, layers = default_initialised(*sizes)
    F, seconds = best(lambda: xn.tropical.extract(net), 3)
    terms, long = timed(lambda: naive(layers))
    rows.append(Row(f"{'-'.join(map(str, sizes))}, in full: {len(F.regions)} regions", seconds, "naive expansion in sympy", long))
    notes.append(
        f"Naive expansion ends with {terms:,} terms there, of which {len(F.numerators[0])} and {len(F.denominators[0])} are needed."
    )
    return notes, rows


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    notes, rows = full(quick=quick)
    more_notes, more_rows = at_points(quick=quick)
    return "Tropical forms", [*notes, *more_notes], [*rows, *more_rows]
