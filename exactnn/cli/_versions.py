"""--version: the program, and the versions of what it computes with; --completion: a script for a shell."""

from __future__ import annotations

import argparse
from typing import Any

from exactnn.errors import MissingDependency


class Version(argparse.Action):
    """Print versions and end; torch and z3 are not imported for that."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from exactnn.cli._outcome import versions

        names = {"python": "Python", "python-flint": "FLINT (python-flint)", "z3-solver": "z3"}
        print("\n".join(f"{names.get(name, name)} {version}" for name, version in versions().items()))
        parser.exit()


class Completion(argparse.Action):
    """Print a completion script, made by shtab from the whole parser."""

    def __call__(self, parser: argparse.ArgumentParser, _: Any, shell: Any, option: str | None = None) -> None:
        from exactnn.cli._main import whole_parser

        try:
            import shtab
        except ImportError as error:
            raise MissingDependency(f"{option}: it needs shtab, which is not installed; pip install 'exactnn[completion]'") from error
        whole = whole_parser()
        _files(whole, shtab.FILE)
        print(shtab.complete(whole, shell))
        parser.exit()


def _files(parser: argparse.ArgumentParser, complete: Any) -> None:
    """Names of files behind everything that takes a value, and is neither a choice nor a number."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _files(command, complete)
        elif action.nargs != 0 and action.choices is None and action.type is None:
            action.complete = complete  # type: ignore[attr-defined]  # shtab reads it
