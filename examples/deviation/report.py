"""The table, for the screen, as Markdown and as CSV, and the picture of the brackets."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deviation.measure import Row
from era.plots import BLUE, GREY, ORANGE
from study.tables import down, up

from exactnn.exact.files import write_text

HEADER = (
    *("pair", "inputs", "lower", "upper", "ratio", "at points", "run f", "run g"),
    *("right f", "right g", "alike", "seconds", "size", "checker"),
)
LEGEND = """\
lower <= max |f - g| <= upper over all outputs and all inputs of the box, in real arithmetic: lower is attained at a point of the
certificate, upper is proved by it; ratio: upper / lower. At points: the largest |f - g| seen at test images (ACAS Xu: at random points).
Run f, run g: a float32 run is proved to be at most so far from the network. Right, alike: shares of the test images. Seconds: for the
bracket; checker: for checking it again. Numbers are rounded so that they claim no more than what is proved."""
PICTURE = "deviation.png"


def cells(row: Row) -> list[str]:
    """One line of the table."""
    shares = [""] * 3 if row.right is None else [f"{share:.2%}" for share in row.right]
    ratio = up(row.upper / row.lower, 2) if row.lower else "" if row.upper else "1"
    bounds = [down(row.lower), up(row.upper), ratio, down(row.at_points), *(up(run.upper) for run in row.runs)]
    proof = [f"{row.proof.size / 1024:.0f} KB", f"{row.proof.seconds:.1f} s" if row.proof.accepted else "REJECTED"]
    return [row.case.title, str(row.case.f.input_dim), *bounds, *shares, f"{row.seconds:.1f}", *proof]


def table(rows: Sequence[Row]) -> str:
    """For the screen: columns under each other."""
    lines = [list(HEADER), *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rests = ("".join(f"  {cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True)) for line in lines)
    return "\n".join(f"{line[0]:<{widths[0]}}{rest}" for line, rest in zip(lines, rests, strict=True))


def write(rows: Sequence[Row], folder: Path, notes: Sequence[str], *, pictured: bool = False) -> None:
    """report.md and deviation.csv, of the rows so far."""
    lines = [HEADER, ["---"] * len(HEADER), *map(cells, rows)]
    parts = [
        "# How far apart: networks and their copies",
        LEGEND,
        "\n".join(f"| {' | '.join(line)} |" for line in lines),
        *notes,
        *[f"![brackets]({PICTURE})"] * pictured,
    ]
    write_text(folder / "report.md", "\n\n".join(filter(None, parts)) + "\n")
    write_text(folder / "deviation.csv", _csv(rows))


def _csv(rows: Sequence[Row]) -> str:
    """Numbers without units; both ends with 12 digits, rounded outwards; accepted: all certificates of the pair."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("pair", "inputs", "lower", "upper", "at_points", "float32_run_f", "float32_run_g", "right_f", "right_g", "alike")
    writer.writerow([*names, "seconds", "certificate_bytes", "checker_seconds", "accepted"])
    for row in rows:
        ends = (down(row.lower, 12), up(row.upper, 12), down(row.at_points, 12), *(up(run.upper, 12) for run in row.runs))
        proof = (row.proof.size, f"{row.proof.seconds:.3f}", all(p.accepted for p in row.proofs))
        writer.writerow([row.case.name, row.case.f.input_dim, *ends, *(row.right or [""] * 3), f"{row.seconds:.3f}", *proof])
    return text.getvalue()


def draw(rows: Sequence[Row], folder: Path) -> str:
    """The brackets on one axis of powers of ten; comes back with what is to be said if there is no picture."""
    if not rows:
        return "There is no picture, as there is no bracket."
    if importlib.util.find_spec("matplotlib") is None:
        return "The picture was left out: matplotlib is not installed (the extra `plot`)."
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with plt.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = _picture(plt, rows)
        figure.savefig(folder / PICTURE, dpi=130, metadata={"Software": None})
        plt.close(figure)
    return ""


def _picture(plt: Any, rows: Sequence[Row]) -> Any:
    """Bars from lower to upper, points for what test images show and for runs in float32."""
    ends = [float(end) for row in rows for end in (row.lower, row.upper, row.at_points, *(run.upper for run in row.runs)) if end]
    least = min(ends, default=1.0) / 10  # a place for 0, which has none on this axis
    figure, axes = plt.subplots(figsize=(7.5, 1.2 + 0.4 * len(rows)), layout="constrained")
    for i, row in enumerate(rows):
        lower, upper, seen, *runs = (max(float(end), least) for end in (row.lower, row.upper, row.at_points, *(r.upper for r in row.runs)))
        names = ("max |f - g| lies here", "largest at points", "float32 runs, at most") if not i else (None,) * 3
        axes.plot([lower, upper], [i, i], color=BLUE, linewidth=4, solid_capstyle="butt", marker="|", markersize=9, label=names[0])
        axes.plot([seen], [i], "o", color=ORANGE, markersize=4, label=names[1])
        axes.plot(runs, [i, i], "x", color=GREY, markersize=5, label=names[2])
    axes.set_xscale("log")
    axes.set_xlim(left=least / 2)
    axes.set_yticks(range(len(rows)), [row.case.title for row in rows])
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.12), ncols=3)
    return figure
