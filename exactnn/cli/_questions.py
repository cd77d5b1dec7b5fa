"""`exactnn equal`, `zero` and `symmetry verify`: a verdict, its counterexample, its certificate."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

from exactnn.cli._float_runs import FloatRuns, float_runs
from exactnn.cli._options import EQUAL_LIMIT, add_long, add_output, add_question, add_raw, check_target, load, question
from exactnn.cli._outcome import CODES, Outcome, certificate_line, line, listed, log, point_text, report, short
from exactnn.cli._points import add_near, near
from exactnn.cli._transformation import add_options, read_transformation
from exactnn.cli._workers import workers
from exactnn.exact.numbers import as_fraction, rational_text
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network
from exactnn.symmetry import Transformation
from exactnn.verdict import Verdict


def add_equal(parser: argparse.ArgumentParser) -> None:
    """equal F G."""
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    parser.add_argument("g", metavar="G", help="another one, with as many inputs and outputs")
    _add_common(parser, _equal)


def add_zero(parser: argparse.ArgumentParser) -> None:
    """zero F."""
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    _add_common(parser, _zero)


def add_verify(parser: argparse.ArgumentParser) -> None:
    """symmetry verify F."""
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    add_options(parser)
    _add_common(parser, _symmetry)


def _add_common(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], Outcome]) -> None:
    add_question(parser, limit=EQUAL_LIMIT)
    add_near(parser, "of which a counterexample is one if it can be, or near one")
    add_long(parser)
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=run)


def _equal(options: argparse.Namespace) -> Outcome:
    from exactnn.verify import verify_equal

    arguments = question(options)
    check_target(options.certificate, "--certificate", [options.f, options.g])
    f, g = load(options, options.f, options.g)
    with workers(options.workers) as executor:
        ask = partial(verify_equal, f, g, executor=executor, **near(options, f), **arguments)
        return answer(options, {"f": f, "g": g}, ask, domain=arguments["domain"])


def _zero(options: argparse.Namespace) -> Outcome:
    from exactnn.verify import verify_zero

    arguments = question(options)
    check_target(options.certificate, "--certificate", [options.f])
    (f,) = load(options, options.f)
    with workers(options.workers) as executor:
        ask = partial(verify_zero, f, executor=executor, **near(options, f), **arguments)
        return answer(options, {"f": f}, ask, domain=arguments["domain"])


def _symmetry(options: argparse.Namespace) -> Outcome:
    from exactnn.verify import verify_symmetry

    arguments = question(options)
    check_target(options.certificate, "--certificate", [options.f])
    (f,) = load(options, options.f)
    transformation, moved = read_transformation(options.steps, f)
    runs = {"f": f, "T(f)": moved}
    with workers(options.workers) as executor:
        ask = partial(verify_symmetry, f, transformation, executor=executor, **near(options, f), **arguments)
        found = answer(options, {"f": f}, ask, domain=arguments["domain"], runs=runs)
    document = {**found.document, "transformation": transformation.steps(f)}
    return Outcome(found.code, found.headline, document, [f"  T = {shortened(transformation)}", *found.details])


def answer(
    options: argparse.Namespace,
    nets: dict[str, Network],
    ask: Callable[[], Verdict],
    *,
    domain: Polyhedron | None = None,
    runs: dict[str, Network] | None = None,
) -> Outcome:
    """Ask, write the certificate if one is wanted, and say what was found.

    Where that is decided on a box, also how far float32 runs can be from the exact networks: `runs`, or all `nets`.
    """
    start = time.perf_counter()
    verdict = ask()
    log(options, f"decided in {time.perf_counter() - start:.2f} s")
    details = [f"  {line}" for line in _refutation(options.command, verdict)]
    written = certified(options, verdict, details)
    rounding = FloatRuns() if verdict.status == "unknown" else float_runs(options, domain, runs or nets, start)
    details += rounding.lines
    document = report(
        options,
        verdict.status,
        start,
        question=verdict.question,
        reason=verdict.reason,
        domain=getattr(options, "domain", None),
        slice=getattr(options, "slice", None),
        tolerance=rational_text(as_fraction(getattr(options, "tolerance", 0))),
        counterexample=texts(verdict.counterexample),
        values=None if verdict.values is None else {k: texts(v) for k, v in zip("fg", verdict.values, strict=True)},
        float32_error=rounding.document,
        models=models(nets),
        certificate=written,
    )
    on = [f"  f{'' if len(nets) == 1 else ' and g'} on the slice {line(options.slice)}"] if document["slice"] is not None else []
    return Outcome(CODES[verdict.status], verdict.sentence, document, [*on, *details])


def certified(options: argparse.Namespace, verdict: Verdict, details: list[str]) -> str | None:
    """Write the certificate if one is wanted, and say so; its path."""
    if options.certificate is None:
        return None
    if verdict.certificate is None:
        log(options, f"no certificate written to {options.certificate}: the verdict is unknown")
        return None
    written = str(verdict.certificate.save(options.certificate))
    details.append(certificate_line(written))
    return written


def texts(numbers: tuple[Fraction, ...] | None) -> list[str] | None:
    """Numbers as JSON has them: "p/q"."""
    return None if numbers is None else [rational_text(q) for q in numbers]


def models(nets: dict[str, Network]) -> dict[str, Any]:
    """Which files were read."""
    sources = {name: net.source for name, net in nets.items()}
    return {
        name: None
        if s is None
        else {"path": s.path, "sha256": s.sha256, "format": s.format, "raw": s.raw}
        | ({"data": {d.path: d.sha256 for d in s.data}} if s.data else {})
        for name, s in sources.items()
    }


def shortened(transformation: Transformation, width: int = 160) -> str:
    """A transformation in one line."""
    text = repr(transformation)
    return text if len(text) <= width else text[: width - 4] + " ..."


def _refutation(command: str, verdict: Verdict) -> list[str]:
    """The point, and at each output that differs (the first few) both exact values."""
    if verdict.counterexample is None:
        return []
    lines = [f"at x = {point_text(verdict.counterexample)}"]
    if verdict.values is None:  # smooth networks
        return [*lines, "the values there are irrational; the certificate has enclosures that keep them apart"]
    other = "T(f)(x)" if command == "symmetry verify" else "g(x)"
    pairs = list(zip(*verdict.values, strict=True))
    differing = [j for j, (a, b) in enumerate(pairs) if a != b]
    for j in differing[:3]:
        a, b = pairs[j]
        place = f"output {j}: " if len(pairs) > 1 else ""
        compared = "" if command == "zero" else f", {other} = {short(b)}, difference {short(a - b)}"
        lines.append(f"{place}f(x) = {short(a)}{compared}")
    if len(differing) > 3:
        lines.append(f"outputs that differ: {listed([str(j) for j in differing], 20)}")
    return lines
