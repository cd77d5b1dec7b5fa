"""Torch modules without an exact meaning: the error says which operation, where, and what to do."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from exactnn.errors import ArgumentError, NotFiniteError, ShapeError, UnsupportedOperation
from exactnn.load.torch import from_torch
from exactnn.nn import ERA, SafePade
from tests.load._torch_modules import Call


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(2 * x.numpy())

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return g


REFUSED: dict[str, tuple[nn.Module, Any, str]] = {
    "layer norm": (nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), 2, r"aten\.layer_norm at node '1'.*statistic"),
    "group norm": (nn.GroupNorm(1, 2), (2, 3), r"group_norm"),
    "instance norm": (nn.InstanceNorm1d(2), (2, 3), r"instance_norm"),
    "batch statistics": (nn.BatchNorm1d(2, track_running_stats=False), 2, r"batch_norm.*track_running_stats=True"),
    "softmax": (
        nn.Sequential(nn.Linear(2, 2), nn.Softmax(1)),
        2,
        r"softmax at node '1'.*up to the logits, by exactnn\.from_torch\(module\[:-1\], input_shape\)",
    ),
    "log softmax": (nn.LogSoftmax(1), 2, r"up to the logits"),
    "mish": (nn.Mish(), 2, r"aten\.mish"),
    "elu": (nn.ELU(), 2, r"aten\.elu"),
    "hardswish": (nn.Hardswish(), 2, r"aten\.hardswish"),
    "jump": (nn.Threshold(0, 1), 2, r"threshold.*jumps"),
    "product": (Call(lambda m, x: x * x.flip(1)), 2, r"aten\.mul at node 'mul'.*both depend"),
    "attention": (Call(lambda m, x: x @ x.mT), (2, 2), r"both depend"),
    "lstm": (Call(lambda m, x: m.l(x)[0], l=nn.LSTM(2, 2, batch_first=True)), (3, 2), r"lstm.*feedforward"),
    "indices": (Call(lambda m, x: x[:, 0] * x.max(1)[1]), 2, r"indices"),
    "division": (Call(lambda m, x: x / x), 2, r"divisor depends on the input"),
    "division by zero": (Call(lambda m, x: x / m.c, c=torch.tensor([1.0, 0])), 2, r"divisor is zero"),
    "floor division": (Call(lambda m, x: torch.div(x, 2, rounding_mode="floor")), 2, r"jumps"),
    "rounding": (Call(lambda m, x: x.half()), 2, r"float16 rounds"),
    "random": (Call(lambda m, x: F.dropout(x)), 2, r"dropout.*eval"),
    "noise": (Call(lambda m, x: x + torch.rand_like(x)), 2, r"rand_like.*random"),
    "mixed batch": (Call(lambda m, x: x - x.mean(0)), 2, r"batch axis"),
    "reshaped batch": (Call(lambda m, x: x.view(-1, 2).relu()), 4, r"mixes the batch axis"),
    "first point": (Call(lambda m, x: x[:1] + x), 2, r"batch"),
    "batch size": (Call(lambda m, x: x / x.shape[0]), 2, r"size of the batch"),
    "batch size by len": (Call(lambda m, x: x / len(x)), 2, r"batches of 13 and of 3"),
    "batch size in a branch": (Call(lambda m, x: x if x.shape[0] > 5 else -x), 2, r"batches of 13 and of 3"),
    "batch size in a sum": (Call(lambda m, x: x + torch.ones(x.shape[0], 2).sum(0)), 2, r"batches of 13 and of 3"),
    "different constants": (Call(lambda m, x: x + torch.arange(len(x))[:, None]), 2, r"point to point"),
    "batch axis last": (Call(lambda m, x: x.T), 2, r"batch axis first"),
    "branch": (Call(lambda m, x: x if x.sum() > 0 else -x), 2, r"decides on the values"),
    "number": (Call(lambda m, x: x * float(x.max())), 2, r"forward cannot be traced"),
    "autograd function": (Call(lambda m, x: Doubled.apply(x)), 2, r"tensor\.numpy gives values that depend on the input"),
    "output": (Call(lambda m, x: (x, 3)), 2, r"output 1 is 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_and_where(name: str) -> None:
    module, shape, message = REFUSED[name]
    with pytest.raises(UnsupportedOperation, match=message):
        from_torch(module.eval(), shape)


def test_a_changing_buffer_is_refused() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.n += 1
        return x + m.n

    def assigned(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.n = m.n + x.sum()
        return x

    for function in (forward, assigned):
        module = Call(function, n=torch.zeros(1)).eval()
        with pytest.raises(UnsupportedOperation, match="buffer 'n'"):
            from_torch(module, 1)
        assert module.n.item() == 0


class Counting(nn.Module):
    """Changes a buffer, in place or by assignment, and may decide on it."""

    def __init__(self, *, assigned: bool = False, branching: bool = False) -> None:
        super().__init__()
        self.n: torch.Tensor
        self.register_buffer("n", torch.zeros(1))
        self.assigned, self.branching = assigned, branching

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.assigned:
            self.n = self.n + 1
        else:
            self.n += 1
        if self.branching and self.n.item() > 5:
            return -x
        return x * self.n


@pytest.mark.parametrize("assigned", [False, True])
@pytest.mark.parametrize("branching", [False, True])
def test_a_changing_buffer_is_refused_whatever_traces_it(assigned: bool, branching: bool) -> None:
    module = Counting(assigned=assigned, branching=branching).eval()
    with pytest.raises(UnsupportedOperation, match="changes the buffer 'n'"):
        from_torch(module, 2)
    assert module.n.item() == 0


def test_a_changing_parameter_is_refused() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            m.l.weight.add_(1)
        return m.l(x)

    layer = nn.Linear(1, 1)
    before = layer.weight.item()
    with pytest.raises(UnsupportedOperation, match=r"l\.weight"):
        from_torch(Call(forward, l=layer).eval(), 1)
    assert layer.weight.item() == before


def test_a_module_that_decides_on_its_own_buffer_is_traced_by_running_it() -> None:
    class Switched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("on", torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x if self.on.item() > 0 else x

    module = Switched().eval()
    assert from_torch(module, 1)([3]) == (6,)
    assert module.on.item() == 1


class Fails(nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise self.error


class Endless(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self(x)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Fails(KeyError("mine")), "KeyError: 'mine'"),
        (Fails(AttributeError("mine")), "AttributeError: mine"),
        (Call(lambda m, x: x + None), "TypeError"),
        (Endless(), "RecursionError"),
        (nn.Module(), "NotImplementedError"),
    ],
)
def test_a_fault_of_the_module_is_not_blamed_on_the_shape(module: nn.Module, reason: str) -> None:
    with pytest.raises(ArgumentError, match=f"module: its forward fails .*{reason}") as caught:
        from_torch(module.eval(), 2)
    assert not isinstance(caught.value, ShapeError)


class Leaf(nn.Module):
    def __init__(self, given: Any) -> None:
        super().__init__()
        self.given = given

    def exact(self) -> Any:
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (3, "not iterable"),
        (SimpleNamespace(numerator=[1], denominator=[0]), "not zero"),
        (SimpleNamespace(numerator=[math.nan], denominator=[1]), "finite"),
        (SimpleNamespace(numerator=[1], denominator="ab"), "a number like"),
        (KeyError("mine"), "mine"),
    ],
)
def test_exact_that_gives_no_rational_function(given: Any, reason: str) -> None:
    with pytest.raises(ArgumentError, match=rf"module: Leaf(\.exact\(\) must give a rational function| has no exact form).*{reason}"):
        from_torch(nn.Sequential(nn.Linear(2, 2), Leaf(given)).eval(), 2)


@pytest.mark.parametrize(
    ("unit", "shape"),
    [
        (ERA(2, channels=2), (4,)),
        (ERA(2, channels=1), (5,)),
        (ERA(2, channels=6, groups=2), (4,)),
        (ERA(2, channels=6, groups=2), (3,)),
        (ERA(2, channels=2, axis=-1), (2, 4)),
        (ERA(2, channels=2, axis=2), (2,)),
        (ERA(2, channels=2), ()),
        (SafePade("N", channels=2), (4,)),
        (SafePade("N", groups=3), (4,)),
    ],
)
def test_a_unit_is_refused_where_its_forward_is(unit: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as expected:
        unit(torch.zeros(2, *shape))
    wanted = str(expected.value).replace(str((2, *shape)), str(("batch", *shape)).replace("'", "").replace(",)", ")"))
    with pytest.raises(ShapeError) as caught:
        from_torch(unit, shape)
    assert str(caught.value) == f"input_shape: {wanted}"
    inside = nn.Sequential(nn.Identity(), unit)
    with pytest.raises(ShapeError, match="input_shape"):
        from_torch(inside, shape)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_weight_that_is_no_number_is_named(bad: float) -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 2)).eval()
    with torch.no_grad():
        module[2].weight[1, 5] = bad
    with pytest.raises(NotFiniteError, match=r"2\.weight.*index \(1, 5\)"):
        from_torch(module, (1, 3, 3))


def test_wrong_shapes() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(6, 2)).eval()
    for shape in (7, (2, 2), (1, 2, 3, 2)):
        with pytest.raises(ShapeError, match="without the batch axis"):
            from_torch(module, shape)
    with pytest.raises(ShapeError, match="does not accept"):
        from_torch(module, ((6,), (6,)))
    with pytest.raises(ShapeError, match=r"does not accept points of shape \(\)"):
        from_torch(nn.Linear(2, 2).eval(), ())  # in a batch of two it would do
    for huge in (10**12, (2**13, 2**13), ((2**24,), (2**24, 1), (1,))):
        with pytest.raises(ShapeError, match=r"input_shape: points of at most 2\^25"):
            from_torch(nn.ReLU(), huge)
    with pytest.raises(ShapeError, match="at least one entry"):
        from_torch(module, (0, 6))
    for shape in ("6", 6.0, True, (None, 6), [[6], "a"]):
        with pytest.raises(ArgumentError, match="input_shape"):
            from_torch(module, shape)


def test_what_is_no_module() -> None:
    for given in (nn.ReLU, F.relu, "model.pt", {"weight": torch.ones(1)}):
        with pytest.raises(ArgumentError, match="module"):
            from_torch(given, 2)  # type: ignore[arg-type]
    for module in (nn.LazyLinear(2), nn.Linear(2, 2, device="meta")):
        with pytest.raises(ArgumentError, match="'weight' has none"):
            from_torch(module, 2)
    with pytest.warns(DeprecationWarning, match="script"):
        script = torch.jit.script(nn.ReLU())
    with pytest.raises(ArgumentError, match="TorchScript"):
        from_torch(script, 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (nn.Linear(2, 1).state_dict(), r"^module: .*got OrderedDict; .*module\.load_state_dict"),
        ("model.pt", r"^module: .*got the path 'model\.pt'; .*exactnn\.load"),
        (nn.Linear, r"^module: .*got the class Linear; call it"),
        (torch.zeros(2), r"^module: .*got Tensor$"),
    ],
)
def test_what_is_given_in_a_modules_place(given: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        from_torch(given, (2,))
