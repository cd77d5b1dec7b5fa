"""What is learnt: scikit-learn's digits, shapes to be found in noise pixel by pixel, and MNIST from the user's own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from digits.data import digits
from study import mnist as files
from study.settings import Refused

SIDE = 16


@dataclass(frozen=True)
class Part:
    """Images (n, 1, side, side) and labels, (n,) or one for each pixel (n, side, side)."""

    x: torch.Tensor
    y: torch.Tensor


@dataclass(frozen=True)
class Data:
    """What is trained on, what temperatures are fitted to, what is tested with."""

    train: Part
    validation: Part
    test: Part
    classes: int

    @property
    def chance(self) -> float:
        """The test error, in per cent, of the answer that is right most often."""
        return 100 * (1 - float(torch.bincount(self.test.y.flatten()).max()) / self.test.y.numel())


def source(task: str, mnist: Path | None) -> str:
    """What the data of a task are, in a few words that change if the data do."""
    if task == "mnist":
        assert mnist is not None
        return files.source(mnist)
    return {"digits": "scikit-learn's digits", "shapes": "discs and squares, noise 0.8, seed 0"}[task]


@cache
def load(task: str, train: int, validation: int, test: int, mnist: Path | None) -> Data:
    """The first so many examples; images are standardised by the mean and the standard deviation of those to train on."""
    sizes = {"train": train, "validation": validation, "test": test}
    if task == "shapes":
        return _data(sizes, *shapes(sum(sizes.values())), classes=3)
    if task == "digits":
        (images, labels), (more, more_labels) = digits()
        x, y = np.concatenate([images, more]), np.concatenate([labels, more_labels])
    else:
        assert mnist is not None
        images, labels, more, more_labels = files.mnist(mnist)
        if train + validation > len(images) or test > len(more):
            raise Refused(f"tasks.mnist: there are {len(images)} images to train on and {len(more)} to test with, got {sizes}")
        x = np.concatenate([images[: train + validation], more[:test]])
        y = np.concatenate([labels[: train + validation], more_labels[:test]])
    if sum(sizes.values()) > len(x):
        raise Refused(f"tasks.{task}: there are {len(x)} examples for {', '.join(sizes)} together, got {sum(sizes.values())}")
    side = round(x.shape[1] ** 0.5)
    return _data(sizes, x.reshape(-1, 1, side, side), y, classes=10)


def _data(sizes: Mapping[str, int], x: np.ndarray, y: np.ndarray, classes: int) -> Data:
    images, labels = torch.from_numpy(x).float(), torch.from_numpy(y).long()
    mean, deviation = images[: sizes["train"]].mean(), images[: sizes["train"]].std()
    starts = np.cumsum([0, *sizes.values()])
    parts = [Part((images[a:b] - mean) / deviation, labels[a:b]) for a, b in pairwise(starts)]
    return Data(*parts, classes)


def shapes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of a disc and a square, equally bright, in Gaussian noise, and for each pixel 1 (disc), 2 (square, on top) or 0."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    labels = np.zeros((count, SIDE, SIDE), dtype=np.int64)
    for label in labels:
        (a, b), (c, d) = rng.uniform(3, SIDE - 3, (2, 2))
        radius, half = rng.uniform(2, 4, 2)
        label[(rows - a) ** 2 + (columns - b) ** 2 < radius**2] = 1
        label[np.maximum(abs(rows - c), abs(columns - d)) < half] = 2
    images = (labels > 0) + 0.8 * rng.standard_normal(labels.shape)
    return images[:, None].astype(np.float32), labels
