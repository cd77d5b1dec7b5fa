"""Sums of products of a value and a constant over common axes: products of stacks of matrices, Einsum, running sums.

The value is turned so that the axes it shares with the constant and keeps come first, then those that are summed over, then its own.
Without the first kind this is an affine map, else a convolution with windows of one entry and one group for each place of those axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._onnx.reader import Node, axis_in, operator
from exactnn.load._onnx.values import OnnxValue, Operand, Tensor, full_shape
from exactnn.network import Affine, Conv, Reshape, Transpose

_MOST_LETTERS = 16
_MOST_PRODUCTS = 1 << 22  # of constants


@dataclass(frozen=True)
class _Axes:
    """Letters of a contraction by their roles, in the order of the result."""

    common: str  # of both sides and of the result
    summed: str  # of both sides only
    left: str  # of the value and the result
    right: str  # of the constant and the result


def contracted(node: Node, value: OnnxValue, letters: str, constant: RationalArray, others: str, result: str) -> Operand:
    """sum of value[letters] constant[others] over the letters that are not in the result; shapes without the batch axis."""
    sizes = dict(zip(letters, value.shape, strict=True)) | dict(zip(others, constant.shape, strict=True))
    if dict(zip(letters, value.shape, strict=True)) != {k: sizes[k] for k in letters}:
        raise LoadError(f"sizes that agree are needed, got {list(value.shape)} and {list(constant.shape)} for {letters} and {others}")
    constant, others = _summed_alone(constant, others, keep=letters + result)
    for letter in letters:  # of the value alone, and not in the result: a sum with ones
        if letter not in result and letter not in others:
            shape = node.reader.budget.tensor((*constant.shape, sizes[letter]))
            ones = RationalArray(np.ones(sizes[letter], dtype=np.int64))
            constant, others = (constant.reshape(*constant.shape, 1) * ones).reshape(*shape), others + letter
    roles = _Axes(
        "".join(c for c in result if c in letters and c in others),
        "".join(c for c in letters if c in others and c not in result),
        "".join(c for c in result if c in letters and c not in others),
        "".join(c for c in result if c not in letters),
    )
    return _product(node, value, letters, _turned(constant, others, roles.common + roles.right + roles.summed), roles, result, sizes)


def _product(
    node: Node, value: OnnxValue, letters: str, constant: RationalArray, roles: _Axes, result: str, sizes: dict[str, int]
) -> Operand:
    """The contraction, its constant turned to (common, right, summed)."""
    common, summed, left, right = (math.prod(sizes[c] for c in part) for part in (roles.common, roles.summed, roles.left, roles.right))
    batched = value.batched
    if not roles.common:
        turned = _transposed(node, value, letters, roles.left + roles.summed, batched)
        turned = _reshaped(node, turned, (*(sizes[c] for c in roles.left), summed), batched)
        product = node.emit(Affine(constant.reshape(right, summed), RationalArray.zeros((right,))), turned, batched=batched)
        order = roles.left + roles.right
    else:
        turned = _transposed(node, value, letters, roles.common + roles.summed + roles.left, batched)
        turned = _reshaped(node, turned, (common * summed, left), batched)
        weight = constant.reshape(common * right, summed, 1)
        kernel = Conv(weight, RationalArray.zeros((common * right,)), (1,), ((0, 0),), (1,), common)
        product = node.emit(kernel, turned, batched=batched)
        order = roles.common + roles.right + roles.left
    product = _reshaped(node, product, tuple(sizes[c] for c in order), batched)
    return _transposed(node, product, order, result, batched)


def _transposed(node: Node, value: Operand, letters: str, wanted: str, batched: bool) -> Operand:
    axes = tuple(letters.index(c) for c in wanted)
    return value if letters == wanted else node.emit(Transpose(axes), value, batched=batched)


def _reshaped(node: Node, value: Operand, shape: tuple[int, ...], batched: bool) -> Operand:
    return value if value.shape == shape else node.emit(Reshape(shape), value, batched=batched)


def _turned(constant: RationalArray, letters: str, wanted: str) -> RationalArray:
    return constant.transpose(*(letters.index(c) for c in wanted)) if wanted else constant


def _summed_alone(constant: RationalArray, letters: str, keep: str) -> tuple[RationalArray, str]:
    alone = tuple(i for i, c in enumerate(letters) if c not in keep)
    return (constant.sum(axis=alone), "".join(c for c in letters if c in keep)) if alone else (constant, letters)


# --- products of stacks of matrices -----------------------------------------------------------------------------------


def stack_product(node: Node, left: Operand, right: Operand) -> Operand:
    """The products of the matrices of two stacks, one of both constant; shapes before the last two axes broadcast."""
    first = isinstance(left, Tensor)
    constant, value = (left, right) if first else (right, left)
    assert isinstance(constant, Tensor)
    assert isinstance(value, OnnxValue)
    vector = len(full_shape(value)) == 1
    if vector:  # a row, or a column
        full = node.reader.unbatched(value)
        value_ = node.emit(Reshape((full.shape[0], 1) if first else (1, full.shape[0])), full)
        assert isinstance(value_, OnnxValue)
        value = value_
    value, array = _aligned_stacks(node, value, constant)
    rank = len(value.shape)
    stack = "".join(chr(ord("a") + i) for i in range(max(rank, array.ndim) - 2))
    own, other = stack[len(stack) - rank + 2 :], stack[len(stack) - array.ndim + 2 :]
    # axes of size 1 of the constant are summed over, those of the value repeated
    kept = "".join(c for c, n in zip(other, array.shape[:-2], strict=True) if n != 1 or c not in own)
    array = array.reshape(*(n for c, n in zip(other, array.shape[:-2], strict=True) if c in kept), *array.shape[-2:])
    single = [c for c, n in zip(own, value.shape[:-2], strict=True) if n == 1 and c in kept and array.shape[kept.index(c)] != 1]
    if single:
        narrow = tuple(n for c, n in zip(own, value.shape[:-2], strict=True) if c not in single)
        small = node.emit(Reshape((*narrow, *value.shape[-2:])), value, batched=value.batched)
        assert isinstance(small, OnnxValue)
        value, own = small, "".join(c for c in own if c not in single)
    ends = ("xy", "yz") if not first else ("yz", "xy")
    product = contracted(node, value, own + ends[0], array, kept + ends[1], stack + "xz")
    if vector:
        shape = product.shape[:-1] if first else (*product.shape[:-2], product.shape[-1])
        return node.emit(Reshape(shape), product)
    return product


def _aligned_stacks(node: Node, value: OnnxValue, constant: Tensor) -> tuple[OnnxValue, RationalArray]:
    """Both without the batch axis where it stays in front, else with it as an ordinary axis."""
    array, rank = constant.rational, len(full_shape(value))
    if value.batched and (array.ndim < rank or array.shape[0] == 1) and rank >= 3 and array.ndim <= rank:
        return value, array.reshape(*array.shape[1:]) if array.ndim == rank else array
    unbatched = node.reader.unbatched(value)
    assert isinstance(unbatched, OnnxValue)
    return unbatched, array


# --- Einsum -----------------------------------------------------------------------------------------------------------


@operator("Einsum", attributes="equation")
def einsum(node: Node) -> Operand:
    """A sum of products written with letters: of one value, or of a value and a constant."""
    operands = node.operands()
    terms, result = _equation(node.attributes.text("equation", ""), len(operands))
    values = [i for i, o in enumerate(operands) if isinstance(o, OnnxValue)]
    if len(operands) > 2 or len(values) > 1:
        raise UnsupportedOperation(
            "a sum of products of one value that depends on the input with at most one constant is needed; "
            "products of two such values are not piecewise linear, and several constants are multiplied before the export"
        )
    for operand, term in zip(operands, terms, strict=True):
        if len(term) != len(full_shape(operand)) or len(set(term)) < len(term):
            raise UnsupportedOperation(f"a letter of its own for each axis of {list(full_shape(operand))} is needed, got {term!r}")
    if not values:
        return _constant_einsum(node, [o for o in operands if isinstance(o, Tensor)], terms, result)
    at = values[0]
    value, letters = operands[at], terms[at]
    constant, others = RationalArray.of(1), ""
    if len(operands) == 2:
        other = operands[1 - at]
        assert isinstance(other, Tensor)
        constant, others = other.rational, terms[1 - at]
    assert isinstance(value, OnnxValue)
    node.reader.plain = False
    if value.batched and result[:1] == letters[0] and (letters[0] not in others or constant.shape[others.index(letters[0])] == 1):
        constant, others = _summed_alone(constant, others, keep=others.replace(letters[0], ""))
        return contracted(node, value, letters[1:], constant, others, result[1:])
    unbatched = node.reader.unbatched(value)
    assert isinstance(unbatched, OnnxValue)
    return contracted(node, unbatched, letters, constant, others, result)


def _equation(text: str, count: int) -> tuple[list[str], str]:
    """The letters of each operand, and those of the result: if not given, the ones that occur once, in the order of the alphabet."""
    equation = text.replace(" ", "")
    if "." in equation:
        raise UnsupportedOperation(f"an equation without an ellipsis is known here, got {text[:60]!r}; write a letter for each axis")
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    if not arrow:
        result = "".join(sorted(c for c in set(left) if c != "," and left.count(c) == 1))
    letters = set(left) - {","}
    if len(terms) != count or not all(c.isascii() and c.isalpha() for c in letters) or len(set(result)) < len(result):
        raise LoadError(f"an equation of letters for {count} operands is needed, got {text[:60]!r}")
    if set(result) - letters or len(letters) > _MOST_LETTERS:
        raise LoadError(f"letters of the operands, at most {_MOST_LETTERS}, are needed in the result, got {text[:60]!r}")
    return terms, result


def _constant_einsum(node: Node, tensors: list[Tensor], terms: list[str], result: str) -> Tensor:
    sizes: dict[str, int] = {}
    for tensor, term in zip(tensors, terms, strict=True):
        for letter, n in zip(term, tensor.shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise LoadError(f"sizes that agree are needed, got {[list(t.shape) for t in tensors]}")
    if math.prod(sizes.values()) > _MOST_PRODUCTS:
        raise LoadError(f"at most {_MOST_PRODUCTS} products of constants are computed, got more; let the file hold the result")
    arrays = [t.rational.numerators.astype(object) for t in tensors]
    total = np.asarray(np.einsum(f"{','.join(terms)}->{result}", *arrays), dtype=object)
    return Tensor(node.outputs[0], tensors[0].kind, RationalArray(total, math.prod(t.rational.denominator for t in tensors)))


# --- running sums -----------------------------------------------------------------------------------------------------


@operator("CumSum", attributes="exclusive reverse")
def running_sum(node: Node) -> Operand:
    """Sums of the entries before, or behind, a place of an axis."""
    operand, place = node.operand(), node.tensor(1, "the axis")
    assert isinstance(operand, OnnxValue)  # constants are computed elsewhere
    axis = axis_in(place.integers()[0], len(operand.full))
    if axis == 0 and operand.batched:
        unbatched = node.reader.unbatched(operand)
        assert isinstance(unbatched, OnnxValue)
        operand = unbatched
    at = axis - operand.batched
    size = operand.shape[at]
    node.reader.budget.tensor((size, size))
    ones = np.tril(np.ones((size, size), dtype=np.int64), -1 if node.attributes.flag("exclusive") else 0)
    letters = "".join(chr(ord("a") + i) for i in range(len(operand.shape)))
    result = letters.replace(letters[at], "z")
    node.reader.plain = False
    return contracted(node, operand, letters, RationalArray(ones.T if node.attributes.flag("reverse") else ones), f"z{letters[at]}", result)
