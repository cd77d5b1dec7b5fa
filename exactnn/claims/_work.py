"""The work that the checker counts for evaluating a network (docs/certificate-format.md, Limits), so that engines know it beforehand."""

from __future__ import annotations

import math

from exactnn.network import Affine, AveragePool, Conv, MaxPool, PiecewiseLinear, Rational
from exactnn.network.operations import Operation

_WINDOW = 4  # an entry of a window costs as much as so many products


def products_of_an_entry(operation: Operation) -> int:
    """The products that one entry of a node is made of."""
    if isinstance(operation, (Affine, Conv)):
        return math.prod(operation.weight.shape[1:])
    if isinstance(operation, (MaxPool, AveragePool)):
        return _WINDOW * math.prod(operation.kernel)
    if isinstance(operation, PiecewiseLinear):
        return 1 + len(operation.kinks)
    return len(operation.numerator) + len(operation.denominator) if isinstance(operation, Rational) else 1


def steps_of(operation: Operation) -> int:
    """The steps that a node is in the checker: each takes some time of its own, however few its entries."""
    if isinstance(operation, MaxPool):
        return 3 * math.prod(operation.kernel)
    return 1 + 2 * len(operation.kinks) if isinstance(operation, PiecewiseLinear) else 1
