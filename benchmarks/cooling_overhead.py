"""What Cooling costs: the time of an epoch of training with it, beside the same epoch without it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.measure import Row
from exactnn.nn import Cooling

CLASSES, SIDE = 10, 16
WAYS = ("last", "all", "equalise")


def networks() -> dict[str, Callable[[], nn.Sequential]]:
    """Untrained ones, for images of one channel."""
    return {
        "MLP 256-256-128-10": lambda: nn.Sequential(
            *(nn.Flatten(), nn.Linear(SIDE**2, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, CLASSES))
        ),
        "CNN 16, 32 channels": lambda: nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, CLASSES)),
        ),
    }


def data(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes that are a linear function of the image, a fifth of them drawn anew, so that there is a temperature to be fitted."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 1, SIDE, SIDE, generator=generator)
    y = (x.flatten(1) @ torch.randn(SIDE**2, CLASSES, generator=generator)).argmax(1)
    drawn = torch.randint(CLASSES, (count,), generator=generator)
    return x, torch.where(torch.rand(count, generator=generator) < 0.2, drawn, y)


class Training:
    """A network, its optimizer, and Cooling if it is wanted; each call is an epoch."""

    def __init__(self, make: Callable[[], nn.Sequential], train: int, validation: int, redistribute: str | None) -> None:
        torch.manual_seed(0)
        x, y = data(train + validation)
        self.x, self.y, self.steps = x[:train], y[:train], 0.0
        self.model = make()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)
        held = x[train:], y[train:]
        self.cooling = None if redistribute is None else Cooling(self.model, held, self.optimizer, redistribute)

    def epoch(self) -> float:
        """The seconds; those of Cooling's own step are added to `steps`."""
        start = time.perf_counter()
        for batch in torch.arange(len(self.x)).split(100):
            self.optimizer.zero_grad()
            logits = self.model(self.x[batch])
            F.cross_entropy(logits if self.cooling is None else self.cooling(logits), self.y[batch]).backward()
            self.optimizer.step()
        fit = time.perf_counter()
        if self.cooling is not None:
            self.cooling.step()
        end = time.perf_counter()
        self.steps = min(self.steps or math.inf, end - fit)
        return end - start


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    torch.set_num_threads(1)
    train, validation, rounds = (500, 200, 2) if quick else (10_000, 1_000, 7)
    rows, steps = [], []
    for name, make in networks().items():
        trainings = {way: Training(make, train, validation, way) for way in (None, *WAYS)}
        least = dict.fromkeys(trainings, math.inf)
        for count in range(rounds + 1):  # in turns; the first epoch warms up
            for way, training in trainings.items():
                seconds = training.epoch()
                least[way] = min(least[way], seconds) if count else math.inf
        for way in WAYS:
            rows.append(Row(f"an epoch, {name}, Cooling {way}", least[way], "without it", least[None]))
            fitted = sum(not step.reason for step in trainings[way].cooling.history)  # type: ignore[union-attr]
            steps.append(f"{name}, {way}: {least[way] / least[None]:.3f}, step {1000 * trainings[way].steps:.1f} ms ({fitted} fits)")
    notes = [
        f"{train:,} images of {SIDE} x {SIDE}, batches of 100, {validation:,} to validate with; one thread; the least of {rounds} epochs.",
        *(f"with Cooling / without, and its own step: {text}" for text in steps),
    ]
    return "The overhead of Cooling in an epoch of training", notes, rows
