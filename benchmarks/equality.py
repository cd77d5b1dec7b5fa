"""Equality of two 784-1000-10 float32 networks, one a permuted and power-of-two-scaled copy, against plain Fractions."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import exactnn as xn
from benchmarks.measure import Row, best, peak, timed
from benchmarks.plain import exact, normal_form

SLICE = 40
Arrays = list[tuple[Any, Any]]


def classifier(inputs: int, hidden: int, outputs: int, seed: int = 0) -> Arrays:
    """Weights as after a usual initialisation (normal, deviation 1/sqrt(fan in)), in float32."""
    rng = np.random.default_rng(seed)
    sizes = (inputs, hidden, outputs)
    return [
        ((rng.standard_normal((m, n)) / np.sqrt(n)).astype(np.float32), (rng.standard_normal(m) / 10).astype(np.float32))
        for n, m in pairwise(sizes)
    ]


def copy_of(layers: Arrays, seed: int = 1) -> Arrays:
    """Hidden neurons permuted and scaled by powers of two, which float32 does without rounding."""
    (weight, bias), (outgoing, last) = layers
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(bias))
    factor = (2.0 ** rng.integers(-4, 5, len(bias))).astype(np.float32)
    return [((weight * factor[:, None])[order], (bias * factor)[order]), ((outgoing / factor)[:, order], last)]


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    width = 100 if quick else 1000
    first = classifier(784, width, 10)
    second = copy_of(first)
    moved = [(weight.copy(), bias) for weight, bias in second]
    moved[0][0][5, 7] = np.nextafter(moved[0][0][5, 7], np.float32(9))

    def decide(other: Arrays) -> xn.Verdict:
        """From the float arrays to the verdict."""
        return xn.verify_equal(xn.mlp(first), xn.mlp(other))

    equal, equal_seconds = best(lambda: decide(second))
    refuted, refuted_seconds = best(lambda: decide(moved))
    memory = peak()
    assert equal.proved
    assert refuted.refuted
    assert equal.certificate is not None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "certificate.json"
        _, save_seconds = best(lambda: equal.certificate.save(target))
        size = target.stat().st_size / 1e6
        _, check_seconds = best(lambda: xn.check(target))
    baseline = width / SLICE * _slice_seconds(first, second)
    name = f"784-{width}-10"
    rows = [
        Row(f"{name}: equal, proved", equal_seconds, "plain Fractions", baseline),
        Row(f"{name}: one weight one ulp off, refuted", refuted_seconds, "plain Fractions", baseline),
        Row(f"{name}: certificate saved ({size:.0f} MB)", save_seconds, "proving it", equal_seconds),
        Row(f"{name}: certificate checked, plain Python", check_seconds, "proving it", equal_seconds),
    ]
    notes = [
        "From float arrays to the verdict, best of 3. "
        f"Peak memory after both questions {memory:.0f} MB, with certificate and checker {peak():.0f} MB.",
        "Plain Fractions (benchmarks/plain.py): from floats to both normal forms, without comparing the two, "
        f"measured on {SLICE} of the {width} neurons of each network and scaled by {width / SLICE:g}.",
    ]
    return f"Equality of two {name} float32 networks, one a permuted and scaled copy", notes, rows


def _slice_seconds(first: Arrays, second: Arrays) -> float:
    """Both normal forms of the first SLICE neurons, in plain Fractions."""
    total = 0.0
    for (weight, bias), (outgoing, last) in (first, second):
        floats = [a.tolist() for a in (weight[:SLICE], bias[:SLICE], outgoing[:, :SLICE].T, last)]
        total += timed(lambda floats=floats: normal_form(*map(exact, floats)))[1]
    return total
