"""Boxes of networks with leaky units: what the engine bounds by intervals beside the forms, the checker bounds alike.

A smaller range of one network alone can make the bound of a difference larger (lam_f - lam_g grows). These two pairs were rejected as
long as only the checker kept intervals for leaky units.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import exactnn as xn
from exactnn.claims import Certificate, DeviationClaim, check
from exactnn.difference import Distance
from exactnn.exact.clock import Clock
from exactnn.verify._boxes import splitting


@pytest.mark.parametrize("seed", [86, 92])
def test_the_checker_accepts_the_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [int(rng.integers(2, 9)), *[int(rng.integers(2, 9)) for _ in range(int(rng.integers(1, 4)))], int(rng.integers(1, 4))]
    layers = [(np.round(rng.normal(size=(m, n)) * 64) / 64, np.round(rng.normal(size=m) * 64) / 64) for n, m in pairwise(sizes)]
    off = 2.0 ** -int(rng.integers(1, 14))
    near = [(W + np.round(rng.normal(size=W.shape) * 8) / 8 * off, b + np.round(rng.normal(size=b.shape) * 8) / 8 * off) for W, b in layers]
    f, g = (xn.mlp(weights, "leaky_relu(1/4)") for weights in (layers, near))
    side = 2.0 ** int(rng.integers(-3, 3))
    claim = DeviationClaim(f, g, xn.Box(-side, side).in_dimension(sizes[0]), Fraction(0))
    tree = splitting(claim, Distance(), Clock())
    assert not isinstance(tree, str)
    for _ in range(int(rng.integers(0, 6))):
        tree.boxes.refine(0.0)
    bracket = replace(claim, tolerance=tree.upper, lower=Fraction(0))
    evidence = {**tree.evidence(), "point": [0] * sizes[0]}
    assert check(Certificate(bracket, "proved", evidence, Clock()))
