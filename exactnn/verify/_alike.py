"""The proof that two networks have the same maximal outputs, cell by cell (docs/certificate-format.md, "Same decision").

Behind each network a maximum over its outputs is put. On a cell on which all units are fixed, the shortfalls a_i = max f - f_i and
b_i = max g - g_i are affine and >= 0. They are 0 at the same points of the cell if and only if the linear programs

    max b_i  subject to the cell and a_i <= 0,     max a_i  subject to the cell and b_i <= 0

have no positive value; their duals are the proofs (Farkas' lemma, which also says that there is a proof if it is true).
"""

from __future__ import annotations

from math import lcm
from typing import Any

from flint import fmpq

from exactnn.cells import AffineRow, Farkas, Search, SearchCell, Tree, is_short, read_program
from exactnn.claims import SameDecisionClaim
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.lp import Infeasible, LinearSystem, Point, Unbounded
from exactnn.exact.numbers import fraction, primitive
from exactnn.exact.progress import Progress
from exactnn.exact.writing import json_integer
from exactnn.network import Builder, Concat, MaxPool, Network, Reshape
from exactnn.verify._complete import base
from exactnn.verify._domain import Coordinates


class Alike:
    """The same maximal outputs on the domain, decided by a search over the cells in any dimension.

    Parameters
    ----------
    claim : f, g and the domain; where : the domain in coordinates t
    clock : Incomplete at the end of the time
    """

    def __init__(self, claim: SameDecisionClaim, where: Coordinates, clock: Clock) -> None:
        self.where, self.clock = where, clock
        self.program = read_program([with_maximum(claim.f), with_maximum(claim.g)])
        matrix, unit = base(where)
        self.search = Search(self.program, clock, region=where.region, base=matrix, unit=unit)
        self.tree = Tree(self.program, 0 if claim.domain is None else len(claim.domain.rows[0]))

    def decide(self, clock: Clock | None = None) -> RationalArray | dict[str, Any]:
        """A point, in t, at which the sets of maximal outputs differ; or the evidence that there is none.

        clock : another one than before, to go on after Incomplete
        """
        if clock is not None:
            self.clock = self.search.work.clock = clock
        with Progress("going through the cells of the networks", unit="cells") as bar:
            return self._walk(bar)

    def _walk(self, bar: Progress) -> RationalArray | dict[str, Any]:
        for cell, unit in self.search.walk():
            bar.update(unit is None)
            if unit is not None:
                self.tree.split(cell, unit)
                continue
            try:
                end = self._end(cell)
            except Incomplete:
                self.search.put_back(cell)
                raise
            if isinstance(end, RationalArray):
                return end
            self.tree.leaf(cell, end)
        return {"method": "tree", "hull": self.where.hull, "tree": self.tree.nodes}

    def _end(self, cell: SearchCell) -> list[Any] | RationalArray:
        """A pair of proofs for each output; or a point of the cell at which the sets differ."""
        end = []
        for a, b in zip(*self._shortfalls(cell), strict=True):
            pair = []
            for p, q in ((a, b), (b, a)):
                found = self._implied(cell, p, q)
                if isinstance(found, RationalArray):
                    return found
                pair.append(found)
            end.append(pair)
        return end

    def _shortfalls(self, cell: SearchCell) -> list[list[AffineRow]]:
        result = []
        for form in self.program.output_integers:
            *rows, highest = [[int(v) for v in row] for row in self.search.maps.applied(form, cell.values).tolist()]
            result.append([primitive([h - v for h, v in zip(highest, row, strict=True)]) for row in rows])
        return result

    def _implied(self, cell: SearchCell, a: AffineRow, b: AffineRow) -> list[Any] | RationalArray:
        """[factor, t, terms] with factor (-b) + t a = gamma + sum y_i g_i; or a point of the cell with a = 0 < b."""
        if not any(b):
            return [1, 0, []]
        if a == b:
            return [1, 1, []]
        if not any(a[:-1]) and a[-1] > 0:
            return [0, 1, []]
        rows = [[-c for c in g[:-1]] for g in cell.forms] + [list(a[:-1])]
        right = [g[-1] for g in cell.forms] + [-a[-1]]
        answer = LinearSystem(rows, right, clock=self.clock).maximise(list(b[:-1]))
        if isinstance(answer, Infeasible):
            return self._proof(cell, 0, answer.farkas)
        if isinstance(answer, Unbounded):
            return self._far(answer, b)
        if answer.value + b[-1] > 0:
            return _as_array(answer.point)
        return self._proof(cell, 1, answer.dual)

    def _proof(self, cell: SearchCell, factor: int, multipliers: Point) -> list[Any]:
        common = lcm(*(int(v.q) for v in multipliers))
        *own, times = [int(v * common) for v in multipliers]
        proof = self.tree.proof(cell, Farkas(factor * common, tuple((i, y) for i, y in enumerate(own) if y)))
        return [json_integer(factor * common), json_integer(times), proof] if is_short(proof) else [proof[0], json_integer(times), proof[1]]

    @staticmethod
    def _far(answer: Unbounded, b: AffineRow) -> RationalArray:
        """A point on the ray that is far enough out."""
        value = sum((c * v for c, v in zip(b, answer.point, strict=False)), fmpq(b[-1]))
        rise = sum((c * v for c, v in zip(b, answer.ray, strict=False)), fmpq(0))
        steps = max(fmpq(0), -value / rise) + 1
        return _as_array(tuple(p + steps * r for p, r in zip(answer.point, answer.ray, strict=True)))


def with_maximum(net: Network) -> Network:
    """The network with one more output behind the others, their maximum, as the checker puts it there.

    Nodes that no output reads stay, since the checker counts their units.
    """
    builder = Builder()
    for name in net.order:
        builder.add(name, net.operation(name), *net.operands(name))
    flat = [builder.add(builder.fresh("flat"), Reshape((RationalArray.zeros(net.shape(n)).size,)), n) for n in net.outputs]
    joined = builder.add(builder.fresh("outputs"), Concat(0), *flat)
    size = net.output_dim
    row = builder.add(builder.fresh("row"), Reshape((1, size)), joined)
    highest = builder.add(builder.fresh("maximum"), MaxPool((size,), (size,), ((0, 0),), (1,)), row)
    return builder.build(net.inputs, [joined, highest], keep=net.order)


def _as_array(point: Point) -> RationalArray:
    return RationalArray.from_fractions([fraction(v) for v in point], (len(point),))
