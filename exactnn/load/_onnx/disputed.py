"""Which nodes of an ONNX file have a meaning that nobody disputes; all others are reasons to compare with a runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from exactnn.load._onnx.values import Operand, Tensor

if TYPE_CHECKING:
    import onnx

Attributes = Mapping[str, "onnx.AttributeProto"]


def is_disputed(node: onnx.NodeProto, operands: Iterable[Operand | None]) -> bool:
    """Whether a runtime could read the node in another way."""
    plain = _UNDISPUTED.get(node.op_type)
    return plain is None or not plain({a.name: a for a in node.attribute}, list(operands))


def _always(attributes: Attributes, operands: list[Operand | None]) -> bool:
    return True


def _on_floats(attributes: Attributes, operands: list[Operand | None]) -> bool:
    """Integers overflow, and are divided in ways of their own."""
    return not any(isinstance(o, Tensor) and o.is_integer for o in operands)


def _explicit_window(attributes: Attributes, operands: list[Operand | None]) -> bool:
    """Padding that is given in numbers."""
    return "auto_pad" not in attributes or attributes["auto_pad"].s in (b"", b"NOTSET")


def _whole_window(attributes: Attributes, operands: list[Operand | None]) -> bool:
    """Windows without gaps and without a last incomplete one."""
    dilated = "dilations" in attributes and any(d != 1 for d in attributes["dilations"].ints)
    return _explicit_window(attributes, operands) and not dilated and not ("ceil_mode" in attributes and attributes["ceil_mode"].i)


def _forwards(attributes: Attributes, operands: list[Operand | None]) -> bool:
    """Steps of at least 1."""
    steps = operands[4] if len(operands) > 4 else None
    return steps is None or (isinstance(steps, Tensor) and all(s > 0 for s in steps.integers()))


_UNDISPUTED: dict[str, Callable[[Attributes, list[Operand | None]], bool]] = {
    **dict.fromkeys(("Constant", "Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Concat"), _always),
    **dict.fromkeys(("BatchNormalization", "GlobalAveragePool", "GlobalMaxPool"), _always),
    **dict.fromkeys(("Gemm", "MatMul", "Add", "Sub", "Sum", "Mul", "Div", "Reciprocal", "Neg"), _on_floats),
    **dict.fromkeys(("Relu", "LeakyRelu", "PRelu", "Abs", "Clip", "Max", "Min", "Tanh", "Sigmoid"), _on_floats),
    "Conv": _explicit_window,
    **dict.fromkeys(("MaxPool", "AveragePool"), _whole_window),
    "Slice": _forwards,
}

#: operators that look at no size of their operands' batch axis: where they are read for one point of an open batch, they are for any number
OBLIVIOUS = frozenset(
    (
        *("Constant", "Identity", "Dropout", "Flatten", "Gemm", "MatMul", "Add", "Sub", "Conv", "BatchNormalization", "MaxPool"),
        *("AveragePool", "GlobalMaxPool", "GlobalAveragePool", "Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Softplus"),
    )
)
