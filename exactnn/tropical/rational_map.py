"""Tropical rational maps: tuples of differences of tropical polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Polyhedron
from exactnn.tropical.polynomial import TropicalPolynomial

if TYPE_CHECKING:
    from exactnn.tropical.extract import Origin


@dataclass(frozen=True)
class TropicalRationalMap:
    """F_j(x) = numerators[j](x) - denominators[j](x).

    domain : where the map stands for the network that it was made of; None for everywhere
    decomposition : "construction", "irreducible" or "minimal"
    origin : the regions of the network that it was extracted from
    """

    numerators: tuple[TropicalPolynomial, ...]
    denominators: tuple[TropicalPolynomial, ...]
    domain: Polyhedron | None = field(default=None, kw_only=True)
    decomposition: str = field(default="construction", kw_only=True)
    origin: Origin | None = field(default=None, kw_only=True, compare=False, repr=False)

    @property
    def input_dim(self) -> int:
        """d."""
        return self.numerators[0].dimension

    @property
    def output_dim(self) -> int:
        """The number of outputs."""
        return len(self.numerators)

    def __call__(self, x: Sequence[Number]) -> tuple[Fraction, ...]:
        return tuple(p(x) - q(x) for p, q in zip(self.numerators, self.denominators, strict=True))
