"""Maxima of affine functions as a network: Affine -> MaxPool over the terms -> Subtract."""

from __future__ import annotations

from collections.abc import Sequence

from exactnn.errors import ArgumentError
from exactnn.network import Affine, Builder, Concat, Input, MaxPool, Network, Reshape, Subtract
from exactnn.tropical.polynomial import TropicalPolynomial


def max_pool_network(numerators: Sequence[TropicalPolynomial], denominators: Sequence[TropicalPolynomial]) -> Network:
    """The network x -> (max of the terms of numerator j at x) - (max of those of denominator j), exactly.

    Parameters
    ----------
    numerators, denominators : equally many, in the same variables, each with a term; what stands several times is built once

    Returns
    -------
    Network with input "x" and output "y"

    Raises
    ------
    ArgumentError
        A polynomial without terms: -infinity is no value of a network.
    """
    builder = Builder()
    dimension = numerators[0].dimension
    builder.add("x", Input((dimension,)))
    built: dict[int, str] = {}
    sides = []
    for side, polynomials in (("numerator", numerators), ("denominator", denominators)):
        names = []
        for j, polynomial in enumerate(polynomials):
            if id(polynomial) not in built:
                built[id(polynomial)] = _maximum(builder, polynomial, f"{side}{j}")
            names.append(built[id(polynomial)])
        sides.append(names[0] if len(names) == 1 else builder.add(f"{side}s", Concat(0), *names))
    return builder.build(["x"], [builder.add("y", Subtract(), *sides)])


def _maximum(builder: Builder, polynomial: TropicalPolynomial, name: str) -> str:
    """A node of shape (1,) with the value of the polynomial."""
    table = polynomial.terms.table()
    if not len(table):
        raise ArgumentError(f"{name}: a polynomial with at least one term is needed; without one it is -infinity, no value of a network")
    terms = builder.add(f"{name}_terms", Affine(table[:, 1:], table[:, 0]), "x")
    if len(table) == 1:
        return terms
    row = builder.add(f"{name}_row", Reshape((1, len(table))), terms)
    pool = builder.add(f"{name}_max", MaxPool((len(table),), (1,), ((0, 0),), (1,)), row)
    return builder.add(name, Reshape((1,)), pool)
