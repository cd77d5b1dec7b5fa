"""A time limit that long work asks as it goes along."""

from __future__ import annotations

import math
import time

from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.numbers import Number, as_fraction


class Clock:
    """Started when made; `check` raises Incomplete once the limit (seconds, None for none) has passed."""

    def __init__(self, limit: Number | None = None) -> None:
        if limit is not None:
            seconds = math.inf if limit == math.inf else as_fraction(limit, "time_limit")
            if seconds < 0:
                raise ArgumentError(f"time_limit: seconds >= 0, or None for no limit, is needed, got {limit}")
            limit = float(seconds) if seconds < 10**9 else math.inf
        self.limit: float | None = limit
        self.start = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.start

    def left(self) -> float:
        """Seconds left; infinity without a limit."""
        return math.inf if self.limit is None else self.limit - self.elapsed()

    def at_most(self, seconds: float) -> Clock:
        """A clock of so many seconds from now on, or of those that are left, if they are fewer: for one step among several."""
        return Clock(max(min(seconds, self.left()), 0.0))

    def check(self, progress: str, partial: object = None) -> None:
        """Incomplete, saying how far the work got, once the limit has passed."""
        if self.left() <= 0:
            raise Incomplete(f"the time limit of {self.limit} s was reached; {progress}", partial)
