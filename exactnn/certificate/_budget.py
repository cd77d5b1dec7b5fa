"""The one budget of a check: work is charged before it is done, numbers before they are made (docs/certificate-format.md, "Limits").

What a check may spend is proportional to the bytes of its certificate and of its model files, plus a base, so that a file of a kilobyte
ends within seconds and 200 MB whatever it says; who trusts its author may give so many times as much.

    charge(work, step)    work: operations of Python on short numbers (some 50 ns); n words times m words are n m of them; what one
                          operation does to many numbers (packed into one, a slice, sum(map(mul, ...))) counts as products / PACKED
    hold(entries, step)   numbers that are about to be kept, 40 bytes each: a Fraction is 3, a long one `words` more
    with released():      what is held inside is given back at its end
    allow(size, parts)    so many bytes were read, with so many values in the evidence
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

PACKED = 4  # products of numbers that one operation multiplies take as long as one operation
LONG = 2**8  # bits of a number whose products cost as much as those of short ones
WORK = 2**25, 2**12  # what a check may do: base, and for each byte; for each 2^8 values in the evidence the bytes count once more
ROOM = 2**21, 2**3  # numbers that it may keep at a time


class Ended(Exception):
    """The check came to an end at a ``step``, for a ``reason``."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason = step, reason


class BudgetExceeded(Ended):
    """The checker ended before it decided: ``step`` asks for more than it gives. Nothing was found wrong with the certificate."""


def afford(truth: bool, step: str, reason: str) -> None:
    """BudgetExceeded unless ``truth``: what is asked for is within the limits of this checker."""
    if not truth:
        raise BudgetExceeded(step, reason)


class Account:
    """What one check may spend, and what it has spent."""

    def __init__(self, factor: int) -> None:
        self.factor, self.bytes = factor, 0
        self.own = self.parts = 0  # bytes of the certificate's file, and values in its evidence
        self.work = self.held = 0
        self.enough, self.room = factor * WORK[0], factor * ROOM[0]  # what may be done, and kept at a time
        self.loaded: set[str] = set()  # what was imported when it was needed


#: outside of a check (an engine reads its own networks) nothing is refused
_OUTSIDE = Account(2**200)
_account: ContextVar[Account] = ContextVar("_account", default=_OUTSIDE)


@contextmanager
def opened(factor: int = 1) -> Iterator[Account]:
    """Within it one account pays for everything."""
    account = Account(factor)
    token, collecting = _account.set(account), gc.isenabled()
    gc.disable()  # hardly anything that a check makes refers to itself; looking for such cycles takes a seventh of the time
    try:
        yield account
    except (RecursionError, MemoryError, OverflowError) as error:
        raise BudgetExceeded("certificate", f"too deep or too large for this checker ({type(error).__name__})") from None
    finally:
        if collecting:
            gc.enable()
        _account.reset(token)


def account() -> Account:
    """The one that pays."""
    return _account.get()


def allow(size: int, parts: int = 0) -> None:
    """So many bytes of certificate or models were read, with so many values in the evidence: their share of work and room is added.

    Each part of the evidence may be about the whole of a network, so that their number and the bytes multiply.
    """
    account = _account.get()
    account.bytes += size
    account.parts += min(parts, account.own)
    account.enough = account.factor * (WORK[0] + WORK[1] * (account.bytes + (account.parts * account.bytes >> 8)))
    account.room = account.factor * (ROOM[0] + ROOM[1] * account.bytes)


def values(value: Any) -> int:
    """How many values stand in a value, itself one of them."""
    if type(value) is dict:
        return 1 + sum(map(values, value.values()))
    return 1 + sum(map(values, value)) if type(value) is list else 1


def charge(work: int, step: str) -> None:
    """BudgetExceeded if this is more work than is left."""
    account = _account.get()
    account.work += work
    if account.work > account.enough:
        raise BudgetExceeded(step, f"more than {account.enough} operations are needed: too large for this checker")


def hold(entries: int, step: str) -> None:
    """BudgetExceeded if there is no room for so many numbers more."""
    account = _account.get()
    account.held += entries
    if account.held > account.room:
        raise BudgetExceeded(step, f"more than {account.room} numbers are needed at a time: too large for this checker")


@contextmanager
def released() -> Iterator[None]:
    """What is held within is given back at its end."""
    account = _account.get()
    before = account.held
    try:
        yield
    finally:
        account.held = before


def words(bits: int) -> int:
    """How many times a number of so many bits is as long as a short one; 1 at least."""
    return 1 + bits // LONG
