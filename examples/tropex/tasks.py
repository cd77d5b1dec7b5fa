"""What is learnt: scikit-learn's digits, and MNIST from the user's own files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from digits.data import digits
from study import mnist as files
from study.settings import Refused

CLASSES = 10


@dataclass(frozen=True)
class Part:
    """Images (n, 1, side, side), with pixels that are short binary fractions in [0, 1], and labels."""

    x: torch.Tensor
    y: torch.Tensor

    @property
    def rows(self) -> np.ndarray:
        """The images as rows, in float64."""
        return self.x.flatten(1).double().numpy()

    @property
    def labels(self) -> np.ndarray:
        """The labels in numpy."""
        return self.y.numpy()


@dataclass(frozen=True)
class Data:
    """What is trained on, and what is tested with."""

    train: Part
    test: Part

    @property
    def side(self) -> int:
        """Of the images."""
        return self.train.x.shape[-1]


def source(task: str, mnist: Path | None) -> str:
    """What the data of a task are, in a few words that change if the data do."""
    if task == "digits":
        return "scikit-learn's digits"
    assert mnist is not None
    return files.source(mnist)


@cache
def load(task: str, train: int, test: int, mnist: Path | None) -> Data:
    """The first so many examples of either part."""
    if task == "digits":
        (x, y), (more, more_y) = digits()
    else:
        assert mnist is not None
        x, y, more, more_y = files.mnist(mnist)
        x, more = (np.round(255 * a) / 256 for a in (x, more))  # 255 would make every exact number longer
    for name, wanted, there in (("train", train, len(x)), ("test", test, len(more))):
        if wanted > there:
            raise Refused(f"tasks.{task}.{name}: there are {there} examples, got {wanted}")
    return Data(_part(x[:train], y[:train]), _part(more[:test], more_y[:test]))


def _part(x: np.ndarray, y: np.ndarray) -> Part:
    side = round(x.shape[1] ** 0.5)
    return Part(torch.from_numpy(x).float().reshape(-1, 1, side, side), torch.from_numpy(np.asarray(y)).long())
