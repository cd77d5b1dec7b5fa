"""What one cell taught about the open units, beside a look at all of them on every cell."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from exactnn import Box, Network, mlp
from exactnn.cells import SearchCell
from exactnn.claims import EqualClaim
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.verify import _cell_difference
from exactnn.verify._cell_difference import Difference, Differences
from exactnn.verify._complete import Complete
from exactnn.verify._domain import coordinates
from tests.strategies import TINY
from tests.verify._oracles import value
from tests.verify.test_complete import decide

Layers = list[tuple[Any, Any]]


def drawn(seed: int, sizes: Sequence[int], largest: int = 3) -> Layers:
    rng = np.random.default_rng(seed)
    return [(rng.integers(-largest, largest + 1, (n, m)).tolist(), rng.integers(-1, 2, n).tolist()) for m, n in itertools.pairwise(sizes)]


def rewritten(layers: Layers, seed: int) -> Layers:
    """The same function: each hidden neuron is two, a third and two thirds of it, all are scaled and permuted, and one is dead."""
    rng = np.random.default_rng(seed)
    found: list[tuple[Any, Any]] = [(np.array(w, dtype=object), np.array(b, dtype=object)) for w, b in layers]
    for k in range(len(found) - 1):
        (weight, bias), (after, last) = found[k], found[k + 1]
        weight, bias = np.vstack([weight, weight, 0 * weight[:1]]), np.concatenate([bias, bias, [-1]])
        after = np.hstack([after * Fraction(1, 3), after * Fraction(2, 3), np.full((len(after), 1), 5, dtype=object)])
        order, factor = rng.permutation(len(bias)), rng.integers(1, 5, len(bias)).astype(object)
        found[k] = (weight * factor[:, None])[order], (bias * factor)[order]
        found[k + 1] = np.array([[v / f for v, f in zip(row, map(Fraction, factor), strict=True)] for row in after])[:, order], last
    return [(w.tolist(), b.tolist()) for w, b in found]


def on_all_cells(f: Network, g: Network | None, domain: Any = None, limit: int | None = None) -> tuple[list[Difference], int]:
    """The differences on all cells of the closed units, and on how many cells groups of another cell held."""
    claim = EqualClaim(f, g if g is not None else f, domain, Fraction(1))
    complete = Complete(claim, coordinates(domain, f.input_dim), Clock(60), limit)
    found, used = [], 0
    differences = complete._differences
    for_all = differences.of

    def of(cell: SearchCell) -> Difference:
        nonlocal used
        learned = differences._learned
        before = learned.used if learned is not None else 0
        found.append(for_all(cell))
        used += learned is not None and learned.used > before
        return found[-1]

    differences.of = of  # type: ignore[method-assign]
    try:
        complete.decide()
    except Incomplete:
        assert limit is not None
    return found, used


def both_ways(f: Network, g: Network, domain: Any, monkeypatch: pytest.MonkeyPatch, limit: int | None = None) -> int:
    """On how many cells groups held; the differences are those that a look at all units gives."""
    found, used = on_all_cells(f, g, domain, limit)
    with monkeypatch.context() as patch:
        patch.setattr(Differences, "_learn", lambda *_: None)
        plain, none = on_all_cells(f, g, domain, limit)
    assert none == 0
    assert [(d.rest, d.jumps) for d in found] == [(d.rest, d.jumps) for d in plain]
    assert all({h: d.units[h] for h in d.jumps} == {h: p.units[h] for h in p.jumps} for d, p in zip(found, plain, strict=True))
    return used


@pytest.mark.parametrize("sizes", [(2, 4, 3, 1), (3, 3, 3, 2), (2, 3, 3, 2, 1), (1, 3, 2, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_the_same_as_without_what_was_learned(sizes: tuple[int, ...], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = drawn(seed, sizes)
    f, g = mlp(layers), mlp(rewritten(layers, seed))
    for domain in (None, Box([-1] * sizes[0], [2] * sizes[0])):
        both_ways(f, g, domain, monkeypatch, 400)
        assert decide(f, g, domain) == "proved"
    w, b = layers[-1]
    other = mlp(rewritten([*layers[:-1], (w, [b[0] + TINY, *b[1:]])], seed))
    assert decide(f, other) == decide(other, f) == "refuted"
    both_ways(f, other, None, monkeypatch, 400)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_small_change_inside(layer: int) -> None:
    """One weight of the copy is TINY off."""
    layers = drawn(2, (2, 4, 4, 1))
    f = mlp(layers)
    for row, column in ((0, 0), (3, 1)):
        copy = rewritten(layers, 5)
        copy[layer][0][min(row, len(copy[layer][0]) - 1)][column] += TINY
        g = mlp(copy)
        points = np.random.default_rng(0).integers(-9, 10, (200, 2)).tolist()
        if any(value(f, x) != value(g, x) for x in points):
            assert decide(f, g) == "refuted"
        else:
            assert decide(f, g) == "proved"


def test_it_is_used() -> None:
    layers = drawn(1, (2, 5, 4, 1))
    found, used = on_all_cells(mlp(layers), mlp(rewritten(layers, 1)))
    assert used > len(found) / 2


def test_groups_that_fall_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """max(max(x, 0) + max(y, 0) - 1, 0) and max(max(x, 0) + y - 1, 0) have one last unit where y > 0, and two where it is not."""
    f = mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [-1]), ([[1]], [0])])
    g = mlp([([[1, 0], [0, 1], [0, -1]], [0, 0, 0]), ([[1, 1, -1]], [-1]), ([[1]], [0])])
    upper = Box([-2, 0], [2, 2])
    assert decide(f, g, upper) == decide(g, f, upper) == "proved"
    assert decide(f, g) == decide(g, f) == "refuted"
    both_ways(f, g, None, monkeypatch)
    both_ways(g, f, upper, monkeypatch)


def test_maxima_and_networks_too_large_to_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maxima of four affine functions, taken two by two in another order."""
    rng = np.random.default_rng(3)
    rows = rng.integers(-4, 5, (4, 4))

    def maximum(order: Sequence[int]) -> Network:
        a, b, c, d = (rows[i] for i in order)
        first = np.stack([a - b, b, -b, c - d, d, -d])
        second = np.array([[1, 1, -1, -1, -1, 1], [0, 0, 0, 1, 1, -1], [0, 0, 0, -1, -1, 1]])
        return mlp([(first[:, :3].tolist(), first[:, 3].tolist()), (second.tolist(), [0] * 3), ([[1, 1, -1]], [0])])

    f, g = maximum([0, 1, 2, 3]), maximum([2, 0, 3, 1])
    assert decide(f, g) == "proved"
    both_ways(f, g, None, monkeypatch)
    monkeypatch.setattr(_cell_difference, "_NUMBERS", 0)
    assert on_all_cells(f, g)[1] == 0
    assert decide(f, g) == "proved"
