"""What a check takes, by its account and by the clock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from unittest import mock

from exactnn.certificate import _budget, check

START = 0.03  # seconds that a check may take for nothing: files, imports, what stands around each node
MOST, LEAST = 1e-6, 4e-9  # seconds for each operation that is charged; 5e-8 on the machine that the limits are made for, if it is idle
EACH = 4e-8  # seconds for each byte: JSON, and hashes
_OPENED = _budget.opened


class Watched(_budget.Account):
    """One that keeps the most that was held at a time."""

    most = 0

    @property
    def held(self) -> int:
        """What is held now."""
        return self._held

    @held.setter
    def held(self, entries: int) -> None:
        self._held = entries
        self.most = max(self.most, entries)


@contextlib.contextmanager
def watched(factor: int = 1) -> Iterator[Watched]:
    """An account of that kind, opened."""
    with mock.patch.object(_budget, "Account", Watched), _OPENED(factor) as account:
        assert isinstance(account, Watched)
        yield account


def account_of(source: Any) -> tuple[float, Watched]:
    """Seconds of the processor and the account of a check that accepts."""
    kept = []

    @contextlib.contextmanager
    def recorded(factor: int = 1) -> Iterator[Watched]:
        with watched(factor) as account:
            kept.append(account)
            yield account

    with mock.patch.object(_budget, "opened", recorded):
        start = time.process_time()
        assert check(source)
        seconds = time.process_time() - start
    assert len(kept) == 1
    return seconds, kept[0]


def assert_paid(source: Any, name: str = "", work: Fraction | int = 10, room: Fraction | int = 4) -> None:
    """A check that accepts uses a tenth of its budget at most, and a quarter of its room, and charges for what it does."""
    for _ in range(3):  # the clock may be wrong once
        seconds, account = account_of(source)
        assert work * account.work <= _budget.WORK[0] + _budget.WORK[1] * (account.bytes + (account.parts * account.bytes >> 8)), name
        assert room * account.most <= _budget.ROOM[0] + _budget.ROOM[1] * account.bytes, name
        fair = LEAST * account.work <= seconds + START <= 2 * START + EACH * account.bytes + MOST * account.work
        if fair:
            return
    raise AssertionError(f"{name}: {seconds:.3f} s for {account.work} operations, {account.bytes} bytes")
