"""Products by limbs are the products of Python's integers, at the edges of every size."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from exactnn.exact import _products
from exactnn.exact.array import RationalArray, affine_table, concatenate, integer_array

SIZES = [1, 5, 19, 20, 21, 39, 40, 41, 60, 61, 62, 63, 64, 80, 100, 160, 300]


def entries(source: random.Random, bits: int, *shape: int) -> np.ndarray[Any, Any]:
    """Integers of at most so many bits, many of them at the edge."""

    def one() -> int:
        size = source.choice([(1 << bits) - 1, 1 << (bits - 1), 0, source.getrandbits(bits), source.getrandbits(bits)])
        return source.choice([-1, 1]) * size

    return integer_array((one() for _ in range(int(np.prod(shape)))), shape)


def test_any_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_products, "_WORK", 0)
    source, done = random.Random(0), 0
    for _ in range(600):
        m, k, n = source.randint(1, 6), source.choice([1, 2, 5, 40, 300]), source.randint(1, 5)
        a = RationalArray(entries(source, source.choice(SIZES), m, k)).numerators
        b = RationalArray(entries(source, source.choice(SIZES), k, n)).numerators
        row = entries(source, source.choice([1, 30, 100, 400]), n) if source.random() < 0.5 else None
        bounds = tuple(max(abs(int(v)) for v in x.ravel()) for x in (a, b))
        monkeypatch.setattr(_products, "_ENTRIES", source.choice([1 << 20, 2 * n]))
        found = _products.by_limbs(a, b, bounds, row)  # type: ignore[arg-type]
        expected = a.astype(object) @ b.astype(object) + (0 if row is None else row)
        done += found is not None
        assert found is None or (found == expected).all()
    assert done > 400


def test_limbs_that_fill_every_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """All entries alike and as large as can be: no partial sum of floats may be rounded."""
    monkeypatch.setattr(_products, "_WORK", 0)
    for bits in (20, 22, 44, 61, 66, 110):
        for k in (3, 255, 256, 1000):
            for sign in (1, -1):
                a = np.full((2, k), (1 << bits) - 1, dtype=object)
                b = np.full((k, 2), sign * ((1 << 41) - 1), dtype=object)
                found = _products.by_limbs(a, b, ((1 << bits) - 1, (1 << 41) - 1))
                assert found is not None
                assert (found == k * ((1 << bits) - 1) * sign * ((1 << 41) - 1)).all()


def test_large_products_take_this_way(monkeypatch: pytest.MonkeyPatch) -> None:
    source = random.Random(1)
    a, b = RationalArray(entries(source, 70, 60, 200), 3), RationalArray(entries(source, 41, 200, 200), 1 << 41)
    column, row = RationalArray(entries(source, 90, 60), 1 << 60), RationalArray(entries(source, 90, 200), 1 << 50)
    product, table = a @ b, affine_table(column, a, b, row)
    monkeypatch.setattr(_products, "_WORK", 1 << 60)
    assert product == a @ b
    assert table == affine_table(column, a, b, row) == concatenate([column.reshape(-1, 1), a @ b + row], axis=1)
