"""Points that the search proposes: in the domain, far out where it is unbounded; and the time the search takes."""

from __future__ import annotations

import time

import numpy as np
import pytest

from exactnn import Box, Polyhedron, mlp, verify_equal
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.network import Affine, Builder, Conv, Input, MaxPool, Network, Reshape, relu
from exactnn.verify._domain import coordinates
from exactnn.verify._search import differing_point, far_out, sample_points

HALF_PLANE = Polyhedron([[1, 2]], [3])
STRIP = Polyhedron([[0, 1], [0, -1]], [1, 1])
LINE = Polyhedron([[1, 1], [-1, -1]], [1, -1])


@pytest.mark.parametrize("domain", [HALF_PLANE, STRIP, LINE, Polyhedron([[-1, 0], [0, -1]], [0, 5])])
def test_samples_of_an_unbounded_domain_reach_far(domain: Polyhedron) -> None:
    where = coordinates(domain, 2)
    near = where.to_input(sample_points(where))
    far = where.to_input(far_out(sample_points(where), where))
    for points in (near, far):
        assert all(domain.contains(points[i].to_fractions()) for i in range(len(points)))
    assert near.exceeds(30).any()  # type: ignore[arg-type]
    assert not near.exceeds(1000).any()  # type: ignore[arg-type]
    assert far.exceeds(1 << 190).any()  # type: ignore[arg-type]


def test_samples_of_a_bounded_domain_stay_as_many() -> None:
    where = coordinates(Box([0, 0], [1, 2]), 2)
    points = sample_points(where, 48)
    assert len(points) == 48
    assert len(far_out(points, where)) == 48


@pytest.mark.parametrize("edge", [(-8, 3), (20, -30), (-40, 1)])
def test_a_difference_far_out_in_an_unbounded_domain(edge: tuple[int, int]) -> None:
    """max(l, 0), with l > 0 only beyond the edge, seen from the inside: a deep network that is 0 near the origin."""
    x, y = edge
    level = x * x + y * y
    f = mlp([([[x, y]], [-level]), ([[1]], [0]), ([[1]], [0])])
    g = mlp([([[0, 0]], [0]), ([[1]], [0]), ([[1]], [0])])
    verdict = verify_equal(f, g, domain=Polyhedron([[0, 0]], [1]), time_limit=60)
    assert verdict.status == "refuted"


def test_points_are_evaluated_a_few_at_a_time() -> None:
    f, g = mlp([([[1]], [0])]), mlp([([[1]], [0]), ([[1]], [0])])
    points = RationalArray(np.arange(100).reshape(-1, 1))
    assert differing_point(f, g, points, 0, Clock(60)) is None  # type: ignore[arg-type]
    found = differing_point(f, g, RationalArray(np.arange(50, -50, -1).reshape(-1, 1)), 0, Clock(60))  # type: ignore[arg-type]
    assert found is not None
    assert found.to_fractions() == (-1,)
    with pytest.raises(Incomplete, match="values at 0 of 100 points"):
        differing_point(f, g, points, 0, Clock(0))  # type: ignore[arg-type]


def convolutional(seed: int) -> Network:
    rng = np.random.default_rng(seed)

    def weight(*shape: int) -> RationalArray:
        return RationalArray.of(rng.normal(size=shape).astype(np.float32))

    b = Builder()
    current = b.add("x", Input((3, 16, 16)))
    for i, (inputs, outputs) in enumerate(((3, 8), (8, 16))):
        conv = Conv(weight(outputs, inputs, 3, 3), weight(outputs), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
        current = b.add(f"relu{i}", relu(), b.add(f"conv{i}", conv, current))
        current = b.add(f"pool{i}", MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)), current)
    current = b.add("flat", Reshape((256,)), current)
    return b.build(["x"], [b.add("y", Affine(weight(4, 256), weight(4)), current)])


def test_a_time_limit_is_kept_inside_a_layer() -> None:
    f, g = convolutional(0), convolutional(1)
    start = time.monotonic()
    verdict = verify_equal(f, g, domain=Box(0, 1), tolerance=10**6, time_limit=2)
    assert verdict.status != "refuted"
    assert time.monotonic() - start < 5  # a whole layer took more than that
