"""Temperatures and calibration errors as other tools find them. Each raises ImportError where its package is not installed."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

Temperature = Callable[[np.ndarray, np.ndarray], float]
Error = Callable[[np.ndarray, np.ndarray, int], float]


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


# --- temperatures, as factors of the logits ---------------------------------------------------------------------------------


def by_sklearn(z: np.ndarray, y: np.ndarray) -> float:
    """The temperature of scikit-learn's calibration."""
    from sklearn.calibration import _TemperatureScaling

    return float(_TemperatureScaling().fit(z, y).beta_)


def by_netcal(z: np.ndarray, y: np.ndarray) -> float:
    """netcal's TemperatureScaling, which reads probabilities."""
    from netcal.scaling import TemperatureScaling

    with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        found = TemperatureScaling().fit(softmax(z), y)
    return float(found.temperature[0])


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


TEMPERATURES: dict[str, Temperature] = {"scikit-learn": by_sklearn, "netcal": by_netcal, "scipy": by_scipy, "torch LBFGS": by_torch}

# --- expected calibration errors of the top label, bins of equal width --------------------------------------------------------


def error_by_numpy(p: np.ndarray, y: np.ndarray, bins: int) -> float:
    """The usual few lines, with float edges, open on the left."""
    confidence = p.max(axis=1)
    hit = p.argmax(axis=1) == y
    place = np.clip(np.searchsorted(np.linspace(0, 1, bins + 1), confidence, side="left") - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=hit - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(y))


def error_by_netcal(p: np.ndarray, y: np.ndarray, bins: int) -> float:
    """netcal's ECE."""
    from netcal.metrics import ECE

    return float(ECE(bins).measure(p, y))


def error_by_torchmetrics(p: np.ndarray, y: np.ndarray, bins: int) -> float:
    """The function torchmetrics has for several classes."""
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    return float(multiclass_calibration_error(torch.tensor(p), torch.tensor(y), p.shape[1], n_bins=bins, norm="l1"))


ERRORS: dict[str, Error] = {"numpy, in floats": error_by_numpy, "netcal": error_by_netcal, "torchmetrics": error_by_torchmetrics}
