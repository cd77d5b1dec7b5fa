"""Claims that rational functions have no real pole, or that one of them has: read, put into words, and checked by counting zeros."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from . import _words
from ._budget import STURM, Budget
from ._network import Network
from ._numbers import Rejected, index, items, mapping, need, rational, rationals, text
from ._sturm import cancelled, count_zeros, integer_polynomial

Ends = tuple[Fraction | None, Fraction | None]


class Quotient(NamedTuple):
    """P/Q, coefficients with the constant term first; Q is not 0."""

    numerator: Sequence[Fraction]
    denominator: Sequence[Fraction]


class Term(NamedTuple):
    """N/(c + |p_1| + |p_2| + ...), coefficients with the constant term first; c > 0, so that it has no pole."""

    numerator: Sequence[Fraction]
    constant: Fraction
    absolute: Sequence[Sequence[Fraction]]


#: What a claim may be about; a list of terms stands for their sum.
Function = Quotient | list[Term]


class PoleClaim(NamedTuple):
    """What the claim says beside question and answer."""

    functions: tuple[Function, ...] | None  # None: those of the network's rational nodes
    interval: Ends  # closed; None: no bound


def read_pole_claim(document: Any) -> PoleClaim:
    """The functions and the interval of a claim."""
    mapping(document, "claim", ("question", "answer", "functions", "interval"))
    found = None
    if document["functions"] is not None:
        entries = items(document["functions"], "claim: functions")
        need(bool(entries), "claim: functions", "a function is missing")
        found = tuple(_function(entry, f"claim: functions[{i}]") for i, entry in enumerate(entries))
    if document["interval"] is None:
        return PoleClaim(found, (None, None))
    ends = items(document["interval"], "claim: interval", 2)
    lower, upper = (None if end is None else rational(end, f"claim: interval[{i}]") for i, end in enumerate(ends))
    need(lower is None or upper is None or lower <= upper, "claim: interval", "the interval is empty")
    return PoleClaim(found, (lower, upper))


def _function(raw: Any, step: str) -> Function:
    if type(raw) is dict and "name" in raw:
        text(raw["name"], f"{step}: name")
    if type(raw) is dict and "terms" in raw:
        mapping(raw, step, ("terms",), ("name",))
        need(bool(items(raw["terms"], f"{step}: terms")), f"{step}: terms", "a term is missing")
        return [_term(entry, f"{step}: terms[{i}]") for i, entry in enumerate(raw["terms"])]
    entry = mapping(raw, step, ("numerator", "denominator"), ("name",))
    numerator, denominator = (rationals(entry[side], f"{step}: {side}") for side in ("numerator", "denominator"))
    need(any(denominator), f"{step}: denominator", "the denominator is zero")
    return Quotient(numerator, denominator)


def _term(raw: Any, step: str) -> Term:
    entry = mapping(raw, step, ("numerator", "constant", "absolute"))
    constant = rational(entry["constant"], f"{step}: constant")
    need(constant > 0, f"{step}: constant", "the constant has to be positive")
    inner = [rationals(p, f"{step}: absolute[{i}]") for i, p in enumerate(items(entry["absolute"], f"{step}: absolute"))]
    return Term(rationals(entry["numerator"], f"{step}: numerator"), constant, inner)


def functions_of(network: Network) -> tuple[Quotient, ...]:
    """The functions of the rational nodes, in order."""
    return tuple(Quotient(node.fields["numerator"], node.fields["denominator"]) for node in network.nodes if node.op == "rational")


def check_pole_free(claim: Any, f: Network | None, _: Network | None, evidence: dict[str, Any]) -> None:
    """No function has a pole in the interval: no denominator, after cancelling, has a zero there."""
    mapping(evidence, "evidence", ("method",))
    budget = Budget(STURM, "bit operations", "evidence")
    for i, function in enumerate(_functions(claim, f)):
        if isinstance(function, list):  # of terms, each with a denominator that is at least its constant
            continue
        zeros = count_zeros(_denominator(function, claim.poles.interval, budget), *claim.poles.interval)
        need(not zeros, f"evidence: function {i}", f"it has {zeros} poles in the interval")


def check_pole(claim: Any, f: Network | None, _: Network | None, evidence: dict[str, Any]) -> None:
    """One function has exactly one pole between two numbers of the interval."""
    mapping(evidence, "evidence", ("method", "function", "between"))
    functions = _functions(claim, f)
    function = functions[index(evidence["function"], len(functions), "evidence: function")]
    if isinstance(function, list):
        raise Rejected("evidence: function", "it is a sum of terms without poles")
    lower, upper = rationals(evidence["between"], "evidence: between", 2)
    low, high = claim.poles.interval
    inside = lower <= upper and (low is None or low <= lower) and (high is None or upper <= high)
    need(inside, "evidence: between", "it is no part of the interval")
    zeros = count_zeros(_denominator(function, (lower, upper), Budget(STURM, "bit operations", "evidence")), lower, upper)
    need(zeros == 1, "evidence: between", f"there are {zeros} poles between the two numbers")


def _functions(claim: Any, f: Network | None) -> tuple[Function, ...]:
    stated: tuple[Function, ...] | None = claim.poles.functions
    if stated is not None:
        return stated
    assert f is not None  # the core has read a network where the claim has no functions
    return functions_of(f)


def _denominator(function: Quotient, ends: Ends, budget: Budget) -> list[Fraction]:
    """The denominator, freed of what it has in common with the numerator."""
    numerator, denominator = integer_polynomial(function.numerator), integer_polynomial(function.denominator)
    size = max(len(numerator), len(denominator))
    length = max((c.bit_length() for end in ends if end is not None for c in (end.numerator, end.denominator)), default=0)
    budget.spend(size**4 * (length + size.bit_length() + max(c.bit_length() for c in numerator + denominator)))
    return cancelled(function.numerator, function.denominator)


def sentence(claim: Any, count: int) -> str:
    """The claim in words; ``count`` is the number of functions."""
    stated: PoleClaim = claim.poles
    functions = stated.functions
    who = "no rational activation of f has a pole" if claim.answer == "proved" else "a rational activation of f has a pole"
    short = True
    if functions is not None:
        texts = [_written(f) for f in functions]
        short = sum(map(len, texts)) <= _words.LONG and not any("..." in text for text in texts)
        name = texts[0] if count == 1 and short else f"one of {', '.join(texts)}" if short else f"one of {count} rational functions"
        if count == 1:
            name = name if short else "the rational function of the claim"
            who = f"{name} has {'no pole' if claim.answer == 'proved' else 'a pole'}"
        else:
            who = name.replace("one of", "none of" if claim.answer == "proved" else "one of", 1) + " has a pole"
    lower, upper = (None if end is None else _words.number(end) or "..." for end in stated.interval)
    place = "the real line" if lower is None and upper is None else f"the interval from {lower or '-infinity'} to {upper or 'infinity'}"
    short = short and "..." not in (lower, upper)
    return f"{claim.answer}: {who} on {place}{'' if short else f'; the claim has the sha256 {claim.sha256}'}"


def _written(function: Function) -> str:
    if isinstance(function, list):
        return " + ".join(
            f"({_polynomial(t.numerator)})/({_words.number(t.constant) or '...'}{''.join(f' + |{_polynomial(p)}|' for p in t.absolute)})"
            for t in function
        )
    return f"({_polynomial(function.numerator)})/({_polynomial(function.denominator)})"


def _polynomial(coefficients: Sequence[Fraction]) -> str:
    if len(coefficients) > _words.LONG:
        return "..."
    terms = []
    for k, c in enumerate(coefficients):
        if c:
            size = _words.number(c)
            terms.append((size or "...") + (f" x^{k}" if k > 1 else " x" if k else ""))
    return " + ".join(terms) or "0"
