"""From a network's graph to stages (see `_program`).

Affine nodes act on a batch of unit vectors, which gives their matrix, whatever they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exactnn.errors import Incomplete, NotPiecewiseLinear
from exactnn.exact.array import RationalArray, concatenate
from exactnn.network import MaxPool, Network, PiecewiseLinear, PRelu
from exactnn.network.operations import along_channels
from exactnn.network.windows import window_index
from exactnn.regions._forms import Form

if TYPE_CHECKING:
    from exactnn.regions._program import Program

#: Matrices with more entries than this are not made.
ENTRIES = 40_000_000


@dataclass(frozen=True)
class _Value:
    """A node's value: rows[0] at zero, then at each unit vector of each source in turn; rows (1 + columns, shape...)."""

    sources: tuple[int, ...]
    rows: RationalArray


class Reader:
    """Adds the stages of one network to a program."""

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
            k = self.program.add(form, name, part, np.arange(size), self.number)
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
            k = self.program.add(self._form(_Value(running.sources, step)), name, part, at, self.number)
            rows = np.zeros((len(at), channels * places), dtype=np.int64)
            rows[np.arange(len(at)), at] = 1
            running = self._plus(running, k, RationalArray(rows))
        return self._trimmed(_Value(running.sources, running.rows.reshape(len(running.rows), *self.net.shape(name))))
