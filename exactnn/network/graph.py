"""The network: a frozen graph of named operations with an exact value at every rational point.

Thesis Definition 4.2: a finite acyclic directed graph, its vertices local functions, the roots inputs, some vertices outputs. Here the
graph is a networkx DiGraph: node attribute "operation", edge attribute "positions" (which operands of the target the source is: x + x
has one edge with two positions).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import networkx as nx

from exactnn.errors import ArgumentError, ExactnnError, NetworkError, ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.calls import helpful
from exactnn.exact.clock import clock_in_force
from exactnn.network.activations import Activation, Rational, Smooth
from exactnn.network.operations import Input, Operation, Shape
from exactnn.texts import brief, fitted
from exactnn.value import Value

_NODES = 20  # that are printed

if TYPE_CHECKING:
    import torch

    from exactnn.network.gradient import Gradient


@dataclass(frozen=True, repr=False)
class DataFile(Value):
    """A further file that holds weights of a model: its place from the model's folder on, with / between folders, and its hash."""

    path: str
    sha256: str


@dataclass(frozen=True, repr=False)
class Slice(Value):
    """t -> origin + sum_i t_i directions[i]: where a network is asked about; origin (d), directions (k, d)."""

    origin: RationalArray
    directions: RationalArray


@dataclass(frozen=True, repr=False)
class Source(Value):
    """The file a network was read from, so that a certificate can be bound to it.

    `checkable`: whether the standalone checker reads this file itself and finds the same nodes. `data`: the further files that it needs.
    `slice`: the network is what the file holds on this slice of its inputs (`exactnn.regions.restrict`); None for all of it.
    """

    path: str
    sha256: str
    format: str
    raw: bool = False
    checkable: bool = False
    data: tuple[DataFile, ...] = ()
    slice: Slice | None = None


class Network(Value):
    """A neural network without rounding: what every question of this package is about.

    Build one with `exactnn.mlp`, `exactnn.load`, `exactnn.from_torch` or `Builder`. A network is a value: it never changes, and equal
    graphs of equal operations are equal networks.

    Parameters
    ----------
    graph : networkx.DiGraph with node attribute "operation" and edge attribute "positions"
    inputs, outputs : node names, in the model's order
    source : the file it was read from, if any
    reading : sentences on how it was read (whether it was compared with a run of the model, say)

    Raises
    ------
    NetworkError, ShapeError
        Naming the node, if the graph is no network.
    """

    def __init__(
        self,
        graph: nx.DiGraph[str],
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        source: Source | None = None,
        reading: Sequence[str] = (),
    ) -> None:
        self.graph: nx.DiGraph[str] = nx.freeze(graph)
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.source = source
        self.reading = tuple(reading)
        self._check_graph()
        self.order: tuple[str, ...] = _order(graph)
        self._operands = {name: self._find_operands(name) for name in self.order}
        self._shapes: dict[str, Shape] = {}
        for name in self.order:
            try:
                shape = self.operation(name).output_shape(*(self._shapes[o] for o in self._operands[name]))
            except ExactnnError as error:
                raise type(error)(f"node {name!r}: {error}") from None
            self._shapes[name] = shape
        if self.input_dim == 0 or self.output_dim == 0:
            raise NetworkError(f"network: inputs and outputs with entries are needed, got sizes {self.input_dim} and {self.output_dim}")

    def _check_graph(self) -> None:
        if not self.inputs or not self.outputs:
            raise NetworkError("network: at least one input and one output are needed; this network is empty")
        for name in (*self.inputs, *self.outputs):
            if name not in self.graph:
                raise NetworkError(f"network: {name!r} is named as input or output, but there is no such node")
        if len(set(self.inputs)) < len(self.inputs):
            raise NetworkError(f"network: each input once is needed, got {self.inputs}")
        for name, data in self.graph.nodes(data=True):
            if not isinstance(name, str) or not name or not isinstance(data.get("operation"), Operation):
                raise NetworkError(f"node {name!r}: a non-empty text as name and an Operation as attribute are needed")
            if isinstance(data["operation"], Input) is not (name in self.inputs):
                raise NetworkError(f"node {name!r}: exactly the nodes listed as inputs are Input operations")
        if not nx.is_directed_acyclic_graph(self.graph):
            raise NetworkError(f"network: the graph has a cycle, {nx.find_cycle(self.graph)}; only feedforward networks are treated")

    def _find_operands(self, name: str) -> tuple[str, ...]:
        edges = self.graph.in_edges(name, data=True)
        found = sorted((position, source) for source, _, data in edges for position in data.get("positions", ()))
        operands = tuple(source for _, source in found)
        arity = self.operation(name).arity
        fits = len(operands) == arity if arity is not None else bool(operands)
        if not fits or [position for position, _ in found] != list(range(len(found))):
            count = "some" if arity is None else arity
            raise NetworkError(f"node {name!r}: {self.operation(name).kind} takes {count} operands at positions 0, 1, ..., got {found}")
        return operands

    def __setattr__(self, name: str, value: object) -> None:
        if "_shapes" in self.__dict__ and name not in ("order", "_operands"):
            raise AttributeError(f"a Network is a value and cannot be changed ({name}); build a new one")
        super().__setattr__(name, value)

    def read(self, *sentences: str) -> Network:
        """The same network with more to say on how it was read."""
        other = copy.copy(self)
        other.__dict__["reading"] = (*self.reading, *sentences)
        return other

    @property
    def info(self) -> str:
        """What the network is and how it was read, in a few lines of text."""
        lines = [repr(self)]
        if self.source is not None:
            lines.append(f"read from {self.source.path}, sha256 {self.source.sha256}")
            lines += [f"with data from {d.path}, sha256 {d.sha256}" for d in self.source.data]
            if self.source.slice is not None:
                k, d = self.source.slice.directions.shape
                lines.append(f"on a slice of {k} dimension{'s' * (k > 1)} of its {d} inputs")
        return "\n".join([*lines, *self.reading])

    # --- structure ---------------------------------------------------------------------------------------------------------

    def operation(self, name: str) -> Operation:
        """The local function of a node."""
        operation: Operation = self.graph.nodes[name]["operation"]
        return operation

    def operands(self, name: str) -> tuple[str, ...]:
        """The nodes it reads, in operand order."""
        return self._operands[name]

    def consumers(self, name: str) -> tuple[str, ...]:
        """The nodes that read it."""
        return tuple(self.graph.successors(name))

    def shape(self, name: str) -> Shape:
        """Shape of a node's value, without the batch axis."""
        return self._shapes[name]

    @cached_property
    def input_dim(self) -> int:
        """Size of the flat input: all inputs concatenated, row-major."""
        return sum(math.prod(self._shapes[n]) for n in self.inputs)

    @cached_property
    def output_dim(self) -> int:
        """Size of the flat output."""
        return sum(math.prod(self._shapes[n]) for n in self.outputs)

    @cached_property
    def hidden_layers(self) -> tuple[str, ...]:
        """The activation nodes in topological order: hidden layer 0, 1, ... of a chain."""
        return tuple(n for n in self.order if isinstance(self.operation(n), Activation))

    @cached_property
    def is_piecewise_linear(self) -> bool:
        """Whether no node is smooth or rational."""
        return not any(isinstance(self.operation(n), (Smooth, Rational)) for n in self.order)

    def layer_name(self, layer: int | str) -> str:
        """The node of a hidden layer given as a number (counted from 0) or as a name, "" the only one; ArgumentError if there is none."""
        hidden = self.hidden_layers
        if isinstance(layer, str) and layer in hidden:
            return layer
        if layer == "" and len(hidden) == 1:
            return hidden[0]
        if isinstance(layer, int) and not isinstance(layer, bool) and 0 <= layer < len(hidden):
            return hidden[layer]
        if not hidden:
            given = "" if layer == "" else f"; got {layer!r}"
            raise ArgumentError(f"layer: a network with hidden layers is needed, but this one has no activation node{given}")
        found = "none, where there are several" if layer == "" else repr(layer)
        raise ArgumentError(f"layer: 0 to {len(hidden) - 1} or one of {', '.join(hidden)} is needed, got {found}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return self is other or (
            self.inputs == other.inputs
            and self.outputs == other.outputs
            and self._operands == other._operands
            and all(self.operation(n) == other.operation(n) for n in self.order)
        )

    def __hash__(self) -> int:
        return hash((self.inputs, self.outputs, frozenset(self._operands.items())))

    def to_dict(self) -> dict[str, Any]:
        """The exact document of docs/network-format.md, which `exactnn.save` writes and `exactnn.load` reads."""
        from exactnn.network.document import document

        return document(self)

    def _summary(self) -> str:
        names = [n for n in self.order if n not in self.inputs]
        kinds = [fitted(_kind(self.operation(n)), 30) for n in (names if len(names) <= 8 else names[:4])]
        shown = ", ".join(kinds) + (f", ... ({len(names)} nodes)" if len(names) > 8 else "")
        return f"{self.input_dim} -> {self.output_dim}: {shown}"

    def _rows(self) -> list[tuple[str, str]]:
        """A line for each node, but for those in the middle of many; and where it comes from."""
        names = self.order if len(self.order) <= _NODES else (*self.order[: _NODES // 2], "...", *self.order[-_NODES // 2 :])
        rows = [(fitted(n, 30), "" if n not in self.graph else self._described(n)) for n in names]
        return rows if self.source is None else [*rows, ("read from", brief(self.source.path, 100))]

    def _described(self, name: str) -> str:
        read = f" of {brief(', '.join(self.operands(name)), 50)}" if self.operands(name) else ""
        return f"{fitted(_kind(self.operation(name)), 40)}{read}, shape {self.shape(name)}{' (output)' * (name in self.outputs)}"

    # --- values ------------------------------------------------------------------------------------------------------------

    @overload
    def __call__(self, x: Sequence[int | float | str | Decimal | Fraction]) -> tuple[Fraction, ...]: ...

    @overload
    def __call__(self, x: Any) -> Any: ...  # arrays and nested lists: types do not tell their shapes

    def __call__(self, x: Any) -> Any:
        """The exact value at one point; at a batch of points a tuple of values.

        Parameters
        ----------
        x : a flat point (input_dim,), or an array of the input's own shape, (3, 32, 32) say; or a batch (n, ...) of either, whose values
            are (value, ..., value), nested once for each further axis in front

        Returns
        -------
        tuple of output_dim Fractions; of a batch a tuple of such

        Examples
        --------
        >>> import exactnn as xn
        >>> net = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
        >>> net(["-1/3"]), net([[1], [-2]])
        ((Fraction(1, 3),), ((Fraction(1, 1),), (Fraction(2, 1),)))
        """
        from exactnn.network.points import as_inputs

        axes, points = as_inputs(self, x)
        values = self.evaluate(points).to_rows() if len(points) else ()
        return nested(values, axes)

    def evaluate(self, points: Any) -> RationalArray:
        """Exact values (batch, output_dim) at points (batch, input_dim), or (batch, *shape) of a network with one input of that shape."""
        points = RationalArray.of(points, "points")
        if points.ndim > 2 and len(self.inputs) == 1 and points.shape[1:] == self._shapes[self.inputs[0]]:
            points = points.reshape(len(points), self.input_dim)
        values = self.trace(points, keep=self.outputs)
        return flat(values, self.outputs)

    def trace(self, points: RationalArray, keep: Iterable[str] | None = None) -> dict[str, RationalArray]:
        """Exact values of nodes on a batch; all of them, or those in `keep` (the others are let go as early as possible)."""
        if points.ndim != 2 or points.shape[1] != self.input_dim:
            raise ShapeError(f"points: shape (batch, {self.input_dim}) is needed, got {points.shape}")
        kept = set(self.order if keep is None else keep)
        left = {n: len(self.consumers(n)) for n in self.order}
        values = self.input_values(points)
        clock = clock_in_force()
        for name in self.order:
            clock.check(f"exact values of node {name!r} were being computed")
            operation = self.operation(name)
            if not isinstance(operation, Input):
                values[name] = self._value(name, operation, values, len(points))
            for source in set(self._operands[name]):
                left[source] -= 1
                if not left[source] and source not in kept:
                    del values[source]
        return {n: values[n] for n in kept}

    def input_values(self, points: RationalArray) -> dict[str, RationalArray]:
        """The value (batch, *shape) of each input node at flat points (batch, input_dim)."""
        values, start = {}, 0
        for name in self.inputs:
            size = math.prod(self._shapes[name])
            values[name] = points[:, start : start + size].reshape(len(points), *self._shapes[name])
            start += size
        return values

    def _value(self, name: str, operation: Operation, values: dict[str, RationalArray], batch: int) -> RationalArray:
        if not self._operands[name]:  # a constant
            value: RationalArray = operation.value  # type: ignore[attr-defined]
            return concatenate([value.reshape(1, *value.shape)] * batch)
        try:
            return operation.evaluate(*(values[o] for o in self._operands[name]))
        except ExactnnError as error:
            raise type(error)(f"node {name!r}: {error}") from None

    @helpful
    def gradient(self, points: Any, upstream: Any, *, at_kinks: str = "left") -> Gradient:
        """The derivatives of  sum_n u_n . f(x_n)  by all parameters, the inputs and the values of all nodes, exactly.

        Parameters
        ----------
        points : (n, input_dim), or n inputs of a network with one input
        upstream : u, (n, output_dim): dl/df(x_n) gives the gradient of a loss l
        at_kinks : "left", the slope on the left of each kink and the first of tied entries of a window, as torch's backward pass has
            them for ReLU, leaky ReLU, PReLU and max pooling; "beside", the gradient of one region beside the point; "refuse", AtKink

        Raises
        ------
        NotRational
            A smooth node, or a pole.
        AtKink, ShapeError, NotFiniteError, ArgumentError

        Examples
        --------
        >>> import exactnn as xn
        >>> net = xn.mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, "1/3"]], [0])])
        >>> found = net.gradient([[1, 1]], [[1]])
        >>> found.parameters["layer1"]["weight"].to_rows()
        ((Fraction(1, 1), Fraction(1, 1)), (Fraction(1, 3), Fraction(1, 3)))
        >>> found.inputs.to_fractions(), dict(found.kinks)
        ((Fraction(2, 1), Fraction(5, 3)), {})
        """
        from exactnn.network.gradient import gradient

        return gradient(self, points, upstream, at_kinks=at_kinks)

    def to_torch(self, dtype: Any = None) -> torch.nn.Module:
        """The network as a torch module (batch axis first); float64 unless `dtype` says otherwise. Weights are rounded to it."""
        from exactnn.floats.backend import to_torch

        return to_torch(self, dtype)


def nested(values: Sequence[Any], axes: Sequence[int]) -> Any:
    """The values, row-major, in tuples of these lengths; without axes the only one."""
    if not axes:
        return values[0]
    step = math.prod(axes[1:])
    return tuple(nested(values[i * step : (i + 1) * step], axes[1:]) for i in range(axes[0]))


def _kind(operation: Operation) -> str:
    return str(getattr(operation, "name", operation.kind))


def flat(values: Mapping[str, RationalArray], names: Sequence[str]) -> RationalArray:
    """The values (n, *shape) of these nodes beside each other, in rows (n, size of all)."""
    rows = [values[name].reshape(len(values[name]), -1) for name in names]
    return rows[0] if len(rows) == 1 else concatenate(rows, axis=1)


def _order(graph: nx.DiGraph[str]) -> tuple[str, ...]:
    """The order in which the nodes were added, if it is topological (a file's order is kept so); else a topological one."""
    place = {name: i for i, name in enumerate(graph)}
    if all(place[a] < place[b] for a, b in graph.edges):
        return tuple(graph)
    return tuple(nx.topological_sort(graph))


def add_node(graph: nx.DiGraph[str], name: str, operation: Operation, operands: Sequence[str]) -> None:
    """A node that reads these, in this order."""
    graph.add_node(name, operation=operation)
    for operand in dict.fromkeys(operands):
        graph.add_edge(operand, name, positions=tuple(i for i, o in enumerate(operands) if o == operand))


def free_name(name: str, *taken: Container[str]) -> str:
    """`name`, or the first of name_2, name_3, ... that is in none of these."""
    candidate, number = name, 1
    while any(candidate in names for names in taken):
        number += 1
        candidate = f"{name}_{number}"
    return candidate


class Builder:
    """Collects named operations, then makes a Network.

    Examples
    --------
    >>> from exactnn.network import Builder, Input, relu, Add
    >>> b = Builder()
    >>> x = b.add("x", Input((2,)))
    >>> twice = b.add("twice", Add(), x, x)
    >>> b.build([x], [b.add("y", relu(), twice)])([1, -1])
    (Fraction(2, 1), Fraction(0, 1))
    """

    def __init__(self) -> None:
        self._graph: nx.DiGraph[str] = nx.DiGraph()

    def add(self, name: str, operation: Operation, *operands: str) -> str:
        """Add a node that reads earlier nodes; returns its name."""
        if name in self._graph:
            raise NetworkError(f"node {name!r}: names are unique, this one is there already")
        missing = [o for o in operands if o not in self._graph]
        if missing:
            raise NetworkError(f"node {name!r}: operands are added before the nodes that read them; {missing} are not there")
        add_node(self._graph, name, operation, operands)
        return name

    def __contains__(self, name: object) -> bool:
        return name in self._graph

    def fresh(self, name: str) -> str:
        """`name`, or the first of name_2, name_3, ... that is free."""
        return free_name(name, self._graph)

    def build(self, inputs: Sequence[str], outputs: Sequence[str], *, source: Source | None = None, keep: Iterable[str] = ()) -> Network:
        """The network; nodes that no output depends on are left out, but for inputs and `keep`."""
        needed, todo = {*inputs, *keep}, [o for o in outputs if o in self._graph]
        found = set(todo)
        while todo:
            new = set(self._graph.predecessors(todo.pop())) - found
            found |= new
            todo.extend(new)
        needed |= found
        graph = self._graph.copy()
        graph.remove_nodes_from([n for n in self._graph if n not in needed])  # a subgraph view may have the order of the set
        return Network(graph, inputs, outputs, source=source)
