"""The validation side of Cooling: its data, checked; runs in eval mode; and whether a model is trained on what it is validated with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from exactnn.errors import ArgumentError, ShapeError


def checked_data(data: object) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and labels, detached."""
    if not (isinstance(data, (tuple, list)) and len(data) == 2 and all(isinstance(t, torch.Tensor) for t in data)):
        parts = f" of {', '.join(type(t).__name__ for t in data)}" if isinstance(data, (tuple, list)) and len(data) < 4 else ""
        raise ArgumentError(
            f"validation_data: a pair of tensors (inputs, labels) is needed, got {type(data).__name__}{parts}; "
            "the batches of a loader are joined by  inputs, labels = map(torch.cat, zip(*loader))"
        )
    inputs, labels = data
    if not len(inputs) or len(inputs) != len(labels):
        raise ShapeError(
            f"validation_data: as many labels as inputs, and at least one, are needed, got {len(inputs)} inputs and {len(labels)} labels"
        )
    if labels.dtype == torch.bool or labels.is_complex():
        raise ArgumentError(f"validation_data: labels are integers, or probabilities of the classes as floats, got {labels.dtype}")
    return inputs.detach(), labels.detach()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every part in eval mode, and in its own one afterwards. Weights that autocast keeps in other precisions are not those of now."""
    modes = [(part, part.training) for part in model.modules()]
    torch.clear_autocast_cache()
    try:
        model.eval()
        yield
    finally:
        torch.clear_autocast_cache()
        for part, training in modes:
            part.training = training


class Watch:
    """A hook that warns once when a model is trained on its validation inputs: in their memory, or all of a first batch as rows of them.

    A copy of it, with a copy of the model, watches nothing: it holds no data.
    """

    def __init__(self, inputs: torch.Tensor | None) -> None:
        self.inputs, self._first = inputs, True

    def __reduce__(self) -> tuple[type[Watch], tuple[None]]:
        return Watch, (None,)

    def __call__(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if torch.compiler.is_compiling() or self.inputs is None or not model.training:
            return
        given = [x for x in (*args, *kwargs.values()) if isinstance(x, torch.Tensor)]
        if any(_overlap(x, self.inputs) or (self._first and _rows_of(x, self.inputs)) for x in given):
            self.inputs = None
            warnings.warn(
                "Cooling: the model is trained on the validation data itself: the temperature then says nothing about new data",
                stacklevel=4,
            )
        self._first = False


def _overlap(x: torch.Tensor, y: torch.Tensor) -> bool:
    """Whether they have addresses in common; slices of one tensor have different ones. False for tensors with gaps."""
    if not (x.is_contiguous() and y.is_contiguous() and x.device == y.device):
        return False
    return x.data_ptr() < y.data_ptr() + y.nbytes and y.data_ptr() < x.data_ptr() + x.nbytes


def _rows_of(x: torch.Tensor, y: torch.Tensor) -> bool:
    """Whether each x[i] is some y[j]: batches are mostly copies. Several rows, since one alone may be there by chance."""
    if x.shape[1:] != y.shape[1:] or x.dtype != y.dtype or x.ndim < 2 or len(x) < 2:
        return False
    rows = y.to(x.device).flatten(1)
    return all(bool((rows == row).all(1).any()) for row in x.detach().flatten(1))
