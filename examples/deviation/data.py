"""Labelled images: scikit-learn's digits, or the 10,000 test images of MNIST from a folder of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from digits.data import digits
from study.mnist import read_idx
from study.settings import Refused

TRAIN, IMAGES = 8_000, 10_000  # of MNIST's test images, so many train here and the others test


@dataclass(frozen=True)
class Images:
    """Rows of pixels in [0, 1], float32, with labels 0 to 9."""

    x: torch.Tensor
    y: torch.Tensor
    test_x: torch.Tensor
    test_y: torch.Tensor


def small() -> Images:
    """8 x 8 pixels: 1437 images to train on, 360 to test with."""
    (x, y), (test_x, test_y) = digits()
    return Images(*(torch.from_numpy(np.ascontiguousarray(part)) for part in (x, y, test_x, test_y)))


def mnist(folder: Path) -> Images:
    """28 x 28 pixels: the first 8,000 of t10k-* to train on, the last 2,000 to test with."""
    pictures, labels = (
        read_idx(folder / f"t10k-{kind}-ubyte.gz", axes).astype(dtype)
        for kind, axes, dtype in (("images-idx3", 3, np.float32), ("labels-idx1", 1, np.int64))
    )
    if pictures.shape != (IMAGES, 28, 28) or labels.shape != (IMAGES,) or labels.max() > 9:
        raise Refused(
            f"{folder}: {IMAGES} images of 28 x 28 with labels 0 to 9 are needed, got shapes {pictures.shape} and {labels.shape}, "
            f"labels up to {labels.max(initial=0)}"
        )
    x, y = torch.from_numpy(pictures.reshape(IMAGES, 784) / 255), torch.from_numpy(labels)
    return Images(x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:])
