"""An ONNX file is run, and compared with the network that was read from it: what programs dispute shows in the values.

onnxruntime runs the nodes that the outputs need, without its optimisations, else the reference evaluator of the package onnx. They run
operations of their own only; functions, other domains and libraries that the file names are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from exactnn.errors import UnsupportedOperation
from exactnn.exact.numbers import shown
from exactnn.floats.reference import POINTS, Difference, Reference
from exactnn.load._external import DataFiles
from exactnn.load._onnx.order import needed_names, ordered
from exactnn.load._onnx.values import EXTERNAL, FLOAT_TYPES
from exactnn.network import Affine, Conv, Network, Rational
from exactnn.network.operations import Shape

if TYPE_CHECKING:
    import onnx

Array = np.ndarray[Any, Any]
Runner = Callable[[dict[str, Array]], Sequence[Any]]

_MOST_NODES = 1 << 14
_MOST_ENTRIES = 1 << 26
_MOST_PRODUCTS = 1 << 33
#: from the coarsest format on
_FORMATS = ("bfloat16", "float16", "float32", "float64")
_MOST_WIDE = 1 << 20  # for the evaluator, which takes its time
_TENSOR = 4  # the type of an attribute
_DOMAINS = ("", "ai.onnx", "com.microsoft")  # those of the operators that are read
_IR_VERSION = 10  # enough for all that is kept, and known to every runtime
_LONGEST = 160  # characters of a runtime's own message


class _Failed(Exception):
    """A runtime is not there, or does not run the model."""


def compared(
    model: onnx.ModelProto, producers: Mapping[str, onnx.NodeProto], files: DataFiles, net: Network, disputed: Collection[str], batch: int
) -> str:
    """Run the model and compare; a sentence on what was done. UnsupportedOperation for a difference, naming output, point and values.

    `disputed`: the operations that are the reason to compare; `batch`: the number of points that the file is for.
    """
    if len(net.order) > _MOST_NODES or _entries(net) > _MOST_ENTRIES or _products(net) > _MOST_PRODUCTS:
        return f"not compared: the model is too large for that, with {len(net.order)} nodes and {_entries(net)} entries of values"
    try:
        proto = _runnable(model, producers, files)
        reference = Reference(net, _coarsest(proto))
        runtime, rows, values = _values(proto, reference, batch, _RUNTIMES)
    except (_Failed, OSError) as failed:
        return f"not compared: {failed}"
    gap = reference.difference(*_told(net, rows, values))
    if gap is not None and not reference.is_small(gap):
        raise UnsupportedOperation(_message(reference, gap, runtime, disputed, batch))
    how = f"compared with {runtime} at {POINTS} points, for {', '.join(sorted(disputed))}"
    if gap is None and reference.is_sharp:
        return f"{how}: within the rounding of {str(reference.dtype).removeprefix('torch.')}"
    return _decided_wide(proto, reference, disputed, batch, how)


def _decided_wide(proto: onnx.ModelProto, reference: Reference, disputed: Collection[str], batch: int, how: str) -> str:
    """Compare a run in float64, where that of the file tells little: the bound is wide, or the file has steps that the network lacks."""
    net = reference.net
    if _entries(net) > _MOST_WIDE or _products(net) > _MOST_PRODUCTS >> 6:
        return f"{how}: loosely, as the bound on its rounding is wide"
    try:
        _, rows, values = _values(_widened(proto), reference, batch, _RUNTIMES[1:])
    except _Failed as failed:
        return f"{how}: loosely, as the bound on its rounding is wide, and without a run in float64 ({failed})"
    gap = reference.near(*_told(net, rows, values))
    if gap is not None:
        raise UnsupportedOperation(_message(reference, gap, "onnx.reference in float64", disputed, batch))
    return f"{how}, and in float64: within the rounding of the file's constants"


def _entries(net: Network) -> int:
    """Entries of all values."""
    return sum(math.prod(net.shape(name)) for name in net.order)


def _products(net: Network) -> int:
    """Products of a weight and an entry that a run computes for one point."""
    total = 0
    for name in net.order:
        operation = net.operation(name)
        if isinstance(operation, Affine | Conv):
            total += math.prod(net.shape(name)) * (operation.weight.size // operation.weight.shape[0])
    return total


def _told(net: Network, rows: list[int], values: Array) -> tuple[list[int], Array]:
    """The rows that tell something: a rational function may overflow inside, where the network has one node."""
    if not any(isinstance(net.operation(name), Rational) for name in net.order):
        return rows, values
    kept = [i for i, row in enumerate(values) if np.isfinite(row).all()]
    return [rows[i] for i in kept], values[kept]


def _message(reference: Reference, gap: Difference, runtime: str, disputed: Collection[str], batch: int) -> str:
    fixed = f", or its {batch} points are not treated alike" if batch > 1 else ""
    return (
        f"{reference.described(gap, _output(reference, gap))}, as {runtime} runs the file: likely one of the operations "
        f"{', '.join(sorted(disputed))} is meant otherwise{fixed}; write these with others, or load with compare=False to take "
        "what the ONNX standard says"
    )


def _output(reference: Reference, gap: Difference) -> str:
    """The output that an entry of the flat values belongs to."""
    starts = np.cumsum([0, *reference.sizes])
    place = int(np.searchsorted(starts, gap.output, side="right")) - 1
    return f"output {shown(reference.net.outputs[place])}, flat entry"


# --- the model to run ----------------------------------------------------------------------------------------------------


def _runnable(model: onnx.ModelProto, producers: Mapping[str, onnx.NodeProto], files: DataFiles) -> onnx.ModelProto:
    """The nodes that the outputs need, with all tensors in the model itself."""
    import onnx

    graph = model.graph
    outputs = [v.name for v in graph.output]
    needed = needed_names(outputs, producers, literally=True)
    listed = [n for n in graph.node if any(o in needed for o in n.output)]
    made = onnx.ModelProto(ir_version=_IR_VERSION)
    made.opset_import.extend(o for o in model.opset_import if o.domain in _DOMAINS)
    made.graph.name = "compared"
    made.graph.node.extend(ordered(listed, producers, literally=True))
    made.graph.initializer.extend(t for t in graph.initializer if t.name in needed)
    held = {t.name for t in graph.initializer}
    made.graph.input.extend(v for v in graph.input if v.name not in held)
    made.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    for tensor in _tensors(made.graph):
        if tensor.data_location == EXTERNAL:
            tensor.raw_data = files.again([(e.key, e.value) for e in tensor.external_data])
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
    return made


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _widened(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same model in float64."""
    from onnx import ModelProto, numpy_helper

    made = ModelProto()
    made.CopyFrom(proto)
    double = next(number for number, kind in FLOAT_TYPES.items() if kind == "float64")
    for value in made.graph.input:
        value.type.tensor_type.elem_type = double
    for tensor in _tensors(made.graph):
        if tensor.data_type in FLOAT_TYPES:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for node in made.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in FLOAT_TYPES:
                attribute.i = double
            elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                listed = attribute.f if attribute.name == "value_float" else list(attribute.floats)
                attribute.Clear()
                attribute.name, attribute.type = "value", _TENSOR
                attribute.t.CopyFrom(numpy_helper.from_array(np.array(listed, dtype=np.float64)))
    return made


def _coarsest(proto: onnx.ModelProto) -> str:
    """The coarsest format that anything in the model names."""
    types = {v.type.tensor_type.elem_type for v in proto.graph.input} | {t.data_type for t in _tensors(proto.graph)}
    types |= {a.i for n in proto.graph.node for a in n.attribute if n.op_type == "Cast" and a.name == "to"}
    return min((FLOAT_TYPES[t] for t in types if t in FLOAT_TYPES), key=_FORMATS.index)


# --- running it ----------------------------------------------------------------------------------------------------------


def _values(
    proto: onnx.ModelProto, reference: Reference, batch: int, runtimes: Sequence[tuple[str, str, Callable[[onnx.ModelProto], Runner]]]
) -> tuple[str, list[int], Array]:
    """The runtime, and for each row of its runs, the point it belongs to and the flat outputs there."""
    failures = []
    for name, package, prepare in runtimes:
        try:
            run = prepare(proto)
            version = getattr(import_module(package), "__version__", "")
            return f"{name} {version}", *_all_runs(run, proto, reference, batch)
        except ImportError:
            failures.append(f"{name} is not installed")
        except UnsupportedOperation:
            raise
        except _Failed as failed:
            failures.append(f"{name} fails: {failed}")
        except Exception as error:  # noqa: BLE001 - a runtime may raise anything
            failures.append(f"{name} does not run it: {' '.join(str(error).split())[:_LONGEST] or type(error).__name__}")
    raise _Failed("; ".join(failures))


def _onnxruntime(proto: onnx.ModelProto) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)


def _reference_evaluator(proto: onnx.ModelProto) -> Runner:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(proto)
    return lambda feeds: list(evaluator.run(None, feeds))


#: how it is called, the package that has its version, and what prepares a run
_RUNTIMES: tuple[tuple[str, str, Callable[[onnx.ModelProto], Runner]], ...] = (
    ("onnxruntime", "onnxruntime", _onnxruntime),
    ("onnx.reference", "onnx", _reference_evaluator),
)


def _all_runs(run: Runner, proto: onnx.ModelProto, reference: Reference, batch: int) -> tuple[list[int], Array]:
    """One run for each point, or for as many as the file takes; the last one is filled up with the first points."""
    count = len(reference.points)
    rows = [i % count for i in range(-(-count // batch) * batch)]
    values = []
    with np.errstate(all="ignore"):
        for start in range(0, len(rows), batch):
            feeds = _feeds(proto, reference, rows[start : start + batch])
            values.append(_flat(run(feeds), reference, batch))
    return rows, np.concatenate(values)


def _feeds(proto: onnx.ModelProto, reference: Reference, rows: list[int]) -> dict[str, Array]:
    points, feeds, start = reference.points[rows].numpy(), {}, 0
    net = reference.net
    for value, name in zip(proto.graph.input, net.inputs, strict=True):
        size = math.prod(net.shape(name))
        kind = FLOAT_TYPES[value.type.tensor_type.elem_type]
        if kind == "bfloat16":
            raise _Failed("numpy has no numbers for inputs of bfloat16")
        part = points[:, start : start + size].reshape(_shape(value, len(rows)))
        feeds[value.name] = part.astype(kind)
        start += size
    return feeds


def _shape(value: onnx.ValueInfoProto, batch: int) -> Shape:
    """The shape of an input in the file, for so many points if it leaves that open."""
    return tuple(int(d.dim_value) if d.HasField("dim_value") else batch for d in value.type.tensor_type.shape.dim)


def _flat(outputs: Sequence[Any], reference: Reference, batch: int) -> Array:
    """One row of numbers for each point."""
    parts = [np.asarray(output).astype(np.float64) for output in outputs]
    sizes = [part.size for part in parts]
    if sizes != [batch * size for size in reference.sizes]:
        names = ", ".join(map(shown, reference.net.outputs))
        raise UnsupportedOperation(
            f"outputs {names}: the run gives {sizes} numbers for {batch} point{'s' if batch > 1 else ''}, and the network read has "
            f"{reference.sizes} for one; a size that programs compute in other ways, or a graph that is for one size of the batch"
        )
    return np.concatenate([part.reshape(batch, -1) for part in parts], axis=1)
