"""The parser, and what every command has in common: errors, interrupts, the output."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from exactnn.cli._outcome import BAD_INPUT, INTERRUPTED, UNKNOWN, Outcome, hushed, report
from exactnn.cli._parser import Parser, UsageError
from exactnn.cli._versions import Completion, Version
from exactnn.cli._words import in_options, joined, spaced
from exactnn.errors import ExactnnError, Incomplete, LoadError

_EPILOG = (
    "Exit status: 0 proved or done, 1 refuted, 2 wrong usage or input, 3 unknown or not decided, 4 certificate rejected. "
    "The first line of stdout is the answer; progress goes to stderr. All answers are about real arithmetic."
)
#: what a command does, the module here that carries it out, the function there that adds its arguments, and an example
Command = tuple[str, str, str, str]
_SYMMETRY: dict[str, Command] = {
    "verify": (
        "does a transformation of the weights keep the function?",
        "_questions",
        "add_verify",
        "f.onnx --permutation 2,0,1 --certificate proof.json",
    ),
    "normal-form": (
        "the normal form of a network with one hidden layer: equal hashes exactly for equal functions",
        "_normal_form",
        "add_normal_form",
        "f.onnx --json",
    ),
    "align": (
        "a transformation that takes the weights of one network to those of another",
        "_align",
        "add_align",
        "f.onnx g.onnx --save T.json",
    ),
    "orbits": (
        "all sets of neurons that can be flipped without a change of the function",
        "_fibre",
        "add_orbits",
        "f.onnx --time-limit 60",
    ),
    "fibre": (
        "all weights of the same width with the same function: one orbit? which families? could it be narrower?",
        "_fibre",
        "add_fibre",
        "f.onnx --save other-weights",
    ),
    "find": (
        "other weights with the function of F; or how F and G with one function are related",
        "_find",
        "add_find",
        "f.onnx --limit 10 --save found",
    ),
    "search-zero": ("all networks within bounds that are zero everywhere", "_search_zero", "add_search_zero", "2 3 1 --time-limit 60"),
}
_REGIONS: dict[str, Command] = {
    "count": (
        "how many linear regions there are, exactly",
        "_regions",
        "add_count",
        "f.onnx --domain -1:1 --slice points.csv --certificate count.json",
    ),
    "list": ("the regions, one JSON object a line", "_regions", "add_list", "f.onnx --domain -1:1 --output regions.jsonl"),
    "plot": (
        "a picture of the regions of a network with 1 or 2 inputs, or of a slice",
        "_regions",
        "add_plot",
        "f.onnx --domain -1:1 --output regions.png",
    ),
}
_COOLING: dict[str, Command] = {
    "identities": ("the gradient identities of Cooling, and what each assumes", "_cooling", "add_identities", "--json"),
    "check": (
        "do they hold for a model and data? exactly, or in balls",
        "_cooling",
        "add_check",
        "f.onnx data.csv --identity I1 --certificate proof.json",
    ),
}
_COMMANDS: dict[str, Command | tuple[str, dict[str, Command]]] = {
    "equal": (
        "are two networks the same function, or within a tolerance of each other?",
        "_questions",
        "add_equal",
        "f.onnx g.onnx --domain -1:1 --tolerance 1/1000 --certificate proof.json",
    ),
    "zero": ("is a network zero everywhere, or within a tolerance?", "_questions", "add_zero", "f.onnx --domain -1:1"),
    "deviation": (
        "how far apart are two networks on a domain? a bracket, with its proof",
        "_pairs",
        "add_deviation",
        "f.onnx g.onnx --domain -1:1 --time-limit 60",
    ),
    "same-decision": (
        "are the same outputs maximal at every input, or everywhere on a domain?",
        "_pairs",
        "add_same_decision",
        "f.onnx g.onnx --domain box.vnnlib",
    ),
    "run-error": (
        "how far can a run in floats be from the exact network, at most, on a box?",
        "_run_error",
        "add_run_error",
        "f.onnx --domain -1:1 --dtype float32",
    ),
    "symmetry": ("transformations of the weights that keep the function", _SYMMETRY),
    "regions": ("the linear regions of a network: count, list, plot", _REGIONS),
    "tropical": (
        "the network as a tropical rational map: in full, fewer terms, at data points; as a file or picture",
        "_tropical",
        "add_tropical",
        "f.onnx --domain -1:1 --output form.json",
    ),
    "poles": (
        "have rational activations real poles? how near are the nearest, how large are values and slopes",
        "_poles",
        "add_poles",
        "--numerator 0,1 --denominator 1,0,1",
    ),
    "calibrate": (
        "the temperature of logits with the least loss, with proved bounds, and calibration errors",
        "_calibrate",
        "add_calibrate",
        "logits.npy labels.npy --plot diagram.png",
    ),
    "cooling": ("the gradient identities of Cooling: list, check", _COOLING),
    "report": (
        "one page of what is known of a network, or of two: facts, verdicts, certificates",
        "_report",
        "add_report",
        "f.onnx g.onnx --domain -1:1 --certificate proofs",
    ),
    "info": ("what is in a model file", "_files", "add_info", "f.onnx"),
    "check": ("re-check a certificate with the standalone checker", "_files", "add_check", "proof.json f.onnx g.onnx"),
    "convert": ("write a model in another format, without rounding unless asked", "_files", "add_convert", "f.onnx f.json"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (see `exactnn --help`)."""
    words = joined(sys.argv[1:] if arguments is None else arguments)
    options = argparse.Namespace(json="--json" in words, quiet="--quiet" in words, command=None)
    outcome: Outcome
    try:
        options = _parser(words).parse_args(words)
        outcome = _answered(options)
    except SystemExit as stop:  # argparse has printed what was asked for
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    except UsageError as wrong:
        message = f"{wrong}{spaced(words)}; {wrong.command} --help tells more"
        outcome = _failure("UsageError", message, usage=wrong.usage)
    except ExactnnError as error:
        advice = spaced(words) if isinstance(error, LoadError) else ""
        outcome = _failure(type(error).__name__, in_options(str(error)) + advice)
    except KeyboardInterrupt:  # before there was any work
        outcome = Outcome(INTERRUPTED, "", {"status": "interrupted", "command": options.command, "message": "interrupted", "reached": None})
    try:
        return _show(outcome, options)
    except (OSError, AttributeError, ValueError) as error:  # stdout is full, closed, or not there at all: no code but 2 may come of it
        _complain(f"exactnn: the answer could not be written: {error}")
        return BAD_INPUT


def _answered(options: argparse.Namespace) -> Outcome:
    """The outcome of a command, which may have been stopped; in the words of the command line."""
    from exactnn.cli._progress import watched

    with hushed(options.quiet), watched(options) as watch:
        try:
            outcome: Outcome = options.run(options)
        except Incomplete as stopped:  # before there was anything to say
            outcome = Outcome(UNKNOWN, f"UNKNOWN: {stopped}", report(options, "unknown", reason=str(stopped)))
        except MemoryError:
            return _failure("MemoryError", "not enough memory; nothing was decided", code=UNKNOWN)
        except KeyboardInterrupt:
            return watch.interrupted()
    reason = outcome.document.get("reason")
    if not isinstance(reason, str):
        return outcome
    told = in_options(reason)
    return replace(outcome, headline=outcome.headline.replace(reason, told), document={**outcome.document, "reason": told})


def _complain(message: str) -> None:
    """To stderr if there is one; and stdout, that failed, is not written to again at exit."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        print(message, file=sys.stderr)
    with contextlib.suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def whole_parser() -> argparse.ArgumentParser:
    """The parser with the arguments of all commands."""
    return _parser([*_COMMANDS, *_SYMMETRY, *_REGIONS, *_COOLING])


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = Parser(
        prog="exactnn",
        description="Exact, certified answers about the functions that trained neural networks compute.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print the versions of the program and of what it computes with")
    shells = ("bash", "zsh", "tcsh")
    parser.add_argument("--completion", action=Completion, choices=shells, help="print a completion script for this shell")
    _add_commands(parser, _COMMANDS, words, "")
    return parser


def _add_commands(parser: argparse.ArgumentParser, table: Mapping[str, tuple[Any, ...]], words: Sequence[str], prefix: str) -> None:
    """All commands of a table; arguments only of those that may have been asked for, whose modules alone are imported."""
    commands = parser.add_subparsers(title="commands", dest="subcommand" if prefix else "command", metavar="COMMAND", required=True)
    for name, (what, *rest) in table.items():
        example = f"Example: exactnn {prefix}{name} {rest[2]}\n\n" if len(rest) == 3 else ""
        command = commands.add_parser(name, help=what, allow_abbrev=False, epilog=f"{example}{_EPILOG}")
        match rest:
            case [dict() as group]:
                _add_commands(command, group, words, f"{name} ")
            case [module, function, _] if name in words:
                getattr(import_module(f"exactnn.cli.{module}"), function)(command)
                command.set_defaults(command=prefix + name)


def _failure(kind: str, message: str, *, code: int = BAD_INPUT, **fields: Any) -> Outcome:
    return Outcome(code, "", {"status": "error", "error": kind, "message": message, **fields})


def _show(outcome: Outcome, options: argparse.Namespace) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names in a model may hold anything
    if outcome.document.get("status") in ("error", "interrupted"):
        print(f"{outcome.document.get('usage', '')}exactnn: {outcome.document['message']}", file=sys.stderr)
    try:
        if options.json and outcome.document:
            print(json.dumps(outcome.document))
        elif outcome.headline:
            print("\n".join([outcome.headline, *(() if options.quiet else outcome.details)]))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has left; the exit code still answers
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return outcome.code
