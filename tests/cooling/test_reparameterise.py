"""A temperature moved into the layers: tau f exactly, gradients and steps as stated, one factor at residual joins, refusals by name."""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cooling import Redistribution, redistribute, rescale_units
from exactnn.errors import ArgumentError, AssumptionBroken
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, BatchNorm, Network
from exactnn.network.edit import Draft, replaced
from exactnn.network.parameters import parameters, with_parameters
from tests.cooling.test_identities import dense, samples
from tests.strategies import HOMOGENEOUS, graphs, law

HOWS = ["cumulative", "literal", 0, "1/3", 1, [2, "1/2", "3/7"]]


Gradients = dict[tuple[str, str], RationalArray]


def is_scaled(net: Network, other: Network, tau: Fraction, seed: int = 0) -> bool:
    points = RationalArray(np.random.default_rng(seed).integers(-9, 10, (6, net.input_dim)), 4)
    return other.evaluate(points) == net.evaluate(points) * tau


@law(40)
@given(st.integers(0, 10**6), st.sampled_from(HOMOGENEOUS), st.sampled_from(HOWS), st.sampled_from(["1/2", "8/27", 3, "0.7"]))
def test_the_function_is_multiplied_exactly(seed: int, unit: str, how: object, tau: str) -> None:
    net = dense(seed, (2, 3, 2, 2), unit)
    found = redistribute(net, tau, how)
    assert is_scaled(net, found.network, Fraction(tau))
    assert xn.verify_equal(redistribute(net, tau, 0).network, found.network, domain=xn.Box([-1] * 2, [1] * 2)).proved


def with_layers(net: Network) -> Network:
    """An affine layer behind each input, so that there is something that takes a factor."""
    draft = Draft(net)
    for name in net.inputs:
        if net.shape(name):
            readers, size = draft.readers(name), net.shape(name)[-1]
            weight = RationalArray(np.arange(size * size).reshape(size, size) % 5 - 2, 2)
            new = draft.add(f"{name}_layer", Affine(weight, RationalArray(np.arange(size) - 1)), name)
            for reader in readers:
                draft.operands[reader] = tuple(new if o == name else o for o in draft.operands[reader])
            draft.outputs = tuple(new if o == name else o for o in draft.outputs)
    return draft.network()


@law(60)
@given(graphs(), st.booleans(), st.sampled_from(["cumulative", "literal", "1/3"]), st.sampled_from(["carry", "own"]))
def test_any_graph_is_scaled_exactly_or_refused(net: Network, layered: bool, how: str, norms: str) -> None:
    """Sums, joins, products, pooling, batch norms, several inputs and outputs; tau is 2^12, whose roots are often powers of two."""
    tau, net = Fraction(1, 2**12), with_layers(net) if layered else net
    try:
        found = redistribute(net, tau, how, norms=norms)
    except AssumptionBroken as broken:
        event(broken.assumption)
        return
    event("scaled")
    assert is_scaled(net, found.network, tau)
    v = RationalArray(np.random.default_rng(0).integers(-5, 6, (2, net.output_dim)))
    points = RationalArray(np.random.default_rng(1).integers(-5, 6, (2, net.input_dim)), 3)
    old, new = loss_gradient(net, points, v * tau), loss_gradient(redistributed_without_last(found), points, v * found.final)
    agree_up_to_factors(net, found, old, new)


def agree_up_to_factors(net: Network, found: Redistribution, old: Gradients, new: Gradients) -> None:
    """The gradient by a batch norm's weight is the one by its scale, times a number that stays the same."""
    for (node, field), k in found.factors.items():
        is_weight = isinstance(net.operation(node), BatchNorm) and field == "weight"
        where = (node, "scale" if is_weight else field)
        assert new[where] == old[where] * (1 / k), where


def redistributed_without_last(found: Redistribution) -> Network:
    """The network before its last factor."""
    if found.final == 1:
        return found.network
    draft = Draft(found.network)
    draft.outputs = tuple(draft.operands[name][0] for name in draft.outputs)
    return draft.network()


def test_the_factors_of_each_way() -> None:
    net = dense()
    root = Fraction(2, 3)
    tau = root**3
    found = redistribute(net, tau)
    assert [found.factors[f"layer{i}", "weight"] for i in (1, 2, 3)] == [root] * 3
    assert [found.factors[f"layer{i}", "bias"] for i in (1, 2, 3)] == [root, root**2, tau]
    assert found.final == 1
    literal = redistribute(net, tau, "literal")
    assert [literal.factors[f"layer{i}", "weight"] for i in (1, 2, 3)] == [root, root**2, tau]
    assert literal.final == root**-3  # tau^((1 - L)/2)
    share = redistribute(net, root**6, "1/2")
    assert (share.factors["layer1", "weight"], share.final) == (root, root**3)
    assert "of which 8/27 stays" in share.statement
    rounded = redistribute(net, "1/2")
    assert abs(float(rounded.factors["layer1", "weight"]) - 0.5 ** (1 / 3)) < 1e-11
    assert rounded.factors["layer1", "weight"].denominator.bit_length() <= 41
    assert rounded.factors["layer1", "weight"] ** 2 * rounded.factors["layer3", "weight"] == Fraction(1, 2)


def loss_gradient(net: Network, points: object, upstream: RationalArray) -> Gradients:
    found = net.gradient(points, upstream).parameters
    return {(n, f): found[n][f] for n in found for f in found[n]}


@pytest.mark.parametrize("how", ["cumulative", "literal", "1/4", "equalise"])
def test_gradients_and_sgd_steps_as_stated(how: str) -> None:
    net, (points, labels) = dense(), samples(dense())
    tau = Fraction(3, 5)
    found = redistribute(net, tau, how, data=(points, labels))
    v = RationalArray(np.random.default_rng(0).integers(-5, 6, (4, 3)), 7)
    old, new = loss_gradient(net, points, v * tau), loss_gradient(found.network, points, v)
    eta = Fraction(1, 10)
    assert set(found.factors) == set(old)
    for (node, field), k in found.factors.items():
        assert new[node, field] == old[node, field] * found.gradient_factors[node, field]
        before, after = parameters(net.operation(node))[field], parameters(found.network.operation(node))[field]
        assert after == before * k
        assert after - new[node, field] * eta == (before - old[node, field] * (eta / k**2)) * k  # the step, in the old numbers


@pytest.mark.parametrize(("kind", "power"), [("SGD", 2), ("Adam", 1)])
def test_optimizers_go_on_as_stated(kind: str, power: int) -> None:
    """torch's SGD with momentum and Adam: two steps, then weight and buffers are moved, and both runs go on side by side."""
    k, eta = 0.5, 0.25
    options = {"momentum": 0.5} if kind == "SGD" else {"betas": (0.5, 0.75), "eps": 0.0}

    def started(value: float, rate: float) -> tuple[torch.Tensor, torch.optim.Optimizer]:
        w = torch.tensor([value], dtype=torch.float64, requires_grad=True)
        return w, getattr(torch.optim, kind)([w], lr=rate, **options)

    def step(w: torch.Tensor, run: torch.optim.Optimizer, slope: float) -> None:
        w.grad = torch.tensor([slope], dtype=torch.float64)
        run.step()

    old, before = started(2.0, eta / k**power)
    for slope in (1.0, 3.0):
        step(old, before, slope)
    new, after = started(old.item() * k, eta)
    state = copy.deepcopy(before.state_dict())
    for name, divisor in (("momentum_buffer", k), ("exp_avg", k), ("exp_avg_sq", k * k)):
        if name in state["state"][0]:
            state["state"][0][name] /= divisor
    after.load_state_dict(state | {"param_groups": after.state_dict()["param_groups"]})
    for slope in (-2.0, 5.0, 1.0):
        step(old, before, slope)
        step(new, after, slope / k)
        assert new.item() == pytest.approx(old.item() * k, rel=1e-14)


def test_equalised_layers_have_one_relative_gradient() -> None:
    net, data = dense(), samples(dense())
    found = redistribute(net, "1/2", "equalise", data=data, bits=30)
    assert is_scaled(net, found.network, Fraction(1, 2))
    assert xn.cooling.identities["I27"].check(net, data, tau="1/2").proved
    with pytest.raises(ArgumentError, match="data"):
        redistribute(net, "1/2", "equalise")


@pytest.mark.parametrize("confidence", [1, 60])
def test_equalised_layers_have_one_relative_gradient_in_torch(confidence: float) -> None:
    """Of the cross entropy itself, though the factors come from residuals in 12 bits."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).double().eval()
    module[2].weight.data *= confidence
    x = torch.randn(20, 6, dtype=torch.float64)
    labels = module(x).argmax(1)
    found = redistribute(xn.from_torch(module, (6,)), "1/2", "equalise", data=(x, labels)).network
    moved = [parameters(found.operation(n)) for n in found.order if parameters(found.operation(n))]
    layers = [module[0], module[2]]
    for layer, fields in zip(layers, moved, strict=True):
        layer.weight.data, layer.bias.data = (torch.from_numpy(fields[f].to_float()) for f in ("weight", "bias"))
    torch.nn.functional.cross_entropy(module(x), labels, reduction="sum").backward()
    first, second = (float(layer.weight.grad.norm() / layer.weight.detach().norm()) for layer in layers)
    assert first == pytest.approx(second, rel=1e-3)


class Residual(torch.nn.Module):
    """stem, a block that keeps the stream, one that projects, a head; batch norms within."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(1, 2, 3, padding=1)
        self.first, self.second = torch.nn.Conv2d(2, 2, 3, padding=1), torch.nn.Conv2d(2, 2, 3, padding=1)
        self.norms = torch.nn.ModuleList([torch.nn.BatchNorm2d(2) for _ in range(3)])
        self.down, self.last, self.short = torch.nn.Conv2d(2, 3, 2, stride=2), torch.nn.Conv2d(3, 3, 1), torch.nn.Conv2d(2, 3, 2, stride=2)
        self.head = torch.nn.Linear(3, 2)
        for norm in self.norms:
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norms[0](self.stem(x)))
        x = torch.relu(x + self.norms[2](self.second(torch.relu(self.norms[1](self.first(x))))))
        x = torch.relu(self.last(torch.relu(self.down(x))) + self.short(x))
        return self.head(x.mean(dim=(2, 3)))


@pytest.mark.parametrize("norms", ["carry", "own"])
def test_gradients_of_residual_networks_as_stated(norms: str) -> None:
    torch.manual_seed(2)
    module = Residual()
    for norm in module.norms:
        torch.nn.init.normal_(norm.weight)
    net = xn.from_torch(module.eval(), (1, 4, 4))
    found = redistribute(net, Fraction(1, 16), norms=norms)
    points, v = RationalArray.of(torch.randn(3, 16)), RationalArray(np.arange(6).reshape(3, 2) - 3)
    old, new = loss_gradient(net, points, v * Fraction(1, 16)), loss_gradient(found.network, points, v)
    assert any(isinstance(net.operation(node), BatchNorm) and k != 1 for (node, _), k in found.factors.items())
    agree_up_to_factors(net, found, old, new)


def test_both_branches_of_a_residual_join_get_one_factor() -> None:
    torch.manual_seed(0)
    net = xn.from_torch(Residual().eval(), (1, 4, 4))
    tau = Fraction(1, 16)
    found = redistribute(net, tau)
    points = RationalArray.of(torch.randn(3, 16))
    assert found.network.evaluate(points) == net.evaluate(points) * tau
    k = {name.rpartition(".")[0] or name: factor for (name, field), factor in found.factors.items() if field == "weight"}
    by_kind = sorted(k.values())
    # four levels: stem, down, last, head: 1/2 each; the shortcut passes two of them; the block within the stream keeps its factor
    assert by_kind == [Fraction(1, 4)] + [Fraction(1, 2)] * 4 + [Fraction(1)] * 2


def test_batch_norms_as_layers_of_their_own() -> None:
    """What they read stays as it is, so that norms by batch statistics have the same function, in torch's training mode."""
    torch.manual_seed(0)
    module = Residual().double()
    for norm in module.norms:
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    module = module.eval()
    net = xn.from_torch(module, (1, 4, 4))
    tau = Fraction(1, 16)
    found = redistribute(net, tau, norms="own")
    points = RationalArray.of(torch.randn(3, 16))
    assert found.network.evaluate(points) == net.evaluate(points) * tau
    moved = {node: parameters(found.network.operation(node)) for node, _ in found.factors}
    layers = [n for n in net.order if parameters(net.operation(n))]
    targets = [module.stem, module.norms[0], module.first, module.norms[1], module.second, module.norms[2]]
    targets += [module.down, module.last, module.short, module.head]
    by_name = {name: target for target in targets for name in layers if _same(net.operation(name), target)}
    assert len(by_name) == len(targets)
    x = torch.randn(8, 1, 4, 4, dtype=torch.float64)
    module.train()
    first = module(x)
    with torch.no_grad():
        for name, target in by_name.items():
            weight = moved[name].get("weight")
            if weight is not None:
                target.weight.copy_(torch.from_numpy(weight.to_float()))
            else:
                target.weight.mul_(float(found.factors[name, "weight"]))
            target.bias.copy_(torch.from_numpy(moved[name]["bias"].to_float()))
    torch.testing.assert_close(module(x), first / 16, rtol=1e-12, atol=1e-13)


def _same(operation: object, module: torch.nn.Module) -> bool:
    values = ((getattr(operation, field, None), getattr(module, field).detach()) for field in ("weight", "bias"))
    return all(own is not None and own == RationalArray.of(other) for own, other in values)


def test_batch_norms_that_cannot_take_a_factor() -> None:
    torch.manual_seed(0)
    net = xn.from_torch(Residual().eval(), (1, 4, 4))
    with pytest.raises(AssumptionBroken, match=r"rounded scale of the batch norm.*powers of two"):
        redistribute(net, "1/3", norms="own")
    pre = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2)).eval()
    with pytest.raises(AssumptionBroken, match=r"a layer before each batch norm.*norms=\"carry\""):
        redistribute(xn.from_torch(pre, (2,)), "1/4", norms="own")
    assert redistribute(xn.from_torch(pre, (2,)), "1/3").final == 1
    with pytest.raises(ArgumentError, match="norms"):
        redistribute(net, "1/4", norms="fold")


def test_rational_activations_are_bridged() -> None:
    """E5: sigma'(beta z) = s sigma(z)."""
    era = xn.rational.ERA(linear=("1/2", 3), fractions=[(1, -10, "1/3", 2)])
    net = xn.mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1]], [3])], era)
    assert is_scaled(net, redistribute(net, "1/4").network, Fraction(1, 4))


def test_units() -> None:
    net = dense()
    moved = rescale_units(net, [[1, 2, "1/3", 4], [5, "1/6", 7]])
    assert is_scaled(net, moved, Fraction(1))
    assert moved.operation("layer1").weight[1] == net.operation("layer1").weight[1] * 2  # type: ignore[attr-defined]
    for wrong in ([[1, 2, 3, 4]], [[1, 2, 3], [1, 2, 3]], [[1, 2, 3, 0], [1, 2, 3]]):
        with pytest.raises(ArgumentError, match="factors"):
            rescale_units(net, wrong)


def test_refusals() -> None:
    net = dense()
    with pytest.raises(AssumptionBroken, match=r"carries a factor.*'gelu1' \(gelu\)"):
        redistribute(xn.mlp([([[1]], [0]), ([[1]], [0])], "gelu"), "1/2")
    with pytest.raises(AssumptionBroken, match=r"carries a factor.*'clip1' \(clip\(0, 6\)\)"):
        redistribute(xn.mlp([([[1]], [0]), ([[1]], [0])], "relu6"), "1/2")
    b = xn.network.Builder()
    b.add("x", xn.network.Input((1,)))
    b.add("layer", dense(0, (1, 1)).operation("layer1"), "x")
    b.add("sum", xn.network.Add(), "layer", "x")
    with pytest.raises(AssumptionBroken, match="a layer to redistribute to"):
        redistribute(b.build(["x"], ["sum"]), "1/2")
    for how in ("all", "2", -1, [1, 2], [1, 2, 0]):
        with pytest.raises(ArgumentError, match="how"):
            redistribute(net, "1/2", how)
    with pytest.raises(ArgumentError, match="tau"):
        redistribute(net, 0)


@pytest.mark.parametrize("tau", [Fraction(10**1400 + 1), Fraction(1, 10**1400 + 1)])
def test_temperatures_beyond_floats(tau: Fraction) -> None:
    net = dense()
    for how in ("cumulative", "literal", "1/3"):
        assert is_scaled(net, redistribute(net, tau, how).network, tau)


def test_rational_powers_are_themselves() -> None:
    assert redistribute(dense(), "0.7123456789012345", "literal").factors["layer3", "weight"] == Fraction("0.7123456789012345")
    for bits in (0, 51, "x"):
        with pytest.raises(ArgumentError, match="bits: a whole number from 20 to 50"):
            redistribute(dense(), "1/2", bits=bits)  # type: ignore[arg-type]


def test_a_last_factor_alone() -> None:
    net = dense()
    found = redistribute(net, "1/3", 0)
    assert set(found.factors.values()) == {Fraction(1)}
    assert replaced(found.network, {}) == found.network
    assert with_parameters(net.operation("layer1"), {}) == found.network.operation("layer1")
