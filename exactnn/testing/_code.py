"""A network as Python code that makes it again: what a report of a failure shows.

eval(network_code(net)) == net
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from fractions import Fraction
from typing import Any

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import rational_text
from exactnn.network import Activation, Affine, Network, PiecewiseLinear, Rational, Smooth, mlp, relu


def network_code(net: Network, name: str = "f") -> str:
    """Lines of code that define the network; `xn` stands for exactnn. `xn.mlp` where that gives the same network.

    Examples
    --------
    >>> import exactnn as xn
    >>> print(network_code(xn.mlp([([[1], [-1]], [0, "1/2"]), ([[1, 2]], [0])])))
    f = xn.mlp([([[1], [-1]], [0, '1/2']), ([[1, 2]], [0])], 'relu')
    """
    if not isinstance(net, Network):
        raise ArgumentError(f"net: a Network is needed, got {type(net).__name__}")
    return f"{name} = {_as_mlp(net) or _as_graph(net)}"


def _as_mlp(net: Network) -> str | None:
    chain = dense_chain(net)
    text = None if chain is None else _unit(chain[1])
    if chain is None or text is None or mlp(*chain) != net:  # it may have other names
        return None
    pairs, _ = chain
    shown = ", ".join(f"({_array(w)}, {_array(b)})" for w, b in pairs)
    return f"xn.mlp([{shown}], {text})"


def dense_chain(net: Network) -> tuple[list[tuple[RationalArray, RationalArray]], Activation] | None:
    """The layers (W, b) and the unit between them, which is what `mlp` makes such a network of; None for any other network."""
    names = [n for n in net.order if n not in net.inputs]
    operations = [net.operation(n) for n in names]
    layers, units = [op for op in operations[::2] if isinstance(op, Affine)], [op for op in operations[1::2] if isinstance(op, Activation)]
    one = len(net.inputs) == len(net.outputs) == 1 and len(net.shape(net.inputs[0])) == 1 and all(len(net.operands(n)) == 1 for n in names)
    if not one or len(layers) != len(units) + 1 or len(layers) + len(units) != len(names) or any(unit != units[0] for unit in units):
        return None
    return [(layer.weight, layer.bias) for layer in layers], units[0] if units else relu()


def _unit(unit: Any) -> str | None:
    """What `activation` reads as this unit."""
    if isinstance(unit, (PiecewiseLinear, Smooth)) and unit.name != "piecewise_linear":
        return repr(unit.name)
    return None


def _as_graph(net: Network) -> str:
    nodes = ", ".join(f"({name!r}, {', '.join([_operation(net.operation(name)), *map(repr, net.operands(name))])})" for name in net.order)
    return f"xn.testing.graph([{nodes}], {list(net.inputs)}, {list(net.outputs)})"


def _operation(operation: Any) -> str:
    if isinstance(operation, Activation) and (text := _unit(operation)):
        return f"xn.network.activation({text})"
    if isinstance(operation, PiecewiseLinear):
        kinks = ", ".join(f"({_number(a)}, {_number(j)})" for a, j in operation.kinks)
        return f"xn.network.PiecewiseLinear.of({_number(operation.slope)}, {_number(operation.constant)}, [{kinks}])"
    if isinstance(operation, Rational):
        sides = (", ".join(map(_number, side)) for side in (operation.numerator, operation.denominator))
        return "xn.network.Rational.of([{}], [{}])".format(*sides)
    return f"xn.network.{type(operation).__name__}({', '.join(_fields(operation))})"


def _fields(operation: Any) -> Iterator[str]:
    for field in fields(operation):
        value = getattr(operation, field.name)
        if isinstance(value, RationalArray):
            yield f"xn.testing.array({_array(value)})"
        else:
            yield f"xn.testing.number({_number(value)})" if isinstance(value, Fraction) else repr(value)


def _array(array: RationalArray) -> str:
    """Nested lists of numbers; `of` reads them again."""

    def nested(shape: tuple[int, ...], entries: Iterator[str]) -> str:
        if not shape:
            return next(entries)
        return f"[{', '.join(nested(shape[1:], entries) for _ in range(shape[0]))}]"

    return nested(array.shape, map(_number, array.to_fractions()))


def _number(value: Fraction) -> str:
    text = rational_text(value)
    return text if value.denominator == 1 and len(text) <= 4000 else repr(text)
