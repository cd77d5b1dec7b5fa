"""The normal form of a network with one hidden layer: a complete, hashable invariant of its function.

    f(x) = k + M x + sum_h J_h max(u_h . x + v_h, 0)

with pairwise distinct hyperplanes (u_h, v_h), primitive integer vectors whose first non-zero entry of u_h is positive, and J_h != 0.
Theorem A (docs/theory.md 1): the functions max(u_h . x + v_h, 0), x_1, ..., x_d, 1 are linearly independent, already on any open
set that meets every hyperplane. So two networks have equal normal forms exactly when they are the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product

import numpy as np
from flint import fmpq_mat

from exactnn.errors import ArgumentError, NotOneHiddenLayer, Undecided
from exactnn.exact.array import RationalArray, concatenate
from exactnn.network import Affine, Builder, Input, Network, relu
from exactnn.symmetry._atoms import Atoms, NotTreated, TooLarge
from exactnn.symmetry._forms import Forms
from exactnn.symmetry._numbering import Numbering

Hyperplane = tuple[int, ...]


@dataclass(frozen=True)
class NormalForm:
    """k + M x + sum_h J_h max(u_h . x + v_h, 0); see the module's text. Equal functions give equal, equally hashed normal forms.

    Attributes
    ----------
    hyperplanes : the (u_1, ..., u_d, v), in lexicographic order
    jumps : matrix (outputs, hyperplanes) whose columns are the J_h
    slope : matrix M (outputs, inputs)
    offset : vector k
    """

    hyperplanes: tuple[Hyperplane, ...]
    jumps: RationalArray
    slope: RationalArray
    offset: RationalArray

    @cached_property
    def kinks(self) -> dict[Hyperplane, tuple[Fraction, ...]]:
        """(u_1, ..., u_d, v) -> J."""
        columns = self.jumps.T
        return {h: columns[i].to_fractions() for i, h in enumerate(self.hyperplanes)}

    @cached_property
    def linear(self) -> tuple[tuple[Fraction, ...], ...]:
        """M, row by row."""
        return tuple(self.slope[j].to_fractions() for j in range(len(self.slope)))

    @cached_property
    def constant(self) -> tuple[Fraction, ...]:
        """k."""
        return self.offset.to_fractions()

    def is_zero(self) -> bool:
        """Whether the function is 0 everywhere (corollary B)."""
        return not self.hyperplanes and self.slope.is_zero() and self.offset.is_zero()

    def __hash__(self) -> int:
        return hash((self.hyperplanes, self.jumps, self.slope, self.offset))

    def __call__(self, points: RationalArray) -> RationalArray:
        """Values (batch, outputs) at points (batch, inputs)."""
        result = points @ self.slope.T + self.offset
        if self.hyperplanes:
            result = result + self.levels(points).relu() @ self.jumps.T
        return result

    def levels(self, points: RationalArray) -> RationalArray:
        """u_h . x + v_h, shape (batch, hyperplanes)."""
        return points @ self.normals[:, :-1].T + self.normals[:, -1]

    @cached_property
    def normals(self) -> RationalArray:
        """The hyperplanes as a matrix (hyperplanes, inputs + 1)."""
        width = self.slope.shape[1] + 1
        numerators = np.empty(len(self.hyperplanes) * width, dtype=object)
        numerators[:] = [n for h in self.hyperplanes for n in h]
        return RationalArray(numerators.reshape(len(self.hyperplanes), width))

    def to_network(self) -> Network:
        """A canonical network with this function: one ReLU neuron for each hyperplane, M realised by opposite pairs.

        M = sum_r c_r m_r with m_r the pivot rows of its echelon form, and c_r m_r . x = c_r (max(m_r . x, 0) - max(-m_r . x, 0)).
        """
        width = self.slope.shape[1]
        rows = [RationalArray.of(h) for h in self.hyperplanes]
        columns = [self.jumps]
        if not self.slope.is_zero():
            echelon, rank = self.slope.to_fmpq_mat().rref()
            basis = [[Fraction(int(q.p), int(q.q)) for q in echelon.table()[r]] for r in range(rank)]
            pivots = [next(i for i, q in enumerate(row) if q) for row in basis]
            for row, pivot in zip(basis, pivots, strict=True):
                coefficient = self.slope[:, pivot].reshape(-1, 1)
                pair = RationalArray.from_fractions([*row, 0], (width + 1,))
                rows += [pair, -pair]
                columns += [coefficient, -coefficient]
        builder = Builder()
        current = builder.add("input", Input((width,)))
        if not rows:
            return builder.build(["input"], [builder.add("layer1", Affine(self.slope, self.offset), current)])
        stacked = concatenate([r.reshape(1, -1) for r in rows])
        current = builder.add("layer1", Affine(stacked[:, :-1], stacked[:, -1]), current)
        current = builder.add("relu1", relu(), current)
        current = builder.add("layer2", Affine(concatenate(columns, axis=1), self.offset), current)
        return builder.build(["input"], [current])

    @cached_property
    def minimal_width(self) -> int:
        """The least number of hidden ReLU neurons of a network (one hidden layer, no skip) with this function.

        Theory: docs/theory.md 4. With K hyperplanes, K neurons suffice exactly if some set S of them has
        M = -sum_S J_h u_h^T; deciding that is NP-complete, so that large cases raise Undecided with bounds.

        Raises
        ------
        Undecided
            With `lower` and `upper`, where the width is not decided.
        """
        count = len(self.hyperplanes)
        rank = self.slope.to_fmpq_mat().rank()
        if not count or not rank:
            return count + 2 * rank
        upper = count + 2 * rank
        sums = self._subset_sums()
        if sums is None:
            raise Undecided(f"minimal width: between {count} and {upper}, too many subsets of {count} hyperplanes", count, upper)
        if any(total.is_zero() for total in sums):
            return count
        if len(self.slope) > 1:
            raise Undecided(f"minimal width: between {count + 1} and {upper}; several outputs", count + 1, upper)
        normals = [self.normals[i, :-1] for i in range(count)]
        if any(_parallel(total[0], normal) for total in sums for normal in normals):
            return count + 1
        return count + 2

    def _subset_sums(self) -> list[RationalArray] | None:
        """M + sum_S J_h u_h^T over the sets S that can make it zero or of rank one; None if there are too many."""
        count = len(self.hyperplanes)
        terms = [self.jumps[:, i].reshape(-1, 1) @ self.normals[i, :-1].reshape(1, -1) for i in range(count)]
        if count <= 12:
            chosen = product((0, 1), repeat=count)
            return [sum((t for t, c in zip(terms, c_set, strict=True) if c), self.slope) for c_set in chosen]
        system = fmpq_mat(concatenate([t.reshape(1, -1) for t in terms]).to_fmpq_mat())
        if len(self.slope) > 1 and system.rank() == count:  # the only candidate is the solution of a linear system
            augmented = concatenate([t.reshape(1, -1) for t in [*terms, self.slope]]).T.to_fmpq_mat()
            echelon, rank = augmented.rref()
            if rank == count:
                solution = [-echelon[i, count] for i in range(count)]
                if all(s in (0, 1) for s in solution):
                    return [sum((t for t, s in zip(terms, solution, strict=True) if s == 1), self.slope)]
            return [self.slope]
        return None

    def __repr__(self) -> str:
        rows, columns = self.slope.shape
        return f"NormalForm({columns} -> {rows}, {len(self.hyperplanes)} hyperplanes)"


def normal_form(net: Network) -> NormalForm:
    """The normal form of a network with one hidden layer, or that folds exactly to one.

    Parameters
    ----------
    net : piecewise linear activations with any number of kinks (ReLU, leaky ReLU, abs, hardtanh, ReLU6, ...), any widths

    Raises
    ------
    NotOneHiddenLayer
        If a hidden neuron depends on another one; ask `verify_equal` about such networks.

    Examples
    --------
    >>> from exactnn import mlp
    >>> f = mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])              # |x|
    >>> g = mlp([([[2], [-3]], [0, 0]), ([["1/2", "1/3"]], [0])])
    >>> normal_form(f) == normal_form(g), normal_form(f).kinks
    (True, {(1, 0): (Fraction(2, 1),)})
    """
    if not isinstance(net, Network):
        raise ArgumentError(f"net: a Network (from mlp, load or from_torch) is needed, got {type(net).__name__}")
    numbering = Numbering(net.input_dim, mirror=True, elements=True)
    try:
        forms, _ = numbering.run(net)
    except (TooLarge, NotTreated) as error:
        raise NotOneHiddenLayer(f"normal_form: one hidden layer of dense neurons is needed, got {error}") from None
    found = ridge_form(forms, numbering.atoms)
    if found is None:
        raise NotOneHiddenLayer(
            "normal_form: a network that folds exactly to one hidden layer of piecewise linear neurons is needed, "
            f"got one with {len(net.hidden_layers)} activation layers; verify_equal and verify_zero take deep networks"
        )
    return found


def ridge_form(forms: Forms, atoms: Atoms) -> NormalForm | None:
    """Forms over coordinates and atoms max(l, 0), l affine, as a NormalForm; None if another atom occurs."""
    ids, matrix = forms.combined()
    if not all(atoms.is_ridge(int(a)) for a in ids):
        return None
    width = atoms.dimension
    linear = ids < width
    slope = np.zeros((len(forms), width), dtype=matrix.numerators.dtype)
    slope[:, ids[linear]] = matrix.numerators[:, linear]
    planes = []
    for identity in ids[~linear]:
        row = atoms.made[int(identity) - width].row
        assert row is not None
        dense = [0] * (width + 1)
        for a, n in zip(row.ids, row.nums, strict=True):
            dense[a] = n
        dense[-1] = row.constant
        planes.append(tuple(dense))
    order = sorted(range(len(planes)), key=planes.__getitem__)
    return NormalForm(
        tuple(planes[i] for i in order),
        matrix[:, np.flatnonzero(~linear)[order]] if planes else RationalArray.zeros((len(forms), 0)),
        RationalArray(slope, matrix.denominator),
        forms.constant,
    )


def _parallel(a: RationalArray, b: RationalArray) -> bool:
    """Whether the vector a is a multiple of b != 0."""
    return bool(concatenate([a.reshape(1, -1), b.reshape(1, -1)]).to_fmpq_mat().rank() < 2)
