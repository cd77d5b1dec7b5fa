"""The option --domain: a box LO:HI, or a JSON or VNN-LIB file with inequalities or bounds, every number read without rounding."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exactnn.errors import ArgumentError, DomainError, ExactnnError, LoadError, NotFiniteError
from exactnn.exact.numbers import as_fraction
from exactnn.exact.polyhedron import Box, Polyhedron

HELP = (
    "where the claim is made; without it, everywhere. LO:HI is the box with these bounds for every input, numbers like -1, 0.1 or 1/3 "
    'taken exactly; FILE is JSON, {"A": [[...]], "b": [...]}: A x <= b, or {"lower": ..., "upper": ...}: a box (one number or a list); '
    "or VNN-LIB (.vnnlib), of which what is said of the inputs is taken"
)

_NUMBER = re.compile(r"\s*[+-]?(\d|\.\d|inf|nan)", re.IGNORECASE)


def read_domain(text: str, told: Callable[[str], None]) -> Polyhedron:
    """The domain that --domain names; `told` hears what of a file is no part of it."""
    low, colon, high = text.partition(":")
    if colon and _NUMBER.match(low) and not os.path.exists(text):
        lower, upper = as_fraction(low, "--domain: lower bound"), as_fraction(high, "--domain: upper bound")
        if lower > upper:
            raise DomainError(f"--domain: LO <= HI is needed, got {text!r}; exchange them or mend the bounds")
        return Box(lower, upper)
    is_json = not text.lower().endswith(".vnnlib")
    document = read_json(text, "--domain") if is_json else None
    try:
        return _domain(document) if is_json else _vnnlib(text, told)
    except ExactnnError as error:
        raise type(error)(f"--domain: {text}: {error}") from None


def _vnnlib(path: str, told: Callable[[str], None]) -> Polyhedron:
    from exactnn.cli._vnnlib import read_vnnlib

    domain, outputs = read_vnnlib(path)
    if outputs:
        told(f"{path}: passed over, as no part of the domain: {outputs} constraint{'s' * (outputs > 1)} of outputs")
    return domain


def _domain(document: Any) -> Polyhedron:
    if isinstance(document, dict):
        if set(document) == {"A", "b"}:
            return Polyhedron(document["A"], document["b"])
        if set(document) == {"lower", "upper"}:
            return Box(document["lower"], document["upper"])
    found = f"the keys {sorted(document)}" if isinstance(document, dict) else f"a {type(document).__name__}"
    raise DomainError(f'an object {{"A": [[...]], "b": [...]}} (A x <= b) or {{"lower": ..., "upper": ...}} is needed, got {found[:120]}')


class IntegerText(str):
    """A JSON integer, kept as the text it is."""


def read_json(path: str, option: str, kind: str = "a JSON file, or LO:HI with two numbers,") -> Any:
    """The JSON value in a file; numbers stay text, to be read exactly later."""
    try:
        if not Path(path).is_file():
            raise LoadError(f"{option}: {kind} is needed, but {path!r} is no file")
        text = Path(path).read_text(encoding="utf-8")
        return json.loads(text, parse_int=IntegerText, parse_float=str, parse_constant=_refuse, object_pairs_hook=_no_repetition)
    except RecursionError:
        raise LoadError(f"{path}: the JSON is nested absurdly deep") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ExactnnError):
            raise type(error)(f"{path}: {error}") from None
        raise LoadError(f"{path}: no JSON text in UTF-8: {error}") from None


def _refuse(constant: str) -> Any:
    raise NotFiniteError(f"a finite number is needed, got {constant}; it is no rational")


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ArgumentError(f"each key once is needed, got {[key for key, _ in pairs][:20]}")
    return result
