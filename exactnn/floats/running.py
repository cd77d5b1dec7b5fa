"""Values of a network at points in float64, and beside them a bound on the rounding of a run in another float format at these points.

With u the unit roundoff of the format, eta its smallest positive number, gamma_n = n u / (1 - n u), h the value that a node reads and e
the bound on its error so far, an affine map of n terms gives

    e' = |W| (e + gamma_{n+1} (|h| + e)) + gamma_{n+1} |b| + (n + 1) eta,

in any order of summation, fused or not (../docs/theory.md); what moves entries moves their errors, a function with |slope| <= L gives L e
and its own rounding. It is evaluated in floats and decides nothing: it says how far a float run may be off where it is compared with
what was read. There is no bound (infinity) behind rational functions, whose formula a module chooses, and where n u >= 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from exactnn import network as ops
from exactnn.floats._units import unit
from exactnn.network import Input, Network, Operation
from exactnn.network.operations import Shape

#: the value of a node and the bound on its error, None for no bound
Pair = tuple[torch.Tensor, torch.Tensor | None]
#: roundings of one activation, of its neighbours in the same formula included
_STEPS = 16
#: a bound beyond this part of the largest value
_HOPELESS = 0.1
#: what torch's softplus leaves out beyond its threshold 20: log(1 + exp(-20))
_SOFTPLUS_TAIL = 2.1e-9


@dataclass(frozen=True)
class Format:
    """A float format: unit roundoff, smallest positive number, largest number."""

    roundoff: float
    smallest: float
    largest: float

    @classmethod
    def of(cls, dtype: torch.dtype) -> Format:
        """The format of a torch dtype."""
        info = torch.finfo(dtype)
        return cls(info.eps / 2, info.tiny * info.eps, info.max)

    def gamma(self, terms: int) -> float:
        """n u / (1 - n u), infinite where that is no bound."""
        product = terms * self.roundoff
        return product / (1 - product) if product < 1 else math.inf


@dataclass(frozen=True)
class Run:
    """Flat values (batch, output_dim) and their error bounds; the largest value that any node takes, for each point."""

    values: torch.Tensor
    errors: torch.Tensor
    largest: torch.Tensor


def run(net: Network, points: torch.Tensor, format: Format) -> Run:
    """Values at flat points (batch, input_dim), float64, with error bounds for a run in `format` that reads the same points.

    Bounds are given up (infinite from there on) once they exceed a tenth of the largest value: what comes behind such a node tells little.

    Examples
    --------
    >>> import exactnn as xn
    >>> found = run(xn.mlp([([["1/3", 1]], [0])]), torch.ones(1, 2, dtype=torch.float64), Format.of(torch.float32))
    >>> found.values.item(), 0 < found.errors.item() < 1e-6
    (1.3333333333333333, True)
    """
    with torch.no_grad():
        return _Walk(net, format).run(points)


class _Walk:
    """One walk over the network, values and errors let go as early as possible."""

    def __init__(self, net: Network, format: Format) -> None:
        self.net, self.format = net, format

    def run(self, points: torch.Tensor) -> Run:
        net, batch = self.net, len(points)
        left = {n: len(net.consumers(n)) for n in net.order}
        pairs: dict[str, Pair] = {}
        largest = points.abs().amax(1) if points.shape[1] else torch.zeros(batch, dtype=torch.float64)
        start = 0
        for name in net.inputs:
            size = math.prod(net.shape(name))
            value = points[:, start : start + size].reshape(batch, *net.shape(name))
            pairs[name] = value, torch.zeros_like(value)
            start += size
        for name in net.order:
            operation, operands = net.operation(name), net.operands(name)
            if not isinstance(operation, Input):
                pairs[name] = self._node(operation, [pairs[o] for o in operands], [net.shape(o) for o in operands], batch)
                largest = torch.maximum(largest, pairs[name][0].abs().reshape(batch, -1).amax(1))
            for source in set(operands):
                left[source] -= 1
                if not left[source] and source not in net.outputs:
                    del pairs[source]
        values = torch.cat([pairs[n][0].reshape(batch, -1) for n in net.outputs], 1)
        errors = [_or_infinite(*pairs[n]).reshape(batch, -1) for n in net.outputs]
        return Run(values, torch.cat(errors, 1), largest)

    def _node(self, operation: Operation, pairs: list[Pair], shapes: list[Shape], batch: int) -> Pair:
        if isinstance(operation, (ops.Affine, ops.Conv)):
            return self._linear(operation, *pairs[0])
        made = unit(operation, tuple(shapes), torch.float64)
        if isinstance(operation, ops.BatchNorm):
            made.scale.data = _scale(operation).reshape(-1, *(1,) * (len(shapes[0]) - 1))
        if isinstance(operation, ops.Constant):
            value: torch.Tensor = made(torch.empty(batch))
            return value, torch.zeros_like(value)
        value = made(*(v for v, _ in pairs))
        known = [e for _, e in pairs if e is not None]
        if len(known) < len(pairs):
            return value, None
        error = _ERRORS[type(operation)](self.format, operation, made, [v for v, _ in pairs], known, value)
        return value, self._kept(value, error)

    def _linear(self, operation: ops.Affine | ops.Conv, x: torch.Tensor, known: torch.Tensor | None) -> Pair:
        """Large arrays are made once, and changed in place for the bound."""
        weight, bias = (torch.from_numpy(a.to_float()) for a in (operation.weight, operation.bias))
        value = _product(operation, x, weight, bias)
        terms = math.prod(operation.weight.shape[1:])
        gamma = self.format.gamma(terms + 1)
        if known is None or math.isinf(gamma):
            return value, None
        spread = known + gamma * (x.abs() + known)
        error = _product(operation, spread, weight.abs_(), bias.abs_().mul_(gamma)) + (terms + 1) * self.format.smallest
        return value, self._kept(value, error)

    @staticmethod
    def _kept(value: torch.Tensor, error: torch.Tensor | None) -> torch.Tensor | None:
        """The bound, unless it is far beyond use: it does not come down again."""
        return None if error is None or not bool(error.max() <= _HOPELESS * (value.abs().max() + 1e-30)) else error


def _product(operation: ops.Affine | ops.Conv, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    if isinstance(operation, ops.Affine):
        return functional.linear(x, weight, bias)
    padding = [p for pair in reversed(operation.padding) for p in pair]
    x = functional.pad(x, padding) if any(padding) else x
    convolution = (functional.conv1d, functional.conv2d, functional.conv3d)[len(operation.stride) - 1]
    return convolution(x, weight, bias, operation.stride, 0, operation.dilation, operation.groups)


def _scale(norm: ops.BatchNorm) -> torch.Tensor:
    """weight / sqrt(variance + epsilon) as a run in float64 has it, without the rounding to the format of the statistics."""
    weight, variance = (torch.from_numpy(a.to_float()) for a in (norm.weight, norm.variance))
    return weight / torch.sqrt(variance + float(norm.epsilon))


def _or_infinite(value: torch.Tensor, error: torch.Tensor | None) -> torch.Tensor:
    return torch.full_like(value, math.inf) if error is None else error


# --- one rule for each operation; `made` is the float64 module of the operation and may be changed -----------------------------


def _average(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], _: torch.Tensor) -> Any:
    terms = math.prod(op.kernel)
    gamma = f.gamma(terms + 2)
    return None if math.isinf(gamma) else made(errors[0] + gamma * (values[0].abs() + errors[0])) + terms * f.smallest


def _moved(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], _: torch.Tensor) -> Any:
    return made(*errors)


def _summed(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], value: torch.Tensor) -> Any:
    made.negative = False
    error = made(*errors)
    return error + f.roundoff * (value.abs() + error)


def _scaled(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], value: torch.Tensor) -> Any:
    made.factor.data.abs_()
    return made(errors[0] + f.gamma(3) * (values[0].abs() + errors[0])) + f.smallest


def _normalised(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], _: torch.Tensor) -> Any:
    gamma = f.gamma(_STEPS)
    made.scale.data.abs_()
    spread = errors[0] + gamma * (values[0].abs() + errors[0] + made.mean.abs())
    return spread * made.scale + gamma * made.bias.abs() + f.smallest


def _bent(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], value: torch.Tensor) -> Any:
    x, error = values[0], errors[0]
    slopes = [op.slope]
    for _, jump in op.kinks:
        slopes.append(slopes[-1] + jump)
    steepest = max(abs(float(s)) for s in slopes)
    if {abs(s) for s in slopes} <= {0, 1} and not op.constant and all(not at for at, _ in op.kinks):
        return steepest * error  # relu, abs: without rounding
    parts = abs(float(op.constant)) + sum(abs(float(at * jump)) for at, jump in op.kinks)
    size = (abs(float(op.slope)) + sum(abs(float(jump)) for _, jump in op.kinks)) * (x.abs() + error) + parts
    return steepest * error + f.gamma(_STEPS + len(op.kinks)) * size + f.smallest


def _channels_bent(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], _: torch.Tensor) -> Any:
    steepest = max(1.0, float(made.slopes.abs().max()))
    return steepest * (errors[0] + f.gamma(3) * (values[0].abs() + errors[0])) + f.smallest


def _smooth(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], value: torch.Tensor) -> Any:
    """Slopes of the smooth functions are below 1.2."""
    tail = _SOFTPLUS_TAIL if op.function == "softplus" else 0.0
    return 1.2 * errors[0] + _STEPS * f.roundoff * (values[0].abs() + value.abs() + 1) + tail


def _unknown(*_: Any) -> None:
    return None


_Rule = Callable[[Format, Any, Any, list[torch.Tensor], list[torch.Tensor], torch.Tensor], Any]
_ERRORS: dict[type[Operation], _Rule] = {
    ops.PiecewiseLinear: _bent,
    ops.PRelu: _channels_bent,
    ops.Smooth: _smooth,
    ops.Rational: _unknown,
    ops.BatchNorm: _normalised,
    ops.MaxPool: _moved,
    ops.AveragePool: _average,
    ops.Reshape: _moved,
    ops.Transpose: _moved,
    ops.Slice: _moved,
    ops.Gather: _moved,
    ops.Concat: _moved,
    ops.Add: _summed,
    ops.Subtract: _summed,
    ops.Scale: _scaled,
}
