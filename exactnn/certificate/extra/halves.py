"""Evidence "halves" for "orbits": all sets of neurons whose sum vanishes, by meeting in the middle.

Sound: a set T with sum 0 is a subset of the first half whose sum is the opposite of that of a subset of the second, and so are the hashes
of the sums at the columns; all pairs with opposite hashes are candidates, and each is tested exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from operator import mul
from typing import Any

from .. import _budget
from .._claim_orbits import Orbits
from .._fibre import Fibre
from .._network import Network
from .._numbers import mapping
from .._subset_sums import Set, sums

HASH = 2**61 - 1  # a prime
BASE = 0x1234567_89ABCDEF % HASH  # entry c of a vector counts BASE^c


def check_halves(claim: Orbits, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """All sets of neurons whose sum vanishes at the columns given, by meeting in the middle."""
    step = "orbits: halves"
    mapping(evidence, "evidence", ("method", "columns"))
    fibre = Fibre(claim, f, step)
    vectors = fibre.vectors(evidence["columns"])
    _budget.afford(bool(vectors[0]) or fibre.count <= 16, step, "no columns, and more than 16 neurons: too large for this checker")
    fibre.settle(by_halves(vectors, step))


def by_halves(vectors: Sequence[Sequence[int]], step: str) -> Iterator[Set]:
    """Meet in the middle: sums over subsets of the first half that are the opposite of one of the second, as hashes modulo a prime."""
    n, middle = len(vectors), (len(vectors) + 1) // 2
    _budget.charge(8 << min(middle, 1000), step)  # before the sums of both halves are made
    _budget.hold(2 << min(middle, 1000), step)
    powers = [pow(BASE, c, HASH) for c in range(len(vectors[0]))]
    hashes = [sum(map(mul, v, powers)) % HASH for v in vectors]
    left, right = sums(hashes[:middle], HASH), sums([-h for h in hashes[middle:]], HASH)
    common = set(left).intersection(right)
    pairs: dict[int, tuple[list[int], list[int]]] = {s: ([], []) for s in common}
    for side, totals in enumerate((left, right)):
        for mask, s in enumerate(totals):
            if s in common:
                pairs[s][side].append(mask)
    for first, second in pairs.values():
        _budget.charge(n * len(first) * len(second), step)
    for first, second in pairs.values():
        for a, b in product(first, second):
            mask = a | b << middle
            yield tuple(i for i in range(n) if mask >> i & 1)
