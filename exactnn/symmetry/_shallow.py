"""A network with one hidden layer, as the question about its fibre sees it:  f(x) = c + sum_i a_i phi(w_i . x + b_i).

phi is of one of three families (docs/theory.md 5, 8, 13):

    homogeneous   phi(t) = q t + p max(t, 0), p != 0: relu, leaky_relu, abs  phi(L t) = L phi(t), L > 0; phi(t) - phi(-t) = r t, r = p + 2 q
    mirror        softplus, silu, gelu                                       phi(t) - phi(-t) = t, r = 1; no scaling
    odd           tanh, sigmoid                                              phi(-t) = -phi(t), or 1 - phi(t)

Two neurons are of one **class** if their (w, b) agree up to sign and, for homogeneous phi, up to a factor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import networkx as nx
import numpy as np

from exactnn.errors import ExactnnError, NotOneHiddenLayer, NotRational
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import clock_in_force
from exactnn.network import Affine, Builder, Input, Network, PiecewiseLinear, Smooth, check_network
from exactnn.network.activations import PRelu
from exactnn.network.neurons import layer_at
from exactnn.network.operations import Constant, Operation
from exactnn.network.rewrite import fold_affine
from exactnn.symmetry.transformations import Flip

_ENTRIES = 40_000_000
_HOMOGENEOUS, _MIRROR, _ODD = "homogeneous", "mirror", "odd"
_MIRROR_FUNCTIONS, _ODD_FUNCTIONS = ("softplus", "silu", "gelu"), ("tanh", "sigmoid")

Class = tuple[tuple[int, ...], int]


@dataclass(frozen=True, eq=False)
class Shallow:
    """f(x) = c + sum_i a_i phi(w_i . x + b_i).

    Attributes
    ----------
    net : the network given
    weight : matrix (n, d) whose rows are the w_i
    bias : vector (n) of the b_i
    outgoing : matrix (m, n) whose columns are the a_i
    constant : vector (m), c
    activation : the operation phi
    family : "homogeneous", "mirror" or "odd"
    jump : p, for homogeneous phi; else 1
    ratio : r of phi(t) - phi(-t) = r t; 0 for odd phi, where a flip changes no slope
    """

    net: Network
    weight: RationalArray
    bias: RationalArray
    outgoing: RationalArray
    constant: RationalArray
    activation: Operation
    family: str
    jump: Fraction
    ratio: Fraction

    @property
    def width(self) -> int:
        """n, the number of neurons."""
        return len(self.weight)

    @cached_property
    def dead(self) -> tuple[int, ...]:
        """The neurons with a_i = 0."""
        return tuple(np.flatnonzero(~self.outgoing.nonzero().any(axis=0)).tolist())

    @cached_property
    def constants(self) -> tuple[int, ...]:
        """The neurons with w_i = 0."""
        return tuple(np.flatnonzero(~self.weight.nonzero().any(axis=1)).tolist())

    @cached_property
    def _rows(self) -> tuple[list[Class | None], list[int], list[Fraction]]:
        """For each neuron its class, (u, v) with a denominator, its sign e_i and factor L_i: (w_i, b_i) = e_i L_i (u, v)."""
        w = self.weight.numerators.astype(object) * (self.bias.denominator)
        b = self.bias.numerators.astype(object) * (self.weight.denominator)
        denominator = self.weight.denominator * self.bias.denominator
        rows = np.concatenate([w, b.reshape(-1, 1)], axis=1) if self.width else np.zeros((0, 0), dtype=object)
        live = self.weight.nonzero()
        classes: list[Class | None] = []
        signs, factors = [], []
        clock = clock_in_force()
        for i in range(self.width):
            clock.check(f"the classes of neurons were being found, {i} of {self.width} done")
            if not live[i].any():
                classes.append(None)
                signs.append(1)
                factors.append(Fraction(1))
                continue
            sign = 1 if rows[i, int(live[i].argmax())] > 0 else -1
            whole = math.gcd(*rows[i].tolist())
            plane = tuple((sign * rows[i] // whole).tolist())
            factor = Fraction(whole, denominator)
            scaled = self.family == _HOMOGENEOUS
            classes.append((plane, 1) if scaled else (tuple(n * factor.numerator for n in plane), factor.denominator))
            signs.append(sign)
            factors.append(factor if scaled else Fraction(1))
        return classes, signs, factors

    @property
    def classes(self) -> list[Class | None]:
        """(u_1, ..., u_d, v) as integers and their denominator, by neuron; None for w_i = 0."""
        return self._rows[0]

    @property
    def signs(self) -> list[int]:
        """e_i, by neuron."""
        return self._rows[1]

    @property
    def factors(self) -> list[Fraction]:
        """L_i, by neuron."""
        return self._rows[2]

    @cached_property
    def members(self) -> dict[Class, list[int]]:
        """The neurons of each class."""
        found: dict[Class, list[int]] = {}
        for i, c in enumerate(self.classes):
            if c is not None:
                found.setdefault(c, []).append(i)
        return found

    @cached_property
    def not_reduced(self) -> tuple[str, ...]:
        """What keeps the weights from being reduced (a_i != 0, w_i != 0, pairwise distinct classes), in words; empty if they are."""
        found = [f"neuron {i} has no outgoing weight (dead)" for i in self.dead]
        found += [f"neuron {i} has no incoming weight (constant)" for i in self.constants]
        for neurons in self.members.values():
            if len(neurons) > 1:
                on = "one hyperplane" if self.family == _HOMOGENEOUS else "one class (equal incoming weights up to sign)"
                found.append(f"neurons {', '.join(map(str, neurons))} are on {on}")
        return tuple(found)

    def with_layer(self, weight: RationalArray, bias: RationalArray, outgoing: RationalArray, constant: RationalArray) -> Network:
        """The network c + sum_i a_i phi(w_i . x + b_i) with other weights, and the same activation."""
        builder = Builder()
        operation = self.activation
        if isinstance(operation, PRelu):
            operation = PiecewiseLinear.of(self.activation_slope, 0, [(0, self.jump)])
        name = builder.add("input", Input((self.weight.shape[1],)))
        name = builder.add("layer1", Affine(weight, bias), name)
        name = builder.add("activation", operation, name)
        return builder.build(["input"], [builder.add("layer2", Affine(outgoing, constant), name)])

    @cached_property
    def by_rows(self) -> bool:
        """Whether the neurons, entries of the activation, are those that transformations of the network's one hidden layer number."""
        try:
            (name,) = self.net.hidden_layers
            layer = layer_at(self.net, name)
        except (ValueError, ExactnnError):
            return False
        layout = layer.layouts[name]
        return layer.count == self.width and layout.outer == layout.inner == 1

    def flipped(self, neurons: Sequence[int]) -> Network:
        """(a, w, b) -> (a, -w, -b) for these neurons, c -> c + r sum a b: the network itself, flipped, or one with these weights."""
        if not neurons:
            return self.net
        if self.by_rows:
            return Flip(neurons).apply(self.net)
        signs = np.ones(self.width, dtype=np.int64)
        signs[list(neurons)] = -1
        turned = RationalArray(signs)
        moved = self.outgoing[:, list(neurons)] @ self.bias[list(neurons)] * self.ratio
        return self.with_layer(self.weight * turned.reshape(-1, 1), self.bias * turned, self.outgoing, self.constant + moved)

    def with_function(self, weight: RationalArray, bias: RationalArray, outgoing: RationalArray) -> Network:
        """The network with these weights and the constant for which it has the value of f at 0, if it has the slopes and jumps of f.

        c + sum over w_i = 0 of a_i phi(b_i) + r times the sum of a_i b_i over the negative sides is the same for both.
        """
        constant = self.constant + self._turned(self.weight, self.bias, self.outgoing) - self._turned(weight, bias, outgoing)
        for i in self.constants:
            b = self.bias[i].item()
            if i in self.dead:
                continue
            if self.family != _HOMOGENEOUS:
                raise NotRational(f"network: constant neuron {i} has an irrational value, which no rational constant can replace")
            constant = constant + self.outgoing[:, i] * (self.activation_slope * b + self.jump * max(b, Fraction(0)))
        return self.with_layer(weight, bias, outgoing, constant)

    def _turned(self, weight: RationalArray, bias: RationalArray, outgoing: RationalArray) -> RationalArray:
        live = weight.nonzero()
        negative = [i for i in range(len(weight)) if live[i].any() and int(weight.numerators[i, int(live[i].argmax())]) < 0]
        if not negative:
            return RationalArray.zeros((len(outgoing),))
        return outgoing[:, negative] @ bias[negative] * self.ratio

    @property
    def activation_slope(self) -> Fraction:
        """q, for homogeneous phi."""
        return (self.ratio - self.jump) / 2


def shallow(net: Network, question: str) -> Shallow:
    """The layers of a network with one hidden layer, affine nodes composed exactly.

    Raises
    ------
    ArgumentError, NotOneHiddenLayer
        Naming the question that cannot be asked, and what can be asked instead.
    """
    check_network(net)
    folded = fold_affine(net).network
    hidden = [n for n in folded.order if not folded.operation(n).is_affine and n not in folded.inputs and not _is_affine(folded, n)]
    if len(hidden) != 1:
        what = f"one with {len(hidden)} layers of activations" if hidden else "an affine map without hidden neurons"
        raise NotOneHiddenLayer(
            f"{question}: a network with one hidden layer is needed, got {what}; "
            "for other networks ask verify_equal, verify_symmetry, or symmetry.align"
        )
    (name,) = hidden
    family, jump, ratio = _family(folded.operation(name), question)
    weight, bias, outgoing, constant = _affine_parts(folded, name, question)
    return Shallow(net, weight, bias, outgoing, constant, folded.operation(name), family, jump, ratio)


def _is_affine(net: Network, name: str) -> bool:
    operation = net.operation(name)
    return isinstance(operation, Constant) or (isinstance(operation, PiecewiseLinear) and not operation.kinks)


def _family(operation: Operation, question: str) -> tuple[str, Fraction, Fraction]:
    """Family, p, r."""
    if isinstance(operation, PRelu):
        slopes = set(operation.slopes.to_fractions())
        if len(slopes) == 1 and slopes != {Fraction(1)}:
            (q,) = slopes
            return _HOMOGENEOUS, 1 - q, 1 + q
    elif isinstance(operation, PiecewiseLinear):
        if len(operation.kinks) == 1 and operation.kinks[0][0] == 0 and not operation.constant:
            p = operation.kinks[0][1]
            return _HOMOGENEOUS, p, p + 2 * operation.slope
    elif isinstance(operation, Smooth):
        if operation.function in _MIRROR_FUNCTIONS:
            return _MIRROR, Fraction(1), Fraction(1)
        if operation.function in _ODD_FUNCTIONS:
            return _ODD, Fraction(1), Fraction(0)
    raise NotOneHiddenLayer(
        f"{question}: an activation with one kink at 0 (relu, leaky_relu, prelu with one slope, abs) or one of softplus, silu, gelu, tanh, "
        f"sigmoid is needed, got {getattr(operation, 'name', operation.kind)}; no theorem about the fibres of others is known here. "
        "Activations with several kinks become relu neurons by normal_form(net).to_network()"
    )


def _affine_parts(net: Network, name: str, question: str) -> tuple[RationalArray, RationalArray, RationalArray, RationalArray]:
    """W, b, A, c around the activation node."""
    (source,) = net.operands(name)
    (sink,) = net.outputs if len(net.outputs) == 1 else (None,)
    if sink is not None and net.consumers(name) == (sink,) and net.operands(source) == net.inputs and len(net.shape(net.inputs[0])) == 1:
        before, after = net.operation(source), net.operation(sink)
        if isinstance(before, Affine) and isinstance(after, Affine) and net.operands(sink) == (name,):
            return before.weight, before.bias, after.weight, after.bias
    n, d, m = math.prod(net.shape(name)), net.input_dim, net.output_dim
    if n * max(d, m) > _ENTRIES:
        raise NotOneHiddenLayer(f"{question}: a layer of at most {_ENTRIES} weights is needed, got {n} neurons of {d} inputs")
    moving, behind = set(net.inputs), {name}
    needed = {a for o in net.outputs for a in (o, *nx.ancestors(net.graph, o))}
    head, tail = Builder(), Builder()
    for node in net.order:
        operation, operands = net.operation(node), net.operands(node)
        if not moving.isdisjoint(operands):
            moving.add(node)
        if not behind.isdisjoint(operands):
            behind.add(node)
        if node not in behind:
            head.add(node, operation, *operands)
        if node == name:
            tail.add(name, Input(net.shape(name)))
        elif node in behind or node not in moving:
            if any(o in moving and o not in behind for o in operands) and node in needed:
                raise NotOneHiddenLayer(
                    f"{question}: a network that is affine behind its hidden layer is needed; node {node!r} skips the layer"
                )
            if all(o in tail for o in operands):
                tail.add(node, operation, *operands)
    if any(o in moving and o not in behind for o in net.outputs):
        raise NotOneHiddenLayer(f"{question}: a network all of whose outputs read the hidden layer is needed")
    weight, bias = _matrix(head.build(net.inputs, [source]))
    outgoing, constant = _matrix(tail.build([name], net.outputs))
    return weight, bias, outgoing, constant


def _matrix(net: Network) -> tuple[RationalArray, RationalArray]:
    """The affine map that a network is, from its values at 0 and at the unit vectors."""
    size = net.input_dim
    bias = net.evaluate(RationalArray.zeros((1, size)))[0]
    return (net.evaluate(RationalArray.eye(size)) - bias).T, bias
