"""How a module can be multiplied by a factor from inside: which tensors of its computation may be scaled, and by which share.

Every tensor t of the trace gets a factor exp(s_t). A layer with weights goes from s to s' freely: W -> e^(s' - s) W, b -> e^s' b. What is
positively homogeneous keeps s; the operands of a sum share one s; the input, and what is read by anything else, has s = 0. Tensors that
share a factor are a group. With i the number of layers on the longest way from factor 1 to a group and L that through it to the output,

    s = (i/L) log tau,    tau^(i/L) on a chain of L layers (Cooling, cumulative)

References: docs/cooling.md; identities I9 to I12 and I18 there.
"""

from __future__ import annotations

import inspect
import operator
from fractions import Fraction
from typing import Any, NamedTuple

import networkx as nx
import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from exactnn.errors import UnsupportedOperation
from exactnn.nn._homogeneous import HOMOGENEOUS, KEEPING, METHODS, NORMS, SHAPES, SUM_METHODS, SUMS, WEIGHTED
from exactnn.nn._validation import evaluating
from exactnn.nn.era import ERA


class Layer(NamedTuple):
    """A module with weights, and the groups of its input and its output."""

    name: str
    module: nn.Module
    before: int
    after: int


class Scales:
    """The groups of a traced module.

    Attributes
    ----------
    layers : in the order of computation; layers whose groups have factor 1 are among them
    share : for each group the i/L of log tau; 0 for those of factor 1, 1 for the output
    """

    def __init__(self, module: nn.Module) -> None:
        walk = _Walk(module)
        group = _groups(walk.ties, walk.layers)
        self.output = group[walk.output]
        self.layers = [Layer(name, part, group[before], group[after]) for name, part, before, after in walk.layers]
        if self.output == _FIXED:
            raise UnsupportedOperation(
                f"{walk.last}: its output cannot be multiplied by a factor from inside, since no layer with weights follows; "
                'use redistribute="last", which multiplies the logits'
            )
        self.share = _shares(_ways(self.layers), self.output)

    @property
    def chain(self) -> list[Layer] | None:
        """The layers, if each has one group before it and one after it, all different, and none is an activation; else None."""
        ends = [_FIXED, *(layer.after for layer in self.layers)]
        alone = len(set(ends)) == len(ends) and all(layer.before == end for layer, end in zip(self.layers, ends, strict=False))
        return list(self.layers) if alone and not any(isinstance(x.module, (ERA, *NORMS)) for x in self.layers) else None


_FIXED = 0


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, ERA) or super().is_leaf_module(m, module_qualified_name)


class _Walk:
    """The tensors of the trace by number, tied where they share a factor; 0 stands for factor 1."""

    def __init__(self, module: nn.Module) -> None:
        module = _unwrapped(module)
        try:
            with evaluating(module):  # the function that is kept
                graph = _Tracer().trace(module, concrete_args=_defaults(module))
        except Exception as reason:  # whatever the user's own code raises under tracing
            raise UnsupportedOperation(
                f"model: its forward cannot be traced by torch.fx ({type(reason).__name__}: {reason}), so that factors cannot be moved "
                'into its layers; use redistribute="last", which multiplies the logits of any model'
            ) from reason
        self.ties: nx.Graph[int] = nx.Graph()
        self.ties.add_node(_FIXED)
        self.layers: list[Layer] = []
        self.last = "model"
        self._of: dict[fx.Node, int | None] = {}  # None for what is no tensor of values
        self._modules = dict(module.named_modules())
        self._uses = _uses(graph, self._modules)
        self.output = _FIXED
        for node in graph.nodes:
            self._of[node] = self._visit(node)

    def _join(self, a: int, b: int) -> int:
        self.ties.add_edge(a, b)
        return a

    def _new(self) -> int:
        found = len(self.ties)
        self.ties.add_node(found)
        return found

    def _visit(self, node: fx.Node) -> int | None:
        if node.op in ("placeholder", "get_attr"):
            return _FIXED
        if node.op == "output":
            (last,) = node.args
            if not isinstance(last, fx.Node):
                raise UnsupportedOperation(f"model: one tensor of logits is needed as its output, got {type(last).__name__}")
            self.output, self.last = self._of[last] or _FIXED, str(last.target)
            return None
        groups = [self._of[n] for n in node.all_input_nodes]
        read = [g for g in groups if g is not None]
        if node.op == "call_module":
            return self._module(node, self._modules[str(node.target)], read)
        return self._operation(node, read)

    def _module(self, node: fx.Node, module: nn.Module, read: list[int]) -> int:
        name = str(node.target)
        weighted = isinstance(module, (ERA, *WEIGHTED, *NORMS))
        if weighted:
            self._once(name, module)
        if isinstance(module, ERA):
            self.layers.append(Layer(name, module, read[0], read[0]))
            return read[0]
        if isinstance(module, NORMS):
            self._join(read[0], _FIXED)
            if getattr(module, "weight", None) is None:
                return _FIXED
        if weighted:
            after = self._new()
            self.layers.append(Layer(name, module, read[0], after))
            return after
        return read[0] if isinstance(module, HOMOGENEOUS) else self._fixed(read)

    def _operation(self, node: fx.Node, read: list[int]) -> int | None:
        target: Any = node.target
        method = node.op == "call_method"
        if (method and target in SHAPES) or (target is getattr and node.args[1] == "shape"):
            return None
        if not read:
            return None
        if (target in METHODS) if method else (target in KEEPING):
            return read[0]
        if (target in SUM_METHODS) if method else (target in SUMS):
            return self._sum(node, read)
        if target in (operator.mul, operator.truediv, torch.mul, torch.div) and len(read) == 1 and _by_a_number(node):
            return read[0]
        return self._fixed(read)

    def _sum(self, node: fx.Node, read: list[int]) -> int:
        found = read[0]
        for other in read[1:]:
            found = self._join(found, other)
        operands = () if isinstance(node.args[0], (tuple, list)) else (*node.args[:2], node.kwargs.get("other", 0))
        # what is no tensor of the computation (a number, a size, a tensor made from sizes) does not grow with the rest
        constant = any(isinstance(a, (int, float)) and a != 0 for a in operands)
        constant |= any(self._of[n] is None for n in node.all_input_nodes)
        return self._join(found, _FIXED) if constant else found

    def _fixed(self, read: list[int]) -> int:
        for g in read:
            self._join(g, _FIXED)
        return _FIXED

    def _once(self, name: str, module: nn.Module) -> None:
        if parametrize.is_parametrized(module):
            raise UnsupportedOperation(
                f"{name}: its weights are computed from others (parametrisation), so that no factor can be put into them"
            )
        for part in ("weight", "bias"):
            value = getattr(module, part, None)
            if value is not None and not isinstance(value, nn.Parameter):
                raise UnsupportedOperation(
                    f"{name}.{part}: it is computed from other parameters in each run (weight_norm, spectral_norm, prune, ...), so that no "
                    'factor can be put into it; use redistribute="last"'
                )
        for part, parameter in module.named_parameters(recurse=False):
            others = [place for place in self._uses[id(parameter)] if place != f"{name}.{part}"]
            if len(self._uses[id(parameter)]) > 1:
                also = f" (also as {others[0]})" if others else ""
                raise UnsupportedOperation(f"{name}.{part}: it is used twice{also}, so that its factors would have to agree")


def _unwrapped(module: nn.Module) -> nn.Module:
    """The module that was compiled, or is run in parallel; its parameters are those of the wrapper."""
    inner = (
        module.module if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)) else getattr(module, "_orig_mod", None)
    )
    return _unwrapped(inner) if isinstance(inner, nn.Module) else module


def _defaults(module: nn.Module) -> dict[str, Any]:
    """What forward has beside its input, which a run on one tensor leaves as it is."""
    given = list(inspect.signature(module.forward).parameters.values())[1:]
    return {p.name: p.default for p in given if p.default is not p.empty}


def _uses(graph: fx.Graph, modules: dict[str, nn.Module]) -> dict[int, list[str]]:
    """Where the computation reads each parameter."""
    found: dict[int, list[str]] = {}
    for node in graph.nodes:
        name = str(node.target)
        if node.op == "call_module":
            for part, parameter in modules[name].named_parameters():
                found.setdefault(id(parameter), []).append(f"{name}.{part}")
        elif node.op == "get_attr":
            place, _, part = name.rpartition(".")
            found.setdefault(id(getattr(modules[place], part)), []).append(f"{name} by itself")
    return found


def _by_a_number(node: fx.Node) -> bool:
    if len(node.args) != 2 or node.kwargs:  # division may round
        return False
    first, second = node.args
    return isinstance(second, (int, float)) or (node.target is operator.mul and isinstance(first, (int, float)))


def _groups(ties: nx.Graph[int], layers: list[Layer]) -> dict[int, int]:
    """The least tensor of the group of each; groups on a cycle of layers (around a residual join) are one: factors would rise along it."""
    tied = {n: min(part) for part in nx.connected_components(ties) for n in part}
    ways = _ways([layer._replace(before=tied[layer.before], after=tied[layer.after]) for layer in layers])
    ways.add_nodes_from(tied.values())
    joined = {n: min(part) for part in nx.strongly_connected_components(ways) for n in part}
    return {n: joined[group] for n, group in tied.items()}


def _ways(layers: list[Layer]) -> nx.DiGraph[int]:
    """From group to group by a layer that may change the factor: not to factor 1, nor from a group to itself."""
    return nx.DiGraph((layer.before, layer.after) for layer in layers if layer.after not in (_FIXED, layer.before))


def _shares(ways: nx.DiGraph[int], output: int) -> dict[int, Fraction]:
    before, behind = _longest(ways, _FIXED), _longest(ways.reverse(), output)
    reached = before.keys() & behind.keys()
    return {_FIXED: Fraction(0)} | {
        g: Fraction(before[g], before[g] + behind[g]) if g in reached else Fraction(0) for g in ways if g != _FIXED
    }


def _longest(ways: nx.DiGraph[int], start: int) -> dict[int, int]:
    """The number of steps of the longest way from the start to each group that can be reached; there are no cycles."""
    found = {start: 0}
    for a in nx.topological_sort(ways):
        if a in found:
            found |= {b: max(found.get(b, 0), found[a] + 1) for b in ways[a]}
    return found
