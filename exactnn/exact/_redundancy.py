"""Rows a polyhedron does not need, and directions in which it has no end.

Row i of A x <= b follows from the others iff there are y >= 0 and z with

    A_i = y^T A + z^T E,   y^T b + z^T d <= b_i,   y_i = 0.
"""

from __future__ import annotations

from flint import fmpq, fmpz

from exactnn.exact.lp import LinearSystem, Optimal, Point, Unbounded


def redundant_rows(system: LinearSystem) -> dict[int, tuple[Point, Point]]:
    """For each row that can go, the multipliers (y, z) of the rows that stay; of equal rows the first stays.

    The polyhedron must not be empty.
    """
    integers, m = system.integers, system.row_count
    equalities = range(m, m + system.equality_count)
    alive = list(range(m))
    found: dict[int, tuple[list[fmpq], Point]] = {}
    for i in reversed(range(m)):
        chosen = [j for j in alive if j != i]
        relaxed = integers.rhs[i] + (1 << integers.bits[i])  # keeps the maximum finite; never tight where the row is redundant
        part = LinearSystem(
            [integers.rows[j] for j in chosen] + [integers.rows[i]],
            [integers.rhs[j] for j in chosen] + [relaxed],
            equalities=([integers.rows[j] for j in equalities], [integers.rhs[j] for j in equalities]) if equalities else None,
        )
        best = part.maximise(integers.rows[i])
        if not isinstance(best, Optimal):
            raise AssertionError("a relaxed row has no maximum; please report this")
        if best.value > integers.rhs[i]:
            continue
        y = [fmpq(0)] * m
        for j, v in zip(chosen, best.dual, strict=False):
            y[j] = v * system.scale(j) / system.scale(i)
        z = tuple(v * system.scale(j) / system.scale(i) for j, v in zip(equalities, best.equality_multipliers, strict=True))
        found[i] = (y, z)
        alive = chosen
    return _in_terms_of_the_rest(found)


def _in_terms_of_the_rest(found: dict[int, tuple[list[fmpq], Point]]) -> dict[int, tuple[Point, Point]]:
    """Replace in each combination the rows that went later by their own combinations."""
    result: dict[int, tuple[Point, Point]] = {}
    for i in reversed(list(found)):
        y, z = found[i]
        for j, (others, more) in result.items():
            factor = y[j]
            if factor:
                y = [v + factor * w for v, w in zip(y, others, strict=True)]
                y[j] = fmpq(0)
                z = tuple(v + factor * w for v, w in zip(z, more, strict=True))
        result[i] = (tuple(y), z)
    return {i: result[i] for i in sorted(result)}


def recession_ray(system: LinearSystem) -> Point | None:
    """A vector r != 0 with A r <= 0 and E r = 0; None if there is none (so that the polyhedron is bounded)."""
    integers = system.integers
    if integers.matrix.rank() < system.width:
        kernel, nullity = integers.matrix.nullspace()
        assert nullity > 0
        return tuple(fmpq(kernel[j, 0]) for j in range(system.width))
    total = [-sum(column) for column in zip(*integers.rows, strict=True)] if integers.rows else []
    cone = LinearSystem(integers.matrix, [fmpz(0)] * len(integers.rows))
    answer = cone.maximise(total)
    return answer.ray if isinstance(answer, Unbounded) else None
