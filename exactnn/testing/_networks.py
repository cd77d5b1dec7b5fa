"""Dense networks to draw: any weights, and weights that are degenerate in every way that passes get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from exactnn.errors import ArgumentError
from exactnn.exact.numbers import Number
from exactnn.network import Network, mlp
from exactnn.testing._numbers import HOMOGENEOUS, TINY, Size, T, Vector, Weights, positives, size_of, size_range, weights_of

Layer = tuple[list[Vector], Vector]
Units = str | Sequence[Any] | None


@st.composite
def networks(
    draw: st.DrawFn,
    *,
    inputs: Size | None = None,
    outputs: Size | None = None,
    depth: Size | None = None,
    width: Size | None = None,
    activation: Units = None,
    weights: Weights = None,
) -> Network:
    """W_k s( ... s(W_1 x + b_1) ... ) + b_k with drawn weights; they shrink towards few neurons and small integers.

    Parameters
    ----------
    inputs, outputs, depth, width : sizes, each a number, (smallest, largest) or a strategy; depth counts hidden layers (0 for an affine
        map), width the neurons of each. By default 1 to 3 inputs, 1 to 2 outputs, 1 to 2 hidden layers, 1 to 4 neurons
    activation : the unit of all hidden layers, or a sequence of such to choose from; by default "relu" and others without curves
    weights : a strategy of numbers, or a sequence of numbers to choose from, the simplest one first; by default small rationals, some of
        them 2^-60 apart. `float_numbers("float32")` for weights that a float format holds

    Examples
    --------
    >>> from hypothesis import find
    >>> find(networks(inputs=1, depth=1, activation="relu"), lambda f: f([1]) != f([-1])).hidden_layers
    ('relu1',)
    """
    entries = weights_of(weights)
    hidden = [(width, (1, 4), "width")] * draw(size_of(depth, (1, 2), "depth", 0))
    # From the last layer to the first, each neuron with what reads it: so hypothesis can leave out neurons one by one.
    last: list[Fraction] = draw(_several(draw, entries, outputs, (1, 2), "outputs"))
    layers: list[tuple[Any, Any]] = []
    for size in hidden:
        neuron = st.tuples(entries, st.tuples(*[entries] * len(last)))
        neurons = draw(_several(draw, neuron, *size))
        layers.insert(0, (list(zip(*(out for _, out in neurons), strict=True)), last))
        last = [bias for bias, _ in neurons]
    columns = draw(_several(draw, st.tuples(*[entries] * len(last)), inputs, (1, 3), "inputs"))
    layers.insert(0, (list(zip(*columns, strict=True)), last))
    return mlp(layers, draw(unit_of(activation)))


def _several(draw: st.DrawFn, one: st.SearchStrategy[T], size: Size | None, usual: tuple[int, int], argument: str) -> Any:
    """A list of so many."""
    low, high = size_range(draw, size, usual, argument)
    return st.lists(one, min_size=low, max_size=high)


def relu_mlps(
    *,
    inputs: Size | None = None,
    outputs: Size | None = None,
    depth: Size | None = None,
    width: Size | None = None,
    weights: Weights = None,
) -> st.SearchStrategy[Network]:
    """`networks` with the activation max(x, 0)."""
    return networks(inputs=inputs, outputs=outputs, depth=depth, width=width, activation="relu", weights=weights)


@st.composite
def degenerate_networks(
    draw: st.DrawFn,
    *,
    inputs: Size | None = None,
    outputs: Size | None = None,
    depth: Size | None = None,
    width: Size | None = None,
    activation: Units = None,
    weights: Weights = None,
    steps: Sequence[Number] = (TINY,),
    factors: Sequence[Number] | None = None,
) -> Network:
    """`networks` whose neurons are often special: the cases that passes get wrong.

    Hyperplanes that are duplicate, opposite, parallel or concurrent; zero rows (constant neurons), zero columns (neurons that nothing
    reads) and columns of `steps` (neurons that are hardly read, but grow without bound); behind a ReLU dead neurons (w <= 0, b <= 0) and
    stably active ones (w >= 0, b >= 0); linear pairs, a max(t, 0) - a max(-t, 0); neurons that are equal but for one of `steps`.

    Parameters
    ----------
    steps : by how much neurons are beside others: 2^-60
    factors : positive factors between a neuron and its duplicate or opposite; by default small ones, 2^40 and 2^-60
    """
    entries = weights_of(weights)
    times = positives() if factors is None else weights_of(factors)
    aside = weights_of(steps)
    sizes = _sizes(draw, inputs, outputs, depth, width)
    layers: list[Layer] = []
    pairs: list[tuple[int, int]] = []  # linear pairs of the layer before
    for number, (m, n) in enumerate(pairwise(sizes)):
        weight = [[draw(entries) for _ in range(m)] for _ in range(n)]
        bias = [draw(entries) for _ in range(n)]
        for row in weight:  # what reads a linear pair takes its difference
            for first, second in pairs:
                row[second] = -row[first]
        kind = draw(st.sampled_from(_COLUMNS)) if number else ""
        if kind:
            column = draw(st.integers(0, m - 1))
            for row in weight:
                row[column] = draw(aside) if kind == "faint" else Fraction(0)
        pairs = []
        if number < len(sizes) - 2:
            centre = [draw(entries) for _ in range(m)]
            for i in range(n):
                pairs += _specialise(draw, weight, bias, i, centre, times, aside, bool(number))
        layers.append(([tuple(row) for row in weight], tuple(bias)))
    return mlp(layers, draw(unit_of(activation)))


_COLUMNS = ("", "unread", "faint")
_ALONE = ("as it is", "constant", "concurrent", "dead", "active")
_BESIDE = ("duplicate", "opposite", "parallel", "pair", "shifted", "turned")


def _specialise(
    draw: st.DrawFn,
    weight: list[list[Fraction]],
    bias: list[Fraction],
    i: int,
    centre: Sequence[Fraction],
    times: st.SearchStrategy[Fraction],
    aside: st.SearchStrategy[Fraction],
    behind: bool,
) -> list[tuple[int, int]]:
    """Neuron i made special, alone or beside an earlier one; the linear pair that came about."""
    kind = draw(st.sampled_from(_ALONE + (_BESIDE if i else ())))
    w = weight[i]
    if kind == "constant":
        weight[i] = [Fraction(0)] * len(w)
    elif kind == "concurrent":
        bias[i] = -sum((p * q for p, q in zip(w, centre, strict=True)), Fraction(0))
    elif kind in ("dead", "active") and behind:
        sign = -1 if kind == "dead" else 1
        weight[i], bias[i] = [sign * abs(q) for q in w], sign * abs(bias[i])
    elif kind in _BESIDE:
        other = draw(st.integers(0, i - 1))
        old, base = weight[other], bias[other]
        if kind in ("duplicate", "opposite"):
            s = draw(times) * (-1 if kind == "opposite" else 1)
            weight[i], bias[i] = [s * q for q in old], s * base
        elif kind == "parallel":
            weight[i] = list(old)
        elif kind == "pair":
            weight[i], bias[i] = [-q for q in old], -base
            return [(other, i)]
        elif kind == "shifted":
            weight[i], bias[i] = list(old), base + draw(aside)
        else:
            weight[i], bias[i] = [old[0] + draw(aside), *old[1:]], base
    return []


def _sizes(draw: st.DrawFn, inputs: Size | None, outputs: Size | None, depth: Size | None, width: Size | None) -> list[int]:
    neurons = size_of(width, (1, 4), "width")
    hidden = [draw(neurons) for _ in range(draw(size_of(depth, (1, 2), "depth", 0)))]
    return [draw(size_of(inputs, (1, 3), "inputs")), *hidden, draw(size_of(outputs, (1, 2), "outputs"))]


def unit_of(units: Units) -> st.SearchStrategy[Any]:
    """The argument `activation` of a strategy."""
    if units is None:
        return st.sampled_from(("relu", *HOMOGENEOUS[1:], "hardtanh"))
    if isinstance(units, (list, tuple)):
        if not units:
            raise ArgumentError("activation: a unit, a sequence of some to choose from or None is needed, got an empty sequence")
        return st.sampled_from(tuple(units))
    return st.just(units)
