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
from typing import Any

import numpy as np

from exactnn.errors import NotOneHiddenLayer, Undecided
from exactnn.exact.array import RationalArray, integer_array
from exactnn.exact.calls import helpful
from exactnn.forms import Atoms, Forms, NotTreated, Numbering, TooLarge
from exactnn.network import Network, Rational, check_network, mlp
from exactnn.symmetry._configurations import Configuration, Jumps, realised
from exactnn.symmetry._minimal_width import Least, least_width
from exactnn.symmetry.smooth_forms import SmoothNormalForm, smooth_parts
from exactnn.texts import vector
from exactnn.value import ROWS, Value

Hyperplane = tuple[int, ...]


@dataclass(frozen=True, repr=False)
class NormalForm(Value):
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
        return dict(zip(self.hyperplanes, self.jumps.T.to_rows(), strict=True))

    @cached_property
    def linear(self) -> tuple[tuple[Fraction, ...], ...]:
        """M, row by row."""
        return self.slope.to_rows()

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
        return RationalArray(integer_array((n for h in self.hyperplanes for n in h), (len(self.hyperplanes), width)))

    def to_network(self) -> Network:
        """A canonical relu network with this function, of the minimal width where that is decided.

        One neuron for each hyperplane, turned over where that saves neurons, and opposite pairs for what is left of the slope,
        M = sum_r c_r m_r with m_r the pivot rows of its echelon form: c_r m_r . x = c_r max(m_r . x, 0) - c_r max(-m_r . x, 0).
        """
        rows, columns = realised(self._jumps, self._least.configuration or Configuration((), (), 0), 0, Fraction(1))
        if not len(rows):
            return mlp([(self.slope, self.offset)])
        lead = rows[:, :-1].nonzero()
        negative = [i for i in range(len(rows)) if rows.numerators[i, int(lead[i].argmax())] < 0]
        offset = self.offset  # the pairs of M have no biases; max(-l, 0) = max(l, 0) - l
        if negative:
            offset = offset - columns[:, negative] @ rows[negative, -1]
        return mlp([(rows[:, :-1], rows[:, -1]), (columns, offset)])

    @cached_property
    def minimal_width(self) -> int:
        """The least number of hidden relu neurons of a network (one hidden layer, no skip) with this function.

        K + min over disjoint sets S, O of the K hyperplanes of |O| + 2 rank(M + sum_S J_h u_h^T modulo the u_h of O): for one output K,
        K + 1 or
        K + 2. Deciding that is NP-complete, so that large cases raise Undecided. Theory: docs/theory.md 4.

        Raises
        ------
        Undecided
            With `lower` and `upper`, where the width is not decided.
        """
        least = self._least
        if least.lower != least.upper:
            raise Undecided(f"minimal width: {least.reason}", least.lower, least.upper)
        return least.lower

    @cached_property
    def _jumps(self) -> Jumps:
        return Jumps([(h, 1) for h in self.hyperplanes], self.normals[:, :-1], self.jumps, self.slope)

    @cached_property
    def _least(self) -> Least:
        return least_width(self._jumps)

    def _parts(self) -> dict[str, Any]:
        kinks = [{"hyperplane": plane, "jump": jump} for plane, jump in self.kinks.items()]
        return {"kinks": kinks, "linear": self.linear, "constant": self.constant}

    def _summary(self) -> str:
        rows, columns = self.slope.shape
        return f"{columns} -> {rows}, {len(self.hyperplanes)} hyperplanes"

    def _rows(self) -> list[tuple[str, str]]:
        shown = self.hyperplanes[:ROWS]
        jumps = self.jumps[:, : len(shown)].T.to_rows() if shown else ()
        rows = [
            (f"kink {h}", f"jump {vector(jump, 40)} at {vector(plane, 60)}")
            for h, (plane, jump) in enumerate(zip(shown, jumps, strict=True))
        ]
        linear = [(f"linear {j}", vector(self.slope[j].to_fractions())) for j in range(min(len(self.slope), ROWS))]
        return [("constant", vector(self.constant)), *linear, *rows]


@helpful
def normal_form(net: Network) -> NormalForm | SmoothNormalForm:
    """The normal form of a network with one hidden layer, or that folds exactly to one.

    Parameters
    ----------
    net : piecewise linear activations with any number of kinks (ReLU, leaky ReLU, abs, hardtanh, ReLU6, ...), or one of tanh (with or
        without sigmoid), silu, gelu, softplus; any widths

    Returns
    -------
    NormalForm | SmoothNormalForm
        NormalForm for piecewise linear functions, also where all smooth neurons cancel. Equal exactly for equal functions, but for
        constants of gelu neurons, where `same_function` says more.

    Raises
    ------
    NotOneHiddenLayer
        If a hidden neuron depends on another one, or activations are mixed; ask `verify_equal` about such networks. For gelu_tanh and
        rational activations, of which no theorem is known here that says that their neurons are independent.

    Examples
    --------
    >>> from exactnn import mlp
    >>> f = mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])              # |x|
    >>> g = mlp([([[2], [-3]], [0, 0]), ([["1/2", "1/3"]], [0])])
    >>> normal_form(f) == normal_form(g), normal_form(f).kinks
    (True, {(1, 0): (Fraction(2, 1),)})
    """
    check_network(net)
    numbering = Numbering(net.input_dim, mirror=True, elements=True)
    try:
        forms, _ = numbering.run(net)
    except (TooLarge, NotTreated) as error:
        raise NotOneHiddenLayer(f"normal_form: one hidden layer of dense neurons is needed, got {error}") from None
    found = ridge_form(forms, numbering.atoms)
    if found is not None:
        return found
    parts = smooth_parts(forms, numbering.atoms)
    if parts is None or len(parts) > 1 or parts[0].activation == "gelu_tanh":
        raise NotOneHiddenLayer(f"normal_form: {_refusal(net, parts)}; verify_equal and verify_zero take all networks")
    (part,) = parts
    if len(part.normals) or part.biases:
        return part
    return NormalForm((), RationalArray.zeros((len(part.offset), 0)), part.slope, part.offset)


def _refusal(net: Network, parts: tuple[SmoothNormalForm, ...] | None) -> str:
    """Why these parts of a network, None if it does not fold to one hidden layer, have no normal form."""
    needed = (
        "a network that folds exactly to one hidden layer of piecewise linear neurons, or of tanh, silu, gelu or softplus ones, is needed"
    )
    names = sorted({part.activation for part in parts or ()})
    if "gelu_tanh" in names:
        return f"{needed}, got gelu_tanh: no theorem is known to us that says that such neurons are independent"
    if names:
        return f"{needed}, got one hidden layer that mixes {' and '.join(names)}"
    if any(isinstance(net.operation(name), Rational) for name in net.order):
        return f"{needed}, got a rational activation, of which such neurons may be dependent"
    return f"{needed}, got one with {len(net.hidden_layers)} activation layers"


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
