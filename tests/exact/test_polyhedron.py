"""Polyhedra and boxes: geometry against z3, brute force over bases, and one algorithm against another."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch
import z3
from flint import fmpq, fmpq_mat
from hypothesis import assume, given
from hypothesis import strategies as st

from exactnn.errors import DomainError, EmptyDomain, Incomplete, NotFiniteError, ShapeError
from exactnn.exact import lp
from exactnn.exact._relative import simplest_between
from exactnn.exact.polyhedron import Box, Polyhedron
from tests.strategies import law

TINY = Fraction(1, 2**60)
CUBE = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]


def dot(a, b):
    return sum((Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)), Fraction(0))


def fr(values):
    return [Fraction(int(v.p), int(v.q)) for v in values]


def combination(y, A, n):
    return [dot(y, [row[j] for row in A]) for j in range(n)]


def rank(vectors):
    return fmpq_mat([[fmpq(v.numerator, v.denominator) for v in row] for row in vectors]).rref()[1] if vectors else 0


def z3_row(x, row):
    return z3.Sum([z3.RealVal(0)] + [z3.RealVal(str(Fraction(a))) * v for a, v in zip(row, x, strict=True)])


def z3_implies(n, A, b, row, beta):
    """Whether row.x <= beta on {A x <= b}."""
    x = [z3.Real(f"x{j}") for j in range(n)]
    solver = z3.Solver()
    solver.add([z3_row(x, a) <= z3.RealVal(str(Fraction(v))) for a, v in zip(A, b, strict=True)])
    solver.add(z3_row(x, row) > z3.RealVal(str(Fraction(beta))))
    return solver.check() == z3.unsat


@st.composite
def polyhedra(draw, low=1, high=3):
    """(n, A, b), often empty, flat, with a line or with repeated and opposite rows."""
    n = draw(st.integers(low, high))
    A = draw(st.lists(st.lists(st.integers(-2, 2), min_size=n, max_size=n), min_size=1, max_size=6))
    b = [draw(st.sampled_from([-1, 0, 0, 1, 2, 3])) for _ in A]
    for i in draw(st.lists(st.integers(0, 20), max_size=3)):
        factor, shift = draw(st.sampled_from([1, -1, 2])), draw(st.sampled_from([0, 0, TINY, -TINY]))
        A.append([factor * a for a in A[i % len(A)]])
        b.append(factor * b[i % len(b)] + shift)
    return n, A, b


# --- laws on random polyhedra ---------------------------------------------------------------------------------------------


@law(150)
@given(polyhedra())
def test_affine_hull_and_interior_point_carry_their_proofs(case):
    n, A, b = case
    P = Polyhedron(A, b)
    if P.is_empty():
        y = P.farkas()
        assert min(y) >= 0
        assert combination(y, A, n) == [0] * n
        assert dot(y, b) < 0
        assert P.dimension == -1
        return
    assert P.farkas() is None
    hull, x = P.affine_hull(), P.interior_point()
    held = {e.row for e in hull.equalities}
    for e in hull.equalities:
        assert min(e.multipliers) >= 0
        assert e.multipliers[e.row] == 0
        assert combination(e.multipliers, A, n) == [-Fraction(a) for a in A[e.row]]
        assert dot(e.multipliers, b) <= -Fraction(b[e.row])
    for i, (row, beta) in enumerate(zip(A, b, strict=True)):
        assert dot(row, x) == beta if i in held else dot(row, x) < beta
    assert P.contains(x)
    # origin and directions are all of the solutions of the implicit equalities
    for i in held:
        assert dot(A[i], hull.origin) == b[i]
        assert all(dot(A[i], v) == 0 for v in hull.directions)
    assert rank(hull.directions) == len(hull.directions) == P.dimension == n - rank([list(map(Fraction, A[i])) for i in held])


@law(150)
@given(polyhedra(), st.lists(st.integers(-3, 3), min_size=3, max_size=3))
def test_generators_agree_with_linear_programs(case, objective):
    """Double description against the simplex method: membership, dimension, boundedness, maxima."""
    n, A, b = case
    P = Polyhedron(A, b)
    found = P.generators()
    if P.is_empty():
        assert found.points == found.rays == found.lines == ()
        return
    assert all(P.contains(p) for p in found.points)
    assert all(dot(row, ray) <= 0 for ray in found.rays for row in A)
    assert all(dot(row, line) == 0 for line in found.lines for row in A)
    first = found.points[0]
    spanned = [[p - q for p, q in zip(point, first, strict=True)] for point in found.points[1:]]
    assert rank([*spanned, *map(list, found.rays), *map(list, found.lines)]) == P.dimension
    assert P.is_bounded() == (not found.rays and not found.lines)
    assert P.vertices() == (() if found.lines else found.points)
    c = objective[:n]
    best = P.maximise(c)
    grows = any(dot(c, ray) > 0 for ray in found.rays) or any(dot(c, line) for line in found.lines)
    assert isinstance(best, lp.Unbounded) == grows
    if not grows:
        assert fr([best.value])[0] == max(dot(c, p) for p in found.points)


@law(100)
@given(polyhedra())
def test_vertices_agree_with_brute_force_over_bases(case):
    n, A, b = case
    expected = set()
    for chosen in itertools.combinations(range(len(A)), n):
        matrix = fmpq_mat([[fmpq(a) for a in A[i]] for i in chosen])
        if matrix.rank() == n:
            right = fmpq_mat([[fmpq(Fraction(b[i]).numerator, Fraction(b[i]).denominator)] for i in chosen])
            x = tuple(fr(matrix.solve(right).entries()))
            if all(dot(row, x) <= beta for row, beta in zip(A, b, strict=True)):
                expected.add(x)
    assert Polyhedron(A, b).vertices() == tuple(sorted(expected))


@law(60)
@given(polyhedra())
def test_redundant_rows_are_exactly_those_the_rest_implies(case):
    n, A, b = case
    P = Polyhedron(A, b)
    assume(not P.is_empty())
    found = P.redundant_rows()
    kept = [i for i in range(len(A)) if i not in found]
    for i, y in found.items():
        assert min(y) >= 0
        assert all(y[j] == 0 for j in found)
        assert combination(y, A, n) == [Fraction(a) for a in A[i]]
        assert dot(y, b) <= b[i]
    for i in kept:
        others = [j for j in kept if j != i]
        assert not z3_implies(n, [A[j] for j in others], [b[j] for j in others], A[i], b[i])


@law(100)
@given(polyhedra(), st.randoms(use_true_random=False))
def test_equality_does_not_see_order_repetition_and_scale(case, rng):
    _, A, b = case
    order = [*rng.sample(range(len(A)), len(A)), rng.randrange(len(A))]
    factors = [Fraction(rng.randint(1, 9), rng.randint(1, 9)) for _ in order]
    scaled = [[f * a for a in A[i]] for i, f in zip(order, factors, strict=True)]
    P, Q = Polyhedron(A, b), Polyhedron(scaled, [f * b[i] for i, f in zip(order, factors, strict=True)])
    assert P == Q
    assert hash(P) == hash(Q)
    assert Polyhedron(A, [v + Fraction(1, 7) for v in b]) != P or not any(map(any, A))


bounds = st.lists(st.tuples(st.integers(-3, 3), st.sampled_from([0, 1, Fraction(1, 3), TINY])), min_size=1, max_size=4)


@law(100)
@given(bounds, st.lists(st.integers(-3, 3), min_size=4, max_size=4), st.integers(-5, 5))
def test_a_box_is_the_polyhedron_of_its_rows(pairs, objective, gamma):
    """The closed forms of a box against the general methods on the same inequalities."""
    lower, upper = [Fraction(v) for v, _ in pairs], [v + w for v, w in pairs]
    d = len(pairs)
    box = Box(lower, upper)
    A = [[int(i == j) for j in range(d)] for i in range(d)] + [[-int(i == j) for j in range(d)] for i in range(d)]
    P = Polyhedron(A, upper + [-v for v in lower])
    assert box == P
    assert hash(box) == hash(P)
    assert box.inequalities == P.inequalities
    assert (box.dimension, box.is_empty(), box.is_bounded(), box.farkas()) == (P.dimension, False, True, None)
    c = objective[:d]
    best = box.maximise(c)
    assert best.value == P.maximise(c).value
    assert combination(fr(best.dual), A, d) == c
    assert dot(fr(best.dual), upper + [-v for v in lower]) == fr([best.value])[0]
    assert box.contains(fr(best.point))
    ours, theirs = box.nonnegative(c, gamma), P.nonnegative(c, gamma)
    assert type(ours) is type(theirs)
    if isinstance(ours, lp.Nonnegative):
        assert ours.slack == theirs.slack
        assert combination(fr(ours.multipliers), A, d) == [-v for v in c]
    else:
        assert box.contains(fr(ours.point))
        assert dot(c, fr(ours.point)) + gamma == fr([ours.value])[0] < 0
    x, hull, other = box.interior_point(), box.affine_hull(), P.affine_hull()
    assert all(v == low == high or low < v < high for v, low, high in zip(x, lower, upper, strict=True))
    assert {e.row for e in hull.equalities} == {e.row for e in other.equalities}
    assert all(combination(e.multipliers, A, d) == [-a for a in A[e.row]] for e in hull.equalities)
    assert hull.directions == other.directions
    assert P.contains(hull.origin) or all(v in (0, low) for v, low in zip(hull.origin, lower, strict=True))


# --- known bodies ---------------------------------------------------------------------------------------------------------


def test_the_cube_and_the_cross_polytope():
    cube = Polyhedron(CUBE, [1] * 6)
    assert len(cube.vertices()) == 8
    assert cube.interior_point() == (0, 0, 0)
    cross = Polyhedron(list(itertools.product([1, -1], repeat=3)), [1] * 8)
    assert len(cross.vertices()) == 6
    assert cross.redundant_rows() == {}
    assert len(Polyhedron(list(itertools.product([1, -1], repeat=4)), [1] * 16).vertices()) == 8
    assert cube.intersection(cross).redundant_rows().keys() == set(range(6))
    assert set(cross.vertices()) == {v for v in itertools.product([-1, 0, 1], repeat=3) if sum(map(abs, v)) == 1}


def test_the_whole_space():
    space = Polyhedron.whole_space(2)
    assert (space.dimension, space.is_empty(), space.is_bounded()) == (2, False, False)
    assert space.interior_point() == (0, 0)
    assert len(space.generators().lines) == 2
    assert space == Polyhedron(np.zeros((1, 2)), [7])
    assert space.redundant_rows() == {}
    point = Polyhedron.whole_space(0)
    assert (point.dimension, point.interior_point(), point.is_bounded(), point.vertices()) == (0, (), True, ((),))


def test_a_cone_a_strip_and_a_ray():
    cone = Polyhedron([[-1, 0], [0, -1]], [0, 0])
    assert cone.generators().rays == ((0, 1), (1, 0))
    assert cone.vertices() == ((0, 0),)
    strip = Polyhedron([[1, 1], [-1, -1]], [1, 1])
    assert not strip.is_bounded()
    assert strip.vertices() == ()
    assert len(strip.generators().lines) == 1
    ray = Polyhedron([[1, -1], [-1, 1], [-1, 0]], [0, 0, -1])
    assert (ray.dimension, ray.is_bounded(), ray.vertices()) == (1, False, ((1, 1),))


def test_degenerate_and_hair_thin_sets():
    def twins(gap):
        return Polyhedron([[1, 1], [-1, -1]], [1, gap - 1])

    assert twins(-TINY).dimension == -1
    assert twins(0).dimension == 1
    assert twins(TINY).dimension == 2
    x, y = twins(TINY).interior_point()
    assert 1 - TINY < x + y < 1
    point = Polyhedron(CUBE, [Fraction(1, 3), 2, -1, Fraction(-1, 3), -2, 1])
    assert (point.dimension, point.interior_point()) == (0, (Fraction(1, 3), 2, -1))
    assert point.affine_hull().directions == ()
    assert len(point.affine_hull().equalities) == 6


def test_implicit_equalities_that_show_one_after_another():
    """x <= 0 and -x <= 0 first; only on that line does y <= x and -y <= -x hold with equality, and so on."""
    A = [[1, 0, 0], [-1, 0, 0], [-1, 1, 0], [-1, -1, 0], [0, -1, 1], [1, 0, -1], [0, 0, 1]]
    P = Polyhedron(A, [0, 0, 0, 0, 0, 0, 5])
    assert P.dimension == 0
    assert {e.row for e in P.affine_hull().equalities} == set(range(6))


def test_interior_points_have_few_bits():
    rng = np.random.default_rng(1)
    for _ in range(20):
        A, b = rng.normal(size=(12, 4)), rng.uniform(0.5, 1, size=12)
        shift = rng.normal(size=4)
        P = Polyhedron(A, [dot(row, shift) + Fraction(v) for row, v in zip(A.tolist(), b.tolist(), strict=True)])
        x = P.interior_point()
        assert all(dot(row, x) < dot(row, shift) + Fraction(v) for row, v in zip(A.tolist(), b.tolist(), strict=True))
        assert max(v.denominator for v in x) <= 8
    far = Polyhedron([[1], [-1]], [Fraction(2) ** 1001, -(Fraction(2) ** 1000)])
    assert far.interior_point()[0].numerator.bit_length() - 1000 <= 1
    near = Polyhedron([[1], [-1]], [Fraction(1, 2**1073), -Fraction(1, 2**1074)])
    assert near.interior_point() == (Fraction(3, 2**1075),)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-1, 1, 0),
        (0, 1, "1/2"),
        (1, 3, 2),
        ("1/3", "2/5", "3/8"),
        (None, None, 0),
        (7, None, 8),
        (None, -7, -8),
        (-9, -7, -8),
        ("9/2", "39/8", "19/4"),
        (100, 1000, 512),
        ("1/1000", None, 1),
    ],
)
def test_simplest_number_in_an_interval(low, high, expected):
    def number(v):
        return None if v is None else fmpq(Fraction(v).numerator, Fraction(v).denominator)

    assert simplest_between(number(low), number(high)) == number(expected)


@given(st.fractions(), st.fractions())
def test_simplest_number_lies_strictly_inside(a, b):
    assume(a != b)
    low, high = sorted([a, b])
    found = simplest_between(fmpq(low.numerator, low.denominator), fmpq(high.numerator, high.denominator))
    assert low < Fraction(int(found.p), int(found.q)) < high
    assert int(found.q) & (int(found.q) - 1) == 0


def test_vertices_stop_at_their_limit():
    with pytest.raises(Incomplete, match="more than 20 rays"):
        Box(0, 1).in_dimension(8).vertices(limit=20)


# --- values ---------------------------------------------------------------------------------------------------------------


def test_number_types_and_forms():
    expected = Polyhedron([[Fraction(1, 2), 1]], [Fraction(1, 10)])
    assert Polyhedron([["1/2", "1"]], ["0.1"]) == expected
    assert Polyhedron(np.array([[0.5, 1.0]]), ["1/10"]) == expected
    assert Polyhedron(torch.tensor([[0.5, 1.0]]), ["1/10"]) == expected
    assert Polyhedron(fmpq_mat([[fmpq(1, 2), 1]]), [fmpq(1, 10)]) == expected
    assert Polyhedron([[0.5, 1]], [0.1]) != expected  # a float is the dyadic number it is
    A, b = expected.inequalities
    assert (A, b) == (fmpq_mat([[fmpq(1, 2), 1]]), fmpq_mat([[fmpq(1, 10)]]))
    assert expected.contains(["1/5", 0])
    assert not expected.contains([Fraction(1, 5) + TINY, 0])


def test_box_bounds_and_dimension():
    open_box = Box(-1, "1/2")
    assert (open_box.lower, open_box.upper) == (-1, Fraction(1, 2))
    assert open_box.in_dimension(2) == Box([-1, -1], 0.5)
    assert Box(np.array([0.0, 1.0]), 2).lower == (0, 1)
    assert Box([0, 1], [0, 1]).dimension == 0
    assert open_box == Box(-1.0, 0.5)
    assert open_box != Box([-1], [0.5])
    assert Box([0], [1]).in_dimension(1) == Box(0, 1).in_dimension(1)
    for lower, upper in (([], []), ([], 1), (0, [])):
        with pytest.raises(ShapeError, match="lower: at least one number"):
            Box(lower, upper)


def test_a_large_box_needs_no_matrix():
    box = Box(0, 1).in_dimension(20_000)
    assert box.dimension == 20_000
    assert box.interior_point()[0] == Fraction(1, 2)
    assert isinstance(box.nonnegative(np.ones(20_000), 0), lp.Nonnegative)


def test_values_are_frozen_hashable_and_picklable():
    for value in (Polyhedron([[1, 2**70]], ["1/3"]), Polyhedron.whole_space(2), Box([0, 1], 2), Box(0, 1)):
        hash(value)
        value.__dict__.get("system")
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own bytes
        assert copy.deepcopy(value) == value
        with pytest.raises(AttributeError, match="cannot be changed"):
            value.A = 1
    assert len({Box([0], [1]), Polyhedron([[1], [-1]], [1, 0])}) == 1
    assert Box(0, 1) != "box"


def test_representations_are_short():
    assert repr(Polyhedron(CUBE, [1] * 6)) == "Polyhedron(6 inequalities in R^3)"
    assert repr(Polyhedron([[1, 2]], [1])) == "Polyhedron(1 inequality in R^2)"
    assert repr(Box(-1, "1/2")) == "Box(-1, 1/2)"
    assert repr(Box(-1, 1).in_dimension(784)) == "Box([-1, 1]^784)"
    assert repr(Box([0, 1], 2)) == "Box(in R^2)"
    assert len(repr(Box("-1e400", 1e300))) < 60


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Box(2, 1), DomainError, "lower: at most upper is allowed, got lower 2 > upper 1"),
        (lambda: Box([0, 3], [1, 2]), DomainError, r"lower\[1\].*exchange"),
        (lambda: Box([0, 3], 2), DomainError, r"lower\[1\]"),
        (lambda: Box([1], [1, 2]), ShapeError, "upper: 1 numbers are needed"),
        (lambda: Box([[1]], [[2]]), ShapeError, "flat list"),
        (lambda: Box(0, float("inf")), NotFiniteError, "use Polyhedron"),
        (lambda: Box([0, float("nan")], 1), NotFiniteError, "lower"),
        (lambda: Box(0, 1).interior_point(), ShapeError, "in_dimension"),
        (lambda: Box(0, 1).is_bounded(), ShapeError, "in_dimension"),
        (lambda: Box(0, 1).nonnegative([1]), ShapeError, "in_dimension"),
        (lambda: Box([0], [1]).in_dimension(2), DomainError, r"a set in R\^2 is needed"),
        (lambda: Box([0], [1]).nonnegative([1, 2]), ShapeError, "one for each coordinate"),
        (lambda: Polyhedron([[1, 2], [3]], [1, 2]), ShapeError, "ragged"),
        (lambda: Polyhedron([1, 2], [1, 2]), ShapeError, "a list of rows"),
        (lambda: Polyhedron([], []), ShapeError, "whole_space"),
        (lambda: Polyhedron([[1, 2]], [1, 2]), ShapeError, "one for each row of A"),
        (lambda: Polyhedron([[1, 2]], [[1]]), ShapeError, "one for each row of A"),
        (lambda: Polyhedron([[1, float("nan")]], [1]), NotFiniteError, "A"),
        (lambda: Polyhedron([[1]], [float("-inf")]), NotFiniteError, "b"),
        (lambda: Polyhedron([[1, 0]], [1]).contains([1]), ShapeError, "x: 2 numbers are needed"),
        (lambda: Polyhedron([[1, 0]], [1]).intersection(Box([0], [1])), DomainError, "a set in R"),
        (lambda: Polyhedron([[1], [-1]], [0, -1]).interior_point(), EmptyDomain, "is empty"),
        (lambda: Polyhedron([[0]], [-1]).affine_hull(), EmptyDomain, "is empty"),
        (lambda: Polyhedron([[0]], [-1]).redundant_rows(), EmptyDomain, "is empty"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- volume -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_volumes_of_cubes_simplices_and_cross_polytopes(d):
    unit = np.eye(d, dtype=int)
    assert Box([0] * d, ["1/3"] * d).volume() == Fraction(1, 3**d)
    assert Polyhedron([*(-unit), [1] * d], [0] * d + [1]).volume() == Fraction(1, math.factorial(d))
    signs = list(itertools.product((1, -1), repeat=d))
    assert Polyhedron(signs, [1] * len(signs)).volume() == Fraction(2**d, math.factorial(d))
    assert Polyhedron([*signs, *signs], [1] * len(signs) + [2] * len(signs)).volume() == Fraction(2**d, math.factorial(d))


def test_volume_of_flat_empty_and_unbounded_sets():
    assert Box([0, 0], [0, 1]).volume() == 0
    assert Polyhedron([[1], [-1]], [0, -1]).volume() == 0
    with pytest.raises(DomainError, match="unbounded"):
        Polyhedron([[1, 0]], [0]).volume()


def test_volume_against_scipy():
    spatial = pytest.importorskip("scipy.spatial")
    rng = np.random.default_rng(0)
    for d in (2, 3, 4):
        A = rng.integers(-9, 10, (3 * d + 4, d))
        p = Polyhedron([*A, *np.eye(d, dtype=int), *(-np.eye(d, dtype=int))], [7] * len(A) + [2] * (2 * d))
        found = spatial.ConvexHull(np.array(p.vertices(), dtype=float)).volume
        assert abs(float(p.volume()) - found) < 1e-9 * found
