"""The pictures: error beside calibration, errors over the initial rate, gradients of the layers and temperatures over the epochs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from cooling.methods import COOLING, METHODS
from cooling.report import Line, Results, Setting
from study.pictures import draw_all, over_epochs, say_empty
from study.tables import NotRun, spread

GREYS = {"constant": "#bbbbbb", "piecewise": "#999999", "exponential": "#777777", "cosine": "#444444", "warm-up": "#c8b560"}
COLOURS = {
    **GREYS,
    **{"cooling-last": "#2a6fbb", "cooling-all": "#d9731a", "cooling-equalise": "#2a9d5c"},
    **{"logit-norm": "#b05fb0", "logit-norm+cooling": "#6a2a9d"},
}
OVER_RATES = ("constant", "cosine", "cooling-last", "cooling-all")
OVER_EPOCHS = ("constant", "cooling-last", "cooling-all", "cooling-equalise")


def draw(results: Results, out: Path) -> tuple[list[str], str]:
    """The names of the pictures written to the folder, and what is to be said about those left out."""
    pictures = {"calibration": _calibration, "rates": _rates, "gradients": _gradients, "temperatures": _temperatures}
    return draw_all(pictures, results, out)


def _panels(plt: Any, results: Results, rows: int = 1, height: float = 2.5) -> Any:
    count = len(results.settings)
    figure, axes = plt.subplots(rows, count, figsize=(2.6 * count, height * rows), layout="constrained", squeeze=False)
    for axis, setting in zip(axes[0], results.settings, strict=True):
        axis.set_title("/".join(setting))
    return figure, axes


def _finished(results: Results, setting: Setting, method: str) -> list[Line]:
    """The runs at the middle rate that came to their end; NotRun where there are no runs."""
    rate = min(results.config.rates, key=lambda r: abs(math.log(r)))
    return [line for line in results.at(setting, method, rate).values() if not line["stopped"]]


def _calibration(plt: Any, results: Results) -> Any:
    """Each method at its own rate: mean error and mean ECE with standard errors."""
    figure, axes = _panels(plt, results)
    for axis, setting in zip(axes[0], results.settings, strict=True):
        for method in METHODS:
            try:
                lines = results.own(setting, method).values()
            except NotRun:
                continue
            x, y = (spread(line[measure] for line in lines) for measure in ("error", "ece"))
            axis.errorbar(x.mean, y.mean, y.error, x.error, color=COLOURS[method], marker="o", markersize=4, linestyle="", label=method)
        axis.set_xlabel("test error in %")
    axes[0][0].set_ylabel("ECE in %")
    handles = {label: handle for axis in axes[0] for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False)
    return figure


def _rates(plt: Any, results: Results) -> Any:
    """Test errors over the initial rate, ± standard deviation."""
    figure, axes = _panels(plt, results)
    for axis, setting in zip(axes[0], results.settings, strict=True):
        for method in OVER_RATES:
            found = [spread(line["error"] for line in results.at(setting, method, rate).values()) for rate in results.config.rates]
            means, deviations = [s.mean for s in found], [s.deviation for s in found]
            axis.errorbar(results.config.rates, means, deviations, color=COLOURS[method], capsize=2, marker="o", markersize=3, label=method)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks(results.config.rates, [f"{rate:g}" for rate in results.config.rates])
        axis.set_xticks([], minor=True)
        axis.set_xlabel("rate / middle rate")
    axes[0][0].set_ylabel("test error in %")
    axes[0][0].legend(frameon=False)
    return figure


def _gradients(plt: Any, results: Results) -> Any:
    """|G| of each layer after each epoch, geometric mean over the seeds, at the middle rate: a row for each method."""
    figure, axes = _panels(plt, results, rows=len(OVER_EPOCHS), height=1.8)
    for row, method in zip(axes, OVER_EPOCHS, strict=True):
        for axis, setting in zip(row, results.settings, strict=True):
            try:
                lines = _finished(results, setting, method)
            except NotRun:
                lines = []
            if not lines:
                axis.axis("off")
                continue
            for layer in range(len(lines[0]["gradients"][0])):
                epochs = zip(*([norms[layer][0] for norms in line["gradients"]] for line in lines), strict=True)
                means = [math.exp(sum(math.log(g or 1e-12) for g in epoch) / len(epoch)) for epoch in epochs]
                share = layer / max(1, len(lines[0]["gradients"][0]) - 1)
                over_epochs(axis, 1, means, color=plt.cm.viridis(0.9 * share), label=f"layer {layer + 1}")
            axis.set_yscale("log")
            axis.set_xlabel("")
        row[0].set_ylabel(f"{method}\n|G| of each layer")
    axes[0][0].legend(frameon=False)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    return figure


def _temperatures(plt: Any, results: Results) -> Any:
    """The factor put in by all fits so far, geometric mean over the seeds, at the middle rate."""
    figure, axes = _panels(plt, results)
    for axis, setting in zip(axes[0], results.settings, strict=True):
        for method, where in COOLING.items():
            try:
                lines = _finished(results, setting, method)
            except NotRun:
                continue
            logs = [[math.log(tau) for tau in line["taus"]] for line in lines]
            if where != "last":
                logs = [[sum(part[: n + 1]) for n in range(len(part))] for part in logs]
            means = [math.exp(sum(values) / len(values)) for values in zip(*logs, strict=True)]
            over_epochs(axis, 2, means, color=COLOURS[method], label=method)
        axis.set_yscale("log")
        say_empty(axis, "no fit before\nthe second epoch")
        axis.axhline(1, color="#888888", linewidth=0.5)
    axes[0][0].set_ylabel("temperature put in so far")
    axes[0][0].legend(frameon=False)
    return figure
