"""Every public function with a time limit of T seconds comes back within T / 10 + 1 s of it, on questions that take far longer."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn import Box, Network, Polyhedron, mlp, regions, symmetry, tropical, verify
from exactnn.errors import Incomplete, Undecided
from exactnn.regions import certified as certified_regions
from exactnn.symmetry import certified
from exactnn.tropical import TropicalRationalMap
from exactnn.verdict import Verdict
from exactnn.verify import Deviation

ROOMS = (symmetry, certified, regions, certified_regions, tropical, TropicalRationalMap, verify)
Ask = Callable[[Any], Any]


def dense(sizes: list[int], *, gain: float = 1.0, seed: int = 0, nested: bool | None = None) -> Network:
    """Random weights of float32.

    nested: max(a, b, c) of three neurons is added to the outputs, as max(max(a, b), c) or as max(a, max(b, c)): two networks of one
    function, which no cheap method sees.
    """
    random = np.random.default_rng(seed)
    layers = [
        ((gain * random.standard_normal((b, a)) / np.sqrt(a)).astype(np.float32), (0.3 * random.standard_normal(b)).astype(np.float32))
        for a, b in pairwise(sizes)
    ]
    if nested is not None:
        (first, b1), (second, b2), (third, b3) = layers[-3:]
        i, j, k = (0, 1, 2) if nested else (1, 2, 0)
        more = np.zeros((3, first.shape[1]), dtype=np.float32)
        more[0, i], more[0, j], more[1, j], more[2, k] = 1, -1, 1, 1
        last = np.zeros((2, len(first) + 3), dtype=np.float32)
        last[0, -3:], last[1, -1] = (1, 1, -1), 1
        layers[-3] = np.vstack([first, more]), np.append(b1, np.zeros(3, dtype=np.float32))
        layers[-2] = np.vstack([np.hstack([second, np.zeros((len(second), 3), np.float32)]), last]), np.append(b2, np.zeros(2, np.float32))
        layers[-1] = np.hstack([third, np.ones((len(third), 2), dtype=np.float32)]), b3
    return mlp(layers)


def pair(sizes: list[int], **options: Any) -> tuple[Network, Network]:
    return dense(sizes, nested=True, **options), dense(sizes, nested=False, **options)


def rows(dimension: int, count: int) -> Polyhedron:
    """The cube [-1, 1]^d, cut by random halfspaces."""
    random = np.random.default_rng(1)
    cube = np.vstack([np.eye(dimension), -np.eye(dimension)])
    A = random.standard_normal((count, dimension)).astype(np.float32)
    return Polyhedron(np.vstack([cube, A]), np.concatenate([np.ones(2 * dimension), 0.3 * np.abs(A).sum(axis=1)]))


def integers(count: int, inputs: int, size: int = 9) -> Network:
    """One hidden layer of small integers, many of whose sums of slopes meet."""
    random = np.random.default_rng(0)
    return mlp(
        [(random.integers(-size, size + 1, (count, inputs)) * 2 + 1, np.arange(1, count + 1) * 7), (random.integers(1, 5, (1, count)), [0])]
    )


DEEP, WIDE = [8, *[40] * 8, 2], [2, *[60] * 5, 2]
CUBE = Box(-1, 1)


def _equal(sizes: list[int], **options: Any) -> Ask:
    f, g = pair(sizes)
    return lambda T: xn.verify_equal(f, g, time_limit=T, **options)


def _same(sizes: list[int], domain: Polyhedron | None) -> Ask:
    f, g = pair(sizes)
    return lambda T: xn.verify_same_decision(f, g, domain=domain, time_limit=T)


def _zero() -> Ask:
    f = dense([300, 60, 5])
    domain = rows(300, 1500)
    return lambda T: xn.verify_zero(f, domain=domain, tolerance=1, time_limit=T)


def _symmetry() -> Ask:
    f, domain = dense([300, 60, 5]), rows(300, 1500)
    return lambda T: xn.verify_symmetry(f, symmetry.Flip([0]), domain=domain, time_limit=T)


def _deviation() -> Ask:
    f, g = pair([3, *[60] * 5, 2])
    return lambda T: xn.max_deviation(f, g, domain=CUBE, time_limit=T)


def _of(ask: Callable[..., Any], *given: Any, **options: Any) -> Ask:
    return lambda T: ask(*given, time_limit=T, **options)


def _reduce() -> Ask:
    return _of(tropical.extract(dense([3, 12, 12, 1])).reduce)


def _plot() -> Ask:
    pytest.importorskip("matplotlib").use("Agg")
    return _of(regions.plot, dense([2, *[60] * 5, 2]), CUBE, max_regions=None)


def _plot_pair() -> Ask:
    pytest.importorskip("matplotlib").use("Agg")
    return _of(regions.plot_pair, *pair([2, *[60] * 5, 2]), CUBE, max_regions=None)


def _plot_3d() -> Ask:
    pytest.importorskip("matplotlib").use("Agg")
    return _of(regions.plot_3d, dense([3, *[60] * 5, 2]), CUBE, max_regions=None)


def _iterate() -> Ask:
    net = dense(WIDE)
    return lambda T: list(regions.iterate(net, CUBE, time_limit=T))


def _fibre(net: Network, name: str) -> Ask:
    return lambda T: getattr(symmetry.fibre(net, time_limit=T), name)


def _search(net: Network, solver: Any = "z3") -> Ask:
    if solver == "z3":
        pytest.importorskip("z3")
    return lambda T: list(symmetry.search(net, solver=solver, time_limit=T))


def _points() -> Ask:
    x = np.random.default_rng(0).random((2000, 784)).astype(np.float32)
    return _of(tropical.extract_at, dense([784, 200, 80, 10]), x)


def _identity(name: str, widths: list[int]) -> Ask:
    source = np.random.default_rng(0)
    data = source.random((2000, widths[0])).astype(np.float32), source.integers(0, widths[-1], 2000)
    return _of(xn.cooling.identities[name].check, dense(widths), data)


def _arrangement(ask: Callable[..., Any]) -> Ask:
    return _of(ask, np.random.default_rng(0).integers(-9, 10, (60, 6)))


#: name -> (the functions asked, their question)
CASES: dict[str, tuple[list[Any], Callable[[], Ask]]] = {
    "equal": ([xn.verify_equal], lambda: _equal(DEEP, domain=CUBE)),
    "equal, everywhere": ([xn.verify_equal], lambda: _equal(DEEP)),
    "equal, many rows": ([xn.verify_equal], lambda: _equal([200, 60, 40, 20, 5], domain=rows(200, 300))),
    "equal, a tolerance": ([xn.verify_equal], lambda: _equal(DEEP, domain=CUBE, tolerance=Fraction(1, 10**6))),
    "equal, images": ([xn.verify_equal], lambda: _equal([784, 200, 80, 40, 10], domain=Box(0, 1))),
    "equal, one input": ([xn.verify_equal], lambda: _equal([1, *[60] * 6, 2])),
    "zero": ([xn.verify_zero], _zero),
    "symmetry": ([xn.verify_symmetry], _symmetry),
    "same decision, few inputs": ([xn.verify_same_decision], lambda: _same([3, *[60] * 5, 4], CUBE)),
    "same decision, many inputs": ([xn.verify_same_decision], lambda: _same([30, *[60] * 5, 4], None)),
    "deviation": ([xn.max_deviation], _deviation),
    "count": ([regions.count], lambda: _of(regions.count, dense(WIDE), CUBE)),
    "count, search": ([regions.count], lambda: _of(regions.count, dense([20, *[60] * 5, 2]), CUBE)),
    "certified count": (
        [certified_regions.certified_region_count],
        lambda: _of(certified_regions.certified_region_count, dense([20, *[60] * 5, 2]), CUBE),
    ),
    "iterate": ([regions.iterate], _iterate),
    "adjacency": ([regions.adjacency], lambda: _of(regions.adjacency, dense(WIDE), CUBE)),
    "plot": ([regions.plot], _plot),
    "plot pair": ([regions.plot_pair], _plot_pair),
    "plot in space": ([regions.plot_3d], _plot_3d),
    "chambers": ([regions.chambers], lambda: _arrangement(regions.chambers)),
    "characteristic polynomial": ([regions.characteristic_polynomial], lambda: _arrangement(regions.characteristic_polynomial)),
    "extract": ([tropical.extract], lambda: _of(tropical.extract, dense(WIDE), CUBE)),
    "extract_at": ([tropical.extract_at], _points),
    "reduce": ([TropicalRationalMap.reduce], _reduce),
    "identity, exact": ([xn.cooling.check_identities], lambda: _identity("I9", [30, *[40] * 12, 10])),
    "identity, balls": ([xn.cooling.check_identities], lambda: _identity("I23", [20, 30, 10])),
    "orbits": ([symmetry.orbits], lambda: _of(symmetry.orbits, integers(60, 3))),
    "orbits, wide": ([symmetry.orbits], lambda: _of(symmetry.orbits, dense([784, 5000, 10]))),
    "certified orbits": ([certified.certified_orbits], lambda: _of(certified.certified_orbits, integers(60, 3))),
    "single orbit": ([xn.verify_single_orbit], lambda: _of(xn.verify_single_orbit, integers(60, 3, 999))),
    "relate": ([symmetry.relate], lambda: _of(symmetry.relate, *pair([3, *[60] * 5, 2]))),
    "functional dimension": ([symmetry.functional_dimension], lambda: _of(symmetry.functional_dimension, dense([16, 32, 16, 10]))),
    "fibre": ([symmetry.fibre], lambda: _fibre(integers(60, 3), "orbits")),
    "fibre, wide": ([symmetry.fibre], lambda: _fibre(dense([784, 5000, 10]), "isolated")),
    "search": ([symmetry.search], lambda: _search(integers(40, 3))),
    "search, long": ([symmetry.search], lambda: _search(dense([700, 200, 3]))),
    "search, wide": ([symmetry.search], lambda: _search(dense([784, 5000, 10]), "exact")),
    "search_zero": ([symmetry.search_zero], lambda: lambda T: list(symmetry.search_zero(2, 10, 3, time_limit=T))),
}


def stopped(ask: Ask, limit: float) -> tuple[float, str | None]:
    """How long it took, and what it said of what it did not decide; None for an answer, on a machine that had it in time."""
    start = time.monotonic()
    try:
        answer = ask(limit)
    except (Incomplete, Undecided) as error:
        return time.monotonic() - start, str(error)
    seconds = time.monotonic() - start
    if isinstance(answer, Deviation):
        return seconds, None if answer.is_exact else f"what a time limit of {limit} s leaves: {answer}"
    if isinstance(answer, symmetry.Relation):
        answer = answer.verdict
    return seconds, answer.reason if isinstance(answer, Verdict) and answer.unknown else None


@pytest.mark.parametrize("name", CASES)
def test_a_short_limit_stops_long_work(name: str) -> None:
    limit = 0.3
    seconds, said = stopped(CASES[name][1](), limit)
    assert said is not None
    assert "time limit of 0.3 s" in said
    assert not re.search(r"\d{41}", said)
    assert seconds < 5 * limit + 4


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_a_limit_is_kept_to_a_tenth_and_a_second(name: str, limit: float) -> None:
    seconds, said = stopped(CASES[name][1](), limit)
    assert said is None or f"time limit of {limit}" in said
    assert seconds < 1.1 * limit + 1


def test_every_public_function_with_a_time_limit_has_a_case() -> None:
    asked = {id(inspect.unwrap(function)) for functions, _ in CASES.values() for function in functions}
    missing = []
    for room in ROOMS:
        for name in dir(room):
            function = getattr(room, name)
            if not name.startswith("_") and inspect.isfunction(function) and "time_limit" in inspect.signature(function).parameters:
                if id(inspect.unwrap(function)) not in asked:
                    missing.append(name)
    assert not missing
