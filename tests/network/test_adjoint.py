"""Adjoints of affine operations:  r . (L x) = (L^T r) . x,  and L = max(L, 0) - max(-L, 0)."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from exactnn.exact.array import RationalArray
from exactnn.network import operations as ops
from exactnn.network import windows

_random = random.Random(14)


def numbers(*shape: int) -> RationalArray:
    """Small rationals, some zero."""
    return RationalArray.from_fractions([Fraction(_random.randint(-3, 3), _random.randint(1, 4)) for _ in range(math.prod(shape))], shape)


def positive(*shape: int) -> RationalArray:
    """Rationals above 0."""
    return RationalArray.from_fractions([Fraction(_random.randint(1, 9), 3) for _ in range(math.prod(shape))], shape)


CASES = [
    (ops.Affine(numbers(3, 4), numbers(3)), [(4,)]),
    (ops.Affine(numbers(3, 4), numbers(3)), [(2, 5, 4)]),
    (ops.BatchNorm(numbers(2), positive(2), numbers(2), numbers(2), Fraction(1, 9), "float32"), [(2, 3, 2)]),
    (ops.Scale(numbers(3, 1)), [(3, 4)]),
    (ops.Add(), [(3, 4), (3, 4)]),
    (ops.Add(), [(3, 4), (4,)]),
    (ops.Subtract(), [(1, 4), (2, 3, 1)]),
    (ops.Subtract(), [(), (3,)]),
    (ops.Reshape((6,)), [(2, 3)]),
    (ops.Transpose((2, 0, 1)), [(2, 3, 4)]),
    (ops.Slice((1, 0), (4, 3), (2, 2)), [(5, 3)]),
    (ops.Gather(RationalArray(np.array([[3, 0, 3], [1, 1, 1]]))), [(2, 3)]),
    (ops.Concat(1), [(2, 1), (2, 3), (2, 2)]),
    (windows.Conv(numbers(4, 2, 3, 2), numbers(4), (2, 1), ((1, 0), (1, 1)), (1, 2), 1), [(2, 5, 4)]),
    (windows.Conv(numbers(4, 1, 2), numbers(4), (1,), ((2, 1),), (2,), 2), [(2, 5)]),
    (windows.AveragePool((2, 2), (1, 2), ((1, 1), (0, 1)), False), [(2, 3, 3)]),
    (windows.AveragePool((2, 2), (2, 2), ((1, 1), (1, 1)), True), [(2, 4, 3)]),
]


@pytest.mark.parametrize(("operation", "shapes"), CASES, ids=lambda v: getattr(v, "kind", None))
def test_adjoint_is_the_transpose_of_the_linear_part(operation: ops.Operation, shapes: list[tuple[int, ...]]) -> None:
    matrices = {}
    out = operation.output_shape(*shapes)
    zero = operation.evaluate(*(RationalArray.zeros((1, *s)) for s in shapes)).reshape(-1)
    unit = RationalArray.eye(math.prod(out)).reshape(-1, *out)
    for part in (0, 1, -1):
        pulled = operation.adjoint(unit, *shapes, part=part)
        assert [p.shape for p in pulled] == [(math.prod(out), *s) for s in shapes]
        matrices[part] = [p.reshape(math.prod(out), -1) for p in pulled]
    for i, shape in enumerate(shapes):
        size = math.prod(shape)
        points = [RationalArray.zeros((size, *s)) for s in shapes]
        points[i] = RationalArray.eye(size).reshape(size, *shape)
        matrix = (operation.evaluate(*points).reshape(size, -1) - zero).T
        assert matrices[0][i] == matrix
        assert matrices[1][i] == matrix.relu()
        assert matrices[-1][i] == (-matrix).relu()


def test_large_numbers_do_not_overflow() -> None:
    big = RationalArray(np.full((1, 4), (1 << 61) + 1))
    (pulled,) = ops.Gather(RationalArray(np.zeros(4, dtype=np.int64))).adjoint(big, (2,))
    assert pulled.to_fractions() == (4 * ((1 << 61) + 1), 0)
    pool = windows.AveragePool((2,), (1,), ((0, 0),), False)
    (pulled,) = pool.adjoint(RationalArray(np.full((1, 1, 3), 1 << 61)), (1, 4))
    assert pulled.to_fractions() == (1 << 60, 1 << 61, 1 << 61, 1 << 60)


def test_every_affine_operation_has_one() -> None:
    covered = {type(operation) for operation, _ in CASES} | {ops.Constant}
    found = {c for m in (ops, windows) for c in vars(m).values() if isinstance(c, type) and issubclass(c, ops.Operation)}
    affine = {c for c in found if c.is_affine and "kind" in vars(c)}
    assert affine == covered
