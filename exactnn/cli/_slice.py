"""The option --slice: the networks on a line, a plane, ... through their inputs, from a .json, .npy or .csv file; every number exact."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from exactnn.cli._arrays import reading
from exactnn.cli._domain import read_json
from exactnn.cli._points import read_csv, read_npy
from exactnn.errors import LoadError, ShapeError
from exactnn.network import Network

_HELP = (
    'the networks on origin + sum t_i direction_i; --domain is then about t. JSON {"origin": [...], "directions": [[...], ...]}; or '
    '{"points": [[...], ...]}, or the rows of a .npy or .csv file: the line through 2, the plane through 3, ... (t = 0 at the first)'
)
_NEEDED = 'an object {"origin": [...], "directions": [[...]]} or {"points": [[...]]} is needed'


def add_slice(parser: argparse.ArgumentParser) -> None:
    """--slice."""
    parser.add_argument("--slice", metavar="FILE", help=_HELP)


def place(options: argparse.Namespace) -> str:
    """ " (slice FILE)" for the words of an answer; nothing without --slice."""
    return "" if getattr(options, "slice", None) is None else f" (slice {options.slice})"


def sliced(net: Network, path: str) -> Network:
    """The network on the slice in a file."""
    from exactnn.regions import restrict

    with reading(f"--slice: {path}"):
        if Path(path).suffix.lower() in (".npy", ".csv"):
            return restrict(net, *_through(net, _points(path)))
    document = read_json(path, "--slice", "a .json, .npy or .csv file")
    with reading(f"--slice: {path}"):
        if isinstance(document, dict) and set(document) == {"origin", "directions"}:
            return restrict(net, document["origin"], document["directions"])
        if isinstance(document, dict) and set(document) == {"points"}:
            return restrict(net, *_through(net, document["points"]))
        raise LoadError(_NEEDED)


def _through(net: Network, points: Any) -> Any:
    from exactnn.regions import through

    origin, directions = through(points)
    if len(origin) != net.input_dim:
        raise ShapeError(f"points: rows of {net.input_dim} numbers, one for each input of the model, are needed, got rows of {len(origin)}")
    return origin, directions


def _points(path: str) -> Any:
    if not Path(path).is_file():
        raise LoadError("there is no such file")
    return read_npy(path) if path.lower().endswith(".npy") else read_csv(path)
