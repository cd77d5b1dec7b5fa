"""The example about ERA trains, goes on where it stopped, counts what it should, and says of each claim what the numbers say."""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
import re
import statistics
import sys
import tomllib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import exactnn as xn
from tests._studies import Pool, changed_config, idx, lines, quick_run

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "era"
if importlib.util.find_spec("sklearn") is None:
    pytest.skip("needs the extra examples", allow_module_level=True)

sys.path.insert(0, str(ROOT / "examples"))
from era import models, report, tasks, train  # noqa: E402
from era import run as program  # noqa: E402
from era.design import CLAIMS, Config, Refused, Run, plan, read_config  # noqa: E402
from study import program as study  # noqa: E402
from study.mnist import read_idx  # noqa: E402

CONFIG = read_config(EXAMPLE / "config.toml")
BASE = Run("digits", "mlp", 8, "era4-swish", "layer", 1.0, 3, 128, 100, 2, 32, 0.01, "digits")
DATA = {"digits": "a", "friedman": "b"}


# --- from end to end -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a quick run, and what the run printed."""
    return quick_run(EXAMPLE, tmp_path_factory.mktemp("era"))


@pytest.mark.slow
def test_a_quick_run(quick: tuple[Path, str]) -> None:
    out, printed = quick
    runs = plan(CONFIG.quickened(), dict.fromkeys(DATA, ""))
    kept = lines(out / "runs.jsonl")
    assert sorted(line["key"] for line in kept) == sorted(run.key for run in runs)
    assert {run.seed for run in runs} == {0, 1}
    assert {(run.task, run.architecture) for run in runs} == set(report.PAIRS)
    assert all(len(line["losses"]) == 1 and 0 < line["error"] <= 200 for line in kept)
    text = (out / "report.md").read_text(encoding="utf-8")
    for name in CLAIMS:
        assert re.search(rf"^  (held|failed)  *{name}: ", printed, re.MULTILINE)
        assert f"- **{name}: " in text
    assert "mean nothing" in text
    certificate = out / "certificate.json"
    assert xn.check(certificate)
    assert len(json.loads(certificate.read_text(encoding="utf-8"))["claim"]["functions"]) == 2
    assert not list(out.glob("*.new"))
    if importlib.util.find_spec("matplotlib") is not None:
        assert all((out / f"{name}.png").read_bytes()[:4] == b"\x89PNG" for name in ("activations", "gain", "losses"))


@pytest.mark.slow
def test_the_statistics(quick: tuple[Path, str]) -> None:
    """Means and deviations of the report, anew from the lines of the runs."""
    out, printed = quick
    errors: dict[tuple[str, str, str], list[float]] = {}
    for line in lines(out / "runs.jsonl"):
        s = line["settings"]
        usual = {"mlp": (32, "layer"), "cnn": (8, "instance")}.get(s["architecture"], (16, "layer"))
        if (s["width"], s["normalisation"]) == usual and s["clip"] == 1:
            errors.setdefault((s["task"], s["architecture"], s["activation"]), []).append(line["error"])
    header, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in printed.splitlines() if row.startswith("|")]
    checked = 0
    for row in rows[1:9]:
        for network, cell in zip(header[1:], row[1:], strict=True):
            task, kind = network.split("/")
            a, b = errors[task, kind, row[0]]
            assert cell == f"{(a + b) / 2:.2f} ± {abs(a - b) / math.sqrt(2):.2f}"
            checked += 1
    assert checked == 40
    assert {row[0] for row in rows[1:9]} == set(CONFIG.studies["activations"].activations)


@pytest.mark.slow
def test_the_poles(quick: tuple[Path, str]) -> None:
    """Of ERA, the distance from the real line is the least sqrt(f^2 + epsilon); each unit of the run is in the table."""
    out, printed = quick
    units: dict[str, list[dict[str, Any]]] = {}
    for line in lines(out / "runs.jsonl"):
        if line["activations"]:
            units.setdefault(line["settings"]["activation"], []).extend(line["activations"])
    for name, found in units.items():
        assert all(unit["verdict"] == "proved" for unit in found)
        row = next(text for text in printed.splitlines() if re.match(rf"\| {re.escape(name)} +\| {len(found)} ", text))
        assert row.split("|")[3].strip() == str(len(found))
        for unit in found:
            assert unit["inputs"][0] < unit["inputs"][1]
            assert (unit["distance"] is None) == (unit["kind"] == "SafePade")
            if unit["kind"] == "ERA":
                assert unit["distance"] == pytest.approx(min(math.sqrt(f * f + 1e-6) for f in unit["after"]["f"]), rel=1e-9)


@pytest.mark.slow
def test_it_goes_on(quick: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a file whose last line was cut off, only that run and one that is missing are made anew, and the report is the same."""
    out, printed = quick
    kept = (out / "runs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "runs.jsonl").write_text("".join(kept[:-2]) + kept[-2][:50], encoding="utf-8")
    pool = Pool()
    monkeypatch.setattr(study, "ProcessPoolExecutor", pool)
    pictures = [f"{name}.png" for name in ("activations", "gain", "losses") if (out / f"{name}.png").exists()]
    note = re.search("^The pictures were left out.*", printed, re.MULTILINE)
    monkeypatch.setattr(program.plots, "draw", lambda results, folder: (pictures, note.group() if note else ""))
    assert program.main(["--quick", "--out", str(tmp_path)]) == 0
    assert sorted(pool.made) == sorted(json.loads(text)["hash"] for text in kept[-2:])
    assert (tmp_path / "runs.jsonl").read_text(encoding="utf-8").startswith("".join(kept[:-2]))
    untimed = [sorted(({**line, "seconds": 0} for line in lines(p / "runs.jsonl")), key=str) for p in (out, tmp_path)]
    assert untimed[0] == untimed[1]
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == (out / "report.md").read_text(encoding="utf-8")

    pool.made.clear()
    assert program.main(["--quick", "--out", str(tmp_path), "--only", "friedman"]) == 0
    assert not pool.made
    assert "not run small-networks" in capsys.readouterr().out


def test_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What has begun is kept, what has not is left, the file is whole, and it says how to go on."""

    class Bar(study.tqdm):  # type: ignore[misc]
        """Ctrl-C after the third run."""

        def update(self, n: float | None = 1) -> bool | None:
            result = super().update(n)
            if self.n == 3:
                raise KeyboardInterrupt
            return result

    pool = Pool(begun=5)
    monkeypatch.setattr(study, "ProcessPoolExecutor", pool)
    monkeypatch.setattr(study, "tqdm", Bar)
    arguments = ["--quick", "--out", str(tmp_path), "--only", "friedman"]
    assert program.main(arguments) == 130
    assert "has 5 finished runs. The same command goes on" in capsys.readouterr().err
    assert {line["hash"] for line in lines(tmp_path / "runs.jsonl")} == set(pool.made)
    assert not (tmp_path / "report.md").exists()

    monkeypatch.undo()
    pool = Pool()
    monkeypatch.setattr(study, "ProcessPoolExecutor", pool)
    monkeypatch.setattr(program.plots, "draw", lambda results, folder: ([], "none"))
    assert program.main(arguments) == 0
    assert len(pool.made) == 16 - 5
    assert len({line["hash"] for line in lines(tmp_path / "runs.jsonl")}) == 16


# --- one run ---------------------------------------------------------------------------------------------------------------


def test_a_run_is_deterministic() -> None:
    torch.manual_seed(5)
    first = train.train(replace(BASE, activation="era4-random"))
    torch.manual_seed(6)
    second = train.train(replace(BASE, activation="era4-random"))
    third = train.train(replace(BASE, activation="era4-random", seed=4))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    assert first["losses"] != third["losses"]


def test_runs_are_paired() -> None:
    """Weights are the same for all activations and normalisations; random coefficients differ from layer to layer and seed to seed."""
    data = tasks.load("digits", 128, 100, None)
    for kind, size in (("mlp", 8), ("cnn", 4), ("mixer", 8), ("transformer", 8)):
        runs = [
            replace(BASE, architecture=kind, width=size, normalisation=n, activation=a) for n, a in (("none", "relu"), ("none", "prelu"))
        ]
        runs += [replace(runs[0], activation="era4-random"), replace(runs[0], normalisation="instance" if kind == "cnn" else "layer")]
        linear = []
        for run in runs:
            found = [m for m in models.build(run, data).modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d))]
            linear.append(torch.cat([m.weight.detach().flatten() for m in found]))
        assert all(torch.equal(linear[0], other) for other in linear)
    starts = [
        m.a.item()
        for seed in (1, 2)
        for m in models.build(replace(BASE, seed=seed, activation="era4-random"), data).modules()
        if isinstance(m, xn.nn.ERA)
    ]
    assert len(set(starts)) == 4


def test_parameters() -> None:
    data = tasks.load("digits", 128, 100, None)

    def count(kind: str, width: int, activation: str, normalisation: str = "none") -> int:
        run = replace(BASE, architecture=kind, width=width, activation=activation, normalisation=normalisation)
        return sum(p.numel() for p in models.build(run, data).parameters())

    assert count("mlp", 32, "relu") == 65 * 32 + 33 * 32 + 33 * 10
    assert count("mlp", 32, "relu", "layer") == count("mlp", 32, "relu", "batch") == count("mlp", 32, "relu") + 4 * 32
    assert count("cnn", 8, "relu") == 10 * 8 + 73 * 16 + 257 * 10
    layers = {"mlp": 2, "cnn": 2, "mixer": 4, "transformer": 2}
    for kind, number in layers.items():
        plain = count(kind, 16, "relu")
        extra = {"silu": 0, "prelu": 1, "safepade": 10, "era2-swish": 6, "era4-swish": 10, "era4-random": 10}
        assert {name: (count(kind, 16, name) - plain) / number for name in extra} == extra
    for run in plan(CONFIG, {"digits": ""}):
        if run.width == CONFIG.architectures[run.architecture].width:
            assert 3000 < count(run.architecture, run.width, run.activation, run.normalisation) < 6000


def test_a_run_that_diverges() -> None:
    """It is kept as such, with the error of chance, and without a verdict on coefficients that are no numbers."""
    line = train.train(replace(BASE, activation="safepade", normalisation="none", learning_rate=1e12, clip=None))
    assert line["diverged"]
    assert line["error"] == 90
    assert all("verdict" not in act for act in line["activations"])
    json.dumps(line, allow_nan=False)


def test_the_distance_of_a_pole() -> None:
    """With f = 2^-20 it is 2^-20, and a Pade unit has none."""
    near = xn.nn.ERA.from_coefficients((1, 0), [(0, 1, 0.5, 2.0**-20)])
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), near, xn.nn.SafePade("A"))
    found = train.poles(model)
    assert found == {"1": {"verdict": "proved", "distance": pytest.approx(2.0**-20)}, "2": {"verdict": "proved", "distance": None}}


def test_the_regression() -> None:
    """The formula, without noise in the test, and 100 for the mean."""
    data = tasks.load("friedman", 500, 2000, None)
    u = data.test_x.double().numpy() / math.sqrt(12) + 0.5
    truth = 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2 + 10 * u[:, 3] + 5 * u[:, 4]
    assert np.corrcoef(truth, data.test_y[:, 0])[0, 1] == pytest.approx(1, abs=1e-9)
    assert data.error(torch.full((2000, 1), data.test_y.double().mean().item())) == pytest.approx(100, abs=1e-3)
    assert data.error(data.test_y) == 0


# --- claims ----------------------------------------------------------------------------------------------------------------


def outcomes(change: Callable[[Run], float], diverged: Callable[[Run], bool] = lambda run: False) -> dict[str, report.Outcome]:
    """Of made-up errors, 10 + change, plus the seed, which must not matter, as runs are paired."""
    made = {}
    for run in plan(CONFIG, DATA):
        rational = run.activation.startswith("era")
        line = {"key": run.key, "settings": asdict(run), "parameters": 1000 + 20 * rational, "diverged": diverged(run)}
        line["activations"] = [{"parameters": 10}] * 2 if rational else []
        made[run] = {**line, "error": 10 + run.seed + change(run)}
    return report.claims(report.Results(CONFIG, made))


def test_claims_that_hold() -> None:
    def change(run: Run) -> float:
        if run.activation == "relu":
            return 16 / run.width
        worse = {"era4-relu": 0.5, "era4-leaky_relu(0.3)": 0.25, "era4-random": 0.75}.get(run.activation, 0)
        return worse + {"batch": 1, "none": 2}.get(run.normalisation, 0) + (run.clip is None) * (3 + 0.1 * run.seed)

    found = outcomes(change)
    assert {name: o.outcome for name, o in found.items()} == dict.fromkeys(CLAIMS, "held")
    assert "5 of 5" in found["beats-relu"].numbers
    assert "least - largest width +3.75 ± 0.00; 10 more parameters" in found["small-networks"].numbers
    assert "relu +0.50 ± 0.00, leaky_relu(0.3) +0.25 ± 0.00" in found["swish-init"].numbers
    error = statistics.stdev([0.0, 0.1, 0.2, 0.3, 0.4]) / math.sqrt(5)
    assert f"+3.20 ± {error:.2f}, which is {3.2 / error:.2f} standard errors" in found["clipping"].numbers


def test_claims_that_fail() -> None:
    def change(run: Run) -> float:
        if run.activation == "relu":
            return 0.1 if run.architecture in ("mixer", "cnn", "transformer") else -0.1
        worse = {"era4-relu": 0.5, "era4-leaky_relu(0.3)": -0.01, "era4-random": 1.01}.get(run.activation, 0)
        return worse - (run.normalisation == "batch") + (run.clip is None) * (0.1 if run.seed % 2 else -0.1)

    found = outcomes(change)
    assert {name: o.outcome for name, o in found.items()} == dict.fromkeys(CLAIMS, "failed")
    assert "3 of 5" in found["beats-relu"].numbers


def test_diverged_runs_decide_about_clipping() -> None:
    found = outcomes(lambda run: 0, lambda run: run.clip is None and run.seed == 4)["clipping"]
    assert found.outcome == "held"
    assert "diverged without clipping 4 of 20, with it 0 of 20" in found.numbers


# --- bad input -------------------------------------------------------------------------------------------------------------


def test_bad_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "wrong.toml").write_text("seeds = [")
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "runs.jsonl").write_text("{}\n")
    cases = [
        (["--processes", "0"], "--processes: a whole number >= 1 is needed, got 0"),
        (["--only", "mnist"], "--mnist FOLDER must say"),
        (["--mnist", str(tmp_path)], "there is no train-images-idx3-ubyte or train-images-idx3-ubyte.gz"),
        (["--out", str(tmp_path / "file")], "cannot be written"),
        (["--config", str(tmp_path / "none.toml")], "cannot be read as TOML"),
        (["--config", str(tmp_path / "wrong.toml")], "cannot be read as TOML"),
        (["--quick", "--out", str(tmp_path / "log")], "line 1: not the line of a run"),
    ]
    for arguments, message in cases:
        assert program.main(arguments) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        program.main(["--only", "cifar"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch = 64\n", "", "the key 'batch' is missing"),
        ("batch = 64\n", "batch = 64\nbatches = 3\n", "unknown key 'batches'"),
        ("batch = 64\n", "batch = 0.5\n", "batch: a whole number >= 1 is needed, got 0.5"),
        ("clip = 1.0 ", "clip = nan ", "clip: a positive number is needed"),
        ("train = 797\n", "", "tasks.digits: the key 'train' is missing"),
        ("train = 797\n", "train = true\n", "tasks.digits.train: a whole number >= 1 is needed, got True"),
        ("seeds = [0, 1, 2, 3, 4]", "seeds = [0]", "seeds: a list of 2 or more"),
        ('"gelu", "prelu"', '"gelu", "mish"', "studies.activations.activations: one of relu"),
        (
            'normalisations = ["none", "own", "batch"]',
            'normalisations = ["instance"]',
            "the architecture 'mlp' can have none, layer, batch",
        ),
        ('epochs = 30\narchitectures = ["mlp"]', 'epochs = 30\narchitectures = ["cnn"]', "only ['mlp'] is possible"),
        (
            "[architectures.transformer] # features of each token; two blocks\nwidth = 16",
            "[architectures.transformer]\nwidth = 7",
            "is even, got 7",
        ),
        ("[studies.widths]", "[studies.sizes]", "studies: the key 'widths' is missing"),
        ("[claims.beats-relu]", "[claims.beats]", "claims: the key 'beats-relu' is missing"),
        ("threshold = 4\n", 'threshold = "4"\n', "claims.beats-relu.threshold: a number is needed"),
    ],
)
def test_bad_config(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = changed_config(EXAMPLE, old, new, tmp_path)
    with pytest.raises(Refused, match=re.escape(message)):
        read_config(path)


def test_too_many_examples() -> None:
    with pytest.raises(Refused, match=r"tasks.digits.test: there are 460 examples, got 461"):
        tasks.load("digits", 1337, 461, None)


def test_a_changed_setting_is_another_run() -> None:
    digests = [BASE.digest, replace(BASE).digest]
    assert digests[0] == digests[1]
    others = {"width": 9, "seed": 4, "clip": None, "learning_rate": 0.02, "epochs": 3, "data": "x"}
    assert len({BASE.digest, *(replace(BASE, **{name: value}).digest for name, value in others.items())}) == 7  # type: ignore[arg-type]


# --- MNIST -----------------------------------------------------------------------------------------------------------------


def test_idx(tmp_path: Path) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    good = tmp_path / "good"
    good.write_bytes(idx(array))
    assert np.array_equal(read_idx(good, 3), array)
    packed = tmp_path / "good.gz"
    packed.write_bytes(gzip.compress(idx(array)))
    assert np.array_equal(read_idx(packed, 3), array)
    wrong = {
        "no IDX file of bytes with 1 axes": (good.name, idx(array), 1),
        "24 bytes are needed after the header for shape (2, 3, 4), got 23": ("short", idx(array)[:-1], 3),
        "got 25": ("long", idx(array) + b"0", 3),
        "ends in the header, after 10 bytes of 16": ("header", idx(array)[:10], 3),
        "it begins with 00000d03": ("magic", b"\0\0\x0d\x03" + idx(array)[4:], 3),
        "it begins with nothing": ("empty", b"", 3),
        "cannot be read": ("short.gz", gzip.compress(idx(array))[:-9], 3),
        "cannot be read: Not a gzipped": ("plain.gz", idx(array), 3),
    }
    for message, (name, content, axes) in wrong.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Refused, match=re.escape(message)):
            read_idx(tmp_path / name, axes)


def test_mnist(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, count in (("train", 64), ("t10k", 32)):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(rng.integers(0, 256, (count, 28, 28))))
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(rng.integers(0, 10, count))))
    data = tasks.load("mnist", 64, 32, tmp_path)
    assert (data.x.shape, data.side, data.patch) == ((64, 784), 28, 7)
    assert data.x.mean().item() == pytest.approx(0, abs=1e-5)
    for kind, normalisation in (("mlp", "layer"), ("cnn", "instance"), ("mixer", "layer"), ("transformer", "layer")):
        line = train.train(
            replace(BASE, task="mnist", architecture=kind, normalisation=normalisation, train=64, test=32, epochs=1), tmp_path
        )
        assert not line["diverged"]
    assert re.fullmatch("MNIST [0-9a-f]{16}", tasks.source("mnist", tmp_path))

    other = tmp_path / "other"
    other.mkdir()
    for path in tmp_path.glob("*ubyte*"):
        (other / path.name).write_bytes(path.read_bytes())
    (other / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(63))))
    with pytest.raises(Refused, match="63 images of 28 x 28 with labels 0 to 9 are needed"):
        tasks.load("mnist", 60, 32, other)


def test_the_config_is_complete() -> None:
    """What the claims measure is in the plan, and the file has nothing that the dataclasses leave out."""
    document = tomllib.loads((EXAMPLE / "config.toml").read_text(encoding="utf-8"))
    assert isinstance(CONFIG, Config)
    assert set(document["claims"]) == set(CLAIMS) == set(report.DECIDE)
    assert len(CONFIG.seeds) >= 3
