"""Copies whose biases alone differ are compared on all of R^d, as exact search does; other weights are not."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Network, Polyhedron, check, max_deviation, mlp, verify_equal, verify_zero
from exactnn.certificate import Rejected
from exactnn.certificate import check as standalone
from exactnn.difference import NotBounded, upper_bound
from exactnn.errors import DomainError
from exactnn.exact.array import RationalArray
from tests.strategies import PIECEWISE, SMOOTH, law

W, V = [[1, 2], [-3, 1], [2, 2]], [[1, -2, 1], [1, 1, 3]]


def biased(unit: str, first: Any, last: Any, weights: Any = W) -> Network:
    return mlp([(weights, first), (V, last), ([[1, 1]], [0])], activation=unit)


STEPS = st.lists(st.sampled_from([Fraction(q) for q in (0, "1/8", "-1/3", 2)]), min_size=5, max_size=5)


@law(30)
@given(st.sampled_from(PIECEWISE), STEPS, st.integers(0, 10**6))
def test_the_bound_holds_everywhere(unit: str, steps: list[Fraction], seed: int) -> None:
    f, g = biased(unit, [0, 1, -1], [0, 1]), biased(unit, [steps[0], 1 + steps[1], steps[2] - 1], [steps[3], 1 + steps[4]])
    found = upper_bound(f, g, None)
    scales = 2 ** np.random.default_rng(seed).integers(0, 20, (24, 1))
    x = RationalArray.of(np.random.default_rng(seed).integers(-9, 10, (24, 2)) * scales)
    assert max(abs(q) for q in (f.evaluate(x) - g.evaluate(x)).to_fractions()) <= found.value
    verdict = verify_equal(f, g, tolerance=max(found.value, Fraction(1, 100)))
    assert verdict.proved, str(verdict)
    assert check(verdict.certificate)


@pytest.mark.parametrize("step", ["1/8", "-1/8", "3"])
def test_against_exact_search(step: str) -> None:
    f, g = (mlp([([[1, 2], [-3, 1]], [0, c]), ([[2, 1]], [0])]) for c in (0, step))
    value = upper_bound(f, g, None).value
    assert value == abs(Fraction(step))  # reached where the second neuron is on
    assert verify_equal(f, g, tolerance=value).proved
    below = verify_equal(f, g, tolerance=value - Fraction(1, 10**6))
    assert below.refuted, str(below)


@pytest.mark.parametrize("unit", SMOOTH)
def test_smooth_functions(unit: str) -> None:
    f, g = biased(unit, [0, 1, -1], [0, 1]), biased(unit, ["1/100", 1, -1], [0, 1])
    verdict = verify_equal(f, g, tolerance="1/4")
    assert verdict.proved, str(verdict)
    assert verdict.certificate is not None
    assert verdict.certificate.document["evidence"] == {"method": "pass", "bits": 64}


def test_a_domain_that_is_not_bounded() -> None:
    f, g = biased("relu", [0, 1, -1], [0, 1]), biased("relu", ["1/100", 1, -1], [0, 1])
    half = Polyhedron([[0, -1]], [0])
    verdict = verify_equal(f, g, domain=half, tolerance="1/4")
    assert verdict.proved, str(verdict)
    assert verdict.certificate is not None
    document = verdict.certificate.document
    assert document["evidence"] == {"method": "pass", "bits": 64, "box": None}
    for evidence in ({"method": "pass", "bits": 64}, {"method": "pass", "bits": 64, "box": {}}):
        with pytest.raises(Rejected):
            standalone({**document, "evidence": evidence})
    with pytest.raises(DomainError, match=r"unbounded in the direction \(0, 1\)|unbounded in the direction \(-?1, 0\)"):
        max_deviation(f, g, domain=half)


def test_other_weights_are_not_bounded() -> None:
    f = biased("relu", [0, 1, -1], [0, 1])
    for other in (biased("relu", [0, 1, -1], [0, 1], [[1, 2], [-3, 1], [2, "201/100"]]), biased("abs", [0, 1, -1], [0, 1])):
        with pytest.raises(NotBounded, match="domain is not bounded"):
            upper_bound(f, other, None)
        claim = verify_equal(f, biased("relu", ["1/100", 1, -1], [0, 1]), tolerance=1).certificate
        assert claim is not None
        wrong = verify_equal(f, other, domain=Polyhedron([[1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 4), tolerance=1).certificate
        assert wrong is not None
        with pytest.raises(Rejected, match="not bounded"):
            standalone({**claim.document, "models": wrong.document["models"]})
    with pytest.raises(NotBounded):
        upper_bound(f, None, None)
    assert not verify_zero(f, tolerance=1).proved
