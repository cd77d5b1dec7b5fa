"""The least number of relu neurons of a network with one hidden layer that computes a given function (docs/theory.md 4).

    width = K + min over (S, O) of |O| + 2 rank(M + sum_{h in S} J_h u_h^T  modulo span {u_h : h in O})

with S and O disjoint sets of the K hyperplanes: those of S turned over, those of O with neurons on both sides, linear pairs for what is
left. One output: 0, 1 or 2 more than K (Dereich and Kassing). Deciding whether K suffices is NP-complete. How far the search goes depends
on sizes only, never on time, so that the network made of it is a function of the normal form.
"""

from __future__ import annotations

from dataclasses import dataclass

from exactnn.errors import Incomplete, Undecided
from exactnn.exact.clock import Clock
from exactnn.symmetry._configurations import Configuration, Jumps

#: hyperplanes up to which each is tried as the one with neurons on both sides
_TRIED = 128


@dataclass(frozen=True)
class Least:
    """lower <= width <= upper, and a configuration of width `upper` where both are equal."""

    lower: int
    upper: int
    configuration: Configuration | None
    reason: str


def least_width(jumps: Jumps) -> Least:
    """Bounds of the width, equal where they are decided."""
    count = jumps.count
    rank = int(jumps.rest.to_fmpq_mat().rank())
    upper = count + 2 * rank
    if not rank or not count:
        return Least(upper, upper, Configuration((), (), rank), "")
    clock, size = Clock(), 0
    try:
        for size in (0, 1):
            if size and (rank == 1 and _alone(jumps)):
                return Least(count + 1, count + 1, Configuration((), _alone(jumps), 0), "")
            if size and count > _TRIED:
                return _open(count + 1, upper, f"more than {_TRIED} hyperplanes could carry two neurons")
            for both in [(h,) for h in range(count)] if size else [()]:
                found = jumps.solutions(both, clock, most=1)
                if found.subsets:
                    return Least(count + size, count + size, Configuration(found.subsets[0], both, 0), "")
    except Incomplete as stopped:
        return _open(count + (1 if size else 0), upper, str(stopped))
    if rank == 1 or len(jumps.rest) == 1:
        return Least(count + 2, count + 2, Configuration((), (), 1), "")
    try:
        best = min(jumps.brute(2 * rank, clock), key=lambda c: len(c.both) + 2 * c.rank)
    except Undecided as error:
        return _open(count + 2, upper, str(error))
    width = count + len(best.both) + 2 * best.rank
    return Least(width, width, best, "")


def _alone(jumps: Jumps) -> tuple[int, ...]:
    """A hyperplane whose normal spans the rows of M."""
    return next(((h,) for h in range(jumps.count) if not jumps.rank((), (h,))), ())


def _open(lower: int, upper: int, reason: str) -> Least:
    return Least(lower, upper, None, f"between {lower} and {upper}; {reason}")
