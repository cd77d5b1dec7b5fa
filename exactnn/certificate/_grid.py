"""Networks on grids: the channel layout, in which one form stands for a channel, at every place of its grid.

A value that lost this layout has one form for each entry, as in `_forms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

from . import _budget
from ._atoms import Shape, positive
from ._form import FORM, Form, combination, constant, single
from ._forms import Forms
from ._meaning import node_steps
from ._network import Network, Node
from ._numbers import Tensor, items, need, rational
from ._windowed import Window


class Value(NamedTuple):
    """The forms of a node.

    With a ``grid`` (the axes of the shape after the first) there is one form for each channel. With grid () there is one for each
    entry, row-major.
    """

    shape: Shape
    grid: Shape
    forms: list[Form]


class Channels(Forms):
    """Node by node; layouts are decided by the rules of the format, never by the certificate."""

    def __init__(self, *given: Any) -> None:
        self._first: dict[int, int] = {}  # for the base atom of an input channel: the flat index of its first entry
        super().__init__(*given)

    def entries(self, network: Network) -> list[Form]:
        """Those of the flat output."""
        starts, values = network.starts(), list[Value]()
        for i, node in enumerate(network.nodes):
            operands = [values[p] for p in node.operands]
            values.append(self._input(node, starts[i]) if node.op == "input" else self._value(node, operands))
        self.atoms.grid = ()
        return [form for i in network.outputs for form in self._elements(values[i])]

    def at(self, form: Form, place: int) -> Form:
        """A form on a grid, at one place of it."""
        base, first = self.atoms.base, self._first
        atoms = [base("coordinate", first[a] + place) if a in first else base("element", a, place) for a in form.atoms]
        return Form(form.constant, form.factor, tuple(atoms), form.coefficients)

    def _elements(self, value: Value) -> list[Form]:
        """One form for each entry."""
        if not value.grid:
            return value.forms
        size = sum(len(form.atoms) + FORM for form in value.forms) * prod(value.grid)
        _budget.hold(size, "forms")
        _budget.charge(size, "forms")
        return [self.at(form, place) for form in value.forms for place in range(prod(value.grid))]

    def _input(self, node: Node, start: int) -> Value:
        size, grid = prod(node.shape), node.shape[1:]
        if not grid or self.by_elements:
            return Value(node.shape, (), self.input(node, start))
        firsts = range(start, start + size, prod(grid))
        atoms = [self.atoms.base("input", first, grid) for first in firsts]
        self._first.update(zip(atoms, firsts, strict=True))
        return Value(node.shape, grid, list(map(single, atoms)))

    def _value(self, node: Node, operands: list[Value]) -> Value:
        self.atoms.grid = grid = node.shape[1:]
        if node.op in ("conv", "max_pool", "average_pool") and operands[0].grid:
            return Value(node.shape, grid, self._windowed(node, operands[0]))
        if (one := _by_channels(node, operands)) is not None:
            forms = [a.forms for a in operands]
            return Value(node.shape, grid, self._alone(one._replace(shape=node.shape[:1]), [(len(row),) for row in forms], forms))
        self.atoms.grid = ()
        return Value(node.shape, (), self._alone(node, [a.shape for a in operands], list(map(self._elements, operands))))

    def _alone(self, node: Node, shapes: Sequence[Shape], operands: list[list[Form]]) -> list[Form]:
        """The steps of the node, on operands with one form for each entry."""
        values = list(operands)
        for step in node_steps(0, node, shapes, tuple(range(len(values))), len(values)):
            x = [values[p] for p in step.operands]
            if step.rule is not None:
                values.append(self.linear(node, step.rule, x))
            else:
                values.append(self.positive(node, x[0]) if step.kind == "positive" else self.function(node, x[0]))
        return values[-1]

    def _windowed(self, node: Node, a: Value) -> list[Form]:
        """Convolution and pooling: equal tables of (atom, kernel place) coefficients, or equal operands, make equal functions."""
        window: Window = node.fields["window"]
        if node.op == "average_pool":  # averages of atoms are atoms
            counts = node.fields["count_padding"]
            return [self._seen(form, ("average", window, counts, a.grid), window.padded and counts) for form in a.forms]
        tables = a.forms
        if node.op == "conv":
            taps = range(prod(window.kernel))
            forms = [self._seen(form, ("tap", place), window.padded) for form in a.forms for place in taps]
            axes = len(window.kernel)  # the kernels at one place, on a grid that is no larger
            at_once = Window(window.kernel, (1,) * axes, ((0, 0),) * axes, (1,) * axes)
            alone = node._replace(shape=(node.shape[0], *(1,) * axes), fields={**node.fields, "window": at_once})
            tables = self._alone(alone, [(len(a.forms), *window.kernel)], [forms])
        return self.by_lines(node, tables, partial(self._whole, (node.op, window, a.grid)))

    def _seen(self, form: Form, key: tuple[Any, ...], padded: bool) -> Form:
        """The form seen through a place of a kernel, or as an average: its atoms become other ones.

        Outside the grid everything is zero, constants too. So where that counts, a constant is a multiple of the function that becomes
        of what is 1 on the grid.
        """
        found = form._replace(atoms=tuple([self.atoms.base(*key, atom) for atom in form.atoms]))
        if not padded or not form.constant:
            return found
        return combination([(1, found.plus(-form.constant)), (form.constant, single(self.atoms.base(*key, "one")))])

    def _whole(self, kind: tuple[Any, ...], form: Form, line: Any, step: str) -> Form:
        """constant + F atom, where the linear part of the form is F times what the atom was made of; max needs F > 0."""
        if line is None:
            need(form.is_constant(), step, "the line is null, but the form is not constant")
            return constant(form.constant)
        word, number, raw = items(line, step, 3)
        need(word == "atom", step, 'expected ["atom", a, F] or null')
        factor = rational(raw, step)
        need(factor != 0, step, "the factor must not be zero")
        if kind[0] == "max_pool":
            positive(factor, step)
        made_of = form.plus(-form.constant).times(1 / factor)
        return self.atoms.use(number, kind, made_of, step).times(factor).plus(form.constant)


def _by_channels(node: Node, operands: Sequence[Value]) -> Node | None:
    """What the node holds for one channel after the other, where the channel layout stays."""
    fields = node.fields
    if node.op == "constant":
        value: Tensor = fields["value"]
        area = prod(value.shape[1:])
        firsts = value.numerators[::area]
        alike = value.shape[1:] and all(n == firsts[i // area] for i, n in enumerate(value.numerators))
        return node._replace(fields={"value": Tensor(value.shape[:1], firsts, value.denominator)}) if alike else None
    if node.op in ("add", "subtract"):
        return node if all(_is_alike(value, node.shape) for value in operands) else None
    if not all(value.grid for value in operands):
        return None
    if node.op in ("piecewise_linear", "prelu", "smooth", "rational", "batch_norm") or (node.op == "concat" and fields["axis"] == 0):
        return node
    if node.op == "scale":
        factor: Tensor = fields["factor"]
        sizes = (1,) * (len(node.shape) - len(factor.shape)) + factor.shape
        return node._replace(fields={"factor": factor._replace(shape=sizes[:1])}) if prod(sizes[1:]) == 1 else None
    if node.op == "slice" and fields["taken"][1:] == tuple(map(range, operands[0].grid)):
        return node._replace(fields={"taken": fields["taken"][:1]})
    return None


def _is_alike(a: Value, shape: Shape) -> bool:
    """Whether the operand, broadcast to the shape, is alike on its whole grid: it has one form for each channel, or one for all."""
    if len(shape) < 2 or len(a.shape) > len(shape):
        return False
    sizes = (1,) * (len(shape) - len(a.shape)) + a.shape
    return (a.shape == shape and a.grid != ()) or (prod(sizes[1:]) == 1 and all(form.is_constant() for form in a.forms))
