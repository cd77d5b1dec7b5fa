"""What a command hands back: exit code, lines for people, one JSON object for programs."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from exactnn._version import __version__
from exactnn.texts import exactly, rounded

DONE, REFUTED, BAD_INPUT, UNKNOWN, REJECTED, INTERRUPTED = 0, 1, 2, 3, 4, 130

#: exit code of each verdict
CODES = {"proved": DONE, "refuted": REFUTED, "unknown": UNKNOWN}

#: bytes of a certificate beyond which people are told that it can be compressed
_LARGE = 2**20


@dataclass(frozen=True)
class Outcome:
    """The answer of a command: `headline` is the first line of stdout, `details` the others, `document` what --json prints."""

    code: int
    headline: str
    document: dict[str, Any]
    details: Sequence[str] = field(default=())


def log(options: Any, text: str) -> None:
    """Progress, on stderr, unless --quiet."""
    if not options.quiet:
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def hushed(quiet: bool) -> Iterator[None]:
    """With --quiet nothing reaches stderr meanwhile, progress bars included; errors are raised, and told later."""
    if not quiet:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


@cache
def versions() -> dict[str, str]:
    """What computed the answer."""
    from importlib.metadata import PackageNotFoundError, version  # it loads much

    found = {"exactnn": __version__, "python": platform.python_version()}
    for name in ("python-flint", "z3-solver", "numpy", "networkx", "highspy", "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an optional part
            continue
    return found


def report(options: Any, status: str, start: float | None = None, **fields: Any) -> dict[str, Any]:
    """What --json prints: the status, the command, these fields; of an answer (`start`: when work on it began) semantics and seconds."""
    found = {"status": status, "command": options.command, **fields}
    if start is not None:
        found |= {"semantics": "real", "seconds": round(time.perf_counter() - start, 6)}
    return {**found, "versions": versions()}


def certificate_line(path: str) -> str:
    """Where a certificate is, and how to check it; of a large one that is not compressed also how it would be."""
    size = os.path.getsize(path)
    advice = f"; {size / 1e6:.1f} MB, compressed where the name ends in .gz" if size > _LARGE and not path.lower().endswith(".gz") else ""
    return f"  certificate: {line(path)} (exactnn check {line(path)}{advice})"


# --- numbers for people ----------------------------------------------------------------------------------------------------


def short(value: Fraction, width: int = 44) -> str:
    """A rational in about `width` characters: exact where it fits ("p/2^k" for dyadic numbers), else a decimal and its size.

    Examples
    --------
    >>> short(Fraction(1, 3)), short(Fraction(3, 2**40)), short(Fraction(10**60 + 1, 3**100))
    ('1/3', '3/2^40', 'about 1940325217482.6328 (61/48 digits)')
    """
    exact = exactly(value, width)
    if exact is not None:
        return exact
    from exactnn.exact.numbers import rational_text  # numpy and FLINT take a tenth of a second

    top, bottom = value.numerator, value.denominator
    digits = "/".join(str(len(rational_text(Fraction(abs(n))))) for n in (top, bottom) if n != 1 or n is top)
    return f"about {_float(value)} ({digits} digits)"


def _float(value: Fraction) -> str:
    size = abs(value.numerator).bit_length() - value.denominator.bit_length()
    return repr(float(value)) if -1000 < size < 1000 else rounded(value, 17)[0]


def between(lower: Fraction, upper: Fraction, digits: int = 6) -> tuple[str, str]:
    """Decimals around an interval: the lower end is rounded down, the upper end up.

    Examples
    --------
    >>> between(Fraction(2, 3), Fraction(2, 3)), between(Fraction(1, 10**500), Fraction(1), 2)
    (('0.666666', '0.666667'), ('1e-500', '1'))
    """
    return _towards(lower, digits, ROUND_FLOOR), _towards(upper, digits, ROUND_CEILING)


def _towards(value: Fraction, digits: int, rounding: str) -> str:
    wide = Context(prec=digits, rounding=rounding, Emax=MAX_EMAX, Emin=MIN_EMIN)
    return str(wide.divide(Decimal(value.numerator), Decimal(value.denominator))).lower()


def listed(items: Sequence[str], most: int = 8) -> str:
    """The first few of a list, and how many there are."""
    if len(items) <= most:
        return ", ".join(items)
    return ", ".join(items[:most]) + f", ... ({len(items)} in all)"


def point_text(point: Sequence[Fraction]) -> str:
    """A point: all coordinates if they are few, else those that are not zero."""
    if len(point) <= 6:
        return f"({', '.join(short(q) for q in point)})"
    live = [f"x[{i}] = {short(q)}" for i, q in enumerate(point) if q]
    return f"{len(point)} coordinates, all zero" + (f" but {listed(live)}" if live else "")


def line(text: str) -> str:
    """The text with its control characters escaped, so that a path cannot write lines of its own."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
