"""Reading plain feedforward ONNX: Gemm, MatMul, Add, Sub, Relu, Flatten, Reshape, Identity, Constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

from . import _budget
from ._made import made, stated
from ._network import Network
from ._numbers import Rejected, Tensor, need, show
from ._onnx_tensors import Beside, Stored, read_tensor, single_float
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


class _Computed(NamedTuple):
    """A value that depends on the input: its node, and its shape with the batch axis if there is one."""

    node: str
    full: tuple[int, ...]


class _Call(NamedTuple):
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
    return _Reader(Message(graphs[0], *_GRAPH, step), step, Beside(files or {})).network()


class _Reader:
    """The graph, node by node, as a document of the exact network format."""

    def __init__(self, graph: Message, step: str, files: Beside) -> None:
        self._graph, self._step, self._files = graph, step, files
        self._values: dict[str, Stored | _Computed] = {}
        self._nodes: list[dict[str, Any]] = []
        self._constants: dict[str, tuple[int, ...]] = {}  # those that became nodes, with their shapes
        self._batch = True

    def network(self) -> Network:
        """Reads initialisers, the input, the nodes and the output, in this order."""
        for block in self._graph.all("initializer"):
            stored = read_tensor(block, f"{self._step}: initialiser", self._files)
            self._name(stored.name, stored, f"{self._step}: initialiser")
        declared = [Message(block, *_VALUE, self._step) for block in self._graph.all("input")]
        # old files list the initialisers among the inputs
        real = [value for value in declared if value.text("name") not in self._values]
        need(len(real) == 1, self._step, f"expected one input, found {len(real)}")
        name = real[0].text("name")
        self._name(name, _Computed(name, self._input_shape(real[0])), self._step)
        for i, block in enumerate(self._graph.all("node")):
            self._node(Message(block, *_NODE, f"{self._step}: node {i}"))
        outputs = [Message(block, *_VALUE, self._step).text("name") for block in self._graph.all("output")]
        need(len(outputs) == 1, self._step, f"expected one output, found {len(outputs)}")
        return made(self._nodes, [name], [self._computed(outputs[0], self._step).node], self._step)

    def _name(self, name: str, value: Stored | _Computed, step: str) -> None:
        need(name != "" and name not in self._values, step, f"the value {show(name)} is given twice, or has no name")
        self._values[name] = value

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
        self._batch = len(sizes) >= 2
        if self._batch:
            need(not dims[0].has("value") or sizes[0] == 1, step, "the first axis must be a batch axis, open or of size 1")
            sizes[0] = 1
        need(len(sizes) >= 1 and min(sizes) > 0, step, "the sizes of its axes are not all given")
        full = tuple(sizes)
        self._nodes.append({"name": value.text("name"), "op": "input", "operands": [], "shape": self._shape(full, step)})
        return full

    def _shape(self, full: tuple[int, ...], step: str) -> list[int]:
        """Without the batch axis."""
        need(not self._batch or full[:1] == (1,), step, "the batch axis is lost")
        return list(full[self._batch :])

    def _computed(self, name: str, step: str) -> _Computed:
        value = self._values.get(name)
        if not isinstance(value, _Computed):
            raise Rejected(step, f"{show(name)} is no value computed from the input")
        return value

    def _stored(self, name: str, step: str) -> Stored:
        value = self._values.get(name)
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
        self._name(outputs[0], read(self, _Call(outputs[0], inputs, attributes, step)), step)

    def _emit(self, name: str, op: str, operands: list[str], full: tuple[int, ...], **fields: Any) -> _Computed:
        self._nodes.append({"name": name, "op": op, "operands": operands, **fields})
        return _Computed(name, full)

    def _product(self, call: _Call) -> _Computed:
        """Gemm, and MatMul, which has neither attributes nor C."""
        step = call.step
        alpha, beta = (single_float(call.attributes.get(key), step) for key in ("alpha", "beta"))
        flags = call.integer("transA"), call.integer("transB")
        need(flags in ((0, 0), (0, 1)), step, "transA must be 0, transB 0 or 1")
        a, weight = self._computed(call.inputs[0], step), self._stored(call.inputs[1], step).real(step)
        need(len(weight.shape) == 2, step, "the constant factor must be a matrix")
        weight = weight if flags[1] else _transposed(weight)
        m = weight.shape[0]
        if alpha != 1:
            weight = Tensor(weight.shape, [alpha.numerator * n for n in weight.numerators], weight.denominator * alpha.denominator)
        bias = Tensor((m,), [0] * m, 1)
        if len(call.inputs) == 3:
            c = self._stored(call.inputs[2], step).real(step)
            need(len(c.shape) <= 2 and prod(c.shape[:-1]) == 1 and c.shape[-1:] in ((), (1,), (m,)), step, "C does not fit")
            values = c.numerators * (m // len(c.numerators))
            bias = Tensor((m,), [beta.numerator * n for n in values], c.denominator * beta.denominator)
        return self._affine(call, a, weight, bias)

    def _gemm(self, call: _Call) -> _Computed:
        need(len(self._computed(call.inputs[0], call.step).full) == 2, call.step, "Gemm multiplies matrices")
        return self._product(call)

    def _affine(self, call: _Call, a: _Computed, weight: Tensor, bias: Tensor) -> _Computed:
        m, n = weight.shape
        need(a.full[-1:] == (n,) and len(a.full) > self._batch, call.step, "the sizes of the matrices do not fit")
        return self._emit(call.name, "affine", [a.node], (*a.full[:-1], m), weight=stated(weight), bias=stated(bias))

    def _shift(self, call: _Call, op: str) -> _Computed:
        """Add or Sub of a constant, on either side: to a vector an affine map, else the constant becomes a node of its own."""
        left, right = (isinstance(self._values.get(i), Stored) for i in call.inputs)
        need(left != right, call.step, "one side must be a constant")
        a, name = self._computed(call.inputs[left], call.step), call.inputs[right]
        value = self._stored(name, call.step).real(call.step)
        shape = value.shape
        if self._batch and len(shape) >= len(a.full):
            need(len(shape) == len(a.full) and shape[0] == 1, call.step, "the constant reaches over the batch axis")
            shape = shape[1:]
        below = a.full[self._batch :]
        if len(below) == 1 and shape in ((), (1,), below) and below[0] <= _WIDEST_IDENTITY:
            signs = (-1 if op == "subtract" and left else 1), (-1 if op == "subtract" and not left else 1)
            return self._affine(call, a, *_shifting(below[0], value, *signs, call.step))
        if name not in self._constants:
            self._constants[name] = shape
            self._emit(name, "constant", [], shape, value=stated(value._replace(shape=shape)))
        need(self._constants[name] == shape, call.step, "the constant is used in two shapes")
        rank = max(len(below), len(shape))
        pairs = zip((1,) * (rank - len(below)) + below, (1,) * (rank - len(shape)) + shape, strict=True)
        full = (*a.full[: self._batch], *(max(pair) for pair in pairs))
        return self._emit(call.name, op, [name, a.node] if left else [a.node, name], full)

    def _relu(self, call: _Call) -> _Computed:
        a = self._computed(call.inputs[0], call.step)
        return self._emit(call.name, "piecewise_linear", [a.node], a.full, slope=0, constant=0, kinks=[[0, 1]])

    def _flatten(self, call: _Call) -> _Computed:
        a, axis = self._computed(call.inputs[0], call.step), call.integer("axis", 1)
        need(-len(a.full) <= axis <= len(a.full), call.step, f"there is no axis {axis}")
        axis += len(a.full) if axis < 0 else 0
        return self._reshaped(call, a, (prod(a.full[:axis]), prod(a.full[axis:])))

    def _reshape(self, call: _Call) -> _Computed:
        a, sizes = self._computed(call.inputs[0], call.step), self._stored(call.inputs[1], call.step).integers(call.step)
        for i in [i for i, size in enumerate(sizes) if size == 0]:  # it keeps the size of that axis, unless it is meant literally
            need(call.integer("allowzero") == 0 and i < len(a.full), call.step, "an axis of size 0, or no such axis to keep")
            sizes[i] = a.full[i]
        need(min(sizes, default=1) >= -1 and sizes.count(-1) <= 1, call.step, "not a shape")
        known = -prod(sizes)
        if -1 in sizes and prod(a.full) % known == 0:
            sizes[sizes.index(-1)] = prod(a.full) // known
        need(prod(sizes) == prod(a.full), call.step, "the sizes do not fit")
        return self._reshaped(call, a, tuple(sizes))

    def _reshaped(self, call: _Call, a: _Computed, full: tuple[int, ...]) -> _Computed:
        return self._emit(call.name, "reshape", [a.node], full, shape=self._shape(full, call.step))

    def _identity(self, call: _Call) -> Stored | _Computed:
        need(call.inputs[0] in self._values, call.step, f"there is no value {show(call.inputs[0])}")
        return self._values[call.inputs[0]]

    def _constant(self, call: _Call) -> Stored:
        need("value" in call.attributes and call.attributes["value"].has("t"), call.step, "the constant is not a tensor")
        return read_tensor(call.attributes["value"].all("t")[0], call.step, self._files)


def _shifting(n: int, constant: Tensor, of_value: int, of_constant: int, step: str) -> tuple[Tensor, Tensor]:
    """x -> of_value x + of_constant c on vectors of length n, as weight and bias."""
    _budget.hold(n * n // 4, step)  # small numbers, once
    weight = [0] * (n * n)
    weight[:: n + 1] = [of_value] * n
    bias = [of_constant * c for c in constant.numerators] * (n // len(constant.numerators))
    return Tensor((n, n), weight, 1), Tensor((n,), bias, constant.denominator)


def _transposed(b: Tensor) -> Tensor:
    rows, columns = b.shape
    return Tensor((columns, rows), [n for j in range(columns) for n in b.numerators[j::columns]], b.denominator)


_WIDEST_IDENTITY = 4096  # vectors up to this length are shifted by an affine node

# operation: (its attributes, fewest and most inputs, reader)
_OPERATIONS: dict[str, tuple[tuple[str, ...], int, int, Callable[[_Reader, _Call], Stored | _Computed]]] = {
    "Gemm": (("alpha", "beta", "transA", "transB"), 2, 3, _Reader._gemm),
    "MatMul": ((), 2, 2, _Reader._product),
    "Add": ((), 2, 2, lambda reader, call: reader._shift(call, "add")),
    "Sub": ((), 2, 2, lambda reader, call: reader._shift(call, "subtract")),
    "Relu": ((), 1, 1, _Reader._relu),
    "Flatten": (("axis",), 1, 1, _Reader._flatten),
    "Reshape": (("allowzero",), 2, 2, _Reader._reshape),
    "Identity": ((), 1, 1, _Reader._identity),
    "Constant": (("value",), 0, 0, _Reader._constant),
}
