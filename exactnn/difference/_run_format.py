"""Float formats as the pass over a run needs them: u, lambda, the largest number, gamma_n, and what rounding a number to them costs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.rounding import FORMATS

#: the formats of a run; float16 is not offered, since flushing to its smallest normal number 2^-14 leaves no useful bound
DTYPES = ("float32", "float64", "bfloat16")
#: the wider formats in which sums may be known to be taken: twice as many bits, so that products are exact there
WIDER = {"bfloat16": "float32", "float32": "float64"}


@dataclass(frozen=True)
class Format:
    """A float format: unit roundoff u = 2^-bits, smallest normal number lambda, largest number."""

    name: str
    bits: int
    least: int
    most: int
    #: bits of the format in which sums are taken; None where that is this one, or not known
    wide: int | None = None

    @classmethod
    def of(cls, name: object, accumulation: object = None) -> Format:
        """The format of this name, and that of its sums; ArgumentError for others."""
        if not isinstance(name, str) or name not in DTYPES:
            raise ArgumentError(f"dtype: 'float32', 'float64' or 'bfloat16' is needed, got {name!r}")
        if accumulation is not None and accumulation != WIDER.get(name):
            allowed = f"None or {WIDER[name]!r}" if name in WIDER else "None"
            raise ArgumentError(f"accumulation: {allowed} is needed for dtype {name!r}, got {accumulation!r}")
        return cls(name, *FORMATS[name], None if accumulation is None else FORMATS[WIDER[name]][0])

    @property
    def unit(self) -> Fraction:
        """u, the relative error of one rounding to the nearest."""
        return Fraction(1, 1 << self.bits)

    @property
    def smallest(self) -> Fraction:
        """lambda, the smallest normal number: what a result below it can lose where subnormal numbers are flushed to zero."""
        return Fraction(2) ** self.least

    @property
    def largest(self) -> Fraction:
        """The largest number."""
        return (2 - 2 * self.unit) * Fraction(2) ** self.most

    def gamma(self, roundings: int, node: str) -> Fraction:
        """n u / (1 - n u); ArgumentError naming the node where that is no bound."""
        return self._gamma(roundings, self.bits, node)

    def gamma_of_sum(self, roundings: int, behind: int, node: str) -> Fraction:
        """The same for a sum with so many roundings, `behind` of them behind it.

        (1 + gamma_n) (1 + gamma_{behind + 1}) - 1 where it is taken in a wider format, whose gamma the first one is; the 1 rounds the sum.
        """
        if self.wide is None:
            return self._gamma(roundings, self.bits, node)
        return (1 + self._gamma(roundings, self.wide, node)) * (1 + self.gamma(behind + 1, node)) - 1

    def _gamma(self, roundings: int, bits: int, node: str) -> Fraction:
        if roundings >= 1 << bits:
            raise ArgumentError(
                f"dtype: node {node!r} adds up to {roundings} roundings of 2^-{bits} in {self.name}, for which there is no bound "
                f"(fewer than {1 << bits} are needed); take a wider dtype, or a wider accumulation where the run has one"
            )
        return Fraction(roundings, (1 << bits) - roundings)

    def loss(self, value: Fraction, node: str) -> Fraction:
        """How far the number that a run has for `value` can be: 0 for normal numbers of the format, else 2 u |value| + lambda."""
        size = abs(value)
        if size > self.largest:
            raise ArgumentError(f"dtype: node {node!r} holds a number beyond the largest one of {self.name}; take a wider dtype")
        p, q = size.numerator, size.denominator
        if not p or (q & (q - 1) == 0 and size >= self.smallest and (p // (p & -p)).bit_length() <= self.bits):
            return Fraction(0)
        return 2 * self.unit * size + self.smallest

    def losses(self, array: RationalArray, node: str) -> RationalArray | None:
        """The losses of all entries; None where all are 0."""
        found = self._losses(array, node)
        return None if all(q == 0 for q in found) else RationalArray.from_fractions(found, array.shape)

    def _losses(self, array: RationalArray, node: str) -> list[Fraction]:
        bottom, flat = array.denominator, array.numerators.ravel().tolist()
        if bottom & (bottom - 1) == 0:  # most arrays hold floats: integers alone decide that nothing is lost
            least, largest = math.ceil(self.smallest * bottom), math.floor(self.largest * bottom)
            if all(_normal(abs(n), self.bits, least, largest) for n in set(flat)):
                return [Fraction(0)] * len(flat)
        known: dict[int, Fraction] = {n: self.loss(Fraction(n, bottom), node) for n in set(flat)}
        return [known[n] for n in flat]


def _normal(n: int, bits: int, least: int, largest: int) -> bool:
    return n == 0 or (least <= n <= largest and (n // (n & -n)).bit_length() <= bits)


def largest_of(values: Iterable[Fraction]) -> Fraction:
    """The largest of some numbers >= 0, 0 for none."""
    return max(values, default=Fraction(0))
