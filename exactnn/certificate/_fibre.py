"""The question "orbits": which networks of f's width, one hidden layer, are the function f?

Flipping a set T of neurons, (a, w, b) -> (a, -w, -b) and c -> c + r sum a b over T, keeps f exactly if r sum over T of a_i w_i^T = 0, an
m x d matrix. From a *reduced* network (all a_i != 0, w_i != 0, no two neurons of one class) these flips, permutations and what else always
keeps f (positive scalings, or sign flips) make all networks of this width that are f, since the functions of different classes and the
affine ones are linearly independent (docs/theory.md 1, 5). So a claim about a reduced network says of every set T whether its sum is 0.

The class of a neuron with w != 0 is that of (w, b) up to sign, and for a homogeneous phi up to a factor.

Sound: independent vectors have no vanishing sum but the empty one; every set that is left is tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import gcd
from operator import mul
from typing import Any

from . import _budget
from ._claim_orbits import Orbits
from ._network import Network
from ._numbers import Rejected, index, items, mapping, need, show
from ._shallow import Shallow, read_shallow
from ._subset_sums import Set, by_elimination

Line = tuple[tuple[int, ...], int, int]


def lines(net: Shallow) -> Iterator[Line | None]:
    """For each neuron (w, b) = sign size (u, v): the class (*u, v), the sign and the size; None where w = 0. (w and b are numerators here,
    each over a denominator that all neurons share: another unit of length for u, and one for v, makes no difference to what follows.)
    """
    for row, b in zip(net.weights, net.biases, strict=True):
        sign = next((1 if v > 0 else -1 for v in row if v), 0)
        size = gcd(b, *row) if net.kind == "homogeneous" else 1
        yield (tuple(v // size * sign for v in (*row, b)), sign, size) if sign else None


def check_free(claim: Orbits, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """All v_i but a few are linearly independent, modulo a number at the columns given."""
    step = "orbits: free"
    mapping(evidence, "evidence", ("method", "prime", "columns", "free"))
    fibre = Fibre(claim, f, step)
    p = evidence["prime"]
    need(type(p) is int and 2 < p < 2**31 and p % 2 == 1, step, f"expected an odd number from 3 to 2^31, found {show(p)}")
    free = [index(v, fibre.count, step) for v in items(evidence["free"], step)]
    need(free == sorted(set(free)), step, "the free neurons are not in order")
    fibre.settle(by_elimination(fibre.vectors(evidence["columns"], fibre.count - len(free)), free, p, step))


def check_odd(claim: Orbits, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """tanh and sigmoid: signs always change freely, and no other flips exist."""
    mapping(evidence, "evidence", ("method",))
    fibre = Fibre(claim, f, "orbits: odd", ("odd",))
    need(fibre.flips == {()}, "orbits: odd", "a network with an odd activation has one orbit, and no flips")


class Fibre:
    """A reduced network with the sets of the claim."""

    def __init__(self, claim: Orbits, f: Network, step: str, kinds: Iterable[str] = ("homogeneous", "mirror")) -> None:
        self._net, self._step = read_shallow(f, "orbits: f"), step
        kind = self._net.kind
        need(kind in kinds, step, f"this is no evidence about networks whose activation is {kind}")
        self.count = len(self._net.weights)
        for neurons in claim.flips:
            need(not neurons or neurons[-1] < self.count, "claim: flips", f"there are {self.count} neurons")
        self.flips = set(claim.flips)
        seen: dict[tuple[int, ...], int] = {}
        for i, line in enumerate(lines(self._net)):
            if line is None:
                raise Rejected(self._step, f"f is not reduced: neuron {i} is constant, its incoming weights are 0")
            need(any(row[i] for row in self._net.outgoing), self._step, f"f is not reduced: neuron {i} has no outgoing weight")
            other = seen.setdefault(line[0], i)
            need(other == i, self._step, f"f is not reduced: neurons {other} and {i} are of one class")

    def vectors(self, raw: Any, length: int | None = None) -> list[list[int]]:
        """v_i at the columns listed, so many, each an output and an input: r a_i w_i^T in integers."""
        step, m, d = f"{self._step}: columns", len(self._net.outgoing), len(self._net.weights[0])
        pairs = [items(pair, step, 2) for pair in items(raw, step, length)]
        columns = [(index(j, m, step), index(k, d, step)) for j, k in pairs]
        _budget.charge(self.count * len(columns), self._step)
        _budget.hold(self.count * len(columns), self._step)
        outgoing, factor = list(zip(*self._net.outgoing, strict=True)), self._net.r.numerator
        return [[factor * a[j] * w[k] for j, k in columns] for a, w in zip(outgoing, self._net.weights, strict=True)]

    def settle(self, candidates: Iterable[Set]) -> None:
        """The sets of the claim have the sum 0, and no others among the candidates do."""
        for neurons in self.flips:
            if not self._vanishes(neurons):
                raise Rejected("claim: flips", f"the flip of {_named(neurons)} is not a symmetry of f")
        for neurons in candidates:
            if neurons not in self.flips and self._vanishes(neurons):
                raise Rejected(self._step, f"the flip of {_named(neurons)} keeps the function, too")

    def _vanishes(self, neurons: Set) -> bool:
        """Whether r sum a_i w_i^T = 0."""
        net = self._net
        if not neurons or net.r == 0:
            return True
        _budget.charge(len(neurons) * len(net.weights[0]) * (1 + len(net.outgoing)) // _budget.PACKED, self._step)
        columns = list(zip(*[net.weights[i] for i in neurons], strict=True))
        return not any(sum(map(mul, [row[i] for i in neurons], column)) for row in net.outgoing for column in columns)


def _named(neurons: Set) -> str:
    return f"neurons {list(neurons)}" if len(neurons) <= 20 else f"{len(neurons)} neurons, {list(neurons[:3])} and others,"
