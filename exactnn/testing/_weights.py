"""How far the weights of two networks are apart, in units in the last place: what tells rounding from a bug.

    ulp(w) = 2^(max(floor(log2 |w|), e_min) - p + 1)        p bits, least exponent e_min of the float format

Two networks of one structure are compared weight by weight; where the structures differ (a batch norm folded away, say) both are folded
exactly first (`exactnn.network.rewrite.fold_affine`), so that the rounding of a folded weight is measured against the exact one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import short
from exactnn.exact.rounding import FORMATS, round_rational
from exactnn.network import Activation, BatchNorm, Network, rewrite
from exactnn.texts import rounded

#: a weight that changed by more units in the last place than this was not just rounded; folding a batch norm takes up to 8
ROUNDING = 16
#: from here on the number of units says nothing
_FAR = 10**9


@dataclass(frozen=True)
class WeightChanges:
    """What became of the weights, from one network to another of the same structure.

    Attributes
    ----------
    changed, total : numbers of weights
    ulps : the largest change, in units in the last place of the weight that changed
    where : the weight that changed most, in words
    precision : the float format whose units these are
    nearest : the format of which all changed weights are the nearest numbers, if there is one
    other : a difference that is none of weights (another activation, another padding), in words, or ""
    folded : whether both networks were folded first
    """

    changed: int
    total: int
    ulps: Fraction
    where: str
    precision: str
    nearest: str | None
    other: str
    folded: bool

    @property
    def is_rounding(self) -> bool:
        """Whether every weight is the old one but for a few units in the last place."""
        return not self.other and self.ulps <= ROUNDING

    def __str__(self) -> str:
        if self.other:
            return self.other
        of = "after both were folded exactly, " if self.folded else ""
        if not self.changed:
            return f"{of}no weight changed"
        size = short(self.ulps, 12) if self.ulps <= 2 * ROUNDING else rounded(self.ulps)[0]
        units = f"by at most {size} units in the last place of {self.precision}" if self.ulps <= _FAR else "by far more than rounding"
        near = f", each to the nearest number of {self.nearest}" if self.nearest else ""
        return f"{of}{self.changed} of {self.total} weights changed{near}, {units} (most: {self.where})"


def weight_changes(f: Network, g: Network, precision: str) -> WeightChanges | None:
    """The changes from f to g, or None where the structures differ even when both are folded."""
    if precision not in FORMATS:
        raise ArgumentError(f"precision: one of {', '.join(FORMATS)} is needed, got {precision!r}")
    if _same_structure(f, g):
        return _changes(f, g, precision, False)
    f, g = rewrite.fold_affine(f).network, rewrite.fold_affine(g).network
    return _changes(f, g, precision, True) if _same_structure(f, g) else None


def ulp(value: Fraction, precision: str) -> Fraction:
    """The distance of the numbers of the format around `value`.

    Examples
    --------
    >>> ulp(Fraction(3), "float32") == Fraction(2) ** -22
    True
    """
    bits, least, _ = FORMATS[precision]
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length() if size else least
    exponent -= size < Fraction(2) ** exponent
    return Fraction(2) ** (max(exponent, least) - bits + 1)


def _same_structure(f: Network, g: Network) -> bool:
    places = [{name: i for i, name in enumerate(net.order)} for net in (f, g)]
    if len(f.order) != len(g.order):
        return False
    ends = [[[place[n] for n in names] for names in (net.inputs, net.outputs)] for net, place in zip((f, g), places, strict=True)]
    return ends[0] == ends[1] and all(
        [places[0][o] for o in f.operands(a)] == [places[1][o] for o in g.operands(b)] and _comparable(f.operation(a), g.operation(b))
        for a, b in zip(f.order, g.order, strict=True)
    )


def _comparable(a: Any, b: Any) -> bool:
    if isinstance(a, Activation) and isinstance(b, Activation):
        return True  # another unit is a difference to be named
    if isinstance(a, BatchNorm) and isinstance(b, BatchNorm) and a.precision != b.precision:
        return False  # its factors are rounded in other ways: folded they are weights like others
    return type(a) is type(b) and all(x.shape == y.shape for x, y in _arrays(a, b))


def _arrays(a: Any, b: Any) -> Iterator[tuple[RationalArray, RationalArray]]:
    for field in fields(a):
        if isinstance(getattr(a, field.name), RationalArray):
            yield getattr(a, field.name), getattr(b, field.name)


def _changes(f: Network, g: Network, precision: str, folded: bool) -> WeightChanges:
    changed, total, most, where, other = 0, 0, Fraction(0), "", ""
    nearest = list(FORMATS)
    for name, partner in zip(f.order, g.order, strict=True):
        a, b = f.operation(name), g.operation(partner)
        if a == b:
            total += sum(before.size for before, _ in _arrays(a, a))
            continue
        other = other or _otherwise(name, a, b)
        if type(a) is not type(b):
            continue
        for before, after in _arrays(a, b):
            total += before.size
            if before.shape != after.shape:
                continue
            for i, (old, new) in enumerate(zip(before.to_fractions(), after.to_fractions(), strict=True)):
                if old != new:
                    changed += 1
                    nearest = [n for n in nearest if _rounded(old, n) == new]
                    size = abs(new - old) / ulp(old, precision)
                    if size > most:
                        most, where = size, f"{name!r} entry {i}: {short(old, 30)} became {short(new, 30)}"
    return WeightChanges(changed, total, most, where, precision, nearest[0] if changed and nearest else None, other, folded)


def _rounded(value: Fraction, precision: str) -> Fraction | None:
    try:
        return round_rational(value, precision)
    except ArgumentError:  # beyond the range
        return None


def _otherwise(name: str, a: Any, b: Any) -> str:
    """What differs between two operations besides weights, in words."""
    if isinstance(a, Activation) and a != b:
        if a.name != b.name or type(a) is not type(b):
            return f"node {name!r}: {a.name} became {b.name}"
    for field in fields(a):
        old, new = getattr(a, field.name), getattr(b, field.name)
        if not isinstance(old, RationalArray) and old != new:
            return f"node {name!r}: {field.name} {short(old, 40)} became {short(new, 40)}"
    return ""
