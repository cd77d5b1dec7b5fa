"""What trees of boxes have in common: their bound, and the evidence that they write."""

from __future__ import annotations

from abc import ABC
from fractions import Fraction
from typing import Any

from exactnn.difference._box import BoundingBox
from exactnn.difference._boxes import Boxes, Grid, Leaf
from exactnn.difference._questions import MARGIN, Question
from exactnn.exact.polyhedron import Box

_BITS, _MOST_BITS = 64, 1024


class Tree(ABC):
    """A tree of boxes around a domain, for one question."""

    around: BoundingBox
    question: Question
    grid: Grid
    boxes: Boxes

    def open(self, tolerance: Fraction) -> dict[int, Leaf]:
        """The boxes that are not known to be within the tolerance, by the numbers of their nodes."""
        return self.boxes.above(self.question.threshold(tolerance))

    @property
    def upper(self) -> Fraction:
        """No size on the domain exceeds it, as the evidence proves."""
        return Fraction(self.boxes.bound) * (1 + Fraction(MARGIN) * 2)

    def evidence(self, others: dict[int, list[Any]] | None = None) -> dict[str, Any]:
        """As docs/certificate-format.md writes it; `others`: nodes that stand for leaves proved another way."""
        proofs = {"box": self.around.proofs} if self.around.proofs else {}
        return {"method": "boxes", "bits": self.grid.bits, **proofs, "tree": self.boxes.written(others or {})}

    def box(self, leaf: Leaf) -> Box:
        """The box of a leaf, its sides on the grid."""
        low, high = self.grid.box(leaf)
        unit = 1 << self.grid.bits
        return Box([Fraction(n, unit) for n in low], [Fraction(n, unit) for n in high])


def bits_for(size: Fraction | None) -> int:
    """Fractional bits: 64 for numbers of the size 1, more for smaller ones."""
    if not size:
        return 2 * _BITS
    less = max(size.denominator.bit_length() - size.numerator.bit_length(), 0)
    return min(_BITS + -(-less // 32) * 32, _MOST_BITS)
