"""Torch modules in: the exact value agrees with torch's floats, to the last bit where floats make no rounding."""

from __future__ import annotations

import copy
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.load.torch import from_torch
from exactnn.network import Network, Rational
from exactnn.verify import verify_equal
from tests.load._torch_modules import ACTIVATIONS, ALL, ARITHMETIC, CONVOLUTIONS, LAYERS, POOLS, SHAPES, Call, Residual


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in eval mode and float64 with random parameters and running statistics."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else values)
    return module


def whole(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with small whole numbers as parameters, so that float64 makes no rounding."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.randint(-3, 4, tensor.shape, generator=generator))
    return module


def several(shape: Any) -> tuple[tuple[int, ...], ...]:
    if isinstance(shape, int):
        return ((shape,),)
    return shape if shape and isinstance(shape[0], tuple) else (shape,)


def points(shape: Any, dtype: torch.dtype = torch.float64, whole_numbers: bool = False) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    if whole_numbers:
        return tuple(torch.randint(-4, 5, (5, *s), generator=generator).to(dtype) for s in several(shape))
    return tuple(2 * torch.randn((5, *s), generator=generator, dtype=dtype) for s in several(shape))


def flat(values: Any) -> torch.Tensor:
    tensors, _ = torch.utils._pytree.tree_flatten(values)
    return torch.cat([t.double().reshape(len(t), -1) for t in tensors if t is not None], dim=1)


def compared(module: nn.Module, shape: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[Network, np.ndarray, np.ndarray]:
    """The network, its values and torch's, at the inputs."""
    net = from_torch(module, shape)
    with torch.no_grad():
        expected = flat(module(*inputs)).numpy()
    at = flat(inputs)
    if net.is_piecewise_linear or not any(op.kind == "smooth" for op in operations(net)):
        found = net.evaluate(RationalArray.of(at)).to_float()
    else:
        with torch.no_grad():
            found = net.to_torch().flat(at).numpy()
    return net, found, expected


def operations(net: Network) -> list[Any]:
    return [net.operation(name) for name in net.order]


def assert_agrees(module: nn.Module, shape: Any) -> Network:
    net, found, expected = compared(randomised(module), shape, points(shape))
    assert found.shape == expected.shape
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    return net


@pytest.mark.parametrize("name", ALL)
def test_value_agrees_with_torch(name: str) -> None:
    assert_agrees(*copy.deepcopy(ALL[name]))


@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (2, 3, 1), (3, 3, 0), (3, 4, 1)])
def test_ceil_mode(size: int, kernel: int, stride: int, padding: int) -> None:
    def pools(_: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (
            F.max_pool2d(x, kernel, stride, padding, ceil_mode=True),
            F.avg_pool2d(x, kernel, stride, padding, ceil_mode=True),
            F.avg_pool2d(x, kernel, stride, padding, ceil_mode=True, count_include_pad=False),
        )

    assert_agrees(Call(pools), (1, size, size - 1))


def test_residual_network_with_names() -> None:
    net = assert_agrees(Residual(), (1, 7, 7))
    expected = ["features.0", "features.1", "block.conv", "block.norm", "block.add", "block.relu"]
    expected += ["block.conv_2", "block.norm_2", "block.add_2", "block.relu_2", "adaptive_avg_pool2d", "view", "head"]
    assert list(net.order)[1:] == expected
    assert net.operation("block.conv").weight is net.operation("block.conv_2").weight
    assert from_torch(randomised(Residual()), (1, 7, 7)) == net


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(2, 3)
        self.right = nn.Conv1d(1, 3, 2)

    def forward(self, numbers: torch.Tensor, series: torch.Tensor) -> dict[str, Any]:
        both = F.relu(self.left(numbers))[:, :, None] + self.right(series)
        return {"z": both.mean(2), "pair": (numbers, [series]), "none": None}


def test_several_inputs_and_outputs_in_order() -> None:
    net = assert_agrees(Several(), ((2,), (1, 4)))
    assert net.inputs == ("numbers", "series")
    assert [net.shape(name) for name in net.outputs] == [(3,), (2,), (1, 4)]


def test_an_output_may_be_constant() -> None:
    net = from_torch(Call(lambda m, x: (x, m.c * 2), c=torch.tensor([1.5, 2])).eval(), 1)
    assert net([7]) == (7, 3, 4)


# --- to the last bit -------------------------------------------------------------------------------------------------------

WHOLE = {
    **CONVOLUTIONS,
    **{n: LAYERS[n] for n in LAYERS if "norm" not in n and n != "addmm scaled"},
    **{n: POOLS[n] for n in ("max 1d", "max 2d", "max 3d", "sum", "amax", "average 1d", "maximum over an axis")},
    **{n: ACTIVATIONS[n] for n in ("relu", "prelu", "prelu by channel", "abs", "relu6", "clamp by tensors", "maximum", "powers")},
    **{n: ARITHMETIC[n] for n in ("add", "subtract", "rsub", "negative", "broadcast of both", "in place through a view")},
    **SHAPES,
    "convolutional": (
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 4), nn.ReLU6()),
        (1, 6, 6),
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_value_is_torchs_where_floats_are_exact(name: str) -> None:
    module, shape = copy.deepcopy(WHOLE[name])
    module = whole(module)
    inputs = points(shape, whole_numbers=True)
    net = from_torch(module, shape)
    expected = flat(module(*inputs)).detach()
    assert net.evaluate(RationalArray.of(flat(inputs))) == RationalArray.of(expected)


def test_value_by_hand() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.1, -3]]))
        layer.bias.fill_(1)
    net = from_torch(nn.Sequential(layer, nn.ReLU()), 2)
    tenth = Fraction(*np.float32(0.1).item().as_integer_ratio())
    assert net(["1/3", "-1/7"]) == (tenth / 3 + Fraction(3, 7) + 1,)
    assert net([-100, 3]) == (0,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_of_every_float_format_are_taken_without_rounding(dtype: torch.dtype) -> None:
    module = randomised(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))).to(dtype)
    net = from_torch(module, 3)
    assert net.operation("0").weight == RationalArray.of(module[0].weight.detach().double())
    norm = net.operation("1")
    assert norm.variance == RationalArray.of(module[1].running_var.double())
    assert norm.precision == str(dtype).removeprefix("torch.")
    assert norm.epsilon == Fraction(*(1e-5).as_integer_ratio())


def test_widening_conversions_are_the_identity() -> None:
    module = Call(lambda m, x: m.l(x).double() * m.c + m.i.to(torch.float32), l=nn.Linear(2, 2).half(), c=torch.ones(2), i=torch.tensor(3))
    net = from_torch(module, 2)
    weight, bias = (RationalArray.of(t.detach()) for t in (module.l.weight, module.l.bias))
    assert RationalArray.of(net([1, 2])) == weight @ RationalArray.of([1, 2]) + bias + 3


# --- modules with exact(), wrappers, modes ---------------------------------------------------------------------------------


class Square(nn.Module):
    """(x^2 + a)/(x^2 + 1): its forward cannot be traced, its exact() tells the function."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.5))

    def exact(self) -> SimpleNamespace:
        return SimpleNamespace(numerator=(self.a.item(), 0, 1), denominator=[1, 0, 1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy((x.detach().numpy() ** 2 + self.a.item()) / (x.detach().numpy() ** 2 + 1))


def test_modules_with_exact_become_rational_nodes() -> None:
    module = nn.Sequential(nn.Linear(2, 3), Square(), nn.Linear(3, 1), Square()).double()
    net = from_torch(module, 2)
    assert net.order[1:] == ("0", "1", "2", "3")
    assert net.operation("1") == Rational.of(["1/2", 0, 1], [1, 0, 1])
    assert "forward" not in vars(module[1])
    x = points(2)[0]
    with torch.no_grad():
        np.testing.assert_allclose(net.evaluate(RationalArray.of(x)).to_float(), module(x).numpy(), rtol=1e-12)


def test_an_exact_module_may_be_the_whole() -> None:
    assert from_torch(Square(), (2, 2))([0, 1, 2, 3])[0] == Fraction(1, 2)


def test_an_unrelated_method_exact_is_left_alone() -> None:
    class Unrelated(nn.ReLU):
        def exact(self, x: int) -> int:
            raise AssertionError

    assert from_torch(Unrelated().eval(), 2)([1, -1]) == (1, 0)


def test_wrappers_are_opened() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU()).eval()
    assert from_torch(nn.DataParallel(module), 2) == from_torch(torch.compile(module), 2) == from_torch(module, 2)


def test_training_mode_is_refused_where_it_matters() -> None:
    for module in (nn.Sequential(nn.Linear(2, 2), nn.Dropout()), nn.BatchNorm1d(2), nn.RReLU()):
        with pytest.raises(ArgumentError, match=r"module\.eval\(\)"):
            from_torch(module.train(), 2)
    noisy = Call(lambda m, x: 2 * x if m.training else x).train()
    with pytest.raises(ArgumentError, match=r"module\.eval\(\)"):
        from_torch(noisy, 2)
    assert noisy.training
    plain = nn.Sequential(nn.Linear(2, 2), nn.ReLU()).train()
    assert from_torch(plain, 2) == from_torch(plain.eval(), 2)


def test_the_module_is_left_as_it_was() -> None:
    module = randomised(Residual()).train()
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.eval()
    before = {n: t.clone() for n, t in module.state_dict().items()}
    modes = [m.training for m in module.modules()]
    from_torch(module, (1, 7, 7))
    assert [m.training for m in module.modules()] == modes
    assert all(torch.equal(t, before[n]) for n, t in module.state_dict().items())


def test_what_forward_keeps_is_taken_back() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.kept = m.again = m.l(x)
        m.all.append(x)
        return m.kept + 1

    module = Call(forward, l=nn.Linear(1, 1), all=[]).eval()
    earlier = module.__dict__["again"] = torch.ones(1)
    from_torch(module, 1)
    assert not hasattr(module, "kept")
    assert module.again is earlier
    assert module.all == []


def test_a_run_is_traced_where_export_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    module = randomised(Residual())
    expected = from_torch(module, (1, 7, 7))
    export = torch.export.export

    def only_graphs(given: nn.Module, *args: Any, **options: Any) -> Any:
        if given is module:
            raise RuntimeError("cannot export")
        return export(given, *args, **options)

    monkeypatch.setattr(torch.export, "export", only_graphs)
    found = from_torch(module, (1, 7, 7))
    x = points((1, 7, 7))[0]
    assert found.evaluate(RationalArray.of(flat(x))) == expected.evaluate(RationalArray.of(flat(x)))


def test_adaptive_pooling_of_a_decomposed_program() -> None:
    module = nn.Sequential(nn.AdaptiveAvgPool2d(2)).eval()
    program = torch.export.export(module, (torch.ones(1, 1, 4, 4),)).run_decompositions()
    assert verify_equal(from_torch(program), from_torch(module, (1, 4, 4))).proved
