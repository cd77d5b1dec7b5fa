"""The pictures: accuracy as terms are added, coefficients as images, and the coefficients of all points in a plane."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from study.pictures import draw_all
from study.tables import NotRun, spread
from tropex.models import KINDS, NETWORKS
from tropex.report import Line, Results
from tropex.train import SHOWN

KINDS_OF_LINES = {"": ("-", "#1b4f8a"), "norm": ("--", "#c8501e"), "dropout": (":", "#3d8b3d"), "leaky": ("-.", "#8a5fb0")}

END = 1.4  # where the networks are, beside the last number of points


def draw(results: Results, out: Path) -> tuple[list[str], str]:
    """The names of the pictures written to the folder, those of MNIST with its name, and what is to be said about those left out."""
    pictures = {}
    for task in results.tasks:
        for name, picture in (("evolution", _evolution), ("coefficients", _coefficients), ("plane", _plane)):
            pictures[name if task == "digits" else f"{task}-{name}"] = partial(picture, task)
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
    networks = _networks(results, task)
    size = (1.2 * max(len(networks), 3), 2.4 * SHOWN + 0.3)
    figure, axes = plt.subplots(2 * SHOWN, len(networks), figsize=size, layout="constrained", squeeze=False)
    for column, (network, lines) in enumerate(networks.items()):
        first = lines[0]
        for point, label in enumerate(first["shown_labels"]):
            for row, (name, images) in enumerate((("", "images"), (", retrained", "retrained_images")), 2 * point):
                image = np.array(first[images][point])
                side = round(len(image) ** 0.5)
                most = np.abs(image).max() or 1
                axis = axes[row][column]
                axis.imshow(image.reshape(side, side), cmap="RdBu_r", vmin=-most, vmax=most)
                axis.set(xticks=[], yticks=[])
                if not row:
                    axis.set_title(network, fontsize=7)
                if not column:
                    axis.set_ylabel(f"a {label}{name}", fontsize=7)
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
