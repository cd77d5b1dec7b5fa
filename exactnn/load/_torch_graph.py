"""Walks a graph of ATen operations and builds the network: values, their batch axis, node names, errors that say where.

A tensor of the graph is a node of the network, its shape torch's without the batch axis (whose place is followed through every
operation), or a constant. An operation on constants alone is computed by torch itself, at once, as the module computes it in every call:
integers wrap, floats round, dtypes are what they are. What depends on the input is real arithmetic, and must have a float type that
holds all numbers of the type it is made from.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import Any, NoReturn

import torch

from exactnn.errors import ExactnnError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import as_fraction
from exactnn.load._curves import Made
from exactnn.load._limits import MAX_ENTRIES, Budget
from exactnn.load._torch_calls import quiet
from exactnn.load._torch_trace import Trace, placeholders
from exactnn.network import Add, Affine, Builder, Constant, Conv, Input, Network, Operation, Reshape, Scale, Transpose
from exactnn.network.operations import Shape, broadcast

#: Stands for a Python number that is the size of the batch, or computed from it.
BATCH_SIZE = object()

#: every number of the first type is one of the others
HELD_BY: Mapping[torch.dtype, tuple[torch.dtype, ...]] = {
    torch.float16: (torch.float32, torch.float64),
    torch.bfloat16: (torch.float32, torch.float64),
    torch.float32: (torch.float64,),
}
#: what a handler raises for a form of its operation that it does not know
_UNKNOWN_FORM = (TypeError, AttributeError, AssertionError, LookupError, ValueError)
#: operations whose result does not depend on the values of their operand
_LIKE = frozenset(("zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full", "new_empty", "fill", "zero"))
#: operations that read nothing but the shape or the type of their second operand
_SHAPED = frozenset(("expand_as", "view_as", "reshape_as", "type_as"))


@dataclass(frozen=True, eq=False)
class TracedValue:
    """A tensor: a node's name or a constant, its shape without the batch axis, and where torch has the batch axis."""

    held: str | RationalArray | torch.Tensor
    shape: Shape
    batch: int | None = None
    label: str = "constant"

    @property
    def ndim(self) -> int:
        """Number of axes that torch counts."""
        return len(self.shape) + (self.batch is not None)

    def full_shape(self, size: int) -> list[int]:
        """Torch's shape, the size of the batch being this one."""
        shape = list(self.shape)
        if self.batch is not None:
            shape.insert(self.batch, size)
        return shape

    @property
    def is_constant(self) -> bool:
        """Whether it does not depend on the input."""
        return not isinstance(self.held, str)

    @cached_property
    def array(self) -> RationalArray | None:
        """The numbers of a constant, True and False as 1 and 0."""
        if isinstance(self.held, torch.Tensor):
            tensor = self.held.to(torch.uint8) if self.held.dtype == torch.bool else self.held
            return RationalArray.of(tensor, self.label)
        return None if isinstance(self.held, str) else self.held


#: Builds what one ATen operation computes: called with the translator and the arguments by name (`self` and `input` are `x`).
Handler = Callable[..., Any]


class JoinsBatch(UnsupportedOperation):
    """A reshape joins the batch axis with another one; at batch size 1 it can be followed."""


class Deferred:
    """What has no value of its own: a comparison, a value that jumps. Operations of the table `choices` may make a value of it."""

    def what(self) -> str:
        """What it is, and why nothing else can read it."""
        raise NotImplementedError  # pragma: no cover - every one overrides this


class Translator:
    """Translates one traced module; `table` maps names of ATen operations to handlers, `refused` to reasons.

    `choices` has the handlers of operations that read something deferred.
    """

    def __init__(
        self, trace: Trace, table: Mapping[str, Handler], refused: Mapping[str, str], choices: Mapping[str, Handler] = MappingProxyType({})
    ) -> None:
        self.trace, self.table, self.refused, self.choices = trace, table, refused, choices
        self.program = trace.program
        self.builder = Builder()
        self.batch_entered = trace.fixed  # whether the batch size may have entered a constant
        self.node: torch.fx.Node = next(iter(self.program.graph.nodes))
        self._values: dict[torch.fx.Node, Any] = {}
        self._folded_entries = 0
        self.budget = Budget()
        self._made: dict[str, Made] = {}
        self._layers: dict[tuple[Any, ...], str] = {}
        self._constants: dict[RationalArray, str] = {}

    # --- the walk ----------------------------------------------------------------------------------------------------------

    def network(self) -> Network:
        """The network of the whole graph."""
        with quiet():  # once: torch decomposes and computes on the way
            return self._walked()

    def _walked(self) -> Network:
        self._decompose()
        outputs = self._output_nodes()
        needed = _ancestors(outputs)
        inputs = self._placeholders()
        for node in self.program.graph.nodes:
            if node in needed and node.op == "call_function":
                self.node = node
                self._values[node] = self._translated(node)
        names = []
        for number, node in enumerate(outputs):
            self.node = node
            value = self._value(node)
            if isinstance(value, Deferred):
                self.refuse(f"output {number} is {value.what()}")
            if not isinstance(value, TracedValue):
                self.refuse(f"output {number} is no tensor")
            names.append(self._output(value, number))
        return self.builder.build(inputs, names)

    def _decompose(self) -> None:
        """Write operations without a handler that torch defines by others as those."""
        for _ in range(8):
            nodes = _ancestors(self._output_nodes())
            targets = {n.target for n in nodes if isinstance(n.target, torch._ops.OpOverload) and not _is_number(n)}
            open_targets = (t for t in targets if self._handler(t) is None and t._opname not in self.refused)
            known = torch.export.default_decompositions()
            unknown = {t: known[t] for t in open_targets if t.namespace == "aten" and t._can_decompose() and t in known}
            if not unknown:
                return
            self.program = self.program.run_decompositions(unknown)

    def _placeholders(self) -> list[str]:
        nodes = placeholders(self.program)
        inputs = []
        for spec in self.program.graph_signature.input_specs:
            node = nodes[spec.arg.name]
            if spec.kind.name == "USER_INPUT":
                shape = sizes(node)[1:]
                name = self._add(self.builder.fresh(node.name), Input(shape), (), shape)
                self._values[node] = TracedValue(name, shape, 0)
                inputs.append(name)
            else:  # a parameter, buffer or constant
                stored = self.program.state_dict.get(spec.target)
                stored = self.program.constants[spec.target] if stored is None else stored
                if isinstance(stored, torch.Tensor):
                    stored = TracedValue(stored.detach(), tuple(stored.shape), label=spec.target)
                self._values[node] = stored
        return inputs

    def _output_nodes(self) -> list[torch.fx.Node]:
        nodes = {n.name: n for n in self.program.graph.nodes}
        found = []
        for number, spec in enumerate(s for s in self.program.graph_signature.output_specs if s.kind.name == "USER_OUTPUT"):
            if hasattr(spec.arg, "value") and spec.arg.value is None:
                continue
            if spec.arg.name not in nodes:
                given = getattr(spec.arg, "value", spec.arg)
                raise UnsupportedOperation(f"module: output {number} is {given!r}, a tensor is needed")
            found.append(nodes[spec.arg.name])
        if not found:
            raise UnsupportedOperation("module: its forward returns no tensor")
        return found

    def _output(self, value: TracedValue, number: int) -> str:
        if value.array is not None:
            rows = value.array
            first = self.node.meta["val"].shape[0] if rows.ndim else None
            if isinstance(first, torch.SymInt) or (self.trace.fixed and first == self.trace.batch):
                rows = self.without_batch(value, 0)
            return self.builder.add(self.builder.fresh(f"output_{number}"), Constant(rows))
        value = self.per_point(value)
        if value.batch != 0:
            place = "no batch axis" if value.batch is None else f"its batch axis in place {value.batch}"
            self.refuse(f"output {number} has {place}; return it with the batch axis first")
        return self.name_of(value)

    def _translated(self, node: torch.fx.Node) -> Any:
        """The value of one node: a TracedValue, a tuple of them, or a Python number."""
        target = node.target
        if target is operator.getitem:
            source: Any = node.args[0]
            part = self._value(source)[node.args[1]]
            if part is None:
                self.refuse(f"only the first result of {source.target} has an exact meaning here, and its indices are used")
            return part
        if _is_number(node):
            return self._number(node)
        tensors = [v for v in _flat(node.meta.get("val")) if isinstance(v, torch.Tensor)]
        if any(math.prod(_hints(v.shape)) > MAX_ENTRIES * self.trace.batch for v in tensors):
            self.refuse(f"its result has more than {MAX_ENTRIES} entries for one point")
        if not isinstance(target, torch._ops.OpOverload):
            raise UnsupportedOperation(f"operation {target} at node {self.place()!r}{_where(node)} has no exact meaning here")
        try:
            if self._is_constant(node, target):
                return self._folded(node, target)
            handler = self._handler(target)
            deferred = [v for n in node.all_input_nodes for v in _flat(self._values[n]) if isinstance(v, Deferred)]
            if deferred:
                handler = self.choices.get(target._opname)
                if handler is None:
                    self.refuse(f"it reads {deferred[0].what()}")
            if handler is None:
                self.refuse(self.refused.get(target._opname, "this operation is not read here; docs/torch.md lists those that are"))
            result = handler(self, **self._arguments(target))
        except UnsupportedOperation:
            raise
        except ExactnnError as error:
            raise type(error)(f"node {self.place()!r}{_where(node)}: {error}") from None
        except _UNKNOWN_FORM as error:
            self.refuse(f"its arguments {_text(node)} are not supported ({error})")
        if isinstance(result, TracedValue):
            self._check(result, node.meta["val"])
        return result

    def _is_constant(self, node: torch.fx.Node, target: torch._ops.OpOverload[..., Any]) -> bool:
        """Whether torch computes the node from constants; a leaf of our own is none of torch's operations."""
        if target.namespace == "exactnn":
            return False
        if torch.Tag.nondeterministic_seeded in target.tags:
            if self._handler(target) is not None:  # as dropout, which is random in training mode only
                return False
            self.refuse(self.refused.get(target._opname, "it is random, so that there is no function"))
        if target._opname in _LIKE:
            return True
        read = [n for n in node.args[:1] if isinstance(n, torch.fx.Node)] if target._opname in _SHAPED else node.all_input_nodes
        found = (v for n in read for v in _flat(self._values[n]))
        return all(isinstance(v.held, torch.Tensor) if isinstance(v, TracedValue) else not isinstance(v, Deferred) for v in found)

    def _folded(self, node: torch.fx.Node, target: torch._ops.OpOverload[..., Any]) -> Any:
        """What torch computes."""
        sizes_made = [math.prod(_hints(v.shape)) for v in _flat(node.meta["val"]) if isinstance(v, torch.Tensor)]
        self._folded_entries += sum(sizes_made)
        if self._folded_entries > MAX_ENTRIES:
            self.refuse(f"constants of more than {MAX_ENTRIES} entries are made on the way")
        return self._as_values(self.called(node, target))

    def called(
        self, node: torch.fx.Node, target: torch._ops.OpOverload[..., Any], given: Mapping[torch.fx.Node, torch.Tensor] | None = None
    ) -> Any:
        """What torch gives for the node's arguments, `given` in the place of those that depend on the input."""

        def argument(value: Any) -> Any:
            if isinstance(value, torch.device):
                return torch.device("cpu")
            if not isinstance(value, torch.fx.Node):
                return value
            if given is not None and value in given:
                return given[value]
            if _is_number(value):
                found = self._values[value]
                self.batch_entered |= found is BATCH_SIZE
                return value.meta["val"].node.hint if found is BATCH_SIZE else found
            held = self._values[value]
            if isinstance(held, TracedValue) and not isinstance(held.held, torch.Tensor):  # only its shape and type matter
                like = value.meta["val"]
                self.batch_entered |= any(isinstance(n, torch.SymInt) for n in like.shape)
                return torch.zeros(_hints(like.shape), dtype=like.dtype)
            tensors = [self._constant_operand(v, given is not None) for v in _flat(held)]
            return tensors if isinstance(held, tuple) else tensors[0]

        args, kwargs = torch.utils._pytree.tree_map(argument, (node.args, dict(node.kwargs)))
        with torch.no_grad():
            try:
                result = target(*args, **kwargs)
            except (RuntimeError, ValueError, NotImplementedError) as error:
                self.refuse(f"torch cannot compute it: {str(error).splitlines()[0][:200]}")
        if "empty" in target._opname and isinstance(result, torch.Tensor):
            if not result.is_floating_point():
                self.refuse("it makes a tensor that holds whatever memory held before")
            result.fill_(math.nan)  # to be overwritten; where it is not, this is found
        return result

    @staticmethod
    def _constant_operand(value: TracedValue, wide: bool) -> torch.Tensor:
        """The tensor of a constant; `wide`: float64 where it is one of floats."""
        assert isinstance(value.held, torch.Tensor)
        tensor = value.held.cpu()
        return tensor.double() if wide and tensor.is_floating_point() else tensor

    def _as_values(self, result: Any) -> Any:
        if isinstance(result, torch.Tensor):
            return TracedValue(result, tuple(result.shape))
        return tuple(self._as_values(r) for r in result) if isinstance(result, (tuple, list)) else result

    def _number(self, node: torch.fx.Node) -> Any:
        """A Python number in the graph: the size of the batch or computed from it, or one made of constants."""
        values = [v for n in node.all_input_nodes for v in _flat(self._values[n])]
        if any(v is BATCH_SIZE for v in values):
            return BATCH_SIZE
        if isinstance(node.target, torch._ops.OpOverload):
            if "size" in node.target._opname:
                return BATCH_SIZE
            if any(isinstance(v, TracedValue) and not isinstance(v.held, torch.Tensor) for v in values):
                self.refuse("it makes a Python number of a value that depends on the input")
            return self.called(node, node.target)
        args = [self._values[a] if isinstance(a, torch.fx.Node) else a for a in node.args]
        return node.target(*args) if callable(node.target) else BATCH_SIZE

    def _handler(self, target: torch._ops.OpOverload[..., Any]) -> Handler | None:
        if target.namespace not in ("aten", "exactnn"):
            return None
        return self.table.get(f"{target._opname}.{target._overloadname}") or self.table.get(target._opname)

    def _check(self, result: TracedValue, expected: torch.Tensor) -> None:
        """The shape found is the one that torch found, the type one that no value is rounded to; and where the batch enters a constant."""
        shape = result.full_shape(self.trace.batch)
        if result.batch is None and any(isinstance(n, torch.SymInt) for n in expected.shape):
            self.batch_entered = True
        if tuple(shape) != _hints(expected.shape):
            self.refuse(f"it gives shape {_hints(expected.shape)} in torch, but {tuple(shape)} as translated")
        if not expected.is_floating_point():
            self.refuse(f"its result depends on the input and has the type {expected.dtype}; floats are needed")
        for node in self.node.all_input_nodes:
            source = node.meta["val"]
            if isinstance(self._values[node], TracedValue) and not self._values[node].is_constant:
                if source.dtype != expected.dtype and expected.dtype not in HELD_BY.get(source.dtype, ()):
                    self.refuse(
                        f"the conversion from {source.dtype} to {expected.dtype} rounds; keep one dtype, or a wider one, "
                        "through the whole module"
                    )

    def _arguments(self, target: torch._ops.OpOverload[..., Any]) -> dict[str, Any]:
        found = {}
        for position, argument in enumerate(target._schema.arguments):
            if position < len(self.node.args):
                value = self.node.args[position]
            else:
                value = self.node.kwargs.get(argument.name, argument.default_value)
            found["x" if argument.name in ("self", "input") else argument.name] = self._value(value)
        return found

    def _value(self, given: Any) -> Any:
        if isinstance(given, (list, tuple)):
            return [self._value(item) for item in given]
        if not isinstance(given, torch.fx.Node):
            return given
        return self._values[given]

    def value_of(self, node: torch.fx.Node) -> Any:
        """What a node of the graph stands for."""
        return self._values[node]

    # --- for the handlers --------------------------------------------------------------------------------------------------

    def refuse(self, reason: str) -> NoReturn:
        """Raise UnsupportedOperation, naming the operation and the node."""
        raise UnsupportedOperation(self._refusal(reason))

    def _refusal(self, reason: str) -> str:
        target = self.node.target
        named = f"{target.namespace}.{target._opname}" if isinstance(target, torch._ops.OpOverload) else str(target)
        return f"operation {named} at node {self.place()!r}{_where(self.node)}: {reason}"

    def place(self) -> str:
        """The name for what the current node computes: its module's path, for a plain function with the function's name."""
        base = self.node.target._opname.strip("_") if isinstance(self.node.target, torch._ops.OpOverload) else self.node.name
        stack = self.node.meta.get("nn_module_stack") or {}
        path, kind = (list(stack.values()) or [("", "")])[-1][:2]
        if "_empty_nn_module_stack" in path:
            path = ""
        kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
        whole = kind.startswith("torch.nn.modules.") and not kind.startswith("torch.nn.modules.container.")
        if path and (whole or base == "leaf"):
            return str(path)
        return f"{path}.{base}" if path else base

    def apply(self, operation: Operation, *values: TracedValue, suffix: str = "") -> TracedValue:
        """The value of an operation of the network; a helper node's name gets a suffix. All batch axes must be in one place."""
        shape = self.budget.value(self.budget.shape(operation, *(v.shape for v in values)))
        arrays = [v.array for v in values]
        if all(a is not None for a in arrays):
            result = operation.evaluate(*(a.reshape(1, *a.shape) for a in arrays if a is not None))
            return TracedValue(result.reshape(*shape), shape)
        places = {v.batch for v in values if v.array is None}
        if len(places) > 1:
            self.refuse("its operands have their batch axes in different places")
        names = [self.name_of(v) for v in values]
        key = _key(operation, names)
        if key in self._layers:  # a layer that is called twice with one value
            return TracedValue(self._layers[key], shape, places.pop())
        name = self.builder.fresh(self.place() + (f".{suffix}" if suffix else ""))
        if key:
            self._layers[key] = name
        return TracedValue(self._add(name, operation, names, shape), shape, places.pop())

    def _add(self, name: str, operation: Operation, reads: Sequence[str], shape: Shape) -> str:
        self._made[name] = Made(operation, tuple(reads), shape, len(self._made))
        return self.builder.add(name, operation, *reads)

    def made(self, name: str) -> Made:
        """A node of the network so far."""
        return self._made[name]

    def sign_of(self, matrix: RationalArray) -> int | None:
        """Sums with constants are no affine maps here."""
        return None

    def name_of(self, value: TracedValue) -> str:
        """The node that holds a value; a constant gets a node."""
        if isinstance(value.held, str):
            return value.held
        array = value.array
        assert array is not None
        if array not in self._constants:
            name = self.builder.fresh(f"{self.place()}.constant" if value.label == "constant" else value.label)
            self._constants[array] = self._add(name, Constant(array), (), array.shape)
        return self._constants[array]

    def constant(self, given: Any, what: str) -> RationalArray:
        """The numbers of an argument that must not depend on the input."""
        array = given.array if isinstance(given, TracedValue) else RationalArray.of(self.number(given, what))
        if array is None:
            self.refuse(f"its {what} depends on the input; it must be a constant")
        return array

    def number(self, given: Any, what: str) -> Fraction:
        """An argument that is one number."""
        if given is BATCH_SIZE:
            self.refuse(f"its {what} is computed from the size of the batch; the function of one point must not depend on it")
        if isinstance(given, TracedValue):
            return self.constant(given, what).item()
        return as_fraction(int(given) if isinstance(given, bool) else given, what)

    def item(self, value: TracedValue) -> str | RationalArray:
        """The node of a value, or the numbers of a constant."""
        if isinstance(value.held, str):
            return value.held
        assert value.array is not None
        return value.array

    def scalar(self, given: Any) -> TracedValue:
        """A tensor, or the constant of a Python number."""
        return given if isinstance(given, TracedValue) else TracedValue(RationalArray.of(self.number(given, "operand")), ())

    def operand(self, given: Any) -> TracedValue:
        """An operand that may be a Python number; a constant of another type becomes one of the result's, as torch converts it."""
        if isinstance(given, TracedValue):
            if isinstance(given.held, torch.Tensor) and given.held.dtype != self.dtype():
                return TracedValue(given.held.to(self.dtype()), given.shape, label=given.label)
            return given
        return TracedValue(RationalArray.of(self.number(given, "operand")), ())

    def axis(self, x: TracedValue, dim: int) -> int:
        """The axis without the batch that torch's axis `dim` is; refuses the batch axis."""
        if not isinstance(dim, int):
            self.refuse("its axis is computed from the size of the batch")
        dim %= max(x.ndim, 1)
        if x.batch is None or dim < x.batch:
            return dim
        if dim == x.batch:
            self.refuse("it acts along the batch axis and so mixes the points of a batch")
        return dim - 1

    def result_shape(self) -> tuple[int, ...]:
        """Torch's shape of what the current node computes."""
        return sizes(self.node)

    def result_shapes(self) -> list[tuple[int, ...]]:
        """Torch's shapes of the several tensors that the current node computes."""
        return [_hints(part.shape) for part in self.node.meta["val"]]

    def shape_of(self, position: int) -> tuple[int, ...]:
        """Torch's shape of the current node's argument at `position`."""
        node: Any = self.node.args[position]
        return sizes(node)

    def dtype(self, position: int | None = None) -> torch.dtype:
        """Torch's dtype of the current node, or of its argument at `position`."""
        node: Any = self.node if position is None else self.node.args[position]
        dtype: torch.dtype = node.meta["val"].dtype
        return dtype

    # --- rearranging -------------------------------------------------------------------------------------------------------

    def reshape(self, x: TracedValue, shape: Sequence[int], suffix: str = "") -> TracedValue:
        """Row-major reshape to torch's shape `shape`, which must keep the batch axis apart."""
        target, batch = tuple(shape), x.batch
        if batch is not None:
            before = math.prod(x.shape[:batch])
            places = [i for i, n in enumerate(target) if n == self.trace.batch and math.prod(target[:i]) == before]
            if not places and self.trace.batch == 1:
                return self.reshape(self.whole(x), target, suffix)
            if not places:
                raise JoinsBatch(self._refusal("it mixes the batch axis with another one; keep the batch axis apart, as in x.flatten(1)"))
            batch = places[0]
            target = target[:batch] + target[batch + 1 :]
        if target == x.shape:
            return TracedValue(x.held, x.shape, batch, x.label)
        reshaped = self.apply(Reshape(target), x, suffix=suffix)
        return TracedValue(reshaped.held, target, batch)

    def whole(self, x: TracedValue) -> TracedValue:
        """At batch size 1: the batch axis as an axis of the point."""
        if x.batch is None:
            return x
        shape = tuple(x.full_shape(1))
        return TracedValue(self.apply(Reshape(shape), x, suffix="whole").held, shape)

    def per_point(self, x: TracedValue) -> TracedValue:
        """At batch size 1: a first axis of size 1, if there is no batch axis, as the batch axis; else the value itself."""
        if x.is_constant or x.batch is not None or x.shape[:1] != (1,):
            return x
        return self.placed(self.apply(Reshape(x.shape[1:]), x, suffix="point"), 0)

    def by_channel(self, operation: Operation, x: TracedValue) -> TracedValue:
        """An operation whose channels are on torch's axis 1, and on the first axis of a point."""
        x = self.per_point(x)
        if x.batch == 0:
            return self.apply(operation, x)
        if x.batch is None and not x.is_constant and x.ndim > 1:  # at batch size 1, rows of several points joined
            order = [1, 0, *range(2, x.ndim)]
            return self.permute(self.apply(operation, self.permute(x, order, "turned"), suffix="channels"), order)
        self.refuse("the channels are on axis 1, which needs the batch on axis 0")

    def reshape_point(self, x: TracedValue, shape: Shape, suffix: str = "") -> TracedValue:
        """Row-major reshape of each point, the batch axis (or none, of a constant) in front."""
        batch = None if x.is_constant else 0
        if shape == x.shape:
            return TracedValue(x.held, shape, batch, x.label)
        inner = TracedValue(x.held, x.shape, batch, x.label)
        return self.apply(Reshape(shape), inner, suffix=suffix)

    def placed(self, x: TracedValue, axis: int | None) -> TracedValue:
        """The same value with torch's batch axis in this place, or without one."""
        return TracedValue(x.held, x.shape, axis, x.label)

    def permute(self, x: TracedValue, order: Sequence[int], suffix: str = "") -> TracedValue:
        """Axis i of the result is torch's axis order[i]."""
        order = [o % x.ndim for o in order]
        batch = None if x.batch is None else order.index(x.batch)
        axes = tuple(self.axis(x, o) for o in order if o != x.batch)
        if axes == tuple(range(len(axes))):
            return TracedValue(x.held, x.shape, batch, x.label)
        moved = self.apply(Transpose(axes), x, suffix=suffix)
        return TracedValue(moved.held, moved.shape, batch)

    def aligned(self, *values: TracedValue) -> list[TracedValue]:
        """Operands of an elementwise operation: constants without the batch axis, where some operand has one."""
        if any(v.batch is None and not v.is_constant for v in values):  # at batch size 1
            return [self.whole(v) for v in values]
        longest = max(v.ndim for v in values)
        places = {v.batch + longest - v.ndim for v in values if v.batch is not None}
        if not places:
            return list(values)
        if len(places) > 1:
            self.refuse("its operands have their batch axes in different places")
        place = places.pop()
        result = []
        for v in values:
            if v.array is not None:
                own = place - (longest - v.ndim)
                array = self.without_batch(v, own) if own >= 0 else v.array
                v = TracedValue(array, array.shape, label=v.label if array is v.array else "constant")
            else:
                v = TracedValue(v.held, v.shape, place)
            result.append(v)
        return result

    def without_batch(self, value: TracedValue, axis: int) -> RationalArray:
        """A constant that is the same for every point of the batch, for one point."""
        assert value.array is not None
        index = (slice(None),) * axis
        rows = [value.array[(*index, i)] for i in range(value.shape[axis])]
        if any(row != rows[0] for row in rows[1:]):
            self.refuse("it combines a constant that differs from point to point of the batch")
        return rows[0].reshape(*value.shape[:axis], *value.shape[axis + 1 :])

    def expand(self, x: TracedValue, shape: Shape) -> TracedValue:
        """`x` broadcast to a larger shape (without the batch axis): zeros are added."""
        if x.shape == shape:
            return x
        return self.apply(Add(), x, TracedValue(RationalArray.zeros(shape), shape), suffix="expand")

    def scale(self, x: TracedValue, factor: RationalArray | Fraction | int, suffix: str = "") -> TracedValue:
        """Entrywise product with a constant (without the batch axis); a factor of 1 makes no node."""
        factor = factor if isinstance(factor, RationalArray) else RationalArray.of(Fraction(factor))
        if factor.shape == () and factor.item() == 1:
            return x
        return self.apply(Scale(factor), self.expand(x, broadcast(x.shape, factor.shape)), suffix=suffix)


def _key(operation: Operation, names: Sequence[str]) -> tuple[Any, ...]:
    """What tells whether two layers with weights are one and read the same; the weights are alive as long as the translation."""
    if not isinstance(operation, (Affine, Conv)):
        return ()
    window = (operation.stride, operation.padding, operation.dilation, operation.groups) if isinstance(operation, Conv) else ()
    return (id(operation.weight), operation.bias, *window, *names)


def sizes(node: torch.fx.Node) -> tuple[int, ...]:
    """Torch's shape of a node, with the batch size of the trace."""
    return _hints(node.meta["val"].shape)


def _text(node: torch.fx.Node) -> str:
    return ", ".join([*map(str, node.args), *(f"{name}={value}" for name, value in node.kwargs.items())])


def _is_number(node: torch.fx.Node) -> bool:
    """Whether a node computes a Python number."""
    return isinstance(node.meta.get("val"), (torch.SymInt, torch.SymFloat, torch.SymBool, int, float))


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _hints(shape: Sequence[int | torch.SymInt]) -> tuple[int, ...]:
    return tuple(int(n.node.hint) if isinstance(n, torch.SymInt) else int(n) for n in shape)


def _ancestors(nodes: Sequence[torch.fx.Node]) -> set[torch.fx.Node]:
    found, waiting = set(nodes), list(nodes)
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found


def _where(node: torch.fx.Node) -> str:
    """The line of the module's source that made a node."""
    places = re.findall(r'File "([^"]+)", line (\d+), in', node.meta.get("stack_trace") or "")
    places = [p for p in places if "/torch/nn/" not in p[0].replace("\\", "/") and not p[0].startswith("<")]
    return f" ({places[-1][0].rsplit('/', 1)[-1]}:{places[-1][1]})" if places else ""
