"""Evidence "tree": the domain is cut, unit by unit, into cells on which the networks are affine.

At each node the cell is {t : g_i(t) >= 0 for all i}, where the g_i are the rows of the domain and the sides of the splits above, each
scaled to coprime integers. A unit with the form l is fixed by a proof (`_farkas`), or split into l >= 0 and l <= 0; both closed, so that
the leaves cover the domain.

Sound: each split covers the cell, signs are Farkas', and a network is affine where all units are fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from . import _budget
from ._cells import Cell, Row
from ._claim import Claim
from ._farkas import AffineRow, nonnegative, primitive, slacks
from ._load import load
from ._network import Network
from ._numbers import items, mapping, need, show

Leaf = Callable[[Cell, Sequence[AffineRow], Any, str], None]
Term = tuple[int, tuple[Row, int]]  # a factor, and a value: a row, and its denominator


def check_tree(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """f = g on each leaf, by null; or within the tolerance, by proofs."""
    mapping(evidence, "evidence", ("method", "hull", "tree"))
    outputs = f.output_size

    def leaf(cell: Cell, path: Sequence[AffineRow], raw: Any, step: str) -> None:
        pairs = [[(1, cell.outputs[j]), *((-1, other) for other in cell.outputs[outputs + j :][:1])] for j in range(outputs)]
        if raw is not None:
            need(claim.tolerance > 0, step, "without a tolerance a leaf needs no proofs")
            bounded(cell, path, pairs, claim.tolerance, raw, step)
            return
        for j, pair in enumerate(pairs):
            need(not cell.difference(pair)[0], step, f"output {j}: the functions are not the same on this leaf")

    bounded = load("_sum.bounded") if claim.norm == "l1" else _bounded
    walk(claim, f, [f] if g is None else [f, g], evidence, leaf, False)


def walk(claim: Claim, f: Network, networks: Sequence[Network], evidence: dict[str, Any], leaf: Leaf, all_fixed: bool) -> None:
    """Through the nodes of the tree, asking `leaf` at each leaf with its cell, the cell's inequalities and the leaf's end."""
    path, d, denominator = slacks(claim.domain, "tree"), f.input_size, 1
    _budget.hold(d * (d + 1), "tree")
    inputs = [tuple(int(i == j) for j in range(d + 1)) for i in range(d)]
    if evidence["hull"] is not None:
        path, inputs, denominator = load("_hull.within")(claim, evidence["hull"], path, d)
    nodes = items(evidence["tree"], "tree")
    waiting = [(Cell(networks, inputs, denominator, all_fixed), path, _budget.account().held)]
    for number, raw in enumerate(nodes):
        step = f"tree: node {number}"
        need(bool(waiting), step, "the tree is complete before it")
        cell, path, held = waiting.pop()
        _budget.account().held = held  # what the cells between hold is done with
        kind, facts, rest = items(raw, step, 3)
        need(kind in ("split", "leaf") and type(kind) is str, step, 'expected "split" or "leaf"')
        for i, fact in enumerate(items(facts, step)):  # the unit's function times the side is >= 0 on the cell
            here = f"{step}, fact {i}"
            unit, side, proof = items(fact, here, 3)
            form = cell.form(unit, here)
            need(type(side) is int and side in (1, -1), here, f"the side must be 1 or -1, not {show(side)}")
            nonnegative([side * c for c in form], path, proof, here)
            cell.fix(unit, side)
        if kind == "split":
            form = cell.form(rest, step)
            above = cell.copy()
            above.fix(rest, 1)
            cell.fix(rest, -1)
            _budget.hold(2 * (len(path) + len(form)), step)
            waiting += [(p, [*path, g], _budget.account().held) for p, g in ((cell, tuple(-c for c in form)), (above, form))]
            continue
        cell.finish()
        leaf(cell, path, rest, step)
    need(not waiting, "tree", f"{len(waiting)} nodes are missing at its end")


def _bounded(cell: Cell, path: Sequence[AffineRow], pairs: Sequence[Sequence[Term]], tolerance: Fraction, raw: Any, step: str) -> None:
    """A pair of proofs for each output: tolerance -+ (f - g) >= 0."""
    for j, two in enumerate(items(raw, step, len(pairs))):
        for sign, proof in zip((1, -1), items(two, f"{step}, output {j}", 2), strict=True):
            at_most(cell, path, [(sign * c, value) for c, value in pairs[j]], tolerance, proof, f"{step}, output {j}")


def at_most(cell: Cell, path: Sequence[AffineRow], terms: Sequence[Term], tolerance: Fraction, proof: Any, step: str) -> None:
    """tolerance - sum of c value >= 0 on the cell."""
    row, scale = cell.difference(terms)
    form = [-tolerance.denominator * n for n in cell.affine(row, "the difference depends", step)]
    form[-1] += tolerance.numerator * scale
    nonnegative(primitive(form), path, proof, step)
