"""Smaller torch modules: fewer neurons of a Sequential, fewer layers, simpler weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from exactnn.testing._shrink import choices, simpler_lists

_WEIGHTED = (nn.Linear, nn.Conv2d)
_UNITS = (nn.ReLU, nn.LeakyReLU, nn.Hardtanh)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def fewer_layers(module: nn.Module) -> Iterator[nn.Module]:
    """A norm, pooling, padding or block of a Sequential left out, or a square layer with the unit behind it, as long as there is another.

    One that changes the shape makes a module that is refused, which is another failure.
    """
    if not isinstance(module, nn.Sequential):
        return
    layers = list(module)
    units = [i for i, layer in enumerate(layers) if isinstance(layer, _UNITS)]
    for i, layer in enumerate(layers):
        if not isinstance(layer, (nn.Flatten, *_WEIGHTED, *_UNITS)):
            yield _like(module, [other for j, other in enumerate(layers) if j != i])
        elif isinstance(layer, _WEIGHTED) and layer.weight.shape[0] == layer.weight.shape[1] and len(units) > 1:
            unit = next((j for j in units if j > i), None)
            if unit is not None:
                yield _like(module, [other for j, other in enumerate(layers) if not i <= j <= unit])


def fewer_neurons(module: nn.Module) -> Iterator[nn.Module]:
    """A neuron, or channel, between two layers of a Sequential left out."""
    if not isinstance(module, nn.Sequential):
        return
    layers: list[Any] = list(module)
    weighted = [i for i, layer in enumerate(layers) if isinstance(layer, _WEIGHTED)]
    for a, b in pairwise(weighted):
        between = layers[a + 1 : b]
        count, read = layers[a].weight.shape[0], layers[b].weight.shape[1]
        if any(list(layer.children()) for layer in between) or read % count or getattr(layers[b], "groups", 1) != 1:
            continue
        each = read // count
        for kept in choices(count):
            columns = [i * each + j for i in kept for j in range(each)]
            made = {a: _rows(layers[a], kept), b: _columns(layers[b], columns)}
            made |= {k: _rows(layers[k], kept) for k in range(a + 1, b) if isinstance(layers[k], _NORMS)}
            yield _like(module, [made.get(k, layer) for k, layer in enumerate(layers)])


def fewer_ends(module: nn.Module) -> Iterator[nn.Module]:
    """An input of the first layer, or an output of the last one, left out."""
    if not isinstance(module, nn.Sequential) or not len(module):
        return
    layers: list[Any] = list(module)
    first, last = layers[0], layers[-1]
    if isinstance(last, nn.Linear) and last.out_features > 1:
        for i in range(last.out_features):
            yield _like(module, [*layers[:-1], _rows(last, [i])])
    if isinstance(first, nn.Linear) or (isinstance(first, nn.Conv2d) and first.groups == 1):
        size = first.weight.shape[1]
        shape: Any = getattr(module, "input_shape", None)
        for gone in range(size if size > 1 and len(module) > 1 and isinstance(shape, tuple) else 0):
            made = _like(module, [_columns(first, [j for j in range(size) if j != gone]), *layers[1:]])
            made.input_shape = (size - 1, *shape[1:])
            yield made


def simpler_weights(module: nn.Module) -> Iterator[nn.Module]:
    """A tensor of zeros, then one number a simpler one; variances become 1."""
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        values = tensor.flatten().tolist()
        if name.endswith("running_var"):
            if any(value != 1 for value in values):
                yield _with(module, name, [1.0] * len(values))
            continue
        for simpler in simpler_lists([Fraction(value) for value in values]):
            yield _with(module, name, [float(q) for q in simpler])


def _with(module: nn.Module, name: str, values: list[float]) -> nn.Module:
    made = copy.deepcopy(module)
    tensor = made.state_dict()[name]
    tensor.copy_(torch.tensor(values, dtype=tensor.dtype).reshape(tensor.shape))
    return made


def _like(module: nn.Module, layers: list[nn.Module]) -> Any:
    made = nn.Sequential(*copy.deepcopy(layers)).eval()
    if hasattr(module, "input_shape"):
        made.input_shape = module.input_shape
    return made


def _rows(layer: Any, kept: list[int]) -> Any:
    """These outputs of a Linear or Conv2d, or these channels of a batch norm."""
    made = copy.deepcopy(layer)
    for name in ("weight", "bias"):
        _take(made, name, kept, 0)
    if isinstance(made, _NORMS):
        made.num_features = len(kept)
        made.running_mean, made.running_var = layer.running_mean[kept].clone(), layer.running_var[kept].clone()
    else:
        setattr(made, "out_features" if isinstance(made, nn.Linear) else "out_channels", len(kept))
    return made


def _columns(layer: Any, kept: list[int]) -> Any:
    made = copy.deepcopy(layer)
    _take(made, "weight", kept, 1)
    setattr(made, "in_features" if isinstance(made, nn.Linear) else "in_channels", len(kept))
    return made


def _take(layer: Any, name: str, kept: list[int], axis: int) -> None:
    tensor = getattr(layer, name)
    if tensor is not None:
        setattr(layer, name, nn.Parameter(tensor.detach().index_select(axis, torch.tensor(kept)).clone()))


MODULE_STEPS = (fewer_neurons, fewer_layers, fewer_ends, simpler_weights)
