"""Train the demo's classifier, 64-32-10 with ReLU, and write it as ONNX: `python examples/digits/train.py`.

The result is committed as examples/digits/digits.onnx, so that the demo needs no training.
"""

from __future__ import annotations

from pathlib import Path

import torch
from data import digits
from torch import nn

import exactnn as xn

TARGET = Path(__file__).with_name("digits.onnx")


def train(epochs: int = 150, seed: int = 0) -> nn.Sequential:
    """The classifier after training, in evaluation mode."""
    torch.manual_seed(seed)
    (images, labels), _ = digits()
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    return model.eval()


def main() -> None:
    model = train()
    _, (images, labels) = digits()
    with torch.no_grad():
        right = int((model(torch.from_numpy(images)).argmax(dim=1).numpy() == labels).sum())
    xn.save(xn.from_torch(model, (64,)), TARGET)
    print(f"{right} of {len(labels)} held-out digits right; written to {TARGET}")


if __name__ == "__main__":
    main()
