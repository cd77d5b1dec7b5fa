"""The pictures of the README and the guides, in docs/images/, drawn anew from what is kept in this repository: nothing is trained.

Run it with `make pictures`, or `python examples/pictures.py [NAME ...] [--out FOLDER]`. It takes a minute, and the same versions of the
packages write the same files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from digits.data import digits

import exactnn as xn
from exactnn.exact.array import RationalArray
from exactnn.network import Affine
from exactnn.pictures.axes import save
from exactnn.rational import BOULLE, ERA, PadeUnit
from exactnn.tropical import TropicalPolynomial

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parent / "docs" / "images"


def classifier() -> xn.Network:
    """64-32-10, trained on handwritten digits."""
    return xn.load(HERE / "digits" / "digits.onnx")


def images(*wanted: int) -> list[Any]:
    """The first held-out image of each of these digits."""
    _, (pictures, labels) = digits()
    return [pictures[labels.tolist().index(digit)] for digit in wanted]


def rounded(net: xn.Network, step: Fraction) -> xn.Network:
    """A chain with every weight and bias rounded to a multiple of the step."""

    def near(values: RationalArray) -> Any:
        flat = [round(v / step) * step for v in values.to_fractions()]
        return RationalArray.of(flat).reshape(*values.shape)

    operations = [net.operation(name) for name in net.order]
    return xn.mlp([(near(o.weight), near(o.bias)) for o in operations if isinstance(o, Affine)])


def digits_plane(path: Path) -> None:
    """For the README and the demo: the plane through three images, the digits themselves beside their points."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    names = [f"{digit}" for digit in range(10)]
    shown = images(3, 8, 1)
    ax = xn.regions.plot(classifier(), through=shown, labels=["3", "8", "1"], colour="class", classes=names)
    for image, place in zip(shown, ((0, 0), (1, 0), (0, 1)), strict=True):
        pixels = OffsetImage(image.reshape(8, 8), cmap="gray_r", zoom=3.4, interpolation="nearest")
        ax.add_artist(AnnotationBbox(pixels, place, (0, -24), boxcoords="offset points", pad=0.1, bboxprops={"edgecolor": "#888888"}))
    save(ax, path, tight=True)


def layers(path: Path) -> None:
    """Two layers: lines of the first, bent lines of the second, and lines where nothing bends."""
    first = [[2, 1], [-1, 2], [1, -2], [1, 1], [0, -1], [-1, 0]]
    second = [[1, -1, 0, 1, -1, 2], [-1, 1, 1, -1, 0, 1], [1, 1, -1, -1, 1, -1]]
    net = xn.mlp([(first, [1, -1, 0, -2, 1, 1]), (second, [-1, -2, 1]), ([[1, -1, 1]], [0])])
    xn.regions.plot(net, xn.Box([-4, -3], [4, 3]), path=path)


def pair(path: Path) -> None:
    """The classifier, and a copy with weights of few bits."""
    f = classifier()
    look: dict[str, Any] = {"colour": "class", "classes": [f"{digit}" for digit in range(10)], "kinks": False}
    titles = ["digits.onnx", "its weights rounded to halves"]
    xn.regions.plot_pair(f, rounded(f, Fraction(1, 2)), through=images(3, 8, 1), labels=["3", "8", "1"], titles=titles, path=path, **look)


def graph(path: Path) -> None:
    """A pyramid as a graph in space."""
    net = xn.mlp([([[1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 4), ([[-1] * 4], [1]), ([[1]], ["-1/4"])])
    xn.regions.plot_3d(net, xn.Box(["-5/4", "-5/4"], ["5/4", "5/4"]), title="max(0, 1 - |x| - |y|) - 1/4", path=path)


def surface(path: Path) -> None:
    """The decision boundary of a network with three inputs: an octahedron with two corners cut off."""
    signs = [[s if i == j else 0 for j in range(3)] for i in range(3) for s in (1, -1)]
    net = xn.mlp([([*signs, [1, -1, 1], [0, -1, -1]], [0] * 6 + ["-1/2", "-1/2"]), ([[-1] * 6 + [-1, -2]], ["9/10"])])
    xn.regions.plot_3d(net, xn.Box([-1] * 3, [1] * 3), path=path)


def spike(path: Path) -> None:
    """The activation of docs/rational.md that is tame on [-3, 3]."""
    found = ERA(("1/2", "3.5"), [(0, "-51.7", 0, "3.82"), (0, 1, "5.304", "-0.00191")])
    xn.rational.plot(found, (-10, 10), path=path)


def formulas(path: Path) -> None:
    """One table of coefficients under two formulas."""
    a, b = ["0.0218", "0.5", "1.5957", "1.1915"], ["0", "2.383"]
    named = {"formula N: 1 + 2.383 x²": BOULLE, "formula C: 1/10 + |2.383 x²|": PadeUnit(a, [0, *b], formula="C")}
    xn.rational.plot(named, (-1, 1), title="the same coefficients under two formulas", path=path)


def curve(path: Path) -> None:
    """A tropical cubic, each of whose terms is somewhere the largest."""
    exponents = [(i, j) for i in range(4) for j in range(4 - i)]
    xn.tropical.plot(TropicalPolynomial({(i, j): -(i * i + i * j + j * j) for i, j in exponents}), path=path)


def boundary(path: Path) -> None:
    """The tropical form of the classifier on the plane through three images."""
    plane = xn.regions.restrict(classifier(), *xn.regions.through(images(3, 8, 1)))
    form = xn.tropical.extract(plane, xn.Box(["-1/4", "-1/4"], ["5/4", "5/4"]))
    xn.tropical.plot_decision_boundary(form, points=[[0, 0], [1, 0], [0, 1]], labels=["3", "8", "1"], path=path)


PICTURES: dict[str, Callable[[Path], None]] = {
    "regions-digits": digits_plane,
    "regions-layers": layers,
    "regions-pair": pair,
    "regions-graph": graph,
    "regions-surface": surface,
    "rational-spike": spike,
    "rational-formulas": formulas,
    "tropical-curve": curve,
    "tropical-boundary": boundary,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"which: {', '.join(PICTURES)} (all)")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the pictures (docs/images/)")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(PICTURES))
    if unknown:
        parser.error(f"no picture is called {', '.join(unknown)}; there are {', '.join(PICTURES)}")
    import matplotlib

    matplotlib.use("Agg")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or PICTURES:
        path = options.out / f"{name}.svg"
        PICTURES[name](path)
        print(f"drawn: {path} ({path.stat().st_size / 1000:.0f} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
