"""Numbers and laws of the theory that no other test has: T2, T5, the loss in T = 1/tau, order of confidences, scaling by any rational."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cooling import Temperature, identities, optimal_temperature
from exactnn.cooling._identity_balls import Balls
from exactnn.cooling._identity_enclosed import enclosing
from exactnn.cooling._identity_evaluate import Evaluator
from exactnn.errors import NoOptimalTemperature
from tests.strategies import law

F = Fraction
Rows = list[list[Fraction]]


def balls(logits: list[list[object]], tau: str) -> Evaluator[Balls]:
    """The values of the loss and of p at tau for these logits and the label 0, at 300 bits."""
    classes = len(logits[0])
    net = xn.mlp([(np.eye(classes, dtype=int), [0] * classes)])
    formula = identities["I3"].formula(net, (logits, [0] * len(logits)), tau=tau)
    return enclosing(formula.networks, formula.points, formula.definitions, 300)


def number(values: Evaluator[Balls], expression: object, place: tuple[int, ...]) -> float:
    ball = values.value(expression)
    assert ball.radii().to_float().max() < 1e-60
    return float(ball.middle.to_float()[place])


def test_the_loss_of_one_sample() -> None:  # T2
    assert math.isclose(number(balls([[3, 0, 0]], "1"), ["derivative", 0, "loss"], (0, 0)), math.log1p(2 * math.exp(-3)), rel_tol=1e-15)


def test_the_loss_is_not_convex_in_the_divisor() -> None:
    """I5: with T = 1/tau, d2l/dT2 = tau^4 l'' + 2 tau^3 l' is about -0.067 at T = 3; l itself is convex in tau."""
    values = balls([[3, 0, 0]], "1/3")
    first, second = (number(values, ["derivative", order, "loss"], (0, 0)) for order in (1, 2))
    assert second > 0
    curvature = second / 3**4 + 2 * first / 3**3

    def loss(t: float) -> float:
        return math.log1p(2 * math.exp(-3 / t))

    h = 1e-4
    assert math.isclose(curvature, (loss(3 + h) - 2 * loss(3) + loss(3 - h)) / h**2, rel_tol=1e-5)
    assert round(curvature, 3) == -0.067


def test_a_temperature_may_change_the_order_of_confidences() -> None:
    """I26, three classes: .525 < .576 at tau = 1, .502 > .356 at tau = 1/10."""
    logits: list[list[object]] = [[2, "19/10", -100], [1, 0, 0]]
    shown = [[round(number(balls(logits, tau), "p", (i, 0)), 3) for i in range(2)] for tau in ("1", "1/10")]
    assert shown == [[0.525, 0.576], [0.502, 0.356]]


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=5), st.fractions("1/9", 9, max_denominator=9))
@law(20)
def test_two_classes_keep_the_order_of_confidences(pairs: list[tuple[int, int]], tau: Fraction) -> None:
    """I26: p_max is an increasing function of |z_1 - z_0|, whatever tau > 0."""
    values = balls([list(pair) for pair in pairs], str(tau))
    confidences = [max(number(values, "p", (i, 0)), number(values, "p", (i, 1))) for i in range(len(pairs))]
    margins = [abs(a - b) for a, b in pairs]
    for (m, p), (n, q) in ((a, b) for a in zip(margins, confidences, strict=True) for b in zip(margins, confidences, strict=True)):
        assert m >= n or p < q or math.isclose(p, q, rel_tol=1e-15)  # floats, near 1


@st.composite
def problems(draw: st.DrawFn) -> tuple[Rows, list[int]]:
    classes, n = draw(st.integers(2, 4)), draw(st.integers(1, 6))
    row = st.lists(st.fractions(-4, 4, max_denominator=6), min_size=classes, max_size=classes)
    return draw(st.lists(row, min_size=n, max_size=n)), draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))


def solved(rows: Rows, labels: Sequence[object]) -> Temperature | str:
    """The temperature, or the reason why there is none."""
    try:
        return optimal_temperature(rows, labels, digits=25)
    except NoOptimalTemperature as none:
        return none.reason


@given(problems(), st.fractions("1/50", 50, max_denominator=50))
@law(40)
def test_scaling_by_any_rational_divides_the_temperature(problem: tuple[Rows, list[int]], k: Fraction) -> None:  # T3
    rows, labels = problem
    scaled = [[k * v for v in row] for row in rows]
    found, again = solved(rows, labels), solved(scaled, labels)
    if isinstance(found, str) or isinstance(again, str):
        assert found == again
        return
    assert max(found.lower, k * again.lower) < min(found.upper, k * again.upper)


@given(problems(), st.fractions("1/100", "1/3", max_denominator=100))
@law(40)
def test_smoothed_labels_have_an_optimum_where_the_loss_falls_at_all(problem: tuple[Rows, list[int]], share: Fraction) -> None:
    """T5: with targets of full support the loss rises in the end, so that "accuracy-1" is no reason left."""
    rows, labels = problem
    classes = len(rows[0])
    targets = [[(1 - share) * (k == y) + share / classes for k in range(classes)] for y in labels]
    falls = sum(sum(row) / classes - sum(q * v for q, v in zip(t, row, strict=True)) for row, t in zip(rows, targets, strict=True)) < 0
    found = solved(rows, targets)
    if falls:
        assert isinstance(found, Temperature)
        assert 0 < found.lower < found.upper
    else:
        assert found == ("constant" if all(len(set(row)) == 1 for row in rows) else "worse-than-chance")
