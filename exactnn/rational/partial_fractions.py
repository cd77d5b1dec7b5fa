"""Partial fractions: over Q exactly, by the extended Euclidean algorithm modulo each factor; over R in certified intervals.

    P/Q = polynomial + sum_i sum_{j=1..k_i} n_ij / q_i^j,   Q = lead * prod_i q_i^{k_i},   deg n_ij < deg q_i,

uniquely. n_i = P (Q/q_i^{k_i})^-1 modulo q_i^{k_i}, written in base q_i, has the digits n_ij.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from flint import acb, arb, ctx, fmpq_poly

from exactnn.errors import ArgumentError
from exactnn.exact import polynomials as poly
from exactnn.exact.enclosure import Enclosure
from exactnn.exact.numbers import Number, as_fraction, rational, shown
from exactnn.exact.roots import ComplexRoot, complex_roots
from exactnn.texts import fitted
from exactnn.value import FORMULA, Value

if TYPE_CHECKING:
    from exactnn.rational.function import RationalFunction


@dataclass(frozen=True, repr=False)
class Part(Value):
    """numerator / factor^power, with a monic factor; coefficients with the constant term first."""

    numerator: tuple[Fraction, ...]
    factor: tuple[Fraction, ...]
    power: int

    def __str__(self) -> str:
        text = f"({poly.text(self.numerator)}) / ({poly.text(self.factor)})"
        return fitted(text, FORMULA) + (f"^{self.power}" if self.power > 1 else "")


@dataclass(frozen=True, repr=False)
class PartialFractions(Value):
    """polynomial + the sum of the parts, exactly.

    Examples
    --------
    >>> from exactnn.rational import RationalFunction
    >>> r = RationalFunction([0, 0, 0, 1], [1, 0, 1])
    >>> print(r.partial_fractions())
    x + (-x) / (x^2 + 1)
    >>> r.partial_fractions().reassemble() == r
    True
    """

    polynomial: tuple[Fraction, ...]
    parts: tuple[Part, ...]

    def reassemble(self) -> RationalFunction:
        """The function again, over the common denominator."""
        from exactnn.rational.function import RationalFunction

        grouped: dict[tuple[Fraction, ...], list[Part]] = {}
        for part in self.parts:
            grouped.setdefault(part.factor, []).append(part)
        quotients = [(poly.from_fractions(self.polynomial), fmpq_poly([1]))]
        for factor, parts in grouped.items():
            q, most = poly.from_fractions(factor), max(part.power for part in parts)
            top = sum((poly.from_fractions(part.numerator) * q ** (most - part.power) for part in parts), fmpq_poly([0]))
            quotients.append((top, q**most))
        return RationalFunction(*poly.quotient_sum(quotients))

    def __str__(self) -> str:
        head = [poly.text(self.polynomial)] if any(self.polynomial) or not self.parts else []
        return fitted(" + ".join(head + [str(part) for part in self.parts]), FORMULA)


@dataclass(frozen=True, repr=False)
class RealPart(Value):
    """numerator / factor^power; the factor is x - t for a real pole t, or x^2 - 2 Re(z) x + |z|^2 for a pair of poles z and its conjugate.

    `pole` is t or z (Im z > 0); the discs of different parts' poles do not meet.
    """

    numerator: tuple[Enclosure, ...]
    factor: tuple[Enclosure, ...]
    power: int
    pole: ComplexRoot


@dataclass(frozen=True, repr=False)
class RealPartialFractions(Value):
    """polynomial + the sum of the parts over the reals, each coefficient in an interval of rationals.

    Examples
    --------
    >>> from exactnn.rational import RationalFunction
    >>> split = RationalFunction([1], [1, 0, 0, 0, 1]).real_partial_fractions()     # 1/(x^4 + 1)
    >>> for part in split.parts:
    ...     print([f"{float(c):.6f}" for c in part.numerator], [f"{float(c):.6f}" for c in part.factor])
    ['0.500000', '0.353553'] ['1.000000', '1.414214', '1.000000']
    ['0.500000', '-0.353553'] ['1.000000', '-1.414214', '1.000000']
    """

    polynomial: tuple[Fraction, ...]
    parts: tuple[RealPart, ...]

    def value(self, x: Number) -> Enclosure:
        """An interval that contains the sum at x; without bounds where a factor may be 0."""
        at = as_fraction(x, "x")
        sides = [side for part in self.parts for e in (*part.numerator, *part.factor) for side in e]
        with ctx.workprec(128 + max((end.denominator.bit_length() for end in sides if isinstance(end, Fraction)), default=0)):
            total = arb(poly.value(poly.from_fractions(self.polynomial), rational(at)))
            for part in self.parts:
                top, bottom = (_enclosed_value(side, at) for side in (part.numerator, part.factor))
                for _ in range(part.power):  # no power: it is NaN for a ball around 0 whose middle is 0
                    top /= bottom
                total += top
            return _enclosures([total])[0]


def over_q(top: fmpq_poly, bottom: fmpq_poly, *, irreducible: bool = True) -> PartialFractions:
    """Partial fractions of top/bottom, coprime."""
    whole, rest = divmod(top, bottom)
    parts = []
    for factor, power in sorted(poly.factors(bottom, irreducible=irreducible), key=lambda f: (f[0].degree(), poly.fractions(f[0]))):
        block = factor**power
        others = bottom // block
        _, inverse, _ = (others % block).xgcd(block)
        digits = (rest % block) * inverse % block
        for j in range(power, 0, -1):
            digits, digit = divmod(digits, factor)
            if digit:
                parts.append(Part(poly.fractions(digit), poly.fractions(factor), j))
    return PartialFractions(poly.fractions(whole), tuple(sorted(parts, key=lambda p: (len(p.factor), p.factor, p.power))))


def over_r(top: fmpq_poly, bottom: fmpq_poly, bits: int) -> RealPartialFractions:
    """Partial fractions over R; all intervals are at most 2^-bits wide."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 2**16:
        raise ArgumentError(f"bits: an integer from 1 to {2**16} is needed, got {shown(bits)}")
    whole, rest = divmod(top, bottom)
    square_free: dict[int, fmpq_poly] = {}
    for q, k in poly.factors(bottom, irreducible=False):
        square_free[k] = square_free.get(k, fmpq_poly([1])) * q
    limit, precision = Fraction(1, 2**bits), 2 * bits + 64
    while True:
        parts: list[RealPart] = []
        roots = [z for z in complex_roots(bottom, Fraction(1, 2**precision)) if z.imag >= 0]
        with ctx.workprec(precision + 64):
            for z in roots:
                q = square_free[z.multiplicity]
                parts.extend(_parts(rest, q, bottom // q**z.multiplicity, z))
        if all(e.is_finite and e.width <= limit for part in parts for e in (*part.numerator, *part.factor)):
            return RealPartialFractions(poly.fractions(whole), tuple(parts))
        precision *= 2


def _parts(top: fmpq_poly, q: fmpq_poly, others: fmpq_poly, z: ComplexRoot) -> list[RealPart]:
    """The parts of top / (q^k others) at the root z of q and its conjugate, k the multiplicity."""
    k = z.multiplicity
    at = _ball_of(z)
    about = _taylor(q, at, k + 1)[1:]  # q(z + t)/t
    bottom = _taylor(others, at, k)
    for _ in range(k):
        bottom = _product(bottom, about)
    laurent = _quotient(_taylor(top, at, k), bottom)  # top / (..) = sum laurent[i] t^(i - k) + ...
    parts = []
    if z.is_real:
        factor = tuple(_enclosures([-at.real, arb(1)]))
        for j in range(k, 0, -1):
            parts.append(RealPart(tuple(_enclosures([laurent[k - j].real])), factor, j, z))
        return parts[::-1]
    # sum_j 2 Re(laurent_j (x - conj z)^j) / quad^j = digits in base quad
    quad = [at.real * at.real + at.imag * at.imag, -2 * at.real, arb(1)]  # the power 2 of a ball whose middle is 0 is NaN
    conjugate = [-acb(at.real, -at.imag), acb(1)]
    total = [arb(0)]
    for j in range(k, 0, -1):
        power = [acb(1)]
        for _ in range(j):
            power = _times(power, conjugate)
        term = [2 * (laurent[k - j] * c).real for c in power]
        for _ in range(k - j):
            term = _times(term, quad)
        total = [a + b for a, b in _padded(total, term)]
    for j in range(k, 0, -1):
        total, digit = _divided(total, quad)
        parts.append(RealPart(tuple(_enclosures((digit + [arb(0)] * 2)[:2])), tuple(_enclosures(quad)), j, z))
    return parts[::-1]


def _ball_of(z: ComplexRoot) -> acb:
    real = poly.hull(z.real - z.radius, z.real + z.radius)
    return acb(real, arb(0) if z.is_real else poly.hull(z.imag - z.radius, z.imag + z.radius))


def _taylor(p: fmpq_poly, at: acb, length: int) -> list[acb]:
    """Balls around the first coefficients of p(at + t)."""
    found, factorial = [], 1
    for i in range(length):
        factorial *= max(i, 1)
        found.append(poly.ball_value(p, at) / factorial)
        p = p.derivative()
    return found


def _product(a: list[acb], b: list[acb]) -> list[acb]:
    """The product of two power series, as long as the first one."""
    return [sum((a[j] * b[i - j] for j in range(i + 1) if i - j < len(b)), acb(0)) for i in range(len(a))]


def _quotient(a: list[acb], b: list[acb]) -> list[acb]:
    found: list[acb] = []
    for i in range(len(a)):
        found.append((a[i] - sum((found[j] * b[i - j] for j in range(i)), acb(0))) / b[0])
    return found


def _times(a: list[poly.Ball], b: list[poly.Ball]) -> list[poly.Ball]:
    found = [a[0] * 0] * (len(a) + len(b) - 1)
    for i, s in enumerate(a):
        for j, t in enumerate(b):
            found[i + j] += s * t
    return found


def _padded(a: list[arb], b: list[arb]) -> list[tuple[arb, arb]]:
    size = max(len(a), len(b))
    return list(zip(a + [arb(0)] * (size - len(a)), b + [arb(0)] * (size - len(b)), strict=True))


def _divided(a: list[arb], quad: list[arb]) -> tuple[list[arb], list[arb]]:
    """Quotient and remainder for the monic quadratic."""
    rest, quotient = list(a), []
    while len(rest) > 2:
        c = rest.pop()
        quotient.append(c)
        rest[-1] -= c * quad[1]
        rest[-2] -= c * quad[0]
    return quotient[::-1] or [arb(0)], rest


def _enclosures(values: Sequence[arb]) -> list[Enclosure]:
    return [Enclosure(*poly.ends(v)) if v.is_finite() else Enclosure(-float("inf"), float("inf")) for v in values]


def _enclosed_value(coefficients: Sequence[Enclosure], x: Fraction) -> arb:
    total = arb(0)
    for c in reversed(coefficients):
        lower, upper = c
        assert isinstance(lower, Fraction)
        assert isinstance(upper, Fraction)
        total = total * poly.ball(x) + poly.hull(lower, upper)
    return total
