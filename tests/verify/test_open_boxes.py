"""Boxes that bounds leave open, cell by cell: a search that was stopped goes on, one that ended is not made again."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn.claims import Certificate, EqualClaim
from exactnn.difference import Distance, Splitting
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.verify import _boxes, _decision
from exactnn.verify._boxes import OpenBoxes, splitting
from exactnn.verify._complete import Complete
from exactnn.verify._decision import Decision

DOMAIN = xn.Box([-1, -1, -1], [1, 1, 1])


def pair() -> tuple[xn.Network, xn.Network]:
    """A network and its copy with weights in multiples of 2^-5."""
    rng = np.random.default_rng(1)
    layers = [(rng.integers(-999, 1000, (m, n)) / 1024, rng.integers(-99, 100, m) / 1024) for n, m in [(3, 4), (4, 3), (3, 1)]]
    return xn.mlp(layers), xn.mlp([(np.round(weight * 32) / 32, np.round(bias * 32) / 32) for weight, bias in layers])


def grown(claim: EqualClaim, leaves: int) -> Splitting:
    tree = splitting(claim, Distance(), Clock(), claim.tolerance)
    assert isinstance(tree, Splitting)
    while len(tree.boxes.leaves) < leaves:
        tree.boxes.refine(tree.threshold(Fraction(0)))
    return tree


@pytest.mark.parametrize("excess", [Fraction(1, 2**20), -Fraction(1, 2**20)])
def test_boxes_that_resist(excess: Fraction, monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = pair()
    found = xn.max_deviation(f, g, domain=DOMAIN)
    assert found.is_exact
    claim = EqualClaim(f, g, DOMAIN, found.upper + excess)
    tree = grown(claim, 8)
    leaves = tree.open(claim.tolerance)
    assert len(leaves) > 1
    boxes, begun = OpenBoxes(claim), []
    initial = Complete.__init__
    monkeypatch.setattr(Complete, "__init__", lambda self, *rest: begun.append(self) or initial(self, *rest))
    with pytest.raises(Incomplete, match=f"ended with 0 of {len(leaves)} boxes that bounds left open: the time limit"):
        boxes.decide(tree, leaves, Clock(0))
    assert len(begun) == 1
    decide: Any = Complete.decide

    def stopped(self: Complete, clock: Clock) -> Any:
        return decide(self, clock if len(begun) < 2 else Clock(0))

    monkeypatch.setattr(Complete, "decide", stopped)
    try:
        first = boxes.decide(tree, leaves, Clock())
    except Incomplete:
        assert len(begun) == 2
        monkeypatch.setattr(Complete, "decide", decide)
        first = boxes.decide(tree, leaves, Clock())
    if excess < 0:
        assert not isinstance(first, dict)
        x = first.to_fractions()
        assert abs(f(x)[0] - g(x)[0]) > claim.tolerance
        return
    assert isinstance(first, dict)
    assert len(begun) == len(leaves)
    assert boxes.decide(tree, leaves, Clock(0)) == first
    assert xn.check(Certificate(claim, "proved", tree.evidence(first)))


def test_the_search_goes_through_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the ladder: what is left of the domain, not all of it once more."""
    f, g = pair()
    claim = EqualClaim(f, g, DOMAIN, xn.max_deviation(f, g, domain=DOMAIN).upper)
    decision = Decision(claim, Clock(60), _boxes._ALONE)
    decision._tree = grown(claim, 8)
    monkeypatch.setattr(_decision, "Complete", None)
    verdict = decision._by_cells(Clock(60), None)
    assert verdict.proved
    assert "cell by cell" in verdict.reason
    assert xn.check(verdict.certificate)
