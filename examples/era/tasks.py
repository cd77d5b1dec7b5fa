"""What is learnt: scikit-learn's digits, a function with a known formula, and MNIST from the user's own files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from digits.data import digits
from study import mnist as files
from study.settings import Refused


@dataclass(frozen=True)
class Data:
    """Inputs (n, features) and targets, labels (n,) or values (n, 1); `side` of images and of the patches that tokens are made of."""

    x: torch.Tensor
    y: torch.Tensor
    test_x: torch.Tensor
    test_y: torch.Tensor
    side: int = 0
    patch: int = 0

    @property
    def classes(self) -> int:
        """The number of classes; 0 for a regression."""
        return 0 if self.y.is_floating_point() else 10

    @property
    def chance(self) -> float:
        """The error of an answer that ignores the input."""
        return 90.0 if self.classes else 100.0

    def error(self, answers: torch.Tensor) -> float:
        """Of answers to the test inputs, in per cent: wrong classes; or the root mean square, of the standard deviation of the values."""
        if self.classes:
            return 100 * float((answers.argmax(dim=1) != self.test_y).double().mean())
        wrong = (answers - self.test_y).double().square().mean()
        return 100 * math.sqrt(float(wrong / self.test_y.double().var(correction=0)))


def source(task: str, mnist: Path | None) -> str:
    """What the data of a task are, in a few words that change if the data do."""
    if task == "digits":
        return "scikit-learn's digits"
    if task == "friedman":
        return "Friedman 1991, noise 1, seed 0"
    assert mnist is not None
    return files.source(mnist)


@cache
def load(task: str, train: int, test: int, mnist: Path | None) -> Data:
    """The first so many examples, inputs standardised by the mean and standard deviation of those to train on."""
    if task == "friedman":
        return _friedman(train, test)
    if task == "digits":
        (images, labels), (held_out, held_labels) = digits()
        # what is not trained on is tested with, so that the test error is finer than 1 in 360
        parts = (images, labels, np.concatenate([held_out, images[train:]]), np.concatenate([held_labels, labels[train:]]))
    else:
        assert mnist is not None
        parts = files.mnist(mnist)
    for name, wanted, there in (("train", train, len(parts[0])), ("test", test, len(parts[2]))):
        if wanted > there:
            raise Refused(f"tasks.{task}.{name}: there are {there} examples, got {wanted}")
    x, y, test_x, test_y = (torch.from_numpy(np.ascontiguousarray(p[:n])) for p, n in zip(parts, (train, train, test, test), strict=True))
    mean, deviation = x.mean(), x.std()
    side = math.isqrt(x.shape[1])
    return Data((x - mean) / deviation, y, (test_x - mean) / deviation, test_y, side, 2 if side == 8 else 7)


def _friedman(train: int, test: int) -> Data:
    """y = 10 sin(pi x_1 x_2) + 20 (x_3 - 1/2)^2 + 10 x_4 + 5 x_5, x uniform in [0, 1]^10; noise of deviation 1 for training alone.

    Friedman: Multivariate adaptive regression splines, 1991.
    """
    rng = np.random.default_rng(0)
    u = rng.random((train + test, 10))
    y = 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2 + 10 * u[:, 3] + 5 * u[:, 4]
    noisy = y[:train] + rng.standard_normal(train)
    x = torch.from_numpy(((u - 0.5) * math.sqrt(12)).astype(np.float32))
    values, truth = (torch.from_numpy(((v - noisy.mean()) / noisy.std()).astype(np.float32))[:, None] for v in (noisy, y[train:]))
    return Data(x[:train], values, x[train:], truth)
