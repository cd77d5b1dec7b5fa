"""What the calls of this room ask of their arguments; a message names the argument, what is allowed, and what arrived."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError, DomainError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import shown
from exactnn.exact.polyhedron import Polyhedron


def whole(value: Any, argument: str, least: int | None = None, most: int | None = None) -> int:
    """An integer, Python's or numpy's, in these bounds; True and False are none."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        if (least is None or value >= least) and (most is None or value <= most):
            return int(value)
    bounds = "" if least is None else f" >= {least}" if most is None else f" from {least} to {most}"
    raise ArgumentError(f"{argument}: an integer{bounds} is needed, got {shown(value)}")


def flag(value: Any, argument: str) -> bool:
    """True or False."""
    if isinstance(value, bool):
        return value
    raise ArgumentError(f"{argument}: True or False is needed, got {shown(value)}")


def listed(values: Any, argument: str, words: str) -> list[Any]:
    """The entries of a tuple, list or array; a text has none. `words` say what is needed."""
    try:
        if not isinstance(values, (str, bytes)):
            return list(values)
    except TypeError:
        pass
    raise ArgumentError(f"{argument}: {words} is needed, got {shown(values)}")


def exponents_of(values: Any, argument: str = "exponents") -> tuple[Fraction, ...]:
    """The exponents of one term."""
    if not isinstance(values, RationalArray):
        values = listed(values, argument, "a tuple of numbers, such as (2, 0),")
    return RationalArray.of(values, argument, ndim=1).to_fractions()


def point_of(x: Any, dimension: int, each: str) -> RationalArray:
    """A point; of one number it may be the number itself. `each`: what there is one number for."""
    point = RationalArray.of(x, "x")
    if point.ndim == 0 and dimension == 1:
        return point.reshape(1)
    if point.shape != (dimension,):
        raise ShapeError(f"x: {dimension} numbers are needed, one for each {each}, got shape {point.shape}")
    return point


def domain_of(domain: Any) -> Polyhedron | None:
    """A set of points, or None for all."""
    if domain is None or isinstance(domain, Polyhedron):
        return domain
    raise DomainError(f"domain: a Box, a Polyhedron or None (all of R^d) is needed, got {shown(domain)}; xn.Box(-1, 1) is one")
