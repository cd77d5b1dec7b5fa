"""Tropical forms: a ReLU network as a difference of two tropical polynomials."""

from exactnn.tropical.extract import RegionTerms, extract
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap
from exactnn.tropical.terms import Terms

__all__ = ["RegionTerms", "Terms", "TropicalPolynomial", "TropicalRationalMap", "extract"]
