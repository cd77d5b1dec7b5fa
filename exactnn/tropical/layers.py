"""Affine layers of a network as pairs of matrices with a row (bias, exponents) for each term: how TropEx begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.numbers import Number, shown
from exactnn.tropical._arguments import point_of
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap
from exactnn.value import Value


@dataclass(frozen=True, repr=False)
class LayerMatrices(Value):
    """An affine layer as a tropical rational map in matrices, a row (bias, exponents) for each term:

        (W x + b)_i = positive_i . (1, x) - negative . (1, x),     positive, negative >= 0

    with one shared denominator: negative = sum_i max(-(b, W)_i, 0), positive_i = (b, W)_i + negative.

    Attributes
    ----------
    positive : (m, 1 + d), the term of each numerator
    negative : (1, 1 + d), the term of the denominator

    Examples
    --------
    >>> layer = LayerMatrices.of([[1, -2], [0, 1]], [3, -1])
    >>> layer.positive.to_rows() == ((4, 1, 0), (0, 0, 3)), layer.negative.to_rows() == ((1, 0, 2),)
    (True, True)
    >>> layer.to_map()((1, 1)) == (2, 0)
    True
    """

    positive: RationalArray
    negative: RationalArray

    @classmethod
    def of(cls, W: Any, b: Any = None) -> LayerMatrices:
        """The matrices of x -> W x + b."""
        return cls.of_map(TropicalRationalMap.affine(W, b))

    @classmethod
    def of_map(cls, F: TropicalRationalMap) -> LayerMatrices:
        """The matrices of a map with one term in each numerator and the same single term in all denominators."""
        if not isinstance(F, TropicalRationalMap):
            raise ArgumentError(f"F: a TropicalRationalMap is needed, got {shown(F)}")
        if any(len(p) != 1 for p in (*F.numerators, *F.denominators)) or len(set(F.denominators)) != 1:
            raise ArgumentError(
                "F: a map with one term in each numerator and one denominator of one term is needed, got "
                f"{[len(p) for p in F.numerators]} and {[len(q) for q in F.denominators]} terms; F.tables has the matrices of any map"
            )
        return cls(concatenate([p.table for p in F.numerators]), F.denominators[0].table)

    def to_map(self) -> TropicalRationalMap:
        """The layer as a map."""
        bottom = TropicalPolynomial.from_table(self.negative)
        tops = tuple(TropicalPolynomial.from_table(self.positive[i : i + 1]) for i in range(len(self.positive)))
        return TropicalRationalMap(tops, (bottom,) * len(tops))

    def layer(self) -> tuple[RationalArray, RationalArray]:
        """(W, b) of the layer."""
        rows = self.positive - self.negative
        return rows[:, 1:], rows[:, 0]

    def __call__(self, x: Sequence[Number]) -> tuple[Fraction, ...]:
        W, b = self.layer()
        return (W @ point_of(x, W.shape[1], "input") + b).to_fractions()
