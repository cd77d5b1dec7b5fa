"""Equations about a network and its data, decided with a certificate: what an identity is once network, data and parameters are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from exactnn.claims import Certificate, IdentityClaim
from exactnn.cooling._identity_balls import Balls
from exactnn.cooling._identity_enclosed import Memory, enclosing
from exactnn.cooling._identity_expressions import Equation, Expression
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.enclosure import written
from exactnn.exact.numbers import Number, approximately, as_fraction
from exactnn.network import Network
from exactnn.value import Value
from exactnn.verdict import Verdict

#: how far apart two sides may be where they are enclosed, unless something else is asked for
PRECISION = Fraction(1, 10**60)
_MOST_BITS, _SPARE = 4096, 128


@dataclass(frozen=True, eq=False, repr=False)
class Formula(Value):
    """Equations between expressions in the weights, gradients and values of f (and g) at data points.

    A formula says what is compared, whether it is true or not: change its equations (`dataclasses.replace`) and `check` refutes what is
    wrong.

    Attributes
    ----------
    title : the identity in words
    networks : "f", and "g" where an equation has it
    points : (n, d)
    definitions : pairs of a name and an expression
    equations : left, "=" or "<=", right, words
    """

    title: str
    networks: Mapping[str, Network]
    points: RationalArray
    definitions: tuple[tuple[str, Expression], ...]
    equations: tuple[Equation, ...]

    def _summary(self) -> str:
        return f"{self.title}: {len(self.equations)} equations at {len(self.points)} points"

    def _rows(self) -> list[tuple[str, str]]:
        networks = [(name, repr(net)) for name, net in self.networks.items()]
        return [*networks, *((f"equation {i}", e.words) for i, e in enumerate(self.equations))]

    def check(self, precision: Number | None = None, *, memory: Memory | None = None) -> Verdict:
        """Whether all equations hold: exactly where everything is rational, else within `precision` (1e-60 unless given) by balls.

        Inequalities alone may be asked for with `precision` 0.

        Returns
        -------
        Verdict
            Proved, or refuted with the equation that fails; unknown where balls stay too wide, or the checker's work would be too much.
        """
        clock, shared = Clock(), memory or Memory()
        tolerance = PRECISION if precision is None else as_fraction(precision, "precision")
        if tolerance < 0 or (not tolerance and any(e.relation == "=" for e in self.equations)):
            raise ArgumentError(f"precision: a positive number is needed, got {precision!r}; exact sides are compared exactly in any case")
        bits, wrong = 64, None
        while True:
            evaluator = enclosing(self.networks, self.points, self.definitions, bits, shared)
            sides = [(evaluator.value(e.left), evaluator.value(e.right)) for e in self.equations]
            exact = all(side.radius is None for pair in sides for side in pair)
            claim = self._claim(Fraction(0) if exact else tolerance)
            gaps = [left - right for left, right in sides]
            if exact or bits > 64:  # balls are decided with bits to spare, since the checker's intervals are wider
                entries = (_fails(gap, e, claim.tolerance) for gap, e in zip(gaps, self.equations, strict=True))
                wrong = next(((i, entry) for i, entry in enumerate(entries) if entry is not None), None)
                if wrong is not None or all(_holds(gap, e, claim.tolerance) for gap, e in zip(gaps, self.equations, strict=True)):
                    break
            bits = max(2 * bits, _SPARE + tolerance.denominator.bit_length() - tolerance.numerator.bit_length())
            if 2 * bits > _MOST_BITS:
                wide = max(max(gap.radii().to_fractions()) for gap in gaps)
                return Verdict("unknown", claim.describe(), f"with {bits // 2} bits the balls have a radius of {approximately(wide)} still")
        work = evaluator.work // (1 + bits // 64)
        if not exact:
            bits += _SPARE
        work *= 1 + bits // 64
        if work > IdentityClaim.WORK:
            found = "all hold" if wrong is None else f"equation {wrong[0]} fails"
            more = f"but the checker stops at {IdentityClaim.WORK} products, which that exceeds; ask about fewer points at a time"
            return Verdict("unknown", claim.describe(), f"{found}, {more}")
        if wrong is None:
            how = "both sides are the same rational numbers" if exact else f"the enclosures of both sides meet, with {bits} bits"
            evidence = {"method": "sides", "bits": bits}
            return Verdict("proved", claim.describe(), how, Certificate(claim, "proved", evidence, clock))
        i, entry = wrong
        evidence = {"method": "sides", "bits": bits, "equation": i, "entry": entry}
        reason = f"equation {i} ({self.equations[i].words}) fails at entry {entry}: {_texts(sides[i], entry)}"
        return Verdict("refuted", claim.describe(), reason, Certificate(claim, "refuted", evidence, clock))

    def _claim(self, tolerance: Fraction) -> IdentityClaim:
        triples = tuple((e.left, e.relation, e.right) for e in self.equations)
        return IdentityClaim(self.networks, self.points, self.definitions, triples, tolerance, self.title)


def _holds(gap: Balls, equation: Equation, tolerance: Fraction) -> bool:
    """Whether left - right is small enough (for "<=": not too large) in all entries."""
    low, high = gap.ends()
    inside = (high - tolerance).sign().max() <= 0
    return bool(inside and (equation.relation == "<=" or (low + tolerance).sign().min() >= 0))


def _fails(gap: Balls, equation: Equation, tolerance: Fraction) -> int | None:
    """The first entry in which it is certainly too large."""
    low, high = gap.ends()
    bad = (low - tolerance).sign() > 0
    if equation.relation == "=":
        bad = bad | ((high + tolerance).sign() < 0)
    flat = bad.reshape(-1)
    return int(flat.argmax()) if flat.any() else None


def _texts(sides: tuple[Balls, Balls], entry: int) -> str:
    shape = (sides[0] - sides[1]).shape
    texts = []
    for side in sides:
        spread = side + Balls(RationalArray.zeros(shape))
        low, high = (end.reshape(-1)[entry].item() for end in spread.ends())
        texts.append(written(low, high))
    return f"{texts[0]} on the left, {texts[1]} on the right"
