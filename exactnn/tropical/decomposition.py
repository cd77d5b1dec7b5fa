"""Why a tropical rational map has few terms: the proof that its decomposition is irreducible, or minimal.

The theory is in `_reduce`, which makes them; docs/theory.md 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

from flint import fmpq

from exactnn.errors import ArgumentError
from exactnn.exact.clock import Clock
from exactnn.tropical._complex import Complex
from exactnn.tropical._weights import Classes
from exactnn.tropical.origin import Row
from exactnn.value import Value

if TYPE_CHECKING:
    from exactnn.tropical.rational_map import TropicalRationalMap


@dataclass(frozen=True, repr=False)
class Decomposition(Value):
    """Why P - Q, for one output, has few terms: a point of a linear program with the proof that none is better, facet by facet.

    For weights w' of functions that are affine on the cells, with  lower <= w' <= upper,  lower = max(0, -jumps):

        sum of objective w' = sum of (y - u) w' >= sum of (y lower - u upper) = sum of (y - u) w = sum of objective w

    Attributes
    ----------
    kind : "irreducible" or "minimal"
    complex, output : the cells, and which of their functions f is
    jumps : the weights of f
    weights : w, those of Q
    upper : those of the denominator that was there before, than which Q has no more terms
    objective : positive numbers
    lower_multipliers, upper_multipliers : y >= 0, positive only where w = lower; u >= 0, positive only where w = upper
    """

    kind: str
    complex: Complex = field(repr=False)
    output: int
    jumps: tuple[Fraction, ...]
    weights: tuple[Fraction, ...]
    upper: tuple[Fraction, ...]
    objective: tuple[Fraction, ...]
    lower_multipliers: tuple[Fraction, ...]
    upper_multipliers: tuple[Fraction, ...]

    def _parts(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "complex"}

    def check(self) -> bool:
        """Repeat the proof exactly, from the complex: True, or AssertionError naming the step that fails."""
        _need(self.kind in ("irreducible", "minimal"), f"{self.kind!r} is no kind of decomposition")
        facets = len(self.complex.sides)
        parts = (self.jumps, self.weights, self.upper, self.objective, self.lower_multipliers, self.upper_multipliers)
        _need(all(len(part) == facets for part in parts), f"a number for each of {facets} facets is missing")
        f, scale = self.complex.outputs[0][self.output], self.complex.scales[0]
        _need(list(self.jumps) == [Fraction(w, scale) for w in self.complex.weights(f)], "the jumps are not those of f")
        lower = [max(Fraction(0), -w) for w in self.jumps]
        between = (least <= w <= most for least, w, most in zip(lower, self.weights, self.upper, strict=True))
        _need(all(between), "a weight is not between its bounds")
        for name, values in (("Q", self.weights), ("the old denominator", self.upper)):
            closes = all(closes_around(self.complex, way, values) for way in self.complex.rounds)
            _need(closes, f"the weights of {name} do not close around a ridge")
        if self.kind == "minimal":
            _need(list(self.weights) == lower, "a weight is above its lower bound")
            return True
        _need(min(self.objective) > 0, "the objective is not positive")
        for y, bounds in ((self.lower_multipliers, lower), (self.upper_multipliers, self.upper)):
            _need(min(y) >= 0, "a multiplier is negative")
            tight = [w == bound for w, bound in zip(self.weights, bounds, strict=True)]
            _need(all(t or not v for t, v in zip(tight, y, strict=True)), "a multiplier is positive where a bound is not reached")
        classes = Classes(self.complex, Clock())
        form = [fmpq(0)] * classes.count
        for k, c, least, most in zip(classes.of, self.objective, self.lower_multipliers, self.upper_multipliers, strict=True):
            rest = c - least + most
            form[k] += fmpq(rest.numerator, rest.denominator)
        _need(classes.vanishes(form), "the multipliers do not combine to the objective")
        return True

    def sides(self) -> tuple[list[Row], list[Row], int]:
        """P and Q on all cells, times a factor, and that factor.

        One affine function is added to both, so that the least exponents are 0, and the first term of Q is 0 at 0.
        """
        scale = self.complex.scales[0]
        common = lcm(scale, *(w.denominator for w in self.weights))
        f = self.complex.outputs[0][self.output]
        q = self.complex.function([int(w * common) for w in self.weights], len(f[0]))
        p = [tuple(common // scale * a + b for a, b in zip(u, v, strict=True)) for u, v in zip(f, q, strict=True)]
        *least, _ = (min(column) for column in zip(*p, *q, strict=True))
        shift = (*least, min(q)[-1])
        p, q = ([tuple(a - s for a, s in zip(row, shift, strict=True)) for row in rows] for rows in (p, q))
        return p, q, common


def check_map(F: TropicalRationalMap) -> bool:
    """What `TropicalRationalMap.check` does."""
    if len(F.proofs) != F.output_dim:
        raise ArgumentError("check: a map that `reduce` made is needed; this one carries no proofs")
    for j, proof in enumerate(F.proofs):
        _need(proof.output == j, f"the proof of output {j} is of output {proof.output}")
        proof.check()
        *sides, scale = proof.sides()
        for name, rows, polynomial in zip("PQ", sides, (F.numerators[j], F.denominators[j]), strict=True):
            terms = {(*exponents, constant) for exponents, constant in polynomial.terms.items()}
            _need({tuple(Fraction(v, scale) for v in row) for row in set(rows)} == terms, f"the terms of {name}, output {j}, are others")
    return True


def closes_around(complex_: Complex, way: Sequence[tuple[int, int]], weights: Sequence[int] | Sequence[Fraction]) -> bool:
    """Whether the weights belong to a function around a ridge."""
    width = len(complex_.forms[way[0][0]])
    return all(sum(sign * weights[f] * complex_.forms[f][i] for f, sign in way) == 0 for i in range(width))


def _need(holds: bool, reason: str) -> None:
    if not holds:
        raise AssertionError(f"the proof of a decomposition does not check: {reason}")
