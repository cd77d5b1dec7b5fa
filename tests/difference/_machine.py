"""A slow float machine: networks run one rounding after the other, in fractions, each choice that a runtime has made at random."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn import network as ops
from exactnn.exact.array import RationalArray
from exactnn.network import Network

#: bits, least exponent of a normal number, largest exponent
FORMATS = {"float32": (24, -126, 127), "float64": (53, -1022, 1023), "bfloat16": (8, -126, 127)}


class Overflow(Exception):
    """A result beyond the largest number."""


class Machine:
    """Rounding to nearest, orders of sums, fused or not, one rounding of an exact sum, subnormal numbers kept or flushed: as `rng` says."""

    def __init__(self, dtype: str, rng: random.Random, accumulation: str | None = None) -> None:
        self.bits, self.least, self.most = FORMATS[dtype]
        self.wide = None if accumulation is None else Machine(accumulation, rng)
        self.rng = rng
        self.flush = rng.random() < 0.5

    def _grid(self, q: Fraction) -> tuple[Fraction, int]:
        """The spacing of the format at q, and the floor of |q| in it."""
        exponent = abs(q.numerator).bit_length() - q.denominator.bit_length()
        if abs(q) < Fraction(2) ** exponent:
            exponent -= 1
        spacing = Fraction(2) ** (max(exponent, self.least) - self.bits + 1)
        return spacing, math.floor(abs(q) / spacing)

    def _made(self, q: Fraction, steps: int, spacing: Fraction) -> Fraction:
        found = steps * spacing * (-1 if q < 0 else 1)
        if abs(found) >= Fraction(2) ** (self.most + 1):
            raise Overflow
        return self.read(found)

    def read(self, q: Fraction) -> Fraction:
        return Fraction(0) if self.flush and abs(q) < Fraction(2) ** self.least else q

    def round(self, q: Fraction) -> Fraction:
        """The nearest number; of two equally near ones either."""
        if not q:
            return q
        spacing, steps = self._grid(q)
        rest = abs(q) / spacing - steps
        up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and self.rng.random() < 0.5)
        return self._made(q, steps + up, spacing)

    def held(self, q: Fraction) -> Fraction:
        """A number of the network as the run has it: itself, or one of its neighbours."""
        if not q:
            return q
        spacing, steps = self._grid(q)
        exact = abs(q) == steps * spacing
        return self._made(q, steps if exact else steps + self.rng.randint(0, 1), spacing)

    def dot(self, weights: list[Fraction], values: list[Fraction], bias: Fraction) -> Fraction:
        pairs = [(self.held(w), self.read(x)) for w, x in zip(weights, values, strict=True)]
        bias, kind = self.held(bias), self.rng.randint(0, 3)
        self.rng.shuffle(pairs)
        if self.wide is not None:
            if kind == 0:  # the bias within
                return self.round(self.wide.total([*(self.wide.round(w * x) for w, x in pairs), bias]))
            return self.round(self.round(self.wide.total([Fraction(0), *(self.wide.round(w * x) for w, x in pairs)])) + bias)
        if kind == 0:  # fused, one after the other
            total = bias if self.rng.random() < 0.5 else Fraction(0)
            left = Fraction(0) if total is bias else bias
            for w, x in pairs:
                total = self.round(w * x + total)
            return self.round(total + left)
        if kind == 1:  # a wide accumulator
            return self.round(self.round(sum((w * x for w, x in pairs), Fraction(0))) + bias)
        return self.total([*(self.round(w * x) for w, x in pairs), bias])

    def total(self, parts: list[Fraction]) -> Fraction:
        """A sum along any tree."""
        parts = list(parts)
        while len(parts) > 1:
            self.rng.shuffle(parts)
            parts.append(self.round(parts.pop() + parts.pop()))
        return parts[0]

    def run(self, net: Network, point: list[Fraction]) -> list[Fraction]:
        """All outputs, flat."""
        values: dict[str, Any] = {}
        left = list(point)
        for name in net.inputs:
            size = math.prod(net.shape(name))
            values[name] = _array(left[:size], net.shape(name))
            left = left[size:]
        for name in net.order:
            op, source = net.operation(name), net.operands(name)[:1]
            before = net.operation(source[0]) if source else None
            if isinstance(op, ops.BatchNorm) and isinstance(before, ops.Affine | ops.Conv) and self.rng.random() < 0.5:
                if isinstance(before, ops.Conv) or net.shape(name) == op.mean.shape:
                    values[name] = self._node(self._folded(before, op), [values[net.operands(source[0])[0]]], net.shape(name))
                    continue
            if name not in values:
                values[name] = self._node(net.operation(name), [values[o] for o in net.operands(name)], net.shape(name))
        return [q for name in net.outputs for q in values[name].ravel()]

    def _node(self, op: Any, operands: list[Any], shape: tuple[int, ...]) -> Any:
        x = operands[0] if operands else None
        match op:
            case ops.Constant():
                return _each(self.held, _array(op.value.to_fractions(), shape))
            case ops.Affine():
                rows, biases = op.weight.to_rows(), op.bias.to_fractions()
                vectors = x.reshape(-1, x.shape[-1])
                return _array([self.dot(list(w), list(v), b) for v in vectors for w, b in zip(rows, biases, strict=True)], shape)
            case ops.Conv():
                return self._conv(op, x, shape)
            case ops.BatchNorm():
                return _array([self._norm(op, c, t) for c in range(shape[0]) for t in x[c : c + 1].ravel()], shape)
            case ops.Scale():
                factor = np.broadcast_to(_array(op.factor.to_fractions(), op.factor.shape), shape)
                return _array([self.round(self.held(f) * self.read(t)) for f, t in zip(factor.ravel(), x.ravel(), strict=True)], shape)
            case ops.Add() | ops.Subtract():
                a, b = (np.broadcast_to(v, shape).ravel() for v in operands)
                sign = 1 if isinstance(op, ops.Add) else -1
                return _array([self.round(self.read(p) + sign * self.read(q)) for p, q in zip(a, b, strict=True)], shape)
            case ops.MaxPool():
                return _array([max(self.read(t) for _, t in window) for window in _windows(op, x, shape)], shape)
            case ops.AveragePool():
                return _array([self._mean(op, [t for _, t in window]) for window in _windows(op, x, shape)], shape)
            case ops.PiecewiseLinear():
                return _each(lambda t: self._bent(op, self.read(t)), x)
            case ops.PRelu():
                slopes = op.slopes.to_fractions()
                return _array([self._leaky(slopes[c], self.read(t)) for c in range(shape[0]) for t in x[c : c + 1].ravel()], shape)
            case ops.Reshape():
                return x.reshape(shape)
            case ops.Transpose():
                return x.transpose(op.axes)
            case ops.Slice():
                return x[tuple(slice(*cut) for cut in zip(op.starts, op.stops, op.steps, strict=True))]
            case ops.Gather():
                return x.ravel()[op.index.numerators.ravel().tolist()].reshape(shape)
            case ops.Concat():
                return np.concatenate(operands, axis=op.axis)
        raise AssertionError(op)

    def _conv(self, op: Any, x: Any, shape: tuple[int, ...]) -> Any:
        weight = _array(op.weight.to_fractions(), op.weight.shape)
        width, height, found = op.weight.shape[1], shape[0] // op.groups, []
        for o, bias in enumerate(op.bias.to_fractions()):
            first = o // height * width
            for place in itertools.product(*map(range, shape[1:])):
                terms = [(weight[(o, c, *k)], x[(first + c, *at)]) for c in range(width) for k, at in _taps(op, x.shape[1:], place)]
                found.append(self.dot([w for w, _ in terms], [t for _, t in terms], bias))
        return _array(found, shape)

    def _mean(self, op: Any, entries: list[Fraction]) -> Fraction:
        count = Fraction(math.prod(op.kernel) if op.count_padding else len(entries))
        read = [self.read(t) for t in entries]
        total = self.total(read) if self.wide is None else self.round(self.wide.total(read))
        return self.round(total / count) if self.rng.random() < 0.5 else self.round(total * self.held(1 / count))

    def _folded(self, before: Any, norm: Any) -> Any:
        """The batch norm within the weights, as a runtime does it."""
        scales = [self.round(self._inverse(norm, c) * self.held(w)) for c, w in enumerate(norm.weight.to_fractions())]
        share = math.prod(before.weight.shape[1:])
        weight = [self.round(self.held(w) * scales[i // share]) for i, w in enumerate(before.weight.to_fractions())]
        columns = zip(before.bias.to_fractions(), norm.mean.to_fractions(), norm.bias.to_fractions(), scales, strict=True)
        bias = [self.round(self.round(self.round(self.held(b) - self.held(m)) * s) + self.held(t)) for b, m, t, s in columns]
        made = RationalArray.from_fractions(weight, before.weight.shape), RationalArray.from_fractions(bias, before.bias.shape)
        return dataclasses.replace(before, weight=made[0], bias=made[1])

    def _inverse(self, op: Any, c: int) -> Fraction:
        total = self.round(self.held(op.variance.to_fractions()[c]) + self.held(op.epsilon))
        root = Fraction(math.isqrt(int(total * 4**200)), 2**200)
        inverse = self.round(1 / self.round(root)) * (1 + self.rng.randint(-2, 2) * Fraction(1, 2**self.bits))
        return self.round(inverse)

    def _norm(self, op: Any, c: int, t: Fraction) -> Fraction:
        mean, weight, bias = (self.held(a.to_fractions()[c]) for a in (op.mean, op.weight, op.bias))
        inverse = self._inverse(op, c)
        if self.rng.random() < 0.5:
            return self.round(self.round(self.round(self.round(self.read(t) - mean) * inverse) * weight) + bias)
        scale = self.round(inverse * weight)
        shift = self.round(bias - self.round(mean * scale))
        if self.rng.random() < 0.5:
            return self.round(self.read(t) * scale + shift)
        return self.round(self.round(self.read(t) * scale) + shift)

    def _leaky(self, slope: Fraction, t: Fraction) -> Fraction:
        return t if t >= 0 else self.round(self.held(slope) * t)

    def _bent(self, op: Any, t: Fraction) -> Fraction:
        if op.name == "identity":
            return t
        if op.name in ("relu", "abs"):
            return abs(t) if op.name == "abs" else max(t, Fraction(0))
        if op.name.startswith("clip"):
            low, high = (self.held(at) for at, _ in op.kinks)
            return min(max(t, low), high)
        if op.name.startswith("leaky_relu"):
            return self._leaky(op.slope, t)
        parts = [self.round(self.held(op.slope) * t), self.held(op.constant)]
        for at, jump in op.kinks:
            parts.append(self.round(self.held(jump) * max(self.round(t - self.held(at)), Fraction(0))))
        return self.total(parts)


def _array(entries: Any, shape: tuple[int, ...]) -> Any:
    found = np.empty(math.prod(shape), dtype=object)
    found[:] = list(entries)
    return found.reshape(shape)


def _each(function: Any, x: Any) -> Any:
    return _array([function(t) for t in x.ravel()], x.shape)


def _taps(op: Any, grid: tuple[int, ...], place: tuple[int, ...]) -> Any:
    """The kernel places inside the grid, with the place they read."""
    for k in itertools.product(*map(range, op.kernel)):
        at = tuple(i * s - p + j * d for i, s, (p, _), j, d in zip(place, op.stride, op.padding, k, op.dilation, strict=True))
        if all(0 <= a < n for a, n in zip(at, grid, strict=True)):
            yield k, at


def _windows(op: Any, x: Any, shape: tuple[int, ...]) -> Any:
    for c in range(shape[0]):
        for place in itertools.product(*map(range, shape[1:])):
            yield [(k, x[(c, *at)]) for k, at in _taps(op, x.shape[1:], place)]
