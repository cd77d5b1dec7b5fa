"""One training, and what is kept of it."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from era.design import Run
from era.models import build
from era.tasks import Data, load
from torch import nn

import exactnn as xn
from exactnn.nn import ERA, SafePade
from exactnn.verify import activation_poles


def train(run: Run, mnist: Path | None = None) -> dict[str, Any]:
    """The line of a run: its settings, the test error in per cent, the loss of each epoch, and its rational activations."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    data = load(run.task, run.train, run.test, mnist)
    model = build(run, data)
    parameters = sum(p.numel() for p in model.parameters())
    acts = {name: m for name, m in model.named_modules() if isinstance(m, (ERA, SafePade))}
    before = [coefficients(m) for m in acts.values()]
    losses = fit(model, data, run)
    answers = answered(model, data.test_x)
    diverged = len(losses) < run.epochs or not bool(answers.isfinite().all())
    rows = [described(name, module, first) for (name, module), first in zip(acts.items(), before, strict=True)]
    if rows and not diverged:  # otherwise the coefficients are no numbers
        found, inputs = poles(model), ranges(model, acts, data)
        for row, (name, module) in zip(rows, acts.items(), strict=True):
            row.update({"after": coefficients(module), "inputs": inputs[name], **found[name]})
    return {
        "key": run.key,
        "hash": run.digest,
        "settings": asdict(run),
        "parameters": parameters,
        "error": data.chance if diverged else data.error(answers),
        "diverged": diverged,
        "losses": losses,
        "activations": rows,
        "seconds": round(time.perf_counter() - start, 3),
    }


def fit(model: nn.Module, data: Data, run: Run) -> list[float]:
    """Adam with a rate that falls to 0 along a cosine; the mean loss of each epoch, up to the first that is not finite."""
    optimizer = torch.optim.Adam(model.parameters(), lr=run.learning_rate, fused=True)
    steps = run.epochs * math.ceil(len(data.x) / run.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order = torch.Generator().manual_seed(run.seed)
    losses = []
    model.train()
    for _ in range(run.epochs):
        total = 0.0
        for batch in torch.randperm(len(data.x), generator=order).split(run.batch):
            optimizer.zero_grad()
            outputs = model(data.x[batch])
            loss = F.cross_entropy(outputs, data.y[batch]) if data.classes else F.mse_loss(outputs, data.y[batch])
            if not math.isfinite(loss.item()):
                return losses
            loss.backward()
            if run.clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), run.clip)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        losses.append(total / len(data.x))
    return losses


@torch.no_grad()
def answered(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The outputs of the network in evaluation mode."""
    model.eval()
    return torch.cat([model(part) for part in x.split(1000)])


# --- rational activations --------------------------------------------------------------------------------------------------


def described(name: str, module: ERA | SafePade, before: dict[str, Any]) -> dict[str, Any]:
    """What is known of an activation before training."""
    count = sum(p.numel() for p in module.parameters())
    return {"name": name, "kind": type(module).__name__, "parameters": count, "epsilon": getattr(module, "epsilon", None), "before": before}


def coefficients(module: ERA | SafePade) -> dict[str, Any]:
    """Each parameter as a float or a list of floats, none of whose bits is lost."""
    return {name: p.detach().double().tolist() for name, p in module.named_parameters()}


def ranges(model: nn.Module, acts: dict[str, ERA | SafePade], data: Data) -> dict[str, list[float]]:
    """For each activation the interval of its inputs on training examples, without the outermost 1 % of them."""
    seen: dict[nn.Module, torch.Tensor] = {}
    hooks = [m.register_forward_pre_hook(lambda module, given: seen.update({module: given[0]})) for m in acts.values()]
    answered(model, data.x[:500])
    for hook in hooks:
        hook.remove()
    ends = torch.tensor([0.005, 0.995])
    return {name: torch.quantile(seen[m].flatten(), ends).tolist() for name, m in acts.items()}


def poles(model: nn.Module) -> dict[str, dict[str, Any]]:
    """For each rational activation whether it is proved that it has no real pole, and how far the nearest complex one is from the line.

    There is no such distance for a Pade unit, which is piecewise rational: its denominator is at least 1.
    """
    return {
        row.name: {
            "verdict": xn.verify_pole_free(row.function).status,
            "distance": None if row.nearest_pole is None else float(row.nearest_pole.distance.lower),
        }
        for row in activation_poles(model)
    }
