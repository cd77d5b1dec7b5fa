"""Cooling in loops as people have them: compiled and parallel models, half precision, autocast, any optimizer, copies, other layers."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from exactnn import cooling as exact
from exactnn.errors import ArgumentError, NoOptimalTemperature
from exactnn.nn import Cooling
from exactnn.nn import cooling as module
from tests.nn.test_cooling import CLASSES, data, held_out, mlp, optimal, runs, trained
from tests.strategies import law


def steps(model: nn.Module, cooling: Cooling, optimizer: torch.optim.Optimizer, count: int = 6) -> list[module.Step]:
    x = data(100, 5)[0].to(next(model.parameters()).dtype)
    y = (x[:, 0] > 0).long()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(cooling(model(x)), y)
        loss.backward()
        return loss

    for _ in range(count):
        optimizer.step(closure)
        cooling.step()
    return cooling.history


def fresh() -> nn.Module:
    return trained("mlp")[0]


WRAPPERS = {
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "parallel": nn.DataParallel,
    "both": lambda model: nn.DataParallel(torch.compile(model, backend="eager")),
}


@pytest.mark.parametrize("redistribute", ["last", "all", "equalise"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_compiled_and_parallel_models_are_the_model(wrapper: str, redistribute: str) -> None:
    found = []
    for wrap in (lambda model: model, WRAPPERS[wrapper]):
        plain = fresh()
        model = wrap(plain)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        found.append([s.tau for s in steps(model, Cooling(model, held_out(), optimizer, redistribute), optimizer)])
        found.append([p.detach().clone() for p in plain.parameters()])
    assert found[0] == pytest.approx(found[2], rel=1e-9)
    assert all(torch.allclose(p, q, rtol=1e-9) for p, q in zip(found[1], found[3], strict=True))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_the_function_to_its_accuracy(kind: torch.dtype) -> None:
    model = fresh().to(kind)
    x, y = held_out()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    history = steps(model, Cooling(model, (x.to(kind), y), optimizer, "all"), optimizer)
    assert all(0 < s.change < 8 * torch.finfo(kind).eps for s in history)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_a_wrong_factor_is_seen_in_half_precision_too(kind: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fresh().to(kind)
    x, y = held_out()
    cooling = Cooling(model, (x.to(kind), y), redistribute="all")
    changes = module.changes
    monkeypatch.setattr(module, "changes", lambda layer, b, a: changes(layer, b, a * 1.3))
    with pytest.raises(module.FunctionChanged):
        cooling.step()


@pytest.mark.parametrize("redistribute", ["last", "all", "equalise"])
def test_autocast_keeps_no_old_weights(redistribute: str) -> None:
    """One region around the whole loop, whose copies of weights in bfloat16 would be those of its first run."""
    model = fresh().float()
    x, y = held_out()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    cooling = Cooling(model, (x.float(), y), optimizer, redistribute)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        history = steps(model, cooling, optimizer, 4)
        assert len({s.tau for s in history}) == 4
        assert all(s.change < 0.05 for s in history)


@pytest.mark.parametrize("redistribute", ["last", "all", "equalise"])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_step_where_gradients_are_off(redistribute: str, mode: Callable[[], torch.no_grad]) -> None:
    model, other = fresh(), fresh()
    expected = Cooling(other, held_out(), redistribute=redistribute).step()
    cooling = Cooling(model, held_out(), redistribute=redistribute)
    with mode():
        assert cooling.step() == expected
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), other.parameters(), strict=True))
    model(data(5)[0]).sum().backward()  # the parameters are still ones of training


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.LBFGS(p, lr=0.1),
        lambda p: torch.optim.Adafactor(p),
        lambda p: torch.optim.ASGD(p),
    ],
)
def test_any_optimizer_goes_with_the_last_layer(make: Callable[[object], torch.optim.Optimizer]) -> None:
    model = fresh()
    optimizer = make(list(model.parameters()))
    history = steps(model, Cooling(model, held_out(), optimizer), optimizer)
    assert len({s.tau for s in history if not s.reason}) > 1
    with pytest.raises(ArgumentError, match="whose buffers can be rescaled"):
        Cooling(model, held_out(), optimizer, 0.5)


@pytest.mark.parametrize("options", [{"foreach": True}, {"fused": True}, {"foreach": False}])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_the_ways_an_optimizer_is_run_agree(kind: type[torch.optim.Optimizer], options: dict[str, bool]) -> None:
    found = []
    for how in ({}, options):
        model = fresh()
        groups = [{"params": model[0].parameters()}, {"params": [*model[2].parameters(), *model[4].parameters()], "weight_decay": 0.1}]
        optimizer = kind(groups, lr=0.01, **how)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
        cooling = Cooling(model, held_out(), optimizer, "all")
        for _ in range(5):
            steps(model, cooling, optimizer, 1)
            schedule.step()
        found.append([s.tau for s in cooling.history])
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_accumulated_gradients_follow_a_step_between() -> None:
    """Half a batch before a redistribution, half of it after, at the same function: the gradient of the whole."""
    x, y = held_out()
    model = fresh().eval()
    model.zero_grad()
    cooling = Cooling(model, (x, y), redistribute="all")
    tau = optimal(cooling)
    (F.cross_entropy(tau * model(x[:100]), y[:100], reduction="sum")).backward()
    cooling.step()
    F.cross_entropy(model(x[100:]), y[100:], reduction="sum").backward()
    both = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    F.cross_entropy(model(x), y, reduction="sum").backward()
    for p, found in zip(model.parameters(), both, strict=True):
        assert p.grad is not None
        assert torch.allclose(found, p.grad, rtol=1e-8, atol=1e-9 * float(p.grad.abs().max()))


@pytest.mark.parametrize("through", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])  # noqa: S301 - our own
def test_a_copy_of_everything_goes_on_alike(through: Callable[[object], object]) -> None:
    model = fresh()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    cooling = Cooling(model, held_out(), optimizer, 0.5)
    steps(model, cooling, optimizer, 3)
    copied = through((model, optimizer, cooling))
    assert isinstance(copied, tuple)
    again, its, other = copied
    assert (other.model is again, other.optimizer is its) == (True, True)
    assert steps(model, cooling, optimizer, 3) == steps(again, other, its, 3)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("redistribute", ["last", "all"])
def test_temperatures_beyond_the_floats_of_the_model_are_left_out(redistribute: str) -> None:
    model = fresh()
    x, y = held_out()
    with torch.no_grad():
        model[4].weight *= 1e-310
        model[4].bias *= 1e-310
    y = torch.where(torch.arange(len(y)) % 3 > 0, runs(model, x).argmax(1), y)
    before = copy.deepcopy(model.state_dict())
    cooling = Cooling(model, (x, y), redistribute=redistribute)
    with pytest.warns(UserWarning, match="no number of torch.float64"):
        assert cooling.step() == cooling.factor == 1.0
    assert "no number of torch.float64" in cooling.history[-1].reason
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_a_layer_replaced_afterwards_is_noticed() -> None:
    for redistribute, error in (("all", module.FunctionChanged), ("equalise", ArgumentError)):
        model, _ = trained("mlp")
        cooling = Cooling(model, held_out(), redistribute=redistribute)
        model[4] = copy.deepcopy(model[4])
        with pytest.raises(error):
            cooling.step()


def test_a_forward_that_differs_in_training_is_traced_as_it_is_validated() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.other = mlp(), nn.Linear(5, CLASSES)

        def forward(self, x: torch.Tensor) -> object:
            return (self.body(x), self.other(x)) if self.training else self.body(x)

    model = Two().double()
    assert model.training
    assert Cooling(model, held_out(), redistribute="all").step() > 0


def test_what_forward_can_do_without_is_left_out() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp()

        def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None, double: bool = False) -> torch.Tensor:
            found: torch.Tensor = self.body(x)
            if mask is not None:
                found = found * mask
            return found.sigmoid() if double else found

    model = Masked().double()
    before = runs(model, held_out()[0])
    y = torch.where(torch.arange(200) % 3 > 0, before.argmax(1), torch.arange(200) % CLASSES)
    tau = Cooling(model, (held_out()[0], y), redistribute="equalise").step()
    assert torch.allclose(runs(model, held_out()[0]), tau * before, rtol=1e-11, atol=1e-12)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.cell, self.last = nn.Linear(5, 6), nn.LSTM(6, 6, batch_first=True), nn.Linear(6, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h, _ = self.cell(self.first(x)[:, None])
        found: torch.Tensor = self.last(h[:, -1])
        return found


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.heads, self.last = nn.Linear(5, 6), nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.first(x)[:, None]
        found: torch.Tensor = self.last(self.heads(h, h, h)[0][:, 0])
        return found


@pytest.mark.parametrize("kind", [Recurrent, Attention])
def test_recurrent_and_attention_models_change_what_follows_alone(kind: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model = kind().double()
    x, _ = held_out()
    y = torch.where(torch.arange(len(x)) % 3 > 0, runs(model, x).argmax(1), torch.arange(len(x)) % CLASSES)
    before, old = runs(model, x), copy.deepcopy(model.state_dict())
    tau = Cooling(model, (x, y), redistribute="all").step()
    assert abs(tau - 1) > 1e-3
    assert torch.allclose(runs(model, x), tau * before, rtol=1e-11, atol=1e-12)
    assert {k for k, v in model.state_dict().items() if not torch.equal(v, old[k])} == {"last.weight", "last.bias"}


@given(st.integers(0, 10**6), st.lists(st.integers(2, 9), min_size=1, max_size=3), st.booleans())
@law(15)
def test_equalised_chains_have_one_relative_gradient_whatever_the_network(seed: int, widths: list[int], bias: bool) -> None:
    """I27: tau^(-2/L) (prod r)^(1/L) in every layer, for the function tau f."""
    torch.manual_seed(seed)
    sizes = [5, *widths, CLASSES]
    parts = [p for m, n in pairwise(sizes) for p in (nn.Linear(m, n, bias=bias), nn.LeakyReLU(0.1))]
    model = nn.Sequential(*parts[:-1]).double()
    x, _ = held_out()
    before = runs(model, x)
    y = torch.where(torch.arange(len(x)) % 3 > 0, before.argmax(1), torch.arange(len(x)) % CLASSES)

    def ratios(factor: float) -> list[float]:
        weights = [part.weight for part in model if isinstance(part, nn.Linear)]
        found = torch.autograd.grad(F.cross_entropy(factor * model(x), y, reduction="sum"), weights)
        return [float(g.norm() / w.detach().norm()) for g, w in zip(found, weights, strict=True)]

    cooling = Cooling(model, (x, y), redistribute="equalise")
    try:
        tau = optimal(cooling)
    except NoOptimalTemperature:
        return
    old = ratios(tau)
    assert cooling.step() == tau
    layers = len(old)
    wanted = tau ** (-2 / layers) * math.prod(old) ** (1 / layers)
    assert all(math.isclose(r, wanted, rel_tol=1e-6) for r in ratios(1.0))
    assert torch.allclose(runs(model, x), tau * before, rtol=1e-9, atol=1e-9 * float(tau * before.abs().max()))


def test_vector_scaling_of_pixels() -> None:
    """One factor and shift for each class, at every place, as the exact fit on the flattened pixels finds them."""
    torch.manual_seed(0)
    model = nn.Conv2d(2, 3, 1).double()
    x = torch.randn(6, 2, 4, 4, dtype=torch.float64)
    y = torch.where(torch.rand(6, 4, 4) < 0.5, torch.randint(3, (6, 4, 4)), runs(model, x).argmax(1))
    y[:, 0] = 255
    cooling = Cooling(model, (x, y), scaling="vector", ignore_index=255)
    cooling.step()
    rows = runs(model, x).movedim(1, -1)[:, 1:].reshape(-1, 3)
    expected = exact.vector_scaling(rows.numpy(), y[:, 1:].reshape(-1).numpy())
    found = cooling(runs(model, x)).movedim(1, -1)[:, 1:].reshape(-1, 3)
    assert torch.allclose(found, torch.from_numpy(expected(rows.numpy())), rtol=1e-12, atol=1e-12)
