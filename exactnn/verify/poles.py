"""Whether a rational function, or any rational activation of a network, has a real pole (docs/certificate-format.md, "Poles")."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactnn._version import __version__
from exactnn.errors import ArgumentError
from exactnn.exact.numbers import Number
from exactnn.export.json import rational as json_number
from exactnn.network import Network
from exactnn.network.activations import Rational
from exactnn.rational import ERA, NearestPole, RationalFunction, RealRoot
from exactnn.rational._extremes import short, span
from exactnn.verdict import Verdict
from exactnn.verify.certificates import Certificate

#: Bit operations of the checker: for each function (terms of its longer polynomial)^3 times the bits of its coefficients.
_STURM = 2**30

#: A pair (lower, upper), ends of None for no bound.
Interval = Sequence[Number | None]


@dataclass(frozen=True)
class PoleVerdict(Verdict):
    """A verdict on poles; `pole` is one that refutes it, exact or in an isolating interval, and `function` the function that has it."""

    pole: RealRoot | None = None
    function: RationalFunction | None = None


@dataclass(frozen=True)
class ActivationPoles:
    """A rational activation of a network: its node, the function, its real poles in the interval, the pole nearest to the interval."""

    node: str
    function: RationalFunction
    real_poles: tuple[RealRoot, ...]
    nearest_pole: NearestPole | None


@dataclass(frozen=True)
class _PoleClaim:
    subject: RationalFunction | Network
    interval: tuple[Fraction | None, Fraction | None]

    def describe(self) -> str:
        """The claim in words."""
        who = "no rational activation of the network has a pole" if isinstance(self.subject, Network) else "r has no pole"
        return f"{who} on {_place(self.interval)}"

    def stated(self, answer: str) -> dict[str, Any]:
        """The claim as the format writes it."""
        r, ends = self.subject, self.interval
        functions = None
        if isinstance(r, RationalFunction):
            sides = {"numerator": r.numerator, "denominator": r.denominator}
            functions = [{side: [json_number(c) for c in coefficients] for side, coefficients in sides.items()}]
        return {
            "question": "pole_free",
            "answer": answer,
            "functions": functions,
            "interval": None if ends == (None, None) else [None if end is None else json_number(end) for end in ends],
        }

    def models(self) -> dict[str, Network]:
        """The network, if it is about one."""
        return {"f": self.subject} if isinstance(self.subject, Network) else {}


def verify_pole_free(r: RationalFunction | ERA | Network, *, interval: Interval | None = None) -> PoleVerdict:
    """Whether r has no pole in the interval, what cancels having been cancelled; of a network, every rational activation in it.

    Proved or refuted, each with a certificate: the checker counts the zeros of the cancelled denominator by Sturm's theorem. Unknown only
    for functions so large that the checker refuses them (n^3 B > 2^30 for n coefficients of B bits).

    Parameters
    ----------
    r : the function. Of a `Network` each rational activation is asked about as a function of its own argument: a pole of it need not be
        reached by any input of the network.
    interval : (lower, upper), closed, ends of None for no bound; None for the whole real line

    Returns
    -------
    PoleVerdict
        Refuted, `pole` is a pole with its isolating interval (a point if it is rational: then it is the `counterexample`, too).

    Raises
    ------
    ArgumentError, DomainError

    Examples
    --------
    >>> from exactnn import check
    >>> verdict = verify_pole_free(RationalFunction([1], [1, 0, 1]))
    >>> verdict.status, check(verdict.certificate)
    ('proved', True)
    >>> refuted = verify_pole_free(RationalFunction([1], [-2, 0, 1]), interval=(0, None))
    >>> refuted.status, float(refuted.pole), check(refuted.certificate)
    ('refuted', 1.4142135623730951, True)
    """
    start = time.perf_counter()
    subject = r.to_rational_function() if isinstance(r, ERA) else r
    if not isinstance(subject, (RationalFunction, Network)):
        raise ArgumentError(f"r: a RationalFunction, an ERA or a Network is needed, got {type(r).__name__}")
    claim = _PoleClaim(subject, span(interval))
    functions = activation_functions(subject) if isinstance(subject, Network) else {"r": subject}
    large = sum(map(_work, functions.values())) > _STURM
    for i, (name, function) in enumerate(functions.items()):
        poles = function.real_poles(interval=interval)
        if not poles:
            continue
        pole = poles[0]
        who = f"the activation {name!r}" if isinstance(subject, Network) else "r"
        order = "simple" if pole.multiplicity == 1 else f"order {pole.multiplicity}"
        where = f"{'at' if pole.is_exact else 'near'} {pole}"
        if _work(function) > _STURM:
            return PoleVerdict(
                "unknown", claim.describe(), f"{who} has a pole {where}, but is too large for the checker", pole=pole, function=function
            )
        evidence = {"method": "pole", "function": i, "between": [json_number(pole.lower), json_number(pole.upper)]}
        certificate = Certificate(claim, "refuted", evidence, _about(start))
        point = None if pole.value is None or isinstance(subject, Network) else (pole.value,)
        reason = f"{who} has {len(poles)} pole{'s' * (len(poles) != 1)} there, the first {where} ({order})"
        return PoleVerdict("refuted", claim.describe(), reason, certificate, point, pole=pole, function=function)
    if large:
        return PoleVerdict("unknown", claim.describe(), "no pole was found, but the functions are too large for the checker")
    certificate = Certificate(claim, "proved", {"method": "sturm"}, _about(start))
    return PoleVerdict("proved", claim.describe(), _reason(subject, functions), certificate)


def activation_functions(net: Network) -> dict[str, RationalFunction]:
    """The rational activations of a network by the names of their nodes."""
    return {name: RationalFunction.from_operation(op) for name in net.order if isinstance(op := net.operation(name), Rational)}


def activation_poles(net: Network, *, interval: Interval | None = None) -> tuple[ActivationPoles, ...]:
    """One row for each rational activation of a network: its poles, and the nearest one.

    Examples
    --------
    >>> from exactnn import mlp
    >>> net = mlp([([[1]], [0]), ([[1]], [0])], activation=RationalFunction([1], [4, 0, 1]))
    >>> [(row.node, len(row.real_poles), float(row.nearest_pole.distance)) for row in activation_poles(net)]
    [('rational1', 0, 2.0)]
    """
    if not isinstance(net, Network):
        raise ArgumentError(f"net: a Network is needed, got {type(net).__name__}")
    return tuple(
        ActivationPoles(name, r, r.real_poles(interval=interval), r.nearest_pole(interval=interval))
        for name, r in activation_functions(net).items()
    )


def _work(r: RationalFunction) -> int:
    """The checker's count of bit operations."""
    size = max(len(r.numerator), len(r.denominator))
    return size**3 * max(int(c).bit_length() for p in (r._top, r._bottom) for c in p.numer().coeffs())


def _reason(subject: RationalFunction | Network, functions: dict[str, RationalFunction]) -> str:
    how = "by Sturm's theorem"
    if isinstance(subject, Network):
        count = len(functions)
        return f"{count} rational activation{'s' * (count != 1)}: the denominators have no real zero there, {how}"
    return f"the denominator, of degree {subject.degrees[1]} after cancelling, has no real zero there, {how}"


def _place(ends: tuple[Fraction | None, Fraction | None]) -> str:
    lower, upper = (None if end is None else short(end) for end in ends)
    if lower is None and upper is None:
        return "the real line"
    return f"[{lower}, {upper}]" if lower is not None and upper is not None else f"x >= {lower}" if upper is None else f"x <= {upper}"


def _about(start: float) -> dict[str, Any]:
    return {"tool": f"exactnn {__version__}", "seconds": f"{time.perf_counter() - start:.3f}"}
