"""The parser, and what every command has in common: errors, interrupts, the output."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from collections.abc import Sequence

from exactnn._version import __version__
from exactnn.cli._align import add_align
from exactnn.cli._fibre import add_fibre, add_orbits
from exactnn.cli._files import add_check, add_convert, add_info
from exactnn.cli._find import add_find
from exactnn.cli._normal_form import add_normal_form
from exactnn.cli._options import in_options, joined
from exactnn.cli._outcome import BAD_INPUT, INTERRUPTED, UNKNOWN, Outcome, hushed
from exactnn.cli._pairs import add_deviation, add_same_decision
from exactnn.cli._poles import add_poles
from exactnn.cli._questions import add_equal, add_verify, add_zero
from exactnn.cli._regions import add_regions
from exactnn.cli._search_zero import add_search_zero
from exactnn.errors import ExactnnError

_EPILOG = (
    "Exit status: 0 proved or done, 1 refuted, 2 wrong usage or input, 3 unknown, 4 certificate rejected. "
    "The first line of stdout is the answer; progress goes to stderr. All answers are about real arithmetic."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (see `exactnn --help`)."""
    try:
        options = _parser().parse_args(joined(sys.argv[1:] if arguments is None else arguments))
    except SystemExit as stop:  # argparse has printed its message
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    try:
        with hushed(options.quiet):
            outcome: Outcome = options.run(options)
    except ExactnnError as error:
        outcome = _failure(BAD_INPUT, type(error).__name__, in_options(str(error)))
    except MemoryError:
        outcome = _failure(UNKNOWN, "MemoryError", "not enough memory; nothing was decided")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    try:
        return _show(outcome, options)
    except (OSError, AttributeError, ValueError) as error:  # stdout is full, closed, or not there at all: no code but 2 may come of it
        _complain(f"exactnn: the answer could not be written: {error}")
        return BAD_INPUT


def _complain(message: str) -> None:
    """To stderr if there is one; and stdout, that failed, is not written to again at exit."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        print(message, file=sys.stderr)
    with contextlib.suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exactnn",
        description="Exact, certified answers about the functions that trained neural networks compute.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"exactnn {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    add_equal(commands)
    add_zero(commands)
    add_deviation(commands)
    add_same_decision(commands)
    symmetry = commands.add_parser("symmetry", help="transformations of the weights that keep the function", allow_abbrev=False)
    group = symmetry.add_subparsers(title="commands", dest="subcommand", metavar="COMMAND", required=True)
    add_verify(group)
    add_normal_form(group)
    add_align(group)
    add_orbits(group)
    add_fibre(group)
    add_find(group)
    add_search_zero(group)
    regions = commands.add_parser("regions", help="the linear regions of a network: count, list, plot", allow_abbrev=False)
    areas = regions.add_subparsers(title="commands", dest="subcommand", metavar="COMMAND", required=True)
    add_regions(areas)
    add_poles(commands)
    add_info(commands)
    add_check(commands)
    add_convert(commands)
    for prefix, whole in (("", commands), ("symmetry ", group), ("regions ", areas)):
        for name, command in whole.choices.items():
            command.epilog = _EPILOG
            if prefix:
                command.set_defaults(command=prefix + name)
    return parser


def _failure(code: int, kind: str, message: str) -> Outcome:
    return Outcome(code, "", {"status": "error", "error": kind, "message": message})


def _show(outcome: Outcome, options: argparse.Namespace) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names in a model may hold anything
    if outcome.document.get("status") == "error":
        print(f"exactnn: {outcome.document['message']}", file=sys.stderr)
    try:
        if options.json and outcome.document:
            print(json.dumps(outcome.document))
        elif outcome.headline:
            print("\n".join([outcome.headline, *(() if options.quiet else outcome.details)]))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has left; the exit code still answers
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return outcome.code
