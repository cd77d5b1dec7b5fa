"""Temperatures beside scikit-learn, scipy and torch: seconds, and which answers the closed forms contradict."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measure import Row, best, timed
from exactnn.cooling import expected_calibration_error, matrix_scaling, optimal_temperature, vector_scaling
from exactnn.errors import NoOptimalTemperature

#: logits (m, 0, ..., 0), C classes, accuracy a in hundredths: tau = log(a (C - 1)/(1 - a))/m
CASES = ((8.0, 10, 90), (0.01, 2, 99), (1000.0, 2, 80), (8.0, 10, 5), (8.0, 10, 100))


def sampled(n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose labels are drawn at the temperature 0.9."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, classes)) * 2
    return z, (0.9 * z + rng.gumbel(size=z.shape)).argmax(axis=1)


def by_sklearn(z: np.ndarray, y: np.ndarray) -> float:
    """The temperature of scikit-learn's calibration, as a factor."""
    from sklearn.calibration import _TemperatureScaling

    return float(_TemperatureScaling().fit(z, y).beta_)


def by_scipy(z: np.ndarray, y: np.ndarray) -> float:
    """Brent's method on the logarithm of tau."""
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    own = z[np.arange(len(y)), y]

    def loss(log_tau: float) -> float:
        tau = math.exp(log_tau)
        return float((logsumexp(tau * z, axis=1) - tau * own).mean())

    return math.exp(minimize_scalar(loss, bounds=(-10, 10), method="bounded").x)


def by_torch(z: np.ndarray, y: np.ndarray) -> float:
    """LBFGS on T = 1/tau from 1.5, at most 50 steps, as temperature_scaling (Pleiss) has it."""
    import torch

    logits, labels = torch.tensor(z), torch.tensor(y)
    t = torch.full((1,), 1.5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([t], lr=0.01, max_iter=50)

    def closure() -> Any:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits / t, labels)
        loss.backward()
        return loss

    optimiser.step(closure)
    return 1 / float(t.detach())


TOOLS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {"scikit-learn": by_sklearn, "scipy": by_scipy, "torch LBFGS": by_torch}


def ours(z: np.ndarray, y: np.ndarray) -> str:
    """The value, or the reason why there is none."""
    try:
        return f"{optimal_temperature(z, y).value:.7g}"
    except NoOptimalTemperature as error:
        return f"none ({error.reason})"


def answers() -> list[str]:
    """What each tool says where the answer is known."""
    lines = []
    for m, classes, percent in CASES:
        z = np.zeros((1000, classes))
        z[:, 0] = m
        y = np.r_[np.zeros(10 * percent, dtype=int), np.ones(1000 - 10 * percent, dtype=int)]
        a = percent / 100
        truth = "infinite" if a == 1 else "none" if a <= 1 / classes else f"{math.log(a * (classes - 1) / (1 - a)) / m:.7g}"
        told = []
        for name, tool in TOOLS.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    told.append(f"{name} {tool(z, y):.7g}")
                except ImportError:
                    continue
        lines.append(f"logits ({m:g}, 0, ...), {classes} classes, accuracy {a:g}: {truth}; exactnn {ours(z, y)}; {'; '.join(told)}")
    return lines


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    n, classes = (5_000, 20) if quick else (50_000, 100)
    z, y = sampled(n, classes)
    size = f"{n:,} x {classes} logits"
    found, seconds = best(lambda: optimal_temperature(z, y))
    rows, notes = [], []
    for name, tool in TOOLS.items():
        try:
            value, theirs = best(lambda tool=tool: tool(z, y), 2)  # type: ignore[misc]
        except ImportError:
            notes.append(f"{name} is not installed.")
            continue
        rows.append(Row(f"tau with its proved bracket: {size}", seconds, name, theirs))
        where = "inside" if found.lower < value < found.upper else f"off by {abs(value / found.value - 1):.1e}"
        notes.append(f"{name}: {value:.12g}, {where}.")
    notes.insert(0, f"exactnn: {found.value:.15g}, bracket {float(found.width / found.lower):.1e} wide in relation to tau.")
    some = n // 100
    _, seconds = timed(lambda: optimal_temperature(z[:some], y[:some], digits=50))
    rows.append(Row(f"tau to 50 digits by balls: {some:,} x {classes} logits", seconds))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    plain = best(lambda: plain_error(p, y))[1]
    rows.append(Row(f"exact ECE: {size}", best(lambda: expected_calibration_error(p, y))[1], "numpy, in floats", plain))
    rows.append(Row(f"  equal mass: {size}", best(lambda: expected_calibration_error(p, y, binning="mass"))[1]))
    rows.append(Row(f"  classwise: {size}", best(lambda: expected_calibration_error(p, y, mode="classwise"))[1]))
    few, labels = sampled(n, 10)
    for scaling in (vector_scaling, matrix_scaling):
        _, seconds = timed(lambda scaling=scaling: scaling(few, labels))  # type: ignore[misc]
        rows.append(Row(f"{scaling.__name__} with its proof of existence: {n:,} x 10 logits", seconds))
    return "Calibration", [*notes, *answers()], rows


def plain_error(p: np.ndarray, y: np.ndarray, bins: int = 15) -> float:
    """The usual few lines, with float edges."""
    confidence = p.max(axis=1)
    hit = p.argmax(axis=1) == y
    place = np.clip(np.searchsorted(np.linspace(0, 1, bins + 1), confidence, side="left") - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=hit - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(y))
