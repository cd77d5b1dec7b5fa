"""Rational functions that a file spells out: their arithmetic, the points where it divides by 0, and the operation they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from flint import fmpq, fmpq_poly

from exactnn.errors import UnsupportedOperation
from exactnn.exact.polynomials import fractions, from_fractions
from exactnn.exact.roots import has_real_zero
from exactnn.load._limits import MAX_BITS, MAX_DEGREE
from exactnn.network import Builder, Concat, Operation, PiecewiseLinear, Rational, Slice
from exactnn.network.operations import Shape


@dataclass(frozen=True)
class Quotient:
    """top/bottom in lowest terms; `lost` is 0 where bottom is not, but what is spelled out divides by 0."""

    top: fmpq_poly
    bottom: fmpq_poly
    lost: fmpq_poly

    @classmethod
    def of(cls, function: Rational) -> Quotient:
        """An activation."""
        top, bottom = map(from_fractions, (function.numerator, function.denominator))
        return cls(top, bottom, _ONE)

    @classmethod
    def constant(cls, value: fmpq) -> Quotient:
        """A number."""
        return cls(fmpq_poly([value]), _ONE, _ONE)

    @classmethod
    def variable(cls) -> Quotient:
        """x itself."""
        return cls(_X, _ONE, _ONE)

    def __add__(self, other: Quotient) -> Quotient:
        shared = self.bottom.gcd(other.bottom)
        left, right = self.bottom // shared, other.bottom // shared
        return _lowest(self.top * right + other.top * left, self.bottom * right, self.lost * other.lost)

    def __sub__(self, other: Quotient) -> Quotient:
        return self + other * Quotient.constant(fmpq(-1))

    def __mul__(self, other: Quotient) -> Quotient:
        return _lowest(self.top * other.top, self.bottom * other.bottom, self.lost * other.lost)

    def __truediv__(self, other: Quotient) -> Quotient:
        return _lowest(self.top * other.bottom, self.bottom * other.top, self.lost * other.lost * other.bottom)

    @property
    def degree(self) -> int:
        """The larger one of both."""
        return int(max(self.top.degree(), self.bottom.degree()))

    @property
    def bits(self) -> int:
        """Of the longest numerator or denominator among the coefficients."""
        return max(_bits(self.top), _bits(self.bottom))

    def into(self, outer: Quotient) -> Quotient:
        """outer(self) = sum p_i top^i bottom^(n-i) / sum q_i top^i bottom^(n-i); `outer` is defined where its denominator is not 0."""
        if self.top == _X and self.bottom == self.lost == _ONE:
            return outer
        n = outer.degree
        _check_degree(n * self.degree)
        _check_bits((n * self.bits + outer.bits) // 4)  # about, before anything is computed
        top, bottom, power = fmpq_poly([0]), fmpq_poly([0]), _ONE
        for i in range(n, -1, -1):
            p, q = outer.top[i], outer.bottom[i]
            top, bottom, power = top * self.top + power * p, bottom * self.top + power * q, power * self.bottom
        return _lowest(top, bottom, self.lost * self.bottom)

    def settled(self) -> Quotient:
        """The same with 1 as last coefficient below; UnsupportedOperation if it has a value where what is spelled out has none."""
        if self.lost.degree() * _bits(self.lost) > _MAX_LOST:
            raise UnsupportedOperation("a denominator has a factor that cancels, too long for a search of its real zeros")
        if has_real_zero(self.lost):
            raise UnsupportedOperation(
                "a denominator has a real zero that cancels: there the file has no value, but the function in lowest terms has one; "
                "cancel the common factor before exporting the model"
            )
        lead = self.bottom.leading_coefficient()
        found = Quotient(self.top / lead, self.bottom / lead, _ONE)
        _check_bits(found.bits)
        return found

    def activation(self) -> Operation:
        """The operation that a settled one is: a rational function, or the piecewise linear function that it is."""
        top, bottom = map(fractions, (self.top, self.bottom))
        if len(bottom) > 1 or len(top) > 2:
            return Rational(top, bottom)
        return PiecewiseLinear.of((*top, 0)[1], top[0], [])


#: degree times bits of the factors that cancel, so that their real zeros are counted in a second
_MAX_LOST = 1 << 15
_ONE, _X = fmpq_poly([1]), fmpq_poly([0, 1])

#: what an ONNX operator does to two quotients
OPERATORS: dict[str, Callable[[Quotient, Quotient], Quotient]] = {
    "+": Quotient.__add__,
    "-": Quotient.__sub__,
    "*": Quotient.__mul__,
    "/": Quotient.__truediv__,
}


def _check_degree(degree: int) -> None:
    if degree > MAX_DEGREE:
        raise UnsupportedOperation(f"numerators and denominators of degree at most {MAX_DEGREE} are read, got degree {degree}")


def _bits(p: fmpq_poly) -> int:
    return max(int(p.numer().height_bits()), int(p.denom()).bit_length())


def _check_bits(bits: int) -> None:
    if bits > MAX_BITS:
        raise UnsupportedOperation(f"coefficients of at most {MAX_BITS} bits are read in a rational function, got more")


def _lowest(top: fmpq_poly, bottom: fmpq_poly, undefined: fmpq_poly) -> Quotient:
    """top/bottom, spelled out so that there is no value where bottom or `undefined` is 0."""
    if not bottom:
        raise UnsupportedOperation("the divisor is 0 for every input")
    _check_degree(max(top.degree(), bottom.degree()))
    _check_bits(max(map(_bits, (top, bottom, undefined))))
    common = top.gcd(bottom)
    top, bottom, lost = top // common, bottom // common, undefined * common
    lost = lost // lost.gcd(lost.derivative())  # each zero once
    return Quotient(top, bottom, lost // lost.gcd(bottom))


@dataclass(frozen=True)
class ByEntries(Operation):
    """While a file is read, a rational function of each entry: functions[i] at place i of an axis, or the only one everywhere."""

    functions: tuple[Quotient, ...]
    axis: int = 0
    kind: ClassVar[str] = "rational"

    def output_shape(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def write(self, builder: Builder, fresh: Callable[[str], str], name: str, source: str, shape: Shape) -> None:
        """The node or, for several functions, slices, a node for each, and their concatenation; neighbours with one function share it."""
        if len(self.functions) == 1:
            builder.add(name, self.functions[0].activation(), source)
            return
        changes = [i for i, f in enumerate(self.functions) if not i or f != self.functions[i - 1]]
        parts = []
        for start, stop in zip(changes, [*changes[1:], shape[self.axis]], strict=True):
            starts = tuple(start if a == self.axis else 0 for a in range(len(shape)))
            stops = tuple(stop if a == self.axis else n for a, n in enumerate(shape))
            part = builder.add(fresh(f"{name}/slice{start}"), Slice(starts, stops, (1,) * len(shape)), source)
            parts.append(builder.add(fresh(f"{name}/rational{start}"), self.functions[start].activation(), part))
        builder.add(name, Concat(self.axis), *parts)
