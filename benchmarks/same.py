"""Networks that are the same: a convolutional network and itself, and its copy as tools simplify it; beside the forms of all nodes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import exactnn as xn
from benchmarks.copies import warm_up
from benchmarks.measure import Row, best, checked
from exactnn.forms import Numbering
from exactnn.network import Network


def strided() -> nn.Sequential:
    """Two convolutions in a row."""
    return nn.Sequential(nn.Conv2d(3, 16, 8, 4), nn.Conv2d(16, 16, 4, 4), nn.Flatten())


def separable() -> nn.Sequential:
    """Depthwise and pointwise convolutions in turn."""
    layers = [nn.Conv2d(3, 3, 3, padding=1, groups=3), nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 16, 1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.AvgPool2d(4), nn.Flatten())


def normed() -> nn.Sequential:
    """Convolutions with batch norms whose factors are powers of two, so that float32 folds them without rounding."""
    layers: list[nn.Module] = []
    for n, m in ((3, 8), (8, 16)):
        norm = nn.BatchNorm2d(m, eps=0)
        with torch.no_grad():
            norm.weight.copy_(2.0 ** torch.randint(-2, 3, (m,)))
        layers += [_short(nn.Conv2d(n, m, 3, padding=1)), _short(norm), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), _short(nn.Linear(16 * 64, 10)))


def folded(model: nn.Sequential) -> nn.Sequential:
    """With its batch norms in the convolutions before them."""
    layers: list[nn.Module] = []
    for layer in model:
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = torch.nn.utils.fusion.fuse_conv_bn_eval(layers[-1], layer)  # type: ignore[type-var]
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


def _short(layer: nn.Module) -> nn.Module:
    """Weights and biases of at most 12 bits."""
    with torch.no_grad():
        for parameter in layer.parameters():
            if not isinstance(layer, nn.BatchNorm2d) or parameter is layer.bias:
                parameter.copy_((parameter * 4096).round() / 4096)
    return layer


def by_forms(f: Network, g: Network, *, elements: bool) -> bool:
    """Whether both have the same forms, all nodes of both numbered."""
    numbering = Numbering(f.input_dim, mirror=True, elements=elements)
    return (numbering.run(f)[0] - numbering.run(g)[0]).vanish()


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    cases: list[tuple[str, Callable[[], nn.Sequential], Callable[[nn.Sequential], nn.Sequential], int]] = [
        ("two convolutions in a row, itself", strided, lambda model: model, 32),
        ("depthwise separable convolutions, itself", separable, lambda model: model, 8 if quick else 16),
        ("batch norms, folded into the convolutions", normed, folded, 32),
    ]
    warm_up()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make, copied, side in cases:
            torch.manual_seed(0)
            model = make().eval()
            f, g = (xn.from_torch(m, (3, side, side), compare=False) for m in (model, copied(model).eval()))
            verdict, seconds = best(lambda f=f, g=g: xn.verify_equal(f, g))  # type: ignore[misc]
            assert verdict.proved
            shallow = len(f.hidden_layers) < 2
            equal, forms = best(lambda f=f, g=g, shallow=shallow: by_forms(f, g, elements=shallow), 1)  # type: ignore[misc]
            assert equal
            check = checked(verdict, Path(folder) / "certificate.json")
            rows.append(Row(f"{name}: proved", seconds, "forms of all nodes", forms))
            rows.append(Row(f"{name}: checked, plain Python", check))
    sizes = "3 x 32 x 32 inputs (separable ones 3 x 16 x 16)"
    note = f"{sizes}, from networks to the verdict, best of 3; forms as theorem A needs them where there is one hidden layer."
    return "Networks that are the same", [note], rows
