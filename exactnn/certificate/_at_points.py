"""Claim "equal_at": two networks have the same values at finitely many points, by evaluating both.

Sound: both networks are evaluated exactly.
"""

from __future__ import annotations

from typing import Any

from . import _budget
from ._claim_points import EqualAt
from ._evaluate import evaluate
from ._meaning import steps
from ._network import Network
from ._numbers import index, mapping, need, show, tensor
from ._point import values


def check_values(claim: EqualAt, f: Network, g: Network, evidence: dict[str, Any]) -> None:
    """Proved: at every point both networks have the values given."""
    mapping(evidence, "evidence", ("method", "values"))
    points = claim.points
    count, size = points.shape
    need(size == f.input_size, "claim: points", f"{size} entries for {f.input_size} inputs")
    _budget.hold(3 * count * (size + f.output_size), "values")
    given = tensor(evidence["values"], "values", (count, f.output_size)).fractions()
    entries = points.fractions()
    both = [(name, network, tuple(steps(network))) for name, network in (("f", f), ("g", g))]
    for i in range(count):
        for name, network, program in both:
            _budget.charge(100 * len(program), f"point {i}: {name}")
            found = evaluate(network, entries[i * size : (i + 1) * size], f"point {i}: {name}", program)
            for j, value in enumerate(found):
                stated = given[i * f.output_size + j]
                need(value == stated, f"point {i}: {name}", f"output {j} is {show(value)} there, not {show(stated)}")


def check_one_point(claim: EqualAt, f: Network, g: Network, evidence: dict[str, Any]) -> None:
    """Refuted: at one of the points the values differ."""
    mapping(evidence, "evidence", ("method", "index", "f", "g"))
    points = claim.points
    count, size = points.shape
    need(size == f.input_size, "claim: points", f"{size} entries for {f.input_size} inputs")
    i = index(evidence["index"], count, "point: index")
    first, second = values(f, g, points.fractions()[i * size : (i + 1) * size], evidence)
    need(first != second, "point", "the values of f and g are the same there")
