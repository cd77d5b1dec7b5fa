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
DIFFERENT = 3  # images, at least
#: What the examples of MNIST are taken from: all four files, or the halves of the two files of test images.
FILES = ("all", "t10k")


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


def source(task: str, mnist: Path | None, taken: str) -> str:
    """What the data of a task are, in a few words that change if the data do."""
    return "scikit-learn's digits" if task == "digits" else files.named(_mnist(mnist, taken))


@cache
def load(task: str, train: int, test: int, mnist: Path | None, taken: str = "all") -> Data:
    """The first so many examples of either part; Refused where there are fewer, or those to train on are all alike."""
    if task == "digits":
        (x, y), (more, more_y) = digits()
    else:
        x, y, more, more_y = _mnist(mnist, taken)
        x, more = (np.round(255 * a) / 256 for a in (x, more))  # 255 would make every exact number longer
    for name, wanted, there in (("train", train, len(x)), ("test", test, len(more))):
        if wanted > there:
            raise Refused(f"tasks.{task}.{name}: there are {there} examples, got {wanted}")
    if len(found := np.unique(y[:train])) < 2:
        raise Refused(f"tasks.{task}: the first {train} examples to train on are all of class {found[0]}; two or more classes are needed")
    if (number := len(np.unique(x[:train], axis=0))) < DIFFERENT:
        raise Refused(f"tasks.{task}: of the first {train} images to train on {number} are different; {DIFFERENT} are needed, for a slice")
    return Data(_part(x[:train], y[:train]), _part(more[:test], more_y[:test]))


def _mnist(folder: Path | None, taken: str) -> files.Arrays:
    assert folder is not None
    return files.halves(folder) if taken == "t10k" else files.mnist(folder)


def _part(x: np.ndarray, y: np.ndarray) -> Part:
    side = round(x.shape[1] ** 0.5)
    return Part(torch.from_numpy(x).float().reshape(-1, 1, side, side), torch.from_numpy(np.asarray(y)).long())
