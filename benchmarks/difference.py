"""Copies within a tolerance (float16, one weight 2^-40 off, batch norm folded in float32): proved, checked; beside two float passes."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

import exactnn as xn
from benchmarks.copies import dense, once, rounded
from benchmarks.measure import Row, best, checked
from exactnn.difference import difference_bounds


def moved(model: nn.Sequential) -> nn.Sequential:
    """One weight of the second layer 2^-40 further."""
    found = copy.deepcopy(model).double()
    layer = found[2]
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.weight[3, 4] += 2.0**-40
    return found


def normed() -> tuple[nn.Sequential, nn.Sequential]:
    """conv, batch norm, ReLU, max pooling, affine; and torch's folding of it."""
    torch.manual_seed(1)
    conv, norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
    rest = nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
    with torch.no_grad():
        for parameter in (norm.running_mean, norm.weight, norm.bias):
            parameter.normal_()
        norm.running_var.uniform_(0.5, 2)
    model = nn.Sequential(conv, norm, *rest).eval()
    return model, nn.Sequential(torch.nn.utils.fusion.fuse_conv_bn_eval(conv, norm), *rest).eval()


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    cases: list[tuple[str, tuple[nn.Sequential, nn.Sequential], tuple[int, ...], Any, Any]] = []
    for sizes, box, tolerance in (((4, 16, 3), (-1, 1), "1/20"), ((16, 64, 3), (-1, 1), "1/20"), ((784, 200, 80, 10), (0, 1), 1)):
        if not quick or sizes[0] < 100:
            name = "-".join(map(str, sizes))
            cases.append((f"{name}, float16 copy within {tolerance}", (m := dense(sizes), rounded(m)), sizes[:1], box, tolerance))
    deep = dense((5, 50, 50, 50, 50, 5))
    cases.append(("5-50-50-50-50-5, a weight 2^-40 off within 1/1000", (deep, moved(deep)), (5,), (-1, 1), "1/1000"))
    cases.append(("conv + batch norm + pool folded, 192 inputs, within 1/10000", normed(), (3, 8, 8), (-1, 1), "1/10000"))
    rows = []
    notes = ["The baseline is one float pass of each network in torch; the bound itself is in the notes. Best of 3: weights are cut once."]
    with tempfile.TemporaryDirectory() as folder:
        for name, models, shape, (low, high), tolerance in cases:
            f, g = (xn.from_torch(model, shape) for model in models)
            box = xn.Box(low, high)
            verdict, seconds = best(lambda f=f, g=g, box=box, t=tolerance: xn.verify_equal(f, g, domain=box, tolerance=t))  # type: ignore[misc]
            assert verdict.proved
            assert verdict.certificate.kind == "pass"
            _, floats = best(lambda models=models, shape=shape: once(models, shape))  # type: ignore[misc]
            rows.append(Row(f"{name}: proved", seconds, "torch, both networks once", floats))
            rows.append(
                Row("  checked by plain Python, its start and the models' reading included", checked(verdict, Path(folder) / "c.json"))
            )
            notes.append(f"{name}: at most {float(difference_bounds(f, g, box.in_dimension(f.input_dim)).largest):.3g}.")
    return "Copies within a tolerance, layer by layer", notes, rows
