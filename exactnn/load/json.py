"""The exact JSON format of docs/network-format.md: strict, integers of any size, nothing rounded.

What the format does not name is refused: unknown keys, decimals, NaN, duplicate keys, nodes out of order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
from flint import fmpz

from exactnn import network as ops
from exactnn.errors import LoadError, NetworkError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import shown
from exactnn.exact.polynomials import from_fractions
from exactnn.exact.reading import parse_json
from exactnn.load._file import ModelFile, NotFiniteInFile, naming
from exactnn.load._limits import CHECKER_ENTRIES, MAX_AXES, Budget, checked_size
from exactnn.network import Network, Operation, Source
from exactnn.network.graph import add_node

_Reader = Callable[[Any, str], Any]

FORMAT = "exactnn-network"
VERSION = 1

_SMALL = 1 << 63  # sizes and positions stay below it
_MAX_COEFFICIENTS = 1000
_HEX = re.compile(r"-?0x[0-9a-fA-F]+", re.ASCII)
_INTEGER = r"\d+|0x[0-9a-fA-F]+"
_QUOTIENT = re.compile(f"(-?)({_INTEGER})/({_INTEGER})", re.ASCII)
_DIGITS = re.compile(rb"\d*")
_LONGEST = 4300  # digits of a decimal integer that Python reads by default


@dataclass(frozen=True)
class _Float:
    """A JSON number that is no integer (a decimal, NaN, Infinity), kept as its text until its place is known."""

    text: str


def read_json(file: ModelFile) -> Network:
    """The network in a file of exact JSON."""
    return network_from_document(parse(file.data), file=file)


def parse(data: bytes) -> Any:
    """JSON in UTF-8, integers exact and of any size; LoadError for anything else."""
    return parse_json(data, _Float)


def network_from_document(document: Any, *, file: ModelFile | None = None) -> Network:
    """The network that a parsed JSON object describes (an object of `exactnn.network.document.document`, say).

    Raises LoadError or ShapeError, naming the node and the field. All nodes stay, also those that no output depends on.
    """
    root = _fields(document, "network", ("format", "version", "inputs", "outputs", "nodes"))
    if root["format"] != FORMAT:
        raise LoadError(f"format: {FORMAT!r} is needed, got {shown(root['format'])}")
    if type(root["version"]) is not int or root["version"] != VERSION:
        raise LoadError(f"version: {VERSION} is the one this release reads, got {shown(root['version'])}")
    nodes = root["nodes"]
    if not isinstance(nodes, list) or not nodes:
        raise LoadError(f"nodes: a non-empty list is needed, got {shown(nodes)}")
    graph: nx.DiGraph[str] = nx.DiGraph()
    shapes: dict[str, tuple[int, ...]] = {}
    canonical, budget = True, Budget()
    for number, node in enumerate(nodes):
        name = _name(node, number, shapes)
        with naming(f"node {shown(name)}"):
            operation, operands = _operation(node), _operands(node["operands"], shapes)
            shapes[name] = budget.shape(operation, *(shapes[o] for o in operands))
            canonical &= not isinstance(operation, ops.Rational) or _is_canonical(node, operation)
        add_node(graph, name, operation, operands)
    inputs, outputs = (_names(root[key], key) for key in ("inputs", "outputs"))
    source: Source | None = None
    if file is not None:
        small = sum(map(math.prod, shapes.values())) <= CHECKER_ENTRIES and not _has_long_number(file.data)
        source = file.source("json", checkable=canonical and small)
    try:
        return Network(graph, inputs, outputs, source=source)
    except NetworkError as error:
        raise LoadError(str(error)) from None


# --- nodes -----------------------------------------------------------------------------------------------------------


def _fields(value: Any, place: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """An object with exactly these keys."""
    if not isinstance(value, dict):
        raise LoadError(f"{place}: an object with the keys {', '.join(keys)} is needed, got {shown(value)}")
    if set(value) != set(keys):
        missing = [k for k in keys if k not in value]
        unknown = [shown(k) for k in value if k not in keys]
        raise LoadError(
            f"{place}: the keys {', '.join(keys)} are needed"
            + (f"; missing: {', '.join(missing)}" if missing else "")
            + (f"; unknown: {', '.join(unknown[:5])}" if unknown else "")
        )
    return value


def _name(node: Any, number: int, earlier: Mapping[str, Any]) -> str:
    if not isinstance(node, dict):
        raise LoadError(f"nodes[{number}]: an object is needed, got {shown(node)}")
    name = node.get("name")
    if not isinstance(name, str) or not name or not _is_text(name):
        raise LoadError(f"nodes[{number}]: a non-empty text as name is needed, got {shown(name)}")
    if name in earlier:
        raise LoadError(f"nodes[{number}]: names are unique, but {shown(name)} stands there a second time")
    return name


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


def _names(value: Any, place: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise LoadError(f"{place}: a list of node names is needed, got {shown(value)}")
    return value


def _operands(value: Any, earlier: Mapping[str, Any]) -> list[str]:
    for name in _names(value, "operands"):
        if name not in earlier:
            raise LoadError(f"operands: names of earlier nodes are needed, got {shown(name)}")
    return list(value)


def _operation(node: dict[str, Any]) -> Operation:
    kind = node.get("op")
    if not isinstance(kind, str) or kind not in _OPERATIONS:
        raise LoadError(f"op: one of {', '.join(_OPERATIONS)} is needed, got {shown(kind)}")
    make, readers = _OPERATIONS[kind]
    fields = _fields(node, kind, ("name", "op", "operands", *readers))
    operation: Operation = make(**{key: reader(fields[key], key) for key, reader in readers.items()})
    return operation


def _is_canonical(node: dict[str, Any], operation: ops.Rational) -> bool:
    """Whether the coefficients are written as `Rational` keeps them."""
    return all(_polynomial(node[key], key) == getattr(operation, key) for key in ("numerator", "denominator"))


def _has_long_number(data: bytes) -> bool:
    """Whether a decimal number has more digits than the checker reads: it then covers one of the places looked at."""
    for place in range(0, len(data), _LONGEST):
        before = data[max(0, place - _LONGEST) : place]
        after = _DIGITS.match(data, place)
        if after and len(before) - len(before.rstrip(b"0123456789")) + after.end() - place > _LONGEST:
            return True
    return False


# --- fields ----------------------------------------------------------------------------------------------------------


def _integer(value: Any, place: str) -> int:
    """A JSON integer, or the hexadecimal text of a long one."""
    if type(value) is int:
        return value
    if isinstance(value, str) and _HEX.fullmatch(value):
        return int(value, 16)
    if isinstance(value, _Float):
        if value.text.lstrip("-")[:1] in ("N", "I"):
            raise NotFiniteInFile(f"{place}: a finite number is needed, got {value.text}; no rational equals it")
        raise LoadError(f'{place}: an integer is needed, got the decimal {shown(value.text)}; write the exact number, "1/2" say')
    raise LoadError(f"{place}: an integer is needed, got {shown(value)}")


def _rational(value: Any, place: str) -> Fraction:
    """An integer, or the text "p/q"; p and q decimal, or hexadecimal if they are long."""
    match = _QUOTIENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return Fraction(_integer(value, place))
    top, bottom = (int(t, 16) if t.startswith("0x") else int(fmpz(t)) for t in match.group(2, 3))
    if bottom == 0:
        raise LoadError(f"{place}: the denominator of {shown(value)} is zero")
    return Fraction(-top if match[1] else top, bottom)


def _of_type(kind: type, words: str) -> _Reader:
    def read(value: Any, place: str) -> Any:
        if not isinstance(value, kind):
            raise LoadError(f"{place}: {words} is needed, got {shown(value)}")
        return value

    return read


_list, _boolean, _text = _of_type(list, "a list"), _of_type(bool, "true or false"), _of_type(str, "a text")


def _integers(value: Any, place: str) -> tuple[int, ...]:
    entries = _list(value, place)
    if len(entries) > MAX_AXES:
        raise LoadError(f"{place}: at most {MAX_AXES} integers are needed, got {len(entries)}")
    return tuple(_small(v, f"{place}[{i}]") for i, v in enumerate(entries))


def _small(value: Any, place: str) -> int:
    number = _integer(value, place)
    if abs(number) >= _SMALL:
        raise LoadError(f"{place}: an integer below 2^63 is needed, got {shown(number)}")
    return number


def _shape(value: Any, place: str) -> tuple[int, ...]:
    with naming(place):
        return checked_size(_integers(value, "shape"))


def _pairs(value: Any, place: str) -> tuple[tuple[int, int], ...]:
    pairs = tuple(_integers(v, f"{place}[{i}]") for i, v in enumerate(_list(value, place)))
    if any(len(pair) != 2 for pair in pairs):
        raise LoadError(f"{place}: pairs [begin, end] are needed, got {shown(value)}")
    return tuple((begin, end) for begin, end in pairs)


def _tensor(value: Any, place: str) -> RationalArray:
    fields = _fields(value, place, ("shape", "denominator", "numerators"))
    shape = _shape(fields["shape"], f"{place}.shape")
    denominator = _integer(fields["denominator"], f"{place}.denominator")
    if denominator <= 0:
        raise LoadError(f"{place}.denominator: a positive integer is needed, got {shown(denominator)}")
    entries = _list(fields["numerators"], f"{place}.numerators")
    if len(entries) != math.prod(shape):
        raise ShapeError(f"{place}: shape {list(shape)} needs {math.prod(shape)} numerators, got {len(entries)} (row-major)")
    if not set(map(type, entries)) <= {int}:
        entries = [_integer(v, f"{place}.numerators{_index(i, shape)}") for i, v in enumerate(entries)]
    try:
        numerators = np.array(entries, dtype=np.int64)
    except OverflowError:
        numerators = np.empty(len(entries), dtype=object)
        numerators[:] = entries
    return RationalArray(numerators.reshape(shape), denominator)


def _index(flat: int, shape: tuple[int, ...]) -> str:
    return str([int(i) for i in np.unravel_index(flat, shape)]) if shape else ""


def _kinks(value: Any, place: str) -> tuple[tuple[Fraction, Fraction], ...]:
    kinks: list[tuple[Fraction, Fraction]] = []
    for i, pair in enumerate(_list(value, place)):
        if not isinstance(pair, list) or len(pair) != 2:
            raise LoadError(f"{place}[{i}]: a pair [place, change of slope] is needed, got {shown(pair)}")
        at, jump = (_rational(v, f"{place}[{i}][{j}]") for j, v in enumerate(pair))
        if kinks and kinks[-1][0] >= at:
            raise LoadError(f"{place}[{i}]: increasing places are needed, got one that does not exceed the one before")
        if not jump:
            raise LoadError(f"{place}[{i}]: a change of slope other than zero is needed; leave this kink out")
        kinks.append((at, jump))
    return tuple(kinks)


def _polynomial(value: Any, place: str) -> tuple[Fraction, ...]:
    coefficients = _list(value, place)
    if len(coefficients) > _MAX_COEFFICIENTS:
        raise LoadError(f"{place}: at most {_MAX_COEFFICIENTS} coefficients are needed, got {len(coefficients)}")
    return tuple(_rational(v, f"{place}[{i}]") for i, v in enumerate(coefficients))


def _quotient(numerator: tuple[Fraction, ...], denominator: tuple[Fraction, ...]) -> ops.Rational:
    """P/Q; a common factor is refused, since the function has no value at its roots."""
    top, bottom = map(from_fractions, (numerator, denominator))
    if not any(denominator):
        raise LoadError("denominator: a polynomial that is not zero is needed, got only zeros")
    if top.gcd(bottom).degree() > 0:
        raise LoadError("numerator and denominator: polynomials without a common factor are needed; cancel it")
    return ops.Rational.of(numerator, denominator)


_WINDOW: dict[str, _Reader] = {"kernel": _integers, "stride": _integers, "padding": _pairs}

#: op -> what makes it, and its fields in the table of docs/network-format.md
_OPERATIONS: dict[str, tuple[Callable[..., Operation], dict[str, _Reader]]] = {
    "input": (ops.Input, {"shape": _shape}),
    "constant": (ops.Constant, {"value": _tensor}),
    "affine": (ops.Affine, {"weight": _tensor, "bias": _tensor}),
    "conv": (
        ops.Conv,
        {"weight": _tensor, "bias": _tensor, "stride": _integers, "padding": _pairs, "dilation": _integers, "groups": _small},
    ),
    "piecewise_linear": (ops.PiecewiseLinear, {"slope": _rational, "constant": _rational, "kinks": _kinks}),
    "prelu": (ops.PRelu, {"slopes": _tensor}),
    "smooth": (ops.Smooth, {"function": _text}),
    "rational": (_quotient, {"numerator": _polynomial, "denominator": _polynomial}),
    "max_pool": (ops.MaxPool, {**_WINDOW, "dilation": _integers}),
    "average_pool": (ops.AveragePool, {**_WINDOW, "count_padding": _boolean}),
    "batch_norm": (
        ops.BatchNorm,
        {"mean": _tensor, "variance": _tensor, "weight": _tensor, "bias": _tensor, "epsilon": _rational, "precision": _text},
    ),
    "reshape": (ops.Reshape, {"shape": _shape}),
    "transpose": (ops.Transpose, {"axes": _integers}),
    "slice": (ops.Slice, {"starts": _integers, "stops": _integers, "steps": _integers}),
    "gather": (ops.Gather, {"index": _tensor}),
    "concat": (ops.Concat, {"axis": _small}),
    "add": (ops.Add, {}),
    "subtract": (ops.Subtract, {}),
    "scale": (ops.Scale, {"factor": _tensor}),
}
