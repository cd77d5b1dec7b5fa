"""Reading NNET text: a fully connected ReLU network in exact decimals, with its normalisation."""

from __future__ import annotations

import re
from fractions import Fraction
from math import prod
from typing import Any

from . import _budget
from ._common import pack
from ._made import made, stated
from ._network import Network
from ._numbers import Rejected, Tensor, need, show

_DECIMAL = re.compile(r"[-+]?(?=\.?[0-9])[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]{1,3})?\Z")
_INFINITE = re.compile(r"[-+]?inf(inity)?\Z", re.IGNORECASE | re.ASCII)
_LONGEST = 4000  # characters of a number


class _Rows:
    """The lines of the file that are not comments, each a list of the texts between its commas."""

    def __init__(self, text: str, step: str) -> None:
        self.lines = iter("\n".join(line for line in text.split("\n") if not line.startswith("//")).rstrip().split("\n"))
        self._step = step

    def next(self) -> list[str]:
        """Of the next line, none behind the last."""
        cells = [cell.strip() for cell in next(self.lines, "").split(",")]
        return cells[:-1] if cells[-1] == "" else cells

    def header(self, what: str, least: int) -> list[Fraction | None]:
        """At least so many numbers, None for infinite ones."""
        cells, step = self.next(), f"{self._step}: {what}"
        need(len(cells) >= least, step, f"expected {show(least)} numbers, found {len(cells)}")
        found = (None if _INFINITE.match(cell) else _decimal(cell, step) for cell in cells)
        return [None if number is None else number[0] * Fraction(10) ** number[1] for number in found]

    def counts(self, what: str, length: int) -> list[int]:
        """So many sizes."""
        found = self.header(what, length)
        sizes = [int(value) for value in found if value is not None and value.denominator == 1 and value > 0]
        need(len(found) == len(sizes) == length, self._step, f"{what}: expected {show(length)} sizes")
        return sizes

    def tensor(self, what: str, *shape: int) -> dict[str, Any]:
        """A line for each index of the first axis."""
        step, values, length = f"{self._step}: {what}", list[tuple[int, int]](), prod(shape[1:])
        for _ in range(shape[0]):
            cells = self.next()
            need(len(cells) == length, step, f"expected {show(length)} numbers, found {len(cells)}")
            values += [_decimal(cell, step) for cell in cells]
        exponents = {e for _, e in values}
        least = min(0, *exponents)
        longest = max(n.bit_length() + 4 * (e - least) for n, e in values)
        _budget.hold(len(values) * (_budget.words(longest) - 1), step)
        powers = {e: 10 ** (e - least) for e in exponents}
        return stated(Tensor(shape, [n * powers[e] for n, e in values], 10**-least))


def _decimal(cell: str, step: str) -> tuple[int, int]:
    """n, e: the number n 10^e."""
    if _DECIMAL.match(cell) is None or len(cell) > _LONGEST:
        raise Rejected(step, f"{show(cell)} is no decimal number")
    digits, _, exponent = cell.lower().partition("e")
    whole, _, part = digits.partition(".")
    return int(whole + part), int(exponent or 0) - len(part)


def _normalisation(inputs: int, bounds: list[list[Any]], given: list[list[Any]], step: str) -> list[list[Fraction]]:
    """Means and ranges: of the inputs, the first of a line, and of the output, the last."""
    m = len(given[0])
    clear = all(len(set(line[inputs:])) == 1 for line in given) or all(len(line) == m - 1 for line in bounds)
    need(clear and len(given[1]) == m, step, f"which of {m} means and {len(given[1])} ranges are those of {inputs} inputs is not clear")
    found = [[*line[:inputs], line[-1]] for line in given]
    need(not any(None in line for line in found) and all(found[1]), step, "a mean or range is infinite, or a range is 0")
    return found


def read_nnet(data: bytes, raw: bool, step: str) -> Network:
    """The network in an NNET file; ``raw`` leaves the normalisation out."""
    rows = _Rows(data.decode("utf-8-sig", "replace"), step)  # what is no text is no number either
    layers, inputs, outputs, _ = rows.counts("header", 4)
    widths = rows.counts("widths", layers + 1)
    need(widths[0] == inputs and widths[-1] == outputs, step, "the widths do not fit the header")
    rows.next()  # a flag that is ignored
    bounds = [rows.header(what, 0 if raw else inputs) for what in ("minima", "maxima")]
    given = [rows.header(what, 0 if raw else inputs + 1) for what in ("means", "ranges")]
    means, ranges = [[Fraction(0)], [Fraction(1)]] if raw else _normalisation(inputs, bounds, given, step)
    nodes: list[dict[str, Any]] = [{"name": "input", "op": "input", "operands": [], "shape": [inputs]}]

    def follow(name: str, op: str, **fields: Any) -> None:
        nodes.append({"name": name, "op": op, "operands": [nodes[-1]["name"]], **fields})

    def scale(name: str, factors: list[Fraction], shifts: list[Fraction]) -> None:
        """x_k -> factor_k x_k + shift_k, unless that is the identity."""
        if any(shifts) or any(factor != 1 for factor in factors):
            n, diagonal = len(factors), pack(factors, (len(factors),))
            _budget.hold(n * n // 4, step)  # small numbers, most of them 0
            weight = [0] * (n * n)
            weight[:: n + 1] = diagonal.numerators
            follow(name, "affine", weight=stated(Tensor((n, n), weight, diagonal.denominator)), bias=stated(pack(shifts, (n,))))

    scale("normalise", [1 / r for r in ranges[:-1]], [-m / r for m, r in zip(means[:-1], ranges[:-1], strict=True)])
    for k in range(1, layers + 1):
        weight = rows.tensor(f"weights of layer {k}", widths[k], widths[k - 1])
        follow(f"layer{k}", "affine", weight=weight, bias=rows.tensor(f"biases of layer {k}", widths[k]))
        if k < layers:
            follow(f"relu{k}", "piecewise_linear", slope=0, constant=0, kinks=[[0, 1]])
    need(next(rows.lines, None) is None, step, "there are lines after the last bias")
    scale("denormalise", [ranges[-1]] * outputs, [means[-1]] * outputs)
    return made(nodes, ["input"], [nodes[-1]["name"]], step)
