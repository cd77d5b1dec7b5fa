"""Choices by a comparison, Where(x > t, a, b) and v * Cast(x > t): read where both sides meet at the threshold, which is proved here.

    a - b = c (x - t)  for every input   =>   Where(x > t, a, b) = b + c max(x - t, 0),

and where x, t, a, b are piecewise linear functions of one value u, and x - t is 0 at u = s alone, the choice is the function glued at s, if
a(s) = b(s). Anything else is refused: it jumps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exactnn.errors import UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import rational_text
from exactnn.load._onnx.curves import Curve, Form, at, between, curves, forms, plus
from exactnn.load._onnx.moves import picked
from exactnn.load._onnx.reader import Node, Reader, Result, operator
from exactnn.load._onnx.softplus import SHORTCUT, softplus_shortcut
from exactnn.load._onnx.typed import numbers
from exactnn.load._onnx.values import Deferred, OnnxValue, Operand, Tensor, exact
from exactnn.network import Add, Scale, Subtract, relu
from exactnn.network.operations import Shape, broadcast

_MEET = "Where, or a product with the comparison cast to floats, is read if both choices are equal where the sides of the comparison are"


@dataclass(frozen=True)
class Mask(Deferred):
    """Where `above` is larger than `below`; at equality, where it is not said, all that is made of it is continuous.

    `number`: cast to 0 and 1.
    """

    above: Operand
    below: Operand
    kind: str
    number: bool = False

    def as_numbers(self) -> Mask:
        """1 where it is true, else 0."""
        return Mask(self.above, self.below, self.kind, True)

    def inverted(self) -> Mask:
        """True where it is not."""
        return Mask(self.below, self.above, self.kind, self.number)

    def settled(self, reader: Reader) -> Operand:
        raise UnsupportedOperation(
            f"it reads the comparison {self.kind} of values that depend on the input, which jumps from 0 to 1, and so is no operation of a "
            f"network here; {_MEET}"
        )


@operator("Greater", "GreaterOrEqual", "Less", "LessOrEqual")
def compared(node: Node) -> Result:
    """A comparison, which a choice may read."""
    left, right = node.operand(0), node.operand(1)
    return Mask(left, right, node.type) if node.type.startswith("Greater") else Mask(right, left, node.type)


@operator("Equal")
def equal(node: Node) -> Operand:
    """Of a value that depends on the input there is no exact meaning here; constants are compared elsewhere."""
    raise UnsupportedOperation("whether values that depend on the input are equal jumps, and is no operation of a network here")


@operator("Not")
def inverted(node: Node) -> Result:
    """The opposite comparison."""
    mask = node.reader.deferred.get(node.inputs[0])
    if isinstance(mask, Mask):
        return mask.inverted()
    raise UnsupportedOperation("Not is known of constants and of comparisons here")


@operator("Where")
def where(node: Node) -> Operand:
    """A choice by constants; by a comparison, if it is continuous; torch's Softplus, Where(x > t, x, Softplus(x)), as it is meant."""
    name = softplus_shortcut(node.proto, node.reader.producers)
    if name is not None:
        threshold = node.reader.values.get(name)
        if not isinstance(threshold, Tensor) or threshold.rational.size != 1 or threshold.rational.reshape(-1).item() < SHORTCUT:
            raise UnsupportedOperation(f"a Softplus with threshold below {SHORTCUT} is not the smooth function")
        return node.operand(2)
    mask = node.reader.deferred.get(node.inputs[0])
    if isinstance(mask, Mask):
        return chosen(node, mask, node.operand(1), node.operand(2))
    condition = numbers(node.tensor(0, "the condition, unless it is a comparison,")).astype(bool)
    yes, no = node.operand(1), node.operand(2)
    node.reader.budget.tensor(broadcast(condition.shape, *(o.full if isinstance(o, OnnxValue) else o.shape for o in (yes, no))))
    return picked(node, [yes, no], lambda a, b: np.asarray(np.where(condition, a, b)))


def masked(node: Node) -> Operand | None:
    """v * mask as a choice between v and 0, if one of two factors is a comparison cast to numbers; else None."""
    for i in range(2):
        mask = node.reader.deferred.get(node.inputs[i]) if len(node.inputs) == 2 else None
        if isinstance(mask, Mask) and mask.number:
            return chosen(node, mask, node.operand(1 - i), exact(RationalArray.of(0)))
    return None


def complement(node: Node) -> Mask | None:
    """1 - mask, if the node is that."""
    mask = node.reader.deferred.get(node.inputs[1]) if len(node.inputs) == 2 else None
    one = node.reader.values.get(node.inputs[0])
    if not isinstance(mask, Mask) or not mask.number or not isinstance(one, Tensor):
        return None
    return mask.inverted() if one.rational == RationalArray.of(1).reshape(*(1,) * len(one.shape)) else None


def chosen(node: Node, mask: Mask, yes: Operand, no: Operand) -> Operand:
    """`yes` where the comparison holds, `no` elsewhere; UnsupportedOperation unless both meet at the threshold."""
    operands, batched = node.reader.aligned([mask.above, mask.below, yes, no])
    shape = broadcast(*(o.shape for o in operands))
    node.reader.budget.tensor(shape)
    found = curves(node.reader, operands, shape)
    if found is not None:
        glued = _glued(*found[1])
        if glued is not None:
            return node.emit(glued, OnnxValue(found[0], shape, batched), batched=batched)
    return _as_rectifier(node, operands, shape, batched=batched)


def _glued(above: Curve, below: Curve, yes: Curve, no: Curve) -> Curve | None:
    """The choice as a function of one value, if the comparison changes at one place."""
    difference = plus(above, below, -1)
    if difference.kinks or not difference.slope:
        return None
    place = -difference.constant / difference.slope
    right, left = (yes, no) if difference.slope > 0 else (no, yes)
    low, high = at(left, place), at(right, place)
    if low != high:
        raise UnsupportedOperation(
            f"the choice jumps at {_short(place)} from {_short(low)} to {_short(high)}, by {_short(high - low)}, and so is no operation of "
            f"a network here; {_MEET}"
        )
    kinks = [place, *(k for k, _ in (*left.kinks, *right.kinks))]
    return between(lambda t: at(right if t > place else left, t), kinks)


def _as_rectifier(node: Node, operands: list[Operand], shape: Shape, *, batched: bool) -> Operand:
    """no + c max(above - below, 0)."""
    found = forms(node.reader, operands, shape)
    factor = None if found is None else _ratio(*found)
    if factor is None:
        raise UnsupportedOperation(
            f"the two choices are not seen to be equal where the sides of the comparison are: not continuous, as far as is seen; {_MEET}"
        )
    above, below, _, no = operands
    positive = node.emit(relu(), node.emit(Subtract(), above, below, batched=batched), batched=batched)
    whole = broadcast(positive.shape, factor.shape)
    if whole != positive.shape:
        zeros = exact(RationalArray.zeros(whole))
        positive = node.emit(Add(), positive, zeros, batched=batched)
    scaled = positive if factor == RationalArray.of(1) else node.emit(Scale(factor), positive, batched=batched)
    return node.emit(Add(), no, scaled, batched=batched)


def _ratio(above: Form, below: Form, yes: Form, no: Form) -> RationalArray | None:
    """c with yes - no = c (above - below); UnsupportedOperation if they differ by a constant; None if there is none."""
    minus = RationalArray.of(-1)
    change, difference = yes.plus(no, minus), above.plus(below, minus)
    arrays = [*change.factors.values(), *difference.factors.values(), change.constant, difference.constant]
    small = broadcast(*(a.shape for a in arrays))
    size = math.prod(small)
    quotients: list[Fraction | None] = [None] * size
    for name, array in difference.factors.items():
        other = change.factors.get(name, RationalArray.of(0))
        for i, (p, q) in enumerate(zip(_spread(other, small), _spread(array, small), strict=True)):
            if q and quotients[i] is None:
                quotients[i] = p / q
    if None in quotients:
        return None
    ratio = RationalArray.from_fractions([q for q in quotients if q is not None], small)
    if len(set(quotients)) == 1:
        ratio = ratio.reshape(-1)[0:1].reshape()
    rest = change.plus(difference, -ratio)
    if not all(a.is_zero() for a in rest.factors.values()):
        return None
    if not rest.constant.is_zero():
        jump = max(rest.constant.to_fractions(), key=abs)
        raise UnsupportedOperation(f"the choice jumps, by {_short(abs(jump))}, and so is no operation of a network here; {_MEET}")
    return ratio


def _spread(array: RationalArray, shape: Shape) -> list[Fraction]:
    flat = np.broadcast_to(array.numerators, shape).ravel().tolist()
    return [Fraction(n, array.denominator) for n in flat]


def _short(value: Fraction) -> str:
    text = rational_text(value)
    return text if len(text) <= 20 else f"about {float(value):.6g}"
