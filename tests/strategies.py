"""Hypothesis strategies of the tests: what `exactnn.testing` has (shared with users), domains, and graphs of all operations.

A `Shallow` is a network with one hidden layer as plain lists of Fractions, so that a test can change it without the package's own
transformations. `equal_pairs` and `deep_pairs` draw two different parameter lists of one function.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
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
from exactnn.testing._chains import Chain, chains
from exactnn.testing._chains import equal_chains as deep_pairs
from exactnn.testing._numbers import HOMOGENEOUS, PIECEWISE, SMOOTH, TINY, Vector, numbers, positives, tensors
from exactnn.testing._rows import rows
from exactnn.testing._shallow import Shallow, flipped, nudged, permuted, scaled, shallows, split
from exactnn.testing._shallow import equal_shallows as equal_pairs

__all__ = [
    "HOMOGENEOUS",
    "PIECEWISE",
    "SMOOTH",
    "TINY",
    "Chain",
    "Rows",
    "Shallow",
    "Vector",
    "box",
    "box_rows",
    "chains",
    "deep_pairs",
    "domains",
    "equal_pairs",
    "flipped",
    "graphs",
    "law",
    "nudged",
    "numbers",
    "permuted",
    "polyhedron",
    "positives",
    "renamed",
    "replaced",
    "rows",
    "scaled",
    "shallows",
    "split",
    "tensors",
    "weights",
    "with_weight",
]

Rows = list[tuple[Vector, Fraction]]
#: what a batch norm's rounding survives
SMALL = st.sampled_from([Fraction(q) for q in (0, 1, -1, 2, "1/2", "-3/4")])


def law(examples: int) -> settings:
    """The settings of all laws here: no deadline, that many examples (times EXACTNN_EXAMPLES, for a longer hunt)."""
    return settings(deadline=None, max_examples=max(1, round(examples * float(os.environ.get("EXACTNN_EXAMPLES", "1")))))


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
        mean, weight, bias = (draw(tensors((shape[0],), SMALL)) for _ in range(3))
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
