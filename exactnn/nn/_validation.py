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
        raise ArgumentError(f"validation_data: a pair of tensors (inputs, labels) is needed, got {type(data).__name__}")
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
    """Every part in eval mode, and in its own one afterwards."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


class Watch:
    """A hook that warns once when a model is trained on inputs in the memory of the validation inputs.

    It keeps addresses alone, so that copies of the model hold no data.
    """

    def __init__(self, inputs: torch.Tensor) -> None:
        self.span: tuple[int, int] | None = _span(inputs)

    def __call__(self, model: nn.Module, args: tuple[Any, ...]) -> None:
        if self.span is None or not model.training:
            return
        start, end = self.span
        spans = [_span(x) for x in args if isinstance(x, torch.Tensor)]
        if any(span is not None and span[0] < end and start < span[1] for span in spans):
            self.span = None
            warnings.warn(
                "Cooling: the model is trained on the validation data itself: the temperature then says nothing about new data",
                stacklevel=4,
            )


def _span(x: torch.Tensor) -> tuple[int, int] | None:
    """The addresses of a tensor without gaps; slices of one tensor have different ones."""
    if not x.is_contiguous() or not x.numel():
        return None
    return x.data_ptr(), x.data_ptr() + x.numel() * x.element_size()
