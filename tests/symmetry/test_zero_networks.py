"""The search for zero networks: against brute force over all integer weights, against z3, and its own laws.

The brute force knows nothing of hyperplanes: a network is zero if it vanishes at points that meet every piece of every network within the
bounds. Classes are told apart by `key`, a canonical form of its own: least among all signed permutations, in fractions.
"""

from __future__ import annotations

import doctest
import importlib.util
import json
import operator
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, combinations_with_replacement, permutations, product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError, Incomplete, ShapeError
from exactnn.exact.clock import Clock
from exactnn.network import Affine
from exactnn.symmetry import search_zero
from exactnn.symmetry._zero_classes import Units
from exactnn.symmetry._zero_exact import PairSearch
from exactnn.symmetry.zero_networks import ZeroSearch, formula
from tests.strategies import law
from tests.symmetry.test_smt import cvc5_answer, needs_cvc5

Vector = tuple[Any, ...]
#: (a, w, b)
Neuron = tuple[Vector, Vector, Any]


def neurons_of(net: xn.Network) -> tuple[list[Neuron], Vector]:
    """The (a, w, b), and c."""
    first, last = net.operation("layer1"), net.operation("layer2")
    assert isinstance(first, Affine)
    assert isinstance(last, Affine)
    rows = [first.weight[i].to_fractions() for i in range(len(first.weight))]
    columns = [last.weight[:, i].to_fractions() for i in range(len(rows))]
    return list(zip(columns, rows, first.bias.to_fractions(), strict=True)), last.bias.to_fractions()


# --- the oracle ----------------------------------------------------------------------------------------------------------


def key(neurons: list[Neuron]) -> tuple[Any, ...]:
    """The class: the least description under signed permutations of inputs, signs and positive factors of outputs."""
    outputs, inputs = len(neurons[0][0]), len(neurons[0][1])
    scaled = []
    for a, w, b in neurons:
        size = sum(map(abs, w)) + abs(b)
        if size:
            scaled.append((tuple(Fraction(n) * size for n in a), tuple(Fraction(n) / size for n in w), Fraction(b) / size))
        else:
            assert outputs == 1 or len(neurons) == 1, "rays under factors of several outputs are not treated here"
            scaled.append((tuple(Fraction(operator.gt(n, 0) - operator.lt(n, 0)) for n in a), w, b))
    factors = [max((abs(a[o]) for a, w, b in scaled if any(w) or b), default=0) or 1 for o in range(outputs)]
    found = []
    for order, signs, turned in product(permutations(range(inputs)), product((1, -1), repeat=inputs), product((1, -1), repeat=outputs)):
        image = []
        for a, w, b in scaled:
            divided = tuple(s * n / (f if any(w) or b else 1) for s, n, f in zip(turned, a, factors, strict=True))
            image.append((divided, tuple(s * w[k] for s, k in zip(signs, order, strict=True)), b))
        found.append(tuple(sorted(image)))
    return min(found)


def points(inputs: int, bound: int) -> np.ndarray[Any, Any]:
    """(x, t) for points x/t: all vertices of all networks within the bounds, and enough beyond them."""
    if inputs == 1:
        t = int(np.lcm.reduce(range(1, bound + 1)))
        return np.array([(k, t) for k in range(-(bound + 1) * t, (bound + 1) * t + 1)])
    assert (inputs, bound) == (2, 1)
    return np.array([(x, y, 4) for x, y in product(range(-12, 13), repeat=2)])


def brute(inputs: int, count: int, bound: int, outputs: int, irreducible: bool) -> Iterator[list[Neuron]]:
    """Every zero network as a combination of neurons, met in the middle by the values of both halves."""
    span = range(-bound, bound + 1)
    every = [
        (a, w, b)
        for a, w, b in product(product(span, repeat=outputs), product(span, repeat=inputs), span)
        if not irreducible or (any(a) and any(w))
    ]
    at = points(inputs, bound)
    levels = np.maximum(at @ np.array([(*w, b) for _, w, b in every]).T, 0)
    levels -= levels[len(levels) // 2]  # c is what makes f(0) = 0
    columns = np.array([np.outer(levels[:, i], a).ravel() for i, (a, _, _) in enumerate(every)])
    choose = combinations if irreducible else combinations_with_replacement
    left = count // 2
    table: dict[bytes, list[tuple[int, ...]]] = defaultdict(list)
    for part in choose(range(len(every)), left):
        table[columns[list(part)].sum(axis=0).tobytes()].append(part)
    for part in choose(range(len(every)), count - left):
        for other in table.get((-columns[list(part)].sum(axis=0)).tobytes(), ()):
            if (not other or not part or other[-1] < part[0]) if irreducible else (not other or other[-1] <= part[0]):
                chosen = [every[i] for i in (*other, *part)]
                if not irreducible or not any(map(proportional, *zip(*combinations(chosen, 2), strict=True))):
                    yield chosen


def proportional(one: Neuron, two: Neuron) -> bool:
    p, q = (*one[1], one[2]), (*two[1], two[2])
    return all(p[i] * q[k] == p[k] * q[i] for i, k in combinations(range(len(p)), 2)) and sum(map(operator.mul, p, q)) > 0


def constant(neurons: list[Neuron]) -> Vector:
    """c, from f(0) = 0."""
    return tuple(-sum(a[o] * max(b, 0) for a, _, b in neurons) for o in range(len(neurons[0][0])))


def linear_pair(one: Neuron, two: Neuron) -> bool:
    """Two neurons with an affine sum, neither of them affine by itself."""
    if not any(one[0]) or not any(one[1]):
        return False
    return proportional(one, (two[0], tuple(-n for n in two[1]), -two[2])) and all(
        n * p == q * k for n, k in zip(one[0], two[0], strict=True) for p, q in zip((*one[1], one[2]), (*two[1], two[2]), strict=True)
    )


def keys_of(search: ZeroSearch) -> list[tuple[Any, ...]]:
    found = [key(neurons_of(net)[0]) for net in search]
    assert search.complete
    assert len(set(found)) == len(found), "a class came twice"
    return found


@pytest.mark.parametrize(
    ("inputs", "count", "bound", "outputs", "classes"),
    [
        (1, 2, 1, 1, 0),
        (1, 2, 2, 1, 0),
        (1, 3, 2, 1, 0),
        (1, 4, 1, 1, 2),
        (1, 4, 2, 1, 12),
        (1, 6, 1, 1, 0),
        (2, 2, 1, 1, 0),
        (2, 3, 1, 1, 0),
        (2, 4, 1, 1, 4),
        (2, 6, 1, 1, 10),
        (1, 3, 1, 2, 0),
        (1, 4, 1, 2, 6),
    ],
)
def test_irreducible_ones_against_all_weights(inputs: int, count: int, bound: int, outputs: int, classes: int) -> None:
    every = list(brute(inputs, count, bound, outputs, irreducible=True))
    wanted = {key(neurons) for neurons in every}
    assert len(wanted) == classes
    assert set(keys_of(search_zero(inputs, count, bound, outputs=outputs))) == wanted
    full = {key(n) for n in every if all(constant(n)) and all(all((*a, *w, b)) for a, w, b in n)}
    assert set(keys_of(search_zero(inputs, count, bound, outputs=outputs, nonzero=True))) == full


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "count", "bound", "outputs"),
    [(1, 1, 1, 1), (1, 1, 3, 1), (1, 2, 1, 1), (1, 3, 1, 1), (1, 2, 2, 1), (2, 1, 1, 1), (2, 2, 1, 1), (1, 1, 2, 2), (1, 1, 1, 3)],
)
def test_all_networks_against_all_weights(inputs: int, count: int, bound: int, outputs: int) -> None:
    every = list(brute(inputs, count, bound, outputs, irreducible=False))
    wanted = {key(neurons) for neurons in every}
    assert wanted
    assert set(keys_of(search_zero(inputs, count, bound, outputs=outputs, irreducible=False))) == wanted
    wanted = {key(n) for n in every if not any(linear_pair(*pair) for pair in combinations(n, 2))}
    assert set(keys_of(search_zero(inputs, count, bound, outputs=outputs, irreducible=False, no_linear_pair=True))) == wanted


def test_all_networks_with_weights_that_are_not_zero() -> None:
    span = [n for n in range(-2, 3) if n]
    every = list(combinations_with_replacement([((a,), (w,), b) for a, w, b in product(span, repeat=3)], 3))
    at = points(1, 2)
    wanted = set()
    for neurons in every:
        values = sum(a * np.maximum(at @ np.array([w, b]), 0) for (a,), (w,), b in neurons)
        if all(constant(list(neurons))) and not (values - values[len(values) // 2]).any():
            wanted.add(key(list(neurons)))
    assert set(keys_of(search_zero(1, 3, 2, irreducible=False, nonzero=True))) == wanted


# --- known ones ----------------------------------------------------------------------------------------------------------

T1 = [((1,), (1,), 0), ((-1,), (-1,), 0), ((-1,), (1,), 1), ((1,), (-1,), -1)]
T1_FULL = [((1,), (1,), 1), ((-1,), (-1,), -1), ((-1,), (1,), 2), ((1,), (-1,), -2)]
T2 = [((1,), w, 0) for w in ((1, 0), (0, 1), (-1, -1))] + [((-1,), w, 0) for w in ((-1, 0), (0, -1), (1, 1))]


def test_known_ones_are_found() -> None:
    assert key(T1) in keys_of(search_zero(1, 4, 1))
    assert key(T1_FULL) in keys_of(search_zero(1, 4, 2, nonzero=True))
    assert key(T2) in keys_of(search_zero(2, 6, 1))
    (found,) = search_zero(2, 6, 1, first_layer=([w for _, w, _ in T2], [0] * 6))
    assert neurons_of(found) == (T2, (0,))


@pytest.mark.slow
@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_four_neurons_are_the_fewest(inputs: int) -> None:
    for nonzero in (False, True):
        search = search_zero(inputs, 6, 1, fewest=True, nonzero=nonzero)
        found = [neurons_of(net)[0] for net in search]
        assert found
        assert {len(n) for n in found} == {4}
        assert search.complete
    none = search_zero(inputs, 3, 1, fewest=True)
    assert list(none) == []
    assert none.summary.startswith("no zero networks, complete for these bounds: ")


@pytest.mark.parametrize(("inputs", "classes"), [(1, 2), (2, 10), (3, 261)])
def test_normals_that_span_need_two_neurons_more_than_twice_the_inputs(inputs: int, classes: int) -> None:
    ranks = []
    for count in range(2, inputs + 2):
        found = [neurons_of(net)[0] for net in search_zero(inputs, 2 * count, 1)]
        ranks = [np.linalg.matrix_rank(np.array([w for _, w, _ in n], dtype=float)) for n in found]
        assert all(rank < count for rank in ranks)
    assert max(ranks) == inputs
    assert len(ranks) == classes


# --- two engines ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((1, 2, 1), {}),
        ((1, 4, 2), {}),
        ((1, 4, 3), {"nonzero": True}),
        ((2, 4, 1), {}),
        ((2, 6, 1), {"limit": None}),
        ((1, 4, 1), {"outputs": 2}),
        ((2, 4, 1), {"outputs": 2, "nonzero": True}),
        ((1, 6, 2), {"fewest": True, "nonzero": True}),
        ((3, 4, 1), {}),
        ((1, 1, 2), {"irreducible": False}),
        ((1, 2, 1), {"irreducible": False, "no_linear_pair": True}),
        ((1, 1, 2), {"irreducible": False, "outputs": 2}),
        ((1, 4, 1), {"irreducible": False, "nonzero": True}),
        ((2, 2, 1), {"irreducible": False, "fewest": True}),
        ((2, 6, 2), {"first_layer": ([w for _, w, _ in T2], [0] * 6), "outputs": 2}),
        ((1, 5, 2), {"first_layer": ([[2], [-1], [1], [0], ["1/2"]], [0, 0, 1, "1/3", 0]), "irreducible": False}),
    ],
)
def test_z3_finds_the_same(arguments: tuple[int, int, int], options: dict[str, Any]) -> None:
    exact, other = (search_zero(*arguments, **options, solver=s) for s in ("exact", "z3"))
    found = [neurons_of(net) for net in exact]
    again = [neurons_of(net) for net in other]
    assert sorted(found) == sorted(again)
    assert exact.complete
    assert other.complete
    assert exact.summary == other.summary


QUESTIONS = pytest.mark.parametrize(
    ("arguments", "options", "answer"),
    [
        ((2, 4, 1), {}, "sat"),
        ((2, 2, 1), {}, "unsat"),
        ((1, 3, 1), {}, "unsat"),
        ((1, 6, 1), {}, "unsat"),
        ((1, 1, 1), {"irreducible": False}, "sat"),
        ((1, 1, 1), {"irreducible": False, "nonzero": True}, "unsat"),
        ((2, 6, 1), {"first_layer": ([w for _, w, _ in T2], [0] * 6)}, "sat"),
        ((2, 6, 1), {"first_layer": ([w for _, w, _ in T2], [0, 0, 1, 0, 0, 1])}, "unsat"),
    ],
)


@QUESTIONS
def test_the_text_is_the_question(arguments: tuple[int, int, int], options: dict[str, Any], answer: str) -> None:
    search = search_zero(*arguments, **options)
    text = search.smt2()
    solver = z3.Solver()
    solver.from_string(text)
    assert str(solver.check()) == answer
    assert (answer == "sat") == bool(list(search))
    assert text.startswith("; A zero network")


@needs_cvc5
@QUESTIONS
def test_cvc5_answers_the_same(arguments: tuple[int, int, int], options: dict[str, Any], answer: str) -> None:
    assert cvc5_answer(search_zero(*arguments, **options).smt2()) == answer


def test_the_text_has_a_part_for_each_number_of_neurons() -> None:
    parts = search_zero(1, 6, 1, fewest=True).smt2().split("(reset)\n")
    assert [str(solver_of(part).check()) for part in parts] == ["unsat", "sat", "unsat"]


def solver_of(text: str) -> z3.Solver:
    solver = z3.Solver()
    solver.from_string(text)
    return solver


# --- a first layer that is given -----------------------------------------------------------------------------------------

LAYERS: list[tuple[list[list[Any]], list[Any]]] = [
    ([[1], [-1], [1], [-1]], [0, 0, 1, -1]),
    ([[1], [-2], [3], [-1], [1]], [0, 0, 3, -1, 0]),
    ([["1/2"], [-1], ["1/3"], [-2], [0]], [0, 0, "1/3", -2, "3/7"]),
    ([[1, 0], [0, 1], [-1, -1], [-1, 0], [0, -1], [1, 1]], [0, 0, 1, 0, 0, -1]),
    ([[1, 2], [2, 4]], [0, 0]),
]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("bound", "outputs"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("options", [{}, {"irreducible": False}, {"irreducible": False, "no_linear_pair": True}, {"nonzero": True}])
def test_outgoing_weights_against_all_of_them(
    layer: tuple[list[list[Any]], list[Any]], bound: int, outputs: int, options: dict[str, bool]
) -> None:
    weight, bias = [tuple(map(Fraction, row)) for row in layer[0]], list(map(Fraction, layer[1]))
    count, inputs = len(weight), len(weight[0])
    span = range(-bound, bound + 1)
    at = [
        [Fraction(n, 12) for n in x] for x in (product(range(-60, 61, 5), repeat=2) if inputs == 2 else product(range(-60, 61), repeat=1))
    ]
    levels = [[max(sum(map(operator.mul, w, x)) + b, Fraction(0)) for w, b in zip(weight, bias, strict=True)] for x in at]
    middle = levels[len(at) // 2]
    table = np.array([[int(84 * (p - q)) for p, q in zip(row, middle, strict=True)] for row in levels], dtype=np.int64)
    candidates = np.array(list(product(span, repeat=count)))
    rows = [tuple(map(int, a)) for a in candidates[~(table @ candidates.T).any(axis=0)]]
    wanted = set()
    for outgoing in product(rows, repeat=outputs):
        neurons = [(tuple(a), w, b) for a, w, b in zip(zip(*outgoing, strict=True), weight, bias, strict=True)]
        pairs = list(combinations(neurons, 2))
        if options.get("irreducible", True) and not (
            all(any(a) and any(w) for a, w, _ in neurons) and not any(proportional(*p) for p in pairs)
        ):
            continue
        if options.get("no_linear_pair") and any(linear_pair(*p) for p in pairs):
            continue
        if options.get("nonzero") and not (all(constant(neurons)) and all(all((*a, *w, b)) for a, w, b in neurons)):
            continue
        wanted.add(tuple(normalised(row) for row in outgoing))
    search = search_zero(inputs, count, bound, outputs=outputs, first_layer=layer, **options)  # type: ignore[arg-type]
    found = [tuple(zip(*(a for a, _, _ in neurons_of(net)[0]), strict=True)) for net in search]
    assert search.complete
    assert len(set(found)) == len(found)
    assert {tuple(map(normalised, outgoing)) for outgoing in found} == wanted


def normalised(row: Vector) -> Vector:
    lead = next((n for n in row if n), 1)
    return tuple(Fraction(n) / lead for n in row)


# --- laws ----------------------------------------------------------------------------------------------------------------

SIZES = st.sampled_from([(1, 4, 3), (1, 6, 2), (2, 4, 2), (2, 6, 1), (3, 4, 1), (3, 6, 1), (2, 8, 1)])


@pytest.mark.slow
@law(25)
@given(SIZES, st.booleans(), st.sampled_from([1, 2]), st.integers(0, 40))
def test_what_is_found_is_zero_and_within_the_bounds(sizes: tuple[int, int, int], nonzero: bool, outputs: int, skipped: int) -> None:
    inputs, count, bound = sizes
    search = search_zero(inputs, count, bound, nonzero=nonzero, outputs=outputs, limit=skipped + 3)
    nets = list(search)
    keys = [key(neurons_of(net)[0]) for net in nets]
    assert len(set(keys)) == len(keys)
    for net in nets[skipped:]:
        neurons, c = neurons_of(net)
        verdict = xn.verify_zero(net)
        assert verdict.status == "proved"
        assert len(neurons) == count
        assert all(n.denominator == 1 and abs(n) <= bound for a, w, b in neurons for n in (*a, *w, b))
        assert all(n.denominator == 1 for n in c)
        assert all(any(a) and any(w) for a, w, _ in neurons)
        assert not any(proportional(*pair) for pair in combinations(neurons, 2))
        assert not nonzero or (all(c) and all(all((*a, *w, b)) for a, w, b in neurons))


@pytest.mark.slow
def test_equal_classes_outside_the_bounds_count_once() -> None:
    """(2, 1) and (1, 2) times an output factor: of j = (1, 4) only the multiple (2, 4) = 2 (1, 2) is within the bounds."""
    found = keys_of(search_zero(1, 4, 2, outputs=2))
    assert set(found) == {key(n) for n in brute(1, 4, 2, 2, irreducible=True)}


# --- the iterator --------------------------------------------------------------------------------------------------------


def test_complete_and_limit() -> None:
    search = search_zero(2, 6, 1, limit=3)
    assert not search.complete
    assert search.summary.startswith("no zero networks, not complete: 2 inputs, 6 neurons, 1 output, integer weights ")
    assert len(list(search)) == 3
    assert not search.complete
    assert list(search) == []
    assert search.summary.startswith("3 zero networks, not complete: ")
    search = search_zero(2, 6, 1, limit=30)
    assert len(list(search)) == 10
    assert search.complete
    assert search.summary.startswith("10 zero networks, complete for these bounds: ")
    assert list(search_zero(1, 4, 1, limit=0)) == []


@pytest.mark.parametrize(
    ("arguments", "options", "reason"),
    [
        ((2, 5, 1), {}, "5 is odd"),
        ((2, 4, 1), {"no_linear_pair": True}, "the two together are affine"),
        ((2, 4, 0), {}, "max_weight is 0"),
        ((2, 4, 0), {"irreducible": False, "nonzero": True}, "max_weight is 0"),
        ((1, 2, 1), {"first_layer": ([[1], [2]], [0, 0])}, "neurons 0 and 1 of the first layer are positively proportional"),
        ((1, 2, 1), {"first_layer": ([[1], [0]], [0, 0])}, "neuron 1 of the first layer is constant"),
        ((1, 2, 1), {"first_layer": ([[1], [-1]], [0, 0]), "nonzero": True}, "an entry of the first layer is 0"),
    ],
)
@pytest.mark.parametrize("solver", ["exact", "z3"])
def test_empty_searches_say_why(arguments: tuple[int, int, int], options: dict[str, Any], reason: str, solver: Any) -> None:
    search = search_zero(*arguments, **options, solver=solver)
    assert list(search) == []
    assert search.complete
    assert reason in search.summary
    assert reason in search.smt2()
    assert str(solver_of(search.smt2()).check()) == "unsat"


class Strikes(Clock):
    """A clock whose limit passes after so many looks at it."""

    looks = 60

    def left(self) -> float:
        Strikes.looks -= 1
        return 1000.0 if Strikes.looks >= 0 else 0.0


@pytest.mark.parametrize(
    "options", [{}, {"solver": "z3"}, {"irreducible": False}, {"first_layer": ([[1], [-1], [1], [-1]], [0, 0, 1, -1])}]
)
def test_a_time_limit_of_nothing(options: dict[str, Any]) -> None:
    with pytest.raises(Incomplete, match="time limit") as stop:
        list(search_zero(1, 4, 2, time_limit=0, **options))
    assert stop.value.partial == []


def test_the_time_limit_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exactnn.symmetry.zero_networks.clock_in_force", lambda: Strikes(60))
    search, found = search_zero(2, 8, 2, time_limit=60), []
    with pytest.raises(Incomplete, match="zero networks by then: ") as stop:
        found.extend(iter(search.__next__, None))
    assert isinstance(stop.value.partial, list)
    assert len(stop.value.partial) == search.count > 10
    assert all(isinstance(net, xn.Network) for net in stop.value.partial)
    assert not search.complete


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 4, 1), {}, r"inputs: an integer >= 1 is needed, got 0"),
        ((1, 0, 1), {}, r"neurons: an integer >= 1 is needed, got 0"),
        ((1, 4, -1), {}, r"max_weight: an integer >= 0 is needed, got -1"),
        ((1, 4, 1.0), {}, r"max_weight: an integer >= 0 is needed, got 1\.0"),
        ((True, 4, 1), {}, r"inputs: an integer >= 1 is needed, got True"),
        ((1, 4, np.True_), {}, r"max_weight: an integer"),
        ((1, "4", 1), {}, r"neurons: an integer >= 1 is needed, got '4'"),
        ((1, 4, 1), {"outputs": 0}, r"outputs: an integer >= 1 is needed, got 0"),
        ((1, 4, 1), {"limit": -1}, r"limit: an integer >= 0 is needed, got -1"),
        ((1, 4, 1), {"solver": "cvc5"}, r"solver: 'exact' or 'z3' is needed, got 'cvc5'"),
        ((1, 4, 1), {"nonzero": 1}, r"nonzero: True or False is needed, got 1"),
        ((1, 4, 1), {"time_limit": -1}, r"time_limit: seconds >= 0"),
        ((1, 4, 1), {"first_layer": 3}, r"first_layer: a pair \(W, b\) is needed, got int"),
        ((1, 4, 1), {"first_layer": ([[1]] * 4, [0] * 4), "fewest": True}, r"fewest: False is needed with first_layer"),
        ((8, 4, 1), {}, r"a smaller search is needed; at most 0 neurons up to scaling"),
    ],
)
def test_bad_arguments(arguments: tuple[Any, Any, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        list(search_zero(*arguments, **options))


def test_a_first_layer_of_another_shape() -> None:
    with pytest.raises(ShapeError, match=r"first_layer: W of shape \(4, 1\) and b of shape \(4,\) are needed"):
        search_zero(1, 4, 1, first_layer=([[1]] * 3, [0] * 3))


def test_numpy_integers_are_integers() -> None:
    assert len(list(search_zero(np.int64(1), np.int64(4), np.int64(1)))) == 2  # type: ignore[arg-type]


def test_formulas() -> None:
    net = xn.mlp([([[1, 0, 0, -2], [0, 0, 0, 0]], ["-1/2", 1]), ([[-1, 3], [0, 0]], [0, "2/3"])])
    assert formula(net) == "(-max(x1 - 2 x4 - 1/2, 0) + 3 max(1, 0), 2/3)"
    with pytest.raises(ArgumentError, match="one hidden layer"):
        formula(xn.mlp([([[1]], [0])]))


def test_the_exact_search_does_without_z3() -> None:
    program = "import sys; from exactnn.symmetry import search_zero; print(len(list(search_zero(1, 4, 2))), 'z3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "12 False\n"


# --- the catalogue and its page ------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "zero_networks"
PAGE = ROOT / "docs" / "zero-networks.md"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("zero_catalogue", FOLDER / "catalogue.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_catalogue_is_what_the_searches_find() -> None:
    module = script()
    kept = json.loads((FOLDER / "catalogue.json").read_text(encoding="utf-8"))["searches"]
    assert kept == [search for search, _ in module.catalogue()]
    assert all("complete for these bounds" in search["summary"] for search in kept)


def test_the_certificates_of_the_catalogue() -> None:
    searches = json.loads((FOLDER / "catalogue.json").read_text(encoding="utf-8"))["searches"]
    entries = [entry for search in searches for entry in search["networks"]]
    names = {entry["certificate"] for entry in entries}
    assert {f"certificates/{path.name}" for path in (FOLDER / "certificates").iterdir()} == names
    assert len(names) == 101
    assert all(xn.check(FOLDER / name) for name in names)
    for entry in entries:
        path = FOLDER / entry["certificate"]
        claimed = json.loads(path.read_text(encoding="utf-8"))
        assert (claimed["claim"]["question"], claimed["claim"]["answer"], claimed["claim"]["domain"]) == ("zero", "proved", None)
        nodes = {node["name"]: node for node in claimed["models"]["f"]["inline"]["nodes"]}
        assert nodes["input"]["shape"] == [entry["inputs"]]
        assert nodes["layer1"]["weight"]["numerators"] == [int(n) for row in entry["W"] for n in row]
        assert nodes["layer1"]["bias"]["numerators"] == [int(n) for n in entry["b"]]
        assert nodes["layer2"]["weight"]["numerators"] == [int(n) for row in entry["a"] for n in row]
        assert nodes["layer2"]["bias"]["numerators"] == [int(n) for n in entry["c"]]


def test_the_page() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert (result.failed, result.attempted) == (0, 9)
    text = PAGE.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (PAGE.parent / link).exists(), link
    assert len(re.findall(r"!\[", text)) == 3
    assert all(path.stat().st_size < 100_000 for path in (PAGE.parent / "images").glob("zero-*.png"))
    formulas = {
        e["formula"] for s in json.loads((FOLDER / "catalogue.json").read_text(encoding="utf-8"))["searches"] for e in s["networks"]
    }
    shown = re.findall(r"^\| \d \| \d \| (.*?) \| ", text, re.MULTILINE)
    shown = [formula for formula in shown if "max" in formula]
    assert len(shown) == 6
    assert set(shown) <= formulas


COUNTS = re.findall(r"^\| (\d) \| (\d) \| (\d+) \| (\d+) \| (\d*) \| (\d*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("inputs", "bound", "neurons", "classes"),
    [(int(row[0]), int(row[1]), 4 + 2 * k, int(n)) for row in COUNTS for k, n in enumerate(row[2:]) if n and int(n) < 1000],
)
def test_the_counts_of_the_page(inputs: int, bound: int, neurons: int, classes: int) -> None:
    units = Units(inputs, 1, bound, pairs=True)
    assert sum(1 for _ in PairSearch(units, neurons // 2, Clock())) == classes


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs the extra plot")
def test_the_pictures(tmp_path: Path) -> None:
    script().pictures(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["zero-graph.png", "zero-lines.png", "zero-pieces.png"]


@pytest.mark.parametrize("sizes", [(1, 4, 10**30), (10**4, 4, 1), (10**9, 4, 1), (1, 10**5, 1), (1, 4, 10**6000)])
def test_searches_that_never_end_are_refused(sizes):
    with pytest.raises(ArgumentError, match="at most 12, 10000, 1000000 and 12 can be searched"):
        search_zero(*sizes)


def test_many_outputs_are_refused() -> None:
    for outputs in (13, 10**20):
        with pytest.raises(ArgumentError, match=r"outputs: at most 12, 10000, 1000000 and 12 can be searched"):
            search_zero(1, 2, 1, outputs=outputs)
