"""From a torch module to its graph of ATen operations, by torch.export.

Only the module's own `forward` (and a method `exact()`) is called: once with zeros, by torch.export with fake tensors, where that fails
with a random batch that is recorded, and to explain a failure with zeros. The module itself is as before afterwards. Modules with a
method `exact()` stay whole (`_torch_leaves.py`).
"""

from __future__ import annotations

import contextlib
import inspect
import os
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch.export import Dim, ExportedProgram, ShapesCollection
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from exactnn.errors import ArgumentError, ExactnnError, ShapeError, UnsupportedOperation
from exactnn.load._torch_calls import example_like, first_line, quiet
from exactnn.load._torch_leaves import keep_leaves_whole
from exactnn.load._torch_record import NotRecorded, record
from exactnn.load._torch_state import put_back
from exactnn.network import Rational
from exactnn.network.operations import Shape

#: Size of the batch while tracing; where it enters the graph, a trace with `OTHER_BATCH` points must give the same network.
BATCH, OTHER_BATCH = 13, 3

#: sizes of a batch that are tried beyond this one, where the module asks for it
_LARGEST_BATCH, _MOST_SIZES = 1 << 12, 9

_RANDOM_IN_TRAINING = (_DropoutNd, _NormBase, torch.nn.RReLU)


@dataclass(frozen=True)
class Trace:
    """A traced module; `leaves[n]` is what `exactnn::leaf(x, n)` stands for, `fixed` whether the batch size entered the graph.

    `others`: sizes of a batch at which the module may take another way.
    """

    program: ExportedProgram
    leaves: tuple[Rational, ...]
    batch: int
    fixed: bool
    others: tuple[int, ...] = ()


def unwrapped(module: object) -> torch.nn.Module:
    """The module inside torch.compile's or DataParallel's wrapper; ArgumentError for what is no module with weights."""
    if isinstance(module, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
        module = module.module
    module = getattr(module, "_orig_mod", module)
    if isinstance(module, torch.jit.ScriptModule):
        raise ArgumentError("module: a torch.nn.Module is needed, got a TorchScript module; load the module it was made from")
    for name, part in module.named_modules() if isinstance(module, torch.nn.Module) else ():
        if ".quantized" in type(part).__module__:
            raise UnsupportedOperation(
                f"module: {name or 'it'} is a quantised layer ({type(part).__name__}), which rounds its values to integers, so that it is "
                "not continuous; load the module from before quantisation, or one with the dequantised weights"
            )
    if not isinstance(module, torch.nn.Module):
        raise ArgumentError(f"module: a torch.nn.Module in eval mode is needed, got {_no_module(module)}")
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if not torch.nn.parameter.is_lazy(tensor) and tensor.is_inference():
            raise ArgumentError(f"module: {name!r} was made under torch.inference_mode, so that it cannot be traced; make it outside of it")
    for name, tensor in module.named_parameters():
        if torch.nn.parameter.is_lazy(tensor) or tensor.is_meta:
            raise ArgumentError(f"module: numbers as weights are needed, but {name!r} has none yet (a lazy or meta tensor)")
    return module


def _no_module(given: object) -> str:
    """What was given in a module's place, and what to do about it."""
    kind = type(given).__name__
    if isinstance(given, type):
        return f"the class {given.__name__}; call it to make a module"
    if isinstance(given, dict):
        return f"{kind}; if it is a state_dict, make the module that it is of, call module.load_state_dict(...), and give the module"
    if isinstance(given, (str, os.PathLike)):
        path = os.fspath(given)
        return f"the path {path!r}; make the module and load its weights with torch, or call exactnn.load for .onnx, .nnet and .json files"
    return kind


def placeholders(program: ExportedProgram) -> dict[str, torch.fx.Node]:
    """The nodes that stand for inputs, parameters, buffers and constants, by name."""
    return {n.name: n for n in program.graph.nodes if n.op == "placeholder"}


def exported(program: ExportedProgram) -> tuple[ExportedProgram, torch.nn.Module, tuple[Shape, ...], int | None]:
    """A program that was exported before, its module, the shapes of its points, and the only size of a batch that it takes, if any."""
    program = _functional(program)
    nodes = placeholders(program)
    inputs: list[Any] = [nodes[s.arg.name].meta.get("val") for s in program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
    if not inputs or not all(isinstance(x, torch.Tensor) and x.is_floating_point() and x.ndim for x in inputs):
        raise ArgumentError("module: a program whose inputs are tensors of floats with the batch axis in front is needed")
    size = inputs[0].shape[0]
    if len({str(x.shape[0]) for x in inputs}) > 1 or any(isinstance(n, torch.SymInt) for x in inputs for n in x.shape[1:]):
        raise ArgumentError(
            "module: a program with one batch axis in front of every input, the other axes of fixed size, is needed, got inputs of shapes "
            f"{', '.join(str(tuple(x.shape)) for x in inputs)}; export it with dynamic_shapes={{0: torch.export.Dim.AUTO}} for each input"
        )
    shapes = tuple(tuple(int(n) for n in x.shape[1:]) for x in inputs)
    return program, program.module(check_guards=False), shapes, None if isinstance(size, torch.SymInt) else int(size)


def trace(module: torch.nn.Module, shapes: tuple[Shape, ...], batch: int = BATCH) -> Trace:
    """The graph of `module` on a batch of points of these shapes.

    Raises
    ------
    ArgumentError
        For a module in training mode, where that changes the function; for a `forward` or `exact()` that fails whatever the shapes.
    ShapeError
        If the module does not accept inputs of these shapes.
    UnsupportedOperation
        If it cannot be traced, as when `forward` decides on the values of tensors.
    """
    flags = {m: m.training for m in module.modules() if m.training}
    named = [name or "module" for name, m in module.named_modules() if m in flags and isinstance(m, _RANDOM_IN_TRAINING)]
    if named:
        raise ArgumentError(f"module: eval mode is needed, but {named[0]!r} is in training mode; call module.eval() first")
    found = _trace(module, shapes, batch)
    if flags:
        try:
            for m in flags:
                m.training = False
            evaluating = _trace(module, shapes, batch)
        finally:
            for m, flag in flags.items():
                m.training = flag
        if _text(found.program) != _text(evaluating.program):
            raise ArgumentError("module: eval mode is needed, but it computes another function in training mode; call module.eval() first")
    return found


def _trace(module: torch.nn.Module, shapes: tuple[Shape, ...], batch: int) -> Trace:
    try:
        with put_back(module), quiet():
            leaves = keep_leaves_whole(module)
            program = _export(module, _example(module, shapes, batch), batch)
            _check_sizes(program)
            return _traced(program, leaves, batch)
    except ExactnnError:
        raise
    except Exception as error:  # noqa: BLE001 - the module's own forward may raise anything
        try:
            with put_back(module, copied=True), quiet():
                leaves = keep_leaves_whole(module)
                example = _example(module, shapes, batch)
                program = _export(_by_running(module, example), example, batch)
                return Trace(program, tuple(leaves), batch, fixed=True)
        except UnsupportedOperation:
            raise
        except NotRecorded as reason:
            raise _explained(module, shapes, reason) from error
        except Exception:  # noqa: BLE001 - as above; the first error says more
            raise _explained(module, shapes, error) from error


def _check_sizes(program: ExportedProgram) -> None:
    """RuntimeError if the size of a tensor depends on the numbers in another one (which a run knows, where that is a constant)."""
    for node in program.graph.nodes:
        for value in torch.utils._pytree.tree_leaves(node.meta.get("val")):
            if isinstance(value, torch.Tensor) and any(isinstance(n, torch.SymInt) and not n.node.has_hint() for n in value.shape):
                raise RuntimeError(f"the size of {node.name} depends on the numbers in a tensor")


def _traced(program: ExportedProgram, leaves: list[Rational], batch: int) -> Trace:
    symbols = program.range_constraints.values()
    ends = {int(end) for r in symbols for end in (r.lower, r.upper) if 2 < end < _LARGEST_BATCH}
    guards = [text for text in getattr(program, "_guards_code", ()) if ".size()[0]" in text]
    named = ends | {int(n) for text in guards for n in re.findall(r"(?<![\w.\[])\d+", text)}
    others = sorted({n + step for n in named for step in (-1, 0, 1) if 2 <= n + step < _LARGEST_BATCH} - {batch})
    return Trace(program, tuple(leaves), batch, not symbols or bool(others), tuple(others[:_MOST_SIZES]))


def warm(module: torch.nn.Module, shapes: tuple[Shape, ...]) -> None:
    """One call with a real batch, before any with tensors that have no numbers: what is cached outside of the module's attributes is real.

    An error is left to the trace, which explains it.
    """
    with contextlib.suppress(Exception), put_back(module, copied=True), torch.no_grad(), quiet():
        module(*_example(module, shapes, 1))


def _by_running(module: torch.nn.Module, example: tuple[torch.Tensor, ...]) -> torch.fx.GraphModule:
    """What the module does to a random batch; UnsupportedOperation if it changes one of its tensors meanwhile.

    What leaves torch shows as a constant that differs from point to point.
    """
    generator = torch.Generator().manual_seed(len(example[0]))
    example = tuple(torch.randn(x.shape, generator=generator).to(x) for x in example)
    before = {name: tensor.detach().clone() for name, tensor in _tensors(module).items()}
    graph = record(module, example)
    after = _tensors(module)
    for name, tensor in before.items():  # NaN differs from itself; it is refused where it is read
        same = name in after and after[name].shape == tensor.shape and bool(((after[name] == tensor) | tensor.isnan()).all())
        if not same:
            raise _changing(name)
    return graph


def _tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _changing(name: str) -> UnsupportedOperation:
    return UnsupportedOperation(f"module: its call changes the buffer {name!r}, so that it is no fixed function")


def _example(module: torch.nn.Module, shapes: tuple[Shape, ...], batch: int) -> tuple[torch.Tensor, ...]:
    """One batch for each input, of the dtype and on the device of the module's first floating tensor."""
    like = example_like(module)
    return tuple(torch.zeros((batch, *shape), dtype=like.dtype, device=like.device) for shape in shapes)


def _export(module: torch.nn.Module, example: tuple[torch.Tensor, ...], batch: int) -> ExportedProgram:
    dynamic: Any = ShapesCollection()  # type: ignore[no-untyped-call]
    for tensor in example:
        dynamic[tensor] = {0: Dim.AUTO}
    program = torch.export.export(module, example, dynamic_shapes=dynamic if batch == BATCH else None)
    return _functional(program)


def _functional(program: ExportedProgram) -> ExportedProgram:
    """The program without changes in place; UnsupportedOperation if it changes a buffer or a parameter."""
    if any(_needs_functional(node) for node in program.graph.nodes):
        with quiet():
            program = program.run_decompositions({})
    for output in program.graph_signature.output_specs:
        if output.kind.name in ("BUFFER_MUTATION", "PARAMETER_MUTATION"):
            raise _changing(str(output.target))
    return program


def _needs_functional(node: torch.fx.Node) -> bool:
    """Whether a node changes a tensor in place, or calls a subgraph (torch.no_grad() in forward makes one)."""
    if isinstance(node.target, torch._ops.OpOverload):
        return node.target._schema.is_mutable and node.target._opname != "detach_"
    return isinstance(node.target, torch._ops.HigherOrderOperator)


def _text(program: ExportedProgram) -> str:
    return "\n".join(f"{n.name} {n.target} {n.args} {n.kwargs}" for n in program.graph.nodes)


def _explained(module: torch.nn.Module, shapes: tuple[Shape, ...], error: Exception) -> Exception:
    """The error to raise when tracing failed with `error`: a copy of the module is run to see whether the shapes are at fault."""
    wanted = ", ".join(map(str, shapes))
    batch = 0
    try:
        with put_back(module, copied=True), torch.no_grad(), quiet():
            for batch in (2, 3):  # a size that is fixed in the module may be that of one batch by chance
                module(*_example(module, shapes, batch))
    except Exception as reason:  # noqa: BLE001 - the module's own forward may raise anything
        taken = inspect.signature(module.forward).parameters.values()
        missing = [p.name for p in taken if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
        if missing:
            return ArgumentError(
                f"module: its forward needs the keyword arguments {', '.join(missing)}; wrap it in one whose forward gives them, since "
                "inputs are given by position"
            )
        if not _about_shapes(reason, module, len(shapes)):
            return ArgumentError(
                f"module: its forward fails on a batch of points of shape {wanted}, and not because of the shape: "
                f"{first_line(reason)}; mend the module first, so that calling it gives a value"
            )
        return ShapeError(
            f"input_shape: the module does not accept points of shape {wanted}: {first_line(reason)} (called with a batch of {batch}); "
            "give the shape of one point without the batch axis, such as (3, 32, 32), and a tuple of shapes for several inputs"
        )
    return UnsupportedOperation(
        "module: its forward cannot be traced to a fixed graph, as when it decides on the values of tensors, makes Python numbers "
        f"of them or leaves torch: {error if isinstance(error, NotRecorded) else first_line(error)}; write it with tensor operations "
        "only, without such a branch"
    )


def _about_shapes(reason: Exception, module: torch.nn.Module, count: int) -> bool:
    """Whether an error is of a kind that wrong shapes cause, or a wrong number of inputs; the others are faults of the module."""
    if isinstance(reason, TypeError):
        try:
            inspect.signature(module.forward).bind(*range(count))
        except TypeError:
            return True
        return False
    if isinstance(reason, (NotImplementedError, RecursionError)):
        return False
    return isinstance(reason, (RuntimeError, ValueError, IndexError, AssertionError))
