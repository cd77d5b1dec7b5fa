"""The values of expressions, in any arithmetic; as power series in t inside a derivative."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from exactnn.claims import EqualAtClaim, IdentityClaim
from exactnn.cooling._identity_expressions import MOVING, Expression, key, operands
from exactnn.errors import ArgumentError, ExactnnError, ShapeError
from exactnn.exact.array import RationalArray, integer_array
from exactnn.exact.numbers import shown
from exactnn.exact.writing import from_json_number
from exactnn.network import Network
from exactnn.network.parameters import parameters

_TRANSCENDENTAL = ("exp", "logsumexp", "softmax")
_COST = 64  # of an exponential, in products
_LONG, _LONGEST = 1 << 12, 1 << 20  # bits of numbers whose products cost as much as those of short ones, and of the longest ones


class Value(Protocol):
    """An array of numbers, or of enclosures of numbers."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    def __add__(self, other: Self) -> Self: ...
    def __sub__(self, other: Self) -> Self: ...
    def __mul__(self, other: Self) -> Self: ...

    def sum(self, axes: Sequence[int] | None) -> Self:
        """Sums over axes, which stay with length 1; over all entries, without axes, for None."""

    def largest(self) -> Self:
        """The maximum over the last axis, which stays with length 1."""

    def reshape(self, shape: Sequence[int]) -> Self:
        """Row-major reshape."""

    def bits(self) -> int:
        """Those of the longest number."""


V = TypeVar("V", bound=Value)


class Arithmetic(Protocol[V]):
    """How values are made: from numbers, by transcendental functions of series (lists of coefficients), from networks."""

    @property
    def bits(self) -> int:
        """Those behind the point."""

    def number(self, array: RationalArray) -> V:
        """The array."""

    def function(self, kind: str, series: list[V]) -> list[V]:
        """exp; logsumexp and softmax over the last axis."""

    def rounded(self, value: V) -> V:
        """The value with numbers that are not longer than need be."""

    def output(self, net: Network) -> V:
        """The values of a network at the points, (n, C)."""

    def gradient(self, net: Network, node: str, field: str, sent: V) -> V:
        """The gradient by a field of what is sent back, (n, C)."""


class Evaluator(Generic[V]):
    """Values of expressions for some networks, at so many points, with definitions.

    `work` counts as the checker does (docs/certificate-format.md, Limits).
    """

    def __init__(
        self, networks: Mapping[str, Network], count: int, definitions: Sequence[tuple[str, Expression]], arithmetic: Arithmetic[V]
    ) -> None:
        self.networks, self.count, self.arithmetic = networks, count, arithmetic
        self._definitions = dict(definitions)
        self._known: dict[tuple[str, int], list[V]] = {}
        self._moving: dict[str, bool] = {}
        self._seen: set[str] = set()
        self.work = 0

    def value(self, a: Expression) -> V:
        """The value at t = 0; ArgumentError for what is no expression (docs/certificate-format.md)."""
        try:
            return self._series(a, 0)[0]
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, ExactnnError):
                raise
            raise ArgumentError(f"expression: {shown(a)} cannot be evaluated: {type(error).__name__} {error}") from None

    def _series(self, a: Expression, order: int) -> list[V]:
        """The coefficients of 1, t, ..., t^order; of 1 alone where there is no t."""
        if not self._moves(a):
            order = 0
        where = key(a), order
        if where not in self._known:
            self._known[where] = [self.arithmetic.rounded(b) for b in self._evaluated(a, order)]
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

    def _evaluated(self, a: Expression, order: int) -> list[V]:
        if isinstance(a, dict):
            return [self.arithmetic.number(_array(a))]
        if isinstance(a, str) and a[0].isalpha():
            if a == MOVING:
                return [self._number(int(k == 1)) for k in range(order + 1)]
            return self._series(self._definitions[a], order)
        if not isinstance(a, list):
            return [self._number(from_json_number(a))]
        kind, *rest = a
        if kind in ("output", "parameter", "gradient"):
            return [self._of_network(kind, *rest)]
        if kind == "derivative":
            wanted: int = rest[0]
            found = self._series(rest[1], wanted)
            zero = found[0] * self._number(0)
            return [found[wanted] * self._number(math.factorial(wanted)) if wanted < len(found) else zero]
        values = [self._series(b, order) for b in operands(a)]
        result = self._combined(kind, values, rest, order)
        terms, entries = len(result) ** 2, max(math.prod(v[0].shape) for v in (result, *values))
        self._spend(entries * terms * (_COST * len(values[0]) if kind in _TRANSCENDENTAL else len(values)))
        self.work += entries * (max(map(_longest, values)) // _LONG) ** 2
        return result

    def _combined(self, kind: str, values: list[list[V]], rest: list[Any], order: int) -> list[V]:
        if kind in ("max", "logsumexp", "softmax") and not values[0][0].shape:
            raise ArgumentError(f"expression: {kind} needs an array, got a single number")
        if kind in _TRANSCENDENTAL:
            return self.arithmetic.function(kind, values[0])
        if kind == "+":
            result = values[0]
            for other in values[1:]:
                result = self._added(result, other, operator.add)
            return result
        if kind == "-":
            return self._added(values[0], values[1], operator.sub)
        if kind == "*":
            result = values[0]
            for other in values[1:]:
                result = [self.arithmetic.rounded(b) for b in _product(result, other, order)]
                longest = _longest(result)
                entries = sum(math.prod(b.shape) for b in result)
                self.work += entries * (longest // _LONG) ** 2 if longest < _LONGEST else IdentityClaim.WORK
            return result
        if kind == "sum":
            return [b.sum(rest[1] if len(rest) > 1 else None) for b in values[0]]
        if kind == "reshape":
            return [b.reshape(rest[1]) for b in values[0]]
        if kind == "max" and len(values[0]) == 1:
            return [values[0][0].largest()]
        raise ArgumentError(f"expression: an operation of docs/certificate-format.md is needed, got {kind!r}")

    def _number(self, value: Fraction | int) -> V:
        return self.arithmetic.number(RationalArray.of(value))

    def _added(self, first: list[V], second: list[V], add: Callable[[V, V], V]) -> list[V]:
        longest = max(len(first), len(second))
        shape = np.broadcast_shapes(first[0].shape, second[0].shape)  # all coefficients have one shape
        padded = [[*a, *[self.arithmetic.number(RationalArray.zeros(shape))] * (longest - len(a))] for a in (first, second)]
        return [add(a, b) for a, b in zip(*padded, strict=True)]

    # --- networks ----------------------------------------------------------------------------------------------------------

    def _of_network(self, kind: str, name: str, node: str = "", place: str = "", upstream: Expression = None) -> V:
        net = self.networks[name]
        if kind == "parameter":
            return self.arithmetic.number(parameters(net.operation(node))[place])
        products = EqualAtClaim.work_at_a_point(net) * self.count
        if f"output {name}" not in self._seen:
            self._seen.add(f"output {name}")
            self._spend(products)
        if kind == "output":
            return self.arithmetic.output(net)
        sent = self._series(upstream, 0)[0]
        if sent.shape != (self.count, net.output_dim):
            raise ShapeError(f"gradient: what is sent back needs the shape {(self.count, net.output_dim)}, got {sent.shape}")
        if (told := f"gradient {name} {key(upstream)}") not in self._seen:
            self._seen.add(told)
            self._spend(2 * products)
            self.work += 2 * products * (_longest([sent]) // _LONG)
        return self.arithmetic.gradient(net, node, place, sent)

    def _spend(self, products: int) -> None:
        self.work += products * (1 + self.arithmetic.bits // 64)


def _longest(series: Sequence[Value]) -> int:
    """The bits of its longest number for the checker, which does not reduce fractions: at most twice those here."""
    return 2 * max(b.bits() for b in series)


def _product(first: list[V], second: list[V], order: int) -> list[V]:
    found: list[V | None] = [None] * min(len(first) + len(second) - 1, order + 1)
    for i, a in enumerate(first):
        for j, b in enumerate(second[: len(found) - i]):
            part, before = a * b, found[i + j]
            found[i + j] = part if before is None else before + part
    return [b for b in found if b is not None]


def _array(document: dict[str, Any]) -> RationalArray:
    numerators = [int(n, 0) if isinstance(n, str) else n for n in document["numerators"]]
    denominator = document["denominator"]
    over = int(denominator, 0) if isinstance(denominator, str) else denominator
    return RationalArray(integer_array(numerators, document["shape"]), over)
