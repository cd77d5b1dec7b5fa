"""The orbits of reduced weights (theorem D, docs/theory.md 5): the sets of neurons that can be flipped without a change of the function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exactnn.errors import NotReduced
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number
from exactnn.exact.progress import doing
from exactnn.network import Network
from exactnn.symmetry._shallow import Shallow, shallow
from exactnn.symmetry._subset_sums import SUBSETS, Found, Integers, Subset, Vectors, subset_sums


@timed
def orbits(net: Network, *, time_limit: Number | None = None) -> list[Subset]:
    """All T with r sum_{i in T} a_i w_i^T = 0, for reduced weights of f(x) = c + sum_i a_i phi(w_i . x + b_i), phi(t) - phi(-t) = r t.

    `Flip(T)` keeps the function for exactly these T, and every network of the same width that computes f is `Flip(T).apply(net)`, for
    one of them, with its neurons permuted and (relu, leaky_relu, abs) positively scaled; different T give different orbits. (tanh and
    sigmoid: their symmetries are permutations and sign flips, and the answer is always the one orbit.)

    Parameters
    ----------
    net : one hidden layer of relu, leaky_relu, abs, softplus, silu, gelu, tanh or sigmoid; every
        a_i != 0, every w_i != 0, and no two (w_i, b_i) on one hyperplane
    time_limit : seconds; None for none

    Returns
    -------
    list of sorted tuples of neurons, counted from 0; the empty one first. Neurons are the entries of the activation's value
    (of a convolution these are not the channels that `Flip` turns over)

    Raises
    ------
    NotReduced
        Naming the neurons; `fibre(net)` takes such weights.
    NotOneHiddenLayer
        For deep networks and other activations.
    Incomplete
        If the time ends, or the search is too large; `partial` has the sets found.

    Examples
    --------
    >>> from exactnn import mlp
    >>> orbits(mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])]))
    [(), (0, 1, 2)]
    """
    clock = clock_in_force()
    layer = shallow(net, "orbits")
    check_reduced(layer)
    return list(flip_sets(layer, clock).subsets)


def check_reduced(layer: Shallow) -> None:
    """NotReduced, unless every neuron has incoming and outgoing weights and a class of its own."""
    if layer.not_reduced:
        shown = "; ".join(layer.not_reduced[:3]) + ("; ..." if len(layer.not_reduced) > 3 else "")
        raise NotReduced(f"orbits: reduced weights are needed, but {shown}. symmetry.fibre(net) describes the fibre of such weights")


@doing("sets of neurons that can be flipped")
def flip_sets(layer: Shallow, clock: Clock, limit: int = SUBSETS) -> Found:
    """The flips that keep f, of any weights, with the evidence that there is no other one."""
    if layer.family == "odd":
        return Found(((),), {"method": "odd"}, "odd activations: sign flips belong to the group, and no slope can move (Sussmann)")
    return subset_sums(slope_vectors(layer), None, clock, limit)


def slope_vectors(layer: Shallow) -> Vectors:
    """v_i = vec(r a_i w_i^T), over a common denominator; column j d + k belongs to output j and input k."""
    n, d = layer.weight.shape
    weight, outgoing = layer.weight.numerators.astype(object), layer.outgoing.numerators.astype(object)
    ratio = layer.ratio.numerator

    def columns(chosen: Sequence[int]) -> Integers:
        outputs, inputs = [c // d for c in chosen], [c % d for c in chosen]
        return np.asarray(ratio * outgoing[outputs].T * weight[:, inputs])

    return Vectors(n, d * len(layer.constant), columns)
