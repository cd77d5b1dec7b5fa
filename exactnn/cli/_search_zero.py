"""`exactnn symmetry search-zero`: all zero networks within bounds, each with its formula, proved once more by `verify_zero`."""

from __future__ import annotations

import argparse
import time
from typing import Any

from exactnn.cli._found import add_files, ended, saved
from exactnn.cli._options import add_output, check_folder, check_target
from exactnn.cli._outcome import Outcome, log
from exactnn.errors import Incomplete
from exactnn.exact.numbers import as_fraction
from exactnn.exact.progress import counted
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
    add_files(parser)
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
        for net in counted("searching", search, unit="zero networks"):
            networks.append(_proved(net, len(networks) + 1, options.save))
            if len(networks) % 1000 == 0:
                log(options, f"{len(networks)} zero networks, {time.perf_counter() - start:.1f} s")
    except Incomplete as stop:
        stopped = str(stop).removeprefix("search_zero: ")
    log(options, f"searched in {time.perf_counter() - start:.2f} s")
    details = [f"  {entry['formula']} = 0" for entry in networks]
    if networks:
        details.append(f"  each proved to be 0 on all of R^{options.inputs}, as by exactnn zero")
    asked = {name: getattr(options, name) for name in ("inputs", "neurons", "max_weight", "outputs", "nonzero", "fewest", "solver")}
    return ended(options, search, start, networks, details, stopped, networks=networks, irreducible=not options.reducible, **asked)


def _proved(net: Network, number: int, folder: str | None) -> dict[str, Any]:
    """What is said about a network, after verify_zero has proved that it is zero, and its files are written."""
    from exactnn.symmetry.zero_networks import formula, parameters
    from exactnn.verify import verify_zero

    verdict = verify_zero(net)
    if verdict.status != "proved" or verdict.certificate is None:
        raise AssertionError(f"a network that was found is not proved to be zero: {formula(net)}: {verdict}")
    return {"formula": formula(net), **parameters(net), **saved(folder, f"zero-{number:04d}", net, verdict.certificate)}
