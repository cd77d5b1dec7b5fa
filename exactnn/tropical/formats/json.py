"""The exact JSON format of docs/tropical-formats.md, written and read; what the format does not name is refused."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError, ExactnnError, LoadError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import shown
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.exact.reading import parse_json
from exactnn.exact.writing import json_tensor
from exactnn.tropical.formats._form import Form, dimension, polynomials
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import DECOMPOSITIONS, TropicalRationalMap
from exactnn.tropical.terms import Terms

FORMAT = "exactnn-tropical"
VERSION = 1

_MAX_FILE = 1 << 30
_MAX_DIMENSION = 1 << 24
_MAX_OUTPUTS = 1 << 20
_HEAD = ("format", "version", "kind", "convention", "dimension")
_HEX = re.compile(r"-?0x[0-9a-fA-F]+", re.ASCII)


def json_text(form: Form) -> str:
    """One JSON object: integers over a denominator for each polynomial, one row (coefficient, exponents) for each term."""
    tables = [json_tensor(p.table) for p in polynomials(form).values()]
    head: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    if isinstance(form, TropicalPolynomial):
        return _dumped({**head, "kind": "polynomial", "convention": "max", "dimension": dimension(form), "terms": tables[0]})
    body = {"numerators": tables[::2], "denominators": tables[1::2], "domain": _domain(form), "decomposition": form.decomposition}
    return _dumped({**head, "kind": "rational_map", "convention": "max", "dimension": dimension(form), **body})


def _domain(form: TropicalRationalMap) -> dict[str, Any] | None:
    if form.domain is None:
        return None
    domain = form.domain.in_dimension(form.input_dim)
    keys, arrays = (("lower", "upper"), domain.bounds) if isinstance(domain, Box) else (("A", "b"), domain.rows)
    return {key: json_tensor(array) for key, array in zip(keys, arrays, strict=True)}


def _dumped(document: dict[str, Any]) -> str:
    """One key in each line."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in document.items()]
    return "{" + ",\n ".join(lines) + "}\n"


# --- reading ---------------------------------------------------------------------------------------------------------------


def read_json(path: str | os.PathLike[str]) -> Form:
    """The polynomial or map that `write` put into a .json file, equal to it.

    Raises
    ------
    LoadError
        Where the file is no regular file, no JSON, or not of this format; the message says where.
    """
    try:
        given = Path(os.fspath(path))
    except TypeError:
        raise ArgumentError(f"path: the path of a file is needed, got {type(path).__name__}") from None
    try:
        if not given.is_file():
            raise LoadError(f"{given}: a file of exact JSON is needed, but there is none")
        with given.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise LoadError(f"{str(given)!r}: cannot be read: {error}") from None
    try:
        if len(data) > _MAX_FILE:
            raise LoadError(f"at most {_MAX_FILE} bytes are read, but the file has more")
        return from_document(parse_json(data, _refused))
    except LoadError as error:
        raise LoadError(f"{given}: {error}") from None


def from_document(document: Any) -> Form:
    """The form that a parsed JSON object describes."""
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind == "polynomial":
        fields = _fields(document, "", (*_HEAD, "terms"))
    elif kind == "rational_map" or not isinstance(document, dict):
        fields = _fields(document, "", (*_HEAD, "numerators", "denominators", "domain", "decomposition"))
    else:
        raise LoadError(f'kind: "polynomial" or "rational_map" is needed, got {shown(kind)}')
    for key, value in (("format", FORMAT), ("version", VERSION), ("convention", "max")):
        if type(fields[key]) is not type(value) or fields[key] != value:
            raise LoadError(f"{key}: {json.dumps(value)} is needed, got {shown(fields[key])}")
    size = _integer(fields["dimension"], "dimension")
    if not 0 <= size <= _MAX_DIMENSION:
        raise LoadError(f"dimension: an integer from 0 to {_MAX_DIMENSION} is needed, got {shown(size)}")
    if kind == "polynomial":
        return _polynomial(fields["terms"], "terms", size)
    tops, bottoms = (_polynomials(fields[key], key, size) for key in ("numerators", "denominators"))
    if len(tops) != len(bottoms):
        raise LoadError(f"denominators: {len(tops)} are needed, as many as numerators, got {len(bottoms)}")
    if fields["decomposition"] not in DECOMPOSITIONS:
        raise LoadError(f"decomposition: one of {', '.join(DECOMPOSITIONS)} is needed, got {shown(fields['decomposition'])}")
    domain = None if fields["domain"] is None else _read_domain(fields["domain"], size)
    return TropicalRationalMap(tops, bottoms, domain=domain, decomposition=fields["decomposition"])


def _polynomials(value: Any, place: str, size: int) -> tuple[TropicalPolynomial, ...]:
    entries = _list(value, place)
    if not 1 <= len(entries) <= _MAX_OUTPUTS:
        raise LoadError(f"{place}: 1 to {_MAX_OUTPUTS} polynomials are needed, got {len(entries)}")
    return tuple(_polynomial(entry, f"{place}[{j}]", size) for j, entry in enumerate(entries))


def _polynomial(value: Any, place: str, size: int) -> TropicalPolynomial:
    table = _tensor(value, place, 2)
    if table.shape[1] != 1 + size:
        raise LoadError(f"{place}.shape: rows of {1 + size} numbers (coefficient, exponents) are needed, got {table.shape[1]}")
    first: dict[tuple[int, ...], int] = {}
    for i, row in enumerate(table.numerators[:, 1:].tolist()):
        j = first.setdefault(tuple(row), i)
        if i != j:
            raise LoadError(f"{place}: exponents that differ are needed, but rows {j} and {i} have the same")
    return TropicalPolynomial(Terms.of_table(table))


def _read_domain(value: Any, size: int) -> Polyhedron:
    box = isinstance(value, dict) and "lower" in value
    fields = _fields(value, "domain", ("lower", "upper") if box else ("A", "b"))
    first, second = ((key, _tensor(v, f"domain.{key}", 2 if key == "A" else 1)) for key, v in fields.items())
    for key, array in (first, second):
        if key != "b" and array.shape[-1] != size:
            raise LoadError(f"domain.{key}.shape: {size} numbers for {size} variables are needed, got {array.shape[-1]}")
    pair = dict((first, second))
    try:
        return Box(pair["lower"], pair["upper"]) if box else Polyhedron(pair["A"], pair["b"])
    except ExactnnError as error:
        raise LoadError(f"domain: {error}") from None


def _tensor(value: Any, place: str, axes: int) -> RationalArray:
    fields = _fields(value, place, ("shape", "denominator", "numerators"))
    shape = [_integer(n, f"{place}.shape[{i}]") for i, n in enumerate(_list(fields["shape"], f"{place}.shape"))]
    if len(shape) != axes or not all(0 <= n <= _MAX_FILE for n in shape):
        raise LoadError(f"{place}.shape: {axes} integers of at least 0 are needed, got {shown(shape)}")
    denominator = _integer(fields["denominator"], f"{place}.denominator")
    if denominator <= 0:
        raise LoadError(f"{place}.denominator: a positive integer is needed, got {shown(denominator)}")
    entries = _list(fields["numerators"], f"{place}.numerators")
    if len(entries) != math.prod(shape):
        raise LoadError(f"{place}.numerators: {math.prod(shape)} are needed for the shape {shape}, got {len(entries)} (row-major)")
    if not set(map(type, entries)) <= {int}:
        entries = [_integer(v, f"{place}.numerators[{i}]") for i, v in enumerate(entries)]
    flat = np.empty(len(entries), dtype=object)
    flat[:] = entries
    return RationalArray(flat.reshape(shape), denominator)


def _integer(value: Any, place: str) -> int:
    """A JSON integer, or the hexadecimal text of a long one."""
    if type(value) is int:
        return value
    if isinstance(value, str) and _HEX.fullmatch(value):
        return int(value, 16)
    raise LoadError(f"{place}: an integer is needed, got {shown(value)}")


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise LoadError(f"{place}: a list is needed, got {shown(value)}")
    return value


def _fields(value: Any, place: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """An object with exactly these keys, in this order."""
    before = f"{place}: " if place else ""
    if not isinstance(value, dict):
        raise LoadError(f"{before}an object with the keys {', '.join(keys)} is needed, got {shown(value)}")
    for key in keys:
        if key not in value:
            raise LoadError(f"{before}the key {key} is needed, but it is missing")
    for key in value:
        if key not in keys:
            raise LoadError(f"{before}the keys {', '.join(keys)} and no others are needed, got {shown(key)}")
    return {key: value[key] for key in keys}


def _refused(text: str) -> Any:
    raise LoadError(f"JSON: integers are needed everywhere, got {shown(text)}; write exact numbers as numerators over a denominator")
