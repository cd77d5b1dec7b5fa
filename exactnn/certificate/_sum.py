"""Leaves of a tree for the norm "l1"."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from ._cells import Cell
from ._farkas import AffineRow
from ._numbers import afford, items
from ._tree import Term, at_most

SIGNED = 8  # outputs whose sum of absolute values is written sign by sign


def bounded(cell: Cell, path: Sequence[AffineRow], pairs: Sequence[Sequence[Term]], tolerance: Fraction, raw: Any, step: str) -> None:
    """A proof for each choice of signs: tolerance - sum of s_j (f - g)_j >= 0."""
    afford(len(pairs) <= SIGNED, step, f"the sum over more than {SIGNED} outputs has too many signs for this checker")
    for signs, proof in zip(product((1, -1), repeat=len(pairs)), items(raw, step, 2 ** len(pairs)), strict=True):
        terms = [(sign * c, value) for sign, pair in zip(signs, pairs, strict=True) for c, value in pair]
        at_most(cell, path, terms, tolerance, proof, f"{step}, signs {list(signs)}")
