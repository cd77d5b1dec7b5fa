"""Files from which a long proof by boxes goes on: the cuts of the tree and the best point, no bounds.

    {"format": "exactnn-boxes-checkpoint", "version": 1, "question": hash, "bits": b, "point": [...] or null, "tree": outline}

Nothing in it is believed: the boxes are bounded anew, and the point is evaluated exactly. So no file can make a wrong answer.
"""

from __future__ import annotations

import gzip
import json
import os
import time
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from exactnn.difference._boxes import Outline
from exactnn.errors import ArgumentError, LoadError, SaveError
from exactnn.exact.files import is_begun, write_bytes
from exactnn.exact.reading import parse_json
from exactnn.exact.writing import from_json_number, json_number

FORMAT = "exactnn-boxes-checkpoint"
VERSION = 1
_SECONDS, _SHARE = 20.0, 20  # between two files at least: seconds, and so many times what writing one takes
_MOST_BITS = 1 << 10
_GZIP = b"\x1f\x8b"


class State(NamedTuple):
    """How far a search came."""

    bits: int
    point: tuple[Fraction, ...] | None
    tree: Outline


class Checkpoint:
    """The file of one question, compressed if its name ends in .gz.

    Parameters
    ----------
    path : of the file; it is made if there is none
    question : a hash of what is asked

    Attributes
    ----------
    state : what the file held, or None for a new one

    Raises
    ------
    LoadError
        The file belongs to another question, or is damaged; it is left as it is.
    SaveError
    """

    def __init__(self, path: str | os.PathLike[str], question: str) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise ArgumentError(f"checkpoint: the path of a file, or None, is needed, got {type(path).__name__}")
        self.path = Path(path)
        self.head = {"format": FORMAT, "version": VERSION, "question": question}
        self.state: State | None = None
        self._pause = _SECONDS
        if is_begun(self.path, "checkpoint"):
            self.state = self._read()
        else:
            self.save(State(0, None, [0]))
        self._saved = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time for a new file."""
        return time.monotonic() - self._saved > self._pause

    def save(self, state: State) -> None:
        """Replace the file by one with this state."""
        start = time.monotonic()
        point = None if state.point is None else [json_number(v) for v in state.point]
        document = {**self.head, "bits": state.bits, "point": point, "tree": state.tree}
        data = (json.dumps(document, separators=(",", ":")) + "\n").encode("ascii")
        try:
            write_bytes(self.path, gzip.compress(data, 1, mtime=0) if self.path.suffix.lower() == ".gz" else data)
        except SaveError as error:
            raise SaveError(f"checkpoint: a file that can be written is needed: {error}") from None
        self._saved = time.monotonic()
        self._pause = max(_SECONDS, _SHARE * (self._saved - start))

    def damaged(self, reason: object) -> LoadError:
        """What is said of a file that cannot be one of ours."""
        return LoadError(
            f"checkpoint: {os.fspath(self.path)!r} is damaged or no checkpoint of this kind ({reason}); it was left as it is: name another "
            "file"
        )

    def _read(self) -> State | None:
        try:
            data = self.path.read_bytes()
            document = parse_json(gzip.decompress(data) if data.startswith(_GZIP) else data, str)
        except (EOFError, zlib.error, gzip.BadGzipFile, LoadError) as error:
            raise self.damaged(error) from None
        except OSError as error:
            raise LoadError(f"checkpoint: {os.fspath(self.path)!r} cannot be read: {error}; name another file") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise self.damaged(f"its format is not {FORMAT}")
        if {key: document.get(key) for key in self.head} != self.head:
            raise LoadError(
                f"checkpoint: {os.fspath(self.path)!r} belongs to other networks, another domain, norm or tolerance, or to another version "
                "of exactnn; it was left as it is: name another file, or ask the question it was made for"
            )
        if set(document) != {*self.head, "bits", "point", "tree"}:
            raise self.damaged("its keys are others")
        bits, point, tree = document["bits"], document["point"], document["tree"]
        if not (_whole(bits) and 0 <= bits <= _MOST_BITS):
            raise self.damaged("bits is no small number")
        if not (isinstance(tree, list) and all(_is_node(node) for node in tree)):
            raise self.damaged("tree is no list of cuts and leaves")
        if tree == [0] and not bits:
            return None
        return State(bits, self._point(point), tree)

    def _point(self, point: Any) -> tuple[Fraction, ...] | None:
        if point is None:
            return None
        try:
            return tuple(from_json_number(v) for v in point)
        except (TypeError, ValueError, AttributeError, ZeroDivisionError):
            raise self.damaged("point is no list of rationals") from None


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_node(node: object) -> bool:
    return (_whole(node) and node == 0) or (isinstance(node, list) and len(node) == 2 and _whole(node[0]) and _whole(node[1]))
