"""An upper bound of the largest deviation on a domain, with the evidence that proves it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from exactnn.difference._box import bounding_box
from exactnn.difference._pass import BITS, difference_bounds
from exactnn.exact.array import nearest_float
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
    f: Network, g: Network | None, domain: Polyhedron | None, *, norm: str = "linf", clock: Clock | None = None
) -> UpperBound | None:
    """max |f_j(x) - g_j(x)| <= value for all x of the domain; g None stands for 0, and None comes back where the domain is not bounded.

    Parameters
    ----------
    f, g : networks with equal numbers of inputs and outputs, without rational nodes
    domain : not empty, in the dimension of the inputs
    norm : "linf" as above; "l1" for the sum over the outputs, for the claim "deviation" in that norm
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
    around = bounding_box(domain, clock)
    if around is None:
        return None
    found = difference_bounds(f, g, around.box, clock=clock)
    value = found.sum if norm == "l1" else found.largest
    return UpperBound(value, {"method": "pass", "bits": BITS, **({"box": around.proofs} if around.proofs else {})})
