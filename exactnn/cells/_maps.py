"""Affine maps of the outputs of earlier stages: with rationals, and with integers for FLINT."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from exactnn.exact.array import RationalArray

Signs = np.ndarray[Any, np.dtype[np.int8]]


@dataclass(frozen=True)
class StageMap:
    """sum_k blocks[k] y_k + constant, one row for each entry; blocks (rows, size of source k)."""

    blocks: dict[int, RationalArray]
    constant: RationalArray

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.constant)


@dataclass(frozen=True)
class IntegerMap:
    """scale (sum_k B_k y_k + c) = sum_k matrices[k] (scales[k] y_k) + constant, in integers."""

    matrices: dict[int, fmpz_mat]
    transposed: dict[int, fmpz_mat]
    constant: list[int]
    scale: int

    @classmethod
    def of(cls, form: StageMap, scales: Sequence[int], scale: int) -> IntegerMap:
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

    def applied(self, values: Sequence[fmpz_mat], ones: fmpz_mat) -> fmpz_mat:
        """Columns of affine functions: values[k] (size of source k, columns), `ones` the row that is the function 1."""
        total = fmpz_mat(len(self.constant), 1, self.constant) * ones
        for k, m in self.matrices.items():
            total += m * values[k]
        return total


def masked(values: fmpz_mat, signs: Signs) -> fmpz_mat:
    """The values where the signs are positive, 0 elsewhere."""
    kept = (signs > 0).ravel().tolist()
    entries = values.entries()
    return fmpz_mat(values.nrows(), values.ncols(), [v if k else 0 for v, k in zip(entries, kept, strict=True)])


def common_scale(form: StageMap, scales: Sequence[int]) -> int:
    """The least factor that makes the form integer over sources that are multiplied by `scales`."""
    return math.lcm(form.constant.denominator, *(b.denominator * scales[k] for k, b in form.blocks.items()))
