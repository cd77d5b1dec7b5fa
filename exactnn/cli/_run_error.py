"""`exactnn run-error`: how far a run in floats can be from the exact network on a box."""

from __future__ import annotations

import argparse
import time

from exactnn.cli._options import add_output, add_question, add_raw, check_target, load, question
from exactnn.cli._outcome import DONE, UNKNOWN, Outcome, certificate_line, listed, log, report, short
from exactnn.cli._questions import models, texts
from exactnn.errors import DomainError, Incomplete
from exactnn.exact.numbers import rational_text


def add_run_error(parser: argparse.ArgumentParser) -> None:
    """run-error F."""
    parser.description = (
        "A bound on |F as a runtime computes it in --dtype - F exactly| over all inputs in the box that are numbers of this format, "
        "in any order of summation, fused or not. Winograd and FFT convolutions, TF32 and quantised kernels are not covered."
    )
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json; piecewise linear")
    add_question(parser, tolerance=False, slices=False)
    parser.add_argument("--dtype", choices=("float32", "float64", "bfloat16"), default="float32", help="the format of the run (float32)")
    parser.add_argument(
        "--accumulation",
        choices=("float32", "float64"),
        help="a wider format in which all sums are taken: float32 for bfloat16, float64 for float32 (not known)",
    )
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Outcome:
    from exactnn.difference import execution_error

    arguments = question(options)
    if arguments["domain"] is None:
        raise DomainError("--domain: a box is needed, such as --domain -1:1 or a JSON file")
    check_target(options.certificate, "--certificate", [options.f])
    (f,) = load(options, options.f)
    about = {"domain": options.domain, "dtype": options.dtype, "accumulation": options.accumulation, "models": models({"f": f})}
    start = time.perf_counter()
    try:
        found = execution_error(f, dtype=options.dtype, accumulation=options.accumulation, **arguments)
    except Incomplete as stopped:
        document = report(options, "unknown", start, **about, upper=None, per_output=None, certificate=None, reason=str(stopped))
        return Outcome(UNKNOWN, f"UNKNOWN: {stopped}", document)
    log(options, f"bounded in {time.perf_counter() - start:.2f} s")
    details = [f"  for each output: {listed([f'{float(q):.6g}' for q in found.per_output])}"]
    written = None
    if options.certificate is not None:
        written = str(found.certificate.save(options.certificate))
        details.append(certificate_line(written))
    document = report(
        options,
        "done",
        start,
        **about,
        upper=rational_text(found.upper),
        per_output=texts(found.per_output),
        certificate=written,
    )
    headline = f"|{options.dtype} run - exact| <= {short(found.upper)}, about {float(found.upper):.6g}, on {options.domain}"
    return Outcome(DONE, headline, document, details)
