"""Piecewise linear networks as stages of units: every z an affine function of the inputs and of what the units before it are.

Units are numbered as in evidence "tree", and here none is merged or left out. An affine function is a row, a dict from keys to integers
over the denominator of its stage: key j is input j, ONE the constant, and d + u is max(z_u, 0) for unit u.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm, prod
from typing import NamedTuple

from . import _budget
from ._affine import MOVING, moves
from ._budget import Budget
from ._network import Network, Node
from ._numbers import Tensor, need
from ._windows import Window, spread

ONE = -1
Row = dict[int, int]
_Taps = list[tuple[int, int, int]]  # operand, its flat entry, weight


class Stage(NamedTuple):
    """Affine functions row / denominator."""

    rows: list[Row]
    denominator: int


class Staged(NamedTuple):
    """The stages of a network with ``inputs`` inputs, and its flat output, a stage without units."""

    inputs: int
    stages: list[Stage]
    outputs: Stage

    @property
    def sizes(self) -> list[int]:
        """The number of units of each stage."""
        return [len(stage.rows) for stage in self.stages]


def staged(network: Network, budget: Budget, name: str) -> Staged:
    """The network as stages; every product of two coefficients is charged."""
    return _Walk(network, budget, name).result()


class _Walk:
    """Through the nodes in order."""

    def __init__(self, network: Network, budget: Budget, name: str) -> None:
        self.network, self.budget, self.name = network, budget, name
        self.held = Budget(_budget.STAGED, "weights", f"boxes: {name}")
        self.units = 0
        self.stages: list[Stage] = []
        self.values: list[Stage] = []

    def result(self) -> Staged:
        starts = self.network.starts()
        for i, node in enumerate(self.network.nodes):
            step = self.budget.step = self.held.step = f"boxes: {self.name}: node {node.name}"
            operands = [self.values[p] for p in node.operands]
            if node.op == "input":
                value = Stage([{starts[i] + k: 1} for k in range(prod(node.shape))], 1)
            elif node.op in ("piecewise_linear", "prelu"):
                value = self._bent(node, operands[0])
            elif node.op == "max_pool":
                value = self._highest(node, self.network.nodes[node.operands[0]].shape, operands[0])
            else:
                need(node.op in _TAPS or node.op in MOVING, step, f"{node.op} is not piecewise linear")
                value = self._affine(node, operands)
            self.values.append(value)
        return Staged(self.network.input_size, self.stages, _joined([self.values[i] for i in self.network.outputs]))

    def _affine(self, node: Node, operands: Sequence[Stage]) -> Stage:
        shapes = [self.network.nodes[p].shape for p in node.operands]
        common = lcm(*(value.denominator for value in operands))
        factors = [common // value.denominator for value in operands]
        constants, over = _constants(node)
        taps, weights = _TAPS.get(node.op, _moved)(node, shapes)
        grain = lcm(weights, over)
        scale, shift = grain // weights, common * (grain // over)
        # weights of convolutions are looked at also where they are 0
        walked = 1 + (prod(node.fields["weight"].shape[1:]) if node.op == "conv" else 0)
        found = []
        for entry, constant in zip(taps, constants, strict=True):
            self.budget.spend(walked + sum(len(operands[k].rows[i]) for k, i, _ in entry))
            total: Row = {ONE: constant * shift} if constant else {}
            for k, i, weight in entry:
                factor = weight * factors[k] * scale
                for key, n in operands[k].rows[i].items():
                    total[key] = total.get(key, 0) + factor * n
            found.append({key: n for key, n in total.items() if n})
            self.held.spend(1 + len(total))
        return Stage(found, common * grain)

    def _enter(self, stage: Stage) -> list[int]:
        """A new stage; the keys of max(z, 0) for its units."""
        first = self.network.input_size + self.units
        self.stages.append(stage)
        self.units += len(stage.rows)
        self.held.spend(sum(map(len, stage.rows)))
        return list(range(first, first + len(stage.rows)))

    def _bent(self, node: Node, operand: Stage) -> Stage:
        """q e + r + sum over the kinks t of p max(e - t, 0)."""
        size = len(operand.rows)
        slopes, constant, kinks = _kinks(node)
        over = lcm(constant.denominator, *(q.denominator for q in slopes), *(p.denominator for _, jumps in kinks for p in jumps))
        each = [[int(q * over) for q in values for _ in range(size // len(values))] for values in (slopes, *(jumps for _, jumps in kinks))]
        entered = [self._enter(_shifted(operand, t)) for t, _ in kinks]
        grain = operand.denominator if any(each[0]) else 1  # where nothing is left of e, max(z, 0) alone stays
        shift = int(constant * over) * grain
        rows = []
        for i, (row, q) in enumerate(zip(operand.rows, each[0], strict=True)):
            total = _line(row if q else {}, q, shift)
            total |= {keys[i]: jumps[i] * grain for keys, jumps in zip(entered, each[1:], strict=True) if jumps[i]}
            self.held.spend(len(total))
            rows.append(total)
        return Stage(rows, over * grain)

    def _highest(self, node: Node, shape: tuple[int, ...], operand: Stage) -> Stage:
        """e_0, then m + max(e_k - m, 0) for each further entry of the window."""
        window: Window = node.fields["window"]
        windows = window.entries(shape, node.shape)
        totals = [dict(operand.rows[w[0]]) for w in windows]
        for k in range(1, max(map(len, windows))):
            places = [i for i, w in enumerate(windows) if len(w) > k]
            for i in places:
                self.budget.spend(1 + len(totals[i]) + len(operand.rows[windows[i][k]]))
            keys = self._enter(Stage([_less(operand.rows[windows[i][k]], totals[i]) for i in places], operand.denominator))
            for i, key in zip(places, keys, strict=True):
                totals[i][key] = operand.denominator
        return Stage(totals, operand.denominator)


def _kinks(node: Node) -> tuple[list[Fraction], Fraction, list[tuple[Fraction, list[Fraction]]]]:
    """(q, r, [(t, p)...]) in q e + r + sum of p max(e - t, 0); one q and one p for all entries, or for each channel."""
    if node.op == "prelu":
        slopes: list[Fraction] = node.fields["slopes"].fractions()
        return slopes, Fraction(0), [(Fraction(0), [1 - q for q in slopes])]
    return [node.fields["slope"]], node.fields["constant"], [(t, [p]) for t, p in node.fields["kinks"]]


def _line(row: Row, factor: int, constant: int) -> Row:
    """factor row + constant."""
    total = {key: factor * n for key, n in row.items()}
    total[ONE] = total.get(ONE, 0) + constant
    return {key: n for key, n in total.items() if n}


def _less(row: Row, other: Row) -> Row:
    """row - other."""
    total = dict(row)
    for key, n in other.items():
        total[key] = total.get(key, 0) - n
    return {key: n for key, n in total.items() if n}


def _shifted(stage: Stage, t: Fraction) -> Stage:
    """e - t for each entry e."""
    if not t:
        return stage
    common = lcm(stage.denominator, t.denominator)
    factor, shift = common // stage.denominator, t.numerator * (common // t.denominator)
    return Stage([_line(row, factor, -shift) for row in stage.rows], common)


def _joined(parts: Sequence[Stage]) -> Stage:
    common = lcm(*(part.denominator for part in parts))
    factors = [common // part.denominator for part in parts]
    rows = [{key: f * n for key, n in row.items()} for part, f in zip(parts, factors, strict=True) for row in part.rows]
    return Stage(rows, common)


def _constants(node: Node) -> tuple[list[int], int]:
    """What an affine node adds to each entry, over one denominator."""
    size, repeat = prod(node.shape), prod(node.shape[1:])
    key = {"constant": "value", "affine": "bias", "conv": "bias", "batch_norm": "shift"}.get(node.op)
    if key is None:
        return [0] * size, 1
    shift: Tensor = node.fields[key]
    if node.op == "affine":
        return shift.numerators * (size // len(shift.numerators)), shift.denominator
    return [n for n in shift.numerators for _ in range(repeat)] if node.op != "constant" else shift.numerators, shift.denominator


def _moved(node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[Iterator[_Taps], int]:
    return ([(k, i, 1)] for k, i in moves(node, shapes)), 1


def _none(node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[Iterator[_Taps], int]:
    return ([] for _ in range(prod(node.shape))), 1


def _affine(node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[Iterator[_Taps], int]:
    weight: Tensor = node.fields["weight"]
    m, n = weight.shape
    rows = [[(i, w) for i, w in enumerate(weight.numerators[o * n : (o + 1) * n]) if w] for o in range(m)]
    return ([(0, start + i, w) for i, w in row] for start in range(0, prod(shapes[0]), n) for row in rows), weight.denominator


def _conv(node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[Iterator[_Taps], int]:
    weight, groups = node.fields["weight"], node.fields["groups"]
    window: Window = node.fields["window"]
    out, inner = weight.shape[:2]
    area, kernel = prod(shapes[0][1:]), prod(weight.shape[2:])
    places = window.places(shapes[0][1:], node.shape[1:])

    def taps() -> Iterator[_Taps]:
        for o in range(out):
            group = o // (out // groups)
            for place in places:
                yield [
                    (0, (group * inner + c) * area + p, w)
                    for c in range(inner)
                    for k, p in enumerate(place)
                    if p >= 0 and (w := weight.numerators[(o * inner + c) * kernel + k])
                ]

    return taps(), weight.denominator


def _average(node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[Iterator[_Taps], int]:
    window: Window = node.fields["window"]
    windows, whole = window.entries(shapes[0], node.shape), prod(window.kernel)
    sizes = [whole if node.fields["count_padding"] else len(row) for row in windows]
    common = lcm(*sizes)
    return ([(0, p, common // size) for p in row] for row, size in zip(windows, sizes, strict=True)), common


def _scaled(node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[Iterator[_Taps], int]:
    factor: Tensor = node.fields["scale" if node.op == "batch_norm" else "factor"]
    repeat = prod(node.shape[1:])
    places = [i // repeat for i in range(prod(node.shape))] if node.op == "batch_norm" else spread(factor.shape, node.shape)
    return ([(0, i, factor.numerators[p])] for i, p in enumerate(places)), factor.denominator


def _sum(node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[Iterator[_Taps], int]:
    first, second = (spread(shape, node.shape) for shape in shapes)
    sign = -1 if node.op == "subtract" else 1
    return ([(0, p, 1), (1, q, sign)] for p, q in zip(first, second, strict=True)), 1


_TAPS = {
    "constant": _none,
    "affine": _affine,
    "conv": _conv,
    "average_pool": _average,
    "batch_norm": _scaled,
    "scale": _scaled,
    "add": _sum,
    "subtract": _sum,
}
