"""Denominators of rational activations without real zeros, as evidence says it (docs/certificate/poles.md, "Denominators")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from exactnn.exact.polynomials import from_fractions
from exactnn.exact.signs import sign_cuts
from exactnn.exact.writing import json_number
from exactnn.network import Network
from exactnn.network.activations import Rational
from exactnn.network.poles import may_have_pole


def with_denominators(evidence: dict[str, Any], nets: Iterable[Network]) -> dict[str, Any]:
    """The evidence, with cuts of the real line for each denominator that has no real zero."""
    operations = [net.operation(name) for net in nets for name in net.order]
    different = dict.fromkeys(op.denominator for op in operations if isinstance(op, Rational) and not may_have_pole(op))
    cuts = [sign_cuts(from_fractions(q).numer()) for q in different]
    shown = [[[json_number(x) for x in part] for part in pair] for pair in zip(different, cuts, strict=True)]
    return {**evidence, "denominators": shown} if shown else evidence
