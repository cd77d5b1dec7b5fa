"""Convolution and pooling in value numbering: one atom for each channel on a grid, or entry by entry."""

from __future__ import annotations

import math
from collections.abc import Hashable
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.network import AveragePool, Conv, MaxPool
from exactnn.network.operations import Shape
from exactnn.network.windows import window_index
from exactnn.symmetry._activations import Activations
from exactnn.symmetry._atoms import ENTRIES, Line, TooLarge, json_number
from exactnn.symmetry._forms import Dense, Forms, Selection, stack


class Windows:
    """Makes atoms of windows and writes their lines; in element layout maxima are made of max(., 0)."""

    def __init__(self, activations: Activations) -> None:
        self.activations = activations
        self.atoms = activations.atoms

    def conv(self, op: Conv, value: Forms, shape: Shape, lines: list[Line]) -> Forms:
        """One atom for each kernel table up to a factor; docs/certificate-format.md, "Lines of a conv node"."""
        kernel = math.prod(op.kernel)
        weight = _ungrouped(op).reshape(shape[0], len(value), kernel).transpose(0, 2, 1).reshape(shape[0] * kernel, len(value))
        ids, matrix = value.image(weight)
        tables = matrix.reshape(shape[0], kernel, len(ids)).transpose(0, 2, 1).reshape(shape[0], len(ids) * kernel)
        constants = (weight @ value.constant).reshape(shape[0], kernel)
        padded = any(b or e for b, e in op.padding)
        constant = op.bias
        places = (ids[:, None] * kernel + np.arange(kernel)).ravel()
        parts: tuple[Dense, ...] = (Dense(np.arange(shape[0]), places, tables),) if len(ids) else ()
        if padded and not constants.is_zero():
            one = self.atoms.intern("one", (), value.spatial)
            parts += (Dense(np.arange(shape[0]), one * kernel + np.arange(kernel), constants),)
        elif not padded:
            constant = constant + constants.sum(axis=1)
        attributes = (op.kernel, op.stride, op.padding, op.dilation, value.spatial)
        table = Forms(RationalArray.zeros((shape[0],)), parts)
        return self._scaled_atoms("conv", attributes, table, shape[1:], lines, any_sign=True).plus_constant(constant)

    def max_pool(self, op: MaxPool, value: Forms, shape: Shape, lines: list[Line]) -> Forms:
        attributes = (op.kernel, op.stride, op.padding, op.dilation, value.spatial)
        moving = Forms(RationalArray.zeros((len(value),)), value.parts, value.spatial)
        return self._scaled_atoms("max_pool", attributes, moving, shape[1:], lines, any_sign=False).plus_constant(value.constant)

    def average(self, op: AveragePool, value: Forms, shape: Shape) -> Forms:
        """Linear: each atom becomes its average; a constant stays, unless padding counts."""
        attributes = (op.kernel, op.stride, op.padding, op.count_padding, value.spatial)
        ids, matrix = value.combined()
        new = np.array([self.atoms.intern("average", (attributes, int(a)), shape[1:]) for a in ids], dtype=np.int64)
        constant = value.constant
        if op.count_padding and any(b or e for b, e in op.padding) and not constant.is_zero():
            one = self.atoms.intern("one", (), value.spatial)
            average = self.atoms.intern("average", (attributes, one), shape[1:])
            extra = Dense(np.arange(len(value)), np.array([average]), constant.reshape(-1, 1))
            constant = RationalArray.zeros(constant.shape)
        else:
            extra = None
        parts = [Dense(np.arange(len(value)), new, matrix)] if len(ids) else []
        return Forms(constant, (*parts, *([extra] if extra else [])), shape[1:])

    def entries_linear(self, op: Conv | AveragePool, value: Forms, source: Shape) -> Forms:
        """Element layout: the operation acts on the coefficients of each atom, and on the constants."""
        ids, matrix = value.combined()
        if (len(ids) + 1) * max(len(value), math.prod(op.output_shape(source))) > ENTRIES:
            raise TooLarge(f"{op.kind} on {len(value)} entries over {len(ids)} atoms")
        columns = concatenate([value.constant.reshape(1, -1), matrix.T]).reshape(len(ids) + 1, *source)
        images = op.evaluate(columns).reshape(len(ids) + 1, -1)
        zero = op.evaluate(RationalArray.zeros((1, *source))).reshape(-1)
        dense = Dense(np.arange(images.shape[1]), ids, (images[1:] - zero).T)
        return Forms(images[0], (dense,) if len(ids) else ())

    def entries_max(self, op: MaxPool, value: Forms, source: Shape, lines: list[Line]) -> Forms:
        """Element layout: the maximum of a window as m + max(next - m, 0), one comparison after the other."""
        index = window_index(source[1:], op.kernel, op.stride, op.padding, op.dilation)
        area = math.prod(source[1:])
        windows = [c * area + row[row >= 0] for c in range(source[0]) for row in index]
        best = value.take(np.array([w[0] for w in windows]))
        found: list[list[tuple[Line, int]]] = [[] for _ in windows]
        for k in range(1, max(map(len, windows))):
            live = np.array([i for i, w in enumerate(windows) if len(w) > k])
            old = best.take(live)
            rise, made = self.activations.positive_part(value.take(np.array([windows[i][k] for i in live])) - old)
            for i, entry in zip(live, made, strict=True):
                found[i].append(entry)
            source_row = np.arange(len(windows))
            source_row[live] = len(windows) + np.arange(len(live))
            best = stack([best, old + rise]).take(source_row)
        for entries in found:
            self.activations.emit(entries, lines)
        return best

    def _scaled_atoms(self, kind: str, attributes: Hashable, table: Forms, spatial: Shape, lines: list[Line], *, any_sign: bool) -> Forms:
        """For each row of the table F times an atom, F > 0 unless any sign may be taken out."""
        size = len(table)
        index, factor = np.full(size, -1), [Fraction(0)] * size
        for i, row in enumerate(table.rows()):
            if not row.ids:
                lines.append(None)
                continue
            own, factor[i] = row, row.factor
            if any_sign and row.sign < 0:
                own, factor[i] = row.mirrored(), -row.factor
            index[i] = self.atoms.intern(kind, (attributes, own.ids, own.nums), spatial)
            lines.append(["atom", self.atoms.number(int(index[i])), json_number(factor[i])])
        return Forms(RationalArray.zeros((size,)), (Selection(index, RationalArray.from_fractions(factor, (size,))),), spatial)


def _ungrouped(op: Conv) -> RationalArray:
    """The weight with zeros between groups."""
    if op.groups == 1:
        return op.weight
    out, width, *kernel = op.weight.shape
    height = out // op.groups
    if out * width * op.groups * math.prod(kernel) > ENTRIES:
        raise TooLarge(f"a grouped convolution with weight {op.weight.shape} in {op.groups} groups")
    numerators = np.zeros((out, width * op.groups, *kernel), dtype=op.weight.numerators.dtype)
    for g in range(op.groups):
        rows = slice(g * height, (g + 1) * height)
        numerators[rows, g * width : (g + 1) * width] = op.weight.numerators[rows]
    return RationalArray(numerators, op.weight.denominator)
