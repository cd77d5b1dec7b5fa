"""Intervals on boxes contain every difference, prove what one pass leaves open, and stop where cuts do not help."""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, check, max_deviation, mlp, verify_equal, verify_zero
from exactnn.certificate import Rejected
from exactnn.certificate import check as standalone
from exactnn.difference import Coarse, Distance, bounding_box, least_sizes, upper_bound
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.verify import _smooth_bracket
from tests.difference.test_pass import nearby, points
from tests.strategies import PIECEWISE, SMOOTH, chains, law


def copies(unit: str, sizes: Sequence[int], seed: int) -> tuple[Network, Network]:
    """Random weights, and the same in float16."""
    generator = np.random.default_rng(seed)
    pairs: list[list[Any]] = [[], []]
    for a, b in pairwise(sizes):
        weights = generator.standard_normal((b, a)) * 2.5 / np.sqrt(a), generator.standard_normal(b) / 2
        for kind, layers in zip((np.float32, np.float16), pairs, strict=True):
            layers.append(tuple(w.astype(kind).astype(np.float64).tolist() for w in weights))
    f, g = (mlp(layers, activation=unit) for layers in pairs)
    return f, g


def tree(f: Network, g: Network, box: Box, norm: str = "linf") -> Coarse:
    around = bounding_box(box)
    assert around is not None
    return Coarse(f, g, around, Distance(norm), None, Clock(None))


@pytest.mark.parametrize("unit", SMOOTH)
@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_every_leaf_holds_the_differences_in_it(unit: str, norm: str) -> None:
    f, g = copies(unit, [2, 5, 5, 2], 1)
    found = tree(f, g, Box([-1, -1], [1, 1]), norm)
    before = found.upper
    found.run(Clock(None), before / 4)
    assert found.upper <= before / 4
    assert len(found.boxes.leaves) > 2
    for k, leaf in enumerate(list(found.boxes.leaves.values())[:12]):
        sizes = least_sizes(f, g, points(found.box(leaf), k, 4), norm, 64)
        assert max(sizes) <= Fraction(leaf.bound) * (1 + Fraction(1, 10**9))


@law(10)
@given(st.data(), st.integers(0, 100))
def test_any_operations(data: Any, seed: int) -> None:
    f = data.draw(chains(units=PIECEWISE)).network()
    g = data.draw(nearby(f))
    box = Box([-1] * f.input_dim, [1] * f.input_dim)
    found = tree(f, g, box)
    for _ in range(4):
        found.boxes.refine(0.0)
    x = points(box, seed)
    assert max(abs(q) for q in (f.evaluate(x) - g.evaluate(x)).to_fractions()) <= found.upper


@pytest.mark.parametrize("unit", SMOOTH)
def test_what_one_pass_leaves_open(unit: str) -> None:
    f, g = copies(unit, [2, 5, 5, 1], 3)
    box = Box([-1, -1], [1, 1])
    value = upper_bound(f, g, box).value
    verdict = verify_equal(f, g, domain=box, tolerance=value / 2, time_limit=60)
    assert verdict.proved, str(verdict)
    assert verdict.certificate is not None
    document = verdict.certificate.document
    nodes = document["evidence"]["tree"]
    assert document["evidence"]["method"] == "boxes"
    assert {node[0] for node in nodes} == {"split", "pass"}
    for moved in mutations(nodes):
        with pytest.raises(Rejected):
            standalone({**document, "evidence": {**document["evidence"], "tree": moved}})
    claim = {**document["claim"], "tolerance": str(value / 1000)}
    with pytest.raises(Rejected, match="exceeds the tolerance"):
        standalone({**document, "claim": claim})


def mutations(nodes: list[Any]) -> list[list[Any]]:
    _, j, n = nodes[0]
    return [
        nodes[:-1],
        [*nodes, ["pass"]],
        [["pass"]],
        [["split", j, 1 << 100], *nodes[1:]],
        [["split", 2, n], *nodes[1:]],
        [*nodes[:-1], ["pass", 0]],
        [*nodes[:-1], ["leaf", "0"]],
    ]


def test_zero() -> None:
    box = Box([-1, -1], [1, 1])
    f = mlp([([[1, -1], [1, -1]], [0, "1/1000"]), ([[1, -1]], [0])], activation="tanh")
    value = upper_bound(f, None, box).value
    verdict = verify_zero(f, domain=box, tolerance=value / 4, time_limit=60)
    assert verdict.proved, str(verdict)


def test_it_stops_where_cuts_do_not_help() -> None:
    f, g = copies("tanh", [30, 6, 1], 5)
    found = tree(f, g, Box(-1, 1).in_dimension(30))
    found.run(Clock(None), found.upper / 1000)
    assert 1 < len(found.boxes.leaves) <= 32


@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_a_bracket_of_the_largest_deviation(norm: str) -> None:
    f, g = copies("silu", [2, 5, 2], 6)
    found = max_deviation(f, g, domain=Box(-1, 1), norm=norm, gap=3, time_limit=60)
    assert 0 < found.lower <= found.upper <= 4 * found.lower
    assert found.values is None
    assert check(found.certificate)
    document = found.certificate.document
    for change in ({"lower": str(found.lower * Fraction(1001, 1000))}, {"tolerance": str(found.upper * Fraction(1, 2))}):
        with pytest.raises(Rejected):
            standalone({**document, "claim": {**document["claim"], **change}})
    for point in ([0, 0], [2, 0], [0]):
        with pytest.raises(Rejected):
            standalone({**document, "evidence": {**document["evidence"], "point": point}})
    gaps = abs(RationalArray.of([float(v) for v in difference(f, g, found.point)]).to_float())
    assert float(found.lower) == pytest.approx(gaps.sum() if norm == "l1" else gaps.max(), rel=1e-6)


def difference(f: Network, g: Network, x: Sequence[Fraction]) -> Any:
    import torch

    t = torch.tensor([[float(q) for q in x]], dtype=torch.float64)
    runs = [net.to_torch(torch.float64)(t).detach().numpy()[0] for net in (f, g)]
    return runs[0] - runs[1]


def test_a_refused_checkpoint_of_a_smooth_question_leaves_no_file(tmp_path: Path) -> None:
    f = mlp([([[1]], [0]), ([[1]], [0])], activation="tanh")
    with pytest.raises(ArgumentError, match="checkpoint"):
        max_deviation(f, f, domain=Box(0, 1), checkpoint=tmp_path / "boxes.gz")
    assert not list(tmp_path.iterdir())


def test_a_time_limit_is_kept_where_every_box_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points and batches of boxes are as few as fit; their number was fixed once, and took many seconds."""
    f, g = copies("gelu", (16, 48, 48, 3), 0)
    monkeypatch.setattr(_smooth_bracket, "climbed", lambda *_: [])  # torch, whose import takes seconds
    start = time.monotonic()
    found = max_deviation(f, g, domain=Box(-1, 1), time_limit=1)
    assert time.monotonic() - start < 4  # of a busy machine
    assert 0 < found.lower < found.upper
