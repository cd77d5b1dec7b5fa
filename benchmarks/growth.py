"""How the time for a copy within a tolerance grows: random networks and their float16 copies, twice the largest sampled difference.

One of width, depth, inputs and half-width of the box is changed at a time; the others stay at a middle value.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import exactnn as xn
from benchmarks.copies import POINTS, as_module, dense, layers_of, leaves, rounded, sampled, warm_up
from benchmarks.measure import Row, timed

OUTPUTS = 2


class Shape(NamedTuple):
    """inputs - width - ... - width - 2 with `depth` hidden layers, on [-half, half]^inputs."""

    width: int = 20
    depth: int = 2
    inputs: int = 4
    half: Fraction = Fraction(1, 2)

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.inputs, *[self.width] * self.depth, OUTPUTS)

    def __str__(self) -> str:
        return f"width {self.width}, depth {self.depth}, {self.inputs} inputs, half-width {float(self.half):g}"


def shapes(*, quick: bool) -> Iterator[Shape]:
    """The middle one, then those that differ from it in one way."""
    middle = Shape()
    yield middle
    if quick:
        yield from (Shape(width=10), Shape(depth=1), Shape(inputs=2), Shape(half=Fraction(1, 10)))
        return
    yield from (middle._replace(width=width) for width in (10, 40, 80, 200))
    yield from (middle._replace(depth=depth) for depth in (1, 3, 4, 6))
    yield from (middle._replace(inputs=inputs) for inputs in (2, 8, 16))
    yield from (middle._replace(half=half) for half in (Fraction(1, 10), Fraction(1, 4), Fraction(1), Fraction(2)))


class Run(NamedTuple):
    """One question: the answer, its method ("" for unknown), seconds, leaves, and the seconds of sampling."""

    status: str
    how: str
    seconds: float
    leaves: int
    sampling: float


def ask(shape: Shape, seed: int, limit: int, points: int) -> Run:
    """One network and its copy."""
    models = (model := dense(shape.sizes, seed)), rounded(model)
    f, g = (as_module(layers_of(model)) for model in models)
    box = xn.Box([-shape.half] * shape.inputs, [shape.half] * shape.inputs)
    seen, sampling = timed(lambda: sampled(f, g, box, points))
    nets = [xn.mlp(layers_of(model)) for model in models]
    verdict, seconds = timed(lambda: xn.verify_equal(*nets, domain=box, tolerance=2 * Fraction(seen), time_limit=limit))
    certificate = verdict.certificate
    if certificate is None:
        return Run(verdict.status, "", seconds, 0, sampling)
    return Run(verdict.status, certificate.kind, seconds, leaves(certificate), sampling)


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    limit, seeds, points = (1, range(1), POINTS // 10) if quick else (60, range(3), POINTS)
    rows, open_ = [], []
    warm_up()
    for shape in shapes(quick=quick):
        runs = [ask(shape, seed, limit, points) for seed in seeds]
        counts = Counter(f"{r.status} ({r.how})" if r.how else r.status for r in runs)
        answers = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        closed = [r.leaves for r in runs if r.how]
        size = f", {statistics.median_low(closed):,} leaves" if any(closed) else ""
        seconds, sampling = (statistics.median(times) for times in ([r.seconds for r in runs], [r.sampling for r in runs]))
        rows.append(Row(f"{shape}: {answers}{size}", seconds, f"torch, {points:,} points sampled", sampling))
        open_ += [f"{shape}, seed {seed}" for seed, r in zip(seeds, runs, strict=True) if not r.how]
    notes = [
        f"Medians of {len(seeds)}: torch's default initialisation, {OUTPUTS} outputs, ReLU; time_limit {limit} s, all of it for unknown. "
        "The tolerance is twice what the points show; the points prove nothing."
    ]
    notes.append(f"unknown: {len(open_)} of {len(rows) * len(seeds)}" + (":" if open_ else "."))
    notes += [f"  {name}" for name in open_]
    return "Copies within a tolerance: growth with width, depth, inputs and box", notes, rows
