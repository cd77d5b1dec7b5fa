"""The terms of all activation regions of a network, from the cells that an engine finds.

On a region each numerator P_j = f_j + Q and the denominator Q are affine, and their affine maps there are terms (`extract`). A point inside
the region is a witness: there the term alone is the maximum.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from exactnn.cells import Interior, Piece, Program, SearchCell, Signs, Subdivision, output_maps, simplified_point
from exactnn.exact.clock import Clock
from exactnn.tropical._shift import denominator_form, shift_of
from exactnn.tropical.origin import Gathered, Origin, Row

_BATCH, _NUMBERS = 256, 2_000_000


class TermCollector:
    """The numerators' terms, then those of the denominator, over the cells that it is shown."""

    def __init__(self, program: Program, clock: Clock, *, nonnegative: bool) -> None:
        net = program.nets[0]
        self.program, self._clock = program, clock
        self.nonnegative = nonnegative
        self._extended = replace(program, outputs=(*program.outputs, denominator_form(program, shift_of(net, nonnegative=nonnegative))))
        first, second = (form.scale for form in self._extended.output_integers)
        self._scale = math.lcm(first, second)
        self._factors = self._scale // first, self._scale // second
        self._found = Gathered(program, net.output_dim + 1)
        self._batch = max(1, min(_BATCH, _NUMBERS // ((program.unit_count + 1) * (program.input_dim + 1))))

    @property
    def key(self) -> str:
        """What is collected."""
        return f"tropical terms, {'non-negative exponents' if self.nonnegative else 'unshifted'}"

    @property
    def count(self) -> int:
        """The number of regions so far."""
        return len(self._found.own)

    @property
    def origin(self) -> Origin:
        """The regions so far."""
        tables = len(self._found.terms)
        return self._found.origin([self._scale] * tables, [tables - 1] * (tables - 1))

    def piece(self, run: Subdivision, piece: Piece) -> None:
        """The regions of a finished piece."""
        new: list[tuple[int, int]] = []  # (table, cell) of each term that is new, in order
        order = np.lexsort(piece.signs.T[::-1]) if piece.signs.shape[1] else np.arange(piece.cells)
        for start in range(0, piece.cells, self._batch):
            if self._clock.left() <= 0:
                break
            cells = order[start : start + self._batch]
            signs = piece.signs[cells]
            for cell, rows in self._rows(signs):
                new += [(p, int(cells[cell])) for p in self._found.add(signs[cell], rows)]
        needed = sorted({cell for _, cell in new})
        points = dict(zip(needed, Interior(run, piece).points(needed), strict=True)) if needed else {}
        for p, cell in new:
            self._found.points[p].append(points[cell])
        self._clock.check("the terms of the regions were being made")

    def cell(self, program: Program, cell: SearchCell) -> None:
        """The region of one cell of the search."""
        signs = np.array(cell.signs, dtype=np.int8)
        for _, rows in self._rows(signs[None]):
            new = self._found.add(signs, rows)
            if new:
                point = simplified_point(cell.inner, cell.forms)
                for p in new:
                    self._found.points[p].append(point)

    def _rows(self, signs: Signs) -> list[tuple[int, list[Row]]]:
        """For each cell whose pattern is new the rows of the numerators and of the denominator."""
        chosen = [c for c in range(len(signs)) if self._found.is_new(signs[c])]
        if not chosen:
            return []
        (outputs, _), (common, _) = output_maps(self._extended, signs[chosen])
        width = self.program.input_dim + 1
        outputs, common = outputs * self._factors[0] + _repeated(common * self._factors[1], outputs.nrows()), common * self._factors[1]
        tables = [[int(v) for v in row] for row in (*outputs.tolist(), *common.tolist())]
        return [(c, [tuple(row[i * width : (i + 1) * width]) for row in tables]) for i, c in enumerate(chosen)]

    def pack(self) -> Any:
        """Terms, witnesses and regions as JSON."""
        found = self._found
        tables = [[_text(row) for row in terms] for terms in found.terms]
        points = [[_text(point) for point in own] for own in found.points]
        return [tables, points, [[s.hex(), list(o)] for s, o in zip(found.signs, found.own, strict=True)]]

    def unpack(self, packed: Any) -> None:
        """Add the regions of a task."""
        tables, points, regions = packed
        rows = [[_row(row) for row in table] for table in tables]
        for text, own in regions:
            signs = np.frombuffer(bytes.fromhex(text), dtype=np.int8)
            if self._found.is_new(signs):
                for p in self._found.add(signs, [table[number] for table, number in zip(rows, own, strict=True)]):
                    self._found.points[p].append(_row(points[p][own[p]]))


def make_collector(program: Program, clock: Clock, *, nonnegative: bool) -> TermCollector:
    """An empty collector."""
    return TermCollector(program, clock, nonnegative=nonnegative)


def _repeated(row: Any, count: int) -> Any:
    """A matrix of one row, `count` times."""
    return type(row)(count, 1, [1] * count) * row


def _text(row: Row) -> list[str]:
    return [f"{v:x}" for v in row]


def _row(text: list[str]) -> Row:
    return tuple(int(v, 16) for v in text)
