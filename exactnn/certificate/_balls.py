"""Tensors that are known up to a radius, and power series of them in t: exact where no exponential enters.

exp:      k E_k = sum of j a_j E_(k-j)
log:      a_0 l_k = a_k - sum over j < k of j l_j a_(k-j) / k
softmax:  exp(a - logsumexp(a))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import prod
from operator import add, sub
from typing import NamedTuple

from . import _real
from ._broadcast import broadcast, broadcast_to, spread
from ._numbers import Tensor, need
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
        if self.radius is None or max(self.centre.denominator, self.radius.denominator) <= 1 << bits:
            return self
        radius = [n + 1 for n in _floor(self.radius, bits, up=True)]
        return Ball(Tensor(self.shape, _floor(self.centre, bits), 1 << bits), Tensor(self.shape, radius, 1 << bits))

    def taken(self, start: int, shape: tuple[int, ...]) -> Ball:
        """Entries in a row."""
        return self.mapped(lambda t: Tensor(shape, t.numerators[start : start + prod(shape)], t.denominator))

    def mapped(self, linear: Callable[[Tensor], Tensor], sizes: Callable[[Tensor], Tensor] | None = None) -> Ball:
        """A linear map of the centres, and that of the absolute weights (the same one, if all are >= 0) of the radii."""
        return Ball(linear(self.centre), None if self.radius is None else (sizes or linear)(self.radius))


def between(low: Tensor, high: Tensor) -> Ball:
    """low <= entries <= high, over one denominator."""
    sums, widths = (list(map(by, high.numerators, low.numerators)) for by in (add, sub))
    return Ball(Tensor(low.shape, sums, 2 * low.denominator), Tensor(low.shape, widths, 2 * low.denominator) if any(widths) else None)


def plus(a: Ball, b: Ball, step: str, minus: bool = False) -> Ball:
    """a + b, or a - b, shapes broadcast."""
    a, b = _fitted(a, b, step)
    radius = a.radius or b.radius if a.radius is None or b.radius is None else sum_of(a.radius, b.radius)
    return Ball(sum_of(a.centre, b.centre, minus), radius)


def times(a: Ball, b: Ball, step: str) -> Ball:
    """a b, shapes broadcast:  |c| s + r |d| + r s  around c d."""
    a, b = _fitted(a, b, step)
    radius = None if b.radius is None else product(absolute(a.centre), b.radius)
    if a.radius is not None:
        size = absolute(b.centre)
        more = product(a.radius, size if b.radius is None else sum_of(size, b.radius))
        radius = more if radius is None else sum_of(radius, more)
    return Ball(product(a.centre, b.centre), radius)


def _fitted(a: Ball, b: Ball, step: str) -> tuple[Ball, Ball]:
    shape = broadcast(a.shape, b.shape, step)
    return a.mapped(lambda part: broadcast_to(part, shape)), b.mapped(lambda part: broadcast_to(part, shape))


def scaled(a: Ball, factor: Fraction) -> Ball:
    """a times a number >= 0."""
    return a.mapped(lambda t: Tensor(t.shape, [n * factor.numerator for n in t.numerators], t.denominator * factor.denominator))


def summed(a: Tensor, axes: Sequence[int] | None) -> Tensor:
    """Sums over axes, which stay with size 1; over everything for None."""
    if axes is None:
        return Tensor((), [sum(a.numerators)], a.denominator)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(a.shape))
    return gathered(a, spread(shape, a.shape), shape)


def gathered(a: Tensor, places: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """Each entry added to the one at its place."""
    found = [0] * prod(shape)
    for n, p in zip(a.numerators, places, strict=True):
        found[p] += n
    return Tensor(shape, found, a.denominator)


def largest(a: Ball, step: str) -> Ball:
    """The maximum over the last axis, which stays with size 1."""
    need(bool(a.shape), step, "a maximum of a single number")
    low, high = (_maxima(end) for end in a.ends())
    return Ball(low) if a.radius is None else between(low, high)


def _maxima(a: Tensor) -> Tensor:
    size = a.shape[-1]
    return Tensor((*a.shape[:-1], 1), [max(a.numerators[i : i + size]) for i in range(0, len(a.numerators), size)], a.denominator)


def _floor(a: Tensor, bits: int, up: bool = False) -> list[int]:
    """Times 2^bits, rounded down, or up."""
    return [-((-n << bits) // a.denominator) if up else (n << bits) // a.denominator for n in a.numerators]


# --- power series: coefficients of t^0, t^1, ... ------------------------------------------------------------------------------

Series = list[Ball]


def added(first: Series, second: Series, minus: bool, step: str) -> Series:
    """first + second, or first - second."""
    shape = broadcast(first[0].shape, second[0].shape, step)
    zero = Ball(Tensor(shape, [0] * prod(shape), 1))
    pairs = [[s[k] if k < len(s) else zero for s in (first, second)] for k in range(max(len(first), len(second)))]
    return [plus(a, b, step, minus) for a, b in pairs]


def multiplied(first: Series, second: Series, order: int, step: str) -> Series:
    """The product up to t^order."""
    return [
        _total([times(first[i], second[k - i], step) for i in range(k + 1) if i < len(first) and k - i < len(second)], step)
        for k in range(min(len(first) + len(second) - 1, order + 1))
    ]


def _total(parts: Sequence[Ball], step: str) -> Ball:
    found = parts[0]
    for part in parts[1:]:
        found = plus(found, part, step)
    return found


def exponential(a: Series, bits: int, step: str) -> Series:
    """exp, entry by entry."""
    found = [_exp(a[0], bits)]
    for k in range(1, len(a)):
        parts = [times(scaled(a[j], Fraction(j, k)), found[k - j], step) for j in range(1, k + 1)]
        found.append(_total(parts, step).rounded(bits))
    return found


def logsumexp(a: Series, bits: int, step: str) -> Series:
    """log sum exp over the last axis: near the largest entry an exact number is taken out of it, any one would do."""
    need(bool(a[0].shape), step, "a softmax of a single number")
    top = Ball(_maxima(a[0].ends()[1]))
    sums = [c.mapped(lambda t: summed(t, [len(t.shape) - 1])) for c in exponential(added(a, [top], True, step), bits, step)]
    found = [_by_ends(sums[0], lambda x, side: _real.log(x, bits)[side], bits)]
    inverse = _exp(plus(Ball(Tensor((), [0], 1)), found[0], step, True), bits)
    for k in range(1, len(a)):
        rest = [times(scaled(found[j], Fraction(j, k)), sums[k - j], step) for j in range(1, k)]
        numerator = plus(sums[k], _total(rest, step), step, True) if rest else sums[k]
        found.append(times(numerator, inverse, step).rounded(bits))
    return [c.rounded(bits) for c in added(found, [top], False, step)]


def softmax(a: Series, bits: int, step: str) -> Series:
    """exp(a - logsumexp(a))."""
    return exponential(added(a, logsumexp(a, bits, step), True, step), bits, step)


@lru_cache(maxsize=2**14)
def _end(x: Fraction, bits: int) -> tuple[int, int]:
    """exp of one number; the same ones come again where a series moves in one direction after the other."""
    return _real.exp(x, bits)


def _exp(a: Ball, bits: int) -> Ball:
    """exp; below -bits it is less than 2^-bits. Numbers of any length are shortened first, outwards."""
    fine = bits + _real.GUARD
    return _by_ends(a, lambda x, side: side if x < -bits else _end(Fraction(_real.ends(x, fine)[side], 1 << fine), bits)[side], bits)


def _by_ends(a: Ball, function: Callable[[Fraction, int], int], bits: int) -> Ball:
    """An increasing function: function(x, 0) is at most its value in units of 2^-bits, function(x, 1) at least."""
    low, high = (
        Tensor(end.shape, [function(Fraction(n, end.denominator), side) for n in end.numerators], 1 << bits)
        for side, end in enumerate(a.ends())
    )
    return between(low, high)
