"""Hypothesis strategies: small networks with degenerate weights, pairs of networks that are equal by construction, domains.

A `Shallow` is a network with one hidden layer as plain lists of Fractions, so that a test can change it without the package's own
transformations. `equal_pairs` and `deep_pairs` draw two different parameter lists of one function.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from exactnn import Box, Polyhedron
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Concat,
    Constant,
    Conv,
    Gather,
    Input,
    MaxPool,
    Network,
    PRelu,
    Reshape,
    Scale,
    Slice,
    Subtract,
    Transpose,
    activation,
)

Vector = tuple[Fraction, ...]
Rows = list[tuple[Vector, Fraction]]

TINY = Fraction(1, 2**60)
HOMOGENEOUS = ("relu", "leaky_relu(1/10)", "leaky_relu(-1/3)", "leaky_relu(2)", "abs")
PIECEWISE = (*HOMOGENEOUS, "relu6", "hardtanh", "clip(-1/2, 3)", "identity")
SMOOTH = ("tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus")


def law(examples: int) -> settings:
    """The settings of all laws here: no deadline, that many examples (times EXACTNN_EXAMPLES, for a longer hunt)."""
    return settings(deadline=None, max_examples=max(1, round(examples * float(os.environ.get("EXACTNN_EXAMPLES", "1")))))


def numbers() -> st.SearchStrategy[Fraction]:
    """Small rationals, some of them 2^-60 from others, some of them large."""
    usual = [0, 0, 1, 1, -1, -1, 2, -2, 3, "1/2", "-1/2", "1/3", "-2/3", "5/4"]
    rare = [TINY, -TINY, 1 + TINY, 2**70, Fraction(1, 10**30)]
    return st.sampled_from([Fraction(q) for q in usual * 3] + [Fraction(q) for q in rare])


def positives() -> st.SearchStrategy[Fraction]:
    """Positive factors."""
    return st.sampled_from([Fraction(q) for q in (1, 2, 3, "1/2", "2/3", "7/5", 2**40, TINY)])


# --- one hidden layer -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shallow:
    """c + sum_i a_i phi(w_i . x + b_i): rows (w_i, b_i), columns a_i, constants c; `unit` names phi, or gives a prelu's slopes."""

    inputs: int
    neurons: tuple[tuple[Vector, Fraction, Vector], ...]
    constants: Vector
    unit: str | Vector = "relu"

    def network(self) -> Network:
        builder = Builder()
        current = builder.add("input", Input((self.inputs,)))
        if not self.neurons:
            zero = RationalArray.zeros((len(self.constants), self.inputs))
            return builder.build(["input"], [builder.add("layer1", Affine(zero, RationalArray.of(self.constants)), current)])
        w, b, a = zip(*self.neurons, strict=True)
        current = builder.add("layer1", Affine(RationalArray.of(w), RationalArray.of(b)), current)
        unit = activation(self.unit) if isinstance(self.unit, str) else PRelu(RationalArray.of(self.unit))
        current = builder.add("unit1", unit, current)
        last = Affine(RationalArray.of(a).T, RationalArray.of(self.constants))
        return builder.build(["input"], [builder.add("layer2", last, current)])

    def kinks(self) -> list[Vector]:
        """The lines (w, b + shift) off which the function is affine."""
        shifts = {"relu6": (0, 6), "hardtanh": (-1, 1), "clip(-1/2, 3)": (Fraction(-1, 2), 3)}.get(str(self.unit), (0,))
        return [(*w, b - t) for w, b, _ in self.neurons for t in shifts]

    @property
    def mirror(self) -> Fraction | None:
        """r with phi(t) - phi(-t) = r t."""
        if self.unit in ("relu", "silu", "gelu", "gelu_tanh", "softplus"):
            return Fraction(1)
        if self.unit == "abs":
            return Fraction(0)
        if isinstance(self.unit, str) and self.unit.startswith("leaky"):
            return 1 + Fraction(self.unit[len("leaky_relu(") : -1])
        return Fraction(2) if self.unit == "identity" else None

    @property
    def homogeneous(self) -> bool:
        return not isinstance(self.unit, str) or self.unit in (*HOMOGENEOUS, "identity")


@st.composite
def rows(draw: st.DrawFn, inputs: int, count: int) -> list[tuple[Vector, Fraction]]:
    """(w, b): many are multiples, opposites, parallels of earlier ones, constant, concurrent, or 2^-60 beside an earlier one."""
    found: list[tuple[Vector, Fraction]] = []
    centre = tuple(draw(numbers()) for _ in range(inputs))
    for i in range(count):
        kind = draw(st.integers(0, 9 if i else 3))
        w, b = tuple(draw(numbers()) for _ in range(inputs)), draw(numbers())
        if kind == 2:
            w = (Fraction(0),) * inputs
        elif kind == 3:
            b = -sum((p * q for p, q in zip(w, centre, strict=True)), Fraction(0))
        elif kind >= 4:
            (old, base), factor = found[draw(st.integers(0, i - 1))], draw(positives())
            if kind == 4:
                w, b = tuple(q * factor for q in old), base * factor
            elif kind in (5, 6):
                w, b = tuple(-q * factor for q in old), -base * factor
            elif kind == 7:
                w = old
            elif kind == 8:
                w, b = old, base + TINY
            else:
                w, b = (old[0] + TINY, *old[1:]), base
        found.append((w, b))
    return found


@st.composite
def shallows(
    draw: st.DrawFn,
    inputs: st.SearchStrategy[int] | None = None,
    units: Sequence[str] = (*PIECEWISE, "prelu"),
    width: int = 5,
    outputs: int = 3,
) -> Shallow:
    """One hidden layer, degenerate in every way that `rows` knows."""
    d = draw(st.integers(1, 3) if inputs is None else inputs)
    m = draw(st.integers(1, outputs))
    count = draw(st.integers(0, width))
    unit: str | Vector = draw(st.sampled_from(units))
    if unit == "prelu":
        unit = tuple(draw(st.sampled_from([Fraction(q) for q in (0, 1, -1, "1/4", 2)])) for _ in range(count))
    made = draw(rows(d, count))
    neurons = tuple((w, b, tuple(draw(numbers()) for _ in range(m))) for w, b in made)
    return Shallow(d, neurons, tuple(draw(numbers()) for _ in range(m)), unit)


def permuted(f: Shallow, order: Sequence[int]) -> Shallow:
    """Neurons in another order."""
    unit = f.unit if isinstance(f.unit, str) else tuple(f.unit[i] for i in order)
    return replace(f, neurons=tuple(f.neurons[i] for i in order), unit=unit)


def flipped(f: Shallow, chosen: Sequence[int]) -> Shallow:
    """phi(t) = phi(-t) + r t for some neurons, the linear functions that are left written as pairs; for r != 0.

    sum_T a_i phi(l_i) = sum_T a_i phi(-l_i) + sum_j e_j L_j,  L_j = r sum_T a_ij (w_i x + b_i) = (phi(L_j) - phi(-L_j)) / r.
    """
    r, neurons = f.mirror, list(f.neurons)
    assert r is not None
    residue = [[Fraction(0)] * (f.inputs + 1) for _ in f.constants]
    for i in chosen:
        w, b, a = neurons[i]
        neurons[i] = (tuple(-q for q in w), -b, a)
        for line, own in zip(residue, a, strict=True):
            for k, q in enumerate((*w, b)):
                line[k] += r * own * q
    constants = list(f.constants)
    for j, (*slope, shift) in enumerate(residue):
        constants[j] += shift
        if any(slope):
            axis = tuple((1 / r if i == j else Fraction(0)) for i in range(len(constants)))
            neurons += [(tuple(slope), Fraction(0), axis), (tuple(-q for q in slope), Fraction(0), tuple(-q for q in axis))]
    return replace(f, neurons=tuple(neurons), constants=tuple(constants))


def scaled(f: Shallow, factors: Sequence[Fraction]) -> Shallow:
    """Incoming times a factor, outgoing divided."""
    neurons = tuple((tuple(s * q for q in w), s * b, tuple(q / s for q in a)) for (w, b, a), s in zip(f.neurons, factors, strict=True))
    return replace(f, neurons=neurons)


def split(f: Shallow, which: int, share: Vector) -> Shallow:
    """A neuron as two neurons with the same incoming weights; the second one gets the share."""
    w, b, a = f.neurons[which]
    rest = tuple(q - s for q, s in zip(a, share, strict=True))
    neurons = (*f.neurons[:which], (w, b, rest), *f.neurons[which + 1 :], (w, b, share))
    unit = f.unit if isinstance(f.unit, str) else (*f.unit, f.unit[which])
    return replace(f, neurons=neurons, unit=unit)


def with_constant_neuron(f: Shallow, bias: Fraction, out: Vector) -> Shallow:
    """One more neuron without incoming weights, its value taken off the constants; for piecewise linear units."""
    net = replace(f, neurons=(((Fraction(0),) * f.inputs, bias, out),), constants=(Fraction(0),) * len(out), unit=_first(f.unit)).network()
    level = net([0] * f.inputs)
    constants = tuple(c - q for c, q in zip(f.constants, level, strict=True))
    unit = f.unit if isinstance(f.unit, str) else (*f.unit, *_first(f.unit))
    return replace(f, neurons=(*f.neurons, ((Fraction(0),) * f.inputs, bias, out)), constants=constants, unit=unit)


def _first(unit: str | Vector) -> str | Vector:
    return unit if isinstance(unit, str) else (unit[:1] or (Fraction(1, 2),))


@st.composite
def equal_pairs(
    draw: st.DrawFn, inputs: st.SearchStrategy[int] | None = None, units: Sequence[str] = (*PIECEWISE, "prelu"), width: int = 4
) -> tuple[Shallow, Shallow]:
    """Two parameter lists of one function: neurons permuted, scaled, split, added dead or constant, flipped, linear pairs slid."""
    f = draw(shallows(inputs, units, width))
    g = f
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(("permute", "scale", "split", "dead", "constant", "flip", "slide")))
        count, out = len(g.neurons), tuple(draw(numbers()) for _ in g.constants)
        if kind == "permute" and count:
            g = permuted(g, draw(st.permutations(range(count))))
        elif kind == "scale" and g.homogeneous:
            g = scaled(g, [draw(positives()) for _ in range(count)])
        elif kind == "split" and count:
            g = split(g, draw(st.integers(0, count - 1)), out)
        elif kind == "dead" and isinstance(g.unit, str):
            ((w, b),) = draw(rows(g.inputs, 1))
            g = replace(g, neurons=(*g.neurons, (w, b, (Fraction(0),) * len(out))))
        elif kind == "constant" and g.unit not in SMOOTH:
            g = with_constant_neuron(g, draw(numbers()), out)
        elif kind == "flip" and g.homogeneous and g.mirror:
            g = flipped(g, sorted(draw(st.sets(st.integers(0, count - 1)))) if count else [])
        elif kind == "flip" and g.mirror == 0 and count:
            i = draw(st.integers(0, count - 1))
            w, b, a = g.neurons[i]
            g = replace(g, neurons=(*g.neurons[:i], (tuple(-q for q in w), -b, a), *g.neurons[i + 1 :]))
        elif kind == "slide" and g.mirror is not None:
            ((w, b),), move = draw(rows(g.inputs, 1)), draw(numbers())
            more = [(w, b, out), (tuple(-q for q in w), -b, tuple(-q for q in out))]
            more += [(w, b + move, tuple(-q for q in out)), (tuple(-q for q in w), -b - move, out)]
            constants = tuple(c + g.mirror * move * q for c, q in zip(g.constants, out, strict=True))
            g = replace(g, neurons=(*g.neurons, *more), constants=constants)
    return f, g


def nudged(f: Shallow, place: int, step: Fraction = TINY) -> Shallow:
    """One parameter, chosen by its number, changed by `step`."""
    d, m = f.inputs, len(f.constants)
    size = d + 1 + m
    place %= len(f.neurons) * size + m
    if place >= len(f.neurons) * size:
        at = place - len(f.neurons) * size
        return replace(f, constants=tuple(c + step * (i == at) for i, c in enumerate(f.constants)))
    i, at = divmod(place, size)
    w, b, a = f.neurons[i]
    flat = [q + step * (k == at) for k, q in enumerate((*w, b, *a))]
    return replace(f, neurons=(*f.neurons[:i], (tuple(flat[:d]), flat[d], tuple(flat[d + 1 :])), *f.neurons[i + 1 :]))


# --- domains --------------------------------------------------------------------------------------------------------------


@st.composite
def domains(draw: st.DrawFn, inputs: int) -> Rows:
    """Inequalities a.x <= b: boxes, polytopes, unbounded, lower-dimensional, single points, empty ones, slabs 2^-60 wide."""
    kind = draw(st.sampled_from(("box", "some", "slab", "flat", "point", "none", "fan")))
    centre = tuple(draw(numbers()) for _ in range(inputs))
    found: Rows = []

    def about(normal: Vector, below: Fraction, above: Fraction) -> None:
        level = sum((p * q for p, q in zip(normal, centre, strict=True)), Fraction(0))
        found.append((normal, level + above))
        found.append((tuple(-q for q in normal), below - level))

    units = [tuple(Fraction(i == j) for j in range(inputs)) for i in range(inputs)]
    if kind in ("box", "slab", "point"):
        for unit in units:
            below, above = draw(widths()), draw(widths())
            about(unit, Fraction(0) if kind == "point" else below, Fraction(0) if kind == "point" else above)
    if kind in ("slab", "flat"):
        above = TINY if kind == "slab" else Fraction(0)
        about(tuple(draw(numbers()) for _ in range(inputs)), Fraction(0), above)
    if kind == "fan":  # constraints through one point, and some redundant ones
        for _ in range(draw(st.integers(1, 3))):
            normal = tuple(draw(numbers()) for _ in range(inputs))
            level = sum((p * q for p, q in zip(normal, centre, strict=True)), Fraction(0))
            found += [(normal, level), (normal, level + 1)]
    if kind in ("some", "flat", "none"):
        for _ in range(draw(st.integers(0 if kind == "flat" else 1, 4))):
            found.append((tuple(draw(numbers()) for _ in range(inputs)), draw(numbers())))
    return found


def widths() -> st.SearchStrategy[Fraction]:
    """Distances from the centre of a box to its sides."""
    return st.sampled_from([Fraction(q) for q in (0, 1, 1, 2, 10, "1/3", TINY)])


def polyhedron(domain: Rows, inputs: int) -> Polyhedron:
    """The rows as the package's domain."""
    if not domain:
        return Polyhedron.whole_space(inputs)
    return Polyhedron([list(a) for a, _ in domain], [b for _, b in domain])


def box_rows(lower: Sequence[Any], upper: Sequence[Any]) -> Rows:
    """A box as inequalities."""
    found: Rows = []
    for j, (low, high) in enumerate(zip(lower, upper, strict=True)):
        unit = tuple(Fraction(i == j) for i in range(len(lower)))
        found += [(unit, Fraction(high)), (tuple(-q for q in unit), -Fraction(low))]
    return found


def box(lower: Sequence[Any], upper: Sequence[Any]) -> tuple[Box, Rows]:
    """A box for the package, and its rows for a judge."""
    return Box(list(lower), list(upper)), box_rows(lower, upper)


# --- deep chains ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """Dense layers: (W, b) as rows of Fractions, a piecewise linear unit between them."""

    layers: tuple[tuple[tuple[Vector, ...], Vector], ...]
    unit: str = "relu"

    def network(self) -> Network:
        builder = Builder()
        current = builder.add("input", Input((len(self.layers[0][0][0]),)))
        for i, (weight, bias) in enumerate(self.layers):
            if i:
                current = builder.add(f"unit{i}", activation(self.unit), current)
            current = builder.add(f"layer{i + 1}", Affine(RationalArray.of(weight), RationalArray.of(bias)), current)
        return builder.build(["input"], [current])

    def moved(self, layer: int, order: Sequence[int], factors: Sequence[Fraction]) -> Chain:
        """New neuron i of a hidden layer is old neuron order[i] times factors[i]; one that occurs twice shares its weights."""
        (weight, bias), (after, shift) = self.layers[layer : layer + 2]
        times = [list(order).count(i) for i in range(len(bias))]
        weight = tuple(tuple(s * q for q in weight[i]) for i, s in zip(order, factors, strict=True))
        bias = tuple(s * bias[i] for i, s in zip(order, factors, strict=True))
        after = tuple(tuple(row[i] / s / times[i] for i, s in zip(order, factors, strict=True)) for row in after)
        return replace(self, layers=(*self.layers[:layer], (weight, bias), (after, shift), *self.layers[layer + 2 :]))

    def nudged(self, place: int, step: Fraction = TINY) -> Chain:
        """One weight or bias, chosen by its number, changed by `step`."""
        sizes = [len(b) * (len(w[0]) + 1) for w, b in self.layers]
        place %= sum(sizes)
        k = 0
        while place >= sizes[k]:
            place -= sizes[k]
            k += 1
        weight, bias = self.layers[k]
        i, j = divmod(place, len(weight[0]) + 1)
        flat = [q + step * (n == j) for n, q in enumerate((*weight[i], bias[i]))]
        layer = ((*weight[:i], tuple(flat[:-1]), *weight[i + 1 :]), (*bias[:i], flat[-1], *bias[i + 1 :]))
        return replace(self, layers=(*self.layers[:k], layer, *self.layers[k + 1 :]))


@st.composite
def chains(draw: st.DrawFn, inputs: st.SearchStrategy[int] | None = None, depth: int = 3, units: Sequence[str] = HOMOGENEOUS) -> Chain:
    """Two to `depth` hidden layers with degenerate rows."""
    sizes = [
        draw(st.integers(1, 3) if inputs is None else inputs),
        *(draw(st.integers(1, 3)) for _ in range(draw(st.integers(2, depth)) + 1)),
    ]
    layers = []
    for m, n in itertools.pairwise(sizes):
        weight, bias = zip(*draw(rows(m, n)), strict=True)
        layers.append((weight, bias))
    return Chain(tuple(layers), draw(st.sampled_from(units)))


@st.composite
def deep_pairs(draw: st.DrawFn, inputs: st.SearchStrategy[int] | None = None, units: Sequence[str] = HOMOGENEOUS) -> tuple[Chain, Chain]:
    """A deep chain and the same function with the neurons of each hidden layer permuted, scaled and split."""
    f = draw(chains(inputs, units=units))
    g = f
    for layer in range(len(f.layers) - 1):
        count = len(g.layers[layer][1])
        order = list(draw(st.permutations(range(count)))) + draw(st.lists(st.integers(0, count - 1), max_size=1))
        g = g.moved(layer, order, [draw(positives()) for _ in order])
    return f, g


# --- graphs ---------------------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn, units: Sequence[str] = (*PIECEWISE, "prelu"), nodes: int = 8, spatial: bool | None = None) -> Network:
    """Random graphs of small operations: residual sums, concatenations, batch norm, convolutions, pooling, slices, constants."""
    builder = Builder()
    shape: tuple[int, ...] = draw(st.sampled_from([(2,), (1, 3), (2, 3), (1, 2, 3), (2, 2, 2)]))
    if spatial is not None:
        shape = draw(st.sampled_from([(1, 4), (2, 3), (1, 2, 3)] if spatial else [(1,), (2,), (3,)]))
    names = [builder.add("x0", Input(shape))]
    if draw(st.booleans()):
        names.append(builder.add("x1", Input(shape)))
    inputs = list(names)
    shapes = dict.fromkeys(names, shape)
    for i in range(draw(st.integers(1, nodes))):
        a = draw(st.sampled_from(names))
        operation, operands = draw(_operation(a, names, shapes, units))
        name = builder.add(f"n{i}", operation, *operands)
        shapes[name] = operation.output_shape(*(shapes[o] for o in operands))
        names.append(name)
    outputs = draw(st.lists(st.sampled_from(names[len(inputs) :]), min_size=1, max_size=2, unique=True))
    return builder.build(inputs, outputs)


@st.composite
def _operation(draw: st.DrawFn, a: str, names: list[str], shapes: dict[str, tuple[int, ...]], units: Sequence[str]) -> Any:
    shape = shapes[a]
    grid = shape[1:]
    kinds = [
        "unit",
        "unit",
        "unit",
        "affine",
        "affine",
        "add",
        "subtract",
        "scale",
        "norm",
        "reshape",
        "slice",
        "concat",
        "constant",
        "transpose",
        "gather",
    ]
    if 1 <= len(grid) <= 2:
        kinds += ["conv"] * 3 + ["max"] * 2 + ["average"]
    kind = draw(st.sampled_from(kinds))
    if kind == "unit":
        unit = draw(st.sampled_from(units))
        return (PRelu(draw(tensors((shape[0],)))) if unit == "prelu" else activation(unit)), [a]
    if kind == "affine":
        out = draw(st.integers(1, 3))
        return Affine(draw(tensors((out, shape[-1]))), draw(tensors((out,)))), [a]
    if kind in ("add", "subtract"):
        fitting = [n for n in names if shapes[n] == shape or _broadcasts(shapes[n], shape)]
        b = draw(st.sampled_from(fitting))
        pair = [a, b] if draw(st.booleans()) or shapes[b] == shape else [b, a]
        return (Add() if kind == "add" else Subtract()), pair
    if kind == "scale":
        factor = draw(st.sampled_from([(), (1,), shape, (shape[0], *(1,) * len(grid))]))
        return Scale(draw(tensors(factor))), [a]
    if kind == "norm":
        variance = RationalArray.of([draw(st.sampled_from([Fraction(1), Fraction(2), Fraction(1, 4)])) for _ in range(shape[0])])
        mean, weight, bias = (draw(tensors((shape[0],), small=True)) for _ in range(3))
        return BatchNorm(mean, variance, weight, bias, Fraction(1, 1000), draw(st.sampled_from(["float32", "float64"]))), [a]
    if kind == "reshape":
        size = int(np.prod(shape))
        return Reshape(draw(st.sampled_from([(size,), (1, size), (size, 1), tuple(reversed(shape))]))), [a]
    if kind == "transpose":
        return Transpose(tuple(draw(st.permutations(range(len(shape)))))), [a]
    if kind == "gather":
        new = draw(st.sampled_from([shape, (2,), (2, *shape[1:])]))
        size, count = int(np.prod(shape)), int(np.prod(new))
        index = draw(st.lists(st.integers(0, size - 1), min_size=count, max_size=count))
        return Gather(RationalArray.of(index).reshape(*new)), [a]
    if kind == "slice":
        starts = [draw(st.integers(0, n - 1)) for n in shape]
        stops = [draw(st.integers(s + 1, n)) for s, n in zip(starts, shape, strict=True)]
        return Slice(tuple(starts), tuple(stops), tuple(draw(st.integers(1, 2)) for _ in shape)), [a]
    if kind == "concat":
        axis = draw(st.integers(0, len(shape) - 1))
        off = (*shape[:axis], *shape[axis + 1 :])
        fitting = [n for n in names if len(shapes[n]) == len(shape) and (*shapes[n][:axis], *shapes[n][axis + 1 :]) == off]
        return Concat(axis), [a, draw(st.sampled_from(fitting))]
    if kind == "constant":
        own = draw(st.sampled_from([shape, (1,) * len(shape), (shape[0], *(1,) * len(grid))]))
        return Constant(draw(tensors(own))), []
    pads = st.tuples(st.integers(0, 1), st.integers(0, 1))
    kernel = tuple(draw(st.integers(1, min(2, n))) for n in grid)
    stride = tuple(draw(st.integers(1, 2)) for _ in grid)
    padding = tuple(draw(pads) if k > 1 else (0, 0) for k in kernel)
    if kind == "conv":
        groups = draw(st.sampled_from([g for g in (1, 2) if shape[0] % g == 0]))
        out = groups * draw(st.integers(1, 2))
        weight = draw(tensors((out, shape[0] // groups, *kernel)))
        return Conv(weight, draw(tensors((out,))), stride, padding, (1,) * len(grid), groups), [a]
    if kind == "max":
        return MaxPool(kernel, stride, padding, (1,) * len(grid)), [a]
    return AveragePool(kernel, stride, padding, draw(st.booleans())), [a]


def _broadcasts(small: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    try:
        return tuple(np.broadcast_shapes(small, shape)) == shape
    except ValueError:
        return False


@st.composite
def tensors(draw: st.DrawFn, shape: tuple[int, ...], *, small: bool = False) -> RationalArray:
    """A tensor of `numbers`; small ones leave out what a batch norm's rounding would not survive."""
    size = int(np.prod(shape))
    entries = st.sampled_from([Fraction(q) for q in (0, 1, -1, 2, "1/2", "-3/4")]) if small else numbers()
    flat = [draw(entries) for _ in range(size)]
    return RationalArray.from_fractions(flat, shape)


def replaced(net: Network, name: str, operation: Any) -> Network:
    """The network with another operation at a node."""
    builder = Builder()
    for node in net.order:
        builder.add(node, operation if node == name else net.operation(node), *net.operands(node))
    return builder.build(list(net.inputs), list(net.outputs))


def renamed(net: Network, prefix: str) -> Network:
    """The same graph with other names, its nodes added in another topological order."""
    builder = Builder()
    done: set[str] = set()
    left = list(net.order)
    while left:
        ready = [n for n in left if all(o in done for o in net.operands(n))]
        node = ready[-1]
        builder.add(prefix + node, net.operation(node), *(prefix + o for o in net.operands(node)))
        done.add(node)
        left.remove(node)
    return builder.build([prefix + n for n in net.inputs], [prefix + n for n in net.outputs])


def weights(net: Network) -> list[tuple[str, str, int]]:
    """(node, field, flat index) of every weight of an affine, conv, scale or constant node."""
    fields = {Affine: ("weight", "bias"), Conv: ("weight", "bias"), Scale: ("factor",), Constant: ("value",)}
    return [
        (name, field, i)
        for name in net.order
        for field in fields.get(type(net.operation(name)), ())
        for i in range(getattr(net.operation(name), field).size)
    ]


def with_weight(net: Network, place: tuple[str, str, int], step: Fraction) -> Network:
    """One weight of `weights` changed."""
    name, field, i = place
    array: RationalArray = getattr(net.operation(name), field)
    flat = [q + step * (k == i) for k, q in enumerate(array.to_fractions())]
    return replaced(net, name, replace(net.operation(name), **{field: RationalArray.from_fractions(flat, array.shape)}))
