"""Pairs and zeros by construction: two parameter lists of one function, a network and its symmetry, networks that are zero everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from exactnn.network import Network, mlp
from exactnn.symmetry import Flip, Permutation, Scaling, SignFlip, Transformation
from exactnn.testing._chains import equal_chains
from exactnn.testing._networks import networks
from exactnn.testing._numbers import HOMOGENEOUS, PIECEWISE, TINY, Size, Vector, numbers, positives, size_of
from exactnn.testing._shallow import equal_shallows

Pair = tuple[Network, Network]
Symmetric = tuple[Network, Transformation]


def equal_pairs(
    *, inputs: Size | None = None, activation: Sequence[str] | None = None, deep: bool | None = None
) -> st.SearchStrategy[Pair]:
    """Two networks with different weights that are one function: hidden neurons permuted, rescaled, split, flipped, dead or constant ones
    added, linear pairs a max(t, 0) - a max(-t, 0) inserted.

    The rewriting is done on lists of Fractions, by the identities in `_shallow.py` and `_chains.py`, not by `exactnn.symmetry`.

    Parameters
    ----------
    inputs : a size, as in `networks`
    activation : names of units to choose from
    deep : whether there are several hidden layers (whose units are positively homogeneous); None for both
    """
    size = size_of(inputs, (1, 3), "inputs")
    units = (activation,) if isinstance(activation, str) else activation
    shallow = equal_shallows(size, units or PIECEWISE).map(_built)
    chains = equal_chains(size, [u for u in units or HOMOGENEOUS if u in HOMOGENEOUS] or HOMOGENEOUS).map(_built)
    return shallow | chains if deep is None else chains if deep else shallow


def _built(pair: tuple[Any, Any]) -> Pair:
    return pair[0].network(), pair[1].network()


@st.composite
def zero_networks(draw: st.DrawFn, *, inputs: Size | None = None, outputs: Size | None = None, hyperplanes: Size | None = None) -> Network:
    """ReLU networks of one hidden layer that are 0 at every x, though (in general) no weight is 0 and no two neurons can be merged:

        f(x) = sum_h a_h (max(l_h(x), 0) - max(-l_h(x), 0)) + c,   l_h(x) = u_h . x + v_h,   sum_h a_h u_h^T = 0,   c = -sum_h a_h v_h

    and the neurons are rescaled and in any order (docs/zero-networks.md shows that there are no others).

    Parameters
    ----------
    inputs, outputs : sizes, as in `networks`; a_h is the same number for all outputs, times a factor of each
    hyperplanes : how many; by default 1 to 4, of which the last one closes the sum
    """
    d, m = draw(size_of(inputs, (1, 3), "inputs")), draw(size_of(outputs, (1, 2), "outputs"))
    count = draw(size_of(hyperplanes, (1, 4), "hyperplanes"))
    lines = [tuple(draw(numbers()) for _ in range(d + 1)) for _ in range(count)]
    signs = [draw(st.sampled_from([Fraction(1), Fraction(-1)])) for _ in range(count)]
    total = [sum((a * line[j] for a, line in zip(signs[:-1], lines, strict=False)), Fraction(0)) for j in range(d)]
    lines[-1] = (*(-signs[-1] * q for q in total), lines[-1][d])
    factors = [draw(numbers()) for _ in range(m)]
    neurons: list[tuple[Vector, Fraction]] = []  # (w, b), and what it adds to each output before the output's factor
    for a, line in zip(signs, lines, strict=True):
        for side in (1, -1):
            s = draw(positives())
            neurons.append((tuple(side * s * q for q in line), side * a / s))
    neurons = draw(st.permutations(neurons))
    c = -sum((a * line[d] for a, line in zip(signs, lines, strict=True)), Fraction(0))
    hidden = [w[:d] for w, _ in neurons], [w[d] for w, _ in neurons]
    return mlp([hidden, ([[k * a for _, a in neurons] for k in factors], [k * c for k in factors])])


def symmetric_pairs(*, inputs: Size | None = None) -> st.SearchStrategy[Symmetric]:
    """(f, T) with T(f) = f as functions: permutations and positive scalings of a hidden layer, flips with sum_i a_i w_i^T = 0, sign flips
    of neurons with an odd activation.
    """
    return _moved(inputs) | _flipped(inputs, Fraction(0)) | _signed(inputs, Fraction(0))


def near_symmetric_pairs(*, inputs: Size | None = None) -> st.SearchStrategy[Symmetric]:
    """(f, T) with T(f) != f, by 2^-60: flips with sum_i a_i w_i^T = +-2^-60 e_1, sign flips of a neuron with clip(-1, 1 + 2^-60)."""
    return _flipped(inputs, TINY) | _signed(inputs, TINY)


@st.composite
def _moved(draw: st.DrawFn, inputs: Size | None) -> Symmetric:
    net = draw(networks(inputs=inputs, activation=HOMOGENEOUS, depth=(1, 2)))
    layer = draw(st.integers(0, len(net.hidden_layers) - 1))
    (count,) = net.shape(net.hidden_layers[layer])
    if draw(st.booleans()):
        return net, Permutation(layer, draw(st.permutations(range(count))))
    return net, Scaling(layer, [draw(positives()) for _ in range(count)])


@st.composite
def _flipped(draw: st.DrawFn, inputs: Size | None, gap: Fraction) -> Symmetric:
    d, count = draw(size_of(inputs, (1, 3), "inputs")), draw(st.integers(1, 3))
    w = [[draw(numbers()) for _ in range(d)] for _ in range(count)]
    a = [draw(numbers()) for _ in range(count)]
    w.append([-sum((p * row[j] for p, row in zip(a, w, strict=True)), Fraction(0)) for j in range(d)])
    a.append(Fraction(1))
    w[-1][0] += gap
    alone = [[draw(numbers()) for _ in range(d)] for _ in range(draw(st.integers(0, 1)))]  # neurons that stay
    bias = [draw(numbers()) for _ in (*w, *alone)]
    net = mlp([([*w, *alone], bias), ([[*a, *(draw(numbers()) for _ in alone)]], [draw(numbers())])])
    return net, Flip(list(range(len(w))))


@st.composite
def _signed(draw: st.DrawFn, inputs: Size | None, gap: Fraction) -> Symmetric:
    d, count = draw(size_of(inputs, (1, 3), "inputs")), draw(st.integers(1, 3))
    w = [[draw(numbers()) for _ in range(d)] for _ in range(count)]
    out = [draw(numbers()) for _ in range(count)]
    chosen = draw(st.integers(0, count - 1))
    w[chosen][0] = w[chosen][0] or Fraction(1)
    out[chosen] = out[chosen] or Fraction(1)
    unit = f"clip(-1, {1 + gap})"
    net = mlp([(w, [draw(numbers()) for _ in range(count)]), ([out], [draw(numbers())])], unit)
    return net, SignFlip(0, [chosen])
