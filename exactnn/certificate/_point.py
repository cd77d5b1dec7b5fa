"""Evidence for "refuted": a rational point of the domain at which the values differ by more than allowed.

Sound: the point is in the domain and all values are computed exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from operator import mul
from typing import Any

from ._claim import Claim, Domain
from ._common import pack
from ._evaluate import evaluate
from ._network import Network
from ._numbers import mapping, need, rationals, show


def inside(domain: Domain, point: Sequence[Fraction]) -> None:
    """Rejected unless A point <= b."""
    _, numerators, denominator = pack(point, (len(point),))
    for r, (row, bound) in enumerate(domain.rows()):
        value = Fraction(sum(map(mul, row, numerators)), denominator * domain.matrix.denominator)
        need(value <= bound, "point", f"not in the domain: row {r} is {show(value)}, above {show(bound)}")


def at(claim: Claim, f: Network, raw: Any) -> list[Fraction]:
    """A point of the domain."""
    point = rationals(raw, "point", f.input_size)
    if claim.domain is not None:
        inside(claim.domain, point)
    return point


def values(f: Network, g: Network | None, point: Sequence[Fraction], stated: dict[str, Any] | None = None) -> list[list[Fraction]]:
    """The values of f and g there, which are those stated; g None stands for the zero function."""
    found = []
    for name, network in (("f", f), ("g", g)):
        found.append([Fraction(0)] * f.output_size if network is None else evaluate(network, point, f"point: {name}"))
        given = found[-1] if stated is None else rationals(stated[name], f"point: {name}", f.output_size)
        for j, (a, b) in enumerate(zip(given, found[-1], strict=True)):
            need(a == b, f"point: {name}", f"output {j} is {show(b)} there, not {show(a)}")
    return found


def check_point(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """Some output of f and g differs by more than the tolerance."""
    mapping(evidence, "evidence", ("method", "point", "f", "g"))
    largest = max(abs(a - b) for a, b in zip(*values(f, g, at(claim, f, evidence["point"]), evidence), strict=True))
    need(largest > claim.tolerance, "point", f"the values differ by at most {show(largest)}, which the tolerance allows")
