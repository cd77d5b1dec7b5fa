"""The verified checker: what it proves rests on nothing, it accepts what the Python checker accepts, and nothing that is wrong.

Compiled by `coqc` (slow) where that is installed. The mutations and the second opinion are those of tests/certificate.
"""

from __future__ import annotations

import copy
import itertools
import os
import random
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn.certificate import Rejected
from exactnn.errors import SaveError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.export import rocq
from exactnn.network import Add, Affine, AveragePool, BatchNorm, Builder, Conv, Input, MaxPool, Operation, Reshape, Subtract, clip, relu
from tests.certificate import _oracle
from tests.certificate._build import number, rehash
from tests.certificate._cases import CASES, SCALES
from tests.certificate._moved import transformed
from tests.certificate.test_mutations import mutants, verdict
from tests.proofs._rocq import compiled, coqc, decided, stated, written

pytestmark = pytest.mark.slow
MALFORMED = (Rejected, AttributeError, AssertionError, IndexError, KeyError, RecursionError, TypeError, ValueError, ZeroDivisionError)


@pytest.fixture(scope="module")
def theory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """proofs/rocq, compiled."""
    base = tmp_path_factory.getbasetemp()
    return compiled(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


def writable() -> dict[str, dict[str, Any]]:
    """The certificates written by hand that can be written for Rocq."""
    found = {}
    for name, document in CASES.items():
        try:
            rocq.definitions(stated(document), document["evidence"])
        except SaveError:
            continue
        found[name] = document
    return found


def holds(document: dict[str, Any], scales: Any) -> bool:
    """A second opinion on the claim alone. Which values a certificate gives at a point does not matter to Rocq, which computes them."""
    models = {name: model["inline"] for name, model in document["models"].items()}
    if document["claim"]["answer"] == "refuted":
        point = list(map(Fraction, document["evidence"]["point"]))
        values = {name: list(map(number, _oracle.evaluate(network, point))) for name, network in models.items()}
        evidence = {"point": document["evidence"]["point"], "g": [0] * len(values["f"]), **values}
        return bool(_oracle.refutes({**document, "evidence": evidence}))
    if document["claim"]["question"] == "symmetry":
        models["g"] = transformed(models["f"], document["claim"]["transformation"])
    return bool(_oracle.proves({**document, "models": {name: {"inline": network} for name, network in models.items()}}, scales, 20))


def test_the_theorems_assume_nothing(theory: Path) -> None:
    out = coqc(theory, theory / "Assumptions.v")
    assert out.returncode == 0
    shown = (theory / "Assumptions.v").read_text().count("\nPrint Assumptions ")
    assert out.stdout.split("\n") == ["Closed under the global context"] * shown + [""]


def test_what_the_python_checker_accepts_is_accepted(theory: Path, tmp_path: Path) -> None:
    cases = writable()
    assert len(cases) >= 25
    paths = [written(document, tmp_path / f"c{i}.v") for i, document in enumerate(cases.values())]
    assert [name for name, good in zip(cases, decided(theory, paths), strict=True) if not good] == []


def test_what_is_changed_is_rejected_unless_the_claim_is_true(theory: Path, tmp_path: Path) -> None:
    """One number, entry or key of a certificate changed: accepted where the Python checker does, else only if the claim still holds."""
    found: list[tuple[str, str, dict[str, Any], bool]] = []
    paths = []
    for name, document in writable().items():
        chosen = list(mutants(document, random.Random(name)))
        for path, value, mutant in random.Random(name).sample(chosen, min(60, len(chosen))):
            good = verdict(mutant) is None
            try:
                paths.append(written(mutant, tmp_path / f"m{len(paths)}.v"))
            except SaveError:
                continue
            except MALFORMED:  # no certificate at all
                assert not good, (name, path, value)
                continue
            found.append((name, f"{name}: {path} = {value}", mutant, good))
    answers = decided(theory, paths)
    assert answers.count(False) >= 150
    for (name, label, mutant, good), answer in zip(found, answers, strict=True):
        if good:
            assert answer, label
        elif answer and (name not in SCALES or "models" not in label):  # the second opinion does not round scales itself
            assert holds(mutant, SCALES.get(name, (None, None))), label


# --- theorems -------------------------------------------------------------------------------------------------------------------


def sort3(order: list[tuple[int, int]]) -> xn.Network:
    """The numbers sorted by comparisons: (min, max) = (a - s(a - b), b + s(a - b))."""
    layers = []
    for i, j in order:
        row = [int(k == i) - int(k == j) for k in range(3)]
        layers.append((np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int), [row]]), [0] * 7))
        back = [[int(k == j) - int(k == i) for k in range(3)]]
        layers.append((np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int), back]).T, [0] * 3))
    merged = layers[:1]
    for (w, _), (v, b) in itertools.pairwise(layers[1:]):  # two affine maps in a row become one
        if v.shape[0] == 7:
            merged.append((v @ w, b))
    return xn.mlp([*merged, layers[-1]])


def dense(sizes: list[int], seed: int) -> list[tuple[Any, Any]]:
    """Layers of a network with random float32 weights."""
    draw = np.random.default_rng(seed)
    shapes = itertools.pairwise(sizes)
    return [((draw.normal(size=(b, a)) / a**0.5).astype(np.float32), draw.normal(size=b).astype(np.float32)) for a, b in shapes]


def moved(layers: list[tuple[Any, Any]]) -> xn.Network:
    """The same function by other weights."""
    f = xn.mlp(layers)
    order, factors = [*range(1, len(layers[0][1])), 0], [f"{i + 2}/3" for i in range(len(layers[1][1]))]
    return (xn.symmetry.Scaling(1, factors) @ xn.symmetry.Permutation(0, order)).apply(f)


def changed(layers: list[tuple[Any, Any]]) -> xn.Network:
    """One weight a little larger."""
    other = copy.deepcopy(layers)
    other[1][0][0, 0] += np.float32(2**-10)
    return xn.mlp(other)


TENT = [([[1], [1], [1]], [0, "-1/2", -1]), ([[2, -4, 2]] * 3, [0, "-1/2", -1]), ([[2, -4, 2]], [0])]


def flat(last: Any) -> xn.Network:
    """The tent of tents in one hidden layer, if the last jump is 4."""
    return xn.mlp([([[1]] * 5, [0, "-1/4", "-1/2", "-3/4", -1]), ([[4, -8, 8, -8, last]], [0])])


def draw(*shape: int) -> RationalArray:
    """Numbers with a denominator of their own."""
    return RationalArray.of(np.random.default_rng(sum(shape)).integers(-9, 10, shape)) / (2 + sum(shape))


WINDOWS: dict[str, tuple[Operation, tuple[int, ...]]] = {
    "convolution": (Conv(draw(4, 1, 2, 3), draw(4), (2, 1), ((1, 0), (0, 2)), (1, 2), 2), (2, 4, 4)),
    "convolution on a line": (Conv(draw(2, 3, 2), draw(2), (1,), ((0, 1),), (2,), 1), (3, 5)),
    "means": (AveragePool((2, 3), (1, 2), ((1, 0), (0, 1)), True), (2, 3, 4)),
    "batch norm": (BatchNorm(draw(3), draw(3) * draw(3), draw(3), draw(3), Fraction(1, 8), "float32"), (3, 2, 2)),
}


def behind(name: str) -> tuple[xn.Network, xn.Network]:
    """The operation, a relu and sums, and the same with the matrix that the operation is, found by its values."""
    operation, shape = WINDOWS[name]
    single = Builder()
    single.add("x", Input(shape))
    whole = single.build(["x"], [single.add("c", operation, "x")])
    size = whole.input_dim
    values = whole.evaluate(RationalArray.of(np.concatenate([np.zeros((1, size), dtype=int), np.eye(size, dtype=int)])))
    bias, columns = values[0], values[1:] - values[:1]
    last = draw(2, len(bias))
    net = Builder()
    net.add("x", Input(shape))
    net.add("c", operation, "x")
    net.add("r", relu(), "c")
    net.add("v", Reshape((len(bias),)), "r")
    net.add("y", Affine(last, RationalArray.of([0, 0])), "v")
    return net.build(["x"], ["y"]), xn.mlp([(columns.T, bias), (last, [0, 0])])


def rounded_convolution() -> tuple[xn.Network, xn.Network]:
    """Two convolutions, the second one rounded."""
    layers = dense([18, 4], 2)[0], dense([36, 2], 3)[0]

    def net(dtype: Any) -> xn.Network:
        (kernels, b), (w, c) = [[RationalArray.of(v.astype(dtype)) for v in layer] for layer in layers]
        made = Builder()
        made.add("x", Input((2, 4, 4)))
        made.add("c", Conv(kernels.reshape(4, 2, 3, 3), b, (1, 1), ((1, 1), (0, 1)), (1, 1), 1), "x")
        made.add("r", relu(), "c")
        made.add("p", AveragePool((1, 1), (1, 1), ((0, 0), (0, 0)), True), "r")
        made.add("v", Reshape((48,)), "p")
        made.add("y", Affine(concatenate([w, w[:, :12]], axis=1), c), "v")
        return made.build(["x"], ["y"])

    return net(np.float32), net(np.float16)


def rounded_image(dtype: Any) -> xn.Network:
    """A convolution, hardtanh, maxima over windows that overlap and touch padding, weights: in this format."""
    (kernels, b), (w, c) = ([RationalArray.of(v.astype(dtype)) for v in layer] for layer in (dense([18, 4], 2)[0], dense([16, 2], 3)[0]))
    net = Builder()
    net.add("x", Input((2, 4, 4)))
    net.add("c", Conv(kernels.reshape(4, 2, 3, 3), b, (1, 1), ((1, 1), (0, 1)), (1, 1), 1), "x")
    net.add("r", clip(-1, 1), "c")
    net.add("m", MaxPool((3, 2), (2, 2), ((1, 0), (0, 1)), (1, 1)), "r")
    net.add("v", Reshape((16,)), "m")
    net.add("y", Affine(w, c), "v")
    return net.build(["x"], ["y"])


def residual(dtype: Any) -> xn.Network:
    """y = h - clip(V relu(W h)) + x for the second h, h = x + V relu(W x): in this format."""
    (w, b), (v, c) = ([RationalArray.of(value.astype(dtype)) for value in layer] for layer in dense([4, 6, 4], 5))
    net = Builder()
    net.add("x", Input((4,)))
    for here, before in (("1", "x"), ("2", "h1")):
        net.add("w" + here, Affine(w, b), before)
        net.add("r" + here, relu(), "w" + here)
        net.add("v" + here, Affine(v, c), "r" + here)
        net.add("h" + here, Add(), "v" + here, before)
    net.add("k", clip(0, "1/3"), "h2")
    net.add("d", Subtract(), "h2", "k")
    net.add("y", Add(), "d", "x")
    return net.build(["x"], ["y"])


def larger(order: list[int]) -> xn.Network:
    """max(x_i, max(x_j, x_k)), by sums: max(a, b) = b + max(a - b, 0)."""
    i, j, k = (RationalArray.of([[int(p == q) for p in range(3)]]) for q in order)
    zero = RationalArray.of([0])
    net = Builder()
    net.add("x", Input((3,)))
    net.add("k", Affine(k, zero), "x")
    net.add("d", Affine(j - k, zero), "x")
    net.add("r", relu(), "d")
    net.add("m", Add(), "k", "r")
    net.add("i", Affine(i, zero), "x")
    net.add("e", Subtract(), "i", "m")
    net.add("s", relu(), "e")
    net.add("y", Add(), "s", "m")
    return net.build(["x"], ["y"])


def pooled() -> xn.Network:
    """max(x_0, x_1, x_2) by one window."""
    net = Builder()
    net.add("x", Input((3,)))
    net.add("i", Reshape((1, 3)), "x")
    net.add("m", MaxPool((3,), (1,), ((0, 0),), (1,)), "i")
    net.add("y", Reshape((1,)), "m")
    return net.build(["x"], ["y"])


def clipped(layers: list[tuple[Any, Any]]) -> xn.Network:
    """With two kinks in each activation."""
    return xn.mlp(layers, activation=clip("-1/2", "3/4"))


def wider() -> dict[str, tuple[Any, str]]:
    """Verdicts about networks that are no chains, with maxima over windows, with several kinks; and the evidence each has."""
    layers = dense([5, 10, 10, 1], 1)
    near = [(w.astype(np.float16), b.astype(np.float16)) for w, b in layers]
    order = xn.symmetry.Permutation(0, [3, 1, 0, 2, *range(4, 10)])
    within = {"domain": xn.Box(-1, 1).in_dimension(4), "tolerance": "1/50"}
    return {
        "a residual network in float16": (xn.verify_equal(residual(np.float32), residual(np.float16), **within), "pass"),
        "the largest of three, by sums": (xn.verify_equal(larger([0, 1, 2]), larger([2, 0, 1])), "tree"),
        "the largest of three, by sums and by a window": (xn.verify_equal(larger([0, 1, 2]), pooled()), "tree"),
        "a residual network and another one": (xn.verify_equal(residual(np.float32), residual(np.float16)), "point"),
        "an image with maxima, in float16": (
            xn.verify_equal(rounded_image(np.float32), rounded_image(np.float16), domain=xn.Box(-1, 1).in_dimension(32), tolerance="1/50"),
            "pass",
        ),
        "two kinks, in another order": (xn.verify_equal(clipped(layers), order.apply(clipped(layers))), "forms"),
        "two kinks, in float16": (
            xn.verify_equal(clipped(layers), clipped(near), domain=xn.Box(-1, 1).in_dimension(5), tolerance="1/50"),
            "pass",
        ),
        "clip as two maxima": (
            xn.verify_equal(xn.mlp([([[1]], [0]), ([[1]], [0])], activation=clip(0, 1)), xn.mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0])])),
            "forms",
        ),
    }


#: a bias, an operand, a sum, windows, a kink: what the group is in the file, and what it becomes
WRONG = (
    (r"affine \w+ \[:: \[:: (-?\w+);", "0x1234567"),
    (r"piece \[:: (\d); 0\]", "0"),
    (r"(sum)_of", "difference"),
    (r"(difference)_of", "sum"),
    (r"axis_of 3 (3) 1 0", "2"),
    (r"axis_of 4 3 2 (1)", "0"),
    (r"bent \w+ \S+ \S+ \[:: \((-?\w+),", "7"),
)


def test_networks_that_are_no_chains_become_theorems_and_wrong_ones_do_not(theory: Path, tmp_path: Path) -> None:
    """The theorem compiles; with one weight, operand, window or kink changed the file does not, and the program rejects it."""
    for i, (label, (answer, method)) in enumerate(wider().items()):
        document = answer.certificate.document
        assert document["evidence"]["method"] == method, (label, document["evidence"]["method"])
        path = written(document, tmp_path / f"t{i}.v")
        out = coqc(theory, path, timeout=600)
        assert out.returncode == 0, (label, out.stderr)
        assert out.stdout.strip() == "Closed under the global context", label
        if method == "point":
            continue
        text, wrong = path.read_text(), []
        for pattern, other in WRONG:
            if found := re.search(pattern, text):
                wrong.append(tmp_path / f"w{i}_{len(wrong)}.v")
                wrong[-1].write_text(text[: found.start(1)] + other + text[found.end(1) :])
        assert wrong, label
        assert decided(theory, [path, *wrong]) == [True] + [False] * len(wrong), label
        out = coqc(theory, wrong[-1])
        assert out.returncode != 0, label
        assert "check question (Equal evidence) = true" in out.stderr, out.stderr


def theorems() -> dict[str, tuple[Any, str]]:
    """Verdicts, and the evidence each has."""
    f, g = sort3([(0, 1), (1, 2), (0, 1)]), sort3([(1, 2), (0, 1), (1, 2)])
    image, rounded = rounded_convolution()
    channels = xn.symmetry.Scaling(0, ["2/3", 3, "5/7", 1]) @ xn.symmetry.Permutation(0, [2, 0, 3, 1])
    layers = dense([5, 10, 10, 1], 1)
    permuted = xn.symmetry.Permutation(0, [3, 1, 0, 2, *range(4, 10)]).apply(xn.mlp(layers))
    near = xn.mlp([(w.astype(np.float16), b.astype(np.float16)) for w, b in layers])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exactnn.verify._decision._FEW_UNITS", 10**6)  # by forms, and not by the lattice, which comes before
        sorted_there = xn.verify_equal(f, sort3([(0, 1), (1, 2)]), domain=xn.Polyhedron([[1, -1, 0], [0, 1, -1]], [0, 0]))
    return {
        "a network and itself": (xn.verify_equal(xn.mlp(layers), xn.mlp(layers)), "forms"),
        "tents": (xn.verify_equal(xn.mlp(TENT), flat(4)), "tree"),
        "tents within a tolerance": (xn.verify_equal(xn.mlp(TENT), flat("4.001"), domain=xn.Box([0], [2]), tolerance="1/1000"), "tree"),
        "5-10-10-1 in float16": (xn.verify_equal(xn.mlp(layers), near, domain=xn.Box(-1, 1).in_dimension(5), tolerance="1/50"), "pass"),
        "5-10-10-1, moved, in float16": (xn.verify_equal(permuted, near, domain=xn.Box(-1, 1).in_dimension(5), tolerance="1/50"), "pass"),
        "5-10-10-1, moved and scaled, in float16": (
            xn.verify_equal(near, moved(layers), domain=xn.Box(-1, 1).in_dimension(5), tolerance="1/50"),
            "pass",
        ),
        "a convolution, moved and scaled, in float16": (
            xn.verify_equal(rounded, channels.apply(image), domain=xn.Box(-1, 1).in_dimension(32), tolerance="1/50"),
            "pass",
        ),
        "5-10-10-1, nearly 0": (xn.verify_zero(xn.mlp(layers), domain=xn.Box(-1, 1).in_dimension(5), tolerance=9), "pass"),
        **{f"{name} and its matrix": (xn.verify_equal(*behind(name)), "forms") for name in WINDOWS},
        "a convolution in float16": (xn.verify_equal(image, rounded, domain=xn.Box(-1, 1).in_dimension(32), tolerance="1/50"), "pass"),
        "two sorting networks": (xn.verify_equal(f, g), "tree"),
        "sorting networks on a polyhedron": (sorted_there, "forms"),
        "two sorting networks that differ": (xn.verify_equal(f, sort3([(0, 1), (1, 2)])), "point"),
        "5-10-10-1, moved": (xn.verify_equal(xn.mlp(layers), moved(layers)), "forms"),
        "5-10-10-1, one weight changed": (xn.verify_equal(xn.mlp(layers), changed(layers)), "point"),
    }


def test_a_verdict_becomes_a_theorem(theory: Path, tmp_path: Path) -> None:
    paths = []
    for i, (label, (answer, method)) in enumerate(theorems().items()):
        document = answer.certificate.document
        assert document["evidence"]["method"] == method, label
        paths.append(written(document, tmp_path / f"t{i}.v"))
        out = coqc(theory, paths[-1], timeout=600)
        assert out.returncode == 0, (label, out.stderr)
        assert out.stdout.strip() == "Closed under the global context", label
    assert decided(theory, paths) == [True] * len(paths)


def sorting(multipliers: bool) -> dict[str, Any]:
    """The certificate of two sorting networks."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "_PLANAR": 0,
            "_LOW": 0,
            "_FEW_UNITS": 10**6,
        }.items():  # by the search, not by the lattice, which finds no multipliers
            patch.setattr(f"exactnn.verify._decision.{name}", value)
        if multipliers:
            patch.setattr("exactnn.cells._tree._SOLVED", -1)
        answer = xn.verify_equal(sort3([(0, 1), (1, 2), (0, 1)]), sort3([(1, 2), (0, 1), (1, 2)]))
    assert answer.certificate is not None
    return answer.certificate.document


def falsified() -> dict[str, dict[str, Any]]:
    """One certificate of two sorting networks, with multipliers and with rows alone, each time with one thing wrong."""
    short, document = (sorting(multipliers) for multipliers in (False, True))
    found = {key: copy.deepcopy(document) for key in ("rows alone", "a multiplier", "a negative multiplier that cancels", "a weight")}
    nodes = {key: other["evidence"]["tree"] for key, other in found.items()}
    places = [(n, k) for n, node in enumerate(document["evidence"]["tree"]) for k in range(len(node[1]))]
    n, k = next((n, k) for n, k in places if len(short["evidence"]["tree"][n][1][k][2]) > 1)
    nodes["rows alone"][n][1][k] = [*short["evidence"]["tree"][n][1][k][:2], short["evidence"]["tree"][n][1][k][2][1:]]
    nodes["a multiplier"][n][1][k][2][1][0][1] += 1
    i, y = document["evidence"]["tree"][n][1][k][2][1][0]
    nodes["a negative multiplier that cancels"][n][1][k][2][1][0:1] = [[i, y + 1], [i, -1]]
    weights = found["a weight"]["models"]["f"]["inline"]["nodes"][-1]["weight"]["numerators"]
    weights[next(j for j, w in enumerate(weights) if w)] += 1
    return {key: rehash(other) for key, other in found.items()}


def test_what_is_falsified_does_not_compile(theory: Path, tmp_path: Path) -> None:
    for i, (label, document) in enumerate(falsified().items()):
        assert verdict(document) is not None, label
        path = written(document, tmp_path / f"w{i}.v")
        assert decided(theory, [path]) == [False], label
        out = coqc(theory, path)
        assert out.returncode != 0, label
        assert "check question (Equal evidence) = true" in out.stderr, out.stderr
        assert "Closed" not in out.stdout, label


def test_factors_that_are_not_those_of_the_weights_are_rejected(theory: Path, tmp_path: Path) -> None:
    layers = dense([5, 10, 10, 1], 1)
    near = xn.mlp([(w.astype(np.float16), b.astype(np.float16)) for w, b in layers])
    answer = xn.verify_equal(near, moved(layers), domain=xn.Box(-1, 1).in_dimension(5), tolerance="1/50")
    assert answer.certificate is not None
    path = written(answer.certificate.document, tmp_path / "right.v")
    text = path.read_text()
    scales = list(re.finditer(r"\(scale (\w+) (\w+) \[:: (\w+)", text))
    assert len(scales) == 3
    wrong = []
    for scale in scales:  # a negative factor; another one; a denominator that the new weights do not have
        t, d, factor = scale.groups()
        for numbers in ((t, d, f"-{factor}"), (t, d, hex(int(factor, 16) + 2)), ("1", d, factor)):
            path_of = tmp_path / f"wrong{len(wrong)}.v"
            path_of.write_text(f"{text[: scale.start()]}(scale {numbers[0]} {numbers[1]} [:: {numbers[2]}{text[scale.end() :]}")
            wrong.append(path_of)
    assert decided(theory, [path, *wrong]) == [True] + [False] * len(wrong)


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_that_lie_elsewhere_are_rejected(name: str, theory: Path, tmp_path: Path) -> None:
    answer = xn.verify_equal(*behind(name))
    assert answer.certificate is not None
    path = written(answer.certificate.document, tmp_path / "right.v")
    text, wrong = path.read_text(), []
    axes = list(re.finditer(r"\(axis_of (\w+) (\w+) (\w+) (\S+) (\w+) (\w+)\)", text))
    assert axes
    for axis in axes:  # the window one entry further on
        numbers = [*axis.groups()]
        numbers[3] = "(-1)" if numbers[3] == "0" else str(int(numbers[3]) - 1)
        moved = f"{text[: axis.start()]}(axis_of {' '.join(numbers)}){text[axis.end() :]}"
        wrong.append(tmp_path / f"wrong{len(wrong)}.v")
        wrong[-1].write_text(moved)
    assert decided(theory, [path, *wrong]) == [True] + [False] * len(wrong)


def normalised(factor: int) -> xn.Network:
    """One function for all factors: the weights divided by it, the batch norm behind them multiplied."""
    net = Builder()
    net.add("x", Input((2, 3, 3)))
    net.add("c", Conv(draw(4, 2, 3, 3) / factor, draw(4) / factor, (1, 1), ((1, 1), (1, 1)), (1, 1), 1), "x")
    scale = RationalArray.of([1, 2, 3, 4]) * factor
    net.add("n", BatchNorm(draw(4) / factor, RationalArray.of([1] * 4), scale, draw(4), Fraction(0), "float32"), "c")
    net.add("r", relu(), "n")
    net.add("v", Reshape((36,)), "r")
    net.add("y", Affine(draw(2, 36), draw(2)), "v")
    return net.build(["x"], ["y"])


def test_normalisations_are_folded_into_the_weights(theory: Path, tmp_path: Path) -> None:
    """Layer by layer the weights are far apart; behind the batch norm they are the same."""
    answer = xn.verify_equal(normalised(1), normalised(2), domain=xn.Box(-1, 1).in_dimension(18), tolerance="1/1000000")
    assert answer.certificate is not None
    document = {**answer.certificate.document, "evidence": {"method": "pass", "bits": 64}}
    assert verdict(document) is None
    path = written(document, tmp_path / "folded.v")
    text = path.read_text()
    wrong = tmp_path / "wrong.v"
    wrong.write_text(re.sub(r"\brelu;", "bent 1 0 0 [:: (0, 2)];", text, count=1))
    assert wrong.read_text() != text
    assert decided(theory, [path, wrong]) == [True, False]


def test_boxes_of_passes_are_accepted(theory: Path, tmp_path: Path) -> None:
    layers = dense([5, 10, 10, 1], 1)
    near = xn.mlp([(w.astype(np.float16), b.astype(np.float16)) for w, b in layers])
    answer = xn.verify_equal(xn.mlp(layers), near, domain=xn.Box(-1, 1).in_dimension(5), tolerance="1/50")
    assert answer.certificate is not None
    document = copy.deepcopy(answer.certificate.document)
    document["evidence"] = {"method": "boxes", "bits": 64, "tree": [["split", 0, 0], ["split", 4, -(2**62)], ["pass"], ["pass"], ["pass"]]}
    assert verdict(document) is None
    wrong = copy.deepcopy(document)
    wrong["claim"]["tolerance"] = "1/100000"
    assert verdict(wrong) is not None
    paths = [written(document, tmp_path / "boxes.v"), written(wrong, tmp_path / "wrong.v")]
    assert decided(theory, paths) == [True, False]
    assert coqc(theory, paths[0]).returncode == 0
