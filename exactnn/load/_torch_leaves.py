"""Modules with a method `exact()` that gives a rational function stay whole: while tracing, their `forward` is one call of `exactnn::leaf`.

Where it gives a list of them, their `forward` is a split of the axis `module.axis` (1 if there is none) into as many parts, one such call
for each, and their concatenation. A method `checked_axis(x)` of such a module is called first; it raises ShapeError for an input that its
forward refuses.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch

from exactnn.errors import ArgumentError, ExactnnError, ShapeError, UnsupportedOperation
from exactnn.load._torch_calls import first_line
from exactnn.network import Rational
from exactnn.network.activations import as_quotient


@torch.library.custom_op("exactnn::leaf", mutates_args=())
def _leaf(x: torch.Tensor, number: int) -> torch.Tensor:
    """Stands for leaf module `number` in a graph; never computed."""
    return x.clone()


@_leaf.register_fake
def _(x: torch.Tensor, number: int) -> torch.Tensor:
    return torch.empty_like(x)


def keep_leaves_whole(module: torch.nn.Module) -> list[Rational]:
    """Every submodule that is a rational function calls `exactnn::leaf` from now on; `put_back` takes that back."""
    leaves: list[Rational] = []
    for submodule in module.modules():
        functions = _rational_functions(submodule)
        if functions:
            axis = None if isinstance(functions, Rational) else _axis(submodule)
            operations = [functions] if isinstance(functions, Rational) else functions
            vars(submodule)["forward"] = _leaf_forward(submodule, range(len(leaves), len(leaves) + len(operations)), axis)
            leaves.extend(operations)
    return leaves


def _leaf_forward(module: torch.nn.Module, numbers: range, axis: int | None) -> Any:
    name, check = type(module).__name__, getattr(module, "checked_axis", None)

    def forward(x: torch.Tensor) -> Any:
        if axis is not None and x.ndim and axis in (0, -x.ndim):
            raise UnsupportedOperation(
                f"module: {name} has a function for each part of axis {axis}, which is the batch axis of shape {_batched(x)}"
            )
        if callable(check):  # what its own forward refuses
            try:
                check(x)
            except ShapeError as error:
                raise ShapeError(f"input_shape: {str(error).replace(str(tuple(x.shape)), _batched(x))}") from error
        if axis is None:
            return torch.ops.exactnn.leaf(x, numbers[0])
        if not -x.ndim <= axis < x.ndim:
            raise ShapeError(f"input_shape: {name} needs an axis {axis}, got shape {_batched(x)}")
        if x.shape[axis] % len(numbers):
            raise ShapeError(f"input_shape: {name} needs a multiple of {len(numbers)} on axis {axis}, got shape {_batched(x)}")
        parts = torch.split(x, x.shape[axis] // len(numbers), axis)
        return torch.cat([torch.ops.exactnn.leaf(part, number) for part, number in zip(parts, numbers, strict=True)], axis)

    return forward


def _batched(x: torch.Tensor) -> str:
    """The shape, with the batch axis by that name: its size is the tracing's own."""
    return f"({', '.join(['batch', *(str(n) for n in x.shape[1:])])})"


def _axis(module: torch.nn.Module) -> int:
    axis = getattr(module, "axis", 1)
    return axis if isinstance(axis, int) else 1


def _rational_functions(module: torch.nn.Module) -> Rational | list[Rational] | None:
    method = getattr(module, "exact", None)
    if not inspect.ismethod(method):
        return None
    needed = [p for p in inspect.signature(method).parameters.values() if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
    try:
        value: Any = None if needed else method()
        if not isinstance(value, (list, tuple)):
            return _quotient(value)
        found = [_of_set(i, v) for i, v in enumerate(value)]
        return [q for q in found if q is not None] if found and None not in found else None
    except ExactnnError as error:  # the module's own reason, in our words
        raise type(error)(f"module: {type(module).__name__} has no exact form: {error}") from error
    except Exception as error:  # the module's own method may raise anything
        raise ArgumentError(
            f"module: {type(module).__name__}.exact() must give a rational function, with sequences of coefficients numerator and "
            f"denominator, the constant term first; it gave {first_line(error)}"
        ) from error


def _of_set(i: int, value: Any) -> Rational | None:
    try:
        return _quotient(value)
    except ExactnnError as error:
        raise type(error)(f"set {i}: {error}") from error


def _quotient(value: Any) -> Rational | None:
    found = as_quotient(value)
    if found is None and hasattr(value, "numerator"):
        raise TypeError(f"a {type(value).__name__}, whose numerator is not iterable")
    return found
