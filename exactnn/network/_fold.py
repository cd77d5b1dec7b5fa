"""Composing consecutive affine nodes of a draft, wherever the composition is exactly one affine or conv node.

    affine after affine            W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2)
    s x + h after affine or conv   rows times s, bias s b + h        (s, h one number for each row)
    affine or conv after s x + h   columns times s, bias b + W h     (a padded conv only if h = 0: the padding stays 0)

s x + h stands for batch norm, scale, adding a constant, an activation without kinks. A reshape between is passed where
entries allow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from exactnn.errors import NotRational
from exactnn.exact.array import RationalArray
from exactnn.network.activations import PiecewiseLinear
from exactnn.network.edit import Draft
from exactnn.network.neurons import spread
from exactnn.network.operations import (
    Add,
    Affine,
    BatchNorm,
    Constant,
    Gather,
    Input,
    Reshape,
    Scale,
    Slice,
    Subtract,
    Transpose,
    along_channels,
)
from exactnn.network.windows import Conv

Folds = list[tuple[str, str]]


def fold(draft: Draft) -> Folds:
    """Fold until nothing changes; pairs (node that went, node that took it up)."""
    folds: Folds = []
    rules: tuple[Callable[[Draft, str], str | None], ...] = (
        _evaluate,
        _skip_identity,
        _join_reshapes,
        _into_rows,
        _into_columns,
        _compose,
        _add_branches,
    )
    changed = True
    while changed:
        changed = False
        for name in list(draft.operations):
            for rule in rules:
                before = list(draft.operations)
                while name in draft.operations and (target := rule(draft, name)) is not None:
                    gone = [n for n in before if n not in draft.operations]
                    folds += [(n, target) for n in gone]
                    before, changed = list(draft.operations), True
    return folds


def _evaluate(draft: Draft, name: str) -> str | None:
    """A node that reads constants only is a constant."""
    operation, operands = draft.operations[name], draft.operands[name]
    if isinstance(operation, (Input, Constant)) or not all(isinstance(draft.operations[o], Constant) for o in operands):
        return None
    values = [draft.operations[o].value for o in operands]  # type: ignore[attr-defined]
    try:
        result = operation.evaluate(*(v.reshape(1, *v.shape) for v in values))
    except NotRational:
        return None
    draft.put(name, Constant(result.reshape(*draft.shapes[name])))
    return name


def _skip_identity(draft: Draft, name: str) -> str | None:
    operation, operands = draft.operations[name], draft.operands[name]
    if len(operands) != 1 or draft.shapes[operands[0]] != draft.shapes[name]:
        return None
    identity = (
        (isinstance(operation, PiecewiseLinear) and operation.name == "identity")
        or (isinstance(operation, Transpose) and list(operation.axes) == sorted(operation.axes))
        or isinstance(operation, (Reshape, Slice))
        or (isinstance(operation, Gather) and operation.places.tolist() == list(range(operation.index.size)))
        or (isinstance(operation, Scale) and (operation.factor - 1).is_zero())
    )
    if not identity:
        return None
    draft.bypass(name, operands[0])
    return operands[0]


def _join_reshapes(draft: Draft, name: str) -> str | None:
    operation = draft.operations[name]
    if not isinstance(operation, Reshape) or not isinstance(draft.operations[draft.operands[name][0]], Reshape):
        return None
    draft.put(name, operation, *draft.operands[draft.operands[name][0]])
    return name


def _into_rows(draft: Draft, name: str) -> str | None:
    """s x + h into the affine or conv node before it."""
    found = _elementwise(draft, name)
    if found is None:
        return None
    operand, factor, shift = found
    maker = _up(draft, operand)
    operation = draft.operations[maker]
    if not isinstance(operation, (Affine, Conv)) or not all(map(draft.is_private, _chain(draft, operand))):
        return None
    shape = draft.shapes[maker]
    axis = len(shape) - 1 if isinstance(operation, Affine) else 0
    s, h = (_along(spread(v, draft.shapes[name]).reshape(*shape), axis) for v in (factor, shift))
    if s is None or h is None:
        return None
    weight = operation.weight * s.reshape(-1, *(1,) * (operation.weight.ndim - 1))
    draft.operations[maker] = replace(operation, weight=weight, bias=operation.bias * s + h)
    draft.bypass(name, operand)
    return maker


def _into_columns(draft: Draft, name: str) -> str | None:
    """s x + h into the affine or conv node after it."""
    operation = draft.operations[name]
    if not isinstance(operation, (Affine, Conv)):
        return None
    operand = draft.operands[name][0]
    before = _up(draft, operand)
    found = _elementwise(draft, before)
    if found is None or not all(map(draft.is_private, _chain(draft, operand))):
        return None
    source, factor, shift = found
    shape = draft.shapes[operand]
    axis = len(shape) - 1 if isinstance(operation, Affine) else 0
    s, h = (_along(spread(v, draft.shapes[before]).reshape(*shape), axis) for v in (factor, shift))
    if s is None or h is None:
        return None
    if isinstance(operation, Affine):
        new_weight, added = operation.weight * s, operation.weight @ h
    else:
        if any(p for pair in operation.padding for p in pair) and not h.is_zero():
            return None
        new_weight, added = _conv_columns(operation, s, h)
    draft.operations[name] = replace(operation, weight=new_weight, bias=operation.bias + added)
    draft.bypass(before, source)
    return name


def _conv_columns(operation: Conv, s: RationalArray, h: RationalArray) -> tuple[RationalArray, RationalArray]:
    """Weights times s and the sum of weights times h, input channels counted through the groups."""
    outputs, width, groups = operation.weight.shape[0], operation.weight.shape[1], operation.groups
    by_group = operation.weight.reshape(groups, outputs // groups, width, -1)
    scaled = by_group * s.reshape(groups, 1, width, 1)
    added = (by_group * h.reshape(groups, 1, width, 1)).sum(axis=(2, 3))
    return scaled.reshape(*operation.weight.shape), added.reshape(outputs)


def _compose(draft: Draft, name: str) -> str | None:
    """Affine after affine."""
    second = draft.operations[name]
    if not isinstance(second, Affine):
        return None
    operand = draft.operands[name][0]
    before = _up(draft, operand)
    first = draft.operations[before]
    if not isinstance(first, Affine) or not all(map(draft.is_private, _chain(draft, operand))):
        return None
    if operand != before and (math.prod(draft.shapes[before][:-1]) != 1 or math.prod(draft.shapes[operand][:-1]) != 1):
        return None
    joined = Affine(second.weight @ first.weight, second.weight @ first.bias + second.bias)
    source = draft.operands[before][0]
    shape = draft.shapes[name]
    if joined.output_shape(draft.shapes[source]) == shape:
        draft.put(name, joined, source)
    else:
        inner = draft.fresh(name)
        draft.operations[inner], draft.operands[inner] = joined, (source,)
        draft.shapes[inner] = joined.output_shape(draft.shapes[source])
        draft.put(name, Reshape(shape), inner)
    return name


def _add_branches(draft: Draft, name: str) -> str | None:
    """(W1 x + b1) +- (W2 x + b2), either of them possibly x itself."""
    operation, operands = draft.operations[name], draft.operands[name]
    if not isinstance(operation, (Add, Subtract)) or len({draft.shapes[o] for o in operands}) > 1:
        return None
    branches = [draft.operations[o] for o in operands]
    affine = [isinstance(b, Affine) and draft.is_private(o) for b, o in zip(branches, operands, strict=True)]
    roots = {draft.operands[o][0] if is_affine else o for o, is_affine in zip(operands, affine, strict=True)}
    if not any(affine) or len(roots) > 1 or not draft.shapes[name]:
        return None
    width = draft.shapes[name][-1]
    parts = [
        (b.weight, b.bias) if is_affine and isinstance(b, Affine) else (RationalArray.eye(width), RationalArray.zeros((width,)))
        for b, is_affine in zip(branches, affine, strict=True)
    ]
    (w1, b1), (w2, b2) = parts
    joined = Affine(w1 + w2, b1 + b2) if isinstance(operation, Add) else Affine(w1 - w2, b1 - b2)
    draft.put(name, joined, roots.pop())
    return name


def _elementwise(draft: Draft, name: str) -> tuple[str, RationalArray, RationalArray] | None:
    """(operand, s, h) if the node is s x + h entrywise, s and h broadcasting to its shape."""
    operation, operands, shape = draft.operations[name], draft.operands[name], draft.shapes[name]
    one, zero = RationalArray.of(1), RationalArray.of(0)
    if isinstance(operation, BatchNorm):
        return operands[0], along_channels(operation.scale, len(shape)), along_channels(operation.shift, len(shape))
    if isinstance(operation, Scale):
        return operands[0], operation.factor, zero
    if isinstance(operation, PiecewiseLinear) and not operation.kinks:
        return operands[0], RationalArray.of(operation.slope), RationalArray.of(operation.constant)
    if isinstance(operation, (Add, Subtract)):
        for variable, constant in ((0, 1), (1, 0)):
            node = draft.operations[operands[constant]]
            if isinstance(node, Constant) and draft.shapes[operands[variable]] == shape:
                if variable == 0:
                    return operands[0], one, node.value * operation.sign
                return operands[1], one * operation.sign, node.value
    return None


def _up(draft: Draft, name: str) -> str:
    """The node itself, or what stands before it if it is a reshape, and so on."""
    return _chain(draft, name)[-1]


def _chain(draft: Draft, name: str) -> list[str]:
    chain = [name]
    while isinstance(draft.operations[chain[-1]], Reshape):
        chain.append(draft.operands[chain[-1]][0])
    return chain


def _along(values: RationalArray, axis: int) -> RationalArray | None:
    """The values along one axis if they depend on nothing else."""
    moved = np.moveaxis(values.numerators, axis, 0).reshape(values.shape[axis], -1)
    if (moved != moved[:, :1]).any():
        return None
    return RationalArray(moved[:, 0].copy(), values.denominator)
