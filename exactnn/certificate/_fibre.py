"""The question "orbits": which networks of f's width, one hidden layer, are the function f?

Flipping a set T of neurons, (a, w, b) -> (a, -w, -b) and c -> c + r sum a b over T, keeps f exactly if r sum over T of a_i w_i^T = 0, an
m x d matrix. From a *reduced* network (all a_i != 0, w_i != 0, no two neurons of one class) these flips, permutations and what else always
keeps f (positive scalings, or sign flips) make all networks of this width that are f, since the functions of different classes and the
affine ones are linearly independent (docs/theory.md 1, 5). So a claim about a reduced network says of every set T whether its sum is 0.

The class of a neuron with w != 0 is that of (w, b) up to sign, and for a homogeneous phi up to a factor.

Sound: independent vectors have no vanishing sum but the empty one; every set that is left is tried.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import gcd
from typing import Any, NamedTuple

from . import _budget
from ._claim_orbits import Orbits
from ._network import Network
from ._numbers import index, items, mapping, need, show
from ._shallow import Shallow, read_shallow
from ._subset_sums import Set, by_elimination

Columns = list[tuple[int, int]]


class Line(NamedTuple):
    """(w, b) = sign size (u, v), u the direction, v the offset: (u, v) is the class. (w and b are numerators here, each over a denominator
    that all neurons share: another unit of length for u, and one for v, makes no difference to what follows.)
    """

    direction: tuple[int, ...]
    offset: int
    sign: int
    size: int


def lines(net: Shallow) -> list[Line | None]:
    """For each neuron its line, None where w = 0."""
    found: list[Line | None] = []
    for row, b in zip(net.weights, net.biases, strict=True):
        first = next((v for v in row if v), 0)
        if not first:
            found.append(None)
            continue
        sign = 1 if first > 0 else -1
        size = gcd(b, *row) if net.family.kind == "homogeneous" else 1
        found.append(Line(tuple(w // size * sign for w in row), b // size * sign, sign, size))
    return found


def check_free(claim: Orbits, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """All v_i but a few are linearly independent, modulo a number at the columns given."""
    step = "orbits: free"
    mapping(evidence, "evidence", ("method", "prime", "columns", "free"))
    fibre = Fibre(claim, f, step)
    p = evidence["prime"]
    need(type(p) is int and 2 < p < 2**31 and p % 2 == 1, step, f"expected an odd number from 3 to 2^31, found {show(p)}")
    free = [index(v, fibre.count, step) for v in items(evidence["free"], step)]
    need(all(a < b for a, b in pairwise(free)), step, "the free neurons are not in order")
    columns = fibre.columns(evidence["columns"], fibre.count - len(free), step)
    fibre.settle(by_elimination(fibre.vectors(columns), free, p, step))


def check_odd(claim: Orbits, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """tanh and sigmoid: signs always change freely, and no other flips exist."""
    mapping(evidence, "evidence", ("method",))
    fibre = Fibre(claim, f, "orbits: odd", ("odd",))
    need(fibre.flips == {()}, "orbits: odd", "a network with an odd activation has one orbit, and no flips")


class Fibre:
    """A reduced network with the sets of the claim."""

    def __init__(self, claim: Orbits, f: Network, step: str, kinds: Iterable[str] = ("homogeneous", "mirror")) -> None:
        self._net, self._step = read_shallow(f, "orbits: f"), step
        kind = self._net.family.kind
        need(kind in kinds, step, f"this is no evidence about networks whose activation is {kind}")
        self.count = len(self._net.weights)
        for neurons in claim.flips:
            need(not neurons or neurons[-1] < self.count, "claim: flips", f"there are {self.count} neurons")
        self.flips = set(claim.flips)
        self._reduced()
        self._packed: dict[int, int] = {}
        bound = self.count * _largest(self._net.weights) * _largest(self._net.outgoing)
        self._width = bound.bit_length() // 8 + 1  # bytes: 2^(8 width) > 2 bound

    def _reduced(self) -> None:
        seen: dict[tuple[tuple[int, ...], int], int] = {}
        for i, line in enumerate(lines(self._net)):
            need(line is not None, self._step, f"f is not reduced: neuron {i} is constant, its incoming weights are 0")
            assert line is not None
            need(any(row[i] for row in self._net.outgoing), self._step, f"f is not reduced: neuron {i} has no outgoing weight")
            other = seen.setdefault((line.direction, line.offset), i)
            need(other == i, self._step, f"f is not reduced: neurons {other} and {i} are of one class")

    def columns(self, raw: Any, length: int | None, step: str) -> Columns:
        """Pairs of an output and an input."""
        m, d = len(self._net.outgoing), len(self._net.weights[0])
        pairs = [items(pair, f"{step}: columns", 2) for pair in items(raw, f"{step}: columns", length)]
        return [(index(j, m, f"{step}: columns"), index(k, d, f"{step}: columns")) for j, k in pairs]

    def vectors(self, columns: Columns) -> list[list[int]]:
        """v_i at these columns: r a_i w_i^T in integers."""
        _budget.charge(self.count * len(columns), self._step)
        _budget.hold(self.count * len(columns), self._step)
        factor, found = self._net.family.r.numerator, []
        for i, row in enumerate(self._net.weights):
            a = [factor * numbers[i] for numbers in self._net.outgoing]
            found.append([a[j] * row[k] for j, k in columns])
        return found

    def settle(self, candidates: Iterable[Set]) -> None:
        """The sets of the claim have the sum 0, and no others among the candidates do."""
        for neurons in self.flips:
            need(self._vanishes(neurons), "claim: flips", f"the flip of {_named(neurons)} is not a symmetry of f")
        for neurons in candidates:
            other = neurons not in self.flips and self._vanishes(neurons)
            need(not other, self._step, f"the flip of {_named(neurons)} keeps the function, too")

    def _vanishes(self, neurons: Set) -> bool:
        """Whether r sum a_i w_i^T = 0. A row of it is one integer, entry k times 2^(8 width k); entries being smaller than half of that
        radix, it is 0 only if they are.
        """
        if not neurons or self._net.family.r == 0:
            return True
        for i in neurons:
            if i not in self._packed:
                self._packed[i] = self._pack(self._net.weights[i])
        for row in self._net.outgoing:
            _budget.charge(len(neurons) * _budget.words(8 * self._width * len(self._net.weights[0])), self._step)
            if sum(row[i] * self._packed[i] for i in neurons):
                return False
        return True

    def _pack(self, row: list[int]) -> int:
        width, half = self._width, 1 << (8 * self._width - 1)
        shifted = int.from_bytes(b"".join([(v + half).to_bytes(width, "little") for v in row]), "little")
        return shifted - half * (((1 << 8 * width * len(row)) - 1) // ((1 << 8 * width) - 1))


def _largest(rows: Iterable[list[int]]) -> int:
    return max(abs(v) for row in rows for v in row)


def _named(neurons: Set) -> str:
    return f"neurons {list(neurons)}" if len(neurons) <= 20 else f"{len(neurons)} neurons, {list(neurons[:3])} and others,"
