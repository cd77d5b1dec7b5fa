"""Means over seeds, what became of claims, tables and reports in Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from study.settings import Claim

BySeed = Mapping[int, float]
Results = TypeVar("Results")
Decided = tuple[bool, str]


@dataclass(frozen=True)
class Spread:
    """A mean, the sample standard deviation, and the standard error of the mean."""

    mean: float
    deviation: float
    count: int

    @property
    def error(self) -> float:
        return self.deviation / math.sqrt(self.count)


def spread(values: Iterable[float]) -> Spread:
    """Without a deviation where there is one value, or where one is missing (NaN)."""
    listed = list(values)
    known = len(listed) > 1 and all(map(math.isfinite, listed))
    return Spread(statistics.fmean(listed), statistics.stdev(listed) if known else math.nan, len(listed))


def paired(first: BySeed, second: BySeed) -> Spread:
    """first - second, over the seeds."""
    return spread(first[seed] - second[seed] for seed in sorted(first))


def average(settings: Iterable[BySeed]) -> BySeed:
    """The mean over settings, seed by seed."""
    listed = list(settings)
    return {seed: statistics.fmean(values[seed] for values in listed) for seed in listed[0]}


def measured(lines: Mapping[int, Mapping[str, Any]], measure: str) -> BySeed:
    """One entry of the lines of runs."""
    return {seed: line[measure] for seed, line in lines.items()}


def cell(values: BySeed) -> str:
    """The mean and the sample standard deviation."""
    found = spread(values.values())
    return f"{found.mean:.2f} ± {found.deviation:.2f}"


def shown(found: Spread) -> str:
    """A difference and the standard error of its mean."""
    return f"{found.mean:+.2f} ± {found.error:.2f}"


def wins(gains: Mapping[str, Spread], what: str) -> tuple[int, str]:
    """How many gains are positive, and the numbers; `what` says what they are gains of."""
    won = sum(gain.mean > 0 for gain in gains.values())
    clear = sum(gain.mean > 2 * gain.error for gain in gains.values())
    parts = ", ".join(f"{name} {shown(gain)}" for name, gain in gains.items())
    return won, f"{won} of {len(gains)}, {clear} of them by more than two standard errors; {what}: {parts}"


# --- claims ----------------------------------------------------------------------------------------------------------------


class NotRun(Exception):
    """A claim is about runs that were not asked for (--only)."""


@dataclass(frozen=True)
class Outcome:
    """What became of a claim: "held", "failed" or "not run", and the numbers."""

    outcome: str
    numbers: str


def decide(claims: Mapping[str, Claim], how: Mapping[str, Callable[[Results, float], Decided]], results: Results) -> dict[str, Outcome]:
    """All claims, in their order."""
    found = {}
    for name, claim in claims.items():
        try:
            held, numbers = how[name](results, claim.threshold)
            found[name] = Outcome("held" if held else "failed", numbers)
        except NotRun:
            found[name] = Outcome("not run", "")
    return found


def listed(claims: Mapping[str, Claim], outcomes: Mapping[str, Outcome]) -> list[str]:
    """An item for each claim, for the report."""
    return [
        f"- **{name}: {o.outcome}.** {claims[name].sentence}\n  Found: {o.numbers or 'these runs were not asked for'}.\n"
        f"  Measured: {claims[name].metric}; threshold {claims[name].threshold:g}."
        for name, o in outcomes.items()
    ]


def summed(outcomes: Mapping[str, Outcome]) -> str:
    """A line for each claim, to print."""
    return "Claims:\n" + "\n".join(f"  {o.outcome:8}{name}: {o.numbers}" for name, o in outcomes.items())


# --- Markdown --------------------------------------------------------------------------------------------------------------


def write(path: Path, parts: Iterable[str]) -> None:
    """The parts as a file, which appears whole."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text("\n\n".join(p for p in parts if p) + "\n", encoding="utf-8")
    fresh.replace(path)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, its columns aligned."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [" | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in (header, *rows)]
    lines.insert(1, " | ".join("-" * w for w in widths))
    return "\n".join(f"| {line} |" for line in lines)


# --- exact numbers in few digits ---------------------------------------------------------------------------------------------


def down(value: Fraction, digits: int = 3) -> str:
    """So many digits that do not say more than the value."""
    return _rounded(value, digits, ROUND_FLOOR)


def up(value: Fraction, digits: int = 3) -> str:
    """So many digits that do not say less than the value."""
    return _rounded(value, digits, ROUND_CEILING)


def _rounded(value: Fraction, digits: int, rounding: str) -> str:
    found = Context(prec=digits, rounding=rounding).divide(Decimal(value.numerator), Decimal(value.denominator))
    return f"{found:f}" if not found or Decimal("1e-3") <= found < Decimal("1e6") else f"{found:e}"
