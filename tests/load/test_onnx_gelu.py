"""GELU as exporters spell it below operator set 20, and what onnxruntime saves as an optimised model."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from torch import nn

from exactnn.errors import UnsupportedOperation
from exactnn.network import Network, PiecewiseLinear, Scale, Smooth, clip, leaky_relu, relu

from ._onnx_models import disagreement, model, node, random_inputs, read, run

N = "n"
ROOT, SLOPE, CUBIC = math.sqrt(2), math.sqrt(2 / math.pi), 0.044715
NUMBERS = {
    "root": ROOT,
    "inverse": 1 / ROOT,
    "one": 1.0,
    "half": 0.5,
    "slope": SLOPE,
    "cubic": CUBIC,
    "three": 3.0,
    "two": 2.0,
    "minus": -1.0,
}
KINDS = {"float16": TensorProto.FLOAT16, "float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}

BY_DIVISION, BY_PRODUCT = [node("Div", "x root", "u"), node("Erf", "u", "e")], [node("Mul", "inverse x", "u"), node("Erf", "u", "e")]
CUBE = [node("Pow", "x three", "c")]
TANH = [node("Mul", "cubic c", "d"), node("Add", "x d", "s"), node("Mul", "s slope", "u"), node("Tanh", "u", "e")]
# after p = 1 + e, each order of the factors
ENDS = {
    "(x p) h": [node("Mul", "x p", "q"), node("Mul", "q half")],
    "(p x) h": [node("Mul", "p x", "q"), node("Mul", "half q")],
    "(x h) p": [node("Mul", "x half", "q"), node("Mul", "q p")],
    "p (h x)": [node("Mul", "half x", "q"), node("Mul", "p q")],
    "x (p h)": [node("Mul", "p half", "q"), node("Mul", "x q")],
    "(h p) x": [node("Mul", "half p", "q"), node("Mul", "q x")],
    "(x p)/2": [node("Mul", "x p", "q"), node("Div", "q two")],
    "(x/2) p": [node("Div", "x two", "q"), node("Mul", "q p")],
    "x (p/2)": [node("Div", "p two", "q"), node("Mul", "x q")],
}
STARTS = {
    "gelu": [BY_DIVISION, BY_PRODUCT],
    "gelu_tanh": [
        [*CUBE, *TANH],
        [node("Mul", "x x", "xx"), node("Mul", "xx x", "c"), *TANH],
        [
            node("Mul", "x x", "xx"),
            node("Mul", "xx cubic", "d"),
            node("Add", "d one", "s"),
            node("Mul", "x s", "t"),
            node("Mul", "t slope", "u"),
            node("Tanh", "u", "e"),
        ],
        [
            node("Mul", "x x", "xx"),
            node("Mul", "xx cubic", "d"),
            node("Add", "one d", "s"),
            node("Mul", "x slope", "t"),
            node("Mul", "t s", "u"),
            node("Tanh", "u", "e"),
        ],
    ],
}


SUMS = {
    "e + 1": [node("Add", "e one", "p")],
    "e - -1": [node("Sub", "e minus", "p")],
    "sum": [node("Sum", "one e", "p")],
    "1 - -e": [node("Neg", "e", "n"), node("Sub", "one n", "p")],
}


@pytest.mark.parametrize("name", SUMS)
def test_every_sum(name: str, tmp_path: Path) -> None:
    for start in (BY_DIVISION, [*CUBE, *TANH]):
        net = read(model([*start, *SUMS[name], *ENDS["(x p) h"]], {"x": (N, 3)}, NUMBERS), tmp_path)
        assert net.operation("y") in (Smooth("gelu"), Smooth("gelu_tanh"))


def spelled(function: str, start: int, end: str, kind: str, *, sign: bool = False) -> onnx.ModelProto:
    middle = [node("Sub", "e minus", "p")] if sign else [node("Add", "e one", "p")]
    constants = {k: np.array(v, dtype=kind) for k, v in NUMBERS.items()}
    return model([*STARTS[function][start], *middle, *ENDS[end]], {"x": (N, 3)}, constants, kind=KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("function", "start"), [(f, i) for f in STARTS for i in range(len(STARTS[f]))])
def test_every_order(function: str, start: int, end: str, kind: str, tmp_path: Path) -> None:
    net = read(spelled(function, start, end, kind, sign=start == 1), tmp_path)
    assert net.order == ("x", "y")
    assert net.operation("y") == Smooth(function)
    assert net.reading[0] == f"node 'y': read as {function}, whose constants the file has rounded"
    assert "read as gelu" in net.info


@pytest.mark.parametrize(("function", "start"), [("gelu", 0), ("gelu_tanh", 0)])
def test_the_function_is_the_files_up_to_rounding(function: str, start: int, tmp_path: Path) -> None:
    proto = spelled(function, start, "(x p) h", "float64")
    x = np.linspace(-5, 5, 300).reshape(100, 3)
    with np.errstate(all="ignore"):
        (wanted,) = ReferenceEvaluator(proto).run(None, {"x": x})
    found = read(proto, tmp_path).to_torch()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-7 if function == "gelu" else 1e-14)  # that evaluator's erf is one of float32


def test_a_multiple_is_a_scale_behind(tmp_path: Path) -> None:
    """x (1 + erf) alone is twice gelu, for a node that is no product."""
    nodes = [*BY_DIVISION, node("Add", "e one", "p"), node("Mul", "x p", "q"), node("Add", "q x")]
    net = read(model(nodes, {"x": (N, 3)}, NUMBERS), tmp_path)
    kinds = [type(net.operation(n)) for n in net.order]
    assert Smooth in kinds
    assert Scale in kinds


def test_an_output_of_twice_gelu(tmp_path: Path) -> None:
    net = read(model([*BY_DIVISION, node("Add", "e one", "p"), node("Mul", "x p")], {"x": (N, 3)}, NUMBERS), tmp_path)
    x = np.linspace(-2, 2, 3).reshape(1, 3)
    wanted = [v * (1 + math.erf(v / ROOT)) for v in x.ravel()]
    np.testing.assert_allclose(net.to_torch()(torch.tensor(x)).detach().numpy().ravel(), wanted, atol=1e-12)


def test_a_tanh_of_that_cubic_alone_stays_a_tanh(tmp_path: Path) -> None:
    for nodes in ([*CUBE, *TANH, node("Identity", "e")], [*CUBE, *TANH, node("Add", "e one", "p"), node("Abs", "p")]):
        net = read(model(nodes, {"x": (N, 3)}, NUMBERS), tmp_path)
        assert Smooth("tanh") in [net.operation(n) for n in net.order]
        assert Smooth("gelu_tanh") not in [net.operation(n) for n in net.order]


WRONG: dict[str, tuple[list[onnx.NodeProto], dict[str, float]]] = {
    "another root": (BY_DIVISION, {"root": 1.41421}),
    "another inverse": (BY_PRODUCT, {"inverse": 0.7071}),
    "erf of x": ([node("Erf", "x", "e")], {}),
    "another slope": ([*CUBE, *TANH], {"slope": 0.7979}),
    "another cubic": ([*CUBE, *TANH], {"cubic": 0.0447}),
    "e - 1": (BY_DIVISION, {"one": -1.0}),
    "another one": (BY_DIVISION, {"one": 1.0001}),
    "another one of tanh": ([*CUBE, *TANH], {"one": 0.5}),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_constants_are_refused(name: str, tmp_path: Path) -> None:
    start, other = WRONG[name]
    proto = model([*start, node("Add", "e one", "p"), *ENDS["(x p) h"]], {"x": (N, 3)}, {**NUMBERS, **other})
    with pytest.raises(UnsupportedOperation):
        read(proto, tmp_path)


def test_the_factor_must_be_the_same_x(tmp_path: Path) -> None:
    nodes = [*BY_DIVISION, node("Add", "e one", "p"), node("Mul", "z p", "q"), node("Mul", "q half")]
    with pytest.raises(UnsupportedOperation, match="gelu"):
        read(model(nodes, {"x": (N, 3), "z": (N, 3)}, NUMBERS), tmp_path)


# --- torch's exporters -----------------------------------------------------------------------------------------------


def exported(module: nn.Module, *, dynamo: bool, opset: int) -> onnx.ModelProto:
    buffer, x = io.BytesIO(), torch.randn(1, 4)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            program = torch.onnx.export(module.eval(), (x,), dynamo=True, opset_version=opset)
            assert program is not None
            return program.model_proto
        torch.onnx.export(module.eval(), (x,), buffer, dynamo=False, opset_version=opset)
    return onnx.load_from_string(buffer.getvalue())


class Spelled(nn.Module):
    """As transformers spell it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


@pytest.mark.parametrize("dynamo", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("module", "function"), [(nn.GELU(), "gelu"), (nn.GELU(approximate="tanh"), "gelu_tanh"), (Spelled(), "gelu_tanh")]
)
def test_torch_exports(module: nn.Module, function: str, dynamo: bool, tmp_path: Path) -> None:
    proto = exported(module, dynamo=dynamo, opset=18 if dynamo else 17)
    net = read(proto, tmp_path)
    assert [net.operation(n) for n in net.order[1:]] == [Smooth(function)]


# --- what onnxruntime saves ------------------------------------------------------------------------------------------


def optimised(proto: onnx.ModelProto, folder: Path, level: str = "ORT_ENABLE_EXTENDED") -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx")


def whole(*shape: int) -> np.ndarray:
    return np.random.default_rng(6).integers(-3, 4, shape).astype(np.float32)


ACTIVATIONS: dict[str, tuple[dict[str, Any], dict[str, Any], PiecewiseLinear]] = {
    "Relu": ({}, {}, relu()),
    "LeakyRelu": ({"alpha": 0.25}, {}, leaky_relu("1/4")),
    "HardSigmoid": ({"alpha": 0.25, "beta": 0.5}, {}, PiecewiseLinear.of(0, 0, [(-2, "1/4"), (2, "-1/4")])),
    "ThresholdedRelu": ({"alpha": 0.0}, {}, relu()),
    "Clip": ({}, {"lo": -1.0, "hi": 2.0}, clip(-1, 2)),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in ("Gemm", "Conv") for name in ACTIVATIONS])
def test_fused_activations(kind: str, name: str, tmp_path: Path) -> None:
    attributes, bounds, function = ACTIVATIONS[name]
    inputs = {"x": (N, 3)} if kind == "Gemm" else {"x": (N, 2, 4, 4)}
    weight = whole(3, 4) if kind == "Gemm" else whole(4, 2, 3, 3)
    first = node("Gemm", "x w b", "h", beta=0.5) if kind == "Gemm" else node("Conv", "x w b", "h", pads=[1, 1, 1, 1])
    proto = model([first, node(name, " ".join(["h", *bounds]), **attributes)], inputs, {"w": weight, "b": whole(4), **bounds})
    saved = optimised(proto, tmp_path)
    net = read(saved, tmp_path)
    assert net.operation("y") == function
    assert net.source is not None
    assert not net.source.checkable
    assert disagreement(proto, net, batch=2) == 0
    assert {n.op_type for n in saved.graph.node} & {f"Fused{kind}", "Gemm", "Conv"}


def test_a_fused_convolution_with_a_summand(tmp_path: Path) -> None:
    nodes = [node("FusedConv", "x w b z", activation="Relu", domain="com.microsoft", pads=[1, 1])]
    proto = model(nodes, {"x": (N, 1, 3), "z": (N, 2, 3)}, {"w": whole(2, 1, 3), "b": whole(2)})
    proto.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    plain = model(
        [node("Conv", "x w b", "h", pads=[1, 1]), node("Add", "h z", "s"), node("Relu", "s")],
        {"x": (N, 1, 3), "z": (N, 2, 3)},
        {"w": whole(2, 1, 3), "b": whole(2)},
    )
    assert disagreement(plain, read(proto, tmp_path), batch=2) == 0


def test_fused_products(tmp_path: Path) -> None:
    nodes = [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "t w", "p"), node("Mul", "p c")]
    proto = model(nodes, {"x": (N, 3, 4)}, {"w": whole(3, 4), "c": 0.5})
    saved = optimised(proto, tmp_path)
    assert "FusedMatMul" in {n.op_type for n in saved.graph.node}
    assert disagreement(proto, read(saved, tmp_path), batch=2) == 0


def smooth_of(net: Network, proto: onnx.ModelProto) -> None:
    at = random_inputs(proto, np.random.default_rng(0), 2)
    (wanted,) = run(proto, at)
    found = net.to_torch()(torch.tensor(next(iter(at.values())), dtype=torch.float64))
    np.testing.assert_allclose(found.detach().numpy(), wanted, atol=1e-4)


@pytest.mark.parametrize("kind", ["Gelu", "BiasGelu", "FastGelu"])
def test_fused_gelu(kind: str, tmp_path: Path) -> None:
    proto = model([node(kind, "x" if kind == "Gelu" else "x b", domain="com.microsoft")], {"x": (N, 4)}, {"b": whole(4)})
    proto.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    net = read(proto, tmp_path)
    assert net.operation("y") == Smooth("gelu_tanh" if kind == "FastGelu" else "gelu")
    smooth_of(net, proto)


def test_smooth_functions_behind_gemm(tmp_path: Path) -> None:
    for name in ("Tanh", "Sigmoid"):
        proto = model([node("Gemm", "x w b", "h"), node(name, "h")], {"x": (N, 3)}, {"w": whole(3, 2), "b": whole(2)})
        net = read(optimised(proto, tmp_path), tmp_path)
        assert net.operation("y") == Smooth(name.lower())
        smooth_of(net, proto)


def test_other_domains_and_activations_are_refused(tmp_path: Path) -> None:
    proto = model([node("FusedGemm", "x w", domain="com.microsoft", activation="Softsign")], {"x": (N, 3)}, {"w": whole(3, 2)})
    with pytest.raises(UnsupportedOperation, match=r"'y' \(FusedGemm\): attribute activation.*before onnxruntime"):
        read(proto, tmp_path)
    proto = model([node("Conv", "x w", domain="com.microsoft.nchwc")], {"x": (N, 8, 3, 3)}, {"w": whole(8, 8, 1, 1)})
    with pytest.raises(UnsupportedOperation, match="ORT_ENABLE_EXTENDED"):
        read(proto, tmp_path)
    proto = model([node("Relu", "x", domain="com.example")], {"x": (N, 3)})
    with pytest.raises(UnsupportedOperation, match=r"com\.example"):
        read(proto, tmp_path)
