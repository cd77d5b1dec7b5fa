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
from exactnn.errors import ArgumentError, Incomplete, NotOneHiddenLayer, NotRational
from exactnn.exact.numbers import as_fraction
from exactnn.network import Network
from exactnn.symmetry import Fibre, WeightSymmetry

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
    from exactnn.symmetry import align
    from exactnn.verify import verify_equal

    limit = time_limit(options)
    check_target(options.certificate, "--certificate", [options.f, options.g])
    f, g = load(options, options.f, options.g)
    found = answer(options, {"f": f, "g": g}, lambda: verify_equal(f, g, time_limit=limit))
    transformation = align(f, g)
    steps = None if transformation is None else transformation.steps(f)
    kinds = [_STEPS[kind] for kind in _STEPS if any(step["kind"] == kind for step in steps or ())]
    status, reason = found.document["status"], found.document["reason"]
    details = [*found.details]
    if transformation is not None:
        details.insert(0, f"  T(f) = g, parameter by parameter, with T = {shortened(transformation)}")
    document = {**found.document, "transformation": steps, "relation": None}
    if status == "unknown":
        return Outcome(found.code, found.headline, document, details)
    if status == "refuted":
        headline = f"REFUTED: f and g are different functions (real arithmetic). {reason}"
        if kinds:
            details.insert(1, f"  this {' and '.join(kinds)} changes the function")
        return Outcome(found.code, headline, {**document, "relation": "different functions"}, details)
    relation, how = _relation(f, g, kinds if steps is not None else None)
    details.insert(0, f"  f = g on all of R^{f.input_dim}: {reason}")
    return Outcome(found.code, f"PROVED: f = g, {how} (real arithmetic)", {**document, "relation": relation}, details)


def _relation(f: Network, g: Network, kinds: list[str] | None) -> tuple[str, str]:
    """How two networks with one function are related, in a word and in words; `kinds` of a transformation that leads from f to g."""
    known, other = _shallow(f), _shallow(g)
    elsewhere = _elsewhere(known, other, g)
    if kinds is not None:
        if not kinds:
            return "same weights", "and they have the same weights"
        whole = " and ".join([", ".join(f"a {kind}" for kind in kinds[:-1]), f"a {kinds[-1]}"] if len(kinds) > 1 else [f"a {kinds[0]}"])
        text = f"and {whole} of neurons {'leads' if len(kinds) == 1 else 'lead'} from f to g"
        if "flip" not in kinds:
            return "orbit", text
        return ("other orbit", f"{text}: g lies in another orbit than f") if elsewhere else ("flip", text)
    text = "but no permutation, scaling or flip was found"
    if len(f.hidden_layers) != len(g.hidden_layers):
        sizes = f"{len(f.hidden_layers)} and {len(g.hidden_layers)}"
        return "other depth", f"{text}: they have different numbers of hidden layers, {sizes}"
    if known is None or other is None:
        return "not found", f"{text} that leads from f to g"
    if _activation(known) != _activation(other):
        return "other activation", f"{text}: they have different activations, {_name(known)} and {_name(other)}"
    if known.width != other.width:
        return "other width", f"{text}: they have different widths, {known.width} and {other.width} neurons"
    if elsewhere:
        return "other orbit", f"{text}: g lies in another orbit than f, in the same fibre"
    return "orbit", "and g lies in the orbit of f: they differ in neurons' order and scale, and in how the affine layers are written"


def _shallow(net: Network) -> Fibre | None:
    """Its fibre, for one hidden layer."""
    from exactnn.symmetry import fibre

    try:
        return fibre(net)
    except NotOneHiddenLayer:
        return None


def _elsewhere(known: Fibre | None, other: Fibre | None, g: Network) -> bool:
    """Whether g, a network like f, lies in another orbit."""
    if known is None or other is None or known.width != other.width or _activation(known) != _activation(other):
        return False
    return known.is_elsewhere(g)


def _activation(known: Fibre) -> tuple[object, ...]:
    """phi: equal for equal functions, whatever they are called."""
    layer = known.layer
    return known.family, layer.jump, layer.ratio, None if known.family == "homogeneous" else _name(known)


def _name(known: Fibre) -> str:
    operation = known.layer.activation
    return str(getattr(operation, "name", operation.kind))
