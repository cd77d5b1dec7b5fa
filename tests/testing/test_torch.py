"""assert_preserves and assert_same_function on torch modules and ONNX models: planted wrong passes of float models, and right ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from onnx import numpy_helper
from torch import nn
from torch.testing._internal.two_tensor import TwoTensor

import exactnn as xn
from exactnn import testing as xt
from exactnn.testing._passes import _snapshot, _what_changed
from exactnn.testing._torch_plain import plain_network
from tests.strategies import law
from tests.testing._screen import fits

BOX = xn.Box(-1, 1)


def failure(transformation: Any, **options: Any) -> xt.PropertyFailed:
    with pytest.raises(xt.PropertyFailed) as caught:
        xt.assert_preserves(transformation, seed=3, **options)
    assert fits(str(caught.value))
    return caught.value


def _fold(module: nn.Module, *, mean: bool) -> nn.Module:
    layers: list[Any] = []
    for layer in copy.deepcopy(module).children():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            before, scale = layers[-1], layer.weight / torch.sqrt(layer.running_var + layer.eps)  # type: ignore[operator]
            with torch.no_grad():
                before.weight.mul_(scale.reshape(-1, *[1] * (before.weight.ndim - 1)))
                before.bias.sub_(layer.running_mean if mean else 0).mul_(scale).add_(layer.bias)
        else:
            layers.append(layer)
    return nn.Sequential(*layers).eval()


def fold(module: nn.Module) -> nn.Module:
    return _fold(module, mean=True)


def fold_without_mean(module: nn.Module) -> nn.Module:
    return _fold(module, mean=False)


def to_half(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).half().float()


def lose_slope(module: nn.Module) -> nn.Module:
    made = copy.deepcopy(module)
    for layer in made.modules():
        if isinstance(layer, nn.LeakyReLU):
            layer.negative_slope = 0.0
    return made


def pad_behind(module: nn.Module) -> nn.Module:
    """The zeros around the image are moved behind the convolution: the shapes are the same."""
    layers: list[Any] = list(copy.deepcopy(module).children())
    if layers[0].padding == (1, 1):
        layers[0].padding = (0, 0)
        layers.insert(1, nn.ZeroPad2d(1))
    return nn.Sequential(*layers).eval()


def fuse_pad(module: nn.Module) -> nn.Module:
    """Zeros around the image become the padding of max pooling, which is minus infinity."""
    layers = list(copy.deepcopy(module).children())
    for i in range(len(layers) - 1):
        if isinstance(layers[i], nn.ZeroPad2d) and isinstance(layers[i + 1], nn.MaxPool2d):
            layers[i : i + 2] = [nn.MaxPool2d(2, padding=1)]
            break
    return nn.Sequential(*layers).eval()


def units(module: Any) -> int:
    return sum(layer.weight.shape[0] for layer in module.modules() if isinstance(layer, (nn.Linear, nn.Conv2d)))


DENSE = xt.torch_modules(kinds=["dense"], depth=1)
#: a wrong pass, the modules it is tried on
WRONG: list[tuple[Callable[[nn.Module], nn.Module], Any]] = [
    (fold_without_mean, xt.torch_modules(kinds=["dense"], depth=1, batch_norm=True)),
    (to_half, DENSE),
    (lose_slope, xt.torch_modules(kinds=["dense", "residual"], units=["LeakyReLU"], depth=1)),
    (pad_behind, xt.torch_modules(kinds=["convolutional"], batch_norm=False)),
    (fuse_pad, xt.torch_modules(kinds=["convolutional"], batch_norm=False)),
]


@pytest.mark.parametrize(("wrong", "tried"), WRONG, ids=[w.__name__ for w, _ in WRONG])
def test_a_wrong_pass_is_caught_and_shrunk(wrong: Callable[[nn.Module], nn.Module], tried: Any) -> None:
    found = failure(wrong, networks=tried, domain=BOX, tolerance="1e-5", time_limit=5)
    assert found.kind == "changed"
    text = str(found)
    assert len(text.splitlines()) <= 24
    names: dict[str, Any] = {"xn": xn, "nn": nn, "torch": torch}
    exec("\n".join(line for line in text.splitlines() if line.startswith(("f = ", "f."))), names)  # noqa: S102 - our own
    module = names["f"]
    assert units(module) <= 5
    # with torch alone: the module of the report and what the pass makes of it differ at the point
    x = found.verdict.counterexample  # type: ignore[attr-defined]
    point = torch.tensor([float(q) for q in x], dtype=torch.float64).reshape(1, *module.input_shape)
    with torch.no_grad():
        before, after = (m.double()(point) for m in (copy.deepcopy(module), wrong(module)))
    assert float((before - after).abs().max()) > 0.99e-5
    assert xn.check(found.path)


def test_half_precision_is_named() -> None:
    found = failure(to_half, networks=DENSE)
    assert "each to the nearest number of float16" in str(found)
    assert "units in the last place of float32" in str(found)


def test_a_right_pass_is_kept_within_rounding() -> None:
    tried = xt.torch_modules(kinds=["dense"], depth=1, batch_norm=True)
    done = xt.assert_preserves(fold, networks=tried, domain=BOX, tolerance="1e-5", max_examples=15, seed=3)
    assert done.exactly + done.within == 15
    assert done.within
    assert done.precision == "float32"
    found = failure(fold, networks=tried)
    assert found.kind == "rounding"
    assert "by rounding of weights" in str(found)


def test_copies_are_kept_exactly() -> None:
    done = xt.assert_preserves(copy.deepcopy, networks=xt.torch_modules(), max_examples=15, seed=3)
    assert (done.examples, done.exactly) == (15, 15)


def shift(module: Any) -> Any:
    with torch.no_grad():
        module[0].bias += 1
    return module


def test_mutation_and_inplace() -> None:
    found = failure(shift, networks=DENSE)
    assert found.kind == "mutated"
    assert "shift changed its argument: 0.bias (if it may, say inplace=True)" in str(found)
    found = failure(shift, networks=DENSE, inplace=True)
    assert found.kind == "changed"

    def nothing(module: nn.Module) -> None:
        module.eval()

    assert xt.assert_preserves(nothing, networks=DENSE, inplace=True, max_examples=3, seed=3).exactly == 3


def test_what_the_loader_refuses_is_said_once() -> None:
    def soften(module: nn.Module) -> nn.Module:
        return nn.Sequential(module, nn.Softmax(dim=1)).eval()

    found = failure(soften, networks=DENSE)
    assert found.kind == "refused"
    assert str(found).count("up to the logits") == 1


def test_training_mode_is_refused() -> None:
    found = failure(lambda module: copy.deepcopy(module).train(), networks=xt.torch_modules(kinds=["dense"], batch_norm=True))
    assert found.kind == "refused"
    assert "eval" in str(found)


@law(8)
@given(xt.torch_modules())
def test_plain_modules_are_read_as_from_torch_reads_them(module: Any) -> None:
    net = plain_network(module, module.input_shape)
    assert net == xn.from_torch(module, module.input_shape)


def test_a_layer_that_is_used_twice() -> None:
    """It stands in the network as often as the module runs it."""
    layer = nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(2)
        layer.bias.fill_(1)
    module: Any = nn.Sequential(layer, nn.ReLU(), layer).eval()
    module.input_shape = (1,)
    net = plain_network(module, (1,))
    assert net is not None
    assert net([1]) == (7,) == (int(module(torch.ones(1, 1))),)


def test_an_exporter_says_what_it_returns() -> None:
    def export(module: Any) -> Any:
        model = onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["" : 17]> g (float[1,1] x) => (float[1,1] y) <float[1,1] w = {0}> { y = MatMul(x, w) }'
        )
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(module[0].weight.detach().numpy().T, "w"))
        return model

    linear: Any = nn.Sequential(nn.Linear(1, 1)).eval()
    with torch.no_grad():
        linear[0].weight.fill_(2)
        linear[0].bias.fill_(0)
    assert xt.assert_preserves(export, networks=[linear], returns="onnx").exactly == 1
    as_bytes = lambda module: export(module).SerializeToString()  # noqa: E731 - a second exporter
    assert xt.assert_preserves(as_bytes, networks=[linear], returns="onnx").exactly == 1
    assert xt.assert_preserves(lambda m: xn.from_torch(m, 1), networks=[linear], returns="network").exactly == 1
    found = failure(export, networks=[linear])
    assert found.kind == "type"
    assert 'returned an onnx.ModelProto, not a torch module (if it exports, say returns="onnx")' in str(found)
    found = failure(lambda module: None, networks=[linear], returns="onnx")
    assert "returned None, not ONNX (a path, bytes or a ModelProto)" in str(found)
    with torch.no_grad():
        linear[0].bias.fill_(1)  # which is forgotten
    found = failure(export, networks=[linear], returns="onnx")
    assert found.kind == "changed"
    assert "f = nn.Sequential(nn.Linear(1, 1))" in str(found)
    with pytest.raises(xn.errors.ArgumentError, match="returns: one of network, module, onnx or None is needed, got 'bytes'"):
        xt.assert_preserves(export, networks=[linear], returns="bytes")


def test_a_pass_may_return_an_exported_program() -> None:
    module: Any = nn.Sequential(nn.Linear(1, 1), nn.ReLU()).eval()
    module.input_shape = (1,)
    kept = xt.assert_preserves(lambda m: torch.export.export(m, (torch.ones(1, 1),)), networks=[module], repeat=False)
    assert kept.exactly == 1


class OtherTensor(torch.Tensor):
    """A tensor with a class of its own, as quantisation makes them."""


def test_tensors_with_a_class_of_their_own_are_left_to_from_torch() -> None:
    module = nn.Sequential(nn.Linear(1, 1)).eval()
    assert plain_network(module, (1,)) is not None
    module[0].weight = nn.Parameter(module[0].weight.detach().as_subclass(OtherTensor))
    assert plain_network(module, (1,)) is None


def test_weights_that_are_made_of_other_tensors_are_compared() -> None:
    """As quantised ones are."""
    plain: Any = nn.Sequential(nn.Linear(1, 1)).eval()
    plain.input_shape = (1,)

    def wrap(module: Any) -> Any:
        layer = module[0]
        layer.weight = nn.Parameter(TwoTensor(layer.weight.detach(), layer.weight.detach().clone()), requires_grad=False)
        return module

    assert "0.weight" in str(failure(wrap, networks=[plain]))
    assert failure(wrap, networks=[plain], inplace=True).kind == "refused"
    wrapped = wrap(copy.deepcopy(plain))
    before = _snapshot(wrapped)
    assert before == _snapshot(copy.deepcopy(wrapped))
    wrapped[0].weight.b.add_(1)
    assert _what_changed(before, _snapshot(wrapped)) == "0.weight"


def test_modules_that_are_not_plain_are_left_to_from_torch() -> None:
    class Twice(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    hooked = nn.Sequential(nn.Linear(1, 1)).eval()
    hooked[0].register_forward_hook(lambda m, args, y: y + 1)
    patched = nn.Sequential(nn.Linear(1, 1)).eval()
    patched[0].forward = lambda x: 2 * x  # type: ignore[method-assign]
    for module in (nn.Sequential(Twice(1, 1)).eval(), hooked, patched, nn.Sequential(nn.Linear(1, 1))):
        assert plain_network(module, (1,)) is None
    same = nn.Sequential(nn.Linear(1, 1)).eval()
    same.load_state_dict(hooked.state_dict())
    with pytest.raises(xt.PropertyFailed, match="different functions"):
        xt.assert_same_function(hooked, same)


# --- ONNX ---------------------------------------------------------------------------------------------------------------------


def onnx_off_by_one(model: onnx.ModelProto) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for tensor in made.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.ndim == 1 and array.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(array + np.float32(1), tensor.name))
            break
    return made


ROW, TWO_ROWS = "float[1,2] x) => (float[1,2] y)", "float[2,2] x) => (float[2,2] y)"
RELU = "{ y = Relu(x) }"


def one_of(shapes: str, body: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 18]> g ({shapes} {body}')


def through(*shape: int, back: str) -> str:
    """Relu of the entries in a row of another shape."""
    sizes = ", ".join(map(str, shape))
    return f"<int64[{len(shape)}] s = {{{sizes}}}, int64[2] t = {back}> {{ a = Reshape(x, s) b = Relu(a) y = Reshape(b, t) }}"


def test_the_shapes_of_files_decide_where_a_batch_axis_is_read_in_two_ways() -> None:
    flat = one_of(ROW, through(2, back="{1, 2}"))
    for before, after in ((one_of(ROW, RELU), flat), (flat, one_of(ROW, RELU))):
        assert xt.assert_preserves(lambda m, made=after: made, networks=[before]).exactly == 1
    found = failure(lambda m: one_of(ROW, through(2, back="{1, 2}").replace("Relu", "Abs")), networks=[one_of(ROW, RELU)])
    assert found.kind == "changed"
    wrong = one_of(ROW, through(2, back="{2, 1}"))  # it declares another shape than it has
    assert failure(lambda m: wrong, networks=[one_of(ROW, RELU)]).kind in ("shape", "refused")
    longer = one_of("float[1,2] x) => (float[1,1,2] y)", "<int64[3] t = {1, 1, 2}> { a = Relu(x) y = Reshape(a, t) }")
    assert failure(lambda m: longer, networks=[one_of(ROW, RELU)]).kind == "shape"
    mixed = failure(lambda m: one_of(TWO_ROWS, through(4, back="{2, 2}")), networks=[one_of(TWO_ROWS, RELU)])
    assert mixed.kind == "shape"
    assert "give them an open batch axis" in str(mixed)


def test_onnx_models() -> None:
    done = xt.assert_preserves(lambda m: copy.deepcopy(m), networks=xt.onnx_models(), max_examples=8, seed=3)
    assert done.exactly == 8
    found = failure(onnx_off_by_one, networks=xt.onnx_models())
    assert found.kind == "changed"
    small, _ = found.networks
    assert isinstance(small, xn.Network)
    assert len(small.order) <= 5
    assert xn.check(found.path)


@pytest.mark.changes_models
def test_onnx_bytes_and_paths(tmp_path: Path) -> None:
    def same(data: bytes) -> bytes:
        return onnx.load_from_string(data).SerializeToString()

    assert xt.assert_preserves(same, networks=xt.onnx_models(form="bytes"), max_examples=4, seed=3).exactly == 4

    def written(path: str) -> str:
        target = tmp_path / "made.onnx"
        onnx.save(onnx_off_by_one(onnx.load(path)), target)
        return str(target)

    assert failure(written, networks=xt.onnx_models(form="path")).kind == "changed"

    def overwritten(path: str) -> str:
        onnx.save(onnx_off_by_one(onnx.load(path)), path)
        return path

    assert failure(overwritten, networks=xt.onnx_models(form="path")).kind == "mutated"


def test_one_function_in_many_forms(tmp_path: Path) -> None:
    module: Any = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).eval()
    net = xn.from_torch(module)
    xn.save(net, tmp_path / "net.onnx")
    xn.save(net, tmp_path / "net.json")
    proto = onnx.load(tmp_path / "net.onnx")
    forms: list[Any] = [net, module, tmp_path / "net.onnx", str(tmp_path / "net.json"), proto, proto.SerializeToString()]
    for f, g in zip(forms, forms[1:] + forms[:1], strict=True):
        assert xt.assert_same_function(f, g).proved
    with torch.no_grad():
        module[2].bias += 2.0**-20
    with pytest.raises(xt.PropertyFailed) as failed:
        xt.assert_same_function(net, module)
    assert failed.value.verdict.counterexample is not None  # type: ignore[attr-defined]
    assert xt.assert_same_function(net, module, tolerance=Fraction(1, 10**5)).proved
    with pytest.raises(xn.errors.LoadError):
        xt.assert_same_function(net, tmp_path / "none.onnx")
    with pytest.raises(xn.errors.ArgumentError, match="f: one of a Network"):
        xt.assert_same_function(3, net)
    with pytest.raises(xn.errors.ShapeError, match="2 -> 1 and 1 -> 1"):
        xt.assert_same_function(net, nn.Linear(1, 1))
