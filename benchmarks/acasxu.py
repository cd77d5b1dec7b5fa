"""ACAS Xu and its copies, from files given by --data: within a tolerance, a bracket within 1 %; beside float passes and sampling.

Perturbed: every matrix and bias of more than 5 entries times 1 + s N(0, 1), s such that the largest difference at 2,500 points, a fifth of
them corners, is the one wanted; as the pairs of equivalent networks of the verification competition are made.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import exactnn as xn
from benchmarks.copies import POINTS, Layers, as_module, float16, layers_in, leaves, once, sampled, warm_up
from benchmarks.measure import Row, best, checked, peak, timed

LIMIT = 60
#: of property 1
BOX = xn.Box(
    [Fraction("0.6"), Fraction(-1, 2), Fraction(-1, 2), Fraction("0.45"), Fraction("-0.45")],
    [Fraction("0.679857769"), Fraction(1, 2), Fraction(1, 2), Fraction(1, 2), Fraction("-0.45")],
)
#: all normalised inputs
WHOLE = xn.Box([Fraction(-3, 10), *[Fraction(-1, 2)] * 4], [Fraction(17, 25), *[Fraction(1, 2)] * 4])


class Case(NamedTuple):
    """A network and a copy, the tolerances asked for ("1 %" is a bracket), and how the answer has to be, if that is known."""

    name: str
    f: xn.Network
    g: xn.Network
    box: xn.Box
    questions: tuple[str, ...]
    known: str | None = None


class Floats(NamedTuple):
    """What is done without proofs: how many points were sampled, the largest difference there, its seconds; those of one pass of both."""

    points: int
    seen: float
    seconds: float
    once: float


def values(layers: Layers, x: Any) -> Any:
    """The outputs at points (n, d), in numpy."""
    for weight, bias in layers[:-1]:
        x = np.maximum(x @ weight.T + bias, 0)
    weight, bias = layers[-1]
    return x @ weight.T + bias


def perturbed(layers: Layers, target: float, seed: int) -> Layers:
    """A copy in float32 whose largest difference at 2,500 points is just below the target."""
    rng = np.random.default_rng(seed)
    noise = [[rng.standard_normal(a.shape) * (a.size > 5) for a in layer] for layer in layers]
    low, high = (np.array(side.to_float()) for side in BOX.bounds)
    dimension = len(low)
    x = low + (high - low) * np.concatenate([rng.random((2000, dimension)), rng.integers(0, 2, (500, dimension))])
    wanted = values(layers, x)

    def copied(scale: float) -> Layers:
        return [
            (np.float32(weight * (1 + scale * u)), np.float32(bias * (1 + scale * v)))
            for (weight, bias), (u, v) in zip(layers, noise, strict=True)
        ]

    def gap(scale: float) -> float:
        return float(np.abs(values(copied(scale), x) - wanted).max())

    below, above = 0.0, 1e-4
    while gap(above) < target:
        below, above = above, 4 * above
    for _ in range(14):
        middle = (below + above) / 2
        below, above = (middle, above) if gap(middle) < target else (below, middle)
    return copied(below)


def cases(file: Path, folder: Path, *, quick: bool) -> Iterator[Case]:
    """Copies are written as ONNX files, so that certificates name files and hold no weights."""
    f = xn.load(file)
    layers = layers_in(f)
    name = file.stem.removeprefix("ACASXU_experimental_v2a_").removeprefix("ACASXU_run2a_").removesuffix("_batch_2000")

    def through_file(copied: Layers, what: str) -> xn.Network:
        path = folder / f"{file.stem}_{what}.onnx"
        xn.save(xn.mlp(copied), path)
        return xn.load(path)

    yield Case(f"{name}, float16", f, through_file(float16(layers), "float16"), BOX, ("1",) if quick else ("1/20", "1/10000", "1 %"))
    for seed, target in enumerate(() if quick else (0.0025, 0.01, 0.02, 0.035)):
        yield Case(f"{name}, perturbed {target}", f, through_file(perturbed(layers, target, seed), f"{target}"), BOX, ("1/20",))
    beyond = through_file(perturbed(layers, 0.08, 4), "0.08")
    yield Case(f"{name}, perturbed 0.08", f, beyond, BOX, ("1/20",), "refuted")
    raw = file.with_suffix(".nnet")
    if raw.is_file() and not quick:
        yield Case(f"{name}, ONNX and NNET", f, xn.load(raw, raw=True), WHOLE, ("1/5", "1/1000"))


def in_floats(case: Case, points: int) -> Floats:
    f, g = (as_module(layers_in(net)) for net in (case.f, case.g))
    seen, seconds = timed(lambda: sampled(f, g, case.box, points))
    _, both = best(lambda: once((f, g), (case.f.input_dim,)))
    return Floats(points, seen, seconds, both)


class Answer(NamedTuple):
    """What was found in so many seconds: in words, whether it is all that was asked for, and what has a certificate, if anything."""

    words: str
    seconds: float
    closed: bool
    proof: Any = None


def within(case: Case, tolerance: str, limit: int) -> Answer:
    verdict, seconds = timed(lambda: xn.verify_equal(case.f, case.g, domain=case.box, tolerance=tolerance, time_limit=limit))
    closed = verdict.status != "unknown"
    assert not closed or case.known in (None, verdict.status)
    return Answer(f"within {tolerance}: {verdict.status}", seconds, closed, verdict if closed else None)


def bracket(case: Case, limit: int) -> Answer:
    try:
        found, seconds = timed(lambda: xn.max_deviation(case.f, case.g, domain=case.box, gap=Fraction(1, 100), time_limit=limit))
    except xn.errors.Incomplete:
        return Answer("bracket: none", limit, closed=False)
    closed = found.upper <= found.lower * Fraction(101, 100)
    words = f"bracket {float(found.lower):.5g} to {float(found.upper):.5g}" + ("" if closed else ", wider than 1 %")
    return Answer(words, seconds, closed, found)


def shown(case: Case, answer: Answer, floats: Floats, target: Path) -> list[Row]:
    """The row of an answer beside what floats do, and that of the standalone checker."""
    sampling = f"torch, {floats.points:,} points sampled", floats.seconds
    what = f"{case.name}, {answer.words}"
    if answer.proof is None:
        return [Row(what, answer.seconds, *sampling)]
    certificate = answer.proof.certificate
    count = leaves(certificate)
    baseline = ("torch, both networks once", floats.once) if certificate.kind == "pass" else sampling
    took = checked(answer.proof, target)
    return [
        Row(what + (f", {count:,} leaves" if count else ""), answer.seconds, *baseline),
        Row(f"  checked by plain Python ({certificate.kind}, {target.stat().st_size / 1e3:,.1f} kB)", took),
    ]


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    title = "Copies of ACAS Xu networks, on the box of property 1; ONNX and NNET on all normalised inputs"
    data = os.environ.get("EXACTNN_DATA")
    if not data:
        return title, ["left out: no --data FOLDER (or EXACTNN_DATA) was given that holds acasxu/NAME.onnx with acasxu/NAME.nnet."], []
    files = sorted(Path(data).glob("acasxu/*.onnx"))
    if not files:
        return title, ["left out: there is no acasxu/NAME.onnx in the folder of --data or EXACTNN_DATA."], []
    limit = 10 if quick else LIMIT
    warm_up()
    rows, notes, left = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for file in files[:1] if quick else files:
            if not quick and not file.with_suffix(".nnet").is_file():
                notes.append(f"{file.stem}: no .nnet of this name to compare it with.")
            for case in cases(file, Path(folder), quick=quick):
                floats = in_floats(case, POINTS // 10 if quick else POINTS)
                notes.append(f"{case.name}: {floats.seen:.5g} seen at sampled points.")
                for question in case.questions:
                    answer = bracket(case, limit) if question == "1 %" else within(case, question, limit)
                    rows += shown(case, answer, floats, Path(folder) / "c.json.gz")
                    left += [] if answer.closed else [f"{case.name}, {question}"]
    notes.append(f"open after {limit} s: {'; '.join(left) if left else 'nothing'}.")
    notes.append(
        "One run each, the first with these networks, time_limit "
        f"{limit} s. The baselines prove nothing: sampling (float64) sees a lower bound, one pass a value. Peak memory {peak():.0f} MB."
    )
    return title, notes, rows
