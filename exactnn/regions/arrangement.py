r"""Chambers and characteristic polynomials of hyperplane arrangements.

    A = {H_1, ..., H_n},  H_i = {x in R^d : a_i.x = b_i},    chi_A(t) = sum over flats F of mu(F) t^{dim F},
    number of chambers (components of R^d minus all H_i) = (-1)^d chi_A(-1).

How it is computed, and why that is right:

1. *Cone.* With offsets, the rows (a_i | b_i) and the row (0 | 1) of infinity are a central arrangement with
   chi_cone(t) = (t - 1) chi_A(t). From here on there is a list of pairwise non-proportional integer rows, a simple matroid of
   rank r with elements 0, ..., n - 1; write w_k = sum of |mu(F)| over the flats F of rank k, so that chi = sum (-1)^k w_k t^{d-k}.
2. *Components.* sum w_k x^k is the product over the connected components of the matroid.
3. *Element 0.* Weisner's theorem, mu(F) = -sum of mu(G) over the G covered by F without a given element of F, applied to the
   element 0 gives sum w_k x^k = (1 + x) R(x), R_k the sum of |mu| over the flats of rank k without 0.
4. *Rank by rank.* Applied to min F it gives |mu(F)| = sum of |mu(G)| over the G covered by F with min G > min F. The flats above G
   are the classes of proportional rows in the restriction to G. So |mu(F)| counts the paths from the empty flat to F along which
   the least element falls, and paths meet in flats, which are merged (a flat is the set of its elements).
5. *Ends.* The paths that go on from G are those of the matroid M_G of the classes whose least element is < min G, on the restriction
   to G: G contributes |mu(G)| x^k R_{M_G}(x). With m classes, R_{M_G} is 1 + (m - 1) x if the restriction has dimension 2,
   (1 + x)^{m-1} if they are independent, and (1 + x)^{m-s} ((1 + x)^{s-1} - x^{s-1}) if they have one circuit, of s elements.
   So neither the two highest ranks nor arrangements of nearly independent hyperplanes are enumerated.

All of it is integer arithmetic: a restriction substitutes one coordinate, rows are made primitive (gcd 1, first nonzero entry
positive), so that proportional rows are equal rows. int64 is used where a bound on the entries excludes overflow, Python's integers
elsewhere. Time and memory grow with the number of flats of rank at most r - 2.

References: T. Zaslavsky, Facing up to arrangements, 1975; R. Stanley, An introduction to hyperplane arrangements, lectures 1 to 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np
from flint import fmpz_mat, fmpz_poly

from exactnn.errors import ArgumentError, Incomplete, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number, primitive, upright

Array = np.ndarray[Any, Any]

_CHUNK = 1 << 18  # rows of restrictions that are treated together
_LIMIT = 1 << 62  # int64 numbers stay below it
_MEMORY = 1 << 32  # bytes that the flats of two neighbouring ranks may take


@timed
def chambers(normals: Any, offsets: Any = None, *, time_limit: Number | None = None) -> int:
    """Number of components of R^d minus the hyperplanes {x : normals[i].x = offsets[i]}: (-1)^d chi(-1).

    Parameters
    ----------
    normals : n x d numbers (nested lists, numpy, torch), no row zero; for no hyperplane at all numpy.zeros((0, d))
    offsets : n numbers; None for hyperplanes through 0
    time_limit : seconds, or None

    Returns
    -------
    int
        Equal hyperplanes, scaled or opposite rows included, count once.

    Raises
    ------
    ArgumentError, ShapeError, NotFiniteError
        For a normal that is zero, shapes that do not fit, or what is no number.
    Incomplete
        At the time limit, or beyond 4 GiB; `partial` is a lower bound on the number of chambers.

    Examples
    --------
    >>> chambers([[1, 0], [0, 1], [1, 1]])
    6
    >>> chambers([[1, 0], [0, 1], [1, 1]], [0, 0, "1/1000"])
    7
    """
    _, polynomial = _whitney(normals, offsets, clock_in_force())
    return int(polynomial(1))


@timed
def characteristic_polynomial(normals: Any, offsets: Any = None, *, time_limit: Number | None = None) -> tuple[int, ...]:
    """Coefficients of chi(t) = sum over flats F of mu(F) t^{dim F}, constant term first (d + 1 of them, the last is 1).

    Parameters
    ----------
    normals, offsets, time_limit : as for `chambers`

    Returns
    -------
    tuple of int

    Raises
    ------
    ArgumentError, ShapeError, NotFiniteError, Incomplete
        As for `chambers`.

    Examples
    --------
    The braid arrangement x = y, y = z, x = z: t (t - 1) (t - 2).

    >>> characteristic_polynomial([[1, -1, 0], [0, 1, -1], [1, 0, -1]])
    (0, 2, -3, 1)
    """
    dimension, polynomial = _whitney(normals, offsets, clock_in_force())
    return tuple((-1) ** (dimension - k) * int(polynomial[dimension - k]) for k in range(dimension + 1))


# --- from the hyperplanes to matroids without coordinates to spare ----------------------------------------------------------


def _whitney(normals: Any, offsets: Any, clock: Clock) -> tuple[int, fmpz_poly]:
    """(d, sum of w_k x^k)."""
    dimension, rows = _rows(normals, offsets)
    affine = offsets is not None
    if affine:
        rows.append((0,) * dimension + (1,))
    one_plus_x, done = fmpz_poly([1, 1]), fmpz_poly([1])
    parts = _components(rows)
    ranks = [part.shape[1] for part in parts]
    for number, part in enumerate(parts):
        # the components to come have at least as many chambers as independent rows, and this one too
        rest = 2 ** (number + sum(ranks[number:]) - affine)
        floor = int(done(1)) * rest
        unit = floor // 2 ** (ranks[number] - 1)
        done *= _Walk(part, clock, f"component {number + 1} of {len(parts)}", floor, unit).run()
    return dimension, done * one_plus_x ** (len(parts) - affine)


def _rows(normals: Any, offsets: Any) -> tuple[int, list[tuple[int, ...]]]:
    """(d, the different rows (a | b), or a without offsets, primitive with first nonzero entry positive)."""
    A = RationalArray.of(normals, "normals")
    if A.ndim != 2:
        advice = "; for no hyperplane at all give numpy.zeros((0, d))" if A.size == 0 else ""
        raise ShapeError(f"normals: a matrix (a list of rows, one for each hyperplane) is needed, got shape {A.shape}{advice}")
    b = RationalArray.zeros(A.shape[:1]) if offsets is None else RationalArray.of(offsets, "offsets")
    if b.shape != A.shape[:1]:
        raise ShapeError(f"offsets: {len(A)} numbers are needed, one for each row of normals, got shape {b.shape}")
    multiple = math.lcm(A.denominator, b.denominator)
    up, across = multiple // A.denominator, multiple // b.denominator
    found: dict[tuple[int, ...], None] = {}
    for i, (normal, offset) in enumerate(zip(A.numerators.tolist(), b.numerators.tolist(), strict=True)):
        if not any(normal):
            what = "the empty set" if offset else "the whole space"
            value = "" if offsets is None else f" with offset {b[i].item()}"
            raise ArgumentError(f"normals[{i}]: a nonzero row is needed; a zero row{value} describes {what}, no hyperplane; leave it out")
        row = [v * up for v in normal] if offsets is None else [*(v * up for v in normal), offset * across]
        found[upright(primitive(row))] = None
    return A.shape[1], list(found)


def _components(rows: list[tuple[int, ...]]) -> list[Array]:
    """The connected components of the matroid, each as a matrix of full column rank with as few columns as its rank.

    In the reduced echelon form of the transpose an entry (basis element, other element) is nonzero exactly if exchanging them gives
    a basis again; two elements are connected exactly if such exchanges connect them.
    """
    if not rows:
        return []
    echelon, _, rank = fmpz_mat([list(column) for column in zip(*rows, strict=True)]).rref()
    graph: nx.Graph[int] = nx.empty_graph(len(rows))
    for row in echelon.tolist()[:rank]:
        live = [j for j, v in enumerate(row) if v]
        graph.add_edges_from((live[0], j) for j in live[1:])
    return [_essential([rows[i] for i in sorted(part)]) for part in nx.connected_components(graph)]


def _essential(rows: list[tuple[int, ...]]) -> Array:
    """Independent columns that span all columns, each divided by its content: the same relations between the rows."""
    echelon, _, rank = fmpz_mat([list(row) for row in rows]).rref()
    table = echelon.tolist()
    chosen = [next(j for j, v in enumerate(table[i]) if v) for i in range(rank)]
    columns = [primitive([row[j] for row in rows]) for j in chosen]
    return _upright_rows(_narrow(np.array(columns, dtype=object).T))


# --- the walk over the flats ------------------------------------------------------------------------------------------------


@dataclass
class _Flats:
    """All flats of one rank without element 0: elements as bits, least element, |mu|, and one flat below each."""

    bits: Array
    least: Array
    weight: Array
    parent: Array

    def __len__(self) -> int:
        return len(self.least)


@dataclass
class _Walk:
    """R(x) of one connected matroid, given as rows of full column rank."""

    rows: Array
    clock: Clock
    where: str
    floor: int  # a lower bound on the chambers of the whole arrangement that needs no walk
    unit: int  # and what R(1) = 1 would contribute
    total: list[int] = field(default_factory=list)

    def run(self) -> fmpz_poly:
        """R(x)."""
        count, rank = self.rows.shape
        self.total = [0] * (rank + 1)
        if rank <= 2:
            return fmpz_poly([1, count - 1])
        words = -(-count // 64)
        element = np.arange(count, dtype=np.uint64)
        self.masks = np.where(element[:, None] // 64 == np.arange(words, dtype=np.uint64), np.uint64(1) << element[:, None] % 64, 0)
        self.masks = self.masks.astype(np.uint64)
        one = np.array([1], dtype=np.int64 if count**rank < _LIMIT else object)
        flats = _Flats(np.zeros((1, words), dtype=np.uint64), np.array([count]), one, np.array([0]))
        below = self.rows[None]
        for k in range(rank - 2):
            if len(flats):
                flats, below = self._rank(k, flats, below)
        self._last(rank - 2, flats, below)
        return fmpz_poly(self.total[:rank])

    def _rank(self, k: int, flats: _Flats, below: Array) -> tuple[_Flats, Array]:
        """Count the flats of rank k; the flats of rank k + 1, and the restrictions to the flats of rank k."""
        kept, found = [], []
        size = _chunk(below, len(self.rows))
        taken = 0
        for start in range(0, len(flats), size):
            bound = self._check(k, start, len(flats))
            part = slice(start, start + size)
            least, weight = flats.least[part], flats.weight[part]
            matrices = _restrict(below[flats.parent[part]], least) if k else below
            kept.append(_small(matrices))
            found.append(self._covers(k, matrices, flats.bits[part], least, weight, start))
            taken += _bytes(kept[-1]) + sum(map(_bytes, vars(found[-1]).values()))
            if taken > _MEMORY:
                raise Incomplete(
                    f"{self.where} has too many flats of rank {k} and {k + 1} to hold in memory ({_MEMORY >> 20} MiB are allowed); "
                    f"chambers >= {bound}; fewer hyperplanes or dimensions can be counted",
                    bound,
                )
        return _merge(found), _joined(kept)

    def _last(self, k: int, flats: _Flats, below: Array) -> None:
        """Count the flats of rank k and k + 1, when the restrictions to those of rank k are arrangements of lines in a plane."""
        order = np.argsort(-flats.least, kind="stable")
        start = 0
        while start < len(flats):
            self._check(k, start, len(flats))
            rows = int(flats.least[order[start]]) + 1  # those after the least element do not matter any more
            part = order[start : start + _chunk(below, rows)]
            start += len(part)
            least, weight = flats.least[part], flats.weight[part]
            lines = _count(_restrict(below[flats.parent[part], :rows], least), least)
            self.total[k] += int(weight.sum())
            self.total[k + 1] += int((weight * (lines - 1)).sum())

    def _check(self, k: int, done: int, count: int) -> int:
        """The chambers counted so far; Incomplete at the time limit."""
        bound = max(self.floor, self.unit * sum(self.total))
        self.clock.check(f"{self.where}: {done} of {count} flats of rank {k} are done, chambers >= {bound}", bound)
        return bound

    def _covers(self, k: int, matrices: Array, bits: Array, least: Array, weight: Array, start: int) -> _Flats:
        """The flats above these whose least element is smaller and not 0; flats with an end in closed form have none."""
        count, rows, width = matrices.shape
        place = np.flatnonzero((matrices != 0).any(axis=2).ravel())
        keys = _keys(place // rows, matrices.reshape(-1, width)[place])
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0])
        first = place[order[starts]]
        state, element = first // rows, first % rows
        live = element < least[state]
        classes = np.bincount(state[live], minlength=count)
        open_ = np.ones(count, dtype=bool)
        ends = np.flatnonzero(classes <= width + 1)
        if len(ends):
            members = _grouped(state[live], element[live], count)
            for s in ends.tolist():
                end = _closed_form(matrices[s][members[s]])
                if end is not None:
                    open_[s] = False
                    for power, coefficient in enumerate(end):
                        self.total[k + power] += int(weight[s]) * int(coefficient)
        self.total[k] += int(weight[open_].sum())
        live &= (element > 0) & open_[state]
        state = state[live]
        members_bits = np.bitwise_or.reduceat(self.masks[place[order] % rows], starts, axis=0)[live]
        return _Flats(bits[state] | members_bits, element[live], weight[state], state + start)


def _merge(parts: list[_Flats]) -> _Flats:
    """Equal flats become one, with the sum of the weights."""
    bits = np.concatenate([p.bits for p in parts])
    least, weight, parent = (np.concatenate([getattr(p, name) for p in parts]) for name in ("least", "weight", "parent"))
    if not len(bits):  # all ended in closed form
        return parts[0]
    order = np.lexsort(bits.T)
    bits = bits[order]
    starts = np.flatnonzero(np.r_[True, (bits[1:] != bits[:-1]).any(axis=1)])
    chosen = order[starts]
    return _Flats(bits[starts], least[chosen], np.add.reduceat(weight[order], starts), parent[chosen])


def _closed_form(rows: Array) -> list[int] | None:
    """R(x) of pairwise non-proportional rows that are independent or have one circuit; None for any others."""
    count = len(rows)
    echelon, _, rank = fmpz_mat(rows.T.tolist()).rref()
    if count > rank + 1:
        return None
    one_plus_x = fmpz_poly([1, 1])
    if count == rank:
        polynomial = one_plus_x ** (count - 1)
    else:
        table = echelon.tolist()[:rank]
        pivots = {next(j for j, v in enumerate(row) if v) for row in table}
        (other,) = set(range(count)) - pivots
        size = 1 + sum(row[other] != 0 for row in table)
        polynomial = one_plus_x ** (count - size) * (one_plus_x ** (size - 1) - fmpz_poly([0, 1]) ** (size - 1))
    return [int(c) for c in polynomial.coeffs()]


# --- many small integer matrices at once ------------------------------------------------------------------------------------


def _restrict(matrices: Array, chosen: Array) -> Array:
    """Each matrix (rows, width) of linear forms restricted to the zero set of its chosen row: (rows, width - 1), rows primitive."""
    count, rows, width = matrices.shape
    matrices = _wide(matrices)
    index = np.arange(count)
    pivot_row = matrices[index, chosen]
    size = np.where(pivot_row != 0, abs(pivot_row), abs(pivot_row).max() + 1)
    column = np.argmin(size, axis=1)
    pivot = pivot_row[index, column]
    left = np.arange(width - 1)
    left = left + (left >= column[:, None])
    factor = matrices[index[:, None], np.arange(rows), column[:, None]]
    rest = np.take_along_axis(matrices, left[:, None, :], axis=2)
    others = np.take_along_axis(pivot_row, left, axis=1)
    return _upright_rows(pivot[:, None, None] * rest - factor[:, :, None] * others[:, None, :])


def _upright_rows(rows: Array) -> Array:
    """Each row (last axis) divided by its gcd, its first nonzero entry made positive; zero rows stay."""
    if rows.shape[-1] == 1:
        return _narrow((rows != 0).astype(np.int64))
    divisor = np.gcd.reduce(rows, axis=-1)
    lead = np.take_along_axis(rows, np.argmax(rows != 0, axis=-1)[..., None], axis=-1)[..., 0]
    divisor = np.where(lead == 0, 1, np.where(lead < 0, -divisor, divisor))
    return _narrow(rows // divisor[..., None])


def _count(matrices: Array, least: Array) -> Array:
    """For each matrix the number of different nonzero rows above row `least`."""
    count, rows, width = matrices.shape
    used = (matrices != 0).any(axis=2) & (np.arange(rows) < least[:, None])
    place = np.flatnonzero(used.ravel())
    keys = _keys(place // rows, matrices.reshape(-1, width)[place])
    _, first = np.unique(keys, return_index=True)
    return np.bincount(place[first] // rows, minlength=count)


def _keys(group: Array, rows: Array) -> Array:
    """int64 numbers that are equal exactly if group and row are."""
    keys = group.astype(np.int64)
    top = int(keys.max(initial=0)) + 1
    for column in rows.T:
        if column.dtype == object:
            values, codes = np.unique(column, return_inverse=True)
            radix = len(values)
        else:
            low = int(column.min(initial=0))
            codes, radix = column.astype(np.int64) - low, int(column.max(initial=0)) - low + 1
            if radix >= 1 << 30:
                values, codes = np.unique(column, return_inverse=True)
                radix = len(values)
        if top * radix >= _LIMIT:
            values, keys = np.unique(keys, return_inverse=True)
            top = len(values)
        keys = keys * radix + codes
        top *= radix
    return keys


def _grouped(state: Array, element: Array, count: int) -> list[Array]:
    """The elements of each state 0, ..., count - 1, ascending."""
    order = np.lexsort((element, state))
    cuts = np.searchsorted(state[order], np.arange(1, count))
    return np.split(element[order], cuts)


def _bound(values: Array) -> int:
    return max(int(values.max()), -int(values.min())) if values.size else 0


def _chunk(values: Array, rows: int) -> int:
    """How many matrices to restrict at once: fewer with Python's integers, which are slow, to keep a time limit."""
    return max(1, (_CHUNK if _fits(values) else _CHUNK // 16) // rows)


def _bytes(values: Array) -> int:
    return values.nbytes * (6 if values.dtype == object else 1)


def _fits(values: Array) -> bool:
    """Whether p a - b q stays in int64 for all entries."""
    return 2 * _bound(values) ** 2 < _LIMIT


def _wide(values: Array) -> Array:
    """As int64 if that suffices for a restriction, else as Python integers."""
    return values.astype(np.int64 if _fits(values) else object)


def _narrow(values: Array) -> Array:
    """As int64 where the entries fit."""
    return values.astype(np.int64) if values.dtype == object and _bound(values) < _LIMIT else values


def _small(values: Array) -> Array:
    """In the smallest type that holds the entries, to be kept."""
    bound = _bound(values)
    for kind in (np.int8, np.int16, np.int32, np.int64):
        if bound <= np.iinfo(kind).max:
            return values.astype(kind)
    return values


def _joined(parts: list[Array]) -> Array:
    """The arrays one after another; Python's integers if one part has them."""
    if len({p.dtype == object for p in parts}) == 2:
        parts = [p.astype(object) for p in parts]
    return np.concatenate(parts)
