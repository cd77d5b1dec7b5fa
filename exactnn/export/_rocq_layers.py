"""The networks of a certificate as proofs/rocq/Networks.v and Graphs.v have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import lcm, prod
from typing import Any

from exactnn.errors import SaveError
from exactnn.export._rocq_graph import Named, Net, Piece, summed
from exactnn.export._rocq_state import Affine, Bend, Layer
from exactnn.export._rocq_windows import by_channel, convolution, maximum, mean


def kinds(net: Net) -> Any:
    """What two networks must share for intervals: what is read, and of each layer the widths and the denominator, or the function."""
    return [(piece.reads, [_kind(layer) for layer, _ in piece.layers], piece.pool and piece.pool[0]) for piece in net.pieces]


def _kind(layer: Layer) -> Any:
    return (layer.denominator, [len(row) for row in layer.rows]) if isinstance(layer, Affine) else layer


def common(f: Net, g: Net) -> tuple[Net, Net]:
    """The affine layers of both over common denominators."""
    if [len(piece.layers) for piece in f.pieces] != [len(piece.layers) for piece in g.pieces]:
        return f, g
    first, second = list[Piece](), list[Piece]()
    for p, q in zip(f.pieces, g.pieces, strict=True):
        pairs = [_over_one(a, b) for (a, _), (b, _) in zip(p.layers, q.layers, strict=True)]
        first.append(p.over([(a, name) for (a, _), (_, name) in zip(pairs, p.layers, strict=True)]))
        second.append(q.over([(b, name) for (_, b), (_, name) in zip(pairs, q.layers, strict=True)]))
    return f._replace(pieces=first), g._replace(pieces=second)


def _over_one(a: Layer, b: Layer) -> tuple[Layer, Layer]:
    if isinstance(a, Affine) and isinstance(b, Affine):
        d = lcm(a.denominator, b.denominator)
        return a.over(d), b.over(d)
    return a, b


def like(shown: Net, moved: Net) -> Net:
    """The second, a chain, its affine layers over the denominators of the first."""
    found: list[Named] = []
    for (a, _), (b, name) in zip(shown.layers(), moved.layers(), strict=True):
        if isinstance(a, Affine) and isinstance(b, Affine):
            factor = Fraction(a.denominator, b.denominator)
            b = Affine(a.denominator, [[int(v * factor) for v in row] for row in b.rows])
        found.append((b, name))
    return Net(moved.inputs, [Piece([0], found)])


def net_of(network: Any, label: str) -> Net:
    """The network as pieces of layers, with the names of their nodes."""
    if len(network.inputs) != 1:
        raise SaveError(f"{label}: networks with one input are written for Rocq, and not those with {len(network.inputs)}")
    nodes, pieces, value, source = network.nodes, list[Piece](), dict[int, int](), list[int]()
    for i, node in enumerate(nodes):  # the node whose entries it repeats
        source.append(source[node.operands[0]] if node.op == "reshape" else i)
    readers = Counter(source[p] for node in nodes if node.op != "reshape" for p in node.operands) + Counter(
        source[i] for i in network.outputs
    )
    for i, node in enumerate(nodes):
        if node.op == "input":
            value[i] = 0
            continue
        reads = [value[p] for p in node.operands if p in value]
        if len(reads) < len(node.operands) or not reads:
            raise SaveError(f"{label}: node {node.name!r} is a constant or reads one, which is not written for Rocq")
        if node.op == "reshape":
            value[i] = reads[0]
            continue
        shape = nodes[node.operands[0]].shape
        if node.op == "max_pool":
            pieces.append(Piece(reads, [], (maximum(node, shape), node.name)))
        else:
            layer = _layer(node, [nodes[p].shape for p in node.operands], label)
            last = bool(pieces) and reads == [len(pieces)] and readers[source[node.operands[0]]] == 1
            if not last or pieces[-1].pool is not None:
                pieces.append(Piece(reads, []))
            pieces[-1].layers.append((layer, node.name))
        value[i] = len(pieces)
    ends = [value[i] for i in network.outputs]
    if ends != [len(pieces)] or not pieces:
        pieces.append(Piece(ends, []))
    return Net(network.input_size, pieces)


def _layer(node: Any, shapes: Sequence[tuple[int, ...]], label: str) -> Layer:
    shape = shapes[0]
    if node.op in ("add", "subtract") and shapes[0] == shapes[1]:
        return summed(prod(shape), 1 if node.op == "add" else -1)
    if node.op == "affine" and len(node.shape) == 1:
        return _affine(node.fields["weight"], node.fields["bias"])
    if node.op == "batch_norm" and len(node.shape) == 1:
        return _diagonal(node.fields["scale"].fractions(), node.fields["shift"].fractions())
    if node.op == "conv":
        return convolution(node, shape)
    if node.op == "average_pool":
        return mean(node, shape, label)
    if node.op == "batch_norm":
        return by_channel(node.fields["scale"], node.fields["shift"], shape)
    if node.op == "piecewise_linear":
        return _bend(node.fields["slope"], node.fields["constant"], node.fields["kinks"])
    if node.op == "prelu" and len(slopes := set(node.fields["slopes"].fractions())) == 1:
        (q,) = slopes
        return _bend(q, Fraction(0), [(Fraction(0), 1 - q)])
    raise SaveError(
        f"{label}: node {node.name!r} ({node.op}, {prod(node.shape)} entries) is not written for Rocq; affine layers, convolutions, "
        "piecewise linear functions, maxima over windows, sums and differences of two values of one shape are"
    )


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
