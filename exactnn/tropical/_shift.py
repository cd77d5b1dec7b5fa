"""The denominator that a network's numerators share, by bounds of coefficients: the corrected recursion of TropEx.

    f_j = P_j - Q,    Q(x) = K . x + sum over kinks k of units u with jump p_k:  (-Lo_u p_k if p_k > 0 else -Hi_u p_k) max(z_u - t_k, 0)
                            + sum over windows w of max pooling:  -Lo_w (max of the window - its first entry)

Lo_u <= 0 <= Hi_u bound the coefficient with which the value of u enters any term behind it, of P_j and of Q. Read backwards: with the
terms B . y behind a unit y = phi(z), phi = q z + r + phi+ - phi-, the shift gives  B (q z + r) + (B - Lo) phi+(z) + (Hi - B) phi-(z),
which is convex in z; so all P_j and Q are convex, and Q is one common function. K = -Lo at the inputs makes all exponents non-negative.
Reference: theory/tropical.md section 1, docs/theory.md 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exactnn.cells import Program, StageMap
from exactnn.errors import NotPiecewiseLinear
from exactnn.exact.array import RationalArray, concatenate
from exactnn.network import MaxPool, Network, PiecewiseLinear, PRelu
from exactnn.network.backward import output_rows, sweep
from exactnn.network.operations import along_channels, scattered


@dataclass(frozen=True)
class Shift:
    """bounds[node] = (Lo, Hi), flat, for each activation and pooling node that an output depends on; inputs: K."""

    bounds: dict[str, tuple[RationalArray, RationalArray]]
    inputs: RationalArray


def shift_of(net: Network, *, nonnegative: bool = True) -> Shift:
    """The shift of a piecewise linear network; `nonnegative`: whether the inputs are shifted too.

    Raises NotPiecewiseLinear for a smooth or rational node, which the message names.
    """
    bounds: dict[str, tuple[RationalArray, RationalArray]] = {}
    zeros = RationalArray.zeros((2, net.output_dim))
    # rows 0 and 1: Lo and Hi of what comes from units behind; the others: the outputs themselves, as far as no unit lies between
    seeds = output_rows(net, concatenate([zeros, RationalArray.eye(net.output_dim)]))

    def step(name: str, rows: RationalArray) -> tuple[RationalArray, ...]:
        operation, shapes = net.operation(name), [net.shape(o) for o in net.operands(name)]
        if operation.is_affine:
            outputs = operation.adjoint(rows[2:], *shapes)
            plus, minus = operation.adjoint(rows[:2], *shapes, part=1), operation.adjoint(rows[:2], *shapes, part=-1)
            turned = [m[::-1] for m in minus]
            return tuple(concatenate([p - m, o]) for p, m, o in zip(plus, turned, outputs, strict=True))
        low, high = _interval(rows)
        bounds[name] = (low.reshape(-1), high.reshape(-1))
        if isinstance(operation, (PiecewiseLinear, PRelu)):
            found = _before_unit(operation, low, high)
        elif isinstance(operation, MaxPool):
            found = _before_pool(operation, low, high, shapes[0])
        else:
            kind = getattr(operation, "name", operation.kind)
            raise NotPiecewiseLinear(
                f"node {name!r}: {kind} is not piecewise linear, so that the network is no tropical rational map; "
                "replace it by a piecewise linear function (relu, leaky_relu, clip), or ask about values with net(x) and verify_equal"
            )
        return (concatenate([*found, RationalArray.zeros((len(rows) - 2, *shapes[0]))]),)

    rows = sweep(net, seeds, step)
    parts = [_interval(rows[n])[0].reshape(-1) if n in rows else RationalArray.zeros((int(np.prod(net.shape(n))),)) for n in net.inputs]
    low = concatenate(parts)
    return Shift(bounds, -low if nonnegative else low * 0)


def _interval(rows: RationalArray) -> tuple[RationalArray, RationalArray]:
    """Lo and Hi over all terms: those of the numerators have an output's row in them, those of the denominator none."""
    low, high = rows[0], rows[1]
    if len(rows) > 2:
        low, high = low - (-rows[2:]).max(axis=0).relu(), high + rows[2:].max(axis=0).relu()
    return low, high


def _before_unit(operation: PiecewiseLinear | PRelu, low: RationalArray, high: RationalArray) -> tuple[RationalArray, RationalArray]:
    """Bounds, each (1, *shape), of B q + (B - Lo) s+ + (Hi - B) s- over Lo <= B <= Hi, with the slopes s of phi's pieces."""
    kinks, axes = operation.expansion(), low.ndim
    slope, width = along_channels(kinks.slope, axes), high - low
    plus = minus = RationalArray.of(0)
    ends = [low * slope, high * slope]
    for _, jump in kinks.kinks:
        plus, minus = plus + jump.relu(), minus + (-jump).relu()
        ends += [low * slope + width * along_channels(minus, axes), high * slope + width * along_channels(plus, axes)]
    all_ends = concatenate([e.reshape(1, *low.shape) for e in ends])
    return -(-all_ends).max(axis=0).reshape(1, *low.shape), all_ends.max(axis=0).reshape(1, *low.shape)


def _before_pool(
    operation: MaxPool, low: RationalArray, high: RationalArray, shape: tuple[int, ...]
) -> tuple[RationalArray, RationalArray]:
    """Each window gives each of its entries [0, Hi - Lo], and its first entry Lo more."""
    channels, *spatial = shape
    index = operation.index(tuple(spatial))
    size = int(np.prod(spatial))
    place, offset = np.nonzero(index >= 0)
    width = (high - low).reshape(channels, -1)
    up = scattered(width[:, place], index[place, offset], size)
    down = scattered(low.reshape(channels, -1), first_entries(index), size)
    return down.reshape(1, *shape), (down + up).reshape(1, *shape)


def first_entries(index: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The first entry of each window (places, window) that is not padding."""
    return np.asarray(index[np.arange(len(index)), (index >= 0).argmax(axis=1)])


def denominator_form(program: Program, shift: Shift) -> StageMap:
    """Q as a form of x and the stages of the network's program (its only network)."""
    net = program.nets[0]
    blocks = {0: shift.inputs.reshape(1, -1)}
    for number, stage in enumerate(program.stages, 1):
        if stage.node not in shift.bounds:
            continue
        low, high = (bound[stage.places] for bound in shift.bounds[stage.node])
        operation = net.operation(stage.node)
        if isinstance(operation, (PiecewiseLinear, PRelu)):
            shape = net.shape(stage.node)
            jump = along_channels(operation.expansion().kinks[stage.part][1], len(shape))
            jumps = RationalArray(np.broadcast_to(jump.numerators, shape).ravel()[stage.places], jump.denominator)
            weight = (-jumps).relu() * high - jumps.relu() * low
        else:
            weight = -low
        blocks[number] = weight.reshape(1, -1)
    return StageMap(blocks, RationalArray.zeros((1,)))
