"""The code of a module in a report, executed: the same function, the same layers, and the same sharing of layers and tensors."""

from __future__ import annotations

import copy
import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import nn
from torch.nn.utils import prune

import exactnn as xn
from exactnn import testing as xt
from exactnn.testing._modules_code import module_code
from tests.strategies import law


def executed(code: str, name: str = "f") -> Any:
    space: dict[str, Any] = {"nn": nn, "torch": torch, "xn": xn}
    exec(code, space)  # noqa: S102 - our own code
    return space[name]


def sharing(module: nn.Module) -> list[int]:
    """For each place of a layer or a tensor, the first place that has the same one."""
    layers = [layer for _, layer in module.named_modules(remove_duplicate=False)]
    tensors = [t for _, t in [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]]
    return [next(i for i, other in enumerate(part) if other is one) for part in (layers, tensors) for one in part]


def check(module: Any, shape: tuple[int, ...]) -> str:
    """Its code makes a module with the same function and structure; the code."""
    module.eval().input_shape = shape
    code = module_code(module)
    assert code is not None
    made = executed(code)
    assert repr(made) == repr(module)
    assert sharing(made) == sharing(module)
    assert made.input_shape == shape
    assert xn.from_torch(made, shape) == xn.from_torch(module, shape)
    return code


def twice() -> nn.Sequential:
    layer = nn.Linear(2, 2)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.Linear(2, 1))


def test_a_layer_that_is_used_twice_is_made_once() -> None:
    torch.manual_seed(0)
    code = check(twice(), (2,))
    assert code.startswith("shared = nn.Linear(2, 2)\nf = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(2, 1))")
    assert code.count("'0.weight'") == 1
    assert "'2.weight'" not in code  # it is that of layer 0


def test_shared_blocks_inside_blocks_that_are_shared() -> None:
    torch.manual_seed(0)
    inner = nn.Linear(2, 2)
    block = nn.Sequential(inner, nn.ReLU(), inner)
    code = check(nn.Sequential(block, block, xt.Residual(inner), nn.Linear(2, 2)), (2,))
    assert code.startswith("shared1 = nn.Linear(2, 2)\nshared2 = nn.Sequential(shared1, nn.ReLU(), shared1)\n")


def test_layers_with_the_same_tensor() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), xt.Residual(nn.Sequential(nn.Linear(2, 2))), nn.Linear(2, 2))
    module[2].body[0].weight = module[0].weight  # type: ignore[index,union-attr]
    module[3].bias = module[0].bias
    code = check(module, (2,))
    assert "f[2].body[0].weight = f[0].weight\n" in code
    assert "f[3].bias = f[0].bias\n" in code


def test_layers_with_names() -> None:
    torch.manual_seed(0)
    inner = nn.Sequential(OrderedDict([("down", nn.Linear(2, 1)), ("up", nn.Linear(1, 2))]))
    code = check(nn.Sequential(OrderedDict([("first", nn.Linear(2, 2)), ("unit", nn.ReLU()), ("block", inner)])), (2,))
    assert "from collections import OrderedDict\n" in code
    assert "'block.up.weight'" in code


IMAGE = (1, 4, 4)
LAYERS: list[tuple[Callable[[], nn.Module], tuple[int, ...]]] = [
    (lambda: nn.AvgPool2d(2, padding=1, count_include_pad=False), IMAGE),
    (lambda: nn.AvgPool2d(3, stride=2, ceil_mode=True), IMAGE),
    (lambda: nn.AvgPool2d(2, divisor_override=3), IMAGE),
    (lambda: nn.MaxPool2d(2, ceil_mode=True, dilation=2), IMAGE),
    (lambda: nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), IMAGE),
    (lambda: nn.Conv2d(1, 2, 3, padding="same", bias=False), IMAGE),
    (lambda: nn.Conv2d(1, 2, (1, 2), stride=(2, 1), padding=(0, 1)), IMAGE),
    (lambda: nn.ConvTranspose2d(1, 2, 2, stride=2, output_padding=1), IMAGE),
    (lambda: nn.BatchNorm2d(1, eps=0.5, affine=False), IMAGE),
    (lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), IMAGE),
    (lambda: nn.AdaptiveAvgPool2d(2), IMAGE),
    (lambda: nn.Unflatten(1, (2, 2)), (4,)),
    (lambda: nn.PReLU(2, init=0.5), (2,)),
    (lambda: nn.Hardtanh(-0.5, 0.25), (2,)),
    (lambda: nn.LeakyReLU(0.01), (2,)),
]


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_arguments_that_a_layer_says_nothing_of(number: int) -> None:
    torch.manual_seed(0)
    layer, shape = LAYERS[number]
    check(nn.Sequential(layer(), nn.ReLU()), shape)


@law(8)
@given(xt.torch_modules())
def test_drawn_modules(module: Any) -> None:
    if module_code(module) is not None:
        check(module, module.input_shape)


def test_what_computes_something_else_than_its_class_has_no_code() -> None:
    hooked = nn.Sequential(nn.Linear(1, 1)).eval()
    hooked[0].register_forward_hook(lambda layer, arguments, y: y + 1)
    pruned: Any = nn.Sequential(nn.Linear(2, 2)).eval()
    prune.l1_unstructured(pruned[0], "weight", amount=1)
    patched: Any = nn.Sequential(nn.Linear(1, 1)).eval()
    patched[0].forward = lambda x: x
    assert [module_code(module) for module in (hooked, pruned, patched)] == [None] * 3


def test_the_report_of_a_failure_keeps_the_sharing() -> None:
    """A pass that is wrong only where a layer is used twice, as torch.fx's fusing is: the code shown fails again."""

    def changes_both(module: nn.Module) -> nn.Module:
        made = copy.deepcopy(module)
        layers = list(made._modules.values())
        if any(a is b for a, b in itertools.combinations(layers, 2)):
            made[0].bias.data += 1  # type: ignore[index]
        return made

    torch.manual_seed(0)
    module: Any = twice().eval()
    with pytest.raises(xt.PropertyFailed) as caught:
        xt.assert_preserves(changes_both, networks=[module])
    report = str(caught.value)
    assert "shared = nn.Linear(" in report
    lines = report.splitlines()[1:]
    code = "\n".join(itertools.takewhile(lambda line: not line.startswith("g = "), lines))
    with pytest.raises(xt.PropertyFailed):
        xt.assert_preserves(changes_both, networks=[executed(code)], shrink_seconds=0)
