"""ATen operations entry by entry: activations, arithmetic, conversions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import torch

from exactnn.load._torch_graph import Handler, TracedValue, Translator
from exactnn.network import Add, Operation, PiecewiseLinear, PRelu, Rational, Smooth, Subtract, clip, leaky_relu, relu
from exactnn.network.operations import broadcast


def _unary(operation: Operation) -> Handler:
    def handler(t: Translator, x: TracedValue, **_: Any) -> TracedValue:
        return t.apply(operation, x)

    return handler


def _identity(t: Translator, x: TracedValue, **_: Any) -> TracedValue:
    return x


# --- activations -----------------------------------------------------------------------------------------------------------


def _leaky_relu(t: Translator, x: TracedValue, negative_slope: Any, **_: Any) -> TracedValue:
    return t.apply(leaky_relu(t.number(negative_slope, "negative_slope")), x)


def _rrelu(t: Translator, x: TracedValue, lower: float, upper: float, training: bool, **_: Any) -> TracedValue:
    if training:
        t.refuse("it is random in training mode; call module.eval() first")
    return t.apply(leaky_relu((lower + upper) / 2), x)


def _prelu(t: Translator, x: TracedValue, weight: TracedValue, **_: Any) -> TracedValue:
    slopes = t.constant(weight, "weight")
    if slopes.size == 1:
        return t.apply(leaky_relu(slopes.item()), x)
    return t.by_channel(PRelu(slopes.reshape(-1)), x)


def _clamp(t: Translator, x: TracedValue, **bounds: Any) -> TracedValue:
    """Clamp and hardtanh: max first, then min, so that the upper bound wins where the two cross."""
    low = bounds.get("min", bounds.get("min_val"))
    high = bounds.get("max", bounds.get("max_val"))
    low = None if isinstance(low, float) and low == -math.inf else low
    high = None if isinstance(high, float) and high == math.inf else high
    if isinstance(low, TracedValue) or isinstance(high, TracedValue):  # one bound for each entry
        x = x if low is None else _maximum(t, x, low)
        return x if high is None else _minimum(t, x, high)
    lower = None if low is None else t.number(low, "lower bound")
    upper = None if high is None else t.number(high, "upper bound")
    if lower is None and upper is None:
        return x
    if lower is not None and upper is not None and lower > upper:
        return t.apply(PiecewiseLinear.of(0, upper, []), x)
    return t.apply(clip(lower, upper), x)


def _threshold(t: Translator, x: TracedValue, threshold: Any, value: Any) -> TracedValue:
    at, below = t.number(threshold, "threshold"), t.number(value, "value")
    if at != below:
        t.refuse(f"it jumps from {below} to {at} at {at}; only value == threshold is continuous and so piecewise linear")
    return t.apply(clip(at, None), x)


def _softshrink(t: Translator, x: TracedValue, lambd: Any) -> TracedValue:
    width = t.number(lambd, "lambd")
    return t.apply(PiecewiseLinear.of(1, width, [(-width, -1), (width, 1)]), x)


def _gelu(t: Translator, x: TracedValue, approximate: str) -> TracedValue:
    return t.apply(Smooth("gelu_tanh" if approximate == "tanh" else "gelu"), x)


def _softplus(t: Translator, x: TracedValue, beta: Any, threshold: Any = 20, **_: Any) -> TracedValue:
    """log(1 + exp(beta x)) / beta; torch's threshold, beyond which it returns x, is part of its floats, not of the function."""
    factor = t.number(beta, "beta")
    if not factor:
        t.refuse("beta is 0")
    if t.number(threshold, "threshold") < 20:
        t.refuse(f"its threshold is {threshold}; below 20 it jumps there by more than floats round, and is not softplus")
    inner = t.scale(x, factor, "scaled")
    if factor == 1:
        return t.apply(Smooth("softplus"), inner)
    return t.scale(t.apply(Smooth("softplus"), inner, suffix="softplus"), 1 / factor)


def _power(t: Translator, x: TracedValue, exponent: Any) -> TracedValue:
    n = t.number(exponent, "exponent")
    if n.denominator != 1 or not 1 <= n <= 64:
        t.refuse(f"the exponent is {n}; whole exponents from 1 to 64 are rational functions")
    return x if n == 1 else t.apply(Rational.of([0] * int(n) + [1], [1]), x)


def _maximum(t: Translator, x: TracedValue, other: TracedValue) -> TracedValue:
    """max(x, y) = x + max(y - x, 0)."""
    a, b = t.aligned(x, t.operand(other))
    rest = t.apply(relu(), t.apply(Subtract(), b, a, suffix="difference"), suffix="relu")
    return t.apply(Add(), a, rest)


def _minimum(t: Translator, x: TracedValue, other: TracedValue) -> TracedValue:
    """min(x, y) = x - max(x - y, 0)."""
    a, b = t.aligned(x, t.operand(other))
    rest = t.apply(relu(), t.apply(Subtract(), a, b, suffix="difference"), suffix="relu")
    return t.apply(Subtract(), a, rest)


def _leaf(t: Translator, x: TracedValue, number: int) -> TracedValue:
    return t.apply(t.trace.leaves[number], x)


# --- arithmetic ------------------------------------------------------------------------------------------------------------


def _sum(operation: Add | Subtract) -> Callable[..., TracedValue]:
    def handler(t: Translator, x: Any, other: Any, alpha: Any = 1) -> TracedValue:
        a, b = t.aligned(t.operand(x), t.operand(other))
        return t.apply(operation, a, t.scale(b, t.number(alpha, "alpha"), "alpha"))

    return handler


def _subtract_from(t: Translator, x: Any, other: Any, alpha: Any = 1) -> Any:
    return _sum(Subtract())(t, other, x, alpha)


def _plus_product(t: Translator, x: Any, tensor1: Any, tensor2: Any, value: Any) -> TracedValue:
    """addcmul: x + value tensor1 tensor2."""
    return _sum(Add())(t, x, _multiply(t, tensor1, tensor2), value)


def _plus_quotient(t: Translator, x: Any, tensor1: Any, tensor2: Any, value: Any) -> TracedValue:
    """addcdiv: x + value tensor1 / tensor2."""
    return _sum(Add())(t, x, _divide(t, tensor1, tensor2), value)


def _between(t: Translator, x: Any, end: Any, weight: Any) -> TracedValue:
    """lerp: x + weight (end - x)."""
    return _sum(Add())(t, x, _multiply(t, _sum(Subtract())(t, end, x), weight))


def _negative(t: Translator, x: TracedValue) -> TracedValue:
    return t.scale(x, -1)


def _multiply(t: Translator, x: Any, other: Any) -> TracedValue:
    a, b = t.operand(x), t.operand(other)
    if not a.is_constant and not b.is_constant:
        return _product(t, a, b)
    a, b = t.aligned(a, b)
    if a.array is not None and b.array is None:
        a, b = b, a
    assert b.array is not None
    if a.array is not None:
        return TracedValue(a.array * b.array, broadcast(a.shape, b.shape))
    return t.scale(a, b.array)


def _product(t: Translator, a: TracedValue, b: TracedValue) -> TracedValue:
    """x x and x sigmoid(x) are functions of one variable; no other product of two is an operation."""
    if a.held == b.held and a.batch == b.batch:
        return t.apply(Rational.of([0, 0, 1], [1]), a)
    for x, gate in ((0, 1), (1, 0)):
        node: Any = t.node.args[gate]
        if node.target is torch.ops.aten.sigmoid.default and node.args[0] is t.node.args[x]:
            return t.apply(Smooth("silu"), (a, b)[x])
    t.refuse("it multiplies two values that both depend on the input, which is not piecewise linear")


def _divide(t: Translator, x: Any, other: Any, rounding_mode: str | None = None) -> TracedValue:
    if rounding_mode is not None:
        t.refuse(f"rounding_mode={rounding_mode!r} makes jumps")
    divisor = t.constant(t.operand(other), "divisor")
    if not divisor.nonzero().all():
        t.refuse("its divisor is zero")
    return _multiply(t, x, TracedValue(1 / divisor, divisor.shape))


# --- conversions -----------------------------------------------------------------------------------------------------------


def _convert(t: Translator, x: TracedValue, **_: Any) -> TracedValue:
    """A conversion of dtype is the identity where it cannot round, and is refused elsewhere by its type."""
    return x


def _dropout(t: Translator, x: TracedValue, p: float, train: bool) -> TracedValue:
    if train and p:
        t.refuse("dropout is random in training mode; call module.eval(), and F.dropout(x, training=self.training) in forward")
    return x


TABLE: Mapping[str, Handler] = {
    "relu": _unary(relu()),
    "relu6": _unary(clip(0, 6)),
    "abs": _unary(PiecewiseLinear.of(-1, 0, [(0, 2)])),
    "hardsigmoid": _unary(PiecewiseLinear.of(0, 0, [(-3, Fraction(1, 6)), (3, Fraction(-1, 6))])),
    "leaky_relu": _leaky_relu,
    "rrelu": _rrelu,
    "prelu": _prelu,
    "hardtanh": _clamp,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "threshold": _threshold,
    "softshrink": _softshrink,
    "maximum": _maximum,
    "max.other": _maximum,
    "minimum": _minimum,
    "min.other": _minimum,
    "tanh": _unary(Smooth("tanh")),
    "sigmoid": _unary(Smooth("sigmoid")),
    "silu": _unary(Smooth("silu")),
    "gelu": _gelu,
    "softplus": _softplus,
    "pow.Tensor_Scalar": _power,
    "square": _unary(Rational.of([0, 0, 1], [1])),
    "reciprocal": _unary(Rational.of([1], [0, 1])),
    "leaf": _leaf,
    "add": _sum(Add()),
    "sub": _sum(Subtract()),
    "rsub": _subtract_from,
    "addcmul": _plus_product,
    "addcdiv": _plus_quotient,
    "lerp": _between,
    "neg": _negative,
    "mul": _multiply,
    "div": _divide,
    "to": _convert,
    "_to_copy": _convert,
    "dropout": _dropout,
    "alpha_dropout": _dropout,
    "feature_dropout": _dropout,
    "feature_alpha_dropout": _dropout,
    **dict.fromkeys(("contiguous", "clone", "alias", "detach", "detach_", "lift_fresh", "lift_fresh_copy", "positive"), _identity),
}
