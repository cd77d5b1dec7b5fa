"""The words of the command line: before argparse sees them, and in messages of the library."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: options whose value may begin with a minus sign
_SIGNED = (
    "--domain",
    "--tolerance",
    "--time-limit",
    "--interval",
    "--window",
    "--numerator",
    "--denominator",
    "--linear",
    "--fraction",
    "--gap",
)
#: arguments of Python functions in messages, and the options that they are here
_OPTIONS = (
    ("dtype='float64'", "--dtype float64"),
    ("rounding=True", "--rounding"),
    ("raw=True", "--raw"),
    ("is named by ignore_label", "is named by --ignore-label"),
    (" (.partial)", ""),
    ("; `partial` is the map of these", ""),
)
_ARGUMENT = re.compile(
    r"^(dtype|tolerance|gap|time_limit|domain|numerator|denominator|formula|basis|linear|fraction|epsilon|max_regions|executor|checkpoint|"
    r"class_axis|ignore_label|bins|digits)"
    r"s?(?=: |\[)"
)
#: the others are options of the same name
_NAMES = {"executor": "workers"}


def in_options(message: str) -> str:
    """A message of the library in the words of the command line."""
    for argument, option in _OPTIONS:
        message = message.replace(argument, option)
    return _ARGUMENT.sub(lambda match: f"--{_NAMES.get(match[1], match[1].replace('_', '-'))}", message)


def joined(arguments: Sequence[str]) -> list[str]:
    """`--domain -1:1` as `--domain=-1:1`: argparse would take the value for an option."""
    result: list[str] = []
    for argument in arguments:
        if result and result[-1] in _SIGNED and re.match(r"-[\d.]", argument):
            result[-1] = f"{result[-1]}={argument}"
        else:
            result.append(argument)
    return result
