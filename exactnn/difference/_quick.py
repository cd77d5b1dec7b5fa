"""The pass in float64: enough for what is clearly within a tolerance, and many times faster than in integers.

For two chains of affine maps and rectifiers. Each interval is made wider than all that float64 rounds, and by more than the unit 2^-bits
that the exact pass rounds once for each node. The rules of that pass give wider intervals for wider ones, so that node by node the
intervals here contain those of the exact pass: what they say is true, and the checker, which repeats the exact pass, finds no more.

References: docs/theory.md 17.
"""

from __future__ import annotations

import math

import numpy as np

from exactnn.difference._folding import folded
from exactnn.difference._pass import BITS, NotBounded, Work
from exactnn.difference._stages import LARGEST, ROUND, Floats
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box
from exactnn.network import Affine, Network, Reshape, relu
from exactnn.network.operations import Operation, Shape

_RELU = relu()
_UNIT = 2.0 ** (1 - BITS)  # twice what the exact pass rounds; underflows are far below it


def quick_bound(f: Network, g: Network, box: Box, clock: Clock) -> float | None:
    """A number that no bound of f_j(x) - g_j(x) on the box by the exact pass exceeds; None for other networks, or beyond float64.

    Examples
    --------
    >>> from exactnn import mlp
    >>> f, g = (mlp([([[1], [c]], [0, 0]), ([[1, 1]], [0])]) for c in (-1, "-3/4"))
    >>> 0 <= quick_bound(f, g, Box([-1], [1]), Clock(None)) - 1 / 4 < 1e-14
    True
    """
    try:
        work = Work(clock, BITS)
        first, second = _chain(f, work, 2), _chain(g, work, 1)
        if [_structure(*node) for node in first] != [_structure(*node) for node in second]:
            return None
        with np.errstate(over="ignore", invalid="ignore"):  # seen by _outward
            return _largest([(a, b) for (a, _), (b, _) in zip(first, second, strict=True)], box)
    except NotBounded:
        return None


def _chain(net: Network, work: Work, times: int) -> list[tuple[Operation, Shape]]:
    """The affine maps and rectifiers from the input to the output, with the shapes of their values. NotBounded for other networks."""
    if len(net.inputs) > 1 or len(net.outputs) > 1:
        raise NotBounded("only chains are walked in floats")
    nodes, (name,) = folded(net), net.outputs
    found: list[tuple[Operation, Shape]] = []
    while name not in net.inputs:
        operation, operands = nodes[name]
        for _ in range(times):
            work.spend(operation, net.shape(name))
        if isinstance(operation, Affine) and operation.weight.shape[1] != math.prod(net.shape(operands[0])):
            raise NotBounded("an affine map of many vectors is not walked in floats")
        if isinstance(operation, Affine) or operation == _RELU:
            found.append((operation, net.shape(name)))
        elif not isinstance(operation, Reshape):
            raise NotBounded("only affine maps and rectifiers are walked in floats")
        (name,) = operands
    return found[::-1]


def _structure(operation: Operation, shape: Shape) -> tuple[object, ...]:
    return type(operation), shape, operation.weight.shape if isinstance(operation, Affine) else ()


def _largest(pairs: list[tuple[Operation, Operation]], box: Box) -> float:
    """The pass; values are kept as lower bounds (l, -u), as in `Ends`."""
    low, high = (side.to_float() for side in box.bounds)
    x = y = _outward(np.stack([low, -high]))
    d = np.zeros_like(x)
    for first, second in pairs:
        if isinstance(first, Affine):
            assert isinstance(second, Affine)
            x, y, d = _affine(first, second, x, y, d)
        else:
            d = _rectified_apart(x, y, d)
            x, y = (np.stack([np.maximum(v[0], 0), np.minimum(v[1], 0)]) for v in (x, y))
        d = np.maximum(d, _outward(x + y[::-1]))
    return float((-d).max())


def _affine(a: Affine, b: Affine, x: Floats, y: Floats, d: Floats) -> tuple[Floats, Floats, Floats]:
    """W h + c, V k + e, and (W - V) h + V (h - k) + (c - e), each as centre +- reach."""
    (W, size_W), (c, size_c), (V, size_V), (e, size_e) = (_rounded(v) for v in (a.weight, a.bias, b.weight, b.bias))
    (xc, xr), (yc, yr), (dc, dr) = (_centred(v) for v in (x, y, d))
    own, wide = W @ xc + c, size_W @ xr
    other, apart = V @ np.stack([yc, dc], axis=1), size_V @ np.concatenate([yr, dr], axis=1)
    D, change = W - V, c - e
    moved = D @ xc
    far = np.abs(D, out=D) @ xr
    # sums of so many terms, twice what is needed: 2^-53 for each of their roundings, for those of the weights, and a few more
    loss = 2 * (W.shape[1] + 16) * ROUND
    kept = 4 * ROUND * (wide[:, 1] + size_c)  # D and c - e are differences of rounded numbers
    return (
        _around(own, wide[:, 0] + loss * (wide[:, 1] + size_c)),
        _around(other[:, 0] + e, apart[:, 0] + loss * (apart[:, 1] + size_e)),
        _around(moved + other[:, 1] + change, far[:, 0] + apart[:, 2] + loss * (far[:, 1] + apart[:, 3] + np.abs(change)) + kept),
    )


def _rounded(a: RationalArray) -> tuple[Floats, Floats]:
    """The nearest floats, off by 2^-53 of their sizes, and these sizes."""
    if max(a.denominator, a.bound) >= int(LARGEST):
        raise NotBounded("a number of a network may be beyond the range of float64")
    return a.to_rounded()


def _centred(v: Floats) -> tuple[Floats, Floats]:
    """A centre; how far the interval reaches from it, and no less than the size of its numbers, as columns."""
    low, high = v[0], -v[1]
    centre = (low + high) / 2
    reach = np.maximum(high - centre, centre - low) * (1 + 4 * ROUND)
    return centre, np.stack([reach, np.abs(centre) + reach], axis=1)


def _around(centre: Floats, reach: Floats) -> Floats:
    return _outward(np.stack([centre - reach, -centre - reach]))


def _outward(v: Floats) -> Floats:
    """Lower bounds that were rounded once or twice, and what the exact pass rounds."""
    found = v - (np.abs(v) * (4 * ROUND) + _UNIT)
    if not np.abs(found).max(initial=0) < LARGEST:
        raise NotBounded("a value of a network may be beyond the range of float64")
    return found


def _rectified_apart(x: Floats, y: Floats, d: Floats) -> Floats:
    """max(a, 0) - max(b, 0) as `Unit.step` bounds it: at d = dl with a = l or b = l' where dl >= 0, else with a = u or b = u'."""
    low, high = np.stack([x[0], y[0]]), -np.stack([x[1], y[1]])  # for the other bound, on b - a, they change places
    up = np.maximum(np.minimum(d, np.maximum(low, 0)), np.minimum(d, np.maximum(low[::-1] + d, 0)))
    down = np.maximum(np.maximum(d, np.minimum(d - high, 0)), np.maximum(d, np.minimum(-high[::-1], 0)))
    return _outward(np.where(d >= 0, up, down))
