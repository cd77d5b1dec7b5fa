"""Networks as stages of units: every operand of a unit an affine function of the inputs and of what the units before it are.

Units are numbered as in evidence "tree", and here none is merged or left out. An affine function is a row, a dict from keys to integers
over the denominator of its stage: key j is input j, ONE the constant, and d + u is what unit u makes of its operand.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm, prod
from typing import NamedTuple

from . import _budget
from ._meaning import Linear, steps
from ._network import Network, Node
from ._numbers import need
from ._rows import by_entry
from ._walk import walk

ONE = -1
Row = dict[int, int]


class Stage(NamedTuple):
    """Affine functions row / denominator."""

    rows: list[Row]
    denominator: int


class Staged(NamedTuple):
    """The stages of a network with ``inputs`` inputs, and its flat output, a stage without units."""

    inputs: int
    stages: list[Stage]
    outputs: Stage

    @property
    def sizes(self) -> list[int]:
        """The number of units of each stage."""
        return [len(stage.rows) for stage in self.stages]


def staged(network: Network, step: str, whole: bool = False) -> Staged:
    """The network as stages: units are max(z, 0), or ``whole`` the functions of all nodes that are not affine."""
    carrier = _Rows(network.input_size, step, whole)
    values = walk(network, carrier, steps(network, whole))
    return Staged(network.input_size, carrier.stages, joined([values[i] for i in network.outputs]))


def joined(parts: Sequence[Stage]) -> Stage:
    """All rows over one denominator."""
    common = lcm(*(part.denominator for part in parts))
    if all(part.denominator == common for part in parts):
        return Stage([row for part in parts for row in part.rows], common)
    return Stage([{key: n * (common // part.denominator) for key, n in row.items()} for part in parts for row in part.rows], common)


class _Rows:
    """Entries are rows."""

    def __init__(self, inputs: int, step: str, whole: bool) -> None:
        self.next, self.step, self.whole = inputs, step, whole  # next: the key of the next unit
        self.stages: list[Stage] = []

    def input(self, node: Node, start: int) -> Stage:
        """Keys themselves."""
        return self._fresh(node, start)

    def linear(self, node: Node, rule: Linear, operands: list[Stage]) -> Stage:
        """The rows put together; zeros are left out."""
        step = f"{self.step}: node {node.name}"
        rows, common = joined(operands) if operands else ([], 1)
        under = common * rule.denominator
        both = lcm(under, rule.over)
        factor, shift = both // under, both // rule.over
        found: list[Row] = []
        alone = [(*row.items(),)[0] for row in rows if len(row) == 1]
        if len({key for key, _ in alone}) < len(rows):
            alone = []  # else nothing has to be added up
        for places, weights in by_entry(rule):
            if alone:
                _budget.charge(len(places), step)
                _budget.hold(8 + 3 * len(places), step)
                row = {alone[p][0]: alone[p][1] * w * factor for p, w in zip(places, weights, strict=True) if w}
                constant = rule.constants[len(found)] * shift if rule.constants else 0
                found.append({**row, ONE: row.get(ONE, 0) + constant} if constant else row)
                continue
            used = [(rows[p], w * factor) for p, w in zip(places, weights, strict=True) if w]
            constant = rule.constants[len(found)] if rule.constants else 0
            _budget.charge(len(places) // _budget.PACKED + 2 * sum(len(row) for row, _ in used), step)
            total: Row = {ONE: constant * shift} if constant else {}
            for row, w in used:
                for key, n in row.items():
                    total[key] = total.get(key, 0) + w * n
            _budget.hold(8 + 3 * len(total), step)
            found.append({key: n for key, n in total.items() if n})
        return Stage(found, both)

    def positive(self, node: Node, operand: Stage) -> Stage:
        """A stage of units."""
        self.stages.append(operand)
        self.next += len(operand.rows)
        return self._fresh(node, self.next - len(operand.rows), len(operand.rows))

    def function(self, node: Node, operand: Stage) -> Stage:
        """Units of other kinds."""
        need(self.whole and node.op != "max_pool", f"{self.step}: node {node.name}", f"{node.op} is not piecewise linear")
        return self.positive(node, operand)

    def _fresh(self, node: Node, first: int, size: int | None = None) -> Stage:
        count = prod(node.shape) if size is None else size
        _budget.hold(8 * count, f"{self.step}: node {node.name}")
        return Stage([{first + k: 1} for k in range(count)], 1)
