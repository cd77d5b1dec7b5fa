"""The command line of the checker."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from typing import Any

from ._check import Accepted, examine
from ._numbers import BudgetExceeded, Rejected, Unreadable
from .telling import about, sentence, told, trusted

ACCEPTED, UNREADABLE, NOT_DECIDED, REJECTED = 0, 2, 3, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one certificate; the first line of the output is the verdict."""
    parser = argparse.ArgumentParser(
        prog="python -m exactnn.certificate",
        description="Re-check a certificate of exactnn, trusting nothing but this program and the model files.",
        epilog="Exit status: 0 accepted, 4 rejected, 3 not decided within the budget, 2 a file cannot be read or wrong usage.",
    )
    parser.add_argument("certificate", metavar="FILE", help="the certificate (JSON, or that compressed by gzip)")
    parser.add_argument("moved", metavar="MODEL", nargs="*", help="model files that are no longer where the certificate names them")
    parser.add_argument("--model", metavar="FILE", nargs="+", action="extend", default=[], help="the same, as an option")
    parser.add_argument("--budget", metavar="N", type=_budget, default=1, help="N times the work that a certificate may usually ask for")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names in a certificate may hold anything
    try:
        accepted = examine(options.certificate, [*options.moved, *options.model], None, options.budget)
    except (OSError, Unreadable) as error:
        print(error if isinstance(error, Unreadable) else f"cannot read {options.certificate!r}: {error.strerror}", file=sys.stderr)
        return UNREADABLE
    except (Rejected, BudgetExceeded) as error:
        verdict = "rejected" if isinstance(error, Rejected) else "not decided"
        if options.json:
            print(json.dumps({"verdict": verdict, "step": error.step, "reason": error.reason}))
        elif verdict == "rejected":
            print(f"rejected: {error}")
        else:
            print(f"NOT DECIDED: {error}")
            print("  this is no rejection: the checker ended at a limit; --budget 10 gives it ten times as much work and memory")
        return REJECTED if verdict == "rejected" else NOT_DECIDED
    if options.json:
        print(json.dumps(_summary(accepted)))
        return ACCEPTED
    print(f"accepted: {sentence(accepted)} (real arithmetic)")
    for name, model in accepted.models.items():
        print(f"  {name}: {_line(model.source)}, sha256 {model.sha256}")
    print(f"  {trusted(accepted)}")
    return ACCEPTED


def _budget(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 100 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"a whole number >= 1, of at most 100 digits, is needed, got {text[:30]!r}")
    return int(text)


def _line(text: str) -> str:
    """The text with its control characters escaped, so that a path cannot write lines of its own."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _summary(accepted: Accepted) -> dict[str, Any]:
    claim = accepted.claim
    return {
        "verdict": "accepted",
        "statement": sentence(accepted),
        "semantics": "real arithmetic",
        "question": claim.question,
        "answer": claim.answer,
        "claim": claim.written,
        **about(accepted),
        "models": {name: told(model) for name, model in accepted.models.items()},
        "trusted": trusted(accepted),
    }
