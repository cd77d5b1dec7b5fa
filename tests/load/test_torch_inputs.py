"""What `from_torch` takes, what it says on how it read it, and that the module is as before afterwards."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import exactnn as xn
from exactnn.errors import ArgumentError, ShapeError, UnsupportedOperation
from tests.load._torch_modules import Call


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()


# --- shapes ----------------------------------------------------------------------------------------------------------------


def test_an_example_or_nothing_in_the_place_of_the_shape() -> None:
    module = small()
    expected = xn.from_torch(module, 3)
    assert xn.from_torch(module) == expected
    assert xn.from_torch(module, torch.zeros(5, 3)) == expected
    assert xn.from_torch(module, (torch.zeros(5, 3),)) == expected
    pair = Call(lambda m, x, y: torch.cat([x.flatten(1), y], 1)).eval()
    assert xn.from_torch(pair, (torch.zeros(1, 2, 2), torch.zeros(1, 3))) == xn.from_torch(pair, ((2, 2), (3,)))
    assert xn.from_torch(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(5)).eval()).input_dim == 5


@pytest.mark.parametrize(
    ("module", "given", "kind", "words"),
    [
        (nn.Conv2d(1, 1, 1), None, ArgumentError, r"Conv2d.*does not tell it"),
        (nn.ReLU(), None, ArgumentError, "no layer that tells it"),
        (nn.Linear(3, 2), torch.zeros(3), ArgumentError, r"two axes or more.*\(3,\)"),
        (nn.Linear(3, 2), np.int64(4), ShapeError, r"points of shape \(4,\)"),
        (nn.Linear(3, 2), torch.zeros(2, 3, dtype=torch.int64), ArgumentError, "tensor of floats"),
        (nn.Linear(3, 2), torch.tensor(1.0), ArgumentError, "batch axis in front"),
        (nn.Linear(3, 2), 7, ShapeError, r"does not accept points of shape \(7,\).*called with a batch of 2"),
    ],
)
def test_shapes_that_are_refused(module: nn.Module, given: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        xn.from_torch(module.eval(), given)


def test_quantised_layers_are_refused() -> None:
    class Linear(nn.Linear):
        pass

    Linear.__module__ = "torch.ao.nn.quantized.dynamic.modules.linear"
    with pytest.raises(UnsupportedOperation, match=r"0 is a quantised layer.*before quantisation"):
        xn.from_torch(nn.Sequential(Linear(2, 2)).eval(), 2)


def test_forwards_that_cannot_be_called() -> None:
    class Keyword(nn.Module):
        def forward(self, x: torch.Tensor, *, scale: float) -> torch.Tensor:
            return x * scale

    with pytest.raises(ArgumentError, match="keyword arguments scale"):
        xn.from_torch(Keyword().eval(), 2)
    with torch.inference_mode():
        layer = nn.Linear(2, 2)
    with pytest.raises(ArgumentError, match=r"'weight' was made under torch\.inference_mode"):
        xn.from_torch(layer.eval())
    with pytest.raises(UnsupportedOperation, match="returns no tensor"):
        xn.from_torch(Call(lambda m, x: None).eval(), 2)
    with pytest.raises(UnsupportedOperation, match="more than 134217728 entries for one point"):
        xn.from_torch(Call(lambda m, x: x[:, :, None].expand(-1, -1, 10**10)).eval(), 2)
    with pytest.raises(ArgumentError, match="compare: True or False"):
        xn.from_torch(small(), compare="no")  # type: ignore[arg-type]


# --- exported programs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 5, None])
def test_exported_programs(batch: int | None) -> None:
    module = small()
    dynamic = None if batch else ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(module, (torch.zeros(batch or 4, 3),), dynamic_shapes=dynamic)
    net = xn.from_torch(program)
    reference = xn.from_torch(module, 3)
    assert xn.verify_equal(net, reference).status == "proved"
    said = f"exported for batches of {batch} points, read as the function of one point"
    assert (said in net.reading) is (batch in (2, 5))
    assert net.reading[-1].startswith("compared with the module at 3 points")
    assert xn.from_torch(program, 3) == net
    with pytest.raises(ShapeError, match="exported for"):
        xn.from_torch(program, 4)


def test_a_fixed_batch_in_a_view() -> None:
    program = torch.export.export(Call(lambda m, x: x.view(4, -1)[:, 1:] + 1), (torch.zeros(4, 3, 2),))
    assert xn.from_torch(program)([1, 2, 3, 4, 5, 6]) == (3, 4, 5, 6, 7)
    mixing = torch.export.export(Call(lambda m, x: x.view(2, -1)), (torch.zeros(4, 3, 2),))
    with pytest.raises(UnsupportedOperation, match="mixes the batch axis"):
        xn.from_torch(mixing)


def test_programs_that_are_refused() -> None:
    two = torch.export.export(Call(lambda m, x, y: (x, y)), (torch.zeros(2, 3), torch.zeros(4, 3)))
    with pytest.raises(ArgumentError, match="one batch axis"):
        xn.from_torch(two)
    integers = torch.export.export(Call(lambda m, x: x * 1.0), (torch.zeros(2, 3, dtype=torch.int64),))
    with pytest.raises(ArgumentError, match="tensors of floats"):
        xn.from_torch(integers)

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("n", torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.n += 1
            return x * self.n

    with pytest.raises(UnsupportedOperation, match="changes the buffer 'n'"):
        xn.from_torch(torch.export.export(Counting(), (torch.zeros(2, 3),)))


# --- what is said, and what is left ----------------------------------------------------------------------------------------


def test_info_says_whether_it_was_compared() -> None:
    module = small()
    assert "within the rounding of float32" in xn.from_torch(module).info
    assert xn.from_torch(module, compare=False).reading == ("not compared with the module",)
    deep = nn.Sequential(*(nn.Linear(30, 30) for _ in range(12))).eval()
    assert "1e-06 of the largest value" in xn.from_torch(deep).info
    single = Call(lambda m, x: m.deep(x).to(torch.float32), deep=deep).eval()
    assert "loosely" in xn.from_torch(single, 30).info


class Helper:
    """Not a module."""

    count = 0


class Busy(nn.Module):
    """Changes all that it can reach, and computes 2 x + 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), 2.0))
        self.register_buffer("one", torch.ones(1))
        self.list, self.dict, self.set, self.queue, self.array = [1], {"a": 1}, {1}, deque([1]), np.ones(2)
        self.plain, self.number = torch.ones(2), 1
        self.nested, self.helper = {"a": [0]}, Helper()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_exporting():
            self.list.append(2)
            self.dict["b"] = 2
            self.set.add(2)
            self.queue.append(2)
            self.array += 1
            self.plain += 1
            self.helper.count += 1
            self.nested["a"][0] += 1
        self.number += 1
        self.new = x
        return x * self.weight + self.one


def test_the_module_and_the_generators_are_as_before() -> None:
    module = Busy().eval()
    parameter, place, buffer = module.weight, module.weight.data_ptr(), module.one
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = torch.rand(1).item(), random.random(), np.random.rand()  # noqa: NPY002
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    assert xn.from_torch(module, 1)([3]) == (7,)
    assert (torch.rand(1).item(), random.random(), np.random.rand()) == expected  # noqa: NPY002
    assert (module.list, module.dict, module.set, list(module.queue), module.array.tolist()) == ([1], {"a": 1}, {1}, [1], [1, 1])
    assert (module.plain.tolist(), module.number, hasattr(module, "new")) == ([1, 1], 1, False)
    assert (module.nested, module.helper.count) == ({"a": [0]}, 0)
    assert module.weight is parameter
    assert module.weight.data_ptr() == place
    assert module.one is buffer
    assert module.weight.requires_grad
    assert module.weight.grad is None


def test_a_parameter_that_is_changed_in_every_call_is_put_back() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_exporting():
            m.l.weight.data.mul_(2)
        return m.l(x)

    layer = nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    with pytest.raises(UnsupportedOperation, match="a second call gives another value"):
        xn.from_torch(Call(forward, l=layer).eval(), 2)
    assert torch.equal(layer.weight, before)
