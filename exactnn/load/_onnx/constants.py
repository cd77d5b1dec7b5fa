"""Operators whose operands are all constants, computed by numpy in the element type, as runtimes do.

+ - * / and square roots are correctly rounded, and so alike everywhere; integers wrap. Where programs differ (powers of large integers,
quotients by 0, casts beyond the range), the file is refused. Functions such as exp are computed in float64 and rounded to the type: they
may differ from a runtime's in the last place, which the network says (`Network.reading`). Any other operator is computed exactly, and
its result is rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._onnx.reader import Node, axis_in, folds
from exactnn.load._onnx.typed import Array, numbers, one_kind, tensor_of
from exactnn.load._onnx.values import FLOATS, Tensor
from exactnn.network.operations import broadcast

_EXACT_DOUBLE = 1 << 53  # powers and sums of integers are computed as float64 by some programs


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _erf(x: Array) -> Array:
    return np.array([math.erf(v) for v in x.ravel()], dtype=np.float64).reshape(x.shape)


#: functions of one operand that have one value in every type
_ALIKE: dict[str, Callable[[Array], Array]] = {
    "Neg": np.negative,
    "Abs": np.abs,
    "Sign": np.sign,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.rint,
    "Sqrt": np.sqrt,
    "Reciprocal": np.reciprocal,
    "Relu": lambda x: np.maximum(x, 0),
}
#: functions that are no correctly rounded ones in every program
_CLOSE: dict[str, Callable[[Array], Array]] = {
    "Exp": np.exp,
    "Log": np.log,
    "Sin": np.sin,
    "Cos": np.cos,
    "Tanh": np.tanh,
    "Sigmoid": _sigmoid,
    "Erf": _erf,
}
_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Sum": np.add,
    "Mean": np.add,
    "Max": np.maximum,
    "Min": np.minimum,
}
_COMPARING: dict[str, Callable[[Array, Array], Array]] = {
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
}
_LOGICAL: dict[str, Callable[[Array, Array], Array]] = {"And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor}


def _tensors(node: Node, count: int | None = None) -> list[Tensor]:
    if count is not None and len(node.inputs) != count:
        raise LoadError(f"{count} inputs are needed, got {len(node.inputs)}")
    return [node.tensor(i, f"operand {i}") for i in range(len(node.inputs))]


def _made(node: Node, kind: str, array: Array) -> Tensor:
    return tensor_of(node.outputs[0], kind, array)


def _spread(node: Node, *tensors: Tensor) -> list[Array]:
    """The entries, after a check that the result of broadcasting them is not too large."""
    node.reader.budget.tensor(broadcast(*(t.shape for t in tensors)))
    return [numbers(t) for t in tensors]


@folds(*_ALIKE, *_CLOSE)
def function(node: Node) -> Tensor:
    """A function of each entry."""
    (tensor,) = _tensors(node, 1)
    array = numbers(tensor)
    with np.errstate(all="ignore"):
        if node.type in _ALIKE:
            return _made(node, tensor.kind, _ALIKE[node.type](array))
        if tensor.kind not in FLOATS:
            raise LoadError(f"floats are needed, got {tensor.kind}")
        node.reader.say(f"{node.type} of constants is computed in {tensor.kind}; programs may differ in the last place")
        return _made(node, tensor.kind, _CLOSE[node.type](array.astype(np.float64)))


@folds(*_BINARY)
def arithmetic(node: Node) -> Tensor:
    """Sums, products and bounds, from left to right, each step in the element type."""
    tensors = _tensors(node, 2 if node.type in ("Add", "Sub", "Mul") else None)
    kind = one_kind(*tensors)
    arrays = _spread(node, *tensors)
    result = arrays[0]
    with np.errstate(all="ignore"):
        for array in arrays[1:]:
            result = numbers(_made(node, kind, _BINARY[node.type](result, array)))
        if node.type == "Mean":
            if kind not in FLOATS:
                raise LoadError(f"floats are needed, got {kind}")
            result = result / result.dtype.type(len(arrays))
    if len(arrays) > 2 and node.type in ("Sum", "Mean") and kind in FLOATS:
        node.reader.say(f"{node.type} of constants is computed in {kind}; programs may differ in the last place")
    return _made(node, kind, result)


@folds("Div", "Mod")
def quotient(node: Node) -> Tensor:
    """Quotients, those of integers cut off towards 0, and remainders."""
    left, right = _tensors(node, 2)
    kind = one_kind(left, right)
    a, b = _spread(node, left, right)
    if kind in FLOATS:
        if node.type == "Mod" and not node.attributes.flag("fmod"):
            raise LoadError("attribute fmod: 1 is needed for floats, got 0")
        with np.errstate(all="ignore"):
            return _made(node, kind, a / b if node.type == "Div" else np.fmod(a, b))
    if not b.all():
        raise LoadError("a divisor without zeros is needed, as these are integers")
    if a.dtype.kind == "i" and ((a == np.iinfo(kind).min) & (b == -1)).any():
        raise UnsupportedOperation(f"the least {kind} divided by -1, at which programs differ")
    if node.type == "Mod":
        return _made(node, kind, (np.fmod if node.attributes.flag("fmod") else np.mod)(a, b))
    return _made(node, kind, (a - np.fmod(a, b)) // b)


@folds("Pow")
def power(node: Node) -> Tensor:
    """Powers in the type of the base; those of integers where all programs agree."""
    base, exponent = _tensors(node, 2)
    a, b = _spread(node, base, exponent)
    with np.errstate(all="ignore"):
        found = np.power(a.astype(np.float64), b.astype(np.float64))
    if base.kind in FLOATS:
        near = numbers(_made(node, base.kind, found))
        if not ((b == 1) | (b == 2)).all():
            node.reader.say(f"Pow of constants is computed in {base.kind}; programs may differ in the last place")
        return _made(node, base.kind, near)
    info = np.iinfo(base.kind)
    whole = np.isfinite(found) & (found == np.trunc(found)) & (np.abs(found) < min(_EXACT_DOUBLE, info.max)) & (found >= info.min)
    if not whole.all():
        raise UnsupportedOperation(
            f"the power has the type {base.kind}, and is no whole number, or a long one, which programs compute in several ways; "
            "cast the operands to a float type first"
        )
    return _made(node, base.kind, found)


@folds(*_COMPARING)
def comparison(node: Node) -> Tensor:
    """Whether entries are equal, or in an order."""
    left, right = _tensors(node, 2)
    one_kind(left, right)
    return _made(node, "bool", _COMPARING[node.type](*_spread(node, left, right)))


@folds(*_LOGICAL)
def logic(node: Node) -> Tensor:
    """And, Or, Xor of truth values."""
    left, right = _tensors(node, 2)
    if one_kind(left, right) != "bool":
        raise LoadError(f"truth values are needed, got {left.kind}")
    return _made(node, "bool", _LOGICAL[node.type](*_spread(node, left, right)))


@folds("Not")
def negation(node: Node) -> Tensor:
    """The other truth value."""
    (tensor,) = _tensors(node, 1)
    if tensor.kind != "bool":
        raise LoadError(f"truth values are needed, got {tensor.kind}")
    return _made(node, "bool", ~numbers(tensor))


@folds("IsNaN", "IsInf")
def not_finite(node: Node) -> Tensor:
    """Which entries are no finite numbers."""
    array = numbers(node.tensor(0, "the operand"))
    if node.type == "IsNaN":
        return _made(node, "bool", np.isnan(array))
    wanted = [s for s, name in ((1, "detect_positive"), (-1, "detect_negative")) if node.attributes.flag(name, True)]
    return _made(node, "bool", np.isinf(array) & np.isin(np.sign(array), wanted))


_SUMS = ("ReduceSum", "ReduceMean", "ReduceL1", "ReduceSumSquare")
_ENTRIES: dict[str, Callable[..., Array]] = {"ReduceMax": np.max, "ReduceMin": np.min}


@folds(*_SUMS, *_ENTRIES, "ReduceProd")
def reduction(node: Node) -> Tensor:
    """Sums, means, products and bounds over axes; those of floats exactly, and rounded once."""
    tensor, axes = node.tensor(0, "the operand"), node.integers("axes", 1, "the list of axes")
    if not axes and node.attributes.flag("noop_with_empty_axes"):
        check_noop(node)
        return tensor
    rank = len(tensor.shape)
    chosen = tuple(range(rank)) if not axes else tuple(axis_in(a, rank) for a in axes)
    kept = node.attributes.flag("keepdims", True)
    array = numbers(tensor)
    if node.type in _ENTRIES:
        if 0 in (array.shape[a] for a in chosen):
            raise UnsupportedOperation("the bound of no entries is infinite")
        return _made(node, tensor.kind, _ENTRIES[node.type](array, axis=chosen, keepdims=kept))
    exact, size = tensor.rational, math.prod(array.shape[a] for a in chosen)
    node.reader.budget.numbers(exact.size, size * max(exact.bound, exact.denominator).bit_length() if node.type == "ReduceProd" else 0)
    numerators, denominator = exact.numerators.astype(object), exact.denominator
    if node.type == "ReduceL1":
        numerators = np.abs(numerators)
    if node.type == "ReduceSumSquare":
        numerators, denominator = numerators * numerators, denominator**2
    if node.type == "ReduceProd":
        total, denominator = np.prod(numerators, axis=chosen, keepdims=kept), denominator**size
    else:
        total = np.sum(numerators, axis=chosen, keepdims=kept)
    if tensor.kind not in FLOATS and _reach(node, numerators) > min(_EXACT_DOUBLE, np.iinfo(tensor.kind).max):
        raise UnsupportedOperation(f"a sum or product of {tensor.kind} so large that some programs wrap and others saturate or round")
    result = RationalArray(np.asarray(total, dtype=object), denominator * (size if node.type == "ReduceMean" else 1))
    return Tensor(node.outputs[0], tensor.kind, node.reader.budget.computed(result))


def _reach(node: Node, numerators: Array) -> int:
    """A bound of what a reduction of integers meets on the way, or of its beginning if that is too much already."""
    reach = 1 if node.type == "ReduceProd" else 0
    for n in map(abs, numerators.ravel().tolist()):
        reach = reach * max(n, 1) if node.type == "ReduceProd" else reach + n
        if reach > _EXACT_DOUBLE:
            break
    return int(reach)


def check_noop(node: Node) -> None:
    """Raise UnsupportedOperation where programs differ in what is left if nothing is summed up."""
    if node.type in ("ReduceL1", "ReduceSumSquare"):
        raise UnsupportedOperation("noop_with_empty_axes, which programs read in two ways here; give the axes")


@folds("CumSum")
def running_sum(node: Node) -> Tensor:
    """Sums of the entries so far along an axis."""
    tensor, place = _tensors(node, 2)
    axis = axis_in(int(numbers(place).reshape(-1)[0]), len(tensor.shape))
    exact = tensor.rational.numerators.astype(object)
    turned = np.flip(exact, axis) if node.attributes.flag("reverse") else exact
    total = np.cumsum(turned, axis=axis)
    total = total - turned if node.attributes.flag("exclusive") else total
    total = np.flip(total, axis) if node.attributes.flag("reverse") else total
    result = RationalArray(np.asarray(total, dtype=object), tensor.rational.denominator)
    return Tensor(node.outputs[0], tensor.kind, node.reader.budget.computed(result))
