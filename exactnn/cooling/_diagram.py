"""Reliability diagrams with matplotlib."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from exactnn.pictures import colours
from exactnn.pictures.axes import check_target, given_axes, save
from exactnn.pictures.drawing import legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from exactnn.cooling.calibration import ReliabilityDiagram


def draw(diagram: ReliabilityDiagram, ax: Axes | None, path: str | os.PathLike[str] | None) -> Axes:
    """Bars of accuracy over the bins, the gaps to the mean confidence hatched in red, the share of samples as dots."""
    check_target(ax, path)
    axes = given_axes(ax)
    filled = [b for b in diagram.bins if b.confidence is not None]
    lefts, widths = [], []
    for b in filled:
        low, high = float(b.lower or 0), float(b.upper or 0)
        spare = max(0.004 - (high - low), 0.0)  # equal confidences make an equal-mass bin without width
        lefts.append(low - spare / 2)
        widths.append(high - low + spare)
    accuracies = [float(b.accuracy or 0) for b in filled]
    confidences = [float(b.confidence or 0) for b in filled]
    gaps = [c - a for a, c in zip(accuracies, confidences, strict=True)]
    share = "accuracy" if diagram.mode == "top-label" else "share of class 1"
    bars: Any = {"align": "edge", "linewidth": 0.6}
    axes.bar(lefts, accuracies, widths, color="#7fb2e5", edgecolor="white", label=share, **bars)
    gap: Any = {"facecolor": "#f6d3c0", "edgecolor": colours.BOUNDARY, "hatch": "///", "label": "gap to mean confidence"}
    axes.bar(lefts, gaps, widths, bottom=accuracies, **bars, **gap)
    middles = [a + w / 2 for a, w in zip(lefts, widths, strict=True)]
    dots: Any = {"color": colours.POINT, "markeredgecolor": "white", "markersize": 5, "label": "share of samples"}
    axes.plot(middles, [b.count / diagram.count for b in filled], "o", **dots)
    axes.plot([0, 1], [0, 1], color="0.35", linestyle=(0, (4, 2)), linewidth=1, label="no gap")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("P(class 1)" if diagram.mode == "binary" else "confidence")
    axes.set_ylabel(share)
    axes.set_title(
        f"{diagram.count} samples, ECE {float(diagram.expected_error):.4f}, MCE {float(diagram.maximum_error):.4f}", fontsize="medium"
    )
    legend(axes, axes.get_legend_handles_labels()[0])
    save(axes, path, tight=ax is None)
    return axes
