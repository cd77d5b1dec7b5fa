"""Symmetries of networks: transformations, the normal form of one hidden layer, alignment of two networks."""

from exactnn.symmetry._align import align
from exactnn.symmetry._normal_form import NormalForm, normal_form
from exactnn.symmetry.transformations import (
    Composition,
    Flip,
    Permutation,
    Scaling,
    SignFlip,
    Transformation,
)

__all__ = [
    "Composition",
    "Flip",
    "NormalForm",
    "Permutation",
    "Scaling",
    "SignFlip",
    "Transformation",
    "align",
    "normal_form",
]
