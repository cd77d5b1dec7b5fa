"""execution_error: never exceeded by torch, onnxruntime and a slow float machine, and not far above them; bad input."""

from __future__ import annotations

import copy
import itertools
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import exactnn as xn
from exactnn import network as ops
from exactnn.certificate._others import OTHERS
from exactnn.difference import _run_format, _run_pass
from exactnn.difference._run_format import WIDER
from exactnn.errors import ArgumentError, CertificateRejected, DomainError, NotPiecewiseLinear
from exactnn.exact.array import RationalArray
from exactnn.exact.writing import json_number
from exactnn.network import Builder, Input, activation
from tests.difference._machine import FORMATS, Machine, Overflow
from tests.strategies import graphs, law

DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}


class Residual(nn.Module):
    """x + W max(V x, 0), twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 6), nn.Linear(6, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.third(x + self.second(torch.relu(self.first(x))))  # type: ignore[no-any-return]


def normed() -> nn.Sequential:
    """Convolution, batch norm with statistics, pooling of both kinds, an affine layer."""
    net = nn.Sequential(
        nn.Conv2d(1, 2, 2, padding=1),
        nn.BatchNorm2d(2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(2, 2, 2),
        nn.LeakyReLU(0.1),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(2, 2),
    )
    norm = net[1]
    with torch.no_grad():
        norm.running_mean.uniform_(-0.3, 0.3)  # type: ignore[operator, union-attr]
        norm.running_var.uniform_(0.3, 2)  # type: ignore[operator, union-attr]
        norm.weight.uniform_(0.5, 1.5)  # type: ignore[operator, union-attr]
        norm.bias.uniform_(-0.3, 0.3)  # type: ignore[operator, union-attr]
    return net


def dense(*sizes: int, unit: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), unit()]
    return nn.Sequential(*layers[:-1])


MADE: dict[str, tuple[Any, tuple[int, ...]]] = {
    "dense": (lambda: dense(4, 16, 3), (4,)),
    "deep": (lambda: dense(3, 6, 6, 2, unit=nn.LeakyReLU), (3,)),
    "clipped": (lambda: dense(4, 12, 6, 2, unit=nn.Hardtanh), (4,)),
    "residual": (Residual, (4,)),
    "normed": (normed, (1, 5, 5)),
}


def made(name: str) -> tuple[nn.Module, xn.Network, tuple[int, ...]]:
    torch.manual_seed(5)
    build, shape = MADE[name]
    module = build().eval()
    return module, xn.from_torch(module, shape), shape


def inputs(shape: tuple[int, ...], dtype: torch.dtype, count: int = 300) -> torch.Tensor:
    """Random points of [-1, 1]^d, some of them corners, some small."""
    points = torch.rand(count, *shape, dtype=torch.float64) * 2 - 1
    points[::5] = points[::5].sign()
    points[1::7] *= 1e-3
    return points.to(dtype).clamp(-1, 1)


def worst(module: nn.Module, net: xn.Network, points: torch.Tensor) -> Fraction:
    """The largest |run - exact| at points, exactly."""
    with torch.no_grad():
        run = module(points).double()
    exact = net.evaluate(ops_array(points))
    return max(abs(q) for q in (ops_array(run) - exact).reshape(-1).to_fractions())


def ops_array(values: torch.Tensor) -> Any:
    return RationalArray.of(values.double().flatten(1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MADE)
def test_torch_never_exceeds_it_and_comes_near(name: str, dtype: str) -> None:
    module, net, shape = made(name)
    found = xn.execution_error(net, domain=xn.Box(-1, 1), dtype=dtype)
    seen = worst(module.to(DTYPES[dtype]), net, inputs(shape, DTYPES[dtype]))
    assert seen <= found.upper <= (100 if dtype != "bfloat16" else 400) * seen
    assert found.upper == max(found.per_output)
    assert xn.check(found.certificate)
    assert dtype in str(found)


@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"])
@pytest.mark.parametrize("name", MADE)
def test_onnxruntime_never_exceeds_it(name: str, level: str, tmp_path: Path) -> None:
    """As the graph stands, and with batch norm folded by the runtime."""
    runtime = pytest.importorskip("onnxruntime")
    _, net, shape = made(name)
    path = tmp_path / "net.onnx"
    xn.save(net, path, dtype="float32", rounding=True)
    loaded = xn.load(path)
    found = xn.execution_error(loaded, domain=xn.Box(-1, 1))
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = getattr(runtime.GraphOptimizationLevel, level)
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    points = inputs(shape, torch.float32, 100)
    run = np.concatenate([session.run(None, {entry.name: x.numpy().reshape([1, *shape])})[0].reshape(1, -1) for x in points])
    exact = loaded.evaluate(ops_array(points))
    seen = max(abs(q) for q in (ops_array(torch.from_numpy(run)) - exact).reshape(-1).to_fractions())
    assert seen <= found.upper <= 100 * seen


@pytest.mark.parametrize("name", MADE)
def test_torch_takes_the_sums_of_bfloat16_in_float32(name: str) -> None:
    module, net, shape = made(name)
    found = xn.execution_error(net, domain=xn.Box(-1, 1), dtype="bfloat16", accumulation="float32")
    seen = worst(module.bfloat16(), net, inputs(shape, torch.bfloat16))
    assert seen <= found.upper <= 100 * seen


def test_it_grows_with_the_format() -> None:
    _, net, _ = made("dense")
    bounds = [xn.execution_error(net, domain=xn.Box(-1, 1), dtype=d).upper for d in ("float64", "float32", "bfloat16")]
    assert bounds[0] * 2**28 < bounds[1] < bounds[2] / 2**15


# --- a slow machine ------------------------------------------------------------------------------------------------------------


def exceeded(net: xn.Network, dtype: str, seed: int, runs: int = 6, accumulation: str | None = None) -> bool:
    """Whether a run of the machine in [-2, 2]^d is off by more than the bound, or overflows."""
    rng = random.Random(seed)
    try:
        found = xn.execution_error(net, domain=xn.Box(-2, 2), dtype=dtype, accumulation=accumulation)
    except DomainError:  # an overflow is possible
        return False
    assert xn.check(found.certificate)
    for _ in range(runs):
        point = [Fraction(rng.choice([-16, 16, rng.randint(-16, 16), rng.randint(-16, 16)]), 8) for _ in range(net.input_dim)]
        try:
            run = Machine(dtype, rng, accumulation).run(net, point)
        except Overflow:
            return True
        if any(abs(a - b) > bound for a, b, bound in zip(run, net(point), found.per_output, strict=True)):
            return True
    return False


@law(30)
@given(graphs(), st.sampled_from(list(FORMATS)), st.integers(0, 2**32))
def test_the_machine_never_exceeds_it(net: xn.Network, dtype: str, seed: int) -> None:
    assert not exceeded(net, dtype, seed)


@law(15)
@given(graphs(), st.sampled_from(["float32", "bfloat16"]), st.integers(0, 2**32))
def test_nor_does_a_machine_with_wide_sums(net: xn.Network, dtype: str, seed: int) -> None:
    assert not exceeded(net, dtype, seed, accumulation=WIDER[dtype])


@law(20)
@given(graphs(), st.sampled_from(list(FORMATS)))
def test_the_checker_finds_the_same_numbers(net: xn.Network, dtype: str) -> None:
    """Of engine and checker neither is 2^-128 above or below the other."""
    try:
        found = xn.execution_error(net, domain=xn.Box("-3/7", 1), dtype=dtype)
    except DomainError:
        return
    document = found.certificate.document
    assert xn.check(document)
    for j, bound in enumerate(found.per_output):
        lower = copy.deepcopy(document)
        lower["claim"]["bounds"][j] = json_number(bound - Fraction(1, 2**128))
        with pytest.raises(CertificateRejected):
            xn.check(lower)


UNSOUND = {
    "no roundings": lambda node, x: replaced_error(_run_pass._linear(node, x), lambda e: e * 0 + node.form.smallest),
    "one rounding": lambda node, x: replaced_error(_run_pass._linear(node, x), lambda e: e / 6),
}


def test_batch_norm_may_be_folded_where_values_cancel() -> None:
    """At x = 1 the affine map takes 1000/3 - 1000/3: runs with and without folding stay within the bound."""
    builder = Builder()
    last = builder.add("twice", ops.Gather(RationalArray.of([0, 0])), builder.add("x", Input((1,))))
    last = builder.add("wide", ops.Affine(RationalArray.of([["1000/3", "-1000/3"]]), RationalArray.of([0])), last)
    one = RationalArray.of([1])
    last = builder.add("norm", ops.BatchNorm(one * 0, one, one * Fraction(1, 7), one, Fraction(0), "float64"), last)
    net = builder.build(["x"], [last])
    found = xn.execution_error(net, domain=xn.Box(1, 1), dtype="bfloat16")
    rng = random.Random(1)
    seen = [abs(Machine("bfloat16", rng).run(net, [Fraction(1)])[0] - 1) for _ in range(300)]
    assert max(seen) <= found.upper <= 100 * max(seen)
    assert xn.check(found.certificate)


def replaced_error(state: Any, change: Any) -> Any:
    return _run_pass.State(state.lo, state.hi, change(state.error))


@pytest.mark.changes_models
@pytest.mark.parametrize("name", UNSOUND)
def test_an_unsound_rule_is_caught_by_the_machine_and_by_the_checker(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = xn.mlp([([["1/3", "2/3", "-5/7"], ["1/5", 1, "1/9"]], ["1/3", "-1/7"]), ([["1/3", "-1/3"]], [0])])
    assert not any(exceeded(net, "bfloat16", seed) for seed in range(20))
    monkeypatch.setitem(_run_pass._RULES, ops.Affine, UNSOUND[name])
    found = xn.execution_error(net, domain=xn.Box(-2, 2), dtype="bfloat16")
    with pytest.raises(CertificateRejected, match="output 0"):
        xn.check(found.certificate)
    monkeypatch.setattr(xn, "check", lambda _: True)
    assert any(exceeded(net, "bfloat16", seed) for seed in range(60))


def test_the_engine_has_a_rule_for_each_operation() -> None:
    assert {rule.kind for rule in _run_pass._RULES} == {*OTHERS, "affine", "piecewise_linear"} - {"smooth", "rational"}


# --- arguments -----------------------------------------------------------------------------------------------------------------


def single(terms: int) -> xn.Network:
    return xn.mlp([([[1] * terms], [0])])


def test_no_bound_where_roundings_are_too_many() -> None:
    assert xn.execution_error(single(254), domain=xn.Box(0, 1), dtype="bfloat16").upper > 0
    with pytest.raises(ArgumentError, match=r"dtype: node '.*' adds up to 256 roundings of 2\^-8 in bfloat16"):
        xn.execution_error(single(255), domain=xn.Box(0, 1), dtype="bfloat16")


def test_wide_sums_have_a_bound_and_a_smaller_one() -> None:
    for dtype, terms in (("bfloat16", 200), ("float32", 200)):
        narrow, wide = (
            xn.execution_error(single(terms), domain=xn.Box(0, 1), dtype=dtype, accumulation=a).upper for a in (None, WIDER[dtype])
        )
        assert 0 < 50 * wide < narrow
    found = xn.execution_error(single(1000), domain=xn.Box(0, 1), dtype="bfloat16", accumulation="float32")
    assert found.accumulation == "float32"
    assert "its sums in float32" in repr(found.certificate)
    assert xn.check(found.certificate)
    for dtype, wrong in (("float64", "float64"), ("bfloat16", "float64"), ("float32", "float32"), ("float32", 64)):
        with pytest.raises(ArgumentError, match="accumulation: None"):
            xn.execution_error(single(2), domain=xn.Box(0, 1), dtype=dtype, accumulation=wrong)  # type: ignore[arg-type]


def test_overflow_is_named() -> None:
    net = xn.mlp([([[2**100]], [0]), ([[2**20]], [0])])
    assert xn.execution_error(net, domain=xn.Box(-1, 1)).upper > 0
    with pytest.raises(DomainError, match=rf"domain: at node '{net.order[-1]}' numbers may exceed the largest one of float32"):
        xn.execution_error(net, domain=xn.Box(-(2**8), 2**8))
    assert xn.execution_error(net, domain=xn.Box(-(2**8), 2**8), dtype="float64").upper > 0
    with pytest.raises(ArgumentError, match="holds a number beyond the largest one of float32"):
        xn.execution_error(xn.mlp([([[2**200]], [0])]), domain=xn.Box(-1, 1))


def test_sums_on_the_way_may_overflow_too() -> None:
    builder = Builder()
    last = builder.add("pool", ops.AveragePool((2,), (1,), ((0, 0),), False), builder.add("x", Input((1, 2))))
    net = builder.build(["x"], [last])
    with pytest.raises(DomainError, match="'pool'"):
        xn.execution_error(net, domain=xn.Box(0, 3 * 2**126))


@pytest.mark.parametrize("unit", ["tanh", "softplus"])
def test_smooth_activations_are_refused(unit: str) -> None:
    net = xn.mlp([([[1]], [0]), ([[1]], [0])], unit)
    with pytest.raises(NotPiecewiseLinear, match=r"node '.*' is a smooth"):
        xn.execution_error(net, domain=xn.Box(-1, 1))


def test_bad_arguments() -> None:
    net = single(2)
    for wrong in (None, 3, xn.Polyhedron([[1, 0]], [1])):
        with pytest.raises(DomainError, match="a Box"):
            xn.execution_error(net, domain=wrong)  # type: ignore[arg-type]
    with pytest.raises(DomainError):
        xn.execution_error(net, domain=xn.Box([0, 0, 0], 1))
    for dtype in ("float16", "double", None, torch.float32):
        with pytest.raises(ArgumentError, match="dtype: 'float32'"):
            xn.execution_error(net, domain=xn.Box(0, 1), dtype=dtype)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="net: a Network"):
        xn.execution_error("net", domain=xn.Box(0, 1))  # type: ignore[arg-type]


def test_a_batch_norm_that_may_divide_by_nothing_is_refused() -> None:
    builder = Builder()
    one = RationalArray.of([1])
    norm = ops.BatchNorm(one, one - 2, one, one, Fraction(3, 2), "float32")
    net = builder.build([builder.add("x", Input((1,)))], [builder.add("norm", norm, "x")])
    with pytest.raises(DomainError, match="batch norm 'norm'"):
        xn.execution_error(net, domain=xn.Box(0, 1))


def test_relu_moves_and_points_cost_nothing_but_subnormals() -> None:
    builder = Builder()
    last = builder.add("relu", activation("relu"), builder.add("x", Input((3,))))
    net = builder.build(["x"], [last])
    assert xn.execution_error(net, domain=xn.Box(-5, 5)).upper == Fraction(1, 2**126)
    assert xn.execution_error(single(2), domain=xn.Box(1, 1)).upper < Fraction(7, 2**24)


def test_a_unit_that_is_off_passes_nothing_on() -> None:
    net = xn.mlp([([["1/3", "2/3"]], [0]), ([[1]], [0])])
    assert xn.execution_error(net, domain=xn.Box(-2, -1)).upper < Fraction(1, 2**120)
    assert xn.execution_error(net, domain=xn.Box(1, 2)).upper > Fraction(1, 2**24)


def test_weights_of_the_format_are_held_without_loss() -> None:
    form = _run_format.Format.of("float32")
    for value in (Fraction(0), Fraction(1, 2**126), Fraction(2**24 - 1), Fraction(-(2**24 - 1), 2**60), form.largest):
        assert form.loss(value, "n") == 0
    for value in (Fraction(1, 3), Fraction(2**24 + 1), Fraction(1, 2**127)):
        assert form.loss(value, "n") == Fraction(1, 2**23) * value + Fraction(1, 2**126)
