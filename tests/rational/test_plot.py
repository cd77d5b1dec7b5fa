"""Graphs: what is drawn, where poles are, and what cannot be drawn."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from exactnn import nn
from exactnn.errors import ArgumentError, DomainError, MissingDependency
from exactnn.rational import BOULLE, ERA, PadeUnit, RationalFunction, plot

pytest.importorskip("matplotlib").use("Agg")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def legend(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


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
    assert legend(axes) == ["f", "unit", "real pole"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("$x$", "value", "2 rational activations")
    assert max(map(abs, axes.get_ylim())) < 100


def test_one_function_on_given_axes() -> None:
    from matplotlib import pyplot

    axes = pyplot.subplots()[1]
    assert plot(ERA((1, 0), [(0, 1, 0, 2)]), ax=axes) is axes
    assert axes.get_xlim() == (-5, 5)
    assert legend(axes) == ["pole, and its distance from the real line"]
    assert axes.get_title() == "ERA with 1 fraction\nno real pole here, the nearest pole is 2 from the real line"
    assert plot(RationalFunction([0, 0, 1]), title="a parabola").get_legend() is None
    assert plot(RationalFunction([0, 0, 1]), title="a parabola").get_title() == "a parabola"


def test_spikes_are_drawn() -> None:
    spike = ERA(("1/2", "3.5"), [(0, "-51.7", 0, "3.82"), (0, 1, "5.304", "-0.00191")])
    top = float(spike.report((-10, 10)).value)
    assert max(plot(spike, (-10, 10)).lines[0].get_ydata()) > 0.99 * top
    assert max(plot(RationalFunction([1], ["1e-60", 0, 1]), (-7, 10)).lines[0].get_ydata()) == 1e60
    kink = PadeUnit([1], ["-1/3", 1], formula="C")  # 1/(1/10 + |x - 1/3|)
    assert max(plot(kink, (-10, 10)).lines[0].get_ydata()) == 10


def test_poles_beside_the_line_are_marked_with_their_distances() -> None:
    x = RationalFunction.x()
    axes = plot(1 / (((x - 1) ** 2 + 4) * ((x + 2) ** 2 + Fraction(1, 16)) * (x - 7)), (-5, 5))
    assert sorted(item.get_offsets().tolist()[0][0] for item in axes.collections if item.get_gid() == "pole") == [-2, 1]
    assert {text.get_text(): text.xy[0] for text in axes.texts} == {"0.25": -2, "2": 1}
    assert not [line for line in axes.lines if line.get_gid() == "real pole"]  # 7 is outside
    unit = PadeUnit([1], [0, 1], formula="A")  # 1/(1 + |x^2|), with one function on both sides of 0
    assert {text.get_text() for text in plot(unit, (-2, 2)).texts} == {"1"}


def test_spikes_are_written_and_need_another_scale() -> None:
    spike = ERA(("1/2", "3.5"), [(0, "-51.7", 0, "3.82"), (0, 1, "5.304", "-0.00191")])
    axes = plot(spike, (-10, 10))
    (text,) = [text for text in axes.texts if text.get_gid() == "spike"]
    found = spike.report((-10, 10))
    assert text.get_text() == f"{float(found.value):,.0f} at $x$ = {float(found.value_at[0]):.4g}"
    assert text.xy == pytest.approx((float(found.value_at[0]), float(found.value)))
    assert axes.get_yscale() == "asinh"
    assert [tick.get_text() for tick in axes.get_yticklabels()][:2] == ["0", "$10^{1}$"]
    tame = plot(spike, (-3, 3))
    assert (tame.get_yscale(), [text for text in tame.texts if text.get_gid() == "spike"]) == ("linear", [])
    assert plot(spike, (-10, 10), scale="linear").get_yscale() == "linear"
    assert plot(BOULLE, scale="log").get_yscale() == "asinh"
    below = plot({"g": RationalFunction([-1], ["1e-6", 0, 1])}, (-5, 5))
    assert [text.get_text() for text in below.texts if text.get_gid() == "spike"] == ["-1,000,000 at $x$ = 0"]


def test_equal_pictures_are_equal_files(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        plot({"f": BOULLE}, path=tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    with pytest.raises(ArgumentError, match="path"):
        plot(BOULLE, path="a.txt")


def test_without_matplotlib_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependency, match=r"pip install 'exactnn\[plot\]'"):
        plot(BOULLE)


def test_values_beyond_floats() -> None:
    narrow = plot(RationalFunction([1], ["1e-300", 0, 1]), (-1, 1))
    narrow.figure.canvas.draw()
    assert narrow.get_ylim()[1] > 1e300
    assert [text.get_text() for text in narrow.texts if text.get_gid() == "spike"] == ["1e+300 at $x$ = 0"]
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
    with pytest.raises(ArgumentError, match="functions: at least one"):
        plot({})
    with pytest.raises(ArgumentError, match="scale: one of 'auto'"):
        plot(RationalFunction([1]), scale="wide")
    with pytest.raises(ArgumentError, match="title"):
        plot(RationalFunction([1]), title=3)


def test_colours_are_those_that_are_given() -> None:
    f, g = RationalFunction([1], [1, 0, 1]), RationalFunction([0, 1])
    for given in ({"color": "red"}, {"colour": "red"}, {"color": ["red"]}):
        axes = plot(f, **given)
        assert axes.lines[0].get_color() == "red"
        (pole,) = [c for c in axes.collections if c.get_gid() == "pole"]
        assert tuple(pole.get_facecolor()[0]) == (1, 0, 0, 1)
    assert [line.get_color() for line in plot({"f": f, "g": g}, color=["#0072b2", "tab:red"]).lines] == ["#0072b2", "tab:red"]
    assert [line.get_color() for line in plot({"f": f, "g": g}, color="black").lines] == ["black"] * 2
    for wrong, words in {
        "blurple": "color: a matplotlib colour, or a list of them, is needed, got 'blurple'",
        ("red", "blurple"): "got 'blurple'",
        ("red", "red"): "color: one colour, or a list of 1, one for each function, is needed, got 2",
        5: "got 5",
    }.items():
        with pytest.raises(ArgumentError, match=words):
            plot(f, color=wrong)
    with pytest.raises(ArgumentError, match="color: the other spelling"):
        plot(f, color="red", colour="red")


def test_poles_above_one_place_are_all_seen() -> None:
    axes = plot({"near": RationalFunction([1], [1, 0, 1]), "far": RationalFunction([1], [4, 0, 1])})
    places = [tuple(c.get_offsets()[0]) for c in axes.collections if c.get_gid() == "pole"]
    assert [x for x, _ in places] == [0, 0]
    assert places[1][1] - places[0][1] > 0.04
