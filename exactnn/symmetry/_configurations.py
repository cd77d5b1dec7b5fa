"""How the neurons of a network with a given function and width can lie: the discrete part of the fibre (docs/theory.md 13).

E = {h : J_h != 0}, K = |E|, e = n - K >= 0 neurons to spare, R = -sum_h N_h u_h^T with N_h the part of J_h on the negative sides. A
network of width n has the same function exactly if, for O = {h in E with neurons on both sides} and
S = {h in E with neurons on the negative side only},

    R + sum_{h in S} J_h u_h^T + sum_{h in O} N'_h u_h^T + (one term of rank 1 for each linear pair) = 0,

so that (S, O) occurs exactly if |O| + 2 rho <= e with rho the rank of R + sum_S J_h u_h^T modulo the span of {u_h : h in O}. If
|O| = e, rho = 0 and these u_h are independent, N' is unique, and (S, O) is one isolated orbit; all others leave something free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np

from exactnn.errors import Incomplete, Undecided
from exactnn.exact.array import RationalArray, concatenate, integer_array
from exactnn.exact.clock import Clock, clock_in_force
from exactnn.exact.numbers import fraction
from exactnn.symmetry._shallow import Class, Shallow
from exactnn.symmetry._subset_sums import SUBSETS, Found, Integers, Vectors, subset_sums

#: configurations that are gone through one by one at most
_BRUTE = 20_000

Subset = tuple[int, ...]


@dataclass(frozen=True)
class Configuration:
    """(S, O, rho): indices into the classes with J_h != 0, and how many linear pairs it takes."""

    turned: Subset
    both: Subset
    rank: int


class Jumps:
    """Sums of jumps by class, and the slope that the flips have to keep.

    `classes`: the h with J_h != 0; `normals`: their u_h as rows; `jumps`: the J_h as columns; `rest`: R.
    """

    def __init__(self, classes: Sequence[Class], normals: RationalArray, jumps: RationalArray, rest: RationalArray) -> None:
        self.classes, self.normals, self.jumps, self.rest = list(classes), normals, jumps, rest

    @property
    def count(self) -> int:
        """K."""
        return len(self.classes)

    def terms(self, chosen: Sequence[int], modulo: Sequence[int]) -> tuple[Vectors, list[int]]:
        """vec(J_h u_h^T P) for the h chosen, and vec(-R P), over one denominator; the columns of P span what is orthogonal to {u_h : h
        in modulo}."""
        d = self.normals.shape[1]
        if modulo:
            basis, rank = self.normals[list(modulo)].to_flint().nullspace()
            project = RationalArray(np.array([[int(basis[i, j]) for j in range(rank)] for i in range(d)], dtype=object).reshape(d, rank))
        else:
            project = RationalArray.eye(d)
        normals, rest = self.normals @ project, self.rest @ project
        width = project.shape[1]
        scale = self.jumps.denominator * normals.denominator
        common = np.lcm(np.array(scale, dtype=object), np.array(rest.denominator, dtype=object))
        u = normals.numerators.astype(object)[list(chosen)] * (int(common) // scale)
        a = self.jumps.numerators.astype(object)[:, list(chosen)]
        target = (-(rest.numerators.astype(object) * (int(common) // rest.denominator))).ravel().tolist()

        def columns(which: Sequence[int]) -> Integers:
            return np.asarray(a[[c // width for c in which]].T * u[:, [c % width for c in which]])

        return Vectors(len(chosen), width * len(self.rest), columns), target

    def solutions(self, both: Sequence[int], clock: Clock, most: int | None = None) -> Found:
        """All S in E without `both` with rank R_S = 0 modulo the u_h of `both`; indices into E. At most `most` of them, if that is
        given."""
        chosen = [h for h in range(self.count) if h not in both]
        vectors, target = self.terms(chosen, both)
        try:
            found = subset_sums(vectors, target, clock, SUBSETS if most is None else most)
        except Incomplete as stopped:
            if most is None or not isinstance(stopped.partial, tuple) or len(stopped.partial) < most:
                raise
            found = Found(stopped.partial[:most], None, "the first ones")
        return Found(tuple(tuple(chosen[i] for i in t) for t in found.subsets), None, found.how)

    def remainder(self, turned: Sequence[int]) -> RationalArray:
        """R_S = R + sum_{h in S} J_h u_h^T."""
        if not len(turned):
            return self.rest
        chosen = list(turned)
        return self.rest + self.jumps[:, chosen] @ self.normals[chosen]

    def rank(self, turned: Sequence[int], both: Sequence[int]) -> int:
        """rho."""
        matrix = self.remainder(turned)
        if not both:
            return int(matrix.to_fmpq_mat().rank())
        spanning = self.normals[list(both)]
        whole = concatenate([matrix, spanning])
        return int(whole.to_fmpq_mat().rank()) - int(spanning.to_fmpq_mat().rank())

    def moved(self, turned: Sequence[int], both: Sequence[int]) -> RationalArray | None:
        """The N' (outputs, both) with R_S + sum_{h in O} N'_h u_h^T = 0, if the u_h are independent and it exists."""
        matrix, normals = self.remainder(turned), self.normals[list(both)]
        system = concatenate([normals, matrix]).T.to_fmpq_mat()  # columns u_h, then the rows of R_S
        echelon, rank = system.rref()
        size, m = len(both), len(matrix)
        if rank != size or any(echelon[i, i] != 1 for i in range(size)):
            return None
        values = [-fraction(echelon[i, size + j]) for j in range(m) for i in range(size)]
        return RationalArray.from_fractions(values, (m, size))

    def brute(self, spare: int, clock: Clock) -> Iterator[Configuration]:
        """All (S, O) with |O| + 2 rho <= spare; Undecided if there are too many to try."""
        ways = sum(comb(self.count, o) << (self.count - o) for o in range(min(spare, self.count) + 1)) if self.count <= 20 else _BRUTE + 1
        if ways * max(1, self.rest.size // 100) > _BRUTE:
            raise Undecided(
                f"several outputs, {self.count} hyperplanes and {spare} neurons to spare: too many ranks to go through (at most {_BRUTE})"
            )
        for o in range(min(spare, self.count) + 1):
            for both in combinations(range(self.count), o):
                others = [h for h in range(self.count) if h not in both]
                for size in range(len(others) + 1):
                    for turned in combinations(others, size):
                        clock.check("configurations of the neurons were being gone through")
                        rho = self.rank(turned, both)
                        if o + 2 * rho <= spare:
                            yield Configuration(turned, both, rho)


def jumps_of(layer: Shallow) -> Jumps:
    """The sums by class of a layer with phi(t) - phi(-t) = r t, r != 0."""
    m, d = len(layer.constant), layer.weight.shape[1]
    kept: list[Class] = []
    columns: list[RationalArray] = []
    rest = RationalArray.zeros((m, d))
    normals = []
    clock = clock_in_force()
    for key, neurons in layer.members.items():
        clock.check("the jumps of the classes of neurons were being added up")
        factors = RationalArray.from_fractions([layer.factors[i] for i in neurons], (len(neurons), 1)) * layer.jump
        outgoing = layer.outgoing[:, neurons]
        jump = outgoing @ factors
        negative = [k for k, i in enumerate(neurons) if layer.signs[i] < 0]
        normal = RationalArray(integer_array(key[0][:-1], (1, d)), key[1])
        if negative:
            rest = rest - (outgoing[:, negative] @ factors[negative]) @ normal
        if not jump.is_zero():
            kept.append(key)
            columns.append(jump)
            normals.append(normal)
    if not kept:
        return Jumps([], RationalArray.zeros((0, d)), RationalArray.zeros((m, 0)), rest)
    return Jumps(kept, concatenate(normals), concatenate(columns, axis=1), rest)


class Neurons:
    """Neurons collected one by one: rows (w_i, b_i), and columns a_i = (part of J_h)/p, p the jump of phi(t) = q t + p max(t, 0)."""

    def __init__(self, outputs: int, inputs: int, jump: Fraction) -> None:
        self._jump = jump
        self._rows = [RationalArray.zeros((0, inputs + 1))]
        self._columns = [RationalArray.zeros((outputs, 0))]

    def add(self, plane: RationalArray, sign: int, part: RationalArray) -> None:
        """One on the side of this sign of the hyperplane (u, v), with this part of the jump there."""
        self._rows.append((plane if sign > 0 else -plane).reshape(1, -1))
        self._columns.append(part.reshape(-1, 1) / self._jump)

    def filled(self, width: int) -> tuple[RationalArray, RationalArray]:
        """Rows (n, d + 1) and columns (m, n), n >= width: neurons to spare are dead, x_1 with weight 0."""
        (outputs, _), (_, size) = self._columns[0].shape, self._rows[0].shape
        spare = max(0, width - len(self._rows) + 1)
        dead = [RationalArray(np.eye(1, size, dtype=np.int64))] * spare
        return concatenate([*self._rows, *dead]), concatenate([*self._columns, *[RationalArray.zeros((outputs, 1))] * spare], axis=1)


def plane_of(key: Class) -> RationalArray:
    """(u_1, ..., u_d, v) of a class."""
    return RationalArray(integer_array(key[0], (len(key[0]),)), key[1])


def realised(jumps: Jumps, configuration: Configuration, width: int, jump: Fraction) -> tuple[RationalArray, RationalArray]:
    """A network of this configuration: rows (w_i, b_i) (n, d + 1), and columns a_i (m, n).

    `jump` is the p of phi(t) = q t + p max(t, 0).
    """
    m, d = jumps.rest.shape
    neurons = Neurons(m, d, jump)
    both = list(configuration.both)
    left = jumps.remainder(configuration.turned)
    moved = _least(jumps, left, both) if both else RationalArray.zeros((m, 0))
    for h, key in enumerate(jumps.classes):
        plane, whole = plane_of(key), jumps.jumps[:, h]
        if h in both:
            part = moved[:, both.index(h)]
            neurons.add(plane, 1, whole - part)
            neurons.add(plane, -1, part)
        else:
            neurons.add(plane, -1 if h in configuration.turned else 1, whole)
    if both:
        left = left + moved @ jumps.normals[both]
    if not left.is_zero():  # sum_r c_r m_r^T of rank rho: pairs N phi(l) - N phi(-l) with l = m_r . x and N = c_r / p
        echelon, rank = left.to_fmpq_mat().rref()
        for r in range(rank):
            basis = [fraction(echelon[r, k]) for k in range(d)]
            pivot = next(k for k, q in enumerate(basis) if q)
            plane = RationalArray.from_fractions([*basis, 0], (d + 1,))
            neurons.add(plane, 1, left[:, pivot])
            neurons.add(plane, -1, -left[:, pivot])
    return neurons.filled(width)


def _least(jumps: Jumps, remainder: RationalArray, both: list[int]) -> RationalArray:
    """N' (outputs, both) for which remainder + sum N'_h u_h^T has least rank: 0 modulo the span of the u_h."""
    normals = jumps.normals[both]
    size, (m, d) = len(both), remainder.shape
    chosen = _independent(normals)
    complement = [k for k in _independent(concatenate([normals[chosen], RationalArray.eye(d)])) if k >= len(chosen)]
    square = concatenate([normals[chosen], RationalArray.eye(d)[[k - len(chosen) for k in complement]]])
    solved = remainder.to_fmpq_mat() * square.to_fmpq_mat().inv()
    table = [[Fraction(0)] * size for _ in range(m)]
    for j in range(m):
        for i, h in enumerate(chosen):
            table[j][h] = -fraction(solved[j, i])
    return RationalArray.from_fractions([q for row in table for q in row], (m, size))


def _independent(rows: RationalArray) -> list[int]:
    """The first rows, greedily, that are independent."""
    echelon, rank = rows.T.to_fmpq_mat().rref()
    found: list[int] = []
    for i in range(rank):
        found.append(next(k for k in range(found[-1] + 1 if found else 0, len(rows)) if echelon[i, k]))
    return found
