"""|f_j - g_j| <= t on a box given to z3 and Marabou too, for small pairs: who is how fast, and who is right.

z3 reasons in rationals, and its points are confirmed here in plain Fractions; Marabou computes in doubles. Our answers have certificates,
which the standalone checker accepts.
"""

from __future__ import annotations

import importlib.util
import math
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import z3

import exactnn as xn
from benchmarks.against_z3 import number
from benchmarks.copies import Layers, as_module, dense, float16, layers_of, sampled, warm_up
from benchmarks.marabou import ask_marabou
from benchmarks.measure import Row, checked, timed
from benchmarks.plain import exact, value

Exact = list[tuple[list[list[Fraction]], list[Fraction]]]
NEVER = Fraction(1, 2**20)


class Question(NamedTuple):
    """|f_j - g_j| <= tolerance on [-1, 1]^inputs, for all j."""

    name: str
    f: Layers
    g: Layers
    tolerance: Fraction


def permuted(layers: Layers) -> Layers:
    """The same function: the neurons of the first layer in another order, each times a power of 2."""
    (weight, bias), (after, last), *rest = layers
    rng = np.random.default_rng(0)
    order, factor = rng.permutation(len(bias)), np.float32(2.0) ** rng.integers(-2, 3, len(bias)).astype(np.float32)
    return [((weight * factor[:, None])[order], (bias * factor)[order]), ((after / factor)[:, order], last), *rest]


def one_moved(layers: Layers) -> Layers:
    """One weight of the first layer 1/64 further."""
    (weight, bias), *rest = layers
    weight = weight.copy()
    weight[1, 1] += 1 / 64
    return [(weight, bias), *rest]


def questions(*, quick: bool) -> Iterator[Question]:
    """Twice the largest sampled difference, which is enough, or half of it, which is not; and equal pairs."""
    for sizes in ((2, 8, 2),) if quick else ((2, 8, 2), (3, 8, 8, 2), (4, 16, 3)):
        f, name = layers_of(dense(sizes)), "-".join(map(str, sizes))
        yield Question(f"{name}, equal", f, permuted(f), NEVER)
        for copy, g in (("float16", float16(f)), ("one weight moved", one_moved(f))):
            seen = Fraction(sampled(as_module(f), as_module(g), box(f)))
            yield Question(f"{name}, {copy}, 2 x sampled", f, g, 2 * seen)
            yield Question(f"{name}, {copy}, sampled / 2", f, g, seen / 2)


def box(f: Layers) -> xn.Box:
    inputs = f[0][0].shape[1]
    return xn.Box([-1] * inputs, [1] * inputs)


def fractions(layers: Layers) -> Exact:
    return [(exact(weight.tolist()), exact(bias.tolist())) for weight, bias in layers]


def rational(q: Any) -> Fraction:
    return Fraction(q.numerator_as_long(), q.denominator_as_long())


def ask_z3(f: Exact, g: Exact, tolerance: Fraction, limit: float) -> tuple[str, list[Fraction] | None]:
    """Its answer, and the point it found; a variable for each neuron, max(l, 0) is If(l > 0, l, 0)."""
    solver = z3.Solver()
    solver.set("timeout", math.ceil(limit * 1000))
    x = [z3.Real(f"x{i}") for i in range(len(f[0][0][0]))]
    for t in x:
        solver.add(t >= -1, t <= 1)

    def outputs(layers: Exact, name: str) -> list[Any]:
        values: list[Any] = x
        for k, (weight, bias) in enumerate(layers):
            sums = [
                z3.Sum([number(w) * v for w, v in zip(row, values, strict=True)]) + number(b) for row, b in zip(weight, bias, strict=True)
            ]
            if k == len(layers) - 1:
                return sums
            values = [z3.Real(f"{name}{k}_{i}") for i in range(len(sums))]
            for y, level in zip(values, sums, strict=True):
                solver.add(y == z3.If(level > 0, level, number(Fraction(0))))
        return values

    gaps = [a - b for a, b in zip(outputs(f, "f"), outputs(g, "g"), strict=True)]
    solver.add(z3.Or([z3.Or(gap > number(tolerance), gap < -number(tolerance)) for gap in gaps]))
    answer = {"unsat": "proved", "sat": "refuted"}.get(str(solver.check()), "gave up")
    if answer != "refuted":
        return answer, None
    model = solver.model()
    return answer, [rational(model.eval(t, model_completion=True)) for t in x]


def confirmed(f: Exact, g: Exact, tolerance: Fraction, x: list[Fraction]) -> bool:
    """Whether this point of the box is beyond the tolerance."""
    gaps = [abs(a - b) for a, b in zip(value(f, x), value(g, x), strict=True)]
    return all(-1 <= t <= 1 for t in x) and max(gaps) > tolerance


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    limit = 2 if quick else 20
    marabou = importlib.util.find_spec("maraboupy") is not None
    rows, disagree, unknown, asked, silent = [], list[str](), list[str](), 0, 0
    warm_up()
    with tempfile.TemporaryDirectory() as folder:
        for name, f, g, tolerance in questions(quick=quick):
            nets = xn.mlp(f), xn.mlp(g)
            verdict, seconds = timed(lambda: xn.verify_equal(*nets, domain=box(f), tolerance=tolerance, time_limit=limit))  # noqa: B023
            ours, checking = str(verdict.status), None
            if verdict.certificate is not None:
                checking = checked(verdict, Path(folder) / "c.json.gz")
                ours += f" ({verdict.certificate.kind})"
            else:
                unknown.append(name)
            first, second = fractions(f), fractions(g)
            (theirs, point), spent = timed(lambda: ask_z3(first, second, tolerance, limit))  # noqa: B023
            answers = [("z3", theirs, spent)]
            if marabou:
                answers.append(("Marabou", *timed(lambda: ask_marabou(first, second, tolerance, limit, Path(folder) / "log"))))  # noqa: B023
            for solver, answer, took in answers:
                rows.append(Row(f"{name}: {ours}", seconds, f"{solver}: {answer}", took, answer == "gave up"))
                asked, silent = asked + 1, silent + (answer == "gave up")
                if {answer, verdict.status} == {"proved", "refuted"}:
                    disagree.append(f"{name}: exactnn {ours}, {solver} {answer}")
            if checking is not None:
                rows.append(Row("  its certificate checked by plain Python", checking))
            if point is not None and not confirmed(first, second, tolerance, point):
                disagree.append(f"{name}: z3's point is not beyond the tolerance in plain Fractions")
    notes = ["Each certificate of exactnn was accepted by the standalone checker, each point of z3 is compared in plain Fractions."]
    notes += [f"Solvers were asked {asked} times: {silent} without an answer in {limit} s, {len(disagree)} disagreements."]
    notes.append(f"exactnn unknown after {limit} s: {'; '.join(unknown) if unknown else 'nothing'}.")
    notes += [f"disagreement: {text}" for text in disagree]
    if not marabou:
        notes.append("Marabou: left out, as maraboupy is not installed.")
    notes.append(
        "exactnn: from rationals to the verdict with its certificate, one run; solvers: z3's check() only, Marabou's queries in turn."
    )
    solvers = f"z3 {z3.get_version_string()}" + (" and Marabou" if marabou else "")
    return f"|f - g| <= t on [-1, 1]^d, small pairs, against {solvers} (limit {limit} s)", notes, rows
