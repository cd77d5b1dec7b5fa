"""Reliability diagrams with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exactnn.pictures.axes import given_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from exactnn.cooling.calibration import ReliabilityDiagram


def draw(diagram: ReliabilityDiagram, ax: Axes | None) -> Axes:
    """Bars of accuracy over the bins, the gaps to the mean confidence in red, the share of samples as dots."""
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
    axes.bar(lefts, accuracies, widths, align="edge", color="C0", edgecolor="white", linewidth=0.6, label="accuracy")
    axes.bar(lefts, gaps, widths, bottom=accuracies, align="edge", color="C3", alpha=0.35, label="gap to mean confidence")
    shares = [b.count / diagram.count for b in filled]
    axes.plot(
        [a + w / 2 for a, w in zip(lefts, widths, strict=True)],
        shares,
        "o",
        color="C1",
        markeredgecolor="white",
        markersize=5,
        label="share of samples",
    )
    axes.plot([0, 1], [0, 1], color="0.35", linestyle=(0, (4, 2)), linewidth=1)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("P(class 1)" if diagram.mode == "binary" else "confidence")
    axes.set_ylabel("accuracy" if diagram.mode == "top-label" else "share of class 1")
    axes.set_title(
        f"{diagram.count} samples, ECE {float(diagram.expected_error):.4f}, MCE {float(diagram.maximum_error):.4f}", fontsize="medium"
    )
    axes.legend(fontsize="small", loc="upper left")
    return axes
