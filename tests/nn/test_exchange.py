"""Modules and exact functions, back and forth; checkpoints that are of another function."""

from __future__ import annotations

import copy
import io
from fractions import Fraction
from typing import Any

import pytest
import torch

import exactnn as xn
from exactnn import nn, rational
from exactnn.errors import ArgumentError, NotFiniteError, ShapeError
from exactnn.rational import BOULLE, PadeUnit


def test_era_back_and_forth() -> None:
    sigma = rational.ERA(("1/2", 3), [(1, -2, "3/4", 2), (0, 5, -1, "1/8")], epsilon="1/64")
    module = nn.ERA.from_exact(sigma, dtype=torch.float64)
    assert module.exact() == sigma
    assert module.epsilon == 1 / 64
    line = nn.ERA.from_exact(rational.ERA((2, 1)))
    assert line.exact() == rational.ERA((2, 1))
    several = nn.ERA.from_exact([sigma, rational.ERA((2, 1), epsilon="1/64")], channels=2, dtype=torch.float64)
    assert several.exact() == [sigma, rational.ERA((2, 1))]
    for again in (copy.deepcopy(module), nn.ERA.from_exact(module.exact(), dtype=torch.float64)):
        assert again.exact() == sigma


def test_era_rounded() -> None:
    module = nn.ERA.from_exact(BOULLE.to_era())
    error, _ = rational.maximum_error(module.exact(), BOULLE)
    assert error.upper < Fraction(1, 10**6)


@pytest.mark.parametrize("formula", "ABCDN")
def test_units_back_and_forth(formula: str) -> None:
    unit = PadeUnit([0, 1, "1/4"], [0, "1/2", 0, 3], formula=formula)
    module = nn.SafePade.from_exact(unit, dtype=torch.float64).eval()
    assert module.exact() == unit
    constant = PadeUnit([2], [], formula=formula)
    assert nn.SafePade.from_exact(constant).eval().exact()(5) == constant(5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.ERA.from_exact(BOULLE), ArgumentError, "sigma: an exactnn.rational.ERA is needed, got RationalFunction"),
        (lambda: nn.ERA.from_exact(BOULLE.to_era(), channels=2), ArgumentError, "sigma: a list"),
        (lambda: nn.ERA.from_exact([BOULLE.to_era()], channels=2), ShapeError, "fractions"),
        (lambda: nn.ERA.from_exact([rational.ERA((1, 2)), rational.ERA((1, 2), epsilon=1)], channels=2), ArgumentError, "epsilon"),
        (lambda: nn.ERA.from_exact(rational.ERA((10**60, 0))), NotFiniteError, "a"),
        (lambda: nn.ERA.from_exact(rational.ERA((1, 0), [(1, 0, 0, 0)])), ArgumentError, "denominator 0"),
        (lambda: nn.SafePade.from_exact(BOULLE), ArgumentError, "unit"),
        (lambda: nn.SafePade.from_exact(PadeUnit([1], [1], basis="legendre")), ArgumentError, "basis"),
        (lambda: nn.SafePade.from_exact(PadeUnit([10**60], [1])), NotFiniteError, "a"),
    ],
)
def test_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_pole_is_an_answer() -> None:
    module = torch.nn.Sequential(nn.ERA(2), nn.ERA(2, epsilon=0))
    with torch.no_grad():
        module[1].f.zero_()
        module[1].e.fill_(1.5)
    with pytest.raises(ArgumentError, match="denominator 0"):
        module[1].exact()
    verdict = xn.verify_pole_free(module)
    assert verdict.refuted
    assert verdict.pole.value == Fraction(3, 2)
    assert xn.check(verdict.certificate)
    with torch.no_grad():
        module[1].c.zero_()
        module[1].d.zero_()
    assert xn.verify_pole_free(module).proved


def test_a_checkpoint_of_another_function_is_refused() -> None:
    for one, other in ((nn.ERA(2, epsilon=0), nn.ERA(2)), (nn.SafePade("A"), nn.SafePade("B"))):
        file = io.BytesIO()
        torch.save(torch.nn.Sequential(one).state_dict(), file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
        torch.nn.Sequential(copy.deepcopy(one)).load_state_dict(state)
        with pytest.raises(ArgumentError, match="state_dict: that of a"):
            torch.nn.Sequential(other).load_state_dict(state)
