"""The methods that are compared: schedules of the learning rate, and a constant rate with Cooling or with normalised logits."""

from __future__ import annotations

import math
from collections.abc import Callable

#: name -> (rate at the moment t)/(initial rate), 0 <= t < 1 over the whole training
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda t: 1.0,
    "piecewise": lambda t: 1.0 if t < 0.5 else 0.1 if t < 0.75 else 0.01,
    "exponential": lambda t: 0.01**t,
    "cosine": lambda t: (1 + math.cos(math.pi * t)) / 2,
    "warm-up": lambda t: min(1.0, (t + 0.01) / 0.2),
}
#: name -> where Cooling puts the temperature, at a constant rate
COOLING = {"cooling-last": "last", "cooling-all": "all", "cooling-equalise": "equalise", "logit-norm+cooling": "last"}
NORMALISED = ("logit-norm", "logit-norm+cooling")
METHODS = (*SCHEDULES, "cooling-last", "cooling-all", "cooling-equalise", *NORMALISED)
