"""The pictures: accuracy as terms are added, coefficients as images, and the coefficients of all points in a plane."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from study.pictures import draw_all
from study.tables import spread
from tropex.models import NETWORKS
from tropex.report import Line, Results
from tropex.train import SHOWN

COLOURS = {"dense": "#2a6fbb", "conv": "#d9731a"}
STYLES = {"": "-", "norm": "--", "dropout": ":", "leaky": "-."}
TASK = "digits"


def draw(results: Results, out: Path) -> tuple[list[str], str]:
    """The names of the pictures written to the folder, and what is to be said about those left out."""
    return draw_all({"evolution": _evolution, "coefficients": _coefficients, "plane": _plane}, results, out)


def _lines(results: Results, network: str) -> list[Line]:
    return list(results.at(TASK, network).values())


def _networks(results: Results) -> list[str]:
    return [name for name in NETWORKS if name in results.config.tasks[TASK].networks]


def _evolution(plt: Any, results: Results) -> Any:
    """Test accuracy of the extracted map over the number of points, mean ± deviation, and that of the network at the right end."""
    figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
    for network in _networks(results):
        lines = _lines(results, network)
        kind, _, change = network.partition("-")
        steps = lines[0]["steps"]
        found = [spread(line["evolution"][i] for line in lines) for i in range(len(steps))]
        axis.errorbar(
            steps, [f.mean for f in found], [f.deviation for f in found], color=COLOURS[kind], linestyle=STYLES[change], label=network
        )
        axis.plot([steps[-1] * 1.08], [spread(line["accuracy"] for line in lines).mean], ".", color=COLOURS[kind])
    axis.set_xscale("log")
    axis.set_xticks(steps, list(map(str, steps)), minor=False)
    axis.minorticks_off()
    axis.set_xlabel("training points with terms (dots: the networks)")
    axis.set_ylabel("test accuracy in %")
    figure.legend(loc="outside right center", frameon=False)
    return figure


def _coefficients(plt: Any, results: Results) -> Any:
    """Gradients of the predicted class at the first training points, of the first seed: red up, blue down."""
    networks = _networks(results)
    figure, axes = plt.subplots(SHOWN, len(networks), figsize=(1.2 * len(networks), 1.2 * SHOWN + 0.3), layout="constrained", squeeze=False)
    for column, network in enumerate(networks):
        line = _lines(results, network)[0]
        for row, (image, label) in enumerate(zip(line["images"], line["shown_labels"], strict=True)):
            side = round(len(image) ** 0.5)
            most = max(map(abs, image)) or 1
            axis = axes[row][column]
            axis.imshow(np.reshape(image, (side, side)), cmap="RdBu_r", vmin=-most, vmax=most)
            axis.set_xticks([])
            axis.set_yticks([])
            if not row:
                axis.set_title(network, fontsize=7)
            if not column:
                axis.set_ylabel(f"a {label}")
    return figure


def _plane(plt: Any, results: Results) -> Any:
    """Gradients of the predicted class at all training points (dots) and test points (crosses) in their plane of largest variance."""
    shown = [name for name in ("dense", "conv") if name in _networks(results)]
    figure, axes = plt.subplots(1, len(shown), figsize=(3.4 * len(shown), 3.2), layout="constrained", squeeze=False)
    for axis, network in zip(axes[0], shown, strict=True):
        line = _lines(results, network)[0]
        plane, labels, count = np.array(line["plane"]), np.array(line["plane_labels"]), line["settings"]["train"]
        for part, marker in ((slice(None, count), "."), (slice(count, None), "x")):
            axis.scatter(*plane[part].T, c=labels[part], cmap="tab10", vmin=0, vmax=9, marker=marker, s=12, linewidths=0.7)
        axis.set_title(network)
        axis.set_xticks([])
        axis.set_yticks([])
    return figure
