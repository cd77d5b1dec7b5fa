"""Train the demo's classifier, 64-32-10 with ReLU, and write it as ONNX: `python examples/digits/train.py`.

The result is committed as examples/digits/digits.onnx, so that the demo needs no training.
"""

from __future__ import annotations

from pathlib import Path

import torch
from data import digits
from fit import fit

import exactnn as xn

TARGET = Path(__file__).with_name("digits.onnx")


def main() -> None:
    train, (images, labels) = digits()
    model = fit(*train)
    with torch.no_grad():
        right = int((model(torch.from_numpy(images)).argmax(dim=1).numpy() == labels).sum())
    xn.save(xn.from_torch(model, (64,)), TARGET)
    print(f"{right} of {len(labels)} held-out digits right; written to {TARGET}")


if __name__ == "__main__":
    main()
