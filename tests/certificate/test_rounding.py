"""The scale of a batch norm: the float nearest to weight / sqrt(radicand), by its neighbours."""

import random
import struct
from fractions import Fraction

import pytest

from exactnn.certificate import Rejected
from exactnn.certificate._rounding import FORMATS, rounded_quotient

F = Fraction
CODES = {"float16": ("<e", "<H"), "float32": ("<f", "<I"), "float64": ("<d", "<Q")}


def neighbours(value, name):
    """The floats just below and above a positive float of the format, by its bit pattern; (none, even)."""
    if name == "bfloat16":
        (bits,) = struct.unpack("<I", struct.pack("<f", float(value)))
        assert bits % 2**16 == 0
        around = [struct.unpack("<f", struct.pack("<I", b))[0] for b in (bits - 2**16, bits, bits + 2**16)]
        odd = bits >> 16 & 1
    else:
        letter, whole = CODES[name]
        (bits,) = struct.unpack(whole, struct.pack(letter, float(value)))
        around = [struct.unpack(letter, struct.pack(whole, b))[0] for b in (bits - 1, bits, bits + 1)]
        odd = bits & 1
    assert F(around[1]) == value  # the result is a number of the format
    return F(around[0]), F(around[2]), odd


def is_nearest(value, weight, radicand, name):
    below, above, odd = neighbours(value, name)
    square = weight**2 / radicand
    low, high = ((below + value) / 2) ** 2, ((value + above) / 2) ** 2
    return low <= square <= high and (square not in (low, high) or not odd)


@pytest.mark.parametrize("name", FORMATS)
def test_nearest(name):
    generator = random.Random(name)
    bits, least, largest = FORMATS[name]
    for _ in range(300):
        exponent = generator.randint(least - bits + 6, largest - 1)
        weight = F(generator.randint(2**57, 2**60), 2**60) * F(2) ** exponent
        radicand = F(generator.randint(1, 2**30), generator.randint(1, 2**30))
        weight *= F(int(float(radicand) ** 0.5 * 2**30) or 1, 2**30)
        value = rounded_quotient(weight, radicand, name, "here")
        assert is_nearest(value, weight, radicand, name)
        assert rounded_quotient(-weight, radicand, name, "here") == -value


@pytest.mark.parametrize("name", FORMATS)
def test_ties_go_to_even(name):
    bits, least, _ = FORMATS[name]
    for m, result in ((2**bits + 1, 2**bits), (2**bits + 3, 2**bits + 4), (2 ** (bits + 1) - 1, 2 ** (bits + 1))):
        for shift in (0, 2, -5):
            unit = F(2) ** shift
            assert rounded_quotient(3 * m * unit, F(9), name, "here") == result * unit
    tiny = F(2) ** (least - bits + 1)  # the smallest subnormal number
    for half, result in ((1, 0), (3, 2), (5, 2), (7, 4)):
        assert rounded_quotient(tiny * half / 2, F(1), name, "here") == result * tiny
        assert rounded_quotient(tiny * half / 2 + tiny / 10**9, F(1), name, "here") == (half + 1) // 2 * tiny


@pytest.mark.parametrize("name", FORMATS)
def test_overflow(name):
    bits, _, largest = FORMATS[name]
    top = F(2) ** (largest + 1)
    last = top - F(2) ** (largest + 1 - bits)
    half = (top + last) / 2  # rounds away, as IEEE does
    assert rounded_quotient(last, F(1), name, "here") == last
    assert rounded_quotient(half - F(1, 10), F(1), name, "here") == last
    for weight in (half, top, 5 * top):
        with pytest.raises(Rejected, match="range"):
            rounded_quotient(weight, F(1), name, "here")


def test_zero_and_refusals():
    assert rounded_quotient(F(0), F(1, 3), "float32", "here") == 0
    for radicand in (F(0), F(-1)):
        with pytest.raises(Rejected, match="positive"):
            rounded_quotient(F(1), radicand, "float32", "here")
        with pytest.raises(Rejected, match="positive"):
            rounded_quotient(F(0), radicand, "float32", "here")


def test_known_values():
    assert rounded_quotient(F(1), F(2), "float64", "here") == F(0.5**0.5)
    assert rounded_quotient(F(1), F(2), "float32", "here") == F(0.70710676908493041992)
    assert rounded_quotient(F(1), F(4), "float16", "here") == F(1, 2)
