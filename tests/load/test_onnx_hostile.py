"""Hostile ONNX files end with an error, or with a network, in bounded time and memory: few bytes must not become gigabytes."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest

from exactnn.errors import LoadError, ShapeError
from exactnn.load import load

from ._onnx_models import model, node

resource = pytest.importorskip("resource")
N = "n"
MEMORY = 2 << 30  # bytes of address space, the interpreter and its libraries included


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def chain(kind: str, length: int, inputs: str = "{0}") -> list[onnx.NodeProto]:
    """h0 -> h1 -> ... -> y."""
    return [node(kind, inputs.format(a), b) for a, b in pairwise([*(f"h{k}" for k in range(length)), "y"])]


def doubling(kind: str, length: int, **attributes: int) -> list[onnx.NodeProto]:
    return [node(kind, f"h{k} h{k}", f"h{k + 1}", **attributes) for k in range(length)]


def many(count: int) -> str:
    return " ".join(f"y{k}" for k in range(count))


ONE = np.ones((1, 1), dtype=np.float32)
#: each model, and a word of the error that it ends with ("" for a network)
HOSTILE: dict[str, tuple[str, Callable[[], onnx.ModelProto]]] = {
    "values doubled": ("values", lambda: model([*doubling("Concat", 40, axis=1), node("Relu", "h40")], {"h0": (N, 1)})),
    "constants doubled": ("", lambda: model([*doubling("Concat", 20, axis=1), node("Add", "x h20")], {"x": (1, 1)}, {"h0": ONE})),
    "constants doubled too often": (
        "constants",
        lambda: model([*doubling("Concat", 40, axis=1), node("Add", "x h40")], {"x": (1, 1)}, {"h0": ONE}),
    ),
    "numbers doubled": ("numbers", lambda: model([*doubling("Add", 60000), node("Add", "x h60000")], {"x": (N, 1)}, {"h0": ONE})),
    "sums doubled": ("", lambda: model([*doubling("Add", 3000), node("Relu", "h3000")], {"h0": (N, 1)})),
    "one large value copied": (
        "values",
        lambda: model([node("Expand", "x s", "h0"), *chain("Relu", 1000)], {"x": (N, 1)}, {"s": integers(1, 1 << 22)}),
    ),
    "expanded again and again": (
        "constants",
        lambda: model(
            [*(node("Expand", "x s", f"h{k}") for k in range(100)), node("Sum", " ".join(f"h{k}" for k in range(100)))],
            {"x": (N, 1)},
            {"s": integers(1, 1 << 22)},
        ),
    ),
    "one output named often": (
        "values",
        lambda: model([node("Expand", "x s")], {"x": (N, 1)}, {"s": integers(1, 1 << 22)}, outputs=" ".join(["y"] * 100)),
    ),
    "many outputs": (
        "",
        lambda: model([node("Relu", f"y{k - 1}" if k else "x", f"y{k}") for k in range(5000)], {"x": (N, 1)}, outputs=many(5000)),
    ),
    "a split into many": (
        "",
        lambda: model([node("Split", "x", many(3000), axis=1, num_outputs=3000)], {"x": (N, 3000)}, outputs=many(3000), opset=18),
    ),
    "a deep chain": ("", lambda: model(chain("Relu", 10_000), {"h0": (N, 1)})),
    "a deep chain backwards": ("", lambda: model(chain("Identity", 20_000)[::-1], {"h0": (N, 1)})),
    "a deep chain with one far end": ("", lambda: model(chain("Sub", 10_000, "{0} x"), {"x": (N, 1)}, {"h0": ONE})),
    "a deeper chain": ("nodes", lambda: model(chain("Relu", 140_000), {"h0": (N, 1)})),
    "a long cycle": ("cycle", lambda: model([*chain("Relu", 50_000), node("Abs", "y", "h0")], {"x": (N, 1)})),
    "rational functions far back": (
        "steps",
        lambda: model([node("Mul", "x x", "q"), *chain("Sub", 3_000, "{0} q"), node("Relu", "x", "h0")], {"x": (N, 1)}),
    ),
    "a large kernel": (
        "pairs of a place",
        lambda: model([node("Conv", "x w", pads=[5000] * 4)], {"x": (N, 1, 1, 1)}, {"w": np.ones((1, 1, 300, 300), np.float32)}),
    ),
    "a large pooling window": (
        "pairs of a place",
        lambda: model(
            [node("Expand", "x s", "e"), node("MaxPool", "e", kernel_shape=[900, 900])],
            {"x": (N, 1, 1, 1)},
            {"s": integers(1, 1, 2000, 2000)},
        ),
    ),
    "large pooling windows again and again": (
        "pairs of a place",
        lambda: model(
            [node("AveragePool", "x", f"h{k}", kernel_shape=[100, 100]) for k in range(20)]
            + [node("Sum", " ".join(f"h{k}" for k in range(20)))],
            {"x": (N, 1, 200, 200)},
        ),
    ),
    "much padding": (
        "entries",
        lambda: model([node("Pad", "x p")], {"x": (N, 1, 4)}, {"p": integers(0, 0, 1 << 30, 0, 0, 0)}),
    ),
    "identity matrices of many sizes": (
        "constants",
        lambda: model(
            [node("Slice", f"x a b{k} c", f"s{k}") for k in range(30)] + [node("Add", f"s{k} one", f"y{k}") for k in range(30)],
            {"x": (N, 4096)},
            {"a": integers(0), "c": integers(1), "one": np.ones(1, np.float32), **{f"b{k}": integers(4096 - k) for k in range(30)}},
            outputs=many(30),
        ),
    ),
    "one weight used often": (
        "too large",
        lambda: model(
            [node("Gemm", f"h{k} w", f"h{k + 1}") for k in range(400)] + [node("Relu", "h400")],
            {"h0": (N, 1024)},
            {"w": np.ones((1024, 1024), np.float32)},
        ),
    ),
    "a large product of constants": (
        "products",
        lambda: model(
            [node("ConstantOfShape", "s", "a"), node("MatMul", "a a", "c"), node("ReduceSum", "c", "d", keepdims=0), node("Add", "x d")],
            {"x": (N, 1)},
            {"s": integers(5000, 5000)},
        ),
    ),
    "a power of a power": (
        "finite",
        lambda: model(
            [node("Pow", f"h{k} e", f"h{k + 1}") for k in range(30)] + [node("Add", "x h30")], {"x": (N, 1)}, {"h0": 3 * ONE, "e": 64 * ONE}
        ),
    ),
    "a thousand axes": ("axes", lambda: model([node("Unsqueeze", "x s")], {"x": (N, 4)}, {"s": integers(*range(1, 1000))})),
    "a fixed batch, copied": (
        "values",
        lambda: model([node("Expand", "x s", "h0"), *chain("Relu", 1000)], {"x": (4, 1)}, {"s": integers(4, 1 << 20)}),
    ),
}
_SCRIPT = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
from exactnn.errors import LoadError
from exactnn.load import load
found = {}
for path in sys.argv[2:]:
    try:
        load(path)
        found[path] = ""
    except LoadError as error:
        found[path] = str(error)
print(json.dumps(found))
"""


def outcomes(paths: list[Path]) -> dict[str, str]:
    """The error of each file, or "", in a process of its own with little memory."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT, str(MEMORY), *map(str, paths)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout)
    return found


QUICK = ("a power of a power", "a thousand axes", "a fixed batch, copied")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
@pytest.mark.parametrize("names", [QUICK, pytest.param(tuple(HOSTILE), marks=pytest.mark.slow)], ids=["some", "all"])
def test_hostile_models_in_little_memory(names: tuple[str, ...], tmp_path: Path) -> None:
    paths = {}
    for name in names:
        _, make = HOSTILE[name]
        paths[name] = tmp_path / f"{name}.onnx"
        paths[name].write_bytes(make().SerializeToString())
        assert paths[name].stat().st_size < 12_000_000
    found = outcomes(list(paths.values()))
    for name in names:
        words, _ = HOSTILE[name]
        message = found[str(paths[name])]
        assert len(message) < 2000
        if not (name == "one weight used often" and (not message or "weights" in message)):  # in memory or not
            assert (words in message or "too large" in message) if words else not message, f"{name}: {message!r}"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_chains_of_a_hundred_thousand_nodes(tmp_path: Path) -> None:
    paths = []
    for kind in ("Relu", "Identity"):
        for step in (1, -1):
            paths.append(tmp_path / f"{kind}{step}.onnx")
            paths[-1].write_bytes(model(chain(kind, 100_000)[::step], {"h0": (N, 1)}).SerializeToString())
    assert set(outcomes(paths).values()) == {""}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_hostile_bytes_in_little_memory(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.onnx.gz"
    with gzip.open(bomb, "wb", 9) as file:
        for _ in range(300):
            file.write(bytes(1 << 20))
    members = tmp_path / "members.onnx.gz"
    members.write_bytes(gzip.compress(b"") * 20_000)
    proto = model([node("MatMul", "x w")], {"x": (N, 1 << 12)}, {"w": np.ones((4, 4), np.float32)})
    tensor = proto.graph.initializer[0]
    tensor.dims[:] = [1 << 12, 1 << 12]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "large.bin"), ("length", str(1 << 26))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    large = tmp_path / "external.onnx"
    large.write_bytes(proto.SerializeToString())
    with (tmp_path / "large.bin").open("wb") as data:
        data.truncate(1 << 36)  # nothing of it is on the disk
    shared = tmp_path / "shared.onnx"
    tensor.external_data[0].value = "small.bin"
    for k in range(200):
        copied = proto.graph.initializer.add()
        copied.CopyFrom(tensor)
        copied.name = f"w{k}"
    shared.write_bytes(proto.SerializeToString())
    with (tmp_path / "small.bin").open("wb") as data:
        data.truncate(1 << 26)
    found = outcomes([bomb, members, large, shared])
    assert "decompressed" in found[str(bomb)]
    assert found[str(members)]
    assert "at most" in found[str(large)]
    assert "at most" in found[str(shared)]


@pytest.mark.parametrize(
    ("dims", "offset", "length"), [([2**62, 4], 0, 2**64), ([2**31, 2**31], 0, 0), ([2, 2], 2**63, 16), ([0, 0], 5, 0), ([-2, -2], 0, 16)]
)
def test_sizes_that_overflow(dims: list[int], offset: int, length: int, tmp_path: Path) -> None:
    proto = model([node("MatMul", "x w")], {"x": (N, 2)}, {"w": np.ones((2, 2), np.float32)})
    tensor = proto.graph.initializer[0]
    tensor.dims[:] = dims
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "w.bin"), ("offset", str(offset)), ("length", str(length))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    (tmp_path / "w.bin").write_bytes(bytes(16))
    with pytest.raises((LoadError, ShapeError), match=r"tensor 'w'|\(0, 0\)"):
        load(tmp_path / "m.onnx")
