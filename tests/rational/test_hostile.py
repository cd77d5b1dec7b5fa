"""What a user may hand over by mistake: every answer is right or an error of this package that names the argument."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

import exactnn as xn
from exactnn.errors import ArgumentError, AtPole, DomainError
from exactnn.rational import ERA, PadeUnit, RationalFunction, from_document, plot
from tests.rational._cases import X

HUGE = 10**5000  # longer than `str` and `repr` take


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: ERA((1, 0), [], epsilon=-HUGE), "epsilon"),
        (lambda: ERA((HUGE, 0, 1), []), "linear"),
        (lambda: ERA((HUGE, 0), [(HUGE, 1)]), r"fractions\[0\]"),
        (lambda: ERA(np.array(1.0)), "linear"),
        (lambda: ERA(7, []), "linear"),
        (lambda: ERA((1, 0), 3), "fractions"),
        (lambda: ERA((1, 0), [3]), r"fractions\[0\]"),
        (lambda: RationalFunction(np.array(3.0)), "numerator"),
        (lambda: RationalFunction(torch.tensor(3.0)), "numerator"),
        (lambda: RationalFunction({1, 2}), "numerator"),
        (lambda: X.range((HUGE, 0, 1)), "interval"),
        (lambda: X.range(np.array(1.0)), "interval"),
        (lambda: X.derivative(-HUGE), "order"),
        (lambda: X.compose(HUGE), "inner"),
        (lambda: (1 / X).real_partial_fractions(bits=HUGE), "bits"),
        (lambda: PadeUnit([1], [1], formula=HUGE), "formula"),
        (lambda: PadeUnit([1], [1], basis=HUGE), "basis"),
        (lambda: xn.verify_pole_free({"a": HUGE}), "r: "),
        (lambda: xn.verify_pole_free({HUGE: X}), "r: "),
        (lambda: from_document({"linear": {1: 2, 3: 4}, "fractions": []}), "linear"),
        (lambda: from_document({"linear": [1, 2], "fractions": {1: 2}}), "fractions"),
        (lambda: plot(X, (HUGE, 1)), "interval"),
        (lambda: RationalFunction.from_operation(HUGE), "operation"),
    ],
)
def test_bad_arguments(call: Callable[[], Any], argument: str) -> None:
    with pytest.raises((ArgumentError, DomainError), match=argument):
        call()


def test_long_numbers_can_be_shown() -> None:
    r = 1 / (X - HUGE) / (X**2 - HUGE)
    assert "RealRoot" in repr(r.real_poles())
    assert "ComplexRoot" in repr(r.poles())
    assert "Enclosure" in repr(r.nearest_pole())
    assert repr((1 / X**2).real_poles()) == "(RealRoot(0, multiplicity=2),)"


def test_units_by_their_functions() -> None:
    unit = PadeUnit([0, 1], [0, 1], formula="B")
    assert RationalFunction.from_operation(unit)(2) == unit(2) == Fraction(2, 5)
    with pytest.raises(ArgumentError, match="piecewise"):
        RationalFunction.from_operation(PadeUnit([0, 1], [1], formula="B"))


@pytest.mark.parametrize(
    "r",
    [
        1 / (X**2 + 2),
        1 / (X**4 - 4),
        1 / (X**4 - X**2 - 1),
        1 / (X**3 + X * Fraction(2, 3)),
        (1 + X) / (X**2 + 2) ** 3,
        ERA(("1/2", 3), [(0, -20, 0, "3.1"), (0, 1, 0, "0.3")], epsilon="1e-6").to_rational_function(),
    ],
    ids=str,
)
def test_poles_on_the_imaginary_axis_that_are_not_rational(r: RationalFunction) -> None:
    """The square of a ball whose middle is 0 is NaN in FLINT's binding: this once never came to an end."""
    split = r.real_partial_fractions(bits=200)
    for x in (Fraction(1, 3), 5, -2):
        found = split.value(x)
        assert r(x) in found
        assert found.width < Fraction(1, 2**100)


def test_value_of_a_float_and_at_a_pole() -> None:
    split = (1 / X + X).real_partial_fractions()
    assert Fraction(13, 6) in split.value(1.5)
    assert not split.value(0).is_finite
    with pytest.raises(ArgumentError, match="x"):
        split.value("y")
    with pytest.raises(AtPole, match="pole"):
        ERA((1, 0), [(1, 0, 2, 0)])(2)


def test_bounds_of_units_with_coefficients_far_apart() -> None:
    large = 10**300
    unit = PadeUnit([large, 1], [-large - 1, 3, large], formula="B")
    assert unit.report((-1, 1)).value.is_finite


def test_pole_at_an_end_of_a_picture() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    axes = plot(1 / X, (0, 1))
    assert len([line for line in axes.lines if len(line.get_xdata()) > 2]) == 1


def test_modules_of_others() -> None:
    class Holder(torch.nn.Module):
        def exact(self) -> Any:
            return self.give()

    def module(give: Callable[[], Any]) -> torch.nn.Module:
        made = torch.nn.Sequential(Holder())
        made[0].give = give
        return made

    class Convertible:
        def to_rational_function(self) -> RationalFunction:
            return 1 / (X - 3)

    assert xn.verify_pole_free(module(Convertible)).pole.value == 3
    with pytest.raises(ArgumentError, match=r"^0: exact.. must give a rational function, but raised ZeroDivisionError"):
        xn.verify_pole_free(module(lambda: 1 // 0))
    with pytest.raises(ArgumentError, match=r"^0: operation"):
        xn.verify_pole_free(module(lambda: 3))
