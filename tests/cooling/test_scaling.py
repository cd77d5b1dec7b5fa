"""Vector and matrix scaling: existence by two ways that share nothing, directions that separate, values beside scipy."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from exactnn.cooling import Scaling, matrix_scaling, optimal_temperature, vector_scaling
from exactnn.cooling._separation import Directions
from exactnn.errors import ArgumentError, Incomplete, NoOptimalScaling, ShapeError
from exactnn.exact.array import RationalArray
from tests.strategies import law

KINDS = {"vector": vector_scaling, "matrix": matrix_scaling}


def separates(rows: Any, labels: Any, direction: Any) -> bool:
    """In plain Fractions: no sample's label is overtaken along it, and one gains."""
    weight, bias = direction
    gained = False
    for row, y in zip(rows, labels, strict=True):
        z = [Fraction(v) for v in row]
        if isinstance(weight[0], tuple):
            eta = [sum(w * v for w, v in zip(line, z, strict=True)) + b for line, b in zip(weight, bias, strict=True)]
        else:
            eta = [w * v + b for w, v, b in zip(weight, z, bias, strict=True)]
        if max(eta) > eta[y]:
            return False
        gained = gained or min(eta) < eta[y]
    return gained


@given(
    st.integers(2, 3).flatmap(
        lambda c: st.lists(st.tuples(st.lists(st.integers(-2, 2), min_size=c, max_size=c), st.integers(0, c - 1)), min_size=1, max_size=12)
    ),
    st.sampled_from(sorted(KINDS)),
)
@law(60)
def test_existence_in_two_ways(samples: Any, kind: str) -> None:
    """Weights from floats, corrected exactly, or a direction from floats; beside the linear programs alone."""
    rows, labels = [row for row, _ in samples], [y for _, y in samples]
    support = np.zeros((len(rows), len(rows[0])), dtype=bool)
    support[np.arange(len(rows)), labels] = True
    direction = Directions(RationalArray.of(rows), support, full=kind == "matrix").search()
    if direction is None:
        found = KINDS[kind](rows, labels)
        assert found.gradient <= 1e-9
    else:
        with pytest.raises(NoOptimalScaling) as raised:
            KINDS[kind](rows, labels)
        assert separates(rows, labels, raised.value.direction)


@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(0, 1)), min_size=1, max_size=9),
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 2**32 - 1),
)
@law(60)
def test_no_weights_hide_a_separation(samples: Any, kind: str, seed: int) -> None:
    """Whatever floats propose as weights of the dual program: they prove nothing that is wrong."""
    rows, labels = [row[:2] for row in samples], [row[2] for row in samples]
    support = np.eye(2, dtype=bool)[labels]
    directions = Directions(RationalArray.of([list(row) for row in rows]), support, full=kind == "matrix")
    p = np.random.default_rng(seed).dirichlet([0.5, 0.5], size=len(rows))
    if directions.balanced(support.astype(float), p):
        assert directions.search() is None


def data(seed: int, n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    z = (rng.normal(size=(n, classes)) * 2).astype(np.float32)
    return z, (z * np.linspace(0.3, 1.2, classes) + np.linspace(0, 1, classes) + rng.gumbel(size=z.shape)).argmax(axis=1)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_values_beside_scipy(kind: str) -> None:
    z, y = data(0, 300, 3)

    def loss(theta: Any) -> float:
        weight = theta[:-3].reshape(3, 3) if kind == "matrix" else np.diag(theta[:3])
        eta = z @ weight.T + theta[-3:]
        return float((np.logaddexp.reduce(eta, axis=1) - eta[np.arange(len(y)), y]).mean())

    found = KINDS[kind](z, y)
    theirs = scipy.optimize.minimize(loss, np.zeros(12 if kind == "matrix" else 6), method="BFGS", options={"gtol": 1e-7})
    assert abs(found.loss - theirs.fun) < 1e-9
    assert abs(loss(np.concatenate([found.weight.ravel(), found.bias])) - found.loss) < 1e-12
    eta = found(z)
    assert abs(float((np.logaddexp.reduce(eta, axis=1) - eta[np.arange(len(y)), y]).mean()) - found.loss) < 1e-12
    tau = optimal_temperature(z, y).value
    scaled = tau * z.astype(float)
    assert found.loss <= float((np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(y)), y]).mean())
    assert isinstance(found, Scaling)


def test_no_class_is_missing() -> None:
    z, y = data(1, 50, 4)
    y[y == 3] = 0
    for scaling in KINDS.values():
        with pytest.raises(NoOptimalScaling, match="separates") as raised:
            scaling(z, y)
        assert separates(z.tolist(), y, raised.value.direction)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_separated_data_is_refused_and_smoothed_data_is_not(kind: str) -> None:
    z, _ = data(2, 60, 3)
    y = (z * [1, 2, -1] + [0.1, 0.2, 0.3]).argmax(axis=1)
    with pytest.raises(NoOptimalScaling) as raised:
        KINDS[kind](z, y)
    assert separates(z.tolist(), y, raised.value.direction)
    assert KINDS[kind](z, np.eye(3)[y] * 0.9 + 0.1 / 3).gradient <= 1e-9


BY_A_HAIR = [[1, 0], [1, 0], [0, 1], [0, 1], [3, 0]], [0, 1, 0, 1, 0]


def test_a_separation_by_a_hair_is_found() -> None:
    """Only the linear program sees it: all margins but one are 0 along the direction."""
    rows, labels = BY_A_HAIR
    with pytest.raises(NoOptimalScaling) as raised:
        vector_scaling(rows, labels)
    assert separates(rows, labels, raised.value.direction)
    assert vector_scaling([*rows, [3, 0]], [*labels, 1]).gradient <= 1e-9


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("unit", [1, 1e7, 1e200, 5e306, 1e-100, 1e-300])
@pytest.mark.parametrize("away", [0, 1e6])
def test_units_and_offsets_change_nothing(kind: str, unit: float, away: float) -> None:
    """softmax(w z + b) has the same best loss for z and for unit (z + away)."""
    if unit == 5e306 and away:
        pytest.skip("beyond float64")
    rows, labels = np.array([[2.0, 0], [1, 0], [0, 1], [0, 2], [3, 3]]), [0, 1, 1, 0, 1]
    known = KINDS[kind](rows, labels)
    found = KINDS[kind](unit * rows + unit * away, labels)
    assert found.gradient <= 1e-9
    assert abs(found.loss - known.loss) < 1e-9
    gaps = (e[:, 0] - e[:, 1] for e in (known(rows), found(unit * rows + unit * away)))
    assert np.allclose(*gaps, atol=1e-5, rtol=0)


def test_weights_beyond_floats_are_refused() -> None:
    with pytest.raises(ArgumentError, match="larger numbers"):
        vector_scaling([[2e-310, 0], [1e-310, 0], [0, 1e-310], [0, 2e-310], [3e-310, 3e-310]], [0, 1, 1, 0, 1])


@pytest.mark.parametrize("logits", [[[1, 2, 3]], [[1], [2]], 1, [1]])
def test_logits_of_other_classes_are_refused(logits: Any) -> None:
    """One class would be broadcast to all."""
    found = vector_scaling([[2, 0], [1, 0], [0, 1], [0, 2], [3, 3]], [0, 1, 1, 0, 1])
    with pytest.raises(ShapeError, match="2 classes"):
        found(logits)


def test_many_classes() -> None:
    z, y = data(3, 3000, 20)
    assert vector_scaling(z, y).gradient <= 1e-9
    with pytest.raises(ArgumentError, match="40200 unknowns"):
        matrix_scaling(np.zeros((1, 200)), [0])


def test_bad_input() -> None:
    with pytest.raises(ArgumentError, match="got 2"):
        vector_scaling([[1, 0]], [2])
    with pytest.raises(ArgumentError, match="nan"):
        matrix_scaling([[math.nan, 0]], [0])
    with pytest.raises(Incomplete):
        vector_scaling(*BY_A_HAIR, time_limit=0)
