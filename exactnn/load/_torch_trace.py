"""From a torch module to its graph of ATen operations: torch.export, and where that fails, torch.export on torch.fx's graph.

Only the module's own `forward` (and a method `exact()`) is called, with fake tensors. Modules with a method `exact()` that gives a
rational function stay whole: while tracing, their `forward` is one call of the operation `exactnn::leaf`.
"""

from __future__ import annotations

import copy
import inspect
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.export import Dim, ExportedProgram, ShapesCollection
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from exactnn.errors import ArgumentError, ShapeError, UnsupportedOperation
from exactnn.network import Rational
from exactnn.network.operations import Shape

#: Size of the batch while tracing; where it enters the graph, a trace with `OTHER_BATCH` points must give the same network.
BATCH, OTHER_BATCH = 13, 3

_RANDOM_IN_TRAINING = (_DropoutNd, _NormBase, torch.nn.RReLU)


@torch.library.custom_op("exactnn::leaf", mutates_args=())
def _leaf(x: torch.Tensor, number: int) -> torch.Tensor:
    """Stands for leaf module `number` in a graph; never computed."""
    return x.clone()


@_leaf.register_fake
def _(x: torch.Tensor, number: int) -> torch.Tensor:
    return torch.empty_like(x)


@dataclass(frozen=True)
class Trace:
    """A traced module; `leaves[n]` is what `exactnn::leaf(x, n)` stands for, `fixed` whether the batch size entered the graph."""

    program: ExportedProgram
    leaves: tuple[Rational, ...]
    batch: int
    fixed: bool


def unwrapped(module: object) -> torch.nn.Module:
    """The module inside torch.compile's or DataParallel's wrapper; ArgumentError for what is no module with weights."""
    if isinstance(module, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
        module = module.module
    module = getattr(module, "_orig_mod", module)
    if isinstance(module, torch.jit.ScriptModule):
        raise ArgumentError("module: a torch.nn.Module is needed, got a TorchScript module; load the module it was made from")
    if not isinstance(module, torch.nn.Module):
        kind = f"the class {module.__name__}; call it to make a module" if isinstance(module, type) else type(module).__name__
        raise ArgumentError(f"module: a torch.nn.Module in eval mode is needed, got {kind}")
    for name, tensor in module.named_parameters():
        if torch.nn.parameter.is_lazy(tensor) or tensor.is_meta:
            raise ArgumentError(f"module: numbers as weights are needed, but {name!r} has none yet (a lazy or meta tensor)")
    return module


def trace(module: torch.nn.Module, shapes: tuple[Shape, ...], batch: int = BATCH) -> Trace:
    """The graph of `module` on a batch of points of these shapes.

    Raises
    ------
    ArgumentError
        For a module in training mode, where that changes the function.
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
    with _leaves_kept_whole(module) as leaves, quiet():
        example = _example(module, shapes, batch)
        try:
            program = _export(module, example, batch)
        except Exception as error:  # noqa: BLE001 - the module's own forward may raise anything
            try:
                program = _export(torch.fx.symbolic_trace(module), example, batch)
            except Exception:  # noqa: BLE001 - as above; the first error says more
                raise _explained(module, shapes, error) from error
    symbols = program.range_constraints.values()
    fixed = not symbols or any(r.lower > 2 or r.upper < 1 << 40 for r in symbols)
    return Trace(program, tuple(leaves), batch, fixed)


def _example(module: torch.nn.Module, shapes: tuple[Shape, ...], batch: int) -> tuple[torch.Tensor, ...]:
    """One batch for each input, of the dtype and on the device of the module's first floating tensor."""
    floats = (t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point())
    like = next(floats, torch.zeros(()))
    return tuple(torch.zeros((batch, *shape), dtype=like.dtype, device=like.device) for shape in shapes)


def _export(module: torch.nn.Module, example: tuple[torch.Tensor, ...], batch: int) -> ExportedProgram:
    dynamic: Any = ShapesCollection()  # type: ignore[no-untyped-call]
    for tensor in example:
        dynamic[tensor] = {0: Dim.AUTO}
    program = torch.export.export(module, example, dynamic_shapes=dynamic if batch == BATCH else None)
    if any(_needs_functional(node) for node in program.graph.nodes):
        program = program.run_decompositions({})
    changed = [o.target for o in program.graph_signature.output_specs if o.kind.name == "BUFFER_MUTATION"]
    if changed:
        raise UnsupportedOperation(f"module: its call changes the buffer {changed[0]!r}, so that it is no fixed function")
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
    if isinstance(error, UnsupportedOperation):
        return error
    try:
        copied = copy.deepcopy(module)
        with torch.no_grad():
            copied(*_example(copied, shapes, 2))
    except Exception as reason:  # noqa: BLE001 - the module's own forward may raise anything
        return ShapeError(
            f"input_shape: the module does not accept {', '.join(map(str, shapes))}: {_first_line(reason)}; give the shape of one "
            "point without the batch axis, such as (3, 32, 32), and a tuple of shapes for several inputs"
        )
    return UnsupportedOperation(
        "module: its forward cannot be traced to a fixed graph, as when it decides on the values of tensors, makes Python numbers "
        f"of them or leaves torch: {_first_line(error)}; write it with tensor operations only, without such a branch"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


@contextmanager
def _leaves_kept_whole(module: torch.nn.Module) -> Iterator[list[Rational]]:
    """While it lasts, every submodule that is a rational function calls `exactnn::leaf`; afterwards all attributes are as before."""
    before = [(m, dict(vars(m))) for m in module.modules()]
    leaves: list[Rational] = []
    try:
        for submodule, _ in before:
            operation = _rational_function(submodule)
            if operation is not None:
                vars(submodule)["forward"] = _leaf_forward(len(leaves))
                leaves.append(operation)
        yield leaves
    finally:  # a forward that keeps values on its module has left fake ones there
        for submodule, attributes in before:
            for name, value in list(vars(submodule).items()):
                if name not in attributes:
                    del vars(submodule)[name]
                elif name == "forward" or isinstance(value, FakeTensor):
                    vars(submodule)[name] = attributes[name]


def _leaf_forward(number: int) -> Any:
    def forward(x: torch.Tensor) -> Any:
        return torch.ops.exactnn.leaf(x, number)

    return forward


def _rational_function(module: torch.nn.Module) -> Rational | None:
    method = getattr(module, "exact", None)
    if not inspect.ismethod(method):
        return None
    needed = [p for p in inspect.signature(method).parameters.values() if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
    value: Any = None if needed else method()
    if not (hasattr(value, "numerator") and hasattr(value, "denominator")):
        return None
    return Rational.of(value.numerator, value.denominator)


@contextmanager
def quiet() -> Iterator[None]:
    """Without torch's own warnings and error logs: what they say is in the error raised."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled
