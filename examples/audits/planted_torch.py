"""Small torch modules, each of which attacks one thing that passes do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def planted(dtype: str = "float32") -> dict[str, nn.Module]:
    """All of them, by what they have, in eval mode; the attribute `input_shape` is the shape of one point."""
    made = {}
    for seed, (name, (shape, layers)) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        module: Any = nn.Sequential(*layers()).to(getattr(torch, dtype)).eval()
        _fill(module)
        module.input_shape = shape
        made[name] = module
    return made


def _fill(module: nn.Module) -> None:
    """Statistics as after training; weights as they are made, which are no small numbers."""
    for layer in module.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)) and layer.running_mean is not None:
            layer.running_mean.uniform_(-1, 1)
            layer.running_var.uniform_(0.1, 2)
            if layer.affine:
                nn.init.uniform_(layer.weight, -2, 2)
                nn.init.uniform_(layer.bias, -1, 1)


def _with(layer: Any, **values: Any) -> Any:
    """The layer with these parameters."""
    with torch.no_grad():
        for name, value in values.items():
            getattr(layer, name).copy_(torch.as_tensor(value, dtype=torch.float32))
    return layer


def _constant_neuron() -> list[nn.Module]:
    """Its second neuron is always 5, and read with the factor 2."""
    first = _with(nn.Linear(2, 3), weight=[[1, 1], [0, 0], [1, -1]], bias=[0, 5, 1])
    return [first, nn.ReLU(), _with(nn.Linear(3, 1), weight=[[1, 2, -1]], bias=[0])]


def _dead_neuron() -> list[nn.Module]:
    first = _with(nn.Linear(2, 3), weight=[[1, 1], [0, 0], [1, -1]], bias=[0, 0, 1])
    return [first, nn.ReLU(), _with(nn.Linear(3, 1), weight=[[1, 2, -1]], bias=[0])]


def _shared() -> list[nn.Module]:
    layer = nn.Linear(2, 2)
    return [layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(2, 1)]


def _shared_conv() -> list[nn.Module]:
    conv = nn.Conv2d(1, 1, 3, padding=1)
    return [conv, nn.BatchNorm2d(1), nn.ReLU(), conv, nn.Flatten(), nn.Linear(9, 1)]


Layers = Callable[[], list[nn.Module]]
IMAGE = (1, 3, 3)
#: name -> shape of one point, layers
MODELS: dict[str, tuple[tuple[int, ...], Layers]] = {
    "batch norm behind a conv": (IMAGE, lambda: [nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)]),
    "batch norm, conv without a bias": (IMAGE, lambda: [nn.Conv2d(1, 2, 2, bias=False), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 1)]),
    "batch norm of a large epsilon": (
        IMAGE,
        lambda: [nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2, eps=0.5), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)],
    ),
    "batch norm without factors": (
        IMAGE,
        lambda: [nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2, affine=False), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)],
    ),
    "batch norm behind a padded, dilated, grouped conv": (
        (2, 3, 3),
        lambda: [nn.Conv2d(2, 2, 2, padding=1, dilation=2, groups=2), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(18, 1)],
    ),
    "batch norm behind a conv with reflected borders": (
        IMAGE,
        lambda: [nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(1), nn.ReLU(), nn.Flatten(), nn.Linear(9, 1)],
    ),
    "batch norm behind a transposed conv": (
        (2, 2, 2),
        lambda: [nn.ConvTranspose2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(27, 1)],
    ),
    "batch norm behind a linear layer": ((2,), lambda: [nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1)]),
    "batch norm in front of a padded conv": (
        IMAGE,
        lambda: [nn.BatchNorm2d(1), nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(9, 1)],
    ),
    "two batch norms": (
        IMAGE,
        lambda: [nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)],
    ),
    "one conv twice, once with batch norm": (IMAGE, _shared_conv),
    "one linear layer twice": ((2,), _shared),
    "a neuron that is a constant": ((2,), _constant_neuron),
    "a neuron that is 0": ((2,), _dead_neuron),
    "max pool, ceil_mode": (IMAGE, lambda: [nn.Conv2d(1, 1, 1), nn.MaxPool2d(2, ceil_mode=True), nn.Flatten(), nn.Linear(4, 1)]),
    "max pool, padding": (IMAGE, lambda: [nn.Conv2d(1, 1, 1), nn.MaxPool2d(2, padding=1), nn.Flatten(), nn.Linear(4, 1)]),
    "zero pad before max pool": (IMAGE, lambda: [nn.Conv2d(1, 1, 2), nn.ZeroPad2d(1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 1)]),
    "average pool, padding not counted": (
        IMAGE,
        lambda: [nn.Conv2d(1, 1, 1), nn.AvgPool2d(2, padding=1, count_include_pad=False), nn.Flatten(), nn.Linear(4, 1)],
    ),
    "average pool, padding, ceil_mode": (
        IMAGE,
        lambda: [nn.Conv2d(1, 1, 2), nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), nn.Flatten(), nn.Linear(4, 1)],
    ),
    "adaptive average pool": (IMAGE, lambda: [nn.Conv2d(1, 2, 1), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8, 1)]),
    "leaky ReLU of slope 0.01": ((2,), lambda: [nn.Linear(2, 2), nn.LeakyReLU(0.01), nn.Linear(2, 1)]),
    "PReLU, ReLU6, hardtanh": (
        (2,),
        lambda: [nn.Linear(2, 2), nn.PReLU(2), nn.Linear(2, 2), nn.ReLU6(), nn.Linear(2, 2), nn.Hardtanh(-0.1, 0.3)],
    ),
    "dropout, identity": ((2,), lambda: [nn.Linear(2, 2), nn.Dropout(0.5), nn.Identity(), nn.ReLU(), nn.Linear(2, 1)]),
    "flatten, unflatten": ((2, 2), lambda: [nn.Linear(2, 2), nn.ReLU(), nn.Flatten(), nn.Unflatten(1, (2, 2)), nn.Linear(2, 1)]),
    "upsampled": ((1, 2, 2), lambda: [nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(9, 1)]),
    "bilinear, half pixels": (
        (1, 2, 2),
        lambda: [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(1, 1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(9, 1)],
    ),
}
