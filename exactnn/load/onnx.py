"""ONNX files as networks: weights the floats that are stored, the function the one of real arithmetic at batch size 1.

What is read and what is refused, operator by operator: docs/onnx.md. Constants are computed in their element types, as runtimes do it.

Batch axis: the first axis of an input if it is dynamic or 1; an input of one axis of fixed size is a point as a whole. Where all inputs
have one and the same fixed first axis, it is the batch axis if the graph keeps its rows apart and treats them alike (constants included),
and all outputs have it; else the input is a point as a whole. The network says which in `reading`.

Node names are those of the first output value in the file. Constants are folded (shape computations included), identities make no node,
and what no output depends on is left out. A rational function of the entries of one value, spelled out in sums, products and quotients,
is one node, or one for each channel where constants differ along an axis; the constants are those of the file, which an export may have
rounded. Refused: rational functions with a degree above 64 or coefficients of more than 2^16 bits, with |.| or a clip inside (they are
piecewise rational), or with a real zero of a denominator that cancels; operations without an exact meaning here (naming operation, node
and reason), choices that jump, attributes that are not known, and whatever in the file contradicts itself.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from exactnn.errors import LoadError, MissingDependency, ShapeError, UnsupportedOperation
from exactnn.exact.numbers import shown
from exactnn.load._external import DataFiles
from exactnn.load._file import ModelFile, naming
from exactnn.load._limits import CHECKER_ENTRIES, MAX_NODES, checked_size
from exactnn.load._onnx import (  # noqa: F401 - they fill the tables of operators
    arithmetic,
    casts,
    choices,
    constant_only,
    constants,
    contractions,
    elementwise,
    fused,
    gelu,
    quantised,
    rearranging,
    reductions,
    resize,
    shapes,
    transposed,
    windows,
)
from exactnn.load._onnx.disputed import OBLIVIOUS
from exactnn.load._onnx.order import needed_names, ordered
from exactnn.load._onnx.reader import OPERATORS, Reader, operator_name
from exactnn.load._onnx.refused import reason
from exactnn.load._onnx.softplus import softplus_shortcut
from exactnn.load._onnx.values import FLOAT_TYPES, Tensor, decode_tensor
from exactnn.network import Network
from exactnn.network.operations import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

#: versions of the operator set whose operators are those read here
OLDEST, NEWEST = 7, 28
#: what the standalone checker reads (docs/certificate-format.md)
PLAIN = {"Gemm", "MatMul", "Add", "Sub", "Relu", "Flatten", "Reshape", "Identity", "Constant"}
#: what a network says on how it was read
MOST_SENTENCES = 20
#: another size of an open batch, for which a file must be the same network
_OTHER_BATCH = 3
_SIZED = "its graph computes with the size of the batch, which it leaves open"
_PLAIN_TYPES = {1, 7, 11}
_SOFTMAX = ("Softmax", "LogSoftmax", "ArgMax", "Hardmax")


def read_onnx(file: ModelFile, *, compare: bool = True) -> Network:
    """The network in an ONNX file; `compare`: run the file too, if it holds operations whose meaning a runtime could dispute."""
    try:
        import onnx

        decode_error: type[Exception] = import_module("google.protobuf.message").DecodeError
    except ImportError:
        raise MissingDependency("reading ONNX needs the package onnx; install it with: pip install 'exactnn[onnx]'") from None
    try:
        model = onnx.ModelProto.FromString(file.content)
    except decode_error as error:
        raise LoadError(f"an ONNX protobuf is needed, but the file is truncated or of another kind ({error})") from None
    return _Graph(model, DataFiles(file.path)).network(file, compare=compare)


class _Graph:
    """The checks of a model as a whole, and the order of reading."""

    def __init__(self, model: onnx.ModelProto, files: DataFiles) -> None:
        self._files = files
        self._model = model
        self._opset = _opset(model)
        self._graph = model.graph
        self._foreign = bool(len(model.functions) or len(model.training_info)) or _has_unknown_fields(model)
        if not model.HasField("graph") or not len(model.graph.output):
            raise LoadError("a graph with outputs is needed, but the file holds none; it is truncated or of another kind")
        if len(model.graph.sparse_initializer):
            raise LoadError("sparse initialisers are not read; save them as dense tensors")
        self._check_texts()
        self._initialisers = self._read_initialisers()
        self._inputs = [v for v in model.graph.input if v.name not in self._initialisers]
        if not self._inputs:
            raise LoadError("at least one input is needed, but the graph has none")
        self._producers = self._find_producers()
        self._needed = needed_names([v.name for v in self._graph.output], self._producers)
        listed = [n for n in self._graph.node if any(o in self._needed for o in n.output)]
        if len(listed) > MAX_NODES:
            raise LoadError(f"nodes: at most {MAX_NODES} that the outputs need are read, got {len(listed)}")
        self._nodes = ordered(listed, self._producers)
        self._is_ordered = all(a is b for a, b in zip(self._nodes, listed, strict=True))

    def _check_texts(self) -> None:
        """Names that are no UTF-8 come as bytes."""
        graph = self._graph
        texts: list[object] = [v.name for v in (*graph.initializer, *graph.input, *graph.output)]
        for node in graph.node:
            texts += [node.op_type, node.domain, *node.input, *node.output, *(a.name for a in node.attribute)]
        if not all(isinstance(text, str) for text in texts):
            raise LoadError("texts in UTF-8 are needed as names; the file is damaged")

    def _read_initialisers(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for proto in self._graph.initializer:
            if not proto.name or proto.name in tensors:
                raise LoadError(f"initialiser {shown(proto.name)}: a name of its own is needed")
            tensors[proto.name] = decode_tensor(proto, proto.name, self._files)
        return tensors

    def _find_producers(self) -> dict[str, onnx.NodeProto]:
        producers: dict[str, onnx.NodeProto] = {}
        taken = {*self._initialisers, *(v.name for v in self._inputs)}
        if "" in taken or len(taken) < len(self._initialisers) + len(self._inputs):
            raise LoadError("inputs: each needs a name of its own")
        for node in self._graph.node:
            for output in node.output:
                if output in taken or output in producers:
                    raise LoadError(f"{_label(node)}: the value {shown(output)} is made twice")
                if output:
                    producers[output] = node
        return producers

    def network(self, file: ModelFile, *, compare: bool) -> Network:
        """The network, read and, if that tells something, compared."""
        net, reader = self._found(file)
        disputed = {*reader.disputed, *(["batches of points"] if reader.batch > 1 else [])}
        sized = reader.dynamic and reader.batch == 1 and self._depends_on_the_batch(file, net)
        if sized and not compare:
            raise UnsupportedOperation(f"model: {_SIZED}; export it for batch size 1, if the function there is meant")
        if not compare:
            return net.read("not compared: compare=False")
        if not disputed and not sized:
            return net.read("not compared: only operations of undisputed meaning")
        from exactnn.load._onnx.run import compared

        if sized:
            said = compared(self._model, self._producers, self._files, net, {*disputed, "sizes that depend on the batch"}, _OTHER_BATCH)
            if said.startswith("not compared"):
                raise UnsupportedOperation(f"model: {_SIZED}, and no run tells whether that matters ({said}); export it for batch size 1")
            return net.read(said)
        return net.read(compared(self._model, self._producers, self._files, net, disputed, reader.batch))

    def _depends_on_the_batch(self, file: ModelFile, net: Network) -> bool:
        """Whether reading the file, which leaves the size of the batch open, for several points gives another network."""
        if any(not dynamic for *_, dynamic in (_input_shape(v) for v in self._inputs)):
            return False
        if all(n.op_type in OBLIVIOUS and n.domain in ("", "ai.onnx") for n in self._nodes):
            return False  # most files, which need not be read twice
        try:
            return self._read(file, _OTHER_BATCH)[0] != net
        except (LoadError, ShapeError):
            return True

    def _found(self, file: ModelFile) -> tuple[Network, Reader]:
        """The network of one point, where the file is for a fixed number of them and keeps them apart, else of all it takes."""
        batch = self._fixed_batch()
        if batch is None:
            return self._read(file)
        try:
            net, reader = self._read(file, batch)
            return net.read(
                f"read per sample: the file is for batches of {batch} points, and treats each alike and by itself; the network is for one"
            ), reader
        except (LoadError, ShapeError) as error:
            why = str(error)
        try:
            net, reader = self._read(file)
            return net.read(
                f"read as a whole: the {batch} rows of its input are one point, as they are not points by themselves ({why})"
            ), reader
        except (LoadError, ShapeError) as error:
            if str(error) == why:
                raise  # that has nothing to do with rows
            raise type(error)(
                f"{error}; nor can the model be read for one of its {batch} rows ({why}); if these are points of a batch, export the model "
                "with an open first axis, or one of size 1"
            ) from None

    def _fixed_batch(self) -> int | None:
        """The size of the first axis of every input, if it may be a number of points."""
        firsts = set()
        for value in self._inputs:
            _input_shape(value)  # is refused, if it is none
            dims = value.type.tensor_type.shape.dim
            firsts.add(int(dims[0].dim_value) if len(dims) > 1 and dims[0].HasField("dim_value") else 0)
        return firsts.pop() if len(firsts) == 1 and min(firsts) > 1 else None

    def _read(self, file: ModelFile, batch: int = 1) -> tuple[Network, Reader]:
        """The network, read node by node, and what read it."""
        inputs = [(v.name, *_input_shape(v)) for v in self._inputs]
        if batch > 1:
            inputs = [(name, shape if dynamic else shape[1:], True, False) for name, shape, _, dynamic in inputs]
        names = {*self._initialisers, *self._producers, *(name for name, *_ in inputs)}
        dynamic = any(dynamic for *_, dynamic in inputs)
        plain = batch == 1 and self._is_plain() and all(batched or len(shape) == 1 for _, shape, batched, _ in inputs)
        reader = Reader(names, self._needed, self._producers, self._files, dynamic=dynamic, opset=self._opset, batch=batch)
        reader.values.update(self._initialisers)
        for name, shape, batched, _ in inputs:
            reader.input(name, shape, batched=batched)
        reader.kinds = {FLOAT_TYPES[v.type.tensor_type.elem_type] for v in self._inputs}
        for node in self._nodes:
            with naming(_label(node)):
                self._check(node, reader)
                reader.read(node)
        outputs = [reader.output(v.name) for v in self._graph.output]
        checkable = plain and reader.plain and self._files.plain and reader.entries() <= CHECKER_ENTRIES
        source = file.source(file.suffix[1:], checkable=checkable, data=self._files.files)
        network = reader.builder.build([name for name, *_ in inputs], outputs, source=source)
        sentences = list(dict.fromkeys(reader.sentences))
        more = [f"and {len(sentences) - MOST_SENTENCES} nodes more"] if len(sentences) > MOST_SENTENCES else []
        return network.read(*sentences[:MOST_SENTENCES], *more), reader

    def _check(self, node: onnx.NodeProto, reader: Reader) -> None:
        if node.domain not in ("", "ai.onnx") and operator_name(node) not in OPERATORS:
            if node.domain == "com.microsoft.nchwc":
                raise UnsupportedOperation(
                    "onnxruntime has laid the model out for one machine; load the model as it was before, or one that it has optimised "
                    "with the level ORT_ENABLE_EXTENDED"
                )
            raise UnsupportedOperation(
                f"the operation {shown(node.op_type)} of the domain {shown(node.domain)} is not known; those of the ONNX standard are, "
                "and of com.microsoft those in docs/onnx.md"
            )
        if operator_name(node) not in OPERATORS:
            raise UnsupportedOperation(_advice(node, self._graph.output))
        most = _most_inputs(node.op_type, self._opset) if node.domain in ("", "ai.onnx") else None
        if most is not None and len(node.input) > most:
            raise LoadError(
                f"inputs: at most {most} in operator set {self._opset}, got {len(node.input)}; correct the file's version, or the node"
            )
        for name in node.input:
            known = name in reader.values or name in reader.deferred
            if name and not known and softplus_shortcut(node, self._producers) is None:
                raise LoadError(f"it reads {shown(name)}, which is not in the file")

    def _is_plain(self) -> bool:
        """Whether the file holds nothing but what the checker reads, as far as is seen without reading the nodes."""
        graph = self._graph
        return (
            not self._foreign
            and self._is_ordered
            and len(self._inputs) == len(graph.output) == 1
            and all(n.op_type in PLAIN and len(n.output) == 1 and "" not in n.input for n in graph.node)
            and all(n.op_type == "Constant" or n.output[0] in self._needed for n in graph.node)
            and all(t.data_type in _PLAIN_TYPES for t in graph.initializer)
            and self._inputs[0].type.tensor_type.elem_type in _PLAIN_TYPES
        )


def _has_unknown_fields(model: onnx.ModelProto) -> bool:
    """Whether the file has fields that onnx does not know; they are dropped."""
    size = model.ByteSize()
    model.DiscardUnknownFields()
    return bool(model.ByteSize() != size)


def _opset(model: onnx.ModelProto) -> int:
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    if not versions:
        raise LoadError("the version of the operator set is needed, but the file names none; it is truncated or of another kind")
    if not OLDEST <= max(versions) <= NEWEST:
        raise LoadError(f"operator set {OLDEST} to {NEWEST} is needed, got version {max(versions)}; onnx.version_converter converts models")
    return int(max(versions))


@cache
def _most_inputs(kind: str, opset: int) -> int | None:
    """How many inputs the standard allows; None where this operator set does not have the operator."""
    from onnx import defs

    try:
        return int(defs.get_schema(kind, opset).max_input)
    except defs.SchemaError:
        return None


def _input_shape(value: onnx.ValueInfoProto) -> tuple[Shape, bool, bool]:
    """Shape without the batch axis, whether there is a batch axis, whether it is dynamic."""
    name = f"input {shown(value.name)}"
    if not value.type.HasField("tensor_type") or value.type.tensor_type.elem_type not in FLOAT_TYPES:
        raise LoadError(f"{name}: a tensor of floats is needed")
    if not value.type.tensor_type.HasField("shape"):
        raise LoadError(f"{name}: a shape is needed, but the file gives none")
    dims = value.type.tensor_type.shape.dim
    sizes = [int(d.dim_value) if d.HasField("dim_value") else None for d in dims]
    rest = [n for n in sizes[1:] if n is not None]
    if len(rest) < len(sizes) - 1:
        raise LoadError(f"{name}: fixed sizes of all axes but the first are needed, got {_dims(sizes)}")
    first = sizes[0] if sizes else 0
    batched = first is None or (first == 1 and len(sizes) > 1)
    shape = tuple(rest) if first is None or batched or not sizes else (first, *rest)
    with naming(name):
        return checked_size(shape), batched, first is None


def _dims(sizes: Sequence[int | None]) -> str:
    return "(" + ", ".join("?" if n is None else str(n) for n in sizes) + ")"


def _label(node: onnx.NodeProto) -> str:
    outputs = [o for o in node.output if o]
    return f"node {shown(outputs[0] if outputs else node.name)} ({node.op_type[:60]})"


def _advice(node: onnx.NodeProto, outputs: Sequence[onnx.ValueInfoProto]) -> str:
    message = f"the operation {shown(node.op_type)} is not known here"
    if node.op_type in _SOFTMAX:
        where = "at the end" if any(o.name in node.output for o in outputs) else "inside the network"
        return (
            f"{message}: its values are no rational numbers. Export the model without the {node.op_type} {where}, "
            "up to the logits (of a torch Sequential, module[:-1]); the decision is the largest logit, and "
            "exactnn.verify_same_decision compares decisions"
        )
    return message + reason(node.op_type)
