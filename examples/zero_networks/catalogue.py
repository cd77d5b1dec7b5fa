"""A catalogue of small networks that are zero everywhere, each with a certificate, and the pictures of docs/zero-networks.md.

    python examples/zero_networks/catalogue.py              # catalogue.json and certificates/, beside this file
    python examples/zero_networks/catalogue.py --pictures   # and docs/images/zero-*.png; needs matplotlib

`exactnn check examples/zero_networks/certificates/NAME.json` re-checks one of them.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import exactnn as xn
from exactnn.exact.array import RationalArray
from exactnn.symmetry import search_zero
from exactnn.symmetry.zero_networks import formula, parameters

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / "docs" / "images"

#: inputs, neurons, max_weight, and options of search_zero
SEARCHES: list[tuple[int, int, int, dict[str, Any]]] = [
    (1, 6, 1, {"fewest": True}),
    (1, 6, 1, {"fewest": True, "nonzero": True}),
    (1, 6, 2, {}),
    (2, 6, 1, {"fewest": True}),
    (2, 6, 1, {"fewest": True, "nonzero": True}),
    (2, 6, 1, {}),
    (2, 8, 1, {"nonzero": True}),
    (3, 6, 1, {"fewest": True}),
    (3, 6, 1, {"fewest": True, "nonzero": True}),
    (3, 6, 1, {}),
    (3, 8, 1, {"nonzero": True}),
]


def entries(inputs: int, neurons: int, max_weight: int, options: dict[str, Any]) -> tuple[str, str, list[xn.Network]]:
    """The call, what it says about itself, and its networks."""
    search = search_zero(inputs, neurons, max_weight, **options)
    nets = list(search)
    given = "".join(f", {name}={value}" for name, value in options.items())
    return f"search_zero({inputs}, {neurons}, {max_weight}{given})", search.summary, nets


def describe(net: xn.Network) -> dict[str, Any]:
    """A network as the catalogue has it."""
    found = parameters(net)
    numbers = [*(n for row in found["W"] for n in row), *found["b"], *(n for row in found["a"] for n in row), *found["c"]]
    return {
        "formula": formula(net),
        "inputs": net.input_dim,
        "neurons": len(found["b"]),
        "rank": RationalArray.of(found["W"]).to_fmpq_mat().rank(),  # of the normals
        "nonzero": "0" not in numbers,
        **found,
    }


def catalogue() -> Iterator[tuple[dict[str, Any], list[xn.Network]]]:
    """The searches with their networks, and the networks themselves; certificates are numbered by first appearance."""
    names: dict[tuple[int, str], str] = {}
    for search in SEARCHES:
        call, summary, nets = entries(*search)
        described = [describe(net) for net in nets]
        for entry in described:
            start = f"{entry['inputs']}-{entry['neurons']}-"
            number = sum(name.startswith(start) for name in names.values()) + 1
            name = names.setdefault((entry["inputs"], entry["formula"]), f"{start}{number:02d}")
            entry["certificate"] = f"certificates/{name}.json"
        yield {"found_by": call, "summary": summary, "networks": described}, nets


def write(folder: Path) -> None:
    """catalogue.json, and the certificates; a certificate that differs only in what it says about its making is left alone."""
    (folder / "certificates").mkdir(exist_ok=True)
    searches, count = [], 0
    for search, nets in catalogue():
        searches.append(search)
        for entry, net in zip(search["networks"], nets, strict=True):
            verdict = xn.verify_zero(net)
            if verdict.status != "proved" or verdict.certificate is None:
                raise AssertionError(f"not proved: {entry['formula']}: {verdict}")
            path = folder / entry["certificate"]
            before = claims(path) if path.exists() else None
            fresh = verdict.certificate.save(path.with_suffix(".new"))
            if claims(fresh) == before:
                fresh.unlink()
            else:
                fresh.replace(path)
            if not xn.check(path):
                raise AssertionError(f"not accepted: {path}")
            count += 1
    kept = {entry["certificate"] for search in searches for entry in search["networks"]}
    for path in (folder / "certificates").iterdir():
        if f"certificates/{path.name}" not in kept:
            path.unlink()
    lines = []
    for search in searches:
        networks = ",\n".join("   " + json.dumps(entry) for entry in search["networks"])
        lines.append(f'  {json.dumps({k: search[k] for k in ("found_by", "summary")})[:-1]}, "networks": [\n{networks}\n  ]}}')
    text = '{"searches": [\n' + ",\n".join(lines) + "\n]}\n"
    (folder / "catalogue.json").write_text(text, encoding="utf-8")
    print(f"{len(kept)} zero networks from {len(searches)} searches, {count} proofs, in {folder}")


def claims(certificate: Path) -> dict[str, Any]:
    """A certificate without what it says about its making."""
    document: dict[str, Any] = json.loads(certificate.read_text(encoding="utf-8"))
    document.pop("about", None)
    return document


# --- pictures ------------------------------------------------------------------------------------------------------------

BLUE, ORANGE, GREY = "#2a6fbb", "#d9731a", "#888888"


def pictures(folder: Path) -> None:
    """The pictures of docs/zero-networks.md."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "mathtext.fontset": "cm"})
    folder.mkdir(exist_ok=True)
    for name, draw in (("pieces", _pieces), ("lines", _lines), ("graph", _graph)):
        figure = draw(plt)
        figure.savefig(folder / f"zero-{name}.png", dpi=110, metadata={"Software": None})
        plt.close(figure)


def _pieces(plt: Any) -> Any:
    """Four neurons in one variable: the two opposite pairs are affine, and cancel."""
    x = [k / 50 for k in range(-100, 151)]
    panels = [
        (r"$\max(x,0)$ and $-\max(-x,0)$", [[max(t, 0) for t in x], [-max(-t, 0) for t in x]], x, "sum: $x$"),
        (
            r"$\max(1-x,0)$ and $-\max(x-1,0)$",
            [[max(1 - t, 0) for t in x], [-max(t - 1, 0) for t in x]],
            [1 - t for t in x],
            "sum: $1-x$",
        ),
        ("the two sums, and $c=-1$", [x, [1 - t for t in x], [-1.0 for _ in x]], [0.0 for _ in x], "sum: $0$"),
    ]
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.7), sharey=True, layout="constrained")
    for axis, (title, parts, total, label) in zip(axes, panels, strict=True):
        for part, colour in zip(parts, (BLUE, ORANGE, GREY), strict=False):
            axis.plot(x, part, color=colour, linewidth=1.6)
        axis.plot(x, total, color="black", linewidth=1.2, linestyle=(0, (4, 3)), label=label)
        axis.axhline(0, color=GREY, linewidth=0.5)
        axis.set_title(title, fontsize=10)
        axis.set_xticks([-2, -1, 0, 1, 2, 3])
        axis.set_xlabel("$x$")
        axis.legend(frameon=False, loc="upper center")
    return figure


def _lines(plt: Any) -> Any:
    """Six neurons in two variables: three lines with a neuron on each side; the arrows j u add up to 0."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.3), layout="constrained")
    examples = [
        ([((1, 0), 0), ((0, 1), 0), ((-1, -1), 0)], "$c=0$"),
        ([((1, 0), 1), ((0, 1), 1), ((-1, -1), 1)], "$c=-3$"),
    ]
    for axis, (pairs, constant) in zip(axes, examples, strict=True):
        for (u, v), colour, arrow, label in zip(pairs, (BLUE, ORANGE, "#3a8f4d"), (2.4, 1.4, -2.6), (-3.3, 2.5, 3.6), strict=True):
            size = math.hypot(*u)
            foot = (-v * u[0] / size**2, -v * u[1] / size**2)
            way = (-u[1] / size, u[0] / size)
            ends = [(foot[0] + t * way[0], foot[1] + t * way[1]) for t in (-9, 9)]
            axis.plot(*zip(*ends, strict=True), color=colour, linewidth=1.8)
            at, name = ((foot[0] + t * way[0], foot[1] + t * way[1]) for t in (arrow, label))
            axis.annotate("", (at[0] + u[0], at[1] + u[1]), at, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.6})
            for sign in (1, -1):
                level = _level(u, v, sign)
                side = (sign * u[0] / size, sign * u[1] / size)
                place = (name[0] + 0.25 * side[0], name[1] + 0.35 * side[1])
                axis.text(
                    *place,
                    f"${'+' if sign > 0 else '-'}\\max({level},0)$",
                    color=colour,
                    ha="left" if side[0] > 0.1 else "right" if side[0] < -0.1 else "center",
                    va="center",
                    fontsize=9,
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8},
                )
        axis.set_title(f"arrows $j\\,u$: $(1,0)+(0,1)+(-1,-1)=0$; {constant}", fontsize=10)
        axis.set_xlim(-4, 5.6)
        axis.set_ylim(-4.3, 4.3)
        axis.set_aspect("equal")
        axis.set_xlabel("$x$")
        axis.set_ylabel("$y$", rotation=0)
    return figure


def _level(u: tuple[int, int], v: int, sign: int) -> str:
    text = ""
    for n, name in ((sign * u[0], "x"), (sign * u[1], "y"), (sign * v, "1")):
        if n:
            text += ("-" if n < 0 else "+" if text else "") + name
    return text


def _graph(plt: Any) -> Any:
    """The zero network with the fewest neurons whose parameters are all non-zero, for two inputs, as a graph."""
    _, _, (net,) = entries(2, 6, 1, {"fewest": True, "nonzero": True})
    found = parameters(net)
    figure, axis = plt.subplots(figsize=(7, 3.8), layout="constrained")
    axis.axis("off")
    axis.set_xlim(-0.5, 7.9)
    axis.set_ylim(-0.5, 4.1)
    count = len(found["b"])
    inputs = [(0.0, 1.3), (0.0, 2.5)]
    hidden = [(3.4, 3.4 - 3.0 * i / (count - 1)) for i in range(count)]
    output = (6.4, 1.9)
    for i, place in enumerate(hidden):
        for k, start in enumerate(reversed(inputs)):
            _edge(axis, start, place, found["W"][i][k], 0.72)
        _edge(axis, place, output, found["a"][0][i], 0.36)
    for name, place in zip(("$y$", "$x$"), inputs, strict=True):
        _node(axis, place, name, "white")
    for bias, place in zip(found["b"], hidden, strict=True):
        _node(axis, place, f"${bias}$", "#dce9f7")
    _node(axis, output, f"${found['c'][0]}$", "#fbe6d4")
    axis.annotate("", (7.3, output[1]), (output[0] + 0.28, output[1]), arrowprops={"arrowstyle": "-|>", "color": "black"})
    axis.text(7.4, output[1], "$0$", va="center", fontsize=13)
    for x, text in ((0.0, "inputs"), (3.4, "neurons max( . , 0), biases inside"), (6.4, "output, $c$ inside")):
        axis.text(x, -0.35, text, ha="center", fontsize=8, color=GREY)
    return figure


def _edge(axis: Any, start: tuple[float, float], end: tuple[float, float], weight: str, share: float) -> None:
    colour = BLUE if Fraction(weight) > 0 else ORANGE
    axis.plot((start[0], end[0]), (start[1], end[1]), color=colour, linewidth=1.3, zorder=1)
    x, y = (s + share * (e - s) for s, e in zip(start, end, strict=True))
    axis.text(
        x,
        y,
        f"${weight}$",
        color=colour,
        fontsize=8,
        ha="center",
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
    )


def _node(axis: Any, place: tuple[float, float], text: str, colour: str) -> None:
    axis.scatter(*place, s=620, facecolor=colour, edgecolor="black", linewidth=1, zorder=2)
    axis.text(*place, text, ha="center", va="center", zorder=3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--pictures", action="store_true", help="draw the pictures of docs/zero-networks.md as well")
    options = parser.parse_args()
    write(HERE)
    if options.pictures:
        pictures(IMAGES)


if __name__ == "__main__":
    main()
