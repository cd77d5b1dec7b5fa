"""Choices by a comparison: torch.where(x > t, a, b), x * (x > 0), x.masked_fill(x < 0, 0), sign(x) * x.

Where all that is compared and chosen are functions of one value, they are followed, jumps included, until they are continuous; elsewhere

    a - b = c (x - t)  for every input   =>   where(x > t, a, b) = b + c max(x - t, 0).

What is not seen to be continuous is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch

from exactnn.exact.array import RationalArray
from exactnn.load._broken import Broken, by_values, compared, into, jumps
from exactnn.load._curves import between, curves, forms, ratio
from exactnn.load._torch_graph import HELD_BY, Deferred, Handler, TracedValue, Translator
from exactnn.load._torch_moves import moved
from exactnn.network import Add, Subtract, relu
from exactnn.network.operations import broadcast

_MEET = "a choice is read if both sides are equal where the comparison changes"


@dataclass(frozen=True, eq=False)
class Mask(Deferred):
    """Where `above` is larger than `below`, or as large if not `strict`."""

    above: TracedValue
    below: TracedValue
    strict: bool

    def what(self) -> str:
        return f"a comparison of values that depend on the input, which jumps from 0 to 1; {_MEET}"


@dataclass(frozen=True, eq=False)
class Stepped(Deferred):
    """A function of one value that jumps, as far as it is computed."""

    base: TracedValue
    function: Broken

    def what(self) -> str:
        return f"a value that {jumps(self.function)}, which is no continuous function; {_MEET}"


# --- comparisons -----------------------------------------------------------------------------------------------------------


def _comparison(*, swapped: bool, strict: bool) -> Handler:
    def handler(t: Translator, x: Any, other: Any) -> Mask:
        a, b = (y if isinstance(y, TracedValue) else TracedValue(RationalArray.of(t.number(y, "operand")), ()) for y in (x, other))
        return Mask(b, a, strict) if swapped else Mask(a, b, strict)

    return handler


def _inverted(t: Translator, x: Any) -> Any:
    if isinstance(x, Mask):
        return Mask(x.below, x.above, not x.strict)
    return _logical(t, lambda a: 1 - a, x)


def _logical(t: Translator, operation: Callable[..., Fraction], *items: Any) -> Any:
    """An operation of truth values."""
    if not all(isinstance(i, Mask) or (isinstance(i, Stepped) and i.function.is_mask) for i in items):
        t.refuse("it reads numbers as truth values, where comparisons are needed")
    return _followed(t, operation, *items)


def _sign(t: Translator, x: TracedValue) -> Any:
    function = by_values(lambda v: Fraction((v > 0) - (v < 0)), [Fraction(0)])
    assert function is not None
    return Stepped(x, function)


# --- what is made of them --------------------------------------------------------------------------------------------------


def _followed(t: Translator, operation: Callable[..., Fraction], *items: Any) -> Any:
    """The operation of functions of one value; refused if they are none."""
    found = _as_functions(t, items)
    if found is None:
        t.refuse(f"it reads {next(i for i in items if isinstance(i, Deferred)).what()}")
    base, functions = found
    result = by_values(lambda v: operation(*(f(v) for f in functions)), [b for f in functions for b in f.breaks])
    if result is None:
        t.refuse("the product of a value with itself under a comparison is not piecewise linear")
    if result.jump() is not None:
        return Stepped(base, result)
    return t.apply(between(result, result.breaks), base)


def _as_functions(t: Translator, items: tuple[Any, ...]) -> tuple[TracedValue, list[Broken]] | None:
    """The value behind all items, and each as a function of it; None if there is no such value."""
    parts: list[TracedValue] = []
    for item in items:
        parts += [item.above, item.below] if isinstance(item, Mask) else [item.base] if isinstance(item, Stepped) else [t.scalar(item)]
    parts = t.aligned(*parts)
    values = [p for p in parts if not p.is_constant]
    if any((v.shape, v.batch) != (values[0].shape, values[0].batch) for v in values):
        return None
    shape = values[0].shape
    if any(broadcast(p.shape, shape) != shape for p in parts):
        return None
    found = curves(t, [t.item(p) for p in parts], shape)
    if found is None:
        return None
    rest = iter(found[1])
    functions = []
    for item in items:
        if isinstance(item, Mask):
            functions.append(compared(next(rest), next(rest), strict=item.strict))
        else:
            functions.append(into(next(rest), item.function) if isinstance(item, Stepped) else Broken.of(next(rest)))
    if None in functions:
        return None
    return TracedValue(found[0], shape, values[0].batch), [f for f in functions if f is not None]


def _where(t: Translator, condition: Any, x: Any = None, other: Any = None) -> Any:
    if isinstance(condition, TracedValue) and not isinstance(x, Deferred) and not isinstance(other, Deferred):
        return moved(t)
    if not isinstance(condition, Mask):
        return _followed(t, lambda m, a, b: a if m else b, condition, x, other)
    if _as_functions(t, (condition, x, other)) is not None or isinstance(x, Deferred) or isinstance(other, Deferred):
        return _followed(t, lambda m, a, b: a if m else b, condition, x, other)
    return _rectified(t, condition, t.scalar(x), t.scalar(other))


def _rectified(t: Translator, mask: Mask, yes: TracedValue, no: TracedValue) -> TracedValue:
    """no + c max(above - below, 0)."""
    above, below, yes, no = t.aligned(mask.above, mask.below, yes, no)
    shape = broadcast(above.shape, below.shape, yes.shape, no.shape)
    found = forms(t, [t.item(v) for v in (above, below, yes, no)], shape)
    factor, gap = (None, None) if found is None else ratio(*found)
    if gap is not None:
        t.refuse(f"the two sides differ by a constant, {float(gap):.6g}, where the comparison changes, so that it jumps; {_MEET}")
    if factor is None:
        t.refuse(f"the two sides are not seen to be equal where the comparison changes, so that it may jump; {_MEET}")
    positive = t.apply(relu(), t.apply(Subtract(), above, below, suffix="difference"), suffix="relu")
    return t.apply(Add(), no, t.scale(positive, factor, "scaled"))


def _product(t: Translator, x: Any, other: Any) -> Any:
    for mask, value in ((x, other), (other, x)):
        if isinstance(mask, Mask) and isinstance(value, TracedValue) and _as_functions(t, (x, other)) is None:
            return _rectified(t, mask, value, TracedValue(RationalArray.of(0), ()))
    return _followed(t, lambda a, b: a * b, x, other)


def _filled(t: Translator, x: Any, mask: Any, value: Any) -> Any:
    return _where(t, mask, value, x)


def _sum(sign: int) -> Handler:
    def handler(t: Translator, x: Any, other: Any, alpha: Any = 1) -> Any:
        factor = sign * t.number(alpha, "alpha")
        if t.dtype() == torch.bool:
            t.refuse("a sum of truth values is their disjunction; convert them to floats first, or write it with |")
        return _followed(t, lambda a, b: a + factor * b, x, other)

    return handler


def _converted(t: Translator, x: Any, **_: Any) -> Any:
    source, target = t.dtype(0), t.dtype()
    is_mask = isinstance(x, Mask) or x.function.is_mask
    if not (target.is_floating_point or target == torch.bool) or (target == torch.bool and not is_mask):
        t.refuse(f"a comparison, or what was made of one, becomes {target}; floats are needed")
    if source.is_floating_point and target.is_floating_point and source != target and target not in HELD_BY.get(source, ()):
        t.refuse(f"the conversion from {source} to {target} rounds")
    return x


#: handlers of operations that read a comparison or what was made of one
CHOICES: Mapping[str, Handler] = {
    "where": _where,
    "mul": _product,
    "masked_fill": _filled,
    "add": _sum(1),
    "sub": _sum(-1),
    "rsub": lambda t, x, other, alpha=1: _sum(-1)(t, other, x, alpha),
    "neg": lambda t, x: _followed(t, lambda a: -a, x),
    **dict.fromkeys(("logical_not", "bitwise_not"), _inverted),
    **dict.fromkeys(("logical_and", "bitwise_and", "__and__"), lambda t, x, other: _logical(t, lambda a, b: a * b, x, other)),
    **dict.fromkeys(("logical_or", "bitwise_or", "__or__"), lambda t, x, other: _logical(t, max, x, other)),
    **dict.fromkeys(("to", "_to_copy"), _converted),
    **dict.fromkeys(("contiguous", "clone", "alias", "detach", "detach_"), lambda t, x, **_: x),
}

TABLE: Mapping[str, Handler] = {
    **dict.fromkeys(("gt", "greater"), _comparison(swapped=False, strict=True)),
    **dict.fromkeys(("ge", "greater_equal"), _comparison(swapped=False, strict=False)),
    **dict.fromkeys(("lt", "less"), _comparison(swapped=True, strict=True)),
    **dict.fromkeys(("le", "less_equal"), _comparison(swapped=True, strict=False)),
    **dict.fromkeys(("sign", "sgn"), _sign),
    "where": _where,
}
