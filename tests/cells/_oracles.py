"""Regions by brute force: every activation pattern of a ReLU network asked of an exact linear program (no engine of the package)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import networkx as nx

from exactnn import Polyhedron
from exactnn.exact.lp import Feasible, feasible

Layers = Sequence[tuple[Sequence[Sequence[Fraction | int]], Sequence[Fraction | int]]]
Affine = tuple[tuple[Fraction, ...], Fraction]


def patterns(layers: Layers, rows: Sequence[Affine] = ()) -> Iterator[tuple[tuple[int, ...], list[Affine]]]:
    """(pattern, affine maps of the last hidden layer's outputs) of the full-dimensional cells in {a x <= b for (a, b) in rows}.

    A unit is active where its pre-activation is > 0; one that vanishes on a whole cell is inactive.
    """
    d = len(layers[0][0][0])
    start: list[Affine] = [(tuple(Fraction(i == j) for j in range(d)), Fraction(0)) for i in range(d)]
    yield from _walk(layers, start, list(rows), ())


def _walk(
    layers: Layers, values: list[Affine], rows: list[Affine], done: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], list[Affine]]]:
    if not layers:
        yield done, values
        return
    (weight, bias), rest = layers[0], layers[1:]
    z = [_combine(w, values, Fraction(b)) for w, b in zip(weight, bias, strict=True)]
    d = len(values[0][0]) if values else 0
    for bits in itertools.product((0, 1), repeat=len(z)):
        more = []
        for bit, (a, c) in zip(bits, z, strict=True):
            if not any(a):
                if bit != (c > 0):
                    break
                continue
            more.append((tuple(-v for v in a), c) if bit else (a, -c))
        else:
            chosen = [*rows, *more]
            if not chosen or isinstance(feasible([list(a) for a, _ in chosen], [b for _, b in chosen], strict=True), Feasible):
                zero = (tuple(Fraction(0) for _ in range(d)), Fraction(0))
                yield from _walk(rest, [v if bit else zero for bit, v in zip(bits, z, strict=True)], chosen, (*done, *bits))


def all_patterns(layers: Layers, rows: Sequence[Affine] = ()) -> set[tuple[int, ...]]:
    """The activation patterns of all points of {a x <= b}, active iff the pre-activation is > 0."""
    d = len(layers[0][0][0])
    start: list[Affine] = [(tuple(Fraction(i == j) for j in range(d)), Fraction(0)) for i in range(d)]
    return set(_all(layers, start, [(a, b, False) for a, b in rows], ()))


def _all(layers: Layers, values: list[Affine], rows: list[tuple[Any, Fraction, bool]], done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if not layers:
        yield done
        return
    (weight, bias), rest = layers[0], layers[1:]
    z = [_combine(w, values, Fraction(b)) for w, b in zip(weight, bias, strict=True)]
    zero = (tuple(Fraction(0) for _ in values[0][0]), Fraction(0))
    for bits in itertools.product((0, 1), repeat=len(z)):
        chosen = list(rows)
        for bit, (a, c) in zip(bits, z, strict=True):
            chosen.append((tuple(-v for v in a), c, True) if bit else (a, -c, False))
        strict = [i for i, row in enumerate(chosen) if row[2]]
        if isinstance(feasible([list(r[0]) for r in chosen], [r[1] for r in chosen], strict=strict), Feasible):
            yield from _all(rest, [v if bit else zero for bit, v in zip(bits, z, strict=True)], chosen, (*done, *bits))


def merged(cells: Sequence[tuple[Polyhedron, tuple[Affine, ...]]]) -> tuple[int, int, int]:
    """Counts "connected", "closed-connected", "affine" of cells (closed polyhedra with the maps on them), by brute force."""
    d = cells[0][0].ambient_dimension
    open_sets: nx.Graph[int] = nx.empty_graph(len(cells))
    for (i, (p, f)), (j, (q, g)) in itertools.combinations(enumerate(cells), 2):
        if f == g and p.intersection(q).dimension >= d - 1:
            open_sets.add_edge(i, j)
    maps = {f for _, f in cells}
    closed = 0
    for wanted in maps:
        parts = []
        for p, f in cells:
            A = [[s * (u - v) for u, v in zip(a, b, strict=True)] for (a, _), (b, _) in zip(f, wanted, strict=True) for s in (1, -1)]
            c = [s * (v - u) for (_, u), (_, v) in zip(f, wanted, strict=True) for s in (1, -1)]
            parts.append((p.intersection(Polyhedron(A, c)), f == wanted))
        graph: nx.Graph[int] = nx.Graph()
        live = [i for i, (p, _) in enumerate(parts) if not p.is_empty()]
        graph.add_nodes_from(live)
        graph.add_edges_from((i, j) for i, j in itertools.combinations(live, 2) if not parts[i][0].intersection(parts[j][0]).is_empty())
        closed += sum(any(parts[i][1] for i in component) for component in nx.connected_components(graph))
    return nx.number_connected_components(open_sets), closed, len(maps)


def cells(layers: Layers, last: tuple[Any, Any], rows: Sequence[Affine] = ()) -> list[tuple[Polyhedron, tuple[Affine, ...]]]:
    """The closed cells of `patterns` with the affine maps of the outputs."""
    d = len(layers[0][0][0])
    found = []
    for values, chosen in _cells(layers, rows):
        maps = tuple(_combine(w, values, Fraction(b)) for w, b in zip(*last, strict=True))
        shape = Polyhedron([list(a) for a, _ in chosen], [b for _, b in chosen]) if chosen else Polyhedron.whole_space(d)
        found.append((shape, maps))
    return found


def _cells(layers: Layers, rows: Sequence[Affine]) -> Iterator[tuple[list[Affine], list[Affine]]]:
    d = len(layers[0][0][0])
    start: list[Affine] = [(tuple(Fraction(i == j) for j in range(d)), Fraction(0)) for i in range(d)]
    for pattern, _ in patterns(layers, rows):
        values, chosen, at = start, list(rows), 0
        for weight, bias in layers:
            z = [_combine(w, values, Fraction(b)) for w, b in zip(weight, bias, strict=True)]
            bits = pattern[at : at + len(z)]
            at += len(z)
            chosen += [(tuple(-v for v in a), c) if bit else (a, -c) for bit, (a, c) in zip(bits, z, strict=True)]
            values = [v if bit else (tuple(Fraction(0) for _ in v[0]), Fraction(0)) for bit, v in zip(bits, z, strict=True)]
        yield values, chosen


def _combine(weights: Sequence[Fraction | int], values: list[Affine], bias: Fraction) -> Affine:
    d = len(values[0][0])
    slope = tuple(sum((Fraction(w) * v[0][k] for w, v in zip(weights, values, strict=True)), Fraction(0)) for k in range(d))
    return slope, sum((Fraction(w) * v[1] for w, v in zip(weights, values, strict=True)), bias)
