"""What the extracted terms say at other points: decisions, cross terms, how few of them are enough. All in integers.

    P_j(x) >= max_i (own term of P_j at x_i)(x),    argmax_j f_j = argmax_j P_j,    since all f_j = P_j - Q share Q

"The extracted function" is the paper's: each class has the terms of the points that the network gives this class, so that it decides these
points as the network does. The map of `extract_at` has a term for each point and class ("all"), and equals the network at its points in
every output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.tropical import PointwiseMap, TropicalRationalMap

Integers = np.ndarray[Any, Any]  # of Python's integers, or int64
Indices = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Terms:
    """rows[j][i] / denominator: (constant, exponents) of point i's own term in numerator j, and, last, in the denominator."""

    def __init__(self, found: PointwiseMap) -> None:
        polynomials = (*found.numerators, found.denominators[0])
        self.joined = concatenate([p.table[found.owners[:, j]] for j, p in enumerate(polynomials)])
        self.rows: Integers = self.joined.numerators.reshape(len(polynomials), found.count, -1)

    @property
    def classes(self) -> int:
        """The number of outputs."""
        return len(self.rows) - 1

    def values(self, points: RationalArray) -> Integers:
        """(outputs + 1, n, m): the terms at m points, times one positive number."""
        ones = RationalArray(np.ones((len(points), 1), dtype=np.int64))
        found = self.joined @ concatenate([ones, points], axis=1).T
        return found.numerators.reshape(*self.rows.shape[:2], len(points))

    def maps(self, output: int, above: Indices, below: Indices) -> list[tuple[int, ...]]:
        """The affine maps (constant, gradient), times one number: a term of the numerator minus one of the denominator."""
        return [tuple(row) for row in (self.rows[output, above] - self.rows[-1, below]).tolist()]


def decisions(values: Integers) -> Indices:
    """The class (m,) of the largest numerator; the first one of equal ones."""
    return values[:-1].max(axis=1).argmax(axis=0)


def of_own_class(values: Integers, decided: Indices) -> Integers:
    """Of the values of all terms those of the extracted function: terms of other classes than their point's never win."""
    never = values.min() - 1
    return np.concatenate([np.where(_owned(len(values), decided)[:, :, None], values[:-1], never), values[-1:]])


def _owned(polynomials: int, decided: Indices) -> Mask:
    """(outputs, n): whether a point's term of that output is one of the extracted function's."""
    return np.arange(polynomials - 1)[:, None] == decided


def winning(terms: Terms, values: Integers, decided: Indices, outputs: Indices) -> Integers:
    """(m, d): the gradient of the extracted function's numerator of one output at each point; 0 where that class has no term.

    values : of the extracted function
    """
    place = np.arange(len(outputs))
    winners = values[outputs, :, place].argmax(axis=1)
    return np.where(_owned(len(values), decided)[outputs, winners][:, None], terms.rows[outputs, winners, 1:], 0)


def evolution(values: Integers, decided: Indices, labels: Indices, sizes: Sequence[int]) -> list[float]:
    """The accuracy in per cent of the function extracted at the first so many points."""
    return [accuracy(decisions(of_own_class(values[:, :size], decided[:size])), labels) for size in sizes]


def accuracy(decided: Indices, labels: Indices) -> float:
    """In per cent."""
    return 100 * float((decided == labels).mean())


def cross_terms(values: Integers, outputs: Indices) -> Mask:
    """(m,): whether, in the given output, no data point has both a term that wins in the numerator and one that wins below.

    values : of the extracted function
    """
    above = values[outputs, :, np.arange(values.shape[2])].T  # (n, m)
    return ~((above == above.max(axis=0)) & (values[-1] == values[-1].max(axis=0))).any(axis=0)


def arising(terms: Terms, values: Integers, outputs: Indices) -> int:
    """How many affine maps the extracted function has at these points, in the given outputs, that the network has at no data point."""
    found = set()
    points = np.arange(terms.rows.shape[1])
    below = values[-1].argmax(axis=0)
    for j in np.unique(outputs):
        at = np.flatnonzero(outputs == j)
        own = set(terms.maps(int(j), points, points))
        found |= {(j, row) for row in terms.maps(int(j), values[j][:, at].argmax(axis=0), below[at]) if row not in own}
    return len(found)


def enough(values: Integers, decided: Indices) -> list[int]:
    """Data points whose terms, each in its own class, decide all data points as the network does: greedily, each for the first one wrong.

    values : at the data points themselves, of the extracted function, so that all of them together decide as the network does
    """
    never = values.min() - 1
    best = np.full((len(values) - 1, len(decided)), never, dtype=object)
    kept: list[int] = []
    while True:
        wrong = np.flatnonzero((best.argmax(axis=0) != decided) | (best.max(axis=0) == never))
        if not len(wrong):
            return kept
        kept.append(int(wrong[0]))
        j = decided[kept[-1]]
        best[j] = np.maximum(best[j], values[j, kept[-1]])


def classifier(terms: Terms, kept: Sequence[int], decided: Indices) -> TropicalRationalMap:
    """The largest of these terms for each class that has some, without a denominator, which decides nothing."""
    points, size = np.array(kept), terms.rows.shape[1]
    tables = [terms.joined[j * size + points[decided[points] == j]] for j in np.unique(decided)]
    zero = RationalArray.zeros((1, terms.rows.shape[2]))
    return TropicalRationalMap.from_tables(tables, [zero] * len(tables))
