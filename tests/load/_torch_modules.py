"""Torch modules for the tests, with the shapes of their inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class Call(nn.Module):
    """A module whose forward is a function of the module and its inputs."""

    def __init__(self, function: Callable[..., Any], **members: Any) -> None:
        super().__init__()
        self.function = function
        for name, member in members.items():
            if isinstance(member, torch.Tensor):
                self.register_buffer(name, member)
            else:
                setattr(self, name, member)

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(self, *inputs)


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.norm(self.conv(x)) + x)


class Residual(nn.Module):
    """A residual network whose block is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.ReLU(inplace=True))
        self.block = Block(2)
        self.head = nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.block(self.block(self.features(x)))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


CONVOLUTIONS = {
    "conv1d": (nn.Conv1d(2, 3, 3, padding=1), (2, 7)),
    "conv1d strided": (nn.Conv1d(2, 4, 3, stride=2, padding=2, dilation=2, groups=2, bias=False), (2, 9)),
    "conv2d same": (nn.Conv2d(2, 3, (3, 2), padding="same", dilation=(1, 3)), (2, 6, 7)),
    "conv2d valid": (nn.Conv2d(2, 3, 3, padding="valid", stride=(1, 2)), (2, 6, 7)),
    "conv2d depthwise": (nn.Conv2d(4, 4, 3, padding=(0, 1), groups=4), (4, 5, 5)),
    "conv3d": (nn.Conv3d(1, 2, 2, padding=1), (1, 3, 3, 2)),
    "functional conv": (Call(lambda m, x: F.conv2d(x, m.w, stride=2), w=torch.ones(2, 1, 2, 2)), (1, 5, 5)),
}

LAYERS = {
    "linear": (nn.Linear(3, 4), 3),
    "linear without bias": (nn.Linear(3, 4, bias=False), (3,)),
    "linear on rows": (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Flatten()), (2, 3)),
    "bilinear forms": (Call(lambda m, x: x @ m.w, w=torch.ones(3, 2)), 3),
    "matrix from the left": (Call(lambda m, x: m.w @ x, w=torch.ones(4, 3)), (3, 2)),
    "matrix from the left, transposed": (Call(lambda m, x: (m.w @ x.T).T, w=torch.ones(4, 3)), 3),
    "vector": (Call(lambda m, x: x @ m.w, w=torch.ones(3)), 3),
    "vector from the left": (Call(lambda m, x: m.w @ x, w=torch.ones(3)), (3, 2)),
    "matmul of constants": (Call(lambda m, x: x @ (m.a @ m.b), a=torch.ones(3, 2), b=torch.ones(2, 2)), 3),
    "addmm": (Call(lambda m, x: torch.addmm(m.b, x, m.w), w=torch.ones(3, 2), b=torch.ones(2)), 3),
    "addmm scaled": (
        Call(lambda m, x: torch.addmm(m.b, x, m.w, beta=2, alpha=0.5), w=torch.ones(3, 2), b=torch.ones(2)),
        3,
    ),
    "einsum": (Call(lambda m, x: torch.einsum("bi,oi->bo", x, m.w), w=torch.ones(2, 3)), 3),
    "batch norm 1d": (nn.BatchNorm1d(3), 3),
    "batch norm 1d on sequences": (nn.BatchNorm1d(3, eps=0.1), (3, 4)),
    "batch norm 2d": (nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(inplace=True)), (1, 4, 4)),
    "batch norm 3d": (nn.BatchNorm3d(2, affine=False), (2, 2, 2, 2)),
    "dropout": (nn.Sequential(nn.Dropout(), nn.Linear(3, 2), nn.Dropout1d(), nn.AlphaDropout()), 3),
    "identity": (nn.Sequential(nn.Identity(), nn.Linear(2, 2)), 2),
}

POOLS = {
    "max 1d": (nn.MaxPool1d(3, stride=2, padding=1), (2, 8)),
    "max 2d": (nn.MaxPool2d((2, 3), dilation=(2, 1)), (2, 7, 7)),
    "max 2d indices": (Call(lambda m, x: F.max_pool2d(x, 2, return_indices=True)[0]), (2, 4, 4)),
    "max 3d": (nn.MaxPool3d(2), (1, 4, 4, 2)),
    "max without channels": (Call(lambda m, x: F.max_pool1d(x, 2)), 6),
    "max padded by minus infinity": (
        Call(lambda m, x: F.max_pool2d(F.pad(x, (0, 1, 1, 2), value=-math.inf), 3, 2)),
        (2, 6, 7),
    ),
    "average 1d": (nn.AvgPool1d(2), (2, 8)),
    "average padded": (nn.AvgPool2d(3, stride=2, padding=1), (2, 7, 6)),
    "average of entries inside": (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (2, 7, 6)),
    "average divided": (nn.AvgPool2d(2, divisor_override=3), (2, 4, 4)),
    "average divided, padded": (nn.AvgPool2d(3, 2, 1, ceil_mode=True, divisor_override=5), (2, 6, 6)),
    "average 3d": (nn.AvgPool3d(2), (1, 4, 4, 2)),
    "global average": (nn.AdaptiveAvgPool2d(1), (2, 3, 4)),
    "adaptive average": (nn.AdaptiveAvgPool2d((2, None)), (2, 4, 3)),
    "adaptive average 1d": (nn.AdaptiveAvgPool1d(2), (2, 4)),
    "adaptive max": (nn.AdaptiveMaxPool2d(2), (2, 4, 6)),
    "adaptive max 1d": (nn.AdaptiveMaxPool1d(1), (2, 4)),
    "mean over space": (Call(lambda m, x: x.mean((2, 3))), (2, 3, 4)),
    "mean kept": (Call(lambda m, x: x.mean(dim=(-1, -2), keepdim=True)), (2, 3, 4)),
    "mean over channels": (Call(lambda m, x: x.mean(1)), (3, 4)),
    "mean over features": (Call(lambda m, x: x.mean(1, keepdim=True)), 3),
    "sum": (Call(lambda m, x: x.sum(dim=(1, 3))), (2, 3, 4)),
    "mean behind the batch": (Call(lambda m, x: x.transpose(0, 1).mean(0)), (3, 4)),
    "maximum over an axis": (Call(lambda m, x: x.max(dim=1)[0]), (3, 4)),
    "minimum over an axis": (Call(lambda m, x: x.amin(2)), (3, 4)),
    "amax": (Call(lambda m, x: x.amax((1, 2), keepdim=True)), (3, 4)),
}

ACTIVATIONS = {
    "relu": (nn.ReLU(), 4),
    "leaky relu": (nn.LeakyReLU(0.1), 4),
    "prelu": (nn.PReLU(), 4),
    "prelu by channel": (nn.PReLU(3), (3, 2)),
    "abs": (Call(lambda m, x: x.abs()), 4),
    "hardtanh": (nn.Hardtanh(-0.5, 2), 4),
    "relu6": (nn.ReLU6(), 4),
    "hardsigmoid": (nn.Hardsigmoid(), 4),
    "softshrink": (nn.Softshrink(0.25), 4),
    "rrelu": (nn.RReLU(), 4),
    "threshold": (nn.Threshold(0.5, 0.5), 4),
    "clamp": (Call(lambda m, x: x.clamp(-1, 0.5) + x.clamp_min(0.1) + x.clamp_max(0.2) + x.clamp(max=math.inf, min=0)), 4),
    "clamp with crossed bounds": (Call(lambda m, x: torch.clamp(x, 1, 0) + x), 4),
    "clamp by tensors": (Call(lambda m, x: torch.clamp(x, m.low, m.low + 1), low=torch.zeros(4)), 4),
    "maximum": (Call(lambda m, x, y: torch.maximum(x, y) - torch.minimum(x, m.c), c=torch.zeros(3)), ((3,), (3,))),
    "tanh": (nn.Tanh(), 4),
    "sigmoid": (nn.Sigmoid(), 4),
    "silu": (nn.SiLU(), 4),
    "silu by hand": (Call(lambda m, x: x * torch.sigmoid(x)), 4),
    "gelu": (nn.GELU(), 4),
    "gelu tanh": (nn.GELU(approximate="tanh"), 4),
    "softplus": (nn.Softplus(), 4),
    "softplus beta": (nn.Softplus(beta=2.5), 4),
    "tanhshrink": (nn.Tanhshrink(), 4),
    "powers": (Call(lambda m, x: x**3 + x * x + x.square() + x.pow(1)), 4),
    "reciprocal": (Call(lambda m, x: 1 / (x * x + 1)), 4),
}

ARITHMETIC = {
    "add": (Call(lambda m, x: torch.add(x, m.c, alpha=2) + 1 + (2 + x), c=torch.ones(4)), 4),
    "subtract": (Call(lambda m, x: 1 - (x - m.c) - torch.sub(x, x, alpha=3), c=torch.ones(4)), 4),
    "rsub": (Call(lambda m, x: torch.rsub(x, m.c, alpha=2), c=torch.ones(4)), 4),
    "multiply": (Call(lambda m, x: m.c * x * 0.1, c=torch.ones(3, 1)), (3, 4)),
    "divide": (Call(lambda m, x: x / m.c / 3, c=torch.ones(4)), (3, 4)),
    "negative": (Call(lambda m, x: -x), 4),
    "broadcast of a value": (Call(lambda m, x: x * m.c, c=torch.ones(3, 4)), (1, 4)),
    "broadcast of both": (Call(lambda m, x, y: x + y), ((3, 1), (1, 4))),
    "broadcast over channels": (Call(lambda m, x, y: (x - y[:, :, None]) * m.c, c=torch.ones(2, 1)), ((2, 3), (2,))),
    "constants from constants": (Call(lambda m, x: x * (2 * m.c - 1).T + m.c[0, 1:].sum(), c=torch.ones(2, 3)), (3, 2)),
    "filled constants": (
        Call(lambda m, x: x + torch.zeros_like(x) + torch.ones(4) + torch.full((4,), 0.5) + x.new_ones(x.shape[0], 1)),
        4,
    ),
    "arange": (Call(lambda m, x: x + torch.arange(4, dtype=torch.float64) + torch.tensor([1.0, 2, 3, 4])), 4),
    "no_grad": (Call(lambda m, x: m.l(x) + torch.no_grad()(lambda: 2 * x)(), l=nn.Linear(3, 3)), 3),
    "in place": (Call(lambda m, x: x.clone().add_(1).mul_(2).relu_() + x), 3),
    "in place through a view": (Call(lambda m, x: _changed(m.l(x)), l=nn.Linear(3, 3)), 3),
}


def _changed(x: torch.Tensor) -> torch.Tensor:
    first = x[:, :2]
    first.mul_(3)
    x[:, 1] = 5
    rows = torch.zeros(x.shape[0], 2, 3, dtype=x.dtype)
    rows[:, 0, 1:] = x[:, 1:]
    return torch.cat([x, rows.flatten(1)], dim=1)


SHAPES = {
    "flatten": (nn.Flatten(), (2, 3)),
    "view": (Call(lambda m, x: x.view(x.size(0), -1)), (2, 3)),
    "view by -1": (Call(lambda m, x: x.view(-1, 6)), (2, 3)),
    "view by len": (Call(lambda m, x: x.reshape(len(x), 3, 2).flatten(1)), (2, 3)),
    "unflatten": (nn.Unflatten(1, (2, 3)), 6),
    "permute": (Call(lambda m, x: x.permute(0, 3, 1, 2)), (2, 3, 4)),
    "permute the batch": (Call(lambda m, x: (x.permute(2, 0, 1) * 2).permute(1, 2, 0)), (2, 3)),
    "transpose": (Call(lambda m, x: x.transpose(-1, -2)), (2, 3)),
    "T": (Call(lambda m, x: x.mT + x.transpose(1, 2)), (2, 3)),
    "movedim": (Call(lambda m, x: x.movedim(1, -1)), (2, 3, 4)),
    "squeeze": (Call(lambda m, x: x.squeeze(1).unsqueeze(-1).squeeze()), (1, 3)),
    "slice": (Call(lambda m, x: x[:, 1:, ::2] + x[:, :-1, 1:4:2]), (3, 4)),
    "select": (Call(lambda m, x: x[:, -1] + x.select(1, 0) + x[..., 1, :]), (3, 4)),
    "narrow": (Call(lambda m, x: x.narrow(1, 1, 2)), (4, 2)),
    "split": (Call(lambda m, x: x.split(3, 1)[2] + x.split([2, 2, 4], 1)[0]), 8),
    "chunk": (Call(lambda m, x: torch.cat(x.chunk(2, dim=1)[::-1], dim=1)), 5),
    "unbind": (Call(lambda m, x: x.unbind(1)[0] - x.unbind(-1)[1][:, :1]), (2, 3)),
    "index": (Call(lambda m, x: x[:, [2, 0, 0]] + x[:, [0, 1, 2]]), (3, 2)),
    "index_select": (Call(lambda m, x: x.index_select(2, m.i), i=torch.tensor([1, 3])), (2, 4)),
    "flip": (Call(lambda m, x: x.flip(1, -1)), (2, 3)),
    "cat": (Call(lambda m, x, y: torch.cat([x, y, x], dim=-1)), ((2,), (3,))),
    "cat with a constant": (
        Call(lambda m, x: torch.cat([m.c.expand(x.shape[0], -1, -1), x], dim=1), c=torch.ones(1, 1, 3)),
        (2, 3),
    ),
    "stack": (Call(lambda m, x, y: torch.stack([x, y], dim=-1)), ((2, 2), (2, 2))),
    "hstack": (Call(lambda m, x, y: torch.hstack([x, y])), ((2,), (3,))),
    "expand": (Call(lambda m, x: x.expand(-1, 3, -1) + x.unsqueeze(1).expand(x.shape[0], 2, 1, 4)[:, 0]), (1, 4)),
    "repeat": (Call(lambda m, x: x.repeat(1, 2, 3)), (2, 3)),
    "pad": (Call(lambda m, x: F.pad(x, (1, 0, 0, 2), value=0.5)), (2, 3)),
    "pad and cut": (nn.ZeroPad2d((-1, 2, 1, -1)), (1, 3, 3)),
}

ALL = {**CONVOLUTIONS, **LAYERS, **POOLS, **ACTIVATIONS, **ARITHMETIC, **SHAPES}
