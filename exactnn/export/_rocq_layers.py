"""The networks of a certificate as chains of layers, as proofs/rocq/Networks.v has them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm, prod
from typing import Any

from exactnn.errors import SaveError
from exactnn.export._rocq_state import Affine, Bend, Layer
from exactnn.export._rocq_windows import by_channel, convolution, mean

Named = tuple[Layer, str]  # a layer and its node's name


def kind(layer: Layer) -> Any:
    """What two layers must share for intervals: widths and the denominator, or the whole function."""
    return (layer.denominator, [len(row) for row in layer.rows]) if isinstance(layer, Affine) else layer


def common(f: Sequence[Named], g: Sequence[Named]) -> tuple[list[Named], list[Named]]:
    """The affine layers of both over common denominators."""
    if len(f) != len(g):
        return list(f), list(g)
    pairs: list[tuple[Named, Named]] = []
    for (a, name), (b, other) in zip(f, g, strict=True):
        if isinstance(a, Affine) and isinstance(b, Affine):
            d = lcm(a.denominator, b.denominator)
            a, b = a.over(d), b.over(d)
        pairs.append(((a, name), (b, other)))
    return [a for a, _ in pairs], [b for _, b in pairs]


def like(shown: Sequence[Named], moved: Sequence[Named]) -> list[Named]:
    """The second, its affine layers over the denominators of the first."""
    found: list[Named] = []
    for (a, _), (b, name) in zip(shown, moved, strict=True):
        if isinstance(a, Affine) and isinstance(b, Affine):
            factor = Fraction(a.denominator, b.denominator)
            b = Affine(a.denominator, [[int(v * factor) for v in row] for row in b.rows])
        found.append((b, name))
    return found


def layers_of(network: Any, label: str) -> list[Named]:
    """The network as a chain of layers, with the names of their nodes."""
    found: list[Named] = []
    nodes = network.nodes
    chain = len(network.inputs) == 1 and network.outputs == (len(nodes) - 1,)
    for i, node in enumerate(nodes):
        if not chain or node.operands != ((i - 1,) if i else ()):
            raise SaveError(f"{label}: node {node.name!r} is no link of one chain of layers, and only such networks are written for Rocq")
        if node.op in ("input", "reshape"):
            continue
        size, shape = prod(node.shape), nodes[i - 1].shape
        if node.op == "affine" and len(node.shape) == 1:
            found.append((_affine(node.fields["weight"], node.fields["bias"]), node.name))
        elif node.op == "batch_norm" and len(node.shape) == 1:
            found.append((_diagonal(node.fields["scale"].fractions(), node.fields["shift"].fractions()), node.name))
        elif node.op == "conv":
            found.append((convolution(node, shape), node.name))
        elif node.op == "average_pool":
            found.append((mean(node, shape, label), node.name))
        elif node.op == "batch_norm":
            found.append((by_channel(node.fields["scale"], node.fields["shift"], shape), node.name))
        elif node.op == "piecewise_linear":
            found.append((_bend(node.fields["slope"], node.fields["constant"], node.fields["kinks"]), node.name))
        elif node.op == "prelu" and len(slopes := set(node.fields["slopes"].fractions())) == 1:
            (q,) = slopes
            found.append((_bend(q, Fraction(0), [(Fraction(0), 1 - q)] if q != 1 else []), node.name))
        else:
            raise SaveError(
                f"{label}: node {node.name!r} ({node.op}, {size} entries) is not written for Rocq; "
                "affine layers, convolutions and piecewise linear functions are"
            )
    return found


def _affine(weight: Any, bias: Any) -> Affine:
    m, n = weight.shape
    common = lcm(weight.denominator, bias.denominator)
    w, b = common // weight.denominator, common // bias.denominator
    return Affine(common, [[bias.numerators[i] * b, *(v * w for v in weight.numerators[i * n : (i + 1) * n])] for i in range(m)])


def _diagonal(scale: Sequence[Fraction], shift: Sequence[Fraction]) -> Affine:
    common = lcm(*(v.denominator for v in (*scale, *shift)))
    size = len(scale)
    return Affine(
        common,
        [
            [int(c * common), *(int(s * common) if j == i else 0 for j in range(size))]
            for i, (s, c) in enumerate(zip(scale, shift, strict=True))
        ],
    )


def _bend(slope: Fraction, constant: Fraction, kinks: Sequence[tuple[Fraction, Fraction]]) -> Bend:
    common = lcm(slope.denominator, constant.denominator, *(v.denominator for kink in kinks for v in kink))
    return Bend(common, int(slope * common), int(constant * common), [(int(t * common), int(p * common)) for t, p in kinks])
