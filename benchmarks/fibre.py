"""The fibre of given weights: orbits beside a plain dict and z3, single orbits beside plain elimination, zero networks beside z3."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import z3

import exactnn as xn
from benchmarks.equality import classifier
from benchmarks.measure import ROOT, Row, best, checked, timed
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.symmetry._zero_plans import Free

DIGITS = ROOT / "examples" / "digits" / "digits.onnx"
PRIME = 2**20 - 3  # small: the baseline's numbers are then of one or two digits to Python
Subset = tuple[int, ...]
Vectors = list[list[int]]


def planted(neurons: int, inputs: int, bits: int, seed: int = 0) -> tuple[Vectors, Subset]:
    """Integer vectors of about so many bits, uniform but for one: a quarter of them adds up to 0, and which."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-(2**bits), 2**bits, (neurons, inputs), endpoint=True).tolist()
    chosen = sorted(rng.choice(neurons, max(4, neurons // 4), replace=False).tolist())
    rows[chosen[-1]] = [-sum(rows[i][k] for i in chosen[:-1]) for k in range(inputs)]
    return rows, tuple(chosen)


def network(rows: Vectors) -> xn.Network:
    """sum_i max(w_i . x + i + 1, 0); reduced, since random (w_i, i + 1) are not parallel (`orbits` would complain)."""
    return xn.mlp([(rows, list(range(1, len(rows) + 1))), ([[1] * len(rows)], [0])])


# --- the plain baselines ----------------------------------------------------------------------------------------------------


def half_sums(vectors: Vectors) -> list[tuple[int, ...]]:
    """The sums of all subsets; subset number s has the elements of s's binary digits."""
    sums = [(0,) * len(vectors[0])]
    for vector in vectors:
        sums += [tuple([a + b for a, b in zip(s, vector, strict=True)]) for s in sums]
    return sums


def zero_sums(vectors: Vectors) -> list[Subset]:
    """All sets with sum 0, by meeting in the middle: a dict of the first half's sums, in which those of the second are looked up."""
    middle = len(vectors) // 2
    places = defaultdict(list)
    for s, total in enumerate(half_sums(vectors[:middle])):
        places[total].append(s)
    found = []
    for t, total in enumerate(half_sums(vectors[middle:])):
        for s in places.get(tuple([-v for v in total]), ()):
            mask = s | t << middle
            found.append(tuple(i for i in range(len(vectors)) if mask >> i & 1))
    return sorted(found, key=lambda subset: (len(subset), subset))


def rank_of_fractions(rows: list[list[Fraction]]) -> int:
    """The rank, by Gaussian elimination."""
    rank = 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        top = rows[rank]
        for i in range(rank + 1, len(rows)):
            if factor := rows[i][column] / top[column]:
                rows[i] = [a - factor * b if b else a for a, b in zip(rows[i], top, strict=True)]
        rank += 1
        if rank == len(rows):
            break
    return rank


def rank_modulo(rows: list[list[int]], p: int) -> int:
    """The rank modulo a prime p, by Gaussian elimination; columns that are done with are dropped."""
    rank = 0
    while rows and rows[0]:
        pivot = next((i for i, row in enumerate(rows) if row[0]), None)
        if pivot is None:
            rows = [row[1:] for row in rows]
            continue
        top = rows.pop(pivot)
        inverse, tail = pow(top[0], -1, p), top[1:]
        factors = [row[0] * inverse % p for row in rows]
        rows = [
            [(a - f * b) % p for a, b in zip(row[1:], tail, strict=True)] if f else row[1:] for f, row in zip(factors, rows, strict=True)
        ]
        rank += 1
    return rank


def terms(weight: Sequence[Sequence[float]], outgoing: Sequence[Sequence[float]]) -> list[list[Fraction]]:
    """The first n entries of vec(a_i w_i^T), n neurons, which settle it where they are independent already."""
    n, exact = len(weight), [[Fraction(v) for v in row] for row in weight]
    return [
        [Fraction(outgoing[c // len(row)][i]) * row[c % len(row)] for c in range(min(n, len(row) * len(outgoing)))]
        for i, row in enumerate(exact)
    ]


def modular_terms(weight: Sequence[Sequence[float]], outgoing: Sequence[Sequence[float]]) -> list[list[int]]:
    """The same modulo PRIME, in integers; the floats' denominators are powers of two."""
    n, width = len(weight), len(weight[0])
    rows = [[q.numerator * pow(q.denominator, -1, PRIME) % PRIME for q in map(Fraction, row)] for row in weight]
    columns = [[q.numerator * pow(q.denominator, -1, PRIME) % PRIME for q in map(Fraction, row)] for row in outgoing]
    return [[columns[c // width][i] * row[c % width] % PRIME for c in range(min(n, width * len(columns)))] for i, row in enumerate(rows)]


# --- what is measured -------------------------------------------------------------------------------------------------------


def ask_z3(net: xn.Network, limit: float) -> tuple[set[Subset], bool]:
    """The sets that symmetry.search finds by z3, and whether that is all."""
    try:
        return {s.flips for s in xn.symmetry.search(net, solver="z3", time_limit=limit) if s.flips is not None}, True
    except Incomplete as stopped:
        return {s.flips for s in stopped.partial}, False


def orbit_rows(*, quick: bool) -> tuple[list[Row], list[str]]:
    """Orbits: a plain dict up to 40 neurons, scaled beyond; z3 with a limit."""
    limit = 2 if quick else 30
    cases = [(16, 3, 16, True), (20, 3, 30, False)] if quick else [(16, 3, 16, True), (40, 3, 8, False), (40, 3, 16, True)]
    cases += [] if quick else [(40, 3, 24, False), (40, 3, 40, True), (40, 8, 16, True), (48, 3, 16, False), (50, 3, 16, False)]
    most = 40
    rows, ways, unfinished = [], [], []
    for neurons, inputs, bits, compared in cases:
        vectors, chosen = planted(neurons, inputs, bits)
        net = network(vectors)
        sets, seconds = best(lambda net=net: xn.symmetry.orbits(net), 1 if neurons > most else 3)
        assert chosen in sets
        what = f"orbits: {neurons} neurons, {inputs} inputs, weights to 2^{bits}"
        ways.append(f"{what[8:]}: {len(sets)} sets, {xn.certified_orbits(net).reason}" if neurons <= most else "")
        if neurons <= most:
            plain, slow = timed(lambda vectors=vectors: zero_sums(vectors))
            assert plain == sets
            rows.append(Row(what, seconds, "plain dict of half sums", slow))
        else:
            slow = timed(lambda vectors=vectors: zero_sums(vectors[:most]))[1] * 2 ** ((neurons - most) // 2)
            rows.append(Row(what, seconds, f"plain dict, {most} neurons, scaled by {2 ** ((neurons - most) // 2)}", slow))
        if compared:
            (found, complete), theirs = timed(lambda net=net: ask_z3(net, limit))
            assert found <= set(sets)
            assert not complete or found | {()} == set(sets)
            rows.append(Row(what, seconds, "z3" if complete else "z3: gave up", theirs, not complete))
            if not complete:
                unfinished.append(f"{len(found)} of the {len(sets) - 1} non-empty sets for {what[8:]}")
    notes = [f"orbits: from the network to the list of all flip sets; {'; '.join(filter(None, ways))}."]
    notes.append(
        f'z3 {z3.get_version_string()}: symmetry.search(solver="z3"), one run, limit {limit} s; '
        + (f"by then it had {', '.join(unfinished)}." if unfinished else "it always came to its end.")
    )
    return rows, notes


def single_orbit_rows(*, quick: bool) -> tuple[list[Row], list[str]]:
    """verify_single_orbit for a trained classifier and one of usual initial weights."""
    rows = []
    width = 100 if quick else 1000
    digits = xn.load(DIGITS)
    weight, outgoing = (digits.operation(name).weight for name in (digits.order[1], digits.order[-1]))  # type: ignore[attr-defined]
    large = classifier(784, width, 10)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "certificate.json"
        verdict, seconds = best(lambda: xn.verify_single_orbit(digits))
        assert verdict.proved
        parts = [[[float(v) for v in part[i].to_fractions()] for i in range(len(part))] for part in (weight, outgoing)]
        rank, slow = timed(lambda: rank_of_fractions(terms(*parts)))
        assert rank == len(weight)
        rows.append(Row("single orbit: digits 64-32-10, trained, proved", seconds, "plain Fractions", slow))
        rows.append(Row("  its certificate checked, a process of its own", checked(verdict, target)))
        net = xn.mlp(large)
        verdict, seconds = best(lambda: xn.verify_single_orbit(net))
        assert verdict.proved
        lists = large[0][0].tolist(), large[1][0].tolist()
        rank, slow = timed(lambda: rank_modulo(modular_terms(*lists), PRIME))
        assert rank == width
        rows.append(Row(f"single orbit: 784-{width}-10, proved", seconds, "plain modular elimination", slow))
        rows.append(Row("  its certificate checked, a process of its own", checked(verdict, target)))
        size = target.stat().st_size / 1e6
    notes = [
        "single orbit: from the network to the verdict with its certificate, best of 3. Plain: Gaussian elimination in lists, in "
        f"Fractions and modulo {PRIME}, on the first n columns of the n terms vec(a_i w_i^T), measured in full, without a certificate.",
        f"784-{width}-10 has random weights (normal, 1/sqrt(fan in)), its certificate {size:.1f} MB; the digits are the demo's.",
    ]
    return rows, notes


def count_by(solver: str, inputs: int, neurons: int, bound: int) -> int:
    """The zero networks of one output, as the engine finds them, before they are made networks and found to be zero again."""
    plan = Free(inputs, 1, bound, True, False, False, range(neurons, neurons + 1))
    return sum(1 for _ in plan.networks(solver, Clock()))


def zero_rows(*, quick: bool) -> tuple[list[Row], list[str]]:
    """search_zero by its two engines."""
    rows = []
    for case in [(2, 6, 1)] if quick else [(3, 4, 2), (3, 8, 1), (2, 6, 2)]:
        count, seconds = best(lambda case=case: count_by("exact", *case))
        other, theirs = timed(lambda case=case: count_by("z3", *case))
        assert count == other
        what = f"zero networks: {case[0]} inputs, {case[1]} neurons, weights to {case[2]}: {count}"
        rows.append(Row(f"{what}, search only", seconds, 'solver="z3"', theirs))
        ours, seconds = best(lambda case=case: len(list(xn.symmetry.search_zero(*case))))
        others, theirs = timed(lambda case=case: len(list(xn.symmetry.search_zero(*case, solver="z3"))))
        assert count == ours == others
        rows.append(Row("  end to end", seconds, 'solver="z3"', theirs))
    return rows, [
        "zero networks: end to end makes each one a network and compares its normal form with 0, which both engines have in common."
    ]


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    parts = [part(quick=quick) for part in (orbit_rows, single_orbit_rows, zero_rows)]
    return "The fibre of given weights", [n for _, notes in parts for n in notes], [r for rows, _ in parts for r in rows]
