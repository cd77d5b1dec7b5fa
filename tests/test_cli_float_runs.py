"""The line about float32 runs beside verdicts on a box: its numbers, where there is none and why, JSON, the time it may take."""

from __future__ import annotations

import io
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cli import _float_runs
from exactnn.cli._float_runs import rounded_up
from tests.strategies import law
from tests.test_cli import MODELS, Answer, Shell, shell  # noqa: F401 - a fixture

BOX = xn.Box(-1, 1)
LINE = "  float32 runs: "


def line(answer: Answer) -> str | None:
    """The line about runs, without its head."""
    found = [text.removeprefix(LINE) for text in answer.out.splitlines() if text.startswith(LINE)]
    assert len(found) <= 1
    return found[0] if found else None


def bound(net: xn.Network) -> Fraction:
    return xn.execution_error(net, domain=BOX).upper


def text(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


@pytest.mark.parametrize(
    ("words", "code", "names"),
    [
        ("equal f.json g.json", 0, ["f", "g"]),
        ("equal f.json moved.json", 1, ["f", "moved"]),
        ("zero f.json", 1, ["f"]),
        ("deviation f.json moved.json", 0, ["f", "moved"]),
        ("same-decision f.json g.json", 0, ["f", "g"]),
        ("symmetry verify f.json --scaling 1/3,1,1", 0, ["f", "scaled"]),
    ],
)
def test_the_line_and_the_field(shell: Shell, words: str, code: int, names: list[str]) -> None:  # noqa: F811
    nets = {**MODELS, "scaled": xn.symmetry.Scaling(0, ["1/3", 1, 1]).apply(MODELS["f"])}
    bounds = [bound(nets[name]) for name in names]
    answer = shell(f"{words} --domain -1:1 --certificate c.json")
    shown = ["f", "T(f)" if "symmetry" in words else "g"]
    within = ", ".join(f"{name} within {rounded_up(q)}" for name, q in zip(shown, bounds, strict=False))
    assert (answer.code, line(answer)) == (code, f"{within} of the exact network{'s' * (len(names) > 1)} on this box")
    document = shell(f"{words} --domain -1:1 --json").json
    assert document["float32_error"] == dict(zip("fg", map(text, bounds), strict=False))
    assert shell("check c.json").code == 0


def test_the_scaled_network_is_run_with_its_own_weights() -> None:
    assert bound(xn.symmetry.Scaling(0, ["1/3", 1, 1]).apply(MODELS["f"])) > bound(MODELS["f"])


def test_runs_differ_by_no_more_than_the_line_says(shell: Shell) -> None:  # noqa: F811
    """|run of f - run of g| <= deviation + error of f + error of g, in numpy's float32."""
    rng = np.random.default_rng(3)
    layers = [(rng.standard_normal((5, 2)).astype(np.float32), rng.standard_normal(5).astype(np.float32)), (np.ones((1, 5)), np.zeros(1))]
    xn.save(xn.mlp(layers), "a.json")
    xn.save(xn.symmetry.Scaling(0, ["1/3", 3, "1/7", 5, 1]).apply(xn.mlp(layers)), "b.json")
    document = shell("deviation a.json b.json --domain -1:1 --json").json
    allowed = Fraction(document["upper"]) + sum(Fraction(q) for q in document["float32_error"].values())
    assert document["upper"] == "0"
    factors = np.array([1 / 3, 3, 1 / 7, 5, 1])
    scaled = [(layers[0][0] * factors[:, None], layers[0][1] * factors), (layers[1][0] / factors, layers[1][1])]
    x = rng.uniform(-1, 1, (1000, 2)).astype(np.float32)

    def run(parts: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        (w, b), (v, c) = [tuple(a.astype(np.float32) for a in part) for part in parts]
        return np.asarray(np.maximum(x @ w.T + b, 0) @ v.T + c, dtype=np.float32)

    difference = np.abs(run(layers).astype(np.float64) - run(scaled)).max()
    assert 0 < difference <= float(allowed)


@pytest.mark.parametrize(
    "words", ["equal f.json g.json", "equal f.json g.json --domain half.json", "equal smooth.json smooth.json --domain -1:1"]
)
def test_no_line_without_a_box_or_for_smooth_networks(shell: Shell, words: str) -> None:  # noqa: F811
    Path("half.json").write_text('{"A": [[1, 1]], "b": [1]}', encoding="utf-8")
    xn.save(xn.mlp([([[1, 1]], [0]), ([[1]], [0])], "tanh"), "smooth.json")
    answer = shell(words)
    assert (answer.code, line(answer)) == (0, None)
    assert shell(f"{words} --json").json["float32_error"] is None


def test_no_line_for_unknown(shell: Shell) -> None:  # noqa: F811
    answer = shell("equal f.json g.json --domain -1:1 --time-limit 0")
    assert (answer.code, line(answer)) == (3, None)
    assert shell("equal f.json g.json --domain -1:1 --time-limit 0 --json").json["float32_error"] is None


def test_why_there_is_no_bound(shell: Shell) -> None:  # noqa: F811
    answer = shell("equal f.json g.json --domain -2e38:1")
    assert answer.code == 0
    told = line(answer)
    assert told is not None
    assert told.startswith("no bound for f and g: at node 'layer1' numbers may exceed the largest one of float32")
    assert shell("equal f.json g.json --domain -2e38:1 --json").json["float32_error"] == {"f": None, "g": None}
    xn.save(xn.mlp([([[2**200, 0]], [0]), ([[0]], [0])]), "huge.json")
    told = line(shell("equal f.json huge.json --domain -1:1"))
    assert told is not None
    assert told.startswith(
        f"f within {rounded_up(bound(MODELS['f']))} of the exact network on this box; no bound for g: node 'layer1' holds"
    )
    found = shell("equal f.json huge.json --domain -1:1 --json").json["float32_error"]
    assert found == {"f": text(bound(MODELS["f"])), "g": None}


def test_large_networks_are_left_out(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(_float_runs, "_SPEED", 5)  # 2 seconds for 11 products
    answer = shell("equal f.json g.json --domain -1:1")
    assert (answer.code, line(answer)) == (0, "not bounded for f and g: it takes about 4 s; exactnn run-error has the time")
    assert shell("equal f.json g.json --domain -1:1 --json").json["float32_error"] == {"f": None, "g": None}


def test_the_line_keeps_the_time_limit(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Each node takes long here: the line ends at the limit of the question, and the verdict stands."""
    from exactnn.difference import _run_pass

    slow = dict(_run_pass._RULES)
    for kind, rule in slow.items():
        monkeypatch.setitem(_run_pass._RULES, kind, lambda *a, rule=rule: time.sleep(0.3) or rule(*a))
    start = time.perf_counter()
    answer = shell("equal f.json g.json --domain -1:1 --time-limit 1/2")
    assert time.perf_counter() - start < 2
    assert answer.first.startswith("PROVED")
    assert line(answer) == "not bounded for f and g: it takes longer than this answer may; exactnn run-error has the time"


def test_what_nobody_sees_is_not_computed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def fail(*_: object) -> Fraction:
        raise AssertionError("computed")

    monkeypatch.setattr(_float_runs, "_bound", fail)
    assert shell("equal f.json g.json --domain -1:1 --quiet").out.count("\n") == 1
    with pytest.raises(AssertionError, match="computed"):
        shell("equal f.json g.json --domain -1:1 --quiet --json")


@law(200)
@given(st.fractions(min_value=0, max_value=10**9) | st.builds(lambda p, q: Fraction(p, 2**q), st.integers(0, 2**80), st.integers(0, 128)))
def testrounded_up(value: Fraction) -> None:
    shown = Fraction(rounded_up(value))
    assert value <= shown <= value * Fraction(101, 100)


# --- run-error within a time ------------------------------------------------------------------------------------------------


def test_the_time_limit_of_execution_error() -> None:
    with pytest.raises(xn.errors.Incomplete, match=r"^the time limit of 0.0 s was reached; 0 of 3 nodes were bounded$"):
        xn.execution_error(MODELS["f"], domain=BOX, time_limit=0)
    assert xn.execution_error(MODELS["f"], domain=BOX, time_limit=60).upper == bound(MODELS["f"])
    with pytest.raises(xn.errors.ArgumentError, match="time_limit: seconds >= 0"):
        xn.execution_error(MODELS["f"], domain=BOX, time_limit=-1)


def test_run_error_within_a_time(shell: Shell) -> None:  # noqa: F811
    answer = shell("run-error f.json --domain -1:1 --time-limit 0 --certificate c.json")
    assert (answer.code, answer.first) == (3, "UNKNOWN: the time limit of 0.0 s was reached; 0 of 3 nodes were bounded")
    assert not Path("c.json").exists()
    document = shell("run-error f.json --domain -1:1 --time-limit 0 --json").json
    assert (document["status"], document["upper"], document["per_output"], document["certificate"]) == ("unknown", None, None, None)
    assert "nodes were bounded" in document["reason"]
    assert shell("run-error f.json --domain -1:1 --time-limit 60").code == 0


def test_progress_of_long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar after two seconds, on a terminal only."""
    from exactnn.difference import _run_pass

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for kind, rule in list(_run_pass._RULES.items()):
        monkeypatch.setitem(_run_pass._RULES, kind, lambda *a, rule=rule: time.sleep(0.8) or rule(*a))
    for stream, seen in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        xn.execution_error(MODELS["f"], domain=BOX)
        assert ("rounding errors layer by layer:" in stream.getvalue()) == seen
