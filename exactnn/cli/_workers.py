"""The processes of `--workers N`."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

from exactnn.errors import ArgumentError


def _end_with(parent: int) -> None:
    """In a worker: end soon after the process that started it, however that one ended; Ctrl-C is for that one to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def workers(count: int | None) -> Iterator[Executor | None]:
    """An executor with so many processes, which end with this one; None for none."""
    if count is None:
        yield None
        return
    if not 1 <= count <= 1024:
        raise ArgumentError(f"--workers: a number from 1 to 1024 is needed, got {count}")
    older = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(count, initializer=_end_with, initargs=(os.getpid(),))
    try:
        yield executor
    except BaseException:  # what was finished is in the checkpoint; no need to wait for the rest
        executor.shutdown(wait=False, cancel_futures=True)
        time.sleep(0.3)  # until it has let go of the tasks that wait: it cannot bear that their workers end first
        for process in set(multiprocessing.active_children()) - older:
            process.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
