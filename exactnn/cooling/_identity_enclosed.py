"""The arithmetic in which identities are decided: exact where nothing transcendental enters, else balls of FLINT's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exactnn.cooling._identity_balls import Balls
from exactnn.cooling._identity_evaluate import Evaluator
from exactnn.cooling._identity_expressions import Expression
from exactnn.cooling._identity_series import Series, exponential, log_sum_exp, softmax
from exactnn.exact.array import RationalArray
from exactnn.network import Network
from exactnn.network.gradient import BackwardPass

_FUNCTIONS = {"exp": exponential, "logsumexp": log_sum_exp, "softmax": softmax}


@dataclass
class Memory:
    """What several identities about one network and its data share: values and slopes, and backward passes by what is sent back."""

    passes: dict[tuple[int, RationalArray], BackwardPass] = field(default_factory=dict)
    gradients: dict[tuple[int, RationalArray, RationalArray, RationalArray | None], Any] = field(default_factory=dict)

    def backward(self, net: Network, points: RationalArray) -> BackwardPass:
        """The network at the points; it is kept, so that its identity stays its own."""
        found = self.passes.get((id(net), points))
        if found is None:
            found = self.passes[id(net), points] = BackwardPass(net, points)
        return found


@dataclass(frozen=True)
class Enclosed:
    """Balls with so many bits behind the point, at some points."""

    points: RationalArray
    bits: int
    memory: Memory

    def number(self, array: RationalArray) -> Balls:
        """The array, exactly."""
        return Balls(array)

    def function(self, kind: str, series: Series) -> Series:
        """By FLINT's series."""
        return _FUNCTIONS[kind](series, self.bits)

    def rounded(self, value: Balls) -> Balls:
        """To so many bits, unless it is exact."""
        return value.rounded(self.bits)

    def output(self, net: Network) -> Balls:
        """The values of a network at the points."""
        return Balls(self.memory.backward(net, self.points).output)

    def gradient(self, net: Network, node: str, field: str, sent: Balls) -> Balls:
        """The radius is sent back by absolute values of all coefficients."""
        back, known = self.memory.backward(net, self.points), self.memory.gradients
        where = (id(net), self.points, sent.middle, sent.radius)
        if where not in known:
            exact = back.parameters(back.rows(sent.middle))
            reach = None if sent.radius is None else back.parameters(back.rows(sent.radius, absolute=True), absolute=True)
            known[where] = exact, reach
        exact, reach = known[where]
        return Balls(exact[node][field], None if reach is None else reach[node][field])


def enclosing(
    networks: Mapping[str, Network],
    points: RationalArray,
    definitions: Sequence[tuple[str, Expression]],
    bits: int,
    memory: Memory | None = None,
) -> Evaluator[Balls]:
    """The evaluator in balls."""
    return Evaluator(networks, len(points), definitions, Enclosed(points, bits, memory or Memory()))
