"""What a value is, entry by entry, as a piecewise linear function of one value behind it, or as a sum of multiples of several."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.load._limits import Budget
from exactnn.network import Add, Affine, Constant, Operation, PiecewiseLinear, Scale, Subtract
from exactnn.network.operations import Shape, broadcast


@dataclass(frozen=True)
class Made:
    """A node of the network under construction: what it does, which nodes it reads, its shape, and how many were made before it."""

    operation: Operation
    reads: tuple[str, ...]
    shape: Shape
    number: int


class Graph(Protocol):
    """A network under construction, and what may be computed while it is read."""

    budget: Budget

    def made(self, name: str) -> Made:
        """A node."""

    def sign_of(self, matrix: RationalArray) -> int | None:
        """1 or -1 if the matrix is this multiple of an identity matrix that the reader made, else None."""


#: a node, or constants
Item = str | RationalArray

_LONGEST = 1000  # steps on the way back
_MOST_KINKS = 64

Curve = PiecewiseLinear


def at(curve: Curve, t: Fraction) -> Fraction:
    """Its value."""
    return curve.slope * t + curve.constant + sum((p * max(t - k, Fraction(0)) for k, p in curve.kinks), Fraction(0))


def between(function: Callable[[Fraction], Fraction], kinks: Iterable[Fraction]) -> Curve:
    """The piecewise linear function with these values and no other kinks."""
    places = sorted(set(kinks)) or [Fraction(0)]
    values = [function(t) for t in places]
    slopes = [values[0] - function(places[0] - 1)]
    for i in range(1, len(places)):
        slopes.append((values[i] - values[i - 1]) / (places[i] - places[i - 1]))
    slopes.append(function(places[-1] + 1) - values[-1])
    jumps = [(t, after - before) for t, before, after in zip(places, slopes, slopes[1:], strict=False)]
    return Curve.of(slopes[0], values[0] - slopes[0] * places[0], jumps)


def curves(graph: Graph, operands: Sequence[Item], shape: Shape) -> tuple[str, list[Curve]] | None:
    """The nearest value of this shape of which all operands are functions, alike for all entries, and these functions; None if none is."""
    names = [o for o in operands if isinstance(o, str)]
    found = _way(graph, names, shape, _is_curve)
    if found is None or len(found[0]) != 1:
        return None
    (base,), steps = found
    known = {base: Curve.of(1, 0, [])}
    for name, made in steps.items():
        sides = [known[r] if r in known else _level(graph.made(r).operation) for r in made.reads]
        curve = _applied(made.operation, [s for s in sides if s is not None]) if None not in sides else None
        if curve is None or len(curve.kinks) > _MOST_KINKS:
            return None
        graph.budget.numbers(1, _bits(curve))
        known[name] = curve
    results = [known[o] if isinstance(o, str) else _constant(o) for o in operands]
    return (base, [r for r in results if r is not None]) if None not in results else None


def _way(
    graph: Graph, names: Iterable[str], shape: Shape, goes_on: Callable[[Graph, Operation], bool]
) -> tuple[set[str], dict[str, Made]] | None:
    """The values behind these, one if there is one, and the nodes on the way, in the order of making."""
    steps: dict[str, Made] = {}
    ends, fixed = set(names), set[str]()
    while len(steps) <= _LONGEST:
        ends = {n for n in ends if not isinstance(graph.made(n).operation, Constant)}
        if len(ends | fixed) == 1 or not ends:
            found = ends | fixed
            return (found, dict(reversed(steps.items()))) if found and all(graph.made(n).shape == shape for n in found) else None
        last = max(ends, key=lambda n: graph.made(n).number)
        made = graph.made(last)
        ends = ends - {last}
        if made.shape == shape and goes_on(graph, made.operation):
            steps[last] = made
            ends |= set(made.reads)
        else:
            fixed.add(last)
    return None


def _is_curve(graph: Graph, operation: Operation) -> bool:
    if isinstance(operation, Affine):
        return graph.sign_of(operation.weight) is not None and _constant(operation.bias) is not None
    if isinstance(operation, Scale):
        return _constant(operation.factor) is not None
    return isinstance(operation, Add | Subtract | PiecewiseLinear)


def _bits(curve: Curve) -> int:
    numbers = (curve.slope, curve.constant, *(q for kink in curve.kinks for q in kink))
    return max(max(q.numerator.bit_length(), q.denominator.bit_length()) for q in numbers)


def _constant(array: RationalArray) -> Curve | None:
    """The constant function, if all entries are one number."""
    if not array.size or not (array.numerators == array.numerators.ravel()[0]).all():
        return None
    return Curve.of(0, array.reshape(-1)[0:1].item(), [])


def _level(operation: Operation) -> Curve | None:
    return _constant(operation.value) if isinstance(operation, Constant) else None


def _applied(operation: Operation, sides: list[Curve]) -> Curve | None:
    first = sides[0]
    if isinstance(operation, Add | Subtract):
        return plus(first, sides[1], 1 if isinstance(operation, Add) else -1)
    if isinstance(operation, Scale):
        return plus(Curve.of(0, 0, []), first, operation.factor.reshape(-1)[0:1].item())
    if isinstance(operation, Affine):
        sign = operation.weight.reshape(-1)[0:1].item()
        return plus(Curve.of(0, operation.bias.reshape(-1)[0:1].item(), []), first, sign)
    assert isinstance(operation, PiecewiseLinear)
    return _into(first, operation)


def plus(a: Curve, b: Curve, factor: Fraction | int) -> Curve:
    """a + factor b."""
    kinks = [*a.kinks, *((t, factor * p) for t, p in b.kinks)]
    return Curve.of(a.slope + factor * b.slope, a.constant + factor * b.constant, kinks)


def _into(inner: Curve, outer: Curve) -> Curve:
    """outer(inner)."""
    kinks = [*(t for t, _ in inner.kinks), *preimages(inner, [k for k, _ in outer.kinks])]
    return between(lambda t: at(outer, at(inner, t)), kinks)


def preimages(inner: Curve, values: Iterable[Fraction]) -> list[Fraction]:
    """Where the function has these values, in the intervals where it is not constant."""
    places = [t for t, _ in inner.kinks]
    ends = [(places[0] - 1 if places else Fraction(0)), *places, (places[-1] + 1 if places else Fraction(1))]
    found, wanted = [], list(values)
    for i in range(len(ends) - 1):
        left, right = ends[i], ends[i + 1]
        low, slope = at(inner, left), (at(inner, right) - at(inner, left)) / (right - left)
        for value in wanted if slope else ():
            place = left + (value - low) / slope
            if (i == 0 or place >= left) and (i == len(ends) - 2 or place <= right):
                found.append(place)
    return found


@dataclass(frozen=True)
class Form:
    """sum of factor times value, entry by entry, plus a constant; the arrays broadcast to one shape."""

    factors: dict[str, RationalArray]
    constant: RationalArray

    def plus(self, other: Form, factor: RationalArray) -> Form:
        """self + factor other."""
        factors = dict(self.factors)
        for name, array in other.factors.items():
            factors[name] = factors.get(name, RationalArray.of(0)) + array * factor
        return Form(factors, self.constant + other.constant * factor)


def forms(graph: Graph, operands: Sequence[Item], shape: Shape) -> list[Form] | None:
    """The operands as sums of multiples of values that are no such sums; None if they are too long."""
    found = _way_to_atoms(graph, [o for o in operands if isinstance(o, str)], shape)
    if found is None:
        return None
    atoms, steps = found
    one, none = RationalArray.of(1), RationalArray.of(0)
    known = {a: Form({a: one}, none) for a in atoms}
    for name, made in steps.items():
        for read in made.reads:
            operation = graph.made(read).operation
            if isinstance(operation, Constant):
                known[read] = Form({}, operation.value)
        first, *others = (known[r] for r in made.reads)
        operation = made.operation
        if isinstance(operation, Scale):
            known[name] = Form({}, none).plus(first, operation.factor)
        elif isinstance(operation, Affine):
            known[name] = Form({}, operation.bias).plus(first, RationalArray.of(graph.sign_of(operation.weight) or 1))
        else:
            known[name] = first.plus(others[0], one if isinstance(operation, Add) else -one)
        for array in (*known[name].factors.values(), known[name].constant):
            graph.budget.computed(array)
    return [known[o] if isinstance(o, str) else Form({}, o) for o in operands]


def _way_to_atoms(graph: Graph, names: Iterable[str], shape: Shape) -> tuple[set[str], dict[str, Made]] | None:
    steps: dict[str, Made] = {}
    ends, atoms = set(names), set[str]()
    while ends and len(steps) + len(atoms) <= _LONGEST:
        last = max(ends, key=lambda n: graph.made(n).number)
        made = graph.made(last)
        ends = ends - {last}
        if isinstance(made.operation, Constant):
            continue
        by_entries = isinstance(made.operation, Add | Subtract | Scale) or (
            isinstance(made.operation, Affine) and graph.sign_of(made.operation.weight) is not None
        )
        if made.shape == shape and by_entries:
            steps[last] = made
            ends |= set(made.reads)
        else:
            atoms.add(last)
    return None if ends else (atoms, dict(reversed(steps.items())))


def ratio(above: Form, below: Form, yes: Form, no: Form) -> tuple[RationalArray | None, Fraction | None]:
    """c with yes - no = c (above - below), None if there is none; and the constant by which they differ where that is all."""
    minus = RationalArray.of(-1)
    change, difference = yes.plus(no, minus), above.plus(below, minus)
    arrays = [*change.factors.values(), *difference.factors.values(), change.constant, difference.constant]
    small = broadcast(*(a.shape for a in arrays))
    quotients: list[Fraction | None] = [None] * math.prod(small)
    for name, array in difference.factors.items():
        other = change.factors.get(name, RationalArray.of(0))
        for i, (p, q) in enumerate(zip(_spread(other, small), _spread(array, small), strict=True)):
            if q and quotients[i] is None:
                quotients[i] = p / q
    if None in quotients:
        return None, None
    found = RationalArray.from_fractions([q for q in quotients if q is not None], small)
    if len(set(quotients)) == 1:
        found = found.reshape(-1)[0:1].reshape()
    rest = change.plus(difference, -found)
    if not all(a.is_zero() for a in rest.factors.values()):
        return None, None
    if not rest.constant.is_zero():
        return None, max(rest.constant.to_fractions(), key=abs)
    return found, None


def _spread(array: RationalArray, shape: Shape) -> list[Fraction]:
    flat = np.broadcast_to(array.numerators, shape).ravel().tolist()
    return [Fraction(n, array.denominator) for n in flat]
