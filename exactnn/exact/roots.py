"""Certified roots of polynomials over Q: isolating rational intervals and discs, at any precision.

Real roots are isolated by Descartes' rule of signs and refined by secants, all signs exact; rational roots become points. FLINT's
`complex_roots` encloses the others in disjoint balls. Roots of different multiplicity are told apart by more bits where that is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from operator import ne
from typing import Any

from flint import arb, ctx, fmpq, fmpq_poly, fmpz, fmpz_poly

from exactnn.exact.enclosure import Enclosure, written
from exactnn.exact.numbers import fraction
from exactnn.exact.polynomials import dyadic
from exactnn.value import Value

_START = 64  # bits
_GUARD = 256  # bits of the balls that decide most signs
_ONE_MORE, _OPPOSITE = fmpz_poly([1, 1]), fmpz_poly([0, -1])  # x + 1, -x

#: p/q as a pair of integers (p, q); (1, 0) and (-1, 0) are infinite.
_End = tuple[int, int]


@dataclass(frozen=True, repr=False)
class RealRoot(Value):
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

    def _summary(self) -> str:
        return f"{self}{_times(self.multiplicity)}"


@dataclass(frozen=True, repr=False)
class ComplexRoot(Value):
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

    def _summary(self) -> str:
        return f"{self}{_times(self.multiplicity)}"


def _times(multiplicity: int) -> str:
    return "" if multiplicity == 1 else f", multiplicity={multiplicity}"


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
    found.sort(key=lambda root: root.lower)
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


def has_real_zero(p: fmpq_poly) -> bool:
    """Whether p(t) = 0 for some real t; without its approximation.

    Examples
    --------
    >>> has_real_zero(fmpq_poly([1, 0, 1])), has_real_zero(fmpq_poly([-2, 0, 1])), has_real_zero(fmpq_poly([0]))
    (False, True, True)
    """
    return not p or any(q.degree() % 2 or any(_isolated(q)) for q, _ in _square_free(p))


def _square_free(p: fmpq_poly) -> list[tuple[fmpz_poly, int]]:
    return [(q, int(k)) for q, k in fmpz_poly(p.numer()).factor_squarefree()[1] if q.degree() > 0]


def _real(q: fmpz_poly, multiplicity: int, width: Fraction | None) -> list[RealRoot]:
    """The real roots of a squarefree polynomial, each in an interval of its own; two intervals may have an end in common."""
    if q.degree() == 1:
        only = Fraction(-int(q[0]), int(q[1]))
        return [RealRoot(only, only, multiplicity)]
    points, intervals = _isolated(q)
    for root in points:
        q = q // fmpz_poly([-root.p, root.q])
    found = [(fraction(root),) * 2 for root in points] + [_refined(q, *ends, width) for ends in intervals]
    return [RealRoot(lower, upper, multiplicity) for lower, upper in found]


def _isolated(q: fmpz_poly) -> tuple[list[fmpq], list[tuple[_End, _End]]]:
    """All real roots of a squarefree polynomial q: rational ones, and open intervals with one each, whose ends are none of the others.

    A polynomial with no sign change among its coefficients has no positive root, with one it has one (Descartes). The part of the line
    between u = b/d and v = a/c is t > 0 under x = (a t + b)/(c t + d), and where p(t) has more changes it is cut at t = s, into
    t = s (1 + t') and t = s/(1 + t'). Here s = 2^k is about the geometric mean |p_0/p_n|^(1/n) of the moduli of all roots of p, so that
    a cluster at an end is found in few steps. This comes to an end: if nested parts did not shrink to a point, p would converge (with
    the right scale of t), and s would stay away from both ends; and a small enough part has at most one change (Vincent; N. Obreshkoff,
    Zeros of polynomials, 2003).
    """
    points: list[fmpq] = []
    intervals: list[tuple[_End, _End]] = []
    waiting: list[tuple[fmpz_poly, _End, _End]] = [(q, (0, 1), (1, 0)), (q(_OPPOSITE), (0, 1), (-1, 0))]
    while waiting:
        p, u, v = waiting.pop()
        c = list(p)
        if not c[0]:
            if fmpq(*u) not in points:
                points.append(fmpq(*u))
            del c[0]
        signs = [x > 0 for x in c if x]
        changes = sum(map(ne, signs, signs[1:]))
        if changes == 1:
            intervals.append((u, v))
        elif changes:
            k = int((c[0].bit_length() - c[-1].bit_length()) / (len(c) - 1))
            if k > 0:
                c, v = [x << k * i for i, x in enumerate(c)], (v[0] << k, v[1] << k)
            elif k < 0:
                c, u = [x << -k * i for i, x in enumerate(reversed(c))][::-1], (u[0] << -k, u[1] << -k)
            middle = (u[0] + v[0], u[1] + v[1])
            waiting += [(fmpz_poly(c)(_ONE_MORE), middle, v), (fmpz_poly(c[::-1])(_ONE_MORE), middle, u)]
    return points, intervals


def _refined(q: fmpz_poly, u: _End, v: _End, width: Fraction | None) -> tuple[Fraction, Fraction]:
    """A small dyadic interval around the only root of q between u and v, a simple one; the root twice, if it is rational.

    Quadratic interval refinement (J. Abbott, ACM Communications in Computer Algebra 48, 2014): on a grid, signs are taken at the point
    nearest to the zero of the secant and at its neighbour. If the root is between them, the next grid has the square of the number of
    cells, else its square root. A rational root is an integer over the leading coefficient, for which an interval shorter than one over
    that leaves one candidate; until it is found there, the value 0 counts as negative.
    """
    lead, exact = abs(q[q.degree()]), fmpq_poly(q)
    bound = 1 << int(q.height_bits() - lead.bit_length() + 2)  # more than 1 + max |q_i/q_n|, and so than any root
    (a, b), (c, d) = (end if end[1] else (end[0] * bound, 1) for end in (u, v))
    if a * d > b * c:
        a, b, c, d = c, d, a, b
    scale = b.bit_length() + d.bit_length() + 2  # the numbers lower, upper, x stand for lower/2^scale, ...

    def value(x: fmpz) -> arb:
        """q(x/2^scale), at least its sign."""
        ball = q(arb(x) * unit)
        return arb(exact(fmpq(x, one))) if 0 in ball else ball

    with ctx.workprec(_GUARD + 2 * int(lead.bit_length()) + (2 * width.denominator.bit_length() if width else 0)):
        while True:
            lower, upper, one, unit = fmpz(-(-(a << scale) // b)), fmpz((c << scale) // d), fmpz(1) << scale, arb(2) ** -scale
            low, high = value(lower), value(upper)
            if (low > 0) is not (high > 0):
                break
            scale *= 2
        bits, tested = 2, False
        while True:
            size = upper - lower
            if not tested and size * lead < one:
                tested, candidate = True, upper * lead // one
                if candidate * one >= lower * lead and not exact(fmpq(candidate, lead)):
                    return (Fraction(int(candidate), int(lead)),) * 2
            if tested and size << _START <= min(abs(lower), abs(upper)):
                ends = Fraction(int(lower), 1 << scale), Fraction(int(upper), 1 << scale)
                if width is None or ends[1] - ends[0] <= width:
                    return ends
            more = bits + 1 - int(size.bit_length())
            if more > 0:
                lower, upper, size, one, scale = lower << more, upper << more, size << more, one << more, scale + more
                unit = arb(2) ** -scale
            cell = fmpz(1) << max(-more, 0)  # size/2^bits, or up to 2 times smaller
            zero = (2 * size * low / (low - high)).mid().floor().fmpz()
            x = lower + cell * max(min((zero + cell) // (2 * cell), (size - 1) // cell), fmpz(1))
            for _ in range(2):
                here = value(x)
                if (here > 0) is (low > 0):
                    lower, low, x = x, here, x + cell
                else:
                    upper, high, x = x, here, x - cell
                if not lower < x < upper:
                    break
            bits = 2 * bits if upper - lower <= cell else max(bits // 2, 2)


def _complex(q: fmpz_poly, multiplicity: int, width: Fraction | None) -> tuple[list[ComplexRoot], list[ComplexRoot]]:
    real = [ComplexRoot(r.midpoint, Fraction(0), r.width / 2, multiplicity) for r in _real(q, multiplicity, width)]
    if len(real) == q.degree():
        return real, []
    bits = _START
    while True:
        with ctx.workprec(bits):
            roots: Any = q.complex_roots()
            balls = [z for z, _ in roots if z.imag > 0]  # each ball lies above the real line, and so do half the roots
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
