"""Independent judges of equality: they share with the package its network objects, and no algorithm.

`run` interprets a network by loops over any kind of value: Fractions (exact values), `Line` (piecewise linear functions of one
variable), z3 terms, mpmath floats. `same_in_the_plane` compares two functions of at most two variables that have kinks on known lines.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import z3

from exactnn import check
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Concat,
    Constant,
    Conv,
    Gather,
    MaxPool,
    Network,
    PiecewiseLinear,
    PRelu,
    Rational,
    Reshape,
    Scale,
    Slice,
    Smooth,
    Subtract,
    Transpose,
)

Values = list[Any]
Rows = list[tuple[tuple[Fraction, ...], Fraction]]  # inequalities a.x <= b
BITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


def run(net: Network, x: Sequence[Any], positive: Callable[[Any], Any], smooth: Callable[[str, Any], Any] | None = None) -> Values:
    """The flat output at the flat input x, where positive(v) is max(v, 0)."""
    values: dict[str, Values] = {}
    start = 0
    for name in net.inputs:
        size = math.prod(net.shape(name))
        values[name] = list(x[start : start + size])
        start += size
    for name in net.order:
        if name not in values:
            operands = [values[o] for o in net.operands(name)]
            shapes = [net.shape(o) for o in net.operands(name)]
            values[name] = _node(net.operation(name), operands, shapes, net.shape(name), positive, smooth)
    return [v for name in net.outputs for v in values[name]]


def value(net: Network, x: Sequence[Any]) -> tuple[Fraction, ...]:
    """The exact value at a rational point."""
    return tuple(run(net, [Fraction(q) for q in x], lambda v: max(v, Fraction(0))))


def _node(op: Any, args: list[Values], shapes: list[tuple[int, ...]], shape: tuple[int, ...], positive: Any, smooth: Any) -> Values:
    if isinstance(op, Constant):
        return list(op.value.to_fractions())
    a, own = (args[0], shapes[0]) if args else ([], ())
    if isinstance(op, (Add, Subtract)):
        sign = 1 if isinstance(op, Add) else -1
        index = [_spread(s, shape) for s in shapes]
        return [args[0][i] + sign * args[1][j] for i, j in zip(*index, strict=True)]
    if isinstance(op, Affine):
        weight, bias = op.weight.to_fractions(), op.bias.to_fractions()
        n = own[-1]
        rows = [weight[i : i + n] for i in range(0, len(weight), n)]
        return [dot(row, a[k : k + n]) + c for k in range(0, len(a), n) for row, c in zip(rows, bias, strict=True)]
    if isinstance(op, PiecewiseLinear):
        return [_bend(v, op.slope, op.constant, op.kinks, positive) for v in a]
    if isinstance(op, PRelu):
        slopes = op.slopes.to_fractions()
        repeat = math.prod(own[1:])
        return [slopes[i // repeat] * v + (1 - slopes[i // repeat]) * positive(v) for i, v in enumerate(a)]
    if isinstance(op, Smooth):
        return [smooth(op.function, v) for v in a]
    if isinstance(op, Rational):
        return [dot(op.numerator, [v**k for k in range(99)]) / dot(op.denominator, [v**k for k in range(99)]) for v in a]
    if isinstance(op, BatchNorm):
        repeat = math.prod(own[1:])
        tensors = [t.to_fractions() for t in (op.mean, op.variance, op.weight, op.bias)]
        found = []
        for c, (mean, variance, weight, bias) in enumerate(zip(*tensors, strict=True)):
            scale = rounded_quotient(weight, variance + op.epsilon, BITS[op.precision])
            found += [scale * (v - mean) + bias for v in a[c * repeat : (c + 1) * repeat]]
        return found
    if isinstance(op, Scale):
        factors = op.factor.to_fractions()
        return [factors[i] * v for i, v in zip(_spread(op.factor.shape, own), a, strict=True)]
    if isinstance(op, Reshape):
        return list(a)
    if isinstance(op, Transpose):
        return [a[_flat([index[op.axes.index(k)] for k in range(len(own))], own)] for index in _indices(shape)]
    if isinstance(op, Gather):
        return [a[int(place)] for place in op.index.to_fractions()]
    if isinstance(op, Slice):
        return [a[_flat([s + i * d for s, d, i in zip(op.starts, op.steps, index, strict=True)], own)] for index in _indices(shape)]
    if isinstance(op, Concat):
        return [_from_parts(args, shapes, index, op.axis) for index in _indices(shape)]
    if isinstance(op, (Conv, MaxPool, AveragePool)):
        return _windowed(op, a, own, shape, positive)
    raise NotImplementedError(type(op))


def dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    """Sum of products, over the shorter of both."""
    return sum((x * y for x, y in zip(a, b, strict=False)), Fraction(0))


def _bend(v: Any, slope: Fraction, constant: Fraction, kinks: Iterable[tuple[Fraction, Fraction]], positive: Any) -> Any:
    return slope * v + constant + sum((p * positive(v - at) for at, p in kinks), Fraction(0))


def _indices(shape: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    return itertools.product(*map(range, shape))


def _flat(index: Sequence[int], shape: tuple[int, ...]) -> int:
    total = 0
    for i, n in zip(index, shape, strict=True):
        total = total * n + i
    return total


def _spread(own: tuple[int, ...], shape: tuple[int, ...]) -> list[int]:
    """Which flat entry each entry of the broadcast result reads."""
    lead = len(shape) - len(own)
    return [_flat([i if n > 1 else 0 for i, n in zip(index[lead:], own, strict=True)], own) for index in _indices(shape)]


def _from_parts(args: list[Values], shapes: list[tuple[int, ...]], index: tuple[int, ...], axis: int) -> Any:
    place = index[axis]
    for a, shape in zip(args, shapes, strict=True):
        if place < shape[axis]:
            return a[_flat([*index[:axis], place, *index[axis + 1 :]], shape)]
        place -= shape[axis]
    raise AssertionError("an index beyond all parts")


def _windowed(op: Any, a: Values, own: tuple[int, ...], shape: tuple[int, ...], positive: Any) -> Values:
    kernel = tuple(op.weight.shape[2:]) if isinstance(op, Conv) else op.kernel
    dilation = (1,) * len(kernel) if isinstance(op, AveragePool) else op.dilation
    area, found = math.prod(own[1:]), []
    for channel, *place in _indices(shape):
        window = []
        for k in _indices(kernel):
            at = [p * s + i * d - pad[0] for p, s, i, d, pad in zip(place, op.stride, k, dilation, op.padding, strict=True)]
            inside = all(0 <= i < n for i, n in zip(at, own[1:], strict=True))
            window.append(_flat(at, own[1:]) if inside else None)
        if isinstance(op, Conv):
            width = op.weight.shape[1]
            first = channel // (op.weight.shape[0] // op.groups) * width
            weight = op.weight[channel].to_fractions()
            taps = [
                (weight[c * len(window) + k], (first + c) * area + p) for c in range(width) for k, p in enumerate(window) if p is not None
            ]
            found.append(sum((w * a[i] for w, i in taps), op.bias[channel].item()))
            continue
        entries = [a[channel * area + p] for p in window if p is not None]
        if isinstance(op, AveragePool):
            count = len(window) if op.count_padding else len(entries)
            found.append(sum((Fraction(1, count) * v for v in entries), Fraction(0)))
            continue
        best = entries[0]
        for v in entries[1:]:
            best = best + positive(v - best)
        found.append(best)
    return found


def rounded_quotient(weight: Fraction, radicand: Fraction, bits: int) -> Fraction:
    """weight / sqrt(radicand) to the nearest number of that many bits (far from the ends of the format's range)."""
    if not weight:
        return Fraction(0)
    square = weight * weight / radicand
    shift = 400
    root = math.isqrt(square.numerator * 4**shift // square.denominator)
    drop = root.bit_length() - bits
    kept, rest = root >> drop, root & ((1 << drop) - 1)
    half = 1 << (drop - 1)
    exact = root * root * square.denominator == square.numerator * 4**shift
    if rest > half or (rest == half and (not exact or kept & 1)):
        kept += 1
    return Fraction(kept << drop, 1 << shift) * (1 if weight > 0 else -1)


# --- functions of one variable --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A piecewise linear function of one variable: values at increasing places, affine between, slopes beyond both ends."""

    xs: tuple[Fraction, ...]
    ys: tuple[Fraction, ...]
    left: Fraction
    right: Fraction

    @staticmethod
    def identity() -> Line:
        return Line((Fraction(0),), (Fraction(0),), Fraction(1), Fraction(1))

    def at(self, x: Fraction) -> Fraction:
        i = bisect.bisect_left(self.xs, x)
        if i < len(self.xs) and self.xs[i] == x:
            return self.ys[i]
        if i == 0:
            return self.ys[0] + self.left * (x - self.xs[0])
        if i == len(self.xs):
            return self.ys[-1] + self.right * (x - self.xs[-1])
        (x0, x1), (y0, y1) = self.xs[i - 1 : i + 1], self.ys[i - 1 : i + 1]
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)

    def __add__(self, other: Any) -> Line:
        if not isinstance(other, Line):
            return Line(self.xs, tuple(y + other for y in self.ys), self.left, self.right)
        xs = tuple(sorted({*self.xs, *other.xs}))
        return Line(xs, tuple(self.at(x) + other.at(x) for x in xs), self.left + other.left, self.right + other.right)

    __radd__ = __add__

    def __mul__(self, factor: Any) -> Line:
        return Line(self.xs, tuple(y * factor for y in self.ys), self.left * factor, self.right * factor)

    __rmul__ = __mul__

    def __sub__(self, other: Any) -> Line:
        return self + (-1 * other)

    def positive(self) -> Line:
        places = set(self.xs)
        for (x0, y0), (x1, y1) in itertools.pairwise(zip(self.xs, self.ys, strict=True)):
            if y0 * y1 < 0:
                places.add(x0 - y0 * (x1 - x0) / (y1 - y0))
        for x, y, slope, side in ((self.xs[0], self.ys[0], self.left, -1), (self.xs[-1], self.ys[-1], self.right, 1)):
            if slope and (-y / slope) * side > 0:
                places.add(x - y / slope)
        xs = tuple(sorted(places))
        below, above = self.at(xs[0] - 1), self.at(xs[-1] + 1)
        return Line(
            xs,
            tuple(max(self.at(x), Fraction(0)) for x in xs),
            self.left if below > 0 else Fraction(0),
            self.right if above > 0 else Fraction(0),
        )

    def same(self, other: Line, low: Fraction | None, high: Fraction | None) -> bool:
        """Whether both are equal on the interval (None: open end)."""
        gap = self - other
        inside = [x for x in gap.xs if (low is None or x >= low) and (high is None or x <= high)]
        ends = [q for q in (low, high) if q is not None]
        far = ([] if low is not None else [min(gap.xs) - 1]) + ([] if high is not None else [max(gap.xs) + 1])
        return all(gap.at(x) == 0 for x in (*inside, *ends, *far))


def as_lines(net: Network) -> list[Line]:
    """The outputs of a network of one variable."""
    zero = Line.identity() * Fraction(0)
    found = run(net, [Line.identity()], lambda v: v.positive() if isinstance(v, Line) else max(v, Fraction(0)))
    return [zero + v for v in found]


def same_on_the_line(f: Network, g: Network, low: Fraction | None = None, high: Fraction | None = None) -> bool:
    """Whether two networks of one variable agree on an interval."""
    return all(a.same(b, low, high) for a, b in zip(as_lines(f), as_lines(g), strict=True))


# --- functions of at most two variables with kinks on known lines ---------------------------------------------------------


def same_in_the_plane(f: Network, g: Network, lines: Iterable[tuple[Fraction, ...]], domain: Rows = ()) -> bool | None:  # type: ignore[assignment]
    """Whether f = g on {x : a.x <= b}, both affine off the lines (w_1, w_2, b): w.x + b = 0; None if the domain is empty.

    The lines, the domain's edges and a box around everything cut the domain into polygons with vertices among all crossings;
    both are affine on each, so that they agree exactly if they agree at these vertices. Unbounded cells reach into the box.
    """
    cuts = {tuple(line) for line in lines if any(line[:-1])} | {(*a, -b) for a, b in domain if any(a)}
    if any(not any(a) and b < 0 for a, b in domain):
        return None
    dimension = f.input_dim
    near = [*_crossings(cuts, dimension), *(_foot(c) for c in cuts), (Fraction(0),) * dimension]
    reach = 1 + max(abs(q) for p in near for q in p)
    box = [(tuple(Fraction(s * (i == j)) for i in range(dimension)), reach) for j in range(dimension) for s in (1, -1)]
    cuts |= {(*a, -b) for a, b in box}
    corners = [p for p in _crossings(cuts, dimension) if inside(p, [*domain, *box])]
    return all(value(f, p) == value(g, p) for p in corners) if corners else None


def _crossings(cuts: Iterable[tuple[Fraction, ...]], dimension: int) -> list[tuple[Fraction, ...]]:
    if dimension == 1:
        return [(-b / w,) for w, b in cuts]
    found = []
    for (a, b, c), (d, e, h) in itertools.combinations(list(cuts), 2):
        determinant = a * e - b * d
        if determinant:
            found.append(((b * h - c * e) / determinant, (c * d - a * h) / determinant))
    return found


def _foot(cut: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """The point of a line nearest to 0."""
    square = sum(w * w for w in cut[:-1])
    return tuple(-cut[-1] * w / square for w in cut[:-1])


def inside(x: Sequence[Fraction], rows: Rows) -> bool:
    """Whether a.x <= b for all rows."""
    return all(dot(a, x) <= b for a, b in rows)


# --- verdicts -------------------------------------------------------------------------------------------------------------


def assert_sound(verdict: Any, f: Network, g: Network | None = None, domain: Rows = (), tolerance: Any = 0) -> str:  # type: ignore[assignment]
    """The status; a counterexample lies in the domain and its values differ, by `value`; the checker accepts a certificate."""
    if verdict.unknown:
        assert verdict.reason
        assert verdict.certificate is None
        assert verdict.counterexample is None
        return "unknown"
    if verdict.refuted:
        x = verdict.counterexample
        assert all(isinstance(q, Fraction) for q in x)
        assert len(x) == f.input_dim
        assert inside(x, domain)
        left = value(f, x)
        right = value(g, x) if g is not None else (Fraction(0),) * len(left)
        assert any(abs(a - b) > Fraction(tolerance) for a, b in zip(left, right, strict=True))
        assert verdict.values == (left, right)
    assert check(verdict.certificate)
    return str(verdict.status)


# --- z3 -------------------------------------------------------------------------------------------------------------------


def z3_differ(f: Network, g: Network, domain: Rows = (), tolerance: Fraction = Fraction(0), milliseconds: int = 20_000) -> bool | None:  # type: ignore[assignment]
    """Whether z3 finds a point of the domain where some output differs by more than the tolerance; None if it gives up."""
    solver = z3.Solver()
    solver.set("timeout", milliseconds)
    x = [z3.Real(f"x{k}") for k in range(f.input_dim)]
    for a, b in domain:
        solver.add(sum((_q(c) * v for c, v in zip(a, x, strict=True)), z3.RealVal(0)) <= _q(b))
    outputs = []
    for net in (f, g):
        outputs.append(run(net, [_Term(v) for v in x], _positive_term))
    gaps = [_as_term(a - b) for a, b in zip(*outputs, strict=True)]
    solver.add(z3.Or([z3.Or(gap > _q(tolerance), gap < -_q(tolerance)) for gap in gaps]))
    answer = solver.check()
    return None if answer == z3.unknown else answer == z3.sat


def _q(value: Fraction) -> Any:
    value = Fraction(value)
    return z3.Q(value.numerator, value.denominator)


@dataclass(frozen=True)
class _Term:
    """A z3 term that Fractions can be added to and multiplied by."""

    term: Any

    def __add__(self, other: Any) -> _Term:
        return _Term(self.term + _as_term(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> _Term:
        return _Term(self.term - _as_term(other))

    def __rsub__(self, other: Any) -> _Term:
        return _Term(_as_term(other) - self.term)

    def __mul__(self, other: Any) -> _Term:
        return _Term(self.term * _as_term(other))

    __rmul__ = __mul__


def _as_term(value: Any) -> Any:
    return value.term if isinstance(value, _Term) else _q(value)


def _positive_term(value: Any) -> Any:
    return _Term(z3.If(value.term > 0, value.term, _q(Fraction(0)))) if isinstance(value, _Term) else max(value, Fraction(0))
