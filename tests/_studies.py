"""What the tests of the studies in examples/ share: a run of the command, a pool that trains at once, the files that are read."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def quick_run(example: Path, folder: Path) -> tuple[Path, str]:
    """The folder that `run.py --quick` wrote to, and what it printed; the command is run in `folder`."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(example / "run.py"), "--quick"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100%" in done.stderr
    assert done.stdout.count("mean nothing") == 1
    return folder / "out" / f"{example.name}-quick", done.stdout


def lines(path: Path) -> list[dict[str, Any]]:
    """The runs of a runs.jsonl."""
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def changed_config(example: Path, old: str, new: str, folder: Path) -> Path:
    """The study's configuration with one text, which stands in it once, replaced; in `folder`."""
    text = (example / "config.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / "config.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


class Pool:
    """Takes the place of the pool of processes: trains here, at once; after so many runs the others never begin."""

    def __init__(self, begun: int = 1000) -> None:
        self.begun, self.made = begun, list[str]()

    def __call__(self, processes: int, mp_context: Any) -> Pool:
        return self

    def submit(self, work: Callable[..., Any], run: Any, mnist: Path | None) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()
        if len(self.made) < self.begun:
            future.set_result(work(run, mnist))
            self.made.append(run.digest)
        return future

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        assert cancel_futures
        assert not wait


def idx(array: np.ndarray) -> bytes:
    """An IDX file of bytes, as MNIST has them."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
