"""The parser of every command: errors that show the usage of the command they are about, and guess what was meant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

_WORDS = (
    (r"^argument (\S+): invalid int value: (.*)$", r"\1: a whole number is needed, got \2"),
    (r"^argument (\S+): expected one argument$", r"\1: a value is needed behind it"),
    (r"^argument (\S+): invalid choice: (.*) \(choose from (.*)\)$", r"\1: one of \3 is needed, got \2"),
    (r"^argument (\S+): ", r"\1: "),
    (r"^the following arguments are required: ", "missing: "),
    (r"^unrecognized arguments: ", "no option or argument of this command: "),
)


class UsageError(Exception):
    """Wrong usage; `usage` is how the command is used, `command` its words."""

    def __init__(self, message: str, parser: argparse.ArgumentParser) -> None:
        super().__init__(message)
        self.usage = parser.format_usage()
        self.command = parser.prog


class _Paragraphs(argparse.HelpFormatter):
    """Empty lines of a text stay."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(super(_Paragraphs, self)._fill_text(part, width, indent) for part in text.split("\n\n"))


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"formatter_class": _Paragraphs, **kwargs})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse, but what a command does not know is the command's error, and not the program's."""
        found, rest = super().parse_known_args(args, namespace)
        if rest and self._subparsers is None:
            self.error(f"unrecognized arguments: {' '.join(rest)}{self._meant(rest)}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Raise it, in words of the command line."""
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        advice = "" if choice is None else _near(choice[1], re.findall(r"[\w.-]+", choice[2]))
        for pattern, words in _WORDS:
            message = re.sub(pattern, words, message, count=1)
        raise UsageError(message + advice, self)

    def _meant(self, rest: Sequence[str]) -> str:
        known = [option for action in self._actions for option in action.option_strings]
        return next((advice for word in rest if (advice := _near(word.partition("=")[0], known)) and word.startswith("-")), "")


def _near(word: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(word, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""
