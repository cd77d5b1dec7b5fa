"""Evidence "enumeration" of one orbit, for a network with one hidden layer that need not be reduced.

Class h stands for the neurons (w, b) = +- L (u_h, v_h); J_h = sum L a over them, N_h the part of those with the minus sign. With n neurons
in all, let E = {h : J_h != 0}, K = |E|, e = n - K, R_0 = - sum over all h of N_h u_h^T. As phi(t) - phi(-t) = r t, r != 0, another network
is the same function, up to c, exactly if it has the same J_h and the same sum of N_h u_h^T. So each class of E needs a neuron, and e are
left. Say that it has both signs on O, a subset of E, the minus sign alone on S, a subset of E without O, and both signs on q classes
beside E. Then |O| + 2 q <= e, and, as N_h is free where there are both signs,

    R_0 + sum over S of J_h u_h^T + sum over O of N_h u_h^T + (q matrices of rank 1) = 0,

which needs q >= rho, the rank of R = R_0 + sum over S of J_h u_h^T on the kernel of {u_h : h in O}. Conversely, every configuration (S, O)
with |O| + 2 rho <= e belongs to some network. There is one orbit exactly if there is one such configuration and it has |O| = e: then
no neuron is left over, and N_h is unique (if the u_h, h in O, were dependent, some N_h could be made 0, and O without h would be
another one). So an O whose u_h are dependent need not be looked at.

That rho > t is seen from a square of t + 1 rows and columns: random combinations of the rows of R, and of its values on the kernel, whose
determinant is not 0 modulo a prime. f has a configuration itself: where all others are excluded, that is f's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import product
from math import comb, gcd
from operator import add, mul, sub
from typing import Any

from .. import _budget
from .._claim_orbits import Orbits
from .._fibre import lines
from .._network import Network
from .._numbers import mapping, need
from .._shallow import read_shallow

PRIME = 2**31 - 1
Classes = Sequence[tuple[Sequence[int], Sequence[int], Sequence[int]]]  # (u_h, J_h, N_h)
Column = list[int]  # a number for each class: the values of its u_h at a vector


def check_enumeration(claim: Orbits, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """A network that need not be reduced, and has one orbit: no other distribution of its neurons over the classes is possible."""
    step = "orbits: enumeration"
    mapping(evidence, "evidence", ("method",))
    need(claim.flips == [()], step, 'this can prove one orbit only, "flips": [[]]')
    net = read_shallow(f, "orbits: f")
    need(net.kind != "odd" and net.r != 0, step, "only where phi(t) - phi(-t) = r t with r other than 0")
    jumps: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    m = len(net.outgoing)
    for i, line in enumerate(lines(net)):
        if line is not None:
            place, sign, size = line
            whole, turned = jumps.setdefault(place, ([0] * m, [0] * m))
            for j, row in enumerate(net.outgoing):
                whole[j] += size * row[i]
                turned[j] += size * row[i] if sign < 0 else 0
    check_one_orbit([(place[:-1], whole, turned) for place, (whole, turned) in jumps.items()], len(net.weights), step)


def check_one_orbit(classes: Classes, n: int, step: str) -> None:
    """Rejected unless the network of width n has one orbit; the u may be given up to a factor for all, and J and N likewise."""
    classes = sorted(classes, key=lambda c: not any(c[1]))  # those of E first
    count = sum(any(jump) for _, jump, _ in classes)
    spare = n - count
    _budget.charge(1 << min(count, 1000), step)
    need(spare <= count, step, f"{count} classes are in use, and {spare} more neurons, which can be moved")
    _budget.charge(32 * sum(comb(count, k) * 2 ** (count - k) * ((spare - k) // 2 + 1) ** 3 for k in range(spare + 1)), step)
    generator = random.Random(0)
    mixers = [[generator.randrange(PRIME) for _ in classes[0][1]] for _ in range(spare // 2 + 1)]
    jumps, turned = ([[sum(map(mul, row, c[k])) % PRIME for row in mixers] for c in classes] for k in (1, 2))
    found = 0
    for both, columns in _kernels(_basis([u for u, _, _ in classes]), [], count, spare):
        size = (spare - len(both)) // 2 + 1
        vectors = [[generator.randrange(PRIME) for _ in columns] for _ in range(size)]
        values = [[sum(map(mul, v, row)) % PRIME for v in vectors] for row in zip(*columns, strict=True)] or [[0] * size] * len(classes)
        start = [-sum(map(mul, a, b)) for a, b in product(_rows(turned, size), _rows(values, size))]
        steps = [[a * b for a, b in product(jumps[h][:size], values[h])] for h in range(count) if h not in both]
        for matrix in _sums(start, steps):
            if _singular(matrix, size):
                need(
                    len(both) == spare, step, "another distribution of the neurons leaves one over, or a pair of neurons that can be moved"
                )
                need(not found, step, "there is a second orbit")
                found += 1


def _rows(matrix: Sequence[Sequence[int]], size: int) -> list[tuple[int, ...]]:
    """The first columns, as rows."""
    return list(zip(*matrix, strict=True))[:size]


def _sums(start: list[int], steps: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """start + the sum of each subset of the steps, modulo the prime, one changed at a time."""
    total, inside = [v % PRIME for v in start], [False] * len(steps)
    yield total
    for number in range(1, 2 ** len(steps)):
        k = (number & -number).bit_length() - 1
        inside[k] = not inside[k]
        change = add if inside[k] else sub
        total = [v % PRIME for v in map(change, total, steps[k])]
        yield total


def _singular(entries: Sequence[int], size: int) -> bool:
    """Whether the determinant of the square is 0 modulo the prime."""
    rows = [list(entries[i : i + size]) for i in range(0, size * size, size)]
    while rows:
        pivot = next((k for k, row in enumerate(rows) if row[0]), None)
        if pivot is None:
            return True
        first = rows.pop(pivot)
        rows = [[(first[0] * a - row[0] * b) % PRIME for a, b in zip(row[1:], first[1:], strict=True)] for row in rows]
    return False


def _kernels(columns: list[Column], both: list[int], count: int, most: int) -> Iterator[tuple[list[int], list[Column]]]:
    """Each independent {u_h : h in O}, |O| <= most, with the values of all u_h at a basis of its kernel."""
    yield both, columns
    if len(both) < most:
        for h in range(both[-1] + 1 if both else 0, count):
            pivot = next((c for c in columns if c[h]), None)
            if pivot is not None:
                cut = [_without(c, pivot, h) for c in columns if c is not pivot]
                yield from _kernels(cut, [*both, h], count, most)


def _basis(rows: Sequence[Sequence[int]]) -> list[Column]:
    """A basis of the space of columns of the matrix with these rows."""
    found: list[tuple[int, Column]] = []
    for entries in zip(*rows, strict=True):
        column = list(entries)
        for place, pivot in found:
            column = _without(column, pivot, place)
        first = next((h for h, v in enumerate(column) if v), None)
        if first is not None:
            found.append((first, column))
            if len(found) == len(rows):
                break
    return [column for _, column in found]


def _without(column: Column, pivot: Column, h: int) -> Column:
    """A multiple of the column, plus one of the pivot, that is 0 at h."""
    if not column[h]:
        return column
    found = [pivot[h] * a - column[h] * b for a, b in zip(column, pivot, strict=True)]
    divisor = gcd(*found)
    return [v // divisor for v in found] if divisor > 1 else found
