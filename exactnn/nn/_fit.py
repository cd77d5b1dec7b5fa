"""Fits of rational activations: variable projection in numpy.

With the denominators fixed, a rational function is linear in its other coefficients; these are solved for, so that only the denominators
are searched, by Levenberg-Marquardt steps in a box, from many seeded starts. Weights are then moved to where the error is largest (Lawson's
iteration), so that the result is near the best one in the maximum norm. The points are Chebyshev's, close together at the ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from exactnn.errors import ArgumentError

Vector = NDArray[np.float64]
#: Values of all columns (points, columns) for the parameters of the denominators.
Basis = Callable[[Vector, Vector], Vector]

INTERVAL = (-3.0, 3.0)
#: Poles e +- i f of the fits: |e| <= 6 and 0.1 <= f <= 16. A pole nearer to the line is a spike, one farther off cancels digits.
LARGEST_E, LEAST_F, LARGEST_F = 6.0, 0.1, 16.0
#: The least |b_n| of fits of version A with m = n + 1.
LEAST_LAST = 5e-4
#: On the interval the summands stay below this, so that float32 keeps five digits of their sum.
LARGEST_TERMS = 60.0


@dataclass(frozen=True)
class Fit:
    """The parameters of the denominators, the linear coefficients and the largest error on the interval."""

    parameters: Vector
    linear: Vector
    error: float


def chebyshev(count: int, interval: tuple[float, float] = INTERVAL) -> Vector:
    """Points (l + h)/2 + (h - l)/2 cos(pi (k + 1/2)/count), increasing."""
    low, high = interval
    return (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * (np.arange(count) + 0.5) / count)


def fit(
    target: Callable[[Vector], Vector],
    basis: Basis,
    box: tuple[Vector, Vector],
    starts: Sequence[Vector],
    *,
    interval: tuple[float, float] = INTERVAL,
    points: int = 301,
    tame: bool = True,
) -> Fit:
    """min over parameters in the box of min over z of max |basis z - target|, approximately: the best of all starts.

    With `tame`, candidates above 2|x| + 10 + max |target| on [-100, 100], or with larger summands than `LARGEST_TERMS`, come last.
    """
    x, dense = chebyshev(points, interval), np.linspace(*interval, 6001)
    y, wanted = target(x), target(dense)
    ones = np.ones(points)
    found = sorted((_descend(x, y, ones, basis, np.clip(t, *box), box, 60) for t in starts), key=lambda pair: pair[0])
    candidates: list[tuple[bool, float, Vector, Vector]] = []
    bound = 10 + float(np.abs(wanted).max())
    for number, (_, start) in enumerate(found):
        if number >= 8 or (number >= 4 and not all(wild for wild, *_ in candidates)):
            break
        weights, t = ones, start
        for _ in range(16):
            z = solve(basis(x, t) * weights[:, None], y * weights)
            columns = basis(dense, t)
            error = float(np.abs(columns @ z - wanted).max())
            wild = tame and _wild(basis, t, z, bound, columns)
            candidates.append((wild, error, t, z))
            residual = np.abs(basis(x, t) @ z - y)
            if not residual.max() > 1e-14 * bound:
                break
            weights = weights * np.sqrt(residual / residual.max() + 0.02)
            weights = np.maximum(weights / weights.max(), 1e-3)
            _, t = _descend(x, y, weights, basis, t, box, 15)
    _, error, t, z = min(candidates, key=lambda c: c[:2])
    return Fit(t, z, error)


def solve(columns: Vector, values: Vector) -> Vector:
    """The least squares solution, columns scaled to length 1 first."""
    lengths = np.linalg.norm(columns, axis=0)
    lengths = np.where(lengths > 0, lengths, 1.0)
    solution: Vector = np.linalg.lstsq(columns / lengths, values, rcond=1e-15)[0] / lengths
    return solution


def _wild(basis: Basis, t: Vector, z: Vector, bound: float, columns: Vector) -> bool:
    far = np.linspace(-100, 100, 40001)
    values = basis(far, t) @ z
    return bool((np.abs(values) > 2 * np.abs(far) + bound).any() or np.abs(columns * z).sum(axis=1).max() > LARGEST_TERMS)


def _descend(
    x: Vector, y: Vector, weights: Vector, basis: Basis, t: Vector, box: tuple[Vector, Vector], steps: int
) -> tuple[float, Vector]:
    """Levenberg-Marquardt on the residual after projection; steps are cut to the box and taken only where they gain."""
    residual = _projected(x, y, weights, basis, t)
    value, damping = float(residual @ residual), 1e-3
    for _ in range(steps):
        jacobian = np.empty((len(x), len(t)))
        for j in range(len(t)):
            h = 1e-6 * max(1.0, abs(float(t[j])))
            moved = t.copy()
            moved[j] += h if t[j] + h <= box[1][j] else -h
            jacobian[:, j] = (_projected(x, y, weights, basis, moved) - residual) / (moved[j] - t[j])
        hessian, gradient = jacobian.T @ jacobian, jacobian.T @ residual
        scale = np.diag(np.diag(hessian) + 1e-300)
        for _ in range(8):
            step = np.linalg.lstsq(hessian + damping * scale, gradient, rcond=None)[0]
            moved = np.clip(t - step, *box)
            new = _projected(x, y, weights, basis, moved)
            new_value = float(new @ new)
            if new_value < value:
                break
            damping *= 4
        else:
            return value, t
        gain = value - new_value
        t, residual, damping = moved, new, max(damping / 5, 1e-12)
        if gain < 1e-7 * value:
            return new_value, t
        value = new_value
    return value, t


def _projected(x: Vector, y: Vector, weights: Vector, basis: Basis, t: Vector) -> Vector:
    """What of the weighted values is orthogonal to the columns; projected twice for its last digits."""
    q, _ = np.linalg.qr(basis(x, t) * weights[:, None])
    rest = y * weights
    for _ in range(2):
        rest = rest - q @ (q.T @ rest)
    return rest


# --- ERA: a x + b + sum (c x + d)/((x - e)^2 + f^2) ------------------------------------------------------------------------


def era_columns(x: Vector, e: Vector, squares: Vector) -> Vector:
    """The columns x, 1, x/D_1, ..., x/D_n, 1/D_1, ..., 1/D_n with D_i = (x - e_i)^2 + squares_i."""
    inverse = 1 / ((x[:, None] - e) ** 2 + squares)
    return np.concatenate([x[:, None], np.ones((len(x), 1)), x[:, None] * inverse, inverse], axis=1)


def fit_era(target: Callable[[Vector], Vector], fractions: int, *, least_f: float = LEAST_F, restarts: int = 30, seed: int = 0) -> Fit:
    """An ERA of `fractions` fractions; parameters e_1, ..., e_n, f_1, ..., f_n, linear a, b, c_1, ..., c_n, d_1, ..., d_n."""
    n = fractions
    least = np.full(n, least_f)

    def basis(x: Vector, t: Vector) -> Vector:
        e, f = t[:n], t[n:]
        u = (x[:, None] - e) / f
        inverse = 1 / (1 + u * u)  # columns of comparable size: x, 1, f (x - e)/D, f^2/D
        return np.concatenate([x[:, None], np.ones((len(x), 1)), u * inverse, inverse], axis=1)

    source = np.random.default_rng(seed)
    starts = []
    for number in range(restarts):
        spread = 2.0 if number % 2 else 0.05
        starts.append(np.concatenate([source.normal(0, spread, n), np.exp(source.uniform(math.log(0.3), math.log(8), n))]))
    box = np.concatenate([np.full(n, -LARGEST_E), least]), np.concatenate([np.full(n, LARGEST_E), np.maximum(least, LARGEST_F)])
    found = fit(target, basis, box, starts)
    e, f = found.parameters[:n], found.parameters[n:]
    a, b, u, v = found.linear[0], found.linear[1], found.linear[2 : 2 + n], found.linear[2 + n :]
    c, d = u * f, v * f * f - u * f * e
    return Fit(found.parameters, np.concatenate([[a, b], c, d]), found.error)


def symmetric_era(target: Callable[[Vector], Vector], found: Fit) -> Fit:
    """The fit with e = 0, and c = 0 (or b = d = 0), where it is that up to noise: the error grows by 2 % at most."""
    n = len(found.parameters) // 2
    x, dense = chebyshev(301), np.linspace(*INTERVAL, 6001)
    parameters = np.concatenate([np.zeros(n), found.parameters[n:]])
    squares = parameters[n:] ** 2
    for kept in ([0, 1, *range(2 + n, 2 + 2 * n)], [0, *range(2, 2 + n)]):
        weights = np.ones(len(x))
        for _ in range(40):
            linear = np.zeros(2 + 2 * n)
            columns = era_columns(x, parameters[:n], squares)[:, kept]
            linear[kept] = solve(columns * weights[:, None], target(x) * weights)
            error = float(np.abs(era_columns(dense, parameters[:n], squares) @ linear - target(dense)).max())
            if error <= 1.02 * found.error:
                if abs(linear[0] - 0.5) < 1e-9:
                    linear[0] = 0.5
                return Fit(parameters, linear, error)
            residual = np.abs(columns @ linear[kept] - target(x))
            weights = np.maximum(weights * np.sqrt(residual / residual.max() + 0.02), 1e-3)
            weights = weights / weights.max()
    return found


def rounded_era(e: Vector, f: Vector, linear: Vector, epsilon: float, single: bool) -> tuple[Vector, Vector, Vector]:
    """The same function with epsilon inside its denominators, in numbers of float32 if `single`: f' = sqrt(f^2 - epsilon).

    Rounding each number for itself would add its error; so e and f are rounded first, then the linear coefficients one after the
    other, the coarsest first, each time solving for the others again (Babai's nearest plane). Zeros stay zeros.
    """

    def nearest(values: Vector) -> Vector:
        return values.astype(np.float32).astype(np.float64) if single else values

    inner = nearest(np.sqrt(f * f - epsilon))
    if not single and not epsilon:
        return e, f, linear
    x = chebyshev(301)
    wanted = era_columns(x, e, f * f) @ linear
    e = nearest(e)
    columns = era_columns(x, e, inner * inner + epsilon)
    if not single:
        return e, inner, linear
    result, free = linear.copy(), np.flatnonzero(linear).tolist()
    while free:
        rest = wanted - columns @ np.where(np.isin(np.arange(len(linear)), free), 0.0, result)
        result[free] = solve(columns[:, free], rest)
        coarseness = np.spacing(np.abs(result[free]).astype(np.float32)) * np.abs(columns[:, free]).max(axis=0)
        chosen = free.pop(int(np.argmax(coarseness)))
        result[chosen] = nearest(result[chosen : chosen + 1])[0]
    return e, inner, result


# --- Pade activation units: P / Q ------------------------------------------------------------------------------------------


def pade_denominator(version: str, x: Vector, b: Vector) -> Vector:
    """Q of versions A, B (= D), C and N; for C the first of b is the constant."""
    lowest = 0 if version == "C" else 1
    powers = x[:, None] ** np.arange(lowest, lowest + len(b))
    match version:
        case "A":
            values = 1 + np.abs(powers * b).sum(axis=1)
        case "C":
            values = 0.1 + np.abs(powers @ b)
        case "N":
            values = 1 + powers @ b
        case _:
            values = 1 + np.abs(powers @ b)
    result: Vector = values
    return result


def quadratics(t: Vector) -> Vector:
    """b_1, ..., b_n of  product ((x - e_i)^2 + f_i^2)/(e_i^2 + f_i^2) = 1 + b_1 x + ... + b_n x^n;  t = e_1, ..., f_1, ..."""
    n = len(t) // 2
    product = np.ones(1)
    for e, f in zip(t[:n], t[n:], strict=True):
        product = np.convolve(product, np.array([1.0, -2 * e / (e * e + f * f), 1 / (e * e + f * f)]))
    return product[1:]


def fit_pade(
    target: Callable[[Vector], Vector], version: str, degrees: tuple[int, int], *, restarts: int = 30, seed: int = 0
) -> tuple[Vector, Vector, float]:
    """Coefficients a_0, ..., a_m and b of a Pade activation unit, and the largest error; version N without real poles."""
    m, n = degrees
    source = np.random.default_rng(seed)

    def numerator(x: Vector, denominator: Vector) -> Vector:
        powers: Vector = (x[:, None] / 3) ** np.arange(m + 1)
        return powers / denominator[:, None]

    if version == "N":
        half = n // 2

        def inner(t: Vector) -> Vector:
            return quadratics(t)

        starts = [
            np.concatenate([source.normal(0, 1, half), np.exp(source.uniform(math.log(0.5), math.log(6), half))]) for _ in range(restarts)
        ]
        box = (
            np.concatenate([np.full(half, -LARGEST_E), np.full(half, LEAST_F)]),
            np.concatenate([np.full(half, LARGEST_E), np.full(half, LARGEST_F)]),
        )
    else:
        count = n + (version == "C")
        scales = 2.0 ** -np.arange(count)

        def inner(t: Vector) -> Vector:
            return t

        starts = [scales * source.normal(0, 1, count) for _ in range(restarts)]
        if version == "A":  # only |b| counts
            starts = [np.abs(s) for s in starts]
        box = np.full(count, 1e-6 if version == "A" else -8.0), np.full(count, 8.0)
        if version == "A" and m > n:  # with the last one near 0 the numerator's last power takes over
            box[0][-1] = LEAST_LAST

    def basis(x: Vector, t: Vector) -> Vector:
        return numerator(x, pade_denominator(version, x, inner(t)))

    found = fit(target, basis, box, starts, tame=m <= n + 1)
    b = inner(found.parameters)
    if version == "N" and n % 2:
        b = np.append(b, 0.0)  # a polynomial of odd degree has a real root
    return found.linear / 3.0 ** np.arange(m + 1), b, found.error


# --- targets ---------------------------------------------------------------------------------------------------------------


def values_of(function: Callable[[Any], Any]) -> Callable[[Vector], Vector]:
    """A callable on float64 tensors or arrays as one on arrays, its values checked."""

    def target(x: Vector) -> Vector:
        try:
            with torch.no_grad():
                given = function(torch.from_numpy(x.copy()))
        except Exception as error:  # the callable may raise anything
            raise ArgumentError(
                f"init: a callable that takes a float64 tensor is needed; on one of shape {x.shape} it raised "
                f"{type(error).__name__}: {error}"
            ) from error
        try:
            found = np.asarray(given.detach().resolve_conj().cpu() if isinstance(given, torch.Tensor) else given)
            if np.iscomplexobj(found):
                raise ArgumentError(f"init: a callable with real values is needed, got {found.dtype}; take .real of them")
            y = found.astype(np.float64)
        except (TypeError, ValueError, RuntimeError) as error:
            if isinstance(error, ArgumentError):
                raise
            raise ArgumentError(f"init: a callable from a tensor to a tensor of its shape is needed, got {type(given).__name__}") from error
        if y.shape != x.shape:
            raise ArgumentError(f"init: a callable that acts entry by entry is needed; for shape {x.shape} it gave shape {y.shape}")
        if not np.isfinite(y).all():
            at = float(x[~np.isfinite(y)][0])
            raise ArgumentError(f"init: finite values on [-3, 3] are needed, but at {at} the callable gives {y[~np.isfinite(y)][0]}")
        return y

    return target
