"""The reader of ONNX files: values, refusals, and bytes that are no ONNX file at all."""

import hashlib
import random
import struct
import tracemalloc
from fractions import Fraction
from pathlib import Path

import pytest

from exactnn.certificate import BudgetExceeded, Rejected, _budget, check
from exactnn.certificate._evaluate import evaluate
from exactnn.certificate._onnx import read_onnx
from exactnn.certificate._onnx_tensors import Stored
from tests.certificate._build import certificate, forms, inline, mlp
from tests.certificate._onnx_bytes import field, initializer, model, operation, value_info, varint

SHARED = Path(__file__).parents[3] / "shared" / "data"
W, B = [1.5, -2.0, 0.25, 3.0, 0.1, -1.0], [0.5, -0.75, 2.0]


def gemm(**attributes):
    """y = W x + B with W of shape (3, 2), through Gemm."""
    return model(
        [operation("Gemm", ["x", "w", "b"], ["y"], transB=1, **attributes)],
        [initializer("w", [3, 2], W), initializer("b", [3], B, raw=False)],
        [value_info("x", ["batch", 2])],
        [value_info("y", ["batch", 3])],
    )


def values(data, *point):
    return evaluate(read_onnx(data, "f"), [Fraction(v) for v in point], "f")


def single(value):
    return Fraction(struct.unpack("<f", struct.pack("<f", value))[0])


def expected(x, alpha=1.0, beta=1.0):
    rows = zip(W[::2], W[1::2], B, strict=True)
    return [single(alpha) * (single(a) * x[0] + single(b) * x[1]) + single(beta) * single(c) for a, b, c in rows]


def test_gemm():
    x = Fraction(1, 3), Fraction(-2)
    assert values(gemm(), *x) == expected(x)
    assert values(gemm(alpha=0.1, beta=-2.5), *x) == expected(x, 0.1, -2.5)


def chain(**change):
    """The same map by MatMul, Add, Sub, Flatten, Reshape, Identity and Constant, with a Relu that changes nothing."""
    parts = {
        "nodes": [
            operation("Sub", ["x", "shift"], ["s"]),
            operation("Flatten", ["s"], ["flat"], axis=1),
            operation("MatMul", ["flat", "w"], ["m"]),
            operation("Constant", [], ["c"], value=initializer("", [1, 3], B, 11)),
            operation("Add", ["c", "m"], ["a"]),
            operation("Relu", ["a"], ["r"]),
            operation("Identity", ["r"], ["i"]),
            operation("Reshape", ["i", "to"], ["z"], allowzero=0),
            operation("Reshape", ["z", "back"], ["y"]),
        ],
        "initializers": [
            initializer("shift", [1, 1, 2], [0.5, -0.5]),
            initializer("w", [2, 3], W[::2] + W[1::2]),
            initializer("to", [4], [0, -1, 1, 1], 7, raw=False),
            initializer("back", [2], [1, 3], 7),
        ],
        "inputs": [value_info("x", [1, 1, 2]), value_info("w", [2, 3])],
        "outputs": [value_info("y", [1, 3])],
    }
    return model(**{**parts, **change})


def test_chain():
    network = read_onnx(chain(), "f")
    assert [node.name for node in network.nodes] == ["x", "shift", "s", "flat", "m", "a", "r", "z", "y"]
    x = Fraction(5), Fraction(1, 7)
    inner = expected((x[0] - Fraction(1, 2), x[1] + Fraction(1, 2)))
    assert evaluate(network, x, "f") == [max(v, Fraction(0)) for v in inner]


def test_a_vector_without_batch_axis():
    data = model(
        [operation("Sub", ["c", "x"], ["y"])],
        [initializer("c", [2], [1.0, 2.0], 11)],
        [value_info("x", [2], 11)],
        [value_info("y", [2])],
    )
    assert values(data, 5, 7) == [-4, -5]


def test_a_hole_is_refused_before_its_numbers_are_made():
    data = bytes(2**25)
    with _budget.opened():
        tracemalloc.start()
        with pytest.raises(BudgetExceeded):
            Stored("w", 1, (2**23,), memoryview(data)).real("f")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 2**20


def graph(*nodes, initializers=(), shape=("n", 2), out="y", **more):
    return model(list(nodes), list(initializers), [value_info("x", shape)], [value_info(out, ["n"])], **more)


RELU_NODE = operation("Relu", ["x"], ["y"])
WEIGHT = initializer("w", [2, 2], [1.0, 2.0, 3.0, 4.0])
BAD = {
    "empty": b"",
    "text": b"// a NNET file",
    "JSON": b'{"format": "exactnn-network"}',
    "no graph": field(1, 8),
    "two graphs": graph(RELU_NODE) + field(7, b""),
    "truncated": gemm()[:-3],
    "functions": graph(RELU_NODE, extra=field(25, b"")),
    "unknown operation": graph(operation("Sin", ["x"], ["y"])),
    "another domain": graph(RELU_NODE + field(7, "com.example")),
    "unknown attribute": graph(operation("Relu", ["x"], ["y"], alpha=1.0)),
    "attribute twice": graph(operation("Flatten", ["x"], ["y"], axis=1) + field(5, field(1, "axis") + field(3, 0))),
    "two outputs": graph(operation("Relu", ["x"], ["y", "z"])),
    "value twice": graph(RELU_NODE, RELU_NODE),
    "no such value": graph(operation("Relu", ["z"], ["y"])),
    "no such output": graph(RELU_NODE, out="q"),
    "output is constant": graph(RELU_NODE, initializers=[WEIGHT], out="w"),
    "sparse": graph(RELU_NODE, more=field(15, b"")),
    "two inputs": model([RELU_NODE], [], [value_info("x", [1, 2]), value_info("z", [1, 2])], [value_info("y", [1])]),
    "an input twice": model([RELU_NODE], [], [value_info("x", [1, 2]), value_info("x", [1, 2])], [value_info("y", [1])]),
    "an output twice": model([RELU_NODE], [], [value_info("x", [1, 2])], [value_info("y", [1, 2])] * 2),
    "integer input": model([RELU_NODE], [], [value_info("x", [1, 2], 7)], [value_info("y", [1])]),
    "batch of two": graph(RELU_NODE, shape=(2, 2)),
    "open axis": graph(RELU_NODE, shape=("n", "m")),
    "no axes": graph(RELU_NODE, shape=()),
    "negative axis size": graph(RELU_NODE, shape=(1, -1)),
    "huge input": graph(RELU_NODE, shape=(1, 2**62)),
    "NaN": graph(operation("Add", ["x", "b"], ["y"]), initializers=[initializer("b", [2], [0.0, float("nan")])]),
    "infinite": graph(operation("Add", ["x", "b"], ["y"]), initializers=[initializer("b", [2], [float("inf"), 0.0])]),
    "infinite alpha": gemm(alpha=float("inf")),
    "transA": gemm(transA=1),
    "sizes": graph(operation("MatMul", ["x", "w"], ["y"]), initializers=[initializer("w", [3, 1], [1.0] * 3)]),
    "short data": graph(operation("MatMul", ["x", "w"], ["y"]), initializers=[initializer("w", [2, 2], [1.0] * 3)]),
    "odd data": graph(
        operation("MatMul", ["x", "w"], ["y"]),
        initializers=[field(1, 2) + field(1, 1) + field(2, 1) + field(8, "w") + field(9, b"1234567")],
    ),
    "external data": graph(
        operation("MatMul", ["x", "w"], ["y"]),
        initializers=[field(1, 2) + field(1, 1) + field(2, 1) + field(8, "w") + field(13, b"") + field(14, 1)],
    ),
    "external location": graph(operation("MatMul", ["x", "w"], ["y"]), initializers=[WEIGHT + field(14, 1)]),
    "data twice": graph(operation("MatMul", ["x", "w"], ["y"]), initializers=[WEIGHT + field(4, b"\0" * 16)]),
    "other data": graph(operation("MatMul", ["x", "w"], ["y"]), initializers=[WEIGHT + field(10, b"\0" * 8)]),
    "overflow": graph(
        operation("MatMul", ["x", "w"], ["y"]),
        initializers=[field(1, 2**33) + field(1, 2**33) + field(2, 1) + field(8, "w") + field(9, b"")],
    ),
    "negative size": graph(
        operation("MatMul", ["x", "w"], ["y"]),
        initializers=[field(1, -1) + field(1, -1) + field(2, 1) + field(8, "w") + field(9, b"\0" * 4)],
    ),
    "empty matrix": graph(operation("MatMul", ["x", "w"], ["y"]), initializers=[initializer("w", [2, 0], [])]),
    "float16": graph(
        operation("Add", ["x", "b"], ["y"]),
        initializers=[field(1, 2) + field(2, 10) + field(8, "b") + field(9, b"\0" * 4)],
    ),
    "batch constant": graph(operation("Add", ["x", "b"], ["y"]), initializers=[initializer("b", [2, 2], [1.0] * 4)]),
    "two variables": graph(operation("Add", ["x", "x"], ["y"])),
    "reshape over the batch": graph(operation("Reshape", ["x", "s"], ["y"]), initializers=[initializer("s", [1], [2], 7)]),
    "reshape by floats": graph(operation("Reshape", ["x", "s"], ["y"]), initializers=[initializer("s", [1], [2.0])]),
    "reshape to other sizes": graph(operation("Reshape", ["x", "s"], ["y"]), initializers=[initializer("s", [2], [1, 3], 7)]),
    "reshape with two open": graph(operation("Reshape", ["x", "s"], ["y"]), initializers=[initializer("s", [2], [-1, -1], 7)]),
    "allowzero": graph(operation("Reshape", ["x", "s"], ["y"], allowzero=1), initializers=[initializer("s", [2], [0, 2], 7)]),
    "flatten axis": graph(operation("Flatten", ["x"], ["y"], axis=3)),
    "flatten over the batch": graph(operation("Flatten", ["x"], ["y"], axis=2)),
    "long varint": varint(1 << 3) + b"\xff" * 10 + b"\x01",
    "field 0": varint(0) + b"\x00",
    "group": varint(7 << 3 | 3),
    "long field": varint(7 << 3 | 2) + varint(2**62) + b"abc",
    "wrong wire type": varint(7 << 3) + varint(5),
}


@pytest.mark.parametrize("name", BAD)
def test_refusals(name):
    with _budget.opened(), pytest.raises(BudgetExceeded if name == "huge input" else Rejected) as caught:
        read_onnx(BAD[name], "model f")
    assert caught.value.step.startswith("model f")


@pytest.mark.parametrize("seed", range(4))
def test_random_changes_never_crash(seed):
    generator = random.Random(seed)
    for data in (gemm(alpha=0.5), chain()):
        for _ in range(700):
            changed = bytearray(data)
            for _ in range(generator.choice((1, 1, 2, 5))):
                place = generator.randrange(len(changed))
                kind = generator.randrange(4)
                if kind == 0:
                    changed[place] = generator.randrange(256)
                elif kind == 1:
                    changed[place] ^= 1 << generator.randrange(8)
                elif kind == 2:
                    del changed[place : place + generator.randint(1, 9)]
                else:
                    changed[place:place] = generator.randbytes(generator.randint(1, 9))
            try:
                network = read_onnx(bytes(changed), "f")
            except (Rejected, BudgetExceeded):
                continue
            assert evaluate(network, [Fraction(1)] * network.input_size, "f")


def test_noise():
    generator = random.Random(0)
    for length in range(40):
        for _ in range(40):
            with pytest.raises(Rejected):
                read_onnx(generator.randbytes(length), "f")


def test_every_truncation():
    data = chain()
    for length in range(len(data) - 5):  # the last field, the version of the operations, is not read
        with pytest.raises(Rejected):
            read_onnx(data[:length], "f")


def test_against_the_onnx_package():
    onnx = pytest.importorskip("onnx")
    for data in (gemm(), gemm(alpha=0.5), chain()):
        onnx.load_from_string(data)  # what is written here is ONNX
    runtime = pytest.importorskip("onnxruntime")
    numpy = pytest.importorskip("numpy")
    x = numpy.array([[1.25, -3.5]], dtype=numpy.float32)
    session = runtime.InferenceSession(gemm(alpha=0.5, beta=2.0), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x})
    exact = values(gemm(alpha=0.5, beta=2.0), *map(Fraction, x[0].tolist()))
    assert numpy.allclose(found[0], [float(v) for v in exact], rtol=1e-6)


@pytest.mark.parametrize("name", ["acasxu/ACASXU_experimental_v2a_1_1", "small/fc_2-2-3", "small/fc1"])
def test_real_files(name):
    path = SHARED / f"{name}.onnx"
    if not path.exists():
        pytest.skip("the files in ../shared/data are not here")
    runtime = pytest.importorskip("onnxruntime")
    numpy = pytest.importorskip("numpy")
    network = read_onnx(path.read_bytes(), "f")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    need = session.get_inputs()[0]
    generator = numpy.random.default_rng(0)
    for _ in range(3):
        x = generator.normal(size=network.input_size).astype(numpy.float32)
        shape = [1 if i == 0 else n for i, n in enumerate(need.shape)]
        (found,) = session.run(None, {need.name: x.reshape(shape)})
        exact = evaluate(network, [Fraction(v) for v in x.tolist()], "f")
        assert numpy.allclose(found.flatten(), [float(v) for v in exact], rtol=1e-4, atol=1e-4)


def test_a_certificate_about_a_file(tmp_path):
    data = model(
        [operation("Gemm", ["x", "w"], ["h"]), operation("Relu", ["h"], ["r"]), operation("MatMul", ["r", "v"], ["y"])],
        [initializer("w", [2, 2], [1.0, 2.0, 3.0, 4.0]), initializer("v", [2, 1], [1.0, 0.5])],
        [value_info("x", ["n", 2])],
        [value_info("y", ["n", 1])],
    )
    (tmp_path / "net.onnx").write_bytes(data)
    g = mlp(([[4, 8], [1, 3]], [0, 0]), ([["1/4", 1]], [0]))
    lines_f = {"r": [["atom", 0, 1, 1], ["atom", 1, 1, 1]]}
    found = certificate("equal", "proved", (g, g), forms(lines_f, {"r0": [["atom", 1, 1, 2], ["atom", 0, 1, 1]]}))
    found["models"] = {
        "f": {"sha256": hashlib.sha256(data).hexdigest(), "format": "onnx", "path": "net.onnx"},
        "g": inline(g),
    }
    assert check(found, folder=tmp_path)
    found["evidence"]["g"]["r0"][0] = ["atom", 1, 1, 1]
    with pytest.raises(Rejected, match="node r0, line 0"):
        check(found, folder=tmp_path)
