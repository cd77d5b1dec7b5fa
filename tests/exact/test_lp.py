"""Exact linear programs against z3, scipy and Farkas's lemma checked in Fractions, over every way inside."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
import scipy.optimize
import z3
from flint import fmpq, fmpq_mat
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError, NotFiniteError, ShapeError
from exactnn.exact import _float_lp, _simplex, lp
from exactnn.exact._integer_rows import IntegerRows
from exactnn.exact.clock import Clock
from tests.strategies import law

WAYS = ("exact", "tableau", "highs")
TINY = Fraction(1, 2**60)


@contextlib.contextmanager
def way(name: str) -> Iterator[None]:
    """Force one way inside: no float proposal, numpy's tableau, or HiGHS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lp, "DIRECT_LIMIT", 10**9 if name == "exact" else -1)
        patch.setattr(_float_lp, "DENSE_LIMIT", -1 if name == "highs" else 10**9)
        yield


# --- what an answer must satisfy, in Fractions ---------------------------------------------------------------------------


def fr(values):
    return [Fraction(int(v.p), int(v.q)) for v in values]


def dot(a, b):
    return sum((Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)), Fraction(0))


def is_member(x, A, b, E=(), d=(), strict=()):
    return (
        all(dot(row, x) <= beta for row, beta in zip(A, b, strict=True))
        and all(dot(row, x) == Fraction(delta) for row, delta in zip(E, d, strict=True))
        and all(dot(A[i], x) < b[i] for i in strict)
    )


def combine(y, z, A, b, E, d, n):
    """(y^T A + z^T E, y^T b + z^T d)."""
    columns = [dot(y, [row[j] for row in A]) + dot(z, [row[j] for row in E]) for j in range(n)]
    return columns, dot(y, b) + dot(z, d)


def assert_right(answer, n, A, b, E=(), d=(), strict=(), c=None, gamma=None):
    if isinstance(answer, lp.Feasible):
        assert is_member(fr(answer.point), A, b, E, d, strict)
    elif isinstance(answer, lp.Infeasible):
        y, z = fr(answer.farkas), fr(answer.equality_multipliers)
        columns, value = combine(y, z, A, b, E, d, n)
        assert min(y, default=0) >= 0
        assert columns == [0] * n
        assert value < 0 or (value == 0 and any(y[i] > 0 for i in strict))
    elif isinstance(answer, lp.Optimal):
        x, y, z = fr(answer.point), fr(answer.dual), fr(answer.equality_multipliers)
        assert is_member(x, A, b, E, d)
        assert min(y, default=0) >= 0
        assert combine(y, z, A, b, E, d, n) == ([Fraction(v) for v in c], dot(c, x))
        assert fr([answer.value]) == [dot(c, x)]
    elif isinstance(answer, lp.Unbounded):
        x, ray = fr(answer.point), fr(answer.ray)
        assert is_member(x, A, b, E, d)
        assert is_member(ray, A, [0] * len(A), E, [0] * len(E))
        assert dot(c, ray) > 0
    elif isinstance(answer, lp.Negative):
        x = fr(answer.point)
        assert is_member(x, A, b, E, d)
        assert fr([answer.value]) == [dot(c, x) + gamma]
        assert answer.value < 0
    else:
        assert isinstance(answer, lp.Nonnegative)
        y, z = fr(answer.multipliers), fr(answer.equality_multipliers)
        columns, value = combine(y, z, A, b, E, d, n)
        assert min(y, default=0) >= 0
        assert answer.slack >= 0
        assert columns == [-Fraction(v) for v in c]  # the coefficients of c.x + gamma = slack + y^T (b - A x) + z^T (d - E x)
        assert fr([answer.slack])[0] + value == gamma


# --- the independent oracle -------------------------------------------------------------------------------------------------


def z3_constraints(n, A, b, E, d, strict):
    x = [z3.Real(f"x{j}") for j in range(n)]

    def term(row):
        return z3.Sum([z3.RealVal(0)] + [z3.Q(Fraction(a).numerator, Fraction(a).denominator) * v for a, v in zip(row, x, strict=True)])

    def number(v):
        return z3.Q(Fraction(v).numerator, Fraction(v).denominator)

    rows = [term(row) < number(beta) if i in strict else term(row) <= number(beta) for i, (row, beta) in enumerate(zip(A, b, strict=True))]
    return x, term, rows + [term(row) == number(delta) for row, delta in zip(E, d, strict=True)]


def z3_feasible(n, A, b, E=(), d=(), strict=()):
    solver = z3.Solver()
    solver.add(z3_constraints(n, A, b, E, d, strict)[2])
    return solver.check() == z3.sat


def z3_maximum(c, n, A, b, E=(), d=()):
    """The maximum as a Fraction, "infeasible" or "unbounded"."""
    _, term, constraints = z3_constraints(n, A, b, E, d, ())
    optimiser = z3.Optimize()
    optimiser.add(constraints)
    goal = optimiser.maximize(term(c))
    if optimiser.check() != z3.sat:
        return "infeasible"
    top = optimiser.upper(goal)
    if z3.is_int_value(top):
        return Fraction(top.as_long())
    return top.as_fraction() if z3.is_rational_value(top) else "unbounded"


# --- random systems, many of them degenerate ---------------------------------------------------------------------------------


@st.composite
def systems(draw):
    n = draw(st.integers(0, 4))
    entry = st.integers(-2, 2)
    row = st.lists(entry, min_size=n, max_size=n)
    A = draw(st.lists(row, max_size=7))
    b = [draw(st.sampled_from([-2, -1, 0, 0, 1, 2, 3])) for _ in A]
    for i in draw(st.lists(st.integers(0, 20), max_size=3)):  # repeated, opposite and scaled rows, some off by a hair
        if A:
            factor = draw(st.sampled_from([1, -1, Fraction(-1, 3), 2]))
            shift = draw(st.sampled_from([0, 0, TINY, -TINY, 1]))
            A.append([factor * a for a in A[i % len(A)]])
            b.append(factor * b[i % len(b)] + shift)
    E = draw(st.lists(row, max_size=2))
    d = [draw(st.integers(-1, 1)) for _ in E]
    c = draw(row)
    strict = draw(st.sets(st.integers(0, len(A) - 1))) if A else set()
    return n, A, b, E, d, c, sorted(strict)


def made(n, A, b, E, d):
    """The system as `lp` gets it: a matrix without rows still has its n columns."""
    left = A or np.zeros((0, n), dtype=int)
    return lp.LinearSystem(left, b, equalities=(E, d) if E else None)


@law(150)
@given(systems())
def test_feasibility_agrees_with_z3(system):
    n, A, b, E, d, _, strict = system
    for rows in ((), strict):
        expected = z3_feasible(n, A, b, E, d, rows)
        for name in WAYS:
            with way(name):
                answer = made(n, A, b, E, d).feasible(strict=rows)
            assert isinstance(answer, lp.Feasible) == expected
            assert_right(answer, n, A, b, E, d, rows)


@law(100)
@given(systems())
def test_the_maximum_agrees_with_z3(system):
    n, A, b, E, d, c, _ = system
    expected = z3_maximum(c, n, A, b, E, d)
    for name in WAYS:
        with way(name):
            answer = made(n, A, b, E, d).maximise(c)
        assert_right(answer, n, A, b, E, d, c=c)
        if expected == "infeasible":
            assert isinstance(answer, lp.Infeasible)
        elif expected == "unbounded":
            assert isinstance(answer, lp.Unbounded)
        else:
            assert fr([answer.value]) == [expected]


@law(100)
@given(systems(), st.sampled_from([-1, 0, 1, TINY, -TINY, "least", "below"]))
def test_nonnegative_agrees_with_z3(system, gamma):
    n, A, b, E, d, c, _ = system
    if isinstance(gamma, str):  # exactly, or 2^-60 less than, what makes c.x + gamma nonnegative
        top = z3_maximum([-v for v in c], n, A, b, E, d)
        gamma = 0 if isinstance(top, str) else top - (TINY if gamma == "below" else 0)
    minus = [[*map(Fraction, c)]]
    expected = not z3_feasible(n, [*minus, *A], [-gamma, *b], E, d, strict=[0])  # c.x < -gamma has no solution
    for name in WAYS:
        with way(name):
            answer = made(n, A, b, E, d).nonnegative(c, gamma)
        assert isinstance(answer, (lp.Nonnegative, lp.Infeasible)) == expected
        assert_right(answer, n, A, b, E, d, c=c, gamma=gamma)


@law(200)
@given(systems(), st.randoms(use_true_random=False))
def test_any_basis_will_do_to_start_from(system, rng):
    """Random rows and columns as a guess: no basis, or the same answer."""
    n, A, b, _, _, c, _ = system
    integers = made(n, A, b, [], []).integers
    right = _simplex.solve(integers, c)
    for _ in range(6):
        zero = rng.sample(range(n), rng.randint(max(0, n - len(A)), n))
        guess = _simplex.Guess(rng.sample(range(len(A)), n - len(zero)), zero, rng.randint(-1, len(A)))
        try:
            found = _simplex.solve(integers, c, guess)
        except _simplex.SingularBasis:
            continue
        assert found.status == right.status
        if found.status == "optimal":
            assert value(integers, c, found) == value(integers, c, right)


def value(integers, c, outcome):
    numerators, denominator = outcome.point
    assert min(integers.slack(outcome.point), default=0) >= 0
    return sum((v * w for v, w in zip(c, numerators, strict=True)), 0) / fmpq(denominator)


@pytest.mark.parametrize("name", WAYS)
def test_against_scipy_on_larger_systems(name):
    rng = np.random.default_rng(5)
    for n, m in [(3, 12), (6, 30), (10, 40), (15, 60)]:
        A = rng.integers(-9, 10, size=(m, n))
        b = rng.integers(1, 30, size=m)
        c = rng.integers(-5, 6, size=n)
        if name == "exact" and n > 10:
            continue
        expected = scipy.optimize.linprog(-c, A_ub=A, b_ub=b, bounds=(None, None))
        with way(name):
            answer = lp.maximise(c, A, b)
        assert_right(answer, n, A.tolist(), b.tolist(), c=c.tolist())
        if expected.status == 0:
            assert float(fr([answer.value])[0]) == pytest.approx(-expected.fun, rel=1e-7)
        else:
            assert isinstance(answer, lp.Unbounded)


# --- known cases ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("scale", [1, 2**40, Fraction(1, 3**50)])
def test_twins_infeasible_by_2_to_the_minus_60(name, scale):
    """x + y <= 1 and x + y >= 1 + 2^-60, among other rows; floats see a line."""
    A = [[scale, scale], [-scale, -scale], [1, 0], [-1, 0], [0, 1], [0, -1]]
    box = [3, 3, 3, 3]
    with way(name):
        empty = lp.feasible(A, [scale, -scale * (1 + TINY), *box])
        line = lp.feasible(A, [scale, -scale, *box])
        strip = lp.feasible(A, [scale, -scale * (1 - TINY), *box], strict=True)
        no_strip = lp.feasible(A, [scale, -scale, *box], strict=[0])
    assert isinstance(empty, lp.Infeasible)
    assert isinstance(line, lp.Feasible)
    assert isinstance(strip, lp.Feasible)
    assert isinstance(no_strip, lp.Infeasible)
    assert_right(empty, 2, A, [scale, -scale * (1 + TINY), *box])
    assert_right(strip, 2, A, [scale, -scale * (1 - TINY), *box], strict=range(6))
    assert_right(no_strip, 2, A, [scale, -scale, *box], strict=[0])


@pytest.mark.parametrize("name", WAYS)
def test_scales_far_outside_the_floats(name):
    """10^300 and 2^-1074 in one system, and 10^1000, which is no float at all."""
    huge, small = Fraction(10) ** 300, Fraction(1, 2**1074)
    for big in (huge, Fraction(10) ** 1000):
        A = [[big, small], [-big, small], [0, -1], [small, -small]]
        b = [big, big, small, 1]
        with way(name):
            for c in ([1, 1], [big, small], [small, -big], [0, -1]):
                assert_right(lp.maximise(c, A, b), 2, A, b, c=c)
            inside = lp.feasible(A, b, strict=True)
            outside = lp.feasible([*A, [0, 1]], [*b, -2 * small])
        assert_right(inside, 2, A, b, strict=range(4))
        assert isinstance(outside, lp.Infeasible)
        assert_right(outside, 2, [*A, [0, 1]], [*b, -2 * small])


@pytest.mark.parametrize("name", WAYS)
def test_a_single_point(name):
    """x = y = z = 1/3 as the only point of a cube corner met by a plane."""
    A = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]]
    third = Fraction(1, 3)
    b = [third, third, third, -1]
    with way(name):
        answer = lp.feasible(A, b)
        assert fr(answer.point) == [third] * 3
        assert isinstance(lp.feasible(A, b, strict=[3]), lp.Infeasible)
        assert fr([lp.maximise([5, -1, 2], A, b).value]) == [2]


@pytest.mark.parametrize("name", WAYS)
def test_a_cycling_example(name):
    """Beale's example, on which the simplex method with the usual rule cycles; maximum 1/20."""
    q = Fraction(1, 4)
    A = [[q, -60, Fraction(-1, 25), 9], [Fraction(1, 2), -90, Fraction(-1, 50), 3], [0, 0, 1, 0]]
    A += [[-int(i == j) for j in range(4)] for i in range(4)]
    b = [0, 0, 1, 0, 0, 0, 0]
    c = [Fraction(3, 4), -150, Fraction(1, 50), -6]
    with way(name):
        answer = lp.maximise(c, A, b)
    assert fr([answer.value]) == [Fraction(1, 20)]
    assert_right(answer, 4, A, b, c=c)


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("dimension", [3, 5])
def test_the_klee_minty_cube(name, dimension):
    """All 2^n vertices lie on a rising path; the maximum is 5^n."""
    n = dimension
    A = [[2 ** (i - j + 1) if j < i else int(i == j) for j in range(n)] for i in range(n)]
    A += [[-int(i == j) for j in range(n)] for i in range(n)]
    b = [5 ** (i + 1) for i in range(n)] + [0] * n
    with way(name):
        answer = lp.maximise([2 ** (n - 1 - j) for j in range(n)], A, b)
    assert fr([answer.value]) == [5**n]


def test_bland_rule_alone_ends_with_the_same_answer():
    """The rule that makes the method finite, from the first pivot."""
    rng = random.Random(3)
    for _ in range(40):
        n, m = 3, 9
        rows = [[rng.randint(-3, 3) for _ in range(n)] for _ in range(m)]
        rhs = [rng.choice([0, 0, 0, 1, -1]) for _ in range(m)]
        cost = [rng.randint(-3, 3) for _ in range(n)]
        integers = IntegerRows(rows, rhs, n)
        run = _simplex._Run(integers, cost, _simplex.Guess(zero=list(range(n))), Clock())
        run.patience = -(10**9)
        found, right = run.run(), _simplex.solve(integers, cost)
        assert found.status == right.status
        if found.status == "optimal":
            assert value(integers, cost, found) == value(integers, cost, right)


@pytest.mark.parametrize("name", WAYS)
def test_no_variables_and_no_rows(name):
    with way(name):
        assert isinstance(lp.feasible([[], []], [0, 1]), lp.Feasible)
        assert isinstance(lp.feasible([[], []], [0, -1]), lp.Infeasible)
        assert isinstance(lp.feasible([[], []], [0, 1], strict=True), lp.Infeasible)
        assert lp.maximise([], [[]], [1]).value == 0
        nothing = np.zeros((0, 3))
        assert fr(lp.feasible(nothing, []).point) == [0, 0, 0]
        assert isinstance(lp.maximise([0, 1, 0], nothing, []), lp.Unbounded)
        assert lp.maximise([0, 0, 0], nothing, []).value == 0
        assert isinstance(lp.feasible(nothing, [], equalities=([[1, 1, 1], [2, 2, 2]], [1, 3])), lp.Infeasible)


@pytest.mark.parametrize("name", WAYS)
def test_lineality_and_zero_rows(name):
    """A strip in R^3 that contains a plane of directions, with a zero row and a zero column."""
    A = [[1, -1, 0], [-1, 1, 0], [0, 0, 0]]
    with way(name):
        assert lp.maximise([2, -2, 0], A, [3, 1, 0]).value == 6
        ray = lp.maximise([1, 1, 0], A, [3, 1, 0])
        assert_right(ray, 3, A, [3, 1, 0], c=[1, 1, 0])
        assert isinstance(lp.maximise([0, 0, -1], A, [3, 1, 0]), lp.Unbounded)
        assert isinstance(lp.feasible(A, [3, 1, -1]), lp.Infeasible)
        assert isinstance(lp.maximise([0, 0, 1], A, [3, -4, 0]), lp.Infeasible)


def test_equality_multipliers_may_have_any_sign():
    answer = lp.nonnegative([1, 1], -1, [[-1, 0]], [0], equalities=([[1, 1]], [2]))
    assert fr(answer.equality_multipliers) == [-1]
    assert answer.slack == 1


# --- the float proposals and their counts -----------------------------------------------------------------------------------


def random_system(seed, n=6, m=30):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, n)), rng.uniform(-0.1, 1, size=m), rng.normal(size=n)


@pytest.mark.parametrize("name", WAYS)
def test_nothing_is_printed(name, capfd):
    """The first line of stdout belongs to the verdict; HiGHS likes to print a banner."""
    A, b, c = random_system(0)
    with way(name):
        lp.maximise(c, A, b)
    assert capfd.readouterr() == ("", "")


def test_statistics_count_accepted_proposals():
    with way("tableau"):
        lp.statistics.reset()
        for seed in range(20):
            A, b, c = random_system(seed)
            lp.maximise(c, A, b)
    assert lp.statistics.accepted >= 18
    assert lp.statistics.rejected == lp.statistics.direct == 0


@pytest.mark.parametrize("kind", ["none", "garbage", "singular", "vertex"])
def test_wrong_proposals_change_nothing(kind, monkeypatch):
    rng = random.Random(8)

    def wrong(rows, cost, seconds):
        m, n = rows.a.shape
        return {
            "none": None,
            "garbage": _simplex.Guess(rng.sample(range(m), n), [0], 2),
            "singular": _simplex.Guess([0] * n, []),
            "vertex": _simplex.Guess(rng.sample(range(m), n), [], rng.randrange(m)),
        }[kind]

    for seed in range(8):
        A, b, c = random_system(seed, n=4, m=20)
        right, feasible = lp.maximise(c, A, b), lp.feasible(A, b - 0.5)
        with monkeypatch.context() as patch:
            patch.setattr(lp, "propose", wrong)
            lp.statistics.reset()
            found, again = lp.maximise(c, A, b), lp.feasible(A, b - 0.5)
            assert lp.statistics.rejected == 2 * (kind != "vertex")
            assert lp.statistics.accepted + lp.statistics.repaired == 2 * (kind == "vertex")
        assert type(found) is type(right)
        assert type(feasible) is type(again)
        assert getattr(found, "value", None) == getattr(right, "value", None)
        assert_right(again, 4, A.tolist(), (b - 0.5).tolist())


def test_a_wrong_answer_never_gets_out(monkeypatch):
    """Results are checked before they are returned: a broken solver raises instead."""
    honest = lp.solve

    def broken(system, cost, start=None, clock=None):
        outcome = honest(system, cost, start)
        numerators, denominator = outcome.point
        return _simplex.Outcome("optimal", ([v + 10**6 for v in numerators], denominator), {}, None, outcome.basis, 0)

    monkeypatch.setattr(lp, "solve", broken)
    with pytest.raises(AssertionError, match="report"):
        lp.feasible([[1], [-1]], [1, 1])


# --- input ------------------------------------------------------------------------------------------------------------------


def test_every_number_type_gives_the_same_answer():
    expected = lp.maximise([1, 1], [[1, 2], [3, 1], [-1, 0]], [Fraction(1, 2), 1, 0])
    forms = [
        (np.array([[1.0, 2.0], [3.0, 1.0], [-1.0, 0.0]]), ["1/2", 1, 0]),
        (fmpq_mat([[1, 2], [3, 1], [-1, 0]]), [fmpq(1, 2), fmpq(1), fmpq(0)]),
        ([["1.0", 2], [3, Fraction(1)], [-1, 0.0]], np.array([0.5, 1, 0])),
        (fmpq_mat([[1, 2], [3, 1], [-1, 0]]), fmpq_mat([[fmpq(1, 2)], [1], [0]])),
    ]
    for A, b in forms:
        assert lp.maximise([1, 1], A, b) == expected


def test_multipliers_are_those_of_the_rows_as_given():
    """Rows are made primitive inside; the certificate still fits what the caller wrote."""
    A, b = [[Fraction(6, 5), 0], [0, Fraction(9, 7)], [-4, -6]], [Fraction(3, 5), 3, -40]
    answer = lp.feasible(A, b)
    assert isinstance(answer, lp.Infeasible)
    assert_right(answer, 2, A, b)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lp.feasible([[1, 2], [3]], [1, 2]), ShapeError, "ragged"),
        (lambda: lp.feasible([[1, 2]], [1, 2]), ShapeError, "one for each row of A, got 2"),
        (lambda: lp.feasible([1, 2], [1, 2]), ShapeError, "a list of rows"),
        (lambda: lp.feasible([], []), ShapeError, r"numpy\.zeros"),
        (lambda: lp.feasible([[1]], [[1]]), ShapeError, "flat list"),
        (lambda: lp.maximise([1], [[1, 2]], [0]), ShapeError, "one for each column of A"),
        (lambda: lp.feasible([[float("nan")]], [0]), NotFiniteError, "A"),
        (lambda: lp.feasible([[1]], [float("inf")]), NotFiniteError, "b"),
        (lambda: lp.feasible([[1]], [1], strict=[1]), ArgumentError, "row indices from 0 to 0"),
        (lambda: lp.feasible([[1]], [1], equalities=([[1, 2]], [1])), ShapeError, "columns"),
        (lambda: lp.nonnegative([1], True, [[1]], [1]), ArgumentError, "gamma"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
