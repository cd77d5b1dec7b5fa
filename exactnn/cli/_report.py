"""`exactnn report F [G]`: one page of what is known of a network, or of two, each statement with its verdict."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from exactnn.cli import _domain
from exactnn.cli._float_runs import rounded_up
from exactnn.cli._options import add_output, add_raw, check_folder, domain, load, make_folder
from exactnn.cli._outcome import DONE, Outcome, between, line, log, point_text, report, short
from exactnn.cli._questions import models
from exactnn.cli._slice import add_slice, place
from exactnn.cli._weights import weights
from exactnn.cli._words import in_options
from exactnn.errors import ArgumentError, ExactnnError, NotOneHiddenLayer
from exactnn.exact.numbers import as_fraction
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.exact.progress import doing
from exactnn.network import Network
from exactnn.verdict import Certificate, Verdict

#: lines of a list that people are shown
_SHOWN = 5


@dataclass(frozen=True)
class Statement:
    """What is said, and how far it is known: "proved" and "refuted" with a certificate, "computed" exactly without one, or "unknown"."""

    topic: str
    verdict: str
    text: str
    proof: Certificate | None = None


@dataclass(frozen=True)
class _Asked:
    """The networks, where they are asked about, and the seconds for each statement."""

    f: Network
    g: Network | None
    domain: Polyhedron | None
    limit: Fraction


def add_report(parser: argparse.ArgumentParser) -> None:
    """report F [G]."""
    parser.description = (
        "What is known of F: its size and numbers, neurons that can go, whether its weights are reduced, how far float32 runs can be off; "
        "and of F and G: are they equal, how far apart, do they decide alike? PROVED and REFUTED have a certificate, COMPUTED is exact "
        "without one, UNKNOWN says why."
    )
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    parser.add_argument("g", metavar="G", nargs="?", help="another one, with as many inputs and outputs")
    parser.add_argument("--domain", metavar="FILE|LO:HI", help=_domain.HELP)
    add_slice(parser)
    parser.add_argument("--time-limit", metavar="SECONDS", default="20", help="for each statement (20)")
    parser.add_argument("--certificate", metavar="FOLDER", help="write the certificates here, in a new or empty folder")
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> Outcome:
    limit = as_fraction(options.time_limit, "--time-limit")
    if limit < 0:
        raise ArgumentError(f"--time-limit: seconds >= 0 are needed, got {options.time_limit}")
    check_folder(options.certificate, "--certificate")
    where = domain(options)
    f, *others = load(options, *(path for path in (options.f, options.g) if path is not None))
    asked = _Asked(f, others[0] if others else None, where, limit)
    start = time.perf_counter()
    found = []
    for topic, ask in _QUESTIONS:
        begun = time.perf_counter()
        with doing(topic):
            found += _said(topic, ask, asked)
        log(options, f"{topic}: {time.perf_counter() - begun:.2f} s")
    files = [_saved(options.certificate, number, one) for number, one in enumerate(found, 1)]
    rows = [
        {"topic": one.topic, "verdict": one.verdict, "statement": one.text, "certificate": file}
        for one, file in zip(found, files, strict=True)
    ]
    details = [
        f"  {one.verdict.upper():<9}{line(one.text)}" + (f" [{line(file)}]" if file else "") for one, file in zip(found, files, strict=True)
    ]
    nets = {"f": f} | ({} if asked.g is None else {"g": asked.g})
    document = report(
        options,
        "done",
        start,
        domain=options.domain,
        slice=options.slice,
        statements=rows,
        models=models(nets),
        certificates=options.certificate,
    )
    names = " and ".join(f"{name} = {path}" for name, path in (("f", options.f), ("g", options.g)) if path is not None)
    on = f" on {options.domain}" if options.domain is not None else ""
    return Outcome(DONE, line(f"REPORT: {names}{on}{place(options)} (real arithmetic)"), document, details)


def _said(topic: str, ask: Callable[[_Asked], Iterator[Statement]], asked: _Asked) -> list[Statement]:
    """The statements on a topic; what cannot be asked of these networks, or not in this time, is unknown, with the reason."""
    found = []
    try:
        for one in ask(asked):
            found.append(one)
    except ExactnnError as error:
        found.append(Statement(topic, "unknown", f"{topic}: {in_options(str(error))}"))
    return found


def _saved(folder: str | None, number: int, one: Statement) -> str | None:
    if folder is None or one.proof is None:
        return None
    make_folder(folder, "--certificate")
    return str(one.proof.save(Path(folder) / f"{number:02d}-{one.topic.replace(' ', '-')}.json"))


def _of(topic: str, verdict: Verdict, more: str = "") -> Statement:
    """A verdict in a line."""
    text = f"{verdict.question}: {in_options(verdict.reason)}{more}"
    if verdict.counterexample is not None:
        text += f"; at x = {point_text(verdict.counterexample)}"
    return Statement(topic, verdict.status, text, verdict.certificate)


# --- questions, in the order of the page -----------------------------------------------------------------------------------


def _nets(asked: _Asked) -> list[tuple[str, Network]]:
    return [("f", asked.f)] + ([] if asked.g is None else [("g", asked.g)])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _neurons(net: Network) -> int:
    return sum(math.prod(net.shape(name)) for name in net.hidden_layers)


def _size(asked: _Asked) -> Iterator[Statement]:
    for name, net in _nets(asked):
        kind = "piecewise linear" if net.is_piecewise_linear else "not piecewise linear"
        sides = f"{_count(net.input_dim, 'input')}, {_count(net.output_dim, 'output')}"
        size = f"{sides}, {_count(len(net.hidden_layers), 'hidden layer')} with {_count(_neurons(net), 'neuron')}"
        yield Statement("size", "computed", f"{name}: {size}, {kind}; {weights(net)}")


def _simpler(asked: _Asked) -> Iterator[Statement]:
    """Dead, constant and proportional neurons, and affine maps that become one."""
    from exactnn.network.rewrite import simplify
    from exactnn.verify import verify_equal

    for name, net in _nets(asked):
        found = simplify(net)
        if not found.witness:
            yield Statement("neurons that can go", "computed", f"{name}: no exact rewriting makes it smaller")
            continue
        steps = found.witness.describe().splitlines()
        listed = "; ".join(steps[:_SHOWN]) + (f"; ... ({len(steps)} steps)" if len(steps) > _SHOWN else "")
        verdict = verify_equal(net, found.network, time_limit=asked.limit)
        size = (
            f"{_neurons(found.network)} neurons in place of {_neurons(net)}, {len(found.network.order)} nodes in place of {len(net.order)}"
        )
        text = f"{name} = a network with {size} ({listed})"
        if not verdict.proved:
            text += f": {in_options(verdict.reason)}"
        yield Statement("neurons that can go", verdict.status, text, verdict.certificate)


def _reduced(asked: _Asked) -> Iterator[Statement]:
    """For one hidden layer."""
    from exactnn.symmetry import fibre

    for name, net in _nets(asked):
        try:
            known = fibre(net, time_limit=asked.limit)
        except NotOneHiddenLayer:
            continue
        state = "reduced" if known.is_reduced else f"not reduced: {'; '.join(known.not_reduced[:_SHOWN])}"
        yield Statement("weights", "computed", f"{name}: one hidden layer, its weights are {state}")


def _poles(asked: _Asked) -> Iterator[Statement]:
    from exactnn.verify import rational_activations, verify_pole_free

    for name, net in _nets(asked):
        if rational_activations(net):
            verdict = verify_pole_free(net)
            yield Statement("poles", verdict.status, f"{name}: {verdict.question}: {in_options(verdict.reason)}", verdict.certificate)


def _runs(asked: _Asked) -> Iterator[Statement]:
    from exactnn.difference import execution_error

    if not isinstance(asked.domain, Box) or any(net.source is not None and net.source.slice is not None for _, net in _nets(asked)):
        return
    for name, net in _nets(asked):
        found = execution_error(net, domain=asked.domain, time_limit=asked.limit)
        text = f"{name}: a float32 run is within {rounded_up(found.upper)} of the exact network on the box"
        yield Statement("float32 runs", "proved", text, found.certificate)


def _equal(asked: _Asked) -> Iterator[Statement]:
    from exactnn.verify import verify_equal

    if asked.g is not None:
        yield _of("equality", verify_equal(asked.f, asked.g, domain=asked.domain, time_limit=asked.limit))


def _deviation(asked: _Asked) -> Iterator[Statement]:
    from exactnn.verify import max_deviation

    if asked.g is None or asked.domain is None:
        return
    found = max_deviation(asked.f, asked.g, domain=asked.domain, time_limit=asked.limit)
    low, high = between(found.lower, found.upper)
    text = f"max |f - g| = {short(found.upper)}" if found.is_exact else f"{low} <= max |f - g| <= {high}"
    attained = "attained" if found.is_exact else "the lower end is attained"
    yield Statement("deviation", "proved", f"{text}; {attained} at x = {point_text(found.point)}", found.certificate)


def _decisions(asked: _Asked) -> Iterator[Statement]:
    from exactnn.verify import verify_same_decision

    if asked.g is not None and asked.f.output_dim > 1:
        yield _of("decisions", verify_same_decision(asked.f, asked.g, domain=asked.domain, time_limit=asked.limit))


_QUESTIONS: tuple[tuple[str, Callable[[_Asked], Iterator[Statement]]], ...] = (
    ("size", _size),
    ("neurons that can go", _simpler),
    ("weights", _reduced),
    ("poles", _poles),
    ("float32 runs", _runs),
    ("equality", _equal),
    ("deviation", _deviation),
    ("decisions", _decisions),
)
