"""Which other weights compute the same function? Trained classifiers of digits, and some made degenerate on purpose, are asked.

`python examples/fibre.py [--out FOLDER]` trains four networks 64-h-10 (seconds), loads them without losing a bit, asks for the fibre of
their weights, and has every answer's certificate re-checked by the standalone checker. It writes to out/fibre/.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from digits.data import digits
from digits.fit import fit
from digits.margins import margins

import exactnn as xn
from exactnn.errors import Incomplete, Undecided
from exactnn.exact.array import RationalArray
from exactnn.network import Affine

HERE = Path(__file__).resolve().parent
CHECKER = Path(xn.__file__).parent / "certificate"
LIMIT = 20  # seconds for each question
Weights = tuple[Any, Any, Any, Any]  # W (rows w_i), b, A (columns a_i), c: arrays of floats or of Fractions

ASKED = """\
Which networks of the same width compute the same function? Permutations and positive scalings of neurons always lead to others: one
orbit. Is there anything else? (orbits: for reduced weights; idle: neurons active at no digit of the training set; least: minimal width)
"""
DISTANCES = """
How far the weights are from each degenerate set, in floats (a report, no proof); in brackets relative to |theta|, for the rank to |V|.
dead: min |a_i|; constant: min |w_i|; parallel: least second singular value of two neurons' (w, b), and the least angle of two; rank:
least singular value of V, whose rows are the vec(a_i w_i^T); radius: all weights as near as this are one orbit, too.
"""
SEEN = """
What is seen: the trained networks are one orbit each, of dimension h (a scaling for each neuron), and have no neuron too many. That is no
luck, since degenerate weights are a null set, which training with random beginnings does not hit. But they are not far away: in one of
the networks a change by {dead} % of |theta| makes a neuron dead, while no change by less than {radius} % does anything to any of them. Near
are the idle neurons, which are active on no digit of the training set, so that training leaves them small as they began. The function
on R^64 has them still; coarse rounding and pruning remove them, or their incoming weights, and what they have left is free: the fibre
has many more dimensions, though the network is right about as often. Flips need an exact relation between neurons, here built in; they
give a second orbit, no family. And weights that are not reduced, a neuron on both sides of a hyperplane, can be the only ones."""


@dataclass(frozen=True)
class Case:
    """A network and what has to be the answer, None where that depends on the training."""

    name: str
    net: xn.Network
    expected: str | None


# --- networks ---------------------------------------------------------------------------------------------------------------


def parameters(module: Any) -> Weights:
    """W, b, A, c of a trained module, float32."""
    weight, bias, outgoing, constant = (p.detach().numpy() for p in module.parameters())
    return weight, bias, outgoing, constant


def network(weights: Weights) -> xn.Network:
    weight, bias, outgoing, constant = weights
    return xn.mlp([(weight, bias), (outgoing, constant)])


def rounded(weights: Weights, step: float) -> Weights:
    """The nearest multiples of a power of two."""
    weight, bias, outgoing, constant = (np.round(a / step) * step for a in weights)
    return weight, bias, outgoing, constant


def pruned(weights: Weights, share: float) -> Weights:
    """A share of the entries of W and A set to 0, the smallest ones."""
    weight, bias, outgoing, constant = weights
    least = np.quantile(np.abs(np.concatenate([weight.ravel(), outgoing.ravel()])), share)
    return np.where(np.abs(weight) > least, weight, 0), bias, np.where(np.abs(outgoing) > least, outgoing, 0), constant


def with_neurons(weights: Weights, neurons: Sequence[tuple[Any, Any, Any]]) -> Weights:
    """Neurons (a, w, b) added, in exact arithmetic."""
    weight, bias, outgoing, constant = weights
    a, w, b = zip(*neurons, strict=True)
    return (
        np.concatenate([exact(weight), exact(w)]),
        np.concatenate([exact(bias), exact(b)]),
        np.concatenate([exact(outgoing), exact(np.transpose(a))], axis=1),
        exact(constant),
    )


def exact(values: Any) -> Any:
    """An array of Fractions, of floats or Fractions."""
    array = np.asarray(values, dtype=object)
    numbers = [v if isinstance(v, Fraction) else Fraction(float(v)) for v in array.ravel()]
    return np.array(numbers, dtype=object).reshape(array.shape)


def duplicated(weights: Weights) -> Weights:
    """Neuron 0 shares its outgoing weights with a copy of itself: the same function."""
    weight, bias, outgoing, constant = weights
    halved = np.concatenate([outgoing[:, :1] / 2, outgoing[:, 1:]], axis=1)
    return with_neurons((weight, bias, halved, constant), [(outgoing[:, 0] / 2, weight[0], bias[0])])


def split(weights: Weights) -> Weights:
    """A neuron on the other side of the hyperplane of neuron 0: two neurons of one class, as in 2 max(x, 0) + max(-x, 0)."""
    weight, bias, outgoing, _ = weights
    return with_neurons(weights, [(outgoing[:, 0] / 64, -weight[0], -bias[0])])


def flippable(weights: Weights) -> Weights:
    """Three small neurons (a, w_0), (a, w_1), (a, -w_0 - w_1), whose slopes cancel."""
    weight, bias, outgoing, _ = weights
    small, first, second = outgoing[:, 0] / 64, exact(weight[0]), exact(weight[1])
    return with_neurons(weights, [(small, w, b) for w, b in ((first, bias[0] + 1), (second, bias[1] + 1), (-first - second, bias[0]))])


def cases() -> list[Case]:
    train, _ = digits()
    trained = {hidden: fit(*train, hidden) for hidden in (8, 16, 32, 64)}
    plain = [Case(f"h = {h}, trained", xn.from_torch(module, (64,)), "proved") for h, module in trained.items()]
    eight, sixteen, large = (parameters(trained[h]) for h in (8, 16, 64))
    return [
        *plain,
        Case("h = 64, rounded to multiples of 1/4", network(rounded(large, 0.25)), None),
        Case("h = 64, half of the weights pruned", network(pruned(large, 0.5)), None),
        Case("h = 16, neuron 0 twice", network(duplicated(sixteen)), "refuted"),
        Case("h = 16, three neurons that can flip", network(flippable(sixteen)), "refuted"),
        Case("h = 8, neuron 0 on both sides", network(split(eight)), "proved"),
    ]


# --- questions --------------------------------------------------------------------------------------------------------------


def right(net: xn.Network) -> float:
    """The share of held-out digits that exact evaluation classifies as their labels say."""
    _, (images, labels) = digits()
    return float((net.evaluate(RationalArray.of(images)).to_float().argmax(axis=1) == labels).mean())


def idle(net: xn.Network) -> int:
    """The number of hidden neurons that are active at no digit of the training set."""
    (images, _), _ = digits()
    hidden = net.operation(net.order[1])
    assert isinstance(hidden, Affine)
    levels = RationalArray.of(images) @ hidden.weight.T + hidden.bias
    return int((levels.sign() <= 0).all(axis=0).sum())


def said(ask: Callable[[], object]) -> str:
    """The answer, "?" where it is not known in time."""
    try:
        return str(ask())
    except (Undecided, Incomplete):
        return "?"


def recheck(verdict: xn.Verdict, path: Path) -> str:
    """Save the certificate, and let the standalone checker read it in a Python without site packages."""
    if verdict.certificate is None:
        return ""
    verdict.certificate.save(path)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-I", "-S", str(CHECKER), str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the checker does not accept {path}: {done.stdout}{done.stderr}")
    return f"{path.stat().st_size / 1024:.0f} KB, accepted in {time.perf_counter() - start:.2f} s"


def answers(case: Case, out: Path) -> tuple[str, ...]:
    """A row of the first table, and the reason."""
    verdict = xn.verify_single_orbit(case.net, time_limit=LIMIT)
    if case.expected not in (None, verdict.status):
        sys.exit(f"this example expected the verdict {case.expected} for {case.name}: {verdict.reason}")
    found = xn.symmetry.fibre(case.net, time_limit=LIMIT)
    single = {"proved": "yes", "refuted": "no", "unknown": "?"}[verdict.status]
    orbits = said(lambda: len(found.orbits)) if found.is_reduced else ""
    least = said(lambda: xn.symmetry.normal_form(case.net).minimal_width)
    sizes = (said(lambda: found.dimension), str(found.width), str(idle(case.net)), least)
    file = f"{case.name.replace('h = ', '').replace('/', '-').replace(',', '').replace(' ', '_')}.json"
    return case.name, f"{right(case.net):.1%}", single, orbits, *sizes, recheck(verdict, out / file), verdict.reason


def distances(case: Case) -> tuple[str, ...]:
    """A row of the second table: distances, and what they are to the norm."""
    m = margins(case.net)

    def both(value: float, norm: float) -> str:
        return "0" if value < 1e-12 * norm else f"{value:.2g} ({value / norm:.1g})"

    of_weights = [both(value, m.norm) for value in (m.dead, m.constant, m.parallel)]
    angle = "0" if m.angle < 1e-6 else f"{m.angle:.1f}°"
    return case.name, f"{m.norm:.1f}", *of_weights, angle, both(m.rank, m.size), both(m.radius, m.norm)


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE.parent / "out" / "fibre", help="folder for the certificates (out/fibre/)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # matrices as small as these gain nothing from more, and lose much on a busy machine
    asked = cases()

    print(ASKED)
    rows = [answers(case, out) for case in asked]
    show(("64-h-10", "right", "one orbit", "orbits", "dimension", "neurons", "idle", "least", "certificate"), [row[:-1] for row in rows])
    print("\nWhy:")
    for name, *_, reason in rows:
        print(f"  {name}: {reason}")

    print(DISTANCES)
    show(("64-h-10", "|theta|", "dead", "constant", "parallel", "angle", "rank", "radius"), [distances(case) for case in asked])

    trained = [margins(case.net) for case in asked[:4]]
    dead, radius = min(m.dead / m.norm for m in trained), min(m.radius / m.norm for m in trained)
    print(SEEN.format(dead=math.ceil(1000 * dead) / 10, radius=math.floor(10_000 * radius) / 100))
    return 0


if __name__ == "__main__":
    sys.exit(main())
