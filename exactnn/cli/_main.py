"""The parser, and what every command has in common: errors, interrupts, the output."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from exactnn._version import __version__
from exactnn.cli._outcome import BAD_INPUT, INTERRUPTED, UNKNOWN, Outcome, hushed, report
from exactnn.cli._words import in_options, joined
from exactnn.errors import ExactnnError, Incomplete

_EPILOG = (
    "Exit status: 0 proved or done, 1 refuted, 2 wrong usage or input, 3 unknown or not decided, 4 certificate rejected. "
    "The first line of stdout is the answer; progress goes to stderr. All answers are about real arithmetic."
)
#: what a command does, the module here that carries it out, and the function there that adds its arguments
Command = tuple[str, str, str]
_SYMMETRY: dict[str, Command] = {
    "verify": ("does a transformation of the weights keep the function?", "_questions", "add_verify"),
    "normal-form": (
        "the normal form of a network with one hidden layer: equal hashes exactly for equal functions",
        "_normal_form",
        "add_normal_form",
    ),
    "align": ("a transformation that takes the weights of one network to those of another", "_align", "add_align"),
    "orbits": ("all sets of neurons that can be flipped without a change of the function", "_fibre", "add_orbits"),
    "fibre": (
        "all weights of the same width with the same function: one orbit? which families? could it be narrower?",
        "_fibre",
        "add_fibre",
    ),
    "find": ("other weights with the function of F; or how F and G with one function are related", "_find", "add_find"),
    "search-zero": ("all networks within bounds that are zero everywhere", "_search_zero", "add_search_zero"),
}
_REGIONS: dict[str, Command] = {
    "count": ("how many linear regions there are, exactly", "_regions", "add_count"),
    "list": ("the regions, one JSON object a line", "_regions", "add_list"),
    "plot": ("a picture of the regions of a network with 1 or 2 inputs, or of a slice", "_regions", "add_plot"),
}
_COOLING: dict[str, Command] = {
    "identities": ("the gradient identities of Cooling, and what each assumes", "_cooling", "add_identities"),
    "check": ("do they hold for a model and data? exactly, or in balls", "_cooling", "add_check"),
}
_COMMANDS: dict[str, Command | tuple[str, dict[str, Command]]] = {
    "equal": ("are two networks the same function, or within a tolerance of each other?", "_questions", "add_equal"),
    "zero": ("is a network zero everywhere, or within a tolerance?", "_questions", "add_zero"),
    "deviation": ("how far apart are two networks on a domain? a bracket, with its proof", "_pairs", "add_deviation"),
    "same-decision": ("are the same outputs maximal at every input, or everywhere on a domain?", "_pairs", "add_same_decision"),
    "run-error": ("how far can a run in floats be from the exact network, at most, on a box?", "_run_error", "add_run_error"),
    "symmetry": ("transformations of the weights that keep the function", _SYMMETRY),
    "regions": ("the linear regions of a network: count, list, plot", _REGIONS),
    "tropical": (
        "the network as a tropical rational map: in full, fewer terms, at data points; as a file or picture",
        "_tropical",
        "add_tropical",
    ),
    "poles": ("have rational activations real poles? how near are the nearest, how large are values and slopes", "_poles", "add_poles"),
    "calibrate": (
        "the temperature of logits with the least loss, with proved bounds, and calibration errors",
        "_calibrate",
        "add_calibrate",
    ),
    "cooling": ("the gradient identities of Cooling: list, check", _COOLING),
    "info": ("what is in a model file", "_files", "add_info"),
    "check": ("re-check a certificate with the standalone checker", "_files", "add_check"),
    "convert": ("write a model in another format, without rounding unless asked", "_files", "add_convert"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (see `exactnn --help`)."""
    try:
        words = joined(sys.argv[1:] if arguments is None else arguments)
        options = _parser(words).parse_args(words)
    except SystemExit as stop:  # argparse has printed its message
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    try:
        with hushed(options.quiet):
            outcome: Outcome = options.run(options)
    except Incomplete as stopped:  # before there was anything to say
        outcome = Outcome(UNKNOWN, f"UNKNOWN: {stopped}", report(options, "unknown", reason=str(stopped)))
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


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exactnn",
        description="Exact, certified answers about the functions that trained neural networks compute.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"exactnn {__version__}")
    _add_commands(parser, _COMMANDS, words, "")
    return parser


def _add_commands(parser: argparse.ArgumentParser, table: Mapping[str, tuple[Any, ...]], words: Sequence[str], prefix: str) -> None:
    """All commands of a table; arguments only of those that may have been asked for, whose modules alone are imported."""
    commands = parser.add_subparsers(title="commands", dest="subcommand" if prefix else "command", metavar="COMMAND", required=True)
    for name, (what, *rest) in table.items():
        command = commands.add_parser(name, help=what, allow_abbrev=False, epilog=_EPILOG)
        match rest:
            case [dict() as group]:
                _add_commands(command, group, words, f"{name} ")
            case [module, function] if name in words:
                getattr(import_module(f"exactnn.cli.{module}"), function)(command)
                command.set_defaults(command=prefix + name)


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
