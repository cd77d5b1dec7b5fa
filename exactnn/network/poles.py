"""Rational activations with real poles: where a network has no value, and equality would claim more than can be checked."""

from __future__ import annotations

from exactnn.exact.polynomials import from_fractions
from exactnn.exact.roots import has_real_zero
from exactnn.network.activations import Rational
from exactnn.network.graph import Network
from exactnn.network.operations import Operation


def node_with_pole(net: Network) -> str | None:
    """The first node that is undefined somewhere."""
    return next((name for name in net.order if may_have_pole(net.operation(name))), None)


def may_have_pole(operation: Operation) -> bool:
    """Whether the function may be undefined somewhere: a rational one whose denominator has a real zero.

    Examples
    --------
    >>> may_have_pole(Rational.of([1], [1, 0, 1])), may_have_pole(Rational.of([1], [0, 1]))
    (False, True)
    """
    return isinstance(operation, Rational) and has_real_zero(from_fractions(operation.denominator))
