"""Polyhedra and boxes: the domains of questions, as exact values."""

from exactnn.exact._box import Box
from exactnn.exact._polyhedron import AffineHull, Generators, ImplicitEquality, Polyhedron

__all__ = ["AffineHull", "Box", "Generators", "ImplicitEquality", "Polyhedron"]
