"""Choices by a comparison, Where(x > t, a, b) and v * Cast(x > t): read where both sides meet at the threshold, which is proved here.

    a - b = c (x - t)  for every input   =>   Where(x > t, a, b) = b + c max(x - t, 0).

Where all of them are functions of one value, `steps` follows them, jumps included, until they are continuous. Anything else is refused.
"""

from __future__ import annotations

import numpy as np

from exactnn.errors import UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._curves import forms, ratio
from exactnn.load._onnx.moves import picked
from exactnn.load._onnx.reader import Node, Result, operator
from exactnn.load._onnx.softplus import SHORTCUT, softplus_shortcut
from exactnn.load._onnx.steps import MEET, Mask, followed_steps
from exactnn.load._onnx.typed import truths
from exactnn.load._onnx.values import OnnxValue, Operand, Tensor, exact, item
from exactnn.network import Add, Scale, Subtract, relu
from exactnn.network.operations import Shape, broadcast


@operator("Greater", "GreaterOrEqual", "Less", "LessOrEqual")
def compared(node: Node) -> Result:
    """A comparison, which a choice may read."""
    left, right = node.operand(0), node.operand(1)
    above, below = (left, right) if node.type.startswith("Greater") else (right, left)
    return Mask(above, below, node.type, not node.type.endswith("OrEqual"))


@operator("Sign")
def sign(node: Node) -> Result:
    """-1, 0 or 1, which a product may read."""
    found = followed_steps(node)
    if found is None:
        raise UnsupportedOperation("Sign of this value is not continuous, and so no operation of a network here")
    return found


@operator("And", "Or", "Xor")
def joined(node: Node) -> Result:
    """Comparisons of one value together."""
    found = followed_steps(node)
    if found is None:
        raise UnsupportedOperation(
            f"{node.type} of comparisons of several values that depend on the input is not known here; nest a Where for each of them"
        )
    return found


@operator("Equal")
def equal(node: Node) -> Operand:
    """Of a value that depends on the input there is no exact meaning here; constants are compared elsewhere."""
    raise UnsupportedOperation("whether values that depend on the input are equal jumps, and is no operation of a network here")


@operator("Not")
def inverted(node: Node) -> Result:
    """The opposite comparison."""
    mask = node.deferred()
    if isinstance(mask, Mask):
        return mask.inverted()
    found = followed_steps(node)
    if found is not None:
        return found
    raise UnsupportedOperation("Not is known of constants and of comparisons here")


@operator("Where")
def where(node: Node) -> Result:
    """A choice by constants; by a comparison, if it is continuous; torch's Softplus, Where(x > t, x, Softplus(x)), as it is meant."""
    name = softplus_shortcut(node.proto, node.reader.producers)
    if name is not None:
        threshold = node.reader.values.get(name)
        if not isinstance(threshold, Tensor) or threshold.rational.size != 1 or threshold.rational.reshape(-1).item() < SHORTCUT:
            raise UnsupportedOperation(f"a Softplus with threshold below {SHORTCUT} is not the smooth function")
        return node.operand(2)
    found = followed_steps(node)
    if found is not None:
        return found
    mask = node.deferred()
    if isinstance(mask, Mask):
        return chosen(node, mask, node.operand(1), node.operand(2))
    condition = truths(node.tensor(0, "the condition, unless it is a comparison,"))
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


def chosen(node: Node, mask: Mask, yes: Operand, no: Operand) -> Operand:
    """`yes` where the comparison holds, `no` elsewhere; UnsupportedOperation unless both meet at the threshold."""
    operands, batched = node.reader.aligned([mask.above, mask.below, yes, no])
    shape = broadcast(*(o.shape for o in operands))
    node.reader.budget.tensor(shape)
    return _as_rectifier(node, operands, shape, batched=batched)


def _as_rectifier(node: Node, operands: list[Operand], shape: Shape, *, batched: bool) -> Operand:
    """no + c max(above - below, 0)."""
    found = forms(node.reader, [item(o) for o in operands], shape)
    factor, gap = (None, None) if found is None else ratio(*found)
    if gap is not None:
        raise UnsupportedOperation(f"the choice jumps, by {abs(gap)}, and so is no operation of a network here; {MEET}")
    if factor is None:
        raise UnsupportedOperation(
            f"the two choices are not seen to be equal where the sides of the comparison are: not continuous, as far as is seen; {MEET}"
        )
    above, below, _, no = operands
    positive = node.emit(relu(), node.emit(Subtract(), above, below, batched=batched), batched=batched)
    whole = broadcast(positive.shape, factor.shape)
    if whole != positive.shape:
        zeros = exact(RationalArray.zeros(whole))
        positive = node.emit(Add(), positive, zeros, batched=batched)
    scaled = positive if factor == RationalArray.of(1) else node.emit(Scale(factor), positive, batched=batched)
    return node.emit(Add(), no, scaled, batched=batched)
