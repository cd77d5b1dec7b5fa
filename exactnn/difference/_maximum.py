"""Max pooling on intervals."""

from __future__ import annotations

import numpy as np

from exactnn.difference._bounds import Ends, Exact, Integers, both
from exactnn.network import MaxPool
from exactnn.network.operations import Shape


class Maximum:
    """The maximum over windows.

    Parameters
    ----------
    operation : the node's
    operand, shape : what it reads and what it gives
    """

    def __init__(self, operation: MaxPool, operand: Shape, shape: Shape) -> None:
        index = operation.index(operand[1:])
        self.inside = np.where(index >= 0, index, index.max(axis=1, keepdims=True))  # padding repeats an entry of the window
        self.shape = shape

    def range(self, x: Ends) -> Exact:
        """max l and max u."""
        low, turned = self._windows(x.array)
        return self._exact(both(low.max(axis=-1), turned.min(axis=-1)))

    def step(self, d: Ends) -> Exact:
        """min dl and max du:  if entry i attains max a, then  max a - max b <= a_i - b_i."""
        return self._exact(self._windows(d.array).min(axis=-1))

    def _windows(self, ends: Integers) -> Integers:
        return ends.reshape(*ends.shape[:3], -1)[..., self.inside]

    def _exact(self, ends: Integers) -> Exact:
        return Exact(ends.reshape(*ends.shape[:2], *self.shape), 1)
