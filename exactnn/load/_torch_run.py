"""A torch module is run, in eager mode, and compared with the network that was read from it.

Three points, in batches of 1, 2 and 3 and each batch twice, so that what depends on the batch, on the number of calls, on chance or on
being traced shows. The module runs on a copy of its state, which is put back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from exactnn.errors import UnsupportedOperation
from exactnn.load._compare import Difference, Reference
from exactnn.load._torch_state import put_back
from exactnn.load._torch_trace import example_like, first_line, quiet
from exactnn.network import Network
from exactnn.network.operations import Shape

_BATCHES = ([0], [1, 0], [2, 0, 1])
_TRACED = (
    "what was traced is not what runs, as when forward asks for the type of its argument or whether it is exported or compiled; "
    "write it without such a branch"
)
_AGAIN = "a second call gives another value, as when it counts its calls, keeps something of the first one, or is random"
_BATCH = "the value of a point depends on the other points of its batch or on their number"


class _Failed(Exception):
    """The module's own forward failed."""


def compared(module: torch.nn.Module, net: Network, shapes: tuple[Shape, ...]) -> str:
    """Run the module and compare; a sentence on what was done. UnsupportedOperation for a difference, naming output, point and values."""
    like = example_like(module)
    reference = Reference(net, str(like.dtype).removeprefix("torch."))
    with put_back(module, copied=True), quiet():
        first = _differences(module, reference, shapes, like)
        second = _differences(module, reference, shapes, like)
    if any(first) or any(second):
        gap = next(d for d in (*first, *second) if d is not None)
        raise UnsupportedOperation(f"module: {reference.described(gap)} (called with torch itself): {_reason(first, second)}")
    how = f"compared with the module at {len(reference.points)} points, in batches of 1, 2 and 3, twice"
    if reference.is_sharp:
        return f"{how}: within the rounding of {like.dtype}"
    try:
        with put_back(module, copied=True, dtype=torch.float64), quiet():
            rows = list(range(len(reference.points)))
            wide = _values(module, _inputs(reference, rows, shapes, like.to(torch.float64)), reference.sizes, exact=True)
    except _Failed as failed:
        return f"{how}, loosely: the bound on its rounding is wide, and there is no float64 run to compare with ({failed})"
    found = reference.near(rows, wide)
    if found is not None:
        raise UnsupportedOperation(f"module: {reference.described(found)} (run by torch in float64): {_TRACED}")
    return f"{how}, and as float64 copy: within 10^-6 of the largest value"


def _differences(module: torch.nn.Module, reference: Reference, shapes: tuple[Shape, ...], like: torch.Tensor) -> list[Difference | None]:
    """For each batch, where the module differs from the network."""
    found = []
    for rows in _BATCHES:
        try:
            values = _values(module, _inputs(reference, rows, shapes, like), reference.sizes)
        except _Failed as failed:
            raise UnsupportedOperation(
                f"module: its forward, run on a batch of {len(rows)} point{'s' if len(rows) > 1 else ''}, fails: {failed}; "
                "a module for batches of every size is needed"
            ) from None
        found.append(reference.difference(rows, values))
    return found


def _reason(first: Sequence[Difference | None], second: Sequence[Difference | None]) -> str:
    if [d is None for d in first] != [d is None for d in second]:
        return _AGAIN
    if any(d is None for d in first):
        return _BATCH
    return _TRACED if first == second else _AGAIN


def _inputs(reference: Reference, rows: list[int], shapes: tuple[Shape, ...], like: torch.Tensor) -> list[torch.Tensor]:
    """The inputs of the module for a batch of these points."""
    parts = torch.split(reference.points[rows], [math.prod(s) for s in shapes], dim=1)
    return [p.reshape(len(rows), *s).to(dtype=like.dtype, device=like.device) for p, s in zip(parts, shapes, strict=True)]


def _values(module: Callable[..., Any], inputs: list[torch.Tensor], sizes: Sequence[int], *, exact: bool = False) -> np.ndarray[Any, Any]:
    """Flat values, one row for each point, outputs of these sizes for each; `exact`: those must be float64."""
    batch = len(inputs[0])
    try:
        with torch.no_grad():
            outputs = [t for t in torch.utils._pytree.tree_flatten(module(*inputs))[0] if t is not None]
        if exact and any(t.dtype != torch.float64 for t in outputs):
            raise _Failed("its outputs are not float64 then")
        flat = [t.detach().double().cpu() for t in outputs]
        rows = [_rows(t, size, batch) for t, size in zip(flat, sizes, strict=True)]
    except _Failed:
        raise
    except Exception as error:  # noqa: BLE001 - the module's own forward may raise anything
        raise _Failed(first_line(error)) from None
    return torch.cat(rows, 1).numpy()


def _rows(value: torch.Tensor, size: int, batch: int) -> torch.Tensor:
    """One row for each point; an output without a batch axis is the same for all."""
    if value.numel() == size:
        return value.reshape(1, -1).expand(batch, -1)
    if value.numel() != batch * size:
        raise _Failed(f"an output of {value.numel()} numbers for {batch} points, where one point has {size}; {_BATCH}")
    return value.reshape(batch, -1)
