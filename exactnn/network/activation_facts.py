"""What an activation phi is: positively homogeneous, and the r of phi(t) - phi(-t) = r t."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from flint import fmpq_poly

from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import fraction
from exactnn.exact.polynomials import from_fractions
from exactnn.network.activations import PiecewiseLinear, PRelu, Rational, Smooth
from exactnn.network.operations import Operation


def is_homogeneous(operation: Operation) -> bool:
    """Whether phi(L t) = L phi(t) for every L > 0: no constant, no kink but at 0."""
    if isinstance(operation, PiecewiseLinear):
        return not operation.constant and all(at == 0 for at, _ in operation.kinks)
    return isinstance(operation, PRelu)


def is_odd(operation: Operation) -> bool:
    """Whether phi(-t) = -phi(t), known for tanh and piecewise linear functions: phi(0) = 0, and opposite kinks lie opposite.

    Examples
    --------
    >>> from exactnn.network import activation
    >>> [is_odd(activation(name)) for name in ("tanh", "hardtanh", "identity", "relu", "abs")]
    [True, True, True, False, False]
    """
    if isinstance(operation, PiecewiseLinear):
        at_zero = operation.constant - sum(jump * at for at, jump in operation.kinks if at < 0)
        return at_zero == 0 and Counter(operation.kinks) == Counter((-at, -jump) for at, jump in operation.kinks)
    return isinstance(operation, Smooth) and operation.function == "tanh"


def mirror_slope(operation: Operation) -> RationalArray | None:
    """The r with phi(t) - phi(-t) = r t for all t (for prelu one for each channel); None if there is none.

    Piecewise linear functions have it when the kinks lie symmetrically: then r = 2 slope + sum of the jumps.

    Examples
    --------
    >>> from exactnn.network import activation
    >>> [mirror_slope(activation(name)) for name in ("relu", "leaky_relu(1/10)", "abs", "tanh")]
    [RationalArray(shape=(), [1]), RationalArray(shape=(), [11/10]), RationalArray(shape=(), [0]), None]
    """
    if isinstance(operation, PRelu):
        return operation.slopes + 1
    if isinstance(operation, PiecewiseLinear):
        if Counter(operation.kinks) != Counter((-at, jump) for at, jump in operation.kinks):
            return None
        return RationalArray.of(2 * operation.slope + sum(jump for _, jump in operation.kinks))
    if isinstance(operation, Smooth):
        return RationalArray.of(1) if operation.function in ("silu", "gelu", "gelu_tanh", "softplus") else None
    if isinstance(operation, Rational):
        top, bottom = map(from_fractions, (operation.numerator, operation.denominator))
        minus = fmpq_poly([0, -1])
        difference = top * bottom(minus) - top(minus) * bottom  # over bottom(t) bottom(-t)
        quotient, rest = divmod(difference, bottom * bottom(minus))
        if not rest and quotient.degree() <= 1 and quotient[0] == 0:
            return RationalArray.of(fraction(quotient[1]))
    return None


def value_at_zero(operation: Smooth) -> Fraction | None:
    """phi(0), where it is rational."""
    return {"sigmoid": Fraction(1, 2), "softplus": None}.get(operation.function, Fraction(0))
