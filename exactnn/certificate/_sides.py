"""The two sides of equations (claim "identity"), computed again: exactly, or in balls where something transcendental enters.

Sound: both sides are computed exactly or in intervals that hold them.
"""

from __future__ import annotations

from fractions import Fraction
from math import factorial, prod
from typing import Any

from . import _budget
from ._balls import Ball, Series, added, exponential, largest, logsumexp, multiplied, scaled
from ._broadcast import broadcast
from ._common import pack
from ._evaluate import Numbers
from ._gradient import Gradients, field_of, gradients
from ._identity import NETWORK, Expression, Identity
from ._intervals import precision
from ._meaning import Step, steps
from ._meaning import bits as bits_of
from ._network import Network
from ._numbers import Tensor, index, mapping, need
from ._walk import made

_COST, _LONG = 2**11, 2**9  # of an exponential, and bits of it that cost no more


def check_sides(claim: Identity, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """Proved: all equations hold; refuted: one certainly fails in the entry named."""
    refuted = claim.answer == "refuted"
    mapping(evidence, "evidence", ("method", "bits", *(("equation", "entry") if refuted else ())))
    equations = claim.equations
    values = Values(claim.rows(f), {"f": f} if g is None else {"f": f, "g": g}, precision(evidence["bits"]))
    for i in [index(evidence["equation"], len(equations), "equation")] if refuted else range(len(equations)):
        (expression, relation), step = equations[i], f"equation {i}"
        (gap,) = values.series(expression, 0, step)
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

    def __init__(self, points: list[list[Fraction]], networks: dict[str, Network], bits: int) -> None:
        self._points, self._networks, self._bits = points, networks, bits
        self._runs: dict[str, tuple[tuple[Step, ...], list[list[Tensor]]]] = {}
        self._gradients: dict[tuple[str, int], list[Gradients]] = {}
        self._known: dict[tuple[int, int], Series] = {}

    def series(self, e: Expression, order: int, step: str) -> Series:
        """All coefficients up to t^order, the first alone where there is no t."""
        order = order if e.moves else 0
        if (id(e), order) not in self._known:
            self._known[id(e), order] = [c.rounded(self._bits) for c in self._found(e, order, step)]
        return self._known[id(e), order]

    def _found(self, e: Expression, order: int, step: str) -> Series:
        kind, given = e.kind, e.given
        if kind == "series":
            return [Ball(coefficient) for coefficient in given[: order + 1]]
        if kind in NETWORK:
            return [self._of_network(e, step)]
        if kind == "derivative":
            (wanted,), found = given, self.series(e.parts[0], given[0], step)
            return [scaled(found[wanted], Fraction(factorial(wanted))) if wanted < len(found) else scaled(found[0], Fraction(0))]
        values = [self.series(part, order, step) for part in e.parts]
        shape = broadcast(values[0][0].shape, values[-1][0].shape, step)
        self._charge(kind, values, prod(shape), step)
        need(bool(shape) or kind not in ("max", "logsumexp", "softmax"), step, f"a {kind} of a single number")
        first, *others = ([c.wide(shape) for c in value] for value in values)
        if kind in ("+", "-"):
            return added(first, others[0], kind == "-")
        if kind == "*":
            return multiplied(first, others[0], order)
        if kind == "sum":
            axes = given[0] if given else None
            need(axes is None or max(axes) < len(shape), step, "there is no such axis")
            return [c.summed(axes) for c in first]
        if kind == "reshape":
            need(prod(given[0]) == prod(shape), step, f"{list(shape)} cannot become {list(given[0])}")
            return [c.mapped(lambda t: t._replace(shape=given[0])) for c in first]
        if kind == "max":
            need(len(first) == 1, step, "a maximum of what depends on t")
            return [largest(first[0])]
        logs, rest = ([], first) if kind == "exp" else logsumexp(first, self._bits)
        return logs if kind == "logsumexp" else exponential(rest, self._bits)

    def _charge(self, kind: str, values: list[Series], size: int, step: str) -> None:
        """What an operation with so many entries costs, before it is made."""
        lengths = [max(bits_of(t) for c in value for t in c if t is not None) for value in values]
        longest, work = max(lengths), _budget.words(max(lengths))
        if kind == "*":
            longest, work = sum(lengths), prod(map(_budget.words, lengths))
        entries = size * max(map(len, values)) ** 2
        _budget.charge(4 * len(values) * entries * work, step)
        parts = 1 if all(c.radius is None for value in values for c in value) else 2
        _budget.hold(parts * entries * _budget.words(longest), step)
        if kind in ("exp", "logsumexp", "softmax"):
            _budget.charge(size * _COST * (1 + self._bits // _LONG) ** 2, step)

    def _of_network(self, e: Expression, step: str) -> Ball:
        name, network = e.given[0], self._networks[e.given[0]]
        if e.kind == "parameter":
            return Ball(network.nodes[field_of(network, e.given[1], e.given[2], step)].fields[e.given[2]])
        if name not in self._runs:
            program = tuple(steps(network))
            _budget.charge(100 * len(self._points) * len(program), f"the points: {name}")
            _budget.hold(12 * len(self._points) * len(program), f"the points: {name}")
            runs = [[v for _, v in made(network, Numbers(point, f"point {i}: {name}"), program)] for i, point in enumerate(self._points)]
            self._runs[name] = program, runs
        (program, runs), size = self._runs[name], network.output_size
        if e.kind == "output":
            ends = {step.node: k for k, step in enumerate(program)}
            return Ball(pack([v for run in runs for i in network.outputs for v in run[ends[i]].fractions()], (len(runs), size)))
        i, part = field_of(network, e.given[1], e.given[2], step), e.parts[0]
        if (name, id(part)) not in self._gradients:
            (sent,) = self.series(part, 0, step)
            need(sent.shape == (len(runs), size), step, f"what is sent back has the shape {list(sent.shape)}")
            self._gradients[name, id(part)] = gradients(network, program, runs, sent, step)
        shape = network.nodes[i].fields[e.given[2]].shape
        zero = Tensor(shape, [0] * prod(shape), 1)
        return Ball(*(found.get((i, e.given[2]), zero) for found in self._gradients[name, id(part)]))
