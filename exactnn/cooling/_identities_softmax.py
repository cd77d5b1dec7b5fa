"""I1 to I8, I21 to I23, I26: what holds between logits z, the temperature tau and the softmax p = softmax(tau z), in balls."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.cooling._identity_expressions import (
    Expression,
    at_most,
    derivative,
    equal,
    exp,
    largest,
    logsumexp,
    minus,
    number,
    plus,
    reshape,
    softmax,
    tensor,
    times,
    total,
)
from exactnn.cooling._identity_formula import Formula
from exactnn.cooling._identity_setting import Setting, positive
from exactnn.cooling._temperature_certificate import moment_matching as temperature_moments
from exactnn.cooling.temperature import optimal_temperature
from exactnn.errors import AssumptionBroken, NoOptimalTemperature
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, approximately, as_fraction

_MEAN, _TRUE = total(times("p", "z"), [1]), total(times("q", "z"), [1])  # E_p z and z_y
_VARIANCE = minus(total(times("p", "z", "z"), [1]), times(_MEAN, _MEAN))
_ROW = RationalArray.of([[0, 1]])


def _average(s: Setting, values: Expression) -> Expression:
    """The mean over the classes."""
    return times(number(Fraction(1, s.classes)), total(values, [1]))


def _along_units(s: Setting) -> Expression:
    """z + t e_j for all unit vectors e_j of the logits at once, a tensor (n, C, C)."""
    c = s.classes
    return plus(reshape("z", (len(s.points), 1, c)), times("t", tensor(RationalArray.eye(c).reshape(1, c, c))))


def logit_gradient(s: Setting, *, tau: Number = 1) -> Formula:
    """I1: along the unit vectors of the logits."""
    scale, n, c = positive(tau, "tau"), len(s.points), s.classes
    loss = minus(logsumexp(times(number(scale), "moved")), times(number(scale), total(times(reshape("q", (n, 1, c)), "moved"), [2])))
    definitions = [*s.basics(scale), ("u", times(number(scale), minus("p", "q"))), ("moved", _along_units(s)), ("along", loss)]
    equations = [
        equal(derivative(1, "along"), reshape("u", (n, c, 1)), "dl/df = tau (p - q)"),
        equal(total("u", [1]), 0, "its components sum to 0"),
    ]
    if s.targets.denominator == 1:
        sign = minus(1, times(2, "q"))
        equations += [
            at_most(0, times(sign, "u"), "only the component of the class is negative"),
            equal(
                total(times(sign, "u"), [1]),
                times(2, number(scale), minus(1, total(times("q", "p"), [1]))),
                "its L1 norm is 2 tau (1 - p_y)",
            ),
        ]
    return s.formula("I1", definitions, equations)


def temperature_gradient(s: Setting, *, tau: Number = 1) -> Formula:
    """I2."""
    scale = positive(tau, "tau")
    euler = total(times("z", number(scale), minus("p", "q")), [1])
    return s.formula(
        "I2",
        s.basics(scale),
        [
            equal(derivative(1, "loss"), minus(_MEAN, _TRUE), "dl/dtau = E_p z - z_y"),
            equal(euler, times(number(scale), derivative(1, "loss")), "<f, dl/df> = tau dl/dtau"),
        ],
    )


def higher_derivatives(s: Setting, *, tau: Number = 1) -> Formula:
    """I3."""
    centred = minus("z", _MEAN)
    return s.formula(
        "I3",
        s.basics(positive(tau, "tau")),
        [
            equal(derivative(2, "loss"), _VARIANCE, "the second derivative by tau is Var_p(z)"),
            at_most(0, derivative(2, "loss"), "and it is not negative"),
            equal(
                derivative(3, "loss"), total(times("p", centred, centred, centred), [1]), "the third derivative is the third central moment"
            ),
        ],
    )


def convexity(s: Setting, *, tau: Number = 1) -> Formula:
    """I4."""
    scale = positive(tau, "tau")
    start = derivative(1, s.loss(Fraction(0)))
    return s.formula(
        "I4",
        s.basics(scale),
        [
            equal(start, minus(_average(s, "z"), _TRUE), "L'(0) = mean z - z_y at each point"),
            at_most(total(start), total(derivative(1, "loss")), "L'(0) <= L'(tau)"),
            at_most(total(derivative(1, "loss")), total(minus(largest("z"), _TRUE)), "L'(tau) <= sum (max z - z_y)"),
            at_most(0, total(minus(largest("z"), _TRUE)), "which is not negative"),
        ],
    )


def moment_matching(s: Setting, *, digits: int = 8) -> Formula:
    """I5: the two moments change sides between the bounds of the optimal temperature, at most 10^-digits apart in relation to it."""
    rows = [list(row) for row in s.targets.to_rows()]
    labels = [row.index(Fraction(1)) for row in rows] if s.targets.denominator == 1 else rows
    unit = 1 << max(s.logits.bound.bit_length() - s.logits.denominator.bit_length(), 0)  # floats propose: logits beyond them are scaled
    try:
        best = optimal_temperature([list(row) for row in (s.logits / unit).to_rows()], labels, digits=digits)
    except NoOptimalTemperature as error:
        raise AssumptionBroken("an optimal temperature", str(error)) from None
    return s.formula("I5", *temperature_moments(s.targets, best.lower / unit, best.upper / unit))


def limits(s: Setting, *, tau: Number = 1) -> Formula:
    """I6."""
    scale, c = positive(tau, "tau"), s.classes
    far = 1 + 2 * Fraction(s.logits.bound, s.logits.denominator)
    mean, square = _average(s, "z"), _average(s, times("z", "z"))
    margin = minus(_TRUE, largest(minus("z", times(number(far), "q"))))
    zero = s.loss(Fraction(0))
    return s.formula(
        "I6",
        [*s.basics(scale), ("margin", margin)],
        [
            equal(exp(derivative(0, zero)), c, "l = log C at tau = 0"),  # not against a log-sum-exp of zeros, which it is by definition
            equal(derivative(1, zero), minus(mean, _TRUE), "its slope there is mean z - z_y"),
            equal(derivative(2, zero), minus(square, times(mean, mean)), "its second derivative there the variance of z"),
            at_most(times(number(scale), minus(largest("z"), _TRUE)), "loss", "l >= tau (max z - z_y)"),
            at_most("loss", times(c - 1, exp(times(number(-scale), "margin"))), "l <= (C - 1) exp(-tau m)"),
        ],
    )


def entropy(s: Setting, *, tau: Number = 1) -> Formula:
    """I7."""
    scale = positive(tau, "tau")
    moving = plus(number(scale), "t")
    moved = softmax(times(moving, "z"))
    definitions = [
        *s.basics(scale),
        ("entropy", minus(logsumexp(times(moving, "z")), times(moving, total(times(moved, "z"), [1])))),
        ("top", largest("z")),
        ("sure", exp(minus(times(moving, "top"), logsumexp(times(moving, "z"))))),
    ]
    return s.formula(
        "I7",
        definitions,
        [
            equal(derivative(1, "entropy"), times(number(-scale), _VARIANCE), "dH/dtau = -tau Var_p(z)"),
            at_most(derivative(1, "entropy"), 0, "which is not positive"),
            equal(largest("p"), "sure", "max p belongs to max z"),
            equal(derivative(1, "sure"), times("sure", minus("top", _MEAN)), "d max p/dtau = max p (max z - E_p z)"),
            at_most(0, derivative(1, "sure"), "which is not negative"),
        ],
    )


def shift_and_scale(s: Setting, *, tau: Number = 1, shift: Number = "5/3", factor: Number = "3/2") -> Formula:
    """I8."""
    scale, k = positive(tau, "tau"), positive(factor, "factor")
    by = number(as_fraction(shift, "shift"))
    definitions = [*s.basics(scale), ("shifted", plus("z", by)), ("scaled", times(number(k), "z"))]
    return s.formula(
        "I8",
        definitions,
        [
            equal(s.loss(scale, "shifted"), "loss", "z + c 1 has the same loss"),
            equal(s.loss(scale, "scaled"), s.loss(k * scale), "l(tau; k z) = l(k tau; z)"),
            equal(derivative(1, s.loss(scale, "scaled")), times(number(k), derivative(1, s.loss(k * scale))), "so tau*(k z) = tau*(z) / k"),
        ],
    )


def smoothing(s: Setting, *, tau: Number = 1) -> Formula:
    """I21: h(m) = m s(tau m) grows with the margin m where tau m is at least x0 = -1.2784645..."""
    scale = positive(tau, "tau")
    margins = ((s.targets * 2 - 1) * s.logits).sum(axis=1)
    least = scale * min(margins.to_fractions())
    if least < Fraction("-1.27846"):
        raise AssumptionBroken("margins above x0", f"tau m >= -1.27846 is needed for all margins m, the least is {approximately(least)}")
    size = len(s.points)
    order = RationalArray((margins.reshape(1, size) - margins.reshape(size, 1)).sign().astype(np.int64))
    signed = total(times(minus(times(2, "q"), 1), "z"), [1])
    definitions = [
        *s.basics(scale),
        ("margin", signed),
        ("pair", times(plus(number(scale), "t"), "margin", tensor(_ROW))),
        ("slope", times("margin", total(times(tensor(_ROW), softmax("pair")), [1]))),
    ]
    return s.formula(
        "I21",
        definitions,
        [
            equal("loss", minus(logsumexp("pair"), times(number(scale), "margin")), "l = softplus(tau m) - tau m"),
            equal(derivative(1, logsumexp("pair")), "slope", "d/dtau softplus(tau m) = m s(tau m)"),
            at_most(
                0,
                times(tensor(order), minus(reshape("slope", (1, size)), "slope")),
                "the log ratio of the weights of two samples grows with tau",
            ),
        ],
    )


def residual_norm(s: Setting) -> Formula:
    """I22."""
    gap = minus("p", "q")
    return s.formula(
        "I22",
        s.basics(Fraction(0)),
        [equal(total(times(gap, gap), [1]), number(Fraction(s.classes - 1, s.classes)), "|p - e_y|^2 = (C - 1)/C at tau = 0")],
    )


def hessian(s: Setting, *, tau: Number = 1, direction: Any = None) -> Formula:
    """I23: along the unit vectors, 1, and a direction (n, C) or (C)."""
    scale, n, c = positive(tau, "tau"), len(s.points), s.classes
    along = RationalArray.of([(-1) ** j * (j + 1) for j in range(c)] if direction is None else direction, "direction")
    square = number(scale * scale)

    def second(move: Any) -> Any:
        """d^2 l(z + t move)/dt^2: the linear part of l has none."""
        return derivative(2, logsumexp(times(number(scale), plus("z", times("t", move)))))

    mean = total(times("p", "v"), [1])
    definitions = [*s.basics(scale), ("v", tensor(along.reshape(-1, c))), ("units", _along_units(s))]
    return s.formula(
        "I23",
        definitions,
        [
            equal(second("v"), times(square, minus(total(times("p", "v", "v"), [1]), times(mean, mean))), "tau^2 v (diag p - p p^T) v"),
            at_most(0, second("v"), "v (the Hessian) v is not negative"),
            at_most(second("v"), times(number(scale * scale / 2), total(times("v", "v"), [1])), "and at most tau^2/2 |v|^2"),
            equal(second(1), 0, "1 is in its kernel"),
            equal(
                total(derivative(2, logsumexp(times(number(scale), "units"))), [1]),
                reshape(times(square, minus(1, total(times("p", "p"), [1]))), (n, 1, 1)),
                "its trace is tau^2 (1 - |p|^2)",
            ),
        ],
    )


def same_argmax(s: Setting, *, tau: Number = 1) -> Formula:
    """I26."""
    first = np.asarray(s.logits.numerators.argmax(axis=1), dtype=np.int64)
    chosen = tensor(RationalArray(np.eye(s.classes, dtype=np.int64)[first]))
    return s.formula(
        "I26",
        [*s.basics(positive(tau, "tau")), ("chosen", chosen)],
        [
            equal(total(times("chosen", "z"), [1]), largest("z"), "the class chosen is an argmax of z"),
            equal(total(times("chosen", "p"), [1]), largest("p"), "and of softmax(tau z)"),
        ],
    )
