"""The checker's budget: where it ends nothing is rejected, more of it can be given, and a step that fails is still a rejection."""

from __future__ import annotations

import gc
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import exactnn as xn
import exactnn.certificate
from exactnn.certificate import BudgetExceeded, Rejected, _budget, _tree, check
from exactnn.certificate._budget import ROOM, WORK, allow, charge, hold, opened, released
from exactnn.certificate._command import main as alone
from exactnn.certificate._written import written
from exactnn.claims import accepted
from exactnn.cli import main
from exactnn.errors import ArgumentError, CertificateRejected, CheckBudgetExceeded, ExactnnError
from tests._schema import problems
from tests.certificate._account import watched
from tests.certificate._build import box, certificate, forms, mlp, network, node
from tests.certificate._trees import by_tree

FOLDER = Path(exactnn.certificate.__file__).parent
TENT = {"slope": 2, "constant": 0, "kinks": [["1/2", -4]]}


def tents(count: int) -> Any:
    """2^count pieces on [0, 1]."""
    nodes = [node("x", "input", shape=[1])]
    for k in range(count):
        nodes.append(node(f"t{k}", "piecewise_linear", nodes[-1]["name"], **TENT))
    return network(nodes)


def flat(count: int, odd: int = 0) -> Any:
    """The same function as one unit, so that each piece is a cell; `odd` is added."""
    pieces = 2**count
    kinks = [[f"{k}/{pieces}", (-2 if k % 2 else 2) * pieces] for k in range(1, pieces)]
    return network([node("x", "input", shape=[1]), node("y", "piecewise_linear", "x", slope=pieces, constant=odd, kinks=kinks)])


POOR = 300_000  # a third of what the long certificate takes
LONG = by_tree(tents(6), flat(6), box((0, 1)))


@pytest.fixture
def poor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget that the long certificate uses up."""
    monkeypatch.setattr(_budget, "WORK", (POOR, 0))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "long.json"
    path.write_text(json.dumps(LONG), encoding="utf-8")
    return path


def test_the_errors_are_no_rejections() -> None:
    assert not issubclass(BudgetExceeded, Rejected)
    assert issubclass(CheckBudgetExceeded, ExactnnError)
    assert not issubclass(CheckBudgetExceeded, CertificateRejected)


@pytest.mark.usefixtures("poor")
def test_the_message_names_step_and_limit() -> None:
    with pytest.raises(CheckBudgetExceeded, match=r"not decided at tree: node") as caught:
        xn.check(LONG)
    assert caught.value.step.startswith("tree: ")
    assert f"more than {POOR} operations" in caught.value.reason
    assert "budget=10" in str(caught.value)


@pytest.mark.usefixtures("poor")
def test_more_can_be_given(saved: Path) -> None:
    assert xn.check(LONG, budget=10)
    assert xn.check(saved, budget=10)
    with pytest.raises(CheckBudgetExceeded):
        xn.check(saved)  # the larger one was for that call only


@pytest.mark.parametrize("budget", [0, -1, True, 1.5, "10", None])
def test_what_is_no_budget(budget: Any) -> None:
    with pytest.raises(ArgumentError, match="budget: a whole number >= 1"):
        xn.check(LONG, budget=budget)
    with pytest.raises(ValueError, match="budget"):
        check(LONG, budget=budget)


@pytest.mark.usefixtures("poor")
def test_a_step_that_fails_first_is_a_rejection() -> None:
    other = certificate("equal", "proved", (tents(6), flat(6, 1)), LONG["evidence"], domain=box((0, 1)))  # they differ on the first cell
    with pytest.raises(CertificateRejected):
        xn.check(other, budget=10)
    document = {**LONG, "evidence": {**LONG["evidence"], "more": 1}}
    with pytest.raises(CertificateRejected, match="unknown key"):
        xn.check(document)


def test_engines_do_not_take_it_for_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    net = xn.mlp([([[1], [1], [-1]], [0, -1, 0]), ([[1, 2, 3]], [0])])
    written = xn.verify_equal(net, net, domain=xn.Box(0, 1)).certificate
    assert accepted(written)
    monkeypatch.setattr(_budget, "WORK", (5, 0))
    assert not accepted(written)


def test_an_absurdly_deep_document_is_not_decided(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(CheckBudgetExceeded, match="too deep"):
        xn.check(path)


@pytest.mark.parametrize("error", [MemoryError, RecursionError, OverflowError])
def test_no_memory_left(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def full(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(_tree, "check_tree", full)
    with pytest.raises(CheckBudgetExceeded, match=f"too deep or too large for this checker \\({error.__name__}\\)"):
        xn.check(LONG)


def test_a_model_of_too_many_entries_is_not_decided() -> None:
    wide = network([node("x", "input", shape=[2**13]), node("c", "reshape", "x", shape=[2**13, 1]), node("s", "add", "x", "c")])
    with pytest.raises(CheckBudgetExceeded, match="model f: node s: more than"):
        xn.check(certificate("equal", "proved", (wide, wide), forms({}, {})))


def test_a_wrong_size_in_a_certificate_is_a_rejection() -> None:
    """A size that was changed does not fit to the numbers that are there, or to the hash, however large it is."""
    net = mlp(([[1]], [0]))
    for path in (("models", "f", "inline", "nodes", 0, "shape", 0), ("claim", "domain", "A", "shape", 0)):
        document = json.loads(json.dumps(certificate("equal", "proved", (net, net), forms({}, {}), domain=box((0, 1)))))
        place = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = 10**12
        with pytest.raises(CertificateRejected):
            xn.check(document)


def test_one_account_pays_for_everything() -> None:
    with watched(3) as account:
        charge(5, "here")
        hold(7, "here")
        with released():
            hold(4, "here")
        charge(6, "there")
        assert (account.work, account.held, account.most) == (11, 7, 11)
        with opened() as inner:
            assert inner is not account
            charge(1, "here")
        assert account.work == 11


@pytest.mark.parametrize(("spend", "limit"), [(charge, WORK), (hold, ROOM)])
def test_what_may_be_spent_is_proportional_to_what_was_read(spend: Any, limit: tuple[int, int]) -> None:
    base, each = limit
    spend(10**30, "outside")  # engines read their own networks
    with opened(2):
        spend(2 * base, "here")
        with pytest.raises(BudgetExceeded, match=f"here: more than {2 * base} "):
            spend(1, "here")
    with opened(2):
        allow(3)
        spend(2 * base + 6 * each, "here")
        with pytest.raises(BudgetExceeded, match=f"here: more than {2 * (base + 3 * each)} "):
            spend(1, "here")


def test_bytes_of_a_certificate_that_is_no_file(saved: Path) -> None:
    assert 0.9 < written(LONG) / saved.stat().st_size < 1.1
    assert written([1.5, None, True, (1,), {3: 4}]) > 0


# --- the command lines -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("poor")
def test_exactnn_check(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(saved)]) == 3
    out = capsys.readouterr().out
    assert out.startswith("NOT DECIDED: tree: ")
    assert "--budget 10" in out
    assert main(["check", str(saved), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["step"][:4]) == ("not decided", "tree")
    assert problems(found) == []
    assert main(["check", str(saved), "--quiet", "--budget", "10"]) == 0
    assert capsys.readouterr().out.startswith("ACCEPTED")
    assert main(["check", str(saved), "--budget", "0"]) == 2
    assert "--budget: a whole number >= 1" in capsys.readouterr().err


@pytest.mark.usefixtures("poor")
def test_the_checker_alone(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert alone([str(saved)]) == 3
    out = capsys.readouterr().out
    assert out.startswith("NOT DECIDED: tree: ")
    assert "--budget 10" in out
    assert alone([str(saved), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["verdict"] == "not decided"
    assert alone([str(saved), "--budget", "10"]) == 0
    assert capsys.readouterr().out.startswith("accepted")
    assert alone([str(saved), "--budget", "9" * 30]) == 0
    for wrong in ("0", "-1", "1.5", "x", "٣", "9" * 5000):
        with pytest.raises(SystemExit) as caught:
            alone([str(saved), "--budget", wrong])
        assert caught.value.code == 2


def test_a_copy_of_the_folder(tmp_path: Path) -> None:
    copy = tmp_path / "anywhere"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copy / "_budget.py").read_text(encoding="utf-8")
    (copy / "_budget.py").write_text(re.sub(r"^WORK = .*", f"WORK = {POOR}, 0", text, flags=re.MULTILINE), encoding="utf-8")
    path = tmp_path / "long.json"
    path.write_text(json.dumps(LONG), encoding="utf-8")
    for more, code, said in ([], 3, "NOT DECIDED: tree: "), (["--budget", "1000"], 0, "accepted: "):
        run = subprocess.run([sys.executable, "-I", "-S", copy, path, *more], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (code, "")
        assert run.stdout.startswith(said)


@pytest.mark.parametrize("method", ["pass", "tree"])
def test_kinks_whose_sizes_have_no_common_denominator(method: str) -> None:
    """Numbers over the common denominator are as long as all of them: 3,000 kinks would take minutes, more of them all the memory."""
    kinks = [[k, f"1/{3**40 + 2 * k}"] for k in range(3000)]
    f = network([node("x", "input", shape=[1]), node("r", "piecewise_linear", "x", slope=0, constant=0, kinks=kinks)])
    evidence = {"method": "pass", "bits": 16} if method == "pass" else {"method": "tree", "hull": None, "tree": [["leaf", [], None]]}
    with pytest.raises(BudgetExceeded, match=r"too large for this checker"):
        check(certificate("zero", "proved", [f], evidence, box((0, 3000))))


def test_a_run_over_kinks_whose_sizes_have_no_common_denominator() -> None:
    """The rules of a run are fractions, a few for each kink."""
    kinks = [[k, f"1/{3**40 + 2 * k}"] for k in range(800)]
    f = network([node("x", "input", shape=[1]), node("r", "piecewise_linear", "x", slope=0, constant=0, kinks=kinks)])
    more = {"dtype": "float32", "accumulation": None, "bounds": [1]}
    document = certificate("execution_error", "proved", [f], {"method": "rounding", "bits": 16}, box((0, 800)), **more)
    del document["claim"]["tolerance"]
    with pytest.raises(BudgetExceeded, match=r"rounding: node r: .*too large for this checker"):
        check(document)


@pytest.mark.parametrize("collecting", [True, False])
def test_garbage_is_collected_as_before(collecting: bool) -> None:
    before, threshold = gc.isenabled(), gc.get_threshold()
    try:
        (gc.enable if collecting else gc.disable)()
        with opened():
            assert not (gc.isenabled() and gc.get_threshold()[0])
        assert (gc.isenabled(), gc.get_threshold()) == (collecting, threshold)
        with pytest.raises(ZeroDivisionError), opened():
            1 / 0  # noqa: B018
        assert (gc.isenabled(), gc.get_threshold()) == (collecting, threshold)
    finally:
        (gc.enable if before else gc.disable)()
