"""Torch modules in: `from_torch(module, input_shape)`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from exactnn.errors import ArgumentError, ShapeError, UnsupportedOperation
from exactnn.load import _torch_elementwise, _torch_layers, _torch_linear, _torch_moves, _torch_shapes
from exactnn.load._limits import CHECKER_ENTRIES
from exactnn.load._torch_graph import Handler, Translator
from exactnn.load._torch_run import compared
from exactnn.load._torch_trace import BATCH, OTHER_BATCH, trace, unwrapped
from exactnn.network import Network
from exactnn.network.operations import Shape

TABLE: Mapping[str, Handler] = {
    **_torch_elementwise.TABLE,
    **_torch_layers.TABLE,
    **_torch_linear.TABLE,
    **_torch_moves.TABLE,
    **_torch_shapes.TABLE,
}

_STATISTIC = "it divides by a statistic of the activations, which is no operation of an exact network"
_SOFTMAX = (
    "load the module without it, up to the logits: the decision is the largest logit, which softmax keeps; "
    "its values are no operation of an exact network"
)
_TWICE = "it multiplies two values that both depend on the input"
_BATCH = "batch norm takes the statistics of the batch, so that it is no function of one point; use track_running_stats=True"
#: Operations refused, with what to do.
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        ("layer_norm", "native_layer_norm", "group_norm", "native_group_norm", "instance_norm", "rms_norm", "local_response_norm"),
        _STATISTIC,
    ),
    **dict.fromkeys(("softmax", "_softmax", "log_softmax", "_log_softmax", "logsumexp"), _SOFTMAX),
    **dict.fromkeys(("baddbmm", "scaled_dot_product_attention", "bilinear"), _TWICE),
    **dict.fromkeys(("_native_batch_norm_legit", "_native_batch_norm_legit_functional"), _BATCH),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), "recurrent layers are not supported; only feedforward networks are"),
    **dict.fromkeys(
        ("mish", "elu", "selu", "celu", "hardswish", "softsign", "log_sigmoid", "erf", "exp", "log", "sqrt", "sin", "cos"),
        "this function is none of the activations: piecewise linear ones, tanh, sigmoid, silu, gelu, softplus, rational ones",
    ),
    **dict.fromkeys(
        ("native_dropout", "bernoulli", "rand", "randn", "rand_like", "randn_like"), "it is random, so that there is no function"
    ),
}


def from_torch(module: torch.nn.Module, input_shape: int | Sequence[Any], *, compare: bool = True) -> Network:
    """The function of a torch module, every weight taken without rounding.

    The meaning is real arithmetic: the module's parameters, buffers and Python numbers are the (dyadic) rationals they are, float
    roundings between them are left out. Batch norm's scale is rounded once to the module's dtype (docs/network-format.md);
    softplus is the smooth function, without torch's threshold.

    Parameters
    ----------
    module : torch.nn.Module in eval mode; of any float dtype, on any device
    input_shape : the shape of one point, without the batch axis, such as (3, 32, 32); an int n for (n,); a tuple of shapes, such as
        ((3, 32, 32), (10,)), for several inputs

    Returns
    -------
    Network
        Inputs and outputs in the module's order (tuples, lists and dicts of outputs flattened). Nodes have the paths of their
        modules as names ("features.0"), plain functions the function's name behind it ("block.add").

    Raises
    ------
    UnsupportedOperation
        Naming operation and node: for what has no exact meaning here, and for a `forward` that decides on the values of tensors.
    ShapeError
        If the module does not accept inputs of `input_shape`, or these have more than 2^25 entries together.
    NotFiniteError
        For a NaN or infinite weight, naming tensor and index.
    ArgumentError
        For a module in training mode where that changes the function, for one whose `forward` fails whatever the shape, or no module.

    Notes
    -----
    The batch axis comes first in every input and output, and points of a batch must not be mixed. A module with a method `exact()`
    that returns a rational function (coefficient sequences `numerator` and `denominator`) becomes one Rational node; with a list of
    them, one for each of as many equal parts of the axis `module.axis` (1 if it has none), it becomes a slice and a node for each.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(1, 1)
    >>> _ = torch.nn.init.constant_(layer.weight, 0.5), torch.nn.init.constant_(layer.bias, -1)
    >>> net = from_torch(torch.nn.Sequential(layer, torch.nn.ReLU()).eval(), 1)
    >>> net, net(["8/3"])
    (Network(1 -> 1: affine, relu), (Fraction(1, 3),))
    """
    module = unwrapped(module)
    shapes = _shapes(input_shape)
    network = _read(module, shapes)
    return network.read(compared(module, network, shapes) if compare else "not compared with the module")


def _read(module: torch.nn.Module, shapes: tuple[Shape, ...]) -> Network:
    translator = Translator(trace(module, shapes), TABLE, REFUSED)
    network = translator.network()
    if translator.batch_entered:
        other = Translator(trace(module, shapes, OTHER_BATCH), TABLE, REFUSED).network()
        if other != network:
            raise UnsupportedOperation(
                f"module: it computes different functions in batches of {BATCH} and of {OTHER_BATCH} points; the function of one "
                "point must not depend on the size of the batch"
            )
    return network


def _shapes(given: Any) -> tuple[Shape, ...]:
    several = isinstance(given, (tuple, list)) and any(isinstance(s, (tuple, list)) for s in given)
    shapes = tuple(_shape(s, f"input_shape[{i}]") for i, s in enumerate(given)) if several else (_shape(given, "input_shape"),)
    if sum(map(math.prod, shapes)) > CHECKER_ENTRIES:
        raise ShapeError(
            f"input_shape: points of at most 2^25 = {CHECKER_ENTRIES} entries are possible, all inputs together "
            f"(docs/network-format.md), got {', '.join(map(str, shapes))}; leave the batch axis out"
        )
    return shapes


def _shape(given: Any, argument: str) -> Shape:
    numbers = [given] if isinstance(given, int) else given
    if not isinstance(numbers, (tuple, list)) or any(isinstance(n, bool) or not isinstance(n, int) for n in numbers):
        raise ArgumentError(
            f"{argument}: an int, a shape without the batch axis such as (3, 32, 32), or a tuple of shapes is needed, got {given!r}"
        )
    if any(n < 1 for n in numbers):
        raise ShapeError(f"{argument}: every axis needs at least one entry, got {tuple(numbers)}; leave the batch axis out")
    return tuple(numbers)
