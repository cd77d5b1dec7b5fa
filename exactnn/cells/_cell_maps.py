"""The affine functions of t that a network's units are on one cell, stage by stage; x = (B t + o) / q with integers B, o, q > 0.

Each stage is kept in one scale, scales[k] q y_k in integers, so that the next stage is one integer product.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpz, fmpz_mat

from exactnn.cells._maps import IntegerMap
from exactnn.cells._program import Program

Values = tuple[fmpz_mat, ...]


class CellMaps:
    """Forms of a program's stages in coordinates t.

    Parameters
    ----------
    program : the networks
    base : matrix (d, n + 1) of B and o; None for x = t
    unit : q

    Attributes
    ----------
    ones : the function q as a row
    """

    def __init__(self, program: Program, base: fmpz_mat | None = None, unit: int = 1) -> None:
        d = program.input_dim
        self.program = program
        self.base = base if base is not None else fmpz_mat(d, d + 1, [int(i == j) for i in range(d) for j in range(d + 1)])
        self.width = self.base.ncols() - 1
        self.unit = unit
        self._constants: dict[int, fmpz_mat] = {}  # of the program's forms, which live as long
        self.ones = fmpz_mat(1, self.width + 1, [0] * self.width + [unit])

    def applied(self, form: IntegerMap, values: Sequence[fmpz_mat]) -> fmpz_mat:
        """form.scale q times the entries of the form, as affine functions of t (rows)."""
        constant = self._constants.get(id(form))
        if constant is None:
            constant = self._constants[id(form)] = fmpz_mat(len(form.constant), 1, form.constant) * self.ones
        for k, m in form.matrices.items():
            constant = constant + m * values[k]
        return constant

    def stage(self, s: int, values: Sequence[fmpz_mat]) -> fmpz_mat:
        """scales[s + 1] q z_s."""
        return self.applied(self.program.integers[s], values)


def masked_rows(table: Sequence[list[fmpz]], signs: Sequence[int], width: int) -> fmpz_mat:
    """The rows, of width + 1 numbers, whose units are active; 0 elsewhere."""
    zero = [fmpz(0)] * (width + 1)
    entries = [v for row, s in zip(table, signs, strict=True) for v in (row if s > 0 else zero)]
    return fmpz_mat(len(table), width + 1, entries)
