"""Tropical rational maps as networks: by max pooling over the terms, or by units max(x, 0) and integer weights (thesis Theorem 8.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.network import Add, Affine, Builder, Concat, Input, MaxPool, Network, Reshape, Subtract, relu
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
    return _difference(numerators, denominators, _pooled)


def integer_network(numerators: Sequence[TropicalPolynomial], denominators: Sequence[TropicalPolynomial], scale: int) -> Network:
    """scale times the same function, with integer weights, rational biases and units max(x, 0).

    The terms are paired, max(u, v) = v + max(u - v, 0), and so are the maxima, until one is left.

    Parameters
    ----------
    scale : a number that makes all exponents integers
    """
    scaled = {id(p): p.scaled(scale) for p in (*numerators, *denominators)}
    return _difference([scaled[id(p)] for p in numerators], [scaled[id(p)] for p in denominators], _paired)


def _difference(
    numerators: Sequence[TropicalPolynomial],
    denominators: Sequence[TropicalPolynomial],
    maximum: Callable[[Builder, str, int, str], str],
) -> Network:
    """Numerators minus denominators; `maximum` adds the largest of the entries of a node of this size."""
    builder = Builder()
    builder.add("x", Input((numerators[0].dimension,)))
    built: dict[int, str] = {}
    sides = []
    for side, polynomials in (("numerator", numerators), ("denominator", denominators)):
        names = []
        for j, polynomial in enumerate(polynomials):
            if id(polynomial) not in built:
                built[id(polynomial)] = _maximum(builder, polynomial, f"{side}{j}", maximum)
            names.append(built[id(polynomial)])
        sides.append(names[0] if len(names) == 1 else builder.add(f"{side}s", Concat(0), *names))
    return builder.build(["x"], [builder.add("y", Subtract(), *sides)])


def _maximum(builder: Builder, polynomial: TropicalPolynomial, name: str, maximum: Callable[[Builder, str, int, str], str]) -> str:
    """A node of shape (1,) with the value of the polynomial."""
    table = polynomial.terms.table()
    # Largest coefficients first: near 0 these win, so that the running maxima of questions about the network bend in fewer places.
    table = table[np.array(sorted(range(len(table)), key=lambda i: -table.numerators[i, 0]), dtype=np.int64)]
    if not len(table):
        raise ArgumentError(f"{name}: a polynomial with at least one term is needed; without one it is -infinity, no value of a network")
    terms = builder.add(f"{name}_terms", Affine(table[:, 1:], table[:, 0]), "x")
    return terms if len(table) == 1 else maximum(builder, terms, len(table), name)


def _pooled(builder: Builder, terms: str, size: int, name: str) -> str:
    row = builder.add(f"{name}_row", Reshape((1, size)), terms)
    pool = builder.add(f"{name}_max", MaxPool((size,), (1,), ((0, 0),), (1,)), row)
    return builder.add(name, Reshape((1,)), pool)


def _paired(builder: Builder, terms: str, size: int, name: str) -> str:
    level = 0
    while size > 1:
        level += 1
        half = (size + 1) // 2
        second = np.zeros((half, size), dtype=np.int64)  # v of each pair, and the last entry where one is left over
        second[np.arange(half), np.minimum(2 * np.arange(half) + 1, size - 1)] = 1
        apart = -second[: size // 2].copy()
        apart[np.arange(size // 2), 2 * np.arange(size // 2)] = 1
        gain = np.eye(half, size // 2, dtype=np.int64)
        difference = builder.add(f"{name}_apart{level}", Affine(RationalArray(apart), RationalArray.zeros((size // 2,))), terms)
        risen = builder.add(f"{name}_relu{level}", relu(), difference)
        parts = [
            builder.add(f"{name}_{word}{level}", Affine(RationalArray(m), RationalArray.zeros((half,))), source)
            for word, m, source in (("gain", gain, risen), ("second", second, terms))
        ]
        terms = builder.add(f"{name}_max{level}", Add(), *parts)
        size = half
    return terms
