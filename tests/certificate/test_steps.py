"""What a piecewise linear function does to a difference: both checkers say the same, and never less than the truth."""

import random
from fractions import Fraction
from itertools import product

import pytest

from exactnn.certificate._piecewise import Piecewise
from exactnn.certificate._units import Unit
from tests.certificate.second.core import bend, steps_of

BITS = 16
ONE = 1 << BITS


def a_unit(pick, convex):
    """(q, r, kinks) on a grid of thirds, for half of them convex and nowhere decreasing."""
    places = sorted(pick.sample(range(-12, 13), pick.randint(0, 3)))
    jumps = (1, 2, 5) if convex else (-2, -1, 1, 3)
    return (
        Fraction(pick.randint(0 if convex else -3, 3), 2),
        Fraction(1),
        [(Fraction(k, 3), Fraction(pick.choice(jumps), 2)) for k in places],
    )


def an_interval(pick):
    return tuple(sorted(pick.choice((pick.randint(-8, 8) * ONE // 2, pick.randint(-5 * ONE, 5 * ONE))) for _ in range(2)))


def true_ends(unit, x, y, d):
    """Those of phi(a) - phi(b) with a in x, b in y, a - b in d: at corners of the pieces on which it is linear."""
    kinks = [k for k, _ in unit[2]]
    pairs = set(product((*x, *kinks), (*y, *kinks)))
    pairs |= {(a, a - e) for a in (*x, *kinks) for e in d} | {(b + e, b) for b in (*y, *kinks) for e in d}
    inside = [(a, b) for a, b in pairs if x[0] <= a <= x[1] and y[0] <= b <= y[1] and d[0] <= a - b <= d[1]]
    found = [bend(unit, a) - bend(unit, b) for a, b in inside]
    return min(found), max(found)


@pytest.mark.parametrize("convex", [False, True])
def test_steps(convex):
    pick, reached = random.Random(35), 0
    for _ in range(1500):
        unit, x, y = a_unit(pick, convex), an_interval(pick), an_interval(pick)
        d = tuple(sorted(pick.randint(x[0] - y[1], x[1] - y[0]) for _ in range(2)))
        own = Unit(Piecewise(*unit), BITS)
        found = tuple(Fraction(n, own.scale * ONE) for n in own.step(x, y, d))
        exact = [tuple(Fraction(n, ONE) for n in ends) for ends in (x, y, d)]
        assert found == steps_of(unit, *exact)
        low, high = true_ends(unit, *exact)
        assert found[0] <= low
        assert high <= found[1]
        reached += (found == (low, high)) and low < high
    assert reached > 100
