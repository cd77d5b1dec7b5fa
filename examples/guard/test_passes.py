"""A pass keeps the function of every module that is tried: proved in real arithmetic, or shown on the smallest module found."""

import copy

import pytest
import torch

import exactnn as xn
from exactnn import testing


def my_pass(module: torch.nn.Module) -> torch.nn.Module:  # yours: from my_project import my_pass
    return copy.deepcopy(module)


@pytest.mark.exactnn
def test_my_pass_keeps_the_function() -> None:
    testing.assert_preserves(my_pass, networks=testing.torch_modules(), domain=xn.Box(-1, 1), tolerance="1e-5")
