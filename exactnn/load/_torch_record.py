"""The graph of what a module does to a real batch, operation by operation, for modules that torch.export does not follow.

The module sees tensors as in any other call, so that it takes the branches that it always takes. What does not depend on the batch is
computed, once, as in any call; what does is recorded. Numbers made of values that depend on the batch, and constants that receive such
values, are refused.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Iterator
from typing import Any, NoReturn

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary


class NotRecorded(RuntimeError):
    """A call with other values might do something else."""


_ESCAPES = ("numpy", "tolist", "__array__", "untyped_storage", "storage", "data_ptr", "__repr__", "__str__", "__format__", "__dlpack__")


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes a node for every operation that reads a tensor which has one."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = torch.fx.Graph()
        self.root = torch.nn.Module()
        self._nodes = WeakTensorKeyDictionary()
        self._constants = WeakTensorKeyDictionary()
        self._names = {id(t): name for name, t in (*module.named_parameters(), *module.named_buffers())}
        self.stopped = ""
        self._kept: list[torch.Tensor] = []  # so that no tensor goes, and its place is taken by another one

    def track(self, tensor: torch.Tensor, node: torch.fx.Node) -> None:
        """From now on this node stands for the tensor."""
        self._nodes[tensor] = node
        self._kept.append(tensor)

    def node(self, value: Any) -> Any:
        """The node for a tensor; for one that does not depend on the batch a constant of the graph."""
        if not isinstance(value, torch.Tensor):
            return value
        if value in self._nodes:
            return self._nodes[value]
        if value not in self._constants or self._constants[value][0] != value._version:
            name = self._names.get(id(value), f"constant_{len(self._kept)}").replace(".", "_")
            name = f"{name}_{len(self._kept)}" if hasattr(self.root, name) else name
            self.root.register_buffer(name, value.detach().clone())
            self._constants[value] = value._version, self.graph.get_attr(name)  # a change in place makes another constant
            self._kept.append(value)
        return self._constants[value][1]

    def stop(self, reason: str) -> NoReturn:
        """Raise, and remember that it was raised: the module may catch it."""
        self.stopped = self.stopped or reason
        raise NotRecorded(reason)

    def escape(self, method: str) -> Any:
        """A method of tensors that gives their numbers to Python, refused for those that have a node."""
        original = getattr(torch.Tensor, method)

        def guarded(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            if tensor in self._nodes:
                self.stop(f"tensor.{method} gives values that depend on the input to Python or another library")
            return original(tensor, *args, **kwargs)

        return _replaced(method, guarded)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [t for t in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        if not any(t in self._nodes for t in tensors):
            return func(*args, **kwargs)
        indexing = func._opname.startswith("index")  # by masks, whose positions are constants, see below
        if {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags) and not indexing:
            self.stop(f"{func.__name__} makes a number or a size of values that depend on the input")
        for position, argument in enumerate(func._schema.arguments):
            if argument.is_write:
                target = args[position] if position < len(args) else kwargs.get(argument.name)
                if isinstance(target, torch.Tensor) and target not in self._nodes:
                    self.stop("a constant tensor receives values that depend on the input")
        if indexing and len(args) > 1 and isinstance(args[1], (list, tuple)):
            if any(i in self._nodes for i in args[1] if isinstance(i, torch.Tensor)):
                self.stop("it indexes by values that depend on the input")
            args = (args[0], _positions(args[1]), *args[2:])
        recorded = torch.utils._pytree.tree_map(self.node, (args, kwargs))
        node = self.graph.call_function(func, *recorded)
        result = func(*args, **kwargs)
        for place, part in enumerate(result if isinstance(result, (tuple, list)) else ()):
            if isinstance(part, torch.Tensor):
                self.track(part, self.graph.call_function(operator.getitem, (node, place)))
        if isinstance(result, torch.Tensor):
            self.track(result, node)
        return result


@contextlib.contextmanager
def _replaced(method: str, other: Any) -> Iterator[None]:
    """A method of all tensors replaced while it lasts."""
    own, before = method in vars(torch.Tensor), getattr(torch.Tensor, method)
    setattr(torch.Tensor, method, other)
    try:
        yield
    finally:
        if own:
            setattr(torch.Tensor, method, before)
        else:
            delattr(torch.Tensor, method)


def _positions(indices: Any) -> list[Any]:
    """Indices with masks written as lists of positions, so that the size of the result can be seen."""
    found: list[Any] = []
    for index in indices:
        is_mask = isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8)
        found.extend(index.nonzero(as_tuple=True) if is_mask else [index])
    return found


def record(module: torch.nn.Module, example: tuple[torch.Tensor, ...]) -> torch.fx.GraphModule:
    """The graph of a call with this batch; NotRecorded where a call with other values might do something else."""
    recorder = _Recorder(module)
    for i, x in enumerate(example):
        recorder.track(x, recorder.graph.placeholder(f"inputs_{i}"))
    with torch.no_grad(), contextlib.ExitStack() as stack:
        for method in _ESCAPES:
            stack.enter_context(recorder.escape(method))
        with recorder:
            outputs = module(*example)
    if recorder.stopped:
        raise NotRecorded(recorder.stopped)
    recorder.graph.output(torch.utils._pytree.tree_map(recorder.node, outputs))
    return torch.fx.GraphModule(recorder.root, recorder.graph)
