"""What tools of calibration answer where the answer is known: temperatures and calibration errors, and who is wrong."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from benchmarks.calibration_tools import ERRORS, TEMPERATURES
from benchmarks.measure import Row, timed
from exactnn.cooling import expected_calibration_error, optimal_temperature
from exactnn.errors import NoOptimalTemperature

#: logits (m, 0, ..., 0), C classes, accuracy a in hundredths: tau = log(a (C - 1)/(1 - a))/m
CASES = ((8.0, 10, 90), (0.01, 2, 99), (1000.0, 2, 80), (8.0, 10, 10), (8.0, 10, 5), (8.0, 10, 100), (0.0, 10, 90))
TOLERANCE = 1e-4  # relative, of floats that are called right
SETS = 400


class Case(NamedTuple):
    """A question, its answers (several where conventions differ; none where there is none), and what each tool says, by name."""

    what: str
    truth: tuple[float, ...]
    shown: str
    told: dict[str, float | str]

    def wrong(self, name: str) -> bool:
        """Whether it contradicts the truth: another number, or any where there is none."""
        said = self.told[name]
        if isinstance(said, str):
            return said == "fails" or bool(self.truth)
        return not any(math.isclose(said, true, rel_tol=TOLERANCE, abs_tol=1e-12) for true in self.truth)


def answered(call: Callable[[], float]) -> float | str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except ImportError:
            return "not installed"
        except NoOptimalTemperature as error:
            return error.reason
        except (ValueError, RuntimeError, ArithmeticError):
            return "fails"


def labels_of(hits: Sequence[bool], classes: int) -> np.ndarray:
    """0 where it is right, else the others by turns: netcal takes data with two labels for binary ones."""
    return np.array([0 if hit else 1 + k % (classes - 1) for k, hit in enumerate(hits)])


def temperatures() -> list[Case]:
    cases = []
    for m, classes, percent in CASES:
        z = np.zeros((1000, classes))
        z[:, 0] = m
        y = labels_of([k < 10 * percent for k in range(1000)], classes)
        a = percent / 100
        none = "none" if not m or a <= 1 / classes else "infinite" if a == 1 else ""
        truth = () if none else (math.log(a * (classes - 1) / (1 - a)) / m,)
        told = {"exactnn": answered(lambda z=z, y=y: optimal_temperature(z, y).value)}  # type: ignore[misc]
        told |= {name: answered(lambda tool=tool, z=z, y=y: tool(z, y)) for name, tool in TEMPERATURES.items()}  # type: ignore[misc]
        cases.append(Case(f"tau, m = {m:g}, C = {classes}, a = {a:g}", truth, none or f"{truth[0]:.6g}", told))
    return cases


def rows_of(confidences: Sequence[Fraction], hits: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (p, rest in nine equal parts), for p > 1/10, and labels 0 where they are right."""
    p = np.array([[float(c)] + [float((1 - c) / 9)] * 9 for c in confidences])
    return p, labels_of(hits, 10)


def true_error(confidences: Sequence[Fraction], hits: Sequence[bool], bins: int, *, right: bool) -> Fraction:
    """By the definition, over the rationals: bins ((j - 1)/N, j/N], or [(j - 1)/N, j/N)."""
    gaps = [Fraction(0)] * bins
    for c, hit in zip(confidences, hits, strict=True):
        place = math.ceil(c * bins) - 1 if right else math.floor(c * bins)
        gaps[min(max(place, 0), bins - 1)] += hit - c
    return sum(map(abs, gaps), Fraction(0)) / len(hits)


def error_case(what: str, confidences: Sequence[Fraction], hits: Sequence[bool], bins: int) -> Case:
    p, y = rows_of(confidences, hits)
    floats = [Fraction(v) for v in p[:, 0].tolist()]  # what the tools are given; that the decimals are meant is no mistake either
    truth = tuple({float(true_error(c, hits, bins, right=side)): 0 for c in (floats, confidences) for side in (True, False)})
    told = {"exactnn": answered(lambda: float(expected_calibration_error(p, y, bins=bins)))}
    told |= {name: answered(lambda tool=tool: tool(p, y, bins)) for name, tool in ERRORS.items()}  # type: ignore[misc]
    return Case(what, truth, " or ".join(dict.fromkeys(f"{v:.5g}" for v in truth)), told)


def errors() -> list[Case]:
    tenths = [Fraction(k, 10) for k in range(11)]
    return [
        error_case("ECE, confidence 1, 10 bins", [tenths[10]] * 20 + [Fraction(19, 20)] * 20, [False] * 20 + [True] * 20, 10),
        error_case("ECE, confidence 1/2, 2 bins", [tenths[5]] * 10 + [tenths[4]] * 10, [True] * 10 + [False] * 10, 2),
        error_case("ECE, confidence 0.3, 10 bins", [tenths[3]] * 30 + [Fraction(7, 20)] * 20, [False] * 30 + [True] * 20, 10),
        error_case("ECE, confidence 0.7, 10 bins", [tenths[7]] * 30 + [Fraction(3, 4)] * 20, [False] * 30 + [True] * 20, 10),
        error_case("ECE, one bin", [tenths[8]] * 50, [True] * 30 + [False] * 20, 1),
    ]


def on_edges() -> dict[str, str]:
    """Random sets with confidences k/20 in 10 bins: for how many a tool meets neither convention."""
    rng = np.random.default_rng(0)
    missed = dict.fromkeys(("exactnn", *ERRORS), 0)
    absent = set()
    for _ in range(SETS):
        n = int(rng.integers(20, 40))
        confidences = [Fraction(int(k), 20) for k in rng.integers(3, 21, n)]
        case = error_case("", confidences, [bool(v) for v in rng.random(n) < 0.5], 10)
        for name in missed:
            missed[name] += case.wrong(name)
        absent |= {name for name in missed if case.told[name] == "not installed"}
    return {name: "not installed" if name in absent else f"{count} of {SETS}" for name, count in missed.items()}


def listed(cases: Sequence[Case]) -> list[str]:
    """A table of texts, `!` behind what is wrong, `-` for tools that are not installed."""
    names = list(cases[0].told)
    lines = [("", "truth", *names, "wrong")]
    for case in cases:
        texts, wrong = [], []
        for name in names:
            said = case.told[name]
            bad = said != "not installed" and case.wrong(name)
            wrong += [name] if bad else []
            texts.append(("-" if said == "not installed" else said if isinstance(said, str) else f"{said:.5g}") + "!" * bad)
        lines.append((case.what, case.shown, *texts, ", ".join(wrong) or "nobody"))
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    del quick  # it is
    (told, wrong), seconds = timed(lambda: ([temperatures(), errors()], on_edges()))
    absent = sorted({name for cases in told for name, said in cases[0].told.items() if said == "not installed"})
    notes = [*listed(told[0]), "", *listed(told[1]), ""]
    notes.append(
        "Confidences k/20 in 10 bins, sets with an error of neither convention, of floats or of decimals: "
        + ", ".join(f"{k} {v}" for k, v in wrong.items())
    )
    notes += [f"{name} is not installed (make calibration-tools)." for name in absent]
    return "Calibration: answers that are known", notes, [Row(f"{sum(map(len, told))} cases, {SETS} sets, all tools", seconds)]
