"""The benchmarks run, and their plain baseline computes what the engines compute."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

import exactnn as xn
from benchmarks import acasxu, closed_forms, copies, equality_map, fibre, small_pairs
from benchmarks.equality import classifier, copy_of
from benchmarks.measure import Row, table
from benchmarks.plain import exact, normal_form, value

ROOT = Path(__file__).resolve().parents[1]


def test_plain_fractions_find_the_same_normal_form() -> None:
    for layers in (classifier(6, 9, 3), copy_of(classifier(6, 9, 3))):
        (weight, bias), (outgoing, last) = layers
        jumps, linear, constant = normal_form(*(exact(a.tolist()) for a in (weight, bias, outgoing.T, last)))
        form = xn.symmetry.normal_form(xn.mlp(layers))
        assert jumps == form.kinks
        assert tuple(map(tuple, linear)) == form.linear
        assert tuple(constant) == form.constant


def test_plain_fractions_find_the_same_values() -> None:
    layers = classifier(6, 9, 3)
    x = [Fraction(n, 7) for n in range(6)]
    assert tuple(value([(exact(w.tolist()), exact(b.tolist())) for w, b in layers], x)) == xn.mlp(layers)(x)


def test_the_copy_is_a_copy() -> None:
    first = classifier(6, 9, 3)
    second = copy_of(first)
    assert not np.array_equal(first[0][0], second[0][0])
    assert second[0][0].dtype == np.float32
    assert xn.verify_equal(xn.mlp(first), xn.mlp(second)).proved


def test_plain_half_sums_find_the_same_orbits() -> None:
    for neurons, inputs, bits in ((9, 2, 3), (13, 2, 2), (16, 3, 9)):
        vectors, chosen = fibre.planted(neurons, inputs, bits)
        sets = fibre.zero_sums(vectors)
        assert sets == xn.symmetry.orbits(fibre.network(vectors))
        assert chosen in sets


def test_plain_eliminations_find_the_rank() -> None:
    (weight, _), (outgoing, _) = classifier(6, 9, 3)
    floats = weight.tolist(), outgoing.tolist()
    assert fibre.rank_of_fractions(fibre.terms(*floats)) == fibre.rank_modulo(fibre.modular_terms(*floats), fibre.PRIME) == 9
    assert xn.verify_single_orbit(xn.mlp(classifier(6, 9, 3))).proved
    rows = [[1, 2, 0, 1], [2, 4, 0, 3], [3, 6, 0, 4], [0, 0, 0, 0]]
    assert fibre.rank_modulo(rows, fibre.PRIME) == fibre.rank_of_fractions([list(map(Fraction, row)) for row in rows]) == 2


def test_table() -> None:
    rows = [Row("a", 0.5, "b", 100.0), Row("c", 2.0, "z3: gave up", 40.0, True), Row("d", 0.0123), Row("e", 1.0, "b", 0.1)]
    lines = table(rows).splitlines()
    assert "200 times faster" in lines[1]
    assert "more than 20 times faster" in lines[2]
    assert "12.3 ms" in lines[3]
    assert "10.0 times slower" in lines[4]


def test_copies() -> None:
    f = copies.layers_of(copies.dense((3, 6, 5, 2)))
    net, x = xn.mlp(f), [Fraction(n, 7) for n in (3, -2, 1)]
    values = [float(q) for q in net(x)]
    read = copies.layers_in(net)
    for (weight, bias), (w, b) in zip(f, read, strict=True):
        assert np.array_equal(weight, w)
        assert np.array_equal(bias, b)
    at = np.array([[float(q) for q in x]])
    with torch.no_grad():
        assert copies.as_module(read)(torch.from_numpy(at))[0].tolist() == pytest.approx(values, rel=1e-12)
    assert acasxu.values(read, at)[0].tolist() == pytest.approx(values, rel=1e-12)
    assert xn.verify_equal(net, xn.mlp(small_pairs.permuted(f))).proved
    assert xn.verify_equal(net, xn.mlp(small_pairs.one_moved(f))).refuted


def test_samples_see_no_more_than_the_maximum() -> None:
    f = copies.layers_of(copies.dense((2, 5, 2)))
    g, box = copies.float16(f), xn.Box([-1, 0], [1, "1/2"])
    x = copies.samples(box, 200).numpy()
    assert ((x >= [-1, 0]) & (x <= [1, 0.5])).all()
    assert (x == [-1, 0.5]).all(axis=1).any()
    seen = copies.sampled(copies.as_module(f), copies.as_module(g), box, 2000)
    largest = float(xn.max_deviation(xn.mlp(f), xn.mlp(g), domain=box).upper)
    assert 0.5 * largest < seen <= largest * (1 + 1e-9)


def test_z3_is_asked_the_same_question() -> None:
    f = copies.layers_of(copies.dense((2, 3, 2)))
    g = small_pairs.one_moved(f)
    largest = xn.max_deviation(xn.mlp(f), xn.mlp(g), domain=small_pairs.box(f)).upper
    first, second = small_pairs.fractions(f), small_pairs.fractions(g)
    assert small_pairs.ask_z3(first, second, largest, 20) == ("proved", None)
    answer, point = small_pairs.ask_z3(first, second, largest * Fraction(99, 100), 20)
    assert answer == "refuted"
    assert point is not None
    assert small_pairs.confirmed(first, second, largest * Fraction(99, 100), point)
    assert not small_pairs.confirmed(first, second, largest, point)


def test_acasxu_needs_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXACTNN_DATA", raising=False)
    _, (note,), rows = acasxu.run(quick=True)
    assert note.startswith("left out: no --data FOLDER")
    assert not rows
    monkeypatch.setenv("EXACTNN_DATA", str(tmp_path))
    _, (note,), rows = acasxu.run(quick=True)
    assert note.startswith("left out: there is no acasxu/NAME.onnx")
    assert not rows


def test_closed_forms_tell_who_is_wrong() -> None:
    told = [*closed_forms.temperatures(), *closed_forms.errors()]
    assert [case.what for case in told if case.wrong("exactnn")] == []
    assert [case.what for case in told if not case.truth] == [case.what for case in told if isinstance(case.told["exactnn"], str)]
    assert all(case.wrong("torch LBFGS") for case in told if "torch LBFGS" in case.told)  # not converged, or an answer where there is none
    right = closed_forms.Case("", (1.0, 2.0), "", {"a": 2.0, "b": 1.5, "c": "constant", "d": "fails"})
    assert [right.wrong(name) for name in "abcd"] == [False, True, True, True]
    none = closed_forms.Case("", (), "", {"a": 2.0, "b": "constant", "c": "fails"})
    assert [none.wrong(name) for name in "abc"] == [True, False, True]
    lines = closed_forms.listed([right._replace(told=right.told | {"e": "not installed"})])
    assert lines[1].split() == ["2", "1.5!", "constant!", "fails!", "-", "b,", "c,", "d"]


@pytest.mark.parametrize("right", [True, False])
def test_errors_by_their_definition_are_ours(right: bool) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        confidences = [Fraction(int(k), 20) for k in rng.integers(3, 21, 12)]
        hits = [bool(v) for v in rng.random(12) < 0.5]
        p, y = closed_forms.rows_of(confidences, hits)
        floats = [Fraction(v) for v in p[:, 0].tolist()]
        found = xn.cooling.expected_calibration_error(p, y, bins=10, closed="right" if right else "left")
        assert found == closed_forms.true_error(floats, hits, 10, right=right)


@pytest.mark.slow
def test_acasxu_on_a_small_network(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    (tmp_path / "acasxu").mkdir()
    xn.save(xn.mlp(copies.layers_of(copies.dense((5, 4, 4, 5)))), tmp_path / "acasxu" / "net.onnx")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "acasxu", "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "net, float16, within 1: proved" in done.stdout
    assert "net, perturbed 0.08, within 1/20: refuted" in done.stdout
    assert done.stdout.count("checked by plain Python") == 2
    assert "open after 10 s: nothing." in done.stdout


@pytest.mark.slow
def test_they_run() -> None:
    jobs = ["equality", "evaluation", "regions", "rational", "activations", "tropical", "growth", "small_pairs"]
    jobs += ["calibration", "closed_forms", "cooling_overhead"]
    jobs += ["fibre"] if importlib.util.find_spec("onnx") else []  # it loads an ONNX file
    command = [sys.executable, "-m", "benchmarks", "--quick", *(part for job in jobs for part in ("--only", job))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("times faster") >= 3
    assert "accuracy-1" in done.stdout
    assert "exactnn 0 of 400" in done.stdout
    assert "Peak memory" in done.stdout
    assert "kept for backward" in done.stdout
    assert "vmap(jacrev)" in done.stdout
    assert "0 disagreements" in done.stdout
    assert done.stdout.count("with Cooling / without") == 6
    assert "half-width 0.1: 1 proved" in done.stdout
    assert ("single orbit: digits 64-32-10" in done.stdout) == ("fibre" in jobs)


@pytest.mark.parametrize(("inputs", "width", "depth"), [(2, 8, 2), (3, 16, 3), (2, 8, 4)])
def test_pairs_of_the_map_are_equal(inputs: int, width: int, depth: int) -> None:
    rng = np.random.default_rng(width)
    for _, f, g in equality_map.pairs(inputs, width, depth):
        first, second, near = xn.mlp(f), xn.mlp(g), xn.mlp(equality_map.moved(g))
        for row in rng.integers(-99, 99, (8, inputs)).tolist():
            x = [Fraction(v, 16) for v in row]
            assert first(x) == second(x)
            assert first(x) != near(x)


def test_the_map_goes_on_from_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "new" / "map.jsonl"
    call = ["map", "--limit", "20", "--near", "--inputs", "2", "--widths", "8", "--results", str(results)]
    monkeypatch.setattr("sys.argv", [*call, "--depths", "2"])
    assert equality_map.main() == 0
    first = capsys.readouterr().out
    assert first.startswith(f"2 pairs, 0 of them finished in {results}; 4 questions of at most 20 s: at most 80.0 s")
    lines = results.read_text().splitlines()
    assert len(lines) == 4
    results.write_text("\n".join(lines[:3]) + "\n")
    monkeypatch.setattr("sys.argv", [*call, "--depths", "2"])
    assert equality_map.main() == 0
    second = capsys.readouterr().out
    assert second.startswith(f"2 pairs, 1 of them finished in {results}; 1 question of at most 20 s")
    assert len(results.read_text().splitlines()) == 4
    assert "proved" in second
    assert "refuted" in second
    monkeypatch.setattr("sys.argv", [*call, "--depths", "2", "--limit", "21"])
    monkeypatch.setattr(equality_map, "answered", lambda *_: {"answer": "asked again", "seconds": 0.5})
    assert equality_map.main() == 0
    assert capsys.readouterr().out.count("asked again") == 8


def test_a_wrong_answer_stops_the_map() -> None:
    pair = next(equality_map.pairs(2, 8, 2))
    wrong = equality_map.Pair(pair.name, pair.f, equality_map.moved(pair.g))
    with pytest.raises(AssertionError, match="which is wrong"):
        equality_map.answered(wrong, "exactnn", 20)
