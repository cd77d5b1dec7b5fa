"""torch -> ONNX (both exporters of torch) -> network: proved equal to `from_torch`, or equal up to the rounding of the export."""

from __future__ import annotations

import logging
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import exactnn as xn
from exactnn.network import Network

pytest.importorskip("onnxscript", reason="torch's exporter needs onnxscript")


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(x)) + x)


Case = tuple[nn.Module, tuple[int, ...]]
EQUAL: dict[str, Case] = {
    "mlp": (nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)), (3,)),
    "large mlp, with its weights in another file": (nn.Sequential(nn.Linear(3, 300), nn.ReLU(), nn.Linear(300, 40)), (3,)),
    "conv": (nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)), (1, 4, 4)),
    "transposed conv": (nn.Sequential(nn.ConvTranspose2d(2, 2, 3, 2, 1, 1), nn.ReLU()), (2, 2, 2)),
    "nearest": (nn.Upsample(scale_factor=2), (2, 2, 2)),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), (2, 2, 2)),
    "reflected": (nn.ReflectionPad2d(1), (2, 3, 3)),
    "circular": (nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular"), (2, 4)),
    "gelu": (nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 1)), (2,)),
    "gelu by tanh": (nn.Sequential(nn.Linear(2, 3), nn.GELU(approximate="tanh"), nn.Linear(3, 1)), (2,)),
    "leaky": (nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(0.25), nn.Linear(3, 1)), (2,)),
    "prelu": (nn.Sequential(nn.Linear(2, 3), nn.PReLU(), nn.Linear(3, 1)), (2,)),
    "clip and shrink": (nn.Sequential(nn.Linear(2, 3), nn.Hardtanh(), nn.Softshrink(0.5)), (2,)),
    "pixel shuffle": (nn.PixelShuffle(2), (4, 2, 2)),
    "max pool, ceil": (nn.MaxPool2d(3, 2, 1, ceil_mode=True), (1, 6, 6)),
    "average pool, ceil": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), (1, 6, 6)),
    "softplus, silu": (nn.Sequential(nn.Linear(2, 2), nn.Softplus(), nn.Linear(2, 2), nn.SiLU()), (2,)),
}
#: batch norm is folded into the convolution by both exporters, in float32
ROUNDED: dict[str, Case] = {
    "conv and norm": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 1)), (1, 3, 3)),
    "residual": (Residual(), (2, 1, 2)),
}


def _both(case: Case, dynamo: bool, folder: Path) -> tuple[Network, Network, list[str]]:
    """The network of the module, the one of its ONNX file, and the files."""
    module, shape = case
    path = folder / "model.onnx"
    batch: Any = {"dynamic_shapes": ({0: torch.export.Dim("n")},)} if dynamo else {"dynamic_axes": {"x": {0: "n"}}, "input_names": ["x"]}
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module.eval(), (torch.zeros(2, *shape),), path, dynamo=dynamo, verbose=False, **batch)
    finally:
        logging.disable(before)
    return xn.from_torch(module, shape), xn.load(path), sorted(p.name for p in folder.iterdir())


def _marked(name: str) -> Any:
    return name if name in ("mlp", "large mlp, with its weights in another file", "gelu") else pytest.param(name, marks=pytest.mark.slow)


@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("name", [_marked(name) for name in EQUAL])
def test_a_round_trip_is_proved_equal(name: str, dynamo: bool, tmp_path: Path) -> None:
    f, g, files = _both(EQUAL[name], dynamo, tmp_path)
    verdict = xn.verify_equal(f, g)
    assert verdict.status == "proved", verdict
    if dynamo and "another file" in name:
        assert files == ["model.onnx", "model.onnx.data"]


@pytest.mark.slow
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("name", ROUNDED)
def test_folded_batch_norm_is_rounded(name: str, dynamo: bool, tmp_path: Path) -> None:
    f, g, _ = _both(ROUNDED[name], dynamo, tmp_path)
    assert xn.verify_equal(f, g, domain=xn.Box(-1, 1), tolerance=Fraction(1, 10**5)).status == "proved"
