"""Reading plain feedforward ONNX: Gemm, MatMul, Add, Sub, Relu, Flatten, Reshape, Identity, Constant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import prod
from typing import Any, NamedTuple

from ._network import Network, read_network
from ._numbers import Rejected, Tensor, need, show
from ._onnx_tensors import Beside, Stored, read_tensor, single_float
from ._protobuf import BYTES, FIXED32, VARINT, Field, Message

_MODEL = {7: Field("graph", BYTES)}
_GRAPH = {
    1: Field("node", BYTES, True),
    5: Field("initializer", BYTES, True),
    11: Field("input", BYTES, True),
    12: Field("output", BYTES, True),
}
_NODE = {
    1: Field("input", BYTES, True),
    2: Field("output", BYTES, True),
    4: Field("op_type", BYTES),
    5: Field("attribute", BYTES, True),
    7: Field("domain", BYTES),
}
_ATTRIBUTE = {1: Field("name", BYTES), 2: Field("f", FIXED32), 3: Field("i", VARINT), 5: Field("t", BYTES)}
_VALUE = {1: Field("name", BYTES), 2: Field("type", BYTES)}
_TYPE = {1: Field("tensor", BYTES)}
_TENSOR_TYPE = {1: Field("elem_type", VARINT), 2: Field("shape", BYTES)}
_SHAPE = {1: Field("dim", BYTES, True)}
_DIM = {1: Field("value", VARINT), 2: Field("param", BYTES)}
# names, producers, documentation, inferred shapes and other fields that do not touch the function
_IGNORED = {"model": (1, 2, 3, 4, 5, 6, 8, 14), "graph": (2, 10, 13, 14, 16), "node": (3, 6, 9), "attribute": (13, 20)}


class _Computed(NamedTuple):
    """A value that depends on the input: its node, and its shape with the batch axis if there is one."""

    node: str
    full: tuple[int, ...]


def read_onnx(data: bytes, step: str, files: Mapping[str, bytes] | None = None) -> Network:
    """The network in an ONNX file; ``files`` are those beside it that hold tensors, by their names."""
    model = Message(data, _MODEL, _IGNORED["model"], step)
    need(len(model.blocks("graph")) == 1, step, "not an ONNX model: it has no graph")
    return _Reader(Message(model.blocks("graph")[0], _GRAPH, _IGNORED["graph"], step), step, Beside(files or {})).network()


class _Reader:
    """The graph, node by node, as a document of the exact network format."""

    def __init__(self, graph: Message, step: str, files: Beside) -> None:
        self._graph, self._step, self._files = graph, step, files
        self._values: dict[str, Stored | _Computed] = {}
        self._nodes: list[dict[str, Any]] = []
        self._constants: dict[str, list[int]] = {}  # those that became nodes, with their shapes
        self._batch = True

    def network(self) -> Network:
        """Reads initialisers, the input, the nodes and the output, in this order."""
        for block in self._graph.blocks("initializer"):
            stored = read_tensor(block, f"{self._step}: initialiser", self._files)
            self._name(stored.name, stored, f"{self._step}: initialiser")
        declared = [Message(block, _VALUE, (3, 4), self._step) for block in self._graph.blocks("input")]
        # old files list the initialisers among the inputs
        real = [value for value in declared if value.text("name") not in self._values]
        need(len(real) == 1, self._step, f"expected one input, found {len(real)}")
        name = real[0].text("name")
        self._name(name, _Computed(name, self._input_shape(real[0])), self._step)
        for i, block in enumerate(self._graph.blocks("node")):
            self._node(Message(block, _NODE, _IGNORED["node"], f"{self._step}: node {i}"))
        outputs = [Message(block, _VALUE, (3, 4), self._step).text("name") for block in self._graph.blocks("output")]
        need(len(outputs) == 1, self._step, f"expected one output, found {len(outputs)}")
        document = {"format": "exactnn-network", "version": 1, "nodes": self._nodes, "inputs": [name]}
        last = self._computed(outputs[0], self._step)
        return read_network({**document, "outputs": [last.node]}, self._step)

    def _name(self, name: str, value: Stored | _Computed, step: str) -> None:
        need(name != "" and name not in self._values, step, f"the value {show(name)} is given twice, or has no name")
        self._values[name] = value

    def _input_shape(self, value: Message) -> tuple[int, ...]:
        """The first of two or more axes is the batch axis; it must be open or 1. One axis: there is no batch axis."""
        step = f"{self._step}: input"
        message = value
        for name, spec, ignored in (("type", _TYPE, (6,)), ("tensor", _TENSOR_TYPE, ()), ("shape", _SHAPE, ())):
            need(message.has(name), step, f"its {name} is not given")
            message = Message(message.blocks(name)[0], spec, ignored, step)
            if name == "tensor":
                need(message.integer("elem_type") in (1, 11), step, "neither float nor double")
        dims = [Message(block, _DIM, (3,), step) for block in message.blocks("dim")]
        sizes = [dim.integer("value") if dim.has("value") else None for dim in dims]
        self._batch = len(sizes) >= 2
        if self._batch:
            need(sizes[0] in (None, 1), step, "the first axis must be a batch axis, open or of size 1")
            sizes[0] = 1
        full = tuple(size for size in sizes if size is not None and size > 0)
        need(len(full) == len(sizes) >= 1, step, "the sizes of its axes are not all given")
        self._nodes.append({"name": value.text("name"), "op": "input", "operands": [], "shape": self._shape(full, step)})
        return full

    def _shape(self, full: tuple[int, ...], step: str) -> list[int]:
        """Without the batch axis."""
        if not self._batch:
            return list(full)
        need(full[:1] == (1,), step, "the batch axis is lost")
        return list(full[1:])

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
        for block in node.blocks("attribute"):
            attribute = Message(block, _ATTRIBUTE, _IGNORED["attribute"], step)
            name = attribute.text("name")
            need(name in names and name not in attributes, step, f"unexpected attribute {show(name)}")
            attributes[name] = attribute
        self._name(outputs[0], read(self, outputs[0], inputs, attributes, step), step)

    def _emit(self, name: str, op: str, operands: list[str], full: tuple[int, ...], **fields: Any) -> _Computed:
        self._nodes.append({"name": name, "op": op, "operands": operands, **fields})
        return _Computed(name, full)

    def _gemm(self, name: str, inputs: list[str], attributes: dict[str, Message], step: str) -> _Computed:
        alpha, beta = (single_float(attributes.get(key), step) for key in ("alpha", "beta"))
        flags = [attributes[key].integer("i") if key in attributes else 0 for key in ("transA", "transB")]
        need(flags[0] == 0 and flags[1] in (0, 1), step, "transA must be 0, transB 0 or 1")
        a, b = self._computed(inputs[0], step), self._stored(inputs[1], step).real(step)
        need(len(b.shape) == len(a.full) == 2, step, "Gemm multiplies matrices")
        weight = b if flags[1] else _transposed(b)
        m = weight.shape[0]
        weight = Tensor(weight.shape, [alpha.numerator * n for n in weight.numerators], weight.denominator * alpha.denominator)
        bias = Tensor((m,), [0] * m, 1)
        if len(inputs) == 3:
            c = self._stored(inputs[2], step).real(step)
            need(len(c.shape) <= 2 and prod(c.shape[:-1]) == 1 and c.shape[-1:] in ((), (1,), (m,)), step, "C does not fit")
            values = c.numerators * (m // len(c.numerators))
            bias = Tensor((m,), [beta.numerator * n for n in values], c.denominator * beta.denominator)
        return self._affine(name, a, weight, bias, step)

    def _matmul(self, name: str, inputs: list[str], attributes: dict[str, Message], step: str) -> _Computed:
        a, b = self._computed(inputs[0], step), self._stored(inputs[1], step).real(step)
        need(len(b.shape) == 2, step, "the constant factor must be a matrix")
        weight = _transposed(b)
        return self._affine(name, a, weight, Tensor(weight.shape[:1], [0] * weight.shape[0], 1), step)

    def _affine(self, name: str, a: _Computed, weight: Tensor, bias: Tensor, step: str) -> _Computed:
        m, n = weight.shape
        need(a.full[-1:] == (n,) and len(a.full) > self._batch, step, "the sizes of the matrices do not fit")
        full = (*a.full[:-1], m)
        return self._emit(name, "affine", [a.node], full, weight=_document(weight), bias=_document(bias))

    def _shift(self, name: str, inputs: list[str], op: str, step: str) -> _Computed:
        """Add or Sub of a constant, on either side: to a vector an affine map, else the constant becomes a node of its own."""
        left, right = (isinstance(self._values.get(i), Stored) for i in inputs)
        need(left != right, step, "one side must be a constant")
        a = self._computed(inputs[left], step)
        value = self._stored(inputs[right], step).real(step)
        shape = value.shape
        if self._batch and len(shape) >= len(a.full):
            need(len(shape) == len(a.full) and shape[0] == 1, step, "the constant reaches over the batch axis")
            shape = shape[1:]
        below = a.full[1:] if self._batch else a.full
        if len(below) == 1 and len(shape) <= 1 and shape in ((), (1,), below) and below[0] <= _WIDEST_IDENTITY:
            signs = (-1 if op == "subtract" and left else 1), (-1 if op == "subtract" and not left else 1)
            return self._affine(name, a, *_shifting(below[0], value, *signs), step)
        constant = inputs[right]
        if constant not in self._constants:
            self._constants[constant] = list(shape)
            self._nodes.append({"name": constant, "op": "constant", "operands": [], "value": _document(value._replace(shape=shape))})
        need(self._constants[constant] == list(shape), step, "the constant is used in two shapes")
        rank = max(len(below), len(shape))
        pairs = zip((1,) * (rank - len(below)) + below, (1,) * (rank - len(shape)) + shape, strict=True)
        full = ((1,) if self._batch else ()) + tuple(max(pair) for pair in pairs)
        return self._emit(name, op, [constant, a.node] if left else [a.node, constant], full)

    def _add(self, name: str, inputs: list[str], attributes: dict[str, Message], step: str) -> _Computed:
        return self._shift(name, inputs, "add", step)

    def _sub(self, name: str, inputs: list[str], attributes: dict[str, Message], step: str) -> _Computed:
        return self._shift(name, inputs, "subtract", step)

    def _relu(self, name: str, inputs: list[str], attributes: dict[str, Message], step: str) -> _Computed:
        a = self._computed(inputs[0], step)
        return self._emit(name, "piecewise_linear", [a.node], a.full, slope=0, constant=0, kinks=[[0, 1]])

    def _flatten(self, name: str, inputs: list[str], attributes: dict[str, Message], step: str) -> _Computed:
        a = self._computed(inputs[0], step)
        axis = attributes["axis"].integer("i") if "axis" in attributes else 1
        need(-len(a.full) <= axis <= len(a.full), step, f"there is no axis {axis}")
        axis += len(a.full) if axis < 0 else 0
        return self._reshaped(name, a, (prod(a.full[:axis]), prod(a.full[axis:])), step)

    def _reshape(self, name: str, inputs: list[str], attributes: dict[str, Message], step: str) -> _Computed:
        a, sizes = self._computed(inputs[0], step), list(self._stored(inputs[1], step).integers(step))
        literal = "allowzero" in attributes and attributes["allowzero"].integer("i") != 0
        for i, size in enumerate(sizes):  # 0 keeps the size of that axis, unless it is meant literally
            if size == 0:
                need(not literal, step, "an axis of size 0")
                need(i < len(a.full), step, "there is no such axis to keep")
                sizes[i] = a.full[i]
        need(min(sizes, default=1) >= -1 and sizes.count(-1) <= 1, step, "not a shape")
        if -1 in sizes:
            known = prod(size for size in sizes if size != -1)
            need(prod(a.full) % known == 0, step, "the sizes do not fit")
            sizes[sizes.index(-1)] = prod(a.full) // known
        need(prod(sizes) == prod(a.full), step, "the sizes do not fit")
        return self._reshaped(name, a, tuple(sizes), step)

    def _reshaped(self, name: str, a: _Computed, full: tuple[int, ...], step: str) -> _Computed:
        return self._emit(name, "reshape", [a.node], full, shape=self._shape(full, step))

    def _identity(self, name: str, inputs: list[str], attributes: dict[str, Message], step: str) -> Stored | _Computed:
        need(inputs[0] in self._values, step, f"there is no value {show(inputs[0])}")
        return self._values[inputs[0]]

    def _constant(self, name: str, inputs: list[str], attributes: dict[str, Message], step: str) -> Stored:
        need("value" in attributes and attributes["value"].has("t"), step, "the constant is not a tensor")
        return read_tensor(attributes["value"].blocks("t")[0], step, self._files)


def _shifting(n: int, constant: Tensor, of_value: int, of_constant: int) -> tuple[Tensor, Tensor]:
    """x -> of_value x + of_constant c on vectors of length n, as weight and bias."""
    weight = [0] * (n * n)
    weight[:: n + 1] = [of_value] * n
    bias = [of_constant * c for c in constant.numerators] * (n // len(constant.numerators))
    return Tensor((n, n), weight, 1), Tensor((n,), bias, constant.denominator)


def _transposed(b: Tensor) -> Tensor:
    rows, columns = b.shape
    return Tensor((columns, rows), [n for j in range(columns) for n in b.numerators[j::columns]], b.denominator)


def _document(value: Tensor) -> dict[str, Any]:
    return {"shape": list(value.shape), "denominator": value.denominator, "numerators": value.numerators}


_WIDEST_IDENTITY = 4096  # vectors up to this length are shifted by an affine node

# operation: (its attributes, fewest and most inputs, reader)
_Read = Callable[[_Reader, str, list[str], dict[str, Message], str], "Stored | _Computed"]
_OPERATIONS: dict[str, tuple[Collection[str], int, int, _Read]] = {
    "Gemm": (("alpha", "beta", "transA", "transB"), 2, 3, _Reader._gemm),
    "MatMul": ((), 2, 2, _Reader._matmul),
    "Add": ((), 2, 2, _Reader._add),
    "Sub": ((), 2, 2, _Reader._sub),
    "Relu": ((), 1, 1, _Reader._relu),
    "Flatten": (("axis",), 1, 1, _Reader._flatten),
    "Reshape": (("allowzero",), 2, 2, _Reader._reshape),
    "Identity": ((), 1, 1, _Reader._identity),
    "Constant": (("value",), 0, 0, _Reader._constant),
}
