"""Numbers to draw: small rationals, some of them 2^-60 from others; numbers of a float format; tensors of them.

The simplest ones come first in each list, so that hypothesis shrinks towards 0 and small integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import strategies as st

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, as_fraction
from exactnn.exact.rounding import FORMATS

T = TypeVar("T")
Vector = tuple[Fraction, ...]
#: what a size may be given as: a number, (smallest, largest), or a strategy of integers
Size = int | tuple[int, int] | st.SearchStrategy[int]
#: what the numbers to draw may be given as: a strategy of them, some to choose from, or None for the usual ones
Weights = st.SearchStrategy[Any] | Sequence[Number] | None

TINY = Fraction(1, 2**60)
HOMOGENEOUS = ("relu", "leaky_relu(1/10)", "leaky_relu(-1/3)", "leaky_relu(2)", "abs")
PIECEWISE = (*HOMOGENEOUS, "relu6", "hardtanh", "clip(-1/2, 3)", "identity")
SMOOTH = ("tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus")


def numbers() -> st.SearchStrategy[Fraction]:
    """Small rationals, some of them 2^-60 from others, some of them large."""
    usual: list[Any] = [0, 0, 1, 1, -1, -1, 2, -2, 3, "1/2", "-1/2", "1/3", "-2/3", "5/4"]
    rare: list[Any] = [TINY, -TINY, 1 + TINY, 2**70, Fraction(1, 10**30)]
    return st.sampled_from([Fraction(q) for q in usual * 3] + [Fraction(q) for q in rare])


def positives() -> st.SearchStrategy[Fraction]:
    """Positive factors."""
    factors: list[Any] = [1, 2, 3, "1/2", "2/3", "7/5", 2**40, TINY]
    return st.sampled_from([Fraction(q) for q in factors])


def float_numbers(precision: str = "float32") -> st.SearchStrategy[Fraction]:
    """Numbers of a float format, as the rationals they are: small integers and eighths, and some that need every bit of the format.

    Parameters
    ----------
    precision : "float16", "bfloat16", "float32" or "float64"

    Examples
    --------
    >>> from hypothesis import find
    >>> find(float_numbers("float32"), lambda q: q > 1)
    Fraction(2, 1)
    """
    if precision not in FORMATS:
        raise ArgumentError(f"precision: one of {', '.join(FORMATS)} is needed, got {precision!r}")
    bits = FORMATS[precision][0]
    usual = [Fraction(q) for q in (0, 1, -1, 2, -2, 3, "1/2", "-1/2", "1/4", "-3/4", "5/8", -3)]
    unit = Fraction(1, 2 ** (bits - 1))  # 1 + unit is the next number after 1
    rare = [1 + unit, -1 - unit, 2 - unit, unit, -unit, Fraction(round(Fraction(4, 3) * 2 ** (bits - 2)), 2 ** (bits - 1))]
    return st.sampled_from(usual * 3 + rare)


def weights_of(weights: Weights) -> st.SearchStrategy[Fraction]:
    """The argument `weights` of a strategy: a strategy of numbers, a sequence to choose from (the simplest one first), or None."""
    if weights is None:
        return numbers()
    if isinstance(weights, st.SearchStrategy):
        return weights.map(lambda q: as_fraction(q, "weights"))
    if isinstance(weights, (str, bytes)) or not isinstance(weights, Sequence) or not weights:
        raise ArgumentError(f"weights: a strategy of numbers, a sequence of numbers to choose from or None is needed, got {weights!r}")
    return st.sampled_from([as_fraction(q, "weights") for q in weights])


def size_of(value: Size | None, usual: tuple[int, int], argument: str, least: int = 1) -> st.SearchStrategy[int]:
    """The argument of a strategy that is a size."""
    if isinstance(value, st.SearchStrategy):
        return value.map(lambda size: _range(size, usual, argument, least)[0])
    return st.integers(*_range(value, usual, argument, least))


def size_range(draw: st.DrawFn, value: Size | None, usual: tuple[int, int], argument: str) -> tuple[int, int]:
    """The smallest and the largest that such an argument allows; what a strategy says is drawn."""
    return _range(draw(value) if isinstance(value, st.SearchStrategy) else value, usual, argument, 1)


def _range(value: Any, usual: tuple[int, int], argument: str, least: int) -> tuple[int, int]:
    pair = usual if value is None else (value, value) if isinstance(value, int) else value
    whole = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(n, int) and not isinstance(n, bool) for n in pair)
    if not whole or not least <= pair[0] <= pair[1]:
        raise ArgumentError(f"{argument}: a number >= {least}, (smallest, largest) or a strategy of numbers is needed, got {value!r}")
    return pair[0], pair[1]


@st.composite
def tensors(draw: st.DrawFn, shape: tuple[int, ...], entries: st.SearchStrategy[Fraction] | None = None) -> RationalArray:
    """A tensor of `numbers`, or of other entries."""
    chosen = numbers() if entries is None else entries
    return RationalArray.from_fractions([draw(chosen) for _ in range(math.prod(shape))], shape)
