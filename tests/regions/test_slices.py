"""Slices against the network itself, exactly, at random rational points; for every shape and number of inputs."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from exactnn.errors import ArgumentError, ExactnnError, NotFiniteError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.load import from_torch, load
from exactnn.network import Add, Affine, Builder, Concat, Input, Network, Reshape, activation, mlp, relu
from exactnn.regions.slices import restrict, through
from tests._networks import convolutional, degenerate, dense

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def random_slice(net, rng, k):
    """An origin and k directions; a unit part makes them independent."""
    n = net.input_dim
    directions = rng.integers(-9, 10, (k, n))
    directions[:, rng.permutation(n)[:k]] = np.triu(np.ones((k, k), dtype=int))
    return RationalArray(rng.integers(-9, 10, n), 7), RationalArray(directions, 5)


def assert_slice(net, part, origin, directions, rng, points=4):
    """part(t) = net(origin + sum t_i directions[i]) at random t, the sum taken in Fractions."""
    origin, directions = RationalArray.of(origin), RationalArray.of(directions)
    k, n = directions.shape
    base, rows = origin.to_fractions(), [directions[i].to_fractions() for i in range(k)]
    assert part.input_dim == k
    assert part.inputs == ("t",)
    assert part.output_dim == net.output_dim
    for round_ in range(points):
        t = [Fraction(int(v) * (round_ > 0), 11) for v in rng.integers(-99, 100, k)]
        point = [base[j] + sum((s * row[j] for s, row in zip(t, rows, strict=True)), Fraction(0)) for j in range(n)]
        assert part(t) == net(point)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("unit", ["relu", "abs", "leaky_relu(1/10)"])
def test_dense(k, unit):
    rng = np.random.default_rng(k)
    for make in (dense, degenerate):
        net = make(rng, (4, 5, 3, 2), unit)
        origin, directions = random_slice(net, rng, k)
        assert_slice(net, restrict(net, origin, directions), origin, directions, rng)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("head", ["flatten", "average", "transposed"])
def test_images(k, head):
    rng = np.random.default_rng(k)
    net = convolutional(rng, padding=1, pool="max", norms=("after",), head=head)
    origin, directions = random_slice(net, rng, k)
    part = restrict(net, origin, directions)
    assert_slice(net, part, origin, directions, rng)
    assert part.order[:3] == ("t", "x.flat", "x")
    assert part.operation("x") == Reshape((2, 5, 4))


def several_inputs():
    """Inputs of shapes (2, 3), (2,), () and one that nothing reads; one input is an output as well."""
    b = Builder()
    x, y, z, idle = (b.add(name, Input(shape)) for name, shape in (("t", (2, 3)), ("t_2", (2,)), ("z", ()), ("idle", (2, 2))))
    flat = b.add("t.flat", Reshape((6,)), x)
    joined = b.add("joined", Concat(0), y, flat, y)
    rows = RationalArray(np.random.default_rng(0).integers(-4, 5, (3, 10)))
    hidden = b.add("hidden", relu(), b.add("layer", Affine(rows, RationalArray.of([1, -1, 0])), joined))
    total = b.add("total", Add(), hidden, z)
    return b.build([x, y, z, idle], [total, y])


@pytest.mark.parametrize("k", [1, 2, 3, 13])
def test_several_inputs_whose_names_are_taken(k):
    rng = np.random.default_rng(k)
    net = several_inputs()
    assert net.input_dim == 13
    origin, directions = random_slice(net, rng, k)
    part = restrict(net, origin, directions)
    assert part.inputs == ("t_3",)
    assert part.outputs == net.outputs
    assert "idle" not in part.graph
    rows = [directions[i].to_fractions() for i in range(k)]
    for _ in range(4):
        t = [Fraction(int(v), 3) for v in rng.integers(-9, 10, k)]
        point = [o + sum(s * row[j] for s, row in zip(t, rows, strict=True)) for j, o in enumerate(origin.to_fractions())]
        assert part(t) == net(point)


def image_model(path: Path) -> Path:
    """An ONNX file with a 4-D input (batch, channels, height, width) and a second input."""
    rng = np.random.default_rng(1)
    constants = {"w": rng.standard_normal((3, 2, 2, 2)), "b": rng.standard_normal(3), "v": rng.standard_normal((27, 4))}
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("MatMul", ["f", "v"], ["m"]),
        helper.make_node("Add", ["m", "side"], ["s"]),
        helper.make_node("Relu", ["s"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "images",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 2, 4, 4]),
            helper.make_tensor_value_info("side", TensorProto.FLOAT, [1, 4]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor(n, TensorProto.FLOAT, v.shape, v.astype(np.float32).ravel()) for n, v in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize("k", [1, 2])
def test_onnx_with_a_four_dimensional_input(tmp_path, k):
    rng = np.random.default_rng(k)
    net = load(image_model(tmp_path / "images.onnx"))
    assert net.input_dim == 36
    origin, directions = random_slice(net, rng, k)
    part = restrict(net, origin, directions)
    assert (part.source.sha256, part.source.slice.directions.shape) == (net.source.sha256, (k, 36))
    assert_slice(net, part, origin, directions, rng)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real networks of {DATA} are not on this machine")
@pytest.mark.parametrize("suffix", ["onnx", "nnet"])
def test_a_real_network(suffix):
    rng = np.random.default_rng(0)
    net = load(DATA / "acasxu" / f"ACASXU_experimental_v2a_1_1.{suffix}")
    origin, directions = through(rng.standard_normal((3, net.input_dim)))
    assert_slice(net, restrict(net, origin, directions), origin, directions, rng, points=3)


def test_torch_module_and_tensors():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 2))
    net = from_torch(module, (3, 2, 2))
    origin, direction = torch.randn(12), torch.randn(12)
    part = restrict(net, origin, [direction])
    assert_slice(net, part, origin, torch.stack([direction]), np.random.default_rng(0))
    at_half = part.to_torch()(torch.tensor([[0.5]], dtype=torch.float64))
    assert at_half.flatten().tolist() == pytest.approx([float(v) for v in part(["1/2"])])


def test_smooth_and_rational_units():
    net = mlp([([[1, 2], [3, 4]], [0, 1]), ([[1, 1]], [0])], activation="identity")
    assert restrict(net, ["1/3", 0.5], [["0.1", Fraction(-2, 7)]])([7]) == net([Fraction(1, 3) + Fraction(7, 10), Fraction(-3, 2)])
    smooth = mlp([([[1, 2], [3, 4]], [0, 1]), ([[1, 1]], [0])], activation="tanh")
    part = restrict(smooth, [0, 0], [[1, 0], [0, 1]])
    assert part.hidden_layers == smooth.hidden_layers
    assert part.operation(part.hidden_layers[0]) == activation("tanh")


def test_a_slice_of_a_slice_is_a_slice():
    rng = np.random.default_rng(3)
    net = dense(rng, (5, 6, 2))
    origin, directions = random_slice(net, rng, 3)
    plane = restrict(net, origin, directions)
    line = restrict(plane, [1, "1/2", -1], [[1, 2, -3]])
    assert line.inputs == ("t_2",)
    base = origin + (RationalArray.of([[1, "1/2", -1]]) @ directions).reshape(5)
    direct = restrict(net, base, RationalArray.of([[1, 2, -3]]) @ directions)
    for t in (0, "1/3", -7):
        assert line([t]) == direct([t])


def test_the_network_is_not_changed():
    net = several_inputs()
    before = (net.order, net.inputs, {n: net.operation(n) for n in net.order})
    restrict(net, np.zeros(13), np.eye(13)[:2])
    assert (net.order, net.inputs, {n: net.operation(n) for n in net.order}) == before
    assert net == several_inputs()


# --- through points ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 5])
def test_through_points(count):
    rng = np.random.default_rng(count)
    net = dense(rng, (6, 5, 2))
    points = [[Fraction(int(v), 3) for v in row] for row in rng.integers(-9, 10, (count, 6))]
    origin, directions = through(points)
    part = restrict(net, origin, directions)
    k = count - 1
    corners = [[0] * k, *np.eye(k, dtype=int).tolist()]
    assert [part(t) for t in corners] == [net(p) for p in points]
    assert origin == tuple(points[0])
    assert all(isinstance(v, Fraction) for row in (origin, *directions) for v in row)


def test_through_takes_arrays_and_mixtures():
    expected = ((Fraction(0), Fraction(1)), ((Fraction(1, 2), Fraction(-1)),))
    assert through(np.array([[0, 1], [0.5, 0]])) == expected
    assert through(torch.tensor([[0, 1], [0.5, 0]])) == expected
    assert through([np.array([0, 1]), ("1/2", 0)]) == expected
    assert through([torch.tensor([0, 1]), [Fraction(1, 2), 0.0]]) == expected


@pytest.mark.parametrize(
    ("points", "kind", "message"),
    [
        ([[0, 1]], ShapeError, "at least 2 points are needed, for a line, got 1"),
        ([], ShapeError, "points: a list of flat points"),
        ([0, 1], ShapeError, "points: a list of flat points"),
        (np.zeros((2, 2, 2)), ShapeError, "flatten each point"),
        ([[0, 1], [1]], ShapeError, "rows of equal length"),
        ([[0, 1], [0, 1]], ArgumentError, r"points\[1\] lies in the span .* is zero"),
        ([[0, 1], [1, 1], [3, 1]], ArgumentError, r"points\[2\] .* is 3 \(points\[1\] - points\[0\]\)"),
        ([[], []], ArgumentError, r"points\[1\]"),
        ([[0, math.nan], [1, 1]], NotFiniteError, r"points\[0, 1\]"),
    ],
)
def test_points_that_span_nothing_are_refused(points: Any, kind: type[ExactnnError], message: str):
    with pytest.raises(kind, match=message):
        through(points)


# --- refusals ---------------------------------------------------------------------------------------------------------------

NET = mlp([([[1, 0, 2], [0, 1, 1]], [0, 0]), ([[1, 1]], [0])])


@pytest.mark.parametrize(
    ("origin", "directions", "kind", "message"),
    [
        ([0, 0], [[1, 0, 0]], ShapeError, r"origin: a flat vector of 3 numbers, the network's input_dim, is needed, got shape \(2,\)"),
        ([[0, 0, 0]], [[1, 0, 0]], ShapeError, r"got shape \(1, 3\); flatten it"),
        (0, [[1, 0, 0]], ShapeError, "origin: a flat vector"),
        ([0, 0, 0], [1, 0, 0], ShapeError, r"directions: .* got shape \(3,\); for one direction give \[direction\]"),
        ([0, 0, 0], [[1, 0]], ShapeError, r"directions: .* got shape \(1, 2\)"),
        ([0, 0, 0], [[[1], [0], [0]]], ShapeError, "flatten each direction"),
        ([0, 0, 0], [], ShapeError, "directions: a non-empty list"),
        ([0, 0, 0], np.zeros((0, 3)), ShapeError, "directions: a non-empty list"),
        ([0, 0, 0], [[1, 0, 0], [1, 0]], ShapeError, "rows of equal length"),
        ([0, 0, 0], [[0, 0, 0]], ArgumentError, r"directions\[0\] is zero"),
        ([0, 0, 0], [[1, 2, 0], [0, 0, 1], [2, 4, "1/2"]], ArgumentError, r"\[2\] is 2 \(directions\[0\]\) \+ 1/2 \(directions\[1\]\)"),
        ([0, 0, 0], [[1, 0, 0], [0, 1, 0], [0, 2, 0]], ArgumentError, r"directions\[2\] is 2 \(directions\[1\]\); leave it out"),
        ([0, 0, 0], [[1, 2, 3], [2, 4, 6]], ArgumentError, r"directions\[1\] is 2 \(directions\[0\]\); leave it out"),
        ([0, 0, 0], np.vstack([np.eye(3), [[1, 1, 1]]]), ArgumentError, r"directions\[3\] is 1 \(directions\[0\]\) \+ 1"),
        ([0, math.inf, 0], [[1, 0, 0]], NotFiniteError, "origin"),
        ([0, 0, 0], [[1, math.nan, 0]], NotFiniteError, "directions"),
        ([0, "x", 0], [[1, 0, 0]], ArgumentError, r"origin\[1\]"),
    ],
)
def test_what_is_no_slice_is_refused(origin: Any, directions: Any, kind: type[ExactnnError], message: str):
    with pytest.raises(kind, match=message):
        restrict(NET, origin, directions)


def test_what_is_no_network_is_refused():
    with pytest.raises(ArgumentError, match="net: a Network is needed, got a list"):
        restrict([1], [0], [[1]])  # type: ignore[arg-type]


def test_nearly_dependent_directions_are_independent():
    part = restrict(NET, [0, 0, 0], [[1, 0, 0], [1, 2.0**-60, 0]])
    assert isinstance(part, Network)
    assert part([-1, 1]) == NET([0, 2.0**-60, 0])
