"""Linear regions of trained networks: exact counts beside the same engine in floats, growth, memory, the search beside fresh solvers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import torch

import exactnn as xn
from benchmarks.equality_map import pairs
from benchmarks.measure import Row, best, peak, timed
from exactnn.cells import Program, Search, Subdivision, read_program
from exactnn.claims import EqualClaim
from exactnn.exact.clock import Clock
from exactnn.verify._complete import Complete
from exactnn.verify._domain import coordinates


def trained(sizes: list[int], steps: int = 300) -> xn.Network:
    """A ReLU network fitted by Adam to a wavy function on [-1, 1]^d, float32."""
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for m, n in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(m, n), torch.nn.ReLU()]
    module = torch.nn.Sequential(*layers[:-1])
    x = torch.rand(2000, sizes[0]) * 2 - 1
    y = torch.sin(5 * x).prod(dim=1, keepdim=True) + x[:, :1].abs()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(module(x), y).backward()
        optimizer.step()
    return xn.from_torch(module.eval(), (sizes[0],))


def cells(program: Program, *, exact: bool = True) -> tuple[int, Subdivision]:
    """The number of cells, and the run."""
    run = Subdivision(program, Clock(), exact=exact)
    return sum(p.cells for p in run.pieces()), run


Rows = list[list[int]]  # a x + c >= 0 as (a, c), times any positive number


def by_fresh_solvers(program: Program, most: int, has_interior: Callable[[Rows], bool]) -> tuple[int, int]:
    """The search as a plain script would do it, a new solver for each candidate side; stops at `most` candidates."""
    d = program.input_dim
    found, asked = 0, 0
    stack: list[tuple[list[int], Rows]] = [([], [])]
    while stack and asked < most:
        signs, rows = stack.pop()
        if len(signs) == program.unit_count:
            found += 1
            continue
        stage, column = program.stage_of(len(signs))
        padded = np.zeros((1, program.unit_count), dtype=np.int8)
        padded[0, : len(signs)] = signs
        *_, (matrix, _) = program.cell_maps(padded, stage + 1)
        row = [int(matrix[column, k]) for k in range(d + 1)]
        for sign in (1, -1):
            asked += 1
            side = [*rows, [sign * v for v in row]]
            if has_interior(side):
                stack.append(([*signs, sign], side))
    return found, asked


def by_z3(rows: Rows) -> bool:
    """Whether all rows can be > 0, by a new z3 solver."""
    import z3

    x = [z3.Real(f"x{i}") for i in range(len(rows[0]) - 1)]
    solver = z3.Solver()
    for *a, c in rows:
        solver.add(sum((v * t for v, t in zip(a, x, strict=True)), z3.RealVal(c)) > 0)
    return bool(solver.check() == z3.sat)


def by_highspy(rows: Rows) -> bool:
    """Whether a ball with a radius above 1e-8 fits in, in floats: max r subject to a x + c >= r |a|, r <= 1, a new model of highspy."""
    import highspy

    table = np.array([[v / max(map(abs, row)) for v in row] for row in rows])
    d = table.shape[1] - 1
    solver = getattr(highspy, "_Highs", highspy.Highs)()
    solver.setOptionValue("output_flag", False)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = d + 1, len(table)
    model.col_cost_ = np.array([0.0] * d + [-1.0])
    model.col_lower_, model.col_upper_ = np.array([-1e4] * d + [0.0]), np.array([1e4] * d + [1.0])
    model.row_lower_, model.row_upper_ = -table[:, d], np.full(len(table), highspy.kHighsInf)
    dense = np.hstack([table[:, :d], -np.linalg.norm(table[:, :d], axis=1)[:, None]])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.arange(len(table) + 1, dtype=np.int32) * (d + 1)
    model.a_matrix_.index_ = np.tile(np.arange(d + 1, dtype=np.int32), len(table))
    model.a_matrix_.value_ = dense.ravel()
    solver.passModel(model)
    solver.run()
    return bool(solver.getSolution().col_value[d] > 1e-8)


def by_scipy(rows: Rows) -> bool:
    """The same by scipy.optimize.linprog, whose method is HiGHS."""
    from scipy.optimize import linprog

    table = np.array([[v / max(map(abs, row)) for v in row] for row in rows])
    d = table.shape[1] - 1
    left = np.hstack([-table[:, :d], np.linalg.norm(table[:, :d], axis=1)[:, None]])
    found = linprog([0.0] * d + [-1.0], A_ub=left, b_ub=table[:, d], bounds=[(-1e4, 1e4)] * d + [(0, 1)], method="highs")
    return found.x is not None and bool(found.x[d] > 1e-8)


def seven_inputs(*, quick: bool) -> str:
    """Regions beyond the dimensions of the lattice, and what the division into tasks costs."""
    net = trained([7, 5, 3, 1] if quick else [7, 8, 6, 1], 30)
    program = read_program([net])
    count, seconds = timed(lambda: sum(1 for _ in Search(program).leaves()))
    seeds, dividing = timed(lambda: Search(program).seeds(16 if quick else 128))
    parts, spent = timed(lambda: [sum(1 for _ in Search(program, seed=seed).leaves()) for seed in seeds])
    assert sum(parts) == count
    each = seconds / count * 1e6
    times = (dividing + spent) / seconds
    return f"7 inputs: {count:,} regions by the search, {each:.0f} us each; in {len(seeds)} tasks {times:.2f} times as long."


def equality(*, quick: bool) -> str:
    """Pairs equal by hidden rewriting, by the search alone."""
    found = []
    for sizes in ((2, 8, 2),) if quick else ((2, 16, 3), (3, 8, 3), (5, 8, 2)):
        pair = next(pairs(*sizes))
        claim = EqualClaim(xn.mlp(pair.f), xn.mlp(pair.g), None, Fraction(0))
        complete = Complete(claim, coordinates(None, sizes[0]), Clock(), None)
        evidence, seconds = timed(complete.decide)
        assert isinstance(evidence, dict)
        cells = complete.search.found
        size = len(json.dumps(evidence, separators=(",", ":"))) / cells
        found.append(f"{pair.name}: {cells:,} cells, {cells / seconds:,.0f} a second, {size:.0f} bytes each")
    return f"Equality cell by cell. {'; '.join(found)}."


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    rows, notes = [], []
    cases = [([2, 100, 100, 1], True), ([3, 16, 16, 16, 1], False), ([4, 10, 10, 1], False)]
    if quick:
        cases = [([2, 20, 20, 1], True), ([3, 6, 6, 1], False)]
    for sizes, boxed in cases:
        net = trained(sizes, 30 if quick else 300)
        domain = xn.Box(-1, 1).in_dimension(sizes[0]) if boxed else None
        program = read_program([net], domain)
        (count, seen), seconds = best(lambda p=program: cells(p))
        (_, _), fast = best(lambda p=program: cells(p, exact=False))
        name = "-".join(map(str, sizes)) + (" on a box" if boxed else f" on R^{sizes[0]}")
        rows.append(Row(f"{name}: {count} regions", seconds, "the same engine, floats only", fast))
        s = seen.statistics
        total = s.combinatorial + s.floating + s.exact
        shares = f"{s.combinatorial / total:.1%} by combinatorics, {s.floating / total:.1%} by a float and its bound, {s.exact} exactly"
        notes.append(f"{name}: {count / seconds:,.0f} regions a second; signs: {shares}.")
    rng = np.random.default_rng(0)
    sizes = [2, 8, 8, 1] if quick else [3, 16, 16, 1]
    program = read_program([xn.mlp([(rng.integers(-1, 2, (n, m)), rng.integers(-1, 2, n)) for m, n in itertools.pairwise(sizes)])])
    (count, seen), seconds = best(lambda: cells(program))
    notes.append(
        f"{'-'.join(map(str, sizes))} with entries in -1, 0, 1 (degenerate): {count} regions, {count / seconds:,.0f} a second, "
        f"{seen.statistics.exact} signs exactly."
    )
    growth = []
    for width in (6, 8) if quick else (10, 14, 18, 22, 28):
        program = read_program([trained([4, width, width, 1], 30 if quick else 300)])
        (count, _), seconds = timed(lambda p=program: cells(p))
        growth.append(f"{count:,} regions: {seconds / count * 1e6:.0f} us each, peak {peak():.0f} MB so far")
    notes.append("4-n-n-1 on R^4: " + "; ".join(growth) + ".")
    dimension = 4 if quick else 6
    planes = [row for row in itertools.product((0, 1), repeat=dimension) if any(row)]
    chambers, seconds = timed(lambda: xn.regions.chambers(planes))
    notes.append(f"All {len(planes)} hyperplanes in R^{dimension} with coefficients 0 and 1: {chambers:,} chambers in {seconds:.2f} s.")
    program = read_program([trained([3, 6, 5, 1] if quick else [4, 9, 8, 1], 100)])
    search = Search(program)
    total, seconds = best(lambda: sum(1 for _ in Search(program).leaves()), 1 if quick else 2)
    sum(1 for _ in search.leaves())
    work = search.work
    notes.append(
        f"search: {total} regions, {seconds / total * 1e6:.0f} us each; {work.proofs} proofs and {work.points} points as floats proposed "
        f"them, {work.recalled} proofs from other cells, {work.programs} exact linear programs."
    )
    notes += [seven_inputs(quick=quick), equality(quick=quick)]
    candidates = 300 if quick else 3000
    ways = (
        ("a fresh z3 solver for each candidate", by_z3),
        ("scipy's linprog (HiGHS, floats) for each candidate", by_scipy),
        ("a fresh model of highspy (floats) for each candidate", by_highspy),
    )
    for name, way in ways:
        (found, asked), slow = timed(lambda w=way: by_fresh_solvers(program, candidates, w))
        whole = asked < candidates
        estimate = slow if whole else slow / max(found, 1) * total
        rows.append(Row(f"search: {total} regions", seconds, name + ("" if whole else ", scaled"), estimate))
    return "Linear regions of trained networks", notes, rows
