"""Claim "identity": equations between weights, gradients and values of networks at data points, as they are stated."""

from __future__ import annotations

from typing import Any, NamedTuple

from ._numbers import Tensor, index, items, need, rational, shape, show, tensor, text

MOVING = "t"  # what the variable of power series is called; outside of derivatives it is 0
_ORDER = 8  # of derivatives, at the most
_OPERANDS = {"+": None, "-": 2, "*": None, "max": 1, "exp": 1, "logsumexp": 1, "softmax": 1}


class Equations(NamedTuple):
    """What a claim of "identity" states."""

    points: Tensor
    definitions: dict[str, Any]
    triples: list[list[Any]]  # left, "=" or "<=", right
    networks: tuple[str, ...]


def read_equations(document: Any) -> Equations:
    """The claim's points, definitions and equations."""
    points = tensor(document["points"], "claim: points")
    need(len(points.shape) == 2, "claim: points", "one row for each point is expected")
    definitions: dict[str, Any] = {}
    for i, raw in enumerate(items(document["definitions"], "claim: definitions")):
        here = f"claim: definitions[{i}]"
        name, expression = items(raw, here, 2)
        name = text(name, here)
        need(name.isidentifier() and name[0].isalpha() and name != MOVING and name not in definitions, here, f"{show(name)} is no new name")
        _look(expression, definitions, here)
        definitions[name] = expression
    triples = [items(raw, f"claim: equations[{i}]", 3) for i, raw in enumerate(items(document["equations"], "claim: equations"))]
    need(bool(triples), "claim: equations", "there is none")
    for i, (left, relation, right) in enumerate(triples):
        need(relation in ("=", "<="), f"claim: equations[{i}]", f"unknown relation {show(relation)}")
        for side in (left, right):
            _look(side, definitions, f"claim: equations[{i}]")
    used = {name for side in [*definitions.values(), *(s for t in triples for s in (t[0], t[2]))] for name in _named(side)}
    return Equations(points, definitions, triples, ("f", "g") if "g" in used else ("f",))


def _look(a: Any, names: dict[str, Any], step: str) -> None:
    """Whether an expression is one: its operations, how many operands they have, names that are defined before it."""
    if type(a) is dict:
        tensor(a, step)
    elif type(a) is str and a[:1].isalpha():
        need(a == MOVING or a in names, step, f"there is no definition of {show(a)} before")
    elif type(a) is not list:
        rational(a, step)
    else:
        need(bool(a) and type(a[0]) is str, step, "an operation is expected")
        kind, rest = a[0], a[1:]
        if kind in ("output", "parameter", "gradient"):
            length = {"output": 1, "parameter": 3, "gradient": 4}[kind]
            need(len(rest) == length and rest[0] in ("f", "g"), step, f"{kind} of f or g, with {length} arguments, is expected")
            for name in rest[1:3]:
                text(name, step)
        elif kind == "derivative":
            need(len(rest) == 2, step, "an order and an expression are expected")
            index(rest[0], _ORDER + 1, f"{step}: derivative")
        elif kind == "sum":
            need(len(rest) in (1, 2), step, "a sum has an operand, and axes if wanted")
            if len(rest) == 2:
                axes = items(rest[1], step)
                need(bool(axes) and all(type(axis) is int and axis >= 0 for axis in axes) and len(set(axes)) == len(axes), step, "no axes")
        elif kind == "reshape":
            need(len(rest) == 2, step, "an operand and a shape are expected")
            shape(rest[1], step)
        else:
            need(kind in _OPERANDS, step, f"unknown operation {show(kind)}")
            count = _OPERANDS[kind]
            need(len(rest) == count if count else len(rest) >= 2, step, f"{kind} has {count or 'two or more'} operands")
        for operand in operands_of(a):
            _look(operand, names, step)


def operands_of(a: list[Any]) -> list[Any]:
    """The expressions that an operation is applied to."""
    if a[0] in ("output", "parameter"):
        return []
    return {"gradient": a[4:5], "derivative": a[2:3], "sum": a[1:2], "reshape": a[1:2]}.get(a[0], a[1:])


def _named(a: Any) -> set[str]:
    """The networks in an expression."""
    if type(a) is not list:
        return set()
    own = {a[1]} if a[0] in ("output", "parameter", "gradient") else set()
    return own.union(*map(_named, operands_of(a)))
