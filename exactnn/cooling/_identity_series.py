"""Exponentials, log-sum-exp and softmax of power series in t, in balls, by FLINT's series.

    logsumexp(a) = log sum_j exp(a_j),     softmax(a)_j = exp(a_j - logsumexp(a)),     j along the last axis

A series is a list of arrays: the coefficients of 1, t, t^2, ...
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from flint import arb, arb_series, ctx, fmpq

from exactnn.cooling._identity_balls import Balls
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray, integer_array
from exactnn.exact.clock import clock_in_force

Series = list[Balls]
_GUARD, _FINE = 64, 16
_LARGEST = 1 << 12  # of an exponent: as the checker has it


def exponential(a: Series, bits: int) -> Series:
    """exp, entry by entry."""
    return _rows(a, bits, lambda row: [entry.exp() for entry in row], a[0].shape[-1] if a[0].shape else 1)


def log_sum_exp(a: Series, bits: int) -> Series:
    """Over the last axis, which stays with length 1."""
    return _rows(a, bits, lambda row: [_shift_and_log(row)[1]], 1)


def softmax(a: Series, bits: int) -> Series:
    """Over the last axis."""

    def shares(row: list[arb_series]) -> list[arb_series]:
        shifted, total = _shift_and_log(row, back=False)
        return [(entry - total).exp() for entry in shifted]

    return _rows(a, bits, shares, a[0].shape[-1])


def _shift_and_log(row: list[arb_series], back: bool = True) -> tuple[list[arb_series], arb_series]:
    """The row minus a number m, and log sum exp of that, plus m if it is to be `back`."""
    middle = row[0][0].mid()
    for entry in row[1:]:
        middle = entry[0].mid() if entry[0].mid() > middle else middle
    shifted = [entry - middle for entry in row]
    total = sum((entry.exp() for entry in shifted), arb_series([0]))
    return shifted, total.log() + middle if back else total.log()


def _rows(a: Series, bits: int, function: Callable[[list[arb_series]], list[arb_series]], width: int) -> Series:
    """A function of each row (the last axis) of a series."""
    shape = a[0].shape
    size = shape[-1] if shape else 1
    columns = [list(_entries(coefficient)) for coefficient in a]
    middles: list[list[int]] = [[] for _ in a]
    radii: list[list[int]] = [[] for _ in a]
    clock = clock_in_force()
    with _precision(bits + _GUARD, len(a)):
        for start in range(0, len(columns[0]), size):
            clock.check(f"exponentials were being enclosed, {start // size} of {len(columns[0]) // size} rows done")
            row = [arb_series([_ball(*column[k]) for column in columns], prec=len(a)) for k in range(start, start + size)]
            if any(abs(entry[0].mid()) > _LARGEST for entry in row):
                raise ArgumentError(
                    f"logits times tau: numbers up to {_LARGEST} are needed; scale the network down, or choose a smaller tau"
                )
            for entry in function(row):
                for order in range(len(a)):
                    middle, radius = _on_grid(entry[order], bits)
                    middles[order].append(middle)
                    radii[order].append(radius)
    wide = (*shape[:-1], width) if shape else ()
    return [
        Balls(RationalArray(integer_array(m, wide), 1 << bits), RationalArray(integer_array(r, wide), 1 << (bits + _FINE)))
        for m, r in zip(middles, radii, strict=True)
    ]


def _entries(a: Balls) -> Iterator[tuple[int, int, int, int]]:
    """Numerator and denominator of the middle and of the radius."""
    radii = a.radii()
    for middle, radius in zip(a.middle.numerators.ravel().tolist(), radii.numerators.ravel().tolist(), strict=True):
        yield int(middle), a.middle.denominator, int(radius), radii.denominator


def _ball(top: int, bottom: int, reach: int, over: int) -> arb:
    """A ball of FLINT's around these numbers, at the precision that holds."""
    middle = arb(fmpq(top, bottom))
    if not reach:
        return middle
    radius = arb(fmpq(reach, over))
    return (middle - radius).union(middle + radius)


def _on_grid(x: arb, bits: int) -> tuple[int, int]:
    """Middle over 2^bits, rounded down; radius over 2^(bits + _FINE), rounded up with what that cuts off."""
    top, exponent = (int(part) for part in x.mid().man_exp())
    reach, power = (int(part) for part in x.rad().man_exp())
    shift, rise = exponent + bits, power + bits + _FINE
    middle = top << shift if shift >= 0 else top >> -shift
    cut = 0 if shift >= 0 else 1 << _FINE
    return middle, cut + (reach << rise if rise >= 0 else -(-reach >> -rise))


@contextlib.contextmanager
def _precision(bits: int, terms: int) -> Iterator[None]:
    before = ctx.prec, ctx.cap
    ctx.prec, ctx.cap = bits, max(terms, 1)
    try:
        yield
    finally:
        ctx.prec, ctx.cap = before
