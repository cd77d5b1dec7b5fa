"""Every error this package raises; each message says which argument, what is allowed, what arrived, what to do."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property


class ExactnnError(Exception):
    """Root of every error the package raises."""


class ArgumentError(ExactnnError, ValueError):
    """An argument is outside what is allowed."""


class CallError(ArgumentError, TypeError):
    """A function is called without an argument that it needs, with one that it does not have, or with too many."""


class NotFiniteError(ArgumentError):
    """A number is NaN or infinite, and so is no rational."""


class ShapeError(ArgumentError):
    """Shapes do not fit together, or a nested list is ragged."""


class DomainError(ArgumentError):
    """A domain is malformed: lower above upper, or of the wrong dimension."""


class EmptyDomain(DomainError):
    """A domain has no point, so that a question about it would be answered by anything."""


class NetworkError(ExactnnError):
    """A graph of operations is no network: a cycle, a missing operand, an empty network."""


class NotOneHiddenLayer(ExactnnError):
    """The question is one about a single hidden layer, and the network does not fold exactly to one."""


class NotReduced(ExactnnError):
    """The question is one about reduced weights (every neuron has incoming and outgoing weights, no two share a hyperplane)."""


class NotPiecewiseLinear(ExactnnError):
    """The question is one about piecewise linear networks, and a node is not."""


class NotRational(ExactnnError):
    """The exact value is no rational number (a tanh, say), so that it cannot be returned as a Fraction."""


class AtKink(ExactnnError, ArithmeticError):
    """A gradient is asked for at a point where a unit has a kink or a window a tie, so that there is none."""


class AssumptionBroken(ExactnnError):
    """A network or its data break an assumption of an identity or of a reparameterisation; `assumption` is its name."""

    def __init__(self, assumption: str, message: str) -> None:
        super().__init__(f"assumption {assumption!r}: {message}")
        self.assumption = assumption
        self.message = message

    def __reduce__(self) -> tuple[type[AssumptionBroken], tuple[str, str]]:
        return type(self), (self.assumption, self.message)


class LoadError(ExactnnError):
    """A model file cannot be read: it is missing, truncated, foreign or damaged."""


class UnsupportedOperation(LoadError):
    """A model holds an operation that has no exact meaning here; the message names operation and node."""


class SaveError(ExactnnError):
    """A network cannot be written in the format asked for."""


class NotRepresentable(SaveError):
    """A weight is no number of the float format asked for, and rounding was not asked for."""


class MissingDependency(ExactnnError, ImportError):
    """An optional package is not installed; the message says which extra brings it."""


class Incomplete(ExactnnError):
    """A computation stopped at its limit; `partial` is what it had."""

    def __init__(self, message: str, partial: object = None) -> None:
        super().__init__(message)
        self.partial = partial


class Undecided(ExactnnError):
    """A value is not decided; `lower` and `upper` bound it."""

    def __init__(self, message: str, lower: object = None, upper: object = None) -> None:
        super().__init__(message)
        self.lower = lower
        self.upper = upper


class VerdictIsNotBoolean(ExactnnError, TypeError):
    """A verdict has three values, so that its truth value would hide one of them."""


class CertificateRejected(ExactnnError):
    """The checker does not accept a certificate; `step` names the step that failed, `reason` says why."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"certificate rejected at {step}: {reason}")
        self.step = step
        self.reason = reason

    def __reduce__(self) -> tuple[type[CertificateRejected], tuple[str, str]]:
        return type(self), (self.step, self.reason)


class CheckBudgetExceeded(ExactnnError):
    """The checker ended at a limit of its work before it decided, which is no rejection: `step` names the place, `reason` the limit."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(
            f"certificate not decided at {step}: {reason}; nothing was found wrong with it. Give the checker so many times the work "
            "(check(..., budget=10), exactnn check --budget 10), or make a smaller certificate"
        )
        self.step = step
        self.reason = reason

    def __reduce__(self) -> tuple[type[CheckBudgetExceeded], tuple[str, str]]:
        return type(self), (self.step, self.reason)


class AtPole(ExactnnError, ArithmeticError):
    """A rational function is asked for a value at one of its poles, or for one that a pole makes infinite."""


class NotAnERA(ExactnnError):
    """A rational function is no sum a x + b + sum (c x + d)/((x - e)^2 + f^2) with rational a, b, c, d, e, f^2; the message says why."""


class NoOptimalTemperature(ExactnnError):
    """No temperature tau > 0 has the least loss; `reason` is "constant", "accuracy-1" or "worse-than-chance", `limit` where the infimum is.

    `limit` is inf for "accuracy-1", 0 for "worse-than-chance", None for "constant", where every temperature has the same loss.
    `certificate` states the reason for the checker; it is made when it is asked for (`certify` makes it).
    """

    certify: Callable[[], object] | None = None

    def __init__(self, message: str, reason: str = "", limit: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.limit = limit

    @cached_property
    def certificate(self) -> object:
        """A certificate of the reason; None of an error that `optimal_temperature` did not raise."""
        return None if self.certify is None else self.certify()


class NoOptimalScaling(ExactnnError):
    """No vector or matrix scaling has the least loss, since one separates the data; `direction` is that (weight, bias)."""

    def __init__(self, message: str, direction: object = None) -> None:
        super().__init__(message)
        self.direction = direction


class PropertyFailed(ExactnnError, AssertionError):
    """A property that `exactnn.testing` asserts does not hold, or was not decided; the message is a report of one screen.

    `kind` tells what happened: "changed", "rounding", "unknown", "raised", "type", "shape", "mutated", "not deterministic" or "refused".
    `verdict` is the answer it rests on, if there is one, `networks` what was compared, `path` the file of the certificate, if there is one.
    """

    def __init__(
        self, message: str, kind: str = "changed", verdict: object = None, networks: tuple[object, ...] = (), path: str | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.verdict = verdict
        self.networks = networks
        self.path = path
