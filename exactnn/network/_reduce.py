"""Taking neurons out of a network without changing its function: multiples merged, constants folded, dead ones dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError, NotRational
from exactnn.exact.array import RationalArray, concatenate
from exactnn.network._proportional import classes
from exactnn.network._witness import ConstantNeuron, ConstantsFolded, Dropped, Merged, MergedLayer, ReducedLayer
from exactnn.network.activation_facts import value_at_zero
from exactnn.network.activations import Activation, Smooth
from exactnn.network.edit import Draft, replaced
from exactnn.network.graph import Network
from exactnn.network.neurons import Layer, Layout, columns, layer_at, rows, taken, with_columns
from exactnn.network.operations import Affine, Constant, Operation
from exactnn.network.poles import may_have_pole
from exactnn.network.windows import Conv


def merge(net: Network) -> tuple[Network, Merged]:
    """See `exactnn.network.rewrite.merge_neurons`."""
    done: list[MergedLayer] = []
    for name in net.hidden_layers:
        layer = _layer(net, name)
        if layer is None:
            continue
        found = classes(net, layer)
        ends = list(dict.fromkeys(net.operands(s)[0] for s in layer.sinks))
        groups: dict[object, list[int]] = {}
        for i in range(layer.count):
            groups.setdefault(tuple(found[e][i][0] for e in ends), []).append(i)
        if len(groups) == layer.count or not ends:
            continue
        kept = [g[0] for g in groups.values()]
        try:
            changed = taken(net, layer, kept)
        except ArgumentError:
            continue
        for sink in layer.sinks:
            changed[sink] = _added_columns(net, layer, sink, list(groups.values()), [f for _, f in found[net.operands(sink)[0]]])
        for node in _activations(net, layer):
            factors = [f for _, f in found[node]]
            done.append(MergedLayer(node, tuple(tuple((i, factors[i] / factors[g[0]]) for i in g) for g in groups.values())))
        net = replaced(net, changed)
    return _needed(net, done), Merged(tuple(done))


def _needed(net: Network, done: Sequence[object]) -> Network:
    """Without nodes that no output depends on, if anything was done."""
    return Draft(net).network() if done else net


def _added_columns(net: Network, layer: Layer, sink: str, groups: list[list[int]], factors: list[Fraction]) -> Operation:
    """Outgoing weights of each group: the sum of its members' weights times their factors relative to the first."""
    operand = net.operands(sink)[0]
    shape, layout, operation = net.shape(operand), layer.layouts[operand], net.operation(sink)
    table = columns(operation, shape, layout)
    parts, index = [table], []
    for group in groups:
        if len(group) == 1:
            index.append(group[0])
            continue
        ratios = RationalArray.from_fractions((factors[i] / factors[group[0]] for i in group), (1, len(group)))
        index.append(layer.count + len(parts) - 1)
        parts.append(ratios @ table[np.array(group)])
    return with_columns(operation, shape, layout, concatenate(parts)[np.array(index)])


def fold_constants(net: Network) -> tuple[Network, ConstantsFolded]:
    """See `exactnn.network.rewrite.fold_constant_neurons`."""
    done: list[ReducedLayer] = []
    constants: list[tuple[ConstantNeuron, ...]] = []
    for name in net.hidden_layers:
        layer = _layer(net, name)
        if layer is None:
            continue
        weight, _ = rows(net.operation(layer.source), layer.layouts[layer.source])
        candidates = np.flatnonzero(~weight.nonzero().any(axis=1)).tolist()
        found = _constant_values(net, layer, candidates)
        if found is None:
            continue
        chosen, values, added = found
        kept = [i for i in range(layer.count) if i not in set(chosen)]
        sinks: dict[str, Operation] = {}
        for sink, vector in added.items():
            operation = net.operation(sink)
            assert isinstance(operation, (Affine, Conv))
            sinks[sink] = replace(operation, bias=operation.bias + vector)
        reduced = _without(net, layer, kept, sinks)
        if reduced is None:
            continue
        for node in _activations(net, layer):
            table = values[node].reshape(layer.layouts[node].outer, len(chosen), -1).transpose(1, 0, 2).reshape(len(chosen), -1)
            done.append(ReducedLayer(node, tuple(kept)))
            constants.append(tuple(ConstantNeuron(i, _single(table[k])) for k, i in enumerate(chosen)))
        net = reduced
    return _needed(net, done), ConstantsFolded(tuple(done), tuple(constants))


def _constant_values(
    net: Network, layer: Layer, chosen: list[int]
) -> tuple[list[int], dict[str, RationalArray], dict[str, RationalArray]] | None:
    """Those of the constant neurons that can be folded, their values at each node, and what they add to each sink's bias."""
    if not chosen:
        return None
    try:
        operations = taken(net, layer, chosen)
    except ArgumentError:
        return None
    values: dict[str, RationalArray] = {}
    for node in layer.layouts:
        operation = operations[node]
        if node == layer.source:
            shape = net.shape(net.operands(node)[0])
            values[node] = operation.evaluate(RationalArray.zeros((1, *shape)))
            continue
        operands = [values[o] for o in net.operands(node)]
        if isinstance(operation, Smooth):
            at_zero = value_at_zero(operation)
            live = _live(operands[0], layer.layouts[node], len(chosen))
            if at_zero is None or live.any():  # an irrational value
                rest = [i for i, is_live in zip(chosen, live, strict=True) if not is_live]
                return _constant_values(net, layer, rest if at_zero is not None else [])
            values[node] = RationalArray.zeros(operands[0].shape) + at_zero
            continue
        try:
            values[node] = operation.evaluate(*operands)
        except NotRational:
            return None
    added: dict[str, RationalArray] = {}
    ends = {s: values[net.operands(s)[0]] for s in layer.sinks}
    for sink, value in ends.items():
        operation = operations[sink]
        assert isinstance(operation, (Affine, Conv))
        bare = replace(operation, bias=operation.bias * 0)
        result, width = bare.evaluate(value)[0], operation.bias.shape[0]
        table = result.reshape(-1, width) if isinstance(operation, Affine) else result.reshape(width, -1).T
        if (table.numerators != table.numerators[:1]).any():  # a padding, say: only neurons of value 0 can go
            live = np.zeros(len(chosen), dtype=bool)
            for s, v in ends.items():
                live |= _live(v, layer.layouts[net.operands(s)[0]], len(chosen))
            rest = [i for i, is_live in zip(chosen, live, strict=True) if not is_live]
            return _constant_values(net, layer, rest) if len(rest) < len(chosen) else None
        added[sink] = table[0]
    return chosen, values, added


def _live(value: RationalArray, layout: Layout, count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which neurons have an entry that is not 0."""
    return np.asarray(value.nonzero().reshape(layout.outer, count, layout.inner).any(axis=(0, 2)))


def drop_dead(net: Network) -> tuple[Network, Dropped]:
    """See `exactnn.network.rewrite.drop_dead_neurons`."""
    done: list[ReducedLayer] = []
    gone: list[tuple[int, ...]] = []
    for name in reversed(net.hidden_layers):
        layer = _layer(net, name)
        if layer is None or any(may_have_pole(net.operation(n)) for n in layer.layouts):
            continue
        read = np.zeros(layer.count, dtype=bool)
        for sink in layer.sinks:
            operand = net.operands(sink)[0]
            read |= columns(net.operation(sink), net.shape(operand), layer.layouts[operand]).nonzero().any(axis=1)
        if read.all():
            continue
        kept = np.flatnonzero(read).tolist()
        reduced = _without(net, layer, kept, {})
        if reduced is None:
            continue
        for node in _activations(net, layer):
            done.append(ReducedLayer(node, tuple(kept)))
            gone.append(tuple(np.flatnonzero(~read).tolist()))
        net = reduced
    return _needed(net, done), Dropped(tuple(done), tuple(gone))


def _without(net: Network, layer: Layer, kept: list[int], sinks: Mapping[str, Operation]) -> Network | None:
    """The network with these neurons only and these sinks (their weights still for all neurons); None where that is not possible.

    Without any neuron left, a sink becomes the affine map of weight zero on what the layer read, or a constant, with which goes all
    that only the layer read; not if a node with a pole would go, as that would enlarge the set where the network is defined.
    """
    if kept:
        try:
            return replaced(net, {**taken(replaced(net, sinks), layer, kept)})
        except ArgumentError:
            return None
    draft = Draft(net)
    operand = net.operands(layer.source)[0]
    shape = net.shape(operand)
    for sink in layer.sinks:
        operation = sinks.get(sink, net.operation(sink))
        assert isinstance(operation, (Affine, Conv))
        after = net.shape(sink)
        if isinstance(operation, Affine) and shape and shape[:-1] == after[:-1]:
            draft.put(sink, Affine(RationalArray.zeros((after[-1], shape[-1])), operation.bias), operand)
        else:
            bias = operation.bias
            if isinstance(operation, Conv):
                bias = bias.reshape(-1, *(1,) * (len(after) - 1))
            draft.put(sink, Constant(RationalArray.zeros(after) + bias))
    gone = (n for n in net.order if n not in draft.operations and n not in layer.layouts)
    return None if any(may_have_pole(net.operation(n)) for n in gone) else draft.network()


def _layer(net: Network, name: str) -> Layer | None:
    """The layer of an activation, if its neurons can be told apart and lie in weights."""
    if name not in net.graph:
        return None
    try:
        layer = layer_at(net, name)
    except ArgumentError:
        return None
    return layer if isinstance(net.operation(layer.source), (Affine, Conv)) else None


def _activations(net: Network, layer: Layer) -> Iterator[str]:
    return (n for n in layer.layouts if isinstance(net.operation(n), Activation))


def _single(values: RationalArray) -> Fraction | None:
    numbers = set(values.to_fractions())
    return numbers.pop() if len(numbers) == 1 else None
