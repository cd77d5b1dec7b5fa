"""GELU as exporters spell it below operator set 20: x/2 (1 + erf(x/sqrt 2)), and x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).

The factors may stand in any order. The constants in a file are roundings of the real ones to a float type; the network has the function
itself, and says so. What is met on the way, p + q erf(x/sqrt 2) or x times it, is no value of its own here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from flint import fmpq_poly

from exactnn.errors import UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.exact.polynomials import fractions
from exactnn.exact.rounding import FORMATS, round_quotient_by_root, round_rational
from exactnn.load._onnx.rational import ByEntries
from exactnn.load._onnx.reader import Node, Reader, Result, operator
from exactnn.load._onnx.values import Deferred, OnnxValue, Operand, Tensor
from exactnn.network import PiecewiseLinear, Scale, Smooth

_HALF = Fraction(1, 2)
_CUBIC = Fraction("0.044715")
#: sqrt(2/pi), to more digits than any float type has
_SLOPE = Fraction("0.79788456080286535587989211986876373695171726232986931533185165934")


def _inverse_roots() -> Iterator[Fraction]:
    """1/sqrt 2 rounded, and as a quotient by sqrt 2 rounded, which may be rounded once more."""
    for kind in FORMATS:
        root = round_quotient_by_root(Fraction(1), _HALF, kind)
        yield round_quotient_by_root(Fraction(1), Fraction(2), kind)
        yield 1 / root
        yield round_rational(1 / root, kind)


_ROOTS = set(_inverse_roots())


def _cubics() -> Iterator[tuple[Fraction, Fraction]]:
    """The coefficients of x and x^3 that roundings give, where one is not much finer than the other."""
    for kind in FORMATS:
        slope, cubic = round_rational(_SLOPE, kind), round_rational(_CUBIC, kind)
        yield slope, slope * cubic
        yield slope, round_rational(_SLOPE * _CUBIC, kind)
        yield slope, round_rational(slope * cubic, kind)


_CUBICS = set(_cubics())


@dataclass(frozen=True)
class Bell(Deferred):
    """p + q s(x), or x times it, s(x) being erf(x/sqrt 2) or the tanh above."""

    function: str
    base: OnnxValue
    constant: Fraction
    factor: Fraction
    times_x: bool
    #: the operand of tanh
    inner: OnnxValue | None = None

    def times(self, number: Fraction) -> Bell:
        """The same times a number."""
        return replace(self, constant=self.constant * number, factor=self.factor * number)

    def settled(self, reader: Reader) -> Operand:
        batched = self.base.batched
        if self.times_x and self.constant == self.factor:
            reader.say(f"read as {self.function}, whose constants the file has rounded")
            value = reader.emit(Smooth(self.function), self.base, batched=batched)
            twice = RationalArray.of(2 * self.factor)
            return value if self.factor == _HALF else reader.emit(Scale(twice), value, batched=batched)
        if self.inner is not None and not self.times_x:
            value = reader.emit(Smooth("tanh"), self.inner, batched=batched)
            if self.constant == 0 and self.factor == 1:
                return value
            return reader.emit(PiecewiseLinear.of(self.factor, self.constant, []), value, batched=batched)
        raise UnsupportedOperation(
            "Erf, or tanh of a cubic, with such factors is not known here; gelu, x/2 (1 + erf(x/sqrt 2)), is: "
            "export the model with operator set 20, which has Gelu"
        )


@operator("Erf")
def error_function(node: Node) -> Result:
    """erf(x/sqrt 2), the number being a rounded one."""
    operand = node.operand()
    assert isinstance(operand, OnnxValue)  # constants are computed elsewhere
    made = node.reader.made(operand.node)
    if isinstance(made.operation, Scale) and _uniform(made.operation.factor) in _ROOTS:
        return Bell("gelu", OnnxValue(made.reads[0], operand.shape, operand.batched), Fraction(0), Fraction(1), False)
    raise UnsupportedOperation(
        "Erf is known here only in gelu, x/2 (1 + erf(x/sqrt 2)), with sqrt 2 rounded to a float type; "
        "export the model with operator set 20, which has Gelu"
    )


def cubic_tanh(node: Node) -> Bell | None:
    """tanh(sqrt(2/pi) (x + 0.044715 x^3)), the numbers being rounded ones; None if the node is another tanh."""
    operand = node.operand()
    made = node.reader.made(operand.node) if isinstance(operand, OnnxValue) else None
    if made is None or not isinstance(operand, OnnxValue) or not isinstance(made.operation, ByEntries) or len(made.operation.functions) > 1:
        return None
    (function,) = made.operation.functions
    top = fractions(function.top)
    if function.bottom != fmpq_poly([1]) or len(top) != 4 or top[0] or top[2] or (top[1], top[3]) not in _CUBICS:
        return None
    return Bell("gelu_tanh", OnnxValue(made.reads[0], operand.shape, operand.batched), Fraction(0), Fraction(1), False, operand)


def followed(node: Node) -> Result | None:
    """A sum or product with such a form, as another one, or as gelu; None if the node is none."""
    forms = [node.reader.deferred.get(name) for name in node.inputs]
    places = [i for i, form in enumerate(forms) if isinstance(form, Bell)]
    if len(places) != 1 or len(forms) > 2:
        return None
    form = forms[places[0]]
    assert isinstance(form, Bell)
    if node.type == "Neg":
        return form.times(Fraction(-1))
    other = node.reader.values.get(node.inputs[1 - places[0]])
    found = _with_number(node.type, form, places[0], other) if isinstance(other, Tensor) else _with_value(node, form, other)
    if found is not None and found.times_x and found.constant == found.factor == _HALF:
        return found.settled(node.reader)
    return found


def _with_number(kind: str, form: Bell, place: int, tensor: Tensor) -> Bell | None:
    if tensor.rational.size != 1 or len(tensor.shape) > len(form.base.full):
        return None
    number = tensor.rational.item()
    if kind == "Mul":
        return form.times(number)
    if kind == "Div":
        return form.times(1 / number) if place == 0 and number else None
    if form.times_x or kind not in ("Add", "Sum", "Sub"):
        return None
    if kind == "Sub" and place == 1:
        return replace(form.times(Fraction(-1)), constant=number - form.constant)
    return replace(form, constant=form.constant + (-number if kind == "Sub" else number))


def _with_value(node: Node, form: Bell, other: Operand | None) -> Bell | None:
    """The product with a multiple of x."""
    if node.type != "Mul" or form.times_x or not isinstance(other, OnnxValue):
        return None
    if other.node == form.base.node:
        return replace(form, times_x=True)
    made = node.reader.made(other.node)
    multiple = _uniform(made.operation.factor) if isinstance(made.operation, Scale) and made.reads == (form.base.node,) else None
    if multiple is None or made.shape != form.base.shape:
        return None
    return replace(form.times(multiple), times_x=True)


def _uniform(array: RationalArray) -> Fraction | None:
    first = array.numerators.ravel()[0]
    return Fraction(int(first), array.denominator) if (array.numerators == first).all() else None
