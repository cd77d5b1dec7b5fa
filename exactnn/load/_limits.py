"""Sizes that a file may ask for: its headers are not trusted, so that a few bytes cannot fill the memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from exactnn.errors import LoadError, NetworkError
from exactnn.exact.array import RationalArray
from exactnn.network import Conv, Operation
from exactnn.network.operations import Shape
from exactnn.network.windows import Windowed

#: entries of one value (about 1 GB), of all tables of windows, and axes of one shape
MAX_ENTRIES = 1 << 27
MAX_WINDOW_ENTRIES = 1 << 25
MAX_AXES = 16
#: entries of all values of a network together, outputs counted once more; of all its weights; its nodes
MAX_ALL_ENTRIES = 1 << 28
MAX_WEIGHTS = 1 << 28
MAX_NODES = 1 << 17
#: products of numbers by which constants are multiplied while reading
_MAX_PRODUCTS = 1 << 36
#: nodes that are looked at to find rational functions
_MAX_STEPS = 1 << 20
#: entries of all values of a network together that the standalone checker reads
CHECKER_ENTRIES = 1 << 25
MAX_WINDOW_NUMBER = 1 << 31
#: of numerators and denominators of a rational function, before they are brought to lowest terms
MAX_DEGREE = 64
#: bits of a number that is computed while reading; of all those together that have more than `_WIDE`, the most that floats need
MAX_BITS = 1 << 16
_MAX_WIDE_BITS = 1 << 28
_WIDE = 1 << 12


def checked_size(shape: Shape) -> Shape:
    """The shape itself; LoadError if it is too large to be a value of a network."""
    if len(shape) > MAX_AXES:
        raise LoadError(f"shape: at most {MAX_AXES} axes are needed, got {len(shape)}")
    if any(n < 1 for n in shape) or math.prod(shape) > MAX_ENTRIES:
        text = str(list(shape)) if all(abs(n) < 10**20 for n in shape) else "a larger one"
        raise LoadError(f"shape: 1 to {MAX_ENTRIES} entries are needed, got the shape {text}")
    return shape


class Budget:
    """What one file may fill: the sizes of values, of tables of windows, and of tensors that are computed while reading."""

    def __init__(self) -> None:
        self._windows = self._tensors = self._bits = self._values = self._weights = self._steps = self._products = 0

    def shape(self, operation: Operation, *shapes: Shape) -> Shape:
        """The shape of an operation's result, refused if it is too large; NetworkError for a wrong number of operands."""
        arity = operation.arity
        if len(shapes) != arity if arity is not None else not shapes:
            needed = "1 or more" if arity is None else str(arity)
            raise NetworkError(f"{operation.kind}: {needed} operands are needed, got {len(shapes)}")
        if isinstance(operation, Windowed):
            self._check_window(operation, shapes[0])
        return self.value(operation.output_shape(*shapes))

    def value(self, shape: Shape) -> Shape:
        """The shape of a value of the network; refused if all of them together become too large."""
        self._values += math.prod(checked_size(shape))
        if self._values > MAX_ALL_ENTRIES:
            raise LoadError(f"values: at most {MAX_ALL_ENTRIES} entries of all values together are possible, got more")
        return shape

    def weights(self, operation: Operation) -> None:
        """The numbers of an operation; refused if those of all operations together become too many."""
        self._weights += sum(array.size for array in vars(operation).values() if isinstance(array, RationalArray))
        if self._weights > MAX_WEIGHTS:
            raise LoadError(f"weights: at most {MAX_WEIGHTS} numbers, counted at each node that uses them, are possible, got more")

    def products(self, count: int) -> None:
        """So many products of numbers are about to be computed; refused if all of them together become too many."""
        self._products += count
        if self._products > _MAX_PRODUCTS:
            raise LoadError(f"constants: at most {_MAX_PRODUCTS} products of numbers are computed while reading, got more")

    def step(self) -> None:
        """A step of a search through nodes that have been read; refused if there are too many."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise LoadError(f"nodes: at most {_MAX_STEPS} steps are made to find rational functions, but this graph needs more")

    def tensor(self, shape: Shape) -> Shape:
        """The shape of a tensor that is about to be made; refused if all of them together become too large."""
        self._tensors += math.prod(checked_size(shape))
        if self._tensors > MAX_ENTRIES:
            raise LoadError(f"constants: at most {MAX_ENTRIES} entries computed while reading are possible, got more")
        return shape

    def numbers(self, count: int, bits: int) -> None:
        """So many numbers of so many bits are made; refused if that is too much."""
        if bits > MAX_BITS:
            raise LoadError(f"constants: numbers of at most {MAX_BITS} bits are computed while reading, got {bits} bits")
        if bits > _WIDE:
            self._bits += count * bits
            if self._bits > _MAX_WIDE_BITS:
                raise LoadError(f"constants: long numbers of at most {_MAX_WIDE_BITS} bits together are computed while reading, got more")

    def computed(self, array: RationalArray) -> RationalArray:
        """An array itself, its numbers counted."""
        self.numbers(array.size, max(array.bound, array.denominator).bit_length())
        return array

    def fractions(self, values: Iterable[Fraction], shape: Shape) -> RationalArray:
        """The array of these numbers, refused before their common denominator becomes too long."""
        flat, denominator = list(values), 1
        for value in flat:
            denominator = math.lcm(denominator, value.denominator)
            if denominator.bit_length() > MAX_BITS:
                break
        self.numbers(len(flat), denominator.bit_length())
        return self.computed(RationalArray.from_fractions(flat, shape))

    def _check_window(self, operation: Windowed, shape: Shape) -> None:
        padding = [p for pair in operation.padding for p in pair]
        if max(*operation.kernel, *operation.stride, *operation.dilation, *padding) > MAX_WINDOW_NUMBER:
            raise LoadError(f"{operation.kind}: kernel, stride, padding and dilation of at most 2^31 are needed")
        if len(shape) != len(operation.kernel) + 1:
            return  # the operation itself says so
        entries = math.prod(operation.places(shape[1:])) * math.prod(operation.kernel)
        most = MAX_ENTRIES
        if not isinstance(operation, Conv):  # a pooling lists them while it is read
            self._windows += entries
            entries, most = self._windows, MAX_WINDOW_ENTRIES
        if entries > most:
            raise LoadError(f"{operation.kind}: at most {most} pairs of a place and a kernel entry are possible, got {entries} entries")
