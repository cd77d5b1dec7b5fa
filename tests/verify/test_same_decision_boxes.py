"""The same decisions by margins on a tree of boxes: wide inputs and many units, where no cell is gone through."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import exactnn as xn
from exactnn.difference import _bounders, _workers
from exactnn.errors import ArgumentError, LoadError, NotPiecewiseLinear
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


def around(radius: Fraction) -> xn.Box:
    centre = [Fraction(int(v), 16) for v in np.random.default_rng(1).integers(-16, 17, 12)]
    return xn.Box([c - radius for c in centre], [c + radius for c in centre])


def test_margins_prove_where_one_output_leads() -> None:
    f, g = copies([12, 40, 40, 3], 3, 3)
    box = around(Fraction(1, 100))
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


# --- workers and files -------------------------------------------------------------------------------------------------------


def many_boxes() -> tuple[xn.Network, xn.Network, xn.Box]:
    """A question that takes tens of boxes and is true."""
    f, g = copies([3, 60, 60, 3], 3, 3)
    corner = (2, 2, -2)
    return f, g, xn.Box([Fraction(q, 8) for q in corner], [Fraction(q + 4, 8) for q in corner])


def test_workers_find_the_same_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "_ALONE", 0.0)
    f, g, box = many_boxes()
    alone = xn.verify_same_decision(f, g, domain=box, time_limit=60)
    with ThreadPoolExecutor(2) as threads:
        verdict = xn.verify_same_decision(f, g, domain=box, time_limit=60, executor=threads)
    for found in (alone, verdict):
        assert found.proved
        assert found.certificate is not None
        assert found.certificate.kind == "boxes"
        assert sum(node[0] == "split" for node in found.certificate.document["evidence"]["tree"]) > 5
    with ThreadPoolExecutor(2) as threads:
        assert xn.verify_same_decision(*copies([12, 40, 40, 3], 3, 1), domain=xn.Box(-4, 4), time_limit=60, executor=threads).refuted


def test_an_interrupt_leaves_a_file_to_go_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    f, g, box = many_boxes()
    file = tmp_path / "boxes"
    real, left = _bounders.joint_pass, [4]

    def interrupted(*args: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(_bounders, "joint_pass", interrupted)
        with pytest.raises(KeyboardInterrupt):
            xn.verify_same_decision(f, g, domain=box, checkpoint=file)
    begun = [node for node in json.loads(file.read_text())["tree"] if node != 0]
    assert begun
    verdict = xn.verify_same_decision(f, g, domain=box, checkpoint=file, time_limit=60)
    assert verdict.proved
    assert verdict.certificate is not None
    cuts = [node[1:] for node in verdict.certificate.document["evidence"]["tree"] if node[0] == "split"]
    assert all(cut in cuts for cut in begun)
    with pytest.raises(LoadError, match="belongs to other networks"):
        xn.verify_same_decision(f, g, domain=xn.Box(0, 1), checkpoint=file)
    with pytest.raises(LoadError, match="belongs to other networks"):
        xn.verify_equal(f, g, domain=box, tolerance=1, checkpoint=file)


def test_small_networks_take_them_too(tmp_path: Path) -> None:
    f, g = copies([2, 5, 3], 0, 2)
    file = tmp_path / "boxes"
    box = xn.Box([0, 0], [1, 1])
    assert xn.verify_same_decision(f, g, domain=box, checkpoint=file).status == xn.verify_same_decision(f, g, domain=box).status
    assert file.exists()


def test_what_is_refused(tmp_path: Path) -> None:
    f, g = copies([2, 5, 3], 0, 2)
    with pytest.raises(ArgumentError, match=r"^checkpoint: it helps with boxes, which need a bounded domain; give one"):
        xn.verify_same_decision(f, g, domain=None, checkpoint=tmp_path / "boxes")
    smooth = xn.mlp([([[1, 0]], [0]), ([[1], [2], [3]], [0, 0, 0])], activation="tanh")
    with pytest.raises(NotPiecewiseLinear, match=r"^g: node 'tanh1' is tanh.*max_deviation"):
        xn.verify_same_decision(f, smooth, domain=None)
    for ask in (xn.max_deviation, lambda *nets, **given: xn.verify_equal(*nets, tolerance=1, **given)):
        with pytest.raises(ArgumentError, match=r"^checkpoint: .* piecewise linear networks only, and node 'tanh1' is tanh; leave it out"):
            ask(f, smooth, domain=xn.Box(0, 1), checkpoint=tmp_path / "boxes")
    assert not list(tmp_path.iterdir())
