"""What the stages that are complete give to others on a cell, as matrices that are made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from flint import fmpz, fmpz_mat

from exactnn.cells._cell_maps import masked_rows


class Layer:
    """max(z, 0) for the units z of a stage, or the input, as affine forms on a cell.

    table : the forms z; signs : of these on the cell, one for each
    """

    __slots__ = ("_changes", "_matrix", "signs", "table", "width")

    def __init__(self, table: Sequence[list[fmpz]], signs: Sequence[int], width: int, matrix: fmpz_mat | None = None) -> None:
        self.table, self.signs, self.width, self._matrix = table, signs, width, matrix
        self._changes: tuple[Layer, tuple[list[int], fmpz_mat] | None] | None = None

    @classmethod
    def given(cls, matrix: fmpz_mat) -> Layer:
        """That of which the matrix is known."""
        return cls((), (), matrix.ncols() - 1, matrix)

    @property
    def matrix(self) -> fmpz_mat:
        """The forms max(z, 0) as rows."""
        if self._matrix is None:
            self._matrix = masked_rows(self.table, self.signs, self.width)
        return self._matrix

    def changes(self, last: Layer) -> tuple[list[int], fmpz_mat] | None:
        """(places, rows): this matrix is that of another layer plus these rows in these places; None where they are many."""
        if self._changes is None or self._changes[0] is not last:
            self._changes = last, self._changed(last)
            last._changes = None  # no chain of all layers
        return self._changes[1]

    def _changed(self, last: Layer) -> tuple[list[int], fmpz_mat] | None:
        if last.table is not self.table:
            return None
        places = [j for j, (r, s) in enumerate(zip(last.signs, self.signs, strict=True)) if (r > 0) != (s > 0)]
        if 2 * len(places) > len(self.signs):
            return None
        return places, fmpz_mat([self.table[j] if self.signs[j] > 0 else [-v for v in self.table[j]] for j in places])


class Values(Sequence[fmpz_mat]):
    """The matrices of layers."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = layers

    def __len__(self) -> int:
        return len(self.layers)

    @overload
    def __getitem__(self, k: int) -> fmpz_mat: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[fmpz_mat]: ...
    def __getitem__(self, k: int | slice) -> fmpz_mat | Sequence[fmpz_mat]:
        return Values(self.layers[k]) if isinstance(k, slice) else self.layers[k].matrix

    def __iter__(self) -> Iterator[fmpz_mat]:
        return (layer.matrix for layer in self.layers)
