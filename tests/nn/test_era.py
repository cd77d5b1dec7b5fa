"""ERA as a torch module: its values, fits, gradients, dtypes, compilers, exact form and way into a network."""

from __future__ import annotations

import copy
import io
import math
import shutil
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import exactnn as xn
from exactnn.errors import ArgumentError, ExactnnError, NotFiniteError, ShapeError, UnsupportedOperation
from exactnn.nn import ERA, SafePade, functional, normalised

TARGETS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "swish": F.silu,
    "gelu": F.gelu,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "identity": lambda x: x,
}
#: Largest errors allowed on [-3, 3]; by least squares (theory/era_cooling.md section 1): swish 6.24e-3 and 1.39e-6, gelu 1.97e-2 and
#: 2.7e-3, relu 1.24e-1 and 3.39e-2 for degrees 2 and 4.
ERRORS = {
    ("swish", 2): 3.2e-3,
    ("swish", 4): 6e-7,
    ("swish", 6): 5e-8,
    ("gelu", 2): 1.01e-2,
    ("gelu", 4): 1.4e-3,
    ("gelu", 6): 1.6e-6,
    ("relu", 2): 6.8e-2,
    ("relu", 4): 1.5e-2,
    ("relu", 6): 4e-3,
    ("leaky_relu", 2): 6.7e-2,
    ("leaky_relu", 4): 1.5e-2,
    ("leaky_relu", 6): 4e-3,
    ("tanh", 2): 2e-3,
    ("tanh", 4): 1.5e-6,
    ("tanh", 6): 1e-8,
    ("identity", 2): 0.0,
    ("identity", 4): 0.0,
    ("identity", 6): 0.0,
}


def formula(x: torch.Tensor, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, epsilon: float) -> torch.Tensor:
    """The definition, for autograd."""
    result = a * x + b
    for i in range(len(c)):
        result = result + (c[i] * x + d[i]) / ((x - e[i]) ** 2 + f[i] ** 2 + epsilon)
    return result


def coefficients(m: ERA) -> tuple[nn.Parameter, ...]:
    return m.a, m.b, m.c, m.d, m.e, m.f


def of_fractions(m: ERA, x: float, index: tuple[int, ...] = ()) -> Fraction:
    """The definition in Fractions."""
    a, b, c, d, e, f = (p.detach().double().numpy() for p in coefficients(m))
    t = Fraction(x)
    total = Fraction(float(a[index])) * t + Fraction(float(b[index]))
    for i in range(len(c)):
        ci, di, ei, fi = (Fraction(float(p[(i, *index)])) for p in (c, d, e, f))
        total += (ci * t + di) / ((t - ei) ** 2 + fi**2 + Fraction(m.epsilon))
    return total


def functional_form(m: nn.Module) -> tuple[Callable[..., torch.Tensor], tuple[torch.Tensor, ...]]:
    names = [name for name, _ in m.named_parameters()]

    def call(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(m, dict(zip(names, values, strict=True)), (x,))
        return result

    return call, tuple(m.parameters())


# --- fits ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("init", "degree"), ERRORS)
def test_fits_are_near_their_targets_and_tame(init: str, degree: int, dtype: torch.dtype) -> None:
    m = ERA(degree, init, dtype=dtype)
    x = torch.linspace(-3, 3, 30001, dtype=torch.float64)
    far = torch.linspace(-100, 100, 200001, dtype=torch.float64)
    offsets = torch.cat([-torch.logspace(-8, 0, 200), torch.zeros(1), torch.logspace(-8, 0, 200)]).double()
    far = torch.cat([far, *(e + f * offsets for e, f in zip(m.e.tolist(), m.f.tolist(), strict=True))])
    with torch.no_grad():
        assert (m(x) - TARGETS[init](x)).abs().max() <= ERRORS[init, degree]
        assert (m(far).abs() <= 2 * far.abs() + 10).all()
    assert m.f.abs().min() >= 0.09


def test_swish_is_that_good_in_float32_too() -> None:
    x = torch.linspace(-3, 3, 30001)
    with torch.no_grad():
        error = (ERA()(x).double() - F.silu(x.double())).abs().max()
    assert error < 1.4e-6


def test_names_and_slopes() -> None:
    assert torch.equal(ERA(4, "silu").d, ERA(4, "swish").d)
    x = torch.linspace(-3, 3, 3001, dtype=torch.float64)
    with torch.no_grad():
        error = ERA(4, "leaky_relu(3/10)", dtype=torch.float64)(x) - F.leaky_relu(x, 0.3)
    assert error.abs().max() < 0.011


@pytest.mark.slow
@pytest.mark.parametrize("of", [torch.sin, lambda x: np.sin(x.numpy())])
def test_a_callable_is_fitted(of: Any) -> None:
    x = torch.linspace(-3, 3, 3001, dtype=torch.float64)
    with torch.no_grad():
        assert (ERA(4, of, dtype=torch.float64)(x) - x.sin()).abs().max() < 1e-3
    assert torch.equal(ERA(4, of).e, ERA(4, of).e)


@pytest.mark.slow
def test_fits_beyond_the_table() -> None:
    x = torch.linspace(-3, 3, 3001, dtype=torch.float64)
    with torch.no_grad():
        assert (ERA(8, "relu", dtype=torch.float64)(x) - x.relu()).abs().max() < 4e-3
        assert (ERA(2, "swish", epsilon=30.0, dtype=torch.float64)(x) - F.silu(x)).abs().max() < 0.2  # f^2 + epsilon >= 30


def test_epsilon_is_part_of_the_fit() -> None:
    x = torch.linspace(-3, 3, 301, dtype=torch.float64)
    with torch.no_grad():
        assert (ERA(4, "relu", epsilon=1e-2)(x) - ERA(4, "relu", epsilon=0)(x)).abs().max() < 0.03
        assert (ERA(4, "swish", epsilon=1.0, dtype=torch.float64)(x) - F.silu(x)).abs().max() < 6e-7


def test_random_starts() -> None:
    first, again, other = (ERA(6, "random", channels=50, seed=s) for s in (3, 3, 4))
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.c, other.c)
    assert all(torch.isfinite(p).all() for p in first.parameters())
    assert all(torch.equal(ERA(2, "random", seed=s).c, ERA(2, "random", seed=s).c) for s in (0, -(2**63), 2**64 - 1))
    assert first.f.min() >= 1
    assert first.e.abs().max() <= 2
    assert first.a.unique().numel() > 40
    torch.manual_seed(0)
    one = ERA(2, "random")
    torch.manual_seed(0)
    assert torch.equal(one.c, ERA(2, "random").c)


# --- values and gradients --------------------------------------------------------------------------------------------------


PLACES: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({}, (4, 3)),
    ({}, ()),
    ({"channels": 6}, (2, 6, 3)),
    ({"channels": 6, "groups": 2}, (2, 6, 3)),
    ({"groups": 3}, (5, 6)),
    ({"channels": 4, "axis": -1}, (2, 3, 4)),
    ({"channels": 4, "groups": 2, "axis": 2}, (2, 3, 4, 2)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "shape"), PLACES)
def test_gradients(place: dict[str, Any], shape: tuple[int, ...]) -> None:
    m = ERA(4, "random", seed=1, dtype=torch.float64, **place)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    call, parameters = functional_form(m)
    assert torch.autograd.gradcheck(call, (x, *parameters))
    assert torch.autograd.gradgradcheck(call, (x, *parameters))


@pytest.mark.parametrize(("place", "shape"), PLACES)
def test_against_the_formula_with_autograd(place: dict[str, Any], shape: tuple[int, ...]) -> None:
    m = ERA(6, "random", seed=2, dtype=torch.float64, **place)
    x = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (m(ours) * weights).sum().backward()
    found = [ours.grad, *(p.grad for p in m.parameters())]
    m.zero_grad()
    spread, values = theirs, list(coefficients(m))
    if m.sets is not None:
        moved = theirs.movedim(m.axis, -1)
        repeats = moved.shape[-1] // m.sets
        values = [v.repeat_interleave(repeats, -1) for v in values]
        spread = moved
    expected = formula(spread, *values, m.epsilon)
    expected = expected if m.sets is None else expected.movedim(-1, m.axis)
    torch.testing.assert_close(m(x), expected, rtol=1e-12, atol=1e-12)
    (expected * weights).sum().backward()
    for ours_, theirs_ in zip(found, [theirs.grad, *(p.grad for p in m.parameters())], strict=True):
        torch.testing.assert_close(ours_, theirs_, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("place", "shape"), [({}, (5, 50001)), ({}, (3, 70, 50, 20)), ({"channels": 70, "groups": 7}, (9, 70, 30, 20))])
@pytest.mark.parametrize("turned", [pytest.param(False, marks=pytest.mark.slow), True])
def test_blocks_make_no_difference(place: dict[str, Any], shape: tuple[int, ...], turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if turned:
        x = x.transpose(-1, -2).contiguous().transpose(-1, -2)
    runs = []
    for grain in (functional._GRAIN, 1 << 60):
        monkeypatch.setattr(functional, "_GRAIN", grain)
        m, y = ERA(4, "random", seed=5, dtype=torch.float64, **place), x.clone().requires_grad_()
        value = m(y)
        value.square().sum().backward()
        runs.append([value.detach(), y.grad, *(p.grad for p in m.parameters())])
    assert runs[0][0].shape == shape
    for blocked, whole in zip(*runs, strict=True):
        torch.testing.assert_close(blocked, whole, rtol=1e-11, atol=1e-9)


def test_sums_over_many_entries_in_float32() -> None:
    x = torch.randn(1_000_003, generator=torch.Generator().manual_seed(0))
    m, wide = ERA(4, "gelu"), ERA(4, "gelu").double()
    m(x).sum().backward()
    wide(x.double()).sum().backward()
    for p, q in zip(m.parameters(), wide.parameters(), strict=True):
        scale = max(1e-4 * len(x), float(q.grad.abs().max()))
        assert (p.grad.double() - q.grad).abs().max() < 1e-5 * scale


def test_the_graph_keeps_the_input_only() -> None:
    saved: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    m, x = ERA(), torch.randn(1000, 100, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = m(x)
        ours = sum(saved.values())
        saved.clear()
        z = formula(x, *coefficients(m), m.epsilon)
        theirs = sum(saved.values())
    assert ours <= x.nbytes + 200 < theirs / 6
    assert y.shape == z.shape


def test_only_what_is_needed_gets_a_gradient() -> None:
    m, x = ERA().requires_grad_(False), torch.randn(5, requires_grad=True)
    m(x).sum().backward()
    assert x.grad is not None
    assert m.a.grad is None
    m = ERA()
    m(torch.randn(5)).sum().backward()
    assert all(p.grad is not None for p in m.parameters())


def test_torch_func() -> None:
    m = ERA(4, "gelu", dtype=torch.float64)
    x = torch.randn(7, 5, dtype=torch.float64)
    slopes = torch.func.vmap(torch.func.vmap(torch.func.grad(lambda t: m(t))))(x)
    y = x.clone().requires_grad_()
    m(y).sum().backward()
    torch.testing.assert_close(slopes, y.grad)


def test_far_out_and_at_infinity() -> None:
    m = ERA()
    x = torch.tensor([1e10, -1e18, 1e30, math.inf, -math.inf], requires_grad=True)
    y = m(x)
    torch.testing.assert_close(y.detach(), (m.a * x + m.b).detach())
    y[:3].sum().backward()
    torch.testing.assert_close(x.grad[:3], m.a.detach().expand(3))
    assert torch.isnan(m(torch.tensor(math.nan)))


# --- dtypes, autocast, compilers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_result_has_the_dtype_of_the_input(dtype: torch.dtype) -> None:
    x = torch.linspace(-3, 3, 101, dtype=torch.float64).to(dtype).requires_grad_()
    m = ERA()
    y = m(x)
    assert y.dtype == dtype
    exact = m(x.detach().double())
    wide = torch.promote_types(dtype, torch.float32)
    torch.testing.assert_close(y.detach(), m(x.detach().to(wide)).detach().to(dtype), rtol=0, atol=0)  # one rounding
    torch.testing.assert_close(y.double(), exact, rtol=torch.finfo(dtype).eps, atol=4e-6 if dtype != torch.float64 else 1e-14)
    y.sum().backward()
    assert x.grad.dtype == dtype
    assert m.c.grad.dtype == torch.float32


def test_half_precision_leaves_the_coefficients() -> None:
    net = nn.Sequential(nn.Linear(3, 4), ERA(), nn.Linear(4, 2))
    before = copy.deepcopy(net[1].state_dict())
    for convert in (lambda n: n.bfloat16(), lambda n: n.half(), lambda n: n.to(torch.bfloat16)):
        convert(net)
        assert net[1].a.dtype == torch.float32
        assert all(torch.equal(v, before[k]) for k, v in net[1].state_dict().items())
        assert net(torch.randn(2, 3, dtype=net[0].weight.dtype)).dtype == net[0].weight.dtype
    assert net.double()[1].a.dtype == torch.float64
    assert ERA(dtype=torch.bfloat16).a.dtype == torch.float32


def test_autocast() -> None:
    net = nn.Sequential(nn.Linear(3, 4), ERA(), nn.Linear(4, 2))
    x = torch.randn(5, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inner = net[0](x)
        assert inner.dtype == net[1](inner).dtype == torch.bfloat16
        loss = net(x).float().square().mean()
        assert ERA()(x).dtype == torch.float32
    loss.backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 and torch.isfinite(p.grad).all() for p in net.parameters())


def has_compiler() -> bool:
    return any(shutil.which(name) for name in ("g++", "clang++"))


def network(activation: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3), activation, nn.Flatten(), nn.Linear(6 * 16, 2))


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("place", [{}, {"channels": 6, "groups": 3}])
def test_compiles_without_a_graph_break(place: dict[str, Any]) -> None:
    net = network(ERA(4, "random", seed=0, **place))
    x = torch.randn(4, 3, 6, 6)
    grads = []
    for called in (net, torch.compile(net, fullgraph=True)):
        net.zero_grad()
        value = called(x)
        value.square().sum().backward()
        grads.append([value.detach(), *(p.grad for p in net.parameters())])
    for eager, compiled in zip(*grads, strict=True):
        torch.testing.assert_close(compiled, eager, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="torch.compile needs a C++ compiler")
def test_compiles_without_a_graph_break_where_there_is_no_gradient() -> None:
    m, x = ERA(4), torch.randn(3, 5)
    called = torch.compile(m, fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(called(x), m(x))
    m.requires_grad_(False)
    torch.testing.assert_close(called(x), m(x))


@pytest.mark.parametrize("place", [{}, {"channels": 6, "groups": 3}])
def test_torch_export(place: dict[str, Any]) -> None:
    net = network(ERA(4, "random", seed=0, **place)).eval()
    x = torch.randn(4, 3, 6, 6)
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    torch.testing.assert_close(program.module()(x[:3]), net(x[:3]))


def test_only_an_exported_graph_lets_far_inputs_overflow() -> None:
    far = torch.tensor([[1e18, 1e25]])
    module = ERA(4).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        eager = module(far)
        program = torch.export.export(module, (torch.randn(1, 2),)).module()(far)
        traced = torch.jit.trace(module, (torch.randn(1, 2),))(far)
    assert torch.isfinite(eager).all()
    assert torch.equal(traced, eager)
    assert program[0, 0] == eager[0, 0]
    assert program[0, 1].isnan()


@pytest.mark.slow
def test_onnx_export() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = network(ERA(4, "gelu")).eval()
    x = torch.randn(4, 3, 6, 6)
    file = io.BytesIO()
    torch.onnx.export(net, (x,), dynamo=True, verbose=False).save(file)
    session = onnxruntime.InferenceSession(file.getvalue())
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(found, net(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_state_comes_back() -> None:
    m = ERA(6, "random", channels=4, seed=0)
    other = ERA(6, channels=4)
    other.load_state_dict(m.state_dict())
    x = torch.randn(2, 4)
    assert torch.equal(other(x), m(x))
    assert torch.equal(copy.deepcopy(m)(x), m(x))


# --- training --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("activation", [lambda: ERA(2), lambda: ERA(4, "random", seed=0), lambda: ERA(4, "relu", channels=8)])
def test_a_small_network_learns(activation: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 8), activation(), nn.Linear(8, 1))
    x = torch.linspace(-2, 2, 64)[:, None]
    y = torch.sin(3 * x)
    before = [p.detach().clone() for p in net[1].parameters()]
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-2)
    losses = []
    for _ in range(400):
        optimiser.zero_grad()
        loss = F.mse_loss(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 < 0.3 < losses[0]
    assert all(not torch.equal(p, q) for p, q in zip(net[1].parameters(), before, strict=True))


# --- exact form and networks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["swish", "gelu", "random"])
@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
def test_exact_is_the_function(init: str, epsilon: float) -> None:
    m = ERA(4, init, epsilon=epsilon, seed=0)
    exact = m.exact()
    x = 3 * torch.randn(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = m(x).tolist()
    for t, value in zip(x.tolist(), found, strict=True):
        expected = of_fractions(m, t)
        assert exact(Fraction(t)) == expected
        assert abs(Fraction(value) - expected) < Fraction(1, 10**13)


def test_exact_of_channels_and_groups() -> None:
    m = ERA(2, "random", channels=6, groups=3, seed=0)
    exact = m.exact()
    assert isinstance(exact, list)
    assert [r(Fraction(1, 2)) for r in exact] == [of_fractions(m, 0.5, (g,)) for g in range(3)]
    x = torch.full((1, 6), 0.5, dtype=torch.float64)
    values = m(x)[0].tolist()
    assert all(abs(values[k] - float(exact[k // 2](Fraction(1, 2)))) < 1e-12 for k in range(6))


@pytest.mark.parametrize(
    "activation",
    [
        lambda: ERA(4, "gelu"),
        lambda: ERA(2, "random", channels=4, seed=0),
        lambda: ERA(2, "random", channels=4, groups=2, seed=0),
        lambda: ERA(2, "random", groups=2, axis=-1, seed=0),
        lambda: ERA(2, "random", channels=1, axis=2, seed=0),
    ],
)
def test_from_torch(activation: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv1d(2, 4, 2), activation(), nn.Flatten(), nn.Linear(8, 2)).double()
    if getattr(module[1], "axis", 1) == 2:
        module = nn.Sequential(nn.Conv1d(2, 4, 3), *module[1:3], nn.Linear(4, 2)).double()
    size = 3
    net = xn.from_torch(module, (2, size))
    kinds = {net.operation(n).kind for n in net.order}
    assert "rational" in kinds
    assert "forward" not in vars(module[1])
    x = torch.randn(6, 2, size, dtype=torch.float64)
    with torch.no_grad():
        expected = module(x)
        torch.testing.assert_close(net.to_torch()(x), expected, rtol=1e-9, atol=1e-9)
    for point, value in zip(x.flatten(1).tolist(), expected.tolist(), strict=True):
        np.testing.assert_allclose([float(q) for q in net(point)], value, rtol=1e-9, atol=1e-9)


def test_functions_along_the_batch_are_refused() -> None:
    with pytest.raises(ExactnnError, match="batch axis"):
        xn.from_torch(ERA(2, channels=13, axis=0), 2)
    with pytest.raises(ShapeError, match="multiple of 4"):
        xn.from_torch(ERA(2, groups=4), 6)


def test_normalised_networks_are_refused() -> None:
    with pytest.raises(UnsupportedOperation, match="statistic"):
        xn.from_torch(normalised(ERA(), 4).eval(), 4)


# --- poles and wrong input -------------------------------------------------------------------------------------------------


def test_a_pole_is_refused_or_repaired() -> None:
    with pytest.raises(ArgumentError, match=r"f\[1\] = 0 with epsilon = 0 .* e = 3"):
        ERA.from_coefficients((1, 0), [(0, 1, 0, 1), (0, 1, 3, 0)])
    with pytest.raises(ArgumentError, match=r"f\[1\]"):
        ERA.from_coefficients((1, 0), [(0, 1, 0, 1), (0, 1, 3, 1e-60)])  # it is 0 in float32
    assert ERA.from_coefficients((1, 0), [(0, 1, 3, 0)], epsilon=1e-3).exact()(3) == 3 + 1 / Fraction(1e-3)
    m = ERA.from_coefficients((1, 0), [(0, 1, 0, 1), (0, 1, 3, 0)], repair=True)
    assert m.f.tolist() == pytest.approx([1, 1e-3])
    with torch.no_grad():
        m.f.zero_()
    with pytest.raises(ArgumentError, match=r"f\[0\]"):
        m.exact()
    with pytest.raises(ArgumentError, match=r"ERA has no exact form: .*f\[0\]"):
        xn.from_torch(m, 2)
    assert m.exact(repair=True)(0) == of_fractions(m, 0.0)
    assert m.f.min() > 0
    several = ERA(2, channels=3, epsilon=0)
    with torch.no_grad():
        several.f[0, 2] = 0
    with pytest.raises(ArgumentError, match=r"f\[0, 2\]"):
        several.exact()


def test_coefficients_given() -> None:
    m = ERA.from_coefficients([(1, 0), (2, 1)], [[(1, 2, 3, 4)], [(5, 6, 7, 8)]], groups=2)
    assert [p.tolist() for p in coefficients(m)] == [[1, 2], [0, 1], [[1, 5]], [[2, 6]], [[3, 7]], [[4, 8]]]
    for linear, fractions in (((1, 0), [(1, 2, 3)]), ((1,), [(1, 2, 3, 4)]), ((1, 0), []), ([(1, 0)], [[(1, 2, 3, 4)]])):
        with pytest.raises(ShapeError, match="linear, fractions"):
            ERA.from_coefficients(linear, fractions)
    with pytest.raises(ShapeError, match=r"fractions: .* ragged"):
        ERA.from_coefficients((1, 0), [(1, 2, 3, 4), (1, 2)])
    with pytest.raises(NotFiniteError, match=r"fractions\[0, 2\]"):
        ERA.from_coefficients((1, 0), [(0, 1, math.nan, 1)])
    with pytest.raises(NotFiniteError, match=r"d\[0\] = inf"):
        ERA.from_coefficients((1, 0), [(0, 1e300, 0, 1)])  # in float32
    for wrong in (("a", 0), (1j, 0), (None, 0), (True, 0)):
        with pytest.raises(ArgumentError, match=r"linear\[0\]"):
            ERA.from_coefficients(wrong, [(1, 2, 3, 4)])


def test_coefficients_are_any_numbers() -> None:
    wanted = ERA.from_coefficients((0.5, 0), [(0.25, 2, -3, 4)]).exact()
    tensor = torch.tensor([[0.25, 2, -3, 4]], requires_grad=True)
    for linear, fractions in (
        (("1/2", 0), [("0.25", Fraction(2), -3, np.float32(4))]),
        (torch.tensor([0.5, 0.0], requires_grad=True), tensor),
        (np.array([0.5, 0]), list(tensor)),
    ):
        m = ERA.from_coefficients(linear, fractions)
        assert m.exact() == wanted
        assert all(p.is_leaf for p in m.parameters())


@pytest.mark.parametrize(("dtype", "f"), [(torch.float64, 1e-200), (torch.float64, 5e-324), (torch.float32, 1e-25), (torch.float32, 1e-45)])
def test_only_f_0_is_a_pole(dtype: torch.dtype, f: float) -> None:
    """f^2 is 0 in the module's arithmetic."""
    m = ERA.from_coefficients((1, 0), [(0, 1, 3, f)], dtype=dtype)
    assert m.f.item() > 0
    assert m.exact()(3) == 3 + 1 / Fraction(m.f.item()) ** 2
    assert m.exact(repair=True).real_poles() == ()
    assert m.f.item() < 1e-20
    assert not torch.isfinite(m(torch.full((1,), 3.0, dtype=dtype))).any()  # the limit that the docstring states
    assert torch.isfinite(m(torch.full((1,), 3.5, dtype=dtype))).all()


@pytest.mark.parametrize(("dtype", "value", "gradient"), [(torch.float32, 1e-18, 1e-9), (torch.float64, 1e-153, 1e-77)])
def test_f_down_to_the_limits_of_the_docstring(dtype: torch.dtype, value: float, gradient: float) -> None:
    for f, finite in ((value, False), (gradient, True)):
        m = ERA.from_coefficients((1, 0), [(0, 1, 0.5, f)], dtype=dtype)
        x = torch.full((1,), 0.5, dtype=dtype, requires_grad=True)
        y = m(x)
        y.sum().backward()
        assert y.item() == pytest.approx(1 / f**2, rel=1e-5)
        assert torch.isfinite(x.grad).item() is finite


def test_coefficients_that_are_not_finite_have_no_exact_form() -> None:
    m = ERA(4)
    with torch.no_grad():
        m.d[1] = math.inf
    with pytest.raises(NotFiniteError, match=r"d\[1\] = inf"):
        m.exact()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"degree": 3}, "degree: an even number"),
        ({"degree": 0}, "degree"),
        ({"degree": True}, "degree"),
        ({"degree": 2.0}, "degree"),
        ({"epsilon": -1e-6}, "epsilon"),
        ({"epsilon": math.nan}, "epsilon"),
        ({"epsilon": math.inf}, "epsilon"),
        ({"init": "swoosh"}, "init: 'swish'"),
        ({"init": 3}, "init"),
        ({"init": "leaky_relu(x)"}, "a number"),
        ({"init": lambda x: x.sum()}, "entry by entry"),
        ({"init": lambda x: 1 / (x - x)}, "finite values"),
        ({"init": lambda x: "text"}, "callable"),
        ({"init": lambda x: x.nonsense()}, r"init: .* raised AttributeError: .*nonsense"),
        ({"init": lambda x: 1 // 0}, r"init: .* raised ZeroDivisionError"),
        ({"init": lambda x: torch.exp(1j * x)}, "init: .*real values.* complex128"),
        ({"init": lambda x: np.exp(1j * x.numpy())}, "init: .*real values"),
        ({"init": lambda x: x.to_sparse()}, "init: "),
        ({"channels": 0}, "channels"),
        ({"channels": 6, "groups": 4}, "groups: a divisor"),
        ({"axis": 1.0}, "axis"),
        ({"dtype": torch.int64}, "dtype"),
        ({"dtype": torch.float8_e4m3fn}, "dtype: torch.float16, .*float8"),
        ({"init": "random", "seed": "a"}, "seed"),
        ({"init": "random", "seed": 2**70}, "seed"),
        ({"init": "random", "seed": -(2**64)}, "seed"),
        ({"init": "random", "seed": 10**5000}, "seed"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ERA(**arguments)


@pytest.mark.parametrize("make", [ERA, SafePade])
def test_wrong_inputs(make: Callable[..., nn.Module]) -> None:
    small = torch.zeros(3).to(torch.float8_e5m2)
    for wrong in (torch.arange(3), torch.zeros(3, dtype=torch.bool), torch.zeros(3, dtype=torch.complex64), small, [1.0]):
        with pytest.raises(ArgumentError, match="floats is needed, got"):
            make()(wrong)
    with pytest.raises(ShapeError, match="6 channels on axis 1 are needed, got 5"):
        make(channels=6)(torch.zeros(2, 5))
    with pytest.raises(ShapeError, match="multiple of 4 groups"):
        make(groups=4)(torch.zeros(2, 6))
    with pytest.raises(ShapeError, match="an axis 1"):
        make(channels=6)(torch.zeros(6))


@pytest.mark.parametrize("make", [ERA, SafePade])
def test_empty_tensors(make: Callable[..., nn.Module]) -> None:
    for place, shape in (({}, (0,)), ({"channels": 3}, (0, 3, 2)), ({"channels": 4, "groups": 2}, (2, 4, 0))):
        x, m = torch.zeros(shape, requires_grad=True), make(**place)
        y = m(x)
        assert y.shape == shape
        y.sum().backward()
        assert all((p.grad == 0).all() for p in m.parameters())


def test_the_functional_form_checks() -> None:
    one, several = torch.ones(()), torch.ones(2)
    x = torch.zeros(3)
    good = (one, one, several, several, several, several)
    assert functional.era(x, *good).tolist() == [2, 2, 2]
    for epsilon in (-1, True, "x"):
        with pytest.raises(ArgumentError, match="epsilon"):
            functional.era(x, *good, epsilon=epsilon)
    with pytest.raises(ArgumentError, match="d: a tensor of floats"):
        functional.era(x, *good[:3], several.long(), *good[4:])
    with pytest.raises(ShapeError, match="one shape"):
        functional.era(x, *good[:5], torch.ones(3))
    with pytest.raises(ShapeError, match="broadcasts"):
        functional.era(x, *(torch.ones(4) for _ in range(2)), *(torch.ones(2, 4) for _ in range(4)))


# --- normalisation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "shape", "axes"), [("layer", (3, 5, 7), (2,)), ("instance", (3, 5, 7), (2,)), ("instance", (2, 4, 3, 3), (2, 3))]
)
def test_normalised(kind: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    features = shape[-1] if kind == "layer" else shape[1]
    m = normalised(ERA(dtype=torch.float64), features, kind=kind).double()
    x = 5 + 100 * torch.randn(shape, dtype=torch.float64)
    centred = (x - x.mean(axes, keepdim=True)) / (x.var(axes, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(m(x), m.activation(centred))
    constant = m(torch.full(shape, 3.0, dtype=torch.float64))
    torch.testing.assert_close(constant, m.activation(torch.zeros(shape, dtype=torch.float64)))
    m(x).sum().backward()
    assert all(p.grad is not None for p in m.parameters())


def test_normalised_checks() -> None:
    for arguments, message in (
        ((ERA, 3), "activation"),
        ((ERA(), 0), "features"),
        ((ERA(), 3, "batch"), "kind"),
        ((ERA(), 3, "layer", 0.0), "epsilon"),
        ((ERA(), 3, "layer", True), "epsilon"),
        ((ERA(), 3, "layer", "x"), "epsilon"),
    ):
        names = ("activation", "features", "kind", "epsilon")
        with pytest.raises(ArgumentError, match=message):
            normalised(**dict(zip(names, arguments, strict=False)))
