"""Temperature scaling: the tau > 0 with the least loss of softmax(tau z), with a proved bracket, or the reason why there is none.

    L(tau) = sum_n log sum_j exp(tau z_nj) - tau z_(n, y_n)        convex on R; strictly if some z_n is not constant

There is an optimum tau > 0, and only one, exactly if L'(0) < 0 < L'(inf). Both signs are decided over Q (`_problem`). Floats then propose
tau, and the signs of L' at two rationals around it decide: in float64 with every rounding counted (`_slope`), or by FLINT's balls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

from exactnn.cooling._problem import Problem, read_problem, refuse_without_optimum
from exactnn.cooling._slope import LEAST, MOST, Samples
from exactnn.cooling._temperature_balls import Kind, kinds, newton_step, slope
from exactnn.cooling._temperature_certificate import bracket_certificate, no_optimum_certificate
from exactnn.errors import ArgumentError, NoOptimalTemperature
from exactnn.exact.array import nearest_float
from exactnn.exact.clock import timed
from exactnn.exact.enclosure import Enclosure
from exactnn.exact.numbers import Number, shown
from exactnn.verdict import Certificate

_GUESS = 2000  # samples of a first guess
_DIGITS = 15
_MOST_DIGITS = 10_000


@dataclass(frozen=True, repr=False)
class Temperature(Enclosure):
    """The statement lower < tau < upper about the optimal temperature.

    `value` is a float near it, between the bounds where floats are that dense; infinite or 0 where tau is beyond float64, as for logits of
    1e-310: then scale the logits. Logits are multiplied by tau.
    The optimum is never rational (it is transcendental: theorem of Lindemann and Weierstrass), so that lower < upper always.
    """

    lower: Fraction
    upper: Fraction
    value: float
    _problem: Problem | None = field(default=None, compare=False)

    @cached_property
    def certificate(self) -> Certificate:
        """That 0 < lower <= upper and L'(lower) <= 0 <= L'(upper), L being convex: for `xn.check`, made when asked for, and kept.

        Raises
        ------
        ArgumentError
            More than 16,384 logits, or logits times tau beyond 4096, which is too much for the checker.
        Undecided
            More digits than its intervals can tell apart (some 250).
        """
        if self._problem is None:
            raise ArgumentError("certificate: a temperature found by optimal_temperature is needed, got one without its logits and labels")
        return bracket_certificate(self._problem, self.lower, self.upper)

    def __float__(self) -> float:
        return self.value


@timed
def optimal_temperature(
    logits: Any,
    labels: Any,
    *,
    class_axis: int = -1,
    ignore_label: int | None = None,
    digits: int | None = None,
    time_limit: Number | None = None,
) -> Temperature:
    """The tau > 0 that minimises sum_n -log softmax(tau z_n)_(y_n), with proved bounds lower < tau < upper.

    Parameters
    ----------
    logits : (..., classes), floats (each the dyadic rational it is), tensors, Fractions or texts like "1/3"; or a vector of logits of
        class 1 against class 0 (sigmoid). They are multiplied by tau; a tool that divides has T = 1/tau
    labels : integers with the shape of the logits without the class axis; or target distributions of the logits' shape (label
        smoothing), whose rows sum to 1
    class_axis : the axis of the classes; the other axes are samples, pixels, ...
    ignore_label : samples with this label are left out
    digits : None: bounds by float64 with all roundings counted, some 1e-13 apart in relation to tau; a number: by balls, at most
        10^-digits apart in relation to tau, for small data. Numbers that are no floats have 15 by default
    time_limit : seconds, for balls

    Returns
    -------
    Temperature, with `value` (a float), `lower` and `upper` (Fractions), and, when asked for, a `certificate`

    Raises
    ------
    NoOptimalTemperature
        With its `reason`: "accuracy-1" (every target is on a largest logit: the loss falls for ever), "worse-than-chance" (L'(0) >= 0: the
        loss does not fall from tau = 0 on), "constant" (each sample has equal logits: the loss does not depend on tau); it has a
        `certificate`, too
    ArgumentError, NotFiniteError, ShapeError
    Incomplete
        At the time limit.

    Examples
    --------
    >>> import exactnn as xn
    >>> tau = optimal_temperature([[4, 0]] * 5, [0, 0, 0, 0, 1])        # log(4)/4
    >>> f"{tau.value:.12f}", tau.lower < tau.value < tau.upper
    ('0.346573590280', True)
    >>> try:
    ...     optimal_temperature([[4, 0]] * 5, [0] * 5)
    ... except xn.errors.NoOptimalTemperature as error:
    ...     print(error.reason)
    accuracy-1

    References: docs/theory.md 21.
    """
    if digits is not None and (isinstance(digits, bool) or not isinstance(digits, int) or not 1 <= digits <= _MOST_DIGITS):
        raise ArgumentError(f"digits: an integer from 1 to {_MOST_DIGITS}, or None, is needed, got {shown(digits)}")
    problem = read_problem(logits, labels, class_axis=class_axis, ignore_label=ignore_label)
    floats, targets = problem.floats
    samples = Samples(floats, problem.labels, targets)
    try:
        refuse_without_optimum(problem, samples)
    except NoOptimalTemperature as error:
        error.certify = partial(no_optimum_certificate, problem, error.reason)
        raise
    guess = propose(samples)
    if digits is None and problem.is_float:
        found = _bracket(samples, guess)
        if found is not None:
            return replace(found, _problem=problem)
    start = Fraction(guess) / Fraction(2) ** samples.exponent
    return replace(_enclosed(problem, start, _DIGITS if digits is None else digits), _problem=problem)


# --- the value -------------------------------------------------------------------------------------------------------------


def propose(samples: Samples) -> float:
    """Newton's method for L' = 0 in floats, kept between points where L' has both signs; scaled as `samples` is."""
    part = samples.some(_GUESS)
    start = 1.0
    if len(part.target) < len(samples.target) / 4:
        slope_at_infinity, at_zero = math.fsum(part.target.tolist()), part.near(0.0).value
        if at_zero < 0 < slope_at_infinity:
            start = _newton(part, 1.0, 1e-3)
    return _newton(samples, start, 1e-4)


def _newton(samples: Samples, tau: float, close: float) -> float:
    """To about close^2, convergence being quadratic."""
    low, high, factor = 0.0, math.inf, 4.0
    for _ in range(400):
        here = samples.near(tau)
        low, high = (tau, high) if here.value < 0 else (low, tau)
        step = -here.value / here.curvature if here.curvature > 0 else math.inf
        following = tau + step
        if low < following < high and abs(step) < 8 * tau:
            if abs(step) <= close * tau or abs(here.value) <= here.noise:
                return following
        elif math.isinf(high) or low == 0:
            following = tau * factor if math.isinf(high) else tau / factor
            factor = min(factor * factor, 2.0**64)
        else:
            following = math.sqrt(low) * math.sqrt(high)
        if not LEAST < following < MOST or following == tau:
            break
        tau = following
    return tau


# --- the proof -------------------------------------------------------------------------------------------------------------


def _bracket(samples: Samples, tau: float) -> Temperature | None:
    """Two floats around tau at which L' has proved signs, as near as its error allows; None where that is not near."""
    if not LEAST < tau < MOST:
        return None
    here = samples.near(tau)
    if not here.curvature > 0:
        return None
    tau -= here.value / here.curvature
    if not LEAST < tau < MOST:
        return None
    reach = 1.5 * here.noise / here.curvature / tau + 2.0**-50
    low, high = _signed(samples, tau, -reach), _signed(samples, tau, reach)
    if low is None or high is None:
        return None
    scale = Fraction(2) ** -samples.exponent
    value = Fraction(tau) * scale
    return Temperature(Fraction(low) * scale, Fraction(high) * scale, nearest_float(value.numerator, value.denominator))


def _signed(samples: Samples, tau: float, reach: float) -> float | None:
    """The first of tau (1 + reach), tau (1 + 4 reach), ... with L' < 0 (reach < 0) or L' > 0, proved."""
    while abs(reach) < 0.01:
        place = tau * (1 + reach)
        here = samples.proved(place)
        if abs(here.value) > here.error and (here.value > 0) == (reach > 0):
            return place
        reach *= 4
    return None


def _enclosed(problem: Problem, tau: Fraction, digits: int) -> Temperature:
    """The same by balls: Newton's method, then the signs of L' at two rationals."""
    exact, targets = problem.exact
    samples = kinds(exact, targets if targets is not None else [] if problem.labels is None else problem.labels.tolist())
    reach = Fraction(1, 3 * 10**digits)
    bits = 64 + math.ceil(digits * math.log2(10))
    while True:
        for _ in range(bits.bit_length() + 2):
            step = newton_step(samples, tau, bits)
            if step is None or abs(step) > tau / 2:
                break
            tau = _rounded(tau + step, bits)
            if 1024 * step * step < tau * tau * reach:  # the next error is about the square of this one; if not, the signs will tell
                break
        lower, upper = _rounded(tau * (1 - reach), bits), _rounded(tau * (1 + reach), bits)
        if _sign(samples, lower, bits) < 0 < _sign(samples, upper, bits):
            return Temperature(lower, upper, nearest_float(tau.numerator, tau.denominator))
        tau, bits = _bisected(samples, tau, bits), 2 * bits


def _bisected(samples: Sequence[Kind], tau: Fraction, bits: int) -> Fraction:
    """A point near the zero from a poor guess: far steps, then bisection. Where a sign is not clear with so many bits, that point."""
    ends = []
    for side in (-1, 1):
        end, factor = tau, 2
        while (sign := _sign(samples, end, bits)) != side:
            if not sign:
                return end
            end, factor = end * Fraction(factor) ** side, min(factor * factor, 1 << 256)
        ends.append(end)
    low, high = ends
    while high > low * Fraction(65, 64):
        ratio = (high / low).__floor__().bit_length()
        middle = _rounded((low + high) / 2 if ratio <= 2 else low * (1 << ratio // 2), 64)
        sign = _sign(samples, middle, bits)
        if not sign:
            return middle
        low, high = (middle, high) if sign < 0 else (low, middle)
    return (low + high) / 2


def _sign(samples: Sequence[Kind], tau: Fraction, bits: int) -> int:
    """That of L', 0 if so many bits do not tell."""
    value = slope(samples, tau, bits)[0]
    return -1 if value < 0 else 1 if value > 0 else 0


def _rounded(value: Fraction, bits: int) -> Fraction:
    """To about so many significant bits."""
    shift = bits - (value.numerator.bit_length() - value.denominator.bit_length())
    scale = Fraction(2) ** shift
    return Fraction(round(value * scale)) / scale
