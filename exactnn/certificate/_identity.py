"""Claim "identity": equations between weights, gradients and values of networks at data points, as they are stated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from ._claim_points import EqualAt
from ._common import pack
from ._numbers import Tensor, count, index, items, need, rational, shape, show, tensor, text

_MOVING = "t"  # what the variable of power series is called; outside of derivatives it is 0
_ORDER = 8  # of derivatives, at the most
NETWORK = ("output", "parameter", "gradient")  # operations whose first argument is a network


class Expression(NamedTuple):
    """An operation, what is given with it, and the expressions that it is applied to; names of definitions are put in."""

    kind: str
    given: tuple[Any, ...]
    parts: tuple[Expression, ...] = ()
    moves: bool = False  # whether t occurs in it outside of derivatives


def _network(a: Any, step: str) -> str:
    need(a in ("f", "g"), step, "f or g is expected")
    return str(a)


def _axes(a: Any, step: str) -> tuple[int, ...]:
    axes = tuple(count(axis, step) for axis in items(a, step))
    need(bool(axes) and len(set(axes)) == len(axes), step, "no axes")
    return axes


_E = None  # an expression
#: what follows the name of an operation: expressions, and what is read by these functions
_OPERATIONS: dict[str, tuple[Callable[[Any, str], Any] | None, ...]] = {
    "output": (_network,),
    "parameter": (_network, text, text),
    "gradient": (_network, text, text, _E),
    "derivative": (lambda a, step: index(a, _ORDER + 1, f"{step}: derivative"), _E),
    "sum": (_E, _axes),
    "reshape": (_E, shape),
    **dict.fromkeys(("+", "-", "*"), (_E, _E)),
    **dict.fromkeys(("max", "exp", "logsumexp", "softmax"), (_E,)),
}


class Identity(EqualAt):
    """Equations between weights, gradients and values of networks at data points."""

    keys = ("points", "definitions", "equations", "tolerance")
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {"sides": "_sides.check_sides"},
        "refuted": {"sides": "_sides.check_sides"},
    }

    def read(self, document: dict[str, Any]) -> None:
        """The equations, and which networks they speak of."""
        super().read(document)
        self.equations, self.names = read_equations(document)


def read_equations(document: Any) -> tuple[list[tuple[Expression, str]], tuple[str, ...]]:
    """The claim's equations as left - right and "=" or "<=", its definitions put in; and the networks in either."""
    reader = _Reader()
    for i, raw in enumerate(items(document["definitions"], "claim: definitions")):
        here = f"claim: definitions[{i}]"
        name, expression = items(raw, here, 2)
        is_new = text(name, here).isidentifier() and name[0].isalpha() and name not in reader.definitions
        need(is_new, here, f"{show(name)} is no new name")
        reader.definitions[name] = reader.read(expression, here)
    equations = []
    for i, raw in enumerate(items(document["equations"], "claim: equations")):
        here = f"claim: equations[{i}]"
        left, relation, right = items(raw, here, 3)
        need(relation in ("=", "<="), here, f"unknown relation {show(relation)}")
        equations.append((reader.read(["-", left, right], here), relation))
    need(bool(equations), "claim: equations", "there is none")
    return equations, tuple(sorted(reader.networks))


class _Reader:
    """Reads expressions; the same text is the same expression, and evaluated once."""

    def __init__(self) -> None:
        coefficients = tuple(Tensor((), [int(k == 1)], 1) for k in range(_ORDER + 1))
        self.definitions = {_MOVING: Expression("series", coefficients, moves=True)}
        self.networks = {"f"}
        self._known: dict[Any, Expression] = {}

    def read(self, a: Any, step: str) -> Expression:
        """An expression, about definitions that came before it."""
        if type(a) is str and a[:1].isalpha():
            need(a in self.definitions, step, f"there is no definition of {show(a)} before")
            return self.definitions[a]
        if type(a) is list:
            return self._operation(a, step)
        number = tensor(a, step) if type(a) is dict else pack([rational(a, step)], ())
        key = number.shape, tuple(number.numerators), number.denominator
        return self._known.setdefault(key, Expression("series", (number,)))

    def _operation(self, a: list[Any], step: str) -> Expression:
        need(bool(a) and type(a[0]) is str, step, "an operation is expected")
        kind, *rest = a
        need(kind in _OPERATIONS, step, f"unknown operation {show(kind)}")
        expected = _OPERATIONS[kind]
        if kind in ("+", "*"):  # of two or more
            expected += (_E,) * (len(rest) - 2)
        elif kind == "sum" and len(rest) == 1:  # over all axes
            expected = (_E,)
        need(len(rest) == len(expected), step, f"{kind} is followed by {len(expected)}, not by {len(rest)}")
        parts = [self.read(b, step) for b, read in zip(rest, expected, strict=True) if read is None]
        given = tuple(read(b, step) for b, read in zip(rest, expected, strict=True) if read is not None)
        if kind in NETWORK:
            self.networks.add(given[0])
        if kind in ("+", "*"):
            return self._of_all(kind, parts)
        return self._made(kind, given, *parts)

    def _of_all(self, kind: str, parts: list[Expression]) -> Expression:
        """Their sum or product, half by half: no expression is deep inside another because there are many."""
        if len(parts) == 1:
            return parts[0]
        middle = len(parts) // 2
        return self._made(kind, (), self._of_all(kind, parts[:middle]), self._of_all(kind, parts[middle:]))

    def _made(self, kind: str, given: tuple[Any, ...], *parts: Expression) -> Expression:
        moves = kind not in ("derivative", "gradient") and any(part.moves for part in parts)
        return self._known.setdefault((kind, given, *map(id, parts)), Expression(kind, given, parts, moves))
