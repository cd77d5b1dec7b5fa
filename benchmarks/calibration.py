"""Seconds of temperatures and calibration errors, beside scikit-learn, netcal, torchmetrics, scipy and torch; answers: closed_forms."""

from __future__ import annotations

import numpy as np

from benchmarks.calibration_tools import ERRORS, TEMPERATURES, softmax
from benchmarks.measure import Row, best, timed
from exactnn.cooling import expected_calibration_error, matrix_scaling, optimal_temperature, vector_scaling


def sampled(n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose labels are drawn at the temperature 0.9."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, classes)) * 2
    return z, (0.9 * z + rng.gumbel(size=z.shape)).argmax(axis=1)


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    n, classes = (5_000, 20) if quick else (50_000, 100)
    z, y = sampled(n, classes)
    size = f"{n:,} x {classes} logits"
    found, seconds = best(lambda: optimal_temperature(z, y))
    rows, notes = [], []
    for name, tool in TEMPERATURES.items():
        try:
            value, theirs = best(lambda tool=tool: tool(z, y), 2)  # type: ignore[misc]
        except ImportError:
            notes.append(f"{name} is not installed (make calibration-tools).")
            continue
        rows.append(Row(f"tau with its proved bracket: {size}", seconds, name, theirs))
        where = "inside" if found.lower < value < found.upper else f"off by {abs(value / found.value - 1):.1e}"
        notes.append(f"{name}: {value:.12g}, {where}.")
    notes.insert(0, f"exactnn: {found.value:.15g}, bracket {float(found.width / found.lower):.1e} wide in relation to tau.")
    some = n // 100
    _, seconds = timed(lambda: optimal_temperature(z[:some], y[:some], digits=50))
    rows.append(Row(f"tau to 50 digits by balls: {some:,} x {classes} logits", seconds))
    p = softmax(z)
    seconds = best(lambda: expected_calibration_error(p, y))[1]
    for name, error in ERRORS.items():
        try:
            rows.append(Row(f"exact ECE: {size}", seconds, name, best(lambda error=error: error(p, y, 15))[1]))  # type: ignore[misc]
        except ImportError:
            notes.append(f"{name} is not installed (make calibration-tools).")
    rows.append(Row(f"  equal mass: {size}", best(lambda: expected_calibration_error(p, y, binning="mass"))[1]))
    rows.append(Row(f"  classwise: {size}", best(lambda: expected_calibration_error(p, y, mode="classwise"))[1]))
    few, labels = sampled(n, 10)
    for scaling in (vector_scaling, matrix_scaling):
        _, seconds = timed(lambda scaling=scaling: scaling(few, labels))  # type: ignore[misc]
        rows.append(Row(f"{scaling.__name__} with its proof of existence: {n:,} x 10 logits", seconds))
    return "Calibration", notes, rows
