"""Evidence "tree": the domain is cut, unit by unit, into cells on which the networks are affine.

At each node the cell is {t : g_i(t) >= 0 for all i}, where the g_i are the rows of the domain and the sides of the splits above, each
scaled to coprime integers. A unit with the form l is fixed by a proof (`_farkas`), or split into l >= 0 and l <= 0; both closed, so that
the leaves cover the domain.

Sound: each split covers the cell, signs are Farkas', and a network is affine where all units are fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from . import _budget
from ._cells import Cell, Row
from ._claim import Claim
from ._farkas import AffineRow, nonnegative, primitive, slacks
from ._load import load
from ._network import Network
from ._numbers import afford, items, mapping, need, show

Leaf = Callable[[Cell, Sequence[AffineRow], Any, str], None]
Term = tuple[int, tuple[Row, int]]  # a factor, and a value: a row, and its denominator
SIGNED = 8  # outputs whose sum of absolute values is written sign by sign


def check_tree(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """f = g on each leaf, within the tolerance."""
    mapping(evidence, "evidence", ("method", "hull", "tree"))

    def leaf(cell: Cell, path: Sequence[AffineRow], raw: Any, step: str) -> None:
        _agree(cell, path, f.output_size, claim, raw, step)

    walk(claim, f, [f] if g is None else [f, g], evidence, leaf, False)


def walk(
    claim: Claim,
    f: Network,
    networks: Sequence[Network],
    evidence: dict[str, Any],
    leaf: Leaf,
    all_fixed: bool,
) -> int:
    """Through the nodes of the tree, asking `leaf` at each leaf with its cell, the cell's inequalities and the leaf's end; their number."""
    inputs, denominator = _inputs(claim, f, evidence["hull"])
    path = slacks(claim.domain, "tree")
    if evidence["hull"] is not None:
        path = load("_hull.substituted")(path, inputs, denominator)
    nodes = items(evidence["tree"], "tree")
    waiting = [(Cell(networks, inputs, denominator, all_fixed), path, _budget.held())]
    leaves = 0
    for number, raw in enumerate(nodes):
        step = f"tree: node {number}"
        need(bool(waiting), step, "the tree is complete before it")
        cell, path, held = waiting.pop()
        _budget.back_to(held)  # what the cells between hold is done with
        kind, facts, rest = items(raw, step, 3)
        need(kind in ("split", "leaf") and type(kind) is str, step, 'expected "split" or "leaf"')
        for i, fact in enumerate(items(facts, step)):
            _fix(cell, path, fact, f"{step}, fact {i}")
        if kind == "split":
            form = cell.form(_number(rest, step), step)
            above, below = cell.copy(), cell
            above.fix(rest, 1)
            below.fix(rest, -1)
            _budget.hold(2 * (len(path) + len(form)), step)
            held = _budget.held()
            waiting += [(below, [*path, tuple(-c for c in form)], held), (above, [*path, form], held)]
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
        _budget.hold(d * (d + 1), "tree")
        return [tuple(int(i == j) for j in range(d + 1)) for i in range(d)], 1
    need(claim.domain is not None and claim.question != "regions", "hull", "only for a domain of lower dimension, and no regions")
    assert claim.domain is not None
    found: tuple[list[AffineRow], int] = load("_hull.read_hull")(hull, claim.domain, d)
    return found


def _fix(cell: Cell, path: Sequence[AffineRow], raw: Any, step: str) -> None:
    """[unit, side, proof]: the unit's function times the side is >= 0 on the cell."""
    raw_unit, side, proof = items(raw, step, 3)
    number = _number(raw_unit, step)
    form = cell.form(number, step)
    need(type(side) is int and side in (1, -1), step, f"the side must be 1 or -1, not {show(side)}")
    nonnegative([side * c for c in form], path, proof, step)
    cell.fix(number, side)


def _agree(cell: Cell, path: Sequence[AffineRow], count: int, claim: Claim, raw: Any, step: str) -> None:
    """null: the outputs are identical on the cell; else a pair of proofs for each output, tolerance -+ (f - g) >= 0.

    For the norm "l1" a proof for each choice of signs: tolerance - sum of s_j (f - g)_j >= 0.
    """
    while not cell.finished:
        cell.complete()
    pairs = [[(1, cell.outputs[j]), *((-1, other) for other in cell.outputs[count + j :][:1])] for j in range(count)]
    if raw is None:
        for j, pair in enumerate(pairs):
            need(not cell.difference(pair)[0], step, f"output {j}: the functions are not the same on this leaf")
        return
    need(claim.tolerance > 0, step, "without a tolerance a leaf needs no proofs")
    if claim.norm == "l1":
        afford(count <= SIGNED, step, f"the sum over more than {SIGNED} outputs has too many signs for this checker")
        for signs, proof in zip(product((1, -1), repeat=count), items(raw, step, 2**count), strict=True):
            terms = [(sign * c, value) for sign, pair in zip(signs, pairs, strict=True) for c, value in pair]
            _at_most(cell, path, terms, claim.tolerance, proof, f"{step}, signs {list(signs)}")
        return
    for j, two in enumerate(items(raw, step, count)):
        for sign, proof in zip((1, -1), items(two, f"{step}, output {j}", 2), strict=True):
            _at_most(cell, path, [(sign * c, value) for c, value in pairs[j]], claim.tolerance, proof, f"{step}, output {j}")


def _at_most(cell: Cell, path: Sequence[AffineRow], terms: Sequence[Term], tolerance: Fraction, proof: Any, step: str) -> None:
    """tolerance - sum of c value >= 0 on the cell."""
    row, scale = cell.difference(terms)
    form = [-tolerance.denominator * n for n in cell.affine(row, "the difference depends", step)]
    form[-1] += tolerance.numerator * scale
    nonnegative(primitive(form), path, proof, step)
