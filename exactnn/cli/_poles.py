"""`exactnn poles`: poles, bounds and graphs of rational activations, from the command line, a JSON file or a model."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exactnn.cli._domain import read_json
from exactnn.cli._options import CERTIFICATE, add_output, check_target, load
from exactnn.cli._outcome import CODES, Outcome, line, log, report, short
from exactnn.cli._picture import check_picture, write_picture
from exactnn.cli._questions import certified, models, texts
from exactnn.errors import ArgumentError, DomainError, ExactnnError
from exactnn.exact.numbers import as_fraction, rational_text
from exactnn.exact.progress import counted

if TYPE_CHECKING:
    from exactnn.network import Network
    from exactnn.rational import Enclosure, NearestPole, Report
    from exactnn.rational.documents import Function

Ends = tuple[Fraction | None, Fraction | None]
_WINDOW = (Fraction(-10), Fraction(10))
_COEFFICIENTS = {"numerator": "--numerator", "denominator": "--denominator", "formula": "--formula", "basis": "--basis"}
_ERA = {"linear": "--linear", "fractions": "--fraction", "epsilon": "--epsilon"}


def add_poles(parser: argparse.ArgumentParser) -> None:
    """poles [FILE]."""
    parser.description = (
        "Real poles of rational activations, the nearest pole, the largest value and slope, exactly or in certified brackets."
    )
    parser.add_argument(
        "f",
        metavar="FILE",
        nargs="?",
        help="a model (.onnx, .nnet, exact .json: every rational activation in it), or JSON of activations, {NAME: {...}, ...}",
    )
    one = parser.add_argument_group("one function in place of a file; numbers like -1, 0.1 or 1/3 are taken exactly")
    one.add_argument("--numerator", metavar="A0,A1,...", help="P's coefficients, the constant term first")
    one.add_argument("--denominator", metavar="B0,B1,...", help="Q's; with --formula A, B, D or N, they begin with B1")
    one.add_argument("--formula", choices=tuple("ABCDN"), help="a Pade activation unit of this formula (docs/rational.md)")
    one.add_argument("--basis", metavar="BASIS", help="power (the default), legendre, hermite, ... for P and Q of a --formula")
    one.add_argument("--linear", metavar="A,B", help="an ERA, a x + b + ...")
    one.add_argument("--fraction", metavar="C,D,E,F", action="append", dest="fractions", help="... + (c x + d)/((x - e)^2 + f^2 + epsilon)")
    one.add_argument("--epsilon", metavar="Q", help="of the fractions (0)")
    parser.add_argument("--interval", metavar="LO:HI", help="poles there only; LO: and :HI for half lines (the real line)")
    parser.add_argument("--window", metavar="LO:HI", help="where values, slopes and the picture are (the interval if bounded, else -10:10)")
    parser.add_argument("--certificate", metavar="OUT.json", help=CERTIFICATE)
    parser.add_argument("--plot", metavar="OUT.png", help="draw the functions (.png, .pdf, .svg)")
    add_output(parser)
    parser.set_defaults(run=_poles)


def _poles(options: argparse.Namespace) -> Outcome:
    from exactnn.rational import plot, to_document
    from exactnn.verify import verify_pole_free

    interval = _ends(options.interval, "--interval") if options.interval is not None else (None, None)
    window = _window(options.window, interval)
    inputs = [] if options.f is None else [options.f]
    check_target(options.certificate, "--certificate", inputs)
    check_picture(options.plot, "--plot", inputs)
    functions, net = _asked(options)
    start = time.perf_counter()
    verdict = verify_pole_free(functions if net is None else net, interval=interval)
    rows, details = [], []
    for name, function in counted("bounds of values and slopes", functions.items(), unit="functions"):
        poles = function.real_poles(interval=interval)
        near = function.nearest_pole(interval=interval)
        bounds = function.report(window)
        details.extend(_lines("" if len(functions) == 1 else name, [str(p) for p in poles], near, bounds, window))
        rows.append(
            {
                "name": name,
                "function": to_document(function),
                "real_poles": [{"lower": rational_text(p.lower), "upper": rational_text(p.upper), "order": p.multiplicity} for p in poles],
                "nearest_pole": None
                if near is None
                else {
                    "real": rational_text(near.pole.real),
                    "imag": rational_text(near.pole.imag),
                    "radius": rational_text(near.pole.radius),
                    "distance": _bracket(near.distance),
                },
                "largest_value": _bracket(bounds.value),
                "largest_value_at": [_bracket(e) for e in bounds.value_at],
                "largest_slope": _bracket(bounds.slope),
                "largest_slope_at": [_bracket(e) for e in bounds.slope_at],
            }
        )
    log(options, f"decided in {time.perf_counter() - start:.2f} s")
    if options.plot is not None:
        write_picture(plot(functions if len(functions) > 1 else next(iter(functions.values())), window), options.plot)
        details.append(f"  picture: {options.plot}")
    written = certified(options, verdict, details)
    document = report(
        options,
        verdict.status,
        start,
        question=verdict.question,
        reason=verdict.reason,
        interval=None if interval == (None, None) else [None if end is None else rational_text(end) for end in interval],
        window=texts(window),
        functions=rows,
        counterexample=texts(verdict.counterexample),
        models={} if net is None else models({"f": net}),
        certificate=written,
        plot=options.plot,
    )
    return Outcome(CODES[verdict.status], line(verdict.sentence), document, details)


def _lines(name: str, poles: Sequence[str], near: NearestPole | None, bounds: Report, window: tuple[Fraction, Fraction]) -> list[str]:
    """What is known about one function, for people."""
    found = [f"  {line(name)}"] if name else []
    found += [f"  poles: {', '.join(poles)}"] if poles else []
    ends = f"[{short(window[0])}, {short(window[1])}]"
    found += [] if near is None else [f"  nearest pole: {near.pole}, at distance {near.distance}"]
    for what, value, places in (("|r|", bounds.value, bounds.value_at), ("|r'|", bounds.slope, bounds.slope_at)):
        found.append(f"  largest {what} on {ends}: {value} at {' and '.join(f'x = {p}' for p in places[:3])}")
    return [found[0], *(f"  {text}" for text in found[1:])] if name else found


def _bracket(e: Enclosure) -> list[str]:
    return [str(end) if isinstance(end, float) else rational_text(end) for end in e]


# --- what is asked about ---------------------------------------------------------------------------------------------------


def _asked(options: argparse.Namespace) -> tuple[dict[str, Function], Network | None]:
    """The functions by name, and the network they are in."""
    from exactnn.verify import rational_activations

    given = [option for key, option in (_COEFFICIENTS | _ERA).items() if getattr(options, key) is not None]
    if options.f is None:
        return {"r": _one(options, given)}, None
    if given:
        raise ArgumentError(f"{given[0]}: either FILE or coefficients are possible, got both; leave one of the two out")
    if Path(options.f).suffix.lower() == ".json":
        document = read_json(options.f, "FILE", "a model, or JSON of activations,")
        if not (isinstance(document, dict) and "format" in document):
            return _named(options.f, document), None
    (net,) = load(options, options.f)
    functions = rational_activations(net)
    if not functions:
        raise ArgumentError(f"{options.f}: a model with rational activations is needed, but it has none")
    return functions, net


def _one(options: argparse.Namespace, given: Sequence[str]) -> Function:
    from exactnn.rational import from_document

    keys = _ERA if options.linear is not None or options.fractions is not None else _COEFFICIENTS
    wrong = [option for option in given if option not in keys.values()]
    needed = keys is _COEFFICIENTS and (options.numerator is None or options.denominator is None)
    if options.basis is not None and options.formula is None:
        raise ArgumentError("--basis: it is that of a Pade activation unit; say which one by --formula A, B, C, D or N")
    if wrong or needed:
        raise ArgumentError(
            "FILE, or --numerator and --denominator (with --formula, --basis), or --linear or --fraction (with --epsilon) are needed, got "
            f"{', '.join(given) or 'none of them'}"
        )
    document: dict[str, Any] = {}
    for key in keys:
        value = getattr(options, key)
        if key == "fractions":
            document[key] = [_list(row) for row in value or ()]  # none: a line
        elif value is not None:
            document[key] = value if key in ("formula", "basis", "epsilon") else _list(value)
    return from_document(document)


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _named(path: str, document: Any) -> dict[str, Function]:
    """The activations in a JSON file: one, or many by name or in a list."""
    from exactnn.rational import from_document

    entries: Any = document
    if isinstance(document, dict) and {"numerator", "linear"} & set(document):
        entries = {"r": document}
    elif isinstance(document, list):
        entries = dict(enumerate(document))
    if not isinstance(entries, dict) or not entries:
        raise ArgumentError(f"{path}: {{NAME: activation, ...}} or a list of activations is needed, got nothing of that kind")
    found: dict[str, Function] = {}
    for name, entry in entries.items():
        try:
            found[str(name)] = from_document(entry)
        except ExactnnError as error:
            raise type(error)(f"{path}: {str(name)!r}: {error}") from None
    return found


def _ends(text: str, option: str) -> Ends:
    low, colon, high = text.partition(":")
    if not colon:
        raise ArgumentError(f"{option}: LO:HI with two numbers is needed, LO: or :HI for a half line, got {text!r}")
    lower, upper = (as_fraction(end, option) if end.strip() else None for end in (low, high))
    if lower is not None and upper is not None and lower > upper:
        raise DomainError(f"{option}: LO <= HI is needed, got {text!r}")
    return lower, upper


def _window(text: str | None, interval: Ends) -> tuple[Fraction, Fraction]:
    lower, upper = interval if text is None else _ends(text, "--window")
    if lower is not None and upper is not None and lower < upper:
        return lower, upper
    if text is not None:
        raise DomainError(f"--window: LO:HI with numbers LO < HI is needed, got {text!r}")
    return _WINDOW
