"""Evidence "boxes" for "proved": the box around the domain is cut into boxes, and each is proved on its own.

On a leaf the joint zonotope pass (_zonotope), the interval pass (_difference), or a tree of cells (_tree) about the part of the domain in
the box bounds the difference. Cuts are closed on both sides, so that the leaves cover the domain.

Sound: the boxes cover the domain, and bounds hold on each.
"""

from __future__ import annotations

import re
from copy import copy
from fractions import Fraction
from typing import Any

from . import _budget
from ._claim import Claim, Domain
from ._intervals import Bounds, box_of, need_within, precision
from ._load import load
from ._network import Network
from ._numbers import BudgetExceeded, Rejected, Tensor, index, items, mapping, need
from ._zonotope import Joint, minus, reach

_HEXADECIMAL = re.compile(r"(0|[1-9a-f][0-9a-f]*)\Z")


def check_boxes(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """|f - g| <= tolerance on each leaf, or the same maximal output."""
    mapping(evidence, "evidence", ("method", "bits", "tree"), ("box",))
    bits = precision(evidence["bits"])
    box = box_of(claim.domain, bits, evidence.get("box", []))
    nodes = items(evidence["tree"], "boxes")
    leaves = _Leaves(claim, f, g, bits, sum(type(raw) is list and raw[:1] == ["leaf"] for raw in nodes))
    waiting = [box]
    for number, raw in enumerate(nodes):
        step = f"boxes: node {number}"
        need(bool(waiting), step, "the tree is complete before it")
        here = waiting.pop()
        need(type(raw) is list and bool(raw) and type(raw[0]) is str, step, "expected a list that begins with its kind")
        if raw[0] == "split":
            _budget.hold(2 * len(box.lo), step)
            waiting += _split(here, raw, step)
        else:
            with _budget.released():
                leaves.check(here, raw, step)
    need(not waiting, "boxes", f"{len(waiting)} nodes are missing at its end")


def _split(box: Bounds, raw: list[Any], step: str) -> tuple[Bounds, Bounds]:
    """["split", j, n]: first x_j <= n 2^-bits, then x_j >= n 2^-bits; so the first comes last."""
    _, j, cut = items(raw, step, 3)
    j = index(j, len(box.lo), step)
    need(type(cut) is int and box.lo[j] < cut < box.hi[j], step, f"the cut is not strictly inside side {j} of the box")
    below, above = list(box.hi), list(box.lo)
    below[j] = above[j] = cut
    return box._replace(lo=above), box._replace(hi=below)


class _Leaves:
    """The proofs on single boxes, so many of them by zonotopes; what they need of the networks is made once."""

    def __init__(self, claim: Claim, f: Network, g: Network | None, bits: int, count: int) -> None:
        self.claim, self.f, self.g, self.bits = claim, f, g, bits
        self.decision = claim.question == "same_decision"
        self._joint: Joint | None = None
        self._pass: Any = None
        if count:
            self._joint = Joint(self.f, self.g, self.bits)
            _budget.charge(count * (1 + self._joint.least // _budget.PACKED), f"boxes: {count} leaves")  # what they cost at least

    def check(self, box: Bounds, raw: list[Any], step: str) -> None:
        """One leaf."""
        kind = raw[0]
        if kind == "leaf":
            self._zonotope(box, raw, step)
        elif kind == "exact":
            self._exact(box, raw, step)
        else:
            need(kind == "pass" and not self.decision, step, "unknown kind of node")
            items(raw, step, 1)
            if self._pass is None:
                self._pass = load("_difference.Pass")(self.f, self.g, self.bits)
            need_within(self.claim, self._pass.outputs(box), self.bits, step)

    def _zonotope(self, box: Bounds, raw: list[Any], step: str) -> None:
        joint = self._joint
        assert joint is not None
        joint.step = step
        _, couplings, *chosen = items(raw, step, 3 if self.decision else 2)
        need(type(couplings) is str and bool(_HEXADECIMAL.match(couplings)), step, "the couplings must be a hexadecimal number")
        coupled = int(couplings, 16)
        need(coupled.bit_length() <= joint.pairs, step, f"more couplings than the {joint.pairs} pairs of units")
        found = joint.outputs(box, coupled)
        if not self.decision:
            need_within(self.claim, found.differences, self.bits, step)
            return
        i = index(chosen[0], len(found.f), step)
        for name, forms in (("f", found.f), ("g", found.g)):
            for j, form in enumerate(forms):
                least, _ = reach(minus(forms[i], form, len(form.own)))
                need(j == i or least > 0, step, f"output {i} of {name} may not be above output {j}")

    def _exact(self, box: Bounds, raw: list[Any], step: str) -> None:
        """["exact", hull, tree]: evidence "tree" for the domain with the sides of the box as further rows."""
        _, hull, tree = items(raw, step, 3)
        assert self.claim.domain is not None
        size, rows = len(box.lo), len(self.claim.domain.bounds)
        _budget.hold((2 * size + rows) * size, step)
        inside = copy(self.claim)
        inside.domain = _within(self.claim.domain, box, self.bits)
        evidence = {"method": "tree", "hull": hull, "tree": tree}
        check = load("_decision.check_decision_tree" if self.decision else "_tree.check_tree")
        try:
            check(inside, self.f, self.g, evidence)
        except (Rejected, BudgetExceeded) as error:
            raise type(error)(f"{step}: {error.step}", error.reason) from None


def _within(domain: Domain, box: Bounds, bits: int) -> Domain:
    """The rows of the domain, then x_j <= hi_j and -x_j <= -lo_j for each input."""
    rows, size = domain.matrix.shape
    one = domain.matrix.denominator
    numerators: list[int] = []
    bounds: list[Fraction] = []
    for j, (low, high) in enumerate(zip(box.lo, box.hi, strict=True)):
        for sign, bound in ((1, high), (-1, -low)):
            numerators += [sign * one if i == j else 0 for i in range(size)]
            bounds.append(Fraction(bound, 1 << bits))
    matrix = Tensor((rows + 2 * size, size), domain.matrix.numerators + numerators, one)
    return Domain(matrix, [*domain.bounds, *bounds])
