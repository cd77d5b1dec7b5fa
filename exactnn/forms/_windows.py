"""Convolution and pooling in value numbering: one atom for each channel on a grid, or entry by entry."""

from __future__ import annotations

import math
from collections.abc import Hashable
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.writing import json_number
from exactnn.forms._activations import Activations
from exactnn.forms._atoms import Line
from exactnn.forms._forms import Dense, Forms, Selection, stack
from exactnn.forms._sparse import ENTRIES, Ids, TooLarge
from exactnn.network import AveragePool, Conv, MaxPool
from exactnn.network.operations import Shape

_WORK = 1 << 21  # products of entries between two looks at the clock


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
        """Element layout: each entry is a sum over the taps of its window; of rows of a matrix, the operation acts on its columns."""
        if not any(isinstance(part, Dense) for part in value.parts):
            constant = op.evaluate(value.constant.reshape(1, *source)).reshape(-1)
            rows, weights = _taps(op, source)
            part = value.sparse().windows(rows, weights, lambda: self._look(op))
            return Forms(constant, (part,) if len(part.ids) else ())
        atoms, size = len(value.atoms()), math.prod(op.output_shape(source))
        if (atoms + 1) * max(len(value), size) > ENTRIES:
            raise TooLarge(f"{op.kind} on {len(value)} entries over {atoms} atoms")
        ids, matrix = value.combined()
        columns = concatenate([value.constant.reshape(1, -1), matrix.T]).reshape(len(ids) + 1, *source)
        images = self._in_blocks(op, columns).reshape(len(ids) + 1, -1)
        zero = op.evaluate(RationalArray.zeros((1, *source))).reshape(-1)
        dense = Dense(np.arange(images.shape[1]), ids, (images[1:] - zero).T)
        return Forms(images[0], (dense,) if len(ids) else ())

    def _look(self, op: Conv | AveragePool) -> None:
        self.activations.clock.check(f"value numbering was at a node of kind {op.kind}")

    def _in_blocks(self, op: Conv | AveragePool, batch: RationalArray) -> RationalArray:
        """The operation on a batch, so many at a time that the clock is asked every now and then."""
        inner = op.weight[0].size if isinstance(op, Conv) else math.prod(op.kernel)
        block = max(_WORK // (math.prod(op.output_shape(batch.shape[1:])) * inner), 1)
        parts = []
        for start in range(0, len(batch), block):
            self._look(op)
            parts.append(op.evaluate(batch[start : start + block]))
        return parts[0] if len(parts) == 1 else concatenate(parts)

    def entries_max(self, op: MaxPool, value: Forms, source: Shape, lines: list[Line]) -> Forms:
        """Element layout: the maximum of a window as m + max(next - m, 0), one comparison after the other."""
        index = op.index(source[1:])
        area = math.prod(source[1:])
        windows = [c * area + row[row >= 0] for c in range(source[0]) for row in index]
        comparisons = sum(map(len, windows)) - len(windows)
        atoms = [len(part.ids) for part in value.parts if isinstance(part, Dense)]
        if atoms and (sum(atoms) + comparisons) * len(windows) > ENTRIES:
            raise TooLarge(f"{op.kind} with {comparisons} comparisons of entries over {sum(atoms)} atoms")
        best = value.take(np.array([w[0] for w in windows]))
        for k in range(1, max(map(len, windows))):
            self.activations.clock.check("maxima of windows were being numbered")
            live = np.array([i for i, w in enumerate(windows) if len(w) > k])
            whole = len(live) == len(windows)
            previous, old = best, best if whole else best.take(live)
            rise, made = self.activations.positive_part((value.take(np.array([windows[i][k] for i in live])) - old).merged())
            self.activations.emit(made, lines)
            best = old + rise
            if not whole:
                source_row = np.arange(len(windows))
                source_row[live] = len(windows) + np.arange(len(live))
                best = stack([previous, best]).take(source_row)
            best = best.merged()  # each step would double the parts
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


def _taps(op: Conv | AveragePool, source: Shape) -> tuple[Ids, RationalArray]:
    """(taps, entries of the result): which entry of the operand each tap of the window reads (-1: none), and its weight."""
    index = op.index(source[1:])
    area, (places, kernel) = math.prod(source[1:]), index.shape
    width = op.weight.shape[1] if isinstance(op, Conv) else 1
    channels = np.arange(op.weight.shape[0] if isinstance(op, Conv) else source[0])
    if len(channels) * places * width * kernel > ENTRIES:
        raise TooLarge(f"{op.kind} on {math.prod(source)} entries with {width * kernel} taps each")
    first = channels * op.groups // len(channels) * width if isinstance(op, Conv) else channels
    read = first[:, None, None, None] + np.arange(width)[:, None, None]  # (channels, width, 1, 1)
    rows = np.where(index.T >= 0, read * area + index.T, -1)  # (channels, width, kernel, places)
    if isinstance(op, Conv):
        own = np.repeat(op.weight.numerators.reshape(len(channels), width * kernel, 1), places, axis=2)
        weights = RationalArray(own, op.weight.denominator)
    else:
        counts = np.full(places, kernel) if op.count_padding else (index >= 0).sum(axis=1)
        share = RationalArray.from_fractions([Fraction(1, int(c)) for c in counts], (1, 1, places))
        weights = RationalArray(np.broadcast_to(share.numerators, (len(channels), kernel, places)).copy(), share.denominator)
    taps = width * kernel
    flat = rows.reshape(len(channels), taps, places).transpose(1, 0, 2).reshape(taps, -1)
    return flat, weights.transpose(1, 0, 2).reshape(taps, -1)


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
