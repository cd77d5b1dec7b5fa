"""Convolutions and average pooling of entries, written tap by tap: the same forms as by matrices, for networks of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import check, mlp, verify_equal
from exactnn.exact.array import RationalArray
from exactnn.forms import Numbering, Selection, _windows
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
    whole, _ = Numbering(net.input_dim, mirror=True, elements=True).run(net)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_windows, "_fits", lambda atoms, rows: False)
        taps, _ = Numbering(net.input_dim, mirror=True, elements=True).run(net)
    assert all(isinstance(part, Selection) for part in taps.parts)
    assert whole.constant == taps.constant
    (ids, matrix), (other, same) = whole.combined(), taps.combined()
    assert ids.tolist() == other.tolist()
    assert matrix == same


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
