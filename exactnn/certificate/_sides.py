"""The two sides of equations (claim "identity"), computed again: exactly, or in balls where something transcendental enters.

Sound: both sides are computed exactly or in intervals that hold them.
"""

from __future__ import annotations

from fractions import Fraction
from math import factorial, prod
from typing import Any

from . import _budget
from ._balls import Ball, Series, added, exponential, largest, logsumexp, multiplied, scaled, softmax, summed
from ._broadcast import broadcast
from ._claim_points import Identity
from ._common import pack
from ._evaluate import Numbers
from ._gradient import field_of, gradients
from ._identity import MOVING, Equations, Expression
from ._intervals import precision
from ._meaning import bits as bits_of
from ._meaning import steps
from ._network import Network
from ._numbers import Tensor, index, mapping, need
from ._walk import walk

_COST, _LONG = 2**11, 2**9  # of an exponential, and bits of it that cost no more


def check_sides(claim: Identity, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """Proved: all equations hold; refuted: one certainly fails in the entry named."""
    refuted = claim.answer == "refuted"
    mapping(evidence, "evidence", ("method", "bits", *(("equation", "entry") if refuted else ())))
    stated = claim.equations
    need(stated.points.shape[1] == f.input_size, "claim: points", f"{stated.points.shape[1]} entries for {f.input_size} inputs")
    values = Values(stated, {"f": f} if g is None else {"f": f, "g": g}, precision(evidence["bits"]))
    chosen = [index(evidence["equation"], len(stated.triples), "equation")] if refuted else range(len(stated.triples))
    for i in chosen:
        left, relation, right = stated.triples[i]
        step = f"equation {i}"
        (gap,) = added(values.at(left, step), values.at(right, step), True, step)
        low, high = (end.fractions() for end in gap.ends())
        if refuted:
            k = index(evidence["entry"], len(low), "entry")
            apart = low[k] > claim.tolerance or (relation == "=" and high[k] < -claim.tolerance)
            need(apart, step, "the two sides are not shown to differ in that entry")
        else:
            inside = max(high) <= claim.tolerance and (relation == "<=" or min(low) >= -claim.tolerance)
            need(inside, step, "it is not shown to hold: in some entry the sides are, or may be, too far apart")


class Values:
    """The values of expressions."""

    def __init__(self, stated: Equations, networks: dict[str, Network], bits: int) -> None:
        self._networks, self._bits = networks, bits
        count, size = stated.points.shape
        _budget.hold(3 * count * size, "claim: points")
        flat = stated.points.fractions()
        self._points = [flat[i * size : (i + 1) * size] for i in range(count)]
        self._traces: dict[str, list[list[Tensor]]] = {}
        self._gradients: dict[tuple[str, int], dict[tuple[int, str], Ball]] = {}
        self._known: dict[tuple[int, int], Series] = {}

    def at(self, e: Expression, step: str) -> Series:
        """The value at t = 0, as a series of one term."""
        return self._series(e, 0, step)[:1]

    def _series(self, e: Expression, order: int, step: str) -> Series:
        """Coefficients up to t^order; one where there is no t."""
        order = order if e.moves else 0
        if (id(e), order) not in self._known:
            self._known[id(e), order] = [c.rounded(self._bits) for c in self._found(e, order, step)]
        return self._known[id(e), order]

    def _found(self, e: Expression, order: int, step: str) -> Series:
        if e.kind == "number":
            return [Ball(e.given[0])]
        if e.kind == MOVING:
            return [Ball(Tensor((), [int(k == 1)], 1)) for k in range(order + 1)]
        if e.kind in ("output", "parameter", "gradient"):
            return [self._of_network(e, step)]
        if e.kind == "derivative":
            wanted = e.given[0]
            found = self._series(e.parts[0], wanted, step)
            return [scaled(found[wanted], Fraction(factorial(wanted))) if wanted < len(found) else scaled(found[0], Fraction(0))]
        values = [self._series(part, order, step) for part in e.parts]
        self._charge(e.kind, values, step)
        return self._combined(e, values, order, step)

    def _charge(self, kind: str, values: list[Series], step: str) -> None:
        """What an operation costs, before it is made."""
        widest: tuple[int, ...] = ()
        for value in values:
            widest = broadcast(widest, value[0].shape, step)
        long, entries = [_longest(value) for value in values], prod(widest) * max(map(len, values)) ** 2
        words = 1
        for n in long if kind == "*" else (max(long),):
            words *= _budget.words(n)
        _budget.charge(4 * len(values) * entries * words, step)
        parts = 1 if all(c.radius is None for value in values for c in value) else 2
        _budget.hold(parts * entries * _budget.words(sum(long) if kind == "*" else max(long)), step)
        if kind in ("exp", "logsumexp", "softmax"):
            _budget.charge(prod(widest) * _COST * (1 + self._bits // _LONG) ** 2, step)

    def _combined(self, e: Expression, values: list[Series], order: int, step: str) -> Series:
        kind, result = e.kind, values[0]
        if kind in ("exp", "logsumexp", "softmax"):
            return {"exp": exponential, "logsumexp": logsumexp, "softmax": softmax}[kind](result, self._bits, step)
        if kind == "sum":
            axes = e.given[0] if e.given else None
            need(axes is None or max(axes) < len(result[0].shape), step, "there is no such axis")
            return [c.mapped(lambda t: summed(t, axes)) for c in result]
        if kind == "reshape":
            shape = e.given[0]
            need(prod(shape) == prod(result[0].shape), step, f"{list(result[0].shape)} cannot become {list(shape)}")
            return [c.mapped(lambda t: t._replace(shape=shape)) for c in result]
        if kind == "max":
            need(len(result) == 1, step, "a maximum of what depends on t")
            return [largest(result[0], step)]
        for other in values[1:]:
            if kind == "*":
                self._charge(kind, [result, other], step)
                result = [c.rounded(self._bits) for c in multiplied(result, other, order, step)]
            else:
                result = added(result, other, kind == "-", step)
        return result

    def _of_network(self, e: Expression, step: str) -> Ball:
        name, network = e.given[0], self._networks[e.given[0]]
        if e.kind == "parameter":
            return Ball(network.nodes[field_of(network, e.given[1], e.given[2], step)].fields[e.given[2]])
        if name not in self._traces:
            program = tuple(steps(network))
            _budget.charge(100 * len(self._points) * len(program), f"the points: {name}")
            _budget.hold(12 * len(self._points) * len(program), f"the points: {name}")
            self._traces[name] = [walk(network, Numbers(point, f"point {i}: {name}"), program) for i, point in enumerate(self._points)]
        traces, size = self._traces[name], network.output_size
        if e.kind == "output":
            flat = [v for values in traces for i in network.outputs for v in values[i].fractions()]
            return Ball(pack(flat, (len(traces), size)))
        i, part = field_of(network, e.given[1], e.given[2], step), e.parts[0]
        if (name, id(part)) not in self._gradients:
            (sent,) = self.at(part, step)
            need(sent.shape == (len(traces), size), step, f"what is sent back has the shape {list(sent.shape)}")
            rows = [sent.taken(k, (size,)) for k in range(0, size * len(traces), size)]
            self._gradients[name, id(part)] = gradients(network, traces, rows, step)
        shape = network.nodes[i].fields[e.given[2]].shape
        return self._gradients[name, id(part)].get((i, e.given[2]), Ball(Tensor(shape, [0] * prod(shape), 1)))


def _longest(series: Series) -> int:
    """The bits of its longest number."""
    return max(bits_of(t) for c in series for t in c if t is not None)
