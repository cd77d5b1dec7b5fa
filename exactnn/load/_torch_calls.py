"""What every call of a module of other people needs: inputs of its type, silence, and its errors in one line."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def example_like(module: torch.nn.Module) -> torch.Tensor:
    """An empty tensor of the dtype and on the device that the module's inputs have."""
    floats = (t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point())
    like = next(floats, torch.zeros(()))
    return torch.empty(0, dtype=like.dtype, device=like.device)


def first_line(error: Exception) -> str:
    """What an error says, shortly."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """Without torch's own warnings, error logs and printed graphs: what they say is in the error raised."""
    structured = logging.getLogger("torch.__trace")  # torch hands it records that no level holds back
    before, disabled = logging.root.manager.disable, structured.disabled
    logging.disable(logging.CRITICAL)
    structured.disabled = True
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        structured.disabled = disabled
