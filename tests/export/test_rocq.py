"""Certificates as files for Rocq: what they say, and what is refused. Whether Rocq believes them is tested in tests/proofs."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

import exactnn as xn
from exactnn.certificate import examine
from exactnn.cli import main
from exactnn.errors import SaveError
from exactnn.exact.array import RationalArray
from exactnn.export.rocq import save_rocq
from exactnn.network import Add, AveragePool, Builder, Constant, Conv, Input, MaxPool, clip, relu
from tests._schema import problems

F = xn.mlp([([[1, "-1/2"], [0, 300], [-1, -1]], [0, 0, "1/3"]), ([[1, 1, 1]], [0])])
COPY = xn.symmetry.Permutation(0, [2, 0, 1]).apply(F)
MOVED = xn.mlp([([[1, "-1/2"], [0, 300], [-1, -1]], [0, 0, "1/3"]), ([[1, 1, 1]], ["1/7"])])
BOX = xn.Box([0, 0], [1, 1])


def theorem(answer: xn.Verdict, folder: Path) -> str:
    """The file for the certificate of a verdict."""
    assert answer.certificate is not None
    path, target = folder / "c.json.gz", folder / "out.v"
    answer.certificate.save(path)
    save_rocq(path, examine(str(path), [], None), target)
    return target.read_text()


def test_the_theorem_is_about_these_weights(tmp_path: Path) -> None:
    text = theorem(xn.verify_equal(F, COPY), tmp_path)
    assert (
        "Definition f : network := [:: affine 6 [:: [:: 0; 6; -3]; [:: 0; 0; 0x708]; [:: 2; -6; -6]]; relu; affine 1 [:: [:: 0; 1; 1; 1]]]."
        in text
    )
    assert "Theorem f_equals_g (R : realFieldType) (x : seq R) : size x = 2%N -> run f x = run g x." in text
    assert xn.verify_equal(F, COPY).certificate.document["models"]["f"]["sha256"] in text  # type: ignore[union-attr]


def test_the_theorem_names_tolerance_and_domain(tmp_path: Path) -> None:
    text = theorem(xn.verify_equal(F, MOVED, domain=BOX, tolerance="1/5"), tmp_path)
    assert "f_is_near_g" in text
    assert "<= zr R 1%Z / zr R 5%Z" in text
    assert "nonnegative 1 [:: (0, -1)]" in text  # 0 <= 1 - x_0
    assert "nonnegative 0 [:: (1, 1)]" in text
    assert "(intervals 0x" in text


def test_neurons_at_another_scale_are_written_with_their_factors(tmp_path: Path) -> None:
    text = theorem(xn.verify_equal(F, SCALED, domain=BOX, tolerance="1/5"), tmp_path)
    assert "g : network := [:: affine 6 [:: [:: 0; 0xc; -6]; [:: 0; 0; 0x1518]; [:: 0xa; -0x1e; -0x1e]]; relu;" in text  # as it stands
    assert "rescaled [:: (scale 6 0x1e [:: 0xf; 0xa; 6])" in text  # 1/2, 1/3, 1/5


def test_a_network_that_is_nearly_zero_needs_no_second_one(tmp_path: Path) -> None:
    text = theorem(xn.verify_zero(F, domain=BOX, tolerance=400), tmp_path)
    assert "Definition g : network := [:: affine 1 [:: [:: 0; 0; 0]]]." in text
    assert "(apart 0x" in text


def test_a_convolution_is_written_as_one(tmp_path: Path) -> None:
    text = theorem(xn.verify_equal(image(), image()), tmp_path)
    assert "conv 2 1 1 [:: (axis_of 3 2 1 1 1 3)] [:: (kernel 0 [:: 6; 1; 4])]" in text


def test_a_refutation_names_the_point(tmp_path: Path) -> None:
    answer = xn.verify_equal(F, MOVED, domain=BOX)
    assert answer.counterexample is not None
    text = theorem(answer, tmp_path)
    assert "f_and_g_differ" in text
    common = max(v.denominator for v in answer.counterexample)
    assert f"at_point {common} " in text or f"at_point {hex(common)} " in text


def image(padding: int = 1, count: bool = True) -> xn.Network:
    """A convolution with the kernel (1/2, 2) and the bias 3, a relu and means."""
    net = Builder()
    net.add("x", Input((1, 3)))
    net.add("c", Conv(RationalArray.of([[["1/2", 2]]]), RationalArray.of([3]), (1,), ((1, 0),), (1,), 1), "x")
    net.add("r", relu(), "c")
    net.add("m", AveragePool((2,), (1,), ((padding, 0),), count), "r")
    return net.build(["x"], ["m"])


def shifted() -> xn.Network:
    """A constant is added."""
    net = Builder()
    net.add("x", Input((1,)))
    net.add("o", Constant(RationalArray.of([2])))
    net.add("s", Add(), "x", "o")
    net.add("r", relu(), "s")
    return net.build(["x"], ["r"])


SMOOTH = xn.mlp([([[1]], [0]), ([[1]], [0])], activation="tanh")
SCALED = xn.symmetry.Scaling(0, [2, 3, 5]).apply(MOVED)
FOLDED = xn.mlp([([[1, "-1/2"], [0, 300], [-1, -1]], [0, 5, "1/3"]), ([[1, 1, 1]], [0])], activation="abs")
FOLDED_MOVED = xn.mlp([([[1, "-1/2"], [0, 300], [-1, -1]], [0, 5, "1/3"]), ([[1, 1, 1]], ["1/7"])], activation="abs")
TAIL = xn.mlp([([[1, "-1/2"], [0, 300], [-1, -1]], [0, 0, "1/3"]), ([[1, 1, 1], [1, 1, 1]], [0, 0]), ([[1, 0]], [0])])
OTHER_TAIL = xn.mlp([([[1, "-1/2"], [0, 300], [-1, -1]], [0, 0, "1/3"]), ([[1, 1, 1]], [0]), ([[1]], [0])])
REFUSED = {
    "neurons with another sign": (
        lambda: xn.verify_equal(FOLDED, xn.symmetry.Flip([1]).apply(FOLDED_MOVED), domain=BOX, tolerance="1/5"),
        "neurons that are matched by a flip are not written for Rocq",
    ),
    "what is left without common parts": (
        lambda: xn.verify_equal(TAIL, OTHER_TAIL),
        "a proof about what is left of two networks without their common parts is not written for Rocq",
    ),
    "another question": (lambda: xn.verify_same_decision(F, F, domain=BOX), "not about 'same_decision'"),
    "means of fewer entries at the edges": (
        lambda: xn.verify_equal(image(count=False), image(count=False)),
        "takes means of fewer entries at the edges, which is not written for Rocq",
    ),
    "a smooth activation": (lambda: xn.verify_equal(SMOOTH, SMOOTH), "(smooth, 1 entries) is not written for Rocq"),
    "a constant": (lambda: xn.verify_equal(shifted(), shifted()), "node 'o' is a constant or reads one, which is not written for Rocq"),
    "intervals on all of space": (
        lambda: xn.verify_equal(F, MOVED, domain=xn.Polyhedron([[1, 0]], [0]), tolerance="1/5"),
        "intervals are written for Rocq where each input is bounded by rows of its own",
    ),
    "a domain of lower dimension": (
        lambda: xn.verify_equal(F, COPY, domain=xn.Polyhedron([[1, 0], [-1, 0]], [0, 0])),
        "a domain of lower dimension is not written for Rocq",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written_is_refused(case: str, tmp_path: Path) -> None:
    make, reason = REFUSED[case]
    with pytest.raises(SaveError, match=re.escape(reason)):
        theorem(make(), tmp_path)
    assert not (tmp_path / "out.v").exists()


def test_a_network_that_is_no_chain_is_written_in_pieces(tmp_path: Path) -> None:
    twice = Builder()
    twice.add("x", Input((1, 4)))
    twice.add("r", clip(0, 6), "x")
    twice.add("y", Add(), "x", "r")
    twice.add("m", MaxPool((2,), (2,), ((0, 0),), (1,)), "y")
    twice.add("s", relu(), "m")
    net = twice.build(["x"], ["s"])
    text = theorem(xn.verify_equal(net, net), tmp_path)
    assert (
        "Definition f : network := graph_of 4 [:: (piece [:: 0] [:: bent 1 0 0 [:: (0, 1); (6, -1)]]); (piece [:: 0; 1] [:: sum_of 4]);"
        in text
    )
    assert "(piece [:: 2] (pool 1 [:: (axis_of 4 2 2 0 1 2)])); (piece [:: 3] [:: relu])]." in text.replace("\n", " ")


def test_a_tolerance_of_any_length_is_written(tmp_path: Path) -> None:
    tolerance = 400 * 10**5000
    text = theorem(xn.verify_equal(F, MOVED, domain=BOX, tolerance=tolerance), tmp_path)
    assert f"<= zr R {hex(tolerance)}%Z / zr R 1%Z" in text


def test_the_command_line_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    answer = xn.verify_equal(F, COPY)
    assert answer.certificate is not None
    answer.certificate.save("c.json")
    assert main(["check", "c.json", "--to-rocq", "out.v"]) == 0
    assert "theorem: out.v" in capsys.readouterr().out
    assert "Theorem f_equals_g" in (tmp_path / "out.v").read_text()
    assert main(["check", "c.json", "--to-rocq", "other.v", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert problems(document) == []
    assert document["theorem"] == str(tmp_path / "other.v")
    assert main(["check", "c.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["theorem"] is None
    for name in ("half-precision.v", "out.txt", "2out.v", "out", "out.v.v"):  # coqc takes none of them
        assert main(["check", "c.json", "--to-rocq", name]) == 2
        assert "--to-rocq: a file that coqc can compile is needed" in capsys.readouterr().err
        assert not (tmp_path / name).exists()
    assert main(["check", "c.json", "--to-rocq", "missing/out.v"]) == 2
    assert "--to-rocq: a file in an existing folder is needed" in capsys.readouterr().err
    assert main(["check", "c.json", "--to-rocq", "c.json"]) == 2
    assert "names" not in capsys.readouterr().out
    assert main(["check", "c.json"]) == 0


def test_a_rejected_certificate_becomes_no_theorem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = xn.verify_equal(F, MOVED, domain=BOX)
    assert answer.certificate is not None
    document = copy.deepcopy(answer.certificate.document)
    document["evidence"]["f"] = ["1/9"]
    path = tmp_path / "c.json"
    path.write_text(json.dumps(document))
    assert main(["check", str(path), "--to-rocq", str(tmp_path / "out.v")]) == 4
    assert capsys.readouterr().out.startswith("REJECTED")
    assert not (tmp_path / "out.v").exists()
