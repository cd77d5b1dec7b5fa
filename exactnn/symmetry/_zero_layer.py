"""The zero networks with a given first layer: outgoing weights in the kernel of an integer matrix, and within a box.

With (w_i, b_i) = e_i L_i (u_h, v_h), f = 0 says for each output sum_{i on h} L_i a_i = 0 on every hyperplane and
sum_{e_i = -1} a_i w_i = 0: linear equations, the same ones for every output. In echelon form the free entries run through the box.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, combinations, product

from flint import fmpq, fmpq_mat

from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive, rational_text, upright
from exactnn.symmetry._smt import Script, both, differ, either, nonzero, term, total
from exactnn.symmetry._zero_classes import Vector

Row = tuple[Fraction, ...]

_STEPS = 2000


class FirstLayer:
    """Rows (w_i, b_i) as rational numbers, and what they have to do with each other."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = list(rows)
        self.directions = [_direction(row) for row in rows]
        self.scales = [
            next((q / k for q, k in zip(row, d, strict=True) if q), Fraction(1)) for row, d in zip(rows, self.directions, strict=True)
        ]

    def reducible(self) -> str | None:
        """Why no network with this first layer is irreducible; None if that depends on the outgoing weights."""
        seen: dict[Vector, int] = {}
        for i, direction in enumerate(self.directions):
            if not any(direction[:-1]):
                return f"neuron {i} of the first layer is constant"
            if direction in seen:
                return f"neurons {seen[direction]} and {i} of the first layer are positively proportional"
            seen[direction] = i
        return None

    def opposite(self) -> list[tuple[int, int]]:
        """Pairs of neurons on opposite sides of one hyperplane."""
        return [
            (i, k)
            for (i, d), (k, e) in combinations(enumerate(self.directions), 2)
            if any(d[:-1]) and all(n == -q for n, q in zip(d, e, strict=True))
        ]

    def equations(self) -> list[Row]:
        """The equations for (a_1, ..., a_n) of one output."""
        planes: dict[Vector, list[Fraction]] = {}
        width = len(self.rows[0]) - 1
        slope = [[Fraction(0)] * len(self.rows) for _ in range(width)]
        for i, (row, direction) in enumerate(zip(self.rows, self.directions, strict=True)):
            lead = next((n for n in direction[:-1] if n), 0)
            if not lead:
                continue
            plane = direction if lead > 0 else tuple(-n for n in direction)
            planes.setdefault(plane, [Fraction(0)] * len(self.rows))[i] = self.scales[i]
            if lead < 0:
                for k in range(width):
                    slope[k][i] = row[k]
        return [tuple(e) for e in (*planes.values(), *slope) if any(e)]

    def offset(self, outgoing: Sequence[Vector]) -> Row:
        """c, for the rows of outgoing weights."""
        values = []
        for row, direction in zip(self.rows, self.directions, strict=True):
            lead = next((n for n in direction[:-1] if n), 0)
            values.append(row[-1] if lead < 0 else max(row[-1], Fraction(0)) if not lead else Fraction(0))
        return tuple(-sum((n * v for n, v in zip(a, values, strict=True)), Fraction(0)) for a in outgoing)

    def outgoing(self, bound: int, clock: Clock) -> Iterator[Vector]:
        """All integer solutions with |a_i| <= bound, up to a factor: gcd 1, first non-zero entry positive; not 0."""
        count = len(self.rows)
        equations = self.equations()
        pivots: list[int] = []
        echelon = fmpq_mat(0, count)
        if equations:
            echelon, rank = fmpq_mat([[fmpq(q.numerator, q.denominator) for q in e] for e in equations]).rref()
            pivots = [next(i for i in range(count) if echelon[r, i] != 0) for r in range(rank)]
        free = [i for i in range(count) if i not in pivots]
        forms = [
            [(i, Fraction(int(echelon[r, i].p), int(echelon[r, i].q))) for i in free if echelon[r, i] != 0] for r in range(len(pivots))
        ]
        for step, values in enumerate(product(range(-bound, bound + 1), repeat=len(free))):
            if step % _STEPS == 0:
                clock.check(f"{step} vectors of outgoing weights were looked at")
            solution = dict(zip(free, values, strict=True))
            for pivot, form in zip(pivots, forms, strict=True):
                value = -sum((q * solution[i] for i, q in form), Fraction(0))
                if value.denominator != 1 or abs(value) > bound:
                    break
                solution[pivot] = int(value)
            else:
                found = tuple(solution[i] for i in range(count))
                if math.gcd(*found) == 1 and next(n for n in found if n) > 0:
                    yield found


def _direction(row: Row) -> Vector:
    """The primitive integer vector of a ray; 0 for 0."""
    common = math.lcm(*(q.denominator for q in row))
    return primitive([int(q * common) for q in row])


class LayerSearch:
    """The zero networks with a given first layer, as (outgoing rows, c): one of each class up to factors of the outputs."""

    def __init__(self, layer: FirstLayer, outputs: int, bound: int, *, irreducible: bool, nonzero: bool, no_linear_pair: bool) -> None:
        self.layer, self.outputs, self.bound = layer, outputs, bound
        self.irreducible, self.nonzero, self.no_linear_pair = irreducible, nonzero, no_linear_pair
        self._opposite = layer.opposite() if no_linear_pair else []

    def exact(self, clock: Clock) -> Iterator[tuple[Vector, ...]]:
        """By linear algebra."""
        rows = self.layer.outgoing(self.bound, clock)
        zero = (0,) * len(self.layer.rows)
        if self.outputs == 1:
            choices: Iterator[tuple[Vector, ...]] = ((row,) for row in (rows if self.irreducible else chain([zero], rows)))
        else:
            choices = product([zero, *rows], repeat=self.outputs)
        for step, outgoing in enumerate(choices):
            if step % _STEPS == 0:
                clock.check(f"{step} matrices of outgoing weights were looked at")
            if self._wanted(outgoing):
                yield outgoing

    def smt(self, clock: Clock) -> Iterator[tuple[Vector, ...]]:
        """By z3."""
        script, names = self.script()
        session = script.session()
        while (answer := session.solve(clock)).status == "sat":
            found = tuple(upright(primitive(tuple(int(answer.values[n]) for n in row))) for row in names)
            yield found
            flat = [n for row in names for n in row]
            multiples = [{tuple(f * n for n in row) for f in self._factors(row)} for row in found]
            session.require(both(differ(flat, [n for row in rows for n in row]) for rows in product(*map(sorted, multiples))))
        if answer.status == "unknown":
            raise Incomplete(f"z3 does not know whether there are more: {answer.reason}")

    def script(self) -> tuple[Script, list[list[str]]]:
        """The question, and the names of the outgoing weights."""
        layer, count = self.layer, len(self.layer.rows)
        lines = [
            f"A zero network c + sum a_i max(w_i . x + b_i, 0); outputs {self.outputs}; integers a between -{self.bound} and {self.bound};",
            f"these {count} rows (w_i, b_i):",
            *(" ".join(map(rational_text, row)) for row in layer.rows),
        ]
        script = Script("QF_LIA", "\n".join(lines))
        names = [[script.declare(f"a{i}_{o}") for i in range(count)] for o in range(self.outputs)]
        for row in names:
            for name in row:
                script.require(term("<=", -self.bound, name, self.bound))
                if self.nonzero:
                    script.require(nonzero(name))
        for o, row in enumerate(names):
            script.remark(f"output {o}: the jumps cancel on every hyperplane, and M = 0")
            for equation in layer.equations():
                script.require(term("=", _combined(equation, row), 0))
            if self.nonzero:
                script.require(nonzero(_combined([q for (q,) in map(self._unit_offset, range(count))], row)), f"c_{o} is not 0")
        if self.irreducible:
            for column in zip(*names, strict=True):
                script.require(either(nonzero(name) for name in column), "no neuron without outgoing weight")
        for i, k in self._opposite:
            equal = both(term("=", _combined((layer.scales[i], layer.scales[k]), (row[i], row[k])), 0) for row in names)
            script.require(term("not", both([equal, either(nonzero(row[i]) for row in names)])), f"neurons {i} and {k} are no linear pair")
        return script, names

    def _factors(self, row: Vector) -> list[int]:
        """Those that keep it within the bounds and do not make it 0."""
        most = self.bound // (max(map(abs, row)) or self.bound or 1)
        return [f for f in range(-most, most + 1) if f] or [1]

    def _unit_offset(self, i: int) -> Row:
        return self.layer.offset([tuple(int(i == k) for k in range(len(self.layer.rows)))])

    def _wanted(self, outgoing: tuple[Vector, ...]) -> bool:
        columns = list(zip(*outgoing, strict=True))
        if self.irreducible and not all(map(any, columns)):
            return False
        if self.nonzero and not (all(map(all, outgoing)) and all(self.layer.offset(outgoing))):
            return False
        scales = self.layer.scales
        return not any(
            any(columns[i]) and all(scales[i] * p + scales[k] * q == 0 for p, q in zip(columns[i], columns[k], strict=True))
            for i, k in self._opposite
        )


def _combined(coefficients: Sequence[Fraction], names: Sequence[str]) -> str:
    """A positive multiple of sum q x, with integer coefficients."""
    common = math.lcm(*(q.denominator for q in coefficients))
    return total(term("*", int(q * common), name) for q, name in zip(coefficients, names, strict=True) if q)
