"""Several hundred small torch modules: each is read as the function it computes, or refused; none is read as another function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from exactnn.errors import ExactnnError, LoadError
from exactnn.exact.array import RationalArray
from exactnn.load.torch import from_torch
from tests.load._torch_zoo import NEVER, READ
from tests.load.test_torch import flat, points


def _check(module: nn.Module, shape: Any, dtype: torch.dtype) -> None:
    module = module.to(dtype).eval()
    net = from_torch(module, shape)
    inputs = points(shape, dtype)
    with torch.no_grad():
        expected = flat(module(*inputs)).numpy()
    found = net.evaluate(RationalArray.of(flat(inputs))).to_float()
    assert np.abs(found - expected).max() <= (1e-9 if dtype == torch.float64 else 1e-4) * (1 + np.abs(expected).max())
    assert net.reading[-1].startswith("compared with the module at 3 points")
    assert "loosely" not in net.reading[-1]


#: a third of them in the fast lane
NAMES = [name if i % 3 == 0 else pytest.param(name, marks=pytest.mark.slow) for i, name in enumerate(READ)]


@pytest.mark.parametrize("name", NAMES)
def test_read_as_the_function_it_computes(name: str) -> None:
    module, shape = READ[name]
    _check(module, shape, torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", READ)
def test_read_as_the_function_it_computes_in_float64(name: str) -> None:
    module, shape = READ[name]
    _check(module, shape, torch.float64)


@pytest.mark.parametrize("name", NEVER)
def test_never_read_as_another_function(name: str) -> None:
    module, shape = NEVER[name]
    with pytest.raises(ExactnnError) as caught:
        from_torch(module.eval(), shape)
    assert isinstance(caught.value, LoadError) or "finite" in str(caught.value)
