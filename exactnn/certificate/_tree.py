"""Evidence "tree": the domain is cut, unit by unit, into cells on which the networks are affine.

At each node the cell is {t : g_i(t) >= 0 for all i}, where the g_i are the rows of the domain and the sides of the splits above, each
scaled to coprime integers. A unit is fixed by a Farkas proof, factor * l = gamma + sum y_i g_i with factor > 0, y > 0, gamma >= 0 (or by
the i alone, `_support`), or split into l >= 0 and l <= 0; both closed, so that the leaves cover the domain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from math import gcd, lcm
from operator import mul
from typing import Any

from . import _budget
from ._atoms import Atoms
from ._budget import Budget
from ._cells import AffineRow, Cell
from ._claim import Claim, Domain
from ._claim_cells import Regions
from ._columns import Row
from ._hull import read_hull
from ._network import Network
from ._numbers import afford, index, integer, items, mapping, need, show
from ._support import is_rows, left_by_rows

Leaf = Callable[[Cell, Sequence[AffineRow], Any, str], None]
Gap = tuple[Row, int]  # a difference times a scale, and the scale
SIGNED = 8  # outputs whose sum of absolute values is written sign by sign


def check_tree(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any], budget: Budget | None = None) -> None:
    """f = g on each leaf, within the tolerance; or, for "regions", the leaves are the regions, and counted."""
    mapping(evidence, "evidence", ("method", "hull", "tree"))
    if isinstance(claim, Regions):
        pools = [node.name for node in f.nodes if node.op == "max_pool"]
        need(not pools, "tree", f"regions of networks with max pooling (node {pools[:1]}) are not counted by units")
        leaves = walk(claim, f, [f], evidence, _region, True)
        need(leaves == claim.regions, "tree", f"it has {leaves} leaves, not {show(claim.regions)}")
        return

    def leaf(cell: Cell, path: Sequence[AffineRow], raw: Any, step: str) -> None:
        _agree(cell, path, f.output_size, claim, raw, step)

    walk(claim, f, [f] if g is None else [f, g], evidence, leaf, False, budget)


def walk(
    claim: Claim,
    f: Network,
    networks: Sequence[Network],
    evidence: dict[str, Any],
    leaf: Leaf,
    all_fixed: bool,
    budget: Budget | None = None,
) -> int:
    """Through the nodes of the tree, asking `leaf` at each leaf with its cell, the cell's inequalities and the leaf's end; their number."""
    budget = budget or Budget(_budget.TREE, "products", "tree")
    inputs, denominator = _inputs(claim, f, evidence["hull"])
    path = _domain(claim.domain, inputs, denominator)
    nodes = items(evidence["tree"], "tree")
    waiting = [(Cell(networks, inputs, denominator, budget, all_fixed), path)]
    leaves = 0
    for number, raw in enumerate(nodes):
        step = f"tree: node {number}"
        need(bool(waiting), step, "the tree is complete before it")
        cell, path = waiting.pop()
        kind, facts, rest = items(raw, step, 3)
        need(kind in ("split", "leaf") and type(kind) is str, step, 'expected "split" or "leaf"')
        for i, fact in enumerate(items(facts, step)):
            _fix(cell, path, fact, f"{step}, fact {i}")
        if kind == "split":
            form = cell.form(_number(rest, step), step)
            above, below = cell.copy(), cell
            above.fix(rest, 1)
            below.fix(rest, -1)
            waiting += [(below, [*path, tuple(-c for c in form)]), (above, [*path, form])]
            continue
        leaves += 1
        leaf(cell, path, rest, step)
    need(not waiting, "tree", f"{len(waiting)} nodes are missing at its end")
    return leaves


def _number(value: Any, step: str) -> int:
    need(type(value) is int and value >= 0, step, f"expected the number of a unit, found {show(value)}")
    return int(value)


def _inputs(claim: Claim, f: Network, hull: Any) -> tuple[list[AffineRow], int]:
    """The flat inputs as integer rows over one denominator, in t."""
    d = f.input_size
    if hull is None:
        _budget.within(d * (d + 1), _budget.COLUMNS, f"coefficients of {d} inputs", "tree")
        return [tuple(int(i == j) for j in range(d + 1)) for i in range(d)], 1
    need(claim.domain is not None and claim.question != "regions", "hull", "only for a domain of lower dimension, and no regions")
    assert claim.domain is not None
    atoms = Atoms()
    forms = read_hull(hull, claim.domain, d, atoms)
    n = len(hull["directions"])
    places = {atoms.coordinate(k): k for k in range(n)}
    rows = []
    for form in forms:
        row = [Fraction(0)] * n + [form.constant]
        for atom, c in zip(form.atoms, form.coefficients, strict=True):
            row[places[atom]] += form.factor * c
        rows.append(row)
    denominator = lcm(*(v.denominator for row in rows for v in row))
    return [tuple(int(v * denominator) for v in row) for row in rows], denominator


def _domain(domain: Domain | None, inputs: Sequence[AffineRow], denominator: int) -> list[AffineRow]:
    """b_r - A_r x for each row, in t, primitive."""
    rows: list[AffineRow] = []
    for numerators, bound in domain.rows() if domain is not None else ():
        assert domain is not None
        scale = domain.matrix.denominator * denominator
        total = [0] * len(inputs[0])
        total[-1] = bound.numerator * scale
        for a, row in zip(numerators, inputs, strict=True):
            if a:
                total = [t - bound.denominator * a * c for t, c in zip(total, row, strict=True)]
        rows.append(primitive(total))
    return rows


def primitive(form: Sequence[int]) -> AffineRow:
    """Divided by the greatest common divisor."""
    divisor = gcd(*form) or 1
    return tuple(c // divisor for c in form)


def _fix(cell: Cell, path: Sequence[AffineRow], raw: Any, step: str) -> None:
    """[unit, side, factor, terms] or [unit, side, rows]: the unit's function times the side is >= 0 on the cell."""
    raw_unit, side, *proof = items(raw, step, 3 if type(raw) is list and len(raw) == 3 else 4)
    number = _number(raw_unit, step)
    form = cell.form(number, step)
    need(type(side) is int and side in (1, -1), step, f"the side must be 1 or -1, not {show(side)}")
    if len(proof) == 1:
        need(is_rows(proof[0]), step, "expected the numbers of inequalities")
        proof = proof[0]
    else:
        items(proof[1], step)
    _nonnegative(cell, [side * c for c in form], path, proof, step)
    cell.fix(number, side)


def _nonnegative(cell: Cell, form: Sequence[int], path: Sequence[AffineRow], proof: Any, step: str) -> None:
    """Rejected unless factor * form = gamma + sum of y g_i, gamma >= 0; proof is [factor, [[i, y]...]], or the rows [i...] alone."""
    if is_rows(proof):
        rest = left_by_rows(form, path, proof, step, cell.budget)
    else:
        raw, terms = items(proof, step, 2)
        factor = integer(raw, step)
        need(factor > 0, step, "the factor must be positive")
        rest = remainder([factor * c for c in form], path, terms, step)
    need(rest >= 0, step, "the constant that remains is negative")


def remainder(form: Sequence[int], path: Sequence[AffineRow], terms: Any, step: str) -> int:
    """gamma in form = gamma + sum of y g_i; rejected unless it is a constant and all y > 0."""
    rest = list(form)
    for term in items(terms, step):
        i, y = items(term, step, 2)
        i, y = index(i, len(path), step), integer(y, step)
        need(y > 0, step, "a multiplier that is not positive")
        rest = [r - y * c for r, c in zip(rest, path[i], strict=True)]
    need(not any(rest[:-1]), step, "the inequalities do not add up to the function")
    return rest[-1]


def _region(cell: Cell, path: Sequence[AffineRow], raw: Any, step: str) -> None:
    """All units are fixed, and [w, [x...]] is a point x / w strictly inside the cell: so the cell is full-dimensional."""
    while not cell.finished:
        cell.complete()
    raw_weight, raw_point = items(raw, step, 2)
    weight = integer(raw_weight, step)
    need(weight > 0, step, "the denominator of the point must be positive")
    point = [*(integer(v, step) for v in items(raw_point, step, cell.one)), weight]
    for i, form in enumerate(path):
        value = sum(map(mul, form, point))
        need(value > 0 or (value == 0 and not any(form)), step, f"the point is not strictly inside inequality {i}")


def _agree(cell: Cell, path: Sequence[AffineRow], count: int, claim: Claim, raw: Any, step: str) -> None:
    """null: the outputs are identical on the cell; else a pair of proofs for each output, tolerance -+ (f - g) >= 0."""
    while not cell.finished:
        cell.complete()
    gaps = _gaps(cell, count)
    if raw is None:
        for j, (gap, _) in enumerate(gaps):
            need(not gap, step, f"output {j}: the functions are not the same on this leaf")
        return
    need(claim.tolerance > 0, step, "without a tolerance a leaf needs no proofs")
    if claim.norm == "l1":
        _sum_within(cell, path, gaps, claim.tolerance, raw, step)
        return
    for j, pair in enumerate(items(raw, step, len(gaps))):
        here = f"{step}, output {j}"
        for sign, proof in zip((1, -1), items(pair, here, 2), strict=True):
            _at_most(cell, path, gaps[j : j + 1], [sign], claim.tolerance, proof, here)


def _sum_within(cell: Cell, path: Sequence[AffineRow], gaps: list[Gap], tolerance: Fraction, raw: Any, step: str) -> None:
    """A proof for each choice of signs: tolerance - sum of s_j (f - g)_j >= 0."""
    afford(len(gaps) <= SIGNED, step, f"the sum over more than {SIGNED} outputs has too many signs for this checker")
    for signs, proof in zip(product((1, -1), repeat=len(gaps)), items(raw, step, 2 ** len(gaps)), strict=True):
        _at_most(cell, path, gaps, signs, tolerance, proof, f"{step}, signs {list(signs)}")


def _at_most(
    cell: Cell, path: Sequence[AffineRow], gaps: Sequence[Gap], signs: Sequence[int], tolerance: Fraction, proof: Any, step: str
) -> None:
    """tolerance - sum of s gap >= 0 on the cell."""
    common = lcm(*(scale for _, scale in gaps))
    form = [0] * (cell.one + 1)
    form[-1] = tolerance.numerator * common
    for sign, (row, scale) in zip(signs, gaps, strict=True):
        need(max(row, default=0) <= cell.one, step, "the difference depends on units that were left open")
        factor = sign * tolerance.denominator * (common // scale)
        for key, n in row.items():
            form[key] -= factor * n
    _nonnegative(cell, primitive(form), path, proof, step)


def _gaps(cell: Cell, count: int) -> list[Gap]:
    """(scale (f - g), scale) for each output; f alone is compared with 0."""
    gaps: list[Gap] = []
    for j in range(count):
        row, scale = cell.resolved(cell.outputs[j]), cell.scales[j]
        if len(cell.outputs) > count:
            other, across = cell.resolved(cell.outputs[count + j]), cell.scales[count + j]
            common = lcm(scale, across)
            row = {key: n * (common // scale) for key, n in row.items()}
            for key, n in other.items():
                row[key] = row.get(key, 0) - n * (common // across)
            row, scale = {key: n for key, n in row.items() if n}, common
        gaps.append((row, scale))
    return gaps
