"""How far two networks, or a network and its run in floats, can be apart on a bounded domain: bounds with proofs.

Source: docs/theory.md 17 and 18.
"""

from __future__ import annotations

from exactnn.difference._bound import UpperBound, least_sizes, upper_bound
from exactnn.difference._bounds import Bounds
from exactnn.difference._box import BoundingBox, bounding_box
from exactnn.difference._boxes import Leaf
from exactnn.difference._checkpoint import Checkpoint
from exactnn.difference._coarse import Coarse
from exactnn.difference._folding import in_common
from exactnn.difference._pass import BITS, NotBounded, difference_bounds
from exactnn.difference._questions import Distance, Margin
from exactnn.difference._splitting import NEAR, Resources, Splitting
from exactnn.difference._stages import on_grid
from exactnn.difference.execution import ExecutionError, execution_error

__all__ = [
    "BITS",
    "NEAR",
    "BoundingBox",
    "Bounds",
    "Checkpoint",
    "Coarse",
    "Distance",
    "ExecutionError",
    "Leaf",
    "Margin",
    "NotBounded",
    "Resources",
    "Splitting",
    "UpperBound",
    "bounding_box",
    "difference_bounds",
    "execution_error",
    "in_common",
    "least_sizes",
    "on_grid",
    "upper_bound",
]


def __dir__() -> list[str]:
    return sorted(__all__)
