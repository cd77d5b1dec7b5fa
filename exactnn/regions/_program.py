"""Piecewise linear networks as stages of rectified units.

    z_s = sum_k B_sk y_k + c_s,   y_s = max(z_s, 0)   (s = 1, 2, ...),   y_0 = x,   outputs = sum_k B_k y_k + c

Any piecewise linear network is of this form: phi(t) = q t + r + sum_k p_k max(t - t_k, 0) makes a stage of each kink, and a window of
max pooling is a running maximum m <- m + max(z - m, 0). A *unit* is one entry of one stage. Where the signs of all earlier units are
fixed, a unit's pre-activation is affine in x; so the signs of all units cut R^d into cells on which the network is affine.
Inequalities of a domain are a stage of their own, the first, whose units b - A x must not be negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from exactnn.errors import ArgumentError, Incomplete, NotPiecewiseLinear
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import MaxPool, Network, PiecewiseLinear, PRelu
from exactnn.network.operations import along_channels
from exactnn.network.windows import window_index

Signs = np.ndarray[Any, np.dtype[np.int8]]

#: Matrices with more entries than this are not made.
ENTRIES = 40_000_000


@dataclass(frozen=True)
class Form:
    """sum_k blocks[k] y_k + constant, one row for each entry; blocks (rows, size of source k)."""

    blocks: dict[int, RationalArray]
    constant: RationalArray

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.constant)

    @cached_property
    def denominator(self) -> int:
        """A common denominator of all numbers."""
        return math.lcm(self.constant.denominator, *(b.denominator for b in self.blocks.values()))


@dataclass(frozen=True)
class Stage:
    """Units that a node of the network makes together.

    node : its name; "" for the domain, "=" for a stage that no node makes
    part : number of the kink, or of the step of a running maximum
    places : for each unit the flat index of the node's entry (a window, for max pooling)
    """

    form: Form
    node: str
    part: int
    places: np.ndarray[Any, np.dtype[np.int64]]
    net: int = 0


class Program:
    """One or several networks of the same input, and a domain, as stages.

    Parameters
    ----------
    nets : networks with one input size
    domain : None for all of R^d

    Raises NotPiecewiseLinear for a smooth node, Incomplete where a matrix would be too large.
    """

    def __init__(self, nets: Sequence[Network], domain: Polyhedron | None = None) -> None:
        self.nets = tuple(nets)
        self.input_dim = nets[0].input_dim
        if any(net.input_dim != self.input_dim for net in nets):
            raise ArgumentError(f"networks of one input size are needed, got {[net.input_dim for net in nets]}")
        self.domain = domain
        self.sizes = [self.input_dim]
        self.stages: list[Stage] = []
        if domain is not None and not isinstance(domain, Box):
            A, b = domain.rows
            live = np.flatnonzero(A.nonzero().any(axis=1))  # 0 x <= b holds, the domain not being empty
            self._add(Form({0: -A[live]}, b[live]), "", 0, live, 0)
        self.outputs = [_Reader(self, number, net).outputs() for number, net in enumerate(nets)]

    @cached_property
    def unit_count(self) -> int:
        """The number of units."""
        return sum(self.sizes[1:])

    @cached_property
    def first(self) -> list[int]:
        """The number of each stage's first unit; one entry more at the end."""
        return [0, *np.cumsum(self.sizes[1:], dtype=int).tolist()]

    def stage_of(self, unit: int) -> tuple[int, int]:
        """Stage and row of a unit."""
        stage = int(np.searchsorted(self.first, unit, side="right")) - 1
        return stage, unit - self.first[stage]

    @cached_property
    def domain_units(self) -> int:
        """How many units, the first, are inequalities of the domain."""
        return self.stages[0].form.size if self.stages and self.stages[0].node == "" else 0

    def _add(self, form: Form, node: str, part: int, places: np.ndarray[Any, Any], net: int) -> int:
        self.stages.append(Stage(form, node, part, np.asarray(places, dtype=np.int64), net))
        self.sizes.append(form.size)
        return len(self.stages)

    def extended(self, form: Form) -> Program:
        """The same with one more stage at the end, of no node; its units divide cells, and give nothing to the outputs."""
        more = copy(self)
        for name in [n for n, v in vars(type(self)).items() if isinstance(v, cached_property)]:
            more.__dict__.pop(name, None)
        more.sizes, more.stages = list(self.sizes), list(self.stages)
        more._add(form, "=", 0, np.arange(form.size), 0)
        return more

    # --- activation patterns -----------------------------------------------------------------------------------------------

    @cached_property
    def nodes(self) -> list[tuple[int, str]]:
        """(network, node) of each node with kinks, in order."""
        return list(dict.fromkeys((s.net, s.node) for s in self.stages if s.node not in ("", "=")))

    @cached_property
    def _pools(self) -> list[tuple[int, str]]:
        return [n for n in self.nodes if isinstance(self.nets[n[0]].operation(n[1]), MaxPool)]

    @property
    def patterns_are_signs(self) -> bool:
        """Whether two cells have the same pattern only if they are the same cell (not so for max pooling)."""
        return not self._pools

    def patterns(self, signs: Signs) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Activation patterns (rows, entries of all nodes) of faces with these signs (rows, units) of their relative interiors.

        An entry is the number of kinks below the pre-activation (1 for an active ReLU, whose pre-activation is > 0, else 0), and the set
        of maximisers of a window, bit i for its i-th entry.
        """
        parts = [self._pattern(node, signs) for node in self.nodes]
        return np.concatenate([*parts, np.zeros((len(signs), 0), dtype=np.int64)], axis=1)

    def _pattern(self, node: tuple[int, str], signs: Signs) -> np.ndarray[Any, np.dtype[np.int64]]:
        stages = [(i, s) for i, s in enumerate(self.stages) if (s.net, s.node) == node]
        width = self.pattern_sizes[node]
        result = np.zeros((len(signs), width), dtype=np.int64)
        if node not in self._pools:
            for i, s in stages:
                result[:, s.places] += signs[:, self.first[i] : self.first[i + 1]] > 0
            return result
        result[:] = 1  # entry 0 is a maximiser until another one exceeds it
        for i, s in stages:
            step = signs[:, self.first[i] : self.first[i + 1]]
            old = result[:, s.places]
            bit = np.int64(1) << s.part
            result[:, s.places] = np.where(step > 0, bit, np.where(step == 0, old | bit, old))
        return result

    @cached_property
    def pattern_sizes(self) -> dict[tuple[int, str], int]:
        """Entries of each node's pattern."""
        return {(k, n): math.prod(self.nets[k].shape(n)) for k, n in self.nodes}

    # --- exact values ------------------------------------------------------------------------------------------------------

    @cached_property
    def scales(self) -> list[int]:
        """scales[k] y_k is an integer vector wherever x is one."""
        scales = [1]
        for stage in self.stages:
            scales.append(_scale(stage.form, scales))
        return scales

    @cached_property
    def integers(self) -> list[IntegerForm]:
        """The stages' forms in integers."""
        return [IntegerForm.of(s.form, self.scales, scale) for s, scale in zip(self.stages, self.scales[1:], strict=True)]

    @cached_property
    def output_integers(self) -> list[IntegerForm]:
        """The outputs' forms in integers, one for each network."""
        return [IntegerForm.of(form, self.scales, _scale(form, self.scales)) for form in self.outputs]

    def exact_values(self, points: fmpz_mat, weight: Sequence[int | fmpz], signs: Signs, stages: int) -> Iterator[fmpz_mat]:
        """weight_i scales[s+1] z_s at row i / weight_i, for the stages s = 0, 1, ..., `stages`.

        Parameters
        ----------
        points, weight : integer rows (n, d) and positive denominators; weight 0 leaves out all constants (the part of a direction)
        signs : signs (n, units) of the units of the stages before the last; where they are not positive, a unit gives 0
        """
        column = fmpz_mat(len(weight), 1, list(weight))
        values = [points]
        for s in range(stages + 1):
            z = self.integers[s].apply(values, column)
            yield z
            if s < stages:
                values.append(masked(z, signs[:, self.first[s] : self.first[s + 1]]))

    def exact_outputs(self, points: fmpz_mat, weight: Sequence[int | fmpz], signs: Signs) -> list[tuple[fmpz_mat, int]]:
        """For each network (weight_i factor output at row i / weight_i, factor)."""
        column = fmpz_mat(len(weight), 1, list(weight))
        last = max((k for form in self.outputs for k in form.blocks), default=0)
        values = [points]
        if last:
            for s, z in enumerate(self.exact_values(points, weight, signs, last - 1)):
                values.append(masked(z, signs[:, self.first[s] : self.first[s + 1]]))
        return [(form.apply(values, column), form.scale) for form in self.output_integers]

    def cell_maps(self, signs: Signs, upto: int | None = None) -> Iterator[tuple[fmpz_mat, int]]:
        """On cells with these signs (cells, units): each stage's pre-activations as affine functions of x, then each network's outputs.

        Yields (matrix, factor): rows units, columns d + 1 for each cell (coefficients, constant), all times the positive factor.
        `upto`: only the stages before this one, and no outputs.
        """
        d, cells = self.input_dim, len(signs)
        unit = np.zeros((d, cells, d + 1), dtype=np.int64)
        for i in range(d):
            unit[i, :, i] = 1
        values = [fmpz_mat(d, cells * (d + 1), unit.ravel().tolist())]
        stages = len(self.stages) if upto is None else upto
        for s in range(stages):
            form = self.integers[s]
            z = form.applied(values, cells, d)
            yield z, form.scale
            active = np.repeat(signs[:, self.first[s] : self.first[s + 1]].T, d + 1, axis=1)
            values.append(masked(z, active))
        if upto is None:
            for form in self.output_integers:
                yield form.applied(values, cells, d), form.scale


@dataclass(frozen=True)
class IntegerForm:
    """scale (sum_k B_k y_k + c) = sum_k matrices[k] (scales[k] y_k) + constant, in integers."""

    matrices: dict[int, fmpz_mat]
    transposed: dict[int, fmpz_mat]
    constant: list[int]
    scale: int

    @classmethod
    def of(cls, form: Form, scales: Sequence[int], scale: int) -> IntegerForm:
        """The form for sources that are multiplied by `scales`."""
        matrices = {}
        for k, block in form.blocks.items():
            matrices[k] = block.to_flint() * fmpz(scale // (scales[k] * block.denominator))
        factor = scale // form.constant.denominator
        constant = [int(v) * factor for v in form.constant.numerators.tolist()]
        return cls(matrices, {k: m.transpose() for k, m in matrices.items()}, constant, scale)

    def apply(self, values: Sequence[fmpz_mat], column: fmpz_mat) -> fmpz_mat:
        """Rows of points: values[k] (points, size of source k), column their denominators."""
        total = column * fmpz_mat(1, len(self.constant), self.constant)
        for k, m in self.transposed.items():
            total += values[k] * m
        return total

    def applied(self, values: Sequence[fmpz_mat], cells: int, d: int) -> fmpz_mat:
        """Columns of affine functions: values[k] (size of source k, cells (d + 1))."""
        ones = fmpz_mat(1, cells * (d + 1), ([0] * d + [1]) * cells)
        total = fmpz_mat(len(self.constant), 1, self.constant) * ones
        for k, m in self.matrices.items():
            total += m * values[k]
        return total


def masked(values: fmpz_mat, signs: Signs) -> fmpz_mat:
    """The values where the signs are positive, 0 elsewhere."""
    kept = (signs > 0).ravel().tolist()
    entries = values.entries()
    return fmpz_mat(values.nrows(), values.ncols(), [v if k else 0 for v, k in zip(entries, kept, strict=True)])


def _scale(form: Form, scales: Sequence[int]) -> int:
    return math.lcm(form.constant.denominator, *(b.denominator * scales[k] for k, b in form.blocks.items()))


@dataclass(frozen=True)
class _Value:
    """A node's value: rows[0] at zero, then at each unit vector of each source in turn; rows (1 + columns, shape...)."""

    sources: tuple[int, ...]
    rows: RationalArray


class _Reader:
    """Reads one network into stages: affine nodes act on a batch of unit vectors, which gives their matrix, whatever they are."""

    def __init__(self, program: Program, number: int, net: Network) -> None:
        self.program, self.number, self.net = program, number, net
        self.values: dict[str, _Value] = {}

    def outputs(self) -> Form:
        net = self.net
        start = 0
        for name in net.inputs:
            size = math.prod(net.shape(name))
            rows = np.zeros((1 + self.program.input_dim, size), dtype=np.int64)
            rows[1 + start : 1 + start + size] = np.eye(size, dtype=np.int64)
            self.values[name] = _Value((0,), RationalArray(rows).reshape(len(rows), *net.shape(name)))
            start += size
        for name in net.order:
            if name not in self.values:
                self.values[name] = self._value(name)
        forms = [self._form(self.values[n]) for n in net.outputs]
        if len(forms) == 1:
            return forms[0]
        sources = sorted({k for f in forms for k in f.blocks})
        sizes = self.program.sizes
        blocks = {k: concatenate([f.blocks.get(k, RationalArray.zeros((f.size, sizes[k]))) for f in forms]) for k in sources}
        return Form(blocks, concatenate([f.constant for f in forms]))

    def _value(self, name: str) -> _Value:
        operation = self.net.operation(name)
        operands = [self.values[o] for o in self.net.operands(name)]
        if isinstance(operation, (PiecewiseLinear, PRelu)):
            return self._rectified(name, operands[0])
        if isinstance(operation, MaxPool):
            return self._pooled(name, operation, operands[0])
        if not operation.is_affine:
            kind = getattr(operation, "name", operation.kind)
            raise NotPiecewiseLinear(f"node {name!r}: {kind} is not piecewise linear, so that there are no linear regions to speak of")
        if not operands:
            return _Value((), operation.value.reshape(1, *self.net.shape(name)))  # type: ignore[attr-defined]
        sources = tuple(sorted({k for v in operands for k in v.sources}))
        rows = [self._over(v, sources) for v in operands]
        count = 1 + sum(self.program.sizes[k] for k in sources)
        if count * math.prod(self.net.shape(name)) > ENTRIES:
            raise Incomplete(
                f"node {name!r}: its matrix over the units before it would have more than {ENTRIES} entries; "
                "ask about a slice of the input (exactnn.regions.restrict), or about a smaller network"
            )
        return self._trimmed(_Value(sources, operation.evaluate(*rows)))

    def _over(self, value: _Value, sources: tuple[int, ...]) -> RationalArray:
        """The rows for more sources, on which the value does not depend."""
        if value.sources == sources:
            return value.rows
        sizes, base, at = self.program.sizes, value.rows[:1], 1
        parts = [base]
        for k in sources:
            if k in value.sources:
                parts.append(value.rows[at : at + sizes[k]])
                at += sizes[k]
            else:
                repeated = np.broadcast_to(base.numerators, (sizes[k], *base.shape[1:])).copy()
                parts.append(RationalArray(repeated, base.denominator))
        return concatenate(parts)

    def _trimmed(self, value: _Value) -> _Value:
        """Without the sources that do not matter."""
        kept, parts, at = [], [value.rows[:1]], 1
        for k in value.sources:
            rows = value.rows[at : at + self.program.sizes[k]]
            at += self.program.sizes[k]
            if not (rows - value.rows[:1]).is_zero():
                kept.append(k)
                parts.append(rows)
        return value if len(kept) == len(value.sources) else _Value(tuple(kept), concatenate(parts))

    def _form(self, value: _Value) -> Form:
        flat = value.rows.reshape(len(value.rows), -1)
        blocks, at = {}, 1
        for k in value.sources:
            rows = flat[at : at + self.program.sizes[k]]
            at += self.program.sizes[k]
            blocks[k] = (rows - flat[:1]).T
        return Form(blocks, flat[0])

    def _rectified(self, name: str, operand: _Value) -> _Value:
        """slope t + constant + sum_k p_k max(t - t_k, 0), each kink a stage."""
        operation = self.net.operation(name)
        assert isinstance(operation, (PiecewiseLinear, PRelu))
        kinks = operation.expansion()
        axes = len(self.net.shape(name))
        value = _Value(operand.sources, operand.rows * along_channels(kinks.slope, axes) + along_channels(kinks.constant, axes))
        if kinks.slope.is_zero():
            value = _Value((), value.rows[:1])
        size = math.prod(self.net.shape(name))
        for part, (at, jump) in enumerate(kinks.kinks):
            form = self._form(_Value(operand.sources, operand.rows - at))
            k = self.program._add(form, name, part, np.arange(size), self.number)
            jumps = np.broadcast_to(along_channels(jump, axes).numerators, self.net.shape(name)).ravel()
            value = self._plus(value, k, RationalArray(np.diag(jumps), jump.denominator))
        return value

    def _plus(self, value: _Value, source: int, rows: RationalArray) -> _Value:
        """value + rows^T y_source; rows (size of source, entries of the value)."""
        shape = value.rows.shape[1:]
        more = value.rows[:1] + rows.reshape(len(rows), *shape)
        return _Value((*value.sources, source), concatenate([value.rows, more]))

    def _pooled(self, name: str, operation: MaxPool, operand: _Value) -> _Value:
        """A running maximum over the entries of each window."""
        channels, *spatial = operand.rows.shape[1:]
        index = window_index(tuple(spatial), operation.kernel, operation.stride, operation.padding, operation.dilation)
        windows = [[int(i) for i in row if i >= 0] for row in index]
        flat = operand.rows.reshape(len(operand.rows), channels, -1)
        places = len(windows)
        running = _Value(operand.sources, flat[:, :, [w[0] for w in windows]])
        for part in range(1, max(map(len, windows))):
            chosen = [p for p, w in enumerate(windows) if len(w) > part]
            over = self._over(_Value(operand.sources, flat[:, :, [windows[p][part] for p in chosen]]), running.sources)
            step = over - running.rows[:, :, chosen]
            at = (np.arange(channels)[:, None] * places + np.array(chosen)[None, :]).ravel()
            k = self.program._add(self._form(_Value(running.sources, step)), name, part, at, self.number)
            rows = np.zeros((len(at), channels * places), dtype=np.int64)
            rows[np.arange(len(at)), at] = 1
            running = self._plus(running, k, RationalArray(rows))
        return self._trimmed(_Value(running.sources, running.rows.reshape(len(running.rows), *self.net.shape(name))))
