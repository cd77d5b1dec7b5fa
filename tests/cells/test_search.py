"""The search by linear programs: known counts, and brute force over all patterns with z3 on small degenerate networks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import z3

from exactnn import Box, Network, Polyhedron, mlp
from exactnn.cells import Leaf, Program, Search, read_program
from exactnn.errors import DomainError, Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.network import Affine, Builder, Input, MaxPool, Reshape

TINY = Fraction(1, 2**60)
Rows = Sequence[tuple[Sequence[Any], Any]]


def leaves(net: Network, domain: Polyhedron | None = None) -> list[Leaf]:
    return list(Search(read_program([net], domain)).leaves())


def count(net: Network, domain: Polyhedron | None = None) -> int:
    return len(leaves(net, domain))


# --- known counts ---------------------------------------------------------------------------------------------------------


def shallow(neurons: Sequence[tuple[Any, Sequence[Any], Any]]) -> Network:
    return mlp([([w for _, w, _ in neurons], [b for _, _, b in neurons]), ([[a for a, _, _ in neurons]], [0])])


SEPARATING = {
    "stargalla": (mlp([([[1, 0], [0, 1], [0, -1]], [0, 0, 0]), ([[1, 0, 0], [1, -1, 1]], [0, 0]), ([[-1, 1]], [0])]), 5),
    "touching": (shallow([(s, w, 0) for w, s in (([1, 0], 1), ([0, 1], 1), ([1, 1], -1)) for w in (w, [-w[0], -w[1]])]), 6),
    "bump": (shallow([(1, [1], 0), (-2, [1], -1), (1, [1], -2)]), 4),
    "identity": (shallow([(1, [1], 0), (-1, [-1], 0)]), 2),
    "maximum": (shallow([(1, [1, -1], 0), (1, [0, 1], 0), (-1, [0, -1], 0)]), 4),
    "sort2": (shallow([(1, [1, -1], 0), (1, [1, 0], 0), (1, [-1, 0], 0), (1, [0, 1], 0), (1, [0, -1], 0)]), 6),
    "nothing": (shallow([(1, [1], 0), (-1, [1], 0)]), 2),
    "three lines": (shallow([(1, [1, 0], 0), (1, [0, 1], 0), (1, [1, 1], -TINY)]), 7),
    "three concurrent lines": (shallow([(1, [1, 0], 0), (1, [0, 1], 0), (1, [1, 1], 0)]), 6),
    "almost parallel": (shallow([(1, [1, 0], 0), (1, [1, TINY], 0)]), 4),
    "parallel": (shallow([(1, [1, 0], 0), (1, [1, 0], 0)]), 2),
    "almost equal": (shallow([(1, [1], 0), (-1, [1], -Fraction(1, 2**40))]), 3),
    "tiny rows": (shallow([(1, [TINY, 0], 0), (1, [0, TINY], 0), (1, [TINY, TINY], -TINY)]), 7),
}


@pytest.mark.parametrize("name", SEPARATING)
def test_networks_that_separate_definitions(name: str) -> None:
    net, expected = SEPARATING[name]
    assert count(net) == expected


def zigzag(teeth: int, layers: int, inputs: int = 1) -> Network:
    """The n-fold zigzag on [0, 1], composed with itself; on several inputs one by one."""
    jumps = [teeth] + [2 * teeth * (-1) ** k for k in range(1, teeth)]
    eye = np.eye(inputs, dtype=int)
    first = np.kron(eye, np.ones((teeth, 1), dtype=int))
    bias = [Fraction(-k, teeth) for _ in range(inputs) for k in range(teeth)]
    last = np.kron(eye, np.array([jumps]))
    middle = np.kron(eye, np.ones((teeth, 1), dtype=int) @ np.array([jumps]))
    return mlp([(first, bias), *[(middle, bias)] * (layers - 1), (last, [0] * inputs)])


@pytest.mark.parametrize(
    ("teeth", "layers", "inputs", "expected"),
    [
        *((2, k, 1, 2**k + 2 - (k == 1)) for k in range(1, 7)),
        *((3, k, 1, 3**k + 1) for k in range(1, 4)),
        *((4, k, 1, 4**k + 2) for k in range(2, 4)),
        (5, 2, 1, 26),
        *((2, k, 2, (2**k + 2 - (k == 1)) ** 2) for k in range(1, 4)),
        (3, 1, 2, 16),
    ],
)
def test_zigzags(teeth: int, layers: int, inputs: int, expected: int) -> None:
    net = zigzag(teeth, layers, inputs)
    assert count(net) == expected
    assert count(net, Box([0] * inputs, [1] * inputs)) == teeth ** (layers * inputs)


@pytest.mark.parametrize(("dimension", "hyperplanes"), [(1, 9), (2, 8), (3, 7), (5, 8), (12, 5)])
def test_generic_arrangements(dimension: int, hyperplanes: int) -> None:
    rng = np.random.default_rng(dimension)
    net = shallow([(1, rng.integers(-999, 1000, dimension).tolist(), int(rng.integers(1, 99))) for _ in range(hyperplanes)])
    assert count(net) == sum(math.comb(hyperplanes, i) for i in range(dimension + 1))


@pytest.mark.parametrize(("kind", "n", "expected"), [("braid", 4, 24), ("shi", 3, 16), ("catalan", 3, 30), ("shi", 4, 125)])
def test_reflection_arrangements(kind: str, n: int, expected: int) -> None:
    levels = {"braid": (0,), "shi": (0, 1), "catalan": (-1, 0, 1)}[kind]
    pairs = list(itertools.combinations(range(n), 2))
    net = shallow([(1, [(k == i) - (k == j) for k in range(n)], -level) for i, j in pairs for level in levels])
    assert count(net) == expected


# --- brute force ----------------------------------------------------------------------------------------------------------

Form = list[Fraction]  # d coefficients and a constant


def patterns(layers: Sequence[tuple[Any, Any]], d: int, rows: Rows) -> Iterator[tuple[int, ...]]:
    """All activation patterns that have an interior point, by one question to z3 for each pattern of each layer."""
    solver = z3.Solver()
    x = [z3.Real(f"x{k}") for k in range(d)]
    for a, b in rows:
        solver.add(_value([*(-Fraction(v) for v in a), Fraction(b)], x) > 0)
    start = [[Fraction(int(i == j)) for j in range(d + 1)] for i in range(d)]
    yield from _patterns(solver, x, list(layers), start, ())


def _value(form: Form, x: list[Any]) -> Any:
    terms = [z3.Q(c.numerator, c.denominator) * v for c, v in zip(form, [*x, z3.RealVal(1)], strict=True)]
    return z3.Sum(terms)


def _patterns(solver: Any, x: list[Any], layers: list[Any], values: list[Form], done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if not layers:
        yield done
        return
    (weight, bias), d = layers[0], len(x)
    forms = []
    for w, b in zip(weight, bias, strict=True):
        form = [sum((Fraction(c) * v[k] for c, v in zip(w, values, strict=True)), Fraction(0)) for k in range(d + 1)]
        form[d] += Fraction(b)
        forms.append(form)
    for bits in itertools.product((0, 1), repeat=len(forms)):
        if any(bit and not any(form) for bit, form in zip(bits, forms, strict=True)):
            continue
        solver.push()
        solver.add([_value(form, x) > 0 if bit else _value(form, x) < 0 for bit, form in zip(bits, forms, strict=True) if any(form)])
        if solver.check() == z3.sat:
            following = [form if bit else [Fraction(0)] * (d + 1) for bit, form in zip(bits, forms, strict=True)]
            yield from _patterns(solver, x, layers[1:], following, (*done, *bits))
        solver.pop()


def degenerate(rng: np.random.Generator, widths: Sequence[int]) -> list[tuple[Any, Any]]:
    """Weights in {-1, 0, 1}, some biases moved by 2^-60."""
    layers = []
    for m, n in itertools.pairwise(widths):
        bias = rng.integers(-1, 2, n).astype(object)
        bias[rng.random(n) < 0.2] += TINY
        layers.append((rng.integers(-1, 2, (n, m)).tolist(), [Fraction(b) for b in bias]))
    return layers


def domains(rng: np.random.Generator, d: int) -> Iterator[tuple[Polyhedron | None, Rows]]:
    yield None, ()
    low, high = rng.integers(-2, 1, d).tolist(), rng.integers(1, 3, d).tolist()
    eye = np.eye(d, dtype=int).tolist()
    yield Box(low, high), [*zip(eye, high, strict=True), *([[-v for v in e], -b] for e, b in zip(eye, low, strict=True))]
    A, b = rng.integers(-1, 2, (3, d)), rng.integers(0, 3, 3)
    A[0, 0] = 1
    domain = Polyhedron(A.tolist(), b.tolist())
    if domain.dimension == d:
        yield domain, [(a, c) for a, c in zip(A.tolist(), b.tolist(), strict=True) if any(a)]


def check_leaf(leaf: Leaf, program: Program) -> None:
    """The point is strictly inside, and the network's units have these signs there."""
    x = [*leaf.interior_point, Fraction(1)]
    assert all(sum(c * v for c, v in zip(row, x, strict=True)) > 0 for row in leaf.inequalities)
    point = RationalArray.of(list(leaf.interior_point))
    signs = [np.array(leaf.signs)[None, :]]
    numerators = point.reshape(1, -1).to_fmpq_mat().numer_denom()
    values = program.exact_values(numerators[0], [numerators[1]], signs[0], len(program.stages) - 1)
    found = [(v > 0) - (v < 0) for z in values for v in z.entries()]
    assert found == leaf.signs.tolist()


@pytest.mark.parametrize("seed", [*range(12), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(12, 40))])
def test_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    hidden = [(4,), (3, 3), (2, 2, 2), (3, 2, 2)][seed % 4]
    layers = degenerate(rng, (d, *hidden))
    net = mlp([*layers, ([[1] * hidden[-1]], [0])])
    for domain, rows in domains(rng, d):
        program = read_program([net], domain)
        found = []
        for leaf in Search(program).leaves():
            check_leaf(leaf, program)
            found.append(tuple((leaf.signs[program.domain_units :] > 0).astype(int).tolist()))
        assert sorted(found) == sorted(patterns(layers, d, rows))


def test_two_networks_and_other_units() -> None:
    """Joint cells of two networks; kinks elsewhere; max pooling as running maximum."""
    f, g = shallow([(1, [1, 0], 0), (1, [0, 1], 0)]), shallow([(1, [1, 1], 0)])
    assert len(list(Search(read_program([f, g])).leaves())) == 6
    assert count(mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])], activation="hardtanh")) == 9
    b = Builder()
    b.add("x", Input((3,)))
    b.add("r", Reshape((1, 3)), "x")
    b.add("m", MaxPool((3,), (1,), ((0, 0),), (1,)), "r")
    b.add("f", Reshape((1,)), "m")
    b.add("y", Affine(RationalArray.of([[1]]), RationalArray.of([0])), "f")
    assert count(b.build(["x"], ["y"])) == 4  # x1 > x0 or not, then x2 against the greater one


# --- civility -------------------------------------------------------------------------------------------------------------


def test_limits() -> None:
    net = zigzag(3, 3)
    with pytest.raises(Incomplete, match="0 cells were found") as stopped:
        list(Search(read_program([net]), Clock(0)).leaves())
    assert stopped.value.partial == 0
    search = Search(read_program([net]), limit=5)
    found = []
    with pytest.raises(Incomplete, match="limit of 5 cells"):
        found.extend(search.leaves())
    assert len(list(Search(read_program([net]), limit=28).leaves())) == 28
    with pytest.raises(DomainError, match=r"interior points in R\^1"):
        list(Search(read_program([net], Box([1], [1]))).leaves())


def test_memory_is_the_depth() -> None:
    rng = np.random.default_rng(0)
    net = mlp([(rng.integers(-9, 10, (40, 8)).tolist(), rng.integers(-9, 10, 40).tolist()), ([[1] * 40], [0])])
    assert len(list(itertools.islice(Search(read_program([net])).leaves(), 200))) == 200
