"""Both sides of equations in float64, and how much of their difference rounding explains: a fast look, and an honest one.

    |left - right| <= bound  wherever the two are equal:  every rounding on the way is counted (`_rounded`)

A difference beyond the bound is a proof that the sides differ; one within it is no proof that they are equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exactnn.cooling._identity_evaluate import Evaluator
from exactnn.cooling._identity_expressions import Equation, Expression, operands
from exactnn.cooling._identity_formula import Formula
from exactnn.cooling._rounded import Rounded
from exactnn.cooling._rounded_network import RoundedPass
from exactnn.cooling._rounded_series import Series, exponential, log_sum_exp, softmax
from exactnn.exact.array import RationalArray
from exactnn.network import Network
from exactnn.value import Value

_FUNCTIONS = {"exp": exponential, "logsumexp": log_sum_exp, "softmax": softmax}
#: what a difference may be
AGREES, DIFFERS, OPEN = "agrees", "differs", "open"


@dataclass(frozen=True, repr=False)
class Discrepancy(Value):
    """One equation in float64.

    Attributes
    ----------
    words : which it is
    largest : the largest left - right of all entries, in size (for "<=": the largest excess of the left side), or the one that differs
        most; infinite where nothing is known of one
    bound : what rounding can explain of it, proved; infinite likewise
    size : of the sides, the largest of all entries of which something is known
    outcome : "agrees" (within rounding), "differs" (beyond rounding: the equation is refuted), or "open": there is no bound, or it counts
        slopes at kinks of which float64 does not tell the side
    """

    words: str
    largest: float
    bound: float
    size: float
    outcome: str

    def __str__(self) -> str:
        ends = {AGREES: "", DIFFERS: ": refuted beyond rounding", OPEN: ": not told apart"}
        apart = f"sides up to {self.size:.2g} differ by {self.largest:.2g}, rounding explains {self.bound:.2g}"
        if math.isinf(self.bound):
            apart = "numbers of which float64 knows no bound"
        return f"{self.words}: {apart}{ends[self.outcome]}"


@dataclass(frozen=True, repr=False)
class Measurement(Value):
    """All equations of an identity in float64; `unsure` counts the slopes at kinks of which float64 does not tell the side.

    `outcome` is "differs" if one does, else "open" if one is, else "agrees".
    """

    title: str
    points: int
    equations: tuple[Discrepancy, ...]
    unsure: int

    @property
    def outcome(self) -> str:
        """Of all equations together."""
        found = {e.outcome for e in self.equations}
        return next((outcome for outcome in (DIFFERS, OPEN) if outcome in found), AGREES)

    def _summary(self) -> str:
        return f"{self.title}: {len(self.equations)} equations, {self.outcome}"

    def __str__(self) -> str:
        return "\n".join(f"{self.title} {e}" for e in self.equations)


@dataclass
class Passes:
    """What several measurements of one network and its data share."""

    known: dict[tuple[int, int], RoundedPass] = field(default_factory=dict)

    def at(self, net: Network, points: RationalArray) -> RoundedPass:
        """The network at the points; both are kept by the pass, so that their identities stay their own."""
        where = id(net), id(points)
        if where not in self.known:
            self.known[where] = RoundedPass(net, points)
        return self.known[where]


@dataclass(frozen=True)
class InFloat64:
    """The arithmetic of float64 with bounds, at some points."""

    points: RationalArray
    passes: Passes
    gradients: dict[tuple[int, int], dict[tuple[str, str], Rounded]] = field(default_factory=dict)
    bits: int = 53

    def number(self, array: RationalArray) -> Rounded:
        """The nearest floats."""
        return Rounded.of(array)

    def function(self, kind: str, series: Series) -> Series:
        """By recursion on the coefficients."""
        return _FUNCTIONS[kind](series)

    def rounded(self, value: Rounded) -> Rounded:
        """As it is."""
        return value

    def output(self, net: Network) -> Rounded:
        """The values of a network at the points."""
        return self.passes.at(net, self.points).output

    def gradient(self, net: Network, node: str, field: str, sent: Rounded) -> Rounded:
        """By a backward pass, one for all fields (the evaluator keeps what is sent)."""
        where = id(net), id(sent)
        if where not in self.gradients:
            self.gradients[where] = self.passes.at(net, self.points).parameters(sent)
        return self.gradients[where][node, field]


def measured(formula: Formula, passes: Passes | None = None) -> Measurement:
    """Both sides of all equations in float64, with bounds."""
    arithmetic = InFloat64(formula.points, passes or Passes())
    evaluator = Evaluator(formula.networks, len(formula.points), formula.definitions, arithmetic)
    definitions = dict(formula.definitions)
    with np.errstate(all="ignore"):  # infinities are seen by what they are
        sides = [(evaluator.value(e.left), evaluator.value(e.right)) for e in formula.equations]
        unsure = sum(arithmetic.passes.at(net, formula.points).unsure for net in formula.networks.values())
        found = tuple(
            _difference(e, pair, bool(unsure) and _by_slopes((e.left, e.right), definitions))
            for e, pair in zip(formula.equations, sides, strict=True)
        )
    return Measurement(formula.title, len(formula.points), found, unsure)


def _difference(e: Equation, sides: tuple[Rounded, Rounded], unsure: bool) -> Discrepancy:
    gap = sides[0] - sides[1]
    middle, radius = gap.middle.ravel(), gap.radius.ravel()
    size = np.where(np.isinf(radius), math.inf, np.abs(middle) if e.relation == "=" else np.maximum(middle, 0))
    if (size > radius).any():
        place, outcome = int(np.argmax(np.where(size > radius, size - radius, -1))), DIFFERS
    else:
        place, outcome = int(np.argmax(size)), OPEN if unsure or np.isinf(radius).any() else AGREES
    whole = max(float(np.abs(side.middle).max()) for side in sides)
    return Discrepancy(e.words, float(size[place]), float(radius[place]), whole, outcome)


def _by_slopes(sides: tuple[Expression, ...], definitions: Mapping[str, Expression]) -> bool:
    """Whether a gradient of a network occurs in them."""
    for a in sides:
        if isinstance(a, list):
            if a[0] == "gradient" or _by_slopes(tuple(operands(a)), definitions):
                return True
        elif isinstance(a, str) and a in definitions and _by_slopes((definitions[a],), definitions):
            return True
    return False
