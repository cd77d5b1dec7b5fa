"""Sums of functions: linear steps on the coefficients of each function, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from math import lcm, prod
from operator import add
from typing import Any, NamedTuple

from ._meaning import Linear


class Columns(NamedTuple):
    """Entry i is the sum over the keys of columns[key][i] / denominator times a function; a column of zeros may be left out."""

    size: int
    columns: Mapping[int, Sequence[Any]]
    denominator: int

    def column(self, key: int, common: int) -> Sequence[Any]:
        """One column, over a multiple of the denominator."""
        found, factor = self.columns.get(key), common // self.denominator
        if found is None:
            return [0] * self.size
        return found if factor == 1 else [n * factor for n in found]


def combined(rule: Linear, operands: Sequence[Columns], one: int | None) -> Columns:
    """What a linear step makes of them; ``one`` is the key of the function 1, which the constants go with, and None leaves them out."""
    keys = list(dict.fromkeys(key for a in operands for key in a.columns))
    shared = lcm(*(a.denominator for a in operands))
    found = dict(zip(keys, rule.apply([[*chain.from_iterable(a.column(key, shared) for a in operands), 0] for key in keys]), strict=True))
    under = shared * rule.denominator
    if one is not None and rule.constants:
        both = lcm(under, rule.over)
        if both != under:
            found = {key: [n * (both // under) for n in column] for key, column in found.items()}
        shift = both // rule.over
        constants = rule.constants if shift == 1 else [c * shift for c in rule.constants]
        found[one] = list(map(add, found[one], constants)) if one in found else list(constants)
        under = both
    return Columns(prod(rule.shape), found, under)
