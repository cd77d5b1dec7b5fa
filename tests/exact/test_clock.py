"""Time limits: what is in force, and when work is not begun."""

from __future__ import annotations

from fractions import Fraction

import pytest

from exactnn import Polyhedron
from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import approximately


def test_without_a_limit_nothing_stops() -> None:
    assert clock_in_force().limit is None
    clock_in_force().check("unused", seconds=10**9)
    Clock(None).check("unused", seconds=10**9)


def test_the_limit_stops_and_says_how_far_the_work_was() -> None:
    with pytest.raises(Incomplete, match=r"^the time limit of 0\.0 s was reached; half was done$") as stopped:
        Clock(0).check("half was done", 7)
    assert stopped.value.partial == 7


def test_a_step_that_takes_longer_than_is_left_is_not_begun() -> None:
    clock = Clock(10)
    clock.check("a step was to come", seconds=9)
    with pytest.raises(Incomplete, match=r"of 10\.0 s leaves too little for the next step, of about 30 s; a step was to come"):
        clock.check("a step was to come", seconds=30)


def test_the_clock_with_less_time_left_is_in_force() -> None:
    long, short = Clock(100), Clock(10)
    with long.running():
        assert clock_in_force() is long
        with short.running():
            assert clock_in_force() is short
            with Clock(None).running(), Clock(50).running():
                assert clock_in_force() is short
        assert clock_in_force() is long
    assert clock_in_force().limit is None


def test_the_clock_is_out_of_force_after_an_error() -> None:
    with pytest.raises(Incomplete), Clock(0).running():
        clock_in_force().check("")
    assert clock_in_force().limit is None


def test_last_words_have_a_little_time() -> None:
    clock = Clock(0)
    with clock.running(), clock.grace():
        clock_in_force().check("the partial answer was being made")
        assert clock_in_force().left() <= 0.5


def test_a_share_of_the_time() -> None:
    assert Clock(10).at_most(3).limit == 3
    share = Clock(10).at_most(100).limit
    assert share is not None
    assert 9 < share <= 10
    assert Clock(0).at_most(5).limit == 0


def test_timed_functions_are_under_their_clock() -> None:
    @timed
    def ask(*, time_limit: float | None = None) -> float | None:
        return clock_in_force().limit

    assert ask() is None
    assert ask(time_limit=5) == 5
    with Clock(2).running():
        assert ask(time_limit=5) == 2
    with pytest.raises(ArgumentError, match="time_limit"):
        ask(time_limit=-1)


def test_polyhedra_ask_the_clock_in_force_and_are_none_the_worse_for_it() -> None:
    triangle = Polyhedron([[1, 1], [-1, 0], [0, -1]], [1, 0, 0])
    with pytest.raises(Incomplete, match="linear program"), Clock(0).running():
        triangle.interior_point()
    with pytest.raises(Incomplete, match="vertices"), Clock(0).running():
        triangle.vertices()
    assert triangle.contains(triangle.interior_point())
    assert len(triangle.vertices()) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(-5, 3), "-5/3"),
        (Fraction(1, 3**60), "about 2.35898e-29"),
        (Fraction(-(10**5000) - 1, 7), "about -1.42857e+4999"),
        (Fraction(1, 10**4000 + 1), "about 1e-4000"),
    ],
)
def test_numbers_in_sentences_are_short(value: Fraction, text: str) -> None:
    assert approximately(value) == text


def test_the_last_words_name_the_limit_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with Clock(20).grace():
        last = clock_in_force()
        assert last.limit == 1.5
        monkeypatch.setattr(last, "start", last.start - 2)
        with pytest.raises(Incomplete, match=r"^the time limit of 20\.0 s was reached; words"):
            last.check("words")
