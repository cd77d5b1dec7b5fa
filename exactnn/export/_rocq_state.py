"""What the verified checker of proofs/rocq knows while it walks through two networks, repeated here to write its evidence.

Functions are rows over 1, x_1, ..., x_n, max(h_0, 0), max(h_1, 0), ...: dictionaries from places to integers, over one denominator for all
values of a layer. Each h is primitive (integers without a common factor). Nothing here is trusted: the checker computes its own rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import NamedTuple

Row = dict[int, int]
Terms = list[tuple[str, int, int]]  # ("row" | "atom" | "mirror", number, multiplier)


class Proof(NamedTuple):
    """factor * form = gamma + sum of multiplier * term."""

    factor: int
    terms: Terms


class Hint(NamedTuple):
    """Why a unit is >= 0 (sign 1) or <= 0 (sign -1) on the cell."""

    sign: int
    proof: Proof


class Axis(NamedTuple):
    """One axis of a window: as in proofs/rocq/Windows.v."""

    grid: int
    taps: int
    stride: int
    before: int
    dilation: int
    places: int


class Windows(NamedTuple):
    """What makes the rows of a convolution: for each kernel the first of the channels that it reads, and its bias and weights."""

    channels: int
    many: int
    axes: list[Axis]
    kernels: list[tuple[int, list[int]]]


class Affine(NamedTuple):
    """x -> (b + W x) / denominator; each row is b, then w. It is written as it stands, or as the windows that make the same rows."""

    denominator: int
    rows: list[list[int]]
    windows: Windows | None = None
    word: str = ""  # how it is written, if there is a name for it

    def over(self, denominator: int) -> Affine:
        """The same over a multiple of the denominator."""
        if denominator == self.denominator:
            return self
        factor = denominator // self.denominator
        rows, windows = [[v * factor for v in row] for row in self.rows], self.windows
        if windows is not None:
            windows = windows._replace(kernels=[(first, [v * factor for v in row]) for first, row in windows.kernels])
        return Affine(denominator, rows, windows)


class Bend(NamedTuple):
    """e -> (q e + r + sum of p max(e - t / denominator, 0)) / denominator, for all entries but the first ``kept``, which stay."""

    denominator: int
    slope: int
    constant: int
    kinks: list[tuple[int, int]]
    kept: int = 0


class Larger(NamedTuple):
    """max(x_i, x_j) for each pair (i, j); (i, i) is x_i."""

    pairs: list[tuple[int, int]]

    @property
    def units(self) -> list[int]:
        """The places of the pairs of different entries."""
        return [k for k, (i, j) in enumerate(self.pairs) if i != j]


Layer = Affine | Bend | Larger


def primitive(row: Row) -> tuple[int, Row]:
    """(c, h) with row = c h, c > 0, as the checker finds them."""
    c = gcd(*row.values()) or 1
    return c, {k: v // c for k, v in row.items()}


def opposite(row: Row) -> Row:
    """-row."""
    return {k: -v for k, v in row.items()}


def add(row: Row, other: Row, factor: int = 1) -> Row:
    """row + factor * other."""
    total = dict(row)
    for k, v in other.items():
        total[k] = total.get(k, 0) + factor * v
    return {k: v for k, v in total.items() if v}


class State:
    """The values at hand, the layer that is next, the atoms, and the rows that are >= 0 on the cell."""

    def __init__(self, layers: Sequence[Layer], inputs: int, cell: list[Row]) -> None:
        self.first = 1 + inputs  # the place of atom 0
        self.atoms: list[Row] = []
        self._found: dict[tuple[tuple[int, int], ...], int] = {}
        self.cell = cell
        self.done: tuple[int, list[Row]] | None = None
        self._enter(layers)

    def _enter(self, layers: Sequence[Layer]) -> None:
        self.denominator = 1
        self.values: list[Row] = [{k: 1} for k in range(1, self.first)]
        self.layers = list(layers)
        self._advance()

    def copy(self) -> State:
        """A state that can go another way."""
        other = State.__new__(State)
        other.__dict__.update(self.__dict__)
        other.atoms, other._found, other.cell = list(self.atoms), dict(self._found), list(self.cell)
        other.layers = list(self.layers)
        return other

    @property
    def next(self) -> Bend | Larger | None:
        """The layer that is next, if there is any."""
        layer = self.layers[0] if self.layers else None
        assert not isinstance(layer, Affine)
        return layer

    @property
    def units(self) -> tuple[int, int]:
        """How many units the next layer has: for each of so many entries, at so many kinks."""
        layer = self.next
        if isinstance(layer, Larger):
            return len(layer.units), 1
        return (0, 0) if layer is None else (len(self.values) - layer.kept, len(layer.kinks))

    def number(self, entry: int, kink: int) -> int:
        """The number by which a unit of the next layer is split in Rocq."""
        layer = self.next
        if isinstance(layer, Larger):
            return layer.units[entry]
        assert layer is not None
        return entry * len(layer.kinks) + kink

    def _advance(self) -> None:
        while self.layers and isinstance(layer := self.layers[0], Affine):
            rows = []
            for bias, *weights in layer.rows:
                total: Row = {0: bias * self.denominator} if bias else {}
                for w, value in zip(weights, self.values, strict=True):
                    if w:
                        for k, v in value.items():
                            total[k] = total.get(k, 0) + w * v
                rows.append({k: v for k, v in total.items() if v})
            self.values, self.denominator = rows, self.denominator * layer.denominator
            self.layers.pop(0)

    def unit(self, entry: int, kink: int) -> tuple[Fraction, Row]:
        """(c, h): the unit's function, e - t or x_j - x_i, is c h, c > 0, h primitive."""
        layer = self.next
        assert layer is not None
        if isinstance(layer, Larger):
            i, j = layer.pairs[layer.units[entry]]
            c, h = primitive(add(self.values[j], self.values[i], -1))
            return Fraction(c, self.denominator), h
        d = layer.denominator
        row = add({k: d * v for k, v in self.values[layer.kept + entry].items()}, {0: -layer.kinks[kink][0] * self.denominator})
        c, h = primitive(row)
        return Fraction(c, d * self.denominator), h

    def atom(self, h: Row) -> tuple[int, bool] | None:
        """(a, whether h = -h_a), if there is such an atom."""
        for row, mirrored in ((h, False), (opposite(h), True)):
            a = self._found.get(tuple(sorted(row.items())))
            if a is not None:
                return a, mirrored
        return None

    def step(self, hint: Callable[[int, int], Hint | None], opened: Callable[[int, int, int, bool], None]) -> None:
        """Go behind the next layer; ``opened`` hears of each unit that is not fixed: entry, kink, atom, whether it is the mirror."""
        b = self.next
        assert b is not None
        if isinstance(b, Larger):
            self._larger(b, hint, opened)
            return
        d, den = b.denominator, self.denominator
        rows = [{k: d * d * v for k, v in value.items()} for value in self.values[: b.kept]]
        for i, value in enumerate(self.values[b.kept :]):
            total = add({k: b.slope * d * v for k, v in value.items()}, {0: b.constant * d * den})
            for k, (_, p) in enumerate(b.kinks):
                scale, h = self.unit(i, k)
                c = int(scale * d * den)
                total = add(total, self._maximum(c, h, hint(i, k), lambda a, m, i=i, k=k: opened(i, k, a, m)), p)  # type: ignore[misc]
            rows.append(total)
        self.values, self.denominator = rows, den * d * d
        self.layers.pop(0)
        self._advance()

    def _larger(self, layer: Larger, hint: Callable[[int, int], Hint | None], opened: Callable[[int, int, int, bool], None]) -> None:
        rows, unit = [], 0
        for i, j in layer.pairs:
            row = self.values[i]
            if i != j:
                scale, h = self.unit(unit, 0)
                c = int(scale * self.denominator)
                row = add(row, self._maximum(c, h, hint(unit, 0), lambda a, m, u=unit: opened(u, 0, a, m)))  # type: ignore[misc]
                unit += 1
            rows.append(row)
        self.values = rows
        self.layers.pop(0)
        self._advance()

    def _maximum(self, c: int, h: Row, hint: Hint | None, opened: Callable[[int, bool], None]) -> Row:
        """max(c h, 0)."""
        whole = {k: c * v for k, v in h.items()}
        if hint is not None:
            return whole if hint.sign > 0 else {}
        if not h.keys() - {0}:
            return whole if h.get(0, 0) >= 0 else {}
        if (found := self.atom(h)) is None:
            found = len(self.atoms), False
            self.atoms.append(h)
            self._found[tuple(sorted(h.items()))] = found[0]
        a, mirrored = found
        opened(a, mirrored)
        atom = {self.first + a: c}
        return add(atom, whole) if mirrored else atom

    def turn(self, layers: Sequence[Layer]) -> None:
        """The first network is done, the second begins."""
        self.done = self.denominator, self.values
        self._enter(layers)

    def term(self, kind: str, number: int) -> Row:
        """The row of a term of a proof."""
        if kind == "row":
            return self.cell[number]
        atom = {self.first + number: 1}
        return atom if kind == "atom" else add(atom, self.atoms[number], -1)

    def margin(self, output: int, sign: int, tolerance: Fraction) -> tuple[Fraction, Row]:
        """(c, h): tolerance + sign (f - g) = c h at this output."""
        assert self.done is not None
        df, fs = self.done
        dg, gs = self.denominator, self.values
        gap = add({k: dg * v for k, v in fs[output].items()}, gs[output], -df)
        row = add({0: tolerance.numerator * df * dg} if tolerance else {}, gap, sign * tolerance.denominator)
        c, h = primitive(row)
        return Fraction(c, df * dg * tolerance.denominator), h


def integral(terms: Sequence[tuple[str, int, Fraction]]) -> Proof:
    """The proof form = gamma + sum of y term, over integers."""
    factor = lcm(*(y.denominator for _, _, y in terms))
    return Proof(factor, [(kind, number, int(y * factor)) for kind, number, y in terms])
