"""Deep dense chains as plain lists of Fractions, changed without the package's own transformations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Input, Network, activation
from exactnn.testing._numbers import HOMOGENEOUS, TINY, Vector, positives
from exactnn.testing._rows import rows


@dataclass(frozen=True)
class Chain:
    """Dense layers: (W, b) as rows of Fractions, a piecewise linear unit between them."""

    layers: tuple[tuple[tuple[Vector, ...], Vector], ...]
    unit: str = "relu"

    def network(self) -> Network:
        builder = Builder()
        current = builder.add("input", Input((len(self.layers[0][0][0]),)))
        for i, (weight, bias) in enumerate(self.layers):
            if i:
                current = builder.add(f"unit{i}", activation(self.unit), current)
            current = builder.add(f"layer{i + 1}", Affine(RationalArray.of(weight), RationalArray.of(bias)), current)
        return builder.build(["input"], [current])

    def moved(self, layer: int, order: Sequence[int], factors: Sequence[Fraction]) -> Chain:
        """New neuron i of a hidden layer is old neuron order[i] times factors[i]; one that occurs twice shares its weights."""
        (weight, bias), (after, shift) = self.layers[layer : layer + 2]
        times = [list(order).count(i) for i in range(len(bias))]
        weight = tuple(tuple(s * q for q in weight[i]) for i, s in zip(order, factors, strict=True))
        bias = tuple(s * bias[i] for i, s in zip(order, factors, strict=True))
        after = tuple(tuple(row[i] / s / times[i] for i, s in zip(order, factors, strict=True)) for row in after)
        return replace(self, layers=(*self.layers[:layer], (weight, bias), (after, shift), *self.layers[layer + 2 :]))

    def nudged(self, place: int, step: Fraction = TINY) -> Chain:
        """One weight or bias, chosen by its number, changed by `step`."""
        sizes = [len(b) * (len(w[0]) + 1) for w, b in self.layers]
        place %= sum(sizes)
        k = 0
        while place >= sizes[k]:
            place -= sizes[k]
            k += 1
        weight, bias = self.layers[k]
        i, j = divmod(place, len(weight[0]) + 1)
        flat = [q + step * (n == j) for n, q in enumerate((*weight[i], bias[i]))]
        layer = ((*weight[:i], tuple(flat[:-1]), *weight[i + 1 :]), (*bias[:i], flat[-1], *bias[i + 1 :]))
        return replace(self, layers=(*self.layers[:k], layer, *self.layers[k + 1 :]))


@st.composite
def chains(draw: st.DrawFn, inputs: st.SearchStrategy[int] | None = None, depth: int = 3, units: Sequence[str] = HOMOGENEOUS) -> Chain:
    """Two to `depth` hidden layers with degenerate rows."""
    sizes = [
        draw(st.integers(1, 3) if inputs is None else inputs),
        *(draw(st.integers(1, 3)) for _ in range(draw(st.integers(2, depth)) + 1)),
    ]
    layers = []
    for m, n in itertools.pairwise(sizes):
        weight, bias = zip(*draw(rows(m, n)), strict=True)
        layers.append((weight, bias))
    return Chain(tuple(layers), draw(st.sampled_from(units)))


@st.composite
def equal_chains(draw: st.DrawFn, inputs: st.SearchStrategy[int] | None = None, units: Sequence[str] = HOMOGENEOUS) -> tuple[Chain, Chain]:
    """A deep chain and the same function with the neurons of each hidden layer permuted, scaled and split."""
    f = draw(chains(inputs, units=units))
    g = f
    for layer in range(len(f.layers) - 1):
        count = len(g.layers[layer][1])
        order = list(draw(st.permutations(range(count)))) + draw(st.lists(st.integers(0, count - 1), max_size=1))
        g = g.moved(layer, order, [draw(positives()) for _ in order])
    return f, g
