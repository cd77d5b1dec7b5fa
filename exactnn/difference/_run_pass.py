"""One pass over a network: an interval for each exact value, and a bound on its error in a float run.

Every node has lo <= h <= hi for its exact values on the box and |run - h| <= e. With m = max(|lo|, |hi|), lambda the smallest normal
number, e + lambda in place of e wherever numbers are read, |W~| = |W| + dW the weights as a run may have them, and gamma_k = k u/(1 - k u),

    e' = |W~| e + dW m + db + gamma_{n+1} S + 2 (n + 1) lambda (1 + gamma_{n+1}),      S = |W~| (m + e) + |b| + db

bounds an affine map of n terms, in any order of summation, fused or not; there is no bound where S with its roundings may exceed the
largest number. lo, hi and e are rounded outwards to multiples of 2^-BITS after each node, everything between is exact, so that the checker
finds the same numbers. The other rules, and why: ../../docs/theory.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn import network as ops
from exactnn.difference._run_format import Format, largest_of
from exactnn.errors import DomainError, NotPiecewiseLinear
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import Clock
from exactnn.exact.progress import counted
from exactnn.exact.rounding import FORMATS
from exactnn.network import Network, Operation

#: bits behind the binary point of all numbers that are kept
BITS = 128
#: roundings of a batch norm that is run as it stands: 9 for the scale, 5 for what it multiplies, 2 to spare
_NORM = 16
#: roundings of a piecewise linear function of any form, without one for each kink: 10 and 6 to spare
_BENT = 16


@dataclass(frozen=True)
class Parts:
    """Of an affine map or convolution: what a batch norm behind it needs where a runtime folds it in.

    passed: the errors that the weights pass on; whole: |W~| (m + e) + |b~|; terms: their number; reach: a bound on the sum of the sizes of
    what an entry reads; heaviest: the largest |w~|.
    """

    passed: RationalArray
    whole: RationalArray
    terms: int
    reach: Fraction
    heaviest: Fraction


@dataclass(frozen=True)
class State:
    """lo <= exact values <= hi, |run - exact| <= error, each of the node's shape."""

    lo: RationalArray
    hi: RationalArray
    error: RationalArray
    parts: Parts | None = None

    @property
    def size(self) -> RationalArray:
        """The largest absolute value that each exact value may have."""
        return self.hi.maximum(-self.lo)


def run_bounds(net: Network, lower: RationalArray, upper: RationalArray, form: Format, clock: Clock) -> tuple[Fraction, ...]:
    """A bound for each flat output on |run - exact| over the box, the inputs being numbers of the format; the clock is asked at each node.

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1, 1]], [0])])
    >>> (bound,) = run_bounds(net, RationalArray.of([-1, -1]), RationalArray.of([1, 1]), Format.of("float32"), Clock())
    >>> float(bound) / 2**-24 < 6.1
    True
    """
    states: dict[str, State] = {}
    start = 0
    for name in net.inputs:
        shape = net.shape(name)
        part = slice(start, start + math.prod(shape))
        start = part.stop
        states[name] = _outward(lower[part].reshape(*shape), upper[part].reshape(*shape), RationalArray.zeros(shape))
    nodes = [name for name in net.order if name not in states]
    for done, name in enumerate(counted("rounding errors layer by layer", nodes, unit="nodes")):
        clock.check(f"{done} of {len(nodes)} nodes were bounded")
        operation = net.operation(name)
        rule = _RULES.get(type(operation))
        if rule is None:
            raise NotPiecewiseLinear(
                f"net: node {name!r} is a {operation.kind}, whose formula in a run is not known; a piecewise linear network is needed"
            )
        states[name] = rule(_Node(form, name, operation), *(states[o] for o in net.operands(name)))
    return tuple(q for name in net.outputs for q in states[name].error.to_fractions())


@dataclass(frozen=True)
class _Node:
    """What a rule knows about its node."""

    form: Format
    name: str
    operation: Any

    def gamma(self, roundings: int) -> Fraction:
        return self.form.gamma(roundings, self.name)

    def loss(self, array: RationalArray) -> RationalArray:
        found = self.form.losses(array, self.name)
        return RationalArray.zeros(array.shape) if found is None else found

    def read(self, state: State) -> RationalArray:
        """The error of what is read, flushed to zero as it may be."""
        return state.error + self.form.smallest

    def fits(self, sizes: RationalArray) -> None:
        """DomainError unless all these sizes are at most the largest number."""
        largest = self.form.largest
        if sizes.exceeds(largest).any():
            raise DomainError(
                f"domain: at node {self.name!r} numbers may exceed the largest one of {self.form.name}, about {float(largest):.4g}, "
                "so that there is no bound; take a smaller domain or a wider dtype"
            )


def _outward(lo: RationalArray, hi: RationalArray, error: RationalArray) -> State:
    return State(-_up(-lo), _up(hi), _up(error))


def _up(values: RationalArray) -> RationalArray:
    """The least multiples of 2^-BITS that are not below."""
    top = values.numerators.astype(object)
    return RationalArray(np.asarray(-((-top * (1 << BITS)) // values.denominator), dtype=object).reshape(values.shape), 1 << BITS)


def _magnitude(values: RationalArray) -> RationalArray:
    return values.maximum(-values)


def _batch(*arrays: RationalArray) -> RationalArray:
    return concatenate([a.reshape(1, *a.shape) for a in arrays])


# --- one rule for each operation ---------------------------------------------------------------------------------------------------


def _constant(node: _Node) -> State:
    value = node.operation.value
    return _outward(value, value, node.loss(value))


def _linear(node: _Node, x: State) -> State:
    operation = node.operation
    weight, bias = operation.weight, operation.bias
    terms = math.prod(weight.shape[1:])
    gamma, least = node.form.gamma_of_sum(terms + 1, 1, node.name), node.form.smallest
    lost, bias_lost = node.form.losses(weight, node.name), node.loss(bias)
    wide = _magnitude(weight) if lost is None else _magnitude(weight) + lost
    error, size = node.read(x), x.size

    def applied(by: RationalArray, *values: RationalArray) -> RationalArray:
        return replace(operation, weight=by, bias=RationalArray.zeros(bias.shape)).evaluate(_batch(*values))  # type: ignore[no-any-return]

    middle = applied(weight, (x.lo + x.hi) / 2)[0]
    radius, passed, whole = (applied(wide, (x.hi - x.lo) / 2, error, size + error)[i] for i in range(3))

    def shaped(by_channel: RationalArray) -> RationalArray:
        return by_channel if isinstance(operation, ops.Affine) else _along(by_channel, middle.ndim)

    whole = whole + shaped(_magnitude(bias) + bias_lost)
    passed = passed + shaped(bias_lost)
    if lost is not None:
        passed = passed + applied(lost, size)[0]
    flushed = 2 * (terms + 1) * least * (1 + gamma)
    node.fits(whole * (1 + gamma) + flushed)
    middle = middle + shaped(bias)
    state = _outward(middle - radius, middle + radius, passed + whole * gamma + flushed)
    return replace(state, parts=Parts(passed, whole, terms, terms * _largest(size + error), _largest(wide)))


def _largest(values: RationalArray) -> Fraction:
    return values.reshape(-1).max(0).item()


def _along(values: RationalArray, ndim: int) -> RationalArray:
    """One number for each channel (axis 0)."""
    return values.reshape(values.shape[0], *(1,) * (ndim - 1))


def _normalised(node: _Node, x: State) -> State:
    """s = w / sqrt(v + epsilon), rounded in the exact network; T >= |s| before that rounding, d what the rounding changed."""
    operation, form = node.operation, node.form
    gamma, least = node.gamma(_NORM), form.smallest
    sums = operation.variance + operation.epsilon
    if (operation.variance.sign() < 0).any() or operation.epsilon < 0 or not all(q >= least / form.unit for q in sums.to_fractions()):
        raise DomainError(
            f"net: batch norm {node.name!r} needs variance >= 0, epsilon >= 0 and their sum at least {float(least / form.unit):.3g}; "
            "else a run has no bound"
        )
    parameters = (operation.mean, operation.weight, operation.bias, sums)
    for array in parameters:
        node.fits(2 * _magnitude_of(array))
    bits, lowest, _ = FORMATS[operation.precision]
    scale = _magnitude(operation.scale)
    change = scale * Fraction(2, 1 << bits) + Fraction(2) ** (lowest - bits + 2)
    root = RationalArray.from_fractions([1 + 1 / q for q in sums.to_fractions()], sums.shape)  # >= 1 / sqrt(v + epsilon)
    ndim = x.lo.ndim
    scale, change, root, mean, bias = (
        _along(a, ndim) for a in (scale + change, change, root, _magnitude(operation.mean), _magnitude(operation.bias))
    )
    error, size = node.read(x), x.size
    apart = size + error + mean
    flushed = (root * (apart + 1) + scale + 1) * (8 * least * (1 + gamma))
    node.fits((apart * (scale + root) + bias) * (1 + gamma) + flushed)
    found = error * scale + change * (size + mean) + (apart * scale + bias) * gamma + flushed
    if x.parts is not None:  # folded into what it reads, or not
        parts = x.parts
        folded = form.gamma_of_sum(parts.terms + 1 + _NORM, 1 + _NORM, node.name)
        whole = (parts.whole + mean) * scale + bias
        flushed = ((root * (parts.whole + mean + 1) + scale + 1) * 8 + 4 * (parts.terms + 1 + parts.reach)) * (least * (1 + folded))
        node.fits((whole + scale * parts.heaviest) * (1 + folded) + flushed)
        found = found.maximum(parts.passed * scale + change * (size + mean) + whole * folded + flushed)
    ends = operation.evaluate(_batch(x.lo, x.hi))
    return _outward(-(-ends[0]).maximum(-ends[1]), ends[0].maximum(ends[1]), found)


def _magnitude_of(array: RationalArray) -> RationalArray:
    return _magnitude(array.reshape(-1))


def _scaled(node: _Node, x: State) -> State:
    factor, form = node.operation.factor, node.form
    lost = node.loss(factor)
    wide, gamma = _magnitude(factor) + lost, form.gamma_of_sum(1, 1, node.name)
    error, size, flushed = node.read(x), x.size, 2 * form.smallest * (1 + gamma)
    whole = (size + error) * wide
    node.fits(whole * (1 + gamma) + flushed)
    middle, radius = factor * (x.lo + x.hi) / 2, wide * (x.hi - x.lo) / 2
    return _outward(middle - radius, middle + radius, error * wide + size * lost + whole * gamma + flushed)


def _summed(node: _Node, a: State, b: State) -> State:
    if isinstance(node.operation, ops.Subtract):
        b = State(-b.hi, -b.lo, b.error)
    parts = ((x.lo, x.hi, node.read(x), x.size + node.read(x)) for x in (a, b))
    lo, hi, error, whole = (ops.Add().evaluate(_batch(p), _batch(q))[0] for p, q in zip(*parts, strict=True))
    gamma = node.form.gamma_of_sum(1, 1, node.name)
    flushed = 2 * node.form.smallest * (1 + gamma)
    node.fits(whole * (1 + gamma) + flushed)
    return _outward(lo, hi, error + whole * gamma + flushed)


def _averaged(node: _Node, x: State) -> State:
    operation, form = node.operation, node.form
    terms = math.prod(operation.kernel)
    gamma, error = form.gamma_of_sum(terms, 1, node.name), node.read(x)
    flushed = 2 * terms * form.smallest * (1 + gamma)
    means = operation.evaluate(_batch(x.lo, x.hi, error, x.size, x.size + error))
    counts = RationalArray.of([terms])
    if not operation.count_padding:  # how many places of each window are no padding
        counts = replace(operation, count_padding=True).evaluate(_batch(x.size * 0 + 1))[0] * terms
    relative = RationalArray.from_fractions([c * form.loss(1 / c, node.name) for c in counts.to_fractions()], counts.shape)
    passed, whole = means[2] + relative * (means[2] + means[3]), means[4] + relative * means[4]
    node.fits(whole * terms * (1 + gamma) + flushed)
    middle, radius = (means[0] + means[1]) / 2, (means[1] - means[0]) / 2
    radius = radius + relative * radius
    return _outward(middle - radius, middle + radius, passed + whole * gamma + flushed)


def _greatest(node: _Node, x: State) -> State:
    lo, hi, error = (node.operation.evaluate(_batch(x.lo, x.hi, node.read(x)))[i] for i in range(3))
    return _outward(lo, hi, error)


def _moved(node: _Node, *operands: State) -> State:
    found = node.operation.evaluate(*(_batch(x.lo, x.hi, x.error) for x in operands))
    return State(found[0], found[1], found[2])


def _bent(node: _Node, x: State) -> State:
    """phi(t) = q t + r + sum p max(t - k, 0): three rules, by what a run has to compute."""
    operation, form = node.operation, node.form
    slopes, parts = [operation.slope], [operation.constant]
    for at, jump in operation.kinks:
        slopes.append(slopes[-1] + jump)
        parts.append(parts[-1] - jump * at)
    steepest, least = largest_of(abs(s) for s in slopes), form.smallest
    error, size = node.read(x), x.size
    if all(s == 0 or (abs(s) == 1 and not c) for s, c in zip(slopes, parts, strict=True)):  # x, -x or a constant: relu, abs, clip
        rounded = largest_of(form.loss(c, node.name) for s, c in zip(slopes, parts, strict=True) if not s)
        least_value, most_value = _range(node, x.lo - error, x.hi + error)  # both values lie between: nothing is left of a unit that is off
        found = -(-error * steepest).maximum(least_value - most_value) + rounded
    elif not operation.constant and all(not at for at, _ in operation.kinks):  # x times one of two numbers: leaky relu
        whole = (size + error) * largest_of(abs(s) for s in slopes if s not in (0, 1, -1))
        found = error * steepest + whole * node.gamma(3) + (size + error + 1) * (2 * least)
        node.fits(whole * (1 + node.gamma(3)) + (size + error + 1) * (2 * least))
    else:
        count = len(operation.kinks)
        steep = abs(operation.slope) + sum(abs(p) for _, p in operation.kinks)
        fixed = abs(operation.constant) + sum(abs(p * k) for k, p in operation.kinks)
        places = sum((abs(k) for k, _ in operation.kinks), Fraction(0))
        gamma = node.gamma(_BENT + count)
        whole = (size + error) * steep + fixed
        flushed = (size + error + (1 + steep + places)) * (8 * (count + 1) * least)
        node.fits(whole * (1 + gamma) + flushed + (size + error) + places)
        found = error * steepest + whole * gamma + flushed
    return _outward(*_range(node, x.lo, x.hi), found)


def _channels_bent(node: _Node, x: State) -> State:
    slopes = node.operation.slopes
    rounded = [q not in (0, 1, -1) for q in slopes.to_fractions()]
    steepest, own = _along(_magnitude(slopes).maximum(1), x.lo.ndim), _along(_magnitude(slopes), x.lo.ndim)
    chosen = _along(RationalArray.of([int(r) for r in rounded]), x.lo.ndim)
    error, size, gamma, least = node.read(x), x.size, node.gamma(3), node.form.smallest
    flushed = (size + error + 1) * (2 * least)
    whole = (size + error) * own
    node.fits((whole * (1 + gamma) + flushed) * chosen)
    return _outward(*_range(node, x.lo, x.hi), error * steepest + (whole * gamma + flushed) * chosen)


def _range(node: _Node, lo: RationalArray, hi: RationalArray) -> tuple[RationalArray, RationalArray]:
    """The least and the largest value between lo and hi, which are taken at an end or at a kink."""
    operation = node.operation
    kinks = [at for at, _ in operation.kinks] if isinstance(operation, ops.PiecewiseLinear) else [Fraction(0)]
    values = operation.evaluate(_batch(lo, hi, *(-(-lo.maximum(k)).maximum(-hi) for k in kinks)))
    return -(-values).max(0), values.max(0)


_RULES: dict[type[Operation], Callable[..., State]] = {
    ops.Constant: _constant,
    ops.Affine: _linear,
    ops.Conv: _linear,
    ops.BatchNorm: _normalised,
    ops.Scale: _scaled,
    ops.Add: _summed,
    ops.Subtract: _summed,
    ops.AveragePool: _averaged,
    ops.MaxPool: _greatest,
    ops.PiecewiseLinear: _bent,
    ops.PRelu: _channels_bent,
    ops.Reshape: _moved,
    ops.Transpose: _moved,
    ops.Slice: _moved,
    ops.Gather: _moved,
    ops.Concat: _moved,
}
