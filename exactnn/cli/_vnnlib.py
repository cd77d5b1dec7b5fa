"""Domains in VNN-LIB files: what they say of the inputs, as {x : A x <= b}, every decimal exactly as it is written.

Files of version 1 (X_0, X_1, ... and SMT-LIB's assertions) are read by z3, those of version 2 (declare-network) by the package vnnlib.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

from exactnn.errors import DomainError, LoadError, MissingDependency
from exactnn.exact.polyhedron import Box, Polyhedron

#: a linear form: the coefficient of each variable, and of 1 under None
Form = dict[str | None, Fraction]
_EXPONENT = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?[eE][+-]?\d{1,3}(?![\w.])")
_DECLARED = re.compile(r"\(\s*declare-(?:const|fun)\s+(\S+)")
_VERSION_2 = re.compile(r"^\s*\(\s*(?:vnnlib-version|declare-network)", re.MULTILINE)
_TURNED = {">=": "<=", ">": "<"}


@dataclass(frozen=True)
class Said:
    """One comparison, `form` <=, < or = 0 (or !=), or an `or`, whose `form` has all its variables."""

    relation: str
    form: Form

    @property
    def variables(self) -> set[str]:
        """Those that occur."""
        return {name for name in self.form if name is not None}


def read_vnnlib(path: str) -> tuple[Polyhedron, int]:
    """The domain, and how many constraints of outputs the file has, which are no part of it."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise LoadError(f"a VNN-LIB file is needed that can be read: {error}") from None
    inputs, outputs, said = _second(text) if _VERSION_2.search(text) else _first(text)
    rows: list[Form] = []
    passed = 0
    for one in said:
        if one.variables and one.variables <= outputs:
            passed += 1
        else:
            rows += _rows(one, inputs)
    if not rows:
        raise DomainError("constraints of the inputs are needed, but the file has none")
    return _domain(rows, inputs), passed


def _rows(one: Said, inputs: Mapping[str, int]) -> list[Form]:
    """form <= 0; for an equation also -form <= 0."""
    if not one.variables or one.variables - inputs.keys():
        found = ", ".join(sorted(one.variables)[:6]) or "no variable"
        raise DomainError(f"constraints of inputs alone, or of outputs alone, are needed, got one of {found}")
    if one.relation == "<=":
        return [one.form]
    if one.relation == "=":
        return [one.form, {name: -v for name, v in one.form.items()}]
    advice = {"or": "make a file for each case", "<": "write <= or >=", "!=": "leave it out"}[one.relation]
    raise DomainError(f"a polyhedron is needed, which {one.relation!r} of inputs ({min(one.variables)}, ...) does not make; {advice}")


def _domain(rows: Sequence[Form], inputs: Mapping[str, int]) -> Polyhedron:
    lower: dict[int, Fraction] = {}
    upper: dict[int, Fraction] = {}
    several = []
    for form in rows:
        entries = {inputs[name]: v for name, v in form.items() if name is not None and v}
        bound = -form.get(None, Fraction(0))
        if len(entries) != 1:
            several.append((entries, bound))
            continue
        ((k, v),) = entries.items()
        if v > 0:
            upper[k] = min(bound / v, upper.get(k, bound / v))
        else:
            lower[k] = max(bound / v, lower.get(k, bound / v))
    size = len(inputs)
    if not several and len(lower) == len(upper) == size:
        return Box([lower[k] for k in range(size)], [upper[k] for k in range(size)])
    several += [({k: Fraction(1)}, v) for k, v in upper.items()] + [({k: Fraction(-1)}, -v) for k, v in lower.items()]
    return Polyhedron([[entries.get(k, Fraction(0)) for k in range(size)] for entries, _ in several], [bound for _, bound in several])


def _sum(parts: Sequence[Form], signs: Sequence[int]) -> Form:
    found: Form = {}
    for part, sign in zip(parts, signs, strict=True):
        for name, v in part.items():
            found[name] = found.get(name, Fraction(0)) + sign * v
    return found


def _product(parts: Sequence[Form]) -> Form:
    found: Form = {None: Fraction(1)}
    for part in parts:
        if part.keys() <= {None}:
            found = {name: v * part.get(None, Fraction(0)) for name, v in found.items()}
        elif found.keys() <= {None}:
            found = {name: v * found[None] for name, v in part.items()}
        else:
            names = sorted(name for name in {*found, *part} if name is not None)
            raise DomainError(f"linear constraints are needed, but {' and '.join(names)} are multiplied")
    return found


def _comparison(relation: str, left: Form, right: Form) -> Said:
    form = _sum([left, right], [1, -1])
    if relation in _TURNED:
        return Said(_TURNED[relation], {name: -v for name, v in form.items()})
    return Said(relation, form)


# --- version 1 --------------------------------------------------------------------------------------------------------------


def _first(text: str) -> tuple[dict[str, int], set[str], list[Said]]:
    import z3

    declared = _DECLARED.findall(re.sub(r";.*", "", text))
    names = [name for name in declared if name.startswith("X_")]
    inputs = {name: int(name[2:]) for name in names if name[2:].isdecimal()}
    if len(names) != len(set(names)) or sorted(inputs.values()) != list(range(len(names))) or not names:
        raise DomainError(f"inputs X_0, X_1, ..., each declared once, are needed, got {', '.join(names[:4]) or 'none'}")
    plain = _EXPONENT.sub(lambda number: format(Decimal(number[0]), "f"), text)
    try:
        assertions = z3.parse_smt2_string(plain)
    except z3.Z3Exception as error:
        raise LoadError(f"no VNN-LIB file: {str(error).strip()[:200]}") from None
    outputs = {name for name in declared if name.startswith("Y_")}
    return inputs, outputs, [one for assertion in assertions for one in _of_z3(assertion)]


def _of_z3(e: Any) -> Iterator[Said]:
    import z3

    relations = {z3.Z3_OP_LE: "<=", z3.Z3_OP_LT: "<", z3.Z3_OP_GE: ">=", z3.Z3_OP_GT: ">", z3.Z3_OP_EQ: "=", z3.Z3_OP_DISTINCT: "!="}
    kind, parts = e.decl().kind(), e.children()
    if kind == z3.Z3_OP_AND or (kind == z3.Z3_OP_OR and len(parts) == 1):
        for part in parts:
            yield from _of_z3(part)
    elif kind in relations and len(parts) == 2 and z3.is_arith(parts[0]):
        yield _comparison(relations[kind], *(_form_of_z3(part) for part in parts))
    elif kind == z3.Z3_OP_OR:
        yield Said("or", {name: Fraction(1) for part in parts for one in _of_z3(part) for name in one.form})
    else:
        raise DomainError(f"and, or, <=, >= and = are read, got {e.decl().name()!r}")


def _form_of_z3(e: Any) -> Form:
    import z3

    if z3.is_rational_value(e) or z3.is_int_value(e):
        return {None: Fraction(e.as_string())}
    kind, parts = e.decl().kind(), [_form_of_z3(part) for part in e.children()]
    if kind == z3.Z3_OP_UNINTERPRETED and not parts:
        return {e.decl().name(): Fraction(1)}
    if kind == z3.Z3_OP_TO_REAL:
        return parts[0]
    if kind in (z3.Z3_OP_ADD, z3.Z3_OP_SUB):
        return _sum(parts, [1, *[1 if kind == z3.Z3_OP_ADD else -1] * (len(parts) - 1)])
    if kind == z3.Z3_OP_UMINUS:
        return _sum(parts, [-1])
    if kind == z3.Z3_OP_MUL:
        return _product(parts)
    raise DomainError(f"sums and multiples of inputs are read, got {e.decl().name()!r}")


# --- version 2 --------------------------------------------------------------------------------------------------------------


def _second(text: str) -> tuple[dict[str, int], set[str], list[Said]]:
    try:
        import vnnlib
    except ImportError as error:
        raise MissingDependency("VNN-LIB 2 needs the package vnnlib, which is not installed; pip install 'exactnn[vnnlib]'") from error
    try:
        query = vnnlib.parse_query_string(text)
    except vnnlib.VNNLibException as error:
        raise LoadError(f"no VNN-LIB file: {' '.join(str(error).split())[:300]}") from None
    if len(query.networks) != 1:
        raise DomainError(f"a file about one network is needed, got {len(query.networks)}")
    network = query.networks[0]
    names = [_name(one.name, place) for one in network.inputs for place in product(*map(range, one.shape))]
    inputs = {name: i for i, name in enumerate(names)}
    outputs = {_name(one.name, place) for one in network.outputs for place in product(*map(range, one.shape))}
    if len(inputs) < len(names):
        raise DomainError("inputs of different names are needed")
    return inputs, outputs, [one for assertion in query.assertions for one in _of_vnnlib(assertion.expr)]


def _name(name: str, place: Sequence[int]) -> str:
    return f"{name}[{','.join(map(str, place))}]"


def _of_vnnlib(e: Any) -> Iterator[Said]:
    relations = {"LessEqual": "<=", "LessThan": "<", "GreaterEqual": ">=", "GreaterThan": ">", "Equal": "=", "NotEqual": "!="}
    kind = type(e).__name__
    if kind == "And" or (kind == "Or" and len(e.args) == 1):
        for part in e.args:
            yield from _of_vnnlib(part)
    elif kind in relations:
        yield _comparison(relations[kind], _form_of_vnnlib(e.lhs), _form_of_vnnlib(e.rhs))
    elif kind == "Or":
        yield Said("or", {name: Fraction(1) for part in e.args for one in _of_vnnlib(part) for name in one.form})
    else:
        raise DomainError(f"and, or and comparisons are read, got {kind}")


def _form_of_vnnlib(e: Any) -> Form:
    kind = type(e).__name__
    if kind == "Var":
        return {_name(e.name, e.indices): Fraction(1)}
    if hasattr(e, "lexeme"):
        return {None: Fraction(str(e.lexeme))}
    if kind == "Negate":
        return _sum([_form_of_vnnlib(e.expr)], [-1])
    if kind == "Plus":
        return _sum([_form_of_vnnlib(part) for part in e.args], [1] * len(e.args))
    if kind == "Minus":
        return _sum([_form_of_vnnlib(part) for part in (e.head, *e.rest)], [1, *[-1] * len(e.rest)])
    if kind == "Multiply":
        return _product([_form_of_vnnlib(part) for part in e.args])
    raise DomainError(f"sums and multiples of inputs are read, got {kind}")
