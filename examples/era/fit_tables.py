"""Make exactnn/nn/_fits.json: the coefficients that xn.nn.ERA and xn.nn.SafePade start from.

    python examples/era/fit_tables.py [--check]

Same seeds, same fits (up to the last digits, which depend on the linear algebra library); about three minutes on one core. With --check
nothing is written, and the errors of the stored coefficients are printed instead.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

import exactnn
from exactnn.nn import _fit
from exactnn.nn._fit import Vector

TABLE = Path(exactnn.__file__).parent / "nn" / "_fits.json"


def gelu(x: Vector) -> Vector:
    return x * np.array([math.erfc(-t / math.sqrt(2)) for t in x]) / 2


TARGETS: dict[str, Callable[[Vector], Vector]] = {
    "swish": lambda x: x / (1 + np.exp(-x)),
    "gelu": gelu,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
}
PADE_TARGETS: dict[str, Callable[[Vector], Vector]] = {**TARGETS, "leaky_relu(1/100)": lambda x: np.where(x > 0, x, 0.01 * x)}


def tables() -> dict[str, dict[str, list[list[float]]]]:
    """All fits: ERA as [e, f, linear] by target and degree, Pade as [a, b] by target and version, degrees (5, 4)."""
    era: dict[str, list[list[float]]] = {}
    pade: dict[str, list[list[float]]] = {}
    for name, target in TARGETS.items():
        for degree in (2, 4, 6):
            n = degree // 2
            fitted = _fit.symmetric_era(target, _fit.fit_era(target, n, restarts=60))
            era[f"{name} {degree}"] = [part.tolist() for part in (fitted.parameters[:n], fitted.parameters[n:], fitted.linear)]
            print(f"ERA {name} {degree}: largest error {fitted.error:.3e} on [-3, 3]", flush=True)
    for name, target in PADE_TARGETS.items():
        for version in "ABCN":
            a, b, error = _fit.fit_pade(target, version, (5, 4), restarts=60)
            pade[f"{name} {version}"] = [a.tolist(), b.tolist()]
            print(f"SafePade {version} (5, 4) {name}: largest error {error:.3e}", flush=True)
    return {"era": era, "pade": pade}


def check(stored: dict[str, dict[str, list[list[float]]]]) -> None:
    x = np.linspace(-3, 3, 60001)
    for key, (e, f, linear) in stored["era"].items():
        name = key.split()[0]
        values = _fit.era_columns(x, np.array(e), np.array(f) ** 2) @ np.array(linear)
        print(f"ERA {key}: largest error {np.abs(values - TARGETS[name](x)).max():.3e} on [-3, 3]")
    for key, (a, b) in stored["pade"].items():
        name, version = key.split()
        values = np.polynomial.Polynomial(a)(x) / _fit.pade_denominator(version, x, np.array(b))
        print(f"SafePade {key}: largest error {np.abs(values - PADE_TARGETS[name](x)).max():.3e} on [-3, 3]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="print the errors of the stored coefficients, write nothing")
    if parser.parse_args().check:
        check(json.loads(TABLE.read_text(encoding="utf-8")))
    else:
        TABLE.write_text(json.dumps(tables(), indent=1) + "\n", encoding="utf-8")
