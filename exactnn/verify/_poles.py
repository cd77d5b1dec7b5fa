"""Rational activations with real poles: where a network has no value, and equality would claim more than can be checked."""

from __future__ import annotations

from itertools import pairwise

from flint import fmpq_poly

from exactnn.exact.numbers import rational
from exactnn.network import Network, Rational


def node_with_pole(net: Network) -> str | None:
    """The first rational node whose denominator has a real zero."""
    for name in net.order:
        operation = net.operation(name)
        if isinstance(operation, Rational) and has_real_zero(fmpq_poly([rational(c) for c in operation.denominator])):
            return name
    return None


def has_real_zero(p: fmpq_poly) -> bool:
    """Whether p(t) = 0 for some real t, by Sturm's theorem: the sign changes of p, p', -rem, ... at both ends differ.

    Examples
    --------
    >>> has_real_zero(fmpq_poly([1, 0, 1])), has_real_zero(fmpq_poly([-2, 0, 1])), has_real_zero(fmpq_poly([0]))
    (False, True, True)
    """
    if p.degree() < 0:
        return True
    sequence = [p, p.derivative()]
    while sequence[-1].degree() >= 0:
        sequence.append(-(sequence[-2] % sequence[-1]))
    leads = [(q.coeffs()[-1], q.degree()) for q in sequence[:-1]]
    right = [lead > 0 for lead, _ in leads]
    left = [(lead > 0) is (degree % 2 == 0) for lead, degree in leads]
    return _changes(left) != _changes(right)


def _changes(signs: list[bool]) -> int:
    return sum(a is not b for a, b in pairwise(signs))
