"""The pictures: activations before and after training, the gain over the width, losses. They need matplotlib, the extra `plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from era.report import PAIRS, Line, Results, trained
from study.pictures import draw_all, over_epochs, say_empty
from study.tables import NotRun, paired, spread

BLUE, ORANGE, GREY = "#2a6fbb", "#d9731a", "#888888"


def draw(results: Results, out: Path) -> tuple[list[str], str]:
    """The names of the pictures written to the folder, and what is to be said about those left out."""
    return draw_all({"activations": _activations, "gain": _gain, "losses": _losses}, results, out)


def _activations(plt: Any, results: Results) -> Any:
    """A row of panels for each network, one for each layer: before training dashed, after it solid, where 99 % of its inputs are."""
    seed = results.config.seeds[0]
    found: list[tuple[str, Line]] = []
    for pair in PAIRS:
        line = results.select(*pair, "era4-swish").get(seed)
        if line is not None and not line["diverged"]:
            found.append(("/".join(pair), line))
    if not found:
        raise NotRun
    columns = max(len(line["activations"]) for _, line in found)
    figure, axes = plt.subplots(len(found), columns, figsize=(2.3 * columns, 1.8 * len(found)), layout="constrained", squeeze=False)
    for row, (name, line) in zip(axes, found, strict=True):
        for axis in row[len(line["activations"]) :]:
            axis.axis("off")
        for layer, (axis, act) in enumerate(zip(row, line["activations"], strict=False), 1):
            x = torch.linspace(*act["inputs"], 300, dtype=torch.float64)
            for moment, colour, style in (("before", GREY, (0, (4, 3))), ("after", BLUE, "-")):
                with torch.no_grad():
                    y = trained(act, moment).double()(x)
                axis.plot(x, y, color=colour, linestyle=style, linewidth=1.5, label=f"{moment} training")
            axis.set_title(f"{name}, layer {layer}")
            axis.set_xlabel("input of the activation")
        row[0].set_ylabel("value")
    axes[0][0].legend(frameon=False)
    return figure


def _gain(plt: Any, results: Results) -> Any:
    """Errors over the width of the MLP, and their difference."""
    point: dict[str, Any] = {"capsize": 2, "marker": "o", "markersize": 3}  # the dot of a single width is seen
    widths = sorted(results.config.studies["widths"].widths)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained")
    errors = {name: [results.errors("digits", "mlp", name, width=w) for w in widths] for name in ("relu", "era4-swish")}
    for (name, found), colour in zip(errors.items(), (GREY, BLUE), strict=True):
        spreads = [spread(e.values()) for e in found]
        left.errorbar(widths, [s.mean for s in spreads], [s.deviation for s in spreads], color=colour, label=name, **point)
    gains = [paired(relu, era) for relu, era in zip(*errors.values(), strict=True)]
    right.errorbar(widths, [g.mean for g in gains], [g.error for g in gains], color=ORANGE, **point)
    right.axhline(0, color=GREY, linewidth=0.5)
    left.set_ylabel("test error in %, ± standard deviation")
    right.set_ylabel("error of ReLU - error of ERA\nin points, ± standard error")
    for axis in (left, right):
        axis.set_xscale("log", base=2)
        axis.set_xticks(widths, map(str, widths))
        axis.set_xlabel("width")
    left.legend(frameon=False)
    return figure


def _losses(plt: Any, results: Results) -> Any:
    """The mean training loss of each epoch, over the seeds."""
    pairs = [pair for pair in PAIRS if results.select(*pair, "relu")]
    if not pairs:
        raise NotRun
    figure, axes = plt.subplots(1, len(pairs), figsize=(2.5 * len(pairs), 2.6), layout="constrained", squeeze=False)
    for axis, pair in zip(axes[0], pairs, strict=True):
        for name, colour in (("relu", GREY), ("silu", ORANGE), ("era4-swish", BLUE)):
            losses = [line["losses"] for line in results.select(*pair, name).values() if not line["diverged"]]
            means = [sum(epoch) / len(epoch) for epoch in zip(*losses, strict=True)]
            over_epochs(axis, 1, means, color=colour, label=name)
        axis.set_yscale("log")
        say_empty(axis, "every run diverged")
        axis.set_title("/".join(pair))
    axes[0][0].set_ylabel("training loss")
    axes[0][0].legend(frameon=False)
    return figure
