"""`exactnn symmetry orbits`, `fibre` and `find`: answers, exit codes, JSON, files, certificates, limits, bad input."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import z3

import exactnn as xn
from exactnn.errors import Incomplete, NotReduced
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Input, relu
from exactnn.symmetry import Flip, Permutation, Scaling, fibre, normal_form, orbits, search
from tests.test_cli import MODELS, Answer, Shell, files, shell  # noqa: F401 - a fixture


def one(weights: Any, biases: Any, outgoing: Any, unit: str = "relu") -> xn.Network:
    return xn.mlp([(weights, biases), (outgoing, [0] * len(outgoing))], activation=unit)


ORDERED = one([[1], [1], [2], [3]], [1, 3, 5, 7], [[1, -1, 1, -1]])  # a w = 1, -1, 2, -3
T3 = MODELS["f"]
MORE: dict[str, xn.Network] = {
    "ordered": ORDERED,
    "corner": one([[1], [-1]], [0, 0], [[2, 1]]),  # not reduced, and one orbit
    "pair": one([[1], [-1]], [0, 0], [[1, -1]]),  # x
    "split": one([[1], [-1], [1]], [0, 0, -1], [[1, 2, 1]]),
    "dead": one([[1, 0], [0, 1], [1, 1]], [0, 0, 1], [[1, 1, 0]]),
    "twice": one([[1, 0], [0, 1], [1, 1], [2, 2]], [0, 0, 1, 2], [[1, 1, 0, 1], [1, 0, 1, 0]]),
    "leaky": one([[1], [2], [2]], [0, 1, 1], [[1, 1, 1]], "leaky_relu(1/10)"),
    "silu": one([[1, 0], [0, 1], [-1, -1]], [0, 0, 0], [[1, 1, 1]], "silu"),
    "turned": Flip([0, 1, 2]).apply(one([[1, 0], [0, 1], [-1, -1]], [0, 0, 0], [[1, 1, 1]], "silu")),
    "sloped": one([[0], [1], [2]], [1, 0, 1], [[1, 1, 1]], "silu"),  # with a constant of irrational value
    "tanh": one([[1], [2]], [0, 1], [[1, 1]], "tanh"),
    "alone": one([[1, 0], [0, 1], [-1, -2]], [0, 0, 0], [[1, 1, 1]]),
    "many": one([[1]] * 14, list(range(14)), [[1, -1] * 7]),
    "hard": one([[2 * k + 1] for k in range(50)], [7 * k for k in range(50)], [[10**9 + k**7 for k in range(50)]]),
}


@pytest.fixture
def models(shell: Shell) -> Shell:  # noqa: F811
    for name, net in MORE.items():
        xn.save(net, f"{name}.json")
    return shell


def accepted(shell: Shell, path: str) -> bool:  # noqa: F811
    answer = shell(f"check {path}")
    return answer.code == 0 and answer.first.startswith("ACCEPTED: ")


# --- orbits ----------------------------------------------------------------------------------------------------------------


def test_orbits(models: Shell) -> None:
    answer = models("symmetry orbits ordered.json --certificate c.json")
    assert answer.code == 0
    first, *sets, written = answer.out.splitlines()
    assert first.startswith(
        "3 orbits: permutations and positive scalings of neurons and 2 flips lead from f to all networks of 4 neurons with"
    )
    assert "(real arithmetic). " in first
    assert sets == ["  f itself, nothing flipped", "  flip neurons 0, 1", "  flip neurons 0, 2, 3"]
    assert written == "  certificate: c.json (exactnn check c.json)"
    assert accepted(models, "c.json")
    assert "read ordered.json" in answer.err
    quiet = models("symmetry orbits ordered.json --quiet")
    assert (quiet.out, quiet.err) == (first + "\n", "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("alone", "1 orbit: only permutations and positive scalings of neurons lead from f to networks of 3 neurons with its function"),
        ("tanh", "1 orbit: only permutations and sign flips of neurons lead from f to networks of 2 neurons"),
        ("silu", "2 orbits: permutations of neurons and 1 flip lead from f to all networks of 3 neurons"),
        ("positive", "1 orbit: only permutations and positive scalings of neurons lead from f to networks of 1 neuron with"),
    ],
)
def test_orbits_of_other_networks(models: Shell, name: str, said: str) -> None:
    answer = models(f"symmetry orbits {name}.json --certificate c.json")
    assert (answer.code, answer.first[: len(said)]) == (0, said)
    assert accepted(models, "c.json")


def test_orbits_as_json(models: Shell) -> None:
    document = models("symmetry orbits many.json --json --limit-shown 1 --certificate c.json").json
    assert (document["status"], document["command"], document["semantics"]) == ("done", "symmetry orbits", "real")
    assert [tuple(t) for t in document["orbits"]] == orbits(MORE["many"])
    assert document["count"] == len(document["orbits"]) == 3432
    assert (document["complete"], document["width"], document["group"]) == (True, 14, "permutations and positive scalings")
    assert document["certificate"] == "c.json"
    assert document["reason"]
    assert document["models"]["f"]["path"].endswith("many.json")
    assert document["versions"]["exactnn"] == xn.__version__
    assert accepted(models, "c.json")


def test_some_sets_are_shown(models: Shell) -> None:
    shown = models("symmetry orbits many.json").out.splitlines()
    assert len(shown) == 22
    assert shown[-1] == "  ... (3432 sets in all; --json lists them)"
    assert len(models("symmetry orbits many.json --limit-shown 3").out.splitlines()) == 5
    assert len(models("symmetry orbits many.json --limit-shown 0").out.splitlines()) == 2
    assert len(models("symmetry orbits ordered.json --limit-shown 3").out.splitlines()) == 4


def test_orbits_that_were_not_all_found(models: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files()
    answer = models("symmetry orbits f.json --time-limit 0 --certificate c.json")
    assert answer.code == 3
    assert answer.first.startswith(
        "UNKNOWN: how many orbits the networks of 3 neurons with the function of f have (real arithmetic). the time"
    )
    assert answer.first.endswith("; found by then: 0 sets")
    assert "no certificate written to c.json" in answer.err

    def stop(*_: Any, **__: Any) -> None:
        raise Incomplete("of the sets of at most 4 neurons all but 2 are excluded", ((), (0, 1)))

    monkeypatch.setattr("exactnn.verify.certified_orbits", stop)
    document = models("symmetry orbits ordered.json --json").json
    assert (document["status"], document["orbits"], document["complete"]) == ("unknown", [[], [0, 1]], False)
    assert document["reason"] == "of the sets of at most 4 neurons all but 2 are excluded"
    answer = models("symmetry orbits ordered.json")
    assert answer.first.endswith("all but 2 are excluded; found by then: 2 sets")
    assert "  flip neurons 0, 1" in answer.out
    assert files() == before


# --- fibre -----------------------------------------------------------------------------------------------------------------


def test_fibre_of_one_orbit(models: Shell) -> None:
    answer = models("symmetry fibre corner.json --certificate c.json --save out")
    assert answer.code == 0
    assert answer.first.startswith(
        "PROVED: all networks of 2 neurons with the function of f arise from f by permutations and positive scalings (real arithmetic). "
    )
    assert answer.out.splitlines()[1:] == [
        "  width 2; not reduced: neurons 0, 1 are on one hyperplane",
        "  hyperplanes: 1, neurons to spare: 1",
        "  dimension of the fibre: 2",
        "  isolated orbits: 1",
        "  families: 0",
        "  minimal width 2: not reducible",
        "  certificate: c.json (exactnn check c.json)",
        "  nothing to write to out",
    ]
    assert accepted(models, "c.json")
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["f", "pair", "split", "dead", "twice", "leaky", "silu", "zero", "ordered"])
def test_fibre_of_more(models: Shell, name: str) -> None:
    """Refuted, with a certificate; what is written are networks with the function, in other orbits, and the minimal one."""
    net = {**MODELS, **MORE}[name]
    document = models(f"symmetry fibre {name}.json --json --certificate c.json --save out").json
    assert document["status"] == "refuted"
    assert models("check c.json").first.startswith("ACCEPTED: proved: f = g on all of R^")
    known = fibre(net)
    assert (document["width"], document["hyperplanes"], document["dimension"]) == (known.width, known.hyperplanes, known.dimension)
    assert document["reduced"] == known.is_reduced
    assert document["not_reduced"] == list(known.not_reduced)
    assert document["isolated_orbits"] == len(known.isolated)
    assert [(g["kind"], tuple(g["neurons"])) for g in document["families"]] == [(g.kind, g.neurons) for g in known.families]
    assert document["undecided"] == {}
    written = document["files"]
    assert len(written["families"]) == len(known.families)
    assert len(written["orbits"]) == sum(known.is_elsewhere(g) for g in known.isolated)
    everything = [*written["orbits"], *written["families"], *filter(None, [written["minimal"]])]
    assert sorted(map(str, Path("out").iterdir())) == sorted(everything)
    for path in everything:
        assert xn.verify_equal(net, xn.load(path)).proved
    for path in [*written["orbits"], *written["families"]]:
        assert known.is_elsewhere(xn.load(path))
    if document["minimal_width"] is not None:
        assert document["minimal_width"] == dict.fromkeys(("lower", "upper"), normal_form(net).minimal_width)  # type: ignore[union-attr]
    assert (written["minimal"] is not None) == (name in ("dead", "twice", "zero"))
    if written["minimal"] is not None:
        small = xn.load(written["minimal"])
        assert sum(xn.symmetry.fibre(small).width for _ in small.hidden_layers) == document["minimal_width"]["lower"] < known.width
        assert document["reducible"] is True


@pytest.mark.parametrize(
    ("name", "reducible", "said"),
    [
        ("f", False, "  not reducible: no network of this activation with fewer neurons has this function"),
        ("corner", False, "  minimal width 2: not reducible"),
        ("dead", True, "  minimal width 2: reducible, from 3 neurons"),
        ("zero", True, "  minimal width 0: reducible, from 4 neurons"),
        ("leaky", True, "  this activation needs at least 2 neurons; reducible; minimal width as a relu network 3"),
        ("tanh", False, "  not reducible: no network of this activation with fewer neurons has this function"),
        ("sloped", None, "  this activation needs at least 2 neurons; whether fewer than now would do is not known"),
    ],
)
def test_reducible(models: Shell, name: str, reducible: bool | None, said: str) -> None:
    assert said in models(f"symmetry fibre {name}.json").out.splitlines()
    assert models(f"symmetry fibre {name}.json --json").json["reducible"] is reducible


def test_an_undecided_minimal_width(models: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the search is too large, the bounds, which know that a dead neuron can go, are told."""
    monkeypatch.setattr("exactnn.cli._fibre._WIDTH_EFFORT", 1)
    net = one([[1, 0], [0, 1], [1, 1], [1, 1]], [0, 0, 1, 2], [[1, 1, 1, -1], [1, 2, 1, 0]])
    xn.save(one([[1, 0], [0, 1], [-1, 1], [1, -1]], [0, 0, 1, -1], [[1, 1, 1, 2]]), "wider.json")
    xn.save(net, "narrow.json")
    document = models("symmetry fibre wider.json --json --save out").json
    assert document["minimal_width"] == {"lower": 3, "upper": 4}
    assert document["reducible"] is None
    assert "too many to look for fewer neurons" in document["undecided"]["minimal_width"]
    assert document["files"]["minimal"] is None
    assert "minimal width as a relu network between 3 and 4 (not decided: 3 hyperplanes" in models("symmetry fibre wider.json").out
    assert models("symmetry fibre narrow.json --json").json["minimal_width"] == {"lower": 4, "upper": 4}
    assert models("symmetry fibre dead.json --json").json["minimal_width"] == {"lower": 2, "upper": 2}


def test_a_family_without_rational_members(models: Shell) -> None:
    answer = models("symmetry fibre sloped.json --save out --certificate c.json")
    assert "families: 1" in answer.out
    assert "constant, neuron 0, free a_0, b: " in answer.out
    assert "irrational" in answer.err
    assert answer.code in (1, 3)  # refuted only if another network, with rational weights, is found
    assert Path("c.json").exists() == (answer.code == 1)


def test_many_other_orbits(models: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exactnn.cli._fibre._SAVED", 5)
    answer = models("symmetry fibre many.json --save out")
    assert answer.code == 1
    assert "  isolated orbits: 3432" in answer.out
    assert "only the first 5 other orbits are written to out" in answer.err
    assert len(list(Path("out").iterdir())) == 5


def test_fibre_time_limit(models: Shell) -> None:
    before = files()
    answer = models("symmetry fibre f.json --time-limit 0 --certificate c.json --save out")
    assert answer.code == 3
    assert answer.first.startswith("UNKNOWN: all networks of 3 neurons with the function of f")
    assert "  isolated orbits: not decided (the time limit of 0.0 s was reached" in answer.out
    assert "  dimension of the fibre: 3" in answer.out
    assert files() == before
    document = models("symmetry fibre split.json --time-limit 0 --json").json
    assert (document["status"], document["isolated_orbits"], document["dimension"]) == ("unknown", None, None)
    assert set(document["undecided"]) == {"dimension", "families", "isolated_orbits"}


# --- find with one model ---------------------------------------------------------------------------------------------------


def test_find(models: Shell) -> None:
    answer = models("symmetry find f.json")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "FOUND: 1 other type of weights with this function, complete: at most 3 neurons on 3 hyperplanes; flips only",
        "  flip neurons 0, 1, 2",
        "  each proved to equal f on all of R^2, as by exactnn equal",
        "  reduced weights have no others than flips",
    ]
    assert models("symmetry find f.json --quiet").out == answer.first + "\n"
    answer = models("symmetry find alone.json --save out")
    assert answer.code == 0
    assert answer.first.startswith("NONE: no other types of weights with this function, complete: at most 3 neurons on 3 hyperplanes")
    assert not Path("out").exists()
    answer = models("symmetry find dead.json")
    assert answer.first.startswith("NONE: ")
    assert "exactnn symmetry fibre tells" in answer.out


@pytest.mark.parametrize("name", ["f", "ordered", "split", "zero", "silu", "alone", "twice"])
def test_what_is_found(models: Shell, name: str) -> None:
    net = {**MODELS, **MORE}[name]
    document = models(f"symmetry find {name}.json --json --solver z3 --save out").json
    expected = list(search(net))
    assert (document["status"], document["complete"], document["count"]) == ("done", True, len(expected))
    assert sorted(map(str, (s.flips for s in expected))) == sorted(
        str(None if e["flips"] is None else tuple(e["flips"])) for e in document["symmetries"]
    )
    for entry in document["symmetries"]:
        other = xn.mlp([(entry["W"], entry["b"]), (entry["a"], entry["c"])], activation="silu" if name == "silu" else "relu")
        assert xn.load(entry["file"]) == other or xn.verify_equal(xn.load(entry["file"]), other).proved
        assert entry["status"] == "proved"
        assert fibre(net).is_elsewhere(other)
        assert models(f"equal {name}.json {entry['file']}").code == 0
        assert accepted(models, entry["certificate"])
    assert Path("out").exists() == bool(expected)


@pytest.mark.parametrize(
    ("options", "flips"),
    [
        ("", [[0, 1], [0, 2, 3]]),
        ("--solver exact", [[0, 1], [0, 2, 3]]),
        ("--solver z3", [[0, 1], [0, 2, 3]]),
        ("--max-changes 2", [[0, 1]]),
        ("--max-changes 2 --solver z3", [[0, 1]]),
        ("--max-weight 1/2", []),
        ("--max-weight 1/2 --solver z3", []),
        ("--max-weight 1", [[0, 1], [0, 2, 3]]),
        ("--max-weight 1 --solver z3", [[0, 1], [0, 2, 3]]),
    ],
)
def test_bounds(models: Shell, options: str, flips: list[list[int]]) -> None:
    document = models(f"symmetry find ordered.json --json {options}").json
    assert sorted(entry["flips"] for entry in document["symmetries"]) == flips
    assert document["complete"] is True


def test_limit(models: Shell) -> None:
    answer = models("symmetry find ordered.json --limit 1")
    assert answer.code == 0
    assert answer.first.startswith("FOUND: 1 other type of weights with this function, not complete")
    assert models("symmetry find ordered.json --limit 3 --json").json["complete"] is True


def test_the_question_as_a_file(models: Shell) -> None:
    for name, expected in (("f", z3.sat), ("alone", z3.unsat)):
        answer = models(f"symmetry find {name}.json --smt2 q.smt2")
        assert "q.smt2" in answer.out
        solver = z3.Solver()
        solver.from_file("q.smt2")
        assert solver.check() == expected


def test_find_time_limit(models: Shell) -> None:
    for solver in ("z3", "exact"):
        answer = models(f"symmetry find f.json --time-limit 0 --solver {solver}")
        assert answer.code == 3
        assert answer.first.startswith("UNKNOWN: no other types of weights with this function, not complete: at most 3 neurons")
        assert "the time limit of 0.0 s was reached" in answer.first
    document = models("symmetry find hard.json --solver z3 --time-limit 1 --json --quiet").json
    assert (document["status"], document["complete"]) == ("unknown", False)
    assert "time limit" in document["reason"]


# --- find with two models --------------------------------------------------------------------------------------------------


def related(shell: Shell, first: str, second: str) -> tuple[Answer, dict[str, Any]]:  # noqa: F811
    """The answer about two models, with and without --json."""
    document = shell(f"symmetry find {first}.json {second}.json --json").json
    return shell(f"symmetry find {first}.json {second}.json"), document


def test_permuted_and_scaled(models: Shell) -> None:
    answer, document = related(models, "f", "copy")
    assert answer.code == 0
    assert answer.first == "PROVED: f = g, and a permutation and a positive scaling of neurons lead from f to g (real arithmetic)"
    assert answer.out.splitlines()[1].startswith("  f = g on all of R^2: ")
    assert "T(f) = g, parameter by parameter" in answer.out
    assert (document["status"], document["relation"]) == ("proved", "orbit")
    assert [step["kind"] for step in document["transformation"]] == ["permutation", "scaling"]
    answer, document = related(models, "f", "f")
    assert answer.first == "PROVED: f = g, and they have the same weights (real arithmetic)"
    assert (document["transformation"], document["relation"]) == ([], "same weights")


def test_flipped(models: Shell) -> None:
    answer, document = related(models, "f", "g")
    assert answer.first == "PROVED: f = g, and a flip of neurons leads from f to g: g lies in another orbit than f (real arithmetic)"
    assert (answer.code, document["relation"]) == (0, "other orbit")
    answer, document = related(models, "silu", "turned")
    assert answer.code == 0
    assert answer.first.startswith("PROVED: f = g, ")
    assert "g lies in another orbit than f" in answer.first
    assert document["relation"] == "other orbit"


@pytest.mark.parametrize(
    ("first", "second", "relation", "said"),
    [
        ("f", "wide", "other width", "they have different widths, 3 and 4 neurons"),
        ("split", "split2", "other orbit", "g lies in another orbit than f, in the same fibre"),
        ("pair", "line", "other depth", "they have different numbers of hidden layers, 1 and 0"),
        ("bend", "pair2", "other activation", "they have different activations, abs and relu"),
        ("pair", "slid", "other orbit", "g lies in another orbit than f, in the same fibre"),
    ],
)
def test_equal_but_not_aligned(models: Shell, first: str, second: str, relation: str, said: str) -> None:
    xn.save(xn.mlp([([[1], [1], [-1]], [0, -1, 1]), ([[3, -1, 2]], [-2])]), "split2.json")
    xn.save(one([[1]], [0], [[1]], "abs"), "bend.json")
    xn.save(one([[1], [-1]], [0, 0], [[1, 1]]), "pair2.json")
    xn.save(fibre(MORE["pair"]).families[0].at(5), "slid.json")
    answer, document = related(models, first, second)
    assert answer.code == 0
    assert answer.first.startswith("PROVED: f = g, but no permutation, scaling or flip was found: ")
    assert said in answer.first
    assert (document["relation"], document["transformation"]) == (relation, None)
    assert models(f"symmetry find {first}.json {second}.json --certificate c.json").code == 0
    assert accepted(models, "c.json")


def test_one_orbit_written_with_another_layer(models: Shell) -> None:
    """align compares layer by layer; the orbits are those of the composed layers."""
    builder = Builder()
    name = builder.add("input", Input((2,)))
    for k, (weight, bias) in enumerate(([[[0, 1], [1, 0]], [1, 0]], [[[1, 0], [0, 2], [-1, -1]], [-1, 0, 1]])):
        name = builder.add(f"affine{k}", Affine(RationalArray.of(weight), RationalArray.of(bias)), name)
    name = builder.add("relu", relu(), name)
    name = builder.add("out", Affine(RationalArray.of([[1, "1/2", 1]]), RationalArray.of([0])), name)
    xn.save(builder.build(["input"], [name]), "stacked.json")
    answer, document = related(models, "f", "stacked")
    assert answer.code == 0
    assert answer.first.startswith("PROVED: f = g, and g lies in the orbit of f: ")
    assert document["relation"] == "orbit"


def test_refuted(models: Shell) -> None:
    answer = models("symmetry find f.json moved.json --certificate c.json")
    assert answer.code == 1
    assert answer.first.startswith("REFUTED: f and g are different functions (real arithmetic). ")
    assert answer.out.splitlines()[1] == "  at x = (0, 0)"
    assert models("check c.json").first.startswith("ACCEPTED: refuted")
    document = models("symmetry find f.json moved.json --json").json
    point = [Fraction(q) for q in document["counterexample"]]
    assert T3(point) != MODELS["moved"](point)
    assert document["relation"] == "different functions"
    xn.save(Flip([0]).apply(T3), "flipped.json")
    answer = models("symmetry find f.json flipped.json")
    assert answer.code == 1
    assert answer.out.splitlines()[1].startswith("  T(f) = g, parameter by parameter, with T = Flip([0]")
    assert answer.out.splitlines()[2] == "  this flip changes the function"


def test_deep_networks(models: Shell) -> None:
    deep = MODELS["deep"]
    xn.save((Permutation(1, [1, 0]) @ Scaling(0, [2, 3])).apply(deep), "moveddeep.json")
    answer, document = related(models, "deep", "moveddeep")
    assert answer.first == "PROVED: f = g, and a permutation and a positive scaling of neurons lead from f to g (real arithmetic)"
    assert document["relation"] == "orbit"
    assert models("symmetry find deep.json moveddeep.json --certificate c.json").code == 0
    assert accepted(models, "c.json")
    wider = [([[1, 2], [3, 4], [0, 0]], [0, 1, 1]), ([[1, -1, 1], [2, 1, -1]], [-1, 1]), ([[1, 1]], [0])]
    xn.save(xn.mlp(wider), "widerdeep.json")
    answer, document = related(models, "deep", "widerdeep")
    assert (answer.code, document["relation"]) == (0, "not found")
    assert answer.first.startswith("PROVED: f = g, but no permutation, scaling or flip was found that leads from f to g")
    assert models("symmetry find deep.json f.json").code == 1


def test_two_models_in_no_time(models: Shell) -> None:
    before = files()
    answer = models("symmetry find f.json g.json --time-limit 0 --certificate c.json")
    assert answer.code == 3
    assert answer.first.startswith("UNKNOWN: f = g on all of R^2 (real arithmetic). the time limit")
    document = models("symmetry find f.json g.json --time-limit 0 --json").json
    assert (document["status"], document["relation"]) == ("unknown", None)
    assert files() == before


# --- bad input -------------------------------------------------------------------------------------------------------------

DEEP = "deep.json: a network with one hidden layer is needed, got one with 2 layers of activations; for other networks ask exactnn equal"
BAD_INPUT = [
    ("orbits missing.json", "missing.json: a model file is needed"),
    ("orbits deep.json", DEEP),
    ("orbits line.json", "line.json: a network with one hidden layer is needed, got an affine map"),
    (
        "orbits dead.json",
        "dead.json: reduced weights are needed, but neuron 2 has no outgoing weight (dead). exactnn symmetry fibre describes",
    ),
    ("orbits f.json --limit-shown -1", "--limit-shown: a number >= 0"),
    ("orbits f.json --time-limit -1", "--time-limit: seconds >= 0"),
    ("orbits f.json --time-limit soon", "--time-limit: a number"),
    ("orbits f.json --certificate f.json", "is an input"),
    ("orbits f.json --certificate no/c.json", "existing folder"),
    ("fibre missing.json", "missing.json: a model file is needed"),
    ("fibre deep.json", DEEP),
    ("fibre f.json --time-limit -1", "--time-limit: seconds >= 0"),
    ("fibre f.json --certificate f.json", "is an input"),
    ("fibre f.json --save .", "--save: a new or empty folder is needed, got '.'"),
    ("fibre f.json --save f.json", "--save: a new or empty folder is needed"),
    ("fibre f.json --save no/out", "--save: a folder in an existing one is needed"),
    ("find missing.json", "missing.json: a model file is needed"),
    ("find f.json missing.json", "missing.json: a model file is needed"),
    ("find deep.json", DEEP),
    ("find tanh.json", "tanh.json: an activation whose flips move a slope is needed, got tanh"),
    ("find tanh.json", "exactnn symmetry orbits and exactnn symmetry fibre answer"),
    ("find f.json --limit 0", "--limit: a number >= 1 is needed, got 0"),
    ("find f.json --max-changes 0", "--max-changes: a number >= 1 is needed, got 0"),
    ("find f.json --max-weight 0", "--max-weight: a positive number is needed, got 0"),
    ("find f.json --max-weight -1", "--max-weight: a positive number is needed, got -1"),
    ("find f.json --max-weight x", "--max-weight: a number"),
    ("find f.json --time-limit -1", "--time-limit: seconds >= 0"),
    ("find f.json --save .", "--save: a new or empty folder is needed, got '.'"),
    ("find f.json --smt2 f.json", "--smt2: 'f.json' is an input"),
    ("find f.json --smt2 no/q.smt2", "--smt2: a file in an existing folder"),
    (
        "find f.json --certificate c.json",
        "--certificate: this is an option of symmetry find with two models, but only f.json is given; --save",
    ),
    ("find f.json g.json --solver z3", "--solver: this is an option of symmetry find with one model, but f.json and g.json are given"),
    ("find f.json g.json --limit 1", "--limit: this is an option of symmetry find with one model"),
    ("find f.json g.json --max-weight 1", "--max-weight: this is an option of symmetry find with one model"),
    ("find f.json g.json --max-changes 1", "--max-changes: this is an option of symmetry find with one model"),
    ("find f.json g.json --save out", "--save: this is an option of symmetry find with one model"),
    ("find f.json g.json --smt2 q.smt2", "--smt2: this is an option of symmetry find with one model"),
    ("find f.json g.json --certificate g.json", "is an input"),
    ("find f.json g.json --time-limit -1", "--time-limit: seconds >= 0"),
    ("find f.json line.json", "equal input and output sizes"),
]


@pytest.mark.parametrize(("asked", "said"), BAD_INPUT)
def test_bad_input(models: Shell, asked: str, said: str) -> None:
    before = files()
    answer = models(f"symmetry {asked}")
    assert (answer.code, answer.out) == (2, "")
    message = answer.err.splitlines()[-1]
    assert message.startswith("exactnn: ")
    assert said in message
    assert len(message) < 800
    assert files() == before
    document = models(f"symmetry {asked} --json").json
    assert set(document) == {"status", "error", "message"}
    assert document["status"] == "error"


@pytest.mark.parametrize(
    "asked",
    [
        "orbits",
        "orbits f.json g.json",
        "orbits f.json --domain 0:1",
        "fibre f.json --tolerance 1",
        "fibre f.json g.json",
        "find",
        "find f.json g.json h.json",
        "find f.json --solver cvc5",
        "find f.json --limit many",
        "find f.json --max 1",
    ],
)
def test_wrong_usage(models: Shell, asked: str) -> None:
    before = files()
    answer = models(f"symmetry {asked}")
    assert (answer.code, answer.out) == (2, "")
    assert "usage: exactnn" in answer.err
    assert files() == before


def test_help(shell: Shell) -> None:  # noqa: F811
    for name in ("orbits", "fibre", "find"):
        answer = shell(f"symmetry {name} --help")
        assert answer.code == 0
        assert f"usage: exactnn symmetry {name}" in answer.out
        assert "Exit status: 0 proved" in answer.out


def test_hostile_names(models: Shell) -> None:
    """A name cannot write lines of its own, and is no option."""
    name = "a\nACCEPTED: \x1b[2J 'é' %s {0}.json"
    shutil.copy("deep.json", name)
    for command in ("orbits", "fibre", "find"):
        answer = models(f"symmetry {command}", name)
        assert answer.code == 2
        message = next(text for text in answer.err.splitlines() if text.startswith("exactnn: "))
        assert message.startswith("exactnn: a\\nACCEPTED: \\x1b[2J 'é' %s {0}.json: a network with one hidden layer is needed")
    shutil.copy("f.json", name)
    target = "c\nPROVED: \x1b.json"
    answer = models("symmetry orbits", name, "--certificate", target)
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 4
    assert Path(target).exists()
    answer = models("symmetry fibre", name, "--certificate", target, "--save", "out\nput")
    assert answer.code == 1
    assert not any(text.startswith(("PROVED", "ACCEPTED", "put")) for text in answer.out.splitlines())
    assert len(list(Path("out\nput").iterdir())) == 1
    answer = models("symmetry find", name, "--save", "more\nfound", "--smt2", "q\nq.smt2")
    assert (answer.code, answer.out.count("\n")) == (0, 6)
    answer = models("symmetry find --limit 1", name, "g.json")
    assert "a\\nACCEPTED" in answer.err
    shutil.copy("f.json", "-f.json")
    assert models("symmetry find --", "-f.json").code == 0
    assert models("symmetry orbits --", "-f.json").code == 0


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("exactnn.verify.certified_orbits", "orbits f.json --certificate c.json"),
        ("exactnn.verify.verify_single_orbit", "fibre f.json --save out --certificate c.json"),
        ("exactnn.symmetry.search", "find f.json --save out"),
        ("exactnn.symmetry.relate", "find f.json moved.json"),
    ],
)
@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (MemoryError, 3)])
def test_interrupts(models: Shell, monkeypatch: pytest.MonkeyPatch, where: str, line: str, error: type[BaseException], code: int) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(where, stop)
    before = files()
    answer = models(f"symmetry {line}")
    assert (answer.code, answer.out) == (code, "")
    assert files() == before


def test_nothing_is_written_that_is_not_proved(models: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = xn.Verdict("unknown", "f = g", "not asked")
    monkeypatch.setattr("exactnn.verify.verify_equal", lambda *_, **__: unknown)
    answer = models("symmetry fibre f.json --save out")
    assert "orbit-0001 is not written: it is not proved to equal f: not asked" in answer.err
    assert not Path("out").exists()
    answer = models("symmetry find f.json")
    assert answer.code == 3
    assert "1 of them are not proved to equal f" in answer.first


def test_orbits_refuses_as_the_library_does(models: Shell) -> None:
    with pytest.raises(NotReduced):
        orbits(MORE["corner"])
    assert models("symmetry orbits corner.json").code == 2
