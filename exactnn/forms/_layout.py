"""Layouts of a node's forms: one for each channel, holding on the whole grid, or one for each entry."""

from __future__ import annotations

import math

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.forms._atoms import Atoms
from exactnn.forms._forms import Dense, Forms, Selection
from exactnn.forms._sparse import ENTRIES, Ids, TooLarge
from exactnn.network.operations import Shape, broadcast


def elements(value: Forms, shape: Shape, atoms: Atoms) -> Forms:
    """One form for each entry, row-major."""
    if not value.spatial:
        return value
    size = math.prod(value.spatial)
    constant = repeat(value.constant, size)
    parts: list[Selection | Dense] = []
    for part in value.parts:
        if isinstance(part, Selection):
            index = np.concatenate([atoms.places(int(a)) if a >= 0 else np.full(size, -1) for a in part.index])
            parts.append(Selection(index, repeat(part.factor, size)))
            continue
        assert isinstance(part, Dense)  # rows with few atoms are made of entries only
        columns = part.matrix.T
        for a, column in zip(part.ids, range(len(part.ids)), strict=True):
            index = np.full((len(value), size), -1)
            index[part.rows] = atoms.places(int(a))
            factor = np.zeros((len(value), size), dtype=object)
            factor[part.rows] = columns.numerators[column][:, None]
            parts.append(Selection(index.ravel(), RationalArray(factor.ravel(), columns.denominator)))
    if len(parts) * math.prod(shape) > ENTRIES:
        raise TooLarge(f"forms of {math.prod(shape)} entries over {len(parts)} atoms")
    return Forms(constant, tuple(parts))


def unit(ids: Ids, spatial: Shape) -> Forms:
    """The atoms themselves."""
    ones = RationalArray(np.ones(len(ids), dtype=np.int64))
    return Forms(RationalArray.zeros((len(ids),)), (Selection(ids, ones),), spatial)


def constant_forms(value: RationalArray) -> Forms:
    """Channel layout where each channel is one number, entries else."""
    if value.ndim > 1:
        flat = value.reshape(value.shape[0], -1)
        if (flat.numerators == flat.numerators[:, :1]).all():
            return Forms(flat[:, 0], (), value.shape[1:])
    return Forms(value.reshape(-1))


def repeat(values: RationalArray, times: int) -> RationalArray:
    """Each value so many times in a row."""
    if times == 1:
        return values
    return RationalArray(np.repeat(values.numerators, times), values.denominator)


def per_row(value: RationalArray, size: int, channels: int) -> RationalArray:
    """One number, or one for each channel, as one for each row."""
    if value.ndim == 0:
        return repeat(value.reshape(1), size)
    return repeat(value, size // channels)


def by_channels(value: Forms, own: Shape, shape: Shape) -> Forms | None:
    """One form for each channel of `shape`, where the operand is the same on the whole grid when broadcast."""
    if len(shape) < 2 or len(own) > len(shape):
        return None
    if own == shape and value.spatial:
        return value
    sizes = (1,) * (len(shape) - len(own)) + own
    if math.prod(sizes[1:]) == 1 and not len(value.combined()[0]):
        constant = value.constant if len(value) == shape[0] else repeat(value.constant, shape[0])
        return Forms(constant, (), shape[1:])
    return None


def factor_by_channel(factor: RationalArray, shape: Shape) -> RationalArray | None:
    """The factor of each channel, if it does not depend on the place on the grid."""
    sizes = (1,) * (len(shape) - factor.ndim) + factor.shape
    if math.prod(sizes[1:]) != 1:
        return None
    flat = factor.reshape(-1)
    return flat if flat.size == shape[0] else repeat(flat, shape[0])


def spread(factor: RationalArray, shape: Shape) -> RationalArray:
    """The factor of each entry, row-major."""
    return RationalArray(np.broadcast_to(factor.numerators, broadcast(shape, factor.shape)).ravel().copy(), factor.denominator)
