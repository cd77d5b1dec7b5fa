"""`exactnn deviation` and `exactnn same-decision`: how far two networks are apart, and whether they decide alike.

A bracket is an answer, exact or not: exit code 0. Whether networks are within a tolerance, as an exit code, is what `exactnn equal` says.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import TYPE_CHECKING

from exactnn.cli._float_runs import float_runs
from exactnn.cli._options import LIMIT, add_long, add_output, add_question, add_raw, check_target, load, question
from exactnn.cli._outcome import DONE, UNKNOWN, Outcome, between, certificate_line, log, point_text, report, short
from exactnn.cli._points import add_near, near
from exactnn.cli._questions import answer, models, texts
from exactnn.cli._slice import place
from exactnn.cli._workers import workers
from exactnn.errors import DomainError, Incomplete
from exactnn.exact.numbers import as_fraction, rational_text
from exactnn.texts import rounded

if TYPE_CHECKING:
    from exactnn.verify import Deviation


def add_deviation(parser: argparse.ArgumentParser) -> None:
    """deviation F G."""
    _add_pair(parser, limit="stop then, with the bracket that was found (120)")
    parser.add_argument(
        "--norm", choices=("linf", "l1"), default="linf", help="the largest |f_j - g_j|, or their sum over the outputs (linf)"
    )
    parser.add_argument("--gap", metavar="Q", default="0", help="stop once upper <= (1 + Q) lower (0: the exact maximum)")
    add_near(parser, "which is tried first, and from which the search for larger differences starts")
    add_long(parser)
    parser.set_defaults(run=_deviation)


def add_same_decision(parser: argparse.ArgumentParser) -> None:
    """same-decision F G."""
    _add_pair(parser)
    add_long(parser)
    parser.set_defaults(run=_same_decision)


def _add_pair(parser: argparse.ArgumentParser, *, limit: str = LIMIT) -> None:
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    parser.add_argument("g", metavar="G", help="another one, with as many inputs and outputs")
    add_question(parser, tolerance=False, limit=limit)
    add_raw(parser)
    add_output(parser)


def _same_decision(options: argparse.Namespace) -> Outcome:
    from exactnn.verify import verify_same_decision

    arguments = question(options)
    check_target(options.certificate, "--certificate", [options.f, options.g])
    f, g = load(options, options.f, options.g)
    with workers(options.workers) as executor:
        ask = partial(verify_same_decision, f, g, executor=executor, **arguments)
        return answer(options, {"f": f, "g": g}, ask, domain=arguments["domain"])


def _deviation(options: argparse.Namespace) -> Outcome:
    from exactnn.verify import max_deviation

    arguments = question(options)
    gap = as_fraction(options.gap, "--gap")
    if arguments["domain"] is None:
        raise DomainError("--domain: a bounded domain is needed, such as --domain -1:1 or a JSON file")
    check_target(options.certificate, "--certificate", [options.f, options.g])
    f, g = load(options, options.f, options.g)
    about = {
        "domain": options.domain,
        "slice": options.slice,
        "norm": options.norm,
        "gap": rational_text(gap),
        "models": models({"f": f, "g": g}),
    }
    start = time.perf_counter()
    try:
        with workers(options.workers) as executor:
            found = max_deviation(f, g, norm=options.norm, gap=gap, executor=executor, **near(options, f), **arguments)
    except Incomplete as stopped:
        nothing = {"lower": None, "upper": None, "exact": False, "float32_error": None, "reason": str(stopped)}
        return Outcome(UNKNOWN, f"UNKNOWN: {stopped}", report(options, "unknown", start, **about, **nothing))
    log(options, f"found in {time.perf_counter() - start:.2f} s")
    details = _told(found)
    written = None
    if options.certificate is not None:
        written = str(found.certificate.save(options.certificate))
        details.append(certificate_line(written))
    rounding = float_runs(options, arguments["domain"], {"f": f, "g": g}, start)
    details += rounding.lines
    document = report(
        options,
        "done",
        start,
        **about,
        lower=rational_text(found.lower),
        upper=rational_text(found.upper),
        exact=found.is_exact,
        point=texts(found.point),
        values=None if found.values is None else {k: texts(v) for k, v in zip("fg", found.values, strict=True)},
        float32_error=rounding.document,
        certificate=written,
    )
    return Outcome(DONE, f"{_bracket(found)} on {options.domain}{place(options)}", document, details)


def _bracket(found: Deviation) -> str:
    """The first line: decimals that claim no more than what is proved."""
    what = "max |f - g|" if found.norm == "linf" else "max sum |f_j - g_j|"
    if found.is_exact:
        return f"{what} = {short(found.upper)}, about {rounded(found.upper)[0]},"
    low, high = between(found.lower, found.upper)
    return f"{low} <= {what} <= {high}"


def _told(found: Deviation) -> list[str]:
    """Both ends as fractions, the point, and the outputs there that differ most."""
    point = point_text(found.point)
    if found.is_exact:
        lines = [f"  attained at x = {point}"]
    else:
        lines = [
            f"  lower = {short(found.lower)}, attained at x = {point}",
            f"  upper = {short(found.upper)}, proved, not known to be attained",
        ]
    if found.values is None:  # smooth networks: irrational
        return lines
    a, b = found.values
    order = sorted(range(len(a)), key=lambda j: -abs(a[j] - b[j]))
    shown = order[: 1 if found.norm == "linf" else 3]
    return lines + [f"  output {j}: f(x) = {short(a[j])}, g(x) = {short(b[j])}" for j in shown]
