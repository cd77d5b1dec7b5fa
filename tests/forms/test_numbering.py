"""Forms and value numbering: what a form says is the network's value, by a judge that evaluates atoms one by one."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import mlp
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.forms import Atoms, Dense, Forms, Numbering, Row, Selection, Sparse, stack
from exactnn.network import Affine, Builder, Conv, Input, MaxPool, Network, Reshape
from tests.strategies import graphs, law, numbers, renamed, tensors
from tests.verify._oracles import value

Terms = dict[int, Fraction]  # atom -> coefficient; the constant under -1


# --- forms against dictionaries -----------------------------------------------------------------------------------------------


@st.composite
def forms(draw: st.DrawFn, size: int | None = None) -> Forms:
    """A few rows over atoms 0 to 5, in several parts that may cancel."""
    n = draw(st.integers(1, 4)) if size is None else size
    parts: list[Selection | Dense] = []
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            index = np.array([draw(st.integers(-1, 5)) for _ in range(n)], dtype=np.int64)
            parts.append(Selection(index, draw(tensors((n,)))))
        else:
            rows = np.array(sorted(draw(st.sets(st.integers(0, n - 1), min_size=1))), dtype=np.int64)
            ids = np.array(draw(st.lists(st.integers(0, 5), min_size=1, unique=True)), dtype=np.int64)
            part = Dense(rows, ids, draw(tensors((len(rows), len(ids)))))
            parts.append(part)
            if draw(st.integers(0, 3)) == 0:
                parts.append(Dense(rows, ids, -part.matrix))
    return Forms(draw(tensors((n,))), tuple(parts))


def read(f: Forms) -> list[Terms]:
    """The rows as dictionaries, part by part."""
    found: list[Terms] = [{-1: q} for q in f.constant.to_fractions()]

    def add(row: int, atom: int, q: Fraction) -> None:
        found[row][atom] = found[row].get(atom, Fraction(0)) + q

    for part in f.parts:
        if isinstance(part, Selection):
            for i, (atom, q) in enumerate(zip(part.index.tolist(), part.factor.to_fractions(), strict=True)):
                if atom >= 0:
                    add(i, atom, q)
        elif isinstance(part, Sparse):
            for i in range(len(f)):
                own = slice(int(part.starts[i]), int(part.starts[i + 1]))
                for atom, q in zip(part.ids[own].tolist(), part.values[own].to_fractions(), strict=True):
                    add(i, atom, q)
        else:
            for k, i in enumerate(part.rows.tolist()):
                for atom, q in zip(part.ids.tolist(), part.matrix[k].to_fractions(), strict=True):
                    add(i, atom, q)
    return [clean(row) for row in found]


def clean(row: Terms) -> Terms:
    return {a: q for a, q in row.items() if q}


def times(row: Terms, factor: Fraction) -> Terms:
    return clean({a: q * factor for a, q in row.items()})


def plus(*rows: Terms) -> Terms:
    total: Terms = {}
    for row in rows:
        for a, q in row.items():
            total[a] = total.get(a, Fraction(0)) + q
    return clean(total)


@given(forms(), st.data())
@law(80)
def test_forms_compute_like_dictionaries(f: Forms, data: st.DataObject) -> None:
    rows, n = read(f), len(f)
    g = data.draw(forms(n))
    assert read(f + g) == [plus(a, b) for a, b in zip(rows, read(g), strict=True)]
    assert read(f - g) == [plus(a, times(b, Fraction(-1))) for a, b in zip(rows, read(g), strict=True)]
    assert read(f - f) == [{}] * n
    factors = data.draw(tensors((n,)))
    assert read(f.scaled(factors)) == [times(a, q) for a, q in zip(rows, factors.to_fractions(), strict=True)]
    assert read(f.plus_constant(factors)) == [plus(a, {-1: q}) for a, q in zip(rows, factors.to_fractions(), strict=True)]
    chosen = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=5)), dtype=np.int64)
    assert read(f.take(chosen)) == [rows[i] for i in chosen]
    assert read(stack([f, g, f])) == [*rows, *read(g), *rows]
    weight, bias = data.draw(tensors((2, n))), data.draw(tensors((2,)))
    expected = [
        plus({-1: c}, *(times(a, q) for a, q in zip(rows, weight[k].to_fractions(), strict=True)))
        for k, c in enumerate(bias.to_fractions())
    ]
    assert read(f.affine(weight, bias)) == expected
    merged = (f + g - f).merged()
    assert read(merged) == read(f + g - f)
    assert sum(isinstance(part, Dense) for part in merged.parts) <= 1
    assert sum(not isinstance(part, Dense) for part in merged.parts) <= 1
    ids, matrix = f.combined()
    assert ids.tolist() == sorted({a for row in rows for a in row} - {-1})
    assert matrix.shape == (n, len(ids))


@given(forms(), numbers())
@law(80)
def test_rows_are_primitive_and_positive(f: Forms, shift: Fraction) -> None:
    for row, terms in zip(f.rows(shift), read(f), strict=True):
        expected = plus(terms, {-1: -shift})
        assert row.factor == (row.factor if expected else 1) > 0
        assert math.gcd(row.constant, *row.nums) == (1 if expected else 0)
        assert list(row.ids) == sorted(set(row.ids))
        assert all(row.nums)
        found = {**dict(zip(row.ids, row.nums, strict=True)), -1: row.constant}
        assert times({a: Fraction(q) for a, q in found.items()}, row.factor) == expected


# --- numbering ------------------------------------------------------------------------------------------------------------------


def judge(found: Forms, atoms: Atoms, x: list[Fraction]) -> tuple[Fraction, ...]:
    """The forms' values at a point, where every atom is a coordinate or max(l, 0)."""
    known: dict[int, Fraction] = dict(enumerate(x))

    def level(row: Row) -> Fraction:
        return row.factor * (row.constant + sum((n * known[a] for a, n in zip(row.ids, row.nums, strict=True)), Fraction(0)))

    for k, atom in enumerate(atoms.made):
        if atom.kind == "max":
            assert atom.row is not None
            known[atoms.dimension + k] = max(level(atom.row), Fraction(0))
    return tuple(sum((q * known.get(a, Fraction(1)) for a, q in row.items()), Fraction(0)) for row in read(found))


@given(graphs(), st.booleans(), st.lists(st.integers(-9, 9), min_size=16, max_size=16))
@law(80)
def test_forms_in_elements_have_the_network_s_values(net: Network, mirror: bool, numerators: list[int]) -> None:
    numbering = Numbering(net.input_dim, mirror=mirror, elements=True)
    found, lines = numbering.run(net)
    x = [Fraction(numerators[i % 16], 1 + i % 3) for i in range(net.input_dim)]
    assert judge(found, numbering.atoms, x) == value(net, x)
    assert set(lines) <= set(net.order)
    made = [line[1] for name in net.order for line in lines.get(name, []) if line is not None and line[0] == "atom"]
    firsts = list(dict.fromkeys(made))
    assert firsts == list(range(len(firsts)))  # atoms are numbered as they occur


@given(graphs(), st.booleans(), st.booleans())
@law(60)
def test_the_second_network_finds_the_atoms_of_the_first(net: Network, mirror: bool, elements: bool) -> None:
    numbering = Numbering(net.input_dim, mirror=mirror, elements=elements)
    first, _ = numbering.run(net)
    count = len(numbering.atoms.made)
    second, _ = numbering.run(renamed(net, "again "))
    assert len(numbering.atoms.made) == count
    assert read(first) == read(second)
    assert read(first - second) == [{}] * net.output_dim


@given(graphs(), st.lists(st.integers(-9, 9), min_size=16, max_size=16))
@law(60)
def test_decided_signs_are_taken_over(net: Network, numerators: list[int]) -> None:
    """Signs decided at a point hold there: the forms then have the network's values at that point."""
    x = [Fraction(numerators[i % 16], 1 + i % 3) for i in range(net.input_dim)]
    known: dict[int, Fraction] = dict(enumerate(x))

    def decide(row: Row, atoms: Atoms) -> Any:
        level = row.constant + sum((n * known[a] for a, n in zip(row.ids, row.nums, strict=True)), Fraction(0))
        return ("on" if level >= 0 else "off", [])

    numbering = Numbering(net.input_dim, mirror=True, elements=True, decide=decide)
    found, _ = numbering.run(net)
    assert not [atom for atom in numbering.atoms.made if atom.kind == "max"]
    assert judge(found, numbering.atoms, x) == value(net, x)


def test_a_base_replaces_the_inputs() -> None:
    """x = (1 + t, 2 - t): a network of two inputs in one coordinate."""
    net = mlp([([[1, 1], [1, 0]], [0, 0]), ([[1, 1]], [0])])
    base = Forms(RationalArray.of([1, 2]), (Dense(np.arange(2), np.arange(1), RationalArray.of([[1], [-1]])),))
    numbering = Numbering(1, mirror=True, base=base)
    found, _ = numbering.run(net)
    for t in (Fraction(-5), Fraction(1, 3), Fraction(7)):
        assert judge(found, numbering.atoms, [t]) == net([1 + t, 2 - t])


def test_mirrored_neurons_share_an_atom() -> None:
    net = mlp([([[2, -4], [-1, 2], [3, -6]], [6, -3, 9]), ([[1, 1, 1]], [0])])
    for mirror, atoms in ((True, 1), (False, 2)):
        numbering = Numbering(2, mirror=mirror)
        numbering.run(net)
        assert len(numbering.atoms.made) == atoms


def test_zero_rows_are_one_row_however_they_come() -> None:
    """softplus(0) beside softplus(x), and alone."""
    both = mlp([([[0], [1]], [0, 0]), ([[1, 0]], [0])], activation="softplus")
    alone = mlp([([[0]], [0]), ([[1]], [0])], activation="softplus")
    numbering = Numbering(1, mirror=True)
    first, second = (numbering.run(net)[0] for net in (both, alone))
    assert read(first) == read(second)


@pytest.mark.parametrize("large", [2**61, 2**62, 2**63, 2**64, 10**40])
def test_numbers_at_the_border_of_int64(large: int) -> None:
    net = mlp([([[large, -1], [1, large - 1]], [large + 1, -large]), ([[large, 1 - large]], [large])])
    for x in ([Fraction(1, large), Fraction(-large)], [Fraction(-1), Fraction(2)]):
        numbering = Numbering(2, mirror=True)
        found, _ = numbering.run(net)
        assert judge(found, numbering.atoms, x) == value(net, x)


def pooled(shape: tuple[int, ...], pool: MaxPool, *, dense: int = 0) -> Network:
    """A max pool of a grid, its entries the inputs or (dense) affine functions of so many inputs."""
    b, size = Builder(), math.prod(shape)
    current = b.add("x", Input((dense,) if dense else shape))
    if dense:
        weight = np.random.default_rng(0).integers(-3, 4, (size, dense))
        current = b.add("w", Affine(RationalArray(weight), RationalArray(np.arange(size) % 5)), current)
        current = b.add("grid", Reshape(shape), current)
    return b.build(["x"], [b.add("y", pool, current)])


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("dense", [0, 3])
@pytest.mark.parametrize(
    ("shape", "pool"),
    [
        ((1, 16), MaxPool((16,), (16,), ((0, 0),), (1,))),
        ((2, 8, 7), MaxPool((4, 3), (2, 3), ((1, 2), (0, 1)), (1, 1))),  # windows of different sizes
        ((2, 7, 6), MaxPool((7, 6), (7, 6), ((0, 0), (0, 0)), (1, 1))),
        ((1, 9, 9), MaxPool((3, 3), (2, 2), ((1, 1), (1, 1)), (2, 2))),
    ],
)
def test_maxima_of_many_entries(shape: tuple[int, ...], pool: MaxPool, dense: int, mirror: bool) -> None:
    """They need as many atoms as comparisons, and the forms as many parts as a row has terms: not twice as many at each step."""
    net = pooled(shape, pool, dense=dense)
    numbering = Numbering(net.input_dim, mirror=mirror, elements=True)
    found, _ = numbering.run(net)
    rng = np.random.default_rng(1)
    for _ in range(5):
        x = [Fraction(int(n), 3) for n in rng.integers(-9, 10, net.input_dim)]
        assert judge(found, numbering.atoms, x) == net(x)
    window = math.prod(pool.kernel)
    assert len(numbering.atoms.made) <= net.output_dim * (window - 1)
    assert len(found.parts) <= window + 1


def test_time_ends_between_nodes_neurons_and_comparisons() -> None:
    pool = MaxPool((16,), (16,), ((0, 0),), (1,))
    conv = Conv(RationalArray.of([[[1, 2]]]), RationalArray.of([0]), (1,), ((0, 0),), (1,), 1)
    b = Builder()
    b.add("x", Input((1, 16)))
    b.add("y", conv, "x")
    chain = mlp([([[1], [2]], [0, 0]), ([[1, 1]], [0])], activation="tanh")
    for net in (pooled((1, 16), pool), b.build(["x"], ["y"]), chain, mlp([([[1]], [0]), ([[1]], [0])])):
        for steps in itertools.count():
            clock = Clock(10**6)
            left = iter([1.0] * steps)
            clock.left = lambda left=left: next(left, 0.0)  # type: ignore[method-assign, misc]
            try:
                Numbering(net.input_dim, mirror=True, elements=True, clock=clock).run(net)
            except Incomplete:
                continue
            break
        assert steps > len(net.order)  # the clock was asked at each node, and in between
