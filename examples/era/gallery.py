"""Published coefficient tables of rational activations, audited: poles, largest error, spikes.

    python examples/era/gallery.py [--out out/gallery] [--only NAME] [--width 3e-6]

The tables are in gallery.json, with their sources. Each is audited under the formula that its source uses it with and, where the source
has other formulas for the same coefficients, under these, too (in brackets). Coefficients are taken as the decimals that were published,
before they are rounded to float32. All numbers are certified: real poles on the whole real line, the largest error on the interval of the
source, the largest value and slope on [-10, 10], the distance of the nearest complex pole from there (not for piecewise rational
functions). Verdicts about poles are saved with certificates, which are checked again. Less than a minute on one core; writes
gallery.md, gallery.json and certificates/ into the folder --out.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from tqdm import tqdm

import exactnn as xn
from exactnn.errors import Incomplete
from exactnn.rational import ERA, Enclosure, PadeUnit, maximum_error

TABLES = Path(__file__).resolve().with_suffix(".json")
REACH = (-10, 10)  # where values and slopes are bounded
STEEP = 10  # a slope that no target comes near
HEADER = ("table", "formula", "target", "real poles", "largest error", "largest value", "largest slope", "nearest pole")

Table = dict[str, Any]
#: A number of which only this is said: lower <= it <= upper, decimals rounded outward.
Bracket = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """A table under a formula. Places are rounded to 6 digits; None for no place or nothing to say."""

    table: str
    formula: str
    own: bool
    target: str
    interval: tuple[str, str]
    poles: tuple[str, ...]
    error: Bracket
    error_at: str | None
    value: Bracket
    value_at: str
    slope: Bracket
    slope_at: str
    nearest_pole: Bracket | None
    certificate: str

    @property
    def worst(self) -> float:
        """An upper bound of the error."""
        return float(self.error[1])

    @property
    def is_spiky(self) -> bool:
        """No real pole in reach, but a steep slope."""
        return math.isfinite(float(self.slope[1])) and float(self.slope[0]) > STEEP


def function(table: Table, formula: str) -> ERA | PadeUnit:
    """The function that the table is under a formula; P/Q is N with a constant term of any size in the denominator."""
    if formula == "ERA":
        return ERA(table["linear"], table["fractions"], table["epsilon"])
    if formula == "P/Q":
        top, bottom = ([Fraction(c) for c in table[side]] for side in ("numerator", "denominator"))
        return PadeUnit([c / bottom[0] for c in top], [c / bottom[0] for c in bottom[1:]], formula="N")
    return PadeUnit(table["numerator"], table["denominator"], formula=formula)


def examine(table: Table, formula: str, folder: Path, width: Fraction) -> Row:
    """What `exactnn.rational.audit` says, of ERAs too, and with values and slopes on more than the interval.

    If the search for the largest error gives up, its bracket so far is the answer.
    """
    r = function(table, formula)
    error_at: Fraction | None = None
    try:
        error, error_at = maximum_error(r, table["target"], interval=table["interval"], width=width)
    except Incomplete as stopped:
        error = cast(Enclosure, stopped.partial)
    found = r.report(REACH)
    near = found.nearest_pole
    return Row(
        table["name"],
        formula,
        formula == table["formula"],
        table["target"],
        tuple(table["interval"]),
        tuple(place(pole.midpoint) for pole in r.real_poles()),
        bracket(error),
        None if error_at is None else place(error_at),
        bracket(found.value),
        places(found.value_at),
        bracket(found.slope),
        places(found.slope_at),
        None if near is None else bracket(near.distance),
        certify(r, f"{table['name']}-{formula.replace('/', '')}", folder),
    )


def certify(r: ERA | PadeUnit, name: str, folder: Path) -> str:
    """Save the certificate of the verdict on poles, and check it."""
    verdict = xn.verify_pole_free(r)
    if verdict.certificate is None or (verdict.status == "proved") != (not r.real_poles()):
        raise AssertionError(f"no verdict: {name}: {verdict}")
    path = folder / "certificates" / f"{name}.json"
    fresh = verdict.certificate.save(path.with_suffix(".new"))
    if not xn.check(fresh):
        raise AssertionError(f"not accepted: {fresh}")
    fresh.replace(path)
    return f"certificates/{path.name}"


def bracket(number: Enclosure) -> Bracket:
    """Decimals of 12 digits around it."""
    return rounded(number.lower, ROUND_FLOOR), rounded(number.upper, ROUND_CEILING)


def rounded(q: Fraction | float, direction: str, digits: int = 12) -> str:
    """A decimal with so many digits on this side of q."""
    if isinstance(q, float):
        return str(q)
    return str(Context(prec=digits, rounding=direction).divide(Decimal(q.numerator), Decimal(q.denominator)))


def place(x: Fraction | float) -> str:
    return f"{float(x):.6g}"


def places(found: Iterable[Enclosure]) -> str:
    return " and ".join(dict.fromkeys(place(x.midpoint) for x in found))


def shown(number: Bracket) -> str:
    """An upper bound with 4 digits; with a lower bound if that is another number."""
    lower, upper = map(Decimal, number)
    if not upper.is_finite():
        return "infinite"
    text = f"{float(Context(prec=4, rounding=ROUND_CEILING).plus(upper)):.4g}"
    return text if upper - lower <= upper / 100 else f"{float(Context(prec=2, rounding=ROUND_FLOOR).plus(lower)):.2g} to {text}"


def cells(row: Row) -> tuple[str, ...]:
    """The row as it is shown."""
    lower, upper = row.interval
    where = f"on [{lower}, {upper}]" if row.error_at is None else f"at {row.error_at}, on [{lower}, {upper}]"
    return (
        row.table,
        row.formula if row.own else f"({row.formula})",
        row.target,
        ", ".join(row.poles) or "none",
        f"{shown(row.error)} {where}",
        f"{shown(row.value)} at {row.value_at}",
        f"{shown(row.slope)} at {row.slope_at}",
        "-" if row.nearest_pole is None else shown(row.nearest_pole),
    )


def markdown(rows: list[Row]) -> str:
    """All rows, with columns in line."""
    lines = [HEADER, *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    made = [" | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines]
    made.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in made)


def summary(rows: list[Row]) -> str:
    """What is seen, from the rows alone."""
    own = {row.table: row for row in rows if row.own}
    others = [row for row in rows if not row.own]
    best, worst = (choose(own.values(), key=lambda row: row.worst) for choose in (min, max))
    text = [
        f"{len(own)} tables, {len(rows)} audits, {len(others)} of them under a formula that is not the table's own.",
        f"Under its own formula, the best table is {best.table} (error {shown(best.error)}), the worst {worst.table} "
        f"({shown(worst.error)}); off by more than 1/10: {named(own.values(), lambda r: r.worst > 0.1)}.",
        f"Real poles: {named(own.values(), lambda r: bool(r.poles), lambda r: f' at {nearest(r)}')} under their own formula.",
        f"Without a pole, but with slopes above {STEEP} on [{REACH[0]}, {REACH[1]}]: "
        f"{named(own.values(), lambda r: r.is_spiky, lambda r: f', {shown(r.slope)} at {r.slope_at}')}.",
    ]
    if others:
        bad, better = (lambda r: r.worst > 10 * own[r.table].worst), (lambda r: 10 * r.worst < own[r.table].worst < math.inf)
        text.append(
            f"Under another formula {sum(map(bad, others))} of {len(others)} errors are more than ten times the table's own, "
            f"{sum(r.is_spiky for r in others)} have slopes above {STEEP} without a pole, and there are real poles for "
            f"{named(others, lambda r: bool(r.poles), lambda r: f' under {r.formula} at {nearest(r)}')}. "
            f"Less than a tenth of the own error, as if the table had been made for that formula: "
            f"{named(others, better, lambda r: f' under {r.formula}, {shown(r.error)} for {shown(own[r.table].error)}')}."
        )
    return "What is seen. " + " ".join(text)


def named(rows: Iterable[Row], which: Callable[[Row], bool], more: Callable[[Row], str] = lambda row: "") -> str:
    """How many rows, and their names with what there is to add."""
    found = [row.table + more(row) for row in rows if which(row)]
    return f"{len(found)} ({'; '.join(found)})" if found else "none"


def nearest(row: Row) -> str:
    """The real pole nearest to 0."""
    return min(row.poles, key=lambda pole: abs(float(pole)))


def write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", type=Path, help="folder to write to (out/gallery; out/gallery-part with --only)")
    parser.add_argument("--only", metavar="NAME", action="append", help="this table only; may be given several times")
    parser.add_argument("--width", default="3e-6", help="largest width of the bracket of an error (default: %(default)s)")
    options = parser.parse_args()
    options.out = options.out or Path("out/gallery-part" if options.only else "out/gallery")
    tables: list[Table] = json.loads(TABLES.read_text(encoding="utf-8"))
    unknown = set(options.only or ()) - {table["name"] for table in tables}
    if unknown:
        parser.error(f"--only: no table {min(unknown)!r}; there are {', '.join(table['name'] for table in tables)}")
    try:
        width = Fraction(options.width)
    except (ValueError, ZeroDivisionError):
        width = Fraction(0)
    if width <= 0:
        parser.error(f"--width: a number above 0 is needed, got {options.width!r}")
    try:
        (options.out / "certificates").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: {options.out} cannot be a folder: {error.strerror}")
    asked = [t for t in tables if not options.only or t["name"] in options.only]
    jobs: list[tuple[Table, str]] = [(table, formula) for table in asked for formula in (table["formula"], *table.get("also", ()))]
    rows = [examine(table, formula, options.out, width) for table, formula in tqdm(jobs, desc="audits", unit="audit", file=sys.stderr)]
    text = f"{markdown(rows)}\n\n{summary(rows)}\n"
    write(options.out / "gallery.json", json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    write(options.out / "gallery.md", f"# Published coefficient tables, audited\n\n{text}")
    print(text, end="")
    print(f"{len(rows)} rows, each with a certificate, in {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
