"""What the format is made of: numbers, lists, objects, tensors; and what a document may be refused for."""

import re
from fractions import Fraction
from math import prod

LARGEST = 20_000  # entries of a value; what is larger is not covered


class Rejected(Exception):
    """The document does not support its claim, by the text of the format."""


class NotCovered(Exception):
    """The document uses a part of the format that this file does not implement."""


def need(truth, reason):
    if not truth:
        raise Rejected(reason)


def count(value, least=0):
    need(type(value) is int and value >= least, f"a count from {least}, not {value!r}"[:99])
    return value


def integer(value):
    if isinstance(value, str) and re.fullmatch("-?0x[0-9a-fA-F]+", value, re.ASCII):
        return int(value, 16)
    need(type(value) is int, f"an Integer, not {value!r}"[:99])
    return value


def rational(value):
    if isinstance(value, str) and "/" in value:
        parts = [int(p, 16 if "x" in p else 10) for p in value.split("/") if re.fullmatch("-?([0-9]+|0x[0-9a-fA-F]+)", p, re.ASCII)]
        need(value.count("/") == 1 and len(parts) == 2 and parts[1] > 0, f"a Rational, not {value!r}"[:99])
        return Fraction(*parts)
    return Fraction(integer(value))


def several(kind, length=None):
    def read(value):
        need(isinstance(value, list) and length in (None, len(value)), "a list of another kind or length")
        return [kind(v) for v in value]

    return read


def record(value, *keys, maybe=()):
    """The values of these keys; there are no others but those of `maybe`."""
    need(isinstance(value, dict) and set(keys) <= set(value) <= {*keys, *maybe}, f"an object with the keys {keys}")
    return [value[key] for key in keys]


def one_of(*words):
    def read(value):
        need(type(value) in map(type, words) and value in words, f"one of {words}, not {value!r}"[:99])
        return value

    return read


def shape(value):
    sizes = tuple(several(lambda v: count(v, 1))(value))
    if prod(sizes) > LARGEST:
        raise NotCovered("a large value")
    return sizes


def tensor(value):
    sizes, denominator, numerators = record(value, "shape", "denominator", "numerators")
    sizes, denominator = shape(sizes), integer(denominator)
    need(denominator > 0, "a denominator that is not positive")
    return sizes, [Fraction(n, denominator) for n in several(integer, prod(sizes))(numerators)]


def table(value):
    """A matrix by its rows."""
    (rows, columns), entries = value
    return [entries[r * columns : (r + 1) * columns] for r in range(rows)]
