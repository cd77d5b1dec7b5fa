"""`exactnn symmetry find`: the weight-dependent symmetries of one network, or how two networks with one function are related.

One file: other weights of the same width with the same function, to which no permutations and scalings of neurons lead. Two files: are
they the same up to permutation and scaling, and if not, are they the same function?
"""

from __future__ import annotations

import argparse
import time
from typing import Any, Literal

from exactnn.cli._fibre import naming, neurons_text, time_limit
from exactnn.cli._found import add_files, ended, saved
from exactnn.cli._options import add_output, add_raw, check_folder, check_target, load
from exactnn.cli._outcome import Outcome, line, log
from exactnn.cli._questions import answer, models, shortened, texts
from exactnn.cli._words import in_options
from exactnn.errors import ArgumentError, Incomplete, NotRational
from exactnn.exact.numbers import as_fraction
from exactnn.network import Network
from exactnn.symmetry import WeightSymmetry
from exactnn.verdict import Verdict

#: the options of a search, which are about one model, and that of a comparison of two
_ONE = ("solver", "max_weight", "max_changes", "limit", "smt2", "save")
_TWO = ("certificate",)
_STEPS = {"permutation": "permutation", "scaling": "positive scaling", "sign_flip": "sign flip", "flip": "flip"}


def add_find(parser: argparse.ArgumentParser) -> None:
    """symmetry find F [G]."""
    parser.description = (
        "With one model, of one hidden layer: other weights of the same width with its function, in other orbits under "
        "permutations and positive scalings of neurons, each proved equal as by exactnn equal. With two models, of any depth: are they the "
        "same up to permutation, scaling and flips of neurons, and if not, are they the same function? PROVED: f = g, and how they are "
        "related. REFUTED: they are different functions."
    )
    parser.add_argument("f", metavar="F", help="a model: .onnx, .nnet or exact .json")
    parser.add_argument("g", metavar="G", nargs="?", help="another one, with as many inputs and outputs")
    one = parser.add_argument_group("with one model")
    one.add_argument(
        "--solver", choices=("z3", "exact"), help="z3, or exact: flips only (exact for reduced weights, where there are no others; else z3)"
    )
    one.add_argument("--max-weight", metavar="Q", help="only outgoing weights up to Q, on hyperplanes written with coprime integers")
    one.add_argument("--max-changes", metavar="N", type=int, help="only N hyperplanes have neurons on other sides than they had")
    one.add_argument("--limit", metavar="N", type=int, help="stop after N")
    add_files(one)
    two = parser.add_argument_group("with two models")
    two.add_argument(
        "--certificate", metavar="OUT.json", help="write the certificate of f = g, or that they differ, here, for exactnn check"
    )
    parser.add_argument("--time-limit", metavar="SECONDS", help="stop then, with what was found, or with the verdict UNKNOWN (no limit)")
    add_raw(parser)
    add_output(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Outcome:
    refused, needed = (_TWO, "two models") if options.g is None else (_ONE, "one model")
    for name in refused:
        if getattr(options, name) is not None:
            given = f"only {line(options.f)} is" if options.g is None else f"{line(options.f)} and {line(options.g)} are"
            more = "; --save FOLDER writes a certificate for each network that is found" if options.g is None else ""
            raise ArgumentError(f"--{name.replace('_', '-')}: this is an option of symmetry find with {needed}, but {given} given{more}")
    return _one(options) if options.g is None else _two(options)


# --- one model ---------------------------------------------------------------------------------------------------------------


def _one(options: argparse.Namespace) -> Outcome:
    from exactnn.exact.files import write_text
    from exactnn.symmetry import fibre, search

    limit = time_limit(options)
    weight = None if options.max_weight is None else as_fraction(options.max_weight, "--max-weight")
    if weight is not None and weight <= 0:
        raise ArgumentError(f"--max-weight: a positive number is needed, got {options.max_weight}")
    for name, number in (("--max-changes", options.max_changes), ("--limit", options.limit)):
        if number is not None and number < 1:
            raise ArgumentError(f"{name}: a number >= 1 is needed, got {number}")
    check_target(options.smt2, "--smt2", [options.f])
    check_folder(options.save)
    (f,) = load(options, options.f)
    start = time.perf_counter()
    with naming(options.f):
        reduced = fibre(f).is_reduced
        solver: Literal["z3", "exact"] = options.solver or ("exact" if reduced else "z3")
        found = search(f, solver=solver, max_weight=weight, max_changes=options.max_changes, time_limit=limit)
    if options.smt2 is not None:
        write_text(options.smt2, found.smt2())
    entries: list[dict[str, Any]] = []
    details: list[str] = []
    stopped = ""
    try:
        while options.limit is None or len(entries) < options.limit:
            symmetry = next(found, None)
            if symmetry is None:
                break
            entries.append(_proved(f, symmetry, len(entries) + 1, options.save))
            details.append(f"  {_described(symmetry)}")
            if len(entries) % 1000 == 0:
                log(options, f"{len(entries)} found, {time.perf_counter() - start:.1f} s")
    except (Incomplete, NotRational) as stop:
        stopped = in_options(str(stop))
    log(options, f"searched in {time.perf_counter() - start:.2f} s")
    unproved = sum(entry["status"] != "proved" for entry in entries)
    if unproved:
        stopped = f"{unproved} of them are not proved to equal f" + (f"; {stopped}" if stopped else "")
    elif entries:
        details.append(f"  each proved to equal f on all of R^{f.input_dim}, as by exactnn equal")
    elif found.complete and not reduced:
        details.append("  exactnn symmetry fibre tells whether there are other weights of the same type: continuous families")
    if solver == "exact" and found.complete:
        details.append(
            f"  {'reduced weights have no others than flips' if reduced else 'others than flips were not searched: --solver z3'}"
        )
    asked = {"solver": solver, "max_weight": options.max_weight, "max_changes": options.max_changes, "limit": options.limit}
    return ended(options, found, start, entries, details, stopped, symmetries=entries, models=models({"f": f}), **asked)


def _proved(f: Network, symmetry: WeightSymmetry, number: int, folder: str | None) -> dict[str, Any]:
    """What --json says of other weights, after verify_equal was asked about them, and their files are written."""
    from exactnn.symmetry import fibre
    from exactnn.verify import verify_equal

    verdict = verify_equal(f, symmetry.network)
    if verdict.refuted:
        raise AssertionError(f"weights that were found have another function: {verdict}; please report this")
    layer = fibre(symmetry.network).layer
    return {
        "status": verdict.status,
        "flips": None if symmetry.flips is None else list(symmetry.flips),
        "W": [texts(layer.weight[i].to_fractions()) for i in range(layer.width)],
        "b": texts(layer.bias.to_fractions()),
        "a": [texts(layer.outgoing[j].to_fractions()) for j in range(len(layer.outgoing))],
        "c": texts(layer.constant.to_fractions()),
        **saved(folder, f"symmetry-{number:04d}", symmetry.network, verdict.certificate),
    }


def _described(symmetry: WeightSymmetry) -> str:
    """A line about it."""
    from exactnn.symmetry import fibre
    from exactnn.symmetry.zero_networks import formula

    if symmetry.flips is not None:
        return f"flip {neurons_text(symmetry.flips)}"
    layer = fibre(symmetry.network).layer
    text = "neurons split, merged or moved"
    if layer.family == "homogeneous" and not layer.activation_slope and layer.jump == 1 and layer.width * layer.weight.shape[1] <= 24:
        return f"{text}: {formula(symmetry.network)}"
    return text


# --- two models --------------------------------------------------------------------------------------------------------------


def _two(options: argparse.Namespace) -> Outcome:
    from exactnn.symmetry import Relation, relate

    limit = time_limit(options)
    check_target(options.certificate, "--certificate", [options.f, options.g])
    f, g = load(options, options.f, options.g)
    related: list[Relation] = []

    def ask() -> Verdict:
        related.append(relate(f, g, time_limit=limit))
        return related[0].verdict

    found = answer(options, {"f": f, "g": g}, ask)
    (relation,) = related
    steps = None if relation.leads is None else relation.leads.steps(f)
    details = [*found.details]
    if relation.leads is not None:
        details.insert(0, f"  T(f) = g, parameter by parameter, with T = {shortened(relation.leads)}")
    decided = relation.kind != "unknown"
    document = {**found.document, "transformation": steps, "relation": relation.detail if decided else None}
    if not decided:
        return Outcome(found.code, found.headline, document, details)
    if relation.kind == "different":
        if steps:
            kinds = [_STEPS[kind] for kind in _STEPS if any(step["kind"] == kind for step in steps)]
            details.insert(1, f"  this {' and '.join(kinds)} changes the function")
        return Outcome(found.code, f"REFUTED: {relation.words} (real arithmetic). {relation.verdict.reason}", document, details)
    details.insert(0, f"  f = g on all of R^{f.input_dim}: {relation.verdict.reason}")
    return Outcome(found.code, f"PROVED: {relation.words} (real arithmetic)", document, details)
