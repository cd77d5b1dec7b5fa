"""Certificates as the engines write them: accepted by the checker wherever they lie, rejected where they do not support their claim."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn
from exactnn import Box, Network, Polyhedron, Verdict, check, load, mlp, save, symmetry, verify_equal, verify_symmetry, verify_zero
from exactnn.errors import CertificateRejected, ExactnnError, LoadError
from exactnn.exact.array import RationalArray
from exactnn.load.json import network_from_document
from exactnn.network import Affine, AveragePool, Builder, Conv, Input, MaxPool, PRelu, Rational, Reshape, relu
from exactnn.network.document import canonical_hash, document
from exactnn.verify._decision import Decision
from tests.certificate import _oracle
from tests.certificate._build import rehash
from tests.certificate.test_mutations import mutants
from tests.strategies import TINY, Shallow, equal_pairs, graphs, law, nudged, renamed

#: of each certificate; `make test-all` tries ten times as many
_MUTANTS = round(100 * float(os.environ.get("EXACTNN_EXAMPLES", "1")))
DEEP = mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1], [-1, 2]], [1, 0]), ([[1, -2]], [3])])
LINE = mlp([([[1], [-1]], [0, 1]), ([[1, 1]], [-1]), ([[2]], [0])])


def image(order: tuple[int, int] = (0, 1), size: int = 3) -> Network:
    """conv with padding, ReLU, max pooling, average pooling, flat, affine; the two channels in any order."""
    kernels = [[[[1, 2], [-1, 1]]], [[[2, 0], [1, -3]]]]
    b = Builder()
    x = b.add("x", Input((1, size, size)))
    bias = RationalArray.of([[1, -2][i] for i in order])
    padding = ((1, 0), (0, 1))
    c = b.add("c", Conv(RationalArray.of([kernels[i] for i in order]), bias, (1, 1), padding, (1, 1), 1), x)
    m = b.add("m", MaxPool((2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)), b.add("r", relu(), c))
    a = b.add("a", AveragePool((size - 1, size - 1), (1, 1), ((0, 0), (0, 0)), True), m)
    flat = b.add("flat", Reshape((2,)), a)
    return b.build([x], [b.add("last", Affine(RationalArray.of([[[5, 7][i] for i in order]]), RationalArray.of([0])), flat)])


def prelu(order: tuple[int, ...]) -> Network:
    b = Builder()
    x = b.add("x", Input((1,)))
    rows, slopes, out = [[1], [2], [-1]], [Fraction(1, 4), 1, 0], [1, 3, 2]
    h = b.add("h", Affine(RationalArray.of([rows[i] for i in order]), RationalArray.of([order[0], 0, 0])), x)
    r = b.add("r", PRelu(RationalArray.of([slopes[i] for i in order])), h)
    return b.build([x], [b.add("y", Affine(RationalArray.of([[out[i] for i in order]]), RationalArray.of([0])), r)])


def swapped(net: Network) -> Network:
    """The neurons of the last hidden layer in another order, scaled."""
    layer = net.hidden_layers[-1]
    return (symmetry.Scaling(layer, [2, 3]) @ symmetry.Permutation(layer, [1, 0])).apply(net)


def parameters(net: Network) -> list[tuple[RationalArray, RationalArray]]:
    affine = [net.operation(name) for name in net.order]
    return [(a.weight, a.bias) for a in affine if isinstance(a, Affine)]


def with_last(net: Network, weight: Any, bias: Any) -> Network:
    """Another last layer."""
    return mlp([*parameters(net)[:-1], (weight, bias)])


def silu(rows: Any, biases: Any, out: Any, bias: Any = 0) -> Network:
    return mlp([(rows, biases), ([out], [bias])], activation="silu")


def rational(k: int, order: tuple[int, int]) -> Network:
    rows, bias, out = [[1], [2]], [0, 1], [1, 3]
    unit = Rational.of([0, k], [k, 0, k])
    return mlp([([rows[i] for i in order], [bias[i] for i in order]), ([[out[i] for i in order]], [0])], activation=unit)


def without(ask: Callable[[], Verdict], *methods: str) -> Callable[[], Verdict]:
    """As if these methods of `Decision` decided nothing."""

    def asked() -> Verdict:
        with contextlib.ExitStack() as patches:
            for method in methods:
                patches.enter_context(mock.patch.object(Decision, method, return_value=None))
            return ask()

    return asked


SILU = silu([[1], [-2]], [1, 3], [1, 2])
FLAT = mlp([([[1, 1], [1, -1], [-1, 1]], [0, 0, 1]), ([[1, 2, 3]], [0])])
PERMUTED = symmetry.Permutation(0, [2, 0, 1]).apply(FLAT)
ABS = mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0]), ([[1]], [0])])
STEP = mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0]), ([[1]], [0])])
STAR = mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 2]), ([[1, 1, 1]], [0])])
OFF = mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1], [-1, -1]], [1, -1]), ([[1, -2]], [3])])  # the last neuron is off everywhere
ON = mlp([([[1, 1], [1, 0]], [3, 0]), ([[1, -1]], [0]), ([[1]], [0])])  # x + y + 3 >= 0 on the box
TANH = mlp([([[1], [2]], [3, 1]), ([[1, 4]], [0])], activation="tanh")
HALF = Polyhedron([[1, -1], [-1, 0], [0, "1/3"]], [0, 0, 5])


def near_permuted(f: Network) -> Verdict:
    return verify_equal(f, with_last(PERMUTED, [["61/20", 1, 2]], [0]), tolerance="1/2", domain=Box(-1, 1))


def near_moved(unit: str, move: symmetry.Transformation) -> Verdict:
    """Within 1/2 once the move is undone."""
    layers = [([[1, 2], [3, -1], [1, -4]], [1, 0, 2]), ([[1, 2, 3]], [0])]
    near = move.apply(mlp([layers[0], ([[1, 2, "61/20"]], [0])], activation=unit))
    return verify_equal(mlp(layers, activation=unit), near, tolerance="1/2", domain=Box(-1, 1))


#: claim -> (the verdict it is about, its kind of evidence)
CASES: dict[str, tuple[Callable[[], Verdict], str]] = {
    "one hidden layer": (lambda: verify_equal(FLAT, symmetry.Permutation(0, [2, 0, 1]).apply(FLAT)), "forms"),
    "on a box": (
        lambda: verify_equal(mlp([([[1, 1], [1, -1]], [0, 3]), ([[1, 2]], [0])]), mlp([([[3, -1]], [6])]), domain=Box([1, 0], [2, 3])),
        "forms",
    ),
    "on a polyhedron": (
        lambda: verify_equal(mlp([([[1, 1], [1, -1]], [0, 0]), ([[1, 2]], [0])]), mlp([([[1, 1]], [0])]), domain=HALF),
        "forms",
    ),
    "on a line in the plane": (
        lambda: verify_zero(mlp([([[1, 0], [0, -1]], [0, 1]), ([[1, -1]], [0])]), domain=Polyhedron([[1, 1], [-1, -1]], [1, -1])),
        "forms",
    ),
    "at a point": (lambda: verify_equal(FLAT, mlp([([[0, 0]], [9])]), domain=Box([1, 2], [1, 2])), "forms"),
    "deep": (lambda: verify_equal(DEEP, swapped(DEEP)), "forms"),
    "deep, a neuron that is off": (lambda: verify_equal(OFF, mlp([*parameters(OFF)[:1], ([[1, 1]], [1]), ([[1]], [3])])), "forms"),
    "deep, a neuron that is on there": (
        lambda: verify_equal(ON, mlp([([[1, 1], [1, 0]], [3, 0]), ([[1, -1]], [0])]), domain=Box([-1, -1], [1, 1])),
        "forms",
    ),
    "zero": (lambda: verify_zero(mlp([([[1], [-1], [1], [-1]], [1, -1, 2, -2]), ([[1, -1, -1, 1]], [1])])), "forms"),
    "within a tolerance": (lambda: verify_equal(DEEP, with_last(DEEP, [[1, -2]], ["10/3"]), tolerance="1/3"), "forms"),
    "within a tolerance on a box": (
        without(lambda: near_permuted(FLAT), "_by_boxes", "_as_matched"),
        "forms",
    ),
    "within a tolerance on a tree of boxes": (without(lambda: near_permuted(FLAT), "_as_matched"), "boxes"),
    "within a tolerance, in another order": (lambda: near_permuted(FLAT), "pass"),
    "within a tolerance, scaled": (lambda: near_moved("relu", symmetry.Scaling(0, ["20/3", "1/7", 9])), "pass"),
    "within a tolerance, of other signs": (lambda: near_moved("tanh", symmetry.SignFlip(0, [0, 2])), "pass"),
    "within a tolerance, flipped": (lambda: near_moved("abs", symmetry.Flip([1, 2])), "pass"),
    "within a tolerance, layer by layer": (
        lambda: verify_equal(FLAT, with_last(FLAT, [[1, 2, "61/20"]], [0]), tolerance="1/2", domain=Box(-1, 1)),
        "pass",
    ),
    "a permutation": (lambda: verify_symmetry(DEEP, symmetry.Permutation(1, [1, 0])), "forms"),
    "a scaling and a flip": (
        lambda: verify_symmetry(STAR, symmetry.Scaling(0, [1, 2, "1/3"]) @ symmetry.Flip([0, 1, 2])),
        "forms",
    ),
    "a sign flip": (lambda: verify_symmetry(TANH, symmetry.SignFlip(0, [1])), "forms"),
    "one variable": (lambda: verify_equal(ABS, mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [1]), ([[1]], [-1])])), "tree"),
    "one variable, on an interval": (lambda: verify_equal(STEP, ABS, domain=Box(0, "1/2")), "tree"),
    "one variable within a tolerance": (lambda: verify_equal(ABS, with_last(ABS, [[1]], ["1/7"]), tolerance="1/7"), "tree"),
    "a point": (lambda: verify_equal(FLAT, with_last(FLAT, [[1, 2, 3 + TINY]], [0])), "point"),
    "a point of a domain": (
        lambda: verify_equal(DEEP, with_last(DEEP, [[1, -2]], [4]), domain=Box(5, 6), tolerance="1/2"),
        "point",
    ),
    "a point that is not zero": (lambda: verify_zero(FLAT), "point"),
    "a point that is no symmetry": (lambda: verify_symmetry(FLAT, symmetry.Flip([1])), "point"),
    "an enclosure": (lambda: verify_zero(TANH), "enclosure"),
    "images": (lambda: verify_equal(image(), image((1, 0))), "forms"),
    "images by entries": (
        without(lambda: verify_equal(image(size=2), image((1, 0), 2), domain=Box(0, 1), tolerance="1/9"), "_as_matched"),
        "forms",
    ),
    "prelu": (lambda: verify_equal(prelu((0, 1, 2)), prelu((0, 2, 1))), "forms"),
    "smooth": (lambda: verify_equal(SILU, silu([[2], [1], [1], [-1]], [-3, 1, 0, 0], [2, 1, -4, 4], 6)), "forms"),
    "smooth at zero": (lambda: verify_zero(mlp([([[1], [-1], [0]], [1, -1, 0]), ([[1, 1, -2]], [0])], activation="sigmoid")), "forms"),
    "rational": (lambda: verify_equal(rational(2, (0, 1)), rational(4, (1, 0))), "forms"),
}
PROVED = [name for name, (_, kind) in CASES.items() if kind in ("forms", "line", "pass")]


@functools.cache
def verdict(name: str) -> Verdict:
    found = CASES[name][0]()
    assert not found.unknown, str(found)
    return found


def text(name: str) -> dict[str, Any]:
    """The certificate as another program reads it."""
    certificate = verdict(name).certificate
    assert certificate is not None
    return json.loads(json.dumps(certificate.document))  # type: ignore[no-any-return]


def accepted(certificate: Any) -> bool:
    """Whether the checker takes it; if not, it says at which step and why."""
    try:
        return exactnn.certificate.check(certificate)
    except exactnn.certificate.Rejected as found:
        rejected = found
    assert rejected.step
    assert rejected.reason
    return False


# --- accepted, wherever they lie ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_accepted_in_memory_and_from_a_file(name: str, tmp_path: Path) -> None:
    certificate = verdict(name).certificate
    assert certificate is not None
    assert certificate.kind == CASES[name][1]
    assert check(certificate)
    assert accepted(text(name))
    path = certificate.save(tmp_path / "certificate.json")
    assert check(path)
    assert check(str(path))
    moved = tmp_path / "elsewhere" / "c.json"
    moved.parent.mkdir()
    shutil.move(path, moved)
    assert check(moved)
    stated = json.loads(moved.read_text())
    assert stated["claim"]["answer"] == verdict(name).status
    assert stated["semantics"] == "real arithmetic"
    assert list(tmp_path.rglob("*.json")) == [moved]


def test_every_kind_of_evidence_occurs() -> None:
    documents = [text(name) for name in CASES]
    written = json.dumps(documents)
    for word in ("atom", "mirror", "slack", "chord", "on", "off", "zero", "permutation", "scaling", "flip", "sign_flip"):
        assert f'["{word}", ' in written or f'"kind": "{word}"' in written or f'["{word}"]' in written, word
    evidence = [d["evidence"] for d in documents if d["evidence"]["method"] == "forms"]
    assert any(e.get("hull") for e in evidence)
    assert any(e.get("elements") for e in evidence)
    assert any(e.get("bounds") for e in evidence)
    assert any(e["output"] for e in evidence)


def test_the_checker_runs_alone(tmp_path: Path) -> None:
    """The folder copied, python isolated and without site packages; a proof and its false twin."""
    shutil.copytree(Path(exactnn.certificate.__file__).parent, tmp_path / "checker", ignore=shutil.ignore_patterns("__pycache__"))
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    stated = text("deep")
    good.write_text(json.dumps(stated))
    stated["evidence"]["g"] = stated["evidence"]["f"]
    bad.write_text(json.dumps(stated))
    for path, code in ((good, 0), (bad, 4)):
        found = subprocess.run(
            [sys.executable, "-I", "-S", str(tmp_path / "checker"), str(path)], capture_output=True, text=True, check=False
        )
        assert found.returncode == code, found.stdout + found.stderr


@pytest.mark.parametrize("suffix", ["json", "nnet", "onnx"])
def test_bound_to_model_files(suffix: str, tmp_path: Path) -> None:
    if suffix == "onnx":
        pytest.importorskip("onnx")
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "models").mkdir(parents=True)
    f, g = here / "models" / f"f.{suffix}", here / "models" / f"g.{suffix}"
    save(DEEP, f)
    save(symmetry.Permutation(1, [1, 0]).apply(DEEP), g)
    found = verify_equal(load(f), load(g))
    assert found.proved
    assert found.certificate is not None
    path = found.certificate.save(here / "certificate.json")
    stated = json.loads(path.read_text())
    assert [stated["models"][k].get("path") for k in "fg"] == [f"models/f.{suffix}", f"models/g.{suffix}"]
    assert check(path)
    shutil.copytree(here, there)
    assert check(there / "certificate.json")
    alone = tmp_path / "alone.json"
    shutil.copy(path, alone)
    with pytest.raises(CertificateRejected, match="model"):
        check(alone)
    assert check(alone, models=[g, f])
    (there / "models" / f"f.{suffix}").write_bytes(f.read_bytes() + b" ")
    with pytest.raises(CertificateRejected, match=r"sha256|hash"):
        check(there / "certificate.json")
    shutil.copy(there / "models" / f"g.{suffix}", there / "models" / f"f.{suffix}")
    with pytest.raises(CertificateRejected):
        check(there / "certificate.json")


def test_a_symmetry_of_a_model_file(tmp_path: Path) -> None:
    """T(f) has no file of its own: the checker makes it."""
    save(STAR, tmp_path / "f.json")
    f = load(tmp_path / "f.json")
    found = verify_symmetry(f, symmetry.Flip([0, 1, 2]))
    assert found.proved
    assert found.certificate is not None
    assert "inline" not in found.certificate.document["models"]["f"]
    assert check(found.certificate.save(tmp_path / "c.json"))


def test_equal_neurons_are_a_place_and_a_scale_in_the_certificate() -> None:
    """Each neuron of f is an atom as it stands; in a permuted and scaled copy, of some signs turned too, it is named with its factor."""
    f = mlp([([[2, 4], [-3, 1], [0, -5]], [6, 1, 0]), ([[1, 2, 3]], [0])])
    g = symmetry.Scaling(0, [2, "1/3", 5]).apply(symmetry.Permutation(0, [2, 0, 1]).apply(f))
    verdict = verify_equal(f, g)
    assert verdict.certificate is not None
    lines = verdict.certificate.evidence
    assert [line for own in lines["f"].values() for line in own] == [["atom", k, 1, 1] for k in range(3)]
    assert [line for own in lines["g"].values() for line in own] == [["atom", 2, 1, 2], ["atom", 0, 1, "1/3"], ["atom", 1, 1, 5]]
    whole = mlp([([[1]], [1]), ([[1]], [0])])
    turned = mlp([([[-2], [1], [-1]], [-2, 0, 0]), ([["1/2", 1, -1]], [1])])  # max(t, 0) = max(-2t, 0)/2 + t, t = x + 1
    verdict = verify_equal(whole, turned)
    assert verdict.certificate is not None
    (own,) = verdict.certificate.evidence["g"].values()
    assert own == [["atom", 0, -1, 2], ["atom", 1, 1, 1], ["atom", 1, -1, 1]]


# --- rejected --------------------------------------------------------------------------------------------------------------------


def is_right(certificate: dict[str, Any]) -> bool:
    """Whether a changed certificate still supports a true claim, by tests/certificate/_oracle.py."""
    claim, method = certificate["claim"], certificate["evidence"]["method"]
    if claim["question"] == "symmetry":
        inline = certificate["models"]["f"]["inline"]
        image_of = document(composed(claim["transformation"]).apply(network_from_document(inline)))
        certificate = {**certificate, "models": {"f": {"inline": inline}, "g": {"inline": image_of}}}
    if method == "point":
        return _oracle.refutes(certificate)
    if method == "enclosure":
        return _oracle.keeps_apart(certificate)
    return _oracle.proves(certificate, count=20) and (method in ("tree", "pass", "boxes") or _oracle.supports(certificate))


def composed(steps: list[dict[str, Any]]) -> symmetry.Transformation:
    kinds = {
        "permutation": lambda s: symmetry.Permutation(s["layer"], s["order"]),
        "scaling": lambda s: symmetry.Scaling(s["layer"], s["factors"]),
        "flip": lambda s: symmetry.Flip(s["neurons"], layer=s["layer"]),
        "sign_flip": lambda s: symmetry.SignFlip(s["layer"], s["neurons"]),
    }
    return symmetry.Composition([kinds[s["kind"]](s) for s in reversed(steps)])


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name == "images by entries" else []) for name in CASES])
def test_a_changed_certificate_is_rejected_unless_it_is_right_too(name: str) -> None:
    """Single numbers changed, entries dropped, doubled and swapped, in claim, evidence and models (their hashes made right)."""
    generator = random.Random(name)
    changed = list(mutants(text(name), generator))
    rejected = 0
    for path, value, mutant in generator.sample(changed, min(len(changed), _MUTANTS)):
        if accepted(mutant):
            assert is_right(mutant), (path, value)
        else:
            rejected += 1
    assert rejected > 5


@pytest.mark.parametrize("name", CASES)
def test_other_models_under_the_same_hash_are_rejected(name: str) -> None:
    """One weight changed in a model that stands in the certificate: without the hash made right, and (if it matters) with it."""
    stated = text(name)
    for model in stated["models"].values():
        node = next(n for n in model["inline"]["nodes"] if "weight" in n)
        node["weight"]["numerators"][0] += 1
    assert not accepted(stated)
    for model in stated["models"].values():
        model["sha256"] = canonical_hash(model["inline"])
    assert not accepted(stated) or is_right(stated)


@pytest.mark.parametrize("name", ["one hidden layer", "deep", "images", "a point", "on a box", "one variable, on an interval"])
def test_certificates_of_other_networks_are_rejected(name: str) -> None:
    """The models of every other claim put into this one."""
    for other in CASES:
        stated = text(name)
        foreign = text(other)["models"]
        if other == name or "g" not in foreign or foreign == stated["models"]:
            continue
        stated["models"] = foreign
        assert not accepted(stated) or is_right(stated), other


def test_the_answer_cannot_be_turned_round() -> None:
    for name in CASES:
        stated = text(name)
        stated["claim"]["answer"] = "refuted" if stated["claim"]["answer"] == "proved" else "proved"
        assert not accepted(stated)


@pytest.mark.parametrize("name", PROVED)
def test_a_larger_domain_is_not_covered(name: str) -> None:
    stated = text(name)
    if stated["claim"]["domain"] is not None:
        stated["claim"]["domain"] = None
        assert not accepted(stated) or is_right(stated)


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    for k, content in enumerate(
        ["", "{}", "[1]", "null", "\x00\x01", '{"format": "exactnn-certificate"}', '{"format": "exactnn-certificate", "version": 2}']
    ):
        path = tmp_path / f"{k}.json"
        path.write_text(content)
        with pytest.raises(CertificateRejected):
            check(path)
    (tmp_path / "net.json").write_text('{"format": "exactnn-network"}')  # a model is another mistake
    with pytest.raises(LoadError, match="is a model"):
        check(tmp_path / "net.json")
    with pytest.raises((ExactnnError, OSError)):
        check(tmp_path / "absent.json")


# --- laws ------------------------------------------------------------------------------------------------------------------------


@given(equal_pairs(width=3), st.integers(0, 10**6), st.data())
@law(20)
def test_a_proof_does_not_carry_over_to_a_changed_network(pair: tuple[Shallow, Shallow], place: int, data: st.DataObject) -> None:
    f, g = (s.network() for s in pair)
    found = verify_equal(f, g)
    assert found.certificate is not None
    h = nudged(pair[1], place, data.draw(st.sampled_from([TINY, Fraction(1)]))).network()
    other = verify_equal(f, h)
    stated = copy.deepcopy(found.certificate.document)
    stated["models"]["g"] = {"inline": document(h)}
    if accepted(rehash(stated)):
        assert other.proved


@given(graphs(nodes=5))
@law(20)
def test_certificates_of_graphs_survive_json(f: Network) -> None:
    found = verify_equal(f, renamed(f, "again "))
    assert found.certificate is not None
    assert accepted(json.loads(json.dumps(found.certificate.document)))
