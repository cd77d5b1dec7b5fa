"""A torch module is run, in eager mode, and compared with the network that was read from it.

Three points, in batches of 1, 2 and 3 and each batch twice (of modules with more than 10^6 parameters the first one), so that what
depends on the batch, on the number of calls, on chance or on being traced shows. The module runs on a copy of its state, which is put
back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from exactnn.errors import UnsupportedOperation
from exactnn.floats.reference import POINTS, Difference, Reference, Values
from exactnn.load._torch_calls import example_like, first_line, quiet
from exactnn.load._torch_state import put_back, random_state
from exactnn.network import Network
from exactnn.network.operations import Shape

_BATCHES = ([0], [1, 0], [2, 0, 1])
_SMALL = 10**6
_TRACED = (
    "what was traced is not what runs, as when forward asks for the type of its argument or whether it is exported or compiled (write it "
    "without such a branch), or an operation is read wrongly here (please report it)"
)
_AGAIN = "a second call gives another value, as when it counts its calls, keeps something of the first one, or is random"
_BATCH = "the value of a point depends on the other points of its batch or on their number"


class _Failed(Exception):
    """The module's own forward failed."""


def compared(module: torch.nn.Module, net: Network, shapes: tuple[Shape, ...], batch: int | None = None) -> str:
    """Run the module and compare; a sentence on what was done. UnsupportedOperation for a difference, naming output, point and values.

    `batch`: the only size of a batch that the module takes.
    """
    batches = _BATCHES if batch is None else [[(i + j) % POINTS for i in range(batch)] for j in range(POINTS)]
    like = example_like(module)
    dtype = str(like.dtype).removeprefix("torch.")
    small = _is_small(module)
    reference = Reference(net, dtype, bounded=small)  # of large modules the float64 run tells more, and for less
    with put_back(module, copied=True), quiet():
        chance = random_state()
        once = [_run(module, reference, rows, shapes, like) for rows in batches]
        again = [_run(module, reference, rows, shapes, like) for rows in (batches if small else batches[:1])]
        if random_state() != chance:
            raise UnsupportedOperation("module: its forward draws random numbers, so that there is no function")
    first, second = ([reference.difference(rows, v) for rows, v in zip(batches, run, strict=False)] for run in (once, again))
    gaps = [d for d in (*first, *second) if d is not None]
    repeated = all(reference.alike(rows, a, b) for rows, a, b in zip(batches, once, again, strict=False))
    large = next((d for d in gaps if not reference.is_small(d)), None)
    if large is not None:
        reason = _AGAIN if not repeated else _BATCH if None in first else _TRACED
        raise UnsupportedOperation(f"module: {reference.described(large)} (called with torch itself): {reason}")
    if not repeated:
        raise UnsupportedOperation(f"module: called twice with the same batch, it gives two values; {_AGAIN}")
    how = f"compared with the module at {len(reference.points)} points, in batches of {'1, 2 and 3' if batch is None else batch}, twice"
    if reference.is_sharp and not gaps:
        return f"{how}: within the rounding of {dtype}"
    return f"{how}, {_wide(module, reference, shapes, like, batches if small or gaps else batches[-1:], gaps)}"


def _wide(
    module: torch.nn.Module,
    reference: Reference,
    shapes: tuple[Shape, ...],
    like: torch.Tensor,
    batches: Sequence[list[int]],
    gaps: Sequence[Difference],
) -> str:
    """What a float64 copy of the module says, where a run in its own format says little."""
    dtype = str(like.dtype).removeprefix("torch.")
    try:
        with put_back(module, copied=True, dtype=torch.float64), quiet():
            for rows in batches:
                wide = _values(module, _inputs(reference, rows, shapes, like.to(torch.float64)), reference.sizes, exact=True)
                found = reference.near(rows, wide)
                if found is not None:
                    raise UnsupportedOperation(f"module: {reference.described(found)} (run by torch in float64): {_TRACED}")
    except _Failed as failed:
        far = next((d for d in gaps if not reference.is_nearly_rounding(d)), None)
        if far is not None:
            raise UnsupportedOperation(f"module: {reference.described(far)} (called with torch itself): {_TRACED}") from None
        return f"loosely: the rounding of {dtype} may be large, and there is no float64 run to compare with ({failed})"
    return (
        f"and as float64 copy: within {reference.nearness:.0e} of the largest value that each output is made of (a run in {dtype} may be "
        "off by more than 10^-3)"
    )


def _is_small(module: torch.nn.Module) -> bool:
    """Whether all batches are run twice; of larger modules the first one is."""
    return sum(p.numel() for p in module.parameters()) <= _SMALL


def _run(module: torch.nn.Module, reference: Reference, rows: list[int], shapes: tuple[Shape, ...], like: torch.Tensor) -> Values:
    """The module's values for a batch of these points."""
    try:
        return _values(module, _inputs(reference, rows, shapes, like), reference.sizes)
    except _Failed as failed:
        raise UnsupportedOperation(
            f"module: its forward, run on a batch of {len(rows)} point{'s' if len(rows) > 1 else ''}, fails: {failed}; "
            "a module for batches of every size is needed"
        ) from None


def _inputs(reference: Reference, rows: list[int], shapes: tuple[Shape, ...], like: torch.Tensor) -> list[torch.Tensor]:
    """The inputs of the module for a batch of these points."""
    parts = torch.split(reference.points[rows], [math.prod(s) for s in shapes], dim=1)
    return [p.reshape(len(rows), *s).to(dtype=like.dtype, device=like.device) for p, s in zip(parts, shapes, strict=True)]


def _values(module: Callable[..., Any], inputs: list[torch.Tensor], sizes: Sequence[int], *, exact: bool = False) -> Values:
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
