"""Reading plain feedforward ONNX: the graph, Gemm, MatMul and Relu; the other operations are read by what `_OPERATIONS` names."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from ._load import load
from ._made import made, stated
from ._network import Network
from ._numbers import Rejected, Tensor, need, show
from ._onnx_tensors import Stored, read_tensor, single_float
from ._protobuf import BYTES, FIXED32, VARINT, Field, Message

# for each message the fields that are read, and those that do not touch the function: names, producers, documentation, inferred shapes, ...
_Fields = tuple[dict[int, Field], tuple[int, ...]]
_MODEL: _Fields = {7: Field("graph", BYTES)}, (1, 2, 3, 4, 5, 6, 8, 14)
_GRAPH: _Fields = (
    {
        1: Field("node", BYTES, True),
        5: Field("initializer", BYTES, True),
        11: Field("input", BYTES, True),
        12: Field("output", BYTES, True),
    },
    (2, 10, 13, 14, 16),
)
_NAMES = {1: Field("input", BYTES, True), 2: Field("output", BYTES, True), 4: Field("op_type", BYTES), 7: Field("domain", BYTES)}
_NODE: _Fields = {**_NAMES, 5: Field("attribute", BYTES, True)}, (3, 6, 9)
_ATTRIBUTE: _Fields = {1: Field("name", BYTES), 2: Field("f", FIXED32), 3: Field("i", VARINT), 5: Field("t", BYTES)}, (13, 20)
_VALUE: _Fields = {1: Field("name", BYTES), 2: Field("type", BYTES)}, (3, 4)
_TYPE: _Fields = {1: Field("tensor", BYTES)}, (6,)
_TENSOR_TYPE: _Fields = {1: Field("elem_type", VARINT), 2: Field("shape", BYTES)}, ()
_SHAPE: _Fields = {1: Field("dim", BYTES, True)}, ()
_DIM: _Fields = {1: Field("value", VARINT), 2: Field("param", BYTES)}, (3,)

# operation: (its attributes, fewest and most inputs, what reads it, from the reader and the call)
_OPERATIONS: dict[str, tuple[tuple[str, ...], int, int, str]] = {
    "Gemm": (("alpha", "beta", "transA", "transB"), 2, 3, "_onnx.gemm"),
    "MatMul": ((), 2, 2, "_onnx.product"),
    "Relu": ((), 1, 1, "_onnx.relu"),
    "Add": ((), 2, 2, "_onnx_sums.add"),
    "Sub": ((), 2, 2, "_onnx_sums.subtract"),
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
    """A node of the graph: the name of its value, what it reads, its attributes; and its place for messages."""

    name: str
    inputs: list[str]
    attributes: dict[str, Message]
    step: str

    def integer(self, key: str, default: int = 0) -> int:
        """An attribute."""
        return self.attributes[key].integer("i") if key in self.attributes else default


def read_onnx(data: bytes, step: str, files: Mapping[str, bytes] | None = None) -> Network:
    """The network in an ONNX file; ``files`` are those beside it that hold tensors, by their names."""
    graphs = Message(data, *_MODEL, step).all("graph")
    need(len(graphs) == 1, step, "not an ONNX model: it has no graph")
    return Reader(Message(graphs[0], *_GRAPH, step), step, load("_onnx_beside.Beside")(files) if files else None).network()


class Reader:
    """The graph, node by node, as a document of the exact network format."""

    def __init__(self, graph: Message, step: str, files: Any) -> None:
        self._graph, self._step, self.files = graph, step, files
        self.values: dict[str, Stored | Computed] = {}
        self._nodes: list[dict[str, Any]] = []
        self.constants: dict[str, tuple[int, ...]] = {}  # those that became nodes, with their shapes
        self.batch = True

    def network(self) -> Network:
        """Reads initialisers, the input, the nodes and the output, in this order."""
        for block in self._graph.all("initializer"):
            stored = read_tensor(block, f"{self._step}: initialiser", self.files)
            self._name(stored.name, stored, f"{self._step}: initialiser")
        declared = [Message(block, *_VALUE, self._step) for block in self._graph.all("input")]
        # old files list the initialisers among the inputs
        real = [value for value in declared if value.text("name") not in self.values]
        need(len(real) == 1, self._step, f"expected one input, found {len(real)}")
        name = real[0].text("name")
        self._name(name, Computed(name, self._input_shape(real[0])), self._step)
        for i, block in enumerate(self._graph.all("node")):
            self._node(Message(block, *_NODE, f"{self._step}: node {i}"))
        outputs = [Message(block, *_VALUE, self._step).text("name") for block in self._graph.all("output")]
        need(len(outputs) == 1, self._step, f"expected one output, found {len(outputs)}")
        return made(self._nodes, [name], [self.computed(outputs[0], self._step).node], self._step)

    def _name(self, name: str, value: Stored | Computed, step: str) -> None:
        need(name != "" and name not in self.values, step, f"the value {show(name)} is given twice, or has no name")
        self.values[name] = value

    def _input_shape(self, value: Message) -> tuple[int, ...]:
        """The first of two or more axes is the batch axis; it must be open or 1. One axis: there is no batch axis."""
        step = f"{self._step}: input"
        message = value
        for name, fields in (("type", _TYPE), ("tensor", _TENSOR_TYPE), ("shape", _SHAPE)):
            need(message.has(name), step, f"its {name} is not given")
            message = Message(message.all(name)[0], *fields, step)
            need(name != "tensor" or message.integer("elem_type") in (1, 11), step, "neither float nor double")
        dims = [Message(block, *_DIM, step) for block in message.all("dim")]
        sizes = [dim.integer("value") for dim in dims]
        self.batch = len(sizes) >= 2
        if self.batch:
            need(not dims[0].has("value") or sizes[0] == 1, step, "the first axis must be a batch axis, open or of size 1")
            sizes[0] = 1
        need(len(sizes) >= 1 and min(sizes) > 0, step, "the sizes of its axes are not all given")
        full = tuple(sizes)
        self._nodes.append({"name": value.text("name"), "op": "input", "operands": [], "shape": self.flat(full, step)})
        return full

    def flat(self, full: tuple[int, ...], step: str) -> list[int]:
        """Without the batch axis."""
        need(not self.batch or full[:1] == (1,), step, "the batch axis is lost")
        return list(full[self.batch :])

    def computed(self, name: str, step: str) -> Computed:
        """A value that depends on the input."""
        value = self.values.get(name)
        if not isinstance(value, Computed):
            raise Rejected(step, f"{show(name)} is no value computed from the input")
        return value

    def stored(self, name: str, step: str) -> Stored:
        """A constant."""
        value = self.values.get(name)
        if not isinstance(value, Stored):
            raise Rejected(step, f"{show(name)} is no constant")
        return value

    def _node(self, node: Message) -> None:
        operation, inputs, outputs = node.text("op_type"), node.texts("input"), node.texts("output")
        need(len(outputs) == 1, self._step, f"a node {show(operation)} with {len(outputs)} outputs")
        step = f"{self._step}: node {outputs[0]}"
        need(node.text("domain") in ("", "ai.onnx"), step, "an operation of another domain")
        need(operation in _OPERATIONS, step, f"the checker does not read the operation {show(operation)}")
        names, least, most, read = _OPERATIONS[operation]
        need(least <= len(inputs) <= most and "" not in inputs, step, f"{len(inputs)} inputs")
        attributes: dict[str, Message] = {}
        for block in node.all("attribute"):
            attribute = Message(block, *_ATTRIBUTE, step)
            name = attribute.text("name")
            need(name in names and name not in attributes, step, f"unexpected attribute {show(name)}")
            attributes[name] = attribute
        self._name(outputs[0], load(read)(self, Call(outputs[0], inputs, attributes, step)), step)

    def emit(self, name: str, op: str, operands: list[str], full: tuple[int, ...], **fields: Any) -> Computed:
        """A node more."""
        self._nodes.append({"name": name, "op": op, "operands": operands, **fields})
        return Computed(name, full)

    def affine(self, call: Call, a: Computed, weight: Tensor, bias: Tensor) -> Computed:
        """weight a + bias."""
        m, n = weight.shape
        need(a.full[-1:] == (n,) and len(a.full) > self.batch, call.step, "the sizes of the matrices do not fit")
        return self.emit(call.name, "affine", [a.node], (*a.full[:-1], m), weight=stated(weight), bias=stated(bias))


def product(reader: Reader, call: Call) -> Computed:
    """Gemm, and MatMul, which has neither attributes nor C."""
    step = call.step
    alpha, beta = (single_float(call.attributes.get(key), step) for key in ("alpha", "beta"))
    flags = call.integer("transA"), call.integer("transB")
    need(flags in ((0, 0), (0, 1)), step, "transA must be 0, transB 0 or 1")
    a, weight = reader.computed(call.inputs[0], step), reader.stored(call.inputs[1], step).real(step)
    need(len(weight.shape) == 2, step, "the constant factor must be a matrix")
    weight = weight if flags[1] else _transposed(weight)
    m = weight.shape[0]
    if alpha != 1:
        weight = Tensor(weight.shape, [alpha.numerator * n for n in weight.numerators], weight.denominator * alpha.denominator)
    bias = Tensor((m,), [0] * m, 1)
    if len(call.inputs) == 3:
        c = reader.stored(call.inputs[2], step).real(step)
        need(len(c.shape) <= 2 and prod(c.shape[:-1]) == 1 and c.shape[-1:] in ((), (1,), (m,)), step, "C does not fit")
        values = c.numerators * (m // len(c.numerators))
        bias = Tensor((m,), [beta.numerator * n for n in values], c.denominator * beta.denominator)
    return reader.affine(call, a, weight, bias)


def gemm(reader: Reader, call: Call) -> Computed:
    """A product of matrices, of two axes."""
    need(len(reader.computed(call.inputs[0], call.step).full) == 2, call.step, "Gemm multiplies matrices")
    return product(reader, call)


def relu(reader: Reader, call: Call) -> Computed:
    """max(t, 0) for each entry t."""
    a = reader.computed(call.inputs[0], call.step)
    return reader.emit(call.name, "piecewise_linear", [a.node], a.full, slope=0, constant=0, kinks=[[0, 1]])


def _transposed(b: Tensor) -> Tensor:
    rows, columns = b.shape
    return Tensor((columns, rows), [n for j in range(columns) for n in b.numerators[j::columns]], b.denominator)
