"""Reading NNET text: a fully connected ReLU network in exact decimals, with its normalisation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

from ._network import Network, read_network
from ._numbers import LIMIT, Rejected, afford, need, show

_DECIMAL = re.compile(r"([-+]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]{1,3}))?\Z")
_INFINITE = re.compile(r"[-+]?inf(inity)?\Z", re.IGNORECASE | re.ASCII)
Decimal = tuple[int, int]  # n, e: the number n * 10^e


class _Rows:
    """The lines of the file that are not comments, each a list of the texts between its commas."""

    def __init__(self, text: str, step: str) -> None:
        lines = [line for line in text.split("\n") if not line.startswith("//")]
        while lines and not lines[-1].strip():
            lines.pop()
        self._lines: Iterator[str] = iter(lines)
        self._taken, self._step = 0, step

    def next(self, what: str, length: int | None = None) -> list[str]:
        line = next(self._lines, None)
        self._taken += 1
        if line is None:
            raise Rejected(self._step, f"the file ends before its {what}")
        cells = [cell.strip() for cell in line.split(",")]
        if cells[-1] == "":
            cells.pop()
        need(length in (None, len(cells)), self._step, f"{what}: expected {length} numbers, found {len(cells)}")
        return cells

    def decimals(self, what: str, length: int) -> list[Decimal]:
        step = f"{self._step}: {what}"
        return [_decimal(cell, step) for cell in self.next(what, length)]

    def header(self, what: str, least: int) -> list[Decimal | None]:
        """At least so many numbers, None for infinite ones."""
        step = f"{self._step}: {what}"
        cells = self.next(what)
        need(len(cells) >= least, step, f"expected {least} numbers, found {len(cells)}")
        return [None if _INFINITE.match(cell) else _decimal(cell, step) for cell in cells]

    def counts(self, what: str, length: int) -> list[int]:
        found = [Fraction(n) * Fraction(10) ** e for n, e in self.decimals(what, length)]
        for value in found:
            need(value.denominator == 1 and value > 0, self._step, f"{what}: {show(value)} is no size")
            afford(value <= LIMIT, self._step, f"{what}: {show(value)} is too large for this checker")
        return [int(value) for value in found]

    def finish(self) -> None:
        need(next(self._lines, None) is None, self._step, "there are lines after the last bias")


def _normalisation(
    inputs: int, bounds: Sequence[Sequence[Decimal | None]], given: Sequence[Sequence[Decimal | None]], step: str
) -> list[list[Fraction]]:
    """Means and ranges: of the inputs, the first of a line, and of the output, the last."""
    m = len(given[0])
    need(len(given[1]) == m, step, "means and ranges are not equally many")
    clear = all(len({v and _fraction(v) for v in line[inputs:]}) == 1 for line in given) or all(len(line) == m - 1 for line in bounds)
    need(clear, step, f"which of {m} means and ranges are those of {inputs} inputs and the output is not clear")
    found = []
    for line in given:
        finite = [_fraction(v) for v in (*line[:inputs], line[-1]) if v is not None]
        need(len(finite) == inputs + 1, step, "a mean or range is infinite")
        found.append(finite)
    need(all(found[1]), step, "a range is 0")
    return found


def _decimal(cell: str, step: str) -> Decimal:
    match = _DECIMAL.match(cell)
    if match is None or not (match[2] or match[3]) or len(cell) > 4000:
        raise Rejected(step, f"{show(cell)} is no decimal number")
    sign, whole, part, exponent = match.groups()
    part = part or ""
    return int(sign + whole + part), int(exponent or 0) - len(part)


def _tensor(shape: Sequence[int], values: Sequence[Decimal]) -> dict[str, Any]:
    least = min(0, *(e for _, e in values))
    numerators = [n * 10 ** (e - least) for n, e in values]
    return {"shape": list(shape), "denominator": 10**-least, "numerators": numerators}


def _fraction(value: Decimal) -> Fraction:
    return Fraction(value[0]) * Fraction(10) ** value[1]


def _diagonal(factors: Sequence[Fraction], shifts: Sequence[Fraction]) -> dict[str, Any]:
    """The fields of the affine node x_k -> factor_k x_k + shift_k."""
    n, common = len(factors), lcm(*(f.denominator for f in factors))
    weight = [0] * (n * n)
    weight[:: n + 1] = [int(f * common) for f in factors]
    under = lcm(*(s.denominator for s in shifts))
    return {
        "weight": {"shape": [n, n], "denominator": common, "numerators": weight},
        "bias": {"shape": [n], "denominator": under, "numerators": [int(s * under) for s in shifts]},
    }


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
    means, ranges = ([], []) if raw else _normalisation(inputs, bounds, given, step)

    nodes: list[dict[str, Any]] = [{"name": "input", "op": "input", "operands": [], "shape": [inputs]}]

    def follow(name: str, op: str, fields: dict[str, Any]) -> None:
        nodes.append({"name": name, "op": op, "operands": [nodes[-1]["name"]], **fields})

    if not raw and (any(means[:-1]) or any(r != 1 for r in ranges[:-1])):
        shifts = [-m / r for m, r in zip(means[:-1], ranges[:-1], strict=True)]
        afford(inputs * inputs <= LIMIT, step, "too many inputs for a normalisation by this checker")
        follow("normalise", "affine", _diagonal([1 / r for r in ranges[:-1]], shifts))
    for k in range(1, layers + 1):
        weight = [v for _ in range(widths[k]) for v in rows.decimals(f"weights of layer {k}", widths[k - 1])]
        bias = [rows.decimals(f"biases of layer {k}", 1)[0] for _ in range(widths[k])]
        fields = {"weight": _tensor([widths[k], widths[k - 1]], weight), "bias": _tensor([widths[k]], bias)}
        follow(f"layer{k}", "affine", fields)
        if k < layers:
            follow(f"relu{k}", "piecewise_linear", {"slope": 0, "constant": 0, "kinks": [[0, 1]]})
    rows.finish()
    if not raw and (means[-1] != 0 or ranges[-1] != 1):
        afford(outputs * outputs <= LIMIT, step, "too many outputs for a normalisation by this checker")
        follow("denormalise", "affine", _diagonal([ranges[-1]] * outputs, [means[-1]] * outputs))
    document = {"format": "exactnn-network", "version": 1, "nodes": nodes}
    return read_network({**document, "inputs": ["input"], "outputs": [nodes[-1]["name"]]}, step)
