"""What is claimed about a temperature, as equations about the logits that the checker of identities decides (claim "identity").

    L'(lower) <= 0 <= L'(upper):     sum_n Q_n E_p d_n <= sum_n q_n . d_n  at lower, >= at upper,   d = z - max z,  p = softmax(tau d)

Both sides are multiplied by tau, so that they do not depend on the unit of the logits; at 0 they would say nothing, and at tau < 0 the
contrary, so that 0 < lower <= upper is claimed, too. Where there is no optimum, the signs of L' at 0 and at infinity are rational
equations. The network is the identity on the logits, which are the points.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from exactnn.cooling._identity_expressions import (
    Equation,
    Expression,
    at_most,
    largest,
    minus,
    number,
    output,
    softmax,
    tensor,
    times,
    total,
)
from exactnn.cooling._identity_formula import Formula
from exactnn.errors import ArgumentError, Undecided
from exactnn.exact.array import RationalArray
from exactnn.network import Builder, Input
from exactnn.verdict import Certificate

if TYPE_CHECKING:
    from exactnn.cooling._problem import Problem

#: logits in a certificate: the checker, in plain Python, takes up to a minute for so many
LARGEST = 1 << 14

Definitions = list[tuple[str, Expression]]


def moment_matching(targets: RationalArray, lower: Fraction, upper: Fraction) -> tuple[Definitions, list[Equation]]:
    """0 < lower <= upper, and L'(lower) <= 0 <= L'(upper), both times tau."""
    definitions = [*_basics(targets), ("lower", number(lower)), ("upper", number(upper)), ("inverse", number(1 / lower))]
    for end, share, tau in (("low", "below", "lower"), ("high", "above", "upper")):
        definitions += [(end, times(tau, "d")), (share, softmax(end))]
    return definitions, [
        at_most(0, "inverse", "a number is not negative"),
        at_most(1, times("inverse", "lower"), "so the lower end, its inverse, is positive"),
        at_most("lower", "upper", "the upper end is not below it"),
        at_most(total(times("mass", "below", "low")), total(times("q", "low")), "sum E_p z <= sum z_y at the lower end"),
        at_most(total(times("q", "high")), total(times("mass", "above", "high")), "sum z_y <= sum E_p z at the upper end"),
    ]


def bracket_certificate(problem: Problem, lower: Fraction, upper: Fraction) -> Certificate:
    """That the optimal temperature lies between them."""
    logits, targets = _numbers(problem)
    return _certificate("an optimal temperature in its bracket", logits, *moment_matching(targets, lower, upper))


def no_optimum_certificate(problem: Problem, reason: str) -> Certificate:
    """That there is no optimal temperature, for this reason."""
    logits, targets = _numbers(problem)
    mean = times(number(Fraction(1, logits.shape[1])), total(times("mass", "z")))
    equation = {
        "accuracy-1": at_most(0, total(times("q", "d"), [1]), "every target is on a largest logit"),
        "worse-than-chance": at_most(total(times("q", "z")), mean, "targets have no larger logits than classes on average"),
        "constant": at_most(0, "d", "each sample has equal logits"),
    }[reason]
    return _certificate(f"no optimal temperature ({reason})", logits, _basics(targets), [equation])


def _basics(targets: RationalArray) -> Definitions:
    return [("q", tensor(targets)), ("mass", total("q", [1])), ("z", output()), ("d", minus("z", largest("z")))]


def _numbers(problem: Problem) -> tuple[RationalArray, RationalArray]:
    """Logits and targets in rows, exactly."""
    count, classes = problem.logits.shape
    if count * classes > LARGEST:
        raise ArgumentError(
            f"certificate: at most {LARGEST:,} logits are needed, since the checker is plain Python, got {count} times {classes}; "
            "ask for the temperature of a part of the samples"
        )
    logits, targets = problem.exact
    if targets is None:
        targets = RationalArray(np.eye(classes, dtype=np.int64)[problem.labels])
    return logits, targets


def _certificate(title: str, logits: RationalArray, definitions: Definitions, equations: list[Equation]) -> Certificate:
    b = Builder()
    b.add("logits", Input(logits.shape[1:]))
    net = b.build(["logits"], ["logits"])
    verdict = Formula(title, {"f": net}, logits, tuple(definitions), tuple(equations)).check(0)
    if not verdict.proved or verdict.certificate is None:
        raise Undecided(f"certificate: {verdict.reason}; the bounds stay proved, but not in a form for the checker")
    return verdict.certificate
