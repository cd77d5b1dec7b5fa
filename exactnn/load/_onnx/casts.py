"""Casts: those of constants round and wrap as the standard says; those of values may not round more than the run of the network does."""

from __future__ import annotations

from dataclasses import replace

from exactnn.errors import UnsupportedOperation
from exactnn.load._onnx.reader import Node, Result, operator
from exactnn.load._onnx.steps import Mask, Stepped
from exactnn.load._onnx.typed import KINDS, cast, holds
from exactnn.load._onnx.values import FLOATS, Operand, Tensor


@operator("Cast", attributes="to saturate round_mode")
def cast_to(node: Node) -> Result:
    """The number in another type."""
    number = node.attributes.integer("to")
    if number not in KINDS:
        raise UnsupportedOperation(f"a cast to one of {', '.join(sorted(KINDS.values()))} is needed, got type number {number}")
    mask = node.deferred()
    if isinstance(mask, Mask) and KINDS[number] in FLOATS:
        return mask.as_numbers()
    if isinstance(mask, Stepped) and (KINDS[number] in FLOATS or (KINDS[number] == "bool" and mask.function.is_mask)):
        return replace(mask, truth=KINDS[number] == "bool")
    if isinstance(mask, Mask) and KINDS[number] == "bool":
        return mask
    return _cast(node, node.operand(), KINDS[number])


@operator("CastLike", attributes="saturate round_mode")
def cast_like(node: Node) -> Operand:
    """A cast to the type of the second operand."""
    operand, like = node.operand(), node.operand(1)
    if isinstance(like, Tensor):
        return _cast(node, operand, like.kind)
    kinds = node.reader.kinds | node.reader.cast_kinds
    if isinstance(operand, Tensor) and len(kinds) > 1:
        raise UnsupportedOperation("constants cast like a value, in a network with values of several types; use Cast")
    return _cast(node, operand, kinds.pop()) if isinstance(operand, Tensor) else operand


def _cast(node: Node, operand: Operand, kind: str) -> Operand:
    if isinstance(operand, Tensor):
        node.reader.plain = False
        return cast(operand, kind)
    if kind not in FLOATS:
        raise UnsupportedOperation(
            f"a cast of a value that depends on the input to {kind} is not continuous; a cast to a float type is known"
        )
    coarse = sorted(k for k in node.reader.kinds if not holds(kind, k))
    if coarse:
        raise UnsupportedOperation(
            f"a cast to {kind} rounds values of a network whose input is {coarse[0]}: a step function. Export the whole model in {kind}, "
            f"its input too (then rounding is that of the run, and not of the function), or in {coarse[0]}"
        )
    node.reader.cast_kinds.add(kind)
    return operand
