"""Cooling in a training loop: what a step does to function, gradients and optimizers, for many kinds of models."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

from exactnn import cooling as exact
from exactnn.errors import ArgumentError, NotFiniteError, ShapeError, UnsupportedOperation
from exactnn.nn import ERA, Cooling
from exactnn.nn import cooling as module

CLASSES = 4


class Residual(nn.Module):
    """A block whose sum joins a layer and what it reads, and one with a layer on both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.inner, self.other = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.left, self.right, self.last = nn.Linear(6, 3), nn.Linear(6, 3, bias=False), nn.Linear(3, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.first(x))
        h = torch.relu(h + self.other(F.leaky_relu(self.inner(h), 0.1)))
        result: torch.Tensor = self.last(F.relu(self.left(h) + self.right(h)))
        return result


class Block(nn.Module):
    """conv, batch norm, relu, twice, and a sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.body(x))


def mlp(activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), activation(), nn.Linear(8, 7), activation(), nn.Linear(7, CLASSES))


def images(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (5, 1, 1)), nn.Upsample(scale_factor=4), *parts, nn.Flatten(), nn.LazyLinear(CLASSES))


def convolutional() -> nn.Module:
    conv = [
        nn.Conv2d(5, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout2d(0.2),
        Block(6),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 3, 1),
        nn.ReLU(),
    ]
    return images(*conv)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "mlp": mlp,
    "leaky": lambda: mlp(lambda: nn.LeakyReLU(0.2)),
    "era": lambda: mlp(lambda: ERA(4, dtype=torch.float64, epsilon=1e-9)),
    "residual": Residual,
    "convolutional": convolutional,
    "gelu first": lambda: nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, CLASSES)),
    "layer norm": lambda: nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, CLASSES)),
}


def data(count: int = 300, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(count, 5, generator=source, dtype=torch.float64), torch.randint(CLASSES, (count,), generator=source)


def trained(name: str, steps: int = 30) -> tuple[nn.Module, torch.optim.Optimizer]:
    """In float64, fitted to noise, so that there is a finite optimum, and overconfident, so that tau < 1."""
    torch.manual_seed(1)
    model = MODELS[name]().double()
    x, y = data(100, 5)
    model(x)  # makes lazy parts
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    y = torch.where(torch.rand(100, generator=torch.Generator().manual_seed(2)) < 0.7, (x[:, 0] > 0).long(), y)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(4 * model(x), y).backward()
        optimizer.step()
    return model, optimizer


def held_out() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = data(200, 9)
    return x, torch.where(torch.rand(200, generator=torch.Generator().manual_seed(3)) < 0.7, (x[:, 0] > 0).long(), y)


def runs(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return model(x)


@pytest.mark.parametrize("redistribute", ["last", "all", 0.5])
@pytest.mark.parametrize("name", MODELS)
def test_the_function_is_multiplied_by_tau(name: str, redistribute: str | float) -> None:
    model, optimizer = trained(name)
    x, _ = data(50, 7)
    cooling = Cooling(model, held_out(), optimizer, redistribute)
    for first in (True, False):  # the second finds the optimum where the first one put it
        before, weights = runs(model, x), copy.deepcopy(model.state_dict())
        tau = cooling.step()
        assert tau == exact.optimal_temperature(before_of(cooling, weights, model), cooling.labels.numpy()).value
        after = cooling(runs(model, x))
        assert (after - tau * before).abs().max() <= 1e-11 * before.abs().max()
        assert (after.argmax(1) == before.argmax(1)).all()
        changed = any((model.state_dict()[k] != v).any() for k, v in weights.items())
        assert changed == (redistribute != "last") or not first
    if redistribute == "all":
        assert cooling.factor == 1.0
        assert abs(tau - 1) < 1e-9


def before_of(cooling: Cooling, weights: dict[str, torch.Tensor], model: nn.Module) -> object:
    """The validation logits for earlier weights."""
    now = copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    found = cooling.logits().numpy()
    model.load_state_dict(now)
    return found


def test_chain_shares() -> None:
    """tau^(s/L) for weights, tau^(s i/L) for biases, tau^(1-s) behind (I18)."""
    model, optimizer = trained("mlp")
    old = copy.deepcopy(model)
    cooling = Cooling(model, held_out(), optimizer, 0.25)
    tau = cooling.step()
    for i, (layer, before) in enumerate(zip(model[::2], old[::2], strict=True), start=1):
        assert torch.allclose(layer.weight, before.weight * tau ** (0.25 / 3), rtol=1e-14, atol=0)
        assert torch.allclose(layer.bias, before.bias * tau ** (0.25 * i / 3), rtol=1e-14, atol=0)
    assert math.isclose(cooling.factor, tau**0.75, rel_tol=1e-14)


@pytest.mark.parametrize("name", ["mlp", "era", "residual", "convolutional"])
def test_gradients_follow_the_factors(name: str) -> None:
    """At the same function a parameter that was multiplied by alpha has its gradient divided by alpha; so have the optimizer's buffers."""
    model, _ = trained(name)
    model.eval()
    x, y = data(60, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)
    cooling = Cooling(model, held_out(), optimizer, "all")
    tau = optimal(cooling)
    optimizer.zero_grad()
    F.cross_entropy(tau * model(x), y).backward()
    optimizer.step()  # the buffers are the gradients
    assert cooling.step() == tau
    kept = {p: optimizer.state[p]["momentum_buffer"].clone() for p in model.parameters()}
    rescaled = {p: p.grad.clone() for p in model.parameters() if p.grad is not None}
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    for p, buffer in kept.items():
        assert p.grad is not None
        assert torch.allclose(p.grad, buffer, rtol=1e-6, atol=1e-9 * float(p.grad.abs().max()))
        assert torch.allclose(p.grad, rescaled[p], rtol=1e-6, atol=1e-9 * float(p.grad.abs().max()))


def optimal(cooling: Cooling) -> float:
    return exact.optimal_temperature(cooling.logits().numpy(), cooling.labels.numpy()).value


def test_adam_goes_on_with_the_powers_of_its_buffers() -> None:
    model, optimizer = trained("mlp")
    before = {p: {k: v.clone() for k, v in optimizer.state[p].items()} for p in model.parameters()}
    tau = Cooling(model, held_out(), optimizer, "all").step()
    alpha = tau ** (1 / 3)
    for p, power in zip(model.parameters(), (1, 1, 1, 2, 1, 3), strict=True):
        for name, exponent in (("exp_avg", 1), ("exp_avg_sq", 2)):
            expected = before[p][name] / alpha ** (power * exponent)
            assert torch.allclose(optimizer.state[p][name], expected, rtol=1e-12, atol=0)
        assert (optimizer.state[p]["step"] == before[p]["step"]).all()


def test_equalised_layers_have_one_relative_gradient() -> None:
    """tau^(-2/L) (prod r)^(1/L) in every layer (I27)."""
    model, optimizer = trained("mlp")
    model.eval()
    x, y = held_out()
    cooling = Cooling(model, (x, y), optimizer, "equalise")
    tau = optimal(cooling)

    def ratios(factor: float) -> list[float]:
        weights = [layer.weight for layer in model[::2]]
        loss = F.cross_entropy(factor * model(x), y, reduction="sum")
        return [float(g.norm() / w.detach().norm()) for g, w in zip(torch.autograd.grad(loss, weights), weights, strict=True)]

    before = ratios(tau)
    before_logits = runs(model, x)
    assert cooling.step() == tau
    wanted = tau ** (-2 / 3) * math.prod(before) ** (1 / 3)
    assert max(before) > 1.5 * min(before)
    assert all(math.isclose(r, wanted, rel_tol=1e-9) for r in ratios(1.0))
    assert torch.allclose(runs(model, x), tau * before_logits, rtol=1e-11, atol=1e-12)


def test_shares_of_a_network_with_a_residual_join() -> None:
    """Both branches of each sum have one factor: first, (inner and other: none), then left and right, then last."""
    model, optimizer = trained("residual")
    old = copy.deepcopy(model)
    tau = Cooling(model, held_out(), optimizer, "all").step()
    third = tau ** (1 / 3)
    for name, factor in {"first": third, "inner": 1.0, "other": 1.0, "left": third, "right": third, "last": third}.items():
        now, before = model.get_submodule(name).weight, old.get_submodule(name).weight
        assert torch.allclose(now, before * factor, rtol=1e-14, atol=0), name
    assert torch.allclose(model.other.bias, old.other.bias * third, rtol=1e-14, atol=0)


def test_the_same_run_twice_and_from_a_checkpoint() -> None:
    def run(stop: int | None) -> tuple[dict[str, torch.Tensor], list[module.Step]]:
        model, optimizer = trained("mlp")
        cooling = Cooling(model, held_out(), optimizer, 0.5, every=2)
        x, y = data(64, 4)
        for k in range(8):
            if k == stop:
                states = copy.deepcopy([part.state_dict() for part in (model, optimizer, cooling)])
                model, optimizer = trained("mlp", 1)
                cooling = Cooling(model, held_out(), optimizer, 0.5, every=2)
                for part, state in zip((model, optimizer, cooling), states, strict=True):
                    part.load_state_dict(state)
            optimizer.zero_grad()
            F.cross_entropy(cooling(model(x)), y).backward()
            optimizer.step()
            cooling.step()
        return {**model.state_dict(), "factor": torch.tensor(cooling.factor)}, cooling.history

    (first, one), (second, two), (third, three) = run(None), run(None), run(5)
    assert one == two == three
    assert [s.step for s in one] == [2, 4, 6, 8]
    assert all(torch.equal(first[k], second[k]) and torch.equal(first[k], third[k]) for k in first)


def test_vector_scaling_stands_behind_the_model() -> None:
    model, _ = trained("mlp")
    x, y = held_out()
    cooling = Cooling(model, (x, y), scaling="vector")
    before = F.cross_entropy(cooling(runs(model, x)), y)
    one = Cooling(model, (x, y))
    one.step()
    cooling.step()
    assert F.cross_entropy(cooling(runs(model, x)), y) < F.cross_entropy(one(runs(model, x)), y) < before
    again = Cooling(model, (x, y), scaling="vector")
    again.load_state_dict(cooling.state_dict())
    assert torch.equal(again(runs(model, x)), cooling(runs(model, x)))
    with pytest.raises(ArgumentError, match="other scaling"):
        one.load_state_dict(cooling.state_dict())


def test_pixels_and_ignored_labels() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 3, 1))
    x = torch.randn(6, 2, 4, 4)
    y = runs(model, x).argmax(1)
    y = torch.where(torch.rand(y.shape) < 0.4, torch.randint(3, y.shape), y)
    y[:, 0] = 255
    cooling = Cooling(model, (x, y), redistribute="equalise", ignore_index=255)
    before = runs(model, x)
    tau = cooling.step()
    rows, labels = before.double().movedim(1, -1)[:, 1:].reshape(-1, 3), y[:, 1:].reshape(-1)
    assert math.isclose(tau, exact.optimal_temperature(rows.numpy(), labels.numpy()).value, rel_tol=1e-12)
    assert torch.allclose(runs(model, x), tau * before, rtol=1e-4, atol=1e-4)


# --- where nothing is to be done -----------------------------------------------------------------------------------------------------


@contextmanager
def silent() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_no_optimum_leaves_everything_as_it_is() -> None:
    model, optimizer = trained("mlp")
    x, _ = held_out()
    right = runs(model, x).argmax(1)
    cooling = Cooling(model, (x, right), optimizer, "all")
    before = copy.deepcopy(model.state_dict())
    with pytest.warns(UserWarning, match="classified correctly"):
        assert cooling.step() == 1.0
    with silent():
        assert cooling.step() == 1.0
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert [bool(s.reason) for s in cooling.history] == [True, True]


def test_training_on_the_validation_data_is_told_once() -> None:
    model, optimizer = trained("mlp")
    x, y = held_out()
    cooling = Cooling(model, (x, y), optimizer, "all")
    model.train()
    with silent():
        model(data(10)[0])
    with pytest.warns(UserWarning, match="validation data itself"):
        model(x[:10])
    with silent():
        model(x[:10])
    assert cooling.tau == 1


def test_slices_of_one_tensor_are_different_data() -> None:
    model, optimizer = trained("mlp")
    x, y = data(200)
    y = held_out()[1]
    cooling = Cooling(model, (x[100:], y[100:]), optimizer, "last")
    model.train()
    with silent():
        model(x[:100])
    with pytest.warns(UserWarning, match="validation data itself"):
        model(x[90:110])
    assert cooling.tau == 1


@pytest.mark.parametrize("name", [None, "input"])
def test_copies_of_the_validation_data_are_told(name: str | None) -> None:
    """Batches are mostly copies: x[indices], or what a loader gives."""
    model = mlp().double()
    x, y = held_out()
    cooling = Cooling(model, (x, y))
    batch = x[torch.randperm(len(x))[:20]]
    with pytest.warns(UserWarning, match="validation data itself"):
        model(batch) if name is None else model(**{name: batch})
    with silent():
        model(batch)
    fresh = Cooling(model, (x, y))
    with silent():  # one sample that is in both
        model(torch.cat([data(19)[0], x[:1]]))
    assert fresh.tau == cooling.tau == 1


def test_a_copy_of_the_model_holds_no_data() -> None:
    """Neither a copy nor a pickle drags the validation data along, and the hook goes with the Cooling."""
    model, optimizer = trained("mlp")
    plain = len(pickle.dumps(model))
    inputs, labels = data(10_000)
    cooling = Cooling(model, (inputs, labels), optimizer, "all")
    assert len(pickle.dumps(copy.deepcopy(model))) < plain + 2000
    del cooling
    gc.collect()
    assert not model._forward_pre_hooks


def test_modes_are_restored_and_buffers_kept() -> None:
    model, optimizer = trained("convolutional")
    model.train()
    model[3].eval()
    buffers = {k: v.clone() for k, v in model.named_buffers()}
    Cooling(model, held_out(), optimizer, "all").step()
    assert [model.training, model[4].training, model[3].training] == [True, True, False]
    assert all(torch.equal(buffers[k], v) for k, v in model.named_buffers())


def test_a_change_of_the_function_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted wrong factor."""
    model, optimizer = trained("mlp")
    before = copy.deepcopy(model.state_dict())
    changes = module.changes
    monkeypatch.setattr(module, "changes", lambda layer, b, a: changes(layer, b, a * 1.001))
    with pytest.raises(module.FunctionChanged, match="put back"):
        Cooling(model, held_out(), optimizer, "all").step()
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


class Reused(nn.Module):
    """The weight of a layer that is read outside of it."""

    def __init__(self) -> None:
        super().__init__()
        self.e, self.o = nn.Linear(5, 5), nn.Linear(5, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.o(F.relu(F.linear(self.e(x), self.e.weight)))


SHARED = nn.Linear(5, 5)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Sequential(mlp(), nn.Softmax(1)), "no layer with weights follows"),
        (nn.Sequential(nn.Linear(5, CLASSES), Branching()), "torch.fx"),
        (nn.Sequential(SHARED, nn.ReLU(), SHARED, nn.Linear(5, CLASSES)), "used twice"),
        (nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(5, 5)), nn.Linear(5, CLASSES)), "parametrisation"),
        (nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(5, 5)), nn.Linear(5, CLASSES)), "parametrisation"),
        (nn.Sequential(nn.utils.spectral_norm(nn.Linear(5, 5)), nn.Linear(5, CLASSES)), "0.weight: it is computed"),
        (nn.Sequential(prune.l1_unstructured(nn.Linear(5, 5), "weight", 0.5), nn.Linear(5, CLASSES)), "0.weight: it is computed"),
        (Reused(), r"e.weight: it is used twice \(also as e.weight by itself\)"),
    ],
)
def test_models_that_take_no_factor(model: nn.Module, words: str) -> None:
    model.double()
    with pytest.raises(UnsupportedOperation, match=words):
        Cooling(model, held_out(), redistribute="all")
    Cooling(model, held_out())


def test_bad_arguments() -> None:
    model, optimizer = trained("mlp")
    x, y = held_out()
    state = Cooling(model, (x, y)).state_dict()
    for call, words in [
        (lambda: Cooling(model, (x, y), redistribute="first"), "redistribute"),
        (lambda: Cooling(model, (x, y), redistribute=1.5), "redistribute"),
        (lambda: Cooling(model, (x, y), every=0), "every"),
        (lambda: Cooling(model, (x, y), scaling="vector", redistribute="all"), "scaling"),
        (lambda: Cooling(model, x), "validation_data"),
        (lambda: Cooling(lambda v: v, (x, y)), "model"),
        (lambda: Cooling(model, (x, y), torch.optim.LBFGS(model.parameters()), "all"), "optimizer: one of torch.optim"),
        (lambda: Cooling(model, (x, y), torch.optim.lr_scheduler.StepLR(optimizer, 1)), "optimizer: .* got StepLR"),
        (lambda: Cooling(model, (x, y), torch.optim.SGD(mlp().parameters())), "optimizer: it trains none of the model's"),
        (lambda: Cooling(model, [(x, y), (x, y), (x, y)]), "got list of tuple, tuple, tuple; the batches of a loader"),
        (lambda: Cooling(model, (x.numpy(), y.numpy())), "got tuple of ndarray, ndarray"),
        (lambda: Cooling(nn.Bilinear(5, 5, CLASSES).double(), (x, y)), "TypeError: .* missing 1 required positional argument"),
        (lambda: Cooling(nn.Linear(5, CLASSES).to(torch.complex128), (x.to(torch.complex128), y)), "got shape .* of torch.complex128"),
        (lambda: Cooling(model, (x.float(), y)), "validation_data: the model cannot be run .* dtype"),
        (lambda: Cooling(model, (x[:, :3], y)), "validation_data: the model cannot be run .* shape"),
        (lambda: Cooling(mlp().double().to("meta"), (x, y)), "validation_data: the model cannot be run .*meta"),
        (lambda: Cooling(trained("convolutional")[0], (x, y), redistribute="equalise"), "equalise"),
        (lambda: Cooling(model, (x, y)).load_state_dict({"factor": 2.0}), "state"),
        (lambda: Cooling(model, (x, y)).load_state_dict(state | {"factor": -2.0}), "factor is not positive"),
        (lambda: Cooling(model, (x, y)).load_state_dict(state | {"factor": math.inf}), "not finite"),
        (lambda: Cooling(model, (x, y)).load_state_dict(state | {"calls": -1}), "calls are negative"),
        (lambda: Cooling(Noisy(model), (x, y)), "randomness"),
        (lambda: Cooling(model, (x, y + 10)), "labels: integers from 0 to 3 are needed, got 1[01]"),
        (lambda: Cooling(model, (x, y - 1)), "got -1"),
        (lambda: Cooling(model, (x, 0.9 * F.one_hot(y, CLASSES))), "labels: rows that sum to 1 are needed.* off by"),
    ]:
        with pytest.raises(ArgumentError, match=words):
            call()
    for pair in [(x, y[:-1]), (x[:0], y[:0])]:
        with pytest.raises(ShapeError, match="validation_data"):
            Cooling(model, pair)
    cooling = Cooling(model, (x, y))
    with torch.no_grad():
        model[0].weight[0, 0] = math.nan
    with pytest.raises(NotFiniteError, match="its logits for the validation data are not finite"):
        cooling.step()
    with pytest.raises(NotFiniteError, match="its logits for the validation data are not finite"):
        Cooling(model, (x, y))


class Noisy(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x) + torch.randn(())


def test_a_layer_without_gradient_cannot_be_equalised() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, CLASSES)).double()
    with torch.no_grad():
        model[0].weight.zero_(), model[0].bias.fill_(1.0)
        model[2].weight.copy_(torch.randn(CLASSES, 4))
    x, y = held_out()
    y = torch.where(torch.arange(len(y)) % 3 > 0, runs(model, x).argmax(1), y)
    with torch.no_grad():
        model[0].bias.fill_(-1.0)
        model[2].bias.copy_(torch.tensor([1.0, 0, 0, 0]))
    y = torch.where(torch.arange(len(y)) % 3 > 0, torch.zeros_like(y), y)
    with pytest.raises(ArgumentError, match="0: its gradient"):
        Cooling(model, (x, y), redistribute="equalise").step()


class Through(nn.Module):
    """linear, a function that is not homogeneous although it looks so, linear."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.first, self.last, self.function = nn.Linear(5, 6), nn.Linear(6, CLASSES), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.function(self.first(x)))


@pytest.mark.parametrize(
    "function",
    [
        lambda h: torch.div(h, 0.25, rounding_mode="floor"),
        lambda h: torch.add(h, other=1.0),
        lambda h: h + h.size(1),
        lambda h: F.relu(h - 1),
    ],
)
def test_constants_and_rounding_keep_the_scale_of_what_they_read(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    torch.manual_seed(4)
    model = Through(function).double()
    x, _ = data(200, 9)
    y = runs(model, x).argmax(1)
    y = torch.where(torch.arange(200) % 4 > 0, y, (y + 1) % CLASSES)
    before, weight = runs(model, x), model.first.weight.detach().clone()
    tau = Cooling(model, (x, y), redistribute="all").step()
    assert abs(tau - 1) > 1e-3
    assert torch.equal(model.first.weight, weight)
    assert torch.allclose(runs(model, x), tau * before, rtol=1e-11, atol=1e-12)


def test_a_product_by_keyword_is_read() -> None:
    model = Through(lambda h: torch.mul(h, other=0.5)).double()
    x, y = held_out()
    Cooling(model, (x, y % 2), redistribute="all")


def test_equalise_takes_labels_of_any_kind() -> None:
    x, y = held_out()
    found = []
    for labels in (y, y.int(), y.double(), F.one_hot(y, CLASSES).float(), F.one_hot(y, CLASSES)):
        model, _ = trained("mlp")
        Cooling(model, (x, labels), redistribute="equalise").step()
        found.append(model[0].weight.detach())
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert all(torch.allclose(found[0], other, rtol=1e-9) for other in found[3:])


def test_frozen_weights_cannot_be_equalised() -> None:
    model, _ = trained("mlp")
    model[2].weight.requires_grad_(False)
    with pytest.raises(ArgumentError, match="2: its weights are frozen"):
        Cooling(model, held_out(), redistribute="equalise").step()
    assert Cooling(model, held_out(), redistribute="all").step() > 0


def test_an_output_that_is_no_logits() -> None:
    class Several(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": x}

    for model, words in (
        (Several(), "got dict"),
        (nn.Sequential(nn.Linear(5, 1), nn.Flatten(0)), r"got shape \(200,\) of torch.float64; wrap it"),
    ):
        with pytest.raises(ArgumentError, match=words):
            Cooling(model.double(), held_out())


def test_a_plain_loop_in_float32() -> None:
    """The argument for the method: three lines."""
    torch.manual_seed(0)
    model = mlp()
    x, _ = data(128, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    held = held_out()
    cooling = Cooling(model, (held[0].float(), held[1]), optimizer, "all")
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(cooling(model(x.float())), (x[:, 0] > 0).long()).backward()
        optimizer.step()
        cooling.step()
    assert all(0 < s.tau < 100 and s.change < 1e-4 for s in cooling.history)
