"""One formula of index sets is torch's batch, layer, instance and group normalisation, and what the definition says over the rationals."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from exactnn.errors import ArgumentError, ShapeError
from exactnn.nn import index_sets, normalise_over

Index = tuple[int, ...]
#: The definitions of the thesis, word for word: are j and k in one set? (shape, groups, j, k); channels along the last axis.
SAME: dict[str, Callable[[Index, int, Index, Index], bool]] = {
    "batch": lambda d, g, j, k: k[-1] == j[-1],
    "layer": lambda d, g, j, k: k[0] == j[0],
    "instance": lambda d, g, j, k: k[0] == j[0] and k[-1] == j[-1],
    "group": lambda d, g, j, k: k[0] == j[0] and math.floor(k[-1] / (d[-1] / g)) == math.floor(j[-1] / (d[-1] / g)),
}
MODULES: dict[str, Callable[[torch.Tensor], nn.Module]] = {
    "batch": lambda x: {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[x.ndim](x.shape[1]),
    "layer": lambda x: nn.LayerNorm(x.shape[1:]),
    "instance": lambda x: {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}[x.ndim](x.shape[1], affine=True),
    "group": lambda x: nn.GroupNorm(2, x.shape[1]),
}


@pytest.mark.parametrize("kind", SAME)
@settings(deadline=None)
@given(shape=st.lists(st.integers(1, 3), min_size=1, max_size=2), groups=st.integers(1, 3), width=st.integers(1, 3))
def test_the_sets_are_those_of_the_definition(kind: str, shape: list[int], groups: int, width: int) -> None:
    sizes = (*shape, groups * width)
    number = index_sets(sizes, kind, groups=groups if kind == "group" else 1)
    assert number.unique().tolist() == list(range(int(number.max()) + 1))
    numbers = dict(zip(product(*map(range, sizes)), number.flatten().tolist(), strict=True))
    for (j, a), (k, b) in product(numbers.items(), repeat=2):
        assert (a == b) == SAME[kind](sizes, groups, j, k)


@settings(deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=2), st.integers(1, 6))
def test_groups_between_layer_and_instance(shape: list[int], channels: int) -> None:
    sizes = (*shape, channels)
    assert torch.equal(index_sets(sizes, "group", groups=1), index_sets(sizes, "layer"))
    assert torch.equal(index_sets(sizes, "group", groups=channels), index_sets(sizes, "instance"))


def test_the_value_is_that_of_the_definition() -> None:
    """Mean and variance over the rationals; the root and the quotient in floats."""
    x = torch.randint(-9, 10, (3, 2, 4), generator=torch.Generator().manual_seed(1)).double() / 8
    indices = list(product(*map(range, x.shape)))
    for kind, same in SAME.items():
        y = normalise_over(x, index_sets(x.shape, kind, groups=2 if kind == "group" else 1), epsilon=0.125)
        for j in indices:
            values = [Fraction(x[k].item()) for k in indices if same(x.shape, 2, j, k)]
            mean = sum(values) / len(values)
            variance = sum((v - mean) ** 2 for v in values) / len(values)
            expected = float(Fraction(x[j].item()) - mean) / math.sqrt(variance + Fraction(1, 8))
            assert math.isclose(y[j].item(), expected, rel_tol=1e-14, abs_tol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("shape", [(7, 6), (5, 6, 3), (4, 6, 3, 5), (3, 4, 2, 3, 2)])
def test_torch_has_the_same(kind: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Values, and the gradients of x, gamma and beta, in training mode."""
    if kind == "instance" and len(shape) == 2:
        pytest.skip("torch has no instance normalisation without places")
    source = torch.Generator().manual_seed(0)
    x = (3 * torch.randn(shape, generator=source, dtype=torch.float64) + 1).to(dtype).requires_grad_()
    module = MODULES[kind](x).to(dtype)
    weight, bias = (p for p in module.parameters())
    with torch.no_grad():
        for p in (weight, bias):
            p.copy_(torch.randn(p.shape, generator=source))
    spread_out = (lambda p: p) if kind == "layer" else (lambda p: p.reshape(-1, *[1] * (len(shape) - 2)))
    sets = index_sets(shape, kind, groups=2 if kind == "group" else 1, channel_axis=1)
    ours = normalise_over(x, sets, epsilon=module.eps, weight=spread_out(weight), bias=spread_out(bias))
    theirs = module(x)
    assert ours.dtype == dtype
    tolerance = 64 * torch.finfo(dtype).eps
    along = torch.randn(shape, generator=source, dtype=torch.float64).to(dtype)
    pairs = [(ours, theirs), *zip(*(torch.autograd.grad(y, (x, weight, bias), along) for y in (ours, theirs)), strict=True)]
    for a, b in pairs:
        assert (a - b).abs().max() <= tolerance * max(1.0, float(b.detach().abs().max()))


def test_a_large_mean_loses_nothing() -> None:
    """A mean of 10^4 deviations: what float32 holds of it, not what is left of sums of squares."""
    x = 1e4 + torch.randn(8, 100, generator=torch.Generator().manual_seed(2))
    y = normalise_over(x, index_sets(x.shape, "layer"), epsilon=0)
    exact = x.double()
    exact = (exact - exact.mean(1, keepdim=True)) / exact.std(1, correction=0, keepdim=True)
    assert (y - exact).abs().max() < 1e-6


def test_any_partition() -> None:
    x = torch.tensor([[1.0, 3.0, 10.0], [30.0, 5.0, 50.0]])
    sets = torch.tensor([[0, 0, 1], [1, 0, 1]])
    y = normalise_over(x, sets, epsilon=0)
    root = math.sqrt(1.5)
    assert torch.allclose(y, torch.tensor([[-root, 0.0, -root], [0.0, root, root]]), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: index_sets((4,), "batch"), "two or more axes"),
        (lambda: index_sets((4, 0), "batch"), "two or more axes"),
        (lambda: index_sets((4, 2), "power"), "kind: one of batch"),
        (lambda: index_sets((4, 2), "group", groups=3), "a divisor of the 2 channels is needed, got 3"),
        (lambda: index_sets((4, 2), "layer", groups=2), 'for kind="group" alone'),
        (lambda: index_sets((4, 2), "batch", channel_axis=0), "channel_axis"),
        (lambda: index_sets((4, 2), "batch", channel_axis=-2), "channel_axis"),
        (lambda: index_sets((4, 2), "batch", channel_axis=2), "channel_axis"),
        (lambda: normalise_over(torch.ones(2, 2, dtype=torch.int64), index_sets((2, 2), "layer")), "x: a tensor of floats"),
        (lambda: normalise_over(torch.ones(2, 3), index_sets((2, 2), "layer")), "sets: "),
        (lambda: normalise_over(torch.ones(2, 2), index_sets((2, 2), "layer"), epsilon=-1), "epsilon"),
        (lambda: normalise_over(torch.ones(2, 2), index_sets((2, 2), "layer"), epsilon=0), r"set 0 is \(0/0\)"),
        (lambda: normalise_over(torch.ones(2, 2), index_sets((2, 2), "layer"), weight=torch.ones(3)), "weight: a shape that"),
    ],
)
def test_bad_input(call: Callable[[], object], words: str) -> None:
    with pytest.raises((ArgumentError, ShapeError), match=words):
        call()
