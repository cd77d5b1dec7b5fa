"""Value numbering: the forms of every node of a network over atoms that several networks share.

    max(L l, 0) = L max(l, 0)  for L > 0,      max(-l, 0) = max(l, 0) - l

A neuron is a positive multiple of an atom max(l, 0), l a primitive integer form of earlier atoms; with the second rule (`mirror=True`) the
sign of l is normalised too. Two networks whose outputs have the same forms are equal. For one hidden layer and `mirror=True` the forms
are the normal form of docs/theory.md 1, and the converse holds (theorem A). The pass also writes the certificate's lines
(docs/certificate-format.md, "forms").
"""

from __future__ import annotations

import math

import numpy as np

from exactnn import network as ops
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.progress import counted
from exactnn.forms._activations import Activations
from exactnn.forms._atoms import FORMS, Atoms, Decide, Line, NotTreated
from exactnn.forms._forms import Forms, Row, stack
from exactnn.forms._layout import by_channels, constant_forms, elements, factor_by_channel, repeat, spread, unit
from exactnn.forms._sparse import TooLarge
from exactnn.forms._windows import Windows
from exactnn.network import Network, Operation
from exactnn.network.operations import Shape


class Numbering:
    """One pass over each of several networks with a common table of atoms.

    Parameters
    ----------
    dimension : number of coordinates
    mirror : whether max(-l, 0) is written as max(l, 0) - l
    base : forms of the flat input in the coordinates, if these are not the input's entries themselves
    decide : asked for the sign of a form before an atom is made for it; a network on a domain has more decided signs
    elements : whether inputs with spatial axes are read entry by entry, so that forms are numbers, not functions on a grid
    as_made : whether an atom is written as the first neuron that it stands for, so that equal neurons need no factor; else with coprime
        integers, as proofs of signs name it
    clock : asked at every node, and at every neuron; None for no limit
    """

    def __init__(
        self,
        dimension: int,
        *,
        mirror: bool,
        base: Forms | None = None,
        decide: Decide | None = None,
        elements: bool = False,
        as_made: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.atoms = Atoms(dimension)
        self.clock = Clock() if clock is None else clock
        self.activations = Activations(self.atoms, mirror=mirror, decide=decide, clock=self.clock, as_made=as_made)
        self.windows = Windows(self.activations)
        self.base = base
        self.elements = elements
        #: if a dict, `run` writes into it the rows of the pre-activations by activation node
        self.recorded: dict[str, list[Row]] | None = None

    def run(self, net: Network) -> tuple[Forms, dict[str, list[Line]]]:
        """The forms of the flat output, and the certificate's lines by node."""
        values: dict[str, Forms] = {}
        lines: dict[str, list[Line]] = {}
        made = 0
        left = {n: len(net.consumers(n)) for n in net.order}
        starts = dict(zip(net.inputs, np.cumsum([0] + [math.prod(net.shape(n)) for n in net.inputs]).tolist(), strict=False))
        for name in counted("", net.order, unit="nodes"):
            self.clock.check(f"value numbering was at node {name!r}")
            operation, operands = net.operation(name), net.operands(name)
            if isinstance(operation, ops.Input):
                values[name] = self._input(operation.shape, starts[name])
            else:
                shapes = [net.shape(o) for o in operands]
                found: list[Line] = []
                if self.recorded is not None and name in net.hidden_layers:
                    self.recorded[name] = list(values[operands[0]].rows())
                values[name] = self._value(operation, [values[o] for o in operands], shapes, net.shape(name), found)
                if isinstance(operation, (ops.Activation, ops.Conv, ops.MaxPool)) and (
                    not isinstance(operation, ops.PiecewiseLinear) or operation.kinks
                ):
                    lines[name] = found
            made += len(values[name])
            if not values[name].spatial:  # then channels are read entry by entry
                made += sum(math.prod(net.shape(o)) for o in operands if values[o].spatial)
            if name == net.order[-1]:  # the outputs are read entry by entry
                made += sum(math.prod(net.shape(o)) for o in net.outputs if values[o].spatial)
            if made > FORMS:
                raise TooLarge(f"more than {FORMS} forms up to node {name!r}")
            for operand in set(operands):
                left[operand] -= 1
                if not left[operand] and operand not in net.outputs:
                    del values[operand]
        return stack([elements(values[n], net.shape(n), self.atoms) for n in net.outputs]), lines

    def _input(self, shape: Shape, start: int) -> Forms:
        size = math.prod(shape)
        if self.base is not None:
            return self.base.take(np.arange(start, start + size))
        if len(shape) <= 1 or self.elements:
            return unit(np.arange(start, start + size), ())
        inner = math.prod(shape[1:])
        return unit(np.array([self.atoms.intern("input", start + c * inner, shape[1:]) for c in range(shape[0])]), shape[1:])

    # --- nodes -------------------------------------------------------------------------------------------------------------

    def _value(self, op: Operation, args: list[Forms], shapes: list[Shape], shape: Shape, lines: list[Line]) -> Forms:
        if isinstance(op, ops.Constant):
            return constant_forms(op.value)
        if isinstance(op, ops.Concat) and op.axis == 0 and len({a.spatial for a in args}) == 1:
            return stack(args)
        if isinstance(op, (ops.Add, ops.Subtract)):
            a, b = self._aligned(args, shapes, shape)
            return a + b if op.sign == 1 else a - b
        value, source = args[0], shapes[0]
        if isinstance(op, ops.Affine):
            return self._affine(op, elements(value, source, self.atoms), source)
        if isinstance(op, (ops.PiecewiseLinear, ops.PRelu)):
            return self.activations.piecewise(op, value, source, lines)
        if isinstance(op, (ops.Smooth, ops.Rational)):
            return self.activations.elementwise(op, value, lines)
        if isinstance(op, ops.BatchNorm):
            times = len(value) // source[0]
            scale, shift = (repeat(v, times) for v in (op.scale, op.shift))
            return value.scaled(scale).plus_constant(shift)
        if isinstance(op, ops.Scale):
            factor = factor_by_channel(op.factor, source) if value.spatial else None
            if factor is None:
                value = elements(value, source, self.atoms)
                factor = spread(op.factor, source)
            return value.scaled(factor)
        if isinstance(op, (ops.Conv, ops.MaxPool, ops.AveragePool)):
            if not value.spatial:
                return (
                    self.windows.entries_max(op, value, source, lines)
                    if isinstance(op, ops.MaxPool)
                    else self.windows.entries_linear(op, value, source)
                )
            if isinstance(op, ops.Conv):
                return self.windows.conv(op, value, shape, lines)
            return self.windows.max_pool(op, value, shape, lines) if isinstance(op, ops.MaxPool) else self.windows.average(op, value, shape)
        if isinstance(op, ops.Slice) and op.starts[1:] == (0,) * (len(source) - 1) and shape[1:] == source[1:]:
            if value.spatial == source[1:]:
                return value.take(np.arange(op.starts[0], op.stops[0], op.steps[0]))
        if isinstance(op, (ops.Reshape, ops.Transpose, ops.Slice, ops.Gather, ops.Concat)):
            return self._rearranged(op, args, shapes)
        raise NotTreated(f"operation {op.kind}")  # pragma: no cover - every operation is treated above

    def _affine(self, op: ops.Affine, value: Forms, source: Shape) -> Forms:
        if len(source) == 1:
            return value.affine(op.weight, op.bias)
        width = source[-1]
        blocks = [value.take(np.arange(i, i + width)) for i in range(0, len(value), width)]
        return stack([block.affine(op.weight, op.bias) for block in blocks])

    def _aligned(self, args: list[Forms], shapes: list[Shape], shape: Shape) -> tuple[Forms, Forms]:
        """Both operands in one layout, broadcast to the result's shape."""
        alike = [by_channels(v, s, shape) for v, s in zip(args, shapes, strict=True)]
        if alike[0] is not None and alike[1] is not None:
            return alike[0], alike[1]
        return tuple(  # type: ignore[return-value]
            elements(v, s, self.atoms).take(np.broadcast_to(np.arange(math.prod(s)).reshape(s), shape).ravel())
            for v, s in zip(args, shapes, strict=True)
        )

    def _rearranged(self, op: Operation, args: list[Forms], shapes: list[Shape]) -> Forms:
        """Operations that only move entries: they act on the entries' numbers."""
        if isinstance(op, ops.Reshape) and len(op.shape) == 1 and not args[0].spatial:
            return args[0]
        start, numbers = 0, []
        for shape in shapes:
            size = math.prod(shape)
            numbers.append(RationalArray(np.arange(start, start + size).reshape(1, *shape)))
            start += size
        moved = op.evaluate(*numbers)
        return stack([elements(v, s, self.atoms) for v, s in zip(args, shapes, strict=True)]).take(
            moved.numerators.astype(np.int64).ravel()
        )
