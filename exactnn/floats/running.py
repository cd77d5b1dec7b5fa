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

#: the value of a node, the bound on its error (None for no bound), and the largest value that each entry is made of
Triple = tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]
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
    """Flat values (batch, output_dim), their error bounds, the largest value that each is made of; and that of any node, for each point."""

    values: torch.Tensor
    errors: torch.Tensor
    sizes: torch.Tensor
    largest: torch.Tensor


def run(net: Network, points: torch.Tensor, format: Format, *, bounded: bool = True) -> Run:
    """Values at flat points (batch, input_dim), float64, with error bounds for a run in `format` that reads the same points.

    Without `bounded` there are no bounds (infinity), which saves half of the time. They are given up (infinite from there on) once they
    exceed a tenth of the largest value: what comes behind such a node tells little.

    Examples
    --------
    >>> import exactnn as xn
    >>> found = run(xn.mlp([([["1/3", 1]], [0])]), torch.ones(1, 2, dtype=torch.float64), Format.of(torch.float32))
    >>> found.values.item(), 0 < found.errors.item() < 1e-6
    (1.3333333333333333, True)
    """
    with torch.no_grad():
        return _Walk(net, format).run(points, bounded=bounded)


class _Walk:
    """One walk over the network, values and errors let go as early as possible."""

    def __init__(self, net: Network, format: Format) -> None:
        self.net, self.format = net, format

    def run(self, points: torch.Tensor, *, bounded: bool) -> Run:
        net, batch = self.net, len(points)
        left = {n: len(net.consumers(n)) for n in net.order}
        found: dict[str, Triple] = {}
        largest = points.abs().amax(1) if points.shape[1] else torch.zeros(batch, dtype=torch.float64)
        start = 0
        for name in net.inputs:
            size = math.prod(net.shape(name))
            value = points[:, start : start + size].reshape(batch, *net.shape(name))
            found[name] = value, torch.zeros_like(value) if bounded else None, value.abs()
            start += size
        for name in net.order:
            operation, operands = net.operation(name), net.operands(name)
            if not isinstance(operation, Input):
                found[name] = self._node(operation, [found[o] for o in operands], [net.shape(o) for o in operands], batch)
                largest = torch.maximum(largest, found[name][0].abs().reshape(batch, -1).amax(1))
            for source in set(operands):
                left[source] -= 1
                if not left[source] and source not in net.outputs:
                    del found[source]
        ends = [found[n] for n in net.outputs]
        values, sizes = (torch.cat([e[i].reshape(batch, -1) for e in ends], 1) for i in (0, 2))  # type: ignore[union-attr]
        errors = [(torch.full_like(v, math.inf) if e is None else e).reshape(batch, -1) for v, e, _ in ends]
        return Run(values, torch.cat(errors, 1), sizes, largest)

    def _node(self, operation: Operation, operands: list[Triple], shapes: list[Shape], batch: int) -> Triple:
        if isinstance(operation, (ops.Affine, ops.Conv)):
            return self._linear(operation, *operands[0])
        made = unit(operation, tuple(shapes), torch.float64)
        if isinstance(operation, ops.Constant):
            value: torch.Tensor = made(torch.empty(batch))
            return value, torch.zeros_like(value), value.abs()
        if isinstance(operation, ops.BatchNorm):
            made.scale.data = _scale(operation).reshape(-1, *(1,) * (len(shapes[0]) - 1))
        values = [v for v, _, _ in operands]
        value = made(*values)
        sizes = torch.maximum(value.abs(), _made_of(operation, made, values, [s for _, _, s in operands], value))
        known = [e for _, e, _ in operands if e is not None]
        if len(known) < len(operands):
            return value, None, sizes
        error = _ERRORS[type(operation)](self.format, operation, made, values, known, value)
        return value, self._kept(value, error), sizes

    def _linear(self, operation: ops.Affine | ops.Conv, x: torch.Tensor, known: torch.Tensor | None, sizes: torch.Tensor) -> Triple:
        """Large arrays are made once, and changed in place for the bound. All entries of a result are made of the largest operand."""
        weight, bias = (torch.from_numpy(a.to_float()) for a in (operation.weight, operation.bias))
        value = _product(operation, x, weight, bias)
        sizes = torch.maximum(value.abs(), _largest_read(operation, sizes, value))
        terms = math.prod(operation.weight.shape[1:])
        gamma = self.format.gamma(terms + 1)
        if known is None or math.isinf(gamma):
            return value, None, sizes
        spread = known + gamma * (x.abs() + known)
        error = _product(operation, spread, weight.abs_(), bias.abs_().mul_(gamma)) + (terms + 1) * self.format.smallest
        return value, self._kept(value, error), sizes

    @staticmethod
    def _kept(value: torch.Tensor, error: torch.Tensor | None) -> torch.Tensor | None:
        """The bound, unless it is far beyond use: it does not come down again."""
        return None if error is None or not bool(error.max() <= _HOPELESS * (value.abs().max() + 1e-30)) else error


def _largest_read(operation: ops.Affine | ops.Conv, sizes: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """The largest of the entries that an affine map reads (its last axis), or a convolution (all of them)."""
    if isinstance(operation, ops.Affine):
        return sizes.amax(-1, keepdim=True).expand(value.shape)
    return sizes.flatten(1).amax(1).reshape(-1, *(1,) * (value.ndim - 1)).expand(value.shape)


def _made_of(operation: Operation, made: Any, values: list[torch.Tensor], sizes: list[torch.Tensor], value: torch.Tensor) -> torch.Tensor:
    """The largest values that the entries of a result are made of; for a maximum those of the entries that may win."""
    if isinstance(operation, (ops.Add, ops.Subtract)):
        padded = [s.reshape(len(s), *(1,) * (value.ndim - s.ndim), *s.shape[1:]).expand(value.shape) for s in sizes]
        return torch.maximum(*padded)
    if isinstance(operation, ops.MaxPool):  # a size is a millionth of what could change the result, and back
        x, tiny = values[0], 1e-6 * sizes[0]
        return 1e6 * torch.maximum(made(x + tiny) - value, value - made(x - tiny))
    if isinstance(operation, ops.AveragePool):
        return sizes[0].flatten(2).amax(2).reshape(*sizes[0].shape[:2], *(1,) * (value.ndim - 2)).expand(value.shape)
    if isinstance(operation, (ops.Reshape, ops.Transpose, ops.Slice, ops.Gather, ops.Concat)):
        moved: torch.Tensor = made(*sizes)
        return moved
    return sizes[0].expand(value.shape)


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


# --- one rule for each operation; `made` is the float64 module of the operation and may be changed -----------------------------


def _average(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], _: torch.Tensor) -> Any:
    terms = math.prod(op.kernel)
    gamma = f.gamma(terms + 2)
    return None if math.isinf(gamma) else made(errors[0] + gamma * (values[0].abs() + errors[0])) + terms * f.smallest


def _moved(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], _: torch.Tensor) -> Any:
    return made(*errors)


def _greatest(f: Format, op: Any, made: Any, values: list[torch.Tensor], errors: list[torch.Tensor], value: torch.Tensor) -> Any:
    """The maximum of what is between v - e and v + e is between the maxima of both."""
    return torch.maximum(made(values[0] + errors[0]) - value, value - made(values[0] - errors[0]))


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
    ops.MaxPool: _greatest,
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
