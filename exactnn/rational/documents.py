"""Rational activations as plain objects, such as JSON has them: names with lists of numbers, read exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exactnn.errors import ArgumentError
from exactnn.exact.numbers import rational_text
from exactnn.rational.era import ERA
from exactnn.rational.function import RationalFunction
from exactnn.rational.pade import PadeUnit

#: Whatever may be an activation here.
Function = RationalFunction | ERA | PadeUnit

_FORMS = (
    '{"numerator": [a_0, ...], "denominator": [b_0, ...]}, with "formula": "A" (and "basis": "power") for a Pade activation unit, or '
    '{"linear": [a, b], "fractions": [[c, d, e, f], ...], "epsilon": 0}, or with "squares", rows [c, d, e, f^2], in place of '
    '"fractions"; a "basis" needs a "formula"'
)


def to_document(f: Function) -> dict[str, Any]:
    """The function as `from_document` reads it, each number as the text "p/q".

    Examples
    --------
    >>> to_document(ERA((1, "1/2"), [(0, 1, 0, 2)]))
    {'linear': ['1', '1/2'], 'squares': [['0', '1', '0', '4']], 'epsilon': '0'}
    """
    if isinstance(f, ERA):
        return {"linear": _texts(f.linear), "squares": [_texts(row) for row in f.fractions], "epsilon": rational_text(f.epsilon)}
    if not isinstance(f, (RationalFunction, PadeUnit)):
        raise ArgumentError(f"f: a RationalFunction, an ERA or a PadeUnit is needed, got {kind(f)}")
    found: dict[str, Any] = {"numerator": _texts(f.numerator), "denominator": _texts(f.denominator)}
    return found | ({"formula": f.formula, "basis": f.basis} if isinstance(f, PadeUnit) else {})


def from_document(document: Any) -> Function:
    """The function that an object describes; ArgumentError naming what is wrong in it.

    Examples
    --------
    >>> from_document({"numerator": [0, 1], "denominator": ["0.5", 0, 1]})
    RationalFunction(x / (x^2 + 1/2))
    >>> from_document({"linear": [1, 0], "fractions": [[0, 1, 0, 2]], "epsilon": "1e-6"})
    ERA(x + 1 / (x^2 + 4000001/1000000))
    """
    if isinstance(document, Mapping):
        keys = set(document)
        if keys == {"numerator", "denominator"}:
            return RationalFunction(document["numerator"], document["denominator"])
        if {"numerator", "denominator", "formula"} <= keys <= {"numerator", "denominator", "formula", "basis"}:
            named = {key: str(document[key]) for key in ("formula", "basis") if key in keys}
            return PadeUnit(document["numerator"], document["denominator"], **named)
        if (
            keys & {"linear", "fractions", "squares"}
            and keys <= {"linear", "fractions", "squares", "epsilon"}
            and not keys >= {"fractions", "squares"}
        ):
            make, rows = (ERA.with_squares, "squares") if "squares" in keys else (ERA, "fractions")
            return make(document.get("linear", (0, 0)), document.get(rows, ()), document.get("epsilon", 0))
    found = f"the keys {sorted(map(str, document))}" if isinstance(document, Mapping) else f"a {type(document).__name__}"
    raise ArgumentError(f"a rational function is needed, {_FORMS}; got {found[:120]}")


def kind(value: object) -> str:
    """What a value is, for a message to someone who expected a function."""
    name = type(value).__name__
    return f"the module {type(value).__module__}.{name}; take its exact()" if hasattr(value, "exact") else name


def _texts(numbers: Any) -> list[str]:
    return [rational_text(q) for q in numbers]
