"""A network as a torch module, for floats: proposals of the engines, training, plots. It decides nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import nn

from exactnn.errors import ArgumentError, ShapeError
from exactnn.floats._units import unit
from exactnn.network import Input, Network

#: dtypes that networks and our modules compute in
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class FloatNetwork(nn.Module):
    """The function of a network in floats; made by `net.to_torch()`.

    `module(x_1, ..., x_k)` takes the network's inputs with the batch axis in front and returns its outputs so, as a tensor or, if
    there are several, a tuple. `module.flat(x)` takes flat points (batch, input_dim) to flat values (batch, output_dim), as
    the exact `net(x)` does. `module(x)` with one flat tensor that is not of the input's own shape is `module.flat(x)`.

    Weights are parameters, other numbers buffers; the one for node `name` is `module.units[module.keys[name]]`.
    """

    def __init__(self, net: Network, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.inputs, self.outputs = net.inputs, net.outputs
        self.input_shapes = tuple(net.shape(n) for n in net.inputs)
        self.input_dim = net.input_dim
        self.keys: Mapping[str, str] = {
            name: re.sub(r"\W", "_", f"{number}_{name}")
            for number, name in enumerate(net.order)
            if not isinstance(net.operation(name), Input)
        }
        self.units = nn.ModuleDict(
            {key: unit(net.operation(n), tuple(net.shape(o) for o in net.operands(n)), dtype) for n, key in self.keys.items()}
        )
        self._operands = {n: net.operands(n) or net.inputs[:1] for n in self.keys}  # a constant reads an input for the batch size
        last = {o: n for n in self.keys for o in self._operands[n]}
        self._done = {n: [o for o, reader in last.items() if reader == n and o not in net.outputs] for n in self.keys}

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        shapes = [tuple(x.shape[1:]) for x in inputs]
        if shapes == list(self.input_shapes):
            outputs = self._run(inputs)
            return outputs[0] if len(outputs) == 1 else outputs
        if shapes == [(self.input_dim,)]:
            return self.flat(inputs[0])
        expected = ", ".join(f"(batch, {str(s)[1:].rstrip(',)')})" if s else "(batch,)" for s in self.input_shapes)
        raise ShapeError(
            f"inputs: shapes {expected}, or one of (batch, {self.input_dim}), are needed, got {[tuple(x.shape) for x in inputs]}"
        )

    def flat(self, x: torch.Tensor) -> torch.Tensor:
        """Values (batch, output_dim) at flat points (batch, input_dim)."""
        if x.ndim != 2 or x.shape[1] != self.input_dim:
            raise ShapeError(f"x: shape (batch, {self.input_dim}) is needed, got {tuple(x.shape)}")
        sizes = [math.prod(shape) for shape in self.input_shapes]
        parts = torch.split(x, sizes, dim=1) if len(sizes) > 1 else (x,)
        shaped = tuple(p.reshape(p.shape[0], *s) for p, s in zip(parts, self.input_shapes, strict=True))
        flat = [y.flatten(1) if y.ndim > 1 else y[:, None] for y in self._run(shaped)]
        return flat[0] if len(flat) == 1 else torch.cat(flat, dim=1)

    def _run(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        values = dict(zip(self.inputs, inputs, strict=True))
        for name, key in self.keys.items():
            values[name] = self.units[key](*(values[o] for o in self._operands[name]))
            for operand in self._done[name]:  # not needed any more
                del values[operand]
        return tuple(values[n] for n in self.outputs)


def to_torch(net: Network, dtype: torch.dtype | None = None) -> FloatNetwork:
    """The network as a torch module in eval mode.

    Parameters
    ----------
    net : Network
    dtype : a float dtype; None for torch.float64

    Returns
    -------
    FloatNetwork
        Native shapes in, native shapes out; `.flat` maps (batch, input_dim) to (batch, output_dim). Every number is rounded to
        float64 and from there to `dtype`; what is a number of `dtype` stays as it is, so that `exactnn.from_torch` gives the same
        function again. Gradients flow to inputs and parameters.

    Raises
    ------
    ArgumentError
        If `dtype` is none of float16, bfloat16, float32 and float64, or a number of the network is beyond its range.

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1], [-1]], [0, 0]), ([["1/2", "1/2"]], [0])])
    >>> to_torch(net).flat(torch.tensor([[-3.0]], dtype=torch.float64)).item()
    1.5
    """
    dtype = torch.float64 if dtype is None else dtype
    if dtype not in FLOATS:
        raise ArgumentError(f"dtype: {', '.join(map(str, FLOATS))}, or None for float64, is needed, got {dtype!r}")
    return FloatNetwork(net, dtype).eval()
