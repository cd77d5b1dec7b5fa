"""Functions of one value that may jump: comparisons, signs, and what sums, products and choices make of them until they are continuous.

Here is how nodes of a file make them; what they are is in `load/_broken.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from exactnn.errors import UnsupportedOperation
from exactnn.load._broken import Broken, by_values, compared, into, jumps
from exactnn.load._curves import Curve, between, curves
from exactnn.load._onnx.reader import Node, Reader, Result
from exactnn.load._onnx.values import Deferred, OnnxValue, Operand, Tensor, item
from exactnn.network.operations import broadcast

MEET = "Where, or a product with the comparison cast to floats, is read if both choices are equal where the sides of the comparison are"


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
    #: whether it is made of booleans
    truth: bool = False

    def settled(self, reader: Reader) -> Operand:
        raise UnsupportedOperation(f"{self.label} {jumps(self.function)}, and so is no operation of a network here; {MEET}")


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


_LOGICAL = ("And", "Or", "Xor", "Not")


def followed_steps(node: Node) -> Result | None:
    """A sum, product or choice with comparisons and signs as a function of one value; None if it is none."""
    operation = _OPERATIONS.get(node.type)
    items = [node.reader.deferred.get(name) or node.reader.values.get(name) for name in node.inputs]
    if operation is None or len(items) != operation.__code__.co_argcount or not all(items):
        return None
    if node.type != "Sign" and not any(isinstance(i, Mask | Stepped) for i in items):
        return None
    _check_truth(node.type, [i for i in items if i is not None])
    found = _functions(node.reader, [i for i in items if i is not None])
    if found is None:
        return None
    base, functions = found
    breaks = [t for f in functions for t in f.breaks] + (functions[0].zeros() if node.type == "Sign" else [])
    result = by_values(lambda t: operation(*(f(t) for f in functions)), breaks)
    if result is None:
        return None
    if result.jump() is not None:
        return Stepped(base, result, node.label, node.type in _LOGICAL)
    curve = between(result, result.breaks)
    numbers = [curve.slope, curve.constant, *(q for kink in curve.kinks for q in kink)]
    node.reader.budget.fractions(numbers, (len(numbers),))
    return node.apply(curve, base)


def _check_truth(kind: str, items: list[Operand | Deferred]) -> None:
    """Logical operators read booleans, arithmetic numbers; UnsupportedOperation elsewhere, as no runtime takes it."""
    truths = [_is_truth(i) for i in items]
    if (kind in _LOGICAL and not all(truths)) or (kind == "Where" and not truths[0]):
        raise UnsupportedOperation(f"{kind} reads numbers where booleans are needed; compare them first")
    if kind not in _LOGICAL and any(truths[1:] if kind == "Where" else truths):
        raise UnsupportedOperation(f"{kind} reads booleans where numbers are needed; cast them to floats first")


def _is_truth(item: Operand | Deferred) -> bool:
    if isinstance(item, Mask):
        return not item.number
    return item.truth if isinstance(item, Stepped) else isinstance(item, Tensor) and item.kind == "bool"


def _functions(reader: Reader, items: list[Operand | Deferred]) -> tuple[OnnxValue, list[Broken]] | None:
    """The value behind all items, and each as a function of it."""
    values: list[Operand] = []
    for given in items:
        if isinstance(given, Mask):
            values += [given.above, given.below]
        elif isinstance(given, Stepped):
            values.append(given.base)
        elif isinstance(given, Deferred):
            return None
        else:
            values.append(given)
    whole = [v for v in values if isinstance(v, OnnxValue)]
    if not whole or any((v.shape, v.batched) != (whole[0].shape, whole[0].batched) for v in whole):
        return None
    full = whole[0].full
    if any(broadcast(v.shape, full) != full for v in values if isinstance(v, Tensor)):
        return None
    found = curves(reader, [item(v) for v in values], whole[0].shape)
    if found is None:
        return None
    rest = iter(found[1])
    functions = [_function(given, rest) for given in items]
    base = OnnxValue(found[0], whole[0].shape, whole[0].batched)
    return (base, [f for f in functions if f is not None]) if None not in functions else None


def _function(item: Operand | Deferred, found: Iterable[Curve]) -> Broken | None:
    """One item, as its operands are found to be."""
    rest = iter(found)
    if isinstance(item, Mask):
        return compared(next(rest), next(rest), strict=item.strict)
    return into(next(rest), item.function) if isinstance(item, Stepped) else Broken.of(next(rest))
