"""Multilayer perceptrons from lists of weights (thesis Definition 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.calls import helpful
from exactnn.network.activations import activation as as_activation
from exactnn.network.graph import Builder, Network
from exactnn.network.operations import Affine, Input


@helpful
def mlp(layers: Sequence[tuple[Any, Any]], activation: Any = "relu") -> Network:
    """W_k s( ... s(W_1 x + b_1) ... ) + b_k: the activation s stands between the affine maps, none after the last.

    Parameters
    ----------
    layers : pairs (W, b), W of shape (out, in), b of shape (out,); any numbers, taken without rounding
    activation : "relu", "leaky_relu(1/10)", "abs", "relu6", "hardtanh", "identity", "tanh", "sigmoid", "silu", "gelu",
        "softplus", or a rational function

    Returns
    -------
    Network with nodes input, layer1, relu1, layer2, ...

    Raises
    ------
    ShapeError, NotFiniteError, ArgumentError
        Naming the layer.

    Examples
    --------
    >>> mlp([([[1], [-1]], [0, 0]), ([["1/2", "1/2"]], [0])])([-3])
    (Fraction(3, 2),)
    """
    if isinstance(layers, (str, bytes)) or not hasattr(layers, "__len__") or len(layers) == 0:
        raise ArgumentError("layers: a non-empty list of pairs (W, b) is needed")
    unit = as_activation(activation)
    builder = Builder()
    current, width = "", 0
    for number, pair in enumerate(layers, 1):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            advice = "; exactnn.from_torch reads modules" if hasattr(pair, "state_dict") else ""
            raise ArgumentError(f"layers[{number - 1}]: a pair (W, b) is needed, got {type(pair).__name__}{advice}")
        weight = RationalArray.of(pair[0], f"W{number}", ndim=2)
        bias = RationalArray.of(pair[1], f"b{number}", ndim=1)
        if 0 in weight.shape:
            raise ShapeError(f"W{number}: a non-empty matrix (out, in) is needed, got shape {weight.shape}")
        if bias.shape != weight.shape[:1]:
            advice = f"; W{number} is (outputs, inputs), and this one looks transposed" if bias.shape == weight.shape[1:] else ""
            words = f"shape {weight.shape[:1]} is needed, one number for each row of W{number}, got {bias.shape}"
            raise ShapeError(f"b{number}: {words}{advice}")
        if number == 1:
            width = weight.shape[1]
            current = builder.add("input", Input((width,)))
        if weight.shape[1] != width:
            raise ShapeError(f"W{number}: {width} columns are needed to read the layer before, got shape {weight.shape}")
        current = builder.add(f"layer{number}", Affine(weight, bias), current)
        if number < len(layers):
            current = builder.add(f"{unit.name.partition('(')[0]}{number}", unit, current)
        width = weight.shape[0]
    return builder.build(["input"], [current])
