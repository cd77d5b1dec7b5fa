"""Orthogonal polynomials over Q by their three-term recurrences."""

from __future__ import annotations

from collections.abc import Callable

from flint import fmpq, fmpq_poly

_X = fmpq_poly([0, 1])
Step = Callable[[int, fmpq_poly, fmpq_poly], fmpq_poly]

#: p_1, and p_{k+1} from k >= 1, p_k and p_{k-1}; p_0 = 1.
_RECURRENCES: dict[str, tuple[fmpq_poly, Step]] = {
    "power": (_X, lambda k, p, q: _X * p),
    "chebyshev": (_X, lambda k, p, q: 2 * _X * p - q),
    "chebyshev_second": (2 * _X, lambda k, p, q: 2 * _X * p - q),
    "hermite": (_X, lambda k, p, q: _X * p - k * q),
    "hermite_physicists": (2 * _X, lambda k, p, q: 2 * _X * p - 2 * k * q),
    "laguerre": (1 - _X, lambda k, p, q: ((2 * k + 1 - _X) * p - k * q) * fmpq(1, k + 1)),
    "legendre": (_X, lambda k, p, q: ((2 * k + 1) * _X * p - k * q) * fmpq(1, k + 1)),
}
BASES = tuple(_RECURRENCES)


def orthogonal(basis: str, count: int) -> list[fmpq_poly]:
    """p_0, ..., p_{count-1}.

    Examples
    --------
    >>> orthogonal("legendre", 3)
    [1, x, 3/2*x^2 + (-1/2)]
    """
    first, step = _RECURRENCES[basis]
    found = [fmpq_poly([1]), first]
    while len(found) < count:
        found.append(step(len(found) - 1, found[-1], found[-2]))
    return found[:count]
