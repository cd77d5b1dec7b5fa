"""The same decisions by margins on a tree of boxes: wide inputs and many units, where no cell is gone through."""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np
import pytest

import exactnn as xn
from exactnn.verify import same_decision
from tests.regions.test_count import trained_like


def copies(sizes: list[int], seed: int, digits: int) -> tuple[xn.Network, xn.Network]:
    f = trained_like(np.random.default_rng(seed), sizes)
    layers = []
    for name in f.order:
        operation = f.operation(name)
        if hasattr(operation, "weight"):
            layers.append([[[Fraction(round(q * 10**digits), 10**digits) for q in row] for row in operation.weight.to_rows()],
                           [Fraction(round(q * 10**digits), 10**digits) for q in operation.bias.to_fractions()]])  # fmt: skip
    return f, xn.mlp([(w, b) for w, b in layers])


def test_margins_prove_where_one_output_leads() -> None:
    f, g = copies([12, 40, 40, 3], 3, 3)
    centre = [Fraction(int(v), 16) for v in np.random.default_rng(1).integers(-16, 17, 12)]
    box = xn.Box([c - Fraction(1, 100) for c in centre], [c + Fraction(1, 100) for c in centre])
    verdict = xn.verify_same_decision(f, g, domain=box, time_limit=30)
    assert verdict.proved
    assert verdict.certificate is not None
    assert verdict.certificate.kind == "boxes"
    evidence = copy.deepcopy(verdict.certificate.document["evidence"])
    leaf = next(node for node in evidence["tree"] if node[0] == "leaf")
    leaf[2] = (leaf[2] + 1) % 3
    with pytest.raises(xn.errors.CertificateRejected):
        xn.check({**verdict.certificate.document, "evidence": evidence})


def test_a_point_on_the_border_of_decisions_refutes() -> None:
    f, g = copies([12, 40, 40, 3], 3, 1)
    verdict = xn.verify_same_decision(f, g, domain=xn.Box(-4, 4), time_limit=30)
    assert verdict.refuted
    values = [[v == max(a) for v in a] for a in verdict.values or ()]
    assert values[0] != values[1]


def test_what_boxes_leave_is_decided_cell_by_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_decision, "_FEW_UNITS", 0)
    f = xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 0], [0, 1]], [0, 0])])
    g = xn.mlp([([[2, 0], [0, 2]], [0, 0]), ([[1, 0], [0, 1]], [0, 0])])
    monkeypatch.setattr(same_decision, "_SECONDS", 0.5)
    verdict = xn.verify_same_decision(f, g, domain=xn.Box([0, 0], [1, 1]))  # equal along a diagonal
    assert verdict.proved
    assert xn.check(verdict.certificate)
