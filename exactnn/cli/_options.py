"""The options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from exactnn.cli import _domain
from exactnn.cli._outcome import log
from exactnn.cli._slice import add_slice, sliced
from exactnn.errors import ArgumentError, LoadError, SaveError
from exactnn.exact.numbers import as_fraction
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.progress import doing
from exactnn.network import Network

CERTIFICATE = "write the certificate here, for exactnn check; compressed if the name ends in .gz"
LIMIT = "stop then, with the verdict UNKNOWN (no limit)"
#: of questions that verify_equal and verify_zero answer
EQUAL_LIMIT = (
    "stop then, with the verdict UNKNOWN (no limit, but the last way, going through the cells of the networks, ends after 20,000 cells "
    "or 120 s)"
)


def add_output(parser: argparse.ArgumentParser) -> None:
    """--json and --quiet."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help='print one JSON object, rationals as "p/q" text')
    group.add_argument("--quiet", action="store_true", help="print the first line only, and no progress on stderr")


def add_raw(parser: argparse.ArgumentParser) -> None:
    """--raw."""
    parser.add_argument("--raw", action="store_true", help="read NNET files without their normalisation")


def add_question(
    parser: argparse.ArgumentParser,
    *,
    domain: bool = True,
    tolerance: bool = True,
    slices: bool = True,
    limit: str = LIMIT,
) -> None:
    """--domain, --slice, --tolerance, --time-limit, --certificate."""
    if domain:
        parser.add_argument("--domain", metavar="FILE|LO:HI", help=_domain.HELP)
    if domain and slices:
        add_slice(parser)
    if domain and tolerance:
        parser.add_argument("--tolerance", metavar="Q", default="0", help="claim that no output differs by more than Q (0: equality)")
    parser.add_argument("--time-limit", metavar="SECONDS", help=limit)
    parser.add_argument("--certificate", metavar="OUT.json", help=CERTIFICATE)


def add_long(parser: argparse.ArgumentParser) -> None:
    """--workers and --checkpoint, of questions that boxes or a search over cells decide."""
    parser.add_argument("--workers", metavar="N", type=int, help="cut boxes, or search cells, in N processes")
    parser.add_argument("--checkpoint", metavar="FILE", help="keep here what is done, and go on from there if the file exists")


def question(options: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of verify_equal and its like."""
    limit = options.time_limit
    arguments: dict[str, Any] = {"time_limit": None if limit is None else as_fraction(limit, "--time-limit")}
    if hasattr(options, "domain"):
        arguments["domain"] = domain(options)
    if hasattr(options, "tolerance"):
        arguments["tolerance"] = as_fraction(options.tolerance, "--tolerance")
    if hasattr(options, "checkpoint"):
        check_target(options.checkpoint, "--checkpoint", [getattr(options, name) for name in "fg" if hasattr(options, name)])
        check_apart(options, "checkpoint", "certificate")
        arguments["checkpoint"] = options.checkpoint
    return arguments


def domain(options: argparse.Namespace) -> Polyhedron | None:
    """What --domain names; None without it."""
    return None if options.domain is None else _domain.read_domain(options.domain, partial(log, options))


def check_apart(options: argparse.Namespace, *names: str) -> None:
    """Refuse one file for two of these options, however it is named: what is written later would replace the other."""
    targets = [os.path.realpath(path) for name in names if (path := getattr(options, name, None)) is not None]
    if len(set(targets)) < len(targets):
        raise ArgumentError(f"{', '.join(f'--{name}' for name in names)}: a file each is needed, but two of them are one file")


def load(options: argparse.Namespace, *paths: str) -> list[Network]:
    """The networks in these files, on the slice if there is one."""
    from exactnn.load import load as read

    where = getattr(options, "slice", None)

    nets = []
    for path in paths:
        start = time.perf_counter()
        with doing(f"reading {path}"), _known(path):
            net = read(path, raw=getattr(options, "raw", False))
        log(options, f"read {path}: {net!r}, {time.perf_counter() - start:.2f} s")
        nets.append(net if where is None else sliced(net, where))
    return nets


@contextlib.contextmanager
def _known(path: str) -> Iterator[None]:
    """A certificate in the place of a model is told so."""
    try:
        yield
    except LoadError:
        if os.path.isfile(path):
            with open(path, "rb") as file:
                if b'"exactnn-certificate"' in file.read(200):
                    raise LoadError(f"{path}: a model is needed, but this is a certificate; exactnn check {path} re-checks it") from None
        raise


def check_target(target: str | None, option: str, inputs: Sequence[str]) -> None:
    """Refuse, before long work, a file that cannot be written or that is one of the inputs."""
    if target is None:
        return
    path = Path(target)
    try:
        if path.is_dir() or not path.resolve().parent.is_dir():
            raise SaveError(f"{option}: a file in an existing folder is needed, got {target!r}")
        if any(os.path.exists(i) and path.exists() and path.samefile(i) for i in inputs):
            raise ArgumentError(f"{option}: {target!r} is an input of this command; name another file")
        if not os.access(path if path.exists() else path.resolve().parent, os.W_OK):
            raise SaveError(f"{option}: {target!r} cannot be written")
    except (OSError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise SaveError(f"{option}: {target!r} cannot be written: {error}") from None


def check_folder(folder: str | None, option: str = "--save") -> None:
    """Refuse, before long work, a folder that cannot be made or that holds something."""
    if folder is None:
        return
    path = Path(folder)
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ArgumentError(f"{option}: a new or empty folder is needed, got {folder!r}")
        if not path.exists() and not path.resolve().parent.is_dir():
            raise ArgumentError(f"{option}: a folder in an existing one is needed, got {folder!r}")
        if not os.access(path if path.exists() else path.resolve().parent, os.W_OK):
            raise SaveError(f"{option}: {folder!r} cannot be written")
        if not path.exists():  # where that fails, before the work and not after it
            path.mkdir()
            path.rmdir()
    except (OSError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise SaveError(f"{option}: {folder!r} cannot be written: {error}") from None


def make_folder(folder: str, option: str = "--save") -> None:
    """The folder of an option; SaveError if it cannot be made."""
    try:
        os.makedirs(folder, exist_ok=True)
    except (OSError, ValueError) as error:
        raise SaveError(f"{option}: {folder!r} cannot be made: {error}") from None
