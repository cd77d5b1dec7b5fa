"""Forms: a block of functions written as rational combinations of atoms, kept sparse.

    form_i = constant_i + sum over parts,   a part being   factor_i atom_index_i   or   sum_a matrix[i, a] atom_a

After an activation a hidden layer is one atom for each neuron (a `Selection`), after an affine map a matrix (a `Dense` part), after a
convolution of entries a matrix with few entries in each row (a `Sparse` part). Keeping them apart makes a pass over a network linear in
its parameters. Theory: docs/theory.md 1 (one hidden layer) and 6 (deep); docs/certificate-format.md says what atoms are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.forms._sparse import Ids, Sparse, gathered
from exactnn.network.operations import Shape


@dataclass(frozen=True)
class Selection:
    """Row i is factor_i times atom index_i; index -1 stands for nothing."""

    index: Ids
    factor: RationalArray


@dataclass(frozen=True)
class Dense:
    """Rows `rows` (distinct) are matrix (rows, atoms) over the atoms `ids` (distinct)."""

    rows: Ids
    ids: Ids
    matrix: RationalArray


Part = Selection | Dense | Sparse


@dataclass(frozen=True)
class Row:
    """A form as L (nums . atoms + constant) with coprime integers nums, constant and L > 0; ids ascending, nums non-zero."""

    ids: tuple[int, ...]
    nums: tuple[int, ...]
    constant: int
    factor: Fraction

    @property
    def sign(self) -> int:
        """Sign of the first coefficient."""
        return 1 if self.nums[0] > 0 else -1

    def mirrored(self) -> Row:
        """Minus the form."""
        return Row(self.ids, tuple(-n for n in self.nums), -self.constant, self.factor)


@dataclass(frozen=True)
class Forms:
    """The forms of a node's value: one for each channel (spatial shape given), or one for each entry (spatial shape ())."""

    constant: RationalArray
    parts: tuple[Part, ...] = ()
    spatial: Shape = ()

    def __len__(self) -> int:
        return self.constant.shape[0]

    def scaled(self, factors: RationalArray) -> Forms:
        """Row i times factors[i]."""
        keep = factors.nonzero()
        parts: list[Part] = []
        for part in self.parts if keep.any() else ():
            if isinstance(part, Selection):
                parts.append(Selection(np.where(keep, part.index, -1), part.factor * factors))
            elif isinstance(part, Sparse):
                parts.append(part.scaled(factors))
            else:
                live = keep[part.rows]
                rows = part.rows[live]
                if len(rows):
                    parts.append(Dense(rows, part.ids, part.matrix[live] * factors[rows].reshape(-1, 1)))
        return Forms(self.constant * factors, tuple(parts), self.spatial)

    def plus_constant(self, constant: RationalArray) -> Forms:
        """A constant added to each row."""
        return Forms(self.constant + constant, self.parts, self.spatial)

    def __add__(self, other: Forms) -> Forms:
        return Forms(self.constant + other.constant, self.parts + other.parts, self.spatial)

    def __sub__(self, other: Forms) -> Forms:
        return self + other.scaled(RationalArray(np.full(len(other), -1)))

    def take(self, chosen: Ids) -> Forms:
        """The rows `chosen`, in that order."""
        parts: list[Part] = []
        for part in self.parts:
            if isinstance(part, Selection):
                parts.append(Selection(part.index[chosen], part.factor[chosen]))
            elif isinstance(part, Sparse):
                parts.append(part.take(chosen))
            else:
                place = np.full(len(self), -1)
                place[part.rows] = np.arange(len(part.rows))
                source = place[chosen]
                rows = np.flatnonzero(source >= 0)
                if len(rows):
                    parts.append(Dense(rows, part.ids, part.matrix[source[rows]]))
        return Forms(self.constant[chosen], tuple(parts), self.spatial)

    def atoms(self) -> Ids:
        """The atoms that parts name, ascending."""
        named = [part.index[part.index >= 0] if isinstance(part, Selection) else part.ids for part in self.parts]
        return np.unique(np.concatenate(named)) if named else np.zeros(0, dtype=np.int64)

    def merged(self) -> Forms:
        """The same forms in few parts: at most one matrix, and at most one sparse one, or a selection."""
        dense = [part for part in self.parts if isinstance(part, Dense)]
        if len(dense) > 1:
            ids, matrix = _merge([(part.ids, _place_rows(part, len(self))) for part in dense], len(self))
            dense = [Dense(np.arange(len(self)), ids, matrix)] if len(ids) else []
        others = [part for part in self.parts if not isinstance(part, Dense)]
        few = [self.sparse()] if len(others) > 1 else others
        return Forms(self.constant, (*dense, *few), self.spatial)

    def sparse(self) -> Sparse:
        """All parts that are no matrices as one."""
        rows, ids, values = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], []
        for part in self.parts:
            if isinstance(part, Selection):
                live = np.flatnonzero(part.index >= 0)
                found = live, part.index[live], part.factor[live]
            elif isinstance(part, Sparse):
                found = np.repeat(np.arange(len(self)), part.counts), part.ids, part.values
            else:
                continue
            rows.append(found[0])
            ids.append(found[1])
            values.append(found[2])
        numbers = concatenate(values) if values else RationalArray.zeros((0,))
        return gathered(np.concatenate(rows), np.concatenate(ids), numbers, len(self))

    def vanish(self) -> bool:
        """Whether all forms are 0."""
        if not self.constant.is_zero():
            return False
        if any(isinstance(part, Dense) for part in self.parts):
            return not len(self.combined()[0])
        return not len(self.sparse().ids)

    def combined(self) -> tuple[Ids, RationalArray]:
        """All parts as one matrix (rows, atoms) over ascending atom ids, columns of zeros dropped."""
        return self.image(None)

    def image(self, weight: RationalArray | None) -> tuple[Ids, RationalArray]:
        """weight @ forms without the constants, as (atom ids ascending, matrix); None stands for the identity."""
        pieces: list[tuple[Ids, RationalArray]] = []
        for part in self.parts:
            if isinstance(part, Selection):
                pieces.append(_select(part, weight, len(self)))
            elif isinstance(part, Sparse):
                pieces.append(part.image(weight))
            elif weight is None:
                pieces.append((part.ids, _place_rows(part, len(self))))
            else:
                chosen = weight if _in_order(part.rows, len(self)) else weight[:, part.rows]
                pieces.append((part.ids, chosen @ part.matrix))
        height = len(self) if weight is None else weight.shape[0]
        return _merge(pieces, height)

    def affine(self, weight: RationalArray, bias: RationalArray) -> Forms:
        """weight @ forms + bias."""
        ids, matrix = self.image(weight)
        constant = bias if self.constant.is_zero() else weight @ self.constant + bias
        parts = (Dense(np.arange(weight.shape[0]), ids, matrix),) if len(ids) else ()
        return Forms(constant, parts)

    def rows(self, shift: Fraction = Fraction(0)) -> Iterator[Row]:
        """Each form minus `shift`, with coprime integers; a constant form has no ids."""
        constant = self.constant - shift if shift else self.constant
        if not any(isinstance(part, Dense) for part in self.parts):
            for own, nums, base, factor in self.sparse().integers(constant):
                yield Row(tuple(own), tuple(nums), base, factor)
            return
        ids, matrix = self.combined()
        joined = concatenate([matrix, constant.reshape(-1, 1)], axis=1)
        numerators, denominator = joined.numerators, joined.denominator
        common = abs(np.gcd.reduce(numerators, axis=1))  # of a single Python integer numpy gives the integer itself, sign and all
        zero = common == 0
        common[zero] = 1
        reduced = numerators // common[:, None]
        for i in range(len(self)):
            live = np.flatnonzero(reduced[i, :-1])
            yield Row(
                tuple(ids[live].tolist()),
                tuple(reduced[i, live].tolist()),
                int(reduced[i, -1]),
                Fraction(1) if zero[i] else Fraction(int(common[i]), denominator),  # one row, whatever the others are
            )


def stack(blocks: Sequence[Forms]) -> Forms:
    """The rows of all blocks, one after the other."""
    total = sum(len(b) for b in blocks)
    parts: list[Part] = []
    start = 0
    for block in blocks:
        for part in block.parts:
            if isinstance(part, Selection):
                index = np.full(total, -1)
                index[start : start + len(block)] = part.index
                before, after = start, total - start - len(block)
                pieces = [RationalArray.zeros((before,)), part.factor, RationalArray.zeros((after,))]
                parts.append(Selection(index, concatenate([p for p in pieces if p.size])))
            elif isinstance(part, Sparse):
                counts = np.zeros(total, dtype=np.int64)
                counts[start : start + len(block)] = part.counts
                parts.append(Sparse(np.append(0, np.cumsum(counts)), part.ids, part.values))
            else:
                parts.append(Dense(part.rows + start, part.ids, part.matrix))
        start += len(block)
    return Forms(concatenate([b.constant for b in blocks]), tuple(parts), blocks[0].spatial)


def _select(part: Selection, weight: RationalArray | None, size: int) -> tuple[Ids, RationalArray]:
    """The image of one selection: columns of the weight, scaled, those of one atom added up."""
    live = np.flatnonzero(part.index >= 0)
    order = live[np.argsort(part.index[live], kind="stable")]
    ids, starts = np.unique(part.index[order], return_index=True)
    if weight is None:
        weight = RationalArray.eye(size)
    columns = weight if _in_order(order, weight.shape[1]) else weight[:, order]
    factor = part.factor[order]
    if factor.denominator != 1 or not (factor.numerators == 1).all():
        columns = columns * factor.reshape(1, -1)
    if len(ids) == len(order):
        return ids, columns
    numerators = columns.numerators
    if numerators.dtype != object and columns.bound * len(order) >= 1 << 62:
        numerators = numerators.astype(object)
    return ids, RationalArray(np.add.reduceat(numerators, starts, axis=1), columns.denominator)


def _place_rows(part: Dense, size: int) -> RationalArray:
    if _in_order(part.rows, size):
        return part.matrix
    numerators = np.zeros((size, len(part.ids)), dtype=part.matrix.numerators.dtype)
    numerators[part.rows] = part.matrix.numerators
    return RationalArray(numerators, part.matrix.denominator)


def _in_order(rows: Ids, size: int) -> bool:
    return len(rows) == size and bool((rows == np.arange(size)).all())


def _merge(pieces: list[tuple[Ids, RationalArray]], height: int) -> tuple[Ids, RationalArray]:
    """The sum of matrices over different lists of atoms."""
    if not pieces:
        return np.zeros(0, dtype=np.int64), RationalArray.zeros((height, 0))
    ids, matrix = pieces[0]
    if len(pieces) > 1:
        ids = np.unique(np.concatenate([p[0] for p in pieces]))
        matrix = RationalArray.zeros((height, len(ids)))
        for own, piece in pieces:
            wide = np.zeros((height, len(ids)), dtype=piece.numerators.dtype)
            wide[:, np.searchsorted(ids, own)] = piece.numerators
            matrix = matrix + RationalArray(wide, piece.denominator)
    elif (np.diff(ids) <= 0).any():
        order = np.argsort(ids)
        ids, matrix = ids[order], matrix[:, order]
    live = matrix.nonzero().any(axis=0)
    return (ids, matrix) if live.all() else (ids[live], matrix[:, live])
