"""Networks that are the same, or the same up to some layer: proved without looking into what they have in common."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import exactnn as xn
from exactnn import forms, symmetry
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Network
from exactnn.network.edit import replaced
from tests._networks import convolutional, dense, numbers
from tests.strategies import law

BOX = xn.Box([-1, -1], [1, 1])


run = forms.Numbering.run


def only_inputs(self: forms.Numbering, net: Network) -> Any:
    assert set(net.order) == set(net.inputs) == set(net.outputs)
    return run(self, net)


def proved_at_once(f: Network, g: Network, monkeypatch: pytest.MonkeyPatch, **asked: Any) -> xn.Verdict:
    """Proved without a form of any node but the outputs, which are inputs of what is left."""
    with monkeypatch.context() as patch:
        patch.setattr(forms.Numbering, "run", only_inputs)
        verdict = xn.verify_equal(f, g, **asked)
    assert verdict.proved
    assert verdict.certificate is not None
    assert verdict.certificate.evidence["shared"] == [[list(f.outputs), list(g.outputs)]]
    assert xn.check(verdict.certificate)
    return verdict


MODELS = {
    "two convolutions in a row": (lambda: nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 4, 4), nn.Flatten()), (3, 32, 32)),
    "depthwise, pointwise, batch norm": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        (4, 8, 8),
    ),
    "smooth": (lambda: nn.Sequential(nn.Linear(3, 5), nn.GELU(), nn.Linear(5, 4), nn.SiLU(), nn.Linear(4, 2)), (3,)),
    "one input": (lambda: nn.Sequential(nn.Linear(1, 5), nn.ReLU(), nn.Linear(5, 1)), (1,)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_network_is_itself_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    make, shape = MODELS[name]
    model = make().eval()
    f, g = (xn.from_torch(model, shape, compare=False) for _ in range(2))
    verdict = proved_at_once(f, g, monkeypatch)
    assert verdict.reason == "both networks are the same operations with the same numbers"
    sides = np.ones(f.input_dim, dtype=int).tolist()
    proved_at_once(f, g, monkeypatch, domain=xn.Box([-v for v in sides], sides), tolerance=Fraction(1, 100))


def test_a_transformation_that_changes_nothing_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    f = xn.mlp([([[1, 2], [1, 2]], [3, 3]), ([[1, 1]], [0])])
    monkeypatch.setattr(forms.Numbering, "run", only_inputs)
    verdict = xn.verify_symmetry(f, symmetry.Permutation(0, [1, 0]))
    assert verdict.proved
    assert verdict.certificate is not None
    assert "shared" in verdict.certificate.evidence


def test_a_function_with_a_pole_is_not_proved_equal_to_itself() -> None:
    one = xn.rational.RationalFunction([1], [0, 1])
    f = xn.mlp([([[1]], [0]), ([[1]], [0])], activation=one)
    verdict = xn.verify_equal(f, f, time_limit=5)
    assert verdict.status == "unknown"
    assert "pole" in verdict.reason
    fine = xn.mlp([([[1]], [0]), ([[1]], [0])], activation=xn.rational.RationalFunction([1], [1, 0, 1]))
    assert xn.verify_equal(fine, fine).proved


def test_an_empty_domain_is_still_refused() -> None:
    f = dense(np.random.default_rng(0), [2, 3, 1])
    with pytest.raises(xn.errors.EmptyDomain):
        xn.verify_equal(f, f, domain=xn.Polyhedron([[1, 0], [-1, 0]], [0, -1]))


# --- equal parts --------------------------------------------------------------------------------------------------------------


def head(net: Network, rng: np.random.Generator, *, split: bool) -> Network:
    """Two layers more, the neurons of the first of them in another order, scaled, and the last one in two parts."""
    size = net.output_dim
    weight, bias = numbers(np.random.default_rng(5), 4, size), numbers(np.random.default_rng(6), 4)
    outgoing, last = numbers(np.random.default_rng(7), 2, 4), numbers(np.random.default_rng(8), 2)
    layers = [(weight, bias), (outgoing, last)]
    if split:
        order = np.append(rng.permutation(4), 3)
        factors = RationalArray.of([1, 2, "1/3", 5, 7])
        parts = RationalArray.of([1 if k != 3 else "1/2" for k in order]) * RationalArray.of([1, "1/2", 3, "1/5", "1/7"])
        layers = [(weight[order] * factors.reshape(-1, 1), bias[order] * factors), (outgoing[:, order] * parts, last)]
    return joined(net, xn.mlp(layers))


def joined(first: Network, second: Network) -> Network:
    """second o first, for a first network with one output of shape (n)."""
    b = xn.network.Builder()
    for name in first.order:
        b.add(name, first.operation(name), *first.operands(name))
    (end,), (start,) = first.outputs, second.inputs
    names = {start: end}
    for name in second.order:
        if name != start:
            names[name] = b.add(f"head.{name}", second.operation(name), *(names[o] for o in second.operands(name)))
    return b.build(first.inputs, [names[o] for o in second.outputs])


def body(seed: int) -> Network:
    return xn.mlp(
        [
            (numbers(np.random.default_rng(seed), 5, 3), numbers(np.random.default_rng(seed + 1), 5)),
            (numbers(np.random.default_rng(seed + 2), 3, 5), numbers(np.random.default_rng(seed + 3), 3)),
        ]
    )


@pytest.mark.parametrize("seed", range(3))
def test_only_what_is_behind_an_equal_part_is_numbered(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    f, g = head(body(10 * seed), rng, split=False), head(body(10 * seed), rng, split=True)
    sizes = []
    monkeypatch.setattr(forms.Numbering, "run", lambda self, net: (sizes.append(len(net.order)), run(self, net))[1])
    verdict = xn.verify_equal(f, g)
    assert verdict.proved
    assert verdict.certificate is not None
    assert "shared" in verdict.certificate.evidence
    assert "in common" in verdict.reason
    assert max(sizes) < len(f.order)
    moved = replaced(g, {g.order[1]: moved_by(g, g.order[1], Fraction(1, 2**60))})
    assert xn.verify_equal(f, moved).refuted


def moved_by(net: Network, name: str, step: Fraction) -> Affine:
    operation = net.operation(name)
    assert isinstance(operation, Affine)
    return Affine(operation.weight + RationalArray.unit(operation.weight.size, 0).reshape(*operation.weight.shape) * step, operation.bias)


def test_what_holds_only_behind_the_equal_part_is_found_still() -> None:
    """relu(r) = r for r = relu(x), though not for every r."""
    first = [([[1, 2], [3, -1]], [0, 1])]
    f = xn.mlp([*first, ([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    g = xn.mlp([*first, ([[1, 1]], [0])])
    verdict = xn.verify_equal(f, g)
    assert verdict.proved
    assert verdict.certificate is not None
    assert "shared" not in verdict.certificate.evidence
    far = xn.mlp([*first, ([[1, 0], [0, 1]], [0, -1]), ([[1, 1]], [0])])
    assert xn.verify_equal(far, g, domain=BOX).refuted


def test_a_difference_behind_an_equal_part_is_no_refutation() -> None:
    """max(r - 1, 0) and 0 differ for r > 1, and relu(x) is at most 1 on the domain."""
    f = xn.mlp([([[1, 0]], [0]), ([[1]], [-1]), ([[1]], [0])])
    g = xn.mlp([([[1, 0]], [0]), ([[1]], [-1]), ([[0]], [0])])
    assert xn.verify_equal(f, g, domain=BOX).proved
    assert xn.verify_equal(f, g, domain=xn.Box([-1, -1], [2, 1])).refuted


def greatest(order: tuple[int, int, int]) -> Network:
    """max(max(a, b), c) of three inputs taken in this order, by max(p, q) = q + max(p - q, 0)."""
    rows = np.eye(3, dtype=int)[list(order)]
    keep = lambda row: [row, (-row).tolist()]  # noqa: E731 - z = max(z, 0) - max(-z, 0)
    first = np.array([rows[0] - rows[1], *keep(rows[1]), *keep(rows[2])])
    top, third = np.array([1, 1, -1, 0, 0]), np.array([0, 0, 0, 1, -1])
    second = np.array([top - third, *keep(third)])
    return xn.mlp([(first, [0] * 5), (second, [0] * 3), ([[1, 1, -1]], [0])])


def test_what_is_left_is_decided_cell_by_cell() -> None:
    """Maxima of three values of a deeper network, associated in two ways: its own neurons are no units of the search."""
    deep = xn.mlp(
        [
            (numbers(np.random.default_rng(3), 12, 4), numbers(np.random.default_rng(4), 12)),
            (numbers(np.random.default_rng(5), 12, 12), numbers(np.random.default_rng(6), 12)),
            (numbers(np.random.default_rng(7), 3, 12), numbers(np.random.default_rng(8), 3)),
        ]
    )
    f, g = (joined(deep, greatest(order)) for order in ((0, 1, 2), (1, 2, 0)))
    verdict = xn.verify_equal(f, g)
    assert verdict.proved
    assert verdict.certificate is not None
    assert verdict.certificate.kind == "tree"
    assert verdict.certificate.evidence["shared"] == [[[deep.outputs[0]], [deep.outputs[0]]]]
    assert xn.verify_equal(greatest((0, 1, 2)), greatest((2, 0, 1)), domain=xn.Box([-1] * 3, [1] * 3)).proved


@given(st.integers(0, 10**6))
@law(60)
def test_a_change_anywhere_is_found(seed: int) -> None:
    """A bias of a random convolutional or dense network moved by 2^-40: proved equal only where values agree everywhere that is tried."""
    rng = np.random.default_rng(seed)
    net = convolutional(rng) if rng.integers(2) else dense(rng, [2, 3, 3, 1])
    assert xn.verify_equal(net, net).proved
    names = [n for n in net.order if isinstance(net.operation(n), Affine)]
    if not names:
        return
    at = str(rng.choice(names))
    operation = net.operation(at)
    assert isinstance(operation, Affine)
    other = replaced(net, {at: Affine(operation.weight, operation.bias + RationalArray.unit(len(operation.bias), 0) * Fraction(1, 2**40))})
    verdict = xn.verify_equal(net, other, time_limit=2)
    values = RationalArray(rng.integers(-20, 21, (8, net.input_dim)), 3)
    same = net.evaluate(values) == other.evaluate(values)
    assert verdict.status != "proved" or same
    assert verdict.status != "refuted" or net(verdict.counterexample) != other(verdict.counterexample)


# --- copies of files ----------------------------------------------------------------------------------------------------------


def model(folder: Path, name: str, *, simple: bool, step: float = 0.0) -> Network:
    """A convolutional network as exported, and as tools write it that fold constants, batch norms, biases and paddings."""
    rng = np.random.default_rng(0)
    small = lambda *shape: (rng.integers(-64, 65, shape) / 256).astype(np.float32)  # noqa: E731
    w1, b1, shift, mean, w2, b2, w3, b3 = (
        small(4, 2, 3, 3),
        small(4),
        small(4),
        small(4),
        small(6, 4, 3, 3),
        small(6),
        small(24, 5),
        small(5),
    )
    scale = (2.0 ** rng.integers(-2, 3, 4)).astype(np.float32)
    constants: dict[str, Any] = {"w2": w2}
    nodes = []

    def add(op: str, operands: list[str], result: str, **attributes: Any) -> None:
        nodes.append(helper.make_node(op, operands, [result], name=result, **attributes))

    if simple:
        constants |= {
            "w1": w1 * scale[:, None, None, None],
            "b1": (b1 - mean) * scale + shift,
            "b2": b2,
            "w3": w3.T + np.float32(step),
            "b3": b3,
        }
        add("Conv", ["x", "w1", "b1"], "c1", pads=[1, 1, 1, 1])
        add("Relu", ["c1"], "r1")
        add("MaxPool", ["r1"], "p1", kernel_shape=[2, 2], strides=[2, 2])
        add("Conv", ["p1", "w2", "b2"], "c2", pads=[1, 1, 1, 1])
        add("Relu", ["c2"], "r2")
        add("AveragePool", ["r2"], "a", kernel_shape=[2, 2], strides=[2, 2])
        add("Flatten", ["a"], "flat")
        add("Gemm", ["flat", "w3", "b3"], "out", transB=1)
    else:
        constants |= {"w1": w1, "b1": b1, "scale": scale, "shift": shift, "mean": mean, "one": np.ones(4, np.float32), "w3": w3, "b3": b3}
        constants |= {"b2": b2.reshape(1, 6, 1, 1), "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "target": np.array([0, -1])}
        add("Identity", ["x"], "same")
        add("Pad", ["same", "pads"], "padded")
        add("Conv", ["padded", "w1", "b1"], "c1")
        add("BatchNormalization", ["c1", "scale", "shift", "mean", "one"], "n1", epsilon=0.0)
        add("Relu", ["n1"], "r1")
        add("Dropout", ["r1"], "d1")
        add("MaxPool", ["d1"], "p1", kernel_shape=[2, 2], strides=[2, 2])
        add("Conv", ["p1", "w2"], "c2", pads=[1, 1, 1, 1])
        add("Add", ["c2", "b2"], "s2")
        add("Relu", ["s2"], "r2")
        add("AveragePool", ["r2"], "a", kernel_shape=[2, 2], strides=[2, 2])
        add("Reshape", ["a", "target"], "flat")
        add("MatMul", ["flat", "w3"], "m")
        add("Add", ["m", "b3"], "out")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", *shape]) for n, shape in (("x", (2, 8, 8)), ("out", (5,)))]
    tensors = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], tensors)
    path = folder / f"{name}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return xn.load(path)


def test_a_copy_as_tools_simplify_it_is_the_same_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = (model(tmp_path, str(simple), simple=simple) for simple in (False, True))
    verdict = proved_at_once(f, g, monkeypatch)
    assert verdict.certificate is not None
    assert xn.check(verdict.certificate.save(tmp_path / "certificate.json"))
    assert xn.verify_equal(f, model(tmp_path, "moved", simple=True, step=2.0**-20)).refuted


def test_files_that_the_checker_reads_itself_are_compared_as_it_reads_them(tmp_path: Path) -> None:
    """A plain feedforward file against the torch module that it was exported from, bound by its hash."""
    torch.manual_seed(1)
    layers = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    f = xn.from_torch(layers, (4,))
    xn.save(f, tmp_path / "net.onnx")
    g = xn.load(tmp_path / "net.onnx")
    assert g.source is not None
    assert g.source.checkable
    verdict = xn.verify_equal(f, g)
    assert verdict.proved
    assert verdict.certificate is not None
    assert "shared" in verdict.certificate.evidence
    assert xn.check(verdict.certificate.save(tmp_path / "certificate.json"))
