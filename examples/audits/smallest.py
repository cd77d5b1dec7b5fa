"""Where exactnn does not read what a pass makes of models, as it is with quantised ones: the smallest model whose runs differ."""

from __future__ import annotations

import contextlib
import copy
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from audits.runtime import run
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import Flaky, NoSuchExample
from hypothesis.strategies import SearchStrategy

#: all entries of the input are one of these: what is 0 or 1 is often kept by rounding to integers, a third of the way is not
PLACES = (Fraction(1), Fraction(0), Fraction(-3, 8))
#: a relative difference that float32 does not explain in models of this size
CLEAR = 1e-3


@dataclass(frozen=True)
class Found:
    """A model, and what it and its image give where each entry of the input is x."""

    model: Any
    x: Fraction
    ours: list[float]
    theirs: list[float]


def differing_runs(before: Any, made: Any) -> tuple[Fraction, list[float], list[float]] | None:
    """An entry x and both outputs, where they differ by more than rounding; None where they do not."""
    for x in PLACES:
        ours, theirs = (run(model, x) for model in (before, made))
        if any(abs(a - b) > CLEAR * max(1.0, abs(a), abs(b)) for a, b in zip(ours, theirs, strict=True)):
            return x, ours, theirs
    return None


def smallest_by_runs(transformation: Callable[[Any], Any], models: SearchStrategy[Any], examples: int, seconds: float) -> Found | None:
    """The smallest model that is changed, of those hypothesis comes to in so many seconds; None where none is."""
    found: list[Found] = []
    until: list[float] = []

    def changed(model: Any) -> bool:
        if until and time.monotonic() > until[0]:
            return False
        try:
            differs = differing_runs(model, transformation(copy.deepcopy(model)))
        except Exception:  # noqa: BLE001 - a pass may raise anything; another failure is no smaller one
            return False
        if differs is None:
            return False
        found.append(Found(model, *differs))
        until.append(time.monotonic() + seconds)
        return True

    rules = settings(
        max_examples=examples,
        phases=(Phase.generate, Phase.shrink),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with contextlib.suppress(NoSuchExample, Flaky):  # none; or the time was over while it shrank
        find(models, changed, settings=rules, random=random.Random(0))
    return min(reversed(found), key=lambda one: _numbers(one.model)) if found else None


def _numbers(model: Any) -> int:
    """How large the model is: the bytes of an ONNX model, the weights of a module."""
    return int(model.ByteSize()) if hasattr(model, "ByteSize") else sum(tensor.numel() for tensor in model.state_dict().values())
