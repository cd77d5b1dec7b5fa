"""Tropical forms: a ReLU network as a difference of two tropical polynomials."""

from exactnn.tropical.at_points import CrossTerms, OwnTerms, PointwiseMap, extract_at
from exactnn.tropical.decomposition import Decomposition
from exactnn.tropical.extract import extract
from exactnn.tropical.formats import read_json
from exactnn.tropical.geometry import DualCell, Hypersurface, HypersurfaceCell
from exactnn.tropical.layers import LayerMatrices
from exactnn.tropical.matrices import TropicalMatrix
from exactnn.tropical.origin import RegionTerms
from exactnn.tropical.plot import plot, plot_decision_boundary
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap
from exactnn.tropical.semiring import Tropical
from exactnn.tropical.terms import Terms

__all__ = [
    "CrossTerms",
    "Decomposition",
    "DualCell",
    "Hypersurface",
    "HypersurfaceCell",
    "LayerMatrices",
    "OwnTerms",
    "PointwiseMap",
    "RegionTerms",
    "Terms",
    "Tropical",
    "TropicalMatrix",
    "TropicalPolynomial",
    "TropicalRationalMap",
    "extract",
    "extract_at",
    "plot",
    "plot_decision_boundary",
    "read_json",
]


def __dir__() -> list[str]:
    return sorted(__all__)
