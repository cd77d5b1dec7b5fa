"""The proof that an affine form is not negative on a cell, from the inequalities that are tight where it is least.

    form = sum_i y_i g_i + gamma,   y >= 0, gamma >= 0,   g_i independent and tight at a vertex of the cell where the form is least

Such rows exist for each form >= 0 (Caratheodory). Which vertex that is, floats may say: what they propose is solved in integers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from exactnn.cells._search_lp import AffineRow

#: So many choices among the tight rows are tried; a linear program over them is quicker than more.
_CHOICES = 20


def support(form: AffineRow, rows: Sequence[AffineRow], tight: Sequence[int]) -> list[int] | None:
    """Some of the tight rows that prove form >= 0, those with y > 0; None if none were found."""
    n = len(form) - 1
    if not any(form[:-1]):
        return [] if form[-1] >= 0 else None
    size = min(n, len(tight))
    if math.comb(len(tight), size) > _CHOICES:
        return None
    for count in range(size, 0, -1):
        for chosen in itertools.combinations(tight, count):
            found = _solved(form, [rows[i] for i in chosen])
            if found is not None:
                return [i for i, y in zip(chosen, found, strict=True) if y]
    return None


def _solved(form: AffineRow, rows: Sequence[AffineRow]) -> list[int] | None:
    """y times a positive number, if there is exactly one, y >= 0 and gamma >= 0; else None."""
    count, n = len(rows), len(form) - 1
    if n == count == 2:
        return _in_the_plane(form, *rows)
    if n == count == 3:
        return _in_space(form, *rows)
    table = [[*(row[j] for row in rows), form[j]] for j in range(n)]
    last = 1
    for k in range(count):
        pivot = next((r for r in range(k, n) if table[r][k]), None)
        if pivot is None:
            return None
        table[k], table[pivot] = table[pivot], table[k]
        top = table[k]
        head = top[k]
        for r, line in enumerate(table):
            if r != k:
                own = line[k]
                if own:
                    table[r] = [(head * v - own * w) // last for v, w in zip(line, top, strict=True)]
                elif head != last:
                    table[r] = [head * v // last for v in line]
        last = head
    sign = 1 if last > 0 else -1
    found = [sign * line[count] for line in table[:count]]
    if any(y < 0 for y in found) or any(line[count] for line in table[count:]):
        return None
    rest = sign * last * form[-1] - sum(y * row[-1] for y, row in zip(found, rows, strict=True))
    return found if rest >= 0 else None


def _in_the_plane(form: AffineRow, g: AffineRow, h: AffineRow) -> list[int] | None:
    """Cramer's rule."""
    last = g[0] * h[1] - g[1] * h[0]
    if not last:
        return None
    sign = 1 if last > 0 else -1
    y = sign * (form[0] * h[1] - form[1] * h[0])
    z = sign * (g[0] * form[1] - g[1] * form[0])
    if y < 0 or z < 0 or sign * last * form[2] < y * g[2] + z * h[2]:
        return None
    return [y, z]


def _in_space(form: AffineRow, g: AffineRow, h: AffineRow, k: AffineRow) -> list[int] | None:
    """Cramer's rule: a = x g + y h + z k has x = a . (h x k) / g . (h x k), and so on."""
    g0, g1, g2, g3 = g
    h0, h1, h2, h3 = h
    k0, k1, k2, k3 = k
    a0, a1, a2, a3 = form
    u0, u1, u2 = h1 * k2 - h2 * k1, h2 * k0 - h0 * k2, h0 * k1 - h1 * k0
    last = g0 * u0 + g1 * u1 + g2 * u2
    if not last:
        return None
    sign = 1 if last > 0 else -1
    x = sign * (a0 * u0 + a1 * u1 + a2 * u2)
    if x < 0:
        return None
    u0, u1, u2 = g1 * a2 - g2 * a1, g2 * a0 - g0 * a2, g0 * a1 - g1 * a0
    y = sign * (k0 * u0 + k1 * u1 + k2 * u2)
    z = -sign * (h0 * u0 + h1 * u1 + h2 * u2)
    if y < 0 or z < 0 or sign * last * a3 < x * g3 + y * h3 + z * k3:
        return None
    return [x, y, z]
