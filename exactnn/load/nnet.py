"""NNET text: a ReLU chain, its numbers the decimals that are written, its normalisation part of the network.

Unless raw, with m and r the means and ranges of the file (the last of each belongs to the output):

    y = r_out f((x - m) / r) + m_out

Nodes: input, normalise, layer1, relu1, ..., layerK, denormalise, as docs/certificate-format.md says (normalise and denormalise are
left out where they are the identity). The minima and maxima are a proposed domain and no part of the function, nor, if raw, are means and
ranges: these lines may hold infinite numbers, and more of them than there are inputs. Longer lines of means and ranges are read where it is
clear which entries are meant: the first ones belong to the inputs, the last to the output.
"""

from __future__ import annotations

import codecs
import re
from fractions import Fraction

import numpy as np

from exactnn.errors import LoadError
from exactnn.exact.array import RationalArray, integer_array
from exactnn.exact.numbers import shown
from exactnn.load._file import ModelFile, NotFiniteInFile
from exactnn.network import Affine, Builder, Input, Network, relu

_NUMBER = re.compile(r"([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
_COUNT = re.compile(r"0*[1-9]\d{0,8}", re.ASCII)
_INFINITE = {"inf", "infinity"}
_NOT_FINITE = {"nan", *_INFINITE}
_RAW = "raw=True reads the network without its normalisation"
Decimal = tuple[int, int]  # n, e: the number n 10^e
# A few bytes must not become huge integers: digits of one number, exponent included; digits of one matrix.
_MAX_DIGITS = 4000
_MAX_MATRIX_DIGITS = 1 << 30
_WIDEST = 4096  # a normalisation is a diagonal matrix


def read_nnet(file: ModelFile, *, raw: bool = False) -> Network:
    """The network in an NNET file; `raw`: without its normalisation."""
    lines = _Lines(file.data)
    layers, inputs, outputs, _ = lines.counts("number of layers, inputs, outputs, largest width", 4)
    widths = lines.counts("widths of input and layers", layers + 1)
    if widths[0] != inputs or widths[-1] != outputs:
        raise lines.error(
            f"widths from {inputs} inputs to {outputs} outputs are needed, as the line before says, got {widths[0]} to {widths[-1]}"
        )
    lines.next("a line that is ignored")
    bounds = [lines.header(wanted, 0 if raw else inputs) for wanted in ("input minima", "input maxima")]
    normalisation = [lines.header(wanted, 0 if raw else inputs + 1) for wanted in ("means", "ranges")]
    builder = Builder()
    current = builder.add("input", Input((inputs,)))
    if not raw:
        means, ranges = _normalisation(lines, inputs, bounds, normalisation)
        factors = 1 / ranges[:-1]
        current = _diagonal(builder, "normalise", factors, -means[:-1] * factors, current)
    for layer in range(1, layers + 1):
        width = widths[layer]
        weight = lines.matrix(f"weights of layer {layer}", width, widths[layer - 1])
        bias = lines.matrix(f"biases of layer {layer}", width, 1).reshape(width)
        current = builder.add(f"layer{layer}", Affine(weight, bias), current)
        if layer < layers:
            current = builder.add(f"relu{layer}", relu(), current)
    if not raw:
        factors = RationalArray.from_fractions([ranges[-1:].item()] * outputs, (outputs,))
        shifts = RationalArray.from_fractions([means[-1:].item()] * outputs, (outputs,))
        current = _diagonal(builder, "denormalise", factors, shifts, current)
    lines.end()
    return builder.build(["input"], [current], source=file.source("nnet", raw=raw, checkable=lines.plain))


def _normalisation(
    lines: _Lines, inputs: int, bounds: list[list[Decimal | None]], given: list[list[Decimal | None]]
) -> tuple[RationalArray, RationalArray]:
    """Means and ranges, those of the inputs and, last, that of the output; LoadError where the file leaves open which these are."""
    counts = [len(numbers) for numbers in given]
    if counts[0] != counts[1]:
        raise lines.error(f"ranges: {counts[0]} entries are needed, as many as means, got {counts[1]}; {_RAW}")
    extra = any(len({_value(n) for n in numbers[inputs:]}) > 1 for numbers in given)  # equal ones may be meant for one output each
    if extra and any(len(numbers) != counts[0] - 1 for numbers in bounds):
        raise lines.error(
            f"means, ranges: {inputs + 1} entries are needed, one for each input and one for the output, got {counts[0]}; "
            f"it is not clear which of them are meant; {_RAW}"
        )
    found = []
    for wanted, numbers in zip(("means", "ranges"), given, strict=True):
        used = [*numbers[:inputs], numbers[-1]]
        if None in used:
            raise NotFiniteInFile(
                f"line {lines.number}: {wanted}: finite numbers are needed, got infinity at index {used.index(None)}; {_RAW}"
            )
        found.append(lines.array([number for number in used if number is not None], (inputs + 1,), wanted))
    if not found[1].nonzero().all():
        raise lines.error(f"ranges: numbers other than zero are needed, since the network divides by them; {_RAW}")
    return found[0], found[1]


def _value(number: Decimal | None) -> Fraction | None:
    return None if number is None else Fraction(number[0]) * Fraction(10) ** number[1]


def _diagonal(builder: Builder, name: str, factors: RationalArray, shifts: RationalArray, operand: str) -> str:
    """The node x -> factors x + shifts, or none if that is the identity."""
    if shifts.is_zero() and (factors - 1).is_zero():
        return operand
    size = factors.size
    if size > _WIDEST:
        raise LoadError(f"{name}: at most {_WIDEST} normalised entries are possible, got {size}; load with raw=True")
    matrix = np.zeros((size, size), dtype=factors.numerators.dtype)
    np.fill_diagonal(matrix, factors.numerators)
    return builder.add(name, Affine(RationalArray(matrix, factors.denominator), shifts), operand)


class _Lines:
    """The lines of the file, comments left out, each read once and with its number at hand for messages."""

    def __init__(self, data: bytes) -> None:
        # Latin-1 never fails, and whatever is no ASCII is refused where numbers are needed.
        data = data.removeprefix(codecs.BOM_UTF8)
        lines = data.decode("latin-1").replace("\r\n", "\n").split("\n")
        self._lines = [(i, line) for i, line in enumerate(lines, 1) if not line.startswith("//")]
        while self._lines and not self._lines[-1][1].strip():
            self._lines.pop()
        self._position = 0
        self.number = 0
        #: whether nothing depends on what else a reader takes for the end of a line
        self.plain = data.isascii() and not any(c in data.replace(b"\r\n", b"\n") for c in b"\r\x0b\x0c\x1c\x1d\x1e")

    def error(self, message: str) -> LoadError:
        return LoadError(f"line {self.number}: {message}")

    def next(self, wanted: str) -> str:
        if self._position == len(self._lines):
            raise self.error(f"{wanted}: the file ends here; it is truncated, or its header counts more than it holds")
        self.number, line = self._lines[self._position]
        self._position += 1
        return line

    def entries(self, wanted: str, count: int) -> list[str]:
        """`count` texts between commas; a comma at the end is allowed."""
        entries = [e.strip(" \t") for e in self.next(wanted).split(",")]
        if not entries[-1]:
            entries.pop()
        if len(entries) != count:
            raise self.error(f"{wanted}: {count} {'entry is' if count == 1 else 'entries are'} needed, got {len(entries)}")
        return entries

    def counts(self, wanted: str, count: int) -> list[int]:
        entries = self.entries(wanted, count)
        for entry in entries:
            if not _COUNT.fullmatch(entry):
                raise self.error(f"{wanted}: positive integers below 10^9 are needed, got {shown(entry)}")
        return [int(e) for e in entries]

    def header(self, wanted: str, least: int) -> list[Decimal | None]:
        """A row of at least so many numbers that may be infinite (None)."""
        entries = [e.strip(" \t") for e in self.next(wanted).split(",")]
        if not entries[-1]:
            entries.pop()
        if len(entries) < least:
            raise self.error(f"{wanted}: {least} {'entry is' if least == 1 else 'entries are'} needed, got {len(entries)}")
        infinite = [e[e[:1] in ("+", "-") :].lower() in _INFINITE for e in entries]
        return [None if inf else self._decimal(e, wanted, i) for i, (e, inf) in enumerate(zip(entries, infinite, strict=True))]

    def matrix(self, wanted: str, rows: int, columns: int) -> RationalArray:
        """Rows of exact decimals, one a line."""
        decimals: list[Decimal] = []
        for row in range(rows):
            name = wanted if rows == 1 else f"{wanted}, row {row}"
            decimals += [self._decimal(entry, name, column) for column, entry in enumerate(self.entries(name, columns))]
        return self.array(decimals, (rows, columns), wanted)

    def array(self, decimals: list[Decimal], shape: tuple[int, ...], wanted: str) -> RationalArray:
        """The array of these numbers."""
        exponents = {e for _, e in decimals}
        least = min(0, *exponents)
        if len(decimals) * (max(0, *exponents) - least) > _MAX_MATRIX_DIGITS:
            raise self.error(f"{wanted}: numbers of more comparable size are needed, got exponents from {least} on")
        powers = {e: 10 ** (e - least) for e in exponents}
        return RationalArray(integer_array((n * powers[e] for n, e in decimals), shape), 10**-least)

    def _decimal(self, text: str, wanted: str, column: int) -> Decimal:
        """(n, e) with the value n 10^e."""
        match = _NUMBER.fullmatch(text)
        if match is None or not (match[2] or match[3]):
            if text.lstrip("+-").lower() in _NOT_FINITE:
                raise NotFiniteInFile(
                    f"line {self.number}: {wanted}: finite numbers are needed, got {text} at index {column}; no rational equals it"
                )
            raise self.error(f"{wanted}: decimal numbers are needed, got {shown(text)} at index {column}")
        sign, whole, decimals, power = match.groups()
        exponent = int(power or 0) - len(decimals)
        if abs(exponent) + len(whole) + len(decimals) > _MAX_DIGITS:
            raise self.error(f"{wanted}: numbers of at most {_MAX_DIGITS} digits are needed, got a longer one at {column}")
        number = int(whole + decimals)
        return (-number if sign == "-" else number), (exponent if number else 0)

    def end(self) -> None:
        """Nothing may follow (empty lines at the end of the file are gone already)."""
        if self._position < len(self._lines):
            self.number, line = self._lines[self._position]
            raise self.error(f"the end of the file is needed after the last layer, got {shown(line.strip())}")
