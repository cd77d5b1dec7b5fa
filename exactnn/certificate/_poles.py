"""Evidence for "pole_free": for each function that the denominator has no zero; or a pole of one, where a factor changes its sign.

Quotients are compared by P q = p Q: then P/Q = p/q, and a pole of it is a zero of q, while a zero of q where p is not 0 is a pole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._claim_poles import PoleFree, Quotient
from ._network import Network
from ._numbers import Rejected, index, items, mapping, need, rationals
from ._signs import along, integers, need_no_zero, product


def check_pole_free(claim: PoleFree, f: Network | None, _: Network | None, evidence: dict[str, Any]) -> None:
    """No function has a pole in the interval: no zero of its denominator, after cancelling, lies there."""
    mapping(evidence, "evidence", ("method", "functions"))
    functions = claim.functions(f)
    for i, (function, raw) in enumerate(zip(functions, items(evidence["functions"], "evidence: functions", len(functions)), strict=True)):
        step = f"evidence: functions[{i}]"
        if not isinstance(function, Quotient):  # a sum of terms, each with a denominator that is at least its constant
            need(raw is None, step, "null is expected for a sum of terms")
            continue
        cancelled = ("numerator", "denominator") if type(raw) is dict and "numerator" in raw else ()
        entry = mapping(raw, step, ("cuts", *cancelled))
        bottom = integers(function.denominator)
        if cancelled:
            p, q = (integers(rationals(entry[key], f"{step}: {key}")) for key in cancelled)
            _need_same_quotient(function, p, q, step)
            bottom = q
        need_no_zero(bottom, *claim.interval, entry["cuts"], step)


def check_pole(claim: PoleFree, f: Network | None, _: Network | None, evidence: dict[str, Any]) -> None:
    """One function is p/(s h), where s changes its sign, or is 0, between two numbers of the interval, and p has no zero there."""
    cancelled = ("numerator", "factors") if "numerator" in evidence else ()
    mapping(evidence, "evidence", ("method", "function", "between", "cuts", *cancelled))
    functions = claim.functions(f)
    function = functions[index(evidence["function"], len(functions), "evidence: function")]
    if not isinstance(function, Quotient):
        raise Rejected("evidence: function", "it is a sum of terms without poles")
    lower, upper = rationals(evidence["between"], "evidence: between", 2)
    low, high = claim.interval
    inside = lower <= upper and (low is None or low <= lower) and (high is None or upper <= high)
    need(inside, "evidence: between", "it is no part of the interval")
    top, factor = integers(function.numerator), integers(function.denominator)
    if cancelled:
        raw = items(evidence["factors"], "evidence: factors", 2)
        top = integers(rationals(evidence["numerator"], "evidence: numerator"))
        factor, rest = (integers(rationals(v, f"evidence: factors[{k}]")) for k, v in enumerate(raw))
        _need_same_quotient(function, top, product(factor, rest, "evidence: factors"), "evidence")
    need(bool(top), "evidence: numerator", "it is 0")
    need_no_zero(top, lower, upper, evidence["cuts"], "evidence: numerator")
    signs = along(factor, lower, upper, "evidence: between")
    changes = signs[0] * signs[-1] < 0 or (lower == upper and signs[0] == 0)
    need(changes, "evidence: between", "the denominator does not change its sign there")


def _need_same_quotient(function: Quotient, p: Sequence[int], q: Sequence[int], step: str) -> None:
    """Rejected unless P q = p Q up to a number other than 0, and q is not 0."""
    need(bool(q), step, "the denominator is 0")
    top, bottom = integers(function.numerator), integers(function.denominator)
    need(product(top, q, step) == product(p, bottom, step), step, "it is not the function of the claim")
