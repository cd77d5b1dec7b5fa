"""Factors of scaled neurons: near enough, and with numerators and denominators that have much in common."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.verify._factors import Blurred, chosen, near_products, simple
from tests.strategies import law


@pytest.mark.parametrize(("bits", "most"), [(8, 80), (14, 160), (28, 400), (40, 640)])
def test_products_of_primes_are_near_and_share_their_primes(bits: int, most: int) -> None:
    values = np.exp(np.random.default_rng(bits).uniform(-9, 9, 400)).tolist()
    found = near_products(values, bits)
    assert all(abs(q / Fraction(v) - 1) < Fraction(4, 2**bits) for q, v in zip(found, values, strict=True))
    assert math.lcm(*(q.numerator for q in found)).bit_length() < most
    assert math.lcm(*(q.denominator for q in found)).bit_length() < most


@given(st.builds(Fraction, st.integers(1, 20), st.integers(1, 20)), st.integers(-60, 60), st.floats(-1, 1))
@law(200)
def test_a_simple_fraction_is_seen_through_the_blur(q: Fraction, twos: int, where: float) -> None:
    q *= Fraction(2) ** twos
    assert simple(Blurred(float(q) * (1 + where * 1e-6), 1e-6)) == q


@given(st.floats(0.1, 10), st.sampled_from([1e-3, 1e-5, 1e-8]))
@law(200)
def test_what_is_simple_lies_within_the_blur_and_is_rare(value: float, off: float) -> None:
    found = simple(Blurred(value, off))
    if found is not None:
        assert abs(found / Fraction(value) - 1) <= 3 * Fraction(off) * Fraction(1001, 1000)
        assert found.numerator * found.denominator < 2**8 / off


def test_too_blurred_for_any() -> None:
    assert simple(Blurred(1.0, 0.5)) is None


def test_exact_factors_are_kept_and_many_simple_ones_are_too_many() -> None:
    exact = Fraction(3**50, 2**70)
    primes = [p for p in range(300, 1000) if all(p % d for d in range(2, 32))]
    found = chosen([exact, Blurred(1.5, 1e-9), *(Blurred(p / 1024, 1e-9) for p in primes)])
    assert found[:2] == [exact, Fraction(3, 2)]
    assert math.lcm(*(q.numerator for q in found[1:])).bit_length() < 900  # the product of these primes has as many as 1,000 bits
    assert all(abs(q * 1024 / p - 1) < Fraction(1, 10**9) for q, p in zip(found[2:], primes, strict=True))
    assert math.prod(primes).bit_length() > 900
    assert chosen([]) == []
