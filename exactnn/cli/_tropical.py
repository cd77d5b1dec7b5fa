"""`exactnn tropical F`: a network as a tropical rational map, in full or at data points; as a file for other systems, as a picture."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exactnn.cli import _domain
from exactnn.cli._options import add_output, add_raw, check_apart, check_target, load
from exactnn.cli._options import domain as read_domain
from exactnn.cli._outcome import DONE, UNKNOWN, Outcome, certificate_line, line, log, report
from exactnn.cli._picture import check_picture, write_picture
from exactnn.cli._points import HELP as POINTS
from exactnn.cli._points import read_points
from exactnn.cli._questions import models
from exactnn.cli._slice import add_slice, place
from exactnn.cli._words import in_options
from exactnn.errors import ArgumentError, Incomplete, ShapeError
from exactnn.exact.files import write_text
from exactnn.exact.numbers import as_fraction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from exactnn.exact.polyhedron import Polyhedron
    from exactnn.network import Network
    from exactnn.tropical import PointwiseMap, TropicalPolynomial, TropicalRationalMap

_SHOWN = 20  # outputs, at most, whose terms are told one by one
#: options of the full form, and of --at, that mean nothing for the other
_FULL = ("domain", "reduce", "max_regions", "checkpoint")


def add_tropical(parser: argparse.ArgumentParser) -> None:
    """tropical F."""
    parser.description = (
        "F = P - Q, tropical polynomials (maxima of affine functions) with exact coefficients: equal to the network everywhere, on a "
        "domain, or at data points (TropEx). -o and --plot write; without them and --format the form is only told."
    )
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    parser.add_argument("--domain", metavar="FILE|LO:HI", help=_domain.HELP)
    add_slice(parser)
    parser.add_argument("--at", metavar="POINTS", help=f"TropEx: one exact term for each data point, output and sign. {POINTS}")
    parser.add_argument("--reduce", action="store_true", help="fewer terms: a minimal or an irreducible decomposition (up to 6 inputs)")
    parser.add_argument("--unshifted", action="store_true", help="leave exponents as they are, negative ones too")
    group = parser.add_argument_group("what is written")
    group.add_argument(
        "-o", "--output", metavar="FILE", help="the form: .json .tex .sympy .smt2 .polymake .m2 .gfan .jl (docs/tropical-formats.md)"
    )
    group.add_argument("--format", metavar="SUFFIX", help="its format where FILE's suffix is none of these; without FILE, print the form")
    group.add_argument(
        "--plot", metavar="FILE", help="two inputs: the tropical curves of one output, or the decision boundary (.png, .pdf, .svg)"
    )
    group.add_argument("--certificate", metavar="OUT.json", help="with --at: that the form equals the network there, for exactnn check")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-regions", metavar="N", type=int, help="stop beyond N regions")
    limits.add_argument("--time-limit", metavar="SECONDS", help="stop then (no limit); nothing is written")
    limits.add_argument("--checkpoint", metavar="FILE", help="keep finished parts here, and go on from there if the file exists")
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=_tropical)


def _tropical(options: argparse.Namespace) -> Outcome:
    from exactnn.tropical import TropicalRationalMap

    suffix = _checked(options)
    limit = None if options.time_limit is None else as_fraction(options.time_limit, "--time-limit")
    domain = read_domain(options)
    (net,) = load(options, options.f)
    if options.plot is not None and net.input_dim != 2:
        raise ShapeError(f"--plot: a network with 2 inputs is needed, got {net.input_dim}")
    points = None if options.at is None else read_points(options.at, net)
    start = time.perf_counter()
    try:
        form = _full(options, net, domain, limit) if points is None else _at(options, net, points, limit)
        axes = None if options.plot is None else _drawn(form)
    except Incomplete as stopped:
        reason = f"{in_options(str(stopped))}; nothing was written"
        details = [f"  reached: {_summary(stopped.partial)}"] if isinstance(stopped.partial, TropicalRationalMap) else []
        document = report(options, "unknown", start, **_given(options, net), **_counts(stopped.partial), reason=reason)
        return Outcome(UNKNOWN, f"UNKNOWN: the tropical form {_place(options, net)}: {reason}", document, details)
    return _told(options, net, form, start, _written(options, form, suffix, axes))


def _checked(options: argparse.Namespace) -> str | None:
    """The format of the form, if it is to be written; what does not go together is refused before any work."""
    inputs = [options.f, *(p for p in (options.at, options.domain) if p is not None)]
    for option in ("output", "checkpoint", "certificate"):
        check_target(getattr(options, option), f"--{option}", inputs)
    check_picture(options.plot, "--plot", inputs)
    check_apart(options, "output", "plot", "certificate", "checkpoint")
    if options.at is not None:
        for name in _FULL:
            value = getattr(options, name)
            if value is not None and value is not False:
                raise ArgumentError(f"--{name.replace('_', '-')}: only for the form on a whole domain; leave it out, or leave out --at")
    elif options.certificate is not None:
        raise ArgumentError("--certificate: only with --at, where it says that form and network are equal at the points; leave it out")
    if options.max_regions is not None and options.max_regions < 0:
        raise ArgumentError(f"--max-regions: a number >= 0 is needed, got {options.max_regions}")
    return _format(options)


def _format(options: argparse.Namespace) -> str | None:
    from exactnn.tropical.formats import FORMATS

    known = ", ".join(FORMATS)
    named = None if options.format is None else f".{options.format.lower().removeprefix('.')}"
    if named is not None and named not in FORMATS:
        raise ArgumentError(f"--format: one of {known} is needed, got {options.format!r}")
    if options.output is None:
        return named
    own = Path(options.output).suffix.lower()
    if own in FORMATS:
        if named not in (None, own):
            raise ArgumentError(f"--format: {own} as --output {options.output!r} ends, or no --format, is needed, got {options.format!r}")
        return own
    if named is None:
        raise ArgumentError(f"--output: a name that ends in one of {known} is needed, or --format with one of them, got {options.output!r}")
    return named


def _full(options: argparse.Namespace, net: Network, domain: Polyhedron | None, limit: Any) -> TropicalRationalMap:
    from exactnn.tropical import extract

    start = time.perf_counter()
    form = extract(
        net,
        domain,
        nonnegative=not options.unshifted,
        checkpoint=options.checkpoint,
        max_regions=options.max_regions,
        time_limit=limit,
    )
    log(options, f"extracted in {time.perf_counter() - start:.2f} s: {_summary(form)}")
    if not options.reduce:
        return form
    left = None if limit is None else max(round(limit - as_fraction(time.perf_counter() - start), 3), as_fraction(0))
    try:
        reduced = form.reduce(max_regions=options.max_regions, time_limit=left)
    except Incomplete as stopped:
        raise Incomplete(f"{stopped}, in the reduction; without --reduce the form is complete", form) from None
    log(options, f"reduced in {time.perf_counter() - start:.2f} s: {_summary(reduced)}")
    return reduced


def _at(options: argparse.Namespace, net: Network, points: Any, limit: Any) -> PointwiseMap:
    from exactnn.tropical import extract_at

    start = time.perf_counter()
    form = extract_at(net, points, nonnegative=not options.unshifted, time_limit=limit)
    log(options, f"extracted in {time.perf_counter() - start:.2f} s: {_summary(form)}")
    return form


def _drawn(form: TropicalRationalMap) -> Axes:
    from exactnn.exact.polyhedron import Box
    from exactnn.tropical import plot, plot_decision_boundary

    if form.output_dim > 1:
        return plot_decision_boundary(form)
    from matplotlib import pyplot

    window = None
    if form.domain is not None and form.domain.is_bounded():
        corners = form.domain.in_dimension(2).vertices()
        window = Box([min(p[j] for p in corners) for j in (0, 1)], [max(p[j] for p in corners) for j in (0, 1)])
    figure, rows = pyplot.subplots(2, 2, figsize=(11, 10.4), layout="constrained")
    for name, polynomial, axes in zip("PQ", (form.numerators[0], form.denominators[0]), rows, strict=True):
        for ax in plot(polynomial, axes=tuple(axes), window=window):
            ax.set_title(f"{name}: {ax.get_title()}")
    figure.suptitle("f = P - Q")
    first: Axes = rows[0][0]
    return first


def _written(options: argparse.Namespace, form: TropicalRationalMap, suffix: str | None, axes: Axes | None) -> dict[str, Any]:
    """Write what is asked for, all of it made before the first file: what the JSON document says of it."""
    from exactnn.tropical.formats import text

    made = None if suffix is None else text(form, suffix)
    certificate = None if options.certificate is None else form.certificate  # type: ignore[attr-defined]  # with --at only
    if made is not None and options.output is not None:
        write_text(options.output, made)
    if axes is not None:
        write_picture(axes, options.plot)
    if certificate is not None:
        certificate.save(options.certificate)
    printed = {} if options.output is not None or made is None else {"text": made}
    return {"format": suffix, "output": options.output, "plot": options.plot, "certificate": options.certificate, **printed}


def _told(options: argparse.Namespace, net: Network, form: TropicalRationalMap, start: float, written: dict[str, Any]) -> Outcome:
    document = report(options, "done", start, **_given(options, net), **_counts(form), **written)
    if "text" in written:
        return Outcome(DONE, written["text"].removesuffix("\n"), document)
    pairs = list(zip(form.numerators, form.denominators, strict=True))
    details = [f"  F{j} = P{j} - Q{j}, P{j} = {_short(p)}, Q{j} = {_short(q)}" for j, (p, q) in enumerate(pairs[:_SHOWN])]
    details += [f"  ... ({len(pairs)} outputs in all)"] if len(pairs) > _SHOWN else []
    details += [f"  form: {line(options.output)}"] if options.output is not None else []
    details += [f"  picture: {line(options.plot)}"] if options.plot is not None else []
    details += [certificate_line(options.certificate)] if options.certificate is not None else []
    return Outcome(DONE, f"DONE: the tropical form {line(_place(options, net))}: {_summary(form)}", document, details)


def _place(options: argparse.Namespace, net: Network) -> str:
    if options.at is not None:
        return f"at the points of {options.at}{place(options)}"
    return (f"on {options.domain}" if options.domain is not None else f"on all of R^{net.input_dim}") + place(options)


def _summary(form: TropicalRationalMap) -> str:
    """How many regions and terms, and the kind of decomposition."""
    counts = _counts(form)
    tops, bottoms = counts["terms"]["numerators"], counts["terms"]["denominators"]
    number = f"{counts['points']} points" if counts["points"] is not None else f"{counts['regions']} regions"
    shared = len({id(q) for q in form.denominators}) == 1 and len(tops) > 1
    below = f"{bottoms[0]} in the denominator of all" if shared else f"{_list(bottoms)} in the denominator{'s' * (len(tops) > 1)}"
    kind = "" if counts["points"] is not None else f"; decomposition: {form.decomposition}"
    words = (
        f"{number.removesuffix('s') if number.startswith('1 ') else number}, terms: {_list(tops)} in the numerator{'s' * (len(tops) > 1)}"
    )
    return f"{words}, {below}{kind}"


def _short(polynomial: TropicalPolynomial, width: int = 100) -> str:
    text = str(polynomial)
    return text if len(text) <= width else f"max of {len(polynomial)} terms"


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:_SHOWN])) + (f", ... ({len(numbers)} in all)" if len(numbers) > _SHOWN else "")


def _given(options: argparse.Namespace, net: Network) -> dict[str, Any]:
    return {
        "domain": options.domain,
        "slice": options.slice,
        "at": options.at,
        "unshifted": options.unshifted,
        "models": models({"f": net}),
    }


def _counts(form: Any) -> dict[str, Any]:
    """Regions or points, terms, decomposition; all None without a form (a limit was reached at once)."""
    from exactnn.tropical import PointwiseMap, TropicalRationalMap

    if not isinstance(form, TropicalRationalMap):
        return {"regions": None, "points": None, "terms": None, "decomposition": None}
    return {
        "regions": None if isinstance(form, PointwiseMap) else len(form.regions),
        "points": form.count if isinstance(form, PointwiseMap) else None,
        "terms": {"numerators": [len(p) for p in form.numerators], "denominators": [len(q) for q in form.denominators]},
        "decomposition": form.decomposition,
    }
