"""Hypothesis draws torch modules: chains of layers and tensor operations, with branches that meet again. Read true, or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, note
from hypothesis import strategies as st
from torch import nn

from exactnn.errors import ExactnnError
from exactnn.exact.array import RationalArray
from exactnn.load.torch import from_torch
from tests.strategies import law

Shape = tuple[int, ...]
Draw = st.DrawFn


class Step(nn.Module):
    """One step of a drawn module: a function of the value, or of its two branches."""

    def __init__(self, text: str, function: Any, **parts: Any) -> None:
        super().__init__()
        self.text, self.function = text, function
        for name, part in parts.items():
            if isinstance(part, torch.Tensor):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self, x)

    def extra_repr(self) -> str:
        return self.text


def _numbers(draw: Draw, *shape: int) -> torch.Tensor:
    usual = [0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-3, 2.0**-30, 0.1]
    count = math.prod(shape)
    return torch.tensor([draw(st.sampled_from(usual)) for _ in range(count)], dtype=torch.float64).reshape(shape)


def _filled(draw: Draw, layer: nn.Module) -> nn.Module:
    with torch.no_grad():
        for name, tensor in layer.state_dict().items():
            if tensor.is_floating_point():
                values = _numbers(draw, *tensor.shape)
                tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else values)
    return layer.eval()


def _everywhere(draw: Draw, shape: Shape) -> Step:
    """A step for values of any shape."""
    rank = len(shape)
    dim = draw(st.integers(-rank, -1))
    kind = draw(
        st.sampled_from(("unit", "scale", "mask", "integers", "flip", "roll", "pick", "reduce", "cat", "permute", "view", "in place"))
    )
    if kind == "unit":
        unit = draw(st.sampled_from([torch.relu, F.leaky_relu, torch.abs, F.relu6, F.hardtanh, F.softshrink, F.hardsigmoid]))
        return Step(unit.__name__, lambda m, x: unit(x))
    if kind == "scale":
        return Step("x c + c", lambda m, x: x * m.c + m.c, c=_numbers(draw, *shape[draw(st.integers(0, rank)) :]))
    if kind == "mask":
        mask = torch.tensor(draw(st.lists(st.booleans(), min_size=shape[-1], max_size=shape[-1])))
        form = draw(st.sampled_from(("product", "fill", "where")))
        return Step(
            f"mask by {form}",
            lambda m, x: {"product": lambda: x * m.k, "fill": lambda: x.masked_fill(m.k, 2.5), "where": lambda: torch.where(m.k, x, -x)}[
                form
            ](),
            k=mask,
        )
    if kind == "integers":
        dtype = draw(st.sampled_from((torch.uint8, torch.int8, torch.int16, torch.int64)))
        values = torch.tensor(draw(st.lists(st.integers(-300, 300), min_size=shape[-1], max_size=shape[-1]))).to(dtype)
        power = draw(st.integers(1, 3))
        return Step(f"x + i^{power} - 7 i in {dtype}", lambda m, x: x + m.i**power - 7 * m.i, i=values)
    if kind == "flip":
        return Step(f"flip {dim}", lambda m, x: x.flip(dim))
    if kind == "roll":
        by = draw(st.integers(-3, 3))
        return Step(f"roll {by} {dim}", lambda m, x: x.roll(by, dim))
    if kind == "pick":
        size = shape[dim]
        index = torch.tensor(draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4)))
        return Step(f"index_select {dim} {index.tolist()}", lambda m, x: x.index_select(dim, m.i), i=index)
    if kind == "reduce":
        how = draw(st.sampled_from(("mean", "sum", "amax", "amin")))
        return Step(f"{how} {dim}", lambda m, x: getattr(x, how)(dim=dim, keepdim=True))
    if kind == "cat":
        return Step(f"cat {dim}", lambda m, x: torch.cat([x, -x, x.abs()], dim))
    if kind == "permute":
        order = draw(st.permutations(range(1, rank + 1)))
        return Step(f"permute {order}", lambda m, x: x.permute(0, *order))
    if kind == "view":
        return Step("flatten", lambda m, x: x.flatten(1))
    at = draw(st.integers(0, shape[-1] - 1))

    def changed(m: Any, x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[..., at] = x[..., 0] * 2
        x[..., : at + 1].mul_(0.5).clamp_(min=-1)
        return x

    return Step(f"assign {at}", changed)


def _layer(draw: Draw, shape: Shape) -> nn.Module:
    """A layer that fits the shape, if the shape is one of features, sequences or images."""
    channels = shape[0]
    if len(shape) == 1 or draw(st.booleans()):
        return _filled(draw, nn.Linear(shape[-1], draw(st.integers(1, 4)), bias=draw(st.booleans())))
    if len(shape) > 3:
        return nn.Flatten()
    axes = len(shape) - 1
    kind = draw(st.sampled_from(("conv", "transposed", "norm", "max", "average", "adaptive", "upsample", "pad")))
    if kind in ("conv", "transposed"):
        classes = {"conv": (nn.Conv1d, nn.Conv2d), "transposed": (nn.ConvTranspose1d, nn.ConvTranspose2d)}[kind]
        options: dict[str, Any] = {
            "stride": draw(st.integers(1, 2)),
            "padding": draw(st.integers(0, 1)),
            "dilation": draw(st.integers(1, 2)),
        }
        if kind == "conv" and options["padding"] < min(shape[1:]):
            options["padding_mode"] = draw(st.sampled_from(("zeros", "reflect", "replicate", "circular")))
        return _filled(draw, classes[axes - 1](channels, draw(st.integers(1, 3)), draw(st.integers(1, 2)), **options))
    if kind == "norm":
        return _filled(draw, (nn.BatchNorm1d, nn.BatchNorm2d)[axes - 1](channels))
    if kind in ("max", "average"):
        pool = {"max": (nn.MaxPool1d, nn.MaxPool2d), "average": (nn.AvgPool1d, nn.AvgPool2d)}[kind][axes - 1]
        return pool(2, draw(st.integers(1, 2)), draw(st.integers(0, 1)), ceil_mode=draw(st.booleans()))
    if kind == "adaptive":
        pool = draw(st.sampled_from(((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d))))[axes - 1]
        return pool(draw(st.integers(1, 3)))
    if kind == "upsample":
        mode = draw(st.sampled_from(("nearest", ("linear", "bilinear")[axes - 1])))
        return nn.Upsample(scale_factor=draw(st.sampled_from((1.5, 2.0))), mode=mode)
    return Step("pad", lambda m, x: F.pad(x, (1, 0), value=0.25))


@st.composite
def modules(draw: Draw) -> tuple[nn.Module, Shape]:
    """A chain of one to five steps, and the shape of a point."""
    start = draw(st.sampled_from(((3,), (2, 4), (2, 3, 4), (1, 4, 4))))
    shape, steps = start, []
    for _ in range(draw(st.integers(1, 5))):
        step = (_layer if draw(st.booleans()) else _everywhere)(draw, shape).double()
        try:
            with torch.no_grad():
                after = tuple(step(torch.zeros(5, *shape, dtype=torch.float64)).shape[1:])
        except (RuntimeError, ValueError, IndexError):
            continue  # a window that is larger than the value, say
        if math.prod(after) > 200 or not after or 0 in after:
            continue
        steps.append(step)
        shape = after
    return nn.Sequential(*steps, nn.Identity()).eval(), start


@law(60)
@given(modules(), st.sampled_from((torch.float32, torch.float64)))
def test_drawn_modules_are_read_true_or_refused(drawn: tuple[nn.Module, Shape], dtype: torch.dtype) -> None:
    module, shape = drawn
    module = module.to(dtype)
    note(str(module))
    try:
        net = from_torch(module, shape)
    except ExactnnError as error:
        refused = str(error)
    else:
        refused = ""
    assert "in the network read" not in refused  # where a run differs, a step was read as another function
    if refused:
        return
    inputs = torch.randn(4, *shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64) * 3
    with torch.no_grad():
        expected = module.double()(inputs).reshape(4, -1).numpy()
    found = net.evaluate(RationalArray.of(inputs.reshape(4, -1))).to_float()
    size = 1 + np.abs(net.evaluate(RationalArray.of(inputs.reshape(4, -1) * 2)).to_float()).max() + np.abs(expected).max()
    assert np.abs(found - expected).max() <= (1e-9 if dtype == torch.float64 else 1e-5) * size


def test_most_drawn_modules_are_read() -> None:
    """The law above would hold if everything were refused."""
    counts = {"read": 0, "refused": 0}

    @law(40)
    @given(modules())
    def count(drawn: tuple[nn.Module, Shape]) -> None:
        try:
            from_torch(*drawn)
            counts["read"] += 1
        except ExactnnError:
            counts["refused"] += 1

    count()
    assert counts["read"] >= 9 * counts["refused"], counts
