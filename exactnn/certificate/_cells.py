"""Networks on one cell of a tree: their units, stage by stage, as affine functions where the units before them are fixed.

A unit is fixed at 1 (z >= 0 on the cell, so that max(z, 0) = z) or at -1 (z <= 0, max(z, 0) = 0), or left open: then max(z, 0) is a
function of its own, written as c max(h, 0), or c (max(h, 0) - h), for z = c h or z = -c h with c > 0 and h primitive, its first coefficient
positive. So equal and opposite hyperplanes share one function. Where h is fixed already, so is the unit; where it is fixed later, max(h, 0)
is h or 0 from then on. A unit without variables is fixed by its constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from . import _budget
from ._affine import AFFINE
from ._bends import Bend, bend, closed, units
from ._budget import Budget
from ._columns import ColumnValue, Row, affine, divided
from ._network import Network, Node
from ._numbers import need

BENT = frozenset(("piecewise_linear", "prelu", "max_pool"))
AffineRow = tuple[int, ...]  # coefficients of t_1, ..., t_n, and a constant


class Cell:
    """All networks on one cell, up to the stage at hand: its units are ``first``, ``first + 1``, ..., ``signs`` says which are fixed."""

    def __init__(self, networks: Sequence[Network], inputs: Sequence[AffineRow], denominator: int, budget: Budget, all_fixed: bool) -> None:
        """The flat input is inputs / denominator; ``all_fixed``: no unit may be left open."""
        self._networks, self._inputs, self._denominator, self._all_fixed = networks, inputs, denominator, all_fixed
        self.budget = budget
        self.one = len(inputs[0]) - 1
        self._atoms: dict[tuple[tuple[int, int], ...], int] = {}  # h as a tuple to the key of max(h, 0)
        self._inner: dict[int, Row] = {}  # and back
        self._opened: dict[int, tuple[int, bool]] = {}  # an open unit to its key, and whether it is max(-h, 0)
        self._known: dict[int, int] = {}  # signs of h, where they were proved later
        self._values: list[ColumnValue] = []
        self._bend: Bend | None = None
        self.outputs: list[Row] = []  # the entries of the outputs of all networks that are done, each in a scale of its own
        self.scales: list[int] = []
        self._done = 0  # how many networks that is
        self.first = 0
        self._rows: list[Row] = []
        self._scales: list[int] = []
        self.signs: list[int | None] = []
        self._proceed()

    def copy(self) -> Cell:
        """Another cell with the same knowledge."""
        other = Cell.__new__(Cell)
        other.__dict__.update(self.__dict__)
        other._atoms, other._inner = dict(self._atoms), dict(self._inner)
        other._opened, other._known = dict(self._opened), dict(self._known)
        other._values, other.outputs = list(self._values), list(self.outputs)
        other.scales, other.signs = list(self.scales), list(self.signs)
        return other

    @property
    def finished(self) -> bool:
        """Whether all stages are behind."""
        return self._done == len(self._networks)

    def form(self, number: int, step: str) -> AffineRow:
        """The affine function, primitive, of a unit that is not fixed; stages before it are completed, their other units left open."""
        while not self.finished and number >= self.first + len(self.signs):
            self.complete()
        if number in self._opened:
            atom, mirrored = self._opened[number]
            row = {key: -n for key, n in self._inner[atom].items()} if mirrored else self._inner[atom]
        else:
            place = number - self.first
            free = 0 <= place < len(self.signs) and self.signs[place] is None
            need(free, step, f"unit {number} is constant, fixed already, or none")
            row = self._rows[place]
        need(max(row) <= self.one, step, f"unit {number} depends on units that were left open")
        return tuple(row.get(key, 0) for key in range(self.one + 1))

    def fix(self, number: int, sign: int) -> None:
        """From now on the unit, whose form was asked for, is >= 0 (1) or <= 0 (-1)."""
        if number in self._opened:
            atom, mirrored = self._opened[number]
        else:
            atom, mirrored = self._atom(self._rows[number - self.first])
            self.signs[number - self.first] = sign
        self._known[atom] = -sign if mirrored else sign

    def resolved(self, row: Row) -> Row:
        """The row without the open units that were fixed after all: max(h, 0) is h or 0."""
        total: Row = {}
        for key, n in row.items():
            if key not in self._known:
                total[key] = total.get(key, 0) + n
            elif self._known[key] > 0:
                for inner, c in self._inner[key].items():
                    total[inner] = total.get(inner, 0) + n * c
        return {key: n for key, n in total.items() if n}

    def complete(self) -> None:
        """Go on behind the stage at hand."""
        assert self._bend is not None
        if self._all_fixed:
            signs = [self._sign(row) if sign is None else sign for sign, row in zip(self.signs, self._rows, strict=True)]
            missing = [i for i, sign in enumerate(signs, self.first) if sign is None]
            need(not missing, "tree", f"a leaf has units that are not fixed, the first is unit {missing[:1]}")
        last = self.first + len(self.signs)
        parts = [self._part(*unit) for unit in zip(range(self.first, last), self._rows, self._scales, self.signs, strict=True)]
        functions = len(set(self._bend.total).union(*parts))
        self._charge(prod(self._bend.node.shape) * functions, 1, self._bend.node)
        self._bend = closed(self._bend, parts)
        self.first = last
        self._proceed()

    def _part(self, number: int, row: Row, scale: int, sign: int | None) -> Row:
        """max(scale row, 0)."""
        if sign is None:
            atom, mirrored = self._opened[number] = self._atom(row)
            sign = self._sign(row)
        if sign is not None:
            return {key: scale * n for key, n in row.items()} if sign > 0 else {}
        # row = -h if mirrored, and max(-h, 0) = max(h, 0) - h
        return {atom: scale, **{key: scale * n for key, n in row.items()}} if mirrored else {atom: scale}

    def _sign(self, row: Row) -> int | None:
        """At which sign a unit is fixed by another one with the same or the opposite hyperplane."""
        atom, mirrored = self._atom(row)
        known = self._known.get(atom)
        return -known if known is not None and mirrored else known

    def _atom(self, row: Row) -> tuple[int, bool]:
        """(key of max(h, 0), whether row is -h) for the row or its opposite, the one whose first coefficient is positive."""
        mirrored = row[min(row)] < 0
        inner = {key: -n for key, n in row.items()} if mirrored else row
        atom = self._atoms.setdefault(tuple(sorted(inner.items())), self.one + 1 + len(self._atoms))
        self._inner[atom] = inner
        return atom, mirrored

    def _proceed(self) -> None:
        """Through the nodes up to the next stage that has units."""
        self._rows, self._scales, self.signs = [], [], []
        while not self.finished:
            network = self._networks[self._done]
            if self._bend is not None:
                rows = units(self._bend, self.one)
                if rows is not None:
                    self._enter(rows)
                    return
                b = self._bend
                self._values.append(ColumnValue(b.node.shape, b.total, b.denominator))
                self._bend = None
            elif len(self._values) == len(network.nodes):
                for value in (self._values[i] for i in network.outputs):
                    size = prod(value.shape)
                    self.outputs += map(value.row, range(size))
                    self.scales += [value.denominator] * size
                self._done, self._values = self._done + 1, []
            else:
                self._next(network)

    def _next(self, network: Network) -> None:
        node = network.nodes[len(self._values)]
        operands = [self._values[p] for p in node.operands]
        functions = len({self.one}.union(*(value.columns for value in operands))) if operands else 1 + self.one
        weight = node.fields["weight"].shape if node.op in ("affine", "conv") else ()
        self._charge(prod(node.shape) * functions, prod(weight[1:]), node)
        if node.op == "input":
            start = network.starts()[len(self._values)]
            rows = self._inputs[start : start + prod(node.shape)]
            columns = {key: [row[key] for row in rows] for key in range(self.one + 1)}
            self._values.append(ColumnValue(node.shape, columns, self._denominator))
        elif node.op in AFFINE:
            self._values.append(affine(node, operands, self.one))
        else:
            need(node.op in BENT, f"tree: node {node.name}", f"{node.op} is not piecewise linear")
            self._bend = bend(node, operands[0], self.one)

    def _charge(self, size: int, products: int, node: Node) -> None:
        """So many coefficients of a node's value are about to be made, each from so many products."""
        step = self.budget.step = f"tree: node {node.name}"
        _budget.within(size, _budget.COLUMNS, "coefficients", step)
        self.budget.spend(size * products)

    def _enter(self, rows: list[Row]) -> None:
        for row in rows:
            scale, smallest = divided(row)
            self._rows.append(smallest)
            self._scales.append(scale)
            constant = smallest.keys() <= {self.one}
            self.signs.append((1 if smallest.get(self.one, 0) > 0 else -1) if constant else None)
