"""The same maximal outputs on all faces of the joint face lattice, and the proof from it (docs/certificate-format.md, "Same decision").

Behind each network its maximum is put, whose units cut, too: on the relative interior of every face the set of maximal outputs is
constant. With the shortfalls a = max f - f_i and b = max g - g_i, affine and >= 0 on a cell, a = 0 implies b = 0 there because

    a > 0 on the cell,   or   t a - b >= 0 on the cell for some t,

and either is proved at a vertex where the form is least.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, isfinite
from typing import Any

import numpy as np

from exactnn.cells import AffineRow, CellTree, Piece, Subdivision, is_short
from exactnn.claims import SameDecisionClaim
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive
from exactnn.exact.progress import Progress
from exactnn.exact.writing import json_integer
from exactnn.verify._alike import with_maximum
from exactnn.verify._boxes import maximal
from exactnn.verify._domain import Coordinates
from exactnn.verify._joint import joint_program, maximisers, most_cells

Point = tuple[Fraction, ...]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


class ByFaces:
    """The same maximal outputs on a domain of dimension 1 at least, up to that of the face lattice."""

    def __init__(self, claim: SameDecisionClaim, where: Coordinates, clock: Clock) -> None:
        self.claim, self.where, self.clock = claim, where, clock
        self.program = joint_program(with_maximum(claim.f), with_maximum(claim.g), where)
        first, stages = self.program.first, list(enumerate(self.program.stages))
        names = [net.outputs[-1] for net in self.program.nets]
        #: the units of each maximum
        self.units = [[u for s, x in stages if (x.net, x.node) == (n, names[n]) for u in range(*first[s : s + 2])] for n in (0, 1)]

    def decide(self) -> Point | dict[str, Any] | None:
        """A point, in x, at which the sets differ; or the evidence that there is none, None if the cells are too many to write it."""
        run = Subdivision(self.program, self.clock, piece=most_cells(self.where.dimension))
        whole: Piece | None = None
        with Progress("going through the cells of the networks", unit="cells") as bar:
            for piece in run.pieces():
                point = self._difference(run, piece)
                if point is not None:
                    return point
                whole = piece if run.finished == piece.cells and not run.open_cells else None
                bar.update(piece.cells)
        return None if whole is None else self._written(run, whole)

    # --- refuted -------------------------------------------------------------------------------------------------------------

    def _difference(self, run: Subdivision, piece: Piece) -> Point | None:
        lattice = piece.lattice
        signs = run.vertices.signs[piece.ids][:, self.units[0] + self.units[1]]
        half = len(self.units[0])
        for k in range(lattice.dimension, -1, -1):
            of_faces = lattice.face_signs(signs, k)
            differ = np.flatnonzero((maximisers(of_faces[:, :half]) != maximisers(of_faces[:, half:])).any(axis=1))
            if len(differ):
                return self._inside(run, piece, k, int(differ[0]))
        return None

    def _inside(self, run: Subdivision, piece: Piece, k: int, face: int) -> Point:
        """A point of the relative interior of a face: the mean x_0 + M x_1 of its vertices, M large enough."""
        rows, where = [face], self.where
        for level in range(k, 0, -1):
            start, members = piece.lattice.boundary[level]
            rows = sorted({int(m) for r in rows for m in members[start[r] : start[r + 1]]})
        points = run.vertices.exact_points(piece.ids[rows])
        zero, one = (
            [sum((Fraction(part[j], q) for part, q in parts), Fraction(0)) / len(points) for j in range(where.dimension)]
            for parts in ([(p[0], p[2]) for p in points], [(p[1], p[2]) for p in points])
        )
        for bits in range(0, 100_000, 4):
            t = RationalArray.from_fractions([a + (1 << bits) * b for a, b in zip(zero, one, strict=True)], (1, where.dimension))
            x = where.to_input(t)[0].to_fractions()
            inside = where.region is None or where.region.contains(t[0].to_fractions())
            if inside and maximal(self.claim.f(x)) != maximal(self.claim.g(x)):
                return x
            if not any(one):
                break
        raise AssertionError("the sets of maximal outputs differ on a face, but not at the mean of its vertices; please report this")

    # --- proved --------------------------------------------------------------------------------------------------------------

    def _written(self, run: Subdivision, piece: Piece) -> dict[str, Any]:
        """The tree; at each leaf a pair of proofs for each output."""
        tree = CellTree(run, piece, 0 if self.claim.domain is None else len(self.claim.domain.rows[0]), self.clock)
        signs = run.vertices.signs[piece.ids]
        ties = maximisers(signs[:, self.units[0]])  # which outputs are maximal at each vertex, in f and in g
        with Progress("writing the proofs on the cells of the networks", unit="cells") as bar:
            for _ in tree.leaves():
                bar.update(1)
                touched: list[bool] = np.atleast_1d(ties[tree.vertices].any(axis=0)).tolist()
                shortfalls = zip(*self._shortfalls(tree), touched, strict=True)
                tree.end([[_implied(tree, a, b, zero), _implied(tree, b, a, zero)] for a, b, zero in shortfalls])
        return {"method": "tree", "hull": self.where.hull, "tree": tree.nodes}

    def _shortfalls(self, tree: CellTree) -> list[list[AffineRow]]:
        result = []
        for form in self.program.output_integers:
            *rows, highest = [[int(v) for v in row] for row in tree.maps.applied(form, tree.values).tolist()]
            result.append([primitive([h - v for h, v in zip(highest, row, strict=True)]) for row in rows])
        return result


def _implied(tree: CellTree, a: AffineRow, b: AffineRow, touched: bool) -> list[Any]:
    """[factor, t, proof] with factor (-b) + t a = gamma + sum y_i g_i; touched: whether a is 0 somewhere on the cell."""
    if not any(b):
        return [1, 0, []]
    if a == b:
        return [1, 1, []]
    if not touched:
        proof = tree.least(a)
        assert isinstance(proof, list), "a shortfall that is negative; please report this"
        return [0, 1, proof] if is_short(proof) else [0, proof[0], proof[1]]
    ratio = tree.largest_ratio(b, a)
    times = ceil(ratio * 1.001) + 1 if isfinite(ratio) else 1
    while True:  # b <= t a on the cell for some t, by Farkas' lemma
        proof = tree.least(tuple(times * p - q for p, q in zip(a, b, strict=True)))
        if isinstance(proof, list):
            return [1, times, proof] if is_short(proof) else [proof[0], json_integer(times * int(str(proof[0]), 0)), proof[1]]
        times *= 2
