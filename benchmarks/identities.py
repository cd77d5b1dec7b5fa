"""Gradient identities of Cooling: all of them on a network and samples, exactly or in balls; exact gradients beside torch's."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

import exactnn as xn
from benchmarks.measure import Row, best, checked, timed
from exactnn.cooling import check_identities, iterate_measurements
from exactnn.errors import AssumptionBroken


def data(sizes: tuple[int, ...], count: int) -> tuple[xn.Network, np.ndarray, np.ndarray]:
    """A random network, points and labels, all in float32."""
    rng = np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    net = xn.mlp([(numbers(m, n), numbers(m)) for n, m in pairwise(sizes)])
    return net, numbers(count, sizes[0]), rng.integers(0, sizes[-1], count)


def gradients(sizes: tuple[int, ...], count: int) -> Row:
    """By all parameters, exactly; and in float64."""
    net, points, _ = data(sizes, count)
    upstream = np.ones((count, sizes[-1]), dtype=np.float32) / 2
    floats = net.to_torch()
    x, u = torch.from_numpy(points).double(), torch.from_numpy(upstream).double()
    _, seconds = best(lambda: net.gradient(points, upstream))
    _, fast = best(lambda: (floats.flat(x) * u).sum().backward())
    return Row(f"{'-'.join(map(str, sizes))}, {count:,} points: exact gradient", seconds, "torch, float64", fast)


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    sizes, count = ((8, 6, 3), 10) if quick else ((64, 32, 10), 100)
    net, points, labels = data(sizes, count)
    found, seconds = timed(lambda: check_identities(net, (points, labels)))
    proved = [name for name, verdict in found.items() if not isinstance(verdict, AssumptionBroken) and verdict.proved]
    name = f"{'-'.join(map(str, sizes))}, {count} points"
    looks, fast = timed(lambda: dict(iterate_measurements(net, (points, labels))))
    agree = [key for key, look in looks.items() if not isinstance(look, AssumptionBroken) and look.outcome == "agrees"]
    rows = [
        gradients(sizes, count),
        Row(f"{name}: {len(found)} identities", seconds),
        Row(f"{name}: {len(agree)} identities agree in float64, rounding bounded", fast, "decided", seconds),
    ]
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        for key in ("I2", "I9", "I12"):
            times[key] = checked(found[key], Path(folder) / "certificate.json")
    rows += [Row(f"{name}: {key}, its certificate checked", long) for key, long in times.items()]
    refused = ", ".join(key for key in found if key not in proved)
    return "Cooling: identities and exact gradients", [f"{len(proved)} proved; refused: {refused} (other assumptions)."], rows
