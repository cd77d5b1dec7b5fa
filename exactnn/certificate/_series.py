"""Power series in t whose coefficients are tensors of integers, or of spans, over one denominator; exponentials by recursion.

E = exp(a):        k E_k = sum_{j=1..k} j a_j E_{k-j}
s = softmax(a), l = logsumexp(a):   k l_k = sum_j j <a_j, s_{k-j}>,   k s_k = sum_j j (a_j - l_j) s_{k-j},   s_0 = exp(a_0 - l_0)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any

from . import _real
from ._affine import broadcast_to, product, sum_of, total
from ._enclosure import Span
from ._numbers import Tensor, need
from ._windows import broadcast, spread

Series = list[Tensor]


def exact(a: Tensor) -> bool:
    """Whether all entries are integers."""
    return not any(isinstance(n, Span) for n in a.numerators)


def ends(a: Tensor) -> list[tuple[int, int]]:
    """The least and the greatest numerator of each entry."""
    entries: list[Any] = a.numerators
    return [(n.lo, n.hi) if isinstance(n, Span) else (n, n) for n in entries]


def rounded(a: Tensor, bits: int) -> Tensor:
    """Spans over 2^bits, rounded outwards; integers stay as they are."""
    if a.denominator <= 1 << bits or exact(a):
        return a
    found: list[Any] = [Span((lo << bits) // a.denominator, -((-hi << bits) // a.denominator)) for lo, hi in ends(a)]
    return Tensor(a.shape, found, 1 << bits)


def added(first: Series, second: Series, minus: bool, step: str) -> Series:
    """first + second, or first - second."""
    shape = broadcast(first[0].shape, second[0].shape, step)
    zero = Tensor(shape, [0] * prod(shape), 1)
    pairs = [[s[k] if k < len(s) else zero for s in (first, second)] for k in range(max(len(first), len(second)))]
    return [sum_of(broadcast_to(a, shape), broadcast_to(b, shape), minus) for a, b in pairs]


def multiplied(first: Series, second: Series, order: int, step: str) -> Series:
    """The product up to t^order."""
    found: list[Tensor] = []
    for k in range(min(len(first) + len(second) - 1, order + 1)):
        parts = [times(first[i], second[k - i], step) for i in range(k + 1) if i < len(first) and k - i < len(second)]
        found.append(total(parts))
    return found


def times(a: Tensor, b: Tensor, step: str) -> Tensor:
    """The product, entry by entry."""
    shape = broadcast(a.shape, b.shape, step)
    return product(broadcast_to(a, shape), broadcast_to(b, shape))


def summed(a: Tensor, axes: Sequence[int] | None) -> Tensor:
    """Sums over axes, which stay with size 1; over everything for None."""
    if axes is None:
        return Tensor((), [sum(a.numerators)], a.denominator)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(a.shape))
    found: list[Any] = [0] * prod(shape)
    for n, p in zip(a.numerators, spread(shape, a.shape), strict=True):
        found[p] = found[p] + n
    return Tensor(shape, found, a.denominator)


def largest(a: Tensor, step: str) -> Tensor:
    """The maximum over the last axis, which stays with size 1."""
    need(bool(a.shape), step, "a maximum of a single number")
    size, bounds = a.shape[-1], ends(a)
    pairs = [tuple(map(max, zip(*bounds[i : i + size], strict=True))) for i in range(0, len(bounds), size)]
    found: list[Any] = [lo if lo == hi else Span(lo, hi) for lo, hi in pairs]
    return Tensor((*a.shape[:-1], 1), found, a.denominator)


def exponential(a: Series, bits: int, step: str) -> Series:
    """exp, entry by entry."""
    found = [_exp(a[0], bits)]
    for k in range(1, len(a)):
        parts = [times(_scaled(a[j], j), found[k - j], step) for j in range(1, k + 1)]
        found.append(rounded(_over(total(parts), k), bits))
    return found


def softmax_and_log(a: Series, bits: int, step: str) -> tuple[Series, Series]:
    """softmax and logsumexp over the last axis."""
    need(bool(a[0].shape), step, "a softmax of a single number")
    top = _exact_top(a[0], bits)
    exponentials = summed(_exp(sum_of(a[0], broadcast_to(top, a[0].shape), True), bits), [len(a[0].shape) - 1])
    logs = [rounded(sum_of(_log(exponentials, bits), top), bits)]
    shares = [_exp(sum_of(a[0], broadcast_to(logs[0], a[0].shape), True), bits)]
    for k in range(1, len(a)):
        parts = [times(_scaled(a[j], j), shares[k - j], step) for j in range(1, k + 1)]
        logs.append(rounded(_over(summed(total(parts), [len(a[0].shape) - 1]), k), bits))
        moved = [added([a[j]], [logs[j]], True, step)[0] for j in range(1, k + 1)]
        parts = [times(_scaled(move, j), shares[k - j], step) for j, move in enumerate(moved, 1)]
        shares.append(rounded(_over(total(parts), k), bits))
    return shares, logs


def _scaled(a: Tensor, factor: int) -> Tensor:
    return a if factor == 1 else a._replace(numerators=[n * factor for n in a.numerators])


def _over(a: Tensor, divisor: int) -> Tensor:
    return a._replace(denominator=a.denominator * divisor)


def _exact_top(a: Tensor, bits: int) -> Tensor:
    """A number near the largest entry of each row: any one would do, since it is subtracted and added."""
    size, bounds = a.shape[-1], ends(a)
    found = [max(hi for _, hi in bounds[i : i + size]) for i in range(0, len(bounds), size)]
    return Tensor((*a.shape[:-1], 1), found, a.denominator)


@lru_cache(maxsize=2**14)
def _end(x: Fraction, bits: int) -> tuple[int, int]:
    """exp of one number; the same ones come again where a series moves in one direction after the other."""
    return _real.exp(x, bits)


def _exp(a: Tensor, bits: int) -> Tensor:
    found: list[Any] = []
    fine = bits + _real.GUARD  # numbers of any length are shortened first, outwards
    for lo, hi in ends(a):
        low, high = Fraction((lo << fine) // a.denominator, 1 << fine), Fraction(-((-hi << fine) // a.denominator), 1 << fine)
        below = 0 if low < -bits else _end(low, bits)[0]  # exp(-bits) < 2^-bits
        above = 1 if high < -bits else _end(high, bits)[1]
        found.append(Span(below, above))
    return Tensor(a.shape, found, 1 << bits)


def _log(a: Tensor, bits: int) -> Tensor:
    pairs = [(Fraction(lo, a.denominator), Fraction(hi, a.denominator)) for lo, hi in ends(a)]
    found: list[Any] = [Span(_real.log(low, bits)[0], _real.log(high, bits)[1]) for low, high in pairs]
    return Tensor(a.shape, found, 1 << bits)
