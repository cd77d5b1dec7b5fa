"""What is recorded while tests run, and how it is put to the verified checker. The whole comparison is `make agreement`."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest

import exactnn as xn
from exactnn.certificate import Rejected, check
from tests.certificate._build import rehash
from tests.certificate._cases import CASES
from tests.proofs import _recorder
from tests.proofs._rocq import compiled
from tests.proofs.agreement import Case, Comparison, changed, compare, recorded

F = xn.mlp([([[1, "-1/2"], [0, 300]], [0, "1/3"]), ([[1, 1]], [0])])


def test_what_is_checked_is_recorded_once_with_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_recorder.VARIABLE, str(tmp_path))
    answer = xn.verify_equal(F, xn.symmetry.Permutation(0, [1, 0]).apply(F))
    assert answer.certificate is not None
    document = answer.certificate.document
    wrong = copy.deepcopy(document)
    wrong["models"]["g"]["inline"]["nodes"][1]["weight"]["numerators"][0] += 1
    assert check(document)
    assert check(document)
    with pytest.raises(Rejected):
        check(rehash(wrong))
    accepted, rejected = recorded(tmp_path)
    assert accepted == Case({**document, "about": {}}, None)
    assert rejected is not None
    assert rejected.document["models"] == wrong["models"]
    assert rejected.rejected


def test_changed_certificates_have_the_answer_of_the_checker() -> None:
    found = list(changed(Case(CASES["chord"], None), 20))
    assert len(found) >= 15
    for case in found:
        if case.rejected is None:
            assert check(case.document)
            continue
        with pytest.raises(Rejected) as rejected:
            check(case.document)
        assert [rejected.value.step, rejected.value.reason] == case.rejected


@pytest.mark.slow
def test_the_certificates_written_by_hand_agree(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    program = compiled(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "build" / "check"
    if not program.exists():
        pytest.skip("OCaml (ocamlfind ocamlopt) is not installed: the verified checker is not built as a program")
    found = Comparison(program, tmp_path / "c.v")
    for document in CASES.values():
        for case in (Case(document, None), *changed(Case(document, None), 10)):
            found.add(case)
    assert found.wrong == []
    assert found.counts["accepted by Python, accepted by Rocq"] >= 38
    assert found.counts["rejected by Python, rejected by Rocq"] >= 20
    assert compare(program, tmp_path).counts.total() == 0  # nothing was recorded there
