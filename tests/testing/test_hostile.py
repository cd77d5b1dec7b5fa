"""Passes, strategies and surroundings that are not as the harness would like them: what is said, and that nothing is left behind."""

from __future__ import annotations

import copy
import functools
import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import exactnn as xn
from exactnn import testing as xt
from exactnn.errors import ArgumentError, PropertyFailed
from tests.testing import _planted as planted
from tests.testing._screen import fits

F = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
DENSE = xt.torch_modules(kinds=["dense"], depth=1)


def failure(transformation: Any, **options: Any) -> PropertyFailed:
    with pytest.raises(PropertyFailed) as caught:
        xt.assert_preserves(transformation, seed=5, **({"max_examples": 8} | options))
    assert fits(str(caught.value))
    return caught.value


def _generated(net: xn.Network) -> Iterator[xn.Network]:
    yield net


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (lambda net: lambda: net, "a function"),
        (_generated, "a generator"),
        (lambda net: (net, 1), "a tuple"),
        (lambda net: xn.Network, "a type"),
        (lambda net: None, "None"),
        (lambda net: 1, "an int"),
    ],
)
def test_what_is_no_model_is_named(wrong: Any, got: str) -> None:
    found = failure(wrong)
    assert found.kind == "type"
    assert f"took a Network and returned {got}, not a Network" in str(found)


def _exits(net: Any) -> Any:
    sys.exit(3)


def _recurses(net: Any) -> Any:
    return _recurses(net)


@pytest.mark.parametrize(("wrong", "words"), [(_exits, "_exits raised SystemExit: 3"), (_recurses, "raised RecursionError")])
def test_what_ends_or_recurses_is_a_failure_of_the_pass(wrong: Any, words: str) -> None:
    found = failure(wrong)
    assert found.kind == "raised"
    assert words in str(found)


def test_what_holds_for_all_of_torch_is_watched_and_put_back() -> None:
    def widens(module: nn.Module) -> nn.Module:
        torch.set_default_dtype(torch.float64)
        return copy.deepcopy(module)

    def stops(module: nn.Module) -> nn.Module:
        torch.set_grad_enabled(False)
        return module

    found = failure(widens, networks=DENSE, inplace=True)
    assert found.kind == "mutated"
    assert "changed torch's default dtype from torch.float32 to torch.float64 (which is put back)" in str(found)
    assert torch.get_default_dtype() == torch.float32
    assert "torch's grad mode from True to False" in str(failure(stops, networks=DENSE))
    assert torch.is_grad_enabled()


def test_the_training_mode_is_part_of_the_argument() -> None:
    found = failure(lambda module: module.train(), networks=DENSE)
    assert found.kind == "mutated"
    assert "0: its settings" in str(found)


def test_modules_on_no_processor_are_refused() -> None:
    found = failure(lambda module: copy.deepcopy(module).to("meta"), networks=DENSE)
    assert found.kind == "refused"
    assert "'0.weight' has none yet" in str(found)


def test_sparse_weights_are_refused() -> None:
    def sparse(module: nn.Module) -> Any:
        made: Any = copy.deepcopy(module)
        made[0].weight = nn.Parameter(made[0].weight.to_sparse())
        return made

    assert failure(sparse, networks=DENSE).kind == "refused"


def test_a_pass_that_removes_its_file(tmp_path: Path) -> None:
    found = failure(lambda path: Path(path).unlink() or path, networks=xt.onnx_models(form="path"))  # type: ignore[func-returns-value]
    assert found.kind == "mutated"
    assert "the file is gone" in str(found)


def test_refusals_name_no_file_that_nobody_has_seen() -> None:
    found = failure(lambda data: b"no model", networks=xt.onnx_models(form="bytes"))
    assert found.kind == "refused"
    assert "cannot be read: an ONNX protobuf is needed" in str(found)


def test_another_precision_of_a_batch_norm_is_rounding() -> None:
    """Its factor 1/sqrt(v + eps) is rounded to the float that the module computes in; float64 is nearer."""
    norm = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1), nn.ReLU(), nn.Linear(1, 1)).eval()
    assert isinstance(norm[1], nn.BatchNorm1d)
    norm[1].running_var.fill_(2.0)
    found = failure(lambda module: copy.deepcopy(module).double(), networks=[norm])
    assert found.kind == "rounding"
    assert "after both were folded exactly" in str(found)


class _Twice(nn.Module):
    """One layer used twice, and a buffer."""

    shift: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("shift", torch.ones(2))
        self.input_shape = (2,)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(torch.relu(self.layer(x))) + self.shift
        return y


def test_shared_layers_buffers_and_hooks() -> None:
    torch.manual_seed(0)
    twice = _Twice().eval()
    assert xt.assert_preserves(copy.deepcopy, networks=[twice]).exactly == 1

    def shifts(module: Any) -> Any:
        module.shift += 1
        return module

    assert "shifts changed its argument: shift" in str(failure(shifts, networks=[twice]))
    assert float(twice.shift[0]) == 1  # a copy was changed
    hooked = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).eval()
    hooked[0].register_forward_hook(lambda layer, arguments, y: y + 1)

    def loses_hooks(module: Any) -> Any:
        made = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).eval()
        made.load_state_dict(module.state_dict())
        return made

    assert xt.assert_preserves(copy.deepcopy, networks=[hooked]).exactly == 1
    assert failure(loses_hooks, networks=[hooked], shrink_seconds=1).kind == "changed"


def test_huge_weights() -> None:
    grown = failure(lambda net: xn.mlp([([[10**400] * net.input_dim] * net.output_dim, [10**4000] * net.output_dim)]))
    assert grown.kind == "changed"
    assert "~ (1e+4000)" in str(grown)
    large = xn.mlp([([[10**300], [-(10**300)]], [10**200, 0]), ([[10**300, 1]], [0])])
    with pytest.raises(PropertyFailed) as caught:
        xt.assert_same_function(large, F)
    assert fits(str(caught.value))


def test_callables_of_other_kinds_have_names() -> None:
    class Pass:
        def __call__(self, net: xn.Network) -> xn.Network:
            return planted.off_by_one(net)

    assert "Pass changed the function" in str(failure(Pass(), networks=[F]))
    assert "partial changed the function" in str(failure(functools.partial(lambda k, net: planted.off_by_one(net), 3), networks=[F]))


# --- hypothesis ---------------------------------------------------------------------------------------------------------------


def _same(net: xn.Network) -> xn.Network:
    return net


@settings(max_examples=5, deadline=None)
@given(xt.networks())
def test_inside_a_test_of_given_the_drawn_network_is_tried(net: xn.Network) -> None:
    assert xt.assert_preserves(_same, networks=[net]).exactly == 1


def test_strategies_inside_a_test_of_given() -> None:
    def body(width: int) -> None:
        xt.assert_preserves(_same, networks=xt.relu_mlps(width=width), max_examples=3)

    nested = settings(max_examples=2, deadline=None, database=None)(given(st.integers(1, 3))(body))
    with pytest.raises(ArgumentError, match=r"draw the network there, and say networks=\[network\]"):
        nested()
    allowed = settings(max_examples=2, deadline=None, database=None, suppress_health_check=[HealthCheck.nested_given])
    allowed(given(st.integers(1, 3))(body))()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"networks": []}, "networks: at least one model"),
        ({"networks": st.nothing()}, "networks: a strategy that gives models"),
        ({"networks": xt.networks(activation=[])}, "activation: a unit"),
        ({"networks": xt.networks(weights=["x"])}, "weights: a number"),
        ({"networks": xt.networks(width=0)}, "width: a number >= 1"),
        ({"networks": xt.degenerate_networks(depth=(2, 1))}, "depth: a number >= 0"),
        ({"networks": xt.degenerate_networks(inputs=st.text())}, "inputs: a number >= 1"),
        ({"networks": xt.torch_modules(units=[])}, "units: a sequence of names"),
        ({"networks": xt.torch_modules(units=["Foo"])}, "units: a sequence of names"),
        ({"networks": xt.torch_modules(units=["Linear"])}, "units: a sequence of names"),
        ({"networks": xt.torch_modules(kinds="dense")}, "kinds: a list of some of dense, convolutional, residual is needed, got 'dense'"),
        ({"networks": xt.torch_modules(kinds=None)}, "kinds: a list of some of"),  # type: ignore[arg-type]
        ({"networks": xt.torch_modules(batch_norm="yes")}, "batch_norm: True, False or None"),  # type: ignore[arg-type]
        ({"networks": xt.onnx_models(networks=st.integers())}, "networks: a strategy of networks is needed, got one that gave int"),  # type: ignore[arg-type]
        ({"networks": xt.networks(weights=st.just(math.nan))}, "weights: a finite number"),
        ({"networks": nn.Sequential(nn.Linear(1, 1), nn.ReLU())}, r"got one model; say networks=\[model\]"),
        ({"networks": F}, r"got one model; say networks=\[model\]"),
        ({"networks": {"a": F}}, "networks: a strategy or a list of models is needed, got dict"),
        ({"seed": True}, "seed"),
        ({"precision": ["float32"]}, "precision"),
        ({"returns": ["onnx"]}, "returns"),
        ({"networks": xt.torch_modules(weights=["1/3"])}, "weights: numbers that torch.float32 holds"),
        ({"seed": "a"}, "seed"),
        ({"max_examples": True}, "max_examples"),
        ({"shrink_seconds": -1}, "shrink_seconds"),
        ({"shrink_seconds": "long"}, "shrink_seconds"),
        ({"shrink_seconds": math.nan}, "shrink_seconds"),
        ({"precision": "float8"}, "precision"),
        ({"certificates": 3}, "certificates"),
        ({"time_limit": -1}, "time_limit"),
    ],
)
def test_impossible_arguments(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        xt.assert_preserves(_same, **({"max_examples": 2} | options))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: xt.points(0).example(), "where: a Network or a number of inputs >= 1 is needed, got 0"),
        (lambda: xt.points("a").example(), "where: a Network or a number of inputs >= 1 is needed, got 'a'"),
        (lambda: xt.boxes(-1).example(), "inputs: a number >= 1 is needed, got -1"),
        (lambda: xt.rational_functions(degree=-1).example(), "degree: a number >= 0"),
        (lambda: xt.rational_functions(poles=3).example(), "poles: of free, planted, near, cancelled"),
        (lambda: xt.onnx_models(networks=3), "networks: a strategy of networks or None is needed, got int"),
        (lambda: xt.network_code(3), "net: a Network is needed, got int"),
        (lambda: xt.assert_same_function(F, F, precision="float8"), "precision: one of"),
    ],
)
@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_impossible_arguments_of_others(call: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        call()


def test_the_seed_says_what_is_tried() -> None:
    def tried(seed: int) -> list[xn.Network]:
        seen: list[xn.Network] = []

        def noted(net: xn.Network) -> xn.Network:
            seen.append(net)
            return net

        xt.assert_preserves(noted, seed=seed, max_examples=5, repeat=False)
        return seen

    assert tried(3) == tried(3) != tried(4)


# --- surroundings -------------------------------------------------------------------------------------------------------------


def test_ctrl_c_while_it_shrinks_shows_the_smallest_so_far() -> None:
    calls = iter(range(10**6))

    def stopped(net: xn.Network) -> xn.Network:
        if next(calls) == 5:
            raise KeyboardInterrupt
        return planted.off_by_one(net)

    with pytest.raises(KeyboardInterrupt) as caught:
        xt.assert_preserves(stopped, networks=xt.relu_mlps(width=3, depth=2, weights=["2", "3"]), repeat=False, seed=5)
    (note,) = caught.value.__notes__
    assert note.startswith("interrupted while a smaller network was looked for; so far:\nstopped changed the function")
    assert "f = xn.mlp(" in note


def test_one_folder_for_many_at_once(tmp_path: Path) -> None:
    """The same failure at once, into one folder: one whole file, and nothing else."""

    def fails(_: int) -> str | None:
        with pytest.raises(PropertyFailed) as caught:
            xt.assert_zero(F, certificates=tmp_path / "new" / "kept")
        return caught.value.path

    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(fails, range(24)))
    (path,) = paths
    assert [str(found) for found in (tmp_path / "new" / "kept").iterdir()] == [path]
    assert path is not None
    assert xn.check(path)


def test_a_certificate_that_cannot_be_written_hides_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    calls: list[Callable[[], object]] = [
        lambda: xt.assert_zero(F, certificates=tmp_path / "file" / "below"),
        lambda: xt.assert_zero(F, certificates="a\0b"),
        lambda: xt.assert_same_function(F, planted.off_by_one(F), certificates=tmp_path / "file"),
    ]
    for call in calls:
        with pytest.raises(PropertyFailed, match="certificate: not written: ") as caught:
            call()
        assert caught.value.path is None
        assert caught.value.kind == "changed"
