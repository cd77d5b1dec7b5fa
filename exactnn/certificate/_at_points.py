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
    points, size = claim.rows(f), f.output_size
    _budget.hold(3 * len(points) * size, "values")
    given = tensor(evidence["values"], "values", (len(points), size)).fractions()
    both = [(name, network, tuple(steps(network))) for name, network in (("f", f), ("g", g))]
    for i, point in enumerate(points):
        for name, network, program in both:
            step = f"point {i}: {name}"
            _budget.charge(100 * len(program), step)
            found = evaluate(network, point, step, program)
            for j, (value, stated) in enumerate(zip(found, given[i * size : (i + 1) * size], strict=True)):
                need(value == stated, step, f"output {j} is {show(value)} there, not {show(stated)}")


def check_one_point(claim: EqualAt, f: Network, g: Network, evidence: dict[str, Any]) -> None:
    """Refuted: at one of the points the values differ."""
    mapping(evidence, "evidence", ("method", "index", "f", "g"))
    points = claim.rows(f)
    first, second = values(f, g, points[index(evidence["index"], len(points), "point: index")], evidence)
    need(first != second, "point", "the values of f and g are the same there")
