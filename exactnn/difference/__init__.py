"""How far apart two networks are on a bounded domain: bounds of the difference, layer by layer, that the checker repeats.

Source: docs/theory.md 17.
"""

from __future__ import annotations

from exactnn.difference._bound import UpperBound, upper_bound
from exactnn.difference._bounds import Bounds
from exactnn.difference._box import BoundingBox, bounding_box
from exactnn.difference._pass import BITS, NotBounded, difference_bounds

__all__ = ["BITS", "BoundingBox", "Bounds", "NotBounded", "UpperBound", "bounding_box", "difference_bounds", "upper_bound"]
