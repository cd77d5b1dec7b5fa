"""Vertices of a subdivision as floats with rigorous error bounds, and exactly where a bound does not decide.

    vertex = x_0 + M x_1,   M larger than every number that occurs (x_1 = 0 at a finite vertex)

A piecewise linear network maps such points to such numbers, and their signs are lexicographic, M first. Every vertex but the corners of the
first box lies on an edge between two older ones, a and b, where a unit that is affine on the edge vanishes:

    x = a + t (b - a),   t = f_a / (f_a - f_b),   f_a > 0 > f_b.

Floats carry a bound of their error through that formula and through the network; a value beyond its bound has a certain sign. The others
are computed exactly: a vertex from its parents, with integers over one denominator, once. Signs at a new vertex that follow from those at
the two ends are not computed at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from exactnn.cells._balls import Balls, Bools, FloatMap, Floats, Ids, Signs, Table, gated, grown, interpolate, nearest
from exactnn.cells._program import Program
from exactnn.value import Value

#: x_0 and x_1 over one positive denominator
Exact = tuple[list[int], list[int], int]

_BLOCK = 256  # vertices whose exact values are computed at once
_GUESS = 1e-9  # the tolerance of the float-only mode, which is for comparison and decides nothing


@dataclass(repr=False)
class Statistics(Value):
    """How signs at vertices were found: from the two ends of an edge, by a float and its error bound, or exactly."""

    combinatorial: int = 0
    floating: int = 0
    exact: int = 0

    def add(self, other: Statistics) -> None:
        """Add the counts of another run."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(self, entry.name) + getattr(other, entry.name))


class Vertices:
    """All vertices of a run, in the order in which they were made; the last ones can be let go again.

    Parameters
    ----------
    wait : called at every step of the exact computations, to ask a clock
    exact : False for floats with a fixed tolerance, which only benchmarks use
    """

    def __init__(self, program: Program, wait: Callable[[], None], *, exact: bool = True) -> None:
        self.program, self._wait = program, wait
        self.forms = [FloatMap(s.form) for s in program.stages]
        self.exact_mode = exact
        self.statistics = Statistics()
        self.parts = 1
        self.count = 0
        self.points = Balls(np.zeros((0, 1, program.input_dim)), None)
        self.signs: Signs = np.zeros((0, program.unit_count), dtype=np.int8)
        self.parents = np.zeros((0, 2), dtype=np.int64)
        self.maker = np.zeros(0, dtype=np.int64)
        self.walls: np.ndarray[Any, np.dtype[np.uint64]] = np.zeros(0, dtype=np.uint64)
        self.exact: list[Exact | None] = []

    # --- the store ---------------------------------------------------------------------------------------------------------

    def start(self, corners: list[Exact], walls: Sequence[int]) -> Ids:
        """The corners of the first box, and for each the set (bits) of infinitely far facets it lies on."""
        self.parts = 2 if any(walls) else 1
        self.points = Balls(*self._rounded(corners))
        self.count = len(corners)
        self.signs = np.zeros((self.count, self.program.unit_count), dtype=np.int8)
        self.parents = np.full((self.count, 2), -1, dtype=np.int64)
        self.maker = np.full(self.count, -1, dtype=np.int64)
        self.walls = np.array(walls, dtype=np.uint64)
        self.exact = list(corners)
        return np.arange(self.count)

    def truncate(self, count: int) -> None:
        """Let go all vertices from number `count` on."""
        self.count = count
        del self.exact[count:]

    def _append(self, points: Balls, signs: Signs, parents: Ids, maker: int, walls: Any) -> Ids:
        n, new = self.count, len(parents)
        if n + new > len(self.signs):
            room = max(2 * (n + new), 1024)
            self.points = self.points.grown(n, room)
            self.signs, self.parents = grown(self.signs, n, room), grown(self.parents, n, room)
            self.maker, self.walls = grown(self.maker, n, room), grown(self.walls, n, room)
        self.points.put(slice(n, n + new), points)
        self.signs[n : n + new] = signs
        self.parents[n : n + new] = parents
        self.maker[n : n + new] = maker
        self.walls[n : n + new] = walls
        self.exact += [None] * new
        self.count = n + new
        return np.arange(n, n + new)

    # --- signs -------------------------------------------------------------------------------------------------------------

    def enter(self, ids: Ids, stage: int, kept: dict[int, Table]) -> Balls:
        """The pre-activations of a stage at these vertices; their signs are stored.

        kept : outputs of earlier stages at the first of the vertices, by source; those that the stage reads are completed
        """
        with np.errstate(all="ignore"):  # a bound that overflowed decides nothing
            values = {0: self.points.take(ids)}
            for k in self.forms[stage].matrices:
                if k:
                    empty = np.zeros((0, self.parts, self.program.sizes[k]))
                    table = kept.setdefault(k, Table(Balls(empty, empty if self.exact_mode else None)))
                    if table.count < len(ids):
                        table.append(self._source(ids[table.count :], k))
                    values[k] = table.take(slice(0, len(ids)))
            found = self.forms[stage].apply(values)
        first, end = self.program.first[stage : stage + 2]
        signs, certain = self._filter(found)
        self.signs[ids, first:end] = signs
        self.statistics.floating += int(certain.sum())
        self._settle(ids, stage, found, ~certain)
        return found

    def leave(self, ids: Ids, stage: int, values: Table, kept: dict[int, Table]) -> None:
        """Keep the outputs of a stage, and let go those that no later stage reads."""
        first, end = self.program.first[stage : stage + 2]
        later = {k for s in self.program.stages[stage + 1 :] for k in s.form.blocks}
        for k in [k for k in kept if k not in later]:
            del kept[k]
        if stage + 1 in later:
            kept[stage + 1] = Table(gated(values.take(slice(0, len(ids))), self.signs[ids, first:end]))

    def _source(self, ids: Ids, k: int) -> Balls:
        """y_k at these vertices, from x."""
        first, end = self.program.first[k - 1 : k + 1]
        return gated(self.values(ids, self.forms[k - 1]), self.signs[ids, first:end])

    def values(self, ids: Ids, form: FloatMap) -> Balls:
        """A form at these vertices, from x through the stages that it reads, whose signs are known."""
        program = self.program
        needed = _sources(program, form.matrices)
        values = {0: self.points.take(ids)}
        for k in sorted(needed):
            first, end = program.first[k - 1 : k + 1]
            values[k] = gated(self.forms[k - 1].apply(values), self.signs[ids, first:end])
        return form.apply(values)

    def exact_outputs(self, ids: Ids) -> list[list[list[Fraction]]]:
        """For each network its exact outputs at these finite vertices."""
        points = self.exact_points(ids)
        weights = [p[2] for p in points]
        rows = fmpz_mat(len(points), self.program.input_dim, [v for p in points for v in p[0]])
        found = self.program.exact_outputs(rows, weights, self.signs[ids])
        return [
            [[Fraction(int(v), scale * w) for v in row] for row, w in zip(matrix.tolist(), weights, strict=True)] for matrix, scale in found
        ]

    def _filter(self, values: Balls) -> tuple[Signs, Bools]:
        """Lexicographic signs, and where they are certain."""
        mid, rad = values.mid, values.rad
        if rad is None:
            scale = _GUESS * (1 + np.abs(mid).max(axis=2, keepdims=True, initial=0.0))
            rounded = np.where(np.abs(mid) <= scale, 0.0, mid)
            top = np.sign(rounded[:, -1])
            guess = np.where(top != 0, top, np.sign(rounded[:, 0])) if self.parts == 2 else top
            return guess.astype(np.int8), np.ones(guess.shape, dtype=bool)
        beyond = np.abs(mid) > rad
        naught = (rad == 0) & (mid == 0)
        signs = np.where(beyond, np.sign(mid), 0).astype(np.int8)
        if self.parts == 1:
            return signs[:, 0], (beyond | naught)[:, 0]
        found: Signs = np.where(naught[:, 1], signs[:, 0], signs[:, 1])
        return found, beyond[:, 1] | (naught[:, 1] & (beyond | naught)[:, 0])

    def _settle(self, ids: Ids, stage: int, values: Balls, open_: Bools) -> None:
        """Signs (and better floats) of the vertices with a sign that is still open, exactly."""
        rows = np.flatnonzero(open_.any(axis=1))
        if not len(rows):
            return
        self.statistics.exact += int(open_.sum())
        first, end = self.program.first[stage : stage + 2]
        chosen = ids[rows]
        self._coordinates(chosen)
        self._refresh(chosen)
        entries, weights = self._exact_stage(chosen, stage)
        width = end - first
        scale = self.program.scales[stage + 1]
        signs = [[_sign(v) for v in part] for part in entries]
        lexicographic = [b or a for a, b in zip(*signs, strict=True)] if self.parts == 2 else signs[0]
        self.signs[chosen, first:end] = np.array(lexicographic, dtype=np.int8).reshape(len(rows), width)
        for p, part in enumerate(entries):
            mid, rad = nearest(part, [w * scale for w in weights for _ in range(width)])
            values.mid[rows, p] = mid.reshape(len(rows), width)
            if values.rad is not None:
                values.rad[rows, p] = rad.reshape(len(rows), width)

    # --- new vertices ------------------------------------------------------------------------------------------------------

    def divide(self, ids: Ids, ends: np.ndarray[Any, Any], values: Table, stage: int, column: int) -> tuple[Ids, Balls]:
        """New vertices on edges where a unit of the stage changes sign: their numbers, and the stage's values at them.

        ids : the vertices to which the rows of `values` and the entries of `ends` (edges, 2) belong
        """
        program = self.program
        first, end = program.first[stage : stage + 2]
        a, b = ends[:, 0], ends[:, 1]
        turned = self.signs[ids[a], first + column] < 0
        a, b = np.where(turned, b, a), np.where(turned, a, b)
        walls = self.walls[ids[a]] & self.walls[ids[b]]
        left = Balls.join([self.points.take(ids[a]), values.take(a)], axis=2)
        right = Balls.join([self.points.take(ids[b]), values.take(b)], axis=2)
        d = program.input_dim
        with np.errstate(all="ignore"):
            found = interpolate(left, right, d + column, finite=walls == 0)
        points, new = Balls(found.mid[:, :, :d], None), Balls(found.mid[:, :, d:], None)
        if found.rad is not None:
            points.rad, new.rad = found.rad[:, :, :d].copy(), found.rad[:, :, d:].copy()
        self._pin(points, walls)
        sa, sb = self.signs[ids[a]], self.signs[ids[b]]
        signs = np.where(sa != 0, sa, sb)
        signs[:, first + column] = 0
        signs[:, end:] = 0
        made = self._append(points, signs, np.stack([ids[a], ids[b]], axis=1), first + column, walls)
        free = sa[:, first:end] * sb[:, first:end] < 0
        free[:, column] = False
        guess, certain = self._filter(new)
        self.signs[made, first:end] = np.where(free, guess, signs[:, first:end])
        self.statistics.combinatorial += int((~free).sum())
        self.statistics.floating += int((free & certain).sum())
        self._settle(made, stage, new, free & ~certain)
        naught = (self.signs[made, first:end] == 0)[:, None, :]
        new.mid = np.where(naught, 0.0, new.mid)
        if new.rad is not None:
            new.rad = np.where(naught, 0.0, new.rad)
        return made, new

    def _pin(self, points: Balls, walls: Any) -> None:
        """Coordinates on infinitely far facets x_j = -M, M are what they are."""
        if self.parts == 1:
            return
        for j in range(self.program.input_dim):
            for side, value in ((0, -1.0), (1, 1.0)):
                on = (walls >> np.uint64(2 * j + side)) & np.uint64(1) == 1
                if on.any():
                    points.mid[on, :, j] = (0.0, value)
                    if points.rad is not None:
                        points.rad[on, :, j] = 0.0

    # --- exact -------------------------------------------------------------------------------------------------------------

    def exact_points(self, ids: Ids) -> list[Exact]:
        """Exact coordinates."""
        self._coordinates(ids)
        return [self._known(i) for i in ids]

    def _known(self, i: int) -> Exact:
        found = self.exact[i]
        assert found is not None
        return found

    def _coordinates(self, ids: Ids) -> None:
        """Exact coordinates of these vertices and of the ancestors that they need, made in the order of their cuts."""
        missing: set[int] = set()
        stack = [int(i) for i in ids if self.exact[i] is None]
        while stack:
            i = stack.pop()
            if i not in missing:
                missing.add(i)
                stack += [int(p) for p in self.parents[i] if self.exact[p] is None]
        ordered = np.array(sorted(missing), dtype=np.int64)
        if not len(ordered):
            return
        starts = np.flatnonzero(np.diff(self.maker[ordered], prepend=-2))
        for block in np.split(ordered, starts[1:]):
            self._between(block, int(self.maker[block[0]]))

    def _between(self, ids: Ids, unit: int) -> None:
        """x = (f_a x_b - f_b x_a) / (f_a - f_b), f_a and f_b the unit's values at the parents."""
        stage, column = self.program.stage_of(unit)
        parents, place = np.unique(self.parents[ids].ravel(), return_inverse=True)
        # the parents may be made by the same unit in an older chunk only if they are older: they are known by now
        entries, _ = self._exact_stage(parents, stage)
        width = self.program.sizes[stage + 1]
        f = [[int(v) for v in part[column::width]] for part in entries]
        places = place.reshape(-1, 2)
        for i, (a, b) in zip(ids.tolist(), places.tolist(), strict=True):
            xa, xb = self._known(int(parents[a])), self._known(int(parents[b]))
            fa, fb = [part[a] for part in f], [part[b] for part in f]
            self.exact[i] = _meet(xa, xb, fa, fb)

    def _exact_stage(self, ids: Ids, stage: int) -> tuple[list[list[fmpz]], list[int]]:
        """weight scale z of a stage: entries, row by row, of each part; and the weights (denominators of the points)."""
        d = self.program.input_dim
        result: list[list[fmpz]] = [[] for _ in range(self.parts)]
        weights: list[int] = []
        for start in range(0, len(ids), _BLOCK):
            chosen = ids[start : start + _BLOCK]
            points = [self._known(int(i)) for i in chosen]
            own = [p[2] for p in points]
            weights += own
            for part, entries in enumerate(result):
                rows = fmpz_mat(len(points), d, [v for p in points for v in (p[1] if part else p[0])])
                values = self.program.exact_values(rows, own if part == 0 else [0] * len(points), self.signs[chosen], stage)
                for s, z in enumerate(values):
                    self._wait()
                    if s == stage:
                        entries += z.entries()
        return result, weights

    def _refresh(self, ids: Ids) -> None:
        """The floats of exactly known vertices, nearest."""
        self.points.put(ids, Balls(*self._rounded([self._known(int(i)) for i in ids])))

    def _rounded(self, points: list[Exact]) -> tuple[Floats, Floats | None]:
        d = self.program.input_dim
        mid, rad = np.zeros((len(points), self.parts, d)), np.zeros((len(points), self.parts, d))
        for part in range(self.parts):
            found = nearest([v for p in points for v in (p[1] if part else p[0])], [p[2] for p in points for _ in range(d)])
            mid[:, part], rad[:, part] = (v.reshape(len(points), d) for v in found)
        return mid, rad if self.exact_mode else None


def _meet(xa: Exact, xb: Exact, fa: list[int], fb: list[int]) -> Exact:
    """The exact vertex; f_a and f_b are the unit's values times the denominators of x_a and x_b times one more factor."""
    qa, qb = xa[2], xb[2]
    d0 = fa[0] * qb - fb[0] * qa
    if len(fa) == 1:
        return _reduced([fa[0] * v - fb[0] * u for u, v in zip(xa[0], xb[0], strict=True)], [0] * len(xa[0]), d0)
    d1 = fa[1] * qb - fb[1] * qa
    zero, one = [], []
    for a0, a1, b0, b1 in zip(xa[0], xa[1], xb[0], xb[1], strict=True):
        n0 = fa[0] * b0 - fb[0] * a0
        n1 = fa[0] * b1 + fa[1] * b0 - fb[0] * a1 - fb[1] * a0
        if d1:  # y_1 = n_2 / d_1, y_0 = (n_1 - y_1 d_0) / d_1, over d_1^2
            n2 = fa[1] * b1 - fb[1] * a1
            one.append(n2 * d1)
            zero.append(n1 * d1 - n2 * d0)
        else:
            one.append(n1)
            zero.append(n0)
    return _reduced(zero, one, d1 * d1 if d1 else d0)


def _reduced(zero: list[int], one: list[int], q: int) -> Exact:
    g = math.gcd(q, *zero, *one)
    if q < 0:
        g = -g
    return [v // g for v in zero], [v // g for v in one], q // g


def _sign(v: Any) -> int:
    return int(v > 0) - int(v < 0)


def _sources(program: Program, blocks: Iterable[int]) -> set[int]:
    """The sources that a form with these blocks needs, directly or not."""
    needed: set[int] = set()
    stack = list(blocks)
    while stack:
        k = stack.pop()
        if k and k not in needed:
            needed.add(k)
            stack += list(program.stages[k - 1].form.blocks)
    return needed
