"""The example about Cooling trains by every method, goes on where it stopped, and says of each claim what the numbers say."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests._studies import Pool, changed_config, idx, lines, quick_run

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "cooling"
if importlib.util.find_spec("sklearn") is None:
    pytest.skip("needs the extra examples", allow_module_level=True)

sys.path.insert(0, str(ROOT / "examples"))
from cooling import models, report, tasks, train  # noqa: E402
from cooling import run as program  # noqa: E402
from cooling.design import CLAIMS, Run, plan, read_config  # noqa: E402
from cooling.methods import METHODS, SCHEDULES  # noqa: E402
from study import program as study  # noqa: E402
from study.settings import Refused  # noqa: E402

CONFIG = read_config(EXAMPLE / "config.toml")
DATA = {"digits": "a", "shapes": "b"}
BASE = Run("digits", "mlp", "constant", 1.0, 3, 32, 0.0, 0.1, 0.9, 0.1, 200, 100, 200, 25, 8, "digits")


# --- from end to end -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a quick run, and what the run printed."""
    return quick_run(EXAMPLE, tmp_path_factory.mktemp("cooling"))


@pytest.mark.slow
def test_a_quick_run(quick: tuple[Path, str]) -> None:
    out, printed = quick
    kept = lines(out / "runs.jsonl")
    assert sorted(line["key"] for line in kept) == sorted(run.key for run in plan(CONFIG.quickened(), DATA))
    text = (out / "report.md").read_text(encoding="utf-8")
    for name in CLAIMS:
        assert re.search(rf"^  (held|failed)  *{name}: ", printed, re.MULTILINE)
        assert f"- **{name}: " in text
    assert "mean nothing" in text
    if importlib.util.find_spec("matplotlib") is not None:
        assert all((out / f"{name}.png").read_bytes()[:4] == b"\x89PNG" for name in ("calibration", "rates", "gradients", "temperatures"))


@pytest.mark.slow
def test_the_statistics(quick: tuple[Path, str]) -> None:
    """The means over the networks, anew from the lines of the runs."""
    out, printed = quick
    found: dict[tuple[str, str], dict[float, dict[int, dict[str, Any]]]] = {}
    for line in lines(out / "runs.jsonl"):
        s = line["settings"]
        found.setdefault((s["network"], s["method"]), {}).setdefault(s["rate"], {})[s["seed"]] = line
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in printed.splitlines() if row.startswith("|")][2:]
    assert [row[0] for row in rows] == list(CONFIG.methods)
    for row in rows:
        for column, measure in ((1, "error"), (2, "ece"), (3, "scaled_ece")):
            if row[0] == "cooling-equalise":
                continue
            totals = [0.0, 0.0]
            for network in ("mlp", "cnn", "resnet", "segmenter"):
                rates = found[network, row[0]]
                cost = {r: (sum(line["validation_error"] for line in by.values()), abs(math.log(r))) for r, by in rates.items()}
                best = rates[min(sorted(cost), key=lambda r: (round(cost[r][0] / 2, 9), cost[r][1]))]
                totals = [t + best[seed][measure] / 4 for seed, t in enumerate(totals)]
            assert row[column] == f"{sum(totals) / 2:.2f} ± {abs(totals[0] - totals[1]) / math.sqrt(2):.2f}"


@pytest.mark.slow
def test_it_goes_on(quick: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file whose last line was cut off, only that run and one that is missing are made anew, and the report is the same."""
    out, _ = quick
    kept = (out / "runs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "runs.jsonl").write_text("".join(kept[:-2]) + kept[-2][:50], encoding="utf-8")
    pool = Pool()
    monkeypatch.setattr(study, "ProcessPoolExecutor", pool)
    assert program.main(["--quick", "--out", str(tmp_path)]) == 0
    assert sorted(pool.made) == sorted(json.loads(text)["hash"] for text in kept[-2:])
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == (out / "report.md").read_text(encoding="utf-8")


# --- one run ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns(method: str) -> None:
    """In eight epochs, better than chance, the same twice; temperatures where there are some."""
    line = train.train(replace(BASE, method=method))
    assert line["stopped"] == ""
    assert line["losses"][-1] < line["losses"][0]
    # normalised logits cannot grow: where the first temperature is small, they take long to start
    assert line["error"] < (95 if method == "logit-norm+cooling" else 60)
    assert 0 <= line["ece"] <= 100
    assert len(line["taus"]) == (7 if "cooling" in method else 0)
    assert [len(layers) for layers in line["gradients"]] == [3] * 8
    assert all(g > 0 and w > 0 for layers in line["gradients"] for g, w in layers)
    assert line["changed"] < 1e-4
    if method == "cooling-all":
        assert {**train.train(replace(BASE, method=method)), "seconds": 0} == {**line, "seconds": 0}


@pytest.mark.parametrize(("task", "network"), [("digits", "cnn"), ("digits", "resnet"), ("shapes", "segmenter")])
def test_every_network_is_cooled(task: str, network: str) -> None:
    run = replace(BASE, task=task, network=network, width=6, method="cooling-all", train=50, validation=50, test=50, epochs=2)
    line = train.train(run)
    assert line["stopped"] == ""
    assert len(line["taus"]) == 1
    assert line["changed"] < 1e-4


def test_a_run_that_diverges() -> None:
    line = train.train(replace(BASE, learning_rate=1e12))
    assert "not finite" in line["stopped"]
    assert line["error"] == line["ece"] == tasks.load("digits", 200, 100, 200, None).chance
    json.dumps(line, allow_nan=False)


def test_the_schedules() -> None:
    at = {name: [schedule(t) for t in (0.0, 0.25, 0.5, 0.75)] for name, schedule in SCHEDULES.items()}
    assert at["constant"] == [1, 1, 1, 1]
    assert at["piecewise"] == [1, 1, 0.1, 0.01]
    assert at["exponential"] == pytest.approx([1, 0.1**0.5, 0.1, 0.1**1.5])
    assert at["cosine"] == pytest.approx([1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5])
    assert at["warm-up"] == pytest.approx([0.05, 1, 1, 1])


def test_the_parts_of_the_data_are_different_images() -> None:
    for task in DATA:
        data = tasks.load(task, 100, 50, 80, None)
        rows = [part.x.flatten(1) for part in (data.train, data.validation, data.test)]
        assert [len(r) for r in rows] == [100, 50, 80]
        assert len({r.numpy().tobytes() for part in rows for r in part}) == 230
        assert data.train.x.mean().item() == pytest.approx(0, abs=1e-5)
    with pytest.raises(Refused, match="there are 1797 examples for train, validation, test together, got 1798"):
        tasks.load("digits", 1000, 798, 0, None)


def test_mnist(tmp_path: Path) -> None:
    """Made-up files: what is held out for testing comes from the files for it."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 60), ("t10k", 30)):
        for kind, array in (("images-idx3", rng.integers(0, 256, (count, 28, 28))), ("labels-idx1", rng.integers(0, 10, count))):
            (tmp_path / f"{name}-{kind}-ubyte").write_bytes(idx(array))
    data = tasks.load("mnist", 40, 20, 30, tmp_path)
    assert data.train.x.shape == (40, 1, 28, 28)
    assert bytes(data.test.y.tolist()) == (tmp_path / "t10k-labels-idx1-ubyte").read_bytes()[8:]
    with pytest.raises(Refused, match="there are 60 images to train on and 30 to test with"):
        tasks.load("mnist", 41, 20, 30, tmp_path)
    sizes = {"train": 40, "validation": 20, "test": 30, "epochs": 1}
    for network in ("mlp", "cnn", "resnet"):
        run = replace(BASE, task="mnist", network=network, width=4, **sizes)
        assert not train.train(run, tmp_path)["stopped"]
    assert re.fullmatch("MNIST [0-9a-f]{16}", tasks.source("mnist", tmp_path))


def test_the_shapes() -> None:
    """Pixels of shapes are brighter by 1, to the noise of their mean; both shapes are about as large."""
    images, labels = tasks.shapes(400)
    bright = images[:, 0][labels > 0].mean() - images[:, 0][labels == 0].mean()
    assert bright == pytest.approx(1, abs=0.02)
    counts = np.bincount(labels.ravel())
    assert len(counts) == 3
    assert counts[1:].min() > 0.08 * labels.size


def test_logit_norm() -> None:
    z = torch.randn(5, 3, 2)
    assert torch.allclose(models.LogitNorm(0.1)(z).norm(dim=1), torch.tensor(10.0))


# --- claims ----------------------------------------------------------------------------------------------------------------


def outcomes(change: Callable[[Run], dict[str, float]]) -> tuple[report.Results, dict[str, report.Outcome]]:
    """Of made-up lines: 10 + seed, which must not matter, as runs are paired, and what is changed."""
    made: dict[Run, dict[str, Any]] = {}
    for run in plan(CONFIG, DATA):
        usual = {"error": 10 + run.seed, "ece": 5 + run.seed, "scaled_ece": 1, "validation_error": 9 + (run.rate != 0.3), "slope": 2.0}
        values = {**usual, **{k: usual[k] + v for k, v in change(run).items()}}
        made[run] = {**values, "key": run.key, "settings": asdict(run), "stopped": "", "taus": [], "unfitted": 0}
        made[run]["gradients"] = [[[1, 1], [1, 1]], [[1, 1], [10 ** values["slope"], 1]]]
    results = report.Results(CONFIG, made)
    return results, report.claims(results)


def test_claims_that_hold() -> None:
    better = {
        "cooling-last": {"error": -2.0, "ece": -1.0},
        "cooling-all": {"error": -1.0, "ece": -3.0},
        "cooling-equalise": {"slope": -1.5},
        "logit-norm": {"ece": 4.0},
        "logit-norm+cooling": {"ece": 1.5},
    }

    def change(run: Run) -> dict[str, float]:
        found = better.get(run.method, {"error": 0.0})
        if run.rate != 0.3 and "error" in found:  # the other rates are worse, the less with Cooling
            found = {**found, "error": found["error"] + (1 if run.method == "cooling-last" else 4)}
        return found

    results, found = outcomes(change)
    assert {results.own_rate(setting, "cosine") for setting in report.SETTINGS} == {0.3}
    assert {name: o.outcome for name, o in found.items()} == dict.fromkeys(CLAIMS, "held")
    assert "5 of 5, 5 of them" in found["last-accurate"].numbers
    assert "constant +2.00 ± 0.00" in found["last-accurate"].numbers
    assert "of cooling-last - of cooling-all: +2.00 ± 0.00 (mlp +2.00" in found["last-calibration"].numbers
    assert "constant 3.00" in found["rates"].numbers
    assert "cooling-last 0.75" in found["rates"].numbers
    assert "cooling-all 2.00, cooling-equalise 0.50, difference +1.50" in found["equalised"].numbers
    assert "+2.50 ± 0.00" in found["normalised"].numbers


def test_claims_that_fail() -> None:
    worse = {"cosine": {"error": -0.1, "ece": -0.1}, "cooling-last": {"error": 0.1, "ece": -0.2}, "cooling-equalise": {"slope": 0.1}}

    def change(run: Run) -> dict[str, float]:
        found = dict(worse.get(run.method, {}))
        return {**found, "error": found.get("error", 0.0) + (run.method == "cooling-last" and run.rate == 2)}

    _, found = outcomes(change)
    assert {name: o.outcome for name, o in found.items()} == dict.fromkeys(CLAIMS, "failed")
    assert "0 of 5" in found["last-accurate"].numbers
    assert "0 of 5" in found["all-calibrated"].numbers


def test_a_network_that_is_missing() -> None:
    results, _ = outcomes(lambda run: {"error": 0.0})
    part = report.Results(CONFIG, {run: line for run, line in results.lines.items() if run.task == "digits"})
    assert {o.outcome for o in report.claims(part).values()} == {"not run"}
    assert report.means(part) == ""


def test_spreads_of_gradients() -> None:
    line = {"gradients": [[[5, 1], [1, 1]], [[1, 1], [100, 1]], [[3, 1], [3, 10]], [[0, 1], [0, 1]]]}
    assert report.unevenness(line) == pytest.approx(statistics.fmean([2, 1, 0]))


# --- bad input -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("momentum = 0.9 ", "momentum = 1.0 ", "momentum: a number from 0 to below 1"),
        ('"cosine", "warm-up",', '"cosine", "cyclic",', "methods: one of constant, piecewise"),
        ('networks = ["segmenter"]', 'networks = ["mlp"]', "tasks.shapes.networks: 'mlp' can learn digits, mnist"),
        ("dropout = 0.2", "dropout = 1.2", "networks.resnet.dropout: a number from 0"),
        ("[claims.rates]", "[claims.rate]", "claims: the key 'rates' is missing"),
        ("train = 400\n", "", "tasks.digits: the key 'train' is missing"),
    ],
)
def test_bad_config(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = changed_config(EXAMPLE, old, new, tmp_path)
    with pytest.raises(Refused, match=re.escape(message)):
        read_config(path)


def test_a_changed_setting_is_another_run() -> None:
    others = {"width": 9, "seed": 4, "method": "cosine", "learning_rate": 0.02, "epochs": 4, "data": "x"}
    assert len({BASE.digest, *(replace(BASE, **{name: value}).digest for name, value in others.items())}) == 7  # type: ignore[arg-type]


def test_the_guide_tells_of_each_claim() -> None:
    guide = (ROOT / "docs" / "cooling-study.md").read_text(encoding="utf-8")
    assert [name for name in CLAIMS if not re.search(rf"\*\*{name}\*\*: (held|failed)", guide)] == []


def test_the_plan() -> None:
    runs = plan(CONFIG, DATA)
    assert len({run.digest for run in runs}) == len(runs) == len(CONFIG.seeds) * len(CONFIG.rates) * (4 * 10 - 1)
    assert not any(run.network == "resnet" and run.method == "cooling-equalise" for run in runs)
    assert len(CONFIG.seeds) >= 3
