"""The functional dimension of given weights: how many independent directions of change the function has when the weights change."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

import numpy as np
from flint import fmpz_mat

from exactnn.cells import Search, read_program
from exactnn.errors import AtKink, Incomplete, NotOneHiddenLayer, NotPiecewiseLinear, Undecided
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import clock_in_force, timed
from exactnn.exact.numbers import Number
from exactnn.network import Affine, Input, Network, Rational, Smooth, check_network
from exactnn.symmetry._parameter_span import ParameterSpan
from exactnn.symmetry._ranks import Basis, exact_rank
from exactnn.symmetry._shallow import Shallow, shallow

_CELLS = 5_000  # cells that are gone through at most
_NUMBERS = 1 << 24  # of one matrix
_PATIENCE = 3  # rounds, each of twice as many points, without a larger rank
_POINTS = 1 << 12  # in one round at most


@timed
def functional_dimension(net: Network, *, time_limit: Number | None = None) -> int:
    """dim span {df/dtheta_k : k}, the functions x -> df_theta(x)/dtheta_k at the given weights, over the rational numbers, exactly.

    It is the largest rank that the Jacobian by the parameters, theta -> (f(x_1), ..., f(x_N)), has for finite sets of points x_i at which
    no pre-activation that moves with theta is at a kink (or, in max pooling, in a tie). Parameters are the weights and biases of affine and
    conv nodes.
    Parameters less the functional dimension is the dimension of the directions in which, to first order, the function stays.

    - One hidden layer of relu, leaky_relu, abs or prelu with one slope: sum over the hyperplanes h of (m + d rank A_h)
      + m + u m + (d - u) b, in polynomial time (docs/functional-dimension.md); d inputs, m outputs, A_h the outgoing weights on h.
    - Other piecewise linear networks: the rank on cells around random points bounds it below. Parameters less relations known to hold (no
      way leads from a parameter to an output; scaling a neuron keeps f) bound it above. If the bounds differ, all cells are gone through.

    Parameters
    ----------
    net : a piecewise linear network
    time_limit : seconds, then Undecided; None for none

    Returns
    -------
    int

    Raises
    ------
    Undecided
        With `lower` and `upper`: there are too many cells or parameters to decide, or the time is over.
    NotPiecewiseLinear
        For smooth and rational activations: no theorem about the span of their derivatives is used here.
    AtKink
        A pre-activation is at a kink at every x (a relu neuron whose weights and bias are all 0), so that there are no derivatives.
    ArgumentError
        `net` is no network.

    Examples
    --------
    >>> from exactnn import mlp
    >>> functional_dimension(mlp([([[1], [2]], [0, 1]), ([[1, 3]], [0])]))          # 7 parameters, 2 scalings of neurons
    5
    >>> functional_dimension(mlp([([[1], [2]], [0, 1]), ([[1, 0]], [0])]))          # the second neuron has no outgoing weight
    4

    References
    ----------
    Grigsby, Lindsey, Meyerhoff, Wu, arXiv 2209.04036; docs/theory.md.
    """
    check_network(net)
    if not net.is_piecewise_linear:
        names = [n for n in net.order if isinstance(net.operation(n), (Smooth, Rational))]
        raise NotPiecewiseLinear(
            f"functional_dimension: a piecewise linear network is needed, {', '.join(map(repr, names[:3]))} is not; "
            "symmetry.fibre tells the dimension of the fibre for one hidden layer of tanh, sigmoid, softplus, silu or gelu"
        )
    layer = _plain(net)
    return _of_one_hidden_layer(layer) if layer is not None else _Bounds(net).value()


# --- one hidden layer --------------------------------------------------------------------------------------------------------


def _plain(net: Network) -> Shallow | None:
    """The network as c + sum a_i phi(w_i . x + b_i), if its parameters are just these numbers."""
    kinds = [net.operation(n) for n in net.order]
    chain = len(kinds) == 4 and isinstance(kinds[0], Input) and isinstance(kinds[1], Affine) and isinstance(kinds[3], Affine)
    if not chain or len(net.shape(net.order[0])) != 1:
        return None
    try:
        layer = shallow(net, "functional_dimension")
    except NotOneHiddenLayer:
        return None
    return layer if layer.family == "homogeneous" else None


def _of_one_hidden_layer(layer: Shallow) -> int:
    """The neurons on hyperplane h have the derivatives phi'(l_h) T and phi'(-l_h) T' (docs/functional-dimension.md)."""
    (_, d), m = layer.weight.shape, len(layer.constant)
    total, planes, shared = m, [], []
    for (plane, _), neurons in layer.members.items():
        total += m + d * _rank(layer.outgoing[:, neurons])
        sides = [[i for i in neurons if layer.signs[i] == sign] for sign in (1, -1)]
        if all(sides) and layer.ratio:
            planes.append(plane[:-1])
            shared.append(_intersection(*(layer.outgoing[:, side] for side in sides)))
    for i in layer.constants:
        bias = layer.bias[i].item()
        if not bias:
            raise AtKink(_NOWHERE.format(f"the weights and the bias of neuron {i} are all 0"))
        if layer.activation_slope + (layer.jump if bias > 0 else 0):
            shared.append(layer.outgoing[:, [i]])
    u = _rank(RationalArray.of([list(p) for p in planes])) if planes else 0
    b = _rank(concatenate(shared, axis=1)) if shared else 0
    return total + u * m + (d - u) * b


_NOWHERE = (
    "functional_dimension: at every x some pre-activation is at a kink ({}), so that f has no derivatives by the parameters there; "
    "change the bias, or drop the neuron"
)


def _rank(matrix: RationalArray) -> int:
    return int(matrix.to_flint().rank())


def _intersection(first: RationalArray, second: RationalArray) -> RationalArray:
    """Vectors that span the intersection of two spans of columns: first x for all first x = second y."""
    kernel, nullity = concatenate([first, -second], axis=1).to_flint().nullspace()
    x = fmpz_mat([row[:nullity] for row in kernel.tolist()[: first.shape[1]]]) if nullity else fmpz_mat(first.shape[1], 0)
    found = first.to_flint() * x
    return RationalArray(np.array([[int(v) for v in row] for row in found.tolist()], dtype=object).reshape(len(first), nullity))


# --- any piecewise linear network ----------------------------------------------------------------------------------------------


class _Bounds:
    """The rank on more and more cells, until it meets what relations allow, or there are no more cells."""

    def __init__(self, net: Network) -> None:
        self.net, self.span = net, ParameterSpan(net)
        self.lower, self.upper = 0, self.span.count

    def value(self) -> int:
        """The dimension, or Undecided."""
        if not self.span.count:
            return 0
        try:
            self.upper -= self.span.relations
            if self._sampled() or self._all_cells():
                return self.lower
        except Incomplete as stopped:
            raise self._undecided(str(stopped)) from None
        raise AssertionError("all cells decide")

    def _undecided(self, why: str) -> Undecided:
        text = f"functional_dimension: between {self.lower} and {self.upper} of {self.span.count} parameters; {why}"
        return Undecided(text, self.lower, self.upper)

    def _most(self) -> int:
        """Cells whose rows fit into a matrix."""
        return _NUMBERS // (self.span.count * self.span.rows_of_a_cell)

    def _sampled(self) -> bool:
        """Whether the rank on cells around random points is all that relations allow."""
        if self.span.count**2 > _NUMBERS:
            raise self._undecided("its matrix of derivatives is too large")
        span, basis, points = ParameterSpan(self.net), Basis(), _points(self.net)
        before, count, idle = 0, 8, 0
        while idle < _PATIENCE:
            for part in span.rows(RationalArray.of(list(islice(points, min(count, _POINTS))))):
                basis.add([part])
                self.lower = max(self.lower, basis.rank)
                if self.lower == self.upper:
                    return True
            idle = idle + 1 if basis.rank == before else 0
            before, count = basis.rank, 2 * count
        return False

    def _all_cells(self) -> bool:
        """True when all cells have been gone through, which decides."""
        if self._most() < 1:
            raise self._undecided("its matrix of derivatives is too large")
        cells = Search(read_program([self.net]), clock_in_force(), limit=min(_CELLS, self._most())).leaves()
        rows = self.span.rows(RationalArray.of([leaf.interior_point for leaf in cells]))
        if not rows:
            raise AtKink(_NOWHERE.format("on every cell of the network"))
        self.lower = self.upper = exact_rank(rows)
        return True


def _points(net: Network) -> Iterator[list[Fraction]]:
    """Points at many distances from 0, the same ones every time; without end."""
    source = random.Random(7)
    while True:
        scale = Fraction(2) ** source.randint(-6, 10)
        yield [scale * (source.getrandbits(17) * 2 + 1 - 2**17) / 2**14 for _ in range(net.input_dim)]
