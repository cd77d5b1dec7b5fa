"""Intervals for entries, in integers that count units of 2^-bits: the box around a domain, and how bounds are put together and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from operator import add, neg, sub
from typing import Any, NamedTuple

from ._claim import Claim, Domain
from ._load import load
from ._meaning import Block, Linear
from ._numbers import index, items, need

#: what bounds the values and the differences of other functions
FUNCTIONS = {"piecewise_linear": "_units", "prelu": "_units", "max_pool": "_pooled", "smooth": "_smooth"}
PRECISION = 4096  # bits at the most
Ends = tuple[int, int]


class Bounds(NamedTuple):
    """lo <= entries <= hi, in units of 2^-bits."""

    lo: list[int]
    hi: list[int]

    def apart(self, other: Bounds) -> Bounds:
        """What the values alone say of their difference."""
        return Bounds(list(map(sub, self.lo, other.hi)), list(map(sub, self.hi, other.lo)))

    def plus(self, other: Bounds) -> Bounds:
        """The sum."""
        return Bounds(list(map(add, self.lo, other.lo)), list(map(add, self.hi, other.hi)))

    def within(self, other: Bounds) -> Bounds:
        """What both say."""
        return Bounds(list(map(max, self.lo, other.lo)), list(map(min, self.hi, other.hi)))


Image = Callable[[Bounds], Bounds]
#: the difference of two nodes, from what they read in f, in g (None: anything), and the difference of that
Difference = Callable[[Bounds | None, Bounds | None, Bounds], Bounds]


def product(x: Sequence[Any], y: Sequence[Any]) -> tuple[Any, Any]:
    """The least and the largest s t for s in x, t in y."""
    corners = [s * t for s in x for t in y]
    return min(corners), max(corners)


def joined(parts: Sequence[Bounds]) -> Bounds:
    """One behind the other."""
    return parts[0] if len(parts) == 1 else Bounds([n for part in parts for n in part.lo], [n for part in parts for n in part.hi])


def precision(raw: Any) -> int:
    """The bits of the intervals."""
    bits = index(raw, PRECISION + 1, "bits")
    need(bits >= 16, "bits", "at least 16 bits are needed")
    return bits


def need_within(claim: Claim, found: Bounds, bits: int, step: str) -> None:
    """Rejected unless differences between these bounds are within the tolerance: each of them, or for "l1" their absolute values' sum."""
    sizes = list(map(max, map(neg, found.lo), found.hi))
    if claim.norm == "l1":
        need(Fraction(sum(sizes), 1 << bits) <= claim.tolerance, step, "the bound of the sum exceeds the tolerance")
    for j, size in enumerate(sizes):
        need(Fraction(size, 1 << bits) <= claim.tolerance, f"{step}: output {j}", "the bound exceeds the tolerance")


def box_of(domain: Domain | None, bits: int, proofs: Any) -> Bounds:
    """The box of rows with one entry, and of the sides that are proved."""
    need(domain is not None, "claim: domain", "a bounded domain is needed")
    assert domain is not None
    size = domain.matrix.shape[1]
    found: list[tuple[int, int, Fraction]] = load("_limits.limits")(domain, proofs) if items(proofs, "box") else []
    for row, bound in domain.rows():
        if row.count(0) == size - 1:
            a = max(row) or min(row)
            found.append((row.index(a), 1 if a > 0 else -1, bound * domain.matrix.denominator / abs(a)))
    sides: dict[tuple[int, int], Fraction] = {}  # s x_j <= value
    for j, s, limit in found:
        sides[j, s] = min(sides.get((j, s), limit), limit)
    for j in range(size):
        need((j, 1) in sides and (j, -1) in sides, "claim: domain", f"input {j} is not bounded on both sides")
    box = around([-sides[j, -1] for j in range(size)], [sides[j, 1] for j in range(size)], bits)
    need(all(a <= b for a, b in zip(box.lo, box.hi, strict=True)), "claim: domain", "the domain is empty")
    return box


def reweighted(rule: Linear, change: Callable[[int], int], denominator: int) -> Linear:
    """The rule with other weights over another denominator, and no constants."""
    terms = [term._replace(weights=[change(n) for n in term.weights or [1] * len(term.places)]) for term in rule.terms]
    blocks, made = rule.blocks, dict[int, list[int]]()  # the same rows come again at other places

    def changed() -> Iterator[Block]:
        for places, entries, rows in blocks() if blocks else ():
            yield places, entries, [made.get(id(row)) or made.setdefault(id(row), list(map(change, row))) for row in rows]

    return rule._replace(terms=terms, blocks=blocks and changed, denominator=denominator, constants=())


def around(low: Iterable[Fraction], high: Iterable[Fraction], bits: int) -> Bounds:
    """Rounded outwards."""
    lo = [(q.numerator << bits) // q.denominator for q in low]
    return Bounds(lo, [-((-q.numerator << bits) // q.denominator) for q in high])
