"""What numbers the parameters of a network are: float32, float64, other dyadic rationals, or other rationals."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from exactnn.exact.array import RationalArray
from exactnn.exact.rounding import are_floats
from exactnn.network import Network

_FLOATS = ("float32", "float64")
_NARROW_TO_WIDE = (*_FLOATS, "dyadic", "rational")


@dataclass(frozen=True)
class Weights:
    """Parameters: how many, the narrowest format that holds all of them, the most bits of a numerator and a denominator."""

    count: int
    format: str
    numerator_bits: int
    denominator_bits: int

    def __str__(self) -> str:
        if self.format in _FLOATS:
            return f"{self.count} parameters, all of them {self.format} numbers"
        kind = "dyadic rationals" if self.format == "dyadic" else "rationals"
        return f"{self.count} parameters, {kind} of up to {self.numerator_bits}/{self.denominator_bits} bits"

    def fit(self, dtype: str) -> bool:
        """Whether all are numbers of this float type."""
        return self.format in _FLOATS[: _FLOATS.index(dtype) + 1]


def parameters(net: Network) -> Iterator[tuple[str, RationalArray]]:
    """The arrays that operations hold, with their node."""
    for name in net.order:
        operation = net.operation(name)
        for field in dataclasses.fields(operation):  # type: ignore[arg-type]  # every operation is a dataclass
            value = getattr(operation, field.name)
            if isinstance(value, RationalArray):
                yield name, value


def weights(net: Network) -> Weights:
    """Count and kind of all parameters of a network."""
    arrays = [array for _, array in parameters(net)]
    return Weights(
        sum(a.size for a in arrays),
        max((_format(a) for a in arrays), key=_NARROW_TO_WIDE.index, default="float32"),
        max((a.bound.bit_length() for a in arrays), default=0),
        max((a.denominator.bit_length() for a in arrays), default=0),
    )


def _format(array: RationalArray) -> str:
    if array.denominator & (array.denominator - 1):
        return "rational"
    return next((name for name in _FLOATS if are_floats(array, name)), "dyadic")
