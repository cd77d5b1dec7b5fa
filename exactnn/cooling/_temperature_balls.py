"""The slope of the loss in the temperature by FLINT's balls, to any precision, for data of any rational numbers.

Samples with the same numbers are counted, not repeated; so are equal logits of a sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from flint import arb, ctx, fmpq, fmpz

from exactnn.exact.array import RationalArray
from exactnn.exact.clock import clock_in_force
from exactnn.exact.polynomials import ball, dyadic

_CHECKED = 1 << 12  # exponentials between two looks at the clock


class Kind(NamedTuple):
    """So many samples with the distances d_j > 0 below the largest logit, each with its multiplicity; `ties` others are 0."""

    samples: int
    ties: int
    distances: tuple[tuple[fmpq, int], ...]
    target: fmpq
    mass: fmpq


def kinds(logits: RationalArray, targets: Sequence[int] | RationalArray) -> list[Kind]:
    """The samples, sorted by what they are."""
    aims: Sequence[int | tuple[int, ...]] = (
        targets if not isinstance(targets, RationalArray) else list(map(tuple, targets.numerators.tolist()))
    )
    rows: list[tuple[int, ...]] = list(map(tuple, logits.numerators.tolist()))
    one, whole = fmpz(logits.denominator), fmpz(targets.denominator) if isinstance(targets, RationalArray) else fmpz(1)
    found = []
    for (row, target), count in Counter(zip(rows, aims, strict=True)).items():
        top = max(row)
        below = Counter(top - z for z in row)
        aim, mass = (top - row[target], 1) if isinstance(target, int) else _target(row, target, top)
        ties = below.pop(0)
        distances = tuple((fmpq(fmpz(d), one), times) for d, times in sorted(below.items()))
        found.append(Kind(count, ties, distances, fmpq(fmpz(aim), one * whole), fmpq(fmpz(mass), whole)))
    return found


def _target(row: tuple[int, ...], target: tuple[int, ...], top: int) -> tuple[int, int]:
    return sum(q * (top - z) for q, z in zip(target, row, strict=True)), sum(target)


def slope(samples: Sequence[Kind], tau: Fraction, bits: int) -> tuple[arb, arb]:
    """Balls around L'(tau) and L''(tau)."""
    clock, done = clock_in_force(), 0
    with ctx.workprec(bits):
        first, second = arb(0), arb(0)
        place = -ball(tau)
        for s in samples:
            done += len(s.distances) + 1
            if done > _CHECKED:
                clock.check("a temperature was being enclosed")
                done = 0
            total, one, two = arb(s.ties), arb(0), arb(0)
            for distance, times in s.distances:
                d = arb(distance)
                e = (place * d).exp()
                if times > 1:
                    e *= times
                total += e
                e *= d
                one += e
                two += e * d
            mean, mass = one / total, arb(s.mass) * s.samples
            first += arb(s.target) * s.samples - mass * mean
            second += mass * (two / total - mean * mean)
        return first, second


def newton_step(samples: Sequence[Kind], tau: Fraction, bits: int) -> Fraction | None:
    """About -L'(tau)/L''(tau); None where L'' may be 0."""
    first, second = slope(samples, tau, bits)
    if not second > 0:
        return None
    with ctx.workprec(bits):  # the quotient, too
        return -dyadic((first / second).mid())
