"""`exactnn regions count`, `list` and `plot`: the linear regions of a network, or of its restriction to a slice."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path
from typing import IO, Any

from exactnn.cli import _domain
from exactnn.cli._options import add_output, add_raw, check_apart, check_target, load
from exactnn.cli._options import domain as read_domain
from exactnn.cli._outcome import DONE, UNKNOWN, Outcome, certificate_line, log, report
from exactnn.cli._picture import check_picture, write_picture
from exactnn.cli._questions import models, texts
from exactnn.cli._slice import add_slice, place
from exactnn.cli._workers import workers
from exactnn.errors import ArgumentError, Incomplete, SaveError, Undecided
from exactnn.exact.numbers import as_fraction, rational_text
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network
from exactnn.regions import Region

_DEFINITIONS = ("activation", "pattern", "convex", "connected", "closed-connected", "affine")


def add_count(parser: argparse.ArgumentParser) -> None:
    """regions count F."""
    _add_common(parser, time="no limit; 120 beyond 6 inputs, unless --max-regions, --workers or --checkpoint are given")
    parser.add_argument("--definition", choices=_DEFINITIONS, default="activation", help="what counts as a region (activation)")
    _add_method(parser)
    parser.add_argument("--workers", metavar="N", type=int, help="count in N processes")
    parser.add_argument("--checkpoint", metavar="FILE", help="keep finished parts here, and go on from there if the file exists")
    parser.add_argument(
        "--certificate", metavar="OUT.json", help="write a certificate of the number of activation regions, for exactnn check"
    )
    parser.set_defaults(run=_count)


def add_list(parser: argparse.ArgumentParser) -> None:
    """regions list F."""
    _add_common(parser)
    _add_method(parser)
    parser.add_argument("--output", metavar="FILE", help="write there instead of to stdout")
    parser.set_defaults(run=_list)


def add_plot(parser: argparse.ArgumentParser) -> None:
    """regions plot F."""
    _add_common(parser, "20,000")
    parser.add_argument("--output", metavar="FILE", required=True, help="the picture: .png, .pdf or .svg")
    parser.add_argument(
        "--colour", "--color", choices=("affine", "class", "active", "region"), default="affine", help="what colours tell (affine)"
    )
    parser.set_defaults(run=_plot)


def _add_method(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", choices=("auto", "lattice", "search"), default="auto", help="how regions are found (auto)")


def _add_common(parser: argparse.ArgumentParser, most: str = "no limit", time: str = "no limit") -> None:
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    parser.add_argument("--domain", metavar="FILE|LO:HI", help=_domain.HELP)
    add_slice(parser)
    parser.add_argument("--max-regions", metavar="N", type=int, help=f"stop beyond N regions ({most})")
    parser.add_argument("--time-limit", metavar="SECONDS", help=f"stop then, with what was found ({time})")
    add_raw(parser)
    add_output(parser)


def _asked(options: argparse.Namespace) -> tuple[Network, Polyhedron | None, dict[str, Any]]:
    """The network that is asked about, the domain, and the limits."""
    (net,) = load(options, options.f)
    domain = read_domain(options)
    if options.max_regions is not None and options.max_regions < 0:
        raise ArgumentError(f"--max-regions: a number >= 0 is needed, got {options.max_regions}")
    limit = options.time_limit
    limits = {"max_regions": options.max_regions, "time_limit": None if limit is None else as_fraction(limit, "--time-limit")}
    return net, domain, limits


def _document(options: argparse.Namespace, net: Network, start: float, status: str, **fields: Any) -> dict[str, Any]:
    return report(options, status, start, domain=options.domain, slice=options.slice, models=models({"f": net}), **fields)


def _place(options: argparse.Namespace, net: Network) -> str:
    where = f"on {options.domain}" if options.domain is not None else f"on all of R^{net.input_dim}"
    return where + place(options)


def _count(options: argparse.Namespace) -> Outcome:
    from exactnn.regions import count

    if options.certificate is not None and options.definition != "activation":
        raise ArgumentError(f"--certificate: for activation regions only, got --definition {options.definition}; leave one of the two out")
    check_target(options.certificate, "--certificate", [options.f])
    check_target(options.checkpoint, "--checkpoint", [options.f])
    check_apart(options, "checkpoint", "certificate")
    net, domain, limits = _asked(options)
    start = time.perf_counter()
    kind = f"linear regions ({options.definition}) {_place(options, net)}"
    document: dict[str, Any] = {"definition": options.definition, "count": None}
    try:
        with workers(options.workers) as executor:
            found = count(
                net,
                domain,
                definition=options.definition,
                method=options.method,
                executor=executor,
                checkpoint=options.checkpoint,
                **limits,
            )
    except (Incomplete, Undecided) as stopped:
        if isinstance(stopped, Undecided):
            document |= {"lower": stopped.lower, "upper": stopped.upper}
        else:
            document["partial"] = stopped.partial if isinstance(stopped.partial, int) else None
        document = _document(options, net, start, "unknown", reason=str(stopped), **document)
        return Outcome(UNKNOWN, f"UNKNOWN: the number of {kind}: {stopped}", document)
    log(options, f"counted in {time.perf_counter() - start:.2f} s")
    details = []
    written = None
    if options.certificate is not None:
        written = _certified(options, net, domain, limits, found)
        details.append(certificate_line(written))
    document = _document(options, net, start, "done", **{**document, "count": found}, certificate=written)
    return Outcome(DONE, f"{found} {kind.replace('regions', 'region', 1) if found == 1 else kind}", document, details)


def _certified(options: argparse.Namespace, net: Network, domain: Polyhedron | None, limits: dict[str, Any], count: int) -> str:
    from exactnn.verify import certified_region_count

    found = certified_region_count(net, domain, **limits)
    if found.value != count:
        raise AssertionError(f"two ways to count differ, {count} and {found.value}; please report this")
    return str(found.certificate.save(options.certificate))


def _list(options: argparse.Namespace) -> Outcome:
    from exactnn.exact.files import appearing

    check_target(options.output, "--output", [options.f])
    net, domain, limits = _asked(options)
    limits["method"] = options.method
    start = time.perf_counter()
    try:
        if options.output is not None:
            with appearing(options.output) as file:
                out = io.TextIOWrapper(file, encoding="utf-8")
                found, reason = _listed(net, domain, limits, out)
                out.detach()
        elif sys.stdout is None:
            raise SaveError("stdout: it is closed, so that the regions cannot be written; --output FILE writes them to a file")
        else:
            found, reason = _listed(net, domain, limits, sys.stdout)
            sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        return Outcome(DONE, "", {})
    except OSError as error:
        raise SaveError(f"stdout: the regions cannot be written: {error}; --output FILE writes them to a file") from None
    document = _document(options, net, start, "unknown" if reason else "done", count=found, output=options.output)
    log(options, f"{found} regions {_place(options, net)}{f'; INCOMPLETE: {reason}' if reason else ''}")
    headline = "" if options.output is None else f"{found} regions {_place(options, net)} written to {options.output}"
    if reason is not None:
        document["reason"] = reason
        headline = headline and f"UNKNOWN: {headline}; {reason}"
    return Outcome(UNKNOWN if reason else DONE, headline, document if options.output is not None else {})


def _listed(net: Network, domain: Polyhedron | None, limits: dict[str, Any], out: IO[str]) -> tuple[int, str | None]:
    """Write each region when it is found; their number, and what stopped the work if something did."""
    from exactnn.regions import iterate

    found = 0
    try:
        for region in iterate(net, domain, **limits):
            out.write(json.dumps(_region(region)) + "\n")
            found += 1
    except Incomplete as stopped:
        return found, str(stopped)
    return found, None


def _region(region: Region) -> dict[str, Any]:
    """A region as JSON, rationals as "p/q"."""
    matrix, constant = region.affine_map
    return {
        "pattern": region.pattern,
        "interior_point": texts(region.interior_point),
        "inequalities": [
            {
                "normal": [rational_text(as_fraction(v)) for v in i.normal],
                "offset": rational_text(as_fraction(i.offset)),
                "neurons": [[n.layer, n.index, n.part] for n in i.neurons],
            }
            for i in region.inequalities
        ],
        "affine_map": {"A": [texts(row) for row in matrix], "b": texts(constant)},
        "bounded": region.is_bounded,
    }


def _plot(options: argparse.Namespace) -> Outcome:
    from exactnn.regions import plot

    check_picture(options.output, "--output", [options.f])
    net, domain, limits = _asked(options)
    start = time.perf_counter()
    chosen = {k: v for k, v in limits.items() if v is not None}
    try:
        axes = plot(net, domain, colour=options.colour, title=_title(options), **_slice_points(options, net), **chosen)
    except Incomplete as stopped:
        document = _document(options, net, start, "unknown", output=None, reason=str(stopped))
        return Outcome(UNKNOWN, f"UNKNOWN: no picture of the regions {_place(options, net)}: {stopped}", document)
    write_picture(axes, options.output)
    document = _document(options, net, start, "done", output=options.output)
    return Outcome(DONE, f"DRAWN: the regions {_place(options, net)} in {options.output}", document)


def _title(options: argparse.Namespace) -> str:
    names = [Path(options.f).name, *([] if options.slice is None else [f"slice {Path(options.slice).name}"])]
    return ", ".join(names)


def _slice_points(options: argparse.Namespace, net: Network) -> dict[str, Any]:
    """On a slice without a domain the origin and what lies one direction from it: the points that the slice goes through."""
    d = net.input_dim
    shown = options.slice is not None and options.domain is None
    return {"points": [[int(i == j + 1) for j in range(d)] for i in range(d + 1)]} if shown else {}
