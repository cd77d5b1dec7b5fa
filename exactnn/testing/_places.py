"""Where a network may be asked: points that love kinks, and boxes."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import strategies as st

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.polyhedron import Box
from exactnn.network import Network, PiecewiseLinear
from exactnn.network.linearise import linearise
from exactnn.testing._numbers import TINY, Vector, numbers

_STEPS = 3  # of Newton's method towards a kink


@st.composite
def points(draw: st.DrawFn, where: Network | int) -> Vector:
    """A flat point; of a network often one at which some unit is at its kink, or 2^-60 beside it.

    From a drawn x one goes along an axis to where the affine map around x puts the unit's argument on the kink, and on from there; that is
    at the kink for a first layer, and mostly for deep ones.

    Parameters
    ----------
    where : a network, or a number of inputs

    Examples
    --------
    >>> import exactnn as xn
    >>> from hypothesis import find
    >>> find(points(xn.mlp([([[2]], [-3]), ([[1]], [0])])), lambda x: x[0] == Fraction(3, 2))
    (Fraction(3, 2),)
    """
    size = where.input_dim if isinstance(where, Network) else _dimension(where, "where: a Network or a number of inputs")
    x = tuple(draw(numbers()) for _ in range(size))
    if not isinstance(where, Network):
        return x
    operations = [(n, where.operation(n)) for n in where.order]
    units = [(n, kink) for n, operation in operations if isinstance(operation, PiecewiseLinear) for kink, _ in operation.kinks]
    if len(units) > 0 and draw(st.integers(0, 3)) > 0:
        name, kink = draw(st.sampled_from(units))
        entry, axis = draw(st.integers(0, math.prod(where.shape(name)) - 1)), draw(st.integers(0, size - 1))
        for _ in range(_STEPS):
            x = _towards(where, x, name, entry, axis, kink)
        if draw(st.booleans()):
            x = (*x[:axis], x[axis] + draw(st.sampled_from([TINY, -TINY])), *x[axis + 1 :])
    return x


def _towards(net: Network, x: Vector, name: str, entry: int, axis: int, kink: Fraction) -> Vector:
    """x moved along the axis to where the affine map around x puts the argument of the unit's entry on the kink."""
    assert isinstance(net.operation(name), PiecewiseLinear)
    source = net.operands(name)[0]
    moved = (*x[:axis], x[axis] + 1, *x[axis + 1 :])
    around = linearise(net, RationalArray.of([x, x]))
    here, there = around.values(RationalArray.of([x, moved]), keep=[source])[source].reshape(2, -1)[:, entry].to_fractions()
    if here == there:
        return x
    return (*x[:axis], x[axis] + (kink - here) / (there - here), *x[axis + 1 :])


@st.composite
def boxes(draw: st.DrawFn, inputs: int) -> Box:
    """A box around a drawn centre: of sides 1 and 2, thin ones, of width 2^-60, and flat ones."""
    sides = st.sampled_from([Fraction(q) for q in (1, 1, 2, 10)] + [Fraction(1, 3), TINY, Fraction(0)])
    centre = [draw(numbers()) for _ in range(_dimension(inputs, "inputs: a number"))]
    return Box([q - draw(sides) for q in centre], [q + draw(sides) for q in centre])


def _dimension(size: object, wanted: str) -> int:
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ArgumentError(f"{wanted} >= 1 is needed, got {size!r}")
    return size
