"""The tables and the claims, from the lines of the runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from study.tables import BySeed, Decided, NotRun, Outcome, average, cell, decide, listed, measured, paired, shown, summed, table
from study.tables import write as save
from tropex.design import Config, Run
from tropex.models import KINDS, NETWORKS
from tropex.train import LARGER

Line = dict[str, Any]
WITHOUT = "MNIST was left out: its files are read from --data FOLDER."


@dataclass(frozen=True)
class Results:
    """Finished runs with their lines."""

    config: Config
    lines: dict[Run, Line]
    about: str = "digits"

    @property
    def tasks(self) -> list[str]:
        """Those of which there are runs."""
        return list(dict.fromkeys(run.task for run in self.lines))

    def at(self, task: str, network: str) -> dict[int, Line]:
        """The lines by seed; NotRun where there are none."""
        found = {run.seed: line for run, line in self.lines.items() if (run.task, run.network) == (task, network)}
        if not found:
            raise NotRun
        return found

    def mean(self, measure: Callable[[Line], float], kind: str = "") -> BySeed:
        """The mean over the networks of that kind, seed by seed, of the task `about`."""
        networks = [name for name in NETWORKS if name.startswith(kind) and name in self.config.tasks[self.about].networks]
        if not networks:
            raise NotRun
        return average({seed: measure(line) for seed, line in self.at(self.about, name).items()} for name in networks)


def loss(line: Line) -> float:
    """Of test accuracy, by the extracted function."""
    return float(line["accuracy"] - line["extracted"])


def more_robust(line: Line) -> float:
    """How much more a step against itself takes from the network than from the extracted function."""
    lost = [line[f"{name}_still"] - line[f"{name}_against_{name}"] for name in ("network", "extracted")]
    return float(lost[0] - lost[1])


def regions_of_slice(line: Line) -> float:
    """log10 of their number."""
    return math.log10(line["slice_regions"])


def off_by(line: Line) -> float:
    """The estimated number of regions of the slice - the exact one, in standard errors; NaN where all samples met equal areas."""
    number, error = line["slice_number"]
    return float((number - line["slice_regions"]) / error) if error else math.nan


# --- claims ----------------------------------------------------------------------------------------------------------------


def claims(results: Results, task: str = "digits") -> dict[str, Outcome]:
    """All claims of the configuration, in its order, about one task."""
    return decide(results.config.claims, DECIDE, replace(results, about=task))


def _of(name: str) -> Callable[[Line], float]:
    return lambda line: float(line[name])


def whole_mean(results: Results, measure: Callable[[Line], float]) -> tuple[float, str]:
    """The mean over the networks, and what it is for each kind."""
    found = results.mean(measure)
    parts = ", ".join(f"{kind} {cell(results.mean(measure, kind))}" for kind in KINDS)
    return statistics.fmean(found.values()), f"{cell(found)} ({parts})"


def at_least(results: Results, threshold: float, measure: Callable[[Line], float]) -> Decided:
    value, text = whole_mean(results, measure)
    return value >= threshold, text


def more(results: Results, threshold: float, measure: Callable[[Line], float]) -> Decided:
    value, text = whole_mean(results, measure)
    return value > threshold, text


def less(results: Results, threshold: float, measure: Callable[[Line], float]) -> Decided:
    value, text = whole_mean(results, measure)
    return value < threshold, text


def kinds(results: Results, threshold: float, measure: Callable[[Line], float], *, strict: bool) -> Decided:
    """conv - dense."""
    conv, dense = (results.mean(measure, kind) for kind in ("conv", "dense"))
    found = paired(conv, dense)
    held = found.mean > threshold if strict else found.mean >= threshold
    return held, f"conv {cell(conv)}, dense {cell(dense)}, difference {shown(found)}"


def loss_dense(results: Results, threshold: float) -> Decided:
    found = results.mean(loss, "dense")
    return statistics.fmean(found.values()) <= threshold, cell(found)


DECIDE: dict[str, Callable[[Results, float], Decided]] = {
    "regions": lambda r, t: at_least(r, t, _of("maps")),
    "norms": lambda r, t: at_least(r, t, _of("least_norm")),
    "angles": lambda r, t: at_least(r, t, _of("small_angle")),
    "loss": lambda r, t: kinds(r, t, loss, strict=False),
    "loss-dense": loss_dense,
    "conv-regions": lambda r, t: kinds(r, t, regions_of_slice, strict=True),
    "cross": lambda r, t: more(r, t, _of("cross")),
    "alike": lambda r, t: more(r, t, lambda line: float(line["alike_same"] - line["alike_other"])),
    "robust": lambda r, t: more(r, t, more_robust),
    "pruning": lambda r, t: less(r, t, _of("kept")),
}


# --- the report ------------------------------------------------------------------------------------------------------------

Columns = dict[str, Callable[[Line], float]]
TABLES: dict[str, Columns] = {
    "Regions and coefficients": {
        "maps": _of("maps"),
        "maps met": _of("map_met"),
        "rounded maps": _of("rounded_maps"),
        "patterns": _of("patterns"),
        "norm": _of("norm"),
        "least norm": _of("least_norm"),
        "angle": _of("angle"),
        "5 % angle": _of("small_angle"),
        "retrained angle": _of("retrained_angle"),
    },
    "Test accuracy of the extracted functions": {
        "network": _of("accuracy"),
        "extracted": _of("extracted"),
        "all": _of("all"),
        "agrees": _of("agrees"),
        "cross": _of("cross"),
        "new maps": _of("arising"),
        "other K": _of("shift_changes"),
        "retrained agrees": _of("retrained_agrees"),
    },
    "Patterns and sizes of regions": {
        "alike, same": _of("alike_same"),
        "alike, other": _of("alike_other"),
        "settled": _of("settled"),
        "regions of slice": _of("slice_regions"),
        "estimated": lambda line: float(line["slice_number"][0]),
        "off by (s.e.)": off_by,
        "log10 volume": lambda line: line.get("log_volume", math.nan),
        "from below": lambda line: line.get("log_volume_below", math.nan),
        "s.e.": lambda line: line.get("log_volume_error", math.nan),
    },
    "Robustness": {
        "network": _of("network_still"),
        "network, random": _of("network_random"),
        "network, against it": _of("network_against_network"),
        "network, against extracted": _of("network_against_extracted"),
        "extracted": _of("extracted_still"),
        "extracted, random": _of("extracted_random"),
        "extracted, against network": _of("extracted_against_network"),
        "extracted, against it": _of("extracted_against_extracted"),
    },
    "Pruning by extraction": {
        "terms kept": _of("kept"),
        "numbers": _of("kept_numbers"),
        "of the network": _of("parameters"),
        "test accuracy": _of("kept_accuracy"),
        "network": _of("accuracy"),
        "all terms": _of("extracted"),
    },
}
NOTES = {
    "Regions and coefficients": "Maps: different exact affine maps, in per cent of training and test points; met: test points whose map a "
    "training point has; rounded: to three decimals. Norms and angles (degrees) are of gradients of the predicted class at training "
    "points; least norm in per cent of the mean; retrained: the same class and point, networks of two seeds.",
    "Test accuracy of the extracted functions": "Extracted: the paper's function, in which a class has the terms of the points that the "
    "network gives this class; all: with a term for each point and class. Agrees: the extracted function answers as the network. "
    "Cross: test points whose winning terms belong to no common data point; new maps: affine maps met there that the network has at no "
    "data point, per 100 test points. Other K: test points decided otherwise by terms with shifts three times as large, both from fewer "
    "points. Retrained: answers of two seeds.",
    "Patterns and sizes of regions": "Alike: units on the same side, pairs of one class and of two; settled: units on one side at all "
    "training points, without which the network is the same there. The slice goes through three training points, its regions are counted "
    "exactly and estimated from random points. Volumes in [-1/2, 3/2]^d: by the mean of r^d over chords of length r from the point, hardly "
    "reliable, and an estimate from below (s.e.: for one point).",
    "Robustness": "Test accuracy of network and extracted function as they are, after a random step in each pixel, and after steps against "
    "either.",
    "Pruning by extraction": "The terms that decide all training points as the network does, each in its own class: their share, how many "
    "numbers they are, beside the network's.",
}


def write(results: Results, out: Path, pictures: Sequence[str], notes: Sequence[str]) -> str:
    """report.md; returns the summary to print."""
    config = results.config
    outcomes = {task: claims(results, task) for task in results.tasks}
    certified = sum(line["certified"] for line in results.lines.values())
    steps = f"{config.measures.step:g}"
    parts = []
    for task in results.tasks:
        size = config.tasks[task]
        parts.append(f"## {task}: {size.train} training points, {size.test} test points")
        for name, columns in TABLES.items():
            parts += [f"### {name}", f"{NOTES[name]}{f' The step is {steps}.' * (name == 'Robustness')}", measures(results, task, columns)]
        parts += ["### As terms are added", growing(results, task)]
    save(
        out / "report.md",
        [
            "# TropEx on data",
            f"{len(results.lines)} networks, seeds {', '.join(map(str, config.seeds))}. Each extracted map was equal to its network "
            f"at all training points in every output, exactly, and the extracted function decided them as the network. Terms at "
            f"{config.measures.shifted} of them without K at the inputs gave the same values at all test points; with shifts exactly "
            f"{LARGER} times as large the affine maps of all these points were the same. "
            f"At {certified} points equality has certificates, which were checked. "
            "Pruned networks decided all training points as the networks do.",
            "Shares are in per cent; tables have the mean ± the sample standard deviation over the seeds, differences are of runs with the "
            "same seed, with the standard error of their mean.",
            *[WITHOUT] * ("mnist" not in results.tasks),
            *notes,
            *(part for task, found in outcomes.items() for part in (f"## Claims: {task}", *listed(config.claims, found))),
            *parts,
            *(f"![{name}]({name})" for name in pictures),
        ],
    )
    printed = []
    for task, found in outcomes.items():
        printed += [f"{task}:", measures(results, task, TABLES["Test accuracy of the extracted functions"]), summed(found)]
    return "\n\n".join([*printed, *[WITHOUT] * ("mnist" not in results.tasks)])


def measures(results: Results, task: str, columns: Columns) -> str:
    """A row for each network."""
    names = [name for name in NETWORKS if name in results.config.tasks[task].networks]
    rows = []
    for name in names:
        lines = results.at(task, name)
        rows.append([name, *(cell({seed: measure(line) for seed, line in lines.items()}) for measure in columns.values())])
    return table(["network", *columns], rows)


def growing(results: Results, task: str) -> str:
    """Test accuracy with the terms of the first so many training points."""
    names = [name for name in NETWORKS if name in results.config.tasks[task].networks]
    steps = next(iter(results.at(task, names[0]).values()))["steps"]
    rows = []
    for name in names:
        lines = results.at(task, name)
        cells = [cell({seed: line["evolution"][i] for seed, line in lines.items()}) for i in range(len(steps))]
        rows.append([name, *cells, cell(measured(lines, "accuracy"))])
    return table(["network", *(f"{step} points" for step in steps), "the network"], rows)


# --- the page ----------------------------------------------------------------------------------------------------------------

PICTURES = {
    "evolution": "test accuracy as terms are added",
    "coefficients": "gradients as images",
    "plane": "gradients of training and test points in a plane",
}


def picture_file(name: str, task: str) -> str:
    """Those of MNIST have its name."""
    return f"{name}.png" if task == "digits" else f"{task}-{name}.png"


def _items(results: Results, task: str) -> str:
    found = claims(results, task).items()
    return "\n".join(f"- **{name}: {o.outcome}.** *{results.config.claims[name].sentence}* {o.numbers}." for name, o in found)


def _in_short(results: Results, task: str) -> str:
    return "; ".join(f"**{name}** {o.outcome}, {o.numbers}" for name, o in claims(results, task).items()) + "."


#: what docs/tropex.md has in its blocks
PARTS: dict[str, Callable[[Results, str], str]] = {
    "claims": _items,
    "claims in short": _in_short,
    **{name: partial(measures, columns=columns) for name, columns in TABLES.items()},
    "As terms are added": growing,
    **{name: lambda _, task, name=name: f"![{PICTURES[name]}](images/tropex-{picture_file(name, task)})" for name in PICTURES},
}
