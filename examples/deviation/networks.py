"""Trained networks, and the copies of them that people deploy: rounded, quantised, pruned, tuned further, folded, exported."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from deviation.data import Images
from torch import nn

import exactnn as xn

Weight = Callable[[torch.Tensor], torch.Tensor]


def classifier(images: Images, hidden: Sequence[int], *, epochs: int) -> nn.Sequential:
    """Dense layers with ReLU, pixels to 10 classes, trained."""
    torch.manual_seed(0)
    widths = [images.x.shape[1], *hidden, 10]
    layers = [part for n, m in pairwise(widths) for part in (nn.Linear(n, m), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    return fit(model, images, torch.optim.Adam(model.parameters(), lr=3e-3), steps=epochs * _batches(images))


def convolutional(images: Images, channels: Sequence[int], *, epochs: int) -> nn.Sequential:
    """Convolution, batch norm, ReLU and max pooling, twice, and a dense layer, for images of 8 x 8; trained."""
    torch.manual_seed(0)
    parts: list[nn.Module] = [nn.Unflatten(1, (1, 8, 8))]
    for n, m in pairwise([1, *channels]):
        parts += [nn.Conv2d(n, m, 3, padding=1), nn.BatchNorm2d(m), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*parts, nn.Flatten(), nn.Linear(4 * channels[-1], 10))
    return fit(model, images, torch.optim.Adam(model.parameters(), lr=3e-3), steps=epochs * _batches(images))


def fit(model: nn.Sequential, images: Images, optimizer: torch.optim.Optimizer, *, steps: int) -> nn.Sequential:
    """So many steps with batches of 64; comes back in evaluation mode."""
    model.train()
    order = torch.Generator().manual_seed(0)
    while steps > 0:
        for batch in torch.randperm(len(images.x), generator=order).split(64)[:steps]:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images.x[batch]), images.y[batch]).backward()
            optimizer.step()
            steps -= 1
    return model.eval()


def _batches(images: Images) -> int:
    return -(-len(images.x) // 64)


# --- copies ------------------------------------------------------------------------------------------------------------------


def half(model: nn.Sequential) -> nn.Sequential:
    """Every parameter rounded to float16."""
    return _changed(model, lambda p: p.half().float(), biases=True)


def eight_bits(model: nn.Sequential) -> nn.Sequential:
    """W to s round(W / s), s = max |W| / 127: 8-bit weights, one scale for each tensor and symmetric; biases stay."""

    def quantised(weight: torch.Tensor) -> torch.Tensor:
        scale = weight.abs().max() / 127
        return (weight / scale).round() * scale

    return _changed(model, quantised)


def pruned(model: nn.Sequential, share: float = 0.1) -> nn.Sequential:
    """The smallest weights of all layers together set to 0; biases stay."""
    sizes = torch.cat([p.detach().abs().flatten() for p in model.parameters() if p.dim() > 1])
    threshold = sizes.kthvalue(int(share * len(sizes))).values
    return _changed(model, lambda weight: torch.where(weight.abs() > threshold, weight, 0))


def tuned(model: nn.Sequential, images: Images, *, steps: int = 20, rate: float = 1e-3) -> nn.Sequential:
    """A few more steps of plain gradient descent with a small rate."""
    fresh = copy.deepcopy(model)
    return fit(fresh, images, torch.optim.SGD(fresh.parameters(), lr=rate), steps=steps)


def folded(model: nn.Sequential) -> nn.Sequential:
    """Each batch norm folded by torch into the convolution before it."""
    result = copy.deepcopy(model)
    for i, part in enumerate(model):
        if isinstance(part, nn.BatchNorm2d):
            result[i - 1] = nn.utils.fusion.fuse_conv_bn_eval(result[i - 1], part)
            result[i] = nn.Identity()
    return result


def exported(model: nn.Sequential, inputs: int, path: Path) -> tuple[xn.Network, str]:
    """The network read from the ONNX file that torch writes, or exactnn where torch's exporter lacks onnxscript; and who wrote it."""
    if importlib.util.find_spec("onnxscript") is None:
        xn.save(xn.from_torch(model, (inputs,)), path)
        return xn.load(path), "exactnn"
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # that torchvision is not there
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(1, inputs),), path, dynamo=True, external_data=False, verbose=False)
    return xn.load(path), "torch"


def _changed(model: nn.Sequential, change: Weight, *, biases: bool = False) -> nn.Sequential:
    result = copy.deepcopy(model)
    with torch.no_grad():
        for p in result.parameters():
            if biases or p.dim() > 1:
                p.copy_(change(p))
    return result
