"""Torch modules in: `from_torch(module, input_shape)`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import torch

from exactnn.errors import ArgumentError, ExactnnError, ShapeError, UnsupportedOperation
from exactnn.exact.calls import helpful
from exactnn.load import _torch_choices, _torch_elementwise, _torch_layers, _torch_linear, _torch_moves, _torch_resize, _torch_shapes
from exactnn.load._limits import CHECKER_ENTRIES
from exactnn.load._torch_graph import Handler, JoinsBatch, Translator
from exactnn.load._torch_run import compared
from exactnn.load._torch_trace import BATCH, OTHER_BATCH, Trace, exported, trace, unwrapped, warm
from exactnn.network import Network
from exactnn.network.operations import Shape

TABLE: Mapping[str, Handler] = {
    **_torch_choices.TABLE,
    **_torch_elementwise.TABLE,
    **_torch_layers.TABLE,
    **_torch_linear.TABLE,
    **_torch_moves.TABLE,
    **_torch_resize.TABLE,
    **_torch_shapes.TABLE,
}

_STATISTIC = "it divides by a statistic of the activations, which is no operation of an exact network"
_SOFTMAX = (
    "load the module without it, up to the logits, by exactnn.from_torch(module[:-1], input_shape) where it ends a Sequential: the "
    "decision is the largest logit, which softmax keeps; its values are no operation of an exact network"
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
    **dict.fromkeys(("scaled_dot_product_attention", "bilinear"), _TWICE),
    **dict.fromkeys(("_native_batch_norm_legit", "_native_batch_norm_legit_functional"), _BATCH),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), "recurrent layers are not supported; only feedforward networks are"),
    **dict.fromkeys(
        ("mish", "elu", "selu", "celu", "hardswish", "softsign", "log_sigmoid", "erf", "exp", "log", "sqrt", "sin", "cos"),
        "this function is none of the activations: piecewise linear ones, tanh, sigmoid, silu, gelu, softplus, rational ones",
    ),
    **dict.fromkeys(
        ("floor", "ceil", "round", "trunc", "fix", "frac", "remainder", "fmod", "floor_divide", "heaviside", "hardshrink"),
        "it jumps, so that it is no continuous function",
    ),
    **dict.fromkeys(("argmax", "argmin", "argsort"), "its result is an index, which jumps; load the module up to the values it compares"),
    **dict.fromkeys(
        ("sort", "topk", "kthvalue", "median", "nanmedian", "mode", "cummax", "cummin"),
        "order statistics have no operation here, but for maximum and minimum (amax, amin, max pooling)",
    ),
    **dict.fromkeys(
        (
            "upsample_bicubic2d",
            "_upsample_bicubic2d_aa",
            "_upsample_bilinear2d_aa",
            "grid_sampler",
            "grid_sampler_2d",
            "affine_grid_generator",
        ),
        "nearest and linear interpolation on a fixed grid, without antialiasing, have an exact meaning here",
    ),
    **dict.fromkeys(("var", "std", "norm", "linalg_vector_norm", "cosine_similarity"), _STATISTIC),
    **dict.fromkeys(
        ("native_dropout", "bernoulli", "rand", "randn", "rand_like", "randn_like"), "it is random, so that there is no function"
    ),
}


@helpful
def from_torch(
    module: torch.nn.Module | torch.export.ExportedProgram,
    input_shape: int | Sequence[Any] | torch.Tensor | None = None,
    *,
    compare: bool = True,
) -> Network:
    """The function of a torch module, every weight taken without rounding.

    The meaning is real arithmetic: the module's parameters, buffers and Python numbers are the (dyadic) rationals they are, float
    roundings between them are left out. What depends on no input is a constant, the one that torch computes (in its dtype: integers
    wrap, floats round). Batch norm's scale is rounded once to the module's dtype (docs/network-format.md); softplus is the smooth
    function, without torch's threshold.

    The module is then run, at three points in batches of 1, 2 and 3 and each batch twice, and compared with what was read, so that a
    module which does something else when it is traced, counts its calls, or is random is refused. `info` of the network says so.

    Parameters
    ----------
    module : torch.nn.Module in eval mode, of any float dtype, on any device; or a torch.export.ExportedProgram
    input_shape : the shape of one point, without the batch axis, such as (3, 32, 32); an int n for (n,); a tuple of shapes, such as
        ((3, 32, 32), (10,)), for several inputs. Or an example: the tensor, or the tuple of tensors, that the module is called with, batch
        axis in front. None where the first layer tells (a Linear or BatchNorm1d of n features: (n,)) and for an ExportedProgram
    compare : whether to run the module and compare; False only for those who know what it does

    Returns
    -------
    Network
        Inputs and outputs in the module's order (tuples, lists and dicts of outputs flattened). Nodes have the paths of their
        modules as names ("features.0"), plain functions the function's name behind it ("block.add").

    Raises
    ------
    UnsupportedOperation
        Naming operation and node: for what has no exact meaning here, and for a `forward` that decides on the values of tensors. Naming
        output, point and both values: where a run of the module differs from what was read.
    ShapeError
        If the module does not accept inputs of `input_shape`, or these have more than 2^25 entries together.
    NotFiniteError
        For a NaN or infinite weight, naming tensor and index.
    ArgumentError
        For a module in training mode where that changes the function, for one whose `forward` fails whatever the shape, or no module.

    Notes
    -----
    The batch axis comes first in every input and output, and points of a batch must not be mixed. A program that was exported for a
    fixed batch is read for one of its points. A module with a method `exact()` that returns a rational function (coefficient sequences
    `numerator` and `denominator`) becomes one Rational node; with a list of them, one for each of as many equal parts of the axis
    `module.axis` (1 if it has none), it becomes a slice and a node for each.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(1, 1)
    >>> _ = torch.nn.init.constant_(layer.weight, 0.5), torch.nn.init.constant_(layer.bias, -1)
    >>> net = from_torch(torch.nn.Sequential(layer, torch.nn.ReLU()).eval())
    >>> net, net(["8/3"])
    (Network(1 -> 1: affine, relu), (Fraction(1, 3),))
    """
    if not isinstance(compare, bool):
        raise ArgumentError(f"compare: True or False is needed, got {compare!r}")
    if isinstance(module, torch.export.ExportedProgram):
        return _of_program(module, input_shape, compare=compare)
    module = unwrapped(module)
    shapes = _shapes(_first_shape(module) if input_shape is None else input_shape)
    return _of_module(module, shapes, compare=compare)


def _translator(traced: Trace) -> Translator:
    return Translator(traced, TABLE, REFUSED, _torch_choices.CHOICES)


def _of_module(module: torch.nn.Module, shapes: tuple[Shape, ...], *, compare: bool) -> Network:
    warm(module, shapes)
    try:
        return _compared(_read(module, shapes), module, shapes, None, compare=compare)
    except JoinsBatch as joins:
        if not compare:
            raise UnsupportedOperation(str(joins)) from None
        try:  # at batch size 1 the axis can be followed; that points do not mix, the comparison shows
            single = _translator(trace(module, shapes, 1)).network()
            single = single.read("its batch axis is joined with another one, so that it is read at batch size 1")
            return _compared(single, module, shapes, None, compare=True)
        except ExactnnError:
            raise UnsupportedOperation(str(joins)) from None


def _of_program(program: torch.export.ExportedProgram, input_shape: Any, *, compare: bool) -> Network:
    program, module, shapes, batch = exported(program)
    if input_shape is not None and _shapes(input_shape) != shapes:
        raise ShapeError(
            f"input_shape: {', '.join(map(str, shapes))} is what the program was exported for, got {input_shape}; leave it out"
        )
    if batch is None:
        return _of_module(module, shapes, compare=compare)
    network = _translator(Trace(program, (), batch, fixed=True)).network()
    if batch != 1:
        network = network.read(f"exported for batches of {batch} points, read as the function of one point")
    return _compared(network, module, shapes, batch, compare=compare)


def _compared(network: Network, module: torch.nn.Module, shapes: tuple[Shape, ...], batch: int | None, *, compare: bool) -> Network:
    return network.read(compared(module, network, shapes, batch) if compare else "not compared with the module")


def _read(module: torch.nn.Module, shapes: tuple[Shape, ...]) -> Network:
    traced = trace(module, shapes)
    translator = _translator(traced)
    network = translator.network()
    for size in (OTHER_BATCH, *traced.others) if translator.batch_entered else ():
        other = _translator(trace(module, shapes, size)).network()
        if other != network:
            raise UnsupportedOperation(
                f"module: it computes different functions in batches of {BATCH} and of {size} points; the function of one "
                "point must not depend on the size of the batch"
            )
    return network


def _first_shape(module: torch.nn.Module) -> int:
    """The number of features that the first layer with weights reads, if that is the whole shape of a point."""
    for name, layer in module.named_modules():
        if isinstance(layer, (torch.nn.Linear, torch.nn.BatchNorm1d)):
            return layer.in_features if isinstance(layer, torch.nn.Linear) else layer.num_features
        if any(True for _ in layer.parameters(recurse=False)) or any(True for _ in layer.buffers(recurse=False)):
            raise ArgumentError(
                f"input_shape: the shape of one point is needed, such as (3, 32, 32): the first layer with weights, {name!r} "
                f"({type(layer).__name__}), does not tell it"
            )
    raise ArgumentError("input_shape: the shape of one point is needed, such as (3, 32, 32): the module has no layer that tells it")


def _shapes(given: Any) -> tuple[Shape, ...]:
    examples = [given] if isinstance(given, torch.Tensor) else given if isinstance(given, (tuple, list)) else []
    if examples and all(isinstance(x, torch.Tensor) for x in examples):
        given = tuple(_of_example(x, i) for i, x in enumerate(examples))
    several = isinstance(given, (tuple, list)) and any(isinstance(s, (tuple, list)) for s in given)
    shapes = tuple(_shape(s, f"input_shape[{i}]") for i, s in enumerate(given)) if several else (_shape(given, "input_shape"),)
    if sum(map(math.prod, shapes)) > CHECKER_ENTRIES:
        raise ShapeError(
            f"input_shape: points of at most 2^25 = {CHECKER_ENTRIES} entries are possible, all inputs together "
            f"(docs/network-format.md), got {', '.join(map(str, shapes))}; leave the batch axis out"
        )
    return shapes


def _of_example(example: torch.Tensor, number: int) -> Shape:
    if example.ndim < 2 or not example.is_floating_point():
        raise ArgumentError(
            f"input_shape: an example is a tensor of floats with the batch axis in front, of two axes or more, got one of {example.dtype} "
            f"and shape {tuple(example.shape)} as input {number}; give the shape of one point, or x.unsqueeze(0)"
        )
    return tuple(example.shape[1:])


def _shape(given: Any, argument: str) -> Shape:
    numbers = [given] if isinstance(given, Integral) else given
    if not isinstance(numbers, (tuple, list)) or any(isinstance(n, bool) or not isinstance(n, Integral) for n in numbers):
        raise ArgumentError(
            f"{argument}: an int, a shape without the batch axis such as (3, 32, 32), a tuple of shapes, or an example input is needed, "
            f"got {given!r}"
        )
    if any(n < 1 for n in numbers):
        raise ShapeError(f"{argument}: every axis needs at least one entry, got {tuple(numbers)}; leave the batch axis out")
    return tuple(int(n) for n in numbers)
