"""Which pairs of equal networks are proved equal on all of R^d in a limit: `python -m benchmarks.equality_map --z3 --near`.

Inputs 2, 3, 5, 10 x widths 8, 16, 32 x depths 2, 3, 4 (hidden layers), pairs of two kinds that no layer aligns:

- hidden rewriting: neurons are split, permuted and scaled, and one in the second layer is added that is never active, since
  |a.x + b.x| <= |a.x| + |b.x|; a neuron of the third layer reads it. No bound on a single neuron shows that.
- re-associated maxima: sums of maxima of 2^depth affine functions, taken two by two in another order.

With --z3 the small ones are given to z3 too, with --near each pair once more with a bias 2^-40 off. What is finished is in a file at once,
from which the next call goes on; the longest time that the rest may take is said beforehand, and the whole map printed at the end.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import exactnn as xn
from benchmarks.copies import warm_up
from benchmarks.measure import ROOT, Row, clock, timed

Layers = list[tuple[Any, Any]]
INPUTS, WIDTHS, DEPTHS = (2, 3, 5, 10), (8, 16, 32), (2, 3, 4)
NEAR = 2.0**-40
RESULTS = ROOT / "out" / "equality_map.jsonl"

#: What is known of a pair: the answer, its seconds and what kind of certificate; the same of z3 and of the pair with a bias off.
Result = dict[str, Any]


class Pair(NamedTuple):
    """Two networks with the same function."""

    name: str
    f: Layers
    g: Layers


def drawn(sizes: tuple[int, ...], seed: int = 0) -> Layers:
    """Normal weights of the usual size in multiples of 2^-8."""
    rng = np.random.default_rng(seed)
    layers = []
    for n, m in itertools.pairwise(sizes):
        weight, bias = rng.standard_normal((m, n)) * np.sqrt(2 / n), rng.standard_normal(m) * 0.3
        layers.append((np.rint(weight * 256) / 256, np.rint(bias * 256) / 256))
    return layers


def rewritten(layers: Layers, seed: int = 0) -> Layers:
    """The same function, with a neuron of each hidden layer split, one added that is never active, and all permuted and scaled."""
    rng = np.random.default_rng(seed + 1000)
    result = [(weight.copy(), bias.copy()) for weight, bias in layers]
    dead = _add_dead(result, rng)
    for k in range(len(layers) - 1):
        (weight, bias), (after, last) = result[k], result[k + 1]
        i = int(rng.integers(len(layers[k][1])))
        copy = weight[i].copy()
        if k == 2 and dead is not None:
            copy[dead] += 1
        weight, bias = np.vstack([weight, copy]), np.append(bias, bias[i])
        after = np.hstack([after, after[:, i : i + 1] / 4])
        after[:, i] *= 3 / 4
        order, factor = rng.permutation(len(bias)), 2.0 ** rng.integers(-2, 3, len(bias))
        result[k] = (weight * factor[:, None])[order], (bias * factor)[order]
        result[k + 1] = (after / factor)[:, order], last
        if k == 1 and dead is not None:
            dead = int(np.flatnonzero(order == dead)[0])
    return result


def _add_dead(layers: Layers, rng: Any) -> int | None:
    """|c| - |a| - |b| - 1/8 with c = a + b, in the second hidden layer; its number there, None where there is no such layer."""
    if len(layers) < 3:
        return None
    (weight, bias), (second, own), (third, last) = layers[:3]
    a, b = rng.integers(-4, 5, (2, weight.shape[1])) / 4.0
    rows = np.array([s * row for row in (a, b, a + b) for s in (1, -1)])
    layers[0] = np.vstack([weight, rows]), np.append(bias, np.zeros(6))
    reads = np.append(np.zeros(len(bias)), [-1.0] * 4 + [1.0] * 2)
    layers[1] = np.vstack([np.hstack([second, np.zeros((len(second), 6))]), reads]), np.append(own, -1 / 8)
    layers[2] = np.hstack([third, rng.integers(1, 4, (len(third), 1)) * 1.0]), last
    return len(own)


def maxima(inputs: int, width: int, depth: int, seed: int = 0) -> Pair:
    """Sums of maxima, as many of them as fit into the width (one at least), of 2^depth affine functions; g takes them in another order."""
    rng = np.random.default_rng(seed)
    blocks = max(1, width // (3 * 2 ** (depth - 1)))
    functions = rng.integers(-8, 9, (blocks, 2**depth, inputs + 1)) / 4.0
    f = _maximum(functions, depth)
    g = _maximum(np.stack([block[rng.permutation(len(block))] for block in functions]), depth)
    return Pair(f"{inputs} inputs, maxima, {blocks} x {2**depth} functions", f, g)


def _maximum(functions: Any, depth: int) -> Layers:
    """max(a, b) = max(a - b, 0) + max(b, 0) - max(-b, 0), layer by layer."""
    blocks, count, columns = functions.shape
    table = functions.reshape(blocks * count, columns)
    weight, bias = table[:, :-1], table[:, -1]
    layers: Layers = []
    for _ in range(depth):
        count = len(bias)
        before, after = np.zeros((3 * (count // 2), count)), np.zeros((count // 2, 3 * (count // 2)))
        for p in range(count // 2):
            before[3 * p, [2 * p, 2 * p + 1]] = 1, -1
            before[3 * p + 1, 2 * p + 1], before[3 * p + 2, 2 * p + 1] = 1, -1
            after[p, 3 * p : 3 * p + 3] = 1, 1, -1
        layers.append((before @ weight, before @ bias))
        weight, bias = after, np.zeros(count // 2)
    layers.append((weight.sum(axis=0, keepdims=True), np.zeros(1)))
    return layers


def pairs(inputs: int, width: int, depth: int) -> Iterator[Pair]:
    """Both kinds."""
    f = drawn((inputs, *[width] * depth, 1))
    yield Pair(f"{inputs} inputs, rewritten, {width}x{depth}", f, rewritten(f))
    yield maxima(inputs, width, depth)


def moved(layers: Layers) -> Layers:
    """The bias of the output 2^-40 further."""
    return [*layers[:-1], (layers[-1][0], layers[-1][1] + NEAR)]


def ask(pair: Pair, limit: float) -> tuple[xn.Verdict, float]:
    """The answer on all of R^d, from floats to the verdict with its certificate."""
    return timed(lambda: xn.verify_equal(xn.mlp(pair.f), xn.mlp(pair.g), time_limit=limit))


def exact(layers: Layers) -> Any:
    return [([[Fraction(v) for v in row] for row in weight.tolist()], [Fraction(v) for v in bias.tolist()]) for weight, bias in layers]


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    """A corner of the map."""
    limit = 5 if quick else 20
    rows = []
    warm_up()
    for inputs, width, depth in ((2, 8, 2),) if quick else ((2, 16, 3), (3, 8, 3), (5, 8, 2)):
        for pair in pairs(inputs, width, depth):
            verdict, seconds = ask(pair, limit)
            assert not verdict.refuted
            rows.append(Row(f"{pair.name}: {verdict.status}", seconds))
    return f"Equal pairs that no layer aligns (limit {limit} s)", ["The whole map: python -m benchmarks.equality_map --limit 60"], rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.equality_map", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--limit", type=float, default=60, help="seconds for each question")
    parser.add_argument("--inputs", type=int, action="append", help="these only (may be repeated)")
    parser.add_argument("--widths", type=int, action="append", help="these only (may be repeated)")
    parser.add_argument("--depths", type=int, action="append", help="these only (may be repeated)")
    parser.add_argument("--z3", action="store_true", help="z3 on pairs of at most 2 inputs or width 8 too, with the same limit")
    parser.add_argument("--near", action="store_true", help="each pair once more with a bias 2^-40 off, which is to be refuted")
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"the file of what is finished (default {RESULTS.relative_to(ROOT)})")
    options = parser.parse_args()
    grid = itertools.product(options.inputs or INPUTS, options.depths or DEPTHS, options.widths or WIDTHS)
    places = [(place, pair) for place in grid for pair in pairs(place[0], place[2], place[1])]
    known = read_results(options.results, options.limit)
    wanted = {pair.name: (pair, missing(pair, known.get(pair.name, {}), options)) for _, pair in places}
    questions = sum(len(parts) for _, parts in wanted.values())
    finished = sum(not parts for _, parts in wanted.values())
    longest = questions * options.limit
    asked = f"{questions} question{'s' if questions != 1 else ''} of at most {options.limit:g} s"
    told = f"{len(wanted)} pairs, {finished} of them finished in {options.results}; {asked}"
    print(f"{told}: at most {clock(longest)} ({longest / 3600:.1f} h)", flush=True)
    if questions:
        warm_up()
        _import_torch()
    for pair, parts in wanted.values():
        for part in parts:
            result = known.setdefault(pair.name, {})
            result[part] = answered(pair, part, options.limit)
            append(options.results, pair.name, options.limit, part, result[part])
            print(f"{pair.name}, {part}: {text(result[part])}", flush=True)
    print(chart([(*place, pair) for place, pair in places], known))
    return 0


def _import_torch() -> None:
    """Float proposals of one small pair, since no time limit interrupts the imports that the first ones need."""
    from exactnn.floats.ascent import largest_gaps

    pair = next(pairs(2, 8, 2))
    largest_gaps(xn.mlp(pair.f), xn.mlp(pair.g), np.ones((4, 2)), None, None, 1.0, 5.0)


def missing(pair: Pair, result: Result, options: argparse.Namespace) -> list[str]:
    """The questions about a pair that are still to be asked."""
    small = pair.f[0][0].shape[1] <= 2 or len(pair.f[0][1]) <= 8
    asked = ["exactnn", *(["2^-40 off"] if options.near else []), *(["z3"] if options.z3 and small else [])]
    return [part for part in asked if part not in result]


def answered(pair: Pair, part: str, limit: float) -> Result:
    """One question."""
    if part == "z3":
        from benchmarks.small_pairs import ask_z3

        answer, seconds = timed(lambda: ask_z3(exact(pair.f), exact(pair.g), Fraction(0), limit)[0])
        return {"answer": answer, "seconds": seconds}
    near = part != "exactnn"
    verdict, seconds = ask(Pair(pair.name, pair.f, moved(pair.g)) if near else pair, limit)
    if (near and verdict.proved) or (not near and verdict.refuted):
        raise AssertionError(f"{pair.name}, {part}: {verdict.status}, which is wrong")
    kind = verdict.certificate.kind if verdict.certificate is not None else None
    return {"answer": str(verdict.status), "seconds": seconds, "certificate": kind, "reason": str(verdict.reason)}


def read_results(path: Path, limit: float) -> dict[str, Result]:
    """What earlier calls with this limit finished, by pair."""
    known: dict[str, Result] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if entry["limit"] == limit:
                known.setdefault(entry["pair"], {})[entry["part"]] = entry["result"]
    return known


def append(path: Path, name: str, limit: float, part: str, result: Result) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps({"pair": name, "limit": limit, "part": part, "result": result}) + "\n")


def text(result: Result) -> str:
    return f"{result['answer']} {clock(result['seconds'])}" + (f" ({result['certificate']})" if result.get("certificate") else "")


def chart(places: list[tuple[int, int, int, Pair]], known: dict[str, Result]) -> str:
    """Widths side by side, a line for each kind of pair, depth and number of inputs."""
    widths = sorted({width for _, _, width, _ in places})
    lines = [["inputs", "hidden layers", "pair", *(f"width {w}" for w in widths)]]
    cells: dict[tuple[int, int, str], dict[int, str]] = {}
    for inputs, depth, width, pair in places:
        kind = "maxima" if "maxima" in pair.name else "rewritten"
        parts = known.get(pair.name, {})
        found = [f"{'' if part == 'exactnn' else part + ': '}{text(result)}" for part, result in parts.items()]
        cells.setdefault((inputs, depth, kind), {})[width] = "; ".join(found) or "-"
    for (inputs, depth, kind), row in cells.items():
        lines.append([str(inputs), str(depth), kind, *(row.get(w, "-") for w in widths)])
    sizes = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(c.ljust(n) for c, n in zip(line, sizes, strict=True)).rstrip() for line in lines)


if __name__ == "__main__":
    sys.exit(main())
