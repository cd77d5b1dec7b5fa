"""Tropical forms: a ReLU network as a difference of two tropical polynomials."""

from exactnn.tropical.at_points import CrossTerms, OwnTerms, PointwiseMap, extract_at
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap
from exactnn.tropical.terms import Terms

__all__ = [
    "CrossTerms",
    "OwnTerms",
    "PointwiseMap",
    "Terms",
    "TropicalPolynomial",
    "TropicalRationalMap",
    "extract_at",
]
