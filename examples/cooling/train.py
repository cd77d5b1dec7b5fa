"""One training, and what is kept of it."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from cooling.design import Run
from cooling.methods import COOLING, NORMALISED, SCHEDULES
from cooling.models import LogitNorm, build
from cooling.tasks import Data, Part, load
from torch import nn

from exactnn.cooling import expected_calibration_error, optimal_temperature
from exactnn.errors import ExactnnError, NoOptimalTemperature
from exactnn.nn import Cooling

BINS = 15
MEASURED = 200  # training examples that the gradients of the layers are measured on


def train(run: Run, mnist: Path | None = None) -> dict[str, Any]:
    """The line of a run: its settings, errors and calibration errors in per cent, temperatures, and the gradients of its layers."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    data = load(run.task, run.train, run.validation, run.test, mnist)
    model = build(run.network, data.train.x.shape[-1], data.classes, run.width, run.dropout, run.seed)
    if run.method in NORMALISED:
        model.append(LogitNorm(run.logit_norm))
    line = {"key": run.key, "hash": run.digest, "settings": asdict(run), "parameters": sum(p.numel() for p in model.parameters())}
    kept = fit(model, data, run)
    if kept["stopped"]:
        # answers of chance, with confidence 1
        line.update({"error": data.chance, "ece": data.chance, "scaled_ece": data.chance, "validation_error": data.chance})
    return {**line, **kept, "seconds": round(time.perf_counter() - start, 3)}


def fit(model: nn.Sequential, data: Data, run: Run) -> dict[str, Any]:
    """SGD with momentum. Cooling fits its temperature before each epoch but the first, so that no fit is the last word."""
    optimizer = torch.optim.SGD(model.parameters(), lr=run.learning_rate, momentum=run.momentum)
    batches = math.ceil(len(data.train.x) / run.batch)
    change = SCHEDULES.get(run.method, SCHEDULES["constant"])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: change(step / (run.epochs * batches)))
    cooling = None
    if run.method in COOLING:
        cooling = Cooling(model, (data.validation.x, data.validation.y), optimizer, COOLING[run.method])
    order = torch.Generator().manual_seed(run.seed)
    losses: list[float] = []
    gradients: list[list[list[float]]] = []
    stopped = ""
    model.train()
    for epoch in range(run.epochs):
        try:
            if cooling is not None and epoch:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # what has no optimum is counted
                    cooling.step()
        except ExactnnError as error:  # logits that are not finite, a layer without gradient
            stopped = f"epoch {epoch + 1}: {error}"
            break
        total = 0.0
        for batch in torch.randperm(len(data.train.x), generator=order).split(run.batch):
            optimizer.zero_grad()
            outputs = model(data.train.x[batch])
            loss = F.cross_entropy(outputs if cooling is None else cooling(outputs), data.train.y[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        if not math.isfinite(total):
            stopped = f"epoch {epoch + 1}: the loss is not finite"
            break
        losses.append(rounded(total / len(data.train.x)))
        gradients.append(layer_gradients(model, cooling, data.train))
    steps = [] if cooling is None else cooling.history
    measured = {} if stopped else evaluated(model, cooling, data)
    return {
        **measured,
        "stopped": stopped,
        "losses": losses,
        "gradients": gradients,
        "taus": [rounded(step.tau) for step in steps],
        "unfitted": sum(bool(step.reason) for step in steps),
        "changed": rounded(max((step.change for step in steps), default=0.0)),
    }


def layer_gradients(model: nn.Module, cooling: Cooling | None, part: Part) -> list[list[float]]:
    """[|G|, |W|] of each layer, G the gradient of the mean loss on some training examples, in eval mode."""
    weights = [m.weight for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    model.eval()
    outputs = model(part.x[:MEASURED])
    loss = F.cross_entropy(outputs if cooling is None else cooling(outputs), part.y[:MEASURED])
    found = torch.autograd.grad(loss, weights)
    model.train()
    return [[rounded(float(g.norm())), rounded(float(w.detach().norm()))] for g, w in zip(found, weights, strict=True)]


@torch.no_grad()
def evaluated(model: nn.Module, cooling: Cooling | None, data: Data) -> dict[str, float]:
    """Errors on test and validation data; the calibration error on test data as trained, and after a temperature fitted at the end."""
    model.eval()

    def logits(part: Part) -> torch.Tensor:
        outputs = torch.cat([model(x) for x in part.x.split(500)])
        return (outputs if cooling is None else cooling(outputs)).double()

    test, validation = logits(data.test), logits(data.validation)
    try:
        tau = optimal_temperature(validation.numpy(), data.validation.y.numpy(), class_axis=1).value
    except NoOptimalTemperature:
        tau = 1.0

    def ece(factor: float) -> float:
        rows = torch.softmax(factor * test, dim=1).numpy()
        return 100 * float(expected_calibration_error(rows, data.test.y.numpy(), bins=BINS, class_axis=1))

    return {
        "error": wrong(test, data.test.y),
        "validation_error": wrong(validation, data.validation.y),
        "ece": ece(1.0),
        "scaled_ece": ece(tau),
    }


def wrong(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """In per cent."""
    return 100 * float((logits.argmax(dim=1) != labels).double().mean())


def rounded(value: float) -> float:
    """Five digits, to keep lines short."""
    return float(f"{value:.5g}")
