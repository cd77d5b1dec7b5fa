"""Convolutions and average pooling of entries, by rows with few atoms: the same forms as by matrices, for networks of any size."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import check, mlp, verify_equal
from exactnn.exact.array import RationalArray, concatenate
from exactnn.forms import Dense, Forms, Numbering, _layout, _numbering, _sparse, _windows, stack
from exactnn.network import Affine, AveragePool, Builder, Conv, Input, Network, Operation, Reshape, activation, relu
from tests._networks import numbers
from tests.strategies import law


def behind(shape: tuple[int, ...], *operations: Operation) -> Network:
    b = Builder()
    current = b.add("n0", Input(shape))
    for i, operation in enumerate(operations, 1):
        current = b.add(f"n{i}", operation, current)
    return b.build(["n0"], [current])


def window(rng: np.random.Generator, channels: int, size: tuple[int, ...]) -> Operation:
    kernel = tuple(int(rng.integers(1, n + 1)) for n in size)
    stride = tuple(rng.integers(1, 3, len(size)).tolist())
    padding = tuple((int(rng.integers(0, k)), int(rng.integers(0, k))) for k in kernel)
    if rng.integers(2):
        try:
            pool = AveragePool(kernel, stride, padding, bool(rng.integers(2)))
            pool.output_shape((channels, *size))
            return pool
        except ValueError:
            pass
    groups = int(rng.choice([g for g in (1, 2, 3) if channels % g == 0]))
    out = groups * int(rng.integers(1, 3))
    return Conv(numbers(rng, out, channels // groups, *kernel), numbers(rng, out), stride, padding, (1,) * len(size), groups)


@given(st.integers(0, 2**32 - 1), st.booleans())
@law(150)
def test_taps_make_the_same_forms(seed: int, bent: bool) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 4)), *rng.integers(1, 5, int(rng.integers(1, 3))).tolist())
    first = window(rng, shape[0], shape[1:])
    net = behind(shape, first, relu(), window(rng, *_split(first.output_shape(shape)))) if bent else behind(shape, first)
    found, _ = Numbering(net.input_dim, mirror=True, elements=True).run(net)
    assert not any(isinstance(part, Dense) for part in found.parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_layout, "unit", dense_unit)
        patch.setattr(_numbering, "unit", dense_unit)
        whole, _ = Numbering(net.input_dim, mirror=True, elements=True).run(net)
    assert bent or any(isinstance(part, Dense) for part in whole.parts) or not len(whole.atoms())
    assert whole.constant == found.constant
    (ids, matrix), (other, same) = whole.combined(), found.combined()
    assert ids.tolist() == other.tolist()
    assert matrix == same
    assert list(whole.rows()) == list(found.rows())


def dense_unit(ids: np.ndarray, spatial: tuple[int, ...]) -> Forms:
    """The atoms themselves, as a matrix."""
    return Forms(RationalArray.zeros((len(ids),)), (Dense(np.arange(len(ids)), ids, RationalArray.eye(len(ids))),), spatial)


@given(st.integers(0, 2**32 - 1))
@law(100)
def test_sparse_rows_act_as_matrices(seed: int) -> None:
    """Sums, multiples, choices, stacks and images of rows with few atoms, beside those of the matrices that they are."""
    rng = np.random.default_rng(seed)
    size, width = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    wide = int(rng.integers(0, 2)) * (1 << 61)  # sums beyond int64

    def draw() -> tuple[Forms, RationalArray]:
        count = int(rng.integers(0, 12))
        rows, ids = rng.integers(0, size, count), rng.integers(0, width, count)
        values = RationalArray(rng.integers(-3, 4, count).astype(object) * (1 + wide), 6)
        table = np.zeros((size, width), dtype=object)
        for r, a, v in zip(rows, ids, values.numerators, strict=True):
            table[r, a] += int(v)
        constant = numbers(rng, size)
        part = _sparse.gathered(rows, ids, values, size)
        assert all(a < b for i in range(size) for a, b in pairwise(part.ids[part.starts[i] : part.starts[i + 1]].tolist()))
        assert part.values.nonzero().all()
        return Forms(constant, (part,)), concatenate([RationalArray(table, values.denominator), constant.reshape(-1, 1)], axis=1)

    def read(forms: Forms) -> RationalArray:
        ids, matrix = forms.combined()
        full = np.zeros((len(forms), width), dtype=object)
        full[:, ids] = matrix.numerators
        return concatenate([RationalArray(full, matrix.denominator), forms.constant.reshape(-1, 1)], axis=1)

    (f, a), (g, b) = draw(), draw()
    assert read(f) == a
    assert read((f + g - f).merged()) == b
    assert (f - f).vanish()
    assert f.vanish() == a.is_zero()
    factors, chosen = numbers(rng, size), rng.integers(0, size, 4)
    assert read(f.scaled(factors)) == a * factors.reshape(-1, 1)
    assert read(f.take(chosen)) == a[chosen]
    assert read(stack([f, g])) == concatenate([a, b])
    weight, bias = numbers(rng, 3, size), numbers(rng, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sparse, "_BLOCK", 2)
        image = read(f.affine(weight, bias))
    assert image == weight @ a + concatenate([RationalArray.zeros((3, width)), bias.reshape(-1, 1)], axis=1)
    for row, line in zip(f.rows(Fraction(1, 3)), a.to_rows(), strict=True):
        terms = dict(zip(row.ids, row.nums, strict=True))
        assert [row.factor * terms.get(k, 0) for k in range(width)] == list(line[:-1])
        assert row.factor * row.constant == line[-1] - Fraction(1, 3)
        assert row.factor > 0
        assert math.gcd(row.constant, *row.nums) in (0, 1)


def test_what_is_too_large_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    net = behind((2, 4, 4), *(Conv(numbers(rng, 2, 2, 3, 3), numbers(rng, 2), (1, 1), ((1, 1), (1, 1)), (1, 1), 1) for _ in range(2)))
    whole, _ = Numbering(net.input_dim, mirror=True, elements=True).run(net)
    monkeypatch.setattr(_sparse, "_BLOCK", 50)
    blocks, _ = Numbering(net.input_dim, mirror=True, elements=True).run(net)
    assert list(whole.rows()) == list(blocks.rows())
    monkeypatch.setattr(_sparse, "ENTRIES", 400)
    with pytest.raises(_sparse.TooLarge, match="more than 100 terms"):
        Numbering(net.input_dim, mirror=True, elements=True).run(net)


def _split(shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return shape[0], shape[1:]


def doubled(channels: int, size: int, unit: str = "relu") -> tuple[Network, RationalArray]:
    """sum a (phi(conv) - phi(-conv)) = a . conv, a linear function, for phi(t) - phi(-t) = t; and its vector."""
    rng = np.random.default_rng(0)
    w, a = rng.integers(-2, 3, (channels, 3, 3, 3)), rng.integers(-2, 3, (1, channels * size * size))
    padding = ((1, 1), (1, 1))
    twice = Conv(RationalArray(np.concatenate([w, -w])), RationalArray.zeros((2 * channels,)), (1, 1), padding, (1, 1), 1)
    last = Affine(RationalArray(np.concatenate([a, -a], axis=1)), RationalArray.zeros((1,)))
    f = behind((3, size, size), twice, activation(unit), Reshape((2 * channels * size * size,)), last)
    slope = np.zeros((3, size + 2, size + 2), dtype=np.int64)
    for o, plane in enumerate(a.reshape(channels, size, size)):
        for i in range(3):
            for p in range(3):
                for q in range(3):
                    slope[i, p : p + size, q : q + size] += w[o, i, p, q] * plane
    return f, RationalArray(slope[:, 1:-1, 1:-1].reshape(1, -1))


@pytest.mark.slow
def test_a_large_convolution_is_decided() -> None:
    """3 x 32 x 32 inputs and 16 channels: 50 million matrix entries, of which 27 a row are not zero."""
    f, slope = doubled(8, 32)
    verdict = verify_equal(f, mlp([(slope, [0])]))
    assert verdict.proved
    assert check(verdict.certificate)
    nudged = RationalArray.of([[1] + [0] * (slope.size - 1)])
    verdict = verify_equal(f, mlp([(slope + nudged, [0])]))
    assert verdict.refuted
    assert check(verdict.certificate)


def test_an_unknown_for_size_does_not_claim_completeness(monkeypatch: pytest.MonkeyPatch) -> None:
    f, slope = doubled(1, 3, "silu")
    g = mlp([(slope, [0])])
    assert verify_equal(f, g).proved
    monkeypatch.setattr(_windows, "ENTRIES", 10)
    verdict = verify_equal(f, g)
    assert verdict.unknown
    assert "conv on 27 entries" in verdict.reason
    assert "given up for its size" in verdict.reason
    assert "complete" not in verdict.reason
