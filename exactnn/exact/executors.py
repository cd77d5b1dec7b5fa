"""Executors that people bring along: what is checked, and what is said when one refuses work or breaks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import ParamSpec, TypeVar

from exactnn.errors import ArgumentError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def check_executor(executor: object) -> None:
    """ArgumentError unless it is a `concurrent.futures.Executor` or None."""
    if executor is not None and not isinstance(executor, Executor):
        raise ArgumentError(
            f"executor: a concurrent.futures.Executor is needed, got {type(executor).__name__}; of a Dask client, client.get_executor()"
        )


def submit(executor: Executor, work: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
    """`executor.submit`; ArgumentError if it takes no tasks any more."""
    try:
        return executor.submit(work, *args, **kwargs)
    except BrokenExecutor:
        raise
    except RuntimeError as refused:
        raise ArgumentError(f"executor: one that takes tasks is needed, but {refused}; make a new one") from refused


def ended_abruptly(error: BrokenExecutor) -> str:
    """Why an executor broke, as far as it can be told."""
    return (
        f"a worker of the executor ended abruptly ({error}): it was killed or ran out of memory, or the program that makes the "
        'executor has no `if __name__ == "__main__":`; with checkpoint= what was finished is kept'
    )
