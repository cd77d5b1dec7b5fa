"""What `symmetry find` and `search-zero` have in common: the files of what a search finds, and what is said at its end."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exactnn.cli._options import make_folder
from exactnn.cli._outcome import DONE, UNKNOWN, Outcome, line, report
from exactnn.network import Network
from exactnn.verdict import Certificate


def add_files(parser: Any) -> None:
    """--save and --smt2."""
    parser.add_argument("--smt2", metavar="OUT.smt2", help="write the question here, in SMT-LIB 2")
    parser.add_argument("--save", metavar="FOLDER", help="write the networks and their certificates here, in a new or empty folder")


def saved(folder: str | None, name: str, net: Network, certificate: Certificate | None) -> dict[str, str | None]:
    """The paths of a network and its certificate, after they were written; None without a folder."""
    from exactnn.export import save

    if folder is None:
        return {"file": None, "certificate": None}
    make_folder(folder)
    model, proof = (Path(folder) / f"{name}{end}.json" for end in ("", ".certificate"))
    save(net, model)
    return {"file": str(model), "certificate": None if certificate is None else str(certificate.save(proof))}


def ended(
    options: argparse.Namespace, search: Any, start: float, found: Sequence[Any], details: Sequence[str], stopped: str, **fields: Any
) -> Outcome:
    """The outcome of a search, which has `complete` and `summary`; `stopped` says what ended it early."""
    lines = [*details]
    if options.save is not None:
        lines.append(f"  networks and certificates: {line(options.save)}" if found else f"  nothing to write to {line(options.save)}")
    if options.smt2 is not None:
        lines.append(f"  the question in SMT-LIB 2: {line(options.smt2)}")
    told = {"count": len(found), "complete": search.complete, "summary": search.summary, "reason": stopped or None}
    files = {"saved": options.save, "smt2": options.smt2}
    document = report(options, "unknown" if stopped else "done", start, **told, **files, **fields)
    if stopped:
        return Outcome(UNKNOWN, f"UNKNOWN: {search.summary}. {stopped}", document, lines)
    return Outcome(DONE, f"{'FOUND' if found else 'NONE'}: {search.summary}", document, lines)
