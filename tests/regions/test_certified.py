"""Certified numbers of regions: files, bad input, limits; the numbers against the face lattice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exactnn import Box, Polyhedron, check, load, mlp, regions, save
from exactnn.errors import ArgumentError, DomainError, Incomplete, NotPiecewiseLinear
from exactnn.network import Builder, Input, MaxPool
from exactnn.regions.certified import certified_region_count
from tests._networks import degenerate


def test_known() -> None:
    net = mlp([([[1, 0], [0, 1], [1, 1]], [0, 0, -1]), ([[1, 1, 1]], [0])])
    found = certified_region_count(net)
    assert found.value == 7
    assert check(found.certificate)
    assert "7 activation regions" in repr(found.certificate)
    assert certified_region_count(net, Box(0, 1)).value == 2


@pytest.mark.parametrize("suffix", ["json", "nnet"])
def test_networks_in_files(suffix: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    net = mlp(
        [(rng.integers(-4, 5, (4, 2)), rng.integers(-4, 5, 4)), (rng.integers(-4, 5, (3, 4)), rng.integers(-4, 5, 3)), ([[1, 1, 1]], [0])]
    )
    save(net, tmp_path / f"f.{suffix}")
    found = certified_region_count(load(tmp_path / f"f.{suffix}"))
    assert "path" in found.certificate.document["models"]["f"]
    assert check(found.certificate.save(tmp_path / "count.json"))
    assert found.value == regions.count(net)


@pytest.mark.parametrize("seed", range(25))
def test_degenerate_networks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    net = degenerate(rng, (d, 4, 3, 1), unit=["relu", "abs", "hardtanh", "leaky_relu(1/3)"][seed % 4])
    for domain in (None, Box(-1, 2), Polyhedron([[1] * d, [-1] + [0] * (d - 1)], [1, 1])):
        found = certified_region_count(net, domain)
        assert check(found.certificate)
        assert found.value == regions.count(net, domain)


def pooled() -> Any:
    b = Builder()
    b.add("x", Input((1, 3)))
    return b.build(["x"], [b.add("m", MaxPool((3,), (1,), ((0, 0),), (1,)), "x")])


def test_bad_input() -> None:
    net = mlp([([[1, 2], [3, 4]], [0, 0]), ([[1, 1]], [0])])
    with pytest.raises(ArgumentError, match=r"max pooling.*'m'"):
        certified_region_count(pooled())
    with pytest.raises(NotPiecewiseLinear, match="tanh"):
        certified_region_count(mlp([([[1]], [0]), ([[1]], [0])], activation="tanh"))
    with pytest.raises(DomainError, match="interior points"):
        certified_region_count(net, Polyhedron([[1, 0], [-1, 0]], [0, 0]))
    with pytest.raises(DomainError, match="R\\^2"):
        certified_region_count(net, Polyhedron([[1]], [0]))
    with pytest.raises(Incomplete, match="limit of 2 cells"):
        certified_region_count(net, max_regions=2)
    with pytest.raises(Incomplete, match="time limit"):
        certified_region_count(net, time_limit=0)
