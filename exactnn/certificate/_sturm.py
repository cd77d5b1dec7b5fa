"""The distinct real zeros of a polynomial with rational coefficients, counted by Descartes' rule of signs or by Sturm's theorem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from math import gcd, lcm

_PRIME = 2**61 - 1
_FEW, _MANY = 32, 256  # pieces before Sturm's theorem is used: of polynomials that may have multiple zeros, and of others


def integer_polynomial(polynomial: Sequence[Fraction]) -> list[int]:
    """A positive multiple with coprime integer coefficients and without leading zeros; [] for 0."""
    common = lcm(*(c.denominator for c in polynomial))
    return _reduced([c.numerator * (common // c.denominator) for c in polynomial])


def _reduced(polynomial: list[int]) -> list[int]:
    while polynomial and polynomial[-1] == 0:
        polynomial.pop()
    content = gcd(*polynomial)
    return [c // content for c in polynomial] if content > 1 else polynomial


def _remainder(dividend: list[int], divisor: list[int]) -> list[int]:
    """A positive multiple of the remainder."""
    rest, lead = list(dividend), divisor[-1]
    while len(rest) >= len(divisor):
        shift, top = len(rest) - len(divisor), rest.pop()
        factor = gcd(top, lead)
        size, top = abs(lead) // factor, (top if lead > 0 else -top) // factor
        rest = [size * c for c in rest]
        for i, c in enumerate(divisor[:-1]):
            rest[shift + i] -= top * c
    return _reduced(rest)


def cancelled(numerator: Sequence[Fraction], denominator: Sequence[Fraction]) -> list[Fraction]:
    """A multiple of the denominator, not 0, divided by its greatest common divisor with the numerator."""
    bottom, top = integer_polynomial(denominator), integer_polynomial(numerator)
    if _seen_coprime(bottom, top):
        return [Fraction(c) for c in bottom]
    common, following = bottom, top
    while following:
        common, following = following, _remainder(common, following)
    quotient: list[Fraction] = []
    rest = [Fraction(c) for c in bottom]
    while len(rest) >= len(common):
        factor = rest.pop() / common[-1]
        quotient.append(factor)
        for i, c in enumerate(common[:-1]):
            rest[len(rest) - len(common) + 1 + i] -= factor * c
    return quotient[::-1]


def _seen_coprime(p: list[int], q: list[int]) -> bool:
    """Whether p and q have no common factor modulo a prime that does not divide the leading coefficient of p.

    Then they have none over Q: it could be chosen primitive, would divide p over the integers (Gauss), and keep its degree modulo the
    prime.
    """
    a, b = ([c % _PRIME for c in polynomial] for polynomial in (p, q))
    if not a[-1]:
        return False
    while True:
        while b and not b[-1]:
            b.pop()
        if len(b) < 2:
            return len(a) == 1 or bool(b)
        inverse = pow(b[-1], -1, _PRIME)
        while len(a) >= len(b):
            top = a.pop() * inverse % _PRIME
            for i, c in enumerate(b[:-1], len(a) + 1 - len(b)):
                a[i] = (a[i] - top * c) % _PRIME
        a, b = b, a


def count_zeros(polynomial: Sequence[Fraction], lower: Fraction | None = None, upper: Fraction | None = None) -> int:
    """How many different t with lower <= t <= upper (None: no bound) are zeros of the polynomial, which is not 0."""
    p = integer_polynomial(polynomial)
    ends = {end for end in (lower, upper) if end is not None}
    if lower is not None and lower == upper:
        return int(value(p, lower) == 0)
    inside = _by_signs(p, lower, upper)
    if inside is None:
        inside = _by_chain(p, lower, upper)
    return inside + sum(value(p, end) == 0 for end in ends)


def value(polynomial: Sequence[int], x: Fraction) -> int:
    """p(x) times a positive number."""
    total, power = 0, 1
    for c in reversed(polynomial):
        total, power = total * x.numerator + c * power, power * x.denominator
    return total


# --- Descartes' rule of signs ---------------------------------------------------------------------------------------------------


def _by_signs(polynomial: list[int], lower: Fraction | None, upper: Fraction | None) -> int | None:
    """The number of zeros in lower < x < upper; None if that takes many or long pieces, as where zeros are multiple.

    A polynomial whose coefficients never change their sign has no zero t > 0, with one change it has one, a simple one (Descartes'
    rule). Pieces are written as t > 0; those with more changes are cut at some t = s, into t = s (1 + t') and t = s/(1 + t'), t' > 0.
    Every s > 0 is right; about the geometric mean of the moduli of all zeros, few pieces are needed.
    """
    low, high = [(sign, 0) if end is None else (end.numerator, end.denominator) for end, sign in ((lower, -1), (upper, 1))]
    cuts = [low, (0, 1), high] if lower is None and upper is None else [low, high]
    found = int(len(cuts) == 3 and polynomial[0] == 0)
    waiting = [_without_0(_replaced(polynomial, [u[0], v[0]], [u[1], v[1]])) for u, v in pairwise(cuts)]  # x from u to v
    longest = 2 * len(polynomial) * (_bits(polynomial) + max(map(_bits, cuts)))
    for done in range(_MANY):
        if not waiting:
            return found
        p = waiting.pop()
        if _bits(p) > longest or (done == _FEW and not _seen_coprime(polynomial, _derivative(polynomial))):
            return None
        changes = sum(a is not b for a, b in pairwise([c > 0 for c in p if c]))
        if changes <= 1:
            found += changes
            continue
        degree = len(p) - 1
        k = int((abs(p[0]).bit_length() - abs(p[-1]).bit_length()) / degree)
        scaled = [c << (k * i if k > 0 else -k * (degree - i)) for i, c in enumerate(p)]  # p(2^k t), times a power of two
        right, left = _shifted(scaled), _shifted(scaled[::-1])
        found += right[0] == 0
        waiting += [_without_0(right), _without_0(left)]
    return None


def _bits(numbers: Iterable[int]) -> int:
    return max(c.bit_length() for c in numbers)


def _shifted(p: list[int]) -> list[int]:
    """p(x + 1): the remainders of dividing by x - 1 again and again."""
    found, rest = [], p[::-1]
    while rest:
        rest = list(accumulate(rest))
        found.append(rest.pop())
    return found


def _replaced(p: list[int], top: list[int], bottom: list[int]) -> list[int]:
    """bottom^n p(top/bottom), for p of degree n and top and bottom of degree 1."""
    found, power = [p[-1]], [1]
    for c in p[-2::-1]:
        power = _times(power, bottom)
        found = [a + c * b for a, b in zip(_times(found, top), power, strict=True)]
    return found


def _times(p: list[int], factor: list[int]) -> list[int]:
    """The product with a polynomial of degree 1."""
    return [factor[0] * a + factor[1] * b for a, b in zip([*p, 0], [0, *p], strict=True)]


def _without_0(p: list[int]) -> list[int]:
    """Without zeros at 0 and leading coefficients 0."""
    first = next(i for i, c in enumerate(p) if c)
    return _reduced(p[first:])


# --- Sturm's theorem ------------------------------------------------------------------------------------------------------------


def chain(polynomial: list[int]) -> list[list[int]]:
    """p, p', -rem(p, p'), ... up to positive factors, for p != 0; the last one is the greatest common divisor of p and p'."""
    found = [polynomial]
    following = _reduced(_derivative(polynomial))
    while following:
        found.append(following)
        following = [-c for c in _remainder(found[-2], found[-1])]
    return found


def _by_chain(polynomial: list[int], lower: Fraction | None, upper: Fraction | None) -> int:
    """The number of different zeros in lower < x < upper.

    The chain loses as many sign changes from lower to upper as there are zeros in lower < x <= upper; a common factor of all its
    members matters nowhere but at its own zeros, and where lower or upper is a zero the polynomial is divided by x - lower first.
    """
    rest = polynomial
    for end in (lower, upper):
        while end is not None and value(rest, end) == 0:
            rest = _without(rest, end)
    members = chain(rest)
    return _changes(members, lower, -1) - _changes(members, upper, 1)


def _derivative(polynomial: list[int]) -> list[int]:
    return [k * c for k, c in enumerate(polynomial)][1:]


def _without(polynomial: list[int], zero: Fraction) -> list[int]:
    """p / (x - zero), times a positive number."""
    quotient = [Fraction(0)]
    for c in reversed(polynomial):
        quotient.append(quotient[-1] * zero + c)
    return integer_polynomial(quotient[-2:0:-1])


def _changes(members: list[list[int]], x: Fraction | None, infinity: int) -> int:
    """Sign changes of the chain at x, or far out on the side of this sign; zeros are left out."""
    values = [p[-1] * infinity ** (len(p) - 1) if x is None else value(p, x) for p in members]
    return sum((a > 0) != (b > 0) for a, b in pairwise(v for v in values if v))


def has_real_zero(polynomial: Sequence[Fraction]) -> bool:
    """Whether the polynomial (constant term first, not zero) vanishes somewhere on the real line."""
    return count_zeros(polynomial) > 0
