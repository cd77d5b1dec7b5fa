"""Signs that units have on the whole domain make a difference simpler; they are assumed, and proved or withdrawn."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from exactnn import Box, Network, Polyhedron, check, max_deviation, mlp, verify_equal
from exactnn.cells import Merged, read_program
from exactnn.claims import EqualClaim
from exactnn.exact.clock import Clock
from exactnn.verify._domain import coordinates
from exactnn.verify._lattice import ByLattice
from exactnn.verify._stable import one_sided
from tests.strategies import TINY
from tests.verify.test_complete import Complete, judged
from tests.verify.test_lattice import hidden


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
    merged = one_sided(read_program([f, g]), coordinates(None, 2))
    assert merged.fixed == {0: 1}
    assert by_lattice(f, g)[0] == "refuted"
    assert by_lattice(f, g, Box(-1, 1).in_dimension(2)) == ("proved", 1)
    assert by_lattice(f, g, Polyhedron([[-1, -1]], [2**40])) == ("proved", 1)
    assert by_lattice(f, g, Polyhedron([[-1, -1]], [2**40 + TINY]))[0] == "refuted"


def test_no_assumption_that_is_of_no_use() -> None:
    f = mlp([([[1, 1], [1, -1]], [9, 0]), ([[1, 1]], [0])])
    g = mlp([([[1, 1], [1, -2]], [10, 0]), ([[1, 1]], [0])])
    where = coordinates(Box(-1, 1).in_dimension(2), 2)
    assert not one_sided(read_program([f, g], where.region), where).fixed
    assert Merged(read_program([f, g])).needed
