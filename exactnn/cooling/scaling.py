"""Vector and matrix scaling of logits: softmax(w z + b) and softmax(W z + b) with the least loss, where there is a least one.

Existence is decided over Q (`_separation`); weights are floats, by Newton's method with conjugate gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from exactnn.cooling._problem import Problem, nearest, read_problem
from exactnn.cooling._reading import Floats, Mask, read
from exactnn.cooling._separation import Directions
from exactnn.errors import ArgumentError, Incomplete, NoOptimalScaling, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import timed
from exactnn.exact.numbers import Number
from exactnn.value import Value

#: Exact linear programs with more unknowns than this are refused.
MOST_UNKNOWNS = 1000
_STEPS = 200
_CLOSE = 1e-9
_NOISE = 2.0**-50  # in the loss
_START = 1.0  # the largest weights at the start
_FAR = 1e6  # of weights of logits that are 1 at most: the samples are separated, or nearly so


@dataclass(frozen=True, eq=False, repr=False)
class Scaling(Value):
    """z -> weight z + bias (a matrix), or weight * z + bias (a vector: one weight for each class); call it on logits (..., classes).

    Attributes
    ----------
    weight, bias : floats, near the optimum; one constant may be added to all biases, and one row to all rows of a matrix, without a change
    loss : the mean loss there; gradient : the largest entry of its gradient, in the units of logits divided by their spread
    """

    weight: Floats
    bias: Floats
    loss: float
    gradient: float

    def _parts(self) -> dict[str, object]:
        return {"weight": self.weight.tolist(), "bias": self.bias.tolist(), "loss": self.loss, "gradient": self.gradient}

    def __call__(self, logits: Any) -> Floats:
        """The scaled logits."""
        values = nearest(read(logits, "logits"))
        classes = len(self.bias)
        if values.ndim == 0 or values.shape[-1] != classes:
            raise ShapeError(f"logits: a last axis of {classes} classes is needed, got shape {values.shape}")
        return np.asarray((values @ self.weight.T if self.weight.ndim == 2 else values * self.weight) + self.bias)


@timed
def vector_scaling(
    logits: Any, labels: Any, *, class_axis: int = -1, ignore_label: int | None = None, time_limit: Number | None = None
) -> Scaling:
    """w and b with the least loss of softmax(w_k z_k + b_k), or NoOptimalScaling with a direction that separates the samples.

    Parameters are those of `optimal_temperature`; `time_limit` is in seconds. A direction (w, b) that separates has
    w_y z_y + b_y >= w_k z_k + b_k for every sample and class k, y its label, and > somewhere, so that the loss falls along it for ever.

    Raises
    ------
    NoOptimalScaling, ArgumentError, NotFiniteError, ShapeError
    Incomplete
        At the time limit, or where the floats did not come close (samples that are nearly separated); `partial` is what they had.

    Examples
    --------
    >>> rows, labels = [[2, 0], [1, 0], [0, 1], [0, 2], [3, 3]], [0, 1, 1, 0, 1]
    >>> found = vector_scaling(rows, labels)
    >>> found.weight.shape, found.gradient < 1e-9
    ((2,), True)
    >>> try:
    ...     vector_scaling([[2, 0], [1, 0], [0, 1]], [0, 1, 1])
    ... except NoOptimalScaling as error:
    ...     weight, bias = error.direction
    """
    return _scaled(read_problem(logits, labels, class_axis=class_axis, ignore_label=ignore_label), full=False)


@timed
def matrix_scaling(
    logits: Any, labels: Any, *, class_axis: int = -1, ignore_label: int | None = None, time_limit: Number | None = None
) -> Scaling:
    """W and b with the least loss of softmax(W z + b), or NoOptimalScaling; as `vector_scaling`.

    Examples
    --------
    >>> found = matrix_scaling([[2, 0], [1, 0], [0, 1], [0, 2], [3, 3]], [0, 1, 1, 0, 1])
    >>> found.weight.shape, found.gradient < 1e-9
    ((2, 2), True)
    """
    return _scaled(read_problem(logits, labels, class_axis=class_axis, ignore_label=ignore_label), full=True)


def _scaled(problem: Problem, *, full: bool) -> Scaling:
    exact, targets = problem.exact
    size, classes = exact.shape
    support: Mask = np.zeros(exact.shape, dtype=bool)
    if targets is None:
        assert problem.labels is not None
        support[np.arange(size), problem.labels] = True
    else:
        support = np.asarray(targets.numerators > 0, dtype=bool)
    directions = Directions(exact, support, full=full)
    if directions.size > MOST_UNKNOWNS:
        kind = "matrix" if full else "vector"
        raise ArgumentError(
            f"logits: {kind} scaling of {classes} classes has {directions.size} unknowns, and linear programs are solved exactly up to "
            f"{MOST_UNKNOWNS}; " + ("vector scaling has fewer" if full else "a temperature has one")
        )
    floats, aims = problem.floats
    if aims is None:
        aims = support.astype(np.float64)
    theta = directions.absent()
    if theta is None:
        found, p = _minimum(floats, aims, full)
        if not directions.balanced(aims, p):
            theta = directions.from_floats(np.concatenate([found.weight.ravel(), found.bias]))
            theta = theta if directions.separates(theta) else directions.search()
        if theta is None:
            if found.gradient > _CLOSE:
                raise Incomplete(
                    f"the optimum exists, but floats came only to a gradient of {found.gradient:.1e}: the samples are nearly separated",
                    found,
                )
            return found
    _refuse(directions, theta)


def _refuse(directions: Directions, theta: RationalArray) -> NoReturn:
    weight, bias = directions.parts(theta)
    given: Any = weight.to_rows() if directions.full else weight.to_fractions()
    raise NoOptimalScaling(
        f"labels: samples that no {'matrix' if directions.full else 'vector'} scaling separates are needed, but one does: along "
        "`direction`, (weight, bias), no sample's loss rises and one's falls for ever; use more samples, label smoothing, or "
        "optimal_temperature",
        (given, bias.to_fractions()),
    )


# --- floats ----------------------------------------------------------------------------------------------------------------


def _minimum(logits: Floats, targets: Floats, full: bool) -> tuple[Scaling, Floats]:
    """And the probabilities there. Newton's method by conjugate gradients; steps are halved until the loss falls."""
    n, classes = logits.shape
    exponent = math.frexp(max(float(logits.max()), -float(logits.min())))[1]
    z = np.ldexp(logits, -exponent)  # no mean or difference of these overflows
    centre = z.mean(axis=0)  # biases take it up; beside a far centre a gradient near 0 would say little
    z -= centre
    scale = float(np.abs(z).max()) or 1.0
    z /= scale
    mass = targets.sum(axis=1, keepdims=True)
    cut = classes * classes if full else classes

    def forward(theta: Floats) -> Floats:
        weight, bias = theta[:cut], theta[cut:]
        return np.asarray((z @ weight.reshape(classes, classes).T if full else z * weight) + bias)

    def back(g: Floats) -> Floats:
        g = g - g.mean(axis=1, keepdims=True)  # its entries sum to 0, but for rounding
        return np.asarray(np.concatenate([(g.T @ z).ravel() if full else (g * z).sum(axis=0), g.sum(axis=0)]) / n)

    def loss(eta: Floats) -> tuple[float, Floats]:
        top = eta.max(axis=1, keepdims=True)
        e = np.exp(eta - top)
        total = e.sum(axis=1, keepdims=True)
        return float((mass * (top + np.log(total))).sum() - (targets * eta).sum()) / n, e / total

    start = min(math.ldexp(scale, min(exponent, 1000)), _START)
    theta = np.concatenate([np.eye(classes).ravel() * start if full else np.full(classes, start), np.zeros(classes)])
    value, p = loss(forward(theta))
    for _ in range(_STEPS):
        slope = back(mass * p - targets)
        size = float(np.abs(slope).max())
        if size <= _CLOSE / 100 or float(np.abs(theta).max()) > _FAR:
            break

        def hessian(v: Floats, p: Floats = p) -> Floats:
            eta = forward(v)
            return back(mass * p * (eta - (p * eta).sum(axis=1, keepdims=True)))

        step, length = _conjugate(hessian, -slope, min(0.1, math.sqrt(size))), 1.0
        while length > 1e-10:
            new, q = loss(forward(theta + length * step))
            if new <= value + 1e-4 * length * float(slope @ step) + _NOISE * abs(value):
                break
            length /= 2
        else:
            break
        theta, value, p = theta + length * step, new, q
        theta[cut:] -= theta[cut:].mean()
    gradient = float(np.abs(back(mass * p - targets)).max())
    weight = (theta[:cut].reshape(classes, classes) if full else theta[:cut]) / scale
    bias = theta[cut:] - (weight @ centre if full else weight * centre)
    with np.errstate(over="ignore"):
        weight = np.ldexp(weight, -exponent)
    if not np.isfinite(weight).all():
        raise ArgumentError("logits: larger numbers are needed, the best weights are beyond float64; multiply all of them by one number")
    return Scaling(weight, bias, value, gradient), p


def _conjugate(product: Callable[[Floats], Floats], target: Floats, close: float) -> Floats:
    """About the solution of H x = target."""
    x, rest = np.zeros_like(target), target.copy()
    way, square = rest.copy(), float(rest @ rest)
    goal, steepest = close * close * square, 0.0
    for _ in range(2 * target.size):
        image = product(way)
        bend = float(way @ image)
        steepest = max(steepest, bend / float(way @ way))
        if bend <= 1e-14 * steepest * float(way @ way):  # a direction in which nothing changes, reached by rounding
            break
        x += square / bend * way
        rest -= square / bend * image
        following = float(rest @ rest)
        if following <= goal:
            break
        way, square = rest + following / square * way, following
    return x if x.any() else target
