"""Elementwise nodes in value numbering: max(L l, 0) = L max(l, 0) for L > 0, and the laws of phi(-t)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.progress import counted
from exactnn.exact.writing import json_number
from exactnn.forms._atoms import Atoms, Decide, Line
from exactnn.forms._forms import Forms, Row, Selection
from exactnn.forms._layout import per_row
from exactnn.network import PiecewiseLinear, PRelu, Rational, Smooth
from exactnn.network.operations import Shape


class Activations:
    """Makes atoms of activations and writes their lines."""

    def __init__(self, atoms: Atoms, *, mirror: bool, decide: Decide | None, clock: Clock, as_made: bool = False) -> None:
        self.atoms = atoms
        self.as_made = as_made
        self.mirror = mirror
        self.decide = decide
        self.clock = clock

    def piecewise(self, op: PiecewiseLinear | PRelu, value: Forms, source: Shape, lines: list[Line]) -> Forms:
        """q z + r + sum_k p_k max(z - t_k, 0), row by row."""
        expansion = op.expansion()
        size = len(value)
        channels = source[0] if source else 1
        slope = per_row(expansion.slope, size, channels)
        constant = per_row(expansion.constant, size, channels)
        total = value.scaled(slope).plus_constant(constant)
        for at, jump in expansion.kinks:
            part, found = self.positive_part(value, at, per_row(jump, size, channels))
            self.emit(found, lines)
            total = total + part
        return total

    def positive_part(
        self, value: Forms, at: Fraction = Fraction(0), jumps: RationalArray | None = None
    ) -> tuple[Forms, list[tuple[Line, int]]]:
        """jumps max(value - at, 0), with the line and the atom (-1 for none) of each row."""
        size = len(value)
        weights = [Fraction(1)] * size if jumps is None else list(jumps.to_fractions())
        index = np.full(size, -1)
        factor, own = [Fraction(0)] * size, [Fraction(0)] * size
        found: list[tuple[Line, int]] = []
        rows = zip(value.rows(at), weights, strict=True)
        for i, (row, p) in enumerate(counted("", rows, total=size, unit="neurons")):
            self.clock.check("value numbering was at a layer of neurons")
            if not p:
                found.append((None, -1))
                continue
            line, sign, identity = self._max(row, value.spatial)
            found.append((line, identity))
            if identity >= 0:
                index[i], factor[i] = identity, p * row.factor
            if sign < 0 or (identity < 0 and line is not None and line[0] == "on"):
                own[i] = p
        more = RationalArray.from_fractions(own, (size,))
        result = Forms(RationalArray.zeros((size,)), (), value.spatial)
        if not more.is_zero():
            result = value.scaled(more).plus_constant(more * -at)
        if (index >= 0).any():
            result = result + Forms(
                RationalArray.zeros((size,)), (Selection(index, RationalArray.from_fractions(factor, (size,))),), value.spatial
            )
        return result, found

    def emit(self, entries: Iterable[tuple[Line, int]], lines: list[Line]) -> None:
        """Write the lines of one form, numbering atoms as they come."""
        for line, identity in entries:
            if identity >= 0 and line is not None:
                line[1] = self.atoms.number(identity)
            lines.append(line)

    def _max(self, row: Row, spatial: Shape) -> tuple[Line, int, int]:
        """The line about max(row, 0), the sign used, and the atom's id (-1 for a decided sign)."""
        if not row.ids:
            return ["on" if row.constant >= 0 else "off", []], 1, -1
        if self.decide is not None and not spatial:
            fact = self.decide(row, self.atoms)
            if fact is not None:
                return list(fact), 1, -1
        sign = row.sign if self.mirror else 1
        own = row if sign > 0 else row.mirrored()
        key = (own.ids, own.nums, own.constant)
        identity = self.atoms.intern("max", key, spatial, Row(own.ids, own.nums, own.constant, Fraction(1)))
        return self._line(identity, sign * row.factor), sign, identity

    def _line(self, identity: int, factor: Fraction) -> Line:
        """max(factor l, 0) as a multiple of the certificate's atom: of max(l, 0), or of the first neuron that this line was written for."""
        atom = self.atoms.made[identity - self.atoms.dimension]
        if atom.unit is None:
            atom.unit = factor if self.as_made else Fraction(1)
        own = factor / atom.unit
        return ["atom", -1, 1 if own > 0 else -1, json_number(abs(own))]

    def elementwise(self, op: Smooth | Rational, value: Forms, lines: list[Line]) -> Forms:
        """phi(form); for smooth functions phi(-t) is -phi(t), 1 - phi(t) or phi(t) - t, so that the sign is normalised."""
        name: Hashable = op.function if isinstance(op, Smooth) else op
        size = len(value)
        index = np.full(size, -1)
        factor, more, constant = [Fraction(1)] * size, [Fraction(0)] * size, [Fraction(0)] * size
        for i, row in enumerate(value.rows()):
            self.clock.check("value numbering was at a layer of neurons")
            if isinstance(op, Smooth) and not row.ids and not row.constant and name != "softplus":
                constant[i] = Fraction(1, 2) if name == "sigmoid" else Fraction(0)
                lines.append(["zero"])
                continue
            lead = row.nums[0] if row.ids else row.constant
            sign = -1 if isinstance(op, Smooth) and lead < 0 else 1
            own = row if sign > 0 else row.mirrored()
            index[i] = self.atoms.intern("act", (name, own.ids, own.nums, own.constant, own.factor), value.spatial)
            lines.append(["atom", self.atoms.number(int(index[i])), sign])
            if sign < 0:
                if name in ("tanh", "sigmoid"):
                    factor[i], constant[i] = Fraction(-1), Fraction(name == "sigmoid")
                else:
                    more[i] = Fraction(1)  # phi(z) = phi(-z) + z
        own_part = value.scaled(RationalArray.from_fractions(more, (size,)))
        part = Selection(index, RationalArray.from_fractions(factor, (size,)))
        total = own_part.constant + RationalArray.from_fractions(constant, (size,))
        return Forms(total, (*own_part.parts, part), value.spatial)
