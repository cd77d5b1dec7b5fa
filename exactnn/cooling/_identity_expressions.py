"""The expressions that identities are stated in, as the certificate writes them (docs/certificate-format.md, "Identities").

An expression is a number (an integer or "p/q"), the name of a definition, a tensor, or a list [operation, arguments...]. Sums over axes
and maxima keep the axis with length 1, so that all operations broadcast as numpy's do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, as_fraction
from exactnn.exact.writing import json_number, json_tensor

Expression = Any

#: what t is called; outside of a derivative it is 0
MOVING = "t"


class Equation(NamedTuple):
    """left = right or left <= right, entry by entry; `words` say which of several it is."""

    left: Expression
    relation: str
    right: Expression
    words: str


def equal(left: Expression, right: Expression, words: str) -> Equation:
    """left = right."""
    return Equation(left, "=", right, words)


def at_most(left: Expression, right: Expression, words: str) -> Equation:
    """left <= right."""
    return Equation(left, "<=", right, words)


def number(value: Number) -> Expression:
    """A rational."""
    return json_number(as_fraction(value))


def tensor(array: RationalArray) -> Expression:
    """An array of rationals."""
    return json_tensor(array)


def output(network: str = "f") -> Expression:
    """(n, C): the values of a network at the points."""
    return ["output", network]


def parameter(node: str, field: str, network: str = "f") -> Expression:
    """Weights or biases of a node."""
    return ["parameter", network, node, field]


def gradient(node: str, field: str, upstream: Expression, network: str = "f") -> Expression:
    """The gradient of  sum_n u_n . f(x_n)  by them."""
    return ["gradient", network, node, field, upstream]


def plus(*terms: Expression) -> Expression:
    """Sum, entry by entry."""
    return terms[0] if len(terms) == 1 else ["+", *terms]


def minus(first: Expression, second: Expression) -> Expression:
    """Difference, entry by entry."""
    return ["-", first, second]


def times(*factors: Expression) -> Expression:
    """Product, entry by entry."""
    return factors[0] if len(factors) == 1 else ["*", *factors]


def total(a: Expression, axes: Sequence[int] | None = None) -> Expression:
    """Sum over axes; over all entries for None."""
    return ["sum", a] if axes is None else ["sum", a, list(axes)]


def inner(a: Expression, b: Expression) -> Expression:
    """<a, b>."""
    return total(times(a, b))


def reshape(a: Expression, shape: Sequence[int]) -> Expression:
    """Row-major reshape."""
    return ["reshape", a, list(shape)]


def largest(a: Expression) -> Expression:
    """Maximum over the last axis."""
    return ["max", a]


def exp(a: Expression) -> Expression:
    """exp, entry by entry."""
    return ["exp", a]


def logsumexp(a: Expression) -> Expression:
    """log sum exp over the last axis."""
    return ["logsumexp", a]


def softmax(a: Expression) -> Expression:
    """softmax over the last axis."""
    return ["softmax", a]


def derivative(order: int, a: Expression) -> Expression:
    """The derivative of this order by t, at t = 0."""
    return ["derivative", order, a]


def operands(a: Expression) -> Iterator[Expression]:
    """The expressions that an expression is made of."""
    if isinstance(a, list):
        kind = a[0]
        if kind == "gradient":
            yield a[4]
        elif kind == "derivative":
            yield a[2]
        elif kind in ("sum", "reshape"):
            yield a[1]
        elif kind not in ("output", "parameter"):
            yield from a[1:]


def key(a: Expression) -> str:
    """A text that is the same for the same expression."""
    return json.dumps(a, separators=(",", ":"))
