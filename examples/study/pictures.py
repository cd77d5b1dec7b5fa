"""Pictures of a study. They need matplotlib, the extra `plot`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from study.tables import NotRun

Results = TypeVar("Results")


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
