"""Elementwise local functions: piecewise linear ones, parametric ReLU, smooth ones, rational ones.

Every continuous piecewise linear function of one variable is  phi(t) = q t + r + sum_k p_k max(t - t_k, 0),  uniquely with increasing
t_k and p_k != 0. So ReLU, leaky ReLU, abs, hardtanh, ReLU6, clip and the identity are one class, and equal functions are equal values.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from flint import fmpq_poly

from exactnn.errors import ArgumentError, NotRational, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, as_fraction, rational, rational_text
from exactnn.exact.polynomials import fractions, lowest_terms
from exactnn.network.operations import Operation, Shape, along_channels
from exactnn.value import Value

SMOOTH = ("tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus")


@dataclass(frozen=True, repr=False)
class Kinks(Value):
    """An elementwise function as  q t + r + sum_k p_k max(t - t_k, 0);  q, r and each p_k: one number, or one for each channel."""

    slope: RationalArray
    constant: RationalArray
    kinks: tuple[tuple[Fraction, RationalArray], ...]


class Activation(Operation):
    """A function of each entry; of four kinds: `PiecewiseLinear`, `PRelu`, `Smooth`, `Rational`."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The usual name."""

    def output_shape(self, *shapes: Shape) -> Shape:
        return shapes[0]


@dataclass(frozen=True, repr=False)
class PiecewiseLinear(Activation):
    """phi(t) = slope t + constant + sum p max(t - at, 0) over kinks (at, p); canonical: `at` increasing, p non-zero."""

    slope: Fraction
    constant: Fraction
    kinks: tuple[tuple[Fraction, Fraction], ...]
    kind: ClassVar[str] = "piecewise_linear"

    @classmethod
    def of(cls, slope: Number, constant: Number, kinks: Iterable[tuple[Number, Number]]) -> PiecewiseLinear:
        """The function with these numbers; kinks at one place are added, those that vanish are dropped."""
        jumps: dict[Fraction, Fraction] = {}
        for at, jump in kinks:
            place = as_fraction(at, "kink")
            jumps[place] = jumps.get(place, Fraction(0)) + as_fraction(jump, "jump of slope")
        kept = tuple((at, jumps[at]) for at in sorted(jumps) if jumps[at])
        return cls(as_fraction(slope, "slope"), as_fraction(constant, "constant"), kept)

    @property
    def name(self) -> str:
        """The usual name: "relu", "leaky_relu(1/10)", "abs", "clip(-1, 1)", "identity"; else "piecewise_linear"."""
        if not self.kinks and self.slope == 1 and not self.constant:
            return "identity"
        if self.kinks == ((Fraction(0), 1 - self.slope),) and not self.constant:
            return {0: "relu", -1: "abs"}.get(self.slope, f"leaky_relu({rational_text(self.slope)})")  # type: ignore[call-overload,no-any-return]
        if len(self.kinks) == 2 and not self.slope:
            (low, rise), (high, fall) = self.kinks
            if rise == 1 and fall == -1 and self.constant == low:
                return f"clip({rational_text(low)}, {rational_text(high)})"
        return "piecewise_linear"

    def expansion(self) -> Kinks:
        """The numbers of the formula, as arrays."""
        kinks = tuple((at, RationalArray.of(p)) for at, p in self.kinks)
        return Kinks(RationalArray.of(self.slope), RationalArray.of(self.constant), kinks)

    def evaluate(self, *values: RationalArray) -> RationalArray:
        (x,) = values
        if self == relu():
            return x.relu()
        result = x * self.slope + self.constant
        for at, jump in self.kinks:
            result = result + (x - at).relu() * jump
        return result


@dataclass(frozen=True, repr=False)
class PRelu(Activation):
    """max(t, 0) + slopes[c] min(t, 0), c the channel (axis 0)."""

    slopes: RationalArray
    kind: ClassVar[str] = "prelu"

    def __post_init__(self) -> None:
        if self.slopes.ndim != 1:
            raise ShapeError(f"prelu: one slope for each channel, shape (channels,), is needed, got {self.slopes.shape}")

    @property
    def name(self) -> str:
        return "prelu"

    def expansion(self) -> Kinks:
        """slopes t + (1 - slopes) max(t, 0)."""
        return Kinks(self.slopes, RationalArray.of(0), ((Fraction(0), 1 - self.slopes),))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if not shape or shape[0] != self.slopes.shape[0]:
            raise ShapeError(f"prelu: {self.slopes.shape[0]} channels on the first axis are needed, got {shape}")
        return shape

    def evaluate(self, *values: RationalArray) -> RationalArray:
        (x,) = values
        slopes = along_channels(self.slopes, x.ndim - 1)
        return x * slopes + x.relu() * (1 - slopes)


@dataclass(frozen=True, repr=False)
class Smooth(Activation):
    """tanh, sigmoid, silu, gelu, gelu_tanh or softplus; its values are no rationals, so that `evaluate` refuses."""

    function: str
    kind: ClassVar[str] = "smooth"

    def __post_init__(self) -> None:
        if self.function not in SMOOTH:
            raise ArgumentError(f"smooth function: one of {', '.join(SMOOTH)} is needed, got {self.function!r}")

    @property
    def name(self) -> str:
        return self.function

    def evaluate(self, *values: RationalArray) -> RationalArray:
        raise NotRational(
            f"{self.function} takes irrational values, so that there is no exact Fraction; "
            "use net.to_torch() for floats, or ask a question about the function (verify_equal, verify_symmetry)"
        )


@dataclass(frozen=True, repr=False)
class Rational(Activation):
    """P(t)/Q(t), coefficients with the constant term first; canonical: coprime, the last coefficient of Q is 1."""

    numerator: tuple[Fraction, ...]
    denominator: tuple[Fraction, ...]
    kind: ClassVar[str] = "rational"

    @classmethod
    def of(cls, numerator: Iterable[Number], denominator: Iterable[Number]) -> Rational:
        """The function with these coefficients; ArgumentError if the denominator is 0."""
        top = fmpq_poly([rational(c, "numerator") for c in numerator])
        bottom = fmpq_poly([rational(c, "denominator") for c in denominator])
        if not bottom.coeffs():
            raise ArgumentError("denominator: a polynomial that is not zero is needed, got only zeros")
        return cls(*map(fractions, lowest_terms(top, bottom)))

    @property
    def name(self) -> str:
        """rational(m/n) with the degrees."""
        return f"rational({len(self.numerator) - 1}/{len(self.denominator) - 1})"

    def evaluate(self, *values: RationalArray) -> RationalArray:
        results = []
        for t in values[0].to_fractions():
            bottom = horner(self.denominator, t)
            if not bottom:
                raise NotRational(f"{self.name} has a pole at {rational_text(t)}, which this input reaches")
            results.append(horner(self.numerator, t) / bottom)
        return RationalArray.from_fractions(results, values[0].shape)


_CALL = re.compile(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*")


def relu() -> PiecewiseLinear:
    """max(t, 0)."""
    return PiecewiseLinear.of(0, 0, [(0, 1)])


def leaky_relu(slope: Number) -> PiecewiseLinear:
    """max(t, 0) + slope min(t, 0)."""
    return PiecewiseLinear.of(slope, 0, [(0, 1 - as_fraction(slope, "slope"))])


def clip(low: Number | None, high: Number | None) -> PiecewiseLinear:
    """min(max(t, low), high); None leaves a side open."""
    if low is None and high is None:
        return PiecewiseLinear.of(1, 0, [])
    if low is None:
        return PiecewiseLinear.of(1, 0, [(high, -1)])
    if high is None:
        return PiecewiseLinear.of(0, low, [(low, 1)])
    if as_fraction(low, "low") > as_fraction(high, "high"):
        raise ArgumentError(f"clip: low <= high is needed, got low {low}, high {high}")
    return PiecewiseLinear.of(0, low, [(low, 1), (high, -1)])


def activation(description: Any) -> Activation:
    """The activation that a text or an object describes.

    Texts: "relu", "leaky_relu(1/10)", "abs", "relu6", "hardtanh", "hardtanh(-2, 2)", "clip(0, 6)", "identity", "tanh", "sigmoid",
    "silu" ("swish"), "gelu", "gelu_tanh", "softplus". Objects: an activation, or anything with coefficient sequences `numerator` and
    `denominator` or a method `to_rational_function()` that gives it (a rational function).
    """
    if isinstance(description, Activation):
        return description
    if isinstance(description, str):
        match = _CALL.fullmatch(description)
        if match:
            name, arguments = match.group(1).lower(), match.group(2)
            numbers = [as_fraction(a, f"activation {description!r}") for a in arguments.split(",")] if arguments else []
            found = _named({"swish": "silu"}.get(name, name), numbers)
            if found is not None:
                return found
    elif (quotient := as_quotient(description)) is not None:
        return quotient
    raise ArgumentError(
        "activation: 'relu', 'leaky_relu(1/10)', 'abs', 'relu6', 'hardtanh', 'clip(low, high)', 'identity', "
        f"{', '.join(map(repr, SMOOTH))} or a rational function is needed, got {description!r}"
    )


def as_quotient(description: Any) -> Rational | None:
    """The rational function that an object is, as `activation` says; None if it is none. Errors of its own method are passed on."""
    convert = getattr(description, "to_rational_function", None)
    form = convert() if callable(convert) else description
    if all(hasattr(getattr(form, side, None), "__iter__") for side in ("numerator", "denominator")):
        return Rational.of(form.numerator, form.denominator)
    return None


def _named(name: str, numbers: list[Fraction]) -> Activation | None:
    if name == "leaky_relu" and len(numbers) <= 1:
        return leaky_relu(numbers[0] if numbers else "0.01")
    if name in ("clip", "hardtanh") and len(numbers) == 2:
        return clip(*numbers)
    if numbers:
        return None
    simple: dict[str, Callable[[], PiecewiseLinear]] = {
        "relu": relu,
        "abs": lambda: PiecewiseLinear.of(-1, 0, [(0, 2)]),
        "relu6": lambda: clip(0, 6),
        "hardtanh": lambda: clip(-1, 1),
        "identity": lambda: PiecewiseLinear.of(1, 0, []),
    }
    if name in simple:
        return simple[name]()
    return Smooth(name) if name in SMOOTH else None


def horner(coefficients: tuple[Fraction, ...], t: Fraction) -> Fraction:
    """The polynomial with these coefficients, constant term first, at t."""
    total = Fraction(0)
    for c in reversed(coefficients):
        total = total * t + c
    return total
