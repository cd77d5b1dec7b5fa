"""A time limit that long work asks as it goes along.

A limit of T seconds is kept to T / 10 + 1 s. A public function of a `time_limit` is `timed`: while it runs, its clock is in force, and what
has no clock of its own (polyhedra, exact products, values of networks) asks that one. A step that nothing interrupts, one call of FLINT,
say, is not begun if it would take longer than is left.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.calls import helpful
from exactnn.exact.numbers import Number, as_fraction

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Clock:
    """Started when made; `check` raises Incomplete once the limit (seconds, None for none) has passed."""

    def __init__(self, limit: Number | None = None) -> None:
        if limit is not None:
            seconds = math.inf if limit == math.inf else as_fraction(limit, "time_limit")
            if seconds < 0:
                raise ArgumentError(f"time_limit: seconds >= 0, or None for no limit, is needed, got {limit}")
            limit = float(seconds) if seconds < 10**9 else math.inf
        self.limit: float | None = limit
        self.asked = limit  # the limit that people know
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

    def check(self, progress: str, partial: object = None, *, seconds: float = 0.0) -> None:
        """Incomplete, saying how far the work got, once the limit has passed.

        seconds : what the next step is expected to take, if nothing can interrupt it
        """
        if self.limit is None:
            return
        left = self.left()
        if left <= 0:
            raise Incomplete(f"the time limit of {self._words} s was reached; {progress}", partial)
        if seconds > left + self.limit / 20 + 0.5:
            words = f"the time limit of {self._words} s leaves too little for the next step, of about {seconds:.2g} s"
            raise Incomplete(f"{words}; {progress}", partial)

    @property
    def _words(self) -> str:
        assert self.asked is not None
        return str(round(self.asked, 3))

    @contextmanager
    def grace(self) -> Iterator[None]:
        """For the last words of what was stopped, its partial answer: in force meanwhile is a clock of T / 20 + 1/2 s more."""
        after = None if self.limit is None else Clock(self.limit / 20 + 0.5)
        if after is not None:
            after.asked = self.asked
        token = _in_force.set(after)
        try:
            yield
        finally:
            _in_force.reset(token)

    def still(self) -> AbstractContextManager[None]:
        """`running`, or `grace` if the limit has passed: what is quickly said is said even then."""
        return self.running() if self.left() > 0 else self.grace()

    @contextmanager
    def running(self) -> Iterator[None]:
        """In force meanwhile, unless an outer clock that is has less time left."""
        outer = _in_force.get()
        token = _in_force.set(outer if outer is not None and outer.left() < self.left() else self)
        try:
            yield
        finally:
            _in_force.reset(token)


_in_force: ContextVar[Clock | None] = ContextVar("clock", default=None)


def clock_in_force() -> Clock:
    """The clock of the public function that runs; one without a limit if there is none."""
    return _in_force.get() or _UNLIMITED


_UNLIMITED = Clock()


def timed(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A `helpful` function of a keyword `time_limit`, under a clock of so many seconds, which is its `clock_in_force()`."""
    code = function.__code__
    if "time_limit" not in code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]:
        raise TypeError(f"{function.__qualname__}: time_limit is to be a keyword only, or it would be passed over")
    asked = helpful(function)

    @functools.wraps(function)
    def under_the_clock(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with Clock(kwargs.get("time_limit")).running():
            return asked(*args, **kwargs)

    return under_the_clock
