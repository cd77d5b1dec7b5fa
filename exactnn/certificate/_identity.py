"""Claim "identity": equations between weights, gradients and values of networks at data points, as they are stated."""

from __future__ import annotations

from typing import Any, NamedTuple

from ._common import pack
from ._numbers import Tensor, count, index, items, need, rational, shape, show, tensor, text

MOVING = "t"  # what the variable of power series is called; outside of derivatives it is 0
_ORDER = 8  # of derivatives, at the most
#: what follows the name of an operation: E an expression, and what `_GIVEN` reads; "E*" two expressions or more
_OPERATIONS = {
    "output": ("network",),
    "parameter": ("network", "name", "name"),
    "gradient": ("network", "name", "name", "E"),
    "derivative": ("order", "E"),
    "sum": ("E", "axes"),
    "reshape": ("E", "shape"),
    "-": ("E", "E"),
    **dict.fromkeys(("+", "*"), ("E*",)),
    **dict.fromkeys(("max", "exp", "logsumexp", "softmax"), ("E",)),
}


class Expression(NamedTuple):
    """An operation, what is given with it, and the expressions that it is applied to; names of definitions are put in."""

    kind: str
    given: tuple[Any, ...]
    parts: tuple[Expression, ...] = ()
    moves: bool = False  # whether t occurs in it outside of derivatives
    networks: frozenset[str] = frozenset()


class Equations(NamedTuple):
    """What a claim of "identity" states."""

    points: Tensor
    triples: list[tuple[Expression, str, Expression]]  # left, "=" or "<=", right
    networks: tuple[str, ...]


def read_equations(document: Any) -> Equations:
    """The claim's points and equations, its definitions put in."""
    points = tensor(document["points"], "claim: points")
    need(len(points.shape) == 2, "claim: points", "one row for each point is expected")
    reader, used = _Reader(), frozenset[str]()
    for i, raw in enumerate(items(document["definitions"], "claim: definitions")):
        here = f"claim: definitions[{i}]"
        name, expression = items(raw, here, 2)
        name, known = text(name, here), reader.definitions
        need(name.isidentifier() and name[0].isalpha() and name != MOVING and name not in known, here, f"{show(name)} is no new name")
        known[name] = reader.read(expression, here)
        used |= known[name].networks
    triples = []
    for i, raw in enumerate(items(document["equations"], "claim: equations")):
        here = f"claim: equations[{i}]"
        left, relation, right = items(raw, here, 3)
        need(relation in ("=", "<="), here, f"unknown relation {show(relation)}")
        triples.append((reader.read(left, here), relation, reader.read(right, here)))
        used |= triples[-1][0].networks | triples[-1][2].networks
    need(bool(triples), "claim: equations", "there is none")
    return Equations(points, triples, ("f", "g") if "g" in used else ("f",))


class _Reader:
    """Reads expressions; the same text is the same expression, and evaluated once."""

    def __init__(self) -> None:
        self.definitions: dict[str, Expression] = {}
        self._known: dict[Any, Expression] = {}

    def read(self, a: Any, step: str) -> Expression:
        """An expression, about definitions that came before it."""
        if type(a) is str and a[:1].isalpha() and a != MOVING:
            need(a in self.definitions, step, f"there is no definition of {show(a)} before")
            return self.definitions[a]
        if type(a) is list:
            return self._operation(a, step)
        if a == MOVING:
            return self._known.setdefault(MOVING, Expression(MOVING, (), moves=True))
        number = tensor(a, step) if type(a) is dict else pack([rational(a, step)], ())
        key = number.shape, tuple(number.numerators), number.denominator
        return self._known.setdefault(key, Expression("number", (number,)))

    def _operation(self, a: list[Any], step: str) -> Expression:
        need(bool(a) and type(a[0]) is str, step, "an operation is expected")
        kind, rest = a[0], a[1:]
        need(kind in _OPERATIONS, step, f"unknown operation {show(kind)}")
        expected = _OPERATIONS[kind]
        if expected == ("E*",):
            expected = ("E",) * max(len(rest), 2)
        elif kind == "sum" and len(rest) == 1:
            expected = ("E",)
        need(len(rest) == len(expected), step, f"{kind} is followed by {', '.join(expected)}")
        parts = tuple(self.read(b, step) for b, what in zip(rest, expected, strict=True) if what == "E")
        others = [(what, b) for b, what in zip(rest, expected, strict=True) if what != "E"]
        given = tuple(_GIVEN[what](b, step) for what, b in others)
        key = kind, repr(given), *map(id, parts)
        if key not in self._known:
            moves = kind not in ("derivative", "gradient") and any(part.moves for part in parts)
            own = frozenset(map(str, given[:1])) if expected[0] == "network" else frozenset[str]()
            self._known[key] = Expression(kind, given, parts, moves, own.union(*(part.networks for part in parts)))
        return self._known[key]


def _network(a: Any, step: str) -> str:
    need(a in ("f", "g"), step, "f or g is expected")
    return str(a)


def _axes(a: Any, step: str) -> list[int]:
    axes = [count(axis, step) for axis in items(a, step)]
    need(bool(axes) and len(set(axes)) == len(axes), step, "no axes")
    return axes


_GIVEN = {
    "network": _network,
    "name": text,
    "order": lambda a, step: index(a, _ORDER + 1, f"{step}: derivative"),
    "axes": _axes,
    "shape": shape,
}
