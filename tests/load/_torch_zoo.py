"""Several hundred small torch modules for differential tests: those that must be read, and those that must be refused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

from tests.load._torch_modules import Call

Case = tuple[nn.Module, Any]


def tensor(*shape: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def c(function: Any, shape: Any = 4, **parts: Any) -> Case:
    return Call(function, **parts), shape


def transposed_convolutions() -> Iterator[tuple[str, Case]]:
    options = itertools.product((1, 2, 3), (1, 2), (0, 1, 2), (0, 1), (1, 2), (True, False))
    for stride, dilation, padding, extra, groups, bias in options:
        if extra >= max(stride, dilation) or (stride + dilation + padding + groups) % 2:
            continue
        layer = nn.ConvTranspose1d(4, 6, 3, stride, padding, extra, groups, bias, dilation)
        yield f"transposed conv 1d {stride} {dilation} {padding} {extra} {groups} {bias}", (layer, (4, 6))
    yield "transposed conv 2d", (nn.ConvTranspose2d(2, 3, (2, 3), (2, 1), (0, 1), (1, 0)), (2, 3, 4))
    yield "transposed conv 3d", (nn.ConvTranspose3d(2, 2, 2, 2, groups=2), (2, 2, 2, 3))
    yield "transposed conv and norm", (nn.Sequential(nn.ConvTranspose2d(2, 3, 4, 2, 1), nn.BatchNorm2d(3), nn.ReLU()), (2, 3, 3))


def paddings() -> Iterator[tuple[str, Case]]:
    for mode in ("reflect", "replicate", "circular", "zeros"):
        yield f"conv 1d {mode}", (nn.Conv1d(2, 3, 3, padding=2, padding_mode=mode), (2, 5))
        yield f"conv 2d {mode}", (nn.Conv2d(2, 3, (3, 2), padding="same", padding_mode=mode), (2, 4, 5))
    for mode in ("reflect", "replicate", "circular"):
        yield f"pad 1d {mode}", c(lambda m, x, mode=mode: F.pad(x, (1, 2), mode=mode), (2, 5))
        yield f"pad 2d {mode}", c(lambda m, x, mode=mode: F.pad(x, (1, 2, 0, 1), mode=mode), (2, 3, 5))
    yield "pad 3d replicate", (nn.ReplicationPad3d(1), (1, 2, 2, 2))
    yield "pad by nothing", c(lambda m, x: F.pad(x, (0, 0)), (2, 3))
    yield "pad 5 axes", c(lambda m, x: F.pad(x, (1, 0, 0, 1), value=-2.5), (2, 2, 2, 2))


def resizes() -> Iterator[tuple[str, Case]]:
    for size in (1, 2, 5, 7):
        for align in (False, True):
            yield f"linear {size} {align}", c(lambda m, x, s=size, a=align: F.interpolate(x, s, mode="linear", align_corners=a), (2, 4))
        yield f"nearest {size}", c(lambda m, x, s=size: F.interpolate(x, s, mode="nearest"), (2, 4))
        yield f"nearest exact {size}", c(lambda m, x, s=size: F.interpolate(x, s, mode="nearest-exact"), (2, 4))
    for scale in (0.5, 1.5, 1.7, 2, 3):
        yield f"linear by {scale}", c(lambda m, x, s=scale: F.interpolate(x, scale_factor=s, mode="linear"), (2, 4))
        yield f"nearest by {scale}", c(lambda m, x, s=scale: F.interpolate(x, scale_factor=s), (2, 4))
        yield (
            f"bilinear by {scale}, recomputed",
            c(lambda m, x, s=scale: F.interpolate(x, scale_factor=s, mode="bilinear", recompute_scale_factor=True), (1, 3, 4)),
        )
    yield "bilinear", (nn.UpsamplingBilinear2d(scale_factor=2), (2, 3, 4))
    yield "upsample nearest 2d", (nn.Upsample(scale_factor=(2, 3)), (2, 3, 2))
    yield "trilinear", (nn.Upsample(size=(3, 2, 5), mode="trilinear"), (1, 2, 2, 3))
    yield "nearest 3d", (nn.Upsample(size=(3, 2, 5)), (1, 2, 2, 3))


def moves() -> Iterator[tuple[str, Case]]:
    yield "flip", c(lambda m, x: x.flip(-1, 1), (2, 3))
    yield "fliplr", c(lambda m, x: torch.fliplr(x), (3, 2))
    yield "roll", c(lambda m, x: x.roll((1, -1), (1, 2)), (3, 4))
    yield "roll flat", c(lambda m, x: x.roll(2, -1), 5)
    yield "rot90", c(lambda m, x: torch.rot90(x, 1, (1, 2)), (2, 3))
    yield "tile", c(lambda m, x: x.tile(1, 2, 3), (2, 2))
    yield "repeat interleave", c(lambda m, x: x.repeat_interleave(2, dim=1), (2, 2))
    yield "repeat interleave by counts", c(lambda m, x: x.repeat_interleave(torch.tensor([2, 0, 1]), dim=1), (3,))
    yield "pixel shuffle", (nn.PixelShuffle(2), (8, 2, 3))
    yield "pixel unshuffle", (nn.PixelUnshuffle(2), (2, 4, 6))
    yield "channel shuffle", (nn.ChannelShuffle(2), (4, 2, 3))
    yield "unfold module", (nn.Unfold(2, padding=1, stride=2), (2, 4, 4))
    yield "unfold", c(lambda m, x: x.unfold(1, 2, 1), 5)
    yield "diagonal", c(lambda m, x: x.diagonal(1, 1, 2), (3, 4))
    yield "diag embed", c(lambda m, x: torch.diag_embed(x), 3)
    yield "tril", c(lambda m, x: x.tril(), (3, 3))
    yield "triu", c(lambda m, x: x.triu(1), (3, 4))
    yield "gather", c(lambda m, x: x.gather(1, m.i.expand(x.shape[0], 2)), 4, i=torch.tensor([[3, 0]]))
    yield "take along", c(lambda m, x: torch.take_along_dim(x, torch.tensor([[2, 1, 1]]), 1), 4)
    yield "index lists", c(lambda m, x: x[:, [0, 1, 0], [2, 0, 1]], (2, 3))
    yield "index negative", c(lambda m, x: x[:, [-1, 0]] + x[:, [[1], [0]]].flatten(1)[:, :2], 3)
    yield "boolean index", c(lambda m, x: x[:, torch.tensor([True, False, True])], 3)
    yield "masked fill", c(lambda m, x: x.masked_fill(torch.tensor([True, False, True, False]), 1.5))
    yield "masked fill by expanded", c(lambda m, x: x.masked_fill(m.k.expand_as(x), -1), (2, 4), k=torch.tensor([True, False, True, False]))
    yield "index fill", c(lambda m, x: x.index_fill(1, torch.tensor([0, 2]), 7.0))
    yield "index put", c(lambda m, x: _put(x, m.v), v=tensor(2))
    yield "index copy", c(lambda m, x: x.index_copy(1, torch.tensor([3, 0]), x[:, 1:3] * 2))
    yield "scatter value", c(lambda m, x: x.scatter(1, torch.zeros(x.shape[0], 1, dtype=torch.long), 2.0))
    yield "scatter source", c(lambda m, x: x.scatter(1, torch.tensor([[2, 0]]).expand(x.shape[0], 2), x[:, :2] * 3))
    yield "select scatter", c(lambda m, x: torch.select_scatter(x, x[:, 0] * 2, 1, 2))
    yield "slice scatter with a step", c(lambda m, x: torch.slice_scatter(x, x[:, :2] * 2, 1, 0, 4, 2))
    yield "assign with a step", c(lambda m, x: _assign(x))
    yield "where by a mask", c(lambda m, x: torch.where(m.k, x, 2 * x), k=torch.tensor([True, False, True, True]))
    yield "where by a mask, constant", c(lambda m, x: torch.where(m.k, m.v, x), k=torch.tensor([True, False, True, True]), v=tensor(4))
    yield "where by a mask, number", c(lambda m, x: torch.where(m.k, x, 0.5), k=torch.tensor([True, False, True, True]))
    yield "swap axes", c(lambda m, x: x.swapaxes(1, -1).contiguous().view(x.shape[0], -1), (2, 3))
    yield "unsafe chunk", c(lambda m, x: x.tensor_split(3, dim=1)[0] + x.chunk(3, 1)[1], 6)
    yield "negative slice", c(lambda m, x: x[:, -3:-1] - x[..., -1:])
    yield "none index", c(lambda m, x: x[:, None, :, None].squeeze(3).squeeze(1))
    yield "atleast", c(lambda m, x: torch.atleast_3d(x).squeeze(-1))
    yield "ravel per point", c(lambda m, x: x.flatten(-2), (2, 3))
    yield "meshgrid constants", c(lambda m, x: x + torch.meshgrid(torch.arange(2.0), torch.arange(2.0), indexing="ij")[0].flatten())


def _put(x: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[:, torch.tensor([1, 3])] = values
    return x


def _assign(x: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[:, ::2] = 1
    x[:, 1::2] *= 3
    return x


def linear() -> Iterator[tuple[str, Case]]:
    yield "matmul stack", c(lambda m, x: x @ m.w, (3, 2, 4), w=tensor(3, 4, 5))
    yield "matmul stack from the left", c(lambda m, x: m.w @ x, (3, 2, 4), w=tensor(3, 5, 2))
    yield "matmul stack, one row", c(lambda m, x: (x[:, :, None] @ m.w).squeeze(2), (3, 4), w=tensor(3, 4, 2))

    yield "bmm", c(lambda m, x: torch.bmm(x.transpose(0, 1), m.w).transpose(0, 1), (3, 4), w=tensor(3, 4, 2))
    yield "einsum heads", c(lambda m, x: torch.einsum("bshd,hde->bshe", x, m.w), (2, 3, 4), w=tensor(3, 4, 2))
    yield "einsum sum", c(lambda m, x: torch.einsum("bij,j->bi", x, m.w), (2, 3), w=tensor(3))
    yield "einsum trace", c(lambda m, x: torch.einsum("bii->b", x)[:, None], (3, 3))
    yield "einsum two constants", c(lambda m, x: torch.einsum("bi,ij,jk->bk", x, m.v, m.w), 3, v=tensor(3, 2), w=tensor(2, 4))
    yield "mv", c(lambda m, x: m.w.mv(m.v) + x, 2, w=tensor(2, 3), v=tensor(3))
    yield "outer", c(lambda m, x: x[:, :, None] * m.w[None, None], 2, w=tensor(3))
    yield "addcmul", c(lambda m, x: torch.addcmul(x, m.v, m.w, value=0.5), v=tensor(4), w=tensor(4))
    yield "addcmul of a value", c(lambda m, x: torch.addcmul(m.v, x, m.w, value=0.5), v=tensor(4), w=tensor(4))
    yield "addcdiv", c(lambda m, x: torch.addcdiv(m.v, x, m.w, value=0.5), v=tensor(4), w=tensor(4))
    yield "lerp", c(lambda m, x: torch.lerp(x, m.v, 0.25), v=tensor(4))
    yield (
        "baddbmm",
        c(lambda m, x: torch.baddbmm(m.b, x.transpose(0, 1), m.w).transpose(0, 1), (3, 4), w=tensor(3, 4, 2), b=tensor(3, 1, 2)),
    )
    yield "cumsum", c(lambda m, x: x.cumsum(1) - x.cumsum(-1).flip(1), (3, 2))
    yield "diff", c(lambda m, x: x.diff(dim=1))
    yield "trapezoid", c(lambda m, x: torch.trapezoid(x, dim=1)[:, None])
    yield "sum float64", c(lambda m, x: x.sum(1, keepdim=True, dtype=torch.float64))
    yield "mean float64", c(lambda m, x: x.mean(1, keepdim=True, dtype=torch.float64))
    yield "bilinear of constants", c(lambda m, x: F.linear(x, m.w * 2, m.b - 1), w=tensor(3, 4), b=tensor(3))
    yield "fake quantised away", c(lambda m, x: F.linear(x, (m.w * 16).round() / 16), w=tensor(3, 4))
    yield "sqrt of constants", c(lambda m, x: x / m.w.abs().sqrt() + m.w.norm(), w=tensor(4))
    yield "softmax of constants", c(lambda m, x: x * m.w.softmax(0), w=tensor(4))
    yield "attention of constants", c(lambda m, x: (m.w @ m.w.T).softmax(-1) @ x, (3, 2), w=tensor(3, 3))
    yield "embedding of constants", c(lambda m, x: x + F.embedding(torch.tensor([1, 0]), m.w), (2, 3), w=tensor(4, 3))
    yield "conv with computed weight", c(lambda m, x: F.conv1d(x, m.w.tanh()), (2, 5), w=tensor(3, 2, 3))


def parametrised() -> Iterator[tuple[str, Case]]:
    yield "weight norm", (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), 3)
    yield "old weight norm", (_old_weight_norm(nn.Linear(3, 2)), 3)
    yield "spectral norm", (nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2)), 3)
    yield "orthogonal", (nn.utils.parametrizations.orthogonal(nn.Linear(3, 3)), 3)
    pruned = nn.Linear(4, 3)
    prune.random_unstructured(pruned, "weight", 0.5)
    yield "pruned", (pruned, 4)
    shared = nn.Linear(3, 3)
    yield "shared weights", (nn.Sequential(shared, nn.ReLU(), shared), 3)
    layer = nn.Linear(3, 3)
    yield "transposed shared weight", c(lambda m, x: F.linear(m.l(x), m.l.weight.T), 3, l=layer)
    yield "aliased buffers", c(lambda m, x: x * m.a + m.b, 3, a=(t := tensor(3)), b=t)
    yield "view of a parameter", c(lambda m, x: x @ m.w.view(3, 2) + m.w[:1], 3, w=tensor(6))
    hooked = nn.Linear(3, 2)
    hooked.register_forward_hook(lambda module, args, output: 2 * output + 1)
    yield "forward hook", (hooked, 3)
    before = nn.Linear(3, 2)
    before.register_forward_pre_hook(lambda module, args: (args[0].abs(),))
    yield "forward pre-hook", (nn.Sequential(before, nn.ReLU()), 3)


def _old_weight_norm(layer: nn.Module) -> nn.Module:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(layer)


def integers() -> Iterator[tuple[str, Case]]:
    byte, short = torch.tensor([1, 200, 3, 250], dtype=torch.uint8), torch.tensor([-128, 127, 5, -7], dtype=torch.int8)
    wide = torch.tensor([70000, 3, -70000, 5], dtype=torch.int32)
    yield "uint8 minus uint8", c(lambda m, x: x + (m.i - m.j), i=byte, j=byte.flip(0))
    yield "uint8 negation", c(lambda m, x: x * (-m.i), i=byte)
    yield "uint8 product", c(lambda m, x: x + m.i * m.i, i=byte)
    yield "uint8 plus number", c(lambda m, x: x + (m.i + 100), i=byte)
    yield "abs of int8", c(lambda m, x: x + m.i.abs(), i=short)
    yield "square of int32", c(lambda m, x: x + m.i * m.i, i=wide)
    yield "power of int32", c(lambda m, x: x + m.i**2, i=wide)
    yield "int8 sum", c(lambda m, x: x + m.i.sum(), i=short)
    yield "int8 sum in int8", c(lambda m, x: x + m.i.sum(dtype=torch.int8), i=short)
    yield "int cast wraps", c(lambda m, x: x + m.i.to(torch.int8), i=wide)
    yield "float cast to int", c(lambda m, x: x + m.f.to(torch.int32), f=3 * tensor(4))
    yield "float cast to uint8", c(lambda m, x: x + m.f.abs().to(torch.uint8), f=3 * tensor(4))
    yield "full int", c(lambda m, x: x + torch.full((4,), 300, dtype=torch.int16).to(torch.uint8))
    yield "full like int", c(lambda m, x: x + torch.full_like(m.i, 3), i=short)
    yield "full truncates", c(lambda m, x: x + torch.full((4,), 2.7, dtype=torch.int64))
    yield "arange int", c(lambda m, x: x + torch.arange(0, 8, 2, dtype=torch.uint8) * 100)
    yield "arange float16", c(lambda m, x: x + torch.arange(4, dtype=torch.float16) * 0.1)
    yield "mean float16", c(lambda m, x: x * m.f.half().mean(), f=tensor(4))
    yield "sum bool", c(lambda m, x: x * m.k.sum(), k=torch.tensor([True, True, False]))
    yield "mask product", c(lambda m, x: x * m.k, k=torch.tensor([True, False, True, True]))
    yield "mask times features", c(lambda m, x: (x @ m.w) * (m.w[0] > 0), w=tensor(4, 3))
    yield (
        "logical masks",
        c(lambda m, x: x * (m.k & ~m.j | m.k), k=torch.tensor([True, False, True, True]), j=torch.tensor([1, 1, 0, 0]) > 0),
    )
    yield "integer division", c(lambda m, x: x + m.i // 7, i=wide)
    yield "true division of ints", c(lambda m, x: x + m.i / 7, i=wide)
    yield "remainder", c(lambda m, x: x + m.i % 7 - torch.fmod(m.i, 5), i=wide)
    yield "shifts", c(lambda m, x: x + (m.i << 2) + (m.i >> 1), i=short)
    yield "half constants", c(lambda m, x: x + m.f.half() * m.f.half(), f=tensor(4))
    yield "bfloat16 constants", c(lambda m, x: x + (m.f.bfloat16() + 1).float(), f=tensor(4))
    yield "rounded constant", c(lambda m, x: x + m.f.half().float(), f=tensor(4))
    yield "constant number", c(lambda m, x: x * float(m.f[0]) + m.f[1].item(), f=tensor(4))
    yield "constant int index", c(lambda m, x: x[:, int(m.i[2]) :], i=torch.tensor([1, 2, 3]))
    yield "numpy constant", c(lambda m, x: x + torch.from_numpy(np.array([1, 2, 3, 250], dtype=np.uint8)) * 2)
    yield "tensor made in forward", c(lambda m, x: x + torch.tensor([1, 2, 3, 4]) * torch.tensor(0.1))
    yield "argmax of constants", c(lambda m, x: x[:, m.f.argmax() :], f=torch.tensor([1.0, 5, 2]))
    yield "sorted constants", c(lambda m, x: x + m.f.sort().values, f=tensor(4))
    yield "linspace", c(lambda m, x: x * torch.linspace(0, 1, 4))
    yield "eye", c(lambda m, x: x @ torch.eye(4, dtype=x.dtype)[:, :3])
    yield "one hot of constants", c(lambda m, x: x @ F.one_hot(torch.tensor([0, 2, 1, 0])).to(x.dtype))


def bends() -> Iterator[tuple[str, Case]]:
    yield "uneven average", (nn.AdaptiveAvgPool1d(3), (2, 5))
    yield "uneven average 2d", (nn.AdaptiveAvgPool2d((3, 2)), (2, 5, 3))
    yield "uneven average, larger", (nn.AdaptiveAvgPool1d(7), (2, 5))
    yield "uneven maximum", (nn.AdaptiveMaxPool1d(3), (2, 5))
    yield "uneven maximum 2d", (nn.AdaptiveMaxPool2d((3, 4)), (2, 5, 3))
    yield "uneven maximum 3d", (nn.AdaptiveMaxPool3d((2, 1, 2)), (1, 3, 2, 3))
    yield "amax all", c(lambda m, x: x.amax((-1, -2)), (2, 3))
    yield "amin kept", c(lambda m, x: x.amin((1, 3), keepdim=True), (2, 3, 2))
    yield "aminmax", c(lambda m, x: torch.aminmax(x, dim=1).max - torch.aminmax(x, dim=1).min)
    yield "max pool with ceil", (nn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 6, 7))
    yield "average pool with ceil", (nn.AvgPool2d(3, 2, 1, ceil_mode=True), (2, 6, 7))
    yield "average pool with ceil, inside", (nn.AvgPool1d(3, 2, 1, ceil_mode=True, count_include_pad=False), (2, 6))
    yield "lp pool 1", c(lambda m, x: F.avg_pool1d(x.abs(), 2) * 2, (2, 6))
    yield "softshrink", (nn.Softshrink(0.3), 4)
    yield "clamp by two tensors", c(lambda m, x: x.clamp(m.a, m.a + 1), a=tensor(4))
    yield "clip number", c(lambda m, x: torch.clip(x, -0.25, 1.75))
    yield "relu6 in place", c(lambda m, x: F.relu6(x + 1, inplace=True))
    yield "leaky in place", c(lambda m, x: F.leaky_relu_(x * 2, 0.25))
    yield "rrelu", (nn.RReLU(0.1, 0.3), 4)
    yield "prelu of channels", (nn.PReLU(3), (3, 2, 2))
    yield "minimum of values", c(lambda m, x, y: torch.minimum(x, y), ((4,), (4,)))
    yield "hinge", c(lambda m, x: F.relu(1 - x).mean(1, keepdim=True))
    yield "max of three", c(lambda m, x: torch.stack([x, -x, x * 0 + 1]).amax(0))
    yield "l1 norm", c(lambda m, x: x.abs().sum(1, keepdim=True))
    yield "where relu", c(lambda m, x: torch.where(x > 0, x, 0))
    yield "where leaky", c(lambda m, x: torch.where(x > 0, x, 0.1 * x))
    yield "where at a threshold", c(lambda m, x: torch.where(x >= 1.5, 2 * x - 1.5, x))
    yield "where less", c(lambda m, x: torch.where(x < m.a, m.a, x), a=tensor(4))
    yield "where of values", c(lambda m, x, y: torch.where(x > y, x, y), ((4,), (4,)))
    yield "where with a slope for each", c(lambda m, x: torch.where(x > 0, x * m.a, x), a=tensor(4))
    yield "mask by comparison", c(lambda m, x: x * (x > 0))
    yield "mask by comparison, float", c(lambda m, x: x * (x > 0).to(x.dtype) + (x <= 0) * 0.25 * x)
    yield "masked fill by comparison", c(lambda m, x: x.masked_fill(x < 0, 0.0))
    yield "hard tanh by two choices", c(lambda m, x: torch.where(x > 1, 1.0, torch.where(x < -1, -1.0, x)))
    yield "shrink by choices", c(lambda m, x: torch.where(x > 0.5, x - 0.5, torch.where(x < -0.5, x + 0.5, 0.0)))


def structures() -> Iterator[tuple[str, Case]]:
    yield "dict of outputs", c(lambda m, x: {"a": x, "b": (2 * x, [x[:, :1]])})
    yield "none among outputs", c(lambda m, x: (x, None, -x))
    yield "the input itself", c(lambda m, x: x)
    yield "an output twice", c(lambda m, x: (h := 2 * x, h))
    yield "in place on a slice", c(lambda m, x: _in_place(x))
    yield "in place arithmetic", c(lambda m, x: x.clone().sub_(1).div_(2).neg_().clamp_(min=-1))
    yield "out of a view", c(lambda m, x: _through_views(x), (2, 3))
    yield "detached", c(lambda m, x: x.detach() * 2)
    yield "checks on shapes", c(lambda m, x: x.view(x.shape[0], 2, -1).flatten(1) if x.shape[-1] == 4 else x)
    yield "loop over layers", c(lambda m, x: _looped(m, x), 3, l=nn.ModuleList([nn.Linear(3, 3) for _ in range(3)]))
    yield "module dict", c(lambda m, x: m.d["a"](x) + m.d["b"](x), 3, d=nn.ModuleDict({"a": nn.Linear(3, 2), "b": nn.Linear(3, 2)}))
    yield "two inputs", c(lambda m, x, y: torch.cat([x.flatten(1), y], 1), ((2, 2), (3,)))
    yield "scalar points", c(lambda m, x: x * 2 + 1, ())
    yield "isinstance", c(lambda m, x: x + 1 if isinstance(x, torch.Tensor) else x)
    yield "is_tensor", c(lambda m, x: x + 1 if torch.is_tensor(x) else x)
    yield "hasattr node", c(lambda m, x: x if hasattr(x, "node") else x + 1)
    yield "print", c(lambda m, x: x * 2 if not m.training else x)
    yield "squeeze all", c(lambda m, x: x[:, None].squeeze())
    yield "buffer branch", c(lambda m, x: 2 * x if m.on.item() > 0 else x, on=torch.ones(1))
    yield (
        "real isinstance where export fails",
        c(lambda m, x: (x + 1 if isinstance(x, torch.Tensor) else x) if m.on.item() > 0 else x, on=torch.ones(1)),
    )


def _in_place(x: torch.Tensor) -> torch.Tensor:
    x = x * 1
    x[:, 1:3] += 2
    x[:, 0] = x[:, 3]
    return x


def _through_views(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y.view(len(x), -1)[:, 1:4].mul_(2)
    y.transpose(1, 2)[:, 0].add_(1)
    return y


def _looped(m: Any, x: torch.Tensor) -> torch.Tensor:
    for layer in m.l:
        x = torch.relu(layer(x)) + x
    return x


def found_by_readers() -> Iterator[tuple[str, Case]]:
    """Modules that were refused once, or read wrongly."""
    yield "a scale that keeps the size", c(lambda m, x: F.interpolate(x, scale_factor=1.05, mode="linear"), (1, 7))
    yield "nearest in float32", c(lambda m, x: F.interpolate(x, 82) + 0 * m.a, (1, 2), a=tensor(1))
    yield "nearest, 259 to 222", c(lambda m, x: F.interpolate(x, (222, 3)) + 0 * m.a, (1, 259, 2), a=tensor(1))
    yield "a recorded constant that changes", c(lambda m, x: _changing(m, x), 3, on=torch.ones(1))
    yield "a table that a helper keeps", c(lambda m, x: m.l(x + m.table(4)), 4, l=nn.Linear(4, 2), table=Table())
    yield "a gate that calls its layer twice", c(lambda m, x: m.l(x) * (m.l(x) > 0), 4, l=nn.Linear(4, 3))
    yield "a mask of -1e9", c(lambda m, x: m.l(x).masked_fill(m.k, -1e9), 4, l=nn.Linear(4, 3), k=torch.tensor([False, True, False]))


class Table:
    """Keeps what it has made; no module."""

    made = None

    def __call__(self, size: int) -> torch.Tensor:
        if self.made is None:
            self.made = torch.linspace(0, 1, size)
        return self.made


def _changing(m: Any, x: torch.Tensor) -> torch.Tensor:
    if m.on.item() > 0:
        c = torch.ones(3, dtype=x.dtype)
        r = x * c
        c.mul_(2)
        return r + x * c
    return x


def joined_batches() -> Iterator[tuple[str, Case]]:
    """The batch axis is joined with another one, and taken apart again."""
    yield "rows through a linear layer", c(lambda m, x: m.l(x.view(-1, 4)).view(x.shape[0], -1), (3, 4), l=nn.Linear(4, 2))
    yield "rows and a sum", c(lambda m, x: torch.relu(m.l(x.reshape(-1, 4))).reshape(-1, 3, 4) + x, (3, 4), l=nn.Linear(4, 4))
    yield "rows flipped", c(lambda m, x: x.reshape(-1, 4).flip(1).reshape(-1, 3, 4), (3, 4))
    yield "rows doubled", c(lambda m, x: torch.cat([x.reshape(-1, 4), x.reshape(-1, 4)], 1).reshape(x.shape[0], -1), (3, 4))
    yield "rows normalised", c(lambda m, x: m.b(x.reshape(-1, 4)).reshape(-1, 3, 4), (3, 4), b=nn.BatchNorm1d(4))
    yield "rows with slopes", c(lambda m, x: m.p(x.reshape(-1, 4)).reshape(-1, 3, 4), (3, 4), p=nn.PReLU(4))
    yield "tensordot", c(lambda m, x: torch.tensordot(x, m.w, dims=([2], [0])), (2, 3), w=tensor(3, 2))
    yield "windows", c(_windows, (4, 4, 1), l=nn.Linear(4, 3))


def _windows(m: Any, x: torch.Tensor) -> torch.Tensor:
    parts = x.view(x.shape[0], 2, 2, 2, 2, 1).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, 1)
    return m.l(parts.flatten(1)).view(x.shape[0], -1)


_GROUPS = (
    transposed_convolutions,
    paddings,
    resizes,
    moves,
    linear,
    parametrised,
    integers,
    bends,
    structures,
    joined_batches,
    found_by_readers,
)
READ: dict[str, Case] = dict(itertools.chain(*(group() for group in _GROUPS)))

# --- what no trace can freeze -------------------------------------------------------------------------------------------------

COUNT = {"calls": 0}


class Calls(nn.Module):
    """Counts its calls: as an attribute, in a list, in a dict of the module's file."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.n, self.all = kind, 0, []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.n += 1
        self.all.append(1)
        COUNT["calls"] += 1
        return x * {"attribute": self.n, "list": len(self.all), "global": COUNT["calls"]}[self.kind]


class Cache(nn.Module):
    """Keeps its first value."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not hasattr(self, "kept"):
            self.kept = x.mean()
        return x + self.kept


def _exporting(x: torch.Tensor) -> torch.Tensor:
    return 2 * x if torch.compiler.is_exporting() or torch.compiler.is_compiling() else x


def _chance() -> bool:
    import random

    return random.random() < 2


def _saturated(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = m.l(x)[:, m.k]
    y[y > 600] = 600
    return y


def _timed(x: torch.Tensor) -> torch.Tensor:
    import time

    return x * (time.perf_counter_ns() % 997)


def _random_python(x: torch.Tensor) -> torch.Tensor:
    import random

    return x * random.random()


NEVER: dict[str, Case] = {
    **{f"counts by {kind}": (Calls(kind), 2) for kind in ("attribute", "list", "global")},
    "keeps the first value": (Cache(), 2),
    "asks whether exported": c(lambda m, x: _exporting(x)),
    "asks for the very type": c(lambda m, x: x if type(x) is torch.Tensor else 2 * x),
    "reads the clock": c(lambda m, x: _timed(x)),
    "python's random": c(lambda m, x: _random_python(x)),
    "numpy's random": c(lambda m, x: x * float(np.random.rand())),  # noqa: NPY002
    "random tensor": c(lambda m, x: x + torch.randn(4)),
    "random permutation": c(lambda m, x: x[:, torch.randperm(4)]),
    "dropout in forward": c(lambda m, x: F.dropout(x, 0.5)),
    "uninitialised": c(lambda m, x: x + torch.empty(4, dtype=torch.int64)),
    "size of the batch": c(lambda m, x: x * len(x)),
    "branch on the batch": c(lambda m, x: x if len(x) > 1 else -x),
    "branch on a large batch": c(lambda m, x: x if len(x) < 10 else -x),
    "as strided": c(lambda m, x: x.transpose(1, 2).as_strided((x.shape[0], 6), (6, 1)), (2, 3)),
    "adds to what it moves": c(lambda m, x: torch.ops.aten.index_put(x, [None, torch.tensor([0, 1])], torch.tensor(1.0), True)),
    "truth values added": c(lambda m, x: ((x > 0).logical_or(x > 0) + (x > 1)) * x),
    "a sign as a truth value": c(lambda m, x: x.sign().bool() * x),
    "numbers as truth values": c(lambda m, x: torch.logical_and(x > 1, x).float() - (x > 1).float()),
    "a jump through float16": c(lambda m, x: torch.where(x > 0, x + 1, x).half().float() - (x > 0).float()),
    "the size of the batch by ones": c(lambda m, x: x * torch.ones_like(x).sum(0)),
    "the size of the batch by expanding": c(lambda m, x: x * m.c.expand_as(x).sum(0), c=tensor(4)),
    "one size of the batch": c(lambda m, x: x + 0.5 if x.shape[0] == 7 else x),
    "a large batch": c(lambda m, x: x if x.shape[0] < 32 else -x),
    "a branch by numpy": c(lambda m, x: m.l(x) if np.abs(x.detach().numpy()).max() < 500 else -m.l(x), l=nn.Linear(4, 4)),
    "a branch by a list": c(lambda m, x: m.l(x) if max(x.flatten().tolist()) < 600 else -m.l(x), l=nn.Linear(4, 4)),
    "a branch by nonzero": c(lambda m, x: m.l(x) if len((x > 600).nonzero()) == 0 else -m.l(x), l=nn.Linear(4, 4)),
    "a branch by a size": c(lambda m, x: m.l(x) if x[x > 600].numel() == 0 else -m.l(x), l=nn.Linear(4, 4)),
    "a branch by unique": c(lambda m, x: m.l(x) if x.unique().numel() > 1 else -m.l(x), l=nn.Linear(4, 4)),
    "a recorded branch": c(lambda m, x: _saturated(m, x), l=nn.Linear(4, 3), k=torch.tensor([True, False, True])),
    "exported, beside a large mask": c(
        lambda m, x: (m.l(x) + float(torch.compiler.is_exporting())).masked_fill(m.k, -1e9),
        l=nn.Linear(4, 3),
        k=torch.tensor([False, False, True]),
    ),
    "exported, beside a large output": c(lambda m, x: torch.cat([x + 0.5 * torch.compiler.is_exporting(), x * 1e9], 1)),
    "noise of Python, rarely seen": c(lambda m, x: x if _chance() else -x),
    "a generator of its own": c(lambda m, x: x + torch.rand(4, generator=m.g), g=torch.Generator()),
    "rows of other points": c(lambda m, x: x.reshape(-1, 4).flip(0).reshape(-1, 3, 4), (3, 4)),
    "mean of all rows": c(lambda m, x: x.reshape(-1, 4).mean(0, keepdim=True).expand(x.shape[0], 4), (3, 4)),
    "mean of the batch": c(lambda m, x: x - x.mean(0)),
    "order of the batch": c(lambda m, x: x + torch.arange(len(x))[:, None]),
    "flipped batch": c(lambda m, x: x.flip(0)),
    "rolled batch": c(lambda m, x: x.roll(1, 0)),
    "first of the batch": c(lambda m, x: x + x[0]),
    "batch as channels": c(lambda m, x: F.pad(x, (0, 0, 1, 1))),
    "cumulated batch": c(lambda m, x: x.cumsum(0)),
    "batch norm of the batch": c(lambda m, x: F.batch_norm(x, None, None, training=True)),
    "step": c(lambda m, x: (x > 0).to(x.dtype)),
    "jump": c(lambda m, x: torch.where(x > 0, x + 1, x)),
    "jump by a mask": c(lambda m, x: x * (x > 1)),
    "hardshrink": (nn.Hardshrink(), 4),
    "sign": c(lambda m, x: x.sign()),
    "floor": c(lambda m, x: x.floor()),
    "round": c(lambda m, x: x.round()),
    "int of a value": c(lambda m, x: x.to(torch.int32)),
    "float16 inside": c(lambda m, x: x.half().to(x.dtype)),
    "argmax": c(lambda m, x: x.argmax(1)),
    "sort": c(lambda m, x: x.sort(1).values),
    "product": c(lambda m, x: x * x.flip(1)),
    "sin": c(lambda m, x: x.sin()),
    "softplus with a low threshold": (nn.Softplus(threshold=5), 4),
    "item": c(lambda m, x: x * float(x.max())),
    "values decide": c(lambda m, x: x if x.sum() > 0 else -x),
    "numpy inside": c(lambda m, x: torch.from_numpy(np.sin(x.detach().numpy()))),
    "sum into int": c(lambda m, x: x.sum(1, dtype=torch.int32)),
    "complex": c(lambda m, x: torch.view_as_real(torch.complex(x, x))),
    "fft": c(lambda m, x: torch.fft.rfft(x).real),
    "weight that is infinite": c(lambda m, x: x * m.w, w=torch.tensor([1.0, math.inf, 1, 1])),
    "hardswish": (nn.Hardswish(), 4),
    "bicubic": c(lambda m, x: F.interpolate(x, scale_factor=2, mode="bicubic"), (1, 3, 3)),
    "lstm": c(lambda m, x: m.l(x)[0], (3, 2), l=nn.LSTM(2, 2, batch_first=True)),
    "layer norm": (nn.LayerNorm(4), 4),
}
