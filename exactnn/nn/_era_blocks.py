"""ERA with one coefficient set on a CPU, block after block in buffers that stay in the cache: the formulas of `functional`, in place.

The coefficients are Python floats here, so that a product with one and a sum are one step. Sums over a block are torch's, in the wide
dtype; the blocks are added up in float64.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch


def values(x: torch.Tensor, blocks: Iterable[slice], coefficients: tuple[torch.Tensor, ...], far: float) -> torch.Tensor:
    """a x + b' + sum (w + u (c - w u))/(u^2 + F),  u = x - e, on a flat tensor; coefficients a, b', c, w, e, F."""
    wide = coefficients[0].dtype
    a, b = (float(t) for t in coefficients[:2])
    fractions = list(zip(*(t.tolist() for t in coefficients[2:]), strict=True))
    starts = [torch.tensor(c, dtype=wide) for c, *_ in fractions]
    result = torch.empty_like(x)
    u, t, s, near, total = (torch.empty(0, dtype=wide) for _ in range(5))
    for block in blocks:
        y = x[block].to(wide)
        if len(u) != len(y):
            u, t, s, near, total = (torch.empty_like(y) for _ in range(5))
        torch.clamp(y, -far, far, out=near)
        torch.mul(y, a, out=total).add_(b)
        for (_, w, e, square), start in zip(fractions, starts, strict=True):
            torch.sub(near, e, out=u)
            torch.mul(u, u, out=s).add_(square)
            torch.add(start, u, alpha=-w, out=t).mul_(u).add_(w).div_(s)
            total.add_(t)
        result[block] = total
    return result


def gradients(
    x: torch.Tensor, grad: torch.Tensor, blocks: Iterable[slice], coefficients: tuple[torch.Tensor, ...], epsilon: float, far: float
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The gradients of x and of a, b, c, d, e, f, on flat tensors."""
    wide = coefficients[0].dtype
    a, c, d, e, f = float(coefficients[0]), coefficients[2].tolist(), coefficients[3], coefficients[4].tolist(), coefficients[5].tolist()
    fractions = list(zip(c, d.detach(), e, (t * t + epsilon for t in f), strict=True))
    result = torch.empty_like(x)
    of_a = of_b = 0.0
    sums = [[0.0] * 4 for _ in fractions]
    u, g, q, near, of_x = (torch.empty(0, dtype=wide) for _ in range(5))
    for block in blocks:
        y, along = x[block].to(wide), grad[block].to(wide)
        if len(u) != len(y):
            u, g, q, near, of_x = (torch.empty_like(y) for _ in range(5))
        torch.clamp(y, -far, far, out=near)
        torch.mul(along, a, out=of_x)
        of_a += float(torch.dot(along, y))
        of_b += float(along.sum())
        for (c_i, d_i, e_i, square), total in zip(fractions, sums, strict=True):
            torch.sub(near, e_i, out=u)
            torch.mul(u, u, out=g).add_(square).reciprocal_()
            torch.add(d_i, near, alpha=c_i, out=q).mul_(g)
            g.mul_(along)
            q.mul_(g)  # g = grad/D, q = grad (c x + d)/D^2
            of_x.add_(g, alpha=c_i).addcmul_(q, u, value=-2.0)
            for k, part in enumerate((torch.dot(g, near), g.sum(), torch.dot(q, u), q.sum())):
                total[k] += float(part)
        result[block] = of_x
    of_c, of_d, of_v, of_q = ([row[k] for row in sums] for k in range(4))
    of_e, of_f = [2 * v for v in of_v], [-2 * t * q_i for t, q_i in zip(f, of_q, strict=True)]
    return result, [torch.tensor(s, dtype=torch.float64) for s in (of_a, of_b, of_c, of_d, of_e, of_f)]
