"""Products by limbs are the products of Python's integers, whatever the sizes."""

from __future__ import annotations

import random

import numpy as np
import pytest

from exactnn.exact.limbs import CutMatrix, cut


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 27), (40, 900)])
@pytest.mark.parametrize("bits", [(3, 3), (28, 67), (41, 67), (53, 16), (61, 70), (200, 300)])
def test_products(shape: tuple[int, int], bits: tuple[int, int]) -> None:
    draw = random.Random(sum(shape) + sum(bits))
    ends = [1 - 2 ** bits[0], 2 ** bits[0] - 1]
    entries = np.array([draw.choice([*ends, 0, draw.randint(*ends)]) for _ in range(shape[0] * shape[1])], dtype=object).reshape(shape)
    size = 2 ** bits[1]
    x = np.array([draw.choice([-size, size, 0, draw.randint(-size, size)]) for _ in range(2 * shape[1])], dtype=object).reshape(2, -1)
    matrices = [entries, entries.astype(np.int64)] if bits[0] < 62 else [entries]
    for matrix in matrices:
        found = CutMatrix(matrix)(cut(x))
        middle, reach = entries @ x[0], abs(entries) @ x[1]
        assert (found == np.stack([reach + middle, reach - middle])).all()


def test_digits_that_are_zero_are_left_out() -> None:
    """One number, 2^64, many times: one digit is left, and the products stay exact."""
    x = np.full((2, 2000), 1 << 64, dtype=object)
    assert cut(x).places == (4,)
    entries = np.arange(2000).reshape(1, -1) - 1000
    found = CutMatrix(entries)(cut(x))
    assert found.tolist() == [[int(s * entries.sum() + abs(entries).sum()) << 64] for s in (1, -1)]
    assert cut(0 * x).places == (0,)
