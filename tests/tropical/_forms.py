"""Small tropical polynomials for the tests of formats and pictures, and the vertices of their hypersurfaces by brute force."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import strategies as st

from exactnn.tropical import TropicalPolynomial
from tests.strategies import numbers

Point = tuple[Fraction, ...]

PLANE = TropicalPolynomial({(0, 0): 0, (2, 0): "1/3", (0, 1): 2, (1, 1): -1})
CASES: dict[str, TropicalPolynomial] = {
    "plane": PLANE,
    "line": TropicalPolynomial({(0,): 0, (1,): 1, (3,): "-7/2", (2,): -9}),
    "conic": TropicalPolynomial({(0, 0): 0, (1, 0): 2, (0, 1): 2, (2, 0): 3, (1, 1): 4, (0, 2): 3}),
    "cross": TropicalPolynomial({(0, 0): -1, (1, 0): -1, (0, 1): -1, (1, 1): -1, (3, 3): -50}),
    "fractional": TropicalPolynomial({("1/2", "-1/3"): "1/5", (0, 0): 0, ("-3/4", 2): "-2/7", (1, 1): -1}),
    "negative": TropicalPolynomial({(0, 0): -5, (1, 0): -7, (0, 1): "-13/2", (1, 2): -9}),
    "space": TropicalPolynomial({(0, 0, 0): 0, (1, 0, 0): 1, (0, 1, 0): "1/2", (0, 0, 1): -1, (1, 1, 0): 1, (0, 1, 1): -2, (2, 1, 1): -3}),
    "one point": TropicalPolynomial({(0, 0): 0, (1, 0): -3, (0, 1): 5, (1, 1): 2}),
    "two terms": TropicalPolynomial({(0, 0): 1, (1, 2): "1/2"}),
    "single": TropicalPolynomial({(2, 1): "-1/3"}),
    "huge": TropicalPolynomial({(0, 0): Fraction(1, 2**60), (1, 0): 10**30, (0, 1): Fraction(-1, 3), (2, 3): 0}),
}


def vertices(p: TropicalPolynomial) -> set[Point]:
    """Points where terms whose exponents span R^d affinely are all maximal: each d + 1 terms that meet in one point, tried."""
    rows = [(c, a) for a, c in p.terms.items()]
    found = set()
    for chosen in itertools.combinations(rows, p.dimension + 1):
        (c0, a0), *others = chosen
        matrix = [[v - w for v, w in zip(a, a0, strict=True)] + [c0 - c] for c, a in others]
        point = solve(matrix)
        if point is not None and value(c0, a0, point) == max(value(c, a, point) for c, a in rows):
            found.add(point)
    return found


def solve(matrix: list[list[Fraction]]) -> Point | None:
    """The solution of d equations in d variables, the right hand side in the last column; None unless there is just one."""
    rows = [list(row) for row in matrix]
    for j in range(len(rows)):
        pivot = next((i for i in range(j, len(rows)) if rows[i][j]), None)
        if pivot is None:
            return None
        rows[j], rows[pivot] = rows[pivot], rows[j]
        rows[j] = [v / rows[j][j] for v in rows[j]]
        for i in range(len(rows)):
            if i != j and rows[i][j]:
                rows[i] = [v - rows[i][j] * w for v, w in zip(rows[i], rows[j], strict=True)]
    return tuple(row[-1] for row in rows)


def value(c: Fraction, a: Point, x: Point) -> Fraction:
    return c + sum((v * w for v, w in zip(a, x, strict=True)), Fraction(0))


def maximum(p: TropicalPolynomial, x: Point) -> Fraction:
    return max(value(c, a, x) for a, c in p.terms.items())


def winners(p: TropicalPolynomial, x: Point) -> int:
    """How many terms are maximal at x."""
    best = maximum(p, x)
    return sum(value(c, a, x) == best for a, c in p.terms.items())


def spans(p: TropicalPolynomial) -> bool:
    """Whether the exponents span R^d affinely."""
    first, *rest = p.terms
    rows = [[v - w for v, w in zip(a, first, strict=True)] for a in rest]
    return any(solve([[*row, Fraction(0)] for row in some]) is not None for some in itertools.combinations(rows, p.dimension))


def points(dimension: int) -> list[Point]:
    """Some rational points."""
    places = [Fraction(v) for v in (0, "1/2", -3, "17/7", 100)]
    return [tuple(places[(i + 2 * j) % 5] for j in range(dimension)) for i in range(5)]


@st.composite
def polynomials(draw: st.DrawFn, dimension: int = 2, least: int = 1, most: int = 6) -> TropicalPolynomial:
    """Random polynomials with rational exponents and coefficients."""
    exponents = st.tuples(*[numbers()] * dimension)
    return TropicalPolynomial(draw(st.dictionaries(exponents, numbers(), min_size=least, max_size=most)), dimension)
