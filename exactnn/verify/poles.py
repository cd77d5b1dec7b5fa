"""Whether rational functions, or the rational activations of a network, have a real pole (docs/certificate-format.md, "Poles")."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from inspect import signature
from typing import TYPE_CHECKING, Any

from flint import fmpq_poly

from exactnn.claims import Certificate, PoleFreeClaim, accepted
from exactnn.errors import ArgumentError, ExactnnError
from exactnn.exact.calls import helpful
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import Number, shown
from exactnn.exact.polynomials import fractions, from_fractions
from exactnn.exact.roots import within
from exactnn.exact.signs import sign_cuts
from exactnn.exact.writing import json_number
from exactnn.network import Network, check_network
from exactnn.network.activations import Rational
from exactnn.rational import ERA, NearestPole, PadeUnit, RationalFunction, RealRoot
from exactnn.rational.documents import Function
from exactnn.rational.intervals import span
from exactnn.value import Value
from exactnn.verdict import Verdict

if TYPE_CHECKING:
    import torch

#: coefficients of a function from which the checker is asked first whether it has the time
_LARGE = 200

#: A pair (lower, upper), ends of None for no bound.
Interval = Sequence[Number | None]


@dataclass(frozen=True, repr=False)
class PoleVerdict(Verdict):
    """A verdict on poles; `pole` is one that refutes it, exact or in an isolating interval, and `function` the function that has it."""

    pole: RealRoot | None = None
    function: Function | None = None


@dataclass(frozen=True, repr=False)
class ActivationPoles(Value):
    """A rational function of a network: its name, its real poles in the interval, the pole nearest to the interval.

    `nearest_pole` is None if there is no pole at all, and for Pade activation units in several pieces.
    """

    name: str
    function: Function
    real_poles: tuple[RealRoot, ...]
    nearest_pole: NearestPole | None

    def __str__(self) -> str:
        near = self.nearest_pole
        far = "" if near is None else f", nearest pole {near.pole} at distance {near.distance}"
        poles = f"poles at {', '.join(map(str, self.real_poles))}" if self.real_poles else "no real pole"
        return f"{self.name}: {poles}{far}"


@helpful
def verify_pole_free(
    r: Function | Network | torch.nn.Module | Mapping[str, Function] | Sequence[Function], interval: Interval | None = None
) -> PoleVerdict:
    """Whether r has no pole in the interval, what cancels having been cancelled; of a network, every rational activation in it.

    Proved or refuted, each with a certificate: it cuts the interval into pieces on which the coefficients of the cancelled denominator,
    written about the piece, have one sign (Descartes), or names a factor that changes its sign; or the checker sees that the denominator
    is a sum of squares or absolute values and a positive constant (ERA with positive f^2 + epsilon, Pade activation units of formulas A
    to D). Unknown only for quotients so large that the checker ends before it decides (of a degree of some thousands).

    Parameters
    ----------
    r : a RationalFunction, an ERA or a PadeUnit; a list of such, or a mapping of names; a Network or a torch module, for all rational
        activations in it. These are asked about as functions of their own arguments: no input of the network need reach a pole.
    interval : (lower, upper), closed, ends of None for no bound; None for the whole real line

    Returns
    -------
    PoleVerdict
        Refuted, `pole` is a pole with its isolating interval (a point if it is rational: then it is the `counterexample`, too), and
        `function` the function that has it; the reason names it. `activation_poles` has the table of all functions.

    Raises
    ------
    ArgumentError, DomainError
        And whatever the modules' `exact()` raises, naming the module: NotFiniteError for coefficients that are NaN.

    Examples
    --------
    >>> from exactnn import check
    >>> verdict = verify_pole_free(RationalFunction([1], [1, 0, 1]))
    >>> verdict.status, check(verdict.certificate)
    ('proved', True)
    >>> refuted = verify_pole_free(RationalFunction([1], [-2, 0, 1]), interval=(0, None))
    >>> refuted.status, float(refuted.pole), check(refuted.certificate)
    ('refuted', 1.4142135623730951, True)
    >>> verify_pole_free({"first": ERA((1, 0), [(1, 2, 3, 4)]), "second": PadeUnit([0, 1], [1, 1])}).status
    'proved'
    """
    clock = Clock()
    ends = span(interval)
    functions = rational_activations(r)
    claim = PoleFreeClaim(r if isinstance(r, Network) else None, {name: _entry(f) for name, f in functions.items()}, ends)
    alone = claim.is_alone
    stated, cancelled = _stated(functions), _cancelled(r, functions)
    for i, (name, function) in enumerate(functions.items()):
        poles = function.real_poles(interval=interval)
        if not poles:
            continue
        pole = poles[0]
        who = name if alone else f"{name!r}"
        order = "simple" if pole.multiplicity == 1 else f"order {pole.multiplicity}"
        where = f"{'at' if pole.is_exact else 'near'} {pole}"
        evidence = {"method": "pole", "function": i, **_shown_pole(stated[i], pole, cancelled[i])}
        certificate = Certificate(claim, "refuted", evidence, clock)
        if _is_large(stated[i]) and not accepted(certificate):
            return PoleVerdict(
                "unknown", claim.describe(), f"{who} has a pole {where}, but is too large for the checker", pole=pole, function=function
            )
        point = (pole.value,) if pole.value is not None and alone else None
        reason = f"{who} has {len(poles)} pole{'s' * (len(poles) != 1)} there, the first {where} ({order})"
        return PoleVerdict("refuted", claim.describe(), reason, certificate, point, pole=pole, function=function)
    shown = [_shown_free(q, ends, whole) for q, whole in zip(stated, cancelled, strict=True)]
    certificate = Certificate(claim, "proved", {"method": "signs", "functions": shown}, clock)
    if any(map(_is_large, stated)) and not accepted(certificate):
        return PoleVerdict("unknown", claim.describe(), "no pole was found, but the functions are too large for the checker")
    return PoleVerdict("proved", claim.describe(), _reason(functions, alone), certificate)


def rational_activations(r: Function | Network | torch.nn.Module | Mapping[str, Function] | Sequence[Function]) -> dict[str, Function]:
    """The rational activations of a network by the names of their nodes, those of a torch module by their modules' paths.

    A torch module is one if it has a method `exact()` that gives such a function, as `exactnn.nn.ERA` and `SafePade` do, or a list of
    them: then there is a function for each, "path[0]", "path[1]", ... A mapping comes back as it is, a list under the names "0", "1", ...,
    a single function under the name "r".

    Examples
    --------
    >>> from exactnn import mlp
    >>> rational_activations(mlp([([[1]], [0]), ([[1]], [0])], activation=RationalFunction([1], [4, 0, 1])))
    {'rational1': RationalFunction(1 / (x^2 + 4))}
    """
    if isinstance(r, Function):
        return {"r": r}
    if isinstance(r, Network):
        return {name: RationalFunction.from_operation(op) for name in r.order if isinstance(op := r.operation(name), Rational)}
    if isinstance(r, (list, tuple)):
        r = {str(i): function for i, function in enumerate(r)}
    if isinstance(r, Mapping):
        for name, function in r.items():
            if not isinstance(function, Function) or not isinstance(name, str) or not name:
                raise ArgumentError(
                    f"r: names with a RationalFunction, an ERA or a PadeUnit each are needed, got {shown(name)}: {shown(function)}"
                )
        found = dict(r)
    elif hasattr(r, "named_modules") and not isinstance(r, type):
        found = _of_module(r)
    else:
        if isinstance(r, (str, os.PathLike)):
            check_network(r, "r")
        raise ArgumentError(
            "r: a RationalFunction, an ERA, a PadeUnit, a list or mapping of names of such, a Network or a torch module is needed, got "
            f"{type(r).__name__}"
        )
    if not found:
        raise ArgumentError("r: it has no rational activation (of a torch module: no submodule with a method exact())")
    return found


def _of_module(module: Any) -> dict[str, Function]:
    found: dict[str, Function] = {}
    for path, part in module.named_modules():
        if not callable(getattr(part, "exact", None)):
            continue
        name = path.removeprefix("_orig_mod.") if path not in ("", "_orig_mod") else type(part).__name__
        try:
            value = part.exact(**({"poles": True} if "poles" in signature(part.exact).parameters else {}))
        except ExactnnError as error:
            raise type(error)(f"{name}: {error}") from error
        except Exception as error:  # the module's own method may raise anything
            raise ArgumentError(f"{name}: exact() must give a rational function, but raised {type(error).__name__}: {error}") from error
        several = isinstance(value, (list, tuple))
        for i, function in enumerate(value if several else [value]):
            known = isinstance(function, Function)
            try:
                found[f"{name}[{i}]" if several else name] = function if known else RationalFunction.from_operation(function)
            except ExactnnError as error:
                raise type(error)(f"{name}: {error}") from error
    return found


def activation_poles(
    r: Function | Network | torch.nn.Module | Mapping[str, Function] | Sequence[Function], interval: Interval | None = None
) -> tuple[ActivationPoles, ...]:
    """One row for each rational activation: its poles, and the nearest one. Arguments as for `verify_pole_free`.

    Examples
    --------
    >>> from exactnn import mlp
    >>> for row in activation_poles(mlp([([[1]], [0]), ([[1]], [0])], activation=RationalFunction([1], [4, 0, 1]))):
    ...     print(row)
    rational1: no real pole, nearest pole (0) + i (2) at distance 2
    """
    return tuple(
        ActivationPoles(name, f, f.real_poles(interval=interval), f.nearest_pole(interval=interval))
        for name, f in rational_activations(r).items()
    )


def _entry(f: Function) -> dict[str, Any]:
    """The function as the claim has it: N_1/(c_1 + sum |p|) + N_2/(c_2 + sum |p|) + ..., each c > 0, where that is its form."""
    if not _is_positive(f):
        quotient = f if isinstance(f, RationalFunction) else f.to_rational_function()
        return {"numerator": _numbers(quotient.numerator), "denominator": _numbers(quotient.denominator)}
    if isinstance(f, PadeUnit):
        return {"terms": [_term(f.top, f.constant, f.absolute)]}
    assert isinstance(f, ERA)
    fractions = [_term((d, c), size, [(e * e, -2 * e, Fraction(1))]) for c, d, e, size in f.terms]
    return {"terms": [_term(f.linear[::-1], Fraction(1), []), *fractions]}


def _term(numerator: Sequence[Fraction], constant: Fraction, absolute: Sequence[Sequence[Fraction]]) -> dict[str, Any]:
    return {"numerator": _numbers(numerator), "constant": json_number(constant), "absolute": [_numbers(p) for p in absolute]}


def _numbers(coefficients: Sequence[Fraction]) -> list[int | str]:
    return [json_number(c) for c in coefficients]


def _is_positive(f: Function) -> bool:
    """Whether its denominators are at least positive constants, as they stand."""
    return (isinstance(f, PadeUnit) and f.formula != "N") or (isinstance(f, ERA) and all(size > 0 for *_, size in f.terms))


#: numerator and denominator; None for a sum with denominators that are at least positive constants
_Quotient = tuple[fmpq_poly, fmpq_poly] | None


def _stated(functions: Mapping[str, Function]) -> list[_Quotient]:
    """The quotients, in lowest terms."""
    quotients = (
        None if _is_positive(f) else f if isinstance(f, RationalFunction) else f.to_rational_function() for f in functions.values()
    )
    return [None if q is None else (from_fractions(q.numerator), from_fractions(q.denominator)) for q in quotients]


def _cancelled(r: Any, functions: Mapping[str, Function]) -> list[bool]:
    """Whether the claim has each function as it stands in a network, and there not in lowest terms."""
    if not isinstance(r, Network):
        return [False] * len(functions)
    operations = [r.operation(name) for name in functions]
    return [isinstance(op, Rational) and from_fractions(op.numerator).gcd(from_fractions(op.denominator)).degree() > 0 for op in operations]


def _is_large(quotient: _Quotient) -> bool:
    return quotient is not None and max(p.degree() for p in quotient) >= _LARGE


def _shown_free(quotient: _Quotient, ends: tuple[Fraction | None, Fraction | None], cancelled: bool) -> dict[str, Any] | None:
    """What shows that p/q has no pole: cuts for q."""
    if quotient is None:
        return None
    p, q = quotient
    found = {"cuts": _numbers(sign_cuts(q.numer(), *ends))}
    return found | {"numerator": _numbers(fractions(p)), "denominator": _numbers(fractions(q))} if cancelled else found


def _shown_pole(quotient: _Quotient, pole: RealRoot, cancelled: bool) -> dict[str, Any]:
    """What shows that p/(s h) has this pole: an interval around it in which s changes its sign, and cuts for p."""
    assert quotient is not None  # the others have no pole
    p, q = quotient
    factor, rest = q, fmpq_poly([1])
    if pole.multiplicity % 2 == 0:  # q does not change its sign there, what occurs so often in it does
        factor = next(fmpq_poly(s) for s, k in q.numer().factor_squarefree()[1] if k == pole.multiplicity)
        rest = q / factor
    width = pole.width
    while within(p, pole.lower, pole.upper):
        width /= 2**20
        (pole,) = within(q, pole.lower, pole.upper, width)
    found: dict[str, Any] = {"between": _numbers((pole.lower, pole.upper)), "cuts": _numbers(sign_cuts(p.numer(), pole.lower, pole.upper))}
    if cancelled or rest.degree():
        found |= {"numerator": _numbers(fractions(p)), "factors": [_numbers(fractions(v)) for v in (factor, rest)]}
    return found


def _reason(functions: Mapping[str, Function], alone: bool) -> str:
    positive = sum(map(_is_positive, functions.values()))
    none = "have no real zero there"
    if not functions:
        return "it has no rational activation"
    if not alone:
        count, few = len(functions), "s" * (len(functions) != 1)
        ways = [f"{positive} with denominators at least positive constants"] * (positive > 0)
        ways += [f"the denominators {'of ' + str(count - positive) + ' ' if positive else ''}{none}"] * (positive < count)
        return f"{count} rational activation{few}: {'; '.join(ways)}"
    ((_, f),) = functions.items()
    if positive:
        return "the denominators are at least positive constants"
    quotient = f if isinstance(f, RationalFunction) else f.to_rational_function()
    return f"the denominator, of degree {quotient.degrees[1]} after cancelling, {none.replace('have', 'has')}"
