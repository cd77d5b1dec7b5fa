"""Enclosures of real functions against mpmath and FLINT's balls, and the evidence that uses them."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath
import pytest
from flint import arb, ctx, fmpq

from exactnn import mlp, verify_equal
from exactnn.certificate import Rejected, _real, _smooth, check

ARGUMENTS = [Fraction(q) for q in ("0", "1/3", "-1/3", "7", "-7", "40", "-40", "1e-9", "-1e-9", "63", "65", "-65", "300", "-300")]


def exact(name: str, x: Fraction) -> mpmath.mpf:
    """The function by mpmath, at the working precision."""
    t = mpmath.mpf(x.numerator) / x.denominator
    return {
        "exp": lambda: mpmath.exp(t),
        "sigmoid": lambda: 1 / (1 + mpmath.exp(-t)),
        "tanh": lambda: mpmath.tanh(t),
        "softplus": lambda: mpmath.log1p(mpmath.exp(t)),
        "normal": lambda: mpmath.erfc(-t / mpmath.sqrt(2)) / 2,
        "silu": lambda: t / (1 + mpmath.exp(-t)),
        "gelu": lambda: t * mpmath.erfc(-t / mpmath.sqrt(2)) / 2,
        "gelu_tanh": lambda: t / 2 * (1 + mpmath.tanh(t * (mpmath.mpf("0.7978845608028654") + mpmath.mpf("0.035677408136300125") * t * t))),
    }[name]()


@pytest.mark.parametrize("name", ["exp", "sigmoid", "tanh", "softplus", "normal"])
@pytest.mark.parametrize("bits", [16, pytest.param(100, marks=pytest.mark.slow)])
def test_a_point_is_enclosed_closely(name: str, bits: int) -> None:
    numbers = random.Random(name)
    with mpmath.workprec(1500):
        for x in [*ARGUMENTS, *(Fraction(numbers.uniform(-8, 8)) for _ in range(20))]:
            lo, hi = getattr(_real, name)(x, bits)
            assert lo <= exact(name, x) * mpmath.mpf(2) ** bits <= hi
            assert name == "exp" or hi - lo <= 4


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "silu", "gelu", "gelu_tanh"])
def test_an_interval_is_enclosed(name: str) -> None:
    numbers = random.Random(name)
    with mpmath.workprec(300):
        for _ in range(40):
            low = Fraction(numbers.uniform(-5, 5))
            high = low + Fraction(numbers.uniform(0, 1))
            inner = low + (high - low) * Fraction(numbers.random())
            lo, hi = _smooth.values(name, (low, high), 80)
            value = exact(name, inner)
            assert mpmath.mpf(lo.numerator) / lo.denominator <= value <= mpmath.mpf(hi.numerator) / hi.denominator


def test_agrees_with_flint_balls() -> None:
    precision = ctx.prec
    try:
        ctx.prec = 400
        for x in ARGUMENTS:
            ball = (arb(fmpq(x.numerator, x.denominator)) / arb(2).sqrt()).erf() / 2 + arb("0.5")
            lo, hi = _real.normal(x, 90)
            assert ball * arb(2) ** 90 >= arb(lo) - arb("1e-20")
            assert ball * arb(2) ** 90 <= arb(hi) + arb("1e-20")
    finally:
        ctx.prec = precision


def certificate(second: str, bits: int = 64) -> dict[str, object]:
    """tanh(x) against tanh(w x) as an engine writes it."""
    f, g = (mlp([([[w]], [0]), ([[1]], [0])], "tanh") for w in ("1", second))
    verdict = verify_equal(f, g)
    assert verdict.refuted
    assert verdict.certificate is not None
    document = verdict.certificate.document
    assert document["evidence"]["method"] == "enclosure"
    document["evidence"] = {**document["evidence"], "bits": bits}
    return document


def test_a_difference_is_accepted_and_too_few_bits_are_not() -> None:
    assert check(certificate("1001/1000"))
    with pytest.raises(Rejected, match="not further apart"):
        check(certificate("1000000001/1000000000", 16))


def test_a_point_where_nothing_differs_is_rejected() -> None:
    document = certificate("2")
    with pytest.raises(Rejected, match="not further apart"):
        check({**document, "evidence": {**document["evidence"], "point": [0]}})  # type: ignore[dict-item]
    for change in ({"output": 1}, {"bits": 4}, {"bits": 10**9}, {"point": []}, {"bits": True}, {"f": []}):
        with pytest.raises(Rejected):
            check({**document, "evidence": {**document["evidence"], **change}})  # type: ignore[dict-item]


def test_a_tolerance_above_the_difference_is_rejected() -> None:
    document = certificate("1001/1000")
    with pytest.raises(Rejected, match="not further apart"):
        check({**document, "claim": {**document["claim"], "tolerance": 1}})  # type: ignore[dict-item]
