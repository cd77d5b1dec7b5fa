"""Rows (w, b) of a layer that are degenerate on purpose: what passes that look at signs, duplicates or zeros get wrong."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from exactnn.testing._numbers import TINY, Vector, numbers, positives


@st.composite
def rows(draw: st.DrawFn, inputs: int, count: int) -> list[tuple[Vector, Fraction]]:
    """(w, b): many are multiples, opposites, parallels of earlier ones, constant, concurrent, or 2^-60 beside an earlier one."""
    found: list[tuple[Vector, Fraction]] = []
    centre = tuple(draw(numbers()) for _ in range(inputs))
    for i in range(count):
        kind = draw(st.integers(0, 9 if i else 3))
        w, b = tuple(draw(numbers()) for _ in range(inputs)), draw(numbers())
        if kind == 2:
            w = (Fraction(0),) * inputs
        elif kind == 3:
            b = -sum((p * q for p, q in zip(w, centre, strict=True)), Fraction(0))
        elif kind >= 4:
            (old, base), factor = found[draw(st.integers(0, i - 1))], draw(positives())
            if kind == 4:
                w, b = tuple(q * factor for q in old), base * factor
            elif kind in (5, 6):
                w, b = tuple(-q * factor for q in old), -base * factor
            elif kind == 7:
                w = old
            elif kind == 8:
                w, b = old, base + TINY
            else:
                w, b = (old[0] + TINY, *old[1:]), base
        found.append((w, b))
    return found
