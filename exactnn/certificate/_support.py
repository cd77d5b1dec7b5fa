"""A proof by its rows alone: form = sum y_i g_i + gamma, where the checker finds the y itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._budget import Budget
from ._numbers import index, items, need


def is_rows(raw: Any) -> bool:
    """Whether a proof is a list of rows and nothing else."""
    return type(raw) is list and all(type(i) is int for i in raw)


def left_by_rows(form: Sequence[int], path: Sequence[Sequence[int]], raw: Any, step: str, budget: Budget) -> int:
    """gamma times a positive number; rejected unless there is exactly one y, which is not negative.

    Gauss and Jordan without fractions: every entry is a determinant of the table, so that each division leaves no remainder.
    """
    chosen = [path[index(i, len(path), step)] for i in items(raw, step)]
    count, n = len(chosen), len(form) - 1
    need(count <= n, step, "the rows are not independent")
    budget.spend(n * count * (count + 1))
    table = [[*(row[j] for row in chosen), form[j]] for j in range(n)]
    last = 1
    for k in range(count):
        pivot = next((r for r in range(k, n) if table[r][k]), None)
        need(pivot is not None, step, "the rows are not independent")
        assert pivot is not None
        table[k], table[pivot] = table[pivot], table[k]
        top = table[k]
        for r, line in enumerate(table):
            if r != k:
                table[r] = [(top[k] * v - line[k] * w) // last for v, w in zip(line, top, strict=True)]
        last = top[k]
    need(not any(line[count] for line in table[count:]), step, "the inequalities do not add up to the function")
    sign = 1 if last > 0 else -1
    multipliers = [sign * line[count] for line in table[:count]]
    need(all(y >= 0 for y in multipliers), step, "a multiplier that is negative")
    return sign * last * form[-1] - sum(y * row[-1] for y, row in zip(multipliers, chosen, strict=True))
