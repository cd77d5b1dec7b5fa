"""Neurons in another order and at another scale, as proofs/rocq/Reorder.v and Rescale.v have them: one entry for each affine layer."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm, prod
from typing import Any

from exactnn.errors import SaveError
from exactnn.export import _rocq_words as words
from exactnn.export._rocq_forms import rational
from exactnn.export._rocq_graph import Named
from exactnn.export._rocq_state import Affine

Moves = tuple[list[int], list[Fraction]]  # new neuron i is old neuron order[i], multiplied by factors[i]

_SOURCES = ("affine", "conv")
_CARRIERS = ("batch_norm", "average_pool")


def moves(network: Any, steps: Sequence[Any]) -> list[Moves]:
    """For each affine layer of the chain what becomes of its entries.

    A step at an activation is about the rows of the last `affine` or `conv` node before it, and of all that carries them on.
    """
    group = -1
    layers: list[tuple[int, int]] = []  # which source it belongs to, and how many entries it has
    found: dict[int, Moves] = {}
    given: dict[str, list[tuple[str, list[Any]]]] = {}
    for step in steps:
        if step["kind"] not in ("permutation", "scaling"):
            way = step["kind"].replace("_", " ")
            raise SaveError(f"neurons that are matched by a {way} are not written for Rocq, those in another order or at another scale are")
        given.setdefault(step["layer"], []).append((step["kind"], step["order" if step["kind"] == "permutation" else "factors"]))
    for node in network.nodes:
        group += node.op in _SOURCES
        if node.op in (*_SOURCES, *_CARRIERS):
            layers.append((group, prod(node.shape)))
        for kind, listed in given.get(node.name, []):
            order, factors = found.get(group, (list(range(len(listed))), [Fraction(1)] * len(listed)))
            if kind == "permutation":
                found[group] = [order[i] for i in listed], [factors[i] for i in listed]
            else:
                found[group] = order, [a * rational(b) for a, b in zip(factors, listed, strict=True)]
    return [_spread(*found[g], width) if g in found else (list(range(width)), [Fraction(1)] * width) for g, width in layers]


def _spread(order: list[int], factors: list[Fraction], width: int) -> Moves:
    """A channel's entries go where the channel goes."""
    each = width // len(order)
    return [i * each + k for i in order for k in range(each)], [f for f in factors for _ in range(each)]


def scaled(found: Sequence[Moves]) -> bool:
    """Whether any factor is not 1."""
    return any(f != 1 for _, factors in found for f in factors)


def written(found: Sequence[Moves], shown: Sequence[Named], evidence: str) -> str:
    """The evidence about the moved network, `shown`, as evidence about the one that was given."""
    if scaled(found):
        denominators = [layer.denominator for layer, _ in shown if isinstance(layer, Affine)]
        scales = []
        for d, (_, factors) in zip(denominators, found, strict=True):
            common = lcm(*(f.denominator for f in factors))
            numbers = words.listed(words.number(int(f * common)) for f in factors)
            scales.append(f"(scale {words.number(d)} {words.number(common)} {numbers})")
        evidence = f"rescaled {words.listed(scales)}\n({evidence})"
    orders = words.listed(words.listed(map(words.number, order)) for order, _ in found)
    return f"reordered {orders}\n({evidence})"
