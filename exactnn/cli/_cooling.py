"""`exactnn cooling identities` and `exactnn cooling check`: the gradient identities of Cooling, listed, and checked on a model and data."""

from __future__ import annotations

import argparse
import math
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exactnn.cli._arrays import reading
from exactnn.cli._options import CERTIFICATE, LIMIT, add_output, add_raw, check_target, load
from exactnn.cli._outcome import CODES, DONE, Outcome, certificate_line, line, log, report
from exactnn.cli._points import read_csv, read_npy
from exactnn.errors import ArgumentError, AssumptionBroken, LoadError, ShapeError
from exactnn.exact.numbers import as_fraction, rational_text
from exactnn.exact.progress import counted

if TYPE_CHECKING:
    from exactnn.cooling import Measurement
    from exactnn.exact.array import RationalArray
    from exactnn.network import Network
    from exactnn.verdict import Verdict

_DATA = (
    "data: a .csv file with a point and then its class on each line, numbers like -1, 0.1 or 1/3 taken exactly, no header; a .npy array of "
    "such rows; or an .npz file with arrays inputs and labels"
)


def add_identities(parser: argparse.ArgumentParser) -> None:
    """cooling identities."""
    parser.description = "The gradient identities of Cooling, what each assumes, and whether it is compared exactly or in balls."
    add_output(parser)
    parser.set_defaults(run=_identities)


def add_check(parser: argparse.ArgumentParser) -> None:
    """cooling check MODEL DATA."""
    parser.description = (
        "Checks identities on a model and data: exactly where both sides are rational, else in balls; "
        "or looks at them in float64, with a bound on what rounding explains."
    )
    parser.add_argument("f", metavar="MODEL", help="a model: .onnx, .nnet or exact .json; its outputs are the logits")
    parser.add_argument("data", metavar="DATA", help=_DATA)
    parser.add_argument("--identity", metavar="NAME", action="append", help="this identity, I1 to I27 (all); once for each")
    parser.add_argument(
        "--float64",
        action="store_true",
        help="a fast look without a certificate: how far sides are apart, and what rounding explains of it",
    )
    parser.add_argument("--precision", metavar="Q", help="how far apart sides that are enclosed in balls may be (1e-60)")
    parser.add_argument("--tau", metavar="Q", help="the temperature that logits are multiplied by, for identities that have one (1)")
    parser.add_argument("--time-limit", metavar="SECONDS", help=LIMIT)
    parser.add_argument("--certificate", metavar="OUT.json", help=f"{CERTIFICATE}; with one --identity")
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=_check)


def _identities(options: argparse.Namespace) -> Outcome:
    from exactnn.cooling import identities

    rows = [
        {
            "name": i.name,
            "words": i.words,
            "latex": i.latex,
            "assumptions": list(i.assumptions),
            "exact": i.exact,
            "parameters": list(i.parameters),
        }
        for i in identities.values()
    ]
    return Outcome(
        DONE,
        f"{len(rows)} identities",
        report(options, "done", identities=rows),
        [f"  {identity.sentence}" for identity in identities.values()],
    )


def _check(options: argparse.Namespace) -> Outcome:
    from exactnn.cooling import identities, iterate_checks, iterate_measurements

    names = options.identity or list(identities)
    for name in names:
        if name not in identities:
            raise ArgumentError(f"--identity: one of {', '.join(identities)} is needed, got {name!r}")
    if options.certificate is not None and len(names) != 1:
        raise ArgumentError("--certificate: a certificate is about one identity; name it by --identity")
    check_target(options.certificate, "--certificate", [options.f, options.data])
    if options.float64:
        for option in ("certificate", "precision", "time_limit"):
            if getattr(options, option) is not None:
                raise ArgumentError(f"--{option.replace('_', '-')}: it is for checks that decide; leave it out, or --float64")
    precision, tau = as_fraction("1e-60" if options.precision is None else options.precision, "--precision"), options.tau
    parameters = {} if tau is None else {"tau": as_fraction(tau, "--tau")}
    (net,) = load(options, options.f)
    data = _data(options.data, net)
    start = time.perf_counter()
    if options.float64:
        looks = iterate_measurements(net, data, names=names, **parameters)
        return _measured(options, dict(counted("identities", looks, total=len(names), unit="identities")), start)
    limit = None if options.time_limit is None else as_fraction(options.time_limit, "--time-limit")
    checks = iterate_checks(net, data, names=names, precision=precision, time_limit=limit, **parameters)
    found = dict(counted("identities", checks, total=len(names), unit="identities"))
    log(options, f"decided in {time.perf_counter() - start:.2f} s")
    return _told(options, found, start, len(data[0]), precision)


def _told(
    options: argparse.Namespace, found: dict[str, Verdict | AssumptionBroken], start: float, count: int, precision: Fraction
) -> Outcome:
    if len(found) == 1 and isinstance(broken := next(iter(found.values())), AssumptionBroken):
        raise broken
    answers = {name: "refused" if isinstance(v, AssumptionBroken) else v.status for name, v in found.items()}
    tally = {status: sum(a == status for a in answers.values()) for status in ("proved", "refuted", "unknown", "refused")}
    status = "refuted" if tally["refuted"] else "unknown" if tally["unknown"] or not tally["proved"] else "proved"
    details, rows, written = [], [], None
    for name, verdict in found.items():
        reason = str(verdict) if isinstance(verdict, AssumptionBroken) else f"{verdict.question}. {verdict.reason}"
        text = reason if reason.startswith(name) else f"{name}: {reason}"
        details.append(f"  {answers[name].upper()} {line(text)}")
        rows.append({"name": name, "status": answers[name], "reason": reason})
        if options.certificate is not None and not isinstance(verdict, AssumptionBroken) and verdict.certificate is not None:
            written = str(verdict.certificate.save(options.certificate))
            details.append(certificate_line(written))
    others = ", ".join(f"{n} {word}" for word, n in tally.items() if n and word != "proved")
    headline = f"{status.upper()}: {tally['proved']} of {len(found)} identities hold at {count} points (real arithmetic)"
    document = report(options, status, start, identities=rows, precision=rational_text(precision), certificate=written)
    return Outcome(CODES[status], headline + (f"; {others}" if others else ""), document, details)


def _measured(options: argparse.Namespace, found: dict[str, Measurement | AssumptionBroken], start: float) -> Outcome:
    """A table: one line for each equation."""
    if len(found) == 1 and isinstance(broken := next(iter(found.values())), AssumptionBroken):
        raise broken
    answers = {name: "refused" if isinstance(m, AssumptionBroken) else m.outcome for name, m in found.items()}
    counts = {outcome: sum(a == outcome for a in answers.values()) for outcome in ("agrees", "differs", "open", "refused")}
    details: list[str] = []
    rows: list[dict[str, Any]] = []
    for name, m in found.items():
        if isinstance(m, AssumptionBroken):
            details.append(f"  {line(f'{name} {m}')}")
            rows.append({"name": name, "outcome": "refused", "reason": str(m)})
            continue
        details += [f"  {text}" for text in str(m).splitlines()]
        equations = [{**vars(e), **{key: _finite(getattr(e, key)) for key in ("largest", "bound", "size")}} for e in m.equations]
        rows.append({"name": name, "outcome": m.outcome, "unsure": m.unsure, "equations": equations})
    status = "refuted" if counts["differs"] else "unknown" if counts["open"] or not counts["agrees"] else "agrees"
    words = {"differs": "differ beyond it", "open": "not told apart", "refused": "refused"}
    others = "".join(f"; {counts[outcome]} {what}" for outcome, what in words.items() if counts[outcome])
    headline = f"{status.upper()}: {counts['agrees']} of {len(found)} identities agree within the rounding of float64{others}"
    code = DONE if status == "agrees" else CODES[status]
    return Outcome(code, headline, report(options, status, start, float64=True, identities=rows), details)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _data(path: str, net: Network) -> tuple[RationalArray, Any]:
    """Inputs and labels in a file."""
    with reading(f"DATA: {path}"):
        if not Path(path).is_file():
            raise LoadError("there is no such file")
        suffix = Path(path).suffix.lower()
        if suffix == ".npz":
            return _npz(path)
        if suffix not in (".csv", ".npy"):
            raise ArgumentError("a file that ends in .csv, .npy or .npz is needed")
        rows = read_csv(path) if suffix == ".csv" else read_npy(path)
        if rows.ndim != 2 or rows.shape[1] != net.input_dim + 1:
            raise ShapeError(f"rows of {net.input_dim} numbers and a class are needed, got shape {rows.shape}")
        return rows[:, :-1], rows[:, -1]


def _npz(path: str) -> tuple[RationalArray, RationalArray]:
    import numpy as np

    from exactnn.exact.array import RationalArray

    with np.load(path, allow_pickle=False) as arrays:
        if not {"inputs", "labels"} <= set(arrays):
            raise LoadError(f"arrays named inputs and labels are needed, got {', '.join(arrays) or 'none'}")
        return RationalArray.of(arrays["inputs"], "inputs"), RationalArray.of(arrays["labels"], "labels")
