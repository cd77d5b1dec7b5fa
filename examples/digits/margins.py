"""How far the weights of a ReLU network with one hidden layer are from each way to degenerate, in floats: a report, no proof.

f(x) = c + sum_i a_i max(w_i . x + b_i, 0), theta = (w, b, a), |.| the Euclidean norm. If no a_i and no w_i is 0, no two (w_i, b_i) are
parallel and the n matrices a_i w_i^T are linearly independent, permutations and positive scalings lead to all networks with the function.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

import exactnn as xn
from exactnn.network import Affine


@dataclass(frozen=True)
class Margins:
    """Distances from theta to each degenerate set; `rank` is one of matrices.

    Attributes
    ----------
    norm : |theta|
    dead : min |a_i|
    constant : min |w_i|
    parallel : the least second singular value of a pair (w_i, b_i), (w_j, b_j), what it takes to make them parallel (Eckart and Young)
    angle : the least angle between two such lines, in degrees
    rank : the least singular value of the n x md matrix V with rows vec(a_i w_i^T), its distance to the matrices of lower rank
    size : |V|
    steepest : max sqrt(|a_i|^2 + |w_i|^2)
    """

    norm: float
    dead: float
    constant: float
    parallel: float
    angle: float
    rank: float
    size: float
    steepest: float

    @property
    def radius(self) -> float:
        """All weights nearer to theta than this are one orbit, too.

        A change of theta by delta changes V by at most R |delta| + |delta|^2 / 2, R = `steepest`, since row i moves by at most
        |w_i| |delta a_i| + |a_i| |delta w_i| + |delta a_i| |delta w_i|. It takes `rank` to make the rows of V dependent.
        """
        kept = 2 * self.rank / (self.steepest + np.sqrt(self.steepest**2 + 2 * self.rank))  # the r with R r + r^2 / 2 = rank
        return float(min(self.dead, self.constant, self.parallel, kept))


def margins(net: xn.Network) -> Margins:
    """The distances of a network with one hidden layer between two affine ones."""
    first, last = (operation for operation in map(net.operation, net.order) if isinstance(operation, Affine))
    rows = np.column_stack([first.weight.to_float(), first.bias.to_float()])
    weight, outgoing = rows[:, :-1], last.weight.to_float().T
    terms = np.einsum("ij,ik->ijk", outgoing, weight).reshape(len(rows), -1)
    pairs = rows[list(combinations(range(len(rows)), 2))]
    sizes = np.linalg.norm(pairs, axis=2, keepdims=True)
    units = np.linalg.svd(pairs / np.where(sizes, sizes, 1), compute_uv=False)  # 1 +- |cos|, rooted
    return Margins(
        norm=float(np.sqrt((rows**2).sum() + (outgoing**2).sum())),
        dead=float(np.linalg.norm(outgoing, axis=1).min()),
        constant=float(np.linalg.norm(weight, axis=1).min()),
        parallel=float(np.linalg.svd(pairs, compute_uv=False)[:, 1].min()),
        angle=float(np.degrees(2 * np.arctan2(units[:, 1], units[:, 0])).min()),
        rank=float(np.linalg.svd(terms, compute_uv=False)[-1]),
        size=float(np.linalg.norm(terms)),
        steepest=float(np.sqrt((outgoing**2).sum(axis=1) + (weight**2).sum(axis=1)).max()),
    )
