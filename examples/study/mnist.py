"""MNIST from the user's own files."""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from study.settings import Refused

#: The files of MNIST, plain or with .gz.
MNIST = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
Arrays = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]


def source(folder: Path) -> str:
    """A few words that change if the data do."""
    return named(mnist(folder))


def named(parts: Arrays) -> str:
    """The same of images and labels that have been read."""
    read = hashlib.sha256()
    for part in parts:
        read.update(part.tobytes())
    return f"MNIST {read.hexdigest()[:16]}"


@cache
def mnist(folder: Path) -> Arrays:
    """Images as rows of 784 pixels in [0, 1] with labels, to train on and to test with."""
    paths = [_found(folder, name, MNIST) for name in MNIST]
    return (*_labelled(*paths[:2]), *_labelled(*paths[2:]))


@cache
def halves(folder: Path) -> Arrays:
    """The same of the two files of test images alone: those at even places to train on, those at odd ones to test with.

    (The first 5,000 were written by other people than the last 5,000, so that both halves are of both.)
    """
    rows, labels = _labelled(*(_found(folder, name, MNIST[2:]) for name in MNIST[2:]))
    return rows[::2], labels[::2], rows[1::2], labels[1::2]


def _labelled(images: Path, labels: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    pictures, answers = read_idx(images, 3), read_idx(labels, 1)
    if len(pictures) != len(answers) or pictures.shape[1:] != (28, 28):
        raise Refused(f"{images}: {len(answers)} images of 28 x 28 with labels 0 to 9 are needed, got shape {pictures.shape}")
    if answers.max(initial=0) > 9:
        raise Refused(f"{labels}: labels 0 to 9 are needed, got {answers.max()} at place {answers.argmax()} (counted from 0)")
    return pictures.reshape(len(pictures), 784).astype(np.float32) / 255, answers.astype(np.int64)


def _found(folder: Path, name: str, needed: Sequence[str]) -> Path:
    if not folder.is_dir():
        raise Refused(f"{folder}: there is no such folder; one with MNIST's IDX files is needed: {', '.join(needed)}, plain or with .gz")
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise Refused(f"{folder}: there is no {name} or {name}.gz; of MNIST's IDX files {len(needed)} are needed: {', '.join(needed)}")


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """An IDX file of bytes with so many axes: 0 0 8 axes, each length as a big-endian uint32, then the bytes."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(f"{path}: cannot be read: {error}") from error
    header = 4 + 4 * axes
    if content[:4] != bytes([0, 0, 8, axes]):
        raise Refused(f"{path}: no IDX file of bytes with {axes} axes: it begins with {content[:4].hex() or 'nothing'}")
    if len(content) < header:
        raise Refused(f"{path}: ends in the header, after {len(content)} bytes of {header}")
    shape = struct.unpack(f">{axes}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise Refused(f"{path}: {math.prod(shape)} bytes are needed after the header for shape {shape}, got {len(content) - header}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
