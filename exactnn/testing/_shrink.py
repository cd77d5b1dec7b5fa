"""From a model that fails to a small one that fails in the same way: fewer neurons, inputs and outputs, then small integers.

Hypothesis finds the first failure. It would shrink the choices that a strategy made; here the model itself is made smaller, which takes a
few dozen trials where choices take hundreds, and works for models that no strategy drew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

from exactnn.errors import ExactnnError
from exactnn.exact.array import RationalArray
from exactnn.network import Activation, Affine, Conv, Input, Network, mlp
from exactnn.network.edit import Draft, replaced
from exactnn.network.neurons import layer_at, taken
from exactnn.testing._code import dense_chain

#: a step gives smaller models, of which the first one that still fails is taken
Step = Callable[[Any], Iterator[Any]]


def shrunk(model: Any, steps: tuple[Step, ...], fails: Callable[[Any], bool], until: float) -> Any:
    """The smallest model that the steps lead to and that fails, by the time `until` (of time.monotonic)."""
    while True:
        before = model
        for step in steps:
            model = _by(step, model, fails, until)
        if model is before or time.monotonic() > until:
            return model


def _by(step: Step, model: Any, fails: Callable[[Any], bool], until: float) -> Any:
    tried = 0  # candidates that do not fail; those before them did not when the model was larger
    while True:
        for number, candidate in enumerate(step(model)):
            if number < tried:
                continue
            if time.monotonic() > until:
                return model
            if fails(candidate):
                model, tried = candidate, max(number - 1, 0)
                break
        else:
            return model


# --- networks -----------------------------------------------------------------------------------------------------------------


def fewer_neurons(net: Network) -> Iterator[Network]:
    """A neuron, or channel, of a hidden layer left out; first all but one of them."""
    for name in net.hidden_layers:
        try:
            layer = layer_at(net, name)
        except ExactnnError:  # its neurons reach an addition, say
            continue
        for kept in choices(layer.count):
            try:
                yield replaced(net, taken(net, layer, kept))
            except ExactnnError:
                break


def choices(count: int) -> Iterator[list[int]]:
    """Which of so many neurons may be left: each one alone, then all but one."""
    if count > 2:
        yield from ([i] for i in range(count))
    if count > 1:
        yield from ([i for i in range(count) if i != gone] for gone in range(count))


def fewer_outputs(net: Network) -> Iterator[Network]:
    """One output of the last affine map alone."""
    net = Draft(net).network()  # nodes that nothing needs may read them all
    last = net.outputs[0]
    operation = net.operation(last)
    if len(net.outputs) == 1 and isinstance(operation, Affine) and len(operation.bias) > 1:
        for i in range(len(operation.bias)):
            yield replaced(net, {last: Affine(operation.weight[i : i + 1], operation.bias[i : i + 1])})


def fewer_inputs(net: Network) -> Iterator[Network]:
    """An input left out where only affine maps read it."""
    first, size = net.inputs[0], net.input_dim
    readers = net.consumers(first)
    if len(net.inputs) > 1 or len(net.shape(first)) > 1 or not all(isinstance(net.operation(n), Affine) for n in readers):
        return
    for gone in range(size if size > 1 else 0):
        kept = [j for j in range(size) if j != gone]
        changed: dict[str, Any] = {first: Input((size - 1,))}
        for name in readers:
            operation = net.operation(name)
            assert isinstance(operation, Affine)
            changed[name] = Affine(operation.weight[:, kept], operation.bias)
        yield replaced(net, changed)


def smaller_square(net: Network) -> Iterator[Network]:
    """An input and a neuron of the first layer left out together where there are as many of both, so that the layer stays square."""
    if net.hidden_layers and net.shape(net.hidden_layers[0]) == (net.input_dim,):
        for smaller in fewer_neurons(net):
            if net.shape(net.hidden_layers[0]) != smaller.shape(smaller.hidden_layers[0]):
                yield from fewer_inputs(smaller)


def fewer_nodes(net: Network) -> Iterator[Network]:
    """A node left out whose value has the shape of what it reads: a layer with its unit, or a pooling, a norm, a sum.

    Units alone stay, and so does the last one: what a strategy draws has some, and a transformation may count on them.
    """
    for name in net.order:
        operation = net.operation(name)
        start = net.operands(name)[0] if net.operands(name) else ""
        if isinstance(operation, Activation):
            start = net.operands(start)[0] if len(net.hidden_layers) > 1 and net.operands(start) else ""
        elif isinstance(operation, (Affine, Conv)):
            continue
        if start and net.shape(start) == net.shape(name):
            made = _without(net, name, start)
            if made is not None:
                yield tidy(made)


def tidy(net: Network) -> Network:
    """A dense chain with the names that `mlp` gives, which is shorter to write; else the network itself."""
    chain = dense_chain(net)
    return net if chain is None else mlp(*chain)


def _without(net: Network, name: str, start: str) -> Network | None:
    draft = Draft(net)
    draft.bypass(name, start)
    try:
        return draft.network() if not set(draft.outputs) & set(net.inputs) else None
    except ExactnnError:
        return None


def simpler_numbers(net: Network) -> Iterator[Network]:
    """A whole tensor 0, then each number of it a simpler one."""
    for name in net.order:
        operation: Any = net.operation(name)
        for field in fields(operation):
            array = getattr(operation, field.name)
            if not isinstance(array, RationalArray) or field.name in ("index", "variance"):
                continue
            for simpler in simpler_lists(array.to_fractions()):
                yield replaced(net, {name: replace(operation, **{field.name: RationalArray.from_fractions(simpler, array.shape)})})


def simpler_lists(values: Sequence[Fraction]) -> Iterator[list[Fraction]]:
    """Zeros alone if there is more than one other number, then the list with one number simpler."""
    if sum(map(bool, values)) > 1:
        yield [Fraction(0)] * len(values)
    for i, q in enumerate(values):
        for simple in simpler_values(q):
            yield [*values[:i], simple, *values[i + 1 :]]


def simpler_values(q: Fraction) -> Iterator[Fraction]:
    """Numbers to try instead of q, the simplest one first; each takes fewer digits, or is smaller or positive.

    Examples
    --------
    >>> [str(q) for q in simpler_values(Fraction(-7, 3))]
    ['0', '1', '-1', '2', '-2']
    """
    tried = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(int(q)), Fraction(round(8 * q), 8))
    for other in dict.fromkeys(tried):
        if _digits(other) < _digits(q):
            yield other


def _digits(q: Fraction) -> tuple[int, int, bool]:
    return q.numerator.bit_length() + 2 * q.denominator.bit_length(), abs(q.numerator), q < 0


NETWORK_STEPS: tuple[Step, ...] = (fewer_neurons, fewer_nodes, fewer_outputs, fewer_inputs, smaller_square, simpler_numbers)
