from __future__ import annotations

from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch

import exactnn as xn
from exactnn.errors import ArgumentError, ExactnnError, NetworkError, NotRational, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    Builder,
    Concat,
    Constant,
    Input,
    Network,
    Operation,
    PRelu,
    Reshape,
    Source,
    Subtract,
    activation,
    mlp,
    relu,
)


def graph(nodes: dict[Any, Any], edges: dict[tuple[str, str], tuple[int, ...]]) -> nx.DiGraph[Any]:
    made: nx.DiGraph[Any] = nx.DiGraph()
    for name, operation in nodes.items():
        made.add_node(name, **({} if operation is None else {"operation": operation}))
    for (source, target), positions in edges.items():
        made.add_edge(source, target, positions=positions)
    return made


def test_x_plus_x_has_one_edge_with_two_positions() -> None:
    builder = Builder()
    x = builder.add("x", Input((2,)))
    builder.add("twice", Add(), x, x)
    builder.add("relu", relu(), "twice")
    builder.add("minus", Subtract(), "relu", x)
    net = builder.build([x], ["minus"])
    assert net.graph.edges["x", "twice"]["positions"] == (0, 1)
    assert net.operands("twice") == ("x", "x")
    assert net.operands("minus") == ("relu", "x")
    assert net.consumers("x") == ("twice", "minus")
    assert net([3, -4]) == (3, 4)
    swapped = Builder()
    swapped.add("x", Input((2,)))
    swapped.add("y", Constant(RationalArray.of([1, 1])))
    swapped.add("minus", Subtract(), "y", "x")
    assert swapped.build(["x"], ["minus"])([3, -4]) == (-2, 5)


def test_several_inputs_and_outputs_are_concatenated_in_declared_order() -> None:
    builder = Builder()
    builder.add("a", Input((2,)))
    builder.add("b", Input((2, 2)))
    builder.add("flat", Reshape((4,)), "b")
    builder.add("join", Concat(0), "flat", "a")
    net = builder.build(["b", "a"], ["join", "b", "a", "a"])
    assert (net.input_dim, net.output_dim) == (6, 6 + 4 + 2 + 2)
    b, a = (1, 2, 3, 4), (5, 6)
    assert net([*b, *a]) == (*b, *a, *b, *a, *a)
    other = builder.build(["a", "b"], ["join"])
    assert other([5, 6, 1, 2, 3, 4]) == (1, 2, 3, 4, 5, 6)
    batch = RationalArray.of([[5, 6, 1, 2, 3, 4], [0, 0, 0, 0, 0, 1]])
    assert other.evaluate(batch)[1].to_fractions() == (0, 0, 0, 1, 0, 0)


def test_constants_of_any_batch_size() -> None:
    builder = Builder()
    builder.add("x", Input((2,)))
    builder.add("c", Constant(RationalArray.of(["1/2", 3])))
    builder.add("y", Add(), "c", "x")
    net = builder.build(["x"], ["y", "c"])
    assert net([1, 2]) == (Fraction(3, 2), 5, Fraction(1, 2), 3)
    assert net.evaluate(RationalArray.zeros((3, 2))).shape == (3, 4)


def test_inputs_of_many_kinds() -> None:
    net = mlp([([[1, -2]], ["1/2"])])
    expected = (Fraction(1, 2),)
    for x in ([2, 1], (2.0, "1"), np.array([2, 1], dtype=np.float32), torch.tensor([2.0, 1.0]), [Fraction(2), np.int8(1)]):
        assert net(x) == expected
        assert type(net(x)[0]) is Fraction
    with pytest.raises(ShapeError, match=r"x: a flat point of 2 numbers is needed, or a batch \(n, 2\) of them, got shape \(3,\)"):
        net([1, 2, 3])
    assert net([[2, 1], [0, 0]]) == (expected, (Fraction(1, 2),))
    with pytest.raises(ShapeError, match="x: a flat point of 2 numbers is needed"):
        net([[1, 2, 3]])
    with pytest.raises(ArgumentError, match=r"x\[1\]: a finite number is needed"):
        net([1, float("nan")])
    with pytest.raises(ShapeError, match=r"points: shape \(batch, 2\) is needed, got \(2,\)"):
        net.evaluate(RationalArray.of([1, 2]))


def test_mlp() -> None:
    net = mlp([([[1, 2], [3, 4], [5, 6]], [1, 1, 1]), ([[1, 1, 1]], [0]), ([[2], [3]], [0, 1])], activation="leaky_relu(1/2)")
    assert net.order == ("input", "layer1", "leaky_relu1", "layer2", "leaky_relu2", "layer3")
    assert net.hidden_layers == ("leaky_relu1", "leaky_relu2")
    assert net([1, -1]) == (0, 1)  # (0, 0, 0) -> 0
    assert net([-1, 0]) == (-3, Fraction(-7, 2))  # (0, -2, -4) -> (0, -1, -2) -> -3 -> -3/2
    assert mlp([([[1]], [2])]).hidden_layers == ()
    assert repr(net) == "Network(2 -> 2: affine, leaky_relu(1/2), affine, leaky_relu(1/2), affine)"
    deep = mlp([([[1]], [0])] * 7)
    assert repr(deep) == "Network(1 -> 1: affine, relu, affine, relu, ... (13 nodes))"


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], ArgumentError, r"layers: a non-empty list of pairs \(W, b\)"),
        ("ab", ArgumentError, "layers: a non-empty list"),
        (3, ArgumentError, "layers: a non-empty list"),
        ([([[1]], [0], 1)], ArgumentError, r"layers\[0\]: a pair \(W, b\) is needed, got tuple"),
        ([5], ArgumentError, r"layers\[0\]: a pair \(W, b\) is needed, got int"),
        ([([1], [0])], ShapeError, r"W1: 2 axes are needed, got shape \(1,\)"),
        ([([[1]], [[0]])], ShapeError, "b1: 1 axes are needed"),
        ([([[1]], 0)], ShapeError, "b1: 1 axes are needed"),
        ([([[1], [2]], [0])], ShapeError, r"b1: shape \(2,\) is needed, one number for each row of W1, got \(1,\)"),
        ([([[1], [2]], [0, 0]), ([[1]], [0])], ShapeError, r"W2: 2 columns are needed to read the layer before, got shape \(1, 1\)"),
        ([([[1], [2, 3]], [0, 0])], ShapeError, "W1: rows of equal length are needed"),
        ([([[1, float("inf")]], [0])], ArgumentError, r"W1\[0, 1\]: a finite number is needed"),
        ([(np.array([[1, np.nan]]), [0])], ArgumentError, r"W1: finite numbers are needed, got nan at index \(0, 1\)"),
        ([([[1]], [0]), ([[1]], [0, 1])], ShapeError, r"b2: shape \(1,\) is needed"),
        ([(np.zeros((0, 3)), [])], ShapeError, r"W1: a non-empty matrix \(out, in\) is needed, got shape \(0, 3\)"),
        ([([[]], [0])], ShapeError, r"W1: a non-empty matrix \(out, in\) is needed"),
    ],
)
def test_mlp_errors(layers: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mlp(layers)


def test_layer_names() -> None:
    net = mlp([([[1]], [0])] * 3)
    assert [net.layer_name(i) for i in (0, 1, "relu2")] == ["relu1", "relu2", "relu2"]
    for layer in (2, -1, True, "layer1", None, 0.0):
        with pytest.raises(ArgumentError, match="layer: 0 to 1 or one of relu1, relu2 is needed, got"):
            net.layer_name(layer)  # type: ignore[arg-type]
    for layer in (0, "layer1"):
        with pytest.raises(ArgumentError, match="this one has no activation node"):
            mlp([([[1]], [2])]).layer_name(layer)


X = Input((2,))


@pytest.mark.parametrize(
    ("nodes", "edges", "inputs", "outputs", "message"),
    [
        ({}, {}, [], [], "at least one input and one output are needed; this network is empty"),
        ({"x": X}, {}, ["x"], [], "at least one input and one output are needed"),
        ({"x": X}, {}, [], ["x"], "at least one input and one output are needed"),
        ({"x": X}, {}, ["x"], ["y"], "'y' is named as input or output, but there is no such node"),
        ({"x": X}, {}, ["x", "x"], ["x"], "each input once is needed"),
        ({"x": X, "y": relu()}, {("x", "y"): (0,)}, ["x", "y"], ["y"], "node 'y': exactly the nodes listed as inputs are Input"),
        ({"x": X, "z": X}, {}, ["x"], ["x"], "node 'z': exactly the nodes listed as inputs are Input"),
        ({"x": X, "y": None}, {("x", "y"): (0,)}, ["x"], ["y"], "node 'y': a non-empty text as name and an Operation"),
        ({"x": X, "y": "relu"}, {("x", "y"): (0,)}, ["x"], ["y"], "node 'y': a non-empty text as name and an Operation"),
        ({"x": X, "": relu()}, {("x", ""): (0,)}, ["x"], ["x"], "node '': a non-empty text"),
        ({"x": X, 3: relu()}, {("x", 3): (0,)}, ["x"], ["x"], "node 3: a non-empty text"),
        (
            {"x": X, "a": Add(), "b": relu()},
            {("x", "a"): (0,), ("b", "a"): (1,), ("a", "b"): (0,)},
            ["x"],
            ["b"],
            "the graph has a cycle, .*'a'.*; only feedforward networks are treated",
        ),
        ({"x": X, "y": relu()}, {("y", "y"): (0,)}, ["x"], ["x"], "the graph has a cycle"),
        ({"x": X, "y": relu()}, {}, ["x"], ["y"], r"node 'y': piecewise_linear takes 1 operands at positions 0, 1, ..., got \[\]"),
        (
            {"x": X, "y": Add()},
            {("x", "y"): (0,)},
            ["x"],
            ["y"],
            r"node 'y': add takes 2 operands at positions 0, 1, ..., got \[\(0, 'x'\)\]",
        ),
        ({"x": X, "y": Add()}, {("x", "y"): (0, 2)}, ["x"], ["y"], "node 'y': add takes 2 operands"),
        ({"x": X, "y": Add()}, {("x", "y"): (1, 2)}, ["x"], ["y"], "node 'y': add takes 2 operands"),
        ({"x": X, "y": Concat(0)}, {}, ["x"], ["y"], "node 'y': concat takes some operands"),
        ({"x": X, "z": Input((2,))}, {("x", "z"): (0,)}, ["x", "z"], ["z"], "node 'z': input takes"),
        ({"x": Input((0,))}, {}, ["x"], ["x"], "inputs and outputs with entries are needed, got sizes 0 and 0"),
    ],
)
def test_what_is_no_network(nodes: Any, edges: Any, inputs: list[str], outputs: list[str], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        Network(graph(nodes, edges), inputs, outputs)


def test_two_sources_for_one_position() -> None:
    nodes = {"x": X, "z": X, "y": relu()}
    with pytest.raises(NetworkError, match="node 'y': piecewise_linear takes 1 operands"):
        Network(graph(nodes, {("x", "y"): (0,), ("z", "y"): (0,)}), ["x", "z"], ["y"])
    bare = graph({"x": X, "y": relu()}, {})
    bare.add_edge("x", "y")
    with pytest.raises(NetworkError, match="node 'y': piecewise_linear takes 1 operands"):
        Network(bare, ["x"], ["y"])


def test_errors_name_the_node() -> None:
    builder = Builder()
    builder.add("x", Input((2,)))
    builder.add("bad", Affine(RationalArray.eye(3), RationalArray.zeros((3,))), "x")
    with pytest.raises(ShapeError, match="node 'bad': affine: the weight"):
        builder.build(["x"], ["bad"])
    smooth = mlp([([[1]], [0]), ([[1]], [0])], activation="tanh")
    with pytest.raises(NotRational, match="node 'tanh1': tanh takes irrational values"):
        smooth([0])
    assert not smooth.is_piecewise_linear
    assert mlp([([[1]], [0]), ([[1]], [0])], activation=PRelu(RationalArray.of([3]))).is_piecewise_linear


def test_builder_errors() -> None:
    builder = Builder()
    builder.add("x", X)
    with pytest.raises(NetworkError, match="node 'x': names are unique"):
        builder.add("x", relu())
    with pytest.raises(NetworkError, match=r"node 'y': operands are added before the nodes that read them; \['z'\]"):
        builder.add("y", relu(), "z")
    assert "y" not in builder
    assert builder.fresh("x") == "x_2"
    assert builder.fresh("y") == "y"
    with pytest.raises(NetworkError, match="there is no such node"):
        builder.build(["x"], ["nowhere"])


def test_builder_leaves_out_what_no_output_needs() -> None:
    builder = Builder()
    builder.add("x", X)
    builder.add("z", X)
    builder.add("y", relu(), "x")
    builder.add("unused", relu(), "z")
    net = builder.build(["x", "z"], ["y"])
    assert net.order == ("x", "z", "y")
    later = builder.add("late", relu(), "y")
    assert later not in net.graph  # a network is not changed by what its builder does next


def test_the_graph_is_frozen() -> None:
    net = mlp([([[1]], [0])])
    with pytest.raises(nx.NetworkXError, match="Frozen"):
        net.graph.add_node("more")
    with pytest.raises(nx.NetworkXError, match="Frozen"):
        net.graph.remove_node("layer1")
    assert isinstance(net.graph, nx.DiGraph)
    assert all(isinstance(op, Operation) for _, op in net.graph.nodes(data="operation"))


def test_networks_are_values() -> None:
    one, two = (mlp([([[1, 2]], [0]), ([["1/3"]], [0])]) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert one != mlp([([[1, 2]], [0]), ([["1/4"]], [0])])
    assert one != mlp([([[1, 2]], [0]), ([["1/3"]], [0])], activation="abs")
    assert one != 3
    builder = Builder()
    builder.add("x", Input((1,)))
    builder.add("y", relu(), "x")
    builder.add("z", relu(), "x")
    assert builder.build(["x"], ["y", "z"]) != builder.build(["x"], ["z", "y"])
    file = Source("f.json", "0" * 64, "json")
    assert builder.build(["x"], ["y"], source=file) == builder.build(["x"], ["y"])  # where it came from is no part of the value
    assert builder.build(["x"], ["y"], source=file).source == file


def test_trace_keeps_what_is_asked_for() -> None:
    net = mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
    at = RationalArray.of([[2], [-3]])
    values = net.trace(at)
    assert set(values) == set(net.order)
    assert values["relu1"] == RationalArray.of([[2, 0], [0, 3]])
    assert set(net.trace(at, keep=["layer1"])) == {"layer1"}
    assert net.trace(at, keep=["layer1"])["layer1"] == values["layer1"]
    assert net.evaluate(at) == values["layer2"]
    assert activation("relu") == net.operation("relu1")
    assert issubclass(NetworkError, ExactnnError)


def test_values_at_lists_of_points() -> None:
    net = xn.mlp([([[1, 2]], ["1/3"])])
    assert net.evaluate([[1, 2], ["1/2", 0]]).to_fractions() == (Fraction(16, 3), Fraction(5, 6))
    with pytest.raises(ShapeError, match=r"points: shape \(batch, 2\) is needed, got \(2,\)"):
        net.evaluate([1, 2])
