"""Exact values of a 784-200-80-10 float32 network at 100 points, beside plain Fractions and beside torch in float64."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import torch

import exactnn as xn
from benchmarks.measure import Row, best, peak, timed
from benchmarks.plain import exact, value
from exactnn.exact.array import RationalArray


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    sizes = (784, 20, 10) if quick else (784, 200, 80, 10)
    points = 100
    rng = np.random.default_rng(0)
    layers = [
        ((rng.standard_normal((m, n)) * np.sqrt(2 / n)).astype(np.float32), (rng.standard_normal(m) / 10).astype(np.float32))
        for n, m in pairwise(sizes)
    ]
    pixels = (rng.integers(0, 256, (points, sizes[0])) / 255).astype(np.float32)
    net = xn.mlp(layers)
    values, seconds = best(lambda: net.evaluate(RationalArray.of(pixels)))
    memory = peak()
    plain = [(exact(weight.tolist()), exact(bias.tolist())) for weight, bias in layers]
    image = exact(pixels[0].tolist())
    reference, slow = timed(lambda: value(plain, image))
    assert tuple(reference) == values[0].to_fractions()
    module = torch.nn.Sequential()
    for weight, bias in layers:
        linear = torch.nn.Linear(*weight.shape[::-1], dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.from_numpy(weight).double(), torch.from_numpy(bias).double()
        module += torch.nn.Sequential(linear, torch.nn.ReLU())
    module = module[:-1]
    with torch.no_grad():
        floats, fast = best(lambda: module(torch.from_numpy(pixels).double()), 20)
    error = max(abs(Fraction(a) - b) for a, b in zip(floats.ravel().tolist(), values.to_fractions(), strict=True))
    name = "-".join(map(str, sizes))
    rows = [
        Row(f"{name}, {points} points", seconds, "plain Fractions", slow * points),
        Row(f"{name}, {points} points", seconds, "torch, float64", fast),
    ]
    notes = [
        f"Plain Fractions: 1 point, scaled by {points}; its value is the same. torch: {torch.get_num_threads()} threads, "
        f"its largest error here {float(error):.1e}.",
        f"The exact values have denominators of up to {values.denominator.bit_length() - 1} bits. Peak memory {memory:.0f} MB.",
    ]
    return f"Exact values of a {name} float32 network", notes, rows
