"""Is there a best affine map of the logits? Exactly, by linear programming: floats propose a solution of the program or of its dual.

    loss(theta) = sum_n sum_j q_nj (log sum_k exp eta_nk - eta_nj),   eta = eta(theta) linear:  w_k z_k + b_k,  or  sum_i W_ki z_i + b_k

A convex loss has a minimum exactly if each direction in which it never rises is one in which it is constant (Rockafellar, Convex Analysis,
theorem 27.1). It never rises along theta exactly if eta_nj >= eta_nk for all n, k and all j with q_nj > 0; it is constant if all are equal.
So there is none exactly if theta separates: a.theta >= 0 for all rows a = eta_nj - eta_nk, > 0 for one. The linear program

    max c.theta,   a.theta >= 0 for all a,   c.theta <= 1,   c the sum of the rows

has then the value 1, else 0, and 0 exactly if there are weights lam > 0 with sum lam_a a = 0 (Stiemke). At the minimum lam = q_nj p_nk are
such weights, since the gradient is 0 there. Those of floats leave a rest R = sum lam_a a; it is taken away exactly by
lam_a (1 + a.x), x the rational solution of (sum lam_a a a^T) x = -R, which are positive where |a.x| < 1.

References: docs/theory.md 21.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from flint import fmpz_mat

from exactnn.cooling._reading import Floats, Mask
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import clock_in_force
from exactnn.exact.lp import Optimal, maximise
from exactnn.exact.numbers import fraction

_FIRST, _MORE = 40, 40  # samples at first, and that are added at once
_BITS = 30  # of weights and directions from floats
_SOME = 500  # samples, at least, whose weights are corrected


class Directions:
    """The linear programs of one problem; theta has the weights first, row by row, then the biases.

    Parameters
    ----------
    logits : (n, classes); support : where targets are positive; full : a matrix of weights, or one weight for each class
    """

    def __init__(self, logits: RationalArray, support: Mask, *, full: bool) -> None:
        self.logits, self.support, self.full = logits, support, full
        self.classes = int(logits.shape[1])
        self.size = self.classes * (self.classes + 1 if full else 2)

    def absent(self) -> RationalArray | None:
        """The direction of a class that no target has: its bias falls."""
        missing = np.flatnonzero(~self.support.any(axis=0))
        return -RationalArray.unit(self.size, self.size - self.classes + int(missing[0])) if missing.size else None

    def separates(self, theta: RationalArray) -> bool:
        """Whether this direction separates all samples."""
        eta = self.values(theta).numerators
        return bool((self._margins(theta) >= 0).all() and (eta != eta[:, :1]).any())

    def from_floats(self, theta: Floats) -> RationalArray:
        """A rational direction near this one."""
        return RationalArray.of(np.rint(theta / np.abs(theta).max() * 2.0**_BITS), "direction")

    def balanced(self, targets: Floats, p: Floats) -> bool:
        """Whether weights near q_nj p_nk prove that no direction separates."""
        q = _integers(np.where(self.support, np.maximum(np.rint(targets * 2.0**_BITS), 1), 0))
        chances = _integers(np.maximum(np.rint(p * 2.0**_BITS), 1))
        # lam_jk = q_j p_k: e_j has q_j sum_k p_k - p_j sum_k q_k of it; what k = j adds to both is the same
        rest = self._adjoint(q * _column(chances.sum(axis=1)) - chances * _column(q.sum(axis=1)))
        some = slice(0, None, max(len(q) // max(_SOME, self.size), 1))
        part = Directions(self.logits[some], self.support[some], full=self.full)
        try:
            solution = part._gram(q[some], chances[some]).to_fmpq_mat().solve(-rest.reshape(-1, 1).to_fmpq_mat())
        except ZeroDivisionError:  # the logits have too few dimensions
            return False
        eta = part.values(RationalArray.from_fractions([fraction(v) for v in solution.entries()], (self.size,)))
        return bool((eta.numerators.max(axis=1) - eta.numerators.min(axis=1) < eta.denominator).all())

    def _adjoint(self, g: RationalArray) -> RationalArray:
        """sum_n of the gradient of g_n.eta_n in theta."""
        weights = (g.T @ self.logits).reshape(-1) if self.full else (g * self.logits).sum(axis=0)
        return concatenate([weights, g.sum(axis=0)])

    def _gram(self, q: RationalArray, p: RationalArray) -> RationalArray:
        """sum lam_a a a^T, plus g g^T for the directions g in which nothing ever changes: equal for all classes."""
        c, n = self.classes, len(self.logits)
        ones = RationalArray(np.ones((n, 1), dtype=np.int64))
        masses, totals = q.sum(axis=1), p.sum(axis=1)
        inputs = [concatenate([self.logits if self.full else self.logits[:, j : j + 1], ones], axis=1) for j in range(c)]
        width = int(inputs[0].shape[1])
        same = np.eye(width, dtype=np.int64)
        if not self.full:
            same[0, 0] = 0
        blocks: list[list[RationalArray]] = [[] for _ in range(c)]
        for j in range(c):
            for k in range(c):
                if k < j:
                    blocks[j].append(blocks[k][j].T)
                    continue
                if j == k:
                    weight = q[:, j] * (totals - p[:, j]) + p[:, j] * (masses - q[:, j])
                else:
                    weight = -(q[:, j] * p[:, k] + q[:, k] * p[:, j])
                blocks[j].append((inputs[j] * _column(weight)).T @ inputs[k] + RationalArray(same))
        table = concatenate([concatenate(row, axis=1) for row in blocks], axis=0)
        place = [j * width + i for j in range(c) for i in range(width - 1)] + [j * width + width - 1 for j in range(c)]
        return table[place][:, place]

    def search(self) -> RationalArray | None:
        """A direction that separates, or None if there is none: by linear programs for a growing part of the samples.

        That for a part is enough if it has none, and the rows of the other samples vanish where those of the part do.
        """
        n = len(self.logits)
        chosen = set(range(0, n, max(n // _FIRST, 1)))
        while True:
            clock_in_force().check(f"{len(chosen)} of {n} samples were examined for a direction that separates them")
            rows = self._rows(sorted(chosen))
            theta = _separating(rows, self.size)
            if theta is not None:
                margins = self._margins(theta)
                wrong = np.flatnonzero(margins < 0)
                if not wrong.size:
                    return theta
                order = np.argsort(margins[wrong].astype(np.float64) if margins.dtype != object else margins[wrong], kind="stable")
                chosen |= set(wrong[order][:_MORE].tolist())
                continue
            for direction in _kernel(rows, self.size):
                eta = self.values(direction).numerators
                rest = np.flatnonzero((eta != eta[:, :1]).any(axis=1))
                if rest.size:
                    chosen |= set(rest[: _MORE // 4].tolist())
                    break
            else:
                return None

    def parts(self, theta: RationalArray) -> tuple[RationalArray, RationalArray]:
        """Weight and bias."""
        weight, bias = theta[: self.size - self.classes], theta[self.size - self.classes :]
        return (weight.reshape(self.classes, self.classes) if self.full else weight), bias

    def values(self, theta: RationalArray) -> RationalArray:
        """eta, (n, classes)."""
        weight, bias = self.parts(theta)
        return (self.logits @ weight.T if self.full else self.logits * weight) + bias

    def _margins(self, theta: RationalArray) -> np.ndarray[Any, Any]:
        """For each sample the least eta_j of its targets less the largest of all, as integers over a common denominator."""
        eta = self.values(theta).numerators
        top = eta.max(axis=1)
        return np.asarray(np.where(self.support, eta, top[:, None]).min(axis=1) - top)

    def _rows(self, samples: Iterable[int]) -> list[list[int]]:
        """The different rows a of these samples, each times a positive number."""
        found: dict[tuple[int, ...], None] = {}
        c, one = self.classes, self.logits.denominator
        for n in samples:
            z = [int(v) for v in self.logits.numerators[n].tolist()]
            for j in np.flatnonzero(self.support[n]).tolist():
                for k in range(c):
                    if k == j:
                        continue
                    row = [0] * self.size
                    if self.full:
                        row[j * c : (j + 1) * c], row[k * c : (k + 1) * c] = z, [-v for v in z]
                    else:
                        row[j], row[k] = z[j], -z[k]
                    row[self.size - c + j], row[self.size - c + k] = one, -one
                    found[tuple(row)] = None
        return [list(row) for row in found]


def _integers(values: Floats) -> RationalArray:
    return RationalArray(values.astype(np.int64))


def _column(values: RationalArray) -> RationalArray:
    return values.reshape(-1, 1)


def _separating(rows: list[list[int]], size: int) -> RationalArray | None:
    total = [sum(column) for column in zip(*rows, strict=True)]
    if not any(total):  # theta = 0 is as good as any
        return None
    best = maximise(total, [*([-v for v in row] for row in rows), total], [0] * len(rows) + [1])
    assert isinstance(best, Optimal)
    return RationalArray.from_fractions([fraction(v) for v in best.point], (size,)) if best.value > 0 else None


def _kernel(rows: list[list[int]], size: int) -> list[RationalArray]:
    """A basis of the directions on which all rows vanish."""
    space, rank = fmpz_mat(len(rows), size, [v for row in rows for v in row]).nullspace()
    columns = [[int(space[i, k]) for i in range(size)] for k in range(int(rank))]
    return [RationalArray.from_fractions(column, (size,)) for column in columns]
