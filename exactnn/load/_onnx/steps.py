"""Functions of one value that may jump: comparisons, signs, and what sums, products and choices make of them until they are continuous.

Such a function is affine between its breaks, with a value of its own at each of them. All arithmetic is by values: three in each interval
tell whether a result is affine there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from exactnn.errors import UnsupportedOperation
from exactnn.exact.numbers import rational_text
from exactnn.load._onnx.curves import Curve, at, between, curves, preimages
from exactnn.load._onnx.reader import Node, Reader, Result
from exactnn.load._onnx.values import Deferred, OnnxValue, Operand, Tensor
from exactnn.network.operations import broadcast

_MOST_BREAKS = 64
_ONE, _NONE = Fraction(1), Fraction(0)

MEET = "Where, or a product with the comparison cast to floats, is read if both choices are equal where the sides of the comparison are"


@dataclass(frozen=True)
class Broken:
    """slope t + constant in each interval between breaks, and values at the breaks."""

    breaks: tuple[Fraction, ...]
    values: tuple[Fraction, ...]
    pieces: tuple[tuple[Fraction, Fraction], ...]

    @classmethod
    def of(cls, curve: Curve) -> Broken:
        """A continuous one."""
        found = by_values(lambda t: at(curve, t), [k for k, _ in curve.kinks])
        assert found is not None
        return found

    def __call__(self, t: Fraction) -> Fraction:
        i = bisect_left(self.breaks, t)
        if i < len(self.breaks) and self.breaks[i] == t:
            return self.values[i]
        slope, constant = self.pieces[i]
        return slope * t + constant

    def jump(self) -> tuple[Fraction, Fraction, Fraction] | None:
        """The first place with a jump, and what lies left and right of it, or left of it and at it; None if it is continuous."""
        for t, value, left, right in zip(self.breaks, self.values, self.pieces, self.pieces[1:], strict=False):
            low, high = left[0] * t + left[1], right[0] * t + right[1]
            if not low == value == high:
                return t, low, high if high != low else value
        return None

    @property
    def is_mask(self) -> bool:
        """Whether its values are 0 and 1 only."""
        return {*self.values, *(c for _, c in self.pieces)} <= {0, 1} and not any(slope for slope, _ in self.pieces)

    def zeros(self) -> list[Fraction]:
        """Where it changes its sign inside an interval."""
        found = []
        for i, (slope, constant) in enumerate(self.pieces):
            if slope:
                zero = -constant / slope
                if bisect_left(self.breaks, zero) == i and zero not in self.breaks[i : i + 1]:
                    found.append(zero)
        return found


def by_values(function: Callable[[Fraction], Fraction], breaks: Iterable[Fraction]) -> Broken | None:
    """The function with these values; None if it is not affine in each interval, or has too many breaks."""
    places = sorted(set(breaks))
    if len(places) > _MOST_BREAKS:
        return None
    pieces: list[tuple[Fraction, Fraction]] = []
    for i in range(len(places) + 1):
        start, step = _inside(places, i)
        first, second, third = (function(start + k * step) for k in range(3))
        if first + third != 2 * second:
            return None
        slope = (second - first) / step
        pieces.append((slope, first - slope * start))
    kept = [i for i, t in enumerate(places) if pieces[i] != pieces[i + 1] or function(t) != pieces[i][0] * t + pieces[i][1]]
    remaining = tuple(places[i] for i in kept)
    return Broken(remaining, tuple(map(function, remaining)), (*(pieces[i] for i in kept), pieces[-1]))


def _inside(places: list[Fraction], i: int) -> tuple[Fraction, Fraction]:
    """A point in interval i, and a step that three points of it are apart."""
    if not places:
        return _NONE, _ONE
    if i == 0:
        return places[0] - 3, _ONE
    if i == len(places):
        return places[-1] + 1, _ONE
    step = (places[i] - places[i - 1]) / 4
    return places[i - 1] + step, step


def compared(above: Curve, below: Curve, *, strict: bool) -> Broken | None:
    """1 where above > below, or >= if not `strict`, else 0."""
    difference = by_values(lambda t: at(above, t) - at(below, t), [k for k, _ in (*above.kinks, *below.kinks)])
    if difference is None:
        return None
    places = [*difference.breaks, *difference.zeros()]
    return by_values(lambda t: Fraction(difference(t) > 0 or (not strict and difference(t) == 0)), places)


def _into(inner: Curve, outer: Broken) -> Broken | None:
    """outer(inner)."""
    return by_values(lambda t: outer(at(inner, t)), [*(k for k, _ in inner.kinks), *preimages(inner, outer.breaks)])


@dataclass(frozen=True)
class Mask(Deferred):
    """Where `above` is larger than `below`, or as large if not `strict`; `number`: cast to 0 and 1."""

    above: Operand
    below: Operand
    kind: str
    strict: bool
    number: bool = False

    def as_numbers(self) -> Mask:
        """1 where it is true, else 0."""
        return Mask(self.above, self.below, self.kind, self.strict, True)

    def inverted(self) -> Mask:
        """True where it is not."""
        return Mask(self.below, self.above, self.kind, not self.strict, self.number)

    def settled(self, reader: Reader) -> Operand:
        raise UnsupportedOperation(
            f"it reads the comparison {self.kind} of values that depend on the input, which jumps from 0 to 1, and so is no operation of a "
            f"network here; {MEET}"
        )


@dataclass(frozen=True)
class Stepped(Deferred):
    """A function of one value that jumps, as far as it is computed."""

    base: OnnxValue
    function: Broken
    label: str

    def settled(self, reader: Reader) -> Operand:
        jump = self.function.jump()
        assert jump is not None  # a continuous one is a node at once
        place, low, high, step = map(_short, (*jump, jump[2] - jump[1]))
        raise UnsupportedOperation(
            f"{self.label} jumps at {place} from {low} to {high}, by {step}, and so is no operation of a network here; {MEET}"
        )


def _short(value: Fraction) -> str:
    text = rational_text(value)
    return text if len(text) <= 20 else f"about {float(value):.6g}"


_OPERATIONS: dict[str, Callable[..., Fraction]] = {
    "Add": lambda a, b: a + b,
    "Sum": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Neg": lambda a: -a,
    "And": lambda a, b: a * b,
    "Or": lambda a, b: max(a, b),
    "Xor": lambda a, b: Fraction(a != b),
    "Not": lambda a: 1 - a,
    "Where": lambda m, a, b: a if m else b,
    "Sign": lambda a: Fraction((a > 0) - (a < 0)),
}


def followed_steps(node: Node) -> Result | None:
    """A sum, product or choice with comparisons and signs as a function of one value; None if it is none."""
    operation = _OPERATIONS.get(node.type)
    items = [node.reader.deferred.get(name) or node.reader.values.get(name) for name in node.inputs]
    if operation is None or len(items) != operation.__code__.co_argcount or not all(items):
        return None
    if node.type != "Sign" and not any(isinstance(i, Mask | Stepped) for i in items):
        return None
    found = _functions(node.reader, [i for i in items if i is not None])
    if found is None:
        return None
    base, functions = found
    breaks = [t for f in functions for t in f.breaks] + (functions[0].zeros() if node.type == "Sign" else [])
    result = by_values(lambda t: operation(*(f(t) for f in functions)), breaks)
    if result is None:
        return None
    if result.jump() is not None:
        return Stepped(base, result, node.label)
    curve = between(result, result.breaks)
    numbers = [curve.slope, curve.constant, *(q for kink in curve.kinks for q in kink)]
    node.reader.budget.fractions(numbers, (len(numbers),))
    return node.apply(curve, base)


def _functions(reader: Reader, items: list[Operand | Deferred]) -> tuple[OnnxValue, list[Broken]] | None:
    """The value behind all items, and each as a function of it."""
    values: list[Operand] = []
    for item in items:
        if isinstance(item, Mask):
            values += [item.above, item.below]
        elif isinstance(item, Stepped):
            values.append(item.base)
        elif isinstance(item, Deferred):
            return None
        else:
            values.append(item)
    whole = [v for v in values if isinstance(v, OnnxValue)]
    if not whole or any((v.shape, v.batched) != (whole[0].shape, whole[0].batched) for v in whole):
        return None
    full = whole[0].full
    if any(broadcast(v.shape, full) != full for v in values if isinstance(v, Tensor)):
        return None
    found = curves(reader, values, whole[0].shape)
    if found is None:
        return None
    rest = iter(found[1])
    functions = [_function(item, rest) for item in items]
    base = OnnxValue(found[0], whole[0].shape, whole[0].batched)
    return (base, [f for f in functions if f is not None]) if None not in functions else None


def _function(item: Operand | Deferred, found: Iterable[Curve]) -> Broken | None:
    """One item, as its operands are found to be."""
    rest = iter(found)
    if isinstance(item, Mask):
        return compared(next(rest), next(rest), strict=item.strict)
    return _into(next(rest), item.function) if isinstance(item, Stepped) else Broken.of(next(rest))
