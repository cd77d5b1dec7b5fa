"""`exactnn symmetry align`: the permutation, scaling and flip that take one network's weights to another's, and whether f = g."""

from __future__ import annotations

import argparse
import json

from exactnn.cli._options import EQUAL_LIMIT, add_output, add_question, add_raw, check_target, load, question
from exactnn.cli._outcome import CODES, Outcome, log
from exactnn.cli._questions import answer, shortened


def add_align(parser: argparse.ArgumentParser) -> None:
    """symmetry align F G."""
    parser.description = (
        "Looks for a transformation T with T(f) = g, parameter by parameter, and decides whether f = g. PROVED: there is one, "
        "and it keeps the function. REFUTED: f and g are different functions. UNKNOWN: f = g is not decided, or f = g and no T was found."
    )
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    parser.add_argument("g", metavar="G", help="another one")
    parser.add_argument("--save", metavar="T.json", help="write T here, for exactnn symmetry verify --transformation")
    add_question(parser, domain=False, limit=EQUAL_LIMIT)
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Outcome:
    from exactnn.exact.files import write_text
    from exactnn.symmetry import align
    from exactnn.verify import verify_equal

    arguments = question(options)
    for target, name in ((options.certificate, "--certificate"), (options.save, "--save")):
        check_target(target, name, [options.f, options.g])
    f, g = load(options, options.f, options.g)
    found = answer(options, {"f": f, "g": g}, lambda: verify_equal(f, g, **arguments))
    transformation = align(f, g)
    steps = None if transformation is None else transformation.steps(f)
    document = {**found.document, "transformation": steps, "saved": None}
    if transformation is None:
        if options.save is not None:
            log(options, f"nothing written to {options.save}: no transformation was found")
        if document["status"] != "proved":
            return Outcome(found.code, found.headline, document, ["  no transformation T with T(f) = g was found", *found.details])
        reason = "f = g is proved, but no permutation, positive scaling or flip of hidden layers with T(f) = g was found"
        headline = f"UNKNOWN: T(f) = g for some T (real arithmetic). {reason}"
        return Outcome(CODES["unknown"], headline, {**document, "status": "unknown", "reason": reason}, found.details)
    details = [f"  T(f) = g, parameter by parameter, with T = {shortened(transformation)}", *found.details]
    if options.save is not None:
        write_text(options.save, json.dumps(steps) + "\n")
        details.append(f"  T is written to {options.save}")
    return Outcome(found.code, found.headline, {**document, "saved": options.save}, details)
