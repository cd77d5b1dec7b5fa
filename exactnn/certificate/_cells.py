"""Networks on one cell of a tree: their units, stage by stage, as affine functions where the units before them are fixed.

A unit is fixed at 1 (z >= 0 on the cell, so that max(z, 0) = z) or at -1 (z <= 0, max(z, 0) = 0), or left open: then max(z, 0) is a
function of its own, written as c max(h, 0), or c (max(h, 0) - h), for z = c h or z = -c h with c > 0 and h primitive, its first coefficient
positive. So equal and opposite hyperplanes share one function. Where h is fixed already, so is the unit; where it is fixed later, max(h, 0)
is h or 0 from then on. A unit without variables is fixed by its constant.

The functions in columns have the keys k - 1 for t_k, n for 1, and larger numbers for the max(h, 0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from math import gcd, lcm, prod
from operator import add
from typing import Any, NamedTuple

from . import _budget
from ._apply import applied
from ._farkas import AffineRow
from ._meaning import Linear, Step, steps
from ._network import Network
from ._numbers import count, need

Row = dict[int, int]  # key to coefficient, without zeros
CONSTANT = -1  # the key of max(1, 0): z is c or -c


class Columns(NamedTuple):
    """Entry i is the sum over the keys of columns[key][i] / denominator times a function; a column of zeros may be left out."""

    size: int
    columns: Mapping[int, Sequence[Any]]
    denominator: int


class Cell:
    """All networks on one cell, up to the stage at hand, whose units are the last that were reached."""

    def __init__(self, networks: Sequence[Network], inputs: Sequence[AffineRow], denominator: int, all_fixed: bool) -> None:
        """The flat input is inputs / denominator; ``all_fixed``: no unit may be left open."""
        self._all_fixed = all_fixed
        self._networks, self._program = tuple(networks), tuple[tuple[int, int, Step], ...]()
        for k, network in enumerate(networks):  # all steps, each with its network's number, and how many steps stand before that network
            before = len(self._program)
            self._program += tuple([(k, before, step) for step in steps(network)])
        self._inputs, self._denominator = tuple(inputs), denominator
        self.one = len(inputs[0]) - 1
        self._atoms: dict[tuple[tuple[int, int], ...], int] = {((self.one, 1),): CONSTANT}  # h as a tuple to the key of max(h, 0)
        self._inner: dict[int, Row] = {}  # and back
        self._known = {CONSTANT: 1}  # signs of h
        self._units: list[tuple[int, int, int]] = []  # that were reached: 1 or -1 for c h or -c h, the key of max(h, 0), and c
        self._values: list[Columns] = []  # of the steps that are done
        self.outputs: list[tuple[Row, int]] = []  # the entries of all outputs, when all stages are behind: row, denominator
        self._proceed()

    def copy(self) -> Cell:
        """Another cell with the same knowledge."""
        _budget.charge(200 + len(self._units) + len(self._atoms) + len(self._values), "tree")
        _budget.hold(len(self._units) + 8 * len(self._atoms), "tree")  # kept while the other part is gone through
        other = Cell.__new__(Cell)
        other.__dict__.update({key: value.copy() if type(value) in (dict, list) else value for key, value in self.__dict__.items()})
        return other

    def finish(self) -> None:
        """Complete all stages."""
        while not self.outputs:
            self.complete()

    def form(self, unit: Any, step: str) -> AffineRow:
        """The affine function, primitive, of a unit; stages before it are completed, their units without a known sign left open."""
        number = count(unit, step)
        while not self.outputs and number >= len(self._units):
            self.complete()
        side, atom, _ = self._units[number] if number < len(self._units) else (1, CONSTANT, 0)
        need(atom != CONSTANT, step, f"unit {number} is constant, or none")
        return self.affine({key: side * n for key, n in self._inner[atom].items()}, f"unit {number} depends", step)

    def affine(self, row: Row, what: str, step: str) -> AffineRow:
        """A row as a form in t; rejected if more is in it."""
        need(max(row, default=0) <= self.one, step, f"{what} on units that were left open")
        return tuple(row.get(key, 0) for key in range(self.one + 1))

    def fix(self, number: int, sign: int) -> None:
        """From now on the unit, whose form was asked for, is >= 0 (1) or <= 0 (-1)."""
        side, atom, _ = self._units[number]
        self._known[atom] = side * sign

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
        z, units = self._stage, self._units[-self._stage.size :]
        signs = [side * self._known.get(atom, 0) for side, atom, _ in units]  # 0: none is known
        missing = [i for i, sign in enumerate(signs) if not sign]
        need(not (missing and self._all_fixed), "tree", "a leaf has units that are not fixed")
        size = len(units) * (len(z.columns) + len(missing))
        self._charge(size, _bits(z), 200 + 8 * size)
        kept = [(sign or -side) > 0 for sign, (side, _, _) in zip(signs, units, strict=True)]
        columns = {key: [n if keep else 0 for n, keep in zip(column, kept, strict=True)] for key, column in z.columns.items()}
        for i in missing:
            _, atom, scale = units[i]
            columns.setdefault(atom, [0] * len(units))[i] += scale
        self._values.append(_lowest(Columns(z.size, columns, z.denominator)))
        self._proceed()

    def _proceed(self) -> None:
        """Through the steps up to the next stage of units, or to the end."""
        for k, before, step in self._program[len(self._values) :]:
            node, operands = self._networks[k].nodes[step.node], [self._values[before + p] for p in step.operands]
            if step.kind == "positive":
                return self._enter(operands[0])
            need(step.kind != "function", f"tree: node {node.name}", f"{node.op} is not piecewise linear")
            if step.rule is None:
                start = self._networks[k].starts()[step.node]
                rows = self._inputs[start : start + prod(node.shape)]
                self._charge(len(rows) * (self.one + 1), 1, 200 + 2 * len(rows) * (self.one + 1))
                value = Columns(len(rows), {key: [row[key] for row in rows] for key in range(self.one + 1)}, self._denominator)
            else:
                functions = len({self.one}.union(*(value.columns for value in operands)))
                bits = max(map(_bits, operands), default=1)
                self._charge(prod(step.rule.shape) * functions, bits + step.rule.longest(), step.rule.work(functions, bits))
                value = combined(step.rule, operands, self.one)
            self._values.append(_lowest(value))
        ends = {(k, step.node): value for (k, _, step), value in zip(self._program, self._values, strict=True)}
        for value in [ends[k, i] for k, network in enumerate(self._networks) for i in network.outputs]:
            _budget.hold(value.size * (8 + 3 * len(value.columns)), "tree: outputs")
            self.outputs += [(_row(value, e), value.denominator) for e in range(value.size)]

    def _charge(self, size: int, bits: int, work: int) -> None:
        """So many coefficients of so many bits are about to be made, by so much work."""
        k, _, step = self._program[len(self._values)]
        here = f"tree: node {self._networks[k].nodes[step.node].name}"
        _budget.hold(size * _budget.words(bits), here)
        _budget.charge(work, here)

    def _enter(self, z: Columns) -> None:
        """A stage of units: a row is c h or -c h."""
        self._stage = z
        self._charge(z.size * (16 + 3 * len(z.columns)), _bits(z), 4 * z.size * (1 + len(z.columns)))
        for row in (_row(z, i) for i in range(z.size)):
            scale, side = gcd(*row.values()), 1 if row and row[min(row)] > 0 else -1
            inner = {key: side * n // scale for key, n in row.items()} or {self.one: 1}  # max(0, 0) is 0, as max(-1, 0) is
            _budget.hold(8 + 4 * len(row), "tree")
            atom = self._atoms.setdefault(tuple(sorted(inner.items())), self.one + 1 + len(self._atoms))
            self._inner[atom] = inner
            self._units.append((side, atom, scale))


def _row(value: Columns, i: int) -> Row:
    """Entry i, times the denominator, without zeros."""
    return {key: column[i] for key, column in value.columns.items() if column[i]}


def _bits(value: Columns) -> int:
    """Of the longest number."""
    longest: int = max([value.denominator, *(max(max(column), -min(column)) for column in value.columns.values() if column)])
    return longest.bit_length()


def _lowest(value: Columns) -> Columns:
    """The same without columns of zeros, in lowest terms."""
    kept = {key: column for key, column in value.columns.items() if any(column)}
    divisor = gcd(value.denominator, *chain.from_iterable(kept.values())) if value.denominator > 1 else 1
    if divisor != 1:
        kept = {key: [n // divisor for n in column] for key, column in kept.items()}
    return Columns(value.size, kept, value.denominator // divisor)


def combined(rule: Linear, operands: Sequence[Columns], one: int) -> Columns:
    """What a linear step makes of them; ``one`` is the key of the function 1, which the constants go with."""
    keys = list(dict.fromkeys(key for a in operands for key in a.columns))
    size, shared = prod(rule.shape), lcm(*(a.denominator for a in operands))
    parts = [[_times(a.columns.get(key) or [0] * a.size, shared // a.denominator) for a in operands] for key in keys]
    lists = applied(rule, [[*chain.from_iterable(part), 0] for part in parts])
    under = lcm(shared * rule.denominator, rule.over)
    factor = under // (shared * rule.denominator)
    found = dict(zip(keys, lists if factor == 1 else [_times(column, factor) for column in lists], strict=True))
    if rule.constants:
        found[one] = list(map(add, found.get(one) or [0] * size, _times(rule.constants, under // rule.over)))
    return Columns(size, found, under)


def _times(column: Sequence[Any], factor: int) -> list[Any]:
    return list(column) if factor == 1 else [n * factor for n in column]
