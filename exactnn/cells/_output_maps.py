"""The affine maps of a program's outputs on many cells.

What a stage is on a cell depends on the signs of the stages before it only: it is computed once for each prefix of signs that occurs. Cells
in lexicographic order of their signs share most of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpz, fmpz_mat

from exactnn.cells._maps import IntegerMap, Signs
from exactnn.cells._program import Program

#: Rows of affine functions, those of one prefix after the other.
_Rows = list[list[fmpz | int]]


def output_maps(program: Program, signs: Signs) -> list[tuple[fmpz_mat, int]]:
    """For each form of outputs (matrix, factor), on cells with these signs (cells, units).

    Rows are entries, columns d + 1 for each cell (coefficients, constant), all times the positive factor.
    """
    last = max((k for form in program.outputs for k in form.blocks), default=0)
    work = _Work(program, [row.tobytes() for row in signs])
    for s in range(last):
        work.stage(s, signs)
    return [(work.applied(form, len(program.stages) + 1), form.scale) for form in program.output_integers]


class _Work:
    """prefixes[s]: for each cell the number of its prefix before stage s, and the first cell of each; the last ones are the cells."""

    def __init__(self, program: Program, cells: Sequence[bytes]) -> None:
        self.program, self.width = program, program.input_dim + 1
        self.prefixes: list[tuple[list[int], list[int]]] = []
        for end in program.first:
            numbers: dict[bytes, int] = {}
            firsts: list[int] = []
            of = []
            for cell, key in enumerate(cells):
                number = numbers.setdefault(key[:end], len(numbers))
                if number == len(firsts):
                    firsts.append(cell)
                of.append(number)
            self.prefixes.append((of, firsts))
        everything = list(range(len(cells)))
        self.prefixes.append((everything, everything))
        unit = [[int(i == j) for j in range(self.width)] for i in range(program.input_dim)]
        #: for each source its rows, and how much of the signs they belong to
        self.values: list[tuple[_Rows, int]] = [(list(map(list, unit)), 0)]

    def stage(self, s: int, signs: Signs) -> None:
        """Add y_(s + 1)."""
        z = self.applied(self.program.integers[s], s).tolist()
        of, _ = self.prefixes[s]
        _, firsts = self.prefixes[s + 1]
        zero: list[fmpz | int] = [0] * self.width
        first, end = self.program.first[s : s + 2]
        rows: _Rows = []
        for row, active in zip(z, (signs[firsts, first:end] > 0).T.tolist(), strict=True):
            entries: list[fmpz | int] = []
            for cell, on in zip(firsts, active, strict=True):
                entries += row[of[cell] * self.width : (of[cell] + 1) * self.width] if on else zero
            rows.append(entries)
        self.values.append((rows, s + 1))

    def applied(self, form: IntegerMap, level: int) -> fmpz_mat:
        """The form for each prefix of this level."""
        count = len(self.prefixes[level][1])
        total = fmpz_mat(len(form.constant), 1, form.constant) * fmpz_mat(1, count * self.width, ([0] * (self.width - 1) + [1]) * count)
        for k, matrix in form.matrices.items():
            total += matrix * fmpz_mat(self._spread(k, level))
        return total

    def _spread(self, k: int, level: int) -> _Rows:
        """The rows of a source for each prefix of this level."""
        rows, own = self.values[k]
        of = self.prefixes[own][0]
        places = [of[cell] for cell in self.prefixes[level][1]]
        if places == list(range(len(self.prefixes[own][1]))):
            return rows
        return [[v for p in places for v in row[p * self.width : (p + 1) * self.width]] for row in rows]
