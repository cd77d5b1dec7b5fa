"""Rational functions in ONNX: the network is the function spelled out in the file, defined where that is, in one node where possible."""

from __future__ import annotations

import contextlib
import io
import operator
import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper
from torch import nn

import exactnn as xn
from exactnn.errors import LoadError, NotRational, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._file import ModelFile
from exactnn.load.onnx import read_onnx
from exactnn.network import Network, PiecewiseLinear, Rational
from exactnn.nn import ERA, SafePade
from tests.strategies import law

from ._onnx_models import disagreement, model, node, read, run

N = "n"
POINTS = [Fraction(k, 6) for k in (-30, -12, -7, -6, -3, 0, 2, 3, 4, 6, 9, 12, 25)]


STEPS: dict[str, Callable[..., Fraction]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.truediv,
    "Neg": operator.neg,
    "Identity": operator.pos,
    "Sum": lambda *terms: sum(terms, Fraction(0)),
    "Pow": lambda x, n: x ** int(n),
    "Reciprocal": lambda x: 1 / x,
}


def spelled_out(proto: onnx.ModelProto, x: Fraction, place: int) -> Fraction:
    """The value of a graph of elementwise operations at x, step by step; constants of several entries at this place of their first axis."""
    values = {}
    for tensor in proto.graph.initializer:
        entries = numpy_helper.to_array(tensor).reshape(-1)
        values[tensor.name] = Fraction(float(entries[place if len(entries) > 1 else 0]))
    values[proto.graph.input[0].name] = x
    producers = {step.output[0]: step for step in proto.graph.node}

    def value(name: str) -> Fraction:
        if name not in values:
            step = producers[name]
            values[name] = STEPS[step.op_type](*map(value, step.input))
        return values[name]

    return value(proto.graph.output[0].name)


def agrees(proto: onnx.ModelProto, net: Network, channels: int = 1) -> None:
    """The network's values, and the points without one, are those of the graph."""
    for x in POINTS:
        try:
            wanted = tuple(spelled_out(proto, x, place) for place in range(channels))
        except ZeroDivisionError:
            with pytest.raises(NotRational, match="pole"):
                net([x] * net.input_dim)
            continue
        found = net([x] * net.input_dim)
        assert found == tuple(v for v in wanted for _ in range(net.output_dim // channels))


def rationals(net: Network) -> list[Rational]:
    return [op for op in map(net.operation, net.order) if isinstance(op, Rational)]


# --- graphs by hand --------------------------------------------------------------------------------------------------

CONSTANTS: dict[str, Any] = {"zero": 0.0, "one": 1.0, "two": 2.0, "c": -0.75, "tenth": 0.1, "n3": 3.0, "k": [0.5, -1.0, 2.0]}
#: the nodes, and numerator and denominator of the one node that they make ([], []: only its values are compared)
ONE: dict[str, tuple[list[onnx.NodeProto], list[Any], list[Any]]] = {
    "reciprocal": ([node("Reciprocal", "x")], [1], [0, 1]),
    "number by value": ([node("Mul", "x x", "s"), node("Add", "s one", "q"), node("Div", "two q")], [2], [1, 0, 1]),
    "value by value": ([node("Mul", "x x", "s"), node("Add", "one s", "q"), node("Div", "x q")], [0, 1], [1, 0, 1]),
    "era": (
        [
            node("Mul", "x two", "ax"),
            node("Add", "ax c", "line"),
            node("Sub", "x one", "u"),
            node("Mul", "u u", "uu"),
            node("Add", "uu one", "q1"),
            node("Div", "u q1", "f1"),
            node("Add", "line f1", "t1"),
            node("Mul", "x x", "xx"),
            node("Add", "xx two", "q2"),
            node("Div", "one q2", "f2"),
            node("Sub", "t1 f2"),
        ],
        [],
        [],
    ),
    "polynomial": ([node("Mul", "x x", "s"), node("Mul", "s x", "t"), node("Sub", "t x")], [0, -1, 0, 1], [1]),
    "power": ([node("Pow", "x n3", "t"), node("Neg", "t")], [0, 0, 0, -1], [1]),
    "negative power": ([node("Neg", "two", "m"), node("Pow", "x m")], [1], [0, 0, 1]),
    "inverted": (
        [
            node("Mul", "x x", "s"),
            node("Div", "c s", "r"),
            node("Sub", "one r"),
        ],
        [0.75, 0, 1],
        [0, 0, 1],
    ),
    "scaled and shifted": (
        [node("Reciprocal", "x", "r"), node("Mul", "two r", "t"), node("Div", "t c", "v"), node("Add", "v one")],
        [],
        [],
    ),
    "nested": (
        [node("Mul", "x x", "s"), node("Add", "s one", "p"), node("Div", "one p", "r"), node("Add", "r one", "q"), node("Div", "x q")],
        [0, 1, 0, 1],
        [2, 0, 1],
    ),
    "a factor without real zeros cancels": (
        [
            node("Mul", "x x", "s"),
            node("Add", "s one", "p"),
            node("Mul", "p x", "t"),
            node("Mul", "p s", "q"),
            node("Add", "q p", "v"),
            node("Div", "t v"),
        ],
        [0, 1],
        [1, 0, 1],
    ),
    "sum of several": ([node("Reciprocal", "x", "r"), node("Sum", "x r one")], [1, 1, 1], [0, 1]),
    "through identity": (
        [node("Identity", "x", "z"), node("Mul", "z x", "s"), node("Add", "s one", "q"), node("Div", "z q")],
        [0, 1],
        [1, 0, 1],
    ),
}


@pytest.mark.parametrize("name", ONE)
def test_one_node(name: str, tmp_path: Path) -> None:
    nodes, numerator, denominator = ONE[name]
    proto = model(nodes, {"x": (N, 2, 3)}, CONSTANTS)
    net = read(proto, tmp_path)
    assert net.order == ("x", "y")
    (found,) = rationals(net)
    if numerator:
        assert found == Rational.of(numerator, denominator)
    agrees(proto, net)


def test_chains_stay_chains_where_one_node_would_have_more_values(tmp_path: Path) -> None:
    """1/(1 + 1/x) is x/(x + 1) but for x = 0."""
    proto = model([node("Reciprocal", "x", "r"), node("Add", "r one", "q"), node("Reciprocal", "q")], {"x": (N, 1)}, CONSTANTS)
    net = read(proto, tmp_path)
    assert rationals(net) == [Rational.of([1, 1], [0, 1]), Rational.of([1], [0, 1])]
    agrees(proto, net)
    for x in (0, -1):
        with pytest.raises(NotRational):
            net([x])


def test_what_else_reads_a_part_keeps_it(tmp_path: Path) -> None:
    nodes = [node("Mul", "x x", "s"), node("Add", "s one", "q"), node("Div", "x q"), node("Relu", "q", "z")]
    net = read(model(nodes, {"x": (N, 1)}, CONSTANTS, outputs="y z"), tmp_path)
    assert set(net.order) == {"x", "q", "y", "z"}
    assert net([3]) == (Fraction(3, 10), 10)


def test_a_sum_with_another_value_stays_a_sum(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x w", "h"), node("Mul", "x x", "s"), node("Add", "h s")]
    net = read(model(nodes, {"x": (N, 2)}, {"w": np.eye(2, dtype=np.float32)[::-1]}), tmp_path)
    assert [net.operation(n).kind for n in net.order] == ["input", "affine", "rational", "add"]
    assert net([2, 5]) == (9, 27)


DEGENERATE: dict[str, tuple[list[onnx.NodeProto], tuple[int, int]]] = {
    "numerator zero": ([node("Mul", "x zero", "p"), node("Mul", "x x", "s"), node("Add", "s one", "q"), node("Div", "p q")], (0, 0)),
    "all cancels": ([node("Mul", "x x", "s"), node("Add", "s one", "q"), node("Div", "q q")], (0, 1)),
    "all but x cancels": ([node("Mul", "x x", "s"), node("Add", "s one", "q"), node("Mul", "q x", "p"), node("Div", "p q")], (1, 0)),
    "x x - x x + x": ([node("Mul", "x x", "s"), node("Sub", "s s", "o"), node("Add", "o x")], (1, 0)),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_what_is_a_line_is_read_as_one(name: str, tmp_path: Path) -> None:
    nodes, (slope, constant) = DEGENERATE[name]
    proto = model(nodes, {"x": (N, 2)}, CONSTANTS)
    net = read(proto, tmp_path)
    assert net.operation("y") == PiecewiseLinear.of(slope, constant, [])
    agrees(proto, net)


def test_constants_alone_are_folded_in_their_type(tmp_path: Path) -> None:
    nodes = [node("Div", "two c", "d"), node("Pow", "d n3", "e"), node("Reciprocal", "e", "r"), node("Mul", "x r")]
    e = np.float32(float(np.float32(2) / np.float32(CONSTANTS["c"])) ** 3)  # rounded after each step
    net = read(model(nodes, {"x": (N, 1)}, CONSTANTS), tmp_path)
    assert net([1]) == (Fraction(float(np.float32(1) / e)),)
    assert net([1]) != (Fraction(-27, 512),)  # the value without rounding


# --- one function for each channel -----------------------------------------------------------------------------------


def by_channel(shape: tuple[int, ...], k: list[float]) -> onnx.ModelProto:
    """(x k)/(x^2 + 1) + c."""
    nodes = [node("Mul", "x k", "p"), node("Mul", "x x", "s"), node("Add", "s one", "q"), node("Div", "p q", "r"), node("Add", "r c")]
    constants = {**CONSTANTS, "k": np.array(k, dtype=np.float32).reshape(-1, *(1,) * (len(shape) - 1))}
    return model(nodes, {"x": (N, *shape)}, constants)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 2)])
def test_constants_of_channels(shape: tuple[int, ...], tmp_path: Path) -> None:
    proto = by_channel(shape, [0.5, -1.0, 2.0])
    net = read(proto, tmp_path)
    assert rationals(net) == [Rational.of([-0.75, k, -0.75], [1, 0, 1]) for k in (0.5, -1, 2)]
    assert [net.operation(n).kind for n in net.order].count("slice") == 3
    agrees(proto, net, 3)
    assert disagreement(proto, net, batch=3) < 1e-6


def test_neighbours_with_one_function_share_a_node(tmp_path: Path) -> None:
    proto = by_channel((4, 2), [0.5, 0.5, 2.0, 2.0])
    net = read(proto, tmp_path)
    assert len(rationals(net)) == 2
    agrees(proto, net, 4)
    assert read(by_channel((4, 2), [0.5] * 4), tmp_path).order == ("x", "y")


def test_names_of_the_file_come_first(tmp_path: Path) -> None:
    nodes = [*by_channel((2,), [1.0, 2.0]).graph.node, node("Relu", "x", "y/slice0"), node("Relu", "x", "y/rational1")]
    net = read(model(nodes, {"x": (N, 2)}, {**CONSTANTS, "k": [1.0, 2.0]}, outputs="y y/slice0 y/rational1"), tmp_path)
    assert {"y/slice0_2", "y/rational1_2", "y/slice0", "y/rational1"} <= set(net.order)


def test_a_constant_of_each_channel_behind_one_function_stays_behind(tmp_path: Path) -> None:
    proto = model([node("Reciprocal", "x", "r"), node("Mul", "r k")], {"x": (N, 3)}, CONSTANTS)
    net = read(proto, tmp_path)
    assert [net.operation(n).kind for n in net.order] == ["input", "rational", "scale"]
    agrees(proto, net, 3)


# --- what is refused -------------------------------------------------------------------------------------------------

SQUARES = [node("Mul", "x x" if i == 0 else f"s{i - 1} s{i - 1}", f"s{i}") for i in range(7)]
REFUSED: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "x/x": ([node("Div", "x x")], "cancels"),
    "x - 1 cancels": ([node("Sub", "x one", "u"), node("Mul", "u x", "p"), node("Div", "p u")], "cancels"),
    "0/x": ([node("Sub", "x x", "o"), node("Div", "o x")], "cancels"),
    "x/0": ([node("Sub", "x x", "o"), node("Div", "x o")], "0 for every input"),
    "two inputs": ([node("Div", "x z")], "rational functions of one value"),
    "two inputs in parts": ([node("Mul", "x x", "s"), node("Add", "s z", "q"), node("Div", "x q")], "rational functions of one value"),
    "a sum over entries": ([node("ReduceSum", "x last", "q"), node("Div", "x q")], "rational functions of one value"),
    "abs": ([node("Abs", "x", "a"), node("Add", "a one", "q"), node("Div", "x q")], "abs inside, it is only piecewise rational"),
    "clip": ([node("Clip", "x c one", "a"), node("Mul", "a x")], "clip(-3/4, 1) inside, it is only piecewise rational"),
    "degree": ([*SQUARES, node("Add", "s6 x", "q"), node("Div", "x q")], "degree 128"),
    "two axes": ([node("Mul", "x k", "p"), node("Add", "p rows", "q"), node("Div", "x q")], "differ along two"),
    "root": ([node("Pow", "x half")], "whole exponent"),
    "power 0": ([node("Pow", "x zero")], "whole exponent"),
    "power 65": ([node("Pow", "x many")], "whole exponent"),
    "powers": ([node("Pow", "x k")], "whole exponent"),
    "power of x": ([node("Pow", "two x")], "must be constant"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    nodes, words = REFUSED[name]
    constants = {**CONSTANTS, "half": 0.5, "many": 65.0, "rows": [[1.0], [2.0]], "last": np.array([-1], dtype=np.int64)}
    with pytest.raises((LoadError, UnsupportedOperation)) as caught:
        read(model(nodes, {"x": (N, 2, 3), "z": (N, 2, 3)}, constants), tmp_path)
    assert words in str(caught.value)
    assert f"({nodes[-1].op_type})" in str(caught.value)


def test_high_degrees_stay_apart_where_they_can(tmp_path: Path) -> None:
    proto = model([*SQUARES, node("Add", "s6 one")], {"x": (N, 1)}, CONSTANTS)
    net = read(proto, tmp_path)
    assert len(rationals(net)) > 1
    assert net([2]) == (2**128 + 1,)


# --- shapes, integers, sizes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "exponent"),
    [((N, 1), (3,)), ((N, 1), (1, 3)), ((N, 2, 1), (3,)), ((N, 1, 3), (2, 1)), ((N, 3), ()), ((1, 2), (5, 1)), ((1, 2), (1, 1, 1))],
)
@pytest.mark.parametrize("power", [2.0, -3.0])
def test_a_power_has_the_shape_of_base_and_exponent_together(
    shape: tuple[Any, ...], exponent: tuple[int, ...], power: float, tmp_path: Path
) -> None:
    nodes = [node("Mul", "x x", "s"), node("Add", "s one", "q"), node("Pow", "q n", "p"), node("Add", "p one")]
    proto = model(nodes, {"x": shape}, {"n": np.full(exponent, power, dtype=np.float32), "one": 1.0})
    assert disagreement(proto, read(proto, tmp_path), batch=3 if shape[0] == N else 1) < 1e-6


@pytest.mark.parametrize(("base", "power"), [([2, -3], 3.0), ([1, -1], -3.0), ([3, 0], 4.0), ([[2], [3]], 2.0)])
def test_a_power_of_integers_is_one_of_integers(base: list[Any], power: float, tmp_path: Path) -> None:
    """The quotient by 2 is cut off, as that of integers is."""
    nodes = [node("Pow", "b n", "p"), node("Div", "p two", "h"), node("Cast", "h", "f", to=1), node("Add", "x f")]
    constants = {"b": np.array(base, dtype=np.int64), "n": np.float32(power), "two": np.array(2, dtype=np.int64)}
    proto = model(nodes, {"x": (1, 2)}, {k: np.asarray(v) for k, v in constants.items()})
    assert disagreement(proto, read(proto, tmp_path)) == 0


def test_repeated_integers_stay_integers(tmp_path: Path) -> None:
    nodes = [node("Mul", "a b", "p"), node("Div", "p two", "h"), node("Cast", "h", "f", to=1), node("Add", "x f")]
    constants = {"a": np.array([7]), "b": np.array([1, -3]), "two": np.array(2)}
    proto = model(nodes, {"x": (N, 2)}, constants)
    assert disagreement(proto, read(proto, tmp_path)) == 0


@pytest.mark.parametrize(("base", "power"), [([2, 3], -2.0), ([3], 40.0), ([-2], 63.0 + 1)])
def test_a_power_that_is_no_integer_of_its_type_is_refused(base: list[int], power: float, tmp_path: Path) -> None:
    nodes = [node("Pow", "b n", "p"), node("Cast", "p", "f", to=1), node("Add", "x f")]
    proto = model(nodes, {"x": (N, 2)}, {"b": np.array(base, dtype=np.int64), "n": power})
    with pytest.raises(UnsupportedOperation, match=r"'p' \(Pow\): .* type int64, .*cast the operands to a float"):
        read(proto, tmp_path)


def test_negative_powers_of_zero_are_refused(tmp_path: Path) -> None:
    for nodes in ([node("Pow", "b n", "p"), node("Add", "x p")], [node("Reciprocal", "b", "p"), node("Add", "x p")]):
        with pytest.raises(LoadError, match=r"'p'.*finite numbers"):  # infinite, as a runtime has it
            read(model(nodes, {"x": (N, 2)}, {"b": [1.0, 0.0], "n": -1.0}), tmp_path)


def squared(count: int, name: str) -> list[onnx.NodeProto]:
    return [node("Mul", f"{name} {name}" if not i else f"k{i - 1} k{i - 1}", f"k{i}") for i in range(count)]


def powers(count: int, name: str) -> list[onnx.NodeProto]:
    return [node("Pow", f"{name if not i else f'k{i - 1}'} n", f"k{i}") for i in range(count)]


def scaled(count: int, name: str) -> list[onnx.NodeProto]:
    return [node("Mul", f"{name if not i else f'v{i - 1}'} c", f"v{i}") for i in range(count)]


def shared_zeros(last: str = "c60") -> list[onnx.NodeProto]:
    """p/(p (x + 1)) with a polynomial p of degree 61, whose real zeros are to be counted."""
    nodes = [node("Mul", "x c0", "h0")]
    for i, constant in enumerate([*(f"c{k}" for k in range(1, 60)), last]):
        nodes += [node("Add", f"h{i} {constant}", f"a{i}"), node("Mul", f"a{i} x", f"h{i + 1}")]
    return [*nodes, *cancelled("h60")]


def close_zeros() -> list[onnx.NodeProto]:
    """p/(p (x + 1)), p = x^33 - 2 (2^100 x - 1)^2, whose zeros near 2^-100 are less than 2^-1500 apart."""
    p = [node("Mul", "x big", "b"), node("Sub", "b one", "u"), node("Mul", "u u", "v"), node("Add", "v v", "w")]
    p += [node("Pow", "x n33", "t"), node("Sub", "t w", "p")]
    return [*p, *cancelled("p")]


def cancelled(p: str) -> list[onnx.NodeProto]:
    return [node("Add", "x one", "q"), node("Mul", f"{p} q", "r"), node("Div", f"{p} r")]


HOSTILE: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "squares of a constant": ([*squared(30, "c"), node("Mul", "x k29")], "finite"),
    "powers of a constant": ([*powers(6, "c"), node("Mul", "x k5")], "finite"),
    "powers of many constants": ([*powers(6, "many"), node("Mul", "x k5")], "finite"),
    "powers of powers": ([*powers(12, "x"), node("Div", "x k11")], "degree"),
    "long coefficients": ([*scaled(900, "x"), node("Mul", "v899 x", "s"), node("Div", "one s")], "bits"),
    "reciprocals of many constants": ([node("Div", "x many")], "bits"),
    "a common factor of high degree": (shared_zeros(), "a real zero that cancels"),
    "close zeros": (close_zeros(), "a real zero that cancels"),
    "a long common factor": (shared_zeros("long"), "that cancels, too long"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_no_time(name: str, tmp_path: Path) -> None:
    nodes, words = HOSTILE[name]
    rng = np.random.default_rng(0)
    many = rng.normal(size=6_000)
    constants: dict[str, Any] = {
        "c": np.array(1.2345e300),
        "n": np.array(64.0),
        "one": np.array(1.0),
        "many": many,
        "long": np.array(1e-300),
        "big": np.array(2.0**100),
        "n33": np.array(33.0),
    }
    constants |= {f"c{i}": np.array(v) for i, v in enumerate(rng.normal(size=61))}
    size = 6_000 if any("many" in n.input for n in nodes) else 1
    proto = model(nodes, {"x": (N, size)}, constants, kind=onnx.TensorProto.DOUBLE)
    start = time.process_time()
    with pytest.raises(LoadError, match=words):
        read(proto, tmp_path)
    assert time.process_time() - start < 10


def test_powers_of_powers_are_a_chain(tmp_path: Path) -> None:
    net = read(model([*powers(2, "x"), node("Identity", "k1")], {"x": (N, 1)}, {"n": 64.0}), tmp_path)
    assert net([2]) == (2**4096,)
    assert [f.name for f in rationals(net)] == ["rational(64/0)"] * 2


# --- a law -----------------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> onnx.ModelProto:
    """Elementwise graphs on x, three channels, whose last node is the output."""
    nodes: list[onnx.NodeProto] = []
    values = ["x"]
    for i in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(["Add", "Sub", "Mul", "Div", "Mul", "Div", "Neg", "Reciprocal"]))
        recent = st.sampled_from(values[-3:])
        operands = [draw(recent)]
        if kind in ("Add", "Sub", "Mul", "Div"):
            operands.append(draw(st.sampled_from([*values, *CONSTANTS]) if kind != "Div" else st.sampled_from([*values, "two", "k"])))
            if draw(st.booleans()) and kind != "Div":
                operands.reverse()
        name = f"v{i}"
        nodes.append(node(kind, " ".join(operands), name))
        values.append(name)
    return model(nodes, {"x": (N, 3)}, CONSTANTS, outputs=values[-1])


@given(graphs())
@law(200)
def test_values_and_poles_are_those_of_the_graph(proto: onnx.ModelProto) -> None:
    try:
        net = read_onnx(ModelFile("law.onnx", proto.SerializeToString()))
    except LoadError as error:
        assert any(words in str(error) for words in ("cancels", "0 for every input", "degree"))  # noqa: PT017
        return
    agrees(proto, net, 3)


# --- what torch exports ----------------------------------------------------------------------------------------------


def exported(module: nn.Module, shape: tuple[int, ...], *, dynamo: bool) -> onnx.ModelProto:
    pytest.importorskip("onnxscript")
    x, file = torch.randn(2, *shape), io.BytesIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            program = torch.onnx.export(module.eval(), (x,), dynamo=True, verbose=False, dynamic_shapes=({0: torch.export.Dim("batch")},))
            assert program is not None
            program.save(file)
        else:
            names: dict[str, Any] = {"input_names": ["x"], "dynamic_axes": {"x": [0]}}
            torch.onnx.export(module.eval(), (x,), file, dynamo=False, **names)
    return onnx.load_from_string(file.getvalue())


UNITS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "ERA": (lambda: ERA(4, "random", seed=0), (3,), 1),
    "ERA of channels": (lambda: ERA(2, "random", channels=3, seed=0), (3, 2), 3),
    "ERA of groups": (lambda: ERA(2, "random", channels=4, groups=2, seed=0), (4,), 2),
    "Pade N": (lambda: SafePade("N", (3, 2), "random", seed=0), (3,), 1),
    "Pade N of channels": (lambda: SafePade("N", (3, 2), "random", channels=3, seed=0), (3,), 3),
}


@pytest.mark.slow
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("name", UNITS)
def test_exported_units(name: str, dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    unit, shape, functions = UNITS[name]
    module = nn.Sequential(nn.Linear(shape[-1], shape[-1]), unit()) if len(shape) == 1 else unit()
    proto = exported(module, shape, dynamo=dynamo)
    assert "Clip" not in {n.op_type for n in proto.graph.node}
    net, wanted = read(proto, tmp_path), xn.from_torch(module, shape)
    assert len(rationals(net)) == len(rationals(wanted)) == functions
    points = RationalArray(np.random.default_rng(0).integers(-20, 21, (6, net.input_dim)), 7)
    found, expected = net.evaluate(points), wanted.evaluate(points)
    if name.startswith("Pade"):
        assert found == expected
        assert rationals(net) == rationals(wanted)
    np.testing.assert_allclose(found.to_float(), expected.to_float(), rtol=1e-6, atol=1e-6)
    x = points.to_float().astype(np.float32).reshape(6, *shape)
    (floats,) = run(proto, {proto.graph.input[0].name: x})
    np.testing.assert_allclose(found.to_float(), floats.reshape(6, -1), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_an_exported_era_is_the_function_of_the_numbers_in_the_file(tmp_path: Path) -> None:
    module = ERA(4, "random", seed=1)
    proto = exported(module, (2,), dynamo=True)
    net = read(proto, tmp_path)
    agrees(proto, net)
    assert rationals(net) != rationals(xn.from_torch(module, 2))  # rounded by the export, as the module's docstring says


@pytest.mark.slow
@pytest.mark.parametrize("version", ["A", "B", "C"])
@pytest.mark.parametrize("dynamo", [True, False])
def test_a_piecewise_unit_is_refused_by_the_name_of_its_reason(version: str, dynamo: bool, tmp_path: Path) -> None:
    with pytest.raises(LoadError) as caught:
        read(exported(SafePade(version, (3, 2)), (2,), dynamo=dynamo), tmp_path)
    message = str(caught.value)
    assert all(words in message for words in ("abs inside", "piecewise rational", "exactnn.nn.ERA", "version N", "from_torch"))


# --- certificates ----------------------------------------------------------------------------------------------------


def test_certificates_hold_the_loaded_network(tmp_path: Path) -> None:
    layers = [([[1, 2], [3, -1]], [0, 1]), ([[1, 1]], [0])]
    net = xn.mlp(layers, xn.rational.RationalFunction([0, 1], [1, 0, 1]))
    turned = xn.mlp([([[3, -1], [1, 2]], [1, 0]), ([[1, 1]], [0])], xn.rational.RationalFunction([0, 1], [1, 0, 1]))
    for name, f in (("net", net), ("turned", turned)):
        xn.save(f, tmp_path / f"{name}.onnx")
    loaded, other = (xn.load(tmp_path / f"{name}.onnx") for name in ("net", "turned"))
    assert loaded.source is not None
    assert not loaded.source.checkable
    proved = xn.verify_equal(loaded, other)
    assert proved.status == "proved"
    refuted = xn.verify_equal(loaded, xn.mlp([layers[0], ([[1, 2]], [0])], "relu"))
    assert refuted.status == "refuted"
    for number, verdict in enumerate((proved, refuted)):
        path = tmp_path / f"{number}.json"
        verdict.certificate.save(path)
        assert '"inline"' in path.read_text()
        assert xn.check(path)
    poles = [row.real_poles for row in xn.verify.activation_poles(loaded)]
    assert poles == [()]
