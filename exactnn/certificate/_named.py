"""Lines of nodes that are not piecewise linear: which atom stands for their function."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ._atoms import Atoms
from ._form import Form, combination, constant
from ._network import Node
from ._numbers import items, need

AT_ZERO: dict[str, Fraction | int] = {"tanh": 0, "sigmoid": Fraction(1, 2), "silu": 0, "gelu": 0, "gelu_tanh": 0}


def named(node: Node, atoms: Atoms, form: Form, line: Any, step: str) -> Form:
    """One atom for each function of a `smooth` or `rational` node and form, up to sign: phi(-t) = -phi(t), 1 - phi(t), phi(t) - t."""
    name, line = node.fields.get("function"), items(line, step)
    if line == ["zero"]:
        need(name in AT_ZERO, step, f"{name} has no rational value at 0")
        need(form.is_constant() and form.constant == 0, step, "the form is not 0")
        return constant(AT_ZERO[str(name)])
    need(len(line) == 3 and line[0] == "atom", step, 'expected ["atom", a, s] or ["zero"]')
    sign = line[2]
    need(type(sign) is int and sign in ((1,) if name is None else (1, -1)), step, f"the sign must be 1{' or -1' * bool(name)}")
    kind = ("smooth", name) if name else ("rational", node.fields["numerator"], node.fields["denominator"])
    inner = form.times(sign)
    atom = atoms.use(line[1], kind, inner, step)
    if sign == 1:
        return atom
    if name in ("tanh", "sigmoid"):
        return atom.times(-1).plus(Fraction(name == "sigmoid"))
    return combination([(1, atom), (-1, inner)])
