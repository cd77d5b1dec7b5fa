"""Symmetries of networks: transformations, the normal form of one hidden layer, alignment of two networks, zero networks."""

from exactnn.symmetry._align import align
from exactnn.symmetry._families import Family
from exactnn.symmetry._fibre import Fibre, fibre
from exactnn.symmetry._find import SymmetrySearch, WeightSymmetry, search
from exactnn.symmetry._orbits import orbits
from exactnn.symmetry._same_function import same_function
from exactnn.symmetry.ridge_forms import NormalForm, normal_form
from exactnn.symmetry.smooth_forms import SmoothNormalForm
from exactnn.symmetry.transformations import Composition, Flip, Permutation, Scaling, SignFlip, Transformation
from exactnn.symmetry.zero_networks import search_zero

__all__ = [
    "Composition",
    "Family",
    "Fibre",
    "Flip",
    "NormalForm",
    "Permutation",
    "Scaling",
    "SignFlip",
    "SmoothNormalForm",
    "SymmetrySearch",
    "Transformation",
    "WeightSymmetry",
    "align",
    "fibre",
    "normal_form",
    "orbits",
    "same_function",
    "search",
    "search_zero",
]


def __dir__() -> list[str]:
    return sorted(__all__)
