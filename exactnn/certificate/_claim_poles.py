"""The claim that rational functions have no real pole, or that one of them has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

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
