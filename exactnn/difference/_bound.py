"""An upper bound of the largest deviation on a domain, with the evidence that proves it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from exactnn.difference._box import bounding_box
from exactnn.difference._everywhere import everywhere
from exactnn.difference._pass import BITS, Pass, difference_bounds
from exactnn.difference._quick import quick_bound
from exactnn.exact.array import RationalArray, nearest_float
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network


class UpperBound(NamedTuple):
    """|f_j - g_j| <= value on the domain; the evidence proves the claim `equal` (or `zero`) with each tolerance from value on."""

    value: Fraction
    evidence: dict[str, Any]

    @property
    def text(self) -> str:
        """Three digits that do not say less than the value."""
        shown = self.value * Fraction(101, 100)
        return f"{nearest_float(shown.numerator, shown.denominator):.3g}"


def upper_bound(
    f: Network,
    g: Network | None,
    domain: Polyhedron | None,
    *,
    norm: str = "linf",
    enough: Fraction | None = None,
    clock: Clock | None = None,
) -> UpperBound:
    """max |f_j(x) - g_j(x)| <= value for all x of the domain; g None stands for 0.

    Where the domain is not known to be bounded, this bounds the difference everywhere: of networks whose biases alone differ.

    Parameters
    ----------
    f, g : networks with equal numbers of inputs and outputs, without rational nodes
    domain : not empty, in the dimension of the inputs
    norm : "linf" as above; "l1" for the sum over the outputs, for the claim "deviation" in that norm
    enough : a tolerance; what floats see to be within it is not computed exactly
    clock : Incomplete once its time has passed

    Raises
    ------
    NotBounded, Incomplete

    Examples
    --------
    >>> from exactnn import Box, mlp
    >>> f, g = mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])]), mlp([([[1], ["-3/4"]], [0, 0]), ([[1, 1]], [0])])
    >>> upper_bound(f, g, Box([-1], [1])).value
    Fraction(1, 4)
    """
    evidence: dict[str, Any]
    around = bounding_box(domain, clock)
    if around is None:
        found = everywhere(Pass(f, g, clock=clock))
        evidence = {"method": "pass", "bits": BITS, **({} if domain is None else {"box": None})}
        return UpperBound(found.sum if norm == "l1" else found.largest, evidence)
    evidence = {"method": "pass", "bits": BITS, **({"box": around.proofs} if around.proofs else {})}
    if enough is not None and g is not None and norm == "linf":
        quick = quick_bound(f, g, around.box, clock or Clock(None))
        if quick is not None and quick <= enough:
            return UpperBound(Fraction(quick), evidence)
    found = difference_bounds(f, g, around.box, clock=clock)
    return UpperBound(found.sum if norm == "l1" else found.largest, evidence)


def least_sizes(f: Network, g: Network | None, points: RationalArray, norm: str, bits: int) -> list[Fraction]:
    """What |f - g| reaches at least at each point, (points, inputs), in the norm "linf" or "l1": smooth values are irrational."""
    found = Pass(f, None, bits=bits).bounds(points, points)
    low, high = found.lo, found.hi
    if g is not None:
        other = Pass(g, None, bits=bits).bounds(points, points)
        low, high = low - other.hi, high - other.lo
    least = low.maximum(-high).relu()
    rows = least.to_rows()
    return [sum(row, Fraction(0)) if norm == "l1" else max(row) for row in rows]
