"""Reading plain feedforward ONNX: the graph, Gemm, MatMul and Relu; the other operations are read by what `_OPERATIONS` names."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from ._load import load
from ._made import made, stated
from ._network import Network
from ._numbers import Rejected, Tensor, need, show
from ._onnx_tensors import SINGLE, Stored, read_tensor
from ._protobuf import BLOCK, BLOCKS, FLOAT, NUMBER, read_message

# for each message the fields that are read, and those that do not touch the function: names, producers, documentation, inferred shapes, ...
_MODEL = {7: ("graph", BLOCK)}, (1, 2, 3, 4, 5, 6, 8, 14)
_GRAPH = {1: ("node", BLOCKS), 5: ("initializer", BLOCKS), 11: ("input", BLOCKS), 12: ("output", BLOCKS)}, (2, 10, 13, 14, 16)
_NODE = {1: ("input", BLOCKS), 2: ("output", BLOCKS), 4: ("op_type", BLOCK), 5: ("attribute", BLOCKS), 7: ("domain", BLOCK)}, (3, 6, 9)
_ATTRIBUTE = {1: ("name", BLOCK), 2: ("f", FLOAT), 3: ("i", NUMBER), 5: ("t", BLOCK)}, (13, 20)
_VALUE = {1: ("name", BLOCK), 2: ("type", BLOCK)}, (3, 4)
_TYPE = {1: ("tensor", BLOCK)}, (6,)
_TENSOR_TYPE = {1: ("elem_type", NUMBER), 2: ("shape", BLOCK)}, ()
_SHAPE = {1: ("dim", BLOCKS)}, ()
_DIM = {1: ("value", NUMBER), 2: ("param", BLOCK)}, (3,)

# operation: (its attributes, fewest and most inputs, what reads it, from the reader and the call)
_OPERATIONS: dict[str, tuple[tuple[str, ...], int, int, str]] = {
    "Gemm": (("alpha", "beta", "transA", "transB"), 2, 3, "_onnx.product"),
    "MatMul": ((), 2, 2, "_onnx.product"),
    "Relu": ((), 1, 1, "_onnx.relu"),
    "Add": ((), 2, 2, "_onnx_sums.shifted"),
    "Sub": ((), 2, 2, "_onnx_sums.shifted"),
    "Flatten": (("axis",), 1, 1, "_onnx_moving.flatten"),
    "Reshape": (("allowzero",), 2, 2, "_onnx_moving.reshape"),
    "Identity": ((), 1, 1, "_onnx_moving.identity"),
    "Constant": (("value",), 0, 0, "_onnx_moving.constant"),
}


class Computed(NamedTuple):
    """A value that depends on the input: its node, and its shape with the batch axis if there is one."""

    node: str
    full: tuple[int, ...]


class Call(NamedTuple):
    """A node of the graph: its operation, the name of its value, what it reads, its attributes; and its place for messages."""

    operation: str
    name: str
    inputs: list[str]
    attributes: dict[str, dict[str, Any]]
    step: str

    def integer(self, key: str, default: int = 0) -> int:
        """An attribute."""
        return int(self.attributes[key].get("i", 0)) if key in self.attributes else default

    def factor(self, key: str) -> Tensor:
        """A float, 1 where it is left out, as a tensor without axes."""
        data = self.attributes[key].get("f", b"") if key in self.attributes else struct.pack("<f", 1)
        need(len(data) == 4, self.step, "an attribute is no float")
        return Stored(key, SINGLE, (), data).real(self.step)


def read_onnx(data: bytes, step: str, files: Mapping[str, bytes] | None = None) -> Network:
    """The network in an ONNX file; ``files`` are those beside it that hold tensors, by their names."""
    try:
        model = read_message(data, *_MODEL, step)
        need("graph" in model, step, "not an ONNX model: it has no graph")
        return Reader(step, files or {}).network(read_message(model["graph"], *_GRAPH, step))
    except UnicodeDecodeError:
        raise Rejected(step, "a name is not UTF-8") from None


class Reader:
    """The graph, node by node, as a document of the exact network format."""

    def __init__(self, step: str, files: Mapping[str, bytes]) -> None:
        self._step, self.files = step, files
        self.values: dict[str, Stored | Computed] = {}
        self._nodes: list[dict[str, Any]] = []
        self.constants: dict[str, tuple[int, ...]] = {}  # those that became nodes, with their shapes
        self.batch = True

    def network(self, graph: dict[str, Any]) -> Network:
        """Reads initialisers, the input, the nodes and the output, in this order."""
        for block in graph["initializer"]:
            stored = read_tensor(block, f"{self._step}: initialiser", self.files)
            self._name(stored.name, stored, f"{self._step}: initialiser")
        # old files list the initialisers among the inputs
        inputs = [(name, value) for name, value in map(self._declared, graph["input"]) if name not in self.values]
        need(len(inputs) == 1, self._step, f"expected one input, found {len(inputs)}")
        ((name, value),) = inputs
        self._name(name, self._input(name, value), self._step)
        for i, block in enumerate(graph["node"]):
            self._node(block, f"{self._step}: node {i}")
        outputs = [name for name, _ in map(self._declared, graph["output"])]
        need(len(outputs) == 1, self._step, f"expected one output, found {len(outputs)}")
        return made(self._nodes, [name], [self.value(outputs[0], Computed, self._step).node], self._step)

    def _declared(self, block: bytes) -> tuple[str, bytes]:
        """The name of an input or output, and its type."""
        value = read_message(block, *_VALUE, self._step)
        return value.get("name", b"").decode(), value.get("type", b"")

    def _name(self, name: str, value: Stored | Computed, step: str) -> None:
        need(name != "" and name not in self.values, step, f"the value {show(name)} is given twice, or has no name")
        self.values[name] = value

    def _input(self, name: str, block: bytes) -> Computed:
        """The first of two or more axes is the batch axis; it must be open or 1. One axis: there is no batch axis."""
        step = f"{self._step}: input"
        tensor = read_message(read_message(block, *_TYPE, step).get("tensor", b""), *_TENSOR_TYPE, step)
        need(tensor.get("elem_type") in (1, 11), step, "neither float nor double")
        dims = [read_message(dim, *_DIM, step) for dim in read_message(tensor.get("shape", b""), *_SHAPE, step)["dim"]]
        sizes = [dim.get("value", 0) for dim in dims]
        self.batch = len(sizes) >= 2
        if self.batch:
            need(dims[0].get("value", 1) == 1, step, "the first axis must be a batch axis, open or of size 1")
            sizes[0] = 1
        need(min(sizes, default=0) > 0, step, "the sizes of its axes are not all given")
        return self.emit(name, "input", [], tuple(sizes), shape=self.flat(tuple(sizes), step))

    def flat(self, full: tuple[int, ...], step: str) -> list[int]:
        """Without the batch axis."""
        need(not self.batch or full[:1] == (1,), step, "the batch axis is lost")
        return list(full[self.batch :])

    def value(self, name: str, kind: type, step: str) -> Any:
        """One that depends on the input (Computed), or a constant (Stored), whichever is needed."""
        found = self.values.get(name)
        need(isinstance(found, kind), step, f"there is no {kind.__name__.lower()} value {show(name)}")
        return found

    def _node(self, block: bytes, step: str) -> None:
        node = read_message(block, *_NODE, step)
        inputs, outputs = ([name.decode() for name in node[key]] for key in ("input", "output"))
        operation, domain = (node.get(key, b"").decode() for key in ("op_type", "domain"))
        need(len(outputs) == 1, step, f"a node {show(operation)} with {len(outputs)} outputs")
        step = f"{self._step}: node {outputs[0]}"
        known = operation in _OPERATIONS and domain in ("", "ai.onnx")
        need(known, step, f"the checker does not read the operation {show(operation)} of the domain {show(domain)}")
        names, least, most, read = _OPERATIONS[operation]
        need(least <= len(inputs) <= most and "" not in inputs, step, f"{len(inputs)} inputs")
        stated_attributes = [read_message(block, *_ATTRIBUTE, step) for block in node["attribute"]]
        attributes = {attribute.get("name", b"").decode(): attribute for attribute in stated_attributes}
        need(len(attributes) == len(stated_attributes) and attributes.keys() <= {*names}, step, f"attributes {show(', '.join(attributes))}")
        self._name(outputs[0], load(read)(self, Call(operation, outputs[0], inputs, attributes, step)), step)

    def emit(self, name: str, op: str, operands: list[str], full: tuple[int, ...], **fields: Any) -> Computed:
        """A node more."""
        self._nodes.append({"name": name, "op": op, "operands": operands, **fields})
        return Computed(name, full)

    def affine(self, call: Call, a: Computed, weight: Tensor, bias: Tensor) -> Computed:
        """weight a + bias."""
        return self.emit(call.name, "affine", [a.node], (*a.full[:-1], len(bias.numerators)), weight=stated(weight), bias=stated(bias))


def product(reader: Reader, call: Call) -> Computed:
    """Gemm, and MatMul, which has neither attributes nor C, and multiplies what has any number of axes."""
    step = call.step
    a, weight = reader.value(call.inputs[0], Computed, step), reader.value(call.inputs[1], Stored, step).real(step)
    need(len(weight.shape) == 2, step, "the constant factor must be a matrix")
    need(call.operation == "MatMul" or len(a.full) == 2, step, "Gemm multiplies matrices")
    need(call.integer("transA") == 0 and call.integer("transB") in (0, 1), step, "transA must be 0, transB 0 or 1")
    weight = weight if call.integer("transB") else _transposed(weight)
    m = weight.shape[0]
    bias = Tensor((m,), [0] * m, 1)
    if len(call.inputs) == 3:
        c = reader.value(call.inputs[2], Stored, step).real(step)
        need(len(c.shape) <= 2 and prod(c.shape[:-1]) == 1 and c.shape[-1:] in ((), (1,), (m,)), step, "C does not fit")
        bias = _times(call.factor("beta"), Tensor((m,), c.numerators * (m // len(c.numerators)), c.denominator))
    return reader.affine(call, a, _times(call.factor("alpha"), weight), bias)


def relu(reader: Reader, call: Call) -> Computed:
    """max(t, 0) for each entry t."""
    a = reader.value(call.inputs[0], Computed, call.step)
    return reader.emit(call.name, "piecewise_linear", [a.node], a.full, slope=0, constant=0, kinks=[[0, 1]])


def _times(factor: Tensor, value: Tensor) -> Tensor:
    (n,), d = factor.numerators, factor.denominator
    return value if n == d else Tensor(value.shape, [n * entry for entry in value.numerators], d * value.denominator)


def _transposed(b: Tensor) -> Tensor:
    rows, columns = b.shape
    return Tensor((columns, rows), [n for j in range(columns) for n in b.numerators[j::columns]], b.denominator)
