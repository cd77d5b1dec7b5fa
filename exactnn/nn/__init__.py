"""The torch side: networks as torch modules, and rational activations to train with."""

from exactnn.floats.backend import FloatNetwork, to_torch
from exactnn.nn import functional
from exactnn.nn.cooling import Cooling
from exactnn.nn.era import ERA
from exactnn.nn.normalise import Normalised, normalised
from exactnn.nn.pade import SafePade
from exactnn.nn.partition import index_sets, normalise_over

__all__ = [
    "Cooling",
    "ERA",
    "FloatNetwork",
    "Normalised",
    "SafePade",
    "functional",
    "index_sets",
    "normalise_over",
    "normalised",
    "to_torch",
]


def __dir__() -> list[str]:
    return sorted(__all__)
