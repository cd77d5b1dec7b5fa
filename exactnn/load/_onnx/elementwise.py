"""ONNX operators that act on each entry: activations, and those that change nothing in real arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.load._onnx.gelu import cubic_tanh
from exactnn.load._onnx.reader import Node, Result, operator
from exactnn.load._onnx.values import Operand, Tensor
from exactnn.network import Add, PiecewiseLinear, PRelu, Scale, Smooth, clip, leaky_relu, relu
from exactnn.network.operations import broadcast

_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


@operator("Relu")
def rectifier(node: Node) -> Operand:
    """max(x, 0)."""
    return node.apply(relu(), node.operand())


@operator("LeakyRelu", attributes="alpha")
def leaky_rectifier(node: Node) -> Operand:
    """max(x, 0) + alpha min(x, 0)."""
    return node.apply(leaky_relu(node.attributes.number("alpha", 0.01)), node.operand())


@operator("Abs")
def absolute(node: Node) -> Operand:
    """|x|."""
    return node.apply(PiecewiseLinear.of(-1, 0, [(0, 2)]), node.operand())


@operator("PRelu")
def parametric_rectifier(node: Node) -> Operand:
    """max(x, 0) + slope min(x, 0), one slope for each channel, each entry, or all."""
    operand, slope = node.operand(), node.tensor(1, "the slope")
    (operand, stripped), batched = node.reader.aligned([operand, slope])
    assert isinstance(stripped, Tensor)
    if broadcast(operand.shape, stripped.shape) != operand.shape:
        raise LoadError(f"slopes that broadcast to {list(operand.shape)} are needed, got {list(slope.shape)}")
    if math.prod(stripped.shape) == 1:
        return node.emit(leaky_relu(stripped.rational.reshape(-1).item()), operand, batched=batched)
    shape = stripped.shape
    if len(shape) == len(operand.shape) and shape[0] != 1 and all(n == 1 for n in shape[1:]):
        return node.emit(PRelu(stripped.rational.reshape(-1)), operand, batched=batched)
    positive = node.emit(relu(), operand, batched=batched)
    negative = node.emit(PiecewiseLinear.of(1, 0, [(0, -1)]), operand, batched=batched)
    return node.emit(Add(), positive, node.emit(Scale(stripped.rational), negative, batched=batched), batched=batched)


@operator("Clip", attributes="min max")
def clipped(node: Node) -> Operand:
    """min(max(x, low), high); a bound that is left out or infinite does not bound."""
    bounds: list[Fraction | None] = []
    for name, position, sign in (("min", 1, -1), ("max", 2, 1)):
        given = node.attributes.raw_number(name)
        tensor = node.optional_tensor(position, name)
        if given is not None and math.isnan(given):
            raise LoadError(f"attribute {name}: a number is needed, got nan")
        if given is not None:  # up to opset 10; the default stands for no bound, as in float32 it is none
            bounds.append(None if given * sign >= _LARGEST_FLOAT32 else Fraction(given) if math.isfinite(given) else None)
        elif tensor is None or (tensor.only_infinite and _sign(tensor) == sign):
            bounds.append(None)
        else:
            bounds.append(tensor.rational.item())
    low, high = bounds
    if low is not None and high is not None and low > high:
        raise LoadError("min <= max is needed; what a clip does otherwise differs between programs")
    return node.apply(clip(low, high), node.operand())


def _sign(tensor: Tensor) -> int:
    assert isinstance(tensor.data, np.ndarray)
    return 1 if tensor.data.ravel()[0] > 0 else -1


@operator("HardSigmoid", attributes="alpha beta")
def hard_sigmoid(node: Node) -> Operand:
    """min(max(alpha x + beta, 0), 1)."""
    alpha = Fraction(node.attributes.number("alpha", 0.2))
    beta = Fraction(node.attributes.number("beta", 0.5))
    return node.apply(hard_sigmoid_of(alpha, beta), node.operand())


def hard_sigmoid_of(alpha: Fraction, beta: Fraction) -> PiecewiseLinear:
    """min(max(alpha x + beta, 0), 1)."""
    if alpha <= 0:
        raise UnsupportedOperation(f"alpha > 0 is needed, got {float(alpha)}")
    return PiecewiseLinear.of(0, 0, [(-beta / alpha, alpha), ((1 - beta) / alpha, -alpha)])


@operator("Shrink", attributes="bias lambd")
def shrink(node: Node) -> Operand:
    """x + bias below -lambd, x - bias above lambd, 0 between; without a jump for bias = lambd only."""
    bias, at = (Fraction(node.attributes.number(name, default)) for name, default in (("bias", 0.0), ("lambd", 0.5)))
    if bias != at or at < 0:
        raise UnsupportedOperation(
            f"a shrinking with bias {float(bias)} jumps at {float(at)} from 0 to {float(at - bias)}; bias = lambd >= 0 makes it continuous"
        )
    return node.apply(PiecewiseLinear.of(1, at, [(-at, -1), (at, 1)]), node.operand())


@operator("ThresholdedRelu", attributes="alpha")
def thresholded_rectifier(node: Node) -> Operand:
    """x above alpha, else 0; without a jump for alpha = 0 only."""
    return node.apply(thresholded_rectifier_of(node.attributes.number("alpha", 1.0)), node.operand())


def thresholded_rectifier_of(alpha: float) -> PiecewiseLinear:
    """x above alpha, else 0, if it is continuous."""
    if alpha:
        raise UnsupportedOperation(f"it jumps at {alpha} from 0 to {alpha}; alpha = 0, which is Relu, makes it continuous")
    return relu()


@operator("Tanh", "Sigmoid", "Softplus")
def smooth(node: Node) -> Result:
    """Functions known by name; tanh of a cubic may be part of gelu."""
    found = cubic_tanh(node) if node.type == "Tanh" else None
    return found or _smooth(node, node.type.lower())


@operator("Gelu", attributes="approximate")
def gelu(node: Node) -> Operand:
    """x Phi(x), or its approximation by tanh."""
    kinds = {"none": "gelu", "tanh": "gelu_tanh"}
    approximate = node.attributes.text("approximate", "none")
    if approximate not in kinds:
        raise UnsupportedOperation(f"approximate: 'none' or 'tanh' is needed, got {approximate!r}")
    return _smooth(node, kinds[approximate])


@operator("Swish", attributes="alpha")
def swish(node: Node) -> Operand:
    """x sigmoid(x)."""
    if node.attributes.number("alpha", 1.0) != 1:
        raise UnsupportedOperation("alpha = 1 is needed")
    return _smooth(node, "silu")


def _smooth(node: Node, function: str) -> Operand:
    return smooth_of(node, function, node.operand())


def smooth_of(node: Node, function: str, operand: Operand) -> Operand:
    """A function known by name, of an operand."""
    if isinstance(operand, Tensor):
        raise UnsupportedOperation(f"{function} of a constant is no rational number")
    return node.apply(Smooth(function), operand)


@operator("Identity")
def identity(node: Node) -> Operand:
    """The operand itself; no node is made for it."""
    return node.operand()


@operator("Dropout", attributes="ratio seed is_test")
def dropout(node: Node) -> Operand:
    """The operand itself, as in inference."""
    node.one_output()
    training = node.optional(2)
    if training is not None and (not isinstance(training, Tensor) or not training.rational.is_zero()):
        raise UnsupportedOperation("dropout in training mode is random; export the model in eval mode")
    return node.operand()
