"""Pade activation units as a torch module."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import exactnn as xn
from exactnn.errors import ArgumentError, ShapeError
from exactnn.nn import SafePade, functional
from exactnn.nn.pade import VERSIONS

TARGETS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "swish": F.silu,
    "gelu": F.gelu,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "identity": lambda x: x,
}
ERRORS = {"swish": 6e-7, "gelu": 1.4e-3, "relu": 1.5e-2, "leaky_relu": 1.5e-2, "tanh": 1.6e-6, "identity": 1e-6}


def formula(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, version: str) -> torch.Tensor:
    """The definitions, for autograd."""
    p = sum(a[k] * x**k for k in range(len(a)))
    match version:
        case "A":
            q = 1 + sum((b[k - 1] * x**k).abs() for k in range(1, len(b) + 1))
        case "C":
            q = 0.1 + sum(b[k] * x**k for k in range(len(b))).abs()
        case "N":
            q = 1 + sum(b[k - 1] * x**k for k in range(1, len(b) + 1))
        case _:
            q = 1 + sum(b[k - 1] * x**k for k in range(1, len(b) + 1)).abs()
    return p / q


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("init", TARGETS)
def test_fits(version: str, init: str) -> None:
    m = SafePade(version, (5, 4), init, dtype=torch.float64).eval()
    x = torch.linspace(-3, 3, 20001, dtype=torch.float64)
    far = torch.linspace(-100, 100, 100001, dtype=torch.float64)
    with torch.no_grad():
        assert (m(x) - TARGETS[init](x)).abs().max() < ERRORS[init]
        assert (m(far).abs() <= 2 * far.abs() + 10).all()
    assert m.a.shape == (6,)
    assert m.b.shape == (5 if version == "C" else 4,)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "degrees"),
    [("A", (3, 2)), ("B", (2, 3)), ("C", (3, 2)), ("N", (4, 3))],
)
def test_other_degrees_and_callables(version: str, degrees: tuple[int, int]) -> None:
    m = SafePade(version, degrees, torch.sin, dtype=torch.float64)
    x = torch.linspace(-3, 3, 2001, dtype=torch.float64)
    with torch.no_grad():
        assert (m(x) - x.sin()).abs().max() < 0.25
    if version == "N":  # without real poles
        q = np.polynomial.Polynomial([1, *m.b.tolist()])
        assert q(np.linspace(-1000, 1000, 100001)).min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", [{}, {"channels": 4}, {"channels": 4, "groups": 2}, {"groups": 3, "axis": -1}])
def test_gradients(version: str, place: dict[str, Any]) -> None:
    m = SafePade(version, (3, 2), "random", seed=1, dtype=torch.float64, **place).eval()
    names = [name for name, _ in m.named_parameters()]
    x = torch.randn((2, 4, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)

    def call(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(m, dict(zip(names, values, strict=True)), (x,))
        return result

    assert torch.autograd.gradcheck(call, (x, *m.parameters()))
    assert torch.autograd.gradgradcheck(call, (x, *m.parameters()))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [50, pytest.param(100_003, marks=pytest.mark.slow)])
def test_against_the_formula_with_autograd(version: str, size: int) -> None:
    m = SafePade(version, (5, 4), "random", seed=2, dtype=torch.float64).eval()
    x = 2 * torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[0] = 0
    found, expected = [], []
    for result, call in ((found, m), (expected, lambda y: formula(y, m.a, m.b, version))):
        y = x.clone().requires_grad_()
        m.zero_grad()
        value = call(y)
        value.sum().backward()
        result.extend([value.detach(), y.grad, m.a.grad, m.b.grad])
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_noise_of_version_d() -> None:
    m = SafePade("D", init="gelu")
    x = torch.linspace(-3, 3, 101)
    torch.manual_seed(0)
    first, second = m(x), m(x)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(m(x), first)
    assert (first - m.eval()(x)).abs().max() < 1.5
    assert torch.equal(m(x), m(x))
    b = SafePade("B", init="gelu")
    b.load_state_dict(m.state_dict())
    assert torch.equal(m(x), b(x))


def test_dtypes() -> None:
    m = SafePade()
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        x = torch.linspace(-3, 3, 101, dtype=torch.float64).to(dtype).requires_grad_()
        y = m(x)
        wide = torch.promote_types(dtype, torch.float32)
        assert torch.equal(y, m(x.detach().to(wide)).to(dtype))
        y.sum().backward()
        assert x.grad.dtype == dtype
    assert m.bfloat16().a.dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert m(torch.zeros(2, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.slow
@pytest.mark.skipif(not any(shutil.which(n) for n in ("g++", "clang++")), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("version", ["A", "C"])
def test_compiles_without_a_graph_break(version: str) -> None:
    m = SafePade(version, init="gelu")
    x = torch.randn(100)
    grads = []
    for call in (m, torch.compile(m, fullgraph=True)):
        m.zero_grad()
        y = x.clone().requires_grad_()
        value = call(y)
        value.sum().backward()
        grads.append([value.detach(), y.grad, m.a.grad, m.b.grad])
    for eager, compiled in zip(*grads, strict=True):
        torch.testing.assert_close(compiled, eager, rtol=1e-4, atol=1e-4)


def test_torch_export() -> None:
    net = nn.Sequential(nn.Linear(3, 4), SafePade("B", channels=4)).eval()
    x = torch.randn(4, 3)
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    torch.testing.assert_close(program.module()(x[:3]), net(x[:3]))


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_a_small_network_learns(version: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 8), SafePade(version), nn.Linear(8, 1))
    x = torch.linspace(-2, 2, 64)[:, None]
    y = torch.sin(2 * x)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(300):
        optimiser.zero_grad()
        loss = F.mse_loss(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    net.eval()
    assert F.mse_loss(net(x), y) < 0.1 < 0.3 < losses[0]


@pytest.mark.parametrize("version", ["A", "B", "C", "N"])
@pytest.mark.parametrize("degrees", [(0, 0), (0, 1), (1, 0), (5, 4)])
def test_the_value_alone_has_the_roundings_of_the_value_beside_the_slope(version: str, degrees: tuple[int, int]) -> None:
    """forward works out less than backward does; an n of 0 is the constant of version C alone."""
    m, n = degrees
    if n == 0 and version != "C":
        n = 1
    source = torch.Generator().manual_seed(0)
    x = 3 * torch.randn((7, 4, 3), generator=source)
    x[0, 0] = torch.tensor([0.0, math.inf, -math.nan])
    for shape in ((), (4, 1)):
        a, b = (torch.randn((k, *shape), generator=source) for k in (m + 1, n + (version == "C")))
        expected = functional._horner(a, x)[0] / functional._pade_parts(x, b, version)[1]
        found = functional.pade(x, a, b, version)
        assert found.shape == x.shape
        assert torch.equal(found.nan_to_num(7), expected.nan_to_num(7))


# --- exact form and networks -----------------------------------------------------------------------------------------------


def of_fractions(a: list[float], q: list[Fraction], x: float) -> Fraction:
    t = Fraction(x)
    return sum(Fraction(c) * t**k for k, c in enumerate(a)) / sum(c * t**k for k, c in enumerate(q))


def assert_exact(m: SafePade, q: list[Fraction]) -> None:
    exact = m.exact().to_rational_function()
    x = 2 * torch.randn(30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for t, value in zip(x.tolist(), m(x).tolist(), strict=True):
        expected = of_fractions(m.a.tolist(), q, t)
        assert exact(Fraction(t)) == expected
        assert abs(value - float(expected)) < 1e-12 * max(1, abs(value))


def numbers(b: torch.Tensor) -> list[Fraction]:
    return [Fraction(t) for t in b.tolist()]


def test_exact_of_version_n() -> None:
    m = SafePade("N", init="swish")
    assert_exact(m, [Fraction(1), *numbers(m.b)])


def test_exact_of_the_others_where_they_are_rational() -> None:
    for version, b, q in (
        ("A", [0, -0.5, 0, 0.25], ["1", "0", "1/2", "0", "1/4"]),
        ("B", [0, -1, 0, -0.5], ["1", "0", "1", "0", "1/2"]),
        ("B", [0, 1, -2, 1], ["1", "0", "1", "-2", "1"]),
        ("D", [0, 1, 0, 1], ["1", "0", "1", "0", "1"]),
        ("C", [-1, 0, -1, 0, 0], ["11/10", "0", "1"]),
        ("B", [0, 0, 0, 0], ["1"]),
    ):
        m = SafePade(version).eval()
        with torch.no_grad():
            m.b.copy_(torch.tensor(b))
        assert_exact(m, [Fraction(t) for t in q])


def test_piecewise_rational_functions_are_no_networks() -> None:
    for version, b in (("A", [0, 1, 0.5, 1]), ("B", [0, 1, -2.001, 1]), ("B", [1, 0, 0, 0]), ("C", [-1, 0, 1, 0, 0])):
        m = SafePade(version)
        with torch.no_grad():
            m.b.copy_(torch.tensor(b))
        unit, x = m.exact(), torch.linspace(-3, 3, 50, dtype=torch.float64)
        assert len(unit.pieces) > 1
        for t, value in zip(x.tolist(), m(x).tolist(), strict=True):
            assert abs(value - float(unit(t))) < 1e-6 * max(1, abs(value))  # 0.1 of version C is 1/10
        with pytest.raises(ArgumentError, match=r"SafePade has no exact form: PadeUnit: .* only piecewise rational"):
            xn.from_torch(m, 2)
    with pytest.raises(ArgumentError, match=r"^version D .* eval"):
        SafePade("D").exact()
    with pytest.raises(ArgumentError, match=r"SafePade: version D .* eval"):
        xn.verify_pole_free(SafePade("D"))
    m = SafePade("A", channels=2, init="identity")
    with torch.no_grad():
        m.b[0, 1] = 1
    with pytest.raises(ArgumentError, match=r"set 1: .* piecewise"):
        xn.from_torch(m, 2)


@pytest.mark.parametrize("place", [{}, {"channels": 3}])
def test_from_torch(place: dict[str, Any]) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 3), SafePade("N", init="random", seed=0, **place), nn.Linear(3, 1)).double()
    net = xn.from_torch(module, 2)
    x = torch.randn(5, 2, dtype=torch.float64)
    for point, value in zip(x.tolist(), module(x).tolist(), strict=True):
        np.testing.assert_allclose([float(q) for q in net(point)], value, rtol=1e-9, atol=1e-9)


# --- wrong input -----------------------------------------------------------------------------------------------------------


def test_random_starts() -> None:
    for version in VERSIONS:
        for degrees in ((5, 4), (2, 3), (0, 1)):
            first, again, other = (SafePade(version, degrees, "random", channels=5, seed=s) for s in (1, 1, 2))
            assert torch.equal(first.a, again.a)
            assert torch.equal(first.b, again.b)
            assert not torch.equal(first.a, other.a)
            assert torch.isfinite(first.b).all()
            if version == "N":
                x = torch.linspace(-1000, 1000, 10001, dtype=torch.float64)[:, None].expand(-1, 5)
                q = 1 + sum(first.b[k - 1].double() * x**k for k in range(1, len(first.b) + 1))
                assert (q > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "E"}, "version: one of"),
        ({"degrees": (5,)}, "degrees"),
        ({"degrees": (5, 0)}, "degrees"),
        ({"degrees": (-1, 4)}, "degrees"),
        ({"degrees": (5.0, 4)}, "degrees"),
        ({"degrees": 5}, "degrees"),
        ({"init": "swoosh"}, "init"),
        ({"init": None}, "init"),
        ({"init": "identity", "degrees": (2, 4)}, "identity"),
        ({"channels": 6, "groups": 4}, "groups"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        SafePade(**arguments)


def test_the_functional_form_checks() -> None:
    x = torch.zeros(3)
    with pytest.raises(ArgumentError, match="version"):
        functional.pade(x, torch.ones(2), torch.ones(1), "D")
    with pytest.raises(ArgumentError, match="b: a tensor of floats"):
        functional.pade(x, torch.ones(2), torch.ones(1).long())
    with pytest.raises(ShapeError, match="a, b"):
        functional.pade(x, torch.ones(2, 3), torch.ones(1))
    with pytest.raises(ShapeError, match="broadcasts"):
        functional.pade(x, torch.ones(2, 4), torch.ones(1, 4))
