"""`exactnn deviation` and `exactnn same-decision`: how far two networks are apart, and whether they decide alike."""

from __future__ import annotations

import argparse
import time

from exactnn.cli._float_runs import float_runs
from exactnn.cli._options import add_long, add_output, add_question, add_raw, check_target, load, question
from exactnn.cli._outcome import DONE, UNKNOWN, Outcome, certificate_line, log, point_text, report, short
from exactnn.cli._questions import answer, models, texts
from exactnn.cli._workers import workers
from exactnn.errors import DomainError, Incomplete
from exactnn.exact.numbers import rational_text


def add_deviation(parser: argparse.ArgumentParser) -> None:
    """deviation F G."""
    _add_pair(parser)
    add_long(parser)
    parser.set_defaults(run=_deviation)


def add_same_decision(parser: argparse.ArgumentParser) -> None:
    """same-decision F G."""
    _add_pair(parser)
    parser.set_defaults(run=_same_decision)


def _add_pair(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    parser.add_argument("g", metavar="G", help="another one, with as many inputs and outputs")
    add_question(parser, tolerance=False)
    add_raw(parser)
    add_output(parser)


def _same_decision(options: argparse.Namespace) -> Outcome:
    from exactnn.verify import verify_same_decision

    arguments = question(options)
    check_target(options.certificate, "--certificate", [options.f, options.g])
    f, g = load(options, options.f, options.g)
    return answer(options, {"f": f, "g": g}, lambda: verify_same_decision(f, g, **arguments), domain=arguments["domain"])


def _deviation(options: argparse.Namespace) -> Outcome:
    from exactnn.verify import max_deviation

    arguments = question(options)
    if arguments["domain"] is None:
        raise DomainError("--domain: a bounded domain is needed, such as --domain -1:1 or a JSON file")
    check_target(options.certificate, "--certificate", [options.f, options.g])
    f, g = load(options, options.f, options.g)
    about = {"domain": options.domain, "models": models({"f": f, "g": g})}
    start = time.perf_counter()
    try:
        with workers(options.workers) as executor:
            found = max_deviation(f, g, executor=executor, **arguments)
    except Incomplete as stopped:
        least = None if stopped.partial is None else rational_text(stopped.partial)  # type: ignore[arg-type]
        document = report(options, "unknown", start, **about, lower=least, upper=None, float32_error=None, reason=str(stopped))
        return Outcome(UNKNOWN, f"UNKNOWN: {stopped}", document)
    log(options, f"found in {time.perf_counter() - start:.2f} s")
    details = [f"  attained at x = {point_text(found.point)}"]
    for j, (a, b) in enumerate(zip(*found.values, strict=True)):
        if abs(a - b) == found.upper:
            details.append(f"  output {j}: f(x) = {short(a)}, g(x) = {short(b)}")
            break
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
        point=texts(found.point),
        values={k: texts(v) for k, v in zip("fg", found.values, strict=True)},
        float32_error=rounding.document,
        certificate=written,
    )
    return Outcome(DONE, f"max |f - g| = {short(found.upper)}, about {float(found.upper):.6g}, on {options.domain}", document, details)
