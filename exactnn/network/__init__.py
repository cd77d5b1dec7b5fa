"""The exact computational graph: operations, networks, exact evaluation, exact rewriting."""

from exactnn.network import rewrite
from exactnn.network._needed import check_network
from exactnn.network.activations import Activation, Kinks, PiecewiseLinear, PRelu, Rational, Smooth, activation, clip, leaky_relu, relu
from exactnn.network.build import mlp
from exactnn.network.graph import Builder, DataFile, Network, Source
from exactnn.network.operations import (
    Add,
    Affine,
    BatchNorm,
    Concat,
    Constant,
    Gather,
    Input,
    Operation,
    Reshape,
    Scale,
    Slice,
    Subtract,
    Transpose,
)
from exactnn.network.windows import AveragePool, Conv, MaxPool

__all__ = [
    "Activation",
    "Add",
    "Affine",
    "AveragePool",
    "BatchNorm",
    "Builder",
    "Concat",
    "Constant",
    "Conv",
    "DataFile",
    "Gather",
    "Input",
    "Kinks",
    "MaxPool",
    "Network",
    "Operation",
    "PRelu",
    "PiecewiseLinear",
    "Rational",
    "Reshape",
    "Scale",
    "Slice",
    "Smooth",
    "Source",
    "Subtract",
    "Transpose",
    "activation",
    "check_network",
    "clip",
    "leaky_relu",
    "mlp",
    "relu",
    "rewrite",
]


def __dir__() -> list[str]:
    return sorted(__all__)
