"""Bounds against the sums they are, term by term, the table of the theory, and Zaslavsky's number for one layer."""

from __future__ import annotations

import itertools
import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError
from exactnn.regions.bounds import bounds
from tests.strategies import law

#: shared/theory/tropical.md, section 2.2
TABLE = [
    (1, (1, 1), None, 3),
    (1, (2, 2), None, 9),
    (1, (3, 3), 16, 16),
    (1, (3, 3, 3), 64, 64),
    (2, (3, 3), None, 40),
    (2, (6, 6), 352, 484),
    (2, (4, 4, 4), None, 1331),
    (2, (8, 8, 8), 23125, 50653),
    (3, (9, 9), 8320, 16900),
    (4, (8, 8), None, 26569),
    (4, (8, 8, 8, 8), None, 705911761),
    (4, (10, 10, 10, 10), None, 22199808016),
    (784, (32, 16, 10), None, 262865056349694890),
]


def term_by_term(inputs, widths):
    """(1.8) and (1.7) as they are written."""
    upper = 0
    for j in itertools.product(*(range(n + 1) for n in widths)):
        if all(j[i] <= min([inputs, n, *(widths[k] - j[k] for k in range(i))]) for i, n in enumerate(widths)):
            upper += math.prod(math.comb(n, i) for n, i in zip(widths, j, strict=True))
    if any(n < 3 * inputs for n in widths):
        return None, upper
    lower = sum(math.comb(widths[-1], i) for i in range(inputs + 1))
    for n in widths[:-1]:
        lower *= (n // inputs + 1) ** inputs
    return lower, upper


@pytest.mark.parametrize(("inputs", "widths", "lower", "upper"), TABLE)
def test_the_table_of_the_theory(inputs, widths, lower, upper):
    assert bounds(inputs, widths) == (lower, upper)


@given(st.integers(1, 7), st.lists(st.integers(1, 7), min_size=1, max_size=4))
@law(60)
def test_is_the_sum_term_by_term(inputs, widths):
    assert bounds(inputs, widths) == term_by_term(inputs, widths)


@given(st.integers(1, 9), st.integers(1, 40))
def test_one_layer_is_an_arrangement(inputs, width):
    lower, upper = bounds(inputs, [width])
    assert upper == sum(math.comb(width, k) for k in range(inputs + 1))
    assert lower == (upper if width >= 3 * inputs else None)


@given(st.integers(1, 3), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(0, 3))
def test_grows_with_every_width(inputs, widths, place):
    wider = [n + (i == place % len(widths)) for i, n in enumerate(widths)]
    assert bounds(inputs, widths)[1] <= bounds(inputs, wider)[1]
    assert bounds(inputs, widths)[1] <= bounds(inputs + 1, widths)[1] <= 2 ** sum(widths)
    lower, upper = bounds(inputs, [3 * inputs + n for n in widths])
    assert lower is not None
    assert lower <= upper


def test_no_hidden_layer_is_one_region():
    assert bounds(3, []) == (1, 1)


def test_large_networks_in_an_instant():
    start = time.process_time()
    assert bounds(784, [100] * 20)[1] < 2**2000
    lower, upper = bounds(10, [1000] * 100)
    assert lower is not None
    assert lower == 101**990 * sum(math.comb(1000, k) for k in range(11)) < upper
    assert time.process_time() - start < 2


def test_sizes_of_any_integer_kind():
    assert bounds(np.int64(1), np.array([3, 3])) == (16, 16)
    assert bounds(1, (3, np.uint8(3))) == (16, 16)


@pytest.mark.parametrize(
    ("inputs", "widths", "message"),
    [
        (0, [3], "input_dim: a positive integer is needed, got 0"),
        (-2, [3], "input_dim: a positive integer is needed, got -2"),
        (2.0, [3], r"input_dim: a positive integer is needed, got 2\.0"),
        (True, [3], "input_dim: a positive integer is needed, got True"),
        (2, [3, 0], r"widths\[1\]: a positive integer is needed, got 0"),
        (2, [3, "4"], r"widths\[1\]: a positive integer is needed, got '4'"),
        (2, np.array([[3, 4]]), r"widths\[0\]: a positive integer is needed, got array"),
        (np.array([1, 2]), [3], "input_dim: a positive integer is needed, got array"),
        (2, 3, "widths: a list of integers"),
        (2, "33", "widths: a list of integers"),
        (2, None, "widths: a list of integers"),
        (2, {3: 3}, "widths: a list of integers"),
    ],
)
def test_what_is_no_size_is_refused(inputs: Any, widths: Any, message: str):
    with pytest.raises(ArgumentError, match=message):
        bounds(inputs, widths)


def test_numbers_that_would_not_fit_are_refused():
    with pytest.raises(ArgumentError, match="widths"):
        bounds(10**6, [10**6])
