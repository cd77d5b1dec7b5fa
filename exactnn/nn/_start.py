"""Where rational activations start: stored fits, fits of any callable, the identity, random coefficients."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from exactnn.errors import ArgumentError
from exactnn.exact.numbers import as_fraction
from exactnn.nn import _fit
from exactnn.nn._fit import Vector

Init = str | Callable[[Any], Any]

NAMES = ("swish", "silu", "gelu", "relu", "leaky_relu", "leaky_relu(0.2)", "tanh", "identity", "random")
_SLOPE = Fraction(1, 100)


@cache
def _tables() -> dict[str, dict[str, list[list[float]]]]:
    tables: dict[str, dict[str, list[list[float]]]] = json.loads(Path(__file__).with_name("_fits.json").read_text(encoding="utf-8"))
    return tables


def _parsed(init: str) -> tuple[str, Fraction]:
    """The name, and the slope of a leaky ReLU."""
    name = init.strip().lower()
    match = re.fullmatch(r"leaky_relu(?:\(([^()]*)\))?", name)
    if match:
        return "leaky_relu", _SLOPE if match.group(1) is None else as_fraction(match.group(1), f"init {init!r}")
    name = {"silu": "swish"}.get(name, name)
    if name not in NAMES:
        raise ArgumentError(f"init: {', '.join(map(repr, NAMES))} or a callable is needed, got {init!r}")
    return name, _SLOPE


def _checked(init: object) -> None:
    if not isinstance(init, str) and not callable(init):
        raise ArgumentError(f"init: {', '.join(map(repr, NAMES))} or a callable is needed, got {init!r}")


def _target(name: str, slope: Fraction) -> Callable[[Vector], Vector]:
    functions: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "swish": F.silu,
        "gelu": F.gelu,
        "relu": F.relu,
        "leaky_relu": lambda x: F.leaky_relu(x, float(slope)),
        "tanh": torch.tanh,
    }
    return _fit.values_of(functions[name])


def era(init: Init, fractions: int, epsilon: float, single: bool) -> tuple[Vector, Vector, Vector]:
    """e, f and the linear coefficients a, b, c_1, ..., d_1, ... of any start but "random", in numbers of float32 if `single`."""
    _checked(init)
    n = fractions
    if isinstance(init, str):
        name, slope = _parsed(init)
        if name == "identity":
            linear = np.zeros(2 + 2 * n)
            linear[0] = 1
            return np.linspace(-1, 1, n) if n > 1 else np.zeros(1), np.full(n, 1.0), linear
        e, f, linear = _era_fit("relu" if name == "leaky_relu" else name, n, epsilon)
        if name == "leaky_relu":  # slope x + (1 - slope) relu(x)
            linear = float(1 - slope) * linear
            linear[0] += float(slope)
    else:
        e, f, linear = _era_new(_fit.values_of(init), n, epsilon, restarts=16)
    return _fit.rounded_era(e, f, linear, epsilon, single)


@cache
def _era_fit(name: str, n: int, epsilon: float) -> tuple[Vector, Vector, Vector]:
    stored = _tables()["era"].get(f"{name} {2 * n}")
    if stored is not None and min(stored[1]) ** 2 > epsilon:
        e, f, linear = (np.array(part) for part in stored)
        return e, f, linear
    return _era_new(_target(name, _SLOPE), n, epsilon, restarts=16)


def _era_new(target: Callable[[Vector], Vector], n: int, epsilon: float, restarts: int) -> tuple[Vector, Vector, Vector]:
    least = max(_fit.LEAST_F, 1.001 * math.sqrt(epsilon))
    found = _fit.fit_era(target, n, least_f=least, restarts=restarts)
    return found.parameters[:n], found.parameters[n:], found.linear


def random_era(n: int, shape: tuple[int, ...], dtype: torch.dtype, source: torch.Generator | None) -> tuple[torch.Tensor, ...]:
    """a about 1/2, b about 0, c and d normal with variance 1/(4 n), e uniform in [-2, 2], f uniform in [1, 2]."""

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=source, dtype=dtype)

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand((n, *shape), generator=source, dtype=dtype)

    a, b = 0.5 + 0.25 * normal(*shape), 0.1 * normal(*shape)
    c, d = (normal(n, *shape) / (2 * math.sqrt(n)) for _ in range(2))
    return a, b, c, d, uniform(-2, 2), uniform(1, 2)


def pade(init: Init, version: str, degrees: tuple[int, int]) -> tuple[Vector, Vector]:
    """a and b of any start but "random"."""
    _checked(init)
    m, n = degrees
    version = "B" if version == "D" else version
    if not isinstance(init, str):
        return _fit.fit_pade(_fit.values_of(init), version, degrees, restarts=8)[:2]
    name, slope = _parsed(init)
    if name == "identity":
        return _pade_identity(version, m, n)
    return _pade_fit(name, slope, version, degrees)


@cache
def _pade_fit(name: str, slope: Fraction, version: str, degrees: tuple[int, int]) -> tuple[Vector, Vector]:
    key = name if name != "leaky_relu" else f"leaky_relu({slope})"
    stored = _tables()["pade"].get(f"{key} {version}") if degrees == (5, 4) else None
    if stored is not None:
        return np.array(stored[0]), np.array(stored[1])
    return _fit.fit_pade(_target(name, slope), version, degrees, restarts=8)[:2]


def _pade_identity(version: str, m: int, n: int) -> tuple[Vector, Vector]:
    """x Q(x)/Q(x) with even Q > 0, its coefficients not 0, where |.| has no derivative."""
    even = range(2, min(n, m - 1) + 1, 2)
    if m < 1 or (not even and version != "N"):
        raise ArgumentError(f"init: 'identity' needs degrees (m, n) of at least (3, 2), (1, 1) for version 'N', got {(m, n)}")
    a, b = np.zeros(m + 1), np.zeros(n + (version == "C"))
    a[1] = 1
    for k in even:
        a[k + 1] = b[k - (version != "C")] = 0.1**k
    if version == "C":
        b[0] = 0.9
    return a, b


def random_pade(
    version: str, degrees: tuple[int, int], shape: tuple[int, ...], dtype: torch.dtype, source: torch.Generator | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """a_k normal / k!, b_k normal / (2 k!); for version N, Q has the poles e +- i f, e in [-2, 2] and f in [1, 2] uniform."""
    m, n = degrees

    def normal(count: int, lowest: int) -> torch.Tensor:
        values = torch.randn((count, *shape), generator=source, dtype=dtype)
        scale = torch.tensor([1 / math.factorial(k) for k in range(lowest, lowest + count)], dtype=dtype)
        return values * scale.reshape(-1, *(1,) * len(shape))

    a = normal(m + 1, 0)
    if version != "N":
        return a, normal(n + (version == "C"), version != "C") / 2
    poles = torch.rand((math.prod(shape), 2, n // 2), generator=source, dtype=torch.float64).numpy()
    columns = [np.append(_fit.quadratics(np.append(4 * e - 2, 1 + f)), np.zeros(n % 2)) for e, f in poles]
    return a, torch.from_numpy(np.stack(columns, axis=1).reshape(n, *shape)).to(dtype)
