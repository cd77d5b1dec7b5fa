"""Loading and comparing torch modules and ONNX files, beside a bare torch.export and a bare onnx.load of the same model.

Every measurement is a process of its own, which prints its seconds and its peak memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Row, peak, timed

_SIZES = {"tiny": 4, "10^4": 58, "10^5": 180, "10^6": 576, "10^7": 1825}


def module(name: str) -> tuple[Any, tuple[int, ...]]:
    """A torch module in eval mode and the shape of its points: three layers with so many parameters, or the layout of ResNet-18."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    if name in _SIZES:
        n = _SIZES[name]
        return nn.Sequential(nn.Linear(n, n), nn.ReLU(), nn.Linear(n, n), nn.ReLU(), nn.Linear(n, n)).eval(), (n,)

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
            self.second = nn.Sequential(nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))
            same = stride == 1 and before == after
            self.short = nn.Identity() if same else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

        def forward(self, x: Any) -> Any:
            return torch.relu(self.second(self.first(x)) + self.short(x))

    sizes = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]
    stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    blocks = nn.Sequential(*(Block(*s) for s in sizes))
    return nn.Sequential(stem, blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)).eval(), (3, 64, 64)


def measure(kind: str, name: str, path: str) -> dict[str, float]:
    """One way of loading, once: its seconds, that of a second time (for torch), and the peak of memory in MB."""
    if kind in ("load", "onnx.load"):
        if kind == "load":
            import exactnn as xn

            xn.mlp([([[1]], [0])])
            _, seconds = timed(lambda: xn.load(path))
        else:
            import onnx

            _, seconds = timed(lambda: onnx.load(path))
        return {"seconds": seconds, "again": seconds, "peak": peak()}
    import torch

    import exactnn as xn

    model, shape = module(name)
    xn.mlp([([[1]], [0])])

    def once() -> Any:
        if kind == "write":
            return xn.save(xn.from_torch(model, shape, compare=False), path)
        if kind == "torch.export":
            return torch.export.export(model, (torch.zeros(2, *shape),))
        return xn.from_torch(model, shape, compare=kind == "from_torch")

    _, seconds = timed(once)
    _, again = timed(once)
    return {"seconds": seconds, "again": again, "peak": peak()}


def _alone(kind: str, name: str, path: str = "") -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.loading", kind, name, path]
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    names = ["10^4"] if quick else ["10^4", "10^5", "10^6", "10^7", "ResNet-18 layout"]
    rows, notes = [], []
    ours, bare = _alone("from_torch", "tiny"), _alone("torch.export", "tiny")
    rows.append(Row("first from_torch of a process, tiny model", ours["seconds"], "first torch.export", bare["seconds"]))
    rows.append(Row("a later one", ours["again"], "a later torch.export", bare["again"]))
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            ours, alone, bare = (_alone(kind, name) for kind in ("from_torch", "from_torch without comparing", "torch.export"))
            rows.append(Row(f"from_torch, {name}", ours["again"], "torch.export", bare["again"]))
            path = Path(folder) / "model.onnx"
            _alone("write", name, str(path))
            read, plain = _alone("load", name, str(path)), _alone("onnx.load", name, str(path))
            rows.append(Row(f"load of its ONNX file, {name}", read["seconds"], "onnx.load", plain["seconds"]))
            notes.append(
                f"{name}: comparing takes {max(0.0, 1 - alone['again'] / ours['again']):.0%} of from_torch; peaks {ours['peak']:.0f} MB "
                f"(torch.export {bare['peak']:.0f} MB), load {read['peak']:.0f} MB (onnx.load {plain['peak']:.0f} MB)."
            )
    return "Loading and comparing", notes, rows


if __name__ == "__main__":
    json.dump(measure(*sys.argv[1:4]), sys.stdout)
