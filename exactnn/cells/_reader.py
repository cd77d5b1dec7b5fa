"""From a network's graph to stages (see `_program`).

Affine nodes act on a batch of unit vectors, which gives their matrix, whatever they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from exactnn.cells._maps import StageMap
from exactnn.cells._program import Places, Program, Stage
from exactnn.errors import ArgumentError, Incomplete, NotPiecewiseLinear
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import MaxPool, Network, PiecewiseLinear, PRelu
from exactnn.network.operations import along_channels

#: Matrices with more entries than this are not made.
ENTRIES = 40_000_000


@dataclass(frozen=True)
class _Rows:
    """A node's value: rows[0] at zero, then at each unit vector of each source in turn; rows (1 + columns, shape...)."""

    sources: tuple[int, ...]
    rows: RationalArray


def read_program(nets: Sequence[Network], domain: Polyhedron | None = None) -> Program:
    """Networks of one input size, and a domain (None: all of R^d), as stages.

    Raises
    ------
    ArgumentError
        For networks of different input sizes.
    NotPiecewiseLinear
        For a smooth node, which the message names.
    Incomplete
        Where a node's matrix over the units before it would be too large.
    """
    d = nets[0].input_dim
    if any(net.input_dim != d for net in nets):
        raise ArgumentError(f"networks of one input size are needed, got {[net.input_dim for net in nets]}")
    stages: list[Stage] = []
    if domain is not None and not isinstance(domain, Box):
        A, b = domain.rows
        live = np.flatnonzero(A.nonzero().any(axis=1))  # 0 x <= b holds, the domain not being empty
        stages.append(Stage(StageMap({0: -A[live]}, b[live]), "", 0, live))
    outputs = tuple(_Reader(stages, number, net).outputs() for number, net in enumerate(nets))
    return Program(tuple(nets), domain, tuple(stages), outputs)


class _Reader:
    """Appends the stages of one network to a list."""

    def __init__(self, stages: list[Stage], number: int, net: Network) -> None:
        self.stages, self.number, self.net = stages, number, net
        self.values: dict[str, _Rows] = {}

    def size(self, source: int) -> int:
        """The size of y_source."""
        return self.stages[source - 1].form.size if source else self.net.input_dim

    def outputs(self) -> StageMap:
        net = self.net
        start = 0
        for name in net.inputs:
            size = math.prod(net.shape(name))
            rows = np.zeros((1 + net.input_dim, size), dtype=np.int64)
            rows[1 + start : 1 + start + size] = np.eye(size, dtype=np.int64)
            self.values[name] = _Rows((0,), RationalArray(rows).reshape(len(rows), *net.shape(name)))
            start += size
        for name in net.order:
            if name not in self.values:
                self.values[name] = self._value(name)
        forms = [self._form(self.values[n]) for n in net.outputs]
        if len(forms) == 1:
            return forms[0]
        sources = sorted({k for f in forms for k in f.blocks})
        blocks = {k: concatenate([f.blocks.get(k, RationalArray.zeros((f.size, self.size(k)))) for f in forms]) for k in sources}
        return StageMap(blocks, concatenate([f.constant for f in forms]))

    def _value(self, name: str) -> _Rows:
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
            return _Rows((), operation.value.reshape(1, *self.net.shape(name)))  # type: ignore[attr-defined]
        sources = tuple(sorted({k for v in operands for k in v.sources}))
        rows = [self._over(v, sources) for v in operands]
        count = 1 + sum(map(self.size, sources))
        if count * math.prod(self.net.shape(name)) > ENTRIES:
            raise Incomplete(
                f"node {name!r}: its matrix over the units before it would have more than {ENTRIES} entries; "
                "ask about a slice of the input (exactnn.regions.restrict), or about a smaller network"
            )
        return self._trimmed(_Rows(sources, operation.evaluate(*rows)))

    def _blocks(self, value: _Rows) -> Iterator[tuple[int, RationalArray]]:
        """The rows of each source."""
        at = 1
        for k in value.sources:
            yield k, value.rows[at : at + self.size(k)]
            at += self.size(k)

    def _over(self, value: _Rows, sources: tuple[int, ...]) -> RationalArray:
        """The rows for more sources, on which the value does not depend."""
        if value.sources == sources:
            return value.rows
        base, own = value.rows[:1], dict(self._blocks(value))
        parts = [base]
        for k in sources:
            if k in own:
                parts.append(own[k])
            else:
                repeated = np.broadcast_to(base.numerators, (self.size(k), *base.shape[1:])).copy()
                parts.append(RationalArray(repeated, base.denominator))
        return concatenate(parts)

    def _trimmed(self, value: _Rows) -> _Rows:
        """Without the sources that do not matter."""
        base = value.rows[:1]
        kept = {k: rows for k, rows in self._blocks(value) if not (rows - base).is_zero()}
        return value if len(kept) == len(value.sources) else _Rows(tuple(kept), concatenate([base, *kept.values()]))

    def _form(self, value: _Rows) -> StageMap:
        flat = value.rows.reshape(len(value.rows), -1)
        return StageMap({k: (rows - flat[:1]).T for k, rows in self._blocks(_Rows(value.sources, flat))}, flat[0])

    def _rectified(self, name: str, operand: _Rows) -> _Rows:
        """slope t + constant + sum_k p_k max(t - t_k, 0), each kink a stage."""
        operation = self.net.operation(name)
        assert isinstance(operation, (PiecewiseLinear, PRelu))
        kinks = operation.expansion()
        axes = len(self.net.shape(name))
        value = _Rows(operand.sources, operand.rows * along_channels(kinks.slope, axes) + along_channels(kinks.constant, axes))
        if kinks.slope.is_zero():
            value = _Rows((), value.rows[:1])
        size = math.prod(self.net.shape(name))
        for part, (at, jump) in enumerate(kinks.kinks):
            form = self._form(_Rows(operand.sources, operand.rows - at))
            k = self._stage(form, name, part, np.arange(size))
            jumps = np.broadcast_to(along_channels(jump, axes).numerators, self.net.shape(name)).ravel()
            value = self._plus(value, k, RationalArray(np.diag(jumps), jump.denominator))
        return value

    def _stage(self, form: StageMap, name: str, part: int, places: Places) -> int:
        """One more stage; the number of its source."""
        self.stages.append(Stage(form, name, part, places, self.number))
        return len(self.stages)

    def _plus(self, value: _Rows, source: int, rows: RationalArray) -> _Rows:
        """value + rows^T y_source; rows (size of source, entries of the value)."""
        shape = value.rows.shape[1:]
        more = value.rows[:1] + rows.reshape(len(rows), *shape)
        return _Rows((*value.sources, source), concatenate([value.rows, more]))

    def _pooled(self, name: str, operation: MaxPool, operand: _Rows) -> _Rows:
        """A running maximum over the entries of each window."""
        channels, *spatial = operand.rows.shape[1:]
        index = operation.index(tuple(spatial))
        windows = [[int(i) for i in row if i >= 0] for row in index]
        flat = operand.rows.reshape(len(operand.rows), channels, -1)
        places = len(windows)
        running = _Rows(operand.sources, flat[:, :, [w[0] for w in windows]])
        for part in range(1, max(map(len, windows))):
            chosen = [p for p, w in enumerate(windows) if len(w) > part]
            over = self._over(_Rows(operand.sources, flat[:, :, [windows[p][part] for p in chosen]]), running.sources)
            step = over - running.rows[:, :, chosen]
            at = (np.arange(channels)[:, None] * places + np.array(chosen)[None, :]).ravel()
            k = self._stage(self._form(_Rows(running.sources, step)), name, part, at)
            rows = np.zeros((len(at), channels * places), dtype=np.int64)
            rows[np.arange(len(at)), at] = 1
            running = self._plus(running, k, RationalArray(rows))
        return self._trimmed(_Rows(running.sources, running.rows.reshape(len(running.rows), *self.net.shape(name))))
