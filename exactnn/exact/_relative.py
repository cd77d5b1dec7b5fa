"""The affine hull of a polyhedron, and a point in its relative interior with few bits.

A row i is an implicit equality of P = {x : A x <= b, E x = d} if A_i x = b_i on all of P, which y >= 0 and z prove with

    -A_i = y^T A + z^T E,   -b_i = y^T b + z^T d.

The affine hull is what the implicit equalities and E cut out; where the other rows are strict is the relative interior.
Reference: A. Schrijver, Theory of Linear and Integer Programming, section 8.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flint import fmpq, fmpq_mat, fmpz_mat

from exactnn.exact.clock import clock_in_force
from exactnn.exact.lp import Feasible, Infeasible, LinearSystem, Point
from exactnn.exact.numbers import power_of_two, simplest_between

_DOING = "a point inside the domain was being simplified"
_COORDINATE_LIMIT = 200_000  # entries above which coordinates are not simplified one by one


@dataclass(frozen=True)
class RelativeInterior:
    """A nonempty polyhedron's relative interior point and affine hull {origin + sum_k u_k directions[k]}.

    `implicit` gives for each implicit equality the multipliers (y, z) that prove it.
    """

    point: Point
    origin: Point
    directions: tuple[Point, ...]
    implicit: dict[int, tuple[Point, Point]]


def relative_interior(system: LinearSystem) -> RelativeInterior | Infeasible:
    """The relative interior and the affine hull, or the proof that the polyhedron is empty."""
    strict = set(range(system.row_count))
    implicit: dict[int, tuple[Point, Point]] = {}
    integers = system.integers
    while True:
        answer = system.feasible(strict=strict)
        if isinstance(answer, Feasible):
            break
        y, z = answer.farkas, answer.equality_multipliers
        if system.value(y, z) < 0:
            return answer
        found = [i for i in strict if y[i] > 0]
        for i in found:
            scale = y[i]
            others = tuple(v / scale if j != i else fmpq(0) for j, v in enumerate(y))
            implicit[i] = (others, tuple(v / scale for v in z))
        strict.difference_update(found)
    clock = clock_in_force()
    clock.check(_DOING)
    held = [*implicit, *range(system.row_count, system.row_count + system.equality_count)]
    origin, directions, free = _solutions([[*integers.rows[i], integers.rhs[i]] for i in held], system.width)
    start = [answer.point[j] for j in free]
    clock.check(_DOING)
    rows = sorted(strict)
    if held:
        inequalities = _reduced(system, rows, origin, directions)
    else:  # the coordinates are those of x
        kept = [i for i in rows if any(integers.rows[i])]
        inequalities = [list(map(fmpq, integers.rows[i])) for i in kept], [fmpq(integers.rhs[i]) for i in kept]
    coordinates = _simplified(inequalities, start)
    point = list(origin) if held else coordinates
    for u, direction in zip(coordinates, directions, strict=True) if held else ():
        if u:
            clock.check(_DOING)
            point = [p + u * v for p, v in zip(point, direction, strict=True)]
    if not system.contains(point, strict=strict):
        raise AssertionError("the simplified point left the polyhedron; please report this")
    return RelativeInterior(tuple(point), origin, directions, implicit)


def _solutions(rows: list[list[int]], width: int) -> tuple[Point, tuple[Point, ...], list[int]]:
    """(origin, directions, free columns) of {x : rows (x, -1) = 0}, which x_free are coordinates of."""
    reduced, denominator, rank = fmpz_mat(len(rows), width + 1, [a for row in rows for a in row]).rref()
    table = reduced.tolist()[:rank]
    pivots = [next(j for j, a in enumerate(row) if a) for row in table]
    free = sorted(set(range(width)) - set(pivots))
    zero, one = fmpq(0), fmpq(1)
    origin = [zero] * width
    directions = [[one if j == f else zero for j in range(width)] for f in free]
    for p, row in zip(pivots, table, strict=True):
        origin[p] = fmpq(row[width], denominator)
        for f, direction in zip(free, directions, strict=True):
            direction[p] = fmpq(-row[f], denominator)
    return tuple(origin), tuple(tuple(v) for v in directions), free


def _reduced(system: LinearSystem, rows: list[int], origin: Point, directions: tuple[Point, ...]) -> tuple[list[list[fmpq]], list[fmpq]]:
    """The chosen rows, less constant ones, in the coordinates u of origin + sum u_k directions[k]."""
    integers = system.integers
    clock_in_force().check(_DOING)
    block = fmpq_mat(len(rows), system.width, [a for i in rows for a in integers.rows[i]])
    onto = fmpq_mat(system.width, len(directions) + 1, [d[j] for j in range(system.width) for d in (*directions, origin)])
    table = (block * onto).tolist()
    live = [(row[:-1], integers.rhs[i] - row[-1]) for i, row in zip(rows, table, strict=True) if any(row[:-1])]
    return [row for row, _ in live], [value for _, value in live]


def _simplified(inequalities: tuple[list[list[fmpq]], list[fmpq]], start: Sequence[fmpq]) -> list[fmpq]:
    """A point with few bits where all inequalities are strict, near `start`, at which they are."""
    rows, rhs = inequalities
    clock = clock_in_force()
    system = LinearSystem(fmpq_mat(len(rows), len(start), [a for row in rows for a in row]), rhs)
    point = list(start)
    for candidate in _roundings(start):
        clock.check(_DOING)
        if system.contains(candidate, strict=True):
            point = candidate
            break
    if len(rows) * len(point) > _COORDINATE_LIMIT:
        return point
    slack = [beta - sum((a * u for a, u in zip(row, point, strict=True)), fmpq(0)) for row, beta in zip(rows, rhs, strict=True)]
    for j, u in enumerate(point):
        if u == 0:
            continue
        clock.check(_DOING)
        low: fmpq | None = None
        high: fmpq | None = None
        for row, s in zip(rows, slack, strict=True):
            a = row[j]
            if a > 0:
                high = s / a if high is None else min(high, s / a)
            elif a < 0:
                low = s / a if low is None else max(low, s / a)
        value = simplest_between(None if low is None else u + low, None if high is None else u + high)
        if _bits(value) < _bits(u):
            point[j] = value
            slack = [s - row[j] * (value - u) for row, s in zip(rows, slack, strict=True)]
    return point


def _roundings(start: Sequence[fmpq]) -> Iterator[list[fmpq]]:
    """0, then `start` in ever smaller dyadic units (its size, and then twice the bits each time)."""
    yield [fmpq(0)] * len(start)
    if not start:
        return
    size = max(int(v.p).bit_length() - int(v.q).bit_length() for v in start)
    finest = max(int(v.q).bit_length() for v in start) + 4
    step = 1
    unit = max(size - 1, 0)
    while unit > -finest:
        scale = power_of_two(unit)
        yield [fmpq((v / scale + fmpq(1, 2)).floor()) * scale for v in start]
        unit, step = (0 if unit > 0 else unit - step), (step if unit > 0 else 2 * step)


def _bits(value: fmpq) -> int:
    return int(value.p).bit_length() + int(value.q).bit_length()
