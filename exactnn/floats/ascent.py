"""Float search for points where two networks differ most. It proposes; exact values decide (exactnn.verify)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from exactnn.exact.progress import counted
from exactnn.network import Network

_STEPS = 30  # uphill

Floats = np.ndarray[Any, np.dtype[np.float64]]


def largest_gaps(
    f: Network,
    g: Network | None,
    starts: Floats,
    offset: Floats | None,
    basis: Floats | None,
    scale: float,
    seconds: float,
    box: tuple[Floats, Floats] | None = None,
) -> Floats:
    """Points t, best first, at which max_j |f_j(x) - g_j(x)| is large in float64, x = offset + basis^T t (x = t without them).

    The best of the starts (batch, dimension) are moved uphill by Adam for at most `seconds`, and kept in the box (lower, upper) if there
    is one. g None stands for 0.
    """
    end = time.monotonic() + seconds
    nets = [net.to_torch(torch.float64) for net in (f, g) if net is not None]
    frame = None if offset is None or basis is None else (torch.from_numpy(offset), torch.from_numpy(basis))

    def gap(t: torch.Tensor) -> torch.Tensor:
        x = t if frame is None else t @ frame[1] + frame[0]
        outputs = [net.flat(x) for net in nets]  # type: ignore[operator]
        difference = outputs[0] if len(outputs) == 1 else outputs[0] - outputs[1]
        return torch.as_tensor(difference.abs().amax(dim=1))

    t = torch.from_numpy(starts)
    with torch.no_grad():
        chosen = gap(t).argsort(descending=True)[:64]
    best = t[chosen].clone().requires_grad_(True)
    optimiser = torch.optim.Adam([best], lr=0.05 * scale)
    for _ in counted("points proposed by floats", range(_STEPS)):
        if time.monotonic() > end:
            break
        optimiser.zero_grad()
        (-gap(best)).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if box is not None:
            with torch.no_grad():
                best.clamp_(*map(torch.from_numpy, box))
    with torch.no_grad():
        order = gap(best).argsort(descending=True)[:16]
    return np.asarray(best.detach()[order].numpy())


def gaps(f: Network, g: Network | None, points: Floats) -> Floats:
    """|f_j - g_j| in float64, shape (batch, outputs), at input points (batch, inputs). g None stands for 0."""
    x = torch.from_numpy(points)
    with torch.no_grad():
        outputs = [net.to_torch(torch.float64).flat(x) for net in (f, g) if net is not None]  # type: ignore[operator]
    difference = outputs[0] if len(outputs) == 1 else outputs[0] - outputs[1]
    return np.asarray(difference.abs().numpy())
