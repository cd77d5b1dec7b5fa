"""Bad input: an ExactnnError that names the argument, what is allowed and what arrived; nothing else escapes."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn import Box, Polyhedron, mlp, symmetry, verify_equal, verify_symmetry, verify_zero
from exactnn.errors import (
    ArgumentError,
    DomainError,
    EmptyDomain,
    ExactnnError,
    LoadError,
    NetworkError,
    NotFiniteError,
    NotRational,
    SaveError,
    ShapeError,
    UnsupportedOperation,
)
from exactnn.network import Builder, Input, relu
from tests.strategies import law

F = mlp([([[1, 2], [3, 4]], [0, 1]), ([[1, 1]], [0])])
WIDE = mlp([([[1, 2, 3]], [0]), ([[1]], [0])])
TWO = mlp([([[1, 2]], [0]), ([[1], [1]], [0, 0])])
NAN, INF = float("nan"), float("inf")

#: (what is done, error, words the message has)
CASES: list[tuple[str, Callable[[], Any], type[ExactnnError], list[str]]] = [
    # weights
    ("nan weight", lambda: mlp([([[1.0, NAN]], [0.0])]), NotFiniteError, ["W1", "finite", "nan"]),
    ("nan in numpy", lambda: mlp([(np.array([[1.0, NAN]]), [0.0])]), NotFiniteError, ["W1", "(0, 1)", "nan"]),
    ("infinite bias", lambda: mlp([([[1.0]], [0]), ([[1.0]], [INF])]), NotFiniteError, ["b2", "finite", "inf"]),
    ("infinity as text", lambda: mlp([([["inf"]], [0])]), NotFiniteError, ["W1", "inf"]),
    ("ragged", lambda: mlp([([[1, 2], [3]], [0, 0])]), ShapeError, ["W1", "ragged"]),
    ("bias too short", lambda: mlp([([[1], [2]], [0])]), ShapeError, ["b1", "(2,)", "(1,)"]),
    ("layers do not fit", lambda: mlp([([[1], [2]], [0, 0]), ([[1]], [0])]), ShapeError, ["W2", "2 columns", "(1, 1)"]),
    ("a vector as a matrix", lambda: mlp([([1, 2], [0])]), ShapeError, ["W1", "2 axes"]),
    ("no layers", lambda: mlp([]), ArgumentError, ["layers", "non-empty"]),
    ("an empty matrix", lambda: mlp([([[]], [0])]), ShapeError, ["W1", "non-empty"]),
    ("a layer that is no pair", lambda: mlp([[[1]]]), ArgumentError, ["layers[0]", "pair"]),
    ("a word as a weight", lambda: mlp([([["one"]], [0])]), ArgumentError, ["W1", "one"]),
    ("a truth value as a weight", lambda: mlp([([[True]], [0])]), ArgumentError, ["W1", "boolean"]),
    ("a complex weight", lambda: mlp([([[1j]], [0])]), ArgumentError, ["W1", "complex"]),
    ("none as a weight", lambda: mlp([([[None]], [0])]), ArgumentError, ["W1", "NoneType"]),
    ("a division by zero", lambda: mlp([([["1/0"]], [0])]), ArgumentError, ["W1", "denominator"]),
    ("an unknown activation", lambda: mlp([([[1]], [0]), ([[1]], [0])], activation="mish"), ArgumentError, ["activation", "mish"]),
    ("clip upside down", lambda: mlp([([[1]], [0]), ([[1]], [0])], activation="clip(2, 1)"), ArgumentError, ["low", "2", "1"]),
    # networks
    ("an empty network", lambda: Builder().build([], []), NetworkError, ["empty"]),
    ("no output", lambda: Builder().build(["x"], ["x"]), NetworkError, ["x"]),
    ("an output that is not there", lambda: _one_input().build(["x"], ["y"]), NetworkError, ["y", "no such node"]),
    ("a name twice", lambda: _one_input().add("x", relu(), "x"), NetworkError, ["x", "unique"]),
    ("an operand that is not there", lambda: _one_input().add("y", relu(), "z"), NetworkError, ["y", "z"]),
    ("a point of the wrong size", lambda: F([1]), ShapeError, ["x", "2 numbers", "(1,)"]),
    ("nan at a point", lambda: F([1, NAN]), NotFiniteError, ["x", "nan"]),
    ("the value of tanh", lambda: mlp([([[1]], [0]), ([[1]], [0])], activation="tanh")([1]), NotRational, ["tanh", "irrational"]),
    # domains
    ("a box upside down", lambda: Box([0, 2], [1, 1]), DomainError, ["lower[1]", "upper[1]", "2", "1"]),
    ("an infinite box", lambda: Box([0], [INF]), NotFiniteError, ["upper", "inf", "Polyhedron"]),
    ("a ragged polyhedron", lambda: Polyhedron([[1, 2], [1]], [0, 0]), ShapeError, ["A", "ragged"]),
    ("bounds too short", lambda: Polyhedron([[1, 2], [1, 1]], [0]), ShapeError, ["b", "2 numbers"]),
    ("an empty polyhedron", lambda: verify_zero(F, domain=Polyhedron([[1, 0], [-1, 0]], [0, -1])), EmptyDomain, ["empty", "farkas"]),
    ("a box in another dimension", lambda: verify_zero(F, domain=Box([0], [1])), DomainError, ["domain", "R^2", "1 coordinates"]),
    ("a polyhedron elsewhere", lambda: verify_zero(F, domain=Polyhedron([[1, 1, 1]], [0])), DomainError, ["domain", "R^2", "3"]),
    ("a domain that is none", lambda: verify_zero(F, domain=[(0, 1), (0, 1)]), DomainError, ["domain", "Box", "list"]),  # type: ignore[arg-type]
    # questions
    ("other inputs", lambda: verify_equal(F, WIDE), ShapeError, ["f and g", "2 -> 1", "3 -> 1"]),
    ("other outputs", lambda: verify_equal(F, TWO), ShapeError, ["f and g", "2 -> 1", "2 -> 2"]),
    ("a path as a network", lambda: verify_equal(F, "net.onnx"), ArgumentError, ["g", "Network", "exactnn.load("]),  # type: ignore[arg-type]
    ("none as a network", lambda: verify_zero(None), ArgumentError, ["f", "Network", "NoneType"]),  # type: ignore[arg-type]
    ("a negative tolerance", lambda: verify_zero(F, tolerance=-1), ArgumentError, ["tolerance", ">= 0", "-1"]),
    ("a tolerance that is nan", lambda: verify_zero(F, tolerance=NAN), NotFiniteError, ["tolerance", "nan"]),
    ("an infinite tolerance", lambda: verify_zero(F, tolerance=INF), NotFiniteError, ["tolerance", "inf"]),
    ("a negative time limit", lambda: verify_zero(F, time_limit=-0.5), ArgumentError, ["time_limit", ">= 0", "-0.5"]),
    ("a time limit that is nan", lambda: verify_zero(F, time_limit=NAN), ArgumentError, ["time_limit", "nan"]),
    ("time minus infinity", lambda: verify_zero(F, time_limit=-INF), ArgumentError, ["time_limit", "inf"]),
    ("words as a time limit", lambda: verify_zero(F, time_limit="soon"), ArgumentError, ["time_limit", "soon"]),
    ("no transformation", lambda: verify_symmetry(F, [1, 0]), ArgumentError, ["transformation", "Permutation", "list"]),  # type: ignore[arg-type]
    ("an order of another length", lambda: verify_symmetry(F, symmetry.Permutation(0, [0, 1, 2])), ShapeError, ["2 neurons", "3"]),
    ("a layer that is not there", lambda: verify_symmetry(F, symmetry.Permutation(5, [0, 1])), ArgumentError, ["layer", "5"]),
    ("a neuron that is not there", lambda: verify_symmetry(F, symmetry.Flip([7])), ArgumentError, ["neurons", "7"]),
    ("no permutation", lambda: symmetry.Permutation(0, [0, 0]), ArgumentError, ["order", "once"]),
    ("a factor of zero", lambda: symmetry.Scaling(0, [1, 0]), ArgumentError, ["factors[1]", "positive", "0"]),
    ("a negative factor", lambda: symmetry.Scaling(0, [-2, 1]), ArgumentError, ["factors[0]", "positive", "-2"]),
    ("a neuron twice", lambda: symmetry.Flip([0, 0]), ArgumentError, ["neurons", "once"]),
    ("a flip of tanh", lambda: symmetry.Flip([0]).apply(mlp([([[1]], [0]), ([[1]], [0])], activation="tanh")), ArgumentError, ["tanh"]),
    # certificates
    ("a certificate's path that is a number", lambda: verify_zero(F).certificate.save(5), ArgumentError, ["path"]),  # type: ignore[union-attr]
    ("a certificate's path with a null", lambda: verify_zero(F).certificate.save("a\0"), ArgumentError, ["path"]),  # type: ignore[union-attr]
    ("models that are a number", lambda: xn.check("c.json", models=5), ArgumentError, ["models", "list of paths", "int"]),  # type: ignore[arg-type]
    ("models that are numbers", lambda: xn.check("c.json", models=[5]), ArgumentError, ["models", "list of paths"]),  # type: ignore[list-item]
    ("models that are one path", lambda: xn.check("c.json", models="f.json"), ArgumentError, ["models", "list of paths"]),
    ("a certificate that is none", lambda: xn.check(None), ArgumentError, ["certificate", "Unknown"]),  # type: ignore[arg-type]
    ("a verdict for its certificate", lambda: xn.check(verify_zero(F)), ArgumentError, ["certificate", ".certificate"]),  # type: ignore[arg-type]
]


def _one_input() -> Builder:
    builder = Builder()
    builder.add("x", Input((2,)))
    return builder


@pytest.mark.parametrize(("act", "error", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_error_says_what_is_wrong(act: Callable[[], Any], error: type[ExactnnError], words: list[str]) -> None:
    with pytest.raises(error) as raised:
        act()
    message = str(raised.value)
    assert isinstance(raised.value, ExactnnError)
    for word in words:
        assert word in message, message
    assert len(message) < 1000


# --- files ------------------------------------------------------------------------------------------------------------------------


NNET = """// a comment
2,2,1,2,
2,2,1,
0,
-1,-1,
1,1,
0,0,0,
1,1,1,
1,2,
3,4,
0,
1,
1,1,
0,
"""


def test_the_sample_is_a_network(tmp_path: Path) -> None:
    path = tmp_path / "good.nnet"
    path.write_text(NNET)
    assert xn.load(path)([1, 1]) == F([1, 1])


FOREIGN = {
    "empty.nnet": b"",
    "empty.json": b"",
    "empty.onnx": b"",
    "text.onnx": b"these are only words, and more of them",
    "zeros.onnx": bytes(100),
    "json.nnet": b'{"format": "exactnn-network"}',
    "nnet.json": NNET.encode(),
    "list.json": b"[1, 2, 3]",
    "deep.json": b"[" * 100_000,
    "certificate.json": b'{"format": "exactnn-certificate", "version": 2}',
    "version.json": b'{"format": "exactnn-network", "version": 99, "inputs": [], "outputs": [], "nodes": []}',
    "nodes.json": b'{"format": "exactnn-network", "version": 1, "inputs": [], "outputs": [], "nodes": []}',
    "latin.json": '{"format": "\xe9"}'.encode("latin-1"),
    "nan.nnet": NNET.replace("1,2,\n", "nan,2,\n", 1).encode(),
    "cut.nnet": NNET[: len(NNET) // 2].encode(),
    "overflow.nnet": NNET.replace("2,2,1,2,", f"{2**70},2,1,2,").encode(),
    "huge.nnet": NNET.replace("2,2,1,\n", f"2,{10**12},1,\n").encode(),
    "negative.nnet": NNET.replace("2,2,1,2,", "-2,2,1,2,").encode(),
    "word.nnet": NNET.replace("3,4,", "three,4,").encode(),
    "long.onnx": b"\x08" + b"\xff" * 20,
    "length.onnx": b"\x3a" + b"\xff\xff\xff\xff\x0f" + b"x",
    "pickle.onnx": b"\x80\x04\x95" + bytes(20),
    "zip.onnx": b"PK\x03\x04" + bytes(40),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_files_that_are_no_models(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FOREIGN[name])
    with pytest.raises(ExactnnError) as raised:
        xn.load(path)
    assert name in str(raised.value)
    assert isinstance(raised.value, (LoadError, ArgumentError))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"absent\.onnx"):
        xn.load(tmp_path / "absent.onnx")
    with pytest.raises(ExactnnError):
        xn.load(tmp_path)


@pytest.mark.parametrize("suffix", ["", ".pt", ".txt", ".h5"])
def test_unknown_suffixes(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"anything")
    with pytest.raises(ExactnnError, match=r"suffix|format"):
        xn.load(path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SaveError, match=r"suffix|format"):
        xn.save(F, tmp_path / f"other{suffix}")
    assert sorted(tmp_path.iterdir()) == before


def test_nothing_half_written_stays_behind(tmp_path: Path) -> None:
    third = mlp([([["1/3"]], [0])])
    pytest.importorskip("onnx")
    with pytest.raises(SaveError, match=r"1/3|float32"):
        xn.save(third, tmp_path / "third.onnx")
    with pytest.raises(ExactnnError):
        xn.save(mlp([([[1]], [0]), ([[1]], [0])], activation="tanh"), tmp_path / "tanh.nnet")
    with pytest.raises(ExactnnError):
        xn.save(F, tmp_path / "no such folder" / "net.json")
    assert list(tmp_path.iterdir()) == []
    certificate = verify_zero(F).certificate
    assert certificate is not None
    with pytest.raises((ExactnnError, OSError)):
        certificate.save(tmp_path / "no such folder" / "c.json")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_operation_is_named() -> None:
    torch = pytest.importorskip("torch")

    class Strange(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return torch.special.bessel_j0(x)

    with pytest.raises(UnsupportedOperation, match="bessel_j0"):
        xn.from_torch(Strange(), (3,))


def test_a_torch_module_with_nan() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    with torch.no_grad():
        module[2].weight[0, 1] = math.nan
    with pytest.raises(NotFiniteError, match=r"2\.weight.*nan.*\(0, 1\)"):
        xn.from_torch(module, (2,))


@given(st.binary(max_size=200), st.sampled_from([".json", ".nnet", ".onnx"]))
@law(30)
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("any") / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(ExactnnError):
        xn.load(path)


@given(st.integers(0, len(NNET) - 1), st.binary(min_size=1, max_size=3))
@law(40)
def test_damaged_nnet_files(tmp_path_factory: pytest.TempPathFactory, place: int, content: bytes) -> None:
    path = tmp_path_factory.mktemp("damaged") / "net.nnet"
    data = NNET.encode()
    path.write_bytes(data[:place] + content + data[place + 1 :])
    try:
        net = xn.load(path)
    except ExactnnError:
        return
    assert all(isinstance(q, Fraction) for q in net([0] * net.input_dim))


@given(st.data())
@law(30)
def test_damaged_onnx_files(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("damaged")
    xn.save(F, folder / "good.onnx")
    content = bytearray((folder / "good.onnx").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "net.onnx"
    path.write_bytes(bytes(content)[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
    try:
        net = xn.load(path)
    except ExactnnError:
        return
    assert net.input_dim > 0


def test_floats_come_in_as_the_dyadic_rationals_they_are() -> None:
    smallest = struct.unpack("<d", struct.pack("<Q", 1))[0]
    f = mlp([([[0.1, smallest]], [1e308])])
    assert f([1, 0]) == (Fraction(0.1) + Fraction(1e308),)
    assert f([0, 1]) == (Fraction(1, 2**1074) + Fraction(1e308),)
