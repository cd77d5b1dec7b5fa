"""Symmetries of networks: transformations, the normal form of one hidden layer, alignment of two networks, zero networks.

`relate` and its `Relation` live in `exactnn.verify`, since they ask `verify_equal`; they are fetched from there when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from exactnn.symmetry._align import align
from exactnn.symmetry._families import Family
from exactnn.symmetry._fibre import Fibre, fibre
from exactnn.symmetry._find import SymmetrySearch, WeightSymmetry, search
from exactnn.symmetry._functional_dimension import functional_dimension
from exactnn.symmetry._orbits import orbits
from exactnn.symmetry._same_function import same_function
from exactnn.symmetry.ridge_forms import NormalForm, normal_form
from exactnn.symmetry.smooth_forms import SmoothNormalForm
from exactnn.symmetry.transformations import Composition, Flip, Permutation, Scaling, SignFlip, Transformation
from exactnn.symmetry.zero_networks import search_zero

if TYPE_CHECKING:
    from exactnn.verify.relation import Relation, relate

__all__ = [
    "Composition",
    "Family",
    "Fibre",
    "Flip",
    "NormalForm",
    "Permutation",
    "Relation",
    "Scaling",
    "SignFlip",
    "SmoothNormalForm",
    "SymmetrySearch",
    "Transformation",
    "WeightSymmetry",
    "align",
    "fibre",
    "functional_dimension",
    "normal_form",
    "orbits",
    "relate",
    "same_function",
    "search",
    "search_zero",
]


def __getattr__(name: str) -> Any:
    if name not in ("Relation", "relate"):
        raise AttributeError(f"module 'exactnn.symmetry' has no attribute {name!r}")
    value = getattr(importlib.import_module("exactnn.verify.relation"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
