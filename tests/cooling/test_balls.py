"""Balls hold what they stand for: arithmetic on numbers inside, power series against mpmath."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath

from exactnn.cooling._identity_balls import Balls
from exactnn.cooling._identity_series import exponential, log_sum_exp, softmax
from exactnn.exact.array import RationalArray
from tests.certificate.test_series import real, taylor


def drawn(source: random.Random, width: int, largest: int = 20) -> tuple[Balls, list[Fraction]]:
    """Balls, and numbers in them: at their ends, or in the middle."""
    over = source.choice((1, 3, 1 << 20, 10**9 + 7, 1 << 90))
    middles = [Fraction(source.randint(-largest * over, largest * over), over) for _ in range(width)]
    radii = [Fraction(source.choice((0, 1, over)), over * source.choice((1, 8))) for _ in range(width)]
    chosen = [m + source.choice((-1, 0, 1)) * r for m, r in zip(middles, radii, strict=True)]
    return Balls(RationalArray.from_fractions(middles, (width,)), RationalArray.from_fractions(radii, (width,))), chosen


def holds(balls: Balls, exact: list[Fraction]) -> bool:
    low, high = (end.to_fractions() for end in balls.ends())
    return all(a <= value <= b for a, value, b in zip(low, exact, high, strict=True))


def test_arithmetic() -> None:
    source = random.Random(0)
    for _ in range(200):
        (a, x), (b, y) = drawn(source, 3), drawn(source, 3)
        assert holds(a + b, [p + q for p, q in zip(x, y, strict=True)])
        assert holds(a - b, [p - q for p, q in zip(x, y, strict=True)])
        assert holds(a * b, [p * q for p, q in zip(x, y, strict=True)])
        assert holds(a * Balls(b.middle), [p * q for p, q in zip(x, b.middle.to_fractions(), strict=True)])
        assert holds(a.largest(), [max(x)])
        assert holds(a.sum([0]), [sum(x, Fraction(0))])
        assert holds(a.rounded(4), x)


def test_power_series() -> None:
    source = random.Random(1)
    with mpmath.workdps(100):
        for _ in range(60):
            width, order, bits = source.randint(1, 3), source.randint(0, 3), source.choice((16, 17, 40, 130))
            pairs = [drawn(source, width) for _ in range(order + 1)]
            for function, exact in zip((exponential, softmax, log_sum_exp), taylor([x for _, x in pairs]), strict=True):
                for balls, values in zip(function([a for a, _ in pairs], bits), exact, strict=True):
                    for low, value, high in zip(balls.ends()[0].to_fractions(), values, balls.ends()[1].to_fractions(), strict=True):
                        slack = mpmath.mpf(10) ** -60 * (1 + abs(value))
                        assert real(low) - slack <= value <= real(high) + slack
