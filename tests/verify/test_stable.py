"""Signs that units have on the whole domain make a difference simpler; they are assumed, and proved or withdrawn."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, Polyhedron, check, max_deviation, mlp, verify_equal
from exactnn.cells import Merged, read_program
from exactnn.claims import EqualClaim
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.verify._domain import coordinates
from exactnn.verify._lattice import ByLattice
from exactnn.verify._stable import one_sided
from tests.strategies import TINY, law
from tests.verify.test_complete import Complete, judged
from tests.verify.test_lattice import Layers, hidden


def by_lattice(f: Network, g: Network, domain: Polyhedron | None = None, tolerance: Any = 0) -> tuple[str, int]:
    claim, where = EqualClaim(f, g, domain, Fraction(tolerance)), coordinates(domain, f.input_dim)
    lattice = ByLattice(claim, where, Clock())
    return judged(claim, where, lattice.decide()), lattice.found


@pytest.mark.parametrize("inputs", [2, 3, 5])
@pytest.mark.parametrize("depth", [3, 4])
def test_a_neuron_that_is_never_active(inputs: int, depth: int) -> None:
    f, g = hidden(np.random.default_rng(inputs + depth), (inputs, *[5] * depth, 1))
    domain = Box(-2, 3).in_dimension(inputs)
    assert by_lattice(mlp(f), mlp(g)) == ("proved", 6)
    assert by_lattice(mlp(f), mlp(g), domain)[0] == by_lattice(mlp(f), mlp(g), domain, TINY)[0] == "proved"
    assert verify_equal(mlp(f), mlp(g), time_limit=20).proved
    found = max_deviation(mlp(f), mlp(g), domain=domain, time_limit=20)
    assert found.upper == 0
    assert check(found.certificate)


@pytest.mark.parametrize("offset", [0, TINY])
def test_a_neuron_that_is_active_nowhere_or_hardly(offset: Fraction) -> None:
    """Where a and b have one sign |a + b| = |a| + |b|: with an offset > 0 the neuron is active there, by 2^-40 or less."""
    f, g = (mlp(layers) for layers in hidden(np.random.default_rng(1), (2, 4, 4, 3, 1), offset))
    claim, where = EqualClaim(f, g, None, Fraction(0)), coordinates(None, 2)
    search = judged(claim, where, Complete(claim, where, Clock(), None).decide())
    assert by_lattice(f, g)[0] == search == ("refuted" if offset else "proved")


def test_a_small_change_behind_it_is_found() -> None:
    f, g = hidden(np.random.default_rng(2), (2, 4, 4, 3, 1))
    moved = [*g[:-1], (g[-1][0], g[-1][1] + Fraction(1, 2**40))]
    assert by_lattice(mlp(f), mlp(moved)) == ("refuted", 0)
    assert by_lattice(mlp(f), mlp(moved), Box(-1, 1).in_dimension(2), Fraction(1, 2**39))[0] == "proved"
    assert by_lattice(mlp(f), mlp(moved), Box(-1, 1).in_dimension(2), Fraction(1, 2**41))[0] == "refuted"
    assert max_deviation(mlp(f), mlp(moved), domain=Box(-1, 1), time_limit=20).upper == Fraction(1, 2**40)


def test_an_assumption_that_points_do_not_refute_is_withdrawn() -> None:
    """max(x + y + 2^40, 0) is x + y + 2^40 at all points that are tried."""
    first = [[1, 1], [1, 0], [-1, 0]]
    f = mlp([(first, [2**40, 0, 0]), ([[1, 1, -1]], [0]), ([[1]], [0])])
    g = mlp([([*first, [-1, -1]], [0, 0, 0, 0]), ([[1, 1, -1, -1]], [2**40]), ([[1]], [0])])
    merged = one_sided(read_program([f, g]), coordinates(None, 2), Clock())
    assert merged.fixed == {0: 1}
    assert by_lattice(f, g)[0] == "refuted"
    assert by_lattice(f, g, Box(-1, 1).in_dimension(2)) == ("proved", 1)
    assert by_lattice(f, g, Polyhedron([[-1, -1]], [2**40])) == ("proved", 1)
    assert by_lattice(f, g, Polyhedron([[-1, -1]], [2**40 + TINY]))[0] == "refuted"


def test_no_assumption_that_is_of_no_use() -> None:
    f = mlp([([[1, 1], [1, -1]], [9, 0]), ([[1, 1]], [0])])
    g = mlp([([[1, 1], [1, -2]], [10, 0]), ([[1, 1]], [0])])
    where = coordinates(Box(-1, 1).in_dimension(2), 2)
    assert not one_sided(read_program([f, g], where.region), where, Clock()).fixed
    assert Merged(read_program([f, g])).needed


@pytest.mark.parametrize("inputs", [7, 20])
def test_many_inputs_of_which_few_directions_matter(inputs: int) -> None:
    """|a + b| <= |a| + |b| is seen in two dimensions, in coordinates in which the certificate is not written."""
    f, g = hidden(np.random.default_rng(inputs), (inputs, 12, 9, 8, 1))
    assert by_lattice(mlp(f), mlp(g)) == ("proved", 6)
    assert by_lattice(mlp(f), mlp(g), Box(-2, 3).in_dimension(inputs)) == ("proved", 6)
    verdict = verify_equal(mlp(f), mlp(g), time_limit=30)
    assert verdict.proved
    assert "6 cells" in verdict.reason
    moved = [*g[:-1], (g[-1][0], g[-1][1] + Fraction(1, 2**40))]
    assert by_lattice(mlp(f), mlp(moved)) == ("refuted", 0)
    with pytest.raises(Incomplete, match="outside of the domain"):
        by_lattice(mlp(f), mlp(moved), Box(-2, 3).in_dimension(inputs))


def test_a_small_box_of_many_inputs() -> None:
    """On which most neurons have a sign, but not in all of the space, in which cells of few directions lie."""
    f, g = hidden(np.random.default_rng(20), (20, 12, 9, 8, 1))
    domain = Box([1] * 20, [1 + Fraction(1, 64)] * 20)
    assert by_lattice(mlp(f), mlp(g), domain) == ("proved", 6)


def test_many_inputs_of_which_many_directions_matter() -> None:
    f, g = (mlp([(np.eye(7, dtype=int), [0] * 7), (np.ones((1, 7), dtype=int), [0]), ([[c]], [0])]) for c in (1, 2))
    with pytest.raises(Incomplete, match="7 directions"):
        by_lattice(f, g)


@law(25)
@given(st.integers(0, 10**6), st.integers(4, 9), st.booleans())
def test_a_difference_in_few_directions_is_that_of_the_search(seed: int, inputs: int, same: bool) -> None:
    rng = np.random.default_rng(seed)
    basis, other = rng.integers(-2, 3, (2, inputs)), [random_layers(rng) for _ in range(2)]
    first, second = other[0], other[0] if same else other[1]
    f, g = (mlp([(weight @ basis, bias), *rest]) for (weight, bias), *rest in (first, split(second)))
    claim, where = EqualClaim(f, g, None, Fraction(0)), coordinates(None, inputs)
    search = judged(claim, where, Complete(claim, where, Clock(), None).decide())
    assert by_lattice(f, g)[0] == search
    assert search == "proved" or not same


def random_layers(rng: np.random.Generator) -> Layers:
    return [(rng.integers(-2, 3, (n, m)), rng.integers(-2, 3, n)) for m, n in ((2, 4), (4, 3), (3, 1))]


def split(layers: Layers) -> Layers:
    """The same function: the second hidden layer's first neuron, h, becomes h / 3 and 2 h / 3."""
    first, (weight, bias), (last, constant) = layers
    return [
        first,
        (np.vstack([weight, 3 * weight[:1]]), np.append(bias, 3 * bias[0])),
        (np.array([[*(last[0] - [1, 0, 0]), Fraction(1, 3)]]), constant),
    ]
