"""The values of expressions, exactly where nothing transcendental enters, else in balls; as power series in t inside a derivative."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.claims import EqualAtClaim, IdentityClaim
from exactnn.cooling._identity_balls import Balls
from exactnn.cooling._identity_expressions import MOVING, Expression, key, operands
from exactnn.cooling._identity_series import Series, exponential, log_sum_exp, softmax
from exactnn.errors import ArgumentError, ExactnnError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import shown
from exactnn.exact.writing import from_json_number
from exactnn.network import Network
from exactnn.network.gradient import BackwardPass
from exactnn.network.parameters import parameters

_TRANSCENDENTAL = {"exp": exponential, "logsumexp": log_sum_exp, "softmax": softmax}
_COST = 64  # of an exponential, in products
_LONG, _LONGEST = 1 << 12, 1 << 20  # bits of numbers whose products cost as much as those of short ones, and of the longest ones


@dataclass
class Memory:
    """What several identities about one network and its data share: values and slopes, and backward passes by what is sent back."""

    passes: dict[tuple[int, RationalArray], BackwardPass] = field(default_factory=dict)
    gradients: dict[tuple[int, RationalArray, RationalArray, RationalArray | None], Any] = field(default_factory=dict)

    def backward(self, net: Network, points: RationalArray) -> BackwardPass:
        """The network at the points; it is kept, so that its identity stays its own."""
        found = self.passes.get((id(net), points))
        if found is None:
            found = self.passes[id(net), points] = BackwardPass(net, points)
        return found


class Evaluator:
    """Values of expressions for some networks, points and definitions.

    `work` counts as the checker does (docs/certificate-format.md, Limits).
    """

    def __init__(
        self,
        networks: Mapping[str, Network],
        points: RationalArray,
        definitions: Sequence[tuple[str, Expression]],
        bits: int,
        memory: Memory,
    ) -> None:
        self.networks, self.points, self.bits, self._memory = networks, points, bits, memory
        self._definitions = dict(definitions)
        self._known: dict[tuple[str, int], Series] = {}
        self._moving: dict[str, bool] = {}
        self._seen: set[str] = set()
        self.work = 0

    def value(self, a: Expression) -> Balls:
        """The value at t = 0; ArgumentError for what is no expression (docs/certificate-format.md)."""
        try:
            return self._series(a, 0)[0]
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, ExactnnError):
                raise
            raise ArgumentError(f"expression: {shown(a)} cannot be evaluated: {type(error).__name__} {error}") from None

    def _series(self, a: Expression, order: int) -> Series:
        """The coefficients of 1, t, ..., t^order; of 1 alone where there is no t."""
        if not self._moves(a):
            order = 0
        where = key(a), order
        if where not in self._known:
            self._known[where] = [coefficient.rounded(self.bits) for coefficient in self._evaluated(a, order)]
        return self._known[where]

    def _moves(self, a: Expression) -> bool:
        """Whether t occurs in it, outside of a derivative."""
        if isinstance(a, str) and a[0].isalpha():
            if a == MOVING:
                return True
            if a not in self._moving:
                self._moving[a] = self._moves(self._definitions[a])
            return self._moving[a]
        return not (isinstance(a, list) and a[0] in ("derivative", "gradient")) and any(map(self._moves, operands(a)))

    def _evaluated(self, a: Expression, order: int) -> Series:
        if isinstance(a, dict):
            return [Balls(_array(a))]
        if isinstance(a, str) and a[0].isalpha():
            if a == MOVING:
                return [Balls(RationalArray.of(int(k == 1))) for k in range(order + 1)]
            return self._series(self._definitions[a], order)
        if not isinstance(a, list):
            return [Balls(RationalArray.of(from_json_number(a)))]
        kind, *rest = a
        if kind in ("output", "parameter", "gradient"):
            return [self._of_network(kind, *rest)]
        if kind == "derivative":
            wanted: int = rest[0]
            found = self._series(rest[1], wanted)
            zero = found[0] * Balls(RationalArray.of(0))
            return [found[wanted] * Balls(RationalArray.of(math.factorial(wanted))) if wanted < len(found) else zero]
        values = [self._series(b, order) for b in operands(a)]
        result = self._combined(kind, values, rest, order)
        terms, entries = len(result) ** 2, max(math.prod(v[0].shape) for v in (result, *values))
        self._spend(entries * terms * (_COST * len(values[0]) if kind in _TRANSCENDENTAL else len(values)))
        self.work += entries * (max(map(_longest, values)) // _LONG) ** 2
        return result

    def _combined(self, kind: str, values: list[Series], rest: list[Any], order: int) -> Series:
        if kind in ("max", "logsumexp", "softmax") and not values[0][0].shape:
            raise ArgumentError(f"expression: {kind} needs an array, got a single number")
        if kind in _TRANSCENDENTAL:
            return _TRANSCENDENTAL[kind](values[0], self.bits)
        if kind == "+":
            result = values[0]
            for other in values[1:]:
                result = _add(result, other)
            return result
        if kind == "-":
            minus = Balls(RationalArray.of(-1))
            return _add(values[0], [b * minus for b in values[1]])
        if kind == "*":
            result = values[0]
            for other in values[1:]:
                result = [b.rounded(self.bits) for b in _product(result, other, order)]
                longest = _longest(result)
                entries = sum(b.middle.size for b in result)
                self.work += entries * (longest // _LONG) ** 2 if longest < _LONGEST else IdentityClaim.WORK
            return result
        if kind == "sum":
            return [b.sum(rest[1] if len(rest) > 1 else None) for b in values[0]]
        if kind == "reshape":
            return [b.reshape(rest[1]) for b in values[0]]
        if kind == "max" and len(values[0]) == 1:
            return [values[0][0].largest()]
        raise ArgumentError(f"expression: an operation of docs/certificate-format.md is needed, got {kind!r}")

    # --- networks ----------------------------------------------------------------------------------------------------------

    def _of_network(self, kind: str, name: str, node: str = "", place: str = "", upstream: Expression = None) -> Balls:
        net = self.networks[name]
        if kind == "parameter":
            return Balls(parameters(net.operation(node))[place])
        back = self._memory.backward(net, self.points)
        products = EqualAtClaim.work_at_a_point(net) * len(self.points)
        if f"output {name}" not in self._seen:
            self._seen.add(f"output {name}")
            self._spend(products)
        if kind == "output":
            return Balls(back.output)
        sent = self._series(upstream, 0)[0]
        if sent.shape != (len(self.points), net.output_dim):
            raise ShapeError(f"gradient: what is sent back needs the shape {(len(self.points), net.output_dim)}, got {sent.shape}")
        if (told := f"gradient {name} {key(upstream)}") not in self._seen:
            self._seen.add(told)
            self._spend(2 * products)
            self.work += 2 * products * (_longest([sent]) // _LONG)
        where = (id(net), self.points, sent.middle, sent.radius)
        if where not in self._memory.gradients:
            exact = back.parameters(back.rows(sent.middle))
            reach = None if sent.radius is None else back.parameters(back.rows(sent.radius, absolute=True), absolute=True)
            self._memory.gradients[where] = exact, reach
        exact, reach = self._memory.gradients[where]
        return Balls(exact[node][place], None if reach is None else reach[node][place])

    def _spend(self, products: int) -> None:
        self.work += products * (1 + self.bits // 64)


def _longest(series: Series) -> int:
    """The bits of its longest number for the checker, which does not reduce fractions: at most twice those here."""
    return 2 * max(max(b.middle.bound.bit_length(), b.middle.denominator.bit_length()) for b in series)


def _add(first: Series, second: Series) -> Series:
    longest = max(len(first), len(second))
    zero = Balls(RationalArray.zeros(np.broadcast_shapes(first[0].shape, second[0].shape)))  # all coefficients have one shape
    padded = [[*a, *[zero] * (longest - len(a))] for a in (first, second)]
    return [a + b for a, b in zip(*padded, strict=True)]


def _product(first: Series, second: Series, order: int) -> Series:
    found: list[Balls | None] = [None] * min(len(first) + len(second) - 1, order + 1)
    for i, a in enumerate(first):
        for j, b in enumerate(second[: len(found) - i]):
            part, before = a * b, found[i + j]
            found[i + j] = part if before is None else before + part
    return [b for b in found if b is not None]


def _array(document: dict[str, Any]) -> RationalArray:
    numerators = [int(n, 0) if isinstance(n, str) else n for n in document["numerators"]]
    denominator = document["denominator"]
    over = int(denominator, 0) if isinstance(denominator, str) else denominator
    return RationalArray.from_fractions([Fraction(n, over) for n in numerators], document["shape"])
