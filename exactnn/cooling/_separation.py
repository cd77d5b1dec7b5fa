"""Is there a best affine map of the logits? Exactly, by linear programs over a growing part of the samples.

    loss(theta) = sum_n sum_j q_nj (log sum_k exp eta_nk - eta_nj),   eta = eta(theta) linear:  w_k z_k + b_k,  or  sum_i W_ki z_i + b_k

A convex loss has a minimum exactly if each direction in which it never rises is one in which it is constant (Rockafellar, Convex Analysis,
theorem 27.1). It never rises in theta exactly if eta_nj >= eta_nk for all n, k and all j with q_nj > 0, and is constant if all are equal.
So there is none exactly if some theta separates: all these hold, not all with equality. One linear program decides:

    max c.theta,   a.theta >= 0 for each row a = eta_nj - eta_nk,   c = the sum of the rows,   c.theta <= 1

It has the value 1 (theta separates), or 0. Value 0 for some samples is enough for all if the rows of the others vanish where theirs do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from flint import fmpz_mat

from exactnn.exact.array import RationalArray
from exactnn.exact.clock import clock_in_force
from exactnn.exact.lp import Optimal, maximise
from exactnn.exact.numbers import fraction

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_FIRST, _MORE = 40, 40  # samples at first, and that are added at once


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

    def search(self) -> tuple[tuple[int, ...], RationalArray | None]:
        """The samples that were enough, and a direction that separates all samples or None if there is none."""
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
                    return tuple(sorted(chosen)), theta
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
                return tuple(sorted(chosen)), None

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


