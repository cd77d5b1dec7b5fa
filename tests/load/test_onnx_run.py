"""ONNX files are run and compared with what was read, where a runtime could dispute the meaning of an operation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import exactnn as xn
from exactnn.cli import main
from exactnn.errors import LoadError, ShapeError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load import load
from exactnn.load._onnx.reader import OPERATORS, Node, Reader
from exactnn.network import AveragePool, Scale

from ._onnx_models import model, node, read

N = "n"
RNG = np.random.default_rng(2)


def whole(*shape: int) -> np.ndarray:
    """Small whole numbers as float32."""
    return RNG.integers(-4, 5, shape).astype(np.float32)


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def padded() -> onnx.ModelProto:
    return model([node("Pad", "x p", "h"), node("MatMul", "h w")], {"x": (N, 3)}, {"p": integers(0, 1, 0, 1), "w": whole(5, 2)})


def sentence(proto: onnx.ModelProto, folder: Path) -> str:
    (found,) = read(proto, folder).reading
    return found


# --- what is compared ------------------------------------------------------------------------------------------------

UNDISPUTED = "not compared: only operations of undisputed meaning"
WINDOW: dict[str, Any] = {"kernel_shape": [2], "strides": [2]}


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Gemm", "x w b", "h"), node("Relu", "h")], {"w": whole(4, 2), "b": whole(2)}),
        ([node("Reshape", "x s", "h"), node("Conv", "h k", "c"), node("Flatten", "c")], {"s": integers(0, 1, 4), "k": whole(2, 1, 2)}),
        ([node("Reshape", "x s", "h"), node("MaxPool", "h", **WINDOW)], {"s": integers(0, 1, 4)}),
        ([node("Slice", "x a b c")], {"a": integers(1), "b": integers(3), "c": integers(1)}),
        ([node("Add", "x b", "h"), node("Concat", "h x", axis=1)], {"b": whole(4)}),
    ],
)
def test_plain_files_are_not_compared(nodes: list[onnx.NodeProto], constants: dict[str, Any], tmp_path: Path) -> None:
    assert sentence(model(nodes, {"x": (N, 4)}, constants), tmp_path) == UNDISPUTED


@pytest.mark.parametrize(
    ("nodes", "constants", "words"),
    [
        ([node("Cast", "x", "h", to=11), node("Cast", "h", to=1)], {}, "for Cast:"),
        ([node("Reshape", "x s", "h"), node("MaxPool", "h", ceil_mode=1, **WINDOW)], {"s": integers(0, 1, 4)}, "for MaxPool:"),
        ([node("Reshape", "x s", "h"), node("MaxPool", "h", dilations=[2], **WINDOW)], {"s": integers(0, 1, 4)}, "for MaxPool:"),
        (
            [node("Reshape", "x s", "h"), node("Conv", "h k", auto_pad="SAME_LOWER")],
            {"s": integers(0, 1, 4), "k": whole(1, 1, 2)},
            "for Conv:",
        ),
        ([node("Pad", "x p")], {"p": integers(0, 1, 0, 2)}, "for Pad:"),
        (
            [node("Slice", "s a b z m", "t"), node("Reshape", "x t")],
            {"s": integers(2, 2, -1), "a": integers(2), "b": integers(-9), "z": integers(0), "m": integers(-1)},
            "for Slice:",
        ),
    ],
)
def test_files_that_are_compared(nodes: list[onnx.NodeProto], constants: dict[str, Any], words: str, tmp_path: Path) -> None:
    found = sentence(model(nodes, {"x": (N, 4)}, constants), tmp_path)
    assert found.startswith("compared with onnxruntime")
    assert words in found
    assert "3 points" in found
    assert "within the rounding of float32" in found


def test_integer_arithmetic_is_compared(tmp_path: Path) -> None:
    proto = model([node("Mul", "a b", "s"), node("Reshape", "x s")], {"x": (N, 2, 3)}, {"a": integers(-1, 3), "b": integers(1, 2)})
    assert "for Mul:" in sentence(proto, tmp_path)


def test_a_fixed_batch_is_compared(tmp_path: Path) -> None:
    for batch in (2, 3, 4, 7):
        proto = model([node("Gemm", "x w", "h"), node("Relu", "h")], {"x": (batch, 3)}, {"w": whole(3, 2)})
        first, second = read(proto, tmp_path).reading
        assert f"batches of {batch} points" in first
        assert second.startswith("compared with onnxruntime")
        assert "batches of points" in second


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    proto = model(
        [node("Pad", "x p", "h"), node("Sub", "h z", "y"), node("MatMul", "x w", "v")],
        {"z": (N, 5), "x": (N, 3)},
        {"p": integers(0, 1, 0, 1), "w": whole(3, 2)},
        outputs="v y",
    )
    assert sentence(proto, tmp_path).startswith("compared with onnxruntime")


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_formats(kind: str, tmp_path: Path) -> None:
    proto = padded()
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    proto = model(list(proto.graph.node), {"x": (N, 3)}, {"p": integers(0, 1, 0, 1), "w": whole(5, 2).astype(kind)}, kind=number)
    found = sentence(proto, tmp_path)
    assert found.startswith("compared with onnxruntime")
    assert ("in float64: within" if kind == "float16" else f"within the rounding of {kind}") in found


def test_bfloat16_is_not_compared(tmp_path: Path) -> None:
    proto = model([node("Pad", "x p")], {"x": (N, 3)}, {"p": integers(0, 1, 0, 1)}, kind=TensorProto.BFLOAT16)
    assert sentence(proto, tmp_path).startswith("not compared: onnxruntime")


def test_nodes_out_of_order_and_data_elsewhere(tmp_path: Path) -> None:
    proto = padded()
    nodes = list(proto.graph.node)[::-1]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    path = tmp_path / "m.onnx"
    onnx.save_model(proto, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    net = load(path)
    assert net.reading[0].startswith("compared with onnxruntime")
    assert net.source is not None
    assert len(net.source.data) == 1


def test_operations_of_onnxruntime(tmp_path: Path) -> None:
    proto = model([node("FusedGemm", "x w b", domain="com.microsoft", activation="Relu")], {"x": (N, 3)}, {"w": whole(3, 2), "b": whole(2)})
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    found = sentence(proto, tmp_path)
    assert found.startswith("compared with onnxruntime")
    assert "FusedGemm" in found


def test_rational_functions_may_overflow_inside(tmp_path: Path) -> None:
    powers = [node("Mul", f"h{k} h{k}", f"h{k + 1}") for k in range(5)]
    proto = model([*powers, node("Add", "h5 one", "q"), node("Div", "h5 q", "r"), node("Cast", "r", to=1)], {"h0": (N, 1)}, {"one": [1.0]})
    found = sentence(proto, tmp_path)  # 100^32 is no float32, and x^32/(x^32 + 1) is less than 1
    assert found.startswith("compared with onnxruntime")


# --- differences -----------------------------------------------------------------------------------------------------


def replaced(monkeypatch: pytest.MonkeyPatch, kind: str, handler: Callable[[Node], Any]) -> None:
    monkeypatch.setitem(OPERATORS, kind, (handler, OPERATORS[kind][1]))


def test_a_difference_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(padded(), tmp_path)
    original = OPERATORS["Pad"][0]

    def wrong(n: Node) -> Any:
        found = original(n)
        return n.apply(Scale(RationalArray.of([1, 1, 1, 1, 2])), found)  # type: ignore[arg-type]

    replaced(monkeypatch, "Pad", wrong)
    proto = padded()
    proto.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.ones((5, 2), np.float32), "w"))
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(integers(0, 2, 0, 0), "p"))
    with pytest.raises(UnsupportedOperation) as caught:
        read(proto, tmp_path)
    message = str(caught.value)
    assert "output 'y', flat entry" in message
    assert "at the point (" in message
    assert "onnxruntime" in message
    assert "Pad" in message
    assert "compare=False" in message
    assert isinstance(caught.value, LoadError)
    net = load(tmp_path / "model.onnx", compare=False)
    assert net.reading == ("not compared: compare=False",)


def test_an_average_that_counts_its_padding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proto = model([node("AveragePool", "x", kernel_shape=[3], strides=[2], pads=[1, 1], ceil_mode=1)], {"x": (N, 1, 6)})
    assert "for AveragePool:" in sentence(proto, tmp_path)
    replaced(monkeypatch, "AveragePool", lambda n: n.apply(AveragePool((3,), (2,), ((1, 2),), True), n.value()))
    with pytest.raises(UnsupportedOperation, match="AveragePool"):
        read(proto, tmp_path)


def test_rows_that_are_not_treated_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proto = model([node("Add", "x c")], {"x": (4, 3)}, {"c": whole(4, 3)})
    assert read(proto, tmp_path).input_dim == 12
    monkeypatch.setattr(Reader, "same_rows", lambda self, operand: getattr(operand, "shape", (0,))[0] == self.batch)
    with pytest.raises(UnsupportedOperation, match="4 points are not treated alike"):
        read(proto, tmp_path)


def test_another_number_of_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(monkeypatch, "Pad", lambda n: n.operand())
    proto = model([node("Pad", "x p")], {"x": (N, 3)}, {"p": integers(0, 1, 0, 1)})
    with pytest.raises(UnsupportedOperation, match="numbers"):
        read(proto, tmp_path)


# --- runtimes --------------------------------------------------------------------------------------------------------


def test_without_onnxruntime_the_evaluator_of_onnx_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert sentence(padded(), tmp_path).startswith("compared with onnx.reference")
    original = OPERATORS["Pad"][0]
    replaced(monkeypatch, "Pad", lambda n: n.apply(Scale(RationalArray.of(2)), original(n)))  # type: ignore[arg-type]
    with pytest.raises(UnsupportedOperation, match=r"onnx\.reference"):
        read(padded(), tmp_path)


def test_without_any_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnxruntime", "onnx.reference"):
        monkeypatch.setitem(sys.modules, name, None)
    assert sentence(padded(), tmp_path) == "not compared: onnxruntime is not installed; onnx.reference is not installed"


def test_a_runtime_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx.reference
    import onnxruntime

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no\n  kernel " + "x" * 1000)

    monkeypatch.setattr(onnxruntime, "InferenceSession", broken)
    assert sentence(padded(), tmp_path).startswith("compared with onnx.reference")
    monkeypatch.setattr(onnx.reference, "ReferenceEvaluator", broken)
    found = sentence(padded(), tmp_path)
    assert found.startswith("not compared: onnxruntime does not run it: no kernel xxx")
    assert len(found) < 500


def test_large_models_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from exactnn.load._onnx import run

    for limit, most in (("_MOST_NODES", 2), ("_MOST_ENTRIES", 4), ("_MOST_PRODUCTS", 4)):
        with monkeypatch.context() as patched:
            patched.setattr(run, limit, most)
            assert sentence(padded(), tmp_path).startswith("not compared: the model is too large")
    assert sentence(padded(), tmp_path).startswith("compared with")


def test_nothing_that_the_file_brings_is_run(tmp_path: Path) -> None:
    proto = padded()
    proto.opset_import.append(helper.make_opsetid("com.example", 1))
    proto.graph.node.append(node("Anything", "x", "unused", domain="com.example"))
    proto.functions.append(
        helper.make_function("", "Pad", ["x", "p"], ["y"], [node("Abs", "x")], [helper.make_opsetid("", 17)])  # another meaning
    )
    assert sentence(proto, tmp_path).startswith("compared with onnxruntime")


def test_plain_files_import_no_runtime(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model([node("Gemm", "x w")], {"x": (N, 3)}, {"w": whole(3, 4)}).SerializeToString())
    heavy = "{'onnxruntime', 'torch', 'onnx.reference'}"
    code = f"import sys; from exactnn.load import load; load(sys.argv[1]); print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_command_line_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(padded().SerializeToString())
    assert main(["info", str(path)]) == 0
    assert "compared with onnxruntime" in capsys.readouterr().out
    assert "compared with onnxruntime" in xn.load(path).info


def test_random_changes_end_with_a_network_or_an_error(tmp_path: Path) -> None:
    proto = model(
        [
            node("Pad", "x p", "h"),
            node("MaxPool", "h", "m", kernel_shape=[2], ceil_mode=1, strides=[2]),
            node("Shape", "m", "s"),
            node("Gather", "s z", "n"),
            node("Concat", "n rest", "t", axis=0),
            node("Reshape", "m t", "f"),
            node("Cast", "f", "c", to=1),
            node("ReduceSum", "c rest", "y", keepdims=0),
        ],
        {"x": (N, 1, 4)},
        {"p": integers(0, 0, 1, 0, 0, 2), "z": integers(0), "rest": integers(-1)},
    )
    data = proto.SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    assert "compared with" in load(path).reading[0]
    rng = np.random.default_rng(11)
    loaded = 0
    for _ in range(300):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 3)):
            changed[place] = rng.integers(0, 256)
        path.write_bytes(bytes(changed))
        try:
            load(path)
            loaded += 1
        except (LoadError, ShapeError):
            pass
    assert 0 < loaded < 300
