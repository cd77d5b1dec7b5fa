"""Reading NNET text: a fully connected ReLU network in exact decimals, with its normalisation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from . import _budget
from ._common import pack
from ._made import made, stated
from ._network import Network
from ._numbers import Rejected, Tensor, need, show

_DECIMAL = re.compile(r"([-+]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]{1,3}))?\Z")
_INFINITE = re.compile(r"[-+]?inf(inity)?\Z", re.IGNORECASE | re.ASCII)
_LONGEST = 4000  # characters of a number
Decimal = tuple[int, int]  # n, e: the number n * 10^e


class _Rows:
    """The lines of the file that are not comments, each a list of the texts between its commas."""

    def __init__(self, text: str, step: str) -> None:
        lines = [line for line in text.split("\n") if not line.startswith("//")]
        while lines and not lines[-1].strip():
            lines.pop()
        self._lines: Iterator[str] = iter(lines)
        self._step = step

    def next(self, what: str, length: int | None = None) -> list[str]:
        line = next(self._lines, None)
        if line is None:
            raise Rejected(self._step, f"the file ends before its {what}")
        cells = [cell.strip() for cell in line.split(",")]
        if cells[-1] == "":
            cells.pop()
        need(length in (None, len(cells)), self._step, f"{what}: expected {length} numbers, found {len(cells)}")
        return cells

    def decimals(self, what: str, length: int) -> list[Decimal]:
        return [_decimal(cell, f"{self._step}: {what}") for cell in self.next(what, length)]

    def header(self, what: str, least: int) -> list[Fraction | None]:
        """At least so many numbers, None for infinite ones."""
        cells = self.next(what)
        need(len(cells) >= least, f"{self._step}: {what}", f"expected {least} numbers, found {len(cells)}")
        return [None if _INFINITE.match(cell) else _fraction(_decimal(cell, f"{self._step}: {what}")) for cell in cells]

    def counts(self, what: str, length: int) -> list[int]:
        found = list(map(_fraction, self.decimals(what, length)))
        for value in found:
            need(value.denominator == 1 and value > 0, self._step, f"{what}: {show(value)} is no size")
        return list(map(int, found))

    def tensor(self, what: str, rows: int, columns: int | None = None) -> dict[str, Any]:
        """So many lines of so many numbers; without a second size, of one."""
        values = [v for _ in range(rows) for v in self.decimals(what, columns or 1)]
        least = min(e for _, e in values)
        longest = max(n.bit_length() + 4 * (e - least) for n, e in values)
        _budget.hold(len(values) * (_budget.words(longest) - 1), f"{self._step}: {what}")
        powers = {e: 10 ** (e - least) for e in {e for _, e in values}}
        shape = (rows,) if columns is None else (rows, columns)
        return stated(Tensor(shape, [n * powers[e] * 10 ** max(least, 0) for n, e in values], 10 ** max(-least, 0)))

    def finish(self) -> None:
        need(next(self._lines, None) is None, self._step, "there are lines after the last bias")


def _normalisation(inputs: int, bounds: Sequence[Sequence[Any]], given: Sequence[Sequence[Any]], step: str) -> list[list[Fraction]]:
    """Means and ranges: of the inputs, the first of a line, and of the output, the last."""
    m = len(given[0])
    need(len(given[1]) == m, step, "means and ranges are not equally many")
    clear = all(len(set(line[inputs:])) == 1 for line in given) or all(len(line) == m - 1 for line in bounds)
    need(clear, step, f"which of {m} means and ranges are those of {inputs} inputs and the output is not clear")
    found = [[*line[:inputs], line[-1]] for line in given]
    need(not any(None in line for line in found), step, "a mean or range is infinite")
    need(all(found[1]), step, "a range is 0")
    return found


def _decimal(cell: str, step: str) -> Decimal:
    match = _DECIMAL.match(cell)
    if match is None or not (match[2] or match[3]) or len(cell) > _LONGEST:
        raise Rejected(step, f"{show(cell)} is no decimal number")
    sign, whole, part, exponent = match.groups()
    part = part or ""
    return int(sign + whole + part), int(exponent or 0) - len(part)


def _fraction(value: Decimal) -> Fraction:
    return Fraction(value[0]) * Fraction(10) ** value[1]


def _diagonal(factors: Sequence[Fraction], shifts: Sequence[Fraction], step: str) -> dict[str, Any]:
    """The fields of the affine node x_k -> factor_k x_k + shift_k."""
    n, found = len(factors), pack(factors, (len(factors),))
    _budget.hold(n * n // 4, step)  # small numbers, most of them 0
    weight = [0] * (n * n)
    weight[:: n + 1] = found.numerators
    return {"weight": stated(Tensor((n, n), weight, found.denominator)), "bias": stated(pack(shifts, (n,)))}


def read_nnet(data: bytes, raw: bool, step: str) -> Network:
    """The network in an NNET file; ``raw`` leaves the normalisation out."""
    try:
        rows = _Rows(data.decode("utf-8-sig"), step)
    except UnicodeDecodeError:
        raise Rejected(step, "not a text file") from None
    layers, inputs, outputs, _ = rows.counts("header", 4)
    widths = rows.counts("widths", layers + 1)
    need(widths[0] == inputs and widths[-1] == outputs, step, "the widths do not fit the header")
    rows.next("unused line")
    bounds = [rows.header(what, 0 if raw else inputs) for what in ("minima", "maxima")]
    given = [rows.header(what, 0 if raw else inputs + 1) for what in ("means", "ranges")]
    means, ranges = [[Fraction(0)], [Fraction(1)]] if raw else _normalisation(inputs, bounds, given, step)

    nodes: list[dict[str, Any]] = [{"name": "input", "op": "input", "operands": [], "shape": [inputs]}]

    def follow(name: str, op: str, fields: dict[str, Any]) -> None:
        nodes.append({"name": name, "op": op, "operands": [nodes[-1]["name"]], **fields})

    if any(means[:-1]) or any(r != 1 for r in ranges[:-1]):
        shifts = [-m / r for m, r in zip(means[:-1], ranges[:-1], strict=True)]
        follow("normalise", "affine", _diagonal([1 / r for r in ranges[:-1]], shifts, step))
    for k in range(1, layers + 1):
        weight = rows.tensor(f"weights of layer {k}", widths[k], widths[k - 1])
        follow(f"layer{k}", "affine", {"weight": weight, "bias": rows.tensor(f"biases of layer {k}", widths[k])})
        if k < layers:
            follow(f"relu{k}", "piecewise_linear", {"slope": 0, "constant": 0, "kinks": [[0, 1]]})
    rows.finish()
    if means[-1] != 0 or ranges[-1] != 1:
        follow("denormalise", "affine", _diagonal([ranges[-1]] * outputs, [means[-1]] * outputs, step))
    return made(nodes, ["input"], [nodes[-1]["name"]], step)
