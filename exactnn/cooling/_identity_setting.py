"""A network and its data, as identities ask for them: what is assumed about them, and the expressions that many identities share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from exactnn.cooling._identity_chain import Chain, chain
from exactnn.cooling._identity_expressions import (
    Equation,
    Expression,
    logsumexp,
    minus,
    number,
    output,
    plus,
    softmax,
    tensor,
    times,
    total,
)
from exactnn.cooling._identity_formula import Formula
from exactnn.errors import ArgumentError, AssumptionBroken, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, as_fraction
from exactnn.network import Affine, Conv, Network, Rational, Smooth, check_network
from exactnn.network.points import as_points

Definition = tuple[str, Expression]
_BITS = 12  # of the largest one of the residuals that stand for those of the softmax


@dataclass(frozen=True)
class Setting:
    """A network f, points (n, d), targets (n, C): rows of probabilities, a single 1 for a class."""

    net: Network
    points: RationalArray
    targets: RationalArray

    @property
    def classes(self) -> int:
        """C."""
        return self.targets.shape[1]

    @cached_property
    def chain(self) -> Chain:
        """The layers; AssumptionBroken if it is no chain."""
        return chain(self.net)

    @cached_property
    def logits(self) -> RationalArray:
        """f at the points."""
        return self.net.evaluate(self.points)

    # --- shared definitions ------------------------------------------------------------------------------------------------

    def basics(self, tau: Fraction) -> list[Definition]:
        """q, z, p = softmax(tau z), and the loss at tau + t, one for each point: l = log sum exp((tau + t) z) - (tau + t) q . z."""
        return [("q", tensor(self.targets)), ("z", output()), ("p", softmax(times(number(tau), "z"))), ("loss", self.loss(tau))]

    def loss(self, tau: Fraction, logits: Expression = "z") -> Expression:
        """The loss of these logits at tau + t, (n, 1)."""
        moving = plus(number(tau), "t")
        return minus(logsumexp(times(moving, logits)), times(moving, total(times("q", logits), [1])))

    def residuals(self, tau: Fraction, upstream: Any) -> list[Definition]:
        """v = dl/d(tau f): numbers that are given, `None` for those of the softmax in a few bits, or "softmax" for these themselves."""
        if isinstance(upstream, str) and upstream == "softmax":
            return [("q", tensor(self.targets)), ("v", minus(softmax(times(number(tau), output())), "q"))]
        if upstream is None:
            return [("v", tensor(self._short_residuals(tau)))]
        given = RationalArray.of(upstream, "upstream")
        if given.shape != self.targets.shape:
            raise ShapeError(f"upstream: one row for each point, shape {self.targets.shape}, is needed, got {given.shape}")
        return [("v", tensor(given))]

    def _short_residuals(self, tau: Fraction) -> RationalArray:
        """softmax(tau z) - q in floats, the largest one with so many bits; sums without cancellation, so that confident networks have some.

        (p - q)_j sum_k e_k = (1 - q_j) e_j - q_j sum_{k != j} e_k,   e_k = exp(tau (z_k - max z))
        """
        share = np.exp(((self.logits - self.logits.max(axis=1).reshape(-1, 1)) * tau).to_float())
        q, others = self.targets.to_float(), share @ (1 - np.eye(self.classes))
        found = ((1 - q) * share - q * others) / share.sum(axis=1, keepdims=True)
        power = _BITS - int(np.frexp(np.abs(found).max())[1])
        return RationalArray(np.rint(np.ldexp(found, power)).astype(np.int64), 1 << power)

    def formula(self, title: str, definitions: Iterable[Definition], equations: Iterable[Equation], g: Network | None = None) -> Formula:
        """The equations about this network, and a second one."""
        networks = {"f": self.net} if g is None else {"f": self.net, "g": g}
        return Formula(title, networks, self.points, tuple(definitions), tuple(equations))


def setting(net: Network, data: Any) -> Setting:
    """The pair (inputs, labels) taken exactly: labels are class numbers, or rows of probabilities that sum to 1."""
    check_network(net, "network")
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ArgumentError(f"data: a pair (inputs, labels) is needed, got {type(data).__name__}")
    points = as_points(net, data[0])
    labels, classes = RationalArray.of(data[1], "labels"), net.output_dim
    if labels.ndim == 1:
        numbers = labels.to_fractions()
        for i, label in enumerate(numbers):
            if label.denominator != 1 or not 0 <= label < classes:
                raise ArgumentError(f"labels[{i}]: a class from 0 to {classes - 1} is needed, got {label}")
        targets = RationalArray(np.eye(classes, dtype=np.int64)[[int(label) for label in numbers]])
    else:
        targets = labels
    if targets.shape != (len(points), classes):
        raise ShapeError(
            f"labels: {len(points)} classes, or rows ({len(points)}, {classes}) of probabilities, are needed, got {labels.shape}"
        )
    for i, row in enumerate(targets.to_rows()):
        if min(row) < 0 or sum(row) != 1:
            raise ArgumentError(f"labels[{i}]: probabilities that sum to 1 are needed, their sum is {sum(row)}, the least {min(row)}")
    return Setting(net, points, targets)


# --- assumptions -----------------------------------------------------------------------------------------------------------


def _rational_logits(s: Setting) -> None:
    for name in s.net.order:
        operation = s.net.operation(name)
        if isinstance(operation, Smooth):
            raise AssumptionBroken("rational logits", f"node {name!r} is {operation.name}, whose values are irrational")


def _rational_gradients(s: Setting) -> None:
    _rational_logits(s)
    for name in s.net.order:
        if isinstance(s.net.operation(name), Rational):
            raise AssumptionBroken(
                "piecewise linear network", f"node {name!r} is a rational function; the checker has no gradients of these"
            )


def _classes(s: Setting) -> None:
    if s.classes < 2:
        raise AssumptionBroken("at least two classes", f"two outputs or more are needed, got {s.classes}")


def _hard_labels(s: Setting) -> None:
    if s.targets.denominator != 1:
        raise AssumptionBroken("labels are classes", "class numbers are needed as labels, got probabilities strictly between 0 and 1")


def _two_classes(s: Setting) -> None:
    if s.classes != 2:
        raise AssumptionBroken("two classes", f"two outputs are needed, got {s.classes}")


def _layer(s: Setting) -> None:
    if not any(isinstance(s.net.operation(name), (Affine, Conv)) for name in s.net.order):
        raise AssumptionBroken("affine or conv layer", f"a node that is one is needed, got {s.net!r}")


def _chain(s: Setting) -> None:
    assert s.chain


def _two_layers(s: Setting) -> None:
    if len(s.chain) < 2:
        raise AssumptionBroken("at least two layers", f"two affine layers or more are needed, got {len(s.chain)}")


def _dense(s: Setting) -> None:
    s.chain.need_dense()


#: what an identity may assume, by name; each function raises AssumptionBroken where it does not hold
ASSUMPTIONS: dict[str, Callable[[Setting], None]] = {
    "rational logits": _rational_logits,
    "piecewise linear network": _rational_gradients,
    "at least two classes": _classes,
    "labels are classes": _hard_labels,
    "two classes": _two_classes,
    "affine or conv layer": _layer,
    "chain of homogeneous layers": _chain,
    "at least two layers": _two_layers,
    "fully connected layers": _dense,
}


def positive(value: Number, argument: str) -> Fraction:
    """A positive rational."""
    found = as_fraction(value, argument)
    if found <= 0:
        raise ArgumentError(f"{argument}: a positive number is needed, got {found}")
    return found
