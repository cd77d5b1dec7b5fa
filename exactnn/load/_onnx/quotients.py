"""Products and quotients of values that are rational functions of one value, entry by entry.

ONNX has no operation P(x)/Q(x): a file spells it out as sums, products and quotients of x and constants. Sums, and products with
constants, are read as the network's operations. Where two values are multiplied or divided, all paths to them are followed back,
through nothing but such operations, to the nearest value x that all of them go through; the result is one operation that reads x.
Sums with such a result, and its products with constants, are worked into it in the same way. Nodes that nothing reads any more are left
out when the network is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from flint import fmpq

from exactnn.errors import UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._curves import Made
from exactnn.load._onnx.rational import OPERATORS, ByEntries, Quotient
from exactnn.load._onnx.reader import Node, Reader
from exactnn.load._onnx.values import OnnxValue, Operand, Tensor
from exactnn.network import Add, Affine, Constant, Operation, PiecewiseLinear, PRelu, Rational, Scale, Subtract
from exactnn.network.operations import Shape, broadcast

T = TypeVar("T")

_LONGEST = 1000  # steps on the way back
_MOST = 4096  # functions along an axis
_NEEDED = {
    "*": "the product of two values that depend on the input is not piecewise linear; one factor must be constant",
    "/": "the divisor must be constant",
}


def applied(node: Node, function: Rational, value: OnnxValue) -> Operand:
    """function(value), entry by entry."""
    return node.apply(ByEntries((Quotient.of(function),)), value)


def combined(node: Node, symbol: str, left: Operand, right: Operand, *, batched: bool) -> Operand:
    """left * right or left / right, of aligned operands that are not both constant; UnsupportedOperation if it is no such function."""
    shape = broadcast(left.shape, right.shape)
    widest = _widest(node.reader, symbol, left, right, shape)
    if widest is not None:
        return node.emit(widest[1], OnnxValue(widest[0], shape, batched), batched=batched)
    found = _search(node.reader, _values(left, right), shape)
    if not isinstance(found, tuple):
        needed = f"{_NEEDED[symbol]}, or both rational functions of one value, entry by entry"
        if found is not None and isinstance(found.operation, PiecewiseLinear | PRelu):
            needed += f"; with {found.operation.name} inside, it is only piecewise rational"
            if symbol == "/" or node.reader.has_rational:
                needed += (
                    " (exactnn.nn.ERA and SafePade's version N are rational; exactnn.from_torch, saved as .json, reads a SafePade of "
                    "another version whose |.| changes nothing)"
                )
        raise UnsupportedOperation(needed)
    operation = _worked_out(node.reader, *found, symbol, (left, right), shape)
    return node.emit(operation, OnnxValue(found[0], shape, batched), batched=batched)


def joined(node: Node, symbol: str, left: Operand, right: Operand, *, batched: bool) -> Operand | None:
    """left + right, left - right or left * right of aligned operands as a rational function, if one is among them; else None.

    None as well if there were one function before, and several for the channels afterwards.
    """
    if not node.reader.has_rational:
        return None
    shape = broadcast(left.shape, right.shape)
    widest = _widest(node.reader, symbol, left, right, shape)
    if widest is None or len(widest[1].functions) > widest[2]:
        return None
    return node.emit(widest[1], OnnxValue(widest[0], shape, batched), batched=batched)


def _widest(reader: Reader, symbol: str, left: Operand, right: Operand, shape: Shape) -> tuple[str, ByEntries, int] | None:
    """The value behind the rational functions that the operands are made of, the function of it, and how many functions these had at most.

    None if there are none, or if that function has too high a degree, or a value where they have none: then they stay apart.
    """
    found = _search(reader, _values(left, right), shape, through=True)
    if not isinstance(found, tuple):
        return None
    base, steps = found
    most = max((len(s.operation.functions) for s in steps.values() if isinstance(s.operation, ByEntries)), default=0)
    if not most:
        return None
    try:
        return base, _worked_out(reader, base, steps, symbol, (left, right), shape), most
    except UnsupportedOperation:
        return None


def _values(*operands: Operand) -> list[str]:
    return [o.node for o in operands if isinstance(o, OnnxValue)]


def _search(reader: Reader, names: Iterable[str], shape: Shape, *, through: bool = False) -> tuple[str, dict[str, Made]] | Made | None:
    """The nearest value that all paths to these nodes go through, and the nodes on the paths behind it, in the order of making.

    Otherwise the node that stands in the way, or None if it is none in particular. `through`: a rational function that all paths
    end in does not count as that value.
    """
    steps: dict[str, Made] = {}
    ends = set(names)
    while len(steps) <= _LONGEST:
        reader.budget.step()
        ends = {name for name in ends if not isinstance(reader.made(name).operation, Constant)}
        if not ends:
            return None
        last = max(ends, key=lambda name: reader.made(name).number)
        made = reader.made(last)
        if len(ends) == 1 and not (through and not steps and isinstance(made.operation, ByEntries)):
            return (last, dict(reversed(steps.items()))) if made.shape == shape else None
        if made.shape != shape or not _is_by_entries(reader, made.operation):
            return made
        steps[last] = made
        ends = ends - {last} | set(made.reads)
    return None


def _is_by_entries(reader: Reader, operation: Operation) -> bool:
    if isinstance(operation, Affine):
        return reader.sign_of(operation.weight) is not None
    return isinstance(operation, Add | Subtract | Scale | ByEntries)


def _worked_out(
    reader: Reader, base: str, steps: dict[str, Made], symbol: str, operands: tuple[Operand, Operand], shape: Shape
) -> ByEntries:
    """left `symbol` right as functions of the value `base`."""
    places = _Places(shape)
    constants: dict[str, list[Quotient]] = {}
    for name, made in steps.items():
        operation = made.operation
        if isinstance(operation, ByEntries):
            places.agree(operation.axis, len(operation.functions))
        elif isinstance(operation, Scale | Affine):
            constants[name] = places.spread(operation.factor if isinstance(operation, Scale) else operation.bias)
        for read in made.reads:
            value = reader.made(read).operation
            if isinstance(value, Constant):
                constants[read] = places.spread(value.value)
    sides = [places.spread(o.rational) if isinstance(o, Tensor) else o.node for o in operands]
    functions = []
    for i in range(places.count):
        at = {name: _one_of(listed, i) for name, listed in constants.items()}
        at[base] = Quotient.variable()
        for name, made in steps.items():
            at[name] = _step(reader, made, at, at.get(name), i)
        left, right = (at[side] if isinstance(side, str) else _one_of(side, i) for side in sides)
        functions.append(OPERATORS[symbol](left, right).settled())
        reader.budget.numbers(2 * functions[-1].degree + 2, functions[-1].bits)
    if all(f == functions[0] for f in functions):
        return ByEntries((functions[0],))
    return ByEntries(tuple(functions), places.axis)


def _step(reader: Reader, made: Made, at: dict[str, Quotient], constant: Quotient | None, i: int) -> Quotient:
    """One operation on the way, `constant` its own constant if it has one, at place i."""
    first, *others = (at[read] for read in made.reads)
    operation = made.operation
    if isinstance(operation, ByEntries):
        return first.into(_one_of(operation.functions, i))
    if constant is None:
        return first - others[0] if isinstance(operation, Subtract) else first + others[0]
    if isinstance(operation, Scale):
        return first * constant
    assert isinstance(operation, Affine)
    return constant + first if reader.sign_of(operation.weight) == 1 else constant - first


def _one_of(listed: Sequence[T], i: int) -> T:
    """What is listed for place i: the only one of all places, or one for each."""
    return listed[i if len(listed) > 1 else 0]


class _Places:
    """The one axis along which constants may differ, and its length; one place if none does."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self.axis, self.count = 0, 1

    def agree(self, axis: int, count: int) -> None:
        """There are so many different numbers, or functions, along an axis."""
        if count == 1:
            return
        if self.count > 1 and axis != self.axis:
            raise UnsupportedOperation(
                "in a rational function, constants may differ along one axis, such as that of the channels; these differ along two"
            )
        if count > _MOST:
            raise UnsupportedOperation(f"in a rational function, at most {_MOST} different constants along an axis are read, got {count}")
        self.axis, self.count = axis, count

    def spread(self, array: RationalArray) -> list[Quotient]:
        """The numbers along the axis, or the only one."""
        rank = len(self._shape)
        numerators = array.numerators.reshape((1,) * (rank - array.ndim) + array.shape)
        for axis in range(rank):
            first = numerators.take([0], axis=axis)
            numerators = first if (numerators == first).all() else numerators
            self.agree(axis, numerators.shape[axis])
        return [Quotient.constant(fmpq(int(n), array.denominator)) for n in numerators.ravel()]
