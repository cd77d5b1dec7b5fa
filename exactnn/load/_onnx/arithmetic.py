"""ONNX operators that are affine in their operands: sums, products with constants, means, batch normalisation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from exactnn import network as ops
from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._limits import MAX_DEGREE
from exactnn.load._onnx.choices import masked
from exactnn.load._onnx.contractions import stack_product
from exactnn.load._onnx.gelu import followed
from exactnn.load._onnx.quotients import applied, combined, joined
from exactnn.load._onnx.reader import Node, Result, operator
from exactnn.load._onnx.steps import followed_steps
from exactnn.load._onnx.values import FLOATS, OnnxValue, Operand, Tensor, exact, full_shape
from exactnn.network.operations import Shape, broadcast

_ONE = Fraction(1)
_WIDEST_IDENTITY = 4096  # a constant is added by an identity matrix up to this width


@operator("Gemm", attributes="alpha beta transA transB")
def gemm(node: Node) -> Operand:
    """alpha A B + beta C, for one of A, B constant; C constant or not."""
    alpha, beta = (Fraction(node.attributes.number(name, 1.0)) for name in ("alpha", "beta"))
    left, right, added = node.operand(0), node.operand(1), node.optional(2)
    if len(full_shape(left)) != 2 or len(full_shape(right)) != 2:
        raise LoadError(f"matrices are needed, got shapes {full_shape(left)} and {full_shape(right)}")
    if node.attributes.flag("transA"):
        node.reader.plain = False
        left = node.apply(ops.Transpose((1, 0)), node.reader.unbatched(left))
    transposed = node.attributes.flag("transB")
    if not isinstance(right, Tensor):
        right = node.apply(ops.Transpose((1, 0)), node.reader.unbatched(right)) if transposed else right
        found = product(node, left, right, alpha)
        return found if added is None else _add(node, found, scaled(node, added, beta), 1)
    matrix = right.rational if transposed else right.rational.T
    if isinstance(left, Tensor):
        left = node.reader.unbatched(left)
    bias = RationalArray.zeros(matrix.shape[:1])
    if added is None:
        return node.apply(ops.Affine(matrix * alpha, bias), left)
    if isinstance(added, Tensor) and added.shape in ((), (1,), (1, 1), bias.shape, (1, *bias.shape)):
        return node.apply(ops.Affine(matrix * alpha, bias + added.rational.reshape(-1) * beta), left)
    node.reader.plain = False
    found = node.apply(ops.Affine(matrix * alpha, bias), left)
    return _add(node, found, scaled(node, added, beta), 1)


@operator("MatMul")
def matmul(node: Node) -> Operand:
    """The product of matrices, or stacks of them, one of the two constant."""
    left, right = node.operand(0), node.operand(1)
    if not full_shape(left) or not full_shape(right):
        raise LoadError(f"operands with at least one axis are needed, got shapes {list(full_shape(left))} and {list(full_shape(right))}")
    return product(node, left, right)


def product(node: Node, left: Operand, right: Operand, factor: Fraction = _ONE) -> Operand:
    """factor left right, as products of matrices."""
    if factor == 1 and isinstance(left, Tensor) is not isinstance(right, Tensor):
        constant, value = (left, right) if isinstance(left, Tensor) else (right, left)
        if len(constant.shape) > 2 and (len(constant.shape) > len(full_shape(value)) or any(n != 1 for n in constant.shape[:-2])):
            node.reader.plain = False
            return stack_product(node, left, right)
    if isinstance(right, Tensor):
        return _times_matrix(node, left, right, factor)
    if isinstance(left, Tensor):
        return _matrix_times(node, left, right, factor)
    raise UnsupportedOperation("the product of two values that depend on the input is not piecewise linear; one factor must be constant")


def _times_matrix(node: Node, left: Operand, right: Tensor, factor: Fraction) -> Operand:
    """x B: an affine map on the last axis."""
    matrix, rank = _as_matrix(right.rational, len(full_shape(left)))
    if isinstance(left, OnnxValue) and not left.shape:
        left = node.reader.unbatched(left)
    product = node.apply(ops.Affine(matrix.T * factor, RationalArray.zeros(matrix.shape[1:])), left)
    if rank == 1:  # the product with a vector has one axis less
        stays = isinstance(product, OnnxValue) and product.batched
        return node.emit(ops.Reshape(product.shape[:-1]), product, batched=stays)
    return product


def _matrix_times(node: Node, left: Tensor, right: OnnxValue, factor: Fraction) -> Operand:
    """A x: an affine map on the last axis but one."""
    node.reader.plain = False
    if len(right.shape) < 2:
        unbatched = node.reader.unbatched(right)
        assert isinstance(unbatched, OnnxValue)
        right = unbatched
    array = left.rational.reshape(1, -1) if len(left.shape) == 1 else left.rational
    matrix, _ = _as_matrix(array, max(2, len(right.full)))
    affine = ops.Affine(matrix * factor, RationalArray.zeros(matrix.shape[:1]))
    if len(right.shape) == 1:
        product: Operand = node.apply(affine, right)
        return node.emit(ops.Reshape(()), product) if len(left.shape) == 1 else product
    swap = ops.Transpose((*range(len(right.shape) - 2), len(right.shape) - 1, len(right.shape) - 2))
    product = node.apply(swap, node.apply(affine, node.apply(swap, right)))
    if len(left.shape) == 1:
        shape = (*product.shape[:-2], product.shape[-1])
        return node.emit(ops.Reshape(shape), product, batched=right.batched)
    return product


def _as_matrix(array: RationalArray, rank: int) -> tuple[RationalArray, int]:
    """A vector as a column, a stack of one matrix as that matrix; and the number of axes that a product gets from it."""
    if array.ndim == 1:
        return array.reshape(-1, 1), 1
    if array.ndim < 2 or array.ndim > max(rank, 2) or any(n != 1 for n in array.shape[:-2]):
        raise UnsupportedOperation(f"one constant matrix, not a stack of several, is needed, got shape {array.shape}")
    return array.reshape(*array.shape[-2:]), 2


@operator("Add", "Sum")
def add(node: Node) -> Result:
    """The sum of operands."""
    return followed(node) or followed_steps(node) or _total(node)


def _total(node: Node) -> Operand:
    first, *others = node.operands()
    if node.type == "Add" and len(others) != 1:
        raise LoadError(f"2 inputs are needed, got {len(others) + 1}")
    for other in others:
        first = _add(node, first, other, 1)
    return first


@operator("Mean")
def mean(node: Node) -> Operand:
    """The mean of operands."""
    return scaled(node, _total(node), Fraction(1, len(node.inputs)))


def summed(node: Node, left: Operand, right: Operand) -> Operand:
    """left + right."""
    return _add(node, left, right, 1)


@operator("Sub")
def subtract(node: Node) -> Result:
    """The difference of two operands."""
    found = followed(node) or followed_steps(node)
    return found or _add(node, node.operand(0), node.operand(1), -1)


def _add(node: Node, left: Operand, right: Operand, sign: int) -> Operand:
    """left + sign right; with a constant on the last axis an affine map of its own, as the certificate format says."""
    (left, right), batched = node.reader.aligned([left, right])
    function = joined(node, "+" if sign == 1 else "-", left, right, batched=batched)
    if function is not None:
        return function
    operation = ops.Add() if sign == 1 else ops.Subtract()
    if isinstance(left, Tensor) is not isinstance(right, Tensor):
        constant, value = (left, right) if isinstance(left, Tensor) else (right, left)
        assert isinstance(constant, Tensor)
        signs = (sign, 1) if constant is left else (1, sign)
        affine = _as_affine(node, constant, value.shape, *signs)
        if affine is not None:
            return node.emit(affine, value, batched=batched)
    elif not isinstance(left, Tensor):
        node.reader.plain = False
    return node.emit(operation, left, right, batched=batched)


def _as_affine(node: Node, constant: Tensor, shape: Shape, of_value: int, of_constant: int) -> ops.Affine | None:
    """x -> of_value x + of_constant c as an affine map on the last axis of this shape, if it is one that acts by entries there."""
    if not shape or shape[-1] > _WIDEST_IDENTITY or any(n != 1 for n in constant.shape[:-1]):
        return None
    if len(constant.shape) > len(shape) or (constant.shape or (1,))[-1] not in (1, shape[-1]):
        return None
    if len(shape) > 1 and constant.shape[-1:] in ((), (1,)) and shape[-1] != 1:
        return None  # one number for a whole grid is added as such, so that a convolution behind it still sees channels
    bias = RationalArray.zeros(shape[-1:]) + constant.rational.reshape(-1) * of_constant
    return ops.Affine(node.reader.identity(shape[-1], of_value), bias)


@operator("Mul")
def multiply(node: Node) -> Result:
    """The product by entries; of two values only rational functions of one value, x sigmoid(x), and those with a comparison."""
    found = followed(node) or followed_steps(node) or masked(node)
    if found is not None:
        return found
    left, right = node.operand(0), node.operand(1)
    if isinstance(right, Tensor):
        return _scaled_by(node, left, right)
    if isinstance(left, Tensor):
        return _scaled_by(node, right, left)
    for x, other in ((left, right), (right, left)):
        made = node.reader.made(other.node)
        if made.operation == ops.Smooth("sigmoid") and made.reads == (x.node,):
            return node.apply(ops.Smooth("silu"), x)
    (left, right), batched = node.reader.aligned([left, right])
    return combined(node, "*", left, right, batched=batched)


@operator("Div")
def divide(node: Node) -> Result:
    """The quotient by entries, of two values only rational functions of one value."""
    found = followed(node)
    if found is not None:
        return found
    left, right = node.operand(0), node.operand(1)
    if isinstance(right, OnnxValue):
        (left, right), batched = node.reader.aligned([left, right])
        return combined(node, "/", left, _repeated(node, right, left.shape, batched=batched), batched=batched)
    if not right.rational.nonzero().all():
        raise LoadError("a divisor without zeros is needed")
    inverse = node.reader.budget.fractions((1 / q for q in right.rational.to_fractions()), right.shape)
    return _scaled_by(node, left, exact(inverse))


@operator("Neg")
def negative(node: Node) -> Result:
    """-x."""
    return followed(node) or followed_steps(node) or scaled(node, node.operand(), Fraction(-1))


@operator("Pow")
def power(node: Node) -> Operand:
    """x^n for a whole n other than 0, of the element type of x; where the exponent has more axes, or longer ones, x is repeated."""
    exponent = node.tensor(1, "the exponent")
    exponents = exponent.rational.to_fractions()
    n = exponents[0] if exponents else Fraction(0)
    if set(exponents) != {n} or n.denominator != 1 or not 1 <= abs(n) <= MAX_DEGREE:
        raise UnsupportedOperation(f"one whole exponent from 1 to {MAX_DEGREE}, or from -{MAX_DEGREE} to -1, is needed")
    (base, exponent_there), batched = node.reader.aligned([node.operand(), exponent])
    return _power(node, _repeated(node, base, exponent_there.shape, batched=batched), int(n))


@operator("Reciprocal")
def reciprocal(node: Node) -> Operand:
    """1/x."""
    return _power(node, node.operand(), -1)


def _power(node: Node, base: Operand, n: int) -> Operand:
    if isinstance(base, OnnxValue):
        monomial = [0] * abs(n) + [1]
        return applied(node, ops.Rational.of(monomial, [1]) if n > 0 else ops.Rational.of([1], monomial), base)
    numbers, budget = base.rational.to_fractions(), node.reader.budget
    if n < 0 and not all(numbers):
        raise LoadError("a base without zeros is needed")
    budget.numbers(len(numbers), abs(n) * max(max(abs(q.numerator), q.denominator).bit_length() for q in numbers))
    return Tensor("", base.kind, budget.fractions((q**n for q in numbers), base.shape))


def scaled(node: Node, operand: Operand, factor: Fraction) -> Operand:
    """factor times the operand."""
    return operand if factor == 1 else _scaled_by(node, operand, exact(RationalArray.of(factor)))


def _scaled_by(node: Node, value: Operand, factor: Tensor) -> Operand:
    """value times a constant, the value repeated first where the constant has more entries."""
    (value, constant), batched = node.reader.aligned([value, factor])
    assert isinstance(constant, Tensor)
    function = joined(node, "*", value, constant, batched=batched) if isinstance(value, OnnxValue) else None
    if function is not None:
        return function
    return node.emit(ops.Scale(constant.rational), _repeated(node, value, constant.shape, batched=batched), batched=batched)


def _repeated(node: Node, value: Operand, shape: Shape, *, batched: bool) -> Operand:
    """The value repeated so that its shape is the one to which it broadcasts with `shape`."""
    whole = broadcast(value.shape, shape)
    if whole == value.shape:
        return value
    zeros = exact(RationalArray.zeros(node.reader.budget.tensor(whole)))
    return node.emit(ops.Add(), value, zeros, batched=batched)


@operator("Max", "Min")
def extremum(node: Node) -> Operand:
    """max(a, b) = b + max(a - b, 0), min(a, b) = b - max(b - a, 0); one bound for all entries makes a clip."""
    first, *others = node.operands()
    for other in others:
        first = _extremum(node, first, other, 1 if node.type == "Max" else -1)
    return first


def _extremum(node: Node, left: Operand, right: Operand, sign: int) -> Operand:
    if isinstance(left, Tensor):
        left, right = right, left
    (left, right), batched = node.reader.aligned([left, right])
    if isinstance(right, Tensor) and math.prod(right.shape) == 1 and broadcast(left.shape, right.shape) == left.shape:
        at = right.rational.reshape(-1).item()
        slope, constant = (0, at) if sign == 1 else (1, 0)
        return node.emit(ops.PiecewiseLinear.of(slope, constant, [(at, sign)]), left, batched=batched)
    difference = node.emit(ops.Subtract(), *((left, right) if sign == 1 else (right, left)), batched=batched)
    positive = node.emit(ops.PiecewiseLinear.of(0, 0, [(0, 1)]), difference, batched=batched)
    return node.emit(ops.Add() if sign == 1 else ops.Subtract(), right, positive, batched=batched)


@operator("BatchNormalization", attributes="epsilon momentum spatial training_mode")
def batch_normalization(node: Node) -> Operand:
    """Batch normalisation as inference does it."""
    node.one_output()
    if node.attributes.flag("training_mode") or not node.attributes.flag("spatial", True):
        raise UnsupportedOperation("batch normalisation as in inference, one scale for each channel, is needed")
    names = ("scale", "bias", "mean", "variance")
    weight, bias, mean, variance = (node.tensor(i, what) for i, what in enumerate(names, 1))
    if weight.kind not in FLOATS:
        raise LoadError(f"scale: floats are needed, got {weight.kind}")
    node.attributes.number("momentum", 0.9)
    epsilon = Fraction(node.attributes.number("epsilon", 1e-5))
    norm = ops.BatchNorm(mean.rational, variance.rational, weight.rational, bias.rational, epsilon, weight.kind)
    return node.apply(norm, node.value())


@operator("Constant", attributes="value value_float value_floats value_int value_ints")
def constant(node: Node) -> Operand:
    """A constant tensor."""
    attributes = node.attributes
    given = [name for name in ("value", "value_float", "value_floats", "value_int", "value_ints") if name in attributes]
    if len(given) != 1:
        raise LoadError(f"one value is needed, got {len(given)}")
    name = node.outputs[0]
    tensor = attributes.tensor("value", name)
    if tensor is not None:
        return tensor
    if given[0] in ("value_float", "value_floats"):
        data: object = attributes.raw_number("value_float") if given[0] == "value_float" else attributes.floats("value_floats")
        return Tensor(name, "float32", np.array(data, dtype=np.float32))
    data = attributes.integer("value_int") if given[0] == "value_int" else attributes.integers("value_ints")
    return Tensor(name, "int64", np.array(data, dtype=np.int64))
