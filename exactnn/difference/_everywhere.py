"""Bounds of a difference on all of R^d, where values are not bounded: where weights are the same, no value has to be known.

    affine   (W h + c) - (W k + e) = W (h - k) + (c - e)
    units    phi(a) - phi(b) = s (a - b), s between the least and the largest slope of phi
    maximum  as in `_pass`

So copies whose biases alone differ, by rounding say, are compared.
"""

from __future__ import annotations

import numpy as np

from exactnn.difference._bounds import Bounds, Ends, Exact, joined
from exactnn.difference._linear import same_weights
from exactnn.difference._pass import NotBounded, Pair, Pairs, Pass
from exactnn.difference._smooth import smooth_slope
from exactnn.difference._units import unit
from exactnn.network import Input, MaxPool, PiecewiseLinear, PRelu, Smooth


def everywhere(prepared: Pass) -> Bounds:
    """Bounds of f_j(x) - g_j(x) for all x of R^d, of shape (1, outputs). NotBounded where values would have to be known.

    Examples
    --------
    >>> from exactnn import mlp
    >>> f, g = (mlp([([[1], [-3]], [0, 1]), ([[2, 1]], [c])]) for c in (0, "1/8"))
    >>> found = everywhere(Pass(f, g))
    >>> found.lo.to_fractions(), found.hi.to_fractions()
    ((Fraction(-1, 8),), (Fraction(-1, 8),))
    """
    pairs = prepared.pairs
    if pairs is None or not pairs.alike:
        raise NotBounded("without a bounded domain nothing is known of values")
    found: dict[Pair, Ends] = {}
    for pair in pairs.steps:
        shapes = pairs.second.operand_shapes(pair[1])
        below = [found[p].reshaped(shape) for p, shape in zip(pairs.operands[pair], shapes, strict=False)]
        found[pair] = _rule(pairs, pair, below, prepared.bits).down()
    return joined([found[pair] for pair in pairs.ends()]).bounds(prepared.bits)


def _rule(pairs: Pairs, pair: Pair, d: list[Ends], bits: int) -> Exact:
    a, b = pair
    first, second, shape = pairs.first.nodes[a][0], pairs.second.nodes[b][0], pairs.first.net.shape(a)
    if pair in pairs.same:
        return Exact(np.zeros((2, 1, *shape), dtype=object), 1)
    if isinstance(first, Input) or not pairs.correspond(a, b):
        raise NotBounded(f"the domain is not bounded, and nodes {a!r} and {b!r} are other operations")
    if isinstance(first, MaxPool) or (first.is_affine and same_weights(first, second, len(shape))):
        return pairs.steps[pair]((), (), d) or _unknown(pair)
    if isinstance(first, Smooth):
        return smooth_slope(first, d[0])
    if isinstance(first, (PiecewiseLinear, PRelu)) and isinstance(second, (PiecewiseLinear, PRelu)):
        own = unit(second, len(shape), bits)
        if unit(first, len(shape), bits).minus(own) is None:
            return own.slope_times(d[0])
    return _unknown(pair)


def _unknown(pair: Pair) -> Exact:
    raise NotBounded(
        f"the domain is not bounded, and nodes {pair[0]!r} and {pair[1]!r} have other numbers, which values are multiplied with"
    )
