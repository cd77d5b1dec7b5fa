"""Pictures of a study. They need matplotlib, the extra `plot`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from study.tables import NotRun

Results = TypeVar("Results")


def over_epochs(axis: Any, first: int, means: Sequence[float], **look: Any) -> None:
    """A line over the epochs from the first on, with a dot at each of a few, so that one alone is seen; whole numbers below it."""
    from matplotlib.ticker import MaxNLocator

    epochs = range(first, first + len(means))
    axis.plot(epochs, means, marker="o" if len(means) <= 12 else "", markersize=3, **look)
    if len(means) <= 3:
        axis.set_xticks(epochs)
    else:
        axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_xlabel("epoch")


def say_empty(axis: Any, text: str) -> None:
    """A sentence in the place of lines, if there are none."""
    if not any(len(line.get_xdata()) for line in axis.lines):
        axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes, color="#555555")
        axis.set(xticks=[], yticks=[])


def draw_all(pictures: Mapping[str, Callable[[Any, Results], Any]], results: Results, out: Path) -> tuple[list[str], str]:
    """Each picture as NAME.png, without those of runs that were not asked for: the names, and what is to be said where there are none."""
    if importlib.util.find_spec("matplotlib") is None:
        return [], "The pictures were left out: matplotlib is not installed (the extra `plot`)."
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = []
    with plt.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        for name, picture in pictures.items():
            try:
                figure = picture(plt, results)
            except NotRun:
                continue
            figure.savefig(out / f"{name}.png", dpi=110, metadata={"Software": None})
            plt.close(figure)
            names.append(f"{name}.png")
    return names, ""
