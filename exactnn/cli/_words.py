"""The words of the command line: before argparse sees them, and in messages of the library."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import combinations

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
#: what messages of the library say about Python, and what stands for it here
_PHRASES = (
    (r"dtype='float64'", "--dtype float64"),
    (r"rounding=True", "--rounding"),
    (r"raw=True", "--raw"),
    (r"method='search'", "--method search"),
    (r"is named by ignore_label", "is named by --ignore-label"),
    (r" \(\.partial\)|; `partial` is the map of these", ""),
    (r" \(from mlp, load or from_torch\)", ""),
    (r", or None(?: \([^)]*\)| for [a-z ]+)?,? (is|are) needed", r" \1 needed"),
    (r"; give a time_limit for a longer search", "; --time-limit SECONDS makes the search longer"),
    (
        r"give a time_limit for a longer one, a smaller domain \(.*\), or count on a slice: exactnn\.regions\.restrict\(.*\)",
        "give --time-limit SECONDS for a longer one, a smaller --domain, or count on a slice: --slice FILE",
    ),
    (r" \(exactnn\.network\.rewrite\.fold_affine\)", ""),
    (r", or verdict\.certificate\.save\(path\)", ""),
    (
        r"take coordinates in it with exactnn\.regions\.restrict\(.*\.affine_hull\(\)",
        "--slice FILE, with points of it, gives coordinates in it",
    ),
    (r"take a slice with exactnn\.regions\.restrict\(.*\), and plot that", "take a slice by --slice FILE"),
    (r"go over to its affine hull first, by \.compose\(\)", "--slice FILE, with points of it, gives coordinates in it"),
    (r"exactnn\.regions\.restrict", "--slice FILE"),
    (r"a Box \(xn\.Box\(lower, upper\)\) is needed, got [^;]*", "a box is needed, LO:HI or bounds in a file, but this is none"),
    (r"for an unbounded domain use Polyhedron\(A, b\)", 'for an unbounded domain write {"A": ..., "b": ...}'),
    (r"the network's input_dim", "one for each input"),
    (r"use net\.to_torch\(\) for floats, or ask", "ask"),
    (r"ask about values with net\(x\) and verify_equal", "ask exactnn equal"),
    (r"\(max_deviation, exactnn deviation\)", "(exactnn deviation)"),
    (r"symmetry\.fibre\(net\)", "exactnn symmetry fibre"),
    (r"\b(?:xn\.|exactnn\.)?symmetry\.(align|orbits|fibre|find)\b", r"exactnn symmetry \1"),
    (r"\b(?:symmetry\.)?normal_form\b(?!:)", "exactnn symmetry normal-form"),
    (r"\bverify_symmetry\b", "exactnn symmetry verify"),
    (r"\bverify_(equal|zero)\b", r"exactnn \1"),
    (r"\bverify_same_decision\b", "exactnn same-decision"),
    (r"\bmax_deviation\b", "exactnn deviation"),
    (r"\bmax_weight\b", "MAX_WEIGHT"),
    (
        r"load the module with torch yourself and call exactnn\.from_torch\(module, input_shape\)",
        "in Python, make the module (of a state_dict: module.load_state_dict(torch.load(FILE, weights_only=True))), and write what "
        "exactnn reads: xn.save(xn.from_torch(module, input_shape), 'model.json')",
    ),
)
#: arguments of Python functions, at the head of a message, and those that are recognised anywhere before a colon
_FIRST = (
    "dtype|tolerance|gap|domain|numerator|denominator|formula|basis|linear|fraction|epsilon|class_axis|ignore_label|bins|digits|definition|"
    "max_changes|precision|window|interval"
)
_ANYWHERE = "time_limit|max_regions|executor|checkpoint"
_ARGUMENT = rf"(?:^({_FIRST})|(?<![-\w])({_ANYWHERE}))s?(?=: |\[)"
#: the others are options of the same name
_NAMES = {"executor": "workers"}
_FUNCTION = r"^(certified_orbits|orbits|fibre|search|search_zero|net|verify_single_orbit|normal_form): "


def in_options(message: str) -> str:
    """A message of the library in the words of the command line."""
    message = re.sub(_FUNCTION, "", message)
    for pattern, words in _PHRASES:  # compiled when there is a message, and not at every start
        message = re.sub(pattern, words, message)
    return re.sub(_ARGUMENT, _option, message)


def _option(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    return f"--{_NAMES.get(name, name.replace('_', '-'))}"


def spaced(arguments: Sequence[str]) -> str:
    """Advice, where words of the command line stand together for a file whose name has spaces."""
    for start, end in combinations(range(len(arguments) + 1), 2):
        path = " ".join(arguments[start:end])
        if end - start > 1 and end - start < 12 and os.path.isfile(path):
            return f"; the name {path!r} has spaces: put it in quotes"
    return ""


def joined(arguments: Sequence[str]) -> list[str]:
    """`--domain -1:1` as `--domain=-1:1`: argparse would take the value for an option."""
    result: list[str] = []
    for argument in arguments:
        if result and result[-1] in _SIGNED and re.match(r"-[\d.]", argument):
            result[-1] = f"{result[-1]}={argument}"
        else:
            result.append(argument)
    return result
