"""Reading an ONNX graph node by node: operators emit operations of the network, or fold constants on the spot.

The batch axis is no axis of a network. A value whose first axis in the file is the batch axis (dynamic, or 1) is
`batched`, and the network's operation acts on the others. Where a file does something to a batch axis of size 1 (moves
it, say), it becomes an ordinary axis, and back; with a dynamic batch axis that would mix points, and is refused.

A file for a fixed number of points, `batch` > 1, is read in the same way, with that number as the size of the first axis: constants may
have it, too, if they are the same for all points. Whatever would mix the points is refused, and the file then read in another way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import shown
from exactnn.load._curves import Made
from exactnn.load._external import DataFiles
from exactnn.load._file import naming
from exactnn.load._limits import MAX_NODES, Budget
from exactnn.load._onnx.disputed import is_disputed
from exactnn.load._onnx.rational import ByEntries
from exactnn.load._onnx.typed import check_one_type, settled
from exactnn.load._onnx.values import EXACT, FLOATS, Attributes, Deferred, OnnxValue, Operand, Tensor, full_shape
from exactnn.network import Affine, Builder, Constant, Input, Operation, Reshape
from exactnn.network.graph import free_name
from exactnn.network.operations import Shape

if TYPE_CHECKING:
    import onnx

Result = Operand | Deferred
Handler = Callable[["Node"], Result | Sequence[Result]]
H = TypeVar("H", bound=Handler)

#: operator -> what reads it, and the attributes it may have; filled by the modules of this folder
OPERATORS: dict[str, tuple[Handler, frozenset[str]]] = {}
#: operator -> what computes it where all operands are constants, if that is not the same
FOLDS: dict[str, Handler] = {}


def operator(*names: str, attributes: str = "") -> Callable[[H], H]:
    """Enter a function in the table of operators."""

    def enter(handler: H) -> H:
        for name in names:
            OPERATORS[name] = (handler, frozenset(attributes.split()))
        return handler

    return enter


def folds(*names: str) -> Callable[[Handler], Handler]:
    """Enter a function in the table of operators of constants."""

    def enter(handler: Handler) -> Handler:
        FOLDS.update(dict.fromkeys(names, handler))
        return handler

    return enter


def operator_name(proto: onnx.NodeProto) -> str:
    """Its name in the tables: that of the standard, or with the domain in front."""
    return str(proto.op_type) if proto.domain in ("", "ai.onnx") else f"{proto.domain}.{proto.op_type}"


class Reader:
    """The network under construction, and what each name of the file stands for so far."""

    def __init__(
        self,
        names: set[str],
        needed: set[str],
        producers: Mapping[str, onnx.NodeProto],
        files: DataFiles,
        *,
        dynamic: bool,
        opset: int,
        batch: int = 1,
    ) -> None:
        self.batch = batch
        #: those beside the model, which may hold its tensors
        self.files = files
        self.builder = Builder()
        self.budget = Budget()
        self.values: dict[str, Operand] = {}
        #: what has no value of its own, only together with the nodes that read it
        self.deferred: dict[str, Deferred] = {}
        #: the float types of the inputs, and those of all values
        self.kinds: set[str] = set()
        self.cast_kinds: set[str] = set()
        #: what the network is to say on how it was read
        self.sentences: list[str] = []
        #: names of the file that an output depends on
        self.needed = needed
        self.dynamic = dynamic or batch > 1
        self.opset = opset
        #: the nodes of the file by what they make
        self.producers = producers
        #: whether only what docs/certificate-format.md calls plain has been met
        self.plain = True
        #: nodes that pad with zeros -> the node they read, and its padding, so that a convolution can take it over
        self.padded: dict[str, tuple[OnnxValue, tuple[tuple[int, int], ...]]] = {}
        self._names = names
        self._made: dict[str, Made] = {}
        self._pending: dict[str, Made] = {}
        self._constants: dict[Tensor, str] = {}
        self._identities: dict[tuple[int, int], RationalArray] = {}
        self._label = ""
        #: how often a name was wished for
        self._numbers: dict[str, int] = {}
        #: operations that a runtime could read in another way
        self.disputed: set[str] = set()
        #: whether rational functions have been met
        self.has_rational = False

    def identity(self, size: int, sign: int) -> RationalArray:
        """The identity matrix times 1 or -1; nodes share it."""
        if (size, sign) not in self._identities:
            self.budget.tensor((size, size))
            self._identities[size, sign] = RationalArray.eye(size) * sign
        return self._identities[size, sign]

    def sign_of(self, matrix: RationalArray) -> int | None:
        """1 or -1 if the matrix is one that `identity` gave, else None."""
        return next((sign for (_, sign), identity in self._identities.items() if identity is matrix), None)

    def fresh(self, wish: str) -> str:
        """A name that neither the file nor the network has."""
        number = self._numbers.get(wish, 0)
        name = free_name(wish if number == 0 else f"{wish}_{number + 1}", self._names, self.builder, self._pending)
        self._numbers[wish] = number + 1
        return name

    def input(self, name: str, shape: Shape, *, batched: bool) -> None:
        """Add an input of the network."""
        self.budget.value(shape)
        self._add(name, self._new(Input(shape), (), shape))
        self.values[name] = OnnxValue(name, shape, batched, self.batch)

    def made(self, name: str) -> Made:
        """A node of the network, or one that is about to become one."""
        return self._pending.get(name) or self._made[name]

    def read(self, proto: onnx.NodeProto) -> None:
        """Read one node, its operands being known."""
        name = operator_name(proto)
        handler, known = OPERATORS[name]
        self._label = next(o for o in proto.output if o)
        node = Node(self, proto, Attributes(proto, known, self.files))
        if is_disputed(proto, (self.values.get(i) for i in proto.input)):
            self.disputed.add(proto.op_type)
        if name in FOLDS and node.is_constant:
            handler, self.plain = FOLDS[name], False
        else:
            check_one_type(proto.op_type, [self.values.get(i) for i in proto.input if i])
        results = handler(node)
        if isinstance(results, (Tensor, OnnxValue, Deferred)):
            results = [results]
        self._flush([(o, self._settled(r, name) if isinstance(r, Tensor) else r) for o, r in zip(proto.output, results, strict=False)])

    def _settled(self, tensor: Tensor, operator: str) -> Tensor:
        """A constant in its element type."""
        found = settled(tensor)
        if found is not tensor and found.kind in FLOATS and found.rational != tensor.rational:
            self.say(f"{operator} of constants is exact and rounded once to {found.kind}; programs may differ in the last place")
        return found

    def say(self, sentence: str) -> None:
        """The network is to say this about the node that is being read."""
        self.sentences.append(f"node {shown(self._label)}: {sentence}")

    def _flush(self, results: Sequence[tuple[str, Result]]) -> None:
        """Add the operations of one node, the one that makes an output under the output's name."""
        renamed: dict[str, str] = {}
        for output, operand in results:
            if isinstance(operand, OnnxValue) and operand.node in self._pending and operand.node not in renamed:
                renamed[operand.node] = output
        for name, made in self._pending.items():
            final = renamed.get(name, name)
            self._add(final, replace(made, reads=tuple(renamed.get(o, o) for o in made.reads)))
            if name in self.padded:
                self.padded[final] = self.padded.pop(name)
        for output, operand in results:
            if isinstance(operand, Deferred):
                self.deferred[output] = operand
                continue
            if isinstance(operand, OnnxValue) and operand.node in renamed:
                operand = replace(operand, node=renamed[operand.node])
            self.values[output] = operand
        self._pending = {}

    def _add(self, name: str, made: Made) -> None:
        self._made[name] = made
        if isinstance(made.operation, ByEntries):
            made.operation.write(self.builder, self.fresh, name, made.reads[0], made.shape)
        else:
            self.builder.add(name, made.operation, *made.reads)

    def _new(self, operation: Operation, reads: tuple[str, ...], shape: Shape) -> Made:
        number = len(self._made) + len(self._pending)
        if number >= MAX_NODES:
            raise LoadError(f"nodes: at most {MAX_NODES} nodes of a network are possible, got more")
        self.has_rational = self.has_rational or isinstance(operation, ByEntries)
        if not (isinstance(operation, Affine) and self.sign_of(operation.weight)):
            self.budget.weights(operation)
        return Made(operation, reads, shape, number)

    # --- making nodes ----------------------------------------------------------------------------------------------------

    def emit(self, operation: Operation, *operands: Operand, batched: bool = False) -> Operand:
        """The result of an operation: computed at once if all operands are constants, else a new node.

        Shapes are the network's: a tensor stands as it is, a batched value without its batch axis.
        """
        shape = self.budget.shape(operation, *(o.shape for o in operands))
        if operands and all(isinstance(o, Tensor) for o in operands):
            self.budget.tensor(shape)
            if isinstance(operation, Affine):
                self.budget.products(math.prod(shape) * operation.weight.shape[1])
            folded = _fold(operation, [o for o in operands if isinstance(o, Tensor)], shape, self._label)
            self.budget.computed(folded.rational)
            return folded
        names = tuple(self._constant(o) if isinstance(o, Tensor) else o.node for o in operands)
        name = self.fresh(f"{self._label}/{operation.kind}")
        self._pending[name] = self._new(operation, names, shape)
        return OnnxValue(name, shape, batched, self.batch)

    def _constant(self, tensor: Tensor) -> str:
        if tensor not in self._constants:
            name = tensor.name
            if not name or name in self.builder or name in self._pending or name not in self.values:
                name = self.fresh(f"{tensor.name or self._label}/constant")
            self._pending[name] = self._new(Constant(tensor.rational), (), tensor.shape)
            self._constants[tensor] = name
        return self._constants[tensor]

    # --- the batch axis --------------------------------------------------------------------------------------------------

    def unbatched(self, operand: Operand) -> Operand:
        """The operand with its batch axis as an ordinary axis of size 1."""
        if isinstance(operand, Tensor) or not operand.batched:
            return operand
        self.refuse_dynamic()
        self.plain = False
        return self.emit(Reshape(operand.full), operand)

    def batched(self, operand: Operand) -> OnnxValue:
        """The operand with its first axis, of size 1, as the batch axis."""
        if isinstance(operand, OnnxValue) and operand.batched:
            return operand
        shape = full_shape(operand)
        if isinstance(operand, Tensor) and self.batch > 1 and shape and self.same_rows(operand):
            row = self.stripped(operand, len(shape))
            assert isinstance(row, Tensor)
            return OnnxValue(self._constant(row), row.shape, True, self.batch)
        if not shape or shape[0] != 1:
            raise UnsupportedOperation(f"a batch axis that is dynamic or 1 is needed in front, got an operand of shape {list(shape)}")
        if isinstance(operand, Tensor):
            operand = OnnxValue(self._constant(operand), operand.shape, False)
        self.plain = False
        result = self.emit(Reshape(shape[1:]), operand, batched=True)
        assert isinstance(result, OnnxValue)
        return result

    def refuse_dynamic(self) -> None:
        """Raise UnsupportedOperation if the points of a batch must be kept apart."""
        if self.batch > 1:
            raise UnsupportedOperation(f"it mixes the {self.batch} rows of the first axis, or treats them differently")
        if self.dynamic:
            raise UnsupportedOperation(
                "it works across the batch axis, which the file leaves open, so that points of a batch would mix; "
                "export the model for batch size 1"
            )

    def aligned(self, operands: Sequence[Operand]) -> tuple[list[Operand], bool]:
        """Operands whose shapes without the batch axis broadcast as the file's do; and whether the result is batched."""
        rank = max(len(full_shape(o)) for o in operands)
        batched = [isinstance(o, OnnxValue) and o.batched for o in operands]
        stays = any(batched) and all(
            len(full_shape(o)) == rank if b else len(o.shape) < rank or o.shape[0] == 1 or self.same_rows(o)
            for o, b in zip(operands, batched, strict=True)
        )
        if not stays:
            return [self.unbatched(o) for o in operands], False
        return [self.stripped(o, rank) for o in operands], True

    def stripped(self, operand: Operand, rank: int) -> Operand:
        """Without the first axis, of size 1 or with equal rows, if the operand has `rank` axes and that is not the batch axis already."""
        if (isinstance(operand, OnnxValue) and operand.batched) or len(operand.shape) < rank:
            return operand
        if isinstance(operand, Tensor) and operand.shape[0] != 1:
            return replace(operand, data=operand.data[0])
        return self.emit(Reshape(operand.shape[1:]), operand, batched=isinstance(operand, OnnxValue))

    def same_rows(self, operand: Operand) -> bool:
        """Whether a constant has an axis for the points of a batch, and is the same for all of them."""
        if not isinstance(operand, Tensor) or operand.shape[0] != self.batch:
            return False
        if self.batch == 1:
            return True
        data = operand.data.numerators if isinstance(operand.data, RationalArray) else operand.data
        return bool((data == data[:1]).all())

    def reshaped(self, operand: Operand, target: Sequence[int], *, batch_stays: bool) -> Operand:
        """Row-major reshape to a full shape; `batch_stays`: its first axis is the batch axis, if the operand has one."""
        shape = tuple(target)
        if isinstance(operand, Tensor) or not operand.batched:
            return self.emit(Reshape(shape), operand)
        if batch_stays and shape[:1] == (self.batch,):
            return self.emit(Reshape(shape[1:]), operand, batched=True)
        self.refuse_dynamic()
        self.plain = False
        return self.emit(Reshape(shape), operand)

    # --- the end ---------------------------------------------------------------------------------------------------------

    def output(self, name: str) -> str:
        """The node that makes an output of the file."""
        self._label = name
        if name in self.deferred:
            with naming(f"output {shown(name)}"):
                self._flush([(name, self.deferred[name].settled(self))])
        if name not in self.values:
            raise LoadError(f"output {shown(name)}: nothing in the file makes it")
        operand = self.values[name]
        if self.batch > 1 and not (isinstance(operand, OnnxValue) and operand.batched and operand.shape):
            raise LoadError(f"output {shown(name)}: an axis for the points of a batch, and another one, are needed")
        self.budget.value(operand.shape)
        if isinstance(operand, OnnxValue):
            return operand.node
        self.plain = False
        if 0 in operand.shape:
            raise LoadError(f"output {shown(name)}: entries are needed, got shape {list(operand.shape)}")
        node = self._constant(operand)
        self._flush([])
        return node

    def entries(self) -> int:
        """Entries of all values of the network together."""
        return sum(math.prod(v.shape) for v in self.values.values() if isinstance(v, OnnxValue))


def _fold(operation: Operation, tensors: list[Tensor], shape: Shape, label: str) -> Tensor:
    values = (t.rational.reshape(1, *t.shape) for t in tensors)
    kinds = sorted({t.kind for t in tensors if t.kind != EXACT})
    if len(kinds) > 1:
        raise LoadError(f"operands of one element type are needed, got {', '.join(kinds)}")
    kind = kinds[0] if kinds else EXACT
    return Tensor(label, kind, operation.evaluate(*values).reshape(*shape))


class Node:
    """One node of the file: its operands, its attributes, and a way to emit operations."""

    def __init__(self, reader: Reader, proto: onnx.NodeProto, attributes: Attributes) -> None:
        self.reader = reader
        self.proto = proto
        self.type = proto.op_type
        self.attributes = attributes
        self.emit = reader.emit
        self.inputs = list(proto.input)
        self.outputs = list(proto.output)

    @property
    def label(self) -> str:
        """What it makes, and its operator."""
        return f"{shown(self.outputs[0])} ({self.type})"

    @property
    def opset(self) -> int:
        """Version of the operator set."""
        return self.reader.opset

    def optional(self, position: int) -> Operand | None:
        """An operand, or None if it is left out."""
        if position >= len(self.inputs) or not self.inputs[position]:
            return None
        deferred = self.reader.deferred.get(self.inputs[position])
        return self.reader.values[self.inputs[position]] if deferred is None else deferred.settled(self.reader)

    def deferred(self, position: int = 0) -> Deferred | None:
        """What stands at a position without a value of its own, or None."""
        return self.reader.deferred.get(self.inputs[position]) if position < len(self.inputs) else None

    def operand(self, position: int = 0) -> Operand:
        """An operand that must be there."""
        found = self.optional(position)
        if found is None:
            raise LoadError(f"input {position} is needed, but left out")
        return found

    @property
    def is_constant(self) -> bool:
        """Whether there are operands, and all of them are constants."""
        given = [name for name in self.inputs if name]
        return bool(given) and all(isinstance(self.reader.values.get(name), Tensor) for name in given)

    def operands(self) -> list[Operand]:
        """All operands; at least one."""
        if not self.inputs:
            raise LoadError("at least one input is needed")
        return [self.operand(i) for i in range(len(self.inputs))]

    def value(self, position: int = 0) -> OnnxValue:
        """An operand with its batch axis in front."""
        return self.reader.batched(self.operand(position))

    def tensor(self, position: int, what: str) -> Tensor:
        """An operand that must be constant."""
        found = self.operand(position)
        if isinstance(found, OnnxValue):
            raise UnsupportedOperation(f"{what} (input {position}) must be constant, but {shown(found.node)} depends on the input")
        return found

    def optional_tensor(self, position: int, what: str) -> Tensor | None:
        """An operand that must be constant, or None if it is left out."""
        return None if self.optional(position) is None else self.tensor(position, what)

    def integers(self, attribute: str, position: int, what: str) -> list[int] | None:
        """A list of integers that older operator sets have as an attribute and newer ones as an input; None if left out."""
        listed = self.attributes.integers(attribute)
        if listed is not None:
            return listed
        tensor = self.optional_tensor(position, what)
        return None if tensor is None else tensor.integers()

    def apply(self, operation: Operation, operand: Operand) -> Operand:
        """The result of an operation on one operand that leaves its batch axis alone."""
        return self.emit(operation, operand, batched=isinstance(operand, OnnxValue) and operand.batched)

    def one_output(self) -> None:
        """Raise UnsupportedOperation if something reads more than the first output."""
        for extra in self.outputs[1:]:
            if extra in self.reader.needed:
                raise UnsupportedOperation(f"only the first output is known here, but {shown(extra)} is read, too")


def axis_in(axis: int, rank: int, what: str = "axis") -> int:
    """An axis counted from 0; LoadError beyond the rank."""
    if not -rank <= axis < rank:
        raise LoadError(f"{what}: -{rank} to {rank - 1} is needed, got {axis}")
    return axis % rank
