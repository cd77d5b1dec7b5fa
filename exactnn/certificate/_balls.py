"""Tensors that are known up to a radius, and power series of them in t: exact where no exponential enters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from itertools import zip_longest
from math import prod
from operator import add, sub
from typing import NamedTuple

from . import _real
from ._broadcast import broadcast_to, spread
from ._numbers import Tensor
from ._tensors import absolute, product, sum_of


class Ball(NamedTuple):
    """centre +- radius, entry by entry; without a radius the numbers themselves."""

    centre: Tensor
    radius: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of both."""
        return self.centre.shape

    def ends(self) -> tuple[Tensor, Tensor]:
        """The least and the greatest numbers."""
        if self.radius is None:
            return self.centre, self.centre
        return sum_of(self.centre, self.radius, minus=True), sum_of(self.centre, self.radius)

    def rounded(self, bits: int) -> Ball:
        """Over 2^bits, outwards; exact numbers stay as they are."""
        (shape, centre, over), radius = self
        if radius is None or max(over, radius.denominator) <= 1 << bits:
            return self
        centre = [(n << bits) // over for n in centre]
        errors = [1 - (-n << bits) // radius.denominator for n in radius.numerators]
        return Ball(Tensor(shape, centre, 1 << bits), Tensor(shape, errors, 1 << bits))

    def mapped(self, linear: Callable[[Tensor], Tensor]) -> Ball:
        """A linear map with weights >= 0."""
        return Ball(linear(self.centre), None if self.radius is None else linear(self.radius))

    def wide(self, shape: tuple[int, ...]) -> Ball:
        """Broadcast to this shape."""
        return self.mapped(lambda t: broadcast_to(t, shape))

    def summed(self, axes: Sequence[int] | None) -> Ball:
        """Sums over axes, which stay with size 1; over everything for None."""
        return self.mapped(lambda t: _summed(t, axes))


def between(low: Tensor, high: Tensor) -> Ball:
    """low <= entries <= high, over one denominator."""
    sums, widths = (list(map(by, high.numerators, low.numerators)) for by in (add, sub))
    return Ball(Tensor(low.shape, sums, 2 * low.denominator), Tensor(low.shape, widths, 2 * low.denominator) if any(widths) else None)


def plus(a: Ball, b: Ball, minus: bool = False) -> Ball:
    """a + b, or a - b."""
    radius = a.radius or b.radius if a.radius is None or b.radius is None else sum_of(a.radius, b.radius)
    return Ball(sum_of(a.centre, b.centre, minus), radius)


def times(a: Ball, b: Ball) -> Ball:
    """a b:  |c| s + r |d| + r s  around c d."""
    radius = None if b.radius is None else product(absolute(a.centre), b.radius)
    if a.radius is not None:
        size = absolute(b.centre)
        more = product(a.radius, size if b.radius is None else sum_of(size, b.radius))
        radius = more if radius is None else sum_of(radius, more)
    return Ball(product(a.centre, b.centre), radius)


def scaled(a: Ball, factor: Fraction) -> Ball:
    """a times a number >= 0."""
    return a.mapped(lambda t: Tensor(t.shape, [n * factor.numerator for n in t.numerators], t.denominator * factor.denominator))


def _summed(a: Tensor, axes: Sequence[int] | None) -> Tensor:
    if axes is None:
        return Tensor((), [sum(a.numerators)], a.denominator)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(a.shape))
    found = [0] * prod(shape)
    for n, p in zip(a.numerators, spread(shape, a.shape), strict=True):
        found[p] += n
    return Tensor(shape, found, a.denominator)


def largest(a: Ball) -> Ball:
    """The maximum over the last axis, which stays with size 1."""
    return between(*map(_maxima, a.ends()))


def _maxima(a: Tensor) -> Tensor:
    size = a.shape[-1]
    return Tensor((*a.shape[:-1], 1), [max(a.numerators[i : i + size]) for i in range(0, len(a.numerators), size)], a.denominator)


# --- power series: coefficients of t^0, t^1, ... ------------------------------------------------------------------------------

Series = list[Ball]


def added(first: Series, second: Series, minus: bool = False) -> Series:
    """first + second, or first - second, which have one shape."""
    zero = Ball(Tensor(first[0].shape, [0] * prod(first[0].shape), 1))
    return [plus(a, b, minus) for a, b in zip_longest(first, second, fillvalue=zero)]


def multiplied(first: Series, second: Series, order: int) -> Series:
    """The product up to t^order."""
    return [
        reduce(plus, [times(first[i], second[k - i]) for i in range(k + 1) if i < len(first) and k - i < len(second)])
        for k in range(min(len(first) + len(second) - 1, order + 1))
    ]


def exponential(a: Series, bits: int) -> Series:
    """exp, entry by entry."""
    found: Series = []
    while len(found) < len(a):
        found.append(_next(a, found, bits) if found else _exp(a[0], bits))
    return found


def _next(a: Series, e: Series, bits: int) -> Ball:
    """The next coefficient of the integral of a' e, which is that of e where e' = a' e:  sum of j/k a_j e_(k-j)."""
    k = len(e)
    return reduce(plus, [times(scaled(a[j], Fraction(j, k)), e[k - j]) for j in range(1, k + 1)]).rounded(bits)


def logsumexp(a: Series, bits: int) -> tuple[Series, Series]:
    """The logarithm l of the sum of exp(a) over the last axis, and a - l:  l' is the sum of a' p, with the softmax p = exp(a - l).

    An exact number near the largest entry is taken out of them, any one would do.
    """
    shape, last = a[0].shape, [len(a[0].shape) - 1]
    top = Ball(_maxima(a[0].ends()[1]))
    sums = _exp(plus(a[0], top.wide(shape), minus=True), bits).summed(last)
    logs = [plus(_by_ends(sums, lambda x, side: _real.log(x, bits)[side], bits), top).rounded(bits)]
    rest, shares = [plus(a[0], logs[0].wide(shape), minus=True)], Series()
    for coefficient in a[1:]:
        shares.append(_next(rest, shares, bits) if shares else _exp(rest[0], bits))
        logs.append(_next(a, shares, bits).summed(last))
        rest.append(plus(coefficient, logs[-1].wide(shape), minus=True))
    return logs, rest


def _exp(a: Ball, bits: int) -> Ball:
    """exp; below -bits it is less than 2^-bits. Numbers of any length are shortened first, outwards."""
    fine = bits + _real.GUARD
    return _by_ends(a, lambda x, side: side if x < -bits else _real.exp(Fraction(_real.ends(x, fine)[side], 1 << fine), bits)[side], bits)


def _by_ends(a: Ball, function: Callable[[Fraction, int], int], bits: int) -> Ball:
    """An increasing function: function(x, 0) is at most its value in units of 2^-bits, function(x, 1) at least."""
    low, high = (
        Tensor(end.shape, [function(Fraction(n, end.denominator), side) for n in end.numerators], 1 << bits)
        for side, end in enumerate(a.ends())
    )
    return between(low, high)
