"""The window around points: all of few, the middle of many, never without width."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.pictures.window import around, bounding_box
from tests.strategies import law

NUMBERS = st.fractions(-100, 100, max_denominator=50)


@law(60)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=11), st.sampled_from([Fraction(1, 10), Fraction(4, 5)]))
def test_few_points_are_all_inside(points: list[tuple[Fraction, Fraction]], margin: Fraction) -> None:
    low, high = (b.to_fractions() for b in around(points, 2, margin=margin).bounds)
    assert all(a < v < b for p in points for a, v, b in zip(low, p, high, strict=True))
    width, height = high[0] - low[0], high[1] - low[1]
    assert min(width, height) * 3 > max(width, height)


def test_of_many_points_those_far_out_do_not_count() -> None:
    points = [(Fraction(i), Fraction(i % 7)) for i in range(40)]
    far = [*points, (Fraction(10**6), Fraction(0)), (Fraction(0), Fraction(-(10**6)))]
    near = around(points, 2, margin=Fraction(1, 5)).bounds
    trimmed = around(far, 2, margin=Fraction(1, 5)).bounds
    assert trimmed[0].to_fractions() == near[0].to_fractions()
    assert trimmed[1].to_fractions() == near[1].to_fractions()
    assert around(far, 2, margin=Fraction(1, 5), trim=False).bounds[1].to_fractions()[0] > 10**6


@pytest.mark.parametrize(("point", "low", "high"), [((0,), -1, 1), ((4,), 0, 8), ((-4,), -8, 0)])
def test_a_single_point_has_room(point: tuple[int, ...], low: int, high: int) -> None:
    box = around([tuple(map(Fraction, point))], 1, margin=Fraction(0))
    ((a,), (b,)) = (v.to_fractions() for v in box.bounds)
    assert (a, b) == (low, high)


def test_the_smallest_box() -> None:
    box = bounding_box([(Fraction(1), Fraction(5)), (Fraction(-2), Fraction(7))])
    assert [b.to_fractions() for b in box.bounds] == [(-2, 5), (1, 7)]
