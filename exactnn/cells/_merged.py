"""Units that are the same function put together, and the part of a program that a difference of its outputs depends on.

    z = c h, c > 0:  max(z, 0) = c max(h, 0);      z = -c h, c > 0:  max(z, 0) = c (max(h, 0) - h)
    h <= 0 on the domain:  max(h, 0) = 0;          h >= 0 on the domain:  max(h, 0) = h

Every unit is read as a combination of t and of the functions max(h, 0) of units before it. If it is a multiple of an earlier one's, it is
no function of its own. So f - g is a combination of fewer functions, and of none of those that cancel: what these read need not be known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd, lcm
from typing import Any

import numpy as np
from flint import fmpq, fmpz, fmpz_mat

from exactnn.cells._maps import StageMap
from exactnn.cells._program import Program, Stage
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive

#: Coefficients other than 0, of t_j by j, of 1 by n, of max(h, 0) of function number k by n + 1 + k.
Row = dict[int, fmpq]


@dataclass(frozen=True)
class Function:
    """max(h, 0): h in integers without a common factor, the unit and the stage that had it first."""

    h: dict[int, int]
    unit: int
    stage: int


@dataclass(frozen=True)
class Part:
    """A program of some of the functions.

    numbers : their units in a certificate about the whole program, -1 for rows of the domain; open : stages that do not cut
    """

    program: Program
    numbers: tuple[int, ...]
    open: tuple[int, ...]

    def written(self, nodes: Sequence[Any]) -> list[Any]:
        """The nodes of a tree about this program, their units numbered as in a certificate about the whole one."""
        renumbered = []
        numbers = self.numbers[self.program.domain_units :]
        for kind, facts, end in nodes:
            named = [[numbers[unit], *proof] for unit, *proof in facts]
            renumbered.append([kind, named, numbers[end] if kind == "split" else end])
        return renumbered

    def narrowed(self) -> tuple[Part, RationalArray]:
        """The part on all of {R^T s}, without the domain, and R, whose rows are a basis of what the part's maps read of x.

        A function of R x alone takes all its values there, since R R^T is regular: it has the same cells, in fewer dimensions.
        """
        program = self.program
        stages = program.stages[1:] if program.domain_units else program.stages
        forms = [*(stage.form for stage in stages), *program.outputs]
        read = [form.blocks[0].to_flint().tolist() for form in forms if 0 in form.blocks]
        rows = [row for block in read for row in block] or [[fmpz(1)] + [fmpz(0)] * (program.input_dim - 1)]
        reduced, _, rank = fmpz_mat(rows).rref()
        basis = RationalArray(np.array([primitive([int(v) for v in row]) for row in reduced.tolist()[:rank]], dtype=object))

        def shifted(form: StageMap) -> StageMap:
            return StageMap({k - less if k else 0: b if k else b @ basis.T for k, b in form.blocks.items()}, form.constant)

        less = int(program.domain_units > 0)
        moved = tuple(replace(stage, form=shifted(stage.form)) for stage in stages)
        narrow = replace(program, domain=None, stages=moved, outputs=tuple(map(shifted, program.outputs)), inputs=rank)
        return Part(narrow, self.numbers[program.domain_units :], tuple(s - less for s in self.open)), basis


class Merged:
    """A program's functions, and its outputs over them.

    Parameters
    ----------
    program : of one or two networks
    fixed : for some units the sign, 1 or -1, that they are taken to have on the whole domain
    base : the same with other signs, which is not read once more as far as both agree
    clock : Incomplete at the end of the time

    Attributes
    ----------
    functions : all of them, in the order of their units; difference : the first network's outputs minus the second's
    function_of : for each unit with variables the number of its function
    """

    def __init__(
        self, program: Program, fixed: Mapping[int, int] | None = None, base: Merged | None = None, clock: Clock | None = None
    ) -> None:
        self.program, self.fixed, self.clock = program, dict(fixed or {}), clock or Clock()
        self.one = program.input_dim
        self.functions: list[Function] = []
        self.function_of: dict[int, int] = {}
        self._numbers: dict[tuple[int, ...], int] = {}
        self._values: list[list[Row]] = [[{j: fmpq(1)} for j in range(self.one)]]
        for s in range(self._taken_over(base), len(program.stages)):
            first, form = program.first[s], program.stages[s].form
            self._values.append([] if first < program.domain_units else [self._rectified(*x, first + i, s) for i, x in self._rows(form)])
        outputs = [[{key: v / scale for key, v in row.items()} for _, (row, scale) in self._rows(form)] for form in program.outputs]
        self.difference = outputs[0]
        for row, other in zip(self.difference, outputs[1] if len(outputs) > 1 else (), strict=False):
            _add(row, other, fmpq(-1))

    def _taken_over(self, base: Merged | None) -> int:
        """The number of stages that are as they were."""
        if base is None:
            return 0
        changed = [unit for unit in {*self.fixed, *base.fixed} if self.fixed.get(unit) != base.fixed.get(unit)]
        stage = min((self.program.stage_of(unit)[0] for unit in changed), default=len(self.program.stages))
        end = self.program.first[stage]
        self.functions = [x for x in base.functions if x.stage < stage]
        self.function_of = {unit: number for unit, number in base.function_of.items() if unit < end}
        self._numbers = {key: number for key, number in base._numbers.items() if number < len(self.functions)}
        self._values = base._values[: stage + 1]
        return stage

    # --- reading -------------------------------------------------------------------------------------------------------------

    def _rows(self, form: StageMap) -> Iterator[tuple[int, tuple[Row, int]]]:
        """Each row, times a positive integer, and that."""
        terms = [(block, self._values[k]) for k, block in form.blocks.items()]
        scale = lcm(form.constant.denominator, *(block.denominator for block, _ in terms))
        constants = form.constant.numerators.tolist()
        for i, constant in enumerate(constants):
            self.clock.check("the units of both networks were being compared")
            row: Row = {self.one: fmpq(constant * (scale // form.constant.denominator))} if constant else {}
            for block, values in terms:
                factor = scale // block.denominator
                for value, n in zip(values, block.numerators[i].tolist(), strict=True):
                    if n:
                        _add(row, value, n * factor)
            yield i, (row, scale)

    def _rectified(self, row: Row, scale: int, unit: int, stage: int) -> Row:
        """max(z, 0) for the row of scale z."""
        if row.keys() <= {self.one}:
            value = row.get(self.one, fmpq(0)) / scale
            return {self.one: value} if value > 0 else {}
        h = _primitive(row)
        first = min(h)
        number = self._numbers.setdefault(_key(h, h[first] < 0), len(self.functions))
        if number == len(self.functions):
            self.functions.append(Function(h, unit, stage))
        self.function_of[unit] = number
        function = self.functions[number]
        factor = row[first] / (scale * function.h[first])
        sign = self.fixed.get(function.unit)
        result: Row = {}
        if sign is None:
            result[self.one + 1 + number] = abs(factor)
        elif sign > 0:
            _add(result, function.h, abs(factor))
        if factor < 0:
            _add(result, function.h, factor)
        return result

    @cached_property
    def nets(self) -> list[set[int]]:
        """For each function the networks that have it."""
        result: list[set[int]] = [set() for _ in self.functions]
        for unit, number in self.function_of.items():
            result[number].add(self.program.stages[self.program.stage_of(unit)[0]].net)
        return result

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
        stages, numbers = list(first), [-1] * self.program.domain_units
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
            numbers += [self.functions[i].unit - self.program.domain_units for i in members]
        rows = self.difference if difference else [{} for _ in self.difference]
        program = Program(self.program.nets, self.program.domain, tuple(stages), (self._form(rows, places, sizes),))
        return Part(program, tuple(numbers), tuple(open_))

    def _form(self, rows: list[Row], places: Mapping[int, tuple[int, int]], sizes: list[int]) -> StageMap:
        common = lcm(*(int(v.q) for row in rows for v in row.values()))
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


def _add(row: Row, other: Mapping[int, fmpq | int], factor: fmpq | int) -> None:
    """row += factor other, without zeros."""
    for key, v in other.items():
        old = row.get(key)
        if old is None:
            row[key] = fmpq(v) * factor
            continue
        total = old + v * factor
        if total:
            row[key] = total
        else:
            del row[key]


def _primitive(row: Row) -> dict[int, int]:
    """A positive multiple in integers without a common factor."""
    scale = lcm(*(int(v.q) for v in row.values()))
    entries = {key: int(v.p) * (scale // int(v.q)) for key, v in row.items()}
    divisor = gcd(*entries.values())
    return {key: n // divisor for key, n in entries.items()}


def _key(h: Mapping[int, int], turned: bool) -> tuple[int, ...]:
    """The same for h and -h."""
    return tuple([part for key in sorted(h) for part in (key, -h[key] if turned else h[key])])
