"""The line beside a verdict on a box: how far float32 runs of the networks can be from the exact ones that it is about.

|run of f - run of g|  <=  |f - g| + error of f + error of g
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction

from exactnn.cli._weights import parameters
from exactnn.errors import ArgumentError, ExactnnError, Incomplete, NotPiecewiseLinear
from exactnn.exact.numbers import as_fraction, rational_text
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network

#: the seconds that the line may take: so many, or this share of those that the answer took, if that is more
_SECONDS, _SHARE = 2.0, 0.1
#: products of short numbers in a second; a network with more of them than there is time for is not begun
_SPEED = 400_000
_LATER = "exactnn run-error has the time"


@dataclass(frozen=True)
class FloatRuns:
    """What is told: the line, if there is one; for --json a bound for each network, or None where there is none."""

    lines: tuple[str, ...] = ()
    document: dict[str, str | None] | None = None


def float_runs(options: argparse.Namespace, domain: Polyhedron | None, nets: Mapping[str, Network], start: float) -> FloatRuns:
    """Bounds for these networks, f and g in the document; `start` is when work on the answer began.

    Nothing without a box of all inputs, for networks that are not piecewise linear, and where nobody would see it.
    """
    if not isinstance(domain, Box) or getattr(options, "slice", None) is not None or (options.quiet and not options.json):
        return FloatRuns()
    if not all(net.is_piecewise_linear for net in nets.values()):
        return FloatRuns()
    end = _end(options, start)
    found = {name: _bound(net, domain, end) for name, net in nets.items()}
    within = [f"{name} within {rounded_up(q)}" for name, q in found.items() if isinstance(q, Fraction)]
    told = [f"{', '.join(within)} of the exact network{'s' * (len(within) > 1)} on this box"] if within else []
    reasons = {why: " and ".join(n for n in found if found[n] == why) for why in found.values() if isinstance(why, str)}
    told += [
        f"not bounded for {names}: {why}" if why.endswith(_LATER) else f"no bound for {names}: {why}" for why, names in reasons.items()
    ]
    document = dict(zip("fg", (rational_text(q) if isinstance(q, Fraction) else None for q in found.values()), strict=False))
    return FloatRuns((f"  float32 runs: {'; '.join(told)}",), document)


def _end(options: argparse.Namespace, start: float) -> float:
    """When the line has to be there."""
    now = time.perf_counter()
    end = now + max(_SECONDS, _SHARE * (now - start))
    if options.time_limit is None:
        return end
    limit = as_fraction(options.time_limit, "--time-limit")
    return min(end, start + float(limit)) if limit < 10**9 else end


def _bound(net: Network, domain: Polyhedron, end: float) -> Fraction | str:
    """The bound, or why there is none."""
    from exactnn.claims import products_of_an_entry
    from exactnn.difference import execution_error

    left = end - time.perf_counter()
    bits = max((a.bound.bit_length() + a.denominator.bit_length() for _, a in parameters(net)), default=0)
    products = (1 + bits / 1024) * sum(math.prod(net.shape(name)) * products_of_an_entry(net.operation(name)) for name in net.order)
    try:
        if 0 < left < products / _SPEED:
            return f"it takes about {math.ceil(products / _SPEED)} s; {_LATER}"
        return execution_error(net, domain=domain, time_limit=max(Fraction(left), 0)).upper
    except Incomplete:
        return f"it takes longer than this answer may; {_LATER}"
    except (ArgumentError, NotPiecewiseLinear) as error:
        return _reason(error)


def _reason(error: ExactnnError) -> str:
    """The message without the argument at its head."""
    return str(error).partition(": ")[2]


def rounded_up(value: Fraction) -> str:
    """Three digits, none of them too low."""
    upward = Context(prec=3, rounding=ROUND_CEILING)
    return f"{float(upward.divide(Decimal(value.numerator), Decimal(value.denominator))):.3g}"
