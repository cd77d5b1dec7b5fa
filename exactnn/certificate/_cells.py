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
from ._meaning import Linear, steps
from ._network import Network
from ._numbers import need

Row = dict[int, int]  # key to coefficient, without zeros
CONSTANT = -1  # in the place of the key where z is a constant: c or -c


class Columns(NamedTuple):
    """Entry i is the sum over the keys of columns[key][i] / denominator times a function; a column of zeros may be left out."""

    size: int
    columns: Mapping[int, Sequence[Any]]
    denominator: int

    def column(self, key: int, common: int) -> Sequence[Any]:
        """One column, over a multiple of the denominator."""
        found, factor = self.columns.get(key), common // self.denominator
        if found is None:
            return [0] * self.size
        return found if factor == 1 else [n * factor for n in found]


class Cell:
    """All networks on one cell, up to the stage at hand, whose units are those from ``first`` on."""

    def __init__(self, networks: Sequence[Network], inputs: Sequence[AffineRow], denominator: int, all_fixed: bool) -> None:
        """The flat input is inputs / denominator; ``all_fixed``: no unit may be left open."""
        self._programs = tuple((network, tuple(steps(network))) for network in networks)
        self._inputs, self._denominator, self._all_fixed = tuple(inputs), denominator, all_fixed
        self.one = len(inputs[0]) - 1
        self._atoms: dict[tuple[tuple[int, int], ...], int] = {}  # h as a tuple to the key of max(h, 0)
        self._inner: dict[int, Row] = {}  # and back
        self._known = {CONSTANT: 1}  # signs of h
        self._units: list[tuple[int, int]] = []  # of each unit that was reached: 1 or -1 for c h or -c h, and the key of max(h, 0)
        self._scales: list[int] = []  # c, in the stage at hand
        self._values: list[Columns] = []
        self.outputs: list[tuple[Row, int]] = []  # the entries of the outputs of all networks that are done: row, denominator
        self._done = 0  # how many networks that is
        self.first = 0
        self._proceed()

    def copy(self) -> Cell:
        """Another cell with the same knowledge."""
        _budget.charge(200 + len(self._units) + len(self._atoms) + len(self._values), "tree")
        _budget.hold(len(self._units) + 8 * len(self._atoms), "tree")  # kept while the other part is gone through
        other = Cell.__new__(Cell)
        other.__dict__.update({key: value.copy() if type(value) in (dict, list) else value for key, value in self.__dict__.items()})
        return other

    @property
    def finished(self) -> bool:
        """Whether all stages are behind."""
        return self._done == len(self._programs)

    def form(self, number: int, step: str) -> AffineRow:
        """The affine function, primitive, of a unit; stages before it are completed, their units without a known sign left open."""
        while not self.finished and number >= len(self._units):
            self.complete()
        side, atom = self._units[number] if number < len(self._units) else (1, CONSTANT)
        need(atom != CONSTANT, step, f"unit {number} is constant, or none")
        return self.affine({key: side * n for key, n in self._inner[atom].items()}, f"unit {number} depends", step)

    def affine(self, row: Row, what: str, step: str) -> AffineRow:
        """A row as a form in t; rejected if more is in it."""
        need(max(row, default=0) <= self.one, step, f"{what} on units that were left open")
        return tuple(row.get(key, 0) for key in range(self.one + 1))

    def fix(self, number: int, sign: int) -> None:
        """From now on the unit, whose form was asked for, is >= 0 (1) or <= 0 (-1)."""
        side, atom = self._units[number]
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
        z, units = self._stage, self._units[self.first :]
        signs = [side * self._known.get(atom, 0) for side, atom in units]  # 0: none is known
        missing = [i for i, sign in enumerate(signs) if not sign]
        first = [self.first + i for i in missing[:1]]
        need(not (first and self._all_fixed), "tree", f"a leaf has units that are not fixed, the first is unit {first}")
        size = len(units) * (len(z.columns) + len(missing))
        self._charge(size, _bits(z), 200 + 8 * size)
        kept = [sign > 0 or (not sign and side < 0) for sign, (side, _) in zip(signs, units, strict=True)]
        columns = {key: [n if keep else 0 for n, keep in zip(column, kept, strict=True)] for key, column in z.columns.items()}
        for i in missing:
            columns.setdefault(units[i][1], [0] * len(units))[i] += self._scales[i]
        self._values.append(_lowest(Columns(z.size, columns, z.denominator)))
        self._proceed()

    def _proceed(self) -> None:
        """Through the steps up to the next stage of units."""
        self.first, self._scales = len(self._units), []
        while not self.finished:
            network, program = self._programs[self._done]
            if len(self._values) == len(program):
                ends = {step.node: value for step, value in zip(program, self._values, strict=True)}
                for i in network.outputs:
                    _budget.hold(ends[i].size * (8 + 3 * len(ends[i].columns)), f"tree: node {network.nodes[i].name}")
                    self.outputs += [(_row(ends[i], e), ends[i].denominator) for e in range(prod(network.nodes[i].shape))]
                self._done, self._values = self._done + 1, []
                continue
            step = program[len(self._values)]
            node, operands = network.nodes[step.node], [self._values[p] for p in step.operands]
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
                bits = max(map(_bits, operands), default=1)
                self._charge(prod(step.rule.shape) * functions, bits + step.rule.longest(), step.rule.work(functions, bits))
                value = combined(step.rule, operands, self.one)
            self._values.append(_lowest(value))

    def _charge(self, size: int, bits: int, work: int) -> None:
        """So many coefficients of so many bits are about to be made, by so much work."""
        network, program = self._programs[self._done]
        step = f"tree: node {network.nodes[program[len(self._values)].node].name}"
        _budget.hold(size * _budget.words(bits), step)
        _budget.charge(work, step)

    def _enter(self, z: Columns) -> None:
        """A stage of units: a row is c h or -c h."""
        self._stage = z
        self._charge(z.size * (16 + 3 * len(z.columns)), _bits(z), 4 * z.size * (1 + len(z.columns)))
        for row in (_row(z, i) for i in range(z.size)):
            scale = gcd(*row.values())
            self._scales.append(scale)
            if row.keys() <= {self.one}:
                self._units.append((1 if scale and row[self.one] > 0 else -1, CONSTANT))
                continue
            side = 1 if row[min(row)] > 0 else -1
            inner = {key: side * n // scale for key, n in row.items()}
            _budget.hold(8 + 4 * len(row), "tree")
            atom = self._atoms.setdefault(tuple(sorted(inner.items())), self.one + 1 + len(self._atoms))
            self._inner[atom] = inner
            self._units.append((side, atom))


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
    shared = lcm(*(a.denominator for a in operands))
    lists = applied(rule, [[*chain.from_iterable(a.column(key, shared) for a in operands), 0] for key in keys])
    under = lcm(shared * rule.denominator, rule.over)
    factor, shift = under // (shared * rule.denominator), under // rule.over
    found = dict(zip(keys, lists if factor == 1 else [[n * factor for n in column] for column in lists], strict=True))
    if rule.constants:
        constants = rule.constants if shift == 1 else [c * shift for c in rule.constants]
        found[one] = list(map(add, found[one], constants)) if one in found else list(constants)
    return Columns(prod(rule.shape), found, under)
