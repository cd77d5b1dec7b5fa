"""The example that audits passes: planted models are read as runtimes run them, outcomes are told apart, results are kept and resumed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
if any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime")):
    pytest.skip("needs the extra onnx", allow_module_level=True)

sys.path.insert(0, str(ROOT / "examples"))
import onnx  # noqa: E402
from audits import judge, means, planted, planted_torch, report, runtime  # noqa: E402
from audits import run as program  # noqa: E402
from onnx import numpy_helper  # noqa: E402

PLANTED = planted.planted()
BUDGET = judge.Budget(examples=2, bound=2, shrink=1)
GEMM = planted.model("y = Gemm(x, w, b)", "N,2", "N,1", "float[2,1] w = {1, -2}, float[1] b = {3}")


@pytest.fixture(autouse=True)
def _certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACTNN_CERTIFICATES", str(tmp_path / "certificates"))  # and not beside this file


# --- models and runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in PLANTED if name != "large sums"])  # whose run rounds
def test_planted_models_are_read_as_onnxruntime_runs_them(name: str) -> None:
    net = means.loaded(PLANTED[name])
    numbers = np.random.default_rng(len(name)).integers(-8, 9, net.input_dim)
    point = [Fraction(int(n), 4) for n in numbers]
    exact = [float(q) for q in net(point)]
    shape = [axis.dim_value or 1 for axis in PLANTED[name].graph.input[0].type.tensor_type.shape.dim]
    rows = math.prod(shape) // net.input_dim  # of a model of several points, which is read for one of them
    assert runtime.run(PLANTED[name], point * rows) == pytest.approx(exact * rows, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", planted_torch.MODELS)
@pytest.mark.slow
def test_planted_modules_are_read_as_torch_runs_them(name: str) -> None:
    module = planted_torch.planted("float64")[name]
    net = means.read(module)
    point = [Fraction(int(n), 4) for n in np.random.default_rng(0).integers(-8, 9, net.input_dim)]
    assert runtime.run(module, point) == pytest.approx([float(q) for q in net(point)], rel=1e-9, abs=1e-9)


def test_what_does_not_run_is_said() -> None:
    broken = planted.model("y = Reshape(x, s)", "1,2", "1,2", "int64[2] s = {1, 2}")
    broken.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array([1, 3]), "s"))
    with pytest.raises(runtime.NotRun, match="Reshape"):
        runtime.run(broken, Fraction(1))


# --- outcomes ----------------------------------------------------------------------------------------------------------------


def changed_weight(model: Any, factor: float) -> Any:
    tensor = model.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))
    return model


def tried(transformation: Any, model: Any = GEMM) -> judge.Trial:
    return judge.tried(transformation, "a model", model, BUDGET, inplace=True)


def test_kept() -> None:
    assert tried(lambda model: model).outcome == "kept"


def test_rounding_has_its_bound() -> None:
    """Weights 1 and -2, each times 1 + 2^-23: the largest change on [-1, 1]^2 is 3 2^-23."""
    trial = tried(lambda model: changed_weight(model, 1 + 2**-23))
    assert trial.outcome == "rounding"
    assert 0 <= Fraction(str(trial.bound)) - Fraction(3, 2**23) < Fraction(1, 10**8)


def test_a_change_is_confirmed_by_runs() -> None:
    trial = tried(lambda model: changed_weight(model, 2))
    assert trial.outcome == "changed"
    x = [Fraction(q) for q in trial.point]
    f, g = ([Fraction(q) for q in side] for side in trial.exact)
    assert f != g
    assert trial.run == [[float(f[0])], [float(g[0])]]
    assert all(abs(q) <= 1 for q in x)
    assert trial.deviation is not None
    assert "f = " in trial.report


def test_a_pass_that_raises_says_why() -> None:
    def fails(model: Any) -> Any:
        try:
            raise KeyError("the reason")
        except KeyError as error:
            raise RuntimeError("it failed") from error

    trial = tried(fails)
    assert trial.outcome == "failed"
    assert "RuntimeError: it failed" in trial.reason
    assert "KeyError: 'the reason'" in trial.reason


def test_a_result_that_does_not_run_is_a_failure_of_the_pass() -> None:
    def other_shape(model: Any) -> Any:
        return changed_shape(model, [1, 3])

    def changed_shape(model: Any, shape: list[int]) -> Any:
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array(shape), "s"))
        return model

    model = planted.model("y = Reshape(x, s)", "1,2", "1,2", "int64[2] s = {1, 2}")
    trial = tried(other_shape, model)
    assert trial.outcome == "failed"
    assert "does not run" in trial.reason
    turned = tried(lambda m: changed_shape(m, [2, 1]), model)  # runs, but its output has other axes
    assert turned.outcome == "changed"
    assert "(1, 2)" in turned.reason
    assert "(2, 1)" in turned.reason


def test_a_result_that_cannot_be_read_is_compared_by_runs() -> None:
    """A clip whose ends cross: onnxruntime gives the upper end, exactnn refuses it."""
    before = planted.model("y = Clip(x, l, h)", "N,2", "N,2", "float l = {-1}, float h = {2}")

    def crossed(model: Any) -> Any:
        model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.float32(-3), "h"))
        return model

    trial = tried(crossed, before)
    assert trial.outcome == "changed"
    assert trial.run == [[1, 1], [-3, -3]]
    assert "min <= max" in trial.reason
    same = planted.model("y = Clip(x, l, h)", "N,2", "N,2", "float l = {1}, float h = {-3}")
    assert tried(lambda model: model, same).outcome == "refused"


def test_drawn_models_whose_images_cannot_be_read_are_made_smaller_by_runs() -> None:
    """Each value is rounded to a whole number on the way: a step function, which exactnn refuses."""

    def rounded(model: Any) -> Any:
        made = onnx.ModelProto()
        made.CopyFrom(model)
        name = made.graph.output[0].name
        for node in made.graph.node:
            for i, output in enumerate(node.output):
                if output == name:
                    node.output[i] = "before"
        made.graph.node.append(onnx.helper.make_node("Round", ["before"], [name]))
        return made

    given = judge.testing.onnx_models(networks=judge.testing.networks(depth=1, weights=["0", "1", "1/2", "3/8"]))
    trial = judge.tried(rounded, "drawn models", given, judge.Budget(examples=20, bound=2, shrink=5))
    assert trial.outcome == "changed"
    assert "not continuous" in trial.reason
    assert trial.deviation is None
    net = eval(trial.report.removeprefix("f = "), {"xn": judge.xn})  # noqa: S307 - our own
    point = [Fraction(q) for q in trial.point]
    assert [str(q) for q in net(point)] == trial.exact[0]
    assert [Fraction(q) for q in trial.exact[1]] == [round(q) for q in net(point)]
    assert net.operation("layer1").bias.shape[0] <= 2
    kept = judge.tried(lambda model: model, "drawn models", given, BUDGET)
    assert kept.outcome == "kept"


# --- rows, and the driver ----------------------------------------------------------------------------------------------------


def test_every_row_has_a_title_and_can_be_imported_without_running() -> None:
    assert len(program.ROWS) >= 40
    titles = {}
    for name in program.ROWS:
        text = (program.FOLDER / "rows" / f"{name}.py").read_text(encoding="utf-8")
        assert text.startswith('"""'), name
        assert '\nif __name__ == "__main__":\n' in text, name
        titles[name] = text.splitlines()[0]
        assert titles[name].endswith('."""'), name
        assert len(text.splitlines()) <= 25, name
    assert len(set(titles.values())) == len(titles)


def driven(out: Path, *only: str) -> int:
    return program.main(["--quick", "--out", str(out), "--limit", "200", "--only", *only])


def result(out: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audits")
    assert driven(folder, "exactnn_save", "onnxruntime_basic", "onnxsim_default") == 0
    return folder


def test_quick_rows(out: Path) -> None:
    kept = result(out, "exactnn_save")
    assert {t["outcome"] for t in kept["trials"]} == {"kept"}
    assert len(kept["trials"]) > 20
    basic = result(out, "onnxruntime_basic")
    assert {t["outcome"] for t in basic["trials"]} <= {"kept", "rounding"}
    assert basic["packages"]["onnxruntime"] == importlib.metadata.version("onnxruntime")


def test_a_library_that_is_missing_is_said(out: Path) -> None:
    text = (out / "report.md").read_text(encoding="utf-8")
    if importlib.util.find_spec("onnxsim") is None:
        assert "onnxsim is not installed" in result(out, "onnxsim_default")["missing"]
        assert "- Left out, onnxsim is not installed" in text
        assert "onnxsim, as it comes." in text
    else:
        assert "trials" in result(out, "onnxsim_default")
    assert "onnxruntime, the model saved at the level basic" in text


def test_finished_rows_are_kept_and_damaged_ones_run_again(out: Path) -> None:
    kept, damaged = out / "exactnn_save.json", out / "onnxsim_default.json"
    before = kept.stat().st_mtime_ns
    damaged.write_text('{"name": "onnxsim_de', encoding="utf-8")
    assert driven(out, "exactnn_save", "onnxsim_default") == 0
    assert kept.stat().st_mtime_ns == before
    assert result(out, "onnxsim_default")["finished"] is True


def test_a_report_runs_nothing(out: Path) -> None:
    before = sorted(path.name for path in out.iterdir())
    arguments = ["--quick", "--out", str(out), "--report", "--only", "exactnn_save", "torch_export"]
    assert program.main(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == before
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "Kept exactly, all of them (drawn + planted ones): exactnn itself, loaded and saved again as float32 (4 + " in text
    assert "- Left out, not run for this report: torch.export, saved and loaded again." in text


def test_a_result_of_another_state_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"finished": True, "state": "now"}), encoding="utf-8")
    assert program.finished(path, "now") is not None
    assert program.finished(path, "later") is None
    path.write_text(json.dumps({"finished": False, "state": "now"}), encoding="utf-8")
    assert program.finished(path, "now") is None
    path.write_text("[]", encoding="utf-8")
    assert program.finished(path, "now") is None
    quick, full = (program.fingerprint("exactnn_save", quick=q) for q in (True, False))
    assert quick != full != program.fingerprint("onnxruntime_basic", quick=False)


def test_bad_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--only", "nothing"]) == 2
    assert "no such row" in capsys.readouterr().err
    assert program.main(["--limit", "0", "--out", str(tmp_path)]) == 2
    assert program.main(["--page", str(tmp_path / "none.md")]) == 2
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    assert program.main(["--out", str(file / "x")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.slow
def test_stopped_rows_and_ctrl_c(tmp_path: Path) -> None:
    assert program.main(["--out", str(tmp_path), "--limit", "1", "--only", "torch_prune_permanent"]) == 0
    assert "not finished in 1 s" in result(tmp_path, "torch_prune_permanent")["broken"]
    command = [
        sys.executable,
        str(program.FOLDER / "run.py"),
        "--out",
        str(tmp_path / "b"),
        "--only",
        "exactnn_save",
        "torch_prune_permanent",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)
    time.sleep(12)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from there" in error


# --- the report --------------------------------------------------------------------------------------------------------------


def trial(model: str, outcome: str, **more: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(judge.Trial(model, outcome, **more))


RECORDED = [
    {
        "name": "a_pass",
        "title": "a pass",
        "packages": {"a": "1.0"},
        "lossy": False,
        "trials": [
            trial("drawn models", "rounding", examples=5, exactly=3, bound="1e-5"),
            trial("one", "kept"),
            trial("two", "rounding", bound="2.5e-8"),
            trial(
                "three", "changed", point=["1/2", "0"], exact=[["0", "1"], ["0", "-1/3"]], run=[[0, 1], [0, -0.333]], deviation=("4", "4.1")
            ),
            trial("four", "failed", reason="both raised RuntimeError: no"),
        ],
    },
    {
        "name": "lossy",
        "title": "a lossy pass",
        "packages": {},
        "lossy": True,
        "trials": [trial("drawn models", "refused", reason="what f returned cannot be read: x")],
    },
    {
        "name": "lossy_by_runs",
        "title": "a rounding one",
        "packages": {},
        "lossy": True,
        "trials": [trial("drawn models", "changed", point=["1"], exact=[["2"], ["5/2"]], run=[[2], [2.5]], report="f = xn.mlp(1)")],
    },
    {
        "name": "kept",
        "title": "a right pass",
        "packages": {},
        "lossy": False,
        "trials": [trial("drawn models", "kept", examples=7, exactly=7), trial("one", "kept")],
    },
    {"name": "missing", "title": "a missing pass", "packages": {}, "missing": "b is not installed"},
    {"name": "missing_too", "title": "another one", "packages": {}, "missing": "b is not installed"},
]


def test_tables() -> None:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in report.tables(RECORDED).splitlines() if line.startswith("|")]
    assert ["a pass", "3 of 5 kept, others <= 1e-5", "1", "1, <= 2.5e-8", "1", "1", "", ""] in lines
    assert ["three", "a_pass", "(1/2, 0)", "y1 = 1", "y1 = -1/3"] in lines
    assert ["a lossy pass", "1 refused", "the result cannot be read: x"] in lines
    assert ["a rounding one", "1 changed", "at x = (1) 2 became 5/2, when it is run; `f = xn.mlp(1)`"] in lines
    text = report.tables(RECORDED)
    assert "With a 1.0." in text
    assert "Kept exactly, all of them (drawn + planted ones): a right pass (7 + 1)." in text
    assert "- failed: raised RuntimeError: no (a_pass; four)" in text
    assert "- Left out, b is not installed: a missing pass; another one." in text


def test_reasons_name_no_places_of_this_run() -> None:
    assert (
        report.reason("what f returned cannot be read: /tmp/tmpx1/model.onnx: node 'y'")
        == "the result cannot be read: model.onnx: node 'y'"
    )
    assert report.reason("f raised RuntimeError: /a/b/ir.h:273: find") == "raised RuntimeError: ir.h:273: find"


def test_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    mark = f"<!-- {program.OWNER}: tables -->"
    page.write_text(f"before\n{mark}\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    arguments = ["--report", "--only", "exactnn_save", "--out", str(tmp_path / "out"), "--page", str(page)]
    for _ in range(2):
        assert program.main(arguments) == 0
        tables = (tmp_path / "out/report.md").read_text(encoding="utf-8").removeprefix("# Audits\n\n")
        assert page.read_text(encoding="utf-8") == f"before\n{mark}\n\n{tables}\n<!-- end -->\nafter\n"
    assert "not run for this report" in tables
    page.write_text("none", encoding="utf-8")
    assert program.main(arguments) == 2
    assert "there is no mark <!-- make audits: PART -->" in capsys.readouterr().err


def test_the_documentation_has_every_row() -> None:
    text = program.page.checked(ROOT / "docs/audits.md", {program.OWNER: ("tables",)})
    for name in program.ROWS:
        title = program.not_run(name)["title"]
        assert title in text, name
    assert onnx.__version__ in text
