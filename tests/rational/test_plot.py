"""Graphs: what is drawn, where poles are, and what cannot be drawn."""

from __future__ import annotations

import pytest

from exactnn import nn
from exactnn.errors import ArgumentError, DomainError
from exactnn.rational import ERA, PadeUnit, RationalFunction, plot

pytest.importorskip("matplotlib").use("Agg")


def test_lines_are_the_functions() -> None:
    f = RationalFunction([1], [-1, 0, 1])  # 1/(x^2 - 1)
    unit = PadeUnit([0, 1], [1], formula="A")
    axes = plot({"f": f, "unit": unit}, (-3, 2))
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
    poles = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert [float(line.get_xdata()[0]) for line in poles] == [-1, 1]
    assert len(lines) == 4  # three branches and the unit
    for line, function in zip(lines, (f, f, f, unit), strict=True):
        for x, y in zip(line.get_xdata()[::50], line.get_ydata()[::50], strict=True):
            assert abs(y - float(function(x))) <= 1e-9 * max(1, abs(y)) ** 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["f", "unit"]
    assert max(map(abs, axes.get_ylim())) < 100


def test_one_function_on_given_axes() -> None:
    from matplotlib import pyplot

    axes = pyplot.subplots()[1]
    assert plot(ERA((1, 0), [(0, 1, 0, 2)]), ax=axes) is axes
    assert axes.get_xlim() == (-5, 5)
    assert axes.get_legend() is None


def test_spikes_are_drawn() -> None:
    spike = ERA(("1/2", "3.5"), [(0, "-51.7", 0, "3.82"), (0, 1, "5.304", "-0.00191")])
    top = float(spike.report((-10, 10)).value)
    assert max(plot(spike, (-10, 10)).lines[0].get_ydata()) > 0.99 * top
    assert max(plot(RationalFunction([1], ["1e-60", 0, 1]), (-7, 10)).lines[0].get_ydata()) == 1e60
    kink = PadeUnit([1], ["-1/3", 1], formula="C")  # 1/(1/10 + |x - 1/3|)
    assert max(plot(kink, (-10, 10)).lines[0].get_ydata()) == 10


def test_values_beyond_floats() -> None:
    axes = plot(RationalFunction([10**400], [1, 0, 1]), (-1, 1))
    assert max(axes.lines[0].get_ydata()) == 1e300


@pytest.mark.parametrize("interval", [None, (0, None), (1, 1), (2, 1), (0, 10**301), "ab"])
def test_bad_interval(interval: object) -> None:
    with pytest.raises((DomainError, ArgumentError), match="interval"):
        plot(RationalFunction([1]), interval)


def test_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="functions"):
        plot({"a": 3})
    with pytest.raises(ArgumentError, match=r"got the module exactnn\.nn\.era\.ERA; take its exact"):
        plot(nn.ERA(2))
    with pytest.raises(ArgumentError, match="ax"):
        plot(RationalFunction([1]), ax=3)
