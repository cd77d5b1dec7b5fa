"""Pictures of a study that has only begun are not empty."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib").use("Agg")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
from study.pictures import over_epochs, say_empty  # noqa: E402


def test_one_epoch_is_a_dot_and_none_is_said() -> None:
    from matplotlib import pyplot

    figure, (first, second) = pyplot.subplots(1, 2)
    over_epochs(first, 1, [0.5], color="black")
    say_empty(first, "nothing yet")
    (line,) = first.lines
    assert (line.get_marker(), line.get_xdata().tolist(), line.get_ydata().tolist()) == ("o", [1], [0.5])
    assert first.get_xlabel() == "epoch"
    assert not first.texts
    over_epochs(second, 2, [], color="black")
    say_empty(second, "nothing yet")
    assert [text.get_text() for text in second.texts] == ["nothing yet"]
    third = figure.add_subplot()
    over_epochs(third, 1, [1.0] * 20, color="black")
    assert third.lines[0].get_marker() == ""
    assert all(tick == int(tick) for tick in third.get_xticks())
    pyplot.close(figure)
