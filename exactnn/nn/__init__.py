"""The torch side: networks as torch modules."""

from exactnn.nn.backend import FloatNetwork, to_torch

__all__ = ["FloatNetwork", "to_torch"]
