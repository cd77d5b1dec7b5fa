"""f - g on a cell on which the units that others read are fixed: a(t) + sum_h J_h max(h(t), 0), h pairwise distinct hyperplanes.

Open units z_i (those that only outputs read) on one hyperplane often stay on one from cell to cell, where g is f in other words, with jumps
that cancel. From one cell such groups are learned:

    z_i = c_i z_0 for all i of the group,   sum_i |c_i| column_i = 0   imply   sum_i column_i max(z_i, 0) = sum_(c_i < 0) column_i z_i,

since max(c h, 0) = |c| max(h, 0) + [c < 0] c h. On another cell the first is that one product of integer matrices is 0; the jumps need no
look then, and the right side is linear in the layers that are complete. Where it is not 0, all open units are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from flint import fmpz, fmpz_mat

from exactnn.cells import AffineRow, Layer, Search, SearchCell
from exactnn.exact.numbers import upright

Columns = tuple[int, ...]  # one number for each output
Rows = list[list[int]]
#: Groups are not learned where the open units read more numbers than this.
_NUMBERS = 200_000
#: At most so many cells are looked at before groups are learned again.
_PAUSE = 63


@dataclass(frozen=True)
class Difference:
    """scale (f - g) = rest + sum_h jumps[h] max(h, 0) on a cell, in integers; units: for each h one unit z = c h or z = -c h."""

    rest: Rows
    jumps: dict[AffineRow, Columns]
    units: dict[AffineRow, tuple[int, AffineRow]]


@dataclass(frozen=True)
class _Open:
    """An open unit, the form of a row of a stage; max(z, 0) has this column in scale (f - g)."""

    stage: int
    row: int
    column: Columns


class Differences:
    """The difference on one cell after the other.

    Parameters
    ----------
    search : over the cells of f and, if its program has two networks, g; left_open : the stages that only outputs read
    scale : a multiple of the scales of the outputs
    """

    def __init__(self, search: Search, left_open: Sequence[int], scale: int) -> None:
        self.program, self.maps = search.program, search.maps
        self.closed = _Forms(self.program.outputs[0].size)
        self._open: list[_Open] = []
        for sign, form in zip((1, -1), self.program.output_integers, strict=False):
            factor = sign * (scale // form.scale)
            self.closed.add([factor * c for c in form.constant], {})
            for k, matrix in form.matrices.items():
                if k - 1 in left_open:
                    columns = _table((matrix * fmpz(factor)).transpose())
                    self._open += [_Open(k - 1, j, tuple(column)) for j, column in enumerate(columns)]
                else:
                    self.closed.add([], {k: _table(matrix * fmpz(factor))})
        self._stages = list(dict.fromkeys(unit.stage for unit in self._open))
        self._on_cells = _OnCells(self.closed, self.maps.ones)
        self._learned: _Learned | None = None
        self._useless = self._pause = 0

    def of(self, cell: SearchCell) -> Difference:
        """The difference on a cell all of whose stages but the open ones are complete."""
        learned = self._learned
        if learned is not None:
            found = learned.of(cell)
            if found is not None:
                return found
            self._learned = None
            self._wait(0 if learned.used else self._useless + 1)
        tables = {s: _table(self.maps.stage(s, cell.values)) for s in self._stages}
        rows = [tables[unit.stage][unit.row] for unit in self._open]
        found = self.joined(_table(self._on_cells.at(cell.layers)), self._open, rows)
        if self._pause:
            self._pause -= 1
        else:
            self._learned = self._learn(rows, found)
            if self._learned is None:
                self._wait(self._useless + 1)
        return found

    def _wait(self, useless: int) -> None:
        """So often in turn nothing of use was learned: the longer until the next try."""
        self._useless, self._pause = useless, min(2**useless - 1, _PAUSE)

    def joined(self, rest: Rows, units: Iterable[_Open], rows: Iterable[list[int]]) -> Difference:
        """The rest, with these units and their forms.

        A unit z = size h gives column size max(h, 0); z = -size h gives column z besides.
        """
        jumps: dict[AffineRow, list[int]] = {}
        named: dict[AffineRow, tuple[int, AffineRow]] = {}
        for unit, row in zip(units, rows, strict=True):
            if not any(row[:-1]):
                if row[-1] > 0:
                    _add(rest, unit.column, row)
                continue
            form, size = _primitive(row)
            h = upright(form)
            if h is not form:
                _add(rest, unit.column, row)
            named.setdefault(h, (self.program.first[unit.stage] + unit.row, form))
            total = jumps.get(h)
            jumps[h] = [c * size for c in unit.column] if total is None else [t + c * size for t, c in zip(total, unit.column, strict=True)]
        return Difference(rest, {h: tuple(jump) for h, jump in jumps.items() if any(jump)}, named)

    def _learn(self, rows: Sequence[list[int]], found: Difference) -> _Learned | None:
        """Groups of units whose jumps cancel on a cell, if there are any."""
        sources = [m for s in self._stages for m in self.program.integers[s].matrices.values()]
        if sum(m.nrows() * m.ncols() for m in sources) > _NUMBERS:
            return None
        groups: dict[AffineRow, list[tuple[_Open, int]]] = {}
        single: list[_Open] = []
        for unit, row in zip(self._open, rows, strict=True):
            if any(row[:-1]):
                form, size = _primitive(row)
                h = upright(form)
                if h not in found.jumps:
                    groups.setdefault(h, []).append((unit, size if h is form else -size))
                    continue
            single.append(unit)
        return _Learned(self, list(groups.values()), single) if groups else None

    def form(self, unit: _Open, factor: int) -> tuple[int, dict[int, list[int]]]:
        """An open unit's constant and coefficients, times a factor."""
        integers = self.program.integers[unit.stage]
        rows = {k: [factor * int(m[unit.row, j]) for j in range(m.ncols())] for k, m in integers.matrices.items()}
        return factor * integers.constant[unit.row], rows


class _Learned:
    """Groups of open units whose jumps cancel where each group is on one hyperplane, and single ones.

    groups : of (unit, size), the size negative where z = -size h

    used : on how many cells they were
    """

    def __init__(self, owner: Differences, groups: Sequence[Sequence[tuple[_Open, int]]], single: Sequence[_Open]) -> None:
        self._owner, self._single = owner, single
        self.used = 0
        relations, forms = _Forms(0), owner.closed.copy()
        for (first, size), *others in groups:
            for unit, own in others:
                divisor = gcd(size, own)
                relations.append([owner.form(unit, size // divisor), owner.form(first, -own // divisor)])
                if own * size < 0:
                    constant, rows = owner.form(unit, 1)
                    tables = {k: [[c * v for v in row] for c in unit.column] for k, row in rows.items()}
                    forms.add([c * constant for c in unit.column], tables)
        for unit in single:
            forms.append([owner.form(unit, 1)])
        self._relations, self._forms = _OnCells(relations, owner.maps.ones), _OnCells(forms, owner.maps.ones)
        self._zero = fmpz_mat(relations.size, owner.maps.width + 1)

    def of(self, cell: SearchCell) -> Difference | None:
        """The difference on a cell; None where these units are not on one hyperplane each."""
        if self._relations.at(cell.layers) != self._zero:
            return None
        self.used += 1
        table = _table(self._forms.at(cell.layers))
        outputs = len(table) - len(self._single)
        return self._owner.joined(table[:outputs], self._single, table[outputs:])


class _Forms:
    """sum_k matrices[k] y_k + constant of the layers y_k, `size` rows of integers."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.constant = [0] * size
        self.matrices: dict[int, Rows] = {}

    def copy(self) -> _Forms:
        """Another one."""
        other = _Forms(self.size)
        other.add(self.constant, self.matrices)
        return other

    def add(self, constant: Sequence[int], matrices: Mapping[int, Rows], first: int = 0) -> None:
        """Add to the rows from `first` on."""
        for i, value in enumerate(constant, first):
            self.constant[i] += value
        for k, rows in matrices.items():
            width = len(rows[0]) if rows else 0
            own = self.matrices.setdefault(k, [])
            own += [[0] * width for _ in range(self.size - len(own))]
            for i, row in enumerate(rows, first):
                own[i] = [a + b for a, b in zip(own[i], row, strict=True)]

    def append(self, parts: Sequence[tuple[int, Mapping[int, list[int]]]]) -> None:
        """One more row, the sum of these (constant, coefficients)."""
        self.size += 1
        self.constant.append(0)
        for constant, rows in parts:
            self.add([constant], {k: [row] for k, row in rows.items()}, self.size - 1)


class _OnCells:
    """Forms on one cell after the other."""

    def __init__(self, forms: _Forms, ones: fmpz_mat) -> None:
        self._constant = fmpz_mat(forms.size, 1, forms.constant) * ones
        self._products = []
        for k, rows in forms.matrices.items():
            if any(map(any, rows)):
                width = len(rows[0])
                rows += [[0] * width for _ in range(forms.size - len(rows))]
                self._products.append((k, _Product(fmpz_mat(rows))))

    def at(self, layers: Sequence[Layer]) -> fmpz_mat:
        """The forms, as affine functions of t."""
        total = self._constant
        for k, product in self._products:
            total = total + product.of(layers[k])
        return total


class _Product:
    """A matrix times one layer after the other: from the last product, where the units are the same and few have other signs."""

    def __init__(self, matrix: fmpz_mat) -> None:
        self._matrix = matrix
        self._columns = matrix.transpose().tolist()
        self._layer: Layer | None = None
        self._last = fmpz_mat(0, 0)

    def of(self, layer: Layer) -> fmpz_mat:
        """matrix layer."""
        last = self._layer
        if layer is last:
            return self._last
        changes = None if last is None else layer.changes(last)
        if changes is None:
            self._last = self._matrix * layer.matrix
        elif changes[0]:
            factors = fmpz_mat([self._columns[j] for j in changes[0]])
            self._last = self._last + factors.transpose() * changes[1]
        self._layer = layer
        return self._last


def _add(rest: Rows, column: Columns, row: Sequence[int]) -> None:
    """rest + column row."""
    for i, c in enumerate(column):
        if c:
            rest[i] = [a + c * v for a, v in zip(rest[i], row, strict=True)]


def _primitive(row: list[int]) -> tuple[AffineRow, int]:
    """The row divided by the greatest common divisor of its entries, and this."""
    size = gcd(*row)
    return tuple(row) if size == 1 else tuple([v // size for v in row]), size


def _table(matrix: fmpz_mat) -> Rows:
    return [[int(v) for v in row] for row in matrix.tolist()]
