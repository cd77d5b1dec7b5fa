"""The bound on a run's rounding holds: float32 and float64 runs of drawn networks against exact values at the same points."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.floats.reference import Reference
from exactnn.floats.running import Format, run
from exactnn.network import Network
from tests.strategies import graphs, law


def _as_floats(net: Network, dtype: torch.dtype) -> Network:
    """The network whose numbers are floats of this type, as a module of it has them."""
    return xn.from_torch(net.to_torch(dtype), tuple(net.shape(n) for n in net.inputs), compare=False)


@law(60)
@given(graphs(), st.sampled_from((torch.float32, torch.float64)), st.integers(0, 2**32))
def test_a_run_is_within_the_bound(net: Network, dtype: torch.dtype, seed: int) -> None:
    try:
        net = _as_floats(net, dtype)
    except ArgumentError:  # a number beyond the range of the type
        assume(False)
    points = torch.randn(3, net.input_dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)
    with torch.no_grad():
        floats = net.to_torch(dtype).flat(points).double()
    exact = net.evaluate(RationalArray.of(points.double()))
    found = run(net, points.double(), Format.of(dtype))
    gaps = (RationalArray.of(floats) - exact).to_float()
    bounds = found.errors.numpy()
    assert np.all(np.abs(gaps) <= bounds)
    near = np.abs((RationalArray.of(found.values) - exact).to_float())
    assert np.all(near <= np.where(np.isfinite(bounds), bounds, np.inf))


def test_a_sum_in_any_order() -> None:
    """(u, u, ..., 1) of length 2^k, summed from either end: off by nearly n u, and within the bound."""
    size = 1 << 12
    tiny = 2.0**-25
    net = xn.mlp([([[1] * size], [0])])
    x = torch.full((1, size), tiny, dtype=torch.float64)
    x[0, 0] = 1
    found = run(net, x, Format.of(torch.float32))
    worst = 0.0
    for order in (x[0].tolist(), x[0].tolist()[::-1]):
        total = np.float32(0)
        for term in order:
            total = np.float32(total + np.float32(term))
        worst = max(worst, abs(float(Fraction(float(total)) - (1 + Fraction(size - 1, 2**25)))))
    assert worst > 1e-4
    assert worst <= found.errors.item() <= 4 * size * 2.0**-24 * 2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_differences_are_seen(dtype: str) -> None:
    """A run that is right, one that is off in one output, one that is NaN, and one beyond the range."""
    net = xn.mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1], [0, 2]], [0, 0])])
    reference = Reference(net, dtype)
    with torch.no_grad():
        right = net.to_torch(getattr(torch, dtype)).flat(reference.points.to(getattr(torch, dtype))).double().numpy()
    rows = [0, 1, 2]
    assert reference.difference(rows, right) is None
    wrong = right.copy()
    wrong[1, 1] *= 1.25
    wrong[1, 1] += 1
    gap = reference.difference(rows, wrong)
    assert gap is not None
    assert (gap.point, gap.output) == (1, 1)
    assert not reference.is_small(gap)
    assert reference.near(rows, wrong) == gap
    wrong[1, 1] = np.nan
    assert reference.difference(rows, wrong) is not None
    assert reference.alike(rows, right, right)
    assert not reference.alike(rows, right, wrong)
