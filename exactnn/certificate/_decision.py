"""The questions "same_decision" (the same maximal outputs everywhere) and "deviation" (the largest distance of the outputs).

Behind f and g each a maximum over all outputs is put, a `max_pool` with one window. On a leaf, where all its units are fixed, the
shortfalls a_i = max f - f_i >= 0 and b_i = max g - g_i >= 0 are affine. Output i is maximal for f where a_i = 0. That it is maximal for g,
too, wherever it is for f is shown by

    factor (-b_i) + t a_i = gamma + sum y_k g_k,   factor, t, y >= 0,   factor > 0 and gamma >= 0, or factor = 0 and gamma > 0

(`_farkas`); in the second case a_i is 0 nowhere on the leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ._cells import Cell
from ._claim import Claim
from ._farkas import AffineRow, primitive, remainder
from ._network import Network, Node
from ._numbers import integer, items, mapping, need
from ._operations import Shape
from ._point import at, values
from ._tree import walk


def check_decision_tree(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """On each leaf a pair of proofs for each output."""
    assert g is not None
    mapping(evidence, "evidence", ("method", "hull", "tree"))
    count = f.output_size
    networks = [with_maximum(f), with_maximum(g)]

    def leaf(cell: Cell, path: Sequence[AffineRow], raw: Any, step: str) -> None:
        below = [_shortfalls(cell, first, count, step) for first in (0, count + 1)]
        for i, pair in enumerate(items(raw, step, count)):
            here = f"{step}, output {i}"
            for a, proof in zip((0, 1), items(pair, here, 2), strict=True):
                _implied(below[a][i], below[1 - a][i], path, proof, here)

    walk(claim, f, networks, evidence, leaf, False)


def check_decision_point(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """At the point the sets of maximal outputs differ."""
    mapping(evidence, "evidence", ("method", "point", "f", "g"))
    highest = [[v == max(found) for v in found] for found in values(f, g, at(claim, f, evidence["point"]), evidence)]
    need(highest[0] != highest[1], "point", "the maximal outputs are the same there")


class _Whole(NamedTuple):
    """The window of all entries."""

    kernel: tuple[int]

    def entries(self, shape: Shape, result: Shape, step: str) -> list[list[int]]:
        """All of them."""
        return [list(range(*self.kernel))]


def with_maximum(net: Network) -> Network:
    """The network with one more output behind the others, their maximum."""
    last, size = len(net.nodes), net.output_size
    joined = Node("outputs", "concat", net.outputs, (size,), {"axis": 0})
    highest = Node("maximum", "max_pool", (last,), (1,), {"window": _Whole((size,))})
    return Network((*net.nodes, joined, highest), net.inputs, (last, last + 1))


def _shortfalls(cell: Cell, first: int, count: int, step: str) -> list[AffineRow]:
    """max - z_i for the outputs z_first, ..., whose maximum follows them; each up to a positive factor."""
    highest = cell.outputs[first + count]
    rows = [cell.difference([(1, highest), (-1, value)])[0] for value in cell.outputs[first : first + count]]
    return [primitive(cell.affine(row, "the outputs depend", step)) for row in rows]


def _implied(a: AffineRow, b: AffineRow, path: Sequence[AffineRow], raw: Any, step: str) -> None:
    """Rejected unless b = 0 is shown wherever a = 0 on the cell."""
    raw_factor, raw_times, terms = items(raw, step, 3)
    factor, times = integer(raw_factor, step), integer(raw_times, step)
    need(factor >= 0 and times >= 0, step, "a negative factor")
    _, rest = remainder([times * p - factor * q for p, q in zip(a, b, strict=True)], path, terms, step)
    need(rest > 0 or (rest == 0 and factor > 0), step, "the constant that remains does not suffice")
