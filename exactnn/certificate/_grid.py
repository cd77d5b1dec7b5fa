"""Convolution and pooling of forms, in channel layout (one form a channel) and in element layout (one an entry)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod
from typing import Any

from ._atoms import Atoms, Lines, NodeForms, Shape, positive
from ._form import Form, combination, combined, constant
from ._meaning import linear
from ._network import Node
from ._numbers import Tensor, items, need, rational
from ._windowed import Window


def _tap(form: Form, place: int, padded: bool, atoms: Atoms) -> Form:
    """The form seen through one place of the kernel: the atom "tap" is an atom of the form, shifted.

    Outside the grid everything is zero, constants too. So a constant is a multiple of the shifted function that
    is 1 on the grid, unless there is no padding and the shifted place is always inside.
    """
    found = Form(form.constant, form.factor, tuple([atoms.base("tap", a, place) for a in form.atoms]), form.coefficients)
    if not padded or form.constant == 0:
        return found
    one = Form(Fraction(0), form.constant, (atoms.base("tap", "one", place),), (1,))
    return combination([(1, found.plus(-form.constant)), (1, one)])


def conv(node: Node, a: NodeForms, lines: Lines, atoms: Atoms, step: str) -> list[Form]:
    """In channel layout: equal tables of (atom, kernel place) coefficients make equal functions."""
    weight: Tensor = node.fields["weight"]
    window: Window = node.fields["window"]
    taps = prod(window.kernel)
    forms = [_tap(form, place, window.padded, atoms) for form in a.forms for place in range(taps)]
    axes = len(window.kernel)  # the kernels at one place, on a grid that is no larger
    alone = Window(window.kernel, (1,) * axes, ((0, 0),) * axes, (1,) * axes)
    at_once = node._replace(shape=(weight.shape[0], *(1,) * axes), fields={**node.fields, "window": alone})
    tables = combined(linear(at_once, [(len(a.forms), *window.kernel)]), forms, step)
    kind = ("conv", window, a.grid)
    return [
        _whole(table, lines.take(f"{step}, channel {o}"), kind, node.shape[1:], atoms, f"{step}, channel {o}", signed=True)
        for o, table in enumerate(tables)
    ]


def max_pool(node: Node, a: NodeForms, lines: Lines, atoms: Atoms, step: str) -> list[Form]:
    """In channel layout: max(c + F l) = c + F max(l) over the window, for F > 0."""
    kind = ("max_pool", node.fields["window"], a.grid)
    return [
        _whole(form, lines.take(f"{step}, channel {c}"), kind, node.shape[1:], atoms, f"{step}, channel {c}")
        for c, form in enumerate(a.forms)
    ]


def _whole(form: Form, line: Any, kind: tuple[Any, ...], grid: tuple[int, ...], atoms: Atoms, step: str, signed: bool = False) -> Form:
    """constant + F atom, where the linear part of the form is F times what the atom was made of."""
    if line is None:
        need(form.is_constant(), step, "the line is null, but the form is not constant")
        return constant(form.constant)
    word, number, raw = items(line, step, 3)
    need(word == "atom", step, 'expected ["atom", a, F] or null')
    factor = rational(raw, step)
    need(factor != 0, step, "the factor must not be zero")
    if not signed:
        positive(factor, step)
    made_of = form.plus(-form.constant).times(1 / factor)
    return atoms.use(number, kind, grid, made_of, step).times(factor).plus(form.constant)


def average_pool(node: Node, a: NodeForms, lines: Lines, atoms: Atoms, step: str) -> list[Form]:
    """In channel layout: averages of atoms are atoms; a constant stays, unless zeros around it count."""
    window: Window = node.fields["window"]
    counts = node.fields["count_padding"]
    key = ("average", window, counts, a.grid)
    found = []
    for form in a.forms:
        average = form._replace(atoms=tuple(atoms.base(*key, atom) for atom in form.atoms))
        if window.padded and counts and form.constant:
            one = Form(Fraction(0), form.constant, (atoms.base(*key, "one"),), (1,))
            average = combination([(1, average.plus(-form.constant)), (1, one)])
        found.append(average)
    return found


#: what these operations do to a value in channel layout
WINDOWED: dict[str, Callable[[Node, NodeForms, Lines, Atoms, str], list[Form]]] = {
    "conv": conv,
    "max_pool": max_pool,
    "average_pool": average_pool,
}


def by_channels(node: Node, operands: Sequence[NodeForms]) -> tuple[Node, list[list[Form]]] | None:
    """Where the channel layout stays: the node (what it holds for one channel after the other), and its operands' forms."""
    fields, forms, a = node.fields, [value.forms for value in operands], operands[0] if operands else None
    if node.op == "constant":
        value: Tensor = fields["value"]
        area = prod(value.shape[1:])
        firsts = value.numerators[::area]
        alike = value.shape[1:] and all(n == firsts[i // area] for i, n in enumerate(value.numerators))
        one = Tensor(value.shape[:1], firsts, value.denominator)
        return (node._replace(fields={"value": one}), []) if alike else None
    if node.op in ("add", "subtract"):
        channels = [_alike(value, node.shape) for value in operands]
        return None if None in channels else (node, [row for row in channels if row is not None])
    if a is None or not all(value.grid for value in operands):
        return None
    if node.op in ("piecewise_linear", "prelu", "smooth", "rational", "batch_norm"):
        return node, forms
    if node.op == "scale":
        factor: Tensor = fields["factor"]
        sizes = (1,) * (len(node.shape) - len(factor.shape)) + factor.shape
        return (node._replace(fields={"factor": factor._replace(shape=sizes[:1])}), forms) if prod(sizes[1:]) == 1 else None
    if node.op == "concat" and fields["axis"] == 0:
        return node, forms
    if node.op == "slice" and fields["taken"][1:] == tuple(map(range, a.grid)):
        return node._replace(fields={"taken": fields["taken"][:1]}), forms
    return None


def _alike(a: NodeForms, shape: Shape) -> list[Form] | None:
    """One form for each channel of ``shape`` (or one for all) if the operand is alike on its whole grid when broadcast."""
    if len(shape) < 2 or len(a.shape) > len(shape):
        return None
    if a.shape == shape and a.grid:
        return a.forms
    sizes = (1,) * (len(shape) - len(a.shape)) + a.shape
    return a.forms if prod(sizes[1:]) == 1 and all(form.is_constant() for form in a.forms) else None
