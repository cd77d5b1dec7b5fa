"""The tropical form of a chain of ReLU layers, built forwards with exact pruning after each layer: an oracle for the extraction.

With U_l,k - V_l,k the k-th unit of layer l (U_0,k = x_k, V_0,k = 0) and W+ = max(W, 0), W- = max(-W, 0):

    V_l,k = sum_j W-_kj U_l-1,j + W+_kj V_l-1,j
    U_l,k = max(V_l,k, b_k + sum_j W+_kj U_l-1,j + W-_kj V_l-1,j)

and the last layer with one shared denominator:  A- = sum_i W-_i, A+ = W + A-  (with the bias as column 0),  M their entrywise maximum,

    N_i = sum_k A+_ik U_k + (M_k - A+_ik) V_k,     D = sum_k A-_k U_k + (M_k - A-_k) V_k.

These are the functions that the backward recursion with the shift K = M W- (theory/tropical.md, section 1) reads its terms off: there
B relu(z) + K h is, unit by unit, the maximum of two non-negative combinations of the layer below, and so on down to the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from exactnn.tropical import TropicalRationalMap


def layer_by_layer(layers: Sequence[tuple[Any, Any]]) -> TropicalRationalMap:
    """The map of affine layers (W, b) with ReLU between them, numerators and denominators without a redundant term."""
    *hidden, last = layers
    F = TropicalRationalMap.identity(len(layers[0][0][0]))
    for W, b in hidden:
        F = F.affine_image(W, b, prune=True).relu().reduced()
    return F.affine_image(*last, shared=True, prune=True).reduced()


def run(layers: Sequence[tuple[Any, Any]], x: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """The chain at a point, number by number."""
    values = [Fraction(v) for v in x]
    for step, (W, b) in enumerate(layers):
        values = [sum((Fraction(w) * v for w, v in zip(row, values, strict=True)), Fraction(c)) for row, c in zip(W, b, strict=True)]
        if step + 1 < len(layers):
            values = [max(v, Fraction(0)) for v in values]
    return tuple(values)
