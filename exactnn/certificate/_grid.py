"""Convolution and pooling of forms, in channel layout (one form a channel) and in element layout (one an entry)."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

from ._atoms import Atoms, Lines, NodeForms, positive
from ._form import Form, combination, constant, products
from ._lines import Kinks
from ._network import Node
from ._numbers import Tensor, items, need, rational
from ._windows import Window


def _tap(form: Form, place: int, padded: bool, atoms: Atoms) -> Form:
    """The form seen through one place of the kernel: the atom "tap" is an atom of the form, shifted.

    Outside the grid everything is zero, constants too. So a constant is a multiple of the shifted function that
    is 1 on the grid, unless there is no padding and the shifted place is always inside.
    """
    found = form._replace(atoms=tuple(atoms.base("tap", a, place) for a in form.atoms))
    if not padded or form.constant == 0:
        return found
    one = Form(Fraction(0), form.constant, (atoms.base("tap", "one", place),), (1,))
    return combination([(1, found.plus(-form.constant)), (1, one)])


def conv(node: Node, a: NodeForms, lines: Lines, atoms: Atoms, step: str) -> list[Form]:
    """In channel layout: equal tables of (atom, kernel place) coefficients make equal functions."""
    weight, groups = node.fields["weight"], node.fields["groups"]
    window: Window = node.fields["window"]
    out, inner, taps = weight.shape[0], weight.shape[1], prod(window.kernel)
    biases = node.fields["bias"].fractions()
    kind = ("conv", window, a.grid)
    found = []
    for g in range(groups):
        forms = [_tap(form, place, window.padded, atoms) for form in a.forms[g * inner : (g + 1) * inner] for place in range(taps)]
        channels = range(g * out // groups, (g + 1) * out // groups)
        kernels = [weight.numerators[o * inner * taps : (o + 1) * inner * taps] for o in channels]
        tables = products(kernels, weight.denominator, [biases[o] for o in channels], forms)
        for o, table in zip(channels, tables, strict=True):
            here = f"{step}, channel {o}"
            found.append(_whole(table, lines.take(here), kind, node.shape[1:], atoms, here, signed=True))
    return found


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


def average_pool(node: Node, a: NodeForms, atoms: Atoms) -> list[Form]:
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


def conv_entries(node: Node, a: NodeForms, forms: list[Form]) -> list[Form]:
    """In element layout: each entry is the sum of the taps inside the grid."""
    weight, groups = node.fields["weight"], node.fields["groups"]
    window: Window = node.fields["window"]
    out, inner, taps = weight.shape[0], weight.shape[1], prod(window.kernel)
    area, biases = prod(a.shape[1:]), node.fields["bias"].fractions()
    found: list[list[Form]] = [[] for _ in range(out)]
    for row in window.places(a.shape[1:], node.shape[1:]):
        inside = [(k, p) for k, p in enumerate(row) if p >= 0]
        picked = [c * taps + k for c in range(inner) for k, _ in inside]
        for g in range(groups):
            patch = [forms[(g * inner + c) * area + p] for c in range(inner) for _, p in inside]
            channels = range(g * out // groups, (g + 1) * out // groups)
            kernels = [[weight.numerators[o * inner * taps + k] for k in picked] for o in channels]
            values = products(kernels, weight.denominator, [biases[o] for o in channels], patch)
            for o, value in zip(channels, values, strict=True):
                found[o].append(value)
    return [form for channel in found for form in channel]


def pool_entries(node: Node, a: NodeForms, forms: list[Form], lines: Lines, kinks: Kinks, step: str) -> list[Form]:
    """In element layout: the mean of each window, or its maximum as m + max(next - m, 0), with a line each time."""
    window: Window = node.fields["window"]
    area, found = prod(a.shape[1:]), []
    for c in range(a.shape[0]):
        for row in window.places(a.shape[1:], node.shape[1:]):
            entries = [forms[c * area + p] for p in row if p >= 0]
            if node.op == "average_pool":
                share = Fraction(1, len(row) if node.fields["count_padding"] else len(entries))
                found.append(combination([(share, form) for form in entries]))
                continue
            best = entries[0]
            for k, form in enumerate(entries[1:]):
                here = f"{step}, entry {len(found)}, comparison {k}"
                rise = kinks.positive_part(combination([(1, form), (-1, best)]), lines.take(here), (), here)
                best = combination([(1, best), (1, rise)])
            found.append(best)
    return found


def per_channel(factor: Tensor, shape: tuple[int, ...]) -> list[Fraction] | None:
    """The factor of each channel, if it does not depend on the place on the grid."""
    sizes = (1,) * (len(shape) - len(factor.shape)) + factor.shape
    if any(size != 1 for size in sizes[1:]):
        return None
    values = factor.fractions()
    return values * shape[0] if len(values) == 1 else values
