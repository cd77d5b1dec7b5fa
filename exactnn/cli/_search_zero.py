"""`exactnn symmetry search-zero`: all zero networks within bounds, each with its formula, proved once more by `verify_zero`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from exactnn.cli._options import add_output, check_folder, check_target, make_folder
from exactnn.cli._outcome import DONE, UNKNOWN, Outcome, log, versions
from exactnn.errors import Incomplete
from exactnn.exact.numbers import as_fraction
from exactnn.network import Network


def add_search_zero(parser: argparse.ArgumentParser) -> None:
    """symmetry search-zero INPUTS NEURONS MAX_WEIGHT."""
    parser.description = (
        "All zero networks f(x) = c + sum a max(w . x + b, 0) with one hidden layer of NEURONS neurons and integers a, w, b of "
        "absolute value at most MAX_WEIGHT; one of each class under permutations and positive scalings of neurons, factors of the outputs, "
        "permutations and signs of the inputs. Each is proved once more, as by exactnn zero."
    )
    parser.add_argument("inputs", metavar="INPUTS", type=int, help="how many inputs")
    parser.add_argument("neurons", metavar="NEURONS", type=int, help="how many neurons")
    parser.add_argument("max_weight", metavar="MAX_WEIGHT", type=int, help="the largest absolute value of a weight or bias (c is free)")
    parser.add_argument("--outputs", metavar="M", type=int, default=1, help="how many outputs (1)")
    parser.add_argument(
        "--reducible",
        action="store_true",
        help="also networks with zero, constant or positively proportional neurons (irreducible ones only)",
    )
    parser.add_argument("--nonzero", action="store_true", help="only those whose weights, biases and c are all non-zero")
    parser.add_argument(
        "--fewest", action="store_true", help="only the smallest number of neurons, at most NEURONS, for which there is one"
    )
    parser.add_argument("--limit", metavar="N", type=int, help="stop after N networks")
    parser.add_argument("--solver", choices=("exact", "z3"), default="exact", help="how they are searched; both find the same (exact)")
    parser.add_argument("--save", metavar="FOLDER", help="write the networks and their certificates here, in a new or empty folder")
    parser.add_argument("--smt2", metavar="OUT.smt2", help="write the question here, in SMT-LIB 2")
    parser.add_argument("--time-limit", metavar="SECONDS", help="stop then, with what was found (no limit)")
    add_output(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Outcome:
    from exactnn.exact.files import write_text
    from exactnn.symmetry import search_zero

    start = time.perf_counter()
    check_target(options.smt2, "--smt2", [])
    check_folder(options.save)
    search = search_zero(
        options.inputs,
        options.neurons,
        options.max_weight,
        outputs=options.outputs,
        irreducible=not options.reducible,
        nonzero=options.nonzero,
        fewest=options.fewest,
        solver=options.solver,
        time_limit=None if options.time_limit is None else as_fraction(options.time_limit, "--time-limit"),
        limit=options.limit,
    )
    if options.smt2 is not None:
        write_text(options.smt2, search.smt2())
    networks: list[dict[str, Any]] = []
    stopped = ""
    try:
        for net in search:
            networks.append(_proved(net, len(networks) + 1, options.save))
            if len(networks) % 1000 == 0:
                log(options, f"{len(networks)} zero networks, {time.perf_counter() - start:.1f} s")
    except Incomplete as stop:
        stopped = str(stop).removeprefix("search_zero: ")
    seconds = time.perf_counter() - start
    log(options, f"searched in {seconds:.2f} s")
    details = [f"  {entry['formula']} = 0" for entry in networks]
    if networks:
        details.append(f"  each proved to be 0 on all of R^{options.inputs}, as by exactnn zero")
    if options.save is not None:
        details.append(f"  networks and certificates: {options.save}" if networks else f"  nothing to write to {options.save}")
    if options.smt2 is not None:
        details.append(f"  the question in SMT-LIB 2: {options.smt2}")
    document = {
        "status": "unknown" if stopped else "done",
        "command": options.command,
        "semantics": "real",
        "inputs": options.inputs,
        "neurons": options.neurons,
        "max_weight": options.max_weight,
        "outputs": options.outputs,
        "irreducible": not options.reducible,
        "nonzero": options.nonzero,
        "fewest": options.fewest,
        "solver": options.solver,
        "count": len(networks),
        "complete": search.complete,
        "summary": search.summary,
        "reason": stopped or None,
        "networks": networks,
        "saved": options.save,
        "smt2": options.smt2,
        "seconds": round(seconds, 6),
        "versions": versions(),
    }
    if stopped:
        return Outcome(UNKNOWN, f"UNKNOWN: {search.summary}. {stopped}", document, details)
    return Outcome(DONE, f"{'FOUND' if networks else 'NONE'}: {search.summary}", document, details)


def _proved(net: Network, number: int, folder: str | None) -> dict[str, Any]:
    """What is said about a network, after verify_zero has proved that it is zero, and its files are written."""
    from exactnn.export import save
    from exactnn.symmetry.zero_networks import formula, parameters
    from exactnn.verify import verify_zero

    verdict = verify_zero(net)
    if verdict.status != "proved" or verdict.certificate is None:
        raise AssertionError(f"a network that was found is not proved to be zero: {formula(net)}: {verdict}")
    entry: dict[str, Any] = {"formula": formula(net), **parameters(net), "file": None, "certificate": None}
    if folder is not None:
        make_folder(folder)
        model, certificate = (Path(folder) / f"zero-{number:04d}{end}.json" for end in ("", ".certificate"))
        save(net, model)
        verdict.certificate.save(certificate)
        entry.update(file=str(model), certificate=str(certificate))
    return entry
