"""Poles: ground truth, Sturm counts of sympy, enclosures of mpmath's roots, degenerate polynomials."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import mpmath
import pytest
import sympy
from flint import fmpq_poly, fmpz_poly
from hypothesis import given
from hypothesis import strategies as st

from exactnn.exact.numbers import rational
from exactnn.exact.roots import RealRoot, real_roots, within
from exactnn.rational import ERA, ComplexRoot, RationalFunction
from tests.rational._cases import X, from_factors, functions
from tests.strategies import law


def over(p: fmpz_poly) -> RationalFunction:
    """1/p."""
    return RationalFunction([1], [int(c) for c in p.coeffs()])


@pytest.mark.parametrize(
    ("r", "expected"),
    [
        (X**3 / (X**2 + 1), []),  # P1
        (RationalFunction([-1, 0, 1], [-1, 1]), []),  # P2
        (1 / (X**2 + 1) ** 2, []),  # P5
        (1 / ((X - 1) ** 2 * (X**2 + 1)), [(1, 2)]),  # P6
        (1 / (3 * X - 1) ** 3, [(Fraction(1, 3), 3)]),
        (X / (X**3 - X), [(-1, 1), (1, 1)]),
        (RationalFunction([5]), []),
    ],
)
def test_rational_poles_are_points(r: RationalFunction, expected: list[tuple[Fraction, int]]) -> None:
    assert [(pole.value, pole.multiplicity) for pole in r.real_poles()] == expected


@pytest.mark.parametrize("k", [10, 30, 60])
def test_p7(k: int) -> None:
    gap = Fraction(1, 10**k)
    r = 1 / ((X - 1) ** 2 + gap**2)
    assert r.real_poles() == ()
    near = r.nearest_pole(width=gap / 10**6)
    assert near is not None
    assert gap in near.distance
    assert near.distance.width <= gap / 10**6
    assert near.distance.lower > 0
    assert [pole.value for pole in (1 / ((X - 1) ** 2 - gap**2)).real_poles()] == [1 - gap, 1 + gap]


def test_p9_p11() -> None:
    (pole,) = (1 / (X**5 - X - 1)).real_poles(width=Fraction(1, 10**30))
    assert pole.lower < Fraction("1.1673039782614186842560458998548421807205603715255") < pole.upper
    assert pole.width <= Fraction(1, 10**30)
    assert len(over(fmpz_poly.chebyshev_t(12)).real_poles()) == 12
    legendre = fmpq_poly.legendre_p(7)
    assert len(RationalFunction([1], legendre.coeffs()).real_poles()) == 7


def test_numpy_is_fooled_and_this_is_not() -> None:
    assert (1 / (X**20 + 2 * (10**6 * X - 1) ** 2)).real_poles() == ()
    assert (1 / ((X - 1) ** 2 + Fraction("1e-20"))).real_poles() == ()


def test_poles_of_different_order_that_are_close() -> None:
    r = 1 / ((X**2 - 2) ** 2 * (X**2 - 2 - Fraction(1, 2**200)) ** 3)
    found = r.real_poles()
    assert [pole.multiplicity for pole in found] == [3, 2, 2, 3]
    assert all(a.upper < b.lower for a, b in pairwise(found))
    discs = r.poles()
    assert all(abs(a.real - b.real) > a.radius + b.radius for a, b in pairwise(discs))


def test_2_to_the_minus_60_apart() -> None:
    third = Fraction(1, 3)
    r = 1 / ((X - third) * (X - third - Fraction(1, 2**60)))
    assert [p.value for p in r.real_poles()] == [third, third + Fraction(1, 2**60)]
    irrational = 1 / ((X**2 - 2) * ((X - Fraction(1, 2**60)) ** 2 - 2))
    assert len(irrational.real_poles()) == 4


def test_huge_coefficients() -> None:
    big = 10**400
    r = 1 / (big * X**2 - 2 * big - 1)
    (low, high) = r.real_poles()
    assert low.upper < 0 < high.lower
    assert (1 / (X - big)).real_poles()[0].value == big
    assert (1 / ((big * X - 1) * (X**2 - 3))).real_poles()[1].value == Fraction(1, big)


@law(80)
@given(from_factors())
def test_real_roots_are_found_exactly(case: tuple[list[Fraction], list[Fraction]]) -> None:
    polynomial, roots = case
    found = RationalFunction([1], polynomial).real_poles()
    assert [(p.value, p.multiplicity) for p in found] == [(t, roots.count(t)) for t in sorted(set(roots))]


@law(60)
@given(functions, functions)
def test_counts_are_those_of_sympy(r: RationalFunction, s: RationalFunction) -> None:
    r *= s
    x = sympy.Symbol("x")
    bottom = sympy.Poly([sympy.Rational(c.numerator, c.denominator) for c in reversed(r.denominator)], x)
    found = r.real_poles()
    assert len(found) == (bottom.count_roots() if r.degrees[1] else 0)
    assert len(r.real_poles(interval=(-1, 2))) == (bottom.count_roots(-1, 2) if r.degrees[1] else 0)
    assert all(a.upper < b.lower for a, b in pairwise(found))
    for pole in found:
        at = [sum(c * t**k for k, c in enumerate(r.denominator)) for t in (pole.lower, pole.upper)]
        assert at[0] == 0 if pole.is_exact else pole.multiplicity % 2 == 0 or at[0] * at[1] < 0


@law(30)
@given(functions, functions)
def test_discs_contain_mpmath_roots(r: RationalFunction, s: RationalFunction) -> None:
    r *= s
    discs = r.poles()
    assert sum(z.multiplicity for z in discs) == r.degrees[1]
    assert len([z for z in discs if z.is_real]) == len(r.real_poles())
    square_free = [c for p in r.partial_fractions(squarefree=True).parts for c in [p.factor]]
    with mpmath.workdps(50):
        for factor in dict.fromkeys(square_free):
            roots = mpmath.polyroots([mpmath.mpf(c.numerator) / c.denominator for c in reversed(factor)], maxsteps=500, extraprec=400)
            for root in roots:
                inside = [z for z in discs if distance(z, root) <= mpmath.mpf(z.radius.numerator) / z.radius.denominator + 1e-40]
                assert len(inside) == 1


def distance(z: ComplexRoot, root: mpmath.mpc) -> mpmath.mpf:
    return abs(root - mpmath.mpc(mpmath.mpf(z.real.numerator) / z.real.denominator, mpmath.mpf(z.imag.numerator) / z.imag.denominator))


def test_nearest_pole_of_an_interval() -> None:
    r = 1 / ((X - 3) * ((X - 10) ** 2 + 1))
    near = r.nearest_pole()
    assert near is not None
    assert (near.distance.lower, near.distance.upper) == (0, 0)
    assert near.pole.is_real
    near = r.nearest_pole(interval=(-1, 1))
    assert near is not None
    assert 2 in near.distance
    near = r.nearest_pole(interval=(6, 9))
    assert near is not None
    with mpmath.workdps(40):
        assert abs(float(near.distance) - float(mpmath.sqrt(2))) < 1e-12
    assert near.pole.imag != 0
    assert RationalFunction([1, 2]).nearest_pole() is None


def test_p17_era_with_f_0() -> None:
    assert [(p.value, p.multiplicity) for p in ERA((1, 0), [(1, 1, 2, 0)]).real_poles()] == [(2, 2)]
    assert [(p.value, p.multiplicity) for p in ERA((1, 0), [(1, -2, 2, 0)]).real_poles()] == [(2, 1)]
    assert ERA((1, 0), [(0, 0, 2, 0)]).real_poles() == ()
    assert ERA((1, 0), [(1, 1, 2, 0)], epsilon="1e-6").real_poles() == ()


def test_rational_numbers_from_flint_are_accepted() -> None:
    assert RationalFunction([rational("1/3")]).numerator == (Fraction(1, 3),)


# --- isolating intervals ----------------------------------------------------------------------------------------------------------


T = fmpz_poly([0, 1])
CLUSTER = math.prod((3 * 2**60 * T - (2**60 + 3 * i) for i in range(4)), start=fmpz_poly([1]))
FAMILIES = {
    **{f"x^{n} - x - 1": T**n - T - 1 for n in (2, 3, 8, 33, 64)},
    **{f"chebyshev {n}": fmpz_poly.chebyshev_t(n) for n in (2, 9, 40)},
    **{f"legendre {n}": fmpq_poly.legendre_p(n).numer() for n in (3, 8, 33)},
    **{f"wilkinson {n}": math.prod((T - i for i in range(1, n + 1)), start=fmpz_poly([1])) for n in (5, 25)},
    **{f"mignotte {n}": T**n - 2 * (a * T - 1) ** 2 for n, a in ((5, 100), (9, 2**12), (16, 2**20), (40, 3**20))},
    **{f"no zero {n}": T**n + 2 * (a * T - 1) ** 2 for n, a in ((6, 100), (10, 2**12), (16, 2**20))},
    "around irrational numbers": T**12 - 2 * (2**15 * T * T - 2**16 - 1) ** 2,
    "near irrational numbers": (2**80 * (T * T - 2) ** 2 + 1) * (T**3 - T - 1),
    "two of 2^-60 apart": (T * T - 2) * ((2**60 * T - 1) ** 2 - 2**121),
    "cluster": CLUSTER,
    "cluster with others": CLUSTER * (T**3 - 2) * (T**4 + T + 1),
    "scales": (T - 10**60) * (T * 10**60 + 1) * (T * T - 3) * (T * T - 10**41),
    "huge": T**5 * 10**300 - T * 7**400 + 3**500,
    "cyclotomic": fmpz_poly.cyclotomic(105),
    "all real": fmpz_poly.swinnerton_dyer(4),
    "powers": T**3 * (T - 1) ** 2 * (T * T - 3) ** 3 * (T * T + 1) ** 2 * (2 * T + 3),
    "powers of two": math.prod((T - 2**k for k in range(9)), start=fmpz_poly([1])) * (T + 4) * (4 * T - 1),
}


def as_sympy(p: fmpz_poly) -> sympy.Poly:
    return sympy.Poly([int(c) for c in reversed(p.coeffs())], sympy.Symbol("x"))


def isolated(p: fmpz_poly, found: list[RealRoot]) -> None:
    """Raises unless these are all real roots, with multiplicities, in disjoint intervals, rational roots as points: sympy says how many."""
    assert all(a.upper < b.lower for a, b in pairwise(found))
    assert sum(root.multiplicity for root in found) == sum(k * q.count_roots() for q, k in as_sympy(p).sqf_list()[1])
    exact = {Fraction(-int(q[0]), int(q[1])) for q, _ in p.factor()[1] if q.degree() == 1}
    assert {root.value for root in found} - {None} == exact
    for root in found:
        part = next(q for q, k in as_sympy(p).sqf_list()[1] if k == root.multiplicity)
        assert part.count_roots(*(sympy.Rational(end.numerator, end.denominator) for end in root)) == 1


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name: str) -> None:
    p = FAMILIES[name]
    found = real_roots(fmpq_poly(p))
    isolated(p, found)
    assert all(root.width * 2**60 < abs(root.lower) for root in found if not root.is_exact)
    narrow = real_roots(fmpq_poly(p), Fraction(1, 10**70))
    assert all(b.width <= Fraction(1, 10**70) for b in narrow)
    assert all(a.lower <= b.upper and b.lower <= a.upper for a, b in zip(found, narrow, strict=True))


small = st.lists(st.integers(-6, 6), min_size=2, max_size=6).map(fmpz_poly).filter(lambda q: q.degree() > 0)


@law(80)
@given(st.lists(st.tuples(small, st.integers(1, 2)), min_size=1, max_size=3))
def test_products_of_powers(factors: list[tuple[fmpz_poly, int]]) -> None:
    p = math.prod((q**k for q, k in factors), start=fmpz_poly([1]))
    found = real_roots(fmpq_poly(p))
    isolated(p, found)
    for root, ((a, b), k) in zip(found, as_sympy(p).intervals(), strict=True):
        assert root.multiplicity == k
        assert Fraction(int(a.p), int(a.q)) <= root.upper
        assert root.lower <= Fraction(int(b.p), int(b.q))


@law(60)
@given(small, st.integers(0, 40), st.integers(-9, 9), st.integers(1, 9))
def test_a_pair_near_the_line(q: fmpz_poly, gap: int, numerator: int, denominator: int) -> None:
    """((d x - c)^2 + 2^-gap) q has the real roots of q, ((d x - c)^2 - 2^-gap) q two more at most."""
    square = 2**gap * (denominator * T - numerator) ** 2
    isolated((square + 1) * q, real_roots(fmpq_poly((square + 1) * q)))
    isolated((square - 1) * q, real_roots(fmpq_poly((square - 1) * q)))


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (1, 3, [1, 2, 3]),
        (1, 1, [1]),
        (Fraction(3, 2), Fraction(3, 2), []),
        (None, 1, [-3, 1]),
        (3, None, [3]),
        (4, None, []),
        (-3, -3, [-3]),
    ],
)
def test_roots_at_ends(lower: Fraction | None, upper: Fraction | None, expected: list[int]) -> None:
    p = fmpq_poly((T - 1) * (T - 2) ** 2 * (T - 3) * (T + 3) * (T * T + 1))
    ends = (None if end is None else Fraction(end) for end in (lower, upper))
    assert [root.value for root in within(p, *ends)] == expected


def test_irrational_roots_next_to_ends() -> None:
    p = fmpq_poly((T * T - 2) * (2 * T - 3))
    near = Fraction(math.isqrt(2 * 10**80), 10**40)  # below the root of 2
    assert [root.value for root in within(p, near, Fraction(3, 2))] == [None, Fraction(3, 2)]
    assert [root.value for root in within(p, near + Fraction(1, 10**40), Fraction(3, 2))] == [Fraction(3, 2)]
    assert all(root.lower >= near for root in within(p, near, None))
