"""Networks as pieces, chains of layers that read earlier values: proofs/rocq/Graphs.v, repeated here to write evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exactnn.export import _rocq_words as words
from exactnn.export._rocq_state import Affine, Axis, Bend, Larger, Layer

Named = tuple[Layer, str]  # a layer and its node's name


class Pool(NamedTuple):
    """Maxima over windows, of each channel: a piece of its own, of many layers."""

    channels: int
    axes: list[Axis]
    groups: list[list[int]]  # the places of the taps that are on the grid


class Piece(NamedTuple):
    """The layers on the values with these numbers, one behind the other; value 0 is the input, value k that of piece k."""

    reads: list[int]
    layers: list[Named]
    pool: tuple[Pool, str] | None = None

    def over(self, layers: list[Named]) -> Piece:
        """The piece with its layers written otherwise."""
        return self._replace(layers=layers)


class Net(NamedTuple):
    """A network with this many inputs; the last piece is its output."""

    inputs: int
    pieces: list[Piece]

    @property
    def chain(self) -> bool:
        """Whether it is one chain of layers."""
        return len(self.pieces) == 1 and self.pieces[0].pool is None and self.pieces[0].reads == [0]

    def layers(self) -> list[Named]:
        """All as one chain, as Rocq has it."""
        if self.chain:
            return self.pieces[0].layers
        sizes, found = [self.inputs], list[Named]()
        for reads, layers, pool in self.pieces:
            held, read = sum(sizes), [place for a in reads for place in _places(sizes, a)]
            found.append((_picked([*range(held), *read]), ""))
            own = layers if pool is None else _maxima(len(read), *pool)
            found += [(_behind(held, layer), name) for layer, name in own]
            sizes.append(_width(len(read), (layer for layer, _ in own)))
        found.append((_picked(_places(sizes, len(sizes) - 1)), ""))
        return found

    def text(self) -> str:
        """As the files for Rocq have it."""
        if self.chain:
            return words.listed(words.layer(layer) for layer, _ in self.pieces[0].layers)
        return f"graph_of {words.number(self.inputs)} {words.listed(map(_written, self.pieces))}"


def summed(size: int, sign: int) -> Affine:
    """u + sign v, for two values of this size."""
    rows = [[0, *(int(j == i) for j in range(size)), *(sign * (j == i) for j in range(size))] for i in range(size)]
    return Affine(1, rows, word=f"{'sum_of' if sign > 0 else 'difference_of'} {words.number(size)}")


def _written(piece: Piece) -> str:
    if piece.pool is None:
        net = words.listed(words.layer(layer) for layer, _ in piece.layers)
    else:
        pool = piece.pool[0]
        net = f"(pool {words.number(pool.channels)} {words.axes(pool.axes)})"
    return f"(piece {words.listed(map(words.number, piece.reads))} {net})"


def _places(sizes: Sequence[int], a: int) -> range:
    start = sum(sizes[:a])
    return range(start, start + sizes[a])


def _picked(places: Iterable[int]) -> Larger:
    return Larger([(i, i) for i in places])


def _behind(n: int, layer: Layer) -> Layer:
    """The layer on all entries but the first n, which stay."""
    if isinstance(layer, Affine):
        d = layer.denominator
        kept = [[0, *(d * (j == i) for j in range(n)), *([0] * (len(layer.rows[0]) - 1 if layer.rows else 0))] for i in range(n)]
        return Affine(d, kept + [[bias, *([0] * n), *weights] for bias, *weights in layer.rows])
    if isinstance(layer, Bend):
        return layer._replace(kept=n + layer.kept)
    return Larger([(i, i) for i in range(n)] + [(n + i, n + j) for i, j in layer.pairs])


def _width(n: int, layers: Iterable[Layer]) -> int:
    for layer in layers:
        if isinstance(layer, Affine):
            n = len(layer.rows)
        elif isinstance(layer, Larger):
            n = len(layer.pairs)
    return n


def _maxima(n: int, pool: Pool, name: str) -> list[Named]:
    """Stage by stage: the maxima so far, each against the next entry of its group, and all n entries behind them."""
    m, rests = len(pool.groups), [group[1:] for group in pool.groups]
    found: list[Named] = [(_picked([*(group[0] for group in pool.groups), *range(n)]), "")]
    for _ in range(max(map(len, rests), default=0)):
        pairs = [(i, m + rest[0]) if rest else (i, i) for i, rest in enumerate(rests)]
        found.append((Larger(pairs + [(m + i, m + i) for i in range(n)]), name))
        rests = [rest[1:] for rest in rests]
    return [*found, (_picked(range(m)), "")]
