"""The tables and the claims, from the lines of the runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cooling.design import Config, Run
from cooling.methods import COOLING, SCHEDULES
from cooling.models import CHAINS
from study.tables import (
    BySeed,
    Decided,
    NotRun,
    Outcome,
    average,
    cell,
    decide,
    listed,
    measured,
    paired,
    shown,
    spread,
    summed,
    table,
    wins,
)
from study.tables import write as save

Line = dict[str, Any]
Setting = tuple[str, str]
#: The settings that claims are about: a task and a network.
SETTINGS: tuple[Setting, ...] = (("digits", "mlp"), ("digits", "cnn"), ("digits", "resnet"), ("shapes", "segmenter"))
CHAINED = tuple(setting for setting in SETTINGS if setting[1] in CHAINS)


@dataclass(frozen=True)
class Results:
    """Finished runs with their lines."""

    config: Config
    lines: dict[Run, Line]

    @property
    def settings(self) -> list[Setting]:
        """Those of which there are runs, in their order."""
        return list(dict.fromkeys((run.task, run.network) for run in self.lines))

    def at(self, setting: Setting, method: str, rate: float) -> dict[int, Line]:
        """The lines by seed; NotRun where there are none."""
        found = {r.seed: line for r, line in self.lines.items() if (r.task, r.network, r.method, r.rate) == (*setting, method, rate)}
        if not found:
            raise NotRun
        return found

    def own_rate(self, setting: Setting, method: str) -> float:
        """The rate of the least mean validation error; among equals the one nearest to the middle one."""

        def cost(rate: float) -> tuple[float, float]:
            errors = [line["validation_error"] for line in self.at(setting, method, rate).values()]
            return round(statistics.fmean(errors), 9), abs(math.log(rate))

        return min(self.config.rates, key=cost)

    def own(self, setting: Setting, method: str) -> dict[int, Line]:
        """The lines at the method's own rate."""
        return self.at(setting, method, self.own_rate(setting, method))

    def mean(self, method: str, measure: str, settings: Iterable[Setting] = SETTINGS) -> BySeed:
        """The mean over settings, seed by seed, at the method's own rates."""
        return average(measured(self.own(setting, method), measure) for setting in settings)

    def sensitivity(self, method: str, settings: Iterable[Setting] = SETTINGS) -> float:
        """mean over the rates - least error, of means over the seeds; mean over the settings."""
        found = []
        for setting in settings:
            lines = [self.at(setting, method, rate).values() for rate in self.config.rates]
            errors = [statistics.fmean(line["error"] for line in part) for part in lines]
            found.append(statistics.fmean(errors) - min(errors))
        return statistics.fmean(found)


def unevenness(line: Line) -> float:
    """log10 of the largest |G|/|W| of a layer over the least, mean over all epochs but the first."""
    found = []
    for layers in line["gradients"][1:]:
        ratios = [g / w for g, w in layers if g and w]
        found.append(math.log10(max(ratios) / min(ratios)) if ratios else 0.0)
    return statistics.fmean(found) if found else 0.0


# --- claims ----------------------------------------------------------------------------------------------------------------


def claims(results: Results) -> dict[str, Outcome]:
    """All claims of the configuration, in its order."""
    return decide(results.config.claims, DECIDE, results)


def beaten(results: Results, threshold: float, method: str, measure: str, name: str) -> Decided:
    """How many schedules have more of it."""
    ours = results.mean(method, measure)
    gains = {schedule: paired(results.mean(schedule, measure), ours) for schedule in SCHEDULES}
    won, text = wins(gains, f"{name} of the schedule - of {method}")
    return won >= threshold, text


def more(results: Results, threshold: float, first: str, second: str, measure: str, name: str) -> Decided:
    """The difference of two methods."""
    found = paired(results.mean(first, measure), results.mean(second, measure))
    parts = []
    for setting in SETTINGS:
        values = (measured(results.own(setting, method), measure) for method in (first, second))
        parts.append(f"{setting[1]} {shown(paired(*values))}")
    return found.mean > threshold, f"{name} of {first} - of {second}: {shown(found)} ({', '.join(parts)})"


def rates(results: Results, threshold: float) -> Decided:
    found = {method: results.sensitivity(method) for method in (*SCHEDULES, "cooling-last", "cooling-all")}
    parts = ", ".join(f"{method} {value:.2f}" for method, value in found.items())
    return found["constant"] - found["cooling-last"] > threshold, f"sensitivity of {parts}"


def equalised(results: Results, threshold: float) -> Decided:
    values = []
    for method in ("cooling-all", "cooling-equalise"):
        lines = [results.own(setting, method) for setting in CHAINED]
        values.append(average({seed: unevenness(line) for seed, line in part.items()} for part in lines))
    found = paired(*values)
    first, second = (spread(part.values()).mean for part in values)
    return found.mean > threshold, f"cooling-all {first:.2f}, cooling-equalise {second:.2f}, difference {shown(found)}"


DECIDE: dict[str, Callable[[Results, float], Decided]] = {
    "last-accurate": lambda r, t: beaten(r, t, "cooling-last", "error", "error"),
    "last-best": lambda r, t: more(r, t, "cooling-all", "cooling-last", "error", "error"),
    "last-calibration": lambda r, t: more(r, t, "cooling-last", "cooling-all", "ece", "ECE"),
    "all-accurate": lambda r, t: beaten(r, t, "cooling-all", "error", "error"),
    "all-calibrated": lambda r, t: beaten(r, t, "cooling-all", "ece", "ECE"),
    "rates": rates,
    "equalised": equalised,
    "normalised": lambda r, t: more(r, t, "logit-norm", "logit-norm+cooling", "ece", "ECE"),
}


# --- the report ------------------------------------------------------------------------------------------------------------


def write(results: Results, out: Path, pictures: Sequence[str], notes: Sequence[str]) -> str:
    """report.md; returns the summary to print."""
    outcomes = claims(results)
    config = results.config
    stopped = [f"{line['key']} ({line['stopped']})" for line in results.lines.values() if line["stopped"]]
    unfitted = sum(line["unfitted"] for line in results.lines.values())
    fits = sum(len(line["taus"]) for line in results.lines.values())
    summary = means(results)
    save(
        out / "report.md",
        [
            "# Cooling and schedules of the learning rate",
            f"{len(results.lines)} runs, seeds {', '.join(map(str, config.seeds))}; {len(stopped)} of them did not come to their end"
            f"{': ' + '; '.join(stopped) if stopped else ''}. {unfitted} of {fits} fits of a temperature had no optimum, and left it "
            "as it was.",
            "Errors are test errors, ECE the expected calibration error of test data as trained, scaled ECE that after a temperature "
            "fitted to the validation data at the end, which every method may have; all in per cent. Tables have the mean ± the sample "
            "standard deviation over the seeds, each method at its own rate, that of the least mean validation error; differences are of "
            "runs with the same seed, with the standard error of their mean.",
            *notes,
            "## Claims",
            *listed(config.claims, outcomes),
            "## Means over the networks",
            summary,
            *(part for setting in results.settings for part in (f"## {'/'.join(setting)}", methods(results, setting))),
            "## Test errors by the initial rate",
            *(part for setting in results.settings for part in (f"### {'/'.join(setting)}", by_rate(results, setting))),
            *(f"![{name}]({name})" for name in pictures),
        ],
    )
    return "\n\n".join(part for part in (summary, summed(outcomes)) if part)


def means(results: Results) -> str:
    """Each method over the networks, and over the chains alone; "" where a network is missing."""
    rows = []
    for method in results.config.methods:
        try:
            cells = [cell(results.mean(method, measure, CHAINED)) for measure in ("error", "ece")]
            over_all = ["", "", "", ""]
            if method != "cooling-equalise":
                over_all = [cell(results.mean(method, measure)) for measure in ("error", "ece", "scaled_ece")]
                over_all.append(f"{results.sensitivity(method):.2f}")
        except NotRun:
            return ""
        rows.append([method, *over_all, *cells])
    return table(["method", "error", "ECE", "scaled ECE", "sensitivity", "chains: error", "chains: ECE"], rows)


def methods(results: Results, setting: Setting) -> str:
    """The methods of one setting at their own rates."""
    rows = []
    for method in results.config.methods:
        try:
            lines = results.own(setting, method)
        except NotRun:
            continue
        cells = [cell(measured(lines, measure)) for measure in ("error", "ece", "scaled_ece")]
        uneven = cell({seed: unevenness(line) for seed, line in lines.items()})
        tau = cell({seed: temperature(line) for seed, line in lines.items()}) if method in COOLING else ""
        ended = str(sum(bool(line["stopped"]) for line in lines.values()))
        rows.append([method, f"{results.own_rate(setting, method):g}", *cells, tau, uneven, ended])
    return table(["method", "rate", "error", "ECE", "scaled ECE", "tau", "unevenness", "stopped"], rows)


def temperature(line: Line) -> float:
    """The factor put in by all fits together: behind the model the last one, in the layers the product."""
    taus: list[float] = line["taus"] or [1.0]
    return taus[-1] if COOLING[line["settings"]["method"]] == "last" else math.prod(taus)


def by_rate(results: Results, setting: Setting) -> str:
    """Errors at all rates, multiples of the middle one."""
    rows = []
    for method in results.config.methods:
        try:
            found = [results.at(setting, method, rate) for rate in results.config.rates]
        except NotRun:
            continue
        rows.append([method, *(cell(measured(lines, "error")) for lines in found)])
    return table(["method", *(f"rate {rate:g}" for rate in results.config.rates)], rows)
