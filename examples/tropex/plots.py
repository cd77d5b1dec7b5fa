"""The pictures: accuracy as terms are added, coefficients as images, and the coefficients of all points in a plane."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from study.pictures import draw_all
from study.tables import NotRun, spread
from tropex.models import KINDS, NETWORKS
from tropex.report import Line, Results, picture_file

KINDS_OF_LINES = {"": ("-", "#1b4f8a"), "norm": ("--", "#c8501e"), "dropout": (":", "#3d8b3d"), "leaky": ("-.", "#8a5fb0")}

END = 1.4  # where the networks are, beside the last number of points


def draw(results: Results, out: Path) -> tuple[list[str], str]:
    """The names of the pictures written to the folder, those of MNIST with its name, and what is to be said about those left out."""
    pictures = {}
    for task in results.tasks:
        for name, picture in (("evolution", _evolution), ("coefficients", _coefficients), ("plane", _plane)):
            pictures[Path(picture_file(name, task)).stem] = partial(picture, task)
    return draw_all(pictures, results, out)


def _networks(results: Results, task: str, kind: str = "") -> dict[str, list[Line]]:
    """The lines of each network by seed, in the order of the tables."""
    names = [name for name in NETWORKS if name in results.config.tasks[task].networks and name.startswith(kind)]
    return {name: list(results.at(task, name).values()) for name in names}


def _evolution(task: str, plt: Any, results: Results) -> Any:
    """Test accuracy of the extracted function over the number of points, mean ± deviation; at the right end that of the network."""
    kinds = [kind for kind in KINDS if _networks(results, task, kind)]
    figure, axes = plt.subplots(1, len(kinds), figsize=(3.6 * len(kinds), 3), layout="constrained", sharey=True, squeeze=False)
    for axis, kind in zip(axes[0], kinds, strict=True):
        steps: list[int] = []
        for number, (network, lines) in enumerate(_networks(results, task, kind).items()):
            steps = lines[0]["steps"]
            style, colour = KINDS_OF_LINES[network.partition("-")[2]]
            apart = 1 + 0.03 * (number - 1.5)  # so that error bars are seen side by side
            grown = [spread(line["evolution"][i] for line in lines) for i in range(len(steps))]
            whole = [spread(line["accuracy"] for line in lines)]
            for places, found, look in ((steps, grown, {"linestyle": style, "label": network}), ([END * steps[-1]], whole, {"fmt": "s"})):
                x, y, bars = ([p * apart for p in places], [f.mean for f in found], [f.deviation for f in found])
                axis.errorbar(x, y, bars, color=colour, capsize=2, markersize=4, **look)
        axis.set_xscale("log")
        axis.set_xticks([*steps, END * steps[-1]], [*map(str, steps), "network"], minor=False)
        axis.minorticks_off()
        axis.set_xlabel("training points with terms")
        axis.legend(loc="lower right", frameon=False)
    axes[0][0].set_ylabel("test accuracy in %")
    return figure


def _coefficients(task: str, plt: Any, results: Results) -> Any:
    """Gradients of the predicted class at the first training points, of the first seed, and of the retrained network: red up, blue down."""
    first = {network: lines[0] for network, lines in _networks(results, task).items()}
    labels = next(iter(first.values()))["shown_labels"]
    shown = [(n, key, f"a {label}{again}") for n, label in enumerate(labels) for key, again in (("", ""), ("retrained_", ", retrained"))]
    words = [text for *_, text in shown]
    high = len(first) > len(shown)  # whether the networks are side by side
    rows, columns = (words, list(first)) if high else (list(first), words)
    size = (1.2 * len(columns), 1.2 * len(rows) + 0.3)
    figure, axes = plt.subplots(len(rows), len(columns), figsize=size, layout="constrained", squeeze=False)
    for line, network in zip(axes.T if high else axes, first, strict=True):
        for axis, (point, key, _) in zip(line, shown, strict=True):
            image = np.array(first[network][f"{key}images"][point])
            side, most = round(len(image) ** 0.5), np.abs(image).max() or 1
            axis.imshow(image.reshape(side, side), cmap="RdBu_r", vmin=-most, vmax=most)
            axis.set(xticks=[], yticks=[])
    for text, axis in zip(columns, axes[0], strict=True):
        axis.set_title(text, fontsize=7)
    for text, axis in zip(rows, axes[:, 0], strict=True):
        axis.set_ylabel(text, fontsize=7)
    return figure


def _plane(task: str, plt: Any, results: Results) -> Any:
    """Gradients of the predicted class at all training points (dots) and test points (crosses) in their plane of largest variance."""
    shown = {name: lines[0] for name, lines in _networks(results, task).items() if name in KINDS}
    if not shown:
        raise NotRun
    figure, axes = plt.subplots(1, len(shown), figsize=(3.4 * len(shown), 3.2), layout="constrained", squeeze=False)
    for axis, (network, line) in zip(axes[0], shown.items(), strict=True):
        plane, labels, count = np.array(line["plane"]), np.array(line["plane_labels"]), line["settings"]["train"]
        for part, marker in ((slice(None, count), "."), (slice(count, None), "x")):
            axis.scatter(*plane[part].T, c=labels[part], cmap="tab10", vmin=0, vmax=9, marker=marker, s=12, linewidths=0.7)
        axis.set_title(network)
        axis.set_xticks([])
        axis.set_yticks([])
    return figure
