"""Rational activations with real poles: where a network has no value, and equality would claim more than can be checked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flint import fmpq_poly

from exactnn.exact.numbers import rational
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
    return isinstance(operation, Rational) and has_real_zero(fmpq_poly([rational(c) for c in operation.denominator]))


def has_real_zero(p: fmpq_poly) -> bool:
    """Whether p(t) = 0 for some real t, by Sturm's theorem: the sign changes of p, p', -rem, ... at both ends differ.

    Examples
    --------
    >>> has_real_zero(fmpq_poly([1, 0, 1])), has_real_zero(fmpq_poly([-2, 0, 1])), has_real_zero(fmpq_poly([0]))
    (False, True, True)
    """
    if p.degree() < 0:
        return True
    signs: list[tuple[bool, bool]] = []  # of the sequence at -infinity and at infinity
    previous, current = p, p.derivative()
    while previous.degree() >= 0:
        positive = previous.coeffs()[-1] > 0
        signs.append((positive is (previous.degree() % 2 == 0), positive))
        rest = -(previous % current) if current.degree() >= 0 else fmpq_poly([0])
        previous, current = current, fmpq_poly(rest.numer()) / (rest.numer().content() or 1)  # so that numbers stay short
    left, right = zip(*signs, strict=True)
    return _changes(left) != _changes(right)


def _changes(signs: Sequence[bool]) -> int:
    return sum(a is not b for a, b in pairwise(signs))
