"""Evidence for "refuted": a rational point of the domain at which the values differ by more than allowed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from operator import mul
from typing import Any

from ._claim import Claim, Domain
from ._evaluate import evaluate
from ._network import Network
from ._numbers import Rejected, mapping, need, pack, rationals, show


def inside(domain: Domain, point: Sequence[Fraction]) -> None:
    """Rejected unless A point <= b."""
    _, numerators, denominator = pack(point, (len(point),))
    for r, (row, bound) in enumerate(domain.rows()):
        value = Fraction(sum(map(mul, row, numerators)), denominator * domain.matrix.denominator)
        need(value <= bound, "point", f"not in the domain: row {r} is {show(value)}, above {show(bound)}")


def check_point(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """Both networks are evaluated at the point; g None stands for the zero function."""
    mapping(evidence, "evidence", ("method", "point", "f", "g"))
    point = rationals(evidence["point"], "point", f.input_size)
    if claim.domain is not None:
        inside(claim.domain, point)
    values = []
    for name, network in (("f", f), ("g", g)):
        given = rationals(evidence[name], f"point: {name}", f.output_size)
        if network is None:
            found = [Fraction(0)] * f.output_size
        else:
            found = evaluate(network, point, f"point: {name}")
        for j, (a, b) in enumerate(zip(given, found, strict=True)):
            need(a == b, f"point: {name}", f"output {j} is {show(b)} there, not {show(a)}")
        values.append(found)
    gaps = [abs(a - b) for a, b in zip(*values, strict=True)]
    if max(gaps) <= claim.tolerance:
        raise Rejected("point", f"the values differ by at most {show(max(gaps))}, which the tolerance allows")
