"""The options --at and --near: data points in a .npy or .csv file, every number read without rounding."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from exactnn.cli._arrays import npy_array, reading
from exactnn.errors import ArgumentError, LoadError, NotFiniteError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import as_fraction
from exactnn.network import Network
from exactnn.network.points import as_points

HELP = "data points: a .npy array (n, inputs), or a .csv file with one point a line, numbers like -1, 0.1 or 1/3 taken exactly, no header"


def add_near(parser: argparse.ArgumentParser, what: str) -> None:
    """--near; `what` says what comes of them."""
    parser.add_argument("--near", metavar="FILE", help=f"your data, {what}; {HELP.removeprefix('data points: ')}")


def near(options: argparse.Namespace, net: Network) -> dict[str, Any]:
    """The points that --near names, as a keyword argument; none without it."""
    return {} if options.near is None else {"near": read_points(options.near, net, "--near")}


def read_points(path: str, net: Network, option: str = "--at") -> RationalArray:
    """The points (n, inputs of the network) in a file."""
    readers = {".npy": read_npy, ".csv": read_csv}
    suffix = Path(path).suffix.lower()
    if suffix not in readers:
        raise ArgumentError(f"{option}: a file that ends in .npy or .csv is needed, got {path!r}")
    with reading(path):
        if not Path(path).is_file():
            raise LoadError(f"{option}: a .npy or .csv file is needed, but {path!r} is no file")
        return as_points(net, readers[suffix](path))


def read_npy(path: str) -> RationalArray:
    """The numbers of a .npy file."""
    return RationalArray.of(npy_array(path), "points")


def read_csv(path: str) -> RationalArray:
    """The rows of a .csv file."""
    rows = []
    lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",")]
        try:
            rows.append([as_fraction(cell, f"line {number}") for cell in cells])
        except NotFiniteError:
            raise
        except ArgumentError as error:
            raise LoadError(f"{error}; a line is one point, with commas between its numbers, and there is no header") from None
        if len(rows[-1]) != len(rows[0]):
            raise ShapeError(f"line {number}: {len(rows[0])} numbers are needed, as in the lines before, got {len(rows[-1])}")
    if not rows:
        raise ArgumentError("at least one point is needed, but there is no line")
    return RationalArray.of(rows, "points")
