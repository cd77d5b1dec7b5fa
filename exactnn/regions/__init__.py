"""Linear regions of piecewise linear networks: exact enumeration and counts, arrangements, bounds, slices, pictures."""

from exactnn.regions._count import adjacency, count, iterate
from exactnn.regions._plot import plot, plot_pair
from exactnn.regions._plot_3d import plot_3d
from exactnn.regions.arrangement import chambers, characteristic_polynomial
from exactnn.regions.bounds import bounds
from exactnn.regions.collect import statistics
from exactnn.regions.region import Inequality, Neuron, Region
from exactnn.regions.slices import restrict, through

__all__ = [
    "Inequality",
    "Neuron",
    "Region",
    "adjacency",
    "bounds",
    "chambers",
    "characteristic_polynomial",
    "count",
    "iterate",
    "plot",
    "plot_3d",
    "plot_pair",
    "restrict",
    "statistics",
    "through",
]


def __dir__() -> list[str]:
    return sorted(__all__)
