"""Certified roots of polynomials over Q: isolating rational intervals and discs, at any precision.

FLINT's `complex_roots` encloses the roots of a squarefree polynomial in disjoint balls and says which are real. Here they become
rationals, rational roots become points, and the roots of different multiplicity are told apart by more bits where that is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from flint import ctx, fmpq, fmpq_poly, fmpz_poly

from exactnn.rational._polynomials import dyadic, ends, value
from exactnn.rational.enclosure import Enclosure, written

_START = 64  # bits
_SMALL = 24  # degrees up to which counting real roots first takes less time than enclosing all roots


@dataclass(frozen=True)
class RealRoot:
    """A real number t, the only root of its polynomial in lower <= t <= upper; a rational root is a point, lower == upper == t.

    Examples
    --------
    >>> (root,) = real_roots(fmpq_poly([-2, 0, 0, 1]))
    >>> print(root, root.is_exact)
    1.25992104989 +- 4.9e-12 False
    """

    lower: Fraction
    upper: Fraction
    multiplicity: int = 1

    @property
    def is_exact(self) -> bool:
        """Whether the root is rational, so that both ends are the root."""
        return self.lower == self.upper

    @property
    def value(self) -> Fraction | None:
        """The root, if it is rational."""
        return self.lower if self.is_exact else None

    @property
    def width(self) -> Fraction:
        """upper - lower."""
        return self.upper - self.lower

    @property
    def midpoint(self) -> Fraction:
        """The middle of the interval."""
        return (self.lower + self.upper) / 2

    @property
    def enclosure(self) -> Enclosure:
        """The interval alone."""
        return Enclosure(self.lower, self.upper)

    def __iter__(self) -> Iterator[Fraction]:
        return iter((self.lower, self.upper))

    def __float__(self) -> float:
        return float(self.midpoint)

    def __str__(self) -> str:
        return written(self.lower, self.upper)


@dataclass(frozen=True)
class ComplexRoot:
    """A complex number z, the only root of its polynomial with |z - (real + i imag)| <= radius; with imag == 0, z itself is real."""

    real: Fraction
    imag: Fraction
    radius: Fraction
    multiplicity: int = 1

    @property
    def is_real(self) -> bool:
        """Whether the root is a real number; others have discs that do not meet the real line."""
        return self.imag == 0

    @property
    def imaginary_part(self) -> Enclosure:
        """Bounds of the imaginary part: exactly 0 for a real root, else of one sign."""
        return Enclosure(Fraction(0), Fraction(0)) if self.is_real else Enclosure(self.imag - self.radius, self.imag + self.radius)

    @property
    def real_part(self) -> Enclosure:
        """Bounds of the real part."""
        return Enclosure(self.real - self.radius, self.real + self.radius)

    def __complex__(self) -> complex:
        return complex(float(self.real), float(self.imag))

    def __str__(self) -> str:
        if self.is_real:
            return str(self.real_part)
        part = self.imaginary_part
        sign, size = ("-", Enclosure(-part.upper, -part.lower)) if self.imag < 0 else ("+", part)
        return f"({self.real_part}) {sign} i ({size})"


def real_roots(p: fmpq_poly, width: Fraction | None = None) -> list[RealRoot]:
    """All distinct real roots of p != 0 in increasing order, in disjoint intervals, of at most this width if one is given.

    Examples
    --------
    >>> [str(root) for root in real_roots(fmpq_poly([0, -1, 0, 4]))]
    ['-1/2', '0', '1/2']
    """
    found: list[RealRoot] = []
    for q, multiplicity in _square_free(p):
        found.extend(_real(q, multiplicity, width))
    found.sort(key=lambda root: root.midpoint)
    if any(a.upper >= b.lower for a, b in pairwise(found)):  # of different multiplicities
        return real_roots(p, min(root.width for root in found if not root.is_exact) / 2**20)
    return found


def complex_roots(p: fmpq_poly, width: Fraction | None = None) -> list[ComplexRoot]:
    """All distinct roots of p != 0 in disjoint discs, of at most this diameter; the real ones first, then conjugate pairs.

    Examples
    --------
    >>> [complex(root) for root in complex_roots(fmpq_poly([0, 4, 0, 1]))]
    [0j, 2j, -2j]
    """
    real: list[ComplexRoot] = []
    other: list[ComplexRoot] = []
    for q, multiplicity in _square_free(p):
        a, b = _complex(q, multiplicity, width)
        real, other = real + a, other + b
    found = sorted(real, key=lambda z: z.real) + sorted(other, key=lambda z: (z.real, abs(z.imag), -z.imag))
    if not _disjoint(found):
        return complex_roots(p, min(z.radius for z in found if z.radius) / 2**20)
    return found


def within(p: fmpq_poly, lower: Fraction | None, upper: Fraction | None, width: Fraction | None = None) -> list[RealRoot]:
    """The real roots in lower <= t <= upper (None: no bound), with intervals inside these bounds."""
    roots = real_roots(p, width)
    ends = [end for end in (lower, upper) if end is not None]
    while any(root.lower <= end <= root.upper and not root.is_exact for root in roots for end in ends):
        roots = real_roots(p, min(root.width for root in roots if not root.is_exact) / 2**20)
    return [r for r in roots if (lower is None or r.lower >= lower) and (upper is None or r.upper <= upper)]


def _square_free(p: fmpq_poly) -> list[tuple[fmpz_poly, int]]:
    return [(q, int(k)) for q, k in fmpz_poly(p.numer()).factor_squarefree()[1] if q.degree() > 0]


def _real(q: fmpz_poly, multiplicity: int, width: Fraction | None) -> list[RealRoot]:
    if q.degree() == 1:
        root = Fraction(-int(q[0]), int(q[1]))
        return [RealRoot(root, root, multiplicity)]
    if q.degree() <= _SMALL and not _count(q):
        return []
    lead, bits, exact = abs(int(q[q.degree()])), _START, fmpq_poly(q)
    while True:
        with ctx.workprec(bits):
            balls = [z.real for z in _balls(q) if z.imag == 0]
        intervals = [ends(x) for x in balls]
        if all((b - a) * lead < 1 for a, b in intervals):  # a rational root is an integer over the leading coefficient
            found = [_point(exact, lead, a, b) or (a, b) for a, b in intervals]
            if width is None or all(b - a <= width for a, b in found):
                return [RealRoot(a, b, multiplicity) for a, b in found]
        bits *= 2


def _count(q: fmpz_poly) -> int:
    """The number of real roots of a squarefree polynomial, by Sturm's theorem."""
    chain = [fmpq_poly(q), fmpq_poly(q.derivative())]
    while chain[-1].degree() > 0:
        rest = chain[-2] % chain[-1]
        chain.append(fmpq_poly(-rest.numer()))
    right = [p.coeffs()[-1] > 0 for p in chain if p]
    left = [sign is (p.degree() % 2 == 0) for p, sign in zip(chain, right, strict=False)]
    changes = [sum(a is not b for a, b in pairwise(signs)) for signs in (left, right)]
    return changes[0] - changes[1]


def _balls(q: fmpz_poly) -> list[Any]:
    """FLINT's enclosures of the roots, at the precision at hand; real roots have exactly the imaginary part 0."""
    pairs: Any = q.complex_roots()
    return [z for z, _ in pairs]


def _point(q: fmpq_poly, lead: int, lower: Fraction, upper: Fraction) -> tuple[Fraction, Fraction] | None:
    """The root twice, if the interval's root is rational."""
    top = (upper * lead).numerator // (upper * lead).denominator  # the only integer that is possible
    candidate = Fraction(top, lead)
    if candidate >= lower and not value(q, fmpq(candidate.numerator, candidate.denominator)):
        return candidate, candidate
    return None


def _complex(q: fmpz_poly, multiplicity: int, width: Fraction | None) -> tuple[list[ComplexRoot], list[ComplexRoot]]:
    real = [ComplexRoot(r.midpoint, Fraction(0), r.width / 2, multiplicity) for r in _real(q, multiplicity, width)]
    if len(real) == q.degree():
        return real, []
    bits = _START
    while True:
        with ctx.workprec(bits):
            balls = [z for z in _balls(q) if z.imag > 0]  # each ball lies above the real line, and so do half the roots
        found = [ComplexRoot(dyadic(z.real.mid()), dyadic(z.imag.mid()), dyadic(z.real.rad()) + dyadic(z.imag.rad())) for z in balls]
        small = all(z.radius < z.imag and (width is None or 2 * z.radius <= width) for z in found)
        if 2 * len(found) + len(real) == q.degree() and small:
            pairs = [(ComplexRoot(z.real, s * z.imag, z.radius, multiplicity)) for z in found for s in (1, -1)]
            if _disjoint(pairs):
                return real, pairs
        bits *= 2


def _disjoint(found: list[ComplexRoot]) -> bool:
    """Whether no two discs meet."""
    waiting: list[ComplexRoot] = []
    for z in sorted(found, key=lambda z: z.real - z.radius):
        waiting = [w for w in waiting if w.real + w.radius >= z.real - z.radius]
        if any((w.real - z.real) ** 2 + (w.imag - z.imag) ** 2 <= (w.radius + z.radius) ** 2 for w in waiting):
            return False
        waiting.append(z)
    return True
