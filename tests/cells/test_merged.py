"""Units that are one function are put together, and what a difference depends on is a program of its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cells import Merged, Program, StageMap, read_program
from exactnn.testing import degenerate_networks, equal_pairs
from tests.strategies import law
from tests.verify._oracles import value


def outputs(program: Program, x: Sequence[Fraction]) -> list[Fraction]:
    """The first outputs of a program, stage by stage in Fractions."""
    values = [list(x)]

    def applied(form: StageMap) -> list[Fraction]:
        total = list(form.constant.to_fractions())
        for k, block in form.blocks.items():
            flat = block.to_fractions()
            for i in range(len(total)):
                total[i] += sum(w * v for w, v in zip(flat[i * block.shape[1] : (i + 1) * block.shape[1]], values[k], strict=True))
        return total

    for stage in program.stages:
        values.append([max(z, Fraction(0)) for z in applied(stage.form)])
    return applied(program.outputs[0])


def points(rng: np.random.Generator, d: int) -> list[list[Fraction]]:
    return [[Fraction(int(v), 4) for v in rng.integers(-20, 21, d)] for _ in range(6)]


@law(60)
@given(
    degenerate_networks(inputs=(1, 3), depth=(1, 3), width=(1, 4)),
    degenerate_networks(inputs=(1, 3), depth=(1, 3), width=(1, 4)),
    st.booleans(),
)
def test_the_difference_is_that_of_the_networks(f: xn.Network, g: xn.Network, opens: bool) -> None:
    if (f.input_dim, f.output_dim) != (g.input_dim, g.output_dim):
        g = f
    part = Merged(read_program([f, g])).part(opens=opens)
    for x in points(np.random.default_rng(0), f.input_dim):
        assert outputs(part.program, x) == [a - b for a, b in zip(value(f, x), value(g, x), strict=True)]
    read = {k - 1 for stage in part.program.stages for k in stage.form.blocks}
    assert not read & set(part.open)


@law(40)
@given(equal_pairs(inputs=(1, 3)))
def test_what_cancels_is_not_there(pair: tuple[xn.Network, xn.Network]) -> None:
    f, g = pair
    merged = Merged(read_program([f, g]))
    for x in points(np.random.default_rng(1), f.input_dim):
        assert not any(outputs(merged.part().program, x))
    assert not Merged(read_program([f, f])).needed


def test_multiples_of_both_signs_are_one_function() -> None:
    f = xn.mlp([([[2, 4], [-3, -6], [0, 1]], [2, -3, 0]), ([[1, 1, 1]], [0])])
    merged = Merged(read_program([f]))
    assert [x.h for x in merged.functions] == [{0: 1, 1: 2, 2: 1}, {1: 1}]  # 2 + 2 x + 4 y and -3 - 3 x - 6 y are multiples of 1 + x + 2 y
    assert [x.unit for x in merged.functions] == [0, 2]
    part = merged.part()
    assert part.numbers == (0, 2)
    assert outputs(part.program, [Fraction(1), Fraction(1)]) == list(f((1, 1)))
    assert outputs(part.program, [Fraction(-2), Fraction(-1)]) == list(f((-2, -1)))


def test_only_what_the_difference_reads_is_kept() -> None:
    layers = [([[1, 0], [0, 1], [1, 1]], [0, 0, -1]), ([[1, 2, 0], [0, 0, 1], [3, 0, 1]], [0, 1, 2])]
    f, g = (xn.mlp([*layers, ([[1, c, 1]], [0])]) for c in (1, 2))
    merged = Merged(read_program([f, g]))
    assert [merged.functions[i].unit for i in sorted(merged.needed)] == [2, 4]
    part = merged.part(opens=True)
    assert (part.numbers, part.open) == ((2, 4), (1,))


def test_a_sign_that_is_given_is_used() -> None:
    f = xn.mlp([([[1], [-1]], [0, 0]), ([[-1, -1], [1, 1]], [-1, 2]), ([[1, 1]], [0])])  # -|x| - 1 and |x| + 2
    merged = Merged(read_program([f]), {2: -1, 3: 1})
    assert sorted(merged.assumed.values()) == [-1, 1]
    assert merged.needed == merged.grounds == merged.read_by(merged.difference)
    for x in (-3, 0, 5):
        assert outputs(merged.part().program, [Fraction(x)]) == list(f((x,)))
    assert merged.part(difference=False).numbers == (0, 2, 3)
    for unit, sign in itertools.product((2, 3), (1, -1)):
        wrong = Merged(read_program([f]), {unit: sign})
        same = all(outputs(wrong.part().program, [Fraction(x)]) == list(f((x,))) for x in (-3, 0, 5))
        assert same == ((unit, sign) in ((2, -1), (3, 1)))
