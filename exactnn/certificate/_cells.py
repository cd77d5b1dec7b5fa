"""Networks on one cell of a tree: their units, stage by stage, as affine functions where the units before them are fixed.

A unit is fixed at 1 (z >= 0 on the cell, so that max(z, 0) = z) or at -1 (z <= 0, max(z, 0) = 0), or left open: then max(z, 0) is a
function of its own, written as c max(h, 0), or c (max(h, 0) - h), for z = c h or z = -c h with c > 0 and h primitive, its first coefficient
positive. So equal and opposite hyperplanes share one function. Where h is fixed already, so is the unit; where it is fixed later, max(h, 0)
is h or 0 from then on. A unit without variables is fixed by its constant.

The functions in columns have the keys k - 1 for t_k, n for 1, and larger numbers for the max(h, 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, lcm, prod

from . import _budget
from ._farkas import AffineRow
from ._meaning import Columns, Step, steps
from ._network import Network
from ._numbers import need

Row = dict[int, int]  # key to coefficient, without zeros


class Cell:
    """All networks on one cell, up to the stage at hand: its units are ``first``, ``first + 1``, ..., ``signs`` says which are fixed."""

    def __init__(self, networks: Sequence[Network], inputs: Sequence[AffineRow], denominator: int, all_fixed: bool) -> None:
        """The flat input is inputs / denominator; ``all_fixed``: no unit may be left open."""
        self._programs = tuple((network, tuple(steps(network))) for network in networks)
        self._inputs, self._denominator, self._all_fixed = tuple(inputs), denominator, all_fixed
        self.one = len(inputs[0]) - 1
        self._atoms: dict[tuple[tuple[int, int], ...], int] = {}  # h as a tuple to the key of max(h, 0)
        self._inner: dict[int, Row] = {}  # and back
        self._opened: dict[int, tuple[int, bool]] = {}  # an open unit to its key, and whether it is max(-h, 0)
        self._known: dict[int, int] = {}  # signs of h, where they were proved later
        self._values: list[Columns] = []
        self.outputs: list[tuple[Row, int]] = []  # the entries of the outputs of all networks that are done: row, denominator
        self._done = 0  # how many networks that is
        self.first = 0
        self._rows: list[Row] = []
        self._scales: list[int] = []
        self.signs: list[int | None] = []
        self._proceed()

    def copy(self) -> Cell:
        """Another cell with the same knowledge."""
        known = sum(len(value) for value in self.__dict__.values() if type(value) in (dict, list))
        _budget.charge(200 + known, "tree")
        _budget.hold(known // 4, "tree")  # they are kept while the other part is gone through: places of what is there already
        other = Cell.__new__(Cell)
        other.__dict__.update({key: value.copy() if type(value) in (dict, list) else value for key, value in self.__dict__.items()})
        return other

    @property
    def finished(self) -> bool:
        """Whether all stages are behind."""
        return self._done == len(self._programs)

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
        return self.affine(row, f"unit {number} depends", step)

    def affine(self, row: Row, what: str, step: str) -> AffineRow:
        """A row as a form in t; rejected if more is in it."""
        need(max(row, default=0) <= self.one, step, f"{what} on units that were left open")
        return tuple(row.get(key, 0) for key in range(self.one + 1))

    def fix(self, number: int, sign: int) -> None:
        """From now on the unit, whose form was asked for, is >= 0 (1) or <= 0 (-1)."""
        if number in self._opened:
            atom, mirrored = self._opened[number]
        else:
            atom, mirrored = self._atom(self._rows[number - self.first])
            self.signs[number - self.first] = sign
        self._known[atom] = -sign if mirrored else sign

    def difference(self, terms: Sequence[tuple[int, tuple[Row, int]]]) -> tuple[Row, int]:
        """The sum of c row / denominator, c whole, where open units that were fixed after all are h or 0: a row, and its denominator."""
        common = lcm(*(denominator for _, (_, denominator) in terms))
        total: Row = {}
        for c, (row, denominator) in terms:
            factor = c * (common // denominator)
            for key, n in row.items():
                sign = self._known.get(key)
                for inner, m in ((key, 1),) if sign is None else self._inner[key].items() if sign > 0 else ():
                    total[inner] = total.get(inner, 0) + factor * n * m
        return {key: n for key, n in total.items() if n}, common

    def complete(self) -> None:
        """Go on behind the stage at hand: max(z, 0) is z, 0, or c times a function of its own."""
        last = self.first + len(self.signs)
        signs = [self._sign(row) if sign is None else sign for sign, row in zip(self.signs, self._rows, strict=True)]
        missing = [i for i, sign in enumerate(signs, self.first) if sign is None]
        need(not (missing and self._all_fixed), "tree", f"a leaf has units that are not fixed, the first is unit {missing[:1]}")
        for number, row, sign in zip(range(self.first, last), self._rows, self.signs, strict=True):
            if sign is None:
                self._opened[number] = self._atom(row)
        z, open_units = self._operands()[0], [self._opened[i] for i in missing]
        size = len(signs) * (len(z.columns) + len(open_units))
        self._charge(size, z.bits, 200 + 8 * size)
        kept = [sign == 1 or (sign is None and self._opened[i][1]) for i, sign in enumerate(signs, self.first)]
        columns = {key: [n if keep else 0 for n, keep in zip(column, kept, strict=True)] for key, column in z.columns.items()}
        for i, (atom, _) in zip(missing, open_units, strict=True):
            columns.setdefault(atom, [0] * len(signs))[i - self.first] += self._scales[i - self.first]
        self._values.append(Columns(z.size, columns, z.denominator).lowest())
        self.first = last
        self._proceed()

    def _sign(self, row: Row) -> int | None:
        """At which sign a unit is fixed by another one with the same or the opposite hyperplane."""
        atom, mirrored = self._atom(row)
        known = self._known.get(atom)
        return -known if known is not None and mirrored else known

    def _atom(self, row: Row) -> tuple[int, bool]:
        """(key of max(h, 0), whether row is -h) for the row or its opposite, the one whose first coefficient is positive."""
        mirrored = row[min(row)] < 0
        inner = {key: -n for key, n in row.items()} if mirrored else row
        _budget.hold(8 + 4 * len(row), "tree")
        atom = self._atoms.setdefault(tuple(sorted(inner.items())), self.one + 1 + len(self._atoms))
        self._inner[atom] = inner
        return atom, mirrored

    @property
    def _step(self) -> Step:
        return self._programs[self._done][1][len(self._values)]

    def _operands(self) -> list[Columns]:
        return [self._values[p] for p in self._step.operands]

    def _proceed(self) -> None:
        """Through the steps up to the next stage of units."""
        self._rows, self._scales, self.signs = [], [], []
        while not self.finished:
            network, program = self._programs[self._done]
            if len(self._values) == len(program):
                ends = {step.node: value for step, value in zip(program, self._values, strict=True)}
                for i in network.outputs:
                    _budget.hold(ends[i].size * (8 + 3 * len(ends[i].columns)), f"tree: node {network.nodes[i].name}")
                    self.outputs += [(ends[i].row(e), ends[i].denominator) for e in range(prod(network.nodes[i].shape))]
                self._done, self._values = self._done + 1, []
                continue
            step, operands = self._step, self._operands()
            node = network.nodes[step.node]
            if step.kind == "positive":
                return self._enter(operands[0])
            need(step.kind != "function", f"tree: node {node.name}", f"{node.op} is not piecewise linear")
            if step.rule is None:
                start = network.starts()[step.node]
                rows = self._inputs[start : start + prod(node.shape)]
                self._charge(len(rows) * (self.one + 1), 1, 200 + 2 * len(rows) * (self.one + 1))
                value = Columns(len(rows), {key: [row[key] for row in rows] for key in range(self.one + 1)}, self._denominator)
            else:
                functions = len({self.one}.union(*(value.columns for value in operands)))
                bits = max((value.bits for value in operands), default=1)
                self._charge(prod(step.rule.shape) * functions, bits + step.rule.bits, step.rule.work(functions, bits))
                value = step.rule.combined(operands, self.one)
            self._values.append(value.lowest())

    def _charge(self, size: int, bits: int, work: int) -> None:
        """So many coefficients of so many bits are about to be made, by so much work."""
        network, program = self._programs[self._done]
        step = f"tree: node {network.nodes[program[len(self._values)].node].name}"
        _budget.hold(size * _budget.words(bits), step)
        _budget.charge(work, step)

    def _enter(self, z: Columns) -> None:
        """A stage of units: a row is a scale times coprime integers."""
        self._charge(z.size * (16 + 3 * len(z.columns)), z.bits, 4 * z.size * (1 + len(z.columns)))
        for row in map(z.row, range(z.size)):
            scale = gcd(*row.values())
            self._rows.append({key: n // scale for key, n in row.items()} if scale > 1 else row)
            self._scales.append(scale)
            constant = row.keys() <= {self.one}
            self.signs.append((1 if row.get(self.one, 0) > 0 else -1) if constant else None)
