"""f != g given to z3, for small networks: permuted and scaled copies, and copies with all neurons flipped (theorem D)."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import z3

import exactnn as xn
from benchmarks.measure import Row, best, timed

INPUTS = 5
Layers = list[tuple[list[Any], list[Fraction]]]


def pair(neurons: int, *, flipped: bool, equal: bool) -> tuple[Layers, Layers]:
    """Two networks 5 -> neurons -> 1 with float32 weights: equal, or one bias of the second 2^-24 off.

    For the flip the last neuron's weights are chosen (as rationals) such that sum a_i w_i = 0.
    """
    rng = np.random.default_rng(neurons)

    def draw(*shape: int) -> Any:
        return np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(rng.standard_normal(shape).astype(np.float32))

    w, b, a, c = draw(neurons, INPUTS), draw(neurons), draw(neurons), Fraction(0)
    if flipped:
        w[-1] = -(a[:-1, None] * w[:-1]).sum(axis=0) / a[-1]
    order = rng.permutation(neurons)
    factor = np.array([Fraction(2) ** int(k) for k in rng.integers(-2, 3, neurons)], dtype=object)
    v, d, e = (w * factor[:, None])[order], (b * factor)[order], (a / factor)[order]
    constant = c
    if flipped:
        v, d, constant = -v, -d, c + (a * b).sum()
    if not equal:
        d[0] += Fraction(1, 2**24)
    f = [(w.tolist(), b.tolist()), ([a.tolist()], [c])]
    g = [(v.tolist(), d.tolist()), ([e.tolist()], [constant])]
    return f, g


def number(q: Fraction) -> Any:
    return z3.Q(q.numerator, q.denominator)


def as_term(layers: Layers, x: list[Any]) -> Any:
    """The network as z3 sees it: max(l, 0) is If(l > 0, l, 0)."""
    (inner, biases), ((outer,), (total,)) = layers
    result = number(total)
    for row, bias, a in zip(inner, biases, outer, strict=True):
        level = z3.Sum([number(w) * t for w, t in zip(row, x, strict=True)]) + number(bias)
        result = result + number(a) * z3.If(level > 0, level, number(Fraction(0)))
    return result


def ask_z3(f: Layers, g: Layers, limit: float) -> str:
    """ "equal", "different", or "gave up"."""
    x = list(z3.Reals(" ".join(f"x{i}" for i in range(INPUTS))))
    solver = z3.Solver()
    solver.set("timeout", math.ceil(limit * 1000))
    solver.add(as_term(f, x) != as_term(g, x))
    return {"unsat": "equal", "sat": "different"}.get(str(solver.check()), "gave up")


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    limit = 5 if quick else 40
    rows = []
    for flipped in (False, True):
        for neurons in (8, 10) if quick else (8, 10, 12, 14):
            for equal in (True, False):
                f, g = pair(neurons, flipped=flipped, equal=equal)
                verdict, seconds = best(lambda f=f, g=g: xn.verify_equal(xn.mlp(f), xn.mlp(g)))
                assert verdict.proved if equal else verdict.refuted
                found, theirs = timed(lambda f=f, g=g: ask_z3(f, g, limit))
                assert found in ("gave up", "equal" if equal else "different")
                kind = "all neurons flipped" if flipped else "permuted, scaled"
                what = f"{neurons} neurons, {kind}, {'equal' if equal else 'one bias 2^-24 off'}"
                rows.append(Row(what, seconds, f"z3: {found}", theirs, found == "gave up"))
    title = f"f != g on R^{INPUTS}, one hidden layer, one output, float32 weights, against z3 {z3.get_version_string()} (limit {limit} s)"
    return title, ["exactnn: from rationals to the verdict with its certificate, best of 3; z3: solver.check() only, one run."], rows
