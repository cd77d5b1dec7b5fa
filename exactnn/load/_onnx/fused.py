"""Operators of the domain com.microsoft, as onnxruntime saves optimised models: those of the standard with an activation behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from exactnn.errors import UnsupportedOperation
from exactnn.load._onnx.arithmetic import gemm, product, scaled, summed
from exactnn.load._onnx.elementwise import hard_sigmoid_of, smooth_of, thresholded_rectifier_of
from exactnn.load._onnx.reader import Node, operator
from exactnn.load._onnx.values import OnnxValue, Operand
from exactnn.load._onnx.windows import WINDOW, convolution
from exactnn.network import Transpose, clip, leaky_relu, relu

Made = Callable[[Node, Operand, Sequence[float]], Operand]

#: what stands behind, its parameters in the order of the file
_ACTIVATIONS: dict[str, tuple[int, Made]] = {
    "": (0, lambda node, x, _: x),
    "Relu": (0, lambda node, x, _: node.apply(relu(), x)),
    "LeakyRelu": (1, lambda node, x, p: node.apply(leaky_relu(p[0]), x)),
    "ThresholdedRelu": (1, lambda node, x, p: node.apply(thresholded_rectifier_of(p[0]), x)),
    "Clip": (2, lambda node, x, p: node.apply(clip(p[0], p[1]), x)),
    "HardSigmoid": (2, lambda node, x, p: node.apply(hard_sigmoid_of(Fraction(p[0]), Fraction(p[1])), x)),
    "Sigmoid": (0, lambda node, x, _: smooth_of(node, "sigmoid", x)),
    "Tanh": (0, lambda node, x, _: smooth_of(node, "tanh", x)),
}


@operator("com.microsoft.FusedGemm", attributes="alpha beta transA transB activation activation_alpha activation_beta activation_gamma")
def fused_gemm(node: Node) -> Operand:
    """Gemm and an activation."""
    given = [node.attributes.raw_number(f"activation_{name}") for name in ("alpha", "beta", "gamma")]
    return _activated(node, gemm(node), [p for p in given if p is not None])


@operator("com.microsoft.FusedMatMul", "com.microsoft.TransposeMatMul", attributes="alpha transA transB transBatchA transBatchB")
def fused_product(node: Node) -> Operand:
    """alpha A B, the last two axes of A and B exchanged or not."""
    if node.attributes.flag("transBatchA") or node.attributes.flag("transBatchB"):
        raise UnsupportedOperation(
            "transBatchA and transBatchB are not known here; load the model as it was before onnxruntime optimised it"
        )
    left, right = node.operand(0), node.operand(1)
    left = _exchanged(node, left) if node.attributes.flag("transA") else left
    right = _exchanged(node, right) if node.attributes.flag("transB") else right
    node.reader.plain = False
    return scaled(node, product(node, left, right), Fraction(node.attributes.number("alpha", 1.0)))


def _exchanged(node: Node, operand: Operand) -> Operand:
    if isinstance(operand, OnnxValue) and len(operand.shape) < 2:
        operand = node.reader.unbatched(operand)
    rank = len(operand.shape)
    return operand if rank < 2 else node.apply(Transpose((*range(rank - 2), rank - 1, rank - 2)), operand)


@operator("com.microsoft.FusedConv", attributes=f"{WINDOW} group activation activation_params")
def fused_convolution(node: Node) -> Operand:
    """Conv, the sum with another value, and an activation."""
    result, added = convolution(node), node.optional(3)
    if added is not None:
        result = summed(node, result, added)
    return _activated(node, result, node.attributes.floats("activation_params") or [])


def _activated(node: Node, value: Operand, parameters: Sequence[float]) -> Operand:
    name = node.attributes.text("activation", "")
    if name not in _ACTIVATIONS:
        known = ", ".join(n for n in _ACTIVATIONS if n)
        raise UnsupportedOperation(
            f"attribute activation: {known} is known here, got {name!r}; load the model as it was before onnxruntime optimised it"
        )
    count, make = _ACTIVATIONS[name]
    if len(parameters) < count:
        raise UnsupportedOperation(f"{count} parameters of the activation {name} are needed, got {list(parameters)}")
    node.reader.plain = False
    return make(node, value, parameters)


@operator("com.microsoft.Gelu")
def gelu(node: Node) -> Operand:
    """x Phi(x)."""
    return smooth_of(node, "gelu", node.operand())


@operator("com.microsoft.BiasGelu", "com.microsoft.FastGelu")
def biased_gelu(node: Node) -> Operand:
    """gelu of a sum: with Phi, or its approximation by tanh."""
    value, bias = node.operand(), node.optional(1)
    value = value if bias is None else summed(node, value, bias)
    return smooth_of(node, "gelu" if node.type == "BiasGelu" else "gelu_tanh", value)


@operator("com.microsoft.QuickGelu", attributes="alpha")
def quick_gelu(node: Node) -> Operand:
    """x sigmoid(alpha x), for alpha = 1: what onnxruntime makes of silu."""
    if node.attributes.number("alpha", 1.702) != 1:
        raise UnsupportedOperation("QuickGelu with alpha = 1 is known here, which is silu; its other values have no operation")
    return smooth_of(node, "silu", node.operand())
