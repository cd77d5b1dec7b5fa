"""The claim that rational functions have no real pole, or that one of them has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from . import _words
from ._claim import Claim
from ._network import Network
from ._numbers import items, mapping, need, rational, rationals, text

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


class PoleFree(Claim):
    """No function has a pole in the interval."""

    keys = ("functions", "interval")
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {"signs": "_poles.check_pole_free"},
        "refuted": {"pole": "_poles.check_pole"},
    }
    interval: Ends = (None, None)  # closed; None: no bound
    stated: list[Function] | None = None  # None: those of the network's rational nodes

    def read(self, document: dict[str, Any]) -> None:
        """The functions and the interval."""
        self.names = ("f",)
        if document["functions"] is not None:
            entries = items(document["functions"], "claim: functions")
            need(bool(entries), "claim: functions", "a function is missing")
            self.stated, self.names = [_function(entry, f"claim: functions[{i}]") for i, entry in enumerate(entries)], ()
        if document["interval"] is not None:
            ends = items(document["interval"], "claim: interval", 2)
            lower, upper = (None if end is None else rational(end, f"claim: interval[{i}]") for i, end in enumerate(ends))
            need(lower is None or upper is None or lower <= upper, "claim: interval", "the interval is empty")
            self.interval = lower, upper

    def functions(self, f: Network | None) -> Sequence[Function]:
        """Those of the claim, or of the rational nodes of the network, in order."""
        if self.stated is not None:
            return self.stated
        assert f is not None  # the core has read a network where the claim has no functions
        return [Quotient(node.fields["numerator"], node.fields["denominator"]) for node in f.nodes if node.op == "rational"]

    def says(self, f: Any) -> str:
        """How many functions, or which, and where."""
        has, count = ("no pole" if self.answer == "proved" else "a pole"), len(self.functions(f))
        try:
            shown = None if self.stated is None else _words.joined(map(_written, self.stated))
        except _words.Long:
            shown = f"{count} rational functions" if count > 1 else "the rational function of the claim"
        if shown is None:
            who = f"{'no' if self.answer == 'proved' else 'a'} rational activation of f has a pole"
        else:
            who = f"{shown} has {has}" if count == 1 else f"{'none' if self.answer == 'proved' else 'one'} of {shown} has a pole"
        return f"{who} on {self._place()}"

    def _place(self) -> str:
        if self.interval == (None, None):
            return "the real line"
        try:
            lower, upper = ("" if end is None else _words.number(end) for end in self.interval)
        except _words.Long:
            return "the interval of the claim"
        return f"the interval from {lower or '-infinity'} to {upper or 'infinity'}"

    def details(self, f: Any) -> str:
        """Nothing more, if the functions and the interval are short."""
        _words.joined(map(_written, self.stated or ()))
        _words.joined(_words.number(end) for end in self.interval if end is not None)
        return ""


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


def _written(function: Function) -> str:
    if isinstance(function, Quotient):
        return f"({_polynomial(function.numerator)})/({_polynomial(function.denominator)})"
    below = (_words.number(t.constant) + "".join(f" + |{_polynomial(p)}|" for p in t.absolute) for t in function)
    return _words.joined((f"({_polynomial(t.numerator)})/({bottom})" for t, bottom in zip(function, below, strict=True)), " + ")


def _polynomial(coefficients: Sequence[Fraction]) -> str:
    return _words.terms((c, f"x^{k}" if k > 1 else "x" * k) for k, c in enumerate(coefficients))
