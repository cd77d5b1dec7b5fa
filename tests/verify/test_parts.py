"""The search for equality in tasks: the same cells on an executor, from a file, and interrupted; files of other questions are refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from benchmarks import equality_map
from exactnn import Box, Network, Polyhedron, check, mlp, verify_equal
from exactnn.claims import Certificate, EqualClaim
from exactnn.difference import Resources
from exactnn.errors import Incomplete, LoadError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.tasks import TaskFile
from exactnn.verify import _decision, _parts
from exactnn.verify._boxes import fingerprint, resources
from exactnn.verify._complete import Complete
from exactnn.verify._domain import coordinates
from exactnn.verify._lattice import ByLattice
from exactnn.verify._parts import decide_in_parts
from tests.verify._oracles import value

A = [[3, 1], [-1, 2], [1, 1], [2, -3]]
B = [[1, -2, 1, 1], [-1, 1, 2, -1], [1, 1, -1, 1]]
C = [[1, -1, 1], [2, 1, -1]]


def pair(moved: Any = 0) -> tuple[Network, Network]:
    """Three hidden layers; in g neurons are exchanged and scaled, and one is split, so that no layer aligns; `moved` is added to a bias."""
    f = mlp([(A, [0, 1, -1, 2]), (B, [1, 0, -1]), (C, [-1, 0]), ([[1, 1]], [0])])
    first = [[2 * c for c in A[2]], A[0], A[1], A[3], A[0]]
    second = [[Fraction(row[2], 2), Fraction(row[0], 4), row[1], row[3], Fraction(3 * row[0], 4)] for row in (B[1], B[0], B[2])]
    third = [[row[1], row[0], row[2]] for row in C]
    g = mlp([(first, [-2, 0, 1, 2, 0]), (second, [0, 1, -1]), (third, [-1, 0]), ([[1, 1]], [moved])])
    return f, g


def claim(moved: Any = 0, domain: Any = None) -> EqualClaim:
    f, g = pair(moved)
    return EqualClaim(f, g, domain, Fraction(0))


def whole(asked: EqualClaim) -> tuple[Any, int]:
    complete = Complete(asked, coordinates(asked.domain, asked.f.input_dim), Clock(), None)
    return complete.decide(), complete.search.found


def in_parts(
    asked: EqualClaim, clock: Clock | None = None, executor: Any = None, file: Path | None = None, signs: Any = None
) -> tuple[Any, int]:
    means = resources(asked, executor, file)
    return decide_in_parts(asked, coordinates(asked.domain, asked.f.input_dim), clock or Clock(), means, fingerprint(asked), signs)


@pytest.mark.parametrize("domain", [None, Box([-1, -1], [1, 1])])
def test_parts_make_the_whole(domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = claim(domain=domain)
    evidence, cells = whole(asked)
    monkeypatch.setattr(_parts, "TASKS", 6)
    with ThreadPoolExecutor(2) as threads:
        for executor in (None, threads):
            found, count = in_parts(asked, executor=executor)
            assert count == cells
            assert sum(node[0] == "leaf" for node in found["tree"]) == sum(node[0] == "leaf" for node in evidence["tree"]) == cells
            assert check(Certificate(asked, "proved", found))


@pytest.mark.parametrize("domain", [None, Box([-1] * 3, [1] * 3), Polyhedron([[1] * 3, [-1] * 3], [1, 1])])
def test_parts_of_what_the_difference_depends_on(domain: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the sign of a neuron that is never active, as it was proved before; in tasks, and from their file."""
    monkeypatch.setattr(_parts, "TASKS", 6)
    layers = equality_map.drawn((3, 5, 5, 4, 1))
    asked = EqualClaim(mlp(layers), mlp(equality_map.rewritten(layers)), domain, Fraction(0))
    lattice = ByLattice(asked, coordinates(domain, 3), Clock())
    signs = lattice.signs(Clock())
    assert [sign for _, sign in signs] == [-1]
    search = Complete(asked, coordinates(domain, 3), Clock(), None, part=lattice.needed(Clock()))
    assert check(Certificate(asked, "proved", search.decide()))
    for file in (None, tmp_path / "cells", tmp_path / "cells"):
        found, count = in_parts(asked, file=file, signs=signs)
        assert count == search.search.found
        assert check(Certificate(asked, "proved", found))
    assert in_parts(asked)[1] > count


def test_a_difference_in_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parts, "TASKS", 2)
    for moved in (Fraction(1, 2**40), 3):
        found, _ = in_parts(claim(moved))
        assert isinstance(found, RationalArray)
        f, g = pair(moved)
        assert value(f, found.to_fractions()) != value(g, found.to_fractions())


def test_an_interrupted_proof_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_parts, "TASKS", 8)
    asked, file = claim(), tmp_path / "cells"
    expected = in_parts(asked)
    real, calls = _parts.carry_out, []

    def some(*arguments: Any) -> Any:
        calls.append(arguments)
        return real(*arguments) if len(calls) <= 5 else None

    monkeypatch.setattr(_parts, "carry_out", some)
    with pytest.raises(Incomplete, match=r"5 of \d+ tasks were finished"):
        in_parts(asked, file=file)
    monkeypatch.setattr(_parts, "carry_out", real)
    lines = file.read_text().splitlines()
    assert len(lines) == 1 + 1 + 5  # what it is, its tasks, and those that were finished
    file.write_text("\n".join(lines) + "\n" + lines[-1][:20])  # cut off by a kill
    counted = []
    monkeypatch.setattr(_parts, "carry_out", lambda *arguments: counted.append(1) or real(*arguments))
    assert in_parts(asked, file=file) == expected
    tasks = len(json.loads(lines[1])["result"][2])
    assert len(counted) == tasks - 5
    assert in_parts(asked, file=file) == expected
    assert len(counted) == tasks - 5
    assert check(Certificate(asked, "proved", expected[0]))


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "cells"
    in_parts(claim(), file=file)
    kept = file.read_bytes()
    for other in (claim(1), claim(domain=Box([0, 0], [1, 1]))):
        with pytest.raises(LoadError, match="belongs to another network, domain or question"):
            in_parts(other, file=file)
    f, g = pair()
    with pytest.raises(LoadError, match="no checkpoint"):
        verify_equal(f, g, domain=Box([0, 0], [1, 1]), tolerance=1, checkpoint=file)
    assert file.read_bytes() == kept
    file.write_bytes(kept.replace(b'"leaf"', b'"Leaf"', 1))
    with pytest.raises(LoadError, match="damaged"):
        in_parts(claim(), file=file)


def test_an_interrupted_proof_does_not_go_on_for_other_networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_parts, "TASKS", 8)
    file, (f, g), (_, other) = tmp_path / "cells", pair(), pair(Fraction(1, 2**40))
    real, calls = _parts.carry_out, []
    monkeypatch.setattr(_parts, "carry_out", lambda *arguments: calls.append(1) or (real(*arguments) if len(calls) < 3 else None))
    with pytest.raises(Incomplete, match=r"the search cell by cell: .*; 2 of"):
        in_parts(claim(), file=file)
    kept = file.read_bytes()
    for first, second in ((f, other), (g, f), (f, f)):
        with pytest.raises(LoadError, match="belongs to another network"):
            verify_equal(first, second, checkpoint=file)
    assert file.read_bytes() == kept


def test_the_question_asks_its_means(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The rung of the ladder, reached when those before it do not answer."""
    f, g = pair()
    monkeypatch.setattr(_decision.Decision, "_by_forms", lambda *_, **__: None)
    monkeypatch.setattr(_decision.Decision, "_by_lattice", lambda *_: None)
    monkeypatch.setattr(_decision.Decision, "_compares_units", False)  # since the difference cancels then
    monkeypatch.setattr(_decision, "_QUICK_CELLS", 1)
    monkeypatch.setattr(_parts, "TASKS", 8)
    with ThreadPoolExecutor(2) as threads:
        verdict = verify_equal(f, g, executor=threads, checkpoint=tmp_path / "cells")
    assert verdict.proved
    assert check(verdict.certificate)
    assert len((tmp_path / "cells").read_text().splitlines()) > 2
    alone = verify_equal(f, g)  # the quick search goes on, and does not begin again
    assert alone.proved
    assert check(alone.certificate)
    assert alone.reason == verdict.reason


def test_resources() -> None:
    assert not Resources().any
    assert Resources(tasks=object.__new__(TaskFile)).any
