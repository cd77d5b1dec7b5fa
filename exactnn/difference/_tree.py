"""What trees of boxes have in common: their bound, and the evidence that they write."""

from __future__ import annotations

from abc import ABC
from fractions import Fraction
from typing import Any

import numpy as np

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
        return self.boxes.above(self.threshold(tolerance))

    def threshold(self, tolerance: Fraction) -> float:
        """Boxes whose bound does not exceed it are within the tolerance, for the checker too."""
        return self.question.threshold(tolerance, self.rounding)

    @property
    def rounding(self) -> float:
        """By how much the checker's bounds may be off."""
        return 0.0

    @property
    def upper(self) -> Fraction:
        """No size on the domain exceeds it, as the evidence proves."""
        return self.proved(self.boxes.bound)

    def proved(self, bound: float) -> Fraction:
        """What the checker proves where this bound was found."""
        return Fraction(bound) * (1 + Fraction(MARGIN) * 2) + Fraction(self.rounding if bound else 0)

    def evidence(self, others: dict[int, list[Any]] | None = None) -> dict[str, Any]:
        """As docs/certificate-format.md writes it; `others`: nodes that stand for leaves proved another way."""
        proofs = {"box": self.around.proofs} if self.around.proofs else {}
        return {"method": "boxes", "bits": self.grid.bits, **proofs, "tree": self.boxes.written(others or {})}

    def box(self, leaf: Leaf) -> Box:
        """The box of a leaf, its sides on the grid."""
        low, high = self.grid.box(leaf)
        unit = 1 << self.grid.bits
        return Box([Fraction(n, unit) for n in low], [Fraction(n, unit) for n in high])


def bits_for(size: Fraction | None, rounding: float = 0.0) -> int:
    """Fractional bits: 64 for numbers of the size 1, more for smaller ones; so many that `rounding` units are little beside the size."""
    less = size.denominator.bit_length() - size.numerator.bit_length() if size else _BITS
    need = max(_BITS + max(less, 0), int(np.frexp(rounding / MARGIN)[1]) + 4 + (less if size else 0))
    return min(-(-need // 32) * 32, _MOST_BITS)
