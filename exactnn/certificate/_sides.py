"""The two sides of equations (claim "identity"), computed again: in integers, or in spans where something transcendental enters."""

from __future__ import annotations

import json
from fractions import Fraction
from math import factorial, prod
from typing import Any

from . import _budget
from ._budget import Budget
from ._claim_points import Identity
from ._evaluate import trace
from ._gradient import field_of, gradients
from ._identity import MOVING, Equations, operands_of
from ._network import Network
from ._numbers import Tensor, afford, index, integer, mapping, need, pack, rational, tensor
from ._numbers import shape as shape_of
from ._series import Series, added, ends, exponential, largest, multiplied, rounded, softmax_and_log, summed
from ._windows import broadcast
from ._work import products

PRECISION = 4096  # bits at the most
_COST = 64  # of an exponential, in products
_LONG, _LONGEST = 2**12, 2**20  # bits of numbers whose products cost as much as those of short ones, and of the longest ones


def check_sides(claim: Identity, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """Proved: all equations hold; refuted: one certainly fails in the entry named."""
    refuted = claim.answer == "refuted"
    mapping(evidence, "evidence", ("method", "bits", *(("equation", "entry") if refuted else ())))
    bits = index(evidence["bits"], PRECISION + 1, "bits")
    need(bits >= 16, "bits", "at least 16 bits are needed")
    stated = claim.equations
    assert stated is not None
    need(stated.points.shape[1] == f.input_size, "claim: points", f"{stated.points.shape[1]} entries for {f.input_size} inputs")
    values = _Values(stated, {"f": f} if g is None else {"f": f, "g": g}, bits)
    chosen = [index(evidence["equation"], len(stated.triples), "equation")] if refuted else range(len(stated.triples))
    for i in chosen:
        left, relation, right = stated.triples[i]
        step = f"equation {i}"
        (gap,) = added(values.at(left, step), values.at(right, step), True, step)
        limit = claim.tolerance * gap.denominator
        bounds = ends(gap)
        if refuted:
            low, high = bounds[index(evidence["entry"], len(bounds), "entry")]
            need(low > limit or (relation == "=" and high < -limit), step, "the two sides are not shown to differ in that entry")
        else:
            inside = all(high <= limit and (relation == "<=" or low >= -limit) for low, high in bounds)
            need(inside, step, "it is not shown to hold: in some entry the sides are, or may be, too far apart")


class _Values:
    """The values of expressions."""

    def __init__(self, stated: Equations, networks: dict[str, Network], bits: int) -> None:
        self._definitions, self._networks, self._bits = stated.definitions, networks, bits
        count, size = stated.points.shape
        flat = stated.points.fractions()
        self._points = [flat[i * size : (i + 1) * size] for i in range(count)]
        self._budget = Budget(_budget.SIDES, "products", "evidence")
        self._traces: dict[str, list[list[Tensor]]] = {}
        self._gradients: dict[tuple[str, str], dict[tuple[int, str], Tensor]] = {}
        self._known: dict[tuple[str, int], Series] = {}
        self._moving: dict[str, bool] = {}

    def at(self, a: Any, step: str) -> Series:
        """The value at t = 0, as a series of one term."""
        return self._series(a, 0, step)[:1]

    def _moves(self, a: Any) -> bool:
        """Whether t occurs in it outside of derivatives."""
        if type(a) is str and a[:1].isalpha():
            if a not in self._moving:
                self._moving[a] = a == MOVING or self._moves(self._definitions[a])
            return self._moving[a]
        return type(a) is list and a[0] not in ("derivative", "gradient") and any(map(self._moves, operands_of(a)))

    def _series(self, a: Any, order: int, step: str) -> Series:
        """Coefficients up to t^order; one where there is no t."""
        order = order if self._moves(a) else 0
        key = json.dumps(a), order
        if key not in self._known:
            self._known[key] = [rounded(c, self._bits) for c in self._found(a, order, step)]
        return self._known[key]

    def _found(self, a: Any, order: int, step: str) -> Series:
        if type(a) is dict:
            return [tensor(a, step)]
        if type(a) is str and a[:1].isalpha():
            return (
                [pack([Fraction(k == 1)], ()) for k in range(order + 1)] if a == MOVING else self._series(self._definitions[a], order, step)
            )
        if type(a) is not list:
            return [pack([rational(a, step)], ())]
        kind = a[0]
        if kind in ("output", "parameter", "gradient"):
            return [self._of_network(a, step)]
        if kind == "derivative":
            wanted = integer(a[1], step)
            found = self._series(a[2], wanted, step)
            factor = factorial(wanted) if wanted < len(found) else 0
            chosen = found[wanted if wanted < len(found) else 0]
            return [chosen._replace(numerators=[n * factor for n in chosen.numerators])]
        values = [self._series(b, order, step) for b in operands_of(a)]
        widest: tuple[int, ...] = ()
        for value in values:
            widest = broadcast(widest, value[0].shape, step)
        terms = max(map(len, values))
        cost = _COST * len(values[0]) if kind in ("exp", "logsumexp", "softmax") else len(values)
        self._spend(prod(widest) * terms**2 * cost)  # before the work is done
        self._budget.spend(prod(widest) * (max(map(_longest, values)) // _LONG) ** 2)
        return self._combined(a, values, order, step)

    def _combined(self, a: Any, values: list[Series], order: int, step: str) -> Series:
        kind, result = a[0], values[0]
        if kind in ("logsumexp", "softmax"):
            return softmax_and_log(result, self._bits, step)[kind == "logsumexp"]
        if kind == "exp":
            return exponential(result, self._bits, step)
        if kind == "sum":
            axes = a[2] if len(a) > 2 else None
            need(axes is None or max(axes) < len(result[0].shape), step, "there is no such axis")
            return [summed(c, axes) for c in result]
        if kind == "reshape":
            shape = shape_of(a[2], step)
            need(prod(shape) == prod(result[0].shape), step, f"{list(result[0].shape)} cannot become {list(shape)}")
            return [c._replace(shape=shape) for c in result]
        if kind == "max":
            need(len(result) == 1, step, "a maximum of what depends on t")
            return [largest(result[0], step)]
        for other in values[1:]:
            if kind == "*":
                result = [rounded(c, self._bits) for c in multiplied(result, other, order, step)]
                self._long(result, step)
            else:
                result = added(result, other, kind == "-", step)
        return result

    def _of_network(self, a: list[Any], step: str) -> Tensor:
        name = a[1]
        network = self._networks[name]
        if a[0] == "parameter":
            value: Tensor = network.nodes[field_of(network, a[2], a[3], step)].fields[a[3]]
            return value
        made = len(self._points) * products(network)
        if name not in self._traces:
            self._spend(made)
            self._traces[name] = [trace(network, point, f"point {i}: {name}") for i, point in enumerate(self._points)]
        if a[0] == "output":
            rows = [[v for i in network.outputs for v in values[i].fractions()] for values in self._traces[name]]
            return pack([v for row in rows for v in row], (len(rows), network.output_size))
        place = field_of(network, a[2], a[3], step), a[3]
        key = name, json.dumps(a[4])
        if key not in self._gradients:
            (sent,) = self.at(a[4], step)
            self._spend(2 * made)
            self._budget.spend(2 * made * (_longest([sent]) // _LONG))
            size = network.output_size
            need(sent.shape == (len(self._points), size), step, f"what is sent back has the shape {list(sent.shape)}")
            split = [Tensor((size,), sent.numerators[k : k + size], sent.denominator) for k in range(0, len(sent.numerators), size)]
            self._gradients[key] = gradients(network, self._traces[name], split, step)
        found = self._gradients[key]
        shape = network.nodes[place[0]].fields[a[3]].shape
        return found.get(place, Tensor(shape, [0] * prod(shape), 1))

    def _long(self, result: Series, step: str) -> None:
        """Products of numbers that grow from definition to definition cost more, and end."""
        bits = _longest(result)
        afford(bits < _LONGEST, step, "the numbers grow too long for this checker")
        self._budget.spend(sum(len(c.numerators) for c in result) * (bits // _LONG) ** 2)

    def _spend(self, products: int) -> None:
        self._budget.spend(products * (1 + self._bits // 64))


def _longest(series: Series) -> int:
    """The bits of its longest number."""
    return max(max(c.denominator.bit_length(), *(max(lo.bit_length(), hi.bit_length()) for lo, hi in ends(c))) for c in series)
