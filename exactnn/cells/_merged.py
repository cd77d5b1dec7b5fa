"""Units that are the same function put together, and the part of a program that a difference of its outputs depends on.

    z = c h, c > 0:  max(z, 0) = c max(h, 0);      z = -c h, c > 0:  max(z, 0) = c (max(h, 0) - h)
    h <= 0 on the domain:  max(h, 0) = 0;          h >= 0 on the domain:  max(h, 0) = h

Every unit is read as a combination of t and of the functions max(h, 0) of units before it. If it is a multiple of an earlier one's, it is
no function of its own. So f - g is a combination of fewer functions, and of none of those that cancel: what these read need not be known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from flint import fmpq, fmpz

from exactnn.cells._maps import StageMap
from exactnn.cells._program import Program, Stage
from exactnn.exact.array import RationalArray

#: Coefficients other than 0, of t_j by j, of 1 by n, of max(h, 0) of function number k by n + 1 + k.
Row = dict[int, fmpq]


@dataclass
class Function:
    """max(h, 0): h in integers without a common factor, the unit and the stage that had it first, the networks that read it."""

    h: dict[int, int]
    unit: int
    stage: int
    nets: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Part:
    """A program of some of the functions; `numbers`: their units in the program that was merged; `open`: stages that do not cut."""

    program: Program
    numbers: tuple[int, ...]
    open: tuple[int, ...]


class Merged:
    """A program's functions, and its outputs over them.

    Parameters
    ----------
    program : of one or two networks
    fixed : for some units the sign, 1 or -1, that they are taken to have on the whole domain

    Attributes
    ----------
    functions : all of them, in the order of their units; difference : the first network's outputs minus the second's
    """

    def __init__(self, program: Program, fixed: Mapping[int, int] | None = None) -> None:
        self.program, self.fixed = program, dict(fixed or {})
        self.one = program.input_dim
        self.functions: list[Function] = []
        self._numbers: dict[tuple[tuple[int, fmpq], ...], int] = {}
        self._values: list[list[Row]] = [[{j: fmpq(1)} for j in range(self.one)]]
        for s, stage in enumerate(program.stages):
            rows = self._rows(stage.form)
            if s or not program.domain_units:
                self._values.append([self._rectified(row, program.first[s] + i, s) for i, row in enumerate(rows)])
            else:
                self._values.append([])
        outputs = [self._rows(form) for form in program.outputs]
        for net, table in enumerate(outputs):
            for row in table:
                self._read(row, net)
        self.difference = outputs[0]
        for row, other in zip(self.difference, outputs[1] if len(outputs) > 1 else (), strict=False):
            _add(row, other, fmpq(-1))

    # --- reading -------------------------------------------------------------------------------------------------------------

    def _rows(self, form: StageMap) -> list[Row]:
        rows: list[Row] = [{} for _ in range(form.size)]
        for array, values in [
            (form.constant.reshape(-1, 1), [{self.one: fmpq(1)}]),
            *((b, self._values[k]) for k, b in form.blocks.items()),
        ]:
            numerators, scale = array.numerators, array.denominator
            for i, j in zip(*(places.tolist() for places in np.nonzero(numerators)), strict=True):
                _add(rows[i], values[j], fmpq(int(numerators[i, j]), scale))
        return rows

    def _rectified(self, row: Row, unit: int, stage: int) -> Row:
        keys = sorted(row)
        if keys in ([], [self.one]):
            value = row.get(self.one, fmpq(0))
            return {self.one: value} if value > 0 else {}
        lead = row[keys[0]]
        number = self._numbers.setdefault(tuple((k, row[k] / lead) for k in keys), len(self.functions))
        if number == len(self.functions):
            self.functions.append(Function(_primitive(row), unit, stage))
            self._read(row, self.program.stages[stage].net)
        function = self.functions[number]
        factor = row[keys[0]] / function.h[keys[0]]
        sign = self.fixed.get(function.unit)
        result: Row = {}
        if sign is None:
            result[self.one + 1 + number] = abs(factor)
        elif sign > 0:
            _add(result, function.h, abs(factor))
        if factor < 0:
            _add(result, function.h, factor)
        function.nets.add(self.program.stages[stage].net)
        return result

    def _read(self, row: Row, net: int) -> None:
        for key in row:
            if key > self.one:
                self.functions[key - self.one - 1].nets.add(net)

    # --- parts ---------------------------------------------------------------------------------------------------------------

    def read_by(self, rows: Iterable[Mapping[int, object]]) -> set[int]:
        """The functions that these rows depend on, directly or not."""
        found: set[int] = set()
        left = list(rows)
        while left:
            for key in left.pop():
                number = key - self.one - 1
                if number >= 0 and number not in found:
                    found.add(number)
                    left.append(self.functions[number].h)
        return found

    @cached_property
    def assumed(self) -> dict[int, int]:
        """The functions whose signs were given, by number."""
        return {i: self.fixed[x.unit] for i, x in enumerate(self.functions) if x.unit in self.fixed}

    @cached_property
    def grounds(self) -> set[int]:
        """What the signs that were given depend on."""
        return self.read_by(self.functions[i].h for i in self.assumed)

    @cached_property
    def needed(self) -> set[int]:
        """What has to be known: the difference, and the signs that were given, depend on it."""
        return self.read_by(self.difference) | self.grounds

    def part(self, *, difference: bool = True, opens: bool = False) -> Part:
        """The program of the difference, or of the signs that were given alone.

        opens : leave open what only the difference reads
        """
        inner = self.needed if difference else self.grounds
        own: set[int] = set()
        if opens and difference:
            own = inner - self.read_by(self.functions[i].h for i in inner) - set(self.assumed)
        own -= self.grounds
        chosen = sorted(inner | set(self.assumed), key=lambda i: (self.functions[i].stage, i in own, i))
        first = self.program.stages[:1] if self.program.domain_units else ()
        stages, numbers = list(first), list(range(self.program.domain_units))
        open_: list[int] = []
        places: dict[int, tuple[int, int]] = {}  # of a function: its source and its place there
        sizes = [self.one, *(stage.form.size for stage in stages)]
        for s, is_open in dict.fromkeys((self.functions[i].stage, i in own) for i in chosen):
            members = [i for i in chosen if (self.functions[i].stage, i in own) == (s, is_open)]
            form = self._form([{k: fmpq(v) for k, v in self.functions[i].h.items()} for i in members], places, sizes)
            if is_open:
                open_.append(len(stages))
            stage = self.program.stages[s]
            stages.append(Stage(form, stage.node, stage.part, np.arange(len(members)), stage.net))
            places.update({i: (len(stages), j) for j, i in enumerate(members)})
            sizes.append(len(members))
            numbers += [self.functions[i].unit for i in members]
        rows = self.difference if difference else [{} for _ in self.difference]
        program = Program(self.program.nets, self.program.domain, tuple(stages), (self._form(rows, places, sizes),))
        return Part(program, tuple(numbers), tuple(open_))

    def _form(self, rows: list[Row], places: Mapping[int, tuple[int, int]], sizes: list[int]) -> StageMap:
        common = 1
        for row in rows:
            for v in row.values():
                common = int(fmpz(common).lcm(v.q))
        blocks: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.object_]]] = {}
        constant = np.zeros(len(rows), dtype=object)
        for i, row in enumerate(rows):
            for key, v in row.items():
                value = int(v.p * (common // v.q))
                if key == self.one:
                    constant[i] = value
                    continue
                source, place = (0, key) if key < self.one else places[key - self.one - 1]
                if source not in blocks:
                    blocks[source] = np.zeros((len(rows), sizes[source]), dtype=object)
                blocks[source][i, place] = value
        return StageMap({k: RationalArray(blocks[k], common) for k in sorted(blocks)}, RationalArray(constant, common))


def _add(row: Row, other: Mapping[int, fmpq | int], factor: fmpq) -> None:
    """row += factor other, without zeros."""
    for key, v in other.items():
        total = row.get(key, 0) + factor * v
        if total:
            row[key] = total
        else:
            row.pop(key, None)


def _primitive(row: Row) -> dict[int, int]:
    """A positive multiple in integers without a common factor."""
    scale, divisor = fmpz(1), fmpz(0)
    for v in row.values():
        scale = scale.lcm(v.q)
    entries = {key: v.p * (scale // v.q) for key, v in row.items()}
    for n in entries.values():
        divisor = divisor.gcd(n)
    return {key: int(n // divisor) for key, n in entries.items()}
