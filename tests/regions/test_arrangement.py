"""Arrangements against known counts, Whitney's sum over subsets, points over finite fields, z3, and deletion-restriction."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
import z3
from flint import fmpq, fmpq_mat
from hypothesis import assume, given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError, ExactnnError, Incomplete, NotFiniteError, ShapeError
from exactnn.regions import arrangement
from exactnn.regions.arrangement import chambers, characteristic_polynomial
from tests.strategies import law

TINY = Fraction(1, 2**60)
#: dimension, number of chambers: OEIS A034997
RESONANCE = [(1, 2), (2, 6), (3, 32), (4, 370), (5, 11292), (6, 1066044)]


def resonance(dimension):
    return [v for v in itertools.product((0, 1), repeat=dimension) if any(v)]


def differences(n):
    """x_i - x_j for i < j."""
    return [[(k == i) - (k == j) for k in range(n)] for i, j in itertools.combinations(range(n), 2)]


def levels(n, *values):
    """The hyperplanes x_i - x_j = c for c in values."""
    rows = differences(n)
    return rows * len(values), [c for c in values for _ in rows]


def moment_curve(n, d):
    """n hyperplanes in general position in R^d: any d normals are independent, no d + 1 hyperplanes meet."""
    return [[i**k for k in range(d)] for i in range(1, n + 1)], [i**d for i in range(1, n + 1)]


def product(*polynomials):
    result = [1]
    for p in polynomials:
        total = [0] * (len(result) + len(p) - 1)
        for (i, a), (j, b) in itertools.product(enumerate(result), enumerate(p)):
            total[i + j] += a * b
        result = total
    return tuple(result)


def value(polynomial, t):
    return sum(c * t**k for k, c in enumerate(polynomial))


def regions(polynomial):
    return (-1) ** (len(polynomial) - 1) * value(polynomial, -1)


# --- oracles ----------------------------------------------------------------------------------------------------------------


def rank(rows, width):
    return fmpq_mat(len(rows), width, [fmpq(v.numerator, v.denominator) for row in rows for v in map(Fraction, row)]).rank()


def whitney(normals, offsets, dimension):
    """chi(t) = sum of (-1)^|B| t^(d - rank B) over the subsets B of the hyperplanes (as sets) with a common point."""
    different = {}
    for a, b in zip(normals, offsets, strict=True):
        lead = next(Fraction(v) for v in a if v)
        different[tuple(Fraction(v) / lead for v in (*a, b))] = None
    result = [0] * (dimension + 1)
    for size in range(len(different) + 1):
        for rows in itertools.combinations(different, size):
            r = rank([row[:-1] for row in rows], dimension)
            if r == rank(rows, dimension + 1):
                result[dimension - r] += (-1) ** size
    return tuple(result)


def sign_vectors(normals, offsets):
    """The number of vectors of signs +, - that some point has, one z3 question for each prefix."""
    x = z3.Reals(" ".join(f"x{j}" for j in range(len(normals[0])))) if len(normals[0]) > 1 else [z3.Real("x0")]
    solver = z3.Solver()

    def count(i):
        if i == len(normals):
            return 1
        form = sum((z3.RealVal(str(Fraction(v))) * xj for v, xj in zip(normals[i], x, strict=True)), z3.RealVal(0))
        total = 0
        for side in (form > z3.RealVal(str(Fraction(offsets[i]))), form < z3.RealVal(str(Fraction(offsets[i])))):
            solver.push()
            solver.add(side)
            if solver.check() == z3.sat:
                total += count(i + 1)
            solver.pop()
        return total

    return count(0)


def free_points(normals, offsets, dimension, prime):
    """The number of points of F_p^d on no hyperplane: chi(p) for every prime p that divides no nonzero minor (Crapo and Rota)."""
    points = np.stack(np.meshgrid(*[np.arange(prime)] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    values = (points @ np.array(normals).T - np.array(offsets)) % prime
    return int((values != 0).all(axis=1).sum())


# --- known arrangements -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dimension", "count"), RESONANCE)
def test_resonance(dimension, count):
    assert chambers(resonance(dimension)) == count


def test_threshold_functions_of_three_variables():
    assert chambers([(1, *v) for v in itertools.product((0, 1), repeat=3)]) == 104
    assert chambers([(1, *v) for v in itertools.product((0, 1), repeat=4)]) == 1882


@pytest.mark.parametrize(("n", "d"), [(1, 1), (5, 1), (1, 3), (3, 3), (4, 3), (9, 3), (20, 2), (12, 4), (9, 7), (8, 9), (12, 11), (22, 20)])
def test_general_position(n, d):
    expected = [0] * (d + 1)
    for k in range(min(n, d) + 1):
        expected[d - k] = (-1) ** k * math.comb(n, k)
    assert characteristic_polynomial(*moment_curve(n, d)) == tuple(expected)
    assert chambers(*moment_curve(n, d)) == sum(math.comb(n, k) for k in range(d + 1))


@pytest.mark.parametrize(("n", "d"), [(3, 3), (4, 3), (7, 3), (10, 4), (9, 8), (15, 12)])
def test_general_central_position(n, d):
    assert chambers(moment_curve(n, d)[0]) == 2 * sum(math.comb(n - 1, k) for k in range(d))


@pytest.mark.parametrize("n", range(2, 8))
def test_braid(n):
    assert characteristic_polynomial(differences(n)) == product(*([-k, 1] for k in range(n)))
    assert chambers(differences(n)) == math.factorial(n)


@pytest.mark.parametrize("n", range(2, 7))
def test_shi_and_catalan(n):
    assert characteristic_polynomial(*levels(n, 0, 1)) == product([0, 1], *[[-n, 1]] * (n - 1))
    assert chambers(*levels(n, 0, 1)) == (n + 1) ** (n - 1)
    assert characteristic_polynomial(*levels(n, -1, 0, 1)) == product([0, 1], *([-k, 1] for k in range(n + 1, 2 * n)))
    assert chambers(*levels(n, -1, 0, 1)) == math.factorial(2 * n) // math.factorial(n + 1)


def test_linial():
    assert [chambers(*levels(n, 1)) for n in range(2, 7)] == [2, 7, 36, 246, 2104]


@pytest.mark.parametrize("n", [2, 3, 4])
def test_signed_permutations(n):
    rows = differences(n) + [[abs(v) for v in row] for row in differences(n)] + np.eye(n, dtype=int).tolist()
    assert characteristic_polynomial(rows) == product(*([-k, 1] for k in range(1, 2 * n, 2)))


def test_boolean_in_any_number_of_dimensions():
    assert characteristic_polynomial(np.eye(4)) == product(*[[-1, 1]] * 4)
    assert chambers(np.eye(200)) == 2**200
    assert chambers(np.triu(np.ones((40, 60)))[:, ::-1], np.arange(40)) == 2**40


def test_a_sum_of_arrangements_has_the_product():
    block = np.kron(np.eye(8, dtype=int), np.array(resonance(3)))
    assert chambers(block) == 32**8
    assert chambers(block, np.zeros(len(block))) == 32**8


def test_no_hyperplane():
    assert characteristic_polynomial(np.zeros((0, 3))) == (0, 0, 0, 1)
    assert chambers(np.zeros((0, 3))) == 1
    assert characteristic_polynomial(np.zeros((0, 2)), []) == (0, 0, 1)
    assert characteristic_polynomial(np.zeros((0, 0))) == (1,)


def test_fewer_rows_than_dimensions_span_less():
    assert characteristic_polynomial([[1, 2, 3, 4], [2, 4, 6, 9]]) == (0, 0, 1, -2, 1)
    assert chambers([[1, 1, 1], [2, 2, 2]], [0, 1]) == 3


def test_parallel_hyperplanes():
    assert characteristic_polynomial([[1, 0]] * 5, range(5)) == (0, -5, 1)
    assert chambers([[1, 0]] * 5 + [[0, 3]] * 2, [*range(5), 1, 2]) == 6 * 3


def test_duplicates_count_once():
    rows = [[1, 2], [-1, -2], ["1/2", 1], [0, "-3/7"], [0, 5]]
    assert characteristic_polynomial(rows) == (1, -2, 1)
    assert characteristic_polynomial(rows, [1, -1, "1/2", 0, 0]) == (1, -2, 1)
    assert characteristic_polynomial(rows, [1, 1, 1, 0, 0]) == (3, -4, 1)
    assert chambers([[1], [3]], ["1/10", 3 * 0.1]) == 3  # three times the double 0.1, rounded, is not 3/10


def test_tiny_differences_decide():
    assert chambers([[1, 0], [0, 1], [1, 1]], [0, 0, TINY]) == 7
    assert chambers([[1, 0], [0, 1], [1, 1]], [0, 0, 0]) == 6
    assert chambers([[1, 0], [1, 2.0**-60]]) == 4
    assert chambers([[1, 0], [1, 0]]) == 2
    assert chambers(np.array(resonance(4)) * 2.0**-60) == 370
    perturbed = [*resonance(3)[:-1], (1, 1, 1 + TINY)]
    assert chambers(perturbed) == regions(whitney(perturbed, [0] * 7, 3)) == sign_vectors(perturbed, [0] * 7) == 36


def test_numbers_of_any_kind():
    normals, offsets = moment_curve(4, 2)
    assert chambers(np.array(normals, dtype=np.float32), torch.tensor(offsets)) == 11
    assert chambers([[str(v) for v in row] for row in normals], [Fraction(v) for v in offsets]) == 11


# --- oracles over random degenerate arrangements ----------------------------------------------------------------------------


@st.composite
def arrangements(draw, most=6, dimensions=(1, 3), entry=2):
    """(normals, offsets) with small entries: parallel, equal, opposite rows and common flats are frequent."""
    d = draw(st.integers(*dimensions))
    number = st.integers(-entry, entry)
    rows = draw(st.lists(st.tuples(*[number] * d).filter(any), min_size=1, max_size=most))
    if draw(st.booleans()):
        return rows, [0] * len(rows)
    return rows, draw(st.lists(number, min_size=len(rows), max_size=len(rows)))


@given(arrangements(most=7, dimensions=(1, 4)))
@law(300)
def test_is_whitneys_sum(given_arrangement):
    normals, offsets = given_arrangement
    expected = whitney(normals, offsets, len(normals[0]))
    assert characteristic_polynomial(normals, offsets) == expected
    assert chambers(normals, offsets) == regions(expected)
    if not any(offsets):
        assert characteristic_polynomial(normals) == expected


@given(arrangements(most=5))
@law(60)
def test_is_the_number_of_sign_vectors(given_arrangement):
    normals, offsets = given_arrangement
    assert chambers(normals, offsets) == sign_vectors(normals, offsets)


@given(arrangements(most=14, dimensions=(2, 3), entry=1))
@law(150)
def test_counts_points_over_finite_fields(given_arrangement):
    # minors of rows (a | b) and (0 | 1) with entries 0, 1, -1 are at most 4^2 = 16 by Hadamard's bound
    normals, offsets = given_arrangement
    polynomial = characteristic_polynomial(normals, offsets)
    for prime in (17, 19):
        assert value(polynomial, prime) == free_points(normals, offsets, len(normals[0]), prime)


def restricted(normals, offsets, chosen):
    """The arrangement that the other hyperplanes cut out of one of them, the coordinate of its first nonzero entry eliminated."""
    a, b = normals[chosen], offsets[chosen]
    j = next(i for i, v in enumerate(a) if v)
    rows, right = [], []
    for i, (row, beta) in enumerate(zip(normals, offsets, strict=True)):
        factor = Fraction(row[j]) / a[j]
        rest = [Fraction(v) - factor * w for k, (v, w) in enumerate(zip(row, a, strict=True)) if k != j]
        if i != chosen and any(rest):
            rows.append(rest)
            right.append(beta - factor * b)
    return (rows, right) if rows else (np.zeros((0, len(a) - 1)), [])


@given(arrangements(most=14, dimensions=(2, 6)), st.data())
@law(250)
def test_deletion_and_restriction(given_arrangement, data):
    normals, offsets = given_arrangement
    i = data.draw(st.integers(0, len(normals) - 1))
    normals, offsets = zip(*dict.fromkeys(zip(normals, offsets, strict=True)), strict=True)
    i %= len(normals)
    row = [Fraction(v) for v in (*normals[i], offsets[i])]
    assume(sum(rank([row, [*a, b]], len(row)) == 1 for a, b in zip(normals, offsets, strict=True)) == 1)
    fewer = [[*part[:i], *part[i + 1 :]] for part in (normals, offsets)]
    deleted = characteristic_polynomial(*fewer) if fewer[0] else (*[0] * len(normals[0]), 1)
    restriction = characteristic_polynomial(*restricted(normals, offsets, i))
    whole = characteristic_polynomial(normals, offsets)
    assert whole == tuple(a - b for a, b in zip(deleted, (*restriction, 0), strict=True))


@given(arrangements(most=12, dimensions=(2, 5)), st.integers(0, 2**32), st.sampled_from([1, 2**20, 2**40, 2**90]))
@law(200)
def test_a_change_of_coordinates_order_and_scale_changes_nothing(given_arrangement, seed, size):
    """Large shears take the arithmetic beyond int64."""
    normals, offsets = given_arrangement
    rng = np.random.default_rng(seed)
    matrix = np.array([[Fraction(v) for v in row] for row in normals])
    right = np.array([Fraction(v) for v in offsets])
    d = matrix.shape[1]
    shear = np.array([[(i == j) + (size * int(rng.integers(-3, 4)) if i < j else 0) for j in range(d)] for i in range(d)], dtype=object)
    shift = np.array([Fraction(int(v), 7) for v in rng.integers(-9, 10, d)])
    factors = np.array([Fraction(int(v), 3) for v in rng.choice([-4, -1, 2, 5], len(matrix))])
    order = rng.permutation(len(matrix))
    moved = (factors[:, None] * (matrix @ shear @ shear.T))[order]
    moved_right = (factors * (right + matrix @ shift))[order]
    assert characteristic_polynomial(moved, moved_right) == characteristic_polynomial(normals, offsets)


@pytest.mark.parametrize("chunk", [1, 100, 10**9])
def test_the_size_of_the_parts_changes_nothing(monkeypatch, chunk):
    monkeypatch.setattr(arrangement, "_CHUNK", chunk)
    assert characteristic_polynomial(resonance(4)) == (104, -170, 80, -15, 1)
    assert chambers(*levels(5, -1, 0, 1)) == 5040


def test_python_integers_give_the_same(monkeypatch):
    monkeypatch.setattr(arrangement, "_wide", lambda values: values.astype(object))
    monkeypatch.setattr(arrangement, "_narrow", lambda values: values)
    assert characteristic_polynomial(resonance(4)) == (104, -170, 80, -15, 1)
    assert chambers(*levels(4, -1, 0, 1)) == 336


@pytest.mark.parametrize(
    ("groups", "rows"),
    [
        ([0, 0, 0], [[0, 0, 0], [64, 0, 0], [2**29 - 1] * 3]),  # equal modulo 2^64, were the digits just put together
        ([0, 1, 2, 3, 4, 4], [[0], [0], [0], [0], [0], [2**62 - 1]]),
        ([0, 0, 1, 1], [[-(2**61), 5], [-(2**61), 5], [2**61, 5], [2**61, -5]]),
        ([0, 0, 0, 1], [[2**70, 1], [2**70, 1], [-(2**70), 1], [2**70, 1]]),
    ],
)
def test_keys_are_equal_exactly_for_equal_rows(groups, rows):
    dtype = object if max(map(max, rows)) >= 2**63 else np.int64
    keys = arrangement._keys(np.array(groups), np.array(rows, dtype=dtype))
    names = [(g, *row) for g, row in zip(groups, rows, strict=True)]
    for i, j in itertools.combinations(range(len(rows)), 2):
        assert bool(keys[i] == keys[j]) is (names[i] == names[j])


def test_more_than_64_hyperplanes():
    assert chambers(*moment_curve(70, 3)) == sum(math.comb(70, k) for k in range(4))
    assert chambers(*moment_curve(130, 2)) == sum(math.comb(130, k) for k in range(3))
    assert chambers(*levels(5, *range(-3, 5))) == (4 * 5 + 1) ** 4  # extended Shi, 80 hyperplanes


# --- limits and refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 0.01, "1/20"])
def test_a_time_limit_leaves_a_lower_bound(limit):
    with pytest.raises(Incomplete, match=r"time limit of .* s was reached; component .* chambers >= \d+") as caught:
        chambers(resonance(7), time_limit=limit)
    assert 2**7 <= caught.value.partial < 347_326_352


def test_too_many_flats_for_the_memory(monkeypatch):
    monkeypatch.setattr(arrangement, "_MEMORY", 1 << 16)
    with pytest.raises(Incomplete, match="too many flats of rank") as caught:
        chambers(resonance(6))
    assert 2**6 <= caught.value.partial < 1066044
    assert chambers(resonance(4)) == 370


def test_the_lower_bound_counts_all_components():
    two = np.kron(np.eye(2, dtype=int), np.array(resonance(7)))
    for rows, offsets, known in ((two, None, 2**14), (two, [0] * len(two), 2**14), (*moment_curve(4, 2), 4)):
        with pytest.raises(Incomplete) as caught:
            characteristic_polynomial(rows, offsets, time_limit=0)
        assert caught.value.partial == known


@pytest.mark.parametrize(
    ("normals", "offsets", "kind", "message"),
    [
        ([[1, 0], [0, 0]], None, ArgumentError, r"normals\[1\]: a nonzero row is needed; a zero row describes the whole space"),
        ([[0, 0]], [0], ArgumentError, r"a zero row with offset 0 describes the whole space"),
        ([[0, 0]], ["1/2"], ArgumentError, r"a zero row with offset 1/2 describes the empty set"),
        ([], None, ShapeError, r"numpy\.zeros\(\(0, d\)\)"),
        ([1, 2], None, ShapeError, r"normals: a matrix .* got shape \(2,\)"),
        ([[1, 2], [3]], None, ShapeError, "normals: rows of equal length"),
        ([[1, 2], [3, 4]], [1], ShapeError, r"offsets: 2 numbers are needed.* got shape \(1,\)"),
        ([[1, 2]], [[1]], ShapeError, "offsets: 1 numbers"),
        ([[1, math.nan]], None, NotFiniteError, "normals"),
        ([[1, 1]], [math.inf], NotFiniteError, "offsets"),
        ([[1, "x"]], None, ArgumentError, r"normals\[0, 1\]"),
        ("12", None, ArgumentError, "normals"),
        (None, None, ArgumentError, "normals"),
    ],
)
def test_what_is_no_arrangement_is_refused(normals: Any, offsets: Any, kind: type[ExactnnError], message: str):
    for question in (chambers, characteristic_polynomial):
        with pytest.raises(kind, match=message):
            question(normals, offsets)


def test_a_limit_below_zero_is_refused():
    with pytest.raises(ArgumentError, match="time_limit"):
        chambers([[1]], time_limit=-1)
