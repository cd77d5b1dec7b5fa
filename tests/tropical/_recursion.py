"""The corrected recursion of TropEx, written out number by number for dense chains: an oracle of terms (theory/tropical.md, section 1).

Backwards, with a row B and a constant for each term, and bounds Lo <= B <= Hi over all terms, phi = q z + r + phi+ - phi-:

    unit     B phi(z)  becomes  B (q z + r) + (B - Lo) phi+(z) + (Hi - B) phi-(z)
    affine   B (W y + b);  Lo, Hi become  Lo W+ - Hi W-,  Hi W+ - Lo W-
    inputs   K = -Lo is added to each row
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

#: (q, r, kinks (t, p)) of  phi(z) = q z + r + sum of p max(z - t, 0).
Kinks = tuple[Fraction, Fraction, list[tuple[Fraction, Fraction]]]


def kinks(unit: str) -> Kinks:
    zero, one = Fraction(0), Fraction(1)
    unit = {"relu6": "clip(0, 6)", "hardtanh": "clip(-1, 1)"}.get(unit, unit)
    name, _, rest = unit.partition("(")
    numbers = [Fraction(v) for v in rest.rstrip(")").split(",")] if rest else []
    if name == "leaky_relu":
        return numbers[0], zero, [(zero, 1 - numbers[0])]
    if name == "clip":
        low, high = numbers
        return zero, low, [(low, one), (high, -one)]
    return {"relu": (zero, zero, [(zero, one)]), "abs": (-one, zero, [(zero, 2 * one)]), "identity": (one, zero, [])}[name]


def terms(layers: Sequence[tuple[Any, Any]], unit: str, points: Sequence[Sequence[Fraction]]) -> list[dict[tuple[Fraction, ...], Fraction]]:
    """{exponents: coefficient} for each numerator and for the denominator, of the regions of these points."""
    q, r, bends = kinks(unit)
    *hidden, (last, bias) = [([[Fraction(w) for w in row] for row in W], [Fraction(v) for v in b]) for W, b in layers]
    found: list[dict[tuple[Fraction, ...], Fraction]] = [{} for _ in range(len(last) + 1)]
    for x in points:
        before = _preactivations(hidden, (q, r, bends), x)
        rows = [*(list(row) for row in last), [Fraction(0)] * len(last[0])]
        constants = [*bias, Fraction(0)]
        low = [min(Fraction(0), *column) for column in zip(*rows, strict=True)]
        high = [max(Fraction(0), *column) for column in zip(*rows, strict=True)]
        for (W, b), z in zip(reversed(hidden), reversed(before), strict=True):
            new_low, new_high = [], []
            for i, value in enumerate(z):
                lo, hi, width = low[i], high[i], high[i] - low[i]
                rising = [(t, p) for t, p in bends if p > 0]
                falling = [(t, -p) for t, p in bends if p < 0]
                slopes = [_slopes(rising, falling, at) for at in _between(bends)]
                ends = [e for up, down in slopes for e in (lo * q + width * down, hi * q + width * up)]
                new_low.append(min(ends))
                new_high.append(max(ends))
                for k, row in enumerate(rows):
                    B = row[i]
                    over = [(t, (B - lo) * p) for t, p in rising] + [(t, (hi - B) * p) for t, p in falling]
                    above = [(t, p) for t, p in over if value > t]
                    constants[k] += B * r - sum((t * p for t, p in above), Fraction(0))
                    row[i] = B * q + sum((p for _, p in above), Fraction(0))
            constants = [c + _dot(row, b) for c, row in zip(constants, rows, strict=True)]
            columns = [*zip(*W, strict=True)]
            rows = [[_dot(row, column) for column in columns] for row in rows]
            plus, minus = ([[max(sign * w, Fraction(0)) for w in column] for column in columns] for sign in (1, -1))
            low = [_dot(new_low, p) - _dot(new_high, m) for p, m in zip(plus, minus, strict=True)]
            high = [_dot(new_high, p) - _dot(new_low, m) for p, m in zip(plus, minus, strict=True)]
        for table, row, c in zip(found, rows, constants, strict=True):
            exponents = tuple(v - lo for v, lo in zip(row, low, strict=True))
            assert table.setdefault(exponents, c) == c
    return found


def _preactivations(layers: Sequence[tuple[Any, Any]], unit: Kinks, x: Sequence[Fraction]) -> list[list[Fraction]]:
    q, r, bends = unit
    values, found = list(x), []
    for W, b in layers:
        z = [_dot(row, values) + c for row, c in zip(W, b, strict=True)]
        found.append(z)
        values = [q * v + r + sum((p * max(v - t, Fraction(0)) for t, p in bends), Fraction(0)) for v in z]
    return found


def _between(bends: Sequence[tuple[Fraction, Fraction]]) -> list[Fraction]:
    """A number in each piece."""
    places = sorted(t for t, _ in bends) or [Fraction(0)]
    return [places[0] - 1, *((s + t) / 2 for s, t in itertools.pairwise(places)), places[-1] + 1]


def _slopes(rising: Any, falling: Any, at: Fraction) -> tuple[Fraction, Fraction]:
    up, down = (sum((p for t, p in side if at > t), Fraction(0)) for side in (rising, falling))
    return up, down


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((u * v for u, v in zip(a, b, strict=True)), Fraction(0))
